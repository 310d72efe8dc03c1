// Products with few rows: bound by reading B once, so nothing is packed.
#pragma once
#include "gemm_units.h"

namespace {

#if NABLA_VECTOR_BYTES == 64 || defined(__aarch64__)
constexpr int kDotTile = 4;  // 4 x 4 sums
#else
constexpr int kDotTile = 2;
#endif
constexpr int kDotRows = 8;

// C[i, j] from the sum of its products.
template <class T>
NABLA_INLINE void finishElement(const nabla::cpu::GemmTask<T>& t, int64_t i, int64_t j, Sum<T> sum) {
  T* c = t.c + i * t.cRow + j * t.cCol;
  Sum<T> x = t.alpha * sum;
  if (t.beta != 0) x += t.beta * toSum(*c);
  if (t.rowBias) x += toSum(t.rowBias[i * t.rowBiasStride]);
  if (t.colBias) x += toSum(t.colBias[j * t.colBiasStride]);
  storeSum(c, t.relu && x < 0 ? Sum<T>(0) : x);
}
template <class T>
NABLA_INLINE void storeElement(const nabla::cpu::GemmTask<T>& t, int64_t i, int64_t j, Sum<T> sum) {
  if (t.sums)
    t.sums[i * t.sumsRow + j] = sum;
  else
    finishElement(t, i, j, sum);
}

// C[i.., j..] of MR x NR dot products along contiguous K.
template <class T, int MR, int NR>
void dotTile(const nabla::cpu::GemmTask<T>& t, int64_t i0, int64_t j0) {
  using S = Sum<T>;
  constexpr int L = kLanes<S>;
  const T* a = t.a + i0 * t.aRow;
  const T* b = t.b + j0 * t.bCol;
  S sums[MR][NR] = {};
  constexpr int64_t kBlock = 2048;  // one chain of sums over all of K would lose digits
  for (int64_t k0 = 0; k0 < t.k; k0 += kBlock) {
    const int64_t k1 = k0 + kBlock < t.k ? k0 + kBlock : t.k;
    Vec<S> acc[MR][NR] = {};
    int64_t k = k0;
    for (; k + L <= k1; k += L) {
      Vec<S> bv[NR];
#pragma GCC unroll 4
      for (int j = 0; j < NR; j++) bv[j] = vloadSum(b + j * t.bCol + k);
#pragma GCC unroll 4
      for (int i = 0; i < MR; i++) {
        const Vec<S> av = vloadSum(a + i * t.aRow + k);
#pragma GCC unroll 4
        for (int j = 0; j < NR; j++) acc[i][j] += av * bv[j];
      }
    }
    for (int i = 0; i < MR; i++) {
      for (int j = 0; j < NR; j++) {
        S rest = 0;
        for (int64_t p = k; p < k1; p++) rest += toSum(a[i * t.aRow + p]) * toSum(b[j * t.bCol + p]);
        sums[i][j] += vsum<S>(acc[i][j]) + rest;
      }
    }
  }
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < NR; j++) storeElement(t, i0 + i, j0 + j, sums[i][j]);
}

template <class T, int NR>
NABLA_INLINE void dotRowsOf(const nabla::cpu::GemmTask<T>& t, int64_t j) {
  int64_t i = 0;
  for (; i + kDotTile <= t.m; i += kDotTile) dotTile<T, kDotTile, NR>(t, i, j);
  for (; i < t.m; i++) dotTile<T, 1, NR>(t, i, j);
}

template <class T>
void dotColumns(const nabla::cpu::GemmTask<T>& t, int64_t n0, int64_t n1) {
  int64_t j = n0;
  for (; j + 4 <= n1; j += 4) dotRowsOf<T, 4>(t, j);
  for (; j < n1; j++) dotRowsOf<T, 1>(t, j);
}

// sums[i][j] += a[i][k] * b[k][j] for four k at a time: one load and store of the sums per four multiply-adds.
template <class T>
NABLA_INLINE void axpyStep(const nabla::cpu::GemmTask<T>& t, int64_t k, int64_t j0, int64_t cols, Sum<T>* sums,
                           int64_t sumsRow) {
  using S = Sum<T>;
  constexpr int L = kLanes<S>;
  const T* b0 = t.b + k * t.bRow + j0;
  const T *b1 = b0 + t.bRow, *b2 = b1 + t.bRow, *b3 = b2 + t.bRow;
  for (int64_t i = 0; i < t.m; i++) {
    const T* a = t.a + i * t.aRow + k * t.aCol;
    const S a0 = toSum(a[0]), a1 = toSum(a[t.aCol]), a2 = toSum(a[2 * t.aCol]), a3 = toSum(a[3 * t.aCol]);
    S* s = sums + i * sumsRow;
    int64_t j = 0;
    for (; j + L <= cols; j += L) {
      Vec<S> x = vload(s + j);
      x += vset<S>(a0) * vloadSum(b0 + j);
      x += vset<S>(a1) * vloadSum(b1 + j);
      x += vset<S>(a2) * vloadSum(b2 + j);
      x += vset<S>(a3) * vloadSum(b3 + j);
      vstore(s + j, x);
    }
    for (; j < cols; j++) {
      S x = s[j];
      x += a0 * toSum(b0[j]);
      x += a1 * toSum(b1[j]);
      x += a2 * toSum(b2[j]);
      x += a3 * toSum(b3[j]);
      s[j] = x;
    }
  }
}

template <class T>
void axpyColumns(const nabla::cpu::GemmTask<T>& t, int64_t n0, int64_t n1) {
  constexpr int64_t kCols = 128, kBlock = 512;
  Sum<T> total[kDotRows * kCols], sums[kDotRows * kCols];
  for (int64_t j0 = n0; j0 < n1; j0 += kCols) {
    const int64_t cols = j0 + kCols < n1 ? kCols : n1 - j0;
    const int64_t used = t.m * kCols;
    for (int64_t i = 0; i < used; i++) total[i] = 0;
    for (int64_t k0 = 0; k0 < t.k; k0 += kBlock) {
      const int64_t k1 = k0 + kBlock < t.k ? k0 + kBlock : t.k;
      for (int64_t i = 0; i < used; i++) sums[i] = 0;
      int64_t k = k0;
      for (; k + 4 <= k1; k += 4) axpyStep(t, k, j0, cols, sums, kCols);
      for (; k < k1; k++)
        for (int64_t i = 0; i < t.m; i++)
          for (int64_t j = 0; j < cols; j++)
            sums[i * kCols + j] += toSum(t.a[i * t.aRow + k * t.aCol]) * toSum(t.b[k * t.bRow + j0 + j]);
      for (int64_t i = 0; i < used; i++) total[i] += sums[i];
    }
    for (int64_t i = 0; i < t.m; i++)
      for (int64_t j = 0; j < cols; j++) storeElement(t, i, j0 + j, total[i * kCols + j]);
  }
}

}  // namespace
