// Finding places in sorted rows, membership, differences of neighbours, integrals by the trapezoid rule.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { isFloating, promoteTypes } from '../../tensor/dtype.js';
import { checkDim, sameShape } from '../../tensor/layout.js';
import { scope } from '../../tensor/scope.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { addMethods } from '../define.js';
import { scalarTensor } from '../elementwise.js';
import { add, div, mul, sub } from '../pointwise/arithmetic.js';
import { ne } from '../pointwise/compare.js';
import { cat } from '../shape/concat.js';
import { contiguous, narrow, reshape, to } from '../shape/view.js';
import { sum } from './reduce.js';
import { cumsum } from './scan.js';

/** Options of `searchsorted` and `bucketize`. */
export interface SearchOptions {
  /** Behind equal elements instead of before them. Default false. */
  right?: boolean;
  /** `'left'` or `'right'`, as in NumPy; the same as `right`. For `searchsorted`. */
  side?: 'left' | 'right';
  /** int32 instead of int64 positions. Default false. */
  outInt32?: boolean;
  /** Positions (int64) that sort the rows, as {@link argsort} gives them. For `searchsorted`. */
  sorter?: Tensor | null;
}

function searched(op: string, row: Tensor, values: Tensor, options: SearchOptions): Tensor {
  const { sorter = null, outInt32 = false } = options;
  if (options.side !== undefined && options.side !== 'left' && options.side !== 'right') {
    throw new ArgumentError(op, `side must be 'left' or 'right', got ${valueText(options.side)}`, options.side);
  }
  if (options.side === 'left' && options.right) throw new ArgumentError(op, "side 'left' contradicts right", 'left');
  if (row.ndim === 0) throw new ShapeError(op, 'the sorted tensor needs an axis', row.shape);
  if (row.ndim > 1 && !sameShape(row.shape.slice(0, -1), values.shape.slice(0, -1))) {
    throw new ShapeError(
      op,
      `rows ${shapeText(row.shape)} and values ${shapeText(values.shape)} differ before the last axis`,
      row.shape,
      values.shape,
    );
  }
  if (sorter) {
    checkTensor(op, sorter, 'sorter');
    if (sorter.dtype !== 'int64' || !sameShape(sorter.shape, row.shape)) {
      throw new ShapeError(op, `sorter must be int64 of shape ${shapeText(row.shape)}`, sorter.shape, row.shape);
    }
  }
  return scope(() => {
    const common = promoteTypes(row.dtype, values.dtype);
    const dtype = common === 'bfloat16' || common === 'float16' ? 'float32' : common;
    const rows = contiguous(to(row.detach(), dtype));
    const wanted = contiguous(to(values.detach(), dtype));
    const order = sorter ? contiguous(sorter) : null;
    const out = emptyContiguous(values.shape, outInt32 ? 'int32' : 'int64');
    const right = options.right === true || options.side === 'right';
    native.searchSorted(out._id, rows._id, wanted._id, order?._id ?? 0, right);
    return out;
  });
}

/**
 * Where each of `values` would stand in the sorted last axis of `sorted`: `sorted[i - 1] < value <= sorted[i]`, with
 * `right` `sorted[i - 1] <= value < sorted[i]`. Both have the same leading axes, or `sorted` has one axis.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.searchsorted.html
 */
export function searchsorted(sorted: Tensor, values: Tensor | number, options: SearchOptions = {}): Tensor {
  checkTensor('searchsorted', sorted, 'sorted');
  checkOptions('searchsorted', options);
  if (typeof values === 'number') {
    const value = scalarTensor(values, isFloating(sorted.dtype) ? sorted.dtype : 'float64');
    return searched('searchsorted', sorted, value, options);
  }
  checkTensor('searchsorted', values, 'values');
  return searched('searchsorted', sorted, values, options);
}

/**
 * The bucket of each element of `x` (a tensor or a number) between the sorted `boundaries` `[B]`: 0 to B.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.bucketize.html
 */
export function bucketize(x: Tensor | number, boundaries: Tensor, options: SearchOptions = {}): Tensor {
  checkTensor('bucketize', boundaries, 'boundaries');
  checkOptions('bucketize', options);
  if (boundaries.ndim !== 1) {
    throw new ShapeError('bucketize', `boundaries need one axis, got ${shapeText(boundaries.shape)}`, boundaries.shape);
  }
  const { right, outInt32 } = options;
  if (typeof x !== 'number') {
    checkTensor('bucketize', x);
    return searched('bucketize', boundaries, x, { right, outInt32 });
  }
  const value = scalarTensor(x, isFloating(boundaries.dtype) ? boundaries.dtype : 'float64');
  return searched('bucketize', boundaries, value, { right, outInt32 });
}

