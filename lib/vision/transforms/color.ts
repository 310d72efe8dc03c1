// Colours of images: torchvision.transforms.v2.functional, with parameters for each image of a batch.
import { ArgumentError, valueText } from '../../errors.js';
import { ColorCode } from '../../ops/codes.js';
import { indexSelect } from '../../ops/indexing/rows.js';
import { sharpen } from '../../ops/layers/color.js';
import { clone, expand, narrow } from '../../ops/shape/view.js';
import { checkOptions } from '../../tensor/check.js';
import { tensor } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import {
  boundOf,
  checkColors,
  checkImageDType,
  countImages,
  onBatch,
  onImage,
  type PerImage,
  perImage,
  runColors,
} from './image.js';
import type { Image } from './sample.js';

const notNegative = (v: number): boolean => v >= 0 && v < Infinity;

/** A function of one factor, for gray or coloured images. */
function byFactor<T extends Tensor | Image>(
  op: string,
  name: string,
  code: number,
  input: T,
  factor: PerImage,
  holds: (v: number) => boolean = notNegative,
  rule = 'be a finite number >= 0',
): T {
  return onImage(op, input, (x) => {
    checkImageDType(op, x);
    checkColors(op, x);
    const factors = perImage(op, name, factor, countImages(x), holds, rule);
    return runColors(
      x,
      factors.map((f) => [[code, f]]),
    );
  });
}

/**
 * `x * brightnessFactor`, cut to the range of the image `[..., C, H, W]` (1 or 3 channels): 0 to 255 of bytes, which are
 * rounded down, 0 to 1 of floats. `brightnessFactor` is a number or one for each image.
 *
 * @throws ArgumentError for a factor below 0, ShapeError for other than 1 or 3 channels, DTypeError for other integers.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.adjust_brightness.html
 */
export const adjustBrightness = <T extends Tensor | Image>(input: T, brightnessFactor: PerImage): T =>
  byFactor('adjustBrightness', 'brightnessFactor', ColorCode.brightness, input, brightnessFactor);

/**
 * `x * contrastFactor + mean * (1 - contrastFactor)` of images `[..., C, H, W]`, with the mean of the gray image, cut as in
 * {@link adjustBrightness}.
 *
 * @throws As {@link adjustBrightness}.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.adjust_contrast.html
 */
export const adjustContrast = <T extends Tensor | Image>(input: T, contrastFactor: PerImage): T =>
  byFactor('adjustContrast', 'contrastFactor', ColorCode.contrast, input, contrastFactor);

/**
 * `x * saturationFactor + gray * (1 - saturationFactor)` of images `[..., C, H, W]`, cut as in {@link adjustBrightness}.
 * Gray images stay.
 *
 * @throws As {@link adjustBrightness}.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.adjust_saturation.html
 */
export const adjustSaturation = <T extends Tensor | Image>(input: T, saturationFactor: PerImage): T =>
  byFactor('adjustSaturation', 'saturationFactor', ColorCode.saturation, input, saturationFactor);

/**
 * Turns the hue of images `[..., C, H, W]`, with values of [0, 1] or bytes, by `hueFactor` of [-0.5, 0.5]: in the space of
 * hue, saturation and value, `h = (h + hueFactor) mod 1`. Gray images stay.
 *
 * @throws ArgumentError for a factor outside [-0.5, 0.5]; else as {@link adjustBrightness}.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.adjust_hue.html
 */
export const adjustHue = <T extends Tensor | Image>(input: T, hueFactor: PerImage): T => {
  const holds = (v: number): boolean => v >= -0.5 && v <= 0.5;
  return byFactor('adjustHue', 'hueFactor', ColorCode.hue, input, hueFactor, holds, 'lie in [-0.5, 0.5]');
};

/** Options of {@link adjustGamma}. */
export interface GammaOptions {
  /** Factor of the result. Default 1. */
  readonly gain?: number;
}

/**
 * `gain * x ** gamma` of images `[..., C, H, W]` with values of [0, 1], or bytes as their 255th parts; with a gain other
 * than 1 cut to [0, 1]. `gamma` is a number or one for each image.
 *
 * @throws ArgumentError for a gamma below 0, DTypeError for other integers.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.adjust_gamma.html
 */
