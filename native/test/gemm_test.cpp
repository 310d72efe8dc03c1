// Matrix products against a double reference: every ISA of this machine, 1, 2 and 3 threads with the same bits.
// bfloat16 also without the instruction for it. With an argument, measures instead: gemm_test THREADS [ISA number].
#include "ops/gemm.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "harness.h"

using namespace nabla;
using nabla::test::Bfloat16Format;

namespace {

int failures = 0;

// Memory, shape and strides of one operand; with a gap, lines of memory are longer than the matrix.
struct Operand {
  Allocator& allocator;
  Storage storage;
  Tensor tensor;
  int64_t elements = 1;

  Operand(Allocator& allocator, DType dtype, std::vector<int64_t> shape, bool transposed, int64_t gap,
          std::vector<bool> broadcast = {})
      : allocator(allocator) {
    tensor.dtype = dtype;
    tensor.ndim = static_cast<int>(shape.size());
    const int d = tensor.ndim;
    for (int i = 0; i < d; i++) tensor.shape[i] = shape[i];
    int64_t stride = 1;
    for (int step = 0; step < d; step++) {
      int i = d - 1 - step;
      if (transposed && step < 2) i = step == 0 ? d - 2 : d - 1;
      const bool zero = static_cast<size_t>(i) < broadcast.size() && broadcast[i];
      tensor.strides[i] = zero ? 0 : stride;
      if (!zero) stride *= shape[i] + (step == 0 ? gap : 0);
    }
    elements = stride + 1;
    storage.bytes = static_cast<size_t>(elements) * itemSize(dtype);
    storage.block = allocator.allocate(storage.bytes + 64, 0);
    tensor.storage = &storage;
    tensor.data = static_cast<char*>(storage.block->data);
  }
  ~Operand() { allocator.release(storage.block, 0); }

