/**
 * PyTorch's `torch.linalg`: factorizations, solvers, norms, products.
 * @packageDocumentation
 */
export {
  type CholeskyOptions,
  cholesky,
  choleskyEx,
} from '../ops/linalg/cholesky.js';
export { det, slogdet } from '../ops/linalg/det.js';
export { matrixExp } from '../ops/linalg/exponential.js';
export { householderProduct } from '../ops/linalg/householder.js';
export { type LstsqOptions, type LstsqResult, lstsq } from '../ops/linalg/lstsq.js';
export { type LuSolveOptions, lu, luFactor, luFactorEx, luSolve } from '../ops/linalg/lu.js';
export { matmul } from '../ops/linalg/matmul.js';
export { type MatrixNormOrder, matrixNorm, type NormOptions, norm, vectorNorm } from '../ops/linalg/norms.js';
export { cond, matrixRank, pinv, type ToleranceOptions } from '../ops/linalg/pinv.js';
export {
  linalgCross as cross,
  linalgDiagonal as diagonal,
  linalgVander as vander,
  matrixPower,
  multiDot,
  vecdot,
} from '../ops/linalg/products.js';
export { type QrMode, qr } from '../ops/linalg/qr.js';
export {
  inv,
  invEx,
  type SolveOptions,
  type SolveTriangularOptions,
  solve,
  solveEx,
  solveTriangular,
} from '../ops/linalg/solve.js';
export { eigh, eigvalsh, type SvdOptions, svd, svdvals, type Triangle } from '../ops/linalg/svd.js';
