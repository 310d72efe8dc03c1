import {
  ArgumentError,
  choleskyInverse,
  choleskySolve,
  DTypeError,
  eye,
  linalg,
  logdet,
  matmul,
  narrow,
  pinverse,
  ShapeError,
  svd,
  type Tensor,
  triangularSolve,
  unsqueeze,
  zeros,
} from '../../lib/index.js';
import { family, type Refusal } from '../support/spec.js';

const double = (shape: number[]): Tensor => zeros(shape, { dtype: 'float64' });
const integers = (shape: number[]): Tensor => zeros(shape, { dtype: 'int32' });

/** The three mistakes that every function of square matrices refuses. */
const notSquare = (op: string, call: (x: Tensor) => unknown): Refusal[] => [
  [() => call(zeros([2, 3])), ShapeError, new RegExp(`^${op}: .* square matrices, got \\[2, 3\\]`)],
  ...notMatrix(op, call),
];
const notMatrix = (op: string, call: (x: Tensor) => unknown): Refusal[] => [
  [() => call(zeros([2])), ShapeError, new RegExp(`^${op}: .* at least 2 axes, got \\[2\\]`)],
  [() => call(integers([2, 2])), DTypeError, new RegExp(`^${op}: .* float32 or float64, got int32`)],
];

const swapped = (x: Tensor): Tensor => x.transpose(-2, -1);
const positive = (x: Tensor): Tensor =>
  matmul(x, swapped(x)).add(eye(x.shape[x.ndim - 1], undefined, { dtype: x.dtype }).mul(2));
const symmetric = (x: Tensor): Tensor => x.add(swapped(x));
const order = (p: number | string | null) =>
  typeof p === 'string' && p.endsWith('Infinity') ? Number(p) : (p as 'fro' | number | null);

type Upper = { upper: boolean };
type Left = { left: boolean; adjoint?: boolean };
type Triangular = { upper: boolean; left: boolean; transpose: boolean; unitriangular: boolean };
type NormArgs = { ord: number | string; dim: number | number[] | null; keepdim: boolean };

const notNarrow = 'PyTorch has it in float32 and float64 only';

