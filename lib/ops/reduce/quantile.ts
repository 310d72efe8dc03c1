// Elements at a rank: medians, k-th values, the most frequent value, quantiles.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { tensor } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { checkDim } from '../../tensor/layout.js';
import { scope } from '../../tensor/scope.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { KthKind } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { gather } from '../indexing/indexing.js';
import { add, div, mul, sub } from '../pointwise/arithmetic.js';
import { eq, isnan, logicalAnd, logicalOr } from '../pointwise/compare.js';
import { clamp, where } from '../pointwise/select.js';
import { ceil, floor, round } from '../pointwise/unary.js';
import { expand, flatten, reshape, to, transpose, unsqueeze } from '../shape/view.js';
import type { Extremum } from './extremum.js';
import { any, type ReduceOptions, sum } from './reduce.js';
import { lastAxis, reducedShape, releaseRows } from './rows.js';
import { scatterChosen, sort } from './sort.js';

/** How a quantile between two elements comes from them. */
export type Interpolation = 'linear' | 'lower' | 'higher' | 'midpoint' | 'nearest';

/** Options of `quantile` and `nanquantile`. */
export interface QuantileOptions extends ReduceOptions {
  /** Default linear. */
  interpolation?: Interpolation;
}

type Kernel = (values: number, indices: number, rows: number, k: number) => void;

function rankOp(name: string, kernel: Kernel) {
  return defineOp({
    name,
    inputs: ['input'],
    forward: (x: Tensor, dim: number, keepdim: boolean, k: number) => {
      const rows = lastAxis(x, dim);
      const shape = reducedShape(x.shape, dim, keepdim);
      const values = emptyContiguous(shape, x.dtype);
      const indices = emptyContiguous(shape, 'int64');
      kernel(values._id, indices._id, rows._id, k);
      releaseRows(rows, x);
      return [values, indices] as const;
    },
    save: ([, indices], x, dim) => ({ indices, shape: x.shape, dim }),
    backward: ([g], { indices, shape, dim }) => {
      const kept = reducedShape(shape, dim, true);
      return [scatterChosen(reshape(g, kept), reshape(indices, kept), shape, dim)];
    },
  });
}

const kthvalueOp = rankOp('kthvalue', (values, indices, rows, k) =>
  native.kth(KthKind.value, values, indices, rows, k - 1),
);
const medianOp = rankOp('median', (values, indices, rows) => native.kth(KthKind.median, values, indices, rows, 0));
const nanmedianOp = rankOp('nanmedian', (values, indices, rows) =>
  native.kth(KthKind.nanmedian, values, indices, rows, 0),
);
const modeOp = rankOp('mode', (values, indices, rows) => native.mode(values, indices, rows));

/** The median of all elements: its gradient is shared equally among the elements that equal it. */
function medianOfAll(name: string, along: typeof medianOp) {
  return defineOp({
    name,
    inputs: ['input'],
    forward: (x: Tensor) => {
      const rows = lastAxis(reshape(x.detach(), [x.numel]), 0);
      const [values, indices] = along(rows, 0, false, 0);
      rows.dispose();
      indices.dispose();
      return values;
    },
    save: (out, x) => ({ out, x }),
    backward: ([g], { out, x }) => {
      const value = out.detach();
      const same = logicalOr(eq(x, value), logicalAnd(isnan(x), isnan(value)));
      return [where(same, div(g, sum(same)), 0)];
    },
  });
}

const medianAllOp = medianOfAll('medianAll', medianOp);
const nanmedianAllOp = medianOfAll('nanmedianAll', nanmedianOp);

function checkRank(op: string, x: Tensor, dim: number, options: ReduceOptions): [number, boolean] {
  checkTensor(op, x);
  checkOptions(op, options);
  const d = checkDim(op, dim, x.ndim);
  if (x.ndim > 0 && x.shape[d] === 0) {
    throw new ShapeError(op, `nothing to choose from along dim ${d} of ${shapeText(x.shape)}`, x.shape);
  }
  return [d, options.keepdim === true];
}

const chosen = ([values, indices]: readonly [Tensor, Tensor]): Extremum => ({ values, indices });

/**
 * The `k`-th smallest element (from 1) along `dim` (default the last one) and where it is. `NaN` counts as the largest.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.kthvalue.html
 *
 * @throws ShapeError when `k` is not between 1 and the size of the axis.
 */
