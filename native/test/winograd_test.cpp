// Winograd's convolution against a plain double loop, for every pass and method: sizes from 1 up, every instruction
// set, 1 to 3 threads. `winograd_test bench` compares its speed with the direct convolution.
#include "ops/winograd.h"

#include <array>
#include <limits>

#include "ops/conv.h"
#include "ops/pool.h"
#include "rig.h"

namespace nabla::test {
namespace {

using ops::ConvMethod;

struct Shape {
  int64_t n, c, h, w, o, ph, pw;
  int64_t oh() const { return h + 2 * ph - 2; }
  int64_t ow() const { return w + 2 * pw - 2; }
};

std::array<int32_t, 10> sizesOf(const Shape& s) {
  return {1, 1, 1, 0, static_cast<int32_t>(s.ph), static_cast<int32_t>(s.pw), 1, 1, 1, 1};
}

struct Reference {
  std::vector<double> x, weight, bias, gradOut, out, gradX, gradWeight, gradBias;  // row-major NCHW, OIHW
};

void addProducts(const Shape& s, Reference& r, int64_t n, int64_t o, int64_t i, int64_t j) {
  const int64_t at = ((n * s.o + o) * s.oh() + i) * s.ow() + j;
  for (int64_t c = 0; c < s.c; c++) {
    for (int64_t tap = 0; tap < 9; tap++) {
      const int64_t y = i + tap / 3 - s.ph, z = j + tap % 3 - s.pw;
      if (y < 0 || y >= s.h || z < 0 || z >= s.w) continue;
      const int64_t xi = ((n * s.c + c) * s.h + y) * s.w + z, wi = (o * s.c + c) * 9 + tap;
      r.out[at] += r.x[xi] * r.weight[wi];
      r.gradX[xi] += r.gradOut[at] * r.weight[wi];
      r.gradWeight[wi] += r.gradOut[at] * r.x[xi];
    }
  }
  r.out[at] += r.bias[o];
  r.gradBias[o] += r.gradOut[at];
}

Reference makeReference(const Shape& s) {
  std::mt19937_64 generator(11);
  std::uniform_real_distribution<float> real(-1, 1);
  const auto uniform = [&](int64_t count) {
    std::vector<double> values(static_cast<size_t>(count));
    for (double& v : values) v = real(generator);
    return values;
  };
  Reference r;
  r.x = uniform(s.n * s.c * s.h * s.w);
  r.weight = uniform(s.o * s.c * 9);
  r.bias = uniform(s.o);
  r.gradOut = uniform(s.n * s.o * s.oh() * s.ow());
  r.out.resize(r.gradOut.size());
  r.gradX.resize(r.x.size());
  r.gradWeight.resize(r.weight.size());
  r.gradBias.resize(r.bias.size());
  for (int64_t n = 0; n < s.n; n++)
    for (int64_t o = 0; o < s.o; o++)
      for (int64_t i = 0; i < s.oh(); i++)
        for (int64_t j = 0; j < s.ow(); j++) addProducts(s, r, n, o, i, j);
  return r;
}

const std::vector<int> kChannelsLast = {0, 2, 3, 1}, kHwio = {2, 3, 1, 0};

Tensor filled(Rig& m, std::vector<int64_t> shape, std::vector<int> order, const std::vector<double>& values) {
  const Tensor t = m.make(DType::kFloat32, shape, order);
  Rig::fill(t, values);
  return t;
}

// Filled with NaN up to the end of its storage, so that a missing and a stray write both show.
Tensor result(Rig& m, std::vector<int64_t> shape, std::vector<int> order) {
  const Tensor t = m.make(DType::kFloat32, shape, order);
  for (size_t i = 0; i < t.storage->bytes / sizeof(float); i++) t.ptr<float>()[i] = std::nanf("");
  return t;
}

double worstRelative[2] = {};

// Rounding errors walk: the reduction's root (chains are at most 512 long) times the epsilon times the result's size.
// The transforms mix a tile's results, so that its largest counts; their gain is at most 2 for F2, 8 for F4.
void checkClose(const Tensor& t, std::vector<double> expected, double terms, ConvMethod method, const Shape& s,
                const char* what) {
  const std::vector<double> values = Machine::values(t);
  double largest = 0, error = 0, size = 0, worst = 0;
  for (size_t i = 0; i < values.size(); i++) {
    const double difference = std::fabs(values[i] - expected[i]);
    if (!(difference <= worst)) worst = difference;
    error += difference * difference;
    size += expected[i] * expected[i];
    largest = std::fmax(largest, std::fabs(expected[i]));
  }
  const int f4 = method == ConvMethod::kF4;
  const double epsilon = std::numeric_limits<float>::epsilon();
  const double tolerance = (f4 ? 8 : 2) * epsilon * (1 + std::sqrt(std::fmin(terms, 512))) * (largest + 1);
  CHECK(values.size() == expected.size() && worst <= tolerance, "%s F%d: error %g: n%ld c%ld %ldx%ld o%ld p%ld,%ld",
        what, f4 ? 4 : 2, worst, s.n, s.c, s.h, s.w, s.o, s.ph, s.pw);
  if (size > 0 && values.size() > 1000) {
    const double relative = std::sqrt(error / size);
    CHECK(relative <= (f4 ? 4e-6 : 1e-6), "%s F%d: relative error %g: c%ld %ldx%ld o%ld", what, f4 ? 4 : 2, relative,
          s.c, s.h, s.w, s.o);
    worstRelative[f4] = std::fmax(worstRelative[f4], relative);
  }
  for (size_t i = values.size(); i < t.storage->bytes / sizeof(float); i++)
    CHECK(std::isnan(t.ptr<float>()[i]), "%s: write past the end", what);
}

// relu6(out + addend), in the precision of the type.
void checkAdded(const Tensor& t, const Tensor& out, const Tensor& addend, const Shape& s) {
  const std::vector<double> values = Machine::values(t), sums = Machine::values(out), more = Machine::values(addend);
  int wrong = 0;
  for (size_t i = 0; i < values.size(); i++) {
    const float sum = static_cast<float>(sums[i]) + static_cast<float>(more[i]);
    if (values[i] != std::fmin(std::fmax(sum, 0.f), 6.f)) wrong++;
  }
  CHECK(wrong == 0 && values.size() == sums.size(), "addend and relu6: %d wrong: n%ld c%ld %ldx%ld o%ld", wrong, s.n,
        s.c, s.h, s.w, s.o);
  for (size_t i = values.size(); i < t.storage->bytes / sizeof(float); i++)
    CHECK(std::isnan(t.ptr<float>()[i]), "addend: write past the end");
}

// `all`, 0 where the mask is not positive.
void checkMasked(const Tensor& t, const Tensor& all, const Tensor& mask, const Shape& s) {
  const std::vector<double> values = Machine::values(t), from = Machine::values(all), by = Machine::values(mask);
  int wrong = 0;
  for (size_t i = 0; i < values.size(); i++) wrong += values[i] != (by[i] > 0 ? from[i] : 0);
  CHECK(wrong == 0 && values.size() == from.size(), "mask: %d wrong: n%ld c%ld %ldx%ld o%ld", wrong, s.n, s.c, s.h, s.w,
        s.o);
  for (size_t i = values.size(); i < t.storage->bytes / sizeof(float); i++)
    CHECK(std::isnan(t.ptr<float>()[i]), "mask: write past the end");
}

std::vector<double> rectified(std::vector<double> values) {
  for (double& v : values) v = std::fmax(v, 0);
  return values;
}

// Pooled in the kernel and by itself: the same bits, and nothing written past the end.
void checkPooled(Rig& m, const Shape& s, const ops::WinogradCall& call, const Tensor& bias, const Tensor& positive) {
  const int64_t h = s.oh() / 2, w = s.ow() / 2;
  if (h == 0 || w == 0) return;
  const std::vector<int64_t> shape = {s.n, s.o, h, w};
  const Tensor pooled = result(m, shape, kChannelsLast), wanted = result(m, shape, kChannelsLast);
  const Tensor places = m.make(DType::kUint8, shape, kChannelsLast);
  const Tensor wantedPlaces = m.make(DType::kUint8, shape, kChannelsLast);
  memset(places.data, 77, places.storage->bytes), memset(wantedPlaces.data, 77, places.storage->bytes);
  const int64_t window[] = {1, 1, 1, 1, 0, 1, s.oh(), h, 2, 2, 0, 1, s.ow(), w, 2, 2, 0, 1};
  ops::winogradMaxPool(m.ctx, call, pooled, places, &bias);
  ops::maxPool(m.ctx, wanted, wantedPlaces, positive, window, true);
  m.wait();
  CHECK(memcmp(pooled.data, wanted.data, pooled.storage->bytes) == 0, "pooled: n%ld c%ld %ldx%ld o%ld", s.n, s.c, s.h,
        s.w, s.o);
  CHECK(memcmp(places.data, wantedPlaces.data, places.storage->bytes) == 0, "places: n%ld c%ld %ldx%ld o%ld", s.n, s.c,
        s.h, s.w, s.o);
}

std::vector<std::vector<double>> run(const Shape& s, const Reference& r, ConvMethod method, Isa isa, int threads) {
  Rig m(isa, threads);
  const Tensor x = filled(m, {s.n, s.c, s.h, s.w}, kChannelsLast, r.x);
  const Tensor weight = filled(m, {s.o, s.c, 3, 3}, kHwio, r.weight);
  const Tensor bias = filled(m, {s.o}, {}, r.bias);
  const Tensor gradOut = filled(m, {s.n, s.o, s.oh(), s.ow()}, kChannelsLast, r.gradOut);
  const Tensor out = result(m, {s.n, s.o, s.oh(), s.ow()}, kChannelsLast);
  const Tensor positive = result(m, {s.n, s.o, s.oh(), s.ow()}, kChannelsLast);
  const Tensor gradX = result(m, {s.n, s.c, s.h, s.w}, kChannelsLast);
  const Tensor gradWeight = result(m, {s.o, s.c, 3, 3}, kHwio);
  const Tensor gradBias = result(m, {s.o}, {});
  const std::vector<double> shift(static_cast<size_t>(s.c), 0.5);
  const Tensor inputBias = filled(m, {s.c}, {}, shift);
  const Tensor transposed = result(m, {s.n, s.c, s.h, s.w}, kChannelsLast);
  const Tensor added = result(m, {s.n, s.o, s.oh(), s.ow()}, kChannelsLast);
  ops::winogradForward(m.ctx, method, out, x, weight, &bias, nullptr, s.ph, s.pw, ops::activationOf(0));
  ops::winogradForward(m.ctx, method, positive, x, weight, &bias, nullptr, s.ph, s.pw, ops::activationOf(1));
  ops::winogradForward(m.ctx, method, added, x, weight, &bias, &gradOut, s.ph, s.pw, ops::activationOf(2));
  ops::winogradBackwardInput(m.ctx, method, gradX, gradOut, weight, nullptr, nullptr, s.ph, s.pw);
  ops::winogradBackwardInput(m.ctx, method, transposed, gradOut, weight, &inputBias, nullptr, s.ph, s.pw);
  const Tensor masked = result(m, {s.n, s.c, s.h, s.w}, kChannelsLast);
  ops::winogradBackwardInput(m.ctx, method, masked, gradOut, weight, &inputBias, &x, s.ph, s.pw);
  ops::winogradBackwardWeight(m.ctx, method, gradWeight, &gradBias, gradOut, x, s.ph, s.pw);
  m.wait();
  checkMasked(masked, transposed, x, s);
  checkPooled(m, s, {method, x, weight, out, s.ph, s.pw}, bias, positive);
  const double inner = static_cast<double>(9 * s.c), outer = static_cast<double>(9 * s.o);
  const double pixels = static_cast<double>(s.n * s.oh() * s.ow());
  checkClose(out, r.out, inner, method, s, "forward");
  checkClose(positive, rectified(r.out), inner, method, s, "forward with relu");
  checkAdded(added, out, gradOut, s);
  checkClose(gradX, r.gradX, outer, method, s, "input gradient");
  std::vector<double> shifted = r.gradX;
  for (double& v : shifted) v += 0.5;
  checkClose(transposed, shifted, outer, method, s, "transposed");
  checkClose(gradWeight, r.gradWeight, pixels, method, s, "weight gradient");
  checkClose(gradBias, r.gradBias, pixels, method, s, "bias gradient");
  return {Machine::values(out), Machine::values(gradX), Machine::values(gradWeight), Machine::values(gradBias)};
}

const Shape kShapes[] = {
    // n c h w o, padding
    {1, 1, 1, 1, 1, 1, 1},     {2, 1, 1, 2, 3, 1, 1},     {1, 2, 3, 3, 2, 0, 0},       {3, 3, 2, 5, 7, 1, 2},
    {2, 5, 4, 4, 16, 1, 1},    {1, 16, 7, 9, 17, 0, 1},   {2, 17, 8, 6, 15, 1, 1},     {1, 31, 5, 13, 33, 2, 2},
    {3, 16, 28, 28, 16, 1, 1}, {2, 32, 14, 14, 32, 2, 2}, {2, 24, 11, 10, 40, 1, 0},   {5, 64, 8, 8, 64, 1, 1},
    {1, 70, 9, 12, 90, 1, 1},  {1, 2, 61, 3, 1, 1, 1},    {1, 128, 10, 10, 128, 1, 1}, {1, 20, 1, 40, 20, 1, 1},
    {2, 256, 7, 6, 40, 1, 1},  {1, 20, 10, 9, 300, 1, 1}, {0, 8, 8, 8, 8, 1, 1},       {1, 6, 6, 7, 5, 3, 4},
    {40, 8, 9, 9, 8, 1, 1},    {1, 150, 6, 6, 150, 1, 1}, {9, 4, 30, 30, 4, 0, 0},     {2, 300, 3, 4, 10, 1, 1},
};

void testShapes() {
  const std::vector<Isa> sets = isas();
  for (const Shape& s : kShapes) {
    const Reference r = makeReference(s);
    for (const ConvMethod method : {ConvMethod::kF2, ConvMethod::kF4}) {
      for (const Isa isa : sets) {
        const auto one = run(s, r, method, isa, 1);
        for (const int threads : {2, 3}) {
          const auto many = run(s, r, method, isa, threads);
          for (size_t i = 0; i < one.size(); i++)
            CHECK(same(one[i], many[i]), "pass %zu differs with %d threads: c%ld o%ld", i, threads, s.c, s.o);
        }
      }
    }
  }
  std::printf("largest relative error: F2 %.2g, F4 %.2g\n", worstRelative[0], worstRelative[1]);
}

// The convolution takes this way by itself where it is faster, and never when it is not allowed or float64.
void testChoice() {
  const auto bits = [](const Shape& s, DType dtype, bool allow) {
    Rig m(isas().back(), 1);
    m.ctx.allowWinograd = allow;
    const Tensor x = m.random(dtype, {s.n, s.c, s.h, s.w}, kChannelsLast);
    const Tensor weight = m.random(dtype, {s.o, s.c, 3, 3}, kHwio);
    const Tensor gradOut = m.random(dtype, {s.n, s.o, s.oh(), s.ow()}, kChannelsLast);
    const Tensor out = m.make(dtype, {s.n, s.o, s.oh(), s.ow()}, kChannelsLast);
    const Tensor gradX = m.make(dtype, {s.n, s.c, s.h, s.w}, kChannelsLast);
    const Tensor gradWeight = m.make(dtype, {s.o, s.c, 3, 3}, kHwio);
    ops::convolution(m.ctx, out, x, weight, nullptr, nullptr, sizesOf(s), 0);
    ops::convolutionTranspose(m.ctx, gradX, gradOut, weight, nullptr, nullptr, sizesOf(s));
    ops::convolutionBackwardWeight(m.ctx, gradWeight, nullptr, gradOut, x, sizesOf(s));
    m.wait();
    return std::vector<std::vector<double>>{Machine::values(out), Machine::values(gradX), Machine::values(gradWeight)};
  };
  const Shape worth{4, 32, 16, 16, 32, 1, 1}, narrow{4, 3, 16, 16, 32, 1, 1};
  const auto fast = bits(worth, DType::kFloat32, true), strict = bits(worth, DType::kFloat32, false);
  for (size_t i = 0; i < fast.size(); i++) {
    CHECK(!same(fast[i], strict[i]), "pass %zu did not take Winograd's way", i);
    CHECK(maxError(fast[i], strict[i]) < 1e-4, "pass %zu", i);
  }
  for (const auto& [shape, dtype] : {std::pair{worth, DType::kFloat64}, std::pair{narrow, DType::kFloat32}}) {
    const auto one = bits(shape, dtype, true), other = bits(shape, dtype, false);
    for (size_t i = 0; i < one.size(); i++) CHECK(same(one[i], other[i]), "pass %zu should be direct", i);
  }
}

// Packed weights are kept from the second use on, until the weights are written, freed or memory is short.
void testPrepared() {
  for (const bool allow : {true, false}) {
    Rig m(isas().back(), 2);
    m.ctx.allowWinograd = allow;
    const Shape s{2, 32, 16, 16, 32, 1, 1};
    const Tensor x = m.random(DType::kFloat32, {s.n, s.c, s.h, s.w}, kChannelsLast);
    const Tensor weight = m.random(DType::kFloat32, {s.o, s.c, 3, 3}, kHwio);
    const Tensor other = m.random(DType::kFloat32, {s.o, s.c, 3, 3}, kHwio);
    const auto forward = [&](const Tensor& w) {
      const Tensor out = m.make(DType::kFloat32, {s.n, s.o, s.oh(), s.ow()}, kChannelsLast);
      ops::convolution(m.ctx, out, x, w, nullptr, nullptr, sizesOf(s), 0);
      m.wait();
      return Machine::values(out);
    };
    const int64_t before = m.allocator.live();
    const auto first = forward(weight);
    const int64_t image = m.allocator.live() - before;
    const auto second = forward(weight), third = forward(weight);
    CHECK(m.allocator.live() - before > 3 * image, "nothing was kept");
    CHECK(same(first, second) && same(first, third), "kept weights give other bits");
    m.stream.enqueue("write", {&weight}, {&other}, [weight, other](Exec&) {
      std::memcpy(weight.data, other.data, static_cast<size_t>(weight.numel()) * sizeof(float));
    });
    const auto changed = forward(weight);
    CHECK(m.allocator.live() - before == 4 * image, "old weights were kept");
    CHECK(same(changed, forward(other)) && same(changed, forward(weight)), "changed weights");
    CHECK(m.allocator.live() - before > 6 * image, "changed weights were not kept");
    m.ctx.prepared.release(m.ctx, *weight.storage);
    CHECK(m.allocator.live() - before == 6 * image, "freed weights were kept");
    forward(other);
    m.ctx.prepared.clear(m.ctx);
    CHECK(m.allocator.live() - before == 7 * image, "kept for want of memory");
    CHECK(same(changed, forward(weight)), "after clear");
  }
}

void testTable() {
  struct Row {
    Shape shape;
    ConvMethod method;
  };
  const Row rows[] = {
      {{100, 16, 28, 28, 16, 1, 1}, ConvMethod::kF4},    {{100, 3, 28, 28, 32, 1, 1}, ConvMethod::kDirect},
      {{100, 32, 28, 28, 3, 1, 1}, ConvMethod::kDirect}, {{8, 512, 7, 7, 512, 1, 1}, ConvMethod::kF4},
      {{8, 513, 7, 7, 64, 1, 1}, ConvMethod::kDirect},   {{50, 8, 6, 5, 8, 1, 1}, ConvMethod::kF2},
      {{50, 8, 1, 9, 8, 1, 1}, ConvMethod::kDirect},     {{1, 16, 4, 4, 16, 1, 1}, ConvMethod::kDirect},
      {{0, 16, 8, 8, 16, 1, 1}, ConvMethod::kDirect},    {{50, 16, 2, 8, 16, 1, 1}, ConvMethod::kF2}};
  Rig m(isas().back(), 1);
  for (const auto& [s, method] : rows) {
    const Tensor x = m.make(DType::kFloat32, {s.n, s.c, s.h, s.w}, kChannelsLast);
    const Tensor weight = m.make(DType::kFloat32, {s.o, s.c, 3, 3}, kHwio);
    const Tensor out = m.make(DType::kFloat32, {s.n, s.o, s.oh(), s.ow()}, kChannelsLast);
    for (const ops::ConvPass pass : {ops::ConvPass::kForward, ops::ConvPass::kInput, ops::ConvPass::kWeight}) {
      const ConvMethod chosen = ops::chooseMethod(m.ctx, pass, x, weight, out, {1, 1, 1, 1, 1, 1, 1});
      CHECK(chosen == method, "n%ld c%ld %ldx%ld o%ld: %d", s.n, s.c, s.h, s.w, s.o, static_cast<int>(chosen));
      for (const ops::ConvOptions& o : {ops::ConvOptions{2, 1, 1, 1, 1, 1, 1}, ops::ConvOptions{1, 1, 1, 1, 1, 2, 1},
                                        ops::ConvOptions{1, 1, 1, 1, 1, 1, 2}})
        CHECK(ops::chooseMethod(m.ctx, pass, x, weight, out, o) == ConvMethod::kDirect, "stride, dilation or groups");
    }
  }
}

double milliseconds(Rig& m, const std::function<void()>& call) {
  double best = 1e9;
  for (int i = 0; i < 12; i++) {
    const double start = nowMicros();
    call();
    m.wait();
    best = std::fmin(best, (nowMicros() - start) / 1000);
  }
  return best;
}

void bench(Isa isa, int threads, const Shape& s) {
  Rig m(isa, threads);
  m.ctx.allowWinograd = false;
  const Tensor x = m.random(DType::kFloat32, {s.n, s.c, s.h, s.w}, kChannelsLast, 1);
  const Tensor weight = m.random(DType::kFloat32, {s.o, s.c, 3, 3}, kHwio, 1);
  const Tensor gradOut = m.random(DType::kFloat32, {s.n, s.o, s.oh(), s.ow()}, kChannelsLast, 1);
  const Tensor out = result(m, {s.n, s.o, s.oh(), s.ow()}, kChannelsLast);
  const Tensor gradX = result(m, {s.n, s.c, s.h, s.w}, kChannelsLast);
  const Tensor gradWeight = result(m, {s.o, s.c, 3, 3}, kHwio);
  const Tensor gradBias = result(m, {s.o}, {});
  double best[3][3];
  for (auto& pass : best)
    for (double& b : pass) b = 1e9;
  for (int round = 0; round < 4; round++) {
    for (int method = -1; method < 2; method++) {
      const auto chosen = static_cast<ConvMethod>(method);
      const bool direct = chosen == ConvMethod::kDirect;
      const auto keep = [&](int pass, const std::function<void()>& call) {
        best[pass][method + 1] = std::fmin(best[pass][method + 1], milliseconds(m, call));
      };
      keep(0, [&] {
        direct
            ? ops::convolution(m.ctx, out, x, weight, nullptr, nullptr, sizesOf(s), 0)
            : ops::winogradForward(m.ctx, chosen, out, x, weight, nullptr, nullptr, s.ph, s.pw, ops::activationOf(0));
      });
      keep(1, [&] {
        direct ? ops::convolutionTranspose(m.ctx, gradX, gradOut, weight, nullptr, nullptr, sizesOf(s))
               : ops::winogradBackwardInput(m.ctx, chosen, gradX, gradOut, weight, nullptr, nullptr, s.ph, s.pw);
      });
      keep(2, [&] {
        direct ? ops::convolutionBackwardWeight(m.ctx, gradWeight, &gradBias, gradOut, x, sizesOf(s))
               : ops::winogradBackwardWeight(m.ctx, chosen, gradWeight, &gradBias, gradOut, x, s.ph, s.pw);
      });
    }
  }
  std::printf("%-8s %4ld->%-4ld @%ldx%ld b%-4ld", isaName(isa), s.c, s.o, s.h, s.w, s.n);
  for (const auto& pass : best) std::printf("  %7.3f %7.3f %7.3f |", pass[0], pass[1], pass[2]);
  std::printf("\n");
  std::fflush(stdout);
}

// Arguments: instruction set, threads, then the shapes as n c h o padding; all may be left out.
void benchAll(int argc, char** argv) {
  Isa isa = isas().back();
  for (const Isa known : isas())
    if (argc > 2 && std::strcmp(argv[2], isaName(known)) == 0) isa = known;
  const int threads = argc > 3 ? std::atoi(argv[3]) : 2;
  std::printf("minimal ms, %d threads; per pass (forward, input, weights): direct, F2, F4\n", threads);
  std::vector<Shape> shapes = {{100, 16, 28, 28, 16, 1, 1}, {100, 16, 14, 14, 32, 1, 1}, {100, 32, 14, 14, 32, 2, 2},
                               {100, 32, 8, 8, 64, 1, 1},   {100, 64, 8, 8, 64, 1, 1},   {8, 64, 56, 56, 64, 1, 1},
                               {8, 128, 28, 28, 128, 1, 1}, {8, 256, 14, 14, 256, 1, 1}};
  if (argc > 8) shapes.clear();
  for (int i = 4; i + 5 <= argc; i += 5) {
    const auto number = [&](int j) { return static_cast<int64_t>(std::atoll(argv[i + j])); };
    shapes.push_back({number(0), number(1), number(2), number(2), number(3), number(4), number(4)});
  }
  for (const Shape& s : shapes) bench(isa, threads, s);
}

}  // namespace
}  // namespace nabla::test

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "bench") == 0) {
    nabla::test::benchAll(argc, argv);
    return 0;
  }
  nabla::test::testShapes();
  nabla::test::testChoice();
  nabla::test::testPrepared();
  nabla::test::testTable();
  return nabla::test::finish("winograd");
}
