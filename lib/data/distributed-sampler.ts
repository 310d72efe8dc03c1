import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { checkCount, checkFlag, checkLength } from './check.js';
import { Philox } from './philox.js';
import { Sampler } from './sampler.js';
import type { StateTree } from './state.js';

/** Options of {@link DistributedSampler}. */
export interface DistributedOptions {
  /** How many processes share the dataset. */
  readonly numReplicas: number;
  /** Which of them this is, from 0. */
  readonly rank: number;
  /** Take the items in a new random order in each epoch. Default true. */
  readonly shuffle?: boolean;
  /** The same in all processes. Default 0. */
  readonly seed?: number;
  /** Leave out items that cannot be shared evenly, instead of repeating some. Default false. */
  readonly dropLast?: boolean;
}

/**
 * The part of a dataset that one of several processes takes: item `rank`, `rank + numReplicas`, … of one order. All get
 * equally many; for that the first items come twice, or with `dropLast` the last ones not at all.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.distributed.DistributedSampler
 *
 * In a DataLoader the loader's epoch decides about the order, unless {@link setEpoch} was called.
 */
export class DistributedSampler extends Sampler {
  readonly dataset: { readonly length: number };
  readonly numReplicas: number;
  readonly rank: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  private chosenEpoch: number | null = null;

  constructor(dataset: { readonly length: number }, options: DistributedOptions) {
    const op = 'DistributedSampler';
    checkOptions(op, options);
    const { numReplicas, rank, shuffle = true, seed = 0, dropLast = false } = options;
    checkCount(op, 'seed', seed, Number.MIN_SAFE_INTEGER);
    super(seed);
    checkLength(op, 'dataset', dataset);
    checkCount(op, 'numReplicas', numReplicas, 1);
    checkCount(op, 'rank', rank, 0);
    if (rank >= numReplicas) {
      throw new ArgumentError(op, `rank must be below numReplicas (${numReplicas}), got ${valueText(rank)}`, rank);
    }
    checkFlag(op, 'shuffle', shuffle);
    checkFlag(op, 'dropLast', dropLast);
    this.dataset = dataset;
    this.numReplicas = numReplicas;
    this.rank = rank;
    this.shuffle = shuffle;
    this.dropLast = dropLast;
  }

  /** Items of this process per epoch. */
  get numSamples(): number {
    const { length } = this.dataset;
    const { numReplicas } = this;
    const shared = this.dropLast && length % numReplicas !== 0 ? length - numReplicas : length;
    return Math.max(0, Math.ceil(shared / numReplicas));
  }

  /** Items of all processes per epoch. */
  get totalSize(): number {
    return this.numSamples * this.numReplicas;
  }

  get length(): number {
    return this.numSamples;
  }

  /** Chooses the order, for this epoch and for all that follow until it is called again. */
  setEpoch(epoch: number): void {
    checkCount('DistributedSampler.setEpoch', 'epoch', epoch, 0);
    this.chosenEpoch = epoch;
  }

  indices(epoch: number): Uint32Array {
    const { length } = this.dataset;
    const order = this.shuffle ? new Philox(this.orderSeed, this.chosenEpoch ?? epoch).permutation(length) : null;
    return Uint32Array.from({ length: this.numSamples }, (_, i) => {
      const place = (this.rank + i * this.numReplicas) % length;
      return order === null ? place : order[place];
    });
  }

  override stateDict(): StateTree {
    return { ...super.stateDict(), chosenEpoch: this.chosenEpoch };
  }

  override loadStateDict(state: StateTree): void {
    super.loadStateDict(state);
    const { chosenEpoch = null } = state;
    if (chosenEpoch !== null) this.setEpoch(chosenEpoch as number);
    else this.chosenEpoch = null;
  }
}
