// What all kinds of pooling share: options, checks, and the windows as the kernels take them (native/ops/pool.h).
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { isFloating } from '../../tensor/dtype.js';
import type { Tensor } from '../../tensor/tensor.js';
import { contiguous, squeeze, unsqueeze } from '../shape/view.js';
import { sizes } from './sizes.js';

/** Options of a window that slides over its input. */
export interface WindowOptions<S> {
  /** Step of the window. Default: its size. */
  stride?: S | null;
  /** Also take windows that reach beyond the input's end. Default false. */
  ceilMode?: boolean;
}

/** Options of a window that slides over a padded input. */
export interface PaddedWindowOptions<S> extends WindowOptions<S> {
  /** Positions added on all sides; at most half the window. Default 0. */
  padding?: S;
}

/** @internal Windows over images `[N, C, ...]`. */
export interface Windows {
  /** Of the output. */
  readonly shape: readonly number[];
  /** Positions of the largest window. */
  readonly positions: number;
  /** Size, output, kernel, stride, padding, dilation of D, then of H, then of W. */
  readonly numbers: readonly number[];
}

const MAX_WINDOW = 2 ** 28;
const INPUTS = ['', '[N, C, L] or [C, L]', '[N, C, H, W] or [C, H, W]', '[N, C, D, H, W] or [C, D, H, W]'];

/** @internal */
export function checkFlag(op: string, name: string, value: unknown): void {
  if (typeof value !== 'boolean')
    throw new ArgumentError(op, `${name} must be a boolean, got ${valueText(value)}`, value);
}

/** @internal */
export function checkImages(op: string, x: Tensor, axes: number): void {
  checkTensor(op, x);
  if (!isFloating(x.dtype)) throw new DTypeError(op, `input must be float32 or float64, got ${x.dtype}`, x.dtype);
  if (x.ndim !== axes + 1 && x.ndim !== axes + 2) {
    throw new ShapeError(op, `input must be ${INPUTS[axes]}, got ${shapeText(x.shape)}`, x.shape);
  }
  if (x.shape.slice(-axes - 1).includes(0)) {
    throw new ShapeError(op, `only the batch may be empty, got ${shapeText(x.shape)}`, x.shape);
  }
}

/** @internal With a batch, where there was none, channels last. */
export const batchOf = (x: Tensor, axes: number): Tensor =>
  contiguous(x.ndim === axes + 1 ? unsqueeze(x, 0) : x, 'channelsLast');

/** @internal Without a batch, where `x` has none. */
export const unbatched = (y: Tensor, x: Tensor): Tensor => (x.ndim < y.ndim ? squeeze(y, 0) : y);

/** One axis: size, output, kernel, stride, padding, dilation. */
type Axis = readonly [number, number, number, number, number, number];

const SINGLE: Axis = [1, 1, 1, 1, 0, 1];

function positionsOf(op: string, kernel: readonly number[]): number {
  const positions = kernel.reduce((a, b) => a * b);
  if (positions <= MAX_WINDOW) return positions;
  throw new ArgumentError(op, `a window of ${kernel.join(' x ')} is too large`, kernel);
}

function windowsFrom(positions: number, shape: readonly number[], axes: readonly Axis[]): Windows {
  const all = [...new Array<Axis>(3 - axes.length).fill(SINGLE), ...axes];
  return { shape: [...shape.slice(0, 2), ...axes.map((axis) => axis[1])], positions, numbers: all.flat() };
}

function outputSize(size: number, [kernel, stride, padding, dilation]: number[], ceilMode: boolean): number {
  const room = size + 2 * padding - dilation * (kernel - 1) - 1;
  const out = Math.floor((room + (ceilMode ? stride - 1 : 0)) / stride) + 1;
  // The last window must begin inside the input or the padding before it.
  return ceilMode && (out - 1) * stride >= size + padding ? out - 1 : out;
}

/** @internal Windows of one size over images of `shape` `[N, C, ...]`. */
export function slidingWindows(
  op: string,
  shape: readonly number[],
  kernelSize: unknown,
  options: PaddedWindowOptions<unknown> & { dilation?: unknown },
): Windows {
  checkOptions(op, options);
  const axes = shape.length - 2;
  const { stride, padding = 0, dilation = 1, ceilMode = false } = options;
  checkFlag(op, 'ceilMode', ceilMode);
  const kernel = sizes(op, 'kernelSize', kernelSize, axes, 1);
  const steps = sizes(op, 'stride', stride ?? kernelSize, axes, 1);
  const zeros = sizes(op, 'padding', padding, axes, 0);
  const gaps = sizes(op, 'dilation', dilation, axes, 1);
  const positions = positionsOf(op, kernel);
  const size = shape.slice(2);
  const list = size.map((n, i): Axis => {
    const reach = (kernel[i] - 1) * gaps[i] + 1;
    if (zeros[i] > reach / 2) {
      throw new ArgumentError(op, `padding ${zeros[i]} is more than half of the window's ${reach}`, padding);
    }
    const out = outputSize(n, [kernel[i], steps[i], zeros[i], gaps[i]], ceilMode);
    return [n, out, kernel[i], steps[i], zeros[i], gaps[i]];
  });
  if (list.some((axis) => axis[1] < 1)) {
    const rule = `a window of ${kernel.join(' x ')} does not fit into an input of ${size.join(' x ')}`;
    const text = `${rule} (padding ${shapeText(zeros)}, dilation ${shapeText(gaps)})`;
    throw new ShapeError(op, text, shape, kernel);
  }
  return windowsFrom(positions, shape, list);
}

/** @internal The size of an output; null stands for the input's. */
export function adaptiveSize(op: string, size: readonly number[], outputSize: unknown): number[] {
  const given = Array.isArray(outputSize) ? outputSize.map((n, i) => n ?? size[i]) : outputSize;
  return sizes(op, 'outputSize', given, size.length, 0);
}

/** @internal Windows that share out the input: output `i` of `n` begins at `floor(i * size / n)`. */
export function adaptiveWindows(op: string, shape: readonly number[], out: readonly number[]): Windows {
  const list = shape.slice(2).map((size, i): Axis => {
    const n = out[i];
    // Equal windows side by side are sliding ones; of the others, stride 0 and how long they are at most.
    if (n > 0 && size % n === 0) return [size, n, size / n, size / n, 0, 1];
    return [size, n, n === 0 ? 1 : Math.ceil(size / n) + 1, 0, 0, 1];
  });
  const kernel = list.map((axis) => axis[2]);
  return windowsFrom(positionsOf(op, kernel), shape, list);
}
