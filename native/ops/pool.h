// Pooling over one to three axes. x, out, places and their gradients hold images [N, C, ...], dense, channels last in
// memory; how many axes they show does not matter. `places` holds the position inside the window (row by row) that was
// the maximum: uint8 for windows of up to 256 positions, else int32. `window`: size, out, kernel, stride, padding,
// dilation of D, then of H, then of W (kernels/cpu/pool.h); an axis that is not there has size 1.
#pragma once
#include <span>

#include "context.h"

namespace nabla::ops {

// rectified: x is the result of a ReLU whose backward pass maxPoolBackward does too: maxima of 0 get no gradient. For
// windows of up to 255 positions.
void maxPool(Context& ctx, const Tensor& out, const Tensor& places, const Tensor& x, std::span<const int64_t> window,
             bool rectified);
void maxPoolBackward(Context& ctx, const Tensor& gradX, const Tensor& gradOut, const Tensor& places,
                     std::span<const int64_t> window);
// out (int64, laid out as places) = (d * H + h) * W + w of each maximum; 0 for those without a place.
void maxPoolIndices(Context& ctx, const Tensor& out, const Tensor& places, std::span<const int64_t> window);
// divisorOverride 0: divide by the size of the window.
void avgPool(Context& ctx, const Tensor& out, const Tensor& x, std::span<const int64_t> window, bool countIncludePad,
             int64_t divisorOverride);
void avgPoolBackward(Context& ctx, const Tensor& gradX, const Tensor& gradOut, std::span<const int64_t> window,
                     bool countIncludePad, int64_t divisorOverride);
// indices (int64) of the maxima of windows that start at random; all tensors are contiguous. `samples` [N, C, axes].
void fractionalIndices(Context& ctx, const Tensor& indices, const Tensor& x, const Tensor& samples,
                       std::span<const int64_t> window);

}  // namespace nabla::ops
