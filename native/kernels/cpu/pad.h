// Borders around a tensor: contract.
#pragma once
#include <cstdint>

namespace nabla::cpu {

// Two axes of a padded tensor, `rows` of `width` pixels. Source positions of each: -1 where the value goes.
struct PadPlane {
  char* out;
  const char* in;                 // null: all is border
  int64_t outRow, inRow, inStep;  // bytes between rows of out and in, and between pixels of in
  int64_t block;                  // elements of a pixel, side by side in both
  const int64_t* rows;            // [rows]
  const int64_t* columns;         // [width]
  int64_t width;
  int64_t begin, end;  // columns [begin, end) are a run of neighbours of `in`
  alignas(8) char value[8];
};

// One padded row of a gradient, added to the row it came from.
struct PadFold {
  void* out;
  const void* gradient;
  int64_t gradientStep;  // elements between pixels
  int64_t block;
  const int64_t* columns;  // as above
  int64_t width, begin, end;
};

struct PadKernels {
  // By log2 of the element's bytes: rows [from, to).
  void (*pad[4])(const PadPlane& plane, int64_t from, int64_t to);
  void (*fold[2])(const PadFold& row);
};

}  // namespace nabla::cpu
