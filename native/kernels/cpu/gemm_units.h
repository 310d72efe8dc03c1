// What panels hold: units as large as a sum, of one or two elements along K; and sums read from and written to C.
#pragma once
#include "gemm.h"
#include "narrow.h"
#include "vec.h"
#if NABLA_VECTOR_BYTES == 64
#include <immintrin.h>
#endif

namespace {

using nabla::cpu::Bf16;
using nabla::cpu::Sum;

typedef uint16_t HalfBits __attribute__((vector_size(NABLA_VECTOR_BYTES / 2)));
typedef uint16_t LooseHalfBits __attribute__((vector_size(NABLA_VECTOR_BYTES / 2), aligned(2), may_alias));

// GCC 12 splits conversions to and from whole vectors of 64 bytes, and warns of what the unmasked forms leave
// undefined.
NABLA_INLINE VecUnsigned<float> vbits(const Bf16* p) {
#if NABLA_VECTOR_BYTES == 64
  return (VecUnsigned<float>)_mm512_maskz_cvtepu16_epi32(0xffff,
                                                         _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#else
  return __builtin_convertvector(*reinterpret_cast<const LooseHalfBits*>(p), VecUnsigned<float>);
#endif
}
NABLA_INLINE void vstoreBits(Bf16* p, VecUnsigned<float> bits) {
#if NABLA_VECTOR_BYTES == 64
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_maskz_cvtepi32_epi16(0xffff, (__m512i)bits));
#else
  *reinterpret_cast<LooseHalfBits*>(p) = __builtin_convertvector(bits, HalfBits);
#endif
}

template <class T>
NABLA_INLINE T toSum(T x) {
  return x;
}
NABLA_INLINE float toSum(Bf16 x) { return toFloat(Bfloat16{x.bits}); }
template <class T>
NABLA_INLINE Vec<T> vloadSum(const T* p) {
  return vload(p);
}
NABLA_INLINE Vec<float> vloadSum(const Bf16* p) { return (Vec<float>)(vbits(p) << 16); }
// The first n lanes; memory past them is not touched.
template <class T>
NABLA_INLINE Vec<Sum<T>> vloadSum(const T* p, int64_t n) {
  T part[kLanes<Sum<T>>] = {};
  for (int64_t i = 0; i < n; i++) part[i] = p[i];
  return vloadSum(part);
}

template <class T>
NABLA_INLINE void storeSum(T* p, T x) {
  *p = x;
}
NABLA_INLINE void storeSum(Bf16* p, float x) { p->bits = toBfloat16(x).bits; }
template <class T>
NABLA_INLINE void vstoreSum(T* p, Vec<T> v) {
  vstore(p, v);
}
NABLA_INLINE void vstoreSum(Bf16* p, Vec<float> v) {  // as toBfloat16
  const VecUnsigned<float> u = (VecUnsigned<float>)v;
  const VecUnsigned<float> quiet = u >> 16 | 0x40u, rounded = (u + 0x7fffu + (u >> 16 & 1u)) >> 16;
  vstoreBits(p, v != v ? quiet : rounded);
}
template <class T>
NABLA_INLINE void vstoreSum(T* p, Vec<Sum<T>> v, int64_t n) {
  T part[kLanes<Sum<T>>];
  vstoreSum(part, v);
  for (int64_t i = 0; i < n; i++) p[i] = part[i];
}

// How a panel is made of its operand. alongK: as many units of one lane as a vector has lanes; across: one unit of as
// many adjacent lanes, whose next element along K lies kStride further, if there is one; at: one unit, `left` elements
// before the end of K.
template <class T>
struct Plain {
  using Element = T;
  using Unit = T;
  static constexpr int64_t kElements = 1;  // in a unit
  static NABLA_INLINE Vec<T> alongK(const T* p) { return vload(p); }
  static NABLA_INLINE Vec<T> across(const T* p, int64_t, bool) { return vload(p); }
  static NABLA_INLINE T at(const T* p, int64_t, int64_t) { return *p; }
};

// bfloat16 as float.
struct Widened {
  using Element = Bf16;
  using Unit = float;
  static constexpr int64_t kElements = 1;
  static NABLA_INLINE Vec<float> alongK(const Bf16* p) { return vloadSum(p); }
  static NABLA_INLINE Vec<float> across(const Bf16* p, int64_t, bool) { return vloadSum(p); }
  static NABLA_INLINE float at(const Bf16* p, int64_t, int64_t) { return toSum(*p); }
};

// Two elements side by side, for an instruction that adds the products of pairs. An odd K ends with a zero.
struct Paired {
  using Element = Bf16;
  using Unit = float;
  static constexpr int64_t kElements = 2;
  static NABLA_INLINE Vec<float> alongK(const Bf16* p) { return vload(reinterpret_cast<const float*>(p)); }
  static NABLA_INLINE Vec<float> across(const Bf16* p, int64_t kStride, bool two) {
    return (Vec<float>)(two ? vbits(p) | vbits(p + kStride) << 16 : vbits(p));
  }
  static NABLA_INLINE float at(const Bf16* p, int64_t kStride, int64_t left) {
    const uint32_t second = left > 1 ? p[kStride].bits : 0u;
    return floatOf(p->bits | second << 16);
  }
};

template <class P>
using ElementOf = typename P::Element;
template <class P>
using UnitOf = typename P::Unit;
template <class P>
NABLA_INLINE int64_t unitsOf(int64_t k) {
  return (k + P::kElements - 1) / P::kElements;
}

}  // namespace
