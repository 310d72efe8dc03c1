// Vectors of float as two vectors of double, for functions that are computed in double and rounded once.
#pragma once
#include "vmath.h"

namespace {

struct Wide {
  Vec<double> low, high;
};

typedef float HalfVec __attribute__((vector_size(NABLA_VECTOR_BYTES / 2)));

#if NABLA_VECTOR_BYTES == 64
#define NABLA_LOW_LANES 0, 1, 2, 3, 4, 5, 6, 7
#define NABLA_HIGH_LANES 8, 9, 10, 11, 12, 13, 14, 15
#elif NABLA_VECTOR_BYTES == 32
#define NABLA_LOW_LANES 0, 1, 2, 3
#define NABLA_HIGH_LANES 4, 5, 6, 7
#else
#define NABLA_LOW_LANES 0, 1
#define NABLA_HIGH_LANES 2, 3
#endif

NABLA_INLINE Vec<double> vwidenHalf(HalfVec x) {
#if NABLA_VECTOR_BYTES == 64 && !defined(__clang__)
  return __builtin_ia32_cvtps2pd512_mask(x, Vec<double>{}, -1, 4);  // GCC 12 splits the conversion
#else
  return __builtin_convertvector(x, Vec<double>);
#endif
}
NABLA_INLINE Wide vwiden(Vec<float> x) {
  return {vwidenHalf(__builtin_shufflevector(x, x, NABLA_LOW_LANES)),
          vwidenHalf(__builtin_shufflevector(x, x, NABLA_HIGH_LANES))};
}
NABLA_INLINE Vec<float> vnarrow(Wide x) {
  return __builtin_shufflevector(__builtin_convertvector(x.low, HalfVec), __builtin_convertvector(x.high, HalfVec),
                                 NABLA_LOW_LANES, NABLA_HIGH_LANES);
}

// f(x) computed in double.
template <class F>
NABLA_INLINE Vec<float> vinDouble(Vec<float> x, F f) {
  const Wide wide = vwiden(x);
  return vnarrow({f(wide.low), f(wide.high)});
}

NABLA_INLINE Vec<double> vroot(Vec<double> x) {
  for (int i = 0; i < kLanes<double>; i++) x[i] = __builtin_sqrt(x[i]);
  return x;
}
NABLA_INLINE Vec<float> vroot(Vec<float> x) {
  for (int i = 0; i < kLanes<float>; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
}

// log2(x) for positive normal x, relative error below 1e-11.
NABLA_INLINE Vec<double> vlog2Coarse(Vec<double> x) {
  using M = VMath<double>;
  const VecInt<double> shifted = (VecInt<double>)x - M::kSqrtHalf;
  const VecUnsigned<double> lifted = (VecUnsigned<double>)(shifted + (M::kBias << M::kMantissa)) >> M::kMantissa;
  const Vec<double> m = (Vec<double>)((shifted & ((1LL << M::kMantissa) - 1)) + M::kSqrtHalf);
  const Vec<double> s = (m - 1.0) / (m + 1.0), z = s * s;
  Vec<double> p = z * 0.3407120415619086 + 0.41167376623771057;
  p = p * z + 0.57708356600486588;
  p = p * z + 0.96179667345154851;
  p = p * z + 2.8853900817899869;
  return p * s + vfromExponent(lifted);
}

// 2^x for |x| < 1000, relative error below 4e-9.
NABLA_INLINE Vec<double> vexp2Coarse(Vec<double> x) {
  using M = VMath<double>;
  const Vec<double> shifted = x + M::kRound, f = x - (shifted - M::kRound);
  Vec<double> p = f * 0.00015461444698569129 + 0.0013400428177615838;
  p = p * f + 0.0096180566785246373;
  p = p * f + 0.05550327226670302;
  p = p * f + 0.24022650922288757;
  p = p * f + 0.69314720670283259;
  p = p * f + 1.0;
  return p * vpow2<double>((VecInt<double>)shifted - (VecInt<double>)(Vec<double>{} + M::kRound));
}

}  // namespace
