// How a matrix product is cut into chunks. Depends on the problem's size only, so results do not depend on threads.
#pragma once
#include <algorithm>
#include <cmath>

#include "context.h"

namespace nabla::ops {

inline int64_t sliceBegin(int64_t n, int64_t parts, int64_t i) { return n * i / parts; }

// The batch dimensions of one call, merged where the strides allow.
struct GemmBatch {
  int ndim = 0;
  int64_t count = 1;
  int64_t shape[kMaxDims] = {}, a[kMaxDims] = {}, b[kMaxDims] = {}, c[kMaxDims] = {};

  void add(int64_t size, int64_t aStride, int64_t bStride, int64_t cStride) {  // outermost first
    if (size == 1) return;
    count *= size;
    if (ndim > 0) {
      const int i = ndim - 1;
      if (a[i] == size * aStride && b[i] == size * bStride && c[i] == size * cStride) {
        shape[i] *= size, a[i] = aStride, b[i] = bStride, c[i] = cStride;
        return;
      }
    }
    shape[ndim] = size, a[ndim] = aStride, b[ndim] = bStride, c[ndim] = cStride;
    ndim++;
  }
  void offsets(int64_t item, int64_t* aOut, int64_t* bOut, int64_t* cOut) const {
    *aOut = *bOut = *cOut = 0;
    for (int i = ndim - 1; i >= 0; i--) {
      const int64_t at = item % shape[i];
      item /= shape[i];
      *aOut += at * a[i], *bOut += at * b[i], *cOut += at * c[i];
    }
  }
};

template <class T>
int64_t unitsOf(const cpu::GemmTable<T>& g, int64_t k) {
  return ceilDiv(k, g.kUnit);
}
// Part `i` of `parts` of K: whole units.
template <class T>
int64_t depthBegin(const cpu::GemmTable<T>& g, int64_t k, int64_t parts, int64_t i) {
  return std::min(k, sliceBegin(unitsOf(g, k), parts, i) * g.kUnit);
}

template <class T>
void setPanels(const cpu::GemmTable<T>& g, cpu::GemmTask<T>& task) {
  task.kBlocks = std::max<int64_t>(1, ceilDiv(unitsOf(g, task.k), g.kBlock));
  task.rowPanels = ceilDiv(task.m, g.rowTile);
  task.colPanels = ceilDiv(task.n, g.bWidth);
}

struct GemmPlan {
  int64_t mParts, nParts, kParts;      // super-blocks: bound the packed copies
  int64_t rowGroups, colGroups;        // chunks of a super-block
  bool sharedA, sharedB;               // packed once for all chunks; otherwise each chunk packs its own
  int64_t packedA, packedB, perChunk;  // scratch, in units
  int64_t sums;                        // those of a super-block that wait for more of K
};

// Whether the blocks of K meet in scratch, not in C.
template <class T>
constexpr bool kSumsApart = cpu::SumOf<T>::kApart;

template <class T>
GemmPlan planGemm(const cpu::GemmTable<T>& g, int64_t m, int64_t n, int64_t elements) {
  constexpr double kMinFlops = 0.5e6, kMaxFlops = 8e6;  // 5 and 70 us of one core
  constexpr int64_t kMaxSide = kSumsApart<T> ? 2048 : 4096;
  constexpr int64_t kUnitBytes = sizeof(cpu::Sum<T>);
  constexpr int64_t kPackedElements = (16 << 20) / kUnitBytes;
  constexpr int64_t kOwnElements = (384 << 10) / kUnitBytes;  // stays in the second-level cache
  constexpr int64_t kManyPanels = 32;
  const int64_t k = unitsOf(g, elements);
  GemmPlan p{};
  p.mParts = ceilDiv(m, kMaxSide), p.nParts = ceilDiv(n, kMaxSide);
  const int64_t rows = ceilDiv(ceilDiv(m, p.mParts), g.rowTile), cols = ceilDiv(ceilDiv(n, p.nParts), g.bWidth);
  const int64_t aSide = rows * g.aWidth, bSide = cols * g.bWidth, blockMost = std::min(k, g.kBlock);
  // Where a block of the narrow operand stays in the cache, each chunk takes all of it and reads its part of the other
  // operand once, without a packed copy in memory.
  const bool byRows = bSide * blockMost <= kOwnElements * 3 / 2 && rows >= kManyPanels && aSide >= bSide;
  const bool byColumns = !byRows && aSide * blockMost <= kOwnElements * 3 / 2 && cols >= kManyPanels;
  const int64_t packedWidth = std::max<int64_t>(1, (byRows ? 0 : aSide) + (byColumns ? 0 : bSide));
  p.kParts = std::max<int64_t>(1, ceilDiv(k, std::max(g.kBlock, kPackedElements / packedWidth)));
  const int64_t depth = ceilDiv(k, p.kParts), blockDepth = std::min(depth, g.kBlock);

  const double tileFlops = 2.0 * static_cast<double>(g.rowTile * g.bWidth * g.kUnit * std::max<int64_t>(depth, 1));
  const double flops = tileFlops * static_cast<double>(rows * cols);
  const double target = flops < 2 * kMinFlops ? flops : std::clamp(flops / 32, kMinFlops, kMaxFlops);
  const int64_t chunks = std::clamp<int64_t>(std::llround(flops / target), 1, rows * cols);
  p.rowGroups = p.colGroups = 1;
  // At least two panels per chunk, and no more than stay in the cache.
  const auto groups = [&](int64_t panels, int64_t width) {
    return std::max(std::min(chunks, panels / 2), std::min(panels, ceilDiv(panels * width * blockDepth, kOwnElements)));
  };
  if (chunks > 1 && byRows) {
    p.rowGroups = groups(rows, g.aWidth);
  } else if (chunks > 1 && byColumns) {
    p.colGroups = groups(cols, g.bWidth);
  } else if (chunks > 1) {
    const double tiles = static_cast<double>(rows * cols) / static_cast<double>(chunks);
    const double high = std::sqrt(tiles * static_cast<double>(g.bWidth) / static_cast<double>(g.rowTile));
    const int64_t perRow = std::clamp<int64_t>(std::llround(high), 1, rows);
    p.rowGroups = ceilDiv(rows, perRow);
    p.colGroups = std::clamp<int64_t>(ceilDiv(chunks, p.rowGroups), 1, cols);
  }
  p.sharedA = p.colGroups > 1, p.sharedB = p.rowGroups > 1;
  p.packedA = p.sharedA ? aSide * depth : 0;
  p.packedB = p.sharedB ? bSide * depth : 0;
  p.perChunk = ((p.sharedA ? 0 : ceilDiv(rows, p.rowGroups) * g.aWidth) +
                (p.sharedB ? 0 : ceilDiv(cols, p.colGroups) * g.bWidth)) *
               blockDepth;
  if (kSumsApart<T> && p.kParts > 1) {
    p.sums = ceilDiv(m, p.mParts) * bSide;
  } else if (kSumsApart<T> && depth > g.kBlock) {
    p.perChunk += ceilDiv(rows, p.rowGroups) * g.rowTile * ceilDiv(cols, p.colGroups) * g.bWidth;
  }
  return p;
}

}  // namespace nabla::ops
