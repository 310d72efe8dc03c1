// Register tile sizes of the convolution kernels, per register file. Compiled per instruction set like its users.
#pragma once
#include "vec.h"

namespace {

// 32 vector registers hold 28 sums, the weights and one input; 16 registers hold 12.
#if NABLA_VECTOR_BYTES == 64 || defined(__aarch64__)
constexpr int kMaxVectors = 4;
constexpr int kMaxRows[5] = {8, 28, 14, 9, 7};
#else
constexpr int kMaxVectors = 3;
constexpr int kMaxRows[5] = {6, 12, 6, 4, 0};
#endif
#if NABLA_VECTOR_BYTES == 64
constexpr int kFmasPerCycle = 1;
#else
constexpr int kFmasPerCycle = 2;
#endif

// `count` things in as few pieces of at most `most` as possible, sizes differing by at most one: a tile of one row
// after full ones would cost nearly as much as a full one.
struct EvenSplit {
  int64_t pieces, size, longer;  // the first `longer` pieces have size + 1
  NABLA_INLINE EvenSplit(int64_t count, int64_t most)
      : pieces((count + most - 1) / most), size(pieces ? count / pieces : 0), longer(pieces ? count % pieces : 0) {}
};

}  // namespace
