// LU, Cholesky, triangular systems and the matrix exponential, on Eigen's blocked algorithms.
#include <Eigen/Cholesky>
#include <Eigen/LU>

#include "eigen.h"

using nabla::cpu::FactorSolveKernels;
using nabla::cpu::Pivots;
using nabla::cpu::SolveTable;

namespace Eigen {
namespace nabla_factors {
namespace {

template <class T>
int64_t cholesky(const View<T>& a, const View<T>& l) {
  Dense<T> work = mapped(a);
  int64_t failed = internal::llt_inplace<T, Lower>::blocked(work) + 1;
  // Eigen lets a NaN pivot pass; LAPACK does not.
  for (int64_t i = 0; failed == 0 && i < a.rows; i++)
    if (!(work(i, i) > T(0))) failed = i + 1;
  mapped(l) = work.template triangularView<Lower>();
  return failed;
}

// In place. The number (from 1) of the first zero pivot, or 0.
template <class T>
int64_t luInPlace(Dense<T>& work, int* transpositions) {
  const int64_t size = work.rows() < work.cols() ? work.rows() : work.cols();
  if (size == 0) return 0;
  int swaps = 0;
  using Impl = internal::partial_lu_impl<T, ColMajor, int, Dynamic>;
  const int64_t zero = Impl::blocked_lu(work.rows(), size, work.data(), work.outerStride(), transpositions, swaps);
  if (work.cols() > size) {
    // Eigen stops at the square part; the columns beyond it follow.
    auto rest = work.rightCols(work.cols() - size);
    for (int64_t i = 0; i < size; i++) rest.row(i).swap(rest.row(transpositions[i]));
    work.leftCols(size).template triangularView<UnitLower>().solveInPlace(rest);
  }
  return zero + 1;
}

template <class T>
int64_t lu(const View<T>& a, const View<T>& out, const Pivots& pivots) {
  Dense<T> work = mapped(a);
  const int64_t size = a.rows < a.cols ? a.rows : a.cols;
  Matrix<int, Dynamic, 1> swaps(size);
  const int64_t zero = luInPlace(work, swaps.data());
  mapped(out) = work;
  for (int64_t i = 0; i < size; i++) pivots.data[i * pivots.stride] = swaps[i] + 1;
  return zero;
}

template <class T>
void luSolve(const View<T>& factors, const Pivots& pivots, const View<T>& x, bool transposed) {
  const Dense<T> work = mapped(factors);
  Dense<T> b = mapped(x);
  const int64_t n = x.rows;
  if (transposed) {
    work.template triangularView<Upper>().transpose().solveInPlace(b);
    work.template triangularView<UnitLower>().transpose().solveInPlace(b);
    for (int64_t i = n - 1; i >= 0; i--) b.row(i).swap(b.row(pivots.data[i * pivots.stride] - 1));
  } else {
    for (int64_t i = 0; i < n; i++) b.row(i).swap(b.row(pivots.data[i * pivots.stride] - 1));
    work.template triangularView<UnitLower>().solveInPlace(b);
    work.template triangularView<Upper>().solveInPlace(b);
  }
  mapped(x) = b;
}

template <class T>
int64_t solve(const View<T>& a, const View<T>& x) {
  Dense<T> work = mapped(a);
  Matrix<int, Dynamic, 1> swaps(a.rows);
  const int64_t zero = luInPlace(work, swaps.data());
  if (zero || x.cols == 0) return zero;
  Dense<T> b = mapped(x);
  for (int64_t i = 0; i < a.rows; i++) b.row(i).swap(b.row(swaps[i]));
  work.template triangularView<UnitLower>().solveInPlace(b);
  work.template triangularView<Upper>().solveInPlace(b);
  mapped(x) = b;
  return 0;
}

template <class T>
void triangular(const View<T>& a, const View<T>& x, bool upper, bool unit) {
  const Dense<T> work = mapped(a);
  Dense<T> b = mapped(x);
  if (upper && unit) {
    work.template triangularView<UnitUpper>().solveInPlace(b);
  } else if (upper) {
    work.template triangularView<Upper>().solveInPlace(b);
  } else if (unit) {
    work.template triangularView<UnitLower>().solveInPlace(b);
  } else {
    work.template triangularView<Lower>().solveInPlace(b);
  }
  mapped(x) = b;
}

// Coefficients of the Pade approximant of degree 13, and the norm up to which it is exact to float64's rounding:
// N. J. Higham, The scaling and squaring method for the matrix exponential revisited, SIAM J. Matrix Anal. 26 (2005).
template <class T>
void pade13(const Dense<T>& a, Dense<T>& out) {
  constexpr double b[] = {64764752532480000.,
                          32382376266240000.,
                          7771770303897600.,
                          1187353796428800.,
                          129060195264000.,
                          10559470521600.,
                          670442572800.,
                          33522128640.,
                          1323241920.,
                          40840800.,
                          960960.,
                          16380.,
                          182.,
                          1.};
  // Divided by b[0]: the sums stay near 1 in float32.
  const auto c = [&](int i) { return static_cast<T>(b[i] / b[0]); };
  const int64_t n = a.rows();
  const Dense<T> one = Dense<T>::Identity(n, n);
  const Dense<T> a2 = a * a, a4 = a2 * a2, a6 = a4 * a2;
  Dense<T> high = c(13) * a6 + c(11) * a4 + c(9) * a2;
  Dense<T> sum = a6 * high + c(7) * a6 + c(5) * a4 + c(3) * a2 + c(1) * one;
  const Dense<T> odd = a * sum;
  high = c(12) * a6 + c(10) * a4 + c(8) * a2;
  const Dense<T> even = a6 * high + c(6) * a6 + c(4) * a4 + c(2) * a2 + one;
  out = even + odd;
  sum = even - odd;
  Matrix<int, Dynamic, 1> swaps(n);
  luInPlace(sum, swaps.data());
  for (int64_t i = 0; i < n; i++) out.row(i).swap(out.row(swaps[i]));
  sum.template triangularView<UnitLower>().solveInPlace(out);
  sum.template triangularView<Upper>().solveInPlace(out);
}

template <class T>
bool exponential(const View<T>& in, const View<T>& result) {
  Dense<T> a = mapped(in);
  const int64_t n = a.rows();
  double norm = 0;
  bool finite = true;
  for (int64_t j = 0; j < n; j++) {
    double column = 0;
    for (int64_t i = 0; i < n; i++) column += a(i, j) < 0 ? -static_cast<double>(a(i, j)) : a(i, j);
    finite = finite && column <= 1.7e308;
    if (column > norm) norm = column;
  }
  if (!finite) {
    mapped(result).setConstant(static_cast<T>(__builtin_nan("")));
    return false;
  }
  int squarings = 0;
  // In float32 the approximant is exact to rounding for much larger norms, but the quotient loses digits.
  for (constexpr double kReach = sizeof(T) == 8 ? 5.371920351148152 : 3.925724783138660; norm > kReach; norm /= 2)
    squarings++;
  T scale = 1;
  for (int i = 0; i < squarings; i++) scale /= 2;
  a *= scale;
  Dense<T> out(n, n);
  pade13(a, out);
  for (int i = 0; i < squarings; i++) {
    a.noalias() = out * out;
    out.swap(a);
  }
  mapped(result) = out;
  return true;
}

template <class T>
void fill(SolveTable<T>* t) {
  t->cholesky = cholesky<T>, t->lu = lu<T>, t->luSolve = luSolve<T>, t->solve = solve<T>;
  t->triangular = triangular<T>, t->exponential = exponential<T>;
}

}  // namespace

static void registerSolve(FactorSolveKernels* t) { fill(&t->f32), fill(&t->f64); }

}  // namespace nabla_factors
}  // namespace Eigen

extern "C" void NABLA_REGISTER(factor_solve)(nabla::cpu::FactorSolveKernels* t) {
  Eigen::nabla_factors::registerSolve(t);
}
