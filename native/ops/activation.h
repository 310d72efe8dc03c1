// Activation functions with parameters, and their gradients. Operands broadcast to the output's shape.
#pragma once
#include "context.h"

namespace nabla::ops {

// op is a cpu::ActivationOp; p, q, r are its parameters.
void activation(Context& ctx, int64_t op, const Tensor& out, const Tensor& x, double p, double q, double r);
void activationBackward(Context& ctx, int64_t op, const Tensor& gradX, const Tensor& g, const Tensor& x, double p,
                        double q, double r);

}  // namespace nabla::ops
