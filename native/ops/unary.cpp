#include "unary.h"

#include "nest.h"

namespace nabla::ops {

namespace {

const char* const kNames[cpu::kUnaryOpCount] = {
    "neg",   "abs",        "sign",  "square",  "relu",     "bitwiseNot", "reciprocal", "sqrt",   "rsqrt",
    "floor", "ceil",       "round", "trunc",   "frac",     "exp",        "exp2",       "expm1",  "log",
    "log1p", "log2",       "log10", "sigmoid", "tanh",     "softplus",   "erf",        "erfc",   "sin",
    "cos",   "tan",        "asin",  "acos",    "atan",     "sinh",       "cosh",       "asinh",  "acosh",
    "atanh", "logicalNot", "isnan", "isinf",   "isfinite", "isposinf",   "isneginf",   "signbit"};

const char* const kSpecialNames[cpu::kSpecialUnaryEnd - cpu::kFirstSpecial] = {
    "erfinv", "erfcx", "lgamma", "digamma", "ndtr",  "ndtri", "logNdtr", "i0",
    "i1",     "i0e",   "i1e",    "entr",    "logit", "sinc",  "frexp",   "frexp"};

// Chunks take about the same time, from a few adds to a library call of 10 ns and more per element.
int64_t chunkOf(int64_t op, DType dtype) {
  if (op >= cpu::kFirstSpecial) return 2048;
  if (op < cpu::kExp || op >= cpu::kLogicalNot) return 32768;
  const bool library = dtype == DType::kFloat64 && (op >= cpu::kTan || op == cpu::kLog2 || op == cpu::kLog10);
  return library ? 4096 : 16384;
}

}  // namespace

void unary(Context& ctx, int64_t op, const Tensor& out, const Tensor& a) {
  const bool special = op >= cpu::kFirstSpecial;
  const int type = static_cast<int>(a.dtype);
  const cpu::RectFn kernel =
      special ? ctx.kernels.special.unary[op - cpu::kFirstSpecial][type] : ctx.kernels.unary.run[op][type];
  const cpu::RectFn streamed = special ? nullptr : ctx.kernels.unary.streamed[op][type];
  enqueueElementwise(ctx, special ? kSpecialNames[op - cpu::kFirstSpecial] : kNames[op], {out, a}, kernel,
                     chunkOf(op, a.dtype), streamed);
}

}  // namespace nabla::ops
