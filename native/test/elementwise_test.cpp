// copy, fill, arange, binary, where, clamp against plain loops in double.
#include "kernels/cpu/elementwise.h"
#include "harness.h"
#include "ops/copy.h"
#include "ops/elementwise.h"

using namespace nabla;
using namespace nabla::test;

namespace {

constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt32,
                            DType::kInt64,   DType::kUint8,   DType::kBool};

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
  return isFloating(to) ? x : std::trunc(x);
}

void testCopy(Machine& m) {
  for (const Layout& layout : kLayouts)
    for (DType to : kTypes)
      for (DType from : kTypes) {
        const Tensor a = m.random(from, layout.shape, layout.aOrder, layout.aGap, from >= DType::kUint8 ? 0 : -9, 9);
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

void testBroadcastCopy(Machine& m) {
  for (DType type : kTypes) {
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

}  // namespace

int main() {
  for (Isa isa : isas()) {
    for (int threads : {1, 3}) {
      Machine m(isa, threads);
      testCopy(m);
      testBroadcastCopy(m);
    }
  }
  return finish("elementwise");
}
