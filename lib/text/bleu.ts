// Source: Papineni et al., https://aclanthology.org/P02-1040; smoothing as in https://github.com/mjpost/sacrebleu
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { checkBoolean, checkInteger, checkNumber } from './check.js';
import { checkCounts, type Tokens, tokensOf, words } from './edit-distance.js';

/** Options of {@link bleu}. */
export interface BleuOptions {
  /** The longest n-grams. Default 4. */
  maxOrder?: number;
  /**
   * What stands for a precision of 0: `exp` halves again and again, `floor` counts `smoothValue` matches, `add-k` adds
   * `smoothValue` to matches and count from the second order on. Default `exp`.
   */
  smoothing?: 'exp' | 'floor' | 'add-k' | 'none';
  /** Default 0.1 for `floor`, 1 for `add-k`. */
  smoothValue?: number;
  /** Leaves out orders for which the text is too short; meant for single sentences. Default false. */
  effectiveOrder?: boolean;
  /** Compares in lower case. Default false. */
  lowercase?: boolean;
}

/** What {@link bleu} gives. */
export interface BleuScore {
  /** From 0 to 100. */
  score: number;
  /** In percent, for n = 1, 2, … */
  precisions: number[];
  brevityPenalty: number;
  hypothesisLength: number;
  referenceLength: number;
}

/**
 * BLEU of a corpus: how many n-grams of the hypotheses stand in the references. The numbers of sacrebleu with
 * `tokenize='none'`; strings are split at white space, so tokenize them before.
 *
 * @param references for each hypothesis the right texts, one or more
 * @throws ArgumentError when the counts differ or a hypothesis has no reference
 * @example
 * bleu(['the cat sat on the mat'], [['the cat is on the mat']]).score; // 37.99; without smoothing 0
 */
export function bleu(
  hypotheses: readonly Tokens[],
  references: readonly (readonly Tokens[])[],
  options: BleuOptions = {},
): BleuScore {
  const op = 'bleu';
  checkCounts(op, hypotheses, references);
  const checked = checkBleu(op, options);
  const { maxOrder, lowercase } = checked;
  const correct = new Float64Array(maxOrder);
  const total = new Float64Array(maxOrder);
  let hypothesisLength = 0;
  let referenceLength = 0;
  const read = (value: unknown): readonly unknown[] => {
    const tokens = tokensOf(op, value, words);
    return lowercase ? tokens.map((token) => (typeof token === 'string' ? token.toLowerCase() : token)) : tokens;
  };
  for (const [i, value] of hypotheses.entries()) {
    const allowed: unknown = references[i];
    if (!Array.isArray(allowed) || allowed.length === 0) {
      throw new ArgumentError(op, `hypothesis ${i} needs an array of references, got ${valueText(allowed)}`, allowed);
    }
    const hypothesis = read(value);
    const right = allowed.map(read);
    hypothesisLength += hypothesis.length;
    referenceLength += closestLength(
      hypothesis.length,
      right.map(({ length }) => length),
    );
    for (let n = 1; n <= maxOrder; n++) {
      total[n - 1] += Math.max(0, hypothesis.length - n + 1);
      correct[n - 1] += matches(hypothesis, right, n);
    }
  }
  return scoreOf(correct, total, hypothesisLength, referenceLength, checked);
}

/** The shorter one of two that are equally near. */
const closestLength = (length: number, others: readonly number[]): number =>
  others.reduce((best, one) => {
    const difference = Math.abs(one - length) - Math.abs(best - length);
    return difference < 0 || (difference === 0 && one < best) ? one : best;
  });

function ngrams(tokens: readonly unknown[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= tokens.length; i++) {
    const key = JSON.stringify(tokens.slice(i, i + n));
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** N-grams that stand in a reference, each at most as often as in the reference that has it most often. */
function matches(hypothesis: readonly unknown[], references: readonly (readonly unknown[])[], n: number): number {
  const counted = references.map((reference) => ngrams(reference, n));
  let found = 0;
  for (const [key, count] of ngrams(hypothesis, n)) {
    found += Math.min(count, Math.max(...counted.map((counts) => counts.get(key) ?? 0)));
  }
  return found;
}

function scoreOf(
  correct: Float64Array,
  total: Float64Array,
  hypothesisLength: number,
  referenceLength: number,
  { maxOrder, smoothing, smoothValue, effectiveOrder }: CheckedOptions,
): BleuScore {
  const precisions = new Array<number>(maxOrder).fill(0);
  const brevity = hypothesisLength === 0 ? 0 : Math.exp(1 - referenceLength / hypothesisLength);
  const brevityPenalty = Math.min(1, brevity);
  const out = { score: 0, precisions, brevityPenalty, hypothesisLength, referenceLength };
  if (correct.every((count) => count === 0)) return out;
  let order = maxOrder;
  let divisor = 1;
  for (let n = 0; n < maxOrder; n++) {
    const added = smoothing === 'add-k' && n > 0 ? smoothValue : 0;
    const [found, all] = [correct[n] + added, total[n] + added];
    if (all === 0) break;
    if (effectiveOrder) order = n + 1;
    if (found === 0 && smoothing === 'exp') divisor *= 2;
    const matched = found > 0 ? found : { exp: 1 / divisor, floor: smoothValue, 'add-k': 0, none: 0 }[smoothing];
    precisions[n] = (100 * matched) / all;
  }
  const logs = precisions.slice(0, order).map((precision) => (precision > 0 ? Math.log(precision) : -9999999999));
  out.score = brevityPenalty * Math.exp(logs.reduce((a, b) => a + b, 0) / order);
  return out;
}

type CheckedOptions = Required<BleuOptions>;

function checkBleu(op: string, options: BleuOptions): CheckedOptions {
  checkOptions(op, options);
  const { maxOrder = 4, smoothing = 'exp', effectiveOrder = false, lowercase = false } = options;
  const { smoothValue = smoothing === 'floor' ? 0.1 : 1 } = options;
  checkInteger(op, 'maxOrder', maxOrder, 1);
  if (!['exp', 'floor', 'add-k', 'none'].includes(smoothing)) {
    const rule = "must be 'exp', 'floor', 'add-k' or 'none'";
    throw new ArgumentError(op, `smoothing ${rule}, got ${valueText(smoothing)}`, smoothing);
  }
  checkNumber(op, 'smoothValue', smoothValue, 'a number >= 0', (x) => x >= 0);
  checkBoolean(op, 'effectiveOrder', effectiveOrder);
  checkBoolean(op, 'lowercase', lowercase);
  return { maxOrder, smoothing, smoothValue, effectiveOrder, lowercase };
}
