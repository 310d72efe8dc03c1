// Packing of operand panels: dst[unit][Width] from src[lane * laneStride + k * kStride].
#pragma once
#include "gemm_units.h"
#include "vtranspose.h"

namespace {

// Lanes [0, width) are copied, `readable` >= width of them lie inside the matrix; the rest of a row may hold anything
// finite or not, because it only reaches rows and columns of a tile that are never stored. So a whole vector is read
// wherever it ends before the last element of the matrix.
template <class P, int NV>
NABLA_INLINE void packLaneContiguous(const ElementOf<P>* src, int64_t kStride, int64_t width, int64_t readable,
                                     int64_t k, UnitOf<P>* dst) {
  constexpr int L = kLanes<UnitOf<P>>;
  constexpr int64_t kWidth = NV * L, kStep = P::kElements;
  int64_t whole = k;
  if (readable < kWidth) {
    const int64_t room = (k - 1) * kStride + readable - kWidth;
    whole = room < 0 || kStride == 0 ? 0 : room / kStride + 1;
    if (whole > k) whole = k;
  }
  const int64_t units = unitsOf<P>(k), wholeUnits = whole == k ? units : whole / kStep;
  for (int64_t p = 0; p < wholeUnits; p++)
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++)
      vstore(dst + p * kWidth + j * L, P::across(src + p * kStep * kStride + j * L, kStride, p * kStep + 1 < k));
  for (int64_t p = wholeUnits; p < units; p++) {
    for (int64_t i = 0; i < width; i++)
      dst[p * kWidth + i] = P::at(src + p * kStep * kStride + i, kStride, k - p * kStep);
    for (int64_t i = width; i < kWidth; i++) dst[p * kWidth + i] = 0;
  }
}

// Adjacent whole panels, k outermost.
template <class P, int NV>
NABLA_INLINE void packFullPanels(const ElementOf<P>* src, int64_t kStride, int64_t panels, int64_t k, UnitOf<P>* dst) {
  constexpr int L = kLanes<UnitOf<P>>;
  constexpr int64_t kWidth = NV * L;
  const int64_t units = unitsOf<P>(k);
  for (int64_t p = 0; p < units; p++, src += P::kElements * kStride) {
    const bool two = p * P::kElements + 1 < k;
    for (int64_t q = 0; q < panels; q++) {
      UnitOf<P>* to = dst + (q * units + p) * kWidth;
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) vstore(to + j * L, P::across(src + q * kWidth + j * L, kStride, two));
    }
  }
}

// The last `k` elements, of at most a vector of units, of lanes [first, first + kLanes); reads no further than `last`
// elements into src.
template <class P>
NABLA_INLINE void transposePart(const ElementOf<P>* src, int64_t laneStride, int64_t lanes, int64_t k, int64_t last,
                                UnitOf<P>* dst, int64_t dstStep) {
  using U = UnitOf<P>;
  constexpr int L = kLanes<U>;
  constexpr int64_t kStep = P::kElements;
  const int64_t count = unitsOf<P>(k);
  Vec<U> r[L];
  for (int i = 0; i < L; i++) {
    const ElementOf<P>* from = src + i * laneStride;
    if (i >= lanes) {
      r[i] = vzero<U>();
    } else if (i * laneStride + L * kStep <= last && k % kStep == 0) {
      r[i] = P::alongK(from);
    } else {
      U part[L] = {};
      for (int64_t p = 0; p < count; p++) part[p] = P::at(from + p * kStep, 1, k - p * kStep);
      r[i] = vload(part);
    }
  }
  vtranspose<U>(r);
  for (int64_t p = 0; p < count; p++) vstore(dst + p * dstStep, r[p]);
}

template <class P, int NV>
NABLA_INLINE void packKContiguous(const ElementOf<P>* src, int64_t laneStride, int64_t width, int64_t k,
                                  UnitOf<P>* dst) {
  using U = UnitOf<P>;
  constexpr int L = kLanes<U>;
  constexpr int64_t kWidth = NV * L, kStep = P::kElements;
  const int64_t full = k / kStep;
  int64_t p = 0;
  for (; p + L <= full; p += L) {
    for (int g = 0; g < NV; g++) {
      Vec<U> r[L];
#pragma GCC unroll 16
      for (int i = 0; i < L; i++)
        r[i] = g * L + i < width ? P::alongK(src + (g * L + i) * laneStride + p * kStep) : vzero<U>();
      vtranspose<U>(r);
#pragma GCC unroll 16
      for (int i = 0; i < L; i++) vstore(dst + (p + i) * kWidth + g * L, r[i]);
    }
  }
  const int64_t left = k - p * kStep;
  if (left == 0) return;
  for (int g = 0; g < NV; g++)
    transposePart<P>(src + g * L * laneStride + p * kStep, laneStride, width - g * L, left,
                     (width - 1 - g * L) * laneStride + left, dst + p * kWidth + g * L, kWidth);
}

template <class P, int NV>
void packPanel(const ElementOf<P>* src, int64_t laneStride, int64_t kStride, int64_t width, int64_t readable, int64_t k,
               UnitOf<P>* dst) {
  constexpr int64_t kWidth = NV * kLanes<UnitOf<P>>, kStep = P::kElements;
  if (laneStride == 1) return packLaneContiguous<P, NV>(src, kStride, width, readable, k, dst);
  if (kStride == 1) return packKContiguous<P, NV>(src, laneStride, width, k, dst);
  const int64_t units = unitsOf<P>(k);
  for (int64_t p = 0; p < units; p++) {
    for (int64_t i = 0; i < width; i++)
      dst[p * kWidth + i] = P::at(src + i * laneStride + p * kStep * kStride, kStride, k - p * kStep);
    for (int64_t i = width; i < kWidth; i++) dst[p * kWidth + i] = 0;
  }
}

}  // namespace
