// Look-ups by index: contract. Indices are checked here; nothing is read or written through a bad one.
#pragma once
#include "rect.h"

namespace nabla::cpu {

// The dimension an index counts along. The nest leaves it out of the operand it is applied to; scatter walks it for
// index and source as well, because the order of additions must not depend on the nest.
struct IndexAxis {
  int64_t size;    // indices are in [0, size), or [-size, size) where negative ones count from the end
  int64_t stride;  // of the operand that is looked up or changed
  bool negative;
  int64_t length, indexStride, srcStride;
};

// False: *bad is an index out of range.
using IndexFn = bool (*)(const Rect& rect, const IndexAxis& axis, int64_t* bad);

// What happens to an element that an index names. Integers wrap, bool adds as "or"; max and min keep NaN.
enum ScatterMode { kScatterSet, kScatterAdd, kScatterMul, kScatterMax, kScatterMin, kScatterModes };

// A list of places in a target, and the order in which they are taken: position k of the list is order[k], or k.
struct PlaceList {
  const int64_t* offsets;  // in elements of the target
  const int64_t* order;    // null: as they come
  int64_t first, last;     // positions
  int64_t srcStride;       // between the rows of the source
};

// The last subscript is 0 for int32 indices, 1 for int64.
struct IndexKernels {
  IndexFn gather[4][2];  // log2 of the item size; operands: out, index, in
  // The same past the caches, where each row has one index and is contiguous in `out` (aligned to 64 bytes, a multiple
  // of them long) and in `in`. Null: there is none.
  IndexFn gatherRows[4][2];
  IndexFn scatter[kScatterModes][kElementTypes][2];  // operands: out, index, source
  IndexFn oneHot[2];                                 // int64 rows of axis.size classes; operands: out, index
  // Operands: out (int64), index. out = or += index * axis.stride.
  IndexFn offsets[2][2];  // [add][index type]
  // Rows of the source to places of the target; the rectangle spans one row. Operands: target, source.
  using RowsFn = void (*)(const Rect& rect, const PlaceList& places);
  RowsFn rows[kScatterModes][kElementTypes];
  // Of n bytes: how many are not 0; their positions, from `base` on.
  int64_t (*countTrue)(const uint8_t* mask, int64_t n);
  void (*positions)(int64_t* out, const uint8_t* mask, int64_t n, int64_t base);
  // out[i * s0 + d * s1] = coordinate d of element positions[i] of a row-major tensor.
  void (*unravel)(int64_t* out, int64_t s0, int64_t s1, const int64_t* positions, int64_t n, const int64_t* shape,
                  int ndim);
};

}  // namespace nabla::cpu
