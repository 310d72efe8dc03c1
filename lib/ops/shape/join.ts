// Tensors side by side, and grids of their elements.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { fromTypedArray } from '../../tensor/create.js';
import { promoteTypes } from '../../tensor/dtype.js';
import { MAX_DIMS, numelOf } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { indexSelect } from '../indexing/indexing.js';
import { atLeast1d, atLeast2d, atLeast3d } from './axes.js';
import { cat, checkList, stack } from './concat.js';
import { pad } from './pad.js';
import { clone, expand, permute, reshape, to } from './view.js';

/**
 * {@link cat} along axis 1, or 0 for vectors.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.hstack.html
 */
export function hstack(tensors: readonly Tensor[]): Tensor {
  checkList('hstack', tensors);
  const parts = atLeast1d(tensors);
  return cat(parts, parts[0].ndim === 1 ? 0 : 1);
}

/**
 * {@link cat} along axis 0 of tensors with at least two axes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.vstack.html
 */
export function vstack(tensors: readonly Tensor[]): Tensor {
  checkList('vstack', tensors);
  return cat(atLeast2d(tensors), 0);
}

/**
 * {@link cat} along axis 2 of tensors with at least three axes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.dstack.html
 */
export function dstack(tensors: readonly Tensor[]): Tensor {
  checkList('dstack', tensors);
  return cat(atLeast3d(tensors), 2);
}

/**
 * {@link hstack} in which a vector `[N]` is a column `[N, 1]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.column_stack.html
 */
export function columnStack(tensors: readonly Tensor[]): Tensor {
  checkList('columnStack', tensors);
  return cat(
    tensors.map((x) => (x.ndim < 2 ? reshape(x, [x.numel, 1]) : x)),
    1,
  );
}

/**
 * The matrices (a vector is one row, a number one element) along the diagonal of a matrix of zeros, in their common dtype.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.block_diag.html
 */
export function blockDiag(tensors: readonly Tensor[]): Tensor {
  checkList('blockDiag', tensors);
  for (const x of tensors) {
    if (x.ndim > 2) throw new ShapeError('blockDiag', `at most 2 dimensions, got ${shapeText(x.shape)}`, x.shape);
  }
  const dtype = tensors.map((x) => x.dtype).reduce(promoteTypes);
  const blocks = atLeast2d(tensors);
  const columns = blocks.reduce((sum, x) => sum + x.shape[1], 0);
  let left = 0;
  return cat(
    blocks.map((x) => {
      const before = left;
      left += x.shape[1];
      return pad(to(x, dtype), [before, columns - left]);
    }),
    0,
  );
}

/** Options of {@link meshgrid}. */
export interface MeshgridOptions {
  /** `'ij'` (default): axis i belongs to tensor i. `'xy'`: the first two axes change places. */
  indexing?: 'ij' | 'xy';
}

/**
 * Coordinates of the grid of vectors: tensor i of size `[N_i]` expanded to `[N_0, N_1, ...]`. Views.
 * @throws ShapeError for a tensor of more than one axis.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.meshgrid.html
 */
export function meshgrid(tensors: readonly Tensor[], options: MeshgridOptions = {}): Tensor[] {
  checkList('meshgrid', tensors);
  checkOptions('meshgrid', options);
  const { indexing = 'ij' } = options;
  if (indexing !== 'ij' && indexing !== 'xy') {
    throw new ArgumentError('meshgrid', `indexing must be 'ij' or 'xy', got ${valueText(indexing)}`, indexing);
  }
  const n = tensors.length;
  if (n > MAX_DIMS) throw new ShapeError('meshgrid', `at most ${MAX_DIMS} tensors, got ${n}`);
  for (const x of tensors) {
    if (x.ndim > 1) throw new ShapeError('meshgrid', `vectors are needed, got ${shapeText(x.shape)}`, x.shape);
    if (x.dtype !== tensors[0].dtype) {
      throw new ArgumentError('meshgrid', `tensors of one dtype are needed, got ${tensors[0].dtype} and ${x.dtype}`);
    }
  }
  const shape = tensors.map((x) => x.numel);
  const grids = tensors.map((x, i) => expand(reshape(x, [x.numel, ...new Array<number>(n - 1 - i).fill(1)]), shape));
  if (indexing === 'ij' || n < 2) return grids;
  const order = shape.map((_, i) => (i < 2 ? 1 - i : i));
  return grids.map((x) => permute(x, order));
}

/**
 * All choices of one element from each vector, one a row: `[N_0 * N_1 * ..., number of vectors]`. One vector alone is
 * returned as it is.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.cartesian_prod.html
 */
export function cartesianProd(tensors: readonly Tensor[]): Tensor {
  checkList('cartesianProd', tensors);
  for (const x of tensors) {
    if (x.ndim !== 1) throw new ShapeError('cartesianProd', `vectors are needed, got ${shapeText(x.shape)}`, x.shape);
  }
  if (tensors.length === 1) return tensors[0];
  const dtype = tensors.map((x) => x.dtype).reduce(promoteTypes);
  const grids = meshgrid(tensors.map((x) => to(x, dtype)));
  return reshape(stack(grids, -1), [numelOf(grids[0].shape), tensors.length]);
}

/** Options of {@link combinations}. */
export interface CombinationsOptions {
  /** Whether an element may be chosen again. Default false. */
  withReplacement?: boolean;
}

/** Rows of `r` rising positions below `n`, in lexicographic order. */
function rowsOf(n: number, r: number, again: boolean): bigint[] {
  const out: bigint[] = [];
  const row: number[] = [];
  const extend = (from: number): void => {
    if (row.length === r) {
      for (const at of row) out.push(BigInt(at));
      return;
    }
    for (let i = from; i < n; i++) {
      row.push(i);
      extend(again ? i : i + 1);
      row.pop();
    }
  };
  extend(0);
  return out;
}

/** How many rows {@link rowsOf} gives. */
function countRows(n: number, r: number, again: boolean): number {
  const from = again ? n + r - 1 : n;
  let count = 1;
  for (let i = 0; i < r; i++) count = (count * (from - i)) / (i + 1);
  return Math.max(0, Math.round(count));
}

/**
 * All combinations of `r` (default 2) elements of a vector, one a row, in the order of their positions: `[C(n, r), r]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.combinations.html
 */
export function combinations(x: Tensor, r = 2, options: CombinationsOptions = {}): Tensor {
  checkTensor('combinations', x);
  checkOptions('combinations', options);
  if (x.ndim !== 1) throw new ShapeError('combinations', `a vector is needed, got ${shapeText(x.shape)}`, x.shape);
  if (!Number.isSafeInteger(r) || r < 0) {
    throw new ArgumentError('combinations', `r must be an integer >= 0, got ${valueText(r)}`, r);
  }
  if (r === 0) return emptyContiguous([0], x.dtype);
  const again = options.withReplacement ?? false;
  const count = countRows(x.numel, r, again);
  if (count * r > 2 ** 27) throw new ArgumentError('combinations', `${count} rows are too many`, r);
  if (r === 1) return reshape(clone(x), [x.numel, 1]);
  const positions = fromTypedArray(BigInt64Array.from(rowsOf(x.numel, r, again)), [count * r], 'int64');
  return reshape(indexSelect(x, 0, positions), [count, r]);
}
