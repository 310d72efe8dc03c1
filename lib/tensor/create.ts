import { ArgumentError, ShapeError, valueText } from '../errors.js';
import { native } from '../native.js';
import { checkOptions, checkTensor } from './check.js';
import {
  checkDType,
  type DType,
  dtypeOfArray,
  getDefaultDType,
  ITEM_SIZES,
  isFloating,
  isNarrow,
  newTypedArray,
  type TypedArray,
} from './dtype.js';
import { checkShape, isDense, memoryOrder, numelOf, sameShape, stridesInOrder } from './layout.js';
import { emptyContiguous, emptyStrided, type Tensor } from './tensor.js';

export { getDefaultDType, setDefaultDType } from './dtype.js';

/** Options of the functions that make tensors. */
export interface TensorOptions {
  /** Default float32. */
  dtype?: DType;
  /** Default false. */
  requiresGrad?: boolean;
}

/** Nested arrays of numbers, booleans or bigints. */
export type TensorData = number | boolean | bigint | readonly TensorData[];

function finish(tensor: Tensor, options: TensorOptions): Tensor {
  if (options.requiresGrad) tensor.requiresGrad = true;
  return tensor;
}

function shapeOf(op: string, data: TensorData): number[] {
  const shape: number[] = [];
  for (let level: TensorData = data; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  checkShape(op, shape);
  return shape;
}

/** Writes the leaves of `data` in order; every branch must have the shape of the first one. */
function flatten(op: string, data: TensorData, shape: readonly number[], dtype: DType, into: TypedArray): void {
  let at = 0;
  const big = dtype === 'int64';
  const put = (value: unknown): void => {
    if (typeof value !== 'number' && typeof value !== 'boolean' && typeof value !== 'bigint') {
      throw new ArgumentError(op, `elements must be numbers, booleans or bigints, got ${typeof value}`, value);
    }
    if (typeof value === 'number' && !Number.isFinite(value) && !isFloating(dtype) && dtype !== 'bool') {
      throw new ArgumentError(op, `${dtype} cannot hold ${value}`, value);
    }
    if (big) (into as BigInt64Array)[at++] = typeof value === 'number' ? BigInt(Math.trunc(value)) : BigInt(value);
    else (into as Float64Array)[at++] = dtype === 'bool' ? (value ? 1 : 0) : Number(value);
  };
  const walk = (level: TensorData, axis: number): void => {
    if (axis === shape.length) {
      if (Array.isArray(level)) throw new ShapeError(op, `the array is deeper than ${shape.length} at some places`);
      put(level);
      return;
    }
    if (!Array.isArray(level) || level.length !== shape[axis]) {
      const got = Array.isArray(level) ? `${level.length} items` : 'a value';
      throw new ShapeError(op, `rows differ in length: ${got} where ${shape[axis]} items are expected (axis ${axis})`);
    }
    for (const item of level) walk(item, axis + 1);
  };
  walk(data, 0);
}

function inferDType(data: TensorData): DType {
  let first: TensorData = data;
  while (Array.isArray(first)) first = first[0];
  if (typeof first === 'boolean') return 'bool';
  return typeof first === 'bigint' ? 'int64' : getDefaultDType();
}

/** @internal A contiguous tensor with these elements; floats become bfloat16 or float16 by rounding. */
export function fromTypedArray(array: TypedArray, shape: readonly number[], dtype: DType): Tensor {
  const out = emptyContiguous(shape, dtype);
  if (!isNarrow(dtype)) {
    native.write(out._id, array);
    return out;
  }
  const wide = fromTypedArray(array, shape, array instanceof Float64Array ? 'float64' : 'float32');
  native.copy(out._id, wide._id);
  wide.dispose();
  return out;
}

/** @internal A contiguous tensor with these bytes: its elements, as the processor stores them. */
export function fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: DType): Tensor {
  if (bytes.length !== numelOf(shape) * ITEM_SIZES[dtype]) throw new RangeError('the bytes do not fill the shape');
  const out = emptyContiguous(shape, dtype);
  native.write(out._id, bytes);
  return out;
}

/**
 * A tensor from nested arrays, a number, or a typed array (copied). Numbers become float32, booleans bool, bigints
 * int64; a typed array keeps its type. `shape` gives a typed array its axes.
 *
 * @example
 * tensor([[1, 2], [3, 4]]);
 * tensor(new Float32Array(6), { shape: [2, 3], requiresGrad: true });
 * @throws ShapeError when rows differ in length or `shape` does not match the number of elements.
 */
