// Transforms that cut images or give them borders.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { where } from '../../ops/pointwise/select.js';
import { cat } from '../../ops/shape/concat.js';
import { narrow, unsqueeze } from '../../ops/shape/view.js';
import { tensor } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkProbability, type SampleInfo, Transform, type TransformOptions } from './base.js';
import { convertFormat, scaleBoxes } from './boxes.js';
import {
  type Borders,
  bordersOf,
  type CropBox,
  centerBox,
  checkPaddingMode,
  cropBoxes,
  cropImages,
  type PaddingMode,
  padBoxes,
  padImages,
  resizedCrops,
} from './crop.js';
import type { Draws } from './draws.js';
import { checkNumbers, type Fill, pairOf, roundEven } from './parts.js';
import { checkResampling, forMasks, type Interpolation, type ResamplingOptions } from './resize.js';
import { BoundingBoxes, type ImageSize } from './sample.js';

/**
 * The middle of images, of one size for both sides or [height, width]; smaller images get borders of 0.
 *
 * @throws ArgumentError for sizes that are none.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.CenterCrop.html
 */
export class CenterCrop extends Transform<CropBox> {
  readonly size: ImageSize;

  constructor(size: number | readonly number[], options: TransformOptions = {}) {
    super(options);
    this.size = pairOf(this.name, 'size', size);
  }

  override extraRepr(): string {
    return `size=[${this.size.join(', ')}]`;
  }

  protected override get drawsEach(): boolean {
    return false;
  }

  protected makeParams(_draws: Draws, { size }: SampleInfo): CropBox {
    return centerBox(size, this.size);
  }

  protected image(images: Tensor, crops: readonly CropBox[]): Tensor {
    return cropImages(this.name, images, crops);
  }

  protected override mask(masks: Tensor, crops: readonly CropBox[]): Tensor {
    return cropImages(this.name, masks, crops);
  }

  protected override boxes(boxes: BoundingBoxes, crops: readonly CropBox[]): BoundingBoxes {
    return cropBoxes(boxes, crops);
  }
}

/** A fill for masks, which have no channels of colours. */
const maskFill = (fill: Fill | null): Fill | null => (Array.isArray(fill) && fill.length !== 1 ? 0 : fill);

/** Options of {@link RandomCrop}. */
export interface RandomCropOptions extends TransformOptions {
  /** Borders: one number, [left and right, top and bottom] or [left, top, right, bottom]. Default: none. */
  readonly padding?: number | readonly number[] | null;
  /** Give images borders that are smaller than the crop. Default false. */
  readonly padIfNeeded?: boolean;
  /** What comes into borders. Default 0. */
  readonly fill?: Fill | null;
  /** Default `'constant'`. */
  readonly paddingMode?: PaddingMode;
}

/** A crop of an image with borders. */
interface PaddedCrop {
  readonly borders: Borders;
  readonly crop: CropBox;
}

/** A crop of the image itself. */
const unpadded = ({ borders, crop }: PaddedCrop): CropBox => ({
  ...crop,
  top: crop.top - borders.top,
  left: crop.left - borders.left,
});

/**
 * A random part of images, of one size for both sides or [height, width]; with `padding` they get borders before.
 *
 * @throws ArgumentError for other sizes and borders; ShapeError for crops that are larger than an image with its borders.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomCrop.html
 */
export class RandomCrop extends Transform<PaddedCrop> {
  readonly size: ImageSize;
  readonly padding: Borders | null;
  readonly padIfNeeded: boolean;
  readonly fill: Fill | null;
  readonly paddingMode: PaddingMode;

  constructor(size: number | readonly number[], options: RandomCropOptions = {}) {
    super(options);
    const { padding = null, padIfNeeded = false, fill = 0, paddingMode = 'constant' } = options;
    this.size = pairOf(this.name, 'size', size);
    this.padding = padding === null ? null : bordersOf(this.name, padding);
    checkPaddingMode(this.name, paddingMode);
    this.padIfNeeded = padIfNeeded;
    this.fill = fill;
    this.paddingMode = paddingMode;
  }

  override extraRepr(): string {
    const { padding } = this;
    const borders = padding === null ? '' : `, padding=[${Object.values(padding).join(', ')}]`;
    return `size=[${this.size.join(', ')}]${borders}, pad_if_needed=${this.padIfNeeded}, padding_mode=${this.paddingMode}`;
  }

