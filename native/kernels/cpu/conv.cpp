// Direct convolution on channels-last rows: a GEMM whose rows overlap. A row is a result pixel; for one kernel row its
// inputs are kernelWidth * channels consecutive elements, so nothing is lowered and only the weights are packed.
#include "conv.h"

#include "conv_tiles.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

using nabla::cpu::ConvPack;
using nabla::cpu::ConvPad;
using nabla::cpu::ConvTile;

// Longest chain of additions in one accumulator; longer sums are made of such pieces.
constexpr int64_t kChain = 256;

template <class T>
NABLA_INLINE void storeLanes(T* p, Vec<T> v, int64_t lanes) {
  if (lanes == kLanes<T>) {
    vstore(p, v);
    return;
  }
#if NABLA_VECTOR_BYTES == 64
  const unsigned mask = (1u << lanes) - 1;
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>(mask), reinterpret_cast<__m512>(v));
  } else {
    _mm512_mask_storeu_pd(p, static_cast<__mmask8>(mask), reinterpret_cast<__m512d>(v));
  }
#else
  for (int64_t i = 0; i < lanes; i++) p[i] = v[i];
#endif
}

template <class T>
NABLA_INLINE Vec<T> loadLanes(const T* p, int64_t lanes) {
  if (lanes == kLanes<T>) return vload(p);
  Vec<T> v{};
  for (int64_t i = 0; i < lanes; i++) v[i] = p[i];
  return v;
}

// One vector of each row, of which only some lanes are stored.
template <class T>
__attribute__((noinline)) void storeRest(T* out, int64_t step, const Vec<T>* rest, int64_t rows, int64_t lanes) {
  for (int64_t i = 0; i < rows; i++) storeLanes(out + i * step, rest[i], lanes);
}

template <class T>
NABLA_INLINE Vec<T> clampBelow(Vec<T> v, Vec<T> most) {
  v = v < Vec<T>{} ? Vec<T>{} : v;
  return v > most ? most : v;
}
template <class T>
NABLA_INLINE Vec<T> activate(const ConvTile& t, Vec<T> v) {
  return t.relu ? clampBelow<T>(v, vset(static_cast<T>(t.most))) : v;
}

// Where what belongs to a result lies.
template <class T>
NABLA_INLINE const T* besides(const void* data, const ConvTile& t, const T* out) {
  return data ? static_cast<const T*>(data) + (out - static_cast<const T*>(t.out)) : nullptr;
}

template <class T, int NV, int MR>
NABLA_INLINE void multiplyRun(int64_t n, const T* a, int64_t step, const T* w, Vec<T> (&acc)[MR][NV]) {
  for (int64_t k = 0; k < n; k++) {
    Vec<T> b[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) b[j] = vload(w + j * kLanes<T>);
#pragma GCC unroll 32
    for (int i = 0; i < MR; i++) {
      const Vec<T> x = vset(a[i * step]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) acc[i][j] += x * b[j];
    }
    a++;
    w += NV * kLanes<T>;
  }
}

// What lies beside a tile is rare and done on its results in the nearest cache: unrolled into every tile it would be
// half of this file's code.
template <class T>
__attribute__((noinline)) void finishBesides(const ConvTile& t, T* out, int64_t rows, int64_t vectors, int64_t last) {
  const T *addend = besides<T>(t.addend, t, out), *mask = besides<T>(t.mask, t, out);
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < vectors; j++) {
      const int64_t at = i * t.outColStep + j * kLanes<T>, lanes = j < vectors - 1 ? kLanes<T> : last;
      Vec<T> v = loadLanes<T>(out + at, lanes);
      if (addend) v += loadLanes<T>(addend + at, lanes);
      if (mask) v = loadLanes<T>(mask + at, lanes) > Vec<T>{} ? v : Vec<T>{};
      storeLanes(out + at, activate<T>(t, v), lanes);
    }
  }
}

