#include "nest.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "../kernels/cpu/narrow.h"

namespace nabla {

namespace {

constexpr int64_t kTile = 64;

void swapDims(Nest& nest, int i, int j) {
  std::swap(nest.shape[i], nest.shape[j]);
  for (int k = 0; k < nest.operands; k++) std::swap(nest.strides[k][i], nest.strides[k][j]);
}

// True when dimension i + 1 continues dimension i in every operand.
bool mergeable(const Nest& nest, int inner, int outer) {
  for (int k = 0; k < nest.operands; k++)
    if (nest.strides[k][outer] != nest.strides[k][inner] * nest.shape[inner]) return false;
  return true;
}

bool outside(const Nest& nest, int i, int j) {  // dimension i belongs outside dimension j
  for (int k = 0; k < nest.operands; k++)
    if (nest.strides[k][i] != nest.strides[k][j]) return nest.strides[k][i] > nest.strides[k][j];
  return false;
}

void collapse(Nest& nest) {
  for (int i = 1; i < nest.ndim; i++)
    for (int j = i; j > 0 && outside(nest, j - 1, j); j--) swapDims(nest, j - 1, j);
  int last = 0;
  for (int i = 1; i < nest.ndim; i++) {
    if (mergeable(nest, last, i)) {
      nest.shape[last] *= nest.shape[i];
      continue;
    }
    last++;
    if (last != i) swapDims(nest, last, i);
  }
  nest.ndim = nest.ndim ? last + 1 : 0;
}

// An input that runs along another dimension than the output is read a cache line at a time only within tiles.
void chooseTiles(Nest& nest) {
  if (nest.ndim < 2 || nest.strides[0][0] != 1) return;
  int across = 0;
  for (int k = 1; k < nest.operands && !across; k++) {
    if (nest.strides[k][0] < 2) continue;
    for (int d = 1; d < nest.ndim; d++)
      if (nest.strides[k][d] == 1 && nest.shape[d] > 1) across = d;
  }
  if (!across) return;
  if (across != 1) swapDims(nest, 1, across);
  nest.tile1 = std::min(nest.shape[1], kTile);
  nest.tile0 = std::min(nest.shape[0], kTile * kTile / nest.tile1);
  nest.tile1 = std::min(nest.shape[1], kTile * kTile / nest.tile0);
}

void chooseChunks(Nest& nest, int64_t chunk) {
  if (nest.tile0) {
    int64_t tiles = ceilDiv(nest.shape[0], nest.tile0) * ceilDiv(nest.shape[1], nest.tile1);
    for (int d = 2; d < nest.ndim; d++) tiles *= nest.shape[d];
    nest.chunkSize = std::max<int64_t>(1, chunk / (nest.tile0 * nest.tile1));
    nest.chunks = ceilDiv(tiles, nest.chunkSize);
    return;
  }
  const int64_t row = nest.ndim > 1 ? nest.shape[0] : 1;
  nest.chunkSize = row > chunk ? chunk : chunk / row * row;
  nest.chunks = ceilDiv(nest.numel, nest.chunkSize);
}

}  // namespace

Nest makeNest(const Tensor* const* operands, int count, int64_t chunk) {
  Nest nest;
  nest.operands = std::min(count, cpu::kOperands);
  const Tensor& out = *operands[0];
  for (int k = 0; k < nest.operands; k++) {
    const Tensor* t = operands[k];
    if (!t) continue;
    nest.data[k] = t->data;
    nest.itemSize[k] = static_cast<uint8_t>(itemSize(t->dtype));
  }
  nest.numel = out.numel();
  if (nest.numel == 0) return nest;
  for (int i = out.ndim - 1; i >= 0; i--) {
    if (out.shape[i] == 1) continue;
    nest.shape[nest.ndim] = out.shape[i];
    for (int k = 0; k < count; k++) {
      const Tensor* t = operands[k];
      const int j = t ? i - out.ndim + t->ndim : -1;
      nest.strides[k][nest.ndim] = j < 0 || t->shape[j] == 1 ? 0 : t->strides[j];
    }
    nest.ndim++;
  }
  collapse(nest);
  if (nest.ndim == 0) {
    nest.ndim = 1;
    nest.shape[0] = 1;
  }
  chooseTiles(nest);
  chooseChunks(nest, chunk);
  return nest;
}

namespace {

// One run through memory, with steps of 0 and 1: all that most tasks need.
template <int kCount>
struct Run {
  cpu::RectFn kernel;
  int64_t n;
  int32_t chunk;
  uint8_t unit, value;  // bit k: operand k has step 1; its slot holds the value itself
  uint8_t itemSize[kCount];
  uint64_t slots[kCount];  // addresses, or the bytes of a value

