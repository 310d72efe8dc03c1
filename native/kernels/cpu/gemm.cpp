#include "gemm.h"

#include "gemm_pack.h"
#include "gemm_skinny.h"
#include "gemm_tile.h"

namespace {

using nabla::cpu::GemmTable;
using nabla::cpu::GemmTask;
using nabla::cpu::IntegerGemm;

template <class T>
constexpr int kAVectors = (kRowTile + kLanes<T> - 1) / kLanes<T>;
template <class T>
constexpr int64_t kAWidth = kAVectors<T>* kLanes<T>;
template <class T>
constexpr int64_t kBWidth = kColVectors* kLanes<T>;

NABLA_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

template <class T>
NABLA_INLINE int64_t kBegin(const GemmTask<T>& t, int64_t block) {
  return block * t.k / t.kBlocks;
}
// Even panels: a last panel of one row would run at a fifth of the speed.
template <class T>
NABLA_INLINE int64_t rowBegin(const GemmTask<T>& t, int64_t panel) {
  return panel * (t.m / t.rowPanels) + least(panel, t.m % t.rowPanels);
}

// One register tile of one K block.
template <class T>
struct TileJob {
  int64_t k;
  const T* a;
  const T* b;
  int64_t bStep;
  int64_t row, col, cols;
  T beta;
  bool last;
};

// Any column stride: element by element.
template <class T>
__attribute__((noinline)) void storeStrided(const GemmTask<T>& t, const TileJob<T>& job, int rows, const T* tile,
                                            int64_t tileRow) {
  for (int64_t i = 0; i < rows; i++) {
    T* c = t.c + (job.row + i) * t.cRow + job.col * t.cCol;
    const T* sums = tile + i * tileRow;
    const T rowBias = job.last && t.rowBias ? t.rowBias[(job.row + i) * t.rowBiasStride] : T(0);
    for (int64_t j = 0; j < job.cols; j++) {
      T x = t.alpha * sums[j];
      if (job.beta != 0) x += job.beta * c[j * t.cCol];
      if (job.last) {
        x += rowBias;
        if (t.colBias) x += t.colBias[(job.col + j) * t.colBiasStride];
        if (t.relu) x = x < 0 ? T(0) : x;
      }
      c[j * t.cCol] = x;
    }
  }
}

// The first n lanes; memory past them is not touched.
template <class T>
NABLA_INLINE Vec<T> loadFirst(const T* p, int64_t n) {
  T part[kLanes<T>] = {};
  for (int64_t i = 0; i < n; i++) part[i] = p[i];
  return vload(part);
}
template <class T>
NABLA_INLINE void storeFirst(T* p, Vec<T> v, int64_t n) {
  T part[kLanes<T>];
  vstore(part, v);
  for (int64_t i = 0; i < n; i++) p[i] = part[i];
}

// Contiguous rows of C. Partial: only `tail` lanes of the last vector are inside the matrix.
template <class T, int MR, int NV, bool Partial>
NABLA_INLINE void storeRows(const GemmTask<T>& t, const TileJob<T>& job, Vec<T> (&acc)[MR][NV]) {
  constexpr int L = kLanes<T>;
  const int64_t tail = job.cols - (NV - 1) * L;
  const auto load = [&](const T* p, int j) { return Partial && j == NV - 1 ? loadFirst(p, tail) : vload(p); };
  T* c = t.c + job.row * t.cRow + job.col;
  const Vec<T> alpha = vset<T>(t.alpha), beta = vset<T>(job.beta);
#define NABLA_EACH(statement) \
  _Pragma("GCC unroll 16") for (int i = 0; i < MR; i++) _Pragma("GCC unroll 4") for (int j = 0; j < NV; j++) statement
  if (t.alpha != 1) NABLA_EACH(acc[i][j] *= alpha;)
  if (job.beta == 1) {
    NABLA_EACH(acc[i][j] += load(c + i * t.cRow + j * L, j);)
  } else if (job.beta != 0) {
    NABLA_EACH(acc[i][j] += beta * load(c + i * t.cRow + j * L, j);)
  }
  if (job.last) {
    if (t.rowBias) NABLA_EACH(acc[i][j] += vset<T>(t.rowBias[(job.row + i) * t.rowBiasStride]);)
    if (t.colBias) {
      Vec<T> bias[NV];
      for (int j = 0; j < NV; j++) bias[j] = load(t.colBias + job.col + j * L, j);
      NABLA_EACH(acc[i][j] += bias[j];)
    }
    if (t.relu) NABLA_EACH(acc[i][j] = acc[i][j] < 0 ? vzero<T>() : acc[i][j];)
  }
  if (!Partial) {
    NABLA_EACH(vstore(c + i * t.cRow + j * L, acc[i][j]);)
    return;
  }
  NABLA_EACH(if (j < NV - 1) vstore(c + i * t.cRow + j * L, acc[i][j]);)
  for (int i = 0; i < MR; i++) storeFirst(c + i * t.cRow + (NV - 1) * L, acc[i][NV - 1], tail);
#undef NABLA_EACH
}

template <class T, int MR, int NV>
void tile(const GemmTask<T>& t, const TileJob<T>& job) {
  constexpr int L = kLanes<T>;
  Vec<T> acc[MR][NV] = {};
  multiplyTile<T, MR, NV>(job.k, job.a, 1, kAWidth<T>, job.b, job.bStep, acc);
  if (t.cCol == 1 && (!t.colBias || t.colBiasStride == 1)) {
    if (job.cols == NV * L) return storeRows<T, MR, NV, false>(t, job, acc);
    return storeRows<T, MR, NV, true>(t, job, acc);
  }
  alignas(64) T sums[MR * NV * L];
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < NV; j++) vstore(sums + (i * NV + j) * L, acc[i][j]);
  storeStrided(t, job, MR, sums, NV * L);
}

