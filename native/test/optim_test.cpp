// Optimizer steps against PyTorch's formulas in double.
#include "ops/optim.h"

#include "harness.h"

using namespace nabla;
using namespace nabla::test;
using cpu::Formula;

namespace {

using Update = void (*)(const std::vector<double>& s, double g, double& p, double& a, double& b, double& c);

// A formula with scalars of one step; the reference sees one element. Lists past `states` are empty.
struct Sample {
  const char* name;
  Formula formula;
  std::vector<double> scalars;
  int states;
  Update update;
};

double square(double x) { return x * x; }
double sign(double x) { return (x > 0) - (x < 0); }

void sgd(const std::vector<double>& s, double g, double& p, double& a, double&, double&) {
  g = (s[5] != 0 ? -g : g) + s[3] * p;
  if (s[1] != 0) {
    a = s[6] != 0 ? g : s[1] * a + (1 - s[2]) * g;
    g = s[4] != 0 ? g + s[1] * a : a;
  }
  p -= s[0] * g;
}

void adam(const std::vector<double>& s, double g, double& p, double& a, double& b, double& c) {
  if (s[8] != 0) g = -g;
  if (s[7] != 0)
    p *= 1 - s[0] * s[4];
  else
    g += s[4] * p;
  a += (1 - s[1]) * (g - a);
  b = s[2] * b + (1 - s[2]) * g * g;
  c = std::max(b, c);
  p -= s[5] * a / (std::sqrt(b) / s[6] + s[3]);
}
void amsgrad(const std::vector<double>& s, double g, double& p, double& a, double& b, double& c) {
  if (s[8] != 0) g = -g;
  a += (1 - s[1]) * (g - a);
  b = s[2] * b + (1 - s[2]) * g * g;
  c = std::max(b, c);
  p -= s[5] * a / (std::sqrt(c) / s[6] + s[3]);
}

void adagrad(const std::vector<double>& s, double g, double& p, double& a, double&, double&) {
  g = (s[3] != 0 ? -g : g) + s[2] * p;
  a += g * g;
  p -= s[0] * g / (std::sqrt(a) + s[1]);
}

void adadelta(const std::vector<double>& s, double g, double& p, double& a, double& b, double&) {
  g = (s[4] != 0 ? -g : g) + s[3] * p;
  a = s[1] * a + (1 - s[1]) * g * g;
  const double delta = std::sqrt(b + s[2]) / std::sqrt(a + s[2]) * g;
  b = s[1] * b + (1 - s[1]) * delta * delta;
  p -= s[0] * delta;
}

void rmsprop(const std::vector<double>& s, double g, double& p, double& a, double&, double&) {
  g = (s[5] != 0 ? -g : g) + s[3] * p;
  a = s[1] * a + (1 - s[1]) * g * g;
  p -= s[0] * g / (std::sqrt(a) + s[2]);
}
void rmspropFull(const std::vector<double>& s, double g, double& p, double& a, double& b, double& c) {
  g = (s[5] != 0 ? -g : g) + s[3] * p;
  a = s[1] * a + (1 - s[1]) * g * g;
  c += (1 - s[1]) * (g - c);
  b = s[4] * b + g / (std::sqrt(a - c * c) + s[2]);
  p -= s[0] * b;
}

void adamax(const std::vector<double>& s, double g, double& p, double& a, double& b, double&) {
  g = (s[5] != 0 ? -g : g) + s[4] * p;
  a += (1 - s[1]) * (g - a);
  b = std::max(s[2] * b, std::fabs(g) + s[3]);
  p -= s[0] * a / b;
}

void nadam(const std::vector<double>& s, double g, double& p, double& a, double& b, double&) {
  if (s[9] != 0) g = -g;
  p *= s[4];
  if (s[8] == 0) g += s[3] * p;
  a += (1 - s[0]) * (g - a);
  b = s[1] * b + (1 - s[1]) * g * g;
  p -= (s[5] * g + s[6] * a) / (std::sqrt(b / s[7]) + s[2]);
}

void radam(const std::vector<double>& s, double g, double& p, double& a, double& b, double&) {
  if (s[8] != 0) g = -g;
  p *= s[4];
  if (s[7] == 0) g += s[3] * p;
  a += (1 - s[0]) * (g - a);
  b = s[1] * b + (1 - s[1]) * g * g;
  p -= s[5] * a / (s[6] != 0 ? std::sqrt(b) + s[2] : 1);
}

void rprop(const std::vector<double>& s, double g, double& p, double& a, double& b, double&) {
  if (s[4] != 0) g = -g;
  const double agrees = g * a;
  b = std::clamp(b * (agrees > 0 ? s[1] : agrees < 0 ? s[0] : 1), s[2], s[3]);
  a = agrees < 0 ? 0 : g;
  p -= sign(a) * b;
}

void asgd(const std::vector<double>& s, double g, double& p, double& a, double&, double&) {
  g = (s[4] != 0 ? -g : g) + s[3] * p;
  p = (1 - s[1] * s[0]) * p - s[0] * g;
  a += (p - a) * s[2];
}

void lion(const std::vector<double>& s, double g, double& p, double& a, double&, double&) {
  if (s[4] != 0) g = -g;
  p -= s[0] * (sign(s[1] * a + (1 - s[1]) * g) + s[3] * p);
  a = s[2] * a + (1 - s[2]) * g;
}

void lerp(const std::vector<double>& s, double g, double& p, double&, double&, double&) { p += s[0] * (g - p); }

void lookahead(const std::vector<double>& s, double, double& p, double& a, double&, double&) {
  a += s[0] * (p - a);
  p = a;
}

void decayed(const std::vector<double>& s, double g, double& p, double&, double&, double&) { p = s[0] * p - s[1] * g; }

const std::vector<Sample> kSamples = {
    {"sgd", Formula::kSgd, {0.1, 0, 0, 0, 0, 0, 0}, 0, sgd},
    {"sgd, decay", Formula::kSgd, {0.1, 0, 0, 0.01, 0, 1, 0}, 0, sgd},
    {"sgd, first", Formula::kSgd, {0.1, 0.9, 0.3, 0, 0, 0, 1}, 1, sgd},
    {"sgd, damped", Formula::kSgd, {0.1, 0.9, 0.3, 0.02, 0, 1, 0}, 1, sgd},
    {"sgd, nesterov", Formula::kSgd, {0.1, 0.9, 0, 0.02, 1, 0, 0}, 1, sgd},
    {"adam", Formula::kAdam, {1e-2, 0.9, 0.999, 1e-8, 0, 0.1, 0.03, 0, 0}, 2, adam},
    {"adam, coupled", Formula::kAdam, {1e-2, 0.3, 0.99, 1e-6, 0.1, 0.02, 0.1, 0, 1}, 2, adam},
    {"adam, decoupled", Formula::kAdam, {1e-2, 0.8, 0.99, 1e-6, 0.1, 0.02, 0.1, 1, 0}, 2, adam},
    {"adam, amsgrad", Formula::kAdam, {1e-2, 0.9, 0.9, 1e-8, 0, 0.02, 0.1, 0, 0}, 3, amsgrad},
    {"adagrad", Formula::kAdagrad, {0.1, 1e-10, 0, 0}, 1, adagrad},
    {"adagrad, decay", Formula::kAdagrad, {0.1, 1e-3, 0.1, 1}, 1, adagrad},
    {"adadelta", Formula::kAdadelta, {1, 0.9, 1e-6, 0, 0}, 2, adadelta},
    {"adadelta, decay", Formula::kAdadelta, {0.5, 0.8, 1e-4, 0.1, 1}, 2, adadelta},
    {"rmsprop", Formula::kRmsprop, {1e-2, 0.99, 1e-8, 0.1, 0, 1}, 1, rmsprop},
    {"rmsprop, all", Formula::kRmsprop, {1e-2, 0.9, 1e-3, 0, 0.8, 0}, 3, rmspropFull},
    {"adamax", Formula::kAdamax, {2e-2, 0.9, 0.99, 1e-8, 0.1, 1}, 2, adamax},
    {"nadam", Formula::kNadam, {0.9, 0.99, 1e-8, 0.1, 1, 0.02, 0.1, 0.3, 0, 0}, 2, nadam},
    {"nadam, decoupled", Formula::kNadam, {0.9, 0.99, 1e-8, 0.1, 0.99, 0.02, 0.1, 0.3, 1, 1}, 2, nadam},
    {"radam", Formula::kRadam, {0.9, 0.99, 1e-8, 0.1, 1, 0.02, 0, 0, 0}, 2, radam},
    {"radam, adaptive", Formula::kRadam, {0.9, 0.99, 1e-8, 0.1, 0.99, 0.02, 1, 1, 1}, 2, radam},
    {"rprop", Formula::kRprop, {0.5, 1.2, 1e-6, 50, 0}, 2, rprop},
    {"rprop, bounds", Formula::kRprop, {0.5, 1.2, 0.4, 0.6, 1}, 2, rprop},
    {"asgd", Formula::kAsgd, {0.1, 1e-2, 1, 0.1, 0}, 1, asgd},
    {"asgd, averaging", Formula::kAsgd, {0.1, 1e-2, 0.25, 0, 1}, 1, asgd},
    {"lion", Formula::kLion, {0.1, 0.9, 0.99, 0.1, 0}, 1, lion},
    {"lion, ascent", Formula::kLion, {0.1, 0.7, 0.9, 0, 1}, 1, lion},
    {"lerp", Formula::kLerp, {0.3}, 0, lerp},
    {"lerp, far", Formula::kLerp, {0.9}, 0, lerp},
    {"lookahead", Formula::kLookahead, {0.4}, 1, lookahead},
    {"decayed step", Formula::kDecayedStep, {0.9, 0.2}, 0, decayed},
};

// Parameters with gradients and states, and the same in double. States of squares must not be negative.
struct Case {
  std::vector<Tensor> params, grads, states[3];
  std::vector<std::vector<double>> param, grad, state[3];
};

Case makeCase(Machine& m, const std::vector<std::vector<int64_t>>& shapes, bool mixed) {
  Case s;
  for (size_t i = 0; i < shapes.size(); i++) {
    const DType type = mixed && i % 3 == 1 ? DType::kFloat64 : DType::kFloat32;
    s.params.push_back(m.random(type, shapes[i]));
    s.grads.push_back(m.random(type, shapes[i]));
    s.param.push_back(Machine::values(s.params[i]));
    s.grad.push_back(Machine::values(s.grads[i]));
    for (int k = 0; k < 3; k++) {
      s.states[k].push_back(m.random(type, shapes[i]));
      Tensor& state = s.states[k].back();
      for (int64_t e = 0; e < state.numel(); e++) {
        // Like averages: those of squares are positive and larger than the square of the others.
        const auto average = [k](double x) {
          return k == 0 ? 1 + std::fabs(x) : 0.1 + std::min(std::fabs(x), 2.0) / 4;
        };
        if (type == DType::kFloat64)
          state.ptr<double>()[e] = average(state.ptr<double>()[e]);
        else
          state.ptr<float>()[e] = static_cast<float>(average(state.ptr<float>()[e]));
      }
      s.state[k].push_back(Machine::values(state));
    }
  }
  return s;
}

std::vector<std::vector<int64_t>> vectors(const std::vector<int64_t>& sizes) {
  std::vector<std::vector<int64_t>> shapes;
  for (int64_t n : sizes) shapes.push_back({n});
  return shapes;
}

void step(Machine& m, Case& s, Formula formula, int states, const std::vector<double>& scalars) {
  const auto list = [&](int k) {
    return k < states ? std::span<const Tensor>(s.states[k]) : std::span<const Tensor>();
  };
  ops::optimStep(m.ctx, static_cast<int>(formula), s.params, s.grads, list(0), list(1), list(2), scalars);
}

void compare(const Case& s, int states, const char* name) {
  const auto one = [&](const Tensor& t, const std::vector<double>& want, const char* what) {
    const std::vector<double> got = Machine::values(t);
    const double tolerance = t.dtype == DType::kFloat64 ? 1e-13 : 4e-6;
    for (size_t i = 0; i < got.size(); i++)
      CHECK(near(got[i], want[i], tolerance, tolerance), "%s: %s element %zu: %g, not %g", name, what, i, got[i],
            want[i]);
  };
  for (size_t t = 0; t < s.params.size(); t++) {
    one(s.params[t], s.param[t], "parameter");
    for (int k = 0; k < states; k++) one(s.states[k][t], s.state[k][t], "state");
  }
}

std::vector<std::vector<int64_t>> sizeLists() {
  std::vector<int64_t> many;
  for (int64_t i = 0; i < 1100; i++) many.push_back(i % 7);
  return {{}, {0}, {1}, {5, 0, 16384, 3}, {40000, 17, 1, 20001}, many, std::vector<int64_t>(60, 1000)};
}

void testFormulas(Machine& m) {
  for (const auto& sizes : sizeLists()) {
    for (const Sample& f : kSamples) {
      Case s = makeCase(m, vectors(sizes), true);
      for (int i = 0; i < 2; i++) {
        step(m, s, f.formula, f.states, f.scalars);
        for (size_t t = 0; t < s.param.size(); t++)
          for (size_t e = 0; e < s.param[t].size(); e++)
            f.update(f.scalars, s.grad[t][e], s.param[t][e], s.state[0][t][e], s.state[1][t][e], s.state[2][t][e]);
      }
      m.wait();
      compare(s, f.states, f.name);
    }
  }
}

// lr, beta1, beta2, eps, weightDecay, correction1, correction2, maximize
const std::vector<double> kLambs[] = {{0.1, 0.9, 0.99, 1e-6, 0, 0.3, 0.2, 0}, {0.1, 0.9, 0.99, 1e-6, 0.1, 0.3, 0.2, 1}};

void testLamb(Machine& m) {
  for (const auto& sizes : sizeLists()) {
    for (const auto& s : kLambs) {
      Case c = makeCase(m, vectors(sizes), true);
      step(m, c, Formula::kLamb, 2, s);
      m.wait();
      for (size_t t = 0; t < c.param.size(); t++) {
        std::vector<double> direction;
        double params = 0, steps = 0;
        for (size_t e = 0; e < c.param[t].size(); e++) {
          const double g = s[7] != 0 ? -c.grad[t][e] : c.grad[t][e], p = c.param[t][e];
          double &a = c.state[0][t][e], &b = c.state[1][t][e];
          a += (1 - s[1]) * (g - a);
          b = s[2] * b + (1 - s[2]) * g * g;
          direction.push_back(a / s[5] / (std::sqrt(b / s[6]) + s[3]) + s[4] * p);
          params += square(p);
          steps += square(direction.back());
        }
        const double ratio = params > 0 && steps > 0 ? std::sqrt(params / steps) : 1;
        for (size_t e = 0; e < direction.size(); e++) c.param[t][e] -= s[0] * ratio * direction[e];
      }
      compare(c, 2, "lamb");
    }
  }
  Case zero = makeCase(m, {{7}}, false);  // a parameter of zeros moves by the plain step
  std::fill_n(zero.params[0].ptr<float>(), 7, 0.f);
  step(m, zero, Formula::kLamb, 2, kLambs[0]);
  m.wait();
  for (double x : Machine::values(zero.params[0])) CHECK(x < 0 && x > -1, "%g", x);
}

void testLazyRows(Machine& m) {
  const std::vector<double> s = {0.1, 0.9, 0.99, 1e-6, 1};  // stepSize, betas, eps, maximize
  for (const auto& shapes : std::vector<std::vector<std::vector<int64_t>>>{
           {{5, 3}}, {{1, 40000}, {3000, 17}}, {{0, 3}, {7}, {4, 0}, {2, 3, 5}}, {{}}}) {
    Case c = makeCase(m, shapes, true);
    for (size_t t = 0; t < c.param.size(); t++) {
      const int64_t n = c.params[t].numel(), rows = shapes[t].empty() ? 1 : shapes[t][0], width = rows ? n / rows : 0;
      for (int64_t e = 0; e < n; e++) {
        const bool skipped = rows > 1 && (e / width) % 3 == 1;
        if (skipped && c.grads[t].dtype == DType::kFloat32) c.grads[t].ptr<float>()[e] = 0;
        if (skipped && c.grads[t].dtype == DType::kFloat64) c.grads[t].ptr<double>()[e] = 0;
        if (skipped) continue;
        const double g = -c.grad[t][e];
        double &a = c.state[0][t][e], &b = c.state[1][t][e];
        a += (1 - s[1]) * (g - a);
        b += (1 - s[2]) * (g * g - b);
        c.param[t][e] -= s[0] * a / (std::sqrt(b) + s[3]);
      }
    }
    step(m, c, Formula::kLazyAdam, 2, s);
    m.wait();
    compare(c, 2, "lazy rows");
  }
}

// weight, floor, shrink, rate, least, clip, leastMean, maximize
const std::vector<double> kAdafactors[] = {{0.3, 1e-14, 1, 0.1, 1e-3, 1, 1e-7, 0}, {0.7, 0.2, 0.9, 0.1, 3, 0.5, 2, 1}};

void moveAdafactor(std::vector<double>& param, const std::vector<double>& grad, const std::vector<double>& average,
                   const std::vector<double>& s) {
  std::vector<double> direction;
  double params = 0, steps = 0;
  const double n = static_cast<double>(param.size());
  for (size_t e = 0; e < param.size(); e++) {
    direction.push_back((s[7] != 0 ? -grad[e] : grad[e]) / std::sqrt(std::max(average[e], s[1])));
    params += square(param[e]);
    steps += square(direction[e]);
  }
  const double ratio = s[3] * std::max(s[4], std::sqrt(params / n)) / std::max(1.0, std::sqrt(steps / n) / s[5]);
  for (size_t e = 0; e < param.size(); e++) param[e] = s[2] * param[e] - ratio * direction[e];
}

void testAdafactorVectors(Machine& m) {
  for (const auto& sizes : sizeLists()) {
    for (const auto& s : kAdafactors) {
      Case c = makeCase(m, vectors(sizes), true);
      step(m, c, Formula::kAdafactorVectors, 1, s);
      m.wait();
      for (size_t t = 0; t < c.param.size(); t++) {
        for (size_t e = 0; e < c.param[t].size(); e++)
          c.state[0][t][e] += s[0] * (square(c.grad[t][e]) - c.state[0][t][e]);
        moveAdafactor(c.param[t], c.grad[t], c.state[0][t], s);
      }
      compare(c, 1, "adafactor, vectors");
    }
  }
}

// The averages of rows and columns take the places of the first two states.
Case makeMatrices(Machine& m, const std::vector<std::vector<int64_t>>& shapes, bool mixed) {
  Case c = makeCase(m, shapes, mixed);
  for (int k = 0; k < 2; k++) {
    std::vector<std::vector<int64_t>> reduced = shapes;
    for (auto& shape : reduced) shape[shape.size() - static_cast<size_t>(k) - 1] = 1;
    Case states = makeCase(m, reduced, mixed);
    c.states[k] = states.states[0];
    c.state[k] = states.state[0];
  }
  return c;
}

void referenceMatrices(Case& c, const std::vector<std::vector<int64_t>>& shapes, const std::vector<double>& s) {
  for (size_t t = 0; t < shapes.size(); t++) {
    const size_t columns = static_cast<size_t>(shapes[t].back()), total = c.param[t].size();
    const size_t rows = static_cast<size_t>(shapes[t][shapes[t].size() - 2]);
    std::vector<double> average(total);
    for (size_t at = 0; at + rows * columns <= total && total > 0; at += rows * columns) {
      double *rowVar = &c.state[0][t][at / columns], *columnVar = &c.state[1][t][at / rows], mean = 0;
      const double* grad = &c.grad[t][at];
      for (size_t i = 0; i < rows; i++) {
        double sum = 0;
        for (size_t j = 0; j < columns; j++) sum += square(grad[i * columns + j]);
        rowVar[i] += s[0] * (sum / static_cast<double>(columns) - rowVar[i]);
        mean += rowVar[i] / static_cast<double>(rows);
      }
      for (size_t j = 0; j < columns; j++) {
        double sum = 0;
        for (size_t i = 0; i < rows; i++) sum += square(grad[i * columns + j]);
        columnVar[j] += s[0] * (sum / static_cast<double>(rows) - columnVar[j]);
      }
      for (size_t e = 0; e < rows * columns; e++)
        average[at + e] = rowVar[e / columns] / std::max(mean, s[6]) * columnVar[e % columns];
    }
    if (total > 0) moveAdafactor(c.param[t], c.grad[t], average, s);
  }
}

void testAdafactorMatrices(Machine& m) {
  const std::vector<std::vector<std::vector<int64_t>>> lists = {
      {{3, 5}, {1, 1}, {0, 4}, {7, 0}},
      {{70, 1001}, {2, 40000}, {40000, 2}, {300, 257}},
      {{4, 3, 2, 5}, {2, 33, 17}, {1, 600}, {5, 1}},
      std::vector<std::vector<int64_t>>(400, {2, 3}),
  };
  for (const auto& shapes : lists) {
    for (const auto& s : kAdafactors) {
      Case c = makeMatrices(m, shapes, true);
      step(m, c, Formula::kAdafactor, 2, s);
      m.wait();
      referenceMatrices(c, shapes, s);
      compare(c, 2, "adafactor");
    }
  }
  for (size_t bad : {size_t{0}, size_t{399}}) {
    Case c = makeMatrices(m, lists[3], false);
    m.ctx.stream.enqueue("broken", {&c.grads[bad]}, {}, [](Exec& exec) { exec.fail("no gradient"); });
    step(m, c, Formula::kAdafactor, 2, kAdafactors[0]);
    m.wait();
    compare(c, 2, "adafactor, failed gradient");
    CHECK(m.ctx.stream.takeUndelivered() != nullptr, "error kept");
  }
}

void testAdafactorThreads(Isa isa) {
  std::vector<double> expected;
  for (int threads : {1, 2, 3}) {
    Machine m(isa, threads);
    Case c = makeMatrices(m, {{300, 257}}, false);
    step(m, c, Formula::kAdafactor, 2, kAdafactors[0]);
    m.wait();
    if (threads == 1) expected = Machine::values(c.params[0]);
    CHECK(same(Machine::values(c.params[0]), expected), "%d threads", threads);
  }
}

void testThreads(Isa isa) {
  for (Formula formula : {Formula::kAdam, Formula::kLamb, Formula::kLazyAdam}) {
    std::vector<std::vector<double>> expected;
    for (int threads : {1, 2, 3}) {
      Machine m(isa, threads);
      Case s = makeCase(m, {{40000}, {17}, {1}, {70, 1001}}, false);
      const std::vector<double> adam = {1e-2, 0.9, 0.99, 1e-6, 0.1, 0.02, 0.1, 0, 0};
      step(m, s, formula, 2, formula == Formula::kAdam ? adam : kLambs[1]);
      m.wait();
      for (size_t t = 0; t < s.params.size(); t++) {
        if (threads == 1) expected.push_back(Machine::values(s.params[t]));
        CHECK(same(Machine::values(s.params[t]), expected[t]), "%d threads", threads);
      }
    }
  }
}

// One failed gradient among many: no parameter and no state moves, in no batch.
void testPoison(Machine& m) {
  for (size_t bad : {size_t{0}, size_t{700}}) {
    Case s = makeCase(m, std::vector<std::vector<int64_t>>(1100, {3}), false);
    m.ctx.stream.enqueue("broken", {&s.grads[bad]}, {}, [](Exec& exec) { exec.fail("no gradient"); });
    step(m, s, Formula::kSgd, 1, {0.1, 0.9, 0, 0, 0, 0, 1});
    step(m, s, Formula::kAdam, 3, {0.1, 0.9, 0.99, 1e-8, 0, 1, 0.1, 0, 0});
    step(m, s, Formula::kLamb, 2, kLambs[0]);
    step(m, s, Formula::kLazyAdam, 2, {0.1, 0.9, 0.99, 1e-6, 1});
    m.wait();
    for (size_t t = 0; t < s.params.size(); t++) {
      CHECK(same(Machine::values(s.params[t]), s.param[t]), "parameter %zu", t);
      for (int k = 0; k < 3; k++) CHECK(same(Machine::values(s.states[k][t]), s.state[k][t]), "state %zu", t);
      CHECK(!Stream::errorOf(s.params[t]), "poisoned %zu", t);
    }
    CHECK(m.ctx.stream.takeUndelivered() != nullptr, "error kept");
  }
}

// Infinite values must not turn into NaN where PyTorch leaves a term out.
void testInfinity(Machine& m) {
  for (const Sample& f : kSamples) {
    if (f.formula == Formula::kLookahead || f.formula == Formula::kLerp) continue;
    Case s = makeCase(m, {{33}}, false);
    std::vector<double> scalars = f.scalars;
    const std::pair<Formula, int> decays[] = {{Formula::kSgd, 3},      {Formula::kAdam, 4},    {Formula::kAdagrad, 2},
                                              {Formula::kAdadelta, 3}, {Formula::kRmsprop, 3}, {Formula::kAdamax, 4},
                                              {Formula::kNadam, 3},    {Formula::kRadam, 3},   {Formula::kAsgd, 3},
                                              {Formula::kLion, 3}};
    for (auto [formula, at] : decays)
      if (formula == f.formula) scalars[at] = 0;
    s.params[0].ptr<float>()[5] = INFINITY;
    step(m, s, f.formula, f.states, scalars);
    m.wait();
    CHECK(s.params[0].ptr<float>()[5] == INFINITY, "%s: %g", f.name, static_cast<double>(s.params[0].ptr<float>()[5]));
  }
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    Machine m(isa, 2);
    testFormulas(m);
    testLamb(m);
    testLazyRows(m);
    testAdafactorVectors(m);
    testAdafactorMatrices(m);
    testThreads(isa);
    testAdafactorThreads(isa);
    testPoison(m);
    testInfinity(m);
  }
  return finish("optim");
}
