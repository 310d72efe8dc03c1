// Softmax over any dimension of tensors of any strides, and cross entropy with class indices.
#pragma once
#include "context.h"

namespace nabla::ops {

void softmax(Context& ctx, const Tensor& out, const Tensor& x, int64_t dim, bool log);
// From the result `out` of softmax (log: of log-softmax).
void softmaxBackward(Context& ctx, const Tensor& gradX, const Tensor& gradOut, const Tensor& out, int64_t dim,
                     bool log);

// x: [N, C, ...], any strides; target (int64, int32 or uint8): [N, ...], contiguous; weight: [C], contiguous, or null.
// reduction 0 none, 1 mean (over the weights), 2 sum. loss: [N, ...] contiguous for none, else one number; lse: [N,
// ...] contiguous, log of the sum of exponentials; totalWeight: one number, the sum of the targets' weights.
void crossEntropy(Context& ctx, const Tensor& loss, const Tensor& lse, const Tensor& totalWeight, const Tensor& x,
                  const Tensor& target, const Tensor* weight, int64_t ignoreIndex, double labelSmoothing,
                  int64_t reduction);
// gradLoss: laid out as loss.
void crossEntropyBackward(Context& ctx, const Tensor& gradX, const Tensor& gradLoss, const Tensor& x, const Tensor& lse,
                          const Tensor& target, const Tensor* weight, const Tensor& totalWeight, int64_t ignoreIndex,
                          double labelSmoothing, int64_t reduction);

}  // namespace nabla::ops