  double get(int64_t at) const {
    switch (tensor.dtype) {
      case DType::kFloat64:
        return tensor.ptr<double>()[at];
      case DType::kInt32:
        return tensor.ptr<int32_t>()[at];
      case DType::kInt64:
        return static_cast<double>(tensor.ptr<int64_t>()[at]);
      case DType::kBfloat16:
        return std::bit_cast<float>(static_cast<uint32_t>(tensor.ptr<uint16_t>()[at]) << 16);
      default:
        return tensor.ptr<float>()[at];
    }
  }
  void set(int64_t at, double x) {
    switch (tensor.dtype) {
      case DType::kFloat64:
        tensor.ptr<double>()[at] = x;
        break;
      case DType::kInt32:
        tensor.ptr<int32_t>()[at] = static_cast<int32_t>(x);
        break;
      case DType::kInt64:
        tensor.ptr<int64_t>()[at] = static_cast<int64_t>(x);
        break;
      case DType::kBfloat16:
        tensor.ptr<uint16_t>()[at] = Bfloat16Format::encode(x);
        break;
      default:
        tensor.ptr<float>()[at] = static_cast<float>(x);
    }
  }
  void fill(uint32_t seed, bool whole) {
    for (int64_t i = 0; i < elements; i++) {
      seed = seed * 1664525u + 1013904223u;
      set(i, whole ? static_cast<double>(seed >> 24) - 128 : (seed >> 8) / 8388608.0 - 1);
    }
  }
};

struct Case {
  DType dtype = DType::kFloat32;
  int64_t m = 1, n = 1, k = 1;
  bool aT = false, bT = false, cT = false;
  int64_t gap = 0;
  std::vector<int64_t> batch = {};
  std::vector<bool> aBroadcast = {}, bBroadcast = {};
  double alpha = 1, beta = 0;
  bool linear = false, bias = false, relu = false;
  bool fractions = false;  // bfloat16: sums that float32 rounds too
  bool whole() const { return !isFloating(dtype) || (dtype == DType::kBfloat16 && !fractions); }
};

std::vector<int64_t> withBatch(const Case& c, int64_t rows, int64_t cols) {
  std::vector<int64_t> shape = c.batch;
  shape.push_back(rows), shape.push_back(cols);
  return shape;
}

// Error of one element over the bound (k + 4) * eps * sum |a||b|, which holds for any order of summation. bfloat16 adds
// half a unit in its last place; sums of whole numbers are exact, so that their rounding is known.
double errorRatio(const Case& c, double got, double want, double size) {
  if (c.dtype == DType::kBfloat16) {
    if (c.whole()) return got == Bfloat16Format::decode(Bfloat16Format::encode(want)) ? 0 : INFINITY;
    const double ratio =
        std::fabs(got - want) / ((static_cast<double>(c.k) + 4) * 1.2e-7 * size + std::fabs(want) / 255 + 1e-30);
    return std::isnan(ratio) ? INFINITY : ratio;
  }
  const double eps = c.dtype == DType::kFloat32 ? 1.2e-7 : c.dtype == DType::kFloat64 ? 2.3e-16 : 0;
  const double error = std::fabs(got - want);
  if (error == 0) return 0;
  const double ratio = error / ((static_cast<double>(c.k) + 4) * eps * size);
  return std::isnan(ratio) ? INFINITY : ratio;
}

double worstError(const Case& c, const Operand& out, const Operand& a, const Operand& b, const Operand& bias,
                  const std::vector<double>& before) {
  const int d = out.tensor.ndim;
  const int64_t *as = a.tensor.strides, *bs = b.tensor.strides, *cs = out.tensor.strides;
  const int64_t bRow = c.linear ? bs[1] : bs[d - 2], bCol = c.linear ? bs[0] : bs[d - 1];
  const int64_t stepI = c.m > 200 ? 7 : 1, stepJ = c.n > 200 ? 11 : 1;  // large cases: a grid of samples
  double worst = 0;
  int64_t items = 1;
  for (int64_t x : c.batch) items *= x;
  for (int64_t item = 0; item < items; item++) {
    int64_t rest = item, ao = 0, bo = 0, co = 0;
    for (int i = d - 3; i >= 0; i--) {
      const int64_t at = rest % out.tensor.shape[i];
      rest /= out.tensor.shape[i];
      ao += at * as[i], bo += at * bs[i], co += at * cs[i];
    }
    for (int64_t i = 0; i < c.m; i += stepI) {
      for (int64_t j = 0; j < c.n; j += stepJ) {
        double sum = 0, size = 0;
        for (int64_t k = 0; k < c.k; k++) {
          const double x = a.get(ao + i * as[d - 2] + k * as[d - 1]) * b.get(bo + k * bRow + j * bCol);
          sum += x, size += std::fabs(x);
        }
        const int64_t at = co + i * cs[d - 2] + j * cs[d - 1];
        const double old = c.beta != 0 ? c.beta * before[at] : 0, shift = c.bias ? bias.get(j) : 0;
        sum = c.alpha * sum + old + shift;
        size = std::fabs(c.alpha) * size + std::fabs(old) + std::fabs(shift);
        if (c.relu && sum < 0) sum = 0;
        worst = std::max(worst, errorRatio(c, out.get(at), sum, size));
      }
    }
  }
  return worst;
}

// Memory between the lines of `out` must be left alone.
bool gapsKept(const Case& c, const Operand& out, const std::vector<double>& before) {
  const int64_t line = c.cT ? c.m : c.n;
  for (int64_t i = 0; c.gap && i < out.elements; i++)
    if (i % (line + c.gap) >= line && out.get(i) != before[i]) return false;
  return true;
}

void runOp(Context& ctx, const Case& c, const Operand& out, const Operand& a, const Operand& b, const Operand& bias) {
  if (c.linear) {
    ops::linear(ctx, out.tensor, a.tensor, b.tensor, c.bias ? &bias.tensor : nullptr, c.relu);
  } else if (c.alpha != 1 || c.beta != 0) {
    ops::gemm(ctx, out.tensor, a.tensor, b.tensor, c.alpha, c.beta);
  } else {
    ops::matmul(ctx, out.tensor, a.tensor, b.tensor);
  }
}

void check(Isa isa, const cpu::KernelTable& table, Stream* const* streams, Allocator& allocator, const Case& c) {
  Operand a(allocator, c.dtype, withBatch(c, c.m, c.k), c.aT, c.gap, c.aBroadcast);
  Operand b(allocator, c.dtype, c.linear ? std::vector<int64_t>{c.n, c.k} : withBatch(c, c.k, c.n), c.bT, c.gap,
            c.bBroadcast);
  Operand bias(allocator, c.dtype, {c.n}, false, 0);
  a.fill(1, c.whole()), b.fill(2, c.whole()), bias.fill(3, c.whole());
  std::vector<double> first;
  for (int threads = 1; threads <= 3; threads++) {
    Stream& stream = *streams[threads - 1];
    Context ctx{stream, allocator, table};
    Operand out(allocator, c.dtype, withBatch(c, c.m, c.n), c.cT, c.gap);
    out.fill(4, c.whole());
    std::vector<double> before(static_cast<size_t>(out.elements)), after(before.size());
    for (int64_t i = 0; i < out.elements; i++) before[i] = out.get(i);
    if (c.beta == 0 && isFloating(c.dtype) && out.tensor.numel() > 0)  // uninitialised memory must not be read
      for (int64_t i = 0; i < c.m; i++) out.set(i * out.tensor.strides[out.tensor.ndim - 2], NAN);
    runOp(ctx, c, out, a, b, bias);
    stream.wait(stream.position(), -1);
    for (int64_t i = 0; i < out.elements; i++) after[i] = out.get(i);
    const double worst = threads == 1 ? worstError(c, out, a, b, bias, before) : 0;
    if (threads == 1) first = after;
    if (worst <= 1 && after == first && gapsKept(c, out, before)) continue;
    failures++;
    std::printf(
        "FAIL %s dtype %d m %ld n %ld k %ld transposed %d%d%d batch %zu gap %ld linear %d threads %d worst %g\n",
        isaName(isa), static_cast<int>(c.dtype), static_cast<long>(c.m), static_cast<long>(c.n), static_cast<long>(c.k),
        c.aT, c.bT, c.cT, c.batch.size(), static_cast<long>(c.gap), c.linear, threads, worst);
  }
}

const int64_t kSizes[][3] = {{1, 1, 1},     {1, 1, 0},      {0, 5, 3},      {2, 3, 0},      {1, 17, 33},
                             {33, 1, 17},   {1, 1, 5000},   {5, 7, 1},      {13, 31, 29},   {15, 33, 16},
                             {29, 65, 130}, {8, 100, 64},   {64, 64, 64},   {100, 50, 784}, {3, 300, 100},
                             {300, 4, 70},  {43, 47, 1000}, {129, 257, 100}};

template <class Run>
void matrixCases(Run run) {
  for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kBfloat16, DType::kInt32, DType::kInt64})
    for (const auto& s : kSizes)
      for (int mask = 0; mask < 8; mask++)
        run(Case{.dtype = dtype,
                 .m = s[0],
                 .n = s[1],
                 .k = s[2],
                 .aT = (mask & 1) != 0,
                 .bT = (mask & 2) != 0,
                 .cT = (mask & 4) != 0,
                 .gap = mask % 3});
  for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kBfloat16}) {
    for (const auto& s : kSizes)
      for (int mask = 0; mask < 4; mask++)
        run(Case{.dtype = dtype,
                 .m = s[0],
                 .n = s[1],
                 .k = s[2],
                 .bT = mask == 2,
                 .linear = true,
                 .bias = (mask & 1) != 0,
                 .relu = mask >= 2});
    run(Case{.dtype = dtype, .m = 3, .n = 40, .k = 9000, .bT = true});
    run(Case{.dtype = dtype, .m = 20, .n = 30, .k = 9000, .aT = true});
    run(Case{.dtype = dtype, .m = 300, .n = 310, .k = 500});
    run(Case{.dtype = dtype, .m = 600, .n = 700, .k = 800, .aT = true, .bT = true});
    run(Case{.dtype = dtype, .m = 4100, .n = 64, .k = 40});
    run(Case{.dtype = dtype, .m = 10, .n = 4200, .k = 100});
    run(Case{.dtype = dtype, .m = 520, .n = 530, .k = 4200});
    run(Case{.dtype = dtype, .m = 30, .n = 31, .k = 400, .alpha = 0.5, .beta = 2});
    run(Case{.dtype = dtype, .m = 30, .n = 31, .k = 400, .cT = true, .gap = 1, .alpha = 0.5, .beta = 1});
    run(Case{.dtype = dtype, .m = 20, .n = 31, .k = 9000, .alpha = 0.5, .beta = 2});
    run(Case{.dtype = dtype, .m = 201, .n = 201, .k = 40001, .fractions = true});
    run(Case{.dtype = dtype, .m = 30, .n = 3, .k = 9001, .linear = true, .bias = true, .relu = true});
    run(Case{.dtype = dtype, .m = 61, .n = 67, .k = 1801, .alpha = 0.5, .beta = 2, .fractions = true});
  }
}

