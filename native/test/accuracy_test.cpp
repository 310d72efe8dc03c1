// Errors of the elementary functions in units in the last place (ulp), on every instruction set: float at every 997th
// bit pattern, double at spread bit patterns and within a range of its own. docs/accuracy.md has the table.
//   accuracy_test --table        prints it
//   accuracy_test --full NAME    all 2^32 floats, on the best instruction set
#include <cfloat>
#include <cstdlib>
#include <string>

#include "harness.h"
#include "kernels/cpu/special.h"
#include "kernels/cpu/unary.h"
#include "ops/elementwise.h"
#include "ops/unary.h"

using namespace nabla;
using namespace nabla::test;

namespace {

#if LDBL_MANT_DIG == 64
constexpr uint64_t kStep = 997;
#else
constexpr uint64_t kStep = 99991;  // long double in software
#endif
constexpr int64_t kBlock = 1 << 18;

struct Function {
  int op;
  const char* name;
  double (*single)(double);          // the reference for float
  long double (*wide)(long double);  // the reference for double
  double low, high;                  // a range for double
  double ulps[2];                    // allowed for float and double
};

template <class T>
T sigmoid(T x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
template <class T>
T softplus(T x) {
  return std::max(x, T(0)) + std::log1p(std::exp(-std::fabs(x)));
}

#define ROW(op, f) op, #f, std::f, std::f
const Function kFunctions[] = {
    {ROW(cpu::kExp, exp), -700, 700, {1.5, 1.5}},
    {ROW(cpu::kExp2, exp2), -1000, 1000, {1.5, 1.5}},
    {ROW(cpu::kExpm1, expm1), -40, 40, {2, 2}},
    {ROW(cpu::kLog, log), 0, 10, {1.5, 1.5}},
    {ROW(cpu::kLog2, log2), 0, 10, {2, 2}},
    {ROW(cpu::kLog10, log10), 0, 10, {2, 2}},
    {ROW(cpu::kLog1p, log1p), -1, 10, {2, 2}},
    {cpu::kSigmoid, "sigmoid", sigmoid<double>, sigmoid<long double>, -700, 40, {2, 2}},
    {cpu::kSoftplus, "softplus", softplus<double>, softplus<long double>, -700, 40, {2.5, 2.5}},
    {ROW(cpu::kTanh, tanh), -20, 20, {2, 2}},
    {ROW(cpu::kErf, erf), -6, 6, {2, 2}},
    {ROW(cpu::kErfc, erfc), -6, 26, {2, 5.5}},
    {ROW(cpu::kSin, sin), -1000, 1000, {1.5, 1.5}},
    {ROW(cpu::kCos, cos), -1000, 1000, {1.5, 1.5}},
    {ROW(cpu::kTan, tan), -1000, 1000, {1.5, 1.5}},
    {ROW(cpu::kAsin, asin), -1, 1, {1.5, 1.5}},
    {ROW(cpu::kAcos, acos), -1, 1, {1.5, 1.5}},
    {ROW(cpu::kAtan, atan), -10, 10, {1.5, 1.5}},
    {ROW(cpu::kSinh, sinh), -700, 700, {2.5, 2.5}},
    {ROW(cpu::kCosh, cosh), -700, 700, {2.5, 2.5}},
    {ROW(cpu::kAsinh, asinh), -10, 10, {2.5, 2.5}},
    {ROW(cpu::kAcosh, acosh), 1, 10, {2.5, 2.5}},
    {ROW(cpu::kAtanh, atanh), -1, 1, {2.5, 2.5}},
    {cpu::kLgamma, "lgamma", std::lgamma, std::lgamma, 2.5, 1e4, {1, 4}},
};
#undef ROW

// In units in the last place at the expected value; infinite where one is NaN, infinite or of the other sign alone.
template <class T>
double distance(T got, long double expected) {
  constexpr bool kSingle = sizeof(T) == 4;
  const T rounded = static_cast<T>(expected);
  if (std::isnan(rounded) || std::isinf(rounded) || std::isnan(got) || std::isinf(got))
    return std::isnan(rounded) ? (std::isnan(got) ? 0 : INFINITY) : got == rounded ? 0 : INFINITY;
  if (rounded == 0 && got == 0) return std::signbit(rounded) == std::signbit(got) ? 0 : INFINITY;
  int exponent;
  std::frexp(expected, &exponent);
  const int digits = kSingle ? 24 : 53, lowest = kSingle ? -125 : -1021;
  return static_cast<double>(std::fabs(static_cast<long double>(got) - expected) /
                             std::ldexp(1.0L, std::max(exponent, lowest) - digits));
}

struct Worst {
  double ulps = 0, at = 0;
  void see(double d, double x) {
    if (!(d <= ulps)) ulps = d, at = x;
  }
};

template <class T>
constexpr DType kType = sizeof(T) == 4 ? DType::kFloat32 : DType::kFloat64;

// One block of inputs on one instruction set, against the references made before.
template <class T, class R>
void check(Machine& m, const Function& f, const Tensor& in, const Tensor& out, const std::vector<R>& expected,
           int64_t n, Worst* worst) {
  ops::unary(m.ctx, f.op, out, in);
  m.wait();
  for (int64_t i = 0; i < n; i++)
    worst->see(distance(out.ptr<T>()[i], expected[static_cast<size_t>(i)]), static_cast<double>(in.ptr<T>()[i]));
}

// `fill(i)` gives input i; the references are shared by all machines.
template <class T, class R, class Fill>
void scan(std::vector<Machine*> machines, const Function& f, R (*reference)(R), int64_t count, Fill fill,
          std::vector<Worst>* worst) {
  std::vector<R> expected(kBlock);
  Machine& first = *machines[0];
  const Tensor in = first.make(kType<T>, {kBlock}), out = first.make(kType<T>, {kBlock});
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t n = std::min(kBlock, count - begin);
    for (int64_t i = 0; i < n; i++) {
      in.ptr<T>()[i] = fill(begin + i);
      expected[static_cast<size_t>(i)] = reference(static_cast<R>(in.ptr<T>()[i]));
    }
    for (size_t k = 0; k < machines.size(); k++) check<T, R>(*machines[k], f, in, out, expected, n, &(*worst)[k]);
  }
}

template <class T, class Bits>
T fromBits(uint64_t bits) {
  const Bits narrow = static_cast<Bits>(bits);
  T x;
  std::memcpy(&x, &narrow, sizeof x);
  return x;
}

void report(const std::vector<Isa>& sets, const Function& f, const std::vector<Worst>& worst, bool isDouble,
            bool table) {
  if (table) std::printf("%-9s %-7s", f.name, isDouble ? "double" : "float");
  for (size_t k = 0; k < sets.size(); k++) {
    CHECK(worst[k].ulps <= f.ulps[isDouble], "%s %s %s: %.2f ulp at %.17g", isaName(sets[k]), f.name,
          isDouble ? "double" : "float", worst[k].ulps, worst[k].at);
    if (table) std::printf("  %s %.2f (%.9g)", isaName(sets[k]), worst[k].ulps, worst[k].at);
  }
  if (table) std::printf("\n");
}

void testUnary(const std::vector<Isa>& sets, std::vector<Machine*> machines, bool table) {
  for (const Function& f : kFunctions) {
    std::vector<Worst> worst(machines.size());
    scan<float, double>(
        machines, f, f.single, static_cast<int64_t>((uint64_t{1} << 32) / kStep),
        [](int64_t i) { return fromBits<float, uint32_t>(static_cast<uint64_t>(i) * kStep); }, &worst);
    report(sets, f, worst, false, table);
    std::vector<Worst> wide(machines.size());
    const int64_t count = kStep == 997 ? 200000 : 2000;
    if (f.op != cpu::kLgamma)
      scan<double, long double>(
          machines, f, f.wide, count,
          [&](int64_t i) {
            const uint64_t step = ~uint64_t{0} / static_cast<uint64_t>(count);
            return fromBits<double, uint64_t>(static_cast<uint64_t>(i) * step);
          },
          &wide);
    scan<double, long double>(
        machines, f, f.wide, count,
        [&](int64_t i) {
          return f.low + (f.high - f.low) * (static_cast<double>(i) + 0.5) / static_cast<double>(count);
        },
        &wide);
    report(sets, f, wide, true, table);
  }
}

// Pairs of floats over all exponents, and near 1 with large exponents.
void testPow(Machine& m, Isa isa, bool table) {
  Worst worst;
  const Tensor a = m.make(DType::kFloat32, {kBlock}), b = m.make(DType::kFloat32, {kBlock}),
               out = m.make(DType::kFloat32, {kBlock});
  for (int round = 0; round < (kStep == 997 ? 8 : 1); round++) {
    for (int64_t i = 0; i < kBlock; i++) {
      const uint64_t bits = m.generator();
      float x = fromBits<float, uint32_t>(bits), y = fromBits<float, uint32_t>(bits >> 32);
      if (round % 4 == 1) x = 1 + std::ldexp(static_cast<float>(static_cast<int32_t>(bits)), -36);
      if (round % 4 == 2) x = std::fabs(x), y = std::ldexp(static_cast<float>(static_cast<int32_t>(bits >> 32)), -28);
      if (round % 4 == 3) y = static_cast<float>(static_cast<int64_t>(bits >> 60) - 8);
      a.ptr<float>()[i] = x;
      b.ptr<float>()[i] = y;
    }
    ops::binary(m.ctx, cpu::kPow, out, a, b);
    m.wait();
    for (int64_t i = 0; i < kBlock; i++) {
      const double x = a.ptr<float>()[i], y = b.ptr<float>()[i];
      worst.see(distance(out.ptr<float>()[i], static_cast<long double>(std::pow(x, y))), x);
    }
  }
  CHECK(worst.ulps <= 1, "%s pow float: %.2f ulp at %.9g", isaName(isa), worst.ulps, worst.at);
  if (table) std::printf("pow       float    %s %.2f (%.9g)\n", isaName(isa), worst.ulps, worst.at);
}

// Pairs of floats over all exponents, all pairs of special values, and quotients near 1.
void testAtan2(Machine& m, Isa isa, bool table) {
  const float kSpecial[] = {0.0f, -0.0f, 1.0f, -1.0f, 1e-45f, -1e-45f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN};
  constexpr int64_t kSpecials = 11;
  Worst worst;
  const Tensor y = m.make(DType::kFloat32, {kBlock}), x = m.make(DType::kFloat32, {kBlock}),
               out = m.make(DType::kFloat32, {kBlock});
  for (int round = 0; round < 2; round++) {
    for (int64_t i = 0; i < kBlock; i++) {
      const uint64_t bits = m.generator();
      float a = fromBits<float, uint32_t>(bits), b = fromBits<float, uint32_t>(bits >> 32);
      if (round == 1) b = a * (1 + std::ldexp(static_cast<float>(static_cast<int32_t>(bits >> 32)), -32));
      if (i < kSpecials * kSpecials) a = kSpecial[i / kSpecials], b = kSpecial[i % kSpecials];
      y.ptr<float>()[i] = a;
      x.ptr<float>()[i] = b;
    }
    ops::binary(m.ctx, cpu::kAtan2, out, y, x);
    m.wait();
    for (int64_t i = 0; i < kBlock; i++) {
      const double a = y.ptr<float>()[i], b = x.ptr<float>()[i];
      worst.see(distance(out.ptr<float>()[i], static_cast<long double>(std::atan2(a, b))), a);
    }
  }
  CHECK(worst.ulps <= 2, "%s atan2 float: %.2f ulp at %.9g", isaName(isa), worst.ulps, worst.at);
  if (table) std::printf("atan2     float    %s %.2f (%.9g)\n", isaName(isa), worst.ulps, worst.at);
}

int full(const std::string& name) {
  Machine m(isas().back(), 2);
  for (const Function& f : kFunctions) {
    if (name != f.name) continue;
    std::vector<Worst> worst(1);
    scan<float, double>(
        {&m}, f, f.single, int64_t{1} << 32,
        [](int64_t i) { return fromBits<float, uint32_t>(static_cast<uint64_t>(i)); }, &worst);
    std::printf("%s: all floats, %s: %.3f ulp at %.9g\n", f.name, isaName(isas().back()), worst[0].ulps, worst[0].at);
    return worst[0].ulps <= f.ulps[0] ? 0 : 1;
  }
  std::printf("no function %s\n", name.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 && std::string(argv[1]) == "--full") return full(argv[2]);
  const bool table = argc > 1 && std::string(argv[1]) == "--table";
  const std::vector<Isa> sets = isas();
  std::vector<Machine*> machines;
  for (Isa isa : sets) machines.push_back(new Machine(isa, 2));
  testUnary(sets, machines, table);
  for (size_t k = 0; k < sets.size(); k++) {
    testPow(*machines[k], sets[k], table);
    testAtan2(*machines[k], sets[k], table);
  }
  for (Machine* m : machines) delete m;
  return finish("accuracy");
}
