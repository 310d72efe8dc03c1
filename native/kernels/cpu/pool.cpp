#include "pool.h"

#include "lanes.h"

namespace {

using nabla::cpu::PoolAxis;
using nabla::cpu::PoolKernels;
using nabla::cpu::PoolPart;
using nabla::cpu::PoolShape;

struct Range {
  int64_t begin, end;
  NABLA_INLINE int64_t count() const { return end - begin; }
};

NABLA_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
NABLA_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// The window of output `o` along one axis: where it starts (possibly before the input), and how many taps it has.
NABLA_INLINE int64_t startOf(const PoolAxis& a, int64_t o) {
  return a.stride > 0 ? o * a.stride - a.pad : o * a.size / a.out;
}
NABLA_INLINE int64_t tapsOf(const PoolAxis& a, int64_t o) {
  return a.stride > 0 ? a.kernel : ((o + 1) * a.size + a.out - 1) / a.out - o * a.size / a.out;
}

// Which taps of a window that begins at `start` lie inside [low, high).
NABLA_INLINE Range insideTaps(int64_t start, int64_t taps, int64_t dilation, int64_t low, int64_t high) {
  Range r{0, taps};
  if (start < low) r.begin = least(taps, (low - start + dilation - 1) / dilation);
  if (start + (taps - 1) * dilation >= high) r.end = start >= high ? 0 : (high - 1 - start) / dilation + 1;
  if (r.end < r.begin) r.end = r.begin;
  return r;
}
NABLA_INLINE Range insideTaps(const PoolAxis& a, int64_t o) {
  return insideTaps(startOf(a, o), tapsOf(a, o), a.dilation, 0, a.size);
}

// Outputs whose windows lie inside [low, high); not for adaptive windows.
NABLA_INLINE Range fullWindows(const PoolAxis& a, int64_t low, int64_t high) {
  const int64_t room = high - 1 - (a.kernel - 1) * a.dilation + a.pad;
  Range r{least(a.out, (low + a.pad + a.stride - 1) / a.stride), room < 0 ? 0 : room / a.stride + 1};
  r.end = most(r.begin, least(r.end, a.out));
  return r;
}

// Outputs whose windows reach over input `i`, which with a dilation may still lie between their taps.
NABLA_INLINE Range windowsOver(const PoolAxis& a, int64_t i) {
  if (a.stride == 0) return {i * a.out / a.size, least(a.out, ((i + 1) * a.out - 1) / a.size + 1)};
  const int64_t h = i + a.pad;
  return {most(0, h - (a.kernel - 1) * a.dilation + a.stride - 1) / a.stride, least(a.out, h / a.stride + 1)};
}

// How many positions count in an average, as PyTorch does it: padding belongs to a window, what lies beyond does not.
NABLA_INLINE int64_t counted(const PoolAxis& a, int64_t o, bool includePad) {
  if (a.stride == 0) return tapsOf(a, o);
  const int64_t start = startOf(a, o), end = least(start + a.kernel, a.size + a.pad);
  return includePad ? end - start : least(end, a.size) - most(start, 0);
}
NABLA_INLINE int64_t countedLines(const PoolShape& s, int64_t od, int64_t oh) {
  return counted(s.d, od, s.countIncludePad) * counted(s.h, oh, s.countIncludePad);
}

// A window: its first tap in memory (possibly outside the image), the taps inside, the distance between taps.
struct Window {
  int64_t origin;
  Range planes, rows, cols;
  int64_t planeStep, rowStep, colStep;
  int64_t lines;  // for averages: the counted positions of planes and rows
  NABLA_INLINE bool empty() const {
    return planes.begin >= planes.end || rows.begin >= rows.end || cols.begin >= cols.end;
  }
};

// f(offset, place) for the first column of each line of taps.
template <class F>
NABLA_INLINE void overLines(const PoolShape& s, const Window& w, F f) {
  for (int64_t d = w.planes.begin; d < w.planes.end; d++) {
    for (int64_t i = w.rows.begin; i < w.rows.end; i++) {
      f(w.origin + d * w.planeStep + i * w.rowStep, (d * s.h.kernel + i) * s.w.kernel);
    }
  }
}

// K > 0: one plane of K x K taps, all inside, so the loops unroll.
template <int K, class F>
NABLA_INLINE void overTaps(const PoolShape& s, const Window& w, F f) {
  if constexpr (K > 0) {
#pragma GCC unroll 4
    for (int i = 0; i < K; i++) {
#pragma GCC unroll 4
      for (int j = 0; j < K; j++) f(w.origin + i * w.rowStep + j * w.colStep, i * K + j);
    }
  } else {
    overLines(
        s, w, [&](int64_t line, int64_t place) __attribute__((always_inline)) {
          for (int64_t j = w.cols.begin; j < w.cols.end; j++) {
            f(line + j * w.colStep, static_cast<int32_t>(place + j));
          }
        });
  }
}

template <class T, class I>
struct MaxWindow {
  const T* x;
  T* out;
  I* places;
  static NABLA_INLINE int64_t lines(const PoolShape&, int64_t, int64_t) { return 0; }
  template <int K>
  NABLA_INLINE void run(const PoolShape& s, const Window& w, int64_t pixel, int64_t) const {
    const int64_t line = w.planes.begin * s.h.kernel + w.rows.begin;
    const int32_t first = K > 0 || w.empty() ? 0 : static_cast<int32_t>(line * s.w.kernel + w.cols.begin);
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
            L::storeIndex(places + pixel * s.channels + c + k * L::kWidth, at[k]);
          }
        });
  }
};

