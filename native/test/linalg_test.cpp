// Factorizations: what they multiply back to, in double, for odd sizes, any strides, and 1, 2 and 3 threads bit for
// bit.
#include "ops/linalg.h"

#include "rig.h"

using namespace nabla;
using namespace nabla::test;

namespace {

using Shape = std::vector<int64_t>;

// A batch of matrices in double.
struct Dense {
  int64_t batch, rows, cols;
  std::vector<double> x;
  Dense(int64_t b, int64_t r, int64_t c) : batch(b), rows(r), cols(c), x(static_cast<size_t>(b * r * c)) {}
  explicit Dense(const Tensor& t) : Dense(t.shape[0], t.shape[1], t.ndim > 2 ? t.shape[2] : 1) {
    x = Machine::values(t);
  }
  double& at(int64_t b, int64_t i, int64_t j) { return x[static_cast<size_t>((b * rows + i) * cols + j)]; }
};

Dense times(Dense a, Dense b, bool ta = false, bool tb = false) {
  const int64_t rows = ta ? a.cols : a.rows, inner = ta ? a.rows : a.cols, cols = tb ? b.rows : b.cols;
  Dense out(a.batch, rows, cols);
  for (int64_t n = 0; n < a.batch; n++)
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < cols; j++)
        for (int64_t k = 0; k < inner; k++)
          out.at(n, i, j) += (ta ? a.at(n, k, i) : a.at(n, i, k)) * (tb ? b.at(n, j, k) : b.at(n, k, j));
  return out;
}

Dense identity(int64_t batch, int64_t n) {
  Dense out(batch, n, n);
  for (int64_t b = 0; b < batch; b++)
    for (int64_t i = 0; i < n; i++) out.at(b, i, i) = 1;
  return out;
}

double apart(const Dense& a, const Dense& b) { return maxError(a.x, b.x); }

double allowed(DType type, int64_t n) { return (type == DType::kFloat64 ? 2e-15 : 1e-6) * (20 + 8.0 * n); }

struct Layout {
  std::vector<int> order;
  int64_t gap;
};

struct Case {
  Machine& m;
  DType type;
  Layout layout;
  Tensor make(Shape shape) const {
    return m.make(type, shape, shape.size() == 3 ? layout.order : std::vector<int>{}, layout.gap);
  }
  Tensor random(Shape shape) const {
    return m.random(type, shape, shape.size() == 3 ? layout.order : std::vector<int>{}, layout.gap, -1, 1);
  }
  // Random, with `shift` on the diagonal and (symmetric) equal halves.
  Tensor square(int64_t batch, int64_t n, double shift, bool symmetric = false) const {
    const Tensor a = random({batch, n, n});
    Machine::each(a, [&](const int64_t* at, char* p) {
      const int64_t mirror[] = {at[0], at[2], at[1]};
      if (symmetric && at[1] < at[2]) return;
      if (symmetric && at[1] != at[2]) write(type, Machine::at(a, mirror, 3), read(type, p));
      if (at[1] == at[2]) write(type, p, read(type, p) + shift);
    });
    return a;
  }
};

void testCholesky(const Case& c, int64_t n) {
  const Tensor a = c.square(3, n, static_cast<double>(n) + 1, true), l = c.make({3, n, n}),
               info = c.m.make(DType::kInt32, {3});
  ops::linalgCholesky(c.m.ctx, l, &info, a);
  c.m.wait();
  CHECK(apart(times(Dense(l), Dense(l), false, true), Dense(a)) <= allowed(c.type, n) * n, "cholesky %lld",
        (long long)n);
  CHECK(Machine::values(info) == std::vector<double>(3, 0.0), "cholesky info");
}

