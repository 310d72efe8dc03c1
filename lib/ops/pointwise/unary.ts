// Functions of one tensor, element by element.
import { ArgumentError, valueText } from '../../errors.js';
import { checkOptions } from '../../tensor/check.js';
import { zerosLike } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { BinaryOp, UnaryOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { checkTensor, freeing, runBinary, toFloating } from '../elementwise.js';
import { into, type OutOptions, outOf } from '../out.js';
import { withoutTarget } from '../target.js';
import { add, div, mul, sub } from './arithmetic.js';
import { gt } from './compare.js';
import {
  checkFloating,
  floatingUnary,
  floatOnly,
  numericUnary,
  roundingUnary,
  type UnaryFunction,
} from './factories.js';
import { where } from './select.js';

const oneMinusSquare = (x: Tensor): Tensor => sub(1, square(x));

/** `-x`. */
export const neg: UnaryFunction = numericUnary('neg', UnaryOp.neg, 'input', (g) => neg(g));
/** The absolute value; its gradient at 0 is 0. */
export const abs: UnaryFunction = numericUnary('abs', UnaryOp.abs, 'input', (g, x) => mul(g, sign(x)));
/** -1, 0 or 1. */
export const sign: UnaryFunction = numericUnary('sign', UnaryOp.sign, 'input', (_g, x) => zerosLike(x));
/** `x * x`. */
export const square: UnaryFunction = numericUnary('square', UnaryOp.square, 'input', (g, x) => mul(g, mul(x, 2)));
/** `max(x, 0)`; its gradient at 0 is 0. */
export const relu: UnaryFunction = numericUnary('relu', UnaryOp.relu, 'output', (g, y) => reluGrad(g, y));
/** `1 / x`. */
export const reciprocal: UnaryFunction = floatingUnary('reciprocal', UnaryOp.reciprocal, 'output', (g, y) =>
  neg(mul(g, square(y))),
);
/** The square root. */
export const sqrt: UnaryFunction = floatingUnary('sqrt', UnaryOp.sqrt, 'output', (g, y) => div(g, mul(y, 2)));
/** `1 / sqrt(x)`. */
export const rsqrt: UnaryFunction = floatingUnary('rsqrt', UnaryOp.rsqrt, 'output', (g, y) =>
  mul(g, mul(mul(square(y), y), -0.5)),
);
/** Rounds down. */
export const floor: UnaryFunction = roundingUnary('floor', UnaryOp.floor);
/** Rounds up. */
export const ceil: UnaryFunction = roundingUnary('ceil', UnaryOp.ceil);
const roundWhole = roundingUnary('round', UnaryOp.round);

/** Options of {@link round}. */
export interface RoundOptions extends OutOptions {
  /** Digits after the point that stay; negative ones are before it. Default 0; others take floating-point tensors. */
  decimals?: number;
}

/**
 * Rounds to the nearest integer, halves to the even one.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.round.html
 */
export function round(x: Tensor, options: RoundOptions = {}): Tensor {
  const decimals = (typeof options === 'object' && options?.decimals) || 0;
  if (decimals === 0) return roundWhole(x, options);
  checkTensor('round', x);
  if (!Number.isInteger(decimals)) {
    throw new ArgumentError('round', `decimals must be a whole number, got ${valueText(decimals)}`, decimals);
  }
  checkFloating('round', x);
  const out = outOf(options);
  const scale = 10 ** Math.abs(decimals);
  const run = (): Tensor => {
    const scaled = decimals > 0 ? mul(x, scale) : div(x, scale);
    const whole = roundWhole(scaled);
    return freeing(decimals > 0 ? div(whole, scale) : mul(whole, scale), scaled, whole);
  };
  // Three kernels: only the last may write to `out`, so it is copied.
  return out ? into('round', out, [x], () => withoutTarget(run)) : run();
}
/** Rounds towards zero. */
export const trunc: UnaryFunction = roundingUnary('trunc', UnaryOp.trunc);
/** What is left of `x` after rounding towards zero; floating-point tensors only. */
export const frac: UnaryFunction = floatOnly('frac', UnaryOp.frac, (g) => g);
/** `e ** x`. */
export const exp: UnaryFunction = floatingUnary('exp', UnaryOp.exp, 'output', (g, y) => mul(g, y));
/** `2 ** x`. */
export const exp2: UnaryFunction = floatingUnary('exp2', UnaryOp.exp2, 'output', (g, y) => mul(g, mul(y, Math.LN2)));
/** `e ** x - 1`, exact near 0. */
export const expm1: UnaryFunction = floatingUnary('expm1', UnaryOp.expm1, 'output', (g, y) => mul(g, add(y, 1)));
/** The natural logarithm. */
export const log: UnaryFunction = floatingUnary('log', UnaryOp.log, 'input', (g, x) => div(g, x));
/** `log(1 + x)`, exact near 0. */
export const log1p: UnaryFunction = floatingUnary('log1p', UnaryOp.log1p, 'input', (g, x) => div(g, add(x, 1)));
/** The logarithm to base 2. */
export const log2: UnaryFunction = floatingUnary('log2', UnaryOp.log2, 'input', (g, x) => div(g, mul(x, Math.LN2)));
/** The logarithm to base 10. */
export const log10: UnaryFunction = floatingUnary('log10', UnaryOp.log10, 'input', (g, x) => div(g, mul(x, Math.LN10)));
/** `1 / (1 + e ** -x)`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.sigmoid.html */
export const sigmoid: UnaryFunction = floatingUnary('sigmoid', UnaryOp.sigmoid, 'output', (g, y) => sigmoidGrad(g, y));
/** The hyperbolic tangent. Source: https://docs.pytorch.org/docs/2.13/generated/torch.tanh.html */
export const tanh: UnaryFunction = floatingUnary('tanh', UnaryOp.tanh, 'output', (g, y) => tanhGrad(g, y));
/** The error function. */
export const erf: UnaryFunction = floatingUnary('erf', UnaryOp.erf, 'input', (g, x) =>
  mul(g, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))),
);
/** `1 - erf(x)`, exact where it is small. */
export const erfc: UnaryFunction = floatingUnary('erfc', UnaryOp.erfc, 'input', (g, x) =>
  mul(g, mul(exp(neg(square(x))), -2 / Math.sqrt(Math.PI))),
);
/** The sine of an angle in radians. */
export const sin: UnaryFunction = floatingUnary('sin', UnaryOp.sin, 'input', (g, x) => mul(g, cos(x)));
/** The cosine of an angle in radians. */
export const cos: UnaryFunction = floatingUnary('cos', UnaryOp.cos, 'input', (g, x) => neg(mul(g, sin(x))));
/** The tangent of an angle in radians. */
export const tan: UnaryFunction = floatingUnary('tan', UnaryOp.tan, 'output', (g, y) => mul(g, add(square(y), 1)));
/** The angle in [-pi/2, pi/2] whose sine is `x`. */
export const asin: UnaryFunction = floatingUnary('asin', UnaryOp.asin, 'input', (g, x) =>
  mul(g, rsqrt(oneMinusSquare(x))),
);
/** The angle in [0, pi] whose cosine is `x`. */
export const acos: UnaryFunction = floatingUnary('acos', UnaryOp.acos, 'input', (g, x) =>
  neg(mul(g, rsqrt(oneMinusSquare(x)))),
);
/** The angle in (-pi/2, pi/2) whose tangent is `x`. */
export const atan: UnaryFunction = floatingUnary('atan', UnaryOp.atan, 'input', (g, x) => div(g, add(square(x), 1)));
/** The hyperbolic sine. */
export const sinh: UnaryFunction = floatingUnary('sinh', UnaryOp.sinh, 'input', (g, x) => mul(g, cosh(x)));
/** The hyperbolic cosine. */
export const cosh: UnaryFunction = floatingUnary('cosh', UnaryOp.cosh, 'input', (g, x) => mul(g, sinh(x)));
/** The inverse of {@link sinh}. */
export const asinh: UnaryFunction = floatingUnary('asinh', UnaryOp.asinh, 'input', (g, x) =>
  mul(g, rsqrt(add(square(x), 1))),
);
/** The inverse of {@link cosh} for `x >= 1`. */
export const acosh: UnaryFunction = floatingUnary('acosh', UnaryOp.acosh, 'input', (g, x) =>
  mul(g, rsqrt(sub(square(x), 1))),
);
/** The inverse of {@link tanh}. */
export const atanh: UnaryFunction = floatingUnary('atanh', UnaryOp.atanh, 'input', (g, x) => div(g, oneMinusSquare(x)));

