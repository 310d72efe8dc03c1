// Other names and orders of axes: all are views made of reshape, permute and expand.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkTensor } from '../../tensor/check.js';
import { broadcastShapes, checkDim } from '../../tensor/layout.js';
import { Tensor } from '../../tensor/tensor.js';
import { addMethods } from '../define.js';
import { checkList } from './concat.js';
import { expand, flatten, inferShape, permute, reshape, transpose, view } from './view.js';

/** {@link view} in the shape of `other`. */
export function viewAs(x: Tensor, other: Tensor): Tensor {
  checkTensor('viewAs', other, 'other');
  return view(x, other.shape);
}

/** {@link reshape} to the shape of `other`. */
export function reshapeAs(x: Tensor, other: Tensor): Tensor {
  checkTensor('reshapeAs', other, 'other');
  return reshape(x, other.shape);
}

/** {@link expand} to the shape of `other`. */
export function expandAs(x: Tensor, other: Tensor): Tensor {
  checkTensor('expandAs', other, 'other');
  return expand(x, other.shape);
}

/**
 * {@link expand} under the name of `torch.broadcast_to`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.broadcast_to.html
 */
export const broadcastTo = (x: Tensor, shape: readonly number[]): Tensor => expand(x, shape);

/**
 * The tensors expanded to their common shape.
 * @throws ShapeError when they do not broadcast.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.broadcast_tensors.html
 */
export function broadcastTensors(tensors: readonly Tensor[]): Tensor[] {
  checkList('broadcastTensors', tensors);
  const shape = tensors.map((x) => x.shape).reduce((a, b) => broadcastShapes('broadcastTensors', a, b));
  return tensors.map((x) => expand(x, shape));
}

/**
 * The axis `dim` in the shape `sizes`, one of which may be -1: `[A, B, C]` with dim 1 and sizes `[D, E]`, D * E = B,
 * becomes `[A, D, E, C]`. A view where the strides allow it.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.unflatten.html
 */
export function unflatten(x: Tensor, dim: number, sizes: readonly number[]): Tensor {
  checkTensor('unflatten', x);
  if (x.ndim === 0) throw new ShapeError('unflatten', 'a 0-d tensor has no axis', x.shape);
  const d = checkDim('unflatten', dim, x.ndim);
  if (!Array.isArray(sizes) || sizes.length === 0) {
    throw new ArgumentError('unflatten', `sizes must be a non-empty array, got ${valueText(sizes)}`, sizes);
  }
  const part = inferShape('unflatten', [x.shape[d]], sizes);
  return reshape(x, [...x.shape.slice(0, d), ...part, ...x.shape.slice(d + 1)]);
}

/** All elements in one axis: `[numel]`. A view of a contiguous tensor, else a copy. */
export function ravel(x: Tensor): Tensor {
  checkTensor('ravel', x);
  return flatten(x);
}

/** {@link transpose} under NumPy's name; `swapdims` in PyTorch as well. */
export const swapaxes = (x: Tensor, axis0: number, axis1: number): Tensor => transpose(x, axis0, axis1);

const list = (value: number | readonly number[]): readonly number[] => (typeof value === 'number' ? [value] : value);

/**
 * Moves the axes `source` to the places `destination`; the others keep their order.
 * @throws ShapeError when the lists differ in length or name an axis twice.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.movedim.html
 */
export function movedim(
  x: Tensor,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  checkTensor('movedim', x);
  for (const value of [source, destination]) {
    if (typeof value === 'number' || Array.isArray(value)) continue;
    throw new ArgumentError('movedim', `axes must be a number or an array, got ${valueText(value)}`, value);
  }
  const from = list(source).map((d) => checkDim('movedim', d, x.ndim));
  const to = list(destination).map((d) => checkDim('movedim', d, x.ndim));
  if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length) {
    throw new ShapeError(
      'movedim',
      `source ${shapeText(from)} and destination ${shapeText(to)} must be distinct axes, as many of each`,
      from,
      to,
    );
  }
  if (x.ndim === 0) return permute(x, []);
  const rest = x.shape.map((_, i) => i).filter((i) => !from.includes(i));
  return permute(
    x,
    x.shape.map((_, i) => (to.includes(i) ? from[to.indexOf(i)] : (rest.shift() as number))),
  );
}

/** {@link movedim} under NumPy's name. */
export const moveaxis = movedim;

