// Elementwise ops of one input. The input broadcasts to the output's shape; the output may be the input.
#pragma once
#include "context.h"

namespace nabla::ops {

// op is a cpu::UnaryOp or cpu::SpecialUnaryOp; the output has the input's type or is bool.
void unary(Context& ctx, int64_t op, const Tensor& out, const Tensor& a);

}  // namespace nabla::ops
