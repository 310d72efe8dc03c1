// Elementwise kernels: contract.
#pragma once
#include <cstdint>

namespace nabla::cpu {

struct ElementwiseKernels {
  void (*placeholder)();
};

}  // namespace nabla::cpu
