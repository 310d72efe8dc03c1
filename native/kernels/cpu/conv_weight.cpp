// Weight gradient of a convolution: outer products of input taps and output gradients, summed over pixels in registers.
#include "conv_weight.h"

#include "conv_tiles.h"

namespace {

using nabla::cpu::ConvReduce;
using nabla::cpu::ConvWeight;

template <class T, int NV, int MR>
NABLA_INLINE void addTile(const ConvWeight& p, Vec<T> (&acc)[MR][NV], T* sums) {
#pragma GCC unroll 32
  for (int i = 0; i < MR; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) {
      T* at = sums + i * p.sumsStride + j * kLanes<T>;
      vstore(at, vload(at) + acc[i][j]);
    }
  }
}

// MR taps times NV vectors of output channels. Taps are consecutive elements of x, or come from a table.
template <class T, int NV, int MR, bool kTable>
__attribute__((noinline)) void weightTile(const ConvWeight& p, const T* x, const int64_t* offsets, const T* grad,
                                          T* sums) {
  Vec<T> acc[MR][NV];
#pragma GCC unroll 32
  for (int i = 0; i < MR; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) acc[i][j] = vzero<T>();
  }
  for (int64_t s = 0; s < p.slices; s++) {
    for (int64_t r = 0; r < p.rows; r++) {
      const T* a = x + s * p.xSlice + r * p.xRow;
      const T* g = grad + s * p.gradSlice + r * p.gradRow;
      for (int64_t c = 0; c < p.cols; c++) {
        Vec<T> b[NV];
#pragma GCC unroll 4
        for (int j = 0; j < NV; j++) b[j] = vload(g + j * kLanes<T>);
#pragma GCC unroll 32
        for (int i = 0; i < MR; i++) {
          const Vec<T> v = vset(a[kTable ? offsets[i] : i]);
#pragma GCC unroll 4
          for (int j = 0; j < NV; j++) acc[i][j] += v * b[j];
        }
        a += p.xCol;
        g += p.gradCol;
      }
    }
  }
  addTile<T, NV, MR>(p, acc, sums);
}

// MR taps of one vector of channels; x and grad are multiplied lane by lane.
template <class T, int MR>
__attribute__((noinline)) void depthwiseTile(const ConvWeight& p, const T* x, const int64_t* offsets, const T* grad,
                                             T* sums) {
  for (int64_t v = 0; v < p.vectors; v++) {
    Vec<T> acc[MR][1];
#pragma GCC unroll 32
    for (int i = 0; i < MR; i++) acc[i][0] = vzero<T>();
    for (int64_t s = 0; s < p.slices; s++) {
      for (int64_t r = 0; r < p.rows; r++) {
        const T* a = x + s * p.xSlice + r * p.xRow + v * kLanes<T>;
        const T* g = grad + s * p.gradSlice + r * p.gradRow + v * kLanes<T>;
        for (int64_t c = 0; c < p.cols; c++) {
          const Vec<T> b = vload(g);
#pragma GCC unroll 32
          for (int i = 0; i < MR; i++) acc[i][0] += vload(a + offsets[i]) * b;
          a += p.xCol;
          g += p.gradCol;
        }
      }
    }
    addTile<T, 1, MR>(p, acc, sums + v * kLanes<T>);
  }
}

template <class T>
using TileFn = void (*)(const ConvWeight&, const T*, const int64_t*, const T*, T*);

template <class T, int NV, int MR, bool kTable>
TileFn<T> pickTile(int64_t taps) {
  if constexpr (MR == 0) {
    return nullptr;
  } else if constexpr (NV == 0) {
    return taps == MR ? depthwiseTile<T, MR> : pickTile<T, NV, MR - 1, kTable>(taps);
  } else {
    return taps == MR ? weightTile<T, NV, MR, kTable> : pickTile<T, NV, MR - 1, kTable>(taps);
  }
}

