// Boxes of images in another size against plain loops: every ISA of this machine, 1, 2 and 3 threads with the same
// bits.
#include "ops/resize.h"

#include "ops/resample.h"
#include "rig.h"

using namespace nabla;
using namespace nabla::test;
using ops::Sampling;

namespace {

struct Case {
  std::vector<int64_t> shape;
  int64_t height, width;
  Sampling sampling;
  bool antialias, last, each;  // channels innermost; a box for each image
};

const Case kCases[] = {
    {{3, 3, 28, 31}, 28, 28, Sampling::kLinear, true, false, true},
    {{2, 3, 40, 70}, 65, 130, Sampling::kLinear, true, true, true},
    {{2, 1, 90, 250}, 20, 41, Sampling::kLinear, true, false, true},  // vectors of inputs far apart
    {{1, 4, 90, 101}, 31, 40, Sampling::kCubic, true, true, false},
    {{2, 2, 17, 66}, 33, 70, Sampling::kCubic, false, false, true},
    {{2, 2, 17, 66}, 5, 7, Sampling::kLinear, false, true, true},
    {{1, 3, 50, 60}, 21, 23, Sampling::kLanczos, true, false, false},
    {{5, 1, 1, 1}, 3, 20, Sampling::kLinear, true, false, true},
    {{2, 3, 20, 30}, 20, 30, Sampling::kCubic, false, true, false},  // stays
    {{3, 2, 20, 30}, 7, 77, Sampling::kNearest, false, false, true},
    {{3, 2, 20, 30}, 33, 9, Sampling::kNearestExact, false, true, true},
    {{0, 3, 4, 4}, 4, 4, Sampling::kLinear, true, false, false},
};

double weight(Sampling s, double x, bool antialias) {
  constexpr double kPi = 3.14159265358979323846;
  x = std::fabs(x);
  if (s == Sampling::kLinear) return std::max(0.0, 1 - x);
  if (s == Sampling::kLanczos)
    return x == 0 ? 1 : x < 3 ? 3 * std::sin(kPi * x) * std::sin(kPi * x / 3) / (kPi * kPi * x * x) : 0;
  const double a = antialias ? -0.5 : -0.75;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

// weights[out][in]
std::vector<std::vector<double>> table(int64_t in, int64_t out, const Case& c) {
  std::vector<std::vector<double>> rows;
  const double step = double(in) / double(out), reach = c.sampling == Sampling::kLinear  ? 1
                                                        : c.sampling == Sampling::kCubic ? 2
                                                                                         : 3;
  for (int64_t o = 0; o < out; o++) {
    std::vector<double> w(static_cast<size_t>(in));
    const auto at = [&](int64_t i) -> double& { return w[static_cast<size_t>(std::clamp<int64_t>(i, 0, in - 1))]; };
    const double center = step * (double(o) + 0.5);
    if (c.sampling == Sampling::kNearest) {
      at(static_cast<int64_t>(std::floor(float(o) * (float(in) / float(out))))) = 1;
    } else if (c.sampling == Sampling::kNearestExact) {
      at(static_cast<int64_t>(std::floor((float(o) + 0.5F) * (float(in) / float(out))))) = 1;
    } else if (in == out) {
      at(o) = 1;
    } else if (c.antialias) {
      const double wide = std::max(step, 1.0);
      double total = 0;
      const auto low = std::max<int64_t>(0, static_cast<int64_t>(center - reach * wide + 0.5));
      const auto high = std::min<int64_t>(in, static_cast<int64_t>(center + reach * wide + 0.5));
      for (int64_t i = low; i < high; i++)
        total += at(i) = weight(c.sampling, (double(i) - center + 0.5) * (1 / wide), true);
      for (double& x : w) x /= total;
    } else {
      const double source = center - 0.5, base = std::floor(source);
      for (double k = 1 - reach; k <= reach; k++)
        at(static_cast<int64_t>(base + k)) += weight(c.sampling, source - base - k, false);
    }
    rows.push_back(w);
  }
  return rows;
}

// x [outer, in, inner] to [outer, out, inner]; bytes in whole numbers, with the largest weight in 16 bits.
std::vector<double> along(const std::vector<double>& x, int64_t inner, const std::vector<std::vector<double>>& t,
                          bool bytes) {
  const auto out = static_cast<int64_t>(t.size()), in = static_cast<int64_t>(t[0].size());
  const int64_t outer = static_cast<int64_t>(x.size()) / in / inner;
  double most = 0;
  for (const auto& row : t) most = std::max(most, *std::max_element(row.begin(), row.end()));
  int bits = 0;
  while (bits < 22 && std::floor(0.5 + most * std::ldexp(1, bits + 1)) < 32768) bits++;
  std::vector<double> y(static_cast<size_t>(outer * out * inner));
  for (int64_t n = 0; n < outer; n++)
    for (int64_t o = 0; o < out; o++)
      for (int64_t k = 0; k < inner; k++) {
        double sum = 0;
        for (int64_t i = 0; i < in; i++) {
          const double w = t[static_cast<size_t>(o)][static_cast<size_t>(i)];
          const double exact = bytes ? std::trunc(std::ldexp(w, bits) + (w < 0 ? -0.5 : 0.5)) : w;
          sum += exact * x[static_cast<size_t>((n * in + i) * inner + k)];
        }
        if (bytes) sum = std::clamp(std::floor(std::ldexp(sum, -bits) + 0.5), 0.0, 255.0);
        y[static_cast<size_t>((n * out + o) * inner + k)] = sum;
      }
  return y;
}

void check(Isa isa, const Case& c, DType dtype) {
  const int64_t n = c.shape[0], planes = c.shape[1], h = c.shape[2], w = c.shape[3];
  const std::vector<int> order = c.last ? std::vector<int>{0, 2, 3, 1} : std::vector<int>{};
  const bool bytes =
      dtype == DType::kUint8 && c.sampling != Sampling::kNearest && c.sampling != Sampling::kNearestExact;
  std::vector<double> first;
  for (int threads = 1; threads <= 3; threads++) {
    Rig rig(isa, threads);
    const Tensor x = dtype == DType::kUint8 ? rig.random(dtype, c.shape, order, 1, 0, 255)
                                            : rig.random(dtype, c.shape, order, 1, -3, 3);
    const Tensor out = rig.make(dtype, {n, planes, c.height, c.width}, order);
    const int64_t entries = c.each ? n : 1;
    const Tensor boxes = rig.make(DType::kFloat64, {entries, 4}, {});
    for (int64_t i = 0; i < entries; i++) {
      double* box = boxes.ptr<double>() + i * 4;
      const int64_t top = c.each ? i * h / (2 * n) : 0, left = c.each ? i * w / (3 * n) : 0;
      const double own[] = {double(top), double(left), double(c.each ? h - top - i * h / (4 * n) : h),
                            double(w - left)};
      std::copy_n(own, 4, box);
    }
    ops::resize(rig.ctx, out, x, boxes, static_cast<int64_t>(c.sampling), c.antialias);
    rig.wait();
    const auto xs = Rig::values(x), bs = Rig::values(boxes), got = Rig::values(out);
    double worst = 0;
    size_t at = 0;
    for (int64_t i = 0; i < n; i++) {
      const double* box = bs.data() + (c.each ? i * 4 : 0);
      const auto top = static_cast<int64_t>(box[0]), left = static_cast<int64_t>(box[1]);
      const auto bh = static_cast<int64_t>(box[2]), bw = static_cast<int64_t>(box[3]);
      const auto rows = table(bh, c.height, c), columns = table(bw, c.width, c);
      for (int64_t p = 0; p < planes; p++) {
        std::vector<double> part;
        for (int64_t y = 0; y < bh; y++)
          for (int64_t k = 0; k < bw; k++)
            part.push_back(xs[static_cast<size_t>(((i * planes + p) * h + top + y) * w + left + k)]);
        auto wide = bw == c.width ? part : along(part, 1, columns, bytes);
        const auto want = bh == c.height ? wide : along(wide, c.width, rows, bytes);
        for (double v : want) worst = std::max(worst, std::abs(got[at++] - v));
      }
    }
    CHECK(at == got.size() && (at > 0 || n == 0), "%d results", static_cast<int>(at));
    const double bound = dtype == DType::kUint8 ? 0 : dtype == DType::kFloat64 ? 1e-12 : 1e-4;
    CHECK(worst <= bound, "%s %s sampling %d, %d x %d: %g", isaName(isa), nameOf(dtype), static_cast<int>(c.sampling),
          static_cast<int>(c.height), static_cast<int>(c.width), worst);
    if (threads == 1) first = got;
    CHECK(same(first, got), "bits, %d threads", threads);
  }
}

}  // namespace

int main() {
  for (Isa isa : isas())
    for (const Case& c : kCases)
      for (DType dtype : {DType::kUint8, DType::kFloat32, DType::kFloat64}) check(isa, c, dtype);
  return finish("resize");
}
