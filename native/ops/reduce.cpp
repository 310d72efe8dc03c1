#include "reduce.h"

#include <algorithm>

#include "nest.h"

namespace nabla::ops {

namespace {

constexpr int64_t kChunk = 32768;   // elements
constexpr int64_t kMaxParts = 256;  // chunks wanted when outputs are few
constexpr int64_t kColumns = 1024;  // outputs side by side

// Outputs are numbered along `kept` (operands: out, a); each is the reduction over `reduced` (operand: a).
struct Plan {
  Nest kept, reduced;
  int64_t outputs = 0, count = 0;  // count: elements per output
  int64_t block = 0;               // outputs per block, within one row of `kept`
  int64_t rowBlocks = 0, blocks = 0;
  int64_t group = 1;  // blocks per chunk
  int64_t segments = 0;
};

// The part of `t` along the axes (not) in the mask.
Tensor along(const Tensor& t, uint32_t mask) {
  Tensor part = t;
  part.ndim = 0;
  for (int i = 0; i < t.ndim; i++) {
    if (!(mask >> i & 1)) continue;
    part.shape[part.ndim] = t.shape[i];
    part.strides[part.ndim++] = t.strides[i];
  }
  return part;
}

Plan makePlan(const Tensor& out, const Tensor& a, uint32_t mask) {
  Plan plan;
  const Tensor input = along(a, ~mask), inner = along(a, mask);
  const Tensor output = out.ndim == a.ndim ? along(out, ~mask) : out;
  plan.outputs = output.numel();
  plan.count = inner.numel();
  if (plan.outputs == 0) return plan;
  // The input comes first, so that its strides decide the order of the loops.
  plan.kept = makeNest({&input, &output}, kChunk);
  const int64_t row = plan.kept.shape[0];
  if (plan.count == 0) {
    plan.block = std::min(row, kColumns);
    plan.segments = 1;
  } else {
    plan.reduced = makeNest({&inner}, kChunk);
    const bool sideBySide = plan.kept.strides[0][0] == 1 && plan.reduced.strides[0][0] != 1;
    plan.block = std::clamp<int64_t>(kChunk / plan.count, 1, std::min(row, kColumns));
    if (sideBySide) plan.block = std::min(row, kColumns);  // whole pages of a row
  }
  plan.rowBlocks = ceilDiv(row, plan.block);
  plan.blocks = plan.rowBlocks * (plan.outputs / row);
  plan.group = std::max<int64_t>(1, kChunk / (plan.block * std::max<int64_t>(plan.count, 1)));
  if (plan.count == 0) return plan;
  const int64_t wanted = ceilDiv(plan.count, std::max<int64_t>(1, kChunk / plan.block));
  const int64_t parts = std::clamp<int64_t>(kMaxParts / plan.blocks, 1, wanted);
  plan.reduced.chunkSize = ceilDiv(plan.count, parts);
  plan.segments = ceilDiv(plan.count, plan.reduced.chunkSize);
  return plan;
}

struct Block {
  char *out, *in;
  int64_t first, n;  // the outputs, in the order of `kept`
};

Block blockAt(const Plan& plan, int64_t index) {
  const Nest& kept = plan.kept;
  const int64_t row = kept.shape[0], start = index % plan.rowBlocks * plan.block;
  int64_t rest = index / plan.rowBlocks, in = start * kept.strides[0][0], out = start * kept.strides[1][0];
  const int64_t first = rest * row + start;
  for (int d = 1; d < kept.ndim; d++) {
    in += rest % kept.shape[d] * kept.strides[0][d];
    out += rest % kept.shape[d] * kept.strides[1][d];
    rest /= kept.shape[d];
  }
  return {kept.data[1] + out * kept.itemSize[1], kept.data[0] + in * kept.itemSize[0], first,
          std::min(plan.block, row - start)};
}

// What one kind of reduction does with its accumulators of `bytes` each; `finish(block, acc)` writes the outputs.
template <class Finish>
struct Steps {
  int64_t bytes;
  void (*init)(char* acc, int64_t n);
  void (*accumulate)(char* acc, const cpu::ReduceRect& rect);
  void (*combine)(char* acc, const char* later, int64_t n);
  Finish finish;
};

template <class F>
void accumulateBlock(const Plan& plan, const Steps<F>& steps, const Block& block, int64_t segment, char* acc) {
  steps.init(acc, block.n);
  if (plan.count == 0) return;
  const char* base = plan.reduced.data[0];
  walkChunk(plan.reduced, segment, [&](const cpu::Rect& rect) {
    steps.accumulate(acc, {block.in + (rect.p[0] - base), block.n, plan.kept.strides[0][0], rect.n0, rect.s0[0],
                           rect.n1, rect.s1[0]});
  });
}

template <class F>
void runWhole(Exec& exec, const Plan& plan, const Steps<F>& steps) {
  exec.parallelFor(ceilDiv(plan.blocks, plan.group), [&](int64_t chunk) {
    char* acc = static_cast<char*>(ThreadPool::threadScratch(plan.block * steps.bytes));
    const int64_t end = std::min((chunk + 1) * plan.group, plan.blocks);
    for (int64_t b = chunk * plan.group; b < end; b++) {
      const Block block = blockAt(plan, b);
      accumulateBlock(plan, steps, block, 0, acc);
      steps.finish(block, acc);
    }
  });
}

// Few outputs: parts of each reduction side by side, then the parts in their order.
template <class F>
void runInParts(Exec& exec, const Plan& plan, const Steps<F>& steps, char* parts) {
  const int64_t rowBytes = plan.block * steps.bytes;
  exec.parallelFor(plan.blocks * plan.segments, [&](int64_t c) {
    accumulateBlock(plan, steps, blockAt(plan, c / plan.segments), c % plan.segments, parts + c * rowBytes);
  });
  exec.parallelFor(plan.blocks, [&](int64_t b) {
    const Block block = blockAt(plan, b);
    char* acc = parts + b * plan.segments * rowBytes;
    // Pairs, then pairs of pairs: errors grow with the depth of the tree only.
    for (int64_t step = 1; step < plan.segments; step *= 2)
      for (int64_t s = 0; s + step < plan.segments; s += 2 * step)
        steps.combine(acc + s * rowBytes, acc + (s + step) * rowBytes, block.n);
    steps.finish(block, acc);
  });
}

template <class F>
void queue(Context& ctx, const char* op, std::initializer_list<const Tensor*> outs, const Tensor& a, const Plan& plan,
           const Steps<F>& steps) {
  if (plan.segments <= 1) {
    ctx.stream.enqueue(op, outs, {&a}, [=](Exec& exec) { runWhole(exec, plan, steps); });
    return;
  }
  const Scratch scratch = ctx.scratch(static_cast<size_t>(plan.blocks * plan.segments * plan.block * steps.bytes));
  char* parts = scratch.as<char>();
  ctx.stream.enqueue(op, outs, {&a}, [=](Exec& exec) { runInParts(exec, plan, steps, parts); });
}

uint32_t maskOf(std::span<const int64_t> dims) {
  uint32_t mask = 0;
  for (int64_t d : dims) mask |= 1u << d;
  return mask;
}

const char* const kNames[cpu::kReduceOpCount] = {"sum", "mean", "prod", "max", "min", "any", "all"};

}  // namespace

void reduce(Context& ctx, int64_t op, const Tensor& out, const Tensor& a, std::span<const int64_t> dims) {
  const Plan plan = makePlan(out, a, maskOf(dims));
  const cpu::ReduceFunctions run = ctx.kernels.reduce.run[op][static_cast<int>(a.dtype)];
  kernelFor(run.accumulate, kNames[op], a.dtype);
  const int64_t stride = plan.kept.strides[1][0], count = plan.count;
  const auto finish = [=](const Block& block, const char* acc) { run.finish(block.out, stride, acc, block.n, count); };
  queue(ctx, kNames[op], {&out}, a, plan,
        Steps<decltype(finish)>{cpu::kAccumulatorBytes, run.init, run.accumulate, run.combine, finish});
}

void variance(Context& ctx, const Tensor& out, const Tensor* mean, const Tensor& a, std::span<const int64_t> dims,
              double correction) {
  const Plan plan = makePlan(out, a, maskOf(dims));
  const cpu::VarianceFunctions run = ctx.kernels.variance.run[static_cast<int>(a.dtype)];
  kernelFor(run.accumulate, "var", a.dtype);
  const int64_t stride = plan.kept.strides[1][0];
  char *outs = out.data, *means = mean ? mean->data : nullptr;
  const auto finish = [=](const Block& block, const char* acc) {
    run.finish(block.out, means ? means + (block.out - outs) : nullptr, stride, acc, block.n, correction);
  };
  const auto init = [](char* acc, int64_t n) { std::memset(acc, 0, static_cast<size_t>(n) * sizeof(cpu::Moments)); };
  queue(ctx, "var", {&out, mean}, a, plan,
        Steps<decltype(finish)>{sizeof(cpu::Moments), init, run.accumulate, run.combine, finish});
}

void argReduce(Context& ctx, int64_t op, const Tensor& indices, const Tensor* values, const Tensor& a, int64_t dim) {
  const int64_t n = a.ndim ? a.shape[dim] : 1, stride = a.ndim ? a.strides[dim] : 1;
  Tensor first = a;  // position 0 of the axis
  if (a.ndim && indices.ndim == a.ndim)
    first.shape[dim] = 1;
  else
    first = along(a, ~(1u << dim));
  const Nest nest = makeNest({&indices, values, &first}, std::max<int64_t>(1, kChunk / std::max<int64_t>(n, 1)));
  const auto kernel = kernelFor(ctx.kernels.reduce.arg[op][static_cast<int>(a.dtype)], "argmax", a.dtype);
  const bool hasValues = values != nullptr;
  ctx.stream.enqueue(op == cpu::kArgMax ? "argmax" : "argmin", {&indices, values}, {&a}, [=](Exec& exec) {
    exec.parallelFor(nest.chunks, [&](int64_t c) {
      walkChunk(nest, c, [&](cpu::Rect rect) {
        if (!hasValues) rect.p[1] = nullptr;
        kernel(rect, n, stride);
      });
    });
  });
}

}  // namespace nabla::ops
