#include "optim.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace nabla::ops {

namespace {

using cpu::Formula;
using Tensors = std::span<const Tensor>;

constexpr int64_t kChunk = 16384;  // elements
constexpr int kLists = 5;          // parameter, gradient and up to three states

struct Run {
  char* data[kLists];
  int64_t start;     // in units laid end to end: elements, or pieces of one tensor each
  int64_t count;     // units that cannot be parted: elements, or rows
  int64_t width;     // elements of such a unit
  int64_t perPiece;  // units of a piece
  int dtype;

  int64_t bytes(int64_t unit) const { return unit * width * static_cast<int64_t>(itemSize(static_cast<DType>(dtype))); }
  void pointers(int64_t unit, void** p) const {
    for (int l = 0; l < kLists; l++) p[l] = data[l] ? data[l] + bytes(unit) : nullptr;
  }
};

struct Scalars {
  double values[cpu::kMostScalars];
};

template <int kRuns>
struct Batch {
  int count = 0;
  int64_t total = 0;
  Run runs[kRuns];

  // The last run that starts at or before `unit`; empty tensors are not in the batch.
  int find(int64_t unit) const {
    return static_cast<int>(
               std::upper_bound(runs, runs + count, unit, [](int64_t u, const Run& run) { return u < run.start; }) -
               runs) -
           1;
  }
};

// All memory of a batch end to end, in chunks of fixed size.
struct Elementwise {
  static constexpr bool kPieces = false;
  using Kernel = void (*)(const double*, int64_t, void* const*);
  Kernel kernels[2];
  Scalars scalars;

  template <int kRuns>
  void operator()(Exec& exec, const Batch<kRuns>& batch) const {
    exec.parallelFor(ceilDiv(batch.total, kChunk), [&](int64_t chunk) {
      int64_t at = chunk * kChunk;
      const int64_t end = std::min(at + kChunk, batch.total);
      for (int r = batch.find(at); at < end; r++) {
        const Run& run = batch.runs[r];
        const int64_t n = std::min(end, run.start + run.count) - at;
        void* p[kLists];
        run.pointers(at - run.start, p);
        kernels[run.dtype](scalars.values, n, p);
        at += n;
      }
    });
  }
};

// Calls f(run index, piece, units, pointers) for each piece.
template <int kRuns, class F>
void forPieces(Exec& exec, const Batch<kRuns>& batch, const F& f) {
  exec.parallelFor(batch.total, [&](int64_t piece) {
    const int r = batch.find(piece);
    const Run& run = batch.runs[r];
    const int64_t unit = (piece - run.start) * run.perPiece;
    void* p[kLists];
    run.pointers(unit, p);
    f(r, piece, std::min(run.perPiece, run.count - unit), p);
  });
}

struct Rows {
  static constexpr bool kPieces = true;
  using Kernel = void (*)(const double*, int64_t, int64_t, void* const*);
  Kernel kernels[2];
  Scalars scalars;

  template <int kRuns>
  void operator()(Exec& exec, const Batch<kRuns>& batch) const {
    forPieces(exec, batch, [&](int r, int64_t, int64_t rows, void** p) {
      kernels[batch.runs[r].dtype](scalars.values, rows, batch.runs[r].width, p);
    });
  }
};

using Moments = void (*)(const double*, int64_t, void* const*, double*);
using ScaledStep = void (*)(const double*, int64_t, void* const*, double);

// LAMB: the norm of a tensor over that of its step.
double lambRatio(const double*, double param, double step, double) {
  return param > 0 && step > 0 ? std::sqrt(param) / std::sqrt(step) : 1;
}

// Adafactor: the size of a parameter of n elements, and a step whose root mean square is clipped.
double adafactorRatio(const double* scalars, double param, double step, double n) {
  cpu::AdafactorScalars s;
  std::memcpy(&s, scalars, sizeof(s));
  const double length = std::max(s.least, std::sqrt(param / n));
  return s.rate * length / std::max(1.0, std::sqrt(step / n) / s.clip);
}

// Two passes: averages and norms, then the step scaled by the norms of its tensor.
struct Scaled {
  static constexpr bool kPieces = true;
  Moments moments[2];
  ScaledStep steps[2];
  double (*ratio)(const double* scalars, double param, double step, double n);
  Scalars scalars;
  double* sums;  // two for each piece, then one ratio for each run

