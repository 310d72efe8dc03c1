// Views share memory: no kernel runs. Each is recorded; its gradient is the inverse view or a scatter of it.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkTensor } from '../../tensor/check.js';
import { emptyLikeLayout, stridesLike } from '../../tensor/create.js';
import { checkDType, type DType } from '../../tensor/dtype.js';
import {
  channelsLastStrides,
  checkDim,
  checkDims,
  checkShape,
  contiguousStrides,
  hasChannelsLast,
  isContiguous,
  isKernelLayout,
  kernelStrides,
  numelOf,
  sameShape,
} from '../../tensor/layout.js';
import { emptyStrided, type Tensor, viewOf } from '../../tensor/tensor.js';
import { ReduceOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { provideConversion } from '../narrow.js';

/** Strides that show the same elements in another shape without a copy, or null. */
function strideForShape(shape: readonly number[], strides: readonly number[], to: readonly number[]): number[] | null {
  if (isContiguous(shape, strides)) return contiguousStrides(to);
  const out = new Array<number>(to.length);
  let at = to.length - 1;
  let base = strides[strides.length - 1];
  let have = 1; // elements of the current run of axes that are contiguous among themselves
  let placed = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    have *= shape[i];
    if (i > 0 && (shape[i - 1] === 1 || strides[i - 1] === have * base)) continue;
    while (at >= 0 && (placed < have || to[at] === 1)) {
      out[at] = placed * base;
      placed *= to[at--];
    }
    if (placed !== have) return null;
    if (i > 0) base = strides[i - 1];
    have = 1;
    placed = 1;
  }
  return at < 0 ? out : null;
}

/** @internal Fills in the one -1 of a target shape. */
export function inferShape(op: string, from: readonly number[], to: readonly number[]): readonly number[] {
  if (!Array.isArray(to)) throw new ArgumentError(op, `shape must be an array of sizes, got ${valueText(to)}`, to);
  const unknown = to.indexOf(-1);
  const numel = numelOf(from);
  const mismatch = () =>
    new ShapeError(op, `${shapeText(from)} (${numel} elements) cannot become ${shapeText(to)}`, from, to);
  if (unknown < 0) {
    checkShape(op, to);
    if (numelOf(to) !== numel) throw mismatch();
    return to;
  }
  const rest = to.filter((_, i) => i !== unknown);
  checkShape(op, rest);
  const known = numelOf(rest);
  if (known === 0 || numel % known !== 0) throw mismatch();
  return to.map((size, i) => (i === unknown ? numel / known : size));
}

const reshapeView = defineOp({
  name: 'reshape',
  inputs: ['input'],
  view: true,
  forward: (x: Tensor, shape: readonly number[], strides: readonly number[]) => viewOf(x, shape, strides),
  save: (_out, x) => ({ shape: x.shape }),
  backward: ([g], { shape }) => [reshape(g, shape)],
});

const copyAs = defineOp({
  name: 'copy',
  narrow: 'moves',
  inputs: ['input'],
  forward: (x: Tensor, strides: readonly number[] | null, dtype: DType) => {
    const out = strides ? emptyStrided(x.shape, strides, dtype) : emptyLikeLayout(x, dtype);
    native.copy(out._id, x._id);
    return out;
  },
  save: (_out, x) => ({ dtype: x.dtype }),
  backward: ([g], { dtype }) => [to(g, dtype)],
});

const permuteView = defineOp({
  name: 'permute',
  inputs: ['input'],
  view: true,
  forward: (x: Tensor, dims: readonly number[]) =>
    viewOf(
      x,
      dims.map((d) => x.shape[d]),
      dims.map((d) => x.strides[d]),
    ),
  save: (_out, _x, dims) => ({ dims }),
  backward: ([g], { dims }) => {
    const inverse = new Array<number>(dims.length);
    dims.forEach((d, i) => {
      inverse[d] = i;
    });
    return [permute(g, inverse)];
  },
});

