// Multi-head attention (Vaswani et al., 2017): projections in few matrix products, heads as views, attention, projection.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions } from '../../tensor/check.js';
import { zeros } from '../../tensor/create.js';
import { sameShape } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkTensor } from '../elementwise.js';
import { matmul } from '../linalg/matmul.js';
import { mul } from '../pointwise/arithmetic.js';
import { checkProbability } from '../random/draw.js';
import { dropout } from '../random/dropout.js';
import { mean } from '../reduce/reduce.js';
import { cat } from '../shape/concat.js';
import { expand, narrow, reshape, squeeze, transpose } from '../shape/view.js';
import { scaledDotProductAttention } from './attention.js';
import { mergeHeads, splitHeads } from './heads.js';
import { linear } from './linear.js';
import {
  attentionMask,
  extendMask,
  joinMasks,
  type MaskSizes,
  maskScores,
  paddingMask,
  takesPart,
  withBatch,
} from './multi-head-masks.js';
import { softmax } from './softmax.js';

/** Options of a call of multi-head attention. */
export interface AttendOptions {
  /** `[N, S]`, or `[S]` without a batch. bool: true for keys that nobody sees; floating-point: added to their scores. */
  keyPaddingMask?: Tensor | null;
  /** Give the weights, too; without them attention is faster and needs less memory. Default true. */
  needWeights?: boolean;
  /** `[L, S]` or `[N · heads, L, S]`. bool: true where a query does not see a key; floating-point: added to the scores. */
  attnMask?: Tensor | null;
  /** Give the mean of the weights of all heads. Default true. */
  averageAttnWeights?: boolean;
  /** `attnMask`, which must be given too, is the causal mask: a faster way may be taken. Default false. */
  isCausal?: boolean;
}

/** Options of {@link multiHeadAttentionForward}. */
export interface MultiHeadAttentionForwardOptions extends AttendOptions {
  /** Drop weights. Default true. */
  training?: boolean;
  /** The weights of the projections are `qProjWeight`, `kProjWeight`, `vProjWeight`. Default false. */
  useSeparateProjWeight?: boolean;
  /** `[E, E]` */
  qProjWeight?: Tensor | null;
  /** `[E, kdim]` */
  kProjWeight?: Tensor | null;
  /** `[E, vdim]` */
  vProjWeight?: Tensor | null;
  /** Keys that are projected already, `[N · heads, S, E / heads]`. */
  staticK?: Tensor | null;
  /** Values that are projected already, `[N · heads, S, E / heads]`. */
  staticV?: Tensor | null;
}

/** Weights of the projections: one matrix `[3 · E, E]`, or three. @internal */
export interface InProjection {
  readonly packed: Tensor | null;
  readonly separate: readonly [q: Tensor, k: Tensor, v: Tensor] | null;
  readonly bias: Tensor | null;
  readonly embedDim: number;
  readonly heads: number;
  readonly batchFirst: boolean;
}

/** Parts `from` to `to` of the packed projection of `x`, as heads. */
function packedHeads(x: Tensor, p: InProjection, from: number, to: number): readonly Tensor[] {
  const size = p.embedDim;
  const whole = from === 0 && to === 3;
  const cut = (w: Tensor): Tensor => (whole ? w : narrow(w, 0, from * size, (to - from) * size));
  const rows = linear(x, cut(p.packed as Tensor), p.bias && cut(p.bias));
  return splitHeads(rows, { parts: to - from, heads: p.heads, batchFirst: p.batchFirst });
}

function separateHeads(x: Tensor, p: InProjection, part: 0 | 1 | 2): Tensor {
  const weight = (p.separate as readonly Tensor[])[part];
  const rows = linear(x, weight, p.bias && narrow(p.bias, 0, part * p.embedDim, p.embedDim));
  return splitHeads(rows, { parts: 1, heads: p.heads, batchFirst: p.batchFirst })[0];
}

/** Heads `[N, heads, L, D]` of queries `[L, N, E]` (or batch first). @internal */
export const queryHeads = (x: Tensor, p: InProjection): Tensor =>
  p.packed ? packedHeads(x, p, 0, 1)[0] : separateHeads(x, p, 0);

