// The pieces of attention: products of tiles at the speed of a matrix product, and what happens to rows of scores.
#pragma once
#include "attention.h"
#include "gemm_pack.h"
#include "gemm_tile.h"
#include "vfold.h"
#include "vmath.h"

namespace {

// Scores are kept times log2(e): powers of two are cheaper than those of e.
template <class T>
constexpr T kLog2E = static_cast<T>(1.44269504088896340736);
template <class T>
constexpr T kLn2 = static_cast<T>(0.69314718055994530942);

template <class T>
constexpr int64_t kPanel = kColVectors* kLanes<T>;

NABLA_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
NABLA_INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
NABLA_INLINE int64_t roundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
template <class T>
NABLA_INLINE int64_t padded(int64_t n) {
  return roundUp(n, kLanes<T>);
}
// Distance of the rows of a tile: one at a multiple of 4 KB from the next would push it out of the cache.
template <class T>
NABLA_INLINE int64_t tileRow(int64_t cols) {
  return padded<T>(cols) + 64 / static_cast<int64_t>(sizeof(T));
}

// C = A B, or C = keep * C + A B. B lies in panels of kPanel columns; C has rows of whole vectors.
template <class T>
struct Product {
  int64_t rows, cols, depth;
  const T* a;
  int64_t aRow, aStep;
  const T* b;
  int64_t bPanel, bStep;  // distances of panels and of rows
  T* c;
  int64_t cRow;
  bool adds;
  const T* keep;  // one factor per row of C, or null for 1
};

template <class T, int MR, int NV, bool kColumns>
void productTile(const Product<T>& p, int64_t row, int64_t panel) {
  constexpr int L = kLanes<T>;
  Vec<T> acc[MR][NV] = {};
  multiplyTile<T, MR, NV>(p.depth, p.a + row * (kColumns ? 1 : p.aRow), kColumns ? 1 : p.aRow, kColumns ? p.aStep : 1,
                          p.b + panel * p.bPanel, p.bStep, acc);
  T* c = p.c + row * p.cRow + panel * kPanel<T>;
#define NABLA_EACH(statement) \
  _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++) _Pragma("GCC unroll 4") for (int j = 0; j < NV; j++) statement
  if (p.keep) {
    NABLA_EACH(acc[i][j] += vset<T>(p.keep[row + i]) * vload(c + i * p.cRow + j * L);)
  } else if (p.adds) {
    NABLA_EACH(acc[i][j] += vload(c + i * p.cRow + j * L);)
  }
  NABLA_EACH(vstore(c + i * p.cRow + j * L, acc[i][j]);)
#undef NABLA_EACH
}

template <class T>
using ProductFn = void (*)(const Product<T>&, int64_t, int64_t);

template <class T, int NV, bool kColumns, int... I>
NABLA_INLINE ProductFn<T> productForRows(int64_t rows, LaneList<I...>) {
  static constexpr ProductFn<T> table[] = {productTile<T, I + 1, NV, kColumns>...};
  return table[rows - 1];
}

// kColumns: A lies with its columns contiguous (aRow 1), else with its rows contiguous (aStep 1).
template <class T, bool kColumns>
NABLA_INLINE void multiply(const Product<T>& p) {
  using Rows = typename MakeLanes<kRowTile>::Type;
  const int64_t tiles = (p.rows + kRowTile - 1) / kRowTile;
  if (tiles == 0) return;
  const int64_t each = p.rows / tiles, more = p.rows % tiles;
  for (int64_t panel = 0; panel * kPanel<T> < p.cols; panel++) {
    const bool narrow = p.cols - panel * kPanel<T> <= kLanes<T>;
    for (int64_t i = 0, row = 0; i < tiles; i++) {
      const int64_t rows = each + (i < more ? 1 : 0);
      const ProductFn<T> run = narrow ? productForRows<T, 1, kColumns>(rows, Rows{})
                                      : productForRows<T, kColVectors, kColumns>(rows, Rows{});
      run(p, row, panel);
      row += rows;
    }
  }
}

// Panels of columns that are rows of x: [panel][width][kPanel], zeros beyond the last row.
template <class T>
void packColumns(const nabla::cpu::AttentionRows<const T>& x, int64_t rows, int64_t width, T* to) {
  for (int64_t r = 0; r < rows && width > 0; r += kPanel<T>) {
    const int64_t count = smaller(kPanel<T>, rows - r);
    packPanel<Plain<T>, kColVectors>(x.data + r * x.row, x.row, x.col, count, count, width, to + r * width);
  }
}

