// Running sums, products, maxima and minima along an axis.
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { zeros } from '../../tensor/create.js';
import { checkDType, type DType, isFloating } from '../../tensor/dtype.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { checkDim, isDense } from '../../tensor/layout.js';
import { emptyContiguous, emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { ScanOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { toFloating } from '../elementwise.js';
import { scatterAdd } from '../indexing/indexing.js';
import { div, mul, sub } from '../pointwise/arithmetic.js';
import { eq, ge, gt, logicalAnd, lt } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { exp, log, neg } from '../pointwise/unary.js';
import { clone, contiguous, reshape, to, transpose, unsqueeze } from '../shape/view.js';
import type { Extremum } from './extremum.js';
import { sum } from './reduce.js';

/** Options of `cumsum` and `cumprod`. */
export interface ScanOptions {
  /** Convert to this dtype; by default integers and bool become int64. */
  dtype?: DType;
}

/** A dense tensor with the elements of `x`: what the kernels take. Not recorded. */
function dense(x: Tensor): Tensor {
  return isDense(x.shape, x.strides) ? x : contiguous(x.detach());
}

function runScan(code: number, x: Tensor, dim: number, reversed: boolean): Tensor {
  const input = dense(x);
  const out = emptyStrided(x.shape, input.strides, isFloating(x.dtype) ? x.dtype : 'int64');
  native.scan(code, out._id, 0, input._id, dim, reversed);
  if (input !== x) input.dispose();
  return out;
}

const cumsumOp = defineOp({
  name: 'cumsum',
  inputs: ['input'],
  forward: (x: Tensor, dim: number, reversed: boolean) => runScan(ScanOp.sum, x, dim, reversed),
  save: (_out, _x, dim, reversed) => ({ dim, reversed }),
  backward: ([g], { dim, reversed }) => [runningSum(g, dim, !reversed)],
});

function runningSum(x: Tensor, dim: number, reversed: boolean): Tensor {
  return cumsumOp(x, dim, reversed);
}

const cumprodOp = defineOp({
  name: 'cumprod',
  inputs: ['input'],
  forward: (x: Tensor, dim: number) => runScan(ScanOp.prod, x, dim, false),
  save: (out, x, dim) => ({ out, x, dim }),
  backward: ([g], { out, x, dim }) => [isGradEnabled() ? productGradPairs(g, x, dim) : productGrad(g, x, out, dim)],
});

/**
 * Before the first zero the sum of the later products over the element; at the first zero the sum of the products
 * without it; 0 behind it.
 */
function productGrad(g: Tensor, x: Tensor, out: Tensor, dim: number): Tensor {
  const zero = eq(x, 0);
  const zeros = runningSum(zero, dim, false);
  const before = eq(zeros, 0);
  const first = logicalAnd(zero, eq(zeros, 1));
  const plain = div(runningSum(mul(g, out), dim, true), where(zero, 1, x));
  const without = cumprod(where(first, 1, x), dim);
  const atZero = runningSum(where(before, 0, mul(g, without)), dim, true);
  return where(before, plain, where(first, atZero, 0));
}

/** `[n, n]`: position k along the first axis, i along the second. */
function pairs(n: number): [Tensor, Tensor] {
  const positions = emptyContiguous([n], 'int64');
  native.arange(positions._id, 0, 1);
  return [reshape(positions, [n, 1]), positions];
}

/** `x` with axis `dim` last and a new axis before it, along which the elements of `x` are varied. */
const asPairs = (x: Tensor, dim: number): Tensor => unsqueeze(transpose(x, dim, -1), -2);

/** The same by products of all elements but one, for second derivatives: n x n elements for an axis of n. */
function productGradPairs(g: Tensor, x: Tensor, dim: number): Tensor {
  if (x.ndim === 0) return g;
  const [k, i] = pairs(x.shape[dim]);
  const others = cumprod(where(eq(k, i), 1, asPairs(x, dim)), -1);
  return transpose(sum(where(ge(i, k), mul(asPairs(g, dim), others), 0), -1), dim, -1);
}

const logcumsumexpOp = defineOp({
  name: 'logcumsumexp',
  inputs: ['input'],
  forward: (x: Tensor, dim: number, reversed: boolean) => runScan(ScanOp.logSumExp, x, dim, reversed),
  save: (out, x, dim) => ({ out, x, dim }),
  backward: ([g], { out, x, dim }) => [isGradEnabled() ? logGradPairs(g, x, out, dim) : logGrad(g, x, out, dim)],
});

/** Sums of `g exp(x - out)` in logarithms, positive and negative terms apart, so that nothing overflows. */
function logGrad(g: Tensor, x: Tensor, out: Tensor, dim: number): Tensor {
  const part = (size: Tensor, wanted: Tensor): Tensor => {
    const terms = where(wanted, sub(log(size), out), Number.NEGATIVE_INFINITY);
    return exp(logcumsumexpOp(terms, dim, true).add(x));
  };
  const total = sub(part(g, gt(g, 0)), part(neg(g), lt(g, 0)));
  return where(eq(x, Number.NEGATIVE_INFINITY), 0, total);
}

/** The same as differentiable ops, n x n elements for an axis of n. */
function logGradPairs(g: Tensor, x: Tensor, out: Tensor, dim: number): Tensor {
  if (x.ndim === 0) return g;
  const [k, i] = pairs(x.shape[dim]);
  const later = ge(i, k);
  const gap = sub(unsqueeze(transpose(x, dim, -1), -1), asPairs(out, dim));
  const share = exp(where(later, gap, Number.NEGATIVE_INFINITY));
  return transpose(sum(mul(asPairs(g, dim), share), -1), dim, -1);
}

function converted(op: string, x: Tensor, options: ScanOptions): Tensor {
  checkTensor(op, x);
  checkOptions(op, options);
  return options.dtype === undefined ? x : to(x, checkDType(op, options.dtype));
}

/** Integers are summed as int64, whatever dtype the result shall have. */
function inDType(out: Tensor, dtype: DType | undefined): Tensor {
  return dtype === undefined || out.dtype === dtype ? out : to(out, dtype);
}

/**
 * Running sums along `dim`: `out[i] = x[0] + ... + x[i]`, in the shape of `x`. Float32 is added in double; integers and
 * bool become int64. Source: https://docs.pytorch.org/docs/2.13/generated/torch.cumsum.html
 *
 * @throws ShapeError when `dim` is out of range.
 */
export function cumsum(x: Tensor, dim: number, options: ScanOptions = {}): Tensor {
  const input = converted('cumsum', x, options);
  return inDType(cumsumOp(input, checkDim('cumsum', dim, x.ndim), false), options.dtype);
}

/**
 * Running products along `dim`, in the shape of `x`; integers and bool become int64. The gradient is exact where elements
 * are 0. Source: https://docs.pytorch.org/docs/2.13/generated/torch.cumprod.html
 *
 * @throws ShapeError when `dim` is out of range.
 */
export function cumprod(x: Tensor, dim: number, options: ScanOptions = {}): Tensor {
  const input = converted('cumprod', x, options);
  return inDType(cumprodOp(input, checkDim('cumprod', dim, x.ndim)), options.dtype);
}

/**
 * `log(exp(x[0]) + ... + exp(x[i]))` along `dim`, without overflow. Integers are computed in the default dtype.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.logcumsumexp.html
 *
 * @throws ShapeError when `dim` is out of range.
 */
export function logcumsumexp(x: Tensor, dim: number): Tensor {
  checkTensor('logcumsumexp', x);
  return logcumsumexpOp(toFloating(x), checkDim('logcumsumexp', dim, x.ndim), false);
}

function extremes(name: string, code: number) {
  return defineOp({
    name,
    inputs: ['input'],
    forward: (x: Tensor, dim: number) => {
      const input = dense(x);
      const values = emptyStrided(x.shape, input.strides, x.dtype);
      const indices = emptyStrided(x.shape, input.strides, 'int64');
      native.scan(code, values._id, indices._id, input._id, dim, false);
      if (input !== x) input.dispose();
      return [values, indices] as const;
    },
    save: ([, indices], x, dim) => ({ indices, shape: x.shape, dim }),
    backward: ([g], { indices, shape, dim }) => [
      shape.length === 0 ? clone(g) : scatterAdd(zeros(shape, { dtype: g.dtype }), dim, indices, g),
    ],
  });
}

const cummaxOp = extremes('cummax', ScanOp.max);
const cumminOp = extremes('cummin', ScanOp.min);

/**
 * The largest element so far along `dim` and where it is (int64): of equal elements the last one, and `NaN` from the
 * first `NaN` on. Source: https://docs.pytorch.org/docs/2.13/generated/torch.cummax.html
 */
export function cummax(x: Tensor, dim: number): Extremum {
  checkTensor('cummax', x);
  const [values, indices] = cummaxOp(x, checkDim('cummax', dim, x.ndim));
  return { values, indices };
}

/**
 * The smallest element so far along `dim` and where it is (int64): of equal elements the last one, and `NaN` from the
 * first `NaN` on. Source: https://docs.pytorch.org/docs/2.13/generated/torch.cummin.html
 */
export function cummin(x: Tensor, dim: number): Extremum {
  checkTensor('cummin', x);
  const [values, indices] = cumminOp(x, checkDim('cummin', dim, x.ndim));
  return { values, indices };
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link cumsum}. */
    cumsum(dim: number, options?: ScanOptions): Tensor;
    /** See {@link cumprod}. */
    cumprod(dim: number, options?: ScanOptions): Tensor;
    /** See {@link logcumsumexp}. */
    logcumsumexp(dim: number): Tensor;
    /** See {@link cummax}. */
    cummax(dim: number): Extremum;
    /** See {@link cummin}. */
    cummin(dim: number): Extremum;
  }
}

addMethods({ cumsum, cumprod, logcumsumexp, cummax, cummin });
