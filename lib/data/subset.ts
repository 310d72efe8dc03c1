import { ArgumentError } from '../errors.js';
import { type BatchDataset, type Dataset, makesBatches } from './dataset.js';
import { Philox } from './philox.js';

/** Some items of a dataset, in an order of their own. */
export class Subset<T> implements Dataset<T> {
  readonly dataset: Dataset<T>;
  readonly indices: Uint32Array;

  /** @throws ArgumentError when an index is outside the dataset */
  constructor(dataset: Dataset<T>, indices: ArrayLike<number>) {
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i];
      if (Number.isInteger(index) && index >= 0 && index < dataset.length) continue;
      throw new ArgumentError('Subset', `index ${index} is out of range [0, ${dataset.length})`, index);
    }
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
    if (Number.isInteger(index) && index >= 0 && index < this.length) return this.indices[index];
    throw new ArgumentError('Subset', `index ${index} is out of range [0, ${this.length})`, index);
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
  const sizes = partSizes(dataset.length, lengths);
  const order = new Philox(seed).permutation(dataset.length);
  let begin = 0;
  return sizes.map((size) => {
    begin += size;
    return subset(dataset, order.subarray(begin - size, begin));
  });
}

function partSizes(total: number, lengths: readonly number[]): number[] {
  const sum = lengths.reduce((a, b) => a + b, 0);
  const valid = lengths.every((length) => length >= 0);
  if (valid && lengths.every(Number.isInteger) && sum === total) return [...lengths];
  if (!valid || Math.abs(sum - 1) > 1e-9) {
    const rule = `must be counts that add up to ${total} or fractions that add up to 1`;
    throw new ArgumentError('randomSplit', `lengths ${rule}, got [${lengths.join(', ')}]`, lengths);
  }
  const sizes = lengths.map((fraction) => Math.floor(total * fraction));
  const left = total - sizes.reduce((a, b) => a + b, 0);
  for (let i = 0; i < left; i++) sizes[i % sizes.length]++;
  return sizes;
}
