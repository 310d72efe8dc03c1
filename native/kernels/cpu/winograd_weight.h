// Winograd kernels for the gradient of 3x3 float32 weights: contract. Conventions as in winograd.h.
#pragma once
#include "winograd.h"

namespace nabla::cpu {

// out[point][row][:] (+)= sum over tiles t of a[point][t][row] * b[point][t][:].
struct WinogradOuter {
  const float* a;
  int64_t aPitch, aPoint;
  const float* b;
  int64_t bPitch, bPoint;
  float* out;
  int64_t outPitch, outPoint;
  int64_t points, rows, tiles;
  int64_t vectors, tileVectors;
  bool add;
};

// Sums of points to weights: taps[tap][row][c] of the sums over `parts` of points[part][point][row][c], c < channels.
struct WinogradTaps {
  const float* points;
  int64_t parts, partStride, pointStride, pitch;
  int64_t rows, channels;
  float* out;
  int64_t tapStride, rowStride;
};

struct WinogradWeightKernels {
  void (*gradient[2])(const WinogradInput&);  // tiles of the result's gradient, for the gradient of the weights
  void (*taps[2])(const WinogradTaps&);
  void (*outer)(const WinogradOuter&);
};

}  // namespace nabla::cpu
