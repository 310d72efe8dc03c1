// Borders around a tensor, in one pass. `borders`: elements before and behind each axis, in the order of the axes;
// negative ones take elements away.
#pragma once
#include <span>

#include "context.h"

namespace nabla::ops {

// The numbers are part of the border: lib/ops/shape/pad.ts.
enum class PadMode { kConstant = 0, kReflect = 1, kReplicate = 2, kCircular = 3 };

// `out` is dense. A circle closes behind what negative borders took away.
void pad(Context& ctx, const Tensor& out, const Tensor& x, std::span<const int64_t> borders, int64_t mode,
         double value);

// The gradient of the modes that repeat elements: `out` has the shape of their input and is dense.
void padBackward(Context& ctx, const Tensor& out, const Tensor& gradient, std::span<const int64_t> borders,
                 int64_t mode);

}  // namespace nabla::ops
