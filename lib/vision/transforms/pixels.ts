// Values of pixels: normalization, dtypes, blur, noise and erasing. torchvision.transforms.v2.functional.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { gaussianBlur as blurImages, eraseImage, normalizeImage } from '../../ops/layers/color.js';
import { add, div, mul, sub } from '../../ops/pointwise/arithmetic.js';
import { bitwiseLeftShift, bitwiseRightShift } from '../../ops/pointwise/binary.js';
import { add_, clamp_, copy_, div_, mul_, sub_ } from '../../ops/pointwise/inplace.js';
import { trunc } from '../../ops/pointwise/unary.js';
import type { RandomOptions } from '../../ops/random/draw.js';
import { randn } from '../../ops/random/random.js';
import { contiguous, expand, narrow, reshape, to } from '../../ops/shape/view.js';
import { checkOptions } from '../../tensor/check.js';
import { tensor } from '../../tensor/create.js';
import { checkDType, computeDType, type DType, isFloating } from '../../tensor/dtype.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { numelOf } from '../../tensor/layout.js';
import { generatorOf } from '../../tensor/random.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkImageDType, countImages, onBatch, onImage, type PerImage, perImage } from './image.js';
import type { Image } from './sample.js';

/** Bits of the values of an integer dtype: its sign takes none. */
const VALUE_BITS: Readonly<Partial<Record<DType, number>>> = { uint8: 8, int8: 7, int32: 31, int64: 63 };
const greatest = (dtype: DType): number => 2 ** (VALUE_BITS[dtype] ?? 1) - 1;

/** Options of {@link toDtype}. */
export interface ToDtypeOptions {
  /** Scale values from the range of one dtype to that of the other: [0, 1] of floats, [0, greatest] of integers. Default false. */
  readonly scale?: boolean;
}

/** To [0, 1], in one pass. */
function unitBytes(x: Tensor): Tensor {
  const flat = contiguous(reshape(x, [1, 1, 1, x.numel]));
  return reshape(normalizeImage(flat, [], [], 1 / 255), x.shape);
}

function scaled(op: string, x: Tensor, dtype: DType): Tensor {
  if (isFloating(x.dtype)) {
    if (isFloating(dtype)) return to(x, dtype);
    const safe =
      !(x.dtype === 'float32' && (dtype === 'int32' || dtype === 'int64')) &&
      !(x.dtype === 'float64' && dtype === 'int64');
    if (!safe) {
      throw new DTypeError(op, `${x.dtype} cannot be scaled to ${dtype}: it holds less digits`, x.dtype, dtype);
    }
    return to(mul(x, greatest(dtype) + 1 - 1e-3), dtype);
  }
  if (isFloating(dtype))
    return x.dtype === 'uint8' && dtype === 'float32' ? unitBytes(x) : mul(to(x, dtype), 1 / greatest(x.dtype));
  const [from, into] = [VALUE_BITS[x.dtype], VALUE_BITS[dtype]];
  if (from === undefined || into === undefined) {
    throw new DTypeError(op, `${x.dtype} cannot be scaled to ${dtype}`, x.dtype, dtype);
  }
  return from > into ? to(bitwiseRightShift(x, from - into), dtype) : bitwiseLeftShift(to(x, dtype), into - from);
}

/**
 * An image `[..., C, H, W]` in another dtype. With `scale`, integers divided by their greatest value become floats, and
 * floats times `greatest + 0.999`, rounded down, become integers.
 *
 * @throws DTypeError where `scale` would need more digits than the input has (float32 to int32, float64 to int64).
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.to_dtype.html
 */
export function toDtype<T extends Tensor | Image>(input: T, dtype: DType = 'float32', options: ToDtypeOptions = {}): T {
  const op = 'toDtype';
  checkOptions(op, options);
  checkDType(op, dtype);
  return onImage(op, input, (x) => {
    if (x.dtype === dtype) return x;
    return options.scale ? scaled(op, x, dtype) : to(x, dtype);
  });
}