  cpu::Rect rectAt(int64_t first, int64_t count) {
    cpu::Rect rect;
    rect.n0 = count;
    rect.n1 = 1;
    for (int k = 0; k < kCount; k++) {
      rect.s0[k] = unit >> k & 1;
      rect.s1[k] = 0;
      rect.p[k] = value >> k & 1 ? reinterpret_cast<char*>(&slots[k])
                                 : reinterpret_cast<char*>(slots[k]) + rect.s0[k] * first * itemSize[k];
    }
    return rect;
  }
  void operator()(Exec& exec) {
    exec.parallelFor(ceilDiv(n, chunk),
                     [&](int64_t c) { kernel(rectAt(c * chunk, std::min<int64_t>(chunk, n - c * chunk))); });
  }
};

// A run with a large output. A plain store reads the line first, so the kernel's streaming form stores past the caches.
template <int kCount>
struct StreamedRun {
  Run<kCount> run;  // its kernel streams

  void operator()(Exec& exec) {
    exec.parallelFor(ceilDiv(run.n, run.chunk), [&](int64_t c) {
      const int64_t first = c * run.chunk;
      run.kernel(run.rectAt(first, std::min<int64_t>(run.chunk, run.n - first)));
      storeFence();
    });
  }
  // Not for a change in place: its lines are in the cache when they are written.
  static bool suits(const Context& ctx, const Run<kCount>& run) {
    if (!ctx.kernels.copy.stream || static_cast<size_t>(run.n) * run.itemSize[0] < ctx.streamedBytes) return false;
    for (int k = 1; k < kCount; k++)
      if (!(run.value >> k & 1) && run.slots[k] == run.slots[0]) return false;
    return run.unit & 1 && run.slots[0] % 64 == 0 && run.chunk * run.itemSize[0] % 64 == 0;
  }
};

// The same for a kernel without a streaming form: it fills a few kilobytes that stay in the first cache, and these are
// stored past the caches.
template <int kCount>
struct StagedRun {
  static constexpr int64_t kStaged = 4096;  // bytes; with 8192 it is slower than plain stores
  Run<kCount> run;
  void (*stream)(char* out, const char* in, int64_t bytes);

  void operator()(Exec& exec) {
    const int64_t item = run.itemSize[0], step = std::min<int64_t>(1024, kStaged / item);
    exec.parallelFor(ceilDiv(run.n, run.chunk), [&](int64_t c) {
      alignas(64) char buffer[2 * kStaged];
      const int64_t end = std::min(run.n, (c + 1) * run.chunk);
      for (int64_t at = c * run.chunk; at < end; at += step) {
        cpu::Rect rect = run.rectAt(at, std::min(step, end - at));
        // As far into a page as the input: else loads wait for stores whose addresses differ in the page only.
        char* staged =
            buffer + ((reinterpret_cast<intptr_t>(rect.p[1]) - reinterpret_cast<intptr_t>(buffer)) & (kStaged - 64));
        char* out = std::exchange(rect.p[0], staged);
        run.kernel(rect);
        stream(out, staged, rect.n0 * item);
      }
      storeFence();
    });
  }
};

template <int kDims, int kCount>
struct Walk {
  NestOf<kDims, kCount> nest;
  cpu::RectFn kernel;

