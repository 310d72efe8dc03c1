// Images [N, C, H, W] moved each by a map of its own: crops, flips, rotations, shears, perspectives, elastic fields.
#pragma once
#include "context.h"

namespace nabla::ops {

// The numbers are part of the border: lib/ops/layers/warp.ts.
enum class WarpMap { kAffine = 0, kProjective = 1, kField = 2, kPlace = 3 };

// `out` [N, C, H', W'] and `x` may have any strides that do not overlap. `maps`: contiguous float64 [N or 1, 9], as
// kernels/cpu/warp.h says; for kField [N or 1, H', W', 2], float32 or, for float64 images, float64. `fill`: null or
// contiguous [1 or C]: of the type of `x` for places and nearest pixels, else of the type computed in.
// `linear`: blends four pixels (uint8, float32, float64) instead of taking the nearest one.
void warp(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& maps, const Tensor* fill, int64_t map,
          bool linear);

}  // namespace nabla::ops
