// Images of another size.
import { ArgumentError, valueText } from '../../errors.js';
import { interpolate } from '../../ops/layers/interpolate.js';
import { resizeBoxes } from '../../ops/layers/resize.js';
import { reshape } from '../../ops/shape/view.js';
import { checkOptions } from '../../tensor/check.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type SampleInfo, Transform, type TransformOptions } from './base.js';
import { scaleBoxes } from './boxes.js';
import type { Draws } from './draws.js';
import { checkNumbers, onPart, pairOf } from './parts.js';
import type { BoundingBoxes, ImageSize, Transformable } from './sample.js';

/** How pixels of another size are found. */
export type Interpolation = 'nearest' | 'nearest-exact' | 'bilinear' | 'bicubic' | 'lanczos';

const MODES: readonly string[] = ['nearest', 'nearest-exact', 'bilinear', 'bicubic', 'lanczos'];

/** How {@link resize} finds pixels. */
export interface ResamplingOptions {
  /** Default `'bilinear'`. Masks take the nearest pixel in any case. */
  readonly interpolation?: Interpolation;
  /** Average the pixels of an image that gets smaller; not for the nearest ones. Default true. */
  readonly antialias?: boolean | null;
}

/** Options of {@link resize}. */
export interface ResizeOptions extends ResamplingOptions {
  /** The largest size of the longer side, where one number is asked for. */
  readonly maxSize?: number | null;
}

/** @internal */
export function checkResampling(op: string, { interpolation = 'bilinear', antialias = true }: ResamplingOptions): void {
  if (!MODES.includes(interpolation)) {
    throw new ArgumentError(op, `interpolation must be one of ${MODES.join(', ')}, got ${valueText(interpolation)}`);
  }
  if (interpolation === 'lanczos' && !antialias)
    throw new ArgumentError(op, 'lanczos needs antialias: true', antialias);
}

/**
 * The size that one number (the shorter side), two or none (`maxSize` for the longer side) ask for.
 *
 * @throws ArgumentError for other sizes, and a `maxSize` that does not go with them.
 */
export function resizedSize(op: string, [h, w]: ImageSize, size: unknown, maxSize: number | null): ImageSize {
  if (maxSize !== null && !(Number.isSafeInteger(maxSize) && maxSize >= 1)) {
    throw new ArgumentError(op, `maxSize must be a whole number >= 1, got ${valueText(maxSize)}`, maxSize);
  }
  const [short, long] = w <= h ? [w, h] : [h, w];
  const sized = (a: number, b: number): ImageSize => (w <= h ? [b, a] : [a, b]);
  if (size === null || size === undefined) {
    if (maxSize === null) throw new ArgumentError(op, 'a size or maxSize is needed', size);
    return sized(Math.floor((maxSize * short) / long), maxSize);
  }
  const pair = pairOf(op, 'size', size);
  if (Array.isArray(size) && size.length === 2) {
    if (maxSize !== null) throw new ArgumentError(op, 'maxSize goes with one number for the shorter side only', size);
    return pair;
  }
  const [wanted] = pair;
  const other = Math.floor((wanted * long) / short);
  if (maxSize === null) return sized(wanted, other);
  if (maxSize <= wanted)
    throw new ArgumentError(op, `maxSize ${maxSize} must be above the shorter side ${wanted}`, maxSize);
  return other > maxSize ? sized(Math.floor((maxSize * wanted) / other), maxSize) : sized(wanted, other);
}

/** @internal Images `[N, C, H, W]` of another size. */
export function resizeImages(images: Tensor, size: ImageSize, options: ResamplingOptions): Tensor {
  const [n, channels, h, w] = images.shape;
  if (h === size[0] && w === size[1]) return images;
  if (images.numel === 0) return reshape(images, [n, channels, ...size]);
  const { interpolation: mode = 'bilinear', antialias } = modeOf(options);
  if (images.dtype === 'float32' || images.dtype === 'float64') return interpolate(images, { size, mode, antialias });
  return resizeBoxes(images, [[0, 0, h, w]], size, { mode, antialias });
}

/** @internal */
export function modeOf(options: ResamplingOptions): { interpolation: Interpolation; antialias: boolean } {
  const { interpolation = 'bilinear', antialias = true } = options;
  const nearest = interpolation === 'nearest' || interpolation === 'nearest-exact';
  return { interpolation, antialias: !nearest && (antialias ?? false) };
}

/** @internal How masks are resized: the nearest pixel. */
export const forMasks = ({ interpolation }: ResamplingOptions): ResamplingOptions => ({
  interpolation: interpolation === 'nearest-exact' ? interpolation : 'nearest',
});

/**
 * An image `[..., C, H, W]`, mask or boxes in another size: `[height, width]`, or one number for the shorter side.
 *
 * @throws ArgumentError for other sizes, and an unknown interpolation.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.resize.html
 */
export function resize<T extends Transformable>(
  input: T,
  size: number | readonly number[] | null,
  options: ResizeOptions = {},
): T {
  const op = 'resize';
  checkOptions(op, options);
  checkResampling(op, options);
  const { maxSize = null } = options;
  const into = (from: ImageSize): ImageSize => resizedSize(op, from, size, maxSize);
  return onPart(op, input, {
    image: (x) => resizeImages(x, into([x.shape[2], x.shape[3]]), options),
    mask: (x) => resizeImages(x, into([x.shape[2], x.shape[3]]), forMasks(options)),
    boxes: (boxes) => scaleBoxes(boxes, into(boxes.canvasSize)),
  });
}

