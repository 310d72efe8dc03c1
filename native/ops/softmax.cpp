#include "softmax.h"

#include <algorithm>

namespace nabla::ops {

namespace {

enum Reduction : int64_t { kNone = 0, kMean = 1, kSum = 2 };

// What lies beside dimension `dim`, merged where all tensors allow it. Sorted: rows may come in any order, so the one
// that is best for memory; otherwise in the order of the shape.
cpu::SoftmaxRows rowsOf(int64_t dim, bool sorted, const Tensor& a, const Tensor& b, const Tensor& out) {
  const Tensor* tensors[3] = {&a, &b, &out};
  cpu::SoftmaxRows s{};
  s.length = a.ndim ? a.shape[dim] : 1;
  for (int t = 0; t < 3; t++) s.step[t] = a.ndim && s.length > 1 ? tensors[t]->strides[dim] : 1;
  int order[kMaxDims], count = 0;
  for (int i = 0; i < a.ndim; i++)
    if (i != dim && a.shape[i] != 1) order[count++] = i;
  if (sorted) std::stable_sort(order, order + count, [&](int i, int j) { return a.strides[i] > a.strides[j]; });
  for (int k = 0; k < count; k++) {
    const int i = order[k], last = s.ndim - 1;
    bool merge = last >= 0;
    for (int t = 0; merge && t < 3; t++) merge = s.strides[t][last] == tensors[t]->strides[i] * a.shape[i];
    const int d = merge ? last : s.ndim++;
    s.shape[d] = merge ? s.shape[d] * a.shape[i] : a.shape[i];
    for (int t = 0; t < 3; t++) s.strides[t][d] = tensors[t]->strides[i];
  }
  return s;
}

struct Split {
  int64_t rows, rowsPerChunk, chunks;
  size_t scratchBytes;
  Split(const cpu::SoftmaxRows& s, int64_t itemSize) : rows(1) {
    constexpr int64_t kGrain = 32 * 1024;
    for (int i = 0; i < s.ndim; i++) rows *= s.shape[i];
    rowsPerChunk = ceilDiv(std::max<int64_t>(1, kGrain / std::max<int64_t>(1, s.length)), 16) * 16;
    if (s.length >= kGrain / 16) rowsPerChunk = std::max<int64_t>(1, kGrain / s.length);
    chunks = ceilDiv(rows, rowsPerChunk);
    const bool direct = s.step[0] == 1 && s.step[1] == 1 && s.step[2] == 1;
    const int64_t bytes = s.length <= cpu::kSoftmaxTile ? 3 * 64 * s.length : direct ? 0 : 3 * s.length * itemSize;
    scratchBytes = static_cast<size_t>(bytes);
  }
  // f(first row, end, scratch, chunk)
  template <class F>
  void run(Exec& exec, F f) const {
    exec.parallelFor(chunks, [&](int64_t chunk) {
      void* scratch = scratchBytes ? ThreadPool::threadScratch(scratchBytes) : nullptr;
      f(chunk * rowsPerChunk, std::min(rows, (chunk + 1) * rowsPerChunk), scratch, chunk);
    });
  }
};

cpu::CrossEntropy describe(const Tensor& target, const Tensor* weight, int64_t ignoreIndex, double smoothing) {
  const int kind = target.dtype == DType::kInt64 ? 0 : target.dtype == DType::kInt32 ? 1 : 2;
  return {target.data, kind, weight ? weight->data : nullptr, 0, ignoreIndex, smoothing};
}

template <class T>
double weightSum(const cpu::CrossEntropy& c, int64_t classes) {
  if (!c.weight) return static_cast<double>(classes);
  double sum = 0;
  for (int64_t i = 0; i < classes; i++) sum += static_cast<double>(static_cast<const T*>(c.weight)[i]);
  return sum;
}

struct CrossEntropyForward {
  const cpu::SoftmaxKernels* kernels;
  cpu::SoftmaxRows rows;
  Split split;
  cpu::CrossEntropy entropy;
  cpu::CrossEntropyPart* parts;
  char *x, *lse, *loss, *totalWeight;
  int64_t reduction;

  template <class T>
  void run(Exec& exec, int kind) const {
    cpu::CrossEntropy c = entropy;
    c.weightSum = weightSum<T>(c, rows.length);
    split.run(exec, [&](int64_t row0, int64_t row1, void* scratch, int64_t chunk) {
      kernels->crossEntropy[kind](rows, c, x, lse, reduction == kNone ? loss : nullptr, row0, row1, scratch,
                                  parts + chunk);
    });
    double sum = 0, weight = 0;
    for (int64_t i = 0; i < split.chunks; i++) {
      if (parts[i].bad)
        return exec.fail("class index %lld is out of range [0, %lld)", static_cast<long long>(parts[i].badClass),
                         static_cast<long long>(rows.length));
      sum += parts[i].loss;
      weight += parts[i].weight;
    }
    *reinterpret_cast<T*>(totalWeight) = static_cast<T>(weight);
    if (reduction != kNone) *reinterpret_cast<T*>(loss) = static_cast<T>(reduction == kMean ? sum / weight : sum);
  }
};

struct CrossEntropyBackward {
  const cpu::SoftmaxKernels* kernels;
  cpu::SoftmaxRows rows;
  Split split;
  cpu::CrossEntropy entropy;
  char *x, *lse, *gradX, *gradLoss, *totalWeight;
  int64_t reduction;

