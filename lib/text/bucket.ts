import { Philox } from '../data/philox.js';
import { type BatchSamplerLike, drawSeed } from '../data/sampler.js';
import type { Stateful, StateTree } from '../data/state.js';
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import type { Generator } from '../tensor/random.js';
import { checkBoolean, checkInteger, checkNumber } from './check.js';

/** Options of {@link BucketBatchSampler}. */
export interface BucketOptions {
  /** Sequences per batch. */
  batchSize: number;
  /** New batches in a new order for each epoch. Default true; false goes from short to long. */
  shuffle?: boolean;
  /** How far lengths are moved at random before sorting, as a part of the length. Default 0.1. */
  noise?: number;
  /** Leave out what does not fill a batch, other sequences in each epoch. Default false. */
  dropLast?: boolean;
  /** Where the orders come from. Default: the generator's next. */
  seed?: number;
  /** Gives the seed where there is none. Default: the one that `manualSeed` seeds. */
  generator?: Generator;
}

/**
 * Batches of sequences of about the same length, so that little is padded.
 *
 * @example
 * const sampler = new BucketBatchSampler(sentences.map((s) => s.length), { batchSize: 32, seed: 1 });
 * const loader = new data.DataLoader(dataset, { batchSampler: sampler, collateFn: padCollate() });
 */
export class BucketBatchSampler implements BatchSamplerLike, Stateful {
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly noise: number;
  readonly dropLast: boolean;
  private orderSeed: number;
  private readonly lengths: Float64Array;

  /** @param lengths the length of every item of the dataset */
  constructor(lengths: ArrayLike<number>, options: BucketOptions) {
    const op = 'BucketBatchSampler';
    checkOptions(op, options);
    const { batchSize, shuffle = true, noise = 0.1, dropLast = false, generator } = options;
    checkInteger(op, 'batchSize', batchSize, 1);
    checkBoolean(op, 'shuffle', shuffle);
    checkBoolean(op, 'dropLast', dropLast);
    checkNumber(op, 'noise', noise, 'a number from 0 to 1', (x) => x >= 0 && x <= 1);
    if (typeof lengths !== 'object' || lengths === null) {
      throw new ArgumentError(op, `lengths must be an array of numbers, got ${valueText(lengths)}`, lengths);
    }
    this.lengths = Float64Array.from(lengths, Number);
    const wrong = this.lengths.findIndex((length) => !(length >= 0));
    if (wrong >= 0)
      throw new ArgumentError(op, `length ${wrong} must be >= 0, got ${valueText(lengths[wrong])}`, lengths);
    this.batchSize = batchSize;
    this.shuffle = shuffle;
    this.noise = noise;
    this.dropLast = dropLast;
    this.orderSeed = options.seed ?? drawSeed(op, generator);
    checkInteger(op, 'seed', this.seed, Number.MIN_SAFE_INTEGER);
  }

  /** Gives the batches of all epochs. */
  get seed(): number {
    return this.orderSeed;
  }

  /** What the state of a DataLoader keeps of its sampler. */
  stateDict(): StateTree {
    return { seed: this.seed };
  }

  /** @throws ArgumentError for a seed that is no integer. */
  loadStateDict({ seed }: StateTree): void {
    checkInteger('BucketBatchSampler.loadStateDict', 'seed', seed as number, Number.MIN_SAFE_INTEGER);
    this.orderSeed = seed as number;
  }

  /** Batches per epoch. */
  get length(): number {
    const batches = this.lengths.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /** The batches of an epoch; the same epoch gives the same ones. */
  batches(epoch: number): Uint32Array[] {
    const random = new Philox(this.seed, epoch);
    const all = this.shuffle ? random.permutation(this.lengths.length) : Uint32Array.from(this.lengths, (_, i) => i);
    const used = this.dropLast ? all.slice(0, this.length * this.batchSize) : all;
    const keys = Float64Array.from(this.lengths);
    if (this.shuffle) {
      for (let i = 0; i < keys.length; i++) keys[i] *= 1 + this.noise * (random.nextUint32() / 2 ** 31 - 1);
    }
    const sorted = used.sort((a, b) => keys[a] - keys[b]);
    const batches = Array.from({ length: this.length }, (_, i) =>
      sorted.subarray(i * this.batchSize, (i + 1) * this.batchSize),
    );
    return this.shuffle ? Array.from(random.permutation(batches.length), (i) => batches[i]) : batches;
  }
}
