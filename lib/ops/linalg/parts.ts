// What the files of this folder share: parts of matrices as differentiable ops, and their argument checks.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkTensor } from '../../tensor/check.js';
import { broadcastShapes } from '../../tensor/layout.js';
import { arange, eye } from '../../tensor/sequence.js';
import type { Tensor } from '../../tensor/tensor.js';
import { ge, le } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { expand, reshape, slice, transpose, unsqueeze } from '../shape/view.js';

/** The transpose of every matrix of a batch. */
export const adjoint = (x: Tensor): Tensor => transpose(x, -2, -1);

/** The leading axes of a batch of matrices. */
export const batchOf = (x: Tensor): readonly number[] => x.shape.slice(0, -2);

export const rowsOf = (x: Tensor): number => x.shape[x.ndim - 2];
export const colsOf = (x: Tensor): number => x.shape[x.ndim - 1];

/** A batch of matrices repeated to these leading axes. */
export const expandBatch = (x: Tensor, batch: readonly number[]): Tensor => expand(x, [...batch, rowsOf(x), colsOf(x)]);

/** The main diagonal of every matrix: `[..., M, N]` to `[..., min(M, N)]`. */
export function diagonalOf(x: Tensor): Tensor {
  const [m, n] = [rowsOf(x), colsOf(x)];
  const k = Math.min(m, n);
  const flat = reshape(x, [...batchOf(x), m * n]);
  return k === 0 ? slice(flat, -1, 0, 0) : slice(flat, -1, 0, (k - 1) * (n + 1) + 1, n + 1);
}

/** Matrices with `x` on the diagonal and zeros elsewhere: `[..., N]` to `[..., N, N]`. */
export function diagonalMatrix(x: Tensor): Tensor {
  return where(eye(x.shape[x.ndim - 1], undefined, { dtype: 'bool' }), unsqueeze(x, -1), 0);
}

function triangle(x: Tensor, lower: boolean, shift: number): Tensor {
  const rows = unsqueeze(arange(shift, rowsOf(x) + shift), 1);
  const cols = arange(colsOf(x));
  return where(lower ? ge(rows, cols) : le(rows, cols), x, 0);
}

/** The lower triangle, up to the diagonal number `diagonal` (0 is the main one, 1 the one above it). */
export const lowerPart = (x: Tensor, diagonal = 0): Tensor => triangle(x, true, diagonal);

/** The upper triangle, from the diagonal number `diagonal` on. */
export const upperPart = (x: Tensor, diagonal = 0): Tensor => triangle(x, false, diagonal);

/** Checks a float32 or float64 batch of matrices. */
export function checkMatrix(op: string, x: Tensor, name = 'input'): void {
  checkTensor(op, x, name);
  if (x.ndim < 2) throw new ShapeError(op, `${name} must have at least 2 axes, got ${shapeText(x.shape)}`, x.shape);
  if (x.dtype !== 'float32' && x.dtype !== 'float64') {
    throw new DTypeError(op, `${name} must be float32 or float64, got ${x.dtype}`, x.dtype);
  }
}

/** {@link checkMatrix}, and square. */
export function checkSquare(op: string, x: Tensor, name = 'input'): void {
  checkMatrix(op, x, name);
  if (rowsOf(x) !== colsOf(x)) {
    throw new ShapeError(op, `${name} must be a batch of square matrices, got ${shapeText(x.shape)}`, x.shape);
  }
}

export function checkSameDType(op: string, a: Tensor, b: Tensor): void {
  if (a.dtype !== b.dtype) {
    throw new DTypeError(op, `both operands need the same dtype, got ${a.dtype} and ${b.dtype}`, a.dtype, b.dtype);
  }
}

/** Both batches of matrices with the leading axes that they broadcast to. */
export function broadcastBatches(op: string, a: Tensor, b: Tensor): [Tensor, Tensor] {
  const batch = broadcastShapes(op, batchOf(a), batchOf(b));
  return [expandBatch(a, batch), expandBatch(b, batch)];
}

/** One of the given strings. */
export function checkChoice<T extends string>(op: string, name: string, value: unknown, choices: readonly T[]): T {
  for (const choice of choices) if (choice === value) return choice;
  throw new ArgumentError(op, `${name} must be one of ${choices.join(', ')}, got ${valueText(value)}`, value);
}

export function checkFlag(op: string, name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') {
    throw new ArgumentError(op, `${name} must be true or false, got ${valueText(value)}`, value);
  }
  return value;
}
