// Scans along every axis against plain loops, bit for bit for 1 and 3 threads.
#include "ops/scan.h"

#include "harness.h"

using namespace nabla;
using namespace nabla::test;

namespace {

constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64,
                            DType::kUint8,   DType::kBool,    DType::kInt8};

struct Case {
  std::vector<int64_t> shape;
  std::vector<int> order;
};

const Case kCases[] = {
    {{}, {}},           {{0}, {}},
    {{1}, {}},          {{7}, {}},
    {{70001}, {}},      {{300, 5}, {}},
    {{5, 300}, {}},     {{9000, 17}, {}},
    {{3, 0, 2}, {}},    {{2, 3, 33, 5}, {0, 2, 3, 1}},
    {{4, 1, 3}, {}},    {{600, 300}, {1, 0}},
    {{5, 40, 270}, {}},
};

double logAddExp(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return NAN;
  if (a == b) return a + std::log(2.0) * (std::isinf(a) ? 0 : 1);
  const double top = std::max(a, b);
  return top + std::log1p(std::exp(std::min(a, b) - top));
}

bool takes(int op, double x, double best) {
  if (std::isnan(x)) return true;
  if (std::isnan(best)) return false;
  return op == cpu::kScanMax ? x >= best : x <= best;
}

void check(Isa isa, int op, const Case& c, DType type, int64_t dim, bool special, bool reversed) {
  std::vector<double> first, firstIndices;
  for (int threads : {1, 3}) {
    Machine m(isa, threads);
    const bool wide = !isFloating(type) && op < cpu::kScanMax;
    const DType outType = wide ? DType::kInt64 : type;
    const double top = type == DType::kBool ? 1 : op == cpu::kScanProd ? 1.1 : 3;
    const double low = type == DType::kUint8 || type == DType::kBool ? 0 : op == cpu::kScanProd ? 0.9 : -3;
    const Tensor a = m.random(type, c.shape, c.order, 1, low, top);
    if (special && isFloating(type)) {
      int64_t i = 0;
      const double values[] = {INFINITY, -INFINITY, NAN, -0.0, 0.0};
      Machine::each(a, [&](const int64_t*, char* p) {
        if (++i % 29 == 3) write(type, p, values[i / 29 % 5]);
      });
    }
    const Tensor out = m.make(outType, c.shape, c.order), indices = m.make(DType::kInt64, c.shape, c.order);
    const bool positions = op >= cpu::kScanMax;
    ops::scan(m.ctx, op, out, positions ? &indices : nullptr, a, dim, reversed);
    m.wait();
    const std::vector<double> got = Machine::values(out), at = Machine::values(indices);
    if (threads > 1) {
      CHECK(same(got, first) && same(at, firstIndices), "op %d type %d: %d threads differ", op, int(type), threads);
      continue;
    }
    first = got, firstIndices = at;
    int64_t wrong = 0;
    const double eps = type == DType::kFloat32 ? 1.2e-7 : 3e-16;
    // Row by row along `dim`.
    std::vector<int64_t> shape = c.shape;
    const int64_t n = shape.empty() ? 1 : shape[size_t(dim)];
    if (!shape.empty()) shape[size_t(dim)] = std::min<int64_t>(n, 1);
    const Tensor rows = m.make(DType::kUint8, shape);
    Machine::each(rows, [&](const int64_t* start, const char*) {
      int64_t place[kMaxDims] = {}, bestAt = 0;
      for (int d = 0; d < a.ndim; d++) place[d] = start[d];
      long double sum = 0, prod = 1, size = 0;
      double lse = -INFINITY, best = 0;
      for (int64_t k = 0; k < n; k++) {
        if (a.ndim) place[dim] = reversed ? n - 1 - k : k;
        const double x = Machine::value(a, place, a.ndim), y = Machine::value(out, place, a.ndim);
        sum += x, prod *= x, size += std::fabs(x);
        if (op == cpu::kScanLogSumExp) lse = logAddExp(lse, x);
        if (k == 0 || takes(op, x, best)) best = x, bestAt = k;
        bool ok = true;
        if (op == cpu::kScanSum) ok = near(y, double(sum), eps, 1e-15 * double(size));
        if (op == cpu::kScanProd) ok = near(y, double(prod), eps + 1e-15 * double(k), 2e-45);
        if (op == cpu::kScanLogSumExp) ok = near(y, lse, 3 * eps, 3 * eps + 1e-15 * double(k));
        if (positions) ok = near(y, best, 0) && Machine::value(indices, place, a.ndim) == double(bestAt);
        wrong += !ok;
      }
    });
    CHECK(wrong == 0, "%s op %d type %d case %td dim %lld: %lld wrong", isaName(isa), op, int(type), &c - kCases,
          (long long)dim, (long long)wrong);
  }
}

}  // namespace

int main() {
  for (Isa isa : isas())
    for (int op = 0; op < cpu::kScanOpCount; op++)
      for (const Case& c : kCases)
        for (DType type : kTypes) {
          if (op == cpu::kScanLogSumExp && !isFloating(type)) continue;
          if (c.shape.size() && c.shape[0] > 1000 && type > DType::kInt32) continue;
          for (int64_t dim = 0; dim < std::max<int64_t>(1, int64_t(c.shape.size())); dim++)
            for (bool special : {false, true})
              if (!special || (isFloating(type) && (op == cpu::kScanLogSumExp || op >= cpu::kScanMax))) {
                check(isa, op, c, type, dim, special, false);
                if (op < cpu::kScanMax) check(isa, op, c, type, dim, special, true);
              }
        }
  return finish("scan");
}
