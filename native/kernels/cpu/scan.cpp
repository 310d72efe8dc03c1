// Scans along an axis. Sums and products of floats run in double, as in PyTorch.
#include "scan.h"

#include "vmath.h"

namespace {

using namespace nabla::cpu;

template <class T>
constexpr bool kFloat = __is_same(T, float) || __is_same(T, double);

template <bool kIsFloat>
struct WideType {
  using Type = double;
};
template <>
struct WideType<false> {
  using Type = uint64_t;  // wraps around
};
template <class T>
using Wide = typename WideType<kFloat<T>>::Type;
template <bool kIsFloat, class T>
struct OutType {
  using Type = T;
};
template <class T>
struct OutType<false, T> {
  using Type = uint64_t;
};
template <class T>
using Out = typename OutType<kFloat<T>, T>::Type;

template <class S>
S* statesOf(char* state) {
  return reinterpret_cast<S*>(state);
}

template <class T>
struct Sum {
  using A = Wide<T>;
  static constexpr A kStart = 0;
  static NABLA_INLINE A step(A a, A b) { return a + b; }
};
template <class T>
struct Prod {
  using A = Wide<T>;
  static constexpr A kStart = 1;
  static NABLA_INLINE A step(A a, A b) { return a * b; }
};

template <class Op>
void startPlain(char* state, int64_t lanes) {
  auto* s = statesOf<typename Op::A>(state);
  for (int64_t l = 0; l < lanes; l++) s[l] = Op::kStart;
}

template <class Op, class T>
void foldPlain(char* state, const ScanPart& r) {
  using A = typename Op::A;
  A* s = statesOf<A>(state);
  const T* in = reinterpret_cast<const T*>(r.in);
  if (r.lanes == 1 && r.stride == 1) {
    constexpr int kWays = 16;
    A part[kWays];
    for (A& p : part) p = Op::kStart;
    int64_t i = 0;
    for (; i + kWays <= r.n; i += kWays)
      for (int k = 0; k < kWays; k++) part[k] = Op::step(part[k], static_cast<A>(in[i + k]));
    for (int k = 0; i < r.n; i++, k++) part[k] = Op::step(part[k], static_cast<A>(in[i]));
    for (int width = kWays / 2; width; width /= 2)
      for (int k = 0; k < width; k++) part[k] = Op::step(part[k], part[k + width]);
    s[0] = Op::step(s[0], part[0]);
    return;
  }
  for (int64_t i = 0; i < r.n; i++, in += r.stride) {
    NABLA_LANES for (int64_t l = 0; l < r.lanes; l++) s[l] = Op::step(s[l], static_cast<A>(in[l]));
  }
}

template <class Op>
void combinePlain(char* state, const char* later, int64_t lanes) {
  auto* s = statesOf<typename Op::A>(state);
  const auto* more = reinterpret_cast<const typename Op::A*>(later);
  for (int64_t l = 0; l < lanes; l++) s[l] = Op::step(s[l], more[l]);
}

// Eight neighbours of a run: partial sums in a tree, so that only one addition in eight waits for the one before.
template <class T>
NABLA_INLINE Wide<T> sumRun(Wide<T> carry, const T* in, Out<T>* out, int64_t n) {
  using A = Wide<T>;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    A t[8];
    for (int k = 0; k < 8; k++) t[k] = static_cast<A>(in[i + k]);
    for (int k = 1; k < 8; k += 2) t[k] += t[k - 1];
    t[2] += t[1], t[3] += t[1], t[6] += t[5], t[7] += t[5];
    for (int k = 4; k < 8; k++) t[k] += t[3];
    for (int k = 0; k < 8; k++) out[i + k] = static_cast<Out<T>>(carry + t[k]);
    carry += t[7];
  }
  for (; i < n; i++) {
    carry += static_cast<A>(in[i]);
    out[i] = static_cast<Out<T>>(carry);
  }
  return carry;
}

template <class Op, class T, bool kTree>
void scanPlain(char* state, const ScanPart& r) {
  using A = typename Op::A;
  A* s = statesOf<A>(state);
  const T* in = reinterpret_cast<const T*>(r.in);
  auto* out = reinterpret_cast<Out<T>*>(r.out);
  if constexpr (kTree) {
    if (r.lanes == 1 && r.stride == 1) {
      s[0] = sumRun<T>(s[0], in, out, r.n);
      return;
    }
  }
  if (r.lanes == 1) {
    A carry = s[0];
    for (int64_t i = 0; i < r.n; i++) {
      carry = Op::step(carry, static_cast<A>(in[i * r.stride]));
      out[i * r.stride] = static_cast<Out<T>>(carry);
    }
    s[0] = carry;
    return;
  }
  for (int64_t i = 0; i < r.n; i++, in += r.stride, out += r.stride) {
    NABLA_LANES for (int64_t l = 0; l < r.lanes; l++) {
      s[l] = Op::step(s[l], static_cast<A>(in[l]));
      out[l] = static_cast<Out<T>>(s[l]);
    }
  }
}

