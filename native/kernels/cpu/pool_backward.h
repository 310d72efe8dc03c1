// How the gradient of windows reaches their positions: for maxima and for means.
#pragma once
#include "lanes.h"
#include "pool_places.h"
#include "pool_windows.h"

namespace {

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
  static NABLA_INLINE T scale(const PoolShape&, int64_t, int64_t) { return 1; }
  NABLA_INLINE At at(int64_t offset, T) const { return {grad + offset, places + offset}; }
  template <class L>
  static NABLA_INLINE Part<L> load(const At& at, int64_t c) {
    return {L::load(at.grad + c), loadPlaces<L>(at.places + c)};
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
  static NABLA_INLINE T scale(const PoolShape& s, int64_t lines, int64_t columns) {
    return T{1} / static_cast<T>(s.divisorOverride ? s.divisorOverride : lines * columns);
  }
  NABLA_INLINE At at(int64_t offset, T scale) const { return {grad + offset, scale}; }
  template <class L>
  static NABLA_INLINE typename L::V load(const At& at, int64_t c) {
    return L::load(at.grad + c) * at.scale;
  }
  template <class L>
  static NABLA_INLINE typename L::V share(typename L::V part, int32_t) {
    return part;
  }
};

// Columns of input rows, the windows over them, and which of these lie inside.
struct Columns {
  Range inside, windows, full;
  NABLA_INLINE bool holds(int64_t i) const { return i >= inside.begin && i < inside.end; }
  NABLA_INLINE bool holdsWindow(int64_t o) const { return o >= full.begin && o < full.end; }
};

// An output row whose windows reach over an input row.
template <class T>
struct Source {
  int64_t offset;  // of its first element
  int64_t place;   // of the input row's first tap
  int64_t lines;
  T scale;  // of windows inside the image
};

template <bool kValue>
struct Flag {
  static constexpr bool value = kValue;
};

// Writes columns of an input row: windows of K columns in steps of S, whose shares meet in registers.
template <int K, int S, class T, class Share>
NABLA_INLINE void meet(const PoolShape& s, const Share& share, const Source<T>* sources, int count,
                       const Columns& columns, T* row) {
  const Range windows = columns.windows;
  overChannels<T>(
      s.channels, [&](auto group, int64_t c) __attribute__((always_inline)) {
        using G = decltype(group);
        using L = typename G::Lane;
        typename L::V sum[K][G::kCount];
        for (int j = 0; j < K; j++) {
          for (int k = 0; k < G::kCount; k++) sum[j][k] = L::splat(0);
        }
        const auto put = [&](int64_t column, int j) __attribute__((always_inline)) {
          for (int k = 0; k < G::kCount; k++) L::store(row + column * s.channels + c + k * L::kWidth, sum[j][k]);
        };
        int64_t column = windows.begin * S - s.w.pad;
        for (int64_t ow = windows.begin; ow < windows.end; ow++, column += S) {
          const bool inner = columns.holdsWindow(ow);
          const auto take = [&](const Source<T>& from, auto first) __attribute__((always_inline)) {
            const T scale = inner ? from.scale : Share::scale(s, from.lines, counted(s.w, ow, s.countIncludePad));
            const auto at = share.at(from.offset + ow * s.channels, scale);
#pragma GCC unroll 4
            for (int k = 0; k < G::kCount; k++) {
              const auto part = Share::template load<L>(at, c + k * L::kWidth);
#pragma GCC unroll 3
              for (int j = 0; j < K; j++) {
                const auto v = Share::template share<L>(part, static_cast<int32_t>(from.place + j));
                sum[j][k] = first.value && j >= K - S ? v : sum[j][k] + v;
              }
            }
          };
          take(sources[0], Flag<true>{});
          for (int i = 1; i < count; i++) take(sources[i], Flag<false>{});
          for (int j = 0; j < S; j++) {
            if (inner || columns.holds(column + j)) put(column + j, j);
          }
          for (int j = 0; j + S < K; j++) {
            for (int k = 0; k < G::kCount; k++) sum[j][k] = sum[j + S][k];
          }
        }
        for (int j = 0; j + S < K; j++) {
          if (columns.holds(column + j)) put(column + j, j);
        }
      });
}

// Windows with nothing in common, one after another where the channels take several groups: memory is written in order.
template <int K, int S, class T, class Share>
NABLA_INLINE void meetInOrder(const PoolShape& s, const Share& share, const Source<T>* sources, int count,
                              const Columns& columns, T* row) {
  if (K > S || s.channels <= 4 * kLanes<T>) return meet<K, S>(s, share, sources, count, columns, row);
  Columns one = columns;
  for (int64_t ow = columns.windows.begin; ow < columns.windows.end; ow++) {
    one.windows = {ow, ow + 1};
    meet<K, S>(s, share, sources, count, one, row);
  }
}

// Adds to columns of an input row what the windows of one output row give to them. Side by side (no gap, no overlap) a
// window may write instead of add.
template <bool kTiles, class T, class Share>
NABLA_INLINE void scatter(const PoolShape& s, const Share& share, const Source<T>& from, const Columns& columns,
                          T* row) {
  const int64_t step = s.w.dilation * s.channels;
  for (int64_t ow = columns.windows.begin; ow < columns.windows.end; ow++) {
    const int64_t w0 = startOf(s.w, ow), first = w0 * s.channels;
    const Range taps = insideTaps(w0, tapsOf(s.w, ow), s.w.dilation, columns.inside.begin, columns.inside.end);
    const bool inner = columns.holdsWindow(ow);
    const T scale = inner ? from.scale : Share::scale(s, from.lines, counted(s.w, ow, s.countIncludePad));
    const auto at = share.at(from.offset + ow * s.channels, scale);
    overChannels<T, kTiles>(
        s.channels, [&](auto group, int64_t c) __attribute__((always_inline)) {
          using G = decltype(group);
          using L = typename G::Lane;
#pragma GCC unroll 4
          for (int k = 0; k < G::kCount; k++) {
            const int64_t ck = c + k * L::kWidth;
            const auto part = Share::template load<L>(at, ck);
            for (int64_t j = taps.begin; j < taps.end; j++) {
              T* p = row + first + j * step + ck;
              const auto v = Share::template share<L>(part, static_cast<int32_t>(from.place + j));
              L::store(p, kTiles ? v : L::load(p) + v);
            }
          }
        });
  }
}

// f(source) for each output row over an input row.
template <class T, class Share, class F>
NABLA_INLINE void overSources(const PoolShape& s, const Row& at, F f) {
  const bool flat = s.d.size == 1 && s.d.kernel == 1 && s.d.out == 1;
  const Range planes = flat ? Range{0, 1} : windowsOver(s.d, at.d), rows = windowsOver(s.h, at.h);
  for (int64_t od = planes.begin; od < planes.end; od++) {
    const int64_t plane = tapAt(s.d, od, at.d);
    if (plane < 0) continue;
    for (int64_t oh = rows.begin; oh < rows.end; oh++) {
      const int64_t line = tapAt(s.h, oh, at.h);
      if (line < 0) continue;
      const int64_t offset = ((at.n * s.d.out + od) * s.h.out + oh) * s.w.out * s.channels;
      const int64_t lines = Share::lines(s, od, oh);
      f(Source<T>{offset, (plane * s.h.kernel + line) * s.w.kernel, lines, Share::scale(s, lines, s.w.kernel)});
    }
  }
}

constexpr int kMostSources = 32;

enum class How { kMeet, kWrite, kAdd };

// K, S: width and step of windows that meet.
template <How kHow, int K, int S, class T, class Share>
NABLA_INLINE void backwardRows(const PoolShape& shape, const Share& share, T* gradX, const PoolPart& part) {
  const PoolShape s = shape;
  const Range inside{part.col0, part.col1};
  Columns columns{inside, {windowsOver(s.w, inside.begin).begin, windowsOver(s.w, inside.end - 1).end}, {0, 0}};
  if (s.w.stride > 0) columns.full = fullWindows(s.w, inside.begin, inside.end);
  const bool any = columns.windows.begin < columns.windows.end;
  const int64_t last = columns.windows.end - 1;  // columns behind its window have no gradient
  const int64_t end = any && kHow != How::kAdd ? startOf(s.w, last) + s.w.kernel : 0;
  for (int64_t row = part.row0; row < part.row1; row++) {
    T* out = gradX + row * s.w.size * s.channels;
    Source<T> sources[kMostSources];
    int count = 0;
    const Row at(row, s.d.size, s.h.size);
    const auto zero = [&](int64_t covered) __attribute__((always_inline)) {
      const int64_t from = least(inside.end, most(inside.begin, covered));
      __builtin_memset(out + from * s.channels, 0, static_cast<size_t>((inside.end - from) * s.channels) * sizeof(T));
    };
    if constexpr (kHow == How::kAdd) {
      zero(0);
      overSources<T, Share>(s, at, [&](const Source<T>& from) { scatter<false>(s, share, from, columns, out); });
    } else {
      overSources<T, Share>(s, at, [&](const Source<T>& from) { sources[count++] = from; });
      zero(count > 0 ? end : 0);
      if (count == 0 || !any) continue;
      if constexpr (kHow == How::kMeet) meetInOrder<K, S>(s, share, sources, count, columns, out);
      if constexpr (kHow == How::kWrite) scatter<true>(s, share, sources[0], columns, out);
    }
  }
}

NABLA_INLINE bool tiled(const PoolAxis& a) { return a.stride == a.kernel && a.dilation == 1 && a.pad == 0; }

template <class T, class Share>
NABLA_INLINE void backwardBySize(const PoolShape& s, const Share& share, T* gradX, const PoolPart& part) {
  const bool few = s.d.stride > 0 && s.h.stride > 0 && s.d.kernel * s.h.kernel <= kMostSources;
  if (few && s.w.dilation == 1) {
    if (s.w.kernel == 2 && s.w.stride == 2) return backwardRows<How::kMeet, 2, 2>(s, share, gradX, part);
    if (s.w.kernel == 3 && s.w.stride == 2) return backwardRows<How::kMeet, 3, 2>(s, share, gradX, part);
    if (s.w.kernel == 3 && s.w.stride == 1) return backwardRows<How::kMeet, 3, 1>(s, share, gradX, part);
  }
  if (tiled(s.d) && tiled(s.h) && tiled(s.w)) return backwardRows<How::kWrite, 0, 0>(s, share, gradX, part);
  backwardRows<How::kAdd, 0, 0>(s, share, gradX, part);
}

}  // namespace
