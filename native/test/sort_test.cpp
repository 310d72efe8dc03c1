// Sorting, selection, runs and searches against std::stable_sort and plain loops, for one thread and several.
#include "ops/sort.h"

#include <algorithm>
#include <numeric>

#include "harness.h"

using namespace nabla;
using namespace nabla::test;

namespace {

constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64,
                            DType::kUint8,   DType::kBool,    DType::kInt8};

struct Case {
  std::vector<int64_t> shape;
};
const Case kCases[] = {{{}},      {{0}},      {{1}},       {{3, 0}},      {{0, 3}},     {{5, 16}},    {{7, 17}},
                       {{4, 33}}, {{3, 513}}, {{2, 1100}}, {{2, 3, 700}}, {{1, 70000}}, {{2, 140001}}};

bool before(double a, double b) { return a < b || (std::isnan(b) && !std::isnan(a)); }
bool equal(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// The positions of a row in stable order.
std::vector<int64_t> orderOf(const double* row, int64_t n, bool descending) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t i, int64_t j) { return descending ? before(row[j], row[i]) : before(row[i], row[j]); });
  return order;
}

Tensor makeInput(Machine& m, DType type, const std::vector<int64_t>& shape, int kind) {
  const bool byte = type == DType::kUint8 || type == DType::kBool;
  const double high = type == DType::kBool ? 1 : kind == 1 ? 3 : byte ? 255 : type == DType::kInt8 ? 127 : 1e6;
  const Tensor a = m.random(type, shape, {}, 1, byte ? 0 : -high, high);
  int64_t i = 0;
  const double odd[] = {NAN, INFINITY, -INFINITY, -0.0, 0.0};
  Machine::each(a, [&](const int64_t*, char* p) {
    i++;
    if (kind == 1 && isFloating(type)) write(type, p, i % 13 == 5 ? odd[i / 13 % 5] : std::round(read(type, p)));
    if (kind == 2)
      write(type, p,
            type == DType::kBool   ? i % 2
            : byte                 ? i % 256
            : type == DType::kInt8 ? i % 128
                                   : double(i));  // in order
  });
  return a;
}

// Short rows are never cut: one thread shows all.
std::vector<int> threadsFor(const Case& c) {
  return !c.shape.empty() && c.shape.back() > 1000 ? std::vector<int>{1, 3} : std::vector<int>{1};
}

void testSort(Isa isa, const Case& c, DType type, int kind) {
  std::vector<std::vector<int64_t>> orders[2];  // by direction, of every row
  for (int threads : threadsFor(c)) {
    Machine m(isa, threads);
    const Tensor a = makeInput(m, type, c.shape, kind);
    const Tensor values = m.make(type, c.shape), indices = m.make(DType::kInt64, c.shape);
    const int64_t n = c.shape.empty() ? 1 : c.shape.back(), rows = n ? a.numel() / n : 0;
    const std::vector<double> data = Machine::values(a);
    for (bool descending : {false, true}) {
      ops::sort(m.ctx, &values, &indices, a, descending);
      m.wait();
      const std::vector<double> got = Machine::values(values), at = Machine::values(indices);
      int64_t wrong = 0;
      for (int64_t r = 0; r < rows; r++) {
        auto& known = orders[descending];
        if (threads == 1) known.push_back(orderOf(data.data() + r * n, n, descending));
        const std::vector<int64_t>& order = known[size_t(r)];
        for (int64_t i = 0; i < n; i++) {
          const double expected = data[size_t(r * n + order[size_t(i)])], value = got[size_t(r * n + i)];
          wrong += at[size_t(r * n + i)] != double(order[size_t(i)]) || !equal(value, expected) ||
                   std::signbit(value) != std::signbit(expected);
        }
      }
      CHECK(wrong == 0, "%s sort type %d case %td kind %d: %lld wrong", isaName(isa), int(type), &c - kCases, kind,
            (long long)wrong);
      for (int64_t k : {int64_t(1), n / 3, n / 2 + 1, n}) {
        if (k < 1 || k > n || c.shape.empty()) continue;
        std::vector<int64_t> shape = c.shape;
        shape.back() = k;
        const Tensor some = m.make(type, shape), where = m.make(DType::kInt64, shape);
        ops::topk(m.ctx, some, where, a, descending);
        m.wait();
        const std::vector<double> first = Machine::values(some), place = Machine::values(where);
        wrong = 0;
        for (int64_t r = 0; r < rows; r++)
          for (int64_t i = 0; i < k; i++)
            wrong += !equal(first[size_t(r * k + i)], got[size_t(r * n + i)]) ||
                     place[size_t(r * k + i)] != at[size_t(r * n + i)];
        CHECK(wrong == 0, "topk %lld type %d case %td kind %d: %lld wrong", (long long)k, int(type), &c - kCases, kind,
              (long long)wrong);
      }
    }
  }
}

