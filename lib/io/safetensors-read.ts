// The reading half of safetensors files: header, ranges, and an open file to pick from.
import { ArgumentError, valueText } from '../errors.js';
import type { DType } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import { elementSize, tensorOf } from './elements.js';
import { type Rename, renamed } from './names.js';
import { type Entry, type Header, LENGTH_BYTES, MAX_HEADER_BYTES, parseHeader } from './safetensors-header.js';
import { type FileSource, openSource, type Source } from './source.js';

/** What a safetensors file holds. */
export interface Safetensors {
  /** In the order in which they were saved. */
  readonly tensors: Record<string, Tensor>;
  readonly metadata: Record<string, string>;
}

/** @internal Which tensors of a file to load, and how to call them. */
export interface Wanted {
  readonly names?: readonly string[] | ((name: string) => boolean);
  readonly rename?: Rename;
}

/** @internal Reads and checks the header. */
export async function readHeader(source: Source): Promise<{ header: Header; dataAt: number }> {
  const { size } = source;
  if (size < LENGTH_BYTES) {
    throw source.error(`truncated: ${size} bytes, the header's length alone takes ${LENGTH_BYTES}`, size);
  }
  const length = Buffer.from(await source.read(0, LENGTH_BYTES)).readBigUInt64LE();
  if (length > MAX_HEADER_BYTES) throw source.error(`the header's length ${length} is above ${MAX_HEADER_BYTES}`, 0);
  const dataAt = LENGTH_BYTES + Number(length);
  if (dataAt > size) {
    throw source.error(`truncated: the header's length is ${length}, only ${size - LENGTH_BYTES} bytes follow`, 0);
  }
  const bytes = await source.read(LENGTH_BYTES, Number(length));
  return { header: parseHeader(source, bytes, size - dataAt), dataAt };
}

/** @internal The names that are wanted of those there are, with their new ones. */
export function chosenNames(op: string, there: readonly string[], { names, rename }: Wanted): Map<string, string> {
  let chosen = there;
  if (typeof names === 'function') chosen = there.filter((name) => names(name));
  else if (Array.isArray(names)) {
    const known = new Set(there);
    const missing = names.find((name) => !known.has(name));
    if (missing !== undefined) throw new ArgumentError(op, `there is no tensor ${valueText(missing)}`, missing);
    const asked = new Set(names);
    chosen = there.filter((name) => asked.has(name));
  } else if (names !== undefined) {
    throw new ArgumentError(op, `names must be a list or a function, got ${valueText(names)}`, names);
  }
  return rename === undefined ? new Map(chosen.map((name) => [name, name])) : renamed(op, chosen, rename);
}

/** @internal Makes tensors one after the other; when one fails, those before it go. */
export async function gather(
  make: (put: (name: string, tensor: Tensor) => void) => Promise<void>,
): Promise<Map<string, Tensor>> {
  const tensors = new Map<string, Tensor>();
  try {
    await make((name, tensor) => tensors.set(name, tensor));
    return tensors;
  } catch (error) {
    for (const made of tensors.values()) made.dispose();
    throw error;
  }
}

/** @internal The tensors of a file by their new names. */
export function loadEntries(
  source: Source,
  entries: readonly Entry[],
  dataAt: number,
  wanted: Wanted,
): Promise<Map<string, Tensor>> {
  const names = chosenNames(
    source.op,
    entries.map(({ name }) => name),
    wanted,
  );
  return gather(async (put) => {
    for (const entry of entries) {
      const name = names.get(entry.name);
      if (name !== undefined) put(name, await readRows(source, entry, dataAt));
    }
  });
}

/** Rows `[from, to)` of the first axis; all without them. */
async function readRows(source: Source, entry: Entry, dataAt: number, rows?: [number, number]): Promise<Tensor> {
  const { type, begin, end, name } = entry;
  const [from, to] = rows ?? [0, entry.shape[0]];
  const shape = rows === undefined ? entry.shape : [to - from, ...entry.shape.slice(1)];
  const rowBytes = rows === undefined ? 0 : shape.slice(1).reduce((n, size) => n * size, elementSize(type));
  const offset = dataAt + begin + from * rowBytes;
  const bytes = await source.read(offset, rows === undefined ? end - begin : (to - from) * rowBytes);
  return tensorOf(source, bytes, shape, type, { where: `tensor ${JSON.stringify(name)}`, offset });
}

/** What an open safetensors file says of a tensor. */
export interface TensorInfo {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** An open safetensors file, of which only what is asked for is read. Made by {@link openSafetensors}. */
export class SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>;
  private readonly entries: ReadonlyMap<string, Entry>;

  /** @internal */
  constructor(
    private readonly source: Source,
    header: Header,
    private readonly dataAt: number,
  ) {
    this.metadata = { ...header.metadata };
    this.entries = new Map(header.entries.map((entry) => [entry.name, entry]));
  }

  /** The names of all tensors, in the order in which they were saved. */
  keys(): string[] {
    return [...this.entries.keys()];
  }

  /** Shape and dtype of a tensor, without reading it. */
  info(name: string): TensorInfo {
    const { dtype, shape } = this.entry('info', name);
    return { dtype, shape: [...shape] };
  }

  /** One tensor. */
  async getTensor(name: string): Promise<Tensor> {
    return readRows(this.source, this.entry('getTensor', name), this.dataAt);
  }

  /**
   * Rows `[start, end)` of the first axis of a tensor; only their bytes are read.
   * @throws ArgumentError outside the tensor.
   */
  async getSlice(name: string, start: number, end: number): Promise<Tensor> {
    const op = 'SafetensorsFile.getSlice';
    const entry = this.entry('getSlice', name);
    const rows = entry.shape[0];
    if (rows === undefined) throw new ArgumentError(op, `${name} has no axes`, name);
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start || end > rows) {
      throw new ArgumentError(op, `[${start}, ${end}) is no range of the ${rows} rows of ${name}`, [start, end]);
    }
    return readRows(this.source, entry, this.dataAt, [start, end]);
  }

  /** Closes the file. Tensors that were read stay. */
  close(): Promise<void> {
    return this.source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private entry(method: string, name: string): Entry {
    const entry = this.entries.get(name);
    if (entry) return entry;
    throw new ArgumentError(`SafetensorsFile.${method}`, `there is no tensor ${valueText(name)}`, name);
  }
}

/**
 * Opens a safetensors file to read single tensors, or rows of them, as `safe_open` does in Python. Close it afterwards.
 *
 * @example
 * const file = await io.openSafetensors('model.safetensors');
 * const rows = await file.getSlice('wte.weight', 0, 100);
 * await file.close();
 * @throws FormatError when the header is wrong in any way.
 */
export async function openSafetensors(from: FileSource): Promise<SafetensorsFile> {
  const source = await openSource('openSafetensors', from);
  try {
    const { header, dataAt } = await readHeader(source);
    return new SafetensorsFile(source, header, dataAt);
  } catch (error) {
    await source.close();
    throw error;
  }
}
