// Softmax and cross entropy against naive loops in double, on every instruction set, with one to three threads.
#include "ops/softmax.h"

#include <string>

#include "rig.h"

using namespace nabla;
using namespace nabla::test;

namespace {

using Values = std::vector<double>;

struct Case {
  std::vector<int64_t> shape;
  int64_t dim;
  std::vector<int> order, outOrder;
  int64_t gap;
};

const Case kCases[] = {
    {{100, 10}, 1, {}, {}, 1},
    {{100, 10}, 0, {}, {}, 1},
    {{3, 1}, 1, {}, {}, 1},
    {{7}, 0, {}, {}, 1},
    {{5, 2000}, 1, {}, {}, 1},
    {{2000, 5}, 0, {}, {}, 1},
    {{2000, 37}, 0, {}, {}, 2},
    {{3, 65, 5, 7}, 1, {0, 2, 3, 1}, {0, 2, 3, 1}, 1},
    {{3, 65, 5, 7}, 1, {}, {0, 2, 3, 1}, 1},
    {{3, 6, 50, 7}, 1, {3, 1, 0, 2}, {}, 1},
    {{300, 129}, 1, {1, 0}, {}, 3},
    {{4, 33, 21, 9}, 2, {}, {}, 1},
    {{0, 4}, 1, {}, {}, 1},
    {{40, 3001}, 1, {}, {}, 1},
};

// Rows of a tensor in logical order: f(list of element numbers of one row).
template <class F>
void overRows(const std::vector<int64_t>& shape, int64_t dim, F f) {
  int64_t inner = 1, outer = 1;
  for (size_t i = 0; i < shape.size(); i++) {
    if (static_cast<int64_t>(i) < dim) outer *= shape[i];
    if (static_cast<int64_t>(i) > dim) inner *= shape[i];
  }
  const int64_t length = shape[static_cast<size_t>(dim)];
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t i = 0; i < inner; i++) {
      std::vector<size_t> row;
      for (int64_t d = 0; d < length; d++) row.push_back(static_cast<size_t>((o * length + d) * inner + i));
      f(row);
    }
  }
}

double logSumExp(const Values& x, const std::vector<size_t>& row) {
  double m = -INFINITY, sum = 0;
  for (size_t i : row) m = std::max(m, x[i]);
  for (size_t i : row) sum += std::exp(x[i] - m);
  return m + std::log(sum);
}

void checkSoftmax(Rig& rig, const Case& k, DType dtype, bool log, const char* what, std::vector<Values>* bits) {
  const Tensor x = rig.make(dtype, k.shape, k.order, k.gap), out = rig.make(dtype, k.shape, k.outOrder);
  const Tensor g = rig.make(dtype, k.shape, k.outOrder), gx = rig.make(dtype, k.shape, k.order, k.gap);
  const Values xs = rig.fillNormal(x, 1, 30, 4), gs = rig.fillNormal(g, 2);
  ops::softmax(rig.ctx, out, x, k.dim, log);
  ops::softmaxBackward(rig.ctx, gx, g, out, k.dim, log);
  rig.wait();
  Values y(xs.size()), gradient(xs.size());
  overRows(k.shape, k.dim, [&](const std::vector<size_t>& row) {
    const double lse = logSumExp(xs, row);
    double dot = 0;
    for (size_t i : row) {
      y[i] = log ? xs[i] - lse : std::exp(xs[i] - lse);
      dot += log ? gs[i] : gs[i] * y[i];
    }
    for (size_t i : row) gradient[i] = log ? gs[i] - std::exp(y[i]) * dot : y[i] * (gs[i] - dot);
  });
  const double limit = dtype == DType::kFloat64 ? 2e-14 : 4e-6;
  CHECK(maxError(Rig::values(out), y) < limit, "%s %g", what, maxError(Rig::values(out), y));
  CHECK(maxError(Rig::values(gx), gradient) < 4 * limit, "%s %g", what, maxError(Rig::values(gx), gradient));
  bits->push_back(Rig::values(out)), bits->push_back(Rig::values(gx));
}

struct Loss {
  bool weighted;
  double smoothing;
  int64_t reduction;
  DType target;
};
const Loss kLosses[] = {{false, 0, 1, DType::kInt64},  {true, 0, 1, DType::kInt32},     {false, 0, 2, DType::kUint8},
                        {true, 0.1, 1, DType::kInt64}, {false, 0.25, 0, DType::kInt32}, {true, 0.2, 2, DType::kInt64}};

