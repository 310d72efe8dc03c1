// 2-d pooling on channels-last images: contract. Images are dense [N, H, W, C]; a "row" is one row of one image, so
// there are N * H rows. Dtype tables: [0] float32, [1] float64. Index tables: [0] one byte, [1] int32 for windows of
// more than 256 positions; an index is the position in the window, row by row.
#pragma once
#include <stdint.h>

namespace nabla::cpu {

struct PoolShape {
  int64_t channels, height, width, outHeight, outWidth;
  int64_t kernelH, kernelW, strideH, strideW, padH, padW, dilationH, dilationW;
  bool countIncludePad;     // average: divide by the window with its padding
  int64_t divisorOverride;  // average: divide by this when it is not 0
};

struct PoolKernels {
  // Output rows [row0, row1). NaN wins, the last one; a window without any element gives -infinity.
  void (*max[2][2])(const PoolShape& s, const void* x, void* out, void* indices, int64_t row0, int64_t row1);
  // Input rows [row0, row1): every element gathers from the windows that chose it.
  void (*maxBackward[2][2])(const PoolShape& s, const void* gradOut, const void* indices, void* gradX, int64_t row0,
                            int64_t row1);
  // Output rows [row0, row1): window position to h * width + w.
  void (*maxIndices[2])(const PoolShape& s, const void* indices, int64_t* out, int64_t row0, int64_t row1);
  // Output rows [row0, row1).
  void (*average[2])(const PoolShape& s, const void* x, void* out, int64_t row0, int64_t row1);
  // Input rows [row0, row1).
  void (*averageBackward[2])(const PoolShape& s, const void* gradOut, void* gradX, int64_t row0, int64_t row1);
};

}  // namespace nabla::cpu
