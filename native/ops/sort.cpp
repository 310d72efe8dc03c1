#include "sort.h"

#include <algorithm>

namespace nabla::ops {

namespace {

constexpr int64_t kChunk = 32768;   // elements of short rows that make a chunk
constexpr int64_t kLong = 1 << 17;  // rows this long are cut into blocks when they are few
constexpr int64_t kFewRows = 8;
constexpr int64_t kBlock = 1 << 16;  // elements of a block, at least
constexpr int64_t kMostBlocks = 128;
constexpr int64_t kSmallK = 4096;  // topk: so many candidates from every block

struct Rows {
  const char* data = nullptr;
  int64_t count = 0, n = 0, bytes = 0;  // bytes of a row
  const char* row(int64_t i) const { return data + i * bytes; }
};

Rows rowsOf(const Tensor& a) {
  Rows rows;
  rows.data = a.data;
  rows.n = a.ndim ? a.shape[a.ndim - 1] : 1;
  rows.count = rows.n ? a.numel() / rows.n : 0;
  rows.bytes = rows.n * static_cast<int64_t>(itemSize(a.dtype));
  return rows;
}

struct Output {
  char* values = nullptr;
  int64_t* indices = nullptr;
  int64_t n = 0, item = 0;
  char* valuesAt(int64_t row, int64_t i = 0) const { return values ? values + (row * n + i) * item : nullptr; }
  int64_t* indicesAt(int64_t row, int64_t i = 0) const { return indices ? indices + row * n + i : nullptr; }
};

Output outputOf(const Tensor* values, const Tensor* indices, int64_t n, DType dtype) {
  return {values ? values->data : nullptr, indices ? indices->ptr<int64_t>() : nullptr, n,
          static_cast<int64_t>(itemSize(dtype))};
}

const cpu::SortFunctions* functionsFor(Context& ctx, const Tensor& a) {
  return &ctx.kernels.sort.run[static_cast<int>(a.dtype)];
}

bool isLong(const Rows& rows) { return rows.n >= kLong && rows.count < kFewRows; }

// f(row) for all rows, short ones in groups.
template <class F>
void forRows(Exec& exec, const Rows& rows, F&& f) {
  const int64_t group = std::max<int64_t>(1, kChunk / rows.n);
  exec.parallelFor(ceilDiv(rows.count, group), [&](int64_t chunk) {
    const int64_t end = std::min((chunk + 1) * group, rows.count);
    for (int64_t r = chunk * group; r < end && !exec.stopping(); r++) f(r);
  });
}

void* scratchFor(const cpu::SortFunctions& run, int64_t n, int slot) {
  return ThreadPool::threadScratch(static_cast<size_t>(n * run.itemBytes), slot);
}

// A long row in blocks: elements, as many again to move them to, and the digits that each block counts.
struct Blocks {
  char *data = nullptr, *spare = nullptr;
  int64_t* counts = nullptr;
  int64_t size = 0;
  int64_t blocks(int64_t n) const { return ceilDiv(n, size); }
  int64_t start(int64_t block) const { return block * size; }
  int64_t length(int64_t block, int64_t n) const { return std::min(size, n - block * size); }
};

size_t blocksBytes(const cpu::SortFunctions& run, int64_t n) {
  return static_cast<size_t>(2 * n * run.itemBytes + (kMostBlocks + 1) * cpu::kDigits * 8 + 128);
}

Blocks makeBlocks(const cpu::SortFunctions& run, int64_t n, char* memory) {
  const int64_t bytes = ceilDiv(n * run.itemBytes, 64) * 64;
  return {memory, memory + bytes, reinterpret_cast<int64_t*>(memory + 2 * bytes),
          std::max(kBlock, ceilDiv(n, kMostBlocks))};
}

void loadBlocks(Exec& exec, const cpu::SortFunctions& run, const Blocks& b, const char* row, int64_t n,
                bool descending) {
  exec.parallelFor(b.blocks(n), [&](int64_t i) {
    run.load(b.data + b.start(i) * run.itemBytes, row, b.start(i), b.length(i, n), descending);
  });
}

// How often each digit occurs in each block; `totals` holds the sums.
void countBlocks(Exec& exec, const cpu::SortFunctions& run, const Blocks& b, int64_t n, int shift, int64_t* totals) {
  exec.parallelFor(b.blocks(n), [&](int64_t i) {
    int64_t* counts = b.counts + i * cpu::kDigits;
    std::fill(counts, counts + cpu::kDigits, 0);
    run.count(b.data + b.start(i) * run.itemBytes, b.length(i, n), shift, counts);
  });
  std::fill(totals, totals + cpu::kDigits, 0);
  for (int64_t i = 0; i < b.blocks(n); i++)
    for (int d = 0; d < cpu::kDigits; d++) totals[d] += b.counts[i * cpu::kDigits + d];
}

// Radix sort, every pass in blocks: a block's elements of one digit go behind those of the blocks before.
void sortBlocks(Exec& exec, const cpu::SortFunctions& run, Blocks& b, int64_t n) {
  int64_t totals[cpu::kDigits];
  for (int shift = 0; shift < run.keyBits && !exec.stopping(); shift += 8) {
    countBlocks(exec, run, b, n, shift, totals);
    if (*std::max_element(totals, totals + cpu::kDigits) == n) continue;
    int64_t offset = 0;
    for (int d = 0; d < cpu::kDigits; d++)
      for (int64_t i = 0; i < b.blocks(n); i++) {
        int64_t& place = b.counts[i * cpu::kDigits + d];
        offset += place;
        place = offset - place;
      }
    exec.parallelFor(b.blocks(n), [&](int64_t i) {
      run.scatter(b.data + b.start(i) * run.itemBytes, b.length(i, n), shift, b.counts + i * cpu::kDigits, b.spare);
    });
    std::swap(b.data, b.spare);
  }
}

// The k-th element of the n that are in `b`, from 0: only those that share its first digits stay.
char* kthOfBlocks(Exec& exec, const cpu::SortFunctions& run, Blocks& b, int64_t n, int64_t k) {
  int64_t totals[cpu::kDigits];
  for (int shift = run.keyBits - 8; shift >= 0 && n > kBlock && !exec.stopping(); shift -= 8) {
    countBlocks(exec, run, b, n, shift, totals);
    int digit = 0;
    for (; k >= totals[digit]; digit++) k -= totals[digit];
    if (totals[digit] == n) continue;
    int64_t offset = 0;
    for (int64_t i = 0; i < b.blocks(n); i++) {
      int64_t& place = b.counts[i * cpu::kDigits + digit];
      offset += place;
      place = offset - place;
    }
    exec.parallelFor(b.blocks(n), [&](int64_t i) {
      run.pick(b.data + b.start(i) * run.itemBytes, b.length(i, n), shift, digit,
               b.spare + b.counts[i * cpu::kDigits + digit] * run.itemBytes);
    });
    std::swap(b.data, b.spare);
    n = totals[digit];
  }
  run.select(b.data, n, k + 1);
  return b.data + k * run.itemBytes;
}

}  // namespace

void sort(Context& ctx, const Tensor* values, const Tensor* indices, const Tensor& a, bool descending) {
  const Rows rows = rowsOf(a);
  if (rows.count == 0) return;
  const cpu::SortFunctions* run = functionsFor(ctx, a);
  const Output out = outputOf(values, indices, rows.n, a.dtype);
  if (!isLong(rows)) {
    ctx.stream.enqueue("sort", {values, indices}, {&a}, [=](Exec& exec) {
      forRows(exec, rows, [&](int64_t r) {
        void *data = scratchFor(*run, rows.n, 0), *spare = scratchFor(*run, rows.n, 1);
        run->load(data, rows.row(r), 0, rows.n, descending);
        run->sort(data, spare, rows.n);
        run->store(out.valuesAt(r), out.indicesAt(r), data, rows.n, rows.row(r), descending);
      });
    });
    return;
  }
  const Scratch scratch = ctx.scratch(blocksBytes(*run, rows.n));
  char* memory = scratch.as<char>();
  ctx.stream.enqueue("sort", {values, indices}, {&a}, [=](Exec& exec) {
    for (int64_t r = 0; r < rows.count && !exec.stopping(); r++) {
      Blocks b = makeBlocks(*run, rows.n, memory);
      loadBlocks(exec, *run, b, rows.row(r), rows.n, descending);
      sortBlocks(exec, *run, b, rows.n);
      exec.parallelFor(b.blocks(rows.n), [&](int64_t i) {
        run->store(out.valuesAt(r, b.start(i)), out.indicesAt(r, b.start(i)), b.data + b.start(i) * run->itemBytes,
                   b.length(i, rows.n), rows.row(r), descending);
      });
    }
  });
}

void topk(Context& ctx, const Tensor& values, const Tensor& indices, const Tensor& a, bool largest) {
  const Rows rows = rowsOf(a);
  const int64_t n = rows.n, k = a.ndim ? values.shape[values.ndim - 1] : values.numel();
  if (rows.count == 0 || k == 0) return;
  const cpu::SortFunctions* run = functionsFor(ctx, a);
  const Output out = outputOf(&values, &indices, k, a.dtype);
  const int64_t room = std::min(n, 2 * k + 512);
  if (!isLong(rows) || k > kSmallK) {
    ctx.stream.enqueue("topk", {&values, &indices}, {&a}, [=](Exec& exec) {
      forRows(exec, rows, [&](int64_t r) {
        void *data = scratchFor(*run, room + 1, 0), *spare = scratchFor(*run, k, 1);
        run->best(data, room, rows.row(r), 0, n, k, largest);
        run->arrange(data, spare, k);
        run->store(out.valuesAt(r), out.indicesAt(r), data, k, rows.row(r), largest);
      });
    });
    return;
  }
  const int64_t blocks = ceilDiv(n, kBlock);
  const Scratch scratch = ctx.scratch(static_cast<size_t>((blocks + 1) * k * run->itemBytes));
  char* candidates = scratch.as<char>();
  ctx.stream.enqueue("topk", {&values, &indices}, {&a}, [=](Exec& exec) {
    for (int64_t r = 0; r < rows.count && !exec.stopping(); r++) {
      exec.parallelFor(blocks, [&](int64_t i) {
        const int64_t length = std::min(kBlock, n - i * kBlock), most = std::min(k, length);
        void* data = scratchFor(*run, room + 1, 0);
        run->best(data, room, rows.row(r), i * kBlock, length, most, largest);
        std::memcpy(candidates + i * k * run->itemBytes, data, static_cast<size_t>(most * run->itemBytes));
      });
      const int64_t last = std::min(k, n - (blocks - 1) * kBlock), total = (blocks - 1) * k + last;
      run->select(candidates, total, k);
      run->arrange(candidates, candidates + blocks * k * run->itemBytes, k);
      run->store(out.valuesAt(r), out.indicesAt(r), candidates, k, rows.row(r), largest);
    }
  });
}

namespace {

// Which element of the sorted row it is; below 0: the NaN at -1 - result.
int64_t rankOf(const cpu::SortFunctions& run, int64_t kind, const char* row, int64_t n, int64_t k) {
  if (kind == kKthValue) return k;
  int64_t firstNan = 0;
  const int64_t nans = run.nans(row, n, &firstNan);
  if ((nans == n && n > 0) || (kind == kKthMedian && nans > 0)) return -1 - firstNan;
  return (n - nans - 1) / 2;
}

void copyElement(const Output& out, int64_t r, const Rows& rows, int64_t at) {
  std::memcpy(out.valuesAt(r), rows.row(r) + at * out.item, static_cast<size_t>(out.item));
  *out.indicesAt(r) = at;
}

const char* const kKthNames[] = {"kthvalue", "median", "nanmedian"};

}  // namespace

void kth(Context& ctx, int64_t kind, const Tensor& values, const Tensor& indices, const Tensor& a, int64_t k) {
  const Rows rows = rowsOf(a);
  if (rows.count == 0) return;
  const cpu::SortFunctions* run = functionsFor(ctx, a);
  const Output out = outputOf(&values, &indices, 1, a.dtype);
  if (!isLong(rows)) {
    ctx.stream.enqueue(kKthNames[kind], {&values, &indices}, {&a}, [=](Exec& exec) {
      forRows(exec, rows, [&](int64_t r) {
        const int64_t rank = rankOf(*run, kind, rows.row(r), rows.n, k);
        if (rank < 0) return copyElement(out, r, rows, -1 - rank);
        char* data = static_cast<char*>(scratchFor(*run, rows.n, 0));
        run->load(data, rows.row(r), 0, rows.n, false);
        run->select(data, rows.n, rank + 1);
        run->store(out.valuesAt(r), out.indicesAt(r), data + rank * run->itemBytes, 1, rows.row(r), false);
      });
    });
    return;
  }
  const Scratch scratch = ctx.scratch(blocksBytes(*run, rows.n));
  char* memory = scratch.as<char>();
  ctx.stream.enqueue(kKthNames[kind], {&values, &indices}, {&a}, [=](Exec& exec) {
    for (int64_t r = 0; r < rows.count && !exec.stopping(); r++) {
      const int64_t rank = rankOf(*run, kind, rows.row(r), rows.n, k);
      if (rank < 0) {
        copyElement(out, r, rows, -1 - rank);
        continue;
      }
      Blocks b = makeBlocks(*run, rows.n, memory);
      loadBlocks(exec, *run, b, rows.row(r), rows.n, false);
      const char* found = kthOfBlocks(exec, *run, b, rows.n, rank);
      run->store(out.valuesAt(r), out.indicesAt(r), found, 1, rows.row(r), false);
    }
  });
}

void mode(Context& ctx, const Tensor& values, const Tensor& indices, const Tensor& a) {
  const Rows rows = rowsOf(a);
  if (rows.count == 0) return;
  const cpu::SortFunctions* run = functionsFor(ctx, a);
  const Output out = outputOf(&values, &indices, 1, a.dtype);
  ctx.stream.enqueue("mode", {&values, &indices}, {&a}, [=](Exec& exec) {
    forRows(exec, rows, [&](int64_t r) {
      void *data = scratchFor(*run, rows.n, 0), *spare = scratchFor(*run, rows.n, 1);
      run->load(data, rows.row(r), 0, rows.n, false);
      run->sort(data, spare, rows.n);
      copyElement(out, r, rows, run->mode(data, rows.n));
    });
  });
}

void searchSorted(Context& ctx, const Tensor& out, const Tensor& row, const Tensor& values, const Tensor* order,
                  bool right) {
  if (values.numel() == 0) return;
  const cpu::SortFunctions* run = functionsFor(ctx, values);
  const int64_t n = row.ndim ? row.shape[row.ndim - 1] : 1;
  const int64_t rows = row.ndim > 1 ? values.numel() / std::max<int64_t>(1, values.shape[values.ndim - 1]) : 1;
  const int64_t each = values.numel() / rows, chunk = 4096, parts = ceilDiv(each, chunk);
  const int64_t item = static_cast<int64_t>(itemSize(values.dtype)),
                itemOut = static_cast<int64_t>(itemSize(out.dtype));
  const bool wide = out.dtype == DType::kInt64;
  const char *from = values.data, *sorted = row.data;
  const int64_t* places = order ? order->ptr<int64_t>() : nullptr;
  char* to = out.data;
  const int64_t group = std::max<int64_t>(1, chunk / each), tasks = rows * parts;
  ctx.stream.enqueue("searchsorted", {&out}, {&row, &values, order}, [=](Exec& exec) {
    exec.parallelFor(ceilDiv(tasks, group), [&](int64_t c) {
      for (int64_t t = c * group, end = std::min(t + group, tasks); t < end; t++) {
        const int64_t r = t / parts, first = t % parts * chunk, at = r * each + first;
        run->search(to + at * itemOut, wide, from + at * item, std::min(chunk, each - first), sorted + r * n * item,
                    places ? places + r * n : nullptr, n, right);
      }
    });
  });
}

}  // namespace nabla::ops
