#include "index.h"

#include "vstream.h"

namespace {

using nabla::cpu::IndexAxis;
using nabla::cpu::Rect;

template <class I>
NABLA_INLINE bool inRange(I given, const IndexAxis& axis, int64_t* bad, int64_t* at) {
  const int64_t index = static_cast<int64_t>(given);
  *at = index < 0 && axis.negative ? index + axis.size : index;
  if (static_cast<uint64_t>(*at) < static_cast<uint64_t>(axis.size)) return true;
  *bad = index;
  return false;
}

template <class T>
NABLA_INLINE void copyRow(T* out, int64_t so, const T* in, int64_t si, int64_t n) {
  if (so == 1 && si == 1) {
    __builtin_memcpy(out, in, static_cast<size_t>(n) * sizeof(T));
  } else {
    for (int64_t i = 0; i < n; i++) out[i * so] = in[i * si];
  }
}

// Rows lie anywhere, so that only the index says which one comes next: it is fetched while this one is copied.
template <class T>
NABLA_INLINE void fetchRow(const T* row, int64_t n) {
  constexpr int64_t kMost = 4096;  // bytes; behind that the processor has seen the run
  const char* p = reinterpret_cast<const char*>(row);
  const int64_t size = n * static_cast<int64_t>(sizeof(T)), bytes = size < kMost ? size : kMost;
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(p + i);
}

#ifdef NABLA_STREAMS
// `out` is aligned to 64 bytes and `bytes` a multiple of them.
NABLA_INLINE void streamRow(void* out, const void* in, int64_t bytes) {
  constexpr int64_t kStep = kLanes<float>;
  float* to = static_cast<float*>(out);
  const float* from = static_cast<const float*>(in);
  for (int64_t i = 0; i < bytes / 4; i += kStep) vstream<float>(to + i, vload(from + i));
}
#endif

template <class T, class I, bool kStream = false>
bool gather(const Rect& r, const IndexAxis& axis, int64_t* bad) {
  T* out = reinterpret_cast<T*>(r.p[0]);
  const I* index = reinterpret_cast<const I*>(r.p[1]);
  const T* in = reinterpret_cast<const T*>(r.p[2]);
  const int64_t so = r.s0[0], sx = r.s0[1], si = r.s0[2];
  int64_t at;
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], index += r.s1[1], in += r.s1[2]) {
    if (sx == 0) {  // one index for the whole row
      if (!inRange(*index, axis, bad, &at)) return false;
      int64_t next, ignored;
      if (si == 1 && i + 1 < r.n1 && inRange(index[r.s1[1]], axis, &ignored, &next))
        fetchRow(in + r.s1[2] + next * axis.stride, r.n0);
#ifdef NABLA_STREAMS
      if constexpr (kStream) {
        streamRow(out, in + at * axis.stride, r.n0 * static_cast<int64_t>(sizeof(T)));
        continue;
      }
#endif
      copyRow(out, so, in + at * axis.stride, si, r.n0);
      continue;
    }
    for (int64_t j = 0; j < r.n0; j++) {
      if (!inRange(index[j * sx], axis, bad, &at)) return false;
      out[j * so] = in[at * axis.stride + j * si];
    }
  }
  return true;
}

struct Bool {
  uint8_t value;
};

template <int Mode, class T>
NABLA_INLINE void apply(T& a, T b) {
  if constexpr (Mode == nabla::cpu::kScatterSet) {
    a = b;
  } else if constexpr (__is_same(T, Bool)) {
    constexpr bool kOr = Mode == nabla::cpu::kScatterAdd || Mode == nabla::cpu::kScatterMax;
    a.value = static_cast<uint8_t>(kOr ? a.value | b.value : a.value & b.value);
  } else if constexpr (Mode == nabla::cpu::kScatterAdd) {
    a = static_cast<T>(a + b);
  } else if constexpr (Mode == nabla::cpu::kScatterMul) {
    a = static_cast<T>(a * b);
  } else {  // a NaN stays, or comes in
    const bool keep = Mode == nabla::cpu::kScatterMax ? a >= b : a <= b;
    if (!(keep || a != a)) a = b;
  }
}

