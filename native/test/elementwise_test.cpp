// copy, fill, arange, binary, where, clamp against plain loops in double.
#include "kernels/cpu/elementwise.h"
#include <numeric>

#include "harness.h"
#include "ops/copy.h"
#include "ops/elementwise.h"
#include "ops/unary.h"

using namespace nabla;
using namespace nabla::test;

namespace {

constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64,
                            DType::kUint8,   DType::kBool,    DType::kInt8};
// What moves and converts: the types above and those that are only stored.
constexpr DType kStored[] = {DType::kFloat32, DType::kFloat64, DType::kInt32,    DType::kInt64,  DType::kUint8,
                             DType::kBool,    DType::kInt8,    DType::kBfloat16, DType::kFloat16};

struct Layout {
  std::vector<int64_t> shape;
  std::vector<int> outOrder, aOrder;
  int64_t outGap, aGap;
};

const Layout kLayouts[] = {
    {{}, {}, {}, 1, 1},
    {{0, 3}, {}, {}, 1, 1},
    {{1}, {}, {}, 1, 1},
    {{100003}, {}, {}, 1, 1},
    {{7, 13}, {0, 1}, {1, 0}, 1, 1},
    {{131, 257}, {0, 1}, {1, 0}, 1, 1},
    {{257, 131}, {1, 0}, {0, 1}, 1, 2},
    {{3, 5, 17, 19}, {0, 2, 3, 1}, {0, 1, 2, 3}, 1, 1},
    {{3, 16, 28, 28}, {0, 1, 2, 3}, {0, 2, 3, 1}, 1, 1},
    {{2, 1, 65, 3}, {3, 2, 1, 0}, {1, 0, 3, 2}, 3, 1},
    {{40, 3, 900}, {2, 0, 1}, {1, 2, 0}, 1, 1},
    {{2, 3, 1, 4, 2, 2}, {5, 3, 1, 0, 2, 4}, {0, 1, 2, 3, 4, 5}, 1, 2},
};

double converted(DType to, double x) {
  if (to == DType::kBool) return x != 0;
  if (to == DType::kFloat32) return static_cast<float>(x);
  if (to == DType::kUint8) return static_cast<uint8_t>(static_cast<int64_t>(x));
  if (to == DType::kInt8) return static_cast<int8_t>(static_cast<int64_t>(x));
  if (to == DType::kBfloat16) return Bfloat16Format::decode(Bfloat16Format::encode(static_cast<float>(x)));
  if (to == DType::kFloat16) return Float16Format::decode(Float16Format::encode(static_cast<float>(x)));
  return isFloating(to) ? x : std::trunc(x);
}

void testCopy(Machine& m) {
  for (const Layout& layout : kLayouts)
    for (DType to : kStored)
      for (DType from : kStored) {
        const bool positive = from == DType::kUint8 || from == DType::kBool;
        const Tensor a = m.random(from, layout.shape, layout.aOrder, layout.aGap, positive ? 0 : -9, 9);
        const Tensor out = m.make(to, layout.shape, layout.outOrder, layout.outGap);
        ops::copy(m.ctx, out, a);
        m.wait();
        int64_t wrong = 0;
        Machine::each(out, [&](const int64_t* i, const char* p) {
          wrong += read(to, p) != converted(to, Machine::value(a, i, out.ndim));
        });
        CHECK(wrong == 0, "copy %d -> %d, %d dims: %lld wrong", int(from), int(to), out.ndim, (long long)wrong);
      }
  const Tensor nan = m.make(DType::kFloat32, {3});
  nan.ptr<float>()[0] = NAN;
  nan.ptr<float>()[1] = -1.5f;
  const Tensor flags = m.make(DType::kBool, {3}), bytes = m.make(DType::kUint8, {3});
  ops::copy(m.ctx, flags, nan);
  nan.ptr<float>()[0] = 3.9f;
  m.wait();
  ops::copy(m.ctx, bytes, nan);
  m.wait();
  CHECK(same(Machine::values(bytes), {3, 255, 0}), "float to uint8");
}

