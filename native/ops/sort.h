// Sorting, selecting and searching along the last axis of contiguous tensors. Results do not depend on the number of
// threads: positions break all ties.
#pragma once
#include "context.h"

namespace nabla::ops {

// `values` and `indices` (int64) have the shape of `a`; either may be null. Stable.
void sort(Context& ctx, const Tensor* values, const Tensor* indices, const Tensor& a, bool descending);

// The k first elements of each row in (descending) order, k the last size of `values` and `indices`.
void topk(Context& ctx, const Tensor& values, const Tensor& indices, const Tensor& a, bool largest);

// One element per row: the k-th smallest from 0; the lower median, NaN where there is one; the lower median of the
// others.
enum KthKind { kKthValue = 0, kKthMedian, kKthNanMedian };
void kth(Context& ctx, int64_t kind, const Tensor& values, const Tensor& indices, const Tensor& a, int64_t k);

// The most frequent element of each row; of several the smallest one, at its last position.
void mode(Context& ctx, const Tensor& values, const Tensor& indices, const Tensor& a);

// Runs of equal neighbours in `a` (one axis): their number, and (may be null) their values, the run of each element,
// and their lengths. `inverse` is written at order[i] where there is an order. All have room for every element.
void uniqueRuns(Context& ctx, const Tensor& number, const Tensor* values, const Tensor* inverse, const Tensor* counts,
                const Tensor& a, const Tensor* order);

// The same for the rows of a matrix: `first` is where the first row of each run stands. `sorted`: equal rows need not
// be neighbours, and runs are numbered in the order of their rows.
void uniqueRows(Context& ctx, const Tensor& number, const Tensor& first, const Tensor& inverse, const Tensor& counts,
                const Tensor& a, bool sorted);

// Positions (int64 or int32) of `values` in the sorted rows of `row`, or in the only row. `order` may be null.
void searchSorted(Context& ctx, const Tensor& out, const Tensor& row, const Tensor& values, const Tensor* order,
                  bool right);

}  // namespace nabla::ops
