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
  ConvAxis h, w;
  ConvAxis::Reach reachH, reachW;
  int64_t images, groups, depth, width;  // input and output channels per group
  int64_t xChannels, gradChannels;
  bool byLane, copiesX, copiesGrad, byTiles;
  int64_t xPitch, repeat, planes, gradPitch;  // per pixel of a copy
  int64_t vectors, tileVectors;               // per group
  int64_t runsH, runsW, runTaps;              // kernel rows, columns and taps of a run
  bool gathers;                               // one run of taps from all over the kernel, found by a table of offsets
  const int64_t* table;
  int64_t bandsH, bandsW, chunks;
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

  int64_t items() const { return images * bandsH * bandsW; }
  int64_t groupWidth() const { return vectors * lanes; }
  int64_t separateGroups() const { return byLane ? 1 : groups; }
  int64_t separateWidth() const { return byLane ? gradChannels : width; }
  int64_t rowLength() const { return separateGroups() * groupWidth(); }
  int64_t taps() const { return h.kernel * w.kernel * depth; }
  int64_t runs() const { return runsH * runsW; }
  int64_t pixels() const { return ceilDiv(h.result, bandsH) * ceilDiv(w.result, bandsW); }
};

// Bands have the same rectangle of x, so that offsets of taps are the same in all of them.
int64_t rectangleRows(const Job& job) {
  return (ceilDiv(job.h.result, job.bandsH) - 1) * job.h.stride + job.reachH.high - job.reachH.low + 1;
}
int64_t rectangleCols(const Job& job) {
  return (ceilDiv(job.w.result, job.bandsW) - 1) * job.w.stride + job.reachW.high - job.reachW.low + 1;
}
int64_t xRowStride(const Job& job) {
  return job.copiesX ? rectangleCols(job) * job.planes * job.xPitch : job.w.source * job.xChannels;
}
int64_t xColStride(const Job& job) { return job.copiesX ? job.planes * job.xPitch : job.xChannels; }

struct Band {
  int64_t image, row, rows, col, cols;
};

Band bandOf(const Job& job, int64_t item) {
  const ConvSplit rows{job.h.result, job.bandsH}, cols{job.w.result, job.bandsW};
  const int64_t j = item % job.bandsW, i = item / job.bandsW % job.bandsH;
  return {item / (job.bandsW * job.bandsH), rows.start(i), rows.size(i), cols.start(j), cols.size(j)};
}

// x from the first tap of the band's first pixel on, copied to `room` where it needs zeros or its own channels.
const char* readX(const Job& job, const Band& band, int64_t group, char* room) {
  const int64_t rowStride = job.w.source * job.xChannels;
  const int64_t row = band.row * job.h.stride + job.reachH.low, col = band.col * job.w.stride + job.reachW.low;
  const char* image = job.x + (band.image * job.h.source * rowStride + group * job.depth) * job.itemSize;
  if (!job.copiesX) return image + (row * rowStride + col * job.xChannels) * job.itemSize;
  cpu::ConvPad p{};
  p.source = image;
  p.rowStride = rowStride, p.colStride = job.xChannels;
  p.height = job.h.source, p.width = job.w.source;
  p.row0 = row, p.col0 = col;
  p.rows = rectangleRows(job), p.cols = rectangleCols(job);
  p.channels = job.byLane ? job.gradChannels : job.depth;
  p.repeat = job.repeat, p.planes = job.planes, p.pitch = job.xPitch;
  p.out = room;
  if (p.pitch > 0) job.kernels->pad[job.type](p);
  return room;
}

int64_t gradRowStride(const Job& job) {
  return job.copiesGrad ? ceilDiv(job.w.result, job.bandsW) * job.gradPitch : job.w.result * job.gradChannels;
}

