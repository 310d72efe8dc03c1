// Arithmetic, comparison, selection. Plain loops: the compiler vectorises them for each instruction set.
#include "elementwise.h"

#include "binary_lanes.h"

namespace {

using namespace nabla::cpu;

template <class T>
constexpr bool kFloat = __is_same(T, float) || __is_same(T, double);

template <class T>
NABLA_INLINE T powInteger(T base, T exponent) {
  if (exponent < 0) return base == 1 ? T(1) : base == T(-1) ? (exponent % 2 ? T(-1) : T(1)) : T(0);
  uint64_t result = 1, factor = static_cast<uint64_t>(base);
  for (uint64_t e = static_cast<uint64_t>(exponent); e; e >>= 1) {
    if (e & 1) result *= factor;
    factor *= factor;
  }
  return static_cast<T>(result);
}

// Wraps on overflow instead of being undefined.
template <class T>
struct Wrapping {
  using Type = T;
};
template <>
struct Wrapping<int32_t> {
  using Type = uint32_t;
};
template <>
struct Wrapping<int64_t> {
  using Type = uint64_t;
};
template <class T>
using Wrap = typename Wrapping<T>::Type;

NABLA_INLINE float mod(float a, float b) { return fmodf(a, b); }
NABLA_INLINE double mod(double a, double b) { return fmod(a, b); }

struct Add {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    return static_cast<T>(static_cast<Wrap<T>>(a) + static_cast<Wrap<T>>(b));
  }
};
struct Sub {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    return static_cast<T>(static_cast<Wrap<T>>(a) - static_cast<Wrap<T>>(b));
  }
};
struct Mul {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    return static_cast<T>(static_cast<Wrap<T>>(a) * static_cast<Wrap<T>>(b));
  }
};
struct Div {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    return a / b;
  }
};
struct Pow {
  static NABLA_INLINE double run(double a, double b) { return pow(a, b); }
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    return powInteger(a, b);
  }
};
struct Maximum {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    if constexpr (kFloat<T>) return a > b || a != a ? a : b;
    return a > b ? a : b;
  }
};
struct Minimum {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    if constexpr (kFloat<T>) return a < b || a != a ? a : b;
    return a < b ? a : b;
  }
};
struct BitAnd {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    return static_cast<T>(a & b);
  }
};
struct BitOr {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    return static_cast<T>(a | b);
  }
};
struct BitXor {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    return static_cast<T>(a ^ b);
  }
};
struct ReluGrad {
  template <class T>
  static NABLA_INLINE T run(T g, T y) {
    return y <= 0 ? T(0) : g;  // as PyTorch's threshold_backward: NaN lets the gradient through
  }
};
struct SigmoidGrad {
  template <class T>
  static NABLA_INLINE T run(T g, T y) {
    return g * ((1 - y) * y);
  }
};
struct TanhGrad {
  template <class T>
  static NABLA_INLINE T run(T g, T y) {
    return g * (1 - y * y);
  }
};
struct Fmod {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    if constexpr (kFloat<T>)
      return mod(a, b);
    else
      return b == 0 || b == T(-1) ? T(0) : static_cast<T>(a % b);  // would trap
  }
};
struct Remainder {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    const T r = Fmod::run(a, b);
    return r != 0 && ((r < 0) != (b < 0)) ? static_cast<T>(r + b) : r;
  }
};
struct FloorDiv {
  static NABLA_INLINE float floorOf(float x) { return floorf(x); }
  static NABLA_INLINE double floorOf(double x) { return floor(x); }
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    if constexpr (kFloat<T>) {  // Python's: exact even where a / b rounds up to an integer
      if (b == 0) return a / b;
      const T r = mod(a, b);
      T quotient = (a - r) / b;
      if (r != 0 && ((b < 0) != (r < 0))) quotient -= 1;
      if (quotient == 0) return __builtin_copysign(T(0), a / b);
      const T whole = floorOf(quotient);
      return quotient - whole > T(0.5) ? whole + 1 : whole;
    } else if (b == 0) {
      return T(0);
    } else if (b == T(-1)) {
      return Sub::run(T(0), a);
    } else {
      const T q = static_cast<T>(a / b);
      return a % b != 0 && ((a < 0) != (b < 0)) ? static_cast<T>(q - 1) : q;
    }
  }
};
struct TruncDiv {
  static NABLA_INLINE float run(float a, float b) { return truncf(a / b); }
  static NABLA_INLINE double run(double a, double b) { return trunc(a / b); }
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    return b == 0 ? T(0) : b == T(-1) ? Sub::run(T(0), a) : static_cast<T>(a / b);
  }
};
struct Atan2 {
  static NABLA_INLINE float run(float a, float b) { return atan2f(a, b); }
  static NABLA_INLINE double run(double a, double b) { return atan2(a, b); }
};
struct Fmax {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    return a >= b || b != b ? a : b;
  }
};
struct Fmin {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    return a <= b || b != b ? a : b;
  }
};
struct Copysign {
  static NABLA_INLINE float run(float a, float b) { return __builtin_copysignf(a, b); }
  static NABLA_INLINE double run(double a, double b) { return __builtin_copysign(a, b); }
};
struct Heaviside {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    return a == 0 ? b : a > 0 ? T(1) : T(0);
  }
};
// A count outside the type's bits shifts everything out.
struct ShiftLeft {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    const bool inside = b >= 0 && b < T(8 * sizeof(T));
    return inside ? static_cast<T>(static_cast<uint64_t>(a) << (b & 63)) : T(0);
  }
};
struct ShiftRight {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    const bool inside = b >= 0 && b < T(8 * sizeof(T));
    return inside ? static_cast<T>(static_cast<int64_t>(a) >> (b & 63)) : a < 0 ? T(-1) : T(0);
  }
};
struct Gcd {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    while (a != 0) {
      const T r = T(-1) < 0 && a == T(-1) ? T(0) : static_cast<T>(b % a);  // the smallest number by -1 would trap
      b = a;
      a = r;
    }
    return b < 0 ? Sub::run(T(0), b) : b;
  }
};
struct Lcm {
  template <class T>
  static NABLA_INLINE T run(T a, T b) {
    const T g = Gcd::run(a, b);
    if (g == 0) return 0;
    const T m = Mul::run(static_cast<T>(a / g), b);
    return m < 0 ? Sub::run(T(0), m) : m;
  }
};
#define COMPARE(Name, sign)                     \
  struct Name {                                 \
    template <class T>                          \
    static NABLA_INLINE uint8_t run(T a, T b) { \
      return a sign b;                          \
    }                                           \
  };