/** Options of {@link normalize}. */
export interface NormalizeOptions {
  /** Change the image in its memory; floats only. Default false. */
  readonly inplace?: boolean;
}

/** One number for all channels, or one for each. */
function byChannel(op: string, name: string, values: readonly number[] | number, channels: number): readonly number[] {
  const all = typeof values === 'number' ? [values] : values;
  const fits = Array.isArray(all) && (all.length === 1 || all.length === channels);
  if (!fits || !all.every((v) => typeof v === 'number')) {
    const text = `${name} must be a number or ${channels} (one for each channel), got ${valueText(values)}`;
    throw new ArgumentError(op, text, values);
  }
  return all.length === channels ? all : new Array<number>(channels).fill(all[0]);
}

const column = (values: readonly number[], dtype: DType): Tensor =>
  to(tensor(Float64Array.from(values), { shape: [values.length, 1, 1] }), dtype);

/**
 * `(x - mean) / std` for each channel of images `[..., C, H, W]`. Bytes are divided by 255 first, in the same pass, and
 * become float32; torchvision refuses them.
 *
 * @throws ArgumentError for a `std` of 0, or other than one number for all or each channel; DTypeError for other integers.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.normalize.html
 */
export function normalize<T extends Tensor | Image>(
  input: T,
  mean: readonly number[] | number,
  std: readonly number[] | number,
  options: NormalizeOptions = {},
): T {
  const op = 'normalize';
  checkOptions(op, options);
  return onImage(op, input, (x) => {
    checkImageDType(op, x);
    const channels = x.shape[x.ndim - 3];
    const [means, stds] = [byChannel(op, 'mean', mean, channels), byChannel(op, 'std', std, channels)];
    if (stds.includes(0)) throw new ArgumentError(op, 'std holds a 0', std);
    if (options.inplace) {
      if (!isFloating(x.dtype)) throw new DTypeError(op, `${x.dtype} cannot be normalized in place`, x.dtype);
      return div_(sub_(x, column(means, x.dtype)), column(stds, x.dtype));
    }
    if (x.requiresGrad && isGradEnabled()) return div(sub(x, column(means, x.dtype)), column(stds, x.dtype));
    return onBatch(x, (batch) => normalizeImage(batch, means, stds, x.dtype === 'uint8' ? 1 / 255 : 1));
  });
}

/** Options of {@link gaussianBlur}. */
export interface GaussianBlurOptions {
  /** Standard deviation in pixels, or `[along x, along y]`. Default `kernelSize * 0.15 + 0.35`. An array of pairs has one for each image. */
  readonly sigma?: number | readonly number[] | readonly (readonly [number, number])[];
}

/** The weights of a Gauss curve, as torchvision's. */
function gaussWeights(size: number, sigma: number): number[] {
  const limit = (size - 1) / (2 * Math.SQRT2);
  const weights = Array.from({ length: size }, (_, i) => {
    const x = size === 1 ? 0 : -limit + (2 * limit * i) / (size - 1);
    return Math.exp(-((x / sigma) ** 2));
  });
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / sum);
}

function kernelSizeOf(op: string, size: number | readonly number[]): readonly number[] {
  const pair = typeof size === 'number' ? [size, size] : size;
  const holds = (k: unknown): boolean => Number.isInteger(k) && (k as number) > 0 && (k as number) % 2 === 1;
  if (Array.isArray(pair) && pair.length === 2 && pair.every(holds)) return pair;
  throw new ArgumentError(op, `kernelSize must be an odd number > 0, or two, got ${valueText(size)}`, size);
}

