// What an elementwise kernel gets: a rectangle of a loop nest.
#pragma once
#include <stdint.h>

namespace nabla::cpu {

constexpr int kOperands = 4;
constexpr int kElementTypes = 9;  // the order of nabla::DType

// Element (i, j), i < n1, j < n0, of operand k is element i * s1[k] + j * s0[k] from p[k]. Operand 0 is the output;
// an operand may be the output itself, but never overlaps it in part. Strides may be 0, except the output's.
struct Rect {
  int64_t n0, n1;
  char* p[kOperands];
  int64_t s0[kOperands], s1[kOperands];
};

using RectFn = void (*)(const Rect& rect);

}  // namespace nabla::cpu
