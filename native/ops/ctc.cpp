#include "ctc.h"

#include <algorithm>
#include <cmath>

namespace nabla::ops {

namespace {

// Where a sample has its labels and its cells.
struct Place {
  int64_t frames, labels, firstLabel, firstCell, width;
};

struct Batch {
  const char* logProbs;
  int64_t stepT, stepN, frames, samples, classes;
  const int64_t *targets, *inputLengths, *targetLengths;
  int64_t rowLength, total;  // rowLength -1: the targets lie one after the other
  int64_t blank, itemSize;

  Batch(const Tensor& x, const Tensor& targets, const Tensor& inputLengths, const Tensor& targetLengths, int64_t blank)
      : logProbs(x.data),
        stepT(x.strides[0]),
        stepN(x.strides[1]),
        frames(x.shape[0]),
        samples(x.shape[1]),
        classes(x.shape[2]),
        targets(targets.ptr<int64_t>()),
        inputLengths(inputLengths.ptr<int64_t>()),
        targetLengths(targetLengths.ptr<int64_t>()),
        rowLength(targets.ndim == 2 ? targets.shape[1] : -1),
        total(targets.numel()),
        blank(blank),
        itemSize(static_cast<int64_t>(nabla::itemSize(x.dtype))) {}

  // False: the lengths do not fit.
  bool arrange(Exec& exec, Place* places) const {
    int64_t label = 0, cell = 0;
    for (int64_t n = 0; n < samples; n++) {
      const int64_t in = inputLengths[n], out = targetLengths[n];
      if (in < 0 || in > frames) return refuse(exec, "input length", in, frames);
      const int64_t most = rowLength >= 0 ? rowLength : total - label;
      if (out < 0 || out > most) return refuse(exec, "target length", out, most);
      const int64_t width = std::max<int64_t>(1, ceilDiv(out, 16)) * 16 + 1;
      places[n] = {in, out, label, cell, width};
      label += rowLength >= 0 ? rowLength : out;
      cell += 2 * width * frames;
    }
    if (label == total) return true;
    exec.fail("the target lengths add up to %lld, there are %lld targets", static_cast<long long>(label),
              static_cast<long long>(total));
    return false;
  }
  static bool refuse(Exec& exec, const char* what, int64_t value, int64_t most) {
    exec.fail("%s %lld is out of range [0, %lld]", what, static_cast<long long>(value), static_cast<long long>(most));
    return false;
  }
  cpu::CtcSample sample(const Place& p, int64_t n) const {
    return {
        logProbs + n * stepN * itemSize, targets + p.firstLabel, stepT, p.frames, classes, p.labels, blank, p.width};
  }
  bool checkLabels(Exec& exec, const Place& p) const {
    for (int64_t i = 0; i < p.labels; i++) {
      const int64_t label = targets[p.firstLabel + i];
      if (label >= 0 && label < classes) continue;
      exec.fail("target class %lld is out of range [0, %lld)", static_cast<long long>(label),
                static_cast<long long>(classes));
      return false;
    }
    return true;
  }
  void* scratch(const Place& p) const {
    return ThreadPool::threadScratch(static_cast<size_t>(6 * (p.width + 16) * itemSize));
  }
};

void writeReal(char* p, bool isDouble, double value) {
  if (isDouble)
    *reinterpret_cast<double*>(p) = value;
  else
    *reinterpret_cast<float*>(p) = static_cast<float>(value);
}
double readReal(const char* p, bool isDouble) {
  return isDouble ? *reinterpret_cast<const double*>(p) : static_cast<double>(*reinterpret_cast<const float*>(p));
}

// The gradient of one batch, frame by frame.
struct GradientRows {
  const cpu::KernelTable* kernels;
  Batch batch;
  char *gradient, *shares;
  int64_t stepT, stepN, rowsPerChunk, blocks;
  bool isDouble, streamed;

  static constexpr int64_t kStaged = 4096;

