#include "resize.h"

#include <vector>

#include "resample_axis.h"

namespace nabla::ops {

namespace {

struct Task {
  Tensor out, x, boxes;
  Sampling sampling;
  bool antialias;
  int64_t planes, inner;  // of an image; elements of a pixel
  int64_t height, width;  // of the result
  char* tables;
  size_t tableSize[2];  // of the rows and columns of one box
  const cpu::KernelTable* kernels;

  int64_t images() const { return out.shape[0]; }
  int64_t entries() const { return boxes.shape[0]; }
  const double* box(int64_t n) const { return boxes.ptr<double>() + (entries() > 1 ? n : 0) * 4; }
  char* table(int64_t n, int axis) const {
    const int64_t entry = entries() > 1 ? n : 0;
    return tables + entry * static_cast<int64_t>(tableSize[0] + tableSize[1]) +
           (axis ? static_cast<int64_t>(tableSize[0]) : 0);
  }
  Axis axis(int64_t n, int which) const {
    Axis a;
    a.in = static_cast<int64_t>(box(n)[2 + which]);
    a.out = which ? width : height;
    a.sampling = sampling;
    a.antialias = antialias;
    a.most = mostTaps(a);
    return a;
  }
  // First element of what an image's box shows.
  int64_t start(int64_t n) const {
    return (static_cast<int64_t>(box(n)[0]) * x.shape[3] + static_cast<int64_t>(box(n)[1])) * inner;
  }
};

bool isNearest(Sampling s) { return s == Sampling::kNearest || s == Sampling::kNearestExact; }

// Weights of whole numbers, as many bits as 16 with a sign hold, and at most 22 behind the point: PyTorch's.
size_t intTableBytes(const Axis& a, int64_t step) {
  const int64_t size = a.out * step;
  return static_cast<size_t>(size * (a.most + 2) * static_cast<int64_t>(sizeof(int32_t)) + 63) / 64 * 64;
}

int32_t vectorsAt(const int32_t* first, int64_t size, int64_t step, int64_t lanes) {
  int64_t span = 0;
  const auto look = [&](int64_t o) {
    const int64_t base = first[o] - o % step;
    for (int64_t i = 0; i < lanes; i++) span = std::max<int64_t>(span, first[o + i] - base);
  };
  for (int64_t o = 0; o + lanes <= size; o += lanes) look(o);
  if (size >= lanes) look(size - lanes);
  return span < lanes ? 1 : span < 2 * lanes ? 2 : span < 4 * lanes ? 4 : 0;
}

struct IntTable {
  int32_t *weights, *first, *count;
};

IntTable intTable(const Axis& a, char* memory, int64_t step) {
  const int64_t size = a.out * step;
  int32_t* weights = reinterpret_cast<int32_t*>(memory);
  return {weights, weights + size * a.most, weights + size * (a.most + 1)};
}

// Fills the table of an axis; returns the bits behind the point, or 0 where the size stays.
int32_t fillTable(const Axis& a, char* memory, int64_t step) {
  const IntTable table = intTable(a, memory, step);
  const int64_t size = a.out * step, most = a.most;
  const bool copies = isNearest(a.sampling) || a.in == a.out;
  double* exact = static_cast<double*>(ThreadPool::threadScratch(static_cast<size_t>(a.out * most) * sizeof(double)));
  std::fill(exact, exact + a.out * most, 0.0);
  double largest = 0;
  for (int64_t o = 0; o < a.out; o++) {
    Taps<double> taps{o, 1, exact + o * most};
    if (isNearest(a.sampling)) {
      Taps<float> single{0, 0, reinterpret_cast<float*>(taps.weights)};
      tapsOf<float>(a, stepOf<float>(a), o, single);
      taps.first = single.first;
    } else if (!copies) {
      tapsOf(a, stepOf<double>(a), o, taps);
    }
    for (int64_t k = 0; k < taps.count; k++) largest = std::max(largest, taps.weights[k]);
    for (int64_t i = 0; i < step; i++) {
      table.first[o * step + i] = static_cast<int32_t>(taps.first * step + i);
      table.count[o * step + i] = static_cast<int32_t>(taps.count);
    }
  }
  if (copies) return 0;
  int32_t bits = 0;
  while (bits < 22 && static_cast<int64_t>(0.5 + largest * static_cast<double>(int64_t{1} << (bits + 1))) < 32768)
    bits++;
  const auto one = static_cast<double>(int64_t{1} << bits);
  for (int64_t k = 0; k < most; k++)
    for (int64_t o = 0; o < a.out; o++) {
      const double w = exact[o * most + k] * one;
      const auto whole = static_cast<int32_t>(w < 0 ? w - 0.5 : w + 0.5);
      std::fill_n(table.weights + k * size + o * step, step, whole);
    }
  return bits;
}

cpu::ResizeTaps tapsFrom(const Axis& a, char* memory, int64_t step, int32_t bits, int64_t lanes) {
  const IntTable table = intTable(a, memory, step);
  const int64_t size = a.out * step, most = bits == 0 ? 1 : a.most;
  const int32_t reach = bits == 0 ? 1 : vectorsAt(table.first, size, step, lanes);
  return {size, most, step, table.first, table.count, table.weights, bits, reach};
}

// f(image, plane, first row, last row) for all rows of the result, in parts that depend on the sizes only.
template <class F>
void overParts(Exec& exec, const Task& task, F&& f) {
  constexpr int64_t kElements = 32768;
  const int64_t rows = task.height, rowWork = std::max(task.width, task.x.shape[3]) * task.inner;
  const int64_t group = std::clamp<int64_t>(kElements / std::max<int64_t>(rowWork, 1), 1, rows);
  const int64_t parts = ceilDiv(rows, group), all = task.images() * task.planes;
  const int64_t together = parts > 1 ? 1 : std::max<int64_t>(1, kElements / std::max<int64_t>(rows * rowWork, 1));
  exec.parallelFor(ceilDiv(all, together) * parts, [&](int64_t chunk) {
    const int64_t part = chunk % parts, begin = chunk / parts * together;
    for (int64_t i = begin; i < std::min(begin + together, all); i++)
      f(i / task.planes, i % task.planes, part * group, std::min((part + 1) * group, rows));
  });
}

template <class T>
const T* inputOf(const Task& task, int64_t n, int64_t plane) {
  return task.x.ptr<T>() + n * task.x.strides[0] + plane * task.x.strides[1] + task.start(n);
}
template <class T>
T* outputOf(const Task& task, int64_t n, int64_t plane) {
  return task.out.ptr<T>() + n * task.out.strides[0] + plane * task.out.strides[1];
}

void runWhole(Exec& exec, const Task& task, int32_t* bits) {
  const auto item = static_cast<int64_t>(itemSize(task.x.dtype));
  const bool near = isNearest(task.sampling);
  const cpu::ResizeKernels& kernels = task.kernels->resize;
  exec.parallelFor(task.entries() * 2, [&](int64_t i) {
    const int which = static_cast<int>(i % 2);
    bits[i] = fillTable(task.axis(i / 2, which), task.table(i / 2, which), which ? task.inner : 1);
  });
  overParts(exec, task, [&](int64_t n, int64_t plane, int64_t from, int64_t to) {
    const int64_t entry = task.entries() > 1 ? n : 0;
    cpu::ResizeImage image{};
    image.in = task.x.data + (n * task.x.strides[0] + plane * task.x.strides[1] + task.start(n)) * item;
    image.out = task.out.data + (n * task.out.strides[0] + plane * task.out.strides[1]) * item;
    image.inRow = task.x.shape[3] * task.inner;
    image.width = static_cast<int64_t>(task.box(n)[3]) * task.inner;
    image.rows = tapsFrom(task.axis(n, 0), task.table(n, 0), 1, bits[entry * 2], kernels.lanes);
    image.columns = tapsFrom(task.axis(n, 1), task.table(n, 1), task.inner, bits[entry * 2 + 1], kernels.lanes);
    if (near) {
      kernels.nearest[item == 1 ? 0 : item == 2 ? 1 : item == 4 ? 2 : 3](image, from, to);
      return;
    }
    const cpu::ResizeTaps &rows = image.rows, &columns = image.columns;
    const int64_t numbers = rows.most * columns.size + image.width + columns.most * columns.step + 4 * kernels.lanes;
    image.scratch = static_cast<int32_t*>(ThreadPool::threadScratch(static_cast<size_t>(numbers) * sizeof(int32_t)));
    kernels.bytes(image, from, to);
  });
}

template <class T>
void runFloats(Exec& exec, const Task& task) {
  const cpu::ResampleKernels& kernels = task.kernels->resample;
  const int row = sizeof(T) == 8;
  std::vector<cpu::ResampleTaps> taps(static_cast<size_t>(task.entries()) * 2);
  exec.parallelFor(task.entries() * 2, [&](int64_t i) {
    const int which = static_cast<int>(i % 2);
    taps[static_cast<size_t>(i)] = tableOf<T>(task.axis(i / 2, which), task.table(i / 2, which), kernels.lanes[row]);
  });
  const int32_t zero = 0, one = 1;
  const T whole = 1;
  overParts(exec, task, [&](int64_t n, int64_t plane, int64_t from, int64_t to) {
    const auto entry = static_cast<size_t>(task.entries() > 1 ? n : 0);
    cpu::ResampleImage image{};
    image.in = inputOf<T>(task, n, plane);
    image.out = outputOf<T>(task, n, plane);
    image.rowStep = task.x.shape[3] * task.inner;
    image.width = static_cast<int64_t>(task.box(n)[3]);
    image.inner = task.inner;
    image.depth = {1, 1, &zero, &one, &whole, true, 1};
    image.height = taps[entry * 2];
    image.row = taps[entry * 2 + 1];
    image.scratch = ThreadPool::threadScratch(static_cast<size_t>(image.width * image.inner) * sizeof(T));
    kernels.rows[row](image, from, to);
  });
}

}  // namespace

void resize(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& boxes, int64_t sampling, bool antialias) {
  if (out.numel() == 0) return;
  Task task{};
  task.out = out;
  task.x = x;
  task.boxes = boxes;
  task.sampling = static_cast<Sampling>(sampling);
  task.antialias = antialias;
  const bool planes = x.isContiguous() && out.isContiguous();
  task.planes = planes ? x.shape[1] : 1;
  task.inner = planes ? 1 : x.shape[1];
  task.height = out.shape[2];
  task.width = out.shape[3];
  task.kernels = &ctx.kernels;
  const bool whole = isNearest(task.sampling) || x.dtype == DType::kUint8;
  if (!whole) kernelFor(x.dtype == DType::kFloat32 || x.dtype == DType::kFloat64 ? &x : nullptr, "resize", x.dtype);
  for (int d = 0; d < 2; d++) {
    // A box takes no more than the whole image.
    Axis axis;
    axis.in = x.shape[2 + d];
    axis.out = out.shape[2 + d];
    axis.sampling = task.sampling;
    axis.antialias = antialias;
    axis.most = mostTaps(axis);
    task.tableSize[d] = whole ? intTableBytes(axis, d ? task.inner : 1) : tableBytes(axis, itemSize(x.dtype));
  }
  const auto entries = static_cast<size_t>(boxes.shape[0]);
  const size_t tables = entries * (task.tableSize[0] + task.tableSize[1]);
  auto memory = ctx.scratch(tables + entries * 2 * sizeof(int32_t));
  task.tables = memory.as<char>();
  ctx.stream.enqueue("resize", {&out}, {&x, &boxes}, [=](Exec& exec) {
    if (whole) return runWhole(exec, task, reinterpret_cast<int32_t*>(task.tables + tables));
    x.dtype == DType::kFloat64 ? runFloats<double>(exec, task) : runFloats<float>(exec, task);
  });
}

}  // namespace nabla::ops