export function adjustGamma<T extends Tensor | Image>(input: T, gamma: PerImage, options: GammaOptions = {}): T {
  const op = 'adjustGamma';
  checkOptions(op, options);
  const { gain = 1 } = options;
  if (typeof gain !== 'number' || !Number.isFinite(gain)) {
    throw new ArgumentError(op, `gain must be a finite number, got ${valueText(gain)}`, gain);
  }
  return onImage(op, input, (x) => {
    checkImageDType(op, x);
    const gammas = perImage(op, 'gamma', gamma, countImages(x), notNegative, 'be a finite number >= 0');
    return runColors(
      x,
      gammas.map((g) => [[ColorCode.gamma, g, gain]]),
    );
  });
}

/**
 * Images `[..., C, H, W]` blended with their smoothed version (3 x 3 neighbours, the pixel itself five times):
 * `smooth + sharpnessFactor * (x - smooth)`, cut as in {@link adjustBrightness}. Pixels at the border stay.
 *
 * @throws As {@link adjustBrightness}.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.adjust_sharpness.html
 */
export function adjustSharpness<T extends Tensor | Image>(input: T, sharpnessFactor: PerImage): T {
  const op = 'adjustSharpness';
  return onImage(op, input, (x) => {
    checkImageDType(op, x);
    checkColors(op, x);
    const factors = perImage(op, 'sharpnessFactor', sharpnessFactor, countImages(x), notNegative, 'be a number >= 0');
    return onBatch(x, (batch) => sharpen(batch, factors));
  });
}

/**
 * Gray images `0.2989 r + 0.587 g + 0.114 b` of images `[..., 3, H, W]`; bytes are rounded down. The result has one channel,
 * or three equal ones; a gray image is repeated.
 *
 * @throws ArgumentError unless `numOutputChannels` is 1 or 3; ShapeError for other than 1 or 3 channels.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.rgb_to_grayscale.html
 */
export function rgbToGrayscale<T extends Tensor | Image>(input: T, numOutputChannels: 1 | 3 = 1): T {
  const op = 'rgbToGrayscale';
  if (numOutputChannels !== 1 && numOutputChannels !== 3) {
    const text = `numOutputChannels must be 1 or 3, got ${valueText(numOutputChannels)}`;
    throw new ArgumentError(op, text, numOutputChannels);
  }
  return onImage(op, input, (x) => {
    checkImageDType(op, x);
    checkColors(op, x);
    if (x.shape[x.ndim - 3] === 1) return clone(repeated(x, numOutputChannels));
    const gray = runColors(x, [[[ColorCode.gray]]]);
    return numOutputChannels === 3 ? gray : clone(narrow(gray, -3, 0, 1));
  });
}

const repeated = (x: Tensor, channels: number): Tensor =>
  channels === 1 ? x : expand(x, [...x.shape.slice(0, -3), channels, ...x.shape.slice(-2)]);

/**
 * Images `[..., 1, H, W]` with three equal channels; images with three stay as they are.
 *
 * @throws ShapeError for other than 1 or 3 channels.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RGB.html
 */
export function grayscaleToRgb<T extends Tensor | Image>(input: T): T {
  return onImage('grayscaleToRgb', input, (x) => {
    checkColors('grayscaleToRgb', x);
    return x.shape[x.ndim - 3] === 3 ? x : clone(repeated(x, 3));
  });
}

/**
 * The negative of images `[..., C, H, W]`: `255 - x` of bytes, `1 - x` of floats.
 *
 * @throws DTypeError for other integers.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.invert.html
 */
export const invert = <T extends Tensor | Image>(input: T): T => bySteps('invert', input, ColorCode.invert);

function bySteps<T extends Tensor | Image>(op: string, input: T, code: number): T {
  return onImage(op, input, (x) => {
    checkImageDType(op, x);
    return runColors(x, [[[code]]]);
  });
}

