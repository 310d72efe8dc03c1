// Pooling. Everything lies channels-last; the maximum's place in its window is one byte (native/ops/pool.h).
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { isFloating } from '../../tensor/dtype.js';
import { channelsLastStrides } from '../../tensor/layout.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { gather } from '../indexing/indexing.js';
import { contiguous, reshape, squeeze, unsqueeze } from '../shape/view.js';
import { type Pair, pair } from './conv.js';

/** Options of {@link maxPool2d}. */
export interface MaxPool2dOptions {
  /** Step of the window. Default: its size. */
  stride?: Pair;
  /** Positions that never win, added on all sides; at most half the window. Default 0. */
  padding?: Pair;
  /** Distance of the window's positions. Default 1. */
  dilation?: Pair;
  /** Also take windows that reach beyond the input's end. Default false. */
  ceilMode?: boolean;
  /** Return `[output, indices]`, the indices (int64) as `h * W + w` of each maximum. Default false. */
  returnIndices?: boolean;
}

/** Options of {@link avgPool2d}. */
export interface AvgPool2dOptions {
  /** Step of the window. Default: its size. */
  stride?: Pair;
  /** Zeros added on all sides; at most half the window. Default 0. */
  padding?: Pair;
  /** Also take windows that reach beyond the input's end. Default false. */
  ceilMode?: boolean;
  /** Count the padding in the mean. Default true. */
  countIncludePad?: boolean;
  /** Divide by this instead of the window's size. */
  divisorOverride?: number | null;
}

type Two = readonly [number, number];

interface Window {
  readonly kernel: Two;
  readonly stride: Two;
  readonly padding: Two;
  readonly dilation: Two;
}

interface Averaging extends Window {
  readonly countIncludePad: boolean;
  /** 0: the window's size. */
  readonly divisor: number;
}

const MAX_WINDOW = 2 ** 28;

function checkFlag(op: string, name: string, value: unknown): void {
  if (typeof value !== 'boolean')
    throw new ArgumentError(op, `${name} must be a boolean, got ${valueText(value)}`, value);
}

function windowOf(
  op: string,
  kernelSize: Pair,
  options: { stride?: Pair; padding?: Pair; dilation?: Pair; ceilMode?: boolean },
): Window {
  checkOptions(op, options);
  const { stride, padding = 0, dilation = 1, ceilMode = false } = options;
  checkFlag(op, 'ceilMode', ceilMode);
  const kernel = pair(op, 'kernelSize', kernelSize, 1);
  if (kernel[0] * kernel[1] > MAX_WINDOW) {
    throw new ArgumentError(op, `a window of ${kernel.join(' x ')} is too large`, kernelSize);
  }
  const window: Window = {
    kernel,
    stride: pair(op, 'stride', stride ?? kernelSize, 1),
    padding: pair(op, 'padding', padding, 0),
    dilation: pair(op, 'dilation', dilation, 1),
  };
  window.padding.forEach((zeros, axis) => {
    const reach = (kernel[axis] - 1) * window.dilation[axis] + 1;
    if (zeros <= reach / 2) return;
    throw new ArgumentError(op, `padding ${zeros} is more than half of the window's ${reach}`, padding);
  });
  return window;
}

function outputSize(size: number, w: Window, axis: number, ceilMode: boolean): number {
  const padding = w.padding[axis];
  const stride = w.stride[axis];
  const room = size + 2 * padding - w.dilation[axis] * (w.kernel[axis] - 1) - 1;
  const out = Math.floor((room + (ceilMode ? stride - 1 : 0)) / stride) + 1;
  // The last window must begin inside the input or the padding before it.
  return ceilMode && (out - 1) * stride >= size + padding ? out - 1 : out;
}

