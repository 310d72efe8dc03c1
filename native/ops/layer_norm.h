// Normalization of rows (layer, RMS) and of groups of channels (group, instance).
#pragma once
#include "context.h"

namespace nabla::ops {

// x and out are contiguous, [..., width]; weight and bias are contiguous, [width], or null. mean, rstd: one number per
// row, kept for backward. Without a mean: RMS normalization.
void layerNorm(Context& ctx, const Tensor& out, const Tensor& x, const Tensor* weight, const Tensor* bias,
               const Tensor* mean, const Tensor& rstd, int64_t width, double eps);
void layerNormBackward(Context& ctx, const Tensor* gradX, const Tensor* gradWeight, const Tensor* gradBias,
                       const Tensor& gradOut, const Tensor& x, const Tensor* weight, const Tensor* mean,
                       const Tensor& rstd, int64_t width);

// x [N, C, ...] in `groups` groups of channels; x, out and the gradients are dense and laid out alike: as the shape
// says, or with the channels innermost. mean, rstd [N, groups]; weight, bias [C], contiguous, or null.
void groupNorm(Context& ctx, const Tensor& out, const Tensor& x, const Tensor* weight, const Tensor* bias,
               const Tensor& mean, const Tensor& rstd, int64_t groups, double eps);
void groupNormBackward(Context& ctx, const Tensor* gradX, const Tensor* gradWeight, const Tensor* gradBias,
                       const Tensor& gradOut, const Tensor& x, const Tensor* weight, const Tensor& mean,
                       const Tensor& rstd, int64_t groups);

}  // namespace nabla::ops
