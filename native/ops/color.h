// Colours, blur and erasing of images [N, C, H, W]: contiguous tensors of uint8, float32 or float64. Tables of
// parameters are float64 with a row for each image, or one row for all.
#pragma once
#include "context.h"

namespace nabla::ops {

// steps: [N or 1, K, 3], see cpu::ColorStep. `whole`: some step looks at the whole image first.
void colorChain(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& steps, bool whole);

// (x * scale - mean) / std for each channel; table: [C, 2] with the mean and 1 / std.
void normalizeImage(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& table, double scale);

// factors: [N or 1]; NaN leaves an image as it is.
void sharpen(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& factors);

// weights: [N or 1, rows + columns], the kernel down and along; NaN leaves an image as it is.
void gaussianBlur(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& weights, int64_t rows,
                  int64_t columns);

// boxes: [N or 1, 4] with top, left, height and width, inside the image. values: [N or 1, C, 1 or H, 1 or W] in the
// dtype of x; where it has pixels, each erased one gets its own.
void eraseImage(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& boxes, const Tensor& values);

}  // namespace nabla::ops