/** Options of {@link diff}. */
export interface DiffOptions {
  /** How often. Default 1. */
  n?: number;
  /** Joined before and behind along `dim` first. */
  prepend?: Tensor | null;
  append?: Tensor | null;
}

/**
 * Differences of neighbours along `dim` (default the last one), `n` times; of bool whether they differ.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.diff.html
 */
export function diff(x: Tensor, dim = -1, options: DiffOptions = {}): Tensor {
  checkTensor('diff', x);
  checkOptions('diff', options);
  const { n = 1, prepend, append } = options;
  if (!Number.isInteger(n) || n < 0) {
    throw new ArgumentError('diff', `n must be an integer >= 0, got ${valueText(n)}`, n);
  }
  if (x.ndim === 0) throw new ShapeError('diff', 'at least one axis is needed', x.shape);
  const d = checkDim('diff', dim, x.ndim);
  for (const [name, part] of Object.entries({ prepend, append })) if (part) checkTensor('diff', part, name);
  return scope(() => {
    let out = cat([...(prepend ? [prepend] : []), x, ...(append ? [append] : [])], d);
    for (let i = 0; i < n; i++) {
      const length = Math.max(0, out.shape[d] - 1);
      const later = narrow(out, d, Math.min(1, out.shape[d]), length);
      const earlier = narrow(out, d, 0, length);
      out = out.dtype === 'bool' ? ne(later, earlier) : sub(later, earlier);
    }
    return out;
  });
}

/** Options of `trapezoid` and `cumulativeTrapezoid`. */
export interface TrapezoidOptions {
  /** Where the samples are: a tensor that broadcasts with them. */
  x?: Tensor | null;
  /** The distance of samples. Default 1. */
  dx?: number;
}

/** The areas between neighbours along `dim`. */
function areas(op: string, y: Tensor, dim: number, options: TrapezoidOptions): [Tensor, number] {
  const { x = null, dx = 1 } = options;
  const d = checkDim(op, dim, y.ndim);
  if (y.ndim === 0) throw new ShapeError(op, 'at least one axis is needed', y.shape);
  if (typeof dx !== 'number') throw new ArgumentError(op, `dx must be a number, got ${valueText(dx)}`, dx);
  const length = Math.max(0, y.shape[d] - 1);
  const pairs = add(narrow(y, d, 0, length), narrow(y, d, Math.min(1, y.shape[d]), length));
  if (!x) return [mul(pairs, dx / 2), d];
  checkTensor(op, x, 'x');
  const places =
    x.ndim === 1
      ? reshape(
          x,
          y.shape.map((_, i) => (i === d ? x.numel : 1)),
        )
      : x;
  const widths = diff(places, places.ndim - y.ndim + d);
  return [div(mul(pairs, widths), 2), d];
}

/**
 * The integral of samples `y` along `dim` (default the last one) by the trapezoid rule.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.trapezoid.html
 */
export function trapezoid(y: Tensor, dim = -1, options: TrapezoidOptions = {}): Tensor {
  checkTensor('trapezoid', y, 'y');
  checkOptions('trapezoid', options);
  return scope(() => sum(...areas('trapezoid', y, dim, options)));
}

/**
 * The running integrals of samples `y` along `dim` (default the last one): one element less than `y`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.cumulative_trapezoid.html
 */
export function cumulativeTrapezoid(y: Tensor, dim = -1, options: TrapezoidOptions = {}): Tensor {
  checkTensor('cumulativeTrapezoid', y, 'y');
  checkOptions('cumulativeTrapezoid', options);
  return scope(() => cumsum(...areas('cumulativeTrapezoid', y, dim, options)));
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link bucketize}. */
    bucketize(boundaries: Tensor, options?: SearchOptions): Tensor;
    /** See {@link diff}. */
    diff(dim?: number, options?: DiffOptions): Tensor;
  }
}

addMethods({
  diff,
  bucketize: (x: Tensor, boundaries: Tensor, options?: SearchOptions) => bucketize(x, boundaries, options),
});
