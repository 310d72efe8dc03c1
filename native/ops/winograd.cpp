#include "winograd.h"

#include "winograd_plan.h"

namespace nabla::ops {

namespace {

constexpr int64_t kStepBytes = int64_t{4} << 20;   // points of a step, which stay in the caches
constexpr int64_t kLargeStep = int64_t{24} << 20;  // where weights of more than kWarmBytes are read anew in each step
constexpr int64_t kWarmBytes = int64_t{16} << 20;
constexpr int64_t kTransformed = 1 << 17;  // elements that one chunk of a phase transforms
constexpr double kChunkWork = 2e6;         // multiply-adds

// Two ways to go through the tiles, equal in their results:
//  - by blocks: a chunk takes a few tiles through transform, products and transform back, in its own cache;
//  - by phases, for many channels or few tiles: all chunks transform, then each multiplies some points of all tiles, so
//    that the weights are read once.
struct Job {
  cpu::WinogradImages source, result;
  WinogradGrid grid;
  int64_t points, depth, depthPitch, width, widthPitch;
  int64_t lanes, vectors, tileVectors;
  const float* weight;
  int64_t tapStep, depthStride, laneStride;
  const float* bias;
  int64_t biasStride;
  float *paddedBias, *packed;  // weights by point, as the products read them
  int64_t packedPoint;
  const float *addend, *mask;
  Activation activation;
  uint8_t* places;  // not null: the result is pooled
  bool phased;
  int64_t block, step;
  float *v, *m;  // points of a step
  int method;
  const cpu::WinogradKernels* kernels;
};

void packVector(const Job& job, int64_t vector, int64_t firstDepth, int64_t depth) {
  const ConvSplit blocks{job.vectors, ceilDiv(job.vectors, job.tileVectors)};
  int64_t block = 0;
  while (blocks.start(block + 1) <= vector) block++;
  const int64_t start = blocks.start(block);
  cpu::WinogradWeights p{};
  p.weight = job.weight + vector * job.lanes * job.laneStride + firstDepth * job.depthStride;
  p.tapStep = job.tapStep;
  p.depth = depth, p.depthStride = job.depthStride;
  p.lanes = std::min(job.lanes, job.width - vector * job.lanes), p.laneStride = job.laneStride;
  p.step = blocks.size(block) * job.lanes;
  p.pointStride = job.packedPoint;
  p.out = job.packed + start * job.lanes * job.depth + firstDepth * p.step + (vector - start) * job.lanes;
  job.kernels->weights[job.method](p);
}

void packWeights(const Job& job, Exec& exec) {
  const ConvSplit depths = piecesOf(job.depth, 64);
  exec.parallelFor(job.vectors * depths.pieces, [&](int64_t i) {
    const int64_t d = i % depths.pieces;
    packVector(job, i / depths.pieces, depths.start(d), depths.size(d));
  });
}

void padBias(const Job& job) {
  if (!job.bias) return;
  for (int64_t c = 0; c < job.widthPitch; c++) job.paddedBias[c] = c < job.width ? job.bias[c * job.biasStride] : 0;
}

void readTiles(const Job& job, int64_t first, int64_t count, float* v, int64_t vPoint) {
  job.kernels->input[job.method]({job.source, job.grid.tiles(first, count), v, job.depthPitch, vPoint, nullptr});
}

void writeTiles(const Job& job, int64_t first, int64_t count, const float* m, int64_t mPoint) {
  const float* bias = job.bias ? job.paddedBias : nullptr;
  cpu::WinogradOutput o{
      job.result, job.grid.tiles(first, count), m, job.widthPitch, mPoint, bias, job.addend, job.mask, false, 0,
      job.places};
  o.relu = job.activation.relu, o.most = static_cast<float>(job.activation.most);
  (job.places ? job.kernels->pooled : job.kernels->output)[job.method](o);
}

cpu::WinogradMultiply productOf(const Job& job, int64_t rows) {
  cpu::WinogradMultiply p{};
  p.aPitch = job.depthPitch, p.aPoint = pointStride(rows, job.depthPitch);
  p.b = job.packed, p.bPoint = job.packedPoint;
  p.outPitch = job.widthPitch, p.outPoint = pointStride(rows, job.widthPitch);
  p.points = job.points, p.rows = rows, p.depth = job.depth;
  p.vectors = job.vectors, p.tileVectors = job.tileVectors;
  p.lastBlock = ceilDiv(job.vectors, job.tileVectors);
  return p;
}

void runBlock(const Job& job, int64_t first, int64_t count) {
  cpu::WinogradMultiply p = productOf(job, count);
  const int64_t inputs = job.points * p.aPoint, outputs = job.points * p.outPoint;
  float* v = static_cast<float*>(ThreadPool::threadScratch(static_cast<size_t>(inputs + outputs) * sizeof(float)));
  float* m = v + inputs;
  p.a = v, p.out = m;
  readTiles(job, first, count, v, p.aPoint);
  job.kernels->multiply(p);
  writeTiles(job, first, count, m, p.outPoint);
}

// A chunk multiplies some column blocks of one point, or several points.
void multiplyPoints(const Job& job, Exec& exec, int64_t rows) {
  const cpu::WinogradMultiply whole = productOf(job, rows);
  const double work = static_cast<double>(rows * job.depth) * static_cast<double>(job.widthPitch);
  const int64_t groups = std::clamp<int64_t>(static_cast<int64_t>(work / kChunkWork), 1, whole.lastBlock);
  const ConvSplit blocks{whole.lastBlock, groups};
  const ConvSplit points = piecesOf(job.points, static_cast<int64_t>(kChunkWork / std::max(work, 1.0)));
  exec.parallelFor(points.pieces * groups, [&](int64_t i) {
    cpu::WinogradMultiply p = whole;
    const int64_t point = points.start(i / groups), group = i % groups;
    p.points = points.size(i / groups);
    p.a = job.v + point * p.aPoint, p.b += point * p.bPoint, p.out = job.m + point * p.outPoint;
    p.firstBlock = blocks.start(group), p.lastBlock = blocks.start(group + 1);
    job.kernels->multiply(p);
  });
}

void runPhases(const Job& job, Exec& exec) {
  const ConvSplit steps = piecesOf(job.grid.total, job.step);
  for (int64_t s = 0; s < steps.pieces && !exec.stopping(); s++) {
    const int64_t first = steps.start(s), rows = steps.size(s);
    const int64_t vPoint = pointStride(rows, job.depthPitch), mPoint = pointStride(rows, job.widthPitch);
    const ConvSplit reads = piecesOf(rows, kTransformed / (job.points * job.depthPitch));
    exec.parallelFor(reads.pieces, [&](int64_t i) {
      const int64_t at = reads.start(i);
      readTiles(job, first + at, reads.size(i), job.v + at * job.depthPitch, vPoint);
    });
    multiplyPoints(job, exec, rows);
    const ConvSplit writes = piecesOf(rows, kTransformed / (job.points * job.widthPitch));
    exec.parallelFor(writes.pieces, [&](int64_t i) {
      const int64_t at = writes.start(i);
      writeTiles(job, first + at, writes.size(i), job.m + at * job.widthPitch, mPoint);
    });
  }
}

void run(const Job& job, Exec& exec) {
  padBias(job);
  if (job.phased) return runPhases(job, exec);
  exec.parallelFor(ceilDiv(job.grid.total, job.block), [&](int64_t i) {
    const int64_t first = i * job.block;
    runBlock(job, first, std::min(job.block, job.grid.total - first));
  });
}

void chooseSplit(Job& job, const cpu::ConvTiling& tiling) {
  job.tileVectors = chooseTileVectors(tiling, 28, job.vectors, std::max<int64_t>(job.depth, 1));
  job.block = winogradBlock(job.grid, job.points, job.depthPitch, job.widthPitch, tiling.maxRows[job.tileVectors]);
  const int64_t bytes = job.points * (job.depthPitch + job.widthPitch) * static_cast<int64_t>(sizeof(float));
  const bool warm = job.points * job.depth * job.widthPitch * static_cast<int64_t>(sizeof(float)) <= kWarmBytes;
  job.step = std::clamp<int64_t>((warm ? kStepBytes : kLargeStep) / bytes, 1, job.grid.total);
  job.phased = std::max(job.depth, job.width) >= 256;
}

void launch(Context& ctx, const char* name, ConvMethod method, Job& job, const Tensor& out, const Tensor* places,
            const Tensor& source, const Tensor& weight, const Tensor* bias, const Tensor* addend, const Tensor* mask) {
  if (out.numel() == 0) return;
  job.method = static_cast<int>(method);
  job.points = winogradPoints(method);
  job.kernels = &ctx.kernels.winograd;
  job.lanes = ctx.kernels.conv.tiling.lanes[0];
  job.depth = source.shape[1], job.width = out.shape[1];
  job.vectors = ceilDiv(job.width, job.lanes);
  job.depthPitch = roundUp(job.depth, job.lanes), job.widthPitch = job.vectors * job.lanes;
  if (bias) job.bias = bias->ptr<float>(), job.biasStride = bias->strides[0];
  job.addend = addend ? addend->ptr<float>() : nullptr;
  job.mask = mask ? mask->ptr<float>() : nullptr;
  chooseSplit(job, ctx.kernels.conv.tiling);
  job.packedPoint = pointStride(job.depth, job.widthPitch);
  const int64_t biases = roundUp(job.widthPitch, 16), packed = job.points * job.packedPoint;
  const int64_t v = job.phased ? job.points * pointStride(job.step, job.depthPitch) : 0;
  const int64_t m = job.phased ? job.points * pointStride(job.step, job.widthPitch) : 0;
  const PreparedKey key{2, job.method, job.laneStride != 1, job.depth, job.width, job.tileVectors};
  const auto kept = ctx.prepared.find(ctx, weight, key, static_cast<size_t>(packed) * sizeof(float));
  const int64_t own = biases + v + m + (kept.keeps() ? 0 : packed);
  const Scratch scratch = ctx.scratch(static_cast<size_t>(own) * sizeof(float));
  job.paddedBias = scratch.as<float>();
  job.v = job.paddedBias + biases;
  job.m = job.v + v;
  job.packed = kept.keeps() ? kept.tensor.ptr<float>() : job.m + m;
  if (kept.fill) {
    ctx.stream.enqueue("packWeights", {&kept.tensor}, {&weight}, [job](Exec& exec) { packWeights(job, exec); });
  }
  const Tensor* const ins[] = {&source, &weight, bias, addend, mask, kept.keeps() ? &kept.tensor : nullptr};
  const Tensor* const outs[] = {&out, places};
  ctx.stream.enqueueList(name, outs, 2, ins, 6, [job, packs = !kept.keeps()](Exec& exec) {
    if (packs) packWeights(job, exec);
    run(job, exec);
  });
}

Job forwardJob(const Tensor& x, const Tensor& weight, const Tensor& out, int64_t padH, int64_t padW) {
  Job job{};
  job.source = winogradImages(x, -padH, -padW);
  job.result = winogradImages(out, 0, 0);
  job.weight = weight.ptr<float>();
  job.tapStep = weight.shape[0] * weight.shape[1];
  job.depthStride = weight.shape[0], job.laneStride = 1;
  return job;
}

}  // namespace

void winogradForward(Context& ctx, ConvMethod method, const Tensor& out, const Tensor& x, const Tensor& weight,
                     const Tensor* bias, const Tensor* addend, int64_t padH, int64_t padW, Activation activation) {
  Job job = forwardJob(x, weight, out, padH, padW);
  job.grid = winogradGrid(method, out);
  job.activation = activation;
  launch(ctx, "convolution", method, job, out, nullptr, x, weight, bias, addend, nullptr);
}

void winogradMaxPool(Context& ctx, const WinogradCall& call, const Tensor& out, const Tensor& places,
                     const Tensor* bias) {
  Job job = forwardJob(call.x, call.weight, out, call.padH, call.padW);
  job.grid = winogradGrid(call.method, call.out);
  job.activation = activationOf(1);
  job.places = places.ptr<uint8_t>();
  launch(ctx, "convolutionMaxPool", call.method, job, out, &places, call.x, call.weight, bias, nullptr, nullptr);
}

// A convolution of the output's gradient with the weights turned by half a circle, inputs and outputs exchanged.
void winogradBackwardInput(Context& ctx, ConvMethod method, const Tensor& gradX, const Tensor& gradOut,
                           const Tensor& weight, const Tensor* bias, const Tensor* mask, int64_t padH, int64_t padW) {
  Job job{};
  job.source = winogradImages(gradOut, padH - 2, padW - 2);
  job.result = winogradImages(gradX, 0, 0);
  job.grid = winogradGrid(method, gradX);
  const int64_t outputs = weight.shape[0];
  job.tapStep = -outputs * weight.shape[1];
  job.weight = weight.ptr<float>() - 8 * job.tapStep;
  job.depthStride = 1, job.laneStride = outputs;
  launch(ctx, "convolutionTranspose", method, job, gradX, nullptr, gradOut, weight, bias, nullptr, mask);
}

}  // namespace nabla::ops
