#include "color.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace nabla::ops {

namespace {

constexpr int64_t kElements = 32768;

int rowOf(const Tensor& x) { return x.dtype == DType::kUint8 ? 0 : x.dtype == DType::kFloat32 ? 1 : 2; }

struct Images {
  int64_t count, channels, height, width, item;
  explicit Images(const Tensor& x)
      : count(x.shape[0]),
        channels(x.shape[1]),
        height(x.shape[2]),
        width(x.shape[3]),
        item(static_cast<int64_t>(itemSize(x.dtype))) {}
  int64_t pixels() const { return height * width; }
  int64_t bytes() const { return channels * pixels() * item; }
};

// The row of a table for image n.
const double* rowAt(const Tensor& table, int64_t n, int64_t width) {
  return table.ptr<double>() + (table.shape[0] == 1 ? 0 : n) * width;
}

// Chunks of lines [from, to) of parts of one size; small parts share a chunk.
struct Lines {
  int64_t parts, lines, group, pieces, together, chunks;
  Lines(int64_t parts, int64_t lines, int64_t work) : parts(parts), lines(lines) {
    group = std::clamp<int64_t>(kElements / std::max<int64_t>(work, 1), 1, lines);
    pieces = ceilDiv(lines, group);
    together = pieces > 1 ? 1 : std::max<int64_t>(1, kElements / std::max<int64_t>(1, lines * work));
    chunks = ceilDiv(parts, together) * pieces;
  }
  template <class F>
  void over(int64_t chunk, F&& run) const {
    const int64_t piece = chunk % pieces, begin = chunk / pieces * together;
    for (int64_t p = begin; p < std::min(begin + together, parts); p++)
      run(p, piece * group, std::min((piece + 1) * group, lines));
  }
};

}  // namespace

void colorChain(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& steps, bool whole) {
  if (out.numel() == 0) return;
  const Images images(x);
  const auto kernel = ctx.kernels.color.chain[rowOf(x)];
  // Colours need three planes at once; other images are planes of their own.
  const int64_t planes = images.channels == 3 ? 3 : 1, each = images.channels / planes, pixels = images.pixels();
  const int64_t block = 1024, lines = whole ? 1 : ceilDiv(pixels, block);
  const Lines split(images.count * each, lines, (whole ? pixels : block) * planes);
  ctx.stream.enqueue("colorChain", {&out}, {&x, &steps}, [=](Exec& exec) {
    exec.parallelFor(split.chunks, [&](int64_t chunk) {
      split.over(chunk, [&](int64_t p, int64_t from, int64_t to) {
        const int64_t at = p * planes * pixels * images.item, count = steps.shape[1];
        const cpu::ColorImage image{x.data + at, out.data + at, planes, pixels};
        const double* row = rowAt(steps, p / each, count * 3);
        kernel(image, row, count, whole ? 0 : from * block, whole ? pixels : std::min(to * block, pixels));
      });
    });
  });
}

void normalizeImage(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& table, double scale) {
  if (out.numel() == 0) return;
  const Images images(x);
  const auto kernel = ctx.kernels.color.normalize[rowOf(x)];
  const int64_t pixels = images.pixels(), block = 4096, item = static_cast<int64_t>(itemSize(out.dtype));
  const Lines split(images.count * images.channels, ceilDiv(pixels, block), block);
  ctx.stream.enqueue("normalizeImage", {&out}, {&x, &table}, [=](Exec& exec) {
    exec.parallelFor(split.chunks, [&](int64_t chunk) {
      split.over(chunk, [&](int64_t p, int64_t from, int64_t to) {
        const int64_t begin = p * pixels + from * block, n = std::min(to * block, pixels) - from * block;
        const double* row = table.ptr<double>() + p % images.channels * 2;
        kernel(x.data + begin * images.item, out.data + begin * item, n, scale, row[0], row[1]);
      });
    });
  });
}

