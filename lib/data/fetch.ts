// Making one batch, in the main thread as in workers.
import { DataError, valueText } from '../errors.js';
import { defaultCollate } from './collate.js';
import { type BatchDataset, type Dataset, datasetName, makesBatches } from './dataset.js';

/** Puts items together. */
export type Collate<T, B> = (items: T[]) => B | Promise<B>;

/** Makes the batch of these items. */
export type MakeBatch<B> = (indices: Uint32Array) => B | Promise<B>;

/** How batches are made. */
export interface FetchOptions<T, B> {
  /** The loader's function; null for the default. */
  readonly collate: Collate<T, B> | null;
  /** False: a batch is one item as it is. */
  readonly batched: boolean;
  /** Told which item is asked for. */
  readonly onItem?: (index: number) => void;
}

export function batchMaker<T, B>(dataset: Dataset<T> | BatchDataset<T, B>, options: FetchOptions<T, B>): MakeBatch<B> {
  const { collate, batched, onItem } = options;
  if (!batched) return (indices) => take(dataset, indices[0], indices, onItem) as B | Promise<B>;
  if (collate === null && makesBatches(dataset)) return (indices) => ownBatch(dataset, indices);
  const together = collate ?? ((items: T[]) => defaultCollate(items) as B);
  const combine = (items: T[], indices: Uint32Array): B | Promise<B> => {
    const fail = (error: unknown): never => {
      throw itemError(dataset, error, indices, collate === null ? misfit(items, indices) : undefined);
    };
    try {
      const batch = together(items);
      return batch instanceof Promise ? batch.catch(fail) : batch;
    } catch (error) {
      return fail(error);
    }
  };
  return (indices) => {
    const items: (T | Promise<T>)[] = [];
    try {
      for (const index of indices) items.push(take(dataset, index, indices, onItem));
    } catch (error) {
      for (const item of items) if (item instanceof Promise) item.catch(() => {}); // the first error is enough
      throw error;
    }
    if (items.some((item) => item instanceof Promise)) return Promise.all(items).then((all) => combine(all, indices));
    return combine(items as T[], indices);
  };
}

/** The number of the item that does not go with the first one. */
function misfit(items: readonly unknown[], indices: Uint32Array): number | undefined {
  return indices.find((_, i) => {
    try {
      defaultCollate([items[0], items[i]]);
      return false;
    } catch {
      return true;
    }
  });
}

function take<T>(
  dataset: Dataset<T>,
  index: number,
  indices: Uint32Array,
  onItem?: (index: number) => void,
): T | Promise<T> {
  onItem?.(index);
  const fail = (error: unknown): never => {
    throw itemError(dataset, error, indices, index);
  };
  try {
    const item = dataset.get(index);
    return item instanceof Promise ? item.catch(fail) : item;
  } catch (error) {
    return fail(error);
  }
}

function ownBatch<T, B>(dataset: BatchDataset<T, B>, indices: Uint32Array): B | Promise<B> {
  try {
    const batch = dataset.batch(indices);
    return batch instanceof Promise ? batch.catch((error) => blame(dataset, error, indices)) : batch;
  } catch (error) {
    throw itemError(dataset, error, indices, findSync(dataset, indices));
  }
}

/** Which item a batch failed for: the first that fails alone. */
async function blame<T>(dataset: Dataset<T>, error: unknown, indices: Uint32Array): Promise<never> {
  for (const index of indices) {
    try {
      await dataset.get(index);
    } catch {
      throw itemError(dataset, error, indices, index);
    }
  }
  throw itemError(dataset, error, indices);
}

function findSync<T>(dataset: Dataset<T>, indices: Uint32Array): number | undefined {
  return indices.find((index) => {
    try {
      const item = dataset.get(index);
      if (item instanceof Promise) item.catch(() => {});
      return false;
    } catch {
      return true;
    }
  });
}

/** An error that names the item, or all that were to become a batch; one that does so already stays as it is. */
export function itemError(dataset: object, error: unknown, indices: ArrayLike<number>, index?: number): DataError {
  if (error instanceof DataError) return error;
  const reason = error instanceof Error ? error.message.replace(/^DataLoader: /, '') : valueText(error);
  const only = indices.length === 1 ? indices[0] : undefined;
  const at = { dataset: datasetName(dataset), index: index ?? only, indices: Array.from(indices) };
  return new DataError('DataLoader', at, reason, { cause: error });
}