// The last axis backwards, as flip reads it.
void testReversedCopy(Machine& m) {
  for (DType type : kStored)
    for (int64_t n : {1, 15, 64, 1003}) {
      const Tensor a = m.random(type, {3, n}, {}, 1, 0, 9), out = m.make(type, {3, n});
      Tensor backwards = a;
      backwards.data += (n - 1) * static_cast<int64_t>(itemSize(type));
      backwards.strides[1] = -1;
      ops::copy(m.ctx, out, backwards);
      m.wait();
      int64_t wrong = 0;
      Machine::each(out, [&](const int64_t* i, const char* p) {
        const int64_t from[] = {i[0], n - 1 - i[1]};
        wrong += read(type, p) != Machine::value(a, from, 2);
      });
      CHECK(wrong == 0, "reversed copy, type %d: %lld of %lld wrong", int(type), (long long)wrong, (long long)n);
    }
}

void testBroadcastCopy(Machine& m) {
  for (DType type : kStored) {
    const Tensor a = m.random(type, {5, 1, 7}, {}, 1, 0, 9), out = m.make(type, {3, 5, 11, 7}, {1, 0, 2, 3});
    ops::copy(m.ctx, out, a);
    const Tensor full = m.make(type, {5, 9}, {1, 0}, 2);
    ops::fill(m.ctx, full, 3.7);
    const Tensor range = m.make(type, {70001}, {}, 2);
    ops::arange(m.ctx, range, 1, 0.5);
    m.wait();
    Machine::each(out, [&](const int64_t* i, const char* p) {
      CHECK(read(type, p) == Machine::value(a, i, 4), "broadcast copy");
    });
    Machine::each(full, [&](const int64_t*, const char* p) { CHECK(read(type, p) == converted(type, 3.7), "fill"); });
    int64_t wrong = 0;
    Machine::each(range,
                  [&](const int64_t* i, const char* p) { wrong += read(type, p) != converted(type, 1 + 0.5 * i[0]); });
    CHECK(wrong == 0, "arange, type %d", int(type));
  }
}

double floorDivide(double a, double b) { return std::floor(a / b); }
double remainderOf(double a, double b) {
  const double r = std::fmod(a, b);
  return r != 0 && ((r < 0) != (b < 0)) ? r + b : r;
}

double reference(int op, double a, double b) {
  switch (op) {
    case cpu::kAdd:
      return a + b;
    case cpu::kSub:
      return a - b;
    case cpu::kMul:
      return a * b;
    case cpu::kDiv:
      return a / b;
    case cpu::kPow:
      return std::pow(a, b);
    case cpu::kMaximum:
      return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b);
    case cpu::kMinimum:
      return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b);
    case cpu::kBitAnd:
      return static_cast<double>(int64_t(a) & int64_t(b));
    case cpu::kBitOr:
      return static_cast<double>(int64_t(a) | int64_t(b));
    case cpu::kBitXor:
      return static_cast<double>(int64_t(a) ^ int64_t(b));
    case cpu::kReluGrad:
      return b <= 0 ? 0 : a;
    case cpu::kSigmoidGrad:
      return a * b * (1 - b);
    case cpu::kTanhGrad:
      return a * (1 - b * b);
    case cpu::kFloorDiv:
      return floorDivide(a, b);
    case cpu::kTruncDiv:
      return std::trunc(a / b);
    case cpu::kRemainder:
      return remainderOf(a, b);
    case cpu::kFmod:
      return std::fmod(a, b);
    case cpu::kAtan2:
      return std::atan2(a, b);
    case cpu::kFmax:
      return std::fmax(a, b);
    case cpu::kFmin:
      return std::fmin(a, b);
    case cpu::kCopysign:
      return std::copysign(a, b);
    case cpu::kHeaviside:
      return a == 0 ? b : a > 0;
    case cpu::kShiftLeft:
      return b < 0 ? 0 : a * std::exp2(b);
    case cpu::kShiftRight:
      return b < 0 ? -(a < 0) : std::floor(a / std::exp2(b));
    case cpu::kGcd:
      return static_cast<double>(std::gcd(int64_t(a), int64_t(b)));
    case cpu::kLcm:
      return static_cast<double>(std::lcm(int64_t(a), int64_t(b)));
    case cpu::kEq:
      return a == b;
    case cpu::kNe:
      return a != b;
    case cpu::kLt:
      return a < b;
    case cpu::kLe:
      return a <= b;
    case cpu::kGt:
      return a > b;
    default:
      return a >= b;
  }
}