export function kthvalue(x: Tensor, k: number, dim = -1, options: ReduceOptions = {}): Extremum {
  const [d, keepdim] = checkRank('kthvalue', x, dim, options);
  if (!Number.isInteger(k)) throw new ArgumentError('kthvalue', `k must be an integer, got ${valueText(k)}`, k);
  if (k < 1 || k > (x.ndim === 0 ? 1 : x.shape[d])) {
    throw new ShapeError('kthvalue', `k ${k} is out of range along dim ${d} of ${shapeText(x.shape)}`, x.shape);
  }
  return chosen(kthvalueOp(x, d, keepdim, k));
}

/**
 * The median of all elements, or along `dim` the medians and where they are: of an even number the lower one. `NaN`
 * where there is a `NaN`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.median.html
 *
 * @throws ShapeError when the axis is empty. @throws DTypeError for bool.
 */
export function median(x: Tensor): Tensor;
export function median(x: Tensor, dim: number, options?: ReduceOptions): Extremum;
export function median(x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor | Extremum {
  checkNoBool('median', x);
  if (dim === undefined) return x.numel === 0 ? emptyMedian('median', x) : medianAllOp(x);
  return chosen(medianOp(x, ...checkRank('median', x, dim, options), 0));
}

/**
 * {@link median} of the elements that are not `NaN`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nanmedian.html
 */
export function nanmedian(x: Tensor): Tensor;
export function nanmedian(x: Tensor, dim: number, options?: ReduceOptions): Extremum;
export function nanmedian(x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor | Extremum {
  checkNoBool('nanmedian', x);
  if (dim === undefined) return x.numel === 0 ? emptyMedian('nanmedian', x) : nanmedianAllOp(x);
  return chosen(nanmedianOp(x, ...checkRank('nanmedian', x, dim, options), 0));
}

function checkNoBool(op: string, x: Tensor): void {
  checkTensor(op, x);
  if (x.dtype === 'bool') throw new DTypeError(op, 'does not take bool tensors', x.dtype);
}

/** PyTorch gives `NaN` for floats. */
function emptyMedian(op: string, x: Tensor): Tensor {
  if (!isFloating(x.dtype)) throw new ShapeError(op, `nothing to choose from in ${shapeText(x.shape)}`, x.shape);
  return tensor(Number.NaN, { dtype: x.dtype });
}

/**
 * The most frequent element along `dim` (default the last one), of several the smallest, and the last place where it is.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.mode.html
 */
export function mode(x: Tensor, dim = -1, options: ReduceOptions = {}): Extremum {
  return chosen(modeOp(x, ...checkRank('mode', x, dim, options), 0));
}

const INTERPOLATIONS = ['linear', 'lower', 'higher', 'midpoint', 'nearest'];

/** Where each quantile lies among the sorted elements, in the type of `x`. */
function ranksOf(q: Tensor, counts: Tensor | number, interpolation: Interpolation): Tensor {
  const ranks = mul(q, typeof counts === 'number' ? counts - 1 : clamp(sub(counts, 1), 0));
  if (interpolation === 'lower') return floor(ranks);
  if (interpolation === 'higher') return ceil(ranks);
  return interpolation === 'nearest' ? round(ranks) : ranks;
}

function checkQuantile(op: string, x: Tensor, q: Tensor | number, options: QuantileOptions): Tensor {
  checkTensor(op, x);
  checkOptions(op, options);
  if (!isFloating(x.dtype)) throw new DTypeError(op, `a floating-point tensor is needed, got ${x.dtype}`, x.dtype);
  if (x.numel === 0) throw new ShapeError(op, 'the tensor has no elements', x.shape);
  const { interpolation = 'linear' } = options;
  if (!INTERPOLATIONS.includes(interpolation)) {
    throw new ArgumentError(op, `interpolation must be one of ${INTERPOLATIONS.join(', ')}`, interpolation);
  }
  if (typeof q === 'number') {
    if (!(q >= 0 && q <= 1)) throw new ArgumentError(op, `q must be between 0 and 1, got ${valueText(q)}`, q);
    return tensor(q, { dtype: x.dtype });
  }
  checkTensor(op, q, 'q');
  if (q.ndim > 1) throw new ShapeError(op, `q must have at most one axis, got ${shapeText(q.shape)}`, q.shape);
  if (q.dtype !== x.dtype) throw new DTypeError(op, `q is ${q.dtype}, input ${x.dtype}`, q.dtype, x.dtype);
  return q;
}

function quantilesOf(
  op: string,
  x: Tensor,
  q: Tensor | number,
  dim: number | null | undefined,
  options: QuantileOptions,
  ignoreNan: boolean,
): Tensor {
  const qs = checkQuantile(op, x, q, options);
  const { interpolation = 'linear', keepdim = false } = options;
  const whole = dim === undefined || dim === null;
  const d = whole ? 0 : checkDim(op, dim, x.ndim);
  const rows = whole || x.ndim === 0 ? flatten(x) : transpose(x, d, -1);
  const n = rows.shape[rows.ndim - 1];
  const { values } = sort(rows, -1);
  const nans = isnan(values);
  const front = values.shape.slice(0, -1);
  const positions = reshape(qs, [...front.map(() => 1), qs.numel]);
  const counts = ignoreNan ? sub(n, to(sum(nans, -1, { keepdim: true }), x.dtype)) : n;
  const shape = [...front, qs.numel];
  let ranks = expand(ranksOf(positions, counts, interpolation), shape);
  // One NaN spoils the whole row, unless they are left out.
  if (!ignoreNan) ranks = where(any(nans, -1, { keepdim: true }), n - 1, ranks);
  const low = to(floor(ranks), 'int64');
  let out = gather(values, -1, low);
  if (interpolation === 'linear' || interpolation === 'midpoint') {
    const above = gather(values, -1, to(ceil(ranks), 'int64'));
    const weight = interpolation === 'midpoint' ? where(eq(floor(ranks), ranks), 0, 0.5) : sub(ranks, low);
    out = add(out, mul(to(weight, x.dtype), sub(above, out)));
  }
  return placed(out, x, qs, whole ? null : d, keepdim);
}

const quantileOf = (...args: Parameters<typeof quantilesOf>): Tensor => scope(() => quantilesOf(...args));

/** `[..., Q]` with the axis `dim` still last: the quantiles become the first axis, or go for a 0-d `q`. */
function placed(out: Tensor, x: Tensor, q: Tensor, dim: number | null, keepdim: boolean): Tensor {
  const ndim = x.ndim;
  if (dim === null || ndim === 0) {
    const kept = keepdim ? x.shape.map(() => 1) : [];
    return reshape(out, q.ndim === 0 ? kept : [q.numel, ...kept]);
  }
  // The moved axes back in place; the quantiles take the place of `dim`.
  const back = transpose(out, dim, -1);
  const first = transpose(unsqueeze(back, 0), 0, dim + 1);
  const shape = reducedShape(x.shape, dim, keepdim);
  return reshape(first, q.ndim === 0 ? shape : [q.numel, ...shape]);
}

/**
 * The quantiles `q` (a number or a tensor `[Q]` between 0 and 1) of all elements or along `dim`; the result has a first
 * axis of Q when `q` has one. `NaN` where there is a `NaN`. Gradients go to the elements around.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.quantile.html
 *
 * @throws DTypeError when `x` is not floating-point or `q` has another dtype.
 */
export function quantile(x: Tensor, q: Tensor | number, dim?: number | null, options: QuantileOptions = {}): Tensor {
  return quantileOf('quantile', x, q, dim, options, false);
}

/**
 * {@link quantile} of the elements that are not `NaN`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nanquantile.html
 */
export function nanquantile(x: Tensor, q: Tensor | number, dim?: number | null, options: QuantileOptions = {}): Tensor {
  return quantileOf('nanquantile', x, q, dim, options, true);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link kthvalue}. */
    kthvalue(k: number, dim?: number, options?: ReduceOptions): Extremum;
    /** The median of all elements. See {@link median}. */
    median(): Tensor;
    /** The medians along an axis and where they are. See {@link median}. */
    median(dim: number, options?: ReduceOptions): Extremum;
    /** The median of all elements but `NaN`. See {@link nanmedian}. */
    nanmedian(): Tensor;
    /** The medians along an axis and where they are. See {@link nanmedian}. */
    nanmedian(dim: number, options?: ReduceOptions): Extremum;
    /** See {@link mode}. */
    mode(dim?: number, options?: ReduceOptions): Extremum;
    /** See {@link quantile}. */
    quantile(q: Tensor | number, dim?: number | null, options?: QuantileOptions): Tensor;
    /** See {@link nanquantile}. */
    nanquantile(q: Tensor | number, dim?: number | null, options?: QuantileOptions): Tensor;
  }
}

addMethods({ kthvalue, median, nanmedian, mode, quantile, nanquantile });