  template <class T>
  void run(Exec& exec, int kind) const {
    cpu::CrossEntropy c = entropy;
    c.weightSum = weightSum<T>(c, rows.length);
    double scale = 1;
    if (reduction != kNone) scale = static_cast<double>(*reinterpret_cast<const T*>(gradLoss));
    if (reduction == kMean) scale /= static_cast<double>(*reinterpret_cast<const T*>(totalWeight));
    split.run(exec, [&](int64_t row0, int64_t row1, void* scratch, int64_t) {
      kernels->crossEntropyBackward[kind](rows, c, x, lse, gradX, reduction == kNone ? gradLoss : nullptr, scale, row0,
                                          row1, scratch);
    });
  }
};

}  // namespace

void softmax(Context& ctx, const Tensor& out, const Tensor& x, int64_t dim, bool log) {
  if (x.numel() == 0) return;
  const auto rows = rowsOf(dim, true, x, x, out);
  const Split split(rows, static_cast<int64_t>(itemSize(x.dtype)));
  const auto kernel = ctx.kernels.softmax.softmax[x.dtype == DType::kFloat64];
  ctx.stream.enqueue(log ? "logSoftmax" : "softmax", {&out}, {&x}, [=, from = x.data, to = out.data](Exec& exec) {
    split.run(exec, [&](int64_t row0, int64_t row1, void* scratch, int64_t) {
      kernel(rows, from, to, log, row0, row1, scratch);
    });
  });
}

void softmaxBackward(Context& ctx, const Tensor& gradX, const Tensor& gradOut, const Tensor& out, int64_t dim,
                     bool log) {
  if (gradX.numel() == 0) return;
  const auto rows = rowsOf(dim, true, gradOut, out, gradX);
  const Split split(rows, static_cast<int64_t>(itemSize(gradX.dtype)));
  const auto kernel = ctx.kernels.softmax.backward[gradX.dtype == DType::kFloat64];
  ctx.stream.enqueue(log ? "logSoftmaxBackward" : "softmaxBackward", {&gradX}, {&gradOut, &out},
                     [=, g = gradOut.data, y = out.data, to = gradX.data](Exec& exec) {
                       split.run(exec, [&](int64_t row0, int64_t row1, void* scratch, int64_t) {
                         kernel(rows, g, y, to, log, row0, row1, scratch);
                       });
                     });
}

void crossEntropy(Context& ctx, const Tensor& loss, const Tensor& lse, const Tensor& totalWeight, const Tensor& x,
                  const Tensor& target, const Tensor* weight, int64_t ignoreIndex, double labelSmoothing,
                  int64_t reduction) {
  const auto rows = rowsOf(1, false, x, x, x);
  const Split split(rows, static_cast<int64_t>(itemSize(x.dtype)));
  const Scratch scratch = ctx.scratch(static_cast<size_t>(split.chunks) * sizeof(cpu::CrossEntropyPart));
  const CrossEntropyForward task{&ctx.kernels.softmax,
                                 rows,
                                 split,
                                 describe(target, weight, ignoreIndex, labelSmoothing),
                                 scratch.as<cpu::CrossEntropyPart>(),
                                 x.data,
                                 lse.data,
                                 loss.data,
                                 totalWeight.data,
                                 reduction};
  const int kind = x.dtype == DType::kFloat64;
  const Tensor* outs[] = {&loss, &lse, &totalWeight};
  const Tensor* ins[] = {&x, &target, weight};
  ctx.stream.enqueueList("crossEntropy", outs, 3, ins, 3, [task, kind](Exec& exec) {
    kind ? task.run<double>(exec, kind) : task.run<float>(exec, kind);
  });
}

void crossEntropyBackward(Context& ctx, const Tensor& gradX, const Tensor& gradLoss, const Tensor& x, const Tensor& lse,
                          const Tensor& target, const Tensor* weight, const Tensor& totalWeight, int64_t ignoreIndex,
                          double labelSmoothing, int64_t reduction) {
  if (gradX.numel() == 0) return;
  const auto rows = rowsOf(1, false, x, x, gradX);
  const Split split(rows, static_cast<int64_t>(itemSize(x.dtype)));
  const CrossEntropyBackward task{&ctx.kernels.softmax,
                                  rows,
                                  split,
                                  describe(target, weight, ignoreIndex, labelSmoothing),
                                  x.data,
                                  lse.data,
                                  gradX.data,
                                  gradLoss.data,
                                  totalWeight.data,
                                  reduction};
  const int kind = x.dtype == DType::kFloat64;
  const Tensor* outs[] = {&gradX};
  const Tensor* ins[] = {&gradLoss, &x, &lse, &target, weight, &totalWeight};
  ctx.stream.enqueueList("crossEntropyBackward", outs, 1, ins, 6, [task, kind](Exec& exec) {
    kind ? task.run<double>(exec, kind) : task.run<float>(exec, kind);
  });
}

}  // namespace nabla::ops