  Walk(const Nest& from, cpu::RectFn kernel) : kernel(kernel) {
    nest.operands = from.operands;
    nest.ndim = from.ndim;
    nest.numel = from.numel;
    nest.chunkSize = from.chunkSize;
    nest.chunks = from.chunks;
    nest.tile0 = from.tile0;
    nest.tile1 = from.tile1;
    std::copy_n(from.shape, kDims, nest.shape);
    for (int k = 0; k < kCount; k++) {
      std::copy_n(from.strides[k], kDims, nest.strides[k]);
      nest.data[k] = from.data[k];
      nest.scalars[k] = from.scalars[k];
      nest.itemSize[k] = from.itemSize[k];
    }
  }
  void operator()(Exec& exec) {
    exec.parallelFor(nest.chunks, [&](int64_t c) { walkChunk(nest, c, kernel); });
  }
};

struct Touched {
  const Tensor* const* outs;
  size_t outCount;
  const Tensor* const* ins;
  size_t inCount;
};

struct Kernels {
  cpu::RectFn plain, streamed;
};

template <class F>
void queue(Context& ctx, const char* op, const Touched& touched, const F& task) {
  ctx.stream.enqueueList(op, touched.outs, touched.outCount, touched.ins, touched.inCount, task);
}

template <int kCount>
void queueRun(Context& ctx, const char* op, const Touched& touched, Run<kCount> run, cpu::RectFn streamed) {
  if (!StreamedRun<kCount>::suits(ctx, run)) return queue(ctx, op, touched, run);
  if (!streamed) return queue(ctx, op, touched, StagedRun<kCount>{run, ctx.kernels.copy.stream});
  run.kernel = streamed;
  queue(ctx, op, touched, StreamedRun<kCount>{run});
}

template <int kCount>
void queueNest(Context& ctx, const char* op, const Touched& touched, const Nest& nest, const Kernels& kernels) {
  bool plain = nest.ndim == 1 && nest.chunkSize <= INT32_MAX;
  Run<kCount> run{kernels.plain, nest.numel, static_cast<int32_t>(nest.chunkSize), 0, 0, {}, {}};
  for (int k = 0; k < kCount; k++) {
    plain = plain && (nest.strides[k][0] == 0 || nest.strides[k][0] == 1);
    run.unit |= static_cast<uint8_t>((nest.strides[k][0] == 1) << k);
    run.value |= static_cast<uint8_t>((nest.data[k] == nullptr) << k);
    run.itemSize[k] = nest.itemSize[k];
    std::memcpy(&run.slots[k], nest.data[k] ? static_cast<const void*>(&nest.data[k]) : nest.scalars[k].bytes, 8);
  }
  if (plain)
    queueRun(ctx, op, touched, run, kernels.streamed);
  else if (nest.ndim <= 3)
    queue(ctx, op, touched, Walk<3, kCount>(nest, kernels.plain));
  else
    queue(ctx, op, touched, Walk<kMaxDims, kCount>(nest, kernels.plain));
}

void queueAny(Context& ctx, const char* op, const Touched& touched, const Nest& nest, const Kernels& kernel) {
  if (nest.chunks == 0) return queue(ctx, op, touched, [](Exec&) {});
  if (nest.operands <= 2) return queueNest<2>(ctx, op, touched, nest, kernel);
  if (nest.operands == 3) return queueNest<3>(ctx, op, touched, nest, kernel);
  queueNest<4>(ctx, op, touched, nest, kernel);
}

template <int kCount>
void queueRun(Context& ctx, const char* op, const Touched& touched, const Operand* operands, unsigned unit, int64_t n,
              const Kernels& kernels, int64_t chunk) {
  Run<kCount> run{kernels.plain, n, static_cast<int32_t>(chunk), static_cast<uint8_t>(unit), 0, {}, {}};
  for (int k = 0; k < kCount; k++) {
    const Tensor* t = operands[k].tensor;
    if (!t) run.value |= static_cast<uint8_t>(1 << k);
    run.itemSize[k] = t ? static_cast<uint8_t>(itemSize(t->dtype)) : 0;
    std::memcpy(&run.slots[k], t ? static_cast<const void*>(&t->data) : operands[k].scalar.bytes, 8);
  }
  queueRun(ctx, op, touched, run, kernels.streamed);
}

// Bit k: operand k runs along with the output. False when that, or one value for all, does not describe an operand.
bool oneRun(const Operand* operands, int count, unsigned* unit) {
  const Tensor& out = *operands[0].tensor;
  if (!out.isContiguous()) return false;
  *unit = 1;
  for (int k = 1; k < count; k++) {
    const Tensor* t = operands[k].tensor;
    if (!t) continue;
    const auto bytes = static_cast<size_t>(out.ndim) * sizeof(int64_t);
    if (t->ndim == out.ndim && std::memcmp(t->shape, out.shape, bytes) == 0 &&
        std::memcmp(t->strides, out.strides, bytes) == 0)
      *unit |= 1u << k;
    else if (t->numel() != 1)
      return false;
  }
  return true;
}

}  // namespace

void enqueueNest(Context& ctx, const char* op, std::initializer_list<const Tensor*> outs,
                 std::initializer_list<const Tensor*> ins, const Nest& nest, cpu::RectFn kernel) {
  queueAny(ctx, op, {outs.begin(), outs.size(), ins.begin(), ins.size()}, nest, {kernel, nullptr});
}

void enqueueElementwise(Context& ctx, const char* op, std::initializer_list<Operand> list, cpu::RectFn kernel,
                        int64_t chunk, cpu::RectFn streamed) {
  const Operand* operands = list.begin();
  const int count = static_cast<int>(list.size());
  const Tensor* tensors[cpu::kOperands] = {};
  for (int k = 0; k < count; k++) tensors[k] = operands[k].tensor;
  kernelFor(kernel, op, (tensors[1] ? tensors[1] : tensors[0])->dtype);
  const Touched touched{tensors, 1, tensors + 1, static_cast<size_t>(count - 1)};
  const Kernels kernels{kernel, streamed};
  unsigned unit;
  if (oneRun(operands, count, &unit)) {
    const int64_t n = tensors[0]->numel();
    if (count == 2) return queueRun<2>(ctx, op, touched, operands, unit, n, kernels, chunk);
    if (count == 3) return queueRun<3>(ctx, op, touched, operands, unit, n, kernels, chunk);
    return queueRun<4>(ctx, op, touched, operands, unit, n, kernels, chunk);
  }
  Nest nest = makeNest(tensors, count, chunk);
  for (int k = 0; k < count; k++)
    if (!tensors[k]) nest.scalars[k] = operands[k].scalar;
  queueAny(ctx, op, touched, nest, kernels);
}

namespace {

constexpr double kInt64End = 9223372036854775808.0;

int64_t toInt64(double x) { return x >= -kInt64End && x < kInt64End ? static_cast<int64_t>(x) : INT64_MIN; }

template <class T>
T saturate(double x) {
  using Limits = std::numeric_limits<T>;
  if (x <= static_cast<double>(Limits::min())) return Limits::min();
  return x >= static_cast<double>(Limits::max()) ? Limits::max() : static_cast<T>(x);
}

}  // namespace

void Scalar::set(DType dtype, double value) {
  switch (dtype) {
    case DType::kFloat32:
      return put(static_cast<float>(value));
    case DType::kFloat64:
      return put(value);
    case DType::kInt32:
      return put(static_cast<int32_t>(toInt64(value)));
    case DType::kInt64:
      return put(toInt64(value));
    case DType::kUint8:
      return put(static_cast<uint8_t>(toInt64(value)));
    case DType::kBool:
      return put(static_cast<uint8_t>(value != 0));
    case DType::kInt8:
      return put(static_cast<int8_t>(toInt64(value)));
    case DType::kBfloat16:
      return put(toBfloat16(static_cast<float>(value)));
    case DType::kFloat16:
      return put(toFloat16(static_cast<float>(value)));
  }
}

Scalar Scalar::bound(DType dtype, double value) {
  Scalar scalar(dtype, value);
  if (dtype == DType::kInt32) scalar.put(saturate<int32_t>(value));
  if (dtype == DType::kInt64) scalar.put(saturate<int64_t>(value));
  if (dtype == DType::kUint8) scalar.put(saturate<uint8_t>(value));
  if (dtype == DType::kInt8) scalar.put(saturate<int8_t>(value));
  return scalar;
}

}  // namespace nabla
