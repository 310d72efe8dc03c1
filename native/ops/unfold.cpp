#include "unfold.h"

#include <algorithm>

namespace nabla::ops {

namespace {

cpu::UnfoldShape shapeOf(const Tensor& image, int64_t kh, int64_t kw, int64_t dh, int64_t dw, int64_t ph, int64_t pw,
                         int64_t sh, int64_t sw) {
  const int64_t h = image.shape[2], w = image.shape[3];
  return {h,
          w,
          kh,
          kw,
          dh,
          dw,
          ph,
          pw,
          sh,
          sw,
          (h + 2 * ph - dh * (kh - 1) - 1) / sh + 1,
          (w + 2 * pw - dw * (kw - 1) - 1) / sw + 1};
}

// Planes are independent: a chunk takes some of them.
void runPlanes(Exec& exec, const cpu::UnfoldShape& s, const Tensor& image, const Tensor& columns,
               void (*kernel)(const cpu::UnfoldShape&, const cpu::UnfoldPlane&)) {
  constexpr int64_t kElements = 65536;
  const int64_t channels = image.shape[1], planes = image.shape[0] * channels;
  const int64_t window = s.kernelH * s.kernelW;
  const int64_t each = std::max<int64_t>(1, std::max(window * s.outH * s.outW, s.height * s.width));
  const int64_t perChunk = std::max<int64_t>(1, kElements / each);
  const auto size = static_cast<int64_t>(itemSize(image.dtype));
  exec.parallelFor(ceilDiv(planes, perChunk), [&](int64_t chunk) {
    void* scratch = nullptr;
    if (image.strides[3] != 1) scratch = ThreadPool::threadScratch(static_cast<size_t>(s.height * s.width * size));
    for (int64_t p = chunk * perChunk; p < std::min(planes, (chunk + 1) * perChunk); p++) {
      const int64_t n = p / channels, c = p % channels;
      kernel(s, {image.data + (n * image.strides[0] + c * image.strides[1]) * size, image.strides[2], image.strides[3],
                 columns.data + (n * columns.strides[0] + c * window * columns.strides[1]) * size, columns.strides[1],
                 columns.strides[2], scratch});
    }
  });
}

}  // namespace

void unfold(Context& ctx, const Tensor& columns, const Tensor& image, int64_t kh, int64_t kw, int64_t dh, int64_t dw,
            int64_t ph, int64_t pw, int64_t sh, int64_t sw) {
  if (columns.numel() == 0) return;
  const cpu::UnfoldShape shape = shapeOf(image, kh, kw, dh, dw, ph, pw, sh, sw);
  auto* kernel = ctx.kernels.unfold.unfold[image.dtype == DType::kFloat64];
  ctx.stream.enqueue("unfold", {&columns}, {&image},
                     [=](Exec& exec) { runPlanes(exec, shape, image, columns, kernel); });
}

void fold(Context& ctx, const Tensor& image, const Tensor& columns, int64_t kh, int64_t kw, int64_t dh, int64_t dw,
          int64_t ph, int64_t pw, int64_t sh, int64_t sw) {
  if (image.numel() == 0) return;
  const cpu::UnfoldShape shape = shapeOf(image, kh, kw, dh, dw, ph, pw, sh, sw);
  auto* kernel = ctx.kernels.unfold.fold[image.dtype == DType::kFloat64];
  ctx.stream.enqueue("fold", {&image}, {&columns}, [=](Exec& exec) { runPlanes(exec, shape, image, columns, kernel); });
}

}  // namespace nabla::ops
