// Look-ups element by element and their inverse. Whether an index is in range only the kernel can see: one that is not
// rejects the reads of what was computed from it.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkTensor } from '../../tensor/check.js';
import { stridesLike } from '../../tensor/create.js';
import { broadcastShapes, checkDim, checkShape } from '../../tensor/layout.js';
import { emptyContiguous, emptyStrided, Tensor } from '../../tensor/tensor.js';
import { IndexName, ScatterMode } from '../codes.js';
import { addMethods, defineOp } from '../define.js';
import { scalarTensor } from '../elementwise.js';
import { changeInPlace, checkInPlace, operandInPlace, recordsInPlace } from '../in-place.js';
import { add } from '../pointwise/arithmetic.js';
import { lt } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { expand, narrow, reshape } from '../shape/view.js';
import { checkIndex, checkSameType, checkWithin, startOf } from './check.js';

export { type IndexAddOptions, indexAdd, indexSelect } from './rows.js';

const gatherOp = defineOp({
  name: 'gather',
  narrow: 'moves',
  inputs: ['input', 'index'],
  forward: (x: Tensor, index: Tensor, dim: number, negative: boolean, name: number) => {
    const out = emptyStrided(index.shape, stridesLike(index, index.shape), x.dtype);
    native.gather(out._id, x._id, dim, index._id, negative, name);
    return out;
  },
  save: (_out, x, index, dim, negative) => ({
    index,
    dim,
    negative,
    shape: x.shape,
    strides: stridesLike(x, x.shape),
  }),
  backward: ([g], { index, dim, negative, shape, strides }) => [
    scatterZeros(g, positive(index, negative, shape[dim] ?? 1), dim, shape, strides),
    null,
  ],
});

const scatterOp = defineOp({
  name: 'scatter',
  inputs: ['input?', 'index', 'src'],
  forward: (
    x: Tensor | null,
    index: Tensor,
    src: Tensor,
    dim: number,
    mode: number,
    name: number,
    shape: readonly number[],
    strides: readonly number[],
  ) => {
    const out = startOf(x, shape, strides, src);
    native.scatter(out._id, dim, index._id, src._id, mode, name);
    return out;
  },
  save: (_out, _x, index, _src, dim, mode) => ({ index, dim, mode }),
  backward: ([g], { index, dim, mode }, needs) => [
    needs[0] ? (mode === ScatterMode.set ? setByIndex(g, dim, index, 0) : g) : null,
    null,
    needs[2] ? gather(g, dim, index) : null,
  ],
});

/** Zeros with `src` added by index: the gradient of {@link gather}. */
function scatterZeros(
  src: Tensor,
  index: Tensor,
  dim: number,
  shape: readonly number[],
  strides: readonly number[],
): Tensor {
  return scatterOp(null, index, src, dim, ScatterMode.add, IndexName.scatterAdd, shape, strides);
}

/** @internal Zeros with `src` written by index; the last of equal indices counts. `name`: an `IndexName`. */
export function placeByIndex(
  src: Tensor,
  dim: number,
  index: Tensor,
  shape: readonly number[],
  strides: readonly number[],
  name: number,
): Tensor {
  return scatterOp(null, index, src, dim, ScatterMode.set, name, shape, strides);
}

/** Indices from the start, where they may count from the end. */
function positive(index: Tensor, negative: boolean, size: number): Tensor {
  return negative ? where(lt(index, 0), add(index, size), index) : index;
}

/**
 * `out[i][j][k] = x[i][index[i][j][k]][k]` for dim 1: `out` has the shape of `index`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.gather.html
 */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  checkTensor('gather', x);
  checkIndex('gather', index);
  const d = checkDim('gather', dim, x.ndim);
  checkWithin('gather', index, x, d, 'input');
  return gatherOp(x, index, d, false, IndexName.gather);
}

/**
 * {@link gather} in which `x` and `index` broadcast at every axis but `dim`, and negative indices count from the end.
 * Without `dim` both count as one axis.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.take_along_dim.html
 */
export function takeAlongDim(x: Tensor, index: Tensor, dim?: number | null): Tensor {
  checkTensor('takeAlongDim', x);
  checkIndex('takeAlongDim', index);
  if (dim === undefined || dim === null) {
    return gatherOp(reshape(x, [x.numel]), reshape(index, [index.numel]), 0, true, IndexName.takeAlongDim);
  }
  const d = checkDim('takeAlongDim', dim, x.ndim);
  if (x.ndim !== index.ndim) {
    throw new ShapeError(
      'takeAlongDim',
      `index ${shapeText(index.shape)} must have as many dimensions as input ${shapeText(x.shape)}`,
      index.shape,
      x.shape,
    );
  }
  const but = (shape: readonly number[]): number[] => shape.map((size, i) => (i === d ? 1 : size));
  const common = broadcastShapes('takeAlongDim', but(x.shape), but(index.shape));
  const wide = (y: Tensor): Tensor =>
    expand(
      y,
      common.map((size, i) => (i === d ? y.shape[d] : size)),
    );
  return gatherOp(wide(x), wide(index), d, true, IndexName.takeAlongDim);
}

