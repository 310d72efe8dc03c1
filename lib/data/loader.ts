import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import type { Generator } from '../tensor/random.js';
import { type Collated, defaultCollate } from './collate.js';
import { type BatchDataset, type Dataset, makesBatches } from './dataset.js';
import { Philox } from './philox.js';
import { type BatchSamplerLike, drawSeed } from './sampler.js';
import { type Stateful, type StateTree, type StateValue, statefulOf } from './state.js';

/** How {@link DataLoader} makes batches. */
export interface DataLoaderOptions {
  /** Items per batch. Default 1. */
  readonly batchSize?: number;
  /** Take the items in a new random order in each epoch. Default false. */
  readonly shuffle?: boolean;
  /** Leave out a last batch that is smaller than the others. Default false. */
  readonly dropLast?: boolean;
  /** Where the orders come from: the same seed gives the same order in the same epoch. Default: the generator's next. */
  readonly seed?: number;
  /** Gives the seed where there is none. Default: the one that `manualSeed` seeds. */
  readonly generator?: Generator;
  /** Says which items make each batch, in the place of `batchSize`, `shuffle` and `dropLast`. */
  readonly batchSampler?: BatchSamplerLike;
}

/** Options with a function that turns items into a batch. */
export interface CollateOptions<T, B> extends DataLoaderOptions {
  readonly collateFn: (items: T[]) => B;
}

/**
 * Batches of a dataset, in order or shuffled. Each loop over it is one epoch, with its own order when shuffling.
 *
 * Datasets with a `batch` of their own make it; the items of others are put together by `collateFn`: by default tensors
 * are stacked, numbers become a tensor, tuples and objects are put together field by field.
 *
 * @example
 * const loader = new DataLoader(await FashionMNIST.load(), { batchSize: 100, shuffle: true, seed: 1 });
 * for await (const [images, labels] of loader) { ... }
 */
export class DataLoader<T, B = Collated<T>> implements Iterable<B>, AsyncIterable<B>, Stateful {
  readonly dataset: Dataset<T>;
  /** Items per batch; 1 where a batch sampler decides. */
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly batchSampler: BatchSamplerLike | null;
  /** The number of the next epoch; set it to repeat one. To go on after a restart there is {@link stateDict}. */
  epoch = 0;

  private orderSeed: number;
  /** Batches that the next loop leaves out. */
  private skipped = 0;
  /** The newest loop, until it has ended. */
  private loop: { readonly epoch: number; batch: number } | null = null;

  private readonly makeBatch: (indices: Uint32Array) => B | Promise<B>;

  constructor(dataset: BatchDataset<T, B>, options?: DataLoaderOptions);
  constructor(dataset: Dataset<T>, options: CollateOptions<T, B>);
  constructor(dataset: Dataset<T>, options?: DataLoaderOptions);
  constructor(dataset: Dataset<T> | BatchDataset<T, B>, options: DataLoaderOptions | CollateOptions<T, B> = {}) {
    const {
      batchSize = 1,
      shuffle = false,
      dropLast = false,
      seed = drawSeed('DataLoader', options.generator),
    } = options;
    requireInteger('batchSize', batchSize, 1);
    checkBatchSampler(options);
    requireInteger('seed', seed, Number.MIN_SAFE_INTEGER);
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.shuffle = shuffle;
    this.dropLast = dropLast;
    this.orderSeed = seed;
    this.batchSampler = options.batchSampler ?? null;
    if ('collateFn' in options) this.makeBatch = collateItems(dataset, options.collateFn);
    else if (makesBatches(dataset)) this.makeBatch = (indices) => dataset.batch(indices);
    else this.makeBatch = collateItems(dataset, (items) => defaultCollate(items) as B);
  }

  /** Gives the orders of all epochs. */
  get seed(): number {
    return this.orderSeed;
  }

