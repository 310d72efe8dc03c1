// Reductions: contract.
#pragma once
#include "rect.h"

namespace nabla::cpu {

// The numbers are part of the border: lib/ops/codes.ts lists the same ones.
enum ReduceOp {
  kReduceSum = 0,  // integers and bool: the output is int64, as for prod
  kReduceMean,     // floating point
  kReduceProd,
  kReduceMax,  // NaN wins, as for min
  kReduceMin,
  kReduceAny,  // the output is bool, as for all
  kReduceAll,
  kReduceOpCount
};

// Element (o, i, j) of the input, o < outputs, i < n1, j < n0, lies at in[o * os + i * s1 + j * s0].
struct ReduceRect {
  const char* in;
  int64_t outputs, os;
  int64_t n0, s0, n1, s1;
};

// One op on one type. Accumulators are 8 bytes each: double, int64, or the element type. A reduction is
// init, accumulate over all its rectangles in a fixed order, combine with later parts, finish.
struct ReduceFunctions {
  void (*init)(char* acc, int64_t n);
  void (*accumulate)(char* acc, const ReduceRect& rect);
  void (*combine)(char* acc, const char* later, int64_t n);
  void (*finish)(char* out, int64_t stride, const char* acc, int64_t n, int64_t count);  // count: elements per output
};
constexpr int64_t kAccumulatorBytes = 8;

enum ArgReduceOp { kArgMax = 0, kArgMin, kArgReduceOpCount };

struct ReduceKernels {
  ReduceFunctions run[kReduceOpCount][kElementTypes];
  // Operands: int64 indices, values (null: not wanted), input at position 0 of the reduced axis, which has n > 0
  // elements `stride` apart. The first of equal elements wins, NaN beats all.
  void (*arg[kArgReduceOpCount][kElementTypes])(const Rect& rect, int64_t n, int64_t stride);
};

}  // namespace nabla::cpu
