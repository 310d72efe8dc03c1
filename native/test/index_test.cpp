// gather, scatterAdd, indexSelect, indexAdd, oneHot, cat against plain loops.
#include "ops/index.h"

#include "harness.h"

using namespace nabla;
using namespace nabla::test;

namespace {

using Shape = std::vector<int64_t>;

constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt32,
                            DType::kInt64,   DType::kUint8,   DType::kBool};

struct Layout {
  Shape shape;
  int64_t dim, indexSize;         // size of dim in the index
  std::vector<int> order, other;  // memory order of one tensor and of the others
  int64_t gap;
};

const Layout kLayouts[] = {
    {{5}, 0, 9, {}, {}, 1},
    {{1}, 0, 1, {}, {}, 1},
    {{40000}, 0, 50000, {}, {}, 2},
    {{0, 3}, 1, 2, {}, {}, 1},
    {{4, 3}, 0, 0, {}, {}, 1},
    {{700, 10}, 1, 1, {0, 1}, {1, 0}, 1},
    {{10, 700}, 0, 90, {0, 1}, {0, 1}, 1},
    {{333, 129}, 1, 40, {1, 0}, {0, 1}, 2},
    {{3, 17, 5, 7}, 1, 6, {0, 2, 3, 1}, {0, 1, 2, 3}, 1},
    {{3, 17, 5, 7}, 3, 11, {0, 1, 2, 3}, {0, 2, 3, 1}, 1},
    {{2, 1, 3, 1, 4, 2, 1, 3}, 4, 5, {7, 6, 5, 4, 3, 2, 1, 0}, {}, 3},
    {{50, 1000}, 0, 200, {}, {}, 1},
};

// Sums that are exact in every type, so that only the places count; wrapped as the type wraps.
double wrapped(DType type, double x) {
  if (type == DType::kUint8) return static_cast<uint8_t>(static_cast<int64_t>(x));
  return type == DType::kBool ? x != 0 : x;
}

Tensor wholeNumbers(Machine& m, DType type, Shape shape, std::vector<int> order, int64_t gap, double high = 9) {
  const Tensor t = m.random(type, shape, order, gap, 0, high);
  Machine::each(t, [&](const int64_t*, char* p) { write(type, p, std::round(read(type, p))); });
  return t;
}

Tensor indices(Machine& m, DType type, Shape shape, std::vector<int> order, int64_t gap, int64_t size) {
  return m.random(type, shape, order, gap, -0.49, static_cast<double>(size) - 0.51);
}

int64_t indexAt(const Tensor& index, const int64_t* at) {
  return static_cast<int64_t>(Machine::value(index, at, index.ndim));
}

void testGather(Machine& m, const Layout& l, DType type, DType indexType) {
  Shape shape = l.shape;
  shape[l.dim] = l.indexSize;
  const Tensor a = m.random(type, l.shape, l.order, l.gap, 0, 100);
  const Tensor index = indices(m, indexType, shape, l.other, l.gap, l.shape[l.dim]);
  const Tensor out = m.make(type, shape, l.other);
  ops::gather(m.ctx, out, a, l.dim, index, false, 3);
  m.wait();
  Machine::each(out, [&](const int64_t* at, const char* p) {
    int64_t from[kMaxDims];
    std::copy(at, at + kMaxDims, from);
    from[l.dim] = indexAt(index, at);
    CHECK(read(type, p) == read(type, Machine::at(a, from, a.ndim)), "gather");
  });
}

void testIndexSelect(Machine& m, const Layout& l, DType type, DType indexType) {
  Shape shape = l.shape;
  shape[l.dim] = l.indexSize;
  const Tensor a = m.random(type, l.shape, l.other, 1, 0, 100);
  const Tensor index = indices(m, indexType, {l.indexSize}, {}, l.gap, l.shape[l.dim]);
  const Tensor out = m.make(type, shape, l.order, l.gap);
  ops::indexSelect(m.ctx, out, a, l.dim, index);
  m.wait();
  Machine::each(out, [&](const int64_t* at, const char* p) {
    int64_t from[kMaxDims];
    std::copy(at, at + kMaxDims, from);
    from[l.dim] = indexAt(index, at + l.dim);
    CHECK(read(type, p) == read(type, Machine::at(a, from, a.ndim)), "indexSelect");
  });
}

