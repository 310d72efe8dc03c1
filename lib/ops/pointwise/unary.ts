// Functions of one tensor, element by element.
import { ArgumentError, valueText } from '../../errors.js';
import { checkOptions } from '../../tensor/check.js';
import { zerosLike } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import type { Tensor } from '../../tensor/tensor.js';
import { BinaryOp, UnaryOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { checkNumeric, checkTensor, freeing, runBinary, runUnary, toFloating } from '../elementwise.js';
import { clone } from '../shape/view.js';
import { add, div, mul, sub } from './arithmetic.js';
import { gt } from './compare.js';
import { where } from './select.js';

/** An elementwise function; its result has the shape and the memory layout of the input. */
export type UnaryFunction = (x: Tensor) => Tensor;

/** The gradient from the incoming one and what was kept: the input or the output. */
type Rule = (g: Tensor, kept: Tensor) => Tensor;

function record(name: string, code: number, keep: 'input' | 'output', rule: Rule): UnaryFunction {
  return defineOp({
    name,
    inputs: ['input'],
    forward: (x: Tensor) => runUnary(code, x),
    save: (out, x) => ({ kept: keep === 'input' ? x : out }),
    backward: ([g], { kept }) => [rule(g, kept)],
  });
}

/** Of numbers: integers stay integers. */
function numeric(name: string, code: number, keep: 'input' | 'output', rule: Rule): UnaryFunction {
  const run = record(name, code, keep, rule);
  return (x) => {
    checkTensor(name, x);
    checkNumeric(name, x);
    return run(x);
  };
}

/** Integers and bool become floating-point numbers. */
function floating(name: string, code: number, keep: 'input' | 'output', rule: Rule): UnaryFunction {
  const run = record(name, code, keep, rule);
  return (x) => {
    checkTensor(name, x);
    return run(toFloating(x));
  };
}

/** Steps: a gradient of zero, and integers are what they are. */
function rounding(name: string, code: number): UnaryFunction {
  const run = record(name, code, 'input', (_g, x) => zerosLike(x));
  return (x) => {
    checkTensor(name, x);
    checkNumeric(name, x);
    return isFloating(x.dtype) ? run(x) : clone(x);
  };
}

const oneMinusSquare = (x: Tensor): Tensor => sub(1, square(x));

/** `-x`. */
export const neg: UnaryFunction = numeric('neg', UnaryOp.neg, 'input', (g) => neg(g));
/** The absolute value; its gradient at 0 is 0. */
export const abs: UnaryFunction = numeric('abs', UnaryOp.abs, 'input', (g, x) => mul(g, sign(x)));
/** -1, 0 or 1. */
export const sign: UnaryFunction = numeric('sign', UnaryOp.sign, 'input', (_g, x) => zerosLike(x));
/** `x * x`. */
export const square: UnaryFunction = numeric('square', UnaryOp.square, 'input', (g, x) => mul(g, mul(x, 2)));
/** `max(x, 0)`; its gradient at 0 is 0. */
export const relu: UnaryFunction = numeric('relu', UnaryOp.relu, 'output', (g, y) => reluGrad(g, y));
/** `1 / x`. */
export const reciprocal: UnaryFunction = floating('reciprocal', UnaryOp.reciprocal, 'output', (g, y) =>
  neg(mul(g, square(y))),
);
/** The square root. */
export const sqrt: UnaryFunction = floating('sqrt', UnaryOp.sqrt, 'output', (g, y) => div(g, mul(y, 2)));
/** `1 / sqrt(x)`. */
export const rsqrt: UnaryFunction = floating('rsqrt', UnaryOp.rsqrt, 'output', (g, y) =>
  mul(g, mul(mul(square(y), y), -0.5)),
);
/** Rounds down. */
export const floor: UnaryFunction = rounding('floor', UnaryOp.floor);
/** Rounds up. */
export const ceil: UnaryFunction = rounding('ceil', UnaryOp.ceil);
/** Rounds to the nearest integer, halves to the even one. */
export const round: UnaryFunction = rounding('round', UnaryOp.round);
/** Rounds towards zero. */
export const trunc: UnaryFunction = rounding('trunc', UnaryOp.trunc);
/** `e ** x`. */
export const exp: UnaryFunction = floating('exp', UnaryOp.exp, 'output', (g, y) => mul(g, y));
/** `e ** x - 1`, exact near 0. */
export const expm1: UnaryFunction = floating('expm1', UnaryOp.expm1, 'output', (g, y) => mul(g, add(y, 1)));
/** The natural logarithm. */
export const log: UnaryFunction = floating('log', UnaryOp.log, 'input', (g, x) => div(g, x));
/** `log(1 + x)`, exact near 0. */
export const log1p: UnaryFunction = floating('log1p', UnaryOp.log1p, 'input', (g, x) => div(g, add(x, 1)));
/** The logarithm to base 2. */
export const log2: UnaryFunction = floating('log2', UnaryOp.log2, 'input', (g, x) => div(g, mul(x, Math.LN2)));
/** The logarithm to base 10. */
export const log10: UnaryFunction = floating('log10', UnaryOp.log10, 'input', (g, x) => div(g, mul(x, Math.LN10)));
/** `1 / (1 + e ** -x)`. */
export const sigmoid: UnaryFunction = floating('sigmoid', UnaryOp.sigmoid, 'output', (g, y) => sigmoidGrad(g, y));
/** The hyperbolic tangent. */
export const tanh: UnaryFunction = floating('tanh', UnaryOp.tanh, 'output', (g, y) => tanhGrad(g, y));
/** The error function. */
export const erf: UnaryFunction = floating('erf', UnaryOp.erf, 'input', (g, x) =>
  mul(g, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))),
);
/** The sine of an angle in radians. */
export const sin: UnaryFunction = floating('sin', UnaryOp.sin, 'input', (g, x) => mul(g, cos(x)));
/** The cosine of an angle in radians. */
export const cos: UnaryFunction = floating('cos', UnaryOp.cos, 'input', (g, x) => neg(mul(g, sin(x))));
/** The tangent of an angle in radians. */
export const tan: UnaryFunction = floating('tan', UnaryOp.tan, 'output', (g, y) => mul(g, add(square(y), 1)));
/** The angle in [-pi/2, pi/2] whose sine is `x`. */
export const asin: UnaryFunction = floating('asin', UnaryOp.asin, 'input', (g, x) => mul(g, rsqrt(oneMinusSquare(x))));
/** The angle in [0, pi] whose cosine is `x`. */
export const acos: UnaryFunction = floating('acos', UnaryOp.acos, 'input', (g, x) =>
  neg(mul(g, rsqrt(oneMinusSquare(x)))),
);
/** The angle in (-pi/2, pi/2) whose tangent is `x`. */
export const atan: UnaryFunction = floating('atan', UnaryOp.atan, 'input', (g, x) => div(g, add(square(x), 1)));
/** The hyperbolic sine. */
export const sinh: UnaryFunction = floating('sinh', UnaryOp.sinh, 'input', (g, x) => mul(g, cosh(x)));
/** The hyperbolic cosine. */
export const cosh: UnaryFunction = floating('cosh', UnaryOp.cosh, 'input', (g, x) => mul(g, sinh(x)));
/** The inverse of {@link sinh}. */
export const asinh: UnaryFunction = floating('asinh', UnaryOp.asinh, 'input', (g, x) =>
  mul(g, rsqrt(add(square(x), 1))),
);
/** The inverse of {@link cosh} for `x >= 1`. */
export const acosh: UnaryFunction = floating('acosh', UnaryOp.acosh, 'input', (g, x) =>
  mul(g, rsqrt(sub(square(x), 1))),
);
/** The inverse of {@link tanh}. */
export const atanh: UnaryFunction = floating('atanh', UnaryOp.atanh, 'input', (g, x) => div(g, oneMinusSquare(x)));

const softplusOp = floating('softplus', UnaryOp.softplus, 'input', (g, x) => mul(g, sigmoid(x)));

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
    round(): Tensor;
    /** See {@link trunc}. */
    trunc(): Tensor;
    /** See {@link exp}. */
    exp(): Tensor;
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
  exp,
  expm1,
  log,
  log1p,
  log2,
  log10,
  sigmoid,
  tanh,
  erf,
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
