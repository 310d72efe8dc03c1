// Group normalization on the kernels of batch normalization (kernels/cpu/norm.h), with statistics per image and group.
#include <algorithm>
#include <cmath>

#include "layer_norm.h"

namespace nabla::ops {

namespace {

constexpr int64_t kGrain = 32 * 1024;  // elements per chunk

char* dataOf(const Tensor* t) { return t ? t->data : nullptr; }

template <class T>
double valueOr(const char* data, int64_t i, double absent) {
  return data ? static_cast<double>(reinterpret_cast<const T*>(data)[i]) : absent;
}

// [N, C, ...] with the channels innermost (columns), or as runs of `spatial` elements, one per image and channel.
// Images with columns are cut into bands of pixels.
struct Plan {
  bool columns, wide;
  int64_t images, channels, spatial, groups, perGroup;
  int64_t bandPixels, bands, runsPerChunk;

  Plan(const Tensor& x, int64_t groups) : wide(x.dtype == DType::kFloat64), groups(groups) {
    images = x.shape[0], channels = x.shape[1], spatial = 1;
    for (int i = 2; i < x.ndim; i++) spatial *= x.shape[i];
    perGroup = channels / groups;
    columns = channels > 1 && (spatial == 1 || x.strides[1] == 1);
    bandPixels = std::max<int64_t>(1, kGrain / channels);
    bands = columns ? ceilDiv(spatial, bandPixels) : 1;
    runsPerChunk = std::max<int64_t>(1, kGrain / spatial);
  }
  int64_t item() const { return wide ? 8 : 4; }
  int64_t size() const { return images * channels; }
  int64_t parts() const { return columns ? bands : 1; }  // partial sums of each image and channel
  double groupCount() const { return static_cast<double>(perGroup * spatial); }
  // One scratch block: two partial sums per part, image and channel, and four parameter rows [N, C].
  size_t scratchBytes() const { return static_cast<size_t>((2 * parts() + 4) * size()) * sizeof(double); }

  // columns(shape, element offset, image, band)
  template <class F>
  void overBands(Exec& exec, F f) const {
    exec.parallelFor(images * bands, [&](int64_t chunk) {
      const int64_t image = chunk / bands, band = chunk % bands, pixel = band * bandPixels;
      const cpu::NormColumns s{channels, std::min(bandPixels, spatial - pixel), channels};
      f(s, (image * spatial + pixel) * channels, image, band);
    });
  }
  // f(first run, end)
  template <class F>
  void overRuns(Exec& exec, F f) const {
    exec.parallelFor(ceilDiv(size(), runsPerChunk),
                     [&](int64_t chunk) { f(chunk * runsPerChunk, std::min(size(), (chunk + 1) * runsPerChunk)); });
  }
};

struct Work {
  double *first, *second;
  char* parameters;
  Work(const Plan& p, double* memory)
      : first(memory),
        second(memory + p.parts() * p.size()),
        parameters(reinterpret_cast<char*>(second + p.parts() * p.size())) {}
  template <class T>
  T* row(const Plan& p, int i) const {
    return reinterpret_cast<T*>(parameters) + i * p.size();
  }
};

struct Forward {
  const cpu::NormKernels* kernels;
  Plan plan;
  double* memory;
  char *x, *out, *weight, *bias, *mean, *rstd;
  double eps;

  template <class T>
  void run(Exec& exec) const {
    const Plan& p = plan;
    const Work w(p, memory);
    const T* from = reinterpret_cast<const T*>(x);
    T* to = reinterpret_cast<T*>(out);
    if (p.columns) {
      p.overBands(exec, [&](const cpu::NormColumns& s, int64_t offset, int64_t image, int64_t band) {
        const int64_t at = band * p.size() + image * p.channels;
        kernels->moments[p.wide](s, from + offset, w.first + at, w.second + at);
      });
    } else {
      p.overRuns(exec, [&](int64_t begin, int64_t end) {
        for (int64_t run = begin; run < end; run++)
          kernels->momentsRuns[p.wide](cpu::NormRuns{0, 1, p.spatial}, from + run * p.spatial, w.first + run,
                                       w.second + run);
      });
    }
    makeParameters<T>(w);
    const T *center = w.row<T>(p, 0), *scale = w.row<T>(p, 1), *shift = w.row<T>(p, 2);
    if (p.columns) {
      p.overBands(exec, [&](const cpu::NormColumns& s, int64_t offset, int64_t image, int64_t) {
        const int64_t at = image * p.channels;
        kernels->affine[p.wide](s, from + offset, to + offset, center + at, scale + at, shift + at);
      });
    } else {
      p.overRuns(exec, [&](int64_t begin, int64_t end) {
        kernels->affineRuns[p.wide](begin, end, p.spatial, p.size(), from, to, center, scale, shift);
      });
    }
  }

