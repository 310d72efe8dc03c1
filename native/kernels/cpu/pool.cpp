#include "pool.h"

#include "lanes.h"
#include "pool_backward.h"
#include "pool_places.h"
#include "pool_windows.h"

namespace {

using nabla::cpu::PoolKernels;

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
            if (s.rectified) at[k] = best[k] > typename L::V{} ? at[k] : typename L::Int{} + nabla::cpu::kDeadPlace;
            L::store(out + pixel * s.channels + c + k * L::kWidth, best[k]);
            storePlaces<L>(places + pixel * s.channels + c + k * L::kWidth, at[k]);
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
    const Row at(row, s.d.out, s.h.out);
    w.planes = insideTaps(s.d, at.d), w.rows = insideTaps(s.h, at.h);
    w.lines = Op::lines(s, at.d, at.h);
    const int64_t base = ((at.n * s.d.size + startOf(s.d, at.d)) * s.h.size + startOf(s.h, at.h)) * line;
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
    const int64_t columns = K > 0 ? K : counted(s.w, ow, s.countIncludePad);
    const int64_t positions = s.divisorOverride ? s.divisorOverride : w.lines * columns;
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
  const int64_t positions = s.d.kernel * s.h.kernel * s.w.kernel;
  if (sizeof(I) == 1) {
    for (int64_t i = 0; i < positions; i++) distances[i] = distanceOf(s, i);
  }
  for (int64_t row = part.row0; row < part.row1; row++) {
    const Row at(row, s.d.out, s.h.out);
    const int64_t line = (startOf(s.d, at.d) * s.h.size + startOf(s.h, at.h)) * s.w.size;
    for (int64_t ow = part.col0; ow < part.col1; ow++) {
      const int64_t offset = (row * s.w.out + ow) * s.channels, start = line + startOf(s.w, ow);
      const I* from = static_cast<const I*>(places) + offset;
      for (int64_t c = 0; c < s.channels; c++) {
        const int64_t place = static_cast<int64_t>(from[c]);
        const bool dead = place >= positions;
        out[offset + c] = dead ? 0 : start + (sizeof(I) == 1 ? distances[place] : distanceOf(s, place));
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
