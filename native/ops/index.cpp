#include "index.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "nest.h"

namespace nabla::ops {

namespace {

using cpu::IndexAxis;

// What the user called; lib/ops/codes.ts has the same list.
constexpr const char* kNames[] = {"index",      "take",          "embedding",   "gather",    "takeAlongDim", "indexPut",
                                  "put",        "indexAdd",      "indexCopy",   "indexFill", "indexReduce",  "scatter",
                                  "scatterAdd", "scatterReduce", "indexSelect", "maxUnpool"};

void failIndex(Exec& exec, int64_t bad, int64_t dim, int64_t size) {
  exec.fail("index %lld is out of range for axis %lld of size %lld", static_cast<long long>(bad),
            static_cast<long long>(dim), static_cast<long long>(size));
}

// Queues `kernel` over a nest of out, index and, where there is one, the looked-up or added tensor.
void run(Context& ctx, const char* op, const Tensor& out, std::initializer_list<const Tensor*> ins, const Nest& nest,
         const IndexAxis& axis, int64_t dim, cpu::IndexFn kernel, bool streams = false) {
  const Tensor* outs[] = {&out};
  ctx.stream.enqueueList(op, outs, 1, ins.begin(), ins.size(), [=](Exec& exec) {
    exec.parallelFor(nest.chunks, [&](int64_t chunk) {
      walkChunk(nest, chunk, [&](const cpu::Rect& rect) {
        int64_t bad;
        if (!kernel(rect, axis, &bad)) failIndex(exec, bad, dim, axis.size);
      });
      if (streams) storeFence();
    });
  });
}

// A large output of contiguous rows with one index each, which may be stored past the caches.
bool streamsRows(const Context& ctx, const Nest& nest) {
  const int64_t item = nest.itemSize[0], row = nest.shape[0] * item;
  if (nest.ndim != 2 || nest.tile0 || static_cast<size_t>(nest.numel * item) < ctx.streamedBytes) return false;
  if (nest.strides[0][0] != 1 || nest.strides[1][0] != 0 || nest.strides[2][0] != 1) return false;
  const auto address = reinterpret_cast<uintptr_t>(nest.data[0]);
  return row % 64 == 0 && nest.strides[0][1] * item % 64 == 0 && address % 64 == 0;
}

int indexType(const Tensor& index) { return index.dtype == DType::kInt64; }

// Queues the look-up over a nest of out, index and the looked-up tensor.
void runLookup(Context& ctx, const char* op, const Tensor& out, std::initializer_list<const Tensor*> ins,
               const Nest& nest, const IndexAxis& axis, int64_t dim, int type) {
  const int item = std::countr_zero(itemSize(out.dtype));
  const cpu::IndexFn rows = ctx.kernels.index.gatherRows[item][type];
  const bool streams = rows && streamsRows(ctx, nest);
  run(ctx, op, out, ins, nest, axis, dim, streams ? rows : ctx.kernels.index.gather[item][type], streams);
}

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
void runGather(Context& ctx, const char* op, const Tensor& out, const Tensor& a, int64_t dim, const Tensor& index,
               bool negative) {
  if (out.numel() == 0) return;
  const IndexAxis axis{a.shape[dim], a.strides[dim], negative, 0, 0, 0};
  Tensor in = withShape(a, out);
  in.strides[dim] = 0;
  runLookup(ctx, op, out, {&a, &index}, makeNest({&out, &index, &in}), axis, dim, indexType(index));
}

// The dimensions of `a` that are not in `dims`.
std::vector<int> otherDims(const Tensor& a, std::span<const int64_t> dims) {
  std::vector<int> others;
  for (int d = 0; d < a.ndim; d++)
    if (std::find(dims.begin(), dims.end(), d) == dims.end()) others.push_back(d);
  return others;
}

// Queues the sum of index * stride over all indices: where in `a` they point to, in elements. `offsets` is contiguous;
// the indices broadcast to its shape.
void queueOffsets(Context& ctx, const char* op, const Tensor& out, const Tensor& offsets, const Tensor& a,
                  std::span<const int64_t> dims, std::span<const Tensor> indices, bool negative) {
  for (size_t i = 0; i < indices.size(); i++) {
    const int64_t dim = dims[i];
    const IndexAxis axis{a.shape[dim], a.strides[dim], negative, 0, 0, 0};
    const Nest nest = makeNest({&offsets, &indices[i]});
    const cpu::IndexFn kernel = ctx.kernels.index.offsets[i > 0][indexType(indices[i])];
    ctx.stream.enqueue(op, {&out}, {&indices[i]}, [=](Exec& exec) {
      exec.parallelFor(nest.chunks, [&](int64_t chunk) {
        walkChunk(nest, chunk, [&](const cpu::Rect& rect) {
          int64_t bad;
          if (!kernel(rect, axis, &bad)) failIndex(exec, bad, dim, axis.size);
        });
      });
    });
  }
}

// A contiguous int64 tensor of the shape of `like`.
Tensor offsetTensor(const Tensor& like, int64_t* data) {
  Tensor offsets = like;
  offsets.dtype = DType::kInt64;
  offsets.data = reinterpret_cast<char*>(data);
  int64_t stride = 1;
  for (int d = like.ndim - 1; d >= 0; d--) {
    offsets.strides[d] = stride;
    stride *= like.shape[d];
  }
  return offsets;
}

// The places of a list by ranges of the target: `order` keeps the order of the list within each of `buckets` ranges of
// 2^shift elements, `starts` says where each begins.
void bucketSort(const int64_t* offsets, int64_t n, int shift, int64_t buckets, int64_t* order, int64_t* starts) {
  std::fill(starts, starts + buckets + 1, 0);
  for (int64_t i = 0; i < n; i++) starts[(offsets[i] >> shift) + 1]++;
  for (int64_t b = 0; b < buckets; b++) starts[b + 1] += starts[b];
  for (int64_t i = 0; i < n; i++) order[starts[offsets[i] >> shift]++] = i;
  for (int64_t b = buckets; b > 0; b--) starts[b] = starts[b - 1];
  starts[0] = 0;
}

// Elements from the first to the last one that indices of these dimensions can name.
int64_t reach(const Tensor& a, std::span<const int64_t> dims) {
  int64_t last = 0;
  for (const int64_t dim : dims) last += (a.shape[dim] - 1) * a.strides[dim];
  return last + 1;
}

constexpr int64_t kWork = 32768;  // elements per chunk

struct Put {
  const char* op;
  cpu::IndexKernels::RowsFn kernel;
  cpu::PlaceList places;
};

// Rows by columns: each chunk takes every place, for a part of the row.
void putByColumns(Context& ctx, const Tensor& out, const Tensor& src, const Nest& nest, const Put& put) {
  ctx.stream.enqueue(put.op, {&out}, {&out, &src}, [=](Exec& exec) {
    exec.parallelFor(nest.chunks, [&](int64_t chunk) {
      walkChunk(nest, chunk, [&](const cpu::Rect& rect) { put.kernel(rect, put.places); });
    });
  });
}

// Rows by ranges of the target: each chunk takes the places of some ranges, in the order of the list.
void putByRanges(Context& ctx, const Tensor& out, const Tensor& src, const Nest& nest, const Put& put, int64_t range) {
  const int64_t n = put.places.last, width = nest.numel;
  int shift = 0;
  while ((range >> shift) > 4 * n + 1024) shift++;
  const int64_t buckets = (range >> shift) + 1;
  const auto scratch = ctx.scratch((n + buckets + 1) * sizeof(int64_t));
  int64_t* order = scratch.as<int64_t>();
  int64_t* starts = order + n;
  const int64_t chunks = std::min<int64_t>(ceilDiv(n * width, kWork), n);
  ctx.stream.enqueue(put.op, {&out}, {&out, &src}, [=](Exec& exec) {
    bucketSort(put.places.offsets, n, shift, buckets, order, starts);
    const auto bound = [&](int64_t chunk) {  // the first range that begins at the chunk's first place or behind it
      return *std::lower_bound(starts, starts + buckets, n * chunk / chunks);
    };
    exec.parallelFor(chunks, [&](int64_t chunk) {
      cpu::PlaceList mine = put.places;
      mine.order = order;
      mine.first = chunk == 0 ? 0 : std::min(bound(chunk), n);
      mine.last = chunk + 1 == chunks ? n : std::min(bound(chunk + 1), n);
      for (int64_t c = 0; mine.first < mine.last && c < nest.chunks; c++)
        walkChunk(nest, c, [&](const cpu::Rect& rect) { put.kernel(rect, mine); });
    });
  });
}

}  // namespace

void gather(Context& ctx, const Tensor& out, const Tensor& a, int64_t dim, const Tensor& index, bool negative,
            int64_t name) {
  runGather(ctx, kNames[name], atLeast1d(out), atLeast1d(a), dim, atLeast1d(index), negative);
}

void scatter(Context& ctx, const Tensor& target, int64_t dim, const Tensor& indices, const Tensor& source, int64_t mode,
             int64_t name) {
  if (indices.numel() == 0) return;
  const Tensor out = atLeast1d(target), index = atLeast1d(indices), src = atLeast1d(source);
  const IndexAxis axis{out.shape[dim], out.strides[dim], false, index.shape[dim], index.strides[dim], src.strides[dim]};
  Tensor places[] = {withShape(out, index), index, withShape(src, index)};
  for (Tensor& t : places) t.shape[dim] = 1;
  // A chunk walks the whole axis: wide rows keep the memory accesses long.
  const int64_t chunk = std::max<int64_t>(64, 32768 / axis.length);
  run(ctx, kNames[name], out, {&out, &index, &src}, makeNest({&places[0], &places[1], &places[2]}, chunk), axis, dim,
      ctx.kernels.index.scatter[mode][static_cast<int>(out.dtype)][indexType(index)]);
}

void indexSelect(Context& ctx, const Tensor& out, const Tensor& a, int64_t dim, const Tensor& index) {
  const Tensor o = atLeast1d(out);
  runGather(ctx, "indexSelect", o, atLeast1d(a), dim, alongDim(index, o, dim), false);
}

void index(Context& ctx, const Tensor& out, const Tensor& a, std::span<const int64_t> dims,
           std::span<const Tensor> indices, bool negative, int64_t name) {
  if (out.numel() == 0) return;
  const std::vector<int> others = otherDims(a, dims);
  const int lead = indices[0].ndim;
  Tensor in = withShape(a, out);
  in.ndim = out.ndim;
  std::fill(in.strides, in.strides + lead, 0);
  for (int d = lead; d < out.ndim; d++) in.strides[d] = a.strides[others[d - lead]];
  const auto look = [&](const Tensor& places, const IndexAxis& axis, int64_t dim) {
    Tensor list = withShape(places, out);
    std::fill(list.strides + lead, list.strides + kMaxDims, 0);
    list.ndim = out.ndim;
    runLookup(ctx, kNames[name], out, {&a, &places}, makeNest({&out, &list, &in}), axis, dim, indexType(places));
  };
  if (indices.size() == 1) {
    const int64_t dim = dims[0];
    return look(indices[0], IndexAxis{a.shape[dim], a.strides[dim], negative, 0, 0, 0}, dim);
  }
  const auto scratch = ctx.scratch(indices[0].numel() * sizeof(int64_t));
  Tensor offsets = offsetTensor(indices[0], scratch.as<int64_t>());
  queueOffsets(ctx, kNames[name], out, offsets, a, dims, indices, negative);
  offsets.storage = out.storage;  // poisoned when an index was bad
  look(offsets, IndexAxis{INT64_MAX, 1, false, 0, 0, 0}, 0);
}

void indexPut(Context& ctx, const Tensor& out, std::span<const int64_t> dims, std::span<const Tensor> indices,
              const Tensor& src, int64_t mode, bool negative, int64_t name) {
  if (src.numel() == 0) return;
  const int64_t n = src.shape[0];
  const auto scratch = ctx.scratch(n * sizeof(int64_t));
  queueOffsets(ctx, kNames[name], out, offsetTensor(indices[0], scratch.as<int64_t>()), out, dims, indices, negative);
  const std::vector<int> others = otherDims(out, dims);
  Tensor row = out, from = src;
  row.ndim = from.ndim = static_cast<int>(others.size());
  for (int d = 0; d < row.ndim; d++) {
    row.shape[d] = out.shape[others[d]];
    row.strides[d] = out.strides[others[d]];
    from.shape[d] = src.shape[d + 1];
    from.strides[d] = src.strides[d + 1];
  }
  const Put put{kNames[name], ctx.kernels.index.rows[mode][static_cast<int>(out.dtype)],
                cpu::PlaceList{scratch.as<int64_t>(), nullptr, 0, n, src.strides[0]}};
  const int64_t width = row.numel();
  const bool wide = width >= 8192, little = n * width < 2 * kWork || width < 4;
  const Nest nest = makeNest({&row, &from}, wide ? std::max<int64_t>(64, kWork / n) : width);
  if (wide || little) return putByColumns(ctx, out, src, nest, put);
  putByRanges(ctx, out, src, nest, put, std::max<int64_t>(1, reach(out, dims)));
}

void maskCounts(Context& ctx, const Tensor& counts, const Tensor& mask) {
  const int64_t n = mask.numel(), blocks = ceilDiv(n, kMaskBlock);
  const uint8_t* data = mask.ptr<uint8_t>();
  int64_t* out = counts.ptr<int64_t>();
  const auto count = ctx.kernels.index.countTrue;
  ctx.stream.enqueue("nonzero", {&counts}, {&mask}, [=](Exec& exec) {
    exec.parallelFor(
        blocks, [&](int64_t b) { out[b] = count(data + b * kMaskBlock, std::min(kMaskBlock, n - b * kMaskBlock)); });
    int64_t sum = 0;
    for (int64_t b = 0; b < blocks; b++) {
      const int64_t own = out[b];
      out[b] = sum;
      sum += own;
    }
    out[blocks] = sum;
  });
}

void maskPositions(Context& ctx, const Tensor& out, const Tensor& mask, const Tensor& counts) {
  const int64_t n = mask.numel();
  const uint8_t* data = mask.ptr<uint8_t>();
  const int64_t* before = counts.ptr<int64_t>();
  int64_t* places = out.ptr<int64_t>();
  const auto write = ctx.kernels.index.positions;
  ctx.stream.enqueue("nonzero", {&out}, {&mask, &counts}, [=](Exec& exec) {
    exec.parallelFor(ceilDiv(n, kMaskBlock), [&](int64_t b) {
      const int64_t first = b * kMaskBlock;
      write(places + before[b], data + first, std::min(kMaskBlock, n - first), first);
    });
  });
}

void unravel(Context& ctx, const Tensor& out, const Tensor& positions, std::span<const int64_t> shape) {
  struct Sizes {
    int64_t size[kMaxDims];
  } sizes{};
  std::copy(shape.begin(), shape.end(), sizes.size);
  const int ndim = static_cast<int>(shape.size());
  const int64_t n = positions.numel(), s0 = out.strides[0], s1 = out.strides[1];
  int64_t* to = out.ptr<int64_t>();
  const int64_t* from = positions.ptr<int64_t>();
  const auto write = ctx.kernels.index.unravel;
  ctx.stream.enqueue("nonzero", {&out}, {&positions}, [=](Exec& exec) {
    exec.parallelFor(ceilDiv(n, kWork), [&](int64_t c) {
      const int64_t first = c * kWork;
      write(to + first * s0, s0, s1, from + first, std::min(kWork, n - first), sizes.size, ndim);
    });
  });
}

void oneHot(Context& ctx, const Tensor& out, const Tensor& index) {
  if (index.numel() == 0) return;
  Tensor rows = out;
  rows.ndim--;
  const IndexAxis axis{out.shape[rows.ndim], out.strides[rows.ndim], false, 0, 0, 0};
  const int64_t chunk = std::max<int64_t>(1, 32768 / std::max<int64_t>(1, axis.size));
  run(ctx, "oneHot", out, {&index}, makeNest({&rows, &index}, chunk), axis, rows.ndim,
      ctx.kernels.index.oneHot[indexType(index)]);
}

namespace {

// Some parts of a concatenation; a task for each would cost more than moving small ones does.
template <int kMost>
struct CatJob {
  int count;
  int64_t chunks[kMost + 1];  // where those of each part begin
  Nest nests[kMost];
};

template <int kMost>
void enqueueCat(Context& ctx, const Tensor& out, const Tensor* const* parts, const CatJob<kMost>& job,
                cpu::RectFn move) {
  const Tensor* const outs[] = {&out};
  ctx.stream.enqueueList("cat", outs, 1, parts, static_cast<size_t>(job.count), [job, move](Exec& exec) {
    exec.parallelFor(job.chunks[job.count], [&](int64_t chunk) {
      int part = 0;
      while (chunk >= job.chunks[part + 1]) part++;
      walkChunk(job.nests[part], chunk - job.chunks[part], move);
    });
  });
}

template <int kMost>
void catParts(Context& ctx, const Tensor& out, std::span<const Tensor> parts, int64_t dim) {
  const int type = static_cast<int>(out.dtype);
  const cpu::RectFn move = ctx.kernels.copy.convert[type][type];
  const Tensor* sources[kMost];
  CatJob<kMost> job{};
  int64_t start = 0;
  for (const Tensor& part : parts) {
    if (part.numel() == 0) continue;
    Tensor slice = withShape(out, part);
    slice.data += start * out.strides[dim] * static_cast<int64_t>(itemSize(out.dtype));
    start += part.shape[dim];
    sources[job.count] = &part;
    job.nests[job.count] = makeNest({&slice, &part});
    job.chunks[job.count + 1] = job.chunks[job.count] + job.nests[job.count].chunks;
    if (++job.count < kMost) continue;
    enqueueCat(ctx, out, sources, job, move);
    job.count = 0;
  }
  if (job.count > 0) enqueueCat(ctx, out, sources, job, move);
}

}  // namespace

void cat(Context& ctx, const Tensor& out, std::span<const Tensor> parts, int64_t dim) {
  parts.size() <= 2 ? catParts<2>(ctx, out, parts, dim) : catParts<16>(ctx, out, parts, dim);
}

}  // namespace nabla::ops
