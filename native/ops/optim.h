// Optimizer steps, one call over all parameters of a group. float32 and float64; the tensors that belong to one
// parameter lie densely and alike. A step with a poisoned gradient changes nothing; states must hold values before the
// first step too, because a step that is not run leaves them as they are.
#pragma once
#include <span>

#include "context.h"

namespace nabla::ops {

// formula: cpu::Formula; its scalars and states stand in kernels/cpu/optim.h. A list of states that a formula does
// without is empty. Lamb scales the step of each tensor by its norms; lazyAdam takes tensors whose rows (along the
// first axis) lie one after the other.
void optimStep(Context& ctx, int formula, std::span<const Tensor> params, std::span<const Tensor> grads,
               std::span<const Tensor> a, std::span<const Tensor> b, std::span<const Tensor> c,
               std::span<const double> scalars);

}  // namespace nabla::ops
