// Products made from matmul. Formulas: torch.addmv, addr, addbmm, inner, tensordot, kron, linalg.multi_dot, vecdot, cross,
// matrix_power, vander, trace.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { type DType, isFloating } from '../../tensor/dtype.js';
import { broadcastShapes, checkDim, checkDims, numelOf } from '../../tensor/layout.js';
import { arange, eye } from '../../tensor/sequence.js';
import type { Tensor } from '../../tensor/tensor.js';
import { addMethods } from '../define.js';
import { promote } from '../elementwise.js';
import { add, mul, pow, sub } from '../pointwise/arithmetic.js';
import { sum } from '../reduce/reduce.js';
import { cat } from '../shape/concat.js';
import { type DiagonalOptions, diagonal } from '../shape/diagonal.js';
import { clone, expand, narrow, permute, reshape, to, unsqueeze } from '../shape/view.js';
import { type AddProductOptions, dot, matmul, mm, mv, outer } from './matmul.js';
import { batchOf, checkSquare, colsOf, diagonalOf, expandBatch, rowsOf } from './parts.js';
import { inv } from './solve.js';

/** Checks beta and alpha: numbers, and integers for integer tensors. */
function factorsOf(op: string, dtype: DType, options: AddProductOptions): [beta: number, alpha: number] {
  checkOptions(op, options);
  const { beta = 1, alpha = 1 } = options;
  for (const factor of [beta, alpha]) {
    if (typeof factor !== 'number') {
      throw new ArgumentError(op, `beta and alpha are numbers, got ${valueText(factor)}`, factor);
    }
    if (!isFloating(dtype) && !Number.isInteger(factor)) {
      throw new ArgumentError(op, `beta and alpha must be integers for ${dtype} tensors, got ${factor}`, factor);
    }
  }
  return [beta, alpha];
}

/** `beta * input + alpha * product`, where input must broadcast to the product; with beta 0 it is not read. */
function scaledSum(op: string, input: Tensor, product: Tensor, [beta, alpha]: readonly [number, number]): Tensor {
  const shape = broadcastShapes(op, input.shape, product.shape);
  if (shape.length !== product.ndim || shape.some((size, i) => size !== product.shape[i])) {
    throw new ShapeError(
      op,
      `input ${shapeText(input.shape)} does not broadcast to ${shapeText(product.shape)}`,
      input.shape,
      product.shape,
    );
  }
  const scaled = alpha === 1 ? product : mul(product, alpha);
  if (beta === 0) return scaled;
  return add(beta === 1 ? input : mul(input, beta), scaled);
}

/** `beta * input + alpha * (mat @ vec)`: mat `[M, N]`, vec `[N]`, input broadcasts to `[M]`. */
export function addmv(input: Tensor, mat: Tensor, vec: Tensor, options: AddProductOptions = {}): Tensor {
  checkTensor('addmv', input);
  checkTensor('addmv', mat, 'mat');
  const factors = factorsOf('addmv', mat.dtype, options);
  return scaledSum('addmv', sameDType('addmv', input, mat), mv(mat, vec), factors);
}

/** `beta * input + alpha * outer(vec1, vec2)`: vec1 `[M]`, vec2 `[N]`, input broadcasts to `[M, N]`. */
export function addr(input: Tensor, vec1: Tensor, vec2: Tensor, options: AddProductOptions = {}): Tensor {
  checkTensor('addr', input);
  const product = outer(vec1, vec2);
  return scaledSum('addr', input, product, factorsOf('addr', product.dtype, options));
}