// op.run<K>(shape, window, output pixel, ow) for a part of the output.
template <int K, class Op>
NABLA_INLINE void overWindows(const PoolShape& shape, const Op& op, const PoolPart& part) {
  const PoolShape s = shape;  // a copy: stores of bytes may not alias it
  Range full{0, 0};
  if (K > 0) full = fullWindows(s.w, 0, s.w.size);
  full = {most(full.begin, part.col0), least(full.end, part.col1)};
  const int64_t line = s.w.size * s.channels;
  Window w{};
  w.planeStep = s.d.dilation * s.h.size * line, w.rowStep = s.h.dilation * line, w.colStep = s.w.dilation * s.channels;
  for (int64_t row = part.row0; row < part.row1; row++) {
    const int64_t image = row / s.h.out, oh = row % s.h.out, n = image / s.d.out, od = image % s.d.out;
    w.planes = insideTaps(s.d, od), w.rows = insideTaps(s.h, oh);
    w.lines = Op::lines(s, od, oh);
    const int64_t base = ((n * s.d.size + startOf(s.d, od)) * s.h.size + startOf(s.h, oh)) * line;
    const bool inner = K > 0 && w.rows.count() == K;
    for (int64_t ow = part.col0; ow < part.col1; ow++) {
      if (inner && ow == full.begin) {
        w.cols = {0, K};
        for (; ow < full.end; ow++) {
          w.origin = base + (ow * s.w.stride - s.w.pad) * s.channels;
          op.template run<K>(s, w, row * s.w.out + ow, ow);
        }
        if (ow == part.col1) break;
      }
      w.cols = insideTaps(s.w, ow);
      w.origin = base + startOf(s.w, ow) * s.channels;
      op.template run<0>(s, w, row * s.w.out + ow, ow);
    }
  }
}

template <class Op>
NABLA_INLINE void overWindowsBySize(const PoolShape& s, const Op& op, const PoolPart& part) {
  if (s.d.kernel == 1 && s.h.kernel == s.w.kernel && s.h.stride > 0 && s.w.stride > 0) {
    if (s.w.kernel == 2) return overWindows<2>(s, op, part);
    if (s.w.kernel == 3) return overWindows<3>(s, op, part);
  }
  overWindows<0>(s, op, part);
}

template <class T, class I>
void maxPool(const PoolShape& s, const void* x, void* out, void* places, const PoolPart& part) {
  overWindowsBySize(s, MaxWindow<T, I>{static_cast<const T*>(x), static_cast<T*>(out), static_cast<I*>(places)}, part);
}

