// tan and the inverse trigonometric functions on vectors of float. Polynomials: weighted least squares, reweighted
// until the largest relative error was smallest.
#pragma once
#include "vwide.h"

namespace {

constexpr float kHalfPiHigh = 1.5707963705062866f, kHalfPiLow = -4.371139000186241e-8f;
constexpr float kTanExact = 1e6f;  // beyond it the parts of pi / 2 leave out too much near zeros and poles

NABLA_INLINE Vec<double> vtanReduced(Vec<double> x) {
  using M = VMath<double>;
  const Vec<double> shifted = x * 0.63661977236758134308 + M::kRound, n = shifted - M::kRound;
  const Vec<double> r = ((x - n * M::kHalfPi1) - n * M::kHalfPi2) - n * M::kHalfPi3, z = r * r;
  Vec<double> s = z * 2.718307944447277e-06 - 0.00019839334467999884;
  s = s * z + 0.008333329384760767;
  s = s * z - 0.16666666641616956;
  s = s * z * r + r;
  Vec<double> c = z * -2.718006131815778e-07 + 2.479904052163623e-05;
  c = c * z - 0.0013888881076443713;
  c = c * z + 0.041666666562039587;
  c = c * z - 0.49999999999544903;
  c = c * z + 1.0;
  const VecInt<double> odd = ((VecInt<double>)shifted & 1) != 0;  // the low bits of a rounded number
  return vselect<double>(odd, -c, s) / vselect<double>(odd, s, c);
}
// Large arguments, infinities and NaN go to the C library.
NABLA_INLINE Vec<float> vtan(Vec<float> x) {
  if (vany(~(vabs<float>(x) <= kTanExact))) {
    for (int i = 0; i < kLanes<float>; i++) x[i] = tanf(x[i]);
    return x;
  }
  const Vec<float> y = vinDouble(
      x, [](Vec<double> wide) __attribute__((always_inline)) { return vtanReduced(wide); });
  return vselect<float>(x == 0.0f, x, y);  // keeps -0
}

// s, z = s * s -> asin(s) - s for s in [0, 1/2].
NABLA_INLINE Vec<float> vasinTail(Vec<float> s, Vec<float> z) {
  Vec<float> p = z * 0.037565212696790695f + 0.014402598142623901f;
  p = p * z + 0.031817615032196045f;
  p = p * z + 0.04451572149991989f;
  p = p * z + 0.07500510662794113f;
  p = p * z + 0.16666659712791443f;
  return p * z * s;
}
// From 1/2 on: asin(a) = pi / 2 - 2 asin(sqrt((1 - a) / 2)).
NABLA_INLINE Vec<float> vasin(Vec<float> x) {
  const Vec<float> a = vabs<float>(x);
  const VecInt<float> large = a > 0.5f;
  const Vec<float> z = vselect<float>(large, 0.5f - 0.5f * a, a * a), s = vselect<float>(large, vroot(z), a);
  const Vec<float> tail = vasinTail(s, z);
  const Vec<float> twice = s + s, far = kHalfPiHigh - twice, lost = (kHalfPiHigh - far) - twice;
  return vcopysign<float>(vselect<float>(large, far - ((tail + tail) - (lost + kHalfPiLow)), s + tail), x);
}
NABLA_INLINE Vec<float> vacos(Vec<float> x) {
  const Vec<float> a = vabs<float>(x);
  const VecInt<float> large = a > 0.5f;
  const Vec<float> z = vselect<float>(large, 0.5f - 0.5f * a, a * a), s = vselect<float>(large, vroot(z), x);
  const Vec<float> tail = vasinTail(s, z);
  const Vec<float> right = 2.0f * (s + tail), left = (2 * kHalfPiHigh - 2.0f * s) - (2.0f * tail - 2 * kHalfPiLow);
  const Vec<float> middle = (kHalfPiHigh - s) - (tail - kHalfPiLow);
  return vselect<float>(large, vselect<float>(x < 0.0f, left, right), middle);
}

// atan(t) - t for t in [0, 1].
NABLA_INLINE Vec<float> vatanTail(Vec<float> t) {
  const Vec<float> z = t * t;
  Vec<float> p = z * -0.0017936202930286527f + 0.010914599522948265f;
  p = p * z - 0.031177833676338196f;
  p = p * z + 0.05795758217573166f;
  p = p * z - 0.0840344950556755f;
  p = p * z + 0.10952185839414597f;
  p = p * z - 0.14264242351055145f;
  p = p * z + 0.19998548924922943f;
  p = p * z - 0.33333298563957214f;
  return p * z * t;
}
NABLA_INLINE Vec<float> vatan(Vec<float> x) {
  const Vec<float> a = vabs<float>(x), one = vset(1.0f);
  const VecInt<float> large = a > one;
  const Vec<float> t = vselect<float>(large, one, a) / vselect<float>(large, a, one), tail = vatanTail(t);
  const Vec<float> far = (kHalfPiHigh - t) - (tail - kHalfPiLow);
  return vcopysign<float>(vselect<float>(large, far, t + tail), x);
}
NABLA_INLINE Vec<float> vatan2(Vec<float> y, Vec<float> x) {
  const Vec<float> a = vabs<float>(y), b = vabs<float>(x), zero = vzero<float>();
  const VecInt<float> steep = a > b, left = (VecInt<float>)x < 0;  // the sign bit: -0 is left as well
  const Vec<float> numerator = vselect<float>(steep, b, a), denominator = vselect<float>(steep, a, b);
  Vec<float> t = numerator / denominator;
  t = vselect<float>(denominator == zero, zero, t);
  t = vselect<float>(numerator == __builtin_inff(), vset(1.0f), t);
  // The angle is t, pi / 2 - t, pi - t or pi / 2 + t.
  const Vec<float> tail = vatanTail(t);
  const VecInt<float> minus = steep ^ left;
  const Vec<float> turns = vselect<float>(steep, vset(1.0f), vselect<float>(left, vset(2.0f), zero));
  const Vec<float> head = turns * kHalfPiHigh + vselect<float>(minus, -t, t);
  const Vec<float> angle = head + (vselect<float>(minus, -tail, tail) + turns * kHalfPiLow);
  return vselect<float>((x != x) | (y != y), x + y, vcopysign<float>(angle, y));
}

}  // namespace
