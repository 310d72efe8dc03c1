// Images moved by a map of their own: contract. Sizes and steps are in pixels and elements.
#pragma once
#include <cstdint>

namespace nabla::cpu {

enum class WarpKind : int32_t { kAffine = 0, kProjective = 1, kField = 2 };

// One image of one map: output (x, y) shows the input at the point that the map gives.
// Affine: from pixels around the centre of the output to pixels around the centre of the input: m[0..5], two rows.
// Projective: m[0..5] over m[6..8], from and to pixel centres at (0.5, 0.5), ....
// Field: `field` [outHeight, outWidth, 2] is added to the output's own place, in halves of the image's sides.
struct WarpImage {
  const void* in;
  void* out;
  int64_t width, height, channels;
  int64_t inPixel, inRow, inChannel;
  int64_t outWidth, outHeight;
  int64_t outPixel, outRow, outChannel;
  WarpKind kind;
  double m[9];
  const void* field;  // float32; float64 for float64 images
  // Nearest: elements of the image's type, zeros without. Linear: what lies outside blends in, of the type that the
  // kernel computes in (float32 for uint8); without it the outside is zero. `fills`: 1 or the number of channels.
  const void* fill;
  int64_t fills;
};

// Pixels taken as they are: output (x, y) shows the input at (left + x, top + y), x and y counted from the other end
// where flipped. `m` is left, top, flip x, flip y.
struct WarpKernels {
  // Output rows [from, to). By element size: 1, 2, 4, 8 bytes; `nearest[4]` is float64, whose places are found in it.
  void (*place[4])(const WarpImage& image, int64_t from, int64_t to);
  void (*nearest[5])(const WarpImage& image, int64_t from, int64_t to);
  // uint8 (rounded to even), float32, float64.
  void (*linear[3])(const WarpImage& image, int64_t from, int64_t to);
};

}  // namespace nabla::cpu
