// Comparisons, logic and bits. None of them has a gradient.
import { DTypeError } from '../../errors.js';
import { native } from '../../native.js';
import { checkTensor } from '../../tensor/check.js';
import { stridesLike } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { Tensor } from '../../tensor/tensor.js';
import { BinaryOp, UnaryOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { operands, promote, promoteWithScalar, runBinary, runScalar } from '../elementwise.js';
import { binaryWithOut, type OutOptions, type UnaryFunction, unaryWithOut } from '../out.js';
import { to } from '../shape/view.js';
import { emptyResult } from '../target.js';

/** A bool tensor from a tensor and another one or a number. */
export type Comparison = (a: Tensor, b: Tensor | number, options?: OutOptions) => Tensor;

/** A function of two tensors of integers or bool, of which one may be a number. */
export type BitFunction = (a: Tensor | number, b: Tensor | number, options?: OutOptions) => Tensor;

/** A bool tensor from two. */
export type LogicalFunction = (a: Tensor, b: Tensor, options?: OutOptions) => Tensor;

/** A bool tensor from one. */
export type TestFunction = UnaryFunction;

function comparison(name: string, code: number): Comparison {
  const tensors = defineOp({
    name,
    inputs: ['input', 'other'],
    forward: (a: Tensor, b: Tensor) => runBinary(name, code, a, b, 'bool'),
  });
  const scalar = defineOp({
    name: `${name}Scalar`,
    inputs: ['input'],
    forward: (x: Tensor, value: number) => runScalar(code, x, value, false, 'bool'),
  });
  return binaryWithOut(name, (a: Tensor, b: Tensor | number) => {
    checkTensor(name, a);
    if (typeof b === 'number') return scalar(promoteWithScalar(name, a, b), b);
    checkTensor(name, b, 'other');
    return tensors(...promote(a, b));
  });
}

/** `a == b`; `NaN` equals nothing. */
export const eq: Comparison = comparison('eq', BinaryOp.eq);
/** `a != b`. */
export const ne: Comparison = comparison('ne', BinaryOp.ne);
/** `a < b`. */
export const lt: Comparison = comparison('lt', BinaryOp.lt);
/** `a <= b`. */
export const le: Comparison = comparison('le', BinaryOp.le);
/** `a > b`. */
export const gt: Comparison = comparison('gt', BinaryOp.gt);
/** `a >= b`. */
export const ge: Comparison = comparison('ge', BinaryOp.ge);

function bitwise(name: string, code: number): BitFunction {
  const op = defineOp({
    name,
    inputs: ['input', 'other'],
    forward: (a: Tensor, b: Tensor) => runBinary(name, code, a, b),
  });
  return binaryWithOut(name, (a: Tensor | number, b: Tensor | number) => {
    const [x, y] = operands(name, a, b);
    if (isFloating(x.dtype)) throw new DTypeError(name, `integers or bool are needed, got ${x.dtype}`, x.dtype);
    return op(x, y);
  });
}

/** Bits that both have; on bool the logical and. */
export const bitwiseAnd: BitFunction = bitwise('bitwiseAnd', BinaryOp.bitAnd);
/** Bits that one of both has; on bool the logical or. */
export const bitwiseOr: BitFunction = bitwise('bitwiseOr', BinaryOp.bitOr);
/** Bits in which both differ. */
export const bitwiseXor: BitFunction = bitwise('bitwiseXor', BinaryOp.bitXor);

const bitwiseNotOp = defineOp({
  name: 'bitwiseNot',
  inputs: ['input'],
  forward: (x: Tensor) => {
    const out = emptyResult(x.shape, stridesLike(x, x.shape), x.dtype);
    native.unary(UnaryOp.bitNot, out._id, x._id);
    return out;
  },
});

/** Every bit flipped; on bool the logical not. */
export const bitwiseNot: TestFunction = unaryWithOut('bitwiseNot', (x) => {
  checkTensor('bitwiseNot', x);
  if (isFloating(x.dtype)) throw new DTypeError('bitwiseNot', `integers or bool are needed, got ${x.dtype}`, x.dtype);
  return bitwiseNotOp(x);
});

const logical = (name: string, op: (a: Tensor, b: Tensor) => Tensor): LogicalFunction =>
  binaryWithOut(name, (a: Tensor, b: Tensor) => {
    checkTensor(name, a);
    checkTensor(name, b, 'other');
    return op(to(a, 'bool'), to(b, 'bool'));
  });

/** Where both are not 0. */
export const logicalAnd: LogicalFunction = logical('logicalAnd', bitwiseAnd);
/** Where one of both is not 0. */
export const logicalOr: LogicalFunction = logical('logicalOr', bitwiseOr);
/** Where exactly one of both is not 0. */
export const logicalXor: LogicalFunction = logical('logicalXor', bitwiseXor);

function test(name: string, code: number, ofIntegers: 0 | 1 | null): TestFunction {
  const op = defineOp({
    name,
    inputs: ['input'],
    forward: (x: Tensor) => {
      const out = emptyResult(x.shape, stridesLike(x, x.shape), 'bool');
      if (ofIntegers !== null && !isFloating(x.dtype)) native.fill(out._id, ofIntegers);
      else native.unary(code, out._id, x._id);
      return out;
    },
  });
  return unaryWithOut(name, (x) => op(x));
}

/** Where an element is 0. */
export const logicalNot: TestFunction = test('logicalNot', UnaryOp.logicalNot, null);
/** Where an element is `NaN`. */
export const isnan: TestFunction = test('isnan', UnaryOp.isNan, 0);
/** Where an element is infinite. */
export const isinf: TestFunction = test('isinf', UnaryOp.isInf, 0);
/** Where an element is neither infinite nor `NaN`. */
export const isfinite: TestFunction = test('isfinite', UnaryOp.isFinite, 1);
/** Where an element is plus infinity. */
export const isposinf: TestFunction = test('isposinf', UnaryOp.isPosInf, 0);
/** Where an element is minus infinity. */
export const isneginf: TestFunction = test('isneginf', UnaryOp.isNegInf, 0);

const signbitOp = test('signbit', UnaryOp.signbit, 0);
/** Where the sign is minus, also that of -0. */
export const signbit: TestFunction = (x: Tensor, options?: OutOptions) =>
  x instanceof Tensor && !isFloating(x.dtype) ? lt(x, 0, options) : signbitOp(x, options);

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link eq}. */
    eq(other: Tensor | number): Tensor;
    /** See {@link ne}. */
    ne(other: Tensor | number): Tensor;
    /** See {@link lt}. */
    lt(other: Tensor | number): Tensor;
    /** See {@link le}. */
    le(other: Tensor | number): Tensor;
    /** See {@link gt}. */
    gt(other: Tensor | number): Tensor;
    /** See {@link ge}. */
    ge(other: Tensor | number): Tensor;
    /** See {@link bitwiseAnd}. */
    bitwiseAnd(other: Tensor | number): Tensor;
    /** See {@link bitwiseOr}. */
    bitwiseOr(other: Tensor | number): Tensor;
    /** See {@link bitwiseXor}. */
    bitwiseXor(other: Tensor | number): Tensor;
    /** See {@link bitwiseNot}. */
    bitwiseNot(): Tensor;
    /** See {@link logicalAnd}. */
    logicalAnd(other: Tensor): Tensor;
    /** See {@link logicalOr}. */
    logicalOr(other: Tensor): Tensor;
    /** See {@link logicalXor}. */
    logicalXor(other: Tensor): Tensor;
    /** See {@link logicalNot}. */
    logicalNot(): Tensor;
    /** See {@link isnan}. */
    isnan(): Tensor;
    /** See {@link isinf}. */
    isinf(): Tensor;
    /** See {@link isfinite}. */
    isfinite(): Tensor;
    /** See {@link isposinf}. */
    isposinf(): Tensor;
    /** See {@link isneginf}. */
    isneginf(): Tensor;
    /** See {@link signbit}. */
    signbit(): Tensor;
  }
}

addMethods({
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  bitwiseAnd,
  bitwiseOr,
  bitwiseXor,
  bitwiseNot,
  logicalAnd,
  logicalOr,
  logicalXor,
  logicalNot,
  isnan,
  isinf,
  isfinite,
  isposinf,
  isneginf,
  signbit,
});
