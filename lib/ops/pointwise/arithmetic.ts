import { ArgumentError, valueText } from '../../errors.js';
import { checkOptions } from '../../tensor/check.js';
import { zerosLike } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import type { Tensor } from '../../tensor/tensor.js';
import { BinaryOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import {
  checkNumeric,
  checkTensor,
  operands,
  promote,
  promoteWithScalar,
  runBinary,
  runScalar,
  toFloating,
} from '../elementwise.js';
import { binaryWithOut, into, type OutOptions, outOf } from '../out.js';
import { clone, sumTo } from '../shape/view.js';
import { eq, ge, logicalAnd, lt } from './compare.js';
import type { BinaryFunction, Operand, OperandFunction } from './factories.js';
import { where } from './select.js';
import { log, neg, reciprocal, sqrt, square } from './unary.js';

export type { Operand } from './factories.js';

const addTensors = defineOp({
  name: 'add',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor) => runBinary('add', BinaryOp.add, a, b),
  save: (_out, a, b) => ({ a: a.shape, b: b.shape }),
  backward: ([g], saved, needs) => [needs[0] ? sumTo(g, saved.a) : null, needs[1] ? sumTo(g, saved.b) : null],
});

const addScalar = defineOp({
  name: 'addScalar',
  inputs: ['input'],
  forward: (x: Tensor, scalar: number) => runScalar(BinaryOp.add, x, scalar),
  backward: ([g]) => [g],
});

const subTensors = defineOp({
  name: 'sub',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor) => runBinary('sub', BinaryOp.sub, a, b),
  save: (_out, a, b) => ({ a: a.shape, b: b.shape }),
  backward: ([g], saved, needs) => [needs[0] ? sumTo(g, saved.a) : null, needs[1] ? neg(sumTo(g, saved.b)) : null],
});

const scalarSub = defineOp({
  name: 'scalarSub',
  inputs: ['input'],
  forward: (x: Tensor, scalar: number) => runScalar(BinaryOp.sub, x, scalar, true),
  backward: ([g]) => [neg(g)],
});

/** What a product keeps: each factor only where the gradient of the other one is wanted. */
const keepFactors = (_out: Tensor, a: Tensor, b: Tensor) => ({
  a: b.requiresGrad ? a : null,
  b: a.requiresGrad ? b : null,
  aShape: a.shape,
  bShape: b.shape,
});

const mulTensors = defineOp({
  name: 'mul',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor) => runBinary('mul', BinaryOp.mul, a, b),
  save: keepFactors,
  backward: ([g], { a, b, aShape, bShape }, needs) => [
    needs[0] && b ? sumTo(mul(g, b), aShape) : null,
    needs[1] && a ? sumTo(mul(g, a), bShape) : null,
  ],
});

const mulScalar = defineOp({
  name: 'mulScalar',
  inputs: ['input'],
  forward: (x: Tensor, scalar: number) => runScalar(BinaryOp.mul, x, scalar),
  save: (_out, _x, scalar) => ({ scalar }),
  backward: ([g], { scalar }) => [mul(g, scalar)],
});

const divTensors = defineOp({
  name: 'div',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor) => runBinary('div', BinaryOp.div, a, b),
  save: (_out, a, b) => ({ a: b.requiresGrad ? a : null, b, aShape: a.shape }),
  backward: ([g], { a, b, aShape }, needs) => [
    needs[0] ? sumTo(div(g, b), aShape) : null,
    needs[1] && a ? sumTo(neg(mul(g, div(div(a, b), b))), b.shape) : null,
  ],
});

const divScalar = defineOp({
  name: 'divScalar',
  inputs: ['input'],
  forward: (x: Tensor, scalar: number) => runScalar(BinaryOp.div, x, scalar),
  save: (_out, _x, scalar) => ({ scalar }),
  backward: ([g], { scalar }) => [div(g, scalar)],
});

const scalarDiv = defineOp({
  name: 'scalarDiv',
  inputs: ['input'],
  forward: (x: Tensor, scalar: number) => runScalar(BinaryOp.div, x, scalar, true),
  save: (out, x) => ({ out, x }),
  backward: ([g], { out, x }) => [neg(mul(g, div(out, x)))],
});

