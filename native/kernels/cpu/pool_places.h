// Places of maxima in memory and in lanes. Step by step: compilers widen and narrow by more than a factor of two one
// element at a time.
#pragma once
#include "lanes.h"

namespace {

template <int kBytes>
struct UnsignedOf;
template <>
struct UnsignedOf<1> {
  using T = uint8_t;
};
template <>
struct UnsignedOf<2> {
  using T = uint16_t;
};
template <>
struct UnsignedOf<4> {
  using T = uint32_t;
};
template <>
struct UnsignedOf<8> {
  using T = uint64_t;
};

// N integers of the unsigned type with so many bytes.
template <int kBytes, int N>
struct Packed {
  typedef typename UnsignedOf<kBytes>::T V __attribute__((vector_size(kBytes * N)));
};

template <int kTo, int kFrom, int N>
NABLA_INLINE typename Packed<kTo, N>::V resized(typename Packed<kFrom, N>::V v) {
  if constexpr (kFrom == kTo) {
    return v;
  } else {
    constexpr int kNext = kFrom < kTo ? 2 * kFrom : kFrom / 2;
    return resized<kTo, kNext, N>(__builtin_convertvector(v, typename Packed<kNext, N>::V));
  }
}

template <class L, class I>
NABLA_INLINE typename L::Int loadPlaces(const I* p) {
  if constexpr (L::kWidth == 1) {
    return static_cast<typename L::Int>(*p);
  } else {
    typename Packed<sizeof(I), L::kWidth>::V v;
    __builtin_memcpy(&v, p, sizeof(v));
    return (typename L::Int)resized<sizeof(typename L::Int) / L::kWidth, sizeof(I), L::kWidth>(v);
  }
}

template <class L, class I>
NABLA_INLINE void storePlaces(I* p, typename L::Int places) {
  if constexpr (L::kWidth == 1) {
    *p = static_cast<I>(places);
  } else {
    constexpr int kBytes = sizeof(places) / L::kWidth;
    const auto v = resized<sizeof(I), kBytes, L::kWidth>((typename Packed<kBytes, L::kWidth>::V)places);
    __builtin_memcpy(p, &v, sizeof(v));
  }
}

}  // namespace
