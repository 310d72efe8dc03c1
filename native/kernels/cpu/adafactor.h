// Adafactor's kernels, part of optim.cpp: averages of squares by rows and columns of a matrix, or of each element.
#pragma once
#include "optim_lists.h"

namespace {

AdafactorScalars adafactorScalars(const double* scalars) {
  AdafactorScalars s;
  __builtin_memcpy(&s, scalars, sizeof(s));
  return s;
}

template <class T>
void adafactorMoments(const double* scalars, int64_t n, void* const* data, double* sums) {
  const AdafactorScalars s = adafactorScalars(scalars);
  const Lists<T> l(data);
  const Lerp<T> lerp(s.weight);
  const T floor = static_cast<T>(s.floor);
  T steps[kBlock];
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t count = n - begin < kBlock ? n - begin : kBlock;
    NABLA_LANES for (int64_t k = 0; k < count; k++) {
      const T g = l.grad[begin + k], v = lerp(l.a[begin + k], g * g);
      l.a[begin + k] = v;
      steps[k] = g / squareRoot(v < floor ? floor : v);
    }
    sums[0] += squares(l.param + begin, count);
    sums[1] += squares(steps, count);
  }
}

template <class T>
void adafactorStep(const double* scalars, int64_t n, void* const* data, double ratio) {
  const AdafactorScalars s = adafactorScalars(scalars);
  const Lists<T> l(data);
  const T floor = static_cast<T>(s.floor), shrink = static_cast<T>(s.shrink);
  const T step = static_cast<T>(s.maximize != 0 ? -ratio : ratio);
  NABLA_LANES for (int64_t i = 0; i < n; i++) {
    const T v = l.a[i];
    l.param[i] = shrink * l.param[i] - step * (l.grad[i] / squareRoot(v < floor ? floor : v));
  }
}

template <class T>
double squaresOf(const T* x, int64_t n) {
  double sum = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock)
    sum += squares(x + begin, n - begin < kBlock ? n - begin : kBlock);
  return sum;
}

template <class T>
void adafactorRows(const double* scalars, int64_t rows, int64_t columns, void* const* data, void* rowData,
                   void* sumData, double* sum) {
  const AdafactorScalars s = adafactorScalars(scalars);
  const Lists<T> l(data);
  const Lerp<T> lerp(s.weight);
  T* rowVar = static_cast<T*>(rowData);
  T* __restrict columnSums = static_cast<T*>(sumData);
  for (int64_t j = 0; j < columns; j++) columnSums[j] = 0;
  for (int64_t i = 0; i < rows; i++) {
    const T* grad = l.grad + i * columns;
    NABLA_LANES for (int64_t j = 0; j < columns; j++) columnSums[j] += grad[j] * grad[j];
    rowVar[i] = lerp(rowVar[i], static_cast<T>(squaresOf(grad, columns) / static_cast<double>(columns)));
  }
  *sum += squaresOf(static_cast<const T*>(l.param), rows * columns);
}

template <class T>
void adafactorColumns(const double* scalars, int64_t rows, int64_t columns, int64_t parts, const void* sumData,
                      void* columnData) {
  const Lerp<T> lerp(adafactorScalars(scalars).weight);
  const T* sums = static_cast<const T*>(sumData);
  T* columnVar = static_cast<T*>(columnData);
  double total[kBlock];
  for (int64_t begin = 0; begin < columns; begin += kBlock) {
    const int64_t count = columns - begin < kBlock ? columns - begin : kBlock;
    for (int64_t j = 0; j < count; j++) total[j] = 0;
    for (int64_t part = 0; part < parts; part++)
      for (int64_t j = 0; j < count; j++) total[j] += static_cast<double>(sums[part * columns + begin + j]);
    for (int64_t j = 0; j < count; j++)
      columnVar[begin + j] = lerp(columnVar[begin + j], static_cast<T>(total[j] / static_cast<double>(rows)));
  }
}

template <class T>
void adafactorNorm(const double* scalars, int64_t rows, int64_t columns, void* const* data, const void* rowData,
                   const void* columnData, double mean, double* sum) {
  const Lists<T> l(data);
  const T *rowVar = static_cast<const T*>(rowData), *columnVar = static_cast<const T*>(columnData);
  const T floor = static_cast<T>(adafactorScalars(scalars).floor), size = static_cast<T>(mean);
  T steps[kBlock];
  for (int64_t i = 0; i < rows; i++) {
    const T row = rowVar[i] / size;
    for (int64_t begin = 0; begin < columns; begin += kBlock) {
      const int64_t count = columns - begin < kBlock ? columns - begin : kBlock;
      const T *grad = l.grad + i * columns + begin, *column = columnVar + begin;
      NABLA_LANES for (int64_t k = 0; k < count; k++) {
        const T v = row * column[k];
        steps[k] = grad[k] / squareRoot(v < floor ? floor : v);
      }
      *sum += squares(steps, count);
    }
  }
}

template <class T>
void adafactorMove(const double* scalars, int64_t rows, int64_t columns, void* const* data, const void* rowData,
                   const void* columnData, double mean, double ratio) {
  const AdafactorScalars s = adafactorScalars(scalars);
  const Lists<T> l(data);
  const T *rowVar = static_cast<const T*>(rowData), *columnVar = static_cast<const T*>(columnData);
  const T floor = static_cast<T>(s.floor), size = static_cast<T>(mean), shrink = static_cast<T>(s.shrink);
  const T step = static_cast<T>(s.maximize != 0 ? -ratio : ratio);
  for (int64_t i = 0; i < rows; i++) {
    const T row = rowVar[i] / size;
    const T* grad = l.grad + i * columns;
    T* param = l.param + i * columns;
    NABLA_LANES for (int64_t j = 0; j < columns; j++) {
      const T v = row * columnVar[j];
      param[j] = shrink * param[j] - step * (grad[j] / squareRoot(v < floor ? floor : v));
    }
  }
}

template <class T>
double meanOf(int64_t n, const void* data) {
  const T* x = static_cast<const T*>(data);
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += static_cast<double>(x[i]);
  return sum / static_cast<double>(n);
}

void registerAdafactor(OptimKernels* t) {
  t->adafactorMoments[0] = adafactorMoments<float>;
  t->adafactorMoments[1] = adafactorMoments<double>;
  t->adafactorStep[0] = adafactorStep<float>;
  t->adafactorStep[1] = adafactorStep<double>;
  t->adafactorRows[0] = adafactorRows<float>;
  t->adafactorRows[1] = adafactorRows<double>;
  t->adafactorColumns[0] = adafactorColumns<float>;
  t->adafactorColumns[1] = adafactorColumns<double>;
  t->adafactorNorm[0] = adafactorNorm<float>;
  t->adafactorNorm[1] = adafactorNorm<double>;
  t->adafactorMove[0] = adafactorMove<float>;
  t->adafactorMove[1] = adafactorMove<double>;
  t->mean[0] = meanOf<float>;
  t->mean[1] = meanOf<double>;
}

}  // namespace
