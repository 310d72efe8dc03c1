#include "random.h"

#include <algorithm>
#include <cmath>

namespace nabla::ops {

namespace {

using cpu::PhiloxState;

constexpr int64_t kChunk = 32768;  // a multiple of both groups
constexpr int64_t kNormalChunk = 16384;

PhiloxState stateOf(double seedLo, double seedHi, double offset) {
  return {{static_cast<uint32_t>(seedLo), static_cast<uint32_t>(seedHi)}, static_cast<uint64_t>(offset), 0};
}

int row(const Tensor& t) { return static_cast<int>(t.dtype); }

// Runs kernel(begin, count, address of element `begin`) over the memory of `out`.
template <class F>
void fill(Context& ctx, const char* op, const Tensor& out, int64_t chunkSize, F kernel) {
  const int64_t n = out.numel();
  if (n == 0) return;
  ctx.stream.enqueue(op, {&out}, {}, [=, data = out.data, item = itemSize(out.dtype)](Exec& exec) {
    exec.parallelFor(ceilDiv(n, chunkSize), [&](int64_t chunk) {
      const int64_t begin = chunk * chunkSize;
      kernel(begin, std::min(chunkSize, n - begin), data + begin * static_cast<int64_t>(item));
    });
  });
}

// Draws of 32 bits below p * 2^32.
cpu::Chance chanceOf(double p) {
  const double bound = std::round(std::clamp(p, 0.0, 1.0) * 0x1p32);
  return {bound > 0 ? static_cast<uint32_t>(bound - 1) : 0u, bound > 0};
}

}  // namespace

void uniform(Context& ctx, const Tensor& out, double lo, double hi, double seedLo, double seedHi, double offset) {
  const bool single = out.dtype == DType::kFloat32;
  const double below = single ? static_cast<double>(std::nextafterf(static_cast<float>(hi), static_cast<float>(lo)))
                              : std::nextafter(hi, lo);
  const cpu::UniformParams params{lo, hi - lo, below};
  fill(ctx, "uniform", out, kChunk,
       [=, state = stateOf(seedLo, seedHi, offset), kernel = ctx.kernels.random.uniform[row(out)]](
           int64_t begin, int64_t count, void* at) { kernel(state, begin, count, params, at); });
}

void normal(Context& ctx, const Tensor& out, double mean, double std, double seedLo, double seedHi, double offset) {
  const cpu::NormalParams params{mean, std};
  fill(ctx, "normal", out, kNormalChunk,
       [=, state = stateOf(seedLo, seedHi, offset), kernel = ctx.kernels.random.normal[row(out)]](
           int64_t begin, int64_t count, void* at) { kernel(state, begin, count, params, at); });
}

void bernoulli(Context& ctx, const Tensor& out, double p, double seedLo, double seedHi, double offset) {
  const cpu::Chance yes = chanceOf(p);
  fill(ctx, "bernoulli", out, kChunk,
       [=, state = stateOf(seedLo, seedHi, offset),
        kernel = kernelFor(ctx.kernels.random.bernoulli[row(out)], "bernoulli", out.dtype)](
           int64_t begin, int64_t count, void* at) { kernel(state, begin, count, yes, at); });
}

void randint(Context& ctx, const Tensor& out, double lo, double hi, double seedLo, double seedHi, double offset) {
  const cpu::RandintParams params{static_cast<int64_t>(lo), static_cast<uint64_t>(hi - lo)};
  fill(ctx, "randint", out, kChunk,
       [=, state = stateOf(seedLo, seedHi, offset),
        kernel = kernelFor(ctx.kernels.random.randint[row(out)], "randint", out.dtype)](
           int64_t begin, int64_t count, void* at) { kernel(state, begin, count, params, at); });
}

void randperm(Context& ctx, const Tensor& out, double seedLo, double seedHi, double offset) {
  if (out.numel() == 0) return;
  ctx.stream.enqueue("randperm", {&out}, {},
                     [n = out.numel(), data = out.ptr<int64_t>(), state = stateOf(seedLo, seedHi, offset),
                      kernel = ctx.kernels.random.randperm](Exec&) { kernel(state, n, data); });
}

void dropout(Context& ctx, const Tensor& out, const Tensor& x, double p, double seedLo, double seedHi, double offset) {
  const int64_t n = out.numel();
  if (n == 0) return;
  const cpu::Chance keep = chanceOf(1 - p);
  ctx.stream.enqueue(
      "dropout", {&out}, {&x},
      [=, to = out.data, from = x.data, item = static_cast<int64_t>(itemSize(out.dtype)), scale = 1 / (1 - p),
       state = stateOf(seedLo, seedHi, offset), kernel = ctx.kernels.random.dropout[row(out)]](Exec& exec) {
        exec.parallelFor(ceilDiv(n, kChunk), [&](int64_t chunk) {
          const int64_t begin = chunk * kChunk;
          kernel(state, begin, std::min(kChunk, n - begin), keep, scale, from + begin * item, to + begin * item);
        });
      });
}

}  // namespace nabla::ops
