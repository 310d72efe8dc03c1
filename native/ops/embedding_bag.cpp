#include "embedding_bag.h"

#include <algorithm>

namespace nabla::ops {

namespace {

enum Mode : int64_t { kSum = 0, kMean = 1, kMax = 2 };

constexpr int64_t kWork = 32768;  // elements per chunk

// The list of indices and where each bag of it begins.
struct Bags {
  const int64_t *indices, *offsets;
  int64_t n, bags, padding;

  int64_t begin(int64_t bag) const { return offsets[bag]; }
  int64_t end(int64_t bag) const { return bag + 1 < bags ? offsets[bag + 1] : n; }
  // The indices of a bag that count.
  int64_t count(int64_t bag) const {
    int64_t result = 0;
    for (int64_t i = begin(bag); i < end(bag); i++) result += indices[i] != padding;
    return result;
  }
  // 1 through the size of the bag for means.
  double scale(int64_t bag, int64_t mode) const {
    const int64_t size = mode == kMean ? count(bag) : 1;
    return size > 0 ? 1.0 / static_cast<double>(size) : 0;
  }
  bool checkOffsets(Exec& exec) const {
    int64_t before = 0;
    for (int64_t bag = 0; bag < bags; bag++) {
      const int64_t at = offsets[bag];
      if (at >= before && at <= n && (bag > 0 || at == 0)) {
        before = at;
        continue;
      }
      exec.fail("offset %lld of bag %lld is wrong: offsets start at 0, rise, and end at %lld at most",
                static_cast<long long>(at), static_cast<long long>(bag), static_cast<long long>(n));
      return false;
    }
    return true;
  }
  bool checkIndices(Exec& exec, int64_t bag, int64_t rows) const {
    for (int64_t i = begin(bag); i < end(bag); i++) {
      if (indices[i] >= 0 && indices[i] < rows) continue;
      exec.fail("index %lld is out of range for axis 0 of size %lld", static_cast<long long>(indices[i]),
                static_cast<long long>(rows));
      return false;
    }
    return true;
  }
  bool check(Exec& exec, int64_t rows) const {
    if (!checkOffsets(exec)) return false;
    for (int64_t bag = 0; bag < bags; bag++)
      if (!checkIndices(exec, bag, rows)) return false;
    return true;
  }
  int64_t perChunk(int64_t width) const {
    const int64_t work = std::max<int64_t>(1, n / std::max<int64_t>(1, bags)) * std::max<int64_t>(1, width);
    return std::max<int64_t>(1, kWork / work);
  }
};

// The bag of each index.
void fillBags(const Bags& b, int64_t* bagOf) {
  for (int64_t bag = 0; bag < b.bags; bag++) std::fill(bagOf + b.begin(bag), bagOf + b.end(bag), bag);
}

// Positions of the list by ranges of 2^shift rows, in the order of the list within each; `starts` has one more entry.
void sortByRange(const Bags& b, int shift, int64_t ranges, int64_t* order, int64_t* starts) {
  std::fill(starts, starts + ranges + 1, 0);
  for (int64_t i = 0; i < b.n; i++) starts[(b.indices[i] >> shift) + 1]++;
  for (int64_t r = 0; r < ranges; r++) starts[r + 1] += starts[r];
  for (int64_t i = 0; i < b.n; i++) order[starts[b.indices[i] >> shift]++] = i;
  for (int64_t r = ranges; r > 0; r--) starts[r] = starts[r - 1];
  starts[0] = 0;
}

// The gradient of the table, a range of rows per chunk.
struct TableGradient {
  Bags bags;
  void (*add)(void* out, const void* row, double factor, int64_t n);
  char *gradient, *gradOut;
  const char* factors;
  int64_t *order, *starts, *bagOf;
  double* scales;
  int64_t stepOut, width, rows, rowsPerRange, item;
  bool isDouble, byFrequency;

