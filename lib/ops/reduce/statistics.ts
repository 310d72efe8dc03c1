// Reductions made of other ops: sums without NaN, pairs of statistics, log of a sum of exponentials, covariance.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { isFloating, isNarrow } from '../../tensor/dtype.js';
import { scope } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { addMethods } from '../define.js';
import { freeing, toFloating } from '../elementwise.js';
import { matmul } from '../linalg/matmul.js';
import { add, div, mul, sub } from '../pointwise/arithmetic.js';
import { isfinite, isnan, logicalNot, ne } from '../pointwise/compare.js';
import { clamp, where } from '../pointwise/select.js';
import { exp, log, sqrt } from '../pointwise/unary.js';
import { diagonal } from '../shape/diagonal.js';
import { reshape, to, transpose, unsqueeze } from '../shape/view.js';
import { norm, sqrtFlat, std, type VarianceOptions, varianceAndMean } from './moments.js';
import { amax, amin, type Dims, mean, type ReduceOptions, type SumOptions, sum } from './reduce.js';

/**
 * `log(sum(exp(x)))` over `dim`, without overflow. Integers are computed in the default dtype.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.logsumexp.html
 */
export function logsumexp(x: Tensor, dim: Dims, options: ReduceOptions = {}): Tensor {
  checkTensor('logsumexp', x);
  checkOptions('logsumexp', options);
  return scope(() => {
    const input = toFloating(x);
    const { keepdim = false } = options;
    if (input.numel === 0) return log(sum(exp(input), dim, { keepdim }));
    const top = amax(input.detach(), dim, { keepdim: true });
    // Infinite maxima stay out of the difference.
    const shift = where(isfinite(top), top, 0);
    const total = log(sum(exp(sub(input, shift)), dim, { keepdim }));
    return add(total, keepdim ? shift : reshape(shift, total.shape));
  });
}

/**
 * The sum over `dim` with `NaN` counted as 0. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nansum.html
 */
export function nansum(x: Tensor, dim?: Dims, options: SumOptions = {}): Tensor {
  checkTensor('nansum', x);
  if (!isFloating(x.dtype)) return sum(x, dim, options);
  return scope(() => sum(where(isnan(x), 0, x), dim, options));
}

/**
 * The mean over `dim` of the elements that are not `NaN`; of none `NaN`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nanmean.html
 *
 * @throws DTypeError for integers and bool.
 */
export function nanmean(x: Tensor, dim?: Dims, options: SumOptions = {}): Tensor {
  checkTensor('nanmean', x);
  if (!isFloating(x.dtype)) {
    throw new DTypeError('nanmean', `a floating-point tensor is needed, got ${x.dtype}`, x.dtype);
  }
  return scope(() => {
    const { keepdim } = options;
    return div(nansum(x, dim, options), sum(logicalNot(isnan(x)), dim, { keepdim }));
  });
}

/**
 * How many elements over `dim` are not 0 (int64).
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.count_nonzero.html
 */
export function countNonzero(x: Tensor, dim?: Dims): Tensor {
  checkTensor('countNonzero', x);
  return scope(() => sum(ne(x, 0), dim));
}

/** Variance and mean. */
export interface VarMean {
  readonly var: Tensor;
  readonly mean: Tensor;
}

/** The variance and the mean over `dim`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.var_mean.html */
export function varMean(x: Tensor, dim?: Dims, options: VarianceOptions = {}): VarMean {
  const [spread, center] = varianceAndMean('varMean', x, dim, options);
  return { var: spread, mean: center };
}

/** Standard deviation and mean. */
export interface StdMean {
  readonly std: Tensor;
  readonly mean: Tensor;
}

/**
 * The standard deviation and the mean over `dim`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.std_mean.html
 */
export function stdMean(x: Tensor, dim?: Dims, options: VarianceOptions = {}): StdMean {
  checkTensor('stdMean', x);
  if (isNarrow(x.dtype)) return { std: std(x, dim, options), mean: mean(x, dim, { keepdim: options.keepdim }) };
  const [spread, center] = varianceAndMean('stdMean', x, dim, options);
  return { std: freeing(sqrtFlat(spread), spread), mean: center };
}

/** The smallest and the largest element. */
export interface MinMax {
  readonly min: Tensor;
  readonly max: Tensor;
}

/** Options of {@link aminmax}. */
export interface AminmaxOptions extends ReduceOptions {
  /** One axis; without it all elements. */
  dim?: number | null;
}

/**
 * The smallest and the largest element of all or along `dim`; `NaN` wins. Gradients are shared equally among ties.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.aminmax.html
 */
export function aminmax(x: Tensor, options: AminmaxOptions = {}): MinMax {
  checkTensor('aminmax', x);
  checkOptions('aminmax', options);
  return { min: amin(x, options.dim, options), max: amax(x, options.dim, options) };
}

/**
 * `x` with each slice along `dim` scaled down to a `p`-norm of at most `maxnorm`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.renorm.html
 */
