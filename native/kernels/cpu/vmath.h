// exp, log, tanh, sigmoid and their kin on vectors of float or double. test/accuracy_test.cpp measures their errors;
// docs/accuracy.md has the table. Subnormals, infinities and NaN behave as in C; no table, no branch.
#pragma once
#include <math.h>

#include "vec.h"

namespace {

template <class T>
struct VMath;

template <>
struct VMath<float> {
  static constexpr int32_t kSign = INT32_MIN;
  static constexpr int kMantissa = 23;
  static constexpr int32_t kBias = 127;
  static constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  static constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;  // n * high is exact without fma
  static constexpr float kExpLow = -104.0f, kExpHigh = 89.0f;
  static constexpr float kExp2Low = -151.0f, kExp2High = 129.0f;
  static constexpr float kSigmoidOne = 18.0f;  // from here on it is 1
  static constexpr float kTanhOne = 10.0f;     // from here on tanh is 1
  static constexpr int32_t kSqrtHalf = 0x3f3504f3;
  static constexpr float kSmallest = 1.17549435e-38f, kScaleUp = 33554432.0f;  // normal; 2^25
  static constexpr float kScaleUpLog = 25;
  // pi / 2 in parts; n times the first two is exact for arguments up to kTurnsExact, without fma too.
  static constexpr float kHalfPi1 = 1.5703125f, kHalfPi2 = 4.837512969970703125e-4f, kHalfPi3 = 7.54978995489188216e-8f;
  static constexpr float kTurnsExact = 1000.0f;  // beyond it what the parts leave out costs more than an ulp near zeros
};

template <>
struct VMath<double> {
  static constexpr int64_t kSign = INT64_MIN;
  static constexpr int kMantissa = 52;
  static constexpr int64_t kBias = 1023;
  static constexpr double kRound = 6755399441055744.0;
  static constexpr double kLn2High = 6.93145751953125e-1, kLn2Low = 1.42860682030941723212e-6;
  static constexpr double kExpLow = -746.0, kExpHigh = 710.0;
  static constexpr double kExp2Low = -1076.0, kExp2High = 1025.0;
  static constexpr double kSigmoidOne = 38.0;
  static constexpr double kTanhOne = 20.0;
  static constexpr int64_t kSqrtHalf = 0x3fe6a09e667f3bcdLL;
  static constexpr double kSmallest = 2.2250738585072014e-308, kScaleUp = 18014398509481984.0;
  static constexpr double kScaleUpLog = 54;
  static constexpr double kHalfPi1 = 1.57079625129699707031, kHalfPi2 = 7.54978941586159635336e-8;
  static constexpr double kHalfPi3 = 5.39030285815811905290e-15;
  static constexpr double kTurnsExact = 1e7;
};

template <class T>
NABLA_INLINE Vec<T> vselect(VecInt<T> mask, Vec<T> a, Vec<T> b) {
  return mask ? a : b;
}
// NaN stays NaN in vmin(x, bound) and vmax(x, bound). GCC makes two instructions of the comparison and the choice; x86
// has one, which gives its second operand when either is NaN.
template <class T>
NABLA_INLINE Vec<T> vmin(Vec<T> x, Vec<T> bound) {
#if NABLA_VECTOR_BYTES == 64 && !defined(__clang__)
  if constexpr (sizeof(T) == 4)
    return __builtin_ia32_minps512_mask(bound, x, x, -1, 4);
  else
    return __builtin_ia32_minpd512_mask(bound, x, x, -1, 4);
#else
  return x > bound ? bound : x;
#endif
}
template <class T>
NABLA_INLINE Vec<T> vmax(Vec<T> x, Vec<T> bound) {
#if NABLA_VECTOR_BYTES == 64 && !defined(__clang__)
  if constexpr (sizeof(T) == 4)
    return __builtin_ia32_maxps512_mask(bound, x, x, -1, 4);
  else
    return __builtin_ia32_maxpd512_mask(bound, x, x, -1, 4);
#else
  return x < bound ? bound : x;
#endif
}
// Whether a comparison holds in any lane.
NABLA_INLINE bool vany(VecInt<float> mask) {
#if NABLA_VECTOR_BYTES == 64
  return __builtin_ia32_cvtd2mask512(mask) != 0;
#elif NABLA_VECTOR_BYTES == 32
  return __builtin_ia32_movmskps256((Vec<float>)mask) != 0;
#elif defined(__x86_64__)
  return __builtin_ia32_movmskps((Vec<float>)mask) != 0;
#else
  return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
#endif
}
NABLA_INLINE bool vany(VecInt<double> mask) {
#if NABLA_VECTOR_BYTES == 64
  typedef long long Bits __attribute__((vector_size(64)));
  return __builtin_ia32_cvtq2mask512((Bits)mask) != 0;
#elif NABLA_VECTOR_BYTES == 32
  return __builtin_ia32_movmskpd256((Vec<double>)mask) != 0;
#elif defined(__x86_64__)
  return __builtin_ia32_movmskpd((Vec<double>)mask) != 0;
#else
  return (mask[0] | mask[1]) != 0;
#endif
}
template <class T>
NABLA_INLINE VecInt<T> vsignBits() {
  return VecInt<T>{} + VMath<T>::kSign;
}
template <class T>
NABLA_INLINE Vec<T> vabs(Vec<T> x) {
  return (Vec<T>)((VecInt<T>)x & ~vsignBits<T>());
}
template <class T>
NABLA_INLINE Vec<T> vcopysign(Vec<T> magnitude, Vec<T> sign) {
  return (Vec<T>)(((VecInt<T>)magnitude & ~vsignBits<T>()) | ((VecInt<T>)sign & vsignBits<T>()));
}
// 2^n for n in the range of normal numbers.
template <class T>
NABLA_INLINE Vec<T> vpow2(VecInt<T> n) {
  return (Vec<T>)((n + VMath<T>::kBias) << VMath<T>::kMantissa);
}

// (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2.
NABLA_INLINE Vec<float> vexpTail(Vec<float> r) {
  Vec<float> p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  return p * r + 5.0000001201e-1f;
}
NABLA_INLINE Vec<double> vexpTail(Vec<double> r) {  // Taylor: the next term is below 4e-18
  Vec<double> p = r * (1 / 6227020800.0) + 1 / 479001600.0;
  p = p * r + 1 / 39916800.0;
  p = p * r + 1 / 3628800.0;
  p = p * r + 1 / 362880.0;
  p = p * r + 1 / 40320.0;
  p = p * r + 1 / 5040.0;
  p = p * r + 1 / 720.0;
  p = p * r + 1 / 120.0;
  p = p * r + 1 / 24.0;
  p = p * r + 1 / 6.0;
  return p * r + 0.5;
}

// x = n ln(2) + r
template <class T>
NABLA_INLINE VecInt<T> vexpReduce(Vec<T> x, Vec<T>* r) {
  using M = VMath<T>;
  const Vec<T> shifted = x * T(1.44269504088896340736) + M::kRound;
  const Vec<T> n = shifted - M::kRound;
  *r = (x - n * M::kLn2High) - n * M::kLn2Low;
  return (VecInt<T>)shifted - (VecInt<T>)(Vec<T>{} + M::kRound);
}

// y * 2^n, in two steps: n may lie outside the normal exponents.
template <class T>
NABLA_INLINE Vec<T> vscale(Vec<T> y, VecInt<T> n) {
  const VecInt<T> half = (VecInt<T>)((VecUnsigned<T>)(n + 4096) >> 1) - 2048;
  return y * vpow2<T>(half) * vpow2<T>(n - half);
}

template <class T>
NABLA_INLINE Vec<T> vexp(Vec<T> x) {
  using M = VMath<T>;
  x = vmax<T>(vmin<T>(x, vset<T>(M::kExpHigh)), vset<T>(M::kExpLow));
  Vec<T> r;
  const VecInt<T> n = vexpReduce<T>(x, &r);
  const Vec<T> y = (vexpTail(r) * (r * r) + r) + T(1);
  return vscale<T>(y, n);
}

template <class T>
NABLA_INLINE Vec<T> vexp2(Vec<T> x) {
  using M = VMath<T>;
  x = vmax<T>(vmin<T>(x, vset<T>(M::kExp2High)), vset<T>(M::kExp2Low));
  const Vec<T> shifted = x + M::kRound, r = (x - (shifted - M::kRound)) * T(0.69314718055994530942);
  const Vec<T> y = (vexpTail(r) * (r * r) + r) + T(1);
  return vscale<T>(y, (VecInt<T>)shifted - (VecInt<T>)(Vec<T>{} + M::kRound));
}

// x in [-kExpHigh, kExpHigh].
template <class T>
NABLA_INLINE Vec<T> vexpm1Bounded(Vec<T> x) {
  Vec<T> r;
  const VecInt<T> n = vexpReduce<T>(x, &r);
  const Vec<T> scale = vpow2<T>(n - 1);  // n may be one past the largest exponent
  const Vec<T> y = (vexpTail(r) * (r * r) + r) * scale + (scale - T(0.5));
  return y + y;
}
template <class T>
NABLA_INLINE Vec<T> vexpm1(Vec<T> x) {
  using M = VMath<T>;
  const Vec<T> bounded = vmax<T>(vmin<T>(x, vset<T>(M::kExpHigh)), vset<T>(T(-50)));
  return vselect<T>(x == T(0), x, vexpm1Bounded<T>(bounded));  // keeps -0
}

// s, z = s * s -> the tail of 2 atanh(s) after fdlibm, divided by s.
NABLA_INLINE Vec<float> vlogTail(Vec<float> z) {
  const Vec<float> w = z * z;
  return z * (w * 0.28498786688f + 0.66666662693f) + w * (w * 0.24279078841f + 0.40000972152f);
}
NABLA_INLINE Vec<double> vlogTail(Vec<double> z) {
  const Vec<double> w = z * z;
  const Vec<double> even =
      w * (w * (w * 1.531383769920937332e-01 + 2.222219843214978396e-01) + 3.999999999940941908e-01);
  const Vec<double> odd =
      w * (w * (w * 1.479819860511658591e-01 + 1.818357216161805012e-01) + 2.857142874366239149e-01);
  return even + z * (odd + 6.666666666666735130e-01);
}

// A biased exponent as a number, without the bias. Few processors convert 64-bit integers: the bits of 2^52 + e do.
NABLA_INLINE Vec<float> vfromExponent(VecUnsigned<float> e) {
  return __builtin_convertvector((VecInt<float>)e - VMath<float>::kBias, Vec<float>);
}
NABLA_INLINE Vec<double> vfromExponent(VecUnsigned<double> e) {
  return (Vec<double>)(e | 0x4330000000000000ULL) - (4503599627370496.0 + VMath<double>::kBias);
}

template <class T>
NABLA_INLINE Vec<T> vlog(Vec<T> x) {
  using M = VMath<T>;
  const VecInt<T> tiny = x < M::kSmallest;
  const Vec<T> normal = vselect<T>(tiny, x * M::kScaleUp, x);
  // normal = m * 2^e with m in [sqrt(1/2), sqrt(2))
  const VecInt<T> shifted = (VecInt<T>)normal - M::kSqrtHalf;
  constexpr auto kLift = decltype(M::kBias)(M::kBias) << M::kMantissa;  // keeps the shift logical
  const VecUnsigned<T> lifted = (VecUnsigned<T>)(shifted + kLift) >> M::kMantissa;
  const Vec<T> m = (Vec<T>)((shifted & (((VecInt<T>{} + 1) << M::kMantissa) - 1)) + M::kSqrtHalf);
  const Vec<T> k = vfromExponent(lifted) - vselect<T>(tiny, vset<T>(M::kScaleUpLog), vzero<T>()), f = m - T(1);
  const Vec<T> s = f / (f + T(2)), halfSquare = T(0.5) * f * f;
  const Vec<T> tail = s * (halfSquare + vlogTail(s * s));
  Vec<T> y = k * M::kLn2High - ((halfSquare - (tail + k * M::kLn2Low)) - f);
  const Vec<T> infinity = vset<T>(T(__builtin_inf()));
  y = vselect<T>(x == T(0), -infinity, y);
  y = vselect<T>(x < T(0), vset<T>(T(__builtin_nan(""))), y);
  return vselect<T>((x != x) | (x == infinity), x, y);
}

template <class T>
NABLA_INLINE Vec<T> vlog1p(Vec<T> x) {
  const Vec<T> u = x + T(1);
  const Vec<T> lost = x - (u - T(1));  // what rounding took from u
  const Vec<T> y = vlog<T>(u) + lost / u;
  const Vec<T> infinity = vset<T>(T(__builtin_inf()));
  return vselect<T>((u == T(1)) | (x == infinity) | (x != x), x, vselect<T>(u == T(0), -infinity, y));
}

// tanh(x) - x = numerator / denominator for |x| < 0.625, after Cephes; z = x * x.
NABLA_INLINE void vtanhSmall(Vec<float> x, Vec<float> z, Vec<float>* numerator, Vec<float>* denominator) {
  Vec<float> p = z * -5.70498872745e-3f + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  *numerator = (p * z - 3.33332819422e-1f) * z * x;
  *denominator = vset(1.0f);
}
NABLA_INLINE void vtanhSmall(Vec<double> x, Vec<double> z, Vec<double>* numerator, Vec<double>* denominator) {
  const Vec<double> p = (z * -9.64399179425052238628e-1 - 9.92877231001918586564e1) * z - 1.61468768441708447952e3;
  *numerator = p * z * x;
  *denominator = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3;
}

template <class T>
NABLA_INLINE Vec<T> vtanh(Vec<T> x) {
  const Vec<T> a = vmin<T>(vabs<T>(x), vset<T>(VMath<T>::kTanhOne));
  const VecInt<T> small = a < T(0.625);
  Vec<T> numerator, denominator;
  vtanhSmall(a, a * a, &numerator, &denominator);
  numerator = vselect<T>(small, numerator, vset<T>(T(-2)));
  denominator = vselect<T>(small, denominator, vexp<T>(a + a) + T(1));
  return vcopysign<T>(vselect<T>(small, a, vset<T>(T(1))) + numerator / denominator, x);
}

// 1 / x for x between 2^-64 and 2^64, within 0.6 ulp.
NABLA_INLINE Vec<float> vinverse(Vec<float> x) {
#if NABLA_VECTOR_BYTES == 64
  const Vec<float> y = __builtin_ia32_rcp14ps512_mask(x, x, -1);
  return y * (1.0f - x * y) + y;  // squares the error of 2^-14
#else
  return 1.0f / x;
#endif
}
NABLA_INLINE Vec<double> vinverse(Vec<double> x) { return 1.0 / x; }

// 1 / (1 + e^-x) with e^-x = 2^n (1 + p): 2^-n / (2^-n + p + 1). The numerator carries 2^64, so that 2^-n stays normal
// and tiny results are rounded once.
template <class T>
NABLA_INLINE Vec<T> vsigmoid(Vec<T> x) {
  using M = VMath<T>;
  constexpr T kUp = T(18446744073709551616.0), kDown = 1 / kUp;
  constexpr auto kShift = decltype(M::kBias)(M::kBias) + 64;
  Vec<T> r;
  const VecInt<T> n = vexpReduce<T>(-vmax<T>(vmin<T>(x, vset<T>(M::kSigmoidOne)), vset<T>(M::kExpLow)), &r);
  const Vec<T> p = vexpTail(r) * (r * r) + r, up = (Vec<T>)((kShift - n) << M::kMantissa);
  const Vec<T> one = up * kDown + T(1), lost = up * kDown - (one - T(1));  // what rounding took from one
  return up * vinverse(one + (p + lost)) * kDown;
}

// log(1 + e^x) without overflow.
template <class T>
NABLA_INLINE Vec<T> vsoftplus(Vec<T> x) {
  return vmax<T>(x, vzero<T>()) + vlog1p<T>(vexp<T>(-vabs<T>(x)));
}

// sin(r) and cos(r) for |r| <= pi / 4, after Cephes; z = r * r.
NABLA_INLINE Vec<float> vsinSmall(Vec<float> r, Vec<float> z) {
  return ((z * -1.9515295891e-4f + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * r + r;
}
NABLA_INLINE Vec<float> vcosSmall(Vec<float> z) {
  const Vec<float> p = (z * 2.443315711809948e-5f - 1.388731625493765e-3f) * z + 4.166664568298827e-2f;
  return p * (z * z) - z * 0.5f + 1.0f;
}
NABLA_INLINE Vec<double> vsinSmall(Vec<double> r, Vec<double> z) {
  Vec<double> p = z * 1.58962301576546568060e-10 - 2.50507477628578072866e-8;
  p = p * z + 2.75573136213857245213e-6;
  p = p * z - 1.98412698295895385996e-4;
  p = p * z + 8.33333333332211858878e-3;
  p = p * z - 1.66666666666666307295e-1;
  return p * z * r + r;
}
NABLA_INLINE Vec<double> vcosSmall(Vec<double> z) {
  Vec<double> p = z * -1.13585365213876817300e-11 + 2.08757008419747316778e-9;
  p = p * z - 2.75573141792967388112e-7;
  p = p * z + 2.48015872888517045348e-5;
  p = p * z - 1.38888888888730564116e-3;
  p = p * z + 4.16666666666665929218e-2;
  return p * (z * z) - z * 0.5 + 1.0;
}

NABLA_INLINE float vsinOne(float x, bool cosine) { return cosine ? cosf(x) : sinf(x); }
NABLA_INLINE double vsinOne(double x, bool cosine) { return cosine ? cos(x) : sin(x); }

// sin, or the cosine as the sine a quarter turn on. Large arguments, infinities and NaN go to the C library.
template <class T, bool kCosine>
NABLA_INLINE Vec<T> vsin(Vec<T> x) {
  using M = VMath<T>;
  if (vany(~(vabs<T>(x) <= M::kTurnsExact))) {
    for (int i = 0; i < kLanes<T>; i++) x[i] = vsinOne(x[i], kCosine);
    return x;
  }
  const Vec<T> shifted = x * T(0.63661977236758134308) + M::kRound, n = shifted - M::kRound;
  const VecInt<T> quarter = (VecInt<T>)shifted - (VecInt<T>)(Vec<T>{} + M::kRound) + (kCosine ? 1 : 0);
  const Vec<T> r = ((x - n * M::kHalfPi1) - n * M::kHalfPi2) - n * M::kHalfPi3, z = r * r;
  const Vec<T> y = vselect<T>((quarter & 1) != 0, vcosSmall(z), vsinSmall(r, z));
  const Vec<T> turned = vselect<T>((quarter & 2) != 0, -y, y);
  return kCosine ? turned : vselect<T>(x == T(0), x, turned);  // keeps -0
}

}  // namespace