bool defined(const Machine& m, int op, DType type) { return m.ctx.kernels.elementwise.binary[op][int(type)]; }
bool divides(int op) { return op >= cpu::kFloorDiv && op <= cpu::kFmod; }

// Values an op is defined on: no zero divisors for integers, no negative exponents or results for bytes.
Tensor operand(Machine& m, int op, DType type, bool second, std::vector<int64_t> shape, std::vector<int> order) {
  const bool bytes = type == DType::kUint8 || type == DType::kBool;
  double low = bytes ? (second && divides(op) ? 1 : 0) : -4, high = type == DType::kBool ? 1 : bytes ? 5 : 4;
  if (op == cpu::kPow) low = 0, high = 3;
  if (op == cpu::kSub && bytes) low = second ? 0 : 5, high = second ? 5 : 9;
  if (second && divides(op) && !isFloating(type)) low = 1, high = 3;
  const Tensor t = m.random(type, shape, order, 1, low, high);
  if (isFloating(type) && t.numel() > 3) write(type, t.data + (second ? 1 : 0) * int64_t(itemSize(type)), NAN);
  return t;
}

void checkBinary(Machine& m, int op, DType type, std::vector<int64_t> shape, std::vector<int64_t> aShape,
                 std::vector<int64_t> bShape, std::vector<int> aOrder) {
  const Tensor a = operand(m, op, type, false, aShape, aOrder), b = operand(m, op, type, true, bShape, {});
  const DType outType = op >= cpu::kEq ? DType::kBool : type;
  const Tensor out = m.make(outType, shape);
  ops::binary(m.ctx, op, out, a, b);
  m.wait();
  const double tolerance = type == DType::kFloat32 ? 2e-6 : 1e-14;
  int64_t wrong = 0;
  Machine::each(out, [&](const int64_t* i, const char* p) {
    const double x = Machine::value(a, i, out.ndim), y = Machine::value(b, i, out.ndim);
    double expected = reference(op, x, y);
    if (type == DType::kBool && op == cpu::kAdd) expected = expected != 0;
    wrong += !near(read(outType, p), expected, isFloating(type) ? tolerance : 0, isFloating(type) ? tolerance : 0);
  });
  CHECK(wrong == 0, "op %d type %d, %d dims: %lld wrong", op, int(type), out.ndim, (long long)wrong);
}

void testBinary(Machine& m) {
  for (int op = 0; op < cpu::kBinaryOpCount; op++)
    for (DType type : kTypes) {
      if (!defined(m, op, type)) continue;
      checkBinary(m, op, type, {}, {}, {}, {});
      checkBinary(m, op, type, {0}, {0}, {1}, {});
      checkBinary(m, op, type, {1031}, {1031}, {1031}, {});
      checkBinary(m, op, type, {33, 47}, {33, 47}, {47}, {1, 0});
      checkBinary(m, op, type, {5, 3, 9, 7}, {5, 3, 9, 7}, {3, 1, 1}, {0, 2, 3, 1});
      checkBinary(m, op, type, {6, 5, 4}, {1, 5, 1}, {6, 1, 4}, {});
      checkBinary(m, op, type, {300, 200}, {300, 200}, {300, 200}, {});
    }
}

