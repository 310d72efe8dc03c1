// Random changes of colour: drawn for each image, and computed for a batch in one pass.
import { ArgumentError, valueText } from '../../errors.js';
import { ColorCode } from '../../ops/codes.js';
import { type ColorStep, sharpen } from '../../ops/layers/color.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkProbability, type SampleInfo, Transform, type TransformOptions } from './base.js';
import { grayscaleToRgb, permuteChannels, rgbToGrayscale, solarize } from './color.js';
import type { Draws } from './draws.js';
import { checkColors, checkImageDType, onBatch, runColors } from './image.js';

/** A transform whose parameters are steps of colour. Images without parameters are in the same pass. */
export abstract class ColorTransform extends Transform<readonly ColorStep[]> {
  protected image(images: Tensor, params: readonly (readonly ColorStep[])[]): Tensor {
    checkImageDType(this.name, images);
    this.checkImages(images);
    return runColors(images, params);
  }

  protected override images(images: Tensor, params: readonly (readonly ColorStep[] | null)[]): Tensor {
    return this.image(
      images,
      params.map((steps) => steps ?? []),
    );
  }

  protected checkImages(images: Tensor): void {
    checkColors(this.name, images);
  }
}

/** One step with probability `p`. */
abstract class RandomStep extends ColorTransform {
  constructor(
    readonly p: number,
    options: TransformOptions,
  ) {
    super(options);
    checkProbability(this.name, p);
  }

  protected abstract step(): ColorStep;

  protected makeParams(draws: Draws): readonly ColorStep[] | null {
    return draws.chance(this.p) ? [this.step()] : null;
  }

  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/** From one number to the range around 1 or 0, or the range itself; null where nothing would change. */
function rangeOf(
  op: string,
  name: string,
  value: number | readonly number[] | null | undefined,
  center: 0 | 1,
): readonly [number, number] | null {
  if (value === undefined || value === null) return null;
  const bound = center === 1 ? [0, Infinity] : [-0.5, 0.5];
  if (typeof value === 'number' && !(value >= 0)) {
    throw new ArgumentError(op, `${name} as one number must be >= 0, got ${valueText(value)}`, value);
  }
  const range = typeof value === 'number' ? [center === 1 ? Math.max(0, 1 - value) : -value, center + value] : value;
  const [low, high] =
    Array.isArray(range) && range.length === 2 ? (range as readonly number[]) : [Number.NaN, Number.NaN];
  if (!(low >= bound[0] && low <= high && high <= bound[1] && high < Infinity)) {
    const text = `${name} must be a number or [low, high] in [${bound.join(', ')}], got ${valueText(value)}`;
    throw new ArgumentError(op, text, value);
  }
  return low === center && high === center ? null : [low, high];
}

/** Options of {@link ColorJitter}: a number v for the factors [max(0, 1 - v), 1 + v] (hue: [-v, v]), or a range. */
export interface ColorJitterOptions extends TransformOptions {
  readonly brightness?: number | readonly [number, number] | null;
  readonly contrast?: number | readonly [number, number] | null;
  readonly saturation?: number | readonly [number, number] | null;
  /** In [0, 0.5], or a range in [-0.5, 0.5]. */
  readonly hue?: number | readonly [number, number] | null;
}

/** The bounds between which a factor is drawn; null: it is left as it is. */
export type Range = readonly [number, number] | null;
const CODES = [ColorCode.brightness, ColorCode.contrast, ColorCode.saturation, ColorCode.hue] as const;

/**
 * Changes brightness, contrast, saturation and hue by random factors, in random order.
 *
 * @example
 * new transforms.ColorJitter({ brightness: 0.4, hue: [-0.1, 0.1] }).forward(images);
 * @throws ArgumentError for a negative number, or a range that falls or leaves its bounds.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.ColorJitter.html
 */
export class ColorJitter extends ColorTransform {
  readonly brightness: Range;
  readonly contrast: Range;
  readonly saturation: Range;
  readonly hue: Range;

  constructor(options: ColorJitterOptions = {}) {
    super(options);
    this.brightness = rangeOf(this.name, 'brightness', options.brightness, 1);
    this.contrast = rangeOf(this.name, 'contrast', options.contrast, 1);
    this.saturation = rangeOf(this.name, 'saturation', options.saturation, 1);
    this.hue = rangeOf(this.name, 'hue', options.hue, 0);
  }

  protected makeParams(draws: Draws): readonly ColorStep[] {
    const ranges = [this.brightness, this.contrast, this.saturation, this.hue];
    const order = [...draws.permutation(4)];
    const factors = ranges.map((range) => (range === null ? null : draws.uniform(...range)));
    return order.flatMap((i): ColorStep[] => {
      const factor = factors[i];
      return factor === null ? [] : [[CODES[i], factor]];
    });
  }

