// Walks rows of any strides and hands them to an op in one of two forms: a block of rows side by side, one per vector
// lane, or one contiguous row. Rows that lie otherwise are copied into such a form and the results back.
#pragma once
#include "softmax.h"
#include "vmath.h"

namespace {

using nabla::cpu::SoftmaxRows;

// Row number `row` and, in column form, the `count` rows that start there: lane i of element d is at [d * step + i].
template <class T>
struct RowBlock {
  const T* in[2];
  T* out;
  int64_t inStep[2], outStep;
  int64_t length, row, count;
};

struct RowCursor {
  const SoftmaxRows& s;
  int64_t index[8];
  int64_t offset[3];

  NABLA_INLINE RowCursor(const SoftmaxRows& s, int64_t row) : s(s), offset{0, 0, 0} {
    for (int d = s.ndim - 1; d >= 0; d--) {
      index[d] = row % s.shape[d];
      row /= s.shape[d];
      for (int t = 0; t < 3; t++) offset[t] += index[d] * s.strides[t][d];
    }
  }
  // Rows left in the innermost dimension.
  NABLA_INLINE int64_t room() const { return s.ndim ? s.shape[s.ndim - 1] - index[s.ndim - 1] : 1; }
  // n <= room().
  NABLA_INLINE void advance(int64_t n) {
    int d = s.ndim - 1;
    if (d < 0) return;
    index[d] += n;
    for (int t = 0; t < 3; t++) offset[t] += n * s.strides[t][d];
    while (d > 0 && index[d] == s.shape[d]) {
      for (int t = 0; t < 3; t++) offset[t] += s.strides[t][d - 1] - s.shape[d] * s.strides[t][d];
      index[d--] = 0;
      index[d]++;
    }
  }
};

// The tensors of one call.
template <class T>
struct RowTensors {
  const T* in[2];
  T* out;
};

// Op: kInputs, kOutput, columns(RowBlock) and row(RowBlock); row() gets at least a vector of elements.
template <class T, class Op>
NABLA_INLINE void oneRow(const SoftmaxRows& s, const RowTensors<T>& t, const RowCursor& at, int64_t row, T* scratch,
                         const Op& op) {
  RowBlock<T> block{{nullptr, nullptr}, nullptr, {1, 1}, 1, s.length, row, 1};
  for (int i = 0; i < Op::kInputs; i++) {
    block.in[i] = t.in[i] + at.offset[i];
    if (s.step[i] == 1) continue;
    T* copy = scratch + i * s.length;
    for (int64_t d = 0; d < s.length; d++) copy[d] = block.in[i][d * s.step[i]];
    block.in[i] = copy;
  }
  T* out = t.out + at.offset[2];
  const bool direct = !Op::kOutput || s.step[2] == 1;
  block.out = direct ? out : scratch + 2 * s.length;
  op.row(block);
  if (direct) return;
  for (int64_t d = 0; d < s.length; d++) out[d * s.step[2]] = block.out[d];
}

// Up to a vector of rows through a tile [length][lanes]. Moves the cursor past them.
template <class T, class Op>
NABLA_INLINE void tileOfRows(const SoftmaxRows& s, const RowTensors<T>& t, RowCursor& at, int64_t row, int64_t count,
                             T* scratch, const Op& op) {
  constexpr int64_t kWidth = kLanes<T>;
  const int64_t size = s.length * kWidth;
  const T zero = 0;
  int64_t outOffset[kWidth];
  for (int64_t i = 0; i < kWidth; i++) {
    for (int k = 0; k < Op::kInputs; k++) {
      T* tile = scratch + k * size + i;
      const T* from = i < count ? t.in[k] + at.offset[k] : &zero;
      const int64_t step = i < count ? s.step[k] : 0;
      for (int64_t d = 0; d < s.length; d++) tile[d * kWidth] = from[d * step];
    }
    if (i >= count) continue;
    outOffset[i] = at.offset[2];
    at.advance(1);
  }
  T* outTile = scratch + 2 * size;
  op.columns(RowBlock<T>{{scratch, scratch + size}, outTile, {kWidth, kWidth}, kWidth, s.length, row, count});
  if (!Op::kOutput) return;
  for (int64_t i = 0; i < count; i++) {
    T* out = t.out + outOffset[i];
    for (int64_t d = 0; d < s.length; d++) out[d * s.step[2]] = outTile[d * kWidth + i];
  }
}

// A vector of rows that lie side by side, each element read and written once: planes a power of two apart would push
// one another out of the cache between the passes of an op.
template <class T, class Op>
NABLA_INLINE void tileInPlace(const SoftmaxRows& s, const RowTensors<T>& t, const RowCursor& at, int64_t row,
                              T* scratch, const Op& op) {
  constexpr int64_t kWidth = kLanes<T>;
  const int64_t size = s.length * kWidth;
  for (int k = 0; k < Op::kInputs; k++) {
    const T* from = t.in[k] + at.offset[k];
    T* tile = scratch + k * size;
    for (int64_t d = 0; d < s.length; d++) vstore<T>(tile + d * kWidth, vload(from + d * s.step[k]));
  }
  T* outTile = scratch + 2 * size;
  op.columns(RowBlock<T>{{scratch, scratch + size}, outTile, {kWidth, kWidth}, kWidth, s.length, row, kWidth});
  if (!Op::kOutput) return;
  T* out = t.out + at.offset[2];
  for (int64_t d = 0; d < s.length; d++) vstore<T>(out + d * s.step[2], vload<T>(outTile + d * kWidth));
}

template <class T, class Op>
NABLA_INLINE void overRows(const SoftmaxRows& s, const RowTensors<T>& t, int64_t row0, int64_t row1, T* scratch,
                           const Op& op) {
  constexpr int64_t kWidth = kLanes<T>;
  bool columns = s.ndim > 0, contiguous = true;
  for (int k = 0; k < 3; k++) {
    if (k < 2 ? k >= Op::kInputs : !Op::kOutput) continue;
    columns = columns && s.strides[k][s.ndim - 1] == 1;
    contiguous = contiguous && s.step[k] == 1;
  }
  const bool rowWise = s.length > nabla::cpu::kSoftmaxTile || (contiguous && s.length >= 4 * kWidth);
  RowCursor at(s, row0);
  for (int64_t row = row0; row < row1;) {
    if (columns && at.room() >= kWidth && row + kWidth <= row1) {
      if (s.length <= nabla::cpu::kSoftmaxTile) {
        tileInPlace(s, t, at, row, scratch, op);
      } else {
        op.columns(RowBlock<T>{{t.in[0] + at.offset[0], t.in[1] + at.offset[1]},
                               t.out + at.offset[2],
                               {s.step[0], s.step[1]},
                               s.step[2],
                               s.length,
                               row,
                               kWidth});
      }
      at.advance(kWidth);
      row += kWidth;
    } else if (rowWise) {
      oneRow(s, t, at, row, scratch, op);
      at.advance(1);
      row++;
    } else {
      int64_t count = row1 - row < kWidth ? row1 - row : kWidth;
      if (columns && at.room() < count) count = at.room();  // whole blocks after it stay in place
      tileOfRows(s, t, at, row, count, scratch, op);
      row += count;
    }
  }
}

}  // namespace
