#include "optim.h"

#include "adafactor.h"
#include "isa.h"
#include "optim_lists.h"

namespace {

using namespace nabla::cpu;

// The gradient with its sign and the coupled decay. A decay of zero must not touch it: 0 * infinity is not a number.
template <class T, bool kDecay>
struct Gradient {
  Gradient(double maximize, double weightDecay)
      : sign(maximize != 0 ? T(-1) : T(1)), decay(static_cast<T>(weightDecay)) {}
  NABLA_INLINE T operator()(T grad, T param) const { return kDecay ? sign * grad + decay * param : sign * grad; }
  T sign, decay;
};

template <class T, bool kDecay, bool kMomentum>
NABLA_INLINE void sgdRun(const SgdScalars& s, int64_t n, Lists<T> l) {
  const Gradient<T, kDecay> gradient(s.maximize, s.weightDecay);
  const T lr = static_cast<T>(s.lr), momentum = static_cast<T>(s.momentum), add = static_cast<T>(1 - s.dampening);
  const bool first = s.first != 0, nesterov = s.nesterov != 0;
  NABLA_LANES for (int64_t i = 0; i < n; i++) {
    T g = gradient(l.grad[i], l.param[i]);
    if (kMomentum) {
      const T buffer = first ? g : momentum * l.a[i] + add * g;
      l.a[i] = buffer;
      g = nesterov ? g + momentum * buffer : buffer;
    }
    l.param[i] -= lr * g;
  }
}
template <class T, bool kDecay>
struct Sgd {
  using Scalars = SgdScalars;
  static NABLA_INLINE void run(const SgdScalars& s, int64_t n, Lists<T> l) {
    l.a ? sgdRun<T, kDecay, true>(s, n, l) : sgdRun<T, kDecay, false>(s, n, l);
  }
};

template <class T, bool kDecay, bool kMax>
NABLA_INLINE void adamRun(const AdamScalars& s, int64_t n, Lists<T> l) {
  const Gradient<T, kDecay> gradient(s.maximize, s.weightDecay);
  const T shrink = s.decoupled != 0 && s.weightDecay != 0 ? static_cast<T>(1 - s.lr * s.weightDecay) : T(1);
  const Lerp<T> lerp(1 - s.beta1);
  const T beta2 = static_cast<T>(s.beta2), rest2 = static_cast<T>(1 - s.beta2);
  const T step = static_cast<T>(s.stepSize), correction = static_cast<T>(s.correction2Sqrt),
          eps = static_cast<T>(s.eps);
  NABLA_LANES for (int64_t i = 0; i < n; i++) {
    const T value = shrink * l.param[i];
    const T g = gradient(l.grad[i], value);
    const T m = lerp(l.a[i], g);
    T v = beta2 * l.b[i] + rest2 * (g * g);
    l.a[i] = m;
    l.b[i] = v;
    if (kMax) {
      const T most = l.c[i];
      v = most > v || most != most ? most : v;
      l.c[i] = v;
    }
    l.param[i] = value - step * (m / (squareRoot(v) / correction + eps));
  }
}
template <class T, bool kDecay>
struct Adam {
  using Scalars = AdamScalars;
  static NABLA_INLINE void run(const AdamScalars& s, int64_t n, Lists<T> l) {
    l.c ? adamRun<T, kDecay, true>(s, n, l) : adamRun<T, kDecay, false>(s, n, l);
  }
};

template <class T, bool kDecay>
struct Adagrad {
  using Scalars = AdagradScalars;
  static NABLA_INLINE void run(const AdagradScalars& s, int64_t n, Lists<T> l) {
    const Gradient<T, kDecay> gradient(s.maximize, s.weightDecay);
    const T lr = static_cast<T>(s.lr), eps = static_cast<T>(s.eps);
    NABLA_LANES for (int64_t i = 0; i < n; i++) {
      const T g = gradient(l.grad[i], l.param[i]);
      const T sum = l.a[i] + g * g;
      l.a[i] = sum;
      l.param[i] -= lr * g / (squareRoot(sum) + eps);
    }
  }
};

template <class T, bool kDecay>
struct Adadelta {
  using Scalars = AdadeltaScalars;
  static NABLA_INLINE void run(const AdadeltaScalars& s, int64_t n, Lists<T> l) {
    const Gradient<T, kDecay> gradient(s.maximize, s.weightDecay);
    const T lr = static_cast<T>(s.lr), eps = static_cast<T>(s.eps);
    const T rho = static_cast<T>(s.rho), rest = static_cast<T>(1 - s.rho);
    NABLA_LANES for (int64_t i = 0; i < n; i++) {
      const T g = gradient(l.grad[i], l.param[i]);
      const T squares = rho * l.a[i] + rest * (g * g);
      const T delta = squareRoot(l.b[i] + eps) / squareRoot(squares + eps) * g;
      l.a[i] = squares;
      l.b[i] = rho * l.b[i] + rest * (delta * delta);
      l.param[i] -= lr * delta;
    }
  }
};

template <class T, bool kDecay, bool kMomentum, bool kCentered>
NABLA_INLINE void rmspropRun(const RmspropScalars& s, int64_t n, Lists<T> l) {
  const Gradient<T, kDecay> gradient(s.maximize, s.weightDecay);
  const T lr = static_cast<T>(s.lr), eps = static_cast<T>(s.eps), momentum = static_cast<T>(s.momentum);
  const T alpha = static_cast<T>(s.alpha), rest = static_cast<T>(1 - s.alpha);
  const Lerp<T> lerp(1 - s.alpha);
  NABLA_LANES for (int64_t i = 0; i < n; i++) {
    const T g = gradient(l.grad[i], l.param[i]);
    T squares = alpha * l.a[i] + rest * (g * g);
    l.a[i] = squares;
    if (kCentered) {
      const T average = lerp(l.c[i], g);
      l.c[i] = average;
      squares -= average * average;
    }
    const T size = squareRoot(squares) + eps;
    if (kMomentum) {
      const T buffer = momentum * l.b[i] + g / size;
      l.b[i] = buffer;
      l.param[i] -= lr * buffer;
    } else {
      l.param[i] -= lr * g / size;
    }
  }
}
template <class T, bool kDecay>
struct Rmsprop {
  using Scalars = RmspropScalars;
  static NABLA_INLINE void run(const RmspropScalars& s, int64_t n, Lists<T> l) {
    if (l.b) {
      l.c ? rmspropRun<T, kDecay, true, true>(s, n, l) : rmspropRun<T, kDecay, true, false>(s, n, l);
    } else {
      l.c ? rmspropRun<T, kDecay, false, true>(s, n, l) : rmspropRun<T, kDecay, false, false>(s, n, l);
    }
  }
};

template <class T, bool kDecay>
struct Adamax {
  using Scalars = AdamaxScalars;
  static NABLA_INLINE void run(const AdamaxScalars& s, int64_t n, Lists<T> l) {
    const Gradient<T, kDecay> gradient(s.maximize, s.weightDecay);
    const Lerp<T> lerp(1 - s.beta1);
    const T beta2 = static_cast<T>(s.beta2), eps = static_cast<T>(s.eps), step = static_cast<T>(s.stepSize);
    NABLA_LANES for (int64_t i = 0; i < n; i++) {
      const T g = gradient(l.grad[i], l.param[i]);
      const T m = lerp(l.a[i], g), old = beta2 * l.b[i], now = magnitude(g) + eps;
      const T most = old > now || old != old ? old : now;
      l.a[i] = m;
      l.b[i] = most;
      l.param[i] -= step * m / most;
    }
  }
};

template <class T, bool kDecay>
struct Nadam {
  using Scalars = NadamScalars;
  static NABLA_INLINE void run(const NadamScalars& s, int64_t n, Lists<T> l) {
    const Gradient<T, kDecay> gradient(s.maximize, s.weightDecay);
    const Lerp<T> lerp(1 - s.beta1);
    const T beta2 = static_cast<T>(s.beta2), rest2 = static_cast<T>(1 - s.beta2), eps = static_cast<T>(s.eps);
    const T shrink = static_cast<T>(s.shrink), correction = static_cast<T>(s.correction2);
    const T gradStep = static_cast<T>(s.gradStep), averageStep = static_cast<T>(s.averageStep);
    NABLA_LANES for (int64_t i = 0; i < n; i++) {
      const T value = shrink * l.param[i];
      const T g = gradient(l.grad[i], value);
      const T m = lerp(l.a[i], g), v = beta2 * l.b[i] + rest2 * (g * g);
      l.a[i] = m;
      l.b[i] = v;
      const T size = squareRoot(v / correction) + eps;
      l.param[i] = value - gradStep * g / size - averageStep * m / size;
    }
  }
};

template <class T, bool kDecay, bool kAdaptive>
NABLA_INLINE void radamRun(const RadamScalars& s, int64_t n, Lists<T> l) {
  const Gradient<T, kDecay> gradient(s.maximize, s.weightDecay);
  const Lerp<T> lerp(1 - s.beta1);
  const T beta2 = static_cast<T>(s.beta2), rest2 = static_cast<T>(1 - s.beta2), eps = static_cast<T>(s.eps);
  const T shrink = static_cast<T>(s.shrink), step = static_cast<T>(s.stepSize);
  NABLA_LANES for (int64_t i = 0; i < n; i++) {
    const T value = shrink * l.param[i];
    const T g = gradient(l.grad[i], value);
    const T m = lerp(l.a[i], g), v = beta2 * l.b[i] + rest2 * (g * g);
    l.a[i] = m;
    l.b[i] = v;
    l.param[i] = value - (kAdaptive ? step * m / (squareRoot(v) + eps) : step * m);
  }
}
template <class T, bool kDecay>
struct Radam {
  using Scalars = RadamScalars;
  static NABLA_INLINE void run(const RadamScalars& s, int64_t n, Lists<T> l) {
    s.adaptive != 0 ? radamRun<T, kDecay, true>(s, n, l) : radamRun<T, kDecay, false>(s, n, l);
  }
};

template <class T, bool kDecay>
struct Rprop {
  using Scalars = RpropScalars;
  static NABLA_INLINE void run(const RpropScalars& s, int64_t n, Lists<T> l) {
    const T sign = s.maximize != 0 ? T(-1) : T(1);
    const T minus = static_cast<T>(s.etaMinus), plus = static_cast<T>(s.etaPlus);
    const T smallest = static_cast<T>(s.smallest), largest = static_cast<T>(s.largest);
    NABLA_LANES for (int64_t i = 0; i < n; i++) {
      const T g = sign * l.grad[i], agrees = g * l.a[i];
      const T factor = agrees > T(0) ? plus : agrees < T(0) ? minus : T(1);
      T size = l.b[i] * factor;
      size = size < smallest ? smallest : size;
      size = size > largest ? largest : size;
      const T used = agrees < T(0) ? T(0) : g;
      l.b[i] = size;
      l.a[i] = used;
      l.param[i] -= signOf(used) * size;
    }
  }
};

template <class T, bool kDecay>
struct Asgd {
  using Scalars = AsgdScalars;
  static NABLA_INLINE void run(const AsgdScalars& s, int64_t n, Lists<T> l) {
    const Gradient<T, kDecay> gradient(s.maximize, s.weightDecay);
    const T eta = static_cast<T>(s.eta), shrink = static_cast<T>(1 - s.lambd * s.eta), mu = static_cast<T>(s.mu);
    const bool copies = s.mu == 1;
    NABLA_LANES for (int64_t i = 0; i < n; i++) {
      const T g = gradient(l.grad[i], l.param[i]);
      const T value = shrink * l.param[i] - eta * g;
      l.param[i] = value;
      l.a[i] = copies ? value : l.a[i] + (value - l.a[i]) * mu;
    }
  }
};

template <class T, bool kDecay>
struct Lion {
  using Scalars = LionScalars;
  static NABLA_INLINE void run(const LionScalars& s, int64_t n, Lists<T> l) {
    const T sign = s.maximize != 0 ? T(-1) : T(1), lr = static_cast<T>(s.lr);
    const T shrink = kDecay ? static_cast<T>(1 - s.lr * s.weightDecay) : T(1);
    const T beta1 = static_cast<T>(s.beta1), rest1 = static_cast<T>(1 - s.beta1);
    const T beta2 = static_cast<T>(s.beta2), rest2 = static_cast<T>(1 - s.beta2);
    NABLA_LANES for (int64_t i = 0; i < n; i++) {
      const T g = sign * l.grad[i], m = l.a[i];
      l.param[i] = shrink * l.param[i] - lr * signOf(beta1 * m + rest1 * g);
      l.a[i] = beta2 * m + rest2 * g;
    }
  }
};

template <class T>
void lerpStep(const double* scalars, int64_t n, void* const* data) {
  const Lists<T> l(data);
  const Lerp<T> lerp(scalars[0]);
  NABLA_LANES for (int64_t i = 0; i < n; i++) l.param[i] = lerp(l.param[i], l.grad[i]);
}

template <class T>
void lookaheadStep(const double* scalars, int64_t n, void* const* data) {
  const Lists<T> l(data);
  const T alpha = static_cast<T>(scalars[0]);
  NABLA_LANES for (int64_t i = 0; i < n; i++) {
    const T slow = l.a[i] + alpha * (l.param[i] - l.a[i]);
    l.a[i] = slow;
    l.param[i] = slow;
  }
}

template <class T>
void decayedStep(const double* scalars, int64_t n, void* const* data) {
  const Lists<T> l(data);
  const T shrink = static_cast<T>(scalars[0]), step = static_cast<T>(scalars[1]);
  NABLA_LANES for (int64_t i = 0; i < n; i++) l.param[i] = shrink * l.param[i] - step * l.grad[i];
}

template <class T>
void lazyAdam(const double* scalars, int64_t rows, int64_t width, void* const* data) {
  LazyAdamScalars s;
  __builtin_memcpy(&s, scalars, sizeof(s));
  const T sign = s.maximize != 0 ? T(-1) : T(1), eps = static_cast<T>(s.eps), step = static_cast<T>(s.stepSize);
  const T rest1 = static_cast<T>(1 - s.beta1), rest2 = static_cast<T>(1 - s.beta2);
  const Lists<T> l(data);
  for (int64_t row = 0; row < rows; row++) {
    const int64_t begin = row * width, end = begin + width;
    bool touched = false;
    for (int64_t i = begin; i < end && !touched; i++) touched = l.grad[i] != T(0);
    if (!touched) continue;
    NABLA_LANES for (int64_t i = begin; i < end; i++) {
      const T g = sign * l.grad[i];
      const T m = l.a[i] + (g - l.a[i]) * rest1, v = l.b[i] + (g * g - l.b[i]) * rest2;
      l.a[i] = m;
      l.b[i] = v;
      l.param[i] -= step * (m / (squareRoot(v) + eps));
    }
  }
}

// The direction of a LAMB step, before it is scaled by the norms.
template <class T, bool kDecay>
struct LambDirection {
  explicit LambDirection(const LambScalars& s)
      : correction1(static_cast<T>(s.correction1)),
        correction2(static_cast<T>(s.correction2)),
        eps(static_cast<T>(s.eps)),
        decay(static_cast<T>(s.weightDecay)) {}
  NABLA_INLINE T operator()(T param, T m, T v) const {
    const T step = m / correction1 / (squareRoot(v / correction2) + eps);
    return kDecay ? step + decay * param : step;
  }
  T correction1, correction2, eps, decay;
};

template <class T, bool kDecay>
NABLA_INLINE void lambMomentsRun(const LambScalars& s, int64_t n, Lists<T> l, double* sums) {
  const LambDirection<T, kDecay> direction(s);
  const Lerp<T> lerp(1 - s.beta1);
  const T sign = s.maximize != 0 ? T(-1) : T(1);
  const T beta2 = static_cast<T>(s.beta2), rest2 = static_cast<T>(1 - s.beta2);
  T steps[kBlock];
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t count = n - begin < kBlock ? n - begin : kBlock;
    NABLA_LANES for (int64_t k = 0; k < count; k++) {
      const int64_t i = begin + k;
      const T g = sign * l.grad[i], m = lerp(l.a[i], g), v = beta2 * l.b[i] + rest2 * (g * g);
      l.a[i] = m;
      l.b[i] = v;
      steps[k] = direction(l.param[i], m, v);
    }
    sums[0] += squares(l.param + begin, count);
    sums[1] += squares(steps, count);
  }
}

