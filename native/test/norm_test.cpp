// Batch normalization against two-pass formulas in double, on every instruction set, with one to three threads.
#include "ops/norm.h"

#include <algorithm>
#include <limits>

#include "rig.h"

using namespace nabla;
using namespace nabla::test;

namespace {

struct Case {
  std::vector<int64_t> shape;
  std::vector<int> order;
  double mean, std;
};

const Case kCases[] = {
    {{100, 16, 7, 9}, {0, 2, 3, 1}, 0, 1},
    {{100, 16, 7, 9}, {}, 3, 2},
    {{37, 3, 5, 5}, {0, 2, 3, 1}, -1, 1},
    {{64, 50}, {}, 0, 1},
    {{2, 1}, {}, 0, 1},
    {{9, 5, 33}, {}, 0, 1},
    {{9, 5, 33}, {0, 2, 1}, 0, 1},
    {{4, 1500, 3, 3}, {0, 2, 3, 1}, 0, 1},
    {{2, 130, 31, 30}, {0, 2, 3, 1}, 0, 1},
    {{3, 2, 300, 280}, {}, 0, 1},
    {{40, 10, 20, 20}, {0, 2, 3, 1}, 1e4, 1},
    {{40, 10, 20, 20}, {}, 1e4, 1},
    {{300, 1, 9, 9}, {}, -1e3, 0.01},
};

struct Expected {
  std::vector<double> out, gradX, mean, var, gradWeight, gradBias;
};

Expected reference(const Case& k, const std::vector<double>& x, const std::vector<double>& g,
                   const std::vector<double>& w, const std::vector<double>& b, double eps) {
  const int64_t n = k.shape[0], channels = k.shape[1];
  int64_t s = 1;
  for (size_t i = 2; i < k.shape.size(); i++) s *= k.shape[i];
  Expected e;
  e.out.resize(x.size()), e.gradX.resize(x.size());
  const double count = static_cast<double>(n * s);
  for (int64_t c = 0; c < channels; c++) {
    auto over = [&](auto f) {
      for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < s; j++) f(static_cast<size_t>((i * channels + c) * s + j));
    };
    const auto u = static_cast<size_t>(c);
    long double mean = 0, var = 0, sum = 0, dot = 0;
    over([&](size_t i) { mean += x[i] / count; });
    over([&](size_t i) { var += (x[i] - mean) * (x[i] - mean) / count; });
    const long double inv = 1 / std::sqrt(var + eps);
    over([&](size_t i) { sum += g[i], dot += g[i] * (x[i] - mean) * inv; });
    over([&](size_t i) {
      const long double hat = (x[i] - mean) * inv;
      e.out[i] = static_cast<double>(hat * w[u] + b[u]);
      e.gradX[i] = static_cast<double>((g[i] - sum / count - hat * dot / count) * w[u] * inv);
    });
    for (auto [to, from] : {std::pair(&e.mean, mean), {&e.var, var}, {&e.gradWeight, dot}, {&e.gradBias, sum}})
      to->push_back(static_cast<double>(from));
  }
  return e;
}

