// The parametrization of orthogonal matrices. Maps and trivializations: M. Lezcano-Casado, Trivializations for
// gradient-based optimization on manifolds (2019).
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { matrixExp } from '../../ops/linalg/exponential.js';
import { householderProduct, reflectors } from '../../ops/linalg/householder.js';
import { matmul } from '../../ops/linalg/matmul.js';
import { qr } from '../../ops/linalg/qr.js';
import { solve } from '../../ops/linalg/solve.js';
import { add, div, mul, sub } from '../../ops/pointwise/arithmetic.js';
import { eq } from '../../ops/pointwise/compare.js';
import { allclose } from '../../ops/pointwise/numbers.js';
import { where } from '../../ops/pointwise/select.js';
import { neg, sign, square } from '../../ops/pointwise/unary.js';
import { randn } from '../../ops/random/random.js';
import { sum } from '../../ops/reduce/reduce.js';
import { cat } from '../../ops/shape/concat.js';
import { diagonal } from '../../ops/shape/diagonal.js';
import { tril } from '../../ops/shape/triangle.js';
import { clone, narrow, to, transpose, unsqueeze } from '../../ops/shape/view.js';
import { zeros } from '../../tensor/create.js';
import { sameShape } from '../../tensor/layout.js';
import { eye } from '../../tensor/sequence.js';
import type { Tensor } from '../../tensor/tensor.js';
import { Module } from '../module.js';

/** See {@link OrthogonalOptions}. */
export type OrthogonalMap = 'matrixExp' | 'cayley' | 'householder';

const MAPS: readonly OrthogonalMap[] = ['matrixExp', 'cayley', 'householder'];

const mT = (x: Tensor): Tensor => transpose(x, -2, -1);
const rowsOf = (x: Tensor): number => x.shape[x.ndim - 2];
const colsOf = (x: Tensor): number => x.shape[x.ndim - 1];
const diagonalOf = (x: Tensor): Tensor => diagonal(x, 0, { dim1: -2, dim2: -1 });

/** The next orthogonal matrix: Q of the QR factorization whose R has a positive diagonal. */
function nearbyOrthogonal(a: Tensor): Tensor {
  const [q, r] = qr(a);
  return mul(q, unsqueeze(sign(diagonalOf(r)), -2));
}

function isOrthogonal(q: Tensor): boolean {
  const epsilon = q.dtype === 'float64' ? 2 ** -52 : 2 ** -23;
  const identity = eye(colsOf(q), { dtype: q.dtype });
  return allclose(matmul(mT(q), q), identity, { atol: 10 * rowsOf(q) * epsilon });
}

/** The square matrix e^A or (I + A / 2)(I - A / 2)⁻¹ of the skew-symmetric A that the lower triangle of `x` makes. */
function fromSkewSymmetric(x: Tensor, map: 'matrixExp' | 'cayley'): Tensor {
  const [n, k] = [rowsOf(x), colsOf(x)];
  const lower = tril(x);
  const padded = n === k ? lower : cat([lower, zeros([...x.shape.slice(0, -1), n - k], { dtype: x.dtype })], -1);
  const skew = sub(padded, mT(padded));
  if (map === 'matrixExp') return matrixExp(skew);
  const identity = eye(n, { dtype: x.dtype });
  const half = mul(skew, 0.5);
  return solve(sub(identity, half), add(identity, half));
}

function fromReflections(x: Tensor): Tensor {
  const below = tril(x, -1);
  const q = householderProduct(below, div(2, add(sum(square(below), -2), 1)));
  // The diagonal holds signs, which are not trained.
  return mul(q, to(to(unsqueeze(diagonalOf(x.detach()), -2), 'int32'), x.dtype));
}

/** The class prints as PyTorch's. @internal */
export class Orthogonal extends Module {
  declare base: Tensor | null;

  constructor(
    readonly shape: readonly number[],
    readonly orthogonalMap: OrthogonalMap,
    readonly useTrivialization: boolean,
  ) {
    super();
    if (!MAPS.includes(orthogonalMap)) {
      const text = `orthogonalMap must be one of ${MAPS.join(', ')}, got ${valueText(orthogonalMap)}`;
      throw new ArgumentError('orthogonal', text, orthogonalMap);
    }
    if (useTrivialization) this.registerBuffer('base', null);
  }

  forward(given: Tensor): Tensor {
    const wide = rowsOf(given) < colsOf(given);
    const x = wide ? mT(given) : given;
    const map = this.orthogonalMap;
    let q = map === 'householder' ? fromReflections(x) : narrow(fromSkewSymmetric(x, map), -1, 0, colsOf(x));
    if (this.base) q = matmul(this.base, q);
    return wide ? mT(q) : q;
  }

  /** The exponential and the Cayley transform cannot be inverted without a base: then there is none. */
  get rightInverse(): ((value: Tensor) => Tensor) | undefined {
    return this.useTrivialization || this.orthogonalMap === 'householder' ? inverse : undefined;
  }
}
Object.defineProperty(Orthogonal, 'name', { value: '_Orthogonal' });

function inverse(this: Orthogonal, value: Tensor): Tensor {
  if (!sameShape(value.shape, this.shape)) {
    const text = `a value of shape ${shapeText(this.shape)} is needed, got ${shapeText(value.shape)}`;
    throw new ShapeError('orthogonal', text, value.shape, this.shape);
  }
  const wide = rowsOf(value) < colsOf(value);
  const q = wide ? mT(value) : value;
  if (!this.useTrivialization) {
    const [packed, tau] = reflectors(q);
    const r = diagonalOf(packed);
    r.copy_(where(eq(tau, 0), neg(sign(r)), sign(r)));
    return wide ? mT(packed) : packed;
  }
  this.base = basis(q).keep();
  // With -I the reflections multiply to I: the parametrization starts at the base.
  const start = zeros(value.shape, { dtype: value.dtype });
  diagonalOf(start).fill_(-1);
  return start;
}

/** A full orthogonal matrix whose first columns are those of `q`. */
function basis(q: Tensor): Tensor {
  const [n, k] = [rowsOf(q), colsOf(q)];
  if (n === k) return isOrthogonal(q) ? clone(q) : nearbyOrthogonal(q);
  return nearbyOrthogonal(cat([q, randn([...q.shape.slice(0, -1), n - k], { dtype: q.dtype })], -1));
}
