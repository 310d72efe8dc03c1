// Look-ups by index: contract. Indices are checked here; nothing is read or written through a bad one.
#pragma once
#include "rect.h"

namespace nabla::cpu {

// The dimension an index counts along. The nest leaves it out of the operand it is applied to; scatterAdd walks it for
// index and source as well, because the order of additions must not depend on the nest.
struct IndexAxis {
  int64_t size;    // indices are in [0, size)
  int64_t stride;  // of the operand that is looked up or added to
  int64_t length, indexStride, srcStride;
};

// False: *bad is an index out of range.
using IndexFn = bool (*)(const Rect& rect, const IndexAxis& axis, int64_t* bad);

// The last subscript is 0 for int32 indices, 1 for int64.
struct IndexKernels {
  IndexFn gather[4][2];                  // log2 of the item size; operands: out, index, in
  IndexFn scatterAdd[kElementTypes][2];  // operands: out, index, source
  IndexFn oneHot[2];                     // int64 rows of axis.size classes; operands: out, index
};

}  // namespace nabla::cpu
