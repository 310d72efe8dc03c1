#include "conv.h"
#include "conv_plan.h"
#include "winograd.h"

namespace nabla::ops {

namespace {

constexpr int64_t kBandPixels = 512;              // longest chain of float additions in a register
constexpr int64_t kMostChunks = 16;               // private sums in one gradient
constexpr int64_t kLargeSums = int64_t{1} << 20;  // bytes of a gradient that private copies would push out of the cache
constexpr int64_t kStepBytes = int64_t{4} << 20;  // input and gradient that units read again and again
constexpr int64_t kMostCopied = int64_t{1} << 24;  // elements of a band's copy
constexpr int64_t kUnitTaps = 64, kUnitVectors = 16;
constexpr double kSmallWork = 0.5e6;

// Taps whose inputs lie in one line: `offset` of the first one in x, `sums` the first row of the gradient.
// Either way of splitting work gives every sum a fixed order:
//  - private sums: a chunk owns some bands and sums of its own, reduced in order;
//  - by tiles (large gradients or few bands): a unit owns a tile of the gradient and goes through all bands.
struct Job {
  ConvAxis d, h, w;
  ConvAxis::Reach reachD, reachH, reachW;
  int64_t images, groups, depth, width;  // input and output channels per group
  int64_t xChannels, gradChannels;
  bool byLane, copiesX, copiesGrad, byTiles;
  int64_t xPitch, repeat, planes, gradPitch;  // per pixel of a copy
  int64_t vectors, tileVectors;               // per group
  int64_t runsD, runsH, runsW, runTaps;       // kernel slices, rows and columns, and taps of a run
  bool gathers;                               // one run of taps from all over the kernel, found by a table of offsets
  const int64_t* table;
  int64_t bandsD, bandsH, bandsW, chunks;
  int64_t xBytes, gradBytes;  // of a band's copies
  int64_t stepItems, tapPieces, vectorPieces;
  const char *x, *grad;
  char *gradWeight, *gradBias;
  int64_t gradBiasStride;
  char *sums, *biasSums, *copies;
  int64_t itemSize, lanes;
  int type;
  const cpu::ConvKernels* kernels;
  const cpu::ConvWeightKernels* weightKernels;

