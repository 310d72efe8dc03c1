// Variance and mean over any axes: contract.
#pragma once
#include "reduce.h"

namespace nabla::cpu {

// Of the elements seen so far: how many, their mean, the sum of squared deviations from it.
struct Moments {
  double count, mean, squares;
};

// Accumulators are Moments, zeros at first. `combine` and `accumulate` as in ReduceFunctions.
struct VarianceFunctions {
  void (*accumulate)(char* acc, const ReduceRect& rect);
  void (*combine)(char* acc, const char* later, int64_t n);
  // squares / max(0, count - correction), and the mean unless `mean` is null; both with this stride.
  void (*finish)(char* out, char* mean, int64_t stride, const char* acc, int64_t n, double correction);
};

struct VarianceKernels {
  VarianceFunctions run[kElementTypes];  // floating point
};

}  // namespace nabla::cpu
