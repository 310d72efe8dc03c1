// The transforms of Winograd's convolution, one vector of channels at a time. F(4x4, 3x3) takes the points 0, +-3/4,
// +-3/2 and infinity: half the rounding error of the usual 0, +-1, +-2, for the same operations.
#pragma once
#include "vec.h"
#include "winograd.h"
#if NABLA_VECTOR_BYTES >= 32
#include <immintrin.h>
#endif

namespace {

using V = Vec<float>;
constexpr int kWidth = kLanes<float>;

// Masks say which lanes a load may touch; the others become zero. Two masks of whole vectors or nothing combine by &.
#if NABLA_VECTOR_BYTES == 64
using Mask = unsigned;
NABLA_INLINE Mask maskOf(int64_t lanes) { return (1u << lanes) - 1; }
NABLA_INLINE V loadMasked(const float* p, Mask mask) {
  return reinterpret_cast<V>(_mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), p));
}
#elif NABLA_VECTOR_BYTES == 32
using Mask = VecInt<float>;
NABLA_INLINE Mask maskOf(int64_t lanes) { return (Mask{0, 1, 2, 3, 4, 5, 6, 7} - static_cast<int>(lanes)) >> 31; }
NABLA_INLINE V loadMasked(const float* p, Mask mask) {
  return reinterpret_cast<V>(_mm256_maskload_ps(p, reinterpret_cast<__m256i>(mask)));
}
#else
using Mask = int64_t;  // the number of lanes
NABLA_INLINE Mask maskOf(int64_t lanes) { return lanes; }
NABLA_INLINE V loadMasked(const float* p, Mask mask) {
  if (mask == kWidth) return vload(p);
  V v{};
  for (int64_t i = 0; i < mask; i++) v[i] = p[i];
  return v;
}
#endif
NABLA_INLINE V loadLanes(const float* p, int64_t lanes) { return loadMasked(p, maskOf(lanes)); }

NABLA_INLINE void storeLanes(float* p, V v, int64_t lanes) {
#if NABLA_VECTOR_BYTES == 64
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << lanes) - 1), reinterpret_cast<__m512>(v));
#else
  if (lanes == kWidth) {
    vstore(p, v);
    return;
  }
  for (int64_t i = 0; i < lanes; i++) p[i] = v[i];
#endif
}

// One-dimensional steps: `kFrom` vectors to `kTo`.
template <int M>
struct Winograd;

template <>
struct Winograd<2> {
  struct Input {
    static constexpr int kFrom = 4, kTo = 4;
    static NABLA_INLINE void apply(const V* d, V* o) {
      o[0] = d[0] - d[2];
      o[1] = d[1] + d[2];
      o[2] = d[2] - d[1];
      o[3] = d[1] - d[3];
    }
  };
  struct Weights {
    static constexpr int kFrom = 3, kTo = 4;
    static NABLA_INLINE void apply(const V* w, V* o) {
      const V even = (w[0] + w[2]) * 0.5f, odd = w[1] * 0.5f;
      o[0] = w[0];
      o[1] = even + odd;
      o[2] = even - odd;
      o[3] = w[2];
    }
  };
  struct Output {
    static constexpr int kFrom = 4, kTo = 2;
    static NABLA_INLINE void apply(const V* m, V* o) {
      o[0] = m[0] + m[1] + m[2];
      o[1] = m[1] - m[2] - m[3];
    }
  };
  struct Gradient {  // the transpose of Output
    static constexpr int kFrom = 2, kTo = 4;
    static NABLA_INLINE void apply(const V* g, V* o) {
      o[0] = g[0];
      o[1] = g[0] + g[1];
      o[2] = g[0] - g[1];
      o[3] = -g[1];
    }
  };
  struct Taps {  // the transpose of Weights
    static constexpr int kFrom = 4, kTo = 3;
    static NABLA_INLINE void apply(const V* u, V* o) {
      const V even = (u[1] + u[2]) * 0.5f;
      o[0] = u[0] + even;
      o[1] = (u[1] - u[2]) * 0.5f;
      o[2] = even + u[3];
    }
  };
};

