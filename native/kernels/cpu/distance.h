// Distances between rows in a p-norm: contract.
#pragma once
#include "rect.h"

namespace nabla::cpu {

// Rows of m elements; b has n of them, one after the other.
struct DistanceFunctions {
  // out[j] = |a - b[j]|
  void (*forward)(char* out, const char* a, const char* b, int64_t n, int64_t m, double p);
  // grad[k] = sum over j of g[j * step] * d dist[j * step] / d a[k], the sums in blocks of rows.
  void (*backward)(char* grad, const char* g, const char* dist, int64_t step, const char* a, const char* b, int64_t n,
                   int64_t m, double p);
};

struct DistanceKernels {
  DistanceFunctions run[kElementTypes];  // floating point
};

}  // namespace nabla::cpu
