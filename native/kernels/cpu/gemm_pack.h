// Packing of operand panels: dst[k][Width] from src[lane * laneStride + k * kStride].
#pragma once
#include "vtranspose.h"

namespace {

// Lanes [0, width) are copied, `readable` >= width of them lie inside the matrix; the rest of a row may hold anything
// finite or not, because it only reaches rows and columns of a tile that are never stored. So a whole vector is read
// wherever it ends before the last element of the matrix.
template <class T, int NV>
NABLA_INLINE void packLaneContiguous(const T* src, int64_t kStride, int64_t width, int64_t readable, int64_t k,
                                     T* dst) {
  constexpr int64_t kWidth = NV * kLanes<T>;
  int64_t whole = k;
  if (readable < kWidth) {
    const int64_t room = (k - 1) * kStride + readable - kWidth;
    whole = room < 0 || kStride == 0 ? 0 : room / kStride + 1;
    if (whole > k) whole = k;
  }
  for (int64_t p = 0; p < whole; p++)
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) vstore(dst + p * kWidth + j * kLanes<T>, vload(src + p * kStride + j * kLanes<T>));
  for (int64_t p = whole; p < k; p++) {
    for (int64_t i = 0; i < width; i++) dst[p * kWidth + i] = src[p * kStride + i];
    for (int64_t i = width; i < kWidth; i++) dst[p * kWidth + i] = 0;
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

// `count` steps of k, at most a vector, of lanes [first, first + kLanes); reads no further than `last` elements into
// src.
template <class T>
NABLA_INLINE void transposePart(const T* src, int64_t laneStride, int64_t lanes, int64_t count, int64_t last, T* dst,
                                int64_t dstStep) {
  constexpr int L = kLanes<T>;
  Vec<T> r[L];
  for (int i = 0; i < L; i++) {
    const T* from = src + i * laneStride;
    if (i >= lanes) {
      r[i] = vzero<T>();
    } else if (i * laneStride + L <= last) {
      r[i] = vload(from);
    } else {
      T part[L] = {};
      for (int64_t p = 0; p < count; p++) part[p] = from[p];
      r[i] = vload(part);
    }
  }
  vtranspose<T>(r);
  for (int64_t p = 0; p < count; p++) vstore(dst + p * dstStep, r[p]);
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
  if (p == k) return;
  for (int g = 0; g < NV; g++)
    transposePart(src + g * L * laneStride + p, laneStride, width - g * L, k - p,
                  (width - 1 - g * L) * laneStride + k - p, dst + p * kWidth + g * L, kWidth);
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
