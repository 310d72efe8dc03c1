#include "activation.h"

#include "nest.h"

namespace nabla::ops {

namespace {

const char* const kNames[cpu::kActivationOpCount] = {
    "leakyRelu", "elu",         "gelu",       "gelu",       "silu",      "mish",       "softsign", "hardtanh",
    "hardswish", "hardsigmoid", "softshrink", "hardshrink", "threshold", "logSigmoid", "nanToNum"};

// Exponentials cost about ten times what a comparison does.
int64_t chunkOf(int64_t op) { return op >= cpu::kElu && op <= cpu::kMish ? 8192 : 32768; }

void run(Context& ctx, int64_t op, const Nest& nest, cpu::ActivationFn kernel, const cpu::ActivationParams& params,
         const Tensor& out, const Tensor* a, const Tensor* b) {
  ctx.stream.enqueue(kNames[op], {&out}, {a, b}, [=](Exec& exec) {
    exec.parallelFor(nest.chunks,
                     [&](int64_t c) { walkChunk(nest, c, [&](const cpu::Rect& rect) { kernel(rect, params); }); });
  });
}

}  // namespace

void activation(Context& ctx, int64_t op, const Tensor& out, const Tensor& x, double p, double q, double r) {
  const auto kernel = ctx.kernels.activation.forward[op][x.dtype == DType::kFloat64];
  run(ctx, op, makeNest({&out, &x}, chunkOf(op)), kernel, {p, q, r}, out, &x, nullptr);
}

void activationBackward(Context& ctx, int64_t op, const Tensor& gradX, const Tensor& g, const Tensor& x, double p,
                        double q, double r) {
  const auto kernel = ctx.kernels.activation.backward[op][x.dtype == DType::kFloat64];
  run(ctx, op, makeNest({&gradX, &g, &x}, chunkOf(op)), kernel, {p, q, r}, gradX, &g, &x);
}

}  // namespace nabla::ops