const char* readGrad(const Job& job, const Band& band, int64_t group, char* room) {
  const int64_t rowStride = job.w.result * job.gradChannels;
  const char* image = job.grad + (band.image * job.h.result * rowStride + group * job.width) * job.itemSize;
  if (!job.copiesGrad) return image + (band.row * rowStride + band.col * job.gradChannels) * job.itemSize;
  cpu::ConvPad p{};
  p.source = image;
  p.rowStride = rowStride, p.colStride = job.gradChannels;
  p.height = job.h.result, p.width = job.w.result;
  p.row0 = band.row, p.col0 = band.col;
  p.rows = band.rows, p.cols = ceilDiv(job.w.result, job.bandsW);
  p.channels = job.separateWidth();
  p.repeat = 1, p.planes = 1, p.pitch = job.gradPitch;
  p.out = room;
  if (p.pitch > 0) job.kernels->pad[job.type](p);
  return room;
}

// A part of one run of one group's gradient.
struct Piece {
  int64_t group, run, tap, taps, vector, vectors;
};

void addPiece(const Job& job, const Band& band, const char* x, const char* grad, const Piece& piece, char* sums) {
  cpu::ConvWeight p{};
  const int64_t rowStride = xRowStride(job), colStride = xColStride(job);
  const int64_t kernelRow = piece.run / job.runsW, kernelCol = piece.run % job.runsW;
  int64_t offset = kernelRow * job.h.dilation * rowStride + kernelCol * job.w.dilation * colStride;
  if (job.table) {
    p.offsets = job.table + piece.tap;
  } else {
    offset += piece.tap;
  }
  // Only result rows whose input row lies inside the image; the others multiply zeros.
  const int64_t top = band.row * job.h.stride - job.h.pad + kernelRow * job.h.dilation;
  int64_t first = 0, end = band.rows;
  if (!job.gathers) {
    first = top < 0 ? std::min(ceilDiv(-top, job.h.stride), band.rows) : 0;
    end = top < job.h.source ? std::min(ceilDiv(job.h.source - top, job.h.stride), band.rows) : 0;
    if (end <= first) return;
  }
  p.rows = end - first;
  p.x = x + (offset + first * job.h.stride * rowStride) * job.itemSize;
  p.xRow = job.h.stride * rowStride, p.xCol = job.w.stride * colStride;
  p.grad = grad + (first * gradRowStride(job) + piece.vector * job.lanes) * job.itemSize;
  p.gradRow = gradRowStride(job), p.gradCol = job.copiesGrad ? job.gradPitch : job.gradChannels;
  const int64_t row = piece.run * job.runTaps + piece.tap;
  const int64_t col = piece.group * job.groupWidth() + piece.vector * job.lanes;
  p.sums = sums + (row * job.rowLength() + col) * job.itemSize;
  p.sumsStride = job.rowLength();
  p.cols = band.cols;
  p.taps = piece.taps;
  p.vectors = piece.vectors;
  p.tileVectors = job.tileVectors;
  (job.byLane ? job.weightKernels->depthwise : job.weightKernels->weight)[job.type](p);
}

