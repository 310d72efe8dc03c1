// Factorizations of batches of matrices: float32 and float64, any strides. All tensors of a call have the same leading
// axes; the last two (vectors: the last) are the matrix. A batch is shared out over the threads matrix by matrix.
// Eigen's work space comes from malloc, inside the task.
#pragma once
#include "context.h"

namespace nabla::ops {

// a [n, n] = l l^T, from the lower triangle. `info` (int32) gets per matrix 0 or the order of the minor that failed;
// without it a matrix that is not positive definite fails the task.
void linalgCholesky(Context& ctx, const Tensor& l, const Tensor* info, const Tensor& a);
// a [m, n] = p l u, packed; pivots int32 [min(m, n)] from 1. `info` as above, for the first zero pivot; `check`: it
// fails the task.
void linalgLu(Context& ctx, const Tensor& lu, const Tensor& pivots, const Tensor* info, const Tensor& a, bool check);
// x [n, k] holds b; becomes the solution.
void linalgLuSolve(Context& ctx, const Tensor& x, const Tensor& lu, const Tensor& pivots, bool transposed);
// x [n, k] holds b, or (inverse) nothing; becomes a^-1 b or a^-1. `info` as above; without it a zero pivot fails.
void linalgSolve(Context& ctx, const Tensor& x, const Tensor* info, const Tensor& a, bool inverse);
// x [n, k] holds b; a's upper or lower triangle, its diagonal taken as 1 when `unit`.
void linalgTriangular(Context& ctx, const Tensor& x, const Tensor& a, bool upper, bool unit);
void linalgExp(Context& ctx, const Tensor& out, const Tensor& a);
// a [m, n]; q [m, m or min(m, n)] or none, r [m or min(m, n), n].
void linalgQr(Context& ctx, const Tensor* q, const Tensor& r, const Tensor& a);
// a [m, n], b [m, k], x [n, k], rank int64.
void linalgLstsq(Context& ctx, const Tensor& x, const Tensor& rank, const Tensor& a, const Tensor& b, double rcond);
// a [m, n], k = min(m, n); u [m, m or k] and vh [n or k, n] or none, s [k].
void linalgSvd(Context& ctx, const Tensor* u, const Tensor& s, const Tensor* vh, const Tensor& a);
// a [n, n], of which the lower triangle is read; w [n], v [n, n] or none.
void linalgEigh(Context& ctx, const Tensor& w, const Tensor* v, const Tensor& a);

}  // namespace nabla::ops