void testScalar(Machine& m) {
  for (int op = 0; op < cpu::kBinaryOpCount; op++)
    for (DType type : kTypes)
      for (bool reversed : {false, true}) {
        if (!defined(m, op, type)) continue;
        const Tensor a = operand(m, op, type, true, {41, 23}, {1, 0});
        const DType outType = op >= cpu::kEq ? DType::kBool : type;
        const Tensor out = m.make(outType, {41, 23}, {1, 0});
        const double scalar = type == DType::kBool ? 1 : op == cpu::kSub && type == DType::kUint8 && reversed ? 9 : 2;
        if (op == cpu::kSub && type == DType::kUint8 && !reversed) continue;  // wraps; `reference` does not
        ops::binaryScalar(m.ctx, op, out, a, scalar, reversed);
        m.wait();
        Machine::each(out, [&](const int64_t* i, const char* p) {
          const double x = Machine::value(a, i, 2);
          double expected = reversed ? reference(op, scalar, x) : reference(op, x, scalar);
          if (type == DType::kBool && op == cpu::kAdd) expected = expected != 0;
          CHECK(near(read(outType, p), expected, 2e-6, 2e-6), "op %d type %d scalar: %g", op, int(type), x);
        });
      }
}

void testIntegerDivision(Machine& m) {
  for (int op : {int(cpu::kFloorDiv), int(cpu::kTruncDiv), int(cpu::kRemainder), int(cpu::kFmod)}) {
    const Tensor a = m.random(DType::kInt32, {2, 5}, {}, 1, -50, 50), b = m.make(DType::kInt32, {5});
    ops::fill(m.ctx, b, -7);
    const Tensor out = m.make(DType::kInt32, {2, 5});
    ops::binary(m.ctx, op, out, a, b);
    m.wait();
    Machine::each(out, [&](const int64_t* i, const char* p) {
      CHECK(read(DType::kInt32, p) == reference(op, Machine::value(a, i, 2), -7), "op %d of %g by -7", op,
            Machine::value(a, i, 2));
    });
    b.ptr<int32_t>()[3] = 0;
    ops::binary(m.ctx, op, out, a, b);
    m.wait();
    const auto error = Stream::errorOf(out);
    CHECK(error && error->message == "integer division by zero", "op %d", op);
  }
}

// Every pair of awkward values against the C library in double.
void testPow(Machine& m) {
  const double values[] = {0.0,   -0.0,   1,    -1,     2,        -2,        3,        -3,       0.5,
                           -0.5,  1.5,    -1.5, 1e-3,   1e30,     -1e30,     16777216, 16777217, 33554433,
                           1e-40, -1e-40, 127,  -149.5, INFINITY, -INFINITY, NAN};
  const int64_t n = std::size(values);
  const Tensor a = m.make(DType::kFloat32, {n, 1}), b = m.make(DType::kFloat32, {n}),
               out = m.make(DType::kFloat32, {n, n});
  for (int64_t i = 0; i < n; i++) a.ptr<float>()[i] = b.ptr<float>()[i] = static_cast<float>(values[i]);
  ops::binary(m.ctx, cpu::kPow, out, a, b);
  m.wait();
  Machine::each(out, [&](const int64_t* i, const char* p) {
    const float x = a.ptr<float>()[i[0]], y = b.ptr<float>()[i[1]], got = *reinterpret_cast<const float*>(p);
    const float expected = static_cast<float>(std::pow(double(x), double(y)));
    CHECK(near(got, expected, 1.2e-7, 1.5e-45), "pow(%g, %g) = %g instead of %g", x, y, got, expected);
    CHECK(std::isnan(got) || std::signbit(got) == std::signbit(expected), "sign of pow(%g, %g)", x, y);
  });
}

