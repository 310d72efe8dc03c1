#include "conv.h"

#include "conv_plan.h"
#include "winograd.h"

namespace nabla::ops {

namespace {

constexpr double kChunkWork = 1.5e6;  // floating-point operations: about 15 us
constexpr double kMostChunkWork = 64e6;
constexpr double kSmallWork = 0.5e6;               // not worth a second thread
constexpr int64_t kFewItems = 32;                  // below it, items are split further
constexpr int64_t kMostCopied = int64_t{1} << 24;  // elements of a band's copy
constexpr int64_t kAnyWidth = int64_t{1} << 60;    // of a copy, which has its zeros
constexpr int64_t kColumnGrain = 84;               // a multiple of the widest tiles' rows

// A convolution of channels-last images, forward or backward to the input. Copied into the task.
struct Job {
  ConvAxis d, h, w;
  ConvAxis::Reach reachD, reachH, reachW;
  int64_t images, groups, depth, width;  // source and result channels per group
  int64_t sourceChannels, resultChannels;
  bool byLane, copies;                   // copies: the source needs a rectangle with zeros around it
  int64_t pitch, repeat, planes;         // of such a copy
  int64_t vectors, tileVectors, blocks;  // result channels per group in vectors; tiles per group
  int64_t bandsD, bandsH, bandsW;        // work items: image x band x part of (group, block)
  int64_t parts, perChunk;
  int64_t tileDepth;  // elements of packed weights per lane of a tap
  const char* source;
  char* out;
  const char* weight;
  const char* bias;
  int64_t biasStride;
  char *packed, *paddedBias;
  const char *addend, *mask;
  Activation activation;
  RowActivation rowActivation;
  int64_t kernelSliceStride, kernelRowStride, kernelColStride, depthStride, laneStride, laneGroup, groupStride;
  int64_t itemSize, lanes;
  int type;
  const cpu::ConvKernels* kernels;
  cpu::ConvTiling tiling;

