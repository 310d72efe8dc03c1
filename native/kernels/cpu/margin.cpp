#include "margin.h"

#include "vmath.h"

namespace {

using nabla::cpu::MarginKernels;

// The others against one class: adds to their slopes and to *loss, returns how many are nearer than the margin.
template <class T>
NABLA_INLINE double against(const T* x, const T* others, T* slopes, T limit, int64_t classes, double* loss) {
  constexpr int64_t kBlock = 128 * kLanes<T>;
  const Vec<T> zero{};
  double near = 0;
  for (int64_t start = 0; start < classes; start += kBlock) {
    const int64_t end = start + kBlock < classes ? start + kBlock : classes;
    Vec<T> sum{}, count{};
    int64_t i = start;
    for (; i + kLanes<T> <= end; i += kLanes<T>) {
      const Vec<T> z = vload(x + i) + limit, other = vload(others + i);
      const VecInt<T> hit = (z > zero) & (other > zero);
      sum += vselect<T>(hit, z, zero);
      count += vselect<T>(hit, other, zero);
      vstore<T>(slopes + i, vload(slopes + i) + vselect<T>(hit, other, zero));
    }
    *loss += static_cast<double>(vsum<T>(sum)), near += static_cast<double>(vsum<T>(count));
    for (; i < end; i++) {
      const T z = x[i] + limit;
      if (!(z > 0 && others[i] > 0)) continue;
      *loss += static_cast<double>(z), near++, slopes[i]++;
    }
  }
  return near;
}

template <class T>
double multilabel(const void* xData, const int64_t* own, int64_t count, int64_t classes, void* slopeData,
                  void* otherData) {
  const T* x = static_cast<const T*>(xData);
  T *slopes = static_cast<T*>(slopeData), *others = static_cast<T*>(otherData);
  for (int64_t i = 0; i < classes; i++) slopes[i] = 0, others[i] = 1;
  for (int64_t k = 0; k < count; k++) others[own[k]] = 0;
  double loss = 0;
  for (int64_t k = 0; k < count; k++)
    slopes[own[k]] -= static_cast<T>(against<T>(x, others, slopes, 1 - x[own[k]], classes, &loss));
  for (int64_t i = 0; i < classes; i++) slopes[i] /= static_cast<T>(classes);
  return loss / static_cast<double>(classes);
}

}  // namespace

extern "C" void NABLA_REGISTER(margin)(MarginKernels* t) {
  t->multilabel[0] = multilabel<float>;
  t->multilabel[1] = multilabel<double>;
}
