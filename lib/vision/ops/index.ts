/**
 * torchvision's operations on boxes, and its layers.
 * @packageDocumentation
 */
export {
  DropBlock2d,
  DropBlock3d,
  type DropBlockModuleOptions,
  type DropBlockOptions,
  dropBlock2d,
  dropBlock3d,
  StochasticDepth,
  type StochasticDepthMode,
  type StochasticDepthOptions,
  stochasticDepth,
} from './drop.js';
export {
  type BoxLossOptions,
  completeBoxIouLoss,
  type DiceLossOptions,
  diceLoss,
  distanceBoxIouLoss,
  type FocalLossOptions,
  generalizedBoxIouLoss,
  sigmoidFocalLoss,
} from './losses.js';
export {
  type ActivationLayer,
  Conv2dNormActivation,
  Conv3dNormActivation,
  type ConvNormActivationOptions,
  FrozenBatchNorm2d,
  type FrozenBatchNormOptions,
  MLP,
  type MLPOptions,
  type NormLayer,
  Permute,
  SqueezeExcitation,
  type SqueezeExcitationOptions,
} from './misc.js';
