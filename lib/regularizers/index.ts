/**
 * What keeps a network from learning its samples by heart, beyond the layers of nn: as layers, callbacks, batch
 * transforms and penalties that combine.
 * @packageDocumentation
 */
export { constraint, maxNorm, type NormOptions, nonNegative, unitNorm } from './constraint.js';
export { type CutoutOptions, cutout, type RandomErasingOptions, randomErasing } from './erase.js';
export { type ManifoldMixup, type ManifoldMixupOptions, manifoldMixup } from './manifold-mixup.js';
export { cutMix, type MixOptions, mixup, type RandomChoiceOptions, randomChoice } from './mix.js';
export { GaussianNoise, gaussianNoise, type WeightNoiseOptions, weightNoise } from './noise.js';
export {
  type ActivityPenalty,
  type ActivityPenaltyOptions,
  activityPenalty,
  type ElasticNetOptions,
  elasticNet,
  type Penalty,
  penalties,
} from './penalty.js';
export { type RDropLoss, type RDropOptions, rDrop, rDropPenalty } from './r-drop.js';
export type { ParameterOptions, SelectParameters } from './select.js';
