// Softmax and cross entropy: contract. Dtype tables: [0] float32, [1] float64.
#pragma once
#include <stdint.h>

namespace nabla::cpu {

// Rows of `length` elements, `step` apart, of up to three tensors (two inputs, one output); a row has one index per
// other dimension, outermost first.
struct SoftmaxRows {
  int64_t length;
  int64_t step[3];
  int ndim;
  int64_t shape[8];
  int64_t strides[3][8];
};

// Rows up to this long may be processed side by side, one per vector lane, in a tile of scratch.
constexpr int64_t kSoftmaxTile = 1024;

struct CrossEntropy {
  const void* target;  // one class per row, in row order
  int targetKind;      // 0 int64, 1 int32, 2 uint8
  const void* weight;  // one per class, or null
  double weightSum;    // of all classes; their number without weights
  int64_t ignoreIndex;
  double smoothing;
};

struct CrossEntropyPart {
  double loss, weight;
  int64_t badClass;
  bool bad;
};

// scratch: three tiles of length x 64 bytes for rows up to kSoftmaxTile, else three rows unless every step is 1.
struct SoftmaxKernels {
  void (*softmax[2])(const SoftmaxRows& s, const void* x, void* out, bool log, int64_t row0, int64_t row1,
                     void* scratch);
  // From the result `out` of softmax or log-softmax.
  void (*backward[2])(const SoftmaxRows& s, const void* gradOut, const void* out, void* gradX, bool log, int64_t row0,
                      int64_t row1, void* scratch);
  // lse: log of the sum of exponentials per row; rowLoss (may be null): weighted loss per row. Sums go into `part`.
  void (*crossEntropy[2])(const SoftmaxRows& s, const CrossEntropy& c, const void* x, void* lse, void* rowLoss,
                          int64_t row0, int64_t row1, void* scratch, CrossEntropyPart* part);
  // gradX = scale * gradRow[row] (1 where null) * derivative of the row's loss.
  void (*crossEntropyBackward[2])(const SoftmaxRows& s, const CrossEntropy& c, const void* x, const void* lse,
                                  void* gradX, const void* gradRow, double scale, int64_t row0, int64_t row1,
                                  void* scratch);
};

}  // namespace nabla::cpu