void checkLoss(Rig& rig, const Case& k, const Loss& l, DType dtype, const char* what, std::vector<Values>* bits) {
  std::vector<int64_t> rowShape = k.shape;
  rowShape.erase(rowShape.begin() + 1);
  const int64_t classes = k.shape[1], ignored = l.target == DType::kUint8 ? 0 : -100;
  const Tensor x = rig.make(dtype, k.shape, k.order, k.gap), gx = rig.make(dtype, k.shape, k.order, k.gap);
  const Tensor target = rig.make(l.target, rowShape), lse = rig.make(dtype, rowShape), w = rig.make(dtype, {classes});
  const Tensor loss = rig.make(dtype, l.reduction == 0 ? rowShape : std::vector<int64_t>{});
  const Tensor g = rig.make(dtype, l.reduction == 0 ? rowShape : std::vector<int64_t>{});
  const Tensor total = rig.make(dtype, {});
  const Values xs = rig.fillNormal(x, 1, -7, 3), gs = rig.fillNormal(g, 2), ws = rig.fillNormal(w, 3, 1, 0.2);
  Values ts = Rig::values(target);
  for (size_t i = 0; i < ts.size(); i++)
    ts[i] = i % 5 == 3 ? static_cast<double>(ignored)
                       : static_cast<double>((i * 7 + 1) % static_cast<size_t>(std::min<int64_t>(classes, 250)));
  Rig::fill(target, ts);
  const Tensor* weight = l.weighted ? &w : nullptr;
  ops::crossEntropy(rig.ctx, loss, lse, total, x, target, weight, ignored, l.smoothing, l.reduction);
  ops::crossEntropyBackward(rig.ctx, gx, g, x, lse, target, weight, total, ignored, l.smoothing, l.reduction);
  rig.wait();

  Values losses(ts.size()), gradient(xs.size());
  double sum = 0, weights = 0, weightSum = 0;
  auto weightOf = [&](size_t c) { return l.weighted ? ws[c] : 1.0; };
  for (int64_t c = 0; c < classes; c++) weightSum += weightOf(static_cast<size_t>(c));
  for (double t : ts) weights += t == static_cast<double>(ignored) ? 0 : weightOf(static_cast<size_t>(t));
  size_t r = 0;
  const double even = l.smoothing / static_cast<double>(classes);
  overRows(k.shape, 1, [&](const std::vector<size_t>& row) {
    const size_t number = r++;
    if (ts[number] == static_cast<double>(ignored)) return;
    const auto t = static_cast<size_t>(ts[number]);
    const double z = logSumExp(xs, row), up = gs[l.reduction == 0 ? number : 0] / (l.reduction == 1 ? weights : 1);
    double value = (1 - l.smoothing) * weightOf(t) * (z - xs[row[t]]);
    for (size_t c = 0; c < row.size(); c++) {
      value += even * weightOf(c) * (z - xs[row[c]]);
      const double p = std::exp(xs[row[c]] - z);
      gradient[row[c]] = up * ((1 - l.smoothing) * weightOf(t) * (p - (c == t)) + even * (weightSum * p - weightOf(c)));
    }
    losses[number] = value;
    sum += value;
  });
  const Values expected = l.reduction == 0 ? losses : Values{l.reduction == 1 ? sum / weights : sum};
  const double limit = dtype == DType::kFloat64 ? 2e-14 : 3e-6;
  CHECK(maxError(Rig::values(loss), expected) < limit, "%s %g", what, maxError(Rig::values(loss), expected));
  CHECK(maxError(Rig::values(gx), gradient) < limit, "%s %g", what, maxError(Rig::values(gx), gradient));
  CHECK(std::fabs(Rig::values(total)[0] - weights) <= limit * (1 + weights), "%s", what);
  bits->push_back(Rig::values(loss)), bits->push_back(Rig::values(gx));
}

