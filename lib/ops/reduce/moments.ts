// Variance, standard deviation and norms, from reductions.
import { ArgumentError, DTypeError, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { stridesLike } from '../../tensor/create.js';
import { isFloating, isNarrow } from '../../tensor/dtype.js';
import { checkDims, numelOf } from '../../tensor/layout.js';
import { emptyStrided, Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { freeing } from '../elementwise.js';
import { add, div, mul, pow, sub } from '../pointwise/arithmetic.js';
import { eq, ne } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { abs, sqrt, square } from '../pointwise/unary.js';
import { expand, reshape, to } from '../shape/view.js';
import { amax, amin, type Dims, mean, type ReduceOptions, sum } from './reduce.js';

/** Options of `var` and `std`. */
export interface VarianceOptions extends ReduceOptions {
  /** Subtracted from the number of elements; 1 by default, 0 gives the biased estimate. */
  correction?: number;
}

function checkFloating(op: string, x: Tensor): void {
  checkTensor(op, x);
  if (!isFloating(x.dtype)) throw new DTypeError(op, `a floating-point tensor is needed, got ${x.dtype}`, x.dtype);
}

/** What a variance is taken over, and what follows from it. */
interface Spread {
  readonly dims: readonly number[];
  readonly keepdim: boolean;
  /** The input's shape with size 1 along `dims`. */
  readonly kept: readonly number[];
  readonly count: number;
  readonly correction: number;
}

function spreadOf(op: string, x: Tensor, dim: Dims | undefined, options: VarianceOptions): Spread {
  checkFloating(op, x);
  checkOptions(op, options);
  const { correction = 1, keepdim = false } = options;
  if (typeof correction !== 'number') {
    throw new ArgumentError(op, `correction must be a number, got ${valueText(correction)}`, correction);
  }
  if (dim !== undefined && dim !== null && typeof dim !== 'number' && !Array.isArray(dim)) {
    throw new ArgumentError(op, `dim must be an axis or an array of axes, got ${valueText(dim)}`, dim);
  }
  const list = Array.isArray(dim) && dim.length === 0 ? undefined : dim;
  const dims = checkDims(op, list, x.ndim).filter((d) => d < x.ndim);
  const kept = x.shape.map((size, i) => (dims.includes(i) ? 1 : size));
  return { dims, keepdim: keepdim === true, kept, count: numelOf(dims.map((d) => x.shape[d])), correction };
}

function runVariance(x: Tensor, spread: Spread, wantMean: boolean): Tensor[] {
  const stays = (_: number, i: number) => spread.keepdim || !spread.dims.includes(i);
  const shape = spread.kept.filter(stays);
  const strides = stridesLike(x, spread.kept).filter(stays);
  const outs = [emptyStrided(shape, strides, x.dtype)];
  if (wantMean) outs.push(emptyStrided(shape, strides, x.dtype));
  native.variance(outs[0]._id, outs[1]?._id ?? 0, x._id, spread.dims, spread.correction);
  return outs;
}

/** The gradient of a variance: `2 / (count - correction) * (x - mean)`. */
function varianceGradient(g: Tensor, x: Tensor, { dims, kept, count, correction }: Spread): Tensor {
  const scaled = mul(reshape(g, kept), 2 / Math.max(0, count - correction));
  return mul(sub(x, mean(x, dims, { keepdim: true })), scaled);
}

const varOp = defineOp({
  name: 'var',
  inputs: ['input'],
  forward: (x: Tensor, spread: Spread) => runVariance(x, spread, false)[0],
  save: (_out, x, spread) => ({ x, spread }),
  backward: ([g], { x, spread }) => [varianceGradient(g, x, spread)],
});

/** The variance and the mean, from one reading. */
const varMeanOp = defineOp({
  name: 'varMean',
  inputs: ['input'],
  forward: (x: Tensor, spread: Spread) => runVariance(x, spread, true),
  save: (_out, x, spread) => ({ x, spread }),
  backward: ([gVar, gMean], { x, spread }) => {
    const ofVar = gVar && varianceGradient(gVar, x, spread);
    const ofMean = gMean && expand(reshape(div(gMean, spread.count), spread.kept), x.shape);
    return [ofVar && ofMean ? add(ofVar, ofMean) : (ofVar ?? ofMean)];
  },
});

/** @internal The square root, with a gradient of 0 at 0. */
export function sqrtFlat(x: Tensor): Tensor {
  const zero = eq(x, 0);
  const positive = where(zero, 1, x);
  const root = sqrt(positive);
  return freeing(where(zero, 0, root), zero, positive, root);
}

/** Two-byte types are computed in float32 throughout, as in PyTorch: their squares would overflow. */
function inFloat32(x: Tensor, compute: (wide: Tensor) => Tensor): Tensor {
  const wide = to(x, 'float32');
  const result = compute(wide);
  return freeing(to(result, x.dtype), wide, result);
}

const isNarrowTensor = (x: unknown): x is Tensor => x instanceof Tensor && isNarrow(x.dtype);

/** The variance over `dim`; with `correction` 1 the unbiased estimate. Exported as `var`. */
export function variance(x: Tensor, dim?: Dims, options: VarianceOptions = {}): Tensor {
  checkFloating('var', x);
  return varOp(x, spreadOf('var', x, dim, options));
}

/** The standard deviation over `dim`; with `correction` 1 the square root of the unbiased variance. */
export function std(x: Tensor, dim?: Dims, options: VarianceOptions = {}): Tensor {
  if (isNarrowTensor(x)) return inFloat32(x, (wide) => std(wide, dim, options));
  checkFloating('std', x);
  const square = varOp(x, spreadOf('std', x, dim, options));
  return freeing(sqrtFlat(square), square);
}

/**
 * The vector norm of order `p` (2 by default, also `Infinity`, `-Infinity`, 0) over `dim`, or of all elements. Its
 * gradient at the zero vector is 0.
 */
export function norm(x: Tensor, p = 2, dim?: Dims, options: ReduceOptions = {}): Tensor {
  checkFloating('norm', x);
  if (isNarrow(x.dtype)) return inFloat32(x, (wide) => norm(wide, p, dim, options));
  if (typeof p !== 'number') throw new ArgumentError('norm', `p must be a number, got ${valueText(p)}`, p);
  if (p === 2) {
    const squares = square(x);
    const total = sum(squares, dim, options);
    return freeing(sqrtFlat(total), squares, total);
  }
  if (p === 0) {
    const different = ne(x, 0);
    const count = sum(different, dim, options);
    return freeing(to(count, x.dtype), different, count);
  }
  const sizes = abs(x);
  if (p === 1) return freeing(sum(sizes, dim, options), sizes);
  if (p === Number.POSITIVE_INFINITY) return freeing(amax(sizes, dim, options), sizes);
  if (p === Number.NEGATIVE_INFINITY) return freeing(amin(sizes, dim, options), sizes);
  const powers = pow(sizes, p);
  const total = sum(powers, dim, options);
  const zero = eq(total, 0);
  const positive = where(zero, 1, total);
  const root = pow(positive, 1 / p);
  return freeing(where(zero, 0, root), sizes, powers, total, zero, positive, root);
}

/** @internal For {@link varMean} and {@link stdMean}. */
export function varianceAndMean(op: string, x: Tensor, dim: Dims | undefined, options: VarianceOptions): Tensor[] {
  checkFloating(op, x);
  return [...varMeanOp(x, spreadOf(op, x, dim, options))];
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link variance}. */
    var(dim?: Dims, options?: VarianceOptions): Tensor;
    /** See {@link std}. */
    std(dim?: Dims, options?: VarianceOptions): Tensor;
    /** See {@link norm}. */
    norm(p?: number, dim?: Dims, options?: ReduceOptions): Tensor;
  }
}

addMethods({ var: variance, std, norm });