// NaN stays NaN. One test for the whole tile: a test for each vector would be most of the code.
template <class T, int NV, int MR>
NABLA_INLINE void finishTile(const ConvTile& t, Vec<T> (&acc)[MR][NV], T* out) {
  constexpr int L = kLanes<T>;
  const bool besides = t.addend || t.mask;
  const int64_t step = t.outColStep, last = t.lastLanes;
#define NABLA_EACH(count, statement)                                                                            \
  _Pragma("GCC unroll 32") for (int i = 0; i < MR; i++) _Pragma("GCC unroll 4") for (int j = 0; j < count; j++) \
      statement
  if (t.relu && !besides) {
    const Vec<T> most = vset(static_cast<T>(t.most));
    NABLA_EACH(NV, acc[i][j] = clampBelow<T>(acc[i][j], most);)
  }
  NABLA_EACH(NV - 1, vstore(out + i * step + j * L, acc[i][j]);)
  T* const end = out + (NV - 1) * L;
  if (last == L) {
#pragma GCC unroll 32
    for (int i = 0; i < MR; i++) vstore(end + i * step, acc[i][NV - 1]);
  } else {
    Vec<T> rest[MR];
#pragma GCC unroll 32
    for (int i = 0; i < MR; i++) rest[i] = acc[i][NV - 1];
    storeRest<T>(end, step, rest, MR, last);
  }
#undef NABLA_EACH
  if (besides) finishBesides<T>(t, out, MR, NV, last);
}

// MR neighbouring result pixels, NV vectors of result channels.
template <class T, int NV, int MR>
__attribute__((noinline)) void tile(const ConvTile& t, const T* source, T* out) {
  Vec<T> acc[MR][NV], total[MR][NV];
  const T* bias = static_cast<const T*>(t.bias);
#pragma GCC unroll 4
  for (int j = 0; j < NV; j++) {
    const Vec<T> b = bias ? vload(bias + j * kLanes<T>) : vzero<T>();
#pragma GCC unroll 32
    for (int i = 0; i < MR; i++) acc[i][j] = b;
  }
  int64_t chain = 0;
  bool split = false;
  for (int64_t slice = 0; slice < t.runsD; slice++) {
    const T* w = static_cast<const T*>(t.weights) + slice * t.weightStepD;
    for (int64_t r = 0; r < t.runsH; r++) {
      for (int64_t q = 0; q < t.runsW; q++) {
        const T* a = source + slice * t.runStepD + r * t.runStepH + q * t.runStepW;
        for (int64_t left = t.runLength; left > 0;) {
          const int64_t n = left < kChain ? left : kChain;
          multiplyRun<T, NV, MR>(n, a, t.colStep, w, acc);
          a += n;
          w += n * NV * kLanes<T>;
          left -= n;
          chain += n;
          if (chain < kChain) continue;
          chain = 0;
          if (!split) {
#pragma GCC unroll 1
            for (int i = 0; i < MR; i++)
              for (int j = 0; j < NV; j++) total[i][j] = vzero<T>();
          }
          split = true;
#pragma GCC unroll 32
          for (int i = 0; i < MR; i++) {
#pragma GCC unroll 4
            for (int j = 0; j < NV; j++) {
              total[i][j] += acc[i][j];
              acc[i][j] = vzero<T>();
            }
          }
        }
      }
    }
  }
  if (split) {
#pragma GCC unroll 32
    for (int i = 0; i < MR; i++) {
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) acc[i][j] += total[i][j];
    }
  }
  finishTile<T, NV, MR>(t, acc, out);
}

// MR neighbouring result pixels of every channel.
template <class T, int MR>
__attribute__((noinline)) void depthwiseTile(const ConvTile& t, const T* source, T* out) {
  const T* bias = static_cast<const T*>(t.bias);
  // The inner loop goes through a tap's planes, or through a row's taps where there is one plane.
  const bool single = t.planes == 1;
  const int64_t outer = single ? 1 : t.runsW, inner = single ? t.runsW : t.planes;
  const int64_t step = single ? t.runStepW : t.runLength;
  for (int64_t v = 0; v < t.vectors; v++) {
    Vec<T> acc[MR];
    const Vec<T> b = bias ? vload(bias + v * kLanes<T>) : vzero<T>();
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++) acc[i] = b;
    for (int64_t slice = 0; slice < t.runsD; slice++) {
      const T* row = static_cast<const T*>(t.weights) + slice * t.weightStepD + v * kLanes<T>;
      for (int64_t r = 0; r < t.runsH; r++) {
        const T* a = source + v * kLanes<T> + slice * t.runStepD + r * t.runStepH;
        const T* w = row + r * t.weightStepH;
        for (int64_t q = 0; q < outer; q++) {
          const T* input = a + q * t.runStepW;
          for (int64_t p = 0; p < inner; p++) {
            const Vec<T> weight = vload(w);
#pragma GCC unroll 16
            for (int i = 0; i < MR; i++) acc[i] += vload(input + i * t.colStep) * weight;
            input += step;
            w += t.runLength;
          }
        }
      }
    }
    const int64_t lanes = v == t.vectors - 1 ? t.lastLanes : kLanes<T>;
    const bool besides = t.addend || t.mask;
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++) {
      storeLanes(out + i * t.outColStep + v * kLanes<T>, besides ? acc[i] : activate<T>(t, acc[i]), lanes);
    }
    if (besides) finishBesides<T>(t, out + v * kLanes<T>, MR, 1, lanes);
  }
}