/** Checks a call of scatter or scatterAdd; `src` comes back cut to the shape of `index`. */
export function scatterSource(op: string, x: Tensor, dim: number, index: Tensor, src: Tensor | number): Tensor {
  checkIndex(op, index);
  if (typeof src === 'number') {
    checkWithin(op, index, x, dim, 'input');
    return expand(scalarTensor(src, x.dtype), index.shape);
  }
  checkSameType(op, 'src', src, x);
  checkWithin(op, index, x, dim, 'input');
  checkWithin(op, index, src, -1, 'src');
  if (index.numel === 0) return src;
  let part = src;
  for (let i = 0; i < index.ndim; i++) {
    if (index.shape[i] !== part.shape[i]) part = narrow(part, i, 0, index.shape[i]);
  }
  return part;
}

type Change = (x: Tensor, dim: number, index: Tensor, src: Tensor | number) => Tensor;

/** A change by index, as a new tensor and in place. */
function scattered(op: string, name: number, mode: number): [Change, Change] {
  const change: Change = (x, dim, index, src) => {
    checkTensor(op, x);
    const d = checkDim(op, dim, x.ndim);
    const part = scatterSource(op, x, d, index, src);
    return index.numel === 0 ? x.clone() : scatterOp(x, index, part, d, mode, name, x.shape, x.strides);
  };
  const changeDirectly: Change = (x, dim, index, src) => {
    if (recordsInPlace(`${op}_`, x, src)) return changeInPlace(`${op}_`, x, (old) => change(old, dim, index, src));
    const d = checkDim(`${op}_`, dim, x.ndim);
    const part = scatterSource(`${op}_`, x, d, index, src);
    checkInPlace(`${op}_`, x, x.shape, x.dtype);
    if (index.numel > 0) native.scatter(x._id, d, index._id, operandInPlace(x, part)._id, mode, name);
    x._bump();
    return x;
  };
  return [change, changeDirectly];
}

/** @internal scatter without a reduction, as a new tensor and in place. */
export const [setByIndex, setByIndex_] = scattered('scatter', IndexName.scatter, ScatterMode.set);
/** @internal scatterAdd of a tensor or a number, as a new tensor and in place. */
export const [addByIndex, addByIndex_] = scattered('scatterAdd', IndexName.scatterAdd, ScatterMode.add);

/**
 * A copy of `x` with `out[i][index[i][j]] += src[i][j]` (dim 1). Equal indices add in the order of `dim`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.scatter_add_.html
 */
export function scatterAdd(x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  checkSource('scatterAdd', src);
  return addByIndex(x, dim, index, src);
}

/** {@link scatterAdd} in the memory of `x`. */
export function scatterAdd_(x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  checkSource('scatterAdd_', src);
  return addByIndex_(x, dim, index, src);
}

function checkSource(op: string, src: Tensor): void {
  if (!(src instanceof Tensor)) throw new ArgumentError(op, `src must be a Tensor, got ${valueText(src)}`, src);
}

const oneHotOp = defineOp({
  name: 'oneHot',
  inputs: ['input'],
  forward: (x: Tensor, classes: number) => {
    const out = emptyContiguous(checkShape('oneHot', [...x.shape, classes]), 'int64');
    native.oneHot(out._id, x._id);
    return out;
  },
});
/** Largest class plus one. Waits for the values. */
function countClasses(x: Tensor): number {
  if (x.numel === 0) throw new ArgumentError('oneHot', 'numClasses is needed for an empty tensor', -1);
  let most = 0;
  for (const value of x.dataSync()) most = Math.max(most, Number(value));
  return most + 1;
}

/**
 * `[...]` class numbers to `[..., numClasses]` of zeros with a one at the class; int64. `numClasses` -1 (the default)
 * takes the largest class plus one, which waits for the values.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.one_hot.html
 */
export function oneHot(x: Tensor, numClasses = -1): Tensor {
  checkTensor('oneHot', x);
  if (x.dtype !== 'int64' && x.dtype !== 'int32') {
    throw new DTypeError('oneHot', `class numbers must be int64 or int32, got ${x.dtype}`, x.dtype);
  }
  if (!Number.isSafeInteger(numClasses) || numClasses === 0 || numClasses < -1) {
    throw new ArgumentError(
      'oneHot',
      `numClasses must be -1 or an integer >= 1, got ${valueText(numClasses)}`,
      numClasses,
    );
  }
  return oneHotOp(x, numClasses === -1 ? countClasses(x) : numClasses);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link gather}. */
    gather(dim: number, index: Tensor): Tensor;
    /** See {@link takeAlongDim}. */
    takeAlongDim(index: Tensor, dim?: number | null): Tensor;
    /** See {@link scatterAdd}. */
    scatterAdd(dim: number, index: Tensor, src: Tensor): Tensor;
    /** See {@link scatterAdd_}. */
    scatterAdd_(dim: number, index: Tensor, src: Tensor): Tensor;
  }
}

addMethods({ gather, takeAlongDim, scatterAdd, scatterAdd_ });
