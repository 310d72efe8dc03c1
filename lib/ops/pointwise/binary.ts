// Further functions of two operands.
import { DTypeError } from '../../errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { BinaryOp } from '../codes.js';
import { addMethods } from '../define.js';
import { checkTensor, operands } from '../elementwise.js';
import { binaryWithOut, into, type OutOptions, outOf } from '../out.js';
import { to } from '../shape/view.js';
import { withoutTarget } from '../target.js';
import { type AlphaOptions, add, div, mul, pow, sub } from './arithmetic.js';
import { eq, ge, isnan, le, logicalAnd, logicalOr } from './compare.js';
import {
  type BinaryFunction,
  binaryFunction,
  type Operand,
  type OperandFunction,
  type PairRule,
  pairRecord,
} from './factories.js';
import { where } from './select.js';
import { exp, exp2, log, log1p, sign } from './unary.js';

/** A function of two tensors only. */
function tensorsOnly(name: string, run: OperandFunction): BinaryFunction {
  return (a, b, options) => {
    checkTensor(name, a);
    checkTensor(name, b, 'other');
    return run(a, b, options);
  };
}

/** The gradient goes to the operand that was taken; the first one on a tie. */
const taken = (wins: (a: Tensor, b: Tensor) => Tensor): PairRule => ({
  a: (g, a, b) => where(logicalOr(wins(a, b), isnan(b)), g, 0),
  b: (g, a, b) => where(logicalOr(wins(a, b), isnan(b)), 0, g),
});

/** The larger of each pair; a number wins over `NaN`. @see https://docs.pytorch.org/docs/2.13/generated/torch.fmax.html */
export const fmax: BinaryFunction = tensorsOnly('fmax', binaryFunction('fmax', BinaryOp.fmax, 'any', taken(ge)));

/** The smaller of each pair; a number wins over `NaN`. @see https://docs.pytorch.org/docs/2.13/generated/torch.fmin.html */
export const fmin: BinaryFunction = tensorsOnly('fmin', binaryFunction('fmin', BinaryOp.fmin, 'any', taken(le)));

/** `a` with the sign of `b`, which may be -0. @see https://docs.pytorch.org/docs/2.13/generated/torch.copysign.html */
export const copysign: OperandFunction = binaryFunction('copysign', BinaryOp.copysign, 'floating', {
  a: (g, a, _b, out) => mul(g, mul(sign(a), sign(out))),
  b: (_g, _a, b) => mul(sign(b), 0),
});

/** `sqrt(a * a + b * b)` without overflow; floating-point only. @see https://docs.pytorch.org/docs/2.13/generated/torch.hypot.html */
export const hypot: BinaryFunction = tensorsOnly(
  'hypot',
  binaryFunction('hypot', BinaryOp.hypot, 'floatOnly', {
    a: (g, a, _b, out) => mul(g, div(a, out)),
    b: (g, _a, b, out) => mul(g, div(b, out)),
  }),
);

/** `log(e ** a + e ** b)`; floating-point only. @see https://docs.pytorch.org/docs/2.13/generated/torch.logaddexp.html */
export const logaddexp: BinaryFunction = tensorsOnly(
  'logaddexp',
  binaryFunction('logaddexp', BinaryOp.logaddexp, 'floatOnly', {
    a: (g, a, b) => div(g, add(exp(sub(b, a)), 1)),
    b: (g, a, b) => div(g, add(exp(sub(a, b)), 1)),
  }),
);

/** `log2(2 ** a + 2 ** b)`; floating-point only. @see https://docs.pytorch.org/docs/2.13/generated/torch.logaddexp2.html */
export const logaddexp2: BinaryFunction = tensorsOnly(
  'logaddexp2',
  binaryFunction('logaddexp2', BinaryOp.logaddexp2, 'floatOnly', {
    a: (g, a, b) => div(g, add(exp2(sub(b, a)), 1)),
    b: (g, a, b) => div(g, add(exp2(sub(a, b)), 1)),
  }),
);

/** `a * log(b)`, 0 where `a` is 0. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.xlogy */
export const xlogy: OperandFunction = binaryFunction('xlogy', BinaryOp.xlogy, 'floating', {
  a: (g, a, b) => where(logicalAnd(eq(a, 0), le(b, 0)), 0, mul(g, log(b))),
  b: (g, a, b) => mul(g, div(a, b)),
});

/** `a * log(1 + b)`, 0 where `a` is 0. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.xlog1py */
export const xlog1py: OperandFunction = binaryFunction('xlog1py', BinaryOp.xlog1py, 'floating', {
  a: (g, a, b) => where(logicalAnd(eq(a, 0), le(b, -1)), 0, mul(g, log1p(b))),
  b: (g, a, b) => mul(g, div(a, add(b, 1))),
});

const heavisideOp = pairRecord('heaviside', BinaryOp.heaviside, null);

/**
 * 0 where `x < 0`, 1 where `x > 0`, and `values` where `x` is 0. Not differentiable.
 * @throws DTypeError when the dtypes differ.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.heaviside.html
 */