/** Heads `[N, heads, S, D]` of keys and values: one matrix product where both come from one tensor. @internal */
export function keyValueHeads(key: Tensor, value: Tensor, p: InProjection): readonly [Tensor, Tensor] {
  if (!p.packed) return [separateHeads(key, p, 1), separateHeads(value, p, 2)];
  if (key === value) return packedHeads(key, p, 1, 3) as [Tensor, Tensor];
  return [packedHeads(key, p, 1, 2)[0], packedHeads(value, p, 2, 3)[0]];
}

/** Heads of queries, keys and values; self-attention projects all three with one matrix product. @internal */
export function allHeads(q: Tensor, k: Tensor, v: Tensor, p: InProjection): readonly [Tensor, Tensor, Tensor] {
  if (p.packed && q === k && k === v) return packedHeads(q, p, 0, 3) as [Tensor, Tensor, Tensor];
  return [queryHeads(q, p), ...keyValueHeads(k, v, p)];
}

/** Everything of multi-head attention but the inputs. @internal */
export interface MultiHeadRule {
  readonly op: string;
  readonly projection: InProjection;
  readonly biasK: Tensor | null;
  readonly biasV: Tensor | null;
  readonly addZeroAttn: boolean;
  readonly staticK: Tensor | null;
  readonly staticV: Tensor | null;
  /** 0 outside of training. */
  readonly dropoutP: number;
  readonly outWeight: Tensor;
  readonly outBias: Tensor | null;
  readonly call: AttendOptions;
}

/** Keys and values with the learned pair and the pair of zeros behind them. */
function moreKeys(rule: MultiHeadRule, k: Tensor, v: Tensor): readonly [Tensor, Tensor] {
  const more = (x: Tensor, bias: Tensor | null): Tensor => {
    const [batch, heads, , width] = x.shape;
    const list = [x];
    if (bias) list.push(expand(reshape(bias, [1, heads, 1, width]), [batch, heads, 1, width]));
    if (rule.addZeroAttn) list.push(zeros([batch, heads, 1, width], { dtype: x.dtype }));
    return list.length === 1 ? x : cat(list, 2);
  };
  return [more(k, rule.biasK), more(v, rule.biasV)];
}

function staticHeads(rule: MultiHeadRule, name: string, x: Tensor, batch: number): Tensor {
  const { heads, embedDim } = rule.projection;
  checkTensor(rule.op, x, name);
  if (x.ndim !== 3 || x.shape[0] !== batch * heads || x.shape[2] !== embedDim / heads) {
    const text = `${name} has shape ${shapeText(x.shape)}, [${batch * heads}, S, ${embedDim / heads}] is needed`;
    throw new ShapeError(rule.op, text, x.shape);
  }
  return reshape(x, [batch, heads, x.shape[1], x.shape[2]]);
}

/** Attention of heads, with its weights `[N, heads, L, S]`. */
function weighted(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | null, dropoutP: number): [Tensor, Tensor] {
  const scores = matmul(mul(q, Math.sqrt(1 / q.shape[3])), transpose(k, -2, -1));
  const weights = softmax(maskScores(scores, mask), -1);
  const kept = dropoutP > 0 ? dropout(weights, dropoutP) : weights;
  return [matmul(kept, v), kept];
}

