// Gaussian blur: for each row first down the columns, into a line with reflected ends, then along the line.
#include "blur.h"

#include "vec.h"

namespace {

using nabla::cpu::BlurPlane;

NABLA_INLINE float rounded(float x) { return __builtin_rintf(x); }
NABLA_INLINE double rounded(double x) { return __builtin_rint(x); }

NABLA_INLINE int64_t reflected(int64_t i, int64_t size) {
  const int64_t at = i < 0 ? -i : i;
  return at >= size ? 2 * (size - 1) - at : at;
}

// out[i] = sum of weights[k] * rows[k][i + k * shift]
template <class T, class Row>
NABLA_INLINE void weighted(T* out, int64_t n, const T* weights, int64_t count, Row row) {
  constexpr int64_t kWidth = kLanes<T>;
  int64_t i = 0;
  for (; i + 4 * kWidth <= n; i += 4 * kWidth) {
    Vec<T> sums[4] = {};
    for (int64_t k = 0; k < count; k++) {
      const T* from = row(k) + i;
      const Vec<T> w = vset(weights[k]);
      for (int j = 0; j < 4; j++) sums[j] += w * vload(from + j * kWidth);
    }
    for (int j = 0; j < 4; j++) vstore(out + i + j * kWidth, sums[j]);
  }
  for (; i < n; i += kWidth) {
    const int64_t part = n - i < kWidth ? n - i : kWidth;
    Vec<T> sum{};
    for (int64_t k = 0; k < count; k++) sum += weights[k] * vloadPart(row(k) + i, part);
    vstorePart(out + i, sum, part);
  }
}

template <class T>
NABLA_INLINE int64_t padded(int64_t n) {
  return (n + 63) / 64 * 64;
}

// A line with its ends, a row of results, the weights, and the rows as T where they are bytes.
template <class T, class S>
int64_t workBytes(const BlurPlane& p, int64_t rows) {
  const int64_t line = padded<T>(p.width + p.columns), converted = sizeof(S) == 1 ? (rows + p.rows) * p.width : 0;
  return (line + padded<T>(p.width) + padded<T>(p.rows + p.columns) + converted) * static_cast<int64_t>(sizeof(T));
}

template <class T, class S>
void blur(const BlurPlane& p, int64_t from, int64_t to, void* work) {
  const S* in = static_cast<const S*>(p.in);
  S* out = static_cast<S*>(p.out);
  const int64_t up = p.rows / 2, left = p.columns / 2, width = p.width;
  T* line = static_cast<T*>(work);
  T* result = line + padded<T>(width + p.columns);
  T* weights = result + padded<T>(width);
  T* converted = weights + padded<T>(p.rows + p.columns);
  for (int64_t k = 0; k < p.rows + p.columns; k++) weights[k] = static_cast<T>(p.weights[k]);
  if (sizeof(S) == 1) {
    for (int64_t r = from - up; r < to + up; r++) {
      const S* row = in + reflected(r, p.height) * width;
      T* target = converted + (r - from + up) * width;
      NABLA_LANES
      for (int64_t i = 0; i < width; i++) target[i] = static_cast<T>(row[i]);
    }
  }
  for (int64_t r = from; r < to; r++) {
    weighted<T>(line + left, width, weights, p.rows, [&](int64_t k) -> const T* {
      if (sizeof(S) == 1) return converted + (r - from + k) * width;
      return reinterpret_cast<const T*>(in) + reflected(r + k - up, p.height) * width;
    });
    for (int64_t i = 0; i < left; i++) {
      line[left - 1 - i] = line[left + 1 + i];
      line[left + width + i] = line[left + width - 2 - i];
    }
    S* target = out + r * width;
    if (sizeof(S) == 1) {
      weighted<T>(result, width, weights + p.rows, p.columns, [&](int64_t k) -> const T* { return line + k; });
      NABLA_LANES
      for (int64_t i = 0; i < width; i++) target[i] = static_cast<S>(static_cast<int32_t>(rounded(result[i])));
    } else {
      weighted<T>(reinterpret_cast<T*>(target), width, weights + p.rows, p.columns,
                  [&](int64_t k) -> const T* { return line + k; });
    }
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(blur)(nabla::cpu::BlurKernels* t) {
  t->blur[0] = blur<float, uint8_t>;
  t->blur[1] = blur<float, float>;
  t->blur[2] = blur<double, double>;
  t->workBytes[0] = workBytes<float, uint8_t>;
  t->workBytes[1] = workBytes<float, float>;
  t->workBytes[2] = workBytes<double, double>;
}
