#include "attention.h"

#include "attention_tile.h"

namespace {

using nabla::cpu::AttentionBackward;
using nabla::cpu::AttentionForward;
using nabla::cpu::AttentionRows;
using nabla::cpu::AttentionRule;
using nabla::cpu::AttentionTable;
using nabla::cpu::kRandomGroup32;

constexpr int64_t kQueryRows = (kRowTile >= 12 ? 4 : 8) * kRowTile;
constexpr int64_t kKeyBlock = 256;
constexpr int64_t kBackwardRows = 126 / kRowTile * kRowTile;
constexpr int64_t kBackwardKeys = 128;

NABLA_INLINE float log2Of(float x) { return log2f(x); }
NABLA_INLINE double log2Of(double x) { return log2(x); }
NABLA_INLINE float exp2Of(float x) { return exp2f(x); }
NABLA_INLINE double exp2Of(double x) { return exp2(x); }

// Hands out scratch in whole cache lines.
template <class T>
struct Carver {
  T* at;
  NABLA_INLINE T* take(int64_t elements) {
    T* from = at;
    at += roundUp(elements, 64 / static_cast<int64_t>(sizeof(T)));
    return from;
  }
};

template <class T>
struct ForwardTiles {
  T *query, *scores, *sums, *maxima, *totals, *keep, *factors, *keys, *values;
  ForwardTiles(const AttentionRule<T>& rule, bool packs, Carver<T>& carver)
      : query(carver.take(kQueryRows * padded<T>(rule.width))),
        scores(carver.take(kQueryRows * tileRow<T>(kKeyBlock))),
        sums(carver.take(kQueryRows * padded<T>(rule.outWidth))),
        maxima(carver.take(kQueryRows)),
        totals(carver.take(kQueryRows)),
        keep(carver.take(kQueryRows)),
        factors(carver.take(rule.words ? kKeyBlock : 0)),
        keys(carver.take(packs ? kKeyBlock * rule.width : 0)),
        values(carver.take(packs ? kKeyBlock * padded<T>(rule.outWidth) : 0)) {}
};

template <class T>
int64_t forwardScratch(const AttentionRule<T>& rule, bool packs) {
  Carver<T> carver{nullptr};
  ForwardTiles<T> tiles(rule, packs, carver);
  return carver.at - static_cast<T*>(nullptr);
}

template <class T>
void pack(const AttentionRule<T>& rule, const AttentionRows<const T>& key, const AttentionRows<const T>& value,
          int64_t from, int64_t to, T* keys, T* values) {
  packColumns<T>({key.data + from * key.row, key.row, key.col}, to - from, rule.width, keys + from * rule.width);
  copyRows<T>({value.data + from * value.row, value.row, value.col}, to - from, rule.outWidth, T(1),
              values + from * padded<T>(rule.outWidth));
}

// Scores of one row become weights relative to the largest score so far.
template <class T>
NABLA_INLINE void weighRow(T* row, int64_t width, T* maximum, T* total, T* keep) {
  constexpr int L = kLanes<T>;
  Vec<T> high = vset<T>(kMinusInfinity<T>);
  for (int64_t i = 0; i < width; i += L) high = vmax<T>(high, vload(row + i));
  const T found = maxLanes<T>(high);
  const T before = *maximum, now = found > before ? found : before;
  const T reference = now == kMinusInfinity<T> ? T(0) : now;
  const Vec<T> shift = vset<T>(reference);
  Vec<T> even{}, odd{};
  int64_t i = 0;
  for (; i + 2 * L <= width; i += 2 * L) {
    const Vec<T> a = powerOf2(vload(row + i) - shift), b = powerOf2(vload(row + i + L) - shift);
    vstore<T>(row + i, a);
    vstore<T>(row + i + L, b);
    even += a;
    odd += b;
  }
  if (i < width) {
    const Vec<T> a = powerOf2(vload(row + i) - shift);
    vstore<T>(row + i, a);
    even += a;
  }
  const T sum = sumLanes<T>(even + odd);
  *keep = now == before ? T(1) : exp2Of(before - reference);
  *maximum = now;
  *total = *total * *keep + sum;
}

// One block of keys for all rows of the task.
template <class T>
void forwardBlock(const AttentionForward<T>& t, const ForwardTiles<T>& tiles, int64_t key0, int64_t count,
                  const T* keys, const T* values, int64_t valueRow) {
  const AttentionRule<T>& rule = *t.rule;
  const int64_t rows = t.row1 - t.row0, stride = tileRow<T>(kKeyBlock), width = padded<T>(count);
  multiply<T, false>({rows, count, rule.width, tiles.query, padded<T>(rule.width), 1, keys, kPanel<T> * rule.width,
                      kPanel<T>, tiles.scores, stride, false, nullptr});
  const bool masks = rule.mask != nabla::cpu::kNoMask || (rule.causal && key0 + count > t.row0 + 1) || width > count;
  for (int64_t r = 0; r < rows; r++) {
    T* row = tiles.scores + r * stride;
    if (masks) maskRow(rule, t.mask, t.row0 + r, key0, count, row);
    weighRow(row, width, tiles.maxima + r, tiles.totals + r, tiles.keep + r);
    if (!rule.words) continue;
    dropoutRow(rule, t.randomRow + t.row0 + r, key0, count, tiles.factors);
    for (int64_t i = 0; i < width; i += kLanes<T>) vstore<T>(row + i, vload(row + i) * vload(tiles.factors + i));
  }
  multiply<T, false>({rows, rule.outWidth, count, tiles.scores, stride, 1, values, kPanel<T>, valueRow, tiles.sums,
                      padded<T>(rule.outWidth), true, tiles.keep});
}

// sums / total, and the logarithm of the sum of all exponentials; a row without any score gives zeros.
template <class T>
NABLA_INLINE void finishRow(const AttentionForward<T>& t, int64_t row, const T* sums, T maximum, T total) {
  const T reference = maximum == kMinusInfinity<T> ? T(0) : maximum;
  const T inverse = total == 0 ? T(0) : T(1) / total;
  storeRow<T>(sums, t.rule->outWidth, vset<T>(inverse), t.out.data + row * t.out.row, t.out.col);
  if (t.logSums) t.logSums[row] = total == 0 ? T(0) : reference + log2Of(total);
}

template <class T>
void forward(const AttentionForward<T>& t, T* scratch) {
  const AttentionRule<T>& rule = *t.rule;
  const bool packs = !t.packedKeys;
  Carver<T> carver{scratch};
  const ForwardTiles<T> tiles(rule, packs, carver);
  const int64_t rows = t.row1 - t.row0, outRow = padded<T>(rule.outWidth);
  copyRows<T>({t.query.data + t.row0 * t.query.row, t.query.row, t.query.col}, rows, rule.width, rule.scale * kLog2E<T>,
              tiles.query);
  for (int64_t r = 0; r < rows; r++) tiles.maxima[r] = kMinusInfinity<T>, tiles.totals[r] = 0;
  for (int64_t i = 0; i < rows * outRow; i++) tiles.sums[i] = 0;
  // Keys beyond the last query's are masked for all.
  const int64_t end = rule.causal ? smaller(t.key1, t.row1) : t.key1;
  const bool inPlace = packs && t.value.col == 1 && rule.outWidth == outRow;
  for (int64_t key0 = t.key0; key0 < end; key0 += kKeyBlock) {
    const int64_t count = smaller(kKeyBlock, end - key0);
    if (!packs) {
      forwardBlock(t, tiles, key0, count, t.packedKeys + key0 * rule.width, t.packedValues + key0 * outRow, outRow);
      continue;
    }
    const AttentionRows<const T> value{t.value.data + key0 * t.value.row, t.value.row, t.value.col};
    packColumns<T>({t.key.data + key0 * t.key.row, t.key.row, t.key.col}, count, rule.width, tiles.keys);
    if (!inPlace) copyRows<T>(value, count, rule.outWidth, T(1), tiles.values);
    forwardBlock(t, tiles, key0, count, tiles.keys, inPlace ? value.data : tiles.values, inPlace ? value.row : outRow);
  }
  if (!t.partial) {
    for (int64_t r = 0; r < rows; r++)
      finishRow(t, t.row0 + r, tiles.sums + r * outRow, tiles.maxima[r], tiles.totals[r]);
    return;
  }
  for (int64_t i = 0; i < rows * outRow; i++) t.partial[i] = tiles.sums[i];
  for (int64_t r = 0; r < rows; r++) {
    t.partial[rows * outRow + r] = tiles.maxima[r];
    t.partial[rows * (outRow + 1) + r] = tiles.totals[r];
  }
}

template <class T>
void combine(const AttentionForward<T>& t, int64_t parts, int64_t step) {
  const int64_t rows = t.row1 - t.row0, outRow = padded<T>(t.rule->outWidth);
  for (int64_t r = 0; r < rows; r++) {
    const T* maxima = t.partial + rows * outRow + r;
    T highest = kMinusInfinity<T>, total = 0;
    for (int64_t p = 0; p < parts; p++) highest = maxima[p * step] > highest ? maxima[p * step] : highest;
    const T reference = highest == kMinusInfinity<T> ? T(0) : highest;
    T* sums = t.partial + r * outRow;
    for (int64_t p = 0; p < parts; p++) {
      const T factor = exp2Of(maxima[p * step] - reference);
      total += factor * maxima[p * step + rows];
      const T* from = sums + p * step;
      for (int64_t i = 0; i < outRow; i++) sums[i] = (p == 0 ? T(0) : sums[i]) + factor * from[i];
    }
    finishRow(t, t.row0 + r, sums, highest, total);
  }
}

// Rows far apart in memory push each other out of the caches: backward copies the queries of its heads once where they
// fit, else for every block of keys.
template <class T>
NABLA_INLINE bool copiesOnce(const AttentionRule<T>& rule, int64_t heads) {
  constexpr int64_t kBytes = 4 << 20;
  return heads * rule.queries * (padded<T>(rule.width) + padded<T>(rule.outWidth)) <= kBytes / int64_t(sizeof(T));
}

template <class T>
struct BackwardTiles {
  bool once;
  T *query, *gradOut, *scores, *grads, *factors, *keyColumns, *valueColumns, *keyRows, *gradKey, *gradValue;
  BackwardTiles(const AttentionRule<T>& rule, int64_t heads, Carver<T>& carver)
      : once(copiesOnce(rule, heads)),
        query(carver.take((once ? heads * rule.queries : kBackwardRows) * padded<T>(rule.width))),
        gradOut(carver.take((once ? heads * rule.queries : kBackwardRows) * padded<T>(rule.outWidth))),
        scores(carver.take(kBackwardRows * tileRow<T>(kBackwardKeys))),
        grads(carver.take(kBackwardRows * tileRow<T>(kBackwardKeys))),
        factors(carver.take(kBackwardKeys)),
        keyColumns(carver.take(kBackwardKeys * rule.width)),
        valueColumns(carver.take(kBackwardKeys * rule.outWidth)),
        keyRows(carver.take(kBackwardKeys * padded<T>(rule.width))),
        gradKey(carver.take(kBackwardKeys * padded<T>(rule.width))),
        gradValue(carver.take(kBackwardKeys * padded<T>(rule.outWidth))) {}
};

template <class T>
int64_t backwardScratch(const AttentionRule<T>& rule, int64_t heads) {
  Carver<T> carver{nullptr};
  BackwardTiles<T> tiles(rule, heads, carver);
  return carver.at - static_cast<T*>(nullptr);
}

// Queries and gradients of the output, rows [row0, row0 + rows) of head `head`, side by side.
template <class T>
void copyQueries(const AttentionBackward<T>& t, int64_t head, int64_t row0, int64_t rows, T* query, T* gradOut) {
  const AttentionRule<T>& rule = *t.rule;
  copyRows<T>({t.query.data + head * t.queryHead + row0 * t.query.row, t.query.row, t.query.col}, rows, rule.width,
              rule.scale * kLog2E<T>, query);
  copyRows<T>({t.gradOut.data + head * t.gradOutHead + row0 * t.gradOut.row, t.gradOut.row, t.gradOut.col}, rows,
              rule.outWidth, T(1), gradOut);
}

// Scores become weights (with dropout: those that remain), gradients of weights become gradients of scores.
template <class T>
NABLA_INLINE void gradientRow(T* scores, T* grads, int64_t width, T logSum, T delta, const T* factors) {
  const Vec<T> shift = vset<T>(logSum), mean = vset<T>(delta);
  if (!factors) {
    for (int64_t i = 0; i < width; i += kLanes<T>) {
      const Vec<T> weight = powerOf2(vload(scores + i) - shift);
      vstore<T>(scores + i, weight);
      vstore<T>(grads + i, weight * (vload(grads + i) - mean));
    }
    return;
  }
  for (int64_t i = 0; i < width; i += kLanes<T>) {
    const Vec<T> weight = powerOf2(vload(scores + i) - shift), factor = vload(factors + i);
    vstore<T>(scores + i, weight * factor);
    vstore<T>(grads + i, weight * (vload(grads + i) * factor - mean));
  }
}

// Queries [row0, row0 + rows) of head `head` against the packed block of keys.
template <class T>
void backwardTile(const AttentionBackward<T>& t, const BackwardTiles<T>& tiles, int64_t head, int64_t row0,
                  int64_t rows, int64_t key0, int64_t count) {
  const AttentionRule<T>& rule = *t.rule;
  const int64_t stride = tileRow<T>(kBackwardKeys), width = padded<T>(count);
  const int64_t queryRow = padded<T>(rule.width), outRow = padded<T>(rule.outWidth);
  const int64_t copied = tiles.once ? head * rule.queries + row0 : 0;
  T *query = tiles.query + copied * queryRow, *gradOut = tiles.gradOut + copied * outRow;
  if (!tiles.once) copyQueries(t, head, row0, rows, query, gradOut);
  multiply<T, false>({rows, count, rule.width, query, queryRow, 1, tiles.keyColumns, kPanel<T> * rule.width, kPanel<T>,
                      tiles.scores, stride, false, nullptr});
  multiply<T, false>({rows, count, rule.outWidth, gradOut, outRow, 1, tiles.valueColumns, kPanel<T> * rule.outWidth,
                      kPanel<T>, tiles.grads, stride, false, nullptr});
  const char* mask = t.mask ? static_cast<const char*>(t.mask) + head * t.maskHead : nullptr;
  const bool masks = rule.mask != nabla::cpu::kNoMask || (rule.causal && key0 + count > row0 + 1) || width > count;
  for (int64_t r = 0; r < rows; r++) {
    const int64_t at = head * rule.queries + row0 + r;
    T* scores = tiles.scores + r * stride;
    if (masks) maskRow<T>(rule, mask, row0 + r, key0, count, scores);
    if (rule.words) dropoutRow(rule, t.randomRow + at, key0, count, tiles.factors);
    gradientRow<T>(scores, tiles.grads + r * stride, width, t.logSums[at], t.deltas[at],
                   rule.words ? tiles.factors : nullptr);
  }
  if (t.gradValue.data) {
    multiply<T, true>({count, rule.outWidth, rows, tiles.scores, 1, stride, gradOut, kPanel<T>, outRow, tiles.gradValue,
                       outRow, true, nullptr});
  }
  if (t.gradKey.data) {
    multiply<T, true>({count, rule.width, rows, tiles.grads, 1, stride, query, kPanel<T>, queryRow, tiles.gradKey,
                       queryRow, true, nullptr});
  }
  if (t.gradQuery) {
    multiply<T, false>({rows, rule.width, count, tiles.grads, stride, 1, tiles.keyRows, kPanel<T>, queryRow,
                        t.gradQuery + head * t.gradQueryHead + row0 * t.gradQueryRow, t.gradQueryRow, true, nullptr});
  }
}

template <class T>
void backward(const AttentionBackward<T>& t, T* scratch) {
  const AttentionRule<T>& rule = *t.rule;
  Carver<T> carver{scratch};
  const BackwardTiles<T> tiles(rule, t.heads, carver);
  const int64_t queryRow = padded<T>(rule.width), outRow = padded<T>(rule.outWidth);
  if (tiles.once) {
    for (int64_t head = 0; head < t.heads; head++) {
      const int64_t row = head * rule.queries;
      copyQueries(t, head, 0, rule.queries, tiles.query + row * queryRow, tiles.gradOut + row * outRow);
    }
  }
  for (int64_t i = 0; t.gradQuery && i < t.heads * rule.queries; i++) {
    T* row = t.gradQuery + i / rule.queries * t.gradQueryHead + i % rule.queries * t.gradQueryRow;
    for (int64_t j = 0; j < queryRow; j++) row[j] = 0;
  }
  for (int64_t key0 = t.part * kBackwardKeys; key0 < rule.keys; key0 += t.parts * kBackwardKeys) {
    const int64_t count = smaller(kBackwardKeys, rule.keys - key0);
    const AttentionRows<const T> key{t.key.data + key0 * t.key.row, t.key.row, t.key.col};
    const AttentionRows<const T> value{t.value.data + key0 * t.value.row, t.value.row, t.value.col};
    packColumns(key, count, rule.width, tiles.keyColumns);
    packColumns(value, count, rule.outWidth, tiles.valueColumns);
    copyRows(key, count, rule.width, rule.scale, tiles.keyRows);  // for the gradient of the queries
    for (int64_t i = 0; i < count * queryRow; i++) tiles.gradKey[i] = 0;
    for (int64_t i = 0; i < count * outRow; i++) tiles.gradValue[i] = 0;
    for (int64_t head = 0; head < t.heads; head++) {
      // Queries before the first key see none of the block.
      for (int64_t row0 = rule.causal ? key0 : 0; row0 < rule.queries; row0 += kBackwardRows)
        backwardTile(t, tiles, head, row0, smaller(kBackwardRows, rule.queries - row0), key0, count);
    }
    for (int64_t i = 0; i < count; i++) {
      const AttentionRows<T>&k = t.gradKey, &v = t.gradValue;
      if (k.data)
        storeRow<T>(tiles.gradKey + i * queryRow, rule.width, vset<T>(kLn2<T>), k.data + (key0 + i) * k.row, k.col);
      if (v.data)
        storeRow<T>(tiles.gradValue + i * outRow, rule.outWidth, vset<T>(1), v.data + (key0 + i) * v.row, v.col);
    }
  }
}

template <class T>
void delta(const AttentionRows<const T>& gradOut, const AttentionRows<const T>& out, int64_t outWidth, int64_t row0,
           int64_t row1, T* deltas) {
  for (int64_t r = row0; r < row1; r++) {
    const T *g = gradOut.data + r * gradOut.row, *o = out.data + r * out.row;
    Vec<T> sums{};
    int64_t i = 0;
    if (gradOut.col == 1 && out.col == 1)
      for (; i + kLanes<T> <= outWidth; i += kLanes<T>) sums += vload(g + i) * vload(o + i);
    T sum = sumLanes<T>(sums);
    for (; i < outWidth; i++) sum += g[i * gradOut.col] * o[i * out.col];
    deltas[r] = sum;
  }
}

template <class T>
void addParts(const T* sums, int64_t parts, int64_t step, int64_t width, int64_t row0, int64_t row1,
              const AttentionRows<T>& out) {
  const int64_t stride = padded<T>(width);
  for (int64_t r = row0; r < row1; r++) {
    T* to = out.data + r * out.row;
    for (int64_t i = 0; i < width; i += kLanes<T>) {
      Vec<T> sum = vload(sums + r * stride + i);
      for (int64_t p = 1; p < parts; p++) sum += vload(sums + p * step + r * stride + i);
      alignas(64) T part[kLanes<T>];
      vstore<T>(part, sum);
      storeRow<T>(part, smaller(kLanes<T>, width - i), vset<T>(1), to + i * out.col, out.col);
    }
  }
}

template <class T>
void fill(AttentionTable<T>& table) {
  table.queryRows = kQueryRows;
  table.keyBlock = kKeyBlock;
  table.backwardKeys = kBackwardKeys;
  table.lanes = kLanes<T>;
  table.panel = kPanel<T>;
  table.forwardScratch = forwardScratch<T>;
  table.backwardScratch = backwardScratch<T>;
  table.pack = pack<T>;
  table.forward = forward<T>;
  table.backward = backward<T>;
  table.combine = combine<T>;
  table.delta = delta<T>;
  table.addParts = addParts<T>;
}

}  // namespace

extern "C" void NABLA_REGISTER(attention)(nabla::cpu::AttentionKernels* t) {
  fill(t->f32);
  fill(t->f64);
}
