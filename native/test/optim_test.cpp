// SGD and Adam steps against PyTorch's formulas in double.
#include "ops/optim.h"

#include "harness.h"

using namespace nabla;
using namespace nabla::test;

namespace {

struct Sgd {
  double lr, momentum, dampening, weightDecay;
  bool nesterov, maximize;
};
const Sgd kSgds[] = {
    {0.1, 0, 0, 0, false, false},       {0.1, 0, 0, 0.01, false, true},   {0.1, 0.9, 0, 0, false, false},
    {0.1, 0.9, 0.3, 0.02, false, true}, {0.1, 0.9, 0, 0.02, true, false},
};

struct Adam {
  double lr, beta1, beta2, eps, weightDecay;
  bool amsgrad, decoupled, maximize;
};
const Adam kAdams[] = {
    {1e-3, 0.9, 0.999, 1e-8, 0, false, false, false}, {1e-2, 0.8, 0.99, 1e-6, 0.1, false, false, true},
    {1e-2, 0.3, 0.99, 1e-6, 0.1, false, true, false}, {1e-2, 0.9, 0.9, 1e-8, 0, true, false, false},
    {1e-2, 0.9, 0.9, 1e-8, 0.05, true, true, true},
};

// A parameter with its gradient and states; the same in double.
struct Case {
  std::vector<Tensor> params, grads, a, b, c;
  std::vector<std::vector<double>> param, grad, stateA, stateB, stateC;
};

Case makeCase(Machine& m, const std::vector<int64_t>& sizes, bool mixed) {
  Case s;
  for (size_t i = 0; i < sizes.size(); i++) {
    const DType type = mixed && i % 3 == 1 ? DType::kFloat64 : DType::kFloat32;
    s.params.push_back(m.random(type, {sizes[i]}));
    s.grads.push_back(m.random(type, {sizes[i]}));
    for (auto* list : {&s.a, &s.b, &s.c}) list->push_back(m.make(type, {sizes[i]}));
    s.param.push_back(Machine::values(s.params[i]));
    s.grad.push_back(Machine::values(s.grads[i]));
    for (auto* list : {&s.stateA, &s.stateB, &s.stateC}) list->emplace_back(sizes[i]);
  }
  return s;
}

void referenceSgd(Case& s, const Sgd& o, bool first) {
  for (size_t t = 0; t < s.param.size(); t++) {
    for (size_t i = 0; i < s.param[t].size(); i++) {
      double g = (o.maximize ? -1 : 1) * s.grad[t][i] + o.weightDecay * s.param[t][i];
      if (o.momentum != 0) {
        double& b = s.stateA[t][i];
        b = first ? g : o.momentum * b + (1 - o.dampening) * g;
        g = o.nesterov ? g + o.momentum * b : b;
      }
      s.param[t][i] -= o.lr * g;
    }
  }
}

void referenceAdam(Case& s, const Adam& o, double step) {
  for (size_t t = 0; t < s.param.size(); t++) {
    for (size_t i = 0; i < s.param[t].size(); i++) {
      double &p = s.param[t][i], &m = s.stateA[t][i], &v = s.stateB[t][i], &most = s.stateC[t][i];
      double g = (o.maximize ? -1 : 1) * s.grad[t][i];
      if (o.decoupled)
        p *= 1 - o.lr * o.weightDecay;
      else
        g += o.weightDecay * p;
      m += (1 - o.beta1) * (g - m);
      v = o.beta2 * v + (1 - o.beta2) * g * g;
      most = std::max(most, v);
      const double denominator = std::sqrt(o.amsgrad ? most : v) / std::sqrt(1 - std::pow(o.beta2, step)) + o.eps;
      p -= o.lr / (1 - std::pow(o.beta1, step)) * m / denominator;
    }
  }
}

void compare(const Case& s, const char* name) {
  for (size_t t = 0; t < s.params.size(); t++) {
    const std::vector<double> got = Machine::values(s.params[t]);
    const double tolerance = s.params[t].dtype == DType::kFloat64 ? 1e-13 : 2e-6;
    for (size_t i = 0; i < got.size(); i++)
      CHECK(near(got[i], s.param[t][i], tolerance, tolerance), "%s: tensor %zu element %zu: %g, not %g", name, t, i,
            got[i], s.param[t][i]);
  }
}

void runSgd(Machine& m, Case& s, const Sgd& o, int steps) {
  for (int i = 0; i < steps; i++) {
    ops::sgdStep(m.ctx, s.params, s.grads, o.momentum != 0 ? std::span<const Tensor>(s.a) : std::span<const Tensor>(),
                 o.lr, o.momentum, o.dampening, o.weightDecay, o.nesterov, o.maximize, i == 0);
    referenceSgd(s, o, i == 0);
  }
  m.wait();
}

void runAdam(Machine& m, Case& s, const Adam& o, int steps) {
  for (int i = 1; i <= steps; i++) {
    ops::adamStep(m.ctx, s.params, s.grads, s.a, s.b,
                  o.amsgrad ? std::span<const Tensor>(s.c) : std::span<const Tensor>(), o.lr, o.beta1, o.beta2, o.eps,
                  o.weightDecay, i, o.decoupled, o.maximize);
    referenceAdam(s, o, i);
  }
  m.wait();
}

std::vector<std::vector<int64_t>> sizeLists() {
  std::vector<int64_t> many;
  for (int64_t i = 0; i < 1100; i++) many.push_back(i % 7);
  return {{}, {0}, {1}, {5, 0, 16384, 3}, {40000, 17, 1, 70001}, many, std::vector<int64_t>(60, 1000)};
}

void testFormulas(Machine& m) {
  for (const auto& sizes : sizeLists()) {
    for (const Sgd& o : kSgds) {
      Case s = makeCase(m, sizes, true);
      runSgd(m, s, o, 3);
      compare(s, "sgd");
    }
    for (const Adam& o : kAdams) {
      Case s = makeCase(m, sizes, true);
      runAdam(m, s, o, 3);
      compare(s, "adam");
    }
  }
}

void testThreads(Isa isa) {
  std::vector<std::vector<double>> expected;
  for (int threads : {1, 2, 3}) {
    Machine m(isa, threads);
    Case s = makeCase(m, {40000, 17, 1, 70001}, false);
    runAdam(m, s, kAdams[2], 3);
    for (size_t t = 0; t < s.params.size(); t++) {
      if (threads == 1) expected.push_back(Machine::values(s.params[t]));
      CHECK(same(Machine::values(s.params[t]), expected[t]), "%d threads", threads);
    }
  }
}

// One failed gradient among many: no parameter and no state moves, in no batch.
void testPoison(Machine& m) {
  for (size_t bad : {size_t{0}, size_t{700}}) {
    Case s = makeCase(m, std::vector<int64_t>(1100, 3), false);
    m.ctx.stream.enqueue("broken", {&s.grads[bad]}, {}, [](Exec& exec) { exec.fail("no gradient"); });
    ops::sgdStep(m.ctx, s.params, s.grads, s.a, 0.1, 0.9, 0, 0, false, false, true);
    ops::adamStep(m.ctx, s.params, s.grads, s.a, s.b, s.c, 0.1, 0.9, 0.99, 1e-8, 0, 1, false, false);
    m.wait();
    for (size_t t = 0; t < s.params.size(); t++) {
      CHECK(same(Machine::values(s.params[t]), s.param[t]), "parameter %zu", t);
      CHECK(same(Machine::values(s.a[t]), s.stateA[t]) && same(Machine::values(s.b[t]), s.stateB[t]), "state %zu", t);
      CHECK(!Stream::errorOf(s.params[t]), "poisoned %zu", t);
    }
    CHECK(m.ctx.stream.takeUndelivered() != nullptr, "error kept");
  }
}

// Infinite values must not turn into NaN where PyTorch leaves a term out.
void testInfinity(Machine& m) {
  Case s = makeCase(m, {33}, false);
  s.params[0].ptr<float>()[5] = INFINITY;
  ops::sgdStep(m.ctx, s.params, s.grads, s.a, 0.1, 0.9, 0, 0, false, false, true);
  ops::adamStep(m.ctx, s.params, s.grads, s.b, s.c, {}, 0.1, 0.9, 0.99, 1e-8, 0, 1, false, false);
  m.wait();
  CHECK(s.params[0].ptr<float>()[5] == INFINITY, "%g", static_cast<double>(s.params[0].ptr<float>()[5]));
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    Machine m(isa, 2);
    testFormulas(m);
    testThreads(isa);
    testPoison(m);
    testInfinity(m);
  }
  return finish("optim");
}
