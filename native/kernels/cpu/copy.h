// Copy, conversion, fill: contract.
#pragma once
#include "rect.h"

namespace nabla::cpu {

struct CopyKernels {
  RectFn convert[kElementTypes][kElementTypes];  // [output][input]; the same type on both sides moves bits
  // out[i * stride] = start + (first + i) * step, i < n
  // Copies past the caches, for what nobody reads soon; `out` lies on a 64-byte boundary. A store fence must follow.
  // Null where there is no such instruction.
  void (*stream)(char* out, const char* in, int64_t bytes);
  void (*arange[kElementTypes])(char* out, int64_t stride, int64_t first, int64_t n, double start, double step);
};

}  // namespace nabla::cpu
