// Max pooling. Everything lies channels-last; the maximum's place in its window is one byte (native/ops/pool.h).
import { native } from '../../native.js';
import { checkOptions } from '../../tensor/check.js';
import { channelsLastStrides, numelOf } from '../../tensor/layout.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { gather } from '../indexing/indexing.js';
import { ne } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { contiguous, reshape } from '../shape/view.js';
import {
  adaptiveSize,
  adaptiveWindows,
  batchOf,
  checkFlag,
  checkImages,
  type PaddedWindowOptions,
  slidingWindows,
  unbatched,
  type Windows,
} from './pool-windows.js';
import { markMasked, rectifiedMemory } from './rectified.js';
import type { Size1, Size2, Size3 } from './sizes.js';

/** Whether to return the positions of the maxima too. */
export interface IndicesOption<I extends boolean = boolean> {
  /**
   * Return `[output, indices]`, the indices (int64) of the maxima in their plane, row by row: `h * W + w`. Default
   * false.
   */
  returnIndices?: I;
}

/** What max pooling returns: the output, with `returnIndices` `[output, indices]`. */
export type MaxPooled<I extends boolean> = I extends true ? readonly [output: Tensor, indices: Tensor] : Tensor;

/** Options of max pooling; padding never wins. */
export interface MaxPoolOptions<S, I extends boolean = boolean> extends PaddedWindowOptions<S>, IndicesOption<I> {
  /** Distance of the window's positions. Default 1. */
  dilation?: S;
}
/** Options of {@link maxPool1d}. */
export type MaxPool1dOptions<I extends boolean = boolean> = MaxPoolOptions<Size1, I>;
/** Options of {@link maxPool2d}. */
export type MaxPool2dOptions<I extends boolean = boolean> = MaxPoolOptions<Size2, I>;
/** Options of {@link maxPool3d}. */
export type MaxPool3dOptions<I extends boolean = boolean> = MaxPoolOptions<Size3, I>;

/** The output's size along each axis; null keeps the input's. */
export type AdaptiveSize2 = number | readonly [height: number | null, width: number | null];
/** The output's size along each axis; null keeps the input's. */
export type AdaptiveSize3 = number | readonly [depth: number | null, height: number | null, width: number | null];

const maxPoolOp = defineOp({
  name: 'maxPool',
  inputs: ['input'],
  forward: (x: Tensor, windows: Windows, rectified: Tensor['_version'] | null): readonly Tensor[] => {
    const strides = channelsLastStrides(windows.shape);
    const out = emptyStrided(windows.shape, strides, x.dtype);
    const places = emptyStrided(windows.shape, strides, windows.positions > 256 ? 'int32' : 'uint8');
    native.maxPool(out._id, places._id, x._id, windows.numbers, rectified !== null);
    return [out, places];
  },
  save: ([, places], x, windows, rectified) => ({ places, shape: x.shape, windows, rectified }),
  backward: ([g], { places, shape, windows, rectified }) => {
    const gradient = maxPoolGradient(g, places, shape, windows);
    return [rectified ? markMasked(gradient, rectified) : gradient];
  },
});

const maxPoolBackward = defineOp({
  name: 'maxPoolBackward',
  inputs: ['gradient', 'places'],
  forward: (g: Tensor, places: Tensor, shape: readonly number[], windows: Windows) => {
    const out = emptyStrided(shape, channelsLastStrides(shape), g.dtype);
    native.maxPoolBackward(out._id, g._id, places._id, windows.numbers);
    return out;
  },
  save: (_out, _g, places, _shape, windows) => ({ places, windows }),
  backward: ([gg], { places, windows }) => [pickMaxima(gg, places, windows), null],
});

const flatIndicesOp = defineOp({
  name: 'maxPoolIndices',
  inputs: ['places'],
  forward: (places: Tensor, windows: Windows) => {
    const out = emptyStrided(places.shape, channelsLastStrides(places.shape), 'int64');
    native.maxPoolIndices(out._id, places._id, windows.numbers);
    return out;
  },
});

/** @internal */
export function maxPoolGradient(g: Tensor, places: Tensor, shape: readonly number[], windows: Windows): Tensor {
  return maxPoolBackward(contiguous(g, 'channelsLast'), places, shape, windows);
}

/** @internal The place of a maximum that a ReLU made 0: it gets no gradient. Windows of so many positions have room for it. */
export const DEAD_PLACE = 255;

/** The elements of `x` at the maxima. */
function pickMaxima(x: Tensor, places: Tensor, windows: Windows): Tensor {
  const picked = pickByIndex(x, flatIndicesOp(places, windows));
  return windows.positions > DEAD_PLACE ? picked : where(ne(places, DEAD_PLACE), picked, 0);
}

/** @internal The elements of `x` `[N, C, ...]` at positions in their planes. */
export function pickByIndex(x: Tensor, indices: Tensor): Tensor {
  const flat = (t: Tensor): Tensor => reshape(t, [t.shape[0], t.shape[1], numelOf(t.shape.slice(2))]);
  return reshape(gather(flat(x), 2, flat(indices)), indices.shape);
}

