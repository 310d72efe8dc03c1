// Random fills. The numbers of a call depend on (seed, offset) and the element's place in memory only: same bits on any
// number of threads and any machine. Outputs are dense (any order of dimensions).
//
// A call uses the counters [offset, offset + c) with c = 16 * ceil(numel / 64) for bernoulli, dropout and float32
// uniform and normal, and c = 16 * ceil(numel / 32) for randint, randperm and float64 uniform and normal.
#pragma once
#include "context.h"

namespace nabla::ops {

// [lo, hi), floating; lo where hi == lo.
void uniform(Context& ctx, const Tensor& out, double lo, double hi, double seedLo, double seedHi, double offset);
void normal(Context& ctx, const Tensor& out, double mean, double std, double seedLo, double seedHi, double offset);
// 1 with probability p, any dtype.
void bernoulli(Context& ctx, const Tensor& out, double p, double seedLo, double seedHi, double offset);
// Whole numbers of [lo, hi), any dtype; hi - lo at most 2^53.
void randint(Context& ctx, const Tensor& out, double lo, double hi, double seedLo, double seedHi, double offset);
// A permutation of 0 .. n - 1; out is int64 and contiguous.
void randperm(Context& ctx, const Tensor& out, double seedLo, double seedHi, double offset);
// out = x * mask / (1 - p), floating; x and out lie alike. With the gradient in place of x: the backward pass.
void dropout(Context& ctx, const Tensor& out, const Tensor& x, double p, double seedLo, double seedHi, double offset);

}  // namespace nabla::ops
