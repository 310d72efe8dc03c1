// Reductions and arg reductions over any axes and strides against plain loops.
#include "kernels/cpu/reduce.h"
#include "harness.h"
#include "ops/reduce.h"

using namespace nabla;
using namespace nabla::test;

namespace {

constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt32,
                            DType::kInt64,   DType::kUint8,   DType::kBool};

struct Case {
  std::vector<int64_t> shape, dims;
  std::vector<int> order;
  int64_t gap;
};

const Case kCases[] = {
    {{}, {}, {}, 1},
    {{1}, {0}, {}, 1},
    {{5}, {}, {}, 1},
    {{0}, {0}, {}, 1},
    {{3, 0, 2}, {1}, {}, 1},
    {{0, 4}, {1}, {}, 1},
    {{7}, {0}, {}, 1},
    {{131071}, {0}, {}, 1},
    {{40000}, {0}, {}, 3},
    {{33, 65}, {0}, {}, 1},
    {{33, 65}, {1}, {}, 1},
    {{33, 65}, {0, 1}, {1, 0}, 1},
    {{2000, 10}, {1}, {}, 1},
    {{30, 1003}, {1}, {}, 1},
    {{2000, 3}, {0}, {}, 1},
    {{9000, 70}, {0}, {}, 1},
    {{3, 3000}, {0}, {1, 0}, 2},
    {{10, 16, 12, 13}, {0, 2, 3}, {0, 2, 3, 1}, 1},
    {{10, 16, 12, 13}, {0, 2, 3}, {0, 1, 2, 3}, 1},
    {{10, 16, 12, 13}, {1}, {0, 2, 3, 1}, 1},
    {{6, 5, 4, 7, 3}, {1, 3}, {4, 2, 0, 1, 3}, 1},
    {{6, 5, 4, 7, 3}, {0, 2, 4}, {}, 1},
    {{2, 1, 3, 1, 2}, {1, 3}, {}, 1},
};

struct Expected {
  long double sum = 0, prod = 1, magnitude = 0;
  double max = -INFINITY, min = INFINITY;
  bool any = false, all = true;
  int64_t count = 0;
};

DType outType(int op, DType type) {
  if (op >= cpu::kReduceAny) return DType::kBool;
  if ((op == cpu::kReduceSum || op == cpu::kReduceProd) && !isFloating(type)) return DType::kInt64;
  return type;
}

std::vector<Expected> reference(const Tensor& a, const Tensor& out) {
  std::vector<Expected> result(static_cast<size_t>(out.numel()));
  Machine::each(a, [&](const int64_t* i, const char* p) {
    int64_t at = 0;
    for (int d = 0; d < a.ndim; d++) at = at * out.shape[d] + (out.shape[d] == 1 ? 0 : i[d]);
    Expected& e = result[static_cast<size_t>(at)];
    const double x = read(a.dtype, p);
    e.sum += x;
    e.prod *= x;
    e.magnitude += std::fabs(x);
    e.max = std::isnan(x) || std::isnan(e.max) ? NAN : std::max(e.max, x);
    e.min = std::isnan(x) || std::isnan(e.min) ? NAN : std::min(e.min, x);
    e.any |= x != 0;
    e.all &= x != 0;
    e.count++;
  });
  return result;
}

bool matches(int op, DType type, double got, const Expected& e) {
  const double eps = type == DType::kFloat32 ? 6e-8 : 1.2e-16;
  switch (op) {
    case cpu::kReduceSum:
      return isFloating(type) ? near(got, double(e.sum), 2 * eps, 16 * eps * double(e.magnitude))
                              : got == double(e.sum);
    case cpu::kReduceMean:
      return near(got, double(e.sum / e.count), 4 * eps, 16 * eps * double(e.magnitude / e.count));
    case cpu::kReduceProd:
      return isFloating(type) ? near(got, double(e.prod), eps * (4 + double(e.count)), 1e-44) : got == double(e.prod);
    case cpu::kReduceMax:
      return near(got, e.max, 0);
    case cpu::kReduceMin:
      return near(got, e.min, 0);
    case cpu::kReduceAny:
      return got == e.any;
    default:
      return got == e.all;
  }
}

std::vector<int64_t> keptShape(const Case& c) {
  std::vector<int64_t> shape = c.shape;
  for (int64_t d : c.dims) shape[static_cast<size_t>(d)] = 1;
  return shape;
}

