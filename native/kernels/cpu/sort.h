// Sorting and selecting along rows that lie side by side: contract.
#pragma once
#include "rect.h"

namespace nabla::cpu {

// An element on its way: an unsigned key whose order is the wanted one (NaN last, -0 equal to 0, reversed for
// descending order) and its position. Positions break ties, so no two elements are equal and every order is the stable
// one.
struct alignas(16) SortPair {
  uint64_t key, index;
};
// Keys of 32 bits: key in the upper half, position in the lower one.
using SortWord = uint64_t;

constexpr int kDigits = 256;             // values of a radix digit
constexpr int64_t kSortMax = 1LL << 32;  // elements of a row

// How the elements of one type travel; E is SortWord or SortPair, behind void pointers.
struct SortFunctions {
  int64_t itemBytes;  // of E
  int keyBits;
  void (*load)(void* to, const char* row, int64_t first, int64_t n, bool descending);
  // Elements in the order of their positions, or (arrange) in any order. The result lies in `data`.
  void (*sort)(void* data, void* spare, int64_t n);
  void (*arrange)(void* data, void* spare, int64_t n);
  // One pass of a radix sort by the digit at bit `shift`: counts, and moves to where `offsets` says.
  void (*count)(const void* from, int64_t n, int shift, int64_t* counts);
  void (*scatter)(const void* from, int64_t n, int shift, int64_t* offsets, void* to);
  // The elements whose digit is `value`.
  void (*pick)(const void* from, int64_t n, int shift, int value, void* to);
  // Values (may be null) and positions (may be null) of sorted elements of `row`.
  void (*store)(char* values, int64_t* indices, const void* from, int64_t n, const char* row, bool descending);
  // Moves the k first of n elements to the front, in any order; k <= n. The k-th one is then at k - 1.
  void (*select)(void* data, int64_t n, int64_t k);
  // The k first of the n elements of `row` from `first` on, in any order; `data` has room for `room` >= 2 k.
  void (*best)(void* data, int64_t room, const char* row, int64_t first, int64_t n, int64_t k, bool descending);
  int64_t (*nans)(const char* row, int64_t n, int64_t* firstNan);  // how many, and where the first one is
  // The most frequent value of sorted elements: of several the smallest, and of equal elements the last.
  int64_t (*mode)(const void* from, int64_t n);
  // Neighbours that differ: counts, and numbers them.
  int64_t (*countRuns)(const char* row, int64_t first, int64_t n);
  void (*numberRuns)(const char* row, int64_t first, int64_t n, int64_t number, char* values, int64_t* inverse,
                     const int64_t* order, int64_t* starts);
  // out[i] = how many of the n sorted elements of `row` lie before values[i] (or, to the right, not behind it).
  // `order` (may be null) sorts `row`. `wide` says whether out is int64 or int32.
  void (*search)(char* out, bool wide, const char* values, int64_t count, const char* row, const int64_t* order,
                 int64_t n, bool right);
};

struct SortKernels {
  SortFunctions run[kElementTypes];
};

}  // namespace nabla::cpu
