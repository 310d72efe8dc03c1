// Matrix products. Formulas: torch.matmul, torch.mm, torch.bmm, torch.mv, torch.dot, torch.outer, torch.addmm, torch.baddbmm.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions } from '../../tensor/check.js';
import { isFloating } from '../../tensor/dtype.js';
import { broadcastShapes, contiguousStrides, sameShape } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor, viewOf } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { checkTensor } from '../elementwise.js';
import { add, mul } from '../pointwise/arithmetic.js';
import { reshape, sumTo, to, transpose } from '../shape/view.js';

/** @internal Both operands have one dtype, a floating-point or integer one. */
export function checkMatrixDTypes(op: string, a: Tensor, b: Tensor): void {
  if (a.dtype !== b.dtype) {
    throw new DTypeError(op, `both operands need the same dtype, got ${a.dtype} and ${b.dtype}`, a.dtype, b.dtype);
  }
  if (a.dtype === 'bool') throw new DTypeError(op, `a floating-point or integer dtype is needed, got bool`, a.dtype);
}

/** Whether the kernels take the dtype; narrower integers are multiplied as int32, which wraps to the same bits. */
const hasKernel = (x: Tensor): boolean => isFloating(x.dtype) || x.dtype === 'int32' || x.dtype === 'int64';

function mismatch(op: string, a: Tensor, b: Tensor, rule: string): ShapeError {
  return new ShapeError(op, `${rule} (input ${shapeText(a.shape)}, other ${shapeText(b.shape)})`, a.shape, b.shape);
}

/** `[..., M, K]` of an operand: a vector is one row (left) or one column (right). */
function matrixShape(x: Tensor, left: boolean): readonly number[] {
  if (x.ndim > 1) return x.shape;
  return left ? [1, x.shape[0]] : [x.shape[0], 1];
}

/** Shape of `a @ b` with vectors as matrices. */
function productShape(op: string, a: Tensor, b: Tensor): number[] {
  const left = matrixShape(a, true);
  const right = matrixShape(b, false);
  const batch = broadcastShapes(op, left.slice(0, -2), right.slice(0, -2));
  return [...batch, left[left.length - 2], right[right.length - 1]];
}

/** Runs `use` on a raw view with the rank of `shape`: batch axes broadcast, a vector as a matrix. */
function asMatrices<R>(x: Tensor, left: boolean, batch: readonly number[], use: (view: Tensor) => R): R {
  const shape = matrixShape(x, left);
  const full = [...batch, ...shape.slice(-2)];
  if (x.ndim > 1 && sameShape(x.shape, full)) return use(x);
  const strides = x.ndim > 1 ? x.strides : left ? [0, x.strides[0]] : [x.strides[0], 0];
  const extra = full.length - shape.length;
  const own = full.map((size, i) => (i < extra || (shape[i - extra] === 1 && size !== 1) ? 0 : strides[i - extra]));
  const view = viewOf(x, full, own);
  const result = use(view);
  view.dispose();
  return result;
}

const matmulOp = defineOp({
  name: 'matmul',
  inputs: ['input', 'other'],
  narrow: 'products',
  forward: (a: Tensor, b: Tensor, op: string) => {
    const full = productShape(op, a, b);
    const out = emptyContiguous(
      full.filter((_, i) => !(a.ndim === 1 && i === full.length - 2) && !(b.ndim === 1 && i === full.length - 1)),
      a.dtype,
    );
    const matrix = out.ndim === full.length ? out : viewOf(out, full, contiguousStrides(full));
    const batch = full.slice(0, -2);
    asMatrices(a, true, batch, (x) => asMatrices(b, false, batch, (y) => native.matmul(matrix._id, x._id, y._id)));
    if (matrix !== out) matrix.dispose();
    return out;
  },
  save: (_out, a, b) => ({ a, b }),
  backward: ([g], { a, b }, needs) => {
    const product = reshape(g, productShape('matmul', a, b));
    const left = reshape(a, matrixShape(a, true));
    const right = reshape(b, matrixShape(b, false));
    return [
      needs[0] ? reshape(leftGradient(product, left, right), a.shape) : null,
      needs[1] ? reshape(rightGradient(product, left, right), b.shape) : null,
    ];
  },
});

const swapped = (x: Tensor): Tensor => transpose(x, -2, -1);

