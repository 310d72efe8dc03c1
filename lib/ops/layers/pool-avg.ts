// Pooling by means, and by norms, which are made of means.
import { ArgumentError, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions } from '../../tensor/check.js';
import { channelsLastStrides } from '../../tensor/layout.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { mul, pow } from '../pointwise/arithmetic.js';
import { abs, neg, relu, sign } from '../pointwise/unary.js';
import { contiguous } from '../shape/view.js';
import { type AdaptiveSize2, type AdaptiveSize3, maxPool1d, maxPool2d, maxPool3d } from './pool-max.js';
import {
  adaptiveSize,
  adaptiveWindows,
  batchOf,
  checkFlag,
  checkImages,
  type PaddedWindowOptions,
  slidingWindows,
  unbatched,
  type WindowOptions,
  type Windows,
} from './pool-windows.js';
import { type Size1, type Size2, type Size3, sizes } from './sizes.js';

/** Options of {@link avgPool1d}; padding counts as zeros. */
export interface AvgPool1dOptions extends PaddedWindowOptions<Size1> {
  /** Count the padding in the mean. Default true. */
  countIncludePad?: boolean;
}
/** Options of average pooling over windows. */
export interface AvgPoolOptions<S> extends PaddedWindowOptions<S> {
  /** Count the padding in the mean. Default true. */
  countIncludePad?: boolean;
  /** Divide by this instead of the window's size. */
  divisorOverride?: number | null;
}
/** Options of {@link avgPool2d}; padding counts as zeros. */
export type AvgPool2dOptions = AvgPoolOptions<Size2>;
/** Options of {@link avgPool3d}; padding counts as zeros. */
export type AvgPool3dOptions = AvgPoolOptions<Size3>;

/** Options of {@link lpPool1d}. */
export type LpPool1dOptions = WindowOptions<Size1>;
/** Options of {@link lpPool2d}. */
export type LpPool2dOptions = WindowOptions<Size2>;
/** Options of {@link lpPool3d}. */
export type LpPool3dOptions = WindowOptions<Size3>;

interface Averaging extends Windows {
  readonly countIncludePad: boolean;
  /** 0: the window's size. */
  readonly divisor: number;
}

const avgPoolOp = defineOp({
  name: 'avgPool',
  inputs: ['input'],
  forward: (x: Tensor, a: Averaging) => {
    const out = emptyStrided(a.shape, channelsLastStrides(a.shape), x.dtype);
    native.avgPool(out._id, x._id, a.numbers, a.countIncludePad, a.divisor);
    return out;
  },
  save: (_out, x, averaging) => ({ shape: x.shape, averaging }),
  backward: ([g], { shape, averaging }) => [avgPoolGradient(g, shape, averaging)],
});

const avgPoolBackward = defineOp({
  name: 'avgPoolBackward',
  inputs: ['gradient'],
  forward: (g: Tensor, shape: readonly number[], a: Averaging) => {
    const out = emptyStrided(shape, channelsLastStrides(shape), g.dtype);
    native.avgPoolBackward(out._id, g._id, a.numbers, a.countIncludePad, a.divisor);
    return out;
  },
  save: (_out, _g, _shape, averaging) => ({ averaging }),
  backward: ([gg], { averaging }) => [average(gg, averaging)],
});

function avgPoolGradient(g: Tensor, shape: readonly number[], averaging: Averaging): Tensor {
  return avgPoolBackward(contiguous(g, 'channelsLast'), shape, averaging);
}

function average(x: Tensor, averaging: Averaging): Tensor {
  return avgPoolOp(contiguous(x, 'channelsLast'), averaging);
}

function slidingMean(op: string, axes: number, x: Tensor, kernelSize: unknown, options: AvgPoolOptions<unknown>) {
  checkImages(op, x, axes);
  checkOptions(op, options);
  const { stride, padding, ceilMode, countIncludePad = true, divisorOverride = null } = options;
  const shape = x.ndim === axes + 1 ? [1, ...x.shape] : x.shape;
  const windows = slidingWindows(op, shape, kernelSize, { stride, padding, ceilMode });
  checkFlag(op, 'countIncludePad', countIncludePad);
  if (divisorOverride !== null && (!Number.isSafeInteger(divisorOverride) || divisorOverride === 0)) {
    const text = `divisorOverride must be an integer other than 0, got ${valueText(divisorOverride)}`;
    throw new ArgumentError(op, text, divisorOverride);
  }
  const averaging = { ...windows, countIncludePad, divisor: divisorOverride ?? 0 };
  return unbatched(avgPoolOp(batchOf(x, axes), averaging), x);
}

/**
 * The mean of each window of `[N, C, L]`, or of `[C, L]` without a batch. The output's size is that of
 * {@link maxPool1d} with dilation 1. What a window has beyond the padding never counts; the padding counts unless
 * `countIncludePad` is false.
 *
 * @throws ShapeError where the window does not fit into the input, ArgumentError for padding over half the window.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.avg_pool1d.html
 */
export function avgPool1d(x: Tensor, kernelSize: Size1, options: AvgPool1dOptions = {}): Tensor {
  return slidingMean('avgPool1d', 1, x, kernelSize, options);
}

/**
 * The mean of each window of `[N, C, H, W]`, or of `[C, H, W]` without a batch. The output's size is that of
 * {@link maxPool2d} with dilation 1. What a window has beyond the padding never counts; the padding counts unless
 * `countIncludePad` is false.
 *
 * @throws ShapeError where the window does not fit into the input, ArgumentError for padding over half the window.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.avg_pool2d.html
 */
