// Unary ops against the C library in long double, in units in the last place.
#include "kernels/cpu/unary.h"
#include "harness.h"
#include "ops/unary.h"

using namespace nabla;
using namespace nabla::test;

namespace {

struct Case {
  int op;
  const char* name;
  long double (*reference)(long double);
  double low, high;  // range of the samples
  double ulps[2];    // allowed for float and double
};

long double relu(long double x) { return x <= 0 ? 0 : x; }
long double reciprocal(long double x) { return 1 / x; }
long double square(long double x) { return x * x; }
long double rsqrt(long double x) { return 1 / std::sqrt(x); }
long double sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }
long double softplus(long double x) { return std::max(x, 0.0L) + std::log1p(std::exp(-std::fabs(x))); }
long double sign(long double x) { return (x > 0) - (x < 0); }
long double negative(long double x) { return -x; }

const Case kCases[] = {
    {cpu::kNeg, "neg", negative, -9, 9, {0, 0}},
    {cpu::kAbs, "abs", std::fabs, -9, 9, {0, 0}},
    {cpu::kSign, "sign", sign, -9, 9, {0, 0}},
    {cpu::kSquare, "square", square, -9, 9, {0.5, 0.5}},
    {cpu::kRelu, "relu", relu, -9, 9, {0, 0}},
    {cpu::kReciprocal, "reciprocal", reciprocal, -9, 9, {0.5, 0.5}},
    {cpu::kSqrt, "sqrt", std::sqrt, 0, 100, {0.5, 0.5}},
    {cpu::kRsqrt, "rsqrt", rsqrt, 1e-3, 100, {2, 2}},
    {cpu::kFloor, "floor", std::floor, -9, 9, {0, 0}},
    {cpu::kCeil, "ceil", std::ceil, -9, 9, {0, 0}},
    {cpu::kRound, "round", std::rint, -9, 9, {0, 0}},
    {cpu::kTrunc, "trunc", std::trunc, -9, 9, {0, 0}},
    {cpu::kExp, "exp", std::exp, -87, 88.5, {1.5, 1.5}},
    {cpu::kExp, "exp", std::exp, -1, 1, {1.5, 1.5}},
    {cpu::kExpm1, "expm1", std::expm1, -20, 88, {2, 2}},
    {cpu::kExpm1, "expm1", std::expm1, -1, 1, {2, 2}},
    {cpu::kLog, "log", std::log, 0, 1e4, {1.5, 1.5}},
    {cpu::kLog, "log", std::log, 0.5, 2, {1.5, 1.5}},
    {cpu::kLog1p, "log1p", std::log1p, -0.999, 3, {2, 2}},
    {cpu::kLog1p, "log1p", std::log1p, -1e-3, 1e-3, {2, 2}},
    {cpu::kSigmoid, "sigmoid", sigmoid, -80, 30, {2.1, 2.1}},
    {cpu::kSigmoid, "sigmoid", sigmoid, -3, 3, {2.1, 2.1}},
    {cpu::kTanh, "tanh", std::tanh, -12, 12, {2, 2}},
    {cpu::kTanh, "tanh", std::tanh, -0.5, 0.5, {2, 2}},
    {cpu::kTanh, "tanh", std::tanh, -1e-3, 1e-3, {2, 2}},
    {cpu::kSoftplus, "softplus", softplus, -80, 80, {2.5, 2.5}},
    {cpu::kErf, "erf", std::erf, -5, 5, {2, 1.1}},
    {cpu::kErf, "erf", std::erf, -0.1, 0.1, {2, 1.1}},
    {cpu::kLog2, "log2", std::log2, 0, 100, {1, 1}},
    {cpu::kLog10, "log10", std::log10, 0, 100, {2, 2}},
    {cpu::kSin, "sin", std::sin, -100, 100, {1.5, 1.5}},
    {cpu::kSin, "sin", std::sin, -8000, 20000, {1.5, 1.5}},
    {cpu::kSin, "sin", std::sin, -1e-3, 1e-3, {1, 1}},
    {cpu::kCos, "cos", std::cos, -100, 100, {1.5, 1.5}},
    {cpu::kCos, "cos", std::cos, -1e6, 2e7, {1.5, 1.5}},
    {cpu::kTan, "tan", std::tan, -9, 9, {1, 1}},
    {cpu::kAsin, "asin", std::asin, -1, 1, {1.5, 1}},
    {cpu::kAcos, "acos", std::acos, -1, 1, {1.5, 1}},
    {cpu::kAtan, "atan", std::atan, -9, 9, {1.5, 1}},
    {cpu::kSinh, "sinh", std::sinh, -9, 9, {2, 2}},
    {cpu::kCosh, "cosh", std::cosh, -9, 9, {2, 2}},
    {cpu::kAsinh, "asinh", std::asinh, -9, 9, {2, 2}},
    {cpu::kAcosh, "acosh", std::acosh, 1, 9, {2.5, 2.5}},
    {cpu::kAtanh, "atanh", std::atanh, -0.99, 0.99, {2, 2}},
};