// Rows that are written past the caches: the same bits.
void testStreamedRows(Machine& m, DType type, DType indexType) {
  const size_t usual = m.ctx.streamedBytes;
  for (int64_t width : {16, 64, 1040, 40000}) {
    const Tensor a = m.random(type, {50, width}, {}, 1, 0, 100);
    const Tensor index = indices(m, indexType, {37}, {}, 1, 50), list[] = {index};
    const int64_t dims[] = {0};
    std::vector<double> results[2][2];
    for (int streamed : {0, 1}) {
      m.ctx.streamedBytes = streamed ? 1 : SIZE_MAX;
      const Tensor out = m.make(type, {37, width}), again = m.make(type, {37, width});
      ops::indexSelect(m.ctx, out, a, 0, index);
      ops::index(m.ctx, again, a, dims, list, false, 0);
      m.wait();
      results[streamed][0] = Machine::values(out);
      results[streamed][1] = Machine::values(again);
    }
    for (int i : {0, 1}) CHECK(same(results[0][i], results[1][i]), "streamed rows of %lld", (long long)width);
    CHECK(same(results[0][0], results[0][1]), "rows of %lld", (long long)width);
  }
  m.ctx.streamedBytes = usual;
}

// What adding `src` to `before` gives; `where` names the target index of an element of src.
template <class F>
std::vector<double> added(const Tensor& out, const Tensor& src, int64_t dim, F where) {
  std::vector<double> sums = Machine::values(out);
  Machine::each(src, [&](const int64_t* at, const char* p) {
    int64_t place = 0;
    for (int d = 0; d < out.ndim; d++) place = place * out.shape[d] + (d == dim ? where(at) : at[d]);
    sums[place] = wrapped(out.dtype, sums[place] + read(src.dtype, p));
  });
  return sums;
}

void testScatterAdd(Machine& m, const Layout& l, DType type, DType indexType) {
  Shape shape = l.shape, larger = l.shape;
  shape[l.dim] = l.indexSize;
  larger[l.dim] = l.indexSize + 2;  // only the part of src that the index covers counts
  const Tensor out = wholeNumbers(m, type, l.shape, l.order, 1);
  const Tensor index = indices(m, indexType, shape, l.other, l.gap, l.shape[l.dim]);
  Tensor src = wholeNumbers(m, type, larger, l.other, l.gap);
  Tensor used = src;
  used.shape[l.dim] = l.indexSize;
  const std::vector<double> expected = added(out, used, l.dim, [&](const int64_t* at) { return indexAt(index, at); });
  ops::scatter(m.ctx, out, l.dim, index, src, cpu::kScatterAdd, 12);
  m.wait();
  CHECK(same(Machine::values(out), expected), "scatterAdd dim %d", static_cast<int>(l.dim));
}

// Rows [elements of the index, ...] of a source that has the index at `dim`.
Tensor rowsFirst(const Tensor& src, int64_t dim) {
  Tensor rows = src;
  for (int64_t d = dim; d > 0; d--) {
    std::swap(rows.shape[d], rows.shape[d - 1]);
    std::swap(rows.strides[d], rows.strides[d - 1]);
  }
  return rows;
}

void indexAdd(Machine& m, const Tensor& out, int64_t dim, const Tensor& index, const Tensor& src) {
  const int64_t dims[] = {dim};
  ops::indexPut(m.ctx, out, dims, {&index, 1}, rowsFirst(src, dim), cpu::kScatterAdd, false, 7);
}

