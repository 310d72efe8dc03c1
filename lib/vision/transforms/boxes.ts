// Boxes: their formats, and where maps of the image take them.
import { ArgumentError, valueText } from '../../errors.js';
import { indexSelect } from '../../ops/indexing/rows.js';
import { add, div, floorDivide, mul, sub } from '../../ops/pointwise/arithmetic.js';
import { clamp } from '../../ops/pointwise/select.js';
import { amax, amin } from '../../ops/reduce/reduce.js';
import { cat, stack, unbind } from '../../ops/shape/concat.js';
import { narrow, reshape, to } from '../../ops/shape/view.js';
import { tensor } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { noGrad } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { BoundingBoxes, type BoundingBoxFormat, checkFormat, type ImageSize } from './sample.js';

/** Sums of tensors and numbers keep an integer dtype only when the numbers are whole, so boxes are computed in floats. */
function inFloats(x: Tensor, fn: (x: Tensor) => Tensor): Tensor {
  return isFloating(x.dtype) ? fn(x) : to(fn(to(x, 'float32')), x.dtype);
}

const halves = (x: Tensor): Tensor => (isFloating(x.dtype) ? div(x, 2) : floorDivide(x, 2));

function fromCentres(x: Tensor, sized: boolean): Tensor {
  const corners = inFloats(x, (own) => {
    const [centre, size] = [narrow(own, -1, 0, 2), narrow(own, -1, 2, 2)];
    const first = sub(centre, div(size, 2));
    return cat([first, add(first, size)], -1);
  });
  return sized ? toSizes(corners) : corners;
}

function toSizes(x: Tensor): Tensor {
  const first = narrow(x, -1, 0, 2);
  return cat([first, sub(narrow(x, -1, 2, 2), first)], -1);
}

/** Boxes `[..., 4]` of one format in another; whole numbers stay whole. */
export function convertFormat(x: Tensor, from: BoundingBoxFormat, into: BoundingBoxFormat): Tensor {
  if (from === into) return x;
  const [first, second] = [narrow(x, -1, 0, 2), narrow(x, -1, 2, 2)];
  if (from === 'CXCYWH') return fromCentres(x, into === 'XYWH');
  if (from === 'XYWH') {
    return into === 'XYXY' ? cat([first, add(first, second)], -1) : cat([add(first, halves(second)), second], -1);
  }
  if (into === 'XYWH') return toSizes(x);
  const size = sub(second, first);
  return cat([halves(add(mul(first, 2), size)), size], -1);
}

/**
 * Boxes in another format.
 *
 * @throws ArgumentError for an unknown format.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.convert_bounding_box_format.html
 */
export function convertBoundingBoxFormat(boxes: BoundingBoxes, format: BoundingBoxFormat): BoundingBoxes {
  checkBoxes('convertBoundingBoxFormat', boxes);
  checkFormat('convertBoundingBoxFormat', format);
  const data = noGrad(() => convertFormat(boxes.data, boxes.format, format));
  return new BoundingBoxes(data, { format, canvasSize: boxes.canvasSize });
}

/** @internal */
export function checkBoxes(op: string, boxes: unknown): asserts boxes is BoundingBoxes {
  if (boxes instanceof BoundingBoxes) return;
  throw new ArgumentError(op, `BoundingBoxes are needed, got ${valueText(boxes)}`, boxes);
}

function clampCorners(x: Tensor, [height, width]: ImageSize): Tensor {
  const [x1, y1, x2, y2] = unbind(x, -1);
  return stack([clamp(x1, 0, width), clamp(y1, 0, height), clamp(x2, 0, width), clamp(y2, 0, height)], -1);
}

/** Changes boxes as corners in floating point, and cuts them at the edges of the canvas. */
export function changeCorners(
  boxes: BoundingBoxes,
  fn: (corners: Tensor) => Tensor,
  canvas: ImageSize = boxes.canvasSize,
): BoundingBoxes {
  const data = inFloats(boxes.data, (own) => {
    const changed = fn(convertFormat(own, boxes.format, 'XYXY'));
    return convertFormat(clampCorners(changed, canvas), 'XYXY', boxes.format);
  });
  return boxes.with(data, canvas);
}