const expandView = defineOp({
  name: 'expand',
  inputs: ['input'],
  view: true,
  forward: (x: Tensor, shape: readonly number[]) => {
    const extra = shape.length - x.ndim;
    const strides = shape.map((size, i) =>
      i < extra || (x.shape[i - extra] === 1 && size !== 1) ? 0 : x.strides[i - extra],
    );
    return viewOf(x, shape, strides);
  },
  save: (_out, x) => ({ shape: x.shape }),
  backward: ([g], { shape }) => [sumTo(g, shape)],
});

/** Adds up what broadcasting to `g.shape` had repeated, down to `shape`. The gradient of {@link expand}, and its inverse. */
export function sumTo(g: Tensor, shape: readonly number[]): Tensor {
  return sameShape(g.shape, shape) ? g : sumToOp(g, shape);
}

const sumToOp = defineOp({
  name: 'sumTo',
  inputs: ['input'],
  forward: (x: Tensor, shape: readonly number[]) => {
    const extra = x.ndim - shape.length;
    const kept = x.shape.map((size, i) => (i < extra || shape[i - extra] === 1 ? 1 : size));
    const dims = x.shape.flatMap((size, i) => (kept[i] === 1 && size !== 1 ? [i] : []));
    const out = emptyStrided(kept, stridesLike(x, kept), x.dtype);
    native.reduce(ReduceOp.sum, out._id, x._id, dims);
    if (extra === 0) return out;
    const result = viewOf(out, kept.slice(extra), out.strides.slice(extra));
    out.dispose();
    return result;
  },
  save: (_out, x) => ({ shape: x.shape }),
  backward: ([g], { shape }) => [expand(g, shape)],
});

/** Zeros of `shape` with `g` written to a slice; the gradient of that slice. */
function sliceGradient(g: Tensor, shape: readonly number[], dim: number, start: number, step: number): Tensor {
  return sliceBackward(g, shape, dim, start, step);
}

const sliceBackward = defineOp({
  name: 'sliceBackward',
  narrow: 'moves',
  inputs: ['gradient'],
  forward: (g: Tensor, shape: readonly number[], dim: number, start: number, step: number) => {
    const out = emptyStrided(shape, stridesLike(g, shape), g.dtype);
    native.fill(out._id, 0);
    const strides = out.strides.map((stride, i) => (i === dim ? stride * step : stride));
    const target = viewOf(out, g.shape, strides, g.numel === 0 ? 0 : start * out.strides[dim]);
    native.copy(target._id, g._id);
    target.dispose();
    return out;
  },
  save: (_out, g, _shape, dim, start, step) => ({ dim, start, step, length: g.shape[dim] }),
  backward: ([g], { dim, start, step, length }) => [slice(g, dim, start, start + length * step, step)],
});

const sliceView = defineOp({
  name: 'slice',
  inputs: ['input'],
  view: true,
  forward: (x: Tensor, dim: number, start: number, length: number, step: number) => {
    const shape = x.shape.map((size, i) => (i === dim ? length : size));
    const strides = x.strides.map((stride, i) => (i === dim ? stride * step : stride));
    return viewOf(x, shape, strides, length === 0 ? 0 : start * x.strides[dim]);
  },
  save: (_out, x, dim, start, _length, step) => ({ shape: x.shape, dim, start, step }),
  backward: ([g], { shape, dim, start, step }) => [sliceGradient(g, shape, dim, start, step)],
});

/** The same elements in another shape; one size may be -1. A view where the strides allow it, else a copy. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  checkTensor('reshape', x);
  const target = inferShape('reshape', x.shape, shape);
  const strides = strideForShape(x.shape, x.strides, target);
  return strides ? reshapeView(x, target, strides) : reshapeView(contiguous(x), target, contiguousStrides(target));
}

/** {@link reshape} that never copies. @throws ShapeError when the strides do not allow it. */
export function view(x: Tensor, shape: readonly number[]): Tensor {
  checkTensor('view', x);
  const target = inferShape('view', x.shape, shape);
  const strides = strideForShape(x.shape, x.strides, target);
  if (!strides) {
    throw new ShapeError(
      'view',
      `strides ${shapeText(x.strides)} do not allow shape ${shapeText(target)}; use reshape`,
    );
  }
  return reshapeView(x, target, strides);
}

