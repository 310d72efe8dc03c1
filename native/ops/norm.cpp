#include "norm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace nabla::ops {

namespace {

constexpr int64_t kGrain = 64 * 1024;     // elements per chunk
constexpr int64_t kNone = 0, kRelu6 = 2;  // the activation; 1 is relu

// A [C] tensor as a task keeps it; `data` null: absent.
struct Vector {
  char* data = nullptr;
  int64_t stride = 0;
  Vector() = default;
  explicit Vector(const Tensor* t) : data(t ? t->data : nullptr), stride(t && t->ndim ? t->strides[0] : 0) {}
  template <class T>
  double get(int64_t c, double absent) const {
    return data ? static_cast<double>(reinterpret_cast<const T*>(data)[c * stride]) : absent;
  }
  template <class T>
  void set(int64_t c, double v) const {
    if (data) reinterpret_cast<T*>(data)[c * stride] = static_cast<T>(v);
  }
};

// How [N, C, ...] is cut up. Channels innermost: rows of channels, several rows taken as one long row where channels
// are few or do not fill vectors, so a "column" is channel (column % C). Otherwise: runs of `spatial` elements, one per
// image and channel.
struct Plan {
  bool runs, wide;        // wide: float64
  bool streamed = false;  // the result is too large for the caches
  int64_t images, channels, spatial;
  int64_t width, rows, rest, rowsPerChunk, rowChunks, columnsPerChunk, columnChunks;
  int64_t imagesPerChunk, imageChunks, channelsPerChunk, channelChunks;

  // `out`: what is written, may be null.
  Plan(const Context& ctx, const Tensor& x, const Tensor* out) {
    wide = x.dtype == DType::kFloat64;
    images = x.shape[0], channels = x.shape[1], spatial = 1;
    for (int i = 2; i < x.ndim; i++) spatial *= x.shape[i];
    runs = channels != 1 && spatial != 1 && x.strides[1] != 1 && x.numel() > 0;
    const int64_t all = images * spatial;
    int64_t fold = 1;
    if (channels < 64 || (channels % 16 != 0 && channels < 1024)) {
      fold = 16 / std::gcd<int64_t>(channels, 16);
      fold *= ceilDiv(64, fold * channels);
      fold = std::clamp<int64_t>(fold, 1, std::max<int64_t>(1, all));
    }
    width = fold * channels, rows = all / fold, rest = all % fold * channels;
    columnsPerChunk = width > 1024 ? 512 : width;
    columnChunks = ceilDiv(width, columnsPerChunk);
    rowsPerChunk = std::max<int64_t>(16, kGrain / columnsPerChunk);
    rowChunks = ceilDiv(rows, rowsPerChunk);
    imagesPerChunk = std::clamp<int64_t>(kGrain / std::max<int64_t>(1, spatial), 1, std::max<int64_t>(1, images));
    imageChunks = ceilDiv(images, imagesPerChunk);
    channelsPerChunk = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, imagesPerChunk * spatial));
    channelChunks = ceilDiv(channels, channelsPerChunk);
    streamed = out && streamsRows(ctx, *out, runs ? spatial : width);
  }
  size_t item() const { return wide ? 8 : 4; }
  int64_t count() const { return images * spatial; }
  int64_t parameters() const { return runs ? channels : width; }
  // Partial sums: one pair of rows of `parameters()` doubles per part, over partCount() elements of each channel's
  // share.
  int64_t parts() const { return runs ? imageChunks : rowChunks + (rest > 0); }
  double partCount(int64_t part) const {
    if (runs)
      return static_cast<double>((std::min(images, (part + 1) * imagesPerChunk) - part * imagesPerChunk) * spatial);
    return part == rowChunks ? 1.0
                             : static_cast<double>(std::min(rows, (part + 1) * rowsPerChunk) - part * rowsPerChunk);
  }
  int64_t partWidth(int64_t part) const { return !runs && part == rowChunks ? rest : parameters(); }

  // columns(shape, element offset, first column, part), runs(shape, element offset, channel, part), over all chunks.
  // Backwards: what was read last is still in the caches.
  template <class Columns, class Runs>
  void overParts(Exec& exec, Columns columns, Runs eachRun, bool backwards = false) const {
    const Plan& p = *this;
    if (runs) {
      exec.parallelFor(imageChunks * channelChunks, [&](int64_t chunk) {
        const int64_t part = chunk / p.channelChunks, first = chunk % p.channelChunks * p.channelsPerChunk;
        const int64_t image = part * p.imagesPerChunk, count = std::min(p.imagesPerChunk, p.images - image);
        for (int64_t c = first; c < std::min(p.channels, first + p.channelsPerChunk); c++)
          eachRun(cpu::NormRuns{p.channels * p.spatial, count, p.spatial}, (image * p.channels + c) * p.spatial, c,
                  part);
      });
      return;
    }
    const int64_t chunks = rowChunks * columnChunks + (rest > 0);
    exec.parallelFor(chunks, [&](int64_t i) {
      const int64_t chunk = backwards ? chunks - 1 - i : i;
      if (chunk == p.rowChunks * p.columnChunks)
        return columns(cpu::NormColumns{p.width, 1, p.rest, false}, p.rows * p.width, 0, p.rowChunks);
      const int64_t part = chunk / p.columnChunks, column = chunk % p.columnChunks * p.columnsPerChunk;
      const int64_t row = part * p.rowsPerChunk;
      columns(cpu::NormColumns{p.width, std::min(p.rowsPerChunk, p.rows - row),
                               std::min(p.columnsPerChunk, p.width - column), p.streamed},
              row * p.width + column, column, part);
      if (p.streamed) storeFence();
    });
  }
  // columns as above without the part; eachRun(first run, end) over all runs.
  template <class Columns, class Runs>
  void overAll(Exec& exec, Columns columns, Runs eachRun) const {
    if (!runs)
      return overParts(
          exec, [&](auto s, int64_t at, int64_t c, int64_t) { columns(s, at, c); }, [](auto...) {}, true);
    const int64_t total = images * channels, grain = std::max<int64_t>(1, kGrain / spatial);
    exec.parallelFor(ceilDiv(total, grain),
                     [&](int64_t chunk) { eachRun(chunk * grain, std::min(total, (chunk + 1) * grain)); });
  }
};