COMPARE(Eq, ==)
COMPARE(Ne, !=)
COMPARE(Lt, <)
COMPARE(Le, <=)
COMPARE(Gt, >)
COMPARE(Ge, >=)

template <class Op, class T, class To>
void binary(const Rect& r) {
  To* out = reinterpret_cast<To*>(r.p[0]);
  const T* a = reinterpret_cast<const T*>(r.p[1]);
  const T* b = reinterpret_cast<const T*>(r.p[2]);
  const int64_t n = r.n0, os = r.s0[0], as = r.s0[1], bs = r.s0[2];
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], a += r.s1[1], b += r.s1[2]) {
    if (os == 1 && as == 1 && bs == 1) {
      NABLA_LANES for (int64_t j = 0; j < n; j++) out[j] = Op::run(a[j], b[j]);
    } else if (os == 1 && as == 1 && bs == 0) {
      const T value = *b;
      NABLA_LANES for (int64_t j = 0; j < n; j++) out[j] = Op::run(a[j], value);
    } else if (os == 1 && as == 0 && bs == 1) {
      const T value = *a;
      NABLA_LANES for (int64_t j = 0; j < n; j++) out[j] = Op::run(value, b[j]);
    } else {
      for (int64_t j = 0; j < n; j++) out[j * os] = Op::run(a[j * as], b[j * bs]);
    }
  }
}

template <class T>
void where(const Rect& r) {
  T* out = reinterpret_cast<T*>(r.p[0]);
  const uint8_t* c = reinterpret_cast<const uint8_t*>(r.p[1]);
  const T* a = reinterpret_cast<const T*>(r.p[2]);
  const T* b = reinterpret_cast<const T*>(r.p[3]);
  const int64_t n = r.n0, os = r.s0[0], cs = r.s0[1], as = r.s0[2], bs = r.s0[3];
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], c += r.s1[1], a += r.s1[2], b += r.s1[3]) {
    if (os == 1 && cs == 1 && as == 1 && bs == 1) {
      NABLA_LANES for (int64_t j = 0; j < n; j++) {
        const T x = a[j], y = b[j];
        out[j] = c[j] ? x : y;
      }
    } else if (os == 1 && cs == 1 && as == 1 && bs == 0) {
      const T y = *b;
      NABLA_LANES for (int64_t j = 0; j < n; j++) {
        const T x = a[j];
        out[j] = c[j] ? x : y;
      }
    } else {
      for (int64_t j = 0; j < n; j++) out[j * os] = c[j * cs] ? a[j * as] : b[j * bs];
    }
  }
}

