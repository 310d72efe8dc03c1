// Tests of whether one method is better than another.
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { checkOneOf } from './check.js';
import { normalCdf } from './normal.js';

/** What is asked: whether values differ, or whether the first ones are less or greater. */
export type Alternative = 'two-sided' | 'less' | 'greater';

/** Options of {@link wilcoxon} and {@link mannWhitneyU}. */
export interface RankTestOptions {
  /** Default `'two-sided'`. */
  alternative?: Alternative;
}

/** What a test gives. */
export interface TestResult {
  readonly statistic: number;
  /** How likely a statistic as far out as this one is by chance. */
  readonly pValue: number;
}

const ALTERNATIVES = ['two-sided', 'less', 'greater'] as const;
/** Up to so many values without ties the distribution is counted, not approximated. */
const MOST_EXACT = 50;

/**
 * Wilcoxon's signed-rank test for pairs: whether `x - y` lies around 0. Pairs without a difference are left out. Exact for
 * up to 50 differences without ties, else the normal approximation, without a correction for continuity. The statistic is
 * the sum of the ranks of positive differences, or the smaller of both sums when two-sided.
 *
 * @param x one value of each pair, such as the error of one method with each seed
 * @param y the other one; or nothing, where `x` holds differences
 * @throws ArgumentError for values that are not finite, other lengths, or no difference at all
 * Source: https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.wilcoxon.html
 */
export function wilcoxon(
  x: ArrayLike<number>,
  y?: ArrayLike<number> | null,
  options: RankTestOptions = {},
): TestResult {
  const op = 'wilcoxon';
  checkOptions(op, options);
  const alternative = checkOneOf(op, 'alternative', options.alternative ?? 'two-sided', ALTERNATIVES);
  const first = checkValues(op, 'x', x);
  const second = y === undefined || y === null ? first.map(() => 0) : checkValues(op, 'y', y);
  if (first.length !== second.length) {
    throw new ArgumentError(op, `x has ${first.length} values, y has ${second.length}`, second.length);
  }
  const differences = first.map((value, i) => value - second[i]).filter((value) => value !== 0);
  const n = differences.length;
  if (n === 0) throw new ArgumentError(op, 'there is no difference between x and y', x);
  const { ranks, ties } = ranksOf(differences.map(Math.abs));
  const plus = ranks.reduce((sum, rank, i) => sum + (differences[i] > 0 ? rank : 0), 0);
  const statistic = alternative === 'two-sided' ? Math.min(plus, (n * (n + 1)) / 2 - plus) : plus;
  if (n <= MOST_EXACT && ties === 0) {
    return { statistic, pValue: exactP(signedRankCounts(n), plus, alternative) };
  }
  const variance = (n * (n + 1) * (2 * n + 1)) / 24 - ties / 48;
  return { statistic, pValue: normalP((plus - (n * (n + 1)) / 4) / Math.sqrt(variance), alternative) };
}

/**
 * Mann and Whitney's U test for two independent samples: whether values of one tend to be larger. Exact without ties when a
 * sample has at most 8 values, else the normal approximation with a correction for continuity. The statistic counts the
 * pairs in which `x` is larger.
 *
 * @throws ArgumentError for values that are not finite, or an empty sample
 * Source: https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.mannwhitneyu.html
 */
export function mannWhitneyU(x: ArrayLike<number>, y: ArrayLike<number>, options: RankTestOptions = {}): TestResult {
  const op = 'mannWhitneyU';
  checkOptions(op, options);
  const alternative = checkOneOf(op, 'alternative', options.alternative ?? 'two-sided', ALTERNATIVES);
  const first = checkValues(op, 'x', x);
  const second = checkValues(op, 'y', y);
  const [n, m] = [first.length, second.length];
  const { ranks, ties } = ranksOf([...first, ...second]);
  const statistic = ranks.slice(0, n).reduce((a, b) => a + b, 0) - (n * (n + 1)) / 2;
  if (ties === 0 && Math.min(n, m) <= 8) {
    return { statistic, pValue: exactP(rankSumCounts(n, m), statistic, alternative) };
  }
  const total = n + m;
  const variance = ((n * m) / 12) * (total + 1 - ties / (total * (total - 1)));
  if (variance === 0) return { statistic, pValue: 1 };
  const distance = statistic - (n * m) / 2;
  const shift = alternative === 'two-sided' ? Math.sign(distance) : alternative === 'less' ? -1 : 1;
  return { statistic, pValue: normalP((distance - 0.5 * shift) / Math.sqrt(variance), alternative) };
}

function checkValues(op: string, name: string, values: ArrayLike<number>): number[] {
  const list = typeof values === 'object' && values !== null ? Array.from(values) : [];
  if (list.length === 0)
    throw new ArgumentError(op, `${name} must be a list of numbers, got ${valueText(values)}`, values);
  list.forEach((value, i) => {
    if (typeof value === 'number' && Number.isFinite(value)) return;
    throw new ArgumentError(op, `${name}[${i}] must be a finite number, got ${valueText(value)}`, value);
  });
  return list;
}

/** Ranks from 1, equal values sharing theirs, and the sum of `t³ - t` over groups of t equal values. */
function ranksOf(values: readonly number[]): { ranks: number[]; ties: number } {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const ranks = new Array<number>(values.length);
  let ties = 0;
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let i = from; i < to; i++) ranks[order[i]] = (from + 1 + to) / 2;
    ties += (to - from) ** 3 - (to - from);
    from = to;
  }
  return { ranks, ties };
}

/** How likely each sum of ranks is when every sign is a coin. */
function signedRankCounts(n: number): Float64Array {
  const counts = new Float64Array((n * (n + 1)) / 2 + 1);
  counts[0] = 1;
  for (let rank = 1; rank <= n; rank++) {
    for (let sum = counts.length - 1; sum >= 0; sum--) {
      counts[sum] = 0.5 * counts[sum] + (sum >= rank ? 0.5 * counts[sum - rank] : 0);
    }
  }
  return counts;
}

/** How likely each U is when every order is equally likely: the Gaussian binomial coefficient over the binomial one. */
function rankSumCounts(n: number, m: number): Float64Array {
  const counts = new Float64Array(n * m + 1);
  counts[0] = 1;
  for (let i = 1; i <= n; i++) {
    // Times (1 - q^(m + i)) / (1 - q^i), and times i / (m + i) to keep the sum at 1.
    for (let u = counts.length - 1; u >= m + i; u--) counts[u] -= counts[u - m - i];
    for (let u = i; u < counts.length; u++) counts[u] += counts[u - i];
    for (let u = 0; u < counts.length; u++) counts[u] *= i / (m + i);
  }
  return counts;
}

function exactP(probabilities: Float64Array, statistic: number, alternative: Alternative): number {
  const below = probabilities.subarray(0, statistic + 1).reduce((a, b) => a + b, 0);
  const above = probabilities.subarray(statistic).reduce((a, b) => a + b, 0);
  if (alternative === 'less') return below;
  return alternative === 'greater' ? above : Math.min(1, 2 * Math.min(below, above));
}

function normalP(z: number, alternative: Alternative): number {
  if (alternative === 'less') return normalCdf(z);
  return alternative === 'greater' ? normalCdf(-z) : Math.min(1, 2 * normalCdf(-Math.abs(z)));
}
