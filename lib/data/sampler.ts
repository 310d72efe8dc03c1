import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { counters32, type Generator, generatorOf } from '../tensor/random.js';
import { checkCount, checkFlag, checkLength, checkList } from './check.js';
import { Philox } from './philox.js';
import type { Stateful, StateTree } from './state.js';

/** Says in which order items are taken; a DataLoader asks it once per epoch. */
export interface SamplerLike {
  /** Items per epoch. */
  readonly length: number;
  /** The items of an epoch, counted from 0; the same epoch gives the same items. */
  indices(epoch: number): Iterable<number>;
}

/**
 * Says which items of a dataset make each batch; a DataLoader asks it once per epoch.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.Sampler
 */
export interface BatchSamplerLike {
  /** Batches per epoch. */
  readonly length: number;
  /** The items of every batch of an epoch, counted from 0; the same epoch gives the same batches. */
  batches(epoch: number): Iterable<ArrayLike<number>>;
}

/** Where the order of a sampler comes from. */
export interface SeedOptions {
  /** The same seed gives the same order in the same epoch. Default: the generator's next number. */
  readonly seed?: number;
  /** Gives the seed where there is none. Default: the one that `manualSeed` seeds. */
  readonly generator?: Generator;
}

/** A seed from a generator; the default one where none is given. @internal */
export function drawSeed(op: string, generator: Generator | undefined): number {
  const { seedLo, seedHi, offset } = generatorOf(op, generator)._take(counters32(1));
  return new Philox(seedHi * 2 ** 32 + seedLo, offset).nextUint32();
}

/** @internal The seed of the options. */
export function seedOf(op: string, options: SeedOptions): number {
  checkOptions(op, options);
  const seed = options.seed ?? drawSeed(op, options.generator);
  checkCount(op, 'seed', seed, Number.MIN_SAFE_INTEGER);
  return seed;
}

/**
 * The base of samplers: pure functions of a seed and an epoch, so any place of any epoch can be found again. A loop over
 * one goes through its next epoch; {@link stateDict} in the middle of a loop leads back to that place.
 */
abstract class SeededOrder<T> implements Iterable<T>, Stateful {
  /** The number of the next epoch of a loop over the sampler. A DataLoader counts for itself. */
  epoch = 0;
  protected orderSeed: number;
  private skipped = 0;
  private loop: { epoch: number; position: number } | null = null;

  constructor(seed: number) {
    this.orderSeed = seed;
  }

  /** What a loop over this sampler gives per epoch. */
  abstract readonly length: number;

  /** @internal What an epoch gives. */
  protected abstract order(epoch: number): Iterable<T>;

  /** Gives the orders of all epochs. */
  get seed(): number {
    return this.orderSeed;
  }

  /** The next epoch. */
  *[Symbol.iterator](): IterableIterator<T> {
    const loop = { epoch: this.epoch++, position: this.skipped };
    this.loop = loop;
    this.skipped = 0;
    try {
      let place = 0;
      for (const item of this.order(loop.epoch)) {
        if (place++ < loop.position) continue;
        loop.position = place;
        yield item;
      }
    } finally {
      if (this.loop === loop) this.loop = null;
    }
  }

  /** Seed and place: inside a loop behind what it gave last, otherwise before the next epoch. */
  stateDict(): StateTree {
    const { epoch, position } = this.loop ?? { epoch: this.epoch, position: this.skipped };
    return { seed: this.orderSeed, epoch, position };
  }

  /** @throws ArgumentError for what is no such state; nothing has changed then. */
  loadStateDict(state: StateTree): void {
    const op = `${this.constructor.name}.loadStateDict`;
    checkOptions(op, state);
    const { seed, epoch = 0, position = 0 } = state;
    checkCount(op, 'seed', seed, Number.MIN_SAFE_INTEGER);
    checkCount(op, 'epoch', epoch, 0);
    checkCount(op, 'position', position, 0);
    this.orderSeed = seed;
    this.epoch = epoch;
    this.skipped = position;
    this.loop = null;
  }
}

/**
 * The base of samplers: an order of items for each epoch.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.Sampler
 */
export abstract class Sampler extends SeededOrder<number> implements SamplerLike {
  /** The items of an epoch; the same epoch gives the same items. */
  abstract indices(epoch: number): Uint32Array;

  /** @internal */
  protected override order(epoch: number): Iterable<number> {
    return this.indices(epoch);
  }
}

/**
 * All items in their order.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.SequentialSampler
 */
export class SequentialSampler extends Sampler {
  readonly dataSource: { readonly length: number };

  constructor(dataSource: { readonly length: number }) {
    super(0);
    checkLength('SequentialSampler', 'dataSource', dataSource);
    this.dataSource = dataSource;
  }

  get length(): number {
    return this.dataSource.length;
  }

  indices(_epoch: number): Uint32Array {
    return Uint32Array.from({ length: this.length }, (_, i) => i);
  }
}

