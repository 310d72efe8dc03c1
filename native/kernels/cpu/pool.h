// Pooling over one to three axes of channels-last images: contract. Images are dense [N, D, H, W, C]; axes that are not
// there have size 1. A row is one line of W, so an input has N * D * H rows. Dtype tables: [0] float32, [1] float64.
// Place tables: [0] one byte, [1] int32 for windows of more than 256 positions; a place is the position of a maximum in
// its window, row by row.
#pragma once
#include <stdint.h>

namespace nabla::cpu {

struct PoolAxis {
  int64_t size, out;
  int64_t kernel, stride, pad,
      dilation;  // stride 0: adaptive, from floor(o * size / out) on; kernel: the longest window
};

struct PoolShape {
  int64_t channels;
  PoolAxis d, h, w;
  bool countIncludePad;     // average: divide by the window with its padding
  int64_t divisorOverride;  // average: divide by this when it is not 0
  bool rectified;           // max: a maximum that is not positive has place kDeadPlace, which no input is at
};

constexpr int kDeadPlace = 255;

// Rows [row0, row1), of each the columns [col0, col1).
struct PoolPart {
  int64_t row0, row1, col0, col1;
};

struct PoolKernels {
  // A part of the output. NaN wins, the last one; a window without any element gives -infinity.
  void (*max[2][2])(const PoolShape& s, const void* x, void* out, void* places, const PoolPart& part);
  // A part of the input: every element gathers from the windows that chose it.
  void (*maxBackward[2][2])(const PoolShape& s, const void* gradOut, const void* places, void* gradX,
                            const PoolPart& part);
  // A part of the output: place to (d * H + h) * W + w.
  void (*maxIndices[2])(const PoolShape& s, const void* places, int64_t* out, const PoolPart& part);
  // A part of the output.
  void (*average[2])(const PoolShape& s, const void* x, void* out, const PoolPart& part);
  // A part of the input.
  void (*averageBackward[2])(const PoolShape& s, const void* gradOut, void* gradX, const PoolPart& part);
  // Planes [plane0, plane1) of x [planes, D, H, W]: positions of the maxima of windows that start at random. `samples`
  // holds `axes` numbers in [0, 1) for each plane: of w and h, or of d, h and w.
  void (*fractional[2])(const PoolShape& s, const void* x, const void* samples, int64_t axes, int64_t* indices,
                        int64_t plane0, int64_t plane1);
};

}  // namespace nabla::cpu
