// unfold and fold against plain loops: every ISA of this machine, 1, 2 and 3 threads with the same bits.
#include "ops/unfold.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

using namespace nabla;

namespace {

struct Case {
  int64_t n, c, h, w, kh, kw, dh, dw, ph, pw, sh, sw;
  bool channelsLast, columnsTransposed;
};

int failures = 0;

struct Buffer {
  Allocator& allocator;
  Storage storage;
  Tensor tensor;
  Buffer(Allocator& allocator, DType dtype, std::vector<int64_t> shape, std::vector<int> order) : allocator(allocator) {
    tensor.dtype = dtype;
    tensor.ndim = static_cast<int>(shape.size());
    int64_t stride = 1;
    for (int i = 0; i < tensor.ndim; i++) tensor.shape[i] = shape[i];
    for (int i = tensor.ndim - 1; i >= 0; i--) {
      tensor.strides[order[i]] = stride;
      stride *= std::max<int64_t>(shape[order[i]], 1);
    }
    storage.block = allocator.allocate(static_cast<size_t>(stride + 16) * itemSize(dtype), 0);
    tensor.storage = &storage;
    tensor.data = static_cast<char*>(storage.block->data);
  }
  ~Buffer() { allocator.release(storage.block, 0); }
  template <class T>
  void fill(bool nan) {
    for (int64_t i = 0; i < tensor.numel(); i++)
      tensor.ptr<T>()[i] = nan ? static_cast<T>(NAN) : static_cast<T>((i * 7919 % 1009) / 64.0 - 7);
  }
};

template <class T>
bool matches(const Case& c, const Tensor& image, const Tensor& columns, const Tensor& folded, int64_t oh, int64_t ow) {
  const auto at = [](const Tensor& t, int64_t i, int64_t j, int64_t k, int64_t l = 0) {
    return t.ptr<T>()[i * t.strides[0] + j * t.strides[1] + k * t.strides[2] + (t.ndim > 3 ? l * t.strides[3] : 0)];
  };
  std::vector<double> sums(static_cast<size_t>(c.n * c.c * c.h * c.w), 0.0);
  for (int64_t n = 0; n < c.n; n++)
    for (int64_t row = 0; row < c.c * c.kh * c.kw; row++)
      for (int64_t l = 0; l < oh * ow; l++) {
        const int64_t channel = row / (c.kh * c.kw);
        const int64_t y = l / ow * c.sh - c.ph + row / c.kw % c.kh * c.dh, x = l % ow * c.sw - c.pw + row % c.kw * c.dw;
        const bool inside = y >= 0 && y < c.h && x >= 0 && x < c.w;
        const T got = at(columns, n, row, l);
        if (got != (inside ? at(image, n, channel, y, x) : T(0))) return false;
        if (inside) sums[static_cast<size_t>(((n * c.c + channel) * c.h + y) * c.w + x)] += got;
      }
  const double bound = sizeof(T) == 4 ? 1e-4 : 1e-12;
  for (int64_t i = 0; i < c.n * c.c * c.h * c.w; i++) {
    const int64_t x = i % c.w, y = i / c.w % c.h, channel = i / c.w / c.h % c.c, n = i / c.w / c.h / c.c;
    if (!(std::fabs(at(folded, n, channel, y, x) - sums[static_cast<size_t>(i)]) <= bound)) return false;
  }
  return true;
}

template <class T>
void check(Isa isa, Stream* const* streams, Allocator& allocator, const Case& c) {
  const DType dtype = sizeof(T) == 4 ? DType::kFloat32 : DType::kFloat64;
  const int64_t oh = (c.h + 2 * c.ph - c.dh * (c.kh - 1) - 1) / c.sh + 1;
  const int64_t ow = (c.w + 2 * c.pw - c.dw * (c.kw - 1) - 1) / c.sw + 1;
  const std::vector<int> order = c.channelsLast ? std::vector<int>{0, 2, 3, 1} : std::vector<int>{0, 1, 2, 3};
  const std::vector<int> lines = c.columnsTransposed ? std::vector<int>{0, 2, 1} : std::vector<int>{0, 1, 2};
  Buffer image(allocator, dtype, {c.n, c.c, c.h, c.w}, order);
  image.fill<T>(false);
  std::vector<T> first;
  for (int threads = 1; threads <= 3; threads++) {
    Stream& stream = *streams[threads - 1];
    Context ctx{stream, allocator, kernelTable(isa)};
    Buffer columns(allocator, dtype, {c.n, c.c * c.kh * c.kw, oh * ow}, lines);
    Buffer folded(allocator, dtype, {c.n, c.c, c.h, c.w}, order);
    columns.fill<T>(true), folded.fill<T>(true);
    ops::unfold(ctx, columns.tensor, image.tensor, c.kh, c.kw, c.dh, c.dw, c.ph, c.pw, c.sh, c.sw);
    ops::fold(ctx, folded.tensor, columns.tensor, c.kh, c.kw, c.dh, c.dw, c.ph, c.pw, c.sh, c.sw);
    stream.wait(stream.position(), -1);
    std::vector<T> bits(folded.tensor.ptr<T>(), folded.tensor.ptr<T>() + folded.tensor.numel());
    if (threads == 1) first = bits;
    if (matches<T>(c, image.tensor, columns.tensor, folded.tensor, oh, ow) &&
        std::memcmp(first.data(), bits.data(), bits.size() * sizeof(T)) == 0)
      continue;
    failures++;
    std::printf("FAIL %s n %ld c %ld h %ld w %ld kernel %ldx%ld channelsLast %d transposed %d threads %d\n",
                isaName(isa), static_cast<long>(c.n), static_cast<long>(c.c), static_cast<long>(c.h),
                static_cast<long>(c.w), static_cast<long>(c.kh), static_cast<long>(c.kw), c.channelsLast,
                c.columnsTransposed, threads);
  }
}

int runCases(Isa isa) {
  Allocator& allocator = *new Allocator;
  Stream* streams[3];
  for (int i = 0; i < 3; i++) streams[i] = new Stream(i + 1);
  const Case cases[] = {
      {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, false, false}, {2, 3, 5, 7, 3, 2, 1, 1, 0, 0, 1, 1, false, false},
      {2, 3, 5, 7, 3, 3, 1, 1, 1, 1, 1, 1, false, false}, {2, 3, 9, 8, 3, 2, 2, 3, 2, 1, 2, 3, false, false},
      {1, 2, 4, 4, 3, 3, 1, 1, 5, 4, 2, 1, false, false}, {3, 40, 28, 28, 3, 3, 1, 1, 1, 1, 1, 1, false, false},
      {1, 1, 3, 3, 1, 3, 1, 1, 0, 2, 1, 1, false, false}, {1, 2, 6, 33, 2, 5, 1, 1, 0, 0, 3, 7, false, false},
      {0, 2, 6, 6, 2, 2, 1, 1, 0, 0, 1, 1, false, false}, {2, 0, 6, 6, 2, 2, 1, 1, 0, 0, 1, 1, false, false}};
  int count = 0;
  for (Case c : cases)
    for (int layout = 0; layout < 4; layout++) {
      c.channelsLast = layout & 1, c.columnsTransposed = layout & 2;
      check<float>(isa, streams, allocator, c);
      check<double>(isa, streams, allocator, c);
      count += 2;
    }
  for (Stream* stream : streams) stream->stop();
  return count;
}

}  // namespace

int main() {
  int count = 0;
  for (Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512, Isa::kNeon}) {
    if (isaSupported(isa))
      count += runCases(isa);
    else
      std::printf("NOT RUN %s\n", isaName(isa));
  }
  std::printf("%d cases, %d failures\n", count, failures);
  return failures > 0 || count == 0;
}