void testReduce(Isa isa, const Case& c, DType type) {
  const bool integer = !isFloating(type);
  std::vector<double> first[cpu::kReduceOpCount];
  for (int threads : {1, 2, 3}) {
    Machine m(isa, threads);
    const Tensor a =
        m.random(type, c.shape, c.order, c.gap, type >= DType::kUint8 ? 0 : -2, type == DType::kBool ? 1 : 2);
    for (int op = 0; op < cpu::kReduceOpCount; op++) {
      if (op == cpu::kReduceMean && integer) continue;
      if (op == cpu::kReduceProd && integer)  // keeps products within int64
        Machine::each(a, [&](const int64_t* i, char* p) { write(type, p, i[0] % 7 == 0 ? 2 : 1); });
      const Tensor out = m.make(outType(op, type), keptShape(c));
      if (a.numel() == 0 && out.numel() && (op == cpu::kReduceMax || op == cpu::kReduceMin || op == cpu::kReduceMean))
        continue;
      if (op == cpu::kReduceProd && integer && a.numel() > 300) continue;
      ops::reduce(m.ctx, op, out, a, c.dims);
      m.wait();
      const std::vector<double> got = Machine::values(out);
      const std::vector<Expected> expected = reference(a, out);
      int64_t wrong = 0;
      for (size_t i = 0; i < got.size(); i++) wrong += !matches(op, type, got[i], expected[i]);
      CHECK(wrong == 0, "%s op %d type %d, %zu elements, case %td: %lld wrong (%g)", isaName(isa), op, int(type),
            got.size(), &c - kCases, (long long)wrong, got.empty() ? 0 : got[0]);
      if (threads == 1) first[op] = got;
      Tensor dropped = m.make(outType(op, type), keptShape(c));  // the same without the reduced axes
      dropped.ndim = 0;
      for (int d = 0; d < out.ndim; d++) {
        bool reduced = false;
        for (int64_t r : c.dims) reduced |= r == d;
        if (reduced) continue;
        dropped.shape[dropped.ndim] = out.shape[d];
        dropped.strides[dropped.ndim++] = out.strides[d];
      }
      ops::reduce(m.ctx, op, dropped, a, c.dims);
      m.wait();
      CHECK(same(Machine::values(dropped), got), "op %d type %d: dropped axes", op, int(type));
      CHECK(same(got, first[op]), "op %d type %d: %d threads differ", op, int(type), threads);
    }
  }
}

void testNan(Machine& m) {
  for (DType type : {DType::kFloat32, DType::kFloat64})
    for (int64_t n : {5, 100, 70000})
      for (int64_t at : {int64_t(0), n / 2, n - 1}) {
        const Tensor a = m.random(type, {n, 5}), out = m.make(type, {1, 5}), all = m.make(type, {1, 1});
        write(type, a.data + (at * 5 + 2) * int64_t(itemSize(type)), NAN);
        for (int op : {int(cpu::kReduceMax), int(cpu::kReduceMin), int(cpu::kReduceSum)}) {
          const int64_t rows[] = {0}, both[] = {0, 1};
          ops::reduce(m.ctx, op, out, a, rows);
          ops::reduce(m.ctx, op, all, a, both);
          m.wait();
          const std::vector<double> got = Machine::values(out);
          CHECK(std::isnan(got[2]) && !std::isnan(got[1]) && std::isnan(Machine::values(all)[0]), "NaN, op %d", op);
        }
        const int64_t rows[] = {0};
        ops::variance(m.ctx, out, nullptr, a, rows, 1);
        m.wait();
        CHECK(std::isnan(Machine::values(out)[2]) && Machine::values(out)[1] > 0, "NaN, variance");
      }
}

// A long sum of values of one sign: one chain of float additions would be off by 1e-3.
void testLongSum(Machine& m) {
  const int64_t n = 5000001;
  const Tensor a = m.random(DType::kFloat32, {n}, {}, 1, 0, 1), out = m.make(DType::kFloat32, {1});
  const int64_t dims[] = {0};
  ops::reduce(m.ctx, cpu::kReduceSum, out, a, dims);
  m.wait();
  long double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a.ptr<float>()[i];
  CHECK(near(out.ptr<float>()[0], double(sum), 6e-8), "%.9g instead of %.9Lg", out.ptr<float>()[0], sum);
  for (int64_t i = 0; i < n; i++) a.ptr<float>()[i] = 0.1f;  // errors of one sign add up
  ops::reduce(m.ctx, cpu::kReduceSum, out, a, dims);
  m.wait();
  CHECK(near(out.ptr<float>()[0], double(0.1f) * double(n), 6e-8), "%.9g of 0.1", out.ptr<float>()[0]);
}

void testExpanded(Machine& m) {
  Tensor a = m.random(DType::kFloat32, {1, 50, 1});
  a.shape[0] = 300;
  a.shape[2] = 7;
  a.strides[0] = a.strides[2] = 0;
  const Tensor out = m.make(DType::kFloat32, {1, 50, 1});
  const int64_t dims[] = {0, 2};
  ops::reduce(m.ctx, cpu::kReduceSum, out, a, dims);
  m.wait();
  for (int64_t i = 0; i < 50; i++) CHECK(near(out.ptr<float>()[i], a.ptr<float>()[i] * 2100.0, 1e-6), "expanded");
}

