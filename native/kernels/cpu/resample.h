// Linear maps along the axes of images, for interpolation: contract.
#pragma once
#include <cstdint>

namespace nabla::cpu {

// Along one axis: output o is the sum over k < count[o] of weights[k * size + o] times input first[o] + k.
struct ResampleTaps {
  int64_t size;  // outputs
  int64_t most;  // the largest count
  const int32_t* first;
  const int32_t* count;
  const void* weights;  // of the image's type
  bool identity;        // output o is input o
  // Vectors of inputs that hold the first tap of any vector of outputs: 1, 2, or 0 for more.
  int32_t reach;
};

struct ResampleImage {
  const void* in;
  void* out;
  int64_t planeStep, rowStep;  // elements between the planes (3-d) and the rows of `in`
  int64_t width;               // pixels of a row of `in`
  int64_t inner;               // elements of a pixel, which lie side by side in both images
  ResampleTaps depth, height, row;
  // Stores past the caches, where rows allow it: whole vectors of pixels, on boundaries of vectors. A fence must
  // follow.
  bool stream;
  void* scratch;  // width * inner elements
};

struct ResampleKernels {
  // Output rows [from, to), counted over planes and rows. By DType: float32, float64.
  void (*rows[2])(const ResampleImage& image, int64_t from, int64_t to);
  int32_t lanes[2];
};

}  // namespace nabla::cpu
