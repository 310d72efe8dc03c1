// Matrix products. `out`, `a` and `b` have the same rank >= 2; batch dimensions broadcast with stride 0.
#pragma once
#include "context.h"

namespace nabla::ops {

// out = a @ b; float32, float64, bfloat16 (summed in float32, rounded once), int32, int64.
void matmul(Context& ctx, const Tensor& out, const Tensor& a, const Tensor& b);

// out = beta * out + alpha * a @ b; float32, float64, bfloat16. With beta 0 `out` may be uninitialised.
void gemm(Context& ctx, const Tensor& out, const Tensor& a, const Tensor& b, double alpha, double beta);

// out[rows, O] = act(x[rows, K] * weight[O, K]^T + bias[O]); activation 0 none, 1 relu.
void linear(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor* bias,
            int64_t activation);

}  // namespace nabla::ops
