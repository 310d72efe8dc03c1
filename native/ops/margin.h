// The multi-label margin loss.
#pragma once
#include "context.h"

namespace nabla::ops {

// x [N, C] and target (int64) [N, C], contiguous: each row of the target lists classes up to the first -1. losses [N];
// slopes [N, C]: their derivatives by x.
void multilabelMargin(Context& ctx, const Tensor& losses, const Tensor& slopes, const Tensor& x, const Tensor& target);

}  // namespace nabla::ops
