import { ArgumentError } from '../errors.js';
import type { Metric } from '../metrics/index.js';
import type { Module } from '../nn/module.js';
import { noGrad, scope } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Callback, EpochLog, History } from './callback.js';
import { Progress } from './progress.js';

/** Batches of `[input, target]`, such as a DataLoader. */
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
  readonly #loss: (output: Tensor, target: Tensor) => Tensor;
  readonly #metrics: readonly Metric[];
  readonly #callbacks: readonly Callback[];

  constructor(options: TrainerOptions) {
    const { model, loss, optimizer, metrics = [], callbacks = [] } = options;
    if (!model || !loss || !optimizer) throw new ArgumentError('Trainer', 'model, loss and optimizer are needed');
    this.model = model;
    this.optimizer = optimizer;
    this.#loss = typeof loss === 'function' ? loss : (output, target) => loss.forward(output, target);
    this.#metrics = metrics;
    this.#callbacks = callbacks;
  }

  /**
   * Trains for some epochs.
   * @throws ArgumentError for options out of range; the reason of an aborted signal; whatever a callback throws.
   */
  async fit(batches: Batches, options: FitOptions = {}): Promise<History> {
    const { epochs = 1, validation, signal, unit = 'samples' } = options;
    if (!Number.isInteger(epochs) || epochs < 0) {
      throw new ArgumentError('Trainer.fit', `epochs must be an integer >= 0, got ${String(epochs)}`, epochs);
    }
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
    const wasTraining = this.model.training;
    this.model.eval();
    for (const metric of this.#metrics) metric.reset();
    const losses = new RunningMean();
    try {
      await eachBatch(batches, options.signal, (input, target) =>
        noGrad(() => {
          const output = this.model.forward(input);
          for (const metric of this.#metrics) metric.update(output, target);
          return losses.add(this.#loss(output, target), input.shape[0]);
        }),
      );
      return { loss: await losses.mean(), ...(await this.#metricValues()) };
    } finally {
      this.model.train(wasTraining);
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
    await eachBatch(batches, signal, async (input, target, index) => {
      this.#step(input, target, losses);
      await losses.settled(1); // leaves the newest step running
      const rate = Math.round((losses.samples * 1000) / (performance.now() - started));
      progress?.update(index + 1, { ...(losses.last !== undefined && { loss: losses.last }), [`${unit}/s`]: rate });
      for (const callback of this.#callbacks) await callback.onBatchEnd?.(index, losses.last, this);
    });
    const loss = await losses.mean();
    const seconds = (performance.now() - started) / 1000;
    return { epoch, loss, ...(await this.#metricValues()), seconds, samplesPerSecond: losses.samples / seconds };
  }

  #step(input: Tensor, target: Tensor, losses: RunningMean): void {
    scope(() => {
      const output = this.model.forward(input);
      const loss = this.#loss(output, target);
      this.optimizer.zeroGrad();
      loss.backward();
      this.optimizer.step();
      for (const metric of this.#metrics) metric.update(output, target);
      losses.add(loss, input.shape[0]);
    });
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
  batches: Batches,
  signal: AbortSignal | undefined,
  fn: (input: Tensor, target: Tensor, index: number) => void | Promise<void>,
): Promise<void> {
  const iterator = Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
  for (let index = 0; ; index++) {
    signal?.throwIfAborted();
    const more = await scope(async () => {
      const step = await iterator.next();
      if (step.done) return false;
      const [input, target] = step.value;
      await fn(input, target, index);
      return true;
    });
    if (!more) return;
  }
}

const withPrefix = (prefix: string, values: Record<string, number>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${prefix}${name[0].toUpperCase()}${name.slice(1)}`, value]),
  );
