// Group normalization on the kernels of batch normalization (kernels/cpu/norm.h), with statistics per image and group.
#include <algorithm>
#include <cmath>

#include "layer_norm.h"

namespace nabla::ops {

namespace {

constexpr int64_t kGrain = 32 * 1024;  // elements per chunk
constexpr int64_t kManyUnits = 8;

char* dataOf(const Tensor* t) { return t ? t->data : nullptr; }

template <class T>
double valueOr(const char* data, int64_t i, double absent) {
  return data ? static_cast<double>(reinterpret_cast<const T*>(data)[i]) : absent;
}

// [N, C, ...] with the channels innermost (columns), or as runs of `spatial` elements, one per image and channel.
// Images with columns are cut into bands of pixels. A unit is what has statistics of its own: an image with columns, or
// a group of runs. Enough units are taken one by one, so that the second pass finds them in the caches; few of them by
// all threads together, pass by pass.
struct Plan {
  bool columns, wide;
  bool streamed = false;  // the result is too large for the caches
  int64_t images, channels, spatial, groups, perGroup;
  int64_t bandPixels, bands;

  // `out`: what is written, may be null.
  Plan(const Context& ctx, const Tensor& x, const Tensor* out, int64_t groups)
      : wide(x.dtype == DType::kFloat64), groups(groups) {
    images = x.shape[0], channels = x.shape[1], spatial = 1;
    for (int i = 2; i < x.ndim; i++) spatial *= x.shape[i];
    perGroup = channels / groups;
    columns = channels > 1 && (spatial == 1 || x.strides[1] == 1);
    bandPixels = std::max<int64_t>(1, kGrain / channels);
    bands = columns ? ceilDiv(spatial, bandPixels) : 1;
    streamed = out && streamsRows(ctx, *out, columns ? channels : spatial);
  }
  int64_t item() const { return wide ? 8 : 4; }
  int64_t size() const { return images * channels; }
  int64_t parts() const { return columns ? bands : 1; }  // partial sums of each image and channel
  double groupCount() const { return static_cast<double>(perGroup * spatial); }
  // One scratch block: two partial sums per part, image and channel, and four parameter rows [N, C].
  size_t scratchBytes() const { return static_cast<size_t>((2 * parts() + 4) * size()) * sizeof(double); }

  int64_t units() const { return columns ? images : images * groups; }
  int64_t groupsPerUnit() const { return columns ? groups : 1; }

  // first(unit, part) for all parts of a unit (bands, or runs), then middle(unit), then second(unit, part).
  template <class First, class Middle, class Second>
  void overUnits(Exec& exec, First first, Middle middle, Second second) const {
    const int64_t parts = columns ? bands : perGroup;
    const auto finish = [&] {
      if (streamed) storeFence();
    };
    if (units() >= kManyUnits) {
      const int64_t together =
          std::max<int64_t>(1, kGrain / std::max<int64_t>(1, images * channels * spatial / units()));
      exec.parallelFor(ceilDiv(units(), together), [&](int64_t chunk) {
        for (int64_t u = chunk * together; u < std::min(units(), (chunk + 1) * together); u++) {
          for (int64_t part = 0; part < parts; part++) first(u, part);
          middle(u);
          for (int64_t part = parts; part-- > 0;) second(u, part);  // what was read last is in the nearest cache
        }
        finish();
      });
      return;
    }
    exec.parallelFor(units() * parts, [&](int64_t i) { first(i / parts, i % parts); });
    for (int64_t u = 0; u < units(); u++) middle(u);
    exec.parallelFor(units() * parts, [&](int64_t i) {
      second(i / parts, i % parts);
      finish();
    });
  }
  cpu::NormColumns band(int64_t part) const {
    return {channels, std::min(bandPixels, spatial - part * bandPixels), channels, streamed};
  }
  // Elements before a part of a unit.
  int64_t offsetOf(int64_t unit, int64_t part) const {
    return columns ? (unit * spatial + part * bandPixels) * channels : (unit * perGroup + part) * spatial;
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
    const T *center = w.row<T>(p, 0), *scale = w.row<T>(p, 1), *shift = w.row<T>(p, 2);
    p.overUnits(
        exec,
        [&](int64_t unit, int64_t part) {
          const int64_t offset = p.offsetOf(unit, part);
          if (p.columns) {
            const int64_t at = part * p.size() + unit * p.channels;
            return kernels->moments[p.wide](p.band(part), from + offset, w.first + at, w.second + at);
          }
          const int64_t run = unit * p.perGroup + part;
          kernels->momentsRuns[p.wide](cpu::NormRuns{0, 1, p.spatial}, from + offset, w.first + run, w.second + run);
        },
        [&](int64_t unit) { makeParameters<T>(w, unit); },
        [&](int64_t unit, int64_t part) {
          const int64_t offset = p.offsetOf(unit, part), at = unit * p.channels;
          if (p.columns) {
            return kernels->affine[p.wide](p.band(part), from + offset, to + offset, center + at, scale + at,
                                           shift + at, cpu::NormFinish{});
          }
          const int64_t run = unit * p.perGroup + part;
          kernels->affineRuns[p.wide](run, run + 1, p.spatial, p.size(), from, to, center, scale, shift,
                                      cpu::NormFinish{}, p.streamed);
        });
  }