template <class T, bool kDecay>
NABLA_INLINE void lambStepRun(const LambScalars& s, int64_t n, Lists<T> l, double ratio) {
  const LambDirection<T, kDecay> direction(s);
  const T step = static_cast<T>(s.lr * ratio);
  NABLA_LANES for (int64_t i = 0; i < n; i++) l.param[i] -= step * direction(l.param[i], l.a[i], l.b[i]);
}

template <class T>
void lambMoments(const double* scalars, int64_t n, void* const* data, double* sums) {
  LambScalars s;
  __builtin_memcpy(&s, scalars, sizeof(s));
  s.weightDecay != 0 ? lambMomentsRun<T, true>(s, n, Lists<T>(data), sums)
                     : lambMomentsRun<T, false>(s, n, Lists<T>(data), sums);
}

template <class T>
void lambStep(const double* scalars, int64_t n, void* const* data, double ratio) {
  LambScalars s;
  __builtin_memcpy(&s, scalars, sizeof(s));
  s.weightDecay != 0 ? lambStepRun<T, true>(s, n, Lists<T>(data), ratio)
                     : lambStepRun<T, false>(s, n, Lists<T>(data), ratio);
}

// Whether weight decay is added to the gradient (Lion, which only has the decoupled kind: whether there is any).
template <class S>
NABLA_INLINE bool couples(const S& s) {
  return s.weightDecay != 0;
}
NABLA_INLINE bool couples(const AdamScalars& s) { return s.weightDecay != 0 && s.decoupled == 0; }
NABLA_INLINE bool couples(const NadamScalars& s) { return s.weightDecay != 0 && s.decoupled == 0; }
NABLA_INLINE bool couples(const RadamScalars& s) { return s.weightDecay != 0 && s.decoupled == 0; }
NABLA_INLINE bool couples(const RpropScalars&) { return false; }

