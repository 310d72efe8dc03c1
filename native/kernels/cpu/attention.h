// Attention in tiles (Dao et al., 2022): contract. Dtypes: float and double. One head has L queries [L, E], S keys
// [S, E] and S values [S, V]; weights = softmax(scale * queries * keys^T + mask), output = weights * values. The
// weights exist in tiles only: forward rescales what it has summed when a larger score comes (online softmax), backward
// makes them again from the logarithm of their sum, whose base is 2.
#pragma once
#include <stdint.h>

#include "random.h"

namespace nabla::cpu {

enum AttentionMaskKind : int { kNoMask, kBoolMask, kAddedMask };

// What is the same for all heads of a call.
template <class T>
struct AttentionRule {
  int64_t queries, keys, width, outWidth;  // L, S, E, V
  T scale;
  bool causal;  // query i sees keys 0 to i
  AttentionMaskKind mask;
  int64_t maskRow, maskCol;
  // Dropout: weight j of the row r (of all heads) takes word j % 64 of group r * groups + j / 64.
  void (*words)(const PhiloxState& state, int64_t group, uint32_t out[64]);  // null: none
  PhiloxState random;
  Chance keep;
  int64_t groups;
  T kept;  // factor of what is kept
};

// A matrix with any strides.
template <class T>
struct AttentionRows {
  T* data;
  int64_t row, col;
};

// Queries [row0, row1) of one head against keys [key0, key1).
template <class T>
struct AttentionForward {
  const AttentionRule<T>* rule;
  AttentionRows<const T> query, key, value;  // of the head
  const void* mask;                          // of the head: row 0, key 0
  int64_t randomRow;                         // row 0 of the head among all rows
  int64_t row0, row1, key0, key1;
  const T *packedKeys, *packedValues;  // of the head, made by pack; null: the kernel packs block by block
  AttentionRows<T> out;                // of the head
  T* logSums;                          // of the head, or null
  // Not null: the sums as they are, [row1 - row0][vectors of V], then maxima and totals [row1 - row0] each.
  T* partial;
};

// Keys of one head, every `parts`-th block from block `part` on, with all queries of the `heads` heads that share it.
template <class T>
struct AttentionBackward {
  const AttentionRule<T>* rule;
  int64_t heads, part, parts;
  AttentionRows<const T> query, gradOut, key, value;  // of the first head
  int64_t queryHead, gradOutHead, maskHead;           // distances of heads; the mask's in bytes
  const void* mask;
  int64_t randomRow;
  const T *logSums, *deltas;            // [heads][L]
  T* gradQuery;                         // rows of whole vectors; null: not wanted
  int64_t gradQueryRow, gradQueryHead;  // distances of its rows and heads
  AttentionRows<T> gradKey, gradValue;  // data null: not wanted
};

template <class T>
struct AttentionTable {
  int64_t queryRows;  // queries of one call of forward, at most
  int64_t keyBlock, backwardKeys;
  int64_t lanes, panel;  // rows are padded to whole vectors, packed keys to whole panels
  // Elements of scratch for forward (`packs`: it packs itself) and backward.
  int64_t (*forwardScratch)(const AttentionRule<T>& rule, bool packs);
  int64_t (*backwardScratch)(const AttentionRule<T>& rule, int64_t heads);
  // Keys [from, to) of one head, `from` a multiple of the panel: `keys` gets panels [E][panel], `values` padded rows.
  void (*pack)(const AttentionRule<T>& rule, const AttentionRows<const T>& key, const AttentionRows<const T>& value,
               int64_t from, int64_t to, T* keys, T* values);
  void (*forward)(const AttentionForward<T>& task, T* scratch);
  void (*backward)(const AttentionBackward<T>& task, T* scratch);
  // Joins what `parts` calls of forward left `step` elements apart; the task says which rows.
  void (*combine)(const AttentionForward<T>& task, int64_t parts, int64_t step);
  // deltas[r] = sum over V of gradOut * out, rows [row0, row1).
  void (*delta)(const AttentionRows<const T>& gradOut, const AttentionRows<const T>& out, int64_t outWidth,
                int64_t row0, int64_t row1, T* deltas);
  // out = sum of `parts` matrices of padded rows, `step` elements apart; rows [row0, row1).
  void (*addParts)(const T* sums, int64_t parts, int64_t step, int64_t width, int64_t row0, int64_t row1,
                   const AttentionRows<T>& out);
};

struct AttentionKernels {
  AttentionTable<float> f32;
  AttentionTable<double> f64;
};

}  // namespace nabla::cpu
