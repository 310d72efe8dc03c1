#include "norm.h"

#include <type_traits>

#include "lanes.h"
#include "vmath.h"
#include "vstream.h"

namespace {

using nabla::cpu::NormColumns;
using nabla::cpu::NormFinish;
using nabla::cpu::NormGate;
using nabla::cpu::NormKernels;
using nabla::cpu::NormRuns;

constexpr int64_t kBlock = 128;  // terms that one accumulator of type T takes before it goes into a double
constexpr int64_t kGuess = 16;   // rows whose mean is the shift

NABLA_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

template <class T>
NABLA_INLINE Vec<T> bounded(Vec<T> v, Vec<T> low, Vec<T> high) {
  return vmin<T>(vmax<T>(v, low), high);
}
template <class T>
NABLA_INLINE T bounded(T v, T low, T high) {
  v = v < low ? low : v;
  return v > high ? high : v;
}

// The gradient g where the normalized value v lies within the bounds.
template <class V>
NABLA_INLINE V gated(V g, V v, V low, V high) {
  return (v <= low) | (v >= high) ? V{} : g;
}

// terms(row, k, &a, &b) for every row; sums of both per lane, in double.
template <class G, class F>
NABLA_INLINE void sumRows(int64_t rows, double* sumA, double* sumB, F terms) {
  using L = typename G::Lane;
  for (int i = 0; i < G::kCount * L::kWidth; i++) sumA[i] = sumB[i] = 0;
  for (int64_t begin = 0; begin < rows; begin += kBlock) {
    typename L::V a[G::kCount], b[G::kCount];
    for (int k = 0; k < G::kCount; k++) a[k] = b[k] = L::splat(0);
    const int64_t end = least(rows, begin + kBlock);
    for (int64_t row = begin; row < end; row++) {
#pragma GCC unroll 4
      for (int k = 0; k < G::kCount; k++) terms(row, k, a[k], b[k]);
    }
    for (int k = 0; k < G::kCount; k++) {
      L::addTo(sumA + k * L::kWidth, a[k]);
      L::addTo(sumB + k * L::kWidth, b[k]);
    }
  }
}

// One pass over values shifted by a guess of the mean: squares of a large mean would eat the digits of the variance.
template <class T>
void moments(const NormColumns& s, const void* xp, double* mean, double* m2) {
  const T* x = static_cast<const T*>(xp);
  const NormColumns shape = s;
  overChannels<T>(
      shape.width, [&](auto group, int64_t c) __attribute__((always_inline)) {
        using G = decltype(group);
        using L = typename G::Lane;
        typename L::V shift[G::kCount];
        const int64_t guess = least(shape.rows, kGuess);
        for (int k = 0; k < G::kCount; k++) {
          const T* p = x + c + k * L::kWidth;
          shift[k] = L::splat(0);
          for (int64_t row = 0; row < guess; row++) shift[k] += L::load(p + row * shape.stride);
          shift[k] = shift[k] / static_cast<T>(guess);
        }
        double sum[G::kCount * L::kWidth], square[G::kCount * L::kWidth];
        sumRows<G>(
            shape.rows, sum, square, [&](int64_t row, int k, auto& a, auto& b) __attribute__((always_inline)) {
              const auto d = L::load(x + row * shape.stride + c + k * L::kWidth) - shift[k];
              a += d;
              b += d * d;
            });
        const double rows = static_cast<double>(shape.rows);
        T shifts[G::kCount * L::kWidth];
        for (int k = 0; k < G::kCount; k++) L::store(shifts + k * L::kWidth, shift[k]);
        for (int i = 0; i < G::kCount * L::kWidth; i++) {
          mean[c + i] = static_cast<double>(shifts[i]) + sum[i] / rows;
          m2[c + i] = square[i] - sum[i] * sum[i] / rows;
        }
      });
}

template <class T>
void gradSums(const NormColumns& s, const void* gradp, const void* xp, const void* meanp, const NormGate& gate,
              double* sum, double* dot) {
  const T *grad = static_cast<const T*>(gradp), *x = static_cast<const T*>(xp), *mean = static_cast<const T*>(meanp);
  const T *scale = static_cast<const T*>(gate.scale), *shift = static_cast<const T*>(gate.shift);
  const T low = static_cast<T>(gate.low), high = static_cast<T>(gate.high);
  const NormColumns shape = s;
  overChannels<T>(
      shape.width, [&](auto group, int64_t c) __attribute__((always_inline)) {
        using G = decltype(group);
        using L = typename G::Lane;
        typename L::V center[G::kCount], factor[G::kCount], base[G::kCount];
        for (int k = 0; k < G::kCount; k++) {
          const int64_t column = c + k * L::kWidth;
          center[k] = L::load(mean + column), factor[k] = L::load(scale + column), base[k] = L::load(shift + column);
        }
        double a[G::kCount * L::kWidth], b[G::kCount * L::kWidth];
        sumRows<G>(
            shape.rows, a, b, [&](int64_t row, int k, auto& u, auto& v) __attribute__((always_inline)) {
              const int64_t offset = row * shape.stride + c + k * L::kWidth;
              const auto d = L::load(x + offset) - center[k];
              const auto g = gated(L::load(grad + offset), d * factor[k] + base[k], L::splat(low), L::splat(high));
              u += g;
              v += g * d;
            });
        for (int i = 0; i < G::kCount * L::kWidth; i++) sum[c + i] = a[i], dot[c + i] = b[i];
      });
}

// terms(offset, lane kind, &a, &b) for every element of the runs; both sums in double.
template <class T, class F>
NABLA_INLINE void sumRuns(const NormRuns& s, double* sumA, double* sumB, F terms) {
  constexpr int64_t kStep = 2 * kLanes<T>;
  double a = 0, b = 0;
  for (int64_t run = 0; run < s.runs; run++) {
    for (int64_t begin = 0; begin < s.length; begin += kBlock * kStep) {
      const int64_t end = least(s.length, begin + kBlock * kStep), base = run * s.stride;
      Vec<T> va[2] = {}, vb[2] = {};
      T ta = 0, tb = 0;
      int64_t i = begin;
      for (; i + kStep <= end; i += kStep) {
        terms(base + i, Wide<T>{}, va[0], vb[0]);
        terms(base + i + kLanes<T>, Wide<T>{}, va[1], vb[1]);
      }
      for (; i < end; i++) terms(base + i, One<T>{}, ta, tb);
      a += static_cast<double>(vsum<T>(va[0] + va[1])) + static_cast<double>(ta);
      b += static_cast<double>(vsum<T>(vb[0] + vb[1])) + static_cast<double>(tb);
    }
  }
  *sumA = a, *sumB = b;
}

template <class T>
void momentsRuns(const NormRuns& s, const void* xp, double* mean, double* m2) {
  const T* x = static_cast<const T*>(xp);
  const NormRuns shape = s;
  const int64_t guess = least(shape.length, kGuess);
  T shift = 0;
  for (int64_t i = 0; i < guess; i++) shift += x[i];
  shift /= static_cast<T>(guess);
  double sum, square;
  sumRuns<T>(
      shape, &sum, &square, [&](int64_t offset, auto lane, auto& a, auto& b) __attribute__((always_inline)) {
        const auto d = decltype(lane)::load(x + offset) - shift;
        a += d;
        b += d * d;
      });
  const double n = static_cast<double>(shape.runs * shape.length);
  *mean = static_cast<double>(shift) + sum / n;
  *m2 = square - sum * sum / n;
}

template <class T>
void gradSumsRuns(const NormRuns& s, const void* gradp, const void* xp, const void* meanp, const NormGate& gate,
                  double* sum, double* dot) {
  const T *grad = static_cast<const T*>(gradp), *x = static_cast<const T*>(xp);
  const T mean = *static_cast<const T*>(meanp), scale = *static_cast<const T*>(gate.scale);
  const T shift = *static_cast<const T*>(gate.shift);
  const T low = static_cast<T>(gate.low), high = static_cast<T>(gate.high);
  const NormRuns shape = s;
  sumRuns<T>(
      shape, sum, dot, [&](int64_t offset, auto lane, auto& a, auto& b) __attribute__((always_inline)) {
        using L = decltype(lane);
        const auto d = L::load(x + offset) - mean;
        const auto g = gated(L::load(grad + offset), d * scale + shift, L::splat(low), L::splat(high));
        a += g;
        b += g * d;
      });
}

// apply(offset, column, lane kind) for every element.
template <class T, class F>
NABLA_INLINE void overColumns(const NormColumns& s, F apply) {
  const NormColumns shape = s;
  for (int64_t row = 0; row < shape.rows; row++) {
    overChannels<T, false>(
        shape.width, [&](auto group, int64_t c) __attribute__((always_inline)) {
          using G = decltype(group);
#pragma GCC unroll 4
          for (int k = 0; k < G::kCount; k++) {
            const int64_t column = c + k * G::Lane::kWidth;
            apply(row * shape.stride + column, column, typename G::Lane{});
          }
        });
  }
}

// apply(offset, lane kind) for every element of one run.
template <class T, class F>
NABLA_INLINE void overRun(int64_t run, int64_t length, F apply) {
  const int64_t base = run * length;
  overChannels<T, false>(
      length, [&](auto group, int64_t i) __attribute__((always_inline)) {
        using G = decltype(group);
#pragma GCC unroll 4
        for (int k = 0; k < G::kCount; k++) apply(base + i + k * G::Lane::kWidth, typename G::Lane{});
      });
}

// A whole vector goes past the caches where asked for.
template <class L, bool kStreamed, class T>
NABLA_INLINE void storeResult(T* out, typename L::V v) {
#ifdef NABLA_STREAMS
  if constexpr (kStreamed && L::kWidth > 1) return vstream(out, v);
#endif
  L::store(out, v);
}

// f(std::true_type) or f(std::false_type).
template <class F>
NABLA_INLINE void byStreamed(bool streamed, F f) {
  streamed ? f(std::true_type{}) : f(std::false_type{});
}

template <class T>
void affine(const NormColumns& s, const void* xp, void* outp, const void* meanp, const void* scalep, const void* shiftp,
            const NormFinish& finish) {
  const T* addend = static_cast<const T*>(finish.addend);
  const T low = static_cast<T>(finish.low), high = static_cast<T>(finish.high);
  const T *x = static_cast<const T*>(xp), *mean = static_cast<const T*>(meanp);
  const T *scale = static_cast<const T*>(scalep), *shift = static_cast<const T*>(shiftp);
  T* out = static_cast<T*>(outp);
  byStreamed(
      s.streamed, [&](auto streamed) __attribute__((always_inline)) {
        overColumns<T>(
            s, [&](int64_t i, int64_t c, auto lane) __attribute__((always_inline)) {
              using L = decltype(lane);
              auto v = (L::load(x + i) - L::load(mean + c)) * L::load(scale + c) + L::load(shift + c);
              if (addend) v += L::load(addend + i);
              storeResult<L, decltype(streamed)::value>(out + i, bounded<T>(v, L::splat(low), L::splat(high)));
            });
      });
}

template <class T>
void affineRuns(int64_t run0, int64_t run1, int64_t length, int64_t period, const void* xp, void* outp,
                const void* meanp, const void* scalep, const void* shiftp, const NormFinish& finish, bool pastCaches) {
  const T *x = static_cast<const T*>(xp), *addend = static_cast<const T*>(finish.addend);
  const T low = static_cast<T>(finish.low), high = static_cast<T>(finish.high);
  T* out = static_cast<T*>(outp);
  byStreamed(
      pastCaches, [&](auto streamed) __attribute__((always_inline)) {
        for (int64_t run = run0; run < run1; run++) {
          const int64_t c = run % period;
          const T mean = static_cast<const T*>(meanp)[c], scale = static_cast<const T*>(scalep)[c];
          const T shift = static_cast<const T*>(shiftp)[c];
          overRun<T>(
              run, length, [&](int64_t i, auto lane) __attribute__((always_inline)) {
                using L = decltype(lane);
                auto v = (L::load(x + i) - mean) * scale + shift;
                if (addend) v += L::load(addend + i);
                storeResult<L, decltype(streamed)::value>(out + i, bounded<T>(v, L::splat(low), L::splat(high)));
              });
        }
      });
}

template <class T>
void gradInput(const NormColumns& s, const void* gradp, const void* xp, void* gradXp, const void* meanp,
               const void* scalep, const void* slopep, const void* shiftp, const NormGate& gate) {
  const T *gateScale = static_cast<const T*>(gate.scale), *gateShift = static_cast<const T*>(gate.shift);
  const T low = static_cast<T>(gate.low), high = static_cast<T>(gate.high);
  const T *grad = static_cast<const T*>(gradp), *x = static_cast<const T*>(xp), *mean = static_cast<const T*>(meanp);
  const T *scale = static_cast<const T*>(scalep), *slope = static_cast<const T*>(slopep);
  const T* shift = static_cast<const T*>(shiftp);
  T* gradX = static_cast<T*>(gradXp);
  if (!x) {
    overColumns<T>(
        s, [&](int64_t i, int64_t c, auto lane) __attribute__((always_inline)) {
          using L = decltype(lane);
          L::store(gradX + i, L::load(grad + i) * L::load(scale + c));
        });
    return;
  }
  byStreamed(
      s.streamed, [&](auto streamed) __attribute__((always_inline)) {
        overColumns<T>(
            s, [&](int64_t i, int64_t c, auto lane) __attribute__((always_inline)) {
              using L = decltype(lane);
              const auto d = L::load(x + i) - L::load(mean + c);
              const auto v = d * L::load(gateScale + c) + L::load(gateShift + c);
              const auto g = gated(L::load(grad + i), v, L::splat(low), L::splat(high));
              const auto tail = d * L::load(slope + c) + L::load(shift + c);
              storeResult<L, decltype(streamed)::value>(gradX + i, g * L::load(scale + c) + tail);
            });
      });
}

template <class T>
void gradInputRuns(int64_t run0, int64_t run1, int64_t length, int64_t period, const void* gradp, const void* xp,
                   void* gradXp, const void* meanp, const void* scalep, const void* slopep, const void* shiftp,
                   const NormGate& gate, bool pastCaches) {
  const T low = static_cast<T>(gate.low), high = static_cast<T>(gate.high);
  const T *grad = static_cast<const T*>(gradp), *x = static_cast<const T*>(xp);
  T* gradX = static_cast<T*>(gradXp);
  byStreamed(
      pastCaches, [&](auto streamed) __attribute__((always_inline)) {
        for (int64_t run = run0; run < run1; run++) {
          const int64_t c = run % period;
          const T mean = static_cast<const T*>(meanp)[c], scale = static_cast<const T*>(scalep)[c];
          const T slope = static_cast<const T*>(slopep)[c], shift = static_cast<const T*>(shiftp)[c];
          const T gateScale = static_cast<const T*>(gate.scale)[c], gateShift = static_cast<const T*>(gate.shift)[c];
          overRun<T>(
              run, length, [&](int64_t i, auto lane) __attribute__((always_inline)) {
                using L = decltype(lane);
                const auto g = L::load(grad + i);
                if (!x) return storeResult<L, decltype(streamed)::value>(gradX + i, g * scale);
                const auto d = L::load(x + i) - mean;
                const auto passed = gated(g, d * gateScale + gateShift, L::splat(low), L::splat(high));
                storeResult<L, decltype(streamed)::value>(gradX + i, passed * scale + (d * slope + shift));
              });
        }
      });
}

}  // namespace

extern "C" void NABLA_REGISTER(norm)(NormKernels* t) {
  t->moments[0] = moments<float>;
  t->moments[1] = moments<double>;
  t->momentsRuns[0] = momentsRuns<float>;
  t->momentsRuns[1] = momentsRuns<double>;
  t->affine[0] = affine<float>;
  t->affine[1] = affine<double>;
  t->affineRuns[0] = affineRuns<float>;
  t->affineRuns[1] = affineRuns<double>;
  t->gradSums[0] = gradSums<float>;
  t->gradSums[1] = gradSums<double>;
  t->gradSumsRuns[0] = gradSumsRuns<float>;
  t->gradSumsRuns[1] = gradSumsRuns<double>;
  t->gradInput[0] = gradInput<float>;
  t->gradInput[1] = gradInput<double>;
  t->gradInputRuns[0] = gradInputRuns<float>;
  t->gradInputRuns[1] = gradInputRuns<double>;
}
