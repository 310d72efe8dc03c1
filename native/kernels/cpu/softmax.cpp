#include "softmax.h"

#include "softmax_rows.h"
#include "vexp_below.h"
#include "vfold.h"

namespace {

using nabla::cpu::CrossEntropy;
using nabla::cpu::CrossEntropyPart;
using nabla::cpu::SoftmaxKernels;

constexpr int64_t kBlock = 256;  // vectors that one accumulator takes before it goes into the next level

template <class T>
NABLA_INLINE Vec<T> lowest() {
  return vset<T>(static_cast<T>(-__builtin_inf()));
}

// f(vector index) for whole vectors of a contiguous row, then f.last for the vector that ends with the row: it
// overlaps, and only the lanes of the mask are new.
template <class T, class F>
NABLA_INLINE void overVectors(int64_t length, F f) {
  constexpr int64_t kWidth = kLanes<T>;
  VecInt<T> lane{};
  for (int i = 0; i < kWidth; i++) lane[i] = i;
  int64_t d = 0;
  for (; d + kWidth <= length; d += kWidth) f(d, lane >= 0);
  if (d < length) f(length - kWidth, lane >= static_cast<int32_t>(d + kWidth - length));
}

// Sum over a contiguous row of term(position), a vector; in blocks, so that long rows keep their digits.
template <class T, class F>
NABLA_INLINE double sumRow(int64_t length, F term) {
  constexpr int64_t kWidth = kLanes<T>;
  double total = 0;
  int64_t d = 0;
  while (d + kWidth <= length) {
    const int64_t vectors = (length - d) / kWidth, end = d + (vectors < kBlock ? vectors : kBlock) * kWidth;
    Vec<T> a{}, b{};
    for (; d + 2 * kWidth <= end; d += 2 * kWidth) {
      a += term(d);
      b += term(d + kWidth);
    }
    if (d < end) a += term(d), d += kWidth;
    total += static_cast<double>(sumLanes<T>(a + b));
  }
  if (d == length) return total;
  VecInt<T> lane{};
  for (int i = 0; i < kWidth; i++) lane[i] = i;
  const Vec<T> rest = lane >= static_cast<int32_t>(d + kWidth - length) ? term(length - kWidth) : Vec<T>{};
  return total + static_cast<double>(sumLanes<T>(rest));
}

// The same down the columns: term(d) for every d, one sum per lane.
template <class T, class F>
NABLA_INLINE Vec<T> sumColumns(int64_t length, F term) {
  Vec<T> total{};
  for (int64_t begin = 0; begin < length; begin += kBlock) {
    const int64_t end = length - begin < kBlock ? length : begin + kBlock;
    Vec<T> block{};
    for (int64_t d = begin; d < end; d++) block += term(d);
    total += block;
  }
  return total;
}

template <class T>
NABLA_INLINE T maxRow(const T* x, int64_t length) {
  Vec<T> m = lowest<T>();
  overVectors<T>(
      length, [&](int64_t d, VecInt<T>) __attribute__((always_inline)) {
        const Vec<T> v = vload(x + d);
        m = v > m ? v : m;
      });
  return maxLanes<T>(m);
}

template <class T>
NABLA_INLINE Vec<T> maxColumns(const T* x, int64_t step, int64_t length) {
  Vec<T> m = lowest<T>();
  for (int64_t d = 0; d < length; d++) {
    const Vec<T> v = vload(x + d * step);
    m = v > m ? v : m;
  }
  return m;
}

template <class T>
struct SoftmaxOp {
  static constexpr int kInputs = 1;
  static constexpr bool kOutput = true;
  bool log;