  protected makeParams(draws: Draws, info: SampleInfo): PaddedCrop {
    const [height, width] = this.size;
    const borders = { ...(this.padding ?? { left: 0, top: 0, right: 0, bottom: 0 }) };
    const padded = (): ImageSize => [
      info.size[0] + borders.top + borders.bottom,
      info.size[1] + borders.left + borders.right,
    ];
    if (this.padIfNeeded) {
      const [h, w] = padded();
      borders.top += Math.max(0, height - h);
      borders.bottom += Math.max(0, height - h);
      borders.left += Math.max(0, width - w);
      borders.right += Math.max(0, width - w);
    }
    const [h, w] = padded();
    if (h < height || w < width) {
      const text = `crops of ${height} x ${width} do not fit into images of ${h} x ${w}${this.padding ? ' with borders' : ''}`;
      throw new ShapeError(this.name, text, this.size, info.size);
    }
    const top = h > height ? draws.below(h - height + 1) : 0;
    const left = w > width ? draws.below(w - width + 1) : 0;
    return { borders, crop: { top, left, height, width } };
  }

  private cut(images: Tensor, params: readonly PaddedCrop[], fill: Fill | null): Tensor {
    if (this.paddingMode === 'constant') return cropImages(this.name, images, params.map(unpadded), fill);
    const padded = padImages(this.name, images, params[0].borders, this.paddingMode, null);
    return cropImages(
      this.name,
      padded,
      params.map(({ crop }) => crop),
    );
  }

  protected image(images: Tensor, params: readonly PaddedCrop[]): Tensor {
    return this.cut(images, params, this.fill);
  }

  protected override mask(masks: Tensor, params: readonly PaddedCrop[]): Tensor {
    return this.cut(masks, params, maskFill(this.fill));
  }

  protected override boxes(boxes: BoundingBoxes, params: readonly PaddedCrop[]): BoundingBoxes {
    if (this.paddingMode !== 'constant') padBoxes(this.name, boxes, params[0].borders, this.paddingMode);
    return cropBoxes(boxes, params.map(unpadded));
  }
}

/** Options of {@link RandomResizedCrop}. */
export interface RandomResizedCropOptions extends ResamplingOptions, TransformOptions {
  /** The smallest and the largest part of the image's area. Default [0.08, 1]. */
  readonly scale?: readonly [number, number];
  /** The smallest and the largest width in heights. Default [3 / 4, 4 / 3]. */
  readonly ratio?: readonly [number, number];
}

/**
 * A random part of images, resized to one size for both sides or [height, width].
 *
 * @throws ArgumentError for sizes and ranges that are none, and an unknown interpolation.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomResizedCrop.html
 */
export class RandomResizedCrop extends Transform<CropBox> {
  readonly size: ImageSize;
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  readonly interpolation: Interpolation;
  readonly antialias: boolean | null;

  constructor(size: number | readonly number[], options: RandomResizedCropOptions = {}) {
    super(options);
    checkResampling(this.name, options);
    this.size = pairOf(this.name, 'size', size);
    this.scale = options.scale ?? [0.08, 1];
    this.ratio = options.ratio ?? [3 / 4, 4 / 3];
    checkNumbers(this.name, 'scale', this.scale, 2, true);
    checkNumbers(this.name, 'ratio', this.ratio, 2, true);
    if (this.ratio[0] <= 0) throw new ArgumentError(this.name, `ratio must be above 0, got ${valueText(this.ratio)}`);
    this.interpolation = options.interpolation ?? 'bilinear';
    this.antialias = options.antialias === undefined ? true : options.antialias;
  }

  override extraRepr(): string {
    const { size, scale, ratio } = this;
    return `size=[${size.join(', ')}], scale=[${scale.join(', ')}], ratio=[${ratio.join(', ')}], interpolation=${this.interpolation}`;
  }

  protected makeParams(draws: Draws, { size: [height, width] }: SampleInfo): CropBox {
    const [low, high] = this.ratio;
    for (let trial = 0; trial < 10; trial++) {
      const area = height * width * draws.uniform(this.scale[0], this.scale[1]);
      const ratio = Math.exp(draws.uniform(Math.log(low), Math.log(high)));
      const w = roundEven(Math.sqrt(area * ratio));
      const h = roundEven(Math.sqrt(area / ratio));
      if (w <= 0 || w > width || h <= 0 || h > height) continue;
      return { top: draws.below(height - h + 1), left: draws.below(width - w + 1), height: h, width: w };
    }
    const own = width / height;
    const w = own > high ? roundEven(height * high) : width;
    const h = own < low ? roundEven(width / low) : height;
    return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
  }

  protected image(images: Tensor, crops: readonly CropBox[]): Tensor {
    return resizedCrops(this.name, images, crops, this.size, this);
  }

  protected override mask(masks: Tensor, crops: readonly CropBox[]): Tensor {
    return resizedCrops(this.name, masks, crops, this.size, forMasks(this));
  }

