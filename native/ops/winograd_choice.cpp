// Which way each pass of a convolution goes. Measured on two cores of Zen 4; F4 halves the time of F2 wherever the
// image is not much smaller than whole tiles of 4x4.
//
// | shape, float32, no stride, dilation or groups             | forward, input | weights |
// |------------------------------------------------------------|----------------|---------|
// | 3x3, 16 to 256 channels on both sides, results 8x8 and up  | F4             | F4      |
// | fewer channels: transforms cost more than products         | direct         | direct  |
// | more channels: the 36 weights per pair do not stay cached  | direct         | direct  |
// | smaller results: most of a tile lies outside the image     | direct         | direct  |
#include "winograd.h"

namespace nabla::ops {

ConvMethod chooseMethod(const Context& ctx, ConvPass, const Tensor& x, const Tensor& weight, const Tensor& out,
                        const ConvOptions& o) {
  constexpr int64_t kLeastChannels = 16, kMostChannels = 256, kLeastSide = 8;
  const bool plain = o.strideH == 1 && o.strideW == 1 && o.dilationH == 1 && o.dilationW == 1 && o.groups == 1;
  if (!ctx.allowWinograd || !plain || out.dtype != DType::kFloat32) return ConvMethod::kDirect;
  if (weight.shape[2] != 3 || weight.shape[3] != 3) return ConvMethod::kDirect;
  const int64_t fewest = std::min(weight.shape[0], weight.shape[1]), most = std::max(weight.shape[0], weight.shape[1]);
  if (fewest < kLeastChannels || most > kMostChannels) return ConvMethod::kDirect;
  const int64_t side = std::min({x.shape[2], x.shape[3], out.shape[2], out.shape[3]});
  return side < kLeastSide ? ConvMethod::kDirect : ConvMethod::kF4;
}

}  // namespace nabla::ops
