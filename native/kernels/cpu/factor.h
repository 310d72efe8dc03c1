// Factorizations of one matrix: contract. Float32 and float64, any strides; a transpose is a swap of strides, so each
// function knows one triangle and one side only. Inputs may not overlap outputs unless said.
#pragma once
#include "isa.h"

namespace nabla::cpu {

template <class T>
struct Matrix {
  T* data;
  int64_t rows, cols, rowStride, colStride;
};

// Pivots are int32 and count rows from 1, as in LAPACK: step i swapped row i with row pivots[i].
struct Pivots {
  int32_t* data;
  int64_t stride;
};

template <class T>
struct SolveTable {
  // a = l * l^T from the lower triangle of a; zeros above. Returns 0, or the order (from 1) of the leading minor that
  // is not positive: the columns of l before it are right, the rest is what was reached.
  int64_t (*cholesky)(const Matrix<T>& a, const Matrix<T>& l);
  // l (unit, below the diagonal) and u in one matrix. Returns 0, or the number (from 1) of the first zero pivot.
  int64_t (*lu)(const Matrix<T>& a, const Matrix<T>& lu, const Pivots& pivots);
  // x: in the right-hand sides, out the solution of (p * l * u) x = b, or of its transpose.
  void (*luSolve)(const Matrix<T>& lu, const Pivots& pivots, const Matrix<T>& x, bool transposed);
  // x: in b, out the solution of a x = b by lu. Returns what lu returns; x is then unusable.
  int64_t (*solve)(const Matrix<T>& a, const Matrix<T>& x);
  // x: in b, out the solution of a x = b with the upper or lower triangle of a, its diagonal taken as 1 when `unit`.
  void (*triangular)(const Matrix<T>& a, const Matrix<T>& x, bool upper, bool unit);
  // out = e^a by scaling and squaring. False: a holds an infinity or NaN, and out is all NaN.
  bool (*exponential)(const Matrix<T>& a, const Matrix<T>& out);
};

template <class T>
struct QrTable {
  // a = q r by Householder's reflections, signs as LAPACK's. q [m, m or min(m, n)], or data null; r [rows of q^T, n].
  void (*qr)(const Matrix<T>& a, const Matrix<T>& q, const Matrix<T>& r);
  // x [n, k]: least squares of minimal norm, by QR with column pivots; singular values below rcond times the largest
  // pivot count as 0. Returns the rank.
  int64_t (*lstsq)(const Matrix<T>& a, const Matrix<T>& b, const Matrix<T>& x, T rcond);
};

template <class T>
struct SpectralTable {
  // a = u diag(s) vh, s descending. u [m, m or k], vh [n or k, n], k = min(m, n); data null: values only. False: a is
  // not finite, or no convergence.
  bool (*svd)(const Matrix<T>& a, const Matrix<T>& u, T* s, int64_t sStride, const Matrix<T>& vh);
  // From the lower triangle of a: values ascending; vectors in the columns of v, or data null.
  bool (*eigh)(const Matrix<T>& a, T* w, int64_t wStride, const Matrix<T>& v);
};

struct FactorSolveKernels {
  SolveTable<float> f32;
  SolveTable<double> f64;
};
struct FactorQrKernels {
  QrTable<float> f32;
  QrTable<double> f64;
};
struct FactorSpectralKernels {
  SpectralTable<float> f32;
  SpectralTable<double> f64;
};

}  // namespace nabla::cpu
