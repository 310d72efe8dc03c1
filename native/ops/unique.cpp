#include <algorithm>

#include "sort.h"

namespace nabla::ops {

namespace {

constexpr int64_t kBlock = 1 << 16;

struct Runs {
  const char* data = nullptr;
  int64_t n = 0, blocks = 0;
  char* values = nullptr;
  int64_t *inverse = nullptr, *lengths = nullptr, *number = nullptr;
  const int64_t* order = nullptr;
};

// Where runs start in each block is known once the blocks before are counted.
void findRuns(Exec& exec, const cpu::SortFunctions& run, const Runs& r, int64_t* before, int64_t* starts) {
  exec.parallelFor(
      r.blocks, [&](int64_t b) { before[b] = run.countRuns(r.data, b * kBlock, std::min(kBlock, r.n - b * kBlock)); });
  int64_t total = 0;
  for (int64_t b = 0; b < r.blocks; b++) {
    total += before[b];
    before[b] = total - before[b];
  }
  *r.number = total;
  exec.parallelFor(r.blocks, [&](int64_t b) {
    run.numberRuns(r.data, b * kBlock, std::min(kBlock, r.n - b * kBlock), before[b], r.values, r.inverse, r.order,
                   starts);
  });
  if (!r.lengths) return;
  exec.parallelFor(ceilDiv(total, kBlock), [&](int64_t b) {
    for (int64_t i = b * kBlock, end = std::min(i + kBlock, total); i < end; i++)
      r.lengths[i] = (i + 1 < total ? starts[i + 1] : r.n) - starts[i];
  });
}

// NaN behind all numbers, so that the order is one.
template <class T>
int compare(const T* a, const T* b, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    if (a[i] < b[i] || (b[i] != b[i] && a[i] == a[i])) return -1;
    if (b[i] < a[i] || (a[i] != a[i] && b[i] == b[i])) return 1;
  }
  return 0;
}
template <class T>
bool equal(const T* a, const T* b, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    if (a[i] != b[i]) return false;
  return true;
}

struct RowRuns {
  const void* data;
  int64_t rows, width;
  int64_t *number, *first, *inverse, *counts;
};

template <class T>
void findRows(const RowRuns& r, bool sorted, int64_t* order) {
  const T* data = static_cast<const T*>(r.data);
  const auto row = [&](int64_t i) { return data + i * r.width; };
  for (int64_t i = 0; i < r.rows; i++) order[i] = i;
  if (sorted)
    std::sort(order, order + r.rows, [&](int64_t i, int64_t j) {
      const int c = compare(row(i), row(j), r.width);
      return c < 0 || (c == 0 && i < j);
    });
  int64_t number = 0;
  for (int64_t i = 0; i < r.rows; i++) {
    if (i == 0 || !equal(row(order[i]), row(order[i - 1]), r.width)) {
      r.first[number] = order[i];
      r.counts[number] = 0;
      number++;
    }
    r.inverse[order[i]] = number - 1;
    r.counts[number - 1]++;
  }
  *r.number = number;
}

}  // namespace

void uniqueRuns(Context& ctx, const Tensor& number, const Tensor* values, const Tensor* inverse, const Tensor* counts,
                const Tensor& a, const Tensor* order) {
  Runs r;
  r.data = a.data;
  r.n = a.numel();
  r.blocks = ceilDiv(r.n, kBlock);
  r.values = values ? values->data : nullptr;
  r.inverse = inverse ? inverse->ptr<int64_t>() : nullptr;
  r.lengths = counts ? counts->ptr<int64_t>() : nullptr;
  r.number = number.ptr<int64_t>();
  r.order = order ? order->ptr<int64_t>() : nullptr;
  const cpu::SortFunctions* run = &ctx.kernels.sort.run[static_cast<int>(a.dtype)];
  const Scratch scratch = ctx.scratch(static_cast<size_t>((r.blocks + (counts ? r.n : 0) + 1) * 8));
  auto* before = scratch.as<int64_t>();
  int64_t* starts = counts ? before + r.blocks : nullptr;
  ctx.stream.enqueue("unique", {&number, values, inverse, counts}, {&a, order},
                     [=](Exec& exec) { findRuns(exec, *run, r, before, starts); });
}

void uniqueRows(Context& ctx, const Tensor& number, const Tensor& first, const Tensor& inverse, const Tensor& counts,
                const Tensor& a, bool sorted) {
  const RowRuns r{a.data,
                  a.shape[0],
                  a.shape[0] ? a.numel() / a.shape[0] : 0,
                  number.ptr<int64_t>(),
                  first.ptr<int64_t>(),
                  inverse.ptr<int64_t>(),
                  counts.ptr<int64_t>()};
  const Scratch scratch = ctx.scratch(static_cast<size_t>((r.rows + 1) * 8));
  auto* order = scratch.as<int64_t>();
  const DType dtype = a.dtype;
  ctx.stream.enqueue("unique", {&number, &first, &inverse, &counts}, {&a}, [=](Exec&) {
    switch (dtype) {
      case DType::kFloat32:
        return findRows<float>(r, sorted, order);
      case DType::kFloat64:
        return findRows<double>(r, sorted, order);
      case DType::kInt32:
        return findRows<int32_t>(r, sorted, order);
      case DType::kInt64:
        return findRows<int64_t>(r, sorted, order);
      case DType::kInt8:
        return findRows<int8_t>(r, sorted, order);
      default:
        return findRows<uint8_t>(r, sorted, order);
    }
  });
}

}  // namespace nabla::ops
