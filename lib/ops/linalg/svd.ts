// Singular values and eigenvalues of symmetric matrices. Formulas: torch.linalg.svd, svdvals, eigh, eigvalsh; gradients:
// J. Townsend, Differentiating the singular value decomposition (2016), and M. Giles (2008) for eigh.
import { native } from '../../native.js';
import { checkOptions } from '../../tensor/check.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { arange } from '../../tensor/sequence.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { add, div, mul, sub } from '../pointwise/arithmetic.js';
import { eq } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { square } from '../pointwise/unary.js';
import { narrow, unsqueeze } from '../shape/view.js';
import { matmul } from './matmul.js';
import {
  adjoint,
  batchOf,
  checkChoice,
  checkFlag,
  checkMatrix,
  checkSquare,
  colsOf,
  diagonalMatrix,
  rowsOf,
} from './parts.js';

/** `x_j - x_i` with ones on the diagonal: what the gradients divide by. */
function gaps(x: Tensor): Tensor {
  const n = x.shape[x.ndim - 1];
  const same = eq(unsqueeze(arange(n), 1), arange(n));
  return where(same, 1, sub(unsqueeze(x, -2), unsqueeze(x, -1)));
}

const svdOp = defineOp({
  name: 'linalg.svd',
  inputs: ['input'],
  forward: (a: Tensor, full: boolean) => {
    const [m, n, batch] = [rowsOf(a), colsOf(a), batchOf(a)];
    const k = Math.min(m, n);
    const u = emptyContiguous([...batch, m, full ? m : k], a.dtype);
    const s = emptyContiguous([...batch, k], a.dtype);
    const vh = emptyContiguous([...batch, full ? n : k, n], a.dtype);
    native.linalgSvd(u._id, s._id, vh._id, a._id);
    return [u, s, vh] as const;
  },
  save: ([u, s, vh]) => ({ u, s, vh }),
  backward: ([gu, gs, gvh], { u, s, vh }) => {
    const k = s.shape[s.ndim - 1];
    return [
      svdGradient(
        gu && narrow(gu, -1, 0, k),
        gs,
        gvh && narrow(gvh, -2, 0, k),
        narrow(u, -1, 0, k),
        s,
        narrow(vh, -2, 0, k),
      ),
    ];
  },
});

const skew = (x: Tensor): Tensor => sub(x, adjoint(x));
const plus = (a: Tensor | null, b: Tensor): Tensor => (a ? add(a, b) : b);

/** The gradient of A from those of its thin factors. */
function svdGradient(
  gu: Tensor | null,
  gs: Tensor | null,
  gvh: Tensor | null,
  u: Tensor,
  s: Tensor,
  vh: Tensor,
): Tensor | null {
  if (!gu && !gvh) return gs && matmul(u, mul(unsqueeze(gs, -1), vh));
  const k = s.shape[s.ndim - 1];
  const distance = gaps(square(s));
  const [row, column] = [unsqueeze(s, -2), unsqueeze(s, -1)];
  let middle: Tensor | null = gs ? diagonalMatrix(gs) : null;
  if (gu) middle = plus(middle, mul(div(skew(matmul(adjoint(u), gu)), distance), row));
  if (gvh) middle = plus(middle, mul(column, div(skew(matmul(vh, adjoint(gvh))), distance)));
  let left = matmul(u, middle as Tensor);
  if (gu && rowsOf(u) > k) {
    const scaled = div(gu, row);
    left = add(left, sub(scaled, matmul(u, matmul(adjoint(u), scaled))));
  }
  let result = matmul(left, vh);
  if (gvh && colsOf(vh) > k) {
    const scaled = div(gvh, column);
    result = add(result, matmul(u, sub(scaled, matmul(matmul(scaled, adjoint(vh)), vh))));
  }
  return result;
}

/** Options of {@link svd}. */
export interface SvdOptions {
  /** Square U `[..., M, M]` and Vh `[..., N, N]` (true, the default), or K = min(M, N) columns and rows. */
  fullMatrices?: boolean;
}

