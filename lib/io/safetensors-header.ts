import type { DType } from '../tensor/dtype.js';
import { MAX_DIMS } from '../tensor/layout.js';
import { bytesOfShape, dtypeOf, type ElementType } from './elements.js';
import { findDuplicateKey, parseBounded } from './json-keys.js';
import type { Source } from './source.js';

/** The names that safetensors files give to our dtypes. */
export const FILE_DTYPES: Readonly<Record<DType, string>> = {
  float64: 'F64',
  int64: 'I64',
  float32: 'F32',
  int32: 'I32',
  uint8: 'U8',
  bool: 'BOOL',
  int8: 'I8',
  bfloat16: 'BF16',
  float16: 'F16',
};
const TYPES: ReadonlyMap<string, ElementType> = new Map<string, ElementType>([
  ...Object.entries(FILE_DTYPES).map(([dtype, name]): [string, DType] => [name, dtype as DType]),
  ['I16', 'int16'],
  ['U16', 'uint16'],
  ['U32', 'uint32'],
  ['F8_E4M3', 'float8_e4m3fn'],
  ['F8_E5M2', 'float8_e5m2'],
]);

/** The header begins after its own length. */
export const LENGTH_BYTES = 8;
/** The format's limit; also keeps a lying length from making us read much. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Where one tensor lies; `begin` and `end` count from the end of the header. */
export interface Entry {
  readonly name: string;
  /** Of the tensor that it gives. */
  readonly dtype: DType;
  /** Of the elements in the file. */
  readonly type: ElementType;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

/** A checked header. */
export interface Header {
  /** In the order of the file's JSON. */
  readonly entries: Entry[];
  readonly metadata: Record<string, string>;
}

/**
 * Checks the header of a safetensors file completely: JSON, names, dtypes, and that the tensors fill the `dataBytes`
 * after it one after the other without gap or overlap.
 *
 * @throws FormatError naming the tensor and what is wrong with it
 */
export function parseHeader(source: Source, bytes: Uint8Array, dataBytes: number): Header {
  const root = parseJson(source, bytes);
  const metadata: Record<string, string> = Object.create(null);
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(root)) {
    if (name === '__metadata__') readMetadata(source, value, metadata);
    else entries.push(readEntry(source, name, value));
  }
  requireGapless(source, entries, dataBytes);
  return { entries, metadata };
}

function fail(source: Source, reason: string, offset = LENGTH_BYTES): never {
  throw source.error(reason, offset);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(source: Source, bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let root: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    root = parseBounded(text);
  } catch (error) {
    return fail(source, `the header is not JSON in UTF-8: ${(error as Error).message}`);
  }
  if (!isRecord(root)) return fail(source, 'the header is no JSON object');
  const duplicate = findDuplicateKey(text);
  if (duplicate !== null) {
    const offset = LENGTH_BYTES + Buffer.byteLength(text.slice(0, duplicate.at));
    fail(source, `the header has the key ${JSON.stringify(duplicate.key)} twice`, offset);
  }
  return root;
}

function readMetadata(source: Source, value: unknown, into: Record<string, string>): void {
  if (!isRecord(value)) fail(source, '__metadata__ is no JSON object');
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') fail(source, `__metadata__ ${JSON.stringify(key)} is no string`);
    into[key] = text;
  }
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readEntry(source: Source, name: string, value: unknown): Entry {
  const where = `tensor ${JSON.stringify(name)}`;
  if (!isRecord(value)) return fail(source, `${where}: its entry is no JSON object`);
  const { dtype: dtypeName, shape, data_offsets: offsets, ...others } = value;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) fail(source, `${where}: unknown key ${JSON.stringify(unknown)}`);
  const type = typeof dtypeName === 'string' ? TYPES.get(dtypeName) : undefined;
  if (type === undefined) {
    fail(
      source,
      `${where}: dtype ${JSON.stringify(dtypeName)} is not supported, known are ${[...TYPES.keys()].join(', ')}`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    return fail(source, `${where}: shape ${JSON.stringify(shape)} is no array of sizes`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    return fail(source, `${where}: data_offsets ${JSON.stringify(offsets)} are not two sizes`);
  }
  if (shape.length > MAX_DIMS) fail(source, `${where}: ${shape.length} dimensions, at most ${MAX_DIMS} are supported`);
  const [begin, end] = offsets as [number, number];
  requireBytes(source, where, type, shape as number[], begin, end);
  return { name, dtype: dtypeOf(type), type, shape: shape as number[], begin, end };
}

function requireBytes(
  source: Source,
  where: string,
  type: ElementType,
  shape: number[],
  begin: number,
  end: number,
): void {
  const bytes = bytesOfShape(shape, type);
  const given = `[${shape.join(', ')}] of ${type}`;
  if (!Number.isFinite(bytes)) fail(source, `${where}: ${given} is more than any file can hold`);
  if (end - begin !== bytes) {
    fail(source, `${where}: ${given} takes ${bytes} bytes, data_offsets [${begin}, ${end}] give it ${end - begin}`);
  }
}

function requireGapless(source: Source, entries: readonly Entry[], dataBytes: number): void {
  let filled = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const where = `tensor ${JSON.stringify(name)}`;
    if (end > dataBytes) fail(source, `${where}: data_offsets [${begin}, ${end}] pass the ${dataBytes} bytes of data`);
    if (begin < filled)
      fail(source, `${where}: data_offsets [${begin}, ${end}] overlap another tensor's, up to ${filled}`);
    if (begin > filled) fail(source, `${where}: data_offsets [${begin}, ${end}] leave a gap after byte ${filled}`);
    filled = end;
  }
  if (filled < dataBytes) fail(source, `${dataBytes - filled} bytes after the last tensor belong to none`);
}
