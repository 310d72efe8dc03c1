// Normalization, dtypes, blur, noise and erasing as transforms.
import { ArgumentError, valueText } from '../../errors.js';
import { eraseImage } from '../../ops/layers/color.js';
import { randn } from '../../ops/random/random.js';
import { contiguous, to } from '../../ops/shape/view.js';
import { tensor } from '../../tensor/create.js';
import { checkDType, computeDType, type DType } from '../../tensor/dtype.js';
import type { Generator } from '../../tensor/random.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkProbability, type SampleInfo, Transform, type TransformOptions } from './base.js';
import type { Draws } from './draws.js';
import { checkImageDType, onBatch } from './image.js';
import { FixedTransform } from './photometric.js';
import {
  type GaussianNoiseOptions,
  gaussianBlur,
  gaussianNoise,
  type NormalizeOptions,
  normalize,
  type ToDtypeOptions,
  toDtype,
} from './pixels.js';
import { type BoundingBoxes, dataOf, Image, partsOf } from './sample.js';

/**
 * `(x - mean) / std` for each channel. Bytes are divided by 255 first, in the same pass, and become float32.
 *
 * @throws ArgumentError for a `std` of 0; in `forward` for other than one number for all or each channel.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.Normalize.html
 */
export class Normalize extends FixedTransform {
  readonly inplace: boolean;

  constructor(
    readonly mean: readonly number[] | number,
    readonly std: readonly number[] | number,
    options: NormalizeOptions & TransformOptions = {},
  ) {
    super(options);
    this.inplace = options.inplace ?? false;
    for (const [name, value] of Object.entries({ mean, std })) {
      const all = Array.isArray(value) ? value : [value];
      if (all.length > 0 && all.every((v) => typeof v === 'number' && (name === 'mean' || v !== 0))) continue;
      const text = `${name} must hold numbers${name === 'std' ? ' other than 0' : ''}, got ${valueText(value)}`;
      throw new ArgumentError(this.name, text, value);
    }
  }

  protected image(images: Tensor): Tensor {
    return normalize(images, this.mean, this.std, { inplace: this.inplace });
  }

  override extraRepr(): string {
    return `mean=${valueText(this.mean)}, std=${valueText(this.std)}, inplace=${this.inplace ? 'True' : 'False'}`;
  }
}

/** A dtype for each kind of part; those without one stay. */
export interface PartDTypes {
  readonly image?: DType;
  readonly mask?: DType;
  readonly boxes?: DType;
}

/**
 * Images in another dtype, and with an object of dtypes masks and boxes too. `scale` maps the range of values of images:
 * bytes to [0, 1] and back.
 *
 * @example
 * new transforms.ToDtype('float32', { scale: true });
 * new transforms.ToDtype({ image: 'float32', mask: 'int64' }, { scale: true });
 * @throws ArgumentError for an unknown dtype.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.ToDtype.html
 */
export class ToDtype extends FixedTransform {
  readonly scale: boolean;
  private readonly dtypes: PartDTypes;

  constructor(
    readonly dtype: DType | PartDTypes,
    options: ToDtypeOptions & TransformOptions = {},
  ) {
    super(options);
    this.dtypes = typeof dtype === 'object' && dtype !== null ? dtype : { image: dtype };
    for (const one of Object.values(this.dtypes)) if (one !== undefined) checkDType(this.name, one);
    this.scale = options.scale ?? false;
  }

  /** Whether all that this does to a sample is to make its bytes floats of [0, 1]. @internal */
  _onlyScales(sample: unknown): boolean {
    const { image, mask, boxes } = this.dtypes;
    if (this.constructor !== ToDtype || !this.scale || image !== 'float32' || mask || boxes) return false;
    const images = partsOf(sample).filter((part) => part instanceof Tensor || part instanceof Image);
    return images.length > 0 && images.every((part) => dataOf(part).dtype === 'uint8');
  }

  protected image(images: Tensor): Tensor {
    const { image } = this.dtypes;
    return image === undefined ? images : toDtype(images, image, { scale: this.scale });
  }

