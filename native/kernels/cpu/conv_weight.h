// Kernels for the weight gradient of a convolution: contract. Element type 0 is float32, 1 is float64.
#pragma once
#include <cstdint>

namespace nabla::cpu {

// sums[t][:] += sum over result pixels (s, r, c) of x[s, r, c, offset(t)] * grad[s, r, c, :]. Each call sums in fresh
// registers, so that the caller's pixels per call bound the length of a chain of float additions.
struct ConvWeight {
  const void* x;
  int64_t xSlice, xRow, xCol;  // steps of one result slice, row and column
  const void* grad;            // whole vectors may be read
  int64_t gradSlice, gradRow, gradCol;
  void* sums;
  int64_t sumsStride;
  int64_t slices, rows, cols;
  int64_t taps;
  const int64_t* offsets;  // of the taps in x; null: 0, 1, 2, ...
  int64_t vectors;
  int64_t tileVectors;  // at most ConvTiling::maxVectors
};

// out[r][c] = sum over i < parts of sums[i * partStride + r * sumsStride + c], in that order.
struct ConvReduce {
  const void* sums;
  int64_t parts, partStride, sumsStride;
  int64_t rows, cols;
  void* out;
  int64_t outStride;
};

struct ConvWeightKernels {
  void (*weight[2])(const ConvWeight&);
  void (*depthwise[2])(const ConvWeight&);  // x is read by vectors too: x[s, r, c, offset(t) + channel]
  void (*bias[2])(const ConvWeight&);       // sums[:] += sum of grad
  void (*reduce[2])(const ConvReduce&);
};

}  // namespace nabla::cpu
