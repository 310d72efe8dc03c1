#include "rnn.h"

#include <cstring>

#include "rnn_plan.h"

namespace nabla::ops {

namespace {

template <class T>
const cpu::RnnTable<T>& tableOf(const cpu::KernelTable& kernels) {
  if constexpr (sizeof(T) == 4) {
    return kernels.rnn.f32;
  } else {
    return kernels.rnn.f64;
  }
}
template <class T>
const cpu::GemmTable<T>& gemmOf(const cpu::KernelTable& kernels) {
  if constexpr (sizeof(T) == 4) {
    return kernels.gemm.f32;
  } else {
    return kernels.gemm.f64;
  }
}

template <class T>
T* dataOf(const Tensor* t) {
  return t ? t->ptr<T>() : nullptr;
}

// Rows [T* data, distance] of a tensor that may be absent.
template <class T>
struct RowsOf {
  T* data = nullptr;
  int64_t stride = 0;
  RowsOf() = default;
  RowsOf(const Tensor* t) : data(dataOf<T>(t)), stride(t ? t->strides[0] : 0) {}
  RowsOf(T* data, int64_t stride) : data(data), stride(stride) {}
  T* at(int64_t row) const { return data ? data + row * stride : nullptr; }
};

template <class T>
void copyRows(const RowsOf<T>& to, int64_t toRow, const RowsOf<T>& from, int64_t fromRow, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; r++)
    std::memcpy(to.at(toRow + r), from.at(fromRow + r), static_cast<size_t>(width) * sizeof(T));
}

const char* nameOf(int64_t kind) {
  constexpr const char* names[] = {"rnn", "rnn", "lstm", "gru"};
  return names[kind];
}

template <class T>
struct Forward {
  const cpu::RnnTable<T>* table;
  cpu::RnnWeights<T> weights;
  PackedProduct<T> project;
  bool projects;
  RnnSpans spans;
  int64_t kind, groups;
  RowsOf<T> x, h0, c0, out, hN, cN, gates, cells, inner;

  // Rows [r0, r1) of the batch at one step, groups [g0, g1).
  void compute(const RnnStepSpan& s, int64_t r0, int64_t r1, int64_t g0, int64_t g1) const {
    r1 = std::min(r1, s.count);
    const int64_t split = std::clamp(s.kept, r0, std::max(r0, r1));
    range(s, r0, split, true, g0, g1);
    range(s, split, r1, false, g0, g1);
  }
  void range(const RnnStepSpan& s, int64_t from, int64_t to, bool goesOn, int64_t g0, int64_t g1) const {
    if (from >= to) return;
    const int64_t row = s.start + from;
    cpu::RnnStep<T> step{};
    step.rows = to - from, step.hidden = weights.hidden;
    step.inputs = weights.inputs, step.states = weights.states;
    step.packed = weights.packed, step.biases = weights.biases;
    step.x = x.at(row), step.xRow = x.stride;
    step.h = goesOn ? out.at(s.before + from) : h0.at(from);
    step.hRow = goesOn ? out.stride : h0.stride;
    if (cN.data) {
      // Without the cells of all steps those of the last one change in place.
      const RowsOf<T>& previous = !goesOn ? c0 : (cells.data ? cells : cN);
      step.c = previous.at(goesOn && cells.data ? s.before + from : from), step.cRow = previous.stride;
      step.cOut = cells.data ? cells.at(row) : cN.at(from);
      step.cOutRow = cells.data ? cells.stride : cN.stride;
    }
    const RowsOf<T>& target = projects ? inner : out;
    step.out = projects ? innerAt(s, from) : out.at(row), step.outRow = target.stride;
    step.gates = gates.at(row), step.gatesRow = gates.stride;
    table->step[kind](step, g0, g1);
  }
  bool keepsInner = false;  // otherwise `inner` has one row for each of the batch
  T* innerAt(const RnnStepSpan& s, int64_t from) const { return inner.at(keepsInner ? s.start + from : from); }

  void finish(const RnnStepSpan& s, int64_t r0, int64_t r1) const {
    r1 = std::min(r1, s.count);
    if (r0 >= r1) return;
    if (projects) project.run(r1 - r0, innerAt(s, r0), inner.stride, out.at(s.start + r0), out.stride);
    const int64_t first = std::max(r0, s.staying);
    if (first >= r1) return;
    copyRows(hN, first, out, s.start + first, r1 - first, weights.states);
    if (cells.data) copyRows(cN, first, cells, s.start + first, r1 - first, weights.hidden);
  }