/** `beta * input + alpha * sum(batch1 @ batch2)` over the batch: `[B, M, K]`, `[B, K, N]`, input to `[M, N]`. */
export function addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, options: AddProductOptions = {}): Tensor {
  const op = 'addbmm';
  checkTensor(op, input);
  checkTensor(op, batch1, 'batch1');
  checkTensor(op, batch2, 'batch2');
  if (batch1.ndim !== 3 || batch2.ndim !== 3 || batch1.shape[0] !== batch2.shape[0]) {
    throw new ShapeError(
      op,
      `batches of one size are needed, got ${shapeText(batch1.shape)} and ${shapeText(batch2.shape)}`,
      batch1.shape,
      batch2.shape,
    );
  }
  const factors = factorsOf(op, batch1.dtype, options);
  const [b, m, k] = batch1.shape;
  if (batch2.shape[1] !== k) {
    throw new ShapeError(op, `inner sizes ${k} and ${batch2.shape[1]} differ`, batch1.shape, batch2.shape);
  }
  // One product with the batch as part of the inner sum.
  const rows = reshape(permute(batch1, [1, 0, 2]), [m, b * k]);
  const product = mm(rows, reshape(batch2, [b * k, batch2.shape[2]]));
  return scaledSum(op, sameDType(op, input, batch1), product, factors);
}

function sameDType(op: string, input: Tensor, other: Tensor): Tensor {
  if (input.dtype !== other.dtype) {
    throw new DTypeError(op, `one dtype is needed, got ${input.dtype} and ${other.dtype}`, input.dtype, other.dtype);
  }
  return input;
}

/** {@link dot}: there are no complex numbers to conjugate. */
export function vdot(a: Tensor, b: Tensor): Tensor {
  checkTensor('vdot', a);
  checkTensor('vdot', b, 'other');
  if (a.ndim !== 1 || b.ndim !== 1) {
    throw new ShapeError('vdot', `1-d tensors are needed, got ${shapeText(a.shape)} and ${shapeText(b.shape)}`);
  }
  return dot(a, b);
}

/** The sums of products over the last axes: `[..., K]` and `[... , K]` to the leading axes of both. A 0-d operand scales. */
export function inner(a: Tensor, b: Tensor): Tensor {
  checkTensor('inner', a);
  checkTensor('inner', b, 'other');
  if (a.ndim === 0 || b.ndim === 0) return mul(a, b);
  const [k, other] = [a.shape[a.ndim - 1], b.shape[b.ndim - 1]];
  if (k !== other) throw new ShapeError('inner', `the last sizes ${k} and ${other} differ`, a.shape, b.shape);
  const product = mm(
    reshape(a, [numelOf(a.shape.slice(0, -1)), k]),
    permute(reshape(b, [numelOf(b.shape.slice(0, -1)), k]), [1, 0]),
  );
  return reshape(product, [...a.shape.slice(0, -1), ...b.shape.slice(0, -1)]);
}

