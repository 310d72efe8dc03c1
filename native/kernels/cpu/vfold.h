// One number from the lanes of a vector.
#pragma once
#include "vec.h"

namespace {

// In halves, down to two: a chain over all lanes takes as long as a short row.
template <class T, int kBytes>
struct Halves {
  typedef T Wide __attribute__((vector_size(kBytes)));
  typedef T Half __attribute__((vector_size(kBytes / 2)));
  template <class F>
  static NABLA_INLINE T fold(Wide v, F f) {
    if constexpr (kBytes == 2 * sizeof(T)) {
      return f(v[0], v[1]);
    } else {
      Half low, high;
      __builtin_memcpy(&low, &v, sizeof low);
      __builtin_memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
      return Halves<T, kBytes / 2>::fold(f(low, high), f);
    }
  }
};
template <class T>
NABLA_INLINE T sumLanes(Vec<T> v) {
  return Halves<T, NABLA_VECTOR_BYTES>::fold(
      v, [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}
template <class T>
NABLA_INLINE T maxLanes(Vec<T> v) {
  return Halves<T, NABLA_VECTOR_BYTES>::fold(
      v, [](auto a, auto b) __attribute__((always_inline)) { return a > b ? a : b; });
}

}  // namespace
