import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';

/** Most axes a tensor may have (native/runtime/tensor.h). */
export const MAX_DIMS = 8;

export function numelOf(shape: readonly number[]): number {
  let n = 1;
  for (let i = 0; i < shape.length; i++) n *= shape[i];
  return n;
}

/** Row-major strides, in elements. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= Math.max(shape[i], 1);
  }
  return strides;
}

/** Strides of a dense tensor whose memory runs through the axes in `order`, slowest first. */
export function stridesInOrder(shape: readonly number[], order: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let k = order.length - 1; k >= 0; k--) {
    strides[order[k]] = step;
    step *= Math.max(shape[order[k]], 1);
  }
  return strides;
}

/** By the number of axes: sequences, images, volumes. */
const CHANNELS_LAST = [[], [], [], [0, 2, 1], [0, 2, 3, 1], [0, 2, 3, 4, 1]];
const KERNEL = [[], [], [], [2, 1, 0], [2, 3, 1, 0], [2, 3, 4, 1, 0]];

/** Whether tensors of `ndim` axes have a channels-last layout. */
export const hasChannelsLast = (ndim: number): boolean => ndim >= 3 && ndim <= 5;

/** Strides of `[N, C, L]`, `[N, C, H, W]` or `[N, C, D, H, W]` whose memory runs N, ..., C. */
export const channelsLastStrides = (shape: readonly number[]): number[] =>
  stridesInOrder(shape, CHANNELS_LAST[shape.length]);

/** Strides of a convolution's `[O, I, ...]` whose memory runs ..., I, O. */
export const kernelStrides = (shape: readonly number[]): number[] => stridesInOrder(shape, KERNEL[shape.length]);

function isDenseIn(shape: readonly number[], strides: readonly number[], order: readonly number[]): boolean {
  let step = 1;
  for (let k = order.length - 1; k >= 0; k--) {
    const i = order[k];
    if (shape[i] === 1) continue;
    if (strides[i] !== step) return numelOf(shape) === 0;
    step *= shape[i];
  }
  return true;
}

export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] === 1) continue;
    if (strides[i] !== step) return numelOf(shape) === 0;
    step *= shape[i];
  }
  return true;
}

export const isChannelsLast = (shape: readonly number[], strides: readonly number[]): boolean =>
  hasChannelsLast(shape.length) && isDenseIn(shape, strides, CHANNELS_LAST[shape.length]);

export const isKernelLayout = (shape: readonly number[], strides: readonly number[]): boolean =>
  hasChannelsLast(shape.length) && isDenseIn(shape, strides, KERNEL[shape.length]);

/** Axes from the slowest to the fastest in memory; ties, and expanded axes (stride 0), keep their place. */
export function memoryOrder(shape: readonly number[], strides: readonly number[]): number[] {
  const order = shape.map((_, i) => i);
  for (let i = 1; i < order.length; i++) {
    for (let at = i, before = i - 1; before >= 0; before--) {
      const outer = strides[order[before]];
      const inner = strides[order[at]];
      if (outer === 0 || inner === 0 || outer === inner) continue;
      if (outer > inner) break;
      [order[before], order[at]] = [order[at], order[before]];
      at = before;
    }
  }
  return order;
}

/** True when the elements fill a block of memory without gaps or overlaps, in any order of axes. */
export function isDense(shape: readonly number[], strides: readonly number[]): boolean {
  return isContiguous(shape, strides) || isDenseIn(shape, strides, memoryOrder(shape, strides));
}

/** An axis, negative counted from the end. `op` and the shape go into the error. */
export function checkDim(op: string, dim: number, ndim: number): number {
  const n = Math.max(ndim, 1);
  if (!Number.isInteger(dim)) throw new ArgumentError(op, `dim must be an integer, got ${valueText(dim)}`, dim);
  if (dim < -n || dim >= n) {
    throw new ShapeError(
      op,
      `dim ${dim} is out of range for a tensor of ${ndim} dimensions (expected [${-n}, ${n - 1}])`,
    );
  }
  return dim < 0 ? dim + n : dim;
}

/** A list of distinct axes; undefined means all. */
export function checkDims(op: string, dims: number | readonly number[] | undefined | null, ndim: number): number[] {
  if (dims === undefined || dims === null) return Array.from({ length: ndim }, (_, i) => i);
  if (typeof dims !== 'number' && !Array.isArray(dims)) {
    throw new ArgumentError(op, `dims must be an axis or an array of axes, got ${valueText(dims)}`, dims);
  }
  const list = (typeof dims === 'number' ? [dims] : dims).map((d) => checkDim(op, d, ndim));
  if (new Set(list).size !== list.length) throw new ShapeError(op, `a dim appears twice in [${list.join(', ')}]`);
  return list;
}

export function checkShape(op: string, shape: readonly number[]): readonly number[] {
  if (!Array.isArray(shape))
    throw new ArgumentError(op, `shape must be an array of sizes, got ${valueText(shape)}`, shape);
  if (shape.length > MAX_DIMS) throw new ShapeError(op, `at most ${MAX_DIMS} dimensions, got ${shape.length}`, shape);
  let n = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new ShapeError(op, `sizes must be integers >= 0, got ${shapeText(shape)}`, shape);
    }
    n *= Math.max(size, 1);
  }
  if (n > 2 ** 48) throw new ShapeError(op, `${shapeText(shape)} has too many elements`, shape);
  return shape;
}

/** NumPy and PyTorch broadcasting. */
export function broadcastShapes(op: string, a: readonly number[], b: readonly number[]): readonly number[] {
  if (sameShape(a, b)) return a;
  const n = Math.max(a.length, b.length);
  const out = new Array<number>(n);
  for (let i = 1; i <= n; i++) {
    const x = i <= a.length ? a[a.length - i] : 1;
    const y = i <= b.length ? b[b.length - i] : 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError(
        op,
        `${shapeText(a)} and ${shapeText(b)} do not broadcast: ${x} and ${y} at dim ${n - i}`,
        a,
        b,
      );
    }
    out[n - i] = x === 1 ? y : x;
  }
  return out;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