template <class T, int NV, bool kTable>
void allTaps(const ConvWeight& p, int64_t channel) {
  constexpr int kMost = NV == 0 ? kMaxRows[1] / 2 : kMaxRows[NV];
  const EvenSplit split(p.taps, kMost);
  const TileFn<T> longer = pickTile<T, NV, kMost, kTable>(split.size + 1);
  const TileFn<T> normal = pickTile<T, NV, kMost, kTable>(split.size);
  const T* grad = static_cast<const T*>(p.grad) + channel;
  T* sums = static_cast<T*>(p.sums) + channel;
  int64_t tap = 0;
  for (int64_t i = 0; i < split.pieces; i++) {
    const T* x = static_cast<const T*>(p.x) + (p.offsets ? 0 : tap);
    const int64_t* offsets = p.offsets ? p.offsets + tap : nullptr;
    (i < split.longer ? longer : normal)(p, x, offsets, grad, sums + tap * p.sumsStride);
    tap += split.size + (i < split.longer);
  }
}

template <class T, bool kTable>
void weightBlock(const ConvWeight& p, int64_t vectors, int64_t channel) {
  switch (vectors) {
    case 1:
      return allTaps<T, 1, kTable>(p, channel);
    case 2:
      return allTaps<T, 2, kTable>(p, channel);
    case 3:
      return allTaps<T, 3, kTable>(p, channel);
#if NABLA_VECTOR_BYTES == 64 || defined(__aarch64__)
    case 4:
      return allTaps<T, 4, kTable>(p, channel);
#endif
  }
}

template <class T>
void weight(const ConvWeight& p) {
  const EvenSplit split(p.vectors, p.tileVectors);
  int64_t channel = 0;
  for (int64_t i = 0; i < split.pieces; i++) {
    const int64_t vectors = split.size + (i < split.longer);
    if (p.offsets) {
      weightBlock<T, true>(p, vectors, channel);
    } else {
      weightBlock<T, false>(p, vectors, channel);
    }
    channel += vectors * kLanes<T>;
  }
}

template <class T>
void depthwise(const ConvWeight& p) {
  allTaps<T, 0, true>(p, 0);
}

template <class T>
void bias(const ConvWeight& p) {
  T* sums = static_cast<T*>(p.sums);
  for (int64_t v = 0; v < p.vectors; v++) {
    Vec<T> even = vzero<T>(), odd = vzero<T>();
    for (int64_t row = 0; row < p.slices * p.rows; row++) {
      const T* g =
          static_cast<const T*>(p.grad) + row / p.rows * p.gradSlice + row % p.rows * p.gradRow + v * kLanes<T>;
      int64_t c = 0;
      for (; c + 2 <= p.cols; c += 2) {
        even += vload(g + c * p.gradCol);
        odd += vload(g + (c + 1) * p.gradCol);
      }
      if (c < p.cols) even += vload(g + c * p.gradCol);
    }
    vstore(sums + v * kLanes<T>, vload(sums + v * kLanes<T>) + (even + odd));
  }
}

template <class T>
void reduce(const ConvReduce& p) {
  const T* sums = static_cast<const T*>(p.sums);
  T* out = static_cast<T*>(p.out);
  for (int64_t r = 0; r < p.rows; r++) {
    const T* from = sums + r * p.sumsStride;
    T* to = out + r * p.outStride;
    int64_t c = 0;
    for (; c + kLanes<T> <= p.cols; c += kLanes<T>) {
      Vec<T> total = vload(from + c);
      for (int64_t i = 1; i < p.parts; i++) total += vload(from + i * p.partStride + c);
      vstore(to + c, total);
    }
    for (; c < p.cols; c++) {
      T total = from[c];
      for (int64_t i = 1; i < p.parts; i++) total += from[i * p.partStride + c];
      to[c] = total;
    }
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(conv_weight)(nabla::cpu::ConvWeightKernels* t) {
  t->weight[0] = weight<float>;
  t->weight[1] = weight<double>;
  t->depthwise[0] = depthwise<float>;
  t->depthwise[1] = depthwise<double>;
  t->bias[0] = bias<float>;
  t->bias[1] = bias<double>;
  t->reduce[0] = reduce<float>;
  t->reduce[1] = reduce<double>;
}
