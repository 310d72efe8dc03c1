// What resampling tells about a number: how far it may be off.
import { ArgumentError, ValueError, valueText } from '../errors.js';
import { checkFunction, checkOptions } from '../tensor/check.js';
import { checkBetween, checkInteger, checkOneOf } from './check.js';
import { normalCdf, normalQuantile } from './normal.js';
import { Random, seedOf } from './random.js';

/** Numbers of the samples that each resample holds: one list for each sample. */
export type ResampleIndices = readonly (readonly ArrayLike<number>[])[];

/** Options of {@link bootstrap}. */
export interface BootstrapOptions {
  /** How the interval is made. Default `'bca'`: corrected for bias and skew. */
  method?: 'percentile' | 'basic' | 'bca';
  /** How often the interval should hold the true value. Default 0.95. */
  confidence?: number;
  /** How many resamples, or their indices: `resamples[b][j]` for sample j. Default 9999. */
  resamples?: number | ResampleIndices;
  /** Draws the same indices from all samples, for pairs. Default false. */
  paired?: boolean;
  /** Leaves one end open: `'less'` gives (-Infinity, high], `'greater'` [low, Infinity). Default `'two-sided'`. */
  alternative?: 'two-sided' | 'less' | 'greater';
  /** Default: the next of the generator that `manualSeed` seeds. */
  seed?: number;
}

/** What {@link bootstrap} returns. */
export interface BootstrapResult {
  /** The statistic of the samples themselves. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Standard deviation of the statistic over the resamples. */
  readonly standardError: number;
  /** The statistic of each resample. */
  readonly distribution: Float64Array;
}

/**
 * A confidence interval of a statistic, from samples drawn with replacement.
 *
 * @param statistic is given as many lists as there are samples, and returns a number
 * @param samples a list of samples; each is a list of anything
 * @example
 * // How sure is an accuracy on 355 images?
 * const { low, high } = bootstrap((hits) => mean(hits), [hits], { seed: 1 });
 *
 * @throws ArgumentError for fewer than two values in a sample, or other options; ValueError for a statistic that is not
 * finite, naming the resample, and for `'bca'` when all resamples are equal
 * Source: https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.bootstrap.html;
 * Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 13 and 14.
 */
export function bootstrap<T>(
  statistic: (...samples: T[][]) => number,
  samples: readonly ArrayLike<T>[],
  options: BootstrapOptions = {},
): BootstrapResult {
  const op = 'bootstrap';
  checkFunction(op, statistic);
  checkOptions(op, options);
  const method = checkOneOf(op, 'method', options.method ?? 'bca', ['percentile', 'basic', 'bca']);
  const sides = ['two-sided', 'less', 'greater'] as const;
  const alternative = checkOneOf(op, 'alternative', options.alternative ?? 'two-sided', sides);
  const confidence = checkBetween(op, 'confidence', options.confidence ?? 0.95, 0, 1);
  const lists = checkSamples(op, samples, options.paired ?? false);
  const evaluate = (where: string, ...own: T[][]): number => {
    const value = statistic(...own);
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw new ValueError(op, `the statistic ${where} must be a finite number, got ${valueText(value)}`);
  };
  const value = evaluate('of the samples', ...lists);
  const indices = resamplesOf(op, lists, options);
  const distribution = Float64Array.from(indices, (own, b) =>
    evaluate(`of resample ${b}`, ...lists.map((list, j) => Array.from(own[j], (i) => list[i]))),
  );
  const alpha = alternative === 'two-sided' ? (1 - confidence) / 2 : 1 - confidence;
  const ends =
    method === 'bca'
      ? correctedEnds(op, alpha, distribution, value, jackknife(lists, evaluate, options.paired ?? false))
      : [alpha, 1 - alpha];
  const sorted = distribution.slice().sort();
  let [low, high] = ends.map((p) => quantile(sorted, p));
  if (method === 'basic') [low, high] = [2 * value - high, 2 * value - low];
  if (alternative === 'less') low = Number.NEGATIVE_INFINITY;
  if (alternative === 'greater') high = Number.POSITIVE_INFINITY;
  return { value, low, high, standardError: deviation(distribution), distribution };
}

