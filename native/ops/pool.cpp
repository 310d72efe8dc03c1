#include "pool.h"

#include <algorithm>

namespace nabla::ops {

namespace {

cpu::PoolShape shapeOf(const Tensor& in, const Tensor& out, int64_t kernelH, int64_t kernelW, int64_t strideH,
                       int64_t strideW, int64_t padH, int64_t padW, int64_t dilationH, int64_t dilationW,
                       bool countIncludePad = true, int64_t divisorOverride = 0) {
  return {in.shape[1], in.shape[2], in.shape[3], out.shape[2], out.shape[3], kernelH,         kernelW,        strideH,
          strideW,     padH,        padW,        dilationH,    dilationW,    countIncludePad, divisorOverride};
}

int indexKind(const Tensor& indices) { return indices.dtype == DType::kInt32; }

// Splits image rows so that a chunk touches about `kGrain` elements.
struct RowSplit {
  int64_t rows, rowsPerChunk, chunks;
  RowSplit(int64_t rows, int64_t workPerRow) : rows(rows) {
    constexpr int64_t kGrain = 96 * 1024;
    rowsPerChunk = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, workPerRow));
    chunks = ceilDiv(rows, rowsPerChunk);
  }
  int64_t begin(int64_t chunk) const { return chunk * rowsPerChunk; }
  int64_t end(int64_t chunk) const { return std::min(rows, (chunk + 1) * rowsPerChunk); }
};

RowSplit overOutput(const Tensor& out, const cpu::PoolShape& s) {
  return {out.shape[0] * s.outHeight, s.outWidth * s.channels * s.kernelH * s.kernelW};
}
// An input element meets about (window / stride) windows.
RowSplit overInput(const Tensor& in, const cpu::PoolShape& s) {
  const int64_t windows = ceilDiv(s.kernelH, s.strideH) * ceilDiv(s.kernelW, s.strideW);
  return {in.shape[0] * s.height, s.width * s.channels * windows};
}

}  // namespace

void maxPool2d(Context& ctx, const Tensor& out, const Tensor& indices, const Tensor& x, int64_t kernelH,
               int64_t kernelW, int64_t strideH, int64_t strideW, int64_t padH, int64_t padW, int64_t dilationH,
               int64_t dilationW) {
  if (out.numel() == 0) return;
  const auto s = shapeOf(x, out, kernelH, kernelW, strideH, strideW, padH, padW, dilationH, dilationW);
  const auto kernel = ctx.kernels.pool.max[x.dtype == DType::kFloat64][indexKind(indices)];
  const RowSplit split = overOutput(out, s);
  ctx.stream.enqueue(
      "maxPool2d", {&out, &indices}, {&x}, [=, from = x.data, to = out.data, at = indices.data](Exec& exec) {
        exec.parallelFor(split.chunks,
                         [&](int64_t chunk) { kernel(s, from, to, at, split.begin(chunk), split.end(chunk)); });
      });
}

void maxPool2dBackward(Context& ctx, const Tensor& gradX, const Tensor& gradOut, const Tensor& indices, int64_t kernelH,
                       int64_t kernelW, int64_t strideH, int64_t strideW, int64_t padH, int64_t padW, int64_t dilationH,
                       int64_t dilationW) {
  if (gradX.numel() == 0) return;
  const auto s = shapeOf(gradX, gradOut, kernelH, kernelW, strideH, strideW, padH, padW, dilationH, dilationW);
  const auto kernel = ctx.kernels.pool.maxBackward[gradX.dtype == DType::kFloat64][indexKind(indices)];
  const RowSplit split = overInput(gradX, s);
  ctx.stream.enqueue("maxPool2dBackward", {&gradX}, {&gradOut, &indices},
                     [=, from = gradOut.data, to = gradX.data, at = indices.data](Exec& exec) {
                       exec.parallelFor(split.chunks, [&](int64_t chunk) {
                         kernel(s, from, at, to, split.begin(chunk), split.end(chunk));
                       });
                     });
}

void maxPoolIndices(Context& ctx, const Tensor& out, const Tensor& indices, int64_t width, int64_t kernelW,
                    int64_t strideH, int64_t strideW, int64_t padH, int64_t padW, int64_t dilationH,
                    int64_t dilationW) {
  if (out.numel() == 0) return;
  auto s = shapeOf(out, out, 1, kernelW, strideH, strideW, padH, padW, dilationH, dilationW);
  s.width = width;
  const auto kernel = ctx.kernels.pool.maxIndices[indexKind(indices)];
  const RowSplit split(out.shape[0] * s.outHeight, s.outWidth * s.channels * 4);
  ctx.stream.enqueue("maxPoolIndices", {&out}, {&indices}, [=, to = out.ptr<int64_t>(), at = indices.data](Exec& exec) {
    exec.parallelFor(split.chunks, [&](int64_t chunk) { kernel(s, at, to, split.begin(chunk), split.end(chunk)); });
  });
}

void avgPool2d(Context& ctx, const Tensor& out, const Tensor& x, int64_t kernelH, int64_t kernelW, int64_t strideH,
               int64_t strideW, int64_t padH, int64_t padW, bool countIncludePad, int64_t divisorOverride) {
  if (out.numel() == 0) return;
  const auto s =
      shapeOf(x, out, kernelH, kernelW, strideH, strideW, padH, padW, 1, 1, countIncludePad, divisorOverride);
  const auto kernel = ctx.kernels.pool.average[x.dtype == DType::kFloat64];
  const RowSplit split = overOutput(out, s);
  ctx.stream.enqueue("avgPool2d", {&out}, {&x}, [=, from = x.data, to = out.data](Exec& exec) {
    exec.parallelFor(split.chunks, [&](int64_t chunk) { kernel(s, from, to, split.begin(chunk), split.end(chunk)); });
  });
}

void avgPool2dBackward(Context& ctx, const Tensor& gradX, const Tensor& gradOut, int64_t kernelH, int64_t kernelW,
                       int64_t strideH, int64_t strideW, int64_t padH, int64_t padW, bool countIncludePad,
                       int64_t divisorOverride) {
  if (gradX.numel() == 0) return;
  const auto s =
      shapeOf(gradX, gradOut, kernelH, kernelW, strideH, strideW, padH, padW, 1, 1, countIncludePad, divisorOverride);
  const auto kernel = ctx.kernels.pool.averageBackward[gradX.dtype == DType::kFloat64];
  const RowSplit split = overInput(gradX, s);
  ctx.stream.enqueue("avgPool2dBackward", {&gradX}, {&gradOut}, [=, from = gradOut.data, to = gradX.data](Exec& exec) {
    exec.parallelFor(split.chunks, [&](int64_t chunk) { kernel(s, from, to, split.begin(chunk), split.end(chunk)); });
  });
}

}  // namespace nabla::ops
