import { type Stateful, statefulOf } from '../data/state.js';
import { ArgumentError, CheckpointError, NablaError, valueText } from '../errors.js';
import { loadCheckpoint, saveCheckpoint } from '../io/checkpoint.js';
import { disposeTree } from '../io/state-tree.js';
import type { Module } from '../nn/module.js';
import { clipGradNorm_, clipGradValue_ } from '../nn/utils/clip-grad.js';
import { checkOptions } from '../tensor/check.js';
import { sameShape } from '../tensor/layout.js';
import { noGrad, scope } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Callback, EpochLog, History, StepInfo } from './callback.js';
import { forward, logNames, lossOf, metricValues, penaltyOf, transformed } from './forward.js';
import { Hooks } from './hooks.js';
import {
  type Batches,
  checkBatches,
  checkSignal,
  eachBatch,
  iteratorOf,
  RunningMean,
  skipBatches,
  withPrefix,
} from './loop.js';
import { checkFit, checkTrainer, type FitOptions, type Steppable, type TrainerOptions } from './options.js';
import { Progress } from './progress.js';
import {
  capture,
  captureCopy,
  newEpoch,
  type Parts,
  Run,
  type RunningEpoch,
  randomOf,
  restore,
  setRandom,
} from './run.js';

/**
 * The common training loop: forward, loss, backward, step, with metrics, a progress bar, callbacks and checkpoints. Every
 * step runs in a scope, so memory stays flat, and waits for the loss of the step before it, so the event loop stays free.
 *
 * A run that is interrupted, even by a crash or SIGKILL, goes on from its checkpoint with bit-identical results: see
 * {@link save}, {@link resume} and `resume` of {@link fit}.
 *
 * @example
 * const trainer = new Trainer({ model, loss: new nn.CrossEntropyLoss(), optimizer, metrics: [metrics.accuracy()] });
 * const history = await trainer.fit(loader, { epochs: 3, validation });
 */
export class Trainer {
  readonly model: Module;
  readonly optimizer: Steppable;
  /** In the order in which they run. */
  readonly callbacks: readonly Callback[];
  /** What {@link evaluate} runs: the model, unless an `onEvaluateStart` sets another one for this evaluation. */
  evaluationModel: Module;
  readonly #options: TrainerOptions;
  readonly #hooks: Hooks;
  readonly #parts: Parts;
  readonly #run = new Run();
  #names: ReadonlySet<string> = new Set();
  #running = false;
  /** Between the hooks around a step, when a checkpoint would hold half of it. */
  #inStep = false;
  /** A checkpoint was loaded that the next `fit` goes on with, or an error has left a run to go on with. */
  #loaded = false;
  #interrupted = false;
  #resuming = false;
  #source: Stateful | null = null;

  /** @throws ArgumentError for a part that is missing or of the wrong kind. */
  constructor(options: TrainerOptions) {
    checkTrainer(options);
    const { model, loss, optimizer, metrics = [], callbacks = [], generators = [] } = options;
    this.model = model;
    this.evaluationModel = model;
    this.optimizer = optimizer;
    this.#options = options;
    this.#hooks = new Hooks(callbacks);
    this.callbacks = this.#hooks.all;
    this.#parts = { model, loss, optimizer, metrics: [...metrics], callbacks: this.callbacks, generators };
  }

  /** Epochs finished so far, over all calls of {@link fit}. */
  get history(): History {
    return this.#run.history;
  }

  /** Steps of the optimizer so far, over all epochs. */
  get globalStep(): number {
    return this.#run.globalStep;
  }

  /** The running epoch, counted from 1; between epochs the one that was finished last. */
  get epoch(): number {
    return this.#run.epoch?.epoch ?? this.history.epochs.length;
  }

  /** Whether {@link fit} goes on with an earlier run: a callback then keeps the state that it has. */
  get isResuming(): boolean {
    return this.#resuming;
  }