struct Lerp {
  template <class T>
  static NABLA_INLINE T run(T a, T b, T weight, T) {
    return (weight < 0 ? -weight : weight) < T(0.5) ? a + weight * (b - a) : b - (b - a) * (1 - weight);
  }
};
struct Addcmul {
  template <class T>
  static NABLA_INLINE T run(T a, T b, T c, T value) {
    return Add::run(a, Mul::run(Mul::run(value, b), c));
  }
};
struct Addcdiv {
  template <class T>
  static NABLA_INLINE T run(T a, T b, T c, T value) {
    return a + value * b / c;
  }
};

template <class Op, class T>
void ternary(const Rect& r, double number) {
  const T value = static_cast<T>(number);
  T* out = reinterpret_cast<T*>(r.p[0]);
  const T* a = reinterpret_cast<const T*>(r.p[1]);
  const T* b = reinterpret_cast<const T*>(r.p[2]);
  const T* c = reinterpret_cast<const T*>(r.p[3]);
  const int64_t n = r.n0, os = r.s0[0], as = r.s0[1], bs = r.s0[2], cs = r.s0[3];
  const bool plain = os == 1 && as == 1 && bs == 1;
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], a += r.s1[1], b += r.s1[2], c += r.s1[3]) {
    if (plain && cs == 1) {
      NABLA_LANES for (int64_t j = 0; j < n; j++) out[j] = Op::run(a[j], b[j], c[j], value);
    } else if (plain && cs == 0) {
      const T third = *c;
      NABLA_LANES for (int64_t j = 0; j < n; j++) out[j] = Op::run(a[j], b[j], third, value);
    } else {
      for (int64_t j = 0; j < n; j++) out[j * os] = Op::run(a[j * as], b[j * bs], c[j * cs], value);
    }
  }
}

template <class T>
NABLA_INLINE T clampOne(T x, T low, T high) {
  // PyTorch's min(max(x, low), high): NaN stays, also as a bound; low > high gives high.
  const T y = Maximum::run(x, low);
  return Minimum::run(y, high);
}

template <class T>
void clamp(const Rect& r) {
  T* out = reinterpret_cast<T*>(r.p[0]);
  const T* a = reinterpret_cast<const T*>(r.p[1]);
  const T* low = reinterpret_cast<const T*>(r.p[2]);
  const T* high = reinterpret_cast<const T*>(r.p[3]);
  const int64_t n = r.n0, os = r.s0[0], as = r.s0[1], ls = r.s0[2], hs = r.s0[3];
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], a += r.s1[1], low += r.s1[2], high += r.s1[3]) {
    if (os == 1 && as == 1 && ls == 0 && hs == 0) {
      const T lo = *low, hi = *high;
      NABLA_LANES for (int64_t j = 0; j < n; j++) out[j] = clampOne(a[j], lo, hi);
    } else {
      for (int64_t j = 0; j < n; j++) out[j * os] = clampOne(a[j * as], low[j * ls], high[j * hs]);
    }
  }
}

template <class T>
bool hasZero(const Rect& r) {
  const T* a = reinterpret_cast<const T*>(r.p[0]);
  bool found = false;
  for (int64_t i = 0; i < r.n1; i++, a += r.s1[0])
    for (int64_t j = 0; j < r.n0; j++) found |= a[j * r.s0[0]] == 0;
  return found;
}

