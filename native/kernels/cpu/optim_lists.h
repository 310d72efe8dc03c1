// What the optimizer formulas share. For files that are compiled once per instruction set.
#pragma once
#include "isa.h"
#include "optim.h"
#include "vec.h"

namespace {

using namespace nabla::cpu;

NABLA_INLINE float squareRoot(float x) { return __builtin_sqrtf(x); }
NABLA_INLINE double squareRoot(double x) { return __builtin_sqrt(x); }
NABLA_INLINE float magnitude(float x) { return __builtin_fabsf(x); }
NABLA_INLINE double magnitude(double x) { return __builtin_fabs(x); }

template <class T>
NABLA_INLINE T signOf(T x) {
  return (x > T(0) ? T(1) : T(0)) - (x < T(0) ? T(1) : T(0));
}

// PyTorch's lerp is anchored at the nearer end.
template <class T>
struct Lerp {
  explicit Lerp(double weight) : weight(static_cast<T>(weight)), near(static_cast<T>(weight) < T(0.5)) {}
  NABLA_INLINE T operator()(T from, T to) const {
    const T apart = to - from;
    return near ? from + weight * apart : to - apart * (T(1) - weight);
  }
  T weight;
  bool near;
};

template <class T>
struct Lists {
  explicit Lists(void* const* data)
      : param(static_cast<T*>(data[0])),
        grad(static_cast<const T*>(data[1])),
        a(static_cast<T*>(data[2])),
        b(static_cast<T*>(data[3])),
        c(static_cast<T*>(data[4])) {}
  T* __restrict param;
  const T* __restrict grad;
  T* __restrict a, * __restrict b, * __restrict c;
};

constexpr int kBlock = 256;

// A short sum in lanes; the caller adds up in double.
template <class T>
NABLA_INLINE double squares(const T* x, int64_t n) {
  Vec<T> sum = vzero<T>();
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) {
    const Vec<T> v = vload(x + i);
    sum += v * v;
  }
  const Vec<T> rest = vloadPart(x + i, n - i);
  return static_cast<double>(vsum<T>(sum + rest * rest));
}

}  // namespace
