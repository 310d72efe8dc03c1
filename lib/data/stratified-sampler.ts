import { checkOptions } from '../tensor/check.js';
import { checkCount, checkFlag } from './check.js';
import { Philox } from './philox.js';
import { BatchSamplerBase, type SeedOptions, seedOf } from './sampler.js';
import { dealByClass, itemsByClass } from './stratify.js';

/** Options of {@link StratifiedBatchSampler}. */
export interface StratifiedBatchOptions extends SeedOptions {
  /** Items per batch. */
  readonly batchSize: number;
  /** Leave out a last batch that is smaller than the others. Default false. */
  readonly dropLast?: boolean;
}

/**
 * Random batches in which every class has about its share of the whole: at most one item more or less than what the
 * share of what is left comes to. Every item comes once per epoch.
 *
 * @example
 * const batchSampler = new StratifiedBatchSampler(labels, { batchSize: 32, seed: 1 });
 * const loader = new DataLoader(dataset, { batchSampler });
 */
export class StratifiedBatchSampler extends BatchSamplerBase {
  readonly batchSize: number;
  readonly dropLast: boolean;
  private readonly items: number;
  private readonly classes: readonly Uint32Array[];

  /** @param labels the class of every item of the dataset */
  constructor(labels: ArrayLike<number | string | bigint | boolean>, options: StratifiedBatchOptions) {
    const op = 'StratifiedBatchSampler';
    checkOptions(op, options);
    const { batchSize, dropLast = false } = options;
    super(seedOf(op, options));
    checkCount(op, 'batchSize', batchSize, 1);
    checkFlag(op, 'dropLast', dropLast);
    this.classes = itemsByClass(op, labels);
    this.items = labels.length;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
  }

  /** Batches per epoch. */
  get length(): number {
    const batches = this.items / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  batches(epoch: number): Uint32Array[] {
    const { batchSize, items } = this;
    const sizes = Array.from({ length: this.length }, (_, i) => Math.min(batchSize, items - i * batchSize));
    return dealByClass(this.classes, sizes, new Philox(this.orderSeed, epoch));
  }
}