/** `g @ b^T`, summed over the batch axes that `a` does not have. */
function leftGradient(g: Tensor, a: Tensor, b: Tensor): Tensor {
  return sumTo(matmul(g, swapped(b)), a.shape);
}

/** `a^T @ g`; where `b` is one matrix for a whole batch, the batch is part of the inner sum. */
function rightGradient(g: Tensor, a: Tensor, b: Tensor): Tensor {
  if (b.ndim > 2 || a.ndim === 2) return sumTo(matmul(swapped(a), g), b.shape);
  const [k, n] = b.shape;
  const rows = a.shape.slice(0, -1).reduce((x, y) => x * y, 1);
  return matmul(swapped(reshape(a, [rows, k])), reshape(g, [rows, n]));
}

function checkedProduct(op: string, a: Tensor, b: Tensor): Tensor {
  const left = matrixShape(a, true);
  const right = matrixShape(b, false);
  const inner = left[left.length - 1];
  const rows = right[right.length - 2];
  if (inner !== rows) throw mismatch(op, a, b, `inner sizes ${inner} and ${rows} differ`);
  for (let i = 3; i <= Math.min(left.length, right.length); i++) {
    const [x, y] = [left[left.length - i], right[right.length - i]];
    if (x !== y && x !== 1 && y !== 1) throw mismatch(op, a, b, `batch sizes ${x} and ${y} do not broadcast`);
  }
  checkMatrixDTypes(op, a, b);
  return hasKernel(a) ? matmulOp(a, b, op) : to(matmulOp(to(a, 'int32'), to(b, 'int32'), op), a.dtype);
}

/** Checks two tensors and their ranks. */
function checkRanks(op: string, a: Tensor, b: Tensor, rankA: number, rankB: number): void {
  checkTensor(op, a);
  checkTensor(op, b, 'other');
  if (a.ndim !== rankA || b.ndim !== rankB)
    throw mismatch(op, a, b, `tensors of ${rankA} and ${rankB} axes are needed`);
}

/**
 * Matrix product with PyTorch's rules: vectors (1-d) count as a row on the left and a column on the right, further axes
 * are a batch and broadcast. `[..., M, K] @ [..., K, N]` is `[..., M, N]`.
 * @throws ShapeError when the inner sizes differ or the batch axes do not broadcast.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkTensor('matmul', a);
  checkTensor('matmul', b, 'other');
  if (a.ndim === 0 || b.ndim === 0) throw mismatch('matmul', a, b, 'both operands need at least one axis');
  return checkedProduct('matmul', a, b);
}

/** `[M, K] @ [K, N]`. */
export function mm(a: Tensor, b: Tensor): Tensor {
  checkRanks('mm', a, b, 2, 2);
  return checkedProduct('mm', a, b);
}

/** `[B, M, K] @ [B, K, N]`, without broadcasting. */
export function bmm(a: Tensor, b: Tensor): Tensor {
  checkRanks('bmm', a, b, 3, 3);
  if (a.shape[0] !== b.shape[0]) throw mismatch('bmm', a, b, `batch sizes ${a.shape[0]} and ${b.shape[0]} differ`);
  return checkedProduct('bmm', a, b);
}

/** `[M, K] @ [K]`. */
export function mv(a: Tensor, b: Tensor): Tensor {
  checkRanks('mv', a, b, 2, 1);
  return checkedProduct('mv', a, b);
}

/** The sum of the products of two vectors, as a 0-d tensor. */
export function dot(a: Tensor, b: Tensor): Tensor {
  checkRanks('dot', a, b, 1, 1);
  return checkedProduct('dot', a, b);
}

/** `[M]` and `[N]` to `[M, N]`: every product, in the result type of both. */
export function outer(a: Tensor, b: Tensor): Tensor {
  checkRanks('outer', a, b, 1, 1);
  if (a.dtype !== b.dtype || !isFloating(a.dtype)) return mul(reshape(a, [a.shape[0], 1]), b);
  return checkedProduct('outer', reshape(a, [a.shape[0], 1]), reshape(b, [1, b.shape[0]]));
}

/** Options of {@link addmm} and {@link baddbmm}. */
export interface AddProductOptions {
  /** Factor of `input`; with 0 its values are not read. Default 1. */
  beta?: number;
  /** Factor of the product. Default 1. */
  alpha?: number;
}

