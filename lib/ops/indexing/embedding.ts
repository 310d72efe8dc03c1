// Rows of a table by index.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { stridesLike } from '../../tensor/create.js';
import { computeDType, type DType } from '../../tensor/dtype.js';
import { numelOf } from '../../tensor/layout.js';
import { noGrad } from '../../tensor/scope.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { IndexName, ScatterMode } from '../codes.js';
import { defineOp } from '../define.js';
import { scalarTensor } from '../elementwise.js';
import { mul } from '../pointwise/arithmetic.js';
import { ne } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { reciprocal } from '../pointwise/unary.js';
import { norm } from '../reduce/moments.js';
import { expand, reshape, to, unsqueeze } from '../shape/view.js';
import { checkIndex } from './check.js';
import { addRows, indexCopy_, indexSelect, lookUp } from './rows.js';

const embeddingOp = defineOp({
  name: 'embedding',
  narrow: 'moves',
  inputs: ['weight', 'input'],
  forward: (weight: Tensor, input: Tensor, _paddingIdx: number, _scaleGradByFreq: boolean) => {
    const out = emptyContiguous([...input.shape, weight.shape[1]], weight.dtype);
    native.index(out._id, weight._id, [0], [input._id], false, IndexName.embedding);
    return out;
  },
  save: (_out, weight, input, paddingIdx, scaleGradByFreq) => ({
    input,
    paddingIdx,
    scaleGradByFreq,
    shape: weight.shape,
    strides: stridesLike(weight, weight.shape),
  }),
  backward: ([g], { input, paddingIdx, scaleGradByFreq, shape, strides }) => {
    let rows = g;
    if (paddingIdx >= 0) rows = where(unsqueeze(ne(input, paddingIdx), -1), rows, 0);
    if (scaleGradByFreq) {
      const share = unsqueeze(reciprocal(frequencies(input, shape[0], computeDType(g.dtype))), -1);
      rows = to(mul(rows, share), g.dtype);
    }
    const list = reshape(rows, [input.numel, shape[1]]);
    return [addRows(list, places(input), shape, strides), null];
  },
});

const places = (input: Tensor) => ({ indices: [input], dims: [0], negative: false, name: IndexName.embedding });

/** How often each index occurs, in its place. @internal */
export function frequencies(input: Tensor, rows: number, dtype: DType): Tensor {
  const counts = emptyContiguous([rows], dtype);
  native.fill(counts._id, 0);
  const ones = expand(scalarTensor(1, dtype), [input.numel]);
  native.indexPut(counts._id, [0], [input._id], ones._id, ScatterMode.add, false, IndexName.embedding);
  return lookUp(counts, places(input));
}

/** Options of {@link embedding}. */
export interface EmbeddingOptions {
  /** A row that gets no gradient; negative counts from the end. */
  paddingIdx?: number | null;
  /** Rows that are looked up and longer than this are shortened to it, in the memory of `weight`, before. */
  maxNorm?: number | null;
  /** The order of the norm of `maxNorm`. Default 2. */
  normType?: number;
  /** Divide the gradient of a row by how often it was looked up. Default false. */
  scaleGradByFreq?: boolean;
}

/** The number of the row that gets no gradient, or -1. @internal */
export function paddingOf(op: string, weight: Tensor, paddingIdx: number | null | undefined): number {
  if (paddingIdx === undefined || paddingIdx === null) return -1;
  const [rows] = weight.shape;
  if (!Number.isInteger(paddingIdx) || paddingIdx < -rows || paddingIdx >= rows) {
    throw new ArgumentError(op, `paddingIdx ${valueText(paddingIdx)} is not a row of ${rows}`, paddingIdx);
  }
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
}

/** Shortens the rows that `input` names, where they are too long. */
function renormalize(weight: Tensor, input: Tensor, maxNorm: number, normType: number): void {
  noGrad(() => {
    const table = weight.detach();
    const list = reshape(input, [input.numel]);
    const rows = indexSelect(table, 0, list);
    const length = norm(rows, normType, 1, { keepdim: true });
    const factor = where(length.gt(maxNorm), length.add(1e-7).reciprocal().mul(maxNorm), 1);
    indexCopy_(table, 0, list, mul(rows, factor));
  });
}

/** Throws unless `weight` is a matrix. @internal */
export function checkTable(op: string, weight: Tensor): void {
  checkTensor(op, weight, 'weight');
  if (weight.ndim === 2) return;
  throw new ShapeError(op, `weight must be a matrix, got ${shapeText(weight.shape)}`, weight.shape);
}

/** Shortens the rows that `input` names to `maxNorm`, if there is one. @internal */
export function shorten(op: string, weight: Tensor, input: Tensor, options: EmbeddingOptions): void {
  const { maxNorm, normType = 2 } = options;
  if (maxNorm === undefined || maxNorm === null) return;
  if (typeof maxNorm !== 'number') {
    throw new ArgumentError(op, `maxNorm must be a number, got ${valueText(maxNorm)}`, maxNorm);
  }
  if (numelOf(input.shape) > 0) renormalize(weight, input, maxNorm, normType);
}

/**
 * Rows of `weight` `[rows, D]` by index: `input` of any shape (int64 or int32) gives `[...input, D]`.
 * @throws ShapeError when `weight` is not a matrix. An index out of range rejects the reads of the result.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.embedding.html
 */
export function embedding(input: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  checkIndex('embedding', input);
  checkTable('embedding', weight);
  checkOptions('embedding', options);
  const padding = paddingOf('embedding', weight, options.paddingIdx);
  shorten('embedding', weight, input, options);
  return embeddingOp(weight, input, padding, options.scaleGradByFreq === true);
}
