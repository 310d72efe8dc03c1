#include "unfold.h"

#include "isa.h"

namespace {

using nabla::cpu::UnfoldPlane;
using nabla::cpu::UnfoldShape;

// Window positions [from, to) along one axis whose pixel position * stride + offset lies in [0, size).
struct Range {
  int64_t from, to;
};
Range inside(int64_t count, int64_t stride, int64_t offset, int64_t size) {
  int64_t from = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  int64_t to = size - offset <= 0 ? 0 : (size - offset - 1) / stride + 1;
  if (to > count) to = count;
  if (from > to) from = to;
  return {from, to};
}

template <class T>
void unfoldRow(T* to, int64_t toStep, int64_t count, Range range, const T* from, int64_t step) {
  if (toStep != 1) {
    for (int64_t i = 0; i < count; i++) to[i * toStep] = i >= range.from && i < range.to ? from[i * step] : T(0);
    return;
  }
  for (int64_t i = 0; i < range.from; i++) to[i] = 0;
  if (step == 1) {
    for (int64_t i = range.from; i < range.to; i++) to[i] = from[i];
  } else {
    for (int64_t i = range.from; i < range.to; i++) to[i] = from[i * step];
  }
  for (int64_t i = range.to; i < count; i++) to[i] = 0;
}

template <class T>
void unfold(const UnfoldShape& s, const UnfoldPlane& plane) {
  const T* image = static_cast<const T*>(plane.image);
  int64_t imageRow = plane.imageRow;
  if (plane.imageCol != 1) {  // each pixel is read kernelH * kernelW times: bring the plane together once
    T* copy = static_cast<T*>(plane.scratch);
    for (int64_t y = 0; y < s.height; y++)
      for (int64_t x = 0; x < s.width; x++) copy[y * s.width + x] = image[y * imageRow + x * plane.imageCol];
    image = copy;
    imageRow = s.width;
  }
  for (int64_t i = 0; i < s.kernelH; i++) {
    for (int64_t j = 0; j < s.kernelW; j++) {
      T* to = static_cast<T*>(plane.columns) + (i * s.kernelW + j) * plane.columnsRow;
      const int64_t offset = j * s.dilationW - s.padW;
      const Range whole = inside(s.outW, s.strideW, offset, s.width);
      for (int64_t row = 0; row < s.outH; row++, to += s.outW * plane.columnsCol) {
        const int64_t y = row * s.strideH - s.padH + i * s.dilationH;
        const bool outside = y < 0 || y >= s.height;
        unfoldRow(to, plane.columnsCol, s.outW, outside ? Range{0, 0} : whole,
                  outside ? image : image + y * imageRow + offset, s.strideW);
      }
    }
  }
}

template <class T>
void foldRow(T* to, int64_t step, Range range, const T* from, int64_t fromStep) {
  if (step == 1 && fromStep == 1) {
    for (int64_t i = range.from; i < range.to; i++) to[i] += from[i];
  } else {
    for (int64_t i = range.from; i < range.to; i++) to[i * step] += from[i * fromStep];
  }
}

template <class T>
void fold(const UnfoldShape& s, const UnfoldPlane& plane) {
  const bool direct = plane.imageCol == 1;
  T* image = static_cast<T*>(direct ? plane.image : plane.scratch);
  const int64_t imageRow = direct ? plane.imageRow : s.width;
  for (int64_t y = 0; y < s.height; y++)
    for (int64_t x = 0; x < s.width; x++) image[y * imageRow + x] = 0;
  for (int64_t i = 0; i < s.kernelH; i++) {
    for (int64_t j = 0; j < s.kernelW; j++) {
      const T* from = static_cast<const T*>(plane.columns) + (i * s.kernelW + j) * plane.columnsRow;
      const int64_t offset = j * s.dilationW - s.padW;
      const Range range = inside(s.outW, s.strideW, offset, s.width);
      for (int64_t row = 0; row < s.outH; row++, from += s.outW * plane.columnsCol) {
        const int64_t y = row * s.strideH - s.padH + i * s.dilationH;
        if (y < 0 || y >= s.height) continue;
        foldRow(image + y * imageRow + offset, s.strideW, range, from, plane.columnsCol);
      }
    }
  }
  if (direct) return;
  T* out = static_cast<T*>(plane.image);
  for (int64_t y = 0; y < s.height; y++)
    for (int64_t x = 0; x < s.width; x++) out[y * plane.imageRow + x * plane.imageCol] = image[y * s.width + x];
}

}  // namespace

extern "C" void NABLA_REGISTER(unfold)(nabla::cpu::UnfoldKernels* t) {
  t->unfold[0] = unfold<float>;
  t->unfold[1] = unfold<double>;
  t->fold[0] = fold<float>;
  t->fold[1] = fold<double>;
}