template <class T>
struct AverageWindow {
  const T* x;
  T* out;
  static NABLA_INLINE int64_t lines(const PoolShape& s, int64_t od, int64_t oh) { return countedLines(s, od, oh); }
  template <int K>
  NABLA_INLINE void run(const PoolShape& s, const Window& w, int64_t pixel, int64_t ow) const {
    const int64_t positions = s.divisorOverride ? s.divisorOverride : w.lines * counted(s.w, ow, s.countIncludePad);
    const T divisor = w.empty() ? T{1} : static_cast<T>(positions);
    overChannels<T>(
        s.channels, [&](auto group, int64_t c) __attribute__((always_inline)) {
          using G = decltype(group);
          using L = typename G::Lane;
          typename L::V sum[G::kCount];
          for (int k = 0; k < G::kCount; k++) sum[k] = L::splat(0);
          if constexpr (K > 0) {
            overTaps<K>(
                s, w, [&](int64_t offset, int32_t) __attribute__((always_inline)) {
#pragma GCC unroll 4
                  for (int k = 0; k < G::kCount; k++) sum[k] += L::load(x + offset + c + k * L::kWidth);
                });
          } else {
            // Line by line: a large window is no single chain of roundings.
            overLines(
                s, w, [&](int64_t line, int64_t) __attribute__((always_inline)) {
                  typename L::V part[G::kCount];
                  for (int k = 0; k < G::kCount; k++) part[k] = L::splat(0);
                  for (int64_t j = w.cols.begin; j < w.cols.end; j++) {
                    const T* p = x + line + j * w.colStep + c;
#pragma GCC unroll 4
                    for (int k = 0; k < G::kCount; k++) part[k] += L::load(p + k * L::kWidth);
                  }
#pragma GCC unroll 4
                  for (int k = 0; k < G::kCount; k++) sum[k] += part[k];
                });
          }
          for (int k = 0; k < G::kCount; k++) L::store(out + pixel * s.channels + c + k * L::kWidth, sum[k] / divisor);
        });
  }
};

template <class T>
void averagePool(const PoolShape& s, const void* x, void* out, const PoolPart& part) {
  overWindowsBySize(s, AverageWindow<T>{static_cast<const T*>(x), static_cast<T*>(out)}, part);
}

// What one window gives to one of its positions: the gradient where the maximum came from there ...
template <class T, class I>
struct MaxShare {
  const T* grad;
  const I* places;
  struct At {
    const T* grad;
    const I* places;
  };
  template <class L>
  struct Part {
    typename L::V grad;
    typename L::Int place;
  };
  static NABLA_INLINE int64_t lines(const PoolShape&, int64_t, int64_t) { return 0; }
  NABLA_INLINE At at(const PoolShape& s, int64_t outRow, int64_t, int64_t ow) const {
    const int64_t offset = (outRow * s.w.out + ow) * s.channels;
    return {grad + offset, places + offset};
  }
  template <class L>
  static NABLA_INLINE Part<L> load(const At& at, int64_t c) {
    return {L::load(at.grad + c), L::loadIndex(at.places + c)};
  }
  template <class L>
  static NABLA_INLINE typename L::V share(const Part<L>& part, int32_t place) {
    return part.place == typename L::Int{} + place ? part.grad : L::splat(0);
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
  static NABLA_INLINE int64_t lines(const PoolShape& s, int64_t od, int64_t oh) { return countedLines(s, od, oh); }
  NABLA_INLINE At at(const PoolShape& s, int64_t outRow, int64_t lines, int64_t ow) const {
    const int64_t positions = s.divisorOverride ? s.divisorOverride : lines * counted(s.w, ow, s.countIncludePad);
    return {grad + (outRow * s.w.out + ow) * s.channels, T{1} / static_cast<T>(positions)};
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

// Adds to columns `inside` of one input row what the windows of one output row give to them; `place` is that of the
// row's first tap. Side by side (no gap, no overlap) a window may write instead of add.
template <int K, bool kTiles, class T, class Share>
NABLA_INLINE void scatterRow(const PoolShape& s, const Share& share, int64_t outRow, int64_t lines, int64_t place,
                             Range inside, T* gradX) {
  Range full{0, 0};
  if (K > 0) full = fullWindows(s.w, inside.begin, inside.end);
  const int64_t last = windowsOver(s.w, inside.end - 1).end;
  for (int64_t ow = windowsOver(s.w, inside.begin).begin; ow < last; ow++) {
    const int64_t w0 = startOf(s.w, ow);
    const auto at = share.at(s, outRow, lines, ow);
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
                T* p = gradX + (w0 + j * s.w.dilation) * s.channels + ck;
                const auto v = Share::template share<L>(part, static_cast<int32_t>(place + j));
                L::store(p, kTiles ? v : L::load(p) + v);
              }
            }
          });
    };
    if (K > 0 && ow >= full.begin && ow < full.end) {
      taps(Range{}, Count<K>{});
    } else {
      taps(insideTaps(w0, tapsOf(s.w, ow), s.w.dilation, inside.begin, inside.end), Count<0>{});
    }
  }
}

