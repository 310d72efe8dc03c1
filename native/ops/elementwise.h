// Elementwise ops of two and three inputs. Inputs broadcast to the output's shape; the output may be an input.
#pragma once
#include "context.h"

namespace nabla::ops {

// op is a cpu::BinaryOp or cpu::SpecialBinaryOp; a and b have one type, the output has it too or is bool.
void binary(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, const Tensor& b);
void binaryScalar(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, double scalar, bool reversed);
// op is a cpu::TernaryOp; all of one type. The second form has a number for the last operand.
void ternary(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, const Tensor& b, const Tensor& c,
             double value);
void ternaryScalar(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, const Tensor& b, double scalar);
void where(Context& ctx, const Tensor& out, const Tensor& condition, const Tensor& a, const Tensor& b);
void clamp(Context& ctx, const Tensor& out, const Tensor& a, double low, double high);

}  // namespace nabla::ops
