// Logarithms to base 2 and 10, hyperbolic functions and their inverses on vectors of float, computed in double.
#pragma once
#include "vwide.h"

namespace {

constexpr double kLn2 = 0.69314718055994530942, kLog2E = 1.44269504088896340736, kLog10Of2 = 0.30102999566398119521;
// Below it two terms of a series are exact enough, and 1 + x loses digits.
constexpr float kSeries = 0x1p-10f;

// log2(x) * scale
NABLA_INLINE Vec<float> vlogScaled(Vec<float> x, double scale) {
  const Vec<float> infinity = vset(__builtin_inff());
  Vec<float> y = vinDouble(
      x, [=](Vec<double> wide) __attribute__((always_inline)) { return vlog2Coarse(wide) * scale; });
  y = vselect<float>(x == 0.0f, -infinity, y);
  y = vselect<float>(x < 0.0f, vset(__builtin_nanf("")), y);
  return vselect<float>((x != x) | (x == infinity), x, y);
}
NABLA_INLINE Vec<float> vlog2(Vec<float> x) { return vlogScaled(x, 1.0); }
NABLA_INLINE Vec<float> vlog10(Vec<float> x) { return vlogScaled(x, kLog10Of2); }

// e^x; what float cannot hold becomes infinity or zero when it is rounded.
NABLA_INLINE Vec<double> vexpCoarse(Vec<double> x) {
  return vexp2Coarse(vmax<double>(vmin<double>(x * kLog2E, vset(200.0)), vset(-200.0)));
}

NABLA_INLINE Vec<float> vsinh(Vec<float> x) {
  const Vec<float> z = x * x;
  Vec<float> p = z * 2.8174395083624404e-6f + 1.983606634894386e-4f;
  p = p * z + 8.333350531756878e-3f;
  p = p * z + 0.1666666716337204f;
  const Vec<float> far = vinDouble(
      x, [](Vec<double> wide) __attribute__((always_inline)) {
        const Vec<double> e = vexpCoarse(wide);
        return (e - 1.0 / e) * 0.5;
      });
  return vselect<float>(vabs<float>(x) < 1.0f, vcopysign<float>(p * z * x + x, x), far);
}
NABLA_INLINE Vec<float> vcosh(Vec<float> x) {
  return vinDouble(
      x, [](Vec<double> wide) __attribute__((always_inline)) {
        const Vec<double> e = vexpCoarse(wide);
        return (e + 1.0 / e) * 0.5;
      });
}

NABLA_INLINE Vec<float> vasinh(Vec<float> x) {
  const Vec<float> a = vabs<float>(x), near = a - a * a * a * (1.0f / 6);
  const Vec<float> far = vinDouble(
      a, [](Vec<double> wide)
             __attribute__((always_inline)) { return vlog2Coarse(wide + vroot(wide * wide + 1.0)) * kLn2; });
  const Vec<float> y = vselect<float>(a < kSeries, near, far);
  return vselect<float>(~(a < __builtin_inff()), x, vcopysign<float>(y, x));
}
NABLA_INLINE Vec<float> vacosh(Vec<float> x) {
  Vec<float> y = vinDouble(
      x, [](Vec<double> wide)
             __attribute__((always_inline)) { return vlog2Coarse(wide + vroot(wide * wide - 1.0)) * kLn2; });
  y = vselect<float>(x < 1.0f, vset(__builtin_nanf("")), y);
  return vselect<float>((x != x) | (x == __builtin_inff()), x, y);
}
NABLA_INLINE Vec<float> vatanh(Vec<float> x) {
  const Vec<float> a = vabs<float>(x), near = a * a * a * (1.0f / 3) + a;
  const Vec<float> far = vinDouble(
      a, [](Vec<double> wide)
             __attribute__((always_inline)) { return vlog2Coarse((1.0 + wide) / (1.0 - wide)) * (0.5 * kLn2); });
  Vec<float> y = vselect<float>(a < kSeries, near, far);
  y = vselect<float>(a == 1.0f, vset(__builtin_inff()), y);
  y = vselect<float>(~(a <= 1.0f), vset(__builtin_nanf("")), y);
  return vcopysign<float>(y, x);
}

}  // namespace
