// Scaled dot product attention (Vaswani et al., 2017) in tiles (native/ops/attention.h).
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { stridesLike } from '../../tensor/create.js';
import { computeDType } from '../../tensor/dtype.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { broadcastShapes, sameShape, stridesInOrder } from '../../tensor/layout.js';
import { counters32, generatorOf } from '../../tensor/random.js';
import { emptyContiguous, emptyStrided, type Tensor, viewOf } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { checkFloating, checkProbability, type RandomOptions } from '../random/draw.js';
import { expand, reshape, to } from '../shape/view.js';
import {
  type AttentionRule,
  composedAttention,
  composedGradients,
  DROPOUT_GROUP,
  repeatHeads,
} from './attention-composed.js';

const OP = 'scaledDotProductAttention';

/** Options of {@link scaledDotProductAttention}. */
export interface AttentionOptions extends RandomOptions {
  /**
   * Broadcasts to `[..., L, S]`. bool: true where a key takes part (the opposite of `MultiheadAttention`'s
   * `keyPaddingMask`); floating-point: added to the scores. Default: none.
   */
  attnMask?: Tensor | null;
  /** Probability with which a weight is dropped; it does not ask whether a module is in training. Default 0. */
  dropoutP?: number;
  /** Query i sees the keys 0 to i. Not together with `attnMask`. Default false. */
  isCausal?: boolean;
  /** Factor of the scores. Default `1 / sqrt(E)`. */
  scale?: number | null;
  /** Heads of key and value are shared by groups of query heads. Default false. */
  enableGqa?: boolean;
}

function checkOperands(query: Tensor, key: Tensor, value: Tensor): void {
  for (const [name, x] of Object.entries({ query, key, value })) {
    checkTensor(OP, x, name);
    checkFloating(OP, x.dtype);
    if (x.ndim < 2) throw new ShapeError(OP, `${name} ${shapeText(x.shape)} needs at least two axes`, x.shape);
    if (x.dtype !== query.dtype) {
      throw new DTypeError(OP, `query is ${query.dtype}, ${name} is ${x.dtype}`, query.dtype, x.dtype);
    }
  }
  const pair = (a: Tensor, axisA: number, b: Tensor, axisB: number): boolean =>
    a.shape[a.ndim + axisA] === b.shape[b.ndim + axisB];
  if (!pair(query, -1, key, -1)) {
    const text = `query ${shapeText(query.shape)} and key ${shapeText(key.shape)} differ in their last axis`;
    throw new ShapeError(OP, text, query.shape, key.shape);
  }
  if (!pair(key, -2, value, -2)) {
    const text = `key ${shapeText(key.shape)} and value ${shapeText(value.shape)} differ in length`;
    throw new ShapeError(OP, text, key.shape, value.shape);
  }
}

/** With grouped queries: the shapes whose heads divide those of the query. */
function checkGroups(query: Tensor, key: Tensor, value: Tensor): void {
  for (const [name, x] of Object.entries({ query, key, value })) {
    if (x.ndim < 3) throw new ShapeError(OP, `enableGqa: ${name} ${shapeText(x.shape)} has no axis of heads`, x.shape);
    const [heads, own] = [query.shape[query.ndim - 3], x.shape[x.ndim - 3]];
    if (heads === own || (own > 0 && heads % own === 0)) continue;
    const text = `enableGqa: ${own} heads of ${name} do not divide ${heads} of query`;
    throw new ShapeError(OP, `${text} (${shapeText(query.shape)}, ${shapeText(x.shape)})`, query.shape, x.shape);
  }
}

/** Batch axes and heads of the result; shapes that do not broadcast are refused. */
function batchShape(query: Tensor, key: Tensor, value: Tensor, grouped: boolean): readonly number[] {
  const lead = ({ shape }: Tensor): readonly number[] => shape.slice(0, grouped ? -3 : -2);
  const batch = broadcastShapes(OP, broadcastShapes(OP, lead(query), lead(key)), lead(value));
  return grouped ? [...batch, query.shape[query.ndim - 3]] : batch;
}

