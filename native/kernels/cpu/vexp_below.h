// The exponential of numbers that are not positive, as softmax and the normal distribution need it: cheaper than vexp.
#pragma once
#include "vmath.h"

namespace {

// e^x for x up to a little above 0; 0 where that is subnormal. NaN stays.
NABLA_INLINE Vec<float> vexpBelow(Vec<float> x) {
  constexpr float kLow = -87.3f;
  Vec<float> r;
  const VecInt<float> n = vexpReduce<float>(vmax<float>(x, vset(kLow)), &r);
  const Vec<float> y = (vexpTail(r) * (r * r) + r + 1.0f) * vpow2<float>(n);
  return vselect<float>(x < kLow, vzero<float>(), y);
}
NABLA_INLINE Vec<double> vexpBelow(Vec<double> x) { return vexp<double>(x); }

}  // namespace