// One scratch block: partial sums, two totals per channel, parameter rows of the element type.
struct Work {
  static constexpr int kRows = 6;
  double *partials, *totals;
  char* parameters;
  static size_t bytes(const Plan& p) {
    return static_cast<size_t>(p.parts() * 2 * p.parameters() + 2 * p.channels + kRows * p.parameters()) *
           sizeof(double);
  }
  Work(const Plan& p, double* memory)
      : partials(memory),
        totals(memory + p.parts() * 2 * p.parameters()),
        parameters(reinterpret_cast<char*>(totals + 2 * p.channels)) {}
};

double* first(const Plan& p, const Work& w, int64_t part) { return w.partials + part * 2 * p.parameters(); }
double* second(const Plan& p, const Work& w, int64_t part) { return first(p, w, part) + p.parameters(); }

// f(channel, partial of the first kind, of the second kind, part) in a fixed order.
template <class F>
void overPartials(const Plan& p, const Work& w, F f) {
  for (int64_t part = 0; part < p.parts(); part++) {
    const double *a = first(p, w, part), *b = second(p, w, part);
    for (int64_t base = 0; base < p.partWidth(part); base += p.channels)
      for (int64_t c = 0; c < p.channels; c++) f(c, a[base + c], b[base + c], part);
  }
}

// Means and sums of squared deviations of the parts become those of the whole.
void combineMoments(const Plan& p, const Work& w, double* mean, double* m2) {
  const double n = static_cast<double>(p.count());
  std::fill(w.totals, w.totals + 2 * p.channels, 0.0);
  overPartials(p, w, [&](int64_t c, double m, double, int64_t part) { mean[c] += m * (p.partCount(part) / n); });
  overPartials(p, w, [&](int64_t c, double m, double v, int64_t part) {
    m2[c] += v + p.partCount(part) * (m - mean[c]) * (m - mean[c]);
  });
}