void testLu(const Case& c, int64_t rows, int64_t cols) {
  const int64_t k = std::min(rows, cols);
  const Tensor a = c.random({2, rows, cols}), lu = c.make({2, rows, cols}), pivots = c.m.make(DType::kInt32, {2, k});
  const Tensor info = c.m.make(DType::kInt32, {2});
  ops::linalgLu(c.m.ctx, lu, pivots, &info, a, true);
  c.m.wait();
  Dense packed(lu), lower(2, rows, k), upper(2, k, cols), rowsOfA(a);
  const std::vector<double> swaps = Machine::values(pivots);
  for (int64_t b = 0; b < 2; b++) {
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < k; j++) lower.at(b, i, j) = i == j ? 1 : i > j ? packed.at(b, i, j) : 0;
    for (int64_t i = 0; i < k; i++) {
      for (int64_t j = i; j < cols; j++) upper.at(b, i, j) = packed.at(b, i, j);
      const auto other = static_cast<int64_t>(swaps[static_cast<size_t>(b * k + i)]) - 1;
      CHECK(other >= i && other < rows, "pivot %lld", (long long)other);
      for (int64_t j = 0; j < cols && other != i; j++) std::swap(rowsOfA.at(b, i, j), rowsOfA.at(b, other, j));
    }
  }
  CHECK(apart(times(lower, upper), rowsOfA) <= allowed(c.type, k), "lu %lld x %lld", (long long)rows, (long long)cols);
  for (double x : lower.x) CHECK(std::fabs(x) <= 1, "a multiplier of %g: no pivoting", x);
}

void testSolvers(const Case& c, int64_t n) {
  const Tensor a = c.square(2, n, 2 + static_cast<double>(n) / 4), lu = c.make({2, n, n}),
               pivots = c.m.make(DType::kInt32, {2, n});
  const double limit = allowed(c.type, n) * 4;
  const Dense b(c.random({2, n, 3}));
  const auto fresh = [&] {
    const Tensor x = c.make({2, n, 3});
    Rig::fill(x, b.x);
    return x;
  };
  const Tensor x = fresh(), y = fresh(), z = fresh(), inverse = c.make({2, n, n});
  ops::linalgSolve(c.m.ctx, x, nullptr, a, false);
  ops::linalgSolve(c.m.ctx, inverse, nullptr, a, true);
  ops::linalgLu(c.m.ctx, lu, pivots, nullptr, a, true);
  ops::linalgLuSolve(c.m.ctx, y, lu, pivots, false);
  ops::linalgLuSolve(c.m.ctx, z, lu, pivots, true);
  c.m.wait();
  CHECK(apart(times(Dense(a), Dense(x)), b) <= limit, "solve %lld", (long long)n);
  CHECK(apart(times(Dense(a), Dense(inverse)), identity(2, n)) <= limit, "inverse %lld", (long long)n);
  CHECK(apart(times(Dense(a), Dense(y)), b) <= limit, "luSolve %lld", (long long)n);
  CHECK(apart(times(Dense(a), Dense(z), true), b) <= limit, "luSolve transposed %lld", (long long)n);
  for (const bool upper : {false, true}) {
    for (const bool unit : {false, true}) {
      const Tensor t = fresh(), small = c.square(2, n, 2 + static_cast<double>(n) / 4);
      Dense triangle(small);
      for (int64_t k = 0; k < 2; k++)
        for (int64_t i = 0; i < n; i++)
          for (int64_t j = 0; j < n; j++) {
            double& v = triangle.at(k, i, j);
            v = i == j ? (unit ? 1 : v) : (upper == (i < j) ? v / (unit ? 2.0 * n : 1) : 0);
          }
      if (unit)
        Machine::each(small, [&](const int64_t* at, char* p) {
          if (at[1] != at[2]) write(c.type, p, read(c.type, p) / (2.0 * n));
        });
      ops::linalgTriangular(c.m.ctx, t, small, upper, unit);
      c.m.wait();
      CHECK(apart(times(triangle, Dense(t)), b) <= limit, "triangular %lld %d %d", (long long)n, upper, unit);
    }
  }
}

void testQr(const Case& c, int64_t rows, int64_t cols) {
  for (const int64_t k : {std::min(rows, cols), rows}) {
    const Tensor a = c.random({2, rows, cols}), q = c.make({2, rows, k}), r = c.make({2, k, cols});
    const Tensor only = c.make({2, k, cols});
    ops::linalgQr(c.m.ctx, &q, r, a);
    ops::linalgQr(c.m.ctx, nullptr, only, a);
    c.m.wait();
    const double limit = allowed(c.type, rows + cols);
    CHECK(apart(times(Dense(q), Dense(r)), Dense(a)) <= limit, "qr %lld x %lld", (long long)rows, (long long)cols);
    CHECK(apart(times(Dense(q), Dense(q), true), identity(2, k)) <= limit, "q is not orthonormal");
    CHECK(same(Machine::values(r), Machine::values(only)), "r alone differs");
    Machine::each(r,
                  [&](const int64_t* at, const char* p) { CHECK(at[1] <= at[2] || read(c.type, p) == 0, "r below"); });
  }
}

