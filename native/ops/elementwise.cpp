#include "elementwise.h"

#include "nest.h"

namespace nabla::ops {

namespace {

const char* const kNames[cpu::kBinaryOpCount] = {"add",
                                                 "sub",
                                                 "mul",
                                                 "div",
                                                 "pow",
                                                 "maximum",
                                                 "minimum",
                                                 "bitwiseAnd",
                                                 "bitwiseOr",
                                                 "bitwiseXor",
                                                 "reluGrad",
                                                 "sigmoidGrad",
                                                 "tanhGrad",
                                                 "div",
                                                 "div",
                                                 "remainder",
                                                 "fmod",
                                                 "atan2",
                                                 "fmax",
                                                 "fmin",
                                                 "copysign",
                                                 "heaviside",
                                                 "bitwiseLeftShift",
                                                 "bitwiseRightShift",
                                                 "gcd",
                                                 "lcm",
                                                 "eq",
                                                 "ne",
                                                 "lt",
                                                 "le",
                                                 "gt",
                                                 "ge"};

const char* const kSpecialNames[cpu::kSpecialBinaryEnd - cpu::kFirstSpecial] = {
    "hypot", "nextafter", "logaddexp", "logaddexp2", "xlogy", "xlog1py", "zeta", "polygamma", "gammainc", "gammaincc"};

const char* nameOf(int64_t op) {
  return op >= cpu::kFirstSpecial ? kSpecialNames[op - cpu::kFirstSpecial] : kNames[op];
}

bool dividesIntegers(int64_t op, DType dtype) { return !isFloating(dtype) && op >= cpu::kFloorDiv && op <= cpu::kFmod; }

// Library calls of 10 ns and more per element want smaller chunks.
int64_t chunkOf(int64_t op) {
  if (op >= cpu::kFirstSpecial) return 2048;
  const bool slow = (op >= cpu::kFloorDiv && op <= cpu::kAtan2) || op == cpu::kGcd || op == cpu::kLcm;
  return slow || op == cpu::kPow ? 4096 : 32768;
}

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

cpu::RectFn streamedOf(const Context& ctx, int64_t op, DType dtype) {
  return op >= cpu::kFirstSpecial ? nullptr : ctx.kernels.elementwise.streamed[op][static_cast<int>(dtype)];
}

cpu::RectFn kernelOf(const Context& ctx, int64_t op, DType dtype) {
  const int type = static_cast<int>(dtype);
  return op >= cpu::kFirstSpecial ? ctx.kernels.special.binary[op - cpu::kFirstSpecial][type]
                                  : ctx.kernels.elementwise.binary[op][type];
}

}  // namespace

void binary(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, const Tensor& b) {
  if (dividesIntegers(op, a.dtype)) checkDivisor(ctx, op, out, b);
  const cpu::RectFn kernel = kernelOf(ctx, op, a.dtype);
  enqueueElementwise(ctx, nameOf(op), {out, a, b}, kernel, chunkOf(op), streamedOf(ctx, op, a.dtype));
}

void binaryScalar(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, double scalar, bool reversed) {
  if (dividesIntegers(op, a.dtype) && reversed) checkDivisor(ctx, op, out, a);
  const cpu::RectFn kernel = kernelOf(ctx, op, a.dtype);
  const cpu::RectFn streamed = streamedOf(ctx, op, a.dtype);
  const Scalar value(a.dtype, scalar);
  if (reversed)
    enqueueElementwise(ctx, nameOf(op), {out, value, a}, kernel, chunkOf(op), streamed);
  else
    enqueueElementwise(ctx, nameOf(op), {out, a, value}, kernel, chunkOf(op), streamed);
}

namespace {

void runTernary(Context& ctx, int64_t op, const Tensor& out, const Nest& nest, const Tensor& a, const Tensor& b,
                const Tensor* c, double value) {
  static const char* const kTernaryNames[cpu::kTernaryOpCount] = {"lerp", "addcmul", "addcdiv"};
  const cpu::TernaryFn kernel = ctx.kernels.elementwise.ternary[op][static_cast<int>(out.dtype)];
  ctx.stream.enqueue(kTernaryNames[op], {&out}, {&a, &b, c}, [=](Exec& exec) {
    exec.parallelFor(nest.chunks,
                     [&](int64_t i) { walkChunk(nest, i, [&](const cpu::Rect& rect) { kernel(rect, value); }); });
  });
}

}  // namespace

void ternary(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, const Tensor& b, const Tensor& c,
             double value) {
  runTernary(ctx, op, out, makeNest({&out, &a, &b, &c}), a, b, &c, value);
}

void ternaryScalar(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, const Tensor& b, double scalar) {
  Nest nest = makeNest({&out, &a, &b, nullptr});
  nest.scalars[3] = Scalar(out.dtype, scalar);
  runTernary(ctx, op, out, nest, a, b, nullptr, 1);
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
