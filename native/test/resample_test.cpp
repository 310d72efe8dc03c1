// Interpolation and its gradient against plain loops: every ISA of this machine, 1, 2 and 3 threads with the same bits.
#include "ops/resample.h"

#include "rig.h"

using namespace nabla;
using namespace nabla::test;
using ops::Sampling;

namespace {

double cubic(double x, double a) {
  x = std::fabs(x);
  if (x < 1) return (a + 2) * x * x * x - (a + 3) * x * x + 1;
  return x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a : 0;
}
double triangle(double x) { return std::max(0.0, 1 - std::fabs(x)); }

// weights[out][in]
std::vector<std::vector<double>> table(int64_t in, int64_t out, Sampling sampling, bool align, bool antialias) {
  std::vector<std::vector<double>> rows;
  for (int64_t o = 0; o < out; o++) {
    std::vector<double> w(static_cast<size_t>(in));
    const auto at = [&](int64_t i) -> double& { return w[static_cast<size_t>(std::clamp<int64_t>(i, 0, in - 1))]; };
    const double step = align ? (out > 1 ? double(in - 1) / double(out - 1) : 0) : double(in) / double(out);
    const double source = align ? double(o) * step : (double(o) + 0.5) * step - 0.5;
    if (sampling == Sampling::kNearest) {
      at(o * in / out) = 1;
    } else if (sampling == Sampling::kArea) {
      const int64_t begin = o * in / out, end = ((o + 1) * in + out - 1) / out;
      for (int64_t i = begin; i < end; i++) at(i) = 1 / double(end - begin);
    } else if (antialias && in != out) {
      double total = 0;
      const double width = std::max(step, 1.0);
      for (int64_t i = 0; i < in; i++) {
        const double x = (double(i) - source) / width;
        total += at(i) = sampling == Sampling::kCubic ? cubic(x, -0.5) : triangle(x);
      }
      for (double& x : w) x /= total;
    } else {
      for (int64_t i = -6; i < in + 6; i++)
        at(i) += sampling == Sampling::kCubic ? cubic(source - double(i), -0.75) : triangle(source - double(i));
    }
    rows.push_back(w);
  }
  return rows;
}

// x [outer, in, inner] to [outer, out, inner], or back with the transposed table
std::vector<double> along(const std::vector<double>& x, int64_t inner, const std::vector<std::vector<double>>& t,
                          bool back) {
  const auto out = static_cast<int64_t>(t.size()), in = static_cast<int64_t>(t[0].size());
  const int64_t from = back ? out : in, to = back ? in : out, outer = static_cast<int64_t>(x.size()) / from / inner;
  std::vector<double> y(static_cast<size_t>(outer * to * inner));
  for (int64_t n = 0; n < outer; n++)
    for (int64_t o = 0; o < out; o++)
      for (int64_t i = 0; i < in; i++)
        for (int64_t k = 0; k < inner; k++)
          y[static_cast<size_t>((n * to + (back ? i : o)) * inner + k)] +=
              t[static_cast<size_t>(o)][static_cast<size_t>(i)] *
              x[static_cast<size_t>((n * from + (back ? o : i)) * inner + k)];
  return y;
}

struct Case {
  std::vector<int64_t> shape, sizes;
  Sampling sampling;
  bool align = false, antialias = false;
};

const Case kCases[] = {{{2, 3, 7}, {20}, Sampling::kLinear},
                       {{1, 2, 1}, {1}, Sampling::kCubic},
                       {{2, 5, 6, 9}, {12, 18}, Sampling::kLinear},
                       {{2, 3, 17, 40}, {5, 19}, Sampling::kLinear, true},
                       {{2, 18, 5, 4}, {9, 12}, Sampling::kCubic},
                       {{1, 2, 40, 33}, {7, 70}, Sampling::kLinear, false, true},
                       {{1, 3, 20, 50}, {6, 9}, Sampling::kCubic, false, true},
                       {{2, 2, 30, 70}, {4, 30}, Sampling::kArea},
                       {{2, 65, 8, 8}, {16, 16}, Sampling::kNearest},
                       {{1, 2, 9, 64}, {4, 32}, Sampling::kNearest},
                       {{1, 20, 3, 4, 5}, {5, 8, 7}, Sampling::kLinear},
                       {{1, 1, 300, 2}, {1, 2}, Sampling::kArea},
                       {{0, 2, 3, 4}, {6, 8}, Sampling::kLinear}};

void check(Isa isa, const Case& c, DType dtype, bool last, size_t streamed) {
  std::vector<int64_t> shape = {c.shape[0], c.shape[1]};
  shape.insert(shape.end(), c.sizes.begin(), c.sizes.end());
  std::vector<int> order;
  for (int d = 0; last && d < static_cast<int>(shape.size()); d++) order.push_back(d == 0 ? 0 : d + 1);
  if (last) order.back() = 1;
  const double bound = dtype == DType::kFloat32 ? 2e-5 : 1e-12;
  std::vector<double> first, firstBack;
  for (int threads = 1; threads <= 3; threads++) {
    Rig rig(isa, threads);
    rig.ctx.streamedBytes = streamed;
    const Tensor x = rig.random(dtype, c.shape, order), g = rig.random(dtype, shape, order);
    const Tensor out = rig.make(dtype, shape, order), back = rig.make(dtype, c.shape, order);
    const auto kind = static_cast<int64_t>(c.sampling);
    ops::resample(rig.ctx, out, x, kind, c.align, c.antialias, false, 0, 0, 0);
    ops::resample(rig.ctx, back, g, kind, c.align, c.antialias, true, 0, 0, 0);
    rig.wait();
    std::vector<double> want = Rig::values(x), wantBack = Rig::values(g);
    int64_t inner = 1, innerBack = 1;
    for (size_t d = shape.size() - 1; d >= 2 && !want.empty(); d--) {
      const auto t = table(c.shape[d], shape[d], c.sampling, c.align, c.antialias);
      want = along(want, inner, t, false), inner *= shape[d];
      wantBack = along(wantBack, innerBack, t, true), innerBack *= c.shape[d];
    }
    const double error = maxError(Rig::values(out), want), errorBack = maxError(Rig::values(back), wantBack);
    CHECK(error < bound, "%s sampling %d last %d: %g", isaName(isa), static_cast<int>(kind), last, error);
    CHECK(errorBack < 8 * bound, "%s gradient of sampling %d last %d: %g", isaName(isa), static_cast<int>(kind), last,
          errorBack);
    if (threads == 1) first = Rig::values(out), firstBack = Rig::values(back);
    CHECK(same(first, Rig::values(out)) && same(firstBack, Rig::values(back)), "bits, %d threads", threads);
  }
}

// A NaN reaches the outputs next to it and no others.
void checkNan(Isa isa) {
  Rig rig(isa, 1);
  const Tensor x = rig.random(DType::kFloat32, {1, 1, 40}), out = rig.make(DType::kFloat32, {1, 1, 80});
  x.ptr<float>()[20] = NAN;
  ops::resample(rig.ctx, out, x, static_cast<int64_t>(Sampling::kLinear), false, false, false, 0, 0, 0);
  rig.wait();
  for (int i = 0; i < 80; i++)
    CHECK(std::isnan(out.ptr<float>()[i]) == (i >= 39 && i <= 42), "%s at %d", isaName(isa), i);
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    for (const Case& c : kCases)
      for (bool last : {false, true}) {
        check(isa, c, DType::kFloat32, last, size_t{16} << 20);
        check(isa, c, DType::kFloat32, last, 1);
        check(isa, c, DType::kFloat64, last, 1);
      }
    checkNan(isa);
  }
  return finish("resample");
}