void sharpen(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& factors) {
  if (out.numel() == 0) return;
  const Images images(x);
  const auto kernel = ctx.kernels.color.sharpen[rowOf(x)];
  const int64_t bytes = images.pixels() * images.item, line = images.width * images.item;
  const bool small = images.height <= 2 || images.width <= 2;
  const Lines split(images.count * images.channels, images.height, images.width);
  ctx.stream.enqueue("sharpen", {&out}, {&x, &factors}, [=](Exec& exec) {
    exec.parallelFor(split.chunks, [&](int64_t chunk) {
      split.over(chunk, [&](int64_t p, int64_t from, int64_t to) {
        const double factor = *rowAt(factors, p / images.channels, 1);
        const char* in = x.data + p * bytes;
        char* target = out.data + p * bytes;
        if (small || std::isnan(factor))
          std::memcpy(target + from * line, in + from * line, static_cast<size_t>((to - from) * line));
        else
          kernel(in, target, images.height, images.width, factor, from, to);
      });
    });
  });
}

void gaussianBlur(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& weights, int64_t rows,
                  int64_t columns) {
  if (out.numel() == 0) return;
  const Images images(x);
  const auto kernel = ctx.kernels.blur.blur[rowOf(x)];
  const auto workBytes = ctx.kernels.blur.workBytes[rowOf(x)];
  const int64_t bytes = images.pixels() * images.item, line = images.width * images.item;
  const Lines split(images.count * images.channels, images.height, images.width * 2);
  ctx.stream.enqueue("gaussianBlur", {&out}, {&x, &weights}, [=](Exec& exec) {
    exec.parallelFor(split.chunks, [&](int64_t chunk) {
      split.over(chunk, [&](int64_t p, int64_t from, int64_t to) {
        const double* row = rowAt(weights, p / images.channels, rows + columns);
        const cpu::BlurPlane plane{
            x.data + p * bytes, out.data + p * bytes, images.height, images.width, rows, columns, row};
        if (std::isnan(row[0])) {
          std::memcpy(out.data + p * bytes + from * line, x.data + p * bytes + from * line,
                      static_cast<size_t>((to - from) * line));
          return;
        }
        kernel(plane, from, to, ThreadPool::threadScratch(static_cast<size_t>(workBytes(plane, to - from))));
      });
    });
  });
}

void eraseImage(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& boxes, const Tensor& values) {
  if (out.numel() == 0) return;
  const Images images(x);
  const bool own = values.shape[2] * values.shape[3] > 1;  // a value for each pixel
  const Lines split(images.count, 1, images.channels * images.pixels());
  ctx.stream.enqueue("eraseImage", {&out}, {&x, &boxes, &values}, [=](Exec& exec) {
    exec.parallelFor(split.chunks, [&](int64_t chunk) {
      split.over(chunk, [&](int64_t n, int64_t, int64_t) {
        const double* box = rowAt(boxes, n, 4);
        const auto top = static_cast<int64_t>(box[0]), left = static_cast<int64_t>(box[1]);
        const auto height = static_cast<int64_t>(box[2]), width = static_cast<int64_t>(box[3]);
        if (out.data != x.data)
          std::memcpy(out.data + n * images.bytes(), x.data + n * images.bytes(), static_cast<size_t>(images.bytes()));
        const int64_t first = values.shape[0] == 1 ? 0 : n * images.channels;
        for (int64_t c = 0; c < images.channels; c++) {
          for (int64_t r = top; r < top + height; r++) {
            const int64_t at = r * images.width + left;
            char* to = out.data + ((n * images.channels + c) * images.pixels() + at) * images.item;
            const char* from = values.data + (first + c) * (own ? images.pixels() * images.item : images.item);
            if (own) {
              std::memcpy(to, from + at * images.item, static_cast<size_t>(width * images.item));
            } else {
              for (int64_t i = 0; i < width; i++)
                std::memcpy(to + i * images.item, from, static_cast<size_t>(images.item));
            }
          }
        }
      });
    });
  });
}

}  // namespace nabla::ops
