// Optimizer steps, one call over all parameters of a group. float32 and float64; the tensors that belong to one
// parameter lie densely and alike. Lists may be empty where noted. A step with a poisoned gradient changes nothing.
// Buffers must hold values before the first step too (zeros): a step that is not run leaves them as they are.
#pragma once
#include <span>

#include "context.h"

namespace nabla::ops {

// momentumBuffers: empty when momentum is 0. firstStep: the buffers become the gradients, as in PyTorch.
void sgdStep(Context& ctx, std::span<const Tensor> params, std::span<const Tensor> grads,
             std::span<const Tensor> momentumBuffers, double lr, double momentum, double dampening, double weightDecay,
             bool nesterov, bool maximize, bool firstStep);
// maxExpAvgSqs: empty without amsgrad. step counts from 1. decoupled: AdamW.
void adamStep(Context& ctx, std::span<const Tensor> params, std::span<const Tensor> grads,
              std::span<const Tensor> expAvgs, std::span<const Tensor> expAvgSqs, std::span<const Tensor> maxExpAvgSqs,
              double lr, double beta1, double beta2, double eps, double weightDecay, double step, bool decoupled,
              bool maximize);

}  // namespace nabla::ops