  protected override boxes(boxes: BoundingBoxes, crops: readonly CropBox[]): BoundingBoxes {
    return cropAndScale(boxes, crops, this.size);
  }
}

/** Boxes `[N, K, 4]` in crops of different sizes that come to one size. */
function cropAndScale(boxes: BoundingBoxes, crops: readonly CropBox[], size: ImageSize): BoundingBoxes {
  if (crops.length === 1) return scaleBoxes(cropBoxes(boxes, crops), size);
  const each = crops.map((crop, i) => scaleBoxes(cropBoxes(boxes.with(narrow(boxes.data, 0, i, 1)), [crop]), size));
  return boxes.with(
    cat(
      each.map(({ data }) => data),
      0,
    ),
    size,
  );
}

/** Options of {@link Pad}. */
export interface PadTransformOptions extends TransformOptions {
  /** Default 0. */
  readonly fill?: Fill | null;
  /** Default `'constant'`. */
  readonly paddingMode?: PaddingMode;
}

/** What transforms that give borders share. */
abstract class Padding extends Transform<Borders> {
  readonly fill: Fill | null;
  readonly paddingMode: PaddingMode;

  constructor({ fill = 0, paddingMode = 'constant', ...options }: PadTransformOptions) {
    super(options);
    checkPaddingMode(this.name, paddingMode);
    this.fill = fill;
    this.paddingMode = paddingMode;
  }

  protected override get drawsEach(): boolean {
    return false;
  }

  protected image(images: Tensor, [borders]: readonly Borders[]): Tensor {
    return padImages(this.name, images, borders, this.paddingMode, this.fill);
  }

  protected override mask(masks: Tensor, [borders]: readonly Borders[]): Tensor {
    return padImages(this.name, masks, borders, this.paddingMode, maskFill(this.fill));
  }

  protected override boxes(boxes: BoundingBoxes, [borders]: readonly Borders[]): BoundingBoxes {
    return padBoxes(this.name, boxes, borders, this.paddingMode);
  }
}

/**
 * Images with borders: one number, [left and right, top and bottom] or [left, top, right, bottom].
 *
 * @throws ArgumentError for other borders and modes.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.Pad.html
 */
export class Pad extends Padding {
  constructor(
    readonly padding: number | readonly number[],
    options: PadTransformOptions = {},
  ) {
    super(options);
    bordersOf(this.name, padding);
  }

  override extraRepr(): string {
    return `padding=${valueText(this.padding)}, padding_mode=${this.paddingMode}`;
  }

  protected makeParams(): Borders {
    return bordersOf(this.name, this.padding);
  }
}

/** Options of {@link RandomZoomOut}. */
export interface RandomZoomOutOptions extends TransformOptions {
  /** Default 0. */
  readonly fill?: Fill | null;
  /** The smallest and the largest side of the result, in sides of the image. Default [1, 4]. */
  readonly sideRange?: readonly [number, number];
  /** Default 0.5. */
  readonly p?: number;
}

/**
 * Puts images somewhere on a larger canvas, with probability `p`; all images of a batch alike.
 *
 * @throws ArgumentError for sides below 1, or a `p` outside [0, 1].
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomZoomOut.html
 */
export class RandomZoomOut extends Padding {
  readonly sideRange: readonly [number, number];
  readonly p: number;

  constructor({ sideRange = [1, 4], p = 0.5, ...options }: RandomZoomOutOptions = {}) {
    super(options);
    checkProbability(this.name, p);
    checkNumbers(this.name, 'sideRange', sideRange, 2, true);
    if (sideRange[0] < 1) throw new ArgumentError(this.name, `sideRange must begin at 1 or more, got ${sideRange[0]}`);
    this.sideRange = sideRange;
    this.p = p;
  }

  override extraRepr(): string {
    return `side_range=[${this.sideRange.join(', ')}], p=${this.p}`;
  }

  protected makeParams(draws: Draws, { size: [h, w] }: SampleInfo): Borders | null {
    if (!draws.chance(this.p)) return null;
    const ratio = draws.uniform(this.sideRange[0], this.sideRange[1]);
    const [width, height] = [Math.floor(w * ratio), Math.floor(h * ratio)];
    const left = Math.floor((width - w) * draws.uniform());
    const top = Math.floor((height - h) * draws.uniform());
    return { left, top, right: width - left - w, bottom: height - top - h };
  }
}

