// Random numbers from Philox4x32-10: contract. Element i depends on the key, the counter offset and i alone.
//
// Draws come in groups of 16 counters. A group of 32-bit draws has 64: draw i is word i / 16 of counter i % 16. A group
// of 64-bit draws has 32: draw i joins words 0 and 1 (i < 16) or 2 and 3 of counter i % 16, the lower word first. Every
// `begin` is a multiple of the group. This file is compiled without fused multiply-add: all instruction sets and
// machines give the same bits.
#pragma once
#include <cstdint>

#include "rect.h"

namespace nabla::cpu {

struct PhiloxState {
  uint32_t key[2];
  uint64_t offset;    // lower half of the counter of the first group
  uint64_t high = 0;  // upper half
};
constexpr int64_t kRandomCounters = 16;
constexpr int64_t kRandomGroup32 = 64;
constexpr int64_t kRandomGroup64 = 32;

struct UniformParams {
  double lo, width;
  double last;  // the largest value below the upper bound: rounding must not reach the bound
};
struct NormalParams {
  double mean, std;
};
// A 32-bit draw counts as "yes" when some && draw <= last.
struct Chance {
  uint32_t last;
  bool some;
};
struct RandintParams {
  int64_t lo;
  uint64_t range;  // at most 2^53
};

struct RandomKernels {
  void (*words)(const PhiloxState& state, int64_t group, uint32_t out[64]);
  // Rows by dtype; 32-bit draws unless noted. Null where the dtype does not apply.
  void (*uniform[2])(const PhiloxState& state, int64_t begin, int64_t count, const UniformParams& p,
                     void* out);  // float64: 64-bit draws
  void (*normal[2])(const PhiloxState& state, int64_t begin, int64_t count, const NormalParams& p,
                    void* out);  // float64: 64-bit draws
  void (*bernoulli[kElementTypes])(const PhiloxState& state, int64_t begin, int64_t count, const Chance& yes,
                                   void* out);
  void (*randint[kElementTypes])(const PhiloxState& state, int64_t begin, int64_t count, const RandintParams& p,
                                 void* out);  // 64-bit draws
  // out = x * (kept ? scale : 0)
  void (*dropout[2])(const PhiloxState& state, int64_t begin, int64_t count, const Chance& keep, double scale,
                     const void* x, void* out);
  void (*randperm)(const PhiloxState& state, int64_t n, int64_t* out);  // 64-bit draws
};

}  // namespace nabla::cpu
