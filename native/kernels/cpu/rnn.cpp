// A step is one matrix product over [x | h] whose tile holds all gates of a group of units: gates, cell and state are
// computed where the sums lie in registers. A group is one vector of units times its gates, or four vectors of units.
#include "rnn.h"

#include "vmath.h"
#include "vtranspose.h"

namespace {

using namespace nabla::cpu;

// Rows of a tile beside four vectors of sums.
#if NABLA_VECTOR_BYTES == 64 || defined(__aarch64__)
constexpr int kRows = 7;
constexpr bool kManyRegisters = true;
#elif NABLA_VECTOR_BYTES == 32
constexpr int kRows = 3;
constexpr bool kManyRegisters = false;
#else
constexpr int kRows = 2;
constexpr bool kManyRegisters = false;
#endif
constexpr int kSums = 4;

template <class T, RnnKind K>
constexpr int64_t kUnits = (K == kLstm || K == kGru) ? kLanes<T> : kSums* kLanes<T>;
template <RnnKind K>
constexpr int kVectors = K == kGru ? 3 : kSums;  // of a panel

// acc[i][j] += a[i, k] * w[k, j]; the last of the N vectors goes to acc[i][kLast].
template <class T, int MR, int N, int kLast>
NABLA_INLINE void multiply(int64_t k, const T* a, int64_t aRow, const T* w, Vec<T> (&acc)[MR][kSums]) {
  for (int64_t p = 0; p < k; p++, a++, w += N * kLanes<T>) {
    if constexpr (kManyRegisters) {
      Vec<T> wv[N];
#pragma GCC unroll 4
      for (int j = 0; j < N; j++) wv[j] = vload(w + j * kLanes<T>);
#pragma GCC unroll 8
      for (int i = 0; i < MR; i++) {
        const Vec<T> av = vset<T>(a[i * aRow]);
#pragma GCC unroll 4
        for (int j = 0; j < N; j++) acc[i][j == N - 1 ? kLast : j] += av * wv[j];
      }
    } else {
      Vec<T> av[MR];
#pragma GCC unroll 8
      for (int i = 0; i < MR; i++) av[i] = vset<T>(a[i * aRow]);
#pragma GCC unroll 4
      for (int j = 0; j < N; j++) {
        const Vec<T> wv = vload(w + j * kLanes<T>);
#pragma GCC unroll 8
        for (int i = 0; i < MR; i++) acc[i][j == N - 1 ? kLast : j] += av[i] * wv;
      }
    }
  }
}

template <class T, int MR, bool kGruSums>
void tile(const RnnStep<T>& s, int64_t row, const T* w, const T* bias, T* sums) {
  constexpr int N = kGruSums ? 3 : kSums;
  Vec<T> acc[MR][kSums];
#pragma GCC unroll 4
  for (int j = 0; j < kSums; j++) {
    const Vec<T> b = vload(bias + j * kLanes<T>);
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++) acc[i][j] = b;
  }
  multiply<T, MR, N, N - 1>(s.inputs, s.x + row * s.xRow, s.xRow, w, acc);
  multiply<T, MR, N, kSums - 1>(s.states, s.h + row * s.hRow, s.hRow, w + s.inputs * N * kLanes<T>, acc);
#pragma GCC unroll 8
  for (int i = 0; i < MR; i++)
#pragma GCC unroll 4
    for (int j = 0; j < kSums; j++) vstore(sums + (i * kSums + j) * kLanes<T>, acc[i][j]);
}

template <class T, bool kGruSums, int MR = kRows>
NABLA_INLINE void tileOf(int rows, const RnnStep<T>& s, int64_t row, const T* w, const T* bias, T* sums) {
  if (rows == MR) return tile<T, MR, kGruSums>(s, row, w, bias, sums);
  if constexpr (MR > 1) tileOf<T, kGruSums, MR - 1>(rows, s, row, w, bias, sums);
}

// One vector of units of one row; the first n lanes exist.
template <class T>
struct Lanes {
  int64_t n;
  NABLA_INLINE Vec<T> load(const T* p) const { return n == kLanes<T> ? vload(p) : vloadPart(p, n); }
  NABLA_INLINE void store(T* p, Vec<T> v) const {
    if (n == kLanes<T>) return vstore(p, v);
    vstorePart(p, v, n);
  }
};

