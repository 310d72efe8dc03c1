// Gaussian blur of one plane, axis by axis: contract.
#pragma once
#include <cstdint>

namespace nabla::cpu {

struct BlurPlane {
  const void* in;
  void* out;
  int64_t height, width;
  int64_t rows, columns;  // of the kernel: odd, and half of each below height and width
  const double* weights;  // [rows + columns]
};

struct BlurKernels {
  // Rows [from, to), by uint8, float32, float64. `work`: workBytes of it.
  void (*blur[3])(const BlurPlane& plane, int64_t from, int64_t to, void* work);
  int64_t (*workBytes[3])(const BlurPlane& plane, int64_t rows);
};

}  // namespace nabla::cpu