void testKth(Isa isa, const Case& c, DType type, int kind) {
  std::vector<std::vector<int64_t>> orders;  // of every row
  for (int threads : threadsFor(c)) {
    Machine m(isa, threads);
    const Tensor a = makeInput(m, type, c.shape, kind);
    const int64_t n = c.shape.empty() ? 1 : c.shape.back(), rows = n ? a.numel() / n : 0;
    if (n == 0) continue;
    std::vector<int64_t> shape = c.shape;
    if (!shape.empty()) shape.pop_back();
    const Tensor values = m.make(type, shape), indices = m.make(DType::kInt64, shape);
    const std::vector<double> data = Machine::values(a);
    if (orders.empty())
      for (int64_t r = 0; r < rows; r++) orders.push_back(orderOf(data.data() + r * n, n, false));
    const int64_t ks[] = {0, n / 4, n - 1};
    for (int which = 0; which < 6; which++) {
      if (which < 3) ops::kth(m.ctx, ops::kKthValue, values, indices, a, ks[which]);
      if (which == 3 || which == 4)
        ops::kth(m.ctx, which == 3 ? ops::kKthMedian : ops::kKthNanMedian, values, indices, a, 0);
      if (which == 5) ops::mode(m.ctx, values, indices, a);
      m.wait();
      const std::vector<double> got = Machine::values(values), at = Machine::values(indices);
      int64_t wrong = 0;
      for (int64_t r = 0; r < rows; r++) {
        const double* row = data.data() + r * n;
        const std::vector<int64_t>& order = orders[size_t(r)];
        const int64_t nans = std::count_if(row, row + n, [](double x) { return std::isnan(x); });
        const int64_t firstNan = std::find_if(row, row + n, [](double x) { return std::isnan(x); }) - row;
        int64_t expected = which < 3 ? order[size_t(ks[which])] : 0;
        if (which == 3) expected = nans ? firstNan : order[size_t((n - 1) / 2)];
        if (which == 4) expected = nans == n ? firstNan : order[size_t((n - nans - 1) / 2)];
        if (which == 5) {
          int64_t most = 0, run = 0;
          for (int64_t i = 0; i < n; i++) {
            run = i && equal(row[order[size_t(i)]], row[order[size_t(i - 1)]]) ? run + 1 : 1;
            if (run > most || (run == most && equal(row[order[size_t(i)]], row[expected])))
              most = run, expected = order[size_t(i)];
          }
        }
        wrong += at[size_t(r)] != double(expected) || !equal(got[size_t(r)], row[expected]);
      }
      CHECK(wrong == 0, "%s rank %d type %d case %td kind %d: %lld wrong", isaName(isa), which, int(type), &c - kCases,
            kind, (long long)wrong);
    }
  }
}

void testRuns(Isa isa, DType type) {
  for (int threads : {1, 3})
    for (int64_t n : {int64_t(0), int64_t(1), int64_t(500), int64_t(140001)}) {
      Machine m(isa, threads);
      const Tensor a = m.random(type, {n}, {}, 1, 0, type == DType::kBool ? 1 : 2);
      Machine::each(a, [&](const int64_t*, char* p) { write(type, p, std::round(read(type, p))); });
      const Tensor number = m.make(DType::kInt64, {1}), values = m.make(type, {n});
      const Tensor inverse = m.make(DType::kInt64, {n}), counts = m.make(DType::kInt64, {n});
      const Tensor order = m.make(DType::kInt64, {n});  // backwards
      Machine::each(order, [&](const int64_t* i, char* p) { write(DType::kInt64, p, double(n - 1 - i[0])); });
      ops::uniqueRuns(m.ctx, number, &values, &inverse, &counts, a, &order);
      m.wait();
      const std::vector<double> x = Machine::values(a), v = Machine::values(values), back = Machine::values(inverse),
                                size = Machine::values(counts);
      int64_t wrong = 0, run = -1, length = 0;
      for (int64_t i = 0; i < n; i++) {
        if (i == 0 || x[size_t(i)] != x[size_t(i - 1)]) {
          if (run >= 0) wrong += size[size_t(run)] != double(length);
          run++;
          length = 0;
        }
        length++;
        wrong += v[size_t(run)] != x[size_t(i)] || back[size_t(n - 1 - i)] != double(run);
      }
      if (run >= 0) wrong += size[size_t(run)] != double(length);
      CHECK(wrong == 0 && Machine::values(number)[0] == double(run + 1), "runs type %d n %lld", int(type),
            (long long)n);
    }
}

