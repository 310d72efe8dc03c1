#include "gemm.h"

#include "gemm_pack.h"
#include "gemm_skinny.h"
#include "gemm_tile.h"

#if defined(__x86_64__) && NABLA_VECTOR_BYTES == 64
#include <immintrin.h>
#define NABLA_BF16_PAIRS __attribute__((target("avx512bf16")))
#endif

namespace {

using nabla::cpu::GemmTable;
using nabla::cpu::GemmTask;
using nabla::cpu::IntegerGemm;
using nabla::cpu::SumOf;

template <class U>
constexpr int kAVectors = (kRowTile + kLanes<U> - 1) / kLanes<U>;
template <class U>
constexpr int64_t kAWidth = kAVectors<U>* kLanes<U>;
template <class U>
constexpr int64_t kBWidth = kColVectors* kLanes<U>;

NABLA_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// In elements.
template <class P>
NABLA_INLINE int64_t kBegin(const GemmTask<ElementOf<P>>& t, int64_t block) {
  return least(t.k, block * unitsOf<P>(t.k) / t.kBlocks * P::kElements);
}
// Even panels: a last panel of one row would run at a fifth of the speed.
template <class T>
NABLA_INLINE int64_t rowBegin(const GemmTask<T>& t, int64_t panel) {
  return panel * (t.m / t.rowPanels) + least(panel, t.m % t.rowPanels);
}

// One register tile of one K block: whole vectors of C, or of sums on their way there.
template <class U>
struct TileJob {
  int64_t k;
  const U* a;
  const U* b;
  int64_t bStep;
  U* c;
  int64_t cRow;
  bool adds;
};

template <class U, int MR, int NV>
NABLA_INLINE void storeTile(const TileJob<U>& job, Vec<U> (&acc)[MR][NV]) {
  constexpr int L = kLanes<U>;
  U* const c = job.c;
  const int64_t cRow = job.cRow;
#define NABLA_EACH(statement) \
  _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++) _Pragma("GCC unroll 4") for (int j = 0; j < NV; j++) statement
  if (job.adds) NABLA_EACH(acc[i][j] += vload(c + i * cRow + j * L);)
  NABLA_EACH(vstore(c + i * cRow + j * L, acc[i][j]);)
#undef NABLA_EACH
}

template <class U, int MR, int NV>
void tile(const TileJob<U>& job) {
  Vec<U> acc[MR][NV] = {};
  multiplyTile<U, MR, NV>(job.k, job.a, 1, kAWidth<U>, job.b, job.bStep, acc);
  storeTile<U, MR, NV>(job, acc);
}

#ifdef NABLA_BF16_PAIRS
template <int MR, int NV>
NABLA_BF16_PAIRS void pairTile(const TileJob<float>& job) {
  Vec<float> acc[MR][NV] = {};
  const float *a = job.a, *b = job.b;
  for (int64_t p = 0; p < job.k; p++) {
    __m512bh bv[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) bv[j] = (__m512bh)vload(b + j * kLanes<float>);
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++) {
      const __m512bh av = (__m512bh)_mm512_set1_ps(a[i]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], bv[j], av);
    }
    a += kAWidth<float>;
    b += job.bStep;
  }
  storeTile<float, MR, NV>(job, acc);
}
#endif

template <class U>
using TileFn = void (*)(const TileJob<U>&);

template <class P, int NV, int... I>
NABLA_INLINE TileFn<UnitOf<P>> tileForRows(int64_t rows, LaneList<I...>) {
#ifdef NABLA_BF16_PAIRS
  if constexpr (P::kElements == 2) {
    static constexpr TileFn<float> pairs[] = {pairTile<I + 1, NV>...};
    return pairs[rows - 1];
  }
#endif
  static constexpr TileFn<UnitOf<P>> table[] = {tile<UnitOf<P>, I + 1, NV>...};
  return table[rows - 1];
}
template <class P>
NABLA_INLINE TileFn<UnitOf<P>> tileFor(int64_t rows, bool narrow) {
  using Rows = typename MakeLanes<kRowTile>::Type;
  return narrow ? tileForRows<P, 1>(rows, Rows{}) : tileForRows<P, kColVectors>(rows, Rows{});
}

// Whether a tile of C is its sums as they are, or added to what is there.
template <class T>
NABLA_INLINE bool takesSums(const GemmTask<T>& t) {
  return t.cCol == 1 && t.alpha == 1 && (t.beta == 0 || t.beta == 1) && !t.rowBias && !t.colBias && !t.relu;
}