void testIndexAdd(Machine& m, const Layout& l, DType type, DType indexType) {
  Shape shape = l.shape;
  shape[l.dim] = l.indexSize;
  const Tensor out = wholeNumbers(m, type, l.shape, l.other, l.gap);
  const Tensor index = indices(m, indexType, {l.indexSize}, {}, l.gap, l.shape[l.dim]);
  const Tensor src = wholeNumbers(m, type, shape, l.order, 1);
  const std::vector<double> expected =
      added(out, src, l.dim, [&](const int64_t* at) { return indexAt(index, at + l.dim); });
  indexAdd(m, out, l.dim, index, src);
  m.wait();
  CHECK(same(Machine::values(out), expected), "indexAdd dim %d", static_cast<int>(l.dim));
}

double applied(DType type, int mode, double a, double b) {
  if (type == DType::kBool)
    return mode == cpu::kScatterSet ? b : mode == cpu::kScatterMul || mode == cpu::kScatterMin ? a && b : a || b;
  switch (mode) {
    case cpu::kScatterSet:
      return b;
    case cpu::kScatterAdd:
      return wrapped(type, a + b);
    case cpu::kScatterMul:
      return wrapped(type, a * b);
    case cpu::kScatterMax:
      return std::max(a, b);
    default:
      return std::min(a, b);
  }
}

// Two indices of two dimensions each, some negative, for every mode; small enough that products stay exact.
void testIndexPut(Machine& m, DType type, int mode, std::vector<int> order, bool many) {
  const Shape shape = many ? Shape{9, 40, 7} : Shape{5, 3, 4};
  const Shape list = many ? Shape{500, 9} : Shape{2, 3};
  const Tensor out = wholeNumbers(m, type, shape, order, 1, 3);
  Tensor index[] = {m.random(DType::kInt64, list, {1, 0}, 1, -shape[0] + 0.0, shape[0] - 1.0),
                    m.random(DType::kInt32, list, {0, 1}, 2, -shape[2] + 0.0, shape[2] - 1.0)};
  const int64_t n = list[0] * list[1];
  const Tensor src = wholeNumbers(m, type, {n, shape[1]}, {1, 0}, 1, mode == cpu::kScatterMul ? 1 : 3);
  std::vector<double> expected = Machine::values(out);
  int64_t row = 0;
  Machine::each(index[0], [&](const int64_t* at, const char*) {
    const int64_t i = (indexAt(index[0], at) + shape[0]) % shape[0], k = (indexAt(index[1], at) + shape[2]) % shape[2];
    for (int64_t j = 0; j < shape[1]; j++) {
      const int64_t from[] = {row, j};
      double& place = expected[(i * shape[1] + j) * shape[2] + k];
      place = applied(type, mode, place, Machine::value(src, from, 2));
    }
    row++;
  });
  const int64_t dims[] = {0, 2};
  ops::indexPut(m.ctx, out, dims, index, src, mode, true, 5);
  Tensor found = m.make(type, {list[0], list[1], shape[1]});
  ops::index(m.ctx, found, out, dims, index, true, 0);
  m.wait();
  CHECK(same(Machine::values(out), expected), "indexPut mode %d, type %d", mode, static_cast<int>(type));
  Machine::each(found, [&](const int64_t* at, const char* p) {
    const int64_t i = (indexAt(index[0], at) + shape[0]) % shape[0], k = (indexAt(index[1], at) + shape[2]) % shape[2];
    CHECK(read(type, p) == expected[(i * shape[1] + at[2]) * shape[2] + k], "index");
  });
}

