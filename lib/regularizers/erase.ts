// Rectangles of images that are wiped out: cutout and random erasing.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import '../ops/index.js';
import type { RandomOptions } from '../ops/random/draw.js';
import { randn } from '../ops/random/random.js';
import { checkOptions } from '../tensor/check.js';
import { tensor } from '../tensor/create.js';
import { generatorOf } from '../tensor/random.js';
import { noGrad } from '../tensor/scope.js';
import { arange } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import type { BatchTransform } from '../training/index.js';
import { checkBatch, checkCount, checkShare } from './check.js';
import { Draws } from './draws.js';

/** @internal A rectangle of an image; no rows or columns: none. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

const NO_BOX: Box = { top: 0, left: 0, height: 0, width: 0 };

/** @internal True inside the rectangle of each image: a mask that broadcasts to `[N, ..., H, W]`. One box serves all. */
export function boxMask(shape: readonly number[], boxes: readonly Box[]): Tensor {
  const [height, width] = shape.slice(-2);
  const ones = shape.slice(1, -2).map(() => 1);
  const edges = (pick: (box: Box) => number): Tensor =>
    tensor(Int32Array.from(boxes, pick), { shape: [boxes.length, ...ones, 1, 1] });
  const within = (place: Tensor, from: (box: Box) => number, size: (box: Box) => number): Tensor =>
    place.ge(edges(from)).logicalAnd(place.lt(edges((box) => from(box) + size(box))));
  const rows = arange(height, { dtype: 'int32' }).reshape([height, 1]);
  const columns = arange(width, { dtype: 'int32' });
  return within(
    rows,
    (box) => box.top,
    (box) => box.height,
  ).logicalAnd(
    within(
      columns,
      (box) => box.left,
      (box) => box.width,
    ),
  );
}

/** Options of {@link cutout}. */
export interface CutoutOptions extends RandomOptions {
  /** Squares per image. Default 1. */
  holes?: number;
  /** What they are filled with. Default 0: the mean of normalized images. */
  value?: number;
  /** Probability that an image gets them. Default 1. */
  p?: number;
}

function checkValue(op: string, value: unknown): void {
  if (typeof value === 'number') return;
  throw new ArgumentError(op, `value must be a number, got ${valueText(value)}`, value);
}

/**
 * Cutout: squares of `size` pixels a side are filled in each image; their centres lie anywhere in it, so that parts may
 * stick out. Input `[N, ..., H, W]`; the target stays.
 *
 * @throws ArgumentError for a `size` or `holes` below 1, or a `p` outside [0, 1].
 * Source: DeVries, Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, 2017.
 */
export function cutout(size: number, options: CutoutOptions = {}): BatchTransform {
  const op = 'cutout';
  checkOptions(op, options);
  const { holes = 1, value = 0, p = 1 } = options;
  checkCount(op, 'size', size);
  checkCount(op, 'holes', holes);
  checkShare(op, 'p', p);
  checkValue(op, value);
  generatorOf(op, options.generator);
  const place = (draws: Draws, height: number, width: number): Box => {
    const [top, left] = [draws.below(height) - Math.floor(size / 2), draws.below(width) - Math.floor(size / 2)];
    return { top, left, height: size, width: size };
  };
  return (input, target) => {
    checkBatch(op, input, 3, '[N, ..., H, W]');
    if (input.numel === 0) return [input, target];
    const [height, width] = input.shape.slice(-2);
    const draws = new Draws(op, options.generator);
    const hit = Array.from({ length: input.shape[0] }, () => draws.uniform() < p);
    const layers = Array.from({ length: holes }, () => hit.map((one) => (one ? place(draws, height, width) : NO_BOX)));
    return noGrad((): [Tensor, Tensor] => {
      const mask = layers.map((boxes) => boxMask(input.shape, boxes)).reduce((a, b) => a.logicalOr(b));
      return [input.maskedFill(mask, value), target];
    });
  };
}

