import { ArgumentError, DTypeError, ShapeError, vision, zeros } from '../../lib/index.js';
import type { Args } from '../support/fixture.js';
import { family } from '../support/spec.js';

const T = vision.transforms.functional;
const colors = {
  errors: [],
  notNarrow: 'values are cut to 256 levels, or compared with limits, in the kernel',
} as const;
const image = () => zeros([2, 3, 4, 4]);

type Factor = { factor: number | readonly number[] };
type Pairs = readonly (readonly [number, number])[];

family('color', {
  adjustBrightness: {
    ...colors,
    call: ([x], { factor }: Args & Factor) => T.adjustBrightness(x, factor),
    covers: ['colorChain'],
    errors: [
      [() => T.adjustBrightness(image(), -1), ArgumentError, /brightnessFactor must be a finite number >= 0, got -1/],
      [() => T.adjustBrightness(image(), [1, 1, 1]), ArgumentError, /3 numbers for 2 images/],
      [() => T.adjustBrightness(zeros([2, 4, 4]), 1), ShapeError, /1 or 3 channels are needed, got 2/],
      [() => T.adjustBrightness(zeros([4, 4]), 1), ShapeError, /\[..., C, H, W\]/],
      [() => T.adjustBrightness(zeros([3, 4, 4], { dtype: 'int32' }), 1), DTypeError, /int32/],
    ],
  },
  adjustSaturation: {
    ...colors,
    call: ([x], { factor }: Args & Factor) => T.adjustSaturation(x, factor),
    errors: [[() => T.adjustSaturation(image(), Number.NaN), ArgumentError, /got NaN/]],
  },
  adjustHue: {
    ...colors,
    dtypes: ['float32'], // torchvision computes float64 images in float32
    call: ([x], { factor }: Args & Factor) => T.adjustHue(x, factor),
    errors: [[() => T.adjustHue(image(), 0.6), ArgumentError, /lie in \[-0.5, 0.5\], got 0.6/]],
  },
  adjustContrast: {
    ...colors,
    call: ([x], { factor }: Args & Factor) => T.adjustContrast(x, factor),
    errors: [[() => T.adjustContrast(image(), '1' as unknown as number), ArgumentError, /contrastFactor/]],
  },
  adjustGamma: {
    ...colors,
    call: ([x], { gamma, gain }: Args & { gamma: number; gain: number }) => T.adjustGamma(x, gamma, { gain }),
    errors: [
      [() => T.adjustGamma(image(), -1), ArgumentError, /gamma/],
      [() => T.adjustGamma(image(), 1, { gain: Infinity }), ArgumentError, /gain/],
    ],
  },
  adjustSharpness: {
    ...colors,
    call: ([x], { factor }: Args & Factor) => T.adjustSharpness(x, factor),
    covers: ['sharpen'],
    errors: [[() => T.adjustSharpness(image(), -2), ArgumentError, /sharpnessFactor/]],
  },
  rgbToGrayscale: {
    ...colors,
    call: ([x], { channels }: Args & { channels: 1 | 3 }) => T.rgbToGrayscale(x, channels),
    errors: [[() => T.rgbToGrayscale(image(), 2 as 1), ArgumentError, /must be 1 or 3, got 2/]],
  },
  posterize: {
    ...colors,
    call: ([x], { bits }: Args & { bits: number }) => T.posterize(x, bits),
    errors: [[() => T.posterize(image(), 9), ArgumentError, /\[0, 8\], got 9/]],
  },
  solarize: {
    ...colors,
    call: ([x], { threshold }: Args & { threshold: number }) => T.solarize(x, threshold),
    errors: [[() => T.solarize(image(), 2), ArgumentError, /at most 1 \(float32\), got 2/]],
  },
  invert: {
    ...colors,
    call: ([x]) => T.invert(x),
    errors: [[() => T.invert(zeros([1, 2, 2], { dtype: 'bool' })), DTypeError, /bool/]],
  },
  autocontrast: {
    ...colors,
    call: ([x]) => T.autocontrast(x),
    errors: [[() => T.autocontrast(zeros([2, 4, 4])), ShapeError, /got 2/]],
  },
  equalize: {
    ...colors,
    call: ([x]) => T.equalize(x),
    errors: [[() => T.equalize(zeros([3, 2, 2], { dtype: 'int64' })), DTypeError, /int64/]],
  },
  normalizeImage: {
    call: ([x], { mean, std }: Args & { mean: number[]; std: number[] }) => T.normalize(x, mean, std),
    errors: [
      [() => T.normalize(image(), [0, 0, 0], [1, 0, 1]), ArgumentError, /std holds a 0/],
      [() => T.normalize(image(), [0, 0], [1, 1]), ArgumentError, /mean must be a number or 3/],
    ],
  },
  gaussianBlur: {
    ...colors,
    call: ([x], { size, sigma }: Args & { size: number[]; sigma: number[] | Pairs | null }) =>
      T.gaussianBlur(x, size, sigma === null ? {} : { sigma }),
    errors: [
      [() => T.gaussianBlur(image(), 4), ArgumentError, /odd number > 0, or two, got 4/],
      [() => T.gaussianBlur(image(), 3, { sigma: 0 }), ArgumentError, /sigma/],
      [() => T.gaussianBlur(image(), 9), ShapeError, /4 x 4 is too small for a kernel of 9 x 9/],
      [() => T.gaussianBlur(image(), 3, { sigma: [[1, 1]] }), ArgumentError, /1 pairs for 2 images/],
    ],
  },
  eraseImage: {
    ...colors,
    call: ([x, v], { boxes }: Args & { boxes: number[][] }) => {
      const part = (k: number) => boxes.map((box) => box[k]);
      return T.erase(x, part(0), part(1), part(2), part(3), v);
    },
    errors: [
      [
        () => T.erase(image(), [0, 3], 0, 2, 2, 0),
        ArgumentError,
        /\(3, 0\) of 2 x 2 does not lie in the image of 4 x 4/,
      ],
      [() => T.erase(image(), [0, 1], 0, 2, 2, zeros([2, 3])), ShapeError, /do not fit images/],
    ],
  },
});
