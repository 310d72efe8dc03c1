// Other dtypes: conversion methods, the same bytes as another dtype, what dtypes can hold, result types.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import {
  canStore,
  checkDType,
  type DType,
  ITEM_SIZES,
  isFloating,
  promoteTypes as promoted,
  promoteScalar,
  resultTypeOf,
} from '../../tensor/dtype.js';
import { Tensor, viewBytesOf } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { clone, to, view } from './view.js';

/** Options of {@link Tensor.to}. */
export interface ToOptions {
  /** A copy even where nothing has to be converted. Default false. */
  copy?: boolean;
}

/**
 * `x` in a dtype, or in the dtype of another tensor: itself where it has it already, unless `copy` is true.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.to.html
 */
function convertTo(x: Tensor, target: DType | Tensor, options: ToOptions = {}): Tensor {
  checkTensor('to', x);
  checkOptions('to', options);
  const { copy = false } = options;
  if (typeof copy !== 'boolean') throw new ArgumentError('to', `copy must be a boolean, got ${valueText(copy)}`, copy);
  if (target instanceof Tensor) checkTensor('to', target, 'other');
  const result = to(x, target instanceof Tensor ? target.dtype : target);
  return copy && result === x ? clone(x) : result;
}

/** `x` in the dtype of `other`. */
function typeAs(x: Tensor, other: Tensor): Tensor {
  checkTensor('typeAs', x);
  checkTensor('typeAs', other, 'other');
  return to(x, other.dtype);
}

const viewBytes = defineOp({
  name: 'viewDType',
  inputs: ['input'],
  narrow: 'moves',
  forward: (x: Tensor, dtype: DType, shape: readonly number[], strides: readonly number[]) =>
    viewBytesOf(x, shape, strides, dtype),
});

/** Shape and strides of the same bytes as elements of another size: the last axis, which is contiguous, takes it. */
function bytesAs(x: Tensor, dtype: DType): [number[], number[]] {
  const [from, into] = [ITEM_SIZES[x.dtype], ITEM_SIZES[dtype]];
  if (from === into) return [[...x.shape], [...x.strides]];
  const wrong = (what: string) =>
    new ShapeError('view', `${x.dtype} ${shapeText(x.shape)} as ${dtype}: ${what}`, x.shape);
  if (x.ndim === 0) throw wrong('a 0-d tensor has no axis to take another number of elements');
  const last = x.ndim - 1;
  if (x.strides[last] !== 1) throw wrong(`the last axis must be contiguous, its stride is ${x.strides[last]}`);
  const scale = (count: number, what: string): number => {
    if ((count * from) % into === 0) return (count * from) / into;
    throw wrong(`${what} ${count} is not a multiple of ${into / from}`);
  };
  const shape = x.shape.map((size, i) => (i === last ? scale(size, 'the last size') : size));
  const strides = x.strides.map((stride, i) => (i === last ? 1 : scale(stride, 'the stride')));
  scale(x._offset, 'the position');
  return [shape, strides];
}

/**
 * The same memory in another shape; or, for a dtype, the same bytes as elements of that dtype. Elements of another size
 * change the last axis, which must be contiguous: `[4]` of bfloat16 is `[8]` of uint8. Bytes have no gradient.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.view.html
 * @throws ShapeError when the strides do not allow it.
 */
function viewAs(x: Tensor, target: readonly number[] | DType): Tensor {
  if (typeof target !== 'string') return view(x, target);
  checkTensor('view', x);
  checkDType('view', target);
  return viewBytes(x, target, ...bytesAs(x, target));
}

/**
 * The smallest dtype that holds both: bfloat16 with float16 is float32. uint8 with int8 gives int32, because there is no
 * int16.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.promote_types.html
 */
export const promoteTypes = (a: DType, b: DType): DType =>
  promoted(checkDType('promoteTypes', a), checkDType('promoteTypes', b));

/**
 * The dtype that arithmetic on two operands gives; numbers and tensors of no axes count less than other tensors.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.result_type.html
 */
export function resultType(a: Tensor | number | boolean, b: Tensor | number | boolean): DType {
  const number = (value: number | boolean): DType =>
    typeof value === 'boolean' ? 'bool' : promoteScalar('bool', value);
  for (const x of [a, b]) {
    if (typeof x !== 'number' && typeof x !== 'boolean') checkTensor('resultType', x);
  }
  if (a instanceof Tensor) return b instanceof Tensor ? resultTypeOf(a, b) : promoteScalar(a.dtype, b as number);
  if (b instanceof Tensor) return promoteScalar(b.dtype, a as number);
  return promoted(number(a as number), number(b as number));
}

/**
 * Whether arithmetic may convert `from` to `to`: never from floating-point to integers, nor from numbers to bool.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.can_cast.html
 */
export function canCast(from: DType, into: DType): boolean {
  return canStore(checkDType('canCast', from), checkDType('canCast', into));
}

