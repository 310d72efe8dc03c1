// Reductions over any axes. Sums run over at most eight elements in their own type, then in double, in short blocks.
#include "reduce.h"

#include "vec.h"

namespace {

using namespace nabla::cpu;

template <class T>
constexpr bool kFloat = __is_same(T, float) || __is_same(T, double);

constexpr int64_t kBlock = 64;  // steps of a lane before it is carried over, so that rounding errors stay small

template <class T>
struct Limits;
template <>
struct Limits<float> {
  static constexpr float low = -__builtin_inff(), high = __builtin_inff();
};
template <>
struct Limits<double> {
  static constexpr double low = -__builtin_inf(), high = __builtin_inf();
};
template <>
struct Limits<int32_t> {
  static constexpr int32_t low = INT32_MIN, high = INT32_MAX;
};
template <>
struct Limits<int64_t> {
  static constexpr int64_t low = INT64_MIN, high = INT64_MAX;
};
template <>
struct Limits<int8_t> {
  static constexpr int8_t low = INT8_MIN, high = INT8_MAX;
};
template <>
struct Limits<uint8_t> {
  static constexpr uint8_t low = 0, high = UINT8_MAX;
};

template <bool kIsFloat>
struct WideType {
  using Type = double;
};
template <>
struct WideType<false> {
  using Type = int64_t;
};
template <class T>
using Wide = typename WideType<kFloat<T>>::Type;

// An op on elements T: its accumulator, the start value, one step. kLanewise: `lanes` steps vectors of Lane.
template <class T>
struct Sum {
  using Acc = Wide<T>;
  using Lane = Acc;
  static constexpr bool kLanewise = kFloat<T>, kIdempotent = false;
  static constexpr T kStart = 0;
  static NABLA_INLINE Acc step(Acc a, Acc x) {
    if constexpr (kFloat<T>)
      return a + x;
    else
      return static_cast<Acc>(static_cast<uint64_t>(a) + static_cast<uint64_t>(x));
  }
  template <class V>
  static NABLA_INLINE V lanes(V a, V x) {
    return a + x;
  }
};
template <class T>
struct Prod {
  using Acc = Wide<T>;
  static constexpr bool kLanewise = false, kIdempotent = false;
  static constexpr T kStart = 1;
  static NABLA_INLINE Acc step(Acc a, Acc x) {
    if constexpr (kFloat<T>)
      return a * x;
    else
      return static_cast<Acc>(static_cast<uint64_t>(a) * static_cast<uint64_t>(x));
  }
};
template <class T>
struct Max {
  using Acc = T;
  using Lane = T;
  static constexpr bool kLanewise = kFloat<T>, kIdempotent = true;
  static constexpr T kStart = Limits<T>::low;
  static NABLA_INLINE T step(T a, T x) {
    if constexpr (kFloat<T>)
      return a > x || a != a ? a : x;
    else
      return a > x ? a : x;
  }
  template <class V>
  static NABLA_INLINE V lanes(V a, V x) {
    return (a > x) | (a != a) ? a : x;
  }
};
template <class T>
struct Min {
  using Acc = T;
  using Lane = T;
  static constexpr bool kLanewise = kFloat<T>, kIdempotent = true;
  static constexpr T kStart = Limits<T>::high;
  static NABLA_INLINE T step(T a, T x) {
    if constexpr (kFloat<T>)
      return a < x || a != a ? a : x;
    else
      return a < x ? a : x;
  }
  template <class V>
  static NABLA_INLINE V lanes(V a, V x) {
    return (a < x) | (a != a) ? a : x;
  }
};
template <class T>
struct Any {
  using Acc = uint8_t;
  static constexpr bool kLanewise = false, kIdempotent = true;
  static constexpr uint8_t kStart = 0;
  static NABLA_INLINE uint8_t step(uint8_t a, bool x) { return a | x; }
};
template <class T>
struct All {
  using Acc = uint8_t;
  static constexpr bool kLanewise = false, kIdempotent = true;
  static constexpr uint8_t kStart = 1;
  static NABLA_INLINE uint8_t step(uint8_t a, bool x) { return a & x; }
};

// Accumulators of one vector of T in the type L, which is T or as wide again.
template <class L, class T>
constexpr int kParts = static_cast<int>(sizeof(L) / sizeof(T));

template <class Op, class T>
NABLA_INLINE void carry(Vec<typename Op::Lane>* acc, Vec<T> v) {
  using L = typename Op::Lane;
  typedef T Narrow __attribute__((vector_size(kLanes<L> * sizeof(T))));
  Narrow parts[kParts<L, T>];
  __builtin_memcpy(parts, &v, sizeof v);
  for (int i = 0; i < kParts<L, T>; i++) acc[i] = Op::lanes(acc[i], __builtin_convertvector(parts[i], Vec<L>));
}

template <int... I>
struct Indices {};
template <int N, int... I>
struct MakeIndices : MakeIndices<N - 1, N - 1, I...> {};
template <int... I>
struct MakeIndices<0, I...> {
  using Type = Indices<I...>;
};
template <int kBy, class V, int... I>
NABLA_INLINE V rotate(V v, Indices<I...>) {
  return __builtin_shufflevector(v, v, ((I + kBy) % static_cast<int>(sizeof...(I)))...);
}

// All lanes into one, halving.
template <class Op, class L, int kWidth = kLanes<L> / 2>
NABLA_INLINE L fold(Vec<L> v) {
  if constexpr (kWidth == 0)
    return v[0];
  else
    return fold<Op, L, kWidth / 2>(Op::lanes(v, rotate<kWidth>(v, typename MakeIndices<kLanes<L>>::Type{})));
}

// The last `count` lanes of a vector, the start value in the others.
template <class Op, class T>
NABLA_INLINE Vec<T> lastLanes(const T* p, int64_t count) {
  if constexpr (Op::kIdempotent) return vload<T>(p);
  VecInt<T> lane{};
  for (int i = 0; i < kLanes<T>; i++) lane[i] = i;
  const VecInt<T> bound = VecInt<T>{} + static_cast<decltype(lane[0] + 0)>(kLanes<T> - count);
  return lane >= bound ? vload<T>(p) : vset<T>(T(0)) + T(Op::kStart);
}

// A contiguous run.
template <class Op, class T>
NABLA_INLINE typename Op::Acc reduceBlock(const T* p, int64_t n) {
  using L = typename Op::Lane;
  constexpr int64_t kStep = kLanes<T>;
  if (n < kStep) {
    typename Op::Acc total = Op::kStart;
    for (int64_t j = 0; j < n; j++) total = Op::step(total, p[j]);
    return total;
  }
  Vec<L> acc[kParts<L, T>];
  for (auto& a : acc) a = vset<L>(L(0)) + L(Op::kStart);
  int64_t j = 0;
  for (; j + 8 * kStep <= n; j += 8 * kStep) {
    Vec<T> v[8];
    for (int k = 0; k < 8; k++) v[k] = vload<T>(p + j + k * kStep);
    for (int width = 4; width; width /= 2)
      for (int k = 0; k < width; k++) v[k] = Op::lanes(v[k], v[k + width]);
    carry<Op, T>(acc, v[0]);
  }
  if (j < n) {
    Vec<T> even = vset<T>(T(0)) + T(Op::kStart), odd = even;
    for (; j + 2 * kStep <= n; j += 2 * kStep) {
      even = Op::lanes(even, vload<T>(p + j));
      odd = Op::lanes(odd, vload<T>(p + j + kStep));
    }
    if (j + kStep <= n) {
      even = Op::lanes(even, vload<T>(p + j));
      j += kStep;
    }
    if (j < n) odd = Op::lanes(odd, lastLanes<Op, T>(p + n - kStep, n - j));
    carry<Op, T>(acc, Op::lanes(even, odd));
  }
  if constexpr (kParts<L, T> == 2) acc[0] = Op::lanes(acc[0], acc[1]);
  return fold<Op, L>(acc[0]);
}

template <class Op, class T>
NABLA_INLINE typename Op::Acc reduceRun(typename Op::Acc acc, const T* p, int64_t n) {
  if constexpr (Op::kLanewise) {
    constexpr int64_t kRun = kBlock * 8 * kLanes<T>;
    for (int64_t j = 0; j < n; j += kRun) acc = Op::step(acc, reduceBlock<Op, T>(p + j, n - j < kRun ? n - j : kRun));
  } else {
    NABLA_LANES for (int64_t j = 0; j < n; j++) acc = Op::step(acc, p[j]);
  }
  return acc;
}

// Up to kBlock * 8 rows of up to kPanel neighbouring outputs, eight rows at a time along the memory.
constexpr int64_t kPanel = 1024;

// Eight rows (or fewer) of one vector of outputs, the last one cut to `last` lanes.
template <class Op, class T>
NABLA_INLINE Vec<T> stepRows(const T* p, int64_t s0, int64_t rows, int64_t last) {
  Vec<T> v = vset<T>(T(0)) + T(Op::kStart);
  if (rows == 8 && last == kLanes<T>) {
    for (int j = 0; j < 8; j++) v = Op::lanes(v, vload<T>(p + j * s0));
    return v;
  }
  for (int64_t j = 0; j < rows; j++)
    v = Op::lanes(v, last == kLanes<T> ? vload<T>(p + j * s0) : vloadPart<T>(p + j * s0, last));
  return v;
}

template <class Op, class T>
NABLA_INLINE void reducePanel(typename Op::Acc* acc, const T* in, int64_t outputs, int64_t rows, int64_t s0) {
  using L = typename Op::Lane;
  constexpr int64_t kStep = kLanes<T>;
  constexpr int kWide = kParts<L, T>;
  L total[kPanel];
  for (int64_t o = 0; o < outputs + kStep && o < kPanel; o++) total[o] = L(Op::kStart);
  for (int64_t r = 0; r < rows; r += 8) {
    const int64_t count = rows - r < 8 ? rows - r : 8;
    for (int64_t o = 0; o < outputs; o += kStep) {
      const int64_t last = outputs - o < kStep ? outputs - o : kStep;
      Vec<L> sums[kWide];
      for (int k = 0; k < kWide; k++) sums[k] = vload<L>(total + o + k * kLanes<L>);
      carry<Op, T>(sums, stepRows<Op, T>(in + r * s0 + o, s0, count, last));
      for (int k = 0; k < kWide; k++) vstore<L>(total + o + k * kLanes<L>, sums[k]);
    }
  }
  for (int64_t o = 0; o < outputs; o++) acc[o] = Op::step(acc[o], total[o]);
}

template <class Op, class T>
void accumulateColumns(typename Op::Acc* acc, const T* in, const ReduceRect& r) {
  if constexpr (Op::kLanewise) {
    constexpr int64_t kRows = kBlock * 8;
    for (int64_t o = 0; o < r.outputs; o += kPanel)
      for (int64_t i = 0; i < r.n1; i++)
        for (int64_t j = 0; j < r.n0; j += kRows)
          reducePanel<Op, T>(acc + o, in + o + i * r.s1 + j * r.s0, r.outputs - o < kPanel ? r.outputs - o : kPanel,
                             r.n0 - j < kRows ? r.n0 - j : kRows, r.s0);
  } else {
    for (int64_t i = 0; i < r.n1; i++)
      for (int64_t j = 0; j < r.n0; j++) {
        const T* p = in + i * r.s1 + j * r.s0;
        NABLA_LANES for (int64_t o = 0; o < r.outputs; o++) acc[o] = Op::step(acc[o], p[o]);
      }
  }
}

template <class Op, class T>
void accumulate(char* data, const ReduceRect& r) {
  auto* acc = reinterpret_cast<typename Op::Acc*>(data);
  const T* in = reinterpret_cast<const T*>(r.in);
  if (r.os == 1 && r.s0 != 1 && r.outputs > 1) return accumulateColumns<Op, T>(acc, in, r);
  for (int64_t o = 0; o < r.outputs; o++, in += r.os) {
    typename Op::Acc total = acc[o];
    for (int64_t i = 0; i < r.n1; i++) {
      const T* p = in + i * r.s1;
      if (r.s0 == 1) {
        total = reduceRun<Op, T>(total, p, r.n0);
      } else {
        for (int64_t j = 0; j < r.n0; j++) total = Op::step(total, p[j * r.s0]);
      }
    }
    acc[o] = total;
  }
}

template <class Op>
void init(char* data, int64_t n) {
  auto* acc = reinterpret_cast<typename Op::Acc*>(data);
  for (int64_t i = 0; i < n; i++) acc[i] = Op::kStart;
}

template <class Op>
void combine(char* data, const char* later, int64_t n) {
  auto* acc = reinterpret_cast<typename Op::Acc*>(data);
  const auto* more = reinterpret_cast<const typename Op::Acc*>(later);
  for (int64_t i = 0; i < n; i++) acc[i] = Op::step(acc[i], more[i]);
}

template <class Op, class Out, bool kMean>
void finish(char* data, int64_t stride, const char* from, int64_t n, int64_t count) {
  Out* out = reinterpret_cast<Out*>(data);
  const auto* acc = reinterpret_cast<const typename Op::Acc*>(from);
  for (int64_t i = 0; i < n; i++) {
    if constexpr (kMean)
      out[i * stride] = static_cast<Out>(acc[i] / static_cast<double>(count));
    else
      out[i * stride] = static_cast<Out>(acc[i]);
  }
}

template <class Op, class T, class Out, bool kMean = false>
constexpr ReduceFunctions functions() {
  return {init<Op>, accumulate<Op, T>, combine<Op>, finish<Op, Out, kMean>};
}

template <class T>
NABLA_INLINE bool beats(bool wantMax, T x, T best) {
  if constexpr (kFloat<T>) {
    if (best != best) return false;
    if (x != x) return true;
  }
  return wantMax ? x > best : x < best;
}

// A contiguous run: every lane keeps its best and where it was; of equal lanes the earliest position wins.
template <bool kMax, class T>
NABLA_INLINE void argRun(const T* p, int64_t n, T* value, int64_t* index) {
  constexpr int64_t kStep = kLanes<T>;
  int64_t k = 1, at = 0;
  T best = p[0];
  if (n >= 2 * kStep && n <= INT32_MAX) {
    Vec<T> bests = vload<T>(p);
    VecInt<T> positions{}, current{};
    for (int i = 0; i < kStep; i++) positions[i] = i;
    current = positions;
    for (k = kStep; k + kStep <= n; k += kStep) {
      const Vec<T> x = vload<T>(p + k);
      current += kStep;
      const VecInt<T> better = kMax ? x > bests : x < bests;
      const VecInt<T> take = better | ((x != x) & (bests == bests));
      bests = take ? x : bests;
      positions = take ? current : positions;
    }
    best = bests[0], at = positions[0];
    for (int i = 1; i < kStep; i++) {
      const bool equal = bests[i] == best || (bests[i] != bests[i] && best != best);
      if (beats(kMax, bests[i], best) || (equal && positions[i] < at)) best = bests[i], at = positions[i];
    }
  }
  for (; k < n; k++)
    if (beats(kMax, p[k], best)) best = p[k], at = k;
  *value = best;
  *index = at;
}

template <bool kMax, class T>
void arg(const Rect& r, int64_t n, int64_t stride) {
  int64_t* index = reinterpret_cast<int64_t*>(r.p[0]);
  T* value = reinterpret_cast<T*>(r.p[1]);
  const T* in = reinterpret_cast<const T*>(r.p[2]);
  constexpr int64_t kGroup = 64;  // outputs scanned side by side, so that rows are read along the memory
  for (int64_t i = 0; i < r.n1; i++)
    for (int64_t first = 0; first < r.n0; first += kGroup) {
      const int64_t count = r.n0 - first < kGroup ? r.n0 - first : kGroup;
      const T* p = in + i * r.s1[2] + first * r.s0[2];
      T best[kGroup];
      int64_t at[kGroup];
      if (stride == 1 || r.s0[2] > stride) {
        for (int64_t j = 0; j < count; j++) {
          const T* q = p + j * r.s0[2];
          if constexpr (kFloat<T>)
            if (stride == 1) {
              argRun<kMax>(q, n, &best[j], &at[j]);
              continue;
            }
          best[j] = q[0];
          at[j] = 0;
          for (int64_t k = 1; k < n; k++)
            if (beats(kMax, q[k * stride], best[j])) best[j] = q[k * stride], at[j] = k;
        }
      } else {
        for (int64_t j = 0; j < count; j++) best[j] = p[j * r.s0[2]], at[j] = 0;
        for (int64_t k = 1; k < n; k++)
          for (int64_t j = 0; j < count; j++) {
            const T x = p[j * r.s0[2] + k * stride];
            const bool take = beats(kMax, x, best[j]);
            best[j] = take ? x : best[j];
            at[j] = take ? k : at[j];
          }
      }
      for (int64_t j = 0; j < count; j++) {
        index[i * r.s1[0] + (first + j) * r.s0[0]] = at[j];
        if (value) value[i * r.s1[1] + (first + j) * r.s0[1]] = best[j];
      }
    }
}

template <class T>
void registerType(ReduceKernels* t, int type) {
  if constexpr (kFloat<T>) {
    t->run[kReduceSum][type] = functions<Sum<T>, T, T>();
    t->run[kReduceProd][type] = functions<Prod<T>, T, T>();
    t->run[kReduceMean][type] = functions<Sum<T>, T, T, true>();
  } else {
    t->run[kReduceSum][type] = functions<Sum<T>, T, int64_t>();
    t->run[kReduceProd][type] = functions<Prod<T>, T, int64_t>();
  }
  t->run[kReduceMax][type] = functions<Max<T>, T, T>();
  t->run[kReduceMin][type] = functions<Min<T>, T, T>();
  t->run[kReduceAny][type] = functions<Any<T>, T, uint8_t>();
  t->run[kReduceAll][type] = functions<All<T>, T, uint8_t>();
  t->arg[kArgMax][type] = arg<true, T>;
  t->arg[kArgMin][type] = arg<false, T>;
}

}  // namespace

extern "C" void NABLA_REGISTER(reduce)(ReduceKernels* t) {
  registerType<float>(t, 0);
  registerType<double>(t, 1);
  registerType<int32_t>(t, 2);
  registerType<int64_t>(t, 3);
  registerType<uint8_t>(t, 4);
  registerType<uint8_t>(t, 5);
  registerType<int8_t>(t, 6);
}