  protected override mask(masks: Tensor): Tensor {
    const { mask } = this.dtypes;
    return mask === undefined ? masks : to(masks, mask);
  }

  protected override boxes(boxes: BoundingBoxes): BoundingBoxes {
    const { boxes: dtype } = this.dtypes;
    return dtype === undefined ? boxes : boxes.with(to(boxes.data, dtype));
  }

  override extraRepr(): string {
    const text = typeof this.dtype === 'string' ? this.dtype : JSON.stringify(this.dtype);
    return `dtype=${text}, scale=${this.scale ? 'True' : 'False'}`;
  }
}

/** Options of {@link GaussianBlur}. */
export interface GaussianBlurTransformOptions extends TransformOptions {
  /** The standard deviation, or its range [low, high]. Default [0.1, 2]. */
  readonly sigma?: number | readonly [number, number];
}

/**
 * Images blurred by a Gauss curve over `kernelSize` (or `[along x, along y]`) pixels of a random standard deviation.
 *
 * @throws ArgumentError for sizes that are not odd, or a range of sigma that falls or does not lie above 0.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.GaussianBlur.html
 */
export class GaussianBlur extends Transform<number> {
  readonly sigma: readonly [number, number];

  constructor(
    readonly kernelSize: number | readonly number[],
    options: GaussianBlurTransformOptions = {},
  ) {
    super(options);
    const { sigma = [0.1, 2] } = options;
    const [low, high] = typeof sigma === 'number' ? [sigma, sigma] : sigma;
    if (!(low > 0 && low <= high && high < Infinity)) {
      throw new ArgumentError(this.name, `sigma must be a range above 0, got ${valueText(sigma)}`, sigma);
    }
    const sizes = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : kernelSize;
    const odd = (k: unknown): boolean => Number.isInteger(k) && (k as number) > 0 && (k as number) % 2 === 1;
    if (!Array.isArray(sizes) || sizes.length !== 2 || !sizes.every(odd)) {
      throw new ArgumentError(
        this.name,
        `kernelSize must be odd, or two odd numbers, got ${valueText(kernelSize)}`,
        kernelSize,
      );
    }
    this.sigma = [low, high];
  }

  protected makeParams(draws: Draws): number {
    return draws.uniform(...this.sigma);
  }

  protected image(images: Tensor, params: readonly number[]): Tensor {
    const sigma = params.length === 1 ? params[0] : params.map((s): [number, number] => [s, s]);
    return gaussianBlur(images, this.kernelSize, { sigma });
  }

  override extraRepr(): string {
    return `kernel_size=${valueText(this.kernelSize)}, sigma=(${this.sigma.join(', ')})`;
  }
}

/**
 * Images plus normal noise, of its own for each pixel; `mean` and `sigma` count for values of [0, 1].
 *
 * @throws ArgumentError for a sigma below 0.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.GaussianNoise.html
 */
export class GaussianNoise extends Transform<Generator> {
  readonly mean: number;
  readonly sigma: number;
  readonly clip: boolean;

  constructor(options: GaussianNoiseOptions & TransformOptions = {}) {
    super(options);
    const { mean = 0, sigma = 0.1, clip = true } = options;
    if (!Number.isFinite(mean) || !(sigma >= 0 && sigma < Infinity)) {
      const text = `mean must be a number and sigma one >= 0, got ${valueText(mean)} and ${valueText(sigma)}`;
      throw new ArgumentError(this.name, text, sigma);
    }
    this.mean = mean;
    this.sigma = sigma;
    this.clip = clip;
  }

  protected override get drawsEach(): boolean {
    return false;
  }

  protected makeParams(draws: Draws): Generator {
    return draws.generator();
  }

  protected image(images: Tensor, [generator]: readonly Generator[]): Tensor {
    return gaussianNoise(images, { mean: this.mean, sigma: this.sigma, clip: this.clip, generator });
  }

  override extraRepr(): string {
    return `mean=${this.mean}, sigma=${this.sigma}, clip=${this.clip ? 'True' : 'False'}`;
  }
}

