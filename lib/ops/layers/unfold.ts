// Sliding windows as columns and back: torch.nn.functional.unfold and fold (im2col, col2im).
import { DTypeError, ShapeError, shapeText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { isFloating } from '../../tensor/dtype.js';
import { checkShape } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { reshape } from '../shape/view.js';
import { type Size2, sizes } from './sizes.js';

/** Options of {@link unfold} and {@link fold}. */
export interface UnfoldOptions {
  /** Distance of the window's elements. Default 1. */
  dilation?: Size2;
  /** Zeros around the image. Default 0. */
  padding?: Size2;
  /** Step between windows. Default 1. */
  stride?: Size2;
}

type Two = readonly [number, number];

interface Windows {
  readonly kernel: Two;
  readonly dilation: Two;
  readonly padding: Two;
  readonly stride: Two;
}

const pair = (op: string, name: string, value: unknown, least: number): Two =>
  sizes(op, name, value, 2, least) as [number, number];

function windowsOf(op: string, kernelSize: Size2, options: UnfoldOptions): Windows {
  checkOptions(op, options);
  const { dilation = 1, padding = 0, stride = 1 } = options;
  return {
    kernel: pair(op, 'kernelSize', kernelSize, 1),
    dilation: pair(op, 'dilation', dilation, 1),
    padding: pair(op, 'padding', padding, 0),
    stride: pair(op, 'stride', stride, 1),
  };
}

/** Window positions along one axis. */
function positions(op: string, w: Windows, size: Two, axis: 0 | 1): number {
  const reach = w.dilation[axis] * (w.kernel[axis] - 1) + 1;
  const room = size[axis] + 2 * w.padding[axis];
  if (reach > room) {
    throw new ShapeError(
      op,
      `the window spans ${reach}, the padded ${axis === 0 ? 'height' : 'width'} is ${room} (image ${shapeText(size)})`,
      size,
    );
  }
  return Math.floor((room - reach) / w.stride[axis]) + 1;
}

function checkFloat(op: string, x: Tensor): void {
  if (!isFloating(x.dtype)) throw new DTypeError(op, `float32 or float64 is needed, got ${x.dtype}`, x.dtype);
}

type Kernel = (
  to: number,
  from: number,
  kh: number,
  kw: number,
  dh: number,
  dw: number,
  ph: number,
  pw: number,
  sh: number,
  sw: number,
) => void;

function run(kernel: Kernel, to: Tensor, from: Tensor, w: Windows): Tensor {
  kernel(to._id, from._id, ...w.kernel, ...w.dilation, ...w.padding, ...w.stride);
  return to;
}

const unfoldOp = defineOp({
  name: 'unfold',
  inputs: ['input'],
  forward: (x: Tensor, w: Windows) => {
    const [n, c, h, width] = x.shape;
    const size: Two = [h, width];
    const shape = [n, c * w.kernel[0] * w.kernel[1], positions('unfold', w, size, 0) * positions('unfold', w, size, 1)];
    return run(native.unfold, emptyContiguous(checkShape('unfold', shape), x.dtype), x, w);
  },
  save: (_out, x, w) => ({ size: [x.shape[2], x.shape[3]] as Two, w }),
  backward: ([g], { size, w }) => [fold(g, size, w.kernel, w)],
});

const foldOp = defineOp({
  name: 'fold',
  inputs: ['input'],
  forward: (x: Tensor, size: Two, w: Windows) => {
    const shape = [x.shape[0], x.shape[1] / (w.kernel[0] * w.kernel[1]), ...size];
    return run(native.fold, emptyContiguous(checkShape('fold', shape), x.dtype), x, w);
  },
  save: (_out, _x, _size, w) => ({ w }),
  backward: ([g], { w }) => [unfold(g, w.kernel, w)],
});

/**
 * Every window of an image as a column: `[N, C, H, W]` to `[N, C * kh * kw, L]`, `L` window positions in row order.
 * Without a batch, `[C, H, W]` to `[C * kh * kw, L]`.
 * @throws ShapeError when the window is larger than the padded image.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.unfold.html
 */
export function unfold(input: Tensor, kernelSize: Size2, options: UnfoldOptions = {}): Tensor {
  checkTensor('unfold', input);
  const windows = windowsOf('unfold', kernelSize, options);
  checkFloat('unfold', input);
  if (input.ndim !== 3 && input.ndim !== 4) {
    throw new ShapeError('unfold', `[N, C, H, W] or [C, H, W] is needed, got ${shapeText(input.shape)}`, input.shape);
  }
  if (input.ndim === 4) return unfoldOp(input, windows);
  const out = unfoldOp(reshape(input, [1, ...input.shape]), windows);
  return reshape(out, out.shape.slice(1));
}

/**
 * The reverse of {@link unfold}: adds every column `[N, C * kh * kw, L]` into its window of an image
 * `[N, C, ...outputSize]`; overlapping windows add up.
 * @throws ShapeError when rows or columns do not match the windows of `outputSize`.
 */
export function fold(input: Tensor, outputSize: Size2, kernelSize: Size2, options: UnfoldOptions = {}): Tensor {
  checkTensor('fold', input);
  const windows = windowsOf('fold', kernelSize, options);
  const size = pair('fold', 'outputSize', outputSize, 1);
  checkFloat('fold', input);
  if (input.ndim !== 2 && input.ndim !== 3) {
    throw new ShapeError('fold', `[N, C * kh * kw, L] or [C * kh * kw, L] is needed, got ${shapeText(input.shape)}`);
  }
  const [rows, length] = input.shape.slice(-2);
  const each = windows.kernel[0] * windows.kernel[1];
  const expected = positions('fold', windows, size, 0) * positions('fold', windows, size, 1);
  if (rows % each !== 0 || length !== expected) {
    const rule = `rows must be a multiple of ${each} and columns ${expected} for image ${shapeText(size)}`;
    throw new ShapeError('fold', `${rule}, got ${shapeText(input.shape)}`, input.shape, size);
  }
  if (input.ndim === 3) return foldOp(input, size, windows);
  const out = foldOp(reshape(input, [1, rows, length]), size, windows);
  return reshape(out, out.shape.slice(1));
}
