// Borders around a tensor and their gradient.
#include "pad.h"

#include "lanes.h"

namespace {

using nabla::cpu::PadFold;
using nabla::cpu::PadPlane;

template <class T>
NABLA_INLINE void fillRun(T* out, int64_t n, T value) {
  for (int64_t i = 0; i < n; i++) out[i] = value;
}

NABLA_INLINE void copyBytes(char* out, const char* in, int64_t bytes) {
  constexpr int64_t kStep = NABLA_VECTOR_BYTES;
  if (bytes >= 2048) {
    __builtin_memcpy(out, in, static_cast<size_t>(bytes));
    return;
  }
  const auto move = [](char* to, const char* from) {
    typedef char Bytes __attribute__((vector_size(NABLA_VECTOR_BYTES), aligned(1), may_alias));
    *reinterpret_cast<Bytes*>(to) = *reinterpret_cast<const Bytes*>(from);
  };
  if (bytes >= kStep) {
    for (int64_t i = 0; i + kStep <= bytes; i += kStep) move(out + i, in + i);
    move(out + bytes - kStep, in + bytes - kStep);
    return;
  }
  for (int64_t i = 0; i < bytes; i++) out[i] = in[i];
}

template <class T>
NABLA_INLINE void copyRun(T* out, const T* in, int64_t n) {
  if (n * static_cast<int64_t>(sizeof(T)) >= NABLA_VECTOR_BYTES) {
    copyBytes(reinterpret_cast<char*>(out), reinterpret_cast<const char*>(in), n * static_cast<int64_t>(sizeof(T)));
  } else {
    for (int64_t i = 0; i < n; i++) out[i] = in[i];
  }
}

template <class T>
void padRows(const PadPlane& p, int64_t from, int64_t to) {
  const int64_t block = p.block;
  T value;
  __builtin_memcpy(&value, p.value, sizeof(T));
  for (int64_t r = from; r < to; r++) {
    T* out = reinterpret_cast<T*>(p.out + r * p.outRow);
    if (!p.in || p.rows[r] < 0) {
      fillRun(out, p.width * block, value);
      continue;
    }
    const char* in = p.in + p.rows[r] * p.inRow;
    const auto border = [&](int64_t c) {
      if (block == 1) {
        out[c] = p.columns[c] < 0 ? value : *reinterpret_cast<const T*>(in + p.columns[c] * p.inStep);
      } else if (p.columns[c] < 0) {
        fillRun(out + c * block, block, value);
      } else {
        copyRun(out + c * block, reinterpret_cast<const T*>(in + p.columns[c] * p.inStep), block);
      }
    };
    for (int64_t c = 0; c < p.begin; c++) border(c);
    if (p.begin < p.end) {
      const char* run = in + p.columns[p.begin] * p.inStep;
      if (p.inStep == block * static_cast<int64_t>(sizeof(T))) {
        copyRun(out + p.begin * block, reinterpret_cast<const T*>(run), (p.end - p.begin) * block);
      } else {
        for (int64_t c = p.begin; c < p.end; c++, run += p.inStep)
          copyRun(out + c * block, reinterpret_cast<const T*>(run), block);
      }
    }
    for (int64_t c = p.end; c < p.width; c++) border(c);
  }
}

template <class T>
NABLA_INLINE void addRun(T* out, const T* in, int64_t n) {
  NABLA_LANES
  for (int64_t i = 0; i < n; i++) out[i] += in[i];
}

template <class T>
void fold(const PadFold& f) {
  T* out = static_cast<T*>(f.out);
  const T* g = static_cast<const T*>(f.gradient);
  if (f.begin < f.end) {
    T* to = out + f.columns[f.begin] * f.block;
    const T* from = g + f.begin * f.gradientStep;
    if (f.gradientStep == f.block) {
      addRun(to, from, (f.end - f.begin) * f.block);
    } else {
      for (int64_t c = f.begin; c < f.end; c++, to += f.block, from += f.gradientStep) addRun(to, from, f.block);
    }
  }
  for (int64_t c = 0; c < f.width; c++) {
    if (c == f.begin && f.begin < f.end) c = f.end;
    if (c < f.width) addRun(out + f.columns[c] * f.block, g + c * f.gradientStep, f.block);
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(pad)(nabla::cpu::PadKernels* t) {
  t->pad[0] = padRows<uint8_t>;
  t->pad[1] = padRows<uint16_t>;
  t->pad[2] = padRows<uint32_t>;
  t->pad[3] = padRows<uint64_t>;
  t->fold[0] = fold<float>;
  t->fold[1] = fold<double>;
}