/**
 * Sums of products over pairs of axes: the last `dims` of `a` with the first `dims` of `b` (default 2), or the two lists
 * of axes `[[...], [...]]`. The result has the remaining axes of `a`, then those of `b`.
 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  dims: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  const op = 'tensordot';
  checkTensor(op, a);
  checkTensor(op, b, 'other');
  const [left, right] = contractedDims(op, a, b, dims);
  const sizes = left.map((d) => a.shape[d]);
  right.forEach((d, i) => {
    if (b.shape[d] === sizes[i]) return;
    throw new ShapeError(
      op,
      `axis ${left[i]} of ${shapeText(a.shape)} and ${d} of ${shapeText(b.shape)} differ in size`,
    );
  });
  const restA = a.shape.map((_, i) => i).filter((i) => !left.includes(i));
  const restB = b.shape.map((_, i) => i).filter((i) => !right.includes(i));
  const shapeA = restA.map((d) => a.shape[d]);
  const shapeB = restB.map((d) => b.shape[d]);
  const k = numelOf(sizes);
  const x = reshape(permute(a, [...restA, ...left]), [numelOf(shapeA), k]);
  const y = reshape(permute(b, [...right, ...restB]), [k, numelOf(shapeB)]);
  return reshape(mm(x, y), [...shapeA, ...shapeB]);
}

function contractedDims(op: string, a: Tensor, b: Tensor, dims: unknown): [number[], number[]] {
  if (typeof dims === 'number') {
    if (!Number.isInteger(dims) || dims < 0 || dims > Math.min(a.ndim, b.ndim)) {
      throw new ArgumentError(op, `dims must be from 0 to ${Math.min(a.ndim, b.ndim)}, got ${dims}`, dims);
    }
    return [Array.from({ length: dims }, (_, i) => a.ndim - dims + i), Array.from({ length: dims }, (_, i) => i)];
  }
  if (!Array.isArray(dims) || !Array.isArray(dims[0]) || !Array.isArray(dims[1]) || dims[0].length !== dims[1].length) {
    throw new ArgumentError(op, `dims must be a number or two lists of one length, got ${valueText(dims)}`, dims);
  }
  return [checkDims(op, dims[0], a.ndim), checkDims(op, dims[1], b.ndim)];
}

/** Kronecker's product: every element of `a` times all of `b`, blocks side by side along every axis. */
export function kron(a: Tensor, b: Tensor): Tensor {
  checkTensor('kron', a);
  checkTensor('kron', b, 'other');
  const n = Math.max(a.ndim, b.ndim);
  const sizes = (x: Tensor) => [...Array<number>(n - x.ndim).fill(1), ...x.shape];
  const [left, right] = [sizes(a), sizes(b)];
  if (2 * n > 8) throw new ShapeError('kron', `at most 4 axes, got ${n}`, a.shape, b.shape);
  const product = mul(
    reshape(
      a,
      left.flatMap((size) => [size, 1]),
    ),
    reshape(
      b,
      right.flatMap((size) => [1, size]),
    ),
  );
  return reshape(
    product,
    left.map((size, i) => size * right[i]),
  );
}

/** The sum of the main diagonal of `[M, N]`, 0-d; int64 for integers. */
export function trace(x: Tensor): Tensor {
  checkTensor('trace', x);
  if (x.ndim !== 2) throw new ShapeError('trace', `a matrix is needed, got ${shapeText(x.shape)}`, x.shape);
  if (x.dtype === 'bool') throw new DTypeError('trace', 'does not take bool tensors', x.dtype);
  return sum(diagonalOf(x));
}

/**
 * The product of several matrices in the order that needs the fewest operations. The first and the last may be vectors:
 * a row and a column.
 */
export function multiDot(tensors: readonly Tensor[]): Tensor {
  const op = 'linalg.multiDot';
  if (!Array.isArray(tensors) || tensors.length < 2) {
    throw new ArgumentError(op, 'an array of at least two tensors is needed', tensors);
  }
  const last = tensors.length - 1;
  const list = tensors.map((x: Tensor, i) => {
    checkTensor(op, x, `tensor ${i}`);
    if (x.ndim === 1 && i === 0) return unsqueeze(x, 0);
    if (x.ndim === 1 && i === last) return unsqueeze(x, 1);
    if (x.ndim !== 2) throw new ShapeError(op, `tensor ${i} must be a matrix, got ${shapeText(x.shape)}`, x.shape);
    return x;
  });
  const product = chain(op, list);
  const shape = product.shape.filter((_, i) => tensors[i === 0 ? 0 : last].ndim > 1);
  return reshape(product, shape);
}

/** {@link multiDot} of matrices only: `torch.chain_matmul`. */
export function chainMatmul(...matrices: readonly Tensor[]): Tensor {
  if (matrices.length === 0) throw new ArgumentError('chainMatmul', 'at least one matrix is needed');
  for (const [i, x] of matrices.entries()) {
    checkTensor('chainMatmul', x, `matrix ${i}`);
    if (x.ndim !== 2) throw new ShapeError('chainMatmul', `matrix ${i} has shape ${shapeText(x.shape)}`, x.shape);
  }
  return matrices.length === 1 ? matrices[0] : chain('chainMatmul', matrices);
}

