// F.gridSample. Images [N, C, (D,) H, W] and results have the channels innermost in memory; grids are contiguous
// [N, (D',) H', W', 2 or 3].
#pragma once
#include "context.h"

namespace nabla::ops {

// sampling: 0 linear, 1 nearest, 2 cubic; padding: 0 zeros, 1 border, 2 reflection.
void gridSample(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& grid, int64_t sampling, int64_t padding,
                bool alignCorners);

// `gradX` and `gradGrid` may be null.
void gridSampleBackward(Context& ctx, const Tensor* gradX, const Tensor* gradGrid, const Tensor& gradient,
                        const Tensor& x, const Tensor& grid, int64_t sampling, int64_t padding, bool alignCorners);

}  // namespace nabla::ops
