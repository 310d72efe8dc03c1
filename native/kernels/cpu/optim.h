// Optimizer updates over one run of memory: contract. PyTorch's formulas; the pointers of a run do not overlap.
#pragma once
#include <cstdint>

namespace nabla::cpu {

// Each formula has its scalars, all doubles, in the order of `FORMULAS` in lib/ops/optim/flat-step.ts. What depends on
// the number of the step is computed there. `maximize` and other switches are 0 or 1.
struct SgdScalars {
  double lr, momentum, dampening, weightDecay, nesterov, maximize;
  double first;  // the momentum buffer becomes the gradient
};
struct AdamScalars {
  double lr, beta1, beta2, eps, weightDecay;
  double stepSize;         // lr / (1 - beta1^step)
  double correction2Sqrt;  // sqrt(1 - beta2^step)
  double decoupled, maximize;
};
struct AdagradScalars {
  double lr, eps, weightDecay, maximize;
};
struct AdadeltaScalars {
  double lr, rho, eps, weightDecay, maximize;
};
struct RmspropScalars {
  double lr, alpha, eps, weightDecay, momentum, maximize;
};
struct AdamaxScalars {
  double stepSize, beta1, beta2, eps, weightDecay, maximize;
};
struct NadamScalars {
  double beta1, beta2, eps, weightDecay;
  double shrink;       // 1, or 1 - lr * weightDecay when it is decoupled
  double gradStep;     // what moves along the gradient
  double averageStep;  // and along its average
  double correction2;  // 1 - beta2^step
  double decoupled, maximize;
};
struct RadamScalars {
  double beta1, beta2, eps, weightDecay, shrink, stepSize;
  double adaptive;  // 0: the variance is not known well enough yet, plain momentum
  double decoupled, maximize;
};
struct RpropScalars {
  double etaMinus, etaPlus, smallest, largest, maximize;
};
struct AsgdScalars {
  double eta, lambd, mu, weightDecay, maximize;
};
struct LionScalars {
  double lr, beta1, beta2, weightDecay, maximize;
};
struct LerpScalars {
  double weight;
};
struct LookaheadScalars {
  double alpha;
};
struct DecayedStepScalars {
  double shrink, stepSize;
};
struct LazyAdamScalars {
  double stepSize, beta1, beta2, eps, maximize;
};
struct LambScalars {
  double lr, beta1, beta2, eps, weightDecay, correction1, correction2, maximize;
};

// Squares are averaged by rows and columns of matrices; the step itself is scaled by the frame.
struct AdafactorScalars {
  double weight;     // of the new squares in the averages
  double floor;      // least average: the square of epsilon 1
  double shrink;     // 1 - lr * weightDecay
  double rate;       // min(lr, 1 / sqrt(step))
  double least;      // epsilon 2
  double clip;       // largest root mean square of a step
  double leastMean;  // least mean of the averages of rows: epsilon 1
  double maximize;
};

enum class Formula {
  kSgd,          // states: momentum buffer (none without momentum)
  kAdam,         // average, average of squares, largest of these (none without amsgrad)
  kAdagrad,      // sum of squares
  kAdadelta,     // average of squares, of squared steps
  kRmsprop,      // average of squares, momentum buffer (or none), average (or none: not centered)
  kAdamax,       // average, largest magnitude
  kNadam,        // average, average of squares
  kRadam,        // average, average of squares
  kRprop,        // last gradient, step sizes
  kAsgd,         // averaged parameters
  kLion,         // average
  kLerp,         // parameter += weight * (gradient - parameter)
  kLookahead,    // slow weights
  kDecayedStep,  // parameter = shrink * parameter - stepSize * gradient
  kElementwise,
  // Formulas with frames of their own.
  kLazyAdam = kElementwise,  // average, average of squares
  kLamb,                     // average, average of squares
  kAdafactorVectors,         // average of squares
  kAdafactor,                // averages of squares along rows and along columns, not in the shape of the parameter
  kCount,
};

constexpr int kElementwiseFormulas = static_cast<int>(Formula::kElementwise);
constexpr int kMostScalars = 12;

struct OptimKernels {
  // [1: float64]. data: parameter, gradient, states; null where a formula goes without.
  void (*step[kElementwiseFormulas][2])(const double* scalars, int64_t n, void* const* data);
  // Adam on the rows whose gradient is not all zero.
  void (*lazyAdam[2])(const double* scalars, int64_t rows, int64_t width, void* const* data);
  // Updates the averages; sums: the squares of the parameter and of its step are added.
  void (*lambMoments[2])(const double* scalars, int64_t n, void* const* data, double* sums);
  void (*lambStep[2])(const double* scalars, int64_t n, void* const* data, double ratio);
  // The same for vectors in Adafactor; ratio: the whole step size.
  void (*adafactorMoments[2])(const double* scalars, int64_t n, void* const* data, double* sums);
  void (*adafactorStep[2])(const double* scalars, int64_t n, void* const* data, double ratio);
  // Rows of one matrix. Updates their averages (rowVar), puts sums of squares by column into columnSums, and adds the
  // squares of the parameter to sum.
  void (*adafactorRows[2])(const double* scalars, int64_t rows, int64_t columns, void* const* data, void* rowVar,
                           void* columnSums, double* sum);
  // Takes sums of squares by column over `rows` rows, from so many parts, into the averages.
  void (*adafactorColumns[2])(const double* scalars, int64_t rows, int64_t columns, int64_t parts,
                              const void* columnSums, void* columnVar);
  // Adds the squares of the step before it is scaled; mean: of the averages of the rows.
  void (*adafactorNorm[2])(const double* scalars, int64_t rows, int64_t columns, void* const* data, const void* rowVar,
                           const void* columnVar, double mean, double* sum);
  void (*adafactorMove[2])(const double* scalars, int64_t rows, int64_t columns, void* const* data, const void* rowVar,
                           const void* columnVar, double mean, double ratio);
  // The mean of n numbers.
  double (*mean[2])(int64_t n, const void* x);
};

}  // namespace nabla::cpu
