// 2-d pooling. x, out, indices and their gradients are [N, C, H, W], dense, channels last in memory. `indices` holds
// the position inside the window (row by row) that was the maximum: uint8 for windows of up to 256 positions, else
// int32.
#pragma once
#include "context.h"

namespace nabla::ops {

void maxPool2d(Context& ctx, const Tensor& out, const Tensor& indices, const Tensor& x, int64_t kernelH,
               int64_t kernelW, int64_t strideH, int64_t strideW, int64_t padH, int64_t padW, int64_t dilationH,
               int64_t dilationW);
void maxPool2dBackward(Context& ctx, const Tensor& gradX, const Tensor& gradOut, const Tensor& indices, int64_t kernelH,
                       int64_t kernelW, int64_t strideH, int64_t strideW, int64_t padH, int64_t padW, int64_t dilationH,
                       int64_t dilationW);
// out (int64, laid out as indices) = h * width + w of each maximum in its input plane.
void maxPoolIndices(Context& ctx, const Tensor& out, const Tensor& indices, int64_t width, int64_t kernelW,
                    int64_t strideH, int64_t strideW, int64_t padH, int64_t padW, int64_t dilationH, int64_t dilationW);
// divisorOverride 0: divide by the size of the window.
void avgPool2d(Context& ctx, const Tensor& out, const Tensor& x, int64_t kernelH, int64_t kernelW, int64_t strideH,
               int64_t strideW, int64_t padH, int64_t padW, bool countIncludePad, int64_t divisorOverride);
void avgPool2dBackward(Context& ctx, const Tensor& gradX, const Tensor& gradOut, int64_t kernelH, int64_t kernelW,
                       int64_t strideH, int64_t strideW, int64_t padH, int64_t padW, bool countIncludePad,
                       int64_t divisorOverride);

}  // namespace nabla::ops
