// What the functions of colours share: checks of images, and parameters for each image.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { type ColorStep, colorChain, takesImages } from '../../ops/layers/color.js';
import { contiguous, reshape } from '../../ops/shape/view.js';
import { checkTensor } from '../../tensor/check.js';
import { numelOf } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { Image } from './sample.js';

/** A number for all images, or one for each image of a batch `[..., C, H, W]`, in order. */
export type PerImage = number | readonly number[];

/** Runs `fn` on the tensor of an image. */
export function onImage<T extends Tensor | Image>(op: string, input: T, fn: (x: Tensor) => Tensor): T;
export function onImage(op: string, input: Tensor | Image, fn: (x: Tensor) => Tensor): Tensor | Image {
  if (input instanceof Image) return new Image(onImage(op, input.data, fn));
  checkTensor(op, input);
  if (input.ndim < 3) {
    throw new ShapeError(op, `an image [..., C, H, W] is needed, got ${shapeText(input.shape)}`, input.shape);
  }
  return fn(input);
}

/** Throws unless the kernels take the dtype. */
export function checkImageDType(op: string, x: Tensor): void {
  if (takesImages(x.dtype)) return;
  throw new DTypeError(op, `an image of dtype uint8 or a floating-point one is needed, got ${x.dtype}`, x.dtype);
}

/** Throws unless the image is gray or has red, green and blue. */
export function checkColors(op: string, x: Tensor): void {
  const channels = x.shape[x.ndim - 3];
  if (channels === 1 || channels === 3) return;
  throw new ShapeError(op, `1 or 3 channels are needed, got ${channels} (${shapeText(x.shape)})`, x.shape);
}

/** Images of a tensor `[..., C, H, W]`. */
export const countImages = (x: Tensor): number => numelOf(x.shape.slice(0, -3));

/** Runs `fn` on the images as one contiguous batch `[N, C, H, W]`. */
export function onBatch(x: Tensor, fn: (batch: Tensor) => Tensor): Tensor {
  const inner = x.shape.slice(-3);
  const batch = contiguous(x.ndim === 4 ? x : reshape(x, [countImages(x), ...inner]));
  const result = fn(batch);
  return x.ndim === 4 ? result : reshape(result, [...x.shape.slice(0, -3), ...result.shape.slice(1)]);
}

/** The greatest value of an image: 255 of bytes, 1 of floats. */
export const boundOf = (x: Tensor): number => (x.dtype === 'uint8' ? 255 : 1);

/** Parameters as an array: one number, or one for each image. */
export function perImage(
  op: string,
  name: string,
  value: PerImage,
  count: number,
  holds: (v: number) => boolean,
  rule: string,
): readonly number[] {
  const values = typeof value === 'number' ? [value] : value;
  if (!Array.isArray(values)) {
    throw new ArgumentError(op, `${name} must be a number or an array of numbers, got ${valueText(value)}`, value);
  }
  if (typeof value !== 'number' && values.length !== count) {
    const text = `${name} has ${values.length} numbers for ${count} ${count === 1 ? 'image' : 'images'}`;
    throw new ArgumentError(op, text, value);
  }
  for (const v of values) {
    if (typeof v === 'number' && holds(v)) continue;
    throw new ArgumentError(op, `${name} must ${rule}, got ${valueText(v)}`, v);
  }
  return values.length > 0 ? values : [0];
}

/** The chain of colour steps on a batch. */
export const runColors = (x: Tensor, lists: readonly (readonly ColorStep[])[]): Tensor =>
  onBatch(x, (batch) => colorChain(batch, lists));
