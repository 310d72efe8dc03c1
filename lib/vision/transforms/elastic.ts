// Images, masks and boxes through fields of displacements.
import { ShapeError, shapeText } from '../../errors.js';
import { gather } from '../../ops/indexing/indexing.js';
import { gridSample } from '../../ops/layers/grid-sample.js';
import { warp } from '../../ops/layers/warp.js';
import { add, mul, sub } from '../../ops/pointwise/arithmetic.js';
import { clamp } from '../../ops/pointwise/select.js';
import { ceil, round } from '../../ops/pointwise/unary.js';
import { cat, stack } from '../../ops/shape/concat.js';
import { expand, narrow, reshape, select, to } from '../../ops/shape/view.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { ones } from '../../tensor/create.js';
import { type DType, isFloating } from '../../tensor/dtype.js';
import { linspace } from '../../tensor/sequence.js';
import type { Tensor } from '../../tensor/tensor.js';
import { aroundCorners, changeCorners } from './boxes.js';
import { type Fill, fillTensor, onPart } from './parts.js';
import type { BoundingBoxes, ImageSize, Transformable } from './sample.js';
import { checkInterpolation, type WarpInterpolation } from './turn.js';

/** How fields read pixels: the nearest one, a blend of four, or cubic curves through sixteen. */
export type ElasticInterpolation = WarpInterpolation | 'bicubic';

/** Options of {@link elastic}. */
export interface ElasticOptions {
  /** Masks take the nearest pixel in any case. Default `'bilinear'`. */
  readonly interpolation?: ElasticInterpolation;
  /** What lies outside, one number or one for each channel. Default null: zeros, into which edges blend. */
  readonly fill?: Fill | null;
}

/** @internal */
export const ELASTIC_MODES: readonly ElasticInterpolation[] = ['nearest', 'bilinear', 'bicubic'];

const sizeOf = (x: Tensor): ImageSize => [x.shape[2], x.shape[3]];

/** @internal Images through fields `[N or 1, H, W, 2]`. */
export function elasticImages(op: string, images: Tensor, field: Tensor, options: ElasticOptions): Tensor {
  const { interpolation = 'bilinear', fill = null } = options;
  checkInterpolation(op, interpolation, ELASTIC_MODES);
  const outside = fillTensor(op, fill, images.shape[1], images.dtype);
  if (images.numel === 0) return images;
  if (interpolation === 'bicubic') return cubicImages(images, field, outside);
  return warp(images, field, sizeOf(images), 'field', { linear: interpolation === 'bilinear', fill: outside });
}

/** Cubic curves shoot over the values that they go through: bytes are cut off at 0 and 255. */
function cubicImages(images: Tensor, field: Tensor, fill: Tensor | null): Tensor {
  const { dtype } = images;
  const computed = dtype === 'float64' ? 'float64' : 'float32';
  const [n, channels, height, width] = images.shape;
  const grid = add(identityGrid([height, width], computed), to(field, computed));
  let source = to(images, computed);
  // Whatever lies outside counts as a pixel less, as far as the curve reaches it.
  if (fill !== null) source = cat([source, ones([n, 1, height, width], { dtype: computed })], 1);
  let out = gridSample(source, expand(grid, [n, height, width, 2]), { mode: 'bicubic' });
  if (fill !== null) {
    const color = reshape(to(fill, computed), [1, fill.numel, 1, 1]);
    const inside = narrow(out, 1, channels, 1);
    out = add(mul(sub(narrow(out, 1, 0, channels), color), inside), color);
  }
  if (isFloating(dtype)) return to(out, dtype);
  return to(dtype === 'uint8' ? clamp(round(out), 0, 255) : round(out), dtype);
}

/** `[1, H, W, 2]`: where each pixel is, from -1 to 1 between the outer edges. */
function identityGrid([height, width]: ImageSize, dtype: DType): Tensor {
  const line = (n: number): Tensor => linspace((1 - n) / n, (n - 1) / n, n, { dtype });
  const x = expand(reshape(line(width), [1, 1, width]), [1, height, width]);
  const y = expand(reshape(line(height), [1, height, 1]), [1, height, width]);
  return stack([x, y], 3);
}

/** @internal Boxes `[N, K, 4]` through fields: corners go against the displacement of the pixel that they are in. */
export function elasticBoxes(boxes: BoundingBoxes, field: Tensor): BoundingBoxes {
  const [height, width] = boxes.canvasSize;
  return changeCorners(boxes, (corners) => {
    const [n, k] = corners.shape;
    const own = reshape(to(field, corners.dtype), [field.shape[0], height * width, 2]);
    return aroundCorners(corners, (x, y) => {
      const [ix, iy] = [clamp(ceil(x), 0, width - 1), clamp(ceil(y), 0, height - 1)];
      const at = reshape(to(add(mul(iy, width), ix), 'int64'), [n, 4 * k]);
      const shift = (axis: number, size: number): Tensor =>
        mul(reshape(gather(expand(select(own, 2, axis), [n, height * width]), 1, at), [n, k, 4]), size * 0.5);
      return [sub(ix, shift(0, width)), sub(iy, shift(1, height))];
    });
  });
}

/**
 * An image `[..., C, H, W]`, mask or boxes through a field of displacements `[1, H, W, 2]`: how far away each pixel of the
 * result looks, along x and y, in halves of the sides. `interpolation` is bilinear unless given; bicubic reads sixteen pixels.
 *
 * @throws ShapeError for a field of another shape.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.elastic.html
 */
export function elastic<T extends Transformable>(input: T, displacement: Tensor, options: ElasticOptions = {}): T {
  const op = 'elastic';
  checkTensor(op, displacement, 'displacement');
  checkOptions(op, options);
  const check = ([height, width]: ImageSize): void => {
    const { shape } = displacement;
    const fits = shape.length === 4 && shape[0] === 1 && shape[1] === height && shape[2] === width && shape[3] === 2;
    if (fits && isFloating(displacement.dtype)) return;
    const text = `a floating-point displacement [1, ${height}, ${width}, 2] is needed, got ${shapeText(shape)}`;
    throw new ShapeError(op, text, shape);
  };
  const pixels = (x: Tensor, own: ElasticOptions): Tensor => {
    check(sizeOf(x));
    return elasticImages(op, x, displacement, own);
  };
  return onPart(op, input, {
    image: (x) => pixels(x, options),
    mask: (x) => pixels(x, { ...options, interpolation: 'nearest' }),
    boxes: (boxes) => {
      check(boxes.canvasSize);
      return elasticBoxes(boxes, displacement);
    },
  });
}
