// Functions of one element: plain loops where the compiler vectorises, vmath.h where it cannot.
#include "unary.h"

#include "verf.h"
#include "vhyperbolic.h"
#include "vstream.h"
#include "vtrig.h"

namespace {

using namespace nabla::cpu;

template <class T>
constexpr bool kFloat = __is_same(T, float) || __is_same(T, double);

// -x that wraps on overflow.
NABLA_INLINE float negative(float x) { return -x; }
NABLA_INLINE double negative(double x) { return -x; }
NABLA_INLINE int32_t negative(int32_t x) { return static_cast<int32_t>(0u - static_cast<uint32_t>(x)); }
NABLA_INLINE int64_t negative(int64_t x) { return static_cast<int64_t>(uint64_t{0} - static_cast<uint64_t>(x)); }
NABLA_INLINE uint8_t negative(uint8_t x) { return static_cast<uint8_t>(-x); }

NABLA_INLINE float product(float a, float b) { return a * b; }
NABLA_INLINE double product(double a, double b) { return a * b; }
NABLA_INLINE int32_t product(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
}
NABLA_INLINE int64_t product(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
NABLA_INLINE uint8_t product(uint8_t a, uint8_t b) { return static_cast<uint8_t>(a * b); }

#define OPERATION(Name, expression)     \
  struct Name {                         \
    template <class T>                  \
    static NABLA_INLINE auto run(T x) { \
      return expression;                \
    }                                   \
  };
OPERATION(Neg, negative(x))
OPERATION(Sign, static_cast<T>((x > 0) - (x < 0)))
OPERATION(Square, product(x, x))
OPERATION(Relu, x < 0 ? T(0) : x)
OPERATION(BitNot, static_cast<T>(~x))
OPERATION(FlipBool, static_cast<T>(x ^ 1))
OPERATION(Reciprocal, T(1) / x)
OPERATION(LogicalNot, static_cast<uint8_t>(x == 0))
OPERATION(IsNan, static_cast<uint8_t>(x != x))
OPERATION(IsInf, static_cast<uint8_t>(__builtin_fabs(x) == __builtin_inf()))
OPERATION(IsFinite, static_cast<uint8_t>(__builtin_fabs(x) < __builtin_inf()))
OPERATION(IsPosInf, static_cast<uint8_t>(x == __builtin_inf()))
OPERATION(IsNegInf, static_cast<uint8_t>(x == -__builtin_inf()))
OPERATION(Signbit, static_cast<uint8_t>(__builtin_signbit(x) != 0))
#undef OPERATION

struct Abs {
  template <class T>
  static NABLA_INLINE T run(T x) {
    if constexpr (kFloat<T>)
      return static_cast<T>(__builtin_fabs(x));
    else
      return x < 0 ? negative(x) : x;
  }
};

#define LIBRARY(Name, function)                                                   \
  struct Name {                                                                   \
    static NABLA_INLINE float run(float x) { return __builtin_##function##f(x); } \
    static NABLA_INLINE double run(double x) { return __builtin_##function(x); }  \
  };
LIBRARY(Sqrt, sqrt)
LIBRARY(Floor, floor)
LIBRARY(Ceil, ceil)
LIBRARY(Round, rint)
LIBRARY(Trunc, trunc)
#undef LIBRARY
struct Rsqrt {
  template <class T>
  static NABLA_INLINE T run(T x) {
    return T(1) / Sqrt::run(x);
  }
};

struct Frac {
  template <class T>
  static NABLA_INLINE T run(T x) {
    return x - Trunc::run(x);
  }
};

#define VECTOR(Name, function)                 \
  struct Name {                                \
    template <class T>                         \
    static NABLA_INLINE Vec<T> run(Vec<T> x) { \
      return function;                         \
    }                                          \
  };
VECTOR(Exp, vexp<T>(x))
VECTOR(Exp2, vexp2<T>(x))
VECTOR(Expm1, vexpm1<T>(x))
VECTOR(Log, vlog<T>(x))
VECTOR(Log1p, vlog1p<T>(x))
VECTOR(Sigmoid, vsigmoid<T>(x))
VECTOR(Tanh, vtanh<T>(x))
VECTOR(Softplus, vsoftplus<T>(x))
VECTOR(Erf, verf(x))
VECTOR(Erfc, verfc(x))

// float by vectors, double by the C library.
#define SINGLE(Name, vector, function)                                           \
  struct Name {                                                                  \
    static NABLA_INLINE double run(double x) { return __builtin_##function(x); } \
    template <class T>                                                           \
    static NABLA_INLINE Vec<float> run(Vec<float> x) {                           \
      return vector(x);                                                          \
    }                                                                            \
  };
SINGLE(Log2, vlog2, log2)
SINGLE(Log10, vlog10, log10)
SINGLE(Tan, vtan, tan)
SINGLE(Asin, vasin, asin)
SINGLE(Acos, vacos, acos)
SINGLE(Atan, vatan, atan)
SINGLE(Sinh, vsinh, sinh)
SINGLE(Cosh, vcosh, cosh)
SINGLE(Asinh, vasinh, asinh)
SINGLE(Acosh, vacosh, acosh)
SINGLE(Atanh, vatanh, atanh)
#undef SINGLE
struct Sin {
  template <class T>
  static NABLA_INLINE Vec<T> run(Vec<T> x) {
    return vsin<T, false>(x);
  }
};
struct Cos {
  template <class T>
  static NABLA_INLINE Vec<T> run(Vec<T> x) {
    return vsin<T, true>(x);
  }
};
#undef VECTOR

template <class Op, class T, class To = T>
void each(const Rect& r) {
  To* out = reinterpret_cast<To*>(r.p[0]);
  const T* a = reinterpret_cast<const T*>(r.p[1]);
  const int64_t n = r.n0, os = r.s0[0], as = r.s0[1];
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], a += r.s1[1]) {
    if (os == 1 && as == 1) {
      NABLA_LANES for (int64_t j = 0; j < n; j++) out[j] = Op::run(a[j]);
    } else {
      for (int64_t j = 0; j < n; j++) out[j * os] = Op::run(a[j * as]);
    }
  }
}

// n lanes that may lie apart.
template <class T>
NABLA_INLINE Vec<T> gather(const T* p, int64_t stride, int64_t n) {
  Vec<T> v{};
  for (int64_t i = 0; i < n; i++) v[i] = p[i * stride];
  return v;
}
template <class T>
NABLA_INLINE void scatter(T* p, int64_t stride, Vec<T> v, int64_t n) {
  for (int64_t i = 0; i < n; i++) p[i * stride] = v[i];
}

template <class Op, class T>
void lanes(const Rect& r) {
  T* out = reinterpret_cast<T*>(r.p[0]);
  const T* a = reinterpret_cast<const T*>(r.p[1]);
  const int64_t n = r.n0, os = r.s0[0], as = r.s0[1];
  constexpr int64_t kStep = kLanes<T>;
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], a += r.s1[1]) {
    int64_t j = 0;
    if (os == 1 && as == 1) {
      for (; j + kStep <= n; j += kStep) vstore<T>(out + j, Op::template run<T>(vload<T>(a + j)));
      if (j < n) vstorePart<T>(out + j, Op::template run<T>(vloadPart<T>(a + j, n - j)), n - j);
    } else {
      for (; j < n; j += kStep) {
        const int64_t count = n - j < kStep ? n - j : kStep;
        scatter<T>(out + j * os, os, Op::template run<T>(gather<T>(a + j * as, as, count)), count);
      }
    }
  }
}

#ifdef NABLA_STREAMS
// The same along whole vectors of an output that is aligned to them, past the caches.
template <class Op, class T>
void streamed(const Rect& r) {
  T* out = reinterpret_cast<T*>(r.p[0]);
  const T* a = reinterpret_cast<const T*>(r.p[1]);
  constexpr int64_t kStep = kLanes<T>;
  if (r.s0[1] != 1) return lanes<Op, T>(r);
  int64_t j = 0;
  for (; j + kStep <= r.n0; j += kStep) vstream<T>(out + j, Op::template run<T>(vload<T>(a + j)));
  if (j < r.n0) vstorePart<T>(out + j, Op::template run<T>(vloadPart<T>(a + j, r.n0 - j)), r.n0 - j);
}
#endif

template <class Op, class T>
void registerLanes(UnaryKernels* t, int op, int type) {
  t->run[op][type] = lanes<Op, T>;
#ifdef NABLA_STREAMS
  t->streamed[op][type] = streamed<Op, T>;
#endif
}

template <class Op>
void registerSingle(UnaryKernels* t, int op) {
  registerLanes<Op, float>(t, op, 0);
  t->run[op][1] = each<Op, double>;
}

template <class T>
void registerNumeric(UnaryKernels* t, int type) {
  t->run[kNeg][type] = each<Neg, T>;
  t->run[kAbs][type] = each<Abs, T>;
  t->run[kSign][type] = each<Sign, T>;
  t->run[kSquare][type] = each<Square, T>;
  t->run[kRelu][type] = each<Relu, T>;
  t->run[kLogicalNot][type] = each<LogicalNot, T, uint8_t>;
}

template <class T>
void registerInteger(UnaryKernels* t, int type) {
  registerNumeric<T>(t, type);
  t->run[kBitNot][type] = each<BitNot, T>;
}

template <class T>
void registerFloat(UnaryKernels* t, int type) {
  registerNumeric<T>(t, type);
  t->run[kReciprocal][type] = each<Reciprocal, T>;
  t->run[kSqrt][type] = each<Sqrt, T>;
  t->run[kRsqrt][type] = each<Rsqrt, T>;
  t->run[kFloor][type] = each<Floor, T>;
  t->run[kCeil][type] = each<Ceil, T>;
  t->run[kRound][type] = each<Round, T>;
  t->run[kTrunc][type] = each<Trunc, T>;
  t->run[kFrac][type] = each<Frac, T>;
  registerLanes<Exp2, T>(t, kExp2, type);
  registerLanes<Erfc, T>(t, kErfc, type);
  registerLanes<Exp, T>(t, kExp, type);
  registerLanes<Expm1, T>(t, kExpm1, type);
  registerLanes<Log, T>(t, kLog, type);
  registerLanes<Log1p, T>(t, kLog1p, type);
  registerLanes<Sigmoid, T>(t, kSigmoid, type);
  registerLanes<Tanh, T>(t, kTanh, type);
  registerLanes<Softplus, T>(t, kSoftplus, type);
  registerLanes<Erf, T>(t, kErf, type);
  registerLanes<Sin, T>(t, kSin, type);
  registerLanes<Cos, T>(t, kCos, type);
  t->run[kIsNan][type] = each<IsNan, T, uint8_t>;
  t->run[kIsInf][type] = each<IsInf, T, uint8_t>;
  t->run[kIsFinite][type] = each<IsFinite, T, uint8_t>;
  t->run[kIsPosInf][type] = each<IsPosInf, T, uint8_t>;
  t->run[kIsNegInf][type] = each<IsNegInf, T, uint8_t>;
  t->run[kSignbit][type] = each<Signbit, T, uint8_t>;
}

}  // namespace

extern "C" void NABLA_REGISTER(unary)(UnaryKernels* t) {
  registerFloat<float>(t, 0);
  registerFloat<double>(t, 1);
  registerSingle<Log2>(t, kLog2);
  registerSingle<Log10>(t, kLog10);
  registerSingle<Tan>(t, kTan);
  registerSingle<Asin>(t, kAsin);
  registerSingle<Acos>(t, kAcos);
  registerSingle<Atan>(t, kAtan);
  registerSingle<Sinh>(t, kSinh);
  registerSingle<Cosh>(t, kCosh);
  registerSingle<Asinh>(t, kAsinh);
  registerSingle<Acosh>(t, kAcosh);
  registerSingle<Atanh>(t, kAtanh);
  registerInteger<int32_t>(t, 2);
  registerInteger<int64_t>(t, 3);
  registerInteger<uint8_t>(t, 4);
  registerInteger<int8_t>(t, 6);
  t->run[kLogicalNot][5] = each<LogicalNot, uint8_t, uint8_t>;
  t->run[kBitNot][5] = each<FlipBool, uint8_t>;
  t->run[kSign][5] = each<Sign, uint8_t>;
}
