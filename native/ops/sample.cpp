#include "sample.h"

#include <algorithm>
#include <cmath>

namespace nabla::ops {

namespace {

using cpu::kRandomGroup64;
using cpu::PhiloxState;

constexpr int64_t kChunk = 16384;  // a multiple of the group
using Words = decltype(cpu::RandomKernels::words);

// 64-bit draws one after the other, as doubles of [0, 1).
class Uniform {
 public:
  Uniform(Words words, const PhiloxState& state, int64_t first) : words_(words), state_(state), at_(first) {}
  double next() {
    if (const int64_t group = at_ / kRandomGroup64; group != group_) words_(state_, group_ = group, buffer_);
    const int64_t i = at_++ % kRandomGroup64, half = i / 16 * 32 + i % 16;
    const double high = buffer_[half + 16] >> 5, low = buffer_[half] >> 6;
    return (high * 0x1p26 + low) * 0x1p-53;
  }

 private:
  Words words_;
  PhiloxState state_;
  int64_t at_, group_ = -1;
  uint32_t buffer_[64];
};

PhiloxState stateOf(double seedLo, double seedHi, double offset) {
  return {{static_cast<uint32_t>(seedLo), static_cast<uint32_t>(seedHi)}, static_cast<uint64_t>(offset), 0};
}

// f(begin, end) side by side.
template <class F>
void overChunks(Exec& exec, int64_t n, F f) {
  exec.parallelFor(ceilDiv(n, kChunk), [&](int64_t chunk) {
    const int64_t begin = chunk * kChunk;
    f(begin, std::min(begin + kChunk, n));
  });
}

struct Sampling {
  int64_t m, n, s;
  double* work;  // [m, n]: sums of the weights so far, or the times of a race
  int64_t* out;
  PhiloxState state;
  Words words;
};

// Whether the weights of a row can be drawn from.
template <class T>
bool checkWeights(Exec& exec, const T* weights, int64_t n) {
  double sum = 0;
  for (int64_t k = 0; k < n; k++) {
    if (!(weights[k] >= 0) || std::isinf(weights[k])) {
      exec.fail("the weights contain infinity, NaN or a number below 0");
      return false;
    }
    sum += static_cast<double>(weights[k]);
  }
  if (sum <= 0) exec.fail("the weights of a row add up to 0");
  return sum > 0;
}

// The first column whose sum passes the draw: never one of weight 0.
int64_t pick(const double* sums, int64_t n, double draw) {
  const double x = draw * sums[n - 1];
  int64_t k = std::upper_bound(sums, sums + n, x) - sums;
  if (k == n)  // the product was rounded up to the sum
    for (k = n - 1; k > 0 && sums[k - 1] == sums[k];) k--;
  return k;
}

template <class T>
void withReplacement(Exec& exec, const Sampling& job, const T* weights) {
  exec.parallelFor(job.m, [&](int64_t row) {
    if (!checkWeights(exec, weights + row * job.n, job.n)) return;
    double sum = 0;
    for (int64_t k = 0; k < job.n; k++)
      job.work[row * job.n + k] = sum += static_cast<double>(weights[row * job.n + k]);
  });
  if (exec.failed()) return;
  overChunks(exec, job.m * job.s, [&](int64_t begin, int64_t end) {
    Uniform uniform(job.words, job.state, begin);
    for (int64_t i = begin; i < end; i++) job.out[i] = pick(job.work + i / job.s * job.n, job.n, uniform.next());
  });
}

// A race: column k arrives after an exponentially distributed time with rate weight[k]; the first s are the sample.
template <class T>
void withoutReplacement(Exec& exec, const Sampling& job, const T* weights) {
  exec.parallelFor(job.m, [&](int64_t row) { checkWeights(exec, weights + row * job.n, job.n); });
  if (exec.failed()) return;
  overChunks(exec, job.m * job.n, [&](int64_t begin, int64_t end) {
    Uniform uniform(job.words, job.state, begin);
    for (int64_t i = begin; i < end; i++) {
      const double time = -std::log1p(-uniform.next());
      job.work[i] = weights[i] > 0 ? time / static_cast<double>(weights[i]) : INFINITY;
    }
  });
  exec.parallelFor(job.m, [&](int64_t row) {
    auto* order = static_cast<int64_t*>(ThreadPool::threadScratch(static_cast<size_t>(job.n) * sizeof(int64_t)));
    const double* times = job.work + row * job.n;
    for (int64_t k = 0; k < job.n; k++) order[k] = k;
    std::partial_sort(order, order + job.s, order + job.n,
                      [times](int64_t a, int64_t b) { return times[a] < times[b] || (times[a] == times[b] && a < b); });
    std::copy(order, order + job.s, job.out + row * job.s);
  });
}

// One uniform number: the first k whose cumulative probability passes it. For small rates.
double invert(double rate, double u) {
  double p = std::exp(-rate), sum = p;
  int64_t k = 0;
  while (u >= sum && k < 1000) {
    p *= rate / static_cast<double>(++k);
    sum += p;
  }
  return static_cast<double>(k);
}

double logFactorial(double k) {
  if (k < 16) {
    double product = 1;
    for (double i = 2; i <= k; i++) product *= i;
    return std::log(product);
  }
  const double x = 1 / k, y = x * x;  // Stirling's series
  return (k + 0.5) * std::log(k) - k + 0.91893853320467274178 + x * (1.0 / 12 - y * (1.0 / 360 - y * (1.0 / 1260)));
}

// Transformed rejection with squeeze: W. Hörmann, The transformed rejection method for generating Poisson random
// variables, Insurance: Mathematics and Economics 12 (1993), algorithm PTRS. For rates of 10 and more.
double reject(double rate, Uniform& uniform) {
  const double b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double logAlpha = std::log(1.1239 + 1.1328 / (b - 3.4)), squeeze = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = uniform.next() - 0.5, v = 1 - uniform.next(), us = 0.5 - std::fabs(u);
    if (us <= 0) continue;
    const double k = std::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= squeeze) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const double logDensity = k * std::log(rate) - rate - logFactorial(k);
    if (std::log(v) + logAlpha - std::log(a / (us * us) + b) <= logDensity) return k;
  }
}