  NABLA_INLINE void columns(const RowBlock<T>& b) const {
    const T* x = b.in[0];
    const int64_t in = b.inStep[0];
    const Vec<T> m = maxColumns(x, in, b.length);
    if (log) {
      const Vec<T> sum = sumColumns<T>(
          b.length, [&](int64_t d) __attribute__((always_inline)) { return vexpBelow(vload(x + d * in) - m); });
      const Vec<T> tail = vlog<T>(sum);
      for (int64_t d = 0; d < b.length; d++) vstore<T>(b.out + d * b.outStep, (vload(x + d * in) - m) - tail);
      return;
    }
    const Vec<T> sum = sumColumns<T>(
        b.length, [&](int64_t d) __attribute__((always_inline)) {
          const Vec<T> e = vexpBelow(vload(x + d * in) - m);
          vstore<T>(b.out + d * b.outStep, e);
          return e;
        });
    const Vec<T> scale = T(1) / sum;
    for (int64_t d = 0; d < b.length; d++) vstore<T>(b.out + d * b.outStep, vload(b.out + d * b.outStep) * scale);
  }

  NABLA_INLINE void row(const RowBlock<T>& b) const {
    const T *x = b.in[0], m = maxRow(x, b.length);
    T* out = b.out;
    if (log) {
      const double sum = sumRow<T>(
          b.length, [&](int64_t d) __attribute__((always_inline)) { return vexpBelow(vload(x + d) - m); });
      const T tail = static_cast<T>(__builtin_log(sum));
      overVectors<T>(
          b.length, [&](int64_t d, VecInt<T>)
                        __attribute__((always_inline)) { vstore<T>(out + d, (vload(x + d) - m) - tail); });
      return;
    }
    const double sum = sumRow<T>(
        b.length, [&](int64_t d) __attribute__((always_inline)) {
          const Vec<T> e = vexpBelow(vload(x + d) - m);
          vstore<T>(out + d, e);
          return e;
        });
    const T scale = static_cast<T>(1 / sum);
    overVectors<T>(
        b.length, [&](int64_t d, VecInt<T> fresh) __attribute__((always_inline)) {
          const Vec<T> e = vload(out + d);
          vstore<T>(out + d, fresh ? e * scale : e);
        });
  }
};

// Inputs: the gradient and the result.
template <class T>
struct SoftmaxBackwardOp {
  static constexpr int kInputs = 2;
  static constexpr bool kOutput = true;
  bool log;

  NABLA_INLINE void columns(const RowBlock<T>& b) const {
    const T *g = b.in[0], *y = b.in[1];
    const int64_t gs = b.inStep[0], ys = b.inStep[1];
    const Vec<T> sum = sumColumns<T>(
        b.length, [&](int64_t d) __attribute__((always_inline)) {
          return log ? vload(g + d * gs) : vload(g + d * gs) * vload(y + d * ys);
        });
    for (int64_t d = 0; d < b.length; d++) {
      const Vec<T> gv = vload(g + d * gs), yv = vload(y + d * ys);
      vstore<T>(b.out + d * b.outStep, log ? gv - vexpBelow(yv) * sum : yv * (gv - sum));
    }
  }
  NABLA_INLINE void row(const RowBlock<T>& b) const {
    const T *g = b.in[0], *y = b.in[1];
    const T sum = static_cast<T>(sumRow<T>(
        b.length, [&](int64_t d)
                      __attribute__((always_inline)) { return log ? vload(g + d) : vload(g + d) * vload(y + d); }));
    overVectors<T>(
        b.length, [&](int64_t d, VecInt<T>) __attribute__((always_inline)) {
          const Vec<T> gv = vload(g + d), yv = vload(y + d);
          vstore<T>(b.out + d, log ? gv - vexpBelow(yv) * sum : yv * (gv - sum));
        });
  }
};

NABLA_INLINE int64_t targetOf(const CrossEntropy& c, int64_t row) {
  if (c.targetKind == 0) return static_cast<const int64_t*>(c.target)[row];
  if (c.targetKind == 1) return static_cast<const int32_t*>(c.target)[row];
  return static_cast<const uint8_t*>(c.target)[row];
}

template <class T>
struct CrossEntropyOp {
  static constexpr int kInputs = 1;
  static constexpr bool kOutput = false;
  const CrossEntropy& c;
  int64_t classes;
  T *lse, *rowLoss;
  CrossEntropyPart* part;