  void run(Exec& exec) const {
    constexpr int64_t kGroups = 2;
    exec.parallelFor(ceilDiv(groups, kGroups),
                     [&](int64_t i) { table->pack[kind](weights, i * kGroups, std::min(groups, (i + 1) * kGroups)); });
    if (projects) project.pack(exec);
    const int64_t perGroup = table->panelWidth[kind] * (weights.inputs + weights.states);
    const double flops = 2.0 * static_cast<double>(spans.batch * groups * perGroup);
    const RnnSplit split =
        splitRnn(exec.pool.threads(), spans.batch, groups, flops, groups * perGroup * static_cast<int64_t>(sizeof(T)));
    const auto rowAt = [&](int64_t part) { return sliceBegin(spans.batch, split.rowParts, part); };
    if (split.unitParts == 1) {
      exec.parallelFor(split.rowParts, [&](int64_t part) {
        for (int64_t i = 0; i < spans.length && !exec.stopping(); i++) {
          const RnnStepSpan s = spans[i];
          compute(s, rowAt(part), rowAt(part + 1), 0, groups);
          finish(s, rowAt(part), rowAt(part + 1));
        }
      });
      return;
    }
    for (int64_t i = 0; i < spans.length && !exec.stopping(); i++) {
      const RnnStepSpan s = spans[i];
      exec.parallelFor(split.rowParts * split.unitParts, [&](int64_t part) {
        const int64_t rows = part % split.rowParts, units = part / split.rowParts;
        compute(s, rowAt(rows), rowAt(rows + 1), sliceBegin(groups, split.unitParts, units),
                sliceBegin(groups, split.unitParts, units + 1));
      });
      finish(s, 0, spans.batch);
    }
  }
};

template <class T>
struct Backward {
  const cpu::RnnTable<T>* table;
  PackedProduct<T> toState, toInner;  // gradients of gates to the state, of the projected state to what was projected
  bool projects, first;
  RnnSpans spans;
  int64_t kind, hidden, states;
  RowsOf<T> gradGates, gradH, gradC, gradStates, gradOut, gates, cells, out, h0, c0, gradInner;

  // Units [u0, u1) of rows [r0, r1).
  void compute(const RnnStepSpan& s, int64_t r0, int64_t r1, int64_t u0, int64_t u1) const {
    r1 = std::min(r1, s.count);
    const int64_t split = std::clamp(s.kept, r0, std::max(r0, r1));
    range(s, r0, split, true, u0, u1);
    range(s, split, r1, false, u0, u1);
  }
  void range(const RnnStepSpan& s, int64_t from, int64_t to, bool goesOn, int64_t u0, int64_t u1) const {
    if (from >= to) return;
    const int64_t row = s.start + from;
    cpu::RnnGradient<T> g{};
    g.rows = to - from, g.hidden = hidden, g.from = u0, g.to = u1;
    g.gates = gates.at(row), g.gatesRow = gates.stride;
    if (kind == cpu::kLstm) {
      g.c = cells.at(row), g.cRow = cells.stride;
      g.cPrevious = goesOn ? cells.at(s.before + from) : c0.at(from);
      g.cPreviousRow = goesOn ? cells.stride : c0.stride;
      g.gradC = gradC.at(from), g.gradCRow = gradC.stride;
    } else if (kind == cpu::kGru) {
      g.h = goesOn ? out.at(s.before + from) : h0.at(from), g.hRow = goesOn ? out.stride : h0.stride;
    } else {
      g.h = out.at(row), g.hRow = out.stride;
    }
    if (!projects) g.gradOut = gradOut.at(row), g.gradOutRow = gradOut.stride;
    const RowsOf<T>& asked = projects ? gradInner : gradH;
    g.gradH = asked.at(from), g.gradHRow = asked.stride;
    g.gradGates = gradGates.at(row), g.gradGatesRow = gradGates.stride;
    table->gradient[kind](g);
  }

  // The whole gradient of the projected states, and from it that of what was projected.
  void unproject(const RnnStepSpan& s, int64_t r0, int64_t r1) const {
    r1 = std::min(r1, s.count);
    for (int64_t r = r0; r < r1; r++) {
      T* to = gradStates.at(s.start + r);
      const T *a = gradH.at(r), *b = gradOut.at(s.start + r);
      for (int64_t i = 0; i < states; i++) to[i] = b ? a[i] + b[i] : a[i];
    }
    toInner.run(r1 - r0, gradStates.at(s.start + r0), gradStates.stride, gradInner.at(r0), gradInner.stride);
  }
  void handBack(const RnnStepSpan& s, int64_t r0, int64_t r1, int64_t part, int64_t parts) const {
    r1 = std::min(r1, first ? s.count : s.kept);
    if (r0 < r1)
      toState.run(r1 - r0, gradGates.at(s.start + r0), gradGates.stride, gradH.at(r0), gradH.stride, part, parts);
  }

