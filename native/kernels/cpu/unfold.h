// Sliding windows of images as columns (im2col) and back (col2im): contract.
#pragma once
#include <cstdint>

namespace nabla::cpu {

struct UnfoldShape {
  int64_t height, width;
  int64_t kernelH, kernelW, dilationH, dilationW, padH, padW, strideH, strideW;
  int64_t outH, outW;  // window positions
};

// One image plane (a channel of a sample) and its kernelH * kernelW rows of columns. Strides in elements.
struct UnfoldPlane {
  void* image;
  int64_t imageRow, imageCol;
  void* columns;  // row (i, j) of the window starts at columns + (i * kernelW + j) * columnsRow
  int64_t columnsRow, columnsCol;
  void* scratch;  // height * width elements, used where imageCol is not 1
};

struct UnfoldKernels {
  // By DType: float32, float64. unfold writes every element of columns, fold every element of image.
  void (*unfold[2])(const UnfoldShape& shape, const UnfoldPlane& plane);
  void (*fold[2])(const UnfoldShape& shape, const UnfoldPlane& plane);
};

}  // namespace nabla::cpu