void testSvd(const Case& c, int64_t rows, int64_t cols) {
  const int64_t k = std::min(rows, cols);
  for (const bool full : {false, true}) {
    const Tensor a = c.random({2, rows, cols}), u = c.make({2, rows, full ? rows : k}), s = c.m.make(c.type, {2, k});
    const Tensor vh = c.make({2, full ? cols : k, cols}), values = c.m.make(c.type, {2, k});
    ops::linalgSvd(c.m.ctx, &u, s, &vh, a);
    ops::linalgSvd(c.m.ctx, nullptr, values, nullptr, a);
    c.m.wait();
    const double limit = allowed(c.type, rows + cols);
    Dense left(u), right(vh), sizes(s);
    CHECK(apart(times(left, left, true), identity(2, left.cols)) <= limit, "u is not orthonormal");
    CHECK(apart(times(right, right, false, true), identity(2, right.rows)) <= limit, "v is not orthonormal");
    Dense scaled(2, rows, cols);
    for (int64_t b = 0; b < 2; b++)
      for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
          for (int64_t p = 0; p < k; p++)
            scaled.at(b, i, j) += left.at(b, i, p) * sizes.at(b, p, 0) * right.at(b, p, j);
    CHECK(apart(scaled, Dense(a)) <= limit, "svd %lld x %lld", (long long)rows, (long long)cols);
    CHECK(maxError(Machine::values(values), Machine::values(s)) <= limit, "singular values alone");
    for (int64_t i = 1; i < k; i++) CHECK(sizes.at(0, i, 0) <= sizes.at(0, i - 1, 0), "order of singular values");
  }
}

void testEigh(const Case& c, int64_t n) {
  const Tensor a = c.square(2, n, 0, true), w = c.m.make(c.type, {2, n}, {}, 2), v = c.make({2, n, n});
  const Tensor values = c.m.make(c.type, {2, n});
  ops::linalgEigh(c.m.ctx, w, &v, a);
  ops::linalgEigh(c.m.ctx, values, nullptr, a);
  c.m.wait();
  const double limit = allowed(c.type, 2 * n);
  Dense vectors(v), scaled(v), sizes(w);
  for (int64_t b = 0; b < 2; b++)
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < n; j++) scaled.at(b, i, j) *= sizes.at(b, j, 0);
  CHECK(apart(times(scaled, vectors, false, true), Dense(a)) <= limit, "eigh %lld", (long long)n);
  CHECK(apart(times(vectors, vectors, true), identity(2, n)) <= limit, "eigenvectors %lld", (long long)n);
  CHECK(maxError(Machine::values(values), Machine::values(w)) <= limit, "eigenvalues alone");
}

// The normal equations hold, also where A has less than full rank.
void testLstsq(const Case& c, int64_t rows, int64_t cols) {
  const Tensor a = c.random({2, rows, cols}), b = c.random({2, rows, 2}), x = c.make({2, cols, 2});
  const Tensor rank = c.m.make(DType::kInt64, {2});
  if (cols > 1)
    Machine::each(a, [&](const int64_t* at, char* p) {
      const int64_t first[] = {at[0], at[1], 0};
      if (at[2] == cols - 1) write(c.type, p, 2 * Machine::value(a, first, 3));
    });
  ops::linalgLstsq(c.m.ctx, x, rank, a, b, c.type == DType::kFloat64 ? 1e-13 : 1e-5);
  c.m.wait();
  const double expected = static_cast<double>(std::min(rows, cols > 1 ? cols - 1 : cols));
  CHECK(Machine::values(rank) == std::vector<double>(2, expected), "rank %g", Machine::values(rank)[0]);
  const Dense residual = times(Dense(a), Dense(x));
  CHECK(apart(times(Dense(a), residual, true), times(Dense(a), Dense(b), true)) <= allowed(c.type, 8 * rows),
        "lstsq %lld x %lld", (long long)rows, (long long)cols);
}