template <class T, RnnKind K>
NABLA_INLINE void finishRow(const RnnStep<T>& s, int64_t row, int64_t unit, const T* sums) {
  constexpr int L = kLanes<T>;
  const auto lanesFrom = [&](int64_t u) { return Lanes<T>{s.hidden - u < L ? s.hidden - u : L}; };
  const auto sum = [&](int j) { return vload(sums + j * L); };
  T* out = s.out + row * s.outRow;
  if constexpr (K == kRnnTanh || K == kRnnRelu) {
    for (int j = 0; j < kSums && unit + j * L < s.hidden; j++) {
      const int64_t u = unit + j * L;
      const Vec<T> v = sum(j);
      lanesFrom(u).store(out + u, K == kRnnTanh ? vtanh<T>(v) : vselect<T>(v < T(0), vzero<T>(), v));
    }
    return;
  }
  const Lanes<T> lanes = lanesFrom(unit);
  const Vec<T> first = vsigmoid<T>(sum(0)), second = vsigmoid<T>(sum(1));
  Vec<T> third, fourth;
  if constexpr (K == kLstm) {
    third = vtanh<T>(sum(2)), fourth = vsigmoid<T>(sum(3));
    const Vec<T> c = second * lanes.load(s.c + row * s.cRow + unit) + first * third;
    lanes.store(s.cOut + row * s.cOutRow + unit, c);
    lanes.store(out + unit, fourth * vtanh<T>(c));
  } else {
    fourth = sum(3), third = vtanh<T>(sum(2) + first * fourth);
    const Vec<T> h = lanes.load(s.h + row * s.hRow + unit);
    lanes.store(out + unit, (T(1) - second) * third + second * h);
  }
  if (!s.gates) return;
  T* gates = s.gates + row * s.gatesRow + unit;
  lanes.store(gates, first), lanes.store(gates + s.hidden, second);
  lanes.store(gates + 2 * s.hidden, third), lanes.store(gates + 3 * s.hidden, fourth);
}

template <class T, RnnKind K>
void step(const RnnStep<T>& s, int64_t from, int64_t to) {
  constexpr int L = kLanes<T>;
  alignas(64) T sums[kRows * kSums * L];
  // Even tiles: 8 rows are 4 + 4, not 7 + 1.
  const int64_t tiles = (s.rows + kRows - 1) / kRows;
  for (int64_t group = from; group < to; group++) {
    const T* w = s.packed + group * kVectors<K> * L * (s.inputs + s.states);
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t row = t * s.rows / tiles, end = (t + 1) * s.rows / tiles;
      tileOf<T, K == kGru>(static_cast<int>(end - row), s, row, w, s.biases + group * kSums * L, sums);
      for (int64_t i = row; i < end; i++) finishRow<T, K>(s, i, group * kUnits<T, K>, sums + (i - row) * kSums * L);
    }
  }
}

// `length` columns of the rows [first, first + L) of w, as far as they exist, to every `width`-th vector of `to`.
template <class T>
NABLA_INLINE void packRows(const T* w, int64_t first, int64_t exist, int64_t length, int64_t width, T* to) {
  constexpr int L = kLanes<T>;
  const T* from = w + first * length;
  int64_t k = 0;
  for (; exist >= L && k + L <= length; k += L) {
    Vec<T> r[L];
    for (int i = 0; i < L; i++) r[i] = vload(from + i * length + k);
    vtranspose<T>(r);
    for (int i = 0; i < L; i++) vstore(to + (k + i) * width, r[i]);
  }
  for (; k < length; k++)
    for (int i = 0; i < L; i++) to[k * width + i] = i < exist ? from[i * length + k] : T(0);
}