/** The transpose of a matrix; a tensor of fewer axes is returned as it is. */
export function t(x: Tensor): Tensor {
  checkTensor('t', x);
  if (x.ndim > 2) throw new ShapeError('t', `at most 2 dimensions, got ${shapeText(x.shape)}`, x.shape);
  return x.ndim < 2 ? x : transpose(x, 0, 1);
}

function atLeast(
  op: string,
  x: Tensor | readonly Tensor[],
  shape: (x: Tensor) => readonly number[],
): Tensor | Tensor[] {
  if (Array.isArray(x)) {
    checkList(op, x);
    return x.map((item) => atLeast(op, item, shape) as Tensor);
  }
  checkTensor(op, x as Tensor);
  const wanted = shape(x as Tensor);
  return wanted.length === (x as Tensor).ndim ? (x as Tensor) : reshape(x as Tensor, wanted);
}

/**
 * A 0-d tensor as `[1]`; others as they are. A list gives a list.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.atleast_1d.html
 */
export function atLeast1d(x: Tensor): Tensor;
export function atLeast1d(x: readonly Tensor[]): Tensor[];
export function atLeast1d(x: Tensor | readonly Tensor[]): Tensor | Tensor[] {
  return atLeast('atLeast1d', x, ({ shape }) => (shape.length === 0 ? [1] : shape));
}

/**
 * `[]` as `[1, 1]`, `[N]` as `[1, N]`; others as they are. A list gives a list.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.atleast_2d.html
 */
export function atLeast2d(x: Tensor): Tensor;
export function atLeast2d(x: readonly Tensor[]): Tensor[];
export function atLeast2d(x: Tensor | readonly Tensor[]): Tensor | Tensor[] {
  return atLeast('atLeast2d', x, ({ shape }) => (shape.length < 2 ? [1, shape[0] ?? 1] : shape));
}

/**
 * `[]` as `[1, 1, 1]`, `[N]` as `[1, N, 1]`, `[N, M]` as `[N, M, 1]`; others as they are. A list gives a list.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.atleast_3d.html
 */
export function atLeast3d(x: Tensor): Tensor;
export function atLeast3d(x: readonly Tensor[]): Tensor[];
export function atLeast3d(x: Tensor | readonly Tensor[]): Tensor | Tensor[] {
  return atLeast('atLeast3d', x, ({ shape }) => {
    if (shape.length < 2) return [1, shape[0] ?? 1, 1];
    return shape.length === 2 ? [...shape, 1] : shape;
  });
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link viewAs}. */
    viewAs(other: Tensor): Tensor;
    /** See {@link reshapeAs}. */
    reshapeAs(other: Tensor): Tensor;
    /** See {@link expandAs}. */
    expandAs(other: Tensor): Tensor;
    /** See {@link broadcastTo}. */
    broadcastTo(shape: readonly number[]): Tensor;
    /** See {@link unflatten}. */
    unflatten(dim: number, sizes: readonly number[]): Tensor;
    /** See {@link ravel}. */
    ravel(): Tensor;
    /** See {@link swapaxes}. */
    swapaxes(axis0: number, axis1: number): Tensor;
    /** See {@link movedim}. */
    movedim(source: number | readonly number[], destination: number | readonly number[]): Tensor;
    /** See {@link moveaxis}. */
    moveaxis(source: number | readonly number[], destination: number | readonly number[]): Tensor;
    /** See {@link t}. */
    t(): Tensor;
    /** The axes in reverse order: of a matrix its transpose. A view. */
    readonly T: Tensor;
    /** The last two axes swapped. A view. @throws ShapeError below two axes. */
    readonly mT: Tensor;
  }
}

addMethods({
  viewAs,
  reshapeAs,
  expandAs,
  broadcastTo,
  unflatten,
  ravel,
  swapaxes,
  movedim,
  moveaxis,
  t,
});

Object.defineProperty(Tensor.prototype, 'T', {
  get(this: Tensor): Tensor {
    return permute(
      this,
      this.shape.map((_, i) => this.ndim - 1 - i),
    );
  },
  configurable: true,
});

Object.defineProperty(Tensor.prototype, 'mT', {
  get(this: Tensor): Tensor {
    if (this.ndim < 2) throw new ShapeError('mT', `at least 2 dimensions, got ${shapeText(this.shape)}`, this.shape);
    return transpose(this, -2, -1);
  },
  configurable: true,
});
