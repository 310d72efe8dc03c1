// Variance in one reading of memory: blocks that stay in the cache are read twice, first for a centre near their mean,
// then for sums of deviations and of their squares. Blocks are merged after Chan, Golub and LeVeque (1979).
#include "variance.h"

#include "vec.h"

namespace {

using namespace nabla::cpu;

constexpr int64_t kRun = 2048;                 // elements of a block along the memory
constexpr int64_t kColumns = 512, kRows = 32;  // of a block across it

NABLA_INLINE void merge(Moments& acc, double count, double mean, double squares) {
  const double total = acc.count + count, delta = mean - acc.mean;
  acc.squares += squares + delta * delta * (acc.count * count / total);
  acc.mean += delta * (count / total);
  acc.count = total;
}

// `sum` and `squares` of the deviations of `count` elements from `centre`.
NABLA_INLINE void mergeShifted(Moments& acc, double count, double centre, double sum, double squares) {
  const double shift = sum / count, rest = squares - sum * shift;
  merge(acc, count, centre + shift, rest < 0 ? 0 : rest);
}

NABLA_INLINE double total(Vec<double> v) { return vsum<double>(v); }
NABLA_INLINE double total(Vec<float> v) {
  double sum = 0;
  for (int i = 0; i < kLanes<float>; i++) sum += static_cast<double>(v[i]);
  return sum;
}

// A block along the memory, n <= kRun. A lane sums 2048 / 4 / lanes elements at most before it is carried to double.
template <class T>
NABLA_INLINE void addRun(Moments& acc, const T* p, int64_t n) {
  constexpr int64_t kStep = kLanes<T>;
  const int64_t whole = n / kStep * kStep;
  Vec<T> sums[4] = {};
  int64_t j = 0;
  for (; j + 4 * kStep <= n; j += 4 * kStep)
    for (int k = 0; k < 4; k++) sums[k] += vload(p + j + k * kStep);
  for (; j < whole; j += kStep) sums[0] += vload(p + j);
  double first = total((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (j = whole; j < n; j++) first += static_cast<double>(p[j]);
  const T centre = static_cast<T>(first / static_cast<double>(n));
  const Vec<T> c = vset(centre);
  Vec<T> deviations[4] = {}, squares[4] = {};
  for (j = 0; j + 4 * kStep <= n; j += 4 * kStep)
    for (int k = 0; k < 4; k++) {
      const Vec<T> d = vload(p + j + k * kStep) - c;
      deviations[k] += d;
      squares[k] += d * d;
    }
  for (; j < whole; j += kStep) {
    const Vec<T> d = vload(p + j) - c;
    deviations[0] += d;
    squares[0] += d * d;
  }
  double sum = 0, sumOfSquares = 0;
  for (int k = 0; k < 4; k++) {
    sum += total(deviations[k]);
    sumOfSquares += total(squares[k]);
  }
  for (j = whole; j < n; j++) {
    const double d = static_cast<double>(p[j]) - static_cast<double>(centre);
    sum += d;
    sumOfSquares += d * d;
  }
  mergeShifted(acc, static_cast<double>(n), static_cast<double>(centre), sum, sumOfSquares);
}

// Elements that lie apart are brought together first.
template <class T>
NABLA_INLINE void addStrided(Moments& acc, const T* p, int64_t stride, int64_t n) {
  constexpr int64_t kGathered = 256;
  T block[kGathered];
  for (int64_t first = 0; first < n; first += kGathered) {
    const int64_t count = n - first < kGathered ? n - first : kGathered;
    for (int64_t j = 0; j < count; j++) block[j] = p[(first + j) * stride];
    addRun(acc, block, count);
  }
}

// rows x outputs, the outputs side by side.
template <class T>
NABLA_INLINE void addPanel(Moments* acc, const T* p, int64_t stride, int64_t rows, int64_t outputs) {
  T centre[kColumns], sum[kColumns], squares[kColumns];
  for (int64_t o = 0; o < outputs; o++) centre[o] = sum[o] = squares[o] = 0;
  for (int64_t r = 0; r < rows; r++) NABLA_LANES for (int64_t o = 0; o < outputs; o++) centre[o] += p[r * stride + o];
  for (int64_t o = 0; o < outputs; o++) centre[o] /= static_cast<T>(rows);
  for (int64_t r = 0; r < rows; r++) NABLA_LANES for (int64_t o = 0; o < outputs; o++) {
      const T d = p[r * stride + o] - centre[o];
      sum[o] += d;
      squares[o] += d * d;
    }
  for (int64_t o = 0; o < outputs; o++)
    mergeShifted(acc[o], static_cast<double>(rows), static_cast<double>(centre[o]), static_cast<double>(sum[o]),
                 static_cast<double>(squares[o]));
}

template <class T>
void accumulate(char* data, const ReduceRect& r) {
  Moments* acc = reinterpret_cast<Moments*>(data);
  const T* in = reinterpret_cast<const T*>(r.in);
  const bool sideBySide = r.os == 1 && r.s0 != 1 && r.outputs > 1 && r.n0 > 1;
  for (int64_t i = 0; i < r.n1; i++, in += r.s1) {
    if (sideBySide) {
      for (int64_t o = 0; o < r.outputs; o += kColumns)
        for (int64_t j = 0; j < r.n0; j += kRows)
          addPanel(acc + o, in + o + j * r.s0, r.s0, r.n0 - j < kRows ? r.n0 - j : kRows,
                   r.outputs - o < kColumns ? r.outputs - o : kColumns);
      continue;
    }
    for (int64_t o = 0; o < r.outputs; o++) {
      const T* p = in + o * r.os;
      if (r.s0 != 1) addStrided(acc[o], p, r.s0, r.n0);
      for (int64_t j = 0; r.s0 == 1 && j < r.n0; j += kRun) addRun(acc[o], p + j, r.n0 - j < kRun ? r.n0 - j : kRun);
    }
  }
}

void combine(char* data, const char* later, int64_t n) {
  Moments* acc = reinterpret_cast<Moments*>(data);
  const Moments* more = reinterpret_cast<const Moments*>(later);
  for (int64_t i = 0; i < n; i++)
    if (more[i].count > 0) merge(acc[i], more[i].count, more[i].mean, more[i].squares);
}

template <class T>
void finish(char* out, char* mean, int64_t stride, const char* data, int64_t n, double correction) {
  const Moments* acc = reinterpret_cast<const Moments*>(data);
  for (int64_t i = 0; i < n; i++) {
    const double degrees = acc[i].count - correction;
    reinterpret_cast<T*>(out)[i * stride] = static_cast<T>(acc[i].squares / (degrees > 0 ? degrees : 0));
    if (mean)
      reinterpret_cast<T*>(mean)[i * stride] = static_cast<T>(acc[i].count > 0 ? acc[i].mean : __builtin_nan(""));
  }
}

template <class T>
constexpr VarianceFunctions functions() {
  return {accumulate<T>, combine, finish<T>};
}

}  // namespace

extern "C" void NABLA_REGISTER(variance)(VarianceKernels* t) {
  t->run[0] = functions<float>();
  t->run[1] = functions<double>();
}
