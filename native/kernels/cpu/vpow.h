// Powers on vectors of float: computed in double, rounded once. The special cases are those of C.
#pragma once
#include "vmath.h"

namespace {

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

NABLA_INLINE Vec<float> vpowMagnitude(Vec<float> base, Vec<float> exponent) {
  typedef float Half __attribute__((vector_size(NABLA_VECTOR_BYTES / 2)));
  Half bases[2], exponents[2];
  __builtin_memcpy(bases, &base, sizeof bases);
  __builtin_memcpy(exponents, &exponent, sizeof exponents);
  for (int i = 0; i < 2; i++) {
    Vec<double> x = __builtin_convertvector(exponents[i], Vec<double>) *
                    vlog2Coarse(__builtin_convertvector(bases[i], Vec<double>));
    x = vmax<double>(vmin<double>(x, vset(200.0)), vset(-200.0));
    bases[i] = __builtin_convertvector(vexp2Coarse(x), Half);
  }
  __builtin_memcpy(&base, bases, sizeof base);
  return base;
}

NABLA_INLINE Vec<float> vpow(Vec<float> x, Vec<float> y) {
  const Vec<float> a = vabs<float>(x), one = vset(1.0f), infinity = vset(__builtin_inff()), zero = vzero<float>();
  Vec<float> power = vpowMagnitude(a, y);
  const VecInt<float> isZero = a == zero, isInfinite = a == infinity;
  power = vselect<float>(isZero | isInfinite, vselect<float>(isZero ^ (y > zero), infinity, zero), power);
  // Beyond 2^24 every float is an even integer, infinity included.
  const Vec<float> magnitude = vabs<float>(y);
  const VecInt<float> large = magnitude >= 16777216.0f;
  const VecInt<float> whole = __builtin_convertvector(vselect<float>(large, zero, magnitude), VecInt<float>);
  const VecInt<float> isInteger = large | (__builtin_convertvector(whole, Vec<float>) == magnitude);
  const VecInt<float> isOdd = ~large & isInteger & ((whole & 1) != 0);
  power = vselect<float>(isOdd, vcopysign<float>(power, x), power);
  const VecInt<float> undefined = (x < zero) & ~isInfinite & ~isInteger;
  power = vselect<float>(undefined, vset(__builtin_nanf("")), power);
  power = vselect<float>((x != x) | (y != y), x + y, power);
  return vselect<float>((y == zero) | (x == one) | ((x == -one) & (magnitude == infinity)), one, power);
}

}  // namespace