export function renorm(x: Tensor, p: number, dim: number, maxnorm: number): Tensor {
  checkTensor('renorm', x);
  if (x.ndim < 2) throw new ShapeError('renorm', `at least two axes are needed, got ${shapeText(x.shape)}`, x.shape);
  for (const [name, value] of Object.entries({ p, maxnorm })) {
    if (typeof value !== 'number' || !(value >= 0) || (name === 'p' && value === 0)) {
      throw new ArgumentError('renorm', `${name} must be a number > 0, got ${valueText(value)}`, value);
    }
  }
  if (!Number.isInteger(dim) || dim < -x.ndim || dim >= x.ndim) {
    throw new ShapeError('renorm', `dim ${valueText(dim)} is out of range for ${shapeText(x.shape)}`, x.shape);
  }
  return scope(() => {
    const others = x.shape.map((_, i) => i).filter((i) => i !== (dim + x.ndim) % x.ndim);
    const size = norm(x, p, others, { keepdim: true });
    const factor = div(maxnorm, add(size, 1e-7));
    return mul(x, where(size.gt(maxnorm), factor, 1));
  });
}

/** Options of {@link cov}. */
export interface CovarianceOptions {
  /** Subtracted from the number of observations. Default 1. */
  correction?: number;
  /** How often each observation counts: `[N]`, integers. */
  fweights?: Tensor | null;
  /** How much each observation weighs: `[N]`, floats. */
  aweights?: Tensor | null;
}

function checkWeights(name: string, weights: Tensor, n: number): void {
  checkTensor('cov', weights, name);
  if (weights.ndim > 1 || weights.numel !== n) {
    throw new ShapeError('cov', `${name} ${shapeText(weights.shape)} for ${n} observations`, weights.shape);
  }
  if (isFloating(weights.dtype) === (name === 'fweights')) {
    throw new DTypeError('cov', `${name} cannot be ${weights.dtype}`, weights.dtype);
  }
}

/**
 * The covariance matrix `[V, V]` of V variables with N observations each, `x` being `[V, N]` (or `[N]`: the variance).
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.cov.html
 *
 * @throws ShapeError for more than two axes. @throws DTypeError for bool.
 */
export function cov(x: Tensor, options: CovarianceOptions = {}): Tensor {
  checkTensor('cov', x);
  checkOptions('cov', options);
  const { correction = 1, fweights = null, aweights = null } = options;
  if (x.ndim > 2) throw new ShapeError('cov', `at most two axes, got ${shapeText(x.shape)}`, x.shape);
  if (x.dtype === 'bool') throw new DTypeError('cov', 'does not take bool tensors', x.dtype);
  if (typeof correction !== 'number') {
    throw new ArgumentError('cov', `correction must be a number, got ${valueText(correction)}`, correction);
  }
  const n = x.ndim === 0 ? 1 : x.shape[x.ndim - 1];
  if (fweights) checkWeights('fweights', fweights, n);
  if (aweights) checkWeights('aweights', aweights, n);
  return scope(() => {
    const rows = toFloating(x.ndim < 2 ? reshape(x, [1, n]) : x);
    const product = covarianceOf(rows, n, correction, fweights, aweights);
    return x.ndim < 2 ? reshape(product, []) : product;
  });
}

function covarianceOf(
  rows: Tensor,
  n: number,
  correction: number,
  fweights: Tensor | null,
  aweights: Tensor | null,
): Tensor {
  const own = (w: Tensor | null): Tensor | null => (w ? to(reshape(w, [n]), rows.dtype) : null);
  const [f, a] = [own(fweights), own(aweights)];
  const weights = f && a ? mul(f, a) : (f ?? a);
  if (!weights) {
    const centred = sub(rows, mean(rows, 1, { keepdim: true }));
    return div(matmul(centred, transpose(centred, 0, 1)), Math.max(0, n - correction));
  }
  const total = sum(weights);
  const centre = div(sum(mul(rows, weights), 1, { keepdim: true }), total);
  const centred = sub(rows, centre);
  const lost = a ? mul(div(sum(mul(weights, a)), total), correction) : correction;
  const degrees = clamp(sub(total, lost), 0);
  return div(matmul(centred, transpose(mul(centred, weights), 0, 1)), degrees);
}

/**
 * The correlation matrix `[V, V]` of the rows of `x` `[V, N]`; of `[N]` 1.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.corrcoef.html
 */
export function corrcoef(x: Tensor): Tensor {
  checkTensor('corrcoef', x);
  return scope(() => {
    const c = cov(x);
    if (c.ndim === 0) return div(c, c);
    const deviation = sqrt(diagonal(c));
    return clamp(div(div(c, unsqueeze(deviation, 1)), deviation), -1, 1);
  });
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link logsumexp}. */
    logsumexp(dim: Dims, options?: ReduceOptions): Tensor;
    /** See {@link nansum}. */
    nansum(dim?: Dims, options?: SumOptions): Tensor;
    /** See {@link nanmean}. */
    nanmean(dim?: Dims, options?: SumOptions): Tensor;
    /** See {@link countNonzero}. */
    countNonzero(dim?: Dims): Tensor;
    /** See {@link aminmax}. */
    aminmax(options?: AminmaxOptions): MinMax;
    /** See {@link renorm}. */
    renorm(p: number, dim: number, maxnorm: number): Tensor;
    /** See {@link cov}. */
    cov(options?: CovarianceOptions): Tensor;
    /** See {@link corrcoef}. */
    corrcoef(): Tensor;
  }
}

addMethods({ logsumexp, nansum, nanmean, countNonzero, aminmax, renorm, cov, corrcoef });
