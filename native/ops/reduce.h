// Reductions over axes. Chunks and the order of partial results depend on the sizes alone.
#pragma once
#include <span>

#include "context.h"

namespace nabla::ops {

// op is a cpu::ReduceOp; `out` has the shape of `a` with size 1 at `dims`, or without `dims`.
void reduce(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, std::span<const int64_t> dims);

// The sum of squared deviations from the mean over max(0, elements - correction); a, out: floating point. `mean` may be
// null, else it lies in memory like `out`.
void variance(Context& ctx, const Tensor& out, const Tensor* mean, const Tensor& a, std::span<const int64_t> dims,
              double correction);

// op is a cpu::ArgReduceOp; `indices` (int64) and `values` (may be null) have the shape of `a` with size 1 at `dim`, or
// without it. `a` has at least one element along `dim`; for a tensor without axes `dim` is 0.
void argReduce(Context& ctx, int64_t op, const Tensor& indices, const Tensor* values, const Tensor& a, int64_t dim);

}  // namespace nabla::ops