/** Joins the axes `start` to `end` (inclusive; defaults 0 and -1). */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  checkTensor('flatten', x);
  const a = checkDim('flatten', start, x.ndim);
  const b = checkDim('flatten', end, x.ndim);
  if (a > b) throw new ShapeError('flatten', `start ${start} lies behind end ${end} (${shapeText(x.shape)})`, x.shape);
  if (x.ndim === 0) return reshape(x, [1]);
  return reshape(x, [...x.shape.slice(0, a), numelOf(x.shape.slice(a, b + 1)), ...x.shape.slice(b + 1)]);
}

/** Reorders the axes. */
export function permute(x: Tensor, dims: readonly number[]): Tensor {
  checkTensor('permute', x);
  if (!Array.isArray(dims)) throw new ArgumentError('permute', `dims must be an array, got ${valueText(dims)}`, dims);
  const list = dims.map((d) => checkDim('permute', d, x.ndim));
  if (list.length !== x.ndim || new Set(list).size !== x.ndim) {
    throw new ShapeError('permute', `dims ${shapeText(dims)} are not an order of ${x.ndim} axes`, x.shape);
  }
  return permuteView(x, list);
}

/** Swaps two axes. */
export function transpose(x: Tensor, dim0: number, dim1: number): Tensor {
  checkTensor('transpose', x);
  const dims = x.shape.map((_, i) => i);
  const a = checkDim('transpose', dim0, x.ndim);
  const b = checkDim('transpose', dim1, x.ndim);
  if (x.ndim === 0) return permuteView(x, []);
  dims[a] = b;
  dims[b] = a;
  return permuteView(x, dims);
}

/** Repeats axes of size 1, without a copy; -1 keeps a size. */
export function expand(x: Tensor, shape: readonly number[]): Tensor {
  checkTensor('expand', x);
  if (!Array.isArray(shape))
    throw new ArgumentError('expand', `shape must be an array, got ${valueText(shape)}`, shape);
  const extra = shape.length - x.ndim;
  const fails = () =>
    new ShapeError('expand', `${shapeText(x.shape)} cannot become ${shapeText(shape)}`, x.shape, shape);
  if (extra < 0) throw fails();
  const target = shape.map((size, i) => {
    if (i < extra) return size;
    const own = x.shape[i - extra];
    if (size !== -1 && size !== own && own !== 1) throw fails();
    return size === -1 ? own : size;
  });
  checkShape('expand', target);
  return sameShape(target, x.shape) ? x : expandView(x, target);
}

/**
 * Removes axes of size 1: all, one, or those listed; a listed axis of another size stays. A view.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.squeeze.html
 */
export function squeeze(x: Tensor, dim?: number | readonly number[]): Tensor {
  checkTensor('squeeze', x);
  const listed = dim === undefined ? null : new Set(checkDims('squeeze', dim, x.ndim));
  const shape = x.shape.filter((size, i) => size !== 1 || (listed !== null && !listed.has(i)));
  return reshape(x, shape);
}

/** Inserts an axis of size 1 at `dim`. */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  checkTensor('unsqueeze', x);
  const at = checkDim('unsqueeze', dim, x.ndim + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** `length` positions of an axis from `start` on; a view. */
export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
  checkTensor('narrow', x);
  const d = checkDim('narrow', dim, x.ndim);
  const size = x.shape[d];
  const whole = Number.isInteger(start) && Number.isInteger(length);
  const from = whole && start < 0 ? start + size : start;
  if (!whole || from < 0 || length < 0 || from + length > size) {
    throw new ShapeError(
      'narrow',
      `[${valueText(start)}, ${valueText(start)} + ${valueText(length)}) is outside dim ${d} of ${shapeText(x.shape)}`,
      x.shape,
    );
  }
  return sliceView(x, d, from, length, 1);
}

/** One position of an axis, which goes away; a view. */
export function select(x: Tensor, dim: number, index: number): Tensor {
  checkTensor('select', x);
  const d = checkDim('select', dim, x.ndim);
  const size = x.shape[d] ?? 0;
  const whole = Number.isInteger(index);
  const at = whole && index < 0 ? index + size : index;
  if (!whole || at < 0 || at >= size) {
    throw new ShapeError('select', `index ${valueText(index)} is outside dim ${d} of ${shapeText(x.shape)}`, x.shape);
  }
  return squeeze(sliceView(x, d, at, 1, 1), d);
}

