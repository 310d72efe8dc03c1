// The passes of a convolution against a plain double loop: odd sizes, every instruction set, 1 to 3 threads.
#include "ops/conv.h"

#include <array>
#include <limits>

#include "harness.h"

namespace nabla::test {
namespace {

// Axes are depth, height, width. `dims`: how many of them the tensors have.
struct Shape {
  int dims;
  int64_t n, c, o;
  std::array<int64_t, 3> size, kernel, stride{1, 1, 1}, pad{0, 0, 0}, dilation{1, 1, 1};
  int64_t groups = 1;

  int64_t outSize(int i) const { return (size[i] + 2 * pad[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1; }
  std::vector<int64_t> sized(int64_t first, int64_t second, const std::array<int64_t, 3>& sizes) const {
    std::vector<int64_t> shape = {first, second};
    shape.insert(shape.end(), sizes.end() - dims, sizes.end());
    return shape;
  }
  std::vector<int64_t> x() const { return sized(n, c, size); }
  std::vector<int64_t> weight() const { return sized(o, c / groups, kernel); }
  std::vector<int64_t> out() const { return sized(n, o, {outSize(0), outSize(1), outSize(2)}); }
  std::array<int32_t, 10> sizes() const {
    std::array<int32_t, 10> all;
    for (size_t i = 0; i < 3; i++) {
      all[i] = static_cast<int32_t>(stride[i]);
      all[3 + i] = static_cast<int32_t>(pad[i]);
      all[6 + i] = static_cast<int32_t>(dilation[i]);
    }
    all[9] = static_cast<int32_t>(groups);
    return all;
  }
  std::string text() const {
    std::string s =
        "n" + std::to_string(n) + " c" + std::to_string(c) + " o" + std::to_string(o) + " g" + std::to_string(groups);
    const std::pair<const char*, const std::array<int64_t, 3>*> parts[] = {
        {" ", &size}, {" k", &kernel}, {" s", &stride}, {" p", &pad}, {" d", &dilation}};
    for (const auto& [name, values] : parts) {
      s += name;
      for (int i = 3 - dims; i < 3; i++) s += (i > 3 - dims ? "x" : "") + std::to_string((*values)[i]);
    }
    return s;
  }
};

Shape image(int64_t n, int64_t c, int64_t h, int64_t w, int64_t o, int64_t kh, int64_t kw, int64_t sh = 1,
            int64_t sw = 1, int64_t ph = 0, int64_t pw = 0, int64_t dh = 1, int64_t dw = 1, int64_t groups = 1) {
  return {2, n, c, o, {1, h, w}, {1, kh, kw}, {1, sh, sw}, {0, ph, pw}, {1, dh, dw}, groups};
}

Shape sequence(int64_t n, int64_t c, int64_t w, int64_t o, int64_t kernel, int64_t stride = 1, int64_t pad = 0,
               int64_t dilation = 1, int64_t groups = 1) {
  return {1, n, c, o, {1, 1, w}, {1, 1, kernel}, {1, 1, stride}, {0, 0, pad}, {1, 1, dilation}, groups};
}

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
  std::vector<double> x, weight, bias, inputBias, gradOut;  // row-major, channels second
  Sums out, gradX, transposed, gradWeight, gradBias;
};

std::vector<double> uniform(std::mt19937_64& generator, int64_t count) {
  std::uniform_real_distribution<float> real(-1, 1);  // exact in both types
  std::vector<double> values(static_cast<size_t>(count));
  for (double& v : values) v = real(generator);
  return values;
}

// The products of one output element. `position`: depth, height, width.
void addProducts(const Shape& s, Reference& ref, int64_t n, int64_t o, int64_t at,
                 const std::array<int64_t, 3>& position) {
  const int64_t inner = s.c / s.groups, group = o / (s.o / s.groups);
  const int64_t taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
  for (int64_t c = 0; c < inner; c++) {
    for (int64_t tap = 0; tap < taps; tap++) {
      const int64_t along[] = {tap / (s.kernel[1] * s.kernel[2]), tap / s.kernel[2] % s.kernel[1], tap % s.kernel[2]};
      int64_t xi = n * s.c + group * inner + c;
      bool inside = true;
      for (size_t i = 0; i < 3; i++) {
        const int64_t place = position[i] * s.stride[i] + along[i] * s.dilation[i] - s.pad[i];
        inside &= place >= 0 && place < s.size[i];
        xi = xi * s.size[i] + place;
      }
      if (!inside) continue;
      const int64_t wi = (o * inner + c) * taps + tap;
      ref.out[at].add(ref.x[xi] * ref.weight[wi]);
      ref.gradX[xi].add(ref.gradOut[at] * ref.weight[wi]);
      ref.gradWeight[wi].add(ref.gradOut[at] * ref.x[xi]);
    }
  }
  ref.out[at].add(ref.bias[o]);
  ref.gradBias[o].add(ref.gradOut[at]);
}

Reference makeReference(const Shape& s) {
  std::mt19937_64 generator(7);
  const int64_t pixels = s.size[0] * s.size[1] * s.size[2];
  const std::array<int64_t, 3> out = {s.outSize(0), s.outSize(1), s.outSize(2)};
  Reference ref;
  ref.x = uniform(generator, s.n * s.c * pixels);
  ref.weight = uniform(generator, s.o * (s.c / s.groups) * s.kernel[0] * s.kernel[1] * s.kernel[2]);
  ref.bias = uniform(generator, s.o);
  ref.gradOut = uniform(generator, s.n * s.o * out[0] * out[1] * out[2]);
  ref.inputBias = uniform(generator, s.c);
  ref.out.resize(ref.gradOut.size());
  ref.gradX.resize(ref.x.size());
  ref.gradWeight.resize(ref.weight.size());
  ref.gradBias.resize(ref.bias.size());
  for (int64_t at = 0; at < static_cast<int64_t>(ref.out.size()); at++) {
    const int64_t j = at % out[2], i = at / out[2] % out[1], k = at / (out[2] * out[1]) % out[0];
    const int64_t plane = at / (out[0] * out[1] * out[2]);
    addProducts(s, ref, plane / s.o, plane % s.o, at, {k, i, j});
  }
  ref.transposed = ref.gradX;
  for (size_t i = 0; i < ref.transposed.size(); i++) ref.transposed[i].add(ref.inputBias[i / pixels % s.c]);
  return ref;
}

// Orders of memory for sequences, images and volumes.
const std::vector<int> kChannelsLast[] = {{}, {0, 2, 1}, {0, 2, 3, 1}, {0, 2, 3, 4, 1}};
const std::vector<int> kWeightOrder[] = {{}, {2, 1, 0}, {2, 3, 1, 0}, {2, 3, 4, 1, 0}};

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
  CHECK(wrong == 0 && values.size() == sums.size(), "%s %s: %d of %zu wrong: %s", what,
        t.dtype == DType::kFloat32 ? "float32" : "float64", wrong, values.size(), s.text().c_str());
  checkTail(t, what);
}

// relu6(out + addend), in the precision of the type.
void checkAdded(const Tensor& t, const Tensor& out, const Tensor& addend, const Shape& s) {
  const std::vector<double> values = Machine::values(t), sums = Machine::values(out), more = Machine::values(addend);
  int wrong = 0;
  for (size_t i = 0; i < values.size(); i++) {
    const double sum =
        t.dtype == DType::kFloat32 ? static_cast<float>(sums[i]) + static_cast<float>(more[i]) : sums[i] + more[i];
    if (values[i] != std::fmin(std::fmax(sum, 0), 6)) wrong++;
  }
  CHECK(wrong == 0 && values.size() == sums.size(), "addend and relu6: %d wrong: %s", wrong, s.text().c_str());
  checkTail(t, "addend and relu6");
}

// `all`, 0 where the mask is not positive.
void checkMasked(const Tensor& t, const Tensor& all, const Tensor& mask, const Shape& s) {
  const std::vector<double> values = Machine::values(t), from = Machine::values(all), by = Machine::values(mask);
  int wrong = 0;
  for (size_t i = 0; i < values.size(); i++) wrong += values[i] != (by[i] > 0 ? from[i] : 0);
  CHECK(wrong == 0 && values.size() == from.size(), "mask: %d wrong: %s", wrong, s.text().c_str());
  checkTail(t, "mask");
}

std::vector<std::vector<double>> run(const Shape& s, const Reference& ref, DType dtype, Isa isa, int threads) {
  Machine m(isa, threads);
  m.ctx.allowWinograd = false;  // has a program of its own
  const std::vector<int>&last = kChannelsLast[s.dims], &weights = kWeightOrder[s.dims];
  const Tensor x = filled(m, dtype, s.x(), last, ref.x);
  const Tensor weight = filled(m, dtype, s.weight(), weights, ref.weight);
  const Tensor bias = filled(m, dtype, {s.o}, {}, ref.bias), inputBias = filled(m, dtype, {s.c}, {}, ref.inputBias);
  const Tensor gradOut = filled(m, dtype, s.out(), last, ref.gradOut);
  const Tensor out = result(m, dtype, s.out(), last), rectified = result(m, dtype, s.out(), last);
  const Tensor added = result(m, dtype, s.out(), last), masked = result(m, dtype, s.x(), last);
  const Tensor gradX = result(m, dtype, s.x(), last), transposed = result(m, dtype, s.x(), last);
  const Tensor gradWeight = result(m, dtype, s.weight(), weights);
  const Tensor gradBias = result(m, dtype, {s.o}, {});
  const auto sizes = s.sizes();
  ops::convolution(m.ctx, out, x, weight, &bias, nullptr, sizes, 0);
  ops::convolution(m.ctx, rectified, x, weight, &bias, nullptr, sizes, 1);
  ops::convolution(m.ctx, added, x, weight, &bias, &gradOut, sizes, 2);
  ops::convolutionTranspose(m.ctx, gradX, gradOut, weight, nullptr, nullptr, sizes);
  ops::convolutionTranspose(m.ctx, transposed, gradOut, weight, &inputBias, nullptr, sizes);
  ops::convolutionBackwardWeight(m.ctx, gradWeight, &gradBias, gradOut, x, sizes);
  const Tensor& mask = x;
  ops::convolutionTranspose(m.ctx, masked, gradOut, weight, &inputBias, &mask, sizes);
  m.wait();
  checkMasked(masked, transposed, mask, s);
  checkClose(out, ref.out, false, s, "forward");
  checkClose(rectified, ref.out, true, s, "forward with relu");
  checkAdded(added, out, gradOut, s);
  checkClose(gradX, ref.gradX, false, s, "input gradient");
  checkClose(transposed, ref.transposed, false, s, "transposed");
  checkClose(gradWeight, ref.gradWeight, false, s, "weight gradient");
  checkClose(gradBias, ref.gradBias, false, s, "bias gradient");
  return {Machine::values(out), Machine::values(gradX), Machine::values(gradWeight), Machine::values(gradBias)};
}

const Shape kShapes[] = {
    // n c h w o kh kw, strides, padding, dilation, groups
    image(3, 1, 28, 28, 16, 3, 3, 1, 1, 1, 1),
    image(2, 16, 28, 28, 16, 3, 3, 1, 1, 1, 1),
    image(2, 16, 14, 14, 32, 3, 3, 1, 1, 1, 1),
    image(2, 32, 14, 14, 32, 3, 3, 1, 1, 2, 2),
    image(3, 64, 8, 8, 64, 3, 3, 1, 1, 1, 1),
    image(1, 3, 33, 31, 20, 7, 7, 2, 2, 3, 3),
    image(2, 3, 12, 10, 5, 5, 3, 1, 1, 2, 1),
    image(1, 1, 1, 1, 1, 1, 1),
    image(2, 5, 7, 6, 3, 1, 1),
    image(2, 24, 9, 9, 40, 1, 1),
    image(1, 300, 5, 5, 70, 1, 1),
    image(2, 8, 9, 7, 12, 1, 1, 2, 2),
    image(2, 8, 9, 7, 12, 1, 1, 3, 2, 1, 2),
    image(2, 6, 11, 13, 10, 3, 3, 2, 2, 1, 1),
    image(1, 7, 12, 17, 33, 3, 2, 3, 2, 0, 1),
    image(2, 4, 13, 11, 18, 3, 3, 1, 1, 2, 2, 2, 2),
    image(1, 9, 15, 14, 17, 3, 3, 1, 1, 3, 1, 2, 3),
    image(2, 4, 16, 15, 6, 3, 4, 2, 3, 2, 3, 3, 2),
    image(1, 2, 19, 17, 4, 3, 3, 4, 6, 3, 2, 2, 4),
    image(1, 2, 9, 9, 3, 2, 2, 5, 5),
    image(2, 3, 4, 5, 6, 3, 3, 1, 1, 5, 4),
    image(1, 2, 3, 3, 2, 3, 3, 2, 1, 4, 6),
    image(1, 2, 9, 8, 3, 2, 2, 4000, 5000, 4100, 5001),
    image(2, 12, 8, 9, 24, 3, 3, 1, 1, 1, 1, 1, 1, 3),
    image(1, 32, 6, 7, 64, 3, 3, 2, 2, 1, 1, 1, 1, 2),
    image(2, 10, 7, 7, 15, 3, 3, 1, 1, 1, 1, 2, 2, 5),
    image(2, 16, 10, 11, 16, 3, 3, 1, 1, 1, 1, 1, 1, 16),
    image(2, 21, 10, 11, 21, 3, 3, 2, 2, 1, 1, 1, 1, 21),
    image(1, 33, 9, 8, 33, 5, 5, 1, 1, 2, 2, 1, 1, 33),
    image(1, 16, 7, 8, 16, 3, 3, 1, 2, 0, 2, 2, 1, 16),
    image(1, 64, 30, 41, 64, 3, 3, 1, 1, 1, 1, 1, 1, 64),
    image(1, 32, 3, 2, 32, 7, 5, 1, 1, 5, 4, 1, 1, 32),
    image(2, 16, 12, 13, 16, 3, 3, 2, 3, 3, 4, 2, 3, 16),
    image(1, 16, 4, 4, 16, 3, 3, 1, 1, 6, 6, 1, 1, 16),
    image(2, 6, 9, 8, 12, 3, 3, 1, 1, 1, 1, 1, 1, 6),
    image(1, 3, 8, 8, 60, 3, 3, 2, 2, 1, 1, 1, 1, 3),
    image(1, 5, 6, 6, 5, 1, 1, 1, 1, 0, 0, 1, 1, 5),
    image(2, 32, 9, 8, 32, 3, 3, 1, 1, 1, 1, 1, 1, 8),
    image(1, 40, 7, 9, 40, 3, 3, 2, 1, 1, 2, 1, 2, 20),
    image(1, 24, 6, 7, 48, 3, 3, 1, 2, 1, 1, 2, 1, 12),
    image(1, 48, 6, 7, 24, 3, 3, 2, 2, 1, 1, 1, 1, 12),
    image(2, 34, 5, 6, 17, 5, 3, 1, 1, 2, 1, 1, 1, 17),
    image(1, 64, 5, 5, 64, 1, 1, 1, 1, 0, 0, 1, 1, 16),
    image(1, 36, 6, 6, 36, 3, 3, 1, 1, 1, 1, 1, 1, 12),
    image(1, 4, 1, 700, 9, 1, 5, 1, 1, 0, 2),
    image(1, 3, 1, 900, 4, 1, 3, 2, 2, 0, 0),
    image(1, 1, 70, 40, 3, 11, 11, 1, 1, 5, 5),
    image(1, 16, 40, 60, 24, 3, 3, 1, 1, 1, 1),
    image(1, 130, 9, 9, 150, 3, 3, 1, 1, 1, 1),
    image(5, 96, 3, 3, 320, 3, 3, 1, 1, 1, 1),
    image(2, 20, 3, 3, 30, 3, 3),
    image(1, 2, 5, 5, 0, 3, 3),
    image(0, 3, 8, 8, 16, 3, 3, 1, 1, 1, 1),
    image(2, 0, 5, 5, 4, 3, 3, 1, 1, 1, 1),
    // n c w o kernel, stride, padding, dilation, groups
    sequence(3, 16, 70, 24, 5),
    sequence(2, 3, 31, 17, 4, 2, 3),
    sequence(1, 5, 90, 6, 3, 1, 4, 4),
    sequence(4, 33, 40, 33, 3, 1, 1, 1, 33),
    sequence(2, 64, 1, 40, 1),
    sequence(1, 2, 1200, 3, 7, 3, 2, 2),
    // dims n c o, size, kernel, stride, padding, dilation, groups
    {3, 2, 3, 20, {5, 6, 7}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}},
    {3, 1, 16, 32, {6, 12, 13}, {3, 3, 3}},
    {3, 2, 5, 7, {4, 5, 6}, {2, 3, 1}, {2, 1, 3}, {1, 0, 2}},
    {3, 1, 6, 9, {7, 6, 8}, {3, 2, 3}, {1, 2, 1}, {2, 1, 3}, {2, 3, 2}},
    {3, 1, 2, 3, {9, 8, 7}, {3, 3, 2}, {4, 3, 2}, {3, 2, 2}, {2, 2, 4}},
    {3, 2, 4, 3, {2, 3, 2}, {4, 2, 3}, {1, 1, 1}, {3, 4, 2}},
    {3, 1, 1, 1, {1, 1, 1}, {1, 1, 1}},
    {3, 2, 12, 20, {3, 4, 5}, {1, 1, 1}},
    {3, 2, 8, 6, {4, 7, 5}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}},
    {3, 2, 8, 6, {6, 3, 5}, {3, 1, 1}, {1, 1, 1}, {1, 0, 0}},
    {3, 1, 4, 5, {6, 5, 5}, {1, 2, 2}, {2, 1, 1}, {0, 0, 0}},
    {3, 2, 12, 24, {3, 5, 4}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, 3},
    {3, 2, 21, 21, {4, 5, 6}, {3, 3, 2}, {2, 1, 1}, {1, 1, 0}, {1, 1, 1}, 21},
    {3, 1, 24, 12, {3, 4, 5}, {2, 2, 3}, {1, 1, 2}, {0, 1, 1}, {1, 2, 1}, 12},
    {3, 1, 2, 3, {8, 5, 6}, {2, 2, 2}, {300, 1, 1}, {310, 1, 1}, {300, 1, 1}},
    {3, 1, 40, 70, {3, 3, 20}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}},
    {3, 0, 3, 4, {3, 3, 3}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}},
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
            CHECK(same(one[i], many[i]), "pass %zu differs with %d threads: %s", i, threads, s.text().c_str());
          }
        }
      }
    }
  }
}

void testRelu() {
  for (Isa isa : isas()) {
    Machine m(isa, 1);
    const Tensor x = filled(m, DType::kFloat32, {1, 1, 1, 3}, kChannelsLast[2], {std::nan(""), -1, 2});
    const Tensor weight = filled(m, DType::kFloat32, {1, 1, 1, 1}, kWeightOrder[2], {1});
    const Tensor out = result(m, DType::kFloat32, {1, 1, 1, 3}, kChannelsLast[2]);
    ops::convolution(m.ctx, out, x, weight, nullptr, nullptr, image(1, 1, 1, 3, 1, 1, 1).sizes(), 1);
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
