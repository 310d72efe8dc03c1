// Layer, RMS and group normalization against two-pass formulas in long double, on every instruction set, with one to
// three threads.
#include "ops/layer_norm.h"

#include "rig.h"

using namespace nabla;
using namespace nabla::test;

namespace {

using Values = std::vector<double>;

struct Expected {
  Values out, gradX, gradWeight, gradBias;
};

// Groups of elements that are normalized together: group(i) and parameter(i) of element i.
template <class Group, class Parameter>
Expected reference(const Values& x, const Values& g, const Values& w, const Values& b, bool centered, double eps,
                   size_t groups, Group group, Parameter parameter) {
  std::vector<long double> count(groups), mean(groups), var(groups), sum(groups), dot(groups);
  const size_t n = x.size();
  for (size_t i = 0; i < n; i++) count[group(i)] += 1;
  if (centered)
    for (size_t i = 0; i < n; i++) mean[group(i)] += x[i] / count[group(i)];
  for (size_t i = 0; i < n; i++) var[group(i)] += (x[i] - mean[group(i)]) * (x[i] - mean[group(i)]) / count[group(i)];
  auto normal = [&](size_t i) { return (x[i] - mean[group(i)]) / std::sqrt(var[group(i)] + eps); };
  std::vector<long double> gw(w.size()), gb(b.size());
  for (size_t i = 0; i < n; i++) {
    const long double u = g[i] * w[parameter(i)];
    if (centered) sum[group(i)] += u;
    dot[group(i)] += u * normal(i);
    gw[parameter(i)] += g[i] * normal(i), gb[parameter(i)] += g[i];
  }
  Expected e;
  for (size_t i = 0; i < n; i++) {
    const size_t k = group(i), p = parameter(i);
    e.out.push_back(static_cast<double>(normal(i) * w[p] + b[p]));
    const long double inner = g[i] * w[p] - sum[k] / count[k] - normal(i) * dot[k] / count[k];
    e.gradX.push_back(static_cast<double>(inner / std::sqrt(var[k] + eps)));
  }
  e.gradWeight.assign(gw.begin(), gw.end()), e.gradBias.assign(gb.begin(), gb.end());
  return e;
}

struct Tolerance {
  double value, sums;
};

Tolerance tolerance(DType dtype, double mean, double terms) {
  const double unit = dtype == DType::kFloat64 ? 1e-12 : 3e-6, lost = mean * (dtype == DType::kFloat64 ? 1e-15 : 6e-8);
  return {8 * (unit + lost), 8 * (unit * std::sqrt(terms) + lost * terms)};
}

void compare(const Expected& e, const Tensor& out, const Tensor& gx, const Tensor& gw, const Tensor* gb,
             const Tolerance& allowed, const char* what) {
  CHECK(maxError(Rig::values(out), e.out) < allowed.value, "%s out %g", what, maxError(Rig::values(out), e.out));
  CHECK(maxError(Rig::values(gx), e.gradX) < allowed.value, "%s gradX %g", what, maxError(Rig::values(gx), e.gradX));
  CHECK(maxError(Rig::values(gw), e.gradWeight) < allowed.sums, "%s gradWeight %g", what,
        maxError(Rig::values(gw), e.gradWeight));
  if (gb)
    CHECK(maxError(Rig::values(*gb), e.gradBias) < allowed.sums, "%s gradBias %g", what,
          maxError(Rig::values(*gb), e.gradBias));
}

void checkLayer(Rig& rig, DType dtype, int64_t rows, int64_t width, bool centered, double mean,
                std::vector<Values>* bits) {
  char what[120];
  std::snprintf(what, sizeof what, "%lld x %lld, centered %d, mean %g", static_cast<long long>(rows),
                static_cast<long long>(width), centered, mean);
  const Tensor x = rig.make(dtype, {rows, width}), g = rig.make(dtype, {rows, width});
  const Tensor out = rig.make(dtype, {rows, width}), gx = rig.make(dtype, {rows, width});
  const Tensor w = rig.make(dtype, {width}), b = rig.make(dtype, {width}), gw = rig.make(dtype, {width});
  const Tensor gb = rig.make(dtype, {width}), m = rig.make(dtype, {rows}), s = rig.make(dtype, {rows});
  const Values xs = rig.fillNormal(x, 1, mean), gs = rig.fillNormal(g, 2), ws = rig.fillNormal(w, 3, 1, 0.2);
  Values bs(static_cast<size_t>(width));
  if (centered) bs = rig.fillNormal(b, 4);
  const Tensor *bias = centered ? &b : nullptr, *means = centered ? &m : nullptr;
  const Tensor* gradBias = centered ? &gb : nullptr;
  ops::layerNorm(rig.ctx, out, x, &w, bias, means, s, width, 1e-5);
  ops::layerNormBackward(rig.ctx, &gx, &gw, gradBias, g, x, &w, means, s, width);
  rig.wait();
  const auto u = static_cast<size_t>(width);
  const Expected e = reference(
      xs, gs, ws, bs, centered, 1e-5, static_cast<size_t>(rows), [u](size_t i) { return i / u; },
      [u](size_t i) { return i % u; });
  compare(e, out, gx, gw, gradBias, tolerance(dtype, std::fabs(mean), static_cast<double>(rows)), what);
  for (const Tensor& t : {out, gx, gw}) bits->push_back(Rig::values(t));
}

void checkGroup(Rig& rig, DType dtype, const std::vector<int64_t>& shape, const std::vector<int>& order, int64_t groups,
                double mean, std::vector<Values>* bits) {
  const int64_t channels = shape[1];
  char what[120];
  std::snprintf(what, sizeof what, "[%lld, %lld, ...] %lld groups, mean %g", static_cast<long long>(shape[0]),
                static_cast<long long>(channels), static_cast<long long>(groups), mean);
  const Tensor x = rig.make(dtype, shape, order), g = rig.make(dtype, shape, order);
  const Tensor out = rig.make(dtype, shape, order), gx = rig.make(dtype, shape, order);
  const Tensor w = rig.make(dtype, {channels}), b = rig.make(dtype, {channels});
  const Tensor gw = rig.make(dtype, {channels}), gb = rig.make(dtype, {channels});
  const Tensor m = rig.make(dtype, {shape[0], groups}), s = rig.make(dtype, {shape[0], groups});
  const Values xs = rig.fillNormal(x, 1, mean), gs = rig.fillNormal(g, 2);
  const Values ws = rig.fillNormal(w, 3, 1, 0.2), bs = rig.fillNormal(b, 4);
  ops::groupNorm(rig.ctx, out, x, &w, &b, m, s, groups, 1e-5);
  ops::groupNormBackward(rig.ctx, &gx, &gw, &gb, g, x, &w, m, s, groups);
  rig.wait();
  const size_t c = static_cast<size_t>(channels), inner = xs.size() / (c * static_cast<size_t>(shape[0]));
  const size_t per = c / static_cast<size_t>(groups) * inner;
  const Expected e = reference(
      xs, gs, ws, bs, true, 1e-5, static_cast<size_t>(shape[0] * groups), [per](size_t i) { return i / per; },
      [=](size_t i) { return i / inner % c; });
  const double terms = static_cast<double>(static_cast<size_t>(shape[0]) * inner);
  compare(e, out, gx, gw, &gb, tolerance(dtype, std::fabs(mean), terms), what);
  for (const Tensor& t : {out, gx, gw}) bits->push_back(Rig::values(t));
}

void checkAll(Rig& rig, std::vector<Values>* bits) {
  const std::vector<int> last{0, 2, 3, 1};
  for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (auto [rows, width] : std::vector<std::pair<int64_t, int64_t>>{
             {1, 2}, {3, 17}, {300, 64}, {129, 768}, {2, 100003}, {5000, 5}, {1, 33}, {700, 130}})
      for (bool centered : {true, false}) checkLayer(rig, dtype, rows, width, centered, 0.5, bits);
    checkLayer(rig, dtype, 40, 1000, true, 300, bits);
    checkGroup(rig, dtype, {3, 12, 9, 7}, last, 4, 0, bits);
    checkGroup(rig, dtype, {3, 12, 9, 7}, {}, 4, 1, bits);
    checkGroup(rig, dtype, {2, 64, 61, 30}, last, 32, 100, bits);
    checkGroup(rig, dtype, {2, 64, 61, 30}, {}, 2, 100, bits);
    checkGroup(rig, dtype, {9, 32, 20, 20}, last, 8, 1, bits);
    checkGroup(rig, dtype, {9, 32, 20, 20}, {}, 8, 1, bits);
    checkGroup(rig, dtype, {7, 30}, {}, 5, 0, bits);
    checkGroup(rig, dtype, {2, 3, 5000}, {}, 3, 0, bits);
    checkGroup(rig, dtype, {1, 1, 40, 40}, last, 1, 0, bits);
  }
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    std::vector<Values> first;
    for (int threads = 1; threads <= 3; threads++) {
      std::vector<Values> bits;
      Rig rig(isa, threads);
      if (threads == 3) rig.ctx.streamedBytes = 0;  // past the caches: the same bits
      checkAll(rig, &bits);
      if (first.empty()) first = bits;
      for (size_t i = 0; i < bits.size(); i++) CHECK(same(bits[i], first[i]), "%s bits %zu", isaName(isa), i);
    }
  }
  return finish("layer_norm");
}
