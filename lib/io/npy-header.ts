// The header of .npy files: a Python dict in text, of which only this one form is read.
import { MAX_DIMS } from '../tensor/layout.js';
import { bytesOfShape, type ElementType } from './elements.js';
import type { Source } from './source.js';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** numpy itself refuses longer ones. */
const MAX_HEADER = 2 ** 16;

const KINDS: ReadonlyMap<string, ElementType> = new Map<string, ElementType>([
  ['f2', 'float16'],
  ['f4', 'float32'],
  ['f8', 'float64'],
  ['i1', 'int8'],
  ['i2', 'int16'],
  ['i4', 'int32'],
  ['i8', 'int64'],
  ['u1', 'uint8'],
  ['u2', 'uint16'],
  ['u4', 'uint32'],
  ['b1', 'bool'],
]);

/** What an array file says of its array. */
export interface NpyHeader {
  readonly type: ElementType;
  readonly littleEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: number[];
  /** Where the elements begin. */
  readonly dataAt: number;
}

/**
 * Checks the header of an array file; `start` are its first bytes, `size` is how many it has.
 * @throws FormatError for dtypes that are no plain numbers, and for a size that does not fit the shape.
 */
export function parseNpyHeader(source: Source, start: Uint8Array, size: number, where: string): NpyHeader {
  const fail = (reason: string): never => {
    throw source.error(`${where}${reason}`);
  };
  if (start.length < 10 || MAGIC.some((byte, i) => start[i] !== byte)) fail('is no array of numpy');
  const [major, minor] = [start[6], start[7]];
  if (major < 1 || major > 3 || minor !== 0) fail(`format version ${major}.${minor}, known are 1.0, 2.0 and 3.0`);
  const view = new DataView(start.buffer, start.byteOffset, start.length);
  const textAt = major === 1 ? 10 : 12;
  if (start.length < textAt) fail('truncated header');
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER) fail(`a header of ${length} bytes, at most ${MAX_HEADER} are read`);
  const dataAt = textAt + length;
  if (start.length < dataAt) fail('truncated header');
  const text = Buffer.from(start.subarray(textAt, dataAt)).toString(major === 3 ? 'utf8' : 'latin1');
  const { descr, fortranOrder, shape } = parseDict(text, fail);
  const { type, littleEndian } = parseType(descr, fail);
  if (shape.length > MAX_DIMS) fail(`${shape.length} dimensions, at most ${MAX_DIMS} are supported`);
  const bytes = bytesOfShape(shape, type);
  if (dataAt + bytes !== size) {
    fail(`[${shape.join(', ')}] of ${type} takes ${bytes} bytes, ${size - dataAt} are there`);
  }
  return { type, littleEndian, fortranOrder, shape, dataAt };
}

/** How many first bytes hold every header. */
export const NPY_HEADER_BYTES = 12 + MAX_HEADER;

function parseDict(text: string, fail: (reason: string) => never) {
  const body = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1] ?? fail('its header is no dict');
  const found = new Map<string, string>();
  const item = /\s*'([a-z_]{1,20})'\s*:\s*('[^'\\]*'|True|False|\([0-9,\s]*\)|\[.*\])\s*(?:,|$)/sy;
  while (item.lastIndex < body.length && body.slice(item.lastIndex).trim() !== '') {
    const match = item.exec(body) ?? fail('its header is not written as numpy writes it');
    if (found.has(match[1])) fail(`its header has ${match[1]} twice`);
    found.set(match[1], match[2]);
  }
  const descr = found.get('descr');
  const order = found.get('fortran_order');
  const shape = found.get('shape');
  if (found.size !== 3 || descr === undefined || shape?.[0] !== '(' || (order !== 'True' && order !== 'False')) {
    return fail('its header needs descr, fortran_order and shape, and nothing else');
  }
  return { descr, fortranOrder: order === 'True', shape: parseShape(shape, fail) };
}

function parseShape(text: string, fail: (reason: string) => never): number[] {
  const parts = text
    .slice(1, -1)
    .split(',')
    .map((part) => part.trim());
  if (parts.at(-1) === '') parts.pop();
  // (3) is a number to Python, not a tuple.
  if (parts.length === 1 && !text.includes(',')) fail('its shape is no tuple');
  return parts.map((part) => {
    const size = /^\d{1,16}$/.test(part) ? Number(part) : Number.NaN;
    return Number.isSafeInteger(size) ? size : fail(`its shape ${text.slice(0, 80)} has a part that is no size`);
  });
}

function parseType(descr: string, fail: (reason: string) => never): { type: ElementType; littleEndian: boolean } {
  if (!descr.startsWith("'")) return fail('structured arrays are not read');
  const name = descr.slice(1, -1);
  if (/^\|?O/.test(name)) return fail('dtype object needs pickle, which is not read');
  const order = name[0];
  const kind = name.slice(1);
  const type = KINDS.get(kind);
  if (type === undefined || !'<>|='.includes(order) || (order === '|' && !kind.endsWith('1'))) {
    return fail(`dtype ${descr.slice(0, 40)} is not supported, known are ${[...KINDS.keys()].join(', ')}`);
  }
  return { type, littleEndian: order !== '>' };
}

/** The header for an array of `descr`, such that the elements begin at a multiple of 64. */
export function npyHeader(descr: string, shape: readonly number[]): Buffer {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const length = Math.ceil((10 + dict.length + 1) / 64) * 64 - 10;
  const bytes = Buffer.alloc(10 + length, ' ');
  bytes.set(MAGIC);
  bytes.set([1, 0], 6);
  bytes.writeUInt16LE(length, 8);
  bytes.write(`${dict.padEnd(length - 1)}\n`, 10, 'latin1');
  return bytes;
}