void testNonzero(Machine& m) {
  for (const Shape& shape : {Shape{0}, Shape{1}, Shape{70001}, Shape{3, 0, 2}, Shape{7, 1, 5, 33}, Shape{300, 301}}) {
    for (const double share : {0.0, 0.02, 0.6, 1.0}) {
      const Tensor mask = m.make(DType::kBool, shape);
      std::uniform_real_distribution<double> real(0, 1);
      Machine::each(mask, [&](const int64_t*, char* p) { *p = real(m.generator) < share; });
      const int64_t n = mask.numel(), blocks = ceilDiv(n, ops::kMaskBlock);
      const Tensor counts = m.make(DType::kInt64, {blocks + 1});
      ops::maskCounts(m.ctx, counts, mask);
      m.wait();
      const int64_t total = counts.ptr<int64_t>()[blocks];
      const int ndim = static_cast<int>(shape.size());
      const Tensor places = m.make(DType::kInt64, {total}), at = m.make(DType::kInt64, {total, ndim}, {1, 0});
      ops::maskPositions(m.ctx, places, mask, counts);
      ops::unravel(m.ctx, at, places, shape);
      m.wait();
      int64_t k = 0, flat = 0;
      Machine::each(mask, [&](const int64_t* index, const char* p) {
        if (*p && k < total) {
          CHECK(places.ptr<int64_t>()[k] == flat, "position %d", static_cast<int>(k));
          for (int64_t d = 0; d < ndim; d++) {
            const int64_t cell[] = {k, d};
            CHECK(Machine::value(at, cell, 2) == static_cast<double>(index[d]), "coordinate");
          }
        }
        k += *p != 0;
        flat++;
      });
      CHECK(k == total, "%d true elements", static_cast<int>(k));
    }
  }
}

void testCat(Machine& m, const Layout& l, DType type) {
  std::vector<Tensor> parts;
  Shape whole = l.shape;
  whole[l.dim] = 0;
  for (int64_t extra : {0, 2, -1000000, 1}) {
    Shape shape = l.shape;
    shape[l.dim] = std::max<int64_t>(0, l.shape[l.dim] + extra);
    whole[l.dim] += shape[l.dim];
    parts.push_back(m.random(type, shape, parts.size() % 2 ? l.order : l.other, l.gap, 0, 200));
  }
  const Tensor out = m.make(type, whole, l.order);
  ops::cat(m.ctx, out, parts, l.dim);
  m.wait();
  Machine::each(out, [&](const int64_t* at, const char* p) {
    int64_t from[kMaxDims];
    std::copy(at, at + kMaxDims, from);
    size_t part = 0;
    while (from[l.dim] >= parts[part].shape[l.dim]) from[l.dim] -= parts[part++].shape[l.dim];
    CHECK(read(type, p) == read(type, Machine::at(parts[part], from, out.ndim)), "cat");
  });
}

void testOneHot(Machine& m, DType indexType) {
  for (const Shape& shape : {Shape{}, Shape{0}, Shape{70000}, Shape{3, 5, 7}}) {
    for (int64_t classes : {1, 10}) {
      const int n = static_cast<int>(shape.size());
      std::vector<int> order, across;
      for (int d = 0; d < n; d++) order.push_back(n - 1 - d);
      for (int d = 0; d <= n; d++) across.push_back(n - d);
      Shape full = shape;
      full.push_back(classes);
      const Tensor index = indices(m, indexType, shape, order, 2, classes);
      const Tensor out = m.random(DType::kInt64, full, classes == 1 ? across : std::vector<int>{}, 1, 5, 9);
      ops::oneHot(m.ctx, out, index);
      m.wait();
      Machine::each(out, [&](const int64_t* at, const char* p) {
        CHECK(read(DType::kInt64, p) == (at[n] == indexAt(index, at) ? 1 : 0), "oneHot");
      });
    }
  }
}

// The error of a tensor after the stream has run, or an empty string.
std::string errorOf(Machine& m, const Tensor& t) {
  m.wait();
  const auto error = Stream::errorOf(t);
  return error ? std::string(error->op) + ": " + error->message : "";
}

