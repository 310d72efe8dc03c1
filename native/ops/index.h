// Look-ups by index, concatenation. Any strides, all dtypes; an index is int32 or int64. An index out of range fails
// the task and poisons its output.
#pragma once
#include <span>

#include "context.h"

namespace nabla::ops {

// out[.., i, ..] = a[.., index[.., i, ..], ..] along dim; out and index have one shape, at most a's elsewhere.
void gather(Context& ctx, const Tensor& out, const Tensor& a, int64_t dim, const Tensor& index);
// out[.., index[.., i, ..], ..] += src[.., i, ..]; equal indices add in the order of dim, whatever the threads.
void scatterAdd(Context& ctx, const Tensor& out, int64_t dim, const Tensor& index, const Tensor& src);
// Rows: index has one dimension.
void indexSelect(Context& ctx, const Tensor& out, const Tensor& a, int64_t dim, const Tensor& index);
void indexAdd(Context& ctx, const Tensor& out, int64_t dim, const Tensor& index, const Tensor& src);
// int64 out of shape [...index, classes].
void oneHot(Context& ctx, const Tensor& out, const Tensor& index);
// Parts of out's dtype, laid one after the other along dim.
void cat(Context& ctx, const Tensor& out, std::span<const Tensor> parts, int64_t dim);

}  // namespace nabla::ops
