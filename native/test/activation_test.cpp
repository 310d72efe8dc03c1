// Activation functions and their gradients against the C library in double, on every instruction set, with one to three
// threads.
#include "ops/activation.h"

#include <string>

#include "rig.h"

using namespace nabla;
using namespace nabla::test;

namespace {

using Values = std::vector<double>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double normal(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * M_PI); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

struct Function {
  int64_t op;
  double p, q, r;
  double (*value)(double);
  double (*slope)(double);
};

const Function kFunctions[] = {
    {cpu::kLeakyRelu, 0.1, 0, 0, [](double x) { return x > 0 ? x : 0.1 * x; },
     [](double x) { return x > 0 ? 1 : 0.1; }},
    {cpu::kElu, 1, 1, 1, [](double x) { return x > 0 ? x : std::expm1(x); },
     [](double x) { return x > 0 ? 1 : std::exp(x); }},
    {cpu::kGelu, 0, 0, 0, [](double x) { return x * normal(x); }, [](double x) { return normal(x) + x * density(x); }},
    {cpu::kSilu, 0, 0, 0, [](double x) { return x * sigmoid(x); },
     [](double x) { return sigmoid(x) * (1 + x * sigmoid(-x)); }},
    {cpu::kMish, 0, 0, 0, [](double x) { return x * std::tanh(softplus(x)); },
     [](double x) {
       const double t = std::tanh(softplus(x));
       return t + x * sigmoid(x) * (1 - t * t);
     }},
    {cpu::kHardtanh, -1, 2, 0, [](double x) { return std::min(std::max(x, -1.0), 2.0); },
     [](double x) { return x > -1 && x < 2 ? 1.0 : 0.0; }},
    {cpu::kLogSigmoid, 0, 0, 0, [](double x) { return -softplus(-x); }, [](double x) { return sigmoid(-x); }},
};

struct Case {
  std::vector<int64_t> shape;
  std::vector<int> order;
  int64_t gap;
};
const Case kCases[] = {{{1}, {}, 1}, {{40, 513}, {}, 1}, {{17, 9}, {1, 0}, 1}, {{33, 21}, {}, 2}, {{0, 3}, {}, 1}};

void check(Rig& rig, const Case& k, const Function& f, DType dtype, const std::string& what,
           std::vector<Values>* bits) {
  const Tensor x = rig.make(dtype, k.shape, k.order, k.gap), g = rig.make(dtype, k.shape, k.order);
  const Tensor out = rig.make(dtype, k.shape, k.order), gx = rig.make(dtype, k.shape, k.order);
  const Values xs = rig.fillNormal(x, 1, 0, 3), gs = rig.fillNormal(g, 2);
  ops::activation(rig.ctx, f.op, out, x, f.p, f.q, f.r);
  ops::activationBackward(rig.ctx, f.op, gx, g, x, f.p, f.q, f.r);
  rig.wait();
  Values value, gradient;
  for (size_t i = 0; i < xs.size(); i++) value.push_back(f.value(xs[i])), gradient.push_back(gs[i] * f.slope(xs[i]));
  const double limit = dtype == DType::kFloat64 ? 1e-14 : 2e-6;
  CHECK(maxError(Rig::values(out), value) < limit, "%s %g", what.c_str(), maxError(Rig::values(out), value));
  CHECK(maxError(Rig::values(gx), gradient) < limit, "%s %g", what.c_str(), maxError(Rig::values(gx), gradient));
  bits->push_back(Rig::values(out)), bits->push_back(Rig::values(gx));
  // In place.
  ops::activation(rig.ctx, f.op, x, x, f.p, f.q, f.r);
  rig.wait();
  CHECK(same(Rig::values(x), Rig::values(out)), "%s: in place", what.c_str());
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    std::vector<Values> first;
    for (int threads = 1; threads <= 3; threads++) {
      std::vector<Values> bits;
      Rig rig(isa, threads);
      for (DType dtype : {DType::kFloat32, DType::kFloat64})
        for (const Case& k : kCases)
          for (const Function& f : kFunctions)
            check(rig, k, f, dtype,
                  std::string(isaName(isa)) + ", op " + std::to_string(f.op) + ", case " + std::to_string(&k - kCases),
                  &bits);
      if (first.empty()) first = bits;
      for (size_t i = 0; i < bits.size(); i++) CHECK(same(bits[i], first[i]), "bits %zu", i);
    }
  }
  return finish("activation");
}
