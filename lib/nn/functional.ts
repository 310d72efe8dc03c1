/**
 * PyTorch's `torch.nn.functional`: layers as functions, `import { F } from 'nabla'`.
 * @packageDocumentation
 */

export { type EmbeddingOptions, embedding } from '../ops/indexing/embedding.js';
export { type BagMode, type EmbeddingBagOptions, embeddingBag } from '../ops/indexing/embedding-bag.js';
export { oneHot } from '../ops/indexing/indexing.js';
export {
  type ActivationFunction,
  celu,
  elu,
  type GeluOptions,
  gelu,
  glu,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  type InplaceActivation,
  type InplaceOptions,
  leakyRelu,
  logSigmoid,
  mish,
  prelu,
  relu6,
  selu,
  silu,
  softshrink,
  softsign,
  tanhshrink,
  threshold,
} from '../ops/layers/activation.js';
export {
  celu_,
  elu_,
  hardtanh_,
  leakyRelu_,
  relu,
  rrelu_,
  selu_,
  threshold_,
} from '../ops/layers/activation-inplace.js';
export { type AttentionOptions, scaledDotProductAttention } from '../ops/layers/attention.js';
export { bilinear } from '../ops/layers/bilinear.js';
export {
  type Conv1dOptions,
  type Conv2dOptions,
  type Conv3dOptions,
  type ConvTbcOptions,
  type ConvTranspose1dOptions,
  type ConvTranspose2dOptions,
  type ConvTranspose3dOptions,
  conv1d,
  conv2d,
  conv3d,
  convTbc,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
} from '../ops/layers/conv.js';
export type { ConvOptions, ConvTransposeOptions } from '../ops/layers/conv-geometry.js';
export { type CtcLossOptions, ctcLoss } from '../ops/layers/ctc.js';
export {
  alphaDropout,
  dropout1d,
  dropout2d,
  dropout3d,
  featureAlphaDropout,
  type GumbelSoftmaxOptions,
  gumbelSoftmax,
  type RReluOptions,
  rrelu,
} from '../ops/layers/dropout.js';
export {
  type AffineGridOptions,
  affineGrid,
  type GridSampleOptions,
  gridSample,
} from '../ops/layers/grid-sample.js';
export {
  groupNorm,
  type InstanceNormOptions,
  instanceNorm,
  type LocalResponseNormOptions,
  localResponseNorm,
  type NormalizeOptions,
  normalize,
} from '../ops/layers/group-norm.js';
export { type InterpolateMode, type InterpolateOptions, interpolate } from '../ops/layers/interpolate.js';
export { layerNorm, type NormOptions, type RmsNormOptions, rmsNorm } from '../ops/layers/layer-norm.js';
export { linear } from '../ops/layers/linear.js';
export { type LinearCrossEntropyOptions, linearCrossEntropy } from '../ops/layers/linear-cross-entropy.js';
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type LogitsLossOptions,
  multilabelSoftMarginLoss,
  softMarginLoss,
} from '../ops/layers/loss-binary.js';
export { type CrossEntropyOptions, crossEntropy, type NllLossOptions, nllLoss } from '../ops/layers/loss-class.js';
export type { LossOptions, Reduction, WeightedLossOptions } from '../ops/layers/loss-common.js';
export {
  cosineEmbeddingLoss,
  hingeEmbeddingLoss,
  type MarginLossOptions,
  type MultiMarginLossOptions,
  marginRankingLoss,
  multilabelMarginLoss,
  multiMarginLoss,
  type TripletMarginLossOptions,
  type TripletMarginWithDistanceLossOptions,
  tripletMarginLoss,
  tripletMarginWithDistanceLoss,
} from '../ops/layers/loss-margin.js';
export {
  type GaussianNllLossOptions,
  gaussianNllLoss,
  type HuberLossOptions,
  huberLoss,
  type KlDivOptions,
  klDiv,
  l1Loss,
  mseLoss,
  type PoissonNllLossOptions,
  poissonNllLoss,
  type SmoothL1LossOptions,
  smoothL1Loss,
} from '../ops/layers/loss-regression.js';
export {
  type AttendOptions,
  type MultiHeadAttentionForwardOptions,
  multiHeadAttentionForward,
} from '../ops/layers/multi-head.js';
export { type BatchNormOptions, batchNorm } from '../ops/layers/norm.js';
export {
  type AvgPool1dOptions,
  type AvgPool2dOptions,
  type AvgPool3dOptions,
  type AvgPoolOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type LpPool1dOptions,
  type LpPool2dOptions,
  type LpPool3dOptions,
  lpPool1d,
  lpPool2d,
  lpPool3d,
} from '../ops/layers/pool-avg.js';
export {
  type AdaptiveSize2,
  type AdaptiveSize3,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  type IndicesOption,
  type MaxPool1dOptions,
  type MaxPool2dOptions,
  type MaxPool3dOptions,
  type MaxPooled,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool3d,
} from '../ops/layers/pool-max.js';
export {
  type FractionalMaxPool2dOptions,
  type FractionalMaxPool3dOptions,
  type FractionalMaxPoolOptions,
  fractionalMaxPool2d,
  fractionalMaxPool3d,
  type MaxUnpool1dOptions,
  type MaxUnpool2dOptions,
  type MaxUnpool3dOptions,
  type MaxUnpoolOptions,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
} from '../ops/layers/pool-unpool.js';
export type { WindowOptions } from '../ops/layers/pool-windows.js';
export {
  applyRotaryEmb,
  type PositionOptions,
  type RotaryOptions,
  rotaryTables,
  sinusoidalPositions,
} from '../ops/layers/positions.js';
export { channelShuffle, pixelShuffle, pixelUnshuffle } from '../ops/layers/shuffle.js';
export type { Size1, Size2, Size3 } from '../ops/layers/sizes.js';
export { logSoftmax, type SoftmaxOptions, softmax, softmin } from '../ops/layers/softmax.js';
export { fold, type UnfoldOptions, unfold } from '../ops/layers/unfold.js';
export {
  type CosineSimilarityOptions,
  cosineSimilarity,
  type PairwiseDistanceOptions,
  pairwiseDistance,
  pdist,
} from '../ops/linalg/distance.js';
export { relu_ } from '../ops/pointwise/inplace.js';
export { type SoftplusOptions, sigmoid, softplus, tanh } from '../ops/pointwise/unary.js';
export { type DropoutOptions, dropout } from '../ops/random/dropout.js';
export { type PadMode, type PadOptions, pad } from '../ops/shape/pad.js';
