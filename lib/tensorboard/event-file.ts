import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type NablaError, WriteError } from '../errors.js';
import { frame } from './crc32c.js';
import { type Encode, type Fields, loadEncoder } from './schema.js';

/** The fields of an event, or null for one that there is nothing to write of. */
export type EventFields = Fields | null;

interface Entry {
  readonly promise: Promise<EventFields>;
  /** The event, once it is known. */
  event?: EventFields;
}

/** Bytes that go into one write, roughly. */
const BATCH = 1 << 20;
let files = 0;

/**
 * One event file, written to its end: records go out whole and in the order of {@link add}, whenever the write before
 * has ended, so that a killed process leaves all but the last few, and a failed write is taken back.
 */
export class EventFile {
  #path: string;
  #handle: FileHandle | null = null;
  #size = 0;
  #entries: Entry[] = [];
  #work: Promise<void> | null = null;
  /** Why nothing can be written any more. */
  #broken: NablaError | null = null;
  /** Events that could not be made: reported once, the others are written all the same. */
  #failures: unknown[] = [];
  #reported = false;

  constructor(
    readonly folder: string,
    readonly suffix: string,
  ) {
    this.#path = folder;
    this.add({ wall_time: now(), file_version: 'brain.Event:2', source_metadata: { writer: 'nabla' } });
  }

  /** Queues an event. @throws WriteError when an earlier one could not be written and nobody has been told yet. */
  add(event: Fields | Promise<EventFields>): void {
    if (this.#broken) {
      this.#reported = true;
      if (event instanceof Promise) event.catch(() => {});
      throw this.#broken;
    }
    const entry: Entry = { promise: Promise.resolve(event) };
    if (!(event instanceof Promise)) entry.event = event;
    entry.promise.then(
      (known) => {
        entry.event = known;
      },
      () => {}, // reported by #write
    );
    this.#entries.push(entry);
    this.#work ??= this.#run();
  }

  /** Waits until everything added so far is in the file. @throws the first error there was. */
  async flush(): Promise<void> {
    while (this.#work) await this.#work;
    const [failure] = this.#failures;
    this.#failures = [];
    if (this.#broken) {
      this.#reported = true;
      throw this.#broken;
    }
    if (failure !== undefined) throw failure;
  }

  /** {@link flush}, then lets go of the file. A write error that was thrown already is not thrown again. */
  async close(): Promise<void> {
    const told = this.#reported;
    try {
      await this.flush();
    } catch (error) {
      if (!told || error !== this.#broken) throw error;
    } finally {
      const handle = this.#handle;
      this.#handle = null;
      await handle?.close();
    }
  }

  async #run(): Promise<void> {
    try {
      const encode = await loadEncoder();
      this.#handle ??= await this.#open();
      while (this.#entries.length > 0) {
        const batch = await this.#nextBatch(encode);
        if (batch.length > 0) await this.#append(this.#handle, Buffer.concat(batch));
      }
    } catch (error) {
      this.#broken = new WriteError('SummaryWriter', this.#path, error);
      this.#entries = [];
    } finally {
      this.#work = null;
    }
  }

  /** The name is TensorBoard's; a number keeps several writers of a process apart. */
  async #open(): Promise<FileHandle> {
    await mkdir(this.folder, { recursive: true });
    for (;;) {
      const seconds = String(Math.floor(now())).padStart(10, '0');
      const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${files++}${this.suffix}`;
      this.#path = join(this.folder, name);
      try {
        return await open(this.#path, 'wx');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // a worker thread was faster
      }
    }
  }

  /** Waits for the oldest event and takes those behind it that are known as well. */
  async #nextBatch(encode: Encode): Promise<Uint8Array[]> {
    await this.#entries[0].promise.catch((error: unknown) => {
      this.#entries[0].event = null;
      this.#failures.push(error);
    });
    const records: Uint8Array[] = [];
    let bytes = 0;
    while (this.#entries.length > 0 && this.#entries[0].event !== undefined && bytes < BATCH) {
      const { event } = this.#entries.shift() as Entry;
      if (!event) continue;
      const record = frame(encode('Event', event));
      records.push(record);
      bytes += record.length;
    }
    return records;
  }

  /** Writes whole records, or takes back what a full disk has cut off. */
  async #append(file: FileHandle, bytes: Uint8Array): Promise<void> {
    let done = 0;
    try {
      while (done < bytes.length) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, this.#size + done);
        done += bytesWritten;
      }
    } catch (error) {
      await file.truncate(this.#size + wholeRecords(bytes, done)).catch(() => {}); // the first error says more
      throw error;
    }
    this.#size += bytes.length;
  }
}

/** How many of the first `end` bytes are whole records. */
function wholeRecords(bytes: Uint8Array, end: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  for (;;) {
    const next = at + 12 <= end ? at + 16 + Number(view.getBigUint64(at, true)) : Infinity;
    if (next > end) return at;
    at = next;
  }
}

/** Seconds since 1970, as events hold them. */
export const now = (): number => Date.now() / 1000;
