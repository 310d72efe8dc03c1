#include "optim.h"

#include "isa.h"

namespace {

using nabla::cpu::AdamParams;
using nabla::cpu::SgdParams;

NABLA_INLINE float squareRoot(float x) { return __builtin_sqrtf(x); }
NABLA_INLINE double squareRoot(double x) { return __builtin_sqrt(x); }

// A weight decay of zero must not touch the gradient: 0 * infinity is not a number.
template <class T, bool kMomentum, bool kDecay>
NABLA_INLINE void sgdRun(const SgdParams& p, int64_t n, T* __restrict param, const T* __restrict grad,
                         T* __restrict buffer) {
  const T sign = p.maximize ? T(-1) : T(1), decay = static_cast<T>(p.weightDecay), lr = static_cast<T>(p.lr);
  const T momentum = static_cast<T>(p.momentum), add = static_cast<T>(1 - p.dampening);
  const bool first = p.firstStep, nesterov = p.nesterov;
  for (int64_t i = 0; i < n; i++) {
    T g = sign * grad[i];
    if (kDecay) g += decay * param[i];
    if (kMomentum) {
      const T b = first ? g : momentum * buffer[i] + add * g;
      buffer[i] = b;
      g = nesterov ? g + momentum * b : b;
    }
    param[i] -= lr * g;
  }
}

template <class T>
void sgd(const SgdParams& p, int64_t n, void* paramData, const void* gradData, void* bufferData) {
  T* param = static_cast<T*>(paramData);
  const T* grad = static_cast<const T*>(gradData);
  T* buffer = static_cast<T*>(bufferData);
  if (p.weightDecay != 0) {
    buffer ? sgdRun<T, true, true>(p, n, param, grad, buffer) : sgdRun<T, false, true>(p, n, param, grad, buffer);
  } else {
    buffer ? sgdRun<T, true, false>(p, n, param, grad, buffer) : sgdRun<T, false, false>(p, n, param, grad, buffer);
  }
}

template <class T, bool kMax, bool kCoupled>
NABLA_INLINE void adamRun(const AdamParams& p, int64_t n, T* __restrict param, const T* __restrict grad,
                          T* __restrict avg, T* __restrict avgSq, T* __restrict maxSq) {
  const T sign = p.maximize ? T(-1) : T(1), decay = static_cast<T>(p.weightDecay);
  const T shrink = p.decoupled && p.weightDecay != 0 ? static_cast<T>(1 - p.lr * p.weightDecay) : T(1);
  const T weight = static_cast<T>(1 - p.beta1), beta2 = static_cast<T>(p.beta2), rest2 = static_cast<T>(1 - p.beta2);
  const T step = static_cast<T>(p.stepSize), correction = static_cast<T>(p.correction2Sqrt),
          eps = static_cast<T>(p.eps);
  // PyTorch's lerp is anchored at the nearer end.
  const bool near = weight < T(0.5);
  for (int64_t i = 0; i < n; i++) {
    T g = sign * grad[i];
    const T value = shrink * param[i];
    if (kCoupled) g += decay * value;
    const T apart = g - avg[i];
    const T m = near ? avg[i] + weight * apart : g - apart * (T(1) - weight);
    T v = beta2 * avgSq[i] + rest2 * (g * g);
    avg[i] = m;
    avgSq[i] = v;
    if (kMax) {
      const T most = maxSq[i];
      v = most > v || most != most ? most : v;
      maxSq[i] = v;
    }
    param[i] = value - step * (m / (squareRoot(v) / correction + eps));
  }
}

template <class T>
void adam(const AdamParams& p, int64_t n, void* paramData, const void* gradData, void* avgData, void* avgSqData,
          void* maxSqData) {
  T* param = static_cast<T*>(paramData);
  const T* grad = static_cast<const T*>(gradData);
  T *avg = static_cast<T*>(avgData), *avgSq = static_cast<T*>(avgSqData), *maxSq = static_cast<T*>(maxSqData);
  if (p.weightDecay != 0 && !p.decoupled) {
    maxSq ? adamRun<T, true, true>(p, n, param, grad, avg, avgSq, maxSq)
          : adamRun<T, false, true>(p, n, param, grad, avg, avgSq, maxSq);
  } else {
    maxSq ? adamRun<T, true, false>(p, n, param, grad, avg, avgSq, maxSq)
          : adamRun<T, false, false>(p, n, param, grad, avg, avgSq, maxSq);
  }
}

}  // namespace

extern "C" void NABLA_REGISTER(optim)(nabla::cpu::OptimKernels* t) {
  t->sgd[0] = sgd<float>;
  t->sgd[1] = sgd<double>;
  t->adam[0] = adam<float>;
  t->adam[1] = adam<double>;
}