  // Of one row: m + logSum is the log of the sum of exponentials, `smooth` the weighted sum of x - m.
  NABLA_INLINE void finish(int64_t row, const T* x, int64_t step, T m, T logSum, T smooth) const {
    lse[row] = m + logSum;
    const int64_t target = targetOf(c, row);
    if (rowLoss) rowLoss[row] = 0;
    if (target == c.ignoreIndex) return;
    if (target < 0 || target >= classes) {
      if (!part->bad) part->badClass = target;
      part->bad = true;
      return;
    }
    const T weight = c.weight ? static_cast<const T*>(c.weight)[target] : T(1);
    T loss = weight * (logSum - (x[target * step] - m));
    if (c.smoothing != 0) {
      const double even = static_cast<double>(logSum) * c.weightSum - static_cast<double>(smooth);
      loss = static_cast<T>((1 - c.smoothing) * static_cast<double>(loss) +
                            c.smoothing / static_cast<double>(classes) * even);
    }
    if (rowLoss) rowLoss[row] = loss;
    part->loss += static_cast<double>(loss);
    part->weight += static_cast<double>(weight);
  }

  NABLA_INLINE void columns(const RowBlock<T>& b) const {
    const T *x = b.in[0], *weight = static_cast<const T*>(c.weight);
    const int64_t step = b.inStep[0];
    const Vec<T> m = maxColumns(x, step, b.length);
    const Vec<T> sum = sumColumns<T>(
        b.length, [&](int64_t d) __attribute__((always_inline)) { return vexpBelow(vload(x + d * step) - m); });
    Vec<T> smooth{};
    if (c.smoothing != 0) {
      smooth = sumColumns<T>(
          b.length, [&](int64_t d) __attribute__((always_inline)) {
            return (vload(x + d * step) - m) * (weight ? weight[d] : T(1));
          });
    }
    const Vec<T> logSum = vlog<T>(sum);
    for (int64_t i = 0; i < b.count; i++) finish(b.row + i, x + i, step, m[i], logSum[i], smooth[i]);
  }
  NABLA_INLINE void row(const RowBlock<T>& b) const {
    const T *x = b.in[0], *weight = static_cast<const T*>(c.weight), m = maxRow(x, b.length);
    const double sum = sumRow<T>(
        b.length, [&](int64_t d) __attribute__((always_inline)) { return vexpBelow(vload(x + d) - m); });
    double smooth = 0;
    if (c.smoothing != 0) {
      smooth = sumRow<T>(
          b.length, [&](int64_t d) __attribute__((always_inline)) {
            const Vec<T> v = vload(x + d) - m;
            return weight ? v * vload(weight + d) : v;
          });
    }
    finish(b.row, x, 1, m, static_cast<T>(__builtin_log(sum)), static_cast<T>(smooth));
  }
};

template <class T>
struct CrossEntropyBackwardOp {
  static constexpr int kInputs = 1;
  static constexpr bool kOutput = true;
  const CrossEntropy& c;
  const T *lse, *gradRow;
  double scale;

  // gradX_d = p_d * all - even * weight_d, less `hit` at the target. All three are zero for an ignored row.
  struct Factors {
    T all, even, hit;
    int64_t target;
  };
  NABLA_INLINE Factors factors(int64_t row, int64_t classes) const {
    const int64_t target = targetOf(c, row);
    if (target == c.ignoreIndex || target < 0 || target >= classes) return {0, 0, 0, -1};
    const double g = scale * (gradRow ? static_cast<double>(gradRow[row]) : 1.0);
    const double weight = c.weight ? static_cast<double>(static_cast<const T*>(c.weight)[target]) : 1.0;
    const double hit = (1 - c.smoothing) * weight * g, even = c.smoothing / static_cast<double>(classes) * g;
    return {static_cast<T>(hit + even * c.weightSum), static_cast<T>(even), static_cast<T>(hit), target};
  }

