// Conversions of bfloat16, float16 and int8 against plain arithmetic: every bit pattern, every rounding boundary.
#include "harness.h"
#include "ops/copy.h"

using namespace nabla;
using namespace nabla::test;

namespace {

template <class Format>
std::vector<float> interesting() {
  std::vector<float> values = {0.0f,    -0.0f,   INFINITY, -INFINITY, NAN,      -NAN, 1e-45f,
                               -1e-40f, 3.4e38f, -3.4e38f, 65519.9f,  65520.0f, 1e6f, 1e-8f};
  for (int bits = 0; bits < 0x7fff; bits++) {
    const double low = Format::decode(static_cast<uint16_t>(bits)),
                 high = Format::decode(static_cast<uint16_t>(bits + 1));
    if (!std::isfinite(low) || !std::isfinite(high)) continue;
    const float middle = static_cast<float>((low + high) / 2);  // a tie
    for (float x : {static_cast<float>(low), middle, std::nextafterf(middle, 0), std::nextafterf(middle, INFINITY)}) {
      values.push_back(x);
      values.push_back(-x);
    }
  }
  return values;
}

// All patterns to float and back, and floats at and beside every rounding boundary; contiguous and strided.
template <class Format>
void testFormat(Machine& m, DType dtype) {
  for (int64_t gap : {1, 3}) {
    const Tensor all = m.make(dtype, {65536}, {}, gap), wide = m.make(DType::kFloat32, {65536}, {}, gap);
    const Tensor back = m.make(dtype, {65536}, {}, gap), exact = m.make(DType::kFloat64, {65536});
    for (int i = 0; i < 65536; i++) all.ptr<uint16_t>()[i * gap] = static_cast<uint16_t>(i);
    ops::copy(m.ctx, wide, all);
    ops::copy(m.ctx, back, wide);
    ops::copy(m.ctx, exact, all);
    m.wait();
    for (int i = 0; i < 65536; i++) {
      const double want = Format::decode(static_cast<uint16_t>(i));
      const float got = wide.ptr<float>()[i * gap];
      const uint16_t again = back.ptr<uint16_t>()[i * gap];
      const int quiet = std::isnan(want) ? Format::kQuiet : 0;
      CHECK(std::isnan(want) ? std::isnan(got) : got == want, "%s %04x -> %g", nameOf(dtype), i, got);
      CHECK(std::signbit(got) == std::signbit(want) || std::isnan(want), "sign of %04x", i);
      CHECK(again == (i | quiet), "%s %04x came back as %04x", nameOf(dtype), i, again);
      CHECK(std::isnan(want) ? std::isnan(exact.ptr<double>()[i]) : exact.ptr<double>()[i] == want, "%04x", i);
    }
    const std::vector<float> values = interesting<Format>();
    const auto n = static_cast<int64_t>(values.size());
    const Tensor from = m.make(DType::kFloat32, {n}, {}, gap), to = m.make(dtype, {n}, {}, gap);
    for (int64_t i = 0; i < n; i++) from.ptr<float>()[i * gap] = values[static_cast<size_t>(i)];
    ops::copy(m.ctx, to, from);
    m.wait();
    for (int64_t i = 0; i < n; i++) {
      const float x = values[static_cast<size_t>(i)];
      const uint16_t got = to.ptr<uint16_t>()[i * gap], want = Format::encode(x);
      CHECK(got == want, "%a -> %s %04x, expected %04x", x, nameOf(dtype), got, want);
    }
  }
}

void testFill(Machine& m) {
  const Tensor b = m.make(DType::kBfloat16, {5}), h = m.make(DType::kFloat16, {5}), i = m.make(DType::kInt8, {5});
  ops::fill(m.ctx, b, 1.0 / 3);
  ops::fill(m.ctx, h, 1e6);
  ops::fill(m.ctx, i, -7.9);
  m.wait();
  CHECK(b.ptr<uint16_t>()[4] == Bfloat16Format::encode(1.0f / 3), "%04x", b.ptr<uint16_t>()[4]);
  CHECK(std::isinf(read(DType::kFloat16, h.data)), "%g", read(DType::kFloat16, h.data));
  CHECK(read(DType::kInt8, i.data) == -7, "%g", read(DType::kInt8, i.data));
  ops::arange(m.ctx, h, -2, 0.25);
  ops::arange(m.ctx, i, -120, -4);
  m.wait();
  CHECK(same(Machine::values(h), {-2, -1.75, -1.5, -1.25, -1}), "arange of float16");
  CHECK(same(Machine::values(i), {-120, -124, -128, 124, 120}), "arange of int8 wraps");
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    Machine m(isa, 2);
    testFormat<Bfloat16Format>(m, DType::kBfloat16);
    testFormat<Float16Format>(m, DType::kFloat16);
    testFill(m);
  }
  return finish("narrow");
}