const softplusOp = floatingUnary('softplus', UnaryOp.softplus, 'input', (g, x) => mul(g, sigmoid(x)));

/** Options of `softplus`. */
export interface SoftplusOptions {
  /** Default 1. */
  beta?: number;
  /** Where `beta * x` lies above it, the result is `x`. Default 20. */
  threshold?: number;
}

/** `log(1 + e ** (beta * x)) / beta`, a smooth {@link relu}. */
export function softplus(x: Tensor, options: SoftplusOptions = {}): Tensor {
  checkTensor('softplus', x);
  checkOptions('softplus', options);
  const { beta = 1, threshold = 20 } = options;
  if (typeof beta !== 'number' || !Number.isFinite(beta) || beta === 0) {
    throw new ArgumentError('softplus', `beta must be a finite number other than 0, got ${valueText(beta)}`, beta);
  }
  if (typeof threshold !== 'number') {
    throw new ArgumentError('softplus', `threshold must be a number, got ${valueText(threshold)}`, threshold);
  }
  const scaled = mul(toFloating(x), beta);
  const smooth = softplusOp(scaled);
  const result = div(smooth, beta);
  const linear = gt(scaled, threshold);
  return freeing(where(linear, x, result), scaled, smooth, result, linear);
}

const reluGradOp = defineOp({
  name: 'reluGrad',
  inputs: ['gradient', 'output'],
  forward: (g: Tensor, y: Tensor) => runBinary('reluGrad', BinaryOp.reluGrad, g, y),
  save: (_out, _g, y) => ({ y }),
  backward: ([g], { y }, needs) => [needs[0] ? reluGrad(g, y) : null, null],
});
/** @internal `g` where the result `y` of relu is positive, else 0. */
export const reluGrad = (g: Tensor, y: Tensor): Tensor => reluGradOp(g, y);

