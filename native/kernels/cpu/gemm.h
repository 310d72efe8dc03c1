// Matrix products: contract. C[M, N] = beta * C + alpha * A[M, K] * B[K, N], then bias and relu.
#pragma once
#include <cstdint>

namespace nabla::cpu {

struct Bf16 {  // a bfloat16 element
  uint16_t bits;
};

// What products of T are summed in. bfloat16 is rounded once, when all of K is in the sum.
template <class T>
struct SumOf {
  using Type = T;
  static constexpr bool kApart = false;  // C itself holds the sums between blocks of K
};
template <>
struct SumOf<Bf16> {
  using Type = float;
  static constexpr bool kApart = true;
};
template <class T>
using Sum = typename SumOf<T>::Type;

// One product. Every operand has any row and column stride (in elements, 0 repeats).
template <class T>
struct GemmTask {
  int64_t m, n, k;
  const T* a;
  int64_t aRow, aCol;
  const T* b;
  int64_t bRow, bCol;
  T* c;
  int64_t cRow, cCol;
  Sum<T> alpha, beta;  // beta 0 does not read C
  const T* rowBias;    // [M] or null
  int64_t rowBiasStride;
  const T* colBias;  // [N] or null
  int64_t colBiasStride;
  bool relu;
  // K is cut in `kBlocks` even blocks, M and N in panels; of `u` units along K block i holds
  // [i * u / kBlocks, (i + 1) * u / kBlocks).
  int64_t kBlocks, rowPanels, colPanels;
  Sum<T>* packedA;  // all panels packed beforehand, or null: each chunk packs its own
  Sum<T>* packedB;
  // Partial sums for combine(). Where sums lie apart from C, also those of chunk() with more of K to come: rows of
  // whole panels; `sumsAdd`: they hold what came before, `sumsStay`: C is not written yet.
  Sum<T>* sums;
  int64_t sumsRow;
  bool sumsAdd, sumsStay;
};

// Panel geometry: A is packed [kBlock][rowPanel][unit][aWidth], B [kBlock][colPanel][unit][bWidth]. Rows are dealt
// evenly to the row panels (at most rowTile each), columns are cut every bWidth. A unit is as large as a sum and holds
// `kUnit` elements along K.
template <class T>
struct GemmTable {
  int64_t rowTile, aWidth, bWidth;
  int64_t kBlock, kUnit;  // kBlock in units
  int64_t dotRows;        // largest M that dot() and axpy() are good for
  // Packs panels [from, to) of K block `block` into packedA / packedB.
  void (*packA)(const GemmTask<T>& task, int64_t block, int64_t from, int64_t to);
  void (*packB)(const GemmTask<T>& task, int64_t block, int64_t from, int64_t to);
  // Row panels [p0, p1) times column panels [q0, q1), whole K. `scratch` holds the panels that are not packed
  // beforehand, A before B, one K block deep; then sums of whole panels, if they lie apart and K has several blocks.
  void (*chunk)(const GemmTask<T>& task, int64_t p0, int64_t p1, int64_t q0, int64_t q1, Sum<T>* scratch);
  // Few rows: columns [n0, n1). dot() wants A and B contiguous along K, axpy() B contiguous along N.
  void (*dot)(const GemmTask<T>& task, int64_t n0, int64_t n1);
  void (*axpy)(const GemmTask<T>& task, int64_t n0, int64_t n1);
  // C = beta * C + alpha * (sum of `parts` matrices [M, sumsRow] at `sums`), then bias and relu; rows [m0, m1).
  void (*combine)(const GemmTask<T>& task, int64_t parts, int64_t m0, int64_t m1);
};

struct IntegerGemm {
  int64_t m, n, k;
  const void* a;
  int64_t aRow, aCol;
  const void* b;
  int64_t bRow, bCol;
  void* c;
  int64_t cRow, cCol;
};

struct GemmKernels {
  GemmTable<float> f32;
  GemmTable<double> f64;
  GemmTable<Bf16> bf16;
  GemmTable<Bf16> bf16Widened;  // without an instruction for bfloat16: what `bf16` is on most processors
  // Rows [m0, m1); overflow wraps.
  void (*int32)(const IntegerGemm& task, int64_t m0, int64_t m1);
  void (*int64)(const IntegerGemm& task, int64_t m0, int64_t m1);
};

}  // namespace nabla::cpu