/**
 * Boxes cut at the edges of the image.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.clamp_bounding_boxes.html
 */
export function clampBoundingBoxes(boxes: BoundingBoxes): BoundingBoxes {
  checkBoxes('clampBoundingBoxes', boxes);
  return scoped(() => changeCorners(boxes, (corners) => corners));
}

/** @internal Boxes made in a scope, which keeps their tensor. */
export function scoped(fn: () => BoundingBoxes): BoundingBoxes {
  return noGrad(fn);
}

/** Boxes `[N, K, 4]` moved by (x, y), `[N or 1, 2]`; the canvas gets another size. */
export function shiftBoxes(
  boxes: BoundingBoxes,
  by: readonly (readonly [number, number])[],
  canvas: ImageSize,
): BoundingBoxes {
  const shift = to(tensor(Float64Array.from(by.flatMap(([x, y]) => [x, y, x, y]))), floatOf(boxes.data));
  return changeCorners(boxes, (corners) => add(corners, reshape(shift, [by.length, 1, 4])), canvas);
}

/** Boxes `[..., 4]` on an image of another size, uncut. */
export function scaleBoxes(boxes: BoundingBoxes, [height, width]: ImageSize): BoundingBoxes {
  const [h, w] = boxes.canvasSize;
  if (h === height && w === width) return boxes;
  const ratios = to(tensor([width / w, height / h, width / w, height / h]), floatOf(boxes.data));
  return boxes.with(
    inFloats(boxes.data, (own) => mul(own, ratios)),
    [height, width],
  );
}

const floatOf = (x: Tensor) => (isFloating(x.dtype) ? x.dtype : 'float32');

const X_CORNERS = Int32Array.of(0, 2, 2, 0);
const Y_CORNERS = Int32Array.of(1, 1, 3, 3);

/** The smallest boxes around the corners of others, which `move` takes elsewhere; x and y are `[N, K, 4]`. */
export function aroundCorners(corners: Tensor, move: (x: Tensor, y: Tensor) => readonly [Tensor, Tensor]): Tensor {
  const x = indexSelect(corners, -1, tensor(X_CORNERS));
  const y = indexSelect(corners, -1, tensor(Y_CORNERS));
  const [mx, my] = move(x, y);
  return stack([amin(mx, -1), amin(my, -1), amax(mx, -1), amax(my, -1)], -1);
}

/** The entries of matrices, each `[N, 1, 1]`. */
function entriesOf(matrices: readonly (readonly number[])[], like: Tensor): Tensor[] {
  const n = matrices[0].length;
  const all = to(tensor(Float64Array.from(matrices.flat())), like.dtype);
  return unbind(reshape(all, [matrices.length, n]), 1).map((x) => reshape(x, [matrices.length, 1, 1]));
}

/** Corners `[N, K, 4]` taken through 2 x 3 matrices, one for each image or one for all. */
export function affineCorners(corners: Tensor, matrices: readonly (readonly number[])[]): Tensor {
  const [a, b, c, d, e, f] = entriesOf(matrices, corners);
  const row = (p: Tensor, q: Tensor, r: Tensor, x: Tensor, y: Tensor): Tensor => add(add(mul(x, p), mul(y, q)), r);
  return aroundCorners(corners, (x, y) => [row(a, b, c, x, y), row(d, e, f, x, y)]);
}

/** Corners `[N, K, 4]` taken through projective maps (eight coefficients), one for each image or one for all. */
export function projectiveCorners(corners: Tensor, coefficients: readonly (readonly number[])[]): Tensor {
  const [a, b, c, d, e, f, g, h] = entriesOf(coefficients, corners);
  const row = (p: Tensor, q: Tensor, r: Tensor | number, x: Tensor, y: Tensor): Tensor =>
    add(add(mul(x, p), mul(y, q)), r as Tensor);
  return aroundCorners(corners, (x, y) => {
    const below = row(g, h, 1, x, y);
    return [div(row(a, b, c, x, y), below), div(row(d, e, f, x, y), below)];
  });
}