/** Max pooling of a batch, channels last; the results have the number of axes of `x`. */
function pooled<I extends boolean>(batch: Tensor, windows: Windows, x: Tensor, returnIndices: I): MaxPooled<I> {
  const memory = windows.positions <= DEAD_PLACE && !returnIndices ? rectifiedMemory(batch) : null;
  const [out, places] = maxPoolOp(batch, windows, memory);
  const indices = returnIndices ? flatIndicesOp(places, windows) : null;
  places.dispose(); // what backward needs stays
  const result = indices ? ([unbatched(out, x), unbatched(indices, x)] as const) : unbatched(out, x);
  return result as MaxPooled<I>;
}

type MaxPool<S> = <I extends boolean = false>(x: Tensor, kernelSize: S, options?: MaxPoolOptions<S, I>) => MaxPooled<I>;

const slidingMax =
  <S>(op: string, axes: number): MaxPool<S> =>
  <I extends boolean = false>(x: Tensor, kernelSize: S, options: MaxPoolOptions<S, I> = {}) => {
    checkImages(op, x, axes);
    const shape = x.ndim === axes + 1 ? [1, ...x.shape] : x.shape;
    const windows = slidingWindows(op, shape, kernelSize, options);
    const returnIndices = options.returnIndices ?? false;
    checkFlag(op, 'returnIndices', returnIndices);
    return pooled(batchOf(x, axes), windows, x, returnIndices as I);
  };

type AdaptiveMaxPool<S> = <I extends boolean = false>(
  x: Tensor,
  outputSize: S,
  options?: IndicesOption<I>,
) => MaxPooled<I>;

const adaptiveMax =
  <S>(op: string, axes: number): AdaptiveMaxPool<S> =>
  <I extends boolean = false>(x: Tensor, outputSize: S, options: IndicesOption<I> = {}) => {
    checkImages(op, x, axes);
    checkOptions(op, options);
    const returnIndices = options.returnIndices ?? false;
    checkFlag(op, 'returnIndices', returnIndices);
    const shape = x.ndim === axes + 1 ? [1, ...x.shape] : x.shape;
    const windows = adaptiveWindows(op, shape, adaptiveSize(op, shape.slice(2), outputSize));
    return pooled(batchOf(x, axes), windows, x, returnIndices as I);
  };

/**
 * The largest element of each window of `[N, C, L]`, or of `[C, L]` without a batch:
 * `out[n, c, i] = max over p of input[n, c, i * stride + p * dilation - padding]`. `NaN` wins.
 *
 * The output is `[N, C, L']` with `L' = floor((L + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1` (rounded up
 * with `ceilMode`).
 *
 * @throws ShapeError where the window does not fit into the input, ArgumentError for padding over half the window.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_pool1d.html
 */
export const maxPool1d: MaxPool<Size1> = slidingMax('maxPool1d', 1);

/**
 * The largest element of each window of `[N, C, H, W]`, or of `[C, H, W]` without a batch:
 * `out[n, c, i, j] = max over p, q of input[n, c, i * stride + p * dilation - padding, ...]`. `NaN` wins.
 *
 * The output is `[N, C, H', W']` with `H' = floor((H + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1`
 * (rounded up with `ceilMode`) and lies channels-last in memory.
 *
 * @throws ShapeError where the window does not fit into the input, ArgumentError for padding over half the window.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_pool2d.html
 */
export const maxPool2d: MaxPool<Size2> = slidingMax('maxPool2d', 2);

/**
 * {@link maxPool2d} for volumes: `[N, C, D, H, W]`, or `[C, D, H, W]` without a batch. Indices are
 * `(d * H + h) * W + w`.
 *
 * @throws ShapeError where the window does not fit into the input, ArgumentError for padding over half the window.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_pool3d.html
 */
export const maxPool3d: MaxPool<Size3> = slidingMax('maxPool3d', 3);

/**
 * The largest element of each of `L'` windows that share out `[N, C, L]` (or `[C, L]`):
 * `out[n, c, i] = max of input[n, c, floor(i * L / L') .. ceil((i + 1) * L / L') - 1]`. `NaN` wins.
 *
 * @throws ShapeError when a channel is empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_max_pool1d.html
 */
export const adaptiveMaxPool1d: AdaptiveMaxPool<Size1> = adaptiveMax('adaptiveMaxPool1d', 1);

/**
 * The largest element of each of `H' * W'` windows that share out `[N, C, H, W]` (or `[C, H, W]`): along each axis of size
 * `n` window `i` of `m` is `floor(i * n / m) .. ceil((i + 1) * n / m) - 1`. `NaN` wins.
 *
 * @param outputSize `[H', W']`, or one number for both; null keeps the input's size.
 * @throws ShapeError when a channel is empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_max_pool2d.html
 */
export const adaptiveMaxPool2d: AdaptiveMaxPool<AdaptiveSize2> = adaptiveMax('adaptiveMaxPool2d', 2);

/**
 * {@link adaptiveMaxPool2d} for volumes: `[N, C, D, H, W]`, or `[C, D, H, W]` without a batch.
 *
 * @param outputSize `[D', H', W']`, or one number for all; null keeps the input's size.
 * @throws ShapeError when a channel is empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_max_pool3d.html
 */
export const adaptiveMaxPool3d: AdaptiveMaxPool<AdaptiveSize3> = adaptiveMax('adaptiveMaxPool3d', 3);
