// Images in another size: bytes in whole numbers, nearest pixels of any type.
#include "resize.h"

#include "lanes.h"

namespace {

using nabla::cpu::ResizeImage;
using nabla::cpu::ResizeTaps;

typedef VecInt<float> Ints;
constexpr int64_t kWidth = kLanes<float>;

NABLA_INLINE Ints load(const int32_t* p) { return Wide<float>::loadIndex(p); }
NABLA_INLINE Ints splat(int32_t x) { return x - Ints{}; }

// The lanes of 1, 2 or 4 neighbouring vectors at `at`.
template <int kReach>
NABLA_INLINE Ints pick(const int32_t* p, Ints at) {
#if defined(__clang__)
  Ints r;
  for (int i = 0; i < kWidth; i++) r[i] = p[at[i]];
  return r;
#else
  if constexpr (kReach == 1) return __builtin_shuffle(load(p), at);
  if constexpr (kReach == 2) return __builtin_shuffle(load(p), load(p + kWidth), at);
  const Ints low = __builtin_shuffle(load(p), load(p + kWidth), at);
  const Ints high = __builtin_shuffle(load(p + 2 * kWidth), load(p + 3 * kWidth), at);
  const Ints far = at >= splat(2 * kWidth);
  return (low & ~far) | (high & far);
#endif
}

NABLA_INLINE Ints cut(Ints sum, int32_t shift) {
  const Ints v = sum >> shift;
  const Ints below = v<splat(0), above = v> splat(255);
  return (v & ~below & ~above) | (above & splat(255));
}
NABLA_INLINE int32_t cut(int32_t sum, int32_t shift) {
  const int32_t v = sum >> shift;
  return v < 0 ? 0 : v > 255 ? 255 : v;
}

template <int kReach>
NABLA_INLINE void acrossVectors(int32_t* out, const int32_t* row, const ResizeTaps& taps) {
  const int32_t half = 1 << (taps.shift - 1);
  for (int64_t o = 0; o < taps.size; o += kWidth) {
    if (o + kWidth > taps.size) o = taps.size - kWidth;
    const int64_t base = taps.first[o] - o % taps.step;  // of the pixel: its first element
    const Ints at = load(taps.first + o) - splat(static_cast<int32_t>(base));
    Ints sum = splat(half);
    for (int64_t k = 0; k < taps.most; k++)
      sum += load(taps.weights + k * taps.size + o) * pick<kReach>(row + base + k * taps.step, at);
    const Ints bytes = cut(sum, taps.shift);
    __builtin_memcpy(out + o, &bytes, sizeof(bytes));
  }
}

// A row of bytes, as whole numbers, stretched along itself.
NABLA_INLINE void across(int32_t* out, const int32_t* row, const ResizeTaps& taps) {
  if (taps.size >= kWidth && taps.reach == 1) return acrossVectors<1>(out, row, taps);
  if (taps.size >= kWidth && taps.reach == 2) return acrossVectors<2>(out, row, taps);
  if (taps.size >= kWidth && taps.reach == 4) return acrossVectors<4>(out, row, taps);
  for (int64_t o = 0; o < taps.size; o++) {
    int32_t sum = 1 << (taps.shift - 1);
    for (int64_t k = 0; k < taps.count[o]; k++)
      sum += taps.weights[k * taps.size + o] * row[taps.first[o] + k * taps.step];
    out[o] = cut(sum, taps.shift);
  }
}

NABLA_INLINE void widen(int32_t* out, const uint8_t* in, int64_t n) {
  NABLA_LANES
  for (int64_t i = 0; i < n; i++) out[i] = in[i];
}

// Row r of the result, from rows that wait in a ring of `taps.most`.
NABLA_INLINE void down(uint8_t* out, const int32_t* ring, int64_t width, const ResizeTaps& taps, int64_t r) {
  const int64_t first = taps.first[r], count = taps.count[r];
  if (taps.shift == 0) {
    const int32_t* row = ring + first % taps.most * width;
    NABLA_LANES
    for (int64_t i = 0; i < width; i++) out[i] = static_cast<uint8_t>(row[i]);
    return;
  }
  const int32_t half = 1 << (taps.shift - 1);
  const auto row = [&](int64_t k) { return ring + (first + k) % taps.most * width; };
  int64_t i = 0;
  for (; width >= kWidth && i < width; i += kWidth) {
    if (i + kWidth > width) i = width - kWidth;
    Ints sum = splat(half);
    for (int64_t k = 0; k < count; k++) sum += splat(taps.weights[k * taps.size + r]) * load(row(k) + i);
    Wide<float>::storeIndex(out + i, cut(sum, taps.shift));
  }
  for (; i < width; i++) {
    int32_t sum = half;
    for (int64_t k = 0; k < count; k++) sum += taps.weights[k * taps.size + r] * row(k)[i];
    out[i] = static_cast<uint8_t>(cut(sum, taps.shift));
  }
}

void bytes(const ResizeImage& image, int64_t from, int64_t to) {
  const ResizeTaps &rows = image.rows, &columns = image.columns;
  const int64_t width = columns.size;
  int32_t* ring = image.scratch;
  int32_t* wide = ring + rows.most * width;
  const int64_t room = columns.most * columns.step + 4 * kWidth;
  for (int64_t i = 0; i < room; i++) wide[image.width + i] = 0;
  int64_t done = 0;
  for (int64_t r = from; r < to; r++) {
    const int64_t end = rows.first[r] + rows.count[r];
    for (int64_t y = rows.first[r] > done ? rows.first[r] : done; y < end; y++) {
      const uint8_t* in = static_cast<const uint8_t*>(image.in) + y * image.inRow;
      int32_t* row = ring + y % rows.most * width;
      if (columns.shift == 0) {
        widen(row, in, width);
      } else {
        widen(wide, in, image.width);
        across(row, wide, columns);
      }
    }
    done = end > done ? end : done;
    down(static_cast<uint8_t*>(image.out) + r * width, ring, width, rows, r);
  }
}

template <class T>
void nearest(const ResizeImage& image, int64_t from, int64_t to) {
  const int64_t width = image.columns.size;
  const int32_t* first = image.columns.first;
  for (int64_t r = from; r < to; r++) {
    const T* in = static_cast<const T*>(image.in) + image.rows.first[r] * image.inRow;
    T* out = static_cast<T*>(image.out) + r * width;
    for (int64_t o = 0; o < width; o++) out[o] = in[first[o]];
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(resize)(nabla::cpu::ResizeKernels* t) {
  t->bytes = bytes;
  t->nearest[0] = nearest<uint8_t>;
  t->nearest[1] = nearest<uint16_t>;
  t->nearest[2] = nearest<uint32_t>;
  t->nearest[3] = nearest<uint64_t>;
  t->lanes = kLanes<float>;
}
