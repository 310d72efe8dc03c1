// Copy, conversion, transposition and fill.
#include "copy.h"

#include "narrow.h"
#include "vstream.h"

namespace {

using nabla::cpu::Rect;

typedef uint32_t Row4 __attribute__((vector_size(32)));
typedef uint32_t Row4Loose __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint64_t Row8 __attribute__((vector_size(32)));
typedef uint64_t Row8Loose __attribute__((vector_size(32), aligned(8), may_alias));

// out[i][j] = in[j][i] for an 8 x 8 block; row strides in elements.
NABLA_INLINE void transposeBlock(uint32_t* out, int64_t os, const uint32_t* in, int64_t is) {
  Row4 r[8], t[8];
  for (int i = 0; i < 8; i++) r[i] = *reinterpret_cast<const Row4Loose*>(in + i * is);
  for (int i = 0; i < 8; i += 2) {
    t[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    t[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int k = 0; k < 2; k++) {
      r[i + 2 * k] = __builtin_shufflevector(t[i + k], t[i + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      r[i + 2 * k + 1] = __builtin_shufflevector(t[i + k], t[i + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int i = 0; i < 4; i++) {
    t[i] = __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    t[i + 4] = __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (int i = 0; i < 8; i++) *reinterpret_cast<Row4Loose*>(out + i * os) = t[i];
}

// The same for a 4 x 4 block of 8-byte elements.
NABLA_INLINE void transposeBlock(uint64_t* out, int64_t os, const uint64_t* in, int64_t is) {
  Row8 r[4], t[4];
  for (int i = 0; i < 4; i++) r[i] = *reinterpret_cast<const Row8Loose*>(in + i * is);
  for (int i = 0; i < 4; i += 2) {
    t[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 4, 2, 6);
    t[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 5, 3, 7);
  }
  for (int i = 0; i < 2; i++) {
    r[i] = __builtin_shufflevector(t[i], t[i + 2], 0, 1, 4, 5);
    r[i + 2] = __builtin_shufflevector(t[i], t[i + 2], 2, 3, 6, 7);
  }
  for (int i = 0; i < 4; i++) *reinterpret_cast<Row8Loose*>(out + i * os) = r[i];
}

// Blocks as wide as 16 bytes hold of smaller elements: rows i and i + half are interleaved until every row is a column.
typedef uint8_t Row1 __attribute__((vector_size(16)));
typedef uint16_t Row2 __attribute__((vector_size(16)));

NABLA_INLINE Row1 interleaveLow(Row1 a, Row1 b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
NABLA_INLINE Row1 interleaveHigh(Row1 a, Row1 b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
NABLA_INLINE Row2 interleaveLow(Row2 a, Row2 b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
NABLA_INLINE Row2 interleaveHigh(Row2 a, Row2 b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }

template <class Row, class T>
NABLA_INLINE void transposeSmall(T* out, int64_t os, const T* in, int64_t is) {
  constexpr int kRows = 16 / static_cast<int>(sizeof(T));
  Row r[kRows], t[kRows];
  for (int i = 0; i < kRows; i++) __builtin_memcpy(&r[i], in + i * is, sizeof(Row));
  for (int width = 1; width < kRows; width *= 2) {
    for (int i = 0; i < kRows / 2; i++) {
      t[2 * i] = interleaveLow(r[i], r[i + kRows / 2]);
      t[2 * i + 1] = interleaveHigh(r[i], r[i + kRows / 2]);
    }
    for (int i = 0; i < kRows; i++) r[i] = t[i];
  }
  for (int i = 0; i < kRows; i++) __builtin_memcpy(out + i * os, &r[i], sizeof(Row));
}
NABLA_INLINE void transposeBlock(uint8_t* out, int64_t os, const uint8_t* in, int64_t is) {
  transposeSmall<Row1>(out, os, in, is);
}
NABLA_INLINE void transposeBlock(uint16_t* out, int64_t os, const uint16_t* in, int64_t is) {
  transposeSmall<Row2>(out, os, in, is);
}

template <class T>
NABLA_INLINE void transposeScalar(T* out, int64_t os, const T* in, int64_t is, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) out[i * os + j] = in[j * is + i];
}

// out[i][j] = in[j][i], i < rows, j < columns.
template <class T>
void transpose(T* out, int64_t os, const T* in, int64_t is, int64_t rows, int64_t columns) {
  constexpr int64_t kBlock = (sizeof(T) > 2 ? 32 : 16) / static_cast<int64_t>(sizeof(T));
  int64_t i = 0;
  for (; i + kBlock <= rows; i += kBlock) {
    int64_t j = 0;
    for (; j + kBlock <= columns; j += kBlock) transposeBlock(out + i * os + j, os, in + j * is + i, is);
    transposeScalar(out + i * os + j, os, in + j * is + i, is, kBlock, columns - j);
  }
  transposeScalar(out + i * os, os, in + i, is, rows - i, columns);
}

template <class T>
void move(const Rect& r) {
  T* out = reinterpret_cast<T*>(r.p[0]);
  const T* in = reinterpret_cast<const T*>(r.p[1]);
  const int64_t os = r.s0[0], is = r.s0[1], n = r.n0;
  if (os == 1 && r.s1[1] == 1 && is != 1 && is != 0) return transpose(out, r.s1[0], in, is, r.n1, n);
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], in += r.s1[1]) {
    if (os == 1 && is == 1) {
      if (n >= 64) {
        __builtin_memcpy(out, in, static_cast<size_t>(n) * sizeof(T));
      } else {
        for (int64_t j = 0; j < n; j++) out[j] = in[j];
      }
    } else if (os == 1 && is == 0) {
      const T value = *in;
      for (int64_t j = 0; j < n; j++) out[j] = value;
    } else if (os == 1 && is == -1) {
      NABLA_LANES for (int64_t j = 0; j < n; j++) out[j] = in[-j];
    } else {
      for (int64_t j = 0; j < n; j++) out[j * os] = in[j * is];
    }
  }
}

template <class T>
constexpr bool kNarrow = __is_same(T, Bfloat16) || __is_same(T, Float16);

// Narrow types go through float, as in PyTorch.
template <class To, class From>
NABLA_INLINE To convertOne(From x) {
  if constexpr (kNarrow<From>)
    return convertOne<To>(toFloat(x));
  else if constexpr (__is_same(To, Bfloat16))
    return toBfloat16(static_cast<float>(x));
  else if constexpr (__is_same(To, Float16))
    return toFloat16(static_cast<float>(x));
  // As PyTorch: bytes go through int64, so that -1.0 wraps on every processor instead of being undefined.
  else if constexpr (sizeof(To) == 1 && !__is_same(To, bool) && (__is_same(From, float) || __is_same(From, double)))
    return static_cast<To>(static_cast<int64_t>(x));
  else if constexpr (__is_same(To, bool))
    return x != From(0);
  else
    return static_cast<To>(x);
}

template <class To, class From>
NABLA_INLINE void convertRun(To* out, const From* in, int64_t n) {
  int64_t j = 0;
#ifdef __F16C__
  typedef float Wide __attribute__((vector_size(32), aligned(4), may_alias));
  typedef short Half __attribute__((vector_size(16), aligned(2), may_alias));
  if constexpr (__is_same(To, Float16) && __is_same(From, float))
    for (; j + 8 <= n; j += 8)
      *reinterpret_cast<Half*>(out + j) = __builtin_ia32_vcvtps2ph256(*reinterpret_cast<const Wide*>(in + j), 0);
  if constexpr (__is_same(To, float) && __is_same(From, Float16))
    for (; j + 8 <= n; j += 8)
      *reinterpret_cast<Wide*>(out + j) = __builtin_ia32_vcvtph2ps256(*reinterpret_cast<const Half*>(in + j));
#endif
  for (; j < n; j++) out[j] = convertOne<To>(in[j]);
}

template <class To, class From>
void convert(const Rect& r) {
  To* out = reinterpret_cast<To*>(r.p[0]);
  const From* in = reinterpret_cast<const From*>(r.p[1]);
  const int64_t os = r.s0[0], is = r.s0[1], n = r.n0;
  for (int64_t i = 0; i < r.n1; i++, out += r.s1[0], in += r.s1[1]) {
    if (os == 1 && is == 1) {
      convertRun(out, in, n);
    } else {
      for (int64_t j = 0; j < n; j++) out[j * os] = convertOne<To>(in[j * is]);
    }
  }
}

template <class T>
void arange(char* data, int64_t stride, int64_t first, int64_t n, double start, double step) {
  T* out = reinterpret_cast<T*>(data);
  for (int64_t i = 0; i < n; i++) out[i * stride] = convertOne<T>(start + static_cast<double>(first + i) * step);
}

#ifdef NABLA_STREAMS
void stream(char* out, const char* in, int64_t bytes) {
  const int64_t whole = bytes & ~int64_t{63};
  for (int64_t i = 0; i < whole; i += NABLA_VECTOR_BYTES)
    vstream<float>(reinterpret_cast<float*>(out + i), vload(reinterpret_cast<const float*>(in + i)));
  __builtin_memcpy(out + whole, in + whole, static_cast<size_t>(bytes - whole));
}
#endif

template <class To>
void registerType(nabla::cpu::CopyKernels* t, int to) {
  t->convert[to][0] = convert<To, float>;
  t->convert[to][1] = convert<To, double>;
  t->convert[to][2] = convert<To, int32_t>;
  t->convert[to][3] = convert<To, int64_t>;
  t->convert[to][4] = convert<To, uint8_t>;
  t->convert[to][5] = convert<To, bool>;
  t->convert[to][6] = convert<To, int8_t>;
  t->convert[to][7] = convert<To, Bfloat16>;
  t->convert[to][8] = convert<To, Float16>;
  t->arange[to] = arange<To>;
}

}  // namespace

extern "C" void NABLA_REGISTER(copy)(nabla::cpu::CopyKernels* t) {
  registerType<float>(t, 0);
  registerType<double>(t, 1);
  registerType<int32_t>(t, 2);
  registerType<int64_t>(t, 3);
  registerType<uint8_t>(t, 4);
  registerType<bool>(t, 5);
  registerType<int8_t>(t, 6);
  registerType<Bfloat16>(t, 7);
  registerType<Float16>(t, 8);
#ifdef NABLA_STREAMS
  t->stream = stream;
#endif
  t->convert[0][0] = t->convert[2][2] = move<uint32_t>;
  t->convert[1][1] = t->convert[3][3] = move<uint64_t>;
  t->convert[4][4] = t->convert[5][5] = t->convert[6][6] = move<uint8_t>;
  t->convert[7][7] = t->convert[8][8] = move<uint16_t>;
}