  double factor(int64_t i) const {
    if (!factors) return scales[bagOf[i]];
    const double own = isDouble ? reinterpret_cast<const double*>(factors)[i]
                                : static_cast<double>(reinterpret_cast<const float*>(factors)[i]);
    return own * scales[bagOf[i]];
  }
  void run(int64_t range) const {
    const int64_t first = range * rowsPerRange, last = std::min(rows, first + rowsPerRange);
    std::memset(gradient + first * width * item, 0, static_cast<size_t>((last - first) * width * item));
    int64_t* counts = nullptr;
    if (byFrequency) {
      counts = static_cast<int64_t*>(ThreadPool::threadScratch(static_cast<size_t>(rowsPerRange) * sizeof(int64_t)));
      std::fill(counts, counts + rowsPerRange, 0);
      for (int64_t k = starts[range]; k < starts[range + 1]; k++) counts[bags.indices[order[k]] - first]++;
    }
    for (int64_t k = starts[range]; k < starts[range + 1]; k++) {
      const int64_t i = order[k], row = bags.indices[i];
      if (row == bags.padding) continue;
      const double f = byFrequency ? factor(i) / static_cast<double>(counts[row - first]) : factor(i);
      add(gradient + row * width * item, gradOut + bagOf[i] * stepOut * item, f, width);
    }
  }
};

Bags bagsOf(const Tensor& indices, const Tensor& offsets, int64_t bags, int64_t padding) {
  return {indices.ptr<int64_t>(), offsets.ptr<int64_t>(), indices.numel(), bags, padding};
}

}  // namespace

void embeddingBag(Context& ctx, const Tensor& out, const Tensor* from, const Tensor& weight, const Tensor& indices,
                  const Tensor& offsets, const Tensor* factors, int64_t mode, int64_t padding) {
  const Bags bags = bagsOf(indices, offsets, out.shape[0], padding);
  const cpu::BagTable table{weight.data, weight.strides[0], weight.shape[1]};
  const int64_t rows = weight.shape[0], perChunk = bags.perChunk(table.width);
  const auto item = static_cast<int64_t>(itemSize(out.dtype));
  const bool isDouble = out.dtype == DType::kFloat64;
  const auto* kernels = &ctx.kernels.embedding_bag;
  const Tensor* outs[] = {&out, from};
  const Tensor* ins[] = {&weight, &indices, &offsets, factors};
  ctx.stream.enqueueList("embeddingBag", outs, 2, ins, 4,
                         [=, to = out.data, rowOf = from ? from->ptr<int64_t>() : nullptr,
                          factor = factors ? factors->data : nullptr](Exec& exec) {
                           if (!bags.checkOffsets(exec)) return;
                           exec.parallelFor(ceilDiv(bags.bags, perChunk), [&](int64_t chunk) {
                             const int64_t last = std::min(bags.bags, (chunk + 1) * perChunk);
                             for (int64_t b = chunk * perChunk; b < last; b++) {
                               if (!bags.checkIndices(exec, b, rows)) return;
                               const int64_t begin = bags.begin(b);
                               const cpu::Bag bag{bags.indices + begin, factor ? factor + begin * item : nullptr,
                                                  bags.end(b) - begin, padding};
                               char* row = to + b * table.width * item;
                               if (mode == kMax)
                                 kernels->max[isDouble](table, bag, row, rowOf + b * table.width);
                               else
                                 kernels->sum[isDouble](table, bag, bags.scale(b, mode), row);
                             }
                           });
                         });
}

void embeddingBagBackward(Context& ctx, const Tensor& gradWeight, const Tensor& gradOut, const Tensor& indices,
                          const Tensor& offsets, const Tensor* factors, int64_t mode, int64_t padding,
                          bool byFrequency) {
  if (gradWeight.numel() == 0) return;
  const Bags bags = bagsOf(indices, offsets, gradOut.shape[0], padding);
  const int64_t rows = gradWeight.shape[0], width = gradWeight.shape[1];
  int shift = 0;
  while (width << (shift + 1) <= kWork) shift++;
  const int64_t perRange = int64_t{1} << shift, ranges = ceilDiv(rows, perRange);
  const Scratch scratch = ctx.scratch(static_cast<size_t>(2 * bags.n + ranges + 1 + bags.bags) * sizeof(int64_t));
  int64_t* order = scratch.as<int64_t>();
  int64_t *starts = order + bags.n, *bagOf = starts + ranges + 1;
  double* scales = reinterpret_cast<double*>(bagOf + bags.n);
  const bool isDouble = gradWeight.dtype == DType::kFloat64;
  const TableGradient task{bags,
                           ctx.kernels.embedding_bag.add[isDouble],
                           gradWeight.data,
                           gradOut.data,
                           factors ? factors->data : nullptr,
                           order,
                           starts,
                           bagOf,
                           scales,
                           gradOut.strides[0],
                           width,
                           rows,
                           perRange,
                           static_cast<int64_t>(itemSize(gradWeight.dtype)),
                           isDouble,
                           byFrequency};
  const Tensor* outs[] = {&gradWeight};
  const Tensor* ins[] = {&gradOut, &indices, &offsets, factors};
  ctx.stream.enqueueList("embeddingBagBackward", outs, 1, ins, 4, [=](Exec& exec) {
    if (!task.bags.check(exec, task.rows)) return;
    fillBags(task.bags, task.bagOf);
    sortByRange(task.bags, shift, ranges, task.order, task.starts);
    for (int64_t b = 0; b < task.bags.bags; b++) task.scales[b] = task.bags.scale(b, mode);
    exec.parallelFor(ranges, [&](int64_t range) { task.run(range); });
  });
}

void embeddingBagFactors(Context& ctx, const Tensor& gradFactors, const Tensor& gradOut, const Tensor& weight,
                         const Tensor& indices, const Tensor& offsets, int64_t padding) {
  const Bags bags = bagsOf(indices, offsets, gradOut.shape[0], padding);
  const int64_t perChunk = bags.perChunk(weight.shape[1]), width = weight.shape[1];
  const auto item = static_cast<int64_t>(itemSize(weight.dtype));
  const bool isDouble = weight.dtype == DType::kFloat64;
  const auto dot = ctx.kernels.embedding_bag.dot[isDouble];
  ctx.stream.enqueue(
      "embeddingBagFactors", {&gradFactors}, {&gradOut, &weight, &indices, &offsets},
      [=, to = gradFactors.data, g = gradOut.data, table = weight.data, stepG = gradOut.strides[0] * item,
       stepW = weight.strides[0] * item, rows = weight.shape[0]](Exec& exec) {
        if (!bags.check(exec, rows)) return;
        exec.parallelFor(ceilDiv(bags.bags, perChunk), [&](int64_t chunk) {
          const int64_t last = std::min(bags.bags, (chunk + 1) * perChunk);
          for (int64_t b = chunk * perChunk; b < last; b++) {
            for (int64_t i = bags.begin(b); i < bags.end(b); i++) {
              const int64_t row = bags.indices[i];
              const double value = row == padding ? 0 : dot(g + b * stepG, table + row * stepW, width);
              if (isDouble)
                reinterpret_cast<double*>(to)[i] = value;
              else
                reinterpret_cast<float*>(to)[i] = static_cast<float>(value);
            }
          }
        });
      });
}

}  // namespace nabla::ops
