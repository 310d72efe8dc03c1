// Linear systems: solve, inverse, LU, triangular and Cholesky solvers. Formulas: torch.linalg.solve, inv, lu, lu_factor,
// lu_solve, solve_triangular, cholesky; gradients after M. Giles, Collected matrix derivative results (2008).
import { ShapeError, shapeText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { sameShape } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { neg } from '../pointwise/unary.js';
import { clone, squeeze, unsqueeze } from '../shape/view.js';
import { matmul } from './matmul.js';
import {
  adjoint,
  batchOf,
  broadcastBatches,
  checkFlag,
  checkSameDType,
  checkSquare,
  colsOf,
  lowerPart,
  rowsOf,
  upperPart,
} from './parts.js';

/** @internal A raw row-major copy, for kernels that work in place. */
export function copyOf(x: Tensor): Tensor {
  const out = emptyContiguous(x.shape, x.dtype);
  native.copy(out._id, x._id);
  return out;
}

const solveOp = defineOp({
  name: 'linalg.solve',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor) => {
    const out = copyOf(b);
    native.linalgSolve(out._id, 0, a._id, false);
    return out;
  },
  save: (x, a) => ({ a, x }),
  backward: ([g], { a, x }, needs) => solveGradients(g, a, x, needs),
});

function solveGradients(g: Tensor, a: Tensor, x: Tensor, needs: readonly boolean[]): [Tensor | null, Tensor] {
  const right = solveSystem(adjoint(a), g);
  return [needs[0] ? neg(matmul(right, adjoint(x))) : null, right];
}

/** `A X = B` for batches of one shape. */
function solveSystem(a: Tensor, b: Tensor): Tensor {
  return solveOp(a, b);
}

/** Whether `b` is a batch of vectors, by PyTorch's rule: one vector, or the leading axes of `a` and one more. */
function isVector(a: Tensor, b: Tensor): boolean {
  return b.ndim === 1 || (a.ndim - 1 === b.ndim && sameShape(a.shape.slice(0, -1), b.shape));
}

/** Options of {@link solve}. */
export interface SolveOptions {
  /** `A X = B` (true, the default) or `X A = B`. */
  left?: boolean;
}

/** @internal The right-hand side has as many rows (left) or columns as A. */
export function checkRight(op: string, a: Tensor, b: Tensor, left: boolean): void {
  const n = rowsOf(a);
  const size = b.ndim < 2 ? -1 : left ? rowsOf(b) : colsOf(b);
  if (size !== n) {
    throw new ShapeError(op, `${shapeText(a.shape)} and ${shapeText(b.shape)} do not fit together`, a.shape, b.shape);
  }
}

interface Prepared {
  a: Tensor;
  b: Tensor;
  left: boolean;
  vector: boolean;
}

/** Checks a system, and gives its sides as batches of matrices of one shape. */
function prepare(op: string, a: Tensor, b: Tensor, options: SolveOptions): Prepared {
  checkSquare(op, a);
  checkTensor(op, b, 'other');
  checkOptions(op, options);
  checkSameDType(op, a, b);
  const left = checkFlag(op, 'left', options.left ?? true);
  const vector = isVector(a, b);
  if (vector && !left) throw new ShapeError(op, 'with left false, B must be a batch of matrices', a.shape, b.shape);
  const matrix = vector ? unsqueeze(b, -1) : b;
  checkRight(op, a, matrix, left);
  const [x, y] = broadcastBatches(op, a, matrix);
  return { a: left ? x : adjoint(x), b: left ? y : adjoint(y), left, vector };
}

const finished = (x: Tensor, { left, vector }: Prepared): Tensor => (vector ? squeeze(x, -1) : left ? x : adjoint(x));

/**
 * The solution X of `A X = B` for square A `[..., N, N]`. B is `[..., N, K]`, or vectors: `[N]`, or `[..., N]` with
 * exactly the leading axes of A. Batches broadcast.
 * @throws ShapeError when the shapes do not fit. A singular matrix rejects the read of the result with a ValueError.
 */
export function solve(a: Tensor, b: Tensor, options: SolveOptions = {}): Tensor {
  const system = prepare('linalg.solve', a, b, options);
  return finished(solveSystem(system.a, system.b), system);
}

/** {@link solve} that reports: `[X, info]`, with the number of the zero pivot (from 1), or 0, per matrix. */
export function solveEx(a: Tensor, b: Tensor, options: SolveOptions = {}): [result: Tensor, info: Tensor] {
  const system = prepare('linalg.solveEx', a, b, options);
  const [x, info] = solveExOp(system.a, system.b);
  return [finished(x, system), info];
}

const solveExOp = defineOp({
  name: 'linalg.solveEx',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor) => {
    const out = copyOf(b);
    const info = emptyContiguous(batchOf(a), 'int32');
    native.linalgSolve(out._id, info._id, a._id, false);
    return [out, info] as const;
  },
  save: ([x], a) => ({ a, x }),
  backward: ([g], { a, x }, needs) => solveGradients(g, a, x, needs),
});

const invOp = defineOp({
  name: 'linalg.inv',
  inputs: ['input'],
  forward: (a: Tensor) => {
    const out = emptyContiguous(a.shape, a.dtype);
    native.linalgSolve(out._id, 0, a._id, true);
    return out;
  },
  save: (x) => ({ x }),
  backward: ([g], { x }) => [inverseGradient(g, x)],
});

