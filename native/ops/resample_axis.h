// Where the pixels of a resized axis come from, and what each counts for. Shared by resample.cpp and resize.cpp.
#pragma once
#include <algorithm>
#include <cmath>

#include "resample.h"

namespace nabla::ops {

// Interpolation along one axis, from `in` elements to `out`.
struct Axis {
  int64_t in = 1, out = 1;
  double scale = 0;
  Sampling sampling = Sampling::kNearest;
  bool align = false, antialias = false, transposed = false;
  int64_t most = 1;      // taps of an output, at most
  int64_t mostBack = 1;  // outputs that an input goes to, at most

  int64_t size() const { return transposed ? in : out; }
  int64_t mostTaps() const { return transposed ? mostBack : most; }
};

// The arithmetic is PyTorch's, in the image's type, so that its roundings pick the same elements.
template <class T>
T stepOf(const Axis& a) {
  if (a.align && (a.sampling == Sampling::kLinear || a.sampling == Sampling::kCubic))
    return a.out > 1 ? static_cast<T>(a.in - 1) / static_cast<T>(a.out - 1) : T(0);
  return a.scale > 0 ? static_cast<T>(1.0 / a.scale) : static_cast<T>(a.in) / static_cast<T>(a.out);
}

template <class T>
T cubicNear(T x, T a) {
  return ((a + 2) * x - (a + 3)) * x * x + 1;
}
template <class T>
T cubicFar(T x, T a) {
  return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

template <class T>
struct Taps {
  int64_t first = 0, count = 0;
  T* weights;

  void single(int64_t at) {
    first = at;
    count = 1;
    weights[0] = 1;
  }
  // Weights w[0 .. n) of elements from `start` on; what lies outside counts for the edge.
  void clamped(int64_t start, const T* w, int n, int64_t size) {
    const int64_t last = std::clamp<int64_t>(start + n - 1, 0, size - 1);
    first = std::clamp<int64_t>(start, 0, size - 1);
    count = last - first + 1;
    std::fill(weights, weights + count, T(0));
    for (int i = 0; i < n; i++) weights[std::clamp<int64_t>(start + i, 0, size - 1) - first] += w[i];
  }
};

// The filters of the antialiased modes, and how far they reach.
template <class T>
T filter(Sampling sampling, T x) {
  constexpr T kPi = T(3.14159265358979323846);
  if (sampling == Sampling::kLanczos) {
    if (x == 0) return 1;
    return x < 3 ? 3 * std::sin(kPi * x) * std::sin(kPi * x / 3) / (kPi * kPi * x * x) : T(0);
  }
  if (sampling == Sampling::kCubic) return x < 1 ? cubicNear<T>(x, T(-0.5)) : x < 2 ? cubicFar<T>(x, T(-0.5)) : T(0);
  return x < 1 ? 1 - x : T(0);
}
constexpr int reachOf(Sampling sampling) {
  return sampling == Sampling::kLanczos ? 3 : sampling == Sampling::kCubic ? 2 : 1;
}

template <class T>
void antialiased(const Axis& a, T step, int64_t o, Taps<T>& taps) {
  const T reach = static_cast<T>(reachOf(a.sampling));
  const T support = step >= 1 ? reach * step : reach, inverse = step >= 1 ? 1 / step : T(1);
  const T center = step * (static_cast<T>(o) + T(0.5));
  const int64_t low = std::max<int64_t>(static_cast<int64_t>(center - support + T(0.5)), 0);
  const int64_t high = std::min<int64_t>(static_cast<int64_t>(center + support + T(0.5)), a.in);
  taps.first = low;
  taps.count = std::clamp<int64_t>(high - low, 0, a.most);
  T total = 0;
  for (int64_t k = 0; k < taps.count; k++) {
    const T w = filter<T>(a.sampling, std::fabs((static_cast<T>(k + low) - center + T(0.5)) * inverse));
    taps.weights[k] = w;
    total += w;
  }
  if (total != 0)
    for (int64_t k = 0; k < taps.count; k++) taps.weights[k] /= total;
}

// Where output o comes from. `weights` has room for `most` of them.
template <class T>
void tapsOf(const Axis& a, T step, int64_t o, Taps<T>& taps) {
  const T at = static_cast<T>(o);
  if (a.sampling == Sampling::kArea) {
    taps.first = o * a.in / a.out;
    taps.count = ((o + 1) * a.in + a.out - 1) / a.out - taps.first;
    std::fill(taps.weights, taps.weights + taps.count, 1 / static_cast<T>(taps.count));
    return;
  }
  if (a.sampling == Sampling::kNearest || a.sampling == Sampling::kNearestExact) {
    const T source = a.sampling == Sampling::kNearest ? step * at : step * (at + T(0.5));
    return taps.single(std::min<int64_t>(static_cast<int64_t>(std::floor(static_cast<float>(source))), a.in - 1));
  }
  // As PyTorch: whatever the factor, a size that stays is a copy. (Cubic convolution alone keeps to its factor.)
  if (a.in == a.out && (a.antialias || a.sampling == Sampling::kLinear)) return taps.single(o);
  if (a.antialias) return antialiased(a, step, o, taps);
  T source = a.align ? step * at : step * (at + T(0.5)) - T(0.5);
  if (a.sampling == Sampling::kLinear && source < 0) source = 0;
  const int64_t base = std::min<int64_t>(static_cast<int64_t>(std::floor(source)), a.in - 1);
  const T t = std::clamp<T>(source - static_cast<T>(base), 0, 1);
  if (a.sampling == Sampling::kLinear) {
    const T w[2] = {1 - t, t};
    return taps.clamped(base, w, 2, a.in);
  }
  constexpr T kA = T(-0.75);
  const T w[4] = {cubicFar<T>(t + 1, kA), cubicNear<T>(t, kA), cubicNear<T>(1 - t, kA), cubicFar<T>(2 - t, kA)};
  taps.clamped(base - 1, w, 4, a.in);
}

inline int64_t mostTaps(const Axis& a) {
  if (a.sampling == Sampling::kLinear && !a.antialias) return std::min<int64_t>(2, a.in);
  if (a.sampling == Sampling::kCubic && !a.antialias) return std::min<int64_t>(4, a.in);
  if (a.sampling == Sampling::kArea) return std::min<int64_t>(a.in / a.out + 2, a.in);
  if (!a.antialias) return 1;
  const double step = std::max(1.0, stepOf<double>(a));
  return std::min<int64_t>(static_cast<int64_t>(std::ceil(reachOf(a.sampling) * step)) * 2 + 1, a.in);
}

inline int32_t vectorsOf(const int32_t* first, int64_t size, int64_t lanes) {
  int64_t span = 0;
  for (int64_t o = 0; o + lanes <= size; o += lanes) span = std::max<int64_t>(span, first[o + lanes - 1] - first[o]);
  if (size >= lanes) span = std::max<int64_t>(span, first[size - 1] - first[size - lanes]);
  return span < lanes ? 1 : span < 2 * lanes ? 2 : 0;
}

inline size_t tableBytes(const Axis& a, size_t item) {
  const auto size = static_cast<size_t>(a.size()), taps = static_cast<size_t>(a.mostTaps());
  return (size * taps * item + 2 * size * sizeof(int32_t) + static_cast<size_t>(a.most) * item + 127) / 64 * 64;
}

// Fills `memory` (tableBytes) with the table of an axis.
template <class T>
cpu::ResampleTaps tableOf(const Axis& a, char* memory, int64_t lanes) {
  const int64_t size = a.size(), most = a.mostTaps();
  T* weights = reinterpret_cast<T*>(memory);
  T* own = weights + size * most;
  int32_t* first = reinterpret_cast<int32_t*>(own + a.most);
  int32_t* count = first + size;
  std::fill(weights, weights + size * most, T(0));
  std::fill(first, first + 2 * size, 0);
  Taps<T> taps{0, 0, own};
  const T step = stepOf<T>(a);
  bool identity = a.in == a.out;
  for (int64_t o = 0; o < a.out; o++) {
    tapsOf(a, step, o, taps);
    if (taps.count != 1 || taps.first != o || own[0] != 1) identity = false;
    if (!a.transposed) {
      first[o] = static_cast<int32_t>(taps.first);
      count[o] = static_cast<int32_t>(taps.count);
      for (int64_t k = 0; k < taps.count; k++) weights[k * size + o] = own[k];
      continue;
    }
    for (int64_t k = 0; k < taps.count; k++) {
      const int64_t i = taps.first + k;
      if (count[i] == 0) first[i] = static_cast<int32_t>(o);
      count[i] = static_cast<int32_t>(o - first[i] + 1);
      weights[(o - first[i]) * size + i] = own[k];
    }
  }
  // Where nothing arrives, the position goes on from its neighbour's, so that vectors of them stay close.
  for (int64_t i = 1; i < size; i++)
    if (count[i] == 0) first[i] = first[i - 1];
  return {size, most, first, count, weights, identity, vectorsOf(first, size, lanes)};
}

}  // namespace nabla::ops