function checkMask(mask: Tensor, query: Tensor, weights: readonly number[]): void {
  checkTensor(OP, mask, 'attnMask');
  if (mask.dtype !== 'bool' && mask.dtype !== 'float32' && mask.dtype !== query.dtype) {
    const text = `attnMask must be bool, float32 or ${query.dtype} as query is, got ${mask.dtype}`;
    throw new DTypeError(OP, text, mask.dtype, query.dtype);
  }
  const fits =
    mask.ndim >= 2 && mask.ndim <= weights.length && sameShape(broadcastShapes(OP, mask.shape, weights), weights);
  if (!fits) {
    const text = `attnMask ${shapeText(mask.shape)} does not broadcast to ${shapeText(weights)}`;
    throw new ShapeError(OP, text, mask.shape, weights);
  }
}

function ruleOf(query: Tensor, weights: readonly number[], options: AttentionOptions): AttentionRule {
  const { dropoutP = 0, isCausal = false, attnMask, scale } = options;
  checkProbability(OP, dropoutP);
  for (const name of ['isCausal', 'enableGqa'] as const) {
    const value = options[name];
    if (value !== undefined && typeof value !== 'boolean') {
      throw new ArgumentError(OP, `${name} must be a boolean, got ${valueText(value)}`, value);
    }
  }
  if (isCausal && attnMask) throw new ArgumentError(OP, 'attnMask cannot be given together with isCausal');
  const factor = scale ?? 1 / Math.sqrt(Math.max(1, query.shape[query.ndim - 1]));
  if (typeof factor !== 'number') throw new ArgumentError(OP, `scale must be a number, got ${valueText(scale)}`, scale);
  const generator = generatorOf(OP, options.generator);
  const length = weights[weights.length - 1];
  const rows = weights.slice(0, -1).reduce((a, b) => a * b, 1);
  const numbers = rows * Math.ceil(length / DROPOUT_GROUP) * DROPOUT_GROUP;
  const draw = dropoutP > 0 && numbers > 0 ? generator._take(counters32(numbers)) : null;
  return { scale: factor, causal: isCausal, dropoutP, draw };
}

/** What forward writes for backward: the logarithm of the sum of each row of exponentials. */
interface Kept {
  readonly wanted: boolean;
  logSums: Tensor | null;
}

const id = (x: Tensor | null): number => x?._id ?? 0;

/** Runs `use` on the mask as it broadcasts to the weights. */
function withMask(mask: Tensor | null, weights: readonly number[], use: (handle: number) => void): void {
  if (!mask) {
    use(0);
    return;
  }
  const skip = weights.length - mask.ndim;
  const strides = weights.map((size, i) => (i < skip || mask.shape[i - skip] !== size ? 0 : mask.strides[i - skip]));
  const full = viewOf(mask, weights, strides);
  use(full._id);
  full.dispose();
}

/** `[..., H, L, V]` whose memory runs L, H, V: heads side by side need no copy to become features. */
function emptyHeads(shape: readonly number[], like: Tensor): Tensor {
  const order = shape.map((_, i) => i);
  if (shape.length > 3) order.splice(-3, 2, shape.length - 2, shape.length - 3);
  return emptyStrided(shape, stridesInOrder(shape, order), like.dtype);
}

const attentionOp = defineOp({
  name: OP,
  inputs: ['query', 'key', 'value', 'attnMask?'],
  narrow: 'mixed',
  forward: (
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | null,
    weights: readonly number[],
    { scale, causal, dropoutP, draw }: AttentionRule,
    kept: Kept,
  ): Tensor => {
    const out = emptyHeads([...weights.slice(0, -1), value.shape[value.ndim - 1]], query);
    if (kept.wanted) kept.logSums = emptyContiguous(weights.slice(0, -1), query.dtype);
    const { seedLo = 0, seedHi = 0, offset = 0 } = draw ?? {};
    const [logSums, p] = [id(kept.logSums), draw ? dropoutP : 0];
    withMask(mask, weights, (full) =>
      native.attention(out._id, logSums, query._id, key._id, value._id, full, scale, causal, p, seedLo, seedHi, offset),
    );
    return out;
  },
  save: (out, query, key, value, mask, weights, rule, { logSums }) => ({
    out,
    query,
    key,
    value,
    mask,
    weights,
    rule,
    logSums,
  }),
  backward: ([g], { out, query, key, value, mask, weights, rule, logSums }, needs) => {
    if (isGradEnabled()) return [...composedGradients(g, query, key, value, mask, rule), null];
    const made = backwardOp(g, query, key, value, mask, out, logSums as Tensor, weights, rule, needs);
    let next = 0;
    return needs.map((needed, i) => (needed && i < 3 ? made[next++] : null));
  },
});