/** The output's shape for an input `[N, C, H, W]`. */
function outputShape(op: string, x: readonly number[], w: Window, ceilMode: boolean): number[] {
  if (x[1] === 0 || x[2] === 0 || x[3] === 0) {
    throw new ShapeError(op, `only the batch may be empty, got ${shapeText(x)}`, x);
  }
  const shape = [x[0], x[1], outputSize(x[2], w, 0, ceilMode), outputSize(x[3], w, 1, ceilMode)];
  if (shape[2] < 1 || shape[3] < 1) {
    throw new ShapeError(
      op,
      `a window of ${w.kernel.join(' x ')} does not fit into an input of ${x[2]} x ${x[3]} (padding ${shapeText(w.padding)}, dilation ${shapeText(w.dilation)})`,
      x,
      w.kernel,
    );
  }
  return shape;
}

function checkInput(op: string, x: Tensor): void {
  checkTensor(op, x);
  if (!isFloating(x.dtype)) throw new DTypeError(op, `input must be float32 or float64, got ${x.dtype}`, x.dtype);
  if (x.ndim !== 3 && x.ndim !== 4) {
    throw new ShapeError(op, `input must be [N, C, H, W] or [C, H, W], got ${shapeText(x.shape)}`, x.shape);
  }
}

const numbers = (w: Window): number[] => [...w.kernel, ...w.stride, ...w.padding, ...w.dilation];

const maxPoolOp = defineOp({
  name: 'maxPool2d',
  inputs: ['input'],
  forward: (x: Tensor, shape: readonly number[], window: Window): readonly Tensor[] => {
    const strides = channelsLastStrides(shape);
    const out = emptyStrided(shape, strides, x.dtype);
    const places = emptyStrided(shape, strides, window.kernel[0] * window.kernel[1] > 256 ? 'int32' : 'uint8');
    native.maxPool2d(out._id, places._id, x._id, ...numbers(window));
    return [out, places];
  },
  save: ([, places], x, _shape, window) => ({ places, shape: x.shape, window }),
  backward: ([g], { places, shape, window }) => [maxPoolGradient(g, places, shape, window)],
});

const maxPoolBackward = defineOp({
  name: 'maxPool2dBackward',
  inputs: ['gradient', 'places'],
  forward: (g: Tensor, places: Tensor, shape: readonly number[], window: Window) => {
    const out = emptyStrided(shape, channelsLastStrides(shape), g.dtype);
    native.maxPool2dBackward(out._id, g._id, places._id, ...numbers(window));
    return out;
  },
  save: (_out, _g, places, _shape, window) => ({ places, window }),
  backward: ([gg], { places, window }) => [pickMaxima(gg, places, window), null],
});

const flatIndicesOp = defineOp({
  name: 'maxPoolIndices',
  inputs: ['places'],
  forward: (places: Tensor, width: number, w: Window) => {
    const out = emptyStrided(places.shape, channelsLastStrides(places.shape), 'int64');
    native.maxPoolIndices(out._id, places._id, width, w.kernel[1], ...w.stride, ...w.padding, ...w.dilation);
    return out;
  },
});

function maxPoolGradient(g: Tensor, places: Tensor, shape: readonly number[], window: Window): Tensor {
  return maxPoolBackward(contiguous(g, 'channelsLast'), places, shape, window);
}

/** The elements of `x` at the maxima. */
function pickMaxima(x: Tensor, places: Tensor, window: Window): Tensor {
  const [n, c, h, w] = x.shape;
  const [, , outH, outW] = places.shape;
  const flat = reshape(flatIndicesOp(places, w, window), [n, c, outH * outW]);
  return reshape(gather(reshape(x, [n, c, h * w]), 2, flat), [n, c, outH, outW]);
}

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
export function maxPool2d(
  x: Tensor,
  kernelSize: Pair,
  options: MaxPool2dOptions & { returnIndices: true },
): readonly [output: Tensor, indices: Tensor];
export function maxPool2d(x: Tensor, kernelSize: Pair, options?: MaxPool2dOptions & { returnIndices?: false }): Tensor;
export function maxPool2d(
  x: Tensor,
  kernelSize: Pair,
  options: MaxPool2dOptions = {},
): Tensor | readonly [Tensor, Tensor] {
  checkInput('maxPool2d', x);
  const window = windowOf('maxPool2d', kernelSize, options);
  const { ceilMode = false, returnIndices = false } = options;
  checkFlag('maxPool2d', 'returnIndices', returnIndices);
  const batch = contiguous(x.ndim === 3 ? unsqueeze(x, 0) : x, 'channelsLast');
  const [out, places] = maxPoolOp(batch, outputShape('maxPool2d', batch.shape, window, ceilMode), window);
  const unbatched = (y: Tensor): Tensor => (x.ndim === 3 ? squeeze(y, 0) : y);
  if (!returnIndices) {
    places.dispose(); // what backward needs stays
    return unbatched(out);
  }
  const indices = flatIndicesOp(places, batch.shape[3], window);
  places.dispose();
  return [unbatched(out), unbatched(indices)];
}