  override extraRepr(): string {
    const fields = { brightness: this.brightness, contrast: this.contrast, saturation: this.saturation, hue: this.hue };
    return Object.entries(fields)
      .flatMap(([name, range]) => (range === null ? [] : [`${name}=(${range.join(', ')})`]))
      .join(', ');
  }
}

/** Options of {@link RandomPhotometricDistort}: the ranges of factors. */
export interface PhotometricDistortOptions extends TransformOptions {
  /** Default [0.875, 1.125]. */
  readonly brightness?: readonly [number, number];
  /** Default [0.5, 1.5]. */
  readonly contrast?: readonly [number, number];
  /** Default [0.5, 1.5]. */
  readonly saturation?: readonly [number, number];
  /** Default [-0.05, 0.05]. */
  readonly hue?: readonly [number, number];
  /** How likely each change is. Default 0.5. */
  readonly p?: number;
}

/** What {@link RandomPhotometricDistort} does with one image. */
interface Distortion {
  readonly steps: readonly ColorStep[];
  readonly permutation: readonly number[] | null;
}

/**
 * The distortion of SSD: brightness, contrast (before or after the others), saturation, hue and an exchange of channels,
 * each with probability `p`.
 *
 * @throws ArgumentError for a range that falls or leaves its bounds, or a `p` outside [0, 1].
 * Source: Liu et al., SSD, 2016; https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomPhotometricDistort.html
 */
export class RandomPhotometricDistort extends Transform<Distortion> {
  readonly p: number;
  private readonly ranges: readonly Range[];

  constructor(options: PhotometricDistortOptions = {}) {
    super(options);
    const {
      brightness = [0.875, 1.125],
      contrast = [0.5, 1.5],
      saturation = [0.5, 1.5],
      hue = [-0.05, 0.05],
    } = options;
    const all = { brightness, contrast, saturation, hue };
    this.ranges = Object.entries(all).map(([name, range]) => rangeOf(this.name, name, range, name === 'hue' ? 0 : 1));
    this.p = options.p ?? 0.5;
    checkProbability(this.name, this.p);
  }

  protected makeParams(draws: Draws, info: SampleInfo): Distortion {
    const factors = this.ranges.map((range) => (draws.chance(this.p) && range ? draws.uniform(...range) : null));
    const order = draws.chance(0.5) ? [0, 1, 2, 3] : [0, 2, 3, 1];
    const steps = order.flatMap((i): ColorStep[] => {
      const factor = factors[i];
      return factor === null ? [] : [[CODES[i], factor]];
    });
    return { steps, permutation: draws.chance(this.p) ? [...draws.permutation(info.channels)] : null };
  }

  protected image(images: Tensor, params: readonly Distortion[]): Tensor {
    checkImageDType(this.name, images);
    checkColors(this.name, images);
    const colored = runColors(
      images,
      params.map(({ steps }) => steps),
    );
    if (params.every(({ permutation }) => permutation === null)) return colored;
    const same = Array.from({ length: images.shape[1] }, (_, c) => c);
    return permuteAll(
      colored,
      params.map(({ permutation }) => permutation ?? same),
    );
  }
}

const permuteAll = (images: Tensor, permutations: readonly (readonly number[])[]): Tensor =>
  permuteChannels(images, permutations.length === 1 ? permutations[0] : permutations);

/**
 * Puts the channels of images in random order.
 *
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomChannelPermutation.html
 */
export class RandomChannelPermutation extends Transform<readonly number[]> {
  protected makeParams(draws: Draws, info: SampleInfo): readonly number[] {
    return [...draws.permutation(info.channels)];
  }

  protected image(images: Tensor, params: readonly (readonly number[])[]): Tensor {
    return permuteAll(images, params);
  }
}

/** A transform without random numbers. */
export abstract class FixedTransform extends Transform<true> {
  protected override get drawsEach(): boolean {
    return false;
  }

  protected makeParams(): true {
    return true;
  }
}

/**
 * Gray images with one channel, or three equal ones.
 *
 * @throws ArgumentError unless `numOutputChannels` is 1 or 3.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.Grayscale.html
 */
export class Grayscale extends FixedTransform {
  constructor(
    readonly numOutputChannels: 1 | 3 = 1,
    options: TransformOptions = {},
  ) {
    super(options);
    if (numOutputChannels === 1 || numOutputChannels === 3) return;
    const text = `numOutputChannels must be 1 or 3, got ${valueText(numOutputChannels)}`;
    throw new ArgumentError(this.name, text, numOutputChannels);
  }

  protected image(images: Tensor): Tensor {
    return rgbToGrayscale(images, this.numOutputChannels);
  }

