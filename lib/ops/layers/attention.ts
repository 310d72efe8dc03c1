// Scaled dot product attention (Vaswani et al., 2017).
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { computeDType } from '../../tensor/dtype.js';
import { broadcastShapes, sameShape } from '../../tensor/layout.js';
import { counters32, generatorOf } from '../../tensor/random.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkFloating, checkProbability, type RandomOptions } from '../random/draw.js';
import { to } from '../shape/view.js';
import { type AttentionRule, composedAttention, DROPOUT_GROUP } from './attention-composed.js';

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
  const factor = scale ?? 1 / Math.sqrt(query.shape[query.ndim - 1]);
  if (typeof factor !== 'number') throw new ArgumentError(OP, `scale must be a number, got ${valueText(scale)}`, scale);
  const generator = generatorOf(OP, options.generator);
  const length = weights[weights.length - 1];
  const rows = weights.slice(0, -1).reduce((a, b) => a * b, 1);
  const numbers = rows * Math.ceil(length / DROPOUT_GROUP) * DROPOUT_GROUP;
  const draw = dropoutP > 0 && numbers > 0 ? generator._take(counters32(numbers)) : null;
  return { scale: factor, causal: isCausal, dropoutP, draw };
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
  const dtype = computeDType(query.dtype);
  const [q, k, v] = [query, key, value].map((x) => to(x, dtype));
  const added = mask && mask.dtype !== 'bool' ? to(mask, dtype) : mask;
  return to(composedAttention(q, k, v, added, rule), query.dtype);
}
