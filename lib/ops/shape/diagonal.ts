// Diagonals, and tensors with a part of them replaced.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { emptyLikeLayout, zerosLike } from '../../tensor/create.js';
import { checkDim, checkShape, sameShape } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor, viewOf } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { copyPart, type Part, wholeOf } from './raw.js';
import { flatten, select, slice, to } from './view.js';

/** Where a diagonal lies. */
export interface DiagonalOptions {
  /** The axis of the rows. Default 0 for `diagonal`, -2 for `diagEmbed`. */
  dim1?: number;
  /** The axis of the columns. Default 1 for `diagonal`, -1 for `diagEmbed`. */
  dim2?: number;
}

/** The diagonal of the axes `dim1` and `dim2` becomes the last axis. */
function diagonalPart(part: Part, offset: number, dim1: number, dim2: number): Part {
  const rows = part.shape[dim1] + Math.min(offset, 0);
  const columns = part.shape[dim2] - Math.max(offset, 0);
  const length = Math.max(0, Math.min(rows, columns));
  const others = <T>(list: readonly T[]): T[] => list.filter((_, i) => i !== dim1 && i !== dim2);
  const start = offset >= 0 ? offset * part.strides[dim2] : -offset * part.strides[dim1];
  return {
    offset: length === 0 ? part.offset : part.offset + start,
    shape: [...others(part.shape), length],
    strides: [...others(part.strides), part.strides[dim1] + part.strides[dim2]],
  };
}

const diagonalView = defineOp({
  name: 'diagonal',
  view: true,
  inputs: ['input'],
  forward: (x: Tensor, offset: number, dim1: number, dim2: number) => {
    const part = diagonalPart(wholeOf(x), offset, dim1, dim2);
    return viewOf(x, part.shape, part.strides, part.offset);
  },
  save: (_out, x, offset, dim1, dim2) => ({ shape: x.shape, offset, dim1, dim2 }),
  backward: ([g], { shape, offset, dim1, dim2 }) => [embedded(g, shape, offset, dim1, dim2)],
});

const diagEmbedOp = defineOp({
  name: 'diagEmbed',
  narrow: 'moves',
  inputs: ['input'],
  forward: (x: Tensor, shape: readonly number[], offset: number, dim1: number, dim2: number) => {
    const out = emptyContiguous(shape, x.dtype);
    native.fill(out._id, 0);
    copyPart(out, diagonalPart(wholeOf(out), offset, dim1, dim2), x, wholeOf(x));
    return out;
  },
  save: (_out, _x, _shape, offset, dim1, dim2) => ({ offset, dim1, dim2 }),
  backward: ([g], { offset, dim1, dim2 }) => [diagonal(g, offset, { dim1, dim2 })],
});

/** Zeros of `shape` with `x` on a diagonal. */
function embedded(x: Tensor, shape: readonly number[], offset: number, dim1: number, dim2: number): Tensor {
  return diagEmbedOp(x, shape, offset, dim1, dim2);
}

function place(op: string, offset: number, options: DiagonalOptions, ndim: number, first: number, second: number) {
  checkOptions(op, options);
  if (!Number.isSafeInteger(offset)) {
    throw new ArgumentError(op, `offset must be an integer, got ${valueText(offset)}`, offset);
  }
  const dim1 = checkDim(op, options.dim1 ?? first, ndim);
  const dim2 = checkDim(op, options.dim2 ?? second, ndim);
  if (dim1 === dim2) throw new ShapeError(op, `dim1 and dim2 are both ${dim1}`);
  return { dim1, dim2 };
}

/**
 * A diagonal of the planes of two axes, which go away; the diagonal is the last axis. A view.
 * @throws ShapeError below two axes, or when both are the same.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.diagonal.html
 */
export function diagonal(x: Tensor, offset = 0, options: DiagonalOptions = {}): Tensor {
  checkTensor('diagonal', x);
  if (x.ndim < 2) throw new ShapeError('diagonal', `at least 2 dimensions, got ${shapeText(x.shape)}`, x.shape);
  const { dim1, dim2 } = place('diagonal', offset, options, x.ndim, 0, 1);
  return diagonalView(x, offset, dim1, dim2);
}

/**
 * Zeros with the last axis of `x` on a diagonal of two new axes: `[..., N]` becomes `[..., N + |offset|, N + |offset|]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.diag_embed.html
 */
