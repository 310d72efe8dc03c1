// Parts of images, and images with borders: all take pixels as they are.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { indexSelect } from '../../ops/indexing/rows.js';
import { type PixelBox, resizeBoxes } from '../../ops/layers/resize.js';
import { cat } from '../../ops/shape/concat.js';
import { narrow } from '../../ops/shape/view.js';
import { checkOptions } from '../../tensor/check.js';
import { tensor } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { scaleBoxes, shiftBoxes } from './boxes.js';
import { horizontalFlip, verticalFlip } from './flip.js';
import { type Fill, onPart, pairOf, roundEven } from './parts.js';
import { checkResampling, forMasks, modeOf, type ResamplingOptions, resizedSize, resizeImages } from './resize.js';
import type { BoundingBoxes, ImageSize, Transformable } from './sample.js';
import { mapped } from './turn.js';

/** A place in an image; it may lie outside. */
export interface CropBox {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

const sizeOf = (x: Tensor): ImageSize => [x.shape[2], x.shape[3]];

/** @internal Crops of one size from a place in each image, or from one for all; 0 (or `fill`) outside. */
export function cropImages(op: string, images: Tensor, boxes: readonly CropBox[], fill: Fill | null = null): Tensor {
  const rows = boxes.map(({ left, top }) => [left, top]);
  return mapped(op, images, rows, 'place', { fill }, [boxes[0].height, boxes[0].width]);
}

/** @internal Boxes `[N, K, 4]` in crops. */
export const cropBoxes = (boxes: BoundingBoxes, crops: readonly CropBox[]): BoundingBoxes =>
  shiftBoxes(
    boxes,
    crops.map(({ left, top }) => [-left, -top] as const),
    [crops[0].height, crops[0].width],
  );

function checkCrop(op: string, crop: CropBox): void {
  for (const name of ['top', 'left', 'height', 'width'] as const) {
    const least = name === 'height' || name === 'width' ? 0 : Number.MIN_SAFE_INTEGER;
    if (Number.isSafeInteger(crop[name]) && crop[name] >= least) continue;
    throw new ArgumentError(op, `${name} must be a whole number, got ${valueText(crop[name])}`, crop[name]);
  }
}

/**
 * The part of an image `[..., C, H, W]`, mask or boxes that begins at (left, top); what lies outside is 0.
 *
 * @throws ArgumentError unless all are whole numbers.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.crop.html
 */
export function crop<T extends Transformable>(input: T, top: number, left: number, height: number, width: number): T {
  const box = { top, left, height, width };
  checkCrop('crop', box);
  return cropPart('crop', input, () => box);
}

function cropPart<T extends Transformable>(op: string, input: T, boxOf: (size: ImageSize) => CropBox): T {
  return onPart(op, input, {
    image: (x) => cropImages(op, x, [boxOf(sizeOf(x))]),
    mask: (x) => cropImages(op, x, [boxOf(sizeOf(x))]),
    boxes: (boxes) => cropBoxes(boxes, [boxOf(boxes.canvasSize)]),
  });
}

/** @internal The middle of an image; smaller images get borders. */
export function centerBox([height, width]: ImageSize, [h, w]: ImageSize): CropBox {
  const start = (from: number, into: number): number =>
    into > from ? -Math.floor((into - from) / 2) : roundEven((from - into) / 2);
  return { top: start(height, h), left: start(width, w), height: h, width: w };
}

/**
 * The middle of an image `[..., C, H, W]`, mask or boxes, of one size for both sides or [height, width]; smaller images get
 * borders of 0.
 *
 * @throws ArgumentError for sizes that are none.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.center_crop.html
 */
export function centerCrop<T extends Transformable>(input: T, size: number | readonly number[]): T {
  const pair = pairOf('centerCrop', 'size', size);
  return cropPart('centerCrop', input, (from) => centerBox(from, pair));
}

/**
 * {@link crop} and then resize to `size`.
 *
 * @throws ArgumentError for places and sizes that are none.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.resized_crop.html
 */
export function resizedCrop<T extends Transformable>(
  input: T,
  top: number,
  left: number,
  height: number,
  width: number,
  size: number | readonly number[],
  options: ResamplingOptions = {},
): T {
  const op = 'resizedCrop';
  const box = { top, left, height, width };
  checkCrop(op, box);
  checkOptions(op, options);
  checkResampling(op, options);
  const into = resizedSize(op, [height, width], size, null);
  return onPart(op, input, {
    image: (x) => resizedCrops(op, x, [box], into, options),
    mask: (x) => resizedCrops(op, x, [box], into, forMasks(options)),
    boxes: (boxes) => scaleBoxes(cropBoxes(boxes, [box]), into),
  });
}

/** @internal A crop of each image, or one for all, in one size. */
export function resizedCrops(
  op: string,
  images: Tensor,
  boxes: readonly CropBox[],
  size: ImageSize,
  options: ResamplingOptions,
): Tensor {
  const [height, width] = sizeOf(images);
  const fits = ({ top, left, height: h, width: w }: CropBox): boolean =>
    top >= 0 && left >= 0 && h > 0 && w > 0 && top + h <= height && left + w <= width;
  if (images.numel > 0 && boxes.every(fits)) {
    const places = boxes.map((box): PixelBox => [box.top, box.left, box.height, box.width]);
    const { interpolation: mode, antialias } = modeOf(options);
    return resizeBoxes(images, places, size, { mode, antialias });
  }
  if (boxes.length === 1) return resizeImages(cropImages(op, images, boxes), size, options);
  const each = boxes.map((box, i) => resizeImages(cropImages(op, narrow(images, 0, i, 1), [box]), size, options));
  return cat(each, 0);
}

/** Crops of the four corners and of the middle: top left, top right, bottom left, bottom right, centre. */
function fiveBoxes(op: string, [height, width]: ImageSize, [h, w]: ImageSize): CropBox[] {
  if (h > height || w > width) {
    throw new ShapeError(
      op,
      `crops of ${h} x ${w} do not fit into ${shapeText([height, width])}`,
      [h, w],
      [height, width],
    );
  }
  const [bottom, right] = [height - h, width - w];
  const at = (top: number, left: number): CropBox => ({ top, left, height: h, width: w });
  return [at(0, 0), at(0, right), at(bottom, 0), at(bottom, right), centerBox([height, width], [h, w])];
}

const imageSize = (op: string, x: Tensor): ImageSize => {
  if (!(x?.ndim >= 3)) throw new ShapeError(op, `an image [..., C, H, W] is needed, got ${shapeText(x?.shape)}`);
  return [x.shape[x.ndim - 2], x.shape[x.ndim - 1]];
};

/**
 * The four corners and the middle of an image `[..., C, H, W]`.
 *
 * @throws ShapeError where the crops are larger than the image.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.five_crop.html
 */
export function fiveCrop(image: Tensor, size: number | readonly number[]): Tensor[] {
  const pair = pairOf('fiveCrop', 'size', size);
  const boxes = fiveBoxes('fiveCrop', imageSize('fiveCrop', image), pair);
  return boxes.map((box) => cropPart('fiveCrop', image, () => box));
}

/** Options of {@link tenCrop}. */
export interface TenCropOptions {
  /** Mirror top to bottom, not left to right. Default false. */
  readonly verticalFlip?: boolean;
}

/**
 * {@link fiveCrop} of an image `[..., C, H, W]`, and of the mirrored image.
 *
 * @throws ShapeError where the crops are larger than the image.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.ten_crop.html
 */
export function tenCrop(image: Tensor, size: number | readonly number[], options: TenCropOptions = {}): Tensor[] {
  const mirrored = options.verticalFlip ? verticalFlip(image) : horizontalFlip(image);
  return [...fiveCrop(image, size), ...fiveCrop(mirrored, size)];
}

/** What comes into borders: a value, the pixel at the edge, or the mirrored image without or with its edge. */
export type PaddingMode = 'constant' | 'edge' | 'reflect' | 'symmetric';

const PADDING_MODES: readonly string[] = ['constant', 'edge', 'reflect', 'symmetric'];

/** Widths of borders. */
export interface Borders {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** @internal Borders from one number, [left and right, top and bottom] or [left, top, right, bottom]. */
export function bordersOf(op: string, padding: number | readonly number[]): Borders {
  const list = typeof padding === 'number' ? [padding] : padding;
  const fits = Array.isArray(list) && [1, 2, 4].includes(list.length) && list.every((n) => Number.isSafeInteger(n));
  if (!fits) throw new ArgumentError(op, `padding must be 1, 2 or 4 whole numbers, got ${valueText(padding)}`, padding);
  const [left, top = left, right = left, bottom = top] = list;
  return { left, top, right, bottom };
}

/** @internal */
export function checkPaddingMode(op: string, mode: unknown): asserts mode is PaddingMode {
  if (PADDING_MODES.includes(mode as string)) return;
  throw new ArgumentError(op, `paddingMode must be one of ${PADDING_MODES.join(', ')}, got ${valueText(mode)}`, mode);
}

const paddedBox = ([h, w]: ImageSize, { left, top, right, bottom }: Borders): CropBox => ({
  top: -top,
  left: -left,
  height: h + top + bottom,
  width: w + left + right,
});

/** The pixels that a border shows along one axis. */
function sourcePixels(op: string, mode: PaddingMode, size: number, before: number, after: number): Tensor {
  const most = mode === 'reflect' ? size - 1 : mode === 'symmetric' ? size : Infinity;
  if (before > most || after > most) {
    throw new ShapeError(
      op,
      `borders of ${Math.max(before, after)} pixels are too wide for ${mode} of ${size} pixels`,
      [size],
    );
  }
  const place = (at: number): number => {
    if (mode === 'edge') return Math.min(Math.max(at, 0), size - 1);
    const edge = mode === 'symmetric' ? 1 : 0;
    if (at < 0) return -at - edge;
    return at >= size ? 2 * size - 2 + edge - at : at;
  };
  return tensor(Int32Array.from({ length: Math.max(0, size + before + after) }, (_, i) => place(i - before)));
}

/** @internal Images `[N, C, H, W]` with borders. */
export function padImages(op: string, images: Tensor, borders: Borders, mode: PaddingMode, fill: Fill | null): Tensor {
  const size = sizeOf(images);
  if (mode === 'constant') return cropImages(op, images, [paddedBox(size, borders)], fill);
  const rows = sourcePixels(op, mode, size[0], borders.top, borders.bottom);
  const columns = sourcePixels(op, mode, size[1], borders.left, borders.right);
  return indexSelect(indexSelect(images, 2, rows), 3, columns);
}

/** @internal Boxes `[N, K, 4]` in an image with borders. */
export function padBoxes(op: string, boxes: BoundingBoxes, borders: Borders, mode: PaddingMode): BoundingBoxes {
  if (mode !== 'constant') throw new ArgumentError(op, `boxes cannot be padded with ${mode}`, mode);
  return cropBoxes(boxes, [paddedBox(boxes.canvasSize, borders)]);
}

/** Options of {@link pad}. */
export interface PadOptions {
  /** One number, or one for each channel. Default 0. */
  readonly fill?: Fill | null;
  /** Default `'constant'`. */
  readonly paddingMode?: PaddingMode;
}

/**
 * An image `[..., C, H, W]`, mask or boxes with borders: one number, [left and right, top and bottom] or [left, top, right,
 * bottom]. Negative numbers cut.
 *
 * @throws ArgumentError for other borders and modes; ShapeError for mirrors that are wider than the image.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.pad.html
 */
export function pad<T extends Transformable>(
  input: T,
  padding: number | readonly number[],
  options: PadOptions = {},
): T {
  const op = 'pad';
  checkOptions(op, options);
  const { fill = 0, paddingMode = 'constant' } = options;
  const borders = bordersOf(op, padding);
  checkPaddingMode(op, paddingMode);
  return onPart(op, input, {
    image: (x) => padImages(op, x, borders, paddingMode, fill),
    mask: (x) => padImages(op, x, borders, paddingMode, Array.isArray(fill) ? 0 : fill),
    boxes: (boxes) => padBoxes(op, boxes, borders, paddingMode),
  });
}
