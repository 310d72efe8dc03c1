// Rotations, affine and projective maps; for each image of a batch, or for all.
import { ArgumentError, valueText } from '../../errors.js';
import { type WarpMap, warp } from '../../ops/layers/warp.js';
import { reshape } from '../../ops/shape/view.js';
import { checkOptions } from '../../tensor/check.js';
import { tensor } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { affineCorners, changeCorners, projectiveCorners } from './boxes.js';
import {
  type AffineParams,
  affineMatrix,
  type Corners,
  expandedSize,
  inversePerspective,
  type Point,
  perspectiveCoefficients,
} from './matrix.js';
import { checkNumber, checkNumbers, type Fill, fillTensor, onPart } from './parts.js';
import type { BoundingBoxes, ImageSize, Transformable } from './sample.js';

/** How maps read pixels: the nearest one, or a blend of the four around a point. */
export type WarpInterpolation = 'nearest' | 'bilinear';

/** Options of functions that move pixels by a map. */
export interface WarpImageOptions {
  /** Masks take the nearest pixel in any case. */
  readonly interpolation?: WarpInterpolation;
  /** What lies outside, one number or one for each channel. Default null: zeros, into which edges blend. */
  readonly fill?: Fill | null;
}

/** @internal */
export const WARP_MODES: readonly WarpInterpolation[] = ['nearest', 'bilinear'];

/** @internal */
export function checkInterpolation<I extends string>(
  op: string,
  value: unknown,
  modes: readonly I[],
): asserts value is I {
  if (modes.includes(value as I)) return;
  const known = modes.map(valueText).join(' or ');
  throw new ArgumentError(op, `interpolation must be ${known}, got ${valueText(value)}`, value);
}

const sizeOf = (x: Tensor): ImageSize => [x.shape[2], x.shape[3]];

/** Numbers for each image as a matrix `[N, 9]`. */
function mapsOf(rows: readonly (readonly number[])[]): Tensor {
  const values = new Float64Array(9 * rows.length);
  rows.forEach((row, i) => {
    values.set(row, 9 * i);
  });
  return reshape(tensor(values), [rows.length, 9]);
}

/** @internal Images through maps of a kind; one map for each image, or one for all. */
export function mapped(
  op: string,
  images: Tensor,
  rows: readonly (readonly number[])[],
  map: WarpMap,
  options: WarpImageOptions,
  size: ImageSize = sizeOf(images),
): Tensor {
  const { interpolation = 'nearest', fill = null } = options;
  checkInterpolation(op, interpolation, WARP_MODES);
  const outside = fillTensor(op, fill, images.shape[1], images.dtype);
  if (images.numel === 0) return emptied(images, size);
  return warp(images, mapsOf(rows), size, map, { linear: interpolation === 'bilinear', fill: outside });
}

const emptied = (x: Tensor, size: ImageSize): Tensor => reshape(x, [x.shape[0], x.shape[1], ...size]);

/** The centre of a map, as images count it: from the middle of the image. */
const fromMiddle = (center: Point | null, [height, width]: ImageSize): Point =>
  center === null ? [0, 0] : [center[0] - width * 0.5, center[1] - height * 0.5];

const absolute = (center: Point | null, [height, width]: ImageSize): Point => center ?? [width * 0.5, height * 0.5];

/** @internal Images through affine maps. */
export function affineImages(
  op: string,
  images: Tensor,
  params: readonly AffineParams[],
  center: Point | null,
  options: WarpImageOptions,
  expanded = false,
): Tensor {
  const size = sizeOf(images);
  const matrices = params.map((p) => affineMatrix(fromMiddle(center, size), p, true));
  return mapped(op, images, matrices, 'affine', options, expanded ? expandedSize(matrices[0], size) : size);
}

/** @internal Boxes `[N, K, 4]` through affine maps. */
export function affineBoxes(
  boxes: BoundingBoxes,
  params: readonly AffineParams[],
  center: Point | null,
  expanded = false,
): BoundingBoxes {
  const { canvasSize } = boxes;
  const middle = absolute(center, canvasSize);
  const matrices = params.map((p) => affineMatrix(middle, p, false));
  if (!expanded) return changeCorners(boxes, (corners) => affineCorners(corners, matrices));
  const [m] = matrices;
  const [h, w] = canvasSize;
  const ends = [0, 1].map((row) => {
    const at = (x: number, y: number): number => m[3 * row] * x + m[3 * row + 1] * y + m[3 * row + 2];
    return Math.min(at(0, 0), at(0, h), at(w, h), at(w, 0));
  });
  m[2] -= ends[0];
  m[5] -= ends[1];
  const canvas = expandedSize(affineMatrix(middle, params[0], true), canvasSize);
  return changeCorners(boxes, (corners) => affineCorners(corners, matrices), canvas);
}

/** Options of {@link affine}. */
export interface AffineOptions extends WarpImageOptions {
  /** x and y, from the upper left corner. Default: the middle of the image. */
  readonly center?: Point | null;
}

/** Options of {@link rotate}. */
export interface RotateOptions extends AffineOptions {
  /** Make the image so large that it shows all of the turned one. Only right for turns around the middle. Default false. */
  readonly expand?: boolean;
}

const ROTATION: AffineParams = { angle: 0, translate: [0, 0], scale: 1, shear: [0, 0] };

