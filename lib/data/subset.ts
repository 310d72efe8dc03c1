import { ArgumentError } from '../errors.js';
import { checkDataset, checkIndex, checkList } from './check.js';
import { type BatchDataset, type Dataset, makesBatches } from './dataset.js';
import { Philox } from './philox.js';
import { dealByClass, itemsByClass } from './stratify.js';
import { type ModuleSource, sourceOf } from './worker/source.js';

/**
 * Some items of a dataset, in an order of their own.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.Subset
 */
export class Subset<T> implements Dataset<T> {
  readonly dataset: Dataset<T>;
  readonly indices: Uint32Array;

  /** @throws ArgumentError when an index is outside the dataset */
  constructor(dataset: Dataset<T>, indices: ArrayLike<number>) {
    checkDataset('Subset', dataset);
    checkList('Subset', 'indices', indices);
    for (let i = 0; i < indices.length; i++) checkIndex('Subset', indices[i], dataset.length);
    this.dataset = dataset;
    this.indices = Uint32Array.from(indices);
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): T | Promise<T> {
    return this.dataset.get(this.at(index));
  }

  /** @internal The number that item `index` has in the whole dataset. */
  protected at(index: number): number {
    checkIndex('Subset', index, this.length);
    return this.indices[index];
  }

  workerSource(): ModuleSource | null {
    const dataset = sourceOf(this.dataset);
    return dataset && { module: import.meta.url, export: 'subset', args: [dataset, this.indices] };
  }
}

/** Some items of a dataset that makes its own batches; so does this. */
export class BatchSubset<T, B> extends Subset<T> implements BatchDataset<T, B> {
  declare readonly dataset: BatchDataset<T, B>;

  constructor(dataset: BatchDataset<T, B>, indices: ArrayLike<number>) {
    super(dataset, indices);
  }

  batch(indices: ArrayLike<number>): B | Promise<B> {
    return this.dataset.batch(Uint32Array.from(indices, (index) => this.at(index)));
  }
}

/** The items of `dataset` with these numbers. Keeps the fast path of datasets that make their own batches. */
export function subset<T, B>(dataset: BatchDataset<T, B>, indices: ArrayLike<number>): BatchSubset<T, B>;
export function subset<T>(dataset: Dataset<T>, indices: ArrayLike<number>): Subset<T>;
export function subset<T, B>(dataset: Dataset<T> | BatchDataset<T, B>, indices: ArrayLike<number>): Subset<T> {
  return makesBatches(dataset) ? new BatchSubset(dataset, indices) : new Subset(dataset, indices);
}

/**
 * Splits a dataset at random into parts that share no item.
 *
 * @param lengths how many items each part gets; as integers that add up to the dataset's length, or as fractions that
 * add up to 1 (what rounding leaves goes one each to the first parts, as in PyTorch)
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.random_split
 *
 * @example
 * const [train, validation] = randomSplit(dataset, [0.9, 0.1], 1);
 */
export function randomSplit<T, B>(
  dataset: BatchDataset<T, B>,
  lengths: readonly number[],
  seed: number,
): BatchSubset<T, B>[];
export function randomSplit<T>(dataset: Dataset<T>, lengths: readonly number[], seed: number): Subset<T>[];
export function randomSplit<T>(dataset: Dataset<T>, lengths: readonly number[], seed: number): Subset<T>[] {
  checkDataset('randomSplit', dataset);
  const sizes = partSizes('randomSplit', dataset.length, lengths);
  const order = new Philox(seed).permutation(dataset.length);
  let begin = 0;
  return sizes.map((size) => {
    begin += size;
    return subset(dataset, order.subarray(begin - size, begin));
  });
}

/**
 * Splits a dataset at random into parts that share no item and have the classes in the same proportions.
 *
 * @param labels the class of every item
 * @param lengths as of {@link randomSplit}
 * @example
 * const [train, validation] = stratifiedSplit(digits, digits.labels, [0.9, 0.1], 1);
 */
export function stratifiedSplit<T, B>(
  dataset: BatchDataset<T, B>,
  labels: ArrayLike<number | string | bigint | boolean>,
  lengths: readonly number[],
  seed: number,
): BatchSubset<T, B>[];
export function stratifiedSplit<T>(
  dataset: Dataset<T>,
  labels: ArrayLike<number | string | bigint | boolean>,
  lengths: readonly number[],
  seed: number,
): Subset<T>[];
export function stratifiedSplit<T>(
  dataset: Dataset<T>,
  labels: ArrayLike<number | string | bigint | boolean>,
  lengths: readonly number[],
  seed: number,
): Subset<T>[] {
  const op = 'stratifiedSplit';
  checkDataset(op, dataset);
  const classes = itemsByClass(op, labels);
  if (labels.length !== dataset.length) {
    throw new ArgumentError(op, `${labels.length} labels for ${dataset.length} items`, labels);
  }
  const sizes = partSizes(op, dataset.length, lengths);
  return dealByClass(classes, sizes, new Philox(seed)).map((indices) => subset(dataset, indices));
}

function partSizes(op: string, total: number, lengths: readonly number[]): number[] {
  checkList(op, 'lengths', lengths);
  const sum = lengths.reduce((a, b) => a + b, 0);
  const valid = lengths.every((length) => length >= 0);
  if (valid && lengths.every(Number.isInteger) && sum === total) return [...lengths];
  if (!valid || Math.abs(sum - 1) > 1e-9) {
    const rule = `must be counts that add up to ${total} or fractions that add up to 1`;
    throw new ArgumentError(op, `lengths ${rule}, got [${lengths.join(', ')}]`, lengths);
  }
  const sizes = lengths.map((fraction) => Math.floor(total * fraction));
  const left = total - sizes.reduce((a, b) => a + b, 0);
  for (let i = 0; i < left; i++) sizes[i % sizes.length]++;
  return sizes;
}