template <>
struct Winograd<4> {
  // Points +-p and +-q. The odd and even parts of opposite points are shared.
  static constexpr float p = 0.75f, q = 1.5f;
  static constexpr float p2 = p * p, q2 = q * q, p3 = p2 * p, q3 = q2 * q;
  static constexpr float f0 = 64.f / 81, fp = -128.f / 243, fq = 32.f / 243;  // 1 / product of point distances
  struct Input {
    static constexpr int kFrom = 6, kTo = 6;
    static NABLA_INLINE void apply(const V* d, V* o) {
      const V evenP = d[4] - q2 * d[2], oddP = p * d[3] - (p * q2) * d[1];
      const V evenQ = d[4] - p2 * d[2], oddQ = q * d[3] - (q * p2) * d[1];
      o[0] = (p2 * q2) * d[0] - (p2 + q2) * d[2] + d[4];
      o[1] = evenP + oddP;
      o[2] = evenP - oddP;
      o[3] = evenQ + oddQ;
      o[4] = evenQ - oddQ;
      o[5] = (p2 * q2) * d[1] - (p2 + q2) * d[3] + d[5];
    }
  };
  struct Weights {
    static constexpr int kFrom = 3, kTo = 6;
    static NABLA_INLINE void apply(const V* w, V* o) {
      const V evenP = fp * w[0] + (fp * p2) * w[2], oddP = (fp * p) * w[1];
      const V evenQ = fq * w[0] + (fq * q2) * w[2], oddQ = (fq * q) * w[1];
      o[0] = f0 * w[0];
      o[1] = evenP + oddP;
      o[2] = evenP - oddP;
      o[3] = evenQ + oddQ;
      o[4] = evenQ - oddQ;
      o[5] = w[2];
    }
  };
  struct Output {
    static constexpr int kFrom = 6, kTo = 4;
    static NABLA_INLINE void apply(const V* m, V* o) {
      const V sumP = m[1] + m[2], differenceP = m[1] - m[2];
      const V sumQ = m[3] + m[4], differenceQ = m[3] - m[4];
      o[0] = m[0] + sumP + sumQ;
      o[1] = p * differenceP + q * differenceQ;
      o[2] = p2 * sumP + q2 * sumQ;
      o[3] = p3 * differenceP + q3 * differenceQ + m[5];
    }
  };
  struct Gradient {
    static constexpr int kFrom = 4, kTo = 6;
    static NABLA_INLINE void apply(const V* g, V* o) {
      const V evenP = g[0] + p2 * g[2], oddP = p * g[1] + p3 * g[3];
      const V evenQ = g[0] + q2 * g[2], oddQ = q * g[1] + q3 * g[3];
      o[0] = g[0];
      o[1] = evenP + oddP;
      o[2] = evenP - oddP;
      o[3] = evenQ + oddQ;
      o[4] = evenQ - oddQ;
      o[5] = g[3];
    }
  };
  struct Taps {
    static constexpr int kFrom = 6, kTo = 3;
    static NABLA_INLINE void apply(const V* u, V* o) {
      const V sumP = u[1] + u[2], differenceP = u[1] - u[2];
      const V sumQ = u[3] + u[4], differenceQ = u[3] - u[4];
      o[0] = f0 * u[0] + fp * sumP + fq * sumQ;
      o[1] = (fp * p) * differenceP + (fq * q) * differenceQ;
      o[2] = (fp * p2) * sumP + (fq * q2) * sumQ + u[5];
    }
  };
};