// All strides and dtypes of lerp, addcmul and addcdiv; the third operand also as a number.
void testTernary(Machine& m) {
  for (int op = 0; op < cpu::kTernaryOpCount; op++)
    for (DType type : kTypes) {
      if (!m.ctx.kernels.elementwise.ternary[op][int(type)]) continue;
      const double low = isFloating(type) ? 0.5 : 1;
      const Tensor a = m.random(type, {33, 5, 47}, {2, 0, 1}, 1, low, 4), b = m.random(type, {5, 1}, {}, 1, low, 4),
                   c = m.random(type, {33, 5, 47}, {}, 1, low, 4), out = m.make(type, {33, 5, 47}),
                   plain = m.random(type, {33, 5, 47}, {}, 1, low, 4), number = m.make(type, {33, 5, 47});
      ops::ternary(m.ctx, op, out, a, b, c, 2);
      ops::ternaryScalar(m.ctx, op, number, plain, c, 3);
      m.wait();
      const auto expected = [&](double x, double y, double z, double value) {
        return op == cpu::kLerp ? x + z * (y - x) : op == cpu::kAddcmul ? x + value * y * z : x + value * y / z;
      };
      Machine::each(out, [&](const int64_t* i, const char* p) {
        const double x = Machine::value(a, i, 3), y = Machine::value(b, i, 3), z = Machine::value(c, i, 3);
        CHECK(near(read(type, p), expected(x, y, z, 2), 2e-6, 2e-6), "ternary %d type %d", op, int(type));
        const double first = Machine::value(plain, i, 3), got = Machine::value(number, i, 3);
        CHECK(near(got, expected(first, z, 3, 1), 2e-6, 2e-6), "ternary %d type %d, a number", op, int(type));
      });
    }
}

void testInPlace(Machine& m) {
  const Tensor a = m.random(DType::kFloat32, {1000, 37}), b = m.random(DType::kFloat32, {37});
  const std::vector<double> before = Machine::values(a);
  ops::binary(m.ctx, cpu::kAdd, a, a, b);
  m.wait();
  const std::vector<double> after = Machine::values(a);
  for (size_t i = 0; i < before.size(); i++)
    CHECK(after[i] == static_cast<float>(before[i] + b.ptr<float>()[i % 37]), "in place at %zu", i);
}

void testWhereAndClamp(Machine& m) {
  for (DType type : kStored) {
    const Tensor c = m.random(DType::kBool, {9, 50, 21}, {1, 0, 2}, 1, 0, 1);
    const Tensor a = m.random(type, {9, 50, 21}, {}, 1, 0, 9);
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{9, 50, 21}, {}, {50, 1}}) {
      const Tensor b = m.random(type, shape, {}, 1, 0, 9), out = m.make(type, {9, 50, 21});
      ops::where(m.ctx, out, c, a, b);
      m.wait();
      Machine::each(out, [&](const int64_t* i, const char* p) {
        CHECK(read(type, p) == Machine::value(Machine::value(c, i, 3) ? a : b, i, 3), "where, type %d", int(type));
      });
    }
    if (type == DType::kBool || isNarrow(type)) continue;
    for (double high : {3.0, double(INFINITY)}) {
      const Tensor x = m.random(type, {77, 13}, {1, 0}, 1, isFloating(type) ? -5 : 0, 9), out = m.make(type, {77, 13});
      if (isFloating(type)) write(type, x.data, NAN);
      ops::clamp(m.ctx, out, x, high == 3.0 ? 2 : -INFINITY, high);
      m.wait();
      Machine::each(out, [&](const int64_t* i, const char* p) {
        const double v = Machine::value(x, i, 2), expected = high == 3.0 ? std::min(std::max(v, 2.0), 3.0) : v;
        CHECK(near(read(type, p), expected, 0), "clamp %g, type %d", v, int(type));
      });
    }
  }
}

