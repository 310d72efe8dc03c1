#include "distance.h"

#include <algorithm>

namespace nabla::ops {

namespace {

constexpr int64_t kWork = 16384;  // differences per chunk
constexpr int64_t kTile = 8;      // rows of a beside a block of rows of b, which stays in the cache

// A power of a difference takes about eight times as long as its square.
int64_t workFor(double p) {
  const bool simple = p == 0 || p == 1 || p == 2 || p > 1e300;
  return simple ? kWork : kWork / 8;
}

// The gradient of rows [n, P, M]; a distance to row (i, j) lies at [.., i * rowStep + j * otherStep].
void backward(Context& ctx, const Tensor& grad, const Tensor& g, const Tensor& out, const Tensor& rows,
              const Tensor& others, double p, int64_t rowStep, int64_t otherStep) {
  const int64_t count = rows.shape[1], n = others.shape[1], m = rows.shape[2], total = rows.shape[0] * count;
  const auto item = static_cast<int64_t>(itemSize(rows.dtype));
  const auto kernel = kernelFor(ctx.kernels.distance.run[static_cast<int>(rows.dtype)].backward, "cdist", rows.dtype);
  const int64_t group = std::max<int64_t>(1, workFor(p) / std::max<int64_t>(1, n * m));
  ctx.stream.enqueue("cdist", {&grad}, {&g, &out, &rows, &others}, [=](Exec& exec) {
    exec.parallelFor(ceilDiv(total, group), [&](int64_t chunk) {
      for (int64_t r = chunk * group; r < std::min(total, (chunk + 1) * group); r++) {
        const int64_t batch = r / count, at = (batch * count * n + r % count * rowStep) * item;
        kernel(grad.data + r * m * item, g.data + at, out.data + at, otherStep, rows.data + r * m * item,
               others.data + batch * n * m * item, n, m, p);
      }
    });
  });
}

}  // namespace

void distance(Context& ctx, const Tensor& out, const Tensor& a, const Tensor& b, double p) {
  const int64_t batches = a.shape[0], rows = a.shape[1], n = b.shape[1], m = a.shape[2];
  const auto item = static_cast<int64_t>(itemSize(a.dtype));
  const auto kernel = kernelFor(ctx.kernels.distance.run[static_cast<int>(a.dtype)].forward, "cdist", a.dtype);
  const int64_t block = std::clamp<int64_t>(workFor(p) / kTile / std::max<int64_t>(1, m), 1, std::max<int64_t>(1, n));
  const int64_t tiles = ceilDiv(rows, kTile), blocks = ceilDiv(n, block);
  ctx.stream.enqueue("cdist", {&out}, {&a, &b}, [=](Exec& exec) {
    exec.parallelFor(batches * tiles * blocks, [&](int64_t chunk) {
      const int64_t batch = chunk / (tiles * blocks), first = chunk / blocks % tiles * kTile;
      const int64_t j = chunk % blocks * block, count = std::min(block, n - j);
      const char* others = b.data + (batch * n + j) * m * item;
      for (int64_t i = first; i < std::min(rows, first + kTile); i++) {
        const int64_t row = batch * rows + i;
        kernel(out.data + (row * n + j) * item, a.data + row * m * item, others, count, m, p);
      }
    });
  });
}

void distanceBackward(Context& ctx, const Tensor& gradA, const Tensor& g, const Tensor& out, const Tensor& a,
                      const Tensor& b, double p) {
  backward(ctx, gradA, g, out, a, b, p, b.shape[1], 1);
}

void distanceBackwardOther(Context& ctx, const Tensor& gradB, const Tensor& g, const Tensor& out, const Tensor& a,
                           const Tensor& b, double p) {
  backward(ctx, gradB, g, out, b, a, p, 1, b.shape[1]);
}

}  // namespace nabla::ops