template <class T>
using TileFn = void (*)(const GemmTask<T>&, const TileJob<T>&);

template <class T, int NV, int... I>
NABLA_INLINE TileFn<T> tileForRows(int64_t rows, LaneList<I...>) {
  static constexpr TileFn<T> table[] = {tile<T, I + 1, NV>...};
  return table[rows - 1];
}
template <class T>
NABLA_INLINE TileFn<T> tileFor(int64_t rows, bool narrow) {
  using Rows = typename MakeLanes<kRowTile>::Type;
  return narrow ? tileForRows<T, 1>(rows, Rows{}) : tileForRows<T, kColVectors>(rows, Rows{});
}

template <class T>
void packPanelA(const GemmTask<T>& t, int64_t block, int64_t panel, T* dst) {
  const int64_t row = rowBegin(t, panel), k = kBegin(t, block);
  packPanel<T, kAVectors<T>>(t.a + row * t.aRow + k * t.aCol, t.aRow, t.aCol, rowBegin(t, panel + 1) - row, t.m - row,
                             kBegin(t, block + 1) - k, dst);
}
// Panels [from, to) of B, one after the other at `dst`. Where B lies along N, eight panels are filled together: long
// runs of each row of B are read at once.
template <class T>
void packPanelsB(const GemmTask<T>& t, int64_t block, int64_t from, int64_t to, T* dst) {
  constexpr int64_t kTogether = 8;
  const int64_t k = kBegin(t, block), depth = kBegin(t, block + 1) - k;
  int64_t q = from;
  if (t.bCol == 1) {
    for (; q < to && (q + 1) * kBWidth<T> <= t.n;) {
      const int64_t full = least(least(to, t.n / kBWidth<T>) - q, kTogether);
      packFullPanels<T, kColVectors>(t.b + k * t.bRow + q * kBWidth<T>, t.bRow, full, depth,
                                     dst + (q - from) * depth * kBWidth<T>);
      q += full;
    }
  }
  for (; q < to; q++) {
    const int64_t col = q * kBWidth<T>, width = least(kBWidth<T>, t.n - col);
    const auto pack = width <= kLanes<T> ? packPanel<T, 1> : packPanel<T, kColVectors>;
    pack(t.b + col * t.bCol + k * t.bRow, t.bCol, t.bRow, width, width, depth, dst + (q - from) * depth * kBWidth<T>);
  }
}

template <class T>
void packA(const GemmTask<T>& t, int64_t block, int64_t from, int64_t to) {
  const int64_t k = kBegin(t, block), depth = kBegin(t, block + 1) - k;
  T* base = t.packedA + k * t.rowPanels * kAWidth<T>;
  for (int64_t p = from; p < to; p++) packPanelA(t, block, p, base + p * depth * kAWidth<T>);
}
template <class T>
void packB(const GemmTask<T>& t, int64_t block, int64_t from, int64_t to) {
  const int64_t k = kBegin(t, block), depth = kBegin(t, block + 1) - k;
  T* base = t.packedB + k * t.colPanels * kBWidth<T>;
  packPanelsB(t, block, from, to, base + from * depth * kBWidth<T>);
}

