// Scaled dot product attention in tiles; memory grows with the sequences, not with their product. Float32 and float64.
// Batch axes `...` are the same everywhere: queries [..., H, L, E], keys [..., G, S, E], values [..., G, S, V], G
// dividing H; any strides. `mask` [..., H, L, S] (strides of 0 broadcast) is bool (true takes part), is added to the
// scores, or is null. Dropout with probability p takes the numbers of 64 * ceil(S / 64) draws for each query.
#pragma once
#include "context.h"

namespace nabla::ops {

// out [..., H, L, V]; logSums [..., H, L], contiguous, is what the backward pass needs, or null.
void attention(Context& ctx, const Tensor& out, const Tensor* logSums, const Tensor& query, const Tensor& key,
               const Tensor& value, const Tensor* mask, double scale, bool causal, double p, double seedLo,
               double seedHi, double offset);

// Gradients that are null are not wanted; `out` and `logSums` come from attention().
void attentionBackward(Context& ctx, const Tensor* gradQuery, const Tensor* gradKey, const Tensor* gradValue,
                       const Tensor& gradOut, const Tensor& query, const Tensor& key, const Tensor& value,
                       const Tensor* mask, const Tensor& out, const Tensor& logSums, double scale, bool causal,
                       double p, double seedLo, double seedHi, double offset);

}  // namespace nabla::ops
