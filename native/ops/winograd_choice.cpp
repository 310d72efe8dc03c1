// Which way each pass of a convolution goes: 3x3 kernels, float32, no stride, dilation or groups.
//
// | shape                                            | way    | why                                             |
// |--------------------------------------------------|--------|-------------------------------------------------|
// | fewer than 8 channels on one side                | direct | transforms cost more than the products saved    |
// | more than 512 channels                           | direct | 36 weights per pair of channels leave the cache |
// | results from 3x3 up                              | F4     | 0.4 to 0.7 of the direct time, measured         |
// | results of 2 rows or columns, and 5x5 to 6x6     | F2     | no more products than F4, which rounds more     |
// | one row or column; one or two small images       | direct | too little saved for the transform of weights   |
//
// The last three rows follow from the number of products; the same rule serves all passes.
#include "winograd_plan.h"

namespace nabla::ops {

namespace {

constexpr int64_t kLeastChannels = 8, kMostChannels = 512;
// What one product of a transformed weight costs in addition: its own transform.
constexpr int64_t kWeightCost = 16;

// Products per pair of channels.
int64_t products(ConvMethod method, const Tensor& result) {
  return winogradPoints(method) * winogradGrid(method, result).total;
}

}  // namespace

ConvMethod chooseMethod(const Context& ctx, ConvPass pass, const Tensor& x, const Tensor& weight, const Tensor& out,
                        const ConvOptions& o) {
  const bool plain = o.strideH == 1 && o.strideW == 1 && o.dilationH == 1 && o.dilationW == 1 && o.groups == 1;
  if (!ctx.allowWinograd || !plain || out.dtype != DType::kFloat32) return ConvMethod::kDirect;
  if (weight.shape[2] != 3 || weight.shape[3] != 3) return ConvMethod::kDirect;
  const int64_t fewest = std::min(weight.shape[0], weight.shape[1]), most = std::max(weight.shape[0], weight.shape[1]);
  if (fewest < kLeastChannels || most > kMostChannels) return ConvMethod::kDirect;
  const Tensor& result = pass == ConvPass::kInput ? x : out;
  const int64_t f2 = products(ConvMethod::kF2, result), f4 = products(ConvMethod::kF4, result);
  const ConvMethod method = f2 <= f4 ? ConvMethod::kF2 : ConvMethod::kF4;
  const int64_t direct = 9 * result.shape[0] * result.shape[2] * result.shape[3], fast = std::min(f2, f4);
  const bool pays = 3 * fast <= 2 * direct && direct - fast >= kWeightCost * winogradPoints(method);
  return pays ? method : ConvMethod::kDirect;
}

WinogradCall winogradCall(const Context& ctx, ConvPass pass, const ConvProblem& p, const Tensor& x,
                          const Tensor& weight, const Tensor& out) {
  WinogradCall call{ConvMethod::kDirect, x, weight, out, p.h.pad, p.w.pad};
  if (!p.flat()) return call;
  const auto inputOf = [](const ConvAxis& a) { return a.backward ? a.result : a.source; };
  const auto outputOf = [](const ConvAxis& a) { return a.backward ? a.source : a.result; };
  call.x = imagesOf(x, p.images, inputOf(p.h), inputOf(p.w));
  call.weight = imagesOf(weight, weight.shape[0], p.h.kernel, p.w.kernel);
  call.out = imagesOf(out, p.images, outputOf(p.h), outputOf(p.w));
  call.method = chooseMethod(ctx, pass, call.x, call.weight, call.out,
                             {p.h.stride, p.w.stride, p.h.pad, p.w.pad, p.h.dilation, p.w.dilation, p.groups});
  return call;
}

}  // namespace nabla::ops
