import { AsyncResource } from 'node:async_hooks';
import { ArgumentError, ClosedError, QueueFullError, valueText } from '../errors.js';
import { Module } from '../nn/module.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkSignal } from '../training/loop.js';
import { OutputError, type Prediction, type Runner, runBatch, runnerOf } from './batch.js';
import { checkSettings, type MicroBatcherOptions, type Sample, type Settings, toInput } from './options.js';

/** What a {@link MicroBatcher} serves: a module, or a function of a batch that may be async. */
export type Served<Output> = Module<[Tensor], Output> | ((batch: Tensor) => Output | PromiseLike<Output>);

/** Counters of a {@link MicroBatcher}; those of requests count from its beginning. */
export interface MicroBatcherStats {
  /** Samples that wait for a batch. */
  waiting: number;
  /** Samples that run now. */
  running: number;
  /** Samples that got their prediction. */
  served: number;
  /** Samples that the model or their own shape or values made fail. */
  failed: number;
  /** Samples refused for want of room, or because the batcher was closed. */
  refused: number;
  /** Samples whose signal was aborted. */
  aborted: number;
  /** Runs of the model. `served / batches` is the mean size. */
  batches: number;
}

interface Request {
  /** Counted from 1 in the order of arrival. */
  readonly number: number;
  readonly input: Tensor;
  readonly since: number;
  settled: boolean;
  resolve(row: unknown): void;
  reject(error: unknown): void;
}

/** Samples that can be stacked, oldest first. */
type Group = Set<Request>;

/**
 * Gathers single samples that are asked for at about the same time and runs them as one batch: one pass over the weights
 * instead of many. For servers; others call it dynamic batching.
 *
 * While a batch runs, the next one gathers; the batch is stacked and computed on the stream, so the event loop stays free.
 * A module runs in evaluation mode and without gradients, also while a Trainer trains it: between two batches its mode is
 * put back. A function runs without gradients; the mode of the modules it uses is the caller's.
 *
 * When a batch fails, its halves run again, and so on: a sample whose values the model refuses rejects only itself.
 *
 * @example
 * const batcher = new serving.MicroBatcher(new nn.Sequential(model, new nn.Softmax(1)), { inputShape: [1, 28, 28] });
 * const probabilities = await batcher.predict(pixels); // Float32Array of 10
 */
