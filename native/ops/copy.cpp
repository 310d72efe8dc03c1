#include "copy.h"

#include <algorithm>
#include <cstring>

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

void triangle(Context& ctx, const Tensor& out, const Tensor& a, int64_t diagonal, bool upper) {
  if (out.numel() == 0) return;
  const int row = a.ndim - 2;
  const int64_t columns = a.shape[row + 1], rows = out.numel() / columns, step = a.strides[row + 1];
  const auto item = static_cast<int64_t>(itemSize(a.dtype));
  const int type = static_cast<int>(a.dtype);
  const cpu::RectFn move = kernelFor(ctx.kernels.copy.convert[type][type], "triangle", a.dtype);
  const int64_t group = std::max<int64_t>(1, 32768 / columns);
  ctx.stream.enqueue("triangle", {&out}, {&a}, [=](Exec& exec) {
    exec.parallelFor(ceilDiv(rows, group), [&](int64_t chunk) {
      for (int64_t r = chunk * group; r < std::min((chunk + 1) * group, rows); r++) {
        int64_t from = 0, rest = r;
        for (int d = row; d >= 0; d--) {
          from += rest % a.shape[d] * a.strides[d];
          rest /= a.shape[d];
        }
        const int64_t edge = std::clamp<int64_t>(r % a.shape[row] + diagonal + (upper ? 0 : 1), 0, columns);
        const int64_t begin = upper ? edge : 0, end = upper ? columns : edge;
        char* to = out.data + r * columns * item;
        std::memset(to, 0, static_cast<size_t>(begin * item));
        std::memset(to + end * item, 0, static_cast<size_t>((columns - end) * item));
        if (begin == end) continue;
        cpu::Rect rect{};
        rect.n0 = end - begin;
        rect.n1 = 1;
        rect.p[0] = to + begin * item;
        rect.p[1] = a.data + (from + begin * step) * item;
        rect.s0[0] = 1;
        rect.s0[1] = step;
        move(rect);
      }
    });
  });
}

}  // namespace nabla::ops
