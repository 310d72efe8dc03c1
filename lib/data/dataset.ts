import type { Tensor } from '../tensor/tensor.js';

/**
 * Items by index. `get` may be async, for items that are read from files.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.Dataset
 */
export interface Dataset<T> {
  readonly length: number;
  /** The sample at `index`, from 0 to `length - 1`. */
  get(index: number): T | Promise<T>;
}

/** A dataset that can make a whole batch faster than item by item. */
export interface BatchDataset<T, B> extends Dataset<T> {
  /** The samples at `indices`, collated. */
  batch(indices: ArrayLike<number>): B | Promise<B>;
}

/**
 * Items one after another, such as the rows of a file that is too large for memory. Each loop over it is one epoch.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.IterableDataset
 */
export type IterableDataset<T> = (AsyncIterable<T> | Iterable<T>) & {
  /** How many items there are, where it is known. */
  readonly length?: number;
  /** Called with the number of the epoch before each loop of a DataLoader: for orders that change. */
  setEpoch?(epoch: number): void;
};

/** Images or rows with their labels, the pair that most training loops take. */
export type LabeledBatch = [inputs: Tensor, labels: Tensor];

/** True for datasets with a `batch` of their own. */
export function makesBatches<T, B>(dataset: Dataset<T> | BatchDataset<T, B>): dataset is BatchDataset<T, B> {
  return 'batch' in dataset && typeof dataset.batch === 'function';
}

/** True for datasets with items by index, or whole batches of them. */
export function isMapStyle<T>(dataset: Dataset<T> | IterableDataset<T>): dataset is Dataset<T> {
  const { get, batch } = dataset as Partial<BatchDataset<T, unknown>>;
  return typeof get === 'function' || typeof batch === 'function';
}

/** What a dataset is called in messages: its class, and what it takes its items from. */
export function datasetName(dataset: object): string {
  const name = dataset.constructor?.name;
  const own = name === undefined || name === '' || name === 'Object' ? 'the dataset' : name;
  const inner = (dataset as { dataset?: unknown }).dataset;
  return typeof inner === 'object' && inner !== null ? `${own} of ${datasetName(inner)}` : own;
}