template <class Run>
void batchCases(Run run) {
  for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kBfloat16, DType::kInt64}) {
    for (int at : {0, 4, 5, 8, 10, 12}) {
      const int64_t m = kSizes[at][0], n = kSizes[at][1], k = kSizes[at][2];
      run(Case{.dtype = dtype, .m = m, .n = n, .k = k, .batch = {3, 5}});
      run(Case{.dtype = dtype, .m = m, .n = n, .k = k, .batch = {17}, .bBroadcast = {true}});
      run(Case{.dtype = dtype, .m = m, .n = n, .k = k, .batch = {4}, .aBroadcast = {true}});
      run(Case{.dtype = dtype,
               .m = m,
               .n = n,
               .k = k,
               .aT = true,
               .gap = 2,
               .batch = {2, 3, 2},
               .aBroadcast = {false, true},
               .bBroadcast = {true, false, true}});
    }
    run(Case{.dtype = dtype, .m = 150, .n = 140, .k = 130, .batch = {3}});
    run(Case{.dtype = dtype, .m = 60, .n = 70, .k = 80, .batch = {0}});
    // A repeated row and a repeated column.
    run(Case{.dtype = dtype, .m = 40, .n = 37, .k = 20, .aBroadcast = {true, false}, .bBroadcast = {false, true}});
    run(Case{.dtype = dtype, .m = 40, .n = 37, .k = 20, .aBroadcast = {false, true}, .bBroadcast = {true, false}});
  }
}

