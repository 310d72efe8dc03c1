#include "ctc.h"

#include "vmath.h"

namespace {

using nabla::cpu::CtcKernels;
using nabla::cpu::CtcOutcome;
using nabla::cpu::CtcSample;

template <class T>
constexpr T kNever = -static_cast<T>(__builtin_inf());

constexpr int64_t kAhead = 4;  // frames whose label probabilities are fetched early
constexpr int64_t kMargin = 16;

// log(e^a + e^b [+ e^c]); minus infinity where all are.
template <class T>
NABLA_INLINE Vec<T> logSum(Vec<T> a, Vec<T> b) {
  Vec<T> top = vmax<T>(a, b);
  top = vselect<T>(top == kNever<T>, vzero<T>(), top);
  return vlog<T>(vexp<T>(a - top) + vexp<T>(b - top)) + top;
}
template <class T>
NABLA_INLINE Vec<T> logSum(Vec<T> a, Vec<T> b, Vec<T> c) {
  Vec<T> top = vmax<T>(vmax<T>(a, b), c);
  top = vselect<T>(top == kNever<T>, vzero<T>(), top);
  return vlog<T>(vexp<T>(a - top) + vexp<T>(b - top) + vexp<T>(c - top)) + top;
}
template <class T>
NABLA_INLINE T logSumOne(T a, T b) {
  const double top = static_cast<double>(a < b ? b : a), base = top == static_cast<double>(kNever<T>) ? 0 : top;
  const double sum = __builtin_exp(static_cast<double>(a) - base) + __builtin_exp(static_cast<double>(b) - base);
  return static_cast<T>(__builtin_log(sum) + base);
}

template <class T>
NABLA_INLINE T highest(Vec<T> v, T m) {
  for (int i = 0; i < kLanes<T>; i++) m = v[i] > m ? v[i] : m;
  return m;
}
template <class T>
NABLA_INLINE T finiteOrZero(T m) {
  return m == kNever<T> ? T(0) : m;
}

// Log-probabilities of the labels in one frame, at [1 + i]; those of later frames are on their way.
template <class T>
NABLA_INLINE void pick(const CtcSample& s, int64_t frame, int64_t direction, T* labels) {
  const T* row = static_cast<const T*>(s.logProbs) + frame * s.step;
  const int64_t ahead = frame + direction * kAhead;
  const T* later = ahead >= 0 && ahead < s.frames ? row + direction * kAhead * s.step : row;
  for (int64_t i = 0; i < s.count; i++) {
    __builtin_prefetch(later + s.labels[i]);
    labels[1 + i] = row[s.labels[i]];
  }
}

// 0 where a path may come from the label before (at [1 + i], for label i), minus infinity where both are the same.
template <class T>
NABLA_INLINE void markJumps(const CtcSample& s, T* jumps, int64_t size) {
  for (int64_t i = 0; i < size; i++) jumps[i] = kNever<T>;
  for (int64_t i = 1; i < s.count; i++)
    if (s.labels[i] != s.labels[i - 1]) jumps[1 + i] = 0;
}

template <class T>
double forward(const CtcSample& s, void* cellData, void* scratch) {
  const int64_t width = s.width, size = width + kMargin;
  T *cells = static_cast<T*>(cellData), *emission = static_cast<T*>(scratch), *jumps = emission + size;
  if (s.frames == 0) return s.count == 0 ? 0 : __builtin_inf();
  markJumps(s, jumps, size);
  for (int64_t i = 0; i < size; i++) emission[i] = kNever<T>;
  for (int64_t i = 0; i < 2 * width; i++) cells[i] = kNever<T>;
  const T* row = static_cast<const T*>(s.logProbs);
  cells[0] = row[s.blank];
  if (s.count > 0) cells[width + 1] = row[s.labels[0]];
  T top = highest<T>(vset(cells[0]), cells[width + 1]);
  double taken = 0;
  for (int64_t t = 1; t < s.frames; t++) {
    const T shift = finiteOrZero(top), *blanks = cells, *labels = cells + width;
    taken += static_cast<double>(shift);
    cells += 2 * width;
    pick(s, t, 1, emission);
    const T blank = (row + t * s.step)[s.blank] - shift;
    cells[0] = blanks[0] + blank, cells[width] = kNever<T>;
    Vec<T> best = vset(cells[0]);
    for (int64_t i = 1; i < width; i += kLanes<T>) {
      const Vec<T> stay = vload(labels + i), before = vload(blanks + i - 1), jump = vload(labels + i - 1);
      const Vec<T> b = logSum<T>(vload(blanks + i), stay) + blank;
      const Vec<T> l = logSum<T>(stay, before, jump + vload(jumps + i)) + (vload(emission + i) - shift);
      vstore<T>(cells + i, b);
      vstore<T>(cells + width + i, l);
      best = vmax<T>(vmax<T>(best, b), l);
    }
    top = highest<T>(best, kNever<T>);
  }
  return -(static_cast<double>(logSumOne(cells[s.count], cells[width + s.count])) + taken);
}

// What is to come after a frame, as a row of scratch: blanks and labels with a margin behind each.
template <class T>
struct Coming {
  T *blanks, *labels;
};

// From the frame behind (with its emissions) to this one; then times the cells, with the largest product. The sums are
// less `shift`.
template <class T>
NABLA_INLINE T comeBack(const CtcSample& s, const Coming<T>& behind, const Coming<T>& now, const T* jumps,
                        const T* cells, T* shares, T shift, T* top) {
  const int64_t width = s.width;
  now.blanks[0] = logSumOne(behind.blanks[0], behind.labels[1]) - shift;
  shares[0] = cells[0] + now.blanks[0], shares[width] = kNever<T>;
  Vec<T> best = vset(shares[0]), bestComing = vset(now.blanks[0]);
  for (int64_t i = 1; i < width; i += kLanes<T>) {
    const Vec<T> next = vload(behind.labels + i + 1), blank = vload(behind.blanks + i);
    const Vec<T> b = logSum<T>(blank, next) - shift;
    const Vec<T> l = logSum<T>(vload(behind.labels + i), blank, next + vload(jumps + i + 1)) - shift;
    vstore<T>(now.blanks + i, b);
    vstore<T>(now.labels + i, l);
    const Vec<T> throughBlank = b + vload(cells + i), throughLabel = l + vload(cells + width + i);
    vstore<T>(shares + i, throughBlank);
    vstore<T>(shares + width + i, throughLabel);
    best = vmax<T>(best, vmax<T>(throughBlank, throughLabel));
    bestComing = vmax<T>(bestComing, vmax<T>(b, l));
  }
  *top = highest<T>(best, kNever<T>);
  return highest<T>(bestComing, kNever<T>);
}

// Logarithms, the largest `top`, to parts of their sum.
template <class T>
NABLA_INLINE T toParts(int64_t width, T* shares, T top) {
  Vec<T> sum{};
  const T shift = finiteOrZero(top);
  T first = static_cast<T>(__builtin_exp(static_cast<double>(shares[0] - shift)));
  for (int64_t half = 0; half < 2; half++) {
    for (int64_t i = 1 + half * width; i < width + half * width; i += kLanes<T>) {
      const Vec<T> e = vexp<T>(vload(shares + i) - shift);
      vstore<T>(shares + i, e);
      sum += e;
    }
  }
  const T total = vsum<T>(sum) + first, scale = 1 / total;
  shares[0] = first * scale, shares[width] = 0;
  for (int64_t half = 0; half < 2; half++)
    for (int64_t i = 1 + half * width; i < width + half * width; i += kLanes<T>)
      vstore<T>(shares + i, vload(shares + i) * scale);
  return total;
}

template <class T>
CtcOutcome shares(const CtcSample& s, const void* cellData, void* shareData, void* scratch) {
  const int64_t width = s.width, size = width + kMargin;
  T* jumps = static_cast<T*>(scratch);
  const Coming<T> behind{jumps + size, jumps + 2 * size}, now{jumps + 3 * size, jumps + 4 * size};
  T* emission = jumps + 5 * size;
  if (s.frames == 0) return nabla::cpu::kCtcPossible;
  markJumps(s, jumps, size);
  for (int64_t i = 0; i < size; i++)
    behind.blanks[i] = behind.labels[i] = now.blanks[i] = now.labels[i] = emission[i] = kNever<T>;
  behind.blanks[s.count] = 0;  // paths end in the last blank or the last label: as if a blank without end came
  T shift = 0;
  for (int64_t t = s.frames - 1; t >= 0; t--) {
    const T* cells = static_cast<const T*>(cellData) + t * 2 * width;
    T *parts = static_cast<T*>(shareData) + t * 2 * width, top;
    shift = finiteOrZero(comeBack(s, behind, now, jumps, cells, parts, shift, &top));
    const T total = toParts(width, parts, top);
    if (t == s.frames - 1 && total == 0) return nabla::cpu::kCtcImpossible;
    if (!(total > 0)) return nabla::cpu::kCtcNan;
    if (t == 0) break;
    pick(s, t, -1, emission);
    const T blank = (static_cast<const T*>(s.logProbs) + t * s.step)[s.blank];
    behind.blanks[0] = now.blanks[0] + blank;
    for (int64_t i = 1; i < width; i += kLanes<T>) {
      vstore<T>(behind.blanks + i, vload(now.blanks + i) + blank);
      vstore<T>(behind.labels + i, vload(now.labels + i) + vload(emission + i));
    }
  }
  return nabla::cpu::kCtcPossible;
}

template <class T>
void spread(const void* logProbs, void* outData, double scale, int64_t n) {
  const T *in = static_cast<const T*>(logProbs), factor = static_cast<T>(scale);
  T* out = static_cast<T*>(outData);
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) vstore<T>(out + i, vexp<T>(vload(in + i)) * factor);
  if (i < n) vstorePart<T>(out + i, vexp<T>(vloadPart(in + i, n - i)) * factor, n - i);
}

template <class T>
void take(const CtcSample& s, const void* shareData, void* gradientData, double scale) {
  const T *parts = static_cast<const T*>(shareData), factor = static_cast<T>(scale);
  T *gradient = static_cast<T*>(gradientData), blanks = 0;
  for (int64_t i = 0; i <= s.count; i++) blanks += parts[i];
  gradient[s.blank] -= blanks * factor;
  for (int64_t i = 0; i < s.count; i++) gradient[s.labels[i]] -= parts[s.width + 1 + i] * factor;
}

}  // namespace

extern "C" void NABLA_REGISTER(ctc)(CtcKernels* t) {
  t->forward[0] = forward<float>;
  t->forward[1] = forward<double>;
  t->shares[0] = shares<float>;
  t->shares[1] = shares<double>;
  t->spread[0] = spread<float>;
  t->spread[1] = spread<double>;
  t->take[0] = take<float>;
  t->take[1] = take<double>;
}
