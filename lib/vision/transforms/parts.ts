// What functions of one image, mask or boxes share: leading axes, and the checks of their arguments.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { reshape } from '../../ops/shape/view.js';
import { tensor } from '../../tensor/create.js';
import { type DType, isFloating } from '../../tensor/dtype.js';
import { numelOf, sameShape } from '../../tensor/layout.js';
import { noGrad } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { BoundingBoxes, Image, type ImageSize, Mask, type Transformable } from './sample.js';

/** How a function treats each kind of part: images and masks `[N, C, H, W]`, boxes `[1, K, 4]`. */
export interface PartFunctions {
  image(images: Tensor): Tensor;
  mask(masks: Tensor): Tensor;
  boxes(boxes: BoundingBoxes): BoundingBoxes;
}

function onPixels(op: string, x: Tensor, least: number, fn: (x: Tensor) => Tensor): Tensor {
  if (x.ndim < least) {
    throw new ShapeError(op, `an image [..., C, H, W] is needed, got ${shapeText(x.shape)}`, x.shape);
  }
  const [channels, height, width] = x.ndim === 2 ? [1, ...x.shape] : x.shape.slice(-3);
  const shape = [numelOf(x.shape.slice(0, -3)), channels, height, width];
  const flat = sameShape(shape, x.shape) ? x : reshape(x, shape);
  const out = fn(flat);
  return x.ndim === 4 ? out : reshape(out, [...x.shape.slice(0, -2), ...out.shape.slice(2)]);
}

/** Applies a function to an image `[..., C, H, W]`, a mask `[..., H, W]` or boxes `[..., 4]`. Records no gradients. */
export function onPart<T extends Transformable>(op: string, input: T, fns: PartFunctions): T;
export function onPart(op: string, input: Transformable, fns: PartFunctions): Transformable {
  if (input instanceof Tensor) return noGrad(() => onPixels(op, input, 3, fns.image));
  if (input instanceof Image) return new Image(noGrad(() => onPixels(op, input.data, 3, fns.image)));
  if (input instanceof Mask) return new Mask(noGrad(() => onPixels(op, input.data, 2, fns.mask)));
  if (!(input instanceof BoundingBoxes)) {
    throw new ArgumentError(op, `a Tensor, Image, Mask or BoundingBoxes is needed, got ${valueText(input)}`, input);
  }
  return noGrad(() => {
    const { shape } = input.data;
    const out = fns.boxes(input.with(reshape(input.data, [1, numelOf(shape.slice(0, -1)), 4])));
    return out.with(reshape(out.data, shape));
  });
}

/** A size given as one number, `[n]` or `[height, width]`. @throws ArgumentError for anything else. */
export function pairOf(op: string, name: string, size: unknown): ImageSize {
  const list = typeof size === 'number' ? [size] : size;
  if (
    Array.isArray(list) &&
    (list.length === 1 || list.length === 2) &&
    list.every((n) => Number.isSafeInteger(n) && n >= 1)
  ) {
    return [list[0], list[list.length - 1]];
  }
  throw new ArgumentError(op, `${name} must be a whole number >= 1 or two of them, got ${valueText(size)}`, size);
}

/** What comes into pixels outside of the image: one number, or one for each channel. */
export type Fill = number | readonly number[];

/** The fill as a tensor `[1]` or `[C]`, or null for none. @throws ArgumentError unless there is one number, or one per channel. */
export function fillTensor(op: string, fill: Fill | null | undefined, channels: number, dtype: DType): Tensor | null {
  if (fill === null || fill === undefined) return null;
  const list = typeof fill === 'number' ? [fill] : fill;
  if (!Array.isArray(list) || !list.every((n) => typeof n === 'number')) {
    throw new ArgumentError(op, `fill must be a number or an array of them, got ${valueText(fill)}`, fill);
  }
  if (list.length !== 1 && list.length !== channels) {
    throw new ArgumentError(op, `fill has ${list.length} numbers for ${channels} channels`, fill);
  }
  return tensor(list, { dtype: isFloating(dtype) || dtype === 'int64' ? 'float64' : 'float32' });
}

/** @throws ArgumentError unless `value` is a finite number. */
export function checkNumber(op: string, name: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && Number.isFinite(value)) return;
  throw new ArgumentError(op, `${name} must be a number, got ${valueText(value)}`, value);
}

/** @throws ArgumentError unless `value` is `count` numbers (`ordered`: the first at most the second). */
export function checkNumbers(
  op: string,
  name: string,
  value: unknown,
  count: number,
  ordered = false,
): asserts value is readonly number[] {
  if (Array.isArray(value) && value.length === count && value.every((n) => Number.isFinite(n))) {
    if (!ordered || value[0] <= value[1]) return;
  }
  const rule = ordered ? 'a lower and an upper number' : `${count} numbers`;
  throw new ArgumentError(op, `${name} must be ${rule}, got ${valueText(value)}`, value);
}

/** Python's rounding: halves to the even neighbour. */
export function roundEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}
