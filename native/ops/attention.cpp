#include "attention.h"

#include <algorithm>
#include <cmath>

namespace nabla::ops {

namespace {

// Enough to keep many threads busy; more would only cost memory.
constexpr int64_t kChunks = 16;
constexpr int64_t kBackwardChunks = 8;  // each has its own sums for the queries' gradient
constexpr int64_t kPackedBytes = 1 << 20;
constexpr int64_t kRowsPerChunk = 256;

template <class T>
const cpu::AttentionTable<T>& tableOf(const cpu::KernelTable& kernels) {
  if constexpr (sizeof(T) == 4) {
    return kernels.attention.f32;
  } else {
    return kernels.attention.f64;
  }
}

// What both passes know of a call. Heads are numbered through all batches: head h of the queries, group g of keys.
template <class T>
struct Call {
  const cpu::AttentionTable<T>* table;
  cpu::AttentionRule<T> rule;
  int64_t batches, heads, groups;
  Tensor query, key, value, mask;
  bool masked;

  int64_t perGroup() const { return groups > 0 ? heads / groups : 0; }
  int64_t padded(int64_t n) const { return ceilDiv(n, table->lanes) * table->lanes; }
  int64_t outRow() const { return padded(rule.outWidth); }
  int64_t queryRow() const { return padded(rule.width); }
  int64_t items() const { return batches * groups; }

  // Where head `head` of batch `batch` begins.
  static int64_t offsetOf(const Tensor& t, int64_t batch, int64_t head) {
    int64_t offset = head * t.strides[t.ndim - 3];
    for (int i = t.ndim - 4; i >= 0; i--) {
      offset += batch % t.shape[i] * t.strides[i];
      batch /= t.shape[i];
    }
    return offset;
  }
  template <class U>
  static cpu::AttentionRows<U> rowsOf(const Tensor& t, int64_t batch, int64_t head) {
    return {t.ptr<U>() + offsetOf(t, batch, head), t.strides[t.ndim - 2], t.strides[t.ndim - 1]};
  }
  const char* maskAt(int64_t batch, int64_t head) const {
    if (!masked) return nullptr;
    return mask.data + offsetOf(mask, batch, head) * static_cast<int64_t>(itemSize(mask.dtype));
  }
};

template <class T>
Call<T> callOf(const Context& ctx, const Tensor& query, const Tensor& key, const Tensor& value, const Tensor* mask,
               double scale, bool causal, double p, double seedLo, double seedHi, double offset) {
  Call<T> c{};
  c.table = &tableOf<T>(ctx.kernels);
  const int d = query.ndim;
  c.query = query, c.key = key, c.value = value;
  c.masked = mask != nullptr;
  if (mask) c.mask = *mask;
  c.batches = 1;
  for (int i = 0; i < d - 3; i++) c.batches *= query.shape[i];
  c.heads = query.shape[d - 3], c.groups = key.shape[d - 3];
  cpu::AttentionRule<T>& r = c.rule;
  r.queries = query.shape[d - 2], r.width = query.shape[d - 1];
  r.keys = key.shape[d - 2], r.outWidth = value.shape[d - 1];
  r.scale = static_cast<T>(scale), r.causal = causal;
  r.mask = !mask ? cpu::kNoMask : mask->dtype == DType::kBool ? cpu::kBoolMask : cpu::kAddedMask;
  if (mask) r.maskRow = mask->strides[d - 2], r.maskCol = mask->strides[d - 1];
  r.groups = ceilDiv(r.keys, cpu::kRandomGroup32);
  if (p > 0) {
    const double bound = std::round((1 - p) * 0x1p32);
    r.words = ctx.kernels.random.words;
    r.random = {{static_cast<uint32_t>(seedLo), static_cast<uint32_t>(seedHi)}, static_cast<uint64_t>(offset), 0};
    r.keep = {bound > 0 ? static_cast<uint32_t>(std::min(bound - 1, 0x1p32 - 1)) : 0u, bound > 0};
    r.kept = static_cast<T>(1 / (1 - p));
  }
  return c;
}

template <class T>
T* threadScratch(int64_t elements) {
  return static_cast<T*>(ThreadPool::threadScratch(static_cast<size_t>(std::max<int64_t>(1, elements)) * sizeof(T)));
}

template <class T>
struct Forward {
  Call<T> call;
  Tensor out;
  T* logSums;
  int64_t blocks;    // of queries
  int64_t parts;     // of keys, each with its own sums, which are joined at the end
  int64_t together;  // groups whose keys are packed at the same time; 0: every chunk packs its own
  T *packed, *partial;

