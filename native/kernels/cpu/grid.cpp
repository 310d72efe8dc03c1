// Images sampled at the points of a grid: F.gridSample, and its gradients.
#include "grid.h"

#include "lanes.h"

namespace {

using nabla::cpu::GridImage;

enum Sampling { kLinear = 0, kNearest = 1, kCubic = 2 };
enum Padding { kZeros = 0, kBorder = 1, kReflection = 2 };

// The pixels of a point; those outside are left out.
template <class T>
struct Taps {
  int count = 0;
  bool unknown = false;  // the point is NaN or infinite
  int64_t at[16];
  T weight[16];
  T slope[3][16];  // the derivative of the weight along each axis of the grid
};

// Pixels along one axis.
template <class T>
struct Line {
  int count = 0;
  int64_t at[4];
  bool inside[4];
  T weight[4], slope[4];
};

NABLA_INLINE float floorOf(float x) { return __builtin_floorf(x); }
NABLA_INLINE double floorOf(double x) { return __builtin_floor(x); }
NABLA_INLINE float remainderOf(float x, float y) { return __builtin_fmodf(x, y); }
NABLA_INLINE double remainderOf(double x, double y) { return __builtin_fmod(x, y); }
NABLA_INLINE float roundOf(float x) { return __builtin_nearbyintf(x); }
NABLA_INLINE double roundOf(double x) { return __builtin_nearbyint(x); }

// A coordinate and its derivative.
template <class T>
struct Coordinate {
  T x, slope;
};

template <class T>
NABLA_INLINE Coordinate<T> reflected(Coordinate<T> c, int64_t twiceLow, int64_t twiceHigh) {
  if (twiceLow == twiceHigh) return {T(0), T(0)};
  const T low = static_cast<T>(twiceLow) / 2, span = static_cast<T>(twiceHigh - twiceLow) / 2;
  T x = c.x - low, slope = c.slope;
  if (x < 0) {
    slope = -slope;
    x = -x;
  }
  const T extra = remainderOf(x, span);
  const T flips = floorOf(x / span);
  const bool odd = flips - 2 * floorOf(flips / 2) != 0;
  return odd ? Coordinate<T>{span - extra + low, -slope} : Coordinate<T>{extra + low, slope};
}

template <class T>
NABLA_INLINE Coordinate<T> clipped(Coordinate<T> c, int64_t size) {
  const T last = static_cast<T>(size - 1);
  if (!(c.x > 0)) return {T(0), T(0)};  // NaN too
  if (c.x >= last) return {last, T(0)};
  return c;
}

// Brings a coordinate into the image.
template <class T>
NABLA_INLINE Coordinate<T> placed(const GridImage& g, Coordinate<T> c, int64_t size) {
  if (g.padding == kZeros) return c;
  if (g.padding == kReflection) c = g.align ? reflected(c, 0, 2 * (size - 1)) : reflected(c, -1, 2 * size - 1);
  return clipped(c, size);
}

// Far outside, infinite or NaN: no pixel.
template <class T>
NABLA_INLINE bool isFar(T x) {
  return !(x > T(-1e9) && x < T(1e9));
}

template <class T>
NABLA_INLINE void put(Line<T>& line, int64_t at, int64_t size, T weight, T slope) {
  line.at[line.count] = at;
  line.inside[line.count] = at >= 0 && at < size;
  line.weight[line.count] = weight;
  line.slope[line.count++] = slope;
}

template <class T>
NABLA_INLINE void cubicLine(const GridImage& g, Line<T>& line, Coordinate<T> c, int64_t size) {
  constexpr T a = T(-0.75);
  const T base = floorOf(c.x), t = c.x - base;
  const auto near = [](T x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [](T x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  const auto nearSlope = [](T x) { return (3 * (a + 2) * x - 2 * (a + 3)) * x; };
  const auto farSlope = [](T x) { return (3 * a * x - 10 * a) * x + 8 * a; };
  const T weight[4] = {far(t + 1), near(t), near(1 - t), far(2 - t)};
  const T slope[4] = {farSlope(t + 1), nearSlope(t), -nearSlope(1 - t), -farSlope(2 - t)};
  for (int i = 0; i < 4; i++) {
    const T x = placed(g, Coordinate<T>{base + static_cast<T>(i - 1), T(0)}, size).x;
    put(line, isFar(x) ? -1 : static_cast<int64_t>(x), size, weight[i], slope[i] * c.slope);
  }
}

// False: no pixel at all.
template <class T>
NABLA_INLINE bool lineOf(const GridImage& g, Line<T>& line, T coordinate, int64_t size) {
  Coordinate<T> c = g.align
                        ? Coordinate<T>{(coordinate + 1) / 2 * static_cast<T>(size - 1), static_cast<T>(size - 1) / 2}
                        : Coordinate<T>{((coordinate + 1) * static_cast<T>(size) - 1) / 2, static_cast<T>(size) / 2};
  if (g.sampling == kCubic) {
    cubicLine(g, line, c, size);
    return true;
  }
  c = placed(g, c, size);
  if (isFar(c.x)) return false;
  if (g.sampling == kNearest) {
    put(line, static_cast<int64_t>(roundOf(c.x)), size, T(1), T(0));
    return true;
  }
  const T base = floorOf(c.x), t = c.x - base;
  put(line, static_cast<int64_t>(base), size, 1 - t, -c.slope);
  put(line, static_cast<int64_t>(base) + 1, size, t, c.slope);
  return true;
}

template <class T>
NABLA_INLINE void tapsOf(const GridImage& g, const T* point, Taps<T>& taps) {
  taps.count = 0;
  taps.unknown = false;
  Line<T> lines[3];
  for (int d = 0; d < g.dims; d++) {
    // As PyTorch: images show NaN where no padding has made the point a pixel.
    if (point[d] - point[d] != 0 && g.dims == 2 && (g.sampling == kCubic || (g.sampling == kLinear && !g.padding)))
      taps.unknown = true;
    lines[d].count = 0;
    if (!lineOf(g, lines[d], point[d], g.size[d])) return;
  }
  const Line<T> one{1, {0}, {true}, {T(1)}, {T(0)}};
  const Line<T>&x = lines[0], &y = lines[1], &z = g.dims == 3 ? lines[2] : one;
  for (int k = 0; k < z.count; k++) {
    for (int j = 0; j < y.count; j++) {
      for (int i = 0; i < x.count; i++) {
        if (!x.inside[i] || !y.inside[j] || !z.inside[k]) continue;
        const int n = taps.count++;
        taps.at[n] = x.at[i] * g.steps[0] + y.at[j] * g.steps[1] + z.at[k] * (g.dims == 3 ? g.steps[2] : 0);
        taps.weight[n] = x.weight[i] * y.weight[j] * z.weight[k];
        taps.slope[0][n] = x.slope[i] * y.weight[j] * z.weight[k];
        taps.slope[1][n] = x.weight[i] * y.slope[j] * z.weight[k];
        taps.slope[2][n] = x.weight[i] * y.weight[j] * z.slope[k];
      }
    }
  }
}

template <class T>
void sample(const GridImage& g, const void* imageData, const void* gridData, void* outData, int64_t points) {
  const T* image = static_cast<const T*>(imageData);
  const T* grid = static_cast<const T*>(gridData);
  T* out = static_cast<T*>(outData);
  Taps<T> taps;
  for (int64_t p = 0; p < points; p++, out += g.channels) {
    tapsOf(g, grid + p * g.dims, taps);
    const T start = taps.unknown ? static_cast<T>(__builtin_nan("")) : T(0);
    overChannels<T>(g.channels, [&](auto group, int64_t c) {
      using L = typename decltype(group)::Lane;
      constexpr int kCount = decltype(group)::kCount;
      typename L::V sum[kCount];
      for (int i = 0; i < kCount; i++) sum[i] = L::splat(start);
      for (int k = 0; k < taps.count; k++) {
        const T* from = image + taps.at[k] + c;
        for (int i = 0; i < kCount; i++) sum[i] += L::splat(taps.weight[k]) * L::load(from + i * L::kWidth);
      }
      for (int i = 0; i < kCount; i++) L::store(out + c + i * L::kWidth, sum[i]);
    });
  }
}

template <class T>
void scatter(const GridImage& g, void* imageData, const void* gridData, const void* gradientData, int64_t points,
             int64_t from, int64_t to) {
  T* image = static_cast<T*>(imageData) + from;
  const T* grid = static_cast<const T*>(gridData);
  const T* gradient = static_cast<const T*>(gradientData) + from;
  Taps<T> taps;
  for (int64_t p = 0; p < points; p++, gradient += g.channels) {
    tapsOf(g, grid + p * g.dims, taps);
    for (int k = 0; k < taps.count; k++) {
      T* pixel = image + taps.at[k];
      overChannels<T, false>(to - from, [&](auto group, int64_t c) {
        using L = typename decltype(group)::Lane;
        for (int i = 0; i < decltype(group)::kCount; i++) {
          const int64_t at = c + i * L::kWidth;
          L::store(pixel + at, L::load(pixel + at) + L::splat(taps.weight[k]) * L::load(gradient + at));
        }
      });
    }
  }
}

template <class T>
NABLA_INLINE T dot(const T* a, const T* b, int64_t n) {
  Vec<T> sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes<T> <= n; i += 4 * kLanes<T>)
    for (int k = 0; k < 4; k++) sums[k] += vload(a + i + k * kLanes<T>) * vload(b + i + k * kLanes<T>);
  for (; i + kLanes<T> <= n; i += kLanes<T>) sums[0] += vload(a + i) * vload(b + i);
  T sum = n >= kLanes<T> ? vsum<T>((sums[0] + sums[1]) + (sums[2] + sums[3])) : T(0);
  for (; i < n; i++) sum += a[i] * b[i];
  return sum;
}

template <class T>
void points(const GridImage& g, const void* imageData, const void* gridData, const void* gradientData,
            void* gridGradient, int64_t count) {
  const T* image = static_cast<const T*>(imageData);
  const T* grid = static_cast<const T*>(gridData);
  const T* gradient = static_cast<const T*>(gradientData);
  T* out = static_cast<T*>(gridGradient);
  Taps<T> taps;
  for (int64_t p = 0; p < count; p++, gradient += g.channels, out += g.dims) {
    tapsOf(g, grid + p * g.dims, taps);
    T sums[3] = {0, 0, 0};
    if (g.sampling != kNearest) {
      for (int k = 0; k < taps.count; k++) {
        const T product = dot(image + taps.at[k], gradient, g.channels);
        for (int d = 0; d < 3; d++) sums[d] += taps.slope[d][k] * product;
      }
    }
    for (int d = 0; d < g.dims; d++) out[d] = sums[d];
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(grid)(nabla::cpu::GridKernels* t) {
  t->sample[0] = sample<float>;
  t->sample[1] = sample<double>;
  t->scatter[0] = scatter<float>;
  t->scatter[1] = scatter<double>;
  t->points[0] = points<float>;
  t->points[1] = points<double>;
}
