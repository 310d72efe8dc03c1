// Copy, conversion, fill: contract.
#pragma once
#include "rect.h"

namespace nabla::cpu {

struct CopyKernels {
  RectFn convert[kElementTypes][kElementTypes];  // [output][input]; the same type on both sides moves bits
  // out[i * stride] = start + (first + i) * step, i < n
  void (*arange[kElementTypes])(char* out, int64_t stride, int64_t first, int64_t n, double start, double step);
};

}  // namespace nabla::cpu
