#include "grid.h"

#include <algorithm>
#include <cstring>

namespace nabla::ops {

namespace {

constexpr int64_t kElements = 16384;

struct Plan {
  cpu::GridImage image{};
  int64_t batch = 1, points = 1, pixels = 1, channels = 1;
};

Plan planOf(const Tensor& x, const Tensor& grid, int64_t sampling, int64_t padding, bool align) {
  Plan plan;
  plan.batch = x.shape[0];
  plan.channels = x.shape[1];
  cpu::GridImage& image = plan.image;
  image.dims = x.ndim - 2;
  image.channels = plan.channels;
  image.sampling = static_cast<int32_t>(sampling);
  image.padding = static_cast<int32_t>(padding);
  image.align = align;
  for (int d = 0; d < image.dims; d++) {
    image.size[d] = x.shape[x.ndim - 1 - d];
    image.steps[d] = plan.pixels * plan.channels;
    plan.pixels *= image.size[d];
    plan.points *= grid.shape[1 + d];
  }
  return plan;
}

}  // namespace

void gridSample(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& grid, int64_t sampling, int64_t padding,
                bool alignCorners) {
  if (out.numel() == 0) return;
  const Plan plan = planOf(x, grid, sampling, padding, alignCorners);
  const bool wide = x.dtype == DType::kFloat64;
  const auto item = static_cast<int64_t>(itemSize(x.dtype));
  const auto kernel = ctx.kernels.grid.sample[wide];
  const int64_t group = std::max<int64_t>(1, kElements / (plan.channels + 16));
  const int64_t parts = ceilDiv(plan.points, group);
  ctx.stream.enqueue("gridSample", {&out}, {&x, &grid}, [=](Exec& exec) {
    exec.parallelFor(plan.batch * parts, [&](int64_t chunk) {
      const int64_t n = chunk / parts, from = chunk % parts * group, at = n * plan.points + from;
      kernel(plan.image, x.data + n * plan.pixels * plan.channels * item, grid.data + at * plan.image.dims * item,
             out.data + at * plan.channels * item, std::min(group, plan.points - from));
    });
  });
}

void gridSampleBackward(Context& ctx, const Tensor* gradX, const Tensor* gradGrid, const Tensor& gradient,
                        const Tensor& x, const Tensor& grid, int64_t sampling, int64_t padding, bool alignCorners) {
  const Plan plan = planOf(x, grid, sampling, padding, alignCorners);
  const bool wide = x.dtype == DType::kFloat64;
  const auto item = static_cast<int64_t>(itemSize(x.dtype));
  const int64_t imageBytes = plan.pixels * plan.channels * item;
  if (gradX && gradX->numel() > 0) {
    // Points may share pixels: a chunk takes some channels of an image and all of its points.
    const int64_t width = std::clamp<int64_t>(plan.channels / 4, 16, 64), parts = ceilDiv(plan.channels, width);
    const auto kernel = ctx.kernels.grid.scatter[wide];
    const Tensor out = *gradX;
    ctx.stream.enqueue("gridSampleBackward", {gradX}, {&gradient, &grid}, [=](Exec& exec) {
      exec.parallelFor(plan.batch * parts, [&](int64_t chunk) {
        const int64_t n = chunk / parts, from = chunk % parts * width, to = std::min(from + width, plan.channels);
        char* image = out.data + n * imageBytes;
        for (int64_t p = 0; p < plan.pixels; p++)
          std::memset(image + (p * plan.channels + from) * item, 0, static_cast<size_t>((to - from) * item));
        kernel(plan.image, image, grid.data + n * plan.points * plan.image.dims * item,
               gradient.data + n * plan.points * plan.channels * item, plan.points, from, to);
      });
    });
  }
  if (gradGrid && gradGrid->numel() > 0) {
    const auto kernel = ctx.kernels.grid.points[wide];
    const Tensor out = *gradGrid;
    const int64_t group = std::max<int64_t>(1, kElements / (plan.channels + 16)), parts = ceilDiv(plan.points, group);
    ctx.stream.enqueue("gridSampleBackward", {gradGrid}, {&gradient, &x, &grid}, [=](Exec& exec) {
      exec.parallelFor(plan.batch * parts, [&](int64_t chunk) {
        const int64_t n = chunk / parts, from = chunk % parts * group, at = n * plan.points + from;
        kernel(plan.image, x.data + n * imageBytes, grid.data + at * plan.image.dims * item,
               gradient.data + at * plan.channels * item, out.data + at * plan.image.dims * item,
               std::min(group, plan.points - from));
      });
    });
  }
}

}  // namespace nabla::ops