const averageNumbers = (a: Averaging) => [...a.kernel, ...a.stride, ...a.padding] as const;

const avgPoolOp = defineOp({
  name: 'avgPool2d',
  inputs: ['input'],
  forward: (x: Tensor, shape: readonly number[], a: Averaging) => {
    const out = emptyStrided(shape, channelsLastStrides(shape), x.dtype);
    const [kh, kw, sh, sw, ph, pw] = averageNumbers(a);
    native.avgPool2d(out._id, x._id, kh, kw, sh, sw, ph, pw, a.countIncludePad, a.divisor);
    return out;
  },
  save: (_out, x, _shape, averaging) => ({ shape: x.shape, averaging }),
  backward: ([g], { shape, averaging }) => [avgPoolGradient(g, shape, averaging)],
});

const avgPoolBackward = defineOp({
  name: 'avgPool2dBackward',
  inputs: ['gradient'],
  forward: (g: Tensor, shape: readonly number[], a: Averaging) => {
    const out = emptyStrided(shape, channelsLastStrides(shape), g.dtype);
    const [kh, kw, sh, sw, ph, pw] = averageNumbers(a);
    native.avgPool2dBackward(out._id, g._id, kh, kw, sh, sw, ph, pw, a.countIncludePad, a.divisor);
    return out;
  },
  save: (_out, g, _shape, averaging) => ({ shape: g.shape, averaging }),
  backward: ([gg], { shape, averaging }) => [avgPoolAgain(gg, shape, averaging)],
});

function avgPoolGradient(g: Tensor, shape: readonly number[], averaging: Averaging): Tensor {
  return avgPoolBackward(contiguous(g, 'channelsLast'), shape, averaging);
}

function avgPoolAgain(x: Tensor, shape: readonly number[], averaging: Averaging): Tensor {
  return avgPoolOp(contiguous(x, 'channelsLast'), shape, averaging);
}

/**
 * The mean of each window of `[N, C, H, W]`, or of `[C, H, W]` without a batch. The output's size is that of
 * {@link maxPool2d} with dilation 1. What a window has beyond the padding never counts; the padding counts unless
 * `countIncludePad` is false.
 *
 * @throws ShapeError where the window does not fit into the input, ArgumentError for padding over half the window.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.avg_pool2d.html
 */
export function avgPool2d(x: Tensor, kernelSize: Pair, options: AvgPool2dOptions = {}): Tensor {
  checkInput('avgPool2d', x);
  checkOptions('avgPool2d', options);
  const { stride, padding, ceilMode = false, countIncludePad = true, divisorOverride = null } = options;
  const window = windowOf('avgPool2d', kernelSize, { stride, padding, ceilMode });
  checkFlag('avgPool2d', 'countIncludePad', countIncludePad);
  if (divisorOverride !== null && (!Number.isSafeInteger(divisorOverride) || divisorOverride === 0)) {
    const text = `divisorOverride must be an integer other than 0, got ${valueText(divisorOverride)}`;
    throw new ArgumentError('avgPool2d', text, divisorOverride);
  }
  const batch = contiguous(x.ndim === 3 ? unsqueeze(x, 0) : x, 'channelsLast');
  const shape = outputShape('avgPool2d', batch.shape, window, ceilMode);
  const out = avgPoolOp(batch, shape, { ...window, countIncludePad, divisor: divisorOverride ?? 0 });
  return x.ndim === 3 ? squeeze(out, 0) : out;
}
