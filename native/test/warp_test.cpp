// Images through maps against plain loops: every ISA of this machine, 1, 2 and 3 threads with the same bits.
#include "ops/warp.h"

#include "rig.h"

using namespace nabla;
using namespace nabla::test;
using ops::WarpMap;

namespace {

struct Case {
  std::vector<int64_t> shape;
  int64_t height, width;
  WarpMap map;
  bool linear, last, fill;
};

const Case kCases[] = {
    {{2, 3, 9, 13}, 9, 13, WarpMap::kAffine, true, false, true},
    {{3, 1, 28, 28}, 28, 28, WarpMap::kAffine, true, false, false},
    {{2, 3, 70, 71}, 65, 130, WarpMap::kAffine, true, true, true},
    {{2, 4, 9, 13}, 11, 67, WarpMap::kAffine, false, false, true},
    {{2, 3, 20, 70}, 20, 70, WarpMap::kProjective, true, false, true},
    {{1, 2, 20, 70}, 20, 70, WarpMap::kProjective, false, true, false},
    {{2, 2, 17, 66}, 17, 66, WarpMap::kField, true, false, true},
    {{1, 3, 1, 1}, 5, 5, WarpMap::kAffine, true, false, true},
    {{2, 3, 8, 1}, 8, 3, WarpMap::kAffine, true, true, false},
    {{4, 3, 9, 13}, 12, 20, WarpMap::kPlace, false, false, true},
    {{4, 3, 40, 50}, 33, 77, WarpMap::kPlace, false, true, false},
    {{0, 3, 4, 4}, 4, 4, WarpMap::kPlace, false, false, false},
};

// The point of the input that output (x, y) shows.
void pointOf(const Case& c, const double* m, const double* field, int64_t x, int64_t y, double* p) {
  const double w = double(c.shape[3]), h = double(c.shape[2]);
  if (c.map == WarpMap::kAffine) {
    const double u = double(x) - double(c.width - 1) / 2, v = double(y) - double(c.height - 1) / 2;
    p[0] = m[0] * u + m[1] * v + m[2] + (w - 1) / 2;
    p[1] = m[3] * u + m[4] * v + m[5] + (h - 1) / 2;
  } else if (c.map == WarpMap::kProjective) {
    const double u = double(x) + 0.5, v = double(y) + 0.5, below = m[6] * u + m[7] * v + m[8];
    p[0] = (m[0] * u + m[1] * v + m[2]) / below - 0.5;
    p[1] = (m[3] * u + m[4] * v + m[5]) / below - 0.5;
  } else {
    p[0] = double(x) + field[(y * c.width + x) * 2] * w / 2;
    p[1] = double(y) + field[(y * c.width + x) * 2 + 1] * h / 2;
  }
}

// False where the nearest pixel hangs on the last bit.
bool valueOf(const Case& c, const double* plane, const double* m, const double* field, const double* fill, int64_t x,
             int64_t y, double* value) {
  const int64_t w = c.shape[3], h = c.shape[2];
  const auto inside = [&](int64_t px, int64_t py) { return px >= 0 && px < w && py >= 0 && py < h; };
  if (c.map == WarpMap::kPlace) {
    const int64_t px = int64_t(m[0]) + (m[2] != 0 ? c.width - 1 - x : x);
    const int64_t py = int64_t(m[1]) + (m[3] != 0 ? c.height - 1 - y : y);
    *value = inside(px, py) ? plane[py * w + px] : fill ? *fill : 0;
    return true;
  }
  double p[2];
  pointOf(c, m, field, x, y, p);
  if (!c.linear) {
    for (double q : p)
      if (std::abs(std::abs(q - std::floor(q)) - 0.5) < 1e-4) return false;
    const auto px = static_cast<int64_t>(std::nearbyint(p[0])), py = static_cast<int64_t>(std::nearbyint(p[1]));
    *value = inside(px, py) ? plane[py * w + px] : fill ? *fill : 0;
    return true;
  }
  double sum = 0, part = 0;
  for (int k = 0; k < 4; k++) {
    const double qx = std::floor(p[0]) + (k & 1), qy = std::floor(p[1]) + (k >> 1);
    const double weight = (1 - std::abs(p[0] - qx)) * (1 - std::abs(p[1] - qy));
    if (std::abs(qx) > 1e6 || std::abs(qy) > 1e6 || !inside(int64_t(qx), int64_t(qy))) continue;
    sum += weight * plane[int64_t(qy) * w + int64_t(qx)];
    part += weight;
  }
  *value = fill ? (sum - *fill) * part + *fill : sum;
  return true;
}

void check(Isa isa, const Case& c, DType dtype) {
  const int64_t n = c.shape[0], channels = c.shape[1];
  const std::vector<int> order = c.last ? std::vector<int>{0, 2, 3, 1} : std::vector<int>{};
  const bool wide = dtype == DType::kFloat64;
  std::vector<double> first;
  for (int threads = 1; threads <= 3; threads++) {
    Rig rig(isa, threads);
    const Tensor x = dtype == DType::kUint8 ? rig.random(dtype, c.shape, order, 1, 0, 255)
                                            : rig.random(dtype, c.shape, order, 1, -3, 3);
    const Tensor out = rig.make(dtype, {n, channels, c.height, c.width}, order);
    const bool isField = c.map == WarpMap::kField;
    const Tensor maps = isField ? rig.random(wide ? DType::kFloat64 : DType::kFloat32, {n, c.height, c.width, 2}, {}, 1)
                                : rig.random(DType::kFloat64, {n, 9}, {}, 1, -1.2, 1.2);
    for (int64_t i = 0; !isField && i < n; i++) {
      double* m = maps.ptr<double>() + i * 9;
      for (int k = 2; k < 6; k += 3) m[k] *= 4;
      if (c.map == WarpMap::kProjective) m[6] *= 0.01, m[7] *= 0.01, m[8] = 1;
      if (c.map == WarpMap::kPlace)
        for (int k = 0; k < 4; k++) m[k] = k < 2 ? std::floor(m[k] * 12) : double((i + k) % 2);
    }
    const bool blends = c.linear && dtype == DType::kUint8;
    const Tensor fill = rig.random(blends ? DType::kFloat32 : dtype, {channels}, {}, 1, 0, 3);
    ops::warp(rig.ctx, out, x, maps, c.fill ? &fill : nullptr, static_cast<int64_t>(c.map), c.linear);
    rig.wait();
    const auto xs = Rig::values(x), ms = Rig::values(maps), fs = Rig::values(fill), got = Rig::values(out);
    const int64_t mapSize = isField ? c.height * c.width * 2 : 9, pixels = c.shape[2] * c.shape[3];
    double worst = 0;
    size_t at = 0;
    for (int64_t i = 0; i < n * channels; i++)
      for (int64_t y = 0; y < c.height; y++)
        for (int64_t p = 0; p < c.width; p++, at++) {
          const double* m = ms.data() + i / channels * mapSize;
          double want = 0;
          if (!valueOf(c, xs.data() + i * pixels, m, m, c.fill ? &fs[static_cast<size_t>(i % channels)] : nullptr, p, y,
                       &want))
            continue;
          if (blends) want = std::clamp(want, 0.0, 255.0);
          worst = std::max(worst, std::abs(got[at] - want));
        }
    CHECK(at == got.size() && (at > 0 || n == 0), "%d results", static_cast<int>(at));
    const double bound = blends ? 0.51 : !c.linear ? 0 : wide ? 1e-10 : 2e-3;
    CHECK(worst <= bound, "%s map %d linear %d: %g", isaName(isa), static_cast<int>(c.map), c.linear, worst);
    if (threads == 1) first = got;
    CHECK(same(first, got), "bits, %d threads", threads);
  }
}

}  // namespace

int main() {
  for (Isa isa : isas())
    for (const Case& c : kCases)
      for (DType dtype : {DType::kUint8, DType::kFloat32, DType::kFloat64}) check(isa, c, dtype);
  return finish("warp");
}
