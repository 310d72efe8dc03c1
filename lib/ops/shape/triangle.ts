// Triangles of matrices.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { fromTypedArray } from '../../tensor/create.js';
import { checkDType, type DType } from '../../tensor/dtype.js';
import { checkShape } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { inPlaceOf } from '../in-place.js';

type Triangle = (x: Tensor, diagonal?: number) => Tensor;

function triangle(name: 'tril' | 'triu'): Triangle {
  const run = defineOp({
    name,
    inputs: ['input'],
    narrow: 'moves',
    forward: (x: Tensor, diagonal: number) => {
      const out = emptyContiguous(x.shape, x.dtype);
      native.triangle(out._id, x._id, diagonal, name === 'triu');
      return out;
    },
    save: (_out, _x, diagonal) => ({ diagonal }),
    backward: ([g], { diagonal }) => [part(g, diagonal)],
  });
  const part: Triangle = (x, diagonal = 0) => {
    checkTensor(name, x);
    checkInteger(name, 'diagonal', diagonal);
    if (x.ndim < 2) throw new ShapeError(name, `at least 2 dimensions are needed, got ${shapeText(x.shape)}`, x.shape);
    return run(x, diagonal);
  };
  return part;
}

function checkInteger(op: string, name: string, value: number): void {
  if (Number.isSafeInteger(value)) return;
  throw new ArgumentError(op, `${name} must be an integer, got ${valueText(value)}`, value);
}

/**
 * The lower triangle of each matrix `[..., rows, columns]`, zeros elsewhere. `diagonal` (default 0) is the last one kept:
 * positive ones lie above the main diagonal.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.tril.html
 * @throws ShapeError for fewer than 2 dimensions.
 */
export const tril: Triangle = triangle('tril');

/**
 * The upper triangle of each matrix `[..., rows, columns]`, zeros elsewhere. `diagonal` (default 0) is the first one kept.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.triu.html
 * @throws ShapeError for fewer than 2 dimensions.
 */
export const triu: Triangle = triangle('triu');

/** {@link tril} in the memory of `x`. */
export const tril_: Triangle = inPlaceOf('tril_', tril);
/** {@link triu} in the memory of `x`. */
export const triu_: Triangle = inPlaceOf('triu_', triu);

/** Options of {@link trilIndices} and {@link triuIndices}. */
export interface TriangleIndicesOptions {
  /** int64 (default) or int32. */
  dtype?: DType;
}

/** Positions of `[from(row), to(row))` in each row: all rows, then all columns. */
function indices(
  op: string,
  rows: number,
  columns: number,
  options: TriangleIndicesOptions,
  from: (row: number) => number,
  to: (row: number) => number,
): Tensor {
  checkOptions(op, options);
  checkShape(op, [rows, columns]);
  const dtype = checkDType(op, options.dtype ?? 'int64');
  if (dtype !== 'int64' && dtype !== 'int32')
    throw new DTypeError(op, `indices are int64 or int32, not ${dtype}`, dtype);
  const clip = (column: number): number => Math.min(Math.max(column, 0), columns);
  let count = 0;
  for (let row = 0; row < rows; row++) count += Math.max(0, clip(to(row)) - clip(from(row)));
  const at = new Int32Array(2 * count);
  let i = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = clip(from(row)); column < clip(to(row)); column++, i++) {
      at[i] = row;
      at[count + i] = column;
    }
  }
  const small = fromTypedArray(at, [2, count], 'int32');
  if (dtype === 'int32') return small;
  const out = emptyContiguous([2, count], dtype);
  native.copy(out._id, small._id);
  small.dispose();
  return out;
}

/**
 * Where the lower triangle of a `rows` x `columns` matrix lies: `[2, n]` of row and column numbers, row by row.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.tril_indices.html
 */
export function trilIndices(rows: number, columns: number, offset = 0, options: TriangleIndicesOptions = {}): Tensor {
  checkInteger('trilIndices', 'offset', offset);
  return indices(
    'trilIndices',
    rows,
    columns,
    options,
    () => 0,
    (row) => row + offset + 1,
  );
}

/**
 * Where the upper triangle of a `rows` x `columns` matrix lies: `[2, n]` of row and column numbers, row by row.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.triu_indices.html
 */
export function triuIndices(rows: number, columns: number, offset = 0, options: TriangleIndicesOptions = {}): Tensor {
  checkInteger('triuIndices', 'offset', offset);
  return indices(
    'triuIndices',
    rows,
    columns,
    options,
    (row) => row + offset,
    () => columns,
  );
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link tril}. */
    tril(diagonal?: number): Tensor;
    /** See {@link triu}. */
    triu(diagonal?: number): Tensor;
    /** See {@link tril_}. */
    tril_(diagonal?: number): Tensor;
    /** See {@link triu_}. */
    triu_(diagonal?: number): Tensor;
  }
}

addMethods({ tril, triu, tril_, triu_ });
