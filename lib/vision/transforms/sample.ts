// What transforms take: images with what belongs to them, in arrays and plain objects.
import { COLLATE } from '../../data/collate.js';
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { type TensorData, tensor } from '../../tensor/create.js';
import { HOLDS } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';

/** Height and width in pixels. */
export type ImageSize = readonly [height: number, width: number];

/** Corners, corner and size, or centre and size: always x before y. */
export type BoundingBoxFormat = 'XYXY' | 'XYWH' | 'CXCYWH';

const FORMATS: readonly string[] = ['XYXY', 'XYWH', 'CXCYWH'];

/** @internal Throws unless `format` is one of {@link BoundingBoxFormat}. */
export function checkFormat(op: string, format: unknown): asserts format is BoundingBoxFormat {
  if (typeof format === 'string' && FORMATS.includes(format)) return;
  throw new ArgumentError(op, `format must be one of ${FORMATS.join(', ')}, got ${valueText(format)}`, format);
}

/** @internal Throws unless `size` is a height and a width. */
export function checkSize(op: string, name: string, size: unknown): asserts size is ImageSize {
  const fits = Array.isArray(size) && size.length === 2 && size.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!fits) throw new ArgumentError(op, `${name} must be [height, width], got ${valueText(size)}`, size);
}

/** A tensor that is an image `[..., C, H, W]`. Needed only where a sample has several; else its first tensor is the image. */
export class Image {
  constructor(readonly data: Tensor) {
    checkRank('Image', data, 3, '[..., C, H, W]');
  }

  /** @internal */
  static [COLLATE](items: readonly Image[], together: (parts: readonly Tensor[]) => unknown): Image {
    return new Image(together(items.map(({ data }) => data)) as Tensor);
  }

  /** @internal */
  [HOLDS](): Tensor[] {
    return [this.data];
  }
}

/** Classes or instances of pixels, `[..., H, W]`. Geometric transforms move it with the image, taking the nearest pixel. */
export class Mask {
  constructor(readonly data: Tensor) {
    checkRank('Mask', data, 2, '[..., H, W]');
  }

  /** @internal */
  static [COLLATE](items: readonly Mask[], together: (parts: readonly Tensor[]) => unknown): Mask {
    return new Mask(together(items.map(({ data }) => data)) as Tensor);
  }

  /** @internal */
  [HOLDS](): Tensor[] {
    return [this.data];
  }
}

/** What the numbers of {@link BoundingBoxes} mean. */
export interface BoundingBoxesOptions {
  readonly format: BoundingBoxFormat;
  /** The size of the image that the boxes lie in. */
  readonly canvasSize: ImageSize;
}

/**
 * Boxes around objects, `[..., 4]`, in pixels; (0, 0) is the corner of the image. Boxes given as numbers must lie in the
 * image; those of a tensor are looked at by {@link validate}, because reading it would wait.
 *
 * @throws ArgumentError for an unknown format, or a box of numbers outside the image; ShapeError unless the last axis is 4.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.tv_tensors.BoundingBoxes.html
 */
export class BoundingBoxes {
  readonly data: Tensor;
  readonly format: BoundingBoxFormat;
  readonly canvasSize: ImageSize;

  constructor(data: Tensor | TensorData, options: BoundingBoxesOptions) {
    const op = 'BoundingBoxes';
    checkFormat(op, options?.format);
    checkSize(op, 'canvasSize', options.canvasSize);
    this.format = options.format;
    this.canvasSize = options.canvasSize;
    this.data = data instanceof Tensor ? data : tensor(data);
    const { shape, dtype } = this.data;
    if (shape.length === 0 || shape[shape.length - 1] !== 4) {
      throw new ShapeError(op, `boxes [..., 4] are needed, got ${shapeText(shape)}`, shape);
    }
    if (dtype === 'bool') throw new DTypeError(op, 'boxes are numbers, got bool', dtype);
    if (!(data instanceof Tensor)) this.check(this.data.dataSync());
  }

  /** Images differ in how many objects they show, so boxes stay lists. @internal */
  static [COLLATE](items: readonly BoundingBoxes[]): BoundingBoxes[] {
    return [...items];
  }

