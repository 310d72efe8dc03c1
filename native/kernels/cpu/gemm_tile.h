// The register tile: MR rows times NV vectors of C stay in registers while K runs.
#pragma once
#include "vec.h"

namespace {

// Rows of a tile: what fills the registers and keeps both multiply-add units busy (docs: 14x2 for 32 registers, 6x2 for
// 16).
#if NABLA_VECTOR_BYTES == 64
constexpr int kRowTile = 14;
#elif NABLA_VECTOR_BYTES == 32
constexpr int kRowTile = 6;
#elif defined(__aarch64__)
constexpr int kRowTile = 12;
#else
constexpr int kRowTile = 4;
#endif
constexpr int kColVectors = 2;

// acc[i][j] += sum over k of a[k * aStep + i * aRow] * b[k * bStep + vector j]
template <class T, int MR, int NV>
NABLA_INLINE void multiplyTile(int64_t k, const T* a, int64_t aRow, int64_t aStep, const T* b, int64_t bStep,
                               Vec<T> (&acc)[MR][NV]) {
  for (int64_t p = 0; p < k; p++) {
    Vec<T> bv[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) bv[j] = vload(b + j * kLanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++) {
      const Vec<T> av = vset<T>(a[i * aRow]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) acc[i][j] += av * bv[j];
    }
    a += aStep;
    b += bStep;
  }
}

}  // namespace
