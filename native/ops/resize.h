// Images [N, C, H, W], or a box of each, in another size; dense row-major or with the channels innermost in memory.
#pragma once
#include "context.h"

namespace nabla::ops {

// `boxes`: contiguous float64 [N or 1, 4]: top, left, height and width of what is shown, inside the images and not
// empty. `sampling` as in resample.h: nearest pixels of any type, or linear, cubic and lanczos filters of uint8
// (rounded as PyTorch does it), float32 and float64. `out` and `x` are laid out alike.
void resize(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& boxes, int64_t sampling, bool antialias);

}  // namespace nabla::ops
