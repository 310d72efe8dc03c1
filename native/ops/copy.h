// Copy, conversion, fill, arange.
#pragma once
#include "context.h"

namespace nabla::ops {

void copy(Context& ctx, const Tensor& out, const Tensor& a);  // converts as PyTorch does; `a` broadcasts
void fill(Context& ctx, const Tensor& out, double value);
void arange(Context& ctx, const Tensor& out, double start, double step);  // out is one-dimensional

// The lower or upper triangle of each matrix up to a diagonal, zeros elsewhere; out is contiguous.
void triangle(Context& ctx, const Tensor& out, const Tensor& a, int64_t diagonal, bool upper);

}  // namespace nabla::ops
