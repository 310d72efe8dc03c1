// What elementwise records share: the output of a broadcast, its layout, and dtype promotion.
import { ArgumentError, DTypeError } from '../errors.js';
import { native } from '../native.js';
import { checkTensor } from '../tensor/check.js';
import { getDefaultDType, stridesLike } from '../tensor/create.js';
import { DTYPE_CODES, type DType, isFloating, promoteScalar, resultTypeOf } from '../tensor/dtype.js';
import { broadcastShapes, contiguousStrides, isContiguous, isDense, sameShape } from '../tensor/layout.js';
import { adopt, emptyContiguous, type Tensor, unmadeLike } from '../tensor/tensor.js';
import { to } from './shape/view.js';
import { emptyResult, targetPending } from './target.js';

export { checkTensor } from '../tensor/check.js';

/** Strides of an elementwise result: those of the first dense operand that has the full shape, else row-major. */
export function resultStrides(shape: readonly number[], operands: readonly Tensor[]): readonly number[] {
  for (const x of operands) if (sameShape(x.shape, shape) && isDense(x.shape, x.strides)) return x.strides;
  for (const x of operands) if (sameShape(x.shape, shape)) return stridesLike(x, shape);
  return contiguousStrides(shape);
}

/** Runs a binary kernel on tensors of one dtype into a new tensor. */
export function runBinary(name: string, code: number, a: Tensor, b: Tensor, dtype: DType = a.dtype): Tensor {
  const shape = broadcastShapes(name, a.shape, b.shape);
  if (!targetPending() && sameShape(shape, a.shape) && isContiguous(a.shape, a.strides)) {
    const out = unmadeLike(a, dtype);
    return adopt(out, native.binaryLike(out, DTYPE_CODES[dtype], code, a._id, b._id));
  }
  const out = emptyResult(shape, resultStrides(shape, [a, b]), dtype);
  native.binary(code, out._id, a._id, b._id);
  return out;
}

/** Runs a binary kernel with a number, `x op scalar` or (reversed) `scalar op x`. */
export function runScalar(code: number, x: Tensor, scalar: number, reversed = false, dtype: DType = x.dtype): Tensor {
  if (!targetPending() && isContiguous(x.shape, x.strides)) {
    const out = unmadeLike(x, dtype);
    return adopt(out, native.binaryScalarLike(out, DTYPE_CODES[dtype], code, x._id, scalar, reversed));
  }
  const out = emptyResult(x.shape, stridesLike(x, x.shape), dtype);
  native.binaryScalar(code, out._id, x._id, scalar, reversed);
  return out;
}

/** Runs a unary kernel into a new tensor. */
export function runUnary(code: number, x: Tensor, dtype: DType = x.dtype): Tensor {
  if (!targetPending() && isContiguous(x.shape, x.strides)) {
    const out = unmadeLike(x, dtype);
    return adopt(out, native.unaryLike(out, DTYPE_CODES[dtype], code, x._id));
  }
  const out = emptyResult(x.shape, stridesLike(x, x.shape), dtype);
  native.unary(code, out._id, x._id);
  return out;
}

/** Both operands in PyTorch's result type. */
export function promote(a: Tensor, b: Tensor): [Tensor, Tensor] {
  if (a.dtype === b.dtype) return [a, b];
  const dtype = resultTypeOf(a, b);
  return [to(a, dtype), to(b, dtype)];
}

/** Both operands as tensors of the result type; at least one of them is a tensor, a number becomes one of no axes. */
export function operands(op: string, a: Tensor | number, b: Tensor | number): [Tensor, Tensor] {
  if (typeof a === 'number') {
    checkTensor(op, b, 'other');
    const x = promoteWithScalar(op, b, a);
    return [scalarTensor(a, x.dtype), x];
  }
  checkTensor(op, a);
  if (typeof b === 'number') {
    const x = promoteWithScalar(op, a, b);
    return [x, scalarTensor(b, x.dtype)];
  }
  checkTensor(op, b, 'other');
  return promote(a, b);
}

/** A tensor operand in the dtype it gets beside a JavaScript number. */
export function promoteWithScalar(op: string, x: Tensor, scalar: number): Tensor {
  if (typeof scalar !== 'number') {
    throw new ArgumentError(
      op,
      `a Tensor or a number is needed, got ${scalar === null ? 'null' : typeof scalar}`,
      scalar,
    );
  }
  const dtype = promoteScalar(x.dtype, scalar);
  return dtype === x.dtype ? x : to(x, dtype);
}

/** The tensor in a floating-point dtype: what division, exp and their like compute in. */
export const toFloating = (x: Tensor): Tensor => (isFloating(x.dtype) ? x : to(x, getDefaultDType()));

/** A number as a tensor of no axes. */
export function scalarTensor(value: number, dtype: DType): Tensor {
  const out = emptyContiguous([], dtype);
  native.fill(out._id, value);
  return out;
}

/** `result`, after the intermediate tensors of its computation; what the tape needs of them stays until it is used. */
export function freeing(result: Tensor, ...intermediates: readonly Tensor[]): Tensor {
  for (const x of intermediates) x.dispose();
  return result;
}

/** Refuses bool tensors. */
export function checkNumeric(op: string, ...operands: readonly Tensor[]): void {
  for (const x of operands) if (x.dtype === 'bool') throw new DTypeError(op, 'does not take bool tensors', x.dtype);
}
