// Cholesky factors and what is solved with them. Formulas: torch.linalg.cholesky, cholesky_solve, cholesky_inverse;
// gradient: I. Murray, Differentiation of the Cholesky decomposition (2016).
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { eye } from '../../tensor/sequence.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { add, mul } from '../pointwise/arithmetic.js';
import { matmul } from './matmul.js';
import {
  adjoint,
  batchOf,
  broadcastBatches,
  checkFlag,
  checkSameDType,
  checkSquare,
  expandBatch,
  lowerPart,
  rowsOf,
} from './parts.js';
import { checkRight, solveTriangle, solveTriangleRight } from './solve.js';

/** Options of the Cholesky functions. */
export interface CholeskyOptions {
  /** Give (or take) the upper factor U with `A = U^T U` instead of L with `A = L L^T`. Default false. */
  upper?: boolean;
}

function gradient(g: Tensor, l: Tensor): Tensor {
  const inner = matmul(adjoint(l), g);
  const strict = lowerPart(inner, -1);
  const symmetric = add(lowerPart(inner), adjoint(strict));
  return mul(solveTriangleRight(l, solveTriangle(adjoint(l), symmetric, true), false), 0.5);
}

const choleskyOp = defineOp({
  name: 'linalg.cholesky',
  inputs: ['input'],
  forward: (a: Tensor) => {
    const out = emptyContiguous(a.shape, a.dtype);
    native.linalgCholesky(out._id, 0, a._id);
    return out;
  },
  save: (l) => ({ l }),
  backward: ([g], { l }) => [gradient(g, l)],
});

const choleskyExOp = defineOp({
  name: 'linalg.choleskyEx',
  inputs: ['input'],
  forward: (a: Tensor) => {
    const out = emptyContiguous(a.shape, a.dtype);
    const info = emptyContiguous(batchOf(a), 'int32');
    native.linalgCholesky(out._id, info._id, a._id);
    return [out, info] as const;
  },
  save: ([l]) => ({ l }),
  backward: ([g], { l }) => [gradient(g, l)],
});

/** Reads `upper` and checks A. */
function upperOf(op: string, a: Tensor, options: CholeskyOptions, name = 'input'): boolean {
  checkSquare(op, a, name);
  checkOptions(op, options);
  return checkFlag(op, 'upper', options.upper ?? false);
}

/**
 * The Cholesky factor L of symmetric positive-definite matrices `[..., N, N]`, `A = L L^T`. Only the lower triangle of A
 * is read (`upper`: the upper one).
 * A matrix that is not positive definite rejects the read of the result with a ValueError.
 */
export function cholesky(a: Tensor, options: CholeskyOptions = {}): Tensor {
  return upperOf('linalg.cholesky', a, options) ? adjoint(choleskyOp(adjoint(a))) : choleskyOp(a);
}

/** {@link cholesky} that reports: `[L, info]`, with the order of the leading minor that is not positive, or 0. */
export function choleskyEx(a: Tensor, options: CholeskyOptions = {}): [L: Tensor, info: Tensor] {
  const upper = upperOf('linalg.choleskyEx', a, options);
  const [l, info] = choleskyExOp(upper ? adjoint(a) : a);
  return [upper ? adjoint(l) : l, info];
}

function solveWithLower(l: Tensor, b: Tensor): Tensor {
  return solveTriangle(adjoint(l), solveTriangle(l, b, false), true);
}

/**
 * The solution X of `A X = B` from the Cholesky factor of A: B `[..., N, K]` comes first, then L `[..., N, N]`. Batches
 * broadcast.
 */
export function choleskySolve(b: Tensor, l: Tensor, options: CholeskyOptions = {}): Tensor {
  const upper = upperOf('choleskySolve', l, options, 'L');
  checkTensor('choleskySolve', b);
  checkSameDType('choleskySolve', l, b);
  checkRight('choleskySolve', l, b, true);
  const [factor, right] = broadcastBatches('choleskySolve', upper ? adjoint(l) : l, b);
  return solveWithLower(factor, right);
}

/** The inverse of A from its Cholesky factor `[..., N, N]`. */
export function choleskyInverse(l: Tensor, options: CholeskyOptions = {}): Tensor {
  const upper = upperOf('choleskyInverse', l, options);
  const one = expandBatch(eye(rowsOf(l), rowsOf(l), { dtype: l.dtype }), batchOf(l));
  return solveWithLower(upper ? adjoint(l) : l, one);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link cholesky}. */
    cholesky(options?: CholeskyOptions): Tensor;
    /** See {@link choleskySolve}. */
    choleskySolve(l: Tensor, options?: CholeskyOptions): Tensor;
    /** See {@link choleskyInverse}. */
    choleskyInverse(options?: CholeskyOptions): Tensor;
  }
}

addMethods({ cholesky, choleskySolve, choleskyInverse });
