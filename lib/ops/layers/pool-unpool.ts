// Max pooling of windows that start at random, and the way back from the positions of maxima.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { computeDType } from '../../tensor/dtype.js';
import { channelsLastStrides, numelOf, sameShape } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { IndexName } from '../codes.js';
import { defineOp } from '../define.js';
import { checkIndex } from '../indexing/check.js';
import { placeByIndex } from '../indexing/indexing.js';
import { rand } from '../random/random.js';
import { contiguous, reshape, unsqueeze } from '../shape/view.js';
import { type IndicesOption, type MaxPooled, pickByIndex } from './pool-max.js';
import { checkFlag, checkImages, unbatched } from './pool-windows.js';
import { type Size1, type Size2, type Size3, sizes } from './sizes.js';

/** Options of fractional max pooling: `outputSize`, or without it `outputRatio`. */
export interface FractionalMaxPoolOptions<S, I extends boolean = boolean> extends IndicesOption<I> {
  /** The output's size; `outputSize + kernelSize - 1` is at most the input's. */
  outputSize?: S | null;
  /** The output's size as a part of the input's: between 0 and 1, one number or one for each axis. */
  outputRatio?: S | null;
  /** Numbers in [0, 1) that say where windows start: `[N, C, axes]`, of W and H, or of D, H and W. Default: random. */
  _randomSamples?: Tensor | null;
}
/** Options of {@link fractionalMaxPool2d}. */
export type FractionalMaxPool2dOptions<I extends boolean = boolean> = FractionalMaxPoolOptions<Size2, I>;
/** Options of {@link fractionalMaxPool3d}. */
export type FractionalMaxPool3dOptions<I extends boolean = boolean> = FractionalMaxPoolOptions<Size3, I>;

const fractionalIndices = defineOp({
  name: 'fractionalMaxPool',
  narrow: 'mixed',
  inputs: ['input', 'samples'],
  forward: (x: Tensor, samples: Tensor, kernel: readonly number[], size: readonly number[]) => {
    const out = emptyContiguous([x.shape[0], x.shape[1], ...size], 'int64');
    const axes = size.map((n, i) => [x.shape[2 + i], n, kernel[i], 1, 0, 1]);
    const numbers = [...(size.length === 2 ? [1, 1, 1, 1, 0, 1] : []), ...axes.flat()];
    native.fractionalIndices(out._id, contiguous(x)._id, contiguous(samples)._id, numbers);
    return out;
  },
});

/** @internal `axes` ratios between 0 and 1; one number stands for all. */
export function ratios(op: string, value: unknown, axes: number): number[] {
  const list = typeof value === 'number' ? new Array<number>(axes).fill(value) : value;
  const valid = (ratio: unknown) => typeof ratio === 'number' && ratio > 0 && ratio < 1;
  if (!Array.isArray(list) || list.length !== axes || !list.every(valid)) {
    const rule = `outputRatio must be between 0 and 1, one number or ${axes}`;
    throw new ArgumentError(op, `${rule}, got ${valueText(value)}`, value);
  }
  return [...list];
}

function outputOf(op: string, size: readonly number[], kernel: readonly number[], outputSize: unknown, ratio: unknown) {
  if ((outputSize ?? ratio ?? null) === null) {
    throw new ArgumentError(op, 'one of outputSize and outputRatio is needed', outputSize);
  }
  const parts = outputSize ?? ratios(op, ratio, size.length).map((part, i) => Math.floor(part * size[i]));
  const out = sizes(op, 'outputSize', parts, size.length, 1);
  if (out.some((n, i) => n + kernel[i] - 1 > size[i])) {
    const rule = `${out.join(' x ')} windows of ${kernel.join(' x ')} do not fit into an input of ${size.join(' x ')}`;
    throw new ShapeError(op, rule, size, kernel);
  }
  return out;
}

