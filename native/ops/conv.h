// Convolution of sequences [N, C, W], images [N, C, H, W] and volumes [N, C, D, H, W]; weights [O, C / groups, ...].
// x, out and their gradients lie channels-last, weights and their gradient D, H, W, I, O (I = C / groups). The caller
// makes sure of that. `sizes`: stride, padding before the input and dilation, of D, H and W each, then groups; axes
// that a tensor does not have are 1, 0, 1.
#pragma once
#include <span>

#include "context.h"

namespace nabla::ops {

// activation, of the sum with bias and addend (which lies as out does): 0 none, 1 relu, 2 relu6, 3 silu, 4 hardswish,
// 5 hardsigmoid, 6 gelu, 7 sigmoid. Both may be null.
void convolution(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor* bias,
                 const Tensor* addend, std::span<const int32_t> sizes, int64_t activation);

// Max pooling (pool.h) of relu(convolution), in one kernel; places as with `rectified`. False: nothing was done, since
// only Winograd's convolutions have such a kernel, and only for windows of 2x2 side by side.
bool convolutionMaxPool(Context& ctx, const Tensor& out, const Tensor& places, const Tensor& x, const Tensor& weight,
                        const Tensor* bias, std::span<const int32_t> sizes, std::span<const int64_t> window);

// The gradient for x of a convolution from x to `in` (plus bias): out has the shape of x, of which several give the
// same shape of `in`; 0 where `mask`, which lies as out does, is not positive. bias and mask may be null.
void convolutionTranspose(Context& ctx, const Tensor& out, const Tensor& in, const Tensor& weight, const Tensor* bias,
                          const Tensor* mask, std::span<const int32_t> sizes);

// gradBias may be null.
void convolutionBackwardWeight(Context& ctx, const Tensor& gradWeight, const Tensor* gradBias, const Tensor& gradOut,
                               const Tensor& x, std::span<const int32_t> sizes);

}  // namespace nabla::ops