// Outputs that are written past the caches: the same bits, and nothing behind the last element.
void testStreamed(Machine& m) {
  const size_t usual = m.ctx.streamedBytes;
  for (int64_t n : {1, 63, 64, 1023, 1025, 32768, 70001}) {
    for (DType type : kTypes) {
      const Tensor a = m.random(type, {n}, {}, 1, 0, 9), b = m.random(type, {n}, {}, 1, 1, 9);
      const Tensor one = m.random(type, {1}, {}, 1, 1, 9), flags = m.random(DType::kBool, {n}, {}, 1, 0, 1);
      const auto run = [&](size_t streamed) {
        m.ctx.streamedBytes = streamed;
        std::vector<std::vector<double>> results;
        const auto keep = [&](DType to, auto&& call) {
          Tensor whole = m.make(to, {n + 32});
          std::memset(whole.data, 1, whole.storage->bytes);
          Tensor out = whole;
          out.shape[0] = n;
          call(out);
          m.wait();
          results.push_back(Machine::values(whole));
        };
        keep(type, [&](const Tensor& out) { ops::binary(m.ctx, cpu::kMaximum, out, a, b); });
        keep(type, [&](const Tensor& out) { ops::binary(m.ctx, cpu::kMul, out, one, b); });
        keep(type, [&](const Tensor& out) { ops::binary(m.ctx, cpu::kAdd, out, a, b); });
        if (type != DType::kBool) {
          keep(type, [&](const Tensor& out) { ops::binary(m.ctx, cpu::kSub, out, a, one); });
          keep(type, [&](const Tensor& out) { ops::binaryScalar(m.ctx, cpu::kSub, out, a, 3, true); });
        }
        if (isFloating(type)) {
          keep(type, [&](const Tensor& out) { ops::unary(m.ctx, cpu::kExp, out, a); });
          keep(type, [&](const Tensor& out) { ops::unary(m.ctx, cpu::kLog2, out, b); });
        }
        keep(DType::kBool, [&](const Tensor& out) { ops::binary(m.ctx, cpu::kLt, out, a, b); });
        keep(type, [&](const Tensor& out) { ops::where(m.ctx, out, flags, a, b); });
        keep(type, [&](const Tensor& out) { ops::fill(m.ctx, out, 3); });
        keep(DType::kFloat64, [&](const Tensor& out) { ops::copy(m.ctx, out, a); });
        return results;
      };
      const auto plain = run(SIZE_MAX), streamed = run(1);
      for (size_t i = 0; i < plain.size(); i++)
        CHECK(same(plain[i], streamed[i]), "call %zu, dtype %d, %lld elements", i, int(type), (long long)n);
    }
  }
  m.ctx.streamedBytes = usual;
}

// What moves to the executor's core: two cache lines for a plain op, more only for strides.
void testQueueRoom(Machine& m) {
  const auto room = [&](auto&& call) {
    const uint64_t before = m.stream.position();
    call();
    return m.stream.position() - before;
  };
  const Tensor a = m.random(DType::kFloat32, {10, 10}), out = m.make(DType::kFloat32, {10, 10});
  const Tensor turned = m.random(DType::kFloat32, {10, 10}, {1, 0}), one = m.random(DType::kFloat32, {1, 1});
  m.wait();
  bool small = false;
  for (int round = 0; round < 2 && !small; round++) {  // the end of the ring may take filler once
    small = room([&] { ops::binary(m.ctx, cpu::kAdd, out, a, a); }) == 2 &&
            room([&] { ops::binary(m.ctx, cpu::kAdd, out, a, one); }) == 2 &&
            room([&] { ops::binaryScalar(m.ctx, cpu::kMul, out, a, 3, true); }) == 2 &&
            room([&] { ops::fill(m.ctx, out, 1); }) == 2 && room([&] { ops::copy(m.ctx, out, a); }) == 2 &&
            room([&] { ops::binary(m.ctx, cpu::kAdd, out, a, turned); }) <= 6;
  }
  CHECK(small, "tasks of plain elementwise ops are larger than they need be");
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    for (int threads : {1, 3}) {
      Machine m(isa, threads);
      testCopy(m);
      testReversedCopy(m);
      testBroadcastCopy(m);
      testBinary(m);
      testScalar(m);
      testIntegerDivision(m);
      testPow(m);
      testTernary(m);
      testInPlace(m);
      testWhereAndClamp(m);
      testStreamed(m);
      testQueueRoom(m);
    }
  }
  return finish("elementwise");
}
