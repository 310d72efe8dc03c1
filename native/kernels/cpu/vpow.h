// Powers on vectors of float: computed in double, rounded once. The special cases are those of C.
#pragma once
#include "vwide.h"

namespace {

NABLA_INLINE Vec<double> vpowCoarse(Vec<double> base, Vec<double> exponent) {
  const Vec<double> x = exponent * vlog2Coarse(base);
  return vexp2Coarse(vmax<double>(vmin<double>(x, vset(200.0)), vset(-200.0)));
}
NABLA_INLINE Vec<float> vpowMagnitude(Vec<float> base, Vec<float> exponent) {
  const Wide b = vwiden(base), e = vwiden(exponent);
  return vnarrow({vpowCoarse(b.low, e.low), vpowCoarse(b.high, e.high)});
}

NABLA_INLINE Vec<float> vpow(Vec<float> x, Vec<float> y) {
  const Vec<float> a = vabs<float>(x), one = vset(1.0f), infinity = vset(__builtin_inff()), zero = vzero<float>();
  Vec<float> power = vpowMagnitude(a, y);
  if (!vany(~((x > zero) & (x < infinity) & (vabs<float>(y) < infinity)))) return power;
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
