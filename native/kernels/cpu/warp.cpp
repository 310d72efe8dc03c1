// Images moved by a map of their own. Places and weights of a run of pixels are found once and serve all channels.
#include "warp.h"

#include "isa.h"

namespace {

using nabla::cpu::WarpImage;
using nabla::cpu::WarpKind;

constexpr int kRun = 64;

NABLA_INLINE float rounded(float x) { return __builtin_nearbyintf(x); }
NABLA_INLINE double rounded(double x) { return __builtin_nearbyint(x); }

// The points of a run of pixels of one output row, in pixels of the input.
template <class C>
struct Points {
  C x[kRun], y[kRun];
};

// A row of a map applied to the points of a run: the products with x wait in memory, as the sum is rounded in PyTorch.
template <class C>
struct Sum {
  C products[kRun];
  C values[kRun];
  NABLA_INLINE void add(C y, C my, C mz, int n) {
    NABLA_LANES
    for (int i = 0; i < n; i++) values[i] = (y * my + products[i]) + mz;
  }
  NABLA_INLINE void times(const C* x, C mx, int n) {
    NABLA_LANES
    for (int i = 0; i < n; i++) products[i] = x[i] * mx;
  }
};

// Coordinates go through [-1, 1] as in PyTorch, so that they round alike.
template <class C>
NABLA_INLINE void toPixels(C* out, const C* u, int64_t size, int n) {
  const C half = static_cast<C>(size) / 2;
  NABLA_LANES
  for (int i = 0; i < n; i++) out[i] = (u[i] + 1) * half - C(0.5);
}

template <class C>
NABLA_INLINE void mapRun(const WarpImage& g, int64_t row, int64_t x0, int n, Points<C>& points) {
  C x[kRun];
  Sum<C> sum;
  const bool affine = g.kind == WarpKind::kAffine;
  const C first = affine ? (1 - static_cast<C>(g.outWidth)) / 2 : C(0.5);
  const C y = (affine ? (1 - static_cast<C>(g.outHeight)) / 2 : C(0.5)) + static_cast<C>(row);
  NABLA_LANES
  for (int i = 0; i < n; i++) x[i] = first + static_cast<C>(x0 + i);
  C denominator[kRun];
  if (!affine) {
    sum.times(x, static_cast<C>(g.m[6]), n);
    sum.add(y, static_cast<C>(g.m[7]), static_cast<C>(g.m[8]), n);
    for (int i = 0; i < n; i++) denominator[i] = sum.values[i];
  }
  for (int axis = 0; axis < 2; axis++) {
    const int64_t size = axis ? g.height : g.width;
    const C half = static_cast<C>(affine ? size : axis ? g.outHeight : g.outWidth) / 2;
    const double* m = g.m + 3 * axis;
    sum.times(x, static_cast<C>(m[0]) / half, n);
    sum.add(y, static_cast<C>(m[1]) / half, static_cast<C>(m[2]) / half, n);
    if (!affine) {
      NABLA_LANES
      for (int i = 0; i < n; i++) sum.values[i] = sum.values[i] / denominator[i] - 1;
    }
    toPixels(axis ? points.y : points.x, sum.values, size, n);
  }
}

template <class C>
NABLA_INLINE void fieldRun(const WarpImage& g, int64_t row, int64_t x0, int n, Points<C>& points) {
  const C* field = static_cast<const C*>(g.field) + (row * g.outWidth + x0) * 2;
  const C width = static_cast<C>(g.outWidth), height = static_cast<C>(g.outHeight);
  const C y = (static_cast<C>(2 * row + 1) - height) / height;
  C u[kRun], v[kRun];
  NABLA_LANES
  for (int i = 0; i < n; i++) {
    u[i] = (static_cast<C>(2 * (x0 + i) + 1) - width) / width + field[2 * i];
    v[i] = y + field[2 * i + 1];
  }
  toPixels(points.x, u, g.width, n);
  toPixels(points.y, v, g.height, n);
}

template <class C>
NABLA_INLINE void pointsOf(const WarpImage& g, int64_t row, int64_t x0, int n, Points<C>& points) {
  if (g.kind == WarpKind::kField) {
    fieldRun(g, row, x0, n, points);
  } else {
    mapRun(g, row, x0, n, points);
  }
}

// f(first pixel, pixels) for every run of rows [from, to).
template <class F>
NABLA_INLINE void overRuns(const WarpImage& g, int64_t from, int64_t to, F&& f) {
  for (int64_t row = from; row < to; row++)
    for (int64_t x0 = 0; x0 < g.outWidth; x0 += kRun)
      f(row, x0, static_cast<int>(g.outWidth - x0 < kRun ? g.outWidth - x0 : kRun));
}

// Far outside or NaN: outside.
template <class C>
NABLA_INLINE C near(C v, int64_t size) {
  v = v > C(-2) ? v : C(-2);
  const C most = static_cast<C>(size + 1);
  return v < most ? v : most;
}

template <class T, class C>
void nearest(const WarpImage& g, int64_t from, int64_t to) {
  const T* fill = static_cast<const T*>(g.fill);
  overRuns(g, from, to, [&](int64_t row, int64_t x0, int n) {
    Points<C> points;
    pointsOf(g, row, x0, n, points);
    int32_t at[kRun];
    const auto inRow = static_cast<int32_t>(g.inRow), inPixel = static_cast<int32_t>(g.inPixel);
    const auto width = static_cast<int32_t>(g.width), height = static_cast<int32_t>(g.height);
    NABLA_LANES
    for (int i = 0; i < n; i++) {
      const auto x = static_cast<int32_t>(rounded(near(points.x[i], g.width)));
      const auto y = static_cast<int32_t>(rounded(near(points.y[i], g.height)));
      const bool inside = (x >= 0) & (x < width) & (y >= 0) & (y < height);
      at[i] = inside ? y * inRow + x * inPixel : -1;
    }
    for (int64_t c = 0; c < g.channels; c++) {
      const T* in = static_cast<const T*>(g.in) + c * g.inChannel;
      T* out = static_cast<T*>(g.out) + row * g.outRow + x0 * g.outPixel + c * g.outChannel;
      const T outside = fill ? fill[g.fills > 1 ? c : 0] : T(0);
      for (int i = 0; i < n; i++) out[i * g.outPixel] = at[i] >= 0 ? in[at[i]] : outside;
    }
  });
}

// Two neighbours along one axis: the first of them, which has a neighbour inside, and what each counts for.
template <class C>
struct Pair {
  int32_t first[kRun];
  C low[kRun], high[kRun];
};

template <class C>
NABLA_INLINE void pairsOf(const C* at, int64_t size, int n, Pair<C>& pair) {
  const auto last = static_cast<int32_t>(size - 1);
  const int32_t lastFirst = last > 0 ? last - 1 : 0;
  NABLA_LANES
  for (int i = 0; i < n; i++) {
    const C v = near(at[i], size);
    int32_t f = static_cast<int32_t>(v);
    f -= static_cast<C>(f) > v ? 1 : 0;
    const C t = v - static_cast<C>(f);
    const C here = (f >= 0) & (f <= last) ? 1 - t : C(0);
    const C next = (f >= -1) & (f < last) ? t : C(0);
    int32_t b = f > 0 ? f : 0;
    b = b < lastFirst ? b : lastFirst;
    pair.first[i] = b;
    pair.low[i] = f == b ? here : f + 1 == b ? next : C(0);
    pair.high[i] = f == b ? next : f == b + 1 ? here : C(0);
  }
}

template <class C>
struct Blend {
  int32_t at[kRun];
  Pair<C> x, y;
  C inside[kRun];  // how much of a point lies inside of the image
};

template <class C>
NABLA_INLINE void blendOf(const WarpImage& g, int64_t row, int64_t x0, int n, Blend<C>& b) {
  Points<C> points;
  pointsOf(g, row, x0, n, points);
  pairsOf(points.x, g.width, n, b.x);
  pairsOf(points.y, g.height, n, b.y);
  const auto inRow = static_cast<int32_t>(g.inRow), inPixel = static_cast<int32_t>(g.inPixel);
  NABLA_LANES
  for (int i = 0; i < n; i++) {
    b.at[i] = b.y.first[i] * inRow + b.x.first[i] * inPixel;
    b.inside[i] = (b.x.low[i] + b.x.high[i]) * (b.y.low[i] + b.y.high[i]);
  }
}

template <class C>
NABLA_INLINE C filled(C value, C inside, const C* fill) {
  return fill ? (value - *fill) * inside + *fill : value;
}

template <class C>
NABLA_INLINE const C* fillOf(const WarpImage& g, int64_t channel) {
  return g.fill ? static_cast<const C*>(g.fill) + (g.fills > 1 ? channel : 0) : nullptr;
}

// What counts for nothing is left out, NaN and infinity too: it may lie outside.
template <class C>
NABLA_INLINE C share(C weight, C value) {
  return weight != 0 ? weight * value : C(0);
}

template <class C, bool kDense>
NABLA_INLINE void blendFloats(const WarpImage& g, const Blend<C>& b, const C* in, C* out, const C* fill, int n) {
  const int64_t dx = g.width > 1 ? g.inPixel : 0, dy = g.height > 1 ? g.inRow : 0;
  const int64_t step = kDense ? 1 : g.outPixel;
  NABLA_LANES
  for (int i = 0; i < n; i++) {
    const C* p = in + b.at[i];
    const C top = share(b.x.low[i], p[0]) + share(b.x.high[i], p[dx]);
    const C bottom = share(b.x.low[i], p[dy]) + share(b.x.high[i], p[dx + dy]);
    out[i * step] = filled(share(b.y.low[i], top) + share(b.y.high[i], bottom), b.inside[i], fill);
  }
}

template <class C>
void linear(const WarpImage& g, int64_t from, int64_t to) {
  overRuns(g, from, to, [&](int64_t row, int64_t x0, int n) {
    Blend<C> b;
    blendOf(g, row, x0, n, b);
    for (int64_t c = 0; c < g.channels; c++) {
      const C* in = static_cast<const C*>(g.in) + c * g.inChannel;
      C* out = static_cast<C*>(g.out) + row * g.outRow + x0 * g.outPixel + c * g.outChannel;
      if (g.outPixel == 1) {
        blendFloats<C, true>(g, b, in, out, fillOf<C>(g, c), n);
      } else {
        blendFloats<C, false>(g, b, in, out, fillOf<C>(g, c), n);
      }
    }
  });
}

// Two neighbouring bytes, the first one low.
template <bool kNeighbours>
NABLA_INLINE uint32_t bytesAt(const uint8_t* p, int64_t dx) {
  if constexpr (kNeighbours) {
    uint16_t both;
    __builtin_memcpy(&both, p, sizeof(both));
    return both;
  }
  return static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[dx]) << 8;
}

