import { ArgumentError, DTypeError, valueText } from '../errors.js';

/** Element types. `bfloat16` and `float16` are stored in two bytes and computed in float32. */
export type DType = 'float32' | 'float64' | 'int32' | 'int64' | 'uint8' | 'bool' | 'int8' | 'bfloat16' | 'float16';

/** The numbers the native side uses (native/runtime/dtype.h). */
export const DTYPE_CODES: Readonly<Record<DType, number>> = {
  float32: 0,
  float64: 1,
  int32: 2,
  int64: 3,
  uint8: 4,
  bool: 5,
  int8: 6,
  bfloat16: 7,
  float16: 8,
};

export const ITEM_SIZES: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  int32: 4,
  int64: 8,
  uint8: 1,
  bool: 1,
  int8: 1,
  bfloat16: 2,
  float16: 2,
};

/**
 * What {@link Tensor.data} returns: bool as 0 and 1 in a Uint8Array, int64 as BigInt64Array, bfloat16 and float16 as
 * the same numbers in a Float32Array.
 */
export type TypedArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Int8Array;

/** The typed array of a dtype. */
export interface TypedArrays {
  float32: Float32Array;
  float64: Float64Array;
  int32: Int32Array;
  int64: BigInt64Array;
  uint8: Uint8Array;
  bool: Uint8Array;
  int8: Int8Array;
  bfloat16: Float32Array;
  float16: Float32Array;
}

export function newTypedArray(dtype: DType, length: number): TypedArray {
  switch (dtype) {
    case 'float32':
    case 'bfloat16':
    case 'float16':
      return new Float32Array(length);
    case 'float64':
      return new Float64Array(length);
    case 'int32':
      return new Int32Array(length);
    case 'int64':
      return new BigInt64Array(length);
    case 'int8':
      return new Int8Array(length);
    default:
      return new Uint8Array(length);
  }
}

/** The dtype of a typed array, or undefined for one that has none here. */
export function dtypeOfArray(array: unknown): DType | undefined {
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Float64Array) return 'float64';
  if (array instanceof Int32Array) return 'int32';
  if (array instanceof BigInt64Array) return 'int64';
  if (array instanceof Uint8Array || array instanceof Uint8ClampedArray) return 'uint8';
  if (array instanceof Int8Array) return 'int8';
  return undefined;
}

/** Two-byte floating point: stored narrow, computed in float32. */
export const isNarrow = (dtype: DType): boolean => dtype === 'bfloat16' || dtype === 'float16';

export const isFloating = (dtype: DType): boolean => dtype === 'float32' || dtype === 'float64' || isNarrow(dtype);

/** What kernels compute in for tensors of `dtype`, and what statistics of them are kept in. */
export const computeDType = (dtype: DType): DType => (isNarrow(dtype) ? 'float32' : dtype);

export function checkDType(op: string, dtype: DType): DType {
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_CODES, dtype)) {
    throw new ArgumentError(op, `unknown dtype ${valueText(dtype)} (${Object.keys(DTYPE_CODES).join(', ')})`, dtype);
  }
  return dtype;
}

let defaultDType: DType = 'float32';

/** The dtype of new floating-point tensors; float32 at the start. */
export const getDefaultDType = (): DType => defaultDType;

/**
 * Sets the dtype of new floating-point tensors, which is also the one that integers become beside a fraction.
 * @throws DTypeError for a dtype that is not floating-point.
 */
export function setDefaultDType(dtype: DType): void {
  if (!isFloating(checkDType('setDefaultDType', dtype))) {
    throw new DTypeError('setDefaultDType', `a floating-point dtype is needed, got ${dtype}`, dtype);
  }
  defaultDType = dtype;
}

const CATEGORY: Readonly<Record<DType, number>> = {
  bool: 0,
  uint8: 1,
  int8: 1,
  int32: 1,
  int64: 1,
  bfloat16: 2,
  float16: 2,
  float32: 2,
  float64: 2,
};
// Of two types with one rank neither holds the other.
const RANK: Readonly<Record<DType, number>> = {
  bool: 0,
  uint8: 1,
  int8: 1,
  int32: 2,
  int64: 3,
  bfloat16: 4,
  float16: 4,
  float32: 5,
  float64: 6,
};

/**
 * The smallest dtype that holds both, as in PyTorch; uint8 with int8 gives int32, because there is no int16.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.promote_types.html
 */
export function promoteTypes(a: DType, b: DType): DType {
  if (a === b) return a;
  if (RANK[a] === RANK[b]) return CATEGORY[a] === 2 ? 'float32' : 'int32';
  return RANK[a] > RANK[b] ? a : b;
}

/** Whether a result of one dtype may be stored in another: bool to integer to floating-point. */
export const canStore = (result: DType, into: DType): boolean => CATEGORY[result] <= CATEGORY[into];

/** A tensor with a JavaScript number: an integer counts as a Python int, a fraction as a Python float. */
export function promoteScalar(dtype: DType, value: number | boolean): DType {
  if (typeof value === 'boolean') return dtype;
  const category = Number.isInteger(value) ? 1 : 2;
  if (category <= CATEGORY[dtype]) return dtype;
  return category === 1 ? 'int64' : defaultDType;
}

/** The result type of two tensors: one of no axes does not lift one with axes unless its category is higher. */
export function resultTypeOf(a: { dtype: DType; ndim: number }, b: { dtype: DType; ndim: number }): DType {
  if (a.dtype === b.dtype) return a.dtype;
  if (a.ndim > 0 === b.ndim > 0) return promoteTypes(a.dtype, b.dtype);
  const [main, zero] = a.ndim > 0 ? [a, b] : [b, a];
  return CATEGORY[zero.dtype] > CATEGORY[main.dtype] ? promoteTypes(main.dtype, zero.dtype) : main.dtype;
}
