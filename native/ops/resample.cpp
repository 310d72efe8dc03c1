#include <vector>

#include "resample_axis.h"

namespace nabla::ops {

namespace {

// Both ends of the taps grow with o, so the outputs of an input are neighbours too.
template <class T>
void measure(Axis& a) {
  a.most = mostTaps(a);
  if (!a.transposed) return;
  std::vector<T> weights(static_cast<size_t>(a.most));
  std::vector<int64_t> ends(static_cast<size_t>(a.out));
  Taps<T> taps{0, 0, weights.data()};
  const T step = stepOf<T>(a);
  int64_t oldest = 0;
  for (int64_t o = 0; o < a.out; o++) {
    tapsOf(a, step, o, taps);
    ends[static_cast<size_t>(o)] = taps.first + taps.count;
    // Outputs from `oldest` on may share the first input of this one.
    while (oldest < o && ends[static_cast<size_t>(oldest)] <= taps.first) oldest++;
    a.mostBack = std::max(a.mostBack, o - oldest + 1);
  }
}

struct Task {
  Axis axes[3];
  Tensor out, x;
  cpu::ResampleImage image;
  int64_t images, imageIn, imageOut;
  int row;
  char* tables;
  void (*kernel)(const cpu::ResampleImage&, int64_t, int64_t);
  int64_t lanes;
};

template <class T>
void run(Exec& exec, Task task) {
  constexpr int64_t kElements = 32768;
  char* memory = task.tables;
  cpu::ResampleTaps* taps[3] = {&task.image.depth, &task.image.height, &task.image.row};
  for (int d = 0; d < 3; d++) {
    *taps[d] = tableOf<T>(task.axes[d], memory, task.lanes);
    memory += tableBytes(task.axes[d], sizeof(T));
  }
  const int64_t rows = task.image.depth.size * task.image.height.size;
  const int64_t rowWork = std::max(task.image.row.size, task.image.width) * task.image.inner;
  const int64_t group = std::clamp<int64_t>(kElements / std::max<int64_t>(rowWork, 1), 1, rows);
  const int64_t parts = ceilDiv(rows, group);
  // Small images share a chunk.
  const int64_t together = parts > 1 ? 1 : std::max<int64_t>(1, kElements / std::max<int64_t>(rows * rowWork, 1));
  exec.parallelFor(ceilDiv(task.images, together) * parts, [&](int64_t chunk) {
    cpu::ResampleImage image = task.image;
    image.scratch = ThreadPool::threadScratch(static_cast<size_t>(image.width * image.inner) * sizeof(T));
    const int64_t part = chunk % parts, begin = chunk / parts * together;
    for (int64_t i = begin; i < std::min(begin + together, task.images); i++) {
      image.in = task.x.ptr<T>() + i * task.imageIn;
      image.out = task.out.ptr<T>() + i * task.imageOut;
      task.kernel(image, part * group, std::min((part + 1) * group, rows));
    }
    if (image.stream) storeFence();
  });
}

}  // namespace

void resample(Context& ctx, const Tensor& out, const Tensor& x, int64_t sampling, bool alignCorners, bool antialias,
              bool transposed, double scaleD, double scaleH, double scaleW) {
  if (out.numel() == 0) return;
  const bool wide = x.dtype == DType::kFloat64;
  Task task{};
  task.out = out;
  task.x = x;
  const double scales[3] = {scaleD, scaleH, scaleW};
  int64_t pixelsIn = 1, pixelsOut = 1;
  size_t bytes = 0;
  for (int d = 0; d < 3; d++) {
    Axis& axis = task.axes[d];
    const int dim = x.ndim - 3 + d;
    if (dim < 2) {
      axis.most = axis.mostBack = 1;
    } else {
      axis.in = transposed ? out.shape[dim] : x.shape[dim];
      axis.out = transposed ? x.shape[dim] : out.shape[dim];
      axis.scale = scales[d];
      axis.sampling = static_cast<Sampling>(sampling);
      axis.align = alignCorners;
      axis.antialias = antialias;
      axis.transposed = transposed;
      wide ? measure<double>(axis) : measure<float>(axis);
      pixelsIn *= x.shape[dim];
      pixelsOut *= out.shape[dim];
    }
    bytes += tableBytes(axis, itemSize(x.dtype));
  }
  const bool planes = x.isContiguous() && out.isContiguous();
  const int64_t channels = x.shape[1];
  task.image.inner = planes ? 1 : channels;
  task.images = planes ? x.shape[0] * channels : x.shape[0];
  task.imageIn = pixelsIn * task.image.inner;
  task.imageOut = pixelsOut * task.image.inner;
  task.image.width = x.shape[x.ndim - 1];
  task.image.rowStep = task.image.width * task.image.inner;
  task.image.planeStep = x.ndim > 3 ? x.shape[x.ndim - 2] * task.image.rowStep : 0;
  task.image.stream =
      ctx.kernels.copy.stream && static_cast<size_t>(out.numel()) * itemSize(out.dtype) >= ctx.streamedBytes;
  task.kernel = ctx.kernels.resample.rows[wide];
  task.lanes = ctx.kernels.resample.lanes[wide];
  auto tables = ctx.scratch(bytes);
  task.tables = tables.as<char>();
  ctx.stream.enqueue("interpolate", {&out}, {&x},
                     [=](Exec& exec) { wide ? run<double>(exec, task) : run<float>(exec, task); });
}

}  // namespace nabla::ops
