import { Philox } from '../data/philox.js';
import { type BatchSamplerLike, drawSeed } from '../data/sampler.js';
import type { Stateful, StateTree } from '../data/state.js';
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import type { Generator } from '../tensor/random.js';
import { checkBoolean, checkInteger, checkNumber } from './check.js';

/** Options of {@link BucketBatchSampler}. */
export interface BucketOptions {
  /** Sequences per batch; with `maxTokens` at most so many. Needed without `maxTokens`. */
  batchSize?: number;
  /**
   * The most places of a padded batch: sequences times the length of the longest. Many short sequences or a few long ones then
   * make a batch, and a step takes about as much memory as any other. Default: no limit.
   */
  maxTokens?: number;
  /** New batches in a new order for each epoch. Default true; false goes from short to long. */
  shuffle?: boolean;
  /**
   * How far lengths are moved at random before sorting, as a part of the length. Default 0.1; 0 with `maxTokens`, where only
   * sequences of one length change places, so that each epoch has as many batches.
   */
  noise?: number;
  /** Leave out what does not fill a batch, other sequences in each epoch. Not with `maxTokens`. Default false. */
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
 * @example
 * new BucketBatchSampler(lengths, { maxTokens: 4096 }); // 4096 sequences of 1 token, 4 of 1024
 */
export class BucketBatchSampler implements BatchSamplerLike, Stateful {
  /** The most sequences of a batch; Infinity where only `maxTokens` limits them. */
  readonly batchSize: number;
  /** The most places of a padded batch; Infinity for no limit. */
  readonly maxTokens: number;
  readonly shuffle: boolean;
  readonly noise: number;
  readonly dropLast: boolean;
  private orderSeed: number;
  private readonly lengths: Float64Array;

  /** Where the batches end in the sequences from short to long. */
  private readonly ends: readonly number[];

  /**
   * @param lengths the length of every item of the dataset
   * @throws ArgumentError for options out of range, a length below 0, and one above `maxTokens`
   */
  constructor(lengths: ArrayLike<number>, options: BucketOptions) {
    const op = 'BucketBatchSampler';
    const checked = checkBuckets(op, options);
    if (typeof lengths !== 'object' || lengths === null) {
      throw new ArgumentError(op, `lengths must be an array of numbers, got ${valueText(lengths)}`, lengths);
    }
    this.lengths = Float64Array.from(lengths, Number);
    const wrong = this.lengths.findIndex((length) => !(length >= 0));
    if (wrong >= 0)
      throw new ArgumentError(op, `length ${wrong} must be >= 0, got ${valueText(lengths[wrong])}`, lengths);
    const long = this.lengths.findIndex((length) => length > checked.maxTokens);
    if (long >= 0) {
      const text = `length ${long} is ${this.lengths[long]}, maxTokens is ${checked.maxTokens}`;
      throw new ArgumentError(op, text, lengths);
    }
    this.batchSize = checked.batchSize;
    this.maxTokens = checked.maxTokens;
    this.shuffle = checked.shuffle;
    this.noise = checked.noise;
    this.dropLast = checked.dropLast;
    this.ends = this.findEnds();
    this.orderSeed = options.seed ?? drawSeed(op, options.generator);
    checkInteger(op, 'seed', this.seed, Number.MIN_SAFE_INTEGER);
  }

  private findEnds(): number[] {
    const { batchSize, maxTokens } = this;
    const sorted = this.lengths.slice().sort();
    const used = this.dropLast ? Math.floor(sorted.length / batchSize) * batchSize : sorted.length;
    const ends: number[] = [];
    let start = 0;
    for (let at = 0; at < used; at++) {
      if (at > start && (at - start === batchSize || (at + 1 - start) * sorted[at] > maxTokens)) {
        ends.push(at);
        start = at;
      }
    }
    return used > start ? [...ends, used] : ends;
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
    return this.ends.length;
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
    const batches = this.ends.map((end, i) => sorted.subarray(i === 0 ? 0 : this.ends[i - 1], end));
    return this.shuffle ? Array.from(random.permutation(batches.length), (i) => batches[i]) : batches;
  }
}

type Checked = Required<Omit<BucketOptions, 'seed' | 'generator'>>;

function checkBuckets(op: string, options: BucketOptions): Checked {
  checkOptions(op, options);
  const { batchSize, maxTokens, shuffle = true, dropLast = false } = options;
  const { noise = maxTokens === undefined ? 0.1 : 0 } = options;
  if (batchSize !== undefined || maxTokens === undefined) checkInteger(op, 'batchSize', batchSize, 1);
  if (maxTokens !== undefined) checkInteger(op, 'maxTokens', maxTokens, 1);
  checkBoolean(op, 'shuffle', shuffle);
  checkBoolean(op, 'dropLast', dropLast);
  checkNumber(op, 'noise', noise, 'a number from 0 to 1', (x) => x >= 0 && x <= 1);
  if (maxTokens !== undefined && (dropLast || noise > 0)) {
    const other = dropLast ? 'dropLast' : 'noise';
    throw new ArgumentError(op, `maxTokens and ${other} cannot be given together`, options[other]);
  }
  const none = Number.POSITIVE_INFINITY;
  return { batchSize: batchSize ?? none, maxTokens: maxTokens ?? none, shuffle, noise, dropLast };
}
