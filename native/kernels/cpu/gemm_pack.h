// Packing of operand panels: dst[k][Width] from src[lane * laneStride + k * kStride].
#pragma once
#include "vtranspose.h"

namespace {

// Lanes [0, width) are copied, `readable` >= width of them lie inside the matrix; the rest of a row may hold anything
// finite or not, because it only reaches rows and columns of a tile that are never stored.
template <class T, int NV>
NABLA_INLINE void packLaneContiguous(const T* src, int64_t kStride, int64_t width, int64_t readable, int64_t k,
                                     T* dst) {
  constexpr int64_t kWidth = NV * kLanes<T>;
  if (readable >= kWidth) {
    for (int64_t p = 0; p < k; p++, src += kStride, dst += kWidth)
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) vstore(dst + j * kLanes<T>, vload(src + j * kLanes<T>));
    return;
  }
  for (int64_t p = 0; p < k; p++, src += kStride, dst += kWidth) {
    for (int64_t i = 0; i < width; i++) dst[i] = src[i];
    for (int64_t i = width; i < kWidth; i++) dst[i] = 0;
  }
}

// Adjacent whole panels, k outermost.
template <class T, int NV>
NABLA_INLINE void packFullPanels(const T* src, int64_t kStride, int64_t panels, int64_t k, T* dst) {
  constexpr int64_t kWidth = NV * kLanes<T>;
  for (int64_t p = 0; p < k; p++, src += kStride) {
    for (int64_t q = 0; q < panels; q++) {
      T* to = dst + (q * k + p) * kWidth;
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) vstore(to + j * kLanes<T>, vload(src + q * kWidth + j * kLanes<T>));
    }
  }
}

template <class T, int NV>
NABLA_INLINE void packKContiguous(const T* src, int64_t laneStride, int64_t width, int64_t k, T* dst) {
  constexpr int64_t kWidth = NV * kLanes<T>;
  constexpr int L = kLanes<T>;
  int64_t p = 0;
  for (; p + L <= k; p += L) {
    for (int g = 0; g < NV; g++) {
      Vec<T> r[L];
#pragma GCC unroll 16
      for (int i = 0; i < L; i++) r[i] = g * L + i < width ? vload(src + (g * L + i) * laneStride + p) : vzero<T>();
      vtranspose<T>(r);
#pragma GCC unroll 16
      for (int i = 0; i < L; i++) vstore(dst + (p + i) * kWidth + g * L, r[i]);
    }
  }
  for (; p < k; p++) {
    for (int64_t i = 0; i < width; i++) dst[p * kWidth + i] = src[i * laneStride + p];
    for (int64_t i = width; i < kWidth; i++) dst[p * kWidth + i] = 0;
  }
}

template <class T, int NV>
void packPanel(const T* src, int64_t laneStride, int64_t kStride, int64_t width, int64_t readable, int64_t k, T* dst) {
  constexpr int64_t kWidth = NV * kLanes<T>;
  if (laneStride == 1) return packLaneContiguous<T, NV>(src, kStride, width, readable, k, dst);
  if (kStride == 1) return packKContiguous<T, NV>(src, laneStride, width, k, dst);
  for (int64_t p = 0; p < k; p++) {
    for (int64_t i = 0; i < width; i++) dst[p * kWidth + i] = src[i * laneStride + p * kStride];
    for (int64_t i = width; i < kWidth; i++) dst[p * kWidth + i] = 0;
  }
}

}  // namespace
