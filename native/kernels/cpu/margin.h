// Margins between the classes that a row has and those that it has not: contract. Tables: [0] float32, [1] float64.
#pragma once
#include <stdint.h>

namespace nabla::cpu {

struct MarginKernels {
  // One row of `classes` scores; `count` classes that it has (in range, a class may occur twice). Returns the sum over
  // them and over all others i of max(0, 1 - x[own] + x[i]), through `classes`; slopes: its derivative. others: scratch
  // of a row.
  double (*multilabel[2])(const void* x, const int64_t* own, int64_t count, int64_t classes, void* slopes,
                          void* others);
};

}  // namespace nabla::cpu
