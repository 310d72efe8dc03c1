// What the loader and its workers say to each other.

import type { ResourceLimits } from 'node:worker_threads';
import type { PackedError, Parcel } from './parcel.js';
import type { ModuleSource } from './source.js';

/** What a worker is made with. */
export interface WorkerSetup {
  readonly id: number;
  readonly numWorkers: number;
  readonly seed: number;
  readonly dataset: ModuleSource;
  readonly collate: ModuleSource | null;
  readonly init: ModuleSource | null;
  /** Items per batch of a stream; null: items as they are. */
  readonly batchSize: number | null;
  readonly dropLast: boolean;
  readonly resourceLimits: ResourceLimits | undefined;
  /** Where the worker puts its tensors. */
  readonly mailbox: number;
  /** One number per worker: the item that it takes at the moment. */
  readonly progress: Int32Array;
}

/** Make a batch: of these items or, without any, of the next ones of the stream. */
export interface Request {
  readonly job: number;
  readonly epoch: number;
  readonly batch: number;
  readonly indices: Uint32Array | null;
  /** Pass the items over, the batch is done already. */
  readonly skip: boolean;
}

/** What a worker answers; without a parcel the stream has ended, unless there is an error. */
export interface Answer {
  readonly job: number;
  readonly parcel: Parcel | null;
  readonly error: PackedError | null;
  readonly skipped: boolean;
}

/** The first message of a worker: it has its dataset, or cannot have it. */
export interface Ready {
  readonly ready: true;
  readonly error: PackedError | null;
}
