#include "optim.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <vector>

namespace nabla::ops {

namespace {

using Tensors = std::span<const Tensor>;

constexpr int64_t kChunk = 16384;  // elements of the parameters laid end to end
constexpr int kLists = 5;          // parameter, gradient and up to three states

struct Run {
  char* data[kLists];
  int64_t start;  // in the parameters of the batch laid end to end
  int dtype;
};

template <int kRuns>
struct Batch {
  int count = 0;
  int64_t total = 0;
  Run runs[kRuns];

  // The last run that starts at or before `element`; empty tensors are not in the batch.
  int find(int64_t element) const {
    return static_cast<int>(
               std::upper_bound(runs, runs + count, element, [](int64_t e, const Run& run) { return e < run.start; }) -
               runs) -
           1;
  }
};

// Calls update(run, count, addresses) for all memory of a batch, in chunks of fixed size.
template <int kRuns, class F>
void runBatch(Exec& exec, const Batch<kRuns>& batch, const F& update) {
  exec.parallelFor(ceilDiv(batch.total, kChunk), [&](int64_t chunk) {
    int64_t at = chunk * kChunk;
    const int64_t end = std::min(at + kChunk, batch.total);
    for (int r = batch.find(at); at < end; r++) {
      const Run& run = batch.runs[r];
      const int64_t runEnd = r + 1 < batch.count ? batch.runs[r + 1].start : batch.total;
      const int64_t n = std::min(end, runEnd) - at;
      void* p[kLists];
      const int64_t bytes = (at - run.start) * static_cast<int64_t>(itemSize(static_cast<DType>(run.dtype)));
      for (int l = 0; l < kLists; l++) p[l] = run.data[l] ? run.data[l] + bytes : nullptr;
      update(run.dtype, n, p);
      at += n;
    }
  });
}

// Queues parameters [begin, end) as one task. It reads all gradients, so that one poisoned gradient stops every batch.
template <int kRuns, class F>
void enqueueBatch(Context& ctx, const char* op, const Tensors* lists, size_t begin, size_t end,
                  const std::vector<const Tensor*>& gradients, F update) {
  Batch<kRuns> batch;
  std::vector<const Tensor*> outs, ins = gradients;
  for (size_t i = begin; i < end; i++) {
    Run& run = batch.runs[batch.count];
    const int64_t n = lists[0][i].numel();
    if (n == 0) continue;
    run.start = batch.total;
    run.dtype = static_cast<int>(lists[0][i].dtype);
    for (int l = 0; l < kLists; l++) {
      run.data[l] = lists[l].empty() ? nullptr : lists[l][i].data;
      if (l == 1 || lists[l].empty()) continue;
      outs.push_back(&lists[l][i]);
      ins.push_back(&lists[l][i]);
    }
    batch.total += n;
    batch.count++;
  }
  if (batch.count == 0) return;
  ctx.stream.enqueueList(
      op, outs.data(), outs.size(), ins.data(), ins.size(), [=](Exec& exec) { runBatch(exec, batch, update); },
      OnError::kKeep);
}

template <class F>
void step(Context& ctx, const char* op, std::initializer_list<Tensors> given, F update) {
  Tensors lists[kLists];
  std::copy(given.begin(), given.end(), lists);
  std::vector<const Tensor*> gradients;
  for (const Tensor& g : lists[1]) gradients.push_back(&g);
  const size_t count = lists[0].size();
  constexpr size_t kMost = 512;  // 24 KB of runs
  for (size_t begin = 0; begin < count; begin += kMost) {
    const size_t end = std::min(begin + kMost, count);
    // The batch is copied into the queue: small models take a small one.
    if (end - begin <= 16) {
      enqueueBatch<16>(ctx, op, lists, begin, end, gradients, update);
    } else if (end - begin <= 96) {
      enqueueBatch<96>(ctx, op, lists, begin, end, gradients, update);
    } else {
      enqueueBatch<kMost>(ctx, op, lists, begin, end, gradients, update);
    }
  }
}

}  // namespace

void sgdStep(Context& ctx, Tensors params, Tensors grads, Tensors momentumBuffers, double lr, double momentum,
             double dampening, double weightDecay, bool nesterov, bool maximize, bool firstStep) {
  const cpu::SgdParams p{lr, momentum, dampening, weightDecay, nesterov, maximize, firstStep};
  const cpu::OptimKernels* kernels = &ctx.kernels.optim;
  step(ctx, "sgdStep", {params, grads, momentumBuffers},
       [=](int dtype, int64_t n, void** data) { kernels->sgd[dtype](p, n, data[0], data[1], data[2]); });
}

void adamStep(Context& ctx, Tensors params, Tensors grads, Tensors expAvgs, Tensors expAvgSqs, Tensors maxExpAvgSqs,
              double lr, double beta1, double beta2, double eps, double weightDecay, double stepNumber, bool decoupled,
              bool maximize) {
  const double correction1 = 1 - std::pow(beta1, stepNumber), correction2 = 1 - std::pow(beta2, stepNumber);
  const cpu::AdamParams p{lr,        beta1,   beta2, eps, weightDecay, lr / correction1, std::sqrt(correction2),
                          decoupled, maximize};
  const cpu::OptimKernels* kernels = &ctx.kernels.optim;
  step(ctx, "adamStep", {params, grads, expAvgs, expAvgSqs, maxExpAvgSqs}, [=](int dtype, int64_t n, void** data) {
    kernels->adam[dtype](p, n, data[0], data[1], data[2], data[3], data[4]);
  });
}

}  // namespace nabla::ops
