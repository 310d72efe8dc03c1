// Distances between rows in a p-norm, and their gradients, without the differences in memory.
#include "distance.h"

#include "vpow.h"

namespace {

using namespace nabla::cpu;

NABLA_INLINE Vec<float> power(Vec<float> x, Vec<float> y) { return vpow(x, y); }
NABLA_INLINE Vec<double> power(Vec<double> x, Vec<double> y) {
  for (int i = 0; i < kLanes<double>; i++) x[i] = pow(x[i], y[i]);
  return x;
}

// One norm: what a difference adds (`term`), how terms meet (`join`), what makes a norm of them (`close`); and the
// gradient with respect to a difference d, for a factor made of g and the distance.
template <class T>
struct Count {  // p = 0
  static NABLA_INLINE Vec<T> term(Vec<T> d, T) { return vselect<T>(d == T(0), vzero<T>(), vset(T(1))); }
  static NABLA_INLINE Vec<T> join(Vec<T> a, Vec<T> b) { return a + b; }
  static NABLA_INLINE double close(double sum, double) { return sum; }
  static NABLA_INLINE T factor(T, T, T) { return 0; }
  static NABLA_INLINE Vec<T> slope(Vec<T>, Vec<T>, T, T) { return vzero<T>(); }
};
template <class T>
NABLA_INLINE Vec<T> signOf(Vec<T> d) {
  return vselect<T>(d > T(0), vset(T(1)), vselect<T>(d < T(0), vset(T(-1)), d));  // NaN stays
}
template <class T>
struct Taxicab {  // p = 1
  static NABLA_INLINE Vec<T> term(Vec<T> d, T) { return vabs<T>(d); }
  static NABLA_INLINE Vec<T> join(Vec<T> a, Vec<T> b) { return a + b; }
  static NABLA_INLINE double close(double sum, double) { return sum; }
  static NABLA_INLINE T factor(T g, T, T) { return g; }
  static NABLA_INLINE Vec<T> slope(Vec<T> d, Vec<T> f, T, T) { return f * signOf<T>(d); }
};
template <class T>
struct Euclid {  // p = 2
  static NABLA_INLINE Vec<T> term(Vec<T> d, T) { return d * d; }
  static NABLA_INLINE Vec<T> join(Vec<T> a, Vec<T> b) { return a + b; }
  static NABLA_INLINE double close(double sum, double) { return __builtin_sqrt(sum); }
  static NABLA_INLINE T factor(T g, T dist, T) { return dist == 0 ? T(0) : g / dist; }
  static NABLA_INLINE Vec<T> slope(Vec<T> d, Vec<T> f, T, T) { return f * d; }
};
template <class T>
struct Largest {  // p = infinity
  static NABLA_INLINE Vec<T> term(Vec<T> d, T) { return vabs<T>(d); }
  static NABLA_INLINE Vec<T> join(Vec<T> a, Vec<T> b) { return vselect<T>((a > b) | (a != a), a, b); }
  static NABLA_INLINE double close(double top, double) { return top; }
  static NABLA_INLINE T factor(T g, T, T) { return g; }
  static NABLA_INLINE Vec<T> slope(Vec<T> d, Vec<T> f, T dist, T) {
    return vselect<T>(vabs<T>(d) == dist, f * signOf<T>(d), vzero<T>());
  }
};
template <class T>
struct General {
  static NABLA_INLINE Vec<T> term(Vec<T> d, T p) { return power(vabs<T>(d), vset(p)); }
  static NABLA_INLINE Vec<T> join(Vec<T> a, Vec<T> b) { return a + b; }
  static NABLA_INLINE double close(double sum, double p) { return pow(sum, 1 / p); }
  static NABLA_INLINE T factor(T g, T dist, T p) {
    return dist == 0 ? T(0) : static_cast<T>(g / pow(static_cast<double>(dist), static_cast<double>(p) - 1));
  }
  static NABLA_INLINE Vec<T> slope(Vec<T> d, Vec<T> f, T, T p) {
    const Vec<T> size = power(vabs<T>(d), vset(p - T(1)));
    return vselect<T>(d == T(0), vzero<T>(), f * signOf<T>(d) * size);
  }
};

template <class T>
constexpr int64_t kRun = 64 * kLanes<T>;  // elements that are added up in their own type

template <class Op, class T>
NABLA_INLINE double joinLanes(Vec<T> v, double total) {
  for (int i = 0; i < kLanes<T>; i++) {
    const double x = static_cast<double>(v[i]);
    if constexpr (__is_same(Op, Largest<T>))
      total = total > x || total != total ? total : x;
    else
      total += x;
  }
  return total;
}

template <class Op, class T>
void forward(char* out, const char* left, const char* right, int64_t n, int64_t m, double p) {
  const T* a = reinterpret_cast<const T*>(left);
  const T* b = reinterpret_cast<const T*>(right);
  constexpr int64_t kStep = kLanes<T>;
  const T order = static_cast<T>(p);
  for (int64_t j = 0; j < n; j++, b += m) {
    double total = 0;
    for (int64_t first = 0; first < m; first += kRun<T>) {
      const int64_t end = m - first < kRun<T> ? m : first + kRun<T>;
      Vec<T> even = vzero<T>(), odd = even;
      int64_t k = first;
      for (; k + 2 * kStep <= end; k += 2 * kStep) {
        even = Op::join(even, Op::term(vload(a + k) - vload(b + k), order));
        odd = Op::join(odd, Op::term(vload(a + k + kStep) - vload(b + k + kStep), order));
      }
      if (k + kStep <= end) {
        even = Op::join(even, Op::term(vload(a + k) - vload(b + k), order));
        k += kStep;
      }
      if (k < end) odd = Op::join(odd, Op::term(vloadPart(a + k, end - k) - vloadPart(b + k, end - k), order));
      total = joinLanes<Op, T>(Op::join(even, odd), total);
    }
    reinterpret_cast<T*>(out)[j] = static_cast<T>(Op::close(total, p));
  }
}

// Columns in panels, rows in blocks: a block is added up in T, the blocks in double.
template <class Op, class T>
void backward(char* grad, const char* incoming, const char* distances, int64_t step, const char* left,
              const char* right, int64_t n, int64_t m, double p) {
  const T* g = reinterpret_cast<const T*>(incoming);
  const T* dist = reinterpret_cast<const T*>(distances);
  const T* b = reinterpret_cast<const T*>(right);
  constexpr int64_t kStep = kLanes<T>, kColumns = 8 * kStep, kRows = 32;
  const T order = static_cast<T>(p);
  for (int64_t first = 0; first < m; first += kColumns) {
    const int64_t width = m - first < kColumns ? m - first : kColumns;
    T a[kColumns] = {}, sums[kColumns];
    double totals[kColumns] = {};
    __builtin_memcpy(a, reinterpret_cast<const T*>(left) + first, static_cast<size_t>(width) * sizeof(T));
    for (int64_t block = 0; block < n; block += kRows) {
      for (int64_t k = 0; k < kColumns; k++) sums[k] = 0;
      for (int64_t j = block; j < n && j < block + kRows; j++) {
        const T distance = dist[j * step];
        const Vec<T> f = vset(Op::factor(g[j * step], distance, order));
        const T* row = b + j * m + first;
        for (int64_t k = 0; k < width; k += kStep) {
          const Vec<T> other = width - k < kStep ? vloadPart(row + k, width - k) : vload(row + k);
          vstore(sums + k, vload(sums + k) + Op::slope(vload(a + k) - other, f, distance, order));
        }
      }
      for (int64_t k = 0; k < width; k++) totals[k] += static_cast<double>(sums[k]);
    }
    for (int64_t k = 0; k < width; k++) reinterpret_cast<T*>(grad)[first + k] = static_cast<T>(totals[k]);
  }
}

template <class T>
void chooseForward(char* out, const char* a, const char* b, int64_t n, int64_t m, double p) {
  if (p == 0) return forward<Count<T>, T>(out, a, b, n, m, p);
  if (p == 1) return forward<Taxicab<T>, T>(out, a, b, n, m, p);
  if (p == 2) return forward<Euclid<T>, T>(out, a, b, n, m, p);
  if (p == __builtin_inf()) return forward<Largest<T>, T>(out, a, b, n, m, p);
  forward<General<T>, T>(out, a, b, n, m, p);
}
template <class T>
void chooseBackward(char* grad, const char* g, const char* dist, int64_t step, const char* a, const char* b, int64_t n,
                    int64_t m, double p) {
  if (p == 0) return backward<Count<T>, T>(grad, g, dist, step, a, b, n, m, p);
  if (p == 1) return backward<Taxicab<T>, T>(grad, g, dist, step, a, b, n, m, p);
  if (p == 2) return backward<Euclid<T>, T>(grad, g, dist, step, a, b, n, m, p);
  if (p == __builtin_inf()) return backward<Largest<T>, T>(grad, g, dist, step, a, b, n, m, p);
  backward<General<T>, T>(grad, g, dist, step, a, b, n, m, p);
}

}  // namespace

extern "C" void NABLA_REGISTER(distance)(DistanceKernels* t) {
  t->run[0] = {chooseForward<float>, chooseBackward<float>};
  t->run[1] = {chooseForward<double>, chooseBackward<double>};
}