  void run(Exec& exec) const {
    toState.pack(exec);
    if (projects) toInner.pack(exec);
    const auto& product = toState.task;
    const double flops = 2.0 * static_cast<double>(spans.batch * product.n * product.k);
    const RnnSplit split = splitRnn(exec.pool.threads(), spans.batch, product.colPanels, flops,
                                    product.n * product.k * static_cast<int64_t>(sizeof(T)));
    if (split.unitParts == 1) {
      exec.parallelFor(split.rowParts, [&](int64_t part) {
        const int64_t r0 = sliceBegin(spans.batch, split.rowParts, part);
        const int64_t r1 = sliceBegin(spans.batch, split.rowParts, part + 1);
        for (int64_t i = spans.length - 1; i >= 0 && !exec.stopping(); i--) {
          const RnnStepSpan s = spans[i];
          if (projects) unproject(s, r0, r1);
          compute(s, r0, r1, 0, hidden);
          handBack(s, r0, r1, 0, 1);
        }
      });
      return;
    }
    for (int64_t i = spans.length - 1; i >= 0 && !exec.stopping(); i--) {
      const RnnStepSpan s = spans[i];
      if (projects) unproject(s, 0, spans.batch);
      exec.parallelFor(split.unitParts, [&](int64_t part) {
        compute(s, 0, spans.batch, sliceBegin(hidden, split.unitParts, part),
                sliceBegin(hidden, split.unitParts, part + 1));
      });
      exec.parallelFor(split.unitParts, [&](int64_t part) { handBack(s, 0, spans.batch, part, split.unitParts); });
    }
  }
};

template <class T>
void forward(Context& ctx, const Tensor& out, const Tensor& hN, const Tensor* cN, const Tensor* gates,
             const Tensor* cells, const Tensor* inner, const Tensor& x, const Tensor& h0, const Tensor* c0,
             const Tensor& inputWeight, const Tensor& stateWeight, const Tensor* inputBias, const Tensor* stateBias,
             const Tensor* projection, const Tensor* spans, int64_t kind, bool reverse) {
  const auto& table = tableOf<T>(ctx.kernels);
  const auto& gemm = gemmOf<T>(ctx.kernels);
  const int64_t gateCount = kind == cpu::kLstm ? 4 : (kind == cpu::kGru ? 3 : 1);
  const int64_t hidden = stateWeight.shape[0] / gateCount, inputs = inputWeight.shape[1], states = stateWeight.shape[1];
  const int64_t groups = ceilDiv(hidden, table.units[kind]), batch = h0.shape[0];
  const int64_t packed = groups * table.panelWidth[kind] * (inputs + states), biases = groups * 4 * table.lanes;
  const int64_t projecting = projection ? PackedProduct<T>::packedElements(gemm, states, hidden) : 0;
  const int64_t inners = projection && !inner ? batch * hidden : 0;
  const Scratch scratch = ctx.scratch(static_cast<size_t>(packed + biases + projecting + inners + 1) * sizeof(T));
  T* memory = scratch.as<T>();
  Forward<T> job{&table,
                 {hidden, inputs, states, inputWeight.ptr<T>(), stateWeight.ptr<T>(), dataOf<T>(inputBias),
                  dataOf<T>(stateBias), memory, memory + packed},
                 {},
                 projection != nullptr,
                 RnnSpans(spans, out, h0, reverse),
                 kind,
                 groups,
                 &x,
                 &h0,
                 c0,
                 &out,
                 &hN,
                 cN,
                 gates,
                 cells,
                 inner};
  job.keepsInner = inner != nullptr;
  if (projection) {
    T* panels = memory + packed + biases;
    job.project = PackedProduct<T>(gemm, states, hidden, projection->ptr<T>(), 1, hidden, T(0), panels);
    if (!inner) job.inner = RowsOf<T>(panels + projecting, hidden);
  }
  const Tensor* outs[] = {&out, &hN, cN, gates, cells, inner};
  const Tensor* ins[] = {&x, &h0, c0, &inputWeight, &stateWeight, inputBias, stateBias, projection, spans};
  ctx.stream.enqueueList(nameOf(kind), outs, 6, ins, 9, [job](Exec& exec) { job.run(exec); });
}

template <class T>
void backward(Context& ctx, const Tensor& gradGates, const Tensor& gradH, const Tensor* gradC, const Tensor* gradStates,
              const Tensor* gradOut, const Tensor* gates, const Tensor* cells, const Tensor& out, const Tensor& h0,
              const Tensor* c0, const Tensor& stateWeight, const Tensor* projection, const Tensor* spans, int64_t kind,
              bool reverse, bool first) {
  const auto& gemm = gemmOf<T>(ctx.kernels);
  const int64_t gateRows = stateWeight.shape[0], states = stateWeight.shape[1];
  const int64_t hidden = gateRows / (kind == cpu::kLstm ? 4 : (kind == cpu::kGru ? 3 : 1)), batch = h0.shape[0];
  const int64_t packed = PackedProduct<T>::packedElements(gemm, states, gateRows);
  const int64_t unprojecting = projection ? PackedProduct<T>::packedElements(gemm, hidden, states) : 0;
  const int64_t inners = projection ? batch * hidden : 0;
  const Scratch scratch = ctx.scratch(static_cast<size_t>(packed + unprojecting + inners + 1) * sizeof(T));
  T* memory = scratch.as<T>();
  Backward<T> job{&tableOf<T>(ctx.kernels),
                  // A GRU's state reaches the next one past the gates too.
                  PackedProduct<T>(gemm, states, gateRows, stateWeight.ptr<T>(), states, 1,
                                   kind == cpu::kGru ? T(1) : T(0), memory),
                  {},
                  projection != nullptr,
                  first,
                  RnnSpans(spans, out, h0, reverse),
                  kind,
                  hidden,
                  states,
                  &gradGates,
                  &gradH,
                  gradC,
                  gradStates,
                  gradOut,
                  gates,
                  cells,
                  &out,
                  &h0,
                  c0,
                  {}};
  if (projection) {
    job.toInner = PackedProduct<T>(gemm, hidden, states, projection->ptr<T>(), hidden, 1, T(0), memory + packed);
    job.gradInner = RowsOf<T>(memory + packed + unprojecting, hidden);
  }
  const Tensor* outs[] = {&gradGates, &gradH, gradC, gradStates};
  const Tensor* ins[] = {gradOut, gates, cells, &out, &h0, c0, &stateWeight, projection, spans, &gradH, gradC};
  ctx.stream.enqueueList(nameOf(kind), outs, 4, ins, 11, [job](Exec& exec) { job.run(exec); });
}

}  // namespace

