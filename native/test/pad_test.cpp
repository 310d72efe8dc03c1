// pad and its gradient against plain loops: every ISA of this machine, 1, 2 and 3 threads with the same bits.
#include "ops/pad.h"

#include "rig.h"

using namespace nabla;
using namespace nabla::test;

namespace {

// The element of the input that position i of a padded axis shows; -1 for the value.
int64_t shown(int64_t i, int64_t low, int64_t high, int64_t size, int64_t mode) {
  int64_t at = i - low;
  if (mode == 0) return at >= 0 && at < size ? at : -1;
  if (mode == 2) return std::min(std::max<int64_t>(at, 0), size - 1);
  if (mode == 1) {
    while (at < 0 || at >= size) at = at < 0 ? -at : 2 * (size - 1) - at;
    return at;
  }
  const int64_t begin = std::max<int64_t>(-low, 0), end = size - std::max<int64_t>(-high, 0);
  while (at < begin) at += end - begin;
  while (at >= end) at -= end - begin;
  return at;
}

struct Case {
  std::vector<int64_t> shape, borders;
  std::vector<int> order;
  int64_t gap = 1;
};

const Case kCases[] = {{{1}, {1, 2}, {}},
                       {{3, 5, 1}, {0, 0, 1, -1, 1, -1}, {}},
                       {{2, 3, 5, 7}, {0, 0, 0, 0, 1, 2, 3, 1}, {}},
                       {{2, 3, 5, 7}, {0, 0, 0, 0, 2, 1, 1, 3}, {0, 2, 3, 1}},
                       {{2, 33, 4, 6}, {0, 0, 0, 0, -1, 2, 2, -2}, {0, 2, 3, 1}},
                       {{3, 4, 40}, {0, 0, 0, 0, 3, 0}, {}, 2},
                       {{4, 9, 5, 6, 7}, {0, 0, 0, 0, 1, 1, 2, 0, 0, 2}, {}},
                       {{2, 40, 40, 30}, {0, 0, 0, 0, 1, 1, 1, 1}, {}},
                       {{0, 3, 4}, {0, 0, 0, 0, 1, 1}, {}},
                       {{5, 6}, {0, 0, -2, -3}, {}}};

std::vector<double> padded(const Case& c, const std::vector<int64_t>& shape, const std::vector<double>& x, int64_t mode,
                           double value, std::vector<double>* back, const std::vector<double>& g) {
  const size_t ndim = shape.size();
  int64_t total = 1;
  for (int64_t n : shape) total *= n;
  std::vector<double> out(static_cast<size_t>(total));
  std::vector<int64_t> index(ndim);
  for (int64_t i = 0; i < total; i++) {
    int64_t at = 0;
    bool border = false;
    for (size_t d = 0; d < ndim; d++) {
      const int64_t from = shown(index[d], c.borders[2 * d], c.borders[2 * d + 1], c.shape[d], mode);
      if (from < 0) border = true;
      at = at * c.shape[d] + from;
    }
    out[static_cast<size_t>(i)] = border ? value : x[static_cast<size_t>(at)];
    if (back && !border) (*back)[static_cast<size_t>(at)] += g[static_cast<size_t>(i)];
    for (size_t d = ndim; d-- > 0 && ++index[d] == shape[d];) index[d] = 0;
  }
  return out;
}

void check(Isa isa, const Case& c, DType dtype, int64_t mode) {
  std::vector<int64_t> shape = c.shape;
  for (size_t d = 0; d < shape.size(); d++) {
    shape[d] += c.borders[2 * d] + c.borders[2 * d + 1];
    const int64_t most = std::max(c.borders[2 * d], c.borders[2 * d + 1]);
    if (mode && (most >= c.shape[d] || shape[d] < 1)) return;
  }
  std::vector<double> first, firstBack;
  for (int threads = 1; threads <= 3; threads++) {
    Rig rig(isa, threads);
    const Tensor x = rig.random(dtype, c.shape, c.order, c.gap, -9, 9), out = rig.make(dtype, shape, c.order);
    const Tensor g = rig.random(isFloating(dtype) ? dtype : DType::kFloat32, shape, {}, c.gap);
    const Tensor back = rig.make(g.dtype, c.shape, c.order);
    ops::pad(rig.ctx, out, x, c.borders, mode, 3);
    if (mode) ops::padBackward(rig.ctx, back, g, c.borders, mode);
    rig.wait();
    std::vector<double> sums(static_cast<size_t>(x.numel()));
    const auto want = padded(c, shape, Rig::values(x), mode, 3, &sums, Rig::values(g));
    CHECK(same(Rig::values(out), want), "%s mode %d ndim %d threads %d", isaName(isa), static_cast<int>(mode), x.ndim,
          threads);
    if (mode)
      CHECK(maxError(Rig::values(back), sums) < 1e-5, "%s mode %d gradient", isaName(isa), static_cast<int>(mode));
    if (threads == 1) first = Rig::values(out), firstBack = Rig::values(back);
    CHECK(same(first, Rig::values(out)) && same(firstBack, Rig::values(back)), "bits, %d threads", threads);
  }
}

}  // namespace

int main() {
  for (Isa isa : isas())
    for (const Case& c : kCases)
      for (int64_t mode = 0; mode < 4; mode++)
        for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kUint8, DType::kInt64, DType::kBfloat16})
          if (mode == 0 || !isNarrow(dtype)) check(isa, c, dtype, mode);
  return finish("pad");
}
