// Batch normalization over dimension 1 of [N, C, ...]. x, out and their gradients are dense and laid out alike: either
// as the shape says or with the channels innermost (channels last). Parameters and statistics are [C], any stride.
#pragma once
#include "context.h"

namespace nabla::ops {

// training: normalizes by the batch's mean and biased variance and moves the running statistics (nullable; unbiased
// variance) by `momentum`. Otherwise the running statistics normalize. Behind it an addend (nullable, laid out like x)
// and an activation: 0 none, 1 relu, 2 relu6. saveMean, saveInvStd: what was used, for backward; saveScale and
// saveShift (nullable): out = (x - mean) * scale + shift before addend and activation, to the bit.
void batchNorm(Context& ctx, const Tensor& out, const Tensor& x, const Tensor* weight, const Tensor* bias,
               const Tensor* addend, const Tensor* runningMean, const Tensor* runningVar, const Tensor* saveMean,
               const Tensor* saveInvStd, const Tensor* saveScale, const Tensor* saveShift, double momentum, double eps,
               bool training, int64_t activation);
// Outputs that are null are left out. With an activation (scale and shift as saved; no addend was there) gradOut is
// that behind it.
void batchNormBackward(Context& ctx, const Tensor* gradX, const Tensor* gradWeight, const Tensor* gradBias,
                       const Tensor& gradOut, const Tensor& x, const Tensor* weight, const Tensor& mean,
                       const Tensor& invStd, const Tensor* scale, const Tensor* shift, bool training,
                       int64_t activation);

}  // namespace nabla::ops
