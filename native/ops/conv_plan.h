// Geometry that the three passes of a convolution share.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "context.h"

namespace nabla::ops {

// The result positions first, first + step, ... of one axis, as a convolution without stride holes:
// result i reads source positions origin + i * sourceStep + j * dilation with kernel tap firstTap + j * tapStep.
struct ConvPhase {
  int64_t first, count;
  int64_t taps, firstTap, tapStep;
  int64_t origin, dilation;
};

// One axis. Backwards (a transposed convolution), source is the output's gradient and result the input's: result
// positions that differ by a multiple of the stride read the same taps, which gives `stride` phases.
struct ConvAxis {
  bool backward;
  int64_t source, result, kernel, stride, pad, dilation;

  int64_t phases() const { return backward ? stride : 1; }
  int64_t sourceStep() const { return backward ? 1 : stride; }
  int64_t resultStep() const { return backward ? stride : 1; }

  ConvPhase phase(int64_t p) const {
    if (!backward) return {0, result, kernel, 0, 1, -pad, dilation};
    ConvPhase phase{};
    phase.first = p;
    phase.count = p < result ? (result - p + stride - 1) / stride : 0;
    const int64_t divisor = gcd(stride, dilation), period = stride / divisor;
    int64_t tap = 0;
    while (tap < kernel && tap < period && (p + pad - tap * dilation) % stride != 0) tap++;
    if (tap >= kernel || tap >= period) return phase;  // no tap reaches these positions
    phase.taps = (kernel - tap + period - 1) / period;
    phase.dilation = dilation / divisor;
    phase.firstTap = tap + (phase.taps - 1) * period;
    phase.tapStep = -period;
    phase.origin = (p + pad - tap * dilation) / stride - (phase.taps - 1) * phase.dilation;
    return phase;
  }

  // Over all phases: first source position of result 0, last one, and the largest count.
  struct Reach {
    int64_t low, high, count;
  };
  Reach reach() const {
    Reach all{INT64_MAX, INT64_MIN, 0};
    for (int64_t p = 0; p < phases(); p++) {
      const ConvPhase one = phase(p);
      all.count = std::max(all.count, one.count);
      if (one.taps == 0 || one.count == 0) continue;
      all.low = std::min(all.low, one.origin);
      all.high = std::max(all.high, one.origin + (one.taps - 1) * one.dilation);
    }
    if (all.low > all.high) all.low = all.high = 0;
    return all;
  }

  static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
      const int64_t rest = a % b;
      a = b;
      b = rest;
    }
    return a;
  }
};

// A pass over the input x of a convolution and its output (or their gradients). Sequences and images are volumes whose
// missing axes have size one.
struct ConvProblem {
  int64_t images, groups;
  ConvAxis d, h, w;

  // `sizes` as in conv.h.
  ConvProblem(bool backward, const Tensor& x, const Tensor& weight, const Tensor& out, std::span<const int32_t> sizes)
      : images(x.shape[0]), groups(sizes[9]) {
    ConvAxis* const axes[] = {&d, &h, &w};
    for (int i = 0; i < 3; i++) {
      const int at = x.ndim - 3 + i;
      const auto size = [at](const Tensor& t) { return at >= 2 ? t.shape[at] : int64_t{1}; };
      const int64_t source = size(backward ? out : x), result = size(backward ? x : out);
      *axes[i] = {backward, source, result, size(weight), sizes[i], sizes[3 + i], sizes[6 + i]};
    }
    joinAxes();
  }

  // One slice per image.
  bool flat() const { return d.source == 1 && d.result == 1 && d.kernel == 1 && d.pad == 0; }

 private:
  static bool idle(const ConvAxis& a) { return a.kernel == 1 && a.stride == 1 && a.pad == 0 && a.source == a.result; }
  // Neighbouring axes in memory on which nothing happens are one axis: a kernel of one is a matrix product over all
  // pixels, and a kernel without depth takes slices for images.
  void joinAxes() {
    if (idle(d)) images *= d.source, d.source = d.result = 1;
    if (!idle(h) || !idle(w)) return;
    w.source *= std::exchange(h.source, 1);
    if (flat()) w.source *= std::exchange(images, 1);
    w.result = w.source, h.result = 1;
  }
};

// The tensors of a flat problem, as Winograd's passes take them.
inline Tensor imagesOf(const Tensor& t, int64_t images, int64_t height, int64_t width) {
  Tensor flat = t;
  flat.ndim = 4;
  flat.shape[0] = images, flat.shape[2] = height, flat.shape[3] = width;
  return flat;
}

