// How Winograd's passes lay out and split their tiles. Depends on the problem's size only.
#pragma once
#include "winograd.h"

namespace nabla::ops {

constexpr int64_t winogradTile(ConvMethod method) { return method == ConvMethod::kF4 ? 4 : 2; }
constexpr int64_t winogradPoints(ConvMethod method) { return method == ConvMethod::kF4 ? 36 : 16; }

// Elements from one point to the next: whole cache lines, an odd number of them, so that the points of one tile do not
// fall into the same cache sets.
inline int64_t pointStride(int64_t rows, int64_t pitch) { return (ceilDiv(rows * pitch, 16) | 1) * 16; }

inline cpu::WinogradImages winogradImages(const Tensor& t, int64_t originH, int64_t originW) {
  return {t.ptr<float>(), t.shape[2], t.shape[3], t.shape[1], originH, originW};
}

// The tiles of all images of `result`.
struct WinogradGrid {
  int64_t perRow, perImage, total;
  cpu::WinogradTiles tiles(int64_t first, int64_t count) const { return {perRow, perImage, first, count}; }
};

inline WinogradGrid winogradGrid(ConvMethod method, const Tensor& result) {
  const int64_t tile = winogradTile(method);
  const int64_t rows = ceilDiv(result.shape[2], tile), cols = ceilDiv(result.shape[3], tile);
  return {cols, rows * cols, result.shape[0] * rows * cols};
}

// Tiles per block: its points stay in the second-level cache, its rows fill register tiles, and there are enough blocks
// for several threads when the work is worth it.
inline int64_t winogradBlock(const WinogradGrid& grid, int64_t points, int64_t depth, int64_t width, int64_t unit) {
  constexpr int64_t kBytes = 600 << 10, kMost = 56;
  const double flops = 2.0 * static_cast<double>(grid.total * points) * static_cast<double>(depth * width);
  const int64_t wanted = std::clamp<int64_t>(static_cast<int64_t>(flops / 1e6), 1, 16);
  const int64_t fitting = kBytes / (points * (depth + width) * static_cast<int64_t>(sizeof(float)));
  const int64_t most = std::clamp<int64_t>(std::min(fitting, roundUp(ceilDiv(grid.total, wanted), unit)), 1, kMost);
  return most < unit ? most : most / unit * unit;
}

// Consecutive pieces of about `size` out of `count` things.
inline ConvSplit piecesOf(int64_t count, int64_t size) {
  return {count, std::max<int64_t>(1, ceilDiv(count, std::max<int64_t>(size, 1)))};
}

}  // namespace nabla::ops
