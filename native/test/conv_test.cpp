// The three passes of a convolution against a plain double loop: odd sizes, every instruction set, 1 to 3 threads.
#include "ops/conv.h"

#include <limits>

#include "harness.h"

namespace nabla::test {
namespace {

struct Shape {
  int64_t n, c, h, w, o, kh, kw;
  int64_t sh = 1, sw = 1, ph = 0, pw = 0, dh = 1, dw = 1, groups = 1;
  int64_t oh() const { return (h + 2 * ph - dh * (kh - 1) - 1) / sh + 1; }
  int64_t ow() const { return (w + 2 * pw - dw * (kw - 1) - 1) / sw + 1; }
};

// A sum, the sum of its squared terms and their number: what the tolerance is made from.
struct Sum {
  double value = 0, squares = 0, terms = 0;
  void add(double term) {
    value += term;
    squares += term * term;
    terms++;
  }
};
using Sums = std::vector<Sum>;

struct Reference {
  std::vector<double> x, weight, bias, gradOut;  // row-major NCHW, OIHW
  Sums out, gradX, gradWeight, gradBias;
};

std::vector<double> uniform(std::mt19937_64& generator, int64_t count) {
  std::uniform_real_distribution<float> real(-1, 1);  // exact in both types
  std::vector<double> values(static_cast<size_t>(count));
  for (double& v : values) v = real(generator);
  return values;
}

void addProducts(const Shape& s, Reference& ref, int64_t n, int64_t o, int64_t i, int64_t j) {
  const int64_t inner = s.c / s.groups, group = o / (s.o / s.groups);
  const int64_t at = ((n * s.o + o) * s.oh() + i) * s.ow() + j;
  for (int64_t c = 0; c < inner; c++) {
    for (int64_t p = 0; p < s.kh; p++) {
      for (int64_t q = 0; q < s.kw; q++) {
        const int64_t y = i * s.sh + p * s.dh - s.ph, z = j * s.sw + q * s.dw - s.pw;
        if (y < 0 || y >= s.h || z < 0 || z >= s.w) continue;
        const int64_t xi = ((n * s.c + group * inner + c) * s.h + y) * s.w + z;
        const int64_t wi = ((o * inner + c) * s.kh + p) * s.kw + q;
        ref.out[at].add(ref.x[xi] * ref.weight[wi]);
        ref.gradX[xi].add(ref.gradOut[at] * ref.weight[wi]);
        ref.gradWeight[wi].add(ref.gradOut[at] * ref.x[xi]);
      }
    }
  }
  ref.out[at].add(ref.bias[o]);
  ref.gradBias[o].add(ref.gradOut[at]);
}

Reference makeReference(const Shape& s) {
  std::mt19937_64 generator(7);
  const int64_t inner = s.c / s.groups, pixels = s.oh() * s.ow();
  Reference ref;
  ref.x = uniform(generator, s.n * s.c * s.h * s.w);
  ref.weight = uniform(generator, s.o * inner * s.kh * s.kw);
  ref.bias = uniform(generator, s.o);
  ref.gradOut = uniform(generator, s.n * s.o * pixels);
  ref.out.resize(ref.gradOut.size());
  ref.gradX.resize(ref.x.size());
  ref.gradWeight.resize(ref.weight.size());
  ref.gradBias.resize(ref.bias.size());
  for (int64_t n = 0; n < s.n; n++) {
    for (int64_t o = 0; o < s.o; o++) {
      for (int64_t i = 0; i < s.oh(); i++) {
        for (int64_t j = 0; j < s.ow(); j++) addProducts(s, ref, n, o, i, j);
      }
    }
  }
  return ref;
}

const std::vector<int> kChannelsLast = {0, 2, 3, 1}, kHwio = {2, 3, 1, 0};

Tensor filled(Machine& m, DType dtype, std::vector<int64_t> shape, std::vector<int> order,
              const std::vector<double>& values) {
  Tensor t = m.make(dtype, shape, order);
  size_t i = 0;
  Machine::each(t, [&](const int64_t*, char* p) { write(dtype, p, values[i++]); });
  return t;
}

// Filled with NaN up to the end of its storage, so that a missing and a stray write both show.
Tensor result(Machine& m, DType dtype, std::vector<int64_t> shape, std::vector<int> order) {
  Tensor t = m.make(dtype, shape, order);
  const size_t count = t.storage->bytes / itemSize(dtype);
  for (size_t i = 0; i < count; i++) write(dtype, t.data + i * itemSize(dtype), std::nan(""));
  return t;
}

void checkTail(const Tensor& t, const char* what) {
  const size_t size = itemSize(t.dtype), count = t.storage->bytes / size;
  for (size_t i = static_cast<size_t>(t.numel()); i < count; i++) {
    CHECK(std::isnan(read(t.dtype, t.data + i * size)), "%s: write past the end", what);
  }
}

void checkClose(const Tensor& t, const Sums& sums, bool relu, const Shape& s, const char* what) {
  const double epsilon =
      t.dtype == DType::kFloat32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  const std::vector<double> values = Machine::values(t);
  int wrong = 0;
  for (size_t i = 0; i < values.size(); i++) {
    const double expected = relu ? std::fmax(sums[i].value, 0) : sums[i].value;
    // Rounding errors walk: the reduction's root times the size of the result, chains being at most 512 long.
    const double tolerance = 4 * epsilon * (1 + std::sqrt(std::fmin(sums[i].terms, 512))) * std::sqrt(sums[i].squares);
    if (!(std::fabs(values[i] - expected) <= tolerance)) wrong++;
  }
  CHECK(wrong == 0 && values.size() == sums.size(),
        "%s %s: %d of %zu wrong: n%ld c%ld %ldx%ld o%ld k%ldx%ld s%ld,%ld p%ld,%ld d%ld,%ld g%ld", what,
        t.dtype == DType::kFloat32 ? "float32" : "float64", wrong, values.size(), s.n, s.c, s.h, s.w, s.o, s.kh, s.kw,
        s.sh, s.sw, s.ph, s.pw, s.dh, s.dw, s.groups);
  checkTail(t, what);
}

std::vector<std::vector<double>> run(const Shape& s, const Reference& ref, DType dtype, Isa isa, int threads) {
  Machine m(isa, threads);
  m.ctx.allowWinograd = false;  // has a program of its own
  const int64_t inner = s.c / s.groups;
  const Tensor x = filled(m, dtype, {s.n, s.c, s.h, s.w}, kChannelsLast, ref.x);
  const Tensor weight = filled(m, dtype, {s.o, inner, s.kh, s.kw}, kHwio, ref.weight);
  const Tensor bias = filled(m, dtype, {s.o}, {}, ref.bias);
  const Tensor gradOut = filled(m, dtype, {s.n, s.o, s.oh(), s.ow()}, kChannelsLast, ref.gradOut);
  const Tensor out = result(m, dtype, {s.n, s.o, s.oh(), s.ow()}, kChannelsLast);
  const Tensor rectified = result(m, dtype, {s.n, s.o, s.oh(), s.ow()}, kChannelsLast);
  const Tensor gradX = result(m, dtype, {s.n, s.c, s.h, s.w}, kChannelsLast);
  const Tensor gradWeight = result(m, dtype, {s.o, inner, s.kh, s.kw}, kHwio);
  const Tensor gradBias = result(m, dtype, {s.o}, {});
  ops::conv2d(m.ctx, out, x, weight, &bias, s.sh, s.sw, s.ph, s.pw, s.dh, s.dw, s.groups, 0);
  ops::conv2d(m.ctx, rectified, x, weight, &bias, s.sh, s.sw, s.ph, s.pw, s.dh, s.dw, s.groups, 1);
  ops::conv2dBackwardInput(m.ctx, gradX, gradOut, weight, s.sh, s.sw, s.ph, s.pw, s.dh, s.dw, s.groups);
  ops::conv2dBackwardWeight(m.ctx, gradWeight, &gradBias, gradOut, x, s.sh, s.sw, s.ph, s.pw, s.dh, s.dw, s.groups);
  m.wait();
  checkClose(out, ref.out, false, s, "forward");
  checkClose(rectified, ref.out, true, s, "forward with relu");
  checkClose(gradX, ref.gradX, false, s, "input gradient");
  checkClose(gradWeight, ref.gradWeight, false, s, "weight gradient");
  checkClose(gradBias, ref.gradBias, false, s, "bias gradient");
  return {Machine::values(out), Machine::values(gradX), Machine::values(gradWeight), Machine::values(gradBias)};
}

const Shape kShapes[] = {
    // n c h w o kh kw, strides, padding, dilation, groups
    {3, 1, 28, 28, 16, 3, 3, 1, 1, 1, 1},
    {2, 16, 28, 28, 16, 3, 3, 1, 1, 1, 1},
    {2, 16, 14, 14, 32, 3, 3, 1, 1, 1, 1},
    {2, 32, 14, 14, 32, 3, 3, 1, 1, 2, 2},
    {3, 64, 8, 8, 64, 3, 3, 1, 1, 1, 1},
    {1, 3, 33, 31, 20, 7, 7, 2, 2, 3, 3},
    {2, 3, 12, 10, 5, 5, 3, 1, 1, 2, 1},
    {1, 1, 1, 1, 1, 1, 1},
    {2, 5, 7, 6, 3, 1, 1},
    {2, 24, 9, 9, 40, 1, 1},
    {1, 300, 5, 5, 70, 1, 1},
    {2, 8, 9, 7, 12, 1, 1, 2, 2},
    {2, 8, 9, 7, 12, 1, 1, 3, 2, 1, 2},
    {2, 6, 11, 13, 10, 3, 3, 2, 2, 1, 1},
    {1, 7, 12, 17, 33, 3, 2, 3, 2, 0, 1},
    {2, 4, 13, 11, 18, 3, 3, 1, 1, 2, 2, 2, 2},
    {1, 9, 15, 14, 17, 3, 3, 1, 1, 3, 1, 2, 3},
    {2, 4, 16, 15, 6, 3, 4, 2, 3, 2, 3, 3, 2},
    {1, 2, 19, 17, 4, 3, 3, 4, 6, 3, 2, 2, 4},
    {1, 2, 9, 9, 3, 2, 2, 5, 5},
    {2, 3, 4, 5, 6, 3, 3, 1, 1, 5, 4},
    {1, 2, 3, 3, 2, 3, 3, 2, 1, 4, 6},
    {1, 2, 9, 8, 3, 2, 2, 4000, 5000, 4100, 5001},
    {2, 12, 8, 9, 24, 3, 3, 1, 1, 1, 1, 1, 1, 3},
    {1, 32, 6, 7, 64, 3, 3, 2, 2, 1, 1, 1, 1, 2},
    {2, 10, 7, 7, 15, 3, 3, 1, 1, 1, 1, 2, 2, 5},
    {2, 16, 10, 11, 16, 3, 3, 1, 1, 1, 1, 1, 1, 16},
    {2, 21, 10, 11, 21, 3, 3, 2, 2, 1, 1, 1, 1, 21},
    {1, 33, 9, 8, 33, 5, 5, 1, 1, 2, 2, 1, 1, 33},
    {1, 16, 7, 8, 16, 3, 3, 1, 2, 0, 2, 2, 1, 16},
    {2, 6, 9, 8, 12, 3, 3, 1, 1, 1, 1, 1, 1, 6},
    {1, 3, 8, 8, 60, 3, 3, 2, 2, 1, 1, 1, 1, 3},
    {1, 5, 6, 6, 5, 1, 1, 1, 1, 0, 0, 1, 1, 5},
    {2, 32, 9, 8, 32, 3, 3, 1, 1, 1, 1, 1, 1, 8},
    {1, 40, 7, 9, 40, 3, 3, 2, 1, 1, 2, 1, 2, 20},
    {1, 24, 6, 7, 48, 3, 3, 1, 2, 1, 1, 2, 1, 12},
    {1, 48, 6, 7, 24, 3, 3, 2, 2, 1, 1, 1, 1, 12},
    {2, 34, 5, 6, 17, 5, 3, 1, 1, 2, 1, 1, 1, 17},
    {1, 64, 5, 5, 64, 1, 1, 1, 1, 0, 0, 1, 1, 16},
    {1, 36, 6, 6, 36, 3, 3, 1, 1, 1, 1, 1, 1, 12},
    {1, 4, 1, 700, 9, 1, 5, 1, 1, 0, 2},
    {1, 3, 1, 900, 4, 1, 3, 2, 2, 0, 0},
    {1, 1, 70, 40, 3, 11, 11, 1, 1, 5, 5},
    {1, 16, 40, 60, 24, 3, 3, 1, 1, 1, 1},
    {1, 130, 9, 9, 150, 3, 3, 1, 1, 1, 1},
    {5, 96, 3, 3, 320, 3, 3, 1, 1, 1, 1},
    {2, 20, 3, 3, 30, 3, 3},
    {1, 2, 5, 5, 0, 3, 3},
    {0, 3, 8, 8, 16, 3, 3, 1, 1, 1, 1},
    {2, 0, 5, 5, 4, 3, 3, 1, 1, 1, 1},
};

void testShapes() {
  const std::vector<Isa> sets = isas();
  for (const Shape& s : kShapes) {
    const Reference ref = makeReference(s);
    for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
      for (Isa isa : sets) {
        const auto one = run(s, ref, dtype, isa, 1);
        for (int threads : {2, 3}) {
          const auto many = run(s, ref, dtype, isa, threads);
          for (size_t i = 0; i < one.size(); i++) {
            CHECK(same(one[i], many[i]), "pass %zu differs with %d threads: c%ld o%ld", i, threads, s.c, s.o);
          }
        }
      }
    }
  }
}

void testRelu() {
  for (Isa isa : isas()) {
    Machine m(isa, 1);
    const Tensor x = filled(m, DType::kFloat32, {1, 1, 1, 3}, kChannelsLast, {std::nan(""), -1, 2});
    const Tensor weight = filled(m, DType::kFloat32, {1, 1, 1, 1}, kHwio, {1});
    const Tensor out = result(m, DType::kFloat32, {1, 1, 1, 3}, kChannelsLast);
    ops::conv2d(m.ctx, out, x, weight, nullptr, 1, 1, 0, 0, 1, 1, 1, 1);
    m.wait();
    const std::vector<double> values = Machine::values(out);
    CHECK(std::isnan(values[0]) && values[1] == 0 && values[2] == 2, "relu of NaN, -1, 2");
  }
}

}  // namespace
}  // namespace nabla::test

int main() {
  nabla::test::testShapes();
  nabla::test::testRelu();
  return nabla::test::finish("conv");
}