// Parameter row `row` of the element type: one value per channel, repeated over the columns.
template <class T>
T* parameterRow(const Plan& p, const Work& w, int row) {
  return reinterpret_cast<T*>(w.parameters) + row * p.parameters();
}
template <class T>
void repeatParameters(const Plan& p, const Work& w, int rows) {
  for (int row = 0; row < rows; row++) {
    T* v = parameterRow<T>(p, w, row);
    for (int64_t i = p.channels; i < p.parameters(); i++) v[i] = v[i - p.channels];
  }
}

struct Forward {
  const cpu::NormKernels* kernels;
  Plan plan;
  double* memory;
  char *x, *out;
  Vector weight, bias, runningMean, runningVar, saveMean, saveInvStd, saveScale, saveShift;
  cpu::NormFinish finish;
  double momentum, eps;
  bool training;

  template <class T>
  void run(Exec& exec) const {
    const Work w(plan, memory);
    double *mean = w.totals, *m2 = w.totals + plan.channels;
    if (training) {
      plan.overParts(
          exec,
          [&](const cpu::NormColumns& s, int64_t at, int64_t c, int64_t part) {
            kernels->moments[plan.wide](s, reinterpret_cast<T*>(x) + at, first(plan, w, part) + c,
                                        second(plan, w, part) + c);
          },
          [&](const cpu::NormRuns& s, int64_t at, int64_t c, int64_t part) {
            kernels->momentsRuns[plan.wide](s, reinterpret_cast<T*>(x) + at, first(plan, w, part) + c,
                                            second(plan, w, part) + c);
          });
      combineMoments(plan, w, mean, m2);
    }
    const T *center = parameterRow<T>(plan, w, 0), *scale = parameterRow<T>(plan, w, 1),
            *shift = parameterRow<T>(plan, w, 2);
    makeParameters<T>(w, mean, m2);
    plan.overAll(
        exec,
        [&](const cpu::NormColumns& s, int64_t at, int64_t c) {
          cpu::NormFinish here = finish;
          if (finish.addend) here.addend = static_cast<const T*>(finish.addend) + at;
          kernels->affine[plan.wide](s, reinterpret_cast<T*>(x) + at, reinterpret_cast<T*>(out) + at, center + c,
                                     scale + c, shift + c, here);
        },
        [&](int64_t begin, int64_t end) {
          kernels->affineRuns[plan.wide](begin, end, plan.spatial, plan.channels, x, out, center, scale, shift, finish,
                                         plan.streamed);
          if (plan.streamed) storeFence();
        });
  }

  template <class T>
  void updateRunning() const {
    const Work w(plan, memory);
    const double *mean = w.totals, *m2 = w.totals + plan.channels;
    const double n = static_cast<double>(plan.count());
    for (int64_t c = 0; c < plan.channels; c++) {
      runningMean.set<T>(c, (1 - momentum) * runningMean.get<T>(c, 0) + momentum * mean[c]);
      runningVar.set<T>(c, (1 - momentum) * runningVar.get<T>(c, 0) + momentum * (m2[c] / (n - 1)));
    }
  }

  // The mean rounds to T; what rounding took goes into the shift.
  template <class T>
  void makeParameters(const Work& w, const double* mean, const double* m2) const {
    const double n = static_cast<double>(plan.count());
    for (int64_t c = 0; c < plan.channels; c++) {
      const double m = training ? mean[c] : runningMean.get<T>(c, 0);
      const double var = !training ? runningVar.get<T>(c, 1) : n > 0 ? m2[c] / n : 0;
      const double invStd = 1 / std::sqrt(var + eps), factor = weight.get<T>(c, 1) * invStd;
      const T center = static_cast<T>(m);
      parameterRow<T>(plan, w, 0)[c] = center;
      parameterRow<T>(plan, w, 1)[c] = static_cast<T>(factor);
      parameterRow<T>(plan, w, 2)[c] = static_cast<T>(bias.get<T>(c, 0) + (static_cast<double>(center) - m) * factor);
      saveMean.set<T>(c, m);
      saveInvStd.set<T>(c, invStd);
      saveScale.set<T>(c, static_cast<double>(parameterRow<T>(plan, w, 1)[c]));
      saveShift.set<T>(c, static_cast<double>(parameterRow<T>(plan, w, 2)[c]));
    }
    repeatParameters<T>(plan, w, 3);
  }
};

