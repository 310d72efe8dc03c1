// Distances between rows in a p-norm. a [n, P, M], b [n, R, M], distances and their gradients [n, P, R]: contiguous.
#pragma once
#include "context.h"

namespace nabla::ops {

void distance(Context& ctx, const Tensor& out, const Tensor& a, const Tensor& b, double p);
// The gradient of `a` from that of the distances.
void distanceBackward(Context& ctx, const Tensor& gradA, const Tensor& g, const Tensor& out, const Tensor& a,
                      const Tensor& b, double p);
// The gradient of `b`.
void distanceBackwardOther(Context& ctx, const Tensor& gradB, const Tensor& g, const Tensor& out, const Tensor& a,
                           const Tensor& b, double p);

}  // namespace nabla::ops