const powTensors = defineOp({
  name: 'pow',
  inputs: ['input', 'exponent'],
  forward: (a: Tensor, b: Tensor) => runBinary('pow', BinaryOp.pow, a, b),
  save: (out, a, b) => ({ a, b, out: b.requiresGrad ? out : null }),
  backward: ([g], { a, b, out }, needs) => [
    needs[0] ? sumTo(where(eq(b, 0), 0, mul(g, mul(b, pow(a, sub(b, 1))))), a.shape) : null,
    needs[1] && out ? sumTo(powExponentGrad(g, a, b, out), b.shape) : null,
  ],
});

/** d a^b / db = a^b log(a), and 0 where 0^b is constant. */
const powExponentGrad = (g: Tensor, a: Tensor, b: Tensor, out: Tensor): Tensor =>
  where(logicalAnd(eq(a, 0), ge(b, 0)), 0, mul(g, mul(out, log(a))));

const powScalar = defineOp({
  name: 'powScalar',
  inputs: ['input'],
  forward: (x: Tensor, exponent: number) => runScalar(BinaryOp.pow, x, exponent),
  save: (_out, x, exponent) => ({ x, exponent }),
  backward: ([g], { x, exponent }) => [exponent === 0 ? zerosLike(x) : mul(g, mul(pow(x, exponent - 1), exponent))],
});

const scalarPow = defineOp({
  name: 'scalarPow',
  inputs: ['exponent'],
  forward: (x: Tensor, base: number) => runScalar(BinaryOp.pow, x, base, true),
  save: (out, x, base) => ({ x: base === 0 ? x : null, out, base }),
  backward: ([g], { x, out, base }) => {
    const slope = mul(g, mul(out, Math.log(base)));
    return [x ? where(ge(x, 0), 0, slope) : slope];
  },
});

/** Gradients of an op that takes one of two values: the winner's, half each on a tie; `NaN` passes to both. */
function shareGradient(g: Tensor, x: Tensor, other: Tensor, loses: (a: Tensor, b: Tensor) => Tensor): Tensor {
  return where(loses(x, other), 0, where(eq(x, other), mul(g, 0.5), g));
}

const maximumOp = defineOp({
  name: 'maximum',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor) => runBinary('maximum', BinaryOp.maximum, a, b),
  save: (_out, a, b) => ({ a, b }),
  backward: ([g], { a, b }, needs) => [
    needs[0] ? sumTo(shareGradient(g, a, b, lt), a.shape) : null,
    needs[1] ? sumTo(shareGradient(g, b, a, lt), b.shape) : null,
  ],
});

const minimumOp = defineOp({
  name: 'minimum',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor) => runBinary('minimum', BinaryOp.minimum, a, b),
  save: (_out, a, b) => ({ a, b }),
  backward: ([g], { a, b }, needs) => [
    needs[0]
      ? sumTo(
          shareGradient(g, a, b, (x, y) => lt(y, x)),
          a.shape,
        )
      : null,
    needs[1]
      ? sumTo(
          shareGradient(g, b, a, (x, y) => lt(y, x)),
          b.shape,
        )
      : null,
  ],
});

const atan2Op = defineOp({
  name: 'atan2',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor) => runBinary('atan2', BinaryOp.atan2, a, b),
  save: (_out, a, b) => ({ a, b }),
  backward: ([g], { a, b }, needs) => {
    const scaled = div(g, add(square(a), square(b)));
    return [needs[0] ? sumTo(mul(scaled, b), a.shape) : null, needs[1] ? sumTo(neg(mul(scaled, a)), b.shape) : null];
  },
});

const remainderOp = defineOp({
  name: 'remainder',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor) => runBinary('remainder', BinaryOp.remainder, a, b),
  save: (_out, a, b) => ({ a, b }),
  backward: ([g], { a, b }, needs) => [
    needs[0] ? sumTo(g, a.shape) : null,
    needs[1] ? sumTo(neg(mul(g, div(a, b, { roundingMode: 'floor' }))), b.shape) : null,
  ],
});

const fmodOp = defineOp({
  name: 'fmod',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor) => runBinary('fmod', BinaryOp.fmod, a, b),
  save: (_out, a, b) => ({ a, b }),
  backward: ([g], { a, b }, needs) => [
    needs[0] ? sumTo(g, a.shape) : null,
    needs[1] ? sumTo(neg(mul(g, div(a, b, { roundingMode: 'trunc' }))), b.shape) : null,
  ],
});

const roundedDiv = defineOp({
  name: 'roundedDiv',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor, mode: 'floor' | 'trunc') =>
    runBinary('div', mode === 'floor' ? BinaryOp.floorDiv : BinaryOp.truncDiv, a, b),
  save: (_out, a, b) => ({ a, b }),
  backward: (_g, { a, b }, needs) => [needs[0] ? zerosLike(a) : null, needs[1] ? zerosLike(b) : null],
});

