// Each function as a pair: its value, and the incoming gradient times its slope. All on vectors; tails and strided
// operands go through a vector too.
#include "activation.h"

#include "verf.h"
#include "vexp_below.h"

namespace {

using namespace nabla::cpu;

#define SPLAT(value) vset<T>(static_cast<T>(value))

template <class T>
struct LeakyRelu {
  Vec<T> slope;
  explicit LeakyRelu(const ActivationParams& a) : slope(SPLAT(a.p)) {}
  NABLA_INLINE Vec<T> value(Vec<T> x) const { return vselect<T>(x > T(0), x, slope * x); }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const { return vselect<T>(x > T(0), g, slope * g); }
};

template <class T>
struct Elu {
  Vec<T> positive, negative, rate;
  explicit Elu(const ActivationParams& a) : positive(SPLAT(a.q)), negative(SPLAT(a.p * a.q)), rate(SPLAT(a.r)) {}
  NABLA_INLINE Vec<T> value(Vec<T> x) const {
    const Vec<T> below = negative * vexpm1<T>(vmin<T>(x, vzero<T>()) * rate);
    return vselect<T>(x <= T(0), below, x * positive);
  }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const {
    const Vec<T> below = g * (negative * rate) * vexp<T>(vmin<T>(x, vzero<T>()) * rate);
    return vselect<T>(x <= T(0), below, g * positive);
  }
};

// The normal distribution up to x, and its density.
template <class T>
struct Normal {
  Vec<T> distribution, density;
};
NABLA_INLINE Normal<double> vnormal(Vec<double> x) {
  return {(verf(x * 0.70710678118654752440) + 1.0) * 0.5, vexp<double>(x * x * -0.5) * 0.39894228040143267794};
}
// One exponential for both: the tail beyond |x| is e^(-x^2 / 2) times a polynomial in 1 / (1 + 0.3 |x|), fitted to a
// relative error of 1.7e-7.
NABLA_INLINE Normal<float> vnormal(Vec<float> x) {
  const Vec<float> e = vexpBelow(x * x * -0.5f), k = 1.0f / (vabs<float>(x) * 0.3f + 1.0f);
  Vec<float> p = k * 0.03542402325f - 0.1561595729f;
  p = p * k + 0.2045585845f;
  p = p * k - 0.05203553904f;
  p = p * k + 0.127692504f;
  p = p * k + 0.1001757482f;
  p = p * k + 0.1207121647f;
  p = p * k + 0.1196320056f;
  const Vec<float> tail = p * k * e;
  return {vselect<float>(x < 0.0f, tail, 1.0f - tail), e * 0.39894228040143267794f};
}

template <class T>
struct Gelu {
  explicit Gelu(const ActivationParams&) {}
  NABLA_INLINE Vec<T> value(Vec<T> x) const {
    if constexpr (sizeof(T) == sizeof(double))
      return x * ((verf(x * T(0.70710678118654752440)) + T(1)) * T(0.5));
    else
      return x * vnormal(x).distribution;
  }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const {
    const Normal<T> normal = vnormal(x);
    return g * (x * normal.density + normal.distribution);
  }
};

template <class T>
struct GeluTanh {
  static constexpr T kScale = T(0.79788456080286535588), kCubic = T(0.044715);
  explicit GeluTanh(const ActivationParams&) {}
  NABLA_INLINE Vec<T> value(Vec<T> x) const {
    return T(0.5) * x * (T(1) + vtanh<T>((x * x * x * kCubic + x) * kScale));
  }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const {
    const Vec<T> square = x * x, t = vtanh<T>((square * x * kCubic + x) * kScale);
    const Vec<T> inner = (square * (3 * kCubic) + T(1)) * kScale;
    return g * (T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * inner);
  }
};

template <class T>
struct Silu {
  explicit Silu(const ActivationParams&) {}
  NABLA_INLINE Vec<T> value(Vec<T> x) const { return x * vsigmoid<T>(x); }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const {
    const Vec<T> s = vsigmoid<T>(x);
    return g * (s * (T(1) + x * (T(1) - s)));
  }
};

// With w = e^x (e^x + 2): tanh(log(1 + e^x)) = w / (w + 2), whose slope is 4 e^x (1 + e^x) / (w + 2)^2.
template <class T>
struct Mish {
  explicit Mish(const ActivationParams&) {}
  static NABLA_INLINE Vec<T> bounded(Vec<T> x) { return vmin<T>(x, vset<T>(VMath<T>::kSigmoidOne)); }
  NABLA_INLINE Vec<T> value(Vec<T> x) const {
    const Vec<T> e = vexp<T>(bounded(x)), w = e * (e + T(2));
    return x * (w / (w + T(2)));
  }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const {
    const Vec<T> b = bounded(x), e = vexp<T>(b), w = e * (e + T(2)), inverse = T(1) / (w + T(2));
    const Vec<T> slope = T(4) * b * (e * (e + T(1)) * inverse) * inverse;
    return g * (w * inverse + slope + (x - x));  // NaN at infinity, where it is infinity times 0
  }
};

template <class T>
struct Softsign {
  explicit Softsign(const ActivationParams&) {}
  NABLA_INLINE Vec<T> value(Vec<T> x) const { return x / (T(1) + vabs<T>(x)); }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const {
    const Vec<T> d = T(1) + vabs<T>(x);
    return g / (d * d);
  }
};

template <class T>
struct Hardtanh {
  Vec<T> low, high;
  explicit Hardtanh(const ActivationParams& a) : low(SPLAT(a.p)), high(SPLAT(a.q)) {}
  NABLA_INLINE Vec<T> value(Vec<T> x) const { return vmin<T>(vmax<T>(x, low), high); }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const { return vselect<T>((x > low) & (x < high), g, vzero<T>()); }
};

template <class T>
NABLA_INLINE Vec<T> cutAtSix(Vec<T> x) {
  return vmin<T>(vmax<T>(x + T(3), vzero<T>()), SPLAT(6));
}

template <class T>
struct Hardswish {
  explicit Hardswish(const ActivationParams&) {}
  NABLA_INLINE Vec<T> value(Vec<T> x) const { return x * cutAtSix<T>(x) / T(6); }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const {
    const Vec<T> within = g * (x / T(3) + T(0.5));
    return vselect<T>(x <= T(-3), vzero<T>(), vselect<T>(x < T(3), within, g));
  }
};

template <class T>
struct Hardsigmoid {
  explicit Hardsigmoid(const ActivationParams&) {}
  NABLA_INLINE Vec<T> value(Vec<T> x) const { return cutAtSix<T>(x) / T(6); }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const {
    return vselect<T>((x > T(-3)) & (x < T(3)), g * T(1.0 / 6), vzero<T>());
  }
};

template <class T>
struct Softshrink {
  Vec<T> reach;
  explicit Softshrink(const ActivationParams& a) : reach(SPLAT(a.p)) {}
  NABLA_INLINE Vec<T> value(Vec<T> x) const {
    return vselect<T>(x > reach, x - reach, vselect<T>(x < -reach, x + reach, x * T(0)));
  }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const {
    return vselect<T>((x > reach) | (x < -reach), g, vzero<T>());
  }
};

template <class T>
struct Hardshrink {
  Vec<T> reach;
  explicit Hardshrink(const ActivationParams& a) : reach(SPLAT(a.p)) {}
  NABLA_INLINE Vec<T> value(Vec<T> x) const { return vselect<T>((x >= -reach) & (x <= reach), vzero<T>(), x); }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const {
    return vselect<T>((x > reach) | (x < -reach), g, vzero<T>());
  }
};

template <class T>
struct Threshold {
  Vec<T> bound, other;
  explicit Threshold(const ActivationParams& a) : bound(SPLAT(a.p)), other(SPLAT(a.q)) {}
  NABLA_INLINE Vec<T> value(Vec<T> x) const { return vselect<T>(x <= bound, other, x); }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const { return vselect<T>(x <= bound, vzero<T>(), g); }
};

template <class T>
struct LogSigmoid {
  explicit LogSigmoid(const ActivationParams&) {}
  NABLA_INLINE Vec<T> value(Vec<T> x) const { return vmin<T>(x, vzero<T>()) - vlog1p<T>(vexp<T>(-vabs<T>(x))); }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const { return g * vsigmoid<T>(-x); }
};

template <class T>
struct NanToNum {
  Vec<T> nan, high, low;
  explicit NanToNum(const ActivationParams& a) : nan(SPLAT(a.p)), high(SPLAT(a.q)), low(SPLAT(a.r)) {}
  static NABLA_INLINE Vec<T> infinity() { return SPLAT(__builtin_inf()); }
  NABLA_INLINE Vec<T> value(Vec<T> x) const {
    return vselect<T>(x != x, nan, vselect<T>(x == infinity(), high, vselect<T>(x == -infinity(), low, x)));
  }
  NABLA_INLINE Vec<T> gradient(Vec<T> g, Vec<T> x) const { return vselect<T>(x - x == T(0), g, vzero<T>()); }
};

// n lanes from p, `stride` apart.
template <class T>
NABLA_INLINE Vec<T> take(const T* p, int64_t stride, int64_t n) {
  if (stride == 1) return n == kLanes<T> ? vload<T>(p) : vloadPart<T>(p, n);
  Vec<T> v{};
  for (int64_t i = 0; i < n; i++) v[i] = p[i * stride];
  return v;
}
template <class T>
NABLA_INLINE void put(T* p, int64_t stride, Vec<T> v, int64_t n) {
  if (stride == 1 && n == kLanes<T>)
    vstore<T>(p, v);
  else
    for (int64_t i = 0; i < n; i++) p[i * stride] = v[i];
}

template <class Op, class T>
void forward(const Rect& r, const ActivationParams& params) {
  const Op op(params);
  constexpr int64_t kStep = kLanes<T>;
  const int64_t n = r.n0;
  for (int64_t i = 0; i < r.n1; i++) {
    T* out = reinterpret_cast<T*>(r.p[0]) + i * r.s1[0];
    const T* x = reinterpret_cast<const T*>(r.p[1]) + i * r.s1[1];
    int64_t j = 0;
    if (r.s0[0] == 1 && r.s0[1] == 1)
      for (; j + kStep <= n; j += kStep) vstore<T>(out + j, op.value(vload<T>(x + j)));
    for (; j < n; j += kStep) {
      const int64_t count = n - j < kStep ? n - j : kStep;
      put<T>(out + j * r.s0[0], r.s0[0], op.value(take<T>(x + j * r.s0[1], r.s0[1], count)), count);
    }
  }
}

template <class Op, class T>
void backward(const Rect& r, const ActivationParams& params) {
  const Op op(params);
  constexpr int64_t kStep = kLanes<T>;
  const int64_t n = r.n0;
  for (int64_t i = 0; i < r.n1; i++) {
    T* out = reinterpret_cast<T*>(r.p[0]) + i * r.s1[0];
    const T* g = reinterpret_cast<const T*>(r.p[1]) + i * r.s1[1];
    const T* x = reinterpret_cast<const T*>(r.p[2]) + i * r.s1[2];
    int64_t j = 0;
    if (r.s0[0] == 1 && r.s0[1] == 1 && r.s0[2] == 1)
      for (; j + kStep <= n; j += kStep) vstore<T>(out + j, op.gradient(vload<T>(g + j), vload<T>(x + j)));
    for (; j < n; j += kStep) {
      const int64_t count = n - j < kStep ? n - j : kStep;
      const Vec<T> gs = take<T>(g + j * r.s0[1], r.s0[1], count), xs = take<T>(x + j * r.s0[2], r.s0[2], count);
      put<T>(out + j * r.s0[0], r.s0[0], op.gradient(gs, xs), count);
    }
  }
}

template <template <class> class Op>
void add(ActivationKernels* t, int op) {
  t->forward[op][0] = forward<Op<float>, float>;
  t->forward[op][1] = forward<Op<double>, double>;
  t->backward[op][0] = backward<Op<float>, float>;
  t->backward[op][1] = backward<Op<double>, double>;
}

}  // namespace

extern "C" void NABLA_REGISTER(activation)(ActivationKernels* t) {
  add<LeakyRelu>(t, kLeakyRelu);
  add<Elu>(t, kElu);
  add<Gelu>(t, kGelu);
  add<GeluTanh>(t, kGeluTanh);
  add<Silu>(t, kSilu);
  add<Mish>(t, kMish);
  add<Softsign>(t, kSoftsign);
  add<Hardtanh>(t, kHardtanh);
  add<Hardswish>(t, kHardswish);
  add<Hardsigmoid>(t, kHardsigmoid);
  add<Softshrink>(t, kSoftshrink);
  add<Hardshrink>(t, kHardshrink);
  add<Threshold>(t, kThreshold);
  add<LogSigmoid>(t, kLogSigmoid);
  add<NanToNum>(t, kNanToNum);
}