/** The classic dynamic programme over where to split: T. H. Cormen et al., Introduction to Algorithms, 15.2. */
function chain(op: string, list: readonly Tensor[]): Tensor {
  const n = list.length;
  for (let i = 1; i < n; i++) {
    if (list[i - 1].shape[1] !== list[i].shape[0]) {
      throw new ShapeError(op, `${shapeText(list[i - 1].shape)} and ${shapeText(list[i].shape)} do not fit together`);
    }
  }
  const sizes = [list[0].shape[0], ...list.map((x) => x.shape[1])];
  const cost = list.map(() => new Array<number>(n).fill(0));
  const splits = list.map(() => new Array<number>(n).fill(0));
  for (let length = 1; length < n; length++) {
    for (let i = 0; i + length < n; i++) {
      const j = i + length;
      cost[i][j] = Number.POSITIVE_INFINITY;
      for (let s = i; s < j; s++) {
        const total = cost[i][s] + cost[s + 1][j] + sizes[i] * sizes[s + 1] * sizes[j + 1];
        if (total < cost[i][j]) [cost[i][j], splits[i][j]] = [total, s];
      }
    }
  }
  const product = (i: number, j: number): Tensor =>
    i === j ? list[i] : mm(product(i, splits[i][j]), product(splits[i][j] + 1, j));
  return product(0, n - 1);
}

/** Sums of products along one axis, after broadcasting: `linalg.vecdot(x, y)`. */
export function vecdot(a: Tensor, b: Tensor, dim = -1): Tensor {
  const op = 'linalg.vecdot';
  checkTensor(op, a);
  checkTensor(op, b, 'other');
  if (a.dtype !== b.dtype) {
    throw new DTypeError(op, `both operands need the same dtype, got ${a.dtype} and ${b.dtype}`, a.dtype, b.dtype);
  }
  if (!isFloating(a.dtype)) throw new DTypeError(op, `floating-point tensors are needed, got ${a.dtype}`, a.dtype);
  const shape = broadcastShapes(op, a.shape, b.shape);
  const d = checkDim(op, dim, shape.length);
  return sum(mul(a, b), shape.length === 0 ? [] : d, { dtype: a.dtype });
}

function crossAlong(op: string, a: Tensor, b: Tensor, dim: number): Tensor {
  if (a.ndim !== b.ndim) {
    throw new ShapeError(op, `${shapeText(a.shape)} and ${shapeText(b.shape)} differ in rank`, a.shape, b.shape);
  }
  const d = checkDim(op, dim, a.ndim);
  if (a.shape[d] !== 3 || b.shape[d] !== 3) {
    throw new ShapeError(
      op,
      `axis ${d} must have size 3 (${shapeText(a.shape)}, ${shapeText(b.shape)})`,
      a.shape,
      b.shape,
    );
  }
  const [x, y] = promote(a, b);
  const rolled = (t: Tensor, by: number) => cat([narrow(t, d, by, 3 - by), narrow(t, d, 0, by)], d);
  return sub(mul(rolled(x, 1), rolled(y, 2)), mul(rolled(x, 2), rolled(y, 1)));
}

/** The cross product of vectors of three along `dim` (default the last axis); the other axes broadcast. */
export function linalgCross(a: Tensor, b: Tensor, dim = -1): Tensor {
  checkTensor('linalg.cross', a);
  checkTensor('linalg.cross', b, 'other');
  return crossAlong('linalg.cross', a, b, dim);
}

/** The cross product along `dim`, by default the first axis of size 3: `torch.cross`. */
export function cross(a: Tensor, b: Tensor, dim?: number): Tensor {
  checkTensor('cross', a);
  checkTensor('cross', b, 'other');
  if (dim !== undefined) return crossAlong('cross', a, b, dim);
  const first = a.shape.indexOf(3);
  if (first < 0) throw new ShapeError('cross', `no axis of ${shapeText(a.shape)} has size 3`, a.shape);
  return crossAlong('cross', a, b, first);
}

