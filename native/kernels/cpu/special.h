// Special functions, element by element: contract. Codes go on where those of unary.h and elementwise.h end.
#pragma once
#include "rect.h"

namespace nabla::cpu {

constexpr int kFirstSpecial = 64;

// The numbers are part of the border: lib/ops/codes.ts lists the same ones.
enum SpecialUnaryOp {
  kErfinv = kFirstSpecial,
  kErfcx,  // e^(x^2) erfc(x)
  kLgamma,
  kDigamma,
  kNdtr,  // distribution function of the standard normal distribution, its inverse, its logarithm
  kNdtri,
  kLogNdtr,
  kI0,  // modified Bessel functions; the next two times e^-|x|
  kI1,
  kI0e,
  kI1e,
  kEntr,   // -x log(x)
  kLogit,  // log(x / (1 - x))
  kSinc,   // sin(pi x) / (pi x)
  kFrexpMantissa,
  kFrexpExponent,
  kSpecialUnaryEnd
};

enum SpecialBinaryOp {
  kHypot = kFirstSpecial,
  kNextafter,
  kLogaddexp,
  kLogaddexp2,
  kXlogy,
  kXlog1py,
  kZeta,       // Hurwitz: the sum of (b + k)^-a
  kPolygamma,  // derivative number a of digamma at b
  kGammainc,   // regularized, lower and upper
  kGammaincc,
  kSpecialBinaryEnd
};

struct SpecialKernels {
  RectFn unary[kSpecialUnaryEnd - kFirstSpecial][2];  // float and double
  RectFn binary[kSpecialBinaryEnd - kFirstSpecial][2];
};

}  // namespace nabla::cpu