const addProductOp = defineOp({
  name: 'addProduct',
  inputs: ['input', 'mat1', 'mat2'],
  narrow: 'products',
  forward: (input: Tensor, a: Tensor, b: Tensor, beta: number, alpha: number) => {
    const out = emptyContiguous(productShape('addmm', a, b), a.dtype);
    if (beta !== 0) {
      const extra = out.ndim - input.ndim;
      const strides = out.shape.map((size, i) =>
        i < extra || (input.shape[i - extra] === 1 && size !== 1) ? 0 : input.strides[i - extra],
      );
      const full = viewOf(input, out.shape, strides);
      native.copy(out._id, full._id);
      full.dispose();
    }
    native.gemm(out._id, a._id, b._id, alpha, beta);
    return out;
  },
  save: (_out, input, a, b, beta, alpha) => ({ shape: input.shape, a, b, beta, alpha }),
  backward: ([g], { shape, a, b, beta, alpha }, needs) => {
    const scaled = alpha === 1 ? g : mul(g, alpha);
    return [
      needs[0] ? sumTo(beta === 1 ? g : mul(g, beta), shape) : null,
      needs[1] ? matmul(scaled, swapped(b)) : null,
      needs[2] ? matmul(swapped(a), scaled) : null,
    ];
  },
});

function addProduct(op: string, input: Tensor, a: Tensor, b: Tensor, rank: number, options: AddProductOptions): Tensor {
  checkTensor(op, input);
  checkRanks(op, a, b, rank, rank);
  checkOptions(op, options);
  const { beta = 1, alpha = 1 } = options;
  for (const factor of [beta, alpha]) {
    if (typeof factor !== 'number')
      throw new ArgumentError(op, `beta and alpha are numbers, got ${valueText(factor)}`, factor);
  }
  if (a.shape[rank - 1] !== b.shape[rank - 2] || (rank === 3 && a.shape[0] !== b.shape[0])) {
    throw mismatch(op, a, b, `the matrices cannot be multiplied`);
  }
  checkMatrixDTypes(op, a, b);
  if (input.dtype !== a.dtype) {
    throw new DTypeError(
      op,
      `three tensors of one dtype are needed, got ${input.dtype} and ${a.dtype}`,
      input.dtype,
      a.dtype,
    );
  }
  const shape = productShape(op, a, b);
  if (!sameShape(broadcastShapes(op, input.shape, shape), shape)) {
    throw new ShapeError(
      op,
      `input ${shapeText(input.shape)} does not broadcast to ${shapeText(shape)}`,
      input.shape,
      shape,
    );
  }
  if (isFloating(a.dtype)) return addProductOp(input, a, b, beta, alpha);
  if (!Number.isInteger(beta) || !Number.isInteger(alpha)) {
    throw new ArgumentError(op, `beta and alpha must be integers for ${a.dtype} tensors, got ${beta} and ${alpha}`);
  }
  const product = mul(checkedProduct(op, a, b), alpha);
  return beta === 0 ? product : add(product, mul(input, beta));
}

/** `beta * input + alpha * (mat1 @ mat2)`; `input` broadcasts to `[M, N]`. */
export function addmm(input: Tensor, mat1: Tensor, mat2: Tensor, options: AddProductOptions = {}): Tensor {
  return addProduct('addmm', input, mat1, mat2, 2, options);
}

/** {@link addmm} for batches: `[B, M, K] @ [B, K, N]`. */
export function baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, options: AddProductOptions = {}): Tensor {
  return addProduct('baddbmm', input, batch1, batch2, 3, options);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link matmul}. */
    matmul(other: Tensor): Tensor;
    /** See {@link mm}. */
    mm(other: Tensor): Tensor;
    /** See {@link bmm}. */
    bmm(other: Tensor): Tensor;
    /** See {@link mv}. */
    mv(other: Tensor): Tensor;
    /** See {@link dot}. */
    dot(other: Tensor): Tensor;
    /** See {@link outer}. */
    outer(other: Tensor): Tensor;
    /** See {@link addmm}. */
    addmm(mat1: Tensor, mat2: Tensor, options?: AddProductOptions): Tensor;
    /** See {@link baddbmm}. */
    baddbmm(batch1: Tensor, batch2: Tensor, options?: AddProductOptions): Tensor;
  }
}

addMethods({ matmul, mm, bmm, mv, dot, outer, addmm, baddbmm });
