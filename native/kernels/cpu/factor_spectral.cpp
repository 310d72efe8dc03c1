// Singular values and symmetric eigenvalues, on Eigen's divide and conquer and QR iterations.
#include <Eigen/Eigenvalues>
#include <Eigen/SVD>

#include "eigen.h"

using nabla::cpu::FactorSpectralKernels;
using nabla::cpu::SpectralTable;

namespace Eigen {
namespace nabla_factors {
namespace {

template <class T>
void put(const Column<T>& values, T* out, int64_t stride) {
  for (int64_t i = 0; i < values.size(); i++) out[i * stride] = values[i];
}

template <class T>
bool svd(const View<T>& a, const View<T>& u, T* s, int64_t sStride, const View<T>& vh) {
  if (a.rows == 0 || a.cols == 0) {
    if (u.data) mapped(u).setIdentity(), mapped(vh).setIdentity();
    return true;
  }
  const Dense<T> work = mapped(a);
  if (!work.allFinite()) return false;
  const int64_t k = a.rows < a.cols ? a.rows : a.cols;
  unsigned options = 0;
  if (u.data) {
    options = u.cols > k || vh.rows > k ? ComputeFullU | ComputeFullV : ComputeThinU | ComputeThinV;
  }
  const BDCSVD<Dense<T>> factors(work, options);
  put<T>(factors.singularValues(), s, sStride);
  if (u.data) {
    mapped(u) = factors.matrixU();
    mapped(vh) = factors.matrixV().transpose();
  }
  return factors.info() == Success;
}

template <class T>
bool eigh(const View<T>& a, T* w, int64_t wStride, const View<T>& v) {
  const Dense<T> work = mapped(a);
  for (int64_t j = 0; j < a.cols; j++)
    if (!work.col(j).tail(a.rows - j).allFinite()) return false;
  const SelfAdjointEigenSolver<Dense<T>> factors(work, v.data ? ComputeEigenvectors : EigenvaluesOnly);
  put<T>(factors.eigenvalues(), w, wStride);
  if (v.data) mapped(v) = factors.eigenvectors();
  return factors.info() == Success;
}

template <class T>
void fill(SpectralTable<T>* t) {
  t->svd = svd<T>, t->eigh = eigh<T>;
}

}  // namespace

static void registerSpectral(FactorSpectralKernels* t) { fill(&t->f32), fill(&t->f64); }

}  // namespace nabla_factors
}  // namespace Eigen

extern "C" void NABLA_REGISTER(factor_spectral)(nabla::cpu::FactorSpectralKernels* t) {
  Eigen::nabla_factors::registerSpectral(t);
}