int runCases(Isa isa) {
  int count = 0;
  const cpu::KernelTable& table = kernelTable(isa);
  static cpu::KernelTable widened;
  widened = table;
  widened.gemm.bf16 = table.gemm.bf16Widened;
  Allocator& allocator = *new Allocator;
  Stream* streams[3];
  for (int i = 0; i < 3; i++) streams[i] = new Stream(i + 1);
  const auto run = [&](const Case& c) {
    check(isa, table, streams, allocator, c);
    count++;
    if (c.dtype != DType::kBfloat16 || table.gemm.bf16.kUnit == 1) return;
    check(isa, widened, streams, allocator, c);
    count++;
  };
  matrixCases(run);
  batchCases(run);
  for (Stream* stream : streams) stream->stop();
  return count;
}

void measureShape(Context& ctx, const char* label, DType dtype, const int64_t* s, bool transposed) {
  Operand a(ctx.allocator, dtype, {s[0], s[2]}, false, 0);
  Operand b(ctx.allocator, dtype, {s[2], s[1]}, transposed, 0);
  Operand out(ctx.allocator, dtype, {s[0], s[1]}, false, 0);
  a.fill(1, false), b.fill(2, false);
  std::vector<double> times;
  const double flops = 2.0 * static_cast<double>(s[0] * s[1] * s[2]);
  const int inner = flops < 1e7 ? 50 : 1;
  for (int i = 0; i < 25; i++) {
    const auto start = std::chrono::steady_clock::now();
    for (int j = 0; j < inner; j++) ops::matmul(ctx, out.tensor, a.tensor, b.tensor);
    ctx.stream.wait(ctx.stream.position(), -1);
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / inner);
  }
  std::sort(times.begin(), times.end());
  std::printf("%s %s m %ld n %ld k %ld b%s: %.4f ms %.1f GF (best %.1f)\n", label, nameOf(dtype),
              static_cast<long>(s[0]), static_cast<long>(s[1]), static_cast<long>(s[2]), transposed ? "T" : " ",
              times[12] * 1e3, flops / times[12] / 1e9, flops / times[0] / 1e9);
}

void measure(Isa isa, int threads) {
  const int64_t shapes[][3] = {{64, 64, 64},       {128, 128, 128},    {256, 256, 256}, {512, 512, 512},
                               {1024, 1024, 1024}, {2048, 2048, 2048}, {100, 50, 1024}, {64, 1024, 256},
                               {3200, 1024, 128},  {16, 78400, 144},   {1, 1024, 1024}, {4, 1024, 1024},
                               {8, 1024, 1024},    {100, 10, 1024},    {64, 64, 100000}};
  Allocator& allocator = *new Allocator;
  Stream stream(threads);
  Context ctx{stream, allocator, kernelTable(isa)};
  char label[32];
  std::snprintf(label, sizeof label, "%s x%d", isaName(isa), threads);
  for (const auto& shape : shapes)
    for (bool transposed : {false, true})
      for (DType dtype : {DType::kFloat32, DType::kBfloat16}) measureShape(ctx, label, dtype, shape, transposed);
  stream.stop();
}

}  // namespace

int main(int argc, char** argv) {
  int count = 0;
  for (Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512, Isa::kNeon}) {
    if (argc > 2 && std::atoi(argv[2]) != static_cast<int>(isa)) continue;
    if (!isaSupported(isa)) {
      std::printf("NOT RUN %s\n", isaName(isa));
    } else if (argc > 1) {
      measure(isa, std::atoi(argv[1]));
    } else {
      count += runCases(isa);
    }
  }
  if (argc > 1) return 0;
  std::printf("%d cases, %d failures\n", count, failures);
  return failures > 0 || count == 0;
}
