#include "embedding_bag.h"

#include "vec.h"

namespace {

using nabla::cpu::Bag;
using nabla::cpu::BagTable;
using nabla::cpu::EmbeddingBagKernels;

constexpr int64_t kAhead = 4;  // rows that are fetched early

// kVectors columns wide, in registers over all rows. The last of a row may begin before its block: it overlaps.
template <class T, int kVectors>
NABLA_INLINE void sumBlock(const BagTable& table, const Bag& bag, double scale, int64_t column, T* out) {
  const T *rows = static_cast<const T*>(table.rows) + column, *factors = static_cast<const T*>(bag.factors);
  Vec<T> sum[kVectors] = {};
  for (int64_t i = 0; i < bag.n; i++) {
    const int64_t next = bag.indices[i + kAhead < bag.n ? i + kAhead : i];
    for (int v = 0; v < kVectors; v++) __builtin_prefetch(rows + next * table.step + v * kLanes<T>);
    if (bag.indices[i] == bag.padding) continue;
    const T* row = rows + bag.indices[i] * table.step;
    if (factors) {
      for (int v = 0; v < kVectors; v++) sum[v] += vload(row + v * kLanes<T>) * factors[i];
    } else {
      for (int v = 0; v < kVectors; v++) sum[v] += vload(row + v * kLanes<T>);
    }
  }
  for (int v = 0; v < kVectors; v++) vstore<T>(out + column + v * kLanes<T>, sum[v] * static_cast<T>(scale));
}

template <class T>
void sum(const BagTable& table, const Bag& bag, double scale, void* outData) {
  T* out = static_cast<T*>(outData);
  constexpr int kBlock = 8;
  int64_t c = 0;
  for (; c + kBlock * kLanes<T> <= table.width; c += kBlock * kLanes<T>) sumBlock<T, kBlock>(table, bag, scale, c, out);
  for (; c + kLanes<T> <= table.width; c += kLanes<T>) sumBlock<T, 1>(table, bag, scale, c, out);
  for (; c < table.width; c++) {
    T total = 0;
    for (int64_t i = 0; i < bag.n; i++) {
      if (bag.indices[i] == bag.padding) continue;
      const T value = static_cast<const T*>(table.rows)[bag.indices[i] * table.step + c];
      total += bag.factors ? value * static_cast<const T*>(bag.factors)[i] : value;
    }
    out[c] = total * static_cast<T>(scale);
  }
}

template <class T>
void max(const BagTable& table, const Bag& bag, void* outData, int64_t* from) {
  T* out = static_cast<T*>(outData);
  for (int64_t c = 0; c < table.width; c++) out[c] = 0, from[c] = -1;
  bool first = true;
  for (int64_t i = 0; i < bag.n; i++) {
    const int64_t index = bag.indices[i];
    if (index == bag.padding) continue;
    const T* row = static_cast<const T*>(table.rows) + index * table.step;
    for (int64_t c = 0; c < table.width; c++) {
      const bool more = first || row[c] > out[c];
      out[c] = more ? row[c] : out[c];
      from[c] = more ? index : from[c];
    }
    first = false;
  }
}

template <class T>
void add(void* outData, const void* rowData, double factor, int64_t n) {
  T* out = static_cast<T*>(outData);
  const T *row = static_cast<const T*>(rowData), f = static_cast<T>(factor);
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) vstore<T>(out + i, vload(out + i) + vload(row + i) * f);
  for (; i < n; i++) out[i] += row[i] * f;
}

template <class T>
double dot(const void* aData, const void* bData, int64_t n) {
  const T *a = static_cast<const T*>(aData), *b = static_cast<const T*>(bData);
  constexpr int64_t kBlock = 64 * kLanes<T>;
  double total = 0;
  for (int64_t start = 0; start < n; start += kBlock) {
    const int64_t end = start + kBlock < n ? start + kBlock : n;
    Vec<T> sum{};
    int64_t i = start;
    for (; i + kLanes<T> <= end; i += kLanes<T>) sum += vload(a + i) * vload(b + i);
    if (i < end) sum += vloadPart(a + i, end - i) * vloadPart(b + i, end - i);
    total += static_cast<double>(vsum<T>(sum));
  }
  return total;
}

}  // namespace

extern "C" void NABLA_REGISTER(embedding_bag)(EmbeddingBagKernels* t) {
  t->sum[0] = sum<float>;
  t->sum[1] = sum<double>;
  t->max[0] = max<float>;
  t->max[1] = max<double>;
  t->add[0] = add<float>;
  t->add[1] = add<double>;
  t->dot[0] = dot<float>;
  t->dot[1] = dot<double>;
}
