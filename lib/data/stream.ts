// Batches of datasets without numbers: items are taken as they come.
import { defaultCollate } from './collate.js';
import type { IterableDataset } from './dataset.js';
import { type Collate, itemError } from './fetch.js';

/** How the items of a stream become batches. */
export interface StreamOptions<T, B> {
  readonly collate: Collate<T, B> | null;
  /** Null: items as they are. */
  readonly batchSize: number | null;
  readonly dropLast: boolean;
  readonly epoch: number;
}

/** The batches of one loop over a stream. */
export interface StreamBatches<B> {
  /** The next batch, or null at the end. Items of one that is skipped are taken and not put together. */
  next(skip: boolean): Promise<{ value: B } | null>;
  /** Closes what the stream holds open. */
  end(): Promise<void>;
}

export function streamBatches<T, B>(dataset: IterableDataset<T>, options: StreamOptions<T, B>): StreamBatches<B> {
  const { batchSize, dropLast, epoch } = options;
  const collate = options.collate ?? ((items: T[]) => defaultCollate(items) as B);
  dataset.setEpoch?.(epoch);
  const items = Symbol.asyncIterator in dataset ? dataset[Symbol.asyncIterator]() : dataset[Symbol.iterator]();
  let taken = 0;
  let ended = false;
  const takeUpTo = async (count: number): Promise<T[]> => {
    const some: T[] = [];
    while (some.length < count && !ended) {
      try {
        const step = await items.next();
        if (step.done) ended = true;
        else some.push(step.value);
      } catch (error) {
        ended = true;
        throw itemError(dataset, error, [taken + some.length], taken + some.length);
      }
    }
    taken += some.length;
    return some;
  };
  return {
    async next(skip) {
      const some = await takeUpTo(batchSize ?? 1);
      if (some.length === 0 || (dropLast && some.length < (batchSize ?? 1))) return null;
      if (skip) return { value: undefined as B };
      if (batchSize === null) return { value: some[0] as unknown as B };
      try {
        return { value: await collate(some) };
      } catch (error) {
        const first = taken - some.length;
        const indices = some.map((_, i) => first + i);
        throw itemError(dataset, error, indices);
      }
    },
    async end() {
      if (!ended) await items.return?.();
      ended = true;
    },
  };
}
