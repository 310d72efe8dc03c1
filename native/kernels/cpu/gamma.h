// Gamma, Bessel and normal distribution functions of one number in double.
#pragma once
#include <math.h>

#include "isa.h"

namespace {

constexpr double kPi = 3.14159265358979323846, kNan = __builtin_nan(""), kInfinity = __builtin_inf();
constexpr double kSqrtHalf = 0.70710678118654752440;

// A Chebyshev series by Clenshaw's rule, |x| <= 1.
template <int N>
NABLA_INLINE double chebyshev(const double (&c)[N], double x) {
  double b0 = 0, b1 = 0;
  for (int i = N - 1; i > 0; i--) {
    const double next = 2 * x * b0 - b1 + c[i];
    b1 = b0;
    b0 = next;
  }
  return x * b0 - b1 + c[0];
}

// e^-|x| I0(x).
inline double besselI0e(double x) {
  static constexpr double kNear[] = {
      0.33839763720473803,    -0.3046826723431984,     0.17162090152220877,    -0.094901097048047639,
      0.049305284239670712,   -0.023737414805899471,   0.010546460394594998,   -0.0043243099950505759,
      0.0016394756169413357,  -0.00057637557453858236, 0.00018850288509584165, -5.754195010082104e-05,
      1.6448448070728896e-05, -4.4167383584587505e-06, 1.1173875391201037e-06, -2.6707938539406119e-07,
      6.0469950225419186e-08, -1.300025009986248e-08,  2.6598237246823866e-09, -5.1897956016352627e-10,
      9.675809035373237e-11,  -1.7268262914415559e-11, 2.9550526631296399e-12, -4.856446783111929e-13,
      7.6761854986049209e-14, -1.1685332877991979e-14, 1.7153912855404112e-15, -2.4312798451118203e-16,
      3.3307943822667142e-17, -4.4153289985338415e-18};
  static constexpr double kFar[] = {
      0.40224520550705439,     0.0033691164782556943,  6.8897583469168245e-05,  2.8913705208347567e-06,
      2.0489185894690638e-07,  2.266668990498178e-08,  3.3962320257083865e-09,  4.940602388224969e-10,
      1.1889147107846391e-11,  -3.149916527963199e-11, -1.3215811840448082e-11, -1.7941785315081196e-12,
      7.1801244514166927e-13,  3.8527783827579945e-13, 1.5400862158603936e-14,  -4.1505693460184127e-14,
      -9.554846637818324e-15,  3.8116805428330341e-15, 1.7725599828431692e-15,  -3.4254780698521996e-16,
      -2.8276241073463485e-16, 3.4608541744690785e-17, 4.4659485017978191e-17,  -4.8144849368724327e-18,
      -7.2620410038376469e-18, 9.2770097424363557e-19};
  x = fabs(x);
  if (x <= 8) return chebyshev(kNear, x / 4 - 1);
  return chebyshev(kFar, 16 / x - 1) / sqrt(x);
}

// e^-|x| I1(x).
inline double besselI1e(double x) {
  static constexpr double kNear[] = {
      0.12629359322181682,    -0.17641651835783406,    0.10264365868984709,    -0.052945981208094989,
      0.024726449030626516,   -0.010564084894626197,   0.0041564229443128882,  -0.0015135724506312532,
      0.00051228595616857576, -0.00016176081582589674, 4.7815651075500542e-05, -1.3273163656039436e-05,
      3.4702513081376785e-06, -8.5687202646954547e-07, 2.0032947535521353e-07, -4.4450591287963281e-08,
      9.3815373864957726e-09, -1.8872497517228294e-09, 3.6255902815521172e-10, -6.6634897235020271e-11,
      1.1736186298890901e-11, -1.9839743977649436e-12, 3.2237933659455748e-13, -5.0421855047279118e-14,
      7.6006842947353982e-15, -1.1055969477353012e-15, 1.5536319577274422e-16, -2.1114212134783494e-17,
      2.7779140265404403e-18, -3.541573534719953e-19};  // over x
  static constexpr double kFar[] = {
      0.38928811750914005,     -0.0097610974913614687,  -0.00011058893876262371, -3.8825648088776906e-06,
      -2.5122362378702088e-07, -2.6314688468895196e-08, -3.835380385964237e-09,  -5.5897434621965827e-10,
      -1.8974958123505367e-11, 3.2526035830154458e-11,  1.4125807436614176e-11,  2.035628544148399e-12,
      -7.1985517762800043e-13, -4.0835511111065034e-13, -2.1015418410818268e-14, 4.2724400153356715e-14,
      1.0420276922962254e-14,  -3.8144029406144793e-15, -1.8803546302316926e-15, 3.3081945509234166e-16,
      2.9626295763496928e-16,  -3.2091507201986304e-17, -4.6506614598857896e-17, 4.3982199045551934e-18,
      7.5477944353658354e-18,  -8.6747521484999756e-19};
  const double a = fabs(x);
  if (a <= 8) return x * chebyshev(kNear, a / 4 - 1);
  return __builtin_copysign(chebyshev(kFar, 16 / a - 1) / sqrt(a), x);
}

// e^|x| in two factors: e^709 is the largest, the function may still be finite.
inline double besselI0(double x) {
  const double half = exp(fabs(x) / 2);
  return half * besselI0e(x) * half;
}
inline double besselI1(double x) {
  const double half = exp(fabs(x) / 2);
  return half * besselI1e(x) * half;
}

// The y with erfc(y) = q, for 0 < q <= 1: a rational start (Abramowitz and Stegun 26.2.23), then Halley's steps.
inline double erfcInverse(double q) {
  const double t = sqrt(-2 * log(q / 2));
  double y = (t - ((0.010328 * t + 0.802853) * t + 2.515517) / (((0.001308 * t + 0.189269) * t + 1.432788) * t + 1)) *
             kSqrtHalf;
  for (int i = 0; i < 3; i++) {
    const double off = erfc(y) - q, slope = 1.12837916709551257390 * exp(-y * y);
    y += off / (slope - y * off);
  }
  return y;
}

inline double inverseErf(double x) {
  const double a = fabs(x);
  if (!(a < 1)) return a == 1 ? x * kInfinity : kNan;
  if (a >= 0.5) return __builtin_copysign(erfcInverse(1 - a), x);
  double y = a * 0.88622692545275801365;
  for (int i = 0; i < 4; i++) {
    const double off = erf(y) - a, slope = 1.12837916709551257390 * exp(-y * y);
    y -= off / (slope + y * off);
  }
  return __builtin_copysign(y, x);
}

inline double normalQuantile(double p) {
  if (!(p > 0 && p < 1)) return p == 0 ? -kInfinity : p == 1 ? kInfinity : kNan;
  if (p > 0.25 && p < 0.75) return inverseErf(2 * p - 1) / kSqrtHalf;
  return p < 0.5 ? -erfcInverse(2 * p) / kSqrtHalf : erfcInverse(2 * (1 - p)) / kSqrtHalf;
}

// e^(x^2) erfc(x).
inline double scaledErfc(double x) {
  if (x < 25) {
    if (x < -26.7) return kInfinity;
    const double head = static_cast<float>(x), rest = (x - head) * (x + head);
    return exp(head * head) * (exp(rest) * erfc(x));
  }
  const double z = 1 / (x * x);  // asymptotic: the next term is below 1e-17
  const double series = 1 - z * (0.5 - z * (0.75 - z * (1.875 - z * (6.5625 - z * 29.53125))));
  return 0.56418958354775628695 / x * series;
}

inline double normalDistribution(double x) { return 0.5 * erfc(-x * kSqrtHalf); }

inline double logNormalDistribution(double x) {
  if (x < -1) return x == -kInfinity ? x : log(scaledErfc(-x * kSqrtHalf) / 2) - x * x / 2;
  return log1p(-erfc(x * kSqrtHalf) / 2);
}

inline double logGamma(double x) {
  int sign;
  return x == -kInfinity ? kInfinity : lgamma_r(x, &sign);
}

// Recurrence up to 10, then the asymptotic series; reflection for negative numbers.
inline double digammaOf(double x) {
  if (x == 0) return __builtin_copysign(kInfinity, -x);
  double result = 0;
  if (x < 0) {
    if (x == floor(x)) return kNan;
    const double r = x - trunc(x);
    result = -kPi / tan(kPi * r);
    x = 1 - x;
  }
  for (; x < 10; x += 1) result -= 1 / x;
  if (x > 1e17) return result + log(x);
  const double z = 1 / (x * x);
  const double series =
      z * (1 / 12.0 - z * (1 / 120.0 -
                           z * (1 / 252.0 - z * (1 / 240.0 - z * (1 / 132.0 - z * (691 / 32760.0 - z * (1 / 12.0)))))));
  return result + log(x) - 0.5 / x - series;
}

// The sum over k >= 0 of (q + k)^-s for s > 1, q > 0: nine terms, then Euler and Maclaurin.
inline double zetaPositive(double s, double q) {
  static constexpr double kBernoulli[] = {1 / 12.0,
                                          -1 / 720.0,
                                          1 / 30240.0,
                                          -1 / 1209600.0,
                                          1 / 47900160.0,
                                          -691 / 1307674368000.0,
                                          1 / 74724249600.0,
                                          -3617 / 10670622842880000.0,
                                          43867 / 5109094217170944000.0};
  double sum = 0;
  for (int k = 0; k < 10; k++, q += 1) {
    const double term = pow(q, -s);
    sum += term;
    if (term < 1e-17 * sum || term == kInfinity) return sum;
  }
  const double power = pow(q, -s);
  sum += power * q / (s - 1) + power / 2;
  double factor = s * power / q;  // s (s + 1) ... (s + 2k) q^(-s - 2k - 1)
  for (int k = 0; k < 9; k++) {
    const double term = factor * kBernoulli[k];
    sum += term;
    if (fabs(term) < 1e-17 * fabs(sum)) break;
    factor *= (s + 2 * k + 1) * (s + 2 * k + 2) / (q * q);
  }
  return sum;
}

// At negative q, for whole s, from the sum over all integers, which depends on the fraction of q alone.
inline double hurwitzZeta(double s, double q) {
  if (s == 1) return kInfinity;
  if (!(s > 1)) return kNan;
  if (q > 0) return s == kInfinity ? (q > 1 ? 0 : q == 1 ? 1 : kInfinity) : q == kInfinity ? 0 : zetaPositive(s, q);
  if (q != q) return kNan;
  if (q == floor(q)) return kInfinity;
  if (s != floor(s)) return kNan;
  const double fraction = q - floor(q), sign = fmod(s, 2) == 0 ? 1 : -1;
  return zetaPositive(s, fraction) + sign * (zetaPositive(s, 1 - fraction) - zetaPositive(s, 1 - q));
}

inline double polygammaOf(double order, double x) {
  if (order == 0) return digammaOf(x);
  const double sign = fmod(order, 2) == 0 ? -1 : 1;
  return sign * tgamma(order + 1) * hurwitzZeta(order + 1, x);
}

// log(1 + d) - d without cancellation.
inline double log1pMinus(double d) {
  if (fabs(d) > 0.3) return log1p(d) - d;
  double power = d * d, sum = 0;
  for (int k = 2; k < 60; k++, power *= -d) {
    const double term = power / k;
    sum -= term;
    if (fabs(term) < 1e-18 * fabs(sum)) break;
  }
  return sum;
}

// x^a e^-x / Gamma(a + 1).
inline double gammaFactor(double a, double x) {
  if (a < 20) return exp(a * log(x) - x - logGamma(a + 1));
  const double z = 1 / (a * a);
  const double correction = (1 / 12.0 - z * (1 / 360.0 - z * (1 / 1260.0 - z * (1 / 1680.0 - z * (1 / 1188.0))))) / a;
  return exp(a * log1pMinus((x - a) / a) - correction) / sqrt(2 * kPi * a);
}

// The upper function of large a and x near a: the first terms of Temme's uniform expansion.
inline double upperGammaLarge(double a, double x) {
  const double d = (x - a) / a, phi = -log1pMinus(d);
  const double eta = __builtin_copysign(sqrt(2 * phi), d);
  const double first =
      fabs(eta) < 1e-2 ? -1 / 3.0 + eta * (1 / 12.0 - eta * (2 / 135.0 - eta * (1 / 864.0))) : 1 / d - 1 / eta;
  return 0.5 * erfc(eta * sqrt(a / 2)) + exp(-a * phi) / sqrt(2 * kPi * a) * first;
}

// The regularized incomplete gamma functions: lower by its series, upper by its continued fraction (Lentz).
inline double incompleteGamma(double a, double x, bool upper) {
  if (!(a >= 0) || !(x >= 0)) {
    if (x != x && a == kInfinity) return upper;
    if (a != a && x == 0) return upper;
    return a != a && x == kInfinity ? !upper : kNan;
  }
  if (a == 0) return x > 0 ? !upper : kNan;
  if (x == 0) return upper;
  if (a == kInfinity) return x == kInfinity ? kNan : upper;
  if (x == kInfinity) return !upper;
  if (a > 1e7 && fabs(x - a) < 0.3 * a) {
    const double q = upperGammaLarge(a, x);
    return upper ? q : 1 - q;
  }
  const double factor = gammaFactor(a, x);
  if (x < a + 1) {
    double term = 1, sum = 1;
    for (double k = a + 1; term > 1e-17 * sum; k += 1) sum += term *= x / k;
    const double p = factor * sum;
    return upper ? 1 - p : p;
  }
  double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
  for (int i = 1; i < 100000; i++) {
    const double an = -i * (i - a);
    b += 2;
    d = an * d + b;
    d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
    c = b + an / c;
    if (fabs(c) < 1e-300) c = 1e-300;
    h *= c * d;
    if (fabs(c * d - 1) < 1e-16) break;
  }
  const double q = factor * a * h;
  return upper ? q : 1 - q;
}

}  // namespace