function scaled(op: string, b: Operand, options: { alpha?: number }): Operand {
  checkOptions(op, options);
  const { alpha = 1 } = options;
  if (typeof alpha !== 'number') throw new ArgumentError(op, `alpha must be a number, got ${valueText(alpha)}`, alpha);
  if (alpha === 1) return b;
  if (typeof b === 'number') return b * alpha;
  checkTensor(op, b, 'other');
  return mul(b, alpha);
}

/** Options of {@link add} and {@link sub}. */
export interface AlphaOptions extends OutOptions {
  /** The factor of the second operand. Default 1. */
  alpha?: number;
}

/**
 * `a + alpha * b`, broadcast, in PyTorch's result type; one of both may be a number.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.add.html
 */
export function add(a: Operand, b: Operand, options?: AlphaOptions): Tensor {
  if (options === undefined) return plainAdd(a, b);
  const other = scaled('add', b, options);
  const out = outOf(options);
  return out ? into('add', out, [a, other], () => plainAdd(a, other)) : plainAdd(a, other);
}

function plainAdd(a: Operand, other: Operand): Tensor {
  if (typeof a === 'number') {
    checkTensor('add', other, 'other');
    return addScalar(promoteWithScalar('add', other, a), a);
  }
  checkTensor('add', a);
  if (typeof other === 'number') return addScalar(promoteWithScalar('add', a, other), other);
  checkTensor('add', other, 'other');
  return a.dtype === other.dtype ? addTensors(a, other) : addTensors(...promote(a, other));
}

/**
 * `a - alpha * b`, broadcast; one of both may be a number.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.sub.html
 */
export function sub(a: Operand, b: Operand, options?: AlphaOptions): Tensor {
  if (options === undefined) return plainSub(a, b);
  const other = scaled('sub', b, options);
  const out = outOf(options);
  return out ? into('sub', out, [a, other], () => plainSub(a, other)) : plainSub(a, other);
}

function plainSub(a: Operand, other: Operand): Tensor {
  if (typeof a === 'number') {
    checkTensor('sub', other, 'other');
    checkNumeric('sub', other);
    return scalarSub(promoteWithScalar('sub', other, a), a);
  }
  checkTensor('sub', a);
  if (typeof other === 'number') return addScalar(promoteWithScalar('sub', a, other), -other);
  checkTensor('sub', other, 'other');
  const [x, y] = promote(a, other);
  checkNumeric('sub', x, y);
  return subTensors(x, y);
}

/**
 * `a * b`, broadcast, in PyTorch's result type; one of both may be a number.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.mul.html
 */
export const mul: OperandFunction = binaryWithOut('mul', plainMul);

function plainMul(a: Operand, b: Operand): Tensor {
  if (typeof a === 'number') {
    checkTensor('mul', b, 'other');
    return mulScalar(promoteWithScalar('mul', b, a), a);
  }
  checkTensor('mul', a);
  if (typeof b === 'number') return mulScalar(promoteWithScalar('mul', a, b), b);
  checkTensor('mul', b, 'other');
  return a.dtype === b.dtype ? mulTensors(a, b) : mulTensors(...promote(a, b));
}

/** How a quotient is rounded. */
export interface DivOptions extends OutOptions {
  /** `'floor'` rounds down, `'trunc'` towards zero; integers then stay integers. Default: not at all. */
  roundingMode?: 'floor' | 'trunc' | null;
}

/** `a / b`, broadcast; one of both may be a number. Integers give floating-point numbers unless the result is rounded. */
export function div(a: Operand, b: Operand, options: DivOptions = {}): Tensor {
  checkOptions('div', options);
  const mode = options.roundingMode ?? null;
  const out = outOf(options);
  return out ? into('div', out, [a, b], () => plainDiv(a, b, mode)) : plainDiv(a, b, mode);
}

function plainDiv(a: Operand, b: Operand, mode: 'floor' | 'trunc' | null): Tensor {
  if (mode !== null) {
    if (mode !== 'floor' && mode !== 'trunc') {
      throw new ArgumentError('div', `roundingMode must be 'floor', 'trunc' or null, got ${valueText(mode)}`, mode);
    }
    const [x, y] = divisible('div', a, b);
    return roundedDiv(x, y, mode);
  }
  if (typeof a === 'number') {
    checkTensor('div', b, 'other');
    return scalarDiv(toFloating(b), a);
  }
  checkTensor('div', a);
  if (typeof b === 'number') return divScalar(toFloating(a), b);
  checkTensor('div', b, 'other');
  const [x, y] = promote(a, b);
  return divTensors(toFloating(x), toFloating(y));
}

