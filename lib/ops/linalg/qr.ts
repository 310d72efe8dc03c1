// QR factors. Formula: torch.linalg.qr; gradients: H.-J. Liao et al., Differentiable programming tensor networks (2019),
// and for wide matrices the same with R split in two.
import { native } from '../../native.js';
import { zeros } from '../../tensor/create.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { add, mul, sub } from '../pointwise/arithmetic.js';
import { cat } from '../shape/concat.js';
import { narrow } from '../shape/view.js';
import { matmul } from './matmul.js';
import {
  adjoint,
  batchOf,
  checkChoice,
  checkMatrix,
  colsOf,
  diagonalMatrix,
  diagonalOf,
  lowerPart,
  rowsOf,
  upperPart,
} from './parts.js';
import { solveTriangleRight } from './solve.js';

/** What {@link qr} gives: K = min(M, N) columns (`reduced`), a full Q (`complete`), or R only (`r`). */
export type QrMode = 'reduced' | 'complete' | 'r';

const qrOp = defineOp({
  name: 'linalg.qr',
  inputs: ['input'],
  forward: (a: Tensor, complete: boolean) => {
    const [m, n] = [rowsOf(a), colsOf(a)];
    const k = complete ? m : Math.min(m, n);
    const q = emptyContiguous([...batchOf(a), m, k], a.dtype);
    const r = emptyContiguous([...batchOf(a), k, n], a.dtype);
    native.linalgQr(q._id, r._id, a._id);
    return [q, r] as const;
  },
  save: ([q, r]) => ({ q, r }),
  backward: ([gq, gr], { q, r }) => [rowsOf(r) >= colsOf(r) ? tallGradient(gq, gr, q, r) : wideGradient(gq, gr, q, r)],
});

/** `gR R^T - Q^T gQ`, without what is null. */
function inner(gq: Tensor | null, gr: Tensor | null, q: Tensor, r: Tensor): Tensor {
  const first = gr ? matmul(gr, adjoint(r)) : null;
  const second = gq ? matmul(adjoint(q), gq) : null;
  if (!first) return mul(second as Tensor, -1);
  return second ? sub(first, second) : first;
}

/** M >= N: Q is `[M, N]`, R `[N, N]`. */
function tallGradient(gq: Tensor | null, gr: Tensor | null, q: Tensor, r: Tensor): Tensor {
  const upper = upperPart(inner(gq, gr, q, r));
  const symmetric = sub(add(upper, adjoint(upper)), diagonalMatrix(diagonalOf(upper)));
  const product = matmul(q, symmetric);
  return solveTriangleRight(adjoint(r), gq ? add(product, gq) : product, false);
}

/** M < N: only the first M columns of A make Q. */
function wideGradient(gq: Tensor | null, gr: Tensor | null, q: Tensor, r: Tensor): Tensor {
  const m = rowsOf(r);
  const x = mul(inner(gq, gr, q, r), -1);
  const skew = lowerPart(sub(x, adjoint(x)));
  const head = solveTriangleRight(adjoint(narrow(r, -1, 0, m)), skew, false);
  const rest = zeros([...batchOf(r), m, colsOf(r) - m], { dtype: r.dtype });
  const full = cat([head, rest], -1);
  return matmul(q, gr ? add(full, gr) : full);
}

/**
 * `[Q, R]` with `A = Q R`, Q orthonormal and R upper triangular, for A `[..., M, N]`; with mode `'r'` Q is empty. The
 * signs are those of Householder's method, as in LAPACK. Gradients need mode `'reduced'`, or `'complete'` with M <= N.
 */
export function qr(a: Tensor, mode: QrMode = 'reduced'): [Q: Tensor, R: Tensor] {
  const op = 'linalg.qr';
  checkMatrix(op, a);
  const kind = checkChoice(op, 'mode', mode, ['reduced', 'complete', 'r']);
  if (kind === 'r') {
    const r = emptyContiguous([...batchOf(a), Math.min(rowsOf(a), colsOf(a)), colsOf(a)], a.dtype);
    native.linalgQr(0, r._id, a._id);
    return [zeros([0], { dtype: a.dtype }), r];
  }
  if (kind === 'complete' && rowsOf(a) > colsOf(a)) {
    const [q, r] = completeQr(a);
    return [q, r];
  }
  const [q, r] = qrOp(a, kind === 'complete');
  return [q, r];
}

const completeQr = defineOp({
  name: 'linalg.qrComplete',
  inputs: ['input'],
  forward: (a: Tensor) => {
    const q = emptyContiguous([...batchOf(a), rowsOf(a), rowsOf(a)], a.dtype);
    const r = emptyContiguous(a.shape, a.dtype);
    native.linalgQr(q._id, r._id, a._id);
    return [q, r] as const;
  },
});

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link qr}. */
    qr(mode?: QrMode): [Q: Tensor, R: Tensor];
  }
}

addMethods({ qr });