const sigmoidGradOp = defineOp({
  name: 'sigmoidGrad',
  inputs: ['gradient', 'output'],
  forward: (g: Tensor, y: Tensor) => runBinary('sigmoidGrad', BinaryOp.sigmoidGrad, g, y),
  save: (_out, g, y) => ({ g, y }),
  backward: ([gg], { g, y }, needs) => [
    needs[0] ? sigmoidGrad(gg, y) : null,
    needs[1] ? mul(gg, mul(g, sub(1, mul(y, 2)))) : null,
  ],
});
const sigmoidGrad = (g: Tensor, y: Tensor): Tensor => sigmoidGradOp(g, y);

const tanhGradOp = defineOp({
  name: 'tanhGrad',
  inputs: ['gradient', 'output'],
  forward: (g: Tensor, y: Tensor) => runBinary('tanhGrad', BinaryOp.tanhGrad, g, y),
  save: (_out, g, y) => ({ g, y }),
  backward: ([gg], { g, y }, needs) => [
    needs[0] ? tanhGrad(gg, y) : null,
    needs[1] ? mul(gg, mul(g, mul(y, -2))) : null,
  ],
});
const tanhGrad = (g: Tensor, y: Tensor): Tensor => tanhGradOp(g, y);

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link neg}. */
    neg(): Tensor;
    /** See {@link abs}. */
    abs(): Tensor;
    /** See {@link sign}. */
    sign(): Tensor;
    /** See {@link square}. */
    square(): Tensor;
    /** See {@link relu}. */
    relu(): Tensor;
    /** See {@link reciprocal}. */
    reciprocal(): Tensor;
    /** See {@link sqrt}. */
    sqrt(): Tensor;
    /** See {@link rsqrt}. */
    rsqrt(): Tensor;
    /** See {@link floor}. */
    floor(): Tensor;
    /** See {@link ceil}. */
    ceil(): Tensor;
    /** See {@link round}. */
    round(options?: RoundOptions): Tensor;
    /** See {@link trunc}. */
    trunc(): Tensor;
    /** See {@link frac}. */
    frac(): Tensor;
    /** See {@link exp}. */
    exp(): Tensor;
    /** See {@link exp2}. */
    exp2(): Tensor;
    /** See {@link expm1}. */
    expm1(): Tensor;
    /** See {@link log}. */
    log(): Tensor;
    /** See {@link log1p}. */
    log1p(): Tensor;
    /** See {@link log2}. */
    log2(): Tensor;
    /** See {@link log10}. */
    log10(): Tensor;
    /** See {@link sigmoid}. */
    sigmoid(): Tensor;
    /** See {@link tanh}. */
    tanh(): Tensor;
    /** See {@link erf}. */
    erf(): Tensor;
    /** See {@link erfc}. */
    erfc(): Tensor;
    /** See {@link sin}. */
    sin(): Tensor;
    /** See {@link cos}. */
    cos(): Tensor;
    /** See {@link tan}. */
    tan(): Tensor;
    /** See {@link asin}. */
    asin(): Tensor;
    /** See {@link acos}. */
    acos(): Tensor;
    /** See {@link atan}. */
    atan(): Tensor;
    /** See {@link sinh}. */
    sinh(): Tensor;
    /** See {@link cosh}. */
    cosh(): Tensor;
    /** See {@link asinh}. */
    asinh(): Tensor;
    /** See {@link acosh}. */
    acosh(): Tensor;
    /** See {@link atanh}. */
    atanh(): Tensor;
  }
}

addMethods({
  neg,
  abs,
  sign,
  square,
  relu,
  reciprocal,
  sqrt,
  rsqrt,
  floor,
  ceil,
  round,
  trunc,
  frac,
  exp,
  exp2,
  expm1,
  log,
  log1p,
  log2,
  log10,
  sigmoid,
  tanh,
  erf,
  erfc,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  asinh,
  acosh,
  atanh,
});
