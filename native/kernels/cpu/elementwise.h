// Elementwise kernels of two and three inputs: contract.
#pragma once
#include "rect.h"

namespace nabla::cpu {

// The numbers are part of the border: lib/ops/codes.ts lists the same ones.
enum BinaryOp {
  kAdd = 0,
  kSub,
  kMul,
  kDiv,      // floating point
  kPow,      // integers: a negative exponent gives 0, or 1 and -1 for such bases
  kMaximum,  // NaN wins
  kMinimum,  // NaN wins
  kBitAnd,   // integers and bool, as the next two
  kBitOr,
  kBitXor,
  kReluGrad,     // (g, y): g where y > 0, else 0; floating point, as the next two
  kSigmoidGrad,  // (g, y): g * y * (1 - y)
  kTanhGrad,     // (g, y): g * (1 - y * y)
  kFloorDiv,     // rounds to minus infinity
  kTruncDiv,     // rounds to zero
  kRemainder,    // has the sign of the divisor
  kFmod,         // has the sign of the dividend
  kAtan2,        // floating point
  kFmax,         // NaN loses
  kFmin,         // NaN loses
  kCopysign,     // floating point
  kHeaviside,    // 0 below 0, 1 above, the second operand at 0
  kShiftLeft,    // integers, as the next three
  kShiftRight,   // keeps the sign
  kGcd,
  kLcm,
  kEq,  // from here on the output is bool
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kBinaryOpCount
};

enum TernaryOp {
  kLerp = 0,  // a + c * (b - a), exact at c = 0 and c = 1; floating point
  kAddcmul,   // a + value * b * c
  kAddcdiv,   // a + value * b / c; floating point
  kTernaryOpCount
};

using TernaryFn = void (*)(const Rect& rect, double value);

struct ElementwiseKernels {
  RectFn binary[kBinaryOpCount][kElementTypes];    // null: not defined for the type
  RectFn streamed[kBinaryOpCount][kElementTypes];  // as in UnaryKernels
  TernaryFn ternary[kTernaryOpCount][kElementTypes];
  RectFn where[kElementTypes];                       // out, condition (bool), a, b
  RectFn clamp[kElementTypes];                       // out, a, low, high; NaN stays NaN
  bool (*hasZero[kElementTypes])(const Rect& rect);  // operand 0; integers
};

}  // namespace nabla::cpu