export function diagEmbed(x: Tensor, offset = 0, options: DiagonalOptions = {}): Tensor {
  checkTensor('diagEmbed', x);
  if (x.ndim === 0) throw new ShapeError('diagEmbed', 'a 0-d tensor has no axis', x.shape);
  const { dim1, dim2 } = place('diagEmbed', offset, options, x.ndim + 1, -2, -1);
  const size = x.shape[x.ndim - 1] + Math.abs(offset);
  const rest = x.shape.slice(0, -1);
  const shape = Array.from({ length: x.ndim + 1 }, (_, i) =>
    i === dim1 || i === dim2 ? size : (rest.shift() as number),
  );
  return embedded(x, checkShape('diagEmbed', shape), offset, dim1, dim2);
}

/**
 * The diagonal of a matrix (a copy), or a matrix with a vector on its diagonal.
 * @throws ShapeError for other numbers of axes.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.diag.html
 */
export function diag(x: Tensor, offset = 0): Tensor {
  checkTensor('diag', x);
  if (x.ndim !== 1 && x.ndim !== 2) {
    throw new ShapeError('diag', `a vector or a matrix is needed, got ${shapeText(x.shape)}`, x.shape);
  }
  return x.ndim === 1 ? diagEmbed(x, offset) : diagonal(x, offset).clone();
}

/** A matrix with all elements of `x`, in row-major order, on a diagonal. */
export function diagflat(x: Tensor, offset = 0): Tensor {
  checkTensor('diagflat', x);
  return diagEmbed(flatten(x), offset);
}

type Look = (x: Tensor) => Tensor;

const viewScatter = defineOp({
  name: 'viewScatter',
  narrow: 'moves',
  inputs: ['input', 'src'],
  forward: (x: Tensor, src: Tensor, look: Look) => {
    const out = emptyLikeLayout(x);
    native.copy(out._id, x._id);
    const part = look(out);
    native.copy(part._id, src._id);
    part.dispose();
    return out;
  },
  save: (_out, _x, src, look) => ({ shape: src.shape, look }),
  backward: ([g], { look }, needs) => [
    needs[0] ? replaced(g, zerosLike(look(g)), look) : null,
    needs[1] ? look(g) : null,
  ],
});

/** A copy of `x` in which the view `look` shows `src`. */
function replaced(x: Tensor, src: Tensor, look: Look): Tensor {
  return viewScatter(x, src, look);
}

function scatterView(op: string, x: Tensor, src: Tensor, look: Look): Tensor {
  checkTensor(op, x);
  checkTensor(op, src, 'src');
  const part = look(x.detach());
  if (!sameShape(part.shape, src.shape)) {
    throw new ShapeError(
      op,
      `src has shape ${shapeText(src.shape)}, the part it replaces ${shapeText(part.shape)}`,
      src.shape,
      part.shape,
    );
  }
  part.dispose();
  return replaced(x, to(src, x.dtype), look);
}

/**
 * A copy of `x` with its {@link diagonal} replaced by `src`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.diagonal_scatter.html
 */
export function diagonalScatter(x: Tensor, src: Tensor, offset = 0, options: DiagonalOptions = {}): Tensor {
  return scatterView('diagonalScatter', x, src, (y) => diagonal(y, offset, options));
}

/**
 * A copy of `x` with the slice at `index` of the axis `dim` replaced by `src`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.select_scatter.html
 */
export function selectScatter(x: Tensor, src: Tensor, dim: number, index: number): Tensor {
  return scatterView('selectScatter', x, src, (y) => select(y, dim, index));
}

/**
 * A copy of `x` with the positions `start`, `start + step`, ... before `end` of an axis replaced by `src`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.slice_scatter.html
 */
export function sliceScatter(
  x: Tensor,
  src: Tensor,
  dim = 0,
  start?: number | null,
  end?: number | null,
  step = 1,
): Tensor {
  return scatterView('sliceScatter', x, src, (y) => slice(y, dim, start, end, step));
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link diagonal}. */
    diagonal(offset?: number, options?: DiagonalOptions): Tensor;
    /** See {@link diagEmbed}. */
    diagEmbed(offset?: number, options?: DiagonalOptions): Tensor;
    /** See {@link diag}. */
    diag(offset?: number): Tensor;
    /** See {@link diagflat}. */
    diagflat(offset?: number): Tensor;
    /** See {@link diagonalScatter}. */
    diagonalScatter(src: Tensor, offset?: number, options?: DiagonalOptions): Tensor;
    /** See {@link selectScatter}. */
    selectScatter(src: Tensor, dim: number, index: number): Tensor;
    /** See {@link sliceScatter}. */
    sliceScatter(src: Tensor, dim?: number, start?: number | null, end?: number | null, step?: number): Tensor;
  }
}

addMethods({ diagonal, diagEmbed, diag, diagflat, diagonalScatter, selectScatter, sliceScatter });
