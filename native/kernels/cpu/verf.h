// The error function and its complements on vectors.
#pragma once
#include "vwide.h"

namespace {

// After N. Juffa: a polynomial near 0, one minus an exponential beyond.
NABLA_INLINE Vec<float> verf(Vec<float> x) {
  const Vec<float> t = vmin<float>(vabs<float>(x), vset(4.0f)), s = t * t;
  Vec<float> p = t * -1.72853470e-5f + 3.83197126e-4f;
  p = p * s + (t * -3.88396438e-3f + 2.42546219e-2f);
  p = p * t - 1.06777877e-1f;
  p = p * t - 6.34846687e-1f;
  p = p * t - 1.28717512e-1f;
  const Vec<float> far = 1.0f - vexp<float>(p * t - t);
  Vec<float> q = s * -5.96761703e-4f + 4.99119423e-3f;
  q = q * s - 2.67681349e-2f;
  q = q * s + 1.12819925e-1f;
  q = q * s - 3.76125336e-1f;
  q = q * s + 1.28379166e-1f;
  const Vec<float> near = q * t + t;
  return vcopysign<float>(vselect<float>(t > 0.927734375f, far, near), x);
}
// The polynomial with these coefficients, the constant one first.
template <int N>
NABLA_INLINE Vec<double> vpoly(const double (&c)[N], Vec<double> x) {
  Vec<double> p = vset(c[N - 1]);
  for (int i = N - 2; i >= 0; i--) p = p * x + c[i];
  return p;
}

// (erf(x) - x) / x for |x| <= 1; z = x * x. Chebyshev interpolation.
NABLA_INLINE Vec<double> verfSmall(Vec<double> z) {
  static constexpr double kCoefficients[] = {0.12837916709551259,     -0.37612638903183748,    0.11283791670954879,
                                             -0.026866170645076792,   0.0052239776248180145,   -0.000854832698083379,
                                             0.0001205533111164271,   -1.4925595266831182e-05, 1.6461000484121368e-06,
                                             -1.6350312701054695e-07, 1.4659775274047436e-08,  -1.1372848856791674e-09,
                                             5.9571761477489113e-11};
  return vpoly(kCoefficients, z);
}

// e^(x^2) erfc(x) for x >= 0: a polynomial in (x - 3.75) / (x + 3.75) over 1 + 2x (Shepherd and Laframboise, 1981).
NABLA_INLINE Vec<double> verfcxPositive(Vec<double> x) {
  static constexpr double kCoefficients[] = {
      1.2375126308378275,     -0.14024059858554697,    0.0035854154854637749,   0.082276738490145163,
      -0.10880393014171785,   0.092304321160378761,    -0.058693398590212366,   0.028362277418940665,
      -0.0097465795525042438, 0.0017556258530017257,   0.00029371363428500811,  -0.00029015408097952711,
      5.1649211390702855e-05, 2.2384240314224437e-05,  -1.1444412439171722e-05, -9.7356190151826627e-07,
      1.752057970166318e-06,  -5.7215972559909873e-08, -2.5910687966778567e-07, 2.3261913276696566e-08,
      3.8965452548985966e-08, -3.7435680336345831e-09, -5.2842869796314203e-09, 3.1103107198391652e-10,
      4.434959070009628e-10};
  return vpoly(kCoefficients, (x - 3.75) / (x + 3.75)) / (x + x + 1.0);
}

NABLA_INLINE Vec<double> verf(Vec<double> x) {
  const Vec<double> a = vmin<double>(vabs<double>(x), vset(6.0));
  const Vec<double> near = verfSmall(a * a) * a + a;
  const Vec<double> far = 1.0 - vexp<double>(-(a * a)) * verfcxPositive(a);
  return vcopysign<double>(vselect<double>(a < 1.0, near, far), x);
}

NABLA_INLINE Vec<double> verfc(Vec<double> x) {
  const Vec<double> a = vmin<double>(vabs<double>(x), vset(28.0));
  // a^2 = head^2 + rest without rounding: e^(-a^2) must not lose digits.
  const Vec<double> head = (Vec<double>)((VecInt<double>)a & ~0x7ffffffLL), rest = (a - head) * (a + head);
  const Vec<double> correction = rest * (rest * (0.5 - rest * (1.0 / 6)) - 1.0);
  const Vec<double> tail = vexp<double>(-(head * head)) * verfcxPositive(a);
  const Vec<double> far = tail * correction + tail;
  const Vec<double> near = 1.0 - (verfSmall(a * a) * x + x);
  return vselect<double>(a < 0.84, near, vselect<double>(x < 0.0, 2.0 - far, far));
}
// The same for floats, with a shorter polynomial: relative error below 6e-9.
NABLA_INLINE Vec<double> verfcCoarse(Vec<double> x) {
  static constexpr double kCoefficients[] = {1.2375126308964008,   -0.14024058338798134,  0.003585408952802155,
                                             0.08227597056741454,  -0.10880424170176847,  0.09231501885689603,
                                             -0.05868249038583519, 0.02830751201991952,   -0.00983492352181754,
                                             0.00183137682671676,  0.0005130557945544163, -0.00019985555443846744};
  const Vec<double> a = vmin<double>(vabs<double>(x), vset(10.3));  // beyond it no float is left
  const Vec<double> up = a + 3.75, down = a + a + 1.0, inverse = 1.0 / (up * down);
  const Vec<double> scaled = vpoly(kCoefficients, (a - 3.75) * down * inverse) * up * inverse;
  const Vec<double> y = scaled * vexp2Coarse(a * a * -1.44269504088896340736);
  return vselect<double>(x < 0.0, 2.0 - y, y);
}
NABLA_INLINE Vec<float> verfc(Vec<float> x) {
  return vinDouble(
      x, [](Vec<double> wide) __attribute__((always_inline)) { return verfcCoarse(wide); });
}

}  // namespace
