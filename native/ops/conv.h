// Convolution, NCHW and OIHW by name; x, out and their gradients lie channels-last, weights and their gradient HWIO
// (strides: O 1, I O, W I * O, H kernelWidth * I * O, with I = channels / groups). The caller makes sure of that.
#pragma once
#include "context.h"

namespace nabla::ops {

// activation: 0 none, 1 relu.
void conv2d(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor* bias, int64_t strideH,
            int64_t strideW, int64_t padH, int64_t padW, int64_t dilationH, int64_t dilationW, int64_t groups,
            int64_t activation);

void conv2dBackwardInput(Context& ctx, const Tensor& gradX, const Tensor& gradOut, const Tensor& weight,
                         int64_t strideH, int64_t strideW, int64_t padH, int64_t padW, int64_t dilationH,
                         int64_t dilationW, int64_t groups);

// gradBias may be null.
void conv2dBackwardWeight(Context& ctx, const Tensor& gradWeight, const Tensor* gradBias, const Tensor& gradOut,
                          const Tensor& x, int64_t strideH, int64_t strideW, int64_t padH, int64_t padW,
                          int64_t dilationH, int64_t dilationW, int64_t groups);

}  // namespace nabla::ops