function checkInputs(op: string, inputs: Readonly<Record<string, Tensor>>, p: InProjection): boolean {
  const { query, key, value } = inputs;
  for (const [name, x] of Object.entries(inputs)) checkTensor(op, x, name);
  for (const [name, x] of Object.entries(inputs)) {
    if (x.ndim === query.ndim && (x.ndim === 2 || x.ndim === 3)) continue;
    const text = `query, key and value must have 3 axes, or 2 without a batch: ${name} is ${shapeText(x.shape)}`;
    throw new ShapeError(op, `${text}, query ${shapeText(query.shape)}`, x.shape, query.shape);
  }
  const { dtype } = p.packed ?? (p.separate as readonly Tensor[])[0];
  if (query.dtype !== dtype) {
    throw new DTypeError(op, `query is ${query.dtype}, the parameters are ${dtype}`, query.dtype, dtype);
  }
  if (query.shape[query.ndim - 1] !== p.embedDim) {
    const text = `query ${shapeText(query.shape)} must end in embedDim ${p.embedDim}`;
    throw new ShapeError(op, text, query.shape, [p.embedDim]);
  }
  const same = p.packed
    ? sameShape(key.shape, value.shape)
    : sameShape(key.shape.slice(0, -1), value.shape.slice(0, -1));
  if (!same) {
    const text = `key ${shapeText(key.shape)} and value ${shapeText(value.shape)} do not go together`;
    throw new ShapeError(op, text, key.shape, value.shape);
  }
  const batch = p.batchFirst ? 0 : 1;
  if (query.ndim === 3 && query.shape[batch] !== key.shape[batch]) {
    const text = `query ${shapeText(query.shape)} and key ${shapeText(key.shape)} differ in the batch`;
    throw new ShapeError(op, text, query.shape, key.shape);
  }
  return query.ndim === 2;
}

function checkCall(op: string, options: AttendOptions): void {
  checkOptions(op, options);
  for (const name of ['needWeights', 'averageAttnWeights', 'isCausal'] as const) {
    const value = options[name];
    if (value !== undefined && typeof value !== 'boolean') {
      throw new ArgumentError(op, `${name} must be a boolean, got ${valueText(value)}`, value);
    }
  }
  if (options.isCausal && !options.attnMask) {
    const text = 'isCausal says that attnMask is causal: give that too (Transformer.generateSquareSubsequentMask)';
    throw new ArgumentError(op, text, options.attnMask);
  }
}

/** Multi-head attention; the inputs lie as `projection.batchFirst` says. @internal */
export function multiHead(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  rule: MultiHeadRule,
): [output: Tensor, weights: Tensor | null] {
  const { op, projection, call, dropoutP } = rule;
  const { heads, batchFirst } = projection;
  checkCall(op, call);
  const single = checkInputs(op, { query, key, value }, projection);
  const q3 = withBatch(query, single, batchFirst);
  const k3 = key === query ? q3 : withBatch(key, single, batchFirst);
  const v3 = value === key ? k3 : value === query ? q3 : withBatch(value, single, batchFirst);
  const [batch, queries] = batchFirst ? q3.shape : [q3.shape[1], q3.shape[0]];
  const given = allHeads(q3, k3, v3, projection);
  const own = [
    rule.staticK ? staticHeads(rule, 'staticK', rule.staticK, batch) : given[1],
    rule.staticV ? staticHeads(rule, 'staticV', rule.staticV, batch) : given[2],
  ];
  const sizes: MaskSizes = { batch, heads, queries, keys: own[0].shape[2], single };
  const attn = call.attnMask ? attentionMask(op, call.attnMask, query, sizes) : null;
  const padding = call.keyPaddingMask ? paddingMask(op, call.keyPaddingMask, query, sizes) : null;
  const [k, v] = moreKeys(rule, own[0], own[1]);
  const more = k.shape[2] - sizes.keys;
  const needWeights = call.needWeights ?? true;
  // The hint is of use only where every query sees the keys before it and no others.
  const hinted = call.isCausal === true && !needWeights && !padding && more === 0;
  const mask = hinted ? null : extendMask(joinMasks(attn, padding, query), more);
  const [mixed, weights] = needWeights
    ? weighted(given[0], k, v, mask, dropoutP)
    : [scaledDotProductAttention(given[0], k, v, { attnMask: takesPart(mask), dropoutP, isCausal: hinted }), null];
  const out = linear(mergeHeads(mixed, batchFirst), rule.outWeight, rule.outBias);
  const averaged = weights && (call.averageAttnWeights ?? true) ? mean(weights, 1) : weights;
  if (!single) return [out, averaged];
  return [squeeze(out, batchFirst ? 0 : 1), averaged && squeeze(averaged, 0)];
}

