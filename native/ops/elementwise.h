// Elementwise ops of two and three inputs. Inputs broadcast to the output's shape; the output may be an input.
#pragma once
#include "context.h"

namespace nabla::ops {

// op is a cpu::BinaryOp; a and b have one type, the output has it too or is bool.
void binary(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, const Tensor& b);
void binaryScalar(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, double scalar, bool reversed);
void where(Context& ctx, const Tensor& out, const Tensor& condition, const Tensor& a, const Tensor& b);
void clamp(Context& ctx, const Tensor& out, const Tensor& a, double low, double high);

}  // namespace nabla::ops