template <bool kNeighbours>
NABLA_INLINE void blendBytes(const WarpImage& g, const Blend<float>& b, const uint8_t* in, uint8_t* out,
                             const float* fill, int n) {
  const int64_t dx = g.width > 1 ? g.inPixel : 0, dy = g.height > 1 ? g.inRow : 0;
  int32_t top[kRun], bottom[kRun];
  for (int i = 0; i < n; i++) {
    const uint8_t* p = in + b.at[i];
    top[i] = static_cast<int32_t>(bytesAt<kNeighbours>(p, dx));
    bottom[i] = static_cast<int32_t>(bytesAt<kNeighbours>(p + dy, dx));
  }
  int32_t bytes[kRun];
  NABLA_LANES
  for (int i = 0; i < n; i++) {
    const float up = b.x.low[i] * static_cast<float>(top[i] & 255) + b.x.high[i] * static_cast<float>(top[i] >> 8);
    const float down =
        b.x.low[i] * static_cast<float>(bottom[i] & 255) + b.x.high[i] * static_cast<float>(bottom[i] >> 8);
    const float value = rounded(filled(b.y.low[i] * up + b.y.high[i] * down, b.inside[i], fill));
    const float least = value > 0 ? value : 0;
    bytes[i] = static_cast<int32_t>(least < 255 ? least : 255);
  }
  if (g.outPixel == 1) {
    for (int i = 0; i < n; i++) out[i] = static_cast<uint8_t>(bytes[i]);
  } else {
    for (int i = 0; i < n; i++) out[i * g.outPixel] = static_cast<uint8_t>(bytes[i]);
  }
}