struct Backward {
  const cpu::NormKernels* kernels;
  Plan plan;
  double* memory;
  char *gradX, *gradOut, *x;
  Vector gradWeight, gradBias, weight, mean, invStd, gateScale, gateShift;
  double low, high;  // NaN: no bound
  bool training;

  template <class T>
  void run(Exec& exec) const {
    const Work w(plan, memory);
    double *sum = w.totals, *dot = w.totals + plan.channels;
    T *center = parameterRow<T>(plan, w, 0), *scale = parameterRow<T>(plan, w, 1);
    T *slope = parameterRow<T>(plan, w, 2), *shift = parameterRow<T>(plan, w, 3);
    T *gateBy = parameterRow<T>(plan, w, 4), *gateFrom = parameterRow<T>(plan, w, 5);
    for (int64_t c = 0; c < plan.channels; c++) {
      center[c] = static_cast<T>(mean.get<T>(c, 0));
      gateBy[c] = static_cast<T>(gateScale.get<T>(c, 0)), gateFrom[c] = static_cast<T>(gateShift.get<T>(c, 0));
    }
    repeatParameters<T>(plan, w, 6);
    auto gate = [&](int64_t c) { return cpu::NormGate{gateBy + c, gateFrom + c, low, high}; };
    if (training || gradWeight.data || gradBias.data) {
      plan.overParts(
          exec,
          [&](const cpu::NormColumns& s, int64_t at, int64_t c, int64_t part) {
            kernels->gradSums[plan.wide](s, reinterpret_cast<T*>(gradOut) + at, reinterpret_cast<T*>(x) + at,
                                         center + c, gate(c), first(plan, w, part) + c, second(plan, w, part) + c);
          },
          [&](const cpu::NormRuns& s, int64_t at, int64_t c, int64_t part) {
            kernels->gradSumsRuns[plan.wide](s, reinterpret_cast<T*>(gradOut) + at, reinterpret_cast<T*>(x) + at,
                                             center + c, gate(c), first(plan, w, part) + c, second(plan, w, part) + c);
          });
      std::fill(w.totals, w.totals + 2 * plan.channels, 0.0);
      overPartials(plan, w, [&](int64_t c, double a, double b, int64_t) { sum[c] += a, dot[c] += b; });
    }
    makeParameters<T>(w, sum, dot);
    if (!gradX) return;
    const T* from = training || gateScale.data ? reinterpret_cast<T*>(x) : nullptr;
    plan.overAll(
        exec,
        [&](const cpu::NormColumns& s, int64_t at, int64_t c) {
          kernels->gradInput[plan.wide](s, reinterpret_cast<T*>(gradOut) + at, from ? from + at : nullptr,
                                        reinterpret_cast<T*>(gradX) + at, center + c, scale + c, slope + c, shift + c,
                                        gate(c));
        },
        [&](int64_t begin, int64_t end) {
          kernels->gradInputRuns[plan.wide](begin, end, plan.spatial, plan.channels, gradOut, from, gradX, center,
                                            scale, slope, shift, gate(0), plan.streamed);
          if (plan.streamed) storeFence();
        });
  }

  template <class T>
  void makeParameters(const Work& w, const double* sum, const double* dot) const {
    const double n = static_cast<double>(plan.count());
    for (int64_t c = 0; c < plan.channels; c++) {
      const double inv = invStd.get<T>(c, 1), factor = weight.get<T>(c, 1) * inv;
      parameterRow<T>(plan, w, 1)[c] = static_cast<T>(factor);
      parameterRow<T>(plan, w, 2)[c] = static_cast<T>(training ? -factor * inv * inv * dot[c] / n : 0);
      parameterRow<T>(plan, w, 3)[c] = static_cast<T>(training ? -factor * sum[c] / n : 0);
      gradWeight.set<T>(c, dot[c] * inv);
      gradBias.set<T>(c, sum[c]);
    }
    repeatParameters<T>(plan, w, 4);
  }
};

}  // namespace