  int64_t items() const { return images * bandsD * bandsH * bandsW; }
  int64_t groupWidth() const { return vectors * lanes; }
  int64_t separateGroups() const { return byLane ? 1 : groups; }
  int64_t separateWidth() const { return byLane ? gradChannels : width; }
  int64_t rowLength() const { return separateGroups() * groupWidth(); }
  int64_t taps() const { return d.kernel * h.kernel * w.kernel * depth; }
  int64_t runs() const { return runsD * runsH * runsW; }
  int64_t bandSlices() const { return ceilDiv(d.result, bandsD); }
  int64_t bandRows() const { return ceilDiv(h.result, bandsH); }
  int64_t bandCols() const { return ceilDiv(w.result, bandsW); }
  int64_t pixels() const { return bandSlices() * bandRows() * bandCols(); }
};

// Bands have the same block of x, so that offsets of taps are the same in all of them.
int64_t blockSlices(const Job& job) {
  return (job.bandSlices() - 1) * job.d.stride + job.reachD.high - job.reachD.low + 1;
}
int64_t blockRows(const Job& job) { return (job.bandRows() - 1) * job.h.stride + job.reachH.high - job.reachH.low + 1; }
int64_t blockCols(const Job& job) { return (job.bandCols() - 1) * job.w.stride + job.reachW.high - job.reachW.low + 1; }
int64_t xColStride(const Job& job) { return job.copiesX ? job.planes * job.xPitch : job.xChannels; }
int64_t xRowStride(const Job& job) { return (job.copiesX ? blockCols(job) : job.w.source) * xColStride(job); }
int64_t xSliceStride(const Job& job) { return (job.copiesX ? blockRows(job) : job.h.source) * xRowStride(job); }

int64_t gradColStride(const Job& job) { return job.copiesGrad ? job.gradPitch : job.gradChannels; }
int64_t gradRowStride(const Job& job) { return (job.copiesGrad ? job.bandCols() : job.w.result) * gradColStride(job); }
int64_t gradSliceStride(const Job& job) {
  return (job.copiesGrad ? job.bandRows() : job.h.result) * gradRowStride(job);
}

struct Band {
  int64_t image, slice, slices, row, rows, col, cols;
};

Band bandOf(const Job& job, int64_t index) {
  const ConvSplit slices{job.d.result, job.bandsD}, rows{job.h.result, job.bandsH}, cols{job.w.result, job.bandsW};
  const int64_t w = index % job.bandsW, h = index / job.bandsW % job.bandsH;
  index /= job.bandsW * job.bandsH;
  const int64_t d = index % job.bandsD;
  return {index / job.bandsD, slices.start(d), slices.size(d), rows.start(h),
          rows.size(h),       cols.start(w),   cols.size(w)};
}

// Copies `slices` slices from `first` on; p is filled in but for its source and its place. Slices outside are zero.
void copySlices(const Job& job, cpu::ConvPad p, const char* image, int64_t sliceStride, int64_t depth, int64_t first,
                int64_t slices, char* room) {
  const int64_t height = p.height, size = p.rows * p.cols * p.planes * p.pitch;
  for (int64_t i = 0; i < slices && size > 0; i++) {
    const bool inside = first + i >= 0 && first + i < depth;
    p.height = inside ? height : 0;
    p.source = inside ? image + (first + i) * sliceStride * job.itemSize : image;
    p.out = room + i * size * job.itemSize;
    job.kernels->pad[job.type](p);
  }
}

// x from the first tap of the band's first pixel on, copied to `room` where it needs zeros or its own channels.
const char* readX(const Job& job, const Band& band, int64_t group, char* room) {
  const int64_t rowStride = job.w.source * job.xChannels, sliceStride = job.h.source * rowStride;
  const int64_t slice = band.slice * job.d.stride + job.reachD.low;
  const int64_t row = band.row * job.h.stride + job.reachH.low, col = band.col * job.w.stride + job.reachW.low;
  const char* image = job.x + (band.image * job.d.source * sliceStride + group * job.depth) * job.itemSize;
  if (!job.copiesX) return image + (slice * sliceStride + row * rowStride + col * job.xChannels) * job.itemSize;
  cpu::ConvPad p{};
  p.rowStride = rowStride, p.colStride = job.xChannels;
  p.height = job.h.source, p.width = job.w.source;
  p.row0 = row, p.col0 = col;
  p.rows = blockRows(job), p.cols = blockCols(job);
  p.channels = job.byLane ? job.gradChannels : job.depth;
  p.repeat = job.repeat, p.planes = job.planes, p.pitch = job.xPitch;
  copySlices(job, p, image, sliceStride, job.d.source, slice, blockSlices(job), room);
  return room;
}

const char* readGrad(const Job& job, const Band& band, int64_t group, char* room) {
  const int64_t rowStride = job.w.result * job.gradChannels, sliceStride = job.h.result * rowStride;
  const char* image = job.grad + (band.image * job.d.result * sliceStride + group * job.width) * job.itemSize;
  if (!job.copiesGrad) {
    return image + (band.slice * sliceStride + band.row * rowStride + band.col * job.gradChannels) * job.itemSize;
  }
  cpu::ConvPad p{};
  p.rowStride = rowStride, p.colStride = job.gradChannels;
  p.height = job.h.result, p.width = job.w.result;
  p.row0 = band.row, p.col0 = band.col;
  p.rows = job.bandRows(), p.cols = job.bandCols();
  p.channels = job.separateWidth();
  p.repeat = 1, p.planes = 1, p.pitch = job.gradPitch;
  copySlices(job, p, image, sliceStride, job.d.result, band.slice, band.slices, room);
  return room;
}

// A part of one run of one group's gradient.
struct Piece {
  int64_t group, run, tap, taps, vector, vectors;
};

// The band's result positions along one axis whose input lies inside the image; the others multiply zeros.
struct Inside {
  int64_t first, end;
  Inside(const ConvAxis& axis, int64_t start, int64_t count, int64_t kernel) {
    const int64_t low = start * axis.stride - axis.pad + kernel * axis.dilation;
    first = low < 0 ? std::min(ceilDiv(-low, axis.stride), count) : 0;
    end = low < axis.source ? std::min(ceilDiv(axis.source - low, axis.stride), count) : 0;
  }
};

void addPiece(const Job& job, const Band& band, const char* x, const char* grad, const Piece& piece, char* sums) {
  cpu::ConvWeight p{};
  const int64_t kernelCol = piece.run % job.runsW, kernelRow = piece.run / job.runsW % job.runsH;
  const int64_t kernelSlice = piece.run / (job.runsW * job.runsH);
  p.xSlice = job.d.stride * xSliceStride(job);
  p.xRow = job.h.stride * xRowStride(job), p.xCol = job.w.stride * xColStride(job);
  p.gradSlice = gradSliceStride(job), p.gradRow = gradRowStride(job), p.gradCol = gradColStride(job);
  p.slices = band.slices, p.rows = band.rows, p.cols = band.cols;
  int64_t from = 0, to = piece.vector * job.lanes;  // places in x and in the gradient
  if (job.gathers) {
    p.offsets = job.table + piece.tap;
  } else {
    const Inside slices(job.d, band.slice, band.slices, kernelSlice), rows(job.h, band.row, band.rows, kernelRow);
    p.slices = slices.end - slices.first, p.rows = rows.end - rows.first;
    if (p.slices <= 0 || p.rows <= 0) return;
    from = kernelSlice * job.d.dilation * xSliceStride(job) + kernelRow * job.h.dilation * xRowStride(job) +
           kernelCol * job.w.dilation * xColStride(job) + piece.tap + slices.first * p.xSlice + rows.first * p.xRow;
    to += slices.first * p.gradSlice + rows.first * p.gradRow;
  }
  p.x = x + from * job.itemSize;
  p.grad = grad + to * job.itemSize;
  const int64_t row = piece.run * job.runTaps + piece.tap;
  const int64_t col = piece.group * job.groupWidth() + piece.vector * job.lanes;
  p.sums = sums + (row * job.rowLength() + col) * job.itemSize;
  p.sumsStride = job.rowLength();
  p.taps = piece.taps;
  p.vectors = piece.vectors;
  p.tileVectors = job.tileVectors;
  (job.byLane ? job.weightKernels->depthwise : job.weightKernels->weight)[job.type](p);
}

void addBias(const Job& job, const Band& band, const char* grad, int64_t group, char* sums) {
  cpu::ConvWeight p{};
  p.grad = grad;
  p.gradSlice = gradSliceStride(job), p.gradRow = gradRowStride(job), p.gradCol = gradColStride(job);
  p.sums = sums + group * job.groupWidth() * job.itemSize;
  p.slices = band.slices, p.rows = band.rows, p.cols = band.cols;
  p.vectors = job.vectors;
  job.weightKernels->bias[job.type](p);
}

void runChunk(const Job& job, const Exec& exec, int64_t chunk) {
  const ConvSplit split{job.items(), job.chunks};
  char* sums = job.sums + chunk * job.taps() * job.rowLength() * job.itemSize;
  char* biasSums = job.biasSums + chunk * job.rowLength() * job.itemSize;
  memset(sums, 0, static_cast<size_t>(job.taps() * job.rowLength() * job.itemSize));
  memset(biasSums, 0, static_cast<size_t>(job.rowLength() * job.itemSize));
  char* room = static_cast<char*>(ThreadPool::threadScratch(static_cast<size_t>(job.xBytes + job.gradBytes)));
  for (int64_t item = split.start(chunk); item < split.start(chunk + 1) && !exec.stopping(); item++) {
    const Band band = bandOf(job, item);
    for (int64_t group = 0; group < job.separateGroups(); group++) {
      const char* x = readX(job, band, group, room);
      const char* grad = readGrad(job, band, group, room + job.xBytes);
      if (job.gradBias) addBias(job, band, grad, group, biasSums);
      for (int64_t run = 0; run < job.runs(); run++) {
        addPiece(job, band, x, grad, {group, run, 0, job.runTaps, 0, job.vectors}, sums);
      }
    }
  }
}

// The copies of one step lie as [item][group][x, gradient].
char* roomOf(const Job& job, int64_t index, int64_t group) {
  return job.copies + (index * job.separateGroups() + group) * (job.xBytes + job.gradBytes);
}

void runUnit(const Job& job, int64_t firstItem, int64_t items, int64_t unit) {
  const int64_t perGroup = job.runs() * job.tapPieces * job.vectorPieces;
  const ConvSplit taps{job.runTaps, job.tapPieces}, vectors{job.vectors, job.vectorPieces};
  const bool bias = unit >= job.separateGroups() * perGroup;
  const int64_t group = bias ? unit - job.separateGroups() * perGroup : unit / perGroup;
  const int64_t v = unit % job.vectorPieces, t = unit / job.vectorPieces % job.tapPieces;
  const int64_t run = unit / (job.vectorPieces * job.tapPieces) % job.runs();
  const Piece piece{group, run, taps.start(t), taps.size(t), vectors.start(v), vectors.size(v)};
  for (int64_t i = 0; i < items; i++) {
    const Band band = bandOf(job, firstItem + i);
    // Without copies these are addresses in x and in the gradient.
    char* room = roomOf(job, i, group);
    const char* grad = job.copiesGrad ? room + job.xBytes : readGrad(job, band, group, nullptr);
    if (bias) {
      addBias(job, band, grad, group, job.biasSums);
    } else {
      addPiece(job, band, job.copiesX ? room : readX(job, band, group, nullptr), grad, piece, job.sums);
    }
  }
}

void runByTiles(const Job& job, Exec& exec) {
  memset(job.sums, 0, static_cast<size_t>(job.taps() * job.rowLength() * job.itemSize));
  memset(job.biasSums, 0, static_cast<size_t>(job.rowLength() * job.itemSize));
  const int64_t units =
      job.separateGroups() * (job.runs() * job.tapPieces * job.vectorPieces + (job.gradBias != nullptr));
  for (int64_t first = 0; first < job.items() && !exec.stopping(); first += job.stepItems) {
    const int64_t items = std::min(job.stepItems, job.items() - first);
    if (job.copiesX || job.copiesGrad) {
      exec.parallelFor(items * job.separateGroups(), [&](int64_t i) {
        const int64_t item = i / job.separateGroups(), group = i % job.separateGroups();
        char* room = roomOf(job, item, group);
        readX(job, bandOf(job, first + item), group, room);
        readGrad(job, bandOf(job, first + item), group, room + job.xBytes);
      });
    }
    exec.parallelFor(units, [&](int64_t unit) { runUnit(job, first, items, unit); });
  }
}

void reduceRows(const Job& job, const char* sums, int64_t row, int64_t rows, int64_t partStride, char* out) {
  const int64_t columns = job.separateWidth();
  for (int64_t plane = 0; plane < job.separateGroups(); plane++) {
    cpu::ConvReduce p{};
    p.sums = sums + (row * job.rowLength() + plane * job.groupWidth()) * job.itemSize;
    p.parts = job.chunks, p.partStride = partStride, p.sumsStride = job.rowLength();
    p.rows = rows, p.cols = columns;
    p.out = out + (row * job.gradChannels + plane * columns) * job.itemSize;
    p.outStride = job.gradChannels;
    job.weightKernels->reduce[job.type](p);
  }
}

void reduceAll(const Job& job, Exec& exec) {
  const int64_t size = job.taps() * job.rowLength();
  const ConvSplit rows{job.taps(), std::clamp<int64_t>(size * job.chunks / 65536, 1, std::max<int64_t>(job.taps(), 1))};
  exec.parallelFor(rows.pieces,
                   [&](int64_t i) { reduceRows(job, job.sums, rows.start(i), rows.size(i), size, job.gradWeight); });
  if (job.gradBias) reduceRows(job, job.biasSums, 0, 1, job.rowLength(), job.gradBias);
}

// Offsets of the taps (kernel slice, row, column, channel or plane) in x.
void fillTable(const Job& job, int64_t* table) {
  const int64_t step = job.byLane ? job.xPitch : 1;
  for (int64_t k = 0; k < job.d.kernel; k++) {
    for (int64_t i = 0; i < job.h.kernel; i++) {
      for (int64_t j = 0; j < job.w.kernel; j++) {
        const int64_t offset = k * job.d.dilation * xSliceStride(job) + i * job.h.dilation * xRowStride(job) +
                               j * job.w.dilation * xColStride(job);
        for (int64_t c = 0; c < job.depth; c++) *table++ = offset + c * step;
      }
    }
  }
}

// Bands: blocks of result positions, summed in registers.
void chooseBands(Job& job) {
  job.reachD = job.d.reach();
  job.reachH = job.h.reach();
  job.reachW = job.w.reach();
  const int64_t rows = std::max<int64_t>(kBandPixels / job.w.result, 1);
  const int64_t slices = std::max<int64_t>(kBandPixels / (job.w.result * job.h.result), 1);
  job.bandsW = ceilDiv(job.w.result, kBandPixels);
  job.bandsH = ceilDiv(job.h.result, rows);
  job.bandsD = ceilDiv(job.d.result, slices);
}

bool isInside(const ConvAxis& axis, const ConvAxis::Reach& reach) {
  return reach.low >= 0 && (axis.result - 1) * axis.stride + reach.high < axis.source;
}

void chooseLayout(Job& job) {
  job.byLane = goesByLane(job.groups, job.d.kernel * job.h.kernel * job.w.kernel, job.depth, job.width, job.lanes);
  job.repeat = job.byLane ? job.width : 1;
  job.planes = job.byLane ? job.depth : 1;
  const int64_t channels = job.separateWidth();
  job.vectors = ceilDiv(channels, job.lanes);
  job.xPitch = job.byLane ? job.groupWidth() : job.depth;
  job.gradPitch = job.groupWidth();
  job.runsD = job.d.kernel, job.runsH = job.h.kernel, job.runsW = 1;
  job.runTaps = job.w.kernel * job.depth;
  const bool gaps = job.w.kernel > 1 && job.w.dilation > 1;
  job.gathers = job.byLane || job.runTaps < 8 || (gaps && job.depth < 8);
  if (job.gathers) {
    job.runsD = job.runsH = 1;
    job.runTaps = job.taps();
  } else if (gaps) {
    job.runsW = job.w.kernel;
    job.runTaps = job.depth;
  }
  // Slices outside are left out, except by a table of taps.
  const bool inside =
      isInside(job.h, job.reachH) && isInside(job.w, job.reachW) && (isInside(job.d, job.reachD) || !job.gathers);
  job.copiesX = !inside || job.xPitch != job.xChannels || job.repeat != 1 || job.planes != 1;
  job.copiesGrad = channels % job.lanes != 0;
  const int64_t widest = kMostCopied / std::max<int64_t>(job.planes * job.xPitch, 1);
  const auto fits = [&] { return blockSlices(job) * blockRows(job) * blockCols(job) <= widest; };
  if (!job.copiesX) return;
  if (!fits()) job.bandsD = job.d.result;
  if (!fits()) job.bandsH = job.h.result;
  if (!fits()) job.bandsW = job.w.result;
}

void chooseSplit(Job& job, const cpu::ConvTiling& tiling) {
  job.xBytes = job.copiesX ? roundUp(blockSlices(job) * xSliceStride(job) * job.itemSize, 64) : 0;
  job.gradBytes = job.copiesGrad ? roundUp(job.pixels() * job.gradPitch * job.itemSize, 64) : 0;
  job.tileVectors = job.byLane
                        ? job.vectors
                        : chooseTileVectors(tiling, std::max<int64_t>(job.runTaps, 1), job.vectors, job.pixels());
  const int64_t sums = job.taps() * job.rowLength();
  const int64_t pixels = job.images * job.d.result * job.h.result * job.w.result;
  const double work = 2.0 * static_cast<double>(pixels) * static_cast<double>(sums);
  job.tapPieces = ceilDiv(job.runTaps, kUnitTaps);
  job.vectorPieces = ceilDiv(job.vectors, kUnitVectors);
  const int64_t units = job.separateGroups() * job.runs() * job.tapPieces * job.vectorPieces;
  const bool few = job.items() < 8 && units > job.items() && work > kSmallWork;
  job.byTiles = !job.byLane && (sums * job.itemSize > kLargeSums || few);
  const int64_t read =
      job.separateGroups() * (job.xBytes + job.gradBytes) + job.pixels() * job.gradChannels * job.itemSize;
  job.stepItems = std::clamp<int64_t>(kStepBytes / read, 1, job.items());
  job.chunks = job.byTiles || work < kSmallWork ? 1 : std::min({kMostChunks, job.items(), ceilDiv(pixels, 256)});
}

}  // namespace

void convolutionBackwardWeight(Context& ctx, const Tensor& gradWeight, const Tensor* gradBias, const Tensor& gradOut,
                               const Tensor& x, std::span<const int32_t> sizes) {
  const ConvProblem problem(false, x, gradWeight, gradOut, sizes);
  const WinogradCall w = winogradCall(ctx, ConvPass::kWeight, problem, x, gradWeight, gradOut);
  if (w.method != ConvMethod::kDirect) {
    return winogradBackwardWeight(ctx, w.method, w.weight, gradBias, w.out, w.x, w.padH, w.padW);
  }
  Job job{};
  job.d = problem.d, job.h = problem.h, job.w = problem.w;
  job.images = problem.images;
  const int64_t groups = job.groups = problem.groups;
  job.depth = gradWeight.shape[1];
  job.width = gradWeight.shape[0] / groups;
  job.xChannels = x.shape[1], job.gradChannels = gradWeight.shape[0];
  job.x = x.data, job.grad = gradOut.data, job.gradWeight = gradWeight.data;
  if (gradBias) job.gradBias = gradBias->data;
  job.type = gradWeight.dtype == DType::kFloat64;
  job.itemSize = static_cast<int64_t>(itemSize(gradWeight.dtype));
  job.kernels = &ctx.kernels.conv;
  job.weightKernels = &ctx.kernels.conv_weight;
  job.lanes = job.kernels->tiling.lanes[job.type];
  const Tensor* const outs[] = {&gradWeight, gradBias};
  const Tensor* const ins[] = {&gradOut, &x};
  if (gradOut.numel() == 0) {
    const size_t weightBytes = static_cast<size_t>(gradWeight.numel() * job.itemSize);
    const size_t biasBytes = gradBias ? static_cast<size_t>(gradBias->numel() * job.itemSize) : 0;
    ctx.stream.enqueueList("convolutionBackwardWeight", outs, 2, ins, 2, [job, weightBytes, biasBytes](Exec&) {
      memset(job.gradWeight, 0, weightBytes);
      if (biasBytes) memset(job.gradBias, 0, biasBytes);
    });
    return;
  }
  chooseBands(job);
  chooseLayout(job);
  chooseSplit(job, job.kernels->tiling);
  const int64_t sums = job.taps() * job.rowLength() * job.itemSize, biases = job.rowLength() * job.itemSize;
  const int64_t table = job.gathers ? job.taps() * static_cast<int64_t>(sizeof(int64_t)) : 0;
  const int64_t copies = job.byTiles ? job.stepItems * job.separateGroups() * (job.xBytes + job.gradBytes) : 0;
  const Scratch scratch =
      ctx.scratch(static_cast<size_t>(roundUp(job.chunks * (sums + biases), 64) + roundUp(copies, 64) + table));
  job.sums = scratch.as<char>();
  job.biasSums = job.sums + job.chunks * sums;
  job.copies = job.sums + roundUp(job.chunks * (sums + biases), 64);
  if (table) job.table = reinterpret_cast<int64_t*>(job.copies + roundUp(copies, 64));
  ctx.stream.enqueueList("convolutionBackwardWeight", outs, 2, ins, 2, [job](Exec& exec) {
    if (job.table) fillTable(job, const_cast<int64_t*>(job.table));
    if (job.byTiles) {
      runByTiles(job, exec);
    } else {
      exec.parallelFor(job.chunks, [&](int64_t chunk) { runChunk(job, exec, chunk); });
    }
    reduceAll(job, exec);
  });
}

}  // namespace nabla::ops
