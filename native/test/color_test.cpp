// Chains of colours, normalization, sharpness, blur and erasing against plain loops in double: every ISA of this
// machine, 1, 2 and 3 threads with the same bits.
#include "ops/color.h"

#include "rig.h"

using namespace nabla;
using namespace nabla::test;
using cpu::ColorStep;

namespace {

struct Step {
  ColorStep code;
  double a = 0, b = 0;
};

struct Case {
  std::vector<int64_t> shape;
  std::vector<std::vector<Step>> lists;  // one for all images, or one each
};

using S = ColorStep;
const Case kCases[] = {
    {{1, 3, 1, 1}, {{{S::kBrightness, 1.5}}}},
    {{2, 3, 7, 9}, {{{S::kContrast, 0.4}, {S::kInvert}}, {{S::kSolarize, 0.5}, {S::kContrast, 1.7}}}},
    {{2, 1, 31, 33}, {{{S::kBrightness, 0.7}, {S::kAutocontrast}, {S::kPosterize, 3}}}},
    {{1, 5, 17, 40}, {{{S::kInvert}, {S::kPosterize, 2}}}},
    {{3, 3, 40, 60}, {{{S::kSaturation, 0.3}}, {}, {{S::kGray}, {S::kBrightness, 0.5}}}},
    {{2, 3, 150, 161}, {{{S::kGamma, 2.2, 0.8}, {S::kHue, 0.3}}}},
    {{2, 3, 45, 46}, {{{S::kEqualize}, {S::kSaturation, 1.37}}}},
    {{0, 3, 4, 5}, {{{S::kBrightness, 2}}}},
};

struct Range {
  bool bytes;
  double bound() const { return bytes ? 255 : 1; }
  double cut(double x) const {
    const double c = std::min(std::max(x, 0.0), bound());
    return bytes ? std::floor(c) : c;
  }
  double unit(double x) const { return bytes ? x / 255 : x; }
  double level(double x) const { return bytes ? std::floor(x * 255.999) : x; }
};

void hue(const Range& range, double* p, double turn) {
  double rgb[3], high = 0, low = 2;
  for (int c = 0; c < 3; c++) {
    rgb[c] = range.unit(p[c]);
    high = std::max(high, rgb[c]);
    low = std::min(low, rgb[c]);
  }
  if (high == low) return;
  const double d = high - low;
  double h = high == rgb[0]   ? (rgb[1] - rgb[2]) / d
             : high == rgb[1] ? 2 + (rgb[2] - rgb[0]) / d
                              : 4 + (rgb[0] - rgb[1]) / d;
  h = h / 6 + turn;
  h = (h - std::floor(h)) * 6;
  for (int c = 0; c < 3; c++) {
    const double k = std::fmod((c == 0 ? 5 : c == 1 ? 3 : 1) + h, 6);
    p[c] = range.level(high - d * std::max(0.0, std::min({k, 4 - k, 1.0})));
  }
}

using Planes = std::vector<std::vector<double>>;

double gray(const Range& range, const Planes& v, size_t i) {
  if (v.size() == 1) return v[0][i];
  const double y = 0.2989 * v[0][i] + 0.587 * v[1][i] + 0.114 * v[2][i];
  return range.bytes ? std::floor(y) : y;
}

void equalize(const Range& range, std::vector<double>& plane) {
  const auto levelOf = [&](double x) { return static_cast<size_t>(range.bytes ? x : std::floor(x * 255.999)); };
  double counts[256] = {}, last = 0;
  for (double x : plane) counts[levelOf(x)]++;
  for (double n : counts) last = n > 0 ? n : last;
  const double step = std::floor((static_cast<double>(plane.size()) - last) / 255);
  for (double& x : plane) {
    const size_t level = levelOf(x);
    double below = 0, to = static_cast<double>(level);
    for (size_t k = 0; k < level; k++) below += counts[k];
    if (step > 0) to = level == 0 ? 0 : std::min(255.0, std::floor((below + std::floor(step / 2)) / step));
    x = range.bytes ? to : to / 255;
  }
}

void apply(const Range& range, Planes& v, const Step& s) {
  const size_t n = v[0].size();
  double mean = 0;
  for (size_t i = 0; i < n; i++) mean += gray(range, v, i) / static_cast<double>(n);
  for (auto& plane : v) {
    const double low = *std::min_element(plane.begin(), plane.end()),
                 high = *std::max_element(plane.begin(), plane.end());
    if (s.code == S::kEqualize) equalize(range, plane);
    for (double& x : plane) {
      if (s.code == S::kBrightness) x = range.cut(x * s.a);
      if (s.code == S::kContrast) x = range.cut(x * s.a + mean * (1 - s.a));
      if (s.code == S::kGamma) x = range.level(std::min(1.0, s.b * std::pow(range.unit(x), s.a)));
      if (s.code == S::kInvert) x = range.bound() - x;
      if (s.code == S::kSolarize) x = x >= s.a ? range.bound() - x : x;
      if (s.code == S::kAutocontrast && high > low) x = range.cut((x - low) / ((high - low) / range.bound()));
      if (s.code == S::kPosterize && range.bytes) x -= std::fmod(x, std::exp2(8 - s.a));
      if (s.code == S::kPosterize && !range.bytes)
        x = std::min(std::floor(x * std::exp2(s.a)), std::exp2(s.a) - 1) / std::exp2(s.a);
    }
  }
  if (v.size() != 3) return;
  for (size_t i = 0; i < n; i++) {
    const double y = gray(range, v, i);
    double p[3] = {v[0][i], v[1][i], v[2][i]};
    if (s.code == S::kHue) hue(range, p, s.a);
    for (size_t c = 0; c < 3; c++) {
      if (s.code == S::kGray) p[c] = y;
      if (s.code == S::kSaturation) p[c] = range.cut(p[c] * s.a + y * (1 - s.a));
      v[c][i] = p[c];
    }
  }
}

std::vector<double> chained(const Case& c, const std::vector<double>& x, bool bytes) {
  std::vector<double> out;
  const size_t planes = c.shape[1] == 3 ? 3 : 1, pixels = static_cast<size_t>(c.shape[2] * c.shape[3]);
  const size_t perImage = static_cast<size_t>(c.shape[1]) / planes;
  for (size_t g = 0; g < x.size() / (planes * pixels); g++) {
    Planes v;
    for (size_t k = 0; k < planes; k++) {
      const auto from = x.begin() + static_cast<int64_t>((g * planes + k) * pixels);
      v.emplace_back(from, from + static_cast<int64_t>(pixels));
    }
    for (const Step& s : c.lists[c.lists.size() == 1 ? 0 : g / perImage]) apply({bytes}, v, s);
    for (const auto& plane : v) out.insert(out.end(), plane.begin(), plane.end());
  }
  return out;
}

// Values of [0, 1] that are not on a border between levels; bytes.
Tensor image(Rig& rig, DType dtype, const std::vector<int64_t>& shape) {
  const bool bytes = dtype == DType::kUint8;
  const Tensor x = rig.make(dtype, shape);
  std::mt19937 engine(7);
  Rig::each(x, [&](const int64_t*, char* p) {
    const auto k = static_cast<double>(engine() % 256);
    write(dtype, p, bytes ? k : (k + 0.5) / 256.5);
  });
  return x;
}

Tensor table(Rig& rig, const std::vector<int64_t>& shape, const std::vector<double>& values) {
  const Tensor t = rig.make(DType::kFloat64, shape);
  Rig::fill(t, values);
  return t;
}

// Bytes: how many differ by one level, where a product of float32 lies on a border; none by more.
bool close(const std::vector<double>& a, const std::vector<double>& b, DType dtype) {
  if (dtype != DType::kUint8) return maxError(a, b) < (dtype == DType::kFloat32 ? 2e-5 : 1e-12);
  size_t off = 0;
  for (size_t i = 0; i < a.size(); i++) {
    if (std::fabs(a[i] - b[i]) > 1) return false;
    off += a[i] != b[i];
  }
  return a.size() == b.size() && off <= 2 + a.size() / 20;
}

void checkChain(Isa isa, const Case& c, DType dtype) {
  std::vector<double> first;
  size_t most = 1;
  bool whole = false;
  for (const auto& list : c.lists) {
    most = std::max(most, list.size());
    for (const Step& s : list) whole |= s.code >= S::kContrast;
  }
  std::vector<double> steps;
  Case own = c;
  for (auto& list : own.lists) {
    list.resize(most, Step{S::kNothing});
    for (Step& s : list) {
      if (s.code == S::kSolarize && dtype == DType::kUint8) s.a *= 255;
      steps.insert(steps.end(), {static_cast<double>(s.code), s.a, s.b});
    }
  }
  for (int threads = 1; threads <= 3; threads++) {
    Rig rig(isa, threads);
    const Tensor x = image(rig, dtype, c.shape), out = rig.make(dtype, c.shape);
    const auto count = static_cast<int64_t>(c.lists.size());
    ops::colorChain(rig.ctx, out, x, table(rig, {count, static_cast<int64_t>(most), 3}, steps), whole);
    rig.wait();
    const auto got = Rig::values(out);
    if (threads == 1) {
      first = got;
      CHECK(close(got, chained(own, Rig::values(x), dtype == DType::kUint8), dtype), "%s %s chain of %zu, %d x %d",
            isaName(isa), nameOf(dtype), most, static_cast<int>(c.shape[2]), static_cast<int>(c.shape[3]));
    }
    CHECK(same(first, got), "bits, %d threads", threads);
  }
}

int64_t mirrored(int64_t i, int64_t n) { return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i; }

void checkAround(Isa isa, DType dtype, int64_t height, int64_t width, int64_t rows, int64_t columns) {
  const std::vector<int64_t> shape{2, 2, height, width};
  std::vector<double> weights, first;
  for (int64_t n = 0; n < 2; n++)
    for (int64_t size : {rows, columns})
      for (int64_t k = 0; k < size; k++) weights.push_back(n ? (k == size / 2) : 1.0 / static_cast<double>(size));
  for (int threads = 1; threads <= 3; threads++) {
    Rig rig(isa, threads);
    const Tensor x = image(rig, dtype, shape), blurred = rig.make(dtype, shape), sharp = rig.make(dtype, shape);
    const Tensor plain = rig.make(dtype == DType::kUint8 ? DType::kFloat32 : dtype, shape);
    ops::gaussianBlur(rig.ctx, blurred, x, table(rig, {2, rows + columns}, weights), rows, columns);
    ops::sharpen(rig.ctx, sharp, x, table(rig, {2}, {2.5, NAN}));
    const double scale = dtype == DType::kUint8 ? 1.0 / 255 : 1;
    ops::normalizeImage(rig.ctx, plain, x, table(rig, {2, 2}, {0.5, 4, 0.25, -0.5}), scale);
    rig.wait();
    const auto in = Rig::values(x);
    const auto at = [&](int64_t plane, int64_t i, int64_t j) {
      return in[static_cast<size_t>((plane * height + i) * width + j)];
    };
    std::vector<double> wantBlur, wantSharp, wantPlain;
    const Range range{dtype == DType::kUint8};
    for (int64_t p = 0; p < 4; p++) {
      for (int64_t i = 0; i < height; i++) {
        for (int64_t j = 0; j < width; j++) {
          double sum = 0, around = 4 * at(p, i, j);
          const bool inner = i > 0 && j > 0 && i < height - 1 && j < width - 1;
          for (int64_t a = -(rows / 2); a <= rows / 2; a++)
            for (int64_t b = -(columns / 2); b <= columns / 2; b++)
              sum += at(p, mirrored(i + a, height), mirrored(j + b, width)) / static_cast<double>(rows * columns);
          for (int64_t a = -1; inner && a <= 1; a++)
            for (int64_t b = -1; b <= 1; b++) around += at(p, i + a, j + b);
          const double own = at(p, i, j), mean = range.bytes ? std::round(around / 13) : around / 13;
          wantBlur.push_back(p >= 2 ? own : range.bytes ? std::nearbyint(sum) : sum);
          wantSharp.push_back(p >= 2 || !inner ? own : range.cut(own - 1.5 * (mean - own)));
          wantPlain.push_back((own * scale - (p % 2 ? 0.25 : 0.5)) * (p % 2 ? -0.5 : 4));
        }
      }
    }
    CHECK(close(Rig::values(blurred), wantBlur, dtype), "%s %s blur %d x %d", isaName(isa), nameOf(dtype),
          static_cast<int>(height), static_cast<int>(width));
    CHECK(close(Rig::values(sharp), wantSharp, dtype), "%s %s sharpness", isaName(isa), nameOf(dtype));
    CHECK(maxError(Rig::values(plain), wantPlain) < 1e-5, "%s %s normalization", isaName(isa), nameOf(dtype));
    auto all = Rig::values(blurred);
    for (const Tensor& t : {sharp, plain}) {
      const auto more = Rig::values(t);
      all.insert(all.end(), more.begin(), more.end());
    }
    if (threads == 1) first = all;
    CHECK(same(first, all), "bits, %d threads", threads);
  }
}

void checkErase(Isa isa, DType dtype, bool own) {
  Rig rig(isa, 2);
  const Tensor x = image(rig, dtype, {3, 2, 6, 7}), out = rig.make(dtype, {3, 2, 6, 7});
  const Tensor v = own ? rig.random(dtype, {3, 2, 6, 7}, {}, 1, 0, 9) : rig.random(dtype, {1, 2, 1, 1}, {}, 1, 0, 9);
  const std::vector<double> boxes{1, 2, 3, 4, 0, 0, 6, 7, 5, 6, 0, 1};
  ops::eraseImage(rig.ctx, out, x, table(rig, {3, 4}, boxes), v);
  rig.wait();
  std::vector<double> want;
  Rig::each(x, [&](const int64_t* i, char* p) {
    const double* box = boxes.data() + 4 * i[0];
    const double r = static_cast<double>(i[2]) - box[0], c = static_cast<double>(i[3]) - box[1];
    const int64_t place[4] = {own ? i[0] : 0, i[1], own ? i[2] : 0, own ? i[3] : 0};
    const bool inside = r >= 0 && r < box[2] && c >= 0 && c < box[3];
    want.push_back(inside ? Rig::value(v, place, 4) : read(dtype, p));
  });
  CHECK(same(Rig::values(out), want), "%s %s", isaName(isa), nameOf(dtype));
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    for (DType dtype : {DType::kUint8, DType::kFloat32, DType::kFloat64}) {
      for (const Case& c : kCases) checkChain(isa, c, dtype);
      checkAround(isa, dtype, 1, 1, 1, 1);
      checkAround(isa, dtype, 3, 5, 3, 5);
      checkAround(isa, dtype, 60, 133, 9, 3);
      checkAround(isa, dtype, 200, 90, 5, 31);
      for (bool own : {false, true}) checkErase(isa, dtype, own);
    }
  }
  return finish("color");
}
