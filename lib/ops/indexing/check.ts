// What look-ups by index share: checks of the index, and where sums by index start from.
import { DTypeError, ShapeError, shapeText } from '../../errors.js';
import { native } from '../../native.js';
import { checkTensor } from '../../tensor/check.js';
import { emptyLikeLayout } from '../../tensor/create.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';

export function checkIndex(op: string, index: Tensor): void {
  checkTensor(op, index, 'index');
  if (index.dtype !== 'int64' && index.dtype !== 'int32') {
    throw new DTypeError(op, `index must be int64 or int32, got ${index.dtype}`, index.dtype);
  }
}

/** Throws unless `index` is one list of positions. */
export function checkVector(op: string, index: Tensor): void {
  checkIndex(op, index);
  if (index.ndim > 1) {
    throw new ShapeError(op, `index must have at most one dimension, got ${shapeText(index.shape)}`, index.shape);
  }
}

/** Throws unless a tensor has the dtype of the input. */
export function checkSameType(op: string, name: string, src: Tensor, x: Tensor): void {
  checkTensor(op, src, name);
  if (src.dtype !== x.dtype) {
    throw new DTypeError(op, `${name} is ${src.dtype}, input ${x.dtype}`, src.dtype, x.dtype);
  }
}

/** `index` must fit into `x` at every axis but `dim`. */
export function checkWithin(op: string, index: Tensor, x: Tensor, dim: number, name: string): void {
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

/** What a change by index starts from: a copy of a tensor, or zeros (null) of a shape. */
export function startOf(x: Tensor | null, shape: readonly number[], strides: readonly number[], src: Tensor): Tensor {
  const out = x ? emptyLikeLayout(x) : emptyStrided(shape, strides, src.dtype);
  if (x) native.copy(out._id, x._id);
  else native.fill(out._id, 0);
  return out;
}
