// What follows from singular values: pseudo-inverse, rank, condition number. Formulas: torch.linalg.pinv, matrix_rank,
// cond; gradient of pinv: G. H. Golub and V. Pereyra (1973).
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions } from '../../tensor/check.js';
import { zeros } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { add, div, mul, sub } from '../pointwise/arithmetic.js';
import { gt } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { abs } from '../pointwise/unary.js';
import { amax, sum } from '../reduce/reduce.js';
import { select, unsqueeze } from '../shape/view.js';
import { matmul } from './matmul.js';
import { checkOrder, type MatrixNormOrder, matrixNorm } from './norms.js';
import { adjoint, batchOf, checkFlag, checkMatrix, checkSquare, colsOf, rowsOf } from './parts.js';
import { invEx } from './solve.js';
import { eigh, eigvalsh, svd, svdvals } from './svd.js';

/** Options of {@link pinv} and {@link matrixRank}. */
export interface ToleranceOptions {
  /** Singular values up to `max(atol, rtol * largest)` count as 0. Default 0. */
  atol?: number;
  /** Default: max(M, N) times the dtype's epsilon; 0 when `atol` > 0 is given. */
  rtol?: number;
  /** A is symmetric: its eigenvalues are used, and only its lower triangle read. Default false. */
  hermitian?: boolean;
}

/** The singular values below or at this count as 0: `[..., 1]`. */
function threshold(op: string, a: Tensor, values: Tensor, options: ToleranceOptions): Tensor {
  const epsilon = a.dtype === 'float64' ? 2 ** -52 : 2 ** -23;
  const { atol = 0 } = options;
  const { rtol = atol > 0 ? 0 : Math.max(rowsOf(a), colsOf(a)) * epsilon } = options;
  for (const value of [atol, rtol]) {
    if (typeof value !== 'number') {
      throw new ArgumentError(op, `atol and rtol must be numbers, got ${valueText(value)}`, value);
    }
  }
  const largest = mul(amax(values, -1, { keepdim: true }), rtol);
  return atol > 0 ? where(gt(largest, atol), largest, atol) : largest;
}

function hermitianOf(op: string, a: Tensor, options: ToleranceOptions): boolean {
  checkMatrix(op, a);
  checkOptions(op, options);
  const hermitian = checkFlag(op, 'hermitian', options.hermitian ?? false);
  if (hermitian) checkSquare(op, a);
  return hermitian;
}

const pinvOp = defineOp({
  name: 'linalg.pinv',
  inputs: ['input'],
  forward: (input: Tensor, hermitian: boolean, options: ToleranceOptions) => {
    const a = input.detach();
    if (hermitian) {
      const [w, v] = eigh(a);
      const sizes = abs(w);
      const inverse = where(gt(sizes, threshold('linalg.pinv', a, sizes, options)), div(1, w), 0);
      return matmul(mul(v, unsqueeze(inverse, -2)), adjoint(v));
    }
    const [u, s, vh] = svd(a, { fullMatrices: false });
    const inverse = where(gt(s, threshold('linalg.pinv', a, s, options)), div(1, s), 0);
    return matmul(adjoint(vh), mul(unsqueeze(inverse, -1), adjoint(u)));
  },
  save: (inverse, a) => ({ inverse, a }),
  backward: ([g], { inverse, a }) => [pinvGradient(g, inverse, a)],
});

/** @internal The gradient of A from that of its pseudo-inverse. */
export function pinvGradient(g: Tensor, inverse: Tensor, a: Tensor): Tensor {
  const [gh, ih] = [adjoint(g), adjoint(inverse)];
  if (rowsOf(a) <= colsOf(a)) {
    const k = matmul(gh, inverse);
    const kih = matmul(k, ih);
    const first = sub(kih, adjoint(matmul(inverse, k)));
    const second = sub(matmul(matmul(ih, inverse), sub(gh, matmul(k, a))), matmul(matmul(a, inverse), kih));
    return add(first, second);
  }
  const k = matmul(inverse, gh);
  const ihk = matmul(ih, k);
  const first = sub(ihk, adjoint(matmul(k, inverse)));
  const second = sub(matmul(matmul(sub(gh, matmul(a, k)), inverse), ih), matmul(matmul(ihk, inverse), a));
  return add(first, second);
}

/** The Moore-Penrose pseudo-inverse of A `[..., M, N]`: `[..., N, M]`. */
export function pinv(a: Tensor, options: ToleranceOptions = {}): Tensor {
  const hermitian = hermitianOf('linalg.pinv', a, options);
  if (a.numel === 0) {
    return add(zeros([...batchOf(a), colsOf(a), rowsOf(a)], { dtype: a.dtype }), mul(sum(a), 0));
  }
  return pinvOp(a, hermitian, options);
}

/** How many singular values (`hermitian`: absolute eigenvalues) of A `[..., M, N]` exceed the tolerance: int64 `[...]`. */
export function matrixRank(a: Tensor, options: ToleranceOptions = {}): Tensor {
  const hermitian = hermitianOf('linalg.matrixRank', a, options);
  if (a.numel === 0) return zeros(batchOf(a), { dtype: 'int64' });
  const raw = a.detach();
  const values = hermitian ? abs(eigvalsh(raw)) : svdvals(raw);
  return sum(gt(values, threshold('linalg.matrixRank', raw, values, options)), -1);
}

/**
 * The condition number of A `[..., M, N]`: the largest singular value over the smallest (p null or 2), its inverse (-2),
 * or `||A|| ||A^-1||` of square matrices in the matrix norm `p`; Infinity for a singular one.
 */
export function cond(a: Tensor, p: MatrixNormOrder | null = null): Tensor {
  const op = 'linalg.cond';
  checkMatrix(op, a);
  if (p !== null) checkOrder(op, p);
  if (p === null || p === 2 || p === -2) {
    if (a.numel === 0) return zeros(batchOf(a), { dtype: a.dtype });
    const s = svdvals(a);
    const [first, last] = [select(s, -1, 0), select(s, -1, s.shape[s.ndim - 1] - 1)];
    return p === -2 ? div(last, first) : div(first, last);
  }
  if (rowsOf(a) !== colsOf(a)) {
    throw new ShapeError(op, `with p ${p} the matrices must be square, got ${shapeText(a.shape)}`, a.shape);
  }
  if (a.numel === 0) return zeros(batchOf(a), { dtype: a.dtype });
  const [inverse, info] = invEx(a);
  const value = mul(matrixNorm(a, p), matrixNorm(inverse, p));
  return where(gt(info, 0), Number.POSITIVE_INFINITY, value);
}
