// Optimizer updates over one run of memory: contract. PyTorch's formulas; lists of pointers do not overlap.
#pragma once
#include <cstdint>

namespace nabla::cpu {

struct SgdParams {
  double lr, momentum, dampening, weightDecay;
  bool nesterov, maximize;
  bool firstStep;  // the momentum buffer becomes the gradient
};

struct AdamParams {
  double lr, beta1, beta2, eps, weightDecay;
  double stepSize;         // lr / (1 - beta1^step)
  double correction2Sqrt;  // sqrt(1 - beta2^step)
  bool decoupled, maximize;
};

struct OptimKernels {
  // [0: float32, 1: float64]. `buffer` is null without momentum, `maxSq` without amsgrad.
  void (*sgd[2])(const SgdParams& p, int64_t n, void* param, const void* grad, void* buffer);
  void (*adam[2])(const AdamParams& p, int64_t n, void* param, const void* grad, void* avg, void* avgSq, void* maxSq);
};

}  // namespace nabla::cpu
