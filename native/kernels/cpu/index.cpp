#include "index.h"

#include "isa.h"

namespace {

using nabla::cpu::IndexAxis;
using nabla::cpu::Rect;

template <class I>
NABLA_INLINE bool inRange(I index, int64_t size, int64_t* bad) {
  if (static_cast<uint64_t>(static_cast<int64_t>(index)) < static_cast<uint64_t>(size)) return true;
  *bad = static_cast<int64_t>(index);
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

template <class T, class I>
bool gather(const Rect& r, const IndexAxis& axis, int64_t* bad) {
  T* out = reinterpret_cast<T*>(r.p[0]);
  const I* index = reinterpret_cast<const I*>(r.p[1]);
  const T* in = reinterpret_cast<const T*>(r.p[2]);
  const int64_t so = r.s0[0], sx = r.s0[1], si = r.s0[2];
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], index += r.s1[1], in += r.s1[2]) {
    if (sx == 0) {  // one index for the whole row
      if (!inRange(*index, axis.size, bad)) return false;
      copyRow(out, so, in + static_cast<int64_t>(*index) * axis.stride, si, r.n0);
      continue;
    }
    for (int64_t j = 0; j < r.n0; j++) {
      const I at = index[j * sx];
      if (!inRange(at, axis.size, bad)) return false;
      out[j * so] = in[static_cast<int64_t>(at) * axis.stride + j * si];
    }
  }
  return true;
}

// Integers wrap, bool adds as "or".
struct Bool {
  uint8_t value;
};
NABLA_INLINE void addTo(float& a, float b) { a += b; }
NABLA_INLINE void addTo(double& a, double b) { a += b; }
NABLA_INLINE void addTo(uint8_t& a, uint8_t b) { a = static_cast<uint8_t>(a + b); }
NABLA_INLINE void addTo(uint32_t& a, uint32_t b) { a += b; }
NABLA_INLINE void addTo(uint64_t& a, uint64_t b) { a += b; }
NABLA_INLINE void addTo(Bool& a, Bool b) { a.value |= b.value; }

template <class T>
NABLA_INLINE void addRow(T* __restrict out, int64_t so, const T* __restrict src, int64_t ss, int64_t n) {
  if (so == 1 && ss == 1) {
    for (int64_t i = 0; i < n; i++) addTo(out[i], src[i]);
  } else {
    for (int64_t i = 0; i < n; i++) addTo(out[i * so], src[i * ss]);
  }
}

// One step along the axis for a row of places.
template <class T, class I>
NABLA_INLINE bool addStep(T* out, int64_t so, const I* index, int64_t sx, const T* src, int64_t ss, int64_t n,
                          const IndexAxis& axis, int64_t* bad) {
  if (sx == 0) {
    if (!inRange(*index, axis.size, bad)) return false;
    addRow(out + static_cast<int64_t>(*index) * axis.stride, so, src, ss, n);
    return true;
  }
  for (int64_t j = 0; j < n; j++) {
    const I at = index[j * sx];
    if (!inRange(at, axis.size, bad)) return false;
    addTo(out[j * so + static_cast<int64_t>(at) * axis.stride], src[j * ss]);
  }
  return true;
}

// Each place adds in the order of the axis, whichever loop is the inner one.
template <class T, class I>
bool scatterAdd(const Rect& r, const IndexAxis& axis, int64_t* bad) {
  T* out = reinterpret_cast<T*>(r.p[0]);
  const I* index = reinterpret_cast<const I*>(r.p[1]);
  const T* src = reinterpret_cast<const T*>(r.p[2]);
  const int64_t so = r.s0[0], sx = r.s0[1], ss = r.s0[2];
  const bool axisIsFiner = sx != 0 && axis.stride < so;
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], index += r.s1[1], src += r.s1[2]) {
    if (axisIsFiner) {
      for (int64_t j = 0; j < r.n0; j++)
        for (int64_t k = 0; k < axis.length; k++)
          if (!addStep(out + j * so, 0, index + j * sx + k * axis.indexStride, 1, src + j * ss + k * axis.srcStride, 0,
                       1, axis, bad))
            return false;
    } else {
      for (int64_t k = 0; k < axis.length; k++)
        if (!addStep(out, so, index + k * axis.indexStride, sx, src + k * axis.srcStride, ss, r.n0, axis, bad))
          return false;
    }
  }
  return true;
}

template <class I>
bool oneHot(const Rect& r, const IndexAxis& axis, int64_t* bad) {
  int64_t* out = reinterpret_cast<int64_t*>(r.p[0]);
  const I* index = reinterpret_cast<const I*>(r.p[1]);
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], index += r.s1[1]) {
    for (int64_t j = 0; j < r.n0; j++) {
      const I at = index[j * r.s0[1]];
      if (!inRange(at, axis.size, bad)) return false;
      int64_t* row = out + j * r.s0[0];
      for (int64_t k = 0; k < axis.size; k++) row[k * axis.stride] = 0;
      row[static_cast<int64_t>(at) * axis.stride] = 1;
    }
  }
  return true;
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
#define DTYPE(i, T)                             \
  t->scatterAdd[i][0] = scatterAdd<T, int32_t>; \
  t->scatterAdd[i][1] = scatterAdd<T, int64_t>;
  DTYPE(0, float)
  DTYPE(1, double)
  DTYPE(2, uint32_t)
  DTYPE(3, uint64_t)
  DTYPE(4, uint8_t)
  DTYPE(5, Bool)
  DTYPE(6, uint8_t)
#undef DTYPE
  t->oneHot[0] = oneHot<int32_t>;
  t->oneHot[1] = oneHot<int64_t>;
}