/** @internal Turned counterclockwise by `angle` degrees, as images count it. */
export const rotation = (angle: number): AffineParams => ({ ...ROTATION, angle: -angle });

/**
 * An image `[..., C, H, W]`, mask or boxes turned counterclockwise by `angle` degrees. `interpolation` is nearest unless given.
 *
 * @throws ArgumentError for an angle that is no number.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.rotate.html
 */
export function rotate<T extends Transformable>(input: T, angle: number, options: RotateOptions = {}): T {
  const op = 'rotate';
  checkNumber(op, 'angle', angle);
  checkOptions(op, options);
  const { expand: expanded = false, center = null } = options;
  if (center !== null) checkNumbers(op, 'center', center, 2);
  const image = (x: Tensor, own: WarpImageOptions): Tensor => rotateImages(x, angle, center, own, expanded);
  return onPart(op, input, {
    image: (x) => image(x, options),
    mask: (x) => image(x, { ...options, interpolation: 'nearest' }),
    boxes: (boxes) => affineBoxes(boxes, [rotation(angle)], center, expanded),
  });
}

/** Quarter turns move pixels and blend nothing. */
function rotateImages(
  x: Tensor,
  degrees: number,
  center: Point | null,
  options: WarpImageOptions,
  expanded: boolean,
): Tensor {
  const angle = ((degrees % 360) + 360) % 360;
  const half = angle === 0 || angle === 180;
  if (center === null && half) {
    const flip = angle === 180 ? 1 : 0;
    return mapped('rotate', x, [[0, 0, flip, flip]], 'place', {});
  }
  return affineImages('rotate', x, [rotation(angle)], center, options, expanded);
}

/**
 * An image `[..., C, H, W]`, mask or boxes turned clockwise by `angle` degrees, scaled and sheared around the centre, and
 * moved by `translate` pixels. `shear`: degrees along x, or along x and y. `interpolation` is nearest unless given.
 *
 * @throws ArgumentError for a scale <= 0, and where numbers are missing.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.affine.html
 */
export function affine<T extends Transformable>(
  input: T,
  angle: number,
  translate: Point,
  scale: number,
  shear: number | readonly number[],
  options: AffineOptions = {},
): T {
  const op = 'affine';
  checkNumber(op, 'angle', angle);
  checkNumbers(op, 'translate', translate, 2);
  checkNumber(op, 'scale', scale);
  if (scale <= 0) throw new ArgumentError(op, `scale must be above 0, got ${scale}`, scale);
  const shears = typeof shear === 'number' ? [shear, 0] : shear?.length === 1 ? [shear[0], shear[0]] : shear;
  checkNumbers(op, 'shear', shears, 2);
  checkOptions(op, options);
  const { center = null } = options;
  if (center !== null) checkNumbers(op, 'center', center, 2);
  const params = [{ angle, translate, scale, shear: [shears[0], shears[1]] as const }];
  return onPart(op, input, {
    image: (x) => affineImages(op, x, params, center, options),
    mask: (x) => affineImages(op, x, params, center, { ...options, interpolation: 'nearest' }),
    boxes: (boxes) => affineBoxes(boxes, params, center),
  });
}

/** @internal Images through projective maps of eight coefficients each. */
export const perspectiveImages = (
  op: string,
  images: Tensor,
  coefficients: readonly (readonly number[])[],
  options: WarpImageOptions,
): Tensor =>
  mapped(
    op,
    images,
    coefficients.map((c) => [...c, 1]),
    'projective',
    options,
  );

/** @internal Boxes `[N, K, 4]` through projective maps. */
export function perspectiveBoxes(boxes: BoundingBoxes, coefficients: readonly (readonly number[])[]): BoundingBoxes {
  const inverses = coefficients.map((c) => inversePerspective(c));
  return changeCorners(boxes, (corners) => projectiveCorners(corners, inverses));
}

/** Options of {@link perspective}. */
export interface PerspectiveOptions extends WarpImageOptions {
  /** The eight numbers of the map, in the place of the points. */
  readonly coefficients?: readonly number[] | null;
}

/**
 * An image `[..., C, H, W]`, mask or boxes in perspective: what was at the four `startpoints` comes to the `endpoints`
 * (top left, top right, bottom right, bottom left). `interpolation` is bilinear unless given.
 *
 * @throws ArgumentError unless there are either points, no three of them on a line, or eight coefficients.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.perspective.html
 */
export function perspective<T extends Transformable>(
  input: T,
  startpoints: Corners | null,
  endpoints: Corners | null,
  options: PerspectiveOptions = {},
): T {
  const op = 'perspective';
  checkOptions(op, options);
  const { coefficients = null, ...given } = options;
  if (coefficients !== null) checkNumbers(op, 'coefficients', coefficients, 8);
  if ((coefficients === null) === (startpoints === null)) {
    throw new ArgumentError(op, 'either startpoints and endpoints or coefficients are needed', startpoints);
  }
  const map = coefficients ?? perspectiveCoefficients(startpoints as Corners, endpoints as Corners);
  const own: WarpImageOptions = { interpolation: 'bilinear', ...given };
  return onPart(op, input, {
    image: (x) => perspectiveImages(op, x, [map], own),
    mask: (x) => perspectiveImages(op, x, [map], { ...own, interpolation: 'nearest' }),
    boxes: (boxes) => perspectiveBoxes(boxes, [map]),
  });
}
