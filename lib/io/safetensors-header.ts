import { FormatError } from '../errors.js';
import { type DType, ITEM_SIZES } from '../tensor/dtype.js';
import { MAX_DIMS } from '../tensor/layout.js';
import { findDuplicateKey } from './json-keys.js';

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
const DTYPES: ReadonlyMap<string, DType> = new Map(
  Object.entries(FILE_DTYPES).map(([dtype, name]) => [name, dtype as DType]),
);

/** The header begins after its own length. */
export const LENGTH_BYTES = 8;
/** The format's limit; also keeps a lying length from making us read much. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Where one tensor lies; `begin` and `end` count from the end of the header. */
export interface Entry {
  readonly name: string;
  readonly dtype: DType;
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
export function parseHeader(path: string, bytes: Uint8Array, dataBytes: number): Header {
  const root = parseJson(path, bytes);
  const metadata: Record<string, string> = Object.create(null);
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(root)) {
    if (name === '__metadata__') readMetadata(path, value, metadata);
    else entries.push(readEntry(path, name, value));
  }
  requireGapless(path, entries, dataBytes);
  return { entries, metadata };
}

function fail(path: string, reason: string, offset = LENGTH_BYTES): never {
  throw new FormatError('loadSafetensors', path, reason, offset);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(path: string, bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let root: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    root = JSON.parse(text);
  } catch (error) {
    return fail(path, `the header is not JSON in UTF-8: ${(error as Error).message}`);
  }
  if (!isRecord(root)) return fail(path, 'the header is no JSON object');
  const duplicate = findDuplicateKey(text);
  if (duplicate !== null) {
    const offset = LENGTH_BYTES + Buffer.byteLength(text.slice(0, duplicate.at));
    fail(path, `the header has the key ${JSON.stringify(duplicate.key)} twice`, offset);
  }
  return root;
}

function readMetadata(path: string, value: unknown, into: Record<string, string>): void {
  if (!isRecord(value)) fail(path, '__metadata__ is no JSON object');
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') fail(path, `__metadata__ ${JSON.stringify(key)} is no string`);
    into[key] = text;
  }
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readEntry(path: string, name: string, value: unknown): Entry {
  const where = `tensor ${JSON.stringify(name)}`;
  if (!isRecord(value)) return fail(path, `${where}: its entry is no JSON object`);
  const { dtype: dtypeName, shape, data_offsets: offsets, ...others } = value;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) fail(path, `${where}: unknown key ${JSON.stringify(unknown)}`);
  const dtype = typeof dtypeName === 'string' ? DTYPES.get(dtypeName) : undefined;
  if (dtype === undefined) {
    fail(
      path,
      `${where}: dtype ${JSON.stringify(dtypeName)} is not supported, known are ${[...DTYPES.keys()].join(', ')}`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    return fail(path, `${where}: shape ${JSON.stringify(shape)} is no array of sizes`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    return fail(path, `${where}: data_offsets ${JSON.stringify(offsets)} are not two sizes`);
  }
  if (shape.length > MAX_DIMS) fail(path, `${where}: ${shape.length} dimensions, at most ${MAX_DIMS} are supported`);
  const [begin, end] = offsets as [number, number];
  requireBytes(path, where, dtype, shape as number[], begin, end);
  return { name, dtype, shape: shape as number[], begin, end };
}

function requireBytes(path: string, where: string, dtype: DType, shape: number[], begin: number, end: number): void {
  let bytes = ITEM_SIZES[dtype];
  for (const size of shape.includes(0) ? [0] : shape) bytes *= size;
  const given = `[${shape.join(', ')}] of ${FILE_DTYPES[dtype]}`;
  if (!Number.isSafeInteger(bytes)) fail(path, `${where}: ${given} is more than any file can hold`);
  if (end - begin !== bytes) {
    fail(path, `${where}: ${given} takes ${bytes} bytes, data_offsets [${begin}, ${end}] give it ${end - begin}`);
  }
}

function requireGapless(path: string, entries: readonly Entry[], dataBytes: number): void {
  let filled = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const where = `tensor ${JSON.stringify(name)}`;
    if (end > dataBytes) fail(path, `${where}: data_offsets [${begin}, ${end}] pass the ${dataBytes} bytes of data`);
    if (begin < filled)
      fail(path, `${where}: data_offsets [${begin}, ${end}] overlap another tensor's, up to ${filled}`);
    if (begin > filled) fail(path, `${where}: data_offsets [${begin}, ${end}] leave a gap after byte ${filled}`);
    filled = end;
  }
  if (filled < dataBytes) fail(path, `${dataBytes - filled} bytes after the last tensor belong to none`);
}