function sigmasOf(
  op: string,
  sigma: GaussianBlurOptions['sigma'],
  [kx, ky]: readonly number[],
  count: number,
): readonly (readonly number[])[] {
  if (sigma === undefined || sigma === null) return [[kx * 0.15 + 0.35, ky * 0.15 + 0.35]];
  const own = Array.isArray(sigma) && Array.isArray(sigma[0]);
  const rows = (own ? sigma : [typeof sigma === 'number' ? [sigma] : sigma]) as readonly (readonly number[])[];
  if (own && rows.length !== count) {
    throw new ArgumentError(op, `sigma has ${rows.length} pairs for ${count} images`, sigma);
  }
  for (const row of rows) {
    const fits = Array.isArray(row) && (row.length === 1 || row.length === 2);
    if (fits && row.every((s) => typeof s === 'number' && s > 0 && s < Infinity)) continue;
    throw new ArgumentError(op, `sigma must be one or two finite numbers > 0, got ${valueText(row)}`, sigma);
  }
  return rows.map((row) => (row.length === 1 ? [row[0], row[0]] : row));
}

/**
 * Images `[..., C, H, W]` blurred by a Gauss curve over `kernelSize` (or `[along x, along y]`) pixels, mirrored at the border;
 * bytes are rounded. The curve is `exp(-x ** 2 / (2 sigma ** 2))`, scaled to a sum of 1.
 *
 * @throws ArgumentError for sizes that are not odd, or a sigma that is not above 0; ShapeError for images not larger than
 * half of the kernel.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.gaussian_blur.html
 */
export function gaussianBlur<T extends Tensor | Image>(
  input: T,
  kernelSize: number | readonly number[],
  options: GaussianBlurOptions = {},
): T {
  const op = 'gaussianBlur';
  checkOptions(op, options);
  const [kx, ky] = kernelSizeOf(op, kernelSize);
  return onImage(op, input, (x) => {
    checkImageDType(op, x);
    const sigmas = sigmasOf(op, options.sigma, [kx, ky], countImages(x));
    const [height, width] = x.shape.slice(-2);
    if (x.numel > 0 && (ky >> 1 >= height || kx >> 1 >= width)) {
      throw new ShapeError(op, `an image of ${height} x ${width} is too small for a kernel of ${ky} x ${kx}`, x.shape);
    }
    const weights = sigmas.map(([sx, sy]) => [...gaussWeights(ky, sy), ...gaussWeights(kx, sx)]);
    return onBatch(x, (batch) => blurImages(batch, weights, ky, kx));
  });
}

/** Options of {@link gaussianNoise}. */
export interface GaussianNoiseOptions extends RandomOptions {
  /** Default 0. */
  readonly mean?: number;
  /** Standard deviation. Default 0.1. */
  readonly sigma?: number;
  /** Cut the result to the range of the image; bytes overflow otherwise. Default true. */
  readonly clip?: boolean;
}

/**
 * Images `[..., C, H, W]` plus normal noise; `mean` and `sigma` count for values of [0, 1], and 255 times as much for bytes.
 *
 * @throws ArgumentError for a sigma below 0, DTypeError for other integers than bytes.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.gaussian_noise.html
 */
export function gaussianNoise<T extends Tensor | Image>(input: T, options: GaussianNoiseOptions = {}): T {
  const op = 'gaussianNoise';
  checkOptions(op, options);
  const { mean = 0, sigma = 0.1, clip = true } = options;
  if (!Number.isFinite(mean)) throw new ArgumentError(op, `mean must be a finite number, got ${valueText(mean)}`, mean);
  if (!(sigma >= 0 && sigma < Infinity)) {
    throw new ArgumentError(op, `sigma must be a finite number >= 0, got ${valueText(sigma)}`, sigma);
  }
  const generator = generatorOf(op, options.generator);
  return onImage(op, input, (x) => {
    checkImageDType(op, x);
    const bytes = x.dtype === 'uint8';
    const bound = bytes ? 255 : 1;
    const noise = randn(x.shape, { dtype: bytes ? 'float32' : computeDType(x.dtype), generator });
    mul_(noise, sigma * bound);
    if (mean !== 0) add_(noise, mean * bound);
    if (!bytes) {
      const sum = add(x, to(noise, x.dtype));
      return clip ? clamp_(sum, 0, 1) : sum;
    }
    const sum = add_(trunc(noise), x);
    return to(clip ? clamp_(sum, 0, 255) : to(sum, 'int32'), 'uint8');
  });
}