template <class T, RnnKind K>
void pack(const RnnWeights<T>& w, int64_t from, int64_t to) {
  constexpr int L = kLanes<T>, N = kVectors<K>;
  constexpr bool kGates = K == kLstm || K == kGru;
  for (int64_t group = from; group < to; group++) {
    T* panel = w.packed + group * N * L * (w.inputs + w.states);
    T* bias = w.biases + group * kSums * L;
    for (int i = 0; i < kSums * L; i++) bias[i] = 0;
    for (int j = 0; j < N; j++) {
      const int64_t unit = group * kUnits<T, K> + (kGates ? 0 : j * L), exist = w.hidden - unit;
      const int64_t first = unit + (kGates ? j * w.hidden : 0);
      packRows(w.input, first, exist, w.inputs, int64_t{N} * L, panel + j * L);
      packRows(w.state, first, exist, w.states, int64_t{N} * L, panel + (w.inputs * N + j) * L);
      for (int i = 0; i < L && i < exist; i++) {
        const int stateSum = K == kGru && j == 2 ? 3 : j;
        if (w.inputBias) bias[j * L + i] += w.inputBias[first + i];
        if (w.stateBias) bias[stateSum * L + i] += w.stateBias[first + i];
      }
    }
  }
}

template <class T, RnnKind K>
NABLA_INLINE void gradientRow(const RnnGradient<T>& s, int64_t row, int64_t u, const Lanes<T>& lanes) {
  const auto at = [&](const T* p, int64_t stride) { return lanes.load(p + row * stride + u); };
  Vec<T> gradH = at(s.gradH, s.gradHRow);
  if (s.gradOut) gradH += at(s.gradOut, s.gradOutRow);
  T* to = s.gradGates + row * s.gradGatesRow + u;
  const Vec<T> one = vset<T>(T(1));
  if constexpr (K == kRnnTanh || K == kRnnRelu) {
    const Vec<T> h = at(s.h, s.hRow);
    lanes.store(to, K == kRnnTanh ? gradH * (one - h * h) : vselect<T>(h > T(0), gradH, vzero<T>()));
    return;
  }
  const T* gates = s.gates + row * s.gatesRow + u;
  const Vec<T> a = lanes.load(gates), b = lanes.load(gates + s.hidden), c = lanes.load(gates + 2 * s.hidden),
               d = lanes.load(gates + 3 * s.hidden);
  if constexpr (K == kLstm) {
    const Vec<T> tc = vtanh<T>(at(s.c, s.cRow));
    const Vec<T> gradC = gradH * d * (one - tc * tc) + at(s.gradC, s.gradCRow);
    lanes.store(to, gradC * c * (a * (one - a)));
    lanes.store(to + s.hidden, gradC * at(s.cPrevious, s.cPreviousRow) * (b * (one - b)));
    lanes.store(to + 2 * s.hidden, gradC * a * (one - c * c));
    lanes.store(to + 3 * s.hidden, gradH * tc * (d * (one - d)));
    lanes.store(s.gradC + row * s.gradCRow + u, gradC * b);
  } else {
    const Vec<T> gradN = gradH * (one - b) * (one - c * c);
    lanes.store(to, gradN * d * (a * (one - a)));
    lanes.store(to + s.hidden, gradH * (at(s.h, s.hRow) - c) * (b * (one - b)));
    lanes.store(to + 2 * s.hidden, gradN * a);
    lanes.store(to + 3 * s.hidden, gradN);
    lanes.store(s.gradH + row * s.gradHRow + u, gradH * b);
  }
}

template <class T, RnnKind K>
void gradient(const RnnGradient<T>& s) {
  constexpr int L = kLanes<T>;
  for (int64_t row = 0; row < s.rows; row++)
    for (int64_t u = s.from; u < s.to; u += L) gradientRow<T, K>(s, row, u, Lanes<T>{s.to - u < L ? s.to - u : L});
}

template <class T, RnnKind K>
void fillKind(RnnTable<T>* t) {
  t->units[K] = kUnits<T, K>;
  t->panelWidth[K] = kVectors<K> * kLanes<T>;
  t->pack[K] = pack<T, K>;
  t->step[K] = step<T, K>;
  t->gradient[K] = gradient<T, K>;
}

template <class T>
void fill(RnnTable<T>* t) {
  t->lanes = kLanes<T>;
  fillKind<T, kRnnTanh>(t), fillKind<T, kRnnRelu>(t), fillKind<T, kLstm>(t), fillKind<T, kGru>(t);
}

}  // namespace

extern "C" void NABLA_REGISTER(rnn)(RnnKernels* t) { fill(&t->f32), fill(&t->f64); }
