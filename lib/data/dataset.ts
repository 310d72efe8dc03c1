import type { Tensor } from '../tensor/tensor.js';

/** Items by index. `get` may be async, for items that are read from files. */
export interface Dataset<T> {
  readonly length: number;
  get(index: number): T | Promise<T>;
}

/** A dataset that can make a whole batch faster than item by item. */
export interface BatchDataset<T, B> extends Dataset<T> {
  batch(indices: ArrayLike<number>): B | Promise<B>;
}

/** Images or rows with their labels, the pair that most training loops take. */
export type LabeledBatch = [inputs: Tensor, labels: Tensor];

/** True for datasets with a `batch` of their own. */
export function makesBatches<T, B>(dataset: Dataset<T> | BatchDataset<T, B>): dataset is BatchDataset<T, B> {
  return 'batch' in dataset && typeof dataset.batch === 'function';
}
