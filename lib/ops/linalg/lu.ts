// LU factors with row exchanges. Formulas: torch.linalg.lu, lu_factor, lu_solve; gradients: derived from A = P L U with
// the two triangles kept apart, as in S. F. Walter, Structured higher-order algorithmic differentiation (2012).
import { DTypeError, ShapeError, shapeText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { broadcastShapes, sameShape } from '../../tensor/layout.js';
import { arange, eye } from '../../tensor/sequence.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { add, sub } from '../pointwise/arithmetic.js';
import { neg } from '../pointwise/unary.js';
import { cat } from '../shape/concat.js';
import { expand, narrow } from '../shape/view.js';
import { matmul } from './matmul.js';
import {
  adjoint,
  batchOf,
  checkFlag,
  checkMatrix,
  checkSameDType,
  checkSquare,
  colsOf,
  expandBatch,
  lowerPart,
  rowsOf,
  upperPart,
} from './parts.js';
import { checkRight, copyOf, type SolveOptions, solveTriangle, solveTriangleRight } from './solve.js';

const luSolveOp = defineOp({
  name: 'linalg.luSolve',
  inputs: ['LU', 'pivots', 'B'],
  forward: (lu: Tensor, pivots: Tensor, b: Tensor, transposed: boolean) => {
    const out = copyOf(b);
    native.linalgLuSolve(out._id, lu._id, pivots._id, transposed);
    return out;
  },
  save: (x, lu, pivots, b, transposed) => ({ x, lu, pivots, b, transposed }),
  backward: ([g], { x, lu, pivots, b, transposed }, needs) => {
    const right = luSystem(lu, pivots, g, !transposed);
    if (!needs[0]) return [null, null, right];
    // A = P L U, and gA = -left second^T; w = L^T P^T left, v = P^T left.
    const second = transposed ? right : x;
    const w = solveTriangle(adjoint(lu), transposed ? b : g, false);
    const v = solveTriangle(adjoint(lu), w, true, true);
    const gradU = upperPart(matmul(w, adjoint(second)));
    const gradL = lowerPart(matmul(v, adjoint(matmul(upperPart(lu), second))), -1);
    return [neg(add(gradL, gradU)), null, right];
  },
});

/** `(P L U) X = B`, or its transpose, for batches of one shape. */
function luSystem(lu: Tensor, pivots: Tensor, b: Tensor, transposed: boolean): Tensor {
  return luSolveOp(lu, pivots, b, transposed);
}

/** `P x` (or `P^T x`) for the permutation of the pivots, which may be fewer than the rows of x. */
function permuted(pivots: Tensor, x: Tensor, inverse: boolean): Tensor {
  const m = rowsOf(x);
  const k = pivots.shape[pivots.ndim - 1];
  const rest = expand(arange(k + 1, m + 1, { dtype: 'int32' }), [...batchOf(x), m - k]);
  const all = m === k ? pivots : cat([pivots, rest], -1);
  const one = expandBatch(eye(m, m, { dtype: x.dtype }), batchOf(x));
  return luSystem(one, all, x, !inverse);
}

/** The gradient of A `[M, N]` from that of its packed factors. */
function factorGradient(g: Tensor, lu: Tensor, pivots: Tensor): Tensor {
  const [m, n] = [rowsOf(lu), colsOf(lu)];
  const k = Math.min(m, n);
  const square = narrow(narrow(lu, -2, 0, k), -1, 0, k);
  const lower = add(lowerPart(square, -1), eye(k, k, { dtype: lu.dtype }));
  const upper = upperPart(square);
  const gSquare = narrow(narrow(g, -2, 0, k), -1, 0, k);
  let below = matmul(adjoint(lower), lowerPart(gSquare, -1));
  let above = matmul(upperPart(gSquare), adjoint(upper));
  if (n > m) below = sub(below, matmul(narrow(g, -1, k, n - k), adjoint(narrow(lu, -1, k, n - k))));
  if (m > n) above = sub(above, matmul(adjoint(narrow(lu, -2, k, m - k)), narrow(g, -2, k, m - k)));
  const middle = add(lowerPart(below, -1), upperPart(above));
  const inner = solveTriangle(adjoint(square), solveTriangleRight(adjoint(upper), middle, false), true, true);
  let whole = inner;
  if (n > m) {
    whole = cat([inner, solveTriangle(adjoint(square), narrow(g, -1, k, n - k), true, true)], -1);
  } else if (m > n) {
    whole = cat([inner, solveTriangleRight(adjoint(upper), narrow(g, -2, k, m - k), false)], -2);
  }
  return permuted(pivots, whole, false);
}

function factor(a: Tensor, info: Tensor | null, check: boolean): [Tensor, Tensor] {
  const k = Math.min(rowsOf(a), colsOf(a));
  const lu = emptyContiguous(a.shape, a.dtype);
  const pivots = emptyContiguous([...batchOf(a), k], 'int32');
  native.linalgLu(lu._id, pivots._id, info?._id ?? 0, a._id, check);
  return [lu, pivots];
}

const luFactorOp = defineOp({
  name: 'linalg.luFactor',
  inputs: ['input'],
  forward: (a: Tensor, check: boolean) => factor(a, null, check),
  save: ([lu, pivots]) => ({ lu, pivots }),
  backward: ([g], { lu, pivots }) => [factorGradient(g, lu, pivots)],
});

const luFactorExOp = defineOp({
  name: 'linalg.luFactorEx',
  inputs: ['input'],
  forward: (a: Tensor) => {
    const info = emptyContiguous(batchOf(a), 'int32');
    const [lu, pivots] = factor(a, info, false);
    return [lu, pivots, info] as const;
  },
  save: ([lu, pivots]) => ({ lu, pivots }),
  backward: ([g], { lu, pivots }) => [factorGradient(g, lu, pivots)],
});

/**
 * `[LU, pivots]` of A `[..., M, N]`: L (unit lower) and U packed in one matrix, and int32 pivots `[..., min(M, N)]`
 * counted from 1: step i exchanged row i with row `pivots[i]`. For {@link luSolve}.
 * A zero pivot rejects the read of the result with a ValueError.
 */
export function luFactor(a: Tensor): [LU: Tensor, pivots: Tensor] {
  checkMatrix('linalg.luFactor', a);
  const [lu, pivots] = luFactorOp(a, true);
  return [lu, pivots];
}

/** {@link luFactor} that reports: `[LU, pivots, info]`, with the number of the first zero pivot (from 1), or 0. */
export function luFactorEx(a: Tensor): [LU: Tensor, pivots: Tensor, info: Tensor] {
  checkMatrix('linalg.luFactorEx', a);
  const [lu, pivots, info] = luFactorExOp(a);
  return [lu, pivots, info];
}

/** `[P, L, U]` with `A = P L U`: P `[..., M, M]`, L `[..., M, K]`, U `[..., K, N]`, K = min(M, N). */
export function lu(a: Tensor): [P: Tensor, L: Tensor, U: Tensor] {
  checkMatrix('linalg.lu', a);
  const [m, n] = [rowsOf(a), colsOf(a)];
  const k = Math.min(m, n);
  const [packed, pivots] = luFactorOp(a, false);
  const one = expandBatch(eye(m, m, { dtype: a.dtype }), batchOf(a));
  const lower = add(lowerPart(narrow(packed, -1, 0, k), -1), eye(m, k, { dtype: a.dtype }));
  return [permuted(pivots, one, false), lower, upperPart(narrow(packed, -2, 0, k))];
}

/** Options of {@link luSolve}. */
export interface LuSolveOptions extends SolveOptions {
  /** Solve with the transpose of A. Default false. */
  adjoint?: boolean;
}

/**
 * The solution X of `A X = B` (`left` false: `X A = B`) from the result of {@link luFactor}; B `[..., N, K]`, batches
 * broadcast.
 */
export function luSolve(LU: Tensor, pivots: Tensor, b: Tensor, options: LuSolveOptions = {}): Tensor {
  const op = 'linalg.luSolve';
  checkSquare(op, LU, 'LU');
  checkTensor(op, pivots, 'pivots');
  checkTensor(op, b, 'B');
  checkOptions(op, options);
  checkSameDType(op, LU, b);
  const left = checkFlag(op, 'left', options.left ?? true);
  const transposed = checkFlag(op, 'adjoint', options.adjoint ?? false);
  if (pivots.dtype !== 'int32') throw new DTypeError(op, `pivots must be int32, got ${pivots.dtype}`, pivots.dtype);
  if (!sameShape(pivots.shape, LU.shape.slice(0, -1))) {
    throw new ShapeError(op, `pivots ${shapeText(pivots.shape)} do not belong to LU ${shapeText(LU.shape)}`);
  }
  checkRight(op, LU, b, left);
  const batch = broadcastShapes(op, batchOf(LU), batchOf(b));
  const factors = expandBatch(LU, batch);
  const rows = expand(pivots, [...batch, pivots.shape[pivots.ndim - 1]]);
  const right = expandBatch(b, batch);
  if (left) return luSystem(factors, rows, right, transposed);
  return adjoint(luSystem(factors, rows, adjoint(right), !transposed));
}
