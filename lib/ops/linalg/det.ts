// Determinants, from LU factors. Formulas: torch.linalg.det, slogdet, torch.logdet; gradient: Jacobi's formula.
import { isGradEnabled } from '../../tensor/frame.js';
import { arange } from '../../tensor/sequence.js';
import type { Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { freeing } from '../elementwise.js';
import { add, mul, remainder } from '../pointwise/arithmetic.js';
import { eq, ne } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { abs, log, sign } from '../pointwise/unary.js';
import { prod, sum } from '../reduce/reduce.js';
import { expand, to, unsqueeze } from '../shape/view.js';
import { luFactorEx, luSolve } from './lu.js';
import { batchOf, checkSquare, diagonalMatrix, diagonalOf, rowsOf } from './parts.js';

/** +1 or -1: the parity of the row exchanges. */
function parity(pivots: Tensor, like: Tensor): Tensor {
  const moved = ne(pivots, arange(1, rowsOf(like) + 1, { dtype: 'int32' }));
  const odd = eq(remainder(sum(moved, -1), 2), 1);
  return to(where(odd, -1, 1), like.dtype);
}

/** The factors, recorded where the gradient itself is to be differentiated. */
function factorsFor(a: Tensor, lu: Tensor, pivots: Tensor): [Tensor, Tensor] {
  if (!isGradEnabled()) return [lu, pivots];
  const [factors, rows] = luFactorEx(a);
  return [factors, rows];
}

/** A zero pivot is moved a rounding away: the determinant is smooth, so its gradient is right to that order. */
function withoutZeroPivots(lu: Tensor): Tensor {
  const epsilon = lu.dtype === 'float64' ? 2 ** -52 : 2 ** -23;
  const shift = where(eq(diagonalOf(lu), 0), epsilon, 0);
  return add(lu, diagonalMatrix(to(shift, lu.dtype)));
}

/** `scale * A^-T`. */
function scaledInverse(scale: Tensor, lu: Tensor, pivots: Tensor): Tensor {
  const diagonal = expand(unsqueeze(scale, -1), [...batchOf(lu), rowsOf(lu)]);
  return luSolve(lu, pivots, diagonalMatrix(diagonal), { adjoint: true });
}

const detOp = defineOp({
  name: 'linalg.det',
  inputs: ['input'],
  forward: (a: Tensor) => {
    const [lu, pivots, info] = luFactorEx(a.detach());
    info.dispose();
    const sign = parity(pivots, lu);
    const product = prod(diagonalOf(lu), -1);
    return [freeing(mul(product, sign), sign, product), lu, pivots] as const;
  },
  save: ([, lu, pivots], a) => ({ a, lu, pivots }),
  backward: ([g], { a, lu, pivots }) => {
    const [factors, rows] = factorsFor(a, lu, pivots);
    const safe = withoutZeroPivots(factors);
    const value = mul(prod(diagonalOf(safe), -1), parity(rows, safe));
    return [scaledInverse(mul(g, value), safe, rows)];
  },
});

const slogdetOp = defineOp({
  name: 'linalg.slogdet',
  inputs: ['input'],
  forward: (a: Tensor) => {
    const [lu, pivots, info] = luFactorEx(a.detach());
    info.dispose();
    const diagonal = diagonalOf(lu);
    const signs = mul(prod(sign(diagonal), -1), parity(pivots, lu));
    return [signs, sum(log(abs(diagonal)), -1), lu, pivots] as const;
  },
  save: ([, , lu, pivots], a) => ({ a, lu, pivots }),
  backward: ([, g], { a, lu, pivots }) => {
    if (!g) return [null];
    const [factors, rows] = factorsFor(a, lu, pivots);
    return [scaledInverse(g, withoutZeroPivots(factors), rows)];
  },
});

/** The determinant of every matrix of `[..., N, N]`; its gradient exists for singular matrices too. */
export function det(a: Tensor): Tensor {
  checkSquare('linalg.det', a);
  return detOp(a)[0];
}

/** `[sign, logabsdet]` of every matrix of `[..., N, N]`: `det = sign * exp(logabsdet)`; 0 and -Infinity when singular. */
export function slogdet(a: Tensor): [sign: Tensor, logabsdet: Tensor] {
  checkSquare('linalg.slogdet', a);
  const [signs, logs] = slogdetOp(a);
  return [signs, logs];
}

/** The logarithm of the determinant of every matrix of `[..., N, N]`: NaN when it is negative, -Infinity when 0. */
export function logdet(a: Tensor): Tensor {
  checkSquare('logdet', a);
  const [signs, logs] = slogdetOp(a);
  return where(eq(signs.detach(), -1), Number.NaN, logs);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link det}. */
    det(): Tensor;
    /** See {@link slogdet}. */
    slogdet(): [sign: Tensor, logabsdet: Tensor];
    /** See {@link logdet}. */
    logdet(): Tensor;
  }
}

addMethods({ det, slogdet, logdet });
