/**
 * PyTorch's `torch.nn`: layers, losses, containers, parameters. `import { nn } from 'nabla'`, or from `nabla/nn`.
 * @packageDocumentation
 */
export {
  CELU,
  ELU,
  GELU,
  GLU,
  Hardshrink,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LeakyReLU,
  LogSigmoid,
  Mish,
  PReLU,
  type PReLUOptions,
  ReLU,
  ReLU6,
  RReLU,
  SELU,
  Sigmoid,
  SiLU,
  Softplus,
  Softshrink,
  Softsign,
  Tanh,
  Tanhshrink,
  Threshold,
} from './activation.js';
export {
  type AdaptiveLogSoftmaxOptions,
  type AdaptiveLogSoftmaxResult,
  AdaptiveLogSoftmaxWithLoss,
} from './adaptive.js';
export { type Entries, ModuleDict, ModuleList, Sequential } from './container.js';
export {
  Conv1d,
  type Conv1dOptions,
  Conv2d,
  type Conv2dOptions,
  Conv3d,
  type Conv3dOptions,
  type ConvLayerOptions,
  ConvTranspose1d,
  type ConvTranspose1dOptions,
  ConvTranspose2d,
  type ConvTranspose2dOptions,
  ConvTranspose3d,
  type ConvTranspose3dOptions,
  type ConvTransposeLayerOptions,
  type PaddingMode,
} from './conv.js';
export { CosineSimilarity, PairwiseDistance } from './distance.js';
export { AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout } from './dropout.js';
export * as functional from './functional.js';
export type { BackwardHook, BackwardPreHook, ForwardHook, ForwardPreHook, Gradients, HookOptions } from './hooks.js';
export * as init from './init.js';
export { KVCache, type KVCacheOptions } from './kv-cache.js';
export {
  GroupNorm,
  type GroupNormOptions,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  type InstanceNormModuleOptions,
  LayerNorm,
  type LayerNormOptions,
  LocalResponseNorm,
  RMSNorm,
  type RMSNormOptions,
} from './layer-norm.js';
export {
  LazyBatchNorm1d,
  LazyBatchNorm2d,
  LazyBatchNorm3d,
  LazyInstanceNorm1d,
  LazyInstanceNorm2d,
  LazyInstanceNorm3d,
  type LazyInstanceNormOptions,
  LazyLinear,
  type LazyModule,
} from './lazy.js';
export {
  LazyConv1d,
  LazyConv2d,
  LazyConv3d,
  LazyConvTranspose1d,
  LazyConvTranspose2d,
  LazyConvTranspose3d,
} from './lazy-conv.js';
export { Bilinear, Flatten, Identity, Linear, type LinearOptions, Unflatten } from './linear.js';
export { LinearCrossEntropyLoss, type LinearCrossEntropyLossOptions } from './linear-cross-entropy.js';
export {
  BCELoss,
  BCEWithLogitsLoss,
  CosineEmbeddingLoss,
  CrossEntropyLoss,
  CTCLoss,
  GaussianNLLLoss,
  HingeEmbeddingLoss,
  HuberLoss,
  KLDivLoss,
  L1Loss,
  MarginRankingLoss,
  MSELoss,
  MultiLabelMarginLoss,
  MultiLabelSoftMarginLoss,
  MultiMarginLoss,
  NLLLoss,
  PoissonNLLLoss,
  SmoothL1Loss,
  SoftMarginLoss,
  TripletMarginLoss,
  TripletMarginWithDistanceLoss,
} from './loss.js';
export { type AnyModule, type MembersOptions, Module, type ModulesOptions } from './module.js';
export { MultiheadAttention, type MultiheadAttentionOptions } from './multihead-attention.js';
export { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormOptions } from './norm.js';
export {
  CircularPad1d,
  CircularPad2d,
  CircularPad3d,
  ConstantPad1d,
  ConstantPad2d,
  ConstantPad3d,
  type PadSize,
  ReflectionPad1d,
  ReflectionPad2d,
  ReflectionPad3d,
  ReplicationPad1d,
  ReplicationPad2d,
  ReplicationPad3d,
  ZeroPad1d,
  ZeroPad2d,
  ZeroPad3d,
} from './padding.js';
export {
  Buffer,
  type BufferOptions,
  Parameter,
  UninitializedBuffer,
  type UninitializedOptions,
  UninitializedParameter,
} from './parameter.js';
export { ParameterDict, ParameterList } from './parameter-container.js';
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  LPPool1d,
  LPPool2d,
  LPPool3d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
} from './pool.js';
export {
  FractionalMaxPool2d,
  FractionalMaxPool3d,
  MaxUnpool1d,
  MaxUnpool2d,
  MaxUnpool3d,
  type MaxUnpoolModuleOptions,
} from './pool-unpool.js';
export {
  LearnedPositionalEmbedding,
  type LearnedPositionOptions,
  type OffsetOption,
  type RotaryCall,
  RotaryEmbedding,
  type RotaryEmbeddingOptions,
  type SinusoidalOptions,
  SinusoidalPositionalEncoding,
} from './positions.js';
export {
  ChannelShuffle,
  PixelShuffle,
  PixelUnshuffle,
  Upsample,
  type UpsampleOptions,
  UpsamplingBilinear2d,
  UpsamplingNearest2d,
  type UpsamplingOptions,
} from './resize.js';
export { GRU, LSTM, type LSTMOptions, type LSTMState, type RecurrentOptions, RNN, type RNNOptions } from './rnn.js';
export { GRUCell, LSTMCell, type RecurrentCellOptions, RNNCell, type RNNCellOptions } from './rnn-cell.js';
export { LogSoftmax, Softmax, Softmax2d, Softmin } from './softmax.js';
export {
  Embedding,
  EmbeddingBag,
  type EmbeddingBagModuleOptions,
  type EmbeddingModuleOptions,
  type PretrainedOptions,
} from './sparse.js';
export type {
  LoadOptions,
  LoadPostHook,
  LoadPreHook,
  LoadProblems,
  LoadResult,
  StateDict,
  StateDictOptions,
  StatePostHook,
  StatePreHook,
} from './state-dict.js';
export type { Summary, SummaryOptions, SummaryRow } from './summary.js';
export {
  type CustomDecoder,
  type CustomEncoder,
  type DecoderCall,
  type EncoderCall,
  Transformer,
  type TransformerCall,
  TransformerDecoder,
  TransformerEncoder,
  type TransformerOptions,
} from './transformer.js';
export {
  type DecoderLayerCall,
  type EncoderLayerCall,
  type TransformerActivation,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from './transformer-layer.js';
export { Fold, Unfold } from './unfold.js';

export * as utils from './utils/index.js';

import './summary.js';
