// Arithmetic in the memory of the first operand.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions } from '../../tensor/check.js';
import { emptyLikeLayout, fullLike, zerosLike } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { broadcastShapes, sameShape } from '../../tensor/layout.js';
import { Tensor } from '../../tensor/tensor.js';
import { BinaryOp, UnaryOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { checkNumeric, checkTensor, promote, promoteWithScalar, toFloating } from '../elementwise.js';
import { changeInPlace, checkInPlace, checkWritable, operandInPlace, recordsInPlace } from '../in-place.js';
import { kernelInPlace } from '../out.js';
import { expand, to } from '../shape/view.js';
import { add, type DivOptions, div, mul, type Operand, sub } from './arithmetic.js';
import { clamp } from './select.js';
import { exp, neg, relu, sqrt } from './unary.js';

type Binary = (a: Tensor, b: Operand) => Tensor;

function binaryInPlace(op: string, code: number, compute: Binary, a: Tensor, b: Operand): Tensor {
  if (recordsInPlace(op, a, b)) return changeInPlace(op, a, (old) => compute(old, b));
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
    if (x.dtype !== a.dtype) return changeInPlace(op, a, (old) => compute(old, b));
    native.binary(code, a._id, a._id, operandInPlace(a, to(b, a.dtype))._id);
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
  return binaryInPlace('add_', BinaryOp.add, add, a, times(b, alphaOf('add_', options)));
}

/** `a -= alpha * b` in the memory of `a`. */
export function sub_(a: Tensor, b: Operand, options: { alpha?: number } = {}): Tensor {
  return binaryInPlace('sub_', BinaryOp.sub, sub, a, times(b, alphaOf('sub_', options)));
}

/** `a *= b` in the memory of `a`. */
export const mul_ = (a: Tensor, b: Operand): Tensor => binaryInPlace('mul_', BinaryOp.mul, mul, a, b);

/** {@link div} in the memory of `a`, which is floating-point unless the result is rounded. */
export function div_(a: Tensor, b: Operand, options: DivOptions = {}): Tensor {
  checkOptions('div_', options);
  if (!options.roundingMode) return binaryInPlace('div_', BinaryOp.div, div, a, b);
  return roundedDiv_(a, b, { roundingMode: options.roundingMode });
}

const roundedDiv_ = kernelInPlace('div_', (x: Tensor, b: Operand, options: DivOptions) => div(x, b, options));

/** Every element becomes `value`, a number or a tensor of no axes. */
export function fill_(x: Tensor, value: number | Tensor): Tensor {
  checkTensor('fill_', x);
  if (value instanceof Tensor) {
    checkTensor('fill_', value, 'value');
    if (value.ndim === 0) return copy_(x, value);
    throw new ShapeError('fill_', `value must have no axes, got ${shapeText(value.shape)}`, value.shape);
  }
  if (typeof value !== 'number') {
    throw new ArgumentError('fill_', `value must be a number or a Tensor, got ${valueText(value)}`, value);
  }
  if (recordsInPlace('fill_', x)) return changeInPlace('fill_', x, (old) => fullLike(old, value), 'constant');
  checkWritable('fill_', x);
  native.fill(x._id, value);
  x._bump();
  return x;
}

const overwrite = defineOp({
  name: 'overwrite',
  narrow: 'moves',
  inputs: ['input', 'value'],
  forward: (x: Tensor, value: Tensor) => {
    const out = emptyLikeLayout(x);
    native.copy(out._id, value._id);
    return out;
  },
  save: (_out, _x, value) => ({ dtype: value.dtype }),
  backward: ([g], { dtype }, needs) => [needs[0] ? zerosLike(g) : null, needs[1] ? to(g, dtype) : null],
});

/**
 * Writes the values of `source` (broadcast, converted) into the memory of `x`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.copy_.html
 */
export function copy_(x: Tensor, source: Tensor): Tensor {
  checkTensor('copy_', x);
  checkTensor('copy_', source, 'source');
  if (!sameShape(broadcastShapes('copy_', x.shape, source.shape), x.shape)) {
    const message = `${shapeText(source.shape)} does not broadcast to ${shapeText(x.shape)}`;
    throw new ShapeError('copy_', message, source.shape, x.shape);
  }
  const recorded = recordsInPlace('copy_', x, source);
  if (source === x) {
    x._bump();
    return x;
  }
  checkInPlace('copy_', x, x.shape, x.dtype);
  if (recorded) {
    return changeInPlace('copy_', x, (old) => overwrite(old, expand(source, x.shape)));
  }
  const values = operandInPlace(x, source);
  native.copy(x._id, (sameShape(values.shape, x.shape) ? values : expand(values.detach(), x.shape))._id);
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
  if (recordsInPlace('clamp_', x)) return changeInPlace('clamp_', x, (old) => clamp(old, min, max));
  native.clamp(x._id, x._id, min ?? -Infinity, max ?? Infinity);
  x._bump();
  return x;
}

function unaryInPlace(
  op: string,
  code: number,
  compute: (x: Tensor) => Tensor,
  floating: boolean,
): (x: Tensor) => Tensor {
  return (x) => {
    if (recordsInPlace(op, x)) return changeInPlace(op, x, compute);
    checkNumeric(op, x);
    checkInPlace(op, x, x.shape, floating && !isFloating(x.dtype) ? 'float32' : x.dtype);
    native.unary(code, x._id, x._id);
    x._bump();
    return x;
  };
}

/** `x = -x` in its memory. */
export const neg_: (x: Tensor) => Tensor = unaryInPlace('neg_', UnaryOp.neg, neg, false);
/** {@link relu} in the memory of `x`. */
export const relu_: (x: Tensor) => Tensor = unaryInPlace('relu_', UnaryOp.relu, relu, false);
/** {@link exp} in the memory of `x`. */
export const exp_: (x: Tensor) => Tensor = unaryInPlace('exp_', UnaryOp.exp, exp, true);
/** {@link sqrt} in the memory of `x`. */
export const sqrt_: (x: Tensor) => Tensor = unaryInPlace('sqrt_', UnaryOp.sqrt, sqrt, true);

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link add_}. */
    add_(other: Operand, options?: { alpha?: number }): Tensor;
    /** See {@link sub_}. */
    sub_(other: Operand, options?: { alpha?: number }): Tensor;
    /** See {@link mul_}. */
    mul_(other: Operand): Tensor;
    /** See {@link div_}. */
    div_(other: Operand, options?: DivOptions): Tensor;
    /** See {@link fill_}. */
    fill_(value: number | Tensor): Tensor;
    /** See {@link copy_}. */
    copy_(source: Tensor): Tensor;
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

addMethods({ add_, sub_, mul_, div_, fill_, copy_, zero_, clamp_, neg_, relu_, exp_, sqrt_ });