// C[row.., col..] from sums that are complete.
template <class T>
__attribute__((noinline)) void finish(const GemmTask<T>& t, int64_t row, int64_t col, int64_t rows, int64_t cols,
                                      const Sum<T>* sums, int64_t sumsRow) {
  using S = Sum<T>;
  constexpr int64_t L = kLanes<S>;
  if (t.cCol != 1 || (t.colBias && t.colBiasStride != 1)) {
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < cols; j++) finishElement(t, row + i, col + j, sums[i * sumsRow + j]);
    return;
  }
  const Vec<S> alpha = vset<S>(t.alpha), beta = vset<S>(t.beta), none = vset<S>(S(-0.0));
  const S floor = t.relu ? S(0) : -static_cast<S>(__builtin_inf());
  for (int64_t j = 0; j < cols; j += L) {
    const int64_t lanes = least(L, cols - j);
    const bool whole = lanes == L;
    const T* bias = t.colBias + col + j;
    const Vec<S> shift = !t.colBias ? none : whole ? vloadSum(bias) : vloadSum(bias, lanes);
    for (int64_t i = 0; i < rows; i++) {
      T* c = t.c + (row + i) * t.cRow + col + j;
      Vec<S> x = alpha * vload(sums + i * sumsRow + j);
      if (t.beta != 0) x += beta * (whole ? vloadSum(c) : vloadSum(c, lanes));
      if (t.rowBias) x += vset<S>(toSum(t.rowBias[(row + i) * t.rowBiasStride]));
      x += shift;
      x = x < floor ? vzero<S>() : x;
      if (whole)
        vstoreSum(c, x);
      else
        vstoreSum(c, x, lanes);
    }
  }
}

template <class P>
NABLA_INLINE void packPanelA(const GemmTask<ElementOf<P>>& t, int64_t block, int64_t panel, UnitOf<P>* dst) {
  const int64_t row = rowBegin(t, panel), k = kBegin<P>(t, block);
  packPanel<P, kAVectors<UnitOf<P>>>(t.a + row * t.aRow + k * t.aCol, t.aRow, t.aCol, rowBegin(t, panel + 1) - row,
                                     t.m - row, kBegin<P>(t, block + 1) - k, dst);
}
// Panels [from, to) of B, one after the other at `dst`. Where B lies along N, eight panels are filled together: long
// runs of each row of B are read at once.
template <class P>
void packPanelsB(const GemmTask<ElementOf<P>>& t, int64_t block, int64_t from, int64_t to, UnitOf<P>* dst) {
  using U = UnitOf<P>;
  constexpr int64_t kTogether = 8;
  const int64_t k = kBegin<P>(t, block), depth = kBegin<P>(t, block + 1) - k, size = unitsOf<P>(depth) * kBWidth<U>;
  int64_t q = from;
  if (t.bCol == 1) {
    for (; q < to && (q + 1) * kBWidth<U> <= t.n;) {
      const int64_t full = least(least(to, t.n / kBWidth<U>) - q, kTogether);
      packFullPanels<P, kColVectors>(t.b + k * t.bRow + q * kBWidth<U>, t.bRow, full, depth, dst + (q - from) * size);
      q += full;
    }
  }
  for (; q < to; q++) {
    const int64_t col = q * kBWidth<U>, width = least(kBWidth<U>, t.n - col);
    const auto pack = width <= kLanes<U> ? packPanel<P, 1> : packPanel<P, kColVectors>;
    pack(t.b + col * t.bCol + k * t.bRow, t.bCol, t.bRow, width, width, depth, dst + (q - from) * size);
  }
}

// Units before a block, and in it.
template <class P>
struct Span {
  int64_t before, units;
  Span(const GemmTask<ElementOf<P>>& t, int64_t block)
      : before(kBegin<P>(t, block) / P::kElements), units(unitsOf<P>(kBegin<P>(t, block + 1)) - before) {}
};