export function avgPool2d(x: Tensor, kernelSize: Size2, options: AvgPool2dOptions = {}): Tensor {
  return slidingMean('avgPool2d', 2, x, kernelSize, options);
}

/**
 * {@link avgPool2d} for volumes: `[N, C, D, H, W]`, or `[C, D, H, W]` without a batch.
 *
 * @throws ShapeError where the window does not fit into the input, ArgumentError for padding over half the window.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.avg_pool3d.html
 */
export function avgPool3d(x: Tensor, kernelSize: Size3, options: AvgPool3dOptions = {}): Tensor {
  return slidingMean('avgPool3d', 3, x, kernelSize, options);
}

function adaptiveMean(op: string, axes: number, x: Tensor, outputSize: unknown): Tensor {
  checkImages(op, x, axes);
  const shape = x.ndim === axes + 1 ? [1, ...x.shape] : x.shape;
  const windows = adaptiveWindows(op, shape, adaptiveSize(op, shape.slice(2), outputSize));
  return unbatched(avgPoolOp(batchOf(x, axes), { ...windows, countIncludePad: true, divisor: 0 }), x);
}

/**
 * The mean of each of `L'` windows that share out `[N, C, L]` (or `[C, L]`):
 * `out[n, c, i] = mean of input[n, c, floor(i * L / L') .. ceil((i + 1) * L / L') - 1]`.
 *
 * @throws ShapeError when a channel is empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_avg_pool1d.html
 */
export function adaptiveAvgPool1d(x: Tensor, outputSize: Size1): Tensor {
  return adaptiveMean('adaptiveAvgPool1d', 1, x, outputSize);
}

/**
 * The mean of each of `H' * W'` windows that share out `[N, C, H, W]` (or `[C, H, W]`): along each axis of size `n` window
 * `i` of `m` is `floor(i * n / m) .. ceil((i + 1) * n / m) - 1`.
 *
 * @param outputSize `[H', W']`, or one number for both; null keeps the input's size.
 * @throws ShapeError when a channel is empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_avg_pool2d.html
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: AdaptiveSize2): Tensor {
  return adaptiveMean('adaptiveAvgPool2d', 2, x, outputSize);
}

/**
 * {@link adaptiveAvgPool2d} for volumes: `[N, C, D, H, W]`, or `[C, D, H, W]` without a batch.
 *
 * @param outputSize `[D', H', W']`, or one number for all; null keeps the input's size.
 * @throws ShapeError when a channel is empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_avg_pool3d.html
 */
export function adaptiveAvgPool3d(x: Tensor, outputSize: AdaptiveSize3): Tensor {
  return adaptiveMean('adaptiveAvgPool3d', 3, x, outputSize);
}

type MaxPooling = (x: Tensor, kernelSize: never, options: WindowOptions<never>) => Tensor;

function powerMean(
  op: string,
  axes: number,
  maxPool: MaxPooling,
  x: Tensor,
  normType: number,
  kernelSize: unknown,
  options: WindowOptions<unknown>,
): Tensor {
  checkImages(op, x, axes);
  checkOptions(op, options);
  if (typeof normType !== 'number' || Number.isNaN(normType) || normType === 0) {
    throw new ArgumentError(op, `normType must be a number other than 0, got ${valueText(normType)}`, normType);
  }
  const { stride, ceilMode } = options;
  if (Math.abs(normType) === Number.POSITIVE_INFINITY) {
    const pool = (y: Tensor): Tensor => maxPool(y, kernelSize as never, { stride, ceilMode } as WindowOptions<never>);
    return normType > 0 ? pool(abs(x)) : neg(pool(neg(abs(x))));
  }
  const positions = sizes(op, 'kernelSize', kernelSize, axes, 1).reduce((a, b) => a * b);
  const mean = slidingMean(op, axes, pow(x, normType), kernelSize, { stride, ceilMode });
  // As PyTorch: the gradient is 0 where the sum is, and a window cut by the input's end counts as a full one.
  return pow(mul(mul(sign(mean), relu(abs(mean))), positions), 1 / normType);
}

/**
 * The p-norm of each window of `[N, C, L]` (or `[C, L]`): `(sum of x ** p) ** (1 / p)` with p = `normType`, which may be
 * infinite (the largest magnitude). The powers are not made absolute: an odd p may give `NaN`, as in PyTorch.
 *
 * @throws ShapeError where the window does not fit into the input.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.lp_pool1d.html
 */
export function lpPool1d(x: Tensor, normType: number, kernelSize: Size1, options: LpPool1dOptions = {}): Tensor {
  return powerMean('lpPool1d', 1, maxPool1d, x, normType, kernelSize, options);
}

/**
 * {@link lpPool1d} for images: `[N, C, H, W]`, or `[C, H, W]` without a batch.
 *
 * @throws ShapeError where the window does not fit into the input.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.lp_pool2d.html
 */
export function lpPool2d(x: Tensor, normType: number, kernelSize: Size2, options: LpPool2dOptions = {}): Tensor {
  return powerMean('lpPool2d', 2, maxPool2d, x, normType, kernelSize, options);
}

/**
 * {@link lpPool1d} for volumes: `[N, C, D, H, W]`, or `[C, D, H, W]` without a batch.
 *
 * @throws ShapeError where the window does not fit into the input.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.lp_pool3d.html
 */
export function lpPool3d(x: Tensor, normType: number, kernelSize: Size3, options: LpPool3dOptions = {}): Tensor {
  return powerMean('lpPool3d', 3, maxPool3d, x, normType, kernelSize, options);
}
