// Recurrent layers against a plain double loop: all kinds, odd sizes, both directions, steps of different lengths, and
// 1, 2 and 3 threads bit for bit. `rnn_test bench` times the layer of the benchmarks.
#include "ops/rnn.h"

#include <cstring>

#include "kernels/cpu/rnn.h"
#include "rig.h"

using namespace nabla;
using namespace nabla::test;

namespace {

struct Case {
  int kind;
  std::vector<int64_t> counts;
  int64_t inputs, hidden, states;
  bool reverse, bias;
};

const Case kCases[] = {
    {cpu::kLstm, {5, 5, 5}, 7, 19, 19, false, true},    {cpu::kLstm, {40, 33, 2}, 3, 16, 16, true, true},
    {cpu::kLstm, {9, 4, 4}, 5, 21, 6, false, false},    {cpu::kLstm, {70, 70}, 130, 150, 150, false, true},
    {cpu::kLstm, {3, 3, 3}, 200, 300, 300, true, true}, {cpu::kLstm, {2, 2}, 400, 300, 70, false, true},
    {cpu::kGru, {5, 5, 5}, 7, 19, 19, true, true},      {cpu::kGru, {40, 33, 2}, 3, 16, 16, false, false},
    {cpu::kGru, {3, 3, 3}, 200, 300, 300, false, true}, {cpu::kRnnTanh, {6, 5, 1}, 4, 67, 67, false, true},
    {cpu::kRnnTanh, {1, 1}, 1, 1, 1, true, false},      {cpu::kRnnRelu, {33, 33}, 9, 130, 130, false, true},
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

int64_t gatesOf(int kind) { return kind == cpu::kLstm ? 4 : kind == cpu::kGru ? 3 : 1; }

struct Tensors {
  Tensor x, h0, c0, wi, ws, bi, bs, project, out, hN, cN, gates, cells, inner, spans;
  Tensor gradOut, gradH, gradC, gradGates, gradStates;
};

Tensors make(Machine& m, const Case& c, DType type) {
  int64_t rows = 0;
  for (int64_t count : c.counts) rows += count;
  const int64_t batch = c.counts[0], gateRows = gatesOf(c.kind) * c.hidden, length = int64_t(c.counts.size());
  Tensors t;
  t.x = m.random(type, {rows, c.inputs}, {}, 1, -1, 1);
  t.h0 = m.random(type, {batch, c.states}, {}, 1, -1, 1);
  t.c0 = m.random(type, {batch, c.hidden}, {}, 1, -1, 1);
  t.wi = m.random(type, {gateRows, c.inputs}, {}, 1, -0.2, 0.2);
  t.ws = m.random(type, {gateRows, c.states}, {}, 1, -0.2, 0.2);
  t.bi = m.random(type, {gateRows}, {}, 1, -1, 1);
  t.bs = m.random(type, {gateRows}, {}, 1, -1, 1);
  t.project = m.random(type, {c.states, c.hidden}, {}, 1, -0.5, 0.5);
  t.out = m.make(type, {rows, c.states});
  t.hN = m.make(type, {batch, c.states});
  t.cN = m.make(type, {batch, c.hidden});
  t.gates = m.make(type, {rows, 4 * c.hidden});
  t.cells = m.make(type, {rows, c.hidden});
  t.inner = m.make(type, {rows, c.hidden});
  t.spans = m.make(DType::kInt64, {2, length});
  t.gradOut = m.random(type, {rows, c.states}, {}, 1, -1, 1);
  t.gradH = m.random(type, {batch, c.states}, {}, 1, -1, 1);
  t.gradC = m.random(type, {batch, c.hidden}, {}, 1, -1, 1);
  t.gradGates = m.make(type, {rows, (c.kind < cpu::kLstm ? 1 : 4) * c.hidden});
  t.gradStates = m.make(type, {rows, c.states});
  int64_t start = 0;
  for (int64_t i = 0; i < length; i++) {
    t.spans.ptr<int64_t>()[i] = c.counts[size_t(i)];
    t.spans.ptr<int64_t>()[length + i] = start;
    start += c.counts[size_t(i)];
  }
  return t;
}

// Outputs of the forward pass by the formulas of one row.
struct Reference {
  std::vector<double> out, hN, cN;
};

Reference reference(const Tensors& t, const Case& c) {
  const auto values = [](const Tensor& a) { return Machine::values(a); };
  const auto x = values(t.x), wi = values(t.wi), ws = values(t.ws), bi = values(t.bi), bs = values(t.bs),
             project = values(t.project);
  Reference r{std::vector<double>(size_t(t.out.numel())), values(t.h0), values(t.c0)};
  const int64_t length = int64_t(c.counts.size()), H = c.hidden, P = c.states, gateRows = gatesOf(c.kind) * H;
  for (int64_t i = 0; i < length; i++) {
    const int64_t step = c.reverse ? length - 1 - i : i, start = t.spans.ptr<int64_t>()[length + step];
    for (int64_t n = 0; n < c.counts[size_t(step)]; n++) {
      std::vector<double> a(static_cast<size_t>(gateRows)), s(static_cast<size_t>(gateRows)), h(static_cast<size_t>(H));
      for (int64_t g = 0; g < gateRows; g++) {
        double ofX = c.bias ? bi[size_t(g)] : 0, ofState = c.bias ? bs[size_t(g)] : 0;
        for (int64_t k = 0; k < c.inputs; k++)
          ofX += wi[size_t(g * c.inputs + k)] * x[size_t((start + n) * c.inputs + k)];
        for (int64_t k = 0; k < P; k++) ofState += ws[size_t(g * P + k)] * r.hN[size_t(n * P + k)];
        a[size_t(g)] = ofX, s[size_t(g)] = ofState;
      }
      for (int64_t u = 0; u < H; u++) {
        const auto sum = [&](int64_t gate) { return a[size_t(gate * H + u)] + s[size_t(gate * H + u)]; };
        if (c.kind == cpu::kLstm) {
          double& cell = r.cN[size_t(n * H + u)];
          cell = sigmoid(sum(1)) * cell + sigmoid(sum(0)) * std::tanh(sum(2));
          h[size_t(u)] = sigmoid(sum(3)) * std::tanh(cell);
        } else if (c.kind == cpu::kGru) {
          const double z = sigmoid(sum(1));
          const double candidate = std::tanh(a[size_t(2 * H + u)] + sigmoid(sum(0)) * s[size_t(2 * H + u)]);
          h[size_t(u)] = (1 - z) * candidate + z * r.hN[size_t(n * H + u)];
        } else {
          h[size_t(u)] = c.kind == cpu::kRnnTanh ? std::tanh(sum(0)) : std::max(0.0, sum(0));
        }
      }
      for (int64_t p = 0; p < P; p++) {
        double value = P == H ? h[size_t(p)] : 0;
        if (P != H)
          for (int64_t u = 0; u < H; u++) value += project[size_t(p * H + u)] * h[size_t(u)];
        r.hN[size_t(n * P + p)] = r.out[size_t((start + n) * P + p)] = value;
      }
    }
  }
  return r;
}

void forward(Machine& m, const Tensors& t, const Case& c, bool keep) {
  const bool lstm = c.kind == cpu::kLstm, projects = c.states != c.hidden, even = c.counts.front() == c.counts.back();
  ops::rnnForward(m.ctx, t.out, t.hN, lstm ? &t.cN : nullptr, keep && c.kind >= cpu::kLstm ? &t.gates : nullptr,
                  keep && lstm ? &t.cells : nullptr, keep && projects ? &t.inner : nullptr, t.x, t.h0,
                  lstm ? &t.c0 : nullptr, t.wi, t.ws, c.bias ? &t.bi : nullptr, c.bias ? &t.bs : nullptr,
                  projects ? &t.project : nullptr, even ? nullptr : &t.spans, c.kind, c.reverse);
}

void backward(Machine& m, const Tensors& t, const Case& c) {
  const bool lstm = c.kind == cpu::kLstm, projects = c.states != c.hidden, even = c.counts.front() == c.counts.back();
  ops::rnnBackward(m.ctx, t.gradGates, t.gradH, lstm ? &t.gradC : nullptr, projects ? &t.gradStates : nullptr,
                   &t.gradOut, c.kind >= cpu::kLstm ? &t.gates : nullptr, lstm ? &t.cells : nullptr, t.out, t.h0,
                   lstm ? &t.c0 : nullptr, t.ws, projects ? &t.project : nullptr, even ? nullptr : &t.spans, c.kind,
                   c.reverse, true);
}

// The sum whose gradients the backward pass gives, with one number of an input changed.
double loss(const Case& c, Tensors& t, Tensor& input, int64_t at, double by, const std::vector<double>& gradOut,
            const std::vector<double>& gradH, const std::vector<double>& gradC) {
  double& number = input.ptr<double>()[at];
  const double before = number;
  number += by;
  const Reference r = reference(t, c);
  number = before;
  double sum = 0;
  for (size_t i = 0; i < r.out.size(); i++) sum += r.out[i] * gradOut[i];
  for (size_t i = 0; i < r.hN.size(); i++) sum += r.hN[i] * gradH[i];
  for (size_t i = 0; c.kind == cpu::kLstm && i < r.cN.size(); i++) sum += r.cN[i] * gradC[i];
  return sum;
}

// Gradients of the initial state against differences; those of the gates show in them.
void checkGradients(Isa isa, const Case& c) {
  if (c.inputs > 100) return;
  Machine m(isa, 2);
  Tensors t = make(m, c, DType::kFloat64);
  const auto gradOut = Machine::values(t.gradOut), gradH = Machine::values(t.gradH), gradC = Machine::values(t.gradC);
  forward(m, t, c, true);
  backward(m, t, c);
  m.wait();
  const auto gotH = Machine::values(t.gradH), gotC = Machine::values(t.gradC);
  for (int64_t i = 0; i < 6; i++) {
    const auto slope = [&](Tensor& input, int64_t at) {
      constexpr double kStep = 1e-5;
      return (loss(c, t, input, at, kStep, gradOut, gradH, gradC) -
              loss(c, t, input, at, -kStep, gradOut, gradH, gradC)) /
             (2 * kStep);
    };
    const int64_t h = i * 7919 % t.h0.numel(), cell = i * 7919 % t.c0.numel();
    const double wanted = slope(t.h0, h);
    CHECK(near(gotH[size_t(h)], wanted, 1e-6, 1e-7), "%s case %td: gradient of h0 %g, expected %g", isaName(isa),
          &c - kCases, gotH[size_t(h)], wanted);
    if (c.kind != cpu::kLstm) continue;
    const double wantedC = slope(t.c0, cell);
    CHECK(near(gotC[size_t(cell)], wantedC, 1e-6, 1e-7), "%s case %td: gradient of c0 %g, expected %g", isaName(isa),
          &c - kCases, gotC[size_t(cell)], wantedC);
  }
}

void check(Isa isa, const Case& c, DType type) {
  std::vector<std::vector<double>> first;
  for (int threads : {1, 2, 3}) {
    Machine m(isa, threads);
    const Tensors t = make(m, c, type);
    forward(m, t, c, false);
    m.wait();
    const auto silent = Machine::values(t.out), silentH = Machine::values(t.hN);
    forward(m, t, c, true);
    backward(m, t, c);
    m.wait();
    std::vector<std::vector<double>> all{Machine::values(t.out), Machine::values(t.hN), Machine::values(t.gradGates),
                                         Machine::values(t.gradH)};
    if (c.kind == cpu::kLstm) all.push_back(Machine::values(t.cN)), all.push_back(Machine::values(t.gradC));
    CHECK(same(silent, all[0]) && same(silentH, all[1]), "%s case %td: other numbers without a tape", isaName(isa),
          &c - kCases);
    if (threads > 1) {
      for (size_t i = 0; i < all.size(); i++)
        CHECK(same(all[i], first[i]), "%s case %td: %d threads differ in %zu", isaName(isa), &c - kCases, threads, i);
      continue;
    }
    first = all;
    const Reference r = reference(t, c);
    const double bound = type == DType::kFloat64 ? 1e-13 : 2e-5;
    const double worst = std::max(maxError(all[0], r.out), maxError(all[1], r.hN));
    CHECK(worst < bound, "%s case %td type %d: error %g", isaName(isa), &c - kCases, int(type), worst);
    if (c.kind == cpu::kLstm) {
      const double cells = maxError(all[4], r.cN);
      CHECK(cells < bound, "%s case %td type %d: error of the cells %g", isaName(isa), &c - kCases, int(type), cells);
    }
  }
}

void bench(Isa isa, int threads) {
  for (int kind : {int(cpu::kLstm), int(cpu::kGru)}) {
    const Case c{kind, std::vector<int64_t>(50, 64), 128, 256, 256, false, true};
    Rig m(isa, threads);
    const Tensors t = make(m, c, DType::kFloat32);
    char label[64];
    std::snprintf(label, sizeof label, "%s x%d %s", isaName(isa), threads, kind == cpu::kLstm ? "lstm" : "gru");
    m.bench(label, 0, [&] { forward(m, t, c, false); });
    m.bench("  keeping", 0, [&] { forward(m, t, c, true); });
    m.bench("  backward", 0, [&] { backward(m, t, c); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && !std::strcmp(argv[1], "bench")) {
    for (int threads : {1, 2}) bench(isas().back(), threads);
    return 0;
  }
  for (Isa isa : isas())
    for (const Case& c : kCases) {
      for (DType type : {DType::kFloat32, DType::kFloat64}) check(isa, c, type);
      checkGradients(isa, c);
    }
  return finish("rnn");
}
