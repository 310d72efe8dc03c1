// Comparisons, logic and bits. None of them has a gradient.
import { DTypeError } from '../../errors.js';
import { native } from '../../native.js';
import { checkTensor } from '../../tensor/check.js';
import { emptyLikeLayout } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import type { Tensor } from '../../tensor/tensor.js';
import { BinaryOp, UnaryOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { promote, promoteWithScalar, runBinary, runScalar } from '../elementwise.js';
import { to } from '../shape/view.js';

/** A bool tensor from a tensor and another one or a number. */
export type Comparison = (a: Tensor, b: Tensor | number) => Tensor;

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
  return (a, b) => {
    checkTensor(name, a);
    if (typeof b === 'number') return scalar(promoteWithScalar(name, a, b), b);
    checkTensor(name, b, 'other');
    return tensors(...promote(a, b));
  };
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

function bitwise(name: string, code: number): (a: Tensor, b: Tensor) => Tensor {
  const op = defineOp({
    name,
    inputs: ['input', 'other'],
    forward: (a: Tensor, b: Tensor) => runBinary(name, code, a, b),
  });
  return (a, b) => {
    checkTensor(name, a);
    checkTensor(name, b, 'other');
    const [x, y] = promote(a, b);
    if (isFloating(x.dtype)) throw new DTypeError(name, `integers or bool are needed, got ${x.dtype}`, x.dtype);
    return op(x, y);
  };
}

/** Bits that both have; on bool the logical and. */
export const bitwiseAnd: (a: Tensor, b: Tensor) => Tensor = bitwise('bitwiseAnd', BinaryOp.bitAnd);
/** Bits that one of both has; on bool the logical or. */
export const bitwiseOr: (a: Tensor, b: Tensor) => Tensor = bitwise('bitwiseOr', BinaryOp.bitOr);
/** Bits in which both differ. */
export const bitwiseXor: (a: Tensor, b: Tensor) => Tensor = bitwise('bitwiseXor', BinaryOp.bitXor);

const bitwiseNotOp = defineOp({
  name: 'bitwiseNot',
  inputs: ['input'],
  forward: (x: Tensor) => {
    const out = emptyLikeLayout(x);
    native.unary(UnaryOp.bitNot, out._id, x._id);
    return out;
  },
});

/** Every bit flipped; on bool the logical not. */
export function bitwiseNot(x: Tensor): Tensor {
  checkTensor('bitwiseNot', x);
  if (isFloating(x.dtype)) throw new DTypeError('bitwiseNot', `integers or bool are needed, got ${x.dtype}`, x.dtype);
  return bitwiseNotOp(x);
}

const logical =
  (name: string, op: (a: Tensor, b: Tensor) => Tensor) =>
  (a: Tensor, b: Tensor): Tensor => {
    checkTensor(name, a);
    checkTensor(name, b, 'other');
    return op(to(a, 'bool'), to(b, 'bool'));
  };

/** Where both are not 0. */
export const logicalAnd: (a: Tensor, b: Tensor) => Tensor = logical('logicalAnd', bitwiseAnd);
/** Where one of both is not 0. */
export const logicalOr: (a: Tensor, b: Tensor) => Tensor = logical('logicalOr', bitwiseOr);
/** Where exactly one of both is not 0. */
export const logicalXor: (a: Tensor, b: Tensor) => Tensor = logical('logicalXor', bitwiseXor);

function test(name: string, code: number, ofIntegers: 0 | 1 | null): (x: Tensor) => Tensor {
  const op = defineOp({
    name,
    inputs: ['input'],
    forward: (x: Tensor) => {
      const out = emptyLikeLayout(x, 'bool');
      if (ofIntegers !== null && !isFloating(x.dtype)) native.fill(out._id, ofIntegers);
      else native.unary(code, out._id, x._id);
      return out;
    },
  });
  return (x) => op(x);
}

/** Where an element is 0. */
export const logicalNot: (x: Tensor) => Tensor = test('logicalNot', UnaryOp.logicalNot, null);
/** Where an element is `NaN`. */
export const isnan: (x: Tensor) => Tensor = test('isnan', UnaryOp.isNan, 0);
/** Where an element is infinite. */
export const isinf: (x: Tensor) => Tensor = test('isinf', UnaryOp.isInf, 0);
/** Where an element is neither infinite nor `NaN`. */
export const isfinite: (x: Tensor) => Tensor = test('isfinite', UnaryOp.isFinite, 1);

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
    bitwiseAnd(other: Tensor): Tensor;
    /** See {@link bitwiseOr}. */
    bitwiseOr(other: Tensor): Tensor;
    /** See {@link bitwiseXor}. */
    bitwiseXor(other: Tensor): Tensor;
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
});