template <int Mode, class T>
NABLA_INLINE void applyRow(T* __restrict out, int64_t so, const T* __restrict src, int64_t ss, int64_t n) {
  if (so == 1 && ss == 1) {
    for (int64_t i = 0; i < n; i++) apply<Mode>(out[i], src[i]);
  } else {
    for (int64_t i = 0; i < n; i++) apply<Mode>(out[i * so], src[i * ss]);
  }
}

// One step along the axis for a row of places.
template <int Mode, class T, class I>
NABLA_INLINE bool scatterStep(T* out, int64_t so, const I* index, int64_t sx, const T* src, int64_t ss, int64_t n,
                              const IndexAxis& axis, int64_t* bad) {
  int64_t at;
  if (sx == 0) {
    if (!inRange(*index, axis, bad, &at)) return false;
    applyRow<Mode>(out + at * axis.stride, so, src, ss, n);
    return true;
  }
  for (int64_t j = 0; j < n; j++) {
    if (!inRange(index[j * sx], axis, bad, &at)) return false;
    apply<Mode>(out[j * so + at * axis.stride], src[j * ss]);
  }
  return true;
}

// Each place is changed in the order of the axis, whichever loop is the inner one.
template <int Mode, class T, class I>
bool scatter(const Rect& r, const IndexAxis& axis, int64_t* bad) {
  T* out = reinterpret_cast<T*>(r.p[0]);
  const I* index = reinterpret_cast<const I*>(r.p[1]);
  const T* src = reinterpret_cast<const T*>(r.p[2]);
  const int64_t so = r.s0[0], sx = r.s0[1], ss = r.s0[2];
  const bool axisIsFiner = sx != 0 && axis.stride < so;
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], index += r.s1[1], src += r.s1[2]) {
    if (axisIsFiner) {
      for (int64_t j = 0; j < r.n0; j++)
        for (int64_t k = 0; k < axis.length; k++)
          if (!scatterStep<Mode>(out + j * so, 0, index + j * sx + k * axis.indexStride, 1,
                                 src + j * ss + k * axis.srcStride, 0, 1, axis, bad))
            return false;
    } else {
      for (int64_t k = 0; k < axis.length; k++)
        if (!scatterStep<Mode>(out, so, index + k * axis.indexStride, sx, src + k * axis.srcStride, ss, r.n0, axis,
                               bad))
          return false;
    }
  }
  return true;
}

template <bool Add, class I>
bool offsets(const Rect& r, const IndexAxis& axis, int64_t* bad) {
  int64_t* out = reinterpret_cast<int64_t*>(r.p[0]);
  const I* index = reinterpret_cast<const I*>(r.p[1]);
  int64_t at;
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], index += r.s1[1]) {
    for (int64_t j = 0; j < r.n0; j++) {
      if (!inRange(index[j * r.s0[1]], axis, bad, &at)) return false;
      int64_t& place = out[j * r.s0[0]];
      place = (Add ? place : 0) + at * axis.stride;
    }
  }
  return true;
}

template <int Mode, class T>
void rows(const Rect& r, const nabla::cpu::PlaceList& places) {
  for (int64_t k = places.first; k < places.last; k++) {
    const int64_t at = places.order ? places.order[k] : k;
    T* out = reinterpret_cast<T*>(r.p[0]) + places.offsets[at];
    const T* src = reinterpret_cast<const T*>(r.p[1]) + at * places.srcStride;
    for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], src += r.s1[1]) applyRow<Mode>(out, r.s0[0], src, r.s0[1], r.n0);
  }
}

int64_t countTrue(const uint8_t* mask, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) count += mask[i] != 0;
  return count;
}

void positions(int64_t* out, const uint8_t* mask, int64_t n, int64_t base) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t bytes;
    __builtin_memcpy(&bytes, mask + i, 8);
    while (bytes) {
      const int64_t lane = __builtin_ctzll(bytes) / 8;
      *out++ = base + i + lane;
      bytes &= ~(uint64_t{255} << (8 * lane));
    }
  }
  for (; i < n; i++)
    if (mask[i]) *out++ = base + i;
}

