// im2col and col2im. Images are [N, C, H, W], columns [N, C * kh * kw, L] with L window positions; any strides.
#pragma once
#include "context.h"

namespace nabla::ops {

void unfold(Context& ctx, const Tensor& columns, const Tensor& image, int64_t kh, int64_t kw, int64_t dh, int64_t dw,
            int64_t ph, int64_t pw, int64_t sh, int64_t sw);

// Adds up overlapping windows.
void fold(Context& ctx, const Tensor& image, const Tensor& columns, int64_t kh, int64_t kw, int64_t dh, int64_t dw,
          int64_t ph, int64_t pw, int64_t sh, int64_t sw);

}  // namespace nabla::ops
