#include "pool.h"

#include <algorithm>

namespace nabla::ops {

namespace {

cpu::PoolShape shapeOf(const Tensor& x, std::span<const int64_t> window, bool countIncludePad = true,
                       int64_t divisorOverride = 0) {
  const auto axis = [&](size_t i) {
    const auto* p = window.subspan(6 * i, 6).data();
    return cpu::PoolAxis{p[0], p[1], p[2], p[3], p[4], p[5]};
  };
  return {x.shape[1], axis(0), axis(1), axis(2), countIncludePad, divisorOverride, false};
}

int placeKind(const Tensor& places) { return places.dtype == DType::kInt32; }

// Splits rows, and long rows by columns, so that a chunk touches about `kGrain` elements.
struct Split {
  int64_t rows, cols, rowsPerChunk, colsPerChunk, colChunks, chunks;
  Split(int64_t rows, int64_t cols, int64_t workPerPixel) : rows(rows), cols(cols) {
    constexpr int64_t kGrain = 96 * 1024;
    const int64_t pixels = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, workPerPixel));
    rowsPerChunk = std::max<int64_t>(1, pixels / cols);
    colsPerChunk = rowsPerChunk > 1 ? cols : std::min(cols, 2 * pixels);
    colChunks = ceilDiv(cols, colsPerChunk);
    chunks = ceilDiv(rows, rowsPerChunk) * colChunks;
  }
  cpu::PoolPart part(int64_t chunk) const {
    const int64_t row = chunk / colChunks * rowsPerChunk, col = chunk % colChunks * colsPerChunk;
    return {row, std::min(rows, row + rowsPerChunk), col, std::min(cols, col + colsPerChunk)};
  }
};

Split overOutput(const Tensor& out, const cpu::PoolShape& s) {
  return {out.shape[0] * s.d.out * s.h.out, s.w.out, s.channels * s.d.kernel * s.h.kernel * s.w.kernel};
}
// An input element meets about (window / stride) windows.
Split overInput(const Tensor& in, const cpu::PoolShape& s) {
  const auto windows = [](const cpu::PoolAxis& a) { return a.stride ? ceilDiv(a.kernel, a.stride) : 2; };
  return {in.shape[0] * s.d.size * s.h.size, s.w.size, s.channels * windows(s.d) * windows(s.h) * windows(s.w)};
}

}  // namespace

void maxPool(Context& ctx, const Tensor& out, const Tensor& places, const Tensor& x, std::span<const int64_t> window,
             bool rectified) {
  if (out.numel() == 0) return;
  auto s = shapeOf(x, window);
  s.rectified = rectified;
  const auto kernel = ctx.kernels.pool.max[x.dtype == DType::kFloat64][placeKind(places)];
  const Split split = overOutput(out, s);
  ctx.stream.enqueue("maxPool", {&out, &places}, {&x}, [=, from = x.data, to = out.data, at = places.data](Exec& exec) {
    exec.parallelFor(split.chunks, [&](int64_t chunk) { kernel(s, from, to, at, split.part(chunk)); });
  });
}

void maxPoolBackward(Context& ctx, const Tensor& gradX, const Tensor& gradOut, const Tensor& places,
                     std::span<const int64_t> window) {
  if (gradX.numel() == 0) return;
  const auto s = shapeOf(gradX, window);
  const auto kernel = ctx.kernels.pool.maxBackward[gradX.dtype == DType::kFloat64][placeKind(places)];
  const Split split = overInput(gradX, s);
  ctx.stream.enqueue("maxPoolBackward", {&gradX}, {&gradOut, &places},
                     [=, from = gradOut.data, to = gradX.data, at = places.data](Exec& exec) {
                       exec.parallelFor(split.chunks,
                                        [&](int64_t chunk) { kernel(s, from, at, to, split.part(chunk)); });
                     });
}

void maxPoolIndices(Context& ctx, const Tensor& out, const Tensor& places, std::span<const int64_t> window) {
  if (out.numel() == 0) return;
  const auto s = shapeOf(out, window);
  const auto kernel = ctx.kernels.pool.maxIndices[placeKind(places)];
  const Split split(out.shape[0] * s.d.out * s.h.out, s.w.out, s.channels * 4);
  ctx.stream.enqueue("maxPoolIndices", {&out}, {&places}, [=, to = out.ptr<int64_t>(), at = places.data](Exec& exec) {
    exec.parallelFor(split.chunks, [&](int64_t chunk) { kernel(s, at, to, split.part(chunk)); });
  });
}

void avgPool(Context& ctx, const Tensor& out, const Tensor& x, std::span<const int64_t> window, bool countIncludePad,
             int64_t divisorOverride) {
  if (out.numel() == 0) return;
  const auto s = shapeOf(x, window, countIncludePad, divisorOverride);
  const auto kernel = ctx.kernels.pool.average[x.dtype == DType::kFloat64];
  const Split split = overOutput(out, s);
  ctx.stream.enqueue("avgPool", {&out}, {&x}, [=, from = x.data, to = out.data](Exec& exec) {
    exec.parallelFor(split.chunks, [&](int64_t chunk) { kernel(s, from, to, split.part(chunk)); });
  });
}

void avgPoolBackward(Context& ctx, const Tensor& gradX, const Tensor& gradOut, std::span<const int64_t> window,
                     bool countIncludePad, int64_t divisorOverride) {
  if (gradX.numel() == 0) return;
  const auto s = shapeOf(gradX, window, countIncludePad, divisorOverride);
  const auto kernel = ctx.kernels.pool.averageBackward[gradX.dtype == DType::kFloat64];
  const Split split = overInput(gradX, s);
  ctx.stream.enqueue("avgPoolBackward", {&gradX}, {&gradOut}, [=, from = gradOut.data, to = gradX.data](Exec& exec) {
    exec.parallelFor(split.chunks, [&](int64_t chunk) { kernel(s, from, to, split.part(chunk)); });
  });
}

void fractionalIndices(Context& ctx, const Tensor& indices, const Tensor& x, const Tensor& samples,
                       std::span<const int64_t> window) {
  if (indices.numel() == 0) return;
  const auto s = shapeOf(x, window);
  const auto kernel = ctx.kernels.pool.fractional[x.dtype == DType::kFloat64];
  const int64_t axes = samples.shape[samples.ndim - 1], planes = x.shape[0] * s.channels;
  const int64_t work = s.d.out * s.h.out * s.w.out * s.d.kernel * s.h.kernel * s.w.kernel;
  const int64_t each = std::max<int64_t>(1, 32768 / work);
  ctx.stream.enqueue("fractionalMaxPool", {&indices}, {&x, &samples},
                     [=, from = x.data, random = samples.data, to = indices.ptr<int64_t>()](Exec& exec) {
                       exec.parallelFor(ceilDiv(planes, each), [&](int64_t chunk) {
                         kernel(s, from, random, axes, to, chunk * each, std::min(planes, (chunk + 1) * each));
                       });
                     });
}

}  // namespace nabla::ops
