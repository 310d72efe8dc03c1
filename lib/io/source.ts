// Where a reader takes its bytes from: a file, or memory.
import { type FileHandle, open } from 'node:fs/promises';
import { ArgumentError, FormatError, OutOfMemoryError, valueText } from '../errors.js';

/** What a file is loaded from: its path, or its content. */
export type FileSource = string | Uint8Array;

/** @internal Bytes that can be read at any place. */
export interface Source {
  /** The function that reads. */
  readonly op: string;
  /** The path, or `memory`; for messages. */
  readonly name: string;
  readonly size: number;
  /** Fills `into` with the bytes from `at` on. */
  readInto(at: number, into: Uint8Array): Promise<void>;
  /** `length` bytes from `at` on, which the caller has checked to be there. */
  read(at: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
  /** A FormatError for this file. */
  error(reason: string, offset?: number): FormatError;
}

/** @internal Zeroed bytes. */
export function allocate(op: string, bytes: number): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch {
    throw new OutOfMemoryError(op, bytes);
  }
}

abstract class Named {
  constructor(
    readonly op: string,
    readonly name: string,
    readonly size: number,
  ) {}

  abstract readInto(at: number, into: Uint8Array): Promise<void>;

  async read(at: number, length: number): Promise<Uint8Array> {
    const bytes = allocate(this.op, length);
    await this.readInto(at, bytes);
    return bytes;
  }

  error(reason: string, offset?: number): FormatError {
    return new FormatError(this.op, this.name, reason, offset);
  }
}

class FileBytes extends Named implements Source {
  constructor(
    op: string,
    path: string,
    size: number,
    private readonly file: FileHandle,
  ) {
    super(op, path, size);
  }

  /** A file may shrink while it is read, so each read is checked. */
  async readInto(at: number, into: Uint8Array): Promise<void> {
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await this.file.read(into, filled, Math.min(into.length - filled, 2 ** 30), at + filled);
      if (bytesRead === 0) throw this.error('the file became shorter while it was read', at + filled);
      filled += bytesRead;
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

class MemoryBytes extends Named implements Source {
  constructor(
    op: string,
    private readonly bytes: Uint8Array,
  ) {
    super(op, 'memory', bytes.length);
  }

  async readInto(at: number, into: Uint8Array): Promise<void> {
    if (at + into.length > this.size) throw this.error('the file ends too early', this.size);
    into.set(this.bytes.subarray(at, at + into.length));
  }

  async close(): Promise<void> {}
}

/** @internal Opens a file, or bytes in memory. */
export async function openSource(op: string, from: FileSource): Promise<Source> {
  if (from instanceof Uint8Array) return new MemoryBytes(op, from);
  if (typeof from !== 'string')
    throw new ArgumentError(op, `a path or a Uint8Array is needed, got ${valueText(from)}`, from);
  const file = await open(from, 'r');
  try {
    const { size } = await file.stat();
    return new FileBytes(op, from, size, file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** @internal Opens, runs `read` and closes. */
export async function withSource<T>(op: string, from: FileSource, read: (source: Source) => Promise<T>): Promise<T> {
  const source = await openSource(op, from);
  try {
    return await read(source);
  } finally {
    await source.close();
  }
}
