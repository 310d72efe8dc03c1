// Sorting along an axis, and the largest elements of it. `NaN` counts as the largest value.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { zeros } from '../../tensor/create.js';
import { checkDim } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { scatterAdd } from '../indexing/indexing.js';
import { clone } from '../shape/view.js';
import type { Extremum } from './extremum.js';
import { fromLastAxis, lastAxis, releaseRows } from './rows.js';

/** Options of `sort` and `argsort`. */
export interface SortOptions {
  /** From the largest to the smallest. Default false. */
  descending?: boolean;
  /** Equal elements keep their order. They always do here. */
  stable?: boolean;
}

/** Options of `topk`. */
export interface TopkOptions {
  /** The largest elements, or (false) the smallest. Default true. */
  largest?: boolean;
  /** In order. They always are here. */
  sorted?: boolean;
}

/** The gradient of chosen elements, put where they came from. */
export function scatterChosen(g: Tensor, indices: Tensor, shape: readonly number[], dim: number): Tensor {
  return shape.length === 0 ? clone(g) : scatterAdd(zeros(shape, { dtype: g.dtype }), dim, indices, g);
}

/** Runs a kernel that gives values and positions of `size` elements along the last axis. */
export function chooseAlong(
  x: Tensor,
  dim: number,
  size: number,
  kernel: (values: number, indices: number, rows: number) => void,
): readonly [Tensor, Tensor] {
  const rows = lastAxis(x, dim);
  const shape = rows.ndim === 0 ? [] : [...rows.shape.slice(0, -1), size];
  const values = emptyContiguous(shape, x.dtype);
  const indices = emptyContiguous(shape, 'int64');
  kernel(values._id, indices._id, rows._id);
  releaseRows(rows, x);
  return [fromLastAxis(values, dim), fromLastAxis(indices, dim)];
}

const sortOp = defineOp({
  name: 'sort',
  inputs: ['input'],
  forward: (x: Tensor, dim: number, descending: boolean) =>
    chooseAlong(x, dim, x.ndim === 0 ? 1 : x.shape[dim], (values, indices, rows) =>
      native.sort(values, indices, rows, descending),
    ),
  save: ([, indices], x, dim) => ({ indices, shape: x.shape, dim }),
  backward: ([g], { indices, shape, dim }) => [scatterChosen(g, indices, shape, dim)],
});

const argsortOp = defineOp({
  name: 'argsort',
  inputs: ['input'],
  forward: (x: Tensor, dim: number, descending: boolean) => {
    const rows = lastAxis(x, dim);
    const indices = emptyContiguous(rows.shape, 'int64');
    native.sort(0, indices._id, rows._id, descending);
    releaseRows(rows, x);
    return fromLastAxis(indices, dim);
  },
});

const topkOp = defineOp({
  name: 'topk',
  inputs: ['input'],
  forward: (x: Tensor, k: number, dim: number, largest: boolean) =>
    chooseAlong(x, dim, k, (values, indices, rows) => native.topk(values, indices, rows, largest)),
  save: ([, indices], x, _k, dim) => ({ indices, shape: x.shape, dim }),
  backward: ([g], { indices, shape, dim }) => [scatterChosen(g, indices, shape, dim)],
});

/**
 * The elements along `dim` (default the last one) in order, and where they were (int64). The order is stable; `NaN`
 * counts as the largest value. Gradients go back to where the elements were.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.sort.html
 *
 * @throws ShapeError when `dim` is out of range.
 */
export function sort(x: Tensor, dim = -1, options: SortOptions = {}): Extremum {
  checkTensor('sort', x);
  checkOptions('sort', options);
  const [values, indices] = sortOp(x, checkDim('sort', dim, x.ndim), options.descending === true);
  return { values, indices };
}

/**
 * The positions (int64) that put the elements along `dim` (default the last one) in order.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.argsort.html
 *
 * @throws ShapeError when `dim` is out of range.
 */
export function argsort(x: Tensor, dim = -1, options: SortOptions = {}): Tensor {
  checkTensor('argsort', x);
  checkOptions('argsort', options);
  return argsortOp(x, checkDim('argsort', dim, x.ndim), options.descending === true);
}

/**
 * The elements in ascending order along the first axis.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.msort.html
 */
export function msort(x: Tensor): Tensor {
  checkTensor('msort', x);
  const { values, indices } = sort(x, 0);
  indices.dispose();
  return values;
}

/**
 * The `k` largest elements along `dim` (default the last one), or with `largest: false` the `k` smallest, and where they
 * are (int64); in order, of equal elements the first. `NaN` counts as the largest value.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.topk.html
 *
 * @throws ShapeError when `k` is larger than the axis or `dim` is out of range.
 */
export function topk(x: Tensor, k: number, dim = -1, options: TopkOptions = {}): Extremum {
  checkTensor('topk', x);
  checkOptions('topk', options);
  const d = checkDim('topk', dim, x.ndim);
  if (!Number.isInteger(k) || k < 0)
    throw new ArgumentError('topk', `k must be an integer >= 0, got ${valueText(k)}`, k);
  if (k > (x.ndim === 0 ? 1 : x.shape[d])) {
    throw new ShapeError('topk', `${k} elements are wanted along dim ${d} of ${shapeText(x.shape)}`, x.shape);
  }
  const [values, indices] = topkOp(x, k, d, options.largest !== false);
  return { values, indices };
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link sort}. */
    sort(dim?: number, options?: SortOptions): Extremum;
    /** See {@link argsort}. */
    argsort(dim?: number, options?: SortOptions): Tensor;
    /** See {@link msort}. */
    msort(): Tensor;
    /** See {@link topk}. */
    topk(k: number, dim?: number, options?: TopkOptions): Extremum;
  }
}

addMethods({ sort, argsort, msort, topk });