template <class T>
using TileFn = void (*)(const ConvTile&, const T*, T*);

template <class T, int NV, int MR>
TileFn<T> pickTile(int64_t rows) {
  if constexpr (MR == 0) {
    return nullptr;
  } else if constexpr (NV == 0) {
    return rows == MR ? depthwiseTile<T, MR> : pickTile<T, NV, MR - 1>(rows);
  } else {
    return rows == MR ? tile<T, NV, MR> : pickTile<T, NV, MR - 1>(rows);
  }
}

// The taps of one result row that lie inside the source. `tapWeights`: elements of a kernel row in weights.
template <class T>
ConvTile clipRow(const ConvTile& t, int64_t r, int64_t tapWeights) {
  const int64_t top = t.firstRow + r * t.rowsPerResult;
  const int64_t low = top < 0 ? (-top + t.rowsPerTap - 1) / t.rowsPerTap : 0;
  const int64_t inside = top < t.height ? (t.height - top + t.rowsPerTap - 1) / t.rowsPerTap : 0;
  const int64_t high = inside < t.runsH ? inside : t.runsH;
  ConvTile row = t;
  row.runsH = high > low ? high - low : 0;
  const int64_t first = row.runsH ? low : 0;
  row.source = static_cast<const T*>(t.source) + r * t.rowStep + first * t.runStepH;
  row.weights = static_cast<const T*>(t.weights) + first * tapWeights;
  row.out = static_cast<T*>(t.out) + r * t.outRowStep;
  if (t.addend) row.addend = static_cast<const T*>(t.addend) + r * t.outRowStep;
  if (t.mask) row.mask = static_cast<const T*>(t.mask) + r * t.outRowStep;
  return row;
}

template <class T, int NV>
void rectangle(const ConvTile& t) {
  const int64_t tapWeights = t.runsW * t.runLength * NV * kLanes<T>;
  const EvenSplit split(t.cols, kMaxRows[NV]);
  const TileFn<T> longer = pickTile<T, NV, kMaxRows[NV]>(split.size + 1);
  const TileFn<T> normal = pickTile<T, NV, kMaxRows[NV]>(split.size);
  for (int64_t r = 0; r < t.rows; r++) {
    const ConvTile row = clipRow<T>(t, r, tapWeights);
    const T* source = static_cast<const T*>(row.source);
    T* out = static_cast<T*>(row.out);
    for (int64_t p = 0; p < split.pieces; p++) {
      const int64_t cols = split.size + (p < split.longer);
      (p < split.longer ? longer : normal)(row, source, out);
      source += cols * t.colStep;
      out += cols * t.outColStep;
    }
  }
}

template <class T>
void convTile(const ConvTile& t) {
  switch (t.vectors) {
    case 1:
      return rectangle<T, 1>(t);
    case 2:
      return rectangle<T, 2>(t);
    case 3:
      return rectangle<T, 3>(t);
#if NABLA_VECTOR_BYTES == 64 || defined(__aarch64__)
    case 4:
      return rectangle<T, 4>(t);
#endif
  }
}

// One result column, with those taps of a kernel row that lie inside the source.
template <class T>
void borderColumn(const ConvTile& row, int64_t c) {
  const int64_t left = row.firstCol + c * row.colsPerResult;
  const int64_t low = left < 0 ? (-left + row.colsPerTap - 1) / row.colsPerTap : 0;
  const int64_t inside = left < row.width ? (row.width - left + row.colsPerTap - 1) / row.colsPerTap : 0;
  const int64_t high = inside < row.runsW ? inside : row.runsW;
  ConvTile column = row;
  column.runsW = high > low ? high - low : 0;
  const int64_t first = column.runsW ? low : 0;
  column.weights = static_cast<const T*>(row.weights) + first * row.planes * row.runLength;
  const T* source = static_cast<const T*>(row.source) + c * row.colStep + first * row.runStepW;
  depthwiseTile<T, 1>(column, source, static_cast<T*>(row.out) + c * row.outColStep);
}