// The distance in units in the last place of `type` at the expected value.
double distance(DType type, double got, long double expected) {
  if (static_cast<long double>(got) == expected || (std::isnan(got) && std::isnan(expected))) return 0;
  const int digits = type == DType::kFloat32 ? 24 : 53, lowest = type == DType::kFloat32 ? -125 : -1021;
  int exponent;
  std::frexp(expected, &exponent);
  return static_cast<double>(std::fabs(got - expected) / std::ldexp(1.0L, std::max(exponent, lowest) - digits));
}

void testAccuracy(Machine& m, Isa isa) {
  for (const Case& c : kCases)
    for (DType type : {DType::kFloat32, DType::kFloat64}) {
      const Tensor a = m.random(type, {20011}, {}, 1, c.low, c.high), out = m.make(type, {20011});
      ops::unary(m.ctx, c.op, out, a);
      m.wait();
      double worst = 0, where = 0;
      Machine::each(out, [&](const int64_t* i, const char* p) {
        const double x = Machine::value(a, i, 1), d = distance(type, read(type, p), c.reference(x));
        if (!(d <= worst)) worst = d, where = x;
      });
      const bool isDouble = type == DType::kFloat64;
      CHECK(worst <= c.ulps[isDouble] + 1e-3, "%s %s %s: %.2f ulp at %.17g", isaName(isa), c.name,
            isDouble ? "double" : "float", worst, where);
    }
}

// What C says about zeros, infinities, NaN, overflow and subnormals.
void testSpecial(Machine& m) {
  const double samples[] = {0.0,    -0.0,   1,      -1,    INFINITY, -INFINITY, NAN,    1e-310, 1e-42,
                            -1e-42, 1e-30,  1e30,   -1e30, 88.72,    88.73,     -103.9, -104.1, 709.7,
                            709.8,  -745.1, -745.2, -100,  20,       -20,       2,      0.5};
  struct {
    int op;
    long double (*reference)(long double);
  } cases[] = {{cpu::kExp, std::exp},   {cpu::kExpm1, std::expm1}, {cpu::kLog, std::log}, {cpu::kLog1p, std::log1p},
               {cpu::kTanh, std::tanh}, {cpu::kErf, std::erf},     {cpu::kSin, std::sin}, {cpu::kCos, std::cos},
               {cpu::kRelu, relu},      {cpu::kSqrt, std::sqrt}};
  const int64_t n = std::size(samples);
  for (DType type : {DType::kFloat32, DType::kFloat64}) {
    const Tensor a = m.make(type, {n}), out = m.make(type, {n});
    for (int64_t i = 0; i < n; i++) write(type, a.data + i * int64_t(itemSize(type)), samples[i]);
    for (const auto& c : cases) {
      ops::unary(m.ctx, c.op, out, a);
      m.wait();
      Machine::each(out, [&](const int64_t* i, const char* p) {
        const double x = Machine::value(a, i, 1), got = read(type, p);
        long double expected = c.reference(x);
        if (type == DType::kFloat32)
          expected = static_cast<float>(expected);
        else
          expected = static_cast<double>(expected);
        CHECK(distance(type, got, expected) <= 2, "op %d at %g: %g instead of %Lg", c.op, x, got, expected);
        CHECK(got != 0 || std::signbit(got) == std::signbit(expected) || c.op == cpu::kRelu, "op %d at %g: sign", c.op,
              x);
      });
    }
  }
}

