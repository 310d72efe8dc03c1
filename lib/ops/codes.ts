// Numbers of the native operations; the same lists stand in native/kernels/cpu/<family>.h.

/** native/kernels/cpu/elementwise.h */
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
  eq: 18,
  ne: 19,
  lt: 20,
  le: 21,
  gt: 22,
  ge: 23,
} as const;

/** native/kernels/cpu/unary.h */
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
  exp: 13,
  expm1: 14,
  log: 15,
  log1p: 16,
  log2: 17,
  log10: 18,
  sigmoid: 19,
  tanh: 20,
  softplus: 21,
  erf: 22,
  sin: 23,
  cos: 24,
  tan: 25,
  asin: 26,
  acos: 27,
  atan: 28,
  sinh: 29,
  cosh: 30,
  asinh: 31,
  acosh: 32,
  atanh: 33,
  logicalNot: 34,
  isNan: 35,
  isInf: 36,
  isFinite: 37,
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
} as const;

/** native/ops/index.h */
export const MASK_BLOCK = 32768;