  int64_t keysPerGroup() const { return ceilDiv(call.rule.keys, call.table->panel) * call.table->panel; }
  int64_t packedPerGroup() const { return keysPerGroup() * (call.rule.width + call.outRow()); }
  int64_t partialSize() const { return call.table->queryRows * (call.outRow() + 2); }

  // Group `item`, its head `head`, one block of queries, one part of the keys.
  cpu::AttentionForward<T> task(int64_t item, int64_t head, int64_t block, int64_t part) const {
    const int64_t batch = item / call.groups, group = item % call.groups, own = group * call.perGroup() + head;
    const int64_t row = (batch * call.heads + own) * call.rule.queries;
    cpu::AttentionForward<T> t{};
    t.rule = &call.rule;
    t.query = Call<T>::template rowsOf<const T>(call.query, batch, own);
    t.key = Call<T>::template rowsOf<const T>(call.key, batch, group);
    t.value = Call<T>::template rowsOf<const T>(call.value, batch, group);
    t.mask = call.maskAt(batch, own);
    t.randomRow = row;
    t.row0 = call.rule.queries * block / blocks, t.row1 = call.rule.queries * (block + 1) / blocks;
    const int64_t keyBlocks = ceilDiv(call.rule.keys, call.table->keyBlock);
    t.key0 = keyBlocks * part / parts * call.table->keyBlock;
    t.key1 = std::min(call.rule.keys, keyBlocks * (part + 1) / parts * call.table->keyBlock);
    t.out = Call<T>::template rowsOf<T>(out, batch, own);
    t.logSums = logSums ? logSums + row : nullptr;
    if (parts > 1)
      t.partial = partial + (((item * call.perGroup() + head) * blocks + block) * parts + part) * partialSize();
    return t;
  }

  void pack(Exec& exec, int64_t first, int64_t count) const {
    const int64_t pieces = ceilDiv(call.rule.keys, kRowsPerChunk);
    exec.parallelFor(count * pieces, [&](int64_t c) {
      const int64_t item = first + c / pieces, from = c % pieces * kRowsPerChunk;
      const int64_t batch = item / call.groups, group = item % call.groups;
      T* keys = packed + c / pieces * packedPerGroup();
      call.table->pack(call.rule, Call<T>::template rowsOf<const T>(call.key, batch, group),
                       Call<T>::template rowsOf<const T>(call.value, batch, group), from,
                       std::min(call.rule.keys, from + kRowsPerChunk), keys, keys + keysPerGroup() * call.rule.width);
    });
  }

  void compute(Exec& exec, int64_t first, int64_t count) const {
    const int64_t perItem = call.perGroup() * blocks * parts;
    const int64_t scratch = call.table->forwardScratch(call.rule, together == 0);
    exec.parallelFor(count * perItem, [&](int64_t c) {
      const int64_t item = c / perItem, rest = c % perItem;
      // Causal: the last blocks take longest and come first.
      const int64_t block = blocks - 1 - rest / parts % blocks;
      cpu::AttentionForward<T> t = task(first + item, rest / parts / blocks, block, rest % parts);
      if (together > 0) {
        t.packedKeys = packed + item * packedPerGroup();
        t.packedValues = t.packedKeys + keysPerGroup() * call.rule.width;
      }
      call.table->forward(t, threadScratch<T>(scratch));
    });
  }

