// Least squares. Formula: torch.linalg.lstsq with its default driver (gelsy); gradients: G. H. Golub and V. Pereyra, The
// differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate (1973).
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { zeros } from '../../tensor/create.js';
import { sameShape } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { squeeze, unsqueeze } from '../shape/view.js';
import { matmul } from './matmul.js';
import { adjoint, batchOf, broadcastBatches, checkMatrix, checkSameDType, colsOf, rowsOf } from './parts.js';
import { pinv, pinvGradient } from './pinv.js';

const lstsqOp = defineOp({
  name: 'linalg.lstsq',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor, rcond: number) => {
    const x = emptyContiguous([...batchOf(a), colsOf(a), colsOf(b)], a.dtype);
    const rank = emptyContiguous(batchOf(a), 'int64');
    native.linalgLstsq(x._id, rank._id, a._id, b._id, rcond);
    return [x, rank] as const;
  },
  save: (_out, a, b) => ({ a, b }),
  backward: ([g], { a, b }, needs) => {
    const inverse = pinv(a);
    return [
      needs[0] ? pinvGradient(matmul(g, adjoint(b)), inverse, a) : null,
      needs[1] ? matmul(adjoint(inverse), g) : null,
    ];
  },
});

/** Options of {@link lstsq}. */
export interface LstsqOptions {
  /** Pivots below this part of the largest one count as 0. Default: the dtype's epsilon times max(M, N). */
  rcond?: number;
}

/** What {@link lstsq} gives: PyTorch's fields, as its default driver on the CPU fills them. */
export interface LstsqResult {
  /** X `[..., N, K]` with the smallest `||A X - B||`, and the smallest norm among those. */
  solution: Tensor;
  /** Empty. */
  residuals: Tensor;
  /** The rank of every matrix, int64 `[...]`. */
  rank: Tensor;
  /** Empty. */
  singularValues: Tensor;
}

/**
 * Least squares, min `||A X - B||`, for A `[..., M, N]` of any rank and B `[..., M, K]`, or vectors `[..., M]` with the
 * leading axes of A. Batches broadcast.
 * @throws ShapeError when the shapes do not fit.
 */
export function lstsq(a: Tensor, b: Tensor, options: LstsqOptions = {}): LstsqResult {
  const op = 'linalg.lstsq';
  checkMatrix(op, a);
  checkTensor(op, b, 'other');
  checkOptions(op, options);
  checkSameDType(op, a, b);
  const { rcond = (a.dtype === 'float64' ? 2 ** -52 : 2 ** -23) * Math.max(rowsOf(a), colsOf(a)) } = options;
  if (typeof rcond !== 'number') throw new ArgumentError(op, `rcond must be a number, got ${valueText(rcond)}`, rcond);
  const vector = b.ndim === 1 || sameShape(b.shape, a.shape.slice(0, -1));
  const matrix = vector ? unsqueeze(b, -1) : b;
  if (matrix.ndim < 2 || rowsOf(matrix) !== rowsOf(a)) {
    throw new ShapeError(op, `${shapeText(a.shape)} and ${shapeText(b.shape)} do not fit together`, a.shape, b.shape);
  }
  const [solution, rank] = lstsqOp(...broadcastBatches(op, a, matrix), rcond);
  return {
    solution: vector ? squeeze(solution, -1) : solution,
    residuals: zeros([0], { dtype: a.dtype }),
    rank,
    singularValues: zeros([0], { dtype: a.dtype }),
  };
}
