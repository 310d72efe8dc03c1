// Special functions: one number at a time, in double; float rounds the result once.
#include "special.h"

#include "gamma.h"

namespace {

using namespace nabla::cpu;

struct Erfinv {
  static double run(double x) { return inverseErf(x); }
};
struct Erfcx {
  static double run(double x) { return scaledErfc(x); }
};
struct Lgamma {
  static double run(double x) { return logGamma(x); }
};
struct Digamma {
  static double run(double x) { return digammaOf(x); }
};
struct Ndtr {
  static double run(double x) { return normalDistribution(x); }
};
struct Ndtri {
  static double run(double x) { return normalQuantile(x); }
};
struct LogNdtr {
  static double run(double x) { return logNormalDistribution(x); }
};
struct I0 {
  static double run(double x) { return besselI0(x); }
};
struct I1 {
  static double run(double x) { return besselI1(x); }
};
struct I0e {
  static double run(double x) { return besselI0e(x); }
};
struct I1e {
  static double run(double x) { return besselI1e(x); }
};
struct Entr {
  static double run(double x) { return x > 0 ? -x * log(x) : x == 0 ? 0 : x != x ? x : -kInfinity; }
};
struct Logit {
  static double run(double x) { return log(x / (1 - x)); }
};
struct Sinc {
  static double run(double x) { return x == 0 ? 1 : sin(kPi * x) / (kPi * x); }
};
struct FrexpMantissa {
  static double run(double x) {
    int exponent;
    return frexp(x, &exponent);
  }
};
struct FrexpExponent {
  static double run(double x) {
    int exponent = 0;
    if (x - x == 0) frexp(x, &exponent);  // of infinities and NaN: 0
    return exponent;
  }
};

struct Hypot {
  static NABLA_INLINE float run(float a, float b) { return hypotf(a, b); }
  static NABLA_INLINE double run(double a, double b) { return hypot(a, b); }
};
struct Nextafter {
  static NABLA_INLINE float run(float a, float b) { return nextafterf(a, b); }
  static NABLA_INLINE double run(double a, double b) { return nextafter(a, b); }
};
struct Logaddexp {
  static double run(double a, double b) {
    if (a == b && a - a != 0) return a;  // equal infinities
    const double high = a > b || a != a ? a : b;
    return high + log1p(exp(-fabs(a - b)));
  }
};
struct Logaddexp2 {
  static double run(double a, double b) {
    if (a == b && a - a != 0) return a;
    const double high = a > b || a != a ? a : b;
    return high + log1p(exp2(-fabs(a - b))) * 1.44269504088896340736;
  }
};
struct Xlogy {
  static double run(double a, double b) { return b != b ? b : a == 0 ? 0 : a * log(b); }
};
struct Xlog1py {
  static double run(double a, double b) { return b != b ? b : a == 0 ? 0 : a * log1p(b); }
};
struct Zeta {
  static double run(double a, double b) { return hurwitzZeta(a, b); }
};
struct Polygamma {
  static double run(double a, double b) { return polygammaOf(a, b); }
};
struct Gammainc {
  static double run(double a, double b) { return incompleteGamma(a, b, false); }
};
struct Gammaincc {
  static double run(double a, double b) { return incompleteGamma(a, b, true); }
};

template <class Op, class T>
void each(const Rect& r) {
  T* out = reinterpret_cast<T*>(r.p[0]);
  const T* a = reinterpret_cast<const T*>(r.p[1]);
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], a += r.s1[1])
    for (int64_t j = 0; j < r.n0; j++) out[j * r.s0[0]] = static_cast<T>(Op::run(a[j * r.s0[1]]));
}

template <class Op, class T>
void pairs(const Rect& r) {
  T* out = reinterpret_cast<T*>(r.p[0]);
  const T* a = reinterpret_cast<const T*>(r.p[1]);
  const T* b = reinterpret_cast<const T*>(r.p[2]);
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], a += r.s1[1], b += r.s1[2])
    for (int64_t j = 0; j < r.n0; j++) out[j * r.s0[0]] = static_cast<T>(Op::run(a[j * r.s0[1]], b[j * r.s0[2]]));
}

template <class Op>
void unary(SpecialKernels* t, int op) {
  t->unary[op - kFirstSpecial][0] = each<Op, float>;
  t->unary[op - kFirstSpecial][1] = each<Op, double>;
}

template <class Op>
void binary(SpecialKernels* t, int op) {
  t->binary[op - kFirstSpecial][0] = pairs<Op, float>;
  t->binary[op - kFirstSpecial][1] = pairs<Op, double>;
}

}  // namespace

extern "C" void NABLA_REGISTER(special)(SpecialKernels* t) {
  unary<Erfinv>(t, kErfinv);
  unary<Erfcx>(t, kErfcx);
  unary<Lgamma>(t, kLgamma);
  unary<Digamma>(t, kDigamma);
  unary<Ndtr>(t, kNdtr);
  unary<Ndtri>(t, kNdtri);
  unary<LogNdtr>(t, kLogNdtr);
  unary<I0>(t, kI0);
  unary<I1>(t, kI1);
  unary<I0e>(t, kI0e);
  unary<I1e>(t, kI1e);
  unary<Entr>(t, kEntr);
  unary<Logit>(t, kLogit);
  unary<Sinc>(t, kSinc);
  unary<FrexpMantissa>(t, kFrexpMantissa);
  unary<FrexpExponent>(t, kFrexpExponent);
  binary<Hypot>(t, kHypot);
  binary<Nextafter>(t, kNextafter);
  binary<Logaddexp>(t, kLogaddexp);
  binary<Logaddexp2>(t, kLogaddexp2);
  binary<Xlogy>(t, kXlogy);
  binary<Xlog1py>(t, kXlog1py);
  binary<Zeta>(t, kZeta);
  binary<Polygamma>(t, kPolygamma);
  binary<Gammainc>(t, kGammainc);
  binary<Gammaincc>(t, kGammaincc);
}
