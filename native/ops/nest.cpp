#include "nest.h"

#include <algorithm>
#include <limits>

namespace nabla {

namespace {

constexpr int64_t kTile = 64;

void swapDims(Nest& nest, int i, int j) {
  std::swap(nest.shape[i], nest.shape[j]);
  for (int k = 0; k < nest.operands; k++) std::swap(nest.strides[k][i], nest.strides[k][j]);
}

// True when dimension i + 1 continues dimension i in every operand.
bool mergeable(const Nest& nest, int inner, int outer) {
  for (int k = 0; k < nest.operands; k++)
    if (nest.strides[k][outer] != nest.strides[k][inner] * nest.shape[inner]) return false;
  return true;
}

bool outside(const Nest& nest, int i, int j) {  // dimension i belongs outside dimension j
  for (int k = 0; k < nest.operands; k++)
    if (nest.strides[k][i] != nest.strides[k][j]) return nest.strides[k][i] > nest.strides[k][j];
  return false;
}

void collapse(Nest& nest) {
  for (int i = 1; i < nest.ndim; i++)
    for (int j = i; j > 0 && outside(nest, j - 1, j); j--) swapDims(nest, j - 1, j);
  int last = 0;
  for (int i = 1; i < nest.ndim; i++) {
    if (mergeable(nest, last, i)) {
      nest.shape[last] *= nest.shape[i];
      continue;
    }
    last++;
    if (last != i) swapDims(nest, last, i);
  }
  nest.ndim = nest.ndim ? last + 1 : 0;
}

// An input that runs along another dimension than the output is read a cache line at a time only within tiles.
void chooseTiles(Nest& nest) {
  if (nest.ndim < 2 || nest.strides[0][0] != 1) return;
  int across = 0;
  for (int k = 1; k < nest.operands && !across; k++) {
    if (nest.strides[k][0] < 2) continue;
    for (int d = 1; d < nest.ndim; d++)
      if (nest.strides[k][d] == 1 && nest.shape[d] > 1) across = d;
  }
  if (!across) return;
  if (across != 1) swapDims(nest, 1, across);
  nest.tile1 = std::min(nest.shape[1], kTile);
  nest.tile0 = std::min(nest.shape[0], kTile * kTile / nest.tile1);
  nest.tile1 = std::min(nest.shape[1], kTile * kTile / nest.tile0);
}

void chooseChunks(Nest& nest, int64_t chunk) {
  if (nest.tile0) {
    int64_t tiles = ceilDiv(nest.shape[0], nest.tile0) * ceilDiv(nest.shape[1], nest.tile1);
    for (int d = 2; d < nest.ndim; d++) tiles *= nest.shape[d];
    nest.chunkSize = std::max<int64_t>(1, chunk / (nest.tile0 * nest.tile1));
    nest.chunks = ceilDiv(tiles, nest.chunkSize);
    return;
  }
  const int64_t row = nest.ndim > 1 ? nest.shape[0] : 1;
  nest.chunkSize = row > chunk ? chunk : chunk / row * row;
  nest.chunks = ceilDiv(nest.numel, nest.chunkSize);
}

}  // namespace

Nest makeNest(std::initializer_list<const Tensor*> operands, int64_t chunk) {
  Nest nest;
  const Tensor& out = **operands.begin();
  for (const Tensor* t : operands) {
    const int k = nest.operands++ % cpu::kOperands;
    if (!t) continue;
    nest.data[k] = t->data;
    nest.itemSize[k] = static_cast<uint8_t>(itemSize(t->dtype));
  }
  nest.numel = out.numel();
  if (nest.numel == 0) return nest;
  for (int i = out.ndim - 1; i >= 0; i--) {
    if (out.shape[i] == 1) continue;
    nest.shape[nest.ndim] = out.shape[i];
    int k = 0;
    for (const Tensor* t : operands) {
      const int j = t ? i - out.ndim + t->ndim : -1;
      nest.strides[k++][nest.ndim] = j < 0 || t->shape[j] == 1 ? 0 : t->strides[j];
    }
    nest.ndim++;
  }
  collapse(nest);
  if (nest.ndim == 0) {
    nest.ndim = 1;
    nest.shape[0] = 1;
  }
  chooseTiles(nest);
  chooseChunks(nest, chunk);
  return nest;
}

namespace {

constexpr double kInt64End = 9223372036854775808.0;

int64_t toInt64(double x) { return x >= -kInt64End && x < kInt64End ? static_cast<int64_t>(x) : INT64_MIN; }

template <class T>
T saturate(double x) {
  using Limits = std::numeric_limits<T>;
  if (x <= static_cast<double>(Limits::min())) return Limits::min();
  return x >= static_cast<double>(Limits::max()) ? Limits::max() : static_cast<T>(x);
}

}  // namespace

void Scalar::set(DType dtype, double value) {
  switch (dtype) {
    case DType::kFloat32:
      return put(static_cast<float>(value));
    case DType::kFloat64:
      return put(value);
    case DType::kInt32:
      return put(static_cast<int32_t>(toInt64(value)));
    case DType::kInt64:
      return put(toInt64(value));
    case DType::kUint8:
      return put(static_cast<uint8_t>(toInt64(value)));
    case DType::kBool:
      return put(static_cast<uint8_t>(value != 0));
  }
}

Scalar Scalar::bound(DType dtype, double value) {
  Scalar scalar(dtype, value);
  if (dtype == DType::kInt32) scalar.put(saturate<int32_t>(value));
  if (dtype == DType::kInt64) scalar.put(saturate<int64_t>(value));
  if (dtype == DType::kUint8) scalar.put(saturate<uint8_t>(value));
  return scalar;
}

}  // namespace nabla
