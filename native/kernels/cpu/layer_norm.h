// Normalization of rows that lie one behind the other: contract. Dtype tables: [0] float32, [1] float64; every pointer
// is of that type.
#pragma once
#include <stdint.h>

namespace nabla::cpu {

struct LayerNormKernels {
  // out = (x - mean) * rstd * weight + bias; weight and bias may be null. mean null: nothing is subtracted, and rstd is
  // one over the root of the mean square. mean and rstd take one number per row.
  void (*forward[2])(int64_t rows, int64_t width, double eps, const void* x, const void* weight, const void* bias,
                     void* out, void* mean, void* rstd);
  // gradX (may be null) is written; the sums over the rows of gradOut * normalized x and of gradOut are written to
  // gradWeight and gradBias [width], which may be null. Rows: few enough for sums in the element type.
  void (*backward[2])(int64_t rows, int64_t width, const void* gradOut, const void* x, const void* weight,
                      const void* mean, const void* rstd, void* gradX, void* gradWeight, void* gradBias);
};

}  // namespace nabla::cpu
