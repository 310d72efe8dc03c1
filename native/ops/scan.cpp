#include "scan.h"

#include <algorithm>

namespace nabla::ops {

namespace {

constexpr int64_t kChunk = 32768;  // elements
constexpr int64_t kLanes = 256;    // scans side by side
constexpr int64_t kEnough = 16;    // tasks that keep all cores busy without segments

struct Plan {
  const char* in = nullptr;
  char* out = nullptr;
  int64_t* indices = nullptr;
  int64_t itemIn = 0, itemOut = 0;
  int64_t n = 0, inner = 0;           // elements along the axis, and the step between them
  int64_t lanes = 0, laneBlocks = 0;  // lanes per task
  int64_t tasks = 0, group = 1;       // groups of lanes; how many of them make a chunk
  bool reversed = false;
  int64_t segment = 0, segments = 1;  // steps per segment

  cpu::ScanPart part(int64_t task, int64_t index) const {
    const int64_t block = task % laneBlocks, start = block * lanes, step = index * segment;
    const int64_t row = task / laneBlocks * n * inner + start;
    const int64_t at = row + (reversed ? n - 1 - step : step) * inner;
    return {in + at * itemIn,
            out + at * itemOut,
            indices ? indices + at : nullptr,
            std::min(segment, n - step),
            reversed ? -inner : inner,
            std::min(lanes, inner - start),
            step};
  }
};

Plan makePlan(int64_t op, const Tensor& out, const Tensor* indices, const Tensor& a, int64_t dim, bool reversed) {
  Plan plan;
  plan.reversed = reversed;
  plan.in = a.data;
  plan.out = out.data;
  plan.indices = indices ? indices->ptr<int64_t>() : nullptr;
  plan.itemIn = static_cast<int64_t>(itemSize(a.dtype));
  plan.itemOut = static_cast<int64_t>(itemSize(out.dtype));
  const int64_t numel = a.numel();
  plan.n = a.ndim ? a.shape[dim] : 1;
  plan.inner = plan.n > 1 ? a.strides[dim] : numel;
  plan.lanes = std::min(plan.inner, kLanes);
  plan.laneBlocks = ceilDiv(plan.inner, plan.lanes);
  plan.tasks = numel / (plan.n * plan.inner) * plan.laneBlocks;
  plan.segment = plan.n;
  plan.group = std::max<int64_t>(1, kChunk / (plan.n * plan.lanes));
  // Products of segments could overflow where the running product does not.
  const int64_t segment = std::max<int64_t>(1, kChunk / plan.lanes);
  if (op == cpu::kScanProd || plan.tasks >= kEnough || plan.n <= 2 * segment) return plan;
  plan.segment = segment;
  plan.segments = ceilDiv(plan.n, segment);
  return plan;
}

void runWhole(Exec& exec, const Plan& plan, const cpu::ScanFunctions& run) {
  exec.parallelFor(ceilDiv(plan.tasks, plan.group), [&](int64_t chunk) {
    alignas(64) char state[kLanes * cpu::kScanStateBytes];
    for (int64_t t = chunk * plan.group, end = std::min(t + plan.group, plan.tasks); t < end; t++) {
      const cpu::ScanPart part = plan.part(t, 0);
      run.start(state, part.lanes);
      run.scan(state, part);
    }
  });
}

// The state after each segment, then the states before each segment, then the scans.
void runInSegments(Exec& exec, const Plan& plan, const cpu::ScanFunctions& run, char* states) {
  const int64_t bytes = plan.lanes * cpu::kScanStateBytes;
  const auto stateOf = [&](int64_t task, int64_t segment) { return states + (task * plan.segments + segment) * bytes; };
  exec.parallelFor(plan.tasks * plan.segments, [&](int64_t c) {
    const int64_t task = c / plan.segments, segment = c % plan.segments;
    if (segment + 1 == plan.segments) return;
    const cpu::ScanPart part = plan.part(task, segment);
    char* state = stateOf(task, segment + 1);
    run.start(state, part.lanes);
    run.fold(state, part);
  });
  for (int64_t task = 0; task < plan.tasks; task++) {
    const int64_t lanes = plan.part(task, 0).lanes;
    alignas(64) char before[kLanes * cpu::kScanStateBytes];
    run.start(stateOf(task, 0), lanes);
    for (int64_t s = 1; s < plan.segments; s++) {
      std::memcpy(before, stateOf(task, s - 1), static_cast<size_t>(bytes));
      run.combine(before, stateOf(task, s), lanes);
      std::memcpy(stateOf(task, s), before, static_cast<size_t>(bytes));
    }
  }
  exec.parallelFor(plan.tasks * plan.segments, [&](int64_t c) {
    const int64_t task = c / plan.segments, segment = c % plan.segments;
    run.scan(stateOf(task, segment), plan.part(task, segment));
  });
}

const char* const kNames[cpu::kScanOpCount] = {"cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"};

}  // namespace

void scan(Context& ctx, int64_t op, const Tensor& out, const Tensor* indices, const Tensor& a, int64_t dim,
          bool reversed) {
  if (a.numel() == 0) return;
  const Plan plan = makePlan(op, out, indices, a, dim, reversed);
  const cpu::ScanFunctions* run = &ctx.kernels.scan.run[op][static_cast<int>(a.dtype)];
  if (plan.segments == 1) {
    ctx.stream.enqueue(kNames[op], {&out, indices}, {&a}, [=](Exec& exec) { runWhole(exec, plan, *run); });
    return;
  }
  const Scratch scratch =
      ctx.scratch(static_cast<size_t>(plan.tasks * plan.segments * plan.lanes * cpu::kScanStateBytes));
  char* states = scratch.as<char>();
  ctx.stream.enqueue(kNames[op], {&out, indices}, {&a}, [=](Exec& exec) { runInSegments(exec, plan, *run, states); });
}

}  // namespace nabla::ops
