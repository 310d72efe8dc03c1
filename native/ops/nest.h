// The loop nest of an elementwise task: one output, up to three inputs, any strides, cut into chunks.
#pragma once
#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "../kernels/cpu/rect.h"
#include "context.h"

namespace nabla {

// A single value; its bytes travel with the task.
struct Scalar {
  alignas(8) char bytes[8] = {};
  Scalar() = default;
  Scalar(DType dtype, double value) { set(dtype, value); }  // converts as PyTorch does
  static Scalar bound(DType dtype, double value);           // the nearest value of the type

 private:
  void set(DType dtype, double value);
  template <class T>
  void put(T x) {
    std::memcpy(bytes, &x, sizeof x);
  }
};

// Dimensions run from the innermost outwards: sorted by the output's strides, merged where all operands allow it.
template <int kDims, int kCount>
struct NestOf {
  int operands = 0;
  int ndim = 0;
  int64_t numel = 0;
  int64_t chunkSize = 0;  // elements, or tiles when tiled
  int64_t chunks = 0;
  int64_t tile0 = 0, tile1 = 0;  // > 0: dimensions 0 and 1 are walked in tiles, because an input runs along dimension 1
  int64_t shape[kDims] = {};
  int64_t strides[kCount][kDims] = {};
  char* data[kCount] = {};  // null: the operand is scalars[k]
  Scalar scalars[kCount];
  uint8_t itemSize[kCount] = {};
};
using Nest = NestOf<kMaxDims, cpu::kOperands>;

// The first operand is the output; the others broadcast to its shape, a null one is a scalar that the caller sets.
// `chunk` is the number of elements per chunk.
Nest makeNest(const Tensor* const* operands, int count, int64_t chunk);
inline Nest makeNest(std::initializer_list<const Tensor*> operands, int64_t chunk = 32768) {
  return makeNest(operands.begin(), static_cast<int>(operands.size()), chunk);
}

// Queues `kernel` over a nest: a few dozen bytes when it is one run through memory. `outs` and `ins` as in
// Stream::enqueue.
void enqueueNest(Context& ctx, const char* op, std::initializer_list<const Tensor*> outs,
                 std::initializer_list<const Tensor*> ins, const Nest& nest, cpu::RectFn kernel);

// One operand of an elementwise op: a tensor, or a single value.
struct Operand {
  const Tensor* tensor = nullptr;
  Scalar scalar;
  Operand(const Tensor& t) : tensor(&t) {}
  Operand(Scalar s) : scalar(s) {}
};

// Queues `kernel` over one output, which comes first, and its inputs. `chunk` as in makeNest. `streamed`: the form of
// the kernel for large outputs, or null.
void enqueueElementwise(Context& ctx, const char* op, std::initializer_list<Operand> operands, cpu::RectFn kernel,
                        int64_t chunk = 32768, cpu::RectFn streamed = nullptr);

namespace detail {

template <class AnyNest>
inline void place(const AnyNest& nest, const int64_t* coord, cpu::Rect& rect) {
  for (int k = 0; k < nest.operands; k++) {
    int64_t offset = 0;
    for (int d = 0; d < nest.ndim; d++) offset += coord[d] * nest.strides[k][d];
    rect.p[k] = nest.data[k] ? nest.data[k] + offset * nest.itemSize[k] : const_cast<char*>(nest.scalars[k].bytes);
  }
}

template <class AnyNest>
inline cpu::Rect rectOf(const AnyNest& nest) {
  cpu::Rect rect{};
  for (int k = 0; k < nest.operands; k++) {
    rect.s0[k] = nest.strides[k][0];
    rect.s1[k] = nest.ndim > 1 ? nest.strides[k][1] : 0;
  }
  return rect;
}

template <class AnyNest, class F>
void walkTiles(const AnyNest& nest, int64_t chunk, F& run) {
  cpu::Rect rect = rectOf(nest);
  int64_t counts[kMaxDims] = {ceilDiv(nest.shape[0], nest.tile0), ceilDiv(nest.shape[1], nest.tile1)};
  int64_t tiles = counts[0] * counts[1];
  for (int d = 2; d < nest.ndim; d++) tiles *= counts[d] = nest.shape[d];
  const int64_t end = std::min((chunk + 1) * nest.chunkSize, tiles);
  for (int64_t t = chunk * nest.chunkSize; t < end; t++) {
    int64_t coord[kMaxDims] = {}, rest = t;
    for (int d = 0; d < nest.ndim; d++) {
      coord[d] = rest % counts[d];
      rest /= counts[d];
    }
    coord[0] *= nest.tile0;
    coord[1] *= nest.tile1;
    rect.n0 = std::min(nest.tile0, nest.shape[0] - coord[0]);
    rect.n1 = std::min(nest.tile1, nest.shape[1] - coord[1]);
    place(nest, coord, rect);
    run(rect);
  }
}

template <class AnyNest, class F>
void walkRows(const AnyNest& nest, int64_t chunk, F& run) {
  cpu::Rect rect = rectOf(nest);
  int64_t at = chunk * nest.chunkSize;
  const int64_t end = std::min(at + nest.chunkSize, nest.numel);
  int64_t coord[kMaxDims] = {}, rest = at;
  for (int d = 0; d < nest.ndim; d++) {
    coord[d] = rest % nest.shape[d];
    rest /= nest.shape[d];
  }
  const int64_t row = nest.shape[0];
  while (at < end) {
    const bool whole = nest.ndim > 1 && coord[0] == 0 && end - at >= row;
    rect.n0 = whole ? row : std::min(row - coord[0], end - at);
    rect.n1 = whole ? std::min((end - at) / row, nest.shape[1] - coord[1]) : 1;
    place(nest, coord, rect);
    run(rect);
    at += rect.n0 * rect.n1;
    coord[whole ? 1 : 0] += whole ? rect.n1 : rect.n0;
    for (int d = whole ? 1 : 0; d + 1 < nest.ndim && coord[d] >= nest.shape[d]; d++) {
      coord[d] = 0;
      coord[d + 1]++;
    }
  }
}

}  // namespace detail

// Calls run(rect) for the rectangles of one chunk.
template <class AnyNest, class F>
void walkChunk(const AnyNest& nest, int64_t chunk, F&& run) {
  if (nest.tile0)
    detail::walkTiles(nest, chunk, run);
  else
    detail::walkRows(nest, chunk, run);
}

}  // namespace nabla