// Columns [low, high) have all their taps inside the source.
template <class T>
void convDepthwise(const ConvTile& t) {
  const int64_t beyond = t.width - 1 - (t.runsW - 1) * t.colsPerTap - t.firstCol;
  const int64_t inside = beyond < 0 ? 0 : beyond / t.colsPerResult + 1;
  const int64_t high = inside < t.cols ? inside : t.cols;
  const int64_t before = t.firstCol < 0 ? (-t.firstCol + t.colsPerResult - 1) / t.colsPerResult : 0;
  const int64_t low = before < high ? before : high;
  const EvenSplit split(high - low, kMaxRows[0]);
  const TileFn<T> longer = pickTile<T, 0, kMaxRows[0]>(split.size + 1);
  const TileFn<T> normal = pickTile<T, 0, kMaxRows[0]>(split.size);
  for (int64_t r = 0; r < t.rows; r++) {
    const ConvTile row = clipRow<T>(t, r, t.weightStepH);
    for (int64_t c = 0; c < low; c++) borderColumn<T>(row, c);
    const T* source = static_cast<const T*>(row.source) + low * t.colStep;
    T* out = static_cast<T*>(row.out) + low * t.outColStep;
    for (int64_t p = 0; p < split.pieces; p++) {
      const int64_t cols = split.size + (p < split.longer);
      (p < split.longer ? longer : normal)(row, source, out);
      source += cols * t.colStep;
      out += cols * t.outColStep;
    }
    for (int64_t c = high; c < t.cols; c++) borderColumn<T>(row, c);
  }
}

template <class T>
NABLA_INLINE Vec<T> pickLanes(Vec<T> v, VecInt<T> index) {
#if defined(__clang__)
  Vec<T> result;
  for (int i = 0; i < kLanes<T>; i++) result[i] = v[index[i]];
  return result;
#else
  return __builtin_shuffle(v, index);
#endif
}

// Channels [first, channels) of one pixel of a grouped convolution, by elements.
template <class T>
void spreadRest(const ConvPad& p, const T* from, T* to, int64_t first) {
  for (int64_t plane = 0; plane < p.planes; plane++) {
    T* row = to + plane * p.pitch;
    for (int64_t c = first; c < p.channels; c++) row[c] = from[c / p.repeat * p.planes + plane];
    for (int64_t c = p.channels; c < p.pitch; c++) row[c] = 0;
  }
}

template <class T>
void spreadPixels(const ConvPad& p, const T* from, T* to, int64_t cols) {
  // A vector of results takes its inputs from one vector of the source, if groups do not straddle vectors.
  const bool byVector = p.planes <= p.repeat && p.repeat <= kLanes<T> && kLanes<T> % p.repeat == 0;
  const int64_t step = byVector ? kLanes<T> / p.repeat * p.planes : 1;
  VecInt<T> index{};
  for (int i = 0; byVector && i < kLanes<T>; i++) index[i] = i / p.repeat * p.planes;
  for (int64_t j = 0; j < cols; j++) {
    int64_t c = 0;
    const T* at = from;
    for (; byVector && c + kLanes<T> <= p.channels && at - from + kLanes<T> <= p.colStride; c += kLanes<T>) {
      const Vec<T> inputs = vload(at);
      for (int64_t plane = 0; plane < p.planes; plane++) {
        VecInt<T> lanes = index;
        for (int i = 0; i < kLanes<T>; i++) lanes[i] += plane;
        vstore(to + plane * p.pitch + c, pickLanes<T>(inputs, lanes));
      }
      at += step;
    }
    spreadRest(p, from, to, c);
    from += p.colStride;
    to += p.planes * p.pitch;
  }
}

template <class T>
void padPixels(const ConvPad& p, const T* from, T* to, int64_t cols) {
  if (p.repeat != 1 || p.planes != 1) return spreadPixels(p, from, to, cols);
  for (int64_t j = 0; j < cols; j++) {
    for (int64_t c = 0; c < p.channels; c++) to[c] = from[c];
    for (int64_t c = p.channels; c < p.pitch; c++) to[c] = 0;
    from += p.colStride;
    to += p.pitch;
  }
}

