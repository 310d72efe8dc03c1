// Pooling against naive loops in double, on every instruction set, with one to three threads.
#include "ops/pool.h"

#include "rig.h"

using namespace nabla;
using namespace nabla::test;

namespace {

// One axis of a case: sliding windows, or adaptive ones where `out` is given.
struct Axis {
  int64_t size, kernel, stride = 1, pad = 0, dilation = 1, out = 0;
};

struct Case {
  int64_t n, c;
  Axis axes[3];
  bool ceil = false;
};

int64_t outSize(const Axis& a, int64_t dilation, bool ceil) {
  if (a.out) return a.out;
  int64_t out = (a.size + 2 * a.pad - dilation * (a.kernel - 1) - 1 + (ceil ? a.stride - 1 : 0)) / a.stride + 1;
  if (ceil && (out - 1) * a.stride >= a.size + a.pad) out--;
  return out;
}

// The positions of window `o`, those outside the input too; `counted` of them an average divides by.
struct Line {
  std::vector<int64_t> positions;
  int64_t counted;
};
Line lineOf(const Axis& a, int64_t dilation, int64_t o, bool includePad) {
  Line line{{}, 0};
  int64_t start = o * a.stride - a.pad, taps = a.kernel;
  if (a.out) start = o * a.size / a.out, taps = (a.size * (o + 1) + a.out - 1) / a.out - start;
  const int64_t pad = includePad && !a.out ? a.pad : 0;
  for (int64_t k = 0; k < taps; k++) {
    line.positions.push_back(start + k * (a.out ? 1 : dilation));
    line.counted += line.positions.back() >= -pad && line.positions.back() < a.size + pad;
  }
  return line;
}

struct Windows {
  std::vector<int64_t> in, out, numbers;
};
Windows windowsOf(const Case& k, bool dilated) {
  Windows w{{k.n, k.c}, {k.n, k.c}, {}};
  for (const Axis& a : k.axes) {
    const int64_t dilation = dilated ? a.dilation : 1, out = outSize(a, dilation, k.ceil);
    w.in.push_back(a.size), w.out.push_back(out);
    const int64_t longest = a.out ? (a.size + a.out - 1) / a.out + 1 : a.kernel;
    for (int64_t v : {a.size, out, longest, a.out ? 0 : a.stride, a.pad, dilation}) w.numbers.push_back(v);
  }
  return w;
}

struct Reference {
  std::vector<double> out, grad, average, averageGrad, flat;
};

// What PyTorch computes, element by element.
Reference reference(const Case& k, const Windows& w, bool dilated, const std::vector<double>& x,
                    const std::vector<double>& g, bool includePad, int64_t divisor) {
  Reference r;
  r.grad.assign(x.size(), 0);
  r.averageGrad.assign(x.size(), 0);
  const int64_t D = w.in[2], H = w.in[3], W = w.in[4];
  for (int64_t plane = 0; plane < k.n * k.c; plane++) {
    const size_t base = static_cast<size_t>(plane * D * H * W);
    for (int64_t o = 0; o < w.out[2] * w.out[3] * w.out[4]; o++) {
      const int64_t at3[] = {o / w.out[4] / w.out[3], o / w.out[4] % w.out[3], o % w.out[4]};
      Line lines[3];
      for (int i = 0; i < 3; i++) lines[i] = lineOf(k.axes[i], dilated ? k.axes[i].dilation : 1, at3[i], includePad);
      double best = -INFINITY, sum = 0;
      int64_t at = -1;
      std::vector<size_t> inside;
      for (int64_t d : lines[0].positions) {
        for (int64_t h : lines[1].positions) {
          for (int64_t c : lines[2].positions) {
            if (d < 0 || d >= D || h < 0 || h >= H || c < 0 || c >= W) continue;
            const int64_t flat = (d * H + h) * W + c;
            const double v = x[base + static_cast<size_t>(flat)];
            if (at < 0) at = flat;
            if (v > best || std::isnan(v)) best = v, at = flat;
            sum += v;
            inside.push_back(base + static_cast<size_t>(flat));
          }
        }
      }
      const double gradient = g[r.out.size()];
      double positions = static_cast<double>(lines[0].counted * lines[1].counted * lines[2].counted);
      if (divisor) positions = static_cast<double>(divisor);
      r.out.push_back(best);
      r.flat.push_back(static_cast<double>(at));
      r.average.push_back(inside.empty() ? 0 : sum / positions);
      if (at >= 0) r.grad[base + static_cast<size_t>(at)] += gradient;
      for (size_t e : inside) r.averageGrad[e] += gradient / positions;
    }
  }
  return r;
}

const std::vector<int> kOrder = {0, 2, 3, 4, 1};

void checkMax(Rig& rig, const Case& k, DType dtype, const char* what, std::vector<std::vector<double>>* bits) {
  const Windows w = windowsOf(k, true);
  const Tensor x = rig.make(dtype, w.in, kOrder), gx = rig.make(dtype, w.in, kOrder);
  const Tensor out = rig.make(dtype, w.out, kOrder), g = rig.make(dtype, w.out, kOrder);
  const int64_t positions = w.numbers[2] * w.numbers[8] * w.numbers[14];
  const Tensor places = rig.make(positions > 256 ? DType::kInt32 : DType::kUint8, w.out, kOrder);
  const Tensor flat = rig.make(DType::kInt64, w.out, kOrder);
  auto values = rig.fillNormal(x, 1);
  if (values.size() > 40) {
    values[7] = values[8] = NAN, values[20] = -INFINITY, values[21] = INFINITY;
    Rig::fill(x, values);
  }
  const auto grads = rig.fillNormal(g, 2);
  rig.fillNormal(gx, 3);
  ops::maxPool(rig.ctx, out, places, x, w.numbers, false);
  ops::maxPoolBackward(rig.ctx, gx, g, places, w.numbers);
  ops::maxPoolIndices(rig.ctx, flat, places, w.numbers);
  rig.wait();
  const Reference r = reference(k, w, true, values, grads, true, 0);
  CHECK(maxError(Rig::values(out), r.out) == 0, "%s", what);
  bool whole = true;  // windows without any element have no index
  for (double f : r.flat) whole = whole && f >= 0;
  if (whole) CHECK(maxError(Rig::values(flat), r.flat) == 0, "%s", what);
  CHECK(maxError(Rig::values(gx), r.grad) < (dtype == DType::kFloat64 ? 1e-14 : 2e-6), "%s", what);
  bits->push_back(Rig::values(gx));
}

void checkAverage(Rig& rig, const Case& k, DType dtype, const char* what, bool includePad, int64_t divisor,
                  std::vector<std::vector<double>>* bits) {
  const Windows w = windowsOf(k, false);
  const Tensor x = rig.make(dtype, w.in, kOrder), gx = rig.make(dtype, w.in, kOrder);
  const Tensor out = rig.make(dtype, w.out, kOrder), g = rig.make(dtype, w.out, kOrder);
  const auto values = rig.fillNormal(x, 4), grads = rig.fillNormal(g, 5);
  rig.fillNormal(gx, 6);
  ops::avgPool(rig.ctx, out, x, w.numbers, includePad, divisor);
  ops::avgPoolBackward(rig.ctx, gx, g, w.numbers, includePad, divisor);
  rig.wait();
  const Reference r = reference(k, w, false, values, grads, includePad, divisor);
  const double limit = dtype == DType::kFloat64 ? 1e-14 : 4e-6;
  CHECK(maxError(Rig::values(out), r.average) < limit, "%s pad %d", what, includePad);
  CHECK(maxError(Rig::values(gx), r.averageGrad) < limit, "%s pad %d", what, includePad);
  bits->push_back(Rig::values(out));
}

// Random starts: every maximum lies in its window, and samples out of range stay inside the plane.
void checkFractional(Rig& rig, DType dtype, const char* what) {
  const std::vector<int64_t> in = {2, 3, 5, 9, 11}, out = {2, 3, 2, 4, 5};
  const int64_t kernel[] = {2, 3, 2};
  const Tensor x = rig.make(dtype, in), samples = rig.make(dtype, {2, 3, 3}), flat = rig.make(DType::kInt64, out);
  const auto values = rig.fillNormal(x, 7);
  std::vector<double> starts(18);
  for (size_t i = 0; i < starts.size(); i++) starts[i] = static_cast<double>(i % 7) / 8;
  starts[3] = 1e30, starts[7] = NAN, starts[11] = -5;
  Rig::fill(samples, starts);
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < 3; i++)
    for (int64_t v : {in[2 + i], out[2 + i], kernel[i], int64_t{1}, int64_t{0}, int64_t{1}}) numbers.push_back(v);
  ops::fractionalIndices(rig.ctx, flat, x, samples, numbers);
  rig.wait();
  const auto start = [&](size_t plane, size_t axis, int64_t o) {
    const double last = static_cast<double>(in[2 + axis] - kernel[axis]), u = starts[plane * 3 + axis];
    if (o == out[2 + axis] - 1) return static_cast<int64_t>(last);
    if (!(std::fabs(u) < 1e9)) return int64_t{0};
    const double step = last / static_cast<double>(out[2 + axis] - 1);
    const double at = std::trunc((static_cast<double>(o) + u) * step) - std::trunc(u * step);
    return static_cast<int64_t>(std::min(last, std::max(0.0, at)));
  };
  std::vector<double> expected;
  for (size_t plane = 0; plane < 6; plane++) {
    for (int64_t o = 0; o < 40; o++) {
      const int64_t first[] = {start(plane, 0, o / 20), start(plane, 1, o / 5 % 4), start(plane, 2, o % 5)};
      double best = -INFINITY;
      int64_t at = -1;
      for (int64_t k = 0; k < 12; k++) {
        const int64_t i = ((first[0] + k / 6) * 9 + first[1] + k / 2 % 3) * 11 + first[2] + k % 2;
        const double v = values[plane * 495 + static_cast<size_t>(i)];
        if (v > best) best = v, at = i;
      }
      expected.push_back(static_cast<double>(at));
    }
  }
  CHECK(maxError(Rig::values(flat), expected) == 0, "%s", what);
}

