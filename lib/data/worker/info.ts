/** Which worker of a DataLoader runs the code. */
export interface WorkerInfo {
  /** From 0. */
  readonly id: number;
  readonly numWorkers: number;
  /** The loader's seed. Before each batch the default generator starts anew, from this, the epoch and the batch. */
  readonly seed: number;
  /** This worker's own dataset. */
  readonly dataset: object;
}

let current: WorkerInfo | null = null;

/**
 * The worker that runs the code; null outside of workers. Streams ask it for their share of the items.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.get_worker_info
 */
export const getWorkerInfo = (): WorkerInfo | null => current;

/** @internal */
export const setWorkerInfo = (info: WorkerInfo): void => {
  current = info;
};

/** Every item that is this worker's: items `id`, `id + numWorkers`, …; outside of workers all. */
export async function* sharded<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  const { id, numWorkers } = current ?? { id: 0, numWorkers: 1 };
  let place = 0;
  for await (const item of items) if (place++ % numWorkers === id) yield item;
}