  // exp(logProbs) * scale; large gradients go past the caches.
  void spread(const char* in, char* out, double scale) const {
    const auto kernel = kernels->ctc.spread[isDouble];
    if (!streamed) return kernel(in, out, scale, batch.classes);
    alignas(64) char staged[kStaged];
    const int64_t bytes = batch.classes * batch.itemSize;
    for (int64_t at = 0; at < bytes; at += kStaged) {
      const int64_t part = std::min(kStaged, bytes - at);
      kernel(in + at, staged, scale, part / batch.itemSize);
      kernels->copy.stream(out + at, staged, part);
    }
  }
  void run(int64_t chunk, const Place* places, const double* scales) const {
    const int64_t n = chunk / blocks, first = chunk % blocks * rowsPerChunk;
    const int64_t last = std::min(batch.frames, first + rowsPerChunk), item = batch.itemSize;
    const Place& p = places[n];
    const cpu::CtcSample sample = batch.sample(p, n);
    for (int64_t t = first; t < last; t++) {
      char* out = gradient + (t * stepT + n * stepN) * item;
      if (t >= p.frames) {
        std::memset(out, 0, static_cast<size_t>(batch.classes * item));
        continue;
      }
      spread(batch.logProbs + (t * batch.stepT + n * batch.stepN) * item, out, scales[n]);
      kernels->ctc.take[isDouble](sample, shares + (p.firstCell + 2 * p.width * t) * item, out, scales[n]);
    }
    if (streamed) storeFence();
  }
};

}  // namespace

void ctcLoss(Context& ctx, const Tensor& losses, const Tensor& cells, const Tensor& logProbs, const Tensor& targets,
             const Tensor& inputLengths, const Tensor& targetLengths, int64_t blank, bool zeroInfinity) {
  const Batch batch(logProbs, targets, inputLengths, targetLengths, blank);
  const Scratch scratch = ctx.scratch(static_cast<size_t>(batch.samples) * sizeof(Place));
  Place* places = scratch.as<Place>();
  const bool isDouble = logProbs.dtype == DType::kFloat64;
  const auto forward = ctx.kernels.ctc.forward[isDouble];
  ctx.stream.enqueue("ctcLoss", {&losses, &cells}, {&logProbs, &targets, &inputLengths, &targetLengths},
                     [=, to = losses.data, cell = cells.data](Exec& exec) {
                       if (!batch.arrange(exec, places)) return;
                       exec.parallelFor(batch.samples, [&](int64_t n) {
                         const Place& p = places[n];
                         if (!batch.checkLabels(exec, p)) return;
                         double loss =
                             forward(batch.sample(p, n), cell + p.firstCell * batch.itemSize, batch.scratch(p));
                         if (zeroInfinity && loss == INFINITY) loss = 0;
                         writeReal(to + n * batch.itemSize, isDouble, loss);
                       });
                     });
}

void ctcLossBackward(Context& ctx, const Tensor& gradX, const Tensor& gradLosses, const Tensor& logProbs,
                     const Tensor& cells, const Tensor& targets, const Tensor& inputLengths,
                     const Tensor& targetLengths, int64_t blank, bool zeroInfinity) {
  const Batch batch(logProbs, targets, inputLengths, targetLengths, blank);
  const auto shareBytes = static_cast<size_t>(cells.numel() * batch.itemSize);
  const Scratch sharing = ctx.scratch(shareBytes);
  const Scratch scratch = ctx.scratch(static_cast<size_t>(batch.samples) * (sizeof(Place) + sizeof(double)));
  Place* places = scratch.as<Place>();
  double* scales = reinterpret_cast<double*>(places + batch.samples);
  const bool isDouble = logProbs.dtype == DType::kFloat64;
  GradientRows rows{&ctx.kernels,     batch, gradX.data, sharing.as<char>(), gradX.strides[0],
                    gradX.strides[1], 1,     1,          isDouble,           false};
  rows.rowsPerChunk = std::max<int64_t>(1, 32768 / batch.classes);
  rows.blocks = ceilDiv(batch.frames, rows.rowsPerChunk);
  const auto aligned = [&](int64_t elements) { return elements * batch.itemSize % 64 == 0; };
  rows.streamed = ctx.kernels.copy.stream && aligned(rows.stepT) && aligned(rows.stepN) &&
                  reinterpret_cast<uintptr_t>(gradX.data) % 64 == 0 &&
                  static_cast<size_t>(gradX.numel() * batch.itemSize) >= ctx.streamedBytes;
  const auto kernel = ctx.kernels.ctc.shares[isDouble];
  const Tensor* outs[] = {&gradX};
  const Tensor* ins[] = {&gradLosses, &logProbs, &cells, &targets, &inputLengths, &targetLengths};
  ctx.stream.enqueueList(
      "ctcLossBackward", outs, 1, ins, 6,
      [=, cell = cells.data, g = gradLosses.data, stepG = gradLosses.strides[0]](Exec& exec) {
        if (!batch.arrange(exec, places)) return;
        exec.parallelFor(batch.samples, [&](int64_t n) {
          Place& p = places[n];
          const int64_t at = p.firstCell * batch.itemSize;
          const cpu::CtcOutcome outcome = kernel(batch.sample(p, n), cell + at, rows.shares + at, batch.scratch(p));
          scales[n] = outcome == cpu::kCtcPossible ? readReal(g + n * stepG * batch.itemSize, isDouble) : NAN;
          if (outcome == cpu::kCtcImpossible && zeroInfinity) p.frames = 0;
        });
        exec.parallelFor(batch.samples * rows.blocks, [&](int64_t chunk) { rows.run(chunk, places, scales); });
      });
}

}  // namespace nabla::ops
