// Attention from single operations, with the matrix of weights in memory: the form that second derivatives and the
// gradients of additive masks go through. Formula:
// https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.scaled_dot_product_attention.html
import { ones, zeros } from '../../tensor/create.js';
import type { Draw } from '../../tensor/random.js';
import { noGrad } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { matmul } from '../linalg/matmul.js';
import { add, mul } from '../pointwise/arithmetic.js';
import { eq } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { dropped } from '../random/dropout.js';
import { all } from '../reduce/reduce.js';
import { expand, narrow, reshape, transpose, unsqueeze } from '../shape/view.js';
import { softmax } from './softmax.js';

/** @internal Everything of an attention but its tensors. */
export interface AttentionRule {
  readonly scale: number;
  readonly causal: boolean;
  readonly dropoutP: number;
  /** Null without dropout. One number per weight, rows rounded up to {@link DROPOUT_GROUP}. */
  readonly draw: Draw | null;
}

/** @internal Numbers of a dropout mask come in groups of this many; each row of weights begins with a new one. */
export const DROPOUT_GROUP = 64;

/** `[..., H, S, E]` with each head repeated, `heads` in all. */
function repeatHeads(x: Tensor, heads: number): Tensor {
  const own = x.shape[x.ndim - 3];
  if (own === heads || own === 1) return x;
  const [lead, rest] = [x.shape.slice(0, -3), x.shape.slice(-2)];
  return reshape(expand(unsqueeze(x, -3), [...lead, own, heads / own, ...rest]), [...lead, heads, ...rest]);
}

/** What a mask adds to the scores. */
function biasOf(mask: Tensor | null, causal: boolean, query: Tensor, key: Tensor): Tensor | null {
  const allowed = causal
    ? noGrad(() => ones([query.shape[query.ndim - 2], key.shape[key.ndim - 2]], { dtype: 'bool' }).tril())
    : mask;
  if (allowed?.dtype !== 'bool') return allowed;
  return noGrad(() => where(allowed, zeros([], { dtype: query.dtype }), -Infinity));
}

/** Softmax of rows; a row without any finite score gives zeros. */
function safeSoftmax(scores: Tensor): Tensor {
  const dead = noGrad(() => all(eq(scores, -Infinity), -1, { keepdim: true }));
  return where(dead, 0, softmax(where(dead, 0, scores), -1));
}

/** @internal Attention of checked tensors; `mask` broadcasts to `[..., L, S]`. */
export function composedAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  { scale, causal, dropoutP, draw }: AttentionRule,
): Tensor {
  const heads = query.ndim > 2 ? query.shape[query.ndim - 3] : 1;
  const [k, v] = [key, value].map((x) => (query.ndim > 2 && x.ndim > 2 && heads > 1 ? repeatHeads(x, heads) : x));
  const scores = matmul(mul(query, scale), transpose(k, -2, -1));
  const bias = biasOf(mask, causal, query, key);
  let weights = bias ? safeSoftmax(add(scores, bias)) : softmax(scores, -1);
  if (draw) {
    const shape = [...weights.shape];
    const length = shape[shape.length - 1];
    shape[shape.length - 1] = Math.ceil(length / DROPOUT_GROUP) * DROPOUT_GROUP;
    const kept = noGrad(() => narrow(dropped(ones(shape, { dtype: weights.dtype }), dropoutP, draw), -1, 0, length));
    weights = mul(weights, kept);
  }
  return matmul(weights, v);
}