void batchNorm(Context& ctx, const Tensor& out, const Tensor& x, const Tensor* weight, const Tensor* bias,
               const Tensor* addend, const Tensor* runningMean, const Tensor* runningVar, const Tensor* saveMean,
               const Tensor* saveInvStd, const Tensor* saveScale, const Tensor* saveShift, double momentum, double eps,
               bool training, int64_t activation) {
  if (x.shape[1] == 0) return;
  const Plan plan(ctx, x, &out);
  const Scratch scratch = ctx.scratch(Work::bytes(plan));
  cpu::NormFinish finish;
  if (addend) finish.addend = addend->data;
  if (activation != kNone) finish.low = 0;
  if (activation == kRelu6) finish.high = 6;
  const Forward task{&ctx.kernels.norm,
                     plan,
                     scratch.as<double>(),
                     x.data,
                     out.data,
                     Vector(weight),
                     Vector(bias),
                     Vector(runningMean),
                     Vector(runningVar),
                     Vector(saveMean),
                     Vector(saveInvStd),
                     Vector(saveScale),
                     Vector(saveShift),
                     finish,
                     momentum,
                     eps,
                     training};
  const Tensor* outs[] = {&out, saveMean, saveInvStd, saveScale, saveShift};
  const Tensor* ins[] = {&x, weight, bias, addend, training ? nullptr : runningMean, training ? nullptr : runningVar};
  ctx.stream.enqueueList("batchNorm", outs, 5, ins, 6,
                         [task](Exec& exec) { task.plan.wide ? task.run<double>(exec) : task.run<float>(exec); });
  if (!training || plan.count() == 0 || !(runningMean || runningVar)) return;
  // A task of its own: a failed batch must not spoil what the model has learned. The moments are in the scratch.
  const Tensor* statistics[] = {runningMean, runningVar};
  const Tensor* from[] = {&out, runningMean, runningVar};
  ctx.stream.enqueueList(
      "batchNormStatistics", statistics, 2, from, 3,
      [task](Exec&) { task.plan.wide ? task.updateRunning<double>() : task.updateRunning<float>(); }, OnError::kKeep);
}

void batchNormBackward(Context& ctx, const Tensor* gradX, const Tensor* gradWeight, const Tensor* gradBias,
                       const Tensor& gradOut, const Tensor& x, const Tensor* weight, const Tensor& mean,
                       const Tensor& invStd, const Tensor* scale, const Tensor* shift, bool training,
                       int64_t activation) {
  if (x.shape[1] == 0) return;
  const Plan plan(ctx, x, gradX);
  const Scratch scratch = ctx.scratch(Work::bytes(plan));
  const double absent = std::numeric_limits<double>::quiet_NaN();
  const Backward task{&ctx.kernels.norm,
                      plan,
                      scratch.as<double>(),
                      gradX ? gradX->data : nullptr,
                      gradOut.data,
                      x.data,
                      Vector(gradWeight),
                      Vector(gradBias),
                      Vector(weight),
                      Vector(&mean),
                      Vector(&invStd),
                      Vector(scale),
                      Vector(shift),
                      activation == kNone ? absent : 0,
                      activation == kRelu6 ? 6 : absent,
                      training};
  const Tensor* outs[] = {gradX, gradWeight, gradBias};
  const Tensor* ins[] = {&gradOut, &x, weight, &mean, &invStd, scale, shift};
  ctx.stream.enqueueList("batchNormBackward", outs, 3, ins, 7,
                         [task](Exec& exec) { task.plan.wide ? task.run<double>(exec) : task.run<float>(exec); });
}

}  // namespace nabla::ops
