/**
 * torchvision's `transforms.v2`, for whole batches: parameters are drawn for each image.
 * @packageDocumentation
 */

export {
  type SampleInfo,
  SampleTransform,
  Transform,
  type TransformCall,
  type TransformLike,
  type TransformOptions,
} from './base.js';
export {
  ClampBoundingBoxes,
  ConvertBoundingBoxFormat,
  SanitizeBoundingBoxes,
  type SanitizeBoundingBoxesOptions,
} from './box-transforms.js';
export {
  Compose,
  Lambda,
  RandomApply,
  RandomChoice,
  type RandomChoiceOptions,
  RandomOrder,
  TransformList,
} from './compose.js';
export type { Borders } from './crop.js';
export { Draws, sampleGenerator } from './draws.js';
export { RandomHorizontalFlip, RandomVerticalFlip } from './flip.js';
export * as functional from './functional.js';
export { JPEG } from './jpeg.js';
export {
  FiveCrop,
  type ImageModel,
  TenCrop,
  TestTimeAugmentation,
  type TestTimeAugmentationOptions,
} from './many-crops.js';
export {
  ColorJitter,
  type ColorJitterOptions,
  ColorTransform,
  FixedTransform,
  Grayscale,
  type PhotometricDistortOptions,
  RandomAdjustSharpness,
  RandomAutocontrast,
  RandomChannelPermutation,
  RandomEqualize,
  RandomGrayscale,
  RandomInvert,
  RandomPhotometricDistort,
  RandomPosterize,
  RandomSolarize,
  type Range,
  RGB,
} from './photometric.js';
export {
  GaussianBlur,
  type GaussianBlurTransformOptions,
  GaussianNoise,
  Normalize,
  type PartDTypes,
  RandomErasing,
  type RandomErasingOptions,
  ToDtype,
} from './pixel-transforms.js';
export {
  AugMix,
  type AugMixOptions,
  AutoAugment,
  type PolicyOptions,
  RandAugment,
  type RandAugmentOptions,
  type TrivialAugmentOptions,
  TrivialAugmentWide,
} from './policies.js';
export type { AutoAugmentPolicy } from './policy-tables.js';
export {
  CenterCrop,
  Pad,
  type PadTransformOptions,
  RandomCrop,
  type RandomCropOptions,
  RandomIoUCrop,
  type RandomIoUCropOptions,
  RandomResizedCrop,
  type RandomResizedCropOptions,
  RandomZoomOut,
  type RandomZoomOutOptions,
} from './random-crop.js';
export {
  ElasticTransform,
  type ElasticTransformOptions,
  RandomAffine,
  type RandomAffineOptions,
  RandomPerspective,
  type RandomPerspectiveOptions,
  RandomRotation,
  type RandomRotationOptions,
} from './random-turn.js';
export {
  RandomResize,
  RandomShortestSize,
  type RandomShortestSizeOptions,
  Resize,
  type ResizeTransformOptions,
  ScaleJitter,
  type ScaleJitterOptions,
} from './resize.js';
export {
  BoundingBoxes,
  type BoundingBoxesOptions,
  type BoundingBoxFormat,
  Image,
  type ImageSize,
  Mask,
  type Transformable,
} from './sample.js';