  void run(Exec& exec) const {
    const int64_t step = together > 0 ? together : std::max<int64_t>(1, call.items());
    for (int64_t first = 0; first < call.items() && !exec.stopping(); first += step) {
      const int64_t count = std::min(step, call.items() - first);
      if (together > 0) pack(exec, first, count);
      compute(exec, first, count);
    }
    if (parts == 1) return;
    const int64_t perItem = call.perGroup() * blocks;
    exec.parallelFor(call.items() * perItem, [&](int64_t c) {
      call.table->combine(task(c / perItem, c % perItem / blocks, c % blocks, 0), parts, partialSize());
    });
  }
};

template <class T>
void enqueueForward(Context& ctx, const Call<T>& call, const Tensor& out, const Tensor* logSums, const Tensor& query,
                    const Tensor& key, const Tensor& value, const Tensor* mask) {
  Forward<T> f{};
  f.call = call, f.out = out;
  f.logSums = logSums ? logSums->ptr<T>() : nullptr;
  f.blocks = ceilDiv(call.rule.queries, call.table->queryRows);
  const int64_t chunks = call.batches * call.heads * f.blocks;
  if (chunks == 0) return;
  const int64_t keyBlocks = ceilDiv(call.rule.keys, call.table->keyBlock);
  f.parts = std::clamp<int64_t>(ceilDiv(kChunks, chunks), 1, std::max<int64_t>(1, keyBlocks / 2));
  const int64_t perGroup = f.packedPerGroup() * static_cast<int64_t>(sizeof(T));
  if (call.perGroup() * f.blocks > 1) {
    const int64_t enough = ceilDiv(kChunks, call.perGroup() * f.blocks * f.parts);
    f.together = std::clamp(kPackedBytes / std::max<int64_t>(1, perGroup), enough, std::max(enough, call.items()));
    f.together = std::min(f.together, call.items());
  }
  const Scratch packed = ctx.scratch(static_cast<size_t>(std::max<int64_t>(1, f.together * perGroup)));
  const int64_t partial = f.parts > 1 ? chunks * f.parts * f.partialSize() : 1;
  const Scratch sums = ctx.scratch(static_cast<size_t>(partial) * sizeof(T));
  f.packed = packed.template as<T>(), f.partial = sums.template as<T>();
  ctx.stream.enqueue("scaledDotProductAttention", {&out, logSums}, {&query, &key, &value, mask},
                     [f](Exec& exec) { f.run(exec); });
}

template <class T>
struct Backward {
  Call<T> call;
  Tensor gradQuery, gradKey, gradValue, gradOut, out;
  bool wantsQuery, wantsKey, wantsValue;
  const T* logSums;
  int64_t parts;  // of the keys of a group
  bool direct;    // the gradient of the queries is summed where it stays
  T *deltas, *sums;

  int64_t headSize() const { return call.rule.queries * call.queryRow(); }
  int64_t partSize() const { return call.batches * call.heads * headSize(); }

  cpu::AttentionBackward<T> task(int64_t item, int64_t part) const {
    const int64_t batch = item / call.groups, group = item % call.groups, own = group * call.perGroup();
    const int64_t head = batch * call.heads + own;
    const int axis = call.query.ndim - 3;
    cpu::AttentionBackward<T> t{};
    t.rule = &call.rule;
    t.heads = call.perGroup(), t.part = part, t.parts = parts;
    t.query = Call<T>::template rowsOf<const T>(call.query, batch, own), t.queryHead = call.query.strides[axis];
    t.gradOut = Call<T>::template rowsOf<const T>(gradOut, batch, own), t.gradOutHead = gradOut.strides[axis];
    t.key = Call<T>::template rowsOf<const T>(call.key, batch, group);
    t.value = Call<T>::template rowsOf<const T>(call.value, batch, group);
    t.mask = call.maskAt(batch, own);
    if (call.masked) t.maskHead = call.mask.strides[axis] * static_cast<int64_t>(itemSize(call.mask.dtype));
    t.randomRow = head * call.rule.queries;
    t.logSums = logSums + head * call.rule.queries, t.deltas = deltas + head * call.rule.queries;
    if (direct) {
      t.gradQuery = gradQuery.ptr<T>() + Call<T>::offsetOf(gradQuery, batch, own);
      t.gradQueryRow = gradQuery.strides[axis + 1], t.gradQueryHead = gradQuery.strides[axis];
    } else if (wantsQuery) {
      t.gradQuery = sums + part * partSize() + head * headSize();
      t.gradQueryRow = call.queryRow(), t.gradQueryHead = headSize();
    }
    if (wantsKey) t.gradKey = Call<T>::template rowsOf<T>(gradKey, batch, group);
    if (wantsValue) t.gradValue = Call<T>::template rowsOf<T>(gradValue, batch, group);
    return t;
  }

