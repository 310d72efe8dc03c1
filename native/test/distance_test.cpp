// Distances in several norms and their gradients against plain loops.
#include "ops/distance.h"
#include "harness.h"

using namespace nabla;
using namespace nabla::test;

namespace {

struct Sizes {
  int64_t batches, rows, others, width;
};
const Sizes kSizes[] = {{1, 1, 1, 1},   {2, 3, 5, 17},  {1, 9, 70, 33},  {1, 0, 4, 3}, {3, 2, 0, 3},
                        {1, 33, 2, 64}, {2, 1, 3, 300}, {1, 2, 2, 5000}, {0, 2, 3, 4}};

double normOf(const std::vector<double>& d, double p) {
  long double sum = 0;
  for (double x : d) {
    if (p == 0)
      sum += x != 0;
    else if (std::isinf(p))
      sum = std::max<long double>(sum, std::fabs(x));
    else
      sum += std::pow(std::fabs(x), p);
  }
  return static_cast<double>(p == 0 || std::isinf(p) ? sum : std::pow(sum, 1 / static_cast<long double>(p)));
}

double slopeOf(double d, double norm, double p) {
  const double sign = (d > 0) - (d < 0);
  if (p == 0 || d == 0 || norm == 0) return 0;
  if (std::isinf(p)) return std::fabs(d) == norm ? sign : 0;
  return sign * std::pow(std::fabs(d) / norm, p - 1);
}

// Inputs on a grid, so that differences and the largest of them are exact; some are equal.
void testDistance(Isa isa, const Sizes& s, DType type, double p) {
  const double eps = type == DType::kFloat32 ? 6e-8 : 3e-16;
  std::vector<std::vector<double>> first;
  for (int threads : {1, 2, 3}) {
    Machine m(isa, threads);
    const auto grid = [&](std::vector<int64_t> shape) {
      const Tensor t = m.random(type, shape, {}, 1, -9, 9);
      Machine::each(t, [&](const int64_t*, char* at) { write(type, at, std::round(read(type, at)) / 4); });
      return t;
    };
    const Tensor a = grid({s.batches, s.rows, s.width}), b = grid({s.batches, s.others, s.width});
    const Tensor g = m.random(type, {s.batches, s.rows, s.others}), out = m.make(type, {s.batches, s.rows, s.others});
    const Tensor gradA = m.make(type, {s.batches, s.rows, s.width}),
                 gradB = m.make(type, {s.batches, s.others, s.width});
    ops::distance(m.ctx, out, a, b, p);
    ops::distanceBackward(m.ctx, gradA, g, out, a, b, p);
    ops::distanceBackwardOther(m.ctx, gradB, g, out, a, b, p);
    m.wait();
    std::vector<double> sumsA(size_t(gradA.numel())), sumsB(size_t(gradB.numel()));
    double largest = 0;  // term of a gradient
    int64_t wrong = 0;
    Machine::each(out, [&](const int64_t* i, const char* at) {
      std::vector<double> d(static_cast<size_t>(s.width));
      for (int64_t k = 0; k < s.width; k++) {
        const int64_t left[] = {i[0], i[1], k}, right[] = {i[0], i[2], k};
        d[size_t(k)] = Machine::value(a, left, 3) - Machine::value(b, right, 3);
      }
      const double norm = normOf(d, p);
      wrong += !near(read(type, at), norm, 24 * eps);
      for (int64_t k = 0; k < s.width; k++) {
        const double local = Machine::value(g, i, 3) * slopeOf(d[size_t(k)], norm, p);
        largest = std::max(largest, std::fabs(local));
        sumsA[size_t((i[0] * s.rows + i[1]) * s.width + k)] += local;
        sumsB[size_t((i[0] * s.others + i[2]) * s.width + k)] -= local;
      }
    });
    const std::vector<std::vector<double>> got = {Machine::values(out), Machine::values(gradA), Machine::values(gradB)};
    for (size_t i = 0; i < sumsA.size(); i++) wrong += !near(got[1][i], sumsA[i], 64 * eps, 64 * eps * largest);
    for (size_t i = 0; i < sumsB.size(); i++) wrong += !near(got[2][i], sumsB[i], 64 * eps, 64 * eps * largest);
    CHECK(wrong == 0, "%s p %g type %d, case %td: %lld wrong", isaName(isa), p, int(type), &s - kSizes,
          (long long)wrong);
    if (threads == 1) first = got;
    for (size_t i = 0; i < got.size(); i++) CHECK(same(got[i], first[i]), "%d threads differ", threads);
  }
}

void testNan(Machine& m) {
  for (double p : {0.5, 1.0, 2.0, 3.0, double(INFINITY)})
    for (int64_t at : {0, 20, 36}) {
      const Tensor a = m.random(DType::kFloat32, {1, 1, 37}), b = m.random(DType::kFloat32, {1, 2, 37});
      const Tensor out = m.make(DType::kFloat32, {1, 1, 2});
      b.ptr<float>()[37 + at] = NAN;
      ops::distance(m.ctx, out, a, b, p);
      m.wait();
      CHECK(out.ptr<float>()[0] > 0 && std::isnan(out.ptr<float>()[1]), "NaN, p %g", p);
    }
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    for (const Sizes& s : kSizes)
      for (DType type : {DType::kFloat32, DType::kFloat64})
        for (double p : {0.0, 0.5, 1.0, 1.5, 2.0, 3.0, double(INFINITY)}) testDistance(isa, s, type, p);
    Machine m(isa, 2);
    testNan(m);
  }
  return finish("distance");
}
