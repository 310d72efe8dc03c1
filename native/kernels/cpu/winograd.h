// Winograd kernels for 3x3 float32 convolutions without stride: contract. Method 0 is F(2x2, 3x3), 1 is F(4x4, 3x3): a
// tile of 2x2 or 4x4 results comes from 4x4 or 6x6 sources, which become as many points; a point's tiles and channels
// are multiplied as matrices. Steps and strides are in elements; a pitch is a whole number of vectors.
#pragma once
#include <cstdint>

namespace nabla::cpu {

// Tiles [first, first + count) of a batch; they run image by image, row by row.
struct WinogradTiles {
  int64_t perRow, perImage;
  int64_t first, count;
};

// A dense channels-last image batch, or the part of it that tiles read or write.
struct WinogradImages {
  float* data;
  int64_t height, width, channels;
  int64_t originH, originW;  // image row and column of the first tile's first element; may be negative
};

// Tiles of images to points: out[point][tile][channel], zero outside the image and for channels up to the pitch.
struct WinogradInput {
  WinogradImages images;
  WinogradTiles tiles;
  float* out;
  int64_t pitch, pointStride;
  float* biasSums;  // gradients only, may be null: [pitch], has the sum of all read elements added
};

// Points to result tiles: out = tile + bias + addend, with relu brought into [0, most], 0 where the mask is not
// positive; cut at the image's edge.
struct WinogradOutput {
  WinogradImages images;
  WinogradTiles tiles;
  const float* points;
  int64_t pitch, pointStride;
  const float* bias;           // [pitch], may be null
  const float *addend, *mask;  // lie as the images do; may be null
  bool relu;
  float most;
  uint8_t* places;  // `pooled` only; lies as the images do
};

// One vector of result channels of the weights, for `depth` source channels: out[point][d * step + lane].
struct WinogradWeights {
  const float* weight;
  int64_t tapStep;  // between the nine taps; negative: rotated
  int64_t depth, depthStride;
  int64_t lanes, laneStride;  // one of the strides is 1; lanes up to a vector become zero
  float* out;
  int64_t step, pointStride;
};

// out[point][row][:] = sum over d of a[point][row][d] * b[point][block][d][:], for column blocks [firstBlock,
// lastBlock) of `vectors` vectors, split as evenly as `tileVectors` per block allows.
struct WinogradMultiply {
  const float* a;
  int64_t aPitch, aPoint;
  const float* b;
  int64_t bPoint;
  float* out;
  int64_t outPitch, outPoint;
  int64_t points, rows, depth;
  int64_t vectors, tileVectors, firstBlock, lastBlock;
};

struct WinogradKernels {
  void (*input[2])(const WinogradInput&);
  void (*output[2])(const WinogradOutput&);
  // Of each 2x2 results the largest; `images` is the pooled batch. Its place as max pooling has it (pool.h), kDeadPlace
  // where it is not positive. bias and relu only.
  void (*pooled[2])(const WinogradOutput&);
  void (*weights[2])(const WinogradWeights&);
  void (*multiply)(const WinogradMultiply&);
};

}  // namespace nabla::cpu