const inverseGradient = (g: Tensor, x: Tensor): Tensor => neg(matmul(adjoint(x), matmul(g, adjoint(x))));

const invExOp = defineOp({
  name: 'linalg.invEx',
  inputs: ['input'],
  forward: (a: Tensor) => {
    const out = emptyContiguous(a.shape, a.dtype);
    const info = emptyContiguous(batchOf(a), 'int32');
    native.linalgSolve(out._id, info._id, a._id, true);
    return [out, info] as const;
  },
  save: ([x]) => ({ x }),
  backward: ([g], { x }) => [inverseGradient(g, x)],
});

/**
 * The inverse of every matrix of `[..., N, N]`.
 * @throws ShapeError when the matrices are not square. A singular one rejects the read of the result with a ValueError.
 */
export function inv(a: Tensor): Tensor {
  checkSquare('linalg.inv', a);
  return invOp(a);
}

/** {@link inv} that reports instead of failing: `[inverse, info]`, with the number of the zero pivot (from 1), or 0, per matrix. */
export function invEx(a: Tensor): [inverse: Tensor, info: Tensor] {
  checkSquare('linalg.invEx', a);
  const [inverse, info] = invExOp(a);
  return [inverse, info];
}

/** Options of {@link solveTriangular}. */
export interface SolveTriangularOptions extends SolveOptions {
  /** Whether A is upper (true) or lower triangular (false). */
  upper: boolean;
  /** Take the diagonal of A as ones. Default false. */
  unitriangular?: boolean;
}

const triangularOp = defineOp({
  name: 'linalg.solveTriangular',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor, upper: boolean, unit: boolean) => {
    const out = copyOf(b);
    native.linalgTriangular(out._id, a._id, upper, unit);
    return out;
  },
  save: (x, a, _b, upper, unit) => ({ a, x, upper, unit }),
  backward: ([g], { a, x, upper, unit }, needs) => {
    const right = solveTriangle(adjoint(a), g, !upper, unit);
    if (!needs[0]) return [null, right];
    const full = neg(matmul(right, adjoint(x)));
    const off = unit ? 1 : 0;
    return [upper ? upperPart(full, off) : lowerPart(full, -off), right];
  },
});

/** @internal `A X = B` from one triangle of A; batches of one shape. */
export function solveTriangle(a: Tensor, b: Tensor, upper: boolean, unit = false): Tensor {
  return triangularOp(a, b, upper, unit);
}

/** @internal `X A = B` from one triangle of A. */
export const solveTriangleRight = (a: Tensor, b: Tensor, upper: boolean): Tensor =>
  adjoint(solveTriangle(adjoint(a), adjoint(b), !upper));

/**
 * The solution X of `A X = B` (`left` false: `X A = B`) for triangular A `[..., N, N]`, B `[..., N, K]`; batches
 * broadcast. Only the named triangle of A is read. A zero on the diagonal gives infinities, not an error.
 */
export function solveTriangular(a: Tensor, b: Tensor, options: SolveTriangularOptions): Tensor {
  const op = 'linalg.solveTriangular';
  checkSquare(op, a);
  checkTensor(op, b, 'other');
  checkOptions(op, options);
  checkSameDType(op, a, b);
  const upper = checkFlag(op, 'upper', options.upper);
  const left = checkFlag(op, 'left', options.left ?? true);
  const unit = checkFlag(op, 'unitriangular', options.unitriangular ?? false);
  checkRight(op, a, b, left);
  const [x, y] = broadcastBatches(op, a, b);
  return left ? solveTriangle(x, y, upper, unit) : adjoint(solveTriangle(adjoint(x), adjoint(y), !upper, unit));
}

/** Options of {@link triangularSolve}. */
export interface TriangularSolveOptions {
  /** Which triangle of A is read. Default true. */
  upper?: boolean;
  /** Solve with the transpose of A. Default false. */
  transpose?: boolean;
  /** Take the diagonal of A as ones. Default false. */
  unitriangular?: boolean;
}

/** `torch.triangular_solve`: `[X, A]` with `A X = b`. The right-hand side comes first; batches broadcast. */
export function triangularSolve(
  b: Tensor,
  a: Tensor,
  options: TriangularSolveOptions = {},
): [solution: Tensor, cloned: Tensor] {
  const op = 'triangularSolve';
  checkSquare(op, a, 'A');
  checkTensor(op, b);
  checkOptions(op, options);
  const upper = checkFlag(op, 'upper', options.upper ?? true);
  const transposed = checkFlag(op, 'transpose', options.transpose ?? false);
  const unitriangular = checkFlag(op, 'unitriangular', options.unitriangular ?? false);
  checkSameDType(op, a, b);
  checkRight(op, a, b, true);
  const [x, y] = broadcastBatches(op, a, b);
  const solution = transposed
    ? solveTriangle(adjoint(x), y, !upper, unitriangular)
    : solveTriangle(x, y, upper, unitriangular);
  return [solution, clone(x)];
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link inv}. */
    inverse(): Tensor;
    /** See {@link triangularSolve}. */
    triangularSolve(a: Tensor, options?: TriangularSolveOptions): [solution: Tensor, cloned: Tensor];
  }
}

addMethods({ inverse: inv, triangularSolve });
