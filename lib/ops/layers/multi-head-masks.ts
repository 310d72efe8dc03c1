// Masks of multi-head attention: checked, joined, and as attention takes them.
import { DTypeError, ShapeError, shapeText } from '../../errors.js';
import { zeros } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { sameShape } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkTensor } from '../elementwise.js';
import { add } from '../pointwise/arithmetic.js';
import { logicalNot, logicalOr } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { cat } from '../shape/concat.js';
import { reshape, unsqueeze } from '../shape/view.js';

/** Sizes that masks must fit. @internal */
export interface MaskSizes {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  /** The inputs have no axis of the batch. */
  readonly single: boolean;
}

function checkMaskDType(op: string, name: string, mask: Tensor, query: Tensor): void {
  if (mask.dtype === 'bool' || mask.dtype === query.dtype) return;
  const text = isFloating(mask.dtype) ? `${name} is ${mask.dtype}, query is ${query.dtype}` : `got ${mask.dtype}`;
  throw new DTypeError(op, `${name} must be bool or of the query's dtype: ${text}`, mask.dtype, query.dtype);
}

/** `attnMask` `[L, S]` or `[N · heads, L, S]` with four axes, that broadcast to `[N, heads, L, S]`. @internal */
export function attentionMask(op: string, mask: Tensor, query: Tensor, sizes: MaskSizes): Tensor {
  checkTensor(op, mask, 'attnMask');
  checkMaskDType(op, 'attnMask', mask, query);
  const { batch, heads, queries, keys } = sizes;
  if (mask.ndim === 2 && sameShape(mask.shape, [queries, keys])) return reshape(mask, [1, 1, queries, keys]);
  if (mask.ndim === 3 && sameShape(mask.shape, [batch * heads, queries, keys])) {
    return reshape(mask, [batch, heads, queries, keys]);
  }
  const wanted = `${shapeText([queries, keys])} or ${shapeText([batch * heads, queries, keys])}`;
  throw new ShapeError(op, `attnMask has shape ${shapeText(mask.shape)}, ${wanted} is needed`, mask.shape);
}

/** `keyPaddingMask` `[N, S]`, `[S]` for a single sequence, as `[N, 1, 1, S]`. @internal */
export function paddingMask(op: string, mask: Tensor, query: Tensor, sizes: MaskSizes): Tensor {
  checkTensor(op, mask, 'keyPaddingMask');
  checkMaskDType(op, 'keyPaddingMask', mask, query);
  const wanted = sizes.single ? [sizes.keys] : [sizes.batch, sizes.keys];
  if (!sameShape(mask.shape, wanted)) {
    const text = `keyPaddingMask has shape ${shapeText(mask.shape)}, ${shapeText(wanted)} is needed`;
    throw new ShapeError(op, text, mask.shape, wanted);
  }
  return reshape(mask, [sizes.batch, 1, 1, sizes.keys]);
}

/** What a mask adds to the scores. */
const additive = (mask: Tensor, query: Tensor): Tensor =>
  mask.dtype === 'bool' ? where(mask, -Infinity, zeros([], { dtype: query.dtype })) : mask;

/** Both masks as one: bool where both are, else what is added to the scores. @internal */
export function joinMasks(attn: Tensor | null, padding: Tensor | null, query: Tensor): Tensor | null {
  if (!attn || !padding) return attn ?? padding;
  if (attn.dtype === 'bool' && padding.dtype === 'bool') return logicalOr(attn, padding);
  return add(additive(attn, query), additive(padding, query));
}

/** The mask with `count` keys more, which are seen by everybody. @internal */
export function extendMask(mask: Tensor | null, count: number): Tensor | null {
  if (!mask || count === 0) return mask;
  return cat([mask, zeros([...mask.shape.slice(0, -1), count], { dtype: mask.dtype })], -1);
}

/** As `scaledDotProductAttention` takes a mask: bool ones say there who takes part. @internal */
export const takesPart = (mask: Tensor | null): Tensor | null => (mask?.dtype === 'bool' ? logicalNot(mask) : mask);

/** Scores `[N, heads, L, S]` with a mask. @internal */
export function maskScores(scores: Tensor, mask: Tensor | null): Tensor {
  if (!mask) return scores;
  return mask.dtype === 'bool' ? where(mask, -Infinity, scores) : add(scores, mask);
}

/** With an axis for the batch, where there is none. @internal */
export const withBatch = (x: Tensor, single: boolean, batchFirst: boolean): Tensor =>
  single ? unsqueeze(x, batchFirst ? 0 : 1) : x;
