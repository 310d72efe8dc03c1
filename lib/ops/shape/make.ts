// Tensors made like another one, or from what is there already.
import { ArgumentError, valueText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { empty, fromBytes, full, type TensorData, type TensorOptions, tensor } from '../../tensor/create.js';
import { checkDType, type DType, ITEM_SIZES, type TypedArray } from '../../tensor/dtype.js';
import { Tensor } from '../../tensor/tensor.js';
import { addMethods } from '../define.js';
import { to } from './view.js';

/** The options with the dtype of `like` where they name none. */
function optionsLike(op: string, like: Tensor, options: TensorOptions): TensorOptions {
  checkTensor(op, like);
  checkOptions(op, options);
  return { ...options, dtype: checkDType(op, options.dtype ?? like.dtype) };
}

const newFull = (like: Tensor, shape: readonly number[], value: number, options: TensorOptions = {}): Tensor =>
  full(shape, value, optionsLike('newFull', like, options));
const newZeros = (like: Tensor, shape: readonly number[], options: TensorOptions = {}): Tensor =>
  full(shape, 0, optionsLike('newZeros', like, options));
const newOnes = (like: Tensor, shape: readonly number[], options: TensorOptions = {}): Tensor =>
  full(shape, 1, optionsLike('newOnes', like, options));
const newEmpty = (like: Tensor, shape: readonly number[], options: TensorOptions = {}): Tensor =>
  empty(shape, optionsLike('newEmpty', like, options));
const newTensor = (like: Tensor, data: TensorData | TypedArray, options: TensorOptions = {}): Tensor =>
  tensor(data, optionsLike('newTensor', like, options));

/**
 * A tensor from data, without a copy where it is one of this dtype already. Its history stays.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.as_tensor.html
 */
export function asTensor(data: Tensor | TensorData | TypedArray, options: { dtype?: DType } = {}): Tensor {
  checkOptions('asTensor', options);
  if (!(data instanceof Tensor)) return tensor(data, options);
  checkTensor('asTensor', data);
  return options.dtype === undefined ? data : to(data, checkDType('asTensor', options.dtype));
}

/** Options of {@link frombuffer}. */
export interface FrombufferOptions {
  dtype: DType;
  /** How many elements; -1 (the default) takes all that there are. */
  count?: number;
  /** Bytes to skip. Default 0. */
  offset?: number;
}

/**
 * A one-dimensional tensor of the elements in a block of bytes, which are copied.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.frombuffer.html
 * @throws ArgumentError when the bytes are too few, or not a whole number of elements.
 */
export function frombuffer(buffer: ArrayBufferLike | ArrayBufferView, options: FrombufferOptions): Tensor {
  checkOptions('frombuffer', options);
  const { count = -1, offset = 0 } = options;
  const dtype = checkDType('frombuffer', options.dtype);
  const all = bytesOf(buffer);
  const fail = (text: string, value: unknown) => new ArgumentError('frombuffer', text, value);
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > all.length) {
    throw fail(`offset ${valueText(offset)} is outside the ${all.length} bytes`, offset);
  }
  if (!Number.isSafeInteger(count) || count < -1)
    throw fail(`count must be -1 or >= 0, got ${valueText(count)}`, count);
  const size = ITEM_SIZES[dtype];
  const rest = all.length - offset;
  if (count === -1 && rest % size !== 0) throw fail(`${rest} bytes are no whole number of ${dtype} elements`, rest);
  const n = count === -1 ? rest / size : count;
  if (n * size > rest) throw fail(`${n} elements of ${dtype} take ${n * size} bytes, there are ${rest}`, count);
  const bytes = all.subarray(offset, offset + n * size);
  if (dtype === 'bool' && bytes.some((byte) => byte > 1)) throw fail('a bool must be a byte of 0 or 1', buffer);
  return fromBytes(bytes, [n], dtype);
}

function bytesOf(buffer: ArrayBufferLike | ArrayBufferView): Uint8Array {
  if (ArrayBuffer.isView(buffer)) return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  if (buffer instanceof ArrayBuffer || buffer instanceof SharedArrayBuffer) return new Uint8Array(buffer);
  throw new ArgumentError('frombuffer', `an ArrayBuffer or a view of one is needed, got ${valueText(buffer)}`, buffer);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** A tensor of this shape, filled with `value`, in the dtype of this one unless the options name another. */
    newFull(shape: readonly number[], value: number, options?: TensorOptions): Tensor;
    /** Zeros of this shape in the dtype of this tensor. */
    newZeros(shape: readonly number[], options?: TensorOptions): Tensor;
    /** Ones of this shape in the dtype of this tensor. */
    newOnes(shape: readonly number[], options?: TensorOptions): Tensor;
    /** An uninitialised tensor of this shape in the dtype of this one. */
    newEmpty(shape: readonly number[], options?: TensorOptions): Tensor;
    /** A tensor of this data in the dtype of this one. */
    newTensor(data: TensorData | TypedArray, options?: TensorOptions): Tensor;
  }
}

addMethods({ newFull, newZeros, newOnes, newEmpty, newTensor });