template <class P>
void packA(const GemmTask<ElementOf<P>>& t, int64_t block, int64_t from, int64_t to) {
  constexpr int64_t kWidth = kAWidth<UnitOf<P>>;
  const Span<P> span(t, block);
  UnitOf<P>* base = t.packedA + span.before * t.rowPanels * kWidth;
  for (int64_t p = from; p < to; p++) packPanelA<P>(t, block, p, base + p * span.units * kWidth);
}
template <class P>
void packB(const GemmTask<ElementOf<P>>& t, int64_t block, int64_t from, int64_t to) {
  constexpr int64_t kWidth = kBWidth<UnitOf<P>>;
  const Span<P> span(t, block);
  UnitOf<P>* base = t.packedB + span.before * t.colPanels * kWidth;
  packPanelsB<P>(t, block, from, to, base + from * span.units * kWidth);
}

// The tiles of a row panel in one K block.
template <class P>
struct Strip {
  int64_t row, rows, units;
  const UnitOf<P>* a;
  const UnitOf<P>* b;        // packed panels from the first one on
  const UnitOf<P>* inPlace;  // or the block's rows of B, for full panels
  UnitOf<P>* sums;           // from the first panel on; null: nothing waits for the next block
  int64_t sumsRow;
  bool adds, finishes, takesSums;
};

template <class P>
NABLA_INLINE void rowOfTiles(const GemmTask<ElementOf<P>>& t, const Strip<P>& s, int64_t q0, int64_t q1) {
  using U = UnitOf<P>;
  constexpr int64_t kWidth = kBWidth<U>;
  alignas(64) U buffer[kRowTile * kWidth];
  for (int64_t q = q0; q < q1; q++) {
    const int64_t col = q * kWidth, cols = least(kWidth, t.n - col);
    const bool narrow = cols <= kLanes<U>;
    TileJob<U> job{s.units, s.a, s.b + (q - q0) * s.units * kWidth, narrow ? kLanes<U> : kWidth, buffer, kWidth, false};
    if (s.inPlace && cols == kWidth) job.b = s.inPlace + col, job.bStep = t.bRow;
    bool finishes = true;
    if (s.sums) {
      job.c = s.sums + (q - q0) * kWidth, job.cRow = s.sumsRow, job.adds = s.adds;
      finishes = s.finishes;
    }
    if constexpr (!SumOf<ElementOf<P>>::kApart) {
      if (s.takesSums && cols % kLanes<U> == 0) {
        job.c = t.c + s.row * t.cRow + col, job.cRow = t.cRow, job.adds = t.beta == 1;
        finishes = false;
      }
    }
    tileFor<P>(s.rows, narrow)(job);
    if (finishes) finish(t, s.row, col, s.rows, cols, job.c, job.cRow);
  }
}

template <class P>
void chunk(const GemmTask<ElementOf<P>>& t, int64_t p0, int64_t p1, int64_t q0, int64_t q1, UnitOf<P>* scratch) {
  using U = UnitOf<P>;
  constexpr bool kApart = SumOf<ElementOf<P>>::kApart;
  const int64_t maxUnits = (unitsOf<P>(t.k) + t.kBlocks - 1) / t.kBlocks;
  U* ownA = scratch;
  U* ownB = ownA + (t.packedA ? 0 : (p1 - p0) * maxUnits * kAWidth<U>);
  // One row panel uses each panel of B once: a copy would not pay.
  const bool direct = !kApart && !t.packedB && p1 - p0 == 1 && t.bCol == 1;
  GemmTask<ElementOf<P>> step = t;
  Strip<P> strip{};
  U* sums = nullptr;
  if (kApart && t.sums) {
    sums = t.sums + rowBegin(t, p0) * t.sumsRow + q0 * kBWidth<U>;
    strip.sumsRow = t.sumsRow;
  } else if (kApart && t.kBlocks > 1) {
    sums = ownB + (t.packedB ? 0 : (q1 - q0) * maxUnits * kBWidth<U>);
    strip.sumsRow = (q1 - q0) * kBWidth<U>;
  }
  for (int64_t block = 0; block < t.kBlocks; block++) {
    const Span<P> span(t, block);
    const bool last = block == t.kBlocks - 1;
    if (!kApart) {
      step.beta = block == 0 ? t.beta : 1;
      step.rowBias = last ? t.rowBias : nullptr;
      step.colBias = last ? t.colBias : nullptr;
      step.relu = last && t.relu;
      strip.takesSums = takesSums(step);
    }
    strip.units = span.units;
    strip.adds = block > 0 || t.sumsAdd;
    strip.finishes = last && !t.sumsStay;
    const U* a = ownA;
    strip.b = ownB;
    if (t.packedA) {
      a = t.packedA + (span.before * t.rowPanels + p0 * span.units) * kAWidth<U>;
    } else {
      for (int64_t p = p0; p < p1; p++) packPanelA<P>(t, block, p, ownA + (p - p0) * span.units * kAWidth<U>);
    }
    if (t.packedB) {
      strip.b = t.packedB + (span.before * t.colPanels + q0 * span.units) * kBWidth<U>;
    } else {
      const int64_t first = direct ? least(q1, t.n / kBWidth<U>) : q0;
      packPanelsB<P>(t, block, first, q1, ownB + (first - q0) * span.units * kBWidth<U>);
    }
    if constexpr (!kApart) strip.inPlace = direct ? t.b + span.before * t.bRow : nullptr;
    for (int64_t p = p0; p < p1; p++) {
      strip.row = rowBegin(t, p);
      strip.rows = rowBegin(t, p + 1) - strip.row;
      strip.a = a + (p - p0) * span.units * kAWidth<U>;
      if (sums) strip.sums = sums + (strip.row - rowBegin(t, p0)) * strip.sumsRow;
      rowOfTiles<P>(step, strip, q0, q1);
    }
  }
}