void unravel(int64_t* out, int64_t s0, int64_t s1, const int64_t* position, int64_t n, const int64_t* shape, int ndim) {
  const int64_t width = shape[ndim - 1];
  int64_t rowStart = 0, rowEnd = 0;  // positions rise: most lie in the row of the one before
  for (int64_t i = 0; i < n; i++, out += s0) {
    const int64_t at = position[i];
    if (at >= rowStart && at < rowEnd) {
      for (int d = 0; d < ndim - 1; d++) out[d * s1] = out[d * s1 - s0];
    } else {
      int64_t rest = at / width;
      rowStart = rest * width;
      rowEnd = rowStart + width;
      for (int d = ndim - 2; d >= 0; d--) {
        out[d * s1] = rest % shape[d];
        rest /= shape[d];
      }
    }
    out[(ndim - 1) * s1] = at - rowStart;
  }
}

template <class I>
bool oneHot(const Rect& r, const IndexAxis& axis, int64_t* bad) {
  int64_t* out = reinterpret_cast<int64_t*>(r.p[0]);
  const I* index = reinterpret_cast<const I*>(r.p[1]);
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], index += r.s1[1]) {
    for (int64_t j = 0; j < r.n0; j++) {
      int64_t at;
      if (!inRange(index[j * r.s0[1]], axis, bad, &at)) return false;
      int64_t* row = out + j * r.s0[0];
      for (int64_t k = 0; k < axis.size; k++) row[k * axis.stride] = 0;
      row[at * axis.stride] = 1;
    }
  }
  return true;
}

template <int Mode, class T>
void registerMode(nabla::cpu::IndexKernels* t, int type) {
  t->scatter[Mode][type][0] = scatter<Mode, T, int32_t>;
  t->scatter[Mode][type][1] = scatter<Mode, T, int64_t>;
  t->rows[Mode][type] = rows<Mode, T>;
}

// `Item` moves the same bits as `T`; `Sum` is T, or its unsigned twin, which wraps.
template <class T, class Sum, class Item>
void registerType(nabla::cpu::IndexKernels* t, int type) {
  registerMode<nabla::cpu::kScatterSet, Item>(t, type);
  registerMode<nabla::cpu::kScatterAdd, Sum>(t, type);
  registerMode<nabla::cpu::kScatterMul, Sum>(t, type);
  registerMode<nabla::cpu::kScatterMax, T>(t, type);
  registerMode<nabla::cpu::kScatterMin, T>(t, type);
}

}  // namespace

extern "C" void NABLA_REGISTER(index)(nabla::cpu::IndexKernels* t) {
#define ITEM(i, T)                      \
  t->gather[i][0] = gather<T, int32_t>; \
  t->gather[i][1] = gather<T, int64_t>;
  ITEM(0, uint8_t)
  ITEM(1, uint16_t)
  ITEM(2, uint32_t)
  ITEM(3, uint64_t)
#undef ITEM
#ifdef NABLA_STREAMS
#define ROWS(i, T)                                \
  t->gatherRows[i][0] = gather<T, int32_t, true>; \
  t->gatherRows[i][1] = gather<T, int64_t, true>;
  ROWS(0, uint8_t)
  ROWS(1, uint16_t)
  ROWS(2, uint32_t)
  ROWS(3, uint64_t)
#undef ROWS
#endif
  registerType<float, float, uint32_t>(t, 0);
  registerType<double, double, uint64_t>(t, 1);
  registerType<int32_t, uint32_t, uint32_t>(t, 2);
  registerType<int64_t, uint64_t, uint64_t>(t, 3);
  registerType<uint8_t, uint8_t, uint8_t>(t, 4);
  registerType<Bool, Bool, uint8_t>(t, 5);
  registerType<int8_t, uint8_t, uint8_t>(t, 6);
  t->oneHot[0] = oneHot<int32_t>;
  t->oneHot[1] = oneHot<int64_t>;
  t->offsets[0][0] = offsets<false, int32_t>;
  t->offsets[0][1] = offsets<false, int64_t>;
  t->offsets[1][0] = offsets<true, int32_t>;
  t->offsets[1][1] = offsets<true, int64_t>;
  t->countTrue = countTrue;
  t->positions = positions;
  t->unravel = unravel;
}
