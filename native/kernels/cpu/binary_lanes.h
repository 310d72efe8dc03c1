// Binary kernels by whole vectors: powers and angles of floats, and those that store past the caches.
#pragma once
#include "rect.h"
#include "vpow.h"
#include "vstream.h"
#include "vtrig.h"

namespace {

using nabla::cpu::Rect;

struct PowLanes {
  static NABLA_INLINE Vec<float> run(Vec<float> x, Vec<float> y) { return vpow(x, y); }
};
struct Atan2Lanes {
  static NABLA_INLINE Vec<float> run(Vec<float> y, Vec<float> x) { return vatan2(y, x); }
};

// float by vectors; double and integers by `binary`.
template <class Op>
void binaryLanes(const Rect& r) {
  float* out = reinterpret_cast<float*>(r.p[0]);
  const float* a = reinterpret_cast<const float*>(r.p[1]);
  const float* b = reinterpret_cast<const float*>(r.p[2]);
  constexpr int64_t kStep = kLanes<float>;
  const int64_t as = r.s0[1], bs = r.s0[2];
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], a += r.s1[1], b += r.s1[2])
    for (int64_t j = 0; j < r.n0; j += kStep) {
      const int64_t count = r.n0 - j < kStep ? r.n0 - j : kStep;
      Vec<float> x{}, y{};
      if (as == 1 && count == kStep)
        x = vload(a + j);
      else
        for (int64_t k = 0; k < count; k++) x[k] = a[(j + k) * as];
      if (bs == 0)
        y = vset(*b);
      else if (bs == 1 && count == kStep)
        y = vload(b + j);
      else
        for (int64_t k = 0; k < count; k++) y[k] = b[(j + k) * bs];
      const Vec<float> result = Op::run(x, y);
      if (r.s0[0] == 1 && count == kStep)
        vstore(out + j, result);
      else
        for (int64_t k = 0; k < count; k++) out[(j + k) * r.s0[0]] = result[k];
    }
}

#ifdef NABLA_STREAMS
// Along whole vectors of an output that is aligned to them.
template <class Op, class T>
void streamed(const Rect& r) {
  T* out = reinterpret_cast<T*>(r.p[0]);
  const T* a = reinterpret_cast<const T*>(r.p[1]);
  const T* b = reinterpret_cast<const T*>(r.p[2]);
  const int64_t n = r.n0, as = r.s0[1], bs = r.s0[2];
  constexpr int64_t kStep = kLanes<T>;
  int64_t j = 0;
  if (as == 1 && bs == 1) {
    for (; j + kStep <= n; j += kStep) vstream<T>(out + j, Op::run(vload(a + j), vload(b + j)));
  } else if (as == 1 && bs == 0) {
    const Vec<T> value = vset(*b);
    for (; j + kStep <= n; j += kStep) vstream<T>(out + j, Op::run(vload(a + j), value));
  } else if (as == 0 && bs == 1) {
    const Vec<T> value = vset(*a);
    for (; j + kStep <= n; j += kStep) vstream<T>(out + j, Op::run(value, vload(b + j)));
  }
  for (; j < n; j++) out[j] = Op::run(a[j * as], b[j * bs]);
}
#endif

}  // namespace