/** Operands of a division with remainder. */
function divisible(op: string, a: Operand, b: Operand): [Tensor, Tensor] {
  const [x, y] = operands(op, a, b);
  checkNumeric(op, x);
  return [x, y];
}

/** `a / b` rounded down. */
export const floorDivide: OperandFunction = (a, b, options) =>
  div(a, b, { roundingMode: 'floor', out: outOf(options) });

/** What is left of `a` after whole multiples of `b`, with the sign of `b` (Python's `%`). */
export const remainder: OperandFunction = binaryWithOut('remainder', (a: Operand, b: Operand) =>
  remainderOp(...divisible('remainder', a, b)),
);

/** What is left of `a` after whole multiples of `b`, with the sign of `a` (C's `fmod`). */
export const fmod: OperandFunction = binaryWithOut('fmod', (a: Operand, b: Operand) =>
  fmodOp(...divisible('fmod', a, b)),
);

/**
 * `a ** b`, broadcast; one of both may be a number.
 * @throws ArgumentError for a negative power of integers.
 */
export const pow: OperandFunction = binaryWithOut('pow', plainPow);

function plainPow(a: Operand, b: Operand): Tensor {
  if (typeof a === 'number') {
    checkTensor('pow', b, 'exponent');
    const x = promoteWithScalar('pow', b, a);
    checkNumeric('pow', x);
    return scalarPow(x, a);
  }
  checkTensor('pow', a);
  if (typeof b === 'number') return powNumber(promoteWithScalar('pow', a, b), b);
  checkTensor('pow', b, 'exponent');
  const [x, y] = promote(a, b);
  checkNumeric('pow', x);
  return powTensors(x, y);
}

function powNumber(x: Tensor, exponent: number): Tensor {
  checkNumeric('pow', x);
  if (!isFloating(x.dtype) && exponent < 0) {
    throw new ArgumentError(
      'pow',
      `integers have no negative powers, got ${exponent}; convert to float first`,
      exponent,
    );
  }
  if (exponent === 1) return clone(x);
  if (exponent === 2) return square(x);
  if (exponent === 0.5) return sqrt(x);
  return exponent === -1 ? reciprocal(x) : powScalar(x, exponent);
}

/** The larger of each pair; `NaN` wins. The gradient is shared on ties. */
export const maximum: BinaryFunction = binaryWithOut('maximum', (a: Tensor, b: Tensor) => {
  checkTensor('maximum', a);
  checkTensor('maximum', b, 'other');
  return maximumOp(...promote(a, b));
});

/** The smaller of each pair; `NaN` wins. The gradient is shared on ties. */
export const minimum: BinaryFunction = binaryWithOut('minimum', (a: Tensor, b: Tensor) => {
  checkTensor('minimum', a);
  checkTensor('minimum', b, 'other');
  return minimumOp(...promote(a, b));
});

/** The angle of the point (`b`, `a`), in (-pi, pi]. */
export const atan2: BinaryFunction = binaryWithOut('atan2', (a: Tensor, b: Tensor) => {
  checkTensor('atan2', a);
  checkTensor('atan2', b, 'other');
  const [x, y] = promote(a, b);
  return atan2Op(toFloating(x), toFloating(y));
});

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link add}. */
    add(other: Operand, options?: { alpha?: number }): Tensor;
    /** See {@link sub}. */
    sub(other: Operand, options?: { alpha?: number }): Tensor;
    /** See {@link mul}. */
    mul(other: Operand): Tensor;
    /** See {@link div}. */
    div(other: Operand, options?: DivOptions): Tensor;
    /** See {@link floorDivide}. */
    floorDivide(other: Operand): Tensor;
    /** See {@link remainder}. */
    remainder(other: Operand): Tensor;
    /** See {@link fmod}. */
    fmod(other: Operand): Tensor;
    /** See {@link pow}. */
    pow(exponent: Operand): Tensor;
    /** See {@link maximum}. */
    maximum(other: Tensor): Tensor;
    /** See {@link minimum}. */
    minimum(other: Tensor): Tensor;
    /** See {@link atan2}. */
    atan2(other: Tensor): Tensor;
  }
}

addMethods({ add, sub, mul, div, floorDivide, remainder, fmod, pow, maximum, minimum, atan2 });
