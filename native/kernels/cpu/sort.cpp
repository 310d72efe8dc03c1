// Rows are sorted by insertion, by merging, or digit by digit, according to their length.
#include "sort.h"

#include "vec.h"

namespace {

using namespace nabla::cpu;

template <class T>
constexpr bool kFloat = __is_same(T, float) || __is_same(T, double);

template <class T>
constexpr int64_t kFilter = 64 / static_cast<int64_t>(sizeof(T));  // elements looked at together

template <int kBytes>
struct KeyType;
template <>
struct KeyType<1> {
  using Type = uint8_t;
};
template <>
struct KeyType<4> {
  using Type = uint32_t;
};
template <>
struct KeyType<8> {
  using Type = uint64_t;
};
template <class T>
using Key = typename KeyType<sizeof(T)>::Type;

// The order of the keys is the order of the values.
template <class T>
NABLA_INLINE Key<T> keyOf(T x) {
  constexpr int kTop = 8 * sizeof(T) - 1;
  Key<T> bits;
  if constexpr (kFloat<T>) {
    x += T(0);  // -0 becomes 0
    __builtin_memcpy(&bits, &x, sizeof x);
    const Key<T> sign = Key<T>(0) - (bits >> kTop);
    bits ^= sign | (Key<T>(1) << kTop);
    return x != x ? ~Key<T>(0) : bits;
  } else if constexpr (__is_same(T, uint8_t)) {
    return x;
  } else {
    __builtin_memcpy(&bits, &x, sizeof x);
    return static_cast<Key<T>>(bits ^ (Key<T>(1) << kTop));
  }
}

template <class T>
NABLA_INLINE T valueOf(Key<T> key) {
  constexpr int kTop = 8 * sizeof(T) - 1;
  T x;
  if constexpr (__is_same(T, uint8_t)) {
    return key;
  } else {
    if constexpr (kFloat<T>) {
      const Key<T> sign = (key >> kTop) - Key<T>(1);
      key ^= sign | (Key<T>(1) << kTop);
    } else {
      key = static_cast<Key<T>>(key ^ (Key<T>(1) << kTop));
    }
    __builtin_memcpy(&x, &key, sizeof x);
    return x;
  }
}

template <class T>
constexpr bool kPairs = sizeof(T) == 8;
template <bool kWide>
struct ElementType {
  using Type = SortPair;
};
template <>
struct ElementType<false> {
  using Type = SortWord;
};
template <class T>
using Element = typename ElementType<kPairs<T>>::Type;

template <class T>
NABLA_INLINE Element<T> element(T x, int64_t index, bool descending) {
  Key<T> key = keyOf<T>(x);
  if (descending) key = static_cast<Key<T>>(~key);
  if constexpr (kPairs<T>)
    return {key, static_cast<uint64_t>(index)};
  else
    return static_cast<uint64_t>(key) << 32 | static_cast<uint32_t>(index);
}
NABLA_INLINE int64_t indexOf(SortWord e) { return static_cast<uint32_t>(e); }
NABLA_INLINE int64_t indexOf(const SortPair& e) { return static_cast<int64_t>(e.index); }
NABLA_INLINE uint64_t keyOfElement(SortWord e) { return e >> 32; }
NABLA_INLINE uint64_t keyOfElement(const SortPair& e) { return e.key; }
NABLA_INLINE bool before(SortWord a, SortWord b) { return a < b; }
NABLA_INLINE bool before(const SortPair& a, const SortPair& b) {
  return a.key < b.key || (a.key == b.key && a.index < b.index);
}

template <class T>
void load(void* to, const char* data, int64_t first, int64_t n, bool descending) {
  const T* row = reinterpret_cast<const T*>(data);
  auto* e = static_cast<Element<T>*>(to);
  if (descending)
    for (int64_t i = 0; i < n; i++) e[i] = element<T>(row[first + i], first + i, true);
  else
    for (int64_t i = 0; i < n; i++) e[i] = element<T>(row[first + i], first + i, false);
}

template <class E>
NABLA_INLINE void insertion(E* e, int64_t n) {
  for (int64_t i = 1; i < n; i++) {
    const E x = e[i];
    int64_t j = i;
    for (; j > 0 && before(x, e[j - 1]); j--) e[j] = e[j - 1];
    e[j] = x;
  }
}

template <class E>
NABLA_INLINE void merge(const E* a, const E* aEnd, const E* b, const E* bEnd, E* to) {
  while (a < aEnd && b < bEnd) {
    const bool second = before(*b, *a);
    *to++ = second ? *b : *a;
    b += second;
    a += !second;
  }
  while (a < aEnd) *to++ = *a++;
  while (b < bEnd) *to++ = *b++;
}

constexpr int64_t kInsertion = 16, kMerge = 512;

template <class E>
void mergeSort(E* data, E* spare, int64_t n) {
  for (int64_t i = 0; i < n; i += kInsertion) insertion(data + i, n - i < kInsertion ? n - i : kInsertion);
  E *from = data, *to = spare;
  for (int64_t width = kInsertion; width < n; width *= 2) {
    for (int64_t i = 0; i < n; i += 2 * width) {
      const int64_t middle = i + width < n ? i + width : n, end = i + 2 * width < n ? i + 2 * width : n;
      merge(from + i, from + middle, from + middle, from + end, to + i);
    }
    E* t = from;
    from = to;
    to = t;
  }
  if (from != data) __builtin_memcpy(data, from, static_cast<size_t>(n) * sizeof(E));
}

template <class E>
NABLA_INLINE int digit(const E& e, int shift) {
  return static_cast<int>(keyOfElement(e) >> shift & (kDigits - 1));
}

template <class E>
void count(const void* from, int64_t n, int shift, int64_t* counts) {
  const E* e = static_cast<const E*>(from);
  for (int64_t i = 0; i < n; i++) counts[digit(e[i], shift)]++;
}

template <class E>
void scatter(const void* from, int64_t n, int shift, int64_t* offsets, void* to) {
  const E* e = static_cast<const E*>(from);
  E* out = static_cast<E*>(to);
  for (int64_t i = 0; i < n; i++) out[offsets[digit(e[i], shift)]++] = e[i];
}

template <class E>
void pick(const void* from, int64_t n, int shift, int value, void* to) {
  const E* e = static_cast<const E*>(from);
  E* out = static_cast<E*>(to);
  for (int64_t i = 0; i < n; i++)
    if (digit(e[i], shift) == value) *out++ = e[i];
}

// Digit by digit from the lowest; digits that are equal everywhere are skipped.
template <class E, int kBits>
void radixSort(E* data, E* spare, int64_t n) {
  constexpr int kPasses = kBits / 8;
  int64_t counts[kPasses][kDigits];
  __builtin_memset(counts, 0, sizeof counts);
  for (int64_t i = 0; i < n; i++)
    for (int p = 0; p < kPasses; p++) counts[p][digit(data[i], 8 * p)]++;
  E *from = data, *to = spare;
  for (int p = 0; p < kPasses; p++) {
    if (counts[p][digit(from[0], 8 * p)] == n) continue;
    int64_t offset = 0;
    for (int d = 0; d < kDigits; d++) {
      const int64_t here = counts[p][d];
      counts[p][d] = offset;
      offset += here;
    }
    scatter<E>(from, n, 8 * p, counts[p], to);
    E* t = from;
    from = to;
    to = t;
  }
  if (from != data) __builtin_memcpy(data, from, static_cast<size_t>(n) * sizeof(E));
}

template <class E, int kBits>
NABLA_INLINE void sortElements(E* data, E* spare, int64_t n) {
  if (n <= kInsertion)
    insertion(data, n);
  else if (n <= kMerge * kBits / 32)
    mergeSort(data, spare, n);
  else
    radixSort<E, kBits>(data, spare, n);
}
template <class E, int kBits>
void sort(void* data, void* spare, int64_t n) {
  sortElements<E, kBits>(static_cast<E*>(data), static_cast<E*>(spare), n);
}

template <class E>
void arrange(void* data, void* spare, int64_t n) {
  mergeSort(static_cast<E*>(data), static_cast<E*>(spare), n);
}

template <class T>
void store(char* values, int64_t* indices, const void* from, int64_t n, const char* data, bool descending) {
  const T* row = reinterpret_cast<const T*>(data);
  const auto* e = static_cast<const Element<T>*>(from);
  T* out = reinterpret_cast<T*>(values);
  const Key<T> flip = descending ? static_cast<Key<T>>(~Key<T>(0)) : Key<T>(0);
  if (out)
    for (int64_t i = 0; i < n; i++) {
      const auto key = static_cast<Key<T>>(keyOfElement(e[i]) ^ flip);
      out[i] = valueOf<T>(key);
      // Zeros lost their sign and NaN its bits.
      if constexpr (kFloat<T>)
        if (key == keyOf<T>(0) || key == static_cast<Key<T>>(~Key<T>(0))) out[i] = row[indexOf(e[i])];
    }
  if (indices)
    for (int64_t i = 0; i < n; i++) indices[i] = indexOf(e[i]);
}

template <class E>
NABLA_INLINE void swap(E& a, E& b) {
  const E t = a;
  a = b;
  b = t;
}

// Splits around the median of three (of ninths when long); a bad start ends in a sort of what is left.
template <class E>
void selectElements(E* e, int64_t n, int64_t k) {
  if (k <= 0) return;
  int64_t low = 0, high = n;
  const int64_t at = k - 1;
  int rounds = 0;
  while (high - low > kInsertion) {
    if (++rounds > 200) {  // heap sort: n log n whatever the order
      E* h = e + low;
      const int64_t m = high - low;
      for (int64_t start = m / 2 - 1, end = m; end > 1;) {
        int64_t root;
        if (start >= 0) {
          root = start--;
        } else {
          swap(h[0], h[--end]);
          root = 0;
        }
        for (int64_t child; (child = 2 * root + 1) < end; root = child) {
          if (child + 1 < end && before(h[child], h[child + 1])) child++;
          if (!before(h[root], h[child])) break;
          swap(h[root], h[child]);
        }
      }
      return;
    }
    const int64_t step = (high - low) / 8;
    E sample[9];
    for (int i = 0; i < 9; i++) sample[i] = e[i == 8 ? high - 1 : low + i * step];
    insertion(sample, 9);
    // The pivot leans to the side where k lies, so that the rest shrinks fast.
    const int lean = static_cast<int>((at - low) * 9 / (high - low));
    const E pivot = sample[lean < 1 ? 1 : lean > 7 ? 7 : lean];
    int64_t i = low - 1, j = high;
    for (;;) {
      do i++;
      while (before(e[i], pivot));
      do j--;
      while (before(pivot, e[j]));
      if (i >= j) break;
      swap(e[i], e[j]);
    }
    if (at <= j)
      high = j + 1;
    else
      low = j + 1;
  }
  insertion(e + low, high - low);
}
template <class E>
void select(void* data, int64_t n, int64_t k) {
  selectElements(static_cast<E*>(data), n, k);
}

// True when one of the next elements may come before one with the value `last`.
template <class T>
NABLA_INLINE bool mayComeBefore(const T* p, T last, bool descending) {
  VecInt<T> found{};
  for (int64_t i = 0; i < kFilter<T>; i += kLanes<T>) {
    const Vec<T> x = vload<T>(p + i);
    found |= descending ? ~(x <= last) : ~(x >= last);
  }
  uint64_t any = 0;
  uint64_t words[sizeof(found) / 8];
  __builtin_memcpy(words, &found, sizeof found);
  for (const uint64_t word : words) any |= word;
  return any != 0;
}

// Elements behind the k-th best so far are dropped as they come; the rest waits in `data` until there is no room.
template <class T>
void best(void* data, int64_t room, const char* source, int64_t first, int64_t n, int64_t k, bool descending) {
  const T* row = reinterpret_cast<const T*>(source) + first;
  auto* e = static_cast<Element<T>*>(data);
  // Little room at first: the bar rises early, and most of the rest stays below it.
  const int64_t space = room < 2 * k + 64 ? room : 2 * k + 64;
  int64_t held = n < space ? n : space, i = held;
  load<T>(e, source, first, held, descending);
  selectElements(e, held, k);
  if (n <= space) return;
  held = k;
  Element<T> last = e[k - 1];
  const auto take = [&](int64_t end) {
    for (; i < end; i++) {
      const Element<T> x = element<T>(row[i], first + i, descending);
      e[held] = x;
      held += before(x, last);
      if (held < space) continue;
      selectElements(e, held, k);
      held = k;
      last = e[k - 1];
    }
  };
  if constexpr (kFloat<T>) {
    while (i + kFilter<T> <= n) {
      const T bar = row[indexOf(last) - first];
      if (mayComeBefore(row + i, bar, descending))
        take(i + kFilter<T>);
      else
        i += kFilter<T>;
    }
  }
  take(n);
  selectElements(e, held, k);
}

template <class T>
int64_t nans(const char* data, int64_t n, int64_t* firstNan) {
  int64_t total = 0;
  if constexpr (kFloat<T>) {
    const T* row = reinterpret_cast<const T*>(data);
    for (int64_t i = 0; i < n; i++) total += row[i] != row[i];
    if (total)
      for (int64_t i = 0; i < n; i++)
        if (row[i] != row[i]) {
          *firstNan = i;
          break;
        }
  }
  return total;
}

template <class T>
int64_t mode(const void* from, int64_t n) {
  const auto* e = static_cast<const Element<T>*>(from);
  int64_t most = 0, winner = 0, run = 0;
  for (int64_t i = 0; i < n; i++) {
    run = i && keyOfElement(e[i]) == keyOfElement(e[i - 1]) ? run + 1 : 1;
    const bool ends = i + 1 == n || keyOfElement(e[i + 1]) != keyOfElement(e[i]);
    if (ends && run > most) most = run, winner = i;
  }
  return indexOf(e[winner]);
}

template <class T>
int64_t countRuns(const char* data, int64_t first, int64_t n) {
  const T* row = reinterpret_cast<const T*>(data) + first;
  int64_t total = first == 0;
  for (int64_t i = first == 0; i < n; i++) total += row[i] != row[i - 1];
  return total;
}

template <class T>
void numberRuns(const char* data, int64_t first, int64_t n, int64_t number, char* values, int64_t* inverse,
                const int64_t* order, int64_t* starts) {
  const T* row = reinterpret_cast<const T*>(data);
  T* out = reinterpret_cast<T*>(values);
  for (int64_t i = first; i < first + n; i++) {
    if (i == 0 || row[i] != row[i - 1]) {
      if (out) out[number] = row[i];
      if (starts) starts[number] = i;
      number++;
    }
    if (inverse) inverse[order ? order[i] : i] = number - 1;
  }
}

template <class T, bool kRight>
NABLA_INLINE int64_t searchOne(T x, const T* row, const int64_t* order, int64_t n) {
  int64_t low = 0;
  for (int64_t length = n; length > 0;) {
    const int64_t half = length / 2;
    const T y = row[order ? order[low + half] : low + half];
    // As in PyTorch a NaN on either side counts as passed.
    const bool goes = kRight ? !(y > x) : !(y >= x);
    low = goes ? low + half + 1 : low;
    length = goes ? length - half - 1 : half;
  }
  return low;
}

template <class T>
void search(char* data, bool wide, const char* source, int64_t total, const char* sorted, const int64_t* order,
            int64_t n, bool right) {
  const T* values = reinterpret_cast<const T*>(source);
  const T* row = reinterpret_cast<const T*>(sorted);
  for (int64_t i = 0; i < total; i++) {
    const int64_t at =
        right ? searchOne<T, true>(values[i], row, order, n) : searchOne<T, false>(values[i], row, order, n);
    if (wide)
      reinterpret_cast<int64_t*>(data)[i] = at;
    else
      reinterpret_cast<int32_t*>(data)[i] = static_cast<int32_t>(at);
  }
}

template <class T>
void registerType(SortKernels* t, int type) {
  using E = Element<T>;
  constexpr int kBits = 8 * sizeof(T);
  t->run[type] = {sizeof(E), kBits,     load<T>, sort<E, kBits>, arrange<E>, count<E>,     scatter<E>,    pick<E>,
                  store<T>,  select<E>, best<T>, nans<T>,        mode<T>,    countRuns<T>, numberRuns<T>, search<T>};
}

}  // namespace

extern "C" void NABLA_REGISTER(sort)(SortKernels* t) {
  registerType<float>(t, 0);
  registerType<double>(t, 1);
  registerType<int32_t>(t, 2);
  registerType<int64_t>(t, 3);
  registerType<uint8_t>(t, 4);
  registerType<uint8_t>(t, 5);
  registerType<int8_t>(t, 6);
}