/** Options of {@link erase}. */
export interface EraseOptions {
  /** Change the image in its memory. Default false. */
  readonly inplace?: boolean;
}

function checkBoxes(op: string, boxes: readonly (readonly number[])[], [height, width]: readonly number[]): void {
  for (const box of boxes) {
    const [i, j, h, w] = box;
    if (i + h <= height && j + w <= width) continue;
    const text = `the box at (${i}, ${j}) of ${h} x ${w} does not lie in the image of ${height} x ${width}`;
    throw new ArgumentError(op, text, box);
  }
}

/** `v` as the kernel takes it: `[N or 1, C, H or 1, W or 1]`; pixels of a value stand at their place in the image. */
function eraseValues(op: string, v: Tensor | number, x: Tensor, count: number): Tensor {
  const values = to(typeof v === 'number' ? tensor(v) : v, x.dtype);
  const [channels, height, width] = x.shape.slice(-3);
  const plain = numelOf(values.shape.slice(-2)) === 1;
  const inner = plain ? [channels, 1, 1] : [channels, height, width];
  const n = values.ndim > 3 && values.shape[0] !== 1 ? count : 1;
  try {
    return contiguous(expand(values, [n, ...inner]));
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    const text = `values of ${shapeText(values.shape)} do not fit images of ${shapeText(x.shape)}`;
    throw new ShapeError(op, text, values.shape, x.shape);
  }
}

/**
 * Images `[..., C, H, W]` with a box filled by `v`: rows `i` to `i + h`, columns `j` to `j + w`. Each may be a number, or one
 * for each image; `v` is a number or a tensor that broadcasts to the box `[C, h, w]`.
 *
 * Boxes that differ from image to image take a `v` of `[N or 1, C, 1, 1]`, or of whole images `[N or 1, C, H, W]` of which the
 * box shows its part.
 *
 * @throws ArgumentError for a box outside the image, ShapeError for values that do not fit.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.functional.erase.html
 */
export function erase<T extends Tensor | Image>(
  input: T,
  i: PerImage,
  j: PerImage,
  h: PerImage,
  w: PerImage,
  v: Tensor | number,
  options: EraseOptions = {},
): T {
  const op = 'erase';
  checkOptions(op, options);
  if (typeof v !== 'number' && !(v instanceof Tensor)) {
    throw new ArgumentError(op, `v must be a number or a Tensor, got ${valueText(v)}`, v);
  }
  return onImage(op, input, (x) => {
    const count = countImages(x);
    const whole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
    const parts = [i, j, h, w].map((value, k) => perImage(op, 'ijhw'[k], value, count, whole, 'be an integer >= 0'));
    const one = parts.every((part) => part.length === 1);
    const boxes = Array.from({ length: one ? 1 : count }, (_, n) =>
      parts.map((part) => part[part.length === 1 ? 0 : n]),
    );
    checkBoxes(op, boxes, x.shape.slice(-2));
    if (one) return eraseOne(x, boxes[0], v, options.inplace ?? false);
    checkImageDType(op, x);
    const result = onBatch(x, (batch) => eraseImage(batch, eraseValues(op, v, x, count), boxes));
    return options.inplace ? copy_(x, result) : result;
  });
}

/** The same box in all images. */
function eraseOne(x: Tensor, [i, j, h, w]: readonly number[], v: Tensor | number, inplace: boolean): Tensor {
  const out = inplace ? x : x.clone();
  const box = narrow(narrow(out, -2, i, h), -1, j, w);
  copy_(box, typeof v === 'number' ? tensor(v, { dtype: x.dtype }) : v);
  return out;
}
