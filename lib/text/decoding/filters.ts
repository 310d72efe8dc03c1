// Changes of scores before the next token is chosen.
import { DTypeError, ShapeError, shapeText } from '../../errors.js';
import { cumsum, gather, maskedFill, scatter, softmax, sort, topk, where } from '../../ops/index.js';
import { checkTensor } from '../../tensor/check.js';
import { isFloating } from '../../tensor/dtype.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkInteger, checkNumber } from '../check.js';

const OUT = Number.NEGATIVE_INFINITY;

/** @internal */
export function checkLogits(op: string, logits: unknown): asserts logits is Tensor {
  checkTensor(op, logits, 'logits');
  if (!isFloating(logits.dtype)) {
    throw new DTypeError(op, `logits must be floating-point, got ${logits.dtype}`, logits.dtype);
  }
  if (logits.ndim === 2 && logits.shape[1] > 0) return;
  throw new ShapeError(op, `logits [B, V] are needed, got ${shapeText(logits.shape)}`, logits.shape);
}

/**
 * Keeps the k highest scores of each row `[B, V]`, and others equal to the k-th; the rest becomes -Infinity.
 * Source: Fan et al., https://arxiv.org/abs/1805.04833
 * @throws ArgumentError unless k is an integer of at least 1; above V it keeps all
 */
export function topKFilter(logits: Tensor, k: number): Tensor {
  checkLogits('topKFilter', logits);
  checkInteger('topKFilter', 'k', k, 1);
  const size = logits.shape[1];
  if (k >= size) return logits;
  const least = topk(logits, k, 1).values.narrow(1, k - 1, 1);
  return maskedFill(logits, logits.lt(least), OUT);
}

/**
 * Keeps the most probable tokens of each row `[B, V]`, as few as have a probability of at least `p` together; the rest
 * becomes -Infinity. At least one stays.
 * Source: Holtzman et al., https://arxiv.org/abs/1904.09751
 * @throws ArgumentError unless p is above 0 and at most 1
 */
export function topPFilter(logits: Tensor, p: number): Tensor {
  checkLogits('topPFilter', logits);
  checkNumber('topPFilter', 'p', p, 'above 0 and at most 1', (x) => x > 0 && x <= 1);
  if (p === 1) return logits;
  const { values, indices } = sort(logits, 1, { descending: true });
  const probabilities = softmax(values, 1);
  // A token stays while those before it have less than p.
  const before = cumsum(probabilities, 1).sub(probabilities);
  const out = before.ge(p);
  return maskedFill(logits, scatter(out, 1, indices, out), OUT);
}

/**
 * Makes tokens less probable that were there already: positive scores are divided by the penalty, negative ones
 * multiplied with it.
 *
 * @param logits `[B, V]`
 * @param tokens `[B, T]` int64, what was there in each row
 * @param penalty above 1 avoids repetition, below 1 asks for it
 * Source: Keskar et al., https://arxiv.org/abs/1909.05858
 */
export function repetitionPenalty(logits: Tensor, tokens: Tensor, penalty: number): Tensor {
  const op = 'repetitionPenalty';
  checkLogits(op, logits);
  checkTensor(op, tokens, 'tokens');
  checkNumber(op, 'penalty', penalty, 'above 0', (x) => x > 0);
  if (tokens.ndim !== 2 || tokens.shape[0] !== logits.shape[0]) {
    const shapes = `${shapeText(logits.shape)} and ${shapeText(tokens.shape)}`;
    throw new ShapeError(op, `logits [B, V] and tokens [B, T] are needed, got ${shapes}`, logits.shape, tokens.shape);
  }
  if (penalty === 1 || tokens.shape[1] === 0) return logits;
  const scores = gather(logits, 1, tokens);
  const changed = where(scores.lt(0), scores.mul(penalty), scores.div(penalty));
  return scatter(logits, 1, tokens, changed);
}

/** How the next token is drawn. */
export interface SamplingOptions {
  /** Scores are divided by it: below 1 sharper, above 1 flatter. Default 1. */
  temperature?: number;
  /** Draw from the k most probable tokens only; see {@link topKFilter}. Default: from all. */
  topK?: number;
  /** Draw from the most probable tokens with this probability together; see {@link topPFilter}. Default: from all. */
  topP?: number;
}

/** @internal */
export function checkSampling(op: string, { temperature = 1, topK, topP }: SamplingOptions): void {
  checkNumber(op, 'temperature', temperature, 'above 0', (x) => x > 0);
  if (topK !== undefined) checkInteger(op, 'topK', topK, 1);
  if (topP !== undefined) checkNumber(op, 'topP', topP, 'above 0 and at most 1', (x) => x > 0 && x <= 1);
}

/**
 * The scores with temperature, top-k and top-p, in this order, as Hugging Face's `generate` applies them.
 * @param logits `[B, V]`
 */
export function filterLogits(logits: Tensor, options: SamplingOptions = {}): Tensor {
  checkSampling('filterLogits', options);
  const { temperature = 1, topK, topP } = options;
  const scaled = temperature === 1 ? logits : logits.div(temperature);
  const top = topK === undefined ? scaled : topKFilter(scaled, topK);
  return topP === undefined ? top : topPFilter(top, topP);
}
