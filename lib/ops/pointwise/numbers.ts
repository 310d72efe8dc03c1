// Looking at numbers: repairing and taking them apart, signs, angles, and whether two tensors agree.
import { ArgumentError, DTypeError, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions } from '../../tensor/check.js';
import { emptyLikeLayout, stridesLike } from '../../tensor/create.js';
import { type DType, isFloating } from '../../tensor/dtype.js';
import { sameShape } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { ActivationOp, UnaryOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { checkNumeric, checkTensor, runUnary, toFloating } from '../elementwise.js';
import { into, type OutOptions, outOf, unaryWithOut } from '../out.js';
import { all } from '../reduce/reduce.js';
import { clone, to } from '../shape/view.js';
import { emptyResult } from '../target.js';
import { add, div, mul, sub } from './arithmetic.js';
import { eq, isfinite, isnan, le, logicalAnd, logicalOr } from './compare.js';
import { checkFloating, type UnaryFunction } from './factories.js';
import { where } from './select.js';
import { abs, exp2, sign } from './unary.js';

const LARGEST: Partial<Record<DType, number>> = {
  float32: 3.4028234663852886e38,
  float64: Number.MAX_VALUE,
  bfloat16: 3.3895313892515355e38,
  float16: 65504,
};

const nanToNumOp = defineOp({
  name: 'nanToNum',
  inputs: ['input'],
  forward: (x: Tensor, nan: number, high: number, low: number) => {
    const out = emptyResult(x.shape, stridesLike(x, x.shape), x.dtype);
    native.activation(ActivationOp.nanToNum, out._id, x._id, nan, high, low);
    return out;
  },
  save: (_out, x) => ({ x }),
  backward: ([g], { x }) => [where(isfinite(x), g, 0)],
});

/** Options of {@link nanToNum}. */
export interface NanToNumOptions extends OutOptions {
  /** What `NaN` becomes. Default 0. */
  nan?: number | null;
  /** What infinity becomes. Default: the largest number of the dtype. */
  posinf?: number | null;
  /** What minus infinity becomes. Default: the smallest number of the dtype. */
  neginf?: number | null;
}

/**
 * `x` with numbers in place of `NaN` and infinities.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nan_to_num.html
 */
export function nanToNum(x: Tensor, options: NanToNumOptions = {}): Tensor {
  checkTensor('nanToNum', x);
  checkOptions('nanToNum', options);
  const { nan, posinf, neginf } = options;
  for (const value of [nan, posinf, neginf]) {
    if (value === undefined || value === null || typeof value === 'number') continue;
    throw new ArgumentError('nanToNum', `replacements must be numbers, got ${valueText(value)}`, value);
  }
  const largest = LARGEST[x.dtype] ?? Infinity;
  const compute = (): Tensor =>
    isFloating(x.dtype) ? nanToNumOp(x, nan ?? 0, posinf ?? largest, neginf ?? -largest) : clone(x);
  const out = outOf(options);
  return out ? into('nanToNum', out, [x], compute) : compute();
}

const frexpOp = defineOp({
  name: 'frexp',
  inputs: ['input'],
  forward: (x: Tensor): readonly [Tensor, Tensor] => {
    const mantissa = emptyLikeLayout(x);
    const exponent = emptyLikeLayout(x);
    const whole = emptyLikeLayout(x, 'int32');
    native.unary(UnaryOp.frexpMantissa, mantissa._id, x._id);
    native.unary(UnaryOp.frexpExponent, exponent._id, x._id);
    native.copy(whole._id, exponent._id);
    exponent.dispose();
    return [mantissa, whole];
  },
  save: ([, exponent]) => ({ exponent }),
  backward: ([g], { exponent }) => [div(g, to(exp2(to(exponent, g.dtype)), g.dtype))],
});

/** What {@link frexp} gives. */
export interface Frexp {
  /** In (-1, -0.5] and [0.5, 1), or 0, infinite, `NaN`. */
  mantissa: Tensor;
  /** int32. */
  exponent: Tensor;
}

/**
 * `x` as `mantissa * 2 ** exponent`; floating-point only.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.frexp.html
 */
export function frexp(x: Tensor): Frexp {
  checkTensor('frexp', x);
  checkFloating('frexp', x);
  const [mantissa, exponent] = frexpOp(x);
  return { mantissa, exponent };
}

/** `x` itself. @throws DTypeError for bool. @see https://docs.pytorch.org/docs/2.13/generated/torch.positive.html */
export function positive(x: Tensor): Tensor {
  checkTensor('positive', x);
  checkNumeric('positive', x);
  return x;
}

const signOfBool = defineOp({
  name: 'signOfBool',
  inputs: ['input'],
  forward: (x: Tensor) => runUnary(UnaryOp.sign, x),
});

/** {@link sign}, also of bool tensors. @see https://docs.pytorch.org/docs/2.13/generated/torch.sgn.html */
export const sgn: UnaryFunction = unaryWithOut('sgn', (x) => {
  checkTensor('sgn', x);
  return x.dtype === 'bool' ? signOfBool(x) : sign(x);
});

const scaledBy = (name: string, factor: number): UnaryFunction =>
  unaryWithOut(name, (x) => {
    checkTensor(name, x);
    return mul(toFloating(x), factor);
  });

/** Degrees to radians. @see https://docs.pytorch.org/docs/2.13/generated/torch.deg2rad.html */
export const deg2rad: UnaryFunction = scaledBy('deg2rad', Math.PI / 180);
/** Radians to degrees. @see https://docs.pytorch.org/docs/2.13/generated/torch.rad2deg.html */
export const rad2deg: UnaryFunction = scaledBy('rad2deg', 180 / Math.PI);

/** Options of {@link isclose} and {@link allclose}. */
export interface CloseOptions {
  /** Allowed difference as a part of the second number. Default 1e-5. */
  rtol?: number;
  /** Allowed difference. Default 1e-8. */
  atol?: number;
  /** Whether two `NaN` agree. Default false. */
  equalNan?: boolean;
}

/**
 * Where `|a - b| <= atol + rtol * |b|`, or both are equal; broadcast, bool.
 * @throws DTypeError when the dtypes differ, ArgumentError for negative tolerances.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.isclose.html
 */
export function isclose(a: Tensor, b: Tensor, options: CloseOptions = {}): Tensor {
  checkTensor('isclose', a);
  checkTensor('isclose', b, 'other');
  checkOptions('isclose', options);
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = options;
  for (const [name, value] of Object.entries({ rtol, atol })) {
    if (typeof value === 'number' && value >= 0) continue;
    throw new ArgumentError('isclose', `${name} must be 0 or more, got ${valueText(value)}`, value);
  }
  if (a.dtype !== b.dtype) {
    throw new DTypeError('isclose', `input is ${a.dtype}, other is ${b.dtype}`, a.dtype, b.dtype);
  }
  const equal = eq(a, b);
  if (a.dtype === 'bool') return equal;
  const same = equalNan && isFloating(a.dtype) ? logicalOr(equal, logicalAnd(isnan(a), isnan(b))) : equal;
  if (rtol === 0 && atol === 0) return same;
  const allowed = add(mul(abs(toFloating(b)), rtol), atol);
  const apart = abs(sub(a, b));
  return logicalOr(same, logicalAnd(isfinite(apart), le(apart, allowed)));
}

/** Whether all pairs are close ({@link isclose}). Waits for the result. @see https://docs.pytorch.org/docs/2.13/generated/torch.allclose.html */
export function allclose(a: Tensor, b: Tensor, options: CloseOptions = {}): boolean {
  return all(isclose(a, b, options)).itemSync() !== 0;
}

/** {@link allclose} without blocking. */
export async function allcloseAsync(a: Tensor, b: Tensor, options: CloseOptions = {}): Promise<boolean> {
  return (await all(isclose(a, b, options)).item()) !== 0;
}

/** One bool that tells whether all pairs are equal, or null when the shapes differ. */
function allEqual(a: Tensor, b: Tensor): Tensor | null {
  checkTensor('equal', a);
  checkTensor('equal', b, 'other');
  return sameShape(a.shape, b.shape) ? all(eq(a, b)) : null;
}

/** Whether shapes and all elements are equal. Waits for the result. @see https://docs.pytorch.org/docs/2.13/generated/torch.equal.html */
export function equal(a: Tensor, b: Tensor): boolean {
  const result = allEqual(a, b);
  return result !== null && result.itemSync() !== 0;
}

/** {@link equal} without blocking. */
export async function equalAsync(a: Tensor, b: Tensor): Promise<boolean> {
  const result = allEqual(a, b);
  return result !== null && (await result.item()) !== 0;
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link nanToNum}. */
    nanToNum(options?: NanToNumOptions): Tensor;
    /** See {@link frexp}. */
    frexp(): Frexp;
    /** See {@link positive}. */
    positive(): Tensor;
    /** See {@link sgn}. */
    sgn(): Tensor;
    /** See {@link deg2rad}. */
    deg2rad(): Tensor;
    /** See {@link rad2deg}. */
    rad2deg(): Tensor;
    /** See {@link isclose}. */
    isclose(other: Tensor, options?: CloseOptions): Tensor;
    /** See {@link allclose}. */
    allclose(other: Tensor, options?: CloseOptions): boolean;
    /** See {@link allcloseAsync}. */
    allcloseAsync(other: Tensor, options?: CloseOptions): Promise<boolean>;
    /** See {@link equal}. */
    equal(other: Tensor): boolean;
    /** See {@link equalAsync}. */
    equalAsync(other: Tensor): Promise<boolean>;
  }
}

addMethods({
  nanToNum,
  frexp,
  positive,
  sgn,
  deg2rad,
  rad2deg,
  isclose,
  allclose,
  allcloseAsync,
  equal,
  equalAsync,
});
