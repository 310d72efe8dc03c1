// Gamma, Bessel, normal and related functions. Formulas of the gradients: DLMF, chapters 5, 7, 8, 10 and 25.
import { ArgumentError, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions } from '../../tensor/check.js';
import { stridesLike } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { BinaryOp, UnaryOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { checkTensor, runScalar, runUnary, toFloating } from '../elementwise.js';
import { into, type OutOptions, outOf } from '../out.js';
import { emptyResult } from '../target.js';
import { add, div, mul, sub } from './arithmetic.js';
import { eq, ge, le, logicalAnd, lt } from './compare.js';
import { binaryFunction, floatingUnary, type OperandFunction, type UnaryFunction } from './factories.js';
import { where } from './select.js';
import { abs, cos, exp, log, neg, sign, sin, square } from './unary.js';

const SQRT_PI = Math.sqrt(Math.PI);
const SQRT_2PI = Math.sqrt(2 * Math.PI);

/** The inverse of `erf` on (-1, 1). @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.erfinv */
export const erfinv: UnaryFunction = floatingUnary('erfinv', UnaryOp.erfinv, 'output', (g, y) =>
  mul(g, mul(exp(square(y)), SQRT_PI / 2)),
);

/** `e ** (x * x) * erfc(x)`, finite for large `x`. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.erfcx */
export const erfcx: UnaryFunction = floatingUnary('erfcx', UnaryOp.erfcx, 'input', (g, x) =>
  mul(g, sub(mul(mul(x, 2), erfcx(x)), 2 / SQRT_PI)),
);

/** The logarithm of the absolute value of the gamma function. @see https://docs.pytorch.org/docs/2.13/generated/torch.lgamma.html */
export const lgamma: UnaryFunction = floatingUnary('lgamma', UnaryOp.lgamma, 'input', (g, x) => mul(g, digamma(x)));

/** The derivative of {@link lgamma}. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.digamma */
export const digamma: UnaryFunction = floatingUnary('digamma', UnaryOp.digamma, 'input', (g, x) =>
  mul(g, polygamma(1, x)),
);

const polygammaOp = defineOp({
  name: 'polygamma',
  inputs: ['input'],
  forward: (x: Tensor, n: number) => runScalar(BinaryOp.polygamma, x, n, true),
  save: (_out, x, n) => ({ x, n }),
  backward: ([g], { x, n }) => [mul(g, polygamma(n + 1, x))],
});

/**
 * Derivative number `n` of {@link digamma}.
 * @throws ArgumentError unless `n` is a whole number from 0 on.
 * @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.polygamma
 */
export function polygamma(n: number, x: Tensor, options?: OutOptions): Tensor {
  if (!Number.isInteger(n) || n < 0) {
    throw new ArgumentError('polygamma', `n must be a whole number from 0 on, got ${valueText(n)}`, n);
  }
  checkTensor('polygamma', x);
  if (n === 0) return digamma(x, options);
  const out = outOf(options);
  return out ? into('polygamma', out, [x], () => polygammaOp(toFloating(x), n)) : polygammaOp(toFloating(x), n);
}

/** The distribution function of the standard normal distribution. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.ndtr */
export const ndtr: UnaryFunction = floatingUnary('ndtr', UnaryOp.ndtr, 'input', (g, x) =>
  mul(g, mul(exp(mul(square(x), -0.5)), 1 / SQRT_2PI)),
);

/** The inverse of {@link ndtr} on (0, 1). @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.ndtri */
export const ndtri: UnaryFunction = floatingUnary('ndtri', UnaryOp.ndtri, 'output', (g, y) =>
  mul(g, mul(exp(mul(square(y), 0.5)), SQRT_2PI)),
);

/** `log(ndtr(x))`, exact far below 0. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.log_ndtr */
export const logNdtr: UnaryFunction = floatingUnary('logNdtr', UnaryOp.logNdtr, 'input', (g, x) =>
  mul(g, div(Math.sqrt(2 / Math.PI), erfcx(mul(x, -Math.SQRT1_2)))),
);

/** The modified Bessel function of the first kind of order 0. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.i0 */
export const i0: UnaryFunction = floatingUnary('i0', UnaryOp.i0, 'input', (g, x) => mul(g, i1(x)));

/** {@link i0} times `e ** -|x|`. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.i0e */
export const i0e: UnaryFunction = floatingUnary('i0e', UnaryOp.i0e, 'input', (g, x) =>
  mul(g, sub(i1e(x), mul(sign(x), i0e(x)))),
);

/** `f(x) / x`, which is 1/2 at 0. */
function halfAtZero(f: UnaryFunction, x: Tensor): Tensor {
  const small = lt(abs(x), 1e-150);
  return where(small, 0.5, div(f(x), where(small, 1, x)));
}

/** The modified Bessel function of the first kind of order 1. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.i1 */
export const i1: UnaryFunction = floatingUnary('i1', UnaryOp.i1, 'input', (g, x) =>
  mul(g, sub(i0(x), halfAtZero(i1, x))),
);

/** {@link i1} times `e ** -|x|`. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.i1e */
export const i1e: UnaryFunction = floatingUnary('i1e', UnaryOp.i1e, 'input', (g, x) =>
  mul(g, sub(sub(i0e(x), halfAtZero(i1e, x)), mul(sign(x), i1e(x)))),
);

/** `-x * log(x)`: 0 at 0, minus infinity below. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.entr */
export const entr: UnaryFunction = floatingUnary('entr', UnaryOp.entr, 'input', (g, x) =>
  mul(g, neg(add(log(where(lt(x, 0), Number.NaN, x)), 1))),
);

/** `sin(pi * x) / (pi * x)`, 1 at 0. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.sinc */
export const sinc: UnaryFunction = floatingUnary('sinc', UnaryOp.sinc, 'input', (g, x) => {
  const zero = eq(x, 0);
  const angle = where(zero, 1, mul(x, Math.PI));
  const slope = div(sub(mul(angle, cos(angle)), sin(angle)), mul(square(angle), 1 / Math.PI));
  return mul(g, where(zero, 0, slope));
});

const logitOp = defineOp({
  name: 'logit',
  inputs: ['input'],
  forward: (x: Tensor, eps: number | null) => {
    if (eps === null) return runUnary(UnaryOp.logit, x);
    const out = emptyResult(x.shape, stridesLike(x, x.shape), x.dtype);
    native.clamp(out._id, x._id, eps, 1 - eps);
    native.unary(UnaryOp.logit, out._id, out._id);
    return out;
  },
  save: (_out, x, eps) => ({ x, eps }),
  backward: ([g], { x, eps }) => {
    const inside = logicalAnd(ge(x, eps ?? 0), le(x, 1 - (eps ?? 0)));
    return [where(inside, div(g, mul(x, sub(1, x))), eps === null ? Number.NaN : 0)];
  },
});

/** Options of {@link logit}. */
export interface LogitOptions extends OutOptions {
  /** The input is first cut to `[eps, 1 - eps]`. Default: not. */
  eps?: number | null;
}

/**
 * `log(x / (1 - x))`, the inverse of `sigmoid`.
 * @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.logit
 */
export function logit(x: Tensor, options: LogitOptions = {}): Tensor {
  checkTensor('logit', x);
  checkOptions('logit', options);
  const eps = options.eps ?? null;
  if (eps !== null && typeof eps !== 'number') {
    throw new ArgumentError('logit', `eps must be a number, got ${valueText(eps)}`, eps);
  }
  const out = outOf(options);
  const input = toFloating(x);
  return out ? into('logit', out, [x], () => logitOp(input, eps)) : logitOp(input, eps);
}

/** The Hurwitz zeta function, the sum of `(q + k) ** -x`; no gradient for `x`. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.zeta */
export const zeta: OperandFunction = binaryFunction('zeta', BinaryOp.zeta, 'floating', {
  a: null,
  b: (g, x, q) => neg(mul(g, mul(x, zeta(add(x, 1), q)))),
});

/** The density of the gamma distribution with shape `a` at `x`. */
const gammaDensity = (a: Tensor, x: Tensor): Tensor => exp(sub(sub(mul(sub(a, 1), log(x)), x), lgamma(a)));

/** The regularized lower incomplete gamma function; no gradient for `a`. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.gammainc */
export const gammainc: OperandFunction = binaryFunction('gammainc', BinaryOp.gammainc, 'floatOnly', {
  a: null,
  b: (g, a, x) => mul(g, gammaDensity(a, x)),
});

/** `1 - gammainc(a, x)`, exact where it is small. @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.gammaincc */
export const gammaincc: OperandFunction = binaryFunction('gammaincc', BinaryOp.gammaincc, 'floatOnly', {
  a: null,
  b: (g, a, x) => neg(mul(g, gammaDensity(a, x))),
});

/**
 * The logarithm of the multivariate gamma function of dimension `p`, for `x > (p - 1) / 2`.
 * @throws ArgumentError unless `p` is a whole number from 1 on.
 * @see https://docs.pytorch.org/docs/2.13/special.html#torch.special.multigammaln
 */
export function multigammaln(x: Tensor, p: number): Tensor {
  checkTensor('multigammaln', x);
  if (!Number.isInteger(p) || p < 1 || p > 1e6) {
    throw new ArgumentError('multigammaln', `p must be a whole number from 1 to a million, got ${valueText(p)}`, p);
  }
  const input = toFloating(x);
  let total = add(lgamma(input), (p * (p - 1) * Math.log(Math.PI)) / 4);
  for (let j = 1; j < p; j++) total = add(total, lgamma(sub(input, j / 2)));
  return total;
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link erfinv}. */
    erfinv(): Tensor;
    /** See {@link lgamma}. */
    lgamma(): Tensor;
    /** See {@link digamma}. */
    digamma(): Tensor;
    /** See {@link polygamma}. */
    polygamma(n: number): Tensor;
    /** See {@link i0}. */
    i0(): Tensor;
    /** See {@link sinc}. */
    sinc(): Tensor;
    /** See {@link logit}. */
    logit(options?: LogitOptions): Tensor;
    /** See {@link multigammaln}; PyTorch's name of the method. */
    mvlgamma(p: number): Tensor;
  }
}

addMethods({
  erfinv,
  lgamma,
  digamma,
  polygamma: (x: Tensor, n: number) => polygamma(n, x),
  i0,
  sinc,
  logit,
  mvlgamma: multigammaln,
});