export const heaviside: BinaryFunction = binaryWithOut('heaviside', (x: Tensor, values: Tensor) => {
  checkTensor('heaviside', x);
  checkTensor('heaviside', values, 'values');
  if (x.dtype !== values.dtype) {
    throw new DTypeError('heaviside', `input is ${x.dtype}, values are ${values.dtype}`, x.dtype, values.dtype);
  }
  return heavisideOp(x, values);
});

/** The next floating-point number from `a` towards `b`. @see https://docs.pytorch.org/docs/2.13/generated/torch.nextafter.html */
export const nextafter: BinaryFunction = tensorsOnly(
  'nextafter',
  binaryFunction('nextafter', BinaryOp.nextafter, 'floatOnly', { a: (g) => g, b: (_g, _a, b) => mul(sign(b), 0) }),
);

/** The greatest common divisor of integers. @see https://docs.pytorch.org/docs/2.13/generated/torch.gcd.html */
export const gcd: BinaryFunction = tensorsOnly('gcd', binaryFunction('gcd', BinaryOp.gcd, 'integers', null));

/** The least common multiple of integers, never negative. @see https://docs.pytorch.org/docs/2.13/generated/torch.lcm.html */
export const lcm: BinaryFunction = tensorsOnly('lcm', binaryFunction('lcm', BinaryOp.lcm, 'integers', null));

/** The bits of `a` moved up by `b`: `a * 2 ** b`. @see https://docs.pytorch.org/docs/2.13/generated/torch.bitwise_left_shift.html */
export const bitwiseLeftShift: OperandFunction = binaryFunction(
  'bitwiseLeftShift',
  BinaryOp.shiftLeft,
  'integers',
  null,
);

/** The bits of `a` moved down by `b`, its sign kept. @see https://docs.pytorch.org/docs/2.13/generated/torch.bitwise_right_shift.html */
export const bitwiseRightShift: OperandFunction = binaryFunction(
  'bitwiseRightShift',
  BinaryOp.shiftRight,
  'integers',
  null,
);

/** A function composed of several kernels: only its result may be written to `out`. */
function composed<A, B>(name: string, run: (a: A, b: B) => Tensor): (a: A, b: B, options?: OutOptions) => Tensor {
  return (a, b, options) => {
    const out = outOf(options);
    return out ? into(name, out, [a, b], () => withoutTarget(() => run(a, b))) : run(a, b);
  };
}

/** `x * 2 ** other`. @see https://docs.pytorch.org/docs/2.13/generated/torch.ldexp.html */
export const ldexp: BinaryFunction = composed('ldexp', (x: Tensor, other: Tensor) => {
  checkTensor('ldexp', x);
  checkTensor('ldexp', other, 'other');
  return mul(x, exp2(other));
});

/** `a ** b` in float64. @see https://docs.pytorch.org/docs/2.13/generated/torch.float_power.html */
export const floatPower: OperandFunction = composed('floatPower', (a: Operand, b: Operand) => {
  if (typeof a === 'number') {
    checkTensor('floatPower', b, 'exponent');
    return pow(a, to(b, 'float64'));
  }
  checkTensor('floatPower', a);
  return pow(to(a, 'float64'), typeof b === 'number' ? b : to(operands('floatPower', a, b)[1], 'float64'));
});

/** `b - alpha * a`: {@link sub} with its operands exchanged. @see https://docs.pytorch.org/docs/2.13/generated/torch.rsub.html */
export function rsub(a: Tensor, b: Operand, options: AlphaOptions = {}): Tensor {
  checkTensor('rsub', a);
  return sub(b, a, options);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link fmax}. */
    fmax(other: Tensor): Tensor;
    /** See {@link fmin}. */
    fmin(other: Tensor): Tensor;
    /** See {@link copysign}. */
    copysign(other: Operand): Tensor;
    /** See {@link hypot}. */
    hypot(other: Tensor): Tensor;
    /** See {@link logaddexp}. */
    logaddexp(other: Tensor): Tensor;
    /** See {@link logaddexp2}. */
    logaddexp2(other: Tensor): Tensor;
    /** See {@link xlogy}. */
    xlogy(other: Operand): Tensor;
    /** See {@link heaviside}. */
    heaviside(values: Tensor): Tensor;
    /** See {@link nextafter}. */
    nextafter(other: Tensor): Tensor;
    /** See {@link gcd}. */
    gcd(other: Tensor): Tensor;
    /** See {@link lcm}. */
    lcm(other: Tensor): Tensor;
    /** See {@link bitwiseLeftShift}. */
    bitwiseLeftShift(other: Operand): Tensor;
    /** See {@link bitwiseRightShift}. */
    bitwiseRightShift(other: Operand): Tensor;
    /** See {@link ldexp}. */
    ldexp(other: Tensor): Tensor;
    /** See {@link floatPower}. */
    floatPower(exponent: Operand): Tensor;
  }
}

addMethods({
  fmax,
  fmin,
  copysign,
  hypot,
  logaddexp,
  logaddexp2,
  xlogy,
  heaviside,
  nextafter,
  gcd,
  lcm,
  bitwiseLeftShift,
  bitwiseRightShift,
  ldexp,
  floatPower,
});
