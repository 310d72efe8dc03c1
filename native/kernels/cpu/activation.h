// Activation functions with parameters, and their gradients: contract.
#pragma once
#include "rect.h"

namespace nabla::cpu {

// The numbers are part of the border: lib/ops/codes.ts lists the same ones. p, q, r are the parameters.
enum ActivationOp {
  kLeakyRelu = 0,  // x > 0 ? x : p x
  kElu,            // x > 0 ? q x : p q (e^(r x) - 1); selu and celu are special cases
  kGelu,           // x times the normal distribution function
  kGeluTanh,       // its approximation by tanh
  kSilu,           // x sigmoid(x)
  kMish,           // x tanh(log(1 + e^x))
  kSoftsign,       // x / (1 + |x|)
  kHardtanh,       // x cut to [p, q]
  kHardswish,      // x min(max(x + 3, 0), 6) / 6
  kHardsigmoid,    // min(max(x + 3, 0), 6) / 6
  kSoftshrink,     // x moved towards 0 by p, at most to 0
  kHardshrink,     // 0 in [-p, p], else x
  kThreshold,      // x > p ? x : q
  kLogSigmoid,     // -log(1 + e^-x)
  kNanToNum,       // NaN becomes p, infinity q, minus infinity r
  kActivationOpCount
};

struct ActivationParams {
  double p, q, r;
};

using ActivationFn = void (*)(const Rect& rect, const ActivationParams& params);

struct ActivationKernels {
  ActivationFn forward[kActivationOpCount][2];   // out, x
  ActivationFn backward[kActivationOpCount][2];  // gradient of x, gradient of the result, x
};

}  // namespace nabla::cpu
