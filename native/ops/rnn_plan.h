// The steps of a recurrent layer in the order in which they are computed, and how their work is cut. No result depends
// on the cut: no two chunks write, and no chunk sums over, the same element.
#pragma once
#include "gemm_plan.h"

namespace nabla::ops {

struct RnnStepSpan {
  int64_t start, count;  // rows of the step
  int64_t before, kept;  // the first `kept` of them go on from the rows at `before`; the others start
  int64_t staying;       // the first `staying` of them go on; the others end
};

struct RnnSpans {
  const int64_t *counts, *starts;  // null: `batch` rows each
  int64_t batch, length;
  bool reverse;

  RnnSpans(const Tensor* spans, const Tensor& out, const Tensor& h0, bool reverse)
      : counts(spans ? spans->ptr<int64_t>() : nullptr),
        starts(spans ? counts + spans->shape[1] : nullptr),
        batch(h0.shape[0]),
        length(spans ? spans->shape[1] : (batch > 0 ? out.shape[0] / batch : 0)),
        reverse(reverse) {}
  int64_t countAt(int64_t t) const { return counts ? counts[t] : batch; }
  int64_t startAt(int64_t t) const { return starts ? starts[t] : t * batch; }
  // The i-th step to be computed.
  RnnStepSpan operator[](int64_t i) const {
    const int64_t t = reverse ? length - 1 - i : i, back = reverse ? 1 : -1;
    RnnStepSpan s{startAt(t), countAt(t), 0, 0, 0};
    if (i > 0) s.before = startAt(t + back), s.kept = std::min(s.count, countAt(t + back));
    if (i + 1 < length) s.staying = std::min(s.count, countAt(t - back));
    return s;
  }
};

struct RnnSplit {
  int64_t rowParts;   // each goes through all steps on its own,
  int64_t unitParts;  // or, when there are several of these, all meet after every step
};

// `bytes`: the weights that every part reads in every step.
inline RnnSplit splitRnn(int threads, int64_t batch, int64_t groups, double flopsPerStep, int64_t bytes) {
  constexpr double kWorthMeeting = 1e6;  // 10 us of one core
  constexpr int64_t kEnoughRows = 16, kCached = 256 << 10;
  const int64_t parts = std::max(1, threads);
  if (parts == 1 || batch >= kEnoughRows * parts || (bytes <= kCached && batch >= 2 * parts)) {
    return {std::min(parts, std::max<int64_t>(1, batch)), 1};
  }
  if (flopsPerStep < kWorthMeeting) return {1, 1};
  const int64_t rowParts = std::max<int64_t>(1, batch / (2 * kEnoughRows));
  return {rowParts, std::clamp<int64_t>(ceilDiv(parts, rowParts), 1, std::max<int64_t>(1, groups))};
}

// C[M, N] = beta * C + A[M, K] * B for many A and one B, whose panels are packed once.
template <class T>
struct PackedProduct {
  const cpu::GemmTable<T>* kernels;
  cpu::GemmTask<T> task;

  PackedProduct() = default;
  // B has any strides; `packed` holds packedElements(n, k).
  PackedProduct(const cpu::GemmTable<T>& table, int64_t n, int64_t k, const T* b, int64_t bRow, int64_t bCol, T beta,
                T* packed)
      : kernels(&table), task{} {
    task.m = 1, task.n = n, task.k = k, task.b = b, task.bRow = bRow, task.bCol = bCol;
    task.aCol = task.cCol = 1, task.alpha = 1, task.beta = beta, task.packedB = packed;
    setPanels(table, task);
  }
  static int64_t packedElements(const cpu::GemmTable<T>& table, int64_t n, int64_t k) {
    return ceilDiv(n, table.bWidth) * table.bWidth * k;
  }
  void pack(Exec& exec) const {
    exec.parallelFor(task.kBlocks * task.colPanels, [&](int64_t i) {
      kernels->packB(task, i / task.colPanels, i % task.colPanels, i % task.colPanels + 1);
    });
  }
  // Part `part` of `parts` of the columns.
  void run(int64_t m, const T* a, int64_t aRow, T* c, int64_t cRow, int64_t part = 0, int64_t parts = 1) const {
    if (m <= 0) return;
    cpu::GemmTask<T> now = task;
    now.m = m, now.a = a, now.aRow = aRow, now.c = c, now.cRow = cRow;
    now.rowPanels = ceilDiv(m, kernels->rowTile);
    const int64_t depth = std::max<int64_t>(1, ceilDiv(now.k, now.kBlocks));
    const size_t bytes = static_cast<size_t>(now.rowPanels * kernels->aWidth * depth) * sizeof(T);
    kernels->chunk(now, 0, now.rowPanels, sliceBegin(now.colPanels, parts, part),
                   sliceBegin(now.colPanels, parts, part + 1), static_cast<T*>(ThreadPool::threadScratch(bytes)));
  }
};

}  // namespace nabla::ops
