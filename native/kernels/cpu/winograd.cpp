// Forward and, with rotated and transposed weights, backward to the input.
#include "winograd.h"

#include "conv_tiles.h"
#include "pool.h"
#include "pool_places.h"
#include "vtranspose.h"
#include "winograd_transform.h"

namespace {

using nabla::cpu::WinogradInput;
using nabla::cpu::WinogradMultiply;
using nabla::cpu::WinogradOutput;
using nabla::cpu::WinogradWeights;

// Longest chain of additions in one accumulator.
constexpr int64_t kChain = 256;

template <int M>
void input(const WinogradInput& p) {
  using Step = typename Winograd<M>::Input;
  constexpr int kSide = Step::kFrom;
  TileCursor tile(p.tiles);
  for (int64_t t = 0; t < p.tiles.count; t++, tile.next()) {
    const Window w(p.images, tile, M, kSide);
    fetchBelow(w, kSide, M);
    float* out = p.out + t * p.pitch;
    int64_t c = 0;
    const auto store = [&](int i, int j, V v) { vstore(out + (i * kSide + j) * p.pointStride + c, v); };
    if (w.whole) {
      for (; c + kWidth <= p.images.channels; c += kWidth) {
        const float* at = w.at + c;
        transform<Step>([&](int i, int j) { return vload(at + i * w.rowStride + j * w.colStride); }, store);
      }
    }
    if (c >= p.images.channels) continue;
    MaskedLoad<kSide> masked(w);
    masked.setLanes(kWidth);
    for (; c < p.images.channels; c += kWidth) {
      if (p.images.channels - c < kWidth) masked.setLanes(p.images.channels - c);
      transform<Step>([&](int i, int j) { return masked(i, j, c); }, store);
    }
  }
}

// NaN stays NaN.
NABLA_INLINE V activate(const WinogradOutput& p, V v) {
  if (!p.relu) return v;
  const V most = vset(p.most);
  v = v < V{} ? V{} : v;
  return v > most ? most : v;
}

template <int M>
void output(const WinogradOutput& p) {
  using Step = typename Winograd<M>::Output;
  constexpr int kSide = Step::kFrom;
  Patch<M> patch;
  TileCursor tile(p.tiles);
  for (int64_t t = 0; t < p.tiles.count; t++, tile.next()) {
    const Window w(p.images, tile, M, M);
    fetchBelow(w, M, M);
    for (int64_t c = 0; c < p.images.channels; c += kWidth) {
      const int64_t rest = p.images.channels - c, lanes = rest < kWidth ? rest : kWidth;
      const float* points = p.points + t * p.pitch + c;
      const V bias = p.bias ? vload(p.bias + c) : V{};
      const auto load = [&](int i, int j) { return vload(points + (i * kSide + j) * p.pointStride); };
      const float* addend = p.addend ? p.addend + (w.at + c - p.images.data) : nullptr;
      const float* mask = p.mask ? p.mask + (w.at + c - p.images.data) : nullptr;
      if (w.whole && lanes == kWidth) {
        float* at = w.at + c;
        transform<Step>(load, [&](int i, int j, V v) {
          const int64_t offset = i * w.rowStride + j * w.colStride;
          v += bias;
          if (addend) v += vload(addend + offset);
          if (mask) v = vload(mask + offset) > V{} ? v : V{};
          vstore(at + offset, activate(p, v));
        });
      } else {
        transform<Step>(load, [&](int i, int j, V v) {
          const bool inside = i >= w.top && i < w.bottom && j >= w.left && j < w.right;
          v += bias;
          const int64_t offset = i * w.rowStride + j * w.colStride;
          if (addend && inside) v += loadLanes(addend + offset, lanes);
          if (mask && inside) v = loadLanes(mask + offset, lanes) > V{} ? v : V{};
          vstore(patch.data + (i * M + j) * kWidth, activate(p, v));
        });
        patch.write(w, c, lanes);
      }
    }
  }
}

// A tile's maxima of 2x2 results; NaN wins, the last one.
template <int kSide>
struct Maxima {
  V best[kSide][kSide];
  VecInt<float> places[kSide][kSide];
  NABLA_INLINE void take(int i, int j, V v) {
    const int place = i % 2 * 2 + j % 2;
    V& most = best[i / 2][j / 2];
    VecInt<float>& at = places[i / 2][j / 2];
    const auto wins = (v > most) | (v != v);
    most = place == 0 || wins ? v : most;
    at = place == 0 ? VecInt<float>{} : wins ? VecInt<float>{} + place : at;
  }
};

NABLA_INLINE void storeMaximum(float* to, uint8_t* places, V best, VecInt<float> place, int64_t lanes) {
  place = best > V{} ? place : VecInt<float>{} + nabla::cpu::kDeadPlace;
  if (lanes == kWidth) {
    vstore(to, best);
    return storePlaces<Wide<float>>(places, place);
  }
  uint8_t narrow[kWidth];
  storePlaces<Wide<float>>(narrow, place);
  storeLanes(to, best, lanes);
  __builtin_memcpy(places, narrow, static_cast<size_t>(lanes));
}

template <int M>
void pooled(const WinogradOutput& p) {
  using Step = typename Winograd<M>::Output;
  constexpr int kFrom = Step::kFrom, kSide = M / 2;
  const float* const bias = p.bias;
  TileCursor tile(p.tiles);
  for (int64_t t = 0; t < p.tiles.count; t++, tile.next()) {
    const Window w(p.images, tile, kSide, kSide);
    uint8_t* const places = p.places + (w.at - p.images.data);
    for (int64_t c = 0; c < p.images.channels; c += kWidth) {
      const int64_t rest = p.images.channels - c, lanes = rest < kWidth ? rest : kWidth;
      const float* points = p.points + t * p.pitch + c;
      const V shift = bias ? vload(bias + c) : V{};
      Maxima<kSide> maxima;
      transform<Step>([&](int i, int j) { return vload(points + (i * kFrom + j) * p.pointStride); },
                      [&](int i, int j, V v) { maxima.take(i, j, activate(p, v + shift)); });
#pragma GCC unroll 4
      for (int k = 0; k < kSide * kSide; k++) {  // no variable indices: the maxima stay in registers
        const int i = k / kSide, j = k % kSide;
        if (i < w.top || i >= w.bottom || j < w.left || j >= w.right) continue;
        const int64_t at = i * w.rowStride + j * w.colStride + c;
        storeMaximum(w.at + at, places + at, maxima.best[i][j], maxima.places[i][j], lanes);
      }
    }
  }
}

template <int M, class Load>
NABLA_INLINE void transformWeights(const WinogradWeights& p, int64_t d, Load load) {
  using Step = typename Winograd<M>::Weights;
  float* out = p.out + d * p.step;
  transform<Step>(load, [&](int i, int j, V v) { vstore(out + (i * Step::kTo + j) * p.pointStride, v); });
}

// Lanes far apart: squares of lanes and source channels are transposed in registers.
template <int M>
void weightsAcross(const WinogradWeights& p) {
  alignas(64) float square[9][kWidth * kWidth];
  for (int64_t d = 0; d < p.depth; d += kWidth) {
    const int64_t rest = p.depth - d, count = rest < kWidth ? rest : kWidth;
    for (int tap = 0; tap < 9; tap++) {
      V r[kWidth] = {};
      const float* from = p.weight + tap * p.tapStep + d;
      for (int64_t l = 0; l < p.lanes; l++) r[l] = loadLanes(from + l * p.laneStride, count);
      vtranspose<float>(r);
      for (int i = 0; i < kWidth; i++) vstore(square[tap] + i * kWidth, r[i]);
    }
    for (int64_t i = 0; i < count; i++)
      transformWeights<M>(p, d + i, [&](int row, int col) { return vload(square[row * 3 + col] + i * kWidth); });
  }
}

template <int M>
void weights(const WinogradWeights& p) {
  if (p.laneStride != 1) return weightsAcross<M>(p);
  for (int64_t d = 0; d < p.depth; d++) {
    const float* from = p.weight + d * p.depthStride;
    transformWeights<M>(p, d, [&](int row, int col) { return loadLanes(from + (row * 3 + col) * p.tapStep, p.lanes); });
  }
}

// MR rows of a point times one block of NV vectors.
template <int NV, int MR>
__attribute__((noinline)) void product(int64_t depth, const float* a, int64_t aPitch, const float* b, float* out,
                                       int64_t outPitch, bool add) {
  V acc[MR][NV];
#pragma GCC unroll 32
  for (int i = 0; i < MR; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) acc[i][j] = V{};
  }
  for (int64_t d = 0; d < depth; d++) {
    V wide[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) wide[j] = vload(b + j * kWidth);
#pragma GCC unroll 32
    for (int i = 0; i < MR; i++) {
      const V x = vset(a[i * aPitch]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) acc[i][j] += x * wide[j];
    }
    a++;
    b += NV * kWidth;
  }
#pragma GCC unroll 32
  for (int i = 0; i < MR; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) {
      float* at = out + i * outPitch + j * kWidth;
      vstore(at, add ? vload(at) + acc[i][j] : acc[i][j]);
    }
  }
}