void check(Rig& rig, const Case& k, DType dtype, const char* what, std::vector<std::vector<double>>* bits) {
  const int64_t channels = k.shape[1];
  const Tensor x = rig.make(dtype, k.shape, k.order), out = rig.make(dtype, k.shape, k.order);
  const Tensor g = rig.make(dtype, k.shape, k.order), gx = rig.make(dtype, k.shape, k.order);
  auto vector = [&](int64_t gap) { return rig.make(dtype, {channels}, {}, gap); };
  const Tensor w = vector(2), b = vector(1), rm = vector(1), rv = vector(3), sm = vector(1), si = vector(1);
  const Tensor gw = vector(1), gb = vector(1);
  const auto xs = rig.fillNormal(x, 1, k.mean, k.std), gs = rig.fillNormal(g, 2);
  const auto ws = rig.fillNormal(w, 3, 1, 0.2), bs = rig.fillNormal(b, 4);
  const auto rms = rig.fillNormal(rm, 5), rvs = rig.fillNormal(rv, 6, 2, 0.1);
  const double eps = 1e-5, tiny = dtype == DType::kFloat64 ? 1e-12 : 3e-6;
  const Expected e = reference(k, xs, gs, ws, bs, eps);
  ops::batchNorm(rig.ctx, out, x, &w, &b, nullptr, &rm, &rv, &sm, &si, nullptr, nullptr, 0.1, eps, true, 0);
  ops::batchNormBackward(rig.ctx, &gx, &gw, &gb, g, x, &w, sm, si, nullptr, nullptr, true, 0);
  rig.wait();
  // The saved mean rounds to the dtype: what it loses, in units of the deviation, comes back in the gradients.
  const double count = static_cast<double>(x.numel() / channels);
  const double lost = std::fabs(k.mean) / k.std * (dtype == DType::kFloat64 ? 1e-15 : 6e-8);
  CHECK(maxError(Rig::values(out), e.out) < 2 * tiny + std::fabs(k.mean) / k.std * 1e-15, "%s %g", what,
        maxError(Rig::values(out), e.out));
  const double scale = k.std < 1 ? 1 / k.std : 1;
  CHECK(maxError(Rig::values(gx), e.gradX) < 4 * scale * (tiny + lost), "%s %g", what,
        maxError(Rig::values(gx), e.gradX));
  const double sums = tiny * std::sqrt(count) + lost * count;
  CHECK(maxError(Rig::values(gw), e.gradWeight) < sums, "%s %g", what, maxError(Rig::values(gw), e.gradWeight));
  CHECK(maxError(Rig::values(gb), e.gradBias) < sums, "%s %g", what, maxError(Rig::values(gb), e.gradBias));
  std::vector<double> mean, var, inv;
  for (size_t c = 0; c < e.mean.size(); c++) {
    mean.push_back(0.9 * rms[c] + 0.1 * e.mean[c]);
    var.push_back(0.9 * rvs[c] + 0.1 * e.var[c] * count / (count - 1));
    inv.push_back(1 / std::sqrt(e.var[c] + eps));
  }
  CHECK(maxError(Rig::values(rm), mean) < tiny, "%s", what);
  CHECK(maxError(Rig::values(rv), var) < tiny, "%s", what);
  CHECK(maxError(Rig::values(sm), e.mean) < tiny, "%s", what);
  CHECK(maxError(Rig::values(si), inv) < tiny, "%s", what);
  for (const Tensor& t : {out, gx, gw, gb}) bits->push_back(Rig::values(t));

  // Running statistics, without affine parameters; only the gradient of x.
  mean = Rig::values(rm), var = Rig::values(rv);
  ops::batchNorm(rig.ctx, out, x, nullptr, nullptr, nullptr, &rm, &rv, &sm, &si, nullptr, nullptr, 0.1, eps, false, 0);
  ops::batchNormBackward(rig.ctx, &gx, nullptr, nullptr, g, x, nullptr, sm, si, nullptr, nullptr, false, 0);
  rig.wait();
  std::vector<double> outs = xs, grads = gs;
  const size_t inner = xs.size() / static_cast<size_t>(k.shape[0] * channels);
  for (size_t i = 0; i < xs.size(); i++) {
    const size_t c = i / inner % static_cast<size_t>(channels);
    outs[i] = (xs[i] - mean[c]) / std::sqrt(var[c] + eps);
    grads[i] = gs[i] / std::sqrt(var[c] + eps);
  }
  CHECK(maxError(Rig::values(out), outs) < tiny, "%s", what);
  CHECK(maxError(Rig::values(gx), grads) < tiny, "%s", what);
}

// Addend and activation in the same pass: the same bits as one after the other, and so are their gradients.
void checkActivation(Rig& rig, const Case& k, DType dtype, const char* what) {
  const int64_t channels = k.shape[1];
  auto image = [&] { return rig.make(dtype, k.shape, k.order); };
  auto vector = [&] { return rig.make(dtype, {channels}); };
  const Tensor x = image(), plain = image(), out = image(), addend = image(), g = image(), masked = image();
  const Tensor gx = image(), wanted = image();
  const Tensor w = vector(), b = vector(), sm = vector(), si = vector(), ss = vector(), sh = vector();
  const Tensor gw = vector(), gb = vector(), gw0 = vector(), gb0 = vector();
  rig.fillNormal(x, 1, k.mean, k.std), rig.fillNormal(w, 3, 3, 0.2), rig.fillNormal(b, 4);
  const auto gs = rig.fillNormal(g, 2), addends = rig.fillNormal(addend, 5);
  auto forward = [&](const Tensor& to, const Tensor* more, int64_t activation) {
    ops::batchNorm(rig.ctx, to, x, &w, &b, more, nullptr, nullptr, &sm, &si, &ss, &sh, 0.1, 1e-5, true, activation);
  };
  forward(plain, nullptr, 0);
  for (int64_t activation : {1, 2}) {
    const double high = activation == 2 ? 6 : std::numeric_limits<double>::infinity();
    forward(out, nullptr, activation);
    rig.wait();
    const auto values = Rig::values(plain);
    std::vector<double> bounded = values, passed = gs;
    for (size_t i = 0; i < values.size(); i++) {
      bounded[i] = std::min(std::max(values[i], 0.0), high);
      if (values[i] <= 0 || values[i] >= high) passed[i] = 0;
    }
    CHECK(maxError(Rig::values(out), bounded) == 0, "%s, activation %d", what, static_cast<int>(activation));
    rig.fill(masked, passed);
    ops::batchNormBackward(rig.ctx, &gx, &gw, &gb, g, x, &w, sm, si, &ss, &sh, true, activation);
    ops::batchNormBackward(rig.ctx, &wanted, &gw0, &gb0, masked, x, &w, sm, si, nullptr, nullptr, true, 0);
    rig.wait();
    for (auto [got, want] : {std::pair(&gx, &wanted), {&gw, &gw0}, {&gb, &gb0}})
      CHECK(maxError(Rig::values(*got), Rig::values(*want)) == 0, "%s, gradient %d", what,
            static_cast<int>(activation));
    // With an addend: rounded before and after it, as by two ops.
    forward(out, &addend, activation);
    rig.wait();
    for (size_t i = 0; i < values.size(); i++) {
      const double sum = values[i] + addends[i];
      const double rounded = dtype == DType::kFloat64 ? sum : static_cast<double>(static_cast<float>(sum));
      bounded[i] = std::min(std::max(rounded, 0.0), high);
    }
    CHECK(maxError(Rig::values(out), bounded) == 0, "%s, addend %d", what, static_cast<int>(activation));
  }
}