void checkValues(Rig& rig) {
  // Infinities and NaN as in PyTorch; classes out of range name themselves.
  for (int64_t n : {4, 100}) {
    const Tensor x = rig.make(DType::kFloat32, {3, n}), out = rig.make(DType::kFloat32, {3, n});
    Values v(static_cast<size_t>(3 * n), 0.0);
    v[1] = NAN, v[static_cast<size_t>(n)] = -INFINITY;
    for (int64_t i = 2 * n; i < 3 * n; i++) v[static_cast<size_t>(i)] = -INFINITY;
    Rig::fill(x, v);
    ops::softmax(rig.ctx, out, x, 1, false);
    rig.wait();
    const Values y = Rig::values(out);
    CHECK(std::isnan(y[0]) && std::isnan(y[1]), "NaN spreads over its row");
    CHECK(y[static_cast<size_t>(n)] == 0, "-infinity gives 0");
    CHECK(near(y[static_cast<size_t>(n) + 1], 1.0 / static_cast<double>(n - 1), 1e-6), "the others share");
    CHECK(std::isnan(y[static_cast<size_t>(2 * n)]), "a row of -infinity is NaN");
    const Tensor target = rig.make(DType::kInt64, {3}), one = rig.make(DType::kFloat32, {});
    Rig::fill(target, {0, static_cast<double>(n), 1});
    const Tensor lse = rig.make(DType::kFloat32, {3}), loss = rig.make(DType::kFloat32, {});
    ops::crossEntropy(rig.ctx, loss, lse, one, x, target, nullptr, -100, 0, 1);
    rig.wait();
    const auto error = Stream::errorOf(loss);
    CHECK(error != nullptr, "a class out of range");
    if (error) CHECK(error->message.find(" is out of range [0, ") != std::string::npos, "%s", error->message.c_str());
  }
  const Tensor x = rig.make(DType::kFloat32, {0, 5}), target = rig.make(DType::kInt64, {0});
  const Tensor loss = rig.make(DType::kFloat32, {}), total = rig.make(DType::kFloat32, {});
  const Tensor lse = rig.make(DType::kFloat32, {0});
  ops::crossEntropy(rig.ctx, loss, lse, total, x, target, nullptr, -100, 0, 1);
  rig.wait();
  CHECK(std::isnan(Rig::values(loss)[0]), "mean of nothing");
}

void benchmark(Isa isa, int threads) {
  Rig rig(isa, threads);
  std::printf("%s\n", isaName(isa));
  struct Shape {
    std::vector<int64_t> shape;
    int64_t dim;
  } shapes[] = {{{100, 10}, 1}, {{60000, 10}, 1}, {{512, 1000}, 1}, {{64, 32000}, 1}, {{8, 21, 128, 128}, 1}};
  for (const auto& [shape, dim] : shapes) {
    const Tensor x = rig.make(DType::kFloat32, shape), out = rig.make(DType::kFloat32, shape);
    const Tensor gx = rig.make(DType::kFloat32, shape);
    rig.fillNormal(x, 1);
    std::vector<int64_t> rows = shape;
    rows.erase(rows.begin() + 1);
    const Tensor target = rig.make(DType::kInt64, rows), lse = rig.make(DType::kFloat32, rows);
    const Tensor loss = rig.make(DType::kFloat32, {}), total = rig.make(DType::kFloat32, {});
    const double bytes = 4.0 * x.numel();
    char name[80];
    std::snprintf(name, sizeof(name), "softmax [%ld, %ld, ...]", static_cast<long>(shape[0]),
                  static_cast<long>(shape[1]));
    rig.bench(name, 2 * bytes, [&] { ops::softmax(rig.ctx, out, x, dim, false); });
    rig.bench("  backward", 3 * bytes, [&] { ops::softmaxBackward(rig.ctx, gx, x, out, dim, false); });
    rig.bench("  cross entropy", bytes,
              [&] { ops::crossEntropy(rig.ctx, loss, lse, total, x, target, nullptr, -100, 0, 1); });
    rig.bench("  backward", 2 * bytes,
              [&] { ops::crossEntropyBackward(rig.ctx, gx, loss, x, lse, target, nullptr, total, -100, 0, 1); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (Isa isa : isas()) {
    std::vector<Values> first;
    for (int threads = 1; threads <= 3; threads++) {
      std::vector<Values> bits;
      for (const Case& k : kCases) {
        char what[160];
        std::snprintf(what, sizeof(what), "%s, %d threads, case %d", isaName(isa), threads,
                      static_cast<int>(&k - kCases));
        for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
          Rig rig(isa, threads);
          for (bool log : {false, true}) checkSoftmax(rig, k, dtype, log, what, &bits);
          if (k.shape.size() < 2 || k.shape[0] == 0) continue;
          for (const Loss& l : kLosses) checkLoss(rig, k, l, dtype, what, &bits);
        }
      }
      Rig rig(isa, threads);
      checkValues(rig);
      if (first.empty()) first = bits;
      for (size_t i = 0; i < bits.size(); i++) CHECK(same(bits[i], first[i]), "bits %zu", i);
    }
  }
  if (argc > 1) {
    for (Isa isa : isas()) benchmark(isa, argc > 2 ? std::atoi(argv[2]) : 2);
  }
  return finish("softmax");
}
