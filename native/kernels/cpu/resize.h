// Images of whole numbers in another size: contract. A row is counted in elements: the pixels of `inner` elements each
// that lie side by side.
#pragma once
#include <cstdint>

namespace nabla::cpu {

// Along one axis: output o is the sum over k < count[o] of weights[k * size + o] times input first[o] + k * step,
// rounded, shifted right by `shift` and cut to a byte. Inputs behind an output's own have weights of 0.
struct ResizeTaps {
  int64_t size;  // outputs
  int64_t most;  // the largest count
  int64_t step;  // 1, or the elements of a pixel
  const int32_t* first;
  const int32_t* count;
  const int32_t* weights;
  int32_t shift;  // 0: the size stays, output o is input o
  // Vectors of inputs that hold the first tap of any vector of outputs: 1, 2, 4, or 0 for more.
  int32_t reach;
};

struct ResizeImage {
  const void* in;
  void* out;
  int64_t inRow;  // elements between the rows of `in`; rows of `out` lie side by side
  int64_t width;  // elements of a row of `in`
  ResizeTaps rows, columns;
  // rows.most * columns.size numbers for rows that wait for the columns, then `width` for one row and room behind it:
  // columns.most * columns.step and four vectors.
  int32_t* scratch;
};

struct ResizeKernels {
  // Output rows [from, to). Along rows first, rounded to bytes, then down the columns: as PyTorch does it.
  void (*bytes)(const ResizeImage& image, int64_t from, int64_t to);
  // Single taps, by element size: 1, 2, 4, 8 bytes.
  void (*nearest[4])(const ResizeImage& image, int64_t from, int64_t to);
  int32_t lanes;
};

}  // namespace nabla::cpu