// K: the width of the window, 0 for any.
template <int K, bool kTiles, class T, class Share>
NABLA_INLINE void backwardRows(const PoolShape& shape, const Share& share, T* gradX, const PoolPart& part) {
  const PoolShape s = shape;
  const Range inside{part.col0, part.col1};
  for (int64_t row = part.row0; row < part.row1; row++) {
    const int64_t image = row / s.h.size, h = row % s.h.size, n = image / s.d.size, d = image % s.d.size;
    T* out = gradX + row * s.w.size * s.channels;
    const Range planes = windowsOver(s.d, d), rows = windowsOver(s.h, h);
    const bool any = planes.begin < planes.end && rows.begin < rows.end;
    const int64_t covered = kTiles && any ? least(s.w.size, s.w.out * s.w.kernel) : 0;
    const int64_t zeros = least(inside.end, most(inside.begin, covered));
    __builtin_memset(out + zeros * s.channels, 0, static_cast<size_t>((inside.end - zeros) * s.channels) * sizeof(T));
    for (int64_t od = planes.begin; od < planes.end; od++) {
      const int64_t depth = d - startOf(s.d, od);
      if (depth % s.d.dilation != 0) continue;
      for (int64_t oh = rows.begin; oh < rows.end; oh++) {
        const int64_t height = h - startOf(s.h, oh);
        if (height % s.h.dilation != 0) continue;
        const int64_t line = depth / s.d.dilation * s.h.kernel + height / s.h.dilation;
        const int64_t outRow = (n * s.d.out + od) * s.h.out + oh;
        scatterRow<K, kTiles>(s, share, outRow, Share::lines(s, od, oh), line * s.w.kernel, inside, out);
      }
    }
  }
}

NABLA_INLINE bool tiled(const PoolAxis& a) { return a.stride == a.kernel && a.dilation == 1 && a.pad == 0; }

template <class T, class Share>
NABLA_INLINE void backwardBySize(const PoolShape& s, const Share& share, T* gradX, const PoolPart& part) {
  const bool tiles = tiled(s.d) && tiled(s.h) && tiled(s.w);
  if (tiles && s.w.kernel == 2) return backwardRows<2, true>(s, share, gradX, part);
  if (tiles) return backwardRows<0, true>(s, share, gradX, part);
  if (s.w.kernel == 3 && s.w.stride > 0) return backwardRows<3, false>(s, share, gradX, part);
  backwardRows<0, false>(s, share, gradX, part);
}

template <class T, class I>
void maxPoolBackward(const PoolShape& s, const void* gradOut, const void* places, void* gradX, const PoolPart& part) {
  const MaxShare<T, I> share{static_cast<const T*>(gradOut), static_cast<const I*>(places)};
  backwardBySize(s, share, static_cast<T*>(gradX), part);
}

template <class T>
void averagePoolBackward(const PoolShape& s, const void* gradOut, void* gradX, const PoolPart& part) {
  const AverageShare<T> share{static_cast<const T*>(gradOut)};
  backwardBySize(s, share, static_cast<T*>(gradX), part);
}

