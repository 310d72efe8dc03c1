// Interpolation: rows are blended from the rows they take part of, then stretched along themselves.
#include "resample.h"

#include "lanes.h"

namespace {

using nabla::cpu::ResampleImage;
using nabla::cpu::ResampleTaps;

#if defined(__clang__)
NABLA_INLINE void storePast(float* out, Vec<float> v) {
  __builtin_nontemporal_store(v, reinterpret_cast<Vec<float>*>(out));
}
#elif defined(__x86_64__) && NABLA_VECTOR_BYTES == 64
NABLA_INLINE void storePast(float* out, Vec<float> v) { __builtin_ia32_movntps512(out, v); }
#elif defined(__x86_64__) && NABLA_VECTOR_BYTES == 32
NABLA_INLINE void storePast(float* out, Vec<float> v) { __builtin_ia32_movntps256(out, v); }
#elif defined(__x86_64__)
NABLA_INLINE void storePast(float* out, Vec<float> v) { __builtin_ia32_movntps(out, v); }
#else
NABLA_INLINE void storePast(float* out, Vec<float> v) { vstore(out, v); }
#endif

// A store into the result: past the caches if kStream.
template <class L, bool kStream, class T>
NABLA_INLINE void put(T* out, typename L::V v) {
  if constexpr (kStream && L::kWidth > 1) {
    storePast(reinterpret_cast<float*>(out), reinterpret_cast<Vec<float>>(v));
  } else {
    L::store(out, v);
  }
}

// Longer sums go through partial sums of this many terms.
constexpr int64_t kBlock = 64;

// Where one output row comes from: some rows of some planes, each with a weight.
template <class T>
struct Source {
  const T* base;
  int64_t planes, rows, planeStep, rowStep, planeTaps, rowTaps;
  const T* planeWeights;
  const T* rowWeights;
};

template <class T, class L, int N>
NABLA_INLINE void blendAt(Group<L, N>, T* out, const Source<T>& s, int64_t at) {
  typename L::V total[N];
  for (int i = 0; i < N; i++) total[i] = L::splat(T(0));
  for (int64_t p = 0; p < s.planes; p++) {
    for (int64_t start = 0; start < s.rows; start += kBlock) {
      const int64_t end = start + kBlock < s.rows ? start + kBlock : s.rows;
      typename L::V sum[N];
      for (int i = 0; i < N; i++) sum[i] = L::splat(T(0));
      for (int64_t r = start; r < end; r++) {
        const typename L::V w = L::splat(s.planeWeights[p * s.planeTaps] * s.rowWeights[r * s.rowTaps]);
        const T* row = s.base + p * s.planeStep + r * s.rowStep + at;
        for (int i = 0; i < N; i++) sum[i] += w * L::load(row + i * L::kWidth);
      }
      for (int i = 0; i < N; i++) total[i] += sum[i];
    }
  }
  for (int i = 0; i < N; i++) L::store(out + at + i * L::kWidth, total[i]);
}

template <bool kStream, class T>
NABLA_INLINE void scaled(T* out, const T* in, T w, int64_t n) {
  overChannels<T>(n, [&](auto group, int64_t at) {
    using L = typename decltype(group)::Lane;
    for (int i = 0; i < decltype(group)::kCount; i++)
      put<L, kStream>(out + at + i * L::kWidth, L::splat(w) * L::load(in + at + i * L::kWidth));
  });
}

// out = the weighted sum of the source's rows
template <class T>
NABLA_INLINE void blend(T* out, const Source<T>& s, int64_t n) {
  if (s.planes == 1 && s.rows == 1) {  // a product alone keeps the sign of a zero
    const T w = s.planeWeights[0] * s.rowWeights[0];
    scaled<false>(out, s.base, w, n);
    return;
  }
  if (s.planes == 1 && s.rows == 2) {
    const T* a = s.base;
    const T* b = s.base + s.rowStep;
    const T wa = s.planeWeights[0] * s.rowWeights[0], wb = s.planeWeights[0] * s.rowWeights[s.rowTaps];
    overChannels<T>(n, [&](auto group, int64_t at) {
      using L = typename decltype(group)::Lane;
      for (int i = 0; i < decltype(group)::kCount; i++) {
        const int64_t j = at + i * L::kWidth;
        L::store(out + j, L::splat(wa) * L::load(a + j) + L::splat(wb) * L::load(b + j));
      }
    });
    return;
  }
  overChannels<T>(n, [&](auto group, int64_t at) { blendAt(group, out, s, at); });
}

// The lanes of v, or of a and b one behind the other, at `at`.
template <class T>
NABLA_INLINE Vec<T> pick(Vec<T> v, VecInt<T> at) {
#if defined(__clang__)
  Vec<T> r;
  for (int i = 0; i < kLanes<T>; i++) r[i] = v[at[i]];
  return r;
#else
  return __builtin_shuffle(v, at);
#endif
}
template <class T>
NABLA_INLINE Vec<T> pick(Vec<T> a, Vec<T> b, VecInt<T> at) {
#if defined(__clang__)
  Vec<T> r;
  for (int i = 0; i < kLanes<T>; i++) r[i] = at[i] < kLanes<T> ? a[at[i]] : b[at[i] - kLanes<T>];
  return r;
#else
  return __builtin_shuffle(a, b, at);
#endif
}

// The elements of a row from `at` on; zeros behind its end.
template <class T>
NABLA_INLINE Vec<T> window(const T* row, int64_t at, int64_t width) {
  const int64_t left = width - at;
  if (left >= kLanes<T>) return vload(row + at);
  return left > 0 ? vloadPart(row + at, left) : vzero<T>();
}

// A vector of outputs from o on, whose taps all start in kReach vectors of inputs.
template <class T, int kReach, bool kStream>
NABLA_INLINE void stretchVector(T* out, const T* row, int64_t width, const ResampleTaps& taps, int64_t o) {
  constexpr int64_t kWidth = kLanes<T>;
  const T* weights = static_cast<const T*>(taps.weights) + o;
  const int64_t base = taps.first[o];
  const VecInt<T> count = Wide<T>::loadIndex(taps.count + o);
  const VecInt<T> at = Wide<T>::loadIndex(taps.first + o) - static_cast<int32_t>(base);
  const auto term = [&](int64_t k) {
    Vec<T> v = window(row, base + k, width);
    v = kReach == 1 ? pick<T>(v, at) : pick<T>(v, window(row, base + k + kWidth, width), at);
    // Past an output's own taps stands another pixel, which may be NaN.
    const VecInt<T> own = count > (VecInt<T>{} + static_cast<int32_t>(k));
    return reinterpret_cast<Vec<T>>(reinterpret_cast<VecInt<T>>(v * vload(weights + k * taps.size)) & own);
  };
  Vec<T> total = term(0);
  for (int64_t start = 1; start < taps.most; start += kBlock) {
    const int64_t end = start + kBlock < taps.most ? start + kBlock : taps.most;
    Vec<T> sum = vzero<T>();
    for (int64_t k = start; k < end; k++) sum += term(k);
    total += sum;
  }
  put<Wide<T>, kStream>(out + o, total);
}

template <class T>
NABLA_INLINE void stretchOne(T* out, const T* row, const ResampleTaps& taps, int64_t o) {
  const T* weights = static_cast<const T*>(taps.weights) + o;
  const T* from = row + taps.first[o];
  T total = taps.count[o] > 0 ? weights[0] * from[0] : T(0);
  for (int64_t start = 1; start < taps.count[o]; start += kBlock) {
    const int64_t end = start + kBlock < taps.count[o] ? start + kBlock : taps.count[o];
    T sum = 0;
    for (int64_t k = start; k < end; k++) sum += weights[k * taps.size] * from[k];
    total += sum;
  }
  out[o] = total;
}

template <class T, int kReach, bool kStream>
NABLA_INLINE void stretchVectors(T* out, const T* row, int64_t width, const ResampleTaps& taps) {
  int64_t o = 0;
  for (; o + kLanes<T> <= taps.size; o += kLanes<T>) stretchVector<T, kReach, kStream>(out, row, width, taps, o);
  if (o < taps.size) stretchVector<T, kReach, false>(out, row, width, taps, taps.size - kLanes<T>);
}

// A row of pixels of one element.
template <class T, bool kStream>
NABLA_INLINE void stretch(T* out, const T* row, int64_t width, const ResampleTaps& taps) {
  if (taps.size >= kLanes<T> && taps.reach == 1) return stretchVectors<T, 1, kStream>(out, row, width, taps);
  if (taps.size >= kLanes<T> && taps.reach == 2) return stretchVectors<T, 2, kStream>(out, row, width, taps);
  for (int64_t o = 0; o < taps.size; o++) stretchOne(out, row, taps, o);
}

template <bool kStream, class T, class L, int N>
NABLA_INLINE void stretchAt(Group<L, N>, T* out, const T* from, int64_t inner, const T* weights, int64_t step,
                            int64_t count) {
  typename L::V total[N];
  for (int i = 0; i < N; i++) total[i] = L::splat(T(0));
  for (int64_t start = 0; start < count; start += kBlock) {
    const int64_t end = start + kBlock < count ? start + kBlock : count;
    typename L::V sum[N];
    for (int i = 0; i < N; i++) sum[i] = L::splat(T(0));
    for (int64_t k = start; k < end; k++) {
      const typename L::V w = L::splat(weights[k * step]);
      for (int i = 0; i < N; i++) sum[i] += w * L::load(from + k * inner + i * L::kWidth);
    }
    for (int i = 0; i < N; i++) total[i] += sum[i];
  }
  for (int i = 0; i < N; i++) put<L, kStream>(out + i * L::kWidth, total[i]);
}

// A row of pixels of `inner` elements.
template <class T, bool kStream>
NABLA_INLINE void stretchPixels(T* out, const T* row, int64_t inner, const ResampleTaps& taps) {
  for (int64_t o = 0; o < taps.size; o++, out += inner) {
    const T* weights = static_cast<const T*>(taps.weights) + o;
    const T* from = row + taps.first[o] * inner;
    const int64_t count = taps.count[o];
    if (count == 1) {
      scaled<kStream>(out, from, weights[0], inner);
      continue;
    }
    if (count == 2) {
      const T w0 = weights[0], w1 = weights[taps.size];
      overChannels<T>(inner, [&](auto group, int64_t at) {
        using L = typename decltype(group)::Lane;
        for (int i = 0; i < decltype(group)::kCount; i++) {
          const int64_t c = at + i * L::kWidth;
          put<L, kStream>(out + c, L::splat(w0) * L::load(from + c) + L::splat(w1) * L::load(from + inner + c));
        }
      });
      continue;
    }
    overChannels<T>(inner, [&](auto group, int64_t at) {
      stretchAt<kStream>(group, out + at, from + at, inner, weights, taps.size, count);
    });
  }
}

template <class T, bool kStream>
void runRows(const ResampleImage& image, int64_t from, int64_t to) {
  const ResampleTaps &depth = image.depth, &height = image.height;
  const int64_t inner = image.inner, outRow = image.row.size * inner;
  T* scratch = static_cast<T*>(image.scratch);
  for (int64_t r = from; r < to; r++) {
    const int64_t d = r / height.size, h = r % height.size;
    T* out = static_cast<T*>(image.out) + r * outRow;
    const Source<T> source{
        static_cast<const T*>(image.in) + depth.first[d] * image.planeStep + height.first[h] * image.rowStep,
        depth.count[d],
        height.count[h],
        image.planeStep,
        image.rowStep,
        depth.size,
        height.size,
        static_cast<const T*>(depth.weights) + d,
        static_cast<const T*>(height.weights) + h};
    const T* row = source.base;
    const bool alone = source.planes == 1 && source.rows == 1 && source.planeWeights[0] * source.rowWeights[0] == T(1);
    if (image.row.identity) {
      blend(out, source, outRow);
      continue;
    }
    if (!alone) {
      blend(scratch, source, image.width * inner);
      row = scratch;
    }
    if (inner == 1) {
      stretch<T, kStream>(out, row, image.width, image.row);
    } else {
      stretchPixels<T, kStream>(out, row, inner, image.row);
    }
  }
}

template <class T>
void rows(const ResampleImage& image, int64_t from, int64_t to) {
  const int64_t side = image.inner == 1 ? image.row.size : image.inner;
  const bool whole = side % kLanes<T> == 0 && reinterpret_cast<uintptr_t>(image.out) % NABLA_VECTOR_BYTES == 0;
  if (image.stream && whole) {
    runRows<T, true>(image, from, to);
  } else {
    runRows<T, false>(image, from, to);
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(resample)(nabla::cpu::ResampleKernels* t) {
  t->rows[0] = rows<float>;
  t->rows[1] = rows<double>;
  t->lanes[0] = kLanes<float>;
  t->lanes[1] = kLanes<double>;
}
