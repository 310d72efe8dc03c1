// Bags of rows of a table: their sums, means or maxima.
#pragma once
#include "context.h"

namespace nabla::ops {

// What embedding bags share. weight [R, D], D side by side; indices (int64, contiguous) [n]; offsets (int64,
// contiguous): where each of the B bags begins, and one more where `last` says so. mode 0 sum, 1 mean, 2 max. padding:
// an index that counts nothing, -1 for none. factors (contiguous, [n], of the dtype of weight) or null: for sums only.
// out [B, D] contiguous; from (max only, else null): int64 [B, D], the rows of the maxima, -1 in an empty bag.
void embeddingBag(Context& ctx, const Tensor& out, const Tensor* from, const Tensor& weight, const Tensor& indices,
                  const Tensor& offsets, const Tensor* factors, int64_t mode, int64_t padding);
// Sum and mean: gradWeight [R, D] contiguous, all of it is written. byFrequency: the gradient of a row is divided by
// how often it occurs.
void embeddingBagBackward(Context& ctx, const Tensor& gradWeight, const Tensor& gradOut, const Tensor& indices,
                          const Tensor& offsets, const Tensor* factors, int64_t mode, int64_t padding,
                          bool byFrequency);
// gradFactors [n] = the gradient of the bag times the row.
void embeddingBagFactors(Context& ctx, const Tensor& gradFactors, const Tensor& gradOut, const Tensor& weight,
                         const Tensor& indices, const Tensor& offsets, int64_t padding);

}  // namespace nabla::ops