/**
 * Images `[..., C, H, W]` with `bits` bits for each value: the upper ones of bytes; of floats `floor(x * 2 ** bits)`, cut
 * to `[0, 2 ** bits - 1]`, over `2 ** bits`.
 *
 * @throws ArgumentError unless `bits` is an integer of [0, 8], DTypeError for other integers.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.posterize.html
 */
export function posterize<T extends Tensor | Image>(input: T, bits: PerImage): T {
  const holds = (v: number): boolean => Number.isInteger(v) && v >= 0 && v <= 8;
  return onImage('posterize', input, (x) => {
    checkImageDType('posterize', x);
    const all = perImage('posterize', 'bits', bits, countImages(x), holds, 'be an integer of [0, 8]');
    return runColors(
      x,
      all.map((b) => (b === 8 && x.dtype === 'uint8' ? [] : [[ColorCode.posterize, b]])),
    );
  });
}

/**
 * Images `[..., C, H, W]` with values from `threshold` on inverted.
 *
 * @throws ArgumentError for a threshold above 255 (bytes) or 1 (floats), DTypeError for other integers.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.solarize.html
 */
export function solarize<T extends Tensor | Image>(input: T, threshold: PerImage): T {
  return onImage('solarize', input, (x) => {
    checkImageDType('solarize', x);
    const bound = boundOf(x);
    const holds = (v: number): boolean => v <= bound;
    const all = perImage('solarize', 'threshold', threshold, countImages(x), holds, `be at most ${bound} (${x.dtype})`);
    return runColors(
      x,
      all.map((t) => [[ColorCode.solarize, t]]),
    );
  });
}

/**
 * Images `[..., C, H, W]` with each channel stretched over the whole range: `(x - min) / (max - min)`, times 255 for bytes.
 * A channel of one value stays.
 *
 * @throws ShapeError for other than 1 or 3 channels, DTypeError for other integers.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.autocontrast.html
 */
export function autocontrast<T extends Tensor | Image>(input: T): T {
  onImage('autocontrast', input, (x) => {
    checkColors('autocontrast', x);
    return x;
  });
  return bySteps('autocontrast', input, ColorCode.autocontrast);
}

/**
 * Images `[..., C, H, W]` with the values of each channel spread evenly, by Pillow's table over 256 levels: with
 * `step = floor((H W - pixels of the greatest value) / 255)`, value `v` becomes
 * `floor((pixels below v + floor(step / 2)) / step)`.
 *
 * @throws DTypeError for other integers.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.equalize.html
 */
export const equalize = <T extends Tensor | Image>(input: T): T => bySteps('equalize', input, ColorCode.equalize);

function checkPermutation(op: string, permutation: readonly number[], channels: number): void {
  const sorted = Array.isArray(permutation) ? [...permutation].sort((a, b) => a - b) : [];
  if (sorted.length === channels && sorted.every((c, i) => c === i)) return;
  const text = `permutation must hold each of the ${channels} channels once, got ${valueText(permutation)}`;
  throw new ArgumentError(op, text, permutation);
}

/**
 * Images `[..., C, H, W]` whose channel `c` is channel `permutation[c]` of the input; an array of permutations has one for
 * each image.
 *
 * @throws ArgumentError unless each permutation holds every channel once.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.permute_channels.html
 */
export function permuteChannels<T extends Tensor | Image>(
  input: T,
  permutation: readonly number[] | readonly (readonly number[])[],
): T {
  const op = 'permuteChannels';
  return onImage(op, input, (x) => {
    const channels = x.shape[x.ndim - 3];
    const count = countImages(x);
    const own = Array.isArray(permutation) && Array.isArray(permutation[0]);
    const all = (own ? permutation : [permutation]) as readonly (readonly number[])[];
    for (const one of all) checkPermutation(op, one, channels);
    if (own && all.length !== count) {
      throw new ArgumentError(op, `${all.length} permutations for ${count} images`, permutation);
    }
    if (!own) return indexSelect(x, -3, tensor(Int32Array.from(all[0])));
    const places = Int32Array.from(all.flatMap((one, n) => one.map((c) => n * channels + c)));
    const planes = x.reshape([count * channels, ...x.shape.slice(-2)]);
    return indexSelect(planes, 0, tensor(places)).reshape(x.shape);
  });
}
