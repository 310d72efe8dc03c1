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
  remainder: 14,
  fmod: 15,
  atan2: 16,
  eq: 17,
  ne: 18,
  lt: 19,
  le: 20,
  gt: 21,
  ge: 22,
} as const;

/** native/kernels/cpu/reduce.h */
export const ReduceOp = { sum: 0, mean: 1, prod: 2, max: 3, min: 4, any: 5, all: 6 } as const;
