#include "index.h"

#include <algorithm>
#include <bit>

#include "nest.h"

namespace nabla::ops {

namespace {

using cpu::IndexAxis;

// Queues `kernel` over a nest of out, index and, where there is one, the looked-up or added tensor.
void run(Context& ctx, const char* op, const Tensor& out, std::initializer_list<const Tensor*> ins, const Nest& nest,
         const IndexAxis& axis, cpu::IndexFn kernel) {
  const Tensor* outs[] = {&out};
  ctx.stream.enqueueList(op, outs, 1, ins.begin(), ins.size(), [=](Exec& exec) {
    exec.parallelFor(nest.chunks, [&](int64_t chunk) {
      walkChunk(nest, chunk, [&](const cpu::Rect& rect) {
        int64_t bad;
        if (!kernel(rect, axis, &bad))
          exec.fail("index %lld is out of range [0, %lld)", static_cast<long long>(bad),
                    static_cast<long long>(axis.size));
      });
    });
  });
}

int indexType(const Tensor& index) { return index.dtype == DType::kInt64; }

// Scalars count as one-dimensional.
Tensor atLeast1d(const Tensor& t) {
  Tensor result = t;
  if (t.ndim == 0) {
    result.ndim = 1;
    result.shape[0] = result.strides[0] = 1;
  }
  return result;
}

Tensor withShape(const Tensor& t, const Tensor& like) {
  Tensor result = t;
  std::copy(like.shape, like.shape + like.ndim, result.shape);
  return result;
}

// A one-dimensional index seen as a tensor that repeats along every dimension of `like` but `dim`.
Tensor alongDim(const Tensor& index, const Tensor& like, int64_t dim) {
  Tensor result = atLeast1d(index);
  const int64_t stride = result.strides[0], length = result.shape[0];
  result.ndim = like.ndim;
  std::fill(result.strides, result.strides + kMaxDims, 0);
  result = withShape(result, like);
  result.strides[dim] = stride;
  result.shape[dim] = length;
  return result;
}

// `index` has out's shape.
void runGather(Context& ctx, const char* op, const Tensor& out, const Tensor& a, int64_t dim, const Tensor& index) {
  if (out.numel() == 0) return;
  const IndexAxis axis{a.shape[dim], a.strides[dim], 0, 0, 0};
  Tensor in = withShape(a, out);
  in.strides[dim] = 0;
  const int item = std::countr_zero(itemSize(out.dtype));
  run(ctx, op, out, {&a, &index}, makeNest({&out, &index, &in}), axis,
      ctx.kernels.index.gather[item][indexType(index)]);
}

// `index` has src's rank and at most its shape.
void runScatterAdd(Context& ctx, const char* op, const Tensor& out, int64_t dim, const Tensor& index,
                   const Tensor& src) {
  if (index.numel() == 0) return;
  const IndexAxis axis{out.shape[dim], out.strides[dim], index.shape[dim], index.strides[dim], src.strides[dim]};
  Tensor places[] = {withShape(out, index), index, withShape(src, index)};
  for (Tensor& t : places) t.shape[dim] = 1;
  // A chunk walks the whole axis: wide rows keep the memory accesses long.
  const int64_t chunk = std::max<int64_t>(64, 32768 / axis.length);
  run(ctx, op, out, {&out, &index, &src}, makeNest({&places[0], &places[1], &places[2]}, chunk), axis,
      kernelFor(ctx.kernels.index.scatterAdd[static_cast<int>(out.dtype)][indexType(index)], op, out.dtype));
}

}  // namespace

void gather(Context& ctx, const Tensor& out, const Tensor& a, int64_t dim, const Tensor& index) {
  runGather(ctx, "gather", atLeast1d(out), atLeast1d(a), dim, atLeast1d(index));
}

void scatterAdd(Context& ctx, const Tensor& out, int64_t dim, const Tensor& index, const Tensor& src) {
  runScatterAdd(ctx, "scatterAdd", atLeast1d(out), dim, atLeast1d(index), atLeast1d(src));
}

void indexSelect(Context& ctx, const Tensor& out, const Tensor& a, int64_t dim, const Tensor& index) {
  const Tensor o = atLeast1d(out);
  runGather(ctx, "indexSelect", o, atLeast1d(a), dim, alongDim(index, o, dim));
}

void indexAdd(Context& ctx, const Tensor& out, int64_t dim, const Tensor& index, const Tensor& src) {
  const Tensor s = atLeast1d(src);
  runScatterAdd(ctx, "indexAdd", atLeast1d(out), dim, alongDim(index, s, dim), s);
}

void oneHot(Context& ctx, const Tensor& out, const Tensor& index) {
  if (index.numel() == 0) return;
  Tensor rows = out;
  rows.ndim--;
  const IndexAxis axis{out.shape[rows.ndim], out.strides[rows.ndim], 0, 0, 0};
  const int64_t chunk = std::max<int64_t>(1, 32768 / std::max<int64_t>(1, axis.size));
  run(ctx, "oneHot", out, {&index}, makeNest({&rows, &index}, chunk), axis, ctx.kernels.index.oneHot[indexType(index)]);
}

void cat(Context& ctx, const Tensor& out, std::span<const Tensor> parts, int64_t dim) {
  const int type = static_cast<int>(out.dtype);
  const cpu::RectFn move = ctx.kernels.copy.convert[type][type];
  int64_t start = 0;
  for (const Tensor& part : parts) {
    if (part.numel() == 0) continue;
    Tensor slice = withShape(out, part);
    slice.data += start * out.strides[dim] * static_cast<int64_t>(itemSize(out.dtype));
    start += part.shape[dim];
    const Nest nest = makeNest({&slice, &part});
    ctx.stream.enqueue("cat", {&out}, {&part}, [=](Exec& exec) {
      exec.parallelFor(nest.chunks, [&](int64_t chunk) { walkChunk(nest, chunk, move); });
    });
  }
}

}  // namespace nabla::ops