// A step on the columns, then on the rows of what comes out.
template <class Step, class Load, class Store>
NABLA_INLINE void transform(Load load, Store store) {
  V half[Step::kTo][Step::kFrom];
#pragma GCC unroll 6
  for (int j = 0; j < Step::kFrom; j++) {
    V in[Step::kFrom], out[Step::kTo];
#pragma GCC unroll 6
    for (int i = 0; i < Step::kFrom; i++) in[i] = load(i, j);
    Step::apply(in, out);
#pragma GCC unroll 6
    for (int i = 0; i < Step::kTo; i++) half[i][j] = out[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < Step::kTo; i++) {
    V out[Step::kTo];
    Step::apply(half[i], out);
#pragma GCC unroll 6
    for (int j = 0; j < Step::kTo; j++) store(i, j, out[j]);
  }
}

// Goes through tiles in their order.
struct TileCursor {
  int64_t image, row, col, rows, cols;
  NABLA_INLINE explicit TileCursor(const nabla::cpu::WinogradTiles& t)
      : image(t.first / t.perImage),
        row(t.first % t.perImage / t.perRow),
        col(t.first % t.perRow),
        rows(t.perImage / t.perRow),
        cols(t.perRow) {}
  NABLA_INLINE void next() {
    if (++col < cols) return;
    col = 0;
    if (++row < rows) return;
    row = 0;
    image++;
  }
};

// A tile's square in its image: where it starts (possibly outside) and which of its rows and columns are inside.
struct Window {
  float* at;
  int64_t rowStride, colStride;
  int64_t top, bottom, left, right;
  bool whole;
  NABLA_INLINE Window(const nabla::cpu::WinogradImages& m, const TileCursor& tile, int64_t step, int64_t side) {
    const int64_t row = m.originH + tile.row * step, col = m.originW + tile.col * step;
    rowStride = m.width * m.channels;
    colStride = m.channels;
    at = m.data + (tile.image * m.height + row) * rowStride + col * colStride;
    top = row < 0 ? -row : 0;
    left = col < 0 ? -col : 0;
    bottom = m.height - row < side ? m.height - row : side;
    right = m.width - col < side ? m.width - col : side;
    whole = top == 0 && left == 0 && bottom == side && right == side;
  }
};

// Fetches the square below, which comes a row of tiles later: jumps between image rows hide it from the processor. Past
// the last row this is the next image.
NABLA_INLINE void fetchBelow(const Window& w, int64_t side, int64_t step) {
  const float* row = w.at + side * w.rowStride;
  for (int64_t i = 0; i < step; i++, row += w.rowStride)
    for (int64_t c = 0; c < step * w.colStride; c += 16) __builtin_prefetch(row + c);
}

// Loads of one vector of channels of a tile, zero where the tile reaches out of its image or past the channels.
template <int kSide>
struct MaskedLoad {
  const Window& w;
  Mask rows[kSide], cols[kSide];
  NABLA_INLINE explicit MaskedLoad(const Window& window) : w(window) {}
  NABLA_INLINE void setLanes(int64_t lanes) {
    const Mask all = maskOf(lanes), none = maskOf(0);
    for (int i = 0; i < kSide; i++) {
      rows[i] = i >= w.top && i < w.bottom ? all : none;
      cols[i] = i >= w.left && i < w.right ? all : none;
    }
  }
  NABLA_INLINE V operator()(int i, int j, int64_t channel) const {
    return loadMasked(w.at + i * w.rowStride + j * w.colStride + channel, rows[i] & cols[j]);
  }
};

// One vector of channels of a result tile on its way to an image that it reaches out of.
template <int kSide>
struct Patch {
  alignas(64) float data[kSide * kSide * kWidth];
  NABLA_INLINE void write(const Window& w, int64_t channel, int64_t lanes) const {
    for (int64_t i = w.top; i < w.bottom; i++)
      for (int64_t j = w.left; j < w.right; j++)
        storeLanes(w.at + i * w.rowStride + j * w.colStride + channel, vload(data + (i * kSide + j) * kWidth), lanes);
  }
};

}  // namespace