function checkSamples<T>(op: string, samples: readonly ArrayLike<T>[], paired: boolean): T[][] {
  if (!Array.isArray(samples) || samples.length === 0) {
    throw new ArgumentError(op, `samples must be a list of samples, got ${valueText(samples)}`, samples);
  }
  return samples.map((sample: ArrayLike<T>, j) => {
    const list = typeof sample === 'object' && sample !== null ? Array.from(sample) : [];
    if (list.length < 2) throw new ArgumentError(op, `sample ${j} needs at least 2 values, has ${list.length}`, sample);
    if (paired && list.length !== samples[0].length) {
      throw new ArgumentError(op, `sample ${j} has ${list.length} values, sample 0 has ${samples[0].length}`, sample);
    }
    return list;
  });
}

function resamplesOf(op: string, lists: readonly unknown[][], options: BootstrapOptions): ResampleIndices {
  const { resamples = 9999, paired = false } = options;
  if (typeof resamples === 'number') {
    const random = new Random(seedOf(op, options.seed));
    return Array.from({ length: checkInteger(op, 'resamples', resamples, 2) }, () => {
      const first = random.draws(lists[0].length, lists[0].length);
      return lists.map((list, j) => (j === 0 || paired ? first : random.draws(list.length, list.length)));
    });
  }
  resamples.forEach((own, b) => {
    lists.forEach((list, j) => {
      const wrong = Array.from(own?.[j] ?? [-1]).find((i) => !(Number.isInteger(i) && i >= 0 && i < list.length));
      if (wrong !== undefined)
        throw new ArgumentError(op, `resample ${b} has the index ${wrong} of sample ${j}`, wrong);
    });
  });
  return resamples;
}

type Evaluate<T> = (where: string, ...samples: T[][]) => number;

/** The statistic without one value, for each value of each sample; without one pair where they are paired. */
function jackknife<T>(lists: readonly T[][], evaluate: Evaluate<T>, paired: boolean): number[][] {
  const without = (list: T[], i: number): T[] => list.filter((_, k) => k !== i);
  return (paired ? lists.slice(0, 1) : lists).map((list, j) =>
    list.map((_, i) =>
      evaluate(`without value ${i}`, ...lists.map((other, k) => (paired || k === j ? without(other, i) : other))),
    ),
  );
}

/** The quantiles that BCa takes, from the bias of the resamples and the skew that the jackknife shows. */
function correctedEnds(
  op: string,
  alpha: number,
  distribution: Float64Array,
  value: number,
  left: readonly number[][],
): [number, number] {
  let below = 0;
  for (const one of distribution) below += one < value ? 1 : one === value ? 0.5 : 0;
  const bias = normalQuantile(below / distribution.length);
  let cubes = 0;
  let squares = 0;
  for (const values of left) {
    const n = values.length;
    const mean = values.reduce((a, b) => a + b, 0) / n;
    const influence = values.map((one) => (n - 1) * (mean - one));
    cubes += influence.reduce((sum, u) => sum + u ** 3, 0) / n ** 3;
    squares += influence.reduce((sum, u) => sum + u ** 2, 0) / n ** 2;
  }
  const acceleration = cubes / (6 * squares ** 1.5);
  if (!Number.isFinite(bias) || !Number.isFinite(acceleration)) {
    throw new ValueError(op, 'the BCa interval is not defined: the statistic hardly varies; take percentile or basic');
  }
  const end = (z: number): number => normalCdf(bias + (bias + z) / (1 - acceleration * (bias + z)));
  const z = normalQuantile(alpha);
  return [end(z), end(-z)];
}

/** @internal A quantile of sorted values, with linear interpolation. */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  const place = p * (sorted.length - 1);
  const below = Math.min(Math.floor(place), sorted.length - 1);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

function deviation(values: Float64Array): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/** Trains with some of the samples (some of them several times); what comes back predicts samples by their numbers. */
export type Fit<P> = (train: Uint32Array, member: number) => IndexPredictor<P> | Promise<IndexPredictor<P>>;

/** Predictions for samples, by their numbers. */
export type IndexPredictor<P> = (samples: Uint32Array) => ArrayLike<P> | Promise<ArrayLike<P>>;

