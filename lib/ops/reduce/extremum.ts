// Where the largest and smallest elements are: argmax, argmin, and max, min along an axis.
import { ShapeError, shapeText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { stridesLike } from '../../tensor/create.js';
import { checkDim } from '../../tensor/layout.js';
import { emptyContiguous, emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { ArgReduceOp } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { eq } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { reshape } from '../shape/view.js';

/** The chosen elements along an axis, and their positions (int64). Of equal elements it is the first one. */
export interface Extremum {
  readonly values: Tensor;
  readonly indices: Tensor;
}

/** Shape and strides of a result without axis `dim`, or with size 1 there. */
function without(x: Tensor, dim: number, keepdim: boolean): [number[], number[]] {
  const kept = x.shape.map((size, i) => (i === dim ? 1 : size));
  const stays = (_: number, i: number) => keepdim || i !== dim;
  return [kept.filter(stays), stridesLike(x, kept).filter(stays)];
}

/** An axis that has elements. */
function checkAxis(op: string, x: Tensor, dim: number): number {
  const d = checkDim(op, dim, x.ndim);
  if (x.ndim > 0 && x.shape[d] === 0) {
    throw new ShapeError(op, `nothing to choose from along dim ${d} of ${shapeText(x.shape)}`, x.shape);
  }
  return d;
}

/** True where the position along `dim` is the one in `indices` (of the reduced shape). */
function atIndex(indices: Tensor, shape: readonly number[], dim: number): Tensor {
  if (shape.length === 0) return eq(indices, 0);
  const positions = emptyContiguous([shape[dim]], 'int64');
  native.arange(positions._id, 0, 1);
  const kept = shape.map((size, i) => (i === dim ? 1 : size));
  const along = shape.map((size, i) => (i === dim ? size : 1));
  return eq(reshape(positions, along), reshape(indices, kept));
}

function alongOp(name: string, code: number) {
  return defineOp({
    name,
    inputs: ['input'],
    forward: (x: Tensor, dim: number, keepdim: boolean) => {
      const [shape, strides] = without(x, dim, keepdim);
      const values = emptyStrided(shape, strides, x.dtype);
      const indices = emptyStrided(shape, strides, 'int64');
      native.argReduce(code, indices._id, values._id, x._id, dim);
      return [values, indices] as const;
    },
    save: ([, indices], x, dim) => ({ indices, shape: x.shape, dim }),
    backward: ([g], { indices, shape, dim }) => {
      const kept = shape.map((size, i) => (i === dim ? 1 : size));
      return [where(atIndex(indices, shape, dim), reshape(g, kept), 0)];
    },
  });
}

const maxOp = alongOp('max', ArgReduceOp.max);
const minOp = alongOp('min', ArgReduceOp.min);

/** @internal `max` and `min` along an axis. */
export function extremumAlong(op: 'max' | 'min', x: Tensor, dim: number, options: { keepdim?: boolean }): Extremum {
  checkOptions(op, options);
  const d = checkAxis(op, x, dim);
  const [values, indices] = (op === 'max' ? maxOp : minOp)(x, d, options.keepdim === true);
  return { values, indices };
}

function positionOp(name: string, code: number) {
  const op = defineOp({
    name,
    inputs: ['input'],
    forward: (x: Tensor, dim: number, keepdim: boolean) => {
      const out = emptyStrided(...without(x, dim, keepdim), 'int64');
      native.argReduce(code, out._id, 0, x._id, dim);
      return out;
    },
  });
  return (x: Tensor, dim?: number | null, options: { keepdim?: boolean } = {}): Tensor => {
    checkTensor(name, x);
    checkOptions(name, options);
    const keepdim = options.keepdim === true;
    if (dim !== undefined && dim !== null) return op(x, checkAxis(name, x, dim), keepdim);
    const flat = reshape(x.detach(), [x.numel]);
    const position = op(flat, checkAxis(name, flat, 0), false);
    return keepdim
      ? reshape(
          position,
          x.shape.map(() => 1),
        )
      : position;
  };
}

/** Finds positions along an axis, or (without one) in the flattened tensor. */
export type PositionFunction = (x: Tensor, dim?: number | null, options?: { keepdim?: boolean }) => Tensor;

/** The position (int64) of the largest element along `dim`, or of all; the first one of several, `NaN` before all. */
export const argmax: PositionFunction = positionOp('argmax', ArgReduceOp.max);
/** The position (int64) of the smallest element along `dim`, or of all; the first one of several, `NaN` before all. */
export const argmin: PositionFunction = positionOp('argmin', ArgReduceOp.min);

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link argmax}. */
    argmax(dim?: number | null, options?: { keepdim?: boolean }): Tensor;
    /** See {@link argmin}. */
    argmin(dim?: number | null, options?: { keepdim?: boolean }): Tensor;
  }
}

addMethods({ argmax, argmin });