  double partCount(int64_t part) const {
    if (!plan.columns) return static_cast<double>(plan.spatial);
    return static_cast<double>(std::min(plan.bandPixels, plan.spatial - part * plan.bandPixels));
  }

  template <class T>
  void makeParameters(const Work& w) const {
    const Plan& p = plan;
    for (int64_t g = 0; g < p.images * p.groups; g++) {
      const int64_t channel = g % p.groups * p.perGroup, begin = g / p.groups * p.channels + channel;
      double m = 0, m2 = 0;
      const double n = p.groupCount();
      overParts(p, begin, [&](int64_t part, int64_t i) { m += w.first[i] * (partCount(part) / n); });
      overParts(p, begin, [&](int64_t part, int64_t i) {
        m2 += w.second[i] + partCount(part) * (w.first[i] - m) * (w.first[i] - m);
      });
      const double inv = 1 / std::sqrt(m2 / n + eps);
      reinterpret_cast<T*>(mean)[g] = static_cast<T>(m);
      reinterpret_cast<T*>(rstd)[g] = static_cast<T>(inv);
      const T center = static_cast<T>(m);
      for (int64_t c = 0; c < p.perGroup; c++) {
        const double factor = valueOr<T>(weight, channel + c, 1) * inv;
        w.row<T>(p, 0)[begin + c] = center;
        w.row<T>(p, 1)[begin + c] = static_cast<T>(factor);
        // What rounding took from the mean.
        const double lost = (static_cast<double>(center) - m) * factor;
        w.row<T>(p, 2)[begin + c] = static_cast<T>(valueOr<T>(bias, channel + c, 0) + lost);
      }
    }
  }

  // f(part, index of the partial sum) for the channels of the group that begins at `begin`.
  template <class F>
  static void overParts(const Plan& p, int64_t begin, F f) {
    for (int64_t part = 0; part < p.parts(); part++)
      for (int64_t c = 0; c < p.perGroup; c++) f(part, part * p.size() + begin + c);
  }
};

struct Backward {
  const cpu::NormKernels* kernels;
  Plan plan;
  double* memory;
  char *gradX, *gradWeight, *gradBias, *gradOut, *x, *weight, *mean, *rstd;

  template <class T>
  void run(Exec& exec) const {
    const Plan& p = plan;
    const Work w(p, memory);
    const T *g = reinterpret_cast<const T*>(gradOut), *from = reinterpret_cast<const T*>(x);
    T *to = reinterpret_cast<T*>(gradX), *center = w.row<T>(p, 0);
    for (int64_t i = 0; i < p.size(); i++)
      center[i] = reinterpret_cast<const T*>(mean)[i / p.channels * p.groups + i % p.channels / p.perGroup];
    if (p.columns) {
      p.overBands(exec, [&](const cpu::NormColumns& s, int64_t offset, int64_t image, int64_t band) {
        const int64_t at = band * p.size() + image * p.channels;
        kernels->gradSums[p.wide](s, g + offset, from + offset, center + image * p.channels, w.first + at,
                                  w.second + at);
      });
    } else {
      p.overRuns(exec, [&](int64_t begin, int64_t end) {
        for (int64_t run = begin; run < end; run++)
          kernels->gradSumsRuns[p.wide](cpu::NormRuns{0, 1, p.spatial}, g + run * p.spatial, from + run * p.spatial,
                                        center + run, w.first + run, w.second + run);
      });
    }
    makeParameters<T>(w);
    if (!to) return;
    const T *scale = w.row<T>(p, 1), *slope = w.row<T>(p, 2), *shift = w.row<T>(p, 3);
    if (p.columns) {
      p.overBands(exec, [&](const cpu::NormColumns& s, int64_t offset, int64_t image, int64_t) {
        const int64_t at = image * p.channels;
        kernels->gradInput[p.wide](s, g + offset, from + offset, to + offset, center + at, scale + at, slope + at,
                                   shift + at);
      });
    } else {
      p.overRuns(exec, [&](int64_t begin, int64_t end) {
        kernels->gradInputRuns[p.wide](begin, end, p.spatial, p.size(), g, from, to, center, scale, slope, shift);
      });
    }
  }

