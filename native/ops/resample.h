// Interpolation of [N, C, (D, (H,)) W], dense row-major or with the channels innermost in memory; both tensors alike.
#pragma once
#include "context.h"

namespace nabla::ops {

// The numbers are part of the border: lib/ops/layers/interpolate.ts.
enum class Sampling { kNearest = 0, kNearestExact = 1, kLinear = 2, kCubic = 3, kArea = 4, kLanczos = 5 };

// `scales`: for each axis behind the channels the factor that was asked for, or 0 to take the ratio of the sizes.
// `transposed`: `x` has the sizes of the result and `out` those of the input: the gradient.
void resample(Context& ctx, const Tensor& out, const Tensor& x, int64_t sampling, bool alignCorners, bool antialias,
              bool transposed, double scaleD, double scaleH, double scaleW);

}  // namespace nabla::ops