void rnnForward(Context& ctx, const Tensor& out, const Tensor& hN, const Tensor* cN, const Tensor* gates,
                const Tensor* cells, const Tensor* inner, const Tensor& x, const Tensor& h0, const Tensor* c0,
                const Tensor& inputWeight, const Tensor& stateWeight, const Tensor* inputBias, const Tensor* stateBias,
                const Tensor* project, const Tensor* spans, int64_t kind, bool reverse) {
  const auto run = x.dtype == DType::kFloat64 ? forward<double> : forward<float>;
  run(ctx, out, hN, cN, gates, cells, inner, x, h0, c0, inputWeight, stateWeight, inputBias, stateBias, project, spans,
      kind, reverse);
}

void rnnBackward(Context& ctx, const Tensor& gradGates, const Tensor& gradH, const Tensor* gradC,
                 const Tensor* gradStates, const Tensor* gradOut, const Tensor* gates, const Tensor* cells,
                 const Tensor& out, const Tensor& h0, const Tensor* c0, const Tensor& stateWeight,
                 const Tensor* project, const Tensor* spans, int64_t kind, bool reverse, bool first) {
  const auto run = gradH.dtype == DType::kFloat64 ? backward<double> : backward<float>;
  run(ctx, gradGates, gradH, gradC, gradStates, gradOut, gates, cells, out, h0, c0, stateWeight, project, spans, kind,
      reverse, first);
}

void rnnPrevious(Context& ctx, const Tensor& to, const Tensor& out, const Tensor& h0, const Tensor* spans,
                 bool reverse) {
  const RnnSpans steps(spans, out, h0, reverse);
  const auto copy = [=](Exec& exec, auto zero) {
    using T = decltype(zero);
    const RowsOf<T> target(&to), from(&out), start(&h0);
    constexpr int64_t kSteps = 8;
    exec.parallelFor(ceilDiv(steps.length, kSteps), [&](int64_t chunk) {
      for (int64_t i = chunk * kSteps; i < std::min(steps.length, (chunk + 1) * kSteps); i++) {
        const RnnStepSpan s = steps[i];
        copyRows(target, s.start, from, s.before, s.kept, to.shape[1]);
        copyRows(target, s.start + s.kept, start, s.kept, s.count - s.kept, to.shape[1]);
      }
    });
  };
  ctx.stream.enqueue("rnnPrevious", {&to}, {&out, &h0, spans}, [=](Exec& exec) {
    if (to.dtype == DType::kFloat64) {
      copy(exec, 0.0);
    } else {
      copy(exec, 0.0f);
    }
  });
}

}  // namespace nabla::ops