using ProductFn = void (*)(int64_t, const float*, int64_t, const float*, float*, int64_t, bool);

template <int NV, int MR>
ProductFn pickProduct(int64_t rows) {
  if constexpr (MR == 0) {
    return nullptr;
  } else {
    return rows == MR ? product<NV, MR> : pickProduct<NV, MR - 1>(rows);
  }
}

// How the rows of a point split into register tiles, for blocks of one width.
struct RowPlan {
  EvenSplit split{0, 1};
  ProductFn longer = nullptr, normal = nullptr;
  template <int NV>
  NABLA_INLINE void fill(int64_t rows) {
    split = EvenSplit(rows, kMaxRows[NV]);
    longer = pickProduct<NV, kMaxRows[NV]>(split.size + 1);
    normal = pickProduct<NV, kMaxRows[NV]>(split.size);
  }
  RowPlan(int64_t rows, int64_t vectors) {
    if (vectors == 1) fill<1>(rows);
    if (vectors == 2) fill<2>(rows);
    if (vectors == 3) fill<3>(rows);
#if NABLA_VECTOR_BYTES == 64 || defined(__aarch64__)
    if (vectors == 4) fill<4>(rows);
#endif
  }
};

NABLA_INLINE void multiplyBlock(const WinogradMultiply& p, const RowPlan& plan, const float* a, const float* b,
                                int64_t width, float* out) {
  const EvenSplit chain(p.depth, kChain);
  for (int64_t k = 0, piece = 0; piece < chain.pieces || piece == 0; piece++) {
    const int64_t depth = chain.size + (piece < chain.longer);
    const float* rows = a + k;
    float* to = out;
    for (int64_t r = 0; r < plan.split.pieces; r++) {
      const bool longer = r < plan.split.longer;
      (longer ? plan.longer : plan.normal)(depth, rows, p.aPitch, b, to, p.outPitch, piece > 0);
      rows += (plan.split.size + longer) * p.aPitch;
      to += (plan.split.size + longer) * p.outPitch;
    }
    k += depth;
    b += depth * width;
  }
}

void multiply(const WinogradMultiply& p) {
  const EvenSplit blocks(p.vectors, p.tileVectors);
  const RowPlan wide(p.rows, blocks.size + 1), narrow(p.rows, blocks.size);
  for (int64_t point = 0; point < p.points; point++) {
    for (int64_t block = p.firstBlock; block < p.lastBlock; block++) {
      const bool longer = block < blocks.longer;
      const int64_t start = block * blocks.size + (longer ? block : blocks.longer);
      multiplyBlock(p, longer ? wide : narrow, p.a + point * p.aPoint,
                    p.b + point * p.bPoint + start * kWidth * p.depth, (blocks.size + longer) * kWidth,
                    p.out + point * p.outPoint + start * kWidth);
    }
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(winograd)(nabla::cpu::WinogradKernels* t) {
  t->input[0] = input<2>;
  t->input[1] = input<4>;
  t->output[0] = output<2>;
  t->output[1] = output<4>;
  t->pooled[0] = pooled<2>;
  t->pooled[1] = pooled<4>;
  t->weights[0] = weights<2>;
  t->weights[1] = weights<4>;
  t->multiply = multiply;
}