/** Whether the dtype of `x` is a floating-point one. */
export function isFloatingPoint(x: Tensor): boolean {
  checkTensor('isFloatingPoint', x);
  return isFloating(x.dtype);
}

/** Limits of a floating-point dtype, as {@link finfo} gives them. */
export interface FloatInfo {
  readonly dtype: DType;
  readonly bits: number;
  /** The gap between 1 and the next larger number. */
  readonly eps: number;
  readonly max: number;
  readonly min: number;
  /** The smallest positive normal number; `smallestNormal` is another name for it. */
  readonly tiny: number;
  readonly smallestNormal: number;
  /** The power of ten that has the precision. */
  readonly resolution: number;
}

/** Bits of fraction, largest exponent, decimal digits. */
const FLOATS: Partial<Readonly<Record<DType, readonly [number, number, number]>>> = {
  bfloat16: [7, 127, 2],
  float16: [10, 15, 3],
  float32: [23, 127, 6],
  float64: [52, 1023, 15],
};

/**
 * The limits of a floating-point dtype (default: the default dtype's).
 * Source: https://docs.pytorch.org/docs/2.13/type_info.html#torch.finfo
 * @throws DTypeError for an integer dtype.
 */
export function finfo(dtype: DType): FloatInfo {
  const format = FLOATS[checkDType('finfo', dtype)];
  if (!format) throw new DTypeError('finfo', `a floating-point dtype is needed, got ${dtype}; see iinfo`, dtype);
  const [fraction, exponent, digits] = format;
  const eps = 2 ** -fraction;
  const max = (2 - eps) * 2 ** exponent;
  const tiny = 2 ** (1 - exponent);
  const resolution = Number(`1e-${digits}`);
  return { dtype, bits: 8 * ITEM_SIZES[dtype], eps, max, min: -max, tiny, smallestNormal: tiny, resolution };
}

/** Limits of an integer dtype, as {@link iinfo} gives them. */
export interface IntegerInfo {
  readonly dtype: DType;
  readonly bits: number;
  /** A bigint for int64: no number holds it. */
  readonly max: number | bigint;
  readonly min: number | bigint;
}

/**
 * The limits of an integer dtype.
 * Source: https://docs.pytorch.org/docs/2.13/type_info.html#torch.iinfo
 * @throws DTypeError for a floating-point dtype and bool.
 */
export function iinfo(dtype: DType): IntegerInfo {
  checkDType('iinfo', dtype);
  if (isFloating(dtype) || dtype === 'bool') {
    throw new DTypeError('iinfo', `an integer dtype is needed, got ${dtype}; see finfo`, dtype);
  }
  const bits = 8 * ITEM_SIZES[dtype];
  if (dtype === 'int64') return { dtype, bits, max: 2n ** 63n - 1n, min: -(2n ** 63n) };
  if (dtype === 'uint8') return { dtype, bits, max: 255, min: 0 };
  return { dtype, bits, max: 2 ** (bits - 1) - 1, min: -(2 ** (bits - 1)) };
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** This tensor in a dtype, or in the dtype of another tensor. */
    to(target: DType | Tensor, options?: ToOptions): Tensor;
    /** See {@link typeAs}: this tensor in the dtype of `other`. */
    typeAs(other: Tensor): Tensor;
    /** See {@link viewAs}: the same memory in another shape, or the same bytes as another dtype. */
    view(target: readonly number[] | DType): Tensor;
    /** See {@link isFloatingPoint}. */
    isFloatingPoint(): boolean;
    /** Bytes of one element. */
    elementSize(): number;
    /** `to('float32')`. */
    float(): Tensor;
    /** `to('float64')`. */
    double(): Tensor;
    /** `to('float16')`. */
    half(): Tensor;
    /** `to('bfloat16')`. */
    bfloat16(): Tensor;
    /** `to('int64')`. */
    long(): Tensor;
    /** `to('int32')`. */
    int(): Tensor;
    /** `to('int8')`. */
    char(): Tensor;
    /** `to('uint8')`. */
    byte(): Tensor;
    /** `to('bool')`. */
    bool(): Tensor;
  }
}

addMethods({
  to: convertTo,
  typeAs,
  view: viewAs,
  isFloatingPoint,
  elementSize: (x: Tensor) => ITEM_SIZES[x.dtype],
  float: (x: Tensor) => to(x, 'float32'),
  double: (x: Tensor) => to(x, 'float64'),
  half: (x: Tensor) => to(x, 'float16'),
  bfloat16: (x: Tensor) => to(x, 'bfloat16'),
  long: (x: Tensor) => to(x, 'int64'),
  int: (x: Tensor) => to(x, 'int32'),
  char: (x: Tensor) => to(x, 'int8'),
  byte: (x: Tensor) => to(x, 'uint8'),
  bool: (x: Tensor) => to(x, 'bool'),
});
