// Look-ups by index and their inverse, additions by index. Indices are int64 or int32; whether they are in range only the
// kernel can see: an index out of range rejects the reads of what was computed from it.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { emptyLikeLayout, stridesLike } from '../../tensor/create.js';
import { checkDim, checkShape, memoryOrder, sameShape, stridesInOrder } from '../../tensor/layout.js';
import { emptyContiguous, emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { changeInPlace, checkInPlace, operandInPlace, recordsInPlace } from '../in-place.js';
import { mul } from '../pointwise/arithmetic.js';
import { narrow } from '../shape/view.js';

function checkIndex(op: string, index: Tensor): void {
  checkTensor(op, index, 'index');
  if (index.dtype !== 'int64' && index.dtype !== 'int32') {
    throw new DTypeError(op, `index must be int64 or int32, got ${index.dtype}`, index.dtype);
  }
}

/** What a sum by index starts from: a copy of a tensor, or zeros (null) of a shape. */
function startOf(x: Tensor | null, shape: readonly number[], strides: readonly number[], src: Tensor): Tensor {
  const out = x ? emptyLikeLayout(x) : emptyStrided(shape, strides, src.dtype);
  if (x) native.copy(out._id, x._id);
  else native.fill(out._id, 0);
  return out;
}

const gatherOp = defineOp({
  name: 'gather',
  narrow: 'moves',
  inputs: ['input', 'index'],
  forward: (x: Tensor, index: Tensor, dim: number) => {
    const out = emptyStrided(index.shape, stridesLike(index, index.shape), x.dtype);
    native.gather(out._id, x._id, dim, index._id);
    return out;
  },
  save: (_out, x, index, dim) => ({ index, dim, shape: x.shape, strides: stridesLike(x, x.shape) }),
  backward: ([g], { index, dim, shape, strides }) => [scatterZeros(g, index, dim, shape, strides), null],
});

const scatterAddOp = defineOp({
  name: 'scatterAdd',
  inputs: ['input?', 'index', 'src'],
  forward: (
    x: Tensor | null,
    index: Tensor,
    src: Tensor,
    dim: number,
    shape: readonly number[],
    strides: readonly number[],
  ) => {
    const out = startOf(x, shape, strides, src);
    native.scatterAdd(out._id, dim, index._id, src._id);
    return out;
  },
  save: (_out, _x, index, _src, dim) => ({ index, dim }),
  backward: ([g], { index, dim }, needs) => [needs[0] ? g : null, null, needs[2] ? gather(g, dim, index) : null],
});

/** Zeros with `src` added by index: the gradient of {@link gather}. */
function scatterZeros(
  src: Tensor,
  index: Tensor,
  dim: number,
  shape: readonly number[],
  strides: readonly number[],
): Tensor {
  return scatterAddOp(null, index, src, dim, shape, strides);
}

const indexSelectOp = defineOp({
  name: 'indexSelect',
  narrow: 'moves',
  inputs: ['input', 'index'],
  forward: (x: Tensor, index: Tensor, dim: number) => {
    const shape = x.shape.map((size, i) => (i === dim ? index.numel : size));
    const out = emptyStrided(shape, stridesInOrder(shape, memoryOrder(x.shape, x.strides)), x.dtype);
    native.indexSelect(out._id, x._id, dim, index._id);
    return out;
  },
  save: (_out, x, index, dim) => ({ index, dim, shape: x.shape, strides: stridesLike(x, x.shape) }),
  backward: ([g], { index, dim, shape, strides }) => [indexAddZeros(g, index, dim, shape, strides), null],
});

const indexAddOp = defineOp({
  name: 'indexAdd',
  inputs: ['input?', 'index', 'source'],
  forward: (
    x: Tensor | null,
    index: Tensor,
    src: Tensor,
    dim: number,
    shape: readonly number[],
    strides: readonly number[],
  ) => {
    const out = startOf(x, shape, strides, src);
    native.indexAdd(out._id, dim, index._id, src._id);
    return out;
  },
  save: (_out, _x, index, _src, dim) => ({ index, dim }),
  backward: ([g], { index, dim }, needs) => [needs[0] ? g : null, null, needs[2] ? indexSelect(g, dim, index) : null],
});

/** Zeros with the slices of `src` added by index: the gradient of {@link indexSelect}. */
function indexAddZeros(
  src: Tensor,
  index: Tensor,
  dim: number,
  shape: readonly number[],
  strides: readonly number[],
): Tensor {
  return indexAddOp(null, index, src, dim, shape, strides);
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

/** `index` must fit into `x` at every axis but `dim`. */
function checkWithin(op: string, index: Tensor, x: Tensor, dim: number, name: string): void {
  if (index.ndim !== x.ndim) {
    throw new ShapeError(
      op,
      `index ${shapeText(index.shape)} must have as many dimensions as ${name} ${shapeText(x.shape)}`,
      index.shape,
      x.shape,
    );
  }
  if (index.numel === 0) return;
  const at = index.shape.findIndex((size, i) => i !== dim && size > x.shape[i]);
  if (at < 0) return;
  throw new ShapeError(
    op,
    `index ${shapeText(index.shape)} is larger than ${name} ${shapeText(x.shape)} at dim ${at}`,
    index.shape,
    x.shape,
  );
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
  return gatherOp(x, index, d);
}

/** Checks a call of scatterAdd; `src` comes back cut to the shape of `index`. */
function scatterSource(op: string, x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  checkIndex(op, index);
  checkTensor(op, src, 'src');
  if (src.dtype !== x.dtype) {
    throw new DTypeError(op, `src is ${src.dtype}, input ${x.dtype}`, src.dtype, x.dtype);
  }
  checkWithin(op, index, x, dim, 'input');
  checkWithin(op, index, src, -1, 'src');
  if (index.numel === 0) return src;
  let part = src;
  for (let i = 0; i < index.ndim; i++) {
    if (index.shape[i] !== part.shape[i]) part = narrow(part, i, 0, index.shape[i]);
  }
  return part;
}

/**
 * A copy of `x` with `out[i][index[i][j]] += src[i][j]` (dim 1). Equal indices add in the order of `dim`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.scatter_add_.html
 */
export function scatterAdd(x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  checkTensor('scatterAdd', x);
  const d = checkDim('scatterAdd', dim, x.ndim);
  const part = scatterSource('scatterAdd', x, d, index, src);
  return index.numel === 0 ? x.clone() : scatterAddOp(x, index, part, d, x.shape, x.strides);
}

/** {@link scatterAdd} in the memory of `x`. */
export function scatterAdd_(x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  if (recordsInPlace('scatterAdd_', x, src)) {
    return changeInPlace('scatterAdd_', x, (old) => scatterAdd(old, dim, index, src));
  }
  const d = checkDim('scatterAdd_', dim, x.ndim);
  const part = scatterSource('scatterAdd_', x, d, index, src);
  checkInPlace('scatterAdd_', x, x.shape, x.dtype);
  if (index.numel > 0) native.scatterAdd(x._id, d, index._id, operandInPlace(x, part)._id);
  x._bump();
  return x;
}

function checkVector(op: string, index: Tensor): void {
  checkIndex(op, index);
  if (index.ndim > 1) {
    throw new ShapeError(op, `index must have at most one dimension, got ${shapeText(index.shape)}`, index.shape);
  }
}

/**
 * The slices of `x` along `dim` that `index` (one-dimensional) lists.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.index_select.html
 */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  checkTensor('indexSelect', x);
  const d = checkDim('indexSelect', dim, x.ndim);
  checkVector('indexSelect', index);
  if (x.ndim === 0 && index.numel !== 1) {
    throw new ShapeError('indexSelect', `a 0-d input takes one index, got ${shapeText(index.shape)}`, index.shape);
  }
  return indexSelectOp(x, index, d);
}

/** Checks a call of indexAdd. */
function checkIndexAdd(op: string, x: Tensor, dim: number, index: Tensor, source: Tensor): void {
  checkVector(op, index);
  checkTensor(op, source, 'source');
  if (source.dtype !== x.dtype) {
    throw new DTypeError(op, `source is ${source.dtype}, input ${x.dtype}`, source.dtype, x.dtype);
  }
  const wanted = x.shape.map((size, i) => (i === dim ? index.numel : size));
  if (!sameShape(source.shape, wanted) || (x.ndim === 0 && index.numel !== 1)) {
    throw new ShapeError(
      op,
      `source has shape ${shapeText(source.shape)}; ${index.numel} indices into ${shapeText(x.shape)} need ${shapeText(wanted)}`,
      source.shape,
      wanted,
    );
  }
}

/** Options of {@link indexAdd}. */
export interface IndexAddOptions {
  /** Factor of `source`. Default 1. */
  alpha?: number;
}

function scaled(op: string, source: Tensor, options: IndexAddOptions): Tensor {
  checkOptions(op, options);
  const { alpha = 1 } = options;
  if (typeof alpha !== 'number') throw new ArgumentError(op, `alpha must be a number, got ${valueText(alpha)}`, alpha);
  if (alpha === 1) return source;
  const product = mul(source, alpha);
  if (product.dtype === source.dtype) return product;
  throw new DTypeError(op, `alpha ${alpha} does not fit ${source.dtype}`, source.dtype);
}

/**
 * A copy of `x` with the slices of `source` added at the positions `index` lists along `dim`, in that order.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.index_add_.html
 */
export function indexAdd(x: Tensor, dim: number, index: Tensor, source: Tensor, options: IndexAddOptions = {}): Tensor {
  checkTensor('indexAdd', x);
  const d = checkDim('indexAdd', dim, x.ndim);
  checkIndexAdd('indexAdd', x, d, index, source);
  return indexAddOp(x, index, scaled('indexAdd', source, options), d, x.shape, x.strides);
}

/** {@link indexAdd} in the memory of `x`. */
export function indexAdd_(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  options: IndexAddOptions = {},
): Tensor {
  if (recordsInPlace('indexAdd_', x, source)) {
    return changeInPlace('indexAdd_', x, (old) => indexAdd(old, dim, index, source, options));
  }
  const d = checkDim('indexAdd_', dim, x.ndim);
  checkIndexAdd('indexAdd_', x, d, index, source);
  checkInPlace('indexAdd_', x, x.shape, x.dtype);
  native.indexAdd(x._id, d, index._id, operandInPlace(x, scaled('indexAdd_', source, options))._id);
  x._bump();
  return x;
}

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
    /** See {@link scatterAdd}. */
    scatterAdd(dim: number, index: Tensor, src: Tensor): Tensor;
    /** See {@link scatterAdd_}. */
    scatterAdd_(dim: number, index: Tensor, src: Tensor): Tensor;
    /** See {@link indexSelect}. */
    indexSelect(dim: number, index: Tensor): Tensor;
    /** See {@link indexAdd}. */
    indexAdd(dim: number, index: Tensor, source: Tensor, options?: IndexAddOptions): Tensor;
    /** See {@link indexAdd_}. */
    indexAdd_(dim: number, index: Tensor, source: Tensor, options?: IndexAddOptions): Tensor;
  }
}

addMethods({ gather, scatterAdd, scatterAdd_, indexSelect, indexAdd, indexAdd_ });
