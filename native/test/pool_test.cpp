// Pooling against naive loops in double, on every instruction set, with one to three threads.
#include "ops/pool.h"

#include "rig.h"

using namespace nabla;
using namespace nabla::test;

namespace {

struct Case {
  int64_t n, c, h, w, kh, kw, sh, sw, ph, pw, dh, dw;
  bool ceil;
};

int64_t outSize(int64_t size, int64_t k, int64_t s, int64_t p, int64_t d, bool ceil) {
  int64_t out = (size + 2 * p - d * (k - 1) - 1 + (ceil ? s - 1 : 0)) / s + 1;
  if (ceil && (out - 1) * s >= size + p) out--;
  return out;
}

struct Reference {
  std::vector<double> out, grad, average, averageGrad;
  std::vector<double> flat;
};

// What PyTorch computes, element by element.
Reference reference(const Case& k, int64_t oh, int64_t ow, const std::vector<double>& x, const std::vector<double>& g,
                    bool includePad, int64_t divisor) {
  Reference r;
  r.grad.assign(x.size(), 0);
  r.averageGrad.assign(x.size(), 0);
  for (int64_t plane = 0; plane < k.n * k.c; plane++) {
    const size_t base = static_cast<size_t>(plane * k.h * k.w);
    for (int64_t i = 0; i < oh; i++) {
      for (int64_t j = 0; j < ow; j++) {
        const int64_t h0 = i * k.sh - k.ph, w0 = j * k.sw - k.pw;
        double best = -INFINITY, sum = 0;
        int64_t at = -1;
        std::vector<size_t> inside;
        for (int64_t a = 0; a < k.kh; a++) {
          for (int64_t b = 0; b < k.kw; b++) {
            const int64_t h = h0 + a * k.dh, w = w0 + b * k.dw;
            if (h < 0 || h >= k.h || w < 0 || w >= k.w) continue;
            const double v = x[base + static_cast<size_t>(h * k.w + w)];
            if (at < 0) at = h * k.w + w;
            if (v > best || std::isnan(v)) best = v, at = h * k.w + w;
            sum += v;
            inside.push_back(base + static_cast<size_t>(h * k.w + w));
          }
        }
        const double gradient = g[r.out.size()];
        int64_t h1 = std::min(h0 + k.kh, k.h + k.ph), w1 = std::min(w0 + k.kw, k.w + k.pw);
        double area = static_cast<double>((h1 - h0) * (w1 - w0));
        if (!includePad) area = static_cast<double>(inside.size());
        if (divisor) area = static_cast<double>(divisor);
        r.out.push_back(best);
        r.flat.push_back(static_cast<double>(at));
        r.average.push_back(inside.empty() ? 0 : sum / area);
        if (at >= 0) r.grad[base + static_cast<size_t>(at)] += gradient;
        for (size_t e : inside) r.averageGrad[e] += gradient / area;
      }
    }
  }
  return r;
}

void checkMax(Rig& rig, const Case& k, DType dtype, const char* what, std::vector<std::vector<double>>* bits) {
  const int64_t oh = outSize(k.h, k.kh, k.sh, k.ph, k.dh, k.ceil), ow = outSize(k.w, k.kw, k.sw, k.pw, k.dw, k.ceil);
  const Tensor x = rig.channelsLast({k.n, k.c, k.h, k.w}, dtype), gx = rig.channelsLast({k.n, k.c, k.h, k.w}, dtype);
  const Tensor out = rig.channelsLast({k.n, k.c, oh, ow}, dtype), g = rig.channelsLast({k.n, k.c, oh, ow}, dtype);
  const Tensor indices = rig.channelsLast({k.n, k.c, oh, ow}, k.kh * k.kw > 256 ? DType::kInt32 : DType::kUint8);
  const Tensor flat = rig.channelsLast({k.n, k.c, oh, ow}, DType::kInt64);
  auto values = rig.fillNormal(x, 1);
  if (values.size() > 40) {
    values[7] = values[8] = NAN, values[20] = -INFINITY, values[21] = INFINITY;
    Rig::fill(x, values);
  }
  const auto grads = rig.fillNormal(g, 2);
  rig.fillNormal(gx, 3);
  ops::maxPool2d(rig.ctx, out, indices, x, k.kh, k.kw, k.sh, k.sw, k.ph, k.pw, k.dh, k.dw);
  ops::maxPool2dBackward(rig.ctx, gx, g, indices, k.kh, k.kw, k.sh, k.sw, k.ph, k.pw, k.dh, k.dw);
  ops::maxPoolIndices(rig.ctx, flat, indices, k.w, k.kw, k.sh, k.sw, k.ph, k.pw, k.dh, k.dw);
  rig.wait();
  const Reference r = reference(k, oh, ow, values, grads, true, 0);
  CHECK(maxError(Rig::values(out), r.out) == 0, "%s", what);
  bool whole = true;  // windows without any element have no index
  for (double f : r.flat) whole = whole && f >= 0;
  if (whole) CHECK(maxError(Rig::values(flat), r.flat) == 0, "%s", what);
  CHECK(maxError(Rig::values(gx), r.grad) < (dtype == DType::kFloat64 ? 1e-14 : 2e-6), "%s", what);
  bits->push_back(Rig::values(gx));
}

void checkAverage(Rig& rig, const Case& k, DType dtype, const char* what, bool includePad, int64_t divisor) {
  const int64_t oh = outSize(k.h, k.kh, k.sh, k.ph, 1, k.ceil), ow = outSize(k.w, k.kw, k.sw, k.pw, 1, k.ceil);
  Case plain = k;
  plain.dh = plain.dw = 1;
  const Tensor x = rig.channelsLast({k.n, k.c, k.h, k.w}, dtype), gx = rig.channelsLast({k.n, k.c, k.h, k.w}, dtype);
  const Tensor out = rig.channelsLast({k.n, k.c, oh, ow}, dtype), g = rig.channelsLast({k.n, k.c, oh, ow}, dtype);
  const auto values = rig.fillNormal(x, 4), grads = rig.fillNormal(g, 5);
  rig.fillNormal(gx, 6);
  ops::avgPool2d(rig.ctx, out, x, k.kh, k.kw, k.sh, k.sw, k.ph, k.pw, includePad, divisor);
  ops::avgPool2dBackward(rig.ctx, gx, g, k.kh, k.kw, k.sh, k.sw, k.ph, k.pw, includePad, divisor);
  rig.wait();
  const Reference r = reference(plain, oh, ow, values, grads, includePad, divisor);
  const double limit = dtype == DType::kFloat64 ? 1e-14 : 4e-6;
  CHECK(maxError(Rig::values(out), r.average) < limit, "%s pad %d", what, includePad);
  CHECK(maxError(Rig::values(gx), r.averageGrad) < limit, "%s pad %d", what, includePad);
}

const Case kCases[] = {
    {2, 16, 8, 8, 2, 2, 2, 2, 0, 0, 1, 1, false},   {3, 5, 9, 7, 2, 2, 2, 2, 0, 0, 1, 1, false},
    {2, 37, 9, 7, 2, 2, 2, 2, 0, 0, 1, 1, true},    {1, 1, 6, 6, 3, 3, 2, 2, 1, 1, 1, 1, false},
    {2, 70, 11, 13, 3, 3, 2, 2, 1, 1, 1, 1, false}, {2, 8, 11, 10, 3, 2, 1, 2, 1, 0, 2, 1, false},
    {1, 3, 7, 7, 3, 3, 3, 3, 1, 1, 1, 1, true},     {2, 4, 20, 20, 17, 18, 2, 1, 3, 4, 1, 1, false},
    {1, 130, 5, 5, 5, 5, 1, 1, 2, 2, 1, 1, false},  {1, 6, 10, 9, 2, 2, 4, 3, 0, 0, 1, 1, false},
    {1, 2, 2, 2, 2, 2, 1, 1, 1, 1, 3, 3, false},    {0, 4, 6, 6, 2, 2, 2, 2, 0, 0, 1, 1, false},
    {2, 0, 6, 6, 2, 2, 2, 2, 0, 0, 1, 1, false},    {12, 24, 30, 30, 3, 3, 2, 2, 1, 1, 1, 1, false},
    {1, 9, 12, 12, 3, 3, 3, 3, 0, 0, 1, 1, false},  {1, 4, 1, 9, 1, 3, 1, 2, 0, 1, 1, 2, false},
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
          checkAverage(rig, k, dtype, what, true, 0);
          checkAverage(rig, k, dtype, what, false, 0);
          checkAverage(rig, k, dtype, what, true, 3);
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
      } shapes[] = {{16, 100, 28, 2, 2, 0}, {64, 8, 112, 3, 2, 1}};
      for (auto [c, n, h, kernel, s, p] : shapes) {
        const int64_t o = outSize(h, kernel, s, p, 1, false);
        const Tensor x = rig.channelsLast({n, c, h, h}, DType::kFloat32);
        const Tensor out = rig.channelsLast({n, c, o, o}, DType::kFloat32);
        const Tensor indices = rig.channelsLast({n, c, o, o}, DType::kUint8);
        rig.fillNormal(x, 1), rig.fillNormal(out, 2);
        const double bytes = 4.0 * (x.numel() + out.numel()) + out.numel();
        char name[80];
        std::snprintf(name, sizeof(name), "maxPool %ldx%ld/%ld [%ld,%ld,%ld,%ld]", kernel, kernel, s, n, c, h, h);
        rig.bench(name, bytes, [&] { ops::maxPool2d(rig.ctx, out, indices, x, kernel, kernel, s, s, p, p, 1, 1); });
        rig.bench("  backward", bytes,
                  [&] { ops::maxPool2dBackward(rig.ctx, x, out, indices, kernel, kernel, s, s, p, p, 1, 1); });
        rig.bench("  average", bytes, [&] { ops::avgPool2d(rig.ctx, out, x, kernel, kernel, s, s, p, p, true, 0); });
        rig.bench("  average backward", bytes,
                  [&] { ops::avgPool2dBackward(rig.ctx, x, out, kernel, kernel, s, s, p, p, true, 0); });
      }
    }
  }
  return finish("pool");
}