// The row panel's tiles of one K block. `b` holds the packed panels from q0 on; where `direct`, full panels are read in
// place.
template <class T>
NABLA_INLINE void rowOfTiles(const GemmTask<T>& t, TileJob<T> job, int64_t rows, int64_t q0, int64_t q1, const T* b,
                             int64_t kStart, bool direct) {
  for (int64_t q = q0; q < q1; q++) {
    job.col = q * kBWidth<T>;
    job.cols = least(kBWidth<T>, t.n - job.col);
    const bool inPlace = direct && job.cols == kBWidth<T>;
    job.b = inPlace ? t.b + kStart * t.bRow + job.col : b + (q - q0) * job.k * kBWidth<T>;
    const bool narrow = job.cols <= kLanes<T>;
    job.bStep = inPlace ? t.bRow : narrow ? kLanes<T> : kBWidth<T>;
    tileFor<T>(rows, narrow)(t, job);
  }
}

template <class T>
void chunk(const GemmTask<T>& t, int64_t p0, int64_t p1, int64_t q0, int64_t q1, T* scratch) {
  const int64_t maxDepth = (t.k + t.kBlocks - 1) / t.kBlocks;
  T* ownA = scratch;
  T* ownB = scratch + (t.packedA ? 0 : (p1 - p0) * maxDepth * kAWidth<T>);
  // One row panel uses each panel of B once: a copy would not pay.
  const bool direct = !t.packedB && p1 - p0 == 1 && t.bCol == 1;
  for (int64_t block = 0; block < t.kBlocks; block++) {
    const int64_t k = kBegin(t, block);
    TileJob<T> job{};
    job.k = kBegin(t, block + 1) - k;
    job.beta = block == 0 ? t.beta : T(1);
    job.last = block == t.kBlocks - 1;
    const T* a = ownA;
    const T* b = ownB;
    if (t.packedA) {
      a = t.packedA + (k * t.rowPanels + p0 * job.k) * kAWidth<T>;
    } else {
      for (int64_t p = p0; p < p1; p++) packPanelA(t, block, p, ownA + (p - p0) * job.k * kAWidth<T>);
    }
    if (t.packedB) {
      b = t.packedB + (k * t.colPanels + q0 * job.k) * kBWidth<T>;
    } else {
      const int64_t first = direct ? least(q1, t.n / kBWidth<T>) : q0;
      packPanelsB(t, block, first, q1, ownB + (first - q0) * job.k * kBWidth<T>);
    }
    for (int64_t p = p0; p < p1; p++) {
      job.row = rowBegin(t, p);
      job.a = a + (p - p0) * job.k * kAWidth<T>;
      rowOfTiles(t, job, rowBegin(t, p + 1) - job.row, q0, q1, b, k, direct);
    }
  }
}

template <class T>
void combine(const GemmTask<T>& t, int64_t parts, int64_t m0, int64_t m1) {
  for (int64_t i = m0; i < m1; i++) {
    for (int64_t j = 0; j < t.n; j++) {
      T sum = 0;
      for (int64_t p = 0; p < parts; p++) sum += t.packedA[(p * t.m + i) * t.n + j];
      storeElement(t, i, j, sum);
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

template <class T>
void fill(GemmTable<T>& table) {
  table.rowTile = kRowTile;
  table.aWidth = kAWidth<T>;
  table.bWidth = kBWidth<T>;
  table.kBlock = sizeof(T) == 4 ? 384 : 256;
  table.dotRows = kDotRows;
  table.packA = packA<T>;
  table.packB = packB<T>;
  table.chunk = chunk<T>;
  table.dot = dotColumns<T>;
  table.axpy = axpyColumns<T>;
  table.combine = combine<T>;
}

}  // namespace

extern "C" void NABLA_REGISTER(gemm)(nabla::cpu::GemmKernels* t) {
  fill(t->f32);
  fill(t->f64);
  t->int32 = integer<uint32_t>;
  t->int64 = integer<uint64_t>;
}