// The largest element so far and the sum of the exponentials of the distances to it. Lanes are kept apart by arrays.
struct LogSum {
  double* top;
  double* sum;
};
NABLA_INLINE LogSum logSumsOf(char* state, int64_t lanes) {
  auto* s = reinterpret_cast<double*>(state);
  return {s, s + lanes};
}

void startLog(char* state, int64_t lanes) {
  const LogSum s = logSumsOf(state, lanes);
  for (int64_t l = 0; l < lanes; l++) s.top[l] = -__builtin_inf(), s.sum[l] = 0;
}

// NaN goes through; equal operands, infinite ones too, count once each.
NABLA_INLINE void addExp(Vec<double>& top, Vec<double>& sum, Vec<double> x, Vec<double> weight) {
  const VecInt<double> larger = (x > top) | (x != x), equal = x == top;
  const Vec<double> gap = larger ? top - x : x - top;
  const Vec<double> scale = equal ? vset<double>(1) : vexp<double>(gap);
  sum = larger ? sum * scale + weight : sum + weight * scale;
  top = larger ? x : top;
}

constexpr int64_t kDoubles = kLanes<double>;

template <class T>
NABLA_INLINE Vec<double> loadWide(const T* p, int64_t n) {
  if constexpr (__is_same(T, double)) {
    return n == kDoubles ? vload<double>(p) : vloadPart<double>(p, n);
  } else {
    typedef float Half __attribute__((vector_size(kDoubles * sizeof(float))));
    Half h{};
    if (n == kDoubles)
      __builtin_memcpy(&h, p, sizeof h);
    else
      __builtin_memcpy(&h, p, static_cast<size_t>(n) * sizeof(float));
    return __builtin_convertvector(h, Vec<double>);
  }
}
template <class T>
NABLA_INLINE void storeNarrow(T* p, Vec<double> v, int64_t n) {
  if constexpr (__is_same(T, double)) {
    vstorePart<double>(p, v, n);
  } else {
    typedef float Half __attribute__((vector_size(kDoubles * sizeof(float))));
    const Half h = __builtin_convertvector(v, Half);
    __builtin_memcpy(p, &h, static_cast<size_t>(n) * sizeof(float));
  }
}

template <class T, bool kWrite>
NABLA_INLINE void logLanes(LogSum s, const ScanPart& r) {
  for (int64_t l = 0; l < r.lanes; l += kDoubles) {
    const int64_t n = r.lanes - l < kDoubles ? r.lanes - l : kDoubles;
    Vec<double> top = vloadPart<double>(s.top + l, n), sum = vloadPart<double>(s.sum + l, n);
    const T* in = reinterpret_cast<const T*>(r.in) + l;
    T* out = reinterpret_cast<T*>(r.out) + l;
    for (int64_t i = 0; i < r.n; i++) {
      addExp(top, sum, loadWide<T>(in + i * r.stride, n), vset<double>(1));
      if constexpr (kWrite) storeNarrow<T>(out + i * r.stride, top + vlog<double>(sum), n);
    }
    vstorePart<double>(s.top + l, top, n);
    vstorePart<double>(s.sum + l, sum, n);
  }
}

// One lane: maxima first, so that the exponentials and logarithms of a block run side by side.
template <class T, bool kWrite>
NABLA_INLINE void logRun(LogSum s, const ScanPart& r) {
  constexpr int64_t kRun = 256;
  double x[kRun], before[kRun], scale[kRun], sum[kRun];
  const T* in = reinterpret_cast<const T*>(r.in);
  T* out = reinterpret_cast<T*>(r.out);
  double top = s.top[0], total = s.sum[0];
  for (int64_t first = 0; first < r.n; first += kRun) {
    const int64_t n = r.n - first < kRun ? r.n - first : kRun;
    for (int64_t i = 0; i < n; i++) {
      x[i] = static_cast<double>(in[(first + i) * r.stride]);
      before[i] = top;
      top = x[i] > top || x[i] != x[i] ? x[i] : top;
    }
    for (int64_t i = n; i % kDoubles; i++) x[i] = before[i] = 0;
    for (int64_t i = 0; i < n; i += kDoubles) {
      const Vec<double> a = vload(x + i), b = vload(before + i);
      const Vec<double> gap = a > b ? b - a : a - b;
      vstore(scale + i, a == b ? vset<double>(1) : vexp<double>(gap));
    }
    for (int64_t i = 0; i < n; i++) {
      const bool larger = x[i] > before[i] || x[i] != x[i];
      total = larger ? total * scale[i] + 1 : total + scale[i];
      sum[i] = total;
      before[i] = larger ? x[i] : before[i];
    }
    if constexpr (kWrite) {
      for (int64_t i = n; i % kDoubles; i++) sum[i] = 1;
      for (int64_t i = 0; i < n; i += kDoubles) vstore(sum + i, vload(before + i) + vlog<double>(vload(sum + i)));
      for (int64_t i = 0; i < n; i++) out[(first + i) * r.stride] = static_cast<T>(sum[i]);
    }
  }
  s.top[0] = top;
  s.sum[0] = total;
}

