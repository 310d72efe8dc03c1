// Arithmetic in the memory of the first operand. Never recorded: see checkInPlace.
import { ArgumentError, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions } from '../../tensor/check.js';
import { isFloating } from '../../tensor/dtype.js';
import { broadcastShapes } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { BinaryOp, UnaryOp } from '../codes.js';
import { addMethods } from '../define.js';
import {
  checkInPlace,
  checkNumeric,
  checkTensor,
  operandInPlace,
  promote,
  promoteWithScalar,
  toFloating,
} from '../elementwise.js';
import { to } from '../shape/view.js';
import { mul, type Operand } from './arithmetic.js';

function binaryInPlace(op: string, code: number, a: Tensor, b: Operand): Tensor {
  checkTensor(op, a);
  if (code !== BinaryOp.add && code !== BinaryOp.mul) checkNumeric(op, a);
  const quotient = code === BinaryOp.div;
  if (typeof b === 'number') {
    const x = promoteWithScalar(op, a, b);
    checkInPlace(op, a, a.shape, quotient ? toFloating(x).dtype : x.dtype);
    native.binaryScalar(code, a._id, a._id, b, false);
  } else {
    checkTensor(op, b, 'other');
    const [x] = promote(a, b);
    checkInPlace(op, a, broadcastShapes(op, a.shape, b.shape), quotient ? toFloating(x).dtype : x.dtype);
    native.binary(code, a._id, a._id, operandInPlace(op, a, to(b, a.dtype))._id);
  }
  a._bump();
  return a;
}

function alphaOf(op: string, options: { alpha?: number }): number {
  checkOptions(op, options);
  const alpha = options.alpha ?? 1;
  if (typeof alpha !== 'number') throw new ArgumentError(op, `alpha must be a number, got ${valueText(alpha)}`, alpha);
  return alpha;
}

const times = (b: Operand, alpha: number): Operand =>
  alpha === 1 ? b : typeof b === 'number' ? b * alpha : mul(b, alpha);

/** `a += alpha * b` in the memory of `a`. */
export function add_(a: Tensor, b: Operand, options: { alpha?: number } = {}): Tensor {
  return binaryInPlace('add_', BinaryOp.add, a, times(b, alphaOf('add_', options)));
}

/** `a -= alpha * b` in the memory of `a`. */
export function sub_(a: Tensor, b: Operand, options: { alpha?: number } = {}): Tensor {
  return binaryInPlace('sub_', BinaryOp.sub, a, times(b, alphaOf('sub_', options)));
}

/** `a *= b` in the memory of `a`. */
export const mul_ = (a: Tensor, b: Operand): Tensor => binaryInPlace('mul_', BinaryOp.mul, a, b);

/** `a /= b` in the memory of `a`, which is floating-point. */
export const div_ = (a: Tensor, b: Operand): Tensor => binaryInPlace('div_', BinaryOp.div, a, b);

/** Every element becomes `value`. */
export function fill_(x: Tensor, value: number): Tensor {
  checkTensor('fill_', x);
  if (typeof value !== 'number') {
    throw new ArgumentError('fill_', `value must be a number, got ${valueText(value)}`, value);
  }
  checkInPlace('fill_', x, x.shape, x.dtype);
  native.fill(x._id, value);
  x._bump();
  return x;
}

/** Every element becomes 0. */
export function zero_(x: Tensor): Tensor {
  return fill_(x, 0);
}

/** {@link clamp} by numbers in the memory of `x`. */
export function clamp_(x: Tensor, min?: number | null, max?: number | null): Tensor {
  checkTensor('clamp_', x);
  checkNumeric('clamp_', x);
  for (const bound of [min, max]) {
    if (bound !== undefined && bound !== null && typeof bound !== 'number') {
      throw new ArgumentError('clamp_', `bounds must be numbers, got ${valueText(bound)}`, bound);
    }
  }
  checkInPlace('clamp_', x, x.shape, x.dtype);
  native.clamp(x._id, x._id, min ?? -Infinity, max ?? Infinity);
  x._bump();
  return x;
}

function unaryInPlace(op: string, code: number, floating: boolean): (x: Tensor) => Tensor {
  return (x) => {
    checkTensor(op, x);
    checkNumeric(op, x);
    checkInPlace(op, x, x.shape, floating && !isFloating(x.dtype) ? 'float32' : x.dtype);
    native.unary(code, x._id, x._id);
    x._bump();
    return x;
  };
}

/** `x = -x` in its memory. */
export const neg_: (x: Tensor) => Tensor = unaryInPlace('neg_', UnaryOp.neg, false);
/** {@link relu} in the memory of `x`. */
export const relu_: (x: Tensor) => Tensor = unaryInPlace('relu_', UnaryOp.relu, false);
/** {@link exp} in the memory of `x`. */
export const exp_: (x: Tensor) => Tensor = unaryInPlace('exp_', UnaryOp.exp, true);
/** {@link sqrt} in the memory of `x`. */
export const sqrt_: (x: Tensor) => Tensor = unaryInPlace('sqrt_', UnaryOp.sqrt, true);

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link add_}. */
    add_(other: Operand, options?: { alpha?: number }): Tensor;
    /** See {@link sub_}. */
    sub_(other: Operand, options?: { alpha?: number }): Tensor;
    /** See {@link mul_}. */
    mul_(other: Operand): Tensor;
    /** See {@link div_}. */
    div_(other: Operand): Tensor;
    /** See {@link fill_}. */
    fill_(value: number): Tensor;
    /** See {@link zero_}. */
    zero_(): Tensor;
    /** See {@link clamp_}. */
    clamp_(min?: number | null, max?: number | null): Tensor;
    /** See {@link neg_}. */
    neg_(): Tensor;
    /** See {@link relu_}. */
    relu_(): Tensor;
    /** See {@link exp_}. */
    exp_(): Tensor;
    /** See {@link sqrt_}. */
    sqrt_(): Tensor;
  }
}

addMethods({ add_, sub_, mul_, div_, fill_, zero_, clamp_, neg_, relu_, exp_, sqrt_ });