template <class T>
void pad(const ConvPad& p) {
  const int64_t pixel = p.planes * p.pitch;
  const size_t rowBytes = static_cast<size_t>(p.cols * pixel) * sizeof(T);
  const int64_t left = p.col0 < 0 ? (-p.col0 < p.cols ? -p.col0 : p.cols) : 0;
  const int64_t past = p.width - p.col0 < p.cols ? p.width - p.col0 : p.cols;
  const int64_t right = past > left ? past : left;
  const bool whole = p.channels == p.pitch && p.repeat == 1 && p.planes == 1 && p.colStride == p.channels;
  for (int64_t i = 0; i < p.rows; i++) {
    T* to = static_cast<T*>(p.out) + i * p.cols * pixel;
    const int64_t row = p.row0 + i;
    if (row < 0 || row >= p.height || right == left) {
      __builtin_memset(to, 0, rowBytes);
      continue;
    }
    const T* from = static_cast<const T*>(p.source) + row * p.rowStride + (p.col0 + left) * p.colStride;
    __builtin_memset(to, 0, static_cast<size_t>(left * pixel) * sizeof(T));
    if (whole) {
      __builtin_memcpy(to + left * pixel, from, static_cast<size_t>((right - left) * pixel) * sizeof(T));
    } else {
      padPixels(p, from, to + left * pixel, right - left);
    }
    __builtin_memset(to + right * pixel, 0, static_cast<size_t>((p.cols - right) * pixel) * sizeof(T));
  }
}

// [lanes][depth] to [depth][width] through a block that stays in the cache's nearest level.
template <class T>
void packTransposed(const ConvPack& p, const T* from, T* to) {
  constexpr int64_t kBlock = 16;
  for (int64_t d0 = 0; d0 < p.depth; d0 += kBlock) {
    const int64_t count = p.depth - d0 < kBlock ? p.depth - d0 : kBlock;
    for (int64_t l = 0; l < p.lanes; l++) {
      const T* line = from + l * p.laneStride + d0;
      T* column = to + d0 * p.width + l;
      for (int64_t d = 0; d < count; d++) column[d * p.width] = line[d];
    }
    for (int64_t d = d0; d < d0 + count; d++) {
      for (int64_t l = p.lanes; l < p.width; l++) to[d * p.width + l] = 0;
    }
  }
}

template <class T>
void pack(const ConvPack& p) {
  T* to = static_cast<T*>(p.out);
  for (int64_t i = 0; i < p.tapsH; i++) {
    for (int64_t j = 0; j < p.tapsW; j++) {
      const T* from = static_cast<const T*>(p.weight) + (p.firstH + i * p.stepH) * p.rowStride +
                      (p.firstW + j * p.stepW) * p.colStride;
      if (p.laneGroup < p.lanes) {
        for (int64_t d = 0; d < p.depth; d++) {
          for (int64_t l = 0; l < p.width; l++) {
            const int64_t at = l % p.laneGroup * p.laneStride + l / p.laneGroup * p.groupStride;
            to[d * p.width + l] = l < p.lanes ? from[d * p.depthStride + at] : 0;
          }
        }
      } else if (p.laneStride == 1) {
        for (int64_t d = 0; d < p.depth; d++) {
          for (int64_t l = 0; l < p.lanes; l++) to[d * p.width + l] = from[d * p.depthStride + l];
          for (int64_t l = p.lanes; l < p.width; l++) to[d * p.width + l] = 0;
        }
      } else {
        packTransposed(p, from, to);
      }
      to += p.depth * p.width;
    }
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(conv)(nabla::cpu::ConvKernels* t) {
  t->tiling.lanes[0] = kLanes<float>;
  t->tiling.lanes[1] = kLanes<double>;
  t->tiling.maxVectors = kMaxVectors;
  for (int i = 0; i < 5; i++) t->tiling.maxRows[i] = kMaxRows[i];
  t->tiling.fmasPerCycle = kFmasPerCycle;
  t->pad[0] = pad<float>;
  t->pad[1] = pad<double>;
  t->pack[0] = pack<float>;
  t->pack[1] = pack<double>;
  t->tile[0] = convTile<float>;
  t->tile[1] = convTile<double>;
  t->depthwise[0] = convDepthwise<float>;
  t->depthwise[1] = convDepthwise<double>;
}
