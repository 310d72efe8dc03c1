#include "layer_norm.h"

#include <algorithm>
#include <cmath>

namespace nabla::ops {

namespace {

constexpr int64_t kGrain = 32 * 1024;  // elements per chunk
constexpr int64_t kRows = 128;         // rows whose gradients are added up in the element type

char* dataOf(const Tensor* t) { return t ? t->data : nullptr; }
char* at(char* data, int64_t offset) { return data ? data + offset : nullptr; }

// Rows of `width` elements, cut into parts of at most kRows rows, and those into chunks.
struct Rows {
  bool wide;
  int64_t rows, width, rowsPerPart, parts, partsPerChunk, chunks;
  Rows(const Tensor& x, int64_t width) : wide(x.dtype == DType::kFloat64), rows(x.numel() / width), width(width) {
    rowsPerPart = std::clamp<int64_t>(kGrain / width, 1, kRows);
    parts = ceilDiv(rows, rowsPerPart);
    partsPerChunk = std::max<int64_t>(1, kGrain / (rowsPerPart * width));
    chunks = ceilDiv(parts, partsPerChunk);
  }
  int64_t item() const { return wide ? 8 : 4; }
  int64_t rowBytes() const { return width * item(); }
  // f(part, first row, rows)
  template <class F>
  void overParts(Exec& exec, F f) const {
    exec.parallelFor(chunks, [&](int64_t chunk) {
      for (int64_t part = chunk * partsPerChunk; part < std::min(parts, (chunk + 1) * partsPerChunk); part++)
        f(part, part * rowsPerPart, std::min(rowsPerPart, rows - part * rowsPerPart));
    });
  }
};

// Sums the parts' rows of `width` numbers in double, in order.
template <class T>
void addParts(Exec& exec, const Rows& r, const char* partials, int64_t stride, char* out) {
  if (!out) return;
  constexpr int64_t kColumns = 64;
  exec.parallelFor(ceilDiv(r.width, kColumns), [&](int64_t chunk) {
    double sums[kColumns] = {};
    const int64_t first = chunk * kColumns, count = std::min(kColumns, r.width - first);
    for (int64_t part = 0; part < r.parts; part++) {
      const T* row = reinterpret_cast<const T*>(partials + part * stride) + first;
      for (int64_t i = 0; i < count; i++) sums[i] += static_cast<double>(row[i]);
    }
    for (int64_t i = 0; i < count; i++) reinterpret_cast<T*>(out)[first + i] = static_cast<T>(sums[i]);
  });
}

}  // namespace

void layerNorm(Context& ctx, const Tensor& out, const Tensor& x, const Tensor* weight, const Tensor* bias,
               const Tensor* mean, const Tensor& rstd, int64_t width, double eps) {
  if (x.numel() == 0) return;
  const Rows r(x, width);
  const auto kernel = ctx.kernels.layer_norm.forward[r.wide];
  char *from = x.data, *to = out.data, *w = dataOf(weight), *b = dataOf(bias), *m = dataOf(mean), *s = rstd.data;
  ctx.stream.enqueue(mean ? "layerNorm" : "rmsNorm", {&out, mean, &rstd}, {&x, weight, bias}, [=](Exec& exec) {
    r.overParts(exec, [&](int64_t, int64_t row, int64_t rows) {
      const int64_t offset = row * r.rowBytes(), single = row * r.item();
      kernel(rows, r.width, eps, from + offset, w, b, to + offset, at(m, single), s + single);
    });
  });
}

void layerNormBackward(Context& ctx, const Tensor* gradX, const Tensor* gradWeight, const Tensor* gradBias,
                       const Tensor& gradOut, const Tensor& x, const Tensor* weight, const Tensor* mean,
                       const Tensor& rstd, int64_t width) {
  const Rows r(x, width);
  const int64_t stride = (gradWeight ? r.rowBytes() : 0) + (gradBias ? r.rowBytes() : 0);
  const Scratch scratch = ctx.scratch(static_cast<size_t>(std::max<int64_t>(1, stride * r.parts)));
  char* partials = scratch.as<char>();
  const auto kernel = ctx.kernels.layer_norm.backward[r.wide];
  char *gx = dataOf(gradX), *gw = dataOf(gradWeight), *gb = dataOf(gradBias);
  char *g = gradOut.data, *from = x.data, *w = dataOf(weight), *m = dataOf(mean), *s = rstd.data;
  const Tensor* outs[] = {gradX, gradWeight, gradBias};
  const Tensor* ins[] = {&gradOut, &x, weight, mean, &rstd};
  ctx.stream.enqueueList(mean ? "layerNormBackward" : "rmsNormBackward", outs, 3, ins, 5, [=](Exec& exec) {
    char* second = gw ? partials + r.rowBytes() : partials;
    r.overParts(exec, [&](int64_t part, int64_t row, int64_t rows) {
      const int64_t offset = row * r.rowBytes(), single = row * r.item();
      kernel(rows, r.width, g + offset, from + offset, w, at(m, single), s + single, at(gx, offset),
             gw ? partials + part * stride : nullptr, gb ? second + part * stride : nullptr);
    });
    const auto add = r.wide ? addParts<double> : addParts<float>;
    add(exec, r, partials, stride, gw);
    add(exec, r, second, stride, gb);
  });
}

}  // namespace nabla::ops