void checkEmpty(Rig& rig) {
  const Tensor x = rig.make(DType::kFloat32, {0, 4, 3, 3}), v = rig.make(DType::kFloat32, {4});
  const Tensor gw = rig.random(DType::kFloat32, {4}), gb = rig.random(DType::kFloat32, {4});
  const Tensor rm = rig.random(DType::kFloat32, {4}), before = rm;
  const auto kept = Rig::values(before);
  ops::batchNorm(rig.ctx, x, x, nullptr, nullptr, nullptr, &rm, &v, nullptr, nullptr, nullptr, nullptr, 0.1, 1e-5, true,
                 0);
  ops::batchNormBackward(rig.ctx, &x, &gw, &gb, x, x, nullptr, v, v, nullptr, nullptr, true, 0);
  rig.wait();
  CHECK(Rig::values(rm) == kept, "running mean of an empty batch");
  CHECK(Rig::values(gw) == std::vector<double>(4), "gradient of an empty batch");
  CHECK(Rig::values(gb) == std::vector<double>(4), "gradient of an empty batch");
}

void benchmark(Isa isa, int threads) {
  Rig rig(isa, threads);
  std::printf("%s\n", isaName(isa));
  for (bool last : {true, false}) {
    const std::vector<int64_t> shape{8, 64, 56, 56};
    const std::vector<int> order = last ? std::vector<int>{0, 2, 3, 1} : std::vector<int>{};
    const Tensor x = rig.make(DType::kFloat32, shape, order), out = rig.make(DType::kFloat32, shape, order);
    const Tensor g = rig.make(DType::kFloat32, shape, order), v = rig.random(DType::kFloat32, {64}, {}, 1, 1, 2);
    const Tensor m = rig.make(DType::kFloat32, {64}), s = rig.make(DType::kFloat32, {64});
    rig.fillNormal(x, 1), rig.fillNormal(g, 2);
    const double n = 4.0 * x.numel();
    rig.bench(last ? "batchNorm [8,64,56,56] channels last" : "batchNorm [8,64,56,56] contiguous", 3 * n, [&] {
      ops::batchNorm(rig.ctx, out, x, &v, &v, nullptr, nullptr, nullptr, &m, &s, nullptr, nullptr, 0.1, 1e-5, true, 0);
    });
    rig.bench("  backward", 5 * n,
              [&] { ops::batchNormBackward(rig.ctx, &out, &m, &s, g, x, &v, v, v, nullptr, nullptr, true, 0); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::vector<double>> first;
  for (Isa isa : isas()) {
    first.clear();
    for (int threads = 1; threads <= 3; threads++) {
      std::vector<std::vector<double>> bits;
      for (const Case& k : kCases) {
        char what[160];
        std::snprintf(what, sizeof(what), "%s, %d threads, case %d", isaName(isa), threads,
                      static_cast<int>(&k - kCases));
        for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
          Rig rig(isa, threads);
          if (threads == 3) rig.ctx.streamedBytes = 0;  // past the caches: the same bits
          check(rig, k, dtype, what, &bits);
          checkActivation(rig, k, dtype, what);
        }
      }
      Rig rig(isa, threads);
      checkEmpty(rig);
      if (first.empty()) first = bits;
      for (size_t i = 0; i < bits.size(); i++) CHECK(same(bits[i], first[i]), "bits %zu", i);
    }
  }
  if (argc > 1) {
    for (Isa isa : isas()) benchmark(isa, argc > 2 ? std::atoi(argv[2]) : 2);
  }
  return finish("norm");
}