  template <class T>
  void makeParameters(const Work& w) const {
    const Plan& p = plan;
    for (int64_t part = 1; part < p.parts(); part++)
      for (int64_t i = 0; i < p.size(); i++)
        w.first[i] += w.first[part * p.size() + i], w.second[i] += w.second[part * p.size() + i];
    for (int64_t group = 0; group < p.images * p.groups; group++) {
      const int64_t channel = group % p.groups * p.perGroup, begin = group / p.groups * p.channels + channel;
      const double inv = static_cast<double>(reinterpret_cast<const T*>(rstd)[group]);
      double sum = 0, dot = 0;
      for (int64_t c = 0; c < p.perGroup; c++) {
        const double factor = valueOr<T>(weight, channel + c, 1);
        sum += factor * w.first[begin + c], dot += factor * w.second[begin + c];
      }
      for (int64_t c = 0; c < p.perGroup; c++) {
        w.row<T>(p, 1)[begin + c] = static_cast<T>(valueOr<T>(weight, channel + c, 1) * inv);
        w.row<T>(p, 2)[begin + c] = static_cast<T>(-inv * inv * inv * dot / p.groupCount());
        w.row<T>(p, 3)[begin + c] = static_cast<T>(-inv * sum / p.groupCount());
      }
    }
    for (int64_t c = 0; c < p.channels; c++) {
      double sum = 0, dot = 0;
      for (int64_t image = 0; image < p.images; image++) {
        const int64_t i = image * p.channels + c;
        const T* r = reinterpret_cast<const T*>(rstd) + image * p.groups;
        sum += w.first[i], dot += w.second[i] * static_cast<double>(r[c / p.perGroup]);
      }
      if (gradWeight) reinterpret_cast<T*>(gradWeight)[c] = static_cast<T>(dot);
      if (gradBias) reinterpret_cast<T*>(gradBias)[c] = static_cast<T>(sum);
    }
  }
};

}  // namespace

void groupNorm(Context& ctx, const Tensor& out, const Tensor& x, const Tensor* weight, const Tensor* bias,
               const Tensor& mean, const Tensor& rstd, int64_t groups, double eps) {
  if (x.numel() == 0) return;
  const Plan plan(x, groups);
  const Scratch scratch = ctx.scratch(plan.scratchBytes());
  const Forward task{
      &ctx.kernels.norm, plan, scratch.as<double>(), x.data, out.data, dataOf(weight), dataOf(bias), mean.data,
      rstd.data,         eps};
  ctx.stream.enqueue("groupNorm", {&out, &mean, &rstd}, {&x, weight, bias},
                     [task](Exec& exec) { task.plan.wide ? task.run<double>(exec) : task.run<float>(exec); });
}

void groupNormBackward(Context& ctx, const Tensor* gradX, const Tensor* gradWeight, const Tensor* gradBias,
                       const Tensor& gradOut, const Tensor& x, const Tensor* weight, const Tensor& mean,
                       const Tensor& rstd, int64_t groups) {
  const Plan plan(x, groups);
  const Scratch scratch = ctx.scratch(std::max<size_t>(1, plan.scratchBytes()));
  const Backward task{
      &ctx.kernels.norm, plan,   scratch.as<double>(), dataOf(gradX), dataOf(gradWeight), dataOf(gradBias),
      gradOut.data,      x.data, dataOf(weight),       mean.data,     rstd.data};
  const Tensor* outs[] = {gradX, gradWeight, gradBias};
  const Tensor* ins[] = {&gradOut, &x, weight, &mean, &rstd};
  ctx.stream.enqueueList("groupNormBackward", outs, 3, ins, 5,
                         [task](Exec& exec) { task.plan.wide ? task.run<double>(exec) : task.run<float>(exec); });
}

}  // namespace nabla::ops
