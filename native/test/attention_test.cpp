// Attention against plain double loops: odd sizes, masks of every kind, causal, grouped heads, dropout, strided heads,
// short queries with long keys, both dtypes, every instruction set, and 1, 2 and 3 threads bit for bit.
// `attention_test bench` times the shapes of the benchmarks.
#include "ops/attention.h"

#include <cstring>

#include "ops/copy.h"
#include "ops/random.h"
#include "rig.h"

using namespace nabla;
using namespace nabla::test;

namespace {

enum Mask { kNone, kBool, kAdded, kBroadcast, kColumn };

struct Case {
  int64_t batch, heads, groups, queries, keys, width, outWidth;
  Mask mask;
  bool causal;
  double p;
};

const Case kCases[] = {
    {1, 1, 1, 1, 1, 1, 1, kNone, false, 0},          {2, 3, 3, 5, 7, 4, 3, kNone, false, 0},
    {1, 2, 2, 61, 67, 17, 33, kAdded, false, 0},     {2, 2, 1, 130, 131, 16, 16, kNone, true, 0},
    {1, 4, 2, 33, 300, 20, 8, kBool, false, 0.3},    {1, 1, 1, 1, 3000, 64, 64, kNone, false, 0},
    {2, 6, 2, 1, 700, 32, 31, kBroadcast, false, 0}, {1, 1, 1, 257, 600, 40, 65, kColumn, false, 0.5},
    {1, 2, 2, 300, 50, 9, 7, kNone, true, 0.1},      {1, 1, 1, 3, 2000, 15, 34, kNone, true, 0},
    {1, 2, 2, 4, 0, 3, 5, kNone, false, 0},          {1, 2, 2, 0, 4, 3, 5, kNone, false, 0},
    {1, 2, 2, 4, 6, 0, 5, kBool, false, 0},          {1, 2, 2, 4, 6, 3, 0, kNone, false, 0},
    {1, 3, 3, 129, 129, 64, 64, kBool, false, 1},    {0, 2, 2, 4, 6, 3, 5, kNone, false, 0},
};

struct Tensors {
  Tensor query, key, value, mask, gradOut, out, logSums, gradQuery, gradKey, gradValue, kept;
};

Tensors make(Machine& m, const Case& c, DType type) {
  const std::vector<int> heads = {0, 2, 1, 3};  // as [N, L, H * E] in memory
  Tensors t;
  t.query = m.random(type, {c.batch, c.heads, c.queries, c.width}, heads);
  t.key = m.random(type, {c.batch, c.groups, c.keys, c.width}, heads);
  t.value = m.random(type, {c.batch, c.groups, c.keys, c.outWidth});
  t.gradOut = m.random(type, {c.batch, c.heads, c.queries, c.outWidth}, {}, c.queries % 2 ? 1 : 2);
  t.out = m.make(type, {c.batch, c.heads, c.queries, c.outWidth}, heads);
  t.logSums = m.make(type, {c.batch, c.heads, c.queries});
  t.gradQuery = m.make(type, {c.batch, c.heads, c.queries, c.width}, heads);
  t.gradKey = m.make(type, {c.batch, c.groups, c.keys, c.width}, heads);
  t.gradValue = m.make(type, {c.batch, c.groups, c.keys, c.outWidth});
  if (c.mask == kBool) {
    t.mask = m.random(DType::kBool, {c.batch, c.heads, c.queries, c.keys}, {}, 1, -0.9, 2);
    // A query that sees nothing.
    if (t.mask.numel() > 0)
      for (int64_t j = 0; j < c.keys; j++) t.mask.data[j] = 0;
  } else if (c.mask == kAdded) {
    t.mask = m.random(type, {c.batch, c.heads, c.queries, c.keys});
  } else if (c.mask == kBroadcast) {
    t.mask = m.random(DType::kBool, {1, 1, 1, c.keys}, {}, 1, -0.5, 2);
  } else if (c.mask == kColumn) {
    t.mask = m.random(type, {1, 1, c.queries, 1});
  }
  if (c.mask == kBroadcast || c.mask == kColumn) {
    const int64_t full[] = {c.batch, c.heads, c.queries, c.keys};
    for (int i = 0; i < 4; i++)
      if (t.mask.shape[i] != full[i]) t.mask.shape[i] = full[i], t.mask.strides[i] = 0;
  }
  t.kept = m.make(DType::kFloat64, {c.batch, c.heads, c.queries, (c.keys + 63) / 64 * 64});
  return t;
}

void run(Machine& m, const Case& c, const Tensors& t) {
  const Tensor* mask = c.mask == kNone ? nullptr : &t.mask;
  const double scale = 0.3, lo = 12345, hi = 6, offset = 640;
  ops::attention(m.ctx, t.out, &t.logSums, t.query, t.key, t.value, mask, scale, c.causal, c.p, lo, hi, offset);
  ops::attentionBackward(m.ctx, &t.gradQuery, &t.gradKey, &t.gradValue, t.gradOut, t.query, t.key, t.value, mask, t.out,
                         t.logSums, scale, c.causal, c.p, lo, hi, offset);
  // The same numbers in an ordinary dropout of ones.
  ops::fill(m.ctx, t.kept, 1);
  if (c.p > 0) ops::dropout(m.ctx, t.kept, t.kept, c.p, lo, hi, offset);
  m.wait();
}

struct Reference {
  std::vector<double> out, gradQuery, gradKey, gradValue;
};

// One query of one head: adds to the gradients of keys and values.
void referenceRow(const Case& c, const Tensors& t, Reference& r, int64_t n, int64_t h, int64_t i) {
  const auto at = [](const Tensor& x, int64_t a, int64_t b, int64_t d, int64_t e) {
    const int64_t index[] = {a, b, d, e};
    return Machine::value(x, index, 4);
  };
  const int64_t g = h / (c.heads / c.groups), S = c.keys, E = c.width, V = c.outWidth;
  std::vector<double> score(size_t(S), 0.0), kept(size_t(S), 1.0), grad(size_t(S), 0.0);
  double highest = -INFINITY, total = 0, delta = 0;
  for (int64_t j = 0; j < S; j++) {
    double& s = score[size_t(j)];
    for (int64_t e = 0; e < E; e++) s += 0.3 * at(t.query, n, h, i, e) * at(t.key, n, g, j, e);
    if (c.mask == kBool || c.mask == kBroadcast) s += at(t.mask, n, h, i, j) != 0 ? 0 : -INFINITY;
    if (c.mask == kAdded || c.mask == kColumn) s += at(t.mask, n, h, i, j);
    if (c.causal && j > i) s = -INFINITY;
    highest = std::max(highest, s);
    kept[size_t(j)] = at(t.kept, n, h, i, j);
  }
  for (double& s : score) total += s = highest == -INFINITY ? 0 : std::exp(s - highest);
  for (int64_t j = 0; j < S; j++) {
    double& weight = score[size_t(j)];
    weight = total == 0 ? 0 : weight / total;
    for (int64_t e = 0; e < V; e++) {
      const double v = at(t.value, n, g, j, e), go = at(t.gradOut, n, h, i, e);
      r.out[size_t(((n * c.heads + h) * c.queries + i) * V + e)] += weight * kept[size_t(j)] * v;
      r.gradValue[size_t(((n * c.groups + g) * S + j) * V + e)] += weight * kept[size_t(j)] * go;
      grad[size_t(j)] += kept[size_t(j)] * go * v;
    }
    delta += weight * grad[size_t(j)];
  }
  for (int64_t j = 0; j < S; j++) {
    const double towards = 0.3 * score[size_t(j)] * (grad[size_t(j)] - delta);
    for (int64_t e = 0; e < E; e++) {
      r.gradQuery[size_t(((n * c.heads + h) * c.queries + i) * E + e)] += towards * at(t.key, n, g, j, e);
      r.gradKey[size_t(((n * c.groups + g) * S + j) * E + e)] += towards * at(t.query, n, h, i, e);
    }
  }
}

Reference reference(const Case& c, const Tensors& t) {
  const auto zeros = [](const Tensor& x) { return std::vector<double>(size_t(x.numel())); };
  Reference r{zeros(t.out), zeros(t.gradQuery), zeros(t.gradKey), zeros(t.gradValue)};
  for (int64_t n = 0; n < c.batch; n++)
    for (int64_t h = 0; h < c.heads; h++)
      for (int64_t i = 0; i < c.queries; i++) referenceRow(c, t, r, n, h, i);
  return r;
}

void testCase(Isa isa, const Case& c, DType type, int number) {
  std::vector<double> first[5];
  for (int threads = 1; threads <= 3; threads++) {
    Machine m(isa, threads);
    const Tensors t = make(m, c, type);
    run(m, c, t);
    const std::vector<double> results[] = {Machine::values(t.out), Machine::values(t.gradQuery),
                                           Machine::values(t.gradKey), Machine::values(t.gradValue),
                                           Machine::values(t.logSums)};
    if (threads == 1) {
      const Reference r = reference(c, t);
      const std::vector<double>* expected[] = {&r.out, &r.gradQuery, &r.gradKey, &r.gradValue};
      const double tolerance = type == DType::kFloat32 ? 3e-5 : 3e-13;
      for (int i = 0; i < 4; i++) {
        const double error = maxError(results[i], *expected[i]);
        CHECK(error <= tolerance, "%s case %d dtype %d result %d: error %g", isaName(isa), number, int(type), i, error);
      }
    }
    for (int i = 0; i < 5; i++) {
      if (threads == 1) first[i] = results[i];
      CHECK(same(results[i], first[i]), "%s case %d result %d: other bits with %d threads", isaName(isa), number, i,
            threads);
    }
  }
}

// Only some gradients wanted, and no logarithms kept.
void testParts(Isa isa) {
  Machine m(isa, 2);
  const Case c{1, 2, 2, 70, 80, 24, 24, kNone, true, 0};
  const Tensors t = make(m, c, DType::kFloat32);
  run(m, c, t);
  const auto query = Machine::values(t.gradQuery), value = Machine::values(t.gradValue), out = Machine::values(t.out);
  const Tensor again = m.make(DType::kFloat32, {1, 2, 70, 24}), other = m.make(DType::kFloat32, {1, 2, 80, 24});
  ops::attentionBackward(m.ctx, &again, nullptr, nullptr, t.gradOut, t.query, t.key, t.value, nullptr, t.out, t.logSums,
                         0.3, true, 0, 0, 0, 0);
  ops::attentionBackward(m.ctx, nullptr, nullptr, &other, t.gradOut, t.query, t.key, t.value, nullptr, t.out, t.logSums,
                         0.3, true, 0, 0, 0, 0);
  ops::attention(m.ctx, t.out, nullptr, t.query, t.key, t.value, nullptr, 0.3, true, 0, 0, 0, 0);
  m.wait();
  CHECK(same(Machine::values(again), query), "gradient of the queries alone");
  CHECK(same(Machine::values(other), value), "gradient of the values alone");
  CHECK(same(Machine::values(t.out), out), "output without logarithms");
}

void bench(int threads) {
  for (Isa isa : isas()) {
    if (isa == Isa::kBaseline) continue;
    Rig m(isa, threads);
    for (const Case& c :
         {Case{1, 8, 8, 1024, 1024, 64, 64, kNone, false, 0}, Case{1, 8, 8, 1024, 1024, 64, 64, kNone, true, 0},
          Case{1, 8, 8, 4096, 4096, 64, 64, kNone, false, 0}, Case{1, 8, 8, 1, 4096, 64, 64, kNone, false, 0}}) {
      const Tensors t = make(m, c, DType::kFloat32);
      double best[2] = {1e30, 1e30};
      for (int i = 0; i < (c.queries > 2000 ? 4 : 20); i++) {
        const double start = nowMicros();
        ops::attention(m.ctx, t.out, &t.logSums, t.query, t.key, t.value, nullptr, 0.125, c.causal, 0, 0, 0, 0);
        m.wait();
        const double middle = nowMicros();
        ops::attentionBackward(m.ctx, &t.gradQuery, &t.gradKey, &t.gradValue, t.gradOut, t.query, t.key, t.value,
                               nullptr, t.out, t.logSums, 0.125, c.causal, 0, 0, 0, 0);
        m.wait();
        best[0] = std::min(best[0], middle - start), best[1] = std::min(best[1], nowMicros() - middle);
      }
      const double flops = 4.0 * double(c.heads * c.queries * c.keys * c.width) * (c.causal ? 0.5 : 1);
      std::printf("%-8s %lld x %lld%s: forward %.2f ms (%.0f GF), backward %.2f ms (%.0f GF)\n", isaName(isa),
                  static_cast<long long>(c.queries), static_cast<long long>(c.keys), c.causal ? " causal" : "",
                  best[0] / 1e3, flops / best[0] / 1e3, best[1] / 1e3, 2.5 * flops / best[1] / 1e3);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && !std::strcmp(argv[1], "bench")) {
    bench(argc > 2 ? std::atoi(argv[2]) : 2);
    return 0;
  }
  for (Isa isa : isas()) {
    int number = 0;
    for (const Case& c : kCases) {
      testCase(isa, c, DType::kFloat32, number);
      testCase(isa, c, DType::kFloat64, number++);
    }
    testParts(isa);
  }
  return finish("attention");
}
