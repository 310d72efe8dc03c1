// On top of harness.h: whole tensors as vectors of double, normal numbers, the largest error, timing.
#pragma once
#include <algorithm>

#include "harness.h"

namespace nabla::test {

class Rig : public Machine {
 public:
  using Machine::Machine;
  Tensor channelsLast(const std::vector<int64_t>& shape, DType dtype) { return make(dtype, shape, {0, 2, 3, 1}); }
  std::vector<double> fillNormal(const Tensor& t, unsigned seed, double mean = 0, double std = 1) {
    std::mt19937 engine(seed);
    std::normal_distribution<double> normal(mean, std);
    each(t, [&](const int64_t*, char* p) { write(t.dtype, p, normal(engine)); });
    return values(t);
  }
  static void fill(const Tensor& t, const std::vector<double>& v) {
    size_t i = 0;
    each(t, [&](const int64_t*, char* p) { write(t.dtype, p, v[i++]); });
  }
  // Median and minimum of one call in ms, after a warm-up; `call` queues the work, eight calls per wait.
  template <class F>
  void bench(const char* name, double bytes, F call) {
    std::vector<double> times;
    for (int i = 0; i < 60; i++) {
      const double start = nowMicros();
      for (int j = 0; j < 8; j++) call();
      wait();
      if (i >= 10) times.push_back((nowMicros() - start) / 8000);
    }
    std::sort(times.begin(), times.end());
    const double median = times[times.size() / 2];
    std::printf("%-44s %8.4f ms (min %.4f) %6.1f GB/s\n", name, median, times[0], bytes / median / 1e6);
  }
};

// Largest |a - b| / (1 + |b|); infinity when one is NaN and the other is not, or the sizes differ.
inline double maxError(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double worst = 0;
  for (size_t i = 0; i < a.size(); i++) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return INFINITY;
    if (std::isnan(b[i]) || a[i] == b[i]) continue;
    const double error = std::fabs(a[i] - b[i]) / (1 + std::fabs(b[i]));
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

}  // namespace nabla::test