  template <int kRuns>
  void operator()(Exec& exec, const Batch<kRuns>& batch) const {
    forPieces(exec, batch, [&](int r, int64_t piece, int64_t n, void** p) {
      double* own = sums + 2 * piece;
      own[0] = own[1] = 0;
      moments[batch.runs[r].dtype](scalars.values, n, p, own);
    });
    double* ratios = sums + 2 * batch.total;
    for (int r = 0; r < batch.count; r++) {
      const int64_t end = r + 1 < batch.count ? batch.runs[r + 1].start : batch.total;
      double param = 0, step = 0;
      for (int64_t piece = batch.runs[r].start; piece < end; piece++) {
        param += sums[2 * piece];
        step += sums[2 * piece + 1];
      }
      ratios[r] = ratio(scalars.values, param, step, static_cast<double>(batch.runs[r].count));
    }
    forPieces(exec, batch, [&](int r, int64_t, int64_t n, void** p) {
      steps[batch.runs[r].dtype](scalars.values, n, p, ratios[r]);
    });
  }
};

struct Call {
  const char* op;
  Tensors lists[kLists];
  bool byRows;
  std::vector<const Tensor*> gradients;
};

// Queues parameters [begin, end) as one task. It reads all gradients, so that one poisoned gradient stops every batch.
template <int kRuns, class F>
void enqueueBatch(Context& ctx, const Call& call, size_t begin, size_t end, const F& formula) {
  Batch<kRuns> batch;
  std::vector<const Tensor*> outs, ins = call.gradients;
  for (size_t i = begin; i < end; i++) {
    const Tensor& param = call.lists[0][i];
    const int64_t n = param.numel();
    if (n == 0) continue;
    Run& run = batch.runs[batch.count++];
    run.start = batch.total;
    run.dtype = param.dtype == DType::kFloat64;
    run.count = call.byRows && param.ndim > 0 ? param.shape[0] : n;
    run.width = n / run.count;
    run.perPiece = std::max<int64_t>(1, kChunk / run.width);
    for (int l = 0; l < kLists; l++) {
      run.data[l] = call.lists[l].empty() ? nullptr : call.lists[l][i].data;
      if (l == 1 || call.lists[l].empty()) continue;
      outs.push_back(&call.lists[l][i]);
      ins.push_back(&call.lists[l][i]);
    }
    batch.total += F::kPieces ? ceilDiv(run.count, run.perPiece) : n;
  }
  if (batch.count == 0) return;
  ctx.stream.enqueueList(
      call.op, outs.data(), outs.size(), ins.data(), ins.size(), [=](Exec& exec) { formula(exec, batch); },
      OnError::kKeep);
}

template <class F>
void enqueueAll(Context& ctx, const Call& call, const F& formula) {
  const size_t count = call.lists[0].size();
  constexpr size_t kMost = 512;  // 40 KB of runs
  for (size_t begin = 0; begin < count; begin += kMost) {
    const size_t end = std::min(begin + kMost, count);
    // The batch is copied into the queue: small models take a small one.
    if (end - begin <= 16) {
      enqueueBatch<16>(ctx, call, begin, end, formula);
    } else if (end - begin <= 96) {
      enqueueBatch<96>(ctx, call, begin, end, formula);
    } else {
      enqueueBatch<kMost>(ctx, call, begin, end, formula);
    }
  }
}

// One matrix, or several of one tensor, in Adafactor. Pieces are rows of one matrix each.
struct Matrices {
  char *param, *grad, *rowVar, *columnVar;
  char* columnSums;  // [matrices, pieces of a matrix, columns]
  double* sums;      // for each piece: squares of parameter and step; then for each matrix: the mean of its rows
  int64_t count, rows, columns, perPiece, pieces;
  int dtype;
  int64_t itemSize;
};

void runMatrices(Exec& exec, const cpu::OptimKernels& k, const double* scalars, const Matrices& m) {
  const int type = m.dtype;
  const auto each = [&](const auto& f) {
    exec.parallelFor(m.count * m.pieces, [&](int64_t piece) {
      const int64_t matrix = piece / m.pieces, begin = piece % m.pieces * m.perPiece;
      const int64_t row = matrix * m.rows + begin, n = std::min(m.perPiece, m.rows - begin);
      void* data[kLists] = {m.param + row * m.columns * m.itemSize, m.grad + row * m.columns * m.itemSize};
      f(piece, matrix, n, data, m.rowVar + row * m.itemSize, m.columnVar + matrix * m.columns * m.itemSize);
    });
  };
  double* means = m.sums + 2 * m.count * m.pieces;
  each([&](int64_t piece, int64_t, int64_t n, void** data, char* rowVar, char*) {
    double* own = m.sums + 2 * piece;
    own[0] = own[1] = 0;
    k.adafactorRows[type](scalars, n, m.columns, data, rowVar, m.columnSums + piece * m.columns * m.itemSize, own);
  });
  cpu::AdafactorScalars s;
  std::memcpy(&s, scalars, sizeof(s));
  exec.parallelFor(m.count, [&](int64_t matrix) {
    k.adafactorColumns[type](scalars, m.rows, m.columns, m.pieces,
                             m.columnSums + matrix * m.pieces * m.columns * m.itemSize,
                             m.columnVar + matrix * m.columns * m.itemSize);
    const double mean = k.mean[type](m.rows, m.rowVar + matrix * m.rows * m.itemSize);
    means[matrix] = mean < s.leastMean ? s.leastMean : mean;
  });
  each([&](int64_t piece, int64_t matrix, int64_t n, void** data, char* rowVar, char* columnVar) {
    k.adafactorNorm[type](scalars, n, m.columns, data, rowVar, columnVar, means[matrix], m.sums + 2 * piece + 1);
  });
  double param = 0, step = 0;
  for (int64_t piece = 0; piece < m.count * m.pieces; piece++) {
    param += m.sums[2 * piece];
    step += m.sums[2 * piece + 1];
  }
  const double ratio = adafactorRatio(scalars, param, step, static_cast<double>(m.count * m.rows * m.columns));
  each([&](int64_t, int64_t matrix, int64_t n, void** data, char* rowVar, char* columnVar) {
    k.adafactorMove[type](scalars, n, m.columns, data, rowVar, columnVar, means[matrix], ratio);
  });
}

template <int kTensors>
struct MatrixBatch {
  int count = 0;
  Matrices tensors[kTensors];
};

template <int kTensors>
void enqueueMatrices(Context& ctx, std::span<const Matrices> list, const std::vector<const Tensor*>& outs,
                     const std::vector<const Tensor*>& ins, const Scalars& scalars) {
  MatrixBatch<kTensors> batch;
  for (const Matrices& m : list) batch.tensors[batch.count++] = m;
  const cpu::OptimKernels* kernels = &ctx.kernels.optim;
  ctx.stream.enqueueList(
      "optimStep", outs.data(), outs.size(), ins.data(), ins.size(),
      [=](Exec& exec) {
        for (int i = 0; i < batch.count; i++) runMatrices(exec, *kernels, scalars.values, batch.tensors[i]);
      },
      OnError::kKeep);
}

Matrices matricesOf(const Tensor& p, const Tensor& grad, const Tensor& rowVar, const Tensor& columnVar) {
  Matrices m{};
  m.param = p.data;
  m.grad = grad.data;
  m.rowVar = rowVar.data;
  m.columnVar = columnVar.data;
  m.columns = p.shape[p.ndim - 1];
  m.rows = p.shape[p.ndim - 2];
  m.count = p.numel() / (m.rows * m.columns);
  m.perPiece = std::clamp<int64_t>(kChunk / m.columns, 1, m.rows);
  m.pieces = ceilDiv(m.rows, m.perPiece);
  m.dtype = p.dtype == DType::kFloat64;
  m.itemSize = static_cast<int64_t>(itemSize(p.dtype));
  return m;
}

// Tensors of a task run one after the other in the same scratch memory.
void adafactor(Context& ctx, Tensors params, Tensors grads, Tensors rowVars, Tensors columnVars,
               const Scalars& scalars) {
  std::vector<Matrices> list;
  std::vector<const Tensor*> outs, ins;
  for (const Tensor& g : grads) ins.push_back(&g);
  int64_t sumCount = 1, columnBytes = 1;
  for (size_t i = 0; i < params.size(); i++) {
    if (params[i].numel() == 0) continue;
    const Matrices& m = list.emplace_back(matricesOf(params[i], grads[i], rowVars[i], columnVars[i]));
    sumCount = std::max(sumCount, m.count * (2 * m.pieces + 1));
    columnBytes = std::max(columnBytes, m.count * m.pieces * m.columns * m.itemSize);
    for (const Tensor* t : {&params[i], &rowVars[i], &columnVars[i]}) {
      outs.push_back(t);
      ins.push_back(t);
    }
  }
  const Scratch sums = ctx.scratch(static_cast<size_t>(sumCount) * sizeof(double));
  const Scratch columns = ctx.scratch(static_cast<size_t>(columnBytes));
  for (Matrices& m : list) {
    m.sums = sums.as<double>();
    m.columnSums = columns.as<char>();
  }
  constexpr size_t kMost = 384;  // 40 KB
  for (size_t begin = 0; begin < list.size(); begin += kMost) {
    const auto part = std::span<const Matrices>(list).subspan(begin, std::min(kMost, list.size() - begin));
    if (part.size() <= 16) {
      enqueueMatrices<16>(ctx, part, outs, ins, scalars);
    } else {
      enqueueMatrices<kMost>(ctx, part, outs, ins, scalars);
    }
  }
}

}  // namespace