  NABLA_INLINE void columns(const RowBlock<T>& b) const {
    const T *x = b.in[0], *weight = static_cast<const T*>(c.weight);
    Vec<T> all{}, even{}, shift{};
    VecInt<T> kept{};
    Factors f[kLanes<T>];
    for (int64_t i = 0; i < b.count; i++) {
      f[i] = factors(b.row + i, b.length);
      all[i] = f[i].all, even[i] = f[i].even, shift[i] = lse[b.row + i], kept[i] = f[i].target < 0 ? 0 : -1;
    }
    for (int64_t d = 0; d < b.length; d++) {
      const Vec<T> v = vexpBelow(vload(x + d * b.inStep[0]) - shift) * all - even * (weight ? weight[d] : T(1));
      vstore<T>(b.out + d * b.outStep, kept ? v : Vec<T>{});
    }
    for (int64_t i = 0; i < b.count; i++)
      if (f[i].target >= 0) b.out[f[i].target * b.outStep + i] -= f[i].hit;
  }
  NABLA_INLINE void row(const RowBlock<T>& b) const {
    const T *x = b.in[0], *weight = static_cast<const T*>(c.weight), shift = lse[b.row];
    T* out = b.out;
    const Factors f = factors(b.row, b.length);
    if (f.target < 0) {
      __builtin_memset(out, 0, static_cast<size_t>(b.length) * sizeof(T));
      return;
    }
    overVectors<T>(
        b.length, [&](int64_t d, VecInt<T>) __attribute__((always_inline)) {
          const Vec<T> p = vexpBelow(vload(x + d) - shift) * f.all;
          vstore<T>(out + d, weight ? p - f.even * vload(weight + d) : p - f.even);
        });
    out[f.target] -= f.hit;
  }
};

template <class T>
void softmax(const SoftmaxRows& s, const void* x, void* out, bool log, int64_t row0, int64_t row1, void* scratch) {
  const RowTensors<T> tensors{{static_cast<const T*>(x), nullptr}, static_cast<T*>(out)};
  overRows(s, tensors, row0, row1, static_cast<T*>(scratch), SoftmaxOp<T>{log});
}

template <class T>
void softmaxBackward(const SoftmaxRows& s, const void* gradOut, const void* out, void* gradX, bool log, int64_t row0,
                     int64_t row1, void* scratch) {
  const RowTensors<T> tensors{{static_cast<const T*>(gradOut), static_cast<const T*>(out)}, static_cast<T*>(gradX)};
  overRows(s, tensors, row0, row1, static_cast<T*>(scratch), SoftmaxBackwardOp<T>{log});
}

template <class T>
void crossEntropy(const SoftmaxRows& s, const CrossEntropy& c, const void* x, void* lse, void* rowLoss, int64_t row0,
                  int64_t row1, void* scratch, CrossEntropyPart* part) {
  const RowTensors<T> tensors{{static_cast<const T*>(x), nullptr}, nullptr};
  *part = CrossEntropyPart{0, 0, 0, false};
  overRows(s, tensors, row0, row1, static_cast<T*>(scratch),
           CrossEntropyOp<T>{c, s.length, static_cast<T*>(lse), static_cast<T*>(rowLoss), part});
}

template <class T>
void crossEntropyBackward(const SoftmaxRows& s, const CrossEntropy& c, const void* x, const void* lse, void* gradX,
                          const void* gradRow, double scale, int64_t row0, int64_t row1, void* scratch) {
  const RowTensors<T> tensors{{static_cast<const T*>(x), nullptr}, static_cast<T*>(gradX)};
  overRows(s, tensors, row0, row1, static_cast<T*>(scratch),
           CrossEntropyBackwardOp<T>{c, static_cast<const T*>(lse), static_cast<const T*>(gradRow), scale});
}

}  // namespace

extern "C" void NABLA_REGISTER(softmax)(SoftmaxKernels* t) {
  t->softmax[0] = softmax<float>;
  t->softmax[1] = softmax<double>;
  t->backward[0] = softmaxBackward<float>;
  t->backward[1] = softmaxBackward<double>;
  t->crossEntropy[0] = crossEntropy<float>;
  t->crossEntropy[1] = crossEntropy<double>;
  t->crossEntropyBackward[0] = crossEntropyBackward<float>;
  t->crossEntropyBackward[1] = crossEntropyBackward<double>;
}
