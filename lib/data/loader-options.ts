import type { ResourceLimits } from 'node:worker_threads';
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import type { Generator } from '../tensor/random.js';
import { checkCount, checkFlag } from './check.js';
import { type Dataset, datasetName, type IterableDataset, isMapStyle } from './dataset.js';
import { type BatchSamplerLike, checkSampler, type SamplerLike } from './sampler.js';
import { sourceOf } from './worker/source.js';

/** How {@link DataLoader} makes batches. */
export interface DataLoaderOptions {
  /** Items per batch. Default 1; null gives items one by one, as they are. */
  readonly batchSize?: number | null;
  /** Take the items in a new random order in each epoch. Default false. */
  readonly shuffle?: boolean;
  /** Leave out a last batch that is smaller than the others. Default false. */
  readonly dropLast?: boolean;
  /** Where the orders come from: the same seed gives the same order in the same epoch. Default: the generator's next. */
  readonly seed?: number;
  /** Gives the seed where there is none. Default: the one that `manualSeed` seeds. */
  readonly generator?: Generator;
  /** Says in which order items are taken, in the place of `shuffle`. */
  readonly sampler?: SamplerLike;
  /** Says which items make each batch, in the place of `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  readonly batchSampler?: BatchSamplerLike;
  /** Threads that make batches. Default 0: batches are made here. */
  readonly numWorkers?: number;
  /**
   * Batches that each worker prepares ahead. Default 2. Without workers: batches that this thread prepares ahead, while a
   * step runs on the stream or waits for files; default none.
   */
  readonly prefetchFactor?: number;
  /** Keep the workers between epochs, until {@link DataLoader.close} or the end of the process. Default false. */
  readonly persistentWorkers?: boolean;
  /** Seconds to wait for a batch from a worker. Default 0: for ever. */
  readonly timeout?: number;
  /** How large the JavaScript heap of each worker may get, as `node:worker_threads` takes it. Default: Node's. */
  readonly resourceLimits?: ResourceLimits;
  /** Run in each worker, with its number, before the first batch; a function with a source. */
  readonly workerInitFn?: (id: number) => unknown;
}

/** Options with a function that turns items into a batch. */
export interface CollateOptions<T, B> extends DataLoaderOptions {
  /** Makes a batch of items; for workers a function with a source (`withSource`). */
  readonly collateFn: (items: T[]) => B | Promise<B>;
}

/** The options with their defaults, checked. */
export interface LoaderSetup {
  readonly batchSize: number | null;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly numWorkers: number;
  readonly prefetchFactor: number;
  readonly persistentWorkers: boolean;
  readonly timeout: number;
}

const OP = 'DataLoader';

export function checkLoader(dataset: unknown, options: DataLoaderOptions): LoaderSetup {
  checkOptions(OP, options);
  checkKind(dataset);
  const { batchSize = 1, shuffle = false, dropLast = false, numWorkers = 0, persistentWorkers = false } = options;
  const { timeout = 0, prefetchFactor = numWorkers === 0 ? 0 : 2 } = options;
  if (batchSize !== null) checkCount(OP, 'batchSize', batchSize, 1);
  checkFlag(OP, 'shuffle', shuffle);
  checkFlag(OP, 'dropLast', dropLast);
  checkFlag(OP, 'persistentWorkers', persistentWorkers);
  checkCount(OP, 'numWorkers', numWorkers, 0);
  if (options.prefetchFactor !== undefined) checkCount(OP, 'prefetchFactor', prefetchFactor, 1);
  if (!(typeof timeout === 'number' && timeout >= 0 && timeout < 2 ** 31 / 1000)) {
    throw new ArgumentError(OP, `timeout must be a number of seconds, got ${valueText(timeout)}`, timeout);
  }
  const { workerInitFn, resourceLimits } = options;
  const needsWorkers = { persistentWorkers, timeout, workerInitFn, resourceLimits };
  const idle = Object.entries(needsWorkers).find(([, value]) => value);
  if (numWorkers === 0 && idle) {
    throw new ArgumentError(OP, `${idle[0]} needs numWorkers of at least 1`, options);
  }
  if (resourceLimits !== undefined) checkOptions(`${OP} resourceLimits`, resourceLimits);
  checkOrder(dataset, options);
  if (numWorkers > 0) checkSources(dataset, options);
  return { batchSize, shuffle, dropLast, numWorkers, prefetchFactor, persistentWorkers, timeout };
}

function checkKind(dataset: unknown): asserts dataset is Dataset<unknown> | IterableDataset<unknown> {
  const known = typeof dataset === 'object' && dataset !== null;
  if (known && (Symbol.asyncIterator in dataset || Symbol.iterator in dataset)) return;
  if (known && isMapStyle(dataset as Dataset<unknown>) && typeof (dataset as Dataset<unknown>).length === 'number')
    return;
  const rule = 'must have a length and get(index) or batch(indices), or be iterable';
  throw new ArgumentError(OP, `the dataset ${rule}, got ${valueText(dataset)}`, dataset);
}

/** Who decides about the order decides alone. */
function checkOrder(dataset: Dataset<unknown> | IterableDataset<unknown>, options: DataLoaderOptions): void {
  const given = (names: readonly (keyof DataLoaderOptions)[]): string | undefined =>
    names.find((name) => options[name] !== undefined && options[name] !== false);
  const { batchSampler, sampler, batchSize } = options;
  if (batchSampler !== undefined) {
    if (typeof batchSampler?.batches !== 'function' || typeof batchSampler.length !== 'number') {
      throw new ArgumentError(OP, 'batchSampler must have batches(epoch) and a length', batchSampler);
    }
    const other = given(['batchSize', 'shuffle', 'sampler', 'dropLast']);
    if (other) throw new ArgumentError(OP, `batchSampler decides about batches; ${other} cannot be given too`, options);
  }
  if (sampler !== undefined) {
    checkSampler(OP, sampler);
    if (options.shuffle) throw new ArgumentError(OP, 'sampler decides about the order; shuffle cannot be given too');
  }
  if (batchSize === null && options.dropLast) {
    throw new ArgumentError(OP, 'dropLast needs batches; batchSize is null', options);
  }
  const order = given(['shuffle', 'sampler', 'batchSampler']);
  if (!isMapStyle(dataset) && order) {
    throw new ArgumentError(OP, `the items come in the order of the dataset; ${order} cannot be given`, options);
  }
}

function checkSources(dataset: object, options: DataLoaderOptions & { collateFn?: unknown }): void {
  const hint = 'cannot cross threads: give it withSource(..., { module, export })';
  if (sourceOf(dataset) === null) {
    const ways = 'give it a method workerSource(), or take it from importSource()';
    throw new ArgumentError(OP, `workers cannot make ${datasetName(dataset)} for themselves: ${ways}`, dataset);
  }
  for (const name of ['collateFn', 'workerInitFn'] as const) {
    const fn = options[name];
    if (fn === undefined) continue;
    if (typeof fn !== 'function') throw new ArgumentError(OP, `${name} must be a function, got ${valueText(fn)}`, fn);
    if (sourceOf(fn) === null) throw new ArgumentError(OP, `${name} ${hint}`, fn);
  }
}
