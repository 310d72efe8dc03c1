import { ArgumentError } from '../errors.js';
import { counters32, type Generator, generatorOf } from '../tensor/random.js';
import { type Collated, defaultCollate } from './collate.js';
import { type BatchDataset, type Dataset, makesBatches } from './dataset.js';
import { Philox } from './philox.js';
import type { BatchSampler } from './sampler.js';

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
  readonly batchSampler?: BatchSampler;
}

/** Options with a function that turns items into a batch. */
export interface CollateOptions<T, B> extends DataLoaderOptions {
  readonly collate: (items: T[]) => B;
}

/**
 * Batches of a dataset, in order or shuffled. Each loop over it is one epoch, with its own order when shuffling.
 *
 * Datasets with a `batch` of their own make it; the items of others are put together by `collate`: by default tensors
 * are stacked, numbers become a tensor, tuples and objects are put together field by field.
 *
 * @example
 * const loader = new DataLoader(await FashionMNIST.load(), { batchSize: 100, shuffle: true, seed: 1 });
 * for await (const [images, labels] of loader) { ... }
 */
export class DataLoader<T, B = Collated<T>> implements Iterable<B>, AsyncIterable<B> {
  readonly dataset: Dataset<T>;
  /** Items per batch; 1 where a batch sampler decides. */
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly seed: number;
  readonly batchSampler: BatchSampler | null;
  /** The number of the next epoch; set it to repeat one or, with the same seed, to go on after a restart. */
  epoch = 0;

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
    this.seed = seed;
    this.batchSampler = options.batchSampler ?? null;
    if ('collate' in options) this.makeBatch = collateItems(dataset, options.collate);
    else if (makesBatches(dataset)) this.makeBatch = (indices) => dataset.batch(indices);
    else this.makeBatch = collateItems(dataset, (items) => defaultCollate(items) as B);
  }

  /** Batches per epoch. */
  get length(): number {
    if (this.batchSampler !== null) return this.batchSampler.length;
    const batches = this.dataset.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /** One epoch for `for await`; also for datasets whose items come asynchronously. */
  [Symbol.asyncIterator](): AsyncIterator<B> {
    const next = this.beginEpoch();
    return {
      async next() {
        const indices = next();
        return indices === null ? { done: true, value: undefined } : { done: false, value: await indices.make() };
      },
    };
  }

  /** One epoch for `for`. */
  *[Symbol.iterator](): IterableIterator<B> {
    const next = this.beginEpoch();
    for (let step = next(); step !== null; step = next()) {
      const batch = step.make();
      if (batch instanceof Promise) {
        batch.catch(() => {});
        throw new ArgumentError('DataLoader', 'the items come asynchronously; use `for await`', this.dataset);
      }
      yield batch;
    }
  }

  private beginEpoch(): () => { make: () => B | Promise<B> } | null {
    const { batchSize, length, makeBatch } = this;
    const items = this.dataset.length;
    const epoch = this.epoch++;
    if (this.batchSampler !== null) return eachOf(this.batchSampler.batches(epoch), makeBatch);
    const order = this.shuffle
      ? new Philox(this.seed, epoch).permutation(items)
      : Uint32Array.from({ length: items }, (_, i) => i);
    let batch = 0;
    return () => {
      if (batch === length) return null;
      const indices = order.subarray(batch * batchSize, Math.min(items, (batch + 1) * batchSize));
      batch++;
      return { make: () => makeBatch(indices) };
    };
  }
}

function eachOf<B>(
  batches: Iterable<ArrayLike<number>>,
  makeBatch: (indices: Uint32Array) => B,
): () => { make: () => B } | null {
  const iterator = batches[Symbol.iterator]();
  return () => {
    const step = iterator.next();
    if (step.done) return null;
    const indices = Uint32Array.from(step.value);
    return { make: () => makeBatch(indices) };
  };
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

function collateItems<T, B>(dataset: Dataset<T>, collate: (items: T[]) => B): (indices: Uint32Array) => B | Promise<B> {
  return (indices) => {
    const items = Array.from(indices, (index) => dataset.get(index));
    if (items.some((item) => item instanceof Promise)) return Promise.all(items).then(collate);
    return collate(items as T[]);
  };
}

/** A seed from a generator; the default one where none is given. @internal */
export function drawSeed(op: string, generator: Generator | undefined): number {
  const { seedLo, seedHi, offset } = generatorOf(op, generator)._take(counters32(1));
  return new Philox(seedHi * 2 ** 32 + seedLo, offset).nextUint32();
}

function requireInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  const rule = least === 1 ? 'an integer of at least 1' : 'a safe integer';
  throw new ArgumentError('DataLoader', `${name} must be ${rule}, got ${value}`, value);
}