void testSearch(Isa isa, DType type) {
  Machine m(isa, 2);
  for (int64_t n : {int64_t(0), int64_t(1), int64_t(37)})
    for (bool wide : {false, true})
      for (bool right : {false, true}) {
        const Tensor row = m.random(type, {3, n}, {}, 1, 0, type == DType::kBool ? 1 : 9);
        const Tensor order = m.make(DType::kInt64, {3, n}), values = m.random(type, {3, 5001}, {}, 1, 0, 9);
        if (isFloating(type)) write(type, values.data, NAN);
        ops::sort(m.ctx, nullptr, &order, row, false);
        const Tensor out = m.make(wide ? DType::kInt64 : DType::kInt32, {3, 5001});
        ops::searchSorted(m.ctx, out, row, values, &order, right);
        m.wait();
        int64_t wrong = 0;
        Machine::each(out, [&](const int64_t* i, const char* p) {
          const double x = Machine::value(values, i, 2);
          int64_t expected = 0;
          for (int64_t k = 0; k < n; k++) {
            const int64_t at[] = {i[0], k};
            const double y = Machine::value(row, at, 2);
            expected += before(y, x) || (right && equal(x, y));
          }
          wrong += read(out.dtype, p) != double(expected);
        });
        CHECK(wrong == 0, "search type %d n %lld: %lld wrong", int(type), (long long)n, (long long)wrong);
      }
}

void testRows(Isa isa, DType type) {
  Machine m(isa, 2);
  const Tensor a = m.random(type, {60, 3}, {}, 1, 0, 1);
  Machine::each(a, [&](const int64_t*, char* p) { write(type, p, std::round(read(type, p))); });
  const Tensor number = m.make(DType::kInt64, {1}), first = m.make(DType::kInt64, {60});
  const Tensor inverse = m.make(DType::kInt64, {60}), counts = m.make(DType::kInt64, {60});
  ops::uniqueRows(m.ctx, number, first, inverse, counts, a, true);
  m.wait();
  const std::vector<double> x = Machine::values(a), at = Machine::values(first), back = Machine::values(inverse),
                            size = Machine::values(counts);
  const auto code = [&](int64_t i) { return x[size_t(3 * i)] * 4 + x[size_t(3 * i + 1)] * 2 + x[size_t(3 * i + 2)]; };
  std::vector<int64_t> found(8, 0);
  for (int64_t i = 0; i < 60; i++) found[size_t(code(i))]++;
  int64_t distinct = 0, wrong = 0;
  for (int64_t c = 0; c < 8; c++) {
    if (!found[size_t(c)]) continue;
    wrong += code(int64_t(at[size_t(distinct)])) != double(c) || size[size_t(distinct)] != double(found[size_t(c)]);
    for (int64_t i = 0; i < 60; i++) wrong += (code(i) == double(c)) != (back[size_t(i)] == double(distinct));
    distinct++;
  }
  CHECK(wrong == 0 && Machine::values(number)[0] == double(distinct), "%s rows type %d: %lld", isaName(isa), int(type),
        (long long)wrong);
}

}  // namespace

int main() {
  for (Isa isa : isas())
    for (DType type : kTypes) {
      for (const Case& c : kCases)
        for (int kind : {0, 1, 2}) {
          if (c.shape.size() && c.shape.back() > 70000 && kind == 2) continue;
          testSort(isa, c, type, kind);
          testKth(isa, c, type, kind);
        }
      testRuns(isa, type);
      testRows(isa, type);
      testSearch(isa, type);
    }
  return finish("sort");
}