void testBadIndex(Machine& m, DType indexType) {
  const Tensor a = m.random(DType::kFloat32, {10, 4});
  for (int64_t bad : {int64_t{12}, int64_t{10}, int64_t{-1}}) {
    const std::string text = "index " + std::to_string(bad) + " is out of range for axis 0 of size 10";
    const std::string last = "index " + std::to_string(bad) + " is out of range for axis 1 of size 10";
    const Tensor list = m.make(indexType, {3}), full = m.make(indexType, {3, 4});
    write(indexType, list.data + 2 * itemSize(indexType), static_cast<double>(bad));
    write(indexType, full.data + 7 * itemSize(indexType), static_cast<double>(bad));
    const Tensor src = m.random(DType::kFloat32, {3, 4}), out = m.make(DType::kFloat32, {3, 4});
    const Tensor target = m.random(DType::kFloat32, {10, 4}), classes = m.make(DType::kInt64, {3, 10});
    ops::gather(m.ctx, out, a, 0, full, false, 3);
    CHECK(errorOf(m, out) == "gather: " + text, "%s", errorOf(m, out).c_str());
    const Tensor rows = m.make(DType::kFloat32, {3, 4});
    ops::indexSelect(m.ctx, rows, a, 0, list);
    CHECK(errorOf(m, rows) == "indexSelect: " + text, "%s", errorOf(m, rows).c_str());
    ops::scatter(m.ctx, target, 0, full, src, cpu::kScatterAdd, 12);
    CHECK(errorOf(m, target) == "scatterAdd: " + text, "%s", errorOf(m, target).c_str());
    const Tensor sums = m.random(DType::kFloat32, {10, 4});
    indexAdd(m, sums, 0, list, src);
    CHECK(errorOf(m, sums) == "indexAdd: " + text, "%s", errorOf(m, sums).c_str());
    ops::oneHot(m.ctx, classes, list);
    CHECK(errorOf(m, classes) == "oneHot: " + last, "%s", errorOf(m, classes).c_str());
  }
}

// Rounding shows the order of additions: it must be the one of a plain loop, on any number of threads.
void testOrder(Isa isa) {
  for (int threads : {1, 2, 3}) {
    Machine m(isa, threads);
    const Tensor out = m.make(DType::kFloat32, {13, 300}), src = m.random(DType::kFloat32, {2000, 300});
    const Tensor index = indices(m, DType::kInt64, {2000}, {}, 1, 13);
    std::vector<float> expected(13 * 300);
    for (int64_t i = 0; i < 2000; i++)
      for (int64_t j = 0; j < 300; j++) expected[index.ptr<int64_t>()[i] * 300 + j] += src.ptr<float>()[i * 300 + j];
    indexAdd(m, out, 0, index, src);
    m.wait();
    CHECK(std::memcmp(expected.data(), out.data, expected.size() * sizeof(float)) == 0, "%d threads", threads);
  }
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    Machine m(isa, 2);
    for (const Layout& l : kLayouts) {
      for (DType type : kTypes) {
        for (DType indexType : {DType::kInt32, DType::kInt64}) {
          testGather(m, l, type, indexType);
          testIndexSelect(m, l, type, indexType);
          testScatterAdd(m, l, type, indexType);
          testIndexAdd(m, l, type, indexType);
        }
        testCat(m, l, type);
      }
    }
    for (DType indexType : {DType::kInt32, DType::kInt64}) {
      testOneHot(m, indexType);
      testBadIndex(m, indexType);
    }
    testOrder(isa);
    testNonzero(m);
    for (DType type : kTypes)
      for (DType indexType : {DType::kInt32, DType::kInt64}) testStreamedRows(m, type, indexType);
    for (DType type : kTypes)
      for (int mode = 0; mode < cpu::kScatterModes; mode++)
        for (const bool many : {false, true}) {
          testIndexPut(m, type, mode, {}, many);
          testIndexPut(m, type, mode, {2, 0, 1}, many);
        }
  }
  return finish("index");
}
