// Convolution kernels: contract. All steps and strides are in elements; "lanes" is the vector length of the type.
// Element type 0 is float32, 1 is float64.
#pragma once
#include <cstdint>

namespace nabla::cpu {

// Copies a rectangle of an image with zeros around it:
// out[i][j][p][c] = source[row0 + i][col0 + j][c / repeat * planes + p], zero outside the image and for
// channels <= c < pitch. Only grouped convolutions have planes != 1 or repeat != 1.
struct ConvPad {
  const void* source;
  int64_t rowStride, colStride;
  int64_t height, width;
  int64_t row0, col0, rows, cols;
  int64_t channels, repeat, planes, pitch;
  void* out;
};

// Brings weights into the order the tiles read them: out[tapH][tapW][d][l], l < lanes, zero for lanes <= l < width.
struct ConvPack {
  const void* weight;
  void* out;
  int64_t tapsH, firstH, stepH;  // kernel row of tap i: firstH + i * stepH
  int64_t tapsW, firstW, stepW;
  int64_t rowStride, colStride;  // of the kernel
  int64_t depth, depthStride;
  int64_t lanes, laneStride, width;
  int64_t laneGroup, groupStride;  // lane l lies at l % laneGroup * laneStride + l / laneGroup * groupStride
};

// One block of result channels over a rectangle of result pixels in one slice:
// out[r][c][:] = bias + sum over runs (h, i, j) and k < runLength of source[r, c, h, i, j, k] * weights[h][i][j][k][:],
// plus addend[r][c][:], with relu brought into [0, most], and 0 where mask[r][c][:] is not positive.
struct ConvTile {
  const void* source;  // first tap of result (0, 0)
  int64_t rowStep, colStep;
  int64_t runsD, runsH, runsW, runStepD, runStepH, runStepW, runLength;
  int64_t weightStepD;  // from one slice of the kernel to the next; clipped rows leave gaps
  int64_t weightStepH;  // from row to row; depthwise only
  // Source row of result row r and tap i: firstRow + r * rowsPerResult + i * rowsPerTap. Taps outside [0, height) read
  // zeros and are left out.
  int64_t firstRow, rowsPerResult, rowsPerTap, height;
  int64_t firstCol, colsPerResult, colsPerTap, width;  // the same for columns; depthwise only
  const void* weights;
  const void* bias;  // padded to whole vectors; may be null
  void* out;
  const void *addend, *mask;  // lie as out does; may be null
  int64_t outRowStep, outColStep;
  int64_t rows, cols;
  int64_t vectors;    // of the block; depthwise: of all channels
  int64_t planes;     // depthwise only
  int64_t lastLanes;  // valid lanes of the last vector
  bool relu;
  double most;
};

// How wide a register tile may be, for the frame's choice.
struct ConvTiling {
  int lanes[2];
  int maxVectors;
  int maxRows[5];  // by number of vectors; [0] is for depthwise
  int fmasPerCycle;
};

struct ConvKernels {
  ConvTiling tiling;
  void (*pad[2])(const ConvPad&);
  void (*pack[2])(const ConvPack&);
  void (*tile[2])(const ConvTile&);
  // Lane by lane, for small groups: a result channel has one input in each of `planes` planes. runLength is the
  // distance of planes, in the source and in weights[h][i][j][plane]; taps are runsD x runsH x runsW.
  void (*depthwise[2])(const ConvTile&);
};

}  // namespace nabla::cpu
