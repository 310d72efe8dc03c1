// Running sums, products, logarithms of sums of exponentials, maxima and minima along an axis: contract.
#pragma once
#include "rect.h"

namespace nabla::cpu {

// The numbers are part of the border: lib/ops/codes.ts lists the same ones.
enum ScanOp {
  kScanSum = 0,  // integers and bool: the output is int64, as for prod
  kScanProd,
  kScanLogSumExp,  // floating point
  kScanMax,        // with positions, NaN wins, the last of equal elements; as for min
  kScanMin,
  kScanOpCount
};

// Step i of lane l, i < n, l < lanes, is element i * stride + l of `in` and `out`. `first` is the position of step 0.
struct ScanPart {
  const char* in;
  char* out;
  int64_t* indices;  // for max and min
  int64_t n, stride, lanes, first;
};

// One op on one type. A state holds what the steps so far come to; it takes kScanStateBytes per lane.
struct ScanFunctions {
  void (*start)(char* state, int64_t lanes);
  void (*fold)(char* state, const ScanPart& part);  // only the state
  void (*combine)(char* state, const char* later, int64_t lanes);
  void (*scan)(char* state, const ScanPart& part);  // the outputs and the state
};
constexpr int64_t kScanStateBytes = 16;

struct ScanKernels {
  ScanFunctions run[kScanOpCount][kElementTypes];
};

}  // namespace nabla::cpu