/** `A^n` of square matrices `[..., N, N]` by repeated squaring; a negative `n` inverts first. */
export function matrixPower(a: Tensor, n: number): Tensor {
  const op = 'linalg.matrixPower';
  checkTensor(op, a);
  if (!Number.isSafeInteger(n)) throw new ArgumentError(op, `n must be an integer, got ${valueText(n)}`, n);
  if (n < 0) {
    checkSquare(op, a);
    return matrixPower(inv(a), -n);
  }
  if (a.ndim < 2 || rowsOf(a) !== colsOf(a)) {
    throw new ShapeError(op, `square matrices are needed, got ${shapeText(a.shape)}`, a.shape);
  }
  if (n === 0) return clone(expandBatch(eye(rowsOf(a), rowsOf(a), { dtype: a.dtype }), batchOf(a)));
  if (n === 1) return clone(a);
  let result: Tensor | null = null;
  let square = a;
  for (let rest = n; ; square = matmul(square, square)) {
    if (rest % 2 === 1) result = result ? matmul(result, square) : square;
    rest = Math.floor(rest / 2);
    if (rest === 0) return result as Tensor;
  }
}

/** Rows of powers: `[..., N]` to `[..., N, columns]` (default N) with `x^j` in column j. */
export function linalgVander(x: Tensor, columns?: number): Tensor {
  const op = 'linalg.vander';
  checkTensor(op, x);
  if (x.ndim === 0) throw new ShapeError(op, 'at least one axis is needed', x.shape);
  const n = columns ?? x.shape[x.ndim - 1];
  if (!Number.isSafeInteger(n) || n < 2) throw new ArgumentError(op, `columns must be >= 2, got ${valueText(n)}`, n);
  const base = isFloating(x.dtype) ? x : to(x, 'int64');
  return pow(unsqueeze(base, -1), expand(arange(n, { dtype: base.dtype }), [...x.shape, n]));
}

/** Powers of a vector `[N]`, highest first: `[N, columns]`; `increasing` reverses the columns. `torch.vander`. */
export function vander(x: Tensor, columns?: number, options: { increasing?: boolean } = {}): Tensor {
  checkTensor('vander', x);
  checkOptions('vander', options);
  if (x.ndim !== 1) throw new ShapeError('vander', `a vector is needed, got ${shapeText(x.shape)}`, x.shape);
  const n = columns ?? x.shape[0];
  if (!Number.isSafeInteger(n) || n < 0)
    throw new ArgumentError('vander', `columns must be >= 0, got ${valueText(n)}`, n);
  const base = isFloating(x.dtype) ? x : to(x, 'int64');
  const rising = arange(n, { dtype: base.dtype });
  const powers = options.increasing ? rising : sub(n - 1, rising);
  return pow(unsqueeze(base, -1), powers);
}

/** The diagonals of matrices, `[..., M, N]` to `[..., min(M, N)]`; a view. Like `diagonal`, of the last two axes. */
export function linalgDiagonal(x: Tensor, offset = 0, options: DiagonalOptions = {}): Tensor {
  checkOptions('linalg.diagonal', options);
  return diagonal(x, offset, { dim1: options.dim1 ?? -2, dim2: options.dim2 ?? -1 });
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link addmv}. */
    addmv(mat: Tensor, vec: Tensor, options?: AddProductOptions): Tensor;
    /** See {@link addr}. */
    addr(vec1: Tensor, vec2: Tensor, options?: AddProductOptions): Tensor;
    /** See {@link addbmm}. */
    addbmm(batch1: Tensor, batch2: Tensor, options?: AddProductOptions): Tensor;
    /** See {@link vdot}. */
    vdot(other: Tensor): Tensor;
    /** See {@link inner}. */
    inner(other: Tensor): Tensor;
    /** See {@link kron}. */
    kron(other: Tensor): Tensor;
    /** See {@link trace}. */
    trace(): Tensor;
    /** See {@link cross}. */
    cross(other: Tensor, dim?: number): Tensor;
    /** See {@link matrixPower}. */
    matrixPower(n: number): Tensor;
    /** See {@link outer}. */
    ger(other: Tensor): Tensor;
  }
}

addMethods({ addmv, addr, addbmm, vdot, inner, kron, trace, cross, matrixPower, ger: outer });