/** What transforms that change sizes share. */
abstract class Resizing extends Transform<ImageSize> {
  readonly interpolation: Interpolation;
  readonly antialias: boolean | null;

  constructor(options: ResamplingOptions & TransformOptions) {
    super(options);
    checkResampling(this.name, options);
    this.interpolation = options.interpolation ?? 'bilinear';
    this.antialias = options.antialias === undefined ? true : options.antialias;
  }

  protected override get drawsEach(): boolean {
    return false;
  }

  protected image(images: Tensor, [size]: readonly ImageSize[]): Tensor {
    return resizeImages(images, size, this);
  }

  protected override mask(masks: Tensor, [size]: readonly ImageSize[]): Tensor {
    return resizeImages(masks, size, forMasks(this));
  }

  protected override boxes(boxes: BoundingBoxes, [size]: readonly ImageSize[]): BoundingBoxes {
    return scaleBoxes(boxes, size);
  }

  protected reading(): string {
    return `interpolation=${this.interpolation}, antialias=${this.antialias}`;
  }
}

/** Options of {@link Resize}. */
export interface ResizeTransformOptions extends ResizeOptions, TransformOptions {}

/**
 * Images of another size: `[height, width]`, or one number for the shorter side.
 *
 * @throws ArgumentError for other sizes, and an unknown interpolation.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.Resize.html
 */
export class Resize extends Resizing {
  readonly maxSize: number | null;

  constructor(
    readonly size: number | readonly number[] | null,
    options: ResizeTransformOptions = {},
  ) {
    super(options);
    this.maxSize = options.maxSize ?? null;
    resizedSize(this.name, [1, 1], size, this.maxSize);
  }

  override extraRepr(): string {
    return `size=${valueText(typeof this.size === 'number' ? [this.size] : this.size)}, ${this.reading()}`;
  }

  protected makeParams(_draws: Draws, { size }: SampleInfo): ImageSize {
    return resizedSize(this.name, size, this.size, this.maxSize);
  }
}

/** Options of {@link ScaleJitter}. */
export interface ScaleJitterOptions extends ResamplingOptions, TransformOptions {
  /** Default [0.1, 2]. */
  readonly scaleRange?: readonly [number, number];
}

/**
 * Resizes images to fit into `targetSize` [width, height], and then by a random scale; all images of a batch alike.
 *
 * @throws ArgumentError for sizes and scales that are none.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.ScaleJitter.html
 */
export class ScaleJitter extends Resizing {
  readonly scaleRange: readonly [number, number];

  constructor(
    readonly targetSize: readonly [number, number],
    options: ScaleJitterOptions = {},
  ) {
    super(options);
    this.scaleRange = options.scaleRange ?? [0.1, 2];
    checkNumbers(this.name, 'targetSize', targetSize, 2);
    checkNumbers(this.name, 'scaleRange', this.scaleRange, 2, true);
  }

  protected makeParams(draws: Draws, { size: [height, width] }: SampleInfo): ImageSize {
    const fit = Math.min(this.targetSize[1] / height, this.targetSize[0] / width);
    const scale = fit * draws.uniform(this.scaleRange[0], this.scaleRange[1]);
    return [Math.floor(height * scale), Math.floor(width * scale)];
  }
}

/** Options of {@link RandomShortestSize}. */
export interface RandomShortestSizeOptions extends ResamplingOptions, TransformOptions {
  /** The largest size of the longer side. */
  readonly maxSize?: number | null;
}

/**
 * Resizes images so that the shorter side has one of the sizes; all images of a batch alike.
 *
 * @throws ArgumentError for sizes that are no whole numbers.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomShortestSize.html
 */
export class RandomShortestSize extends Resizing {
  readonly minSize: readonly number[];
  readonly maxSize: number | null;

  constructor(minSize: number | readonly number[], options: RandomShortestSizeOptions = {}) {
    super(options);
    this.minSize = typeof minSize === 'number' ? [minSize] : minSize;
    for (const size of this.minSize) pairOf(this.name, 'minSize', size);
    if (this.minSize.length === 0) throw new ArgumentError(this.name, 'minSize is empty', minSize);
    this.maxSize = options.maxSize ?? null;
  }

  protected makeParams(draws: Draws, { size: [height, width] }: SampleInfo): ImageSize {
    const wanted = this.minSize[draws.below(this.minSize.length)] / Math.min(height, width);
    const scale = this.maxSize === null ? wanted : Math.min(wanted, this.maxSize / Math.max(height, width));
    return [Math.floor(height * scale), Math.floor(width * scale)];
  }
}

/**
 * Resizes images so that the shorter side has a random size of [minSize, maxSize); all images of a batch alike.
 *
 * @throws ArgumentError for sizes that are no range of whole numbers.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomResize.html
 */
export class RandomResize extends Resizing {
  constructor(
    readonly minSize: number,
    readonly maxSize: number,
    options: ResamplingOptions & TransformOptions = {},
  ) {
    super(options);
    pairOf(this.name, 'minSize', minSize);
    if (!Number.isSafeInteger(maxSize) || maxSize <= minSize) {
      throw new ArgumentError(this.name, `maxSize must be a whole number above ${minSize}, got ${valueText(maxSize)}`);
    }
  }

  protected makeParams(draws: Draws, { size }: SampleInfo): ImageSize {
    return resizedSize(this.name, size, this.minSize + draws.below(this.maxSize - this.minSize), null);
  }
}
