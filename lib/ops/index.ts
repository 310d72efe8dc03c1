// Every op function of the package root. Records are private to their files.

export {
  type IndexArray,
  type IndexEntry,
  type IndexPutOptions,
  index,
  indexAsync,
  indexPut,
  type SliceEntry,
} from './indexing/advanced.js';
export { gather, scatterAdd, takeAlongDim } from './indexing/indexing.js';
export {
  argwhere,
  argwhereAsync,
  maskedFill,
  maskedScatter,
  maskedScatterAsync,
  maskedSelect,
  maskedSelectAsync,
  type NonzeroOptions,
  nonzero,
  nonzeroAsync,
} from './indexing/masked.js';
export {
  type IndexAddOptions,
  indexAdd,
  indexCopy,
  indexFill,
  indexSelect,
  type PutOptions,
  put,
  take,
} from './indexing/rows.js';
export {
  indexReduce,
  type ScatterOptions,
  type ScatterReduceOptions,
  type ScatterReduction,
  scatter,
  scatterReduce,
} from './indexing/scatter-reduce.js';
export {
  type Conv1dOptions,
  type Conv2dOptions,
  type Conv3dOptions,
  type ConvTbcOptions,
  type ConvTranspose1dOptions,
  type ConvTranspose2dOptions,
  type ConvTranspose3dOptions,
  conv1d,
  conv2d,
  conv3d,
  convTbc,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
} from './layers/conv.js';
export { adaptiveAvgPool1d, avgPool1d } from './layers/pool-avg.js';
export { adaptiveMaxPool1d, maxPool1d, maxPool2d, maxPool3d } from './layers/pool-max.js';
export { cholesky, choleskyInverse, choleskySolve } from './linalg/cholesky.js';
export { det, logdet, slogdet } from './linalg/det.js';
export { type CdistMode, type CdistOptions, cdist, dist, pdist } from './linalg/distance.js';
export { einsum } from './linalg/einsum.js';
export { matrixExp } from './linalg/exponential.js';
export {
  type AddProductOptions,
  addmm,
  baddbmm,
  bmm,
  dot,
  matmul,
  mm,
  mv,
  outer as ger,
  outer,
} from './linalg/matmul.js';
export { pinv as pinverse } from './linalg/pinv.js';
export {
  addbmm,
  addmv,
  addr,
  chainMatmul,
  cross,
  inner,
  kron,
  matrixPower,
  tensordot,
  trace,
  vander,
  vdot,
} from './linalg/products.js';
export { qr } from './linalg/qr.js';
export { inv as inverse, type TriangularSolveOptions, triangularSolve } from './linalg/solve.js';
export { rootSvd as svd } from './linalg/svd.js';
export {
  type BitFunction,
  bitwiseAnd,
  bitwiseNot,
  bitwiseOr,
  bitwiseXor,
  type Comparison,
  eq,
  ge,
  gt,
  isfinite,
  isinf,
  isnan,
  isneginf,
  isposinf,
  type LogicalFunction,
  le,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  lt,
  ne,
  signbit,
  type TestFunction,
} from './pointwise/compare.js';
export { argmax, argmin, type Extremum } from './reduce/extremum.js';
export {
  atLeast1d,
  atLeast2d,
  atLeast3d,
  broadcastTensors,
  broadcastTo,
  moveaxis,
  movedim,
  ravel,
  swapaxes,
  t,
  unflatten,
} from './shape/axes.js';
export { cat, chunk, concat, split, stack, unbind } from './shape/concat.js';
export {
  type DiagonalOptions,
  diag,
  diagEmbed,
  diagflat,
  diagonal,
  diagonalScatter,
  selectScatter,
  sliceScatter,
} from './shape/diagonal.js';
export { flip, fliplr, flipud, roll, rot90 } from './shape/flip.js';
export {
  blockDiag,
  type CombinationsOptions,
  cartesianProd,
  columnStack,
  combinations,
  dstack,
  hstack,
  type MeshgridOptions,
  meshgrid,
  vstack,
} from './shape/join.js';
export { type RepeatInterleaveOptions, repeatInterleave, repeatInterleaveAsync, tile } from './shape/repeat.js';
export { dsplit, hsplit, tensorSplit, vsplit } from './shape/windows.js';

import './pointwise/inplace.js';
import './pointwise/inplace-all.js';

