// Random numbers whose distribution is given element by element or row by row. Inputs and outputs are contiguous,
// floating inputs float32 or float64. Draws are those of random.h: same bits on any number of threads.
#pragma once
#include "context.h"

namespace nabla::ops {

// What a parameter must be; a value that is not fails `out`.
enum class Domain : int64_t { kProbability = 0, kDeviation = 1 };
void checkDomain(Context& ctx, const Tensor& out, const Tensor& parameter, int64_t domain);

// out [m, s] int64: s columns of weights [m, n], each as likely as its weight says. Without replacement no column comes
// twice in a row, and one of weight 0 only when nothing else is left. 16 * ceil(d / 32) counters, d = m * s with and
// m * n without replacement.
void multinomial(Context& ctx, const Tensor& out, const Tensor& weights, bool replacement, double seedLo, double seedHi,
                 double offset);

// out[i] is Poisson distributed with mean rates[i]; 16 * ceil(numel / 32) counters.
void poisson(Context& ctx, const Tensor& out, const Tensor& rates, double seedLo, double seedHi, double offset);

}  // namespace nabla::ops