// e^A e^-A = 1, and e^diag.
void testExp(const Case& c, int64_t n) {
  const Tensor a = c.square(2, n, 0), minus = c.make({2, n, n}), up = c.make({2, n, n}), down = c.make({2, n, n});
  Machine::each(a, [&](const int64_t* at, char* p) {
    write(c.type, p, read(c.type, p) * 3 / static_cast<double>(n));
    write(c.type, Machine::at(minus, at, 3), -read(c.type, p));
  });
  ops::linalgExp(c.m.ctx, up, a);
  ops::linalgExp(c.m.ctx, down, minus);
  c.m.wait();
  CHECK(apart(times(Dense(up), Dense(down)), identity(2, n)) <= 30 * allowed(c.type, n), "exp %lld", (long long)n);
  if (n == 1) CHECK(near(Dense(up).x[0], std::exp(Dense(a).x[0]), allowed(c.type, 1)), "exp of a number");
}

void testAll(const Case& c, int64_t n) {
  testCholesky(c, n);
  testSolvers(c, n);
  testEigh(c, n);
  testExp(c, n);
  for (const int64_t other : {n, n / 2 + 1, 2 * n + 1}) {
    testLu(c, n, other);
    testQr(c, n, other);
    testSvd(c, n, other);
    testLstsq(c, n, other);
  }
}

// Mistakes in values: `info` tells where, and without it the task fails.
void testMistakes(Machine& m) {
  const Tensor a = m.make(DType::kFloat64, {2, 2, 2}), out = m.make(DType::kFloat64, {2, 2, 2});
  const Tensor info = m.make(DType::kInt32, {2}), pivots = m.make(DType::kInt32, {2, 2}),
               w = m.make(DType::kFloat64, {2, 2});
  Rig::fill(a, {1, 0, 0, 1, 1, 2, 2, 4});
  ops::linalgSolve(m.ctx, out, &info, a, true);
  m.wait();
  CHECK(Machine::values(info) == (std::vector<double>{0, 2}), "info of the inverse");
  ops::linalgLu(m.ctx, out, pivots, &info, a, false);
  m.wait();
  CHECK(Machine::values(info) == (std::vector<double>{0, 2}), "info of lu");
  const auto error = [&] {
    m.wait();
    const auto found = m.stream.takeUndelivered();
    return found ? std::string(found->op) + ": " + found->message : std::string("none");
  };
  ops::linalgSolve(m.ctx, out, nullptr, a, true);
  CHECK(error() == "linalg.inv: matrix 1 of the batch is singular (pivot 2 is zero)", "%s", error().c_str());
  Rig::fill(a, {1, 0, 0, 1, -1, 0, 0, 1});
  const Tensor l = m.make(DType::kFloat64, {2, 2, 2});
  ops::linalgCholesky(m.ctx, l, &info, a);
  m.wait();
  CHECK(Machine::values(info) == (std::vector<double>{0, 1}), "info of cholesky");
  Rig::fill(a, {1, 0, 0, 1, 1, 0, NAN, 1});
  const Tensor v = m.make(DType::kFloat64, {2, 2, 2});
  ops::linalgEigh(m.ctx, w, &v, a);
  CHECK(error().starts_with("linalg.eigh: matrix 1 of the batch holds NaN"), "eigh of NaN");
}

// A batch over several chunks has the same bits on any number of threads.
void testThreads(Isa isa) {
  std::vector<double> first;
  for (int threads : {1, 2, 3}) {
    Machine m(isa, threads);
    const Case c{m, DType::kFloat32, {{0, 1, 2}, 1}};
    const Tensor a = c.square(200, 23, 4), inverse = c.make({200, 23, 23}), u = c.make({200, 23, 23});
    const Tensor s = m.make(DType::kFloat32, {200, 23}), vh = c.make({200, 23, 23});
    ops::linalgSolve(m.ctx, inverse, nullptr, a, true);
    ops::linalgSvd(m.ctx, &u, s, &vh, a);
    m.wait();
    std::vector<double> all = Machine::values(inverse);
    for (const Tensor& t : {u, s, vh}) {
      const auto more = Machine::values(t);
      all.insert(all.end(), more.begin(), more.end());
    }
    if (threads == 1) first = all;
    CHECK(same(all, first), "%d threads", threads);
  }
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    Machine m(isa, 2);
    for (DType type : {DType::kFloat32, DType::kFloat64}) {
      for (int64_t n : {1, 2, 3, 5, 8, 17, 40})
        for (const Layout& layout : {Layout{{0, 1, 2}, 1}, Layout{{2, 0, 1}, 1}, Layout{{0, 2, 1}, 2}})
          testAll({m, type, layout}, n);
      testAll({m, type, {{0, 1, 2}, 1}}, 131);
    }
    testMistakes(m);
    testThreads(isa);
  }
  return finish("linalg");
}