/**
 * `[U, S, Vh]` with `A = U diag(S) Vh` for A `[..., M, N]`, S descending. The signs of pairs of singular vectors are
 * arbitrary. Gradients through U and Vh need distinct singular values, and only their first min(M, N) vectors count.
 * A matrix with NaN or infinity rejects the read of the result with a ValueError.
 */
export function svd(a: Tensor, options: SvdOptions = {}): [U: Tensor, S: Tensor, Vh: Tensor] {
  checkMatrix('linalg.svd', a);
  checkOptions('linalg.svd', options);
  const [u, s, vh] = svdOp(a, checkFlag('linalg.svd', 'fullMatrices', options.fullMatrices ?? true));
  return [u, s, vh];
}

/** The singular values of A `[..., M, N]`, descending: `[..., min(M, N)]`. */
export function svdvals(a: Tensor): Tensor {
  checkMatrix('linalg.svdvals', a);
  if (isGradEnabled() && a.requiresGrad) return svdOp(a, false)[1];
  const s = emptyContiguous([...batchOf(a), Math.min(rowsOf(a), colsOf(a))], a.dtype);
  native.linalgSvd(0, s._id, 0, a._id);
  return s;
}

/** `torch.svd`: `[U, S, V]` with `A = U diag(S) V^T`; thin factors unless `some` is false. */
export function rootSvd(a: Tensor, options: { some?: boolean } = {}): [U: Tensor, S: Tensor, V: Tensor] {
  checkMatrix('svd', a);
  checkOptions('svd', options);
  const [u, s, vh] = svdOp(a, !checkFlag('svd', 'some', options.some ?? true));
  return [u, s, adjoint(vh)];
}

const eighOp = defineOp({
  name: 'linalg.eigh',
  inputs: ['input'],
  forward: (a: Tensor) => {
    const w = emptyContiguous(a.shape.slice(0, -1), a.dtype);
    const v = emptyContiguous(a.shape, a.dtype);
    native.linalgEigh(w._id, v._id, a._id);
    return [w, v] as const;
  },
  save: ([w, v]) => ({ w, v }),
  backward: ([gw, gv], { w, v }) => {
    const vh = adjoint(v);
    if (!gv) return [matmul(mul(v, unsqueeze(gw, -2)), vh)];
    const inner = div(matmul(vh, gv), gaps(w));
    const n = w.shape[w.ndim - 1];
    const same = eq(unsqueeze(arange(n), 1), arange(n));
    const middle = where(same, gw ? unsqueeze(gw, -2) : 0, inner);
    return [matmul(v, matmul(middle, vh))];
  },
});

/** Which triangle of a symmetric matrix is read. */
export type Triangle = 'L' | 'U';

/**
 * `[values, vectors]` of symmetric matrices `[..., N, N]`: eigenvalues ascending, unit eigenvectors in the columns
 * (their signs are arbitrary). Only the triangle `uplo` is read. Gradients through the vectors need distinct
 * eigenvalues. A matrix with NaN or infinity rejects the read of the result with a ValueError.
 */
export function eigh(a: Tensor, uplo: Triangle = 'L'): [eigenvalues: Tensor, eigenvectors: Tensor] {
  checkSquare('linalg.eigh', a);
  const upper = checkChoice('linalg.eigh', 'uplo', uplo, ['L', 'U']) === 'U';
  const [w, v] = eighOp(upper ? adjoint(a) : a);
  return [w, v];
}

/** The eigenvalues of symmetric matrices `[..., N, N]`, ascending. */
export function eigvalsh(a: Tensor, uplo: Triangle = 'L'): Tensor {
  checkSquare('linalg.eigvalsh', a);
  const upper = checkChoice('linalg.eigvalsh', 'uplo', uplo, ['L', 'U']) === 'U';
  if (isGradEnabled() && a.requiresGrad) return eighOp(upper ? adjoint(a) : a)[0];
  const w = emptyContiguous(a.shape.slice(0, -1), a.dtype);
  const x = upper ? adjoint(a) : a;
  native.linalgEigh(w._id, 0, x._id);
  if (x !== a) x.dispose();
  return w;
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link rootSvd}. */
    svd(options?: { some?: boolean }): [U: Tensor, S: Tensor, V: Tensor];
  }
}

addMethods({ svd: rootSvd });