/** Options of {@link bootstrapError}. */
export interface BootstrapErrorOptions<P> {
  /** How wrong a prediction is. Default: 1 where it is not the target, else 0. */
  loss?: (prediction: P, target: P) => number;
  /** Models that are trained on resamples. Default 50. */
  resamples?: number;
  /** Default: the next of the generator that `manualSeed` seeds. */
  seed?: number;
}

/** What {@link bootstrapError} returns. */
export interface BootstrapError {
  /** On the samples that the model was trained with: too low. */
  readonly apparent: number;
  /** Mean over the samples of the error of models that had not seen them: a little too high. */
  readonly outOfBag: number;
  /** `0.368 apparent + 0.632 outOfBag`. */
  readonly err632: number;
  /** The same, with more weight on `outOfBag` where the model overfits. */
  readonly err632plus: number;
  /** The error when predictions and targets had nothing to do with each other. */
  readonly noInformation: number;
  /** How much of the gap between these the model overfits: 0 not at all, 1 completely. */
  readonly overfitting: number;
}

/**
 * The error of a model on new samples, from models that are trained on resamples: out-of-bag, .632 and .632+.
 *
 * @param targets what should be predicted for each sample
 * @throws ValueError when a sample was in every resample (more of them are needed) or a loss is not finite
 * Source: Efron and Tibshirani, "Improvements on Cross-Validation: The .632+ Bootstrap Method" (1997).
 */
export async function bootstrapError<P>(
  learn: Fit<P>,
  targets: ArrayLike<P>,
  options: BootstrapErrorOptions<P> = {},
): Promise<BootstrapError> {
  const op = 'bootstrapError';
  checkFunction(op, learn);
  checkOptions(op, options);
  const n = checkInteger(op, 'targets.length', (targets as ArrayLike<P> | null)?.length, 2);
  const resamples = checkInteger(op, 'resamples', options.resamples ?? 50, 1);
  const { loss = (a, b) => (a === b ? 0 : 1) } = options;
  const lossOf = (prediction: P, sample: number): number => {
    const value = loss(prediction, targets[sample]);
    if (Number.isFinite(value)) return value;
    throw new ValueError(op, `the loss of sample ${sample} must be a finite number, got ${valueText(value)}`);
  };
  const all = Uint32Array.from({ length: n }, (_, i) => i);
  const whole = await predicted(op, await learn(all, 0), all);
  const apparent = all.reduce((sum, i) => sum + lossOf(whole[i], i), 0) / n;
  let noInformation = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) noInformation += lossOf(whole[j], i) / (n * n);
  const random = new Random(seedOf(op, options.seed));
  const sums = new Float64Array(n);
  const counts = new Uint32Array(n);
  for (let b = 0; b < resamples; b++) {
    const bag = random.draws(n, n);
    const inside = new Set(bag);
    const out = all.filter((i) => !inside.has(i));
    const predictions = await predicted(op, await learn(bag, b + 1), out);
    out.forEach((i, k) => {
      sums[i] += lossOf(predictions[k], i);
      counts[i]++;
    });
  }
  const never = counts.indexOf(0);
  if (never >= 0) {
    throw new ValueError(op, `sample ${never} was in each of the ${resamples} resamples; more are needed`);
  }
  const outOfBag = sums.reduce((sum, value, i) => sum + value / counts[i], 0) / n;
  return { apparent, outOfBag, noInformation, ...weighted(apparent, outOfBag, noInformation) };
}

async function predicted<P>(op: string, predict: IndexPredictor<P>, samples: Uint32Array): Promise<ArrayLike<P>> {
  checkFunction(op, predict);
  const predictions = await predict(samples);
  if (predictions?.length === samples.length) return predictions;
  throw new ValueError(op, `${samples.length} predictions are needed, got ${valueText(predictions?.length)}`);
}

/** @internal The .632 and .632+ estimates from their three parts. */
export function weighted(
  apparent: number,
  outOfBag: number,
  noInformation: number,
): { err632: number; err632plus: number; overfitting: number } {
  const err632 = 0.368 * apparent + 0.632 * outOfBag;
  const limited = Math.min(outOfBag, noInformation);
  const overfits = limited > apparent && noInformation > apparent;
  const overfitting = overfits ? (limited - apparent) / (noInformation - apparent) : 0;
  const weight = 0.632 / (1 - 0.368 * overfitting);
  return { err632, err632plus: (1 - weight) * apparent + weight * limited, overfitting };
}
