// Vector and matrix norms. Formulas: torch.linalg.vector_norm, matrix_norm, norm.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { checkDType, type DType, isFloating } from '../../tensor/dtype.js';
import { checkDim, checkDims } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { abs } from '../pointwise/unary.js';
import { norm as vectorNormOf } from '../reduce/moments.js';
import { amax, amin, sum } from '../reduce/reduce.js';
import { permute, reshape, to } from '../shape/view.js';
import { svdvals } from './svd.js';

/** Options of the norms. */
export interface NormOptions {
  /** Keep the reduced axes, with size 1. Default false. */
  keepdim?: boolean;
  /** The dtype to compute in. Default: that of the input. */
  dtype?: DType;
}

/** The orders of {@link matrixNorm}; `±Infinity` are numbers too. */
export type MatrixNormOrder = number | 'fro' | 'nuc';

function prepare(op: string, x: Tensor, options: NormOptions): Tensor {
  checkTensor(op, x);
  checkOptions(op, options);
  if (!isFloating(x.dtype)) throw new DTypeError(op, `a floating-point tensor is needed, got ${x.dtype}`, x.dtype);
  if (options.dtype === undefined) return x;
  checkDType(op, options.dtype);
  if (!isFloating(options.dtype)) throw new DTypeError(op, `dtype must be a floating-point one`, options.dtype);
  return to(x, options.dtype);
}

/**
 * The vector norm of any order `ord` (a number; 2 by default) over `dim` (an axis, several, or by default all):
 * `sum(|x|^ord)^(1/ord)`, the largest or smallest absolute value for `±Infinity`, the number of non-zeros for 0.
 * @throws ShapeError when a norm without a neutral element (infinite or negative order) meets an empty axis.
 */
export function vectorNorm(
  x: Tensor,
  ord = 2,
  dim?: number | readonly number[] | null,
  options: NormOptions = {},
): Tensor {
  const op = 'linalg.vectorNorm';
  const input = prepare(op, x, options);
  if (typeof ord !== 'number') throw new ArgumentError(op, `ord must be a number, got ${valueText(ord)}`, ord);
  const listed = Array.isArray(dim) && dim.length === 0 ? undefined : (dim as number | number[] | null | undefined);
  const dims = checkDims(op, listed, x.ndim).filter((d) => d < x.ndim);
  if ((ord < 0 || ord === Number.POSITIVE_INFINITY) && dims.some((d) => x.shape[d] === 0)) {
    throw new ShapeError(op, `the norm of order ${ord} of no elements is undefined (${shapeText(x.shape)})`, x.shape);
  }
  if (x.ndim === 0) return reshape(vectorNormOf(reshape(input, [1]), ord), []);
  return vectorNormOf(input, ord, dims, { keepdim: options.keepdim ?? false });
}

const ORDERS: readonly unknown[] = ['fro', 'nuc', 1, -1, 2, -2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

/** @internal One of the orders of matrix norms. */
export function checkOrder(op: string, ord: unknown): void {
  if (!ORDERS.includes(ord)) {
    throw new ArgumentError(op, `ord must be fro, nuc, 1, -1, 2, -2 or an infinity, got ${valueText(ord)}`, ord);
  }
}

function checkMatrixDims(op: string, dim: readonly [number, number], ndim: number): [number, number] {
  if (!Array.isArray(dim) || dim.length !== 2) {
    throw new ArgumentError(op, `dim must be two axes, got ${valueText(dim)}`, dim);
  }
  const [row, column] = checkDims(op, dim as readonly number[], ndim);
  return [row, column];
}

/** The result with the two reduced axes put back as size 1. */
function keepAxes(result: Tensor, shape: readonly number[], dims: readonly number[], keepdim: boolean): Tensor {
  if (!keepdim) return result;
  return reshape(
    result,
    shape.map((size, i) => (dims.includes(i) ? 1 : size)),
  );
}

/**
 * A norm of matrices: `'fro'` (default), `'nuc'` (sum of singular values), `±Infinity` (largest or smallest row sum),
 * `±1` (column sum), `±2` (singular value). `dim` names the two axes, by default the last two.
 */
export function matrixNorm(
  x: Tensor,
  ord: MatrixNormOrder = 'fro',
  dim: readonly [number, number] = [-2, -1],
  options: NormOptions = {},
): Tensor {
  const op = 'linalg.matrixNorm';
  const input = prepare(op, x, options);
  if (x.ndim < 2) throw new ShapeError(op, `at least 2 axes are needed, got ${shapeText(x.shape)}`, x.shape);
  checkOrder(op, ord);
  const [row, column] = checkMatrixDims(op, dim, x.ndim);
  const keepdim = options.keepdim ?? false;
  if (ord === 'fro') return vectorNorm(input, 2, [row, column], { keepdim });
  const extreme = ord === 'nuc' || ord > 0 ? amax : amin;
  if (ord === 'nuc' || Math.abs(ord) === 2) {
    const rest = x.shape.map((_, i) => i).filter((i) => i !== row && i !== column);
    const values = svdvals(permute(input, [...rest, row, column]));
    const adds = ord === 'nuc' || (ord === 2 && values.shape[values.ndim - 1] === 0);
    return keepAxes(adds ? sum(values, -1) : extreme(values, -1), x.shape, [row, column], keepdim);
  }
  const [summed, compared] = Math.abs(ord) === 1 ? [row, column] : [column, row];
  const sums = sum(abs(input), [summed], { keepdim: true });
  return keepAxes(
    reshape(
      extreme(sums, [compared], { keepdim: true }),
      x.shape.filter((_, i) => i !== row && i !== column),
    ),
    x.shape,
    [row, column],
    keepdim,
  );
}

/**
 * `torch.linalg.norm`: without `ord` the 2-norm of all elements (or over `dim`); with a number or string the vector norm
 * of a 1-d tensor or over one axis, and the matrix norm of a 2-d tensor or over two axes.
 */
export function norm(
  x: Tensor,
  ord: MatrixNormOrder | null = null,
  dim?: number | readonly number[] | null,
  options: NormOptions = {},
): Tensor {
  const op = 'linalg.norm';
  prepare(op, x, {});
  if (ord === null) return vectorNorm(x, 2, dim, options);
  const dims = dim === undefined || dim === null ? null : typeof dim === 'number' ? [dim] : dim;
  if (dims && dims.length !== 1 && dims.length !== 2) {
    throw new ArgumentError(op, `dim must be one or two axes, got ${valueText(dim)}`, dim);
  }
  if (!dims && x.ndim !== 1 && x.ndim !== 2) {
    throw new ShapeError(op, `with ord and without dim 1 or 2 axes are needed, got ${shapeText(x.shape)}`, x.shape);
  }
  const matrix = dims ? dims.length === 2 : x.ndim === 2;
  if (matrix) return matrixNorm(x, ord, dims ? [dims[0], dims[1]] : [0, 1], options);
  if (typeof ord !== 'number') {
    throw new ArgumentError(op, `ord ${valueText(ord)} needs matrices`, ord);
  }
  return vectorNorm(x, ord, dims ? checkDim(op, dims[0], x.ndim) : null, options);
}