void linearBytes(const WarpImage& g, int64_t from, int64_t to) {
  overRuns(g, from, to, [&](int64_t row, int64_t x0, int n) {
    Blend<float> b;
    blendOf(g, row, x0, n, b);
    for (int64_t c = 0; c < g.channels; c++) {
      const uint8_t* in = static_cast<const uint8_t*>(g.in) + c * g.inChannel;
      uint8_t* out = static_cast<uint8_t*>(g.out) + row * g.outRow + x0 * g.outPixel + c * g.outChannel;
      if (g.inPixel == 1 && g.width > 1) {
        blendBytes<true>(g, b, in, out, fillOf<float>(g, c), n);
      } else {
        blendBytes<false>(g, b, in, out, fillOf<float>(g, c), n);
      }
    }
  });
}

// The elements of one output row: `count` neighbours from the input, the rest outside.
template <class T>
NABLA_INLINE void placeRow(T* out, const T* in, int64_t inStep, int64_t outStep, int64_t before, int64_t count,
                           int64_t after, T outside) {
  for (int64_t i = 0; i < before; i++) out[i * outStep] = outside;
  out += before * outStep;
  if (inStep == 1 && outStep == 1) {
    if (count > 0) __builtin_memcpy(out, in, static_cast<size_t>(count) * sizeof(T));
  } else if (inStep == -1 && outStep == 1) {
    for (int64_t i = 0; i < count; i++) out[i] = in[-i];
  } else {
    for (int64_t i = 0; i < count; i++) out[i * outStep] = in[i * inStep];
  }
  out += count * outStep;
  for (int64_t i = 0; i < after; i++) out[i * outStep] = outside;
}