export class MicroBatcher<Output = Tensor> {
  readonly #settings: Settings;
  readonly #run: Runner;
  readonly #groups = new Map<string, Group>();
  readonly #stats: MicroBatcherStats = {
    waiting: 0,
    running: 0,
    served: 0,
    failed: 0,
    refused: 0,
    aborted: 0,
    batches: 0,
  };
  /** In the async context of the constructor: a request's own would live on in the batches behind it. */
  readonly #next = AsyncResource.bind(() => this.#look());
  #soon: NodeJS.Immediate | null = null;
  #later: NodeJS.Timeout | null = null;
  #busy = false;
  #closed = false;
  #requests = 0;
  /** Those who wait until the requests up to a number are done; these wait for no others. */
  #drains: { readonly upTo: number; readonly done: () => void }[] = [];

  /** @throws ArgumentError for options out of range or a model that cannot be run. */
  constructor(model: Served<Output>, options: MicroBatcherOptions = {}) {
    if (!(model instanceof Module) && typeof model !== 'function') {
      throw new ArgumentError('MicroBatcher', `a Module or a function is needed, got ${valueText(model)}`, model);
    }
    this.#settings = checkSettings(options);
    this.#run = runnerOf(model);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What was done since the start. */
  stats(): MicroBatcherStats {
    return { ...this.#stats };
  }

  /**
   * The prediction for one sample, without a batch axis on both sides: a typed array with the elements of the output, in
   * row-major order, or an array or object of such when the model returns several tensors. It is a view of what the batch
   * gave: `slice()` one that is kept for long. A tensor must not be changed until then, but may be disposed; a flat list
   * or typed array fills `inputShape`.
   *
   * Rejects with ArgumentError, ShapeError or DTypeError for a sample that does not fit, {@link QueueFullError} when too
   * many wait, {@link ClosedError} after {@link close}, the reason of the `signal` when it is aborted, and whatever the
   * model throws for this sample.
   */
  async predict(sample: Sample, options: { signal?: AbortSignal } = {}): Promise<Prediction<Output>> {
    const op = 'MicroBatcher.predict';
    checkOptions(op, options);
    const { signal } = options;
    checkSignal(op, signal);
    signal?.throwIfAborted();
    if (this.#closed) {
      this.#stats.refused++;
      throw new ClosedError(op, 'the batcher was closed');
    }
    const { maxQueue } = this.#settings;
    if (this.#stats.waiting >= maxQueue) {
      this.#stats.refused++;
      throw new QueueFullError(op, maxQueue);
    }
    let input: Tensor;
    try {
      input = toInput(sample, this.#settings);
    } catch (error) {
      this.#stats.failed++;
      throw error;
    }
    return this.#enqueue(input, signal) as Promise<Prediction<Output>>;
  }

  /** Resolves when everything asked for so far has settled; nothing waits for `maxDelay` meanwhile. */
  async drain(): Promise<void> {
    if (this.#stats.waiting === 0 && !this.#busy) return;
    const drained = new Promise<void>((done) => this.#drains.push({ upTo: this.#requests, done }));
    this.#wake();
    await drained;
  }

  /**
   * Refuses new samples and resolves when those asked for before have their predictions. With `discard`, those that wait
   * reject with a {@link ClosedError} at once, and only the running batch is waited for.
   */
  async close(options: { discard?: boolean } = {}): Promise<void> {
    checkOptions('MicroBatcher.close', options);
    this.#closed = true;
    if (options.discard) {
      const error = new ClosedError('MicroBatcher.close', 'the batcher was closed before the sample ran');
      for (const request of [...this.#groups.values()].flatMap((group) => [...group])) {
        this.#stats.refused++;
        request.reject(error);
      }
    }
    await this.drain();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #enqueue(input: Tensor, signal: AbortSignal | undefined): Promise<unknown> {
    const key = `${input.dtype} ${input.shape}`;
    const group = this.#groups.get(key) ?? new Set();
    this.#groups.set(key, group);
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        request.settled = true;
        signal?.removeEventListener('abort', onAbort);
        if (this.#remove(key, group, request)) input.dispose(); // a running one is freed behind its batch
      };
      const request: Request = {
        number: ++this.#requests,
        input,
        since: performance.now(),
        settled: false,
        resolve: (row) => {
          settle();
          resolve(row);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const onAbort = (): void => {
        this.#stats.aborted++;
        request.reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      group.add(request);
      this.#stats.waiting++;
      this.#wake();
    });
  }

  /** Takes a request out of the queue; false when it runs already. */
  #remove(key: string, group: Group, request: Request): boolean {
    if (!group.delete(request)) return false;
    this.#stats.waiting--;
    if (group.size === 0 && this.#groups.get(key) === group) this.#groups.delete(key);
    if (this.#stats.waiting === 0) this.#wake(); // somebody may wait for that
    return true;
  }

  /** Looks for a batch behind this turn of the event loop: what arrives in it runs together. */
  #wake(): void {
    if (!this.#busy) this.#soon ??= setImmediate(this.#next); // else the end of the batch looks
  }

  /** Starts the next batch, or waits until there is one. */
  #look(): void {
    if (this.#soon) clearImmediate(this.#soon);
    if (this.#later) clearTimeout(this.#later);
    [this.#soon, this.#later] = [null, null];
    if (this.#busy) return;
    const heads = [...this.#groups].map(([key, group]) => ({
      key,
      group,
      head: group.values().next().value as Request,
    }));
    const oldest = heads.reduce((least, { head }) => Math.min(least, head.number), Number.POSITIVE_INFINITY);
    this.#drains = this.#drains.filter(({ upTo, done }) => upTo >= oldest || done());
    const { maxBatchSize, maxDelay } = this.#settings;
    const hurried = this.#drains.at(-1)?.upTo ?? 0;
    const due = performance.now() - maxDelay;
    const ready = heads.filter(
      ({ group, head }) => group.size >= maxBatchSize || head.since <= due || head.number <= hurried,
    );
    if (ready.length > 0) {
      const { key, group } = ready.reduce((a, b) => (b.head.number < a.head.number ? b : a));
      void this.#start(key, group);
    } else if (heads.length > 0) {
      const first = heads.reduce((least, { head }) => Math.min(least, head.since), Number.POSITIVE_INFINITY);
      this.#later = setTimeout(this.#next, Math.ceil(first - due));
    }
  }

  async #start(key: string, group: Group): Promise<void> {
    const batch: Request[] = [];
    for (const request of group) {
      if (batch.length === this.#settings.maxBatchSize) break;
      batch.push(request);
      group.delete(request);
    }
    if (group.size === 0) this.#groups.delete(key);
    const stats = this.#stats;
    stats.waiting -= batch.length;
    stats.running += batch.length;
    this.#busy = true;
    await this.#serve(batch);
    for (const { input } of batch) input.dispose();
    stats.running -= batch.length;
    this.#busy = false;
    this.#next();
  }

  /** Never throws: every request of the batch is settled behind it. */
  async #serve(batch: readonly Request[]): Promise<void> {
    const open = batch.filter((request) => !request.settled);
    if (open.length === 0) return;
    const inputs = open.map(({ input }) => input);
    this.#stats.batches++;
    try {
      const rows = await runBatch(this.#run, inputs);
      for (const [i, request] of open.entries()) {
        if (request.settled) continue;
        this.#stats.served++;
        request.resolve(rows[i]);
      }
    } catch (error) {
      if (open.length > 1 && !(error instanceof OutputError)) {
        const half = Math.ceil(open.length / 2);
        await this.#serve(open.slice(0, half));
        await this.#serve(open.slice(half));
        return;
      }
      for (const request of open) {
        if (request.settled) continue;
        this.#stats.failed++;
        request.reject(error instanceof OutputError ? error.cause : error);
      }
    }
  }
}
