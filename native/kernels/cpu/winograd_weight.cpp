// Backward to the weights: sums over all tiles of source point times transformed gradient, brought back to nine taps.
#include "winograd_weight.h"

#include "conv_tiles.h"
#include "winograd_transform.h"

namespace {

using nabla::cpu::WinogradInput;
using nabla::cpu::WinogradOuter;
using nabla::cpu::WinogradTaps;

template <int N>
NABLA_INLINE V sumPairs(const V* v) {
  if constexpr (N == 1) {
    return v[0];
  } else {
    return sumPairs<N / 2>(v) + sumPairs<N - N / 2>(v + N / 2);
  }
}

template <int M>
NABLA_INLINE void gradientVector(const WinogradInput& p, const V (&g)[M * M], float* out, int64_t c) {
  using Step = typename Winograd<M>::Gradient;
  transform<Step>([&](int i, int j) { return g[i * M + j]; },
                  [&](int i, int j, V v) { vstore(out + (i * Step::kTo + j) * p.pointStride + c, v); });
  if (p.biasSums) vstore(p.biasSums + c, vload(p.biasSums + c) + sumPairs<M * M>(g));
}

template <int M>
void gradient(const WinogradInput& p) {
  TileCursor tile(p.tiles);
  for (int64_t t = 0; t < p.tiles.count; t++, tile.next()) {
    const Window w(p.images, tile, M, M);
    fetchBelow(w, M, M);
    float* out = p.out + t * p.pitch;
    int64_t c = 0;
    V g[M * M];
    if (w.whole) {
      for (; c + kWidth <= p.images.channels; c += kWidth) {
#pragma GCC unroll 16
        for (int i = 0; i < M * M; i++) g[i] = vload(w.at + i / M * w.rowStride + i % M * w.colStride + c);
        gradientVector<M>(p, g, out, c);
      }
    }
    if (c >= p.images.channels) continue;
    MaskedLoad<M> masked(w);
    masked.setLanes(kWidth);
    for (; c < p.images.channels; c += kWidth) {
      if (p.images.channels - c < kWidth) masked.setLanes(p.images.channels - c);
#pragma GCC unroll 16
      for (int i = 0; i < M * M; i++) g[i] = masked(i / M, i % M, c);
      gradientVector<M>(p, g, out, c);
    }
  }
}

// MR source channels times NV vectors of result channels, summed over tiles.
template <int NV, int MR>
__attribute__((noinline)) void outerTile(const WinogradOuter& p, const float* a, const float* b, float* out) {
  V acc[MR][NV];
#pragma GCC unroll 32
  for (int i = 0; i < MR; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) acc[i][j] = V{};
  }
  for (int64_t t = 0; t < p.tiles; t++) {
    V wide[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) wide[j] = vload(b + j * kWidth);
#pragma GCC unroll 32
    for (int i = 0; i < MR; i++) {
      const V x = vset(a[i]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) acc[i][j] += x * wide[j];
    }
    a += p.aPitch;
    b += p.bPitch;
  }
#pragma GCC unroll 32
  for (int i = 0; i < MR; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) {
      float* at = out + i * p.outPitch + j * kWidth;
      vstore(at, p.add ? vload(at) + acc[i][j] : acc[i][j]);
    }
  }
}

using OuterFn = void (*)(const WinogradOuter&, const float*, const float*, float*);

template <int NV, int MR>
OuterFn pickOuter(int64_t rows) {
  if constexpr (MR == 0) {
    return nullptr;
  } else {
    return rows == MR ? outerTile<NV, MR> : pickOuter<NV, MR - 1>(rows);
  }
}

// All rows of `vectors` = NV vectors from the first on, for every point.
template <int NV>
void outerBlock(const WinogradOuter& p, int64_t channel) {
  const EvenSplit split(p.rows, kMaxRows[NV]);
  const OuterFn longer = pickOuter<NV, kMaxRows[NV]>(split.size + 1);
  const OuterFn normal = pickOuter<NV, kMaxRows[NV]>(split.size);
  for (int64_t point = 0; point < p.points; point++) {
    const float* a = p.a + point * p.aPoint;
    const float* b = p.b + point * p.bPoint + channel;
    float* out = p.out + point * p.outPoint + channel;
    for (int64_t i = 0; i < split.pieces; i++) {
      const bool more = i < split.longer;
      (more ? longer : normal)(p, a, b, out);
      a += split.size + more;
      out += (split.size + more) * p.outPitch;
    }
  }
}

void outer(const WinogradOuter& p) {
  const EvenSplit blocks(p.vectors, p.tileVectors);
  int64_t channel = 0;
  for (int64_t i = 0; i < blocks.pieces; i++) {
    const int64_t vectors = blocks.size + (i < blocks.longer);
    if (vectors == 1) outerBlock<1>(p, channel);
    if (vectors == 2) outerBlock<2>(p, channel);
    if (vectors == 3) outerBlock<3>(p, channel);
#if NABLA_VECTOR_BYTES == 64 || defined(__aarch64__)
    if (vectors == 4) outerBlock<4>(p, channel);
#endif
    channel += vectors * kWidth;
  }
}

template <int M>
void taps(const WinogradTaps& p) {
  using Step = typename Winograd<M>::Taps;
  for (int64_t row = 0; row < p.rows; row++) {
    for (int64_t c = 0; c < p.channels; c += kWidth) {
      const int64_t rest = p.channels - c, lanes = rest < kWidth ? rest : kWidth;
      const float* points = p.points + row * p.pitch + c;
      float* out = p.out + row * p.rowStride + c;
      transform<Step>(
          [&](int i, int j) {
            const float* at = points + (i * Step::kFrom + j) * p.pointStride;
            V sum = vload(at);
            for (int64_t part = 1; part < p.parts; part++) sum += vload(at + part * p.partStride);
            return sum;
          },
          [&](int i, int j, V v) { storeLanes(out + (i * 3 + j) * p.tapStride, v, lanes); });
    }
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(winograd_weight)(nabla::cpu::WinogradWeightKernels* t) {
  t->gradient[0] = gradient<2>;
  t->gradient[1] = gradient<4>;
  t->taps[0] = taps<2>;
  t->taps[1] = taps<4>;
  t->outer = outer;
}