const backwardOp = defineOp({
  name: `${OP}Backward`,
  inputs: ['gradient', 'query', 'key', 'value', 'attnMask?', 'output', 'logSums'],
  forward: (
    g: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | null,
    out: Tensor,
    logSums: Tensor,
    weights: readonly number[],
    { scale, causal, dropoutP, draw }: AttentionRule,
    needs: readonly boolean[],
  ): readonly Tensor[] => {
    const made = [query, key, value].map((x, i) =>
      needs[i] ? emptyStrided(x.shape, stridesLike(x, x.shape), x.dtype) : null,
    );
    const { seedLo = 0, seedHi = 0, offset = 0 } = draw ?? {};
    const p = draw ? dropoutP : 0;
    const [gradQuery, gradKey, gradValue] = made.map(id);
    withMask(mask, weights, (full) =>
      native.attentionBackward(
        gradQuery,
        gradKey,
        gradValue,
        g._id,
        query._id,
        key._id,
        value._id,
        full,
        out._id,
        logSums._id,
        scale,
        causal,
        p,
        seedLo,
        seedHi,
        offset,
      ),
    );
    return made.filter((x) => x !== null);
  },
});

/** Of the same batch axes and rank, at least three axes: what the kernels take. */
function spread(x: Tensor, batch: readonly number[], heads: number): Tensor {
  const shape = [...batch, heads, ...x.shape.slice(-2)];
  return sameShape(x.shape, shape) ? x : expand(x, shape);
}

/** Heads that key and value share, for query heads `heads`. They differ only where one of them is broadcast. */
function sharedHeads(key: Tensor, value: Tensor, heads: number): number {
  const own = (x: Tensor): number => (x.ndim > 2 ? x.shape[x.ndim - 3] : 1);
  return own(key) === own(value) ? own(key) : heads;
}

/** Attention by the kernels. */
function tiled(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  weights: readonly number[],
  rule: AttentionRule,
): Tensor {
  const heads = weights.length > 2 ? weights[weights.length - 3] : 1;
  const batch = weights.slice(0, -3);
  const shared = sharedHeads(key, value, heads);
  const groups = (x: Tensor): Tensor => spread(shared === heads ? repeatHeads(x, heads) : x, batch, shared);
  const full = [...batch, heads, ...weights.slice(-2)];
  const wanted = isGradEnabled() && (query.requiresGrad || key.requiresGrad || value.requiresGrad);
  const kept = { wanted, logSums: null };
  const out = attentionOp(spread(query, batch, heads), groups(key), groups(value), mask, full, rule, kept);
  return weights.length > 2 ? out : reshape(out, out.shape.slice(1));
}

/**
 * Attention of every query to all keys (Vaswani et al., 2017): `softmax(query @ key^T * scale + mask) @ value`.
 *
 * Batch axes broadcast. A query whose keys are all masked out gives zeros.
 * @param query `[..., H, L, E]`, or without the axis of heads
 * @param key `[..., H, S, E]`; with `enableGqa` its heads divide those of the query
 * @param value `[..., H, S, Ev]`
 * @returns `[..., H, L, Ev]`
 * @throws ShapeError when the shapes do not fit together, DTypeError for tensors of different dtypes, ArgumentError for
 * a mask beside `isCausal` and for a probability outside [0, 1].
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.scaled_dot_product_attention.html
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  checkOperands(query, key, value);
  checkOptions(OP, options);
  const mask = options.attnMask ?? null;
  if (options.enableGqa) checkGroups(query, key, value);
  const batch = batchShape(query, key, value, options.enableGqa === true);
  const weights = [...batch, query.shape[query.ndim - 2], key.shape[key.ndim - 2]];
  if (mask) checkMask(mask, query, weights);
  const rule = ruleOf(query, weights, options);
  const added = mask && mask.dtype !== 'bool' && query.dtype === 'float64' ? to(mask, 'float64') : mask;
  if (!added?.requiresGrad || !isGradEnabled()) return tiled(query, key, value, added, weights, rule);
  const dtype = computeDType(query.dtype);
  const [q, k, v, m] = [query, key, value, added].map((x) => to(x, dtype));
  return to(composedAttention(q, k, v, m, rule), query.dtype);
}
