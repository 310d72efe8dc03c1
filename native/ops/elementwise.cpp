#include "elementwise.h"

#include "nest.h"

namespace nabla::ops {

namespace {

const char* const kNames[cpu::kBinaryOpCount] = {
    "add",       "sub",        "mul",      "div",         "pow",      "maximum", "minimum", "bitwiseAnd",
    "bitwiseOr", "bitwiseXor", "reluGrad", "sigmoidGrad", "tanhGrad", "div",     "div",     "remainder",
    "fmod",      "atan2",      "eq",       "ne",          "lt",       "le",      "gt",      "ge"};

bool dividesIntegers(int64_t op, DType dtype) { return !isFloating(dtype) && op >= cpu::kFloorDiv && op <= cpu::kFmod; }

// Library calls of 10 ns and more per element want smaller chunks.
int64_t chunkOf(int64_t op) { return op == cpu::kPow || (op >= cpu::kFloorDiv && op <= cpu::kAtan2) ? 4096 : 32768; }

// Like the result of an integer division by zero in Python: an error, found before anything is written.
void checkDivisor(Context& ctx, int64_t op, const Tensor& out, const Tensor& b) {
  const Nest nest = makeNest({&b});
  const auto hasZero = ctx.kernels.elementwise.hasZero[static_cast<int>(b.dtype)];
  ctx.stream.enqueue(kNames[op], {&out}, {&b}, [=](Exec& exec) {
    exec.parallelFor(nest.chunks, [&](int64_t c) {
      walkChunk(nest, c, [&](const cpu::Rect& rect) {
        if (hasZero(rect)) exec.fail("integer division by zero");
      });
    });
  });
}

}  // namespace

void binary(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, const Tensor& b) {
  if (dividesIntegers(op, a.dtype)) checkDivisor(ctx, op, out, b);
  const cpu::RectFn kernel = ctx.kernels.elementwise.binary[op][static_cast<int>(a.dtype)];
  enqueueElementwise(ctx, kNames[op], {out, a, b}, kernel, chunkOf(op));
}

void binaryScalar(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, double scalar, bool reversed) {
  if (dividesIntegers(op, a.dtype) && reversed) checkDivisor(ctx, op, out, a);
  const cpu::RectFn kernel = ctx.kernels.elementwise.binary[op][static_cast<int>(a.dtype)];
  const Scalar value(a.dtype, scalar);
  if (reversed)
    enqueueElementwise(ctx, kNames[op], {out, value, a}, kernel, chunkOf(op));
  else
    enqueueElementwise(ctx, kNames[op], {out, a, value}, kernel, chunkOf(op));
}

void where(Context& ctx, const Tensor& out, const Tensor& condition, const Tensor& a, const Tensor& b) {
  const cpu::RectFn kernel = ctx.kernels.elementwise.where[static_cast<int>(out.dtype)];
  enqueueElementwise(ctx, "where", {out, condition, a, b}, kernel);
}

void clamp(Context& ctx, const Tensor& out, const Tensor& a, double low, double high) {
  const cpu::RectFn kernel = ctx.kernels.elementwise.clamp[static_cast<int>(out.dtype)];
  enqueueElementwise(ctx, "clamp", {out, a, Scalar::bound(a.dtype, low), Scalar::bound(a.dtype, high)}, kernel);
}

}  // namespace nabla::ops
