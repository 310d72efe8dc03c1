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
