// gridSample and its gradients against plain loops: every ISA of this machine, 1, 2 and 3 threads with the same bits.
#include "ops/grid.h"

#include "rig.h"

using namespace nabla;
using namespace nabla::test;

namespace {

struct Case {
  std::vector<int64_t> shape, points;
  int64_t sampling;
  bool align;
};

const Case kCases[] = {{{2, 3, 4, 5}, {3, 7}, 0, false},       {{1, 33, 6, 3}, {9, 5}, 0, true},
                       {{2, 70, 9, 8}, {20, 30}, 0, false},    {{1, 17, 4, 4}, {5, 5}, 1, false},
                       {{1, 2, 3, 4, 5}, {2, 3, 4}, 0, false}, {{2, 20, 2, 3, 3}, {3, 3, 3}, 1, true},
                       {{0, 3, 4, 4}, {2, 2}, 0, false},       {{1, 4, 3, 3}, {0, 2}, 0, true}};

// With zeros outside. Adds to `back` (the image's gradient) and `slopes` (the grid's) what gradient g brings.
double sampled(const Case& c, const double* x, const double* p, double g, double* back, double* slopes) {
  const int dims = static_cast<int>(c.shape.size()) - 2;
  double sum = 0;
  for (int corner = 0; corner < 1 << dims; corner++) {
    int64_t at = 0;
    double weight = 1, slope[3] = {1, 1, 1};
    bool inside = true;
    for (int d = dims - 1; d >= 0; d--) {  // z, y, x
      const int64_t size = c.shape[static_cast<size_t>(1 + dims - d)];
      const double scale = c.align ? double(size - 1) / 2 : double(size) / 2;
      const double u = c.align ? (p[d] + 1) * scale : (p[d] + 1) * scale - 0.5;
      const bool high = corner >> d & 1;
      double place = c.sampling == 1 ? std::nearbyint(u) : std::floor(u) + high;
      if (c.sampling == 1 && high) inside = false;
      const double w = c.sampling == 1 ? 1 : high ? u - std::floor(u) : 1 - (u - std::floor(u));
      for (int k = 0; k < dims; k++) slope[k] *= k == d ? (c.sampling == 1 ? 0 : high ? scale : -scale) : w;
      weight *= w;
      if (place < 0 || place >= double(size)) inside = false, place = 0;
      at = at * size + static_cast<int64_t>(place);
    }
    if (!inside) continue;
    sum += weight * x[at];
    back[at] += weight * g;
    for (int k = 0; k < dims; k++) slopes[k] += slope[k] * x[at] * g;
  }
  return sum;
}

void check(Isa isa, const Case& c, DType dtype) {
  const int dims = static_cast<int>(c.shape.size()) - 2;
  std::vector<int64_t> shape = {c.shape[0], c.shape[1]}, gridShape = {c.shape[0]};
  shape.insert(shape.end(), c.points.begin(), c.points.end());
  gridShape.insert(gridShape.end(), c.points.begin(), c.points.end());
  gridShape.push_back(dims);
  std::vector<int> order = {0};
  for (int d = 2; d < dims + 2; d++) order.push_back(d);
  order.push_back(1);
  const double bound = dtype == DType::kFloat32 ? 3e-4 : 1e-11;
  std::vector<double> first;
  for (int threads = 1; threads <= 3; threads++) {
    Rig rig(isa, threads);
    const Tensor x = rig.random(dtype, c.shape, order), g = rig.random(dtype, shape, order);
    const Tensor grid = rig.random(dtype, gridShape, {}, 1, -1.5, 1.5);
    const Tensor out = rig.make(dtype, shape, order), back = rig.make(dtype, c.shape, order);
    const Tensor points = rig.make(dtype, gridShape);
    ops::gridSample(rig.ctx, out, x, grid, c.sampling, 0, c.align);
    ops::gridSampleBackward(rig.ctx, &back, &points, g, x, grid, c.sampling, 0, c.align);
    rig.wait();
    const auto xs = Rig::values(x), gs = Rig::values(g), ps = Rig::values(grid);
    std::vector<double> want(gs.size()), wantBack(xs.size()), wantPoints(ps.size());
    const int64_t images = c.shape[0] * c.shape[1];
    const int64_t pixels = images ? x.numel() / images : 0, count = images ? out.numel() / images : 0;
    for (int64_t i = 0; i < images; i++)
      for (int64_t p = 0; p < count; p++) {
        const int64_t point = (i / c.shape[1] * count + p) * dims, at = i * count + p;
        want[static_cast<size_t>(at)] =
            sampled(c, xs.data() + i * pixels, ps.data() + point, gs[static_cast<size_t>(at)],
                    wantBack.data() + i * pixels, wantPoints.data() + point);
      }
    CHECK(maxError(Rig::values(out), want) < bound, "%s sampling %d", isaName(isa), static_cast<int>(c.sampling));
    CHECK(maxError(Rig::values(back), wantBack) < bound, "%s gradient of the image", isaName(isa));
    CHECK(maxError(Rig::values(points), wantPoints) < bound, "%s gradient of the grid", isaName(isa));
    std::vector<double> all = Rig::values(out);
    for (const Tensor& t : {back, points})
      for (double v : Rig::values(t)) all.push_back(v);
    if (threads == 1) first = all;
    CHECK(same(first, all), "bits, %d threads", threads);
  }
}

}  // namespace

int main() {
  for (Isa isa : isas())
    for (const Case& c : kCases)
      for (DType dtype : {DType::kFloat32, DType::kFloat64}) check(isa, c, dtype);
  return finish("grid");
}