/** Options of {@link RandomSampler}. */
export interface RandomSamplerOptions extends SeedOptions {
  /** Draw every item from all of them. Default false: every item comes once before one comes again. */
  readonly replacement?: boolean;
  /** Items per epoch. Default: those of the dataset. */
  readonly numSamples?: number;
}

/**
 * The items in a new random order in each epoch, or drawn with replacement.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.RandomSampler
 */
export class RandomSampler extends Sampler {
  readonly dataSource: { readonly length: number };
  readonly replacement: boolean;
  private readonly samples: number | undefined;

  constructor(dataSource: { readonly length: number }, options: RandomSamplerOptions = {}) {
    super(seedOf('RandomSampler', options));
    checkLength('RandomSampler', 'dataSource', dataSource);
    const { replacement = false, numSamples } = options;
    checkFlag('RandomSampler', 'replacement', replacement);
    if (numSamples !== undefined) checkCount('RandomSampler', 'numSamples', numSamples, 0);
    this.dataSource = dataSource;
    this.replacement = replacement;
    this.samples = numSamples;
  }

  /** Items per epoch. */
  get numSamples(): number {
    return this.samples ?? this.dataSource.length;
  }

  get length(): number {
    return this.dataSource.length === 0 ? 0 : this.numSamples;
  }

  indices(epoch: number): Uint32Array {
    const items = this.dataSource.length;
    const random = new Philox(this.orderSeed, epoch);
    if (this.replacement) return Uint32Array.from({ length: this.length }, () => random.below(items));
    const out = new Uint32Array(this.length);
    for (let at = 0; at < out.length; at += items) {
      out.set(random.permutation(items).subarray(0, Math.min(items, out.length - at)), at);
    }
    return out;
  }
}

/**
 * These items in a new random order in each epoch.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.SubsetRandomSampler
 */
export class SubsetRandomSampler extends Sampler {
  /** The items, in the order in which they were given. */
  readonly items: Uint32Array;

  constructor(indices: ArrayLike<number>, options: SeedOptions = {}) {
    super(seedOf('SubsetRandomSampler', options));
    checkList('SubsetRandomSampler', 'indices', indices);
    for (let i = 0; i < indices.length; i++) checkCount('SubsetRandomSampler', `index ${i}`, indices[i], 0);
    this.items = Uint32Array.from(indices);
  }

  get length(): number {
    return this.items.length;
  }

  indices(epoch: number): Uint32Array {
    return new Philox(this.orderSeed, epoch).permutation(this.items.length).map((i) => this.items[i]);
  }
}

/**
 * The base of batch samplers: batches of items for each epoch.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.Sampler
 */
abstract class Batches extends SeededOrder<Uint32Array> implements BatchSamplerLike {
  /** The items of every batch of an epoch; the same epoch gives the same batches. */
  abstract batches(epoch: number): Iterable<Uint32Array>;

  /** @internal */
  protected override order(epoch: number): Iterable<Uint32Array> {
    return this.batches(epoch);
  }
}

export { Batches as BatchSamplerBase };

/**
 * The items of a sampler in batches. Its state holds that of the sampler.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.BatchSampler
 *
 * @example
 * [...new BatchSampler(new SequentialSampler({ length: 5 }), 2, false)]; // [0, 1], [2, 3], [4]
 */
export class BatchSampler extends Batches {
  readonly sampler: SamplerLike;
  readonly batchSize: number;
  readonly dropLast: boolean;

  /** @param dropLast leave out a last batch that is smaller than the others */
  constructor(sampler: SamplerLike, batchSize: number, dropLast: boolean) {
    super(0);
    checkSampler('BatchSampler', sampler);
    checkCount('BatchSampler', 'batchSize', batchSize, 1);
    checkFlag('BatchSampler', 'dropLast', dropLast);
    this.sampler = sampler;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
  }

  /** Batches per epoch. */
  get length(): number {
    const batches = this.sampler.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  *batches(epoch: number): IterableIterator<Uint32Array> {
    let batch = new Uint32Array(this.batchSize);
    let filled = 0;
    for (const index of this.sampler.indices(epoch)) {
      batch[filled++] = index;
      if (filled < this.batchSize) continue;
      yield batch;
      batch = new Uint32Array(this.batchSize);
      filled = 0;
    }
    if (filled > 0 && !this.dropLast) yield batch.slice(0, filled);
  }

  override stateDict(): StateTree {
    const { stateDict } = this.sampler as Partial<Stateful>;
    return { ...super.stateDict(), sampler: stateDict?.call(this.sampler) ?? null };
  }

  override loadStateDict(state: StateTree): void {
    super.loadStateDict(state);
    if (state.sampler) (this.sampler as Partial<Stateful>).loadStateDict?.(state.sampler as StateTree);
  }
}

/** @internal Throws unless `value` gives items by epoch. */
export function checkSampler(op: string, value: unknown): asserts value is SamplerLike {
  const { indices, length } = (value ?? {}) as Partial<SamplerLike>;
  if (typeof indices === 'function' && typeof length === 'number') return;
  throw new ArgumentError(op, `sampler must have indices(epoch) and a length, got ${valueText(value)}`, value);
}
