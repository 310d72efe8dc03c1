// Connectionist temporal classification.
#pragma once
#include "context.h"

namespace nabla::ops {

// losses: [N]. logProbs: [T, N, C], C side by side. targets (int64, contiguous): [N, S], or [sum] one after the other.
// Lengths: int64 [N], contiguous. cells: kept for the gradient, 2 * T numbers of the dtype
// times the sum over the samples of 17 or, if more, the target length rounded up to a multiple of 16, and one. A path
// that cannot be gives infinity, or 0 with zeroInfinity.
void ctcLoss(Context& ctx, const Tensor& losses, const Tensor& cells, const Tensor& logProbs, const Tensor& targets,
             const Tensor& inputLengths, const Tensor& targetLengths, int64_t blank, bool zeroInfinity);
// The gradient by the logits behind the log-probabilities, as PyTorch has it. gradX: classes side by side.
void ctcLossBackward(Context& ctx, const Tensor& gradX, const Tensor& gradLosses, const Tensor& logProbs,
                     const Tensor& cells, const Tensor& targets, const Tensor& inputLengths,
                     const Tensor& targetLengths, int64_t blank, bool zeroInfinity);

}  // namespace nabla::ops
