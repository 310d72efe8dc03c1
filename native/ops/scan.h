// Scans along an axis. Long axes are cut into segments whose size depends on the shape alone.
#pragma once
#include "context.h"

namespace nabla::ops {

// op is a cpu::ScanOp. `a`, `out` and (max, min) `indices` have one shape and one dense layout. `reversed`: from the
// last element to the first (not for max and min).
void scan(Context& ctx, int64_t op, const Tensor& out, const Tensor* indices, const Tensor& a, int64_t dim,
          bool reversed);

}  // namespace nabla::ops
