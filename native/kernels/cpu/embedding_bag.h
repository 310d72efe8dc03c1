// Sums and maxima of rows by index: contract. Tables by dtype: [0] float32, [1] float64.
#pragma once
#include <stdint.h>

namespace nabla::cpu {

// Rows of `width` elements side by side, `step` elements apart.
struct BagTable {
  const void* rows;
  int64_t step, width;
};

// One bag: n valid indices; those equal to `padding` are left out. factors (one per index) may be null.
struct Bag {
  const int64_t* indices;
  const void* factors;
  int64_t n, padding;
};

struct EmbeddingBagKernels {
  // out = scale * the sum of the rows times their factors.
  void (*sum[2])(const BagTable& table, const Bag& bag, double scale, void* out);
  // The largest of each column, and the index of the row it is from; 0 and -1 for a bag of nothing.
  void (*max[2])(const BagTable& table, const Bag& bag, void* out, int64_t* from);
  // out += factor * row, n elements.
  void (*add[2])(void* out, const void* row, double factor, int64_t n);
  double (*dot[2])(const void* a, const void* b, int64_t n);
};

}  // namespace nabla::cpu
