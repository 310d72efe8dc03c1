#include "gemm.h"

#include <stdexcept>
#include <type_traits>
#include <utility>

#include "gemm_plan.h"

namespace nabla::ops {

namespace {

template <class T>
const cpu::GemmTable<T>& tableOf(const cpu::KernelTable& kernels) {
  if constexpr (std::is_same_v<T, float>) {
    return kernels.gemm.f32;
  } else if constexpr (kSumsApart<T>) {
    return kernels.gemm.bf16;
  } else {
    return kernels.gemm.f64;
  }
}

enum class Path : uint8_t { kTiles, kDot, kAxpy };

template <class T>
struct GemmJob {
  const cpu::GemmTable<T>* kernels;
  cpu::GemmTask<T> task;
  GemmBatch batch;
  GemmPlan plan;
  Path path;
  int64_t slices;         // K cut in slices, each with its own partial result
  int64_t itemsPerChunk;  // small products: several per chunk
  int64_t columnParts;    // kDot, kAxpy: chunks of one product
  cpu::Sum<T>* shared;    // packed panels, sums or partial results
};

template <class T>
cpu::GemmTask<T> itemOf(const GemmJob<T>& job, int64_t item) {
  cpu::GemmTask<T> task = job.task;
  int64_t a, b, c;
  job.batch.offsets(item, &a, &b, &c);
  task.a += a, task.b += b, task.c += c;
  return task;
}

// Columns [n0, n1) of a product with few rows. dot() wants the rows of A along K: they are copied where they are not.
template <class T>
void runSkinny(const GemmJob<T>& job, cpu::GemmTask<T> task, int64_t n0, int64_t n1) {
  if (job.path == Path::kAxpy) return job.kernels->axpy(task, n0, n1);
  if (task.aCol != 1) {
    T* rows = static_cast<T*>(ThreadPool::threadScratch(static_cast<size_t>(task.m * task.k + 1) * sizeof(T)));
    for (int64_t i = 0; i < task.m; i++)
      for (int64_t k = 0; k < task.k; k++) rows[i * task.k + k] = task.a[i * task.aRow + k * task.aCol];
    task.a = rows, task.aRow = task.k, task.aCol = 1;
  }
  job.kernels->dot(task, n0, n1);
}

// A whole product on the calling thread.
template <class T>
void runAlone(const GemmJob<T>& job, cpu::GemmTask<T> task) {
  if (job.path != Path::kTiles) return runSkinny(job, task, 0, task.n);
  setPanels(*job.kernels, task);
  const int64_t depth = std::clamp<int64_t>(unitsOf(*job.kernels, task.k), 1, job.kernels->kBlock);
  int64_t units = (task.rowPanels * job.kernels->aWidth + task.colPanels * job.kernels->bWidth) * depth;
  if (kSumsApart<T> && task.kBlocks > 1 && !task.sums) units += task.m * task.colPanels * job.kernels->bWidth;
  void* scratch = ThreadPool::threadScratch(static_cast<size_t>(units) * sizeof(cpu::Sum<T>));
  job.kernels->chunk(task, 0, task.rowPanels, 0, task.colPanels, static_cast<cpu::Sum<T>*>(scratch));
}

template <class T>
void packShared(Exec& exec, const GemmJob<T>& job, const cpu::GemmTask<T>& task) {
  const cpu::GemmTable<T>& g = *job.kernels;
  constexpr int64_t kElements = 16384;
  const int64_t depth = std::max<int64_t>(1, ceilDiv(unitsOf(g, task.k), task.kBlocks));
  const int64_t perA = std::max<int64_t>(1, kElements / (depth * g.aWidth));
  const int64_t perB = std::max<int64_t>(1, kElements / (depth * g.bWidth));
  const int64_t partsA = task.packedA ? ceilDiv(task.rowPanels, perA) : 0;
  const int64_t partsB = task.packedB ? ceilDiv(task.colPanels, perB) : 0;
  const int64_t parts = partsA + partsB;
  exec.parallelFor(task.kBlocks * parts, [&](int64_t c) {
    const int64_t block = c / parts, part = c % parts;
    if (part < partsA) {
      g.packA(task, block, part * perA, std::min(task.rowPanels, (part + 1) * perA));
    } else {
      const int64_t from = (part - partsA) * perB;
      g.packB(task, block, from, std::min(task.colPanels, from + perB));
    }
  });
}

// One super-block: pack what all chunks share, then compute.
template <class T>
void runBlock(Exec& exec, const GemmJob<T>& job, cpu::GemmTask<T> task) {
  const GemmPlan& p = job.plan;
  setPanels(*job.kernels, task);
  task.packedA = p.sharedA ? job.shared : nullptr;
  task.packedB = p.sharedB ? job.shared + p.packedA : nullptr;
  if (p.sharedA || p.sharedB) packShared(exec, job, task);
  exec.parallelFor(p.rowGroups * p.colGroups, [&](int64_t c) {
    const int64_t r = c / p.colGroups, q = c % p.colGroups;
    cpu::Sum<T>* own = nullptr;
    const size_t bytes = static_cast<size_t>(p.perChunk) * sizeof(*own);
    if (bytes > 0) own = static_cast<cpu::Sum<T>*>(ThreadPool::threadScratch(bytes));
    job.kernels->chunk(task, sliceBegin(task.rowPanels, p.rowGroups, r), sliceBegin(task.rowPanels, p.rowGroups, r + 1),
                       sliceBegin(task.colPanels, p.colGroups, q), sliceBegin(task.colPanels, p.colGroups, q + 1), own);
  });
}

// One large product: super-blocks one after the other, each on all threads.
template <class T>
void runLarge(Exec& exec, const GemmJob<T>& job, const cpu::GemmTask<T>& whole) {
  const GemmPlan& p = job.plan;
  for (int64_t part = 0; part < p.nParts * p.mParts * p.kParts && !exec.stopping(); part++) {
    const int64_t kp = part % p.kParts, mp = part / p.kParts % p.mParts, np = part / p.kParts / p.mParts;
    const int64_t m0 = sliceBegin(whole.m, p.mParts, mp), n0 = sliceBegin(whole.n, p.nParts, np);
    const int64_t k0 = depthBegin(*job.kernels, whole.k, p.kParts, kp);
    cpu::GemmTask<T> task = whole;
    task.m = sliceBegin(whole.m, p.mParts, mp + 1) - m0;
    task.n = sliceBegin(whole.n, p.nParts, np + 1) - n0;
    task.k = depthBegin(*job.kernels, whole.k, p.kParts, kp + 1) - k0;
    task.a += m0 * whole.aRow + k0 * whole.aCol;
    task.b += k0 * whole.bRow + n0 * whole.bCol;
    task.c += m0 * whole.cRow + n0 * whole.cCol;
    const bool last = kp == p.kParts - 1;
    if (p.sums > 0) {
      task.sums = job.shared + p.packedA + p.packedB;
      task.sumsRow = ceilDiv(task.n, job.kernels->bWidth) * job.kernels->bWidth;
      task.sumsAdd = kp > 0, task.sumsStay = !last;
    } else if (kp > 0) {
      task.beta = 1;
    }
    task.rowBias = last && whole.rowBias ? whole.rowBias + m0 * whole.rowBiasStride : nullptr;
    task.colBias = last && whole.colBias ? whole.colBias + n0 * whole.colBiasStride : nullptr;
    task.relu = last && whole.relu;
    runBlock(exec, job, task);
  }
}

// Rows of partial results.
template <class T>
int64_t sliceRow(const GemmJob<T>& job) {
  return kSumsApart<T> ? ceilDiv(job.task.n, job.kernels->bWidth) * job.kernels->bWidth : job.task.n;
}

// Long K, few results: slices of K into partial results, added in a fixed order.
template <class T>
void runSliced(Exec& exec, const GemmJob<T>& job) {
  const cpu::GemmTask<T>& whole = job.task;
  const int64_t row = sliceRow(job);
  exec.parallelFor(job.slices, [&](int64_t s) {
    const int64_t k0 = depthBegin(*job.kernels, whole.k, job.slices, s);
    cpu::GemmTask<T> task = whole;
    task.k = depthBegin(*job.kernels, whole.k, job.slices, s + 1) - k0;
    task.a += k0 * whole.aCol;
    task.b += k0 * whole.bRow;
    if constexpr (kSumsApart<T>) {
      task.sums = job.shared + s * whole.m * row;
      task.sumsRow = row, task.sumsStay = true;
    } else {
      task.c = job.shared + s * whole.m * row;
      task.cRow = row, task.cCol = 1;
    }
    task.alpha = 1, task.beta = 0;
    task.rowBias = task.colBias = nullptr;
    task.relu = false;
    runAlone(job, task);
  });
  cpu::GemmTask<T> sum = whole;
  sum.sums = job.shared, sum.sumsRow = row;
  const int64_t rows = std::max<int64_t>(1, 8192 / (whole.n * job.slices));
  exec.parallelFor(ceilDiv(whole.m, rows), [&](int64_t c) {
    job.kernels->combine(sum, job.slices, c * rows, std::min(whole.m, (c + 1) * rows));
  });
}

template <class T>
void runJob(Exec& exec, const GemmJob<T>& job) {
  if (job.slices > 1) return runSliced(exec, job);
  if (job.path != Path::kTiles && job.itemsPerChunk == 1) {
    exec.parallelFor(job.batch.count * job.columnParts, [&](int64_t c) {
      const cpu::GemmTask<T> task = itemOf(job, c / job.columnParts);
      const int64_t part = c % job.columnParts;
      runSkinny(job, task, sliceBegin(task.n, job.columnParts, part), sliceBegin(task.n, job.columnParts, part + 1));
    });
  } else if (job.itemsPerChunk > 0) {
    exec.parallelFor(ceilDiv(job.batch.count, job.itemsPerChunk), [&](int64_t c) {
      const int64_t end = std::min(job.batch.count, (c + 1) * job.itemsPerChunk);
      for (int64_t i = c * job.itemsPerChunk; i < end; i++) runAlone(job, itemOf(job, i));
    });
  } else {
    for (int64_t i = 0; i < job.batch.count; i++) runLarge(exec, job, itemOf(job, i));
  }
}

// C^T = B^T * A^T
template <class T>
void swapOperands(GemmJob<T>& job) {
  cpu::GemmTask<T>& t = job.task;
  std::swap(t.m, t.n);
  std::swap(t.a, t.b);
  std::swap(t.aRow, t.bCol);
  std::swap(t.aCol, t.bRow);
  std::swap(t.cRow, t.cCol);
  std::swap(t.rowBias, t.colBias);
  std::swap(t.rowBiasStride, t.colBiasStride);
  for (int i = 0; i < job.batch.ndim; i++) std::swap(job.batch.a[i], job.batch.b[i]);
}

// A batch that shares one operand is one product with more rows or columns where the strides allow.
template <class T>
void foldBatch(GemmJob<T>& job) {
  GemmBatch& batch = job.batch;
  cpu::GemmTask<T>& t = job.task;
  if (batch.ndim != 1) return;
  const int64_t count = batch.count;
  if (batch.b[0] == 0 && (t.m == 1 || (batch.a[0] == t.m * t.aRow && batch.c[0] == t.m * t.cRow))) {
    if (t.m == 1) t.aRow = batch.a[0], t.cRow = batch.c[0];
    t.m *= count;
  } else if (batch.a[0] == 0 && !t.colBias && t.n == 1) {
    t.bCol = batch.b[0], t.cCol = batch.c[0];
    t.n = count;
  } else {
    return;
  }
  batch = GemmBatch{};
}

template <class T>
void choosePath(GemmJob<T>& job) {
  cpu::GemmTask<T>& t = job.task;
  const int64_t few = job.kernels->dotRows;
  if ((t.n < t.m && t.n <= few) || (t.cCol != 1 && t.cRow == 1 && t.m > few)) swapOperands(job);
  job.path = Path::kTiles;
  if (t.m <= few && t.bRow == 1 && (t.k >= 32 || t.bCol != 1)) {
    job.path = Path::kDot;
  } else if (t.m <= few / 2 && t.bCol == 1) {
    job.path = Path::kAxpy;
  }
  const double elements = static_cast<double>(t.n) * static_cast<double>(t.k);
  const double flops = 2.0 * elements * static_cast<double>(t.m);
  constexpr double kChunkElements = 65536, kAloneFlops = 1e6;
  job.columnParts = std::clamp<int64_t>(std::llround(elements / kChunkElements), 1, ceilDiv(t.n, 16));
  job.plan = planGemm(*job.kernels, t.m, t.n, t.k);
  const bool small = job.path == Path::kTiles ? flops < kAloneFlops : job.columnParts == 1;
  // Several middle-sized products keep all threads busy without packing phases.
  const bool many = job.path == Path::kTiles && job.batch.count >= 16 && flops < 32 * kAloneFlops;
  job.itemsPerChunk = job.path == Path::kTiles ? 0 : 1;
  if (small || many)
    job.itemsPerChunk = std::clamp<int64_t>(std::llround(kAloneFlops / std::max(flops, 64.0)), 1, 4096);
  job.slices = 1;
  const int64_t tiles = ceilDiv(t.m, job.kernels->rowTile) * ceilDiv(t.n, job.kernels->bWidth);
  const bool fewChunks = job.path == Path::kTiles ? tiles < 8 : ceilDiv(t.n, 16) < 8;
  if (job.batch.count == 1 && fewChunks && t.k >= 4096 && flops >= 4 * kAloneFlops)
    job.slices = std::min<int64_t>(32, t.k / 1024);
}

template <class T>
void enqueueGemm(Context& ctx, const char* op, const Tensor& out, const Tensor& a, const Tensor& b, const Tensor* bias,
                 bool relu, double alpha, double beta) {
  const int d = out.ndim;
  GemmJob<T> job{};
  job.kernels = &tableOf<T>(ctx.kernels);
  cpu::GemmTask<T>& t = job.task;
  t.m = out.shape[d - 2], t.n = out.shape[d - 1], t.k = a.shape[d - 1];
  t.a = a.ptr<T>(), t.aRow = a.strides[d - 2], t.aCol = a.strides[d - 1];
  t.b = b.ptr<T>(), t.bRow = b.strides[d - 2], t.bCol = b.strides[d - 1];
  t.c = out.ptr<T>(), t.cRow = out.strides[d - 2], t.cCol = out.strides[d - 1];
  t.alpha = static_cast<cpu::Sum<T>>(alpha), t.beta = static_cast<cpu::Sum<T>>(beta);
  if (bias) t.colBias = bias->ptr<T>(), t.colBiasStride = bias->strides[0];
  t.relu = relu;
  for (int i = 0; i < d - 2; i++) job.batch.add(out.shape[i], a.strides[i], b.strides[i], out.strides[i]);
  foldBatch(job);
  choosePath(job);
  size_t units = 1;
  if (job.slices > 1) {
    units = static_cast<size_t>(job.slices * t.m * sliceRow(job));
  } else if (job.itemsPerChunk == 0) {
    units = static_cast<size_t>(job.plan.packedA + job.plan.packedB + job.plan.sums);
  }
  const Scratch shared = ctx.scratch(std::max<size_t>(units, 1) * sizeof(cpu::Sum<T>));
  job.shared = shared.as<cpu::Sum<T>>();
  ctx.stream.enqueue(op, {&out}, {&a, &b, bias}, [job](Exec& exec) { runJob(exec, job); });
}

template <class F>
void dispatchProduct(DType dtype, F&& f) {
  if (dtype == DType::kBfloat16) return f(cpu::Bf16{});
  if (isNarrow(dtype)) throw std::runtime_error("products of float16 are made in float32");
  dispatchFloat(dtype, f);
}

void enqueueInteger(Context& ctx, const Tensor& out, const Tensor& a, const Tensor& b) {
  const int d = out.ndim;
  const cpu::IntegerGemm t{
      out.shape[d - 2], out.shape[d - 1], a.shape[d - 1],   a.data,   a.strides[d - 2],   a.strides[d - 1],
      b.data,           b.strides[d - 2], b.strides[d - 1], out.data, out.strides[d - 2], out.strides[d - 1]};
  GemmBatch batch;
  for (int i = 0; i < d - 2; i++) batch.add(out.shape[i], a.strides[i], b.strides[i], out.strides[i]);
  auto* kernel = out.dtype == DType::kInt64 ? ctx.kernels.gemm.int64 : ctx.kernels.gemm.int32;
  const auto size = static_cast<int64_t>(itemSize(out.dtype));
  const int64_t rows = std::clamp<int64_t>(131072 / std::max<int64_t>(1, t.n * t.k), std::min<int64_t>(4, t.m), t.m);
  const int64_t parts = ceilDiv(t.m, rows);
  ctx.stream.enqueue("matmul", {&out}, {&a, &b}, [=](Exec& exec) {
    exec.parallelFor(batch.count * parts, [&](int64_t c) {
      int64_t ao, bo, co;
      batch.offsets(c / parts, &ao, &bo, &co);
      cpu::IntegerGemm item = t;
      item.a = static_cast<const char*>(t.a) + ao * size;
      item.b = static_cast<const char*>(t.b) + bo * size;
      item.c = static_cast<char*>(t.c) + co * size;
      kernel(item, c % parts * rows, std::min(t.m, (c % parts + 1) * rows));
    });
  });
}

}  // namespace

void matmul(Context& ctx, const Tensor& out, const Tensor& a, const Tensor& b) {
  if (out.numel() == 0) return;
  if (!isFloating(out.dtype)) return enqueueInteger(ctx, out, a, b);
  dispatchProduct(out.dtype, [&]<class T>(T) { enqueueGemm<T>(ctx, "matmul", out, a, b, nullptr, false, 1, 0); });
}

void gemm(Context& ctx, const Tensor& out, const Tensor& a, const Tensor& b, double alpha, double beta) {
  if (out.numel() == 0) return;
  dispatchProduct(out.dtype, [&]<class T>(T) { enqueueGemm<T>(ctx, "gemm", out, a, b, nullptr, false, alpha, beta); });
}

void linear(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor* bias,
            int64_t activation) {
  if (out.numel() == 0) return;
  Tensor transposed = weight;
  std::swap(transposed.shape[0], transposed.shape[1]);
  std::swap(transposed.strides[0], transposed.strides[1]);
  dispatchProduct(out.dtype,
                  [&]<class T>(T) { enqueueGemm<T>(ctx, "linear", out, x, transposed, bias, activation == 1, 1, 0); });
}

}  // namespace nabla::ops