  /** Batches per epoch. */
  get length(): number {
    if (this.batchSampler !== null) return this.batchSampler.length;
    const batches = this.dataset.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /**
   * Where the loader stands: inside a loop behind the batch that it gave last, otherwise before the next epoch. A loop that
   * was left early counts as ended; of several loops at once the newest counts.
   */
  stateDict(): StateTree {
    const { epoch, batch } = this.loop ?? { epoch: this.epoch, batch: this.skipped };
    const { seed, shuffle, batchSize } = this;
    const sampler = statefulOf(this.batchSampler)?.stateDict() ?? null;
    return { seed, epoch, batch, shuffle, batchSize, items: this.dataset.length, sampler };
  }

  /**
   * Takes over a {@link stateDict}: the next loop goes on behind its last batch, in the order that its epoch had.
   * @throws ArgumentError when the loader has other batches than the one that was saved; nothing has changed then.
   */
  loadStateDict(state: StateTree): void {
    const op = 'DataLoader.loadStateDict';
    checkOptions(op, state);
    const own = this.stateDict();
    const { seed, epoch, batch, sampler, ...fixed } = state;
    for (const [name, value] of Object.entries({ shuffle: own.shuffle, batchSize: own.batchSize, items: own.items })) {
      if (fixed[name] === value) continue;
      const other = valueText(fixed[name]);
      throw new ArgumentError(op, `${name} is ${valueText(value)}, that of the saved loader was ${other}`, fixed[name]);
    }
    const next = savedInteger(op, 'epoch', epoch, 0);
    const skipped = savedInteger(op, 'batch', batch, 0);
    const orderSeed = savedInteger(op, 'seed', seed, Number.MIN_SAFE_INTEGER);
    if (sampler) statefulOf(this.batchSampler)?.loadStateDict(sampler as StateTree);
    this.orderSeed = orderSeed;
    this.epoch = next;
    this.skipped = skipped;
    this.loop = null;
  }

  /** One epoch for `for await`; also for datasets whose items come asynchronously. */
  [Symbol.asyncIterator](): AsyncIterator<B> {
    const { next, end } = this.beginEpoch();
    return {
      async next() {
        const indices = next();
        return indices === null ? { done: true, value: undefined } : { done: false, value: await indices.make() };
      },
      async return() {
        end();
        return { done: true, value: undefined };
      },
    };
  }

  /** One epoch for `for`. */
  *[Symbol.iterator](): IterableIterator<B> {
    const { next, end } = this.beginEpoch();
    try {
      for (let step = next(); step !== null; step = next()) {
        const batch = step.make();
        if (batch instanceof Promise) {
          batch.catch(() => {});
          throw new ArgumentError('DataLoader', 'the items come asynchronously; use `for await`', this.dataset);
        }
        yield batch;
      }
    } finally {
      end();
    }
  }

  private beginEpoch(): { next: () => { make: () => B | Promise<B> } | null; end: () => void } {
    const { makeBatch } = this;
    const loop = { epoch: this.epoch++, batch: this.skipped };
    this.loop = loop;
    this.skipped = 0;
    const batches = this.batchesFrom(loop.epoch, loop.batch);
    const end = (): void => {
      if (this.loop === loop) this.loop = null;
    };
    const next = (): { make: () => B | Promise<B> } | null => {
      const step = batches.next();
      if (step.done) {
        end();
        return null;
      }
      loop.batch++;
      return { make: () => makeBatch(step.value) };
    };
    return { next, end };
  }

  /** The items of the batches of an epoch, but for the first ones. */
  private *batchesFrom(epoch: number, first: number): IterableIterator<Uint32Array> {
    if (this.batchSampler !== null) {
      let batch = 0;
      for (const indices of this.batchSampler.batches(epoch)) if (batch++ >= first) yield Uint32Array.from(indices);
      return;
    }
    const { batchSize, length } = this;
    const items = this.dataset.length;
    const order = this.shuffle
      ? new Philox(this.seed, epoch).permutation(items)
      : Uint32Array.from({ length: items }, (_, i) => i);
    for (let batch = first; batch < length; batch++) {
      yield order.subarray(batch * batchSize, Math.min(items, (batch + 1) * batchSize));
    }
  }
}

function checkBatchSampler(options: DataLoaderOptions): void {
  const { batchSampler } = options;
  if (batchSampler === undefined || batchSampler === null) return;
  if (typeof batchSampler.batches !== 'function' || typeof batchSampler.length !== 'number') {
    throw new ArgumentError('DataLoader', 'batchSampler must have batches(epoch) and a length', batchSampler);
  }
  const other = (['batchSize', 'shuffle', 'dropLast'] as const).find((name) => options[name] !== undefined);
  if (other !== undefined) {
    throw new ArgumentError('DataLoader', `batchSampler decides about batches; ${other} cannot be given too`, options);
  }
}

function savedInteger(op: string, name: string, value: StateValue, least: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw new ArgumentError(op, `${name} is ${valueText(value)}`, value);
}

function collateItems<T, B>(dataset: Dataset<T>, collate: (items: T[]) => B): (indices: Uint32Array) => B | Promise<B> {
  return (indices) => {
    const items = Array.from(indices, (index) => dataset.get(index));
    if (items.some((item) => item instanceof Promise)) return Promise.all(items).then(collate);
    return collate(items as T[]);
  };
}

function requireInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  const rule = least === 1 ? 'an integer of at least 1' : 'a safe integer';
  throw new ArgumentError('DataLoader', `${name} must be ${rule}, got ${value}`, value);
}