/** Options of {@link randomErasing}, those of torchvision. */
export interface RandomErasingOptions extends RandomOptions {
  /** Probability that an image is changed. Default 0.5. */
  p?: number;
  /** Least and largest part of the area. Default [0.02, 0.33]. */
  scale?: readonly [number, number];
  /** Least and largest ratio of height to width. Default [0.3, 3.3]. */
  ratio?: readonly [number, number];
  /** What is put there: a number, one per channel, or standard normal noise. Default 0. */
  value?: number | readonly number[] | 'random';
}

function checkPair(op: string, name: string, pair: unknown, most: number): readonly [number, number] {
  const valid =
    Array.isArray(pair) && pair.length === 2 && pair.every((x) => typeof x === 'number' && x >= 0 && x <= most);
  if (valid && pair[0] <= pair[1]) return pair as [number, number];
  const range = most === Infinity ? '>= 0' : `of [0, ${most}]`;
  throw new ArgumentError(op, `${name} must be two numbers ${range} in order, got ${valueText(pair)}`, pair);
}

/**
 * Random erasing: with probability `p` a rectangle of an image is filled, of another place, area and shape for each image.
 * Input `[N, ..., C, H, W]` or `[N, H, W]`; the target stays. Ten rectangles are tried; an image in which none fits stays.
 *
 * @throws ArgumentError for options out of range; ShapeError (from the transform) for other than one value per channel.
 * Source: Zhong et al., Random Erasing Data Augmentation, 2017; torchvision.transforms.RandomErasing.
 */
export function randomErasing(options: RandomErasingOptions = {}): BatchTransform {
  const op = 'randomErasing';
  checkOptions(op, options);
  const { p = 0.5, value = 0 } = options;
  checkShare(op, 'p', p);
  const scale = checkPair(op, 'scale', options.scale ?? [0.02, 0.33], 1);
  const ratio = checkPair(op, 'ratio', options.ratio ?? [0.3, 3.3], Infinity);
  if (ratio[0] === 0) throw new ArgumentError(op, 'ratio must be more than 0', ratio);
  if (value !== 'random') for (const one of Array.isArray(value) ? value : [value]) checkValue(op, one);
  generatorOf(op, options.generator);
  return (input, target) => {
    checkBatch(op, input, 3, '[N, ..., H, W]');
    if (input.numel === 0) return [input, target];
    const [height, width] = input.shape.slice(-2);
    const draws = new Draws(op, options.generator);
    const boxes = Array.from({ length: input.shape[0] }, () =>
      draws.uniform() < p ? fittingBox(draws, height, width, scale, ratio) : NO_BOX,
    );
    return noGrad((): [Tensor, Tensor] => {
      const filling = fillingOf(op, input, value, options);
      const mask = boxMask(input.shape, boxes);
      return [typeof filling === 'number' ? input.maskedFill(mask, filling) : filling.where(mask, input), target];
    });
  };
}

function fittingBox(
  draws: Draws,
  height: number,
  width: number,
  scale: readonly [number, number],
  ratio: readonly [number, number],
): Box {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * draws.between(...scale);
    const aspect = Math.exp(draws.between(Math.log(ratio[0]), Math.log(ratio[1])));
    const [h, w] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))];
    if (h >= height || w >= width) continue;
    return { top: draws.below(height - h + 1), left: draws.below(width - w + 1), height: h, width: w };
  }
  return NO_BOX;
}

function fillingOf(
  op: string,
  input: Tensor,
  value: number | readonly number[] | 'random',
  options: RandomErasingOptions,
): number | Tensor {
  if (typeof value === 'number') return value;
  if (value === 'random') {
    return randn(input.shape, { generator: options.generator, dtype: input.dtype });
  }
  const channels = input.ndim === 3 ? 1 : input.shape[input.ndim - 3];
  if (value.length === 1) return value[0];
  if (value.length !== channels) {
    const text = `value has ${value.length} numbers, input ${shapeText(input.shape)} has ${channels} channels`;
    throw new ShapeError(op, text, input.shape);
  }
  return tensor(Float32Array.from(value)).to(input.dtype).reshape([channels, 1, 1]);
}