void optimStep(Context& ctx, int formula, Tensors params, Tensors grads, Tensors a, Tensors b, Tensors c,
               std::span<const double> scalars) {
  if (formula < 0 || formula >= static_cast<int>(Formula::kCount) || scalars.size() > cpu::kMostScalars)
    throw std::runtime_error("optimStep: no such formula");
  const cpu::OptimKernels& kernels = ctx.kernels.optim;
  const auto kind = static_cast<Formula>(formula);
  Scalars own{};
  std::copy(scalars.begin(), scalars.end(), own.values);
  Call call{"optimStep", {params, grads, a, b, c}, kind == Formula::kLazyAdam, {}};
  for (const Tensor& g : grads) call.gradients.push_back(&g);
  if (kind == Formula::kAdafactor) {
    adafactor(ctx, params, grads, a, b, own);
  } else if (kind == Formula::kLamb || kind == Formula::kAdafactorVectors) {
    int64_t doubles = 0;
    for (const Tensor& p : params) doubles += 2 * ceilDiv(p.numel(), kChunk) + 1;
    const Scratch scratch = ctx.scratch(static_cast<size_t>(doubles) * sizeof(double));
    const bool lamb = kind == Formula::kLamb;
    const auto& moments = lamb ? kernels.lambMoments : kernels.adafactorMoments;
    const auto& steps = lamb ? kernels.lambStep : kernels.adafactorStep;
    enqueueAll(ctx, call,
               Scaled{{moments[0], moments[1]},
                      {steps[0], steps[1]},
                      lamb ? lambRatio : adafactorRatio,
                      own,
                      scratch.as<double>()});
  } else if (kind == Formula::kLazyAdam) {
    enqueueAll(ctx, call, Rows{{kernels.lazyAdam[0], kernels.lazyAdam[1]}, own});
  } else {
    const auto& pair = kernels.step[formula];
    enqueueAll(ctx, call, Elementwise{{pair[0], pair[1]}, own});
  }
}

}  // namespace nabla::ops
