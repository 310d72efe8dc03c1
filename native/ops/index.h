// Look-ups by index, concatenation. `name` says which function the user called (kNames). Any strides, all dtypes; an
// index is int32 or int64. An index out of range fails the task and poisons its output.
#pragma once
#include <span>

#include "context.h"

namespace nabla::ops {

// out[.., i, ..] = a[.., index[.., i, ..], ..] along dim; out and index have one shape, at most a's elsewhere.
// `negative`: indices below 0 count from the end.
void gather(Context& ctx, const Tensor& out, const Tensor& a, int64_t dim, const Tensor& index, bool negative,
            int64_t name);
// What `mode` (a cpu::ScatterMode) does to out[.., index[.., i, ..], ..] with src[.., i, ..]; equal indices in the
// order of dim, whatever the threads.
void scatter(Context& ctx, const Tensor& out, int64_t dim, const Tensor& index, const Tensor& src, int64_t mode,
             int64_t name);
// Rows: index has one dimension.
void indexSelect(Context& ctx, const Tensor& out, const Tensor& a, int64_t dim, const Tensor& index);
// Indices of several dimensions of `a` at once, all of one shape: out's leading dimensions; behind those, out has the
// other dimensions of `a`.
void index(Context& ctx, const Tensor& out, const Tensor& a, std::span<const int64_t> dims,
           std::span<const Tensor> indices, bool negative, int64_t name);
// What `mode` does to the rows of `out` that the indices (all of one shape) name, with those of src, of shape
// [elements of an index, ...the other dimensions of out]; equal indices in row-major order, whatever the threads.
void indexPut(Context& ctx, const Tensor& out, std::span<const int64_t> dims, std::span<const Tensor> indices,
              const Tensor& src, int64_t mode, bool negative, int64_t name);
// `mask` is contiguous. counts (int64, one per block of kMaskBlock elements, and one more): how many are true before
// each block, and in all.
constexpr int64_t kMaskBlock = 32768;
void maskCounts(Context& ctx, const Tensor& counts, const Tensor& mask);
// out: the positions of what is true; counts from maskCounts.
void maskPositions(Context& ctx, const Tensor& out, const Tensor& mask, const Tensor& counts);
// out [n, dimensions]: coordinates of the positions (contiguous, rising) in a row-major tensor of a shape.
void unravel(Context& ctx, const Tensor& out, const Tensor& positions, std::span<const int64_t> shape);
// int64 out of shape [...index, classes].
void oneHot(Context& ctx, const Tensor& out, const Tensor& index);
// Parts of out's dtype, laid one after the other along dim.
void cat(Context& ctx, const Tensor& out, std::span<const Tensor> parts, int64_t dim);

}  // namespace nabla::ops