template <class T>
void poissonRange(Exec& exec, const PhiloxState& state, Words words, const T* rates, T* out, int64_t begin,
                  int64_t end) {
  Uniform shared(words, state, begin);
  for (int64_t i = begin; i < end; i++) {
    const auto rate = static_cast<double>(rates[i]);
    const double u = shared.next();
    if (!(rate >= 0) || std::isinf(rate)) return exec.fail("a rate must be finite and not negative, got %g", rate);
    PhiloxState own = state;  // a stream of its own: how much it uses depends on luck
    own.high = static_cast<uint64_t>(i) + 1;
    Uniform stream(words, own, 0);
    out[i] = static_cast<T>(rate < 10 ? invert(rate, u) : reject(rate, stream));
  }
}

}  // namespace

void checkDomain(Context& ctx, const Tensor& out, const Tensor& parameter, int64_t domain) {
  const int64_t n = parameter.numel();
  if (n == 0) return;
  dispatchFloat(parameter.dtype, [&]<class T>(T) {
    const T* p = parameter.ptr<T>();
    const bool probability = static_cast<Domain>(domain) == Domain::kProbability;
    ctx.stream.enqueue("random", {&out}, {&parameter}, [=](Exec& exec) {
      overChunks(exec, n, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
          if (!(p[i] >= 0) || (probability && p[i] > 1))
            return exec.fail(probability ? "a probability must be in [0, 1], got %g" : "std must be >= 0, got %g",
                             static_cast<double>(p[i]));
      });
    });
  });
}

void multinomial(Context& ctx, const Tensor& out, const Tensor& weights, bool replacement, double seedLo, double seedHi,
                 double offset) {
  if (out.numel() == 0) return;
  const int64_t n = weights.shape[weights.ndim - 1], s = out.shape[out.ndim - 1], m = weights.numel() / n;
  const auto scratch = ctx.scratch(static_cast<size_t>(weights.numel()) * sizeof(double));
  const Sampling job{
      m, n, s, scratch.as<double>(), out.ptr<int64_t>(), stateOf(seedLo, seedHi, offset), ctx.kernels.random.words};
  dispatchFloat(weights.dtype, [&]<class T>(T) {
    ctx.stream.enqueue("multinomial", {&out}, {&weights}, [=, p = weights.ptr<T>()](Exec& exec) {
      replacement ? withReplacement(exec, job, p) : withoutReplacement(exec, job, p);
    });
  });
}

void poisson(Context& ctx, const Tensor& out, const Tensor& rates, double seedLo, double seedHi, double offset) {
  const int64_t n = out.numel();
  if (n == 0) return;
  dispatchFloat(out.dtype, [&]<class T>(T) {
    ctx.stream.enqueue("poisson", {&out}, {&rates},
                       [=, from = rates.ptr<T>(), to = out.ptr<T>(), words = ctx.kernels.random.words,
                        state = stateOf(seedLo, seedHi, offset)](Exec& exec) {
                         constexpr int64_t kElements = 1024;
                         exec.parallelFor(ceilDiv(n, kElements), [&](int64_t chunk) {
                           const int64_t begin = chunk * kElements;
                           poissonRange(exec, state, words, from, to, begin, std::min(begin + kElements, n));
                         });
                       });
  });
}

}  // namespace nabla::ops