  int64_t separateGroups() const { return byLane ? 1 : groups; }
  int64_t separateWidth() const { return byLane ? resultChannels : width; }
  int64_t units() const { return separateGroups() * blocks; }
  int64_t groupWidth() const { return vectors * lanes; }
  int64_t taps() const { return d.kernel * h.kernel * w.kernel; }
  int64_t bands() const { return images * bandsD * bandsH * bandsW; }
  int64_t items() const { return bands() * parts; }
};

// One phase of all axes and where its packed weights start, in elements.
struct Phase {
  ConvPhase d, h, w;
  int64_t weights;
  int64_t taps() const { return d.taps * h.taps * w.taps; }
};

// Packed weights are ordered by phase of slices, rows and columns, group, block; the phases' taps add up to the kernel.
template <class F>
void eachPhase(const Job& job, F&& f) {
  const int64_t perTap = job.separateGroups() * job.depth * job.groupWidth();
  int64_t taps = 0;
  for (int64_t k = 0; k < job.d.phases(); k++) {
    const ConvPhase d = job.d.phase(k);
    for (int64_t i = 0; i < job.h.phases(); i++) {
      const ConvPhase h = job.h.phase(i);
      for (int64_t j = 0; j < job.w.phases(); j++) {
        const Phase phase{d, h, job.w.phase(j), taps * perTap};
        f(phase);
        taps += phase.taps();
      }
    }
  }
}

void packUnit(const Job& job, const Phase& phase, int64_t unit) {
  const int64_t group = unit / job.blocks, block = unit % job.blocks;
  const ConvSplit split{job.vectors, job.blocks};
  const int64_t lane = split.start(block) * job.lanes;
  const bool backward = job.h.backward;
  cpu::ConvPack p{};
  const int64_t groupStart = backward ? group * job.depth : group * job.width;  // among the weight's outputs
  p.tapsH = phase.h.taps, p.firstH = phase.h.firstTap, p.stepH = phase.h.tapStep;
  p.tapsW = phase.w.taps, p.firstW = phase.w.firstTap, p.stepW = phase.w.tapStep;
  p.rowStride = job.kernelRowStride, p.colStride = job.kernelColStride;
  p.depth = job.depth, p.depthStride = job.depthStride;
  p.width = split.size(block) * job.lanes;
  p.lanes = std::min(job.separateWidth() - lane, p.width);
  p.laneStride = job.laneStride;
  p.laneGroup = job.laneGroup, p.groupStride = job.groupStride;
  const int64_t start = phase.weights + phase.taps() * job.depth * (group * job.groupWidth() + lane);
  for (int64_t tap = 0; tap < phase.d.taps; tap++) {
    const int64_t slice = phase.d.firstTap + tap * phase.d.tapStep;
    p.weight = job.weight + (slice * job.kernelSliceStride + groupStart + lane * job.laneStride) * job.itemSize;
    p.out = job.packed + (start + tap * p.tapsH * p.tapsW * p.depth * p.width) * job.itemSize;
    job.kernels->pack[job.type](p);
  }
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

void packWeights(const Job& job, Exec& exec) {
  eachPhase(job, [&](const Phase& phase) {
    const int64_t units = phase.taps() ? job.units() : 0;
    const bool small = phase.taps() * job.depth * job.groupWidth() * job.groups < 32768;
    if (!small) return exec.parallelFor(units, [&](int64_t unit) { packUnit(job, phase, unit); });
    for (int64_t unit = 0; unit < units; unit++) packUnit(job, phase, unit);
  });
}

// Block of result positions (in units of the phases) of one image.
struct Band {
  int64_t image, slice, slices, row, rows, col, cols;
};

Band bandOf(const Job& job, int64_t index) {
  const ConvSplit slices{job.reachD.count, job.bandsD}, rows{job.reachH.count, job.bandsH},
      cols{job.reachW.count, job.bandsW};
  const int64_t w = index % job.bandsW, h = index / job.bandsW % job.bandsH;
  index /= job.bandsW * job.bandsH;
  const int64_t d = index % job.bandsD;
  return {index / job.bandsD, slices.start(d), slices.size(d), rows.start(h),
          rows.size(h),       cols.start(w),   cols.size(w)};
}

// What tiles read: a group's channels of the source block that the band needs, or the image itself.
struct Source {
  const char* data;  // source position (slice0, row0, col0)
  int64_t slice0, row0, col0, sliceStride, rowStride, colStride;
};

Source readSource(const Job& job, const Band& band, int64_t group) {
  const int64_t rowStride = job.w.source * job.sourceChannels, sliceStride = job.h.source * rowStride;
  const char* image = job.source + (band.image * job.d.source * sliceStride + group * job.depth) * job.itemSize;
  if (!job.copies) return {image, 0, 0, 0, sliceStride, rowStride, job.sourceChannels};
  cpu::ConvPad p{};
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
  const int64_t slice0 = band.slice * job.d.sourceStep() + job.reachD.low;
  const int64_t slices = (band.slices - 1) * job.d.sourceStep() + job.reachD.high - job.reachD.low + 1;
  const int64_t size = p.rows * p.cols * p.planes * p.pitch;
  char* copy = static_cast<char*>(ThreadPool::threadScratch(static_cast<size_t>(slices * size * job.itemSize)));
  for (int64_t i = 0; i < slices && size > 0; i++) {
    if (slice0 + i < 0 || slice0 + i >= job.d.source) continue;  // no tap reads it
    p.source = image + (slice0 + i) * sliceStride * job.itemSize;
    p.out = copy + i * size * job.itemSize;
    job.kernels->pad[job.type](p);
  }
  return {copy, slice0, p.row0, p.col0, size, p.cols * p.planes * p.pitch, p.planes * p.pitch};
}

// A tile of one slice without weights and channels, and the first of the kernel's slices that lie inside the source.
struct Place {
  cpu::ConvTile tile;
  int64_t firstTap;
};

Place placeTile(const Job& job, const Phase& phase, const Band& band, int64_t slice, const Source& source) {
  cpu::ConvTile t{};
  t.rows = std::min(band.row + band.rows, phase.h.count) - band.row;
  t.cols = std::min(band.col + band.cols, phase.w.count) - band.col;
  const int64_t top = slice * job.d.sourceStep() + phase.d.origin, perTap = std::max<int64_t>(phase.d.dilation, 1);
  const int64_t firstTap = top < 0 ? ceilDiv(-top, perTap) : 0;
  const int64_t endTap = top < job.d.source ? std::min(phase.d.taps, ceilDiv(job.d.source - top, perTap)) : 0;
  t.runsD = phase.taps() ? std::max<int64_t>(endTap - firstTap, 0) : 0;
  t.runStepD = perTap * source.sliceStride;
  const int64_t row = band.row * job.h.sourceStep() + phase.h.origin - source.row0;
  const int64_t col = band.col * job.w.sourceStep() + phase.w.origin - source.col0;
  t.source = source.data + (row * source.rowStride + col * source.colStride) * job.itemSize;
  if (t.runsD > 0) {
    const int64_t first = top + firstTap * perTap - source.slice0;
    t.source = static_cast<const char*>(t.source) + first * source.sliceStride * job.itemSize;
  }
  t.rowStep = job.h.sourceStep() * source.rowStride;
  t.colStep = job.w.sourceStep() * source.colStride;
  t.runsH = phase.h.taps, t.runStepH = phase.h.dilation * source.rowStride;
  t.runsW = phase.w.taps, t.runStepW = phase.w.dilation * source.colStride;
  t.runLength = job.depth;
  t.firstRow = band.row * job.h.sourceStep() + phase.h.origin, t.height = job.h.source;
  t.rowsPerResult = job.h.sourceStep(), t.rowsPerTap = std::max<int64_t>(phase.h.dilation, 1);
  t.colsPerResult = job.w.sourceStep(), t.colsPerTap = std::max<int64_t>(phase.w.dilation, 1);
  t.width = kAnyWidth;
  if (!job.copies) t.firstCol = band.col * job.w.sourceStep() + phase.w.origin, t.width = job.w.source;
  // Without gaps between the taps of a row they are one run.
  if (t.runStepW == t.runLength && !job.byLane) {
    t.runLength *= t.runsW;
    t.runsW = 1;
  }
  const int64_t outSlice = phase.d.first + slice * job.d.resultStep();
  const int64_t outRow = phase.h.first + band.row * job.h.resultStep();
  const int64_t outCol = phase.w.first + band.col * job.w.resultStep();
  const int64_t outLine = (band.image * job.d.result + outSlice) * job.h.result + outRow;
  t.out = job.out + (outLine * job.w.result + outCol) * job.resultChannels * job.itemSize;
  t.outRowStep = job.h.resultStep() * job.w.result * job.resultChannels;
  t.outColStep = job.w.resultStep() * job.resultChannels;
  if (job.addend) t.addend = job.addend + (static_cast<char*>(t.out) - job.out);
  if (job.mask) t.mask = job.mask + (static_cast<char*>(t.out) - job.out);
  t.relu = job.activation.relu, t.most = job.activation.most;
  return {t, firstTap};
}

// Positions that no tap reaches get the bias.
void runUnit(const Job& job, const Phase& phase, const Place& place, int64_t unit) {
  cpu::ConvTile t = place.tile;
  if (t.rows <= 0 || t.cols <= 0) return;
  const int64_t group = unit / job.blocks, block = unit % job.blocks;
  const ConvSplit split{job.vectors, job.blocks};
  const int64_t lane = split.start(block) * job.lanes;
  const int64_t channels = std::min(job.separateWidth() - lane, split.size(block) * job.lanes);
  t.vectors = split.size(block);
  t.lastLanes = channels - (t.vectors - 1) * job.lanes;
  const int64_t channel = (group * job.width + lane) * job.itemSize;
  t.out = static_cast<char*>(t.out) + channel;
  if (t.addend) t.addend = static_cast<const char*>(t.addend) + channel;
  if (t.mask) t.mask = static_cast<const char*>(t.mask) + channel;
  t.weightStepD = phase.h.taps * phase.w.taps * job.depth * (job.byLane ? job.groupWidth() : t.vectors * job.lanes);
  const int64_t start = phase.weights + phase.taps() * job.depth * (group * job.groupWidth() + lane);
  t.weights = job.packed + (t.runsD ? start + place.firstTap * t.weightStepD : 0) * job.itemSize;
  if (job.bias) t.bias = job.paddedBias + (group * job.groupWidth() + lane) * job.itemSize;
  if (job.byLane) {
    t.runLength = job.groupWidth(), t.planes = job.depth;
    t.weightStepH = phase.w.taps * t.planes * t.runLength;
  }
  (job.byLane ? job.kernels->depthwise : job.kernels->tile)[job.type](t);
}

// Channels [first, first + count) of a band.
void finishBand(const Job& job, const Band& band, int64_t first, int64_t count) {
  const int64_t pixel = job.resultChannels;
  for (int64_t i = 0; i < band.slices * band.rows; i++) {
    const int64_t slice = band.image * job.d.result + band.slice + i / band.rows;
    const int64_t row = slice * job.h.result + band.row + i % band.rows;
    char* at = job.out + ((row * job.w.result + band.col) * pixel + first) * job.itemSize;
    const bool whole = count == pixel;
    job.rowActivation.run(at, whole ? 1 : band.cols, pixel, whole ? band.cols * pixel : count);
  }
}

void runItem(const Job& job, int64_t item) {
  const ConvSplit units{job.units(), job.parts};
  const int64_t part = item % job.parts;
  const Band band = bandOf(job, item / job.parts);
  const int64_t end = units.start(part) + units.size(part);
  for (int64_t unit = units.start(part); unit < end;) {
    const int64_t group = unit / job.blocks;
    const int64_t groupEnd = std::min(end, (group + 1) * job.blocks);
    const Source source = readSource(job, band, group);
    eachPhase(job, [&](const Phase& phase) {
      const int64_t sliceEnd = std::min(band.slice + band.slices, phase.d.count);
      for (int64_t slice = band.slice; slice < sliceEnd; slice++) {
        const Place place = placeTile(job, phase, band, slice, source);
        for (int64_t u = unit; u < groupEnd; u++) runUnit(job, phase, place, u);
      }
    });
    if (job.rowActivation) {
      const ConvSplit blocks{job.vectors, job.blocks};
      const int64_t first = blocks.start(unit % job.blocks) * job.lanes;
      const int64_t last = std::min(blocks.start(groupEnd - group * job.blocks) * job.lanes, job.separateWidth());
      finishBand(job, band, group * job.width + first, last - first);
    }
    unit = groupEnd;
  }
}

// Source positions along one axis that a band's result needs.
double spanOf(const ConvAxis& axis, const ConvAxis::Reach& reach, int64_t bands) {
  return static_cast<double>((ceilDiv(reach.count, bands) - 1) * axis.sourceStep() + reach.high - reach.low + 1);
}

// Wide strides and paddings: what one band's result needs must stay a size that can be copied.
void limitCopies(Job& job) {
  const double widest =
      static_cast<double>(kMostCopied) / static_cast<double>(std::max<int64_t>(job.planes * job.pitch, 1));
  const auto fits = [&] {
    return spanOf(job.d, job.reachD, job.bandsD) * spanOf(job.h, job.reachH, job.bandsH) *
               spanOf(job.w, job.reachW, job.bandsW) <=
           widest;
  };
  if (!fits()) job.bandsD = job.reachD.count;
  if (!fits()) job.bandsH = job.reachH.count;
  if (!fits()) job.bandsW = job.reachW.count;
}

// Work items of about kChunkWork, fewer and larger ones when there are plenty.
void splitWork(Job& job) {
  const double positions = static_cast<double>(job.d.result * job.h.result * job.w.result);
  const int64_t products =
      std::max<int64_t>(job.taps(), 1) * job.depth * job.groupWidth() * (job.byLane ? 4 : job.groups);
  const int64_t late = job.rowActivation ? 16 * job.resultChannels : 0;
  const double perPosition = 2.0 * static_cast<double>(std::max<int64_t>(products, 1) + late);
  const double strideHoles = static_cast<double>(job.d.resultStep() * job.h.resultStep() * job.w.resultStep());
  const double perImage = positions * perPosition / strideHoles;
  const double total = perImage * static_cast<double>(job.images);
  const double target = std::clamp(total / 64, kChunkWork, kMostChunkWork);
  const int64_t pieces = static_cast<int64_t>(perImage / target) + 1;
  job.bandsD = std::min(job.reachD.count, pieces);
  const int64_t rowPieces = ceilDiv(pieces, job.bandsD);
  job.bandsH = std::min(job.reachH.count, rowPieces);
  const int64_t colPieces = ceilDiv(rowPieces, job.bandsH);
  job.bandsW = colPieces == 1 ? 1 : std::max<int64_t>(std::min(job.reachW.count / kColumnGrain, colPieces), 1);
  if (job.copies) limitCopies(job);
  job.parts = 1;
  const int64_t bands = job.bands();
  if (bands < kFewItems && total / static_cast<double>(bands) > target) {
    job.parts = std::min({job.units(), ceilDiv(kFewItems, bands), static_cast<int64_t>(total / target) / bands + 1});
  }
  const double perItem = total / static_cast<double>(job.items());
  job.perChunk = std::max<int64_t>(static_cast<int64_t>((total < kSmallWork ? total : target) / perItem), 1);
}

// Slices outside the source are left out; rows and columns outside need zeros but for the depthwise kernel.
void chooseLayout(Job& job) {
  job.reachD = job.d.reach();
  job.reachH = job.h.reach();
  job.reachW = job.w.reach();
  job.byLane = goesByLane(job.groups, job.taps(), job.depth, job.width, job.lanes);
  job.repeat = job.byLane ? job.width : 1;
  job.planes = job.byLane ? job.depth : 1;
  job.vectors = ceilDiv(job.separateWidth(), job.lanes);
  job.pitch = job.byLane ? job.vectors * job.lanes : job.depth;
  const int64_t lastRow = (job.reachH.count - 1) * job.h.sourceStep() + job.reachH.high;
  const int64_t lastCol = (job.reachW.count - 1) * job.w.sourceStep() + job.reachW.high;
  const bool inside = job.reachH.low >= 0 && job.reachW.low >= 0 && lastRow < job.h.source && lastCol < job.w.source;
  // Lane by lane, the kernel leaves out what lies outside.
  const bool whole = job.pitch == job.sourceChannels && job.repeat == 1 && job.planes == 1;
  job.copies = !whole || !(inside || job.byLane);
  const int64_t depth = job.d.phase(0).taps * job.h.phase(0).taps * job.w.phase(0).taps * job.depth;
  job.tileVectors = job.byLane
                        ? job.vectors
                        : chooseTileVectors(job.tiling, job.reachW.count, job.vectors, std::max<int64_t>(depth, 1));
  job.blocks = ceilDiv(job.vectors, job.tileVectors);
}

// Lanes of packed weights are outputs forward and inputs backward, of all groups when going by lane.
void orderWeights(Job& job, const Tensor& weight) {
  const int64_t outputs = weight.shape[0], inner = weight.shape[1];
  job.kernelColStride = inner * outputs;
  job.kernelRowStride = job.w.kernel * job.kernelColStride;
  job.kernelSliceStride = job.h.kernel * job.kernelRowStride;
  job.depthStride = job.h.backward ? 1 : outputs;
  job.laneStride = job.h.backward ? outputs : 1;
  job.laneGroup = INT64_MAX;
  if (!job.byLane || !job.h.backward) return;
  job.groupStride = job.depth;
  if (job.width == 1) {
    job.laneStride = job.depth;
  } else {
    job.laneGroup = job.width;
  }
}

// What decides about the packed weights.
PreparedKey packedKey(const Job& job) {
  PreparedKey key{1, job.h.backward, job.type, job.groups, job.depth, job.width, job.tileVectors, job.byLane};
  size_t at = 8;
  for (const ConvAxis* axis : {&job.d, &job.h, &job.w}) {
    for (const int64_t value : {axis->kernel, axis->stride, axis->pad, axis->dilation}) key[at++] = value;
  }
  return key;
}

void launch(Context& ctx, const char* name, Job& job, const Tensor& out, const Tensor& source, const Tensor& weight,
            const Tensor* bias, const Tensor* addend, const Tensor* mask) {
  if (out.numel() == 0) return;
  job.source = source.data;
  job.out = out.data;
  job.weight = weight.data;
  job.bias = bias ? bias->data : nullptr;
  job.biasStride = bias ? bias->strides[0] : 0;
  job.addend = addend ? addend->data : nullptr;
  job.mask = mask ? mask->data : nullptr;
  job.sourceChannels = source.shape[1];
  job.resultChannels = out.shape[1];
  job.type = out.dtype == DType::kFloat64;
  job.itemSize = static_cast<int64_t>(itemSize(out.dtype));
  job.kernels = &ctx.kernels.conv;
  job.tiling = ctx.kernels.conv.tiling;
  job.lanes = job.tiling.lanes[job.type];
  chooseLayout(job);
  orderWeights(job, weight);
  splitWork(job);
  const int64_t groups = job.separateGroups();
  const int64_t weights = job.taps() * job.depth * groups * job.groupWidth();
  const int64_t biases = groups * job.groupWidth();
  const auto kept = ctx.prepared.find(ctx, weight, packedKey(job), static_cast<size_t>(weights * job.itemSize));
  const int64_t own = biases + (kept.keeps() ? 0 : weights);
  const Scratch scratch = ctx.scratch(static_cast<size_t>(own * job.itemSize));
  job.paddedBias = scratch.as<char>();
  job.packed = kept.keeps() ? kept.tensor.data : job.paddedBias + biases * job.itemSize;
  if (kept.fill) {
    ctx.stream.enqueue("packWeights", {&kept.tensor}, {&weight}, [job](Exec& exec) { packWeights(job, exec); });
  }
  const Tensor* const ins[] = {&source, &weight, bias, addend, mask, kept.keeps() ? &kept.tensor : nullptr};
  const Tensor* const outs[] = {&out};
  ctx.stream.enqueueList(name, outs, 1, ins, 6, [job, packs = !kept.keeps()](Exec& exec) {
    if (job.bias) job.type ? padBias<double>(job) : padBias<float>(job);
    if (packs) packWeights(job, exec);
    exec.parallelFor(ceilDiv(job.items(), job.perChunk), [&](int64_t chunk) {
      const int64_t end = std::min(job.items(), (chunk + 1) * job.perChunk);
      for (int64_t item = chunk * job.perChunk; item < end && !exec.stopping(); item++) runItem(job, item);
    });
  });
}

// `out` lies without gaps.
void finishAll(Context& ctx, const Tensor& out, const RowActivation& activation) {
  constexpr int64_t kPiece = 16384;
  const int64_t total = out.numel(), item = static_cast<int64_t>(itemSize(out.dtype));
  ctx.stream.enqueue("convolution", {&out}, {&out}, [=](Exec& exec) {
    exec.parallelFor(ceilDiv(total, kPiece), [&](int64_t i) {
      activation.run(out.data + i * kPiece * item, 1, 0, std::min(kPiece, total - i * kPiece));
    });
  });
}

Job jobOf(const ConvProblem& problem) {
  Job job{};
  job.d = problem.d, job.h = problem.h, job.w = problem.w;
  job.images = problem.images;
  job.groups = problem.groups;
  return job;
}

}  // namespace

void convolution(Context& ctx, const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor* bias,
                 const Tensor* addend, std::span<const int32_t> sizes, int64_t code) {
  const Activation activation = activationOf(code);
  const RowActivation rows = rowActivationOf(ctx.kernels, code, out.dtype);
  const ConvProblem problem(false, x, weight, out, sizes);
  const WinogradCall w = winogradCall(ctx, ConvPass::kForward, problem, x, weight, out);
  if (w.method != ConvMethod::kDirect) {
    winogradForward(ctx, w.method, w.out, w.x, w.weight, bias, addend, w.padH, w.padW, activation);
    if (rows) finishAll(ctx, out, rows);
    return;
  }
  Job job = jobOf(problem);
  job.depth = weight.shape[1];
  job.width = weight.shape[0] / job.groups;
  job.activation = activation;
  job.rowActivation = rows;
  launch(ctx, "convolution", job, out, x, weight, bias, addend, nullptr);
}

bool convolutionMaxPool(Context& ctx, const Tensor& out, const Tensor& places, const Tensor& x, const Tensor& weight,
                        const Tensor* bias, std::span<const int32_t> sizes, std::span<const int64_t> window) {
  if (x.ndim != 4) return false;
  Tensor full = out;
  for (int axis = 0; axis < 2; axis++) {
    const auto w = window.subspan(6 + 6 * static_cast<size_t>(axis), 6);
    if (w[2] != 2 || w[3] != 2 || w[4] != 0 || w[5] != 1 || w[1] != w[0] / 2) return false;
    full.shape[2 + axis] = w[0];
  }
  const WinogradCall call =
      winogradCall(ctx, ConvPass::kForward, ConvProblem(false, x, weight, full, sizes), x, weight, full);
  if (call.method == ConvMethod::kDirect) return false;
  winogradMaxPool(ctx, call, out, places, bias);
  return true;
}

void convolutionTranspose(Context& ctx, const Tensor& out, const Tensor& in, const Tensor& weight, const Tensor* bias,
                          const Tensor* mask, std::span<const int32_t> sizes) {
  const ConvProblem problem(true, out, weight, in, sizes);
  const WinogradCall w = winogradCall(ctx, ConvPass::kInput, problem, out, weight, in);
  if (w.method != ConvMethod::kDirect) {
    return winogradBackwardInput(ctx, w.method, w.x, w.out, w.weight, bias, mask, w.padH, w.padW);
  }
  Job job = jobOf(problem);
  job.depth = weight.shape[0] / job.groups;
  job.width = weight.shape[1];
  launch(ctx, "convolutionTranspose", job, out, in, weight, bias, nullptr, mask);
}

}  // namespace nabla::ops
