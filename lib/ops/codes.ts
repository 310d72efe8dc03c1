// Numbers of the native operations; the same lists stand in native/kernels/cpu/<family>.h.

/** native/kernels/cpu/elementwise.h; from 64 on special.h */
export const BinaryOp = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  pow: 4,
  maximum: 5,
  minimum: 6,
  bitAnd: 7,
  bitOr: 8,
  bitXor: 9,
  reluGrad: 10,
  sigmoidGrad: 11,
  tanhGrad: 12,
  floorDiv: 13,
  truncDiv: 14,
  remainder: 15,
  fmod: 16,
  atan2: 17,
  fmax: 18,
  fmin: 19,
  copysign: 20,
  heaviside: 21,
  shiftLeft: 22,
  shiftRight: 23,
  gcd: 24,
  lcm: 25,
  eq: 26,
  ne: 27,
  lt: 28,
  le: 29,
  gt: 30,
  ge: 31,
  hypot: 64,
  nextafter: 65,
  logaddexp: 66,
  logaddexp2: 67,
  xlogy: 68,
  xlog1py: 69,
  zeta: 70,
  polygamma: 71,
  gammainc: 72,
  gammaincc: 73,
} as const;

/** native/kernels/cpu/elementwise.h */
export const TernaryOp = { lerp: 0, addcmul: 1, addcdiv: 2 } as const;

/** native/kernels/cpu/unary.h; from 64 on special.h */
export const UnaryOp = {
  neg: 0,
  abs: 1,
  sign: 2,
  square: 3,
  relu: 4,
  bitNot: 5,
  reciprocal: 6,
  sqrt: 7,
  rsqrt: 8,
  floor: 9,
  ceil: 10,
  round: 11,
  trunc: 12,
  frac: 13,
  exp: 14,
  exp2: 15,
  expm1: 16,
  log: 17,
  log1p: 18,
  log2: 19,
  log10: 20,
  sigmoid: 21,
  tanh: 22,
  softplus: 23,
  erf: 24,
  erfc: 25,
  sin: 26,
  cos: 27,
  tan: 28,
  asin: 29,
  acos: 30,
  atan: 31,
  sinh: 32,
  cosh: 33,
  asinh: 34,
  acosh: 35,
  atanh: 36,
  logicalNot: 37,
  isNan: 38,
  isInf: 39,
  isFinite: 40,
  isPosInf: 41,
  isNegInf: 42,
  signbit: 43,
  erfinv: 64,
  erfcx: 65,
  lgamma: 66,
  digamma: 67,
  ndtr: 68,
  ndtri: 69,
  logNdtr: 70,
  i0: 71,
  i1: 72,
  i0e: 73,
  i1e: 74,
  entr: 75,
  logit: 76,
  sinc: 77,
  frexpMantissa: 78,
  frexpExponent: 79,
} as const;

/** native/kernels/cpu/reduce.h */
export const ReduceOp = { sum: 0, mean: 1, prod: 2, max: 3, min: 4, any: 5, all: 6 } as const;

/** native/kernels/cpu/reduce.h */
export const ArgReduceOp = { max: 0, min: 1 } as const;

/** native/kernels/cpu/activation.h */
export const ActivationOp = {
  leakyRelu: 0,
  elu: 1,
  gelu: 2,
  geluTanh: 3,
  silu: 4,
  mish: 5,
  softsign: 6,
  hardtanh: 7,
  hardswish: 8,
  hardsigmoid: 9,
  softshrink: 10,
  hardshrink: 11,
  threshold: 12,
  logSigmoid: 13,
  nanToNum: 14,
} as const;

/** native/kernels/cpu/index.h */
export const ScatterMode = { set: 0, add: 1, mul: 2, max: 3, min: 4 } as const;

/** What the user called, for errors of the kernels: native/ops/index.cpp. */
export const IndexName = {
  index: 0,
  take: 1,
  embedding: 2,
  gather: 3,
  takeAlongDim: 4,
  indexPut: 5,
  put: 6,
  indexAdd: 7,
  indexCopy: 8,
  indexFill: 9,
  indexReduce: 10,
  scatter: 11,
  scatterAdd: 12,
  scatterReduce: 13,
  indexSelect: 14,
  maxUnpool: 15,
} as const;

/** native/ops/index.h */
export const MASK_BLOCK = 32768;

/** native/kernels/cpu/scan.h */
export const ScanOp = { sum: 0, prod: 1, logSumExp: 2, max: 3, min: 4 } as const;

/** native/ops/sort.h */
export const KthKind = { value: 0, median: 1, nanmedian: 2 } as const;

/** native/kernels/cpu/color.h */
export const ColorCode = {
  nothing: 0,
  brightness: 1,
  saturation: 2,
  hue: 3,
  gamma: 4,
  posterize: 5,
  solarize: 6,
  invert: 7,
  gray: 8,
  contrast: 9,
  autocontrast: 10,
  equalize: 11,
} as const;
