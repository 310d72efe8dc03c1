// Sliding windows along an axis, and further ways to cut a tensor apart.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkTensor } from '../../tensor/check.js';
import { checkDim } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor, viewOf } from '../../tensor/tensor.js';
import { BinaryOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { copyPart, type Part, wholeOf, withParts } from './raw.js';
import { narrow, slice } from './view.js';

/** Windows of `size` along an axis; the places within a window become the last axis. */
function windowsPart(part: Part, dim: number, size: number, step: number): Part {
  const count = Math.floor((part.shape[dim] - size) / step) + 1;
  return {
    offset: part.offset,
    shape: [...part.shape.map((n, i) => (i === dim ? count : n)), size],
    strides: [...part.strides.map((n, i) => (i === dim ? n * step : n)), part.strides[dim]],
  };
}

const windowsView = defineOp({
  name: 'windows',
  view: true,
  inputs: ['input'],
  forward: (x: Tensor, dim: number, size: number, step: number) => {
    const part = windowsPart(wholeOf(x), dim, size, step);
    return viewOf(x, part.shape, part.strides);
  },
  save: (_out, x, dim, size, step) => ({ shape: x.shape, dim, size, step }),
  backward: ([g], { shape, dim, size, step }) => [windowsGradient(g, shape, dim, size, step)],
});

/** One position of an axis, which stays. */
function at(part: Part, dim: number, position: number): Part {
  return {
    offset: part.offset + position * part.strides[dim],
    shape: part.shape.map((n, i) => (i === dim ? 1 : n)),
    strides: part.strides,
  };
}

const windowsBackward = defineOp({
  name: 'windowsBackward',
  inputs: ['gradient'],
  forward: (g: Tensor, shape: readonly number[], dim: number, size: number, step: number) => {
    const out = emptyContiguous(shape, g.dtype);
    native.fill(out._id, 0);
    const to = windowsPart(wholeOf(out), dim, size, step);
    const from = wholeOf(g);
    if (step >= size) {
      copyPart(out, to, g, from);
      return out;
    }
    // Elements of one window, and first (second, ...) elements of all windows, do not overlap: add along the shorter way.
    const axis = to.shape[dim] < size ? dim : to.shape.length - 1;
    for (let i = 0; i < to.shape[axis]; i++) {
      const add = (a: number, b: number) => native.binary(BinaryOp.add, a, a, b);
      withParts(add, [out, at(to, axis, i)], [g, at(from, axis, i)]);
    }
    return out;
  },
  save: (_out, _g, _shape, dim, size, step) => ({ dim, size, step }),
  backward: ([g], { dim, size, step }) => [windowsView(g, dim, size, step)],
});

function windowsGradient(g: Tensor, shape: readonly number[], dim: number, size: number, step: number): Tensor {
  return windowsBackward(g, shape, dim, size, step);
}

/** `x.unfold(dim, size, step)`: see the method. */
function unfold(x: Tensor, dim: number, size: number, step: number): Tensor {
  checkTensor('unfold', x);
  const d = checkDim('unfold', dim, x.ndim);
  if (!Number.isSafeInteger(step) || step < 1) {
    throw new ArgumentError('unfold', `step must be an integer >= 1, got ${valueText(step)}`, step);
  }
  const whole = Number.isSafeInteger(size) && size >= 0;
  if (!whole) throw new ArgumentError('unfold', `size must be an integer >= 0, got ${valueText(size)}`, size);
  const most = x.shape[d] ?? 1;
  if (size > most)
    throw new ShapeError('unfold', `size ${size} is larger than the ${most} elements of dim ${d}`, x.shape);
  if (x.ndim > 0) return windowsView(x, d, size, step);
  return slice(x.reshape([1]), 0, 0, size);
}

function checkCut(op: string, x: Tensor, least: number): void {
  checkTensor(op, x);
  if (x.ndim >= least) return;
  throw new ShapeError(op, `at least ${least} dimension${least > 1 ? 's' : ''}, got ${shapeText(x.shape)}`, x.shape);
}

/**
 * Views of `x` along `dim`: a number of parts, the first ones one element longer where it does not divide, or parts
 * that end before each of the listed positions (negative ones count from the end).
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.tensor_split.html
 */
export function tensorSplit(x: Tensor, indicesOrSections: number | readonly number[], dim = 0): Tensor[] {
  return tensorSplitAs('tensorSplit', x, indicesOrSections, dim);
}

function tensorSplitAs(op: string, x: Tensor, how: number | readonly number[], dim: number): Tensor[] {
  checkCut(op, x, 1);
  const d = checkDim(op, dim, x.ndim);
  const total = x.shape[d];
  if (typeof how === 'number') {
    if (!Number.isSafeInteger(how) || how < 1 || how > 2 ** 24) {
      throw new ArgumentError(op, `the number of parts must be an integer >= 1, got ${valueText(how)}`, how);
    }
    const least = Math.floor(total / how);
    const longer = total % how;
    return Array.from({ length: how }, (_, i) =>
      narrow(x, d, i * least + Math.min(i, longer), i < longer ? least + 1 : least),
    );
  }
  if (!Array.isArray(how) || !how.every((n) => Number.isSafeInteger(n))) {
    throw new ArgumentError(op, `a number of parts or an array of positions is needed, got ${valueText(how)}`, how);
  }
  const ends = [...how, total];
  return ends.map((end, i) => slice(x, d, i === 0 ? 0 : ends[i - 1], end));
}

/** Cuts along `dim` into equal parts, or before positions. */
function splitEvenly(op: string, x: Tensor, how: number | readonly number[], dim: number): Tensor[] {
  if (typeof how === 'number' && Number.isSafeInteger(how) && how > 0 && x.shape[dim] % how !== 0) {
    throw new ShapeError(op, `dim ${dim} of ${shapeText(x.shape)} does not divide into ${how} equal parts`, x.shape);
  }
  return tensorSplitAs(op, x, how, dim);
}

/**
 * {@link tensorSplit} along axis 1, or 0 for a vector; a number of parts must divide the axis.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.hsplit.html
 */
export function hsplit(x: Tensor, indicesOrSections: number | readonly number[]): Tensor[] {
  checkCut('hsplit', x, 1);
  return splitEvenly('hsplit', x, indicesOrSections, x.ndim === 1 ? 0 : 1);
}

/**
 * {@link tensorSplit} along axis 0 of at least two; a number of parts must divide the axis.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.vsplit.html
 */
export function vsplit(x: Tensor, indicesOrSections: number | readonly number[]): Tensor[] {
  checkCut('vsplit', x, 2);
  return splitEvenly('vsplit', x, indicesOrSections, 0);
}

/**
 * {@link tensorSplit} along axis 2 of at least three; a number of parts must divide the axis.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.dsplit.html
 */
export function dsplit(x: Tensor, indicesOrSections: number | readonly number[]): Tensor[] {
  checkCut('dsplit', x, 3);
  return splitEvenly('dsplit', x, indicesOrSections, 2);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /**
     * Windows of `size` elements every `step` elements of an axis: `[..., N, ...]` becomes
     * `[..., floor((N - size) / step) + 1, ..., size]`. A view. (`F.unfold` is im2col.)
     * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.unfold.html
     */
    unfold(dim: number, size: number, step: number): Tensor;
    /** See {@link tensorSplit}. */
    tensorSplit(indicesOrSections: number | readonly number[], dim?: number): Tensor[];
    /** See {@link hsplit}. */
    hsplit(indicesOrSections: number | readonly number[]): Tensor[];
    /** See {@link vsplit}. */
    vsplit(indicesOrSections: number | readonly number[]): Tensor[];
    /** See {@link dsplit}. */
    dsplit(indicesOrSections: number | readonly number[]): Tensor[];
  }
}

addMethods({ unfold, tensorSplit, hsplit, vsplit, dsplit });