  double partCount(int64_t part) const {
    if (!plan.columns) return static_cast<double>(plan.spatial);
    return static_cast<double>(std::min(plan.bandPixels, plan.spatial - part * plan.bandPixels));
  }

  template <class T>
  void makeParameters(const Work& w, int64_t unit) const {
    const Plan& p = plan;
    for (int64_t g = unit * p.groupsPerUnit(); g < (unit + 1) * p.groupsPerUnit(); g++) {
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
    const T *scale = w.row<T>(p, 1), *slope = w.row<T>(p, 2), *shift = w.row<T>(p, 3);
    auto open = [&](int64_t at) { return cpu::NormGate{center + at, center + at}; };  // lets every gradient pass
    p.overUnits(
        exec,
        [&](int64_t unit, int64_t part) {
          const int64_t offset = p.offsetOf(unit, part);
          if (p.columns) {
            const int64_t first = unit * p.channels, at = part * p.size() + first;
            return kernels->gradSums[p.wide](p.band(part), g + offset, from + offset, center + first, open(first),
                                             w.first + at, w.second + at);
          }
          const int64_t run = unit * p.perGroup + part;
          kernels->gradSumsRuns[p.wide](cpu::NormRuns{0, 1, p.spatial}, g + offset, from + offset, center + run,
                                        open(run), w.first + run, w.second + run);
        },
        [&](int64_t unit) { makeParameters<T>(w, unit); },
        [&](int64_t unit, int64_t part) {
          if (!to) return;
          const int64_t offset = p.offsetOf(unit, part), at = unit * p.channels;
          if (p.columns) {
            return kernels->gradInput[p.wide](p.band(part), g + offset, from + offset, to + offset, center + at,
                                              scale + at, slope + at, shift + at, open(at));
          }
          const int64_t run = unit * p.perGroup + part;
          kernels->gradInputRuns[p.wide](run, run + 1, p.spatial, p.size(), g, from, to, center, scale, slope, shift,
                                         open(0), p.streamed);
        });
    sumParameters<T>(w);
  }

  template <class T>
  void makeParameters(const Work& w, int64_t unit) const {
    const Plan& p = plan;
    const int64_t firstGroup = unit * p.groupsPerUnit(), lastGroup = firstGroup + p.groupsPerUnit();
    for (int64_t part = 1; part < p.parts(); part++)
      for (int64_t i = firstGroup * p.perGroup; i < lastGroup * p.perGroup; i++)
        w.first[i] += w.first[part * p.size() + i], w.second[i] += w.second[part * p.size() + i];
    for (int64_t group = firstGroup; group < lastGroup; group++) {
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
  }

  // Over the images.
  template <class T>
  void sumParameters(const Work& w) const {
    const Plan& p = plan;
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
  const Plan plan(ctx, x, &out, groups);
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
  const Plan plan(ctx, x, gradX, groups);
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