function samplesFor(op: string, x: Tensor, axes: number, given: Tensor | null | undefined): Tensor {
  const shape = [x.shape[0], x.shape[1], axes];
  if (given === undefined || given === null) return rand(shape, { dtype: computeDType(x.dtype) });
  checkTensor(op, given, '_randomSamples');
  if (given.dtype !== x.dtype) {
    throw new DTypeError(op, `_randomSamples is ${given.dtype}, input ${x.dtype}`, given.dtype, x.dtype);
  }
  if (!sameShape(given.shape, shape)) {
    const text = `_randomSamples must be ${shapeText(shape)}, got ${shapeText(given.shape)}`;
    throw new ShapeError(op, text, given.shape, shape);
  }
  return given;
}

type FractionalMaxPool<S> = <I extends boolean = false>(
  x: Tensor,
  kernelSize: S,
  options: FractionalMaxPoolOptions<S, I>,
) => MaxPooled<I>;

const fractionalMax =
  <S>(op: string, axes: number): FractionalMaxPool<S> =>
  <I extends boolean = false>(x: Tensor, kernelSize: S, options: FractionalMaxPoolOptions<S, I>) => {
    checkImages(op, x, axes);
    checkOptions(op, options);
    const { outputSize, outputRatio, returnIndices = false } = options;
    checkFlag(op, 'returnIndices', returnIndices);
    const kernel = sizes(op, 'kernelSize', kernelSize, axes, 1);
    const batch = x.ndim === axes + 1 ? unsqueeze(x, 0) : x;
    const size = outputOf(op, batch.shape.slice(2), kernel, outputSize, outputRatio);
    const indices = fractionalIndices(batch, samplesFor(op, batch, axes, options._randomSamples), kernel, size);
    const out = unbatched(pickByIndex(batch, indices), x);
    return (returnIndices ? [out, unbatched(indices, x)] : out) as MaxPooled<I>;
  };

/**
 * The largest element of each window of `[N, C, H, W]` (or `[C, H, W]`); the windows of each plane start at random, in
 * steps that differ by at most one: with `u` in [0, 1) and `a = (H - kernel) / (H' - 1)`, window `i` of `H'` starts at
 * `floor((i + u) * a) - floor(u * a)`, the last one at `H - kernel`. `NaN` wins. Graham 2014, Fractional Max-Pooling.
 *
 * @throws ArgumentError without an output size or ratio, ShapeError where the windows do not fit into the input.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.fractional_max_pool2d.html
 */
export const fractionalMaxPool2d: FractionalMaxPool<Size2> = fractionalMax('fractionalMaxPool2d', 2);

/**
 * {@link fractionalMaxPool2d} for volumes: `[N, C, D, H, W]`, or `[C, D, H, W]` without a batch.
 *
 * @throws ArgumentError without an output size or ratio, ShapeError where the windows do not fit into the input.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.fractional_max_pool3d.html
 */
export const fractionalMaxPool3d: FractionalMaxPool<Size3> = fractionalMax('fractionalMaxPool3d', 3);

/** Options of max unpooling. */
export interface MaxUnpoolOptions<S> {
  /** Step of the window. Default: its size. */
  stride?: S | null;
  /** Padding that the input's pooling had. Default 0. */
  padding?: S;
  /** The output's size, or its whole shape: within one stride of the default. */
  outputSize?: readonly number[] | null;
}
/** Options of {@link maxUnpool1d}. */
export type MaxUnpool1dOptions = MaxUnpoolOptions<Size1>;
/** Options of {@link maxUnpool2d}. */
export type MaxUnpool2dOptions = MaxUnpoolOptions<Size2>;
/** Options of {@link maxUnpool3d}. */
export type MaxUnpool3dOptions = MaxUnpoolOptions<Size3>;

