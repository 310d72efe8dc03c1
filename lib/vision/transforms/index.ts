export {
  type SampleInfo,
  SampleTransform,
  Transform,
  type TransformCall,
  type TransformLike,
  type TransformOptions,
} from './base.js';
export {
  Compose,
  Lambda,
  RandomApply,
  RandomChoice,
  type RandomChoiceOptions,
  RandomOrder,
  TransformList,
} from './compose.js';
export { Draws, sampleGenerator } from './draws.js';
export { RandomHorizontalFlip, RandomVerticalFlip } from './flip.js';
export * as functional from './functional.js';
export {
  BoundingBoxes,
  type BoundingBoxesOptions,
  type BoundingBoxFormat,
  Image,
  type ImageSize,
  Mask,
  type Transformable,
} from './sample.js';
