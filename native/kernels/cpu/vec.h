// A small vector type on GCC/Clang vector extensions: arithmetic and comparisons are the compiler's, `a * b + c` fuses.
#pragma once
#include "isa.h"

namespace {

template <class T>
struct VecTraits;
template <>
struct VecTraits<float> {
  typedef float Vec __attribute__((vector_size(NABLA_VECTOR_BYTES)));
  typedef float Loose __attribute__((vector_size(NABLA_VECTOR_BYTES), aligned(4), may_alias));
  typedef int32_t Int __attribute__((vector_size(NABLA_VECTOR_BYTES)));
  typedef uint32_t Unsigned __attribute__((vector_size(NABLA_VECTOR_BYTES)));
};
template <>
struct VecTraits<double> {
  typedef double Vec __attribute__((vector_size(NABLA_VECTOR_BYTES)));
  typedef double Loose __attribute__((vector_size(NABLA_VECTOR_BYTES), aligned(8), may_alias));
  typedef int64_t Int __attribute__((vector_size(NABLA_VECTOR_BYTES)));
  typedef uint64_t Unsigned __attribute__((vector_size(NABLA_VECTOR_BYTES)));
};

template <class T>
using Vec = typename VecTraits<T>::Vec;
template <class T>
using VecInt = typename VecTraits<T>::Int;  // comparison results: all bits set or none
template <class T>
using VecUnsigned = typename VecTraits<T>::Unsigned;

template <class T>
constexpr int kLanes = NABLA_VECTOR_BYTES / static_cast<int>(sizeof(T));

template <class T>
NABLA_INLINE Vec<T> vload(const T* p) {
  return *reinterpret_cast<const typename VecTraits<T>::Loose*>(p);
}
template <class T>
NABLA_INLINE void vstore(T* p, Vec<T> v) {
  *reinterpret_cast<typename VecTraits<T>::Loose*>(p) = v;
}
template <class T>
NABLA_INLINE Vec<T> vset(T x) {
  return x - Vec<T>{};
}
template <class T>
NABLA_INLINE Vec<T> vzero() {
  return Vec<T>{};
}
// The first n lanes, others zero / untouched; 0 <= n <= kLanes. Never touches memory past p[n - 1].
template <class T>
NABLA_INLINE Vec<T> vloadPart(const T* p, int64_t n) {
  Vec<T> v{};
  __builtin_memcpy(&v, p, static_cast<size_t>(n) * sizeof(T));
  return v;
}
template <class T>
NABLA_INLINE void vstorePart(T* p, Vec<T> v, int64_t n) {
  __builtin_memcpy(p, &v, static_cast<size_t>(n) * sizeof(T));
}
template <class T>
NABLA_INLINE T vsum(Vec<T> v) {
  T s = 0;
  for (int i = 0; i < kLanes<T>; i++) s += v[i];
  return s;
}

}  // namespace