  void run(Exec& exec) const {
    const int64_t pieces = ceilDiv(call.rule.queries, kRowsPerChunk), all = call.batches * call.heads * pieces;
    const auto rowsOfChunk = [&](int64_t c, auto use) {
      const int64_t head = c / pieces, row0 = c % pieces * kRowsPerChunk;
      use(head / call.heads, head % call.heads, head, row0, std::min(call.rule.queries, row0 + kRowsPerChunk));
    };
    exec.parallelFor(all, [&](int64_t c) {
      rowsOfChunk(c, [&](int64_t batch, int64_t own, int64_t head, int64_t row0, int64_t row1) {
        call.table->delta(Call<T>::template rowsOf<const T>(gradOut, batch, own),
                          Call<T>::template rowsOf<const T>(out, batch, own), call.rule.outWidth, row0, row1,
                          deltas + head * call.rule.queries);
      });
    });
    const int64_t scratch = call.table->backwardScratch(call.rule, call.perGroup());
    exec.parallelFor(call.items() * parts, [&](int64_t c) {
      if (!exec.stopping()) call.table->backward(task(c / parts, c % parts), threadScratch<T>(scratch));
    });
    if (!wantsQuery || direct) return;
    exec.parallelFor(all, [&](int64_t c) {
      rowsOfChunk(c, [&](int64_t batch, int64_t own, int64_t head, int64_t row0, int64_t row1) {
        call.table->addParts(sums + head * headSize(), parts, partSize(), call.rule.width, row0, row1,
                             Call<T>::template rowsOf<T>(gradQuery, batch, own));
      });
    });
  }
};

template <class T>
void enqueueBackward(Context& ctx, const Call<T>& call, const Tensor* gradQuery, const Tensor* gradKey,
                     const Tensor* gradValue, const Tensor& gradOut, const Tensor& query, const Tensor& key,
                     const Tensor& value, const Tensor* mask, const Tensor& out, const Tensor& logSums) {
  if (call.batches * call.heads == 0) return;
  Backward<T> b{};
  b.call = call, b.gradOut = gradOut, b.out = out;
  b.wantsQuery = gradQuery, b.wantsKey = gradKey, b.wantsValue = gradValue;
  if (gradQuery) b.gradQuery = *gradQuery;
  if (gradKey) b.gradKey = *gradKey;
  if (gradValue) b.gradValue = *gradValue;
  b.logSums = logSums.ptr<T>();
  const int64_t keyBlocks = ceilDiv(call.rule.keys, call.table->backwardKeys);
  b.parts = std::clamp<int64_t>(ceilDiv(kBackwardChunks, call.items()), 1, std::max<int64_t>(1, keyBlocks));
  b.direct =
      gradQuery && b.parts == 1 && gradQuery->strides[gradQuery->ndim - 1] == 1 && call.rule.width == call.queryRow();
  const int64_t rows = call.batches * call.heads * call.rule.queries;
  const Scratch deltas = ctx.scratch(static_cast<size_t>(std::max<int64_t>(1, rows)) * sizeof(T));
  const int64_t sums = b.wantsQuery && !b.direct ? b.parts * b.partSize() : 0;
  const Scratch partial = ctx.scratch(static_cast<size_t>(std::max<int64_t>(1, sums)) * sizeof(T));
  b.deltas = deltas.template as<T>(), b.sums = partial.template as<T>();
  ctx.stream.enqueue("scaledDotProductAttentionBackward", {gradQuery, gradKey, gradValue},
                     {&gradOut, &query, &key, &value, mask, &out, &logSums}, [b](Exec& exec) { b.run(exec); });
}

}  // namespace

void attention(Context& ctx, const Tensor& out, const Tensor* logSums, const Tensor& query, const Tensor& key,
               const Tensor& value, const Tensor* mask, double scale, bool causal, double p, double seedLo,
               double seedHi, double offset) {
  dispatchFloat(query.dtype, [&]<class T>(T) {
    const auto call = callOf<T>(ctx, query, key, value, mask, scale, causal, p, seedLo, seedHi, offset);
    enqueueForward<T>(ctx, call, out, logSums, query, key, value, mask);
  });
}

void attentionBackward(Context& ctx, const Tensor* gradQuery, const Tensor* gradKey, const Tensor* gradValue,
                       const Tensor& gradOut, const Tensor& query, const Tensor& key, const Tensor& value,
                       const Tensor* mask, const Tensor& out, const Tensor& logSums, double scale, bool causal,
                       double p, double seedLo, double seedHi, double offset) {
  dispatchFloat(query.dtype, [&]<class T>(T) {
    const auto call = callOf<T>(ctx, query, key, value, mask, scale, causal, p, seedLo, seedHi, offset);
    enqueueBackward<T>(ctx, call, gradQuery, gradKey, gradValue, gradOut, query, key, value, mask, out, logSums);
  });
}

}  // namespace nabla::ops
