import { ArgumentError, NablaError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import type { Collated } from './collate.js';
import { type BatchDataset, type Dataset, datasetName, type IterableDataset, isMapStyle } from './dataset.js';
import { Epoch, type EpochOptions } from './epoch.js';
import { batchMaker, type Collate, type MakeBatch } from './fetch.js';
import { type CollateOptions, checkLoader, type DataLoaderOptions, type LoaderSetup } from './loader-options.js';
import { Philox } from './philox.js';
import { type BatchSamplerLike, type SamplerLike, seedOf } from './sampler.js';
import { type Stateful, type StateTree, type StateValue, statefulOf } from './state.js';
import { streamBatches } from './stream.js';
import { localSupply, type Step, type Supply, streamSupply, workerStreamSupply, workerSupply } from './supply.js';
import { WorkerPool } from './worker/pool.js';
import { postable, sourceOf } from './worker/source.js';

export type { CollateOptions, DataLoaderOptions } from './loader-options.js';

/** A loop and where it is. */
interface Loop {
  readonly epoch: number;
  /** Batches that were given. */
  batch: number;
}

const dropped = new FinalizationRegistry<{ pool: WorkerPool | null }>(({ pool }) => void pool?.close());

/**
 * Batches of a dataset, in order or shuffled. Each loop over it is one epoch, with its own order when shuffling.
 *
 * Datasets with a `batch` of their own make it; the items of others are put together by `collateFn`: by default tensors
 * are stacked, numbers become a tensor, tuples and objects are put together field by field. Arrays are datasets too.
 *
 * With `numWorkers` threads make the batches, each with a dataset of its own, which its `workerSource()` tells it to
 * make. The batches are the same for any number of workers, and stand at the same places. `for await` is needed then.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.DataLoader
 *
 * @example
 * const loader = new DataLoader(await FashionMNIST.load(), { batchSize: 100, shuffle: true, seed: 1 });
 * for await (const [images, labels] of loader) { ... }
 */
export class DataLoader<T, B = Collated<T>> implements Iterable<B>, AsyncIterable<B>, Stateful {
  readonly dataset: Dataset<T> | IterableDataset<T>;
  /** Items per batch; 1 where a batch sampler decides, null for items as they are. */
  readonly batchSize: number | null;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly numWorkers: number;
  readonly sampler: SamplerLike | null;
  readonly batchSampler: BatchSamplerLike | null;
  /** The number of the next epoch; set it to repeat one. To go on after a restart there is {@link stateDict}. */
  epoch = 0;

  private orderSeed: number;
  /** Batches that the next loop leaves out. */
  private skipped = 0;
  /** The newest loop, until it has ended. */
  private loop: Loop | null = null;
  private readonly setup: LoaderSetup;
  private readonly options: DataLoaderOptions;
  private readonly collate: Collate<T, B> | null;
  private readonly makeBatch: MakeBatch<B> | null;
  /** The workers that stay between epochs, and whether a loop has them. */
  private readonly kept: { pool: WorkerPool | null } = { pool: null };
  private inUse = false; // by a stream: a worker has only one of it

  constructor(dataset: Dataset<B> | IterableDataset<B>, options: DataLoaderOptions & { batchSize: null });
  constructor(dataset: BatchDataset<T, B>, options?: DataLoaderOptions);
  constructor(dataset: Dataset<T> | IterableDataset<T>, options: CollateOptions<T, B>);
  constructor(dataset: Dataset<T> | IterableDataset<T>, options?: DataLoaderOptions);
  constructor(
    dataset: Dataset<unknown> | IterableDataset<unknown>,
    options: DataLoaderOptions | CollateOptions<T, B> = {},
  ) {
    const items = asDataset(dataset) as Dataset<T> | IterableDataset<T>;
    this.setup = checkLoader(items, options);
    this.orderSeed = seedOf('DataLoader', options);
    this.options = options;
    this.dataset = items;
    this.batchSize = this.setup.batchSize;
    this.shuffle = this.setup.shuffle;
    this.dropLast = this.setup.dropLast;
    this.numWorkers = this.setup.numWorkers;
    this.sampler = options.sampler ?? null;
    this.batchSampler = options.batchSampler ?? null;
    this.collate = 'collateFn' in options ? options.collateFn : null;
    const batched = this.batchSize !== null;
    this.makeBatch = isMapStyle(items) ? batchMaker<T, B>(items, { collate: this.collate, batched }) : null;
    if (this.setup.persistentWorkers) dropped.register(this, this.kept);
  }

  /** Gives the orders of all epochs. */
  get seed(): number {
    return this.orderSeed;
  }

  /** Batches per epoch; `Infinity` for a stream that does not know how many items it has. */
  get length(): number {
    if (this.batchSampler !== null) return this.batchSampler.length;
    const items = (this.sampler ?? this.dataset).length ?? Number.POSITIVE_INFINITY;
    const batches = items / (this.batchSize ?? 1);
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /**
   * Where the loader stands: inside a loop behind the batch that it gave last, otherwise before the next epoch. A loop that
   * was left early counts as ended; of several loops at once the newest counts. Batches that are prepared ahead do not count.
   */
  stateDict(): StateTree {
    const { epoch, batch } = this.loop ?? { epoch: this.epoch, batch: this.skipped };
    const { seed, shuffle, batchSize } = this;
    const sampler = statefulOf(this.batchSampler ?? this.sampler)?.stateDict() ?? null;
    return { seed, epoch, batch, shuffle, batchSize, ...this.fixedState(), sampler };
  }

  /**
   * Takes over a {@link stateDict}: the next loop goes on behind its last batch, in the order that its epoch had. The number
   * of workers may be another one, unless the dataset is a stream.
   * @throws ArgumentError when the loader has other batches than the one that was saved; nothing has changed then.
   */
  loadStateDict(state: StateTree): void {
    const op = 'DataLoader.loadStateDict';
    checkOptions(op, state);
    const { seed, epoch, batch, sampler, ...fixed } = state;
    const { shuffle, batchSize } = this;
    for (const [name, value] of Object.entries({ shuffle, batchSize, ...this.fixedState() })) {
      if (fixed[name] === value) continue;
      const other = valueText(fixed[name]);
      throw new ArgumentError(op, `${name} is ${valueText(value)}, that of the saved loader was ${other}`, fixed[name]);
    }
    const next = savedInteger(op, 'epoch', epoch, 0);
    const skipped = savedInteger(op, 'batch', batch, 0);
    const orderSeed = savedInteger(op, 'seed', seed, Number.MIN_SAFE_INTEGER);
    if (sampler) statefulOf(this.batchSampler ?? this.sampler)?.loadStateDict(sampler as StateTree);
    this.orderSeed = orderSeed;
    this.epoch = next;
    this.skipped = skipped;
    this.loop = null;
  }

  /** One epoch for `for await`; also for datasets whose items come asynchronously. */
  [Symbol.asyncIterator](): AsyncIterator<B> {
    const { loop, end } = this.beginEpoch();
    const { makeBatch } = this;
    if (this.numWorkers > 0 || this.setup.prefetchFactor > 0 || makeBatch === null) {
      return this.prepareAhead(loop, end);
    }
    const steps = this.steps(loop);
    return {
      async next() {
        const step = steps.next();
        if (step.done) end();
        if (step.done) return { done: true, value: undefined };
        const value = await makeBatch(step.value.indices);
        loop.batch = step.value.batch + 1;
        return { done: false, value };
      },
      async return() {
        end();
        return { done: true, value: undefined };
      },
    };
  }

  /** One epoch for `for`, made here: no workers, no asynchronous items. */
  *[Symbol.iterator](): IterableIterator<B> {
    const { makeBatch } = this;
    if (this.numWorkers > 0 || makeBatch === null) {
      const why = makeBatch === null ? 'the dataset is a stream' : 'the batches come from workers';
      throw new ArgumentError('DataLoader', `${why}; use \`for await\``, this.dataset);
    }
    const { loop, end } = this.beginEpoch();
    try {
      for (const { batch: number, indices } of this.steps(loop)) {
        const batch = makeBatch(indices);
        if (batch instanceof Promise) {
          batch.catch(() => {});
          throw new ArgumentError('DataLoader', 'the items come asynchronously; use `for await`', this.dataset);
        }
        loop.batch = number + 1;
        yield batch;
      }
    } finally {
      end();
    }
  }

  /** Ends the workers that `persistentWorkers` keeps. A later loop starts new ones. */
  async close(): Promise<void> {
    const { pool } = this.kept;
    this.kept.pool = null;
    await pool?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What two loaders must have in common to go on with each other's state. */
  private fixedState(): StateTree {
    return isMapStyle(this.dataset)
      ? { items: this.dataset.length }
      : { items: this.dataset.length ?? null, numWorkers: this.numWorkers };
  }

  private beginEpoch(): { loop: Loop; end: () => void } {
    const loop = { epoch: this.epoch++, batch: this.skipped };
    this.loop = loop;
    this.skipped = 0;
    const end = (): void => {
      if (this.loop === loop) this.loop = null;
    };
    return { loop, end };
  }

  /** An epoch whose batches are begun before they are asked for. */
  private prepareAhead(loop: Loop, end: () => void): Epoch<B> {
    const { numWorkers, prefetchFactor, timeout } = this.setup;
    const isStream = this.makeBatch === null;
    const { supply, release } = this.supplyFor(loop);
    // Nothing refers to the loop from here, so that one that nobody has any more can be found.
    let given = loop.batch;
    const options: EpochOptions = {
      ahead: Math.max(1, numWorkers) * Math.max(1, prefetchFactor),
      yielding: numWorkers === 0,
      timeout,
      skip: isStream ? loop.batch : 0,
      onBatch: () => {
        loop.batch = ++given;
      },
      onFailure: () => {
        given++;
        release();
      },
      onEnd: () => {
        end();
        release();
      },
    };
    return new Epoch(supply, options);
  }

  private supplyFor(loop: Loop): { supply: Supply<B>; release: () => void } {
    const { numWorkers } = this;
    const { epoch } = loop;
    if (numWorkers === 0) {
      const supply = this.makeBatch ? localSupply(this.steps(loop), this.makeBatch) : streamSupply(this.stream(epoch));
      return { supply, release: () => {} };
    }
    const { pool, persistent } = this.takePool();
    const supply = this.makeBatch
      ? workerSupply<B>(this.steps(loop), epoch, pool, persistent)
      : workerStreamSupply<B>(numWorkers, epoch, pool, persistent);
    const release = (): void => {
      if (persistent) this.inUse = false;
    };
    return { supply, release };
  }

  private stream(epoch: number): ReturnType<typeof streamBatches<T, B>> {
    const { collate, batchSize, dropLast } = this;
    return streamBatches(this.dataset as IterableDataset<T>, { collate, batchSize, dropLast, epoch });
  }

  /** The workers that stay, unless another loop has their streams. */
  private takePool(): { pool: WorkerPool; persistent: boolean } {
    if (!this.setup.persistentWorkers || this.inUse) return { pool: this.newPool(), persistent: false };
    if (this.kept.pool === null || this.kept.pool.isClosed) this.kept.pool = this.newPool();
    this.inUse = this.makeBatch === null;
    return { pool: this.kept.pool, persistent: true };
  }

  private newPool(): WorkerPool {
    const { numWorkers, seed, batchSize, dropLast, dataset, collate } = this;
    const { workerInitFn, resourceLimits } = this.options;
    const source = (value: object | null | undefined) => {
      const found = value ? sourceOf(value) : null;
      return found && postable(found);
    };
    const own = source(dataset);
    if (own === null) throw new NablaError('DataLoader', `${datasetName(dataset)} has no source for workers any more`);
    const parts = { dataset: own, collate: source(collate), init: source(workerInitFn) };
    return new WorkerPool({ numWorkers, seed, batchSize, dropLast, resourceLimits, ...parts }, datasetName(dataset));
  }

  /** The batches of an epoch that are not done yet. */
  private *steps({ epoch, batch: first }: Loop): IterableIterator<Step> {
    if (this.batchSampler !== null) {
      let batch = 0;
      for (const indices of this.batchSampler.batches(epoch)) {
        if (batch >= first) yield { batch, indices: Uint32Array.from(indices) };
        batch++;
      }
      return;
    }
    const batchSize = this.batchSize ?? 1;
    const order = this.orderOf(epoch);
    const batches = this.dropLast ? Math.floor(order.length / batchSize) : Math.ceil(order.length / batchSize);
    for (let batch = first; batch < batches; batch++) {
      yield { batch, indices: order.subarray(batch * batchSize, (batch + 1) * batchSize) };
    }
  }

  private orderOf(epoch: number): Uint32Array {
    if (this.sampler !== null) return Uint32Array.from(this.sampler.indices(epoch));
    const items = (this.dataset as Dataset<T>).length;
    if (this.shuffle) return new Philox(this.seed, epoch).permutation(items);
    return Uint32Array.from({ length: items }, (_, i) => i);
  }
}

/** Arrays give items by number too. */
function asDataset(dataset: unknown): unknown {
  if (!Array.isArray(dataset)) return dataset;
  return { length: dataset.length, get: (index: number): unknown => dataset[index] };
}

function savedInteger(op: string, name: string, value: StateValue, least: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw new ArgumentError(op, `${name} is ${valueText(value)}`, value);
}
