// Stores past the caches, for outputs that nobody reads soon.
#pragma once
#include "vec.h"

namespace {

#if defined(__x86_64__)
#define NABLA_STREAMS 1
// `out` is aligned to a vector.
template <class T>
NABLA_INLINE void vstream(T* out, Vec<T> v) {
#if defined(__clang__)
  __builtin_nontemporal_store(v, reinterpret_cast<Vec<T>*>(out));
#elif NABLA_VECTOR_BYTES == 64
  __builtin_ia32_movntps512(reinterpret_cast<float*>(out), (Vec<float>)v);
#elif NABLA_VECTOR_BYTES == 32
  __builtin_ia32_movntps256(reinterpret_cast<float*>(out), (Vec<float>)v);
#else
  __builtin_ia32_movntps(reinterpret_cast<float*>(out), (Vec<float>)v);
#endif
}
#endif

}  // namespace
