/**
 * PyTorch's `torch.nn.utils`.
 * @packageDocumentation
 */
export {
  type ClipGradNormOptions,
  clipGradNorm_,
  clipGradsWithNorm_,
  clipGradValue_,
  getTotalNorm,
  type Parameters,
  type TotalNormOptions,
} from './clip-grad.js';
export {
  type FusableLayer,
  type FusableNorm,
  type FuseConvOptions,
  fuseConvBnEval,
  fuseConvBnWeights,
  fuseLinearBnEval,
  fuseLinearBnWeights,
} from './fusion.js';
export * as parametrizations from './parametrizations.js';
export * as parametrize from './parametrize.js';
export * as prune from './prune.js';
export {
  maxNorm_,
  type NormConstraintOptions,
  nonNegative_,
  unitNorm_,
  type WeightPenaltyOptions,
  weightPenalty,
} from './regularize.js';
export * as rnn from './rnn.js';
export { skipInit } from './skip-init.js';
export { parametersToVector, vectorToParameters } from './vector.js';
export { removeSpectralNorm, removeWeightNorm, spectralNorm, weightNorm } from './weight-norm.js';
