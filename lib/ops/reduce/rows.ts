// Moving an axis to the end and back, for kernels that work along contiguous rows. Not recorded.
import { native } from '../../native.js';
import { emptyContiguous, type Tensor, viewOf } from '../../tensor/tensor.js';

/** Where the axes of a tensor with axis `dim` moved to the end come from. */
const order = (ndim: number, dim: number): number[] => [
  ...Array.from({ length: ndim }, (_, i) => i).filter((i) => i !== dim),
  dim,
];

/** A contiguous copy of `x` with the axis `dim` last; `x` itself where it lies so already. */
export function lastAxis(x: Tensor, dim: number): Tensor {
  if (x.ndim === 0 || (dim === x.ndim - 1 && x.isContiguous())) return x;
  const axes = order(x.ndim, dim);
  const shape = axes.map((i) => x.shape[i]);
  const view = viewOf(
    x,
    shape,
    axes.map((i) => x.strides[i]),
  );
  const out = emptyContiguous(shape, x.dtype);
  native.copy(out._id, view._id);
  view.dispose();
  return out;
}

/** Frees what {@link lastAxis} made. */
export function releaseRows(rows: Tensor, x: Tensor): void {
  if (rows !== x) rows.dispose();
}

/** The inverse of {@link lastAxis} for a result `rows`, which is disposed if it had to be copied. */
export function fromLastAxis(rows: Tensor, dim: number): Tensor {
  if (rows.ndim === 0 || dim === rows.ndim - 1) return rows;
  const axes = order(rows.ndim, dim);
  const shape = axes.map((_, i) => rows.shape[axes.indexOf(i)]);
  const view = viewOf(
    rows,
    shape,
    axes.map((_, i) => rows.strides[axes.indexOf(i)]),
  );
  const out = emptyContiguous(shape, rows.dtype);
  native.copy(out._id, view._id);
  view.dispose();
  rows.dispose();
  return out;
}

/** The shape of a reduction along `dim`. */
export function reducedShape(shape: readonly number[], dim: number, keepdim: boolean): number[] {
  const kept = shape.map((size, i) => (i === dim ? 1 : size));
  return keepdim ? kept : kept.filter((_, i) => i !== dim);
}