function projectionOf(
  op: string,
  embedDim: number,
  heads: number,
  packed: Tensor | null,
  bias: Tensor | null,
  options: MultiHeadAttentionForwardOptions,
): InProjection {
  if (!Number.isInteger(heads) || heads < 1 || embedDim % heads !== 0) {
    throw new ArgumentError(op, `embedDim ${embedDim} is not divisible by numHeads ${valueText(heads)}`, heads);
  }
  const common = { bias, embedDim, heads, batchFirst: false };
  if (bias) checkShapeOf(op, 'inProjBias', bias, [3 * embedDim]);
  if (!options.useSeparateProjWeight) {
    checkTensor(op, packed, 'inProjWeight');
    checkShapeOf(op, 'inProjWeight', packed, [3 * embedDim, embedDim]);
    return { ...common, packed, separate: null };
  }
  const { qProjWeight: q, kProjWeight: k, vProjWeight: v } = options;
  for (const [name, weight] of Object.entries({ qProjWeight: q, kProjWeight: k, vProjWeight: v })) {
    checkTensor(op, weight, name);
    checkShapeOf(op, name, weight, [embedDim, weight.shape[1] ?? embedDim]);
  }
  return { ...common, packed: null, separate: [q as Tensor, k as Tensor, v as Tensor] };
}

function checkShapeOf(op: string, name: string, x: Tensor, wanted: readonly number[]): void {
  if (sameShape(x.shape, wanted)) return;
  throw new ShapeError(op, `${name} has shape ${shapeText(x.shape)}, ${shapeText(wanted)} is needed`, x.shape, wanted);
}

/**
 * What `MultiheadAttention` computes, with all its parameters as arguments: the output `[L, N, E]` and the weights
 * `[N, L, S]`, or `[N, heads, L, S]` without averageAttnWeights, or null without needWeights.
 * @param query `[L, N, E]`, or `[L, E]` without a batch
 * @param key `[S, N, kdim]` or `[S, kdim]`
 * @param value `[S, N, vdim]` or `[S, vdim]`
 * @param inProjWeight `[3 · E, E]`, null with useSeparateProjWeight
 * @param inProjBias `[3 · E]`
 * @param biasK `[1, 1, E]`, with `biasV` one more key and value
 * @param addZeroAttn one more key and value, of zeros
 * @throws ShapeError naming the shapes that do not go together, ArgumentError for isCausal without a mask.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.MultiheadAttention.html
 */
export function multiHeadAttentionForward(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  embedDimToCheck: number,
  numHeads: number,
  inProjWeight: Tensor | null,
  inProjBias: Tensor | null,
  biasK: Tensor | null,
  biasV: Tensor | null,
  addZeroAttn: boolean,
  dropoutP: number,
  outProjWeight: Tensor,
  outProjBias: Tensor | null,
  options: MultiHeadAttentionForwardOptions = {},
): [output: Tensor, weights: Tensor | null] {
  const op = 'multiHeadAttentionForward';
  checkOptions(op, options);
  checkProbability(op, dropoutP);
  const projection = projectionOf(op, embedDimToCheck, numHeads, inProjWeight, inProjBias, options);
  if ((biasK === null) !== (biasV === null)) {
    throw new ArgumentError(op, `${biasK ? 'biasK' : 'biasV'} is given without the other one`, biasK ?? biasV);
  }
  for (const [name, x] of Object.entries({ biasK, biasV })) {
    if (!x) continue;
    checkTensor(op, x, name);
    checkShapeOf(op, name, x, [1, 1, embedDimToCheck]);
  }
  const { staticK = null, staticV = null } = options;
  if (biasK && (staticK || staticV)) {
    throw new ArgumentError(op, 'biasK and biasV do not go together with staticK and staticV', staticK ?? staticV);
  }
  return multiHead(query, key, value, {
    op,
    projection,
    biasK,
    biasV,
    addZeroAttn,
    staticK,
    staticV,
    dropoutP: options.training === false ? 0 : dropoutP,
    outWeight: outProjWeight,
    outBias: outProjBias,
    call: options,
  });
}
