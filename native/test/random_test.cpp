// Philox known answers, distributions, independence of the instruction set and of the number of threads.
#include "ops/random.h"

#include <algorithm>

#include "harness.h"

using namespace nabla;
using namespace nabla::test;

namespace {

constexpr double kSeedLo = 1234567, kSeedHi = 89;

// Random123's kat_vectors for philox4x32-10, as far as a counter of the form (offset, high) reaches the first lane.
void testKnownAnswers(const cpu::RandomKernels& kernels) {
  struct Answer {
    cpu::PhiloxState state;
    uint32_t words[4];
  };
  const Answer answers[] = {
      {{{0, 0}, 0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{{~0u, ~0u}, ~0ull, ~0ull}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{{0xa4093822, 0x299f31d0}, 0x85a308d3243f6a88, 0x0370734413198a2e},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const Answer& answer : answers) {
    uint32_t words[64];
    kernels.words(answer.state, 0, words);
    for (int w = 0; w < 4; w++)
      CHECK(words[16 * w] == answer.words[w], "word %d: %08x, not %08x", w, words[16 * w], answer.words[w]);
    uint32_t later[64];  // the same counters, reached by group instead of offset
    cpu::PhiloxState shifted = answer.state;
    shifted.offset -= 3 * 16;
    kernels.words(shifted, 3, later);
    CHECK(std::memcmp(words, later, sizeof words) == 0, "group");
  }
}

struct Fill {
  const char* name;
  DType dtype;
  void (*run)(Context&, const Tensor&, double);
};

template <int kLo, int kHi>
void integers(Context& ctx, const Tensor& t, double offset) {
  ops::randint(ctx, t, kLo, kHi, kSeedLo, kSeedHi, offset);
}
void bits(Context& ctx, const Tensor& t, double offset) { ops::bernoulli(ctx, t, 0.3, kSeedLo, kSeedHi, offset); }
void uniform(Context& ctx, const Tensor& t, double offset) { ops::uniform(ctx, t, -2, 3, kSeedLo, kSeedHi, offset); }
void normal(Context& ctx, const Tensor& t, double offset) { ops::normal(ctx, t, 1, 2, kSeedLo, kSeedHi, offset); }
void permutation(Context& ctx, const Tensor& t, double offset) { ops::randperm(ctx, t, kSeedLo, kSeedHi, offset); }

const Fill kFills[] = {
    {"uniform", DType::kFloat32, uniform},
    {"uniform", DType::kFloat64, uniform},
    {"normal", DType::kFloat32, normal},
    {"normal", DType::kFloat64, normal},
    {"bernoulli", DType::kFloat32, bits},
    {"bernoulli", DType::kFloat64, bits},
    {"bernoulli", DType::kInt32, bits},
    {"bernoulli", DType::kInt64, bits},
    {"bernoulli", DType::kUint8, bits},
    {"bernoulli", DType::kBool, bits},
    {"randint", DType::kFloat32, integers<-7, 9>},
    {"randint", DType::kFloat64, integers<-7, 9>},
    {"randint", DType::kInt32, integers<-7, 9>},
    {"randint", DType::kInt64, integers<-7, 9>},
    {"randint", DType::kUint8, integers<0, 200>},
    {"randint", DType::kBool, integers<0, 2>},
    {"randperm", DType::kInt64, permutation},
};

std::vector<double> filled(Machine& m, const Fill& fill, int64_t n, double offset) {
  const Tensor t = m.make(fill.dtype, {n});
  fill.run(m.ctx, t, offset);
  m.wait();
  return Machine::values(t);
}

// Same bits on any instruction set and number of threads; a shorter fill is the beginning of a longer one; and an
// offset of 16 counters shifts by one group.
void testReproducible(const std::vector<Isa>& all) {
  for (const Fill& fill : kFills) {
    Machine reference(all[0], 1);
    const std::vector<double> expected = filled(reference, fill, 100003, 1e15);
    for (Isa isa : all) {
      for (int threads : {1, 2, 3}) {
        Machine m(isa, threads);
        CHECK(same(filled(m, fill, 100003, 1e15), expected), "%s dtype %d: %s, %d threads", fill.name,
              static_cast<int>(fill.dtype), isaName(isa), threads);
        if (fill.run == permutation || threads > 1) continue;
        for (size_t n : {0, 1, 31, 33, 63, 64, 65, 1000})
          CHECK(same(filled(m, fill, static_cast<int64_t>(n), 1e15), {expected.begin(), expected.begin() + n}),
                "%s dtype %d: prefix of %zu", fill.name, static_cast<int>(fill.dtype), n);
        const bool wide = !std::strcmp(fill.name, "randint") || (fill.dtype == DType::kFloat64 && fill.run != bits);
        CHECK(same(filled(m, fill, 1000, 1e15 + 16),
                   {expected.begin() + (wide ? 32 : 64), expected.begin() + (wide ? 32 : 64) + 1000}),
              "%s dtype %d: offset", fill.name, static_cast<int>(fill.dtype));
      }
    }
  }
}

struct Moments {
  double mean = 0, variance = 0, skew = 0, kurtosis = 0, lag = 0, low, high;
  explicit Moments(const std::vector<double>& x) {
    const double n = static_cast<double>(x.size());
    low = *std::min_element(x.begin(), x.end());
    high = *std::max_element(x.begin(), x.end());
    for (double v : x) mean += v / n;
    for (double v : x) variance += (v - mean) * (v - mean) / n;
    for (size_t i = 0; i < x.size(); i++) {
      const double z = (x[i] - mean) / std::sqrt(variance);
      skew += z * z * z / n;
      kurtosis += z * z * z * z / n;
      if (i >= 16) lag += z * (x[i - 16] - mean) / std::sqrt(variance) / n;  // the partner of a Box-Muller pair
    }
  }
};

void testDistributions(Machine& m) {
  constexpr int64_t n = 1 << 20;
  const double bound = 5 / std::sqrt(static_cast<double>(n));  // five standard errors of a mean with variance 1
  for (DType type : {DType::kFloat32, DType::kFloat64}) {
    const Moments u(filled(m, {"", type, uniform}, n, 0));
    CHECK(u.low >= -2 && u.low < -1.9999 && u.high < 3 && u.high > 2.9999, "uniform range %g %g", u.low, u.high);
    CHECK(std::fabs(u.mean - 0.5) < 1.45 * bound, "uniform mean %g", u.mean);
    CHECK(std::fabs(u.variance - 25.0 / 12) < 2 * bound, "uniform variance %g", u.variance);
    const Moments g(filled(m, {"", type, normal}, n, 0));
    CHECK(std::fabs(g.mean - 1) < 2 * bound, "normal mean %g", g.mean);
    CHECK(std::fabs(g.variance - 4) < 4 * 1.5 * bound, "normal variance %g", g.variance);
    CHECK(std::fabs(g.skew) < 2.5 * bound && std::fabs(g.kurtosis - 3) < 5 * bound, "normal %g %g", g.skew, g.kurtosis);
    CHECK(std::fabs(g.lag) < bound, "normal lag %g", g.lag);
    CHECK(g.high > 1 + 2 * 4.2 && g.low < 1 - 2 * 4.2, "normal tails %g %g", g.low, g.high);
  }
  const std::vector<double> integer = filled(m, {"", DType::kInt64, integers<-7, 9>}, n, 0);
  std::vector<double> counts(16);
  for (double v : integer) {
    CHECK(v >= -7 && v < 9, "randint %g", v);
    counts[static_cast<size_t>(v + 7)]++;
  }
  for (double c : counts) CHECK(std::fabs(c / n - 1.0 / 16) < 0.25 * bound, "randint share %g", c / n);
  const Moments b(filled(m, {"", DType::kUint8, bits}, n, 0));
  CHECK(std::fabs(b.mean - 0.3) < 0.46 * bound && b.low == 0 && b.high == 1, "bernoulli %g", b.mean);
}

// Box-Muller done by libm from the same words.
void testNormalAccuracy(Machine& m) {
  const std::vector<double> single = filled(m, {"", DType::kFloat32, normal}, 64, 7);
  const std::vector<double> twice = filled(m, {"", DType::kFloat64, normal}, 32, 7);
  uint32_t w[4][16];
  m.ctx.kernels.random.words({{static_cast<uint32_t>(kSeedLo), static_cast<uint32_t>(kSeedHi)}, 7, 0}, 0, w[0]);
  const double pi = std::acos(-1.0);
  for (int i = 0; i < 16; i++) {
    for (int pair = 0; pair < 4; pair += 2) {
      const double u = ((w[pair][i] >> 1) + 0.5) / 0x1p31, r = std::sqrt(-2 * std::log(u));
      const double angle =
          (w[pair + 1][i] >> 30) * pi / 2 + static_cast<int32_t>(w[pair + 1][i] << 2) * pi / 4 / 0x1p31;
      CHECK(near(single[16 * pair + i], 1 + 2 * r * std::cos(angle), 1e-6, 1e-6), "cosine");
      CHECK(near(single[16 * pair + 16 + i], 1 + 2 * r * std::sin(angle), 1e-6, 1e-6), "sine");
    }
    const double u = ((w[1][i] >> 5) * 0x1p26 + (w[0][i] >> 6) + 0.5) / 0x1p53, r = std::sqrt(-2 * std::log(u));
    const double rest = static_cast<int32_t>(w[3][i] << 2) + (w[2][i] >> 1) * 0x1p-29;
    const double angle = (w[3][i] >> 30) * pi / 2 + rest * pi / 4 / 0x1p31;
    CHECK(near(twice[i], 1 + 2 * r * std::cos(angle), 4e-15, 4e-15), "double cosine");
    CHECK(near(twice[16 + i], 1 + 2 * r * std::sin(angle), 4e-15, 4e-15), "double sine");
  }
}

void testEdges(Machine& m) {
  const Tensor x = m.random(DType::kFloat32, {1000}), y = m.make(DType::kFloat32, {1000});
  const auto all = [&](double value) {
    m.wait();
    bool result = true;
    Machine::each(y, [&](const int64_t*, const char* p) { result = result && read(DType::kFloat32, p) == value; });
    return result;
  };
  ops::bernoulli(m.ctx, y, 1, 1, 2, 3);
  CHECK(all(1), "p = 1");
  ops::bernoulli(m.ctx, y, 0, 1, 2, 3);
  CHECK(all(0), "p = 0");
  ops::uniform(m.ctx, y, 4, 4, 1, 2, 3);
  CHECK(all(4), "empty range");
  ops::uniform(m.ctx, y, 16777216, 16777218, 1, 2, 3);  // rounding would give the bound half the time
  CHECK(all(16777216), "bound");
  ops::randint(m.ctx, y, 5, 6, 1, 2, 3);
  CHECK(all(5), "one value");
  ops::dropout(m.ctx, y, x, 1, 1, 2, 3);
  CHECK(all(0), "dropout p = 1");
  ops::dropout(m.ctx, y, x, 0, 1, 2, 3);
  m.wait();
  CHECK(same(Machine::values(x), Machine::values(y)), "dropout p = 0");
  const Tensor wide = m.make(DType::kInt64, {1000});
  ops::randint(m.ctx, wide, -0x1p52, 0x1p52, 1, 2, 3);
  m.wait();
  const Moments moments(Machine::values(wide));
  CHECK(moments.low < -0x1.f8p51 && moments.high > 0x1.f8p51 && moments.high < 0x1p52, "range of 2^53");
}

// The mask is the one of bernoulli(1 - p), also in part of a memory order other than the shape's.
void testDropout(Machine& m, DType type) {
  for (int64_t channels : {1, 7, 700}) {
    const std::vector<int64_t> shape = {3, channels, 5, 11};
    const Tensor x = m.random(type, shape, {0, 2, 3, 1}), y = m.make(type, shape, {0, 2, 3, 1});
    const Tensor mask = m.make(type, shape, {0, 2, 3, 1});
    ops::dropout(m.ctx, y, x, 0.25, kSeedLo, kSeedHi, 99);
    ops::bernoulli(m.ctx, mask, 0.75, kSeedLo, kSeedHi, 99);
    m.wait();
    Machine::each(y, [&](const int64_t* at, const char* p) {
      const double expected = Machine::value(x, at, 4) * Machine::value(mask, at, 4) / 0.75;
      CHECK(near(read(type, p), expected, type == DType::kFloat32 ? 1.2e-7 : 2.3e-16), "dropout");
    });
  }
}

void testPermutation(Machine& m) {
  for (int64_t n : {0, 1, 2, 3, 33, 5000}) {
    std::vector<double> p = filled(m, {"", DType::kInt64, permutation}, n, 5);
    const bool moved = !std::is_sorted(p.begin(), p.end());
    CHECK(n < 33 || moved, "shuffled");
    std::sort(p.begin(), p.end());
    for (int64_t i = 0; i < n; i++) CHECK(p[i] == static_cast<double>(i), "permutation");
  }
  std::vector<double> counts(6);  // all orders of three equally often
  for (int i = 0; i < 6000; i++) {
    const std::vector<double> p = filled(m, {"", DType::kInt64, permutation}, 3, 16.0 * i);
    counts[static_cast<size_t>(p[0] * 2 + (p[1] > p[2]))]++;
  }
  for (double c : counts) CHECK(std::fabs(c - 1000) < 5 * 29, "order seen %g times", c);
}

}  // namespace

int main() {
  const std::vector<Isa> all = isas();
  testReproducible(all);
  for (Isa isa : all) {
    Machine m(isa, 2);
    testKnownAnswers(m.ctx.kernels.random);
    testDistributions(m);
    testNormalAccuracy(m);
    testEdges(m);
    testDropout(m, DType::kFloat32);
    testDropout(m, DType::kFloat64);
    testPermutation(m);
  }
  return finish("random");
}