function unpooledSize(
  op: string,
  size: readonly number[],
  kernelSize: unknown,
  options: MaxUnpoolOptions<unknown>,
): number[] {
  const axes = size.length;
  const kernel = sizes(op, 'kernelSize', kernelSize, axes, 1);
  const stride = sizes(op, 'stride', options.stride ?? kernelSize, axes, 1);
  const padding = sizes(op, 'padding', options.padding ?? 0, axes, 0);
  const usual = size.map((n, i) => (n - 1) * stride[i] + kernel[i] - 2 * padding[i]);
  const { outputSize } = options;
  const whole = Array.isArray(outputSize) && outputSize.length === axes + 2;
  const out = outputSize ? sizes(op, 'outputSize', whole ? outputSize.slice(2) : outputSize, axes, 0) : usual;
  const wrong = out.findIndex((n, i) => n < 0 || Math.abs(n - usual[i]) >= stride[i]);
  if (wrong >= 0) {
    const rule = `must lie within a stride of ${stride[wrong]} around ${usual[wrong]} along axis ${wrong}`;
    throw new ArgumentError(op, `outputSize ${shapeText(out)} ${rule}`, outputSize);
  }
  return out;
}

function unpool(
  op: string,
  axes: number,
  x: Tensor,
  indices: Tensor,
  kernelSize: unknown,
  options: MaxUnpoolOptions<unknown>,
): Tensor {
  checkImages(op, x, axes);
  checkIndex(op, indices);
  checkOptions(op, options);
  if (!sameShape(indices.shape, x.shape)) {
    const text = `indices ${shapeText(indices.shape)} must have the shape of the input ${shapeText(x.shape)}`;
    throw new ShapeError(op, text, indices.shape, x.shape);
  }
  const size = unpooledSize(op, x.shape.slice(-axes), kernelSize, options);
  const [n, c] = x.ndim === axes + 1 ? [1, x.shape[0]] : x.shape;
  const flat = (t: Tensor): Tensor => reshape(t, [n, c, numelOf(t.shape.slice(-axes))]);
  const shape = [n, c, numelOf(size)];
  const out = placeByIndex(flat(x), 2, flat(indices), shape, channelsLastStrides(shape), IndexName.maxUnpool);
  return reshape(out, [...x.shape.slice(0, -axes), ...size]);
}

/**
 * The reverse of `maxPool1d` with `returnIndices`: zeros `[N, C, L']` (or `[C, L']`) with `out[n, c, indices[n, c, i]] =
 * input[n, c, i]`, where `L' = (L - 1) * stride - 2 * padding + kernel` unless `outputSize` says otherwise. Of equal
 * indices the last one counts.
 *
 * @throws ShapeError when `indices` has another shape, ArgumentError for an `outputSize` that does not fit. An index out of
 * range rejects the reads of the result.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_unpool1d.html
 */
export function maxUnpool1d(x: Tensor, indices: Tensor, kernelSize: Size1, options: MaxUnpool1dOptions = {}): Tensor {
  return unpool('maxUnpool1d', 1, x, indices, kernelSize, options);
}

/**
 * {@link maxUnpool1d} for images: `[N, C, H, W]`, or `[C, H, W]` without a batch; the reverse of `maxPool2d`. Indices are
 * `h * W' + w` of the output.
 *
 * @throws ShapeError when `indices` has another shape, ArgumentError for an `outputSize` that does not fit. An index out of
 * range rejects the reads of the result.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_unpool2d.html
 */
export function maxUnpool2d(x: Tensor, indices: Tensor, kernelSize: Size2, options: MaxUnpool2dOptions = {}): Tensor {
  return unpool('maxUnpool2d', 2, x, indices, kernelSize, options);
}

/**
 * {@link maxUnpool1d} for volumes: `[N, C, D, H, W]`, or `[C, D, H, W]` without a batch; the reverse of `maxPool3d`.
 * Indices are `(d * H' + h) * W' + w` of the output.
 *
 * @throws ShapeError when `indices` has another shape, ArgumentError for an `outputSize` that does not fit. An index out of
 * range rejects the reads of the result.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_unpool3d.html
 */
export function maxUnpool3d(x: Tensor, indices: Tensor, kernelSize: Size3, options: MaxUnpool3dOptions = {}): Tensor {
  return unpool('maxUnpool3d', 3, x, indices, kernelSize, options);
}