const Axis kNone{1, 1};
const Case kCases[] = {
    {2, 16, {kNone, {8, 2, 2}, {8, 2, 2}}},
    {3, 5, {kNone, {9, 2, 2}, {7, 2, 2}}},
    {2, 37, {kNone, {9, 2, 2}, {7, 2, 2}}, true},
    {1, 1, {kNone, {6, 3, 2, 1}, {6, 3, 2, 1}}},
    {2, 70, {kNone, {11, 3, 2, 1}, {13, 3, 2, 1}}},
    {2, 8, {kNone, {11, 3, 1, 1, 2}, {10, 2, 2}}},
    {1, 3, {kNone, {7, 3, 3, 1}, {7, 3, 3, 1}}, true},
    {2, 4, {kNone, {20, 17, 2, 3}, {20, 18, 1, 4}}},
    {1, 130, {kNone, {5, 5, 1, 2}, {5, 5, 1, 2}}},
    {1, 6, {kNone, {10, 2, 4}, {9, 2, 3}}},
    {1, 2, {kNone, {2, 2, 1, 1, 3}, {2, 2, 1, 1, 3}}},
    {0, 4, {kNone, {6, 2, 2}, {6, 2, 2}}},
    {2, 0, {kNone, {6, 2, 2}, {6, 2, 2}}},
    {12, 24, {kNone, {30, 3, 2, 1}, {30, 3, 2, 1}}},
    {1, 9, {kNone, {12, 3, 3}, {12, 3, 3}}},
    {1, 4, {kNone, {1, 1}, {9, 3, 2, 1, 2}}},
    // Rows so long that they are split: side by side, overlapping, with gaps.
    {1, 70, {kNone, {1, 1}, {1501, 2, 2}}},
    {1, 130, {kNone, {1, 1}, {1100, 3, 2, 1}}, true},
    {1, 130, {kNone, {1, 1}, {1111, 4, 3, 2, 5}}},
    {1, 257, {kNone, {1, 1}, {801, 5, 7}}},
    // Volumes.
    {2, 5, {{4, 2, 2}, {6, 2, 2}, {5, 2, 2}}},
    {1, 33, {{5, 3, 2, 1}, {6, 3, 2, 1}, {7, 3, 2, 1}}},
    {2, 3, {{6, 2, 3, 1, 2}, {5, 3, 1, 1}, {7, 2, 2, 0, 3}}, true},
    {1, 17, {{3, 1, 2}, {6, 2, 2}, {6, 2, 2}}, true},
    {1, 4, {{9, 7, 1}, {8, 7, 1, 3}, {8, 6, 1}}},
    // Adaptive windows, alone and beside sliding ones.
    {2, 19, {kNone, {7, 0, 0, 0, 1, 3}, {5, 0, 0, 0, 1, 4}}},
    {1, 3, {{5, 0, 0, 0, 1, 2}, {3, 0, 0, 0, 1, 7}, {6, 2, 2}}},
    {1, 2, {kNone, {41, 0, 0, 0, 1, 2}, {37, 0, 0, 0, 1, 2}}},
    {1, 130, {kNone, {1, 1}, {803, 0, 0, 0, 1, 160}}},
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::vector<double>> first;
  for (Isa isa : isas()) {
    for (int threads = 1; threads <= 3; threads++) {
      std::vector<std::vector<double>> bits;
      for (const Case& k : kCases) {
        Rig rig(isa, threads);
        char what[160];
        std::snprintf(what, sizeof(what), "%s, %d threads, case %d", isaName(isa), threads,
                      static_cast<int>(&k - kCases));
        for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
          checkMax(rig, k, dtype, what, &bits);
          checkAverage(rig, k, dtype, what, true, 0, &bits);
          checkAverage(rig, k, dtype, what, false, 0, &bits);
          checkAverage(rig, k, dtype, what, true, 3, &bits);
          if (&k == kCases) checkFractional(rig, dtype, what);
        }
      }
      if (first.empty()) first = bits;
      for (size_t i = 0; i < bits.size(); i++) CHECK(maxError(bits[i], first[i]) == 0, "bits %zu", i);
    }
  }
  if (argc > 1) {
    for (Isa isa : isas()) {
      Rig rig(isa, argc > 2 ? std::atoi(argv[2]) : 2);
      std::printf("%s\n", isaName(isa));
      struct Shape {
        int64_t c, n, h, k, s, p;
      } shapes[] = {{16, 100, 28, 2, 2, 0}, {64, 8, 112, 3, 2, 1}, {256, 32, 56, 2, 2, 0}, {2048, 32, 7, 7, 7, 0}};
      for (auto [c, n, h, kernel, s, p] : shapes) {
        const Case k{n, c, {kNone, {h, kernel, s, p}, {h, kernel, s, p}}};
        const Windows w = windowsOf(k, true);
        const Tensor x = rig.make(DType::kFloat32, w.in, kOrder), out = rig.make(DType::kFloat32, w.out, kOrder);
        const Tensor places = rig.make(DType::kUint8, w.out, kOrder);
        rig.fillNormal(x, 1), rig.fillNormal(out, 2);
        const double bytes = 4.0 * (x.numel() + out.numel()) + out.numel();
        char name[80];
        std::snprintf(name, sizeof(name), "maxPool %ldx%ld/%ld [%ld,%ld,%ld,%ld]", kernel, kernel, s, n, c, h, h);
        rig.bench(name, bytes, [&] { ops::maxPool(rig.ctx, out, places, x, w.numbers, false); });
        rig.bench("  backward", bytes, [&] { ops::maxPoolBackward(rig.ctx, x, out, places, w.numbers); });
        rig.bench("  average", bytes, [&] { ops::avgPool(rig.ctx, out, x, w.numbers, true, 0); });
        rig.bench("  average backward", bytes, [&] { ops::avgPoolBackward(rig.ctx, x, out, w.numbers, true, 0); });
      }
    }
  }
  return finish("pool");
}