void testBools(Machine& m) {
  const Tensor a = m.make(DType::kFloat32, {5});
  const float values[] = {NAN, INFINITY, -INFINITY, 0, 3};
  std::memcpy(a.data, values, sizeof values);
  const struct {
    int op;
    std::vector<double> expected;
  } cases[] = {{cpu::kIsNan, {1, 0, 0, 0, 0}},
               {cpu::kIsInf, {0, 1, 1, 0, 0}},
               {cpu::kIsFinite, {0, 0, 0, 1, 1}},
               {cpu::kLogicalNot, {0, 0, 0, 1, 0}}};
  for (const auto& c : cases) {
    const Tensor out = m.make(DType::kBool, {5});
    ops::unary(m.ctx, c.op, out, a);
    m.wait();
    CHECK(same(Machine::values(out), c.expected), "op %d", c.op);
  }
}

void testIntegers(Machine& m) {
  for (DType type : {DType::kInt32, DType::kInt64, DType::kUint8}) {
    const Tensor a = m.random(type, {31, 17}, {1, 0}, 1, type == DType::kUint8 ? 0 : -9, 9);
    for (int op :
         {int(cpu::kNeg), int(cpu::kAbs), int(cpu::kSign), int(cpu::kSquare), int(cpu::kRelu), int(cpu::kBitNot)}) {
      const Tensor out = m.make(type, {31, 17});
      ops::unary(m.ctx, op, out, a);
      m.wait();
      Machine::each(out, [&](const int64_t* i, const char* p) {
        const int64_t x = int64_t(Machine::value(a, i, 2));
        const int64_t results[] = {-x, std::abs(x), (x > 0) - (x < 0), x * x, x > 0 ? x : 0, ~x};
        const int64_t expected = type == DType::kUint8 ? uint8_t(results[op]) : results[op];
        CHECK(read(type, p) == double(expected), "op %d of %lld", op, (long long)x);
      });
    }
  }
}

// Strides, broadcasts and tails give the bits of the contiguous call, on any number of threads.
void testLayouts(Isa isa) {
  for (int op = 0; op < cpu::kUnaryOpCount; op++)
    for (DType type : {DType::kFloat32, DType::kFloat64}) {
      if (!kernelTable(isa).unary.run[op][int(type)]) continue;
      const DType outType = op >= cpu::kLogicalNot ? DType::kBool : type;
      std::vector<double> first;
      for (int threads : {1, 2, 3}) {
        Machine m(isa, threads);
        const Tensor a = m.random(type, {67, 3, 331}), plain = m.make(outType, {67, 3, 331});
        Tensor view = a;
        std::swap(view.shape[0], view.shape[2]);
        std::swap(view.strides[0], view.strides[2]);
        const Tensor strided = m.make(outType, {331, 3, 67}, {2, 1, 0}, 2), across = m.make(outType, {331, 3, 67});
        ops::unary(m.ctx, op, plain, a);
        ops::unary(m.ctx, op, strided, view);
        ops::unary(m.ctx, op, across, view);
        m.wait();
        Tensor back = strided, acrossBack = across;
        for (Tensor* t : {&back, &acrossBack}) {
          std::swap(t->shape[0], t->shape[2]);
          std::swap(t->strides[0], t->strides[2]);
        }
        const std::vector<double> values = Machine::values(plain);
        if (first.empty()) first = values;
        CHECK(same(values, first), "op %d, %d threads", op, threads);
        CHECK(same(Machine::values(back), first) && same(Machine::values(acrossBack), first), "op %d strided", op);
      }
    }
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    Machine m(isa, 2);
    testAccuracy(m, isa);
    testSpecial(m);
    testBools(m);
    testIntegers(m);
    testLayouts(isa);
  }
  return finish("unary");
}
