// Connectionist temporal classification: contract. Tables by dtype: [0] float32, [1] float64.
#pragma once
#include <stdint.h>

namespace nabla::cpu {

// One sample. A path alternates between `count + 1` blanks and `count` labels. What belongs to a frame is kept as a row
// of 2 * width numbers: blank i at [i], and label i, which lies behind it, at [width + 1 + i]; [width] is never
// reached.
struct CtcSample {
  const void* logProbs;   // of frame 0; classes lie side by side
  const int64_t* labels;  // in [0, classes)
  int64_t step;           // elements between frames
  int64_t frames, classes, count, blank;
  int64_t width;  // 1 + count rounded up to a multiple of 16, at least 17
};

enum CtcOutcome : int { kCtcPossible, kCtcImpossible, kCtcNan };

// scratch: 6 rows of width + 16 elements, in the kernel's dtype.
struct CtcKernels {
  // cells [frames][2 * width]: logarithm of the probability of all paths that end there, less a number per frame.
  // Returns the negative logarithm of the probability of the labels.
  double (*forward[2])(const CtcSample& s, void* cells, void* scratch);
  // shares [frames][2 * width]: the part of the paths that pass there, from cells.
  CtcOutcome (*shares[2])(const CtcSample& s, const void* cells, void* shares, void* scratch);
  // out = exp(logProbs) * scale for n classes side by side.
  void (*spread[2])(const void* logProbs, void* out, double scale, int64_t n);
  // Takes scale * shares (of one frame) away from the gradients of the classes.
  void (*take[2])(const CtcSample& s, const void* shares, void* gradient, double scale);
};

}  // namespace nabla::cpu
