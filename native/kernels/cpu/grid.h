// Images sampled at the points of a grid: contract. Channels lie innermost in the image and in the result.
#pragma once
#include <cstdint>

namespace nabla::cpu {

struct GridImage {
  int dims;                   // 2 or 3
  int64_t size[3], steps[3];  // of the axes x, y, z: pixels, and elements between them
  int64_t channels;
  int32_t sampling;  // 0 linear, 1 nearest, 2 cubic (dims 2)
  int32_t padding;   // 0 zeros, 1 border, 2 reflection
  bool align;
};

struct GridKernels {
  // By DType: float32, float64. `grid`: [points, dims] from x on; `out`, `gradient`: [points, channels].
  void (*sample[2])(const GridImage& g, const void* image, const void* grid, void* out, int64_t points);
  // Adds channels [from, to) of the gradient to the image they came from.
  void (*scatter[2])(const GridImage& g, void* imageGradient, const void* grid, const void* gradient, int64_t points,
                     int64_t from, int64_t to);
  // The gradient of the points.
  void (*points[2])(const GridImage& g, const void* image, const void* grid, const void* gradient, void* gridGradient,
                    int64_t points);
};

}  // namespace nabla::cpu
