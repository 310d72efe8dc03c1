import { ArgumentError, CallbackError, NablaError, valueText } from '../errors.js';
import type { Metric } from '../metrics/index.js';
import { Module } from '../nn/module.js';
import { clipGradNorm_, clipGradValue_ } from '../nn/utils/clip-grad.js';
import { checkOptions } from '../tensor/check.js';
import { sameShape } from '../tensor/layout.js';
import { noGrad, scope } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import type { Callback, EpochLog, History, HookName, StepInfo } from './callback.js';
import {
  type Batches,
  type BatchTransform,
  checkBatches,
  checkPair,
  checkSignal,
  eachBatch,
  iteratorOf,
  prefixed,
  RunningMean,
  withPrefix,
} from './loop.js';
import { Progress } from './progress.js';

/** The part of an optimizer that training needs. */
export interface Steppable {
  zeroGrad(): void;
  step(): void;
}

/** What a {@link Trainer} is made of. */
export interface TrainerOptions {
  model: Module;
  /** A loss module, or a function of output and target. */
  loss: Module<[Tensor, Tensor]> | ((output: Tensor, target: Tensor) => Tensor);
  optimizer: Steppable;
  /** Those that give a number are logged; the others are read with `compute()` behind `fit` or `evaluate`. */
  metrics?: readonly Metric<unknown>[];
  callbacks?: readonly Callback[];
  /**
   * Applied in order to training batches, not in evaluation. Metrics see the target that comes out where it has the shape
   * and dtype of the one that goes in (noise, regression), and otherwise the one that goes in (class indices made soft).
   */
  batchTransforms?: readonly BatchTransform[];
  /** Added to the loss of each training batch; called after the forward pass. Logged as `penalty`, not in `loss`. */
  penalty?: (model: Module) => Tensor;
  /** Batches whose gradients are averaged for one step. Rest of an epoch: fewer, weighed alike. Default 1. */
  gradientAccumulation?: number;
  /** Largest norm of all gradients together (`nn.utils.clipGradNorm_`). Default: no clipping. */
  clipGradNorm?: number;
  /** Largest magnitude of an element of the gradients; before `clipGradNorm`. Default: no clipping. */
  clipGradValue?: number;
}

/** Options of {@link Trainer.fit}. */
export interface FitOptions {
  /** Default 1. */
  epochs?: number;
  /** Batches to evaluate after each epoch. */
  validation?: Batches;
  /** Show a bar (plain lines when the output is not a terminal). Default true. */
  progress?: boolean;
  /** What the samples are called beside the bar. Default `samples`. */
  unit?: string;
  /** Stops before the next batch; `fit` then rejects with the signal's reason, and `history` holds what was finished. */
  signal?: AbortSignal;
}

/** An epoch that is not finished. */
interface RunningEpoch {
  readonly epoch: number;
  /** Batches that are done. */
  batch: number;
  readonly losses: RunningMean;
  readonly penalties: RunningMean;
}

/**
 * The common training loop: forward, loss, backward, step, with metrics, a progress bar and callbacks. Every step runs
 * in a scope, so memory stays flat, and waits for the loss of the step before it, so the event loop stays free.
 *
 * @example
 * const trainer = new Trainer({ model, loss: new nn.CrossEntropyLoss(), optimizer, metrics: [metrics.accuracy()] });
 * const history = await trainer.fit(loader, { epochs: 3, validation });
 */
export class Trainer {
  readonly model: Module;
  readonly optimizer: Steppable;
  readonly callbacks: readonly Callback[];
  /** Epochs finished so far, over all calls of {@link fit}. */
  readonly history: History = { epochs: [] };
  /** What {@link evaluate} runs: the model, unless an `onEvaluateStart` sets another one for this evaluation. */
  evaluationModel: Module;
  readonly #options: TrainerOptions;
  readonly #metrics: readonly Metric<unknown>[];
  #globalStep = 0;
  #running = false;
  #stopping = false;
  #epoch: RunningEpoch | null = null;
  /** Batches since the last step, and the sum of their losses. */
  #accumulated = 0;
  #stepLoss: Tensor | null = null;
  #names: Set<string> = new Set();

  /** @throws ArgumentError for a part that is missing or of the wrong kind. */
  constructor(options: TrainerOptions) {
    checkTrainer(options);
    const { model, optimizer, metrics = [], callbacks = [] } = options;
    this.model = model;
    this.evaluationModel = model;
    this.optimizer = optimizer;
    this.#options = options;
    this.#metrics = [...metrics];
    this.callbacks = [...callbacks].sort((a, b) => Number(a.runLast ?? false) - Number(b.runLast ?? false));
  }