// A place as the distance from the window's first position in the plane.
NABLA_INLINE int64_t distanceOf(const PoolShape& s, int64_t place) {
  const int64_t line = place / s.w.kernel, d = line / s.h.kernel * s.d.dilation, h = line % s.h.kernel * s.h.dilation;
  return (d * s.h.size + h) * s.w.size + place % s.w.kernel * s.w.dilation;
}

template <class I>
void flatIndices(const PoolShape& s, const void* places, int64_t* out, const PoolPart& part) {
  int64_t distances[256];
  if (sizeof(I) == 1) {
    const int64_t positions = s.d.kernel * s.h.kernel * s.w.kernel;
    for (int64_t i = 0; i < positions; i++) distances[i] = distanceOf(s, i);
  }
  for (int64_t row = part.row0; row < part.row1; row++) {
    const int64_t oh = row % s.h.out, od = row / s.h.out % s.d.out;
    const int64_t line = (startOf(s.d, od) * s.h.size + startOf(s.h, oh)) * s.w.size;
    for (int64_t ow = part.col0; ow < part.col1; ow++) {
      const int64_t offset = (row * s.w.out + ow) * s.channels, start = line + startOf(s.w, ow);
      const I* from = static_cast<const I*>(places) + offset;
      for (int64_t c = 0; c < s.channels; c++) {
        const int64_t place = static_cast<int64_t>(from[c]);
        out[offset + c] = start + (sizeof(I) == 1 ? distances[place] : distanceOf(s, place));
      }
    }
  }
}

// Where window `o` starts, in the arithmetic of PyTorch. A sample outside [0, 1) must not lead out of the plane.
template <class T>
NABLA_INLINE int64_t fractionalStart(const PoolAxis& a, T sample, int64_t o) {
  const int64_t last = a.size - a.kernel;
  if (o == a.out - 1) return last;
  const T step = static_cast<T>(last) / static_cast<T>(a.out - 1);
  const T end = (static_cast<T>(o) + sample) * step, begin = sample * step;
  const T limit = static_cast<T>(int64_t{1} << 40);
  if (!(end < limit && end > -limit && begin < limit && begin > -limit)) return 0;
  return most(0, least(last, static_cast<int64_t>(end) - static_cast<int64_t>(begin)));
}

template <class T>
NABLA_INLINE int64_t largestIn(const PoolShape& s, const T* x, int64_t d0, int64_t h0, int64_t w0) {
  int64_t at = (d0 * s.h.size + h0) * s.w.size + w0;
  T best = static_cast<T>(-__builtin_inf());
  for (int64_t d = d0; d < d0 + s.d.kernel; d++) {
    for (int64_t h = h0; h < h0 + s.h.kernel; h++) {
      for (int64_t i = (d * s.h.size + h) * s.w.size + w0, end = i + s.w.kernel; i < end; i++) {
        if (x[i] > best || x[i] != x[i]) best = x[i], at = i;
      }
    }
  }
  return at;
}

template <class T>
void fractionalIndices(const PoolShape& s, const void* x, const void* samples, int64_t axes, int64_t* indices,
                       int64_t plane0, int64_t plane1) {
  for (int64_t plane = plane0; plane < plane1; plane++) {
    const T* from = static_cast<const T*>(x) + plane * s.d.size * s.h.size * s.w.size;
    const T* sample = static_cast<const T*>(samples) + plane * axes;
    int64_t* to = indices + plane * s.d.out * s.h.out * s.w.out;
    for (int64_t od = 0; od < s.d.out; od++) {
      const int64_t d0 = axes == 3 ? fractionalStart(s.d, sample[0], od) : 0;
      for (int64_t oh = 0; oh < s.h.out; oh++) {
        const int64_t h0 = fractionalStart(s.h, sample[1], oh);
        for (int64_t ow = 0; ow < s.w.out; ow++) {
          *to++ = largestIn(s, from, d0, h0, fractionalStart(s.w, sample[axes == 3 ? 2 : 0], ow));
        }
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
  t->fractional[0] = fractionalIndices<float>;
  t->fractional[1] = fractionalIndices<double>;
}
