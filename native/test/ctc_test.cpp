// Connectionist temporal classification against sums of plain probabilities in double, on every instruction set, with
// one to three threads.
#include "ops/ctc.h"

#include <string>

#include "rig.h"

using namespace nabla;
using namespace nabla::test;

namespace {

using Values = std::vector<double>;

struct Case {
  int64_t frames, samples, classes, labels;
  std::vector<int64_t> inputs, targets;  // lengths
  bool padded;
  std::vector<int> order;  // memory order of the log-probabilities
};

const Case kCases[] = {
    {9, 3, 5, 4, {9, 8, 3}, {4, 1, 0}, true, {}},         {12, 2, 40, 5, {12, 11}, {5, 2}, false, {1, 0, 2}},
    {60, 3, 6, 17, {60, 41, 60}, {17, 16, 15}, true, {}}, {70, 1, 3, 33, {70}, {33}, false, {}},
    {4, 3, 3, 3, {3, 0, 4}, {3, 0, 1}, true, {}},         {5, 1, 2, 1, {5}, {0}, true, {}},
};

// Loss and gradient by the logits of one sample, from the probabilities of states, scaled by nothing.
double reference(const std::vector<Values>& p, const std::vector<int64_t>& labels, int64_t blank,
                 std::vector<Values>* gradient) {
  const size_t frames = p.size(), states = 2 * labels.size() + 1;
  const auto classOf = [&](size_t s) { return static_cast<size_t>(s % 2 ? labels[s / 2] : blank); };
  const auto jumps = [&](size_t s) { return s % 2 && s >= 3 && labels[s / 2] != labels[s / 2 - 1]; };
  *gradient = p;
  if (frames == 0) return labels.empty() ? 0 : INFINITY;
  std::vector<std::vector<long double>> forward(frames, std::vector<long double>(states)), backward = forward;
  for (size_t t = 0; t < frames; t++) {
    for (size_t s = 0; s < states; s++) {
      long double sum = t == 0 ? s < 2 : forward[t - 1][s];
      if (t > 0 && s >= 1) sum += forward[t - 1][s - 1];
      if (t > 0 && jumps(s)) sum += forward[t - 1][s - 2];
      forward[t][s] = sum * p[t][classOf(s)];
    }
  }
  for (size_t t = frames; t-- > 0;) {
    for (size_t s = 0; s < states; s++) {
      if (t + 1 == frames) {
        backward[t][s] = s + 2 >= states;
        continue;
      }
      long double sum = backward[t + 1][s] * p[t + 1][classOf(s)];
      if (s + 1 < states) sum += backward[t + 1][s + 1] * p[t + 1][classOf(s + 1)];
      if (s + 2 < states && jumps(s + 2)) sum += backward[t + 1][s + 2] * p[t + 1][classOf(s + 2)];
      backward[t][s] = sum;
    }
  }
  long double total = forward[frames - 1][states - 1];
  if (states > 1) total += forward[frames - 1][states - 2];
  for (size_t t = 0; t < frames; t++)
    for (size_t s = 0; s < states; s++)
      (*gradient)[t][classOf(s)] -= static_cast<double>(forward[t][s] * backward[t][s] / total);
  return static_cast<double>(-std::log(total));
}

void check(Rig& rig, const Case& k, DType dtype, const std::string& what, std::vector<Values>* bits) {
  const auto samples = static_cast<size_t>(k.samples), classes = static_cast<size_t>(k.classes);
  const int64_t blank = k.classes - 1;
  const Tensor x = rig.make(dtype, {k.frames, k.samples, k.classes}, k.order),
               gx = rig.make(dtype, {k.frames, k.samples, k.classes}, k.order);
  Values logs = rig.fillNormal(x, 1, 0, 2);
  for (size_t row = 0; row * classes < logs.size(); row++) {
    double sum = 0;
    for (size_t c = 0; c < classes; c++) sum += std::exp(logs[row * classes + c]);
    for (size_t c = 0; c < classes; c++) logs[row * classes + c] -= std::log(sum);
  }
  Rig::fill(x, logs);
  logs = Rig::values(x);
  int64_t total = 0;
  for (int64_t n : k.targets) total += n;
  const Tensor targets =
      rig.make(DType::kInt64, k.padded ? std::vector<int64_t>{k.samples, k.labels} : std::vector<int64_t>{total});
  Values labels(static_cast<size_t>(targets.numel()));
  for (size_t i = 0; i < labels.size(); i++) labels[i] = static_cast<double>(i * i % (classes - 1));
  Rig::fill(targets, labels);
  const Tensor inputs = rig.make(DType::kInt64, {k.samples}), lengths = rig.make(DType::kInt64, {k.samples});
  Rig::fill(inputs, Values(k.inputs.begin(), k.inputs.end()));
  Rig::fill(lengths, Values(k.targets.begin(), k.targets.end()));
  int64_t cellCount = 0;
  for (int64_t n : k.targets) cellCount += 2 * k.frames * (std::max<int64_t>(1, (n + 15) / 16) * 16 + 1);
  const Tensor cells = rig.make(dtype, {cellCount}), losses = rig.make(dtype, {k.samples}),
               g = rig.make(dtype, {k.samples});
  const Values gs = rig.fillNormal(g, 3);
  ops::ctcLoss(rig.ctx, losses, cells, x, targets, inputs, lengths, blank, false);
  ops::ctcLossBackward(rig.ctx, gx, g, x, cells, targets, inputs, lengths, blank, true);
  rig.wait();
  Values expected(samples), gradient(logs.size());
  size_t first = 0;
  for (size_t n = 0; n < samples; n++) {
    std::vector<Values> p(static_cast<size_t>(k.inputs[n])), own;
    for (size_t t = 0; t < p.size(); t++)
      for (size_t c = 0; c < classes; c++) p[t].push_back(std::exp(logs[(t * samples + n) * classes + c]));
    std::vector<int64_t> list;
    if (k.padded) first = n * static_cast<size_t>(k.labels);
    for (int64_t i = 0; i < k.targets[n]; i++) list.push_back(static_cast<int64_t>(labels[first++]));
    expected[n] = reference(p, list, blank, &own);
    if (std::isinf(expected[n])) continue;
    for (size_t t = 0; t < p.size(); t++)
      for (size_t c = 0; c < classes; c++) gradient[(t * samples + n) * classes + c] = own[t][c] * gs[n];
  }
  const double limit = dtype == DType::kFloat64 ? 1e-13 : 4e-6;
  CHECK(maxError(Rig::values(losses), expected) < limit, "%s %g", what.c_str(),
        maxError(Rig::values(losses), expected));
  CHECK(maxError(Rig::values(gx), gradient) < 4 * limit, "%s %g", what.c_str(), maxError(Rig::values(gx), gradient));
  bits->push_back(Rig::values(losses)), bits->push_back(Rig::values(gx));
}

// A gradient past the caches has the bits of one that is not.
void checkStreamed(Isa isa) {
  std::vector<Values> bits;
  for (size_t limit : {size_t{1}, size_t{1} << 40}) {
    Rig rig(isa, 2);
    rig.ctx.streamedBytes = limit;
    check(rig, {7, 2, 1088, 3, {7, 5}, {3, 2}, true, {}}, DType::kFloat32, "streamed", &bits);
  }
  CHECK(same(bits[1], bits[3]), "streamed gradients");
}

void benchmark(Isa isa) {
  Rig rig(isa, 2);
  std::printf("%s\n", isaName(isa));
  for (int64_t classes : {30, 32000}) {
    const int64_t frames = 200, samples = 32, labels = 50;
    const Tensor x = rig.random(DType::kFloat32, {frames, samples, classes}, {}, 1, -12, -8),
                 gx = rig.make(DType::kFloat32, {frames, samples, classes});
    const Tensor targets = rig.random(DType::kInt64, {samples, labels}, {}, 1, 1, static_cast<double>(classes - 1));
    const Tensor inputs = rig.random(DType::kInt64, {samples}, {}, 1, 200, 200),
                 lengths = rig.random(DType::kInt64, {samples}, {}, 1, 50, 50);
    const Tensor cells = rig.make(DType::kFloat32, {2 * frames * 65 * samples}),
                 losses = rig.make(DType::kFloat32, {samples});
    rig.bench("ctc", 0, [&] { ops::ctcLoss(rig.ctx, losses, cells, x, targets, inputs, lengths, 0, false); });
    rig.bench("  backward", 2.0 * 4 * static_cast<double>(x.numel()),
              [&] { ops::ctcLossBackward(rig.ctx, gx, losses, x, cells, targets, inputs, lengths, 0, false); });
  }
}

}  // namespace

int main(int argc, char**) {
  for (Isa isa : isas()) {
    std::vector<Values> first;
    for (int threads = 1; threads <= 3; threads++) {
      std::vector<Values> bits;
      for (const Case& k : kCases) {
        for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
          Rig rig(isa, threads);
          check(rig, k, dtype, std::string(isaName(isa)) + ", case " + std::to_string(&k - kCases), &bits);
        }
      }
      if (first.empty()) first = bits;
      for (size_t i = 0; i < bits.size(); i++) CHECK(same(bits[i], first[i]), "bits %zu", i);
    }
    checkStreamed(isa);
    if (argc > 1) benchmark(isa);
  }
  return finish("ctc");
}
