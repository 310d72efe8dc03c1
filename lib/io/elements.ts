// Element types that files have, and how they become tensors: the same type, or the next larger one that holds them all.
import { endianness } from 'node:os';
import { fromBytes } from '../tensor/create.js';
import { type DType, ITEM_SIZES } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import { allocate, type Source } from './source.js';

/** An element type as a file has it. Those that nabla lacks are widened, without loss. */
export type ElementType = DType | 'int16' | 'uint16' | 'uint32' | 'float8_e4m3fn' | 'float8_e5m2';

const WIDENED = {
  int16: { size: 2, dtype: 'int32' },
  uint16: { size: 2, dtype: 'int32' },
  uint32: { size: 4, dtype: 'int64' },
  float8_e4m3fn: { size: 1, dtype: 'float16' },
  float8_e5m2: { size: 1, dtype: 'float16' },
} as const;
type Widened = keyof typeof WIDENED;

const isWidened = (type: ElementType): type is Widened => Object.hasOwn(WIDENED, type);

/** Bytes of one element in the file. */
export const elementSize = (type: ElementType): number => (isWidened(type) ? WIDENED[type].size : ITEM_SIZES[type]);

/** The dtype of the tensor that such elements give. */
export const dtypeOf = (type: ElementType): DType => (isWidened(type) ? WIDENED[type].dtype : type);

const HOST_IS_LITTLE = endianness() === 'LE';

function swap(bytes: Uint8Array, width: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (width === 2) buffer.swap16();
  else if (width === 4) buffer.swap32();
  else if (width === 8) buffer.swap64();
}

/** Eight bits with 4 for the exponent, none for infinity (Micikevicius et al., 2022), as bits of a float16. */
function e4m3Bits(byte: number): number {
  const sign = (byte & 0x80) << 8;
  const exponent = (byte >> 3) & 15;
  const mantissa = byte & 7;
  if ((byte & 0x7f) === 0x7f) return sign | 0x7e00;
  if (exponent > 0) return sign | ((exponent + 8) << 10) | (mantissa << 7);
  if (mantissa === 0) return sign;
  // mantissa · 2^-9 is normal in float16.
  const top = 31 - Math.clz32(mantissa);
  return sign | ((top + 6) << 10) | ((mantissa << (10 - top)) & 0x3ff);
}

/** The bytes as those of {@link dtypeOf}, both in the machine's order. */
function widen(op: string, given: Uint8Array, type: Widened): Uint8Array {
  const bytes = given.byteOffset % 4 === 0 ? given : given.slice();
  const count = bytes.length / WIDENED[type].size;
  const { buffer, byteOffset } = bytes;
  const out = allocate(op, count * ITEM_SIZES[WIDENED[type].dtype]);
  if (type === 'uint32') {
    new BigInt64Array(out.buffer).set(Array.from(new Uint32Array(buffer, byteOffset, count), BigInt));
  } else if (type === 'int16' || type === 'uint16') {
    const ArrayType = type === 'int16' ? Int16Array : Uint16Array;
    new Int32Array(out.buffer).set(new ArrayType(buffer as ArrayBuffer, byteOffset, count));
  } else {
    const bits = new Uint16Array(out.buffer);
    for (let i = 0; i < count; i++) bits[i] = type === 'float8_e5m2' ? bytes[i] << 8 : e4m3Bits(bytes[i]);
  }
  return out;
}

/** Where elements stand, for messages. */
export interface Place {
  /** What they belong to: `tensor "a"`. */
  readonly where: string;
  /** Their first byte in the file, where it is known. */
  readonly offset?: number;
}

/**
 * A tensor of elements in row-major order. `bytes` are taken over: they may be changed.
 * @throws FormatError for a bool that is neither 0 nor 1.
 */
export function tensorOf(
  source: Source,
  bytes: Uint8Array,
  shape: readonly number[],
  type: ElementType,
  { where, offset, littleEndian = true }: Place & { littleEndian?: boolean },
): Tensor {
  if (littleEndian !== HOST_IS_LITTLE) swap(bytes, elementSize(type));
  if (type === 'bool') {
    const wrong = bytes.findIndex((value) => value > 1);
    if (wrong >= 0) {
      const at = offset === undefined ? undefined : offset + wrong;
      throw source.error(`${where}: a BOOL is ${bytes[wrong]}, expected 0 or 1`, at);
    }
  }
  return fromBytes(isWidened(type) ? widen(source.op, bytes, type) : bytes, shape, dtypeOf(type));
}

/** Bytes of a shape; Infinity when it, or its strides, are more than a number can count exactly. */
export function bytesOfShape(shape: readonly number[], type: ElementType): number {
  let bytes = elementSize(type);
  for (const size of shape) bytes *= Math.max(size, 1);
  if (!Number.isSafeInteger(bytes)) return Number.POSITIVE_INFINITY;
  return shape.includes(0) ? 0 : bytes;
}