/** Options of {@link RandomIoUCrop}. */
export interface RandomIoUCropOptions extends TransformOptions {
  /** The smallest and the largest part of each side. Default 0.3 and 1. */
  readonly minScale?: number;
  readonly maxScale?: number;
  /** Of width and height of a crop. Default 0.5 and 2. */
  readonly minAspectRatio?: number;
  readonly maxAspectRatio?: number;
  /** How much of a box (intersection over union) a crop must hold; 1 and more leaves the image whole. */
  readonly samplerOptions?: readonly number[];
  /** Crops that are tried for one such option. Default 40. */
  readonly trials?: number;
}

interface IoUCrop extends CropBox {
  /** Whether the centre of each box lies inside. */
  readonly inside: readonly boolean[];
}

/**
 * A random crop of an image with boxes that overlaps one of them enough. Boxes whose centre lies outside become 0:
 * {@link SanitizeBoundingBoxes} takes them away. The boxes are read, so the call waits for them.
 *
 * @throws ArgumentError for a sample without an image and boxes, or a batch.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.RandomIoUCrop.html
 */
export class RandomIoUCrop extends Transform<IoUCrop> {
  private readonly options: Required<Omit<RandomIoUCropOptions, keyof TransformOptions>>;

  constructor({ perSample, generator, ...options }: RandomIoUCropOptions = {}) {
    super({ perSample, generator });
    this.options = {
      minScale: options.minScale ?? 0.3,
      maxScale: options.maxScale ?? 1,
      minAspectRatio: options.minAspectRatio ?? 0.5,
      maxAspectRatio: options.maxAspectRatio ?? 2,
      samplerOptions: options.samplerOptions ?? [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1],
      trials: options.trials ?? 40,
    };
    if (this.options.samplerOptions.length === 0)
      throw new ArgumentError(this.name, 'samplerOptions is empty', options);
  }

  protected override get drawsEach(): boolean {
    return false;
  }

  protected override checkSample({ parts, channels }: SampleInfo): void {
    const boxes = parts.filter((part) => part instanceof BoundingBoxes);
    if (boxes.length === 1 && channels > 0) return;
    throw new ArgumentError(this.name, 'an image and its BoundingBoxes are needed', parts);
  }

  protected makeParams(draws: Draws, { size, parts }: SampleInfo): IoUCrop | null {
    const boxes = parts.find((part) => part instanceof BoundingBoxes) as BoundingBoxes;
    if (boxes.data.ndim !== 2) {
      throw new ShapeError(this.name, `boxes [K, 4] of one image are needed, got ${shapeText(boxes.data.shape)}`);
    }
    const corners = convertFormat(boxes.data, boxes.format, 'XYXY').toArraySync() as number[][];
    const { samplerOptions, trials } = this.options;
    if (corners.length === 0) return null;
    for (;;) {
      const least = samplerOptions[draws.below(samplerOptions.length)];
      if (least >= 1) return null;
      for (let trial = 0; trial < trials; trial++) {
        const found = this.tried(draws, size, corners, least);
        if (found !== null) return found;
      }
    }
  }

  private tried(draws: Draws, [height, width]: ImageSize, corners: readonly number[][], least: number): IoUCrop | null {
    const { minScale, maxScale, minAspectRatio, maxAspectRatio } = this.options;
    const w = Math.floor(width * draws.uniform(minScale, maxScale));
    const h = Math.floor(height * draws.uniform(minScale, maxScale));
    if (w === 0 || h === 0 || w / h < minAspectRatio || w / h > maxAspectRatio) return null;
    const left = Math.floor((width - w) * draws.uniform());
    const top = Math.floor((height - h) * draws.uniform());
    const inside = corners.map(([x1, y1, x2, y2]) => {
      const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
      return x > left && x < left + w && y > top && y < top + h;
    });
    const overlap = corners.map(([x1, y1, x2, y2], i) => {
      const common =
        Math.max(0, Math.min(x2, left + w) - Math.max(x1, left)) *
        Math.max(0, Math.min(y2, top + h) - Math.max(y1, top));
      return inside[i] ? common / ((x2 - x1) * (y2 - y1) + w * h - common) : -1;
    });
    if (!inside.some((x) => x) || Math.max(...overlap) < least) return null;
    return { top, left, height: h, width: w, inside };
  }

  protected image(images: Tensor, crops: readonly IoUCrop[]): Tensor {
    return cropImages(this.name, images, crops);
  }

  protected override mask(masks: Tensor, crops: readonly IoUCrop[]): Tensor {
    return cropImages(this.name, masks, crops);
  }

  protected override boxes(boxes: BoundingBoxes, crops: readonly IoUCrop[]): BoundingBoxes {
    const cut = cropBoxes(boxes, crops);
    return cut.with(where(unsqueeze(tensor([...crops[0].inside]), -1), cut.data, 0));
  }
}
