// Loops over channels that lie side by side: four vectors, then one, then what is left.
#pragma once
#include "vec.h"

namespace {

// One vector of channels, or one channel where there are fewer than a vector: the same loops serve both.
template <class T>
struct Wide {
  using V = Vec<T>;
  using Int = VecInt<T>;
  static constexpr int kWidth = kLanes<T>;
  static NABLA_INLINE V load(const T* p) { return vload(p); }
  static NABLA_INLINE void store(T* p, V v) { vstore(p, v); }
  static NABLA_INLINE V splat(T x) { return vset(x); }
  static NABLA_INLINE void addTo(double* sums, V v) {
    for (int i = 0; i < kWidth; i++) sums[i] += static_cast<double>(v[i]);
  }
  template <class S>
  static NABLA_INLINE Int loadIndex(const S* p) {
    typedef S Narrow __attribute__((vector_size(kLanes<T> * sizeof(S))));
    Narrow v;
    __builtin_memcpy(&v, p, sizeof(v));
    return __builtin_convertvector(v, Int);
  }
  template <class S>
  static NABLA_INLINE void storeIndex(S* p, Int v) {
    typedef S Narrow __attribute__((vector_size(kLanes<T> * sizeof(S))));
    const Narrow n = __builtin_convertvector(v, Narrow);
    __builtin_memcpy(p, &n, sizeof(n));
  }
};

template <class T>
struct One {
  using V = T;
  using Int = int32_t;
  static constexpr int kWidth = 1;
  static NABLA_INLINE V load(const T* p) { return *p; }
  static NABLA_INLINE void store(T* p, V v) { *p = v; }
  static NABLA_INLINE V splat(T x) { return x; }
  static NABLA_INLINE void addTo(double* sums, V v) { sums[0] += static_cast<double>(v); }
  template <class S>
  static NABLA_INLINE Int loadIndex(const S* p) {
    return static_cast<Int>(*p);
  }
  template <class S>
  static NABLA_INLINE void storeIndex(S* p, Int v) {
    *p = static_cast<S>(v);
  }
};

template <class L, int N>
struct Group {
  using Lane = L;
  static constexpr int kCount = N;
};

// f(Group, first channel) for all channels. With kRepeat the last vector overlaps the one before it and does its work
// again, which is right for writing and wrong for adding.
template <class T, bool kRepeat = true, class F>
NABLA_INLINE void overChannels(int64_t channels, F f) {
  constexpr int64_t kWidth = kLanes<T>;
  int64_t c = 0;
  for (; c + 4 * kWidth <= channels; c += 4 * kWidth) f(Group<Wide<T>, 4>{}, c);
  for (; c + kWidth <= channels; c += kWidth) f(Group<Wide<T>, 1>{}, c);
  if (c == channels) return;
  if (kRepeat && c > 0) {
    f(Group<Wide<T>, 1>{}, channels - kWidth);
  } else {
    for (; c < channels; c++) f(Group<One<T>, 1>{}, c);
  }
}

}  // namespace