void testVariance(Isa isa, const Case& c, DType type) {
  std::vector<double> first;
  for (int threads : {1, 2, 3}) {
    Machine m(isa, threads);
    const Tensor a = m.random(type, c.shape, c.order, c.gap, 8, 12);  // far from 0: squares of elements would cancel
    const Tensor out = m.make(type, keptShape(c)), mean = m.make(type, keptShape(c)), only = m.make(type, keptShape(c));
    ops::variance(m.ctx, out, &mean, a, c.dims, 1);
    ops::variance(m.ctx, only, nullptr, a, c.dims, 1);
    m.wait();
    const std::vector<double> got = Machine::values(out), means = Machine::values(mean);
    const std::vector<Expected> expected = reference(a, out);
    std::vector<long double> squares(got.size());
    Machine::each(a, [&](const int64_t* i, const char* p) {
      size_t at = 0;
      for (int d = 0; d < a.ndim; d++) at = at * size_t(out.shape[d]) + (out.shape[d] == 1 ? 0 : size_t(i[d]));
      const long double d = read(type, p) - expected[at].sum / expected[at].count;
      squares[at] += d * d;
    });
    const double eps = type == DType::kFloat32 ? 6e-8 : 5e-16;  // doubles are merged in double, a few dozen times
    int64_t wrong = 0;
    for (size_t i = 0; i < got.size(); i++) {
      const long double degrees = std::max<int64_t>(0, expected[i].count - 1);
      wrong += !near(got[i], double(squares[i] / degrees), 16 * eps) ||
               !near(means[i], double(expected[i].sum / expected[i].count), 2 * eps);
    }
    CHECK(wrong == 0, "%s variance type %d, case %td: %lld of %zu wrong (%.9g)", isaName(isa), int(type), &c - kCases,
          (long long)wrong, got.size(), got.empty() ? 0 : got[0]);
    CHECK(same(got, Machine::values(only)), "variance without the mean, type %d", int(type));
    if (threads == 1) first = got;
    CHECK(same(got, first), "variance type %d: %d threads differ", int(type), threads);
  }
}

void testArg(Isa isa, const Case& c, DType type) {
  for (int threads : {1, 3})
    for (int64_t dim = 0; dim < std::max<int64_t>(1, int64_t(c.shape.size())); dim++) {
      Machine m(isa, threads);
      const Tensor a =
          m.random(type, c.shape, c.order, c.gap, type >= DType::kUint8 ? 0 : -2, type == DType::kBool ? 1 : 2);
      if (a.numel() == 0) continue;
      if (isFloating(type))
        Machine::each(a, [&](const int64_t* i, char* p) {
          write(type, p, i[0] % 17 == 5 ? NAN : std::round(4 * read(type, p)));
        });
      std::vector<int64_t> shape = c.shape;
      const int64_t n = shape.empty() ? 1 : shape[size_t(dim)];
      if (!shape.empty()) shape[size_t(dim)] = 1;
      const Tensor indices = m.make(DType::kInt64, shape), values = m.make(type, shape),
                   only = m.make(DType::kInt64, shape);
      for (int op : {int(cpu::kArgMax), int(cpu::kArgMin)}) {
        ops::argReduce(m.ctx, op, indices, &values, a, dim);
        ops::argReduce(m.ctx, op, only, nullptr, a, dim);
        m.wait();
        int64_t wrong = 0;
        Machine::each(indices, [&](const int64_t* i, const char* p) {
          int64_t at[kMaxDims], best = 0;
          for (int d = 0; d < a.ndim; d++) at[d] = i[d];
          double winner = NAN;
          for (int64_t k = 0; k < n; k++) {
            if (a.ndim) at[dim] = k;
            const double x = Machine::value(a, at, a.ndim);
            if (k && (std::isnan(winner) || !(std::isnan(x) || (op == cpu::kArgMax ? x > winner : x < winner))))
              continue;
            winner = x;
            best = k;
          }
          wrong += read(DType::kInt64, p) != double(best) || !near(Machine::value(values, i, a.ndim), winner, 0) ||
                   Machine::value(only, i, a.ndim) != double(best);
        });
        CHECK(wrong == 0, "arg op %d type %d dim %lld: %lld wrong", op, int(type), (long long)dim, (long long)wrong);
      }
    }
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    for (const Case& c : kCases)
      for (DType type : kTypes) {
        testReduce(isa, c, type);
        if (isFloating(type)) testVariance(isa, c, type);
        if (c.shape.size() < 5) testArg(isa, c, type);
      }
    Machine m(isa, 2);
    testNan(m);
    testLongSum(m);
    testExpanded(m);
  }
  return finish("reduce");
}