// Padded rows of x times a factor.
template <class T>
void copyRows(const nabla::cpu::AttentionRows<const T>& x, int64_t rows, int64_t width, T factor, T* to) {
  const int64_t full = width / kLanes<T> * kLanes<T>, stride = padded<T>(width);
  for (int64_t r = 0; r < rows; r++, to += stride) {
    const T* from = x.data + r * x.row;
    if (x.col != 1) {
      for (int64_t i = 0; i < width; i++) to[i] = from[i * x.col] * factor;
      for (int64_t i = width; i < stride; i++) to[i] = 0;
      continue;
    }
    for (int64_t i = 0; i < full; i += kLanes<T>) vstore<T>(to + i, vload(from + i) * factor);
    if (full < width) vstore<T>(to + full, vloadPart<T>(from + full, width - full) * factor);
  }
}

template <class T>
void storeRow(const T* from, int64_t width, Vec<T> factor, T* to, int64_t col) {
  int64_t i = 0;
  if (col == 1) {
    for (; i + kLanes<T> <= width; i += kLanes<T>) vstore<T>(to + i, vload(from + i) * factor);
    if (i < width) vstorePart<T>(to + i, vload(from + i) * factor, width - i);
    return;
  }
  for (; i < width; i++) to[i * col] = from[i] * factor[0];
}

// 2^x for x up to a little above 0; 0 below 2^-125. NaN stays.
NABLA_INLINE Vec<float> powerOf2(Vec<float> x) {
  constexpr float kRound = VMath<float>::kRound;
  const Vec<float> shifted = x + kRound, r = x - (shifted - kRound);
  Vec<float> p = r * 0.0001546144776512f + 0.0013390866806731f;
  p = p * r + 0.0096180569380522f;
  p = p * r + 0.0555035695433617f;
  p = p * r + 0.2402265071868896f;
  p = p * r + 0.6931471824645996f;
  // The low bits of `shifted` hold the whole part.
  const VecInt<float> scale = ((VecInt<float>)shifted << 23) + (127 << 23);
  return vselect<float>(x < -125.0f, vzero<float>(), (p * r + 1.0f) * (Vec<float>)scale);
}
NABLA_INLINE Vec<double> powerOf2(Vec<double> x) { return vexp2<double>(x); }

template <class T>
constexpr T kMinusInfinity = static_cast<T>(-__builtin_inf());

// -infinity from element `from` on.
template <class T>
NABLA_INLINE void fillRest(T* row, int64_t from, int64_t to) {
  for (; from < to && from % kLanes<T> != 0; from++) row[from] = kMinusInfinity<T>;
  for (; from < to; from += kLanes<T>) vstore<T>(row + from, vset<T>(kMinusInfinity<T>));
}

// The masks of one row of scores: `count` keys from `key0` on, of query `query`; padding counts as masked.
template <class T>
NABLA_INLINE void maskRow(const nabla::cpu::AttentionRule<T>& rule, const void* mask, int64_t query, int64_t key0,
                          int64_t count, T* row) {
  if (rule.mask == nabla::cpu::kBoolMask) {
    const uint8_t* m = static_cast<const uint8_t*>(mask) + query * rule.maskRow + key0 * rule.maskCol;
    if (rule.maskCol == 1) {
      for (int64_t i = 0; i < count; i++) row[i] += m[i] ? T(0) : kMinusInfinity<T>;
    } else {
      for (int64_t i = 0; i < count; i++) row[i] += m[i * rule.maskCol] ? T(0) : kMinusInfinity<T>;
    }
  } else if (rule.mask == nabla::cpu::kAddedMask) {
    const T* m = static_cast<const T*>(mask) + query * rule.maskRow + key0 * rule.maskCol;
    if (rule.maskCol == 1) {
      for (int64_t i = 0; i < count; i++) row[i] += m[i] * kLog2E<T>;
    } else {
      for (int64_t i = 0; i < count; i++) row[i] += m[i * rule.maskCol] * kLog2E<T>;
    }
  }
  int64_t seen = count;
  if (rule.causal) seen = larger(0, smaller(count, query + 1 - key0));
  fillRest(row, seen, padded<T>(count));
}

// factors[i] = kept or 0 for the weights of one row of the call; `key0` is a multiple of 64.
template <class T>
NABLA_INLINE void dropoutRow(const nabla::cpu::AttentionRule<T>& rule, int64_t randomRow, int64_t key0, int64_t count,
                             T* factors) {
  constexpr int64_t kGroup = nabla::cpu::kRandomGroup32;
  const uint32_t last = rule.keep.last;
  const T kept = rule.keep.some ? rule.kept : T(0);
  for (int64_t i = 0; i < count; i += kGroup) {
    alignas(64) uint32_t w[kGroup];
    rule.words(rule.random, randomRow * rule.groups + (key0 + i) / kGroup, w);
    for (int64_t j = 0; j < kGroup; j++) factors[i + j] = w[j] <= last ? kept : T(0);
  }
}

}  // namespace