  override extraRepr(): string {
    return `num_output_channels=${this.numOutputChannels}`;
  }
}

/**
 * Images with three channels: gray ones are repeated.
 *
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RGB.html
 */
export class RGB extends FixedTransform {
  protected image(images: Tensor): Tensor {
    return grayscaleToRgb(images);
  }
}

/**
 * Gray images, with probability `p`; they keep their number of channels.
 *
 * @throws ArgumentError for a `p` outside [0, 1].
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomGrayscale.html
 */
export class RandomGrayscale extends RandomStep {
  constructor(p = 0.1, options: TransformOptions = {}) {
    super(p, options);
  }

  protected step(): ColorStep {
    return [ColorCode.gray];
  }
}

/**
 * The negative of images, with probability `p`.
 *
 * @throws ArgumentError for a `p` outside [0, 1].
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomInvert.html
 */
export class RandomInvert extends RandomStep {
  constructor(p = 0.5, options: TransformOptions = {}) {
    super(p, options);
  }

  protected step(): ColorStep {
    return [ColorCode.invert];
  }

  protected override checkImages(): void {}
}

/**
 * Images with `bits` bits a value, with probability `p`.
 *
 * @throws ArgumentError for a `p` outside [0, 1], or unless `bits` is an integer of [0, 8].
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomPosterize.html
 */
export class RandomPosterize extends RandomStep {
  constructor(
    readonly bits: number,
    p = 0.5,
    options: TransformOptions = {},
  ) {
    super(p, options);
    if (Number.isInteger(bits) && bits >= 0 && bits <= 8) return;
    throw new ArgumentError(this.name, `bits must be an integer of [0, 8], got ${valueText(bits)}`, bits);
  }

  protected step(): ColorStep {
    return [ColorCode.posterize, this.bits];
  }

  protected override checkImages(): void {}

  override extraRepr(): string {
    return `p=${this.p}, bits=${this.bits}`;
  }
}

/**
 * Images with values from `threshold` on inverted, with probability `p`.
 *
 * @throws ArgumentError for a `p` outside [0, 1]; in `forward` for a threshold above 255 (bytes) or 1 (floats).
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomSolarize.html
 */
export class RandomSolarize extends RandomStep {
  constructor(
    readonly threshold: number,
    p = 0.5,
    options: TransformOptions = {},
  ) {
    super(p, options);
    if (typeof threshold === 'number' && !Number.isNaN(threshold)) return;
    throw new ArgumentError(this.name, `threshold must be a number, got ${valueText(threshold)}`, threshold);
  }

  protected step(): ColorStep {
    return [ColorCode.solarize, this.threshold];
  }

  protected override checkImages(images: Tensor): void {
    solarize(images.narrow(0, 0, 0), this.threshold);
  }

  override extraRepr(): string {
    return `p=${this.p}, threshold=${this.threshold}`;
  }
}

/**
 * Images with each channel stretched over the whole range, with probability `p`.
 *
 * @throws ArgumentError for a `p` outside [0, 1].
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomAutocontrast.html
 */
export class RandomAutocontrast extends RandomStep {
  constructor(p = 0.5, options: TransformOptions = {}) {
    super(p, options);
  }

  protected step(): ColorStep {
    return [ColorCode.autocontrast];
  }
}

/**
 * Images with the values of each channel spread evenly, with probability `p`.
 *
 * @throws ArgumentError for a `p` outside [0, 1].
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomEqualize.html
 */
export class RandomEqualize extends RandomStep {
  constructor(p = 0.5, options: TransformOptions = {}) {
    super(p, options);
  }

  protected step(): ColorStep {
    return [ColorCode.equalize];
  }

  protected override checkImages(): void {}
}

/**
 * Images made sharper (a factor above 1) or softer, with probability `p`.
 *
 * @throws ArgumentError for a `p` outside [0, 1], or a factor below 0.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomAdjustSharpness.html
 */
export class RandomAdjustSharpness extends Transform<number> {
  constructor(
    readonly sharpnessFactor: number,
    readonly p = 0.5,
    options: TransformOptions = {},
  ) {
    super(options);
    checkProbability(this.name, p);
    if (typeof sharpnessFactor === 'number' && sharpnessFactor >= 0 && sharpnessFactor < Infinity) return;
    const text = `sharpnessFactor must be a number >= 0, got ${valueText(sharpnessFactor)}`;
    throw new ArgumentError(this.name, text, sharpnessFactor);
  }

  protected makeParams(draws: Draws): number | null {
    return draws.chance(this.p) ? this.sharpnessFactor : null;
  }

  protected image(images: Tensor, params: readonly number[]): Tensor {
    return this.images(images, params);
  }

  protected override images(images: Tensor, params: readonly (number | null)[]): Tensor {
    checkImageDType(this.name, images);
    checkColors(this.name, images);
    return onBatch(images, (batch) =>
      sharpen(
        batch,
        params.map((factor) => factor ?? Number.NaN),
      ),
    );
  }

  override extraRepr(): string {
    return `p=${this.p}, sharpness_factor=${this.sharpnessFactor}`;
  }
}
