#include "pad.h"

#include <algorithm>
#include <cstring>

#include "nest.h"

namespace nabla::ops {

namespace {

// One axis of the padded tensor and of the one without borders, which is `inner`.
struct Axis {
  int64_t padded = 1, inner = 1, low = 0, high = 0;
  int64_t paddedStride = 0, innerStride = 0;
  bool plain() const { return low == 0 && high == 0; }
};

// Axes from the innermost in memory outwards; neighbours without borders are merged.
struct Plan {
  Axis axes[kMaxDims + 2];
  int count = 0;
  int64_t block = 1;  // elements of a pixel: the innermost axes without borders

  int64_t tables() const {
    int64_t n = 0;
    for (int i = 0; i < count; i++) n += axes[i].padded;
    return n;
  }
  int64_t backTables() const {
    int64_t n = 0;
    for (int i = 0; i < count; i++) n += axes[i].padded + axes[i].inner + 1;
    return n;
  }
};

Plan planOf(const Tensor& padded, const Tensor& inner, std::span<const int64_t> borders, const Tensor& dense) {
  int order[kMaxDims];
  int n = 0;
  for (int d = 0; d < padded.ndim; d++)
    if (padded.shape[d] != 1 || inner.shape[d] != 1 || borders[2 * d] != 0) order[n++] = d;
  std::stable_sort(order, order + n, [&](int a, int b) {
    return dense.strides[a] != dense.strides[b] ? dense.strides[a] < dense.strides[b] : a > b;
  });
  Plan plan;
  for (int i = 0; i < n; i++) {
    const int d = order[i];
    const Axis axis{padded.shape[d],    inner.shape[d],    borders[2 * d],
                    borders[2 * d + 1], padded.strides[d], inner.strides[d]};
    Axis* last = plan.count ? &plan.axes[plan.count - 1] : nullptr;
    if (last && axis.plain() && last->plain() && axis.paddedStride == last->paddedStride * last->padded &&
        axis.innerStride == last->innerStride * last->inner) {
      last->padded *= axis.padded;
      last->inner *= axis.inner;
    } else {
      plan.axes[plan.count++] = axis;
    }
  }
  const Axis& first = plan.axes[0];
  if (plan.count > 1 && first.plain() && first.paddedStride == 1 && first.innerStride == 1) {
    plan.block = first.padded;
    std::copy(plan.axes + 1, plan.axes + plan.count, plan.axes);
    plan.axes[--plan.count] = Axis{};
  }
  plan.count = std::max(plan.count, 2);  // the kernel takes rows of pixels
  return plan;
}

// The element that padded position i shows, or -1.
int64_t sourceOf(const Axis& a, PadMode mode, int64_t i) {
  const int64_t at = i - a.low;
  if (mode == PadMode::kConstant) return at >= 0 && at < a.inner ? at : -1;
  if (mode == PadMode::kReplicate) return std::clamp<int64_t>(at, 0, a.inner - 1);
  if (mode == PadMode::kReflect) return at < 0 ? -at : at >= a.inner ? 2 * (a.inner - 1) - at : at;
  const int64_t start = std::max<int64_t>(-a.low, 0), size = a.inner - start - std::max<int64_t>(-a.high, 0);
  const int64_t turn = (at - start) % size;
  return start + (turn < 0 ? turn + size : turn);
}

void fillTable(const Axis& a, PadMode mode, int64_t* table) {
  for (int64_t i = 0; i < a.padded; i++) table[i] = sourceOf(a, mode, i);
}

// Positions [begin, end) show neighbours: those of the interior.
struct Run {
  int64_t begin, end;
};
Run interior(const Axis& a) {
  const int64_t begin = std::clamp<int64_t>(a.low, 0, a.padded);
  return {begin, std::clamp<int64_t>(a.low + a.inner, begin, a.padded)};
}

// Chunks of rows of one plane; small planes share a chunk.
struct Split {
  int64_t group, parts, together, chunks;
  Split(int64_t rows, int64_t rowWork, int64_t planes) {
    constexpr int64_t kElements = 32768;
    const int64_t work = std::max<int64_t>(rowWork, 1);
    group = std::clamp<int64_t>(kElements / work, 1, rows);
    parts = ceilDiv(rows, group);
    together = parts > 1 ? 1 : std::max<int64_t>(1, kElements / (rows * work));
    chunks = ceilDiv(planes, together) * parts;
  }
  // run(plane, first row, end of rows)
  template <class F>
  void over(int64_t chunk, int64_t planes, int64_t rows, F&& run) const {
    const int64_t part = chunk % parts, begin = chunk / parts * together;
    for (int64_t p = begin; p < std::min(begin + together, planes); p++)
      run(p, part * group, std::min((part + 1) * group, rows));
  }
};

int64_t outerCount(const Plan& plan, bool padded) {
  int64_t n = 1;
  for (int i = 2; i < plan.count; i++) n *= padded ? plan.axes[i].padded : plan.axes[i].inner;
  return n;
}

}  // namespace

void pad(Context& ctx, const Tensor& out, const Tensor& x, std::span<const int64_t> borders, int64_t mode,
         double value) {
  if (out.numel() == 0) return;
  if (x.numel() == 0) {  // nothing but border; only a constant has one
    return enqueueElementwise(ctx, "pad", {out, Scalar(out.dtype, value)},
                              ctx.kernels.copy.convert[static_cast<int>(out.dtype)][static_cast<int>(out.dtype)]);
  }
  const Plan plan = planOf(out, x, borders, out);
  auto tables = ctx.scratch(static_cast<size_t>(plan.tables()) * sizeof(int64_t));
  const auto item = static_cast<int64_t>(itemSize(out.dtype));
  const auto kernel = ctx.kernels.pad.pad[item == 8 ? 3 : item / 2];
  const Run run = interior(plan.axes[0]);
  cpu::PadPlane base{};
  base.outRow = plan.axes[1].paddedStride * item;
  base.inRow = plan.axes[1].innerStride * item;
  base.inStep = plan.axes[0].innerStride * item;
  base.block = plan.block;
  base.width = plan.axes[0].padded;
  base.begin = run.begin;
  base.end = run.end;
  const Scalar fill(out.dtype, value);
  std::memcpy(base.value, fill.bytes, sizeof base.value);
  int64_t* memory = tables.as<int64_t>();
  ctx.stream.enqueue("pad", {&out}, {&x}, [=](Exec& exec) {
    int64_t* table[kMaxDims + 2];
    int64_t* next = memory;
    for (int i = 0; i < plan.count; i++) {
      table[i] = next;
      fillTable(plan.axes[i], static_cast<PadMode>(mode), next);
      next += plan.axes[i].padded;
    }
    const int64_t planes = outerCount(plan, true), rows = plan.axes[1].padded;
    const Split split(rows, base.width * base.block, planes);
    exec.parallelFor(split.chunks, [&](int64_t chunk) {
      split.over(chunk, planes, rows, [&](int64_t p, int64_t from, int64_t to) {
        cpu::PadPlane plane = base;
        int64_t at = p, offset = 0, source = 0;
        bool border = false;
        for (int i = 2; i < plan.count; i++) {
          const int64_t c = at % plan.axes[i].padded;
          at /= plan.axes[i].padded;
          offset += c * plan.axes[i].paddedStride;
          if (table[i][c] < 0) border = true;
          source += table[i][c] * plan.axes[i].innerStride;
        }
        plane.out = out.data + offset * item;
        plane.in = border ? nullptr : x.data + source * item;
        plane.rows = table[1];
        plane.columns = table[0];
        kernel(plane, from, to);
      });
    });
  });
}

namespace {

// The padded positions that show element i: list[starts[i]] to list[starts[i + 1]].
struct Shown {
  int64_t* starts;
  int64_t* list;
};

Shown shownOf(const Axis& a, PadMode mode, int64_t*& memory) {
  const Shown shown{memory, memory + a.inner + 1};
  memory += a.inner + 1 + a.padded;
  std::fill(shown.starts, shown.starts + a.inner + 1, 0);
  for (int64_t i = 0; i < a.padded; i++) shown.starts[sourceOf(a, mode, i)]++;
  int64_t end = 0;
  for (int64_t i = 0; i <= a.inner; i++) shown.starts[i] = end += i < a.inner ? shown.starts[i] : 0;
  for (int64_t i = a.padded - 1; i >= 0; i--) shown.list[--shown.starts[sourceOf(a, mode, i)]] = i;
  return shown;
}

// Calls f(offset) for every padded position of axes [1, axis] that shows the elements at `at`.
template <class F>
void eachShown(const Plan& plan, const Shown* shown, const int64_t* at, int axis, int64_t offset, F& f) {
  if (axis == 0) return f(offset);
  const Shown& s = shown[axis];
  for (int64_t k = s.starts[at[axis]]; k < s.starts[at[axis] + 1]; k++)
    eachShown(plan, shown, at, axis - 1, offset + s.list[k] * plan.axes[axis].paddedStride, f);
}

}  // namespace

void padBackward(Context& ctx, const Tensor& out, const Tensor& gradient, std::span<const int64_t> borders,
                 int64_t mode) {
  if (out.numel() == 0) return;
  const Plan plan = planOf(gradient, out, borders, out);
  auto tables = ctx.scratch(static_cast<size_t>(plan.backTables()) * sizeof(int64_t));
  const auto item = static_cast<int64_t>(itemSize(out.dtype));
  const auto kernel = ctx.kernels.pad.fold[out.dtype == DType::kFloat64];
  const Run run = interior(plan.axes[0]);
  int64_t* memory = tables.as<int64_t>();
  ctx.stream.enqueue("padBackward", {&out}, {&gradient}, [=](Exec& exec) {
    Shown shown[kMaxDims + 2];
    int64_t* next = memory;
    fillTable(plan.axes[0], static_cast<PadMode>(mode), next);
    cpu::PadFold base{nullptr,   nullptr, plan.axes[0].paddedStride, plan.block, next, plan.axes[0].padded,
                      run.begin, run.end};
    next += plan.axes[0].padded;
    for (int i = 1; i < plan.count; i++) shown[i] = shownOf(plan.axes[i], static_cast<PadMode>(mode), next);
    const int64_t planes = outerCount(plan, false), rows = plan.axes[1].inner;
    const int64_t width = plan.axes[0].inner * plan.block * item;
    const Split split(rows, plan.axes[0].padded * plan.block, planes);
    exec.parallelFor(split.chunks, [&](int64_t chunk) {
      split.over(chunk, planes, rows, [&](int64_t p, int64_t from, int64_t to) {
        int64_t at[kMaxDims + 2], rest = p, offset = 0;
        for (int i = 2; i < plan.count; i++) {
          at[i] = rest % plan.axes[i].inner;
          rest /= plan.axes[i].inner;
          offset += at[i] * plan.axes[i].innerStride;
        }
        for (at[1] = from; at[1] < to; at[1]++) {
          cpu::PadFold row = base;
          row.out = out.data + (offset + at[1] * plan.axes[1].innerStride) * item;
          std::memset(row.out, 0, static_cast<size_t>(width));
          auto add = [&](int64_t shift) {
            row.gradient = gradient.data + shift * item;
            kernel(row);
          };
          eachShown(plan, shown, at, plan.count - 1, 0, add);
        }
      });
    });
  });
}

}  // namespace nabla::ops
