// Elementwise kernels of one input: contract.
#pragma once
#include "rect.h"

namespace nabla::cpu {

// The numbers are part of the border: lib/ops/codes.ts lists the same ones.
enum UnaryOp {
  kNeg = 0,
  kAbs,
  kSign,
  kSquare,
  kRelu,        // NaN stays
  kBitNot,      // integers; on bool the logical one
  kReciprocal,  // from here on floating point
  kSqrt,
  kRsqrt,
  kFloor,
  kCeil,
  kRound,  // half to even
  kTrunc,
  kFrac,  // what trunc takes away
  kExp,
  kExp2,
  kExpm1,
  kLog,
  kLog1p,
  kLog2,
  kLog10,
  kSigmoid,
  kTanh,
  kSoftplus,  // log(1 + e^x)
  kErf,
  kErfc,
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kAsinh,
  kAcosh,
  kAtanh,
  kLogicalNot,  // any type; from here on the output is bool
  kIsNan,
  kIsInf,
  kIsFinite,
  kIsPosInf,
  kIsNegInf,
  kSignbit,
  kUnaryOpCount
};

struct UnaryKernels {
  RectFn run[kUnaryOpCount][kElementTypes];  // null: not defined for the type
  // One row whose output has step 1 and is aligned to 64 bytes: stores past the caches. Null: there is none.
  RectFn streamed[kUnaryOpCount][kElementTypes];
};

}  // namespace nabla::cpu
