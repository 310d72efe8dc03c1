#include "conv.h"

#include "conv_plan.h"
#include "winograd.h"

namespace nabla::ops {

namespace {

constexpr double kChunkWork = 8e6;                 // floating-point operations: about 70 us
constexpr double kSmallWork = 0.5e6;               // not worth a second thread
constexpr int64_t kFewItems = 32;                  // below it, items are split further
constexpr int64_t kMostCopied = int64_t{1} << 24;  // elements of a band's copy
constexpr int64_t kColumnGrain = 84;               // a multiple of the widest tiles' rows

// A convolution of channels-last images, forward or backward to the input. Copied into the task.
struct Job {
  ConvAxis h, w;
  ConvAxis::Reach reachH, reachW;
  int64_t images, groups, depth, width;  // source and result channels per group
  int64_t sourceChannels, resultChannels;
  bool byLane, copies;                      // copies: the source needs a rectangle with zeros around it
  int64_t pitch, repeat, planes;            // of such a copy
  int64_t vectors, tileVectors, blocks;     // result channels per group in vectors; tiles per group
  int64_t bandsH, bandsW, parts, perChunk;  // work items: image x band x part of (group, block)
  int64_t tileDepth;                        // elements of packed weights per lane of a tap
  const char* source;
  char* out;
  const char* weight;
  const char* bias;
  int64_t biasStride;
  char *packed, *paddedBias;
  bool relu;
  int64_t kernelRowStride, kernelColStride, depthStride, laneStride, laneGroup, groupStride;
  int64_t itemSize, lanes;
  int type;
  const cpu::ConvKernels* kernels;
  cpu::ConvTiling tiling;

