// Attention from single operations, with the matrix of weights in memory: the form that second derivatives and the
// gradients of additive masks go through. Formula:
// https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.scaled_dot_product_attention.html
import { ones, zeros } from '../../tensor/create.js';
import type { Draw } from '../../tensor/random.js';
import { noGrad } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { matmul } from '../linalg/matmul.js';
import { add, mul, sub } from '../pointwise/arithmetic.js';
import { eq } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { dropped } from '../random/dropout.js';
import { all, sum } from '../reduce/reduce.js';
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

/** @internal `[..., H, S, E]` with each head repeated, `heads` in all; one head broadcasts by itself. */
export function repeatHeads(x: Tensor, heads: number): Tensor {
  const own = x.ndim > 2 ? x.shape[x.ndim - 3] : 1;
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

/** Heads of the query share those of the key. */
const served = (x: Tensor, query: Tensor): Tensor =>
  query.ndim > 2 && query.shape[query.ndim - 3] > 1 ? repeatHeads(x, query.shape[query.ndim - 3]) : x;

/** The weights before dropout, `[..., L, S]`. */
function weightsOf(query: Tensor, key: Tensor, mask: Tensor | null, { scale, causal }: AttentionRule): Tensor {
  const scores = matmul(mul(query, scale), transpose(served(key, query), -2, -1));
  const bias = biasOf(mask, causal, query, key);
  return bias ? safeSoftmax(add(scores, bias)) : softmax(scores, -1);
}

/** The factors of dropout for weights `[..., L, S]`, or null. */
function factorsOf(weights: Tensor, { dropoutP, draw }: AttentionRule): Tensor | null {
  if (!draw) return null;
  const length = weights.shape[weights.ndim - 1];
  const shape = [...weights.shape.slice(0, -1), Math.ceil(length / DROPOUT_GROUP) * DROPOUT_GROUP];
  return noGrad(() => narrow(dropped(ones(shape, { dtype: weights.dtype }), dropoutP, draw), -1, 0, length));
}

/** @internal Attention of checked tensors; `mask` broadcasts to `[..., L, S]`. */
export function composedAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  rule: AttentionRule,
): Tensor {
  const weights = weightsOf(query, key, mask, rule);
  const factors = factorsOf(weights, rule);
  return matmul(factors ? mul(weights, factors) : weights, served(value, query));
}

/** Gradients of repeated heads as those of the heads that were repeated: `[..., H, S, E]` to the shape of `x`. */
function sumHeads(g: Tensor, x: Tensor): Tensor {
  const [heads, own] = [g.shape[g.ndim - 3], x.shape[x.ndim - 3]];
  if (heads === own) return g;
  return sum(reshape(g, [...x.shape.slice(0, -3), own, heads / own, ...x.shape.slice(-2)]), -3);
}

/** @internal The gradients of query, key and value, which have the same batch axes. */
export function composedGradients(
  g: Tensor,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  rule: AttentionRule,
): readonly Tensor[] {
  const swapped = (x: Tensor): Tensor => transpose(x, -2, -1);
  const weights = weightsOf(query, key, mask, rule);
  const factors = factorsOf(weights, rule);
  const kept = factors ? mul(weights, factors) : weights;
  const gradKept = matmul(g, swapped(served(value, query)));
  const product = mul(weights, factors ? mul(gradKept, factors) : gradKept);
  const gradScores = mul(sub(product, mul(weights, sum(product, -1, { keepdim: true }))), rule.scale);
  return [
    matmul(gradScores, served(key, query)),
    sumHeads(matmul(swapped(gradScores), query), key),
    sumHeads(matmul(swapped(kept), g), value),
  ];
}
