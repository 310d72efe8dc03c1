import { ArgumentError, valueText } from '../errors.js';
import type { Metric } from '../metrics/index.js';
import { Module } from '../nn/module.js';
import { checkOptions } from '../tensor/check.js';
import { noGrad, scope } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import type { Callback, EpochLog, History } from './callback.js';
import { Progress } from './progress.js';

/**
 * Batches of `[input, target]`, such as a DataLoader. Tensors made while a batch is asked for are freed behind it; what a
 * source keeps for later batches it makes before, or takes out with `keep()`.
 */
export type Batches = (AsyncIterable<readonly [Tensor, Tensor]> | Iterable<readonly [Tensor, Tensor]>) & {
  readonly length: number;
};

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
  metrics?: readonly Metric[];
  callbacks?: readonly Callback[];
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
  /** Epochs finished so far, over all calls of {@link fit}. */
  readonly history: History = { epochs: [] };
  readonly #loss: TrainerOptions['loss'];
  readonly #metrics: readonly Metric[];
  readonly #callbacks: readonly Callback[];

  constructor(options: TrainerOptions) {
    checkOptions('Trainer', options);
    const { model, loss, optimizer, metrics = [], callbacks = [] } = options;
    check(model instanceof Module, 'model must be a Module', model);
    check(loss instanceof Module || typeof loss === 'function', 'loss must be a Module or a function', loss);
    check(typeof optimizer?.step === 'function', 'optimizer must have a step()', optimizer);
    check(Array.isArray(metrics), 'metrics must be an array', metrics);
    check(Array.isArray(callbacks), 'callbacks must be an array', callbacks);
    this.model = model;
    this.optimizer = optimizer;
    this.#loss = loss;
    this.#metrics = metrics;
    this.#callbacks = callbacks;
  }

  /**
   * Trains for some epochs. A batch whose values a kernel refuses (a class index out of range) rejects with that
   * ValueError and changes no parameter; the batch after it may have been used already.
   * @throws ArgumentError for options out of range or batches that are not `[input, target]`; the reason of an aborted
   * signal; whatever a callback throws.
   */
  async fit(batches: Batches, options: FitOptions = {}): Promise<History> {
    checkOptions('Trainer.fit', options);
    const { epochs = 1, validation, signal, unit = 'samples' } = options;
    if (!Number.isInteger(epochs) || epochs < 0) {
      throw new ArgumentError('Trainer.fit', `epochs must be an integer >= 0, got ${valueText(epochs)}`, epochs);
    }
    checkSignal('Trainer.fit', signal);
    checkBatches('Trainer.fit', batches);
    if (validation !== undefined) checkBatches('Trainer.fit', validation);
    const progress = options.progress === false ? null : new Progress();
    try {
      for (const callback of this.#callbacks) await callback.onFitStart?.(this);
      const first = this.history.epochs.length;
      for (let epoch = first + 1; epoch <= first + epochs; epoch++) {
        for (const callback of this.#callbacks) await callback.onEpochStart?.(epoch, this);
        progress?.start(`epoch ${epoch}/${first + epochs}`, batches.length);
        const log = await this.#trainEpoch(batches, epoch, { progress, signal, unit });
        if (validation) Object.assign(log, withPrefix('val', await this.evaluate(validation, { signal })));
        this.history.epochs.push(log);
        const { epoch: _, seconds: __, samplesPerSecond, ...values } = log;
        progress?.finish({ ...values, [`${unit}/s`]: Math.round(samplesPerSecond) });
        for (const callback of this.#callbacks) await callback.onEpochEnd?.(log, this);
      }
      for (const callback of this.#callbacks) await callback.onFitEnd?.(this.history, this);
    } finally {
      progress?.stop();
    }
    return this.history;
  }

  /** Loss and metrics over some batches, in evaluation mode and without gradients. The mode is restored. */
  async evaluate(batches: Batches, options: { signal?: AbortSignal } = {}): Promise<Record<string, number>> {
    checkOptions('Trainer.evaluate', options);
    checkSignal('Trainer.evaluate', options.signal);
    checkBatches('Trainer.evaluate', batches);
    const modes = this.model.modules().map((module) => [module, module.training] as const);
    this.model.eval();
    for (const metric of this.#metrics) metric.reset();
    const losses = new RunningMean();
    try {
      await eachBatch('Trainer.evaluate', batches, options.signal, async (input, target) => {
        noGrad(() => {
          const [output, loss] = this.#run(input, target);
          for (const metric of this.#metrics) metric.update(output, target);
          losses.add(loss, input.shape[0]);
        });
        await losses.settled(1); // leaves the newest batch running
      });
      return { loss: await losses.mean(), ...(await this.#metricValues()) };
    } finally {
      for (const [module, training] of modes) module.training = training;
    }
  }

  async #trainEpoch(
    batches: Batches,
    epoch: number,
    { progress, signal, unit }: { progress: Progress | null; signal?: AbortSignal; unit: string },
  ): Promise<EpochLog> {
    this.model.train();
    for (const metric of this.#metrics) metric.reset();
    const losses = new RunningMean();
    const started = performance.now();
    await eachBatch('Trainer.fit', batches, signal, async (input, target, index) => {
      this.#step(input, target, losses);
      await losses.settled(1); // leaves the newest step running
      const rate = Math.round((losses.samples * 1000) / (performance.now() - started));
      progress?.update(index + 1, { ...(losses.last !== undefined && { loss: losses.last }), [`${unit}/s`]: rate });
      const newest = losses.last; // the same for all of them
      for (const callback of this.#callbacks) await callback.onBatchEnd?.(index, newest, this);
    });
    const loss = await losses.mean();
    const seconds = (performance.now() - started) / 1000;
    return { epoch, loss, ...(await this.#metricValues()), seconds, samplesPerSecond: losses.samples / seconds };
  }

  #step(input: Tensor, target: Tensor, losses: RunningMean): void {
    scope(() => {
      const [output, loss] = this.#run(input, target);
      this.optimizer.zeroGrad();
      loss.backward();
      this.optimizer.step();
      for (const metric of this.#metrics) metric.update(output, target);
      losses.add(loss, input.shape[0]);
    });
  }

  #run(input: Tensor, target: Tensor): [output: Tensor, loss: Tensor] {
    const output = this.model.forward(input);
    check(output instanceof Tensor, `${this.model.constructor.name}.forward must return a Tensor`, output);
    const loss = this.#loss instanceof Module ? this.#loss.forward(output, target) : this.#loss(output, target);
    check(loss instanceof Tensor, 'the loss must be a Tensor', loss);
    return [output, loss];
  }

  async #metricValues(): Promise<Record<string, number>> {
    const values: Record<string, number> = {};
    for (const metric of this.#metrics) values[metric.name] = await metric.compute();
    return values;
  }
}

/** The mean of batch losses by samples. Reads are queued at once and awaited later. */
class RunningMean {
  last: number | undefined;
  samples = 0;
  #sum = 0;
  readonly #reads: Promise<void>[] = [];

  add(loss: Tensor, samples: number): void {
    this.samples += samples;
    const read = loss.item().then((value) => {
      this.last = value;
      this.#sum += value * samples;
    });
    read.catch(() => {}); // reported by settled() or mean()
    this.#reads.push(read);
  }

  /** Waits until at most `behind` reads are pending. */
  async settled(behind: number): Promise<void> {
    while (this.#reads.length > behind) await this.#reads.shift();
  }

  async mean(): Promise<number> {
    await this.settled(0);
    return this.#sum / this.samples;
  }
}

/** Runs `fn` for each batch; the tensors of a batch are freed behind it. */
async function eachBatch(
  op: string,
  batches: Batches,
  signal: AbortSignal | undefined,
  fn: (input: Tensor, target: Tensor, index: number) => Promise<void>,
): Promise<void> {
  const iterator = Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
  let done = 0;
  let ended = false;
  const one = async (): Promise<void> => {
    const step = await iterator.next();
    ended = step.done === true;
    if (step.done) return;
    const [input, target] = checkBatch(op, step.value, done);
    await fn(input, target, done++);
  };
  try {
    while (!ended) {
      signal?.throwIfAborted();
      await scope(one);
    }
  } finally {
    if (!ended) await iterator.return?.(); // a generator may hold files open
  }
  if (done === 0) throw new ArgumentError(op, 'there is no batch: the loader is empty', batches);
}

function check(holds: boolean, rule: string, value: unknown): asserts holds {
  if (!holds) throw new ArgumentError('Trainer', `${rule}, got ${valueText(value)}`, value);
}

function checkSignal(op: string, signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw new ArgumentError(op, `signal must be an AbortSignal, got ${valueText(signal)}`, signal);
}

function checkBatches(op: string, batches: unknown): void {
  const iterable =
    typeof batches === 'object' && batches !== null && (Symbol.asyncIterator in batches || Symbol.iterator in batches);
  if (!iterable) throw new ArgumentError(op, `batches to loop over are needed, got ${valueText(batches)}`, batches);
}

function checkBatch(op: string, batch: unknown, index: number): readonly [Tensor, Tensor] {
  const isPair = Array.isArray(batch) && batch.length === 2;
  if (isPair && batch.every((item) => item instanceof Tensor && item.ndim > 0)) return batch as [Tensor, Tensor];
  const items = Array.isArray(batch) ? `[${batch.map(valueText).join(', ')}]` : valueText(batch);
  const rule = 'must be [input, target], two tensors with a first axis for the samples';
  throw new ArgumentError(op, `batch ${index} ${rule}, got ${items}`, batch);
}

const withPrefix = (prefix: string, values: Record<string, number>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${prefix}${name[0].toUpperCase()}${name.slice(1)}`, value]),
  );
