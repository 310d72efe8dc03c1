// QR and least squares, on Eigen's Householder reflections.
#include <Eigen/QR>

#include "eigen.h"

using nabla::cpu::FactorQrKernels;
using nabla::cpu::QrTable;

namespace Eigen {
namespace nabla_factors {
namespace {

template <class T>
void qr(const View<T>& a, const View<T>& q, const View<T>& r) {
  if (a.rows == 0 || a.cols == 0) {
    if (q.data) mapped(q).setIdentity();
    return;
  }
  const HouseholderQR<Dense<T>> factors{Dense<T>(mapped(a))};
  auto upper = mapped(r);
  upper.setZero();
  const int64_t k = r.rows < a.rows ? r.rows : a.rows, full = k < a.cols ? k : a.cols;
  upper.topRows(full) = factors.matrixQR().topRows(full).template triangularView<Upper>();
  if (!q.data) return;
  Dense<T> columns = Dense<T>::Identity(q.rows, q.cols);
  columns.applyOnTheLeft(factors.householderQ());
  mapped(q) = columns;
}

template <class T>
int64_t lstsq(const View<T>& a, const View<T>& b, const View<T>& x, T rcond) {
  if (a.rows == 0 || a.cols == 0) {
    mapped(x).setZero();
    return 0;
  }
  CompleteOrthogonalDecomposition<Dense<T>> factors;
  factors.setThreshold(rcond);
  factors.compute(Dense<T>(mapped(a)));
  if (b.cols > 0) mapped(x) = factors.solve(Dense<T>(mapped(b)));
  return factors.rank();
}

template <class T>
void fill(QrTable<T>* t) {
  t->qr = qr<T>, t->lstsq = lstsq<T>;
}

}  // namespace

static void registerQr(FactorQrKernels* t) { fill(&t->f32), fill(&t->f64); }

}  // namespace nabla_factors
}  // namespace Eigen

extern "C" void NABLA_REGISTER(factor_qr)(nabla::cpu::FactorQrKernels* t) { Eigen::nabla_factors::registerQr(t); }
