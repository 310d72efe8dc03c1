// Batch normalization over dimension 1 of [N, C, ...]. x, out and their gradients are dense and laid out alike: either
// as the shape says or with the channels innermost (channels last). Parameters and statistics are [C], any stride.
#pragma once
#include "context.h"

namespace nabla::ops {

// training: normalizes by the batch's mean and biased variance and moves the running statistics (nullable; unbiased
// variance) by `momentum`. Otherwise the running statistics normalize. saveMean, saveInvStd: what was used, for
// backward.
void batchNorm(Context& ctx, const Tensor& out, const Tensor& x, const Tensor* weight, const Tensor* bias,
               const Tensor* runningMean, const Tensor* runningVar, const Tensor* saveMean, const Tensor* saveInvStd,
               double momentum, double eps, bool training);
// Outputs that are null are left out.
void batchNormBackward(Context& ctx, const Tensor* gradX, const Tensor* gradWeight, const Tensor* gradBias,
                       const Tensor& gradOut, const Tensor& x, const Tensor* weight, const Tensor& mean,
                       const Tensor& invStd, bool training);

}  // namespace nabla::ops