template <class T>
void place(const WarpImage& g, int64_t from, int64_t to) {
  const auto left = static_cast<int64_t>(g.m[0]), top = static_cast<int64_t>(g.m[1]);
  const bool flipX = g.m[2] != 0, flipY = g.m[3] != 0;
  // Columns [begin, end) of the unflipped output lie inside.
  const int64_t w = g.outWidth;
  const int64_t begin = left < 0 ? (-left < w ? -left : w) : 0;
  const int64_t right = g.width - left < w ? g.width - left : w;
  const int64_t end = right > begin ? right : begin;
  const T* fill = static_cast<const T*>(g.fill);
  // Channels that lie side by side in both are copied with their pixels.
  const bool whole = !flipX && g.inChannel == 1 && g.outChannel == 1 && g.inPixel == g.channels &&
                     g.outPixel == g.channels && g.fills <= 1;
  const int64_t channels = whole ? 1 : g.channels, inner = whole ? g.channels : 1;
  for (int64_t row = from; row < to; row++) {
    const int64_t y = top + (flipY ? g.outHeight - 1 - row : row);
    const bool inside = y >= 0 && y < g.height;
    const int64_t count = inside ? end - begin : 0, before = inside ? (flipX ? w - end : begin) : 0;
    for (int64_t c = 0; c < channels; c++) {
      const T outside = fill ? fill[g.fills > 1 ? c : 0] : T(0);
      T* out = static_cast<T*>(g.out) + row * g.outRow + c * g.outChannel;
      const T* in = static_cast<const T*>(g.in);
      if (count > 0) in += c * g.inChannel + y * g.inRow + (left + (flipX ? end - 1 : begin)) * g.inPixel;
      const int64_t inStep = whole ? 1 : flipX ? -g.inPixel : g.inPixel;
      placeRow(out, in, inStep, whole ? 1 : g.outPixel, before * inner, count * inner, (w - before - count) * inner,
               outside);
    }
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(warp)(nabla::cpu::WarpKernels* t) {
  t->place[0] = place<uint8_t>;
  t->place[1] = place<uint16_t>;
  t->place[2] = place<uint32_t>;
  t->place[3] = place<uint64_t>;
  t->nearest[0] = nearest<uint8_t, float>;
  t->nearest[1] = nearest<uint16_t, float>;
  t->nearest[2] = nearest<uint32_t, float>;
  t->nearest[3] = nearest<uint64_t, float>;
  t->nearest[4] = nearest<uint64_t, double>;
  t->linear[0] = linearBytes;
  t->linear[1] = linear<float>;
  t->linear[2] = linear<double>;
}
