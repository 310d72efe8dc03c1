#include "warp.h"

#include <algorithm>

namespace nabla::ops {

namespace {

using Kernel = void (*)(const cpu::WarpImage&, int64_t, int64_t);

Kernel kernelOf(const cpu::WarpKernels& kernels, DType dtype, WarpMap map, bool linear) {
  const size_t size = itemSize(dtype), row = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
  if (map == WarpMap::kPlace) return kernels.place[row];
  if (!linear) return kernels.nearest[dtype == DType::kFloat64 ? 4 : row];
  if (dtype == DType::kUint8) return kernels.linear[0];
  if (dtype == DType::kFloat32) return kernels.linear[1];
  return kernelFor(dtype == DType::kFloat64 ? kernels.linear[2] : nullptr, "warp", dtype);
}

// Everything but what differs from image to image.
cpu::WarpImage imageOf(const Tensor& out, const Tensor& x, const Tensor* fill, WarpMap map) {
  cpu::WarpImage image{};
  image.channels = x.shape[1];
  image.height = x.shape[2];
  image.width = x.shape[3];
  image.inChannel = x.strides[1];
  image.inRow = x.strides[2];
  image.inPixel = x.strides[3];
  image.outHeight = out.shape[2];
  image.outWidth = out.shape[3];
  image.outChannel = out.strides[1];
  image.outRow = out.strides[2];
  image.outPixel = out.strides[3];
  image.kind = static_cast<cpu::WarpKind>(map);
  image.fill = fill ? fill->data : nullptr;
  image.fills = fill ? fill->numel() : 0;
  return image;
}

}  // namespace

void warp(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& maps, const Tensor* fill, int64_t mapCode,
          bool linear) {
  if (out.numel() == 0) return;
  constexpr int64_t kElements = 16384;
  const auto map = static_cast<WarpMap>(mapCode);
  const auto kernel = kernelOf(ctx.kernels.warp, x.dtype, map, linear);
  const cpu::WarpImage image = imageOf(out, x, fill, map);
  const auto item = static_cast<int64_t>(itemSize(x.dtype));
  const int64_t rows = image.outHeight, rowWork = std::max<int64_t>(image.outWidth * image.channels, 1);
  const int64_t group = std::clamp<int64_t>(kElements / rowWork, 1, rows), parts = ceilDiv(rows, group);
  const int64_t images = out.shape[0];
  // Small images share a chunk.
  const int64_t together = parts > 1 ? 1 : std::max<int64_t>(1, kElements / (rows * rowWork));
  ctx.stream.enqueue("warp", {&out}, {&x, &maps, fill ? fill : &maps}, [=](Exec& exec) {
    exec.parallelFor(ceilDiv(images, together) * parts, [&](int64_t chunk) {
      const int64_t part = chunk % parts, begin = chunk / parts * together;
      for (int64_t n = begin; n < std::min(begin + together, images); n++) {
        cpu::WarpImage own = image;
        const int64_t entry = maps.shape[0] > 1 ? n : 0;
        own.in = x.data + n * x.strides[0] * item;
        own.out = out.data + n * out.strides[0] * item;
        if (map == WarpMap::kField) {
          own.field = maps.data + entry * maps.strides[0] * static_cast<int64_t>(itemSize(maps.dtype));
        } else {
          std::copy_n(maps.ptr<double>() + entry * 9, 9, own.m);
        }
        kernel(own, part * group, std::min((part + 1) * group, rows));
      }
    });
  });
}

}  // namespace nabla::ops
