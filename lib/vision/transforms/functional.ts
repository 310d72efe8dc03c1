// torchvision.transforms.v2.functional: transforms with given parameters.
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
export { horizontalFlip, horizontalFlip as hflip, verticalFlip, verticalFlip as vflip } from './flip.js';
export type { PerImage } from './image.js';
export { jpeg } from './jpeg.js';
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