/** Python's `x[start:end:step]` along one axis (step > 0); out-of-range ends are clipped. A view. */
export function slice(x: Tensor, dim: number, start?: number | null, end?: number | null, step = 1): Tensor {
  checkTensor('slice', x);
  const d = checkDim('slice', dim, x.ndim);
  if (x.ndim === 0) throw new ShapeError('slice', 'a 0-d tensor has no axis to slice', x.shape);
  if (!Number.isInteger(step) || step < 1)
    throw new ArgumentError('slice', `step must be >= 1, got ${valueText(step)}`, step);
  const size = x.shape[d];
  const clip = (value: number | null | undefined, fallback: number): number => {
    if (value === undefined || value === null) return fallback;
    if (!Number.isInteger(value))
      throw new ArgumentError('slice', `positions must be integers, got ${valueText(value)}`, value);
    return Math.min(Math.max(value < 0 ? value + size : value, 0), size);
  };
  const from = clip(start, 0);
  const length = Math.max(Math.ceil((clip(end, size) - from) / step), 0);
  return sliceView(x, d, from, length, step);
}

/**
 * Row-major memory: the tensor itself when it already is, else a copy. `'channelsLast'`: memory that runs N, ..., C, for
 * `[N, C, L]`, `[N, C, H, W]` and `[N, C, D, H, W]`.
 */
export function contiguous(x: Tensor, memoryFormat: 'contiguous' | 'channelsLast' = 'contiguous'): Tensor {
  checkTensor('contiguous', x);
  if (memoryFormat === 'channelsLast') {
    if (!hasChannelsLast(x.ndim)) {
      throw new ShapeError('contiguous', `channelsLast needs 3 to 5 dimensions, got ${shapeText(x.shape)}`, x.shape);
    }
    return x.isChannelsLast() ? x : copyAs(x, channelsLastStrides(x.shape), x.dtype);
  }
  return x.isContiguous() ? x : copyAs(x, contiguousStrides(x.shape), x.dtype);
}

/** @internal The weight of a convolution in the order its kernels read: itself when it already is, else a copy. */
export function kernelLayout(weight: Tensor): Tensor {
  if (isKernelLayout(weight.shape, weight.strides)) return weight;
  return copyAs(weight, kernelStrides(weight.shape), weight.dtype);
}

/** A copy with memory of its own. */
export function clone(x: Tensor): Tensor {
  checkTensor('clone', x);
  return copyAs(x, null, x.dtype);
}

/** The tensor in another dtype: itself when it has it, else a copy. Gradients are converted back. */
export function to(x: Tensor, dtype: DType): Tensor {
  checkTensor('to', x);
  checkDType('to', dtype);
  return x.dtype === dtype ? x : copyAs(x, null, dtype);
}

provideConversion(to);

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link reshape}. */
    reshape(shape: readonly number[]): Tensor;
    /** See {@link flatten}. */
    flatten(start?: number, end?: number): Tensor;
    /** See {@link permute}. */
    permute(dims: readonly number[]): Tensor;
    /** See {@link transpose}. */
    transpose(dim0: number, dim1: number): Tensor;
    /** See {@link expand}. */
    expand(shape: readonly number[]): Tensor;
    /** See {@link squeeze}. */
    squeeze(dim?: number | readonly number[]): Tensor;
    /** See {@link unsqueeze}. */
    unsqueeze(dim: number): Tensor;
    /** See {@link narrow}. */
    narrow(dim: number, start: number, length: number): Tensor;
    /** See {@link select}. */
    select(dim: number, index: number): Tensor;
    /** See {@link slice}. */
    slice(dim: number, start?: number | null, end?: number | null, step?: number): Tensor;
    /** See {@link contiguous}. */
    contiguous(memoryFormat?: 'contiguous' | 'channelsLast'): Tensor;
    /** See {@link clone}. */
    clone(): Tensor;
  }
}

addMethods({
  reshape,
  flatten,
  permute,
  transpose,
  expand,
  squeeze,
  unsqueeze,
  narrow,
  select,
  slice,
  contiguous,
  clone,
});
