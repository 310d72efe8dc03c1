import { type FileHandle, open } from 'node:fs/promises';
import { writeAtomically } from '../data/files.js';
import { ArgumentError, FormatError } from '../errors.js';
import { fromBytes } from '../tensor/create.js';
import { type DType, ITEM_SIZES } from '../tensor/dtype.js';
import { readBytes } from '../tensor/read.js';
import { Tensor } from '../tensor/tensor.js';
import {
  type Entry,
  FILE_DTYPES,
  type Header,
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  parseHeader,
} from './safetensors-header.js';

/** Tensors by name. */
export type NamedTensors = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

/** What a safetensors file holds. */
export interface Safetensors {
  /** In the order in which they were saved. */
  readonly tensors: Record<string, Tensor>;
  readonly metadata: Record<string, string>;
}

const ALIGNMENT = 8;

/**
 * Loads the tensors of a safetensors file. The whole header is checked before the first tensor is made; when reading
 * fails later, the tensors made until then are disposed.
 *
 * @throws FormatError when the file is truncated, has bytes too many, or its header is wrong in any way
 * @example
 * const { tensors } = await loadSafetensors('model.safetensors');
 * model.loadStateDict(tensors);
 */
export async function loadSafetensors(path: string): Promise<Safetensors> {
  const file = await open(path, 'r');
  const tensors = new Map<string, Tensor>();
  try {
    const { header, dataAt } = await readHeader(file, path);
    for (const entry of header.entries) tensors.set(entry.name, await readTensor(file, path, entry, dataAt));
    return { tensors: Object.fromEntries(tensors), metadata: { ...header.metadata } };
  } catch (error) {
    for (const made of tensors.values()) made.dispose();
    throw error;
  } finally {
    await file.close();
  }
}

async function readHeader(file: FileHandle, path: string): Promise<{ header: Header; dataAt: number }> {
  const { size } = await file.stat();
  if (size < LENGTH_BYTES) throw error(path, `truncated: ${size} bytes, the header's length alone takes 8`, size);
  const length = Buffer.from(await readExactly(file, path, 0, new Uint8Array(LENGTH_BYTES))).readBigUInt64LE();
  if (length > MAX_HEADER_BYTES) throw error(path, `the header's length ${length} is above ${MAX_HEADER_BYTES}`, 0);
  const dataAt = LENGTH_BYTES + Number(length);
  if (dataAt > size) {
    throw error(path, `truncated: the header's length is ${length}, only ${size - LENGTH_BYTES} bytes follow`, 0);
  }
  const bytes = await readExactly(file, path, LENGTH_BYTES, new Uint8Array(Number(length)));
  return { header: parseHeader(path, bytes, size - dataAt), dataAt };
}

async function readTensor(file: FileHandle, path: string, entry: Entry, dataAt: number): Promise<Tensor> {
  const { dtype, shape, begin, end } = entry;
  const bytes = new Uint8Array(end - begin);
  await readExactly(file, path, dataAt + begin, bytes);
  if (dtype === 'bool') {
    const wrong = bytes.findIndex((value) => value > 1);
    if (wrong >= 0) {
      const where = `tensor ${JSON.stringify(entry.name)}`;
      throw error(path, `${where}: a BOOL is ${bytes[wrong]}, expected 0 or 1`, dataAt + begin + wrong);
    }
  }
  return fromBytes(bytes, shape, dtype);
}

/** A file may shrink while it is read, so each read is checked. */
async function readExactly(file: FileHandle, path: string, at: number, into: Uint8Array): Promise<Uint8Array> {
  let filled = 0;
  while (filled < into.length) {
    const { bytesRead } = await file.read(into, filled, Math.min(into.length - filled, 2 ** 30), at + filled);
    if (bytesRead === 0) throw error(path, 'the file became shorter while it was read', at + filled);
    filled += bytesRead;
  }
  return into;
}

function error(path: string, reason: string, offset: number): FormatError {
  return new FormatError('loadSafetensors', path, reason, offset);
}

/**
 * Saves tensors and text as a safetensors file. The file appears complete or not at all; one that was there before stays
 * until then. Tensors are written in the order of their elements, however they lie in memory.
 *
 * @param tensors by name, such as a model's `stateDict()`
 * @param metadata text by name
 * @throws ValueError when an operation that a tensor waits for has failed; nothing is written then
 */
export async function saveSafetensors(
  path: string,
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const named = tensors instanceof Map ? [...tensors] : Object.entries(tensors as Readonly<Record<string, Tensor>>);
  checkArguments(named, metadata);
  await writeTensors('saveSafetensors', path, named, () => metadata);
}

/** @internal Saves tensors; the metadata is made of their bytes, which lie in the order of `named`. */
export async function writeTensors(
  op: string,
  path: string,
  named: readonly [string, Tensor][],
  metadataOf: (bytes: readonly Uint8Array[]) => Record<string, string> | Promise<Record<string, string>>,
): Promise<void> {
  const infos = named.map(([name, { dtype, shape, numel }]) => ({ name, dtype, shape, numel }));
  // All reads are queued here, so that a change made after the call does not reach the file.
  const settled = await Promise.allSettled(named.map(([, value]) => readBytes(value, op)));
  const bytes = settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
  const { header, order } = layOut(infos, await metadataOf(bytes));
  await writeAtomically(path, async (file) => {
    await file.writeFile(header);
    for (const i of order) await file.writeFile(bytes[i]);
  });
}

function checkArguments(named: readonly [string, Tensor][], metadata: Readonly<Record<string, string>>): void {
  for (const [name, value] of named) {
    if (!(value instanceof Tensor)) {
      throw new ArgumentError('saveSafetensors', `${JSON.stringify(name)} is no Tensor but ${typeof value}`, value);
    }
    if (name === '__metadata__')
      throw new ArgumentError('saveSafetensors', 'a tensor cannot be named __metadata__', name);
  }
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text === 'string') continue;
    throw new ArgumentError(
      'saveSafetensors',
      `metadata ${JSON.stringify(key)} must be a string, got ${typeof text}`,
      text,
    );
  }
}

interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly numel: number;
}

/** The header keeps the order of the names; the data goes from wide to narrow elements, so that each lies aligned. */
function layOut(infos: readonly TensorInfo[], metadata: Readonly<Record<string, string>>) {
  const width = (i: number): number => ITEM_SIZES[infos[i].dtype];
  const order = infos.map((_, i) => i).sort((a, b) => width(b) - width(a) || a - b);
  const begins = new Array<number>(infos.length);
  let end = 0;
  for (const i of order) {
    begins[i] = end;
    end += infos[i].numel * width(i);
  }
  const fields = infos.map(({ name, dtype, shape, numel }, i) => {
    const entry = { dtype: FILE_DTYPES[dtype], shape, data_offsets: [begins[i], begins[i] + numel * width(i)] };
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
  if (Object.keys(metadata).length > 0) fields.unshift(`"__metadata__":${JSON.stringify(metadata)}`);
  return { header: headerBytes(`{${fields.join(',')}}`), order };
}

function headerBytes(json: string): Buffer {
  const length = Math.ceil(Buffer.byteLength(json) / ALIGNMENT) * ALIGNMENT;
  const bytes = Buffer.alloc(LENGTH_BYTES + length, ' ');
  bytes.writeBigUInt64LE(BigInt(length));
  bytes.write(json, LENGTH_BYTES);
  return bytes;
}