template <class T>
void combine(const GemmTask<T>& t, int64_t parts, int64_t m0, int64_t m1) {
  for (int64_t i = m0; i < m1; i++) {
    for (int64_t j = 0; j < t.n; j++) {
      Sum<T> sum = 0;
      for (int64_t p = 0; p < parts; p++) sum += t.sums[(p * t.m + i) * t.sumsRow + j];
      finishElement(t, i, j, sum);
    }
  }
}

// 4 rows times 64 columns of sums; unsigned arithmetic, because overflow wraps.
template <class T>
void integer(const IntegerGemm& t, int64_t m0, int64_t m1) {
  constexpr int64_t kRows = 4, kCols = 64;
  const T* a = static_cast<const T*>(t.a);
  const T* b = static_cast<const T*>(t.b);
  T* c = static_cast<T*>(t.c);
  for (int64_t i0 = m0; i0 < m1; i0 += kRows) {
    const int64_t rows = least(kRows, m1 - i0);
    for (int64_t j0 = 0; j0 < t.n; j0 += kCols) {
      const int64_t cols = least(kCols, t.n - j0);
      T sums[kRows][kCols] = {}, copy[kCols] = {};
      for (int64_t k = 0; k < t.k; k++) {
        const T* line = b + k * t.bRow + j0 * t.bCol;
        if (t.bCol != 1 || cols < kCols) {
          for (int64_t j = 0; j < cols; j++) copy[j] = line[j * t.bCol];
          line = copy;
        }
        for (int64_t i = 0; i < rows; i++) {
          const T x = a[(i0 + i) * t.aRow + k * t.aCol];
          for (int64_t j = 0; j < kCols; j++) sums[i][j] += x * line[j];
        }
      }
      for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) c[(i0 + i) * t.cRow + (j0 + j) * t.cCol] = sums[i][j];
    }
  }
}

template <class P, class T = ElementOf<P>>
void fill(GemmTable<T>& table) {
  table.rowTile = kRowTile;
  table.aWidth = kAWidth<UnitOf<P>>;
  table.bWidth = kBWidth<UnitOf<P>>;
  table.kBlock = sizeof(UnitOf<P>) == 4 ? 384 : 256;
  table.kUnit = P::kElements;
  table.dotRows = kDotRows;
  table.packA = packA<P>;
  table.packB = packB<P>;
  table.chunk = chunk<P>;
  table.dot = dotColumns<T>;
  table.axpy = axpyColumns<T>;
  table.combine = combine<T>;
}

}  // namespace

extern "C" void NABLA_REGISTER(gemm)(nabla::cpu::GemmKernels* t) {
  fill<Plain<float>>(t->f32);
  fill<Plain<double>>(t->f64);
  fill<Widened>(t->bf16Widened);
  t->bf16 = t->bf16Widened;
#ifdef NABLA_BF16_PAIRS
  if (__builtin_cpu_supports("avx512bf16")) {
    fill<Paired>(t->bf16);
    t->bf16.dotRows = 4;  // dot() widens: the pairs of a tile are soon faster
  }
#endif
  t->int32 = integer<uint32_t>;
  t->int64 = integer<uint64_t>;
}
