// Which positions the windows of pooling have along an axis.
#pragma once
#include "pool.h"
#include "vec.h"

namespace {

using nabla::cpu::PoolAxis;
using nabla::cpu::PoolPart;
using nabla::cpu::PoolShape;

struct Range {
  int64_t begin, end;
  NABLA_INLINE int64_t count() const { return end - begin; }
};

NABLA_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
NABLA_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// The window of output `o` along one axis: where it starts (possibly before the input), and how many taps it has.
NABLA_INLINE int64_t startOf(const PoolAxis& a, int64_t o) {
  return a.stride > 0 ? o * a.stride - a.pad : o * a.size / a.out;
}
NABLA_INLINE int64_t tapsOf(const PoolAxis& a, int64_t o) {
  return a.stride > 0 ? a.kernel : ((o + 1) * a.size + a.out - 1) / a.out - o * a.size / a.out;
}

// Which taps of a window that begins at `start` lie inside [low, high).
NABLA_INLINE Range insideTaps(int64_t start, int64_t taps, int64_t dilation, int64_t low, int64_t high) {
  Range r{0, taps};
  if (start < low) r.begin = least(taps, (low - start + dilation - 1) / dilation);
  if (start + (taps - 1) * dilation >= high) r.end = start >= high ? 0 : (high - 1 - start) / dilation + 1;
  if (r.end < r.begin) r.end = r.begin;
  return r;
}
NABLA_INLINE Range insideTaps(const PoolAxis& a, int64_t o) {
  return insideTaps(startOf(a, o), tapsOf(a, o), a.dilation, 0, a.size);
}

// Outputs whose windows lie inside [low, high); not for adaptive windows.
NABLA_INLINE Range fullWindows(const PoolAxis& a, int64_t low, int64_t high) {
  const int64_t room = high - 1 - (a.kernel - 1) * a.dilation + a.pad;
  Range r{least(a.out, (low + a.pad + a.stride - 1) / a.stride), room < 0 ? 0 : room / a.stride + 1};
  r.end = most(r.begin, least(r.end, a.out));
  return r;
}

// Outputs whose windows reach over input `i`, which with a dilation may still lie between their taps.
NABLA_INLINE Range windowsOver(const PoolAxis& a, int64_t i) {
  if (a.stride == 0) return {i * a.out / a.size, least(a.out, ((i + 1) * a.out - 1) / a.size + 1)};
  const int64_t h = i + a.pad;
  return {most(0, h - (a.kernel - 1) * a.dilation + a.stride - 1) / a.stride, least(a.out, h / a.stride + 1)};
}

// Which tap of window `o` lies on input `i`, one it reaches over; -1: none, `i` lies between its taps.
NABLA_INLINE int64_t tapAt(const PoolAxis& a, int64_t o, int64_t i) {
  const int64_t distance = i - startOf(a, o);
  if (a.dilation == 1) return distance;
  return distance % a.dilation == 0 ? distance / a.dilation : -1;
}

// How many positions count in an average, as PyTorch does it: padding belongs to a window, what lies beyond does not.
NABLA_INLINE int64_t counted(const PoolAxis& a, int64_t o, bool includePad) {
  if (a.stride == 0) return tapsOf(a, o);
  const int64_t start = startOf(a, o), end = least(start + a.kernel, a.size + a.pad);
  return includePad ? end - start : least(end, a.size) - most(start, 0);
}
NABLA_INLINE int64_t countedLines(const PoolShape& s, int64_t od, int64_t oh) {
  return counted(s.d, od, s.countIncludePad) * counted(s.h, oh, s.countIncludePad);
}

// Where a row of `h` lines and `d` planes lies. Images have one plane: no division for it.
struct Row {
  int64_t n, d, h;
  NABLA_INLINE Row(int64_t row, int64_t planes, int64_t lines) : n(row / lines), d(0), h(row % lines) {
    if (planes > 1) d = n % planes, n /= planes;
  }
};

}  // namespace