  /** @throws ArgumentError that names the first box outside the image, with negative sizes, or not finite. */
  async validate(): Promise<void> {
    this.check(await this.data.data());
  }

  /** The same boxes or others, with what else there is to say about them. @internal */
  with(data: Tensor, canvasSize: ImageSize = this.canvasSize): BoundingBoxes {
    return new BoundingBoxes(data, { format: this.format, canvasSize });
  }

  /** @internal */
  [HOLDS](): Tensor[] {
    return [this.data];
  }

  private check(values: ArrayLike<number | bigint>): void {
    const [height, width] = this.canvasSize;
    for (let at = 0; at < values.length; at += 4) {
      const box = [0, 1, 2, 3].map((i) => Number(values[at + i]));
      const [x1, y1, x2, y2] = corners(box, this.format);
      if (x1 >= 0 && y1 >= 0 && x2 <= width && y2 <= height && x1 <= x2 && y1 <= y2) continue;
      const text = `box ${at / 4} (${this.format} ${shapeText(box)}) does not lie in the image of ${height} x ${width}`;
      throw new ArgumentError('BoundingBoxes', text, box);
    }
  }
}

function corners([a, b, c, d]: readonly number[], format: BoundingBoxFormat): readonly number[] {
  if (format === 'XYXY') return [a, b, c, d];
  if (format === 'XYWH') return [a, b, a + c, b + d];
  return [a - c / 2, b - d / 2, a + c / 2, b + d / 2];
}

function checkRank(op: string, x: unknown, least: number, text: string): void {
  if (!(x instanceof Tensor)) throw new ArgumentError(op, `a Tensor is needed, got ${valueText(x)}`, x);
  if (x.ndim < least) throw new ShapeError(op, `${text} is needed, got ${shapeText(x.shape)}`, x.shape);
}

/** What transforms change; everything else in a sample passes through. */
export type Transformable = Tensor | Image | Mask | BoundingBoxes;

/** The tensor of a part of a sample. */
export const dataOf = (part: Transformable): Tensor => (part instanceof Tensor ? part : part.data);

const isPlain = (value: object): boolean => {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** Every leaf of arrays and plain objects, in order. */
function* leaves(sample: unknown): Iterable<unknown> {
  if (Array.isArray(sample)) for (const item of sample) yield* leaves(item);
  else if (typeof sample === 'object' && sample !== null && isPlain(sample)) {
    for (const item of Object.values(sample)) yield* leaves(item);
  } else yield sample;
}

/** The images, masks and boxes of a sample; of plain tensors the first, unless an {@link Image} is there. */
export function partsOf(sample: unknown): Transformable[] {
  const parts: Transformable[] = [];
  const all = [...leaves(sample)];
  let plain = !all.some((leaf) => leaf instanceof Image);
  for (const leaf of all) {
    if (leaf instanceof Image || leaf instanceof Mask || leaf instanceof BoundingBoxes) parts.push(leaf);
    else if (plain && leaf instanceof Tensor) {
      parts.push(leaf);
      plain = false;
    }
  }
  return parts;
}

/** The sample with other values in the place of some of its leaves. */
export function replaceParts(sample: unknown, by: ReadonlyMap<unknown, unknown>): unknown {
  if (by.has(sample)) return by.get(sample);
  if (Array.isArray(sample)) return sample.map((item) => replaceParts(item, by));
  if (typeof sample !== 'object' || sample === null || !isPlain(sample)) return sample;
  return Object.fromEntries(Object.entries(sample).map(([key, item]) => [key, replaceParts(item, by)]));
}

/** Every tensor of a sample. */
export function tensorsOf(sample: unknown): Tensor[] {
  const tensors: Tensor[] = [];
  for (const leaf of leaves(sample)) {
    if (leaf instanceof Tensor) tensors.push(leaf);
    else if (leaf instanceof Image || leaf instanceof Mask || leaf instanceof BoundingBoxes) tensors.push(leaf.data);
  }
  return tensors;
}
