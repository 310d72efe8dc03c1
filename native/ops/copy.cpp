#include "copy.h"

#include <algorithm>

#include "nest.h"

namespace nabla::ops {

void copy(Context& ctx, const Tensor& out, const Tensor& a) {
  const cpu::RectFn run = ctx.kernels.copy.convert[static_cast<int>(out.dtype)][static_cast<int>(a.dtype)];
  enqueueElementwise(ctx, "copy", {out, a}, run);
}

void fill(Context& ctx, const Tensor& out, double value) {
  const int type = static_cast<int>(out.dtype);
  enqueueElementwise(ctx, "fill", {out, Scalar(out.dtype, value)}, ctx.kernels.copy.convert[type][type]);
}

void arange(Context& ctx, const Tensor& out, double start, double step) {
  constexpr int64_t kChunk = 32768;
  const int64_t n = out.numel(), stride = out.ndim ? out.strides[0] : 1, item = itemSize(out.dtype);
  const auto run = ctx.kernels.copy.arange[static_cast<int>(out.dtype)];
  char* data = out.data;
  ctx.stream.enqueue("arange", {&out}, {}, [=](Exec& exec) {
    exec.parallelFor(ceilDiv(n, kChunk), [&](int64_t c) {
      const int64_t first = c * kChunk;
      run(data + first * stride * item, stride, first, std::min(kChunk, n - first), start, step);
    });
  });
}

}  // namespace nabla::ops