family('linalg', {
  'linalg.cholesky': {
    call: ([x], { upper }: Upper) => linalg.cholesky(positive(x), { upper }),
    notNarrow,
    errors: [
      ...notSquare('linalg.cholesky', (x) => linalg.cholesky(x)),
      [
        () => linalg.cholesky(zeros([2, 2]), { upper: 1 as unknown as boolean }),
        ArgumentError,
        /upper must be true or/,
      ],
    ],
  },
  'linalg.choleskyEx': {
    call: ([x]) => linalg.choleskyEx(positive(x)),
    notNarrow,
    errors: notSquare('linalg.choleskyEx', (x) => linalg.choleskyEx(x)),
  },
  choleskySolve: {
    call: ([b, x], { upper }: Upper) => choleskySolve(b, linalg.cholesky(positive(x), { upper }), { upper }),
    notNarrow,
    errors: [
      ...notSquare('choleskySolve', (x) => choleskySolve(zeros([2, 2]), x)),
      [() => choleskySolve(zeros([3, 2]), zeros([2, 2])), ShapeError, /^choleskySolve: .* do not fit together/],
    ],
  },
  choleskyInverse: {
    call: ([x], { upper }: Upper) => choleskyInverse(linalg.cholesky(positive(x), { upper }), { upper }),
    notNarrow,
    errors: notSquare('choleskyInverse', choleskyInverse),
  },
  'linalg.inv': {
    call: ([x]) => x.inverse(),
    notNarrow,
    errors: notSquare('linalg.inv', linalg.inv),
  },
  'linalg.invEx': {
    call: ([x]) => linalg.invEx(x),
    notNarrow,
    errors: notSquare('linalg.invEx', linalg.invEx),
  },
  'linalg.solve': {
    call: ([a, b], { left }: Left) => linalg.solve(a, b, { left }),
    notNarrow,
    errors: [
      ...notSquare('linalg.solve', (x) => linalg.solve(x, zeros([2]))),
      [() => linalg.solve(zeros([2, 2]), zeros([3, 2])), ShapeError, /^linalg.solve: \[2, 2\] and \[3, 2\] do not fit/],
      [() => linalg.solve(zeros([2, 2]), zeros([2]), { left: false }), ShapeError, /^linalg.solve: with left false/],
      [() => linalg.solve(zeros([2, 2]), double([2])), DTypeError, /^linalg.solve: both operands need the same dtype/],
    ],
  },
  'linalg.solveEx': {
    call: ([a, b]) => linalg.solveEx(a, b),
    notNarrow,
    errors: notSquare('linalg.solveEx', (x) => linalg.solveEx(x, zeros([2]))),
  },
  'linalg.solveTriangular': {
    call: ([a, b], { upper, left, unitriangular }: Triangular) =>
      linalg.solveTriangular(a, b, { upper, left, unitriangular }),
    notNarrow,
    errors: [
      ...notSquare('linalg.solveTriangular', (x) => linalg.solveTriangular(x, zeros([2, 2]), { upper: true })),
      [
        () => linalg.solveTriangular(zeros([2, 2]), zeros([2, 3]), { upper: true, left: false }),
        ShapeError,
        /^linalg.solveTriangular: \[2, 2\] and \[2, 3\] do not fit/,
      ],
      [
        () => linalg.solveTriangular(zeros([2, 2]), zeros([2, 2]), {} as { upper: boolean }),
        ArgumentError,
        /^linalg.solveTriangular: upper must be true or false, got undefined/,
      ],
    ],
  },
  triangularSolve: {
    call: ([b, a], { upper, transpose, unitriangular }: Triangular) =>
      triangularSolve(b, a, { upper, transpose, unitriangular })[0],
    notNarrow,
    errors: notSquare('triangularSolve', (x) => triangularSolve(zeros([2, 2]), x)),
  },
  'linalg.luFactor': {
    call: ([x]) => linalg.luFactor(x),
    notNarrow,
    errors: notMatrix('linalg.luFactor', linalg.luFactor),
  },
  'linalg.luFactorEx': {
    call: ([x]) => linalg.luFactorEx(x),
    notNarrow,
    errors: notMatrix('linalg.luFactorEx', linalg.luFactorEx),
  },
  'linalg.lu': {
    call: ([x]) => linalg.lu(x),
    notNarrow,
    errors: notMatrix('linalg.lu', linalg.lu),
  },
  'linalg.luSolve': {
    call: ([a, b], { left, adjoint }: Left) => linalg.luSolve(...linalg.luFactor(a), b, { left, adjoint }),
    notNarrow,
    errors: [
      ...notSquare('linalg.luSolve', (x) => linalg.luSolve(x, integers([2]), zeros([2, 2]))),
      [() => linalg.luSolve(zeros([2, 2]), zeros([2]), zeros([2, 2])), DTypeError, /pivots must be int32, got float32/],
      [
        () => linalg.luSolve(zeros([2, 2]), integers([3]), zeros([2, 2])),
        ShapeError,
        /pivots \[3\] do not belong to LU/,
      ],
    ],
  },
  'linalg.det': {
    call: ([x]) => x.det(),
    notNarrow,
    errors: notSquare('linalg.det', linalg.det),
  },
  'linalg.slogdet': {
    call: ([x]) => linalg.slogdet(x),
    notNarrow,
    errors: notSquare('linalg.slogdet', linalg.slogdet),
  },
  logdet: {
    call: ([x]) => logdet(x),
    notNarrow,
    errors: notSquare('logdet', logdet),
  },
  'linalg.qr': {
    call: ([x], { mode }: { mode: linalg.QrMode }) => (mode === 'r' ? linalg.qr(x, mode)[1] : linalg.qr(x, mode)),
    notNarrow,
    errors: [
      ...notMatrix('linalg.qr', (x) => linalg.qr(x)),
      [
        () => linalg.qr(zeros([2, 2]), 'full' as linalg.QrMode),
        ArgumentError,
        /^linalg.qr: mode must be one of reduced/,
      ],
    ],
  },
  'linalg.qrComplete': {
    call: ([x]) => linalg.qr(x, 'complete'),
    notNarrow,
    errors: notMatrix('linalg.qr', (x) => linalg.qr(x, 'complete')),
  },
  'linalg.lstsq': {
    call: ([a, b]) => {
      const { solution, rank } = linalg.lstsq(a, b);
      return [solution, rank];
    },
    notNarrow,
    errors: [
      ...notMatrix('linalg.lstsq', (x) => linalg.lstsq(x, zeros([2, 2]))),
      [() => linalg.lstsq(zeros([3, 2]), zeros([2, 2])), ShapeError, /^linalg.lstsq: \[3, 2\] and \[2, 2\] do not fit/],
    ],
  },
  'linalg.pinv': {
    call: ([x], options: linalg.ToleranceOptions) =>
      options.hermitian === undefined
        ? pinverse(x, options)
        : linalg.pinv(options.hermitian ? symmetric(x) : x, options),
    notNarrow,
    errors: [
      ...notMatrix('linalg.pinv', (x) => linalg.pinv(x)),
      [() => linalg.pinv(zeros([2, 3]), { hermitian: true }), ShapeError, /^linalg.pinv: .* square/],
      [() => linalg.pinv(eye(2), { rtol: 'x' as unknown as number }), ArgumentError, /atol and rtol must be numbers/],
    ],
  },
  'linalg.svd': {
    call: ([x], { fullMatrices }: { fullMatrices: boolean }) => {
      const [u, s, vh] = linalg.svd(x, { fullMatrices });
      const k = s.shape[s.ndim - 1];
      const [left, right] = [narrow(u, -1, 0, k), narrow(vh, -2, 0, k)];
      return [left.square(), s, right.square(), matmul(left.mul(unsqueeze(s, -2)), right)];
    },
    notNarrow,
    errors: notMatrix('linalg.svd', (x) => linalg.svd(x)),
  },
  'linalg.svdvals': {
    call: ([x]) => linalg.svdvals(x),
    notNarrow,
    errors: notMatrix('linalg.svdvals', linalg.svdvals),
  },
  svd: {
    call: ([x], { some }: { some: boolean }) => svd(x, { some })[1],
    notNarrow,
    errors: notMatrix('svd', (x) => svd(x)),
  },
  'linalg.eigh': {
    call: ([x], { uplo }: { uplo: linalg.Triangle }) => {
      const [w, v] = linalg.eigh(symmetric(x), uplo);
      return [w, v.square(), matmul(v.mul(unsqueeze(w.exp(), -2)), swapped(v))];
    },
    notNarrow,
    errors: [
      ...notSquare('linalg.eigh', (x) => linalg.eigh(x)),
      [() => linalg.eigh(eye(2), 'X' as linalg.Triangle), ArgumentError, /^linalg.eigh: uplo must be one of L, U/],
    ],
  },
  'linalg.eigvalsh': {
    call: ([x], { uplo, whole = true }: { uplo: linalg.Triangle; whole?: boolean }) =>
      linalg.eigvalsh(whole ? symmetric(x) : x, uplo),
    notNarrow,
    errors: notSquare('linalg.eigvalsh', (x) => linalg.eigvalsh(x)),
  },
  'linalg.matrixRank': {
    call: ([x], options: linalg.ToleranceOptions) => linalg.matrixRank(x, options),
    notNarrow,
    errors: notMatrix('linalg.matrixRank', (x) => linalg.matrixRank(x)),
  },
  'linalg.cond': {
    call: ([x], { p }: { p: number | string | null }) => linalg.cond(x, order(p)),
    notNarrow,
    errors: [
      ...notMatrix('linalg.cond', (x) => linalg.cond(x)),
      [() => linalg.cond(zeros([2, 3]), 1), ShapeError, /^linalg.cond: with p 1 the matrices must be square/],
    ],
  },
  'linalg.vectorNorm': {
    call: ([x], { ord, dim, keepdim }: NormArgs) => linalg.vectorNorm(x, Number(ord), dim, { keepdim }),
    errors: [
      [() => linalg.vectorNorm(integers([2])), DTypeError, /^linalg.vectorNorm: a floating-point tensor/],
      [() => linalg.vectorNorm(zeros([2, 0]), Infinity, 1), ShapeError, /order Infinity of no elements is undefined/],
      [() => linalg.vectorNorm(zeros([2]), 2, 1), ShapeError, /^linalg.vectorNorm: dim 1 is out of range/],
    ],
  },
  'linalg.matrixNorm': {
    call: ([x], { ord, dim, keepdim }: NormArgs) =>
      linalg.matrixNorm(x, order(ord) ?? 'fro', dim as unknown as [number, number], { keepdim }),
    notNarrow,
    errors: [
      [() => linalg.matrixNorm(zeros([2])), ShapeError, /^linalg.matrixNorm: at least 2 axes/],
      [() => linalg.matrixNorm(zeros([2, 2]), 3), ArgumentError, /^linalg.matrixNorm: ord must be fro, nuc/],
      [() => linalg.matrixNorm(zeros([2, 2]), 1, [0, 0]), ShapeError, /^linalg.matrixNorm: a dim appears twice/],
    ],
  },
  'linalg.norm': {
    call: ([x], { ord, dim }: NormArgs) => linalg.norm(x, order(ord), dim),
    notNarrow,
    errors: [
      [() => linalg.norm(zeros([2, 2, 2]), 2), ShapeError, /^linalg.norm: with ord and without dim 1 or 2 axes/],
      [() => linalg.norm(zeros([2]), 'fro'), ArgumentError, /^linalg.norm: ord "fro" needs matrices/],
    ],
  },
  'linalg.matrixExp': {
    call: ([x]) => linalg.matrixExp(x),
    notNarrow,
    errors: notSquare('linalg.matrixExp', linalg.matrixExp),
  },
});
