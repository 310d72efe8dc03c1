#include "pool.h"

#include "lanes.h"

namespace {

using nabla::cpu::PoolKernels;
using nabla::cpu::PoolShape;

struct Range {
  int64_t begin, end;
};

NABLA_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
NABLA_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// Which taps of a window that begins at `start` lie inside [0, size).
NABLA_INLINE Range insideTaps(int64_t start, int64_t taps, int64_t dilation, int64_t size) {
  Range r{0, taps};
  if (start < 0) r.begin = least(taps, (-start + dilation - 1) / dilation);
  if (start + (taps - 1) * dilation >= size) r.end = start >= size ? 0 : (size - 1 - start) / dilation + 1;
  if (r.end < r.begin) r.end = r.begin;
  return r;
}

// Output columns whose windows lie inside the image from left to right.
NABLA_INLINE Range fullColumns(const PoolShape& s) {
  const int64_t room = s.width - 1 - (s.kernelW - 1) * s.dilationW + s.padW;
  Range r{least(s.outWidth, (s.padW + s.strideW - 1) / s.strideW), room < 0 ? 0 : room / s.strideW + 1};
  r.end = most(r.begin, least(r.end, s.outWidth));
  return r;
}

// A window: its first tap in memory (possibly outside the image), the taps inside, the distance between taps.
struct Window {
  int64_t origin;
  Range rows, cols;
  int64_t rowStep, colStep;
  NABLA_INLINE bool empty() const { return rows.begin >= rows.end || cols.begin >= cols.end; }
};

// K > 0: all taps of a K x K window are inside, so the loops unroll.
template <int K, class F>
NABLA_INLINE void overTaps(const PoolShape& s, const Window& w, F f) {
  if constexpr (K > 0) {
#pragma GCC unroll 4
    for (int i = 0; i < K; i++) {
#pragma GCC unroll 4
      for (int j = 0; j < K; j++) f(w.origin + i * w.rowStep + j * w.colStep, i * K + j);
    }
  } else {
    for (int64_t i = w.rows.begin; i < w.rows.end; i++) {
      for (int64_t j = w.cols.begin; j < w.cols.end; j++) {
        f(w.origin + i * w.rowStep + j * w.colStep, static_cast<int32_t>(i * s.kernelW + j));
      }
    }
  }
}

template <class T, class I>
struct MaxWindow {
  const T* x;
  T* out;
  I* indices;
  template <int K>
  NABLA_INLINE void run(const PoolShape& s, const Window& w, int64_t pixel, int64_t, int64_t) const {
    const int32_t first = w.empty() ? 0 : static_cast<int32_t>(w.rows.begin * s.kernelW + w.cols.begin);
    overChannels<T>(
        s.channels, [&](auto group, int64_t c) __attribute__((always_inline)) {
          using G = decltype(group);
          using L = typename G::Lane;
          typename L::V best[G::kCount];
          typename L::Int at[G::kCount];
          for (int k = 0; k < G::kCount; k++) {
            best[k] = L::splat(static_cast<T>(-__builtin_inf()));
            at[k] = typename L::Int{} + first;
          }
          overTaps<K>(
              s, w, [&](int64_t offset, int32_t tap) __attribute__((always_inline)) {
#pragma GCC unroll 4
                for (int k = 0; k < G::kCount; k++) {
                  const auto v = L::load(x + offset + c + k * L::kWidth);
                  const auto take = (v > best[k]) | (v != v);
                  best[k] = take ? v : best[k];
                  at[k] = take ? typename L::Int{} + tap : at[k];
                }
              });
          for (int k = 0; k < G::kCount; k++) {
            L::store(out + pixel * s.channels + c + k * L::kWidth, best[k]);
            L::storeIndex(indices + pixel * s.channels + c + k * L::kWidth, at[k]);
          }
        });
  }
};

// op.run<K>(shape, window, output pixel, oh, ow) for output rows [row0, row1).
template <int K, class Op>
NABLA_INLINE void overWindows(const PoolShape& shape, const Op& op, int64_t row0, int64_t row1) {
  const PoolShape s = shape;  // a copy: stores of bytes may not alias it
  const Range full = fullColumns(s);
  Window w{0, {0, 0}, {0, 0}, s.dilationH * s.width * s.channels, s.dilationW * s.channels};
  for (int64_t row = row0; row < row1; row++) {
    const int64_t n = row / s.outHeight, oh = row % s.outHeight;
    const int64_t h0 = oh * s.strideH - s.padH, line = (n * s.height + h0) * s.width;
    w.rows = insideTaps(h0, s.kernelH, s.dilationH, s.height);
    const bool inner = w.rows.end - w.rows.begin == s.kernelH;
    for (int64_t ow = 0; ow < s.outWidth; ow++) {
      if (K > 0 && inner && ow == full.begin) {
        w.cols = {0, s.kernelW};
        for (; ow < full.end; ow++) {
          w.origin = (line + ow * s.strideW - s.padW) * s.channels;
          op.template run<K>(s, w, row * s.outWidth + ow, oh, ow);
        }
        if (ow == s.outWidth) break;
      }
      w.cols = insideTaps(ow * s.strideW - s.padW, s.kernelW, s.dilationW, s.width);
      w.origin = (line + ow * s.strideW - s.padW) * s.channels;
      op.template run<0>(s, w, row * s.outWidth + ow, oh, ow);
    }
  }
}

template <class Op>
NABLA_INLINE void overWindowsBySize(const PoolShape& s, const Op& op, int64_t row0, int64_t row1) {
  if (s.kernelH == 2 && s.kernelW == 2) return overWindows<2>(s, op, row0, row1);
  if (s.kernelH == 3 && s.kernelW == 3) return overWindows<3>(s, op, row0, row1);
  overWindows<0>(s, op, row0, row1);
}

template <class T, class I>
void maxPool(const PoolShape& s, const void* x, void* out, void* indices, int64_t row0, int64_t row1) {
  overWindowsBySize(s, MaxWindow<T, I>{static_cast<const T*>(x), static_cast<T*>(out), static_cast<I*>(indices)}, row0,
                    row1);
}

// The denominator of an average, as PyTorch counts it: padding belongs to a window, what lies beyond the padding does
// not.
NABLA_INLINE int64_t divisorOf(const PoolShape& s, int64_t oh, int64_t ow) {
  if (s.divisorOverride != 0) return s.divisorOverride;
  int64_t h0 = oh * s.strideH - s.padH, w0 = ow * s.strideW - s.padW;
  int64_t h1 = least(h0 + s.kernelH, s.height + s.padH), w1 = least(w0 + s.kernelW, s.width + s.padW);
  if (!s.countIncludePad) {
    h0 = most(h0, 0), w0 = most(w0, 0);
    h1 = least(h1, s.height), w1 = least(w1, s.width);
  }
  return (h1 - h0) * (w1 - w0);
}

template <class T>
struct AverageWindow {
  const T* x;
  T* out;
  template <int K>
  NABLA_INLINE void run(const PoolShape& s, const Window& w, int64_t pixel, int64_t oh, int64_t ow) const {
    const T divisor = w.empty() ? T{1} : static_cast<T>(divisorOf(s, oh, ow));
    overChannels<T>(
        s.channels, [&](auto group, int64_t c) __attribute__((always_inline)) {
          using G = decltype(group);
          using L = typename G::Lane;
          typename L::V sum[G::kCount];
          for (int k = 0; k < G::kCount; k++) sum[k] = L::splat(0);
          overTaps<K>(
              s, w, [&](int64_t offset, int32_t) __attribute__((always_inline)) {
#pragma GCC unroll 4
                for (int k = 0; k < G::kCount; k++) sum[k] += L::load(x + offset + c + k * L::kWidth);
              });
          for (int k = 0; k < G::kCount; k++) L::store(out + pixel * s.channels + c + k * L::kWidth, sum[k] / divisor);
        });
  }
};

template <class T>
void averagePool(const PoolShape& s, const void* x, void* out, int64_t row0, int64_t row1) {
  overWindowsBySize(s, AverageWindow<T>{static_cast<const T*>(x), static_cast<T*>(out)}, row0, row1);
}

// What one window gives to one of its positions: the gradient where the maximum came from there ...
template <class T, class I>
struct MaxShare {
  const T* grad;
  const I* indices;
  struct At {
    const T* grad;
    const I* indices;
  };
  template <class L>
  struct Part {
    typename L::V grad;
    typename L::Int index;
  };
  NABLA_INLINE At at(const PoolShape& s, int64_t outRow, int64_t, int64_t ow) const {
    const int64_t offset = (outRow * s.outWidth + ow) * s.channels;
    return {grad + offset, indices + offset};
  }
  template <class L>
  static NABLA_INLINE Part<L> load(const At& at, int64_t c) {
    return {L::load(at.grad + c), L::loadIndex(at.indices + c)};
  }
  template <class L>
  static NABLA_INLINE typename L::V share(const Part<L>& part, int32_t tap) {
    return part.index == typename L::Int{} + tap ? part.grad : L::splat(0);
  }
};

// ... or an equal part of it.
template <class T>
struct AverageShare {
  const T* grad;
  struct At {
    const T* grad;
    T scale;
  };
  NABLA_INLINE At at(const PoolShape& s, int64_t outRow, int64_t oh, int64_t ow) const {
    return {grad + (outRow * s.outWidth + ow) * s.channels, T{1} / static_cast<T>(divisorOf(s, oh, ow))};
  }
  template <class L>
  static NABLA_INLINE typename L::V load(const At& at, int64_t c) {
    return L::load(at.grad + c) * at.scale;
  }
  template <class L>
  static NABLA_INLINE typename L::V share(typename L::V part, int32_t) {
    return part;
  }
};

template <int N>
struct Count {
  static constexpr int64_t kValue = N;
};

// Adds to one input row what the windows of output row `oh` give to it; `tapRow` is the row's place in those windows.
// Side by side (no gap, no overlap) a window may write instead of add.
template <int K, bool kTiles, class T, class Share>
NABLA_INLINE void scatterRow(const PoolShape& s, const Share& share, int64_t outRow, int64_t oh, int64_t tapRow,
                             T* gradX) {
  const Range full = fullColumns(s);
  for (int64_t ow = 0; ow < s.outWidth; ow++) {
    const int64_t w0 = ow * s.strideW - s.padW;
    const auto at = share.at(s, outRow, oh, ow);
    auto taps = [&](Range cols, auto count) __attribute__((always_inline)) {
      overChannels<T, kTiles>(
          s.channels, [&](auto group, int64_t c) __attribute__((always_inline)) {
            using G = decltype(group);
            using L = typename G::Lane;
            const int64_t begin = count.kValue > 0 ? 0 : cols.begin, end = count.kValue > 0 ? count.kValue : cols.end;
#pragma GCC unroll 4
            for (int k = 0; k < G::kCount; k++) {
              const int64_t ck = c + k * L::kWidth;
              const auto part = Share::template load<L>(at, ck);
#pragma GCC unroll 3
              for (int64_t j = begin; j < end; j++) {
                T* p = gradX + (w0 + j * s.dilationW) * s.channels + ck;
                const auto v = Share::template share<L>(part, static_cast<int32_t>(tapRow * s.kernelW + j));
                L::store(p, kTiles ? v : L::load(p) + v);
              }
            }
          });
    };
    if (K > 0 && ow >= full.begin && ow < full.end) {
      taps(Range{}, Count<K>{});
    } else {
      taps(insideTaps(w0, s.kernelW, s.dilationW, s.width), Count<0>{});
    }
  }
}

// K: the width of the window, 0 for any.
template <int K, bool kTiles, class T, class Share>
NABLA_INLINE void backwardRows(const PoolShape& shape, const Share& share, T* gradX, int64_t row0, int64_t row1) {
  const PoolShape s = shape;
  for (int64_t row = row0; row < row1; row++) {
    const int64_t n = row / s.height, h = row % s.height + s.padH;
    T* out = gradX + row * s.width * s.channels;
    const int64_t first = most(0, h - (s.kernelH - 1) * s.dilationH + s.strideH - 1) / s.strideH;
    const int64_t last = least(s.outHeight - 1, h / s.strideH);
    const int64_t covered = kTiles && first <= last ? least(s.width, s.outWidth * s.kernelW) : 0;
    __builtin_memset(out + covered * s.channels, 0, static_cast<size_t>((s.width - covered) * s.channels) * sizeof(T));
    for (int64_t oh = first; oh <= last; oh++) {
      const int64_t distance = h - oh * s.strideH;
      if (distance % s.dilationH != 0) continue;
      scatterRow<K, kTiles>(s, share, n * s.outHeight + oh, oh, distance / s.dilationH, out);
    }
  }
}

template <class T, class Share>
NABLA_INLINE void backwardBySize(const PoolShape& s, const Share& share, T* gradX, int64_t row0, int64_t row1) {
  const bool tiles = s.strideW == s.kernelW && s.dilationW == 1 && s.padW == 0 && s.strideH == s.kernelH &&
                     s.dilationH == 1 && s.padH == 0;
  if (tiles && s.kernelW == 2) return backwardRows<2, true>(s, share, gradX, row0, row1);
  if (tiles) return backwardRows<0, true>(s, share, gradX, row0, row1);
  if (s.kernelW == 3) return backwardRows<3, false>(s, share, gradX, row0, row1);
  backwardRows<0, false>(s, share, gradX, row0, row1);
}

template <class T, class I>
void maxPoolBackward(const PoolShape& s, const void* gradOut, const void* indices, void* gradX, int64_t row0,
                     int64_t row1) {
  const MaxShare<T, I> share{static_cast<const T*>(gradOut), static_cast<const I*>(indices)};
  backwardBySize(s, share, static_cast<T*>(gradX), row0, row1);
}

template <class T>
void averagePoolBackward(const PoolShape& s, const void* gradOut, void* gradX, int64_t row0, int64_t row1) {
  const AverageShare<T> share{static_cast<const T*>(gradOut)};
  backwardBySize(s, share, static_cast<T*>(gradX), row0, row1);
}

template <class I>
void flatIndices(const PoolShape& s, const void* indices, int64_t* out, int64_t row0, int64_t row1) {
  for (int64_t row = row0; row < row1; row++) {
    const int64_t h0 = row % s.outHeight * s.strideH - s.padH;
    for (int64_t ow = 0; ow < s.outWidth; ow++) {
      const int64_t offset = (row * s.outWidth + ow) * s.channels;
      const I* from = static_cast<const I*>(indices) + offset;
      const int64_t w0 = ow * s.strideW - s.padW;
      for (int64_t c = 0; c < s.channels; c++) {
        const int32_t tap = static_cast<int32_t>(from[c]), width = static_cast<int32_t>(s.kernelW);
        out[offset + c] = (h0 + tap / width * s.dilationH) * s.width + w0 + tap % width * s.dilationW;
      }
    }
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(pool)(PoolKernels* t) {
  t->max[0][0] = maxPool<float, uint8_t>;
  t->max[0][1] = maxPool<float, int32_t>;
  t->max[1][0] = maxPool<double, uint8_t>;
  t->max[1][1] = maxPool<double, int32_t>;
  t->maxBackward[0][0] = maxPoolBackward<float, uint8_t>;
  t->maxBackward[0][1] = maxPoolBackward<float, int32_t>;
  t->maxBackward[1][0] = maxPoolBackward<double, uint8_t>;
  t->maxBackward[1][1] = maxPoolBackward<double, int32_t>;
  t->maxIndices[0] = flatIndices<uint8_t>;
  t->maxIndices[1] = flatIndices<int32_t>;
  t->average[0] = averagePool<float>;
  t->average[1] = averagePool<double>;
  t->averageBackward[0] = averagePoolBackward<float>;
  t->averageBackward[1] = averagePoolBackward<double>;
}