  int64_t separateGroups() const { return byLane ? 1 : groups; }
  int64_t separateWidth() const { return byLane ? resultChannels : width; }
  int64_t units() const { return separateGroups() * blocks; }
  int64_t groupWidth() const { return vectors * lanes; }
  int64_t items() const { return images * bandsH * bandsW * parts; }
};

// One phase of both axes and where its packed weights start, in elements.
struct Phase {
  ConvPhase h, w;
  int64_t weights;
};

// Packed weights are ordered by row phase, column phase, group, block; the phases' taps add up to the kernel.
template <class F>
void eachPhase(const Job& job, F&& f) {
  const int64_t perTap = job.separateGroups() * job.depth * job.groupWidth();
  int64_t taps = 0;
  for (int64_t i = 0; i < job.h.phases(); i++) {
    const ConvPhase h = job.h.phase(i);
    for (int64_t j = 0; j < job.w.phases(); j++) {
      const ConvPhase w = job.w.phase(j);
      f(Phase{h, w, taps * perTap});
      taps += h.taps * w.taps;
    }
  }
}

void packUnit(const Job& job, const Phase& phase, int64_t unit) {
  const int64_t group = unit / job.blocks, block = unit % job.blocks;
  const ConvSplit split{job.vectors, job.blocks};
  const int64_t lane = split.start(block) * job.lanes;
  const int64_t taps = phase.h.taps * phase.w.taps;
  const bool backward = job.h.backward;
  cpu::ConvPack p{};
  const int64_t groupStart = backward ? group * job.depth : group * job.width;  // among the weight's outputs
  p.weight = job.weight + (groupStart + lane * job.laneStride) * job.itemSize;
  p.out = job.packed + (phase.weights + taps * job.depth * (group * job.groupWidth() + lane)) * job.itemSize;
  p.tapsH = phase.h.taps, p.firstH = phase.h.firstTap, p.stepH = phase.h.tapStep;
  p.tapsW = phase.w.taps, p.firstW = phase.w.firstTap, p.stepW = phase.w.tapStep;
  p.rowStride = job.kernelRowStride, p.colStride = job.kernelColStride;
  p.depth = job.depth, p.depthStride = job.depthStride;
  p.width = split.size(block) * job.lanes;
  p.lanes = std::min(job.separateWidth() - lane, p.width);
  p.laneStride = job.laneStride;
  p.laneGroup = job.laneGroup, p.groupStride = job.groupStride;
  job.kernels->pack[job.type](p);
}

template <class T>
void padBias(const Job& job) {
  T* to = reinterpret_cast<T*>(job.paddedBias);
  const int64_t groups = job.separateGroups(), width = job.separateWidth();
  for (int64_t g = 0; g < groups; g++) {
    for (int64_t c = 0; c < job.groupWidth(); c++) {
      const int64_t channel = g * width + c;
      *to++ = c < width ? reinterpret_cast<const T*>(job.bias)[channel * job.biasStride] : T{0};
    }
  }
}

void packAll(const Job& job, Exec& exec) {
  if (job.bias) job.type ? padBias<double>(job) : padBias<float>(job);
  eachPhase(job, [&](const Phase& phase) {
    const int64_t units = phase.h.taps && phase.w.taps ? job.units() : 0;
    const bool small = phase.h.taps * phase.w.taps * job.depth * job.groupWidth() * job.groups < 32768;
    if (!small) return exec.parallelFor(units, [&](int64_t unit) { packUnit(job, phase, unit); });
    for (int64_t unit = 0; unit < units; unit++) packUnit(job, phase, unit);
  });
}

// Rectangle of result positions (in units of the phases) of one image.
struct Band {
  int64_t image, row, rows, col, cols;
};

// What tiles read: a group's channels of the source rectangle that the band needs, or the image itself.
struct Source {
  const char* data;  // source position (row0, col0)
  int64_t row0, col0, rowStride, colStride;
};

Source readSource(const Job& job, const Band& band, int64_t group) {
  const int64_t rowStride = job.w.source * job.sourceChannels;
  const char* image = job.source + (band.image * job.h.source * rowStride + group * job.depth) * job.itemSize;
  if (!job.copies) return {image, 0, 0, rowStride, job.sourceChannels};
  cpu::ConvPad p{};
  p.source = image;
  p.rowStride = rowStride, p.colStride = job.sourceChannels;
  p.height = job.h.source, p.width = job.w.source;
  p.row0 = band.row * job.h.sourceStep() + job.reachH.low;
  p.col0 = band.col * job.w.sourceStep() + job.reachW.low;
  p.rows = (band.rows - 1) * job.h.sourceStep() + job.reachH.high - job.reachH.low + 1;
  p.cols = (band.cols - 1) * job.w.sourceStep() + job.reachW.high - job.reachW.low + 1;
  p.channels = job.byLane ? job.resultChannels : job.depth;
  p.repeat = job.repeat;
  p.planes = job.planes;
  p.pitch = job.pitch;
  p.out = ThreadPool::threadScratch(static_cast<size_t>(p.rows * p.cols * p.planes * p.pitch * job.itemSize));
  if (p.pitch > 0) job.kernels->pad[job.type](p);
  return {static_cast<const char*>(p.out), p.row0, p.col0, p.cols * p.planes * p.pitch, p.planes * p.pitch};
}

void zeroTile(const Job& job, const cpu::ConvTile& t, int64_t channels) {
  for (int64_t r = 0; r < t.rows; r++) {
    for (int64_t c = 0; c < t.cols; c++) {
      memset(static_cast<char*>(t.out) + (r * t.outRowStep + c * t.outColStep) * job.itemSize, 0,
             static_cast<size_t>(channels * job.itemSize));
    }
  }
}

// Position and steps of a tile, without weights and channels.
cpu::ConvTile placeTile(const Job& job, const Phase& phase, const Band& band, const Source& source) {
  cpu::ConvTile t{};
  t.rows = std::min(band.row + band.rows, phase.h.count) - band.row;
  t.cols = std::min(band.col + band.cols, phase.w.count) - band.col;
  const int64_t row = band.row * job.h.sourceStep() + phase.h.origin - source.row0;
  const int64_t col = band.col * job.w.sourceStep() + phase.w.origin - source.col0;
  t.source = source.data + (row * source.rowStride + col * source.colStride) * job.itemSize;
  t.rowStep = job.h.sourceStep() * source.rowStride;
  t.colStep = job.w.sourceStep() * source.colStride;
  t.runsH = phase.h.taps, t.runStepH = phase.h.dilation * source.rowStride;
  t.runsW = phase.w.taps, t.runStepW = phase.w.dilation * source.colStride;
  t.runLength = job.depth;
  t.firstRow = band.row * job.h.sourceStep() + phase.h.origin, t.height = job.h.source;
  t.rowsPerResult = job.h.sourceStep(), t.rowsPerTap = std::max<int64_t>(phase.h.dilation, 1);
  // Without gaps between the taps of a row they are one run.
  if (t.runStepW == t.runLength && !job.byLane) {
    t.runLength *= t.runsW;
    t.runsW = 1;
  }
  const int64_t outRow = phase.h.first + band.row * job.h.resultStep();
  const int64_t outCol = phase.w.first + band.col * job.w.resultStep();
  const int64_t position = (band.image * job.h.result + outRow) * job.w.result + outCol;
  t.out = job.out + position * job.resultChannels * job.itemSize;
  t.outRowStep = job.h.resultStep() * job.w.result * job.resultChannels;
  t.outColStep = job.w.resultStep() * job.resultChannels;
  t.relu = job.relu;
  return t;
}

void runUnit(const Job& job, const Phase& phase, cpu::ConvTile t, int64_t unit) {
  if (t.rows <= 0 || t.cols <= 0) return;
  const int64_t group = unit / job.blocks, block = unit % job.blocks;
  const ConvSplit split{job.vectors, job.blocks};
  const int64_t lane = split.start(block) * job.lanes;
  const int64_t channels = std::min(job.separateWidth() - lane, split.size(block) * job.lanes);
  t.vectors = split.size(block);
  t.lastLanes = channels - (t.vectors - 1) * job.lanes;
  t.out = static_cast<char*>(t.out) + (group * job.width + lane) * job.itemSize;
  const int64_t taps = phase.h.taps * phase.w.taps;
  if (taps == 0) return zeroTile(job, t, channels);
  t.weights = job.packed + (phase.weights + taps * job.depth * (group * job.groupWidth() + lane)) * job.itemSize;
  if (job.bias) t.bias = job.paddedBias + (group * job.groupWidth() + lane) * job.itemSize;
  if (job.byLane) t.runLength = job.groupWidth(), t.planes = job.depth;
  (job.byLane ? job.kernels->depthwise : job.kernels->tile)[job.type](t);
}

void runItem(const Job& job, int64_t item) {
  const ConvSplit rows{job.reachH.count, job.bandsH}, cols{job.reachW.count, job.bandsW}, units{job.units(), job.parts};
  const int64_t part = item % job.parts;
  item /= job.parts;
  const int64_t bandW = item % job.bandsW;
  item /= job.bandsW;
  const int64_t bandH = item % job.bandsH;
  const Band band{item / job.bandsH, rows.start(bandH), rows.size(bandH), cols.start(bandW), cols.size(bandW)};
  const int64_t end = units.start(part) + units.size(part);
  for (int64_t unit = units.start(part); unit < end;) {
    const int64_t group = unit / job.blocks;
    const int64_t groupEnd = std::min(end, (group + 1) * job.blocks);
    const Source source = readSource(job, band, group);
    eachPhase(job, [&](const Phase& phase) {
      const cpu::ConvTile t = placeTile(job, phase, band, source);
      for (int64_t u = unit; u < groupEnd; u++) runUnit(job, phase, t, u);
    });
    unit = groupEnd;
  }
}

// Work items of about kChunkWork, fewer and larger ones when there are plenty.
void splitWork(Job& job, int64_t taps) {
  const double pixels = static_cast<double>(job.h.result * job.w.result);
  const int64_t products = taps * job.depth * job.groupWidth() * (job.byLane ? 4 : job.groups);
  const double perPixel = 2.0 * static_cast<double>(std::max<int64_t>(products, 1));
  const double strideHoles = static_cast<double>(job.h.resultStep() * job.w.resultStep());
  const double perImage = pixels * perPixel / strideHoles;
  const double total = perImage * static_cast<double>(job.images);
  const double target = std::clamp(total / 64, kChunkWork, 8 * kChunkWork);
  const int64_t pieces = static_cast<int64_t>(perImage / target) + 1;
  job.bandsH = std::min(job.reachH.count, pieces);
  const int64_t colPieces = ceilDiv(pieces, job.bandsH);
  job.bandsW = colPieces == 1 ? 1 : std::max<int64_t>(std::min(job.reachW.count / kColumnGrain, colPieces), 1);
  // Wide strides and paddings: what one band's result needs must stay a size that can be copied.
  const auto span = [](const ConvAxis& axis, const ConvAxis::Reach& reach, int64_t bands) {
    return static_cast<double>((ceilDiv(reach.count, bands) - 1) * axis.sourceStep() + reach.high - reach.low + 1);
  };
  if (job.copies) {
    const double widest =
        static_cast<double>(kMostCopied) / static_cast<double>(std::max<int64_t>(job.planes * job.pitch, 1));
    if (span(job.h, job.reachH, job.bandsH) * span(job.w, job.reachW, job.bandsW) > widest)
      job.bandsH = job.reachH.count;
    if (span(job.h, job.reachH, job.bandsH) * span(job.w, job.reachW, job.bandsW) > widest)
      job.bandsW = job.reachW.count;
  }
  const int64_t bands = job.images * job.bandsH * job.bandsW;
  job.parts = 1;
  if (bands < kFewItems && total / static_cast<double>(bands) > kChunkWork) {
    job.parts = std::min(job.units(), ceilDiv(kFewItems, bands));
  }
  const double perItem = total / static_cast<double>(bands * job.parts);
  job.perChunk = std::max<int64_t>(static_cast<int64_t>((total < kSmallWork ? total : target) / perItem), 1);
}

// A 1x1 convolution without stride is one matrix product over all pixels.
void foldPixels(Job& job) {
  for (const ConvAxis* axis : {&job.h, &job.w}) {
    if (axis->kernel != 1 || axis->stride != 1 || axis->pad != 0) return;
  }
  job.w.source = job.w.result = job.images * job.h.source * job.w.source;
  job.h.source = job.h.result = 1;
  job.images = 1;
}

void chooseLayout(Job& job) {
  job.reachH = job.h.reach();
  job.reachW = job.w.reach();
  job.byLane = goesByLane(job.groups, job.h.kernel * job.w.kernel, job.depth, job.width, job.lanes);
  job.repeat = job.byLane ? job.width : 1;
  job.planes = job.byLane ? job.depth : 1;
  job.vectors = ceilDiv(job.separateWidth(), job.lanes);
  job.pitch = job.byLane ? job.vectors * job.lanes : job.depth;
  const int64_t lastRow = (job.reachH.count - 1) * job.h.sourceStep() + job.reachH.high;
  const int64_t lastCol = (job.reachW.count - 1) * job.w.sourceStep() + job.reachW.high;
  const bool inside = job.reachH.low >= 0 && job.reachW.low >= 0 && lastRow < job.h.source && lastCol < job.w.source;
  job.copies = !inside || job.pitch != job.sourceChannels || job.repeat != 1 || job.planes != 1;
  const int64_t depth = job.h.phase(0).taps * job.w.phase(0).taps * job.depth;
  job.tileVectors = job.byLane
                        ? job.vectors
                        : chooseTileVectors(job.tiling, job.reachW.count, job.vectors, std::max<int64_t>(depth, 1));
  job.blocks = ceilDiv(job.vectors, job.tileVectors);
}

void launch(Context& ctx, const char* name, Job& job, const Tensor& out, const Tensor& source, const Tensor& weight,
            const Tensor* bias) {
  if (out.numel() == 0) return;
  const int64_t outputs = weight.shape[0], inner = weight.shape[1];
  job.source = source.data;
  job.out = out.data;
  job.weight = weight.data;
  job.bias = bias ? bias->data : nullptr;
  job.biasStride = bias ? bias->strides[0] : 0;
  job.kernelRowStride = weight.shape[3] * inner * outputs;
  job.kernelColStride = inner * outputs;
  job.type = out.dtype == DType::kFloat64;
  job.itemSize = static_cast<int64_t>(itemSize(out.dtype));
  job.kernels = &ctx.kernels.conv;
  job.tiling = ctx.kernels.conv.tiling;
  job.lanes = job.tiling.lanes[job.type];
  foldPixels(job);
  chooseLayout(job);
  // Lanes of packed weights are outputs forward and inputs backward, of all groups when going by lane.
  job.depthStride = job.h.backward ? 1 : outputs;
  job.laneStride = job.h.backward ? outputs : 1;
  job.laneGroup = INT64_MAX;
  if (job.byLane && job.h.backward) {
    job.groupStride = job.depth;
    if (job.width == 1) {
      job.laneStride = job.depth;
    } else {
      job.laneGroup = job.width;
    }
  }
  splitWork(job, std::max<int64_t>(job.h.kernel * job.w.kernel, 1));
  const int64_t groups = job.separateGroups();
  const int64_t weights = job.h.kernel * job.w.kernel * job.depth * groups * job.groupWidth();
  const int64_t biases = groups * job.groupWidth();
  const Scratch scratch = ctx.scratch(static_cast<size_t>((weights + biases) * job.itemSize));
  job.paddedBias = scratch.as<char>();
  job.packed = job.paddedBias + biases * job.itemSize;
  const Tensor* const ins[] = {&source, &weight, bias};
  const Tensor* const outs[] = {&out};
  ctx.stream.enqueueList(name, outs, 1, ins, 3, [job](Exec& exec) {
    packAll(job, exec);
    exec.parallelFor(ceilDiv(job.items(), job.perChunk), [&](int64_t chunk) {
      const int64_t end = std::min(job.items(), (chunk + 1) * job.perChunk);
      for (int64_t item = chunk * job.perChunk; item < end && !exec.stopping(); item++) runItem(job, item);
    });
  });
}

}  // namespace

void conv2d(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor* bias, int64_t strideH,
            int64_t strideW, int64_t padH, int64_t padW, int64_t dilationH, int64_t dilationW, int64_t groups,
            int64_t activation) {
  const ConvOptions options{strideH, strideW, padH, padW, dilationH, dilationW, groups};
  const ConvMethod method = chooseMethod(ctx, ConvPass::kForward, x, weight, out, options);
  if (method != ConvMethod::kDirect) {
    return winogradForward(ctx, method, out, x, weight, bias, padH, padW, activation == 1);
  }
  Job job{};
  job.h = {false, x.shape[2], out.shape[2], weight.shape[2], strideH, padH, dilationH};
  job.w = {false, x.shape[3], out.shape[3], weight.shape[3], strideW, padW, dilationW};
  job.images = x.shape[0];
  job.groups = groups;
  job.depth = weight.shape[1];
  job.width = weight.shape[0] / groups;
  job.sourceChannels = x.shape[1];
  job.resultChannels = weight.shape[0];
  job.relu = activation == 1;
  launch(ctx, "conv2d", job, out, x, weight, bias);
}

void conv2dBackwardInput(Context& ctx, const Tensor& gradX, const Tensor& gradOut, const Tensor& weight,
                         int64_t strideH, int64_t strideW, int64_t padH, int64_t padW, int64_t dilationH,
                         int64_t dilationW, int64_t groups) {
  const ConvOptions options{strideH, strideW, padH, padW, dilationH, dilationW, groups};
  const ConvMethod method = chooseMethod(ctx, ConvPass::kInput, gradX, weight, gradOut, options);
  if (method != ConvMethod::kDirect) {
    return winogradBackwardInput(ctx, method, gradX, gradOut, weight, padH, padW);
  }
  Job job{};
  job.h = {true, gradOut.shape[2], gradX.shape[2], weight.shape[2], strideH, padH, dilationH};
  job.w = {true, gradOut.shape[3], gradX.shape[3], weight.shape[3], strideW, padW, dilationW};
  job.images = gradX.shape[0];
  job.groups = groups;
  job.depth = weight.shape[0] / groups;
  job.width = weight.shape[1];
  job.sourceChannels = weight.shape[0];
  job.resultChannels = gradX.shape[1];
  launch(ctx, "conv2dBackwardInput", job, gradX, gradOut, weight, nullptr);
}

}  // namespace nabla::ops
