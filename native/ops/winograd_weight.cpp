#include "winograd_plan.h"

namespace nabla::ops {

namespace {

constexpr int64_t kStepBytes = int64_t{4} << 20;    // points of a step in the shared cache
constexpr int64_t kTransformed = 1 << 17;           // elements that one chunk of a phase transforms
constexpr int64_t kLargeSums = int64_t{256} << 10;  // bytes of sums that should not have private copies
constexpr int64_t kMostChunks = 16;                 // private sums
constexpr int64_t kChain = 128;                     // tiles summed in one register
constexpr double kChunkWork = 2e6;                  // multiply-adds

// Two ways to sum over the tiles; either has a fixed order:
//  - by chunks: each takes some tiles, block by block, and sums in its own memory; the sums are added at the end;
//  - by phases, for large gradients or few tiles: all chunks transform, then each sums some points of all tiles.
struct Job {
  cpu::WinogradImages x, grad;
  WinogradGrid grid;
  int64_t points, depth, depthPitch, width, widthPitch;
  int64_t lanes, vectors, tileVectors;
  float *gradWeight, *gradBias;
  int64_t sumsPoint;
  float *sums, *biasSums;  // one of each per chunk; by phases: one, and biasSums per transforming chunk
  int64_t biasParts;
  bool phased;
  int64_t block, chunks, step, perRead;
  float *v, *g;  // points of a step
  int method;
  const cpu::WinogradKernels* kernels;
  const cpu::WinogradWeightKernels* weightKernels;
  const cpu::ConvWeightKernels* reducing;

