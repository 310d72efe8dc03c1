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