export function tensor(
  data: TensorData | TypedArray,
  options: TensorOptions & { shape?: readonly number[] } = {},
): Tensor {
  checkOptions('tensor', options);
  const native = dtypeOfArray(data);
  if (native) return finish(fromArray(data as TypedArray, native, options), options);
  const nested = data as TensorData;
  const own = shapeOf('tensor', nested);
  const dtype = checkDType('tensor', options.dtype ?? inferDType(nested));
  const into = newTypedArray(dtype, numelOf(own));
  flatten('tensor', nested, own, dtype, into);
  return finish(fromTypedArray(into, givenShape(own, numelOf(own), options.shape), dtype), options);
}

function givenShape(own: readonly number[], numel: number, shape?: readonly number[]): readonly number[] {
  if (!shape) return own;
  checkShape('tensor', shape);
  if (numelOf(shape) !== numel) {
    throw new ShapeError('tensor', `${numel} elements do not fill shape [${shape.join(', ')}]`, shape);
  }
  return shape;
}

function fromArray(data: TypedArray, from: DType, options: TensorOptions & { shape?: readonly number[] }): Tensor {
  const dtype = checkDType('tensor', options.dtype ?? from);
  const shape = givenShape([data.length], data.length, options.shape);
  if (dtype === from) return fromTypedArray(data, shape, dtype);
  const source = fromTypedArray(data, shape, from);
  const out = emptyContiguous(shape, dtype);
  native.copy(out._id, source._id);
  source.dispose();
  return out;
}

/** A tensor filled with `value`. */
export function full(shape: readonly number[], value: number, options: TensorOptions = {}): Tensor {
  checkOptions('full', options);
  if (typeof value !== 'number')
    throw new ArgumentError('full', `value must be a number, got ${valueText(value)}`, value);
  const dtype = checkDType('full', options.dtype ?? getDefaultDType());
  const out = emptyContiguous(checkShape('full', shape), dtype);
  native.fill(out._id, value);
  return finish(out, options);
}

/** A tensor of zeros. */
export const zeros = (shape: readonly number[], options: TensorOptions = {}): Tensor => full(shape, 0, options);

/** A tensor of ones. */
export const ones = (shape: readonly number[], options: TensorOptions = {}): Tensor => full(shape, 1, options);

/** An uninitialised tensor: its values are whatever the memory held. */
export function empty(shape: readonly number[], options: TensorOptions = {}): Tensor {
  checkOptions('empty', options);
  const dtype = checkDType('empty', options.dtype ?? getDefaultDType());
  return finish(emptyContiguous(checkShape('empty', shape), dtype), options);
}

/** Strides of a dense result that lies in memory like `like`, when `like` is dense; else row-major. @internal */
export function stridesLike(like: Tensor, shape: readonly number[]): readonly number[] {
  if (sameShape(shape, like.shape) && isDense(like.shape, like.strides)) return like.strides;
  return stridesInOrder(shape, memoryOrder(like.shape, like.strides));
}

/** @internal */
export const emptyLikeLayout = (like: Tensor, dtype: DType = like.dtype): Tensor =>
  emptyStrided(like.shape, stridesLike(like, like.shape), dtype);

function filledLike(op: string, like: Tensor, value: number, options: TensorOptions): Tensor {
  checkTensor(op, like);
  checkOptions(op, options);
  if (typeof value !== 'number') throw new ArgumentError(op, `value must be a number, got ${valueText(value)}`, value);
  const out = emptyLikeLayout(like, checkDType(op, options.dtype ?? like.dtype));
  native.fill(out._id, value);
  return finish(out, options);
}

/** `full` with the shape, dtype and memory layout of another tensor. */
export const fullLike = (like: Tensor, value: number, options: TensorOptions = {}): Tensor =>
  filledLike('fullLike', like, value, options);
/** Zeros with the shape, dtype and memory layout of another tensor. */
export const zerosLike = (like: Tensor, options: TensorOptions = {}): Tensor =>
  filledLike('zerosLike', like, 0, options);
/** Ones with the shape, dtype and memory layout of another tensor. */
export const onesLike = (like: Tensor, options: TensorOptions = {}): Tensor => filledLike('onesLike', like, 1, options);
/** An uninitialised tensor with the shape, dtype and memory layout of another one. */
export function emptyLike(like: Tensor, options: TensorOptions = {}): Tensor {
  checkTensor('emptyLike', like);
  checkOptions('emptyLike', options);
  return finish(emptyLikeLayout(like, checkDType('emptyLike', options.dtype ?? like.dtype)), options);
}

/** @internal `grad` with the strides of `leaf` and memory of its own; itself when it already is so. */
export function sameDenseLayout(leaf: Tensor, grad: Tensor): Tensor {
  const strides = stridesLike(leaf, leaf.shape);
  const same = grad.strides.every((stride, i) => stride === strides[i] || grad.shape[i] === 1);
  if (same && !grad._isView) return grad;
  const out = emptyStrided(grad.shape, strides, grad.dtype);
  native.copy(out._id, grad._id);
  return out;
}
