// Products of Householder reflections. Formula: torch.linalg.householder_product; all reflections at once as in
// T. Joffrain et al., Accumulating Householder transformations, revisited (2006).
import { DTypeError, ShapeError, shapeText } from '../../errors.js';
import { checkTensor } from '../../tensor/check.js';
import { sameShape } from '../../tensor/layout.js';
import { noGrad, scope } from '../../tensor/scope.js';
import { eye } from '../../tensor/sequence.js';
import type { Tensor } from '../../tensor/tensor.js';
import { add, div, mul, sub } from '../pointwise/arithmetic.js';
import { eq, signbit } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { neg, sqrt, square } from '../pointwise/unary.js';
import { sum } from '../reduce/reduce.js';
import { cat } from '../shape/concat.js';
import { clone, narrow, squeeze, unsqueeze } from '../shape/view.js';
import { matmul } from './matmul.js';
import { adjoint, batchOf, checkMatrix, colsOf, lowerPart, rowsOf, upperPart } from './parts.js';
import { solveTriangle } from './solve.js';

/**
 * The first N columns of H_1 · H_2 ⋯ H_K with H_i = I - tau_i v_i v_iᵀ: v_i is 0 above row i, 1 there, and below as column
 * i of `input` says. What `input` holds on and above its diagonal has no effect.
 * @param input `[..., M, N]` with M >= N
 * @param tau `[..., K]` with K <= N
 * @throws ShapeError for other shapes, DTypeError unless both are float32 or both float64.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.linalg.householder_product.html
 */
export function householderProduct(input: Tensor, tau: Tensor): Tensor {
  const op = 'linalg.householderProduct';
  checkMatrix(op, input);
  checkTensor(op, tau, 'tau');
  const [m, n] = [rowsOf(input), colsOf(input)];
  const k = tau.shape[tau.ndim - 1];
  if (m < n || tau.ndim !== input.ndim - 1 || k > n || !sameShape(tau.shape.slice(0, -1), batchOf(input))) {
    const text = `input [..., M, N] with M >= N and tau [..., K] with K <= N are needed, got ${shapeText(input.shape)} and ${shapeText(tau.shape)}`;
    throw new ShapeError(op, text, input.shape, tau.shape);
  }
  if (tau.dtype !== input.dtype) {
    throw new DTypeError(op, `input is ${input.dtype}, tau is ${tau.dtype}`, input.dtype, tau.dtype);
  }
  const identity = eye(m, n, { dtype: input.dtype });
  const v = add(lowerPart(narrow(input, -1, 0, k), -1), narrow(identity, -1, 0, k));
  // H_1 ... H_K = I - V T Vᵀ, and T = (I + D U)⁻¹ D with D = diag(tau) and U the part of Vᵀ V above its diagonal.
  const scale = unsqueeze(tau, -1);
  const inverse = mul(upperPart(matmul(adjoint(v), v), 1), scale);
  const right = mul(adjoint(narrow(v, -2, 0, n)), scale);
  return sub(identity, matmul(v, solveTriangle(add(inverse, eye(k, { dtype: input.dtype })), right, true, true)));
}

/**
 * The Householder vectors of a QR factorization, below the diagonal, and R on and above it, with LAPACK's signs: a
 * column that is 0 below its diagonal gets no reflection (tau 0). Without a gradient.
 * @internal
 */
export function reflectors(a: Tensor): [packed: Tensor, tau: Tensor] {
  return noGrad(() => {
    const [m, n] = [rowsOf(a), colsOf(a)];
    const packed = clone(a);
    const taus: Tensor[] = [];
    for (let j = 0; j < Math.min(m, n); j++) taus.push(scope(() => reflect(packed, j)));
    return [packed, cat(taus, -1)];
  });
}

/** Makes column `j` of `packed` zero below the diagonal, stores its reflection there and applies it to the columns behind. */
function reflect(packed: Tensor, j: number): Tensor {
  const [m, n] = [rowsOf(packed), colsOf(packed)];
  const column = narrow(narrow(packed, -1, j, 1), -2, j, m - j);
  const head = narrow(column, -2, 0, 1);
  const alpha = clone(head);
  const below = narrow(column, -2, 1, m - j - 1);
  const rest = sum(square(below), -2, { keepdim: true });
  const none = eq(rest, 0);
  const size = sqrt(add(square(alpha), rest));
  const beta = where(none, alpha, where(signbit(alpha), size, neg(size)));
  const tau = where(none, 0, div(sub(beta, alpha), beta));
  below.copy_(where(none, below, div(below, sub(alpha, beta))));
  head.fill_(1);
  const others = narrow(narrow(packed, -1, j + 1, n - j - 1), -2, j, m - j);
  others.sub_(mul(tau, matmul(column, matmul(adjoint(column), others))));
  head.copy_(beta);
  return squeeze(tau, -1);
}