// What happens to a result at last: with relu it is brought into [0, most].
struct Activation {
  bool relu;
  double most;
};

inline Activation activationOf(int64_t code) {
  return {code == 1 || code == 2, code == 2 ? 6.0 : std::numeric_limits<double>::infinity()};
}

// Other activations go over rows that were just finished and lie in the caches, with the kernels of the ops that have
// their names and therefore their bits.
struct RowActivation {
  cpu::ActivationFn withParams;
  cpu::RectFn plain;
  explicit operator bool() const { return withParams || plain; }
  void run(char* data, int64_t rows, int64_t step, int64_t width) const {
    const cpu::Rect rect{width, rows, {data, data}, {1, 1}, {step, step}};
    withParams ? withParams(rect, {}) : plain(rect);
  }
};

inline RowActivation rowActivationOf(const cpu::KernelTable& kernels, int64_t code, DType dtype) {
  constexpr int kOps[] = {cpu::kSilu, cpu::kHardswish, cpu::kHardsigmoid, cpu::kGelu};
  if (code < 3) return {};
  if (code == 7) return {nullptr, kernels.unary.run[cpu::kSigmoid][static_cast<int>(dtype)]};
  return {kernels.activation.forward[kOps[code - 3]][dtype == DType::kFloat64], nullptr};
}

inline int64_t roundUp(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// Sizes and starts of `count` things split into `pieces` parts that differ by at most one.
struct ConvSplit {
  int64_t count, pieces;
  int64_t start(int64_t i) const { return i * (count / pieces) + std::min(i, count % pieces); }
  int64_t size(int64_t i) const { return start(i + 1) - start(i); }
};

// Whether a grouped convolution goes lane by lane (inputs spread over the lanes of their results) instead of group by
// group. Cycles per pixel: a vector per tap, input and vector of results here, per group there; spreading has its
// price.
inline bool goesByLane(int64_t groups, int64_t taps, int64_t depth, int64_t width, int64_t lanes) {
  if (groups == 1) return false;
  const double inputs = static_cast<double>(groups * depth), tapCount = static_cast<double>(taps);
  const bool byVector = depth <= width && width <= lanes && lanes % width == 0;
  const double spread = depth == 1 && width == 1 ? 0 : byVector ? 0.15 : 0.8;
  const double perGroup = tapCount * inputs * static_cast<double>(roundUp(width, lanes) / lanes);
  return inputs * static_cast<double>(width) * (1.3 * tapCount / static_cast<double>(lanes) + spread) < perGroup;
}

// Estimated cycles per reduction step of a register tile: multiply-adds, loads, or the latency of too few sums.
inline double tileCycles(const cpu::ConvTiling& tiling, int64_t rows, int64_t vectors) {
  const double wide = tiling.fmasPerCycle == 1;
  const double fmas = static_cast<double>(rows * vectors) / tiling.fmasPerCycle;
  const double loads = static_cast<double>(vectors) * (wide ? 1.0 : 0.5) + static_cast<double>(rows) * 0.5;
  return std::max({fmas, loads, 4.0});
}

// The number of vectors per tile that costs least for `rows` rows in a line, `vectors` vectors and sums of `depth`.
inline int64_t chooseTileVectors(const cpu::ConvTiling& tiling, int64_t rows, int64_t vectors, int64_t depth) {
  int64_t best = 1;
  double bestCost = 0;
  for (int64_t most = 1; most <= tiling.maxVectors; most++) {
    const ConvSplit blocks{vectors, (vectors + most - 1) / most};
    double cost = 0;
    for (int64_t b = 0; b < blocks.pieces; b += std::max<int64_t>(blocks.pieces - 1, 1)) {
      const int64_t width = blocks.size(b);
      const ConvSplit tiles{rows, (rows + tiling.maxRows[width] - 1) / tiling.maxRows[width]};
      const double overhead = 12 + 1.5 * static_cast<double>(tiles.size(0) * width);
      const double tile = tileCycles(tiling, tiles.size(0), width) * static_cast<double>(depth) + overhead;
      // The widest and the narrowest block stand for all.
      cost += tile * static_cast<double>(tiles.pieces * std::max<int64_t>(blocks.pieces / 2, 1));
    }
    if (best == 1 && most == 1) bestCost = cost;
    if (cost < bestCost) {
      best = most;
      bestCost = cost;
    }
  }
  return best;
}

}  // namespace nabla::ops