export { channelShuffle, pixelShuffle, pixelUnshuffle } from './layers/shuffle.js';
export { logSoftmax, type SoftmaxOptions, softmax } from './layers/softmax.js';
export type { OutOptions } from './out.js';
export * from './pointwise/aliases.js';
export {
  type AlphaOptions,
  add,
  atan2,
  type DivOptions,
  div,
  floorDivide,
  fmod,
  maximum,
  minimum,
  mul,
  type Operand,
  pow,
  remainder,
  sub,
} from './pointwise/arithmetic.js';
export {
  bitwiseLeftShift,
  bitwiseRightShift,
  copysign,
  floatPower,
  fmax,
  fmin,
  gcd,
  heaviside,
  hypot,
  lcm,
  ldexp,
  logaddexp,
  logaddexp2,
  nextafter,
  rsub,
  xlogy,
} from './pointwise/binary.js';
export type { BinaryFunction, OperandFunction, UnaryFunction } from './pointwise/factories.js';
export {
  digamma,
  erfinv,
  gammainc as igamma,
  gammaincc as igammac,
  i0,
  type LogitOptions,
  lgamma,
  logit,
  multigammaln as mvlgamma,
  polygamma,
  sinc,
} from './pointwise/gamma.js';
export {
  allclose,
  allcloseAsync,
  type CloseOptions,
  deg2rad,
  equal,
  equalAsync,
  type Frexp,
  frexp,
  isclose,
  type NanToNumOptions,
  nanToNum,
  positive,
  rad2deg,
  sgn,
} from './pointwise/numbers.js';
export {
  clamp,
  clampMax,
  clampMin,
  where,
} from './pointwise/select.js';
export { addcdiv, addcmul, lerp, type ValueOptions } from './pointwise/ternary.js';
export {
  abs,
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atanh,
  ceil,
  cos,
  cosh,
  erf,
  erfc,
  exp,
  exp2,
  expm1,
  floor,
  frac,
  log,
  log1p,
  log2,
  log10,
  neg,
  type RoundOptions,
  reciprocal,
  relu,
  round,
  rsqrt,
  sigmoid,
  sign,
  sin,
  sinh,
  sqrt,
  square,
  tan,
  tanh,
  trunc,
} from './pointwise/unary.js';
export type { RandomOptions, RandomTensorOptions } from './random/draw.js';
export { normal, rand, randint, randintLike, randLike, randn, randnLike, randperm } from './random/random.js';

import './random/in-place.js';

export { bernoulli, type MultinomialOptions, multinomial, poisson } from './random/sample.js';
export { type HistcOptions, histc, type IsinOptions, isin } from './reduce/histogram.js';
export { norm, std, type VarianceOptions, variance as var } from './reduce/moments.js';
export {
  type Interpolation,
  kthvalue,
  median,
  mode,
  nanmedian,
  nanquantile,
  type QuantileOptions,
  quantile,
} from './reduce/quantile.js';
export {
  all,
  amax,
  amin,
  any,
  type Dims,
  max,
  mean,
  min,
  prod,
  type ReduceOptions,
  type SumOptions,
  sum,
} from './reduce/reduce.js';
export { cummax, cummin, cumprod, cumsum, logcumsumexp, type ScanOptions } from './reduce/scan.js';
export {
  bucketize,
  cumulativeTrapezoid,
  type DiffOptions,
  diff,
  type SearchOptions,
  searchsorted,
  type TrapezoidOptions,
  trapezoid,
} from './reduce/search.js';
export { argsort, msort, type SortOptions, sort, type TopkOptions, topk } from './reduce/sort.js';
export {
  type AminmaxOptions,
  aminmax,
  type CovarianceOptions,
  corrcoef,
  countNonzero,
  cov,
  logsumexp,
  type MinMax,
  nanmean,
  nansum,
  renorm,
  type StdMean,
  stdMean,
  type VarMean,
  varMean,
} from './reduce/statistics.js';
export {
  type BincountOptions,
  bincount,
  bincountAsync,
  type Unique,
  type UniqueOptions,
  unique,
  uniqueAsync,
  uniqueConsecutive,
  uniqueConsecutiveAsync,
} from './reduce/unique.js';
export {
  canCast,
  type FloatInfo,
  finfo,
  type IntegerInfo,
  iinfo,
  isFloatingPoint,
  promoteTypes,
  resultType,
  type ToOptions,
} from './shape/convert.js';
export { asTensor, type FrombufferOptions, frombuffer } from './shape/make.js';
export { asStrided } from './shape/strided.js';
export { type TriangleIndicesOptions, tril, trilIndices, triu, triuIndices } from './shape/triangle.js';
export {
  clone,
  contiguous,
  expand,
  flatten,
  narrow,
  permute,
  reshape,
  select,
  slice,
  squeeze,
  transpose,
  unsqueeze,
} from './shape/view.js';