template <class T>
void registerNumeric(ElementwiseKernels* t, int type) {
  t->binary[kAdd][type] = binary<Add, T, T>;
  t->binary[kSub][type] = binary<Sub, T, T>;
  t->binary[kMul][type] = binary<Mul, T, T>;
  if constexpr (!__is_same(T, float)) t->binary[kPow][type] = binary<Pow, T, T>;
  t->binary[kFloorDiv][type] = binary<FloorDiv, T, T>;
  t->binary[kTruncDiv][type] = binary<TruncDiv, T, T>;
  t->binary[kRemainder][type] = binary<Remainder, T, T>;
  t->binary[kFmod][type] = binary<Fmod, T, T>;
  t->binary[kMaximum][type] = binary<Maximum, T, T>;
  t->binary[kMinimum][type] = binary<Minimum, T, T>;
  t->binary[kFmax][type] = binary<Fmax, T, T>;
  t->binary[kFmin][type] = binary<Fmin, T, T>;
  t->binary[kHeaviside][type] = binary<Heaviside, T, T>;
  t->ternary[kAddcmul][type] = ternary<Addcmul, T>;
  t->binary[kEq][type] = binary<Eq, T, uint8_t>;
  t->binary[kNe][type] = binary<Ne, T, uint8_t>;
  t->binary[kLt][type] = binary<Lt, T, uint8_t>;
  t->binary[kLe][type] = binary<Le, T, uint8_t>;
  t->binary[kGt][type] = binary<Gt, T, uint8_t>;
  t->binary[kGe][type] = binary<Ge, T, uint8_t>;
  t->where[type] = where<T>;
  t->clamp[type] = clamp<T>;
}

template <class T>
void registerFloat(ElementwiseKernels* t, int type) {
  registerNumeric<T>(t, type);
  t->binary[kDiv][type] = binary<Div, T, T>;
  if constexpr (!__is_same(T, float)) t->binary[kAtan2][type] = binary<Atan2, T, T>;
  t->binary[kCopysign][type] = binary<Copysign, T, T>;
  t->ternary[kLerp][type] = ternary<Lerp, T>;
  t->ternary[kAddcdiv][type] = ternary<Addcdiv, T>;
  t->binary[kReluGrad][type] = binary<ReluGrad, T, T>;
  t->binary[kSigmoidGrad][type] = binary<SigmoidGrad, T, T>;
  t->binary[kTanhGrad][type] = binary<TanhGrad, T, T>;
#ifdef NABLA_STREAMS
  t->streamed[kAdd][type] = streamed<Add, T>;
  t->streamed[kSub][type] = streamed<Sub, T>;
  t->streamed[kMul][type] = streamed<Mul, T>;
  t->streamed[kDiv][type] = streamed<Div, T>;
#endif
}

template <class T>
void registerInteger(ElementwiseKernels* t, int type) {
  registerNumeric<T>(t, type);
  t->binary[kBitAnd][type] = binary<BitAnd, T, T>;
  t->binary[kBitOr][type] = binary<BitOr, T, T>;
  t->binary[kBitXor][type] = binary<BitXor, T, T>;
  t->binary[kShiftLeft][type] = binary<ShiftLeft, T, T>;
  t->binary[kShiftRight][type] = binary<ShiftRight, T, T>;
  t->binary[kGcd][type] = binary<Gcd, T, T>;
  t->binary[kLcm][type] = binary<Lcm, T, T>;
  t->hasZero[type] = hasZero<T>;
}

// On bytes that are 0 or 1 the rest of the integer kernels hold as they are.
void registerBool(ElementwiseKernels* t, int type, int bytes) {
  for (int op = kEq; op <= kGe; op++) t->binary[op][type] = t->binary[op][bytes];
  const int same[] = {kBitAnd, kBitOr, kBitXor, kMaximum, kMinimum, kFmax, kFmin, kHeaviside};
  for (int op : same) t->binary[op][type] = t->binary[op][bytes];
  t->binary[kAdd][type] = t->binary[kBitOr][bytes];
  t->binary[kMul][type] = t->binary[kBitAnd][bytes];
  t->where[type] = t->where[bytes];
}

}  // namespace

extern "C" void NABLA_REGISTER(elementwise)(ElementwiseKernels* t) {
  registerFloat<float>(t, 0);
  registerFloat<double>(t, 1);
  t->binary[kPow][0] = binaryLanes<PowLanes>;
  t->binary[kAtan2][0] = binaryLanes<Atan2Lanes>;
  registerInteger<int32_t>(t, 2);
  registerInteger<int64_t>(t, 3);
  registerInteger<uint8_t>(t, 4);
  registerBool(t, 5, 4);
  registerInteger<int8_t>(t, 6);
  t->where[7] = t->where[8] = where<uint16_t>;
}
