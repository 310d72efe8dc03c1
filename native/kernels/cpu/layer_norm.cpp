#include "layer_norm.h"

#include "lanes.h"

namespace {

using nabla::cpu::LayerNormKernels;

constexpr int64_t kBlock = 128;  // terms that one accumulator of type T takes before it goes into a double

NABLA_INLINE double total(const Vec<float> v) {
  float t[kLanes<float>];
  vstore<float>(t, v);
#pragma GCC unroll 4
  for (int width = kLanes<float> / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) t[i] += t[i + width];
  return static_cast<double>(t[0]);
}
NABLA_INLINE double total(const Vec<double> v) { return vsum<double>(v); }

// terms(offset, lane kind) -> a value; their sum over the row, in double.
template <class T, class F>
NABLA_INLINE double sumRow(int64_t width, F terms) {
  constexpr int64_t kStep = 4 * kLanes<T>;
  double sum = 0;
  int64_t i = 0;
  while (i + kStep <= width) {
    Vec<T> v[4] = {};
    int64_t end = i + kBlock * kStep;
    if (end > width) end = width;
    for (; i + kStep <= end; i += kStep) {
#pragma GCC unroll 4
      for (int k = 0; k < 4; k++) v[k] += terms(i + k * kLanes<T>, Wide<T>{});
    }
    sum += total((v[0] + v[1]) + (v[2] + v[3]));
  }
  Vec<T> rest{};
  for (; i + kLanes<T> <= width; i += kLanes<T>) rest += terms(i, Wide<T>{});
  T tail = 0;
  for (; i < width; i++) tail += terms(i, One<T>{});
  return sum + total(rest) + static_cast<double>(tail);
}

// Two sums at once: terms(offset, lane kind, &a, &b) adds to both.
template <class T, class F>
NABLA_INLINE void sumRowTwice(int64_t width, double* sumA, double* sumB, F terms) {
  constexpr int64_t kStep = 2 * kLanes<T>;
  double sums[2] = {};
  int64_t i = 0;
  while (i + kStep <= width) {
    Vec<T> a[2] = {}, b[2] = {};
    int64_t end = i + kBlock * kStep;
    if (end > width) end = width;
    for (; i + kStep <= end; i += kStep) {
      terms(i, Wide<T>{}, a[0], b[0]);
      terms(i + kLanes<T>, Wide<T>{}, a[1], b[1]);
    }
    sums[0] += total(a[0] + a[1]);
    sums[1] += total(b[0] + b[1]);
  }
  Vec<T> restA{}, restB{};
  for (; i + kLanes<T> <= width; i += kLanes<T>) terms(i, Wide<T>{}, restA, restB);
  T tailA = 0, tailB = 0;
  for (; i < width; i++) terms(i, One<T>{}, tailA, tailB);
  *sumA = sums[0] + total(restA) + static_cast<double>(tailA);
  *sumB = sums[1] + total(restB) + static_cast<double>(tailB);
}

// apply(offset, lane kind) over the row.
template <class T, class F>
NABLA_INLINE void overRow(int64_t width, F apply) {
  overChannels<T, false>(
      width, [&](auto group, int64_t i) __attribute__((always_inline)) {
        using G = decltype(group);
#pragma GCC unroll 4
        for (int k = 0; k < G::kCount; k++) apply(i + k * G::Lane::kWidth, typename G::Lane{});
      });
}

template <class T, bool kWeight, bool kBias>
NABLA_INLINE void scaleRow(int64_t width, const T* x, T* out, T center, T factor, const T* weight, const T* bias) {
  overRow<T>(
      width, [&](int64_t i, auto lane) __attribute__((always_inline)) {
        using L = decltype(lane);
        auto y = (L::load(x + i) - center) * factor;
        if constexpr (kWeight) y = y * L::load(weight + i);
        if constexpr (kBias) y = y + L::load(bias + i);
        L::store(out + i, y);
      });
}

template <class T>
void forward(int64_t rows, int64_t width, double eps, const void* xp, const void* weightp, const void* biasp,
             void* outp, void* meanp, void* rstdp) {
  const T *weight = static_cast<const T*>(weightp), *bias = static_cast<const T*>(biasp);
  T* means = static_cast<T*>(meanp);
  const auto scale = weight ? (bias ? scaleRow<T, true, true> : scaleRow<T, true, false>)
                            : (bias ? scaleRow<T, false, true> : scaleRow<T, false, false>);
  const double count = static_cast<double>(width);
  for (int64_t row = 0; row < rows; row++) {
    const T* x = static_cast<const T*>(xp) + row * width;
    T center = 0;
    if (means) {
      const double sum = sumRow<T>(
          width, [&](int64_t i, auto lane) __attribute__((always_inline)) { return decltype(lane)::load(x + i); });
      means[row] = center = static_cast<T>(sum / count);
    }
    double deviation = 0;
    double squares;
    sumRowTwice<T>(
        width, &deviation, &squares, [&](int64_t i, auto lane, auto& a, auto& b) __attribute__((always_inline)) {
          const auto d = decltype(lane)::load(x + i) - center;
          a += d;
          b += d * d;
        });
    // What rounding took from the mean.
    const double off = means ? deviation / count : 0;
    const T rstd = static_cast<T>(1 / __builtin_sqrt(squares / count - off * off + eps));
    static_cast<T*>(rstdp)[row] = rstd;
    scale(width, x, static_cast<T*>(outp) + row * width, center, rstd, weight, bias);
  }
}

// The two sums that gradX needs, and on the way the sums over rows.
template <class T, bool kWeight, bool kSums>
NABLA_INLINE void gradientSums(int64_t width, const T* g, const T* x, const T* weight, T center, T rstd, T* gradWeight,
                               T* gradBias, double* a, double* b) {
  sumRowTwice<T>(
      width, a, b, [&](int64_t i, auto lane, auto& sum, auto& dot) __attribute__((always_inline)) {
        using L = decltype(lane);
        auto u = L::load(g + i);
        const auto normal = (L::load(x + i) - center) * rstd;
        if constexpr (kSums) {
          if (gradWeight) L::store(gradWeight + i, L::load(gradWeight + i) + u * normal);
          if (gradBias) L::store(gradBias + i, L::load(gradBias + i) + u);
        }
        if constexpr (kWeight) u = u * L::load(weight + i);
        sum += u;
        dot += u * normal;
      });
}

template <class T, bool kWeight>
NABLA_INLINE void gradientRow(int64_t width, const T* g, const T* x, const T* weight, T center, T rstd, T shift,
                              T slope, T* gradX) {
  overRow<T>(
      width, [&](int64_t i, auto lane) __attribute__((always_inline)) {
        using L = decltype(lane);
        auto u = L::load(g + i);
        if constexpr (kWeight) u = u * L::load(weight + i);
        const auto normal = (L::load(x + i) - center) * rstd;
        L::store(gradX + i, (u - shift - normal * slope) * rstd);
      });
}

template <class T>
void backward(int64_t rows, int64_t width, const void* gradOutp, const void* xp, const void* weightp, const void* meanp,
              const void* rstdp, void* gradXp, void* gradWeightp, void* gradBiasp) {
  const T *weight = static_cast<const T*>(weightp), *mean = static_cast<const T*>(meanp);
  T *gradWeight = static_cast<T*>(gradWeightp), *gradBias = static_cast<T*>(gradBiasp);
  for (int64_t i = 0; i < width; i++) {
    if (gradWeight) gradWeight[i] = 0;
    if (gradBias) gradBias[i] = 0;
  }
  const bool sums = gradWeight || gradBias;
  const auto collect = weight ? (sums ? gradientSums<T, true, true> : gradientSums<T, true, false>)
                              : (sums ? gradientSums<T, false, true> : gradientSums<T, false, false>);
  const auto finish = weight ? gradientRow<T, true> : gradientRow<T, false>;
  for (int64_t row = 0; row < rows; row++) {
    const T *g = static_cast<const T*>(gradOutp) + row * width, *x = static_cast<const T*>(xp) + row * width;
    const T center = mean ? mean[row] : T(0), rstd = static_cast<const T*>(rstdp)[row];
    double sum, dot;
    collect(width, g, x, weight, center, rstd, gradWeight, gradBias, &sum, &dot);
    if (!gradXp) continue;
    const double count = static_cast<double>(width);
    finish(width, g, x, weight, center, rstd, mean ? static_cast<T>(sum / count) : T(0), static_cast<T>(dot / count),
           static_cast<T*>(gradXp) + row * width);
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(layer_norm)(LayerNormKernels* t) {
  t->forward[0] = forward<float>;
  t->forward[1] = forward<double>;
  t->backward[0] = backward<float>;
  t->backward[1] = backward<double>;
}