template <class T, bool kWrite>
void logScan(char* state, const ScanPart& r) {
  const LogSum s = logSumsOf(state, r.lanes);
  if (r.lanes == 1)
    logRun<T, kWrite>(s, r);
  else
    logLanes<T, kWrite>(s, r);
}

void combineLog(char* state, const char* later, int64_t lanes) {
  const LogSum s = logSumsOf(state, lanes), more = logSumsOf(const_cast<char*>(later), lanes);
  for (int64_t l = 0; l < lanes; l += kDoubles) {
    const int64_t n = lanes - l < kDoubles ? lanes - l : kDoubles;
    Vec<double> top = vloadPart<double>(s.top + l, n), sum = vloadPart<double>(s.sum + l, n);
    addExp(top, sum, vloadPart<double>(more.top + l, n), vloadPart<double>(more.sum + l, n));
    vstorePart<double>(s.top + l, top, n);
    vstorePart<double>(s.sum + l, sum, n);
  }
}

template <class T>
struct Best {
  T value;
  int64_t index;  // -1: none yet
};

template <bool kMax, class T>
NABLA_INLINE bool takes(T x, const Best<T>& best) {
  if (best.index < 0) return true;
  if constexpr (kFloat<T>) {
    if (x != x) return true;
    if (best.value != best.value) return false;
  }
  return kMax ? x >= best.value : x <= best.value;
}

template <class T>
void startBest(char* state, int64_t lanes) {
  auto* s = statesOf<Best<T>>(state);
  for (int64_t l = 0; l < lanes; l++) s[l] = {T(0), -1};
}

template <bool kMax, class T, bool kWrite>
void scanBest(char* state, const ScanPart& r) {
  auto* s = statesOf<Best<T>>(state);
  const T* in = reinterpret_cast<const T*>(r.in);
  T* out = reinterpret_cast<T*>(r.out);
  if (r.lanes == 1) {
    Best<T> best = s[0];
    for (int64_t i = 0; i < r.n; i++) {
      const T x = in[i * r.stride];
      if (takes<kMax>(x, best)) best = {x, r.first + i};
      if constexpr (kWrite) out[i * r.stride] = best.value, r.indices[i * r.stride] = best.index;
    }
    s[0] = best;
    return;
  }
  for (int64_t i = 0; i < r.n; i++) {
    for (int64_t l = 0; l < r.lanes; l++) {
      const T x = in[i * r.stride + l];
      const bool take = takes<kMax>(x, s[l]);
      s[l].value = take ? x : s[l].value;
      s[l].index = take ? r.first + i : s[l].index;
      if constexpr (kWrite) out[i * r.stride + l] = s[l].value, r.indices[i * r.stride + l] = s[l].index;
    }
  }
}

template <bool kMax, class T>
void combineBest(char* state, const char* later, int64_t lanes) {
  auto* s = statesOf<Best<T>>(state);
  const auto* more = reinterpret_cast<const Best<T>*>(later);
  for (int64_t l = 0; l < lanes; l++)
    if (more[l].index >= 0 && takes<kMax>(more[l].value, s[l])) s[l] = more[l];
}

template <class T>
void registerType(ScanKernels* t, int type) {
  using S = Sum<T>;
  using P = Prod<T>;
  t->run[kScanSum][type] = {startPlain<S>, foldPlain<S, T>, combinePlain<S>, scanPlain<S, T, true>};
  t->run[kScanProd][type] = {startPlain<P>, foldPlain<P, T>, combinePlain<P>, scanPlain<P, T, false>};
  if constexpr (kFloat<T>) t->run[kScanLogSumExp][type] = {startLog, logScan<T, false>, combineLog, logScan<T, true>};
  t->run[kScanMax][type] = {startBest<T>, scanBest<true, T, false>, combineBest<true, T>, scanBest<true, T, true>};
  t->run[kScanMin][type] = {startBest<T>, scanBest<false, T, false>, combineBest<false, T>, scanBest<false, T, true>};
}

}  // namespace

extern "C" void NABLA_REGISTER(scan)(ScanKernels* t) {
  registerType<float>(t, 0);
  registerType<double>(t, 1);
  registerType<int32_t>(t, 2);
  registerType<int64_t>(t, 3);
  registerType<uint8_t>(t, 4);
  registerType<uint8_t>(t, 5);
  registerType<int8_t>(t, 6);
}
