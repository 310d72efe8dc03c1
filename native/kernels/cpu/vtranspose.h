// Square transpose in registers: kLanes x kLanes elements.
#pragma once
#include "vec.h"

namespace {

template <int... I>
struct LaneList {};
template <int N, int... I>
struct MakeLanes : MakeLanes<N - 1, N - 1, I...> {};
template <int... I>
struct MakeLanes<0, I...> {
  using Type = LaneList<I...>;
};

// Swaps the off-diagonal S-lane blocks of the pair (a, b).
template <int S, int L, class V, int... I>
NABLA_INLINE void swapBlocks(V& a, V& b, LaneList<I...>) {
  const V low = __builtin_shufflevector(a, b, ((I & S) ? L + I - S : I)...);
  const V high = __builtin_shufflevector(a, b, ((I & S) ? L + I : I + S)...);
  a = low;
  b = high;
}

template <class T, int S>
NABLA_INLINE void transposeStage(Vec<T> (&r)[kLanes<T>]) {
  constexpr int L = kLanes<T>;
#pragma GCC unroll 16
  for (int i = 0; i < L; i++)
    if (!(i & S)) swapBlocks<S, L>(r[i], r[i + S], typename MakeLanes<L>::Type{});
  if constexpr (S * 2 < L) transposeStage<T, S * 2>(r);
}

// r[i][j] becomes r[j][i].
template <class T>
NABLA_INLINE void vtranspose(Vec<T> (&r)[kLanes<T>]) {
  transposeStage<T, 1>(r);
}

}  // namespace