template <template <class, bool> class F, class T>
void run(const double* scalars, int64_t n, void* const* data) {
  typename F<T, false>::Scalars s;
  __builtin_memcpy(&s, scalars, sizeof(s));
  couples(s) ? F<T, true>::run(s, n, Lists<T>(data)) : F<T, false>::run(s, n, Lists<T>(data));
}

using Step = void (*)(const double*, int64_t, void* const*);

void put(OptimKernels* t, Formula formula, Step single, Step wide) {
  t->step[static_cast<int>(formula)][0] = single;
  t->step[static_cast<int>(formula)][1] = wide;
}

template <template <class, bool> class F>
void put(OptimKernels* t, Formula formula) {
  put(t, formula, run<F, float>, run<F, double>);
}

}  // namespace

extern "C" void NABLA_REGISTER(optim)(nabla::cpu::OptimKernels* t) {
  put<Sgd>(t, Formula::kSgd);
  put<Adam>(t, Formula::kAdam);
  put<Adagrad>(t, Formula::kAdagrad);
  put<Adadelta>(t, Formula::kAdadelta);
  put<Rmsprop>(t, Formula::kRmsprop);
  put<Adamax>(t, Formula::kAdamax);
  put<Nadam>(t, Formula::kNadam);
  put<Radam>(t, Formula::kRadam);
  put<Rprop>(t, Formula::kRprop);
  put<Asgd>(t, Formula::kAsgd);
  put<Lion>(t, Formula::kLion);
  put(t, Formula::kLerp, lerpStep<float>, lerpStep<double>);
  put(t, Formula::kLookahead, lookaheadStep<float>, lookaheadStep<double>);
  put(t, Formula::kDecayedStep, decayedStep<float>, decayedStep<double>);
  t->lazyAdam[0] = lazyAdam<float>;
  t->lazyAdam[1] = lazyAdam<double>;
  t->lambMoments[0] = lambMoments<float>;
  t->lambMoments[1] = lambMoments<double>;
  t->lambStep[0] = lambStep<float>;
  t->lambStep[1] = lambStep<double>;
  registerAdafactor(t);
}