/** Options of {@link RandomErasing}. */
export interface RandomErasingOptions extends TransformOptions {
  /** Part of the area that is erased: [low, high]. Default [0.02, 0.33]. */
  readonly scale?: readonly [number, number];
  /** Height over width of the box: [low, high]. Default [0.3, 3.3]. */
  readonly ratio?: readonly [number, number];
  /** A number, one for each channel, or `'random'` for normal numbers. Default 0. */
  readonly value?: number | readonly number[] | 'random';
}

/** The erased box of one image. */
interface Erased {
  readonly box: readonly [i: number, j: number, h: number, w: number];
  /** For pixels of their own. */
  readonly generator: Generator | null;
}

function checkRange(op: string, name: string, range: readonly number[], low: number, high: number): void {
  const fits =
    Array.isArray(range) && range.length === 2 && range[0] >= low && range[0] <= range[1] && range[1] <= high;
  if (!fits)
    throw new ArgumentError(op, `${name} must be a range of [${low}, ${high}], got ${valueText(range)}`, range);
}

/**
 * Erases a random box of an image, with probability `p`.
 *
 * @throws ArgumentError for a `p`, `scale` or `ratio` out of bounds; in `forward` for values that do not fit the channels.
 * Source: Zhong et al., Random Erasing, 2017; https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomErasing.html
 */
export class RandomErasing extends Transform<Erased> {
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  readonly value: number | readonly number[] | 'random';

  constructor(
    readonly p = 0.5,
    options: RandomErasingOptions = {},
  ) {
    super(options);
    const { scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = options;
    checkProbability(this.name, p);
    checkRange(this.name, 'scale', scale, 0, 1);
    checkRange(this.name, 'ratio', ratio, Number.MIN_VALUE, Number.MAX_VALUE);
    const numbers = Array.isArray(value) ? value : [value];
    if (value !== 'random' && !numbers.every((v) => typeof v === 'number')) {
      throw new ArgumentError(this.name, `value must be a number, numbers or "random", got ${valueText(value)}`, value);
    }
    this.scale = scale;
    this.ratio = ratio;
    this.value = value;
  }

  protected makeParams(draws: Draws, { size: [height, width] }: SampleInfo): Erased | null {
    if (!draws.chance(this.p)) return null;
    const generator = this.value === 'random' ? draws.generator() : null;
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = height * width * draws.uniform(...this.scale);
      const aspect = Math.exp(draws.uniform(Math.log(this.ratio[0]), Math.log(this.ratio[1])));
      const [h, w] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))];
      if (h >= height || w >= width) continue;
      return { box: [draws.below(height - h + 1), draws.below(width - w + 1), h, w], generator };
    }
    return null;
  }

  protected image(images: Tensor, params: readonly Erased[]): Tensor {
    return this.images(images, params);
  }

  protected override images(images: Tensor, params: readonly (Erased | null)[]): Tensor {
    checkImageDType(this.name, images);
    const boxes = params.map((p) => p?.box ?? [0, 0, 0, 0]);
    const values = this.valuesFor(images, params);
    return onBatch(images, (batch) => eraseImage(batch, values, boxes));
  }

  private valuesFor(images: Tensor, params: readonly (Erased | null)[]): Tensor {
    const generator = params.find((p) => p?.generator)?.generator;
    if (generator)
      return to(randn(images.shape, { dtype: computeDType(wideOf(images.dtype)), generator }), images.dtype);
    const numbers = Array.isArray(this.value) ? (this.value as readonly number[]) : [this.value as number];
    const channels = images.shape[1];
    if (numbers.length !== 1 && numbers.length !== channels) {
      const text = `value has ${numbers.length} numbers for ${channels} channels`;
      throw new ArgumentError(this.name, text, this.value);
    }
    const row = Float64Array.from({ length: channels }, (_, c) => numbers[numbers.length === 1 ? 0 : c]);
    return contiguous(to(tensor(row, { shape: [1, channels, 1, 1] }), images.dtype));
  }

  override extraRepr(): string {
    return `p=${this.p}, scale=(${this.scale.join(', ')}), ratio=(${this.ratio.join(', ')}), value=${valueText(this.value)}`;
  }
}

const wideOf = (dtype: DType): DType => (dtype === 'uint8' ? 'float32' : dtype);
