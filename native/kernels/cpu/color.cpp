// Chains of colour changes on blocks of pixels that stay in the first cache; normalization; sharpness. Compiled without
// contraction: bytes are cut off after each step, so a product is rounded where PyTorch rounds it.
#include "color.h"

#include "vpow.h"

namespace {

using nabla::cpu::ColorImage;
using nabla::cpu::ColorStep;

constexpr int64_t kBlock = 512;

#if defined(__FMA__) || defined(__aarch64__)
NABLA_INLINE float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
NABLA_INLINE double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
#else
template <class T>
NABLA_INLINE T fused(T a, T b, T c) {
  return a * b + c;
}
#endif
NABLA_INLINE float floorOf(float x) { return __builtin_floorf(x); }
NABLA_INLINE double floorOf(double x) { return __builtin_floor(x); }

// Values are 0 to 255 for bytes and 0 to 1 for floats; NaN stays.
template <class T, class S>
struct Range {
  static constexpr bool kBytes = sizeof(S) == 1;
  static constexpr T kBound = kBytes ? T(255) : T(1);
  static NABLA_INLINE T clamped(T x) {
    const T low = x < 0 ? T(0) : x;
    return low > kBound ? kBound : low;
  }
  static NABLA_INLINE T cut(T x) { return kBytes ? floorOf(clamped(x)) : clamped(x); }
  // From and to [0, 1], as torchvision's to_dtype.
  static NABLA_INLINE T unit(T x) { return kBytes ? x * T(1.0 / 255) : x; }
  static NABLA_INLINE T level(T x) { return kBytes ? floorOf(x * T(255.999)) : x; }
};

template <class T>
struct Block {
  alignas(64) T v[3][kBlock];
};

// What a step knows about the whole image.
template <class T>
struct Facts {
  T mean;
  T low[3], scale[3];
  T table[3][256];
};

template <class T>
NABLA_INLINE T grayOf(T r, T g, T b) {
  return fused(b, T(0.114), fused(g, T(0.587), r * T(0.2989)));
}

template <class T, class S, class F>
NABLA_INLINE void each(Block<T>& block, int64_t planes, int64_t n, F f) {
  for (int64_t c = 0; c < planes; c++) {
    T* v = block.v[c];
    NABLA_LANES
    for (int64_t i = 0; i < n; i++) v[i] = f(v[i]);
  }
}

template <class T, class S>
void gray(Block<T>& block, int64_t n) {
  T *r = block.v[0], *g = block.v[1], *b = block.v[2];
  NABLA_LANES
  for (int64_t i = 0; i < n; i++) {
    const T y = grayOf(r[i], g[i], b[i]);
    r[i] = g[i] = b[i] = Range<T, S>::kBytes ? floorOf(y) : y;
  }
}

template <class T, class S>
void saturate(Block<T>& block, int64_t n, T factor, T rest) {
  using R = Range<T, S>;
  T *r = block.v[0], *g = block.v[1], *b = block.v[2];
  NABLA_LANES
  for (int64_t i = 0; i < n; i++) {
    const T exact = grayOf(r[i], g[i], b[i]), y = R::kBytes ? floorOf(exact) : exact;
    r[i] = R::cut(fused(y, rest, r[i] * factor));
    g[i] = R::cut(fused(y, rest, g[i] * factor));
    b[i] = R::cut(fused(y, rest, b[i] * factor));
  }
}

template <class T>
NABLA_INLINE T unitClamped(T x) {
  const T low = x < 0 ? T(0) : x;
  return low > 1 ? T(1) : low;
}

// To hue, saturation and value, and back; i is the sixth of the circle.
template <class T, class S>
void turnHue(Block<T>& block, int64_t n, T turn) {
  using R = Range<T, S>;
  T *red = block.v[0], *green = block.v[1], *blue = block.v[2];
  NABLA_LANES
  for (int64_t k = 0; k < n; k++) {
    const T r = R::unit(red[k]), g = R::unit(green[k]), b = R::unit(blue[k]);
    const T rg = r > g ? r : g, high = rg > b ? rg : b;
    const T least = r < g ? r : g, low = least < b ? least : b;
    const T range = high - low;
    const bool flat = high == low;
    const T s = range / (flat ? T(1) : high), by = flat ? T(1) : range;
    const T rc = (high - r) / by, gc = (high - g) / by, bc = (high - b) / by;
    const T sixth = high == r ? bc - gc : high == g ? rc + 2 - bc : gc + 4 - rc;
    T h = sixth * T(1.0 / 6) + 1;
    h = h - floorOf(h) + turn;
    h = (h - floorOf(h)) * 6;
    const T whole = floorOf(h), f = h - whole, i = whole >= 6 ? whole - 6 : whole;
    const T sf = s * f, white = 1 - s;
    const T q = unitClamped((1 - sf) * high), t = unitClamped((sf + white) * high), p = unitClamped(white * high);
    red[k] = R::level(i < 1 ? high : i < 2 ? q : i < 4 ? p : i < 5 ? t : high);
    green[k] = R::level(i < 1 ? t : i < 3 ? high : i < 4 ? q : p);
    blue[k] = R::level(i < 2 ? p : i < 3 ? t : i < 5 ? high : q);
  }
}

NABLA_INLINE void powers(float* v, int64_t n, float exponent) {
  for (int64_t i = 0; i < n; i += kLanes<float>) vstore(v + i, vpow(vload(v + i), vset(exponent)));
}
NABLA_INLINE void powers(double* v, int64_t n, double exponent) {
  for (int64_t i = 0; i < n; i++) v[i] = pow(v[i], exponent);
}

template <class T, class S>
void gamma(Block<T>& block, int64_t planes, int64_t n, T exponent, T gain) {
  using R = Range<T, S>;
  each<T, S>(block, planes, n, [](T x) { return R::unit(x); });
  for (int64_t c = 0; c < planes; c++) powers(block.v[c], n, exponent);
  if (gain != 1) each<T, S>(block, planes, n, [=](T x) { return unitClamped(x * gain); });
  each<T, S>(block, planes, n, [](T x) { return R::level(x); });
}

template <class T, class S>
void posterize(Block<T>& block, int64_t planes, int64_t n, int bits) {
  const T levels = static_cast<T>(1 << bits);
  if (Range<T, S>::kBytes) {
    const T step = static_cast<T>(256 >> bits), inverse = 1 / step;
    return each<T, S>(block, planes, n, [=](T x) { return floorOf(x * inverse) * step; });
  }
  each<T, S>(block, planes, n, [=](T x) {
    const T whole = floorOf(x * levels), low = whole < 0 ? T(0) : whole;
    return (low > levels - 1 ? levels - 1 : low) * (1 / levels);
  });
}

template <class T, class S>
void stretch(Block<T>& block, int64_t planes, int64_t n, const Facts<T>& facts) {
  for (int64_t c = 0; c < planes; c++) {
    const T low = facts.low[c], scale = facts.scale[c];
    T* v = block.v[c];
    NABLA_LANES
    for (int64_t i = 0; i < n; i++) v[i] = Range<T, S>::cut((v[i] - low) / scale);
  }
}

// The level of a value, in the histogram of bytes.
template <class T, class S>
NABLA_INLINE uint8_t levelOf(T x) {
  return static_cast<uint8_t>(static_cast<int64_t>(Range<T, S>::kBytes ? x : x * T(255.999)));
}

template <class T, class S>
void lookUp(Block<T>& block, int64_t planes, int64_t n, const Facts<T>& facts) {
  for (int64_t c = 0; c < planes; c++)
    for (int64_t i = 0; i < n; i++) block.v[c][i] = facts.table[c][levelOf<T, S>(block.v[c][i])];
}

template <class T, class S>
void apply(Block<T>& block, int64_t planes, int64_t n, const double* step, const Facts<T>& facts) {
  using R = Range<T, S>;
  const T a = static_cast<T>(step[1]), rest = static_cast<T>(1 - step[1]);
  switch (static_cast<ColorStep>(static_cast<int>(step[0]))) {
    case ColorStep::kNothing:
      return;
    case ColorStep::kBrightness:
      return each<T, S>(block, planes, n, [=](T x) { return R::cut(x * a); });
    case ColorStep::kSaturation:
      return planes == 3 ? saturate<T, S>(block, n, a, rest) : void();
    case ColorStep::kHue:
      return planes == 3 ? turnHue<T, S>(block, n, a) : void();
    case ColorStep::kGamma:
      return gamma<T, S>(block, planes, n, a, static_cast<T>(step[2]));
    case ColorStep::kPosterize:
      return posterize<T, S>(block, planes, n, static_cast<int>(step[1]));
    case ColorStep::kSolarize:
      return each<T, S>(block, planes, n, [=](T x) { return x >= a ? R::kBound - x : x; });
    case ColorStep::kInvert:
      return each<T, S>(block, planes, n, [](T x) { return R::kBound - x; });
    case ColorStep::kGray:
      return planes == 3 ? gray<T, S>(block, n) : void();
    case ColorStep::kContrast:
      return each<T, S>(block, planes, n, [=, m = facts.mean](T x) { return R::cut(fused(m, rest, x * a)); });
    case ColorStep::kAutocontrast:
      return stretch<T, S>(block, planes, n, facts);
    case ColorStep::kEqualize:
      return lookUp<T, S>(block, planes, n, facts);
  }
}

// The mean of the gray image: in blocks, so that a sum of float32 numbers loses nothing.
template <class T, class S>
T grayMean(const S* in, int64_t planes, int64_t pixels) {
  double total = 0;
  const S *r = in, *g = in + pixels, *b = in + 2 * pixels;
  for (int64_t from = 0; from < pixels; from += kBlock) {
    const int64_t to = from + kBlock < pixels ? from + kBlock : pixels;
    T lanes[16] = {};
    int64_t i = from;
    const auto value = [&](int64_t k) {
      if (planes == 1) return static_cast<T>(r[k]);
      const T y = grayOf(static_cast<T>(r[k]), static_cast<T>(g[k]), static_cast<T>(b[k]));
      return Range<T, S>::kBytes ? floorOf(y) : y;
    };
    for (; i + 16 <= to; i += 16)
      for (int k = 0; k < 16; k++) lanes[k] += value(i + k);
    for (; i < to; i++) lanes[0] += value(i);
    for (int k = 0; k < 16; k++) total += static_cast<double>(lanes[k]);
  }
  return static_cast<T>(total / static_cast<double>(pixels));
}

template <class T, class S>
void extremes(const S* in, int64_t pixels, T* low, T* scale) {
  S least[16], most[16];
  for (int k = 0; k < 16; k++) least[k] = most[k] = in[0];
  int64_t i = 0;
  bool unknown = false;
  for (; i + 16 <= pixels; i += 16) {
    for (int k = 0; k < 16; k++) {
      const S x = in[i + k];
      least[k] = x < least[k] ? x : least[k];
      most[k] = x > most[k] ? x : most[k];
      unknown |= x != x;
    }
  }
  for (; i < pixels; i++) {
    least[0] = in[i] < least[0] ? in[i] : least[0];
    most[0] = in[i] > most[0] ? in[i] : most[0];
    unknown |= in[i] != in[i];
  }
  for (int k = 1; k < 16; k++) {
    least[0] = least[k] < least[0] ? least[k] : least[0];
    most[0] = most[k] > most[0] ? most[k] : most[0];
  }
  const bool flat = least[0] == most[0] && !unknown;
  *low = unknown ? static_cast<T>(__builtin_nan("")) : flat ? T(0) : static_cast<T>(least[0]);
  *scale = flat ? T(1) : static_cast<T>(most[0] - least[0]) * (Range<T, S>::kBytes ? T(1.0 / 255) : T(1));
}

// Pillow's table, which torchvision has too.
template <class T, class S>
void equalizing(const S* in, int64_t pixels, T* table) {
  int64_t counts[4][256] = {};
  int64_t i = 0;
  for (; i + 4 <= pixels; i += 4)
    for (int k = 0; k < 4; k++) counts[k][levelOf<T, S>(static_cast<T>(in[i + k]))]++;
  for (; i < pixels; i++) counts[0][levelOf<T, S>(static_cast<T>(in[i]))]++;
  int64_t last = 0;
  for (int v = 0; v < 256; v++) {
    counts[0][v] += counts[1][v] + counts[2][v] + counts[3][v];
    if (counts[0][v]) last = counts[0][v];
  }
  const int64_t step = (pixels - last) / 255;
  int64_t sum = 0;
  for (int v = 0; v < 256; v++) {
    const int64_t level = step == 0 ? v : v == 0 ? 0 : (sum + step / 2) / step;
    table[v] = static_cast<T>(level < 255 ? level : 255) * (Range<T, S>::kBytes ? T(1) : T(1.0 / 255));
    sum += counts[0][v];
  }
}

template <class T, class S>
void look(const S* in, int64_t planes, int64_t pixels, ColorStep step, Facts<T>& facts) {
  if (step == ColorStep::kContrast) facts.mean = grayMean<T, S>(in, planes, pixels);
  if (step != ColorStep::kAutocontrast && step != ColorStep::kEqualize) return;
  for (int64_t c = 0; c < planes; c++) {
    if (step == ColorStep::kAutocontrast)
      extremes<T, S>(in + c * pixels, pixels, &facts.low[c], &facts.scale[c]);
    else
      equalizing<T, S>(in + c * pixels, pixels, facts.table[c]);
  }
}

NABLA_INLINE bool looks(const double* step) { return step[0] >= static_cast<double>(ColorStep::kContrast); }

template <class T, class S>
void pass(const S* in, S* out, const ColorImage& image, const double* steps, int64_t first, int64_t end, int64_t from,
          int64_t to, const Facts<T>& facts) {
  Block<T> block = {};
  for (int64_t begin = from; begin < to; begin += kBlock) {
    const int64_t n = begin + kBlock < to ? kBlock : to - begin;
    for (int64_t c = 0; c < image.planes; c++) {
      const S* p = in + c * image.pixels + begin;
      T* v = block.v[c];
      NABLA_LANES
      for (int64_t i = 0; i < n; i++) v[i] = static_cast<T>(p[i]);
    }
    for (int64_t s = first; s < end; s++) apply<T, S>(block, image.planes, n, steps + 3 * s, facts);
    for (int64_t c = 0; c < image.planes; c++) {
      S* p = out + c * image.pixels + begin;
      const T* v = block.v[c];
      NABLA_LANES
      for (int64_t i = 0; i < n; i++)
        p[i] = sizeof(S) == 1 ? static_cast<S>(static_cast<int32_t>(v[i])) : static_cast<S>(v[i]);
    }
  }
}

// One pass over the pixels, and one more from each step on that has to look at the whole image first.
template <class T, class S>
void chain(const ColorImage& image, const double* steps, int64_t count, int64_t from, int64_t to) {
  const S* in = static_cast<const S*>(image.in);
  S* out = static_cast<S*>(image.out);
  Facts<T> facts;
  int64_t first = 0;
  do {
    int64_t end = first + 1;
    while (end < count && !looks(steps + 3 * end)) end++;
    if (end > count) end = count;
    if (first < count && looks(steps + 3 * first))
      look<T, S>(in, image.planes, image.pixels, static_cast<ColorStep>(static_cast<int>(steps[3 * first])), facts);
    pass<T, S>(in, out, image, steps, first, end, from, to, facts);
    in = out;
    first = end;
  } while (first < count);
}

template <class T, class S>
void normalize(const void* in, void* out, int64_t n, double scale, double mean, double inverse) {
  const S* x = static_cast<const S*>(in);
  T* y = static_cast<T*>(out);
  const T a = static_cast<T>(scale), m = static_cast<T>(mean), by = static_cast<T>(inverse);
  NABLA_LANES
  for (int64_t i = 0; i < n; i++) y[i] = (static_cast<T>(x[i]) * a - m) * by;
}

template <class T, class S>
void sharpenRow(const S* above, const S* row, const S* below, S* out, int64_t width, T rest) {
  using R = Range<T, S>;
  const T side = T(1.0 / 13.0), middle = T(5.0 / 13.0);
  NABLA_LANES
  for (int64_t i = 1; i < width - 1; i++) {
    const T x = static_cast<T>(row[i]);
    const T up = static_cast<T>(above[i - 1]) + static_cast<T>(above[i]) + static_cast<T>(above[i + 1]);
    const T down = static_cast<T>(below[i - 1]) + static_cast<T>(below[i]) + static_cast<T>(below[i + 1]);
    const T around = up + down + static_cast<T>(row[i - 1]) + static_cast<T>(row[i + 1]);
    const T exact = around * side + x * middle, mean = R::kBytes ? floorOf(exact + T(0.5)) : exact;
    const T y = R::cut(fused(mean - x, rest, x));
    out[i] = R::kBytes ? static_cast<S>(static_cast<int32_t>(y)) : static_cast<S>(y);
  }
}

template <class T, class S>
void sharpen(const void* in, void* out, int64_t height, int64_t width, double factor, int64_t from, int64_t to) {
  const S* x = static_cast<const S*>(in);
  S* y = static_cast<S*>(out);
  const T rest = static_cast<T>(1 - factor);
  const auto edge = [](S v) { return sizeof(S) == 1 ? v : static_cast<S>(Range<T, S>::clamped(static_cast<T>(v))); };
  for (int64_t r = from; r < to; r++) {
    const S* row = x + r * width;
    S* target = y + r * width;
    if (r == 0 || r == height - 1) {
      for (int64_t i = 0; i < width; i++) target[i] = edge(row[i]);
      continue;
    }
    target[0] = edge(row[0]);
    target[width - 1] = edge(row[width - 1]);
    sharpenRow<T, S>(row - width, row, row + width, target, width, rest);
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(color)(nabla::cpu::ColorKernels* t) {
  t->chain[0] = chain<float, uint8_t>;
  t->chain[1] = chain<float, float>;
  t->chain[2] = chain<double, double>;
  t->normalize[0] = normalize<float, uint8_t>;
  t->normalize[1] = normalize<float, float>;
  t->normalize[2] = normalize<double, double>;
  t->sharpen[0] = sharpen<float, uint8_t>;
  t->sharpen[1] = sharpen<float, float>;
  t->sharpen[2] = sharpen<double, double>;
}
