import { ArgumentError, valueText } from '../errors.js';

/** Element types. */
export type DType = 'float32' | 'float64' | 'int32' | 'int64' | 'uint8' | 'bool';

/** The numbers the native side uses (native/runtime/dtype.h). */
export const DTYPE_CODES: Readonly<Record<DType, number>> = {
  float32: 0,
  float64: 1,
  int32: 2,
  int64: 3,
  uint8: 4,
  bool: 5,
};

export const ITEM_SIZES: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  int32: 4,
  int64: 8,
  uint8: 1,
  bool: 1,
};

/** What {@link Tensor.data} returns: bool as 0 and 1 in a Uint8Array, int64 as BigInt64Array. */
export type TypedArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** The typed array of a dtype. */
export interface TypedArrays {
  float32: Float32Array;
  float64: Float64Array;
  int32: Int32Array;
  int64: BigInt64Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

export function newTypedArray(dtype: DType, length: number): TypedArray {
  switch (dtype) {
    case 'float32':
      return new Float32Array(length);
    case 'float64':
      return new Float64Array(length);
    case 'int32':
      return new Int32Array(length);
    case 'int64':
      return new BigInt64Array(length);
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
  return undefined;
}

export const isFloating = (dtype: DType): boolean => dtype === 'float32' || dtype === 'float64';

export function checkDType(op: string, dtype: DType): DType {
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_CODES, dtype)) {
    throw new ArgumentError(op, `unknown dtype ${valueText(dtype)} (${Object.keys(DTYPE_CODES).join(', ')})`, dtype);
  }
  return dtype;
}

const CATEGORY: Readonly<Record<DType, number>> = { bool: 0, uint8: 1, int32: 1, int64: 1, float32: 2, float64: 2 };
const RANK: Readonly<Record<DType, number>> = { bool: 0, uint8: 1, int32: 2, int64: 3, float32: 4, float64: 5 };

/** PyTorch's `torch.promote_types` for two tensors. */
export const promoteTypes = (a: DType, b: DType): DType => (RANK[a] >= RANK[b] ? a : b);

/** A tensor with a JavaScript number: an integer counts as a Python int, a fraction as a Python float. */
export function promoteScalar(dtype: DType, value: number | boolean): DType {
  if (typeof value === 'boolean') return dtype;
  const category = Number.isInteger(value) ? 1 : 2;
  if (category <= CATEGORY[dtype]) return dtype;
  return category === 1 ? 'int64' : 'float32';
}

/** `torch.result_type`: a 0-d tensor does not lift a tensor with axes unless its category is higher. */
export function resultType(a: { dtype: DType; ndim: number }, b: { dtype: DType; ndim: number }): DType {
  if (a.dtype === b.dtype) return a.dtype;
  if (a.ndim > 0 === b.ndim > 0) return promoteTypes(a.dtype, b.dtype);
  const [main, zero] = a.ndim > 0 ? [a, b] : [b, a];
  return CATEGORY[zero.dtype] > CATEGORY[main.dtype] ? promoteTypes(main.dtype, zero.dtype) : main.dtype;
}
