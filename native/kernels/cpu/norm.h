// Batch normalization: contract. Dtype tables: [0] float32, [1] float64; parameters per column have that type too.
// Columns: `rows` rows of `width` columns, the next row `stride` elements on. Runs: `runs` stretches of `length`
// elements that share one mean, the next one `stride` elements on.
#pragma once
#include <stdint.h>

namespace nabla::cpu {

struct NormColumns {
  int64_t stride, rows, width;
  bool streamed = false;  // results go past the caches: they and their rows are aligned to 64 bytes
};
struct NormRuns {
  int64_t stride, runs, length;
};

// What follows the affine map: an addend laid out like x (may be null), then bounds that keep NaN.
struct NormFinish {
  const void* addend = nullptr;
  double low = -__builtin_inf(), high = __builtin_inf();
};
// The gradient is 0 where (x - mean) * scale + shift <= low or >= high; scale and shift are parameters like the mean.
// NaN bounds let everything pass.
struct NormGate {
  const void *scale, *shift;
  double low = __builtin_nan(""), high = __builtin_nan("");
};

struct NormKernels {
  // Mean and sum of squared deviations of each column (of all runs together).
  void (*moments[2])(const NormColumns& s, const void* x, double* mean, double* m2);
  void (*momentsRuns[2])(const NormRuns& s, const void* x, double* mean, double* m2);
  // out = (x - mean) * scale + shift, finished; runs take one number of each per run, `period` runs before they repeat.
  void (*affine[2])(const NormColumns& s, const void* x, void* out, const void* mean, const void* scale,
                    const void* shift, const NormFinish& finish);
  // streamed: as in NormColumns.
  void (*affineRuns[2])(int64_t run0, int64_t run1, int64_t length, int64_t period, const void* x, void* out,
                        const void* mean, const void* scale, const void* shift, const NormFinish& finish,
                        bool streamed);
  // Sums of the gradient, and of gradient * (x - mean).
  void (*gradSums[2])(const NormColumns& s, const void* grad, const void* x, const void* mean, const NormGate& gate,
                      double* sum, double* dot);
  void (*gradSumsRuns[2])(const NormRuns& s, const void* grad, const void* x, const void* mean, const NormGate& gate,
                          double* sum, double* dot);
  // gradX = grad * scale + (x - mean) * slope + shift; x null: grad * scale, without gate.
  void (*gradInput[2])(const NormColumns& s, const void* grad, const void* x, void* gradX, const void* mean,
                       const void* scale, const void* slope, const void* shift, const NormGate& gate);
  void (*gradInputRuns[2])(int64_t run0, int64_t run1, int64_t length, int64_t period, const void* grad, const void* x,
                           void* gradX, const void* mean, const void* scale, const void* slope, const void* shift,
                           const NormGate& gate, bool streamed);
};

}  // namespace nabla::cpu