  /** The rates of the optimizer's groups; empty for an optimizer without groups. */
  learningRates(): number[] {
    const { paramGroups } = this.optimizer as { paramGroups?: unknown };
    if (!Array.isArray(paramGroups)) return [];
    return paramGroups.flatMap((group: { lr?: unknown }) => (typeof group.lr === 'number' ? [group.lr] : []));
  }

  /** Ends {@link fit} behind the running batch: its epoch is evaluated and logged as usual. For callbacks. */
  stop(): void {
    this.#run.stopping = true;
  }

  /**
   * For `onFitStart` of callbacks that watch a value.
   * @throws ArgumentError unless the log of an epoch will have a value of this name.
   */
  checkMonitor(op: string, name: string): void {
    if (this.#names.has(name)) return;
    const known = [...this.#names].join(', ');
    throw new ArgumentError(op, `there is no value ${valueText(name)} to monitor; there are ${known}`, name);
  }

  /**
   * Writes a checkpoint of everything that the run needs to go on: weights, optimizer, callbacks (schedules, averages, the
   * best so far), random state, place in the loader, metrics, history. Complete or not at all: until the new file is on the
   * disk the old one stays. In a hook, await it; hooks of callbacks that come later are not run again after
   * {@link resume}, so that `callbacks.Checkpoint` runs last.
   *
   * After an error or an abort it saves where training was interrupted.
   * @throws CheckpointError when the disk is full or the file cannot be written (training may go on); NablaError inside of
   * `onBatchStart` and `onBeforeStep`, where the step is half done.
   */
  async save(path: string): Promise<void> {
    const epoch = this.#run.epoch;
    if (epoch) await Promise.all([epoch.losses.settled(0), epoch.penalties.settled(0)]);
    if (this.#inStep) throw new NablaError('Trainer.save', 'a step is half done; save in onStepEnd or onBatchEnd');
    if (!this.#loaded && !this.#interrupted) this.#captureSource();
    await saveCheckpoint(path, { trainer: 1, ...capture(this.#parts, this.#run) });
  }

  /**
   * Loads a checkpoint that {@link save} has written; the next {@link fit} goes on with its run. The Trainer must be made
   * of the same parts; callbacks that the checkpoint does not know begin anew.
   * @throws CheckpointError with path and reason for a file that is missing, damaged, foreign, or made by another model or
   * optimizer. Nothing has changed then.
   */
  async resume(path: string): Promise<void> {
    if (this.#running) throw new NablaError('Trainer.resume', 'cannot load a checkpoint while training');
    await this.#load(path);
  }

  async #load(path: string): Promise<void> {
    const op = 'Trainer.resume';
    const state = await loadCheckpoint(path);
    try {
      if (state.trainer !== 1) throw new CheckpointError(op, path, 'is a checkpoint, but not one of a Trainer');
      const before = captureCopy(this.#parts, this.#run);
      const { random } = this.#run;
      const now = randomOf(this.#parts);
      try {
        restore(this.#parts, this.#run, state);
      } catch (error) {
        restore(this.#parts, this.#run, before);
        this.#run.random = random;
        setRandom(this.#parts, now);
        if (!(error instanceof Error)) throw error;
        throw new CheckpointError(op, path, `does not fit this Trainer: ${error.message}`, { cause: error });
      } finally {
        disposeTree(before);
      }
    } finally {
      // Loaders keep theirs until they are loaded.
      for (const key of ['model', 'loss', 'optimizer', 'gradients', 'metrics', 'callbacks']) disposeTree(state[key]);
    }
    // What is drawn until the run goes on must not move it.
    this.#run.random = randomOf(this.#parts);
    this.#loaded = true;
  }

  /**
   * Trains for some epochs. A batch whose values a kernel refuses (a class index out of range) rejects with that
   * ValueError and changes no parameter; the batch after it may have been used already.
   *
   * After an error or an abort nothing is lost: weights, optimizer and history stay as they were behind the last step, and
   * `fit(batches, { ..., resume: true })` goes on there.
   * @throws ArgumentError for options out of range or batches that are not `[input, target]`; CallbackError when a
   * callback throws; CheckpointError when there is no file at `resume`; the reason of an aborted signal.
   */
  async fit(batches: Batches, options: FitOptions = {}): Promise<History> {
    const epochs = checkFit(batches, options);
    if (this.#running) throw new NablaError('Trainer.fit', 'is running already');
    const { validation, unit = 'samples' } = options;
    const progress = options.progress === false ? null : new Progress();
    this.#running = true;
    let began = false;
    try {
      await this.#begin(batches, options);
      began = true;
      await this.#hooks.call('onFitStart', this);
      const run = this.#run;
      const last = run.first + epochs;
      while (run.epoch !== null || (this.history.epochs.length < last && !run.stopping)) {
        const running = run.epoch ?? (await this.#beginEpoch());
        if (running === null) break;
        progress?.start(`epoch ${running.epoch}/${last}`, batches.length);
        running.log ??= await this.#trainEpoch(batches, running, { ...options, progress, unit });
        await this.#endEpoch(running.log, validation, { ...options, progress, unit });
      }
      await this.#hooks.call('onFitEnd', this.history, this);
    } catch (error) {
      if (began) this.#interrupt();
      await this.#hooks.tell(error, this);
      throw error;
    } finally {
      progress?.stop();
      this.#running = false;
      this.#resuming = false;
    }
    return this.history;
  }

  /** Loss and metrics over some batches, in evaluation mode and without gradients. The mode is restored. */
  async evaluate(batches: Batches, options: { signal?: AbortSignal } = {}): Promise<Record<string, number>> {
    checkOptions('Trainer.evaluate', options);
    checkSignal('Trainer.evaluate', options.signal);
    checkBatches('Trainer.evaluate', batches);
    const { metrics } = this.#parts;
    let modes: (readonly [Module, boolean])[] = [];
    try {
      await this.#hooks.call('onEvaluateStart', this);
      const model = this.evaluationModel;
      modes = model.modules().map((module) => [module as Module, module.training] as const);
      model.eval();
      for (const metric of metrics) metric.reset();
      const losses = new RunningMean();
      await eachBatch('Trainer.evaluate', iteratorOf(batches), options, async (input, target) => {
        noGrad(() => {
          const output = forward(model, input);
          const loss = lossOf(this.#options, output, target);
          for (const metric of metrics) metric.update(output, target);
          losses.add(loss, input.shape[0]);
        });
        await losses.settled(1); // leaves the newest batch running
        return false;
      });
      const values = { loss: await losses.mean(), ...(await metricValues(metrics)) };
      await this.#hooks.call('onEvaluateEnd', values, this);
      return values;
    } finally {
      for (const [module, training] of modes) module.training = training;
      this.evaluationModel = this.model;
    }
  }

  /** Keeps what is needed to go on behind an error. */
  #interrupt(): void {
    const run = this.#run;
    this.#interrupted = this.#resuming || run.epoch !== null || this.history.epochs.length > run.first;
    this.#inStep = false;
    this.#captureSource();
    run.random ??= randomOf(this.#parts);
  }

  /** Between epochs the loader knows best where it stands. */
  #captureSource(): void {
    if (this.#run.epoch === null) this.#run.source = this.#source?.stateDict() ?? null;
  }

  /** A new run, or the one to go on with. */
  async #begin(batches: Batches, { validation, resume = false }: FitOptions): Promise<void> {
    if (typeof resume === 'string') await this.#load(resume);
    else if (resume && !this.#loaded && !this.#interrupted) {
      const path = await this.#hooks.newestCheckpoint();
      if (path !== undefined) await this.#load(path);
    }
    const run = this.#run;
    this.#resuming = this.#loaded || (resume === true && this.#interrupted);
    if (this.#resuming) this.#goOn(batches, validation);
    else {
      Object.assign(run, { first: run.history.epochs.length, stopping: false, epoch: null, random: null });
      run.source = null;
    }
    this.#loaded = false;
    this.#interrupted = false;
    this.#source = statefulOf(batches);
    run.validation = statefulOf(validation)?.stateDict() ?? null;
    this.#names = logNames(this.#options, validation !== undefined);
  }

  /** Loaders and generators as they were. */
  #goOn(batches: Batches, validation: Batches | undefined): void {
    const run = this.#run;
    if (run.validation) statefulOf(validation)?.loadStateDict(run.validation);
    const inEpoch = run.epoch?.log === null ? run.epoch : null;
    const source = inEpoch ? inEpoch.source && { ...inEpoch.source, batch: inEpoch.batch } : run.source;
    if (source) statefulOf(batches)?.loadStateDict(source);
    if (run.random) setRandom(this.#parts, run.random);
    run.random = null;
  }

  /** Null when a callback has stopped the training before its first batch. */
  async #beginEpoch(): Promise<RunningEpoch | null> {
    for (const metric of this.#parts.metrics) metric.reset();
    this.#run.dropStep();
    const running = newEpoch(this.history.epochs.length + 1);
    running.random = randomOf(this.#parts);
    this.#run.epoch = running;
    await this.#hooks.call('onEpochStart', running.epoch, this);
    if (!this.#run.stopping) return running;
    this.#run.epoch = null;
    return null;
  }

  async #trainEpoch(
    batches: Batches,
    running: RunningEpoch,
    { progress, signal, unit }: { progress: Progress | null; signal?: AbortSignal; unit: string },
  ): Promise<EpochLog> {
    this.model.train();
    const run = this.#run;
    const { losses, penalties } = running;
    const started = performance.now();
    const elapsed = running.seconds;
    const before = (): void => {
      run.random = randomOf(this.#parts);
    };
    const iterator = await this.#iterator(batches, running);
    const done = async (input: Tensor, target: Tensor, index: number): Promise<boolean> => {
      await this.#trainBatch(input, target, running);
      await Promise.all([losses.settled(1), penalties.settled(1)]); // leaves the newest step running
      running.seconds = elapsed + (performance.now() - started) / 1000;
      const rate = Math.round(losses.samples / running.seconds);
      progress?.update(index + 1, { ...(losses.last !== undefined && { loss: losses.last }), [`${unit}/s`]: rate });
      await this.#hooks.call('onBatchEnd', index, losses.last, this);
      return run.stopping;
    };
    if (!run.stopping) await eachBatch('Trainer.fit', iterator, { signal, first: running.batch, before }, done);
    run.random = null;
    if (run.accumulated > 0) await this.#step(running);
    run.source = this.#source?.stateDict() ?? null;
    const loss = await losses.mean();
    const penalty = this.#options.penalty && { penalty: await penalties.mean() };
    const seconds = elapsed + (performance.now() - started) / 1000;
    const values = { loss, ...penalty, ...(await metricValues(this.#parts.metrics)) };
    return { epoch: running.epoch, ...values, seconds, samplesPerSecond: losses.samples / seconds };
  }

  /** The batches of an epoch that are not done yet. */
  async #iterator(batches: Batches, running: RunningEpoch): Promise<Iterator<unknown> | AsyncIterator<unknown>> {
    const stateful = statefulOf(batches);
    if (stateful === null && running.batch > 0) {
      // An order that is drawn when the loop begins must be drawn again.
      const random = randomOf(this.#parts);
      setRandom(this.#parts, running.random);
      const iterator = iteratorOf(batches);
      await skipBatches('Trainer.fit', iterator, running.batch);
      setRandom(this.#parts, random);
      return iterator;
    }
    const iterator = iteratorOf(batches);
    running.source = stateful?.stateDict() ?? null;
    return iterator;
  }

  async #endEpoch(
    log: EpochLog,
    validation: Batches | undefined,
    { progress, signal, unit }: { progress: Progress | null; signal?: AbortSignal; unit: string },
  ): Promise<void> {
    const run = this.#run;
    if (validation) {
      Object.assign(log, withPrefix('val', await this.evaluate(validation, { signal })));
      run.validation = statefulOf(validation)?.stateDict() ?? null;
    }
    run.history.epochs.push(log);
    run.epoch = null;
    const { epoch: _, seconds: __, samplesPerSecond, ...values } = log;
    progress?.finish({ ...values, [`${unit}/s`]: Math.round(samplesPerSecond) });
    await this.#hooks.call('onEpochEnd', log, this);
  }

  async #trainBatch(input: Tensor, target: Tensor, running: RunningEpoch): Promise<void> {
    const run = this.#run;
    this.#inStep = true;
    await this.#hooks.call('onBatchStart', running.batch, this);
    let stepped = false;
    try {
      this.#backward(input, target, running);
      run.accumulated++;
      stepped = run.accumulated === (this.#options.gradientAccumulation ?? 1);
      if (stepped) await this.#update(running);
    } catch (error) {
      run.dropStep(); // the gradients hold a part of this batch
      throw error;
    }
    running.batch++;
    run.random = null;
    this.#inStep = false;
    if (stepped) await this.#hooks.call('onStepEnd', run.globalStep, this);
  }

  /** The step of the batches that are left at the end of an epoch. */
  async #step(running: RunningEpoch): Promise<void> {
    this.#inStep = true;
    await scope(() => this.#update(running));
    this.#inStep = false;
    await this.#hooks.call('onStepEnd', this.#run.globalStep, this);
  }

  /** Forward and backward pass of a batch. */
  #backward(input: Tensor, target: Tensor, { losses, penalties }: RunningEpoch): void {
    const { gradientAccumulation = 1 } = this.#options;
    scope(() => {
      const [x, y] = transformed(this.#options, input, target);
      const output = forward(this.model, x);
      const loss = lossOf(this.#options, output, y);
      const extra = penaltyOf(this.#options);
      const total = extra ? loss.add(extra) : loss;
      const share = gradientAccumulation === 1 ? total : total.div(gradientAccumulation);
      if (this.#run.accumulated === 0) this.optimizer.zeroGrad();
      share.backward();
      const alike = y.dtype === target.dtype && sameShape(y.shape, target.shape);
      for (const metric of this.#parts.metrics) metric.update(output, alike ? y : target);
      losses.add(loss, x.shape[0]);
      if (extra) penalties.add(extra, x.shape[0]);
      if (this.#hooks.has('onBeforeStep')) this.#gatherLoss(total.detach());
    });
  }

  #gatherLoss(loss: Tensor): void {
    const before = this.#run.stepLoss;
    this.#run.stepLoss = (before ? before.add(loss) : loss).keep();
    before?.dispose();
  }

  /** A step of the optimizer with the gradients that have gathered. */
  async #update({ epoch, batch }: RunningEpoch): Promise<void> {
    const run = this.#run;
    const { clipGradNorm, clipGradValue } = this.#options;
    if (run.stepLoss) {
      const sum = run.stepLoss.detach();
      const loss = run.accumulated === 1 ? sum : sum.div(run.accumulated);
      const info: StepInfo = { step: run.globalStep + 1, epoch, batch, loss };
      await this.#hooks.call('onBeforeStep', info, this);
    }
    scope(() => {
      if (clipGradValue !== undefined) clipGradValue_(this.model.parameters(), clipGradValue);
      if (clipGradNorm !== undefined) clipGradNorm_(this.model.parameters(), clipGradNorm);
      this.optimizer.step();
    });
    run.dropStep();
    run.globalStep++;
  }
}