  int64_t sumsSize() const { return points * sumsPoint; }
};

void readTiles(const Job& job, int64_t first, int64_t count, float* v, float* g, int64_t rows, float* biasSums) {
  const cpu::WinogradTiles tiles = job.grid.tiles(first, count);
  job.kernels->input[job.method]({job.x, tiles, v, job.depthPitch, pointStride(rows, job.depthPitch), nullptr});
  job.weightKernels->gradient[job.method](
      {job.grad, tiles, g, job.widthPitch, pointStride(rows, job.widthPitch), biasSums});
}

cpu::WinogradOuter outerOf(const Job& job, int64_t rows) {
  cpu::WinogradOuter p{};
  p.aPitch = job.depthPitch, p.aPoint = pointStride(rows, job.depthPitch);
  p.bPitch = job.widthPitch, p.bPoint = pointStride(rows, job.widthPitch);
  p.outPitch = job.widthPitch, p.outPoint = job.sumsPoint;
  p.points = job.points, p.rows = job.depth, p.tiles = rows;
  p.vectors = job.vectors, p.tileVectors = job.tileVectors;
  return p;
}

float* freshBiasSums(const Job& job, int64_t part) {
  if (!job.gradBias) return nullptr;
  float* sums = job.biasSums + part * job.widthPitch;
  memset(sums, 0, static_cast<size_t>(job.widthPitch) * sizeof(float));
  return sums;
}

void runChunk(const Job& job, int64_t chunk) {
  const int64_t inputs = job.points * pointStride(job.block, job.depthPitch);
  const int64_t gradients = job.points * pointStride(job.block, job.widthPitch);
  float* v = static_cast<float*>(ThreadPool::threadScratch(static_cast<size_t>(inputs + gradients) * sizeof(float)));
  float* g = v + inputs;
  float* biasSums = freshBiasSums(job, chunk);
  const ConvSplit blocks{ceilDiv(job.grid.total, job.block), job.chunks};
  for (int64_t block = blocks.start(chunk); block < blocks.start(chunk + 1); block++) {
    const int64_t first = block * job.block, count = std::min(job.block, job.grid.total - first);
    readTiles(job, first, count, v, g, count, biasSums);
    cpu::WinogradOuter p = outerOf(job, count);
    p.a = v, p.b = g, p.out = job.sums + chunk * job.sumsSize();
    p.add = block > blocks.start(chunk);
    job.weightKernels->outer(p);
  }
}

// A chunk sums some source channels of one point, or several points, over the tiles of a step.
void sumPoints(const Job& job, Exec& exec, int64_t rows, bool add) {
  const cpu::WinogradOuter whole = outerOf(job, rows);
  const double work = static_cast<double>(rows * job.depth) * static_cast<double>(job.widthPitch);
  const ConvSplit depths{job.depth, std::clamp<int64_t>(static_cast<int64_t>(work / kChunkWork), 1, job.depth)};
  const ConvSplit points = piecesOf(job.points, static_cast<int64_t>(kChunkWork / std::max(work, 1.0)));
  const ConvSplit chains = piecesOf(rows, kChain);
  exec.parallelFor(points.pieces * depths.pieces, [&](int64_t i) {
    cpu::WinogradOuter p = whole;
    const int64_t depth = i % depths.pieces;
    p.rows = depths.size(depth);
    const int64_t point = points.start(i / depths.pieces), last = points.start(i / depths.pieces + 1);
    for (int64_t at = point; at < last; at++) {
      for (int64_t c = 0; c < chains.pieces; c++) {
        p.points = 1;
        p.a = job.v + at * p.aPoint + chains.start(c) * p.aPitch + depths.start(depth);
        p.b = job.g + at * p.bPoint + chains.start(c) * p.bPitch;
        p.out = job.sums + at * p.outPoint + depths.start(depth) * p.outPitch;
        p.tiles = chains.size(c);
        p.add = add || c > 0;
        job.weightKernels->outer(p);
      }
    }
  });
}

void runPhases(const Job& job, Exec& exec) {
  for (int64_t first = 0; first < job.grid.total && !exec.stopping(); first += job.step) {
    const int64_t rows = std::min(job.step, job.grid.total - first);
    exec.parallelFor(ceilDiv(rows, job.perRead), [&](int64_t i) {
      const int64_t at = i * job.perRead, count = std::min(job.perRead, rows - at);
      readTiles(job, first + at, count, job.v + at * job.depthPitch, job.g + at * job.widthPitch, rows,
                freshBiasSums(job, (first + at) / job.perRead));
    });
    sumPoints(job, exec, rows, first > 0);
  }
}

void reduceAll(const Job& job, Exec& exec) {
  const int64_t parts = job.phased ? 1 : job.chunks;
  const ConvSplit rows = piecesOf(job.depth, 2 * kTransformed / (job.points * job.widthPitch * (parts + 1)));
  exec.parallelFor(rows.pieces, [&](int64_t i) {
    cpu::WinogradTaps p{};
    p.points = job.sums + rows.start(i) * job.widthPitch;
    p.parts = parts, p.partStride = job.sumsSize(), p.pointStride = job.sumsPoint, p.pitch = job.widthPitch;
    p.rows = rows.size(i), p.channels = job.width;
    p.out = job.gradWeight + rows.start(i) * job.width;
    p.tapStride = job.depth * job.width, p.rowStride = job.width;
    job.weightKernels->taps[job.method](p);
  });
  if (!job.gradBias) return;
  const cpu::ConvReduce bias{job.biasSums, job.biasParts, job.widthPitch, job.widthPitch, 1,
                             job.width,    job.gradBias,  job.width};
  job.reducing->reduce[0](bias);
}

void chooseSplit(Job& job, const cpu::ConvTiling& tiling) {
  job.tileVectors = chooseTileVectors(tiling, std::max<int64_t>(job.depth, 1), job.vectors, 56);
  job.block = winogradBlock(job.grid, job.points, job.depthPitch, job.widthPitch, 4);
  const int64_t blocks = ceilDiv(job.grid.total, job.block);
  job.chunks = std::min(kMostChunks, blocks);
  const int64_t bytes = job.points * (job.depthPitch + job.widthPitch) * static_cast<int64_t>(sizeof(float));
  job.perRead = std::max<int64_t>(1, kTransformed / (job.points * (job.depthPitch + job.widthPitch)));
  job.step = roundUp(std::clamp<int64_t>(kStepBytes / bytes, 1, job.grid.total), job.perRead);
  job.phased = job.sumsSize() * static_cast<int64_t>(sizeof(float)) > kLargeSums;
  job.biasParts = job.phased ? ceilDiv(job.grid.total, job.perRead) : job.chunks;
}

void clear(Context& ctx, const Tensor& gradWeight, const Tensor* gradBias, const Tensor& gradOut, const Tensor& x) {
  const size_t weightBytes = static_cast<size_t>(gradWeight.numel()) * sizeof(float);
  const size_t biasBytes = gradBias ? static_cast<size_t>(gradBias->numel()) * sizeof(float) : 0;
  char *weight = gradWeight.data, *bias = gradBias ? gradBias->data : nullptr;
  ctx.stream.enqueue("convolutionBackwardWeight", {&gradWeight, gradBias}, {&gradOut, &x}, [=](Exec&) {
    memset(weight, 0, weightBytes);
    if (biasBytes) memset(bias, 0, biasBytes);
  });
}

}  // namespace

void winogradBackwardWeight(Context& ctx, ConvMethod method, const Tensor& gradWeight, const Tensor* gradBias,
                            const Tensor& gradOut, const Tensor& x, int64_t padH, int64_t padW) {
  if (gradOut.numel() == 0) return clear(ctx, gradWeight, gradBias, gradOut, x);
  Job job{};
  job.x = winogradImages(x, -padH, -padW);
  job.grad = winogradImages(gradOut, 0, 0);
  job.method = static_cast<int>(method);
  job.points = winogradPoints(method);
  job.grid = winogradGrid(method, gradOut);
  job.kernels = &ctx.kernels.winograd;
  job.weightKernels = &ctx.kernels.winograd_weight;
  job.reducing = &ctx.kernels.conv_weight;
  job.lanes = ctx.kernels.conv.tiling.lanes[0];
  job.depth = x.shape[1], job.width = gradOut.shape[1];
  job.vectors = ceilDiv(job.width, job.lanes);
  job.depthPitch = roundUp(job.depth, job.lanes), job.widthPitch = job.vectors * job.lanes;
  job.sumsPoint = pointStride(job.depth, job.widthPitch);
  job.gradWeight = gradWeight.ptr<float>();
  if (gradBias) job.gradBias = gradBias->ptr<float>();
  chooseSplit(job, ctx.kernels.conv.tiling);
  const int64_t sums = (job.phased ? 1 : job.chunks) * job.sumsSize();
  const int64_t biases = gradBias ? roundUp(job.biasParts * job.widthPitch, 16) : 0;
  const int64_t v = job.phased ? job.points * pointStride(job.step, job.depthPitch) : 0;
  const int64_t g = job.phased ? job.points * pointStride(job.step, job.widthPitch) : 0;
  const Scratch scratch = ctx.scratch(static_cast<size_t>(sums + biases + v + g) * sizeof(float));
  job.sums = scratch.as<float>();
  job.biasSums = job.sums + sums;
  job.v = job.biasSums + biases;
  job.g = job.v + v;
  ctx.stream.enqueue("convolutionBackwardWeight", {&gradWeight, gradBias}, {&gradOut, &x}, [job](Exec& exec) {
    if (job.phased) {
      runPhases(job, exec);
    } else {
      exec.parallelFor(job.chunks, [&](int64_t chunk) { runChunk(job, chunk); });
    }
    reduceAll(job, exec);
  });
}

}  // namespace nabla::ops
