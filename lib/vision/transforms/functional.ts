/**
 * torchvision.transforms.v2.functional: transforms with given parameters.
 * @packageDocumentation
 */
export { type SanitizeOptions, sanitizeBoundingBoxes } from './box-transforms.js';
export { clampBoundingBoxes, convertBoundingBoxFormat } from './boxes.js';
export {
  adjustBrightness,
  adjustContrast,
  adjustGamma,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
  autocontrast,
  equalize,
  type GammaOptions,
  grayscaleToRgb,
  invert,
  permuteChannels,
  posterize,
  rgbToGrayscale,
  solarize,
} from './color.js';
export {
  centerCrop,
  crop,
  fiveCrop,
  type PaddingMode,
  type PadOptions,
  pad,
  resizedCrop,
  type TenCropOptions,
  tenCrop,
} from './crop.js';
export { type ElasticInterpolation, type ElasticOptions, elastic } from './elastic.js';
export { horizontalFlip, horizontalFlip as hflip, verticalFlip, verticalFlip as vflip } from './flip.js';
export type { PerImage } from './image.js';
export { jpeg } from './jpeg.js';
export type { Corners, Point } from './matrix.js';
export type { Fill } from './parts.js';
export {
  type EraseOptions,
  erase,
  type GaussianBlurOptions,
  type GaussianNoiseOptions,
  gaussianBlur,
  gaussianNoise,
  type NormalizeOptions,
  normalize,
  type ToDtypeOptions,
  toDtype,
} from './pixels.js';
export { type Interpolation, type ResamplingOptions, type ResizeOptions, resize } from './resize.js';
export {
  type AffineOptions,
  affine,
  type PerspectiveOptions,
  perspective,
  type RotateOptions,
  rotate,
  type WarpImageOptions,
  type WarpInterpolation,
} from './turn.js';