void addBias(const Job& job, const Band& band, const char* grad, int64_t group, char* sums) {
  cpu::ConvWeight p{};
  p.grad = grad;
  p.gradRow = gradRowStride(job), p.gradCol = job.copiesGrad ? job.gradPitch : job.gradChannels;
  p.sums = sums + group * job.groupWidth() * job.itemSize;
  p.rows = band.rows, p.cols = band.cols;
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

// Offsets of the taps (kernel row, kernel column, channel or plane) in x.
void fillTable(const Job& job, int64_t* table) {
  const int64_t step = job.byLane ? job.xPitch : 1;
  for (int64_t i = 0; i < job.h.kernel; i++) {
    for (int64_t j = 0; j < job.w.kernel; j++) {
      const int64_t offset = i * job.h.dilation * xRowStride(job) + j * job.w.dilation * xColStride(job);
      for (int64_t c = 0; c < job.depth; c++) *table++ = offset + c * step;
    }
  }
}

// Bands: rectangles of result pixels, summed in registers.
void chooseBands(Job& job) {
  bool single = true;
  for (const ConvAxis* axis : {&job.h, &job.w}) single &= axis->kernel == 1 && axis->stride == 1 && axis->pad == 0;
  if (single) {
    job.w.source = job.w.result = job.images * job.h.source * job.w.source;
    job.h.source = job.h.result = job.images = 1;
  }
  job.reachH = job.h.reach();
  job.reachW = job.w.reach();
  job.bandsW = ceilDiv(job.w.result, kBandPixels);
  job.bandsH = ceilDiv(job.h.result, std::max<int64_t>(kBandPixels / job.w.result, 1));
}

void chooseLayout(Job& job) {
  job.byLane = goesByLane(job.groups, job.h.kernel * job.w.kernel, job.depth, job.width, job.lanes);
  job.repeat = job.byLane ? job.width : 1;
  job.planes = job.byLane ? job.depth : 1;
  const int64_t channels = job.separateWidth();
  job.vectors = ceilDiv(channels, job.lanes);
  job.xPitch = job.byLane ? job.groupWidth() : job.depth;
  job.gradPitch = job.groupWidth();
  const int64_t lastRow = (job.h.result - 1) * job.h.stride + job.reachH.high;
  const int64_t lastCol = (job.w.result - 1) * job.w.stride + job.reachW.high;
  const bool inside = job.reachH.low >= 0 && job.reachW.low >= 0 && lastRow < job.h.source && lastCol < job.w.source;
  job.copiesX = !inside || job.xPitch != job.xChannels || job.repeat != 1 || job.planes != 1;
  job.copiesGrad = channels % job.lanes != 0;
  const int64_t widest = kMostCopied / std::max<int64_t>(job.planes * job.xPitch, 1);
  if (job.copiesX && rectangleRows(job) * rectangleCols(job) > widest) {
    job.bandsH = job.h.result;
    if (rectangleRows(job) * rectangleCols(job) > widest) {
      job.bandsW = job.w.result;
    }
  }
  job.runsH = job.h.kernel, job.runsW = 1;
  job.runTaps = job.w.kernel * job.depth;
  const bool gaps = job.w.kernel > 1 && job.w.dilation > 1;
  job.gathers = job.byLane || job.runTaps < 8 || (gaps && job.depth < 8);
  if (job.gathers) {
    job.runsH = 1;
    job.runTaps = job.taps();
  } else if (gaps) {
    job.runsW = job.w.kernel;
    job.runTaps = job.depth;
  }
}

void chooseSplit(Job& job, const cpu::ConvTiling& tiling) {
  job.xBytes =
      job.copiesX ? roundUp(rectangleRows(job) * rectangleCols(job) * job.planes * job.xPitch * job.itemSize, 64) : 0;
  job.gradBytes = job.copiesGrad ? roundUp(job.pixels() * job.gradPitch * job.itemSize, 64) : 0;
  job.tileVectors = job.byLane
                        ? job.vectors
                        : chooseTileVectors(tiling, std::max<int64_t>(job.runTaps, 1), job.vectors, job.pixels());
  const int64_t sums = job.taps() * job.rowLength();
  const int64_t pixels = job.images * job.h.result * job.w.result;
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

void conv2dBackwardWeight(Context& ctx, const Tensor& gradWeight, const Tensor* gradBias, const Tensor& gradOut,
                          const Tensor& x, int64_t strideH, int64_t strideW, int64_t padH, int64_t padW,
                          int64_t dilationH, int64_t dilationW, int64_t groups) {
  const ConvOptions options{strideH, strideW, padH, padW, dilationH, dilationW, groups};
  const ConvMethod method = chooseMethod(ctx, ConvPass::kWeight, x, gradWeight, gradOut, options);
  if (method != ConvMethod::kDirect) {
    return winogradBackwardWeight(ctx, method, gradWeight, gradBias, gradOut, x, padH, padW);
  }
  Job job{};
  job.h = {false, x.shape[2], gradOut.shape[2], gradWeight.shape[2], strideH, padH, dilationH};
  job.w = {false, x.shape[3], gradOut.shape[3], gradWeight.shape[3], strideW, padW, dilationW};
  job.images = x.shape[0];
  job.groups = groups;
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
    ctx.stream.enqueueList("conv2dBackwardWeight", outs, 2, ins, 2, [job, weightBytes, biasBytes](Exec&) {
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
  ctx.stream.enqueueList("conv2dBackwardWeight", outs, 2, ins, 2, [job](Exec& exec) {
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