  /** Steps of the optimizer so far, over all epochs. */
  get globalStep(): number {
    return this.#globalStep;
  }

  /** The running epoch, counted from 1; between epochs the one that was finished last. */
  get epoch(): number {
    return this.#epoch?.epoch ?? this.history.epochs.length;
  }

  /** The rates of the optimizer's groups; empty for an optimizer without groups. */
  learningRates(): number[] {
    const { paramGroups } = this.optimizer as { paramGroups?: unknown };
    if (!Array.isArray(paramGroups)) return [];
    return paramGroups.flatMap((group: { lr?: unknown }) => (typeof group.lr === 'number' ? [group.lr] : []));
  }

  /** Ends {@link fit} behind the running batch: its epoch is evaluated and logged as usual. For callbacks. */
  stop(): void {
    this.#stopping = true;
  }

  /** Throws unless the log of an epoch will have a value of this name. For `onFitStart`. */
  checkMonitor(op: string, name: string): void {
    if (this.#names.has(name)) return;
    const known = [...this.#names].join(', ');
    throw new ArgumentError(op, `there is no value ${valueText(name)} to monitor; there are ${known}`, name);
  }

  /**
   * Trains for some epochs. A batch whose values a kernel refuses (a class index out of range) rejects with that
   * ValueError and changes no parameter; the batch after it may have been used already.
   * @throws ArgumentError for options out of range or batches that are not `[input, target]`; CallbackError when a
   * callback throws; the reason of an aborted signal.
   */
  async fit(batches: Batches, options: FitOptions = {}): Promise<History> {
    const epochs = checkFit(batches, options);
    if (this.#running) throw new NablaError('Trainer.fit', 'is running already');
    const { validation, unit = 'samples' } = options;
    const progress = options.progress === false ? null : new Progress();
    this.#running = true;
    this.#stopping = false;
    this.#names = this.#logNames(validation !== undefined);
    try {
      await this.#call('onFitStart', this);
      const last = this.history.epochs.length + epochs;
      while (this.history.epochs.length < last && !this.#stopping) {
        const epoch = this.#beginEpoch();
        await this.#call('onEpochStart', epoch.epoch, this);
        if (this.#stopping) break;
        progress?.start(`epoch ${epoch.epoch}/${last}`, batches.length);
        const log = await this.#trainEpoch(batches, epoch, { ...options, progress, unit });
        if (validation) Object.assign(log, withPrefix('val', await this.evaluate(validation, options)));
        this.history.epochs.push(log);
        this.#epoch = null;
        const { epoch: _, seconds: __, samplesPerSecond, ...values } = log;
        progress?.finish({ ...values, [`${unit}/s`]: Math.round(samplesPerSecond) });
        await this.#call('onEpochEnd', log, this);
      }
      await this.#call('onFitEnd', this.history, this);
    } catch (error) {
      await this.#tell(error);
      throw error;
    } finally {
      progress?.stop();
      this.#running = false;
    }
    return this.history;
  }

  /** Loss and metrics over some batches, in evaluation mode and without gradients. The mode is restored. */
  async evaluate(batches: Batches, options: { signal?: AbortSignal } = {}): Promise<Record<string, number>> {
    checkOptions('Trainer.evaluate', options);
    checkSignal('Trainer.evaluate', options.signal);
    checkBatches('Trainer.evaluate', batches);
    let modes: (readonly [Module, boolean])[] = [];
    try {
      await this.#call('onEvaluateStart', this);
      const model = this.evaluationModel;
      modes = model.modules().map((module) => [module as Module, module.training] as const);
      model.eval();
      for (const metric of this.#metrics) metric.reset();
      const losses = new RunningMean();
      await eachBatch('Trainer.evaluate', iteratorOf(batches), options, async (input, target) => {
        noGrad(() => {
          const output = this.#forward(model, input);
          const loss = this.#lossOf(output, target);
          for (const metric of this.#metrics) metric.update(output, target);
          losses.add(loss, input.shape[0]);
        });
        await losses.settled(1); // leaves the newest batch running
        return false;
      });
      const values = { loss: await losses.mean(), ...(await this.#metricValues()) };
      await this.#call('onEvaluateEnd', values, this);
      return values;
    } finally {
      for (const [module, training] of modes) module.training = training;
      this.evaluationModel = this.model;
    }
  }

  #beginEpoch(): RunningEpoch {
    for (const metric of this.#metrics) metric.reset();
    this.#dropStep();
    const epoch = this.history.epochs.length + 1;
    this.#epoch = { epoch, batch: 0, losses: new RunningMean(), penalties: new RunningMean() };
    return this.#epoch;
  }

  async #trainEpoch(
    batches: Batches,
    running: RunningEpoch,
    { progress, signal, unit }: { progress: Progress | null; signal?: AbortSignal; unit: string },
  ): Promise<EpochLog> {
    this.model.train();
    const { losses, penalties } = running;
    const started = performance.now();
    await eachBatch('Trainer.fit', iteratorOf(batches), { signal }, async (input, target, index) => {
      await this.#trainBatch(input, target, running);
      await Promise.all([losses.settled(1), penalties.settled(1)]); // leaves the newest step running
      const rate = Math.round((losses.samples * 1000) / (performance.now() - started));
      progress?.update(index + 1, { ...(losses.last !== undefined && { loss: losses.last }), [`${unit}/s`]: rate });
      await this.#call('onBatchEnd', index, losses.last, this);
      return this.#stopping;
    });
    if (this.#accumulated > 0) await scope(() => this.#step(running));
    const loss = await losses.mean();
    const penalty = this.#options.penalty && { penalty: await penalties.mean() };
    const seconds = (performance.now() - started) / 1000;
    const values = { loss, ...penalty, ...(await this.#metricValues()) };
    return { epoch: running.epoch, ...values, seconds, samplesPerSecond: losses.samples / seconds };
  }

  async #trainBatch(input: Tensor, target: Tensor, running: RunningEpoch): Promise<void> {
    await this.#call('onBatchStart', running.batch, this);
    this.#backward(input, target, running);
    this.#accumulated++;
    if (this.#accumulated === (this.#options.gradientAccumulation ?? 1)) await this.#step(running);
    running.batch++;
  }

  /** Forward and backward pass of a batch. */
  #backward(input: Tensor, target: Tensor, { losses, penalties }: RunningEpoch): void {
    const { penalty, gradientAccumulation = 1 } = this.#options;
    scope(() => {
      const [x, y] = this.#transformed(input, target);
      const output = this.#forward(this.model, x);
      const loss = this.#lossOf(output, y);
      const extra = penalty?.(this.model);
      check(!penalty || extra instanceof Tensor, 'penalty must return a Tensor', extra);
      const total = extra ? loss.add(extra) : loss;
      const share = gradientAccumulation === 1 ? total : total.div(gradientAccumulation);
      if (this.#accumulated === 0) this.optimizer.zeroGrad();
      share.backward();
      const kind = y.dtype === target.dtype && sameShape(y.shape, target.shape);
      for (const metric of this.#metrics) metric.update(output, kind ? y : target);
      losses.add(loss, x.shape[0]);
      if (extra) penalties.add(extra, x.shape[0]);
      if (this.#hears('onBeforeStep')) this.#gatherLoss(total.detach());
    });
  }

  #gatherLoss(loss: Tensor): void {
    const before = this.#stepLoss;
    this.#stepLoss = (before ? before.add(loss) : loss).keep();
    before?.dispose();
  }

  /** A step of the optimizer with the gradients that have gathered. */
  async #step({ epoch, batch }: RunningEpoch): Promise<void> {
    const { clipGradNorm, clipGradValue } = this.#options;
    if (this.#hears('onBeforeStep')) {
      const sum = (this.#stepLoss as Tensor).detach();
      const loss = this.#accumulated === 1 ? sum : sum.div(this.#accumulated);
      const info: StepInfo = { step: this.#globalStep + 1, epoch, batch, loss };
      await this.#call('onBeforeStep', info, this);
    }
    scope(() => {
      if (clipGradValue !== undefined) clipGradValue_(this.model.parameters(), clipGradValue);
      if (clipGradNorm !== undefined) clipGradNorm_(this.model.parameters(), clipGradNorm);
      this.optimizer.step();
    });
    this.#dropStep();
    this.#globalStep++;
    await this.#call('onStepEnd', this.#globalStep, this);
  }

  #dropStep(): void {
    this.#stepLoss?.dispose();
    this.#stepLoss = null;
    this.#accumulated = 0;
  }

  #transformed(input: Tensor, target: Tensor): readonly [Tensor, Tensor] {
    let pair: readonly [Tensor, Tensor] = [input, target];
    for (const [i, transform] of (this.#options.batchTransforms ?? []).entries()) {
      pair = checkPair('Trainer.fit', `what batchTransforms[${i}] returns`, transform(...pair));
    }
    return pair;
  }

  #forward(model: Module, input: Tensor): Tensor {
    const output = model.forward(input);
    check(output instanceof Tensor, `${model.constructor.name}.forward must return a Tensor`, output);
    return output;
  }

  #lossOf(output: Tensor, target: Tensor): Tensor {
    const { loss } = this.#options;
    const value = loss instanceof Module ? loss.forward(output, target) : loss(output, target);
    check(value instanceof Tensor, 'the loss must be a Tensor', value);
    return value;
  }

  async #metricValues(): Promise<Record<string, number>> {
    const values: Record<string, number> = {};
    for (const metric of this.#metrics) {
      const value = await metric.compute();
      if (typeof value === 'number') values[metric.name] = value;
    }
    return values;
  }

  /** The names that the log of an epoch will have; those of metrics that give no number do not get there. */
  #logNames(validation: boolean): Set<string> {
    const values = ['loss', ...this.#metrics.map((metric) => metric.name)];
    return new Set([
      ...values,
      ...(this.#options.penalty ? ['penalty'] : []),
      ...(validation ? values.map((name) => prefixed('val', name)) : []),
      ...this.callbacks.flatMap((callback) => callback.logs ?? []),
      'seconds',
      'samplesPerSecond',
    ]);
  }

  #hears(hook: HookName): boolean {
    return this.callbacks.some((callback) => callback[hook] !== undefined);
  }

  /** Runs a hook of every callback that has it. */
  async #call<K extends HookName>(hook: K, ...args: Parameters<NonNullable<Callback[K]>>): Promise<void> {
    for (const [i, callback] of this.callbacks.entries()) {
      const fn = callback[hook] as ((...args: unknown[]) => unknown) | undefined;
      if (fn === undefined) continue;
      try {
        await fn.apply(callback, args);
      } catch (error) {
        if (error instanceof NablaError || (error instanceof Error && error.name === 'AbortError')) throw error;
        throw new CallbackError('Trainer', nameOf(callback) ?? `callbacks[${i}]`, hook, error);
      }
    }
  }

  /** Tells the callbacks of an error; the first error is the one that counts. */
  async #tell(error: unknown): Promise<void> {
    for (const callback of this.callbacks) {
      try {
        await callback.onFitError?.(error, this);
      } catch {}
    }
  }
}

/** The name of a callback: its own, or that of its class where it has one. */
function nameOf(callback: Callback): string | undefined {
  const { name } = callback.constructor;
  return callback.name ?? (name === 'Object' ? undefined : name);
}

function check(holds: boolean, rule: string, value: unknown): asserts holds {
  if (!holds) throw new ArgumentError('Trainer', `${rule}, got ${valueText(value)}`, value);
}

function checkTrainer(options: TrainerOptions): void {
  checkOptions('Trainer', options);
  const { model, loss, optimizer, metrics = [], callbacks = [], batchTransforms = [], penalty } = options;
  check(model instanceof Module, 'model must be a Module', model);
  check(loss instanceof Module || typeof loss === 'function', 'loss must be a Module or a function', loss);
  check(typeof optimizer?.step === 'function', 'optimizer must have a step()', optimizer);
  check(Array.isArray(metrics), 'metrics must be an array', metrics);
  check(Array.isArray(callbacks), 'callbacks must be an array', callbacks);
  for (const one of callbacks as readonly unknown[]) {
    check(typeof one === 'object' && one !== null, 'a callback must be an object with hooks', one);
  }
  check(Array.isArray(batchTransforms), 'batchTransforms must be an array', batchTransforms);
  for (const one of batchTransforms as readonly unknown[]) {
    check(typeof one === 'function', 'a batch transform must be a function', one);
  }
  check(penalty === undefined || typeof penalty === 'function', 'penalty must be a function', penalty);
  const { gradientAccumulation = 1, clipGradNorm = 0, clipGradValue = 0 } = options;
  const whole = Number.isInteger(gradientAccumulation) && gradientAccumulation >= 1;
  check(whole, 'gradientAccumulation must be an integer >= 1', gradientAccumulation);
  check(clipGradNorm >= 0, 'clipGradNorm must be a number >= 0', clipGradNorm);
  check(clipGradValue >= 0, 'clipGradValue must be a number >= 0', clipGradValue);
}

/** The number of epochs, when all options make sense. */
function checkFit(batches: Batches, options: FitOptions): number {
  const op = 'Trainer.fit';
  checkOptions(op, options);
  const { epochs = 1, validation, signal } = options;
  if (!Number.isInteger(epochs) || epochs < 0) {
    throw new ArgumentError(op, `epochs must be an integer >= 0, got ${valueText(epochs)}`, epochs);
  }
  checkSignal(op, signal);
  checkBatches(op, batches);
  if (validation !== undefined) checkBatches(op, validation);
  return epochs;
}
