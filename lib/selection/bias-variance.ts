import { ArgumentError, ShapeError, shapeText, ValueError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { checkOneOf } from './check.js';

/** Options of {@link biasVariance}. */
export interface BiasVarianceOptions {
  /** `'squared'` for numbers, `'zeroOne'` for classes. Default `'squared'`. */
  loss?: 'squared' | 'zeroOne';
}

/** What {@link biasVariance} returns: means over the samples. Noise is part of the bias. */
export interface BiasVariance {
  /** Mean loss over models and samples. */
  readonly loss: number;
  /** Loss of the main prediction: the mean of all models, or the class that most of them choose. */
  readonly bias: number;
  /** Mean loss of the models against the main prediction. */
  readonly variance: number;
  /** What variance adds to the loss: where the main prediction is right, less what it takes away where it is wrong. */
  readonly netVariance: number;
  /** Variance on samples where the main prediction is right: it hurts. For squared loss the same as `variance`. */
  readonly unbiasedVariance: number;
  /** Variance on samples where the main prediction is wrong. For squared loss 0. */
  readonly biasedVariance: number;
}

/**
 * Splits the loss of models that were trained on different samples (resamples of one, say) into bias and variance:
 * `loss = bias + netVariance`, where for squared loss `netVariance = variance`. Of equally frequent classes the smallest is
 * the main prediction.
 *
 * @param predictions one list for each model: what it predicts for each test sample
 * @param targets what is right
 * @throws ArgumentError for no models; ShapeError for lists of other lengths; ValueError naming the sample of a value that is
 * not finite
 * Source: Domingos, "A Unified Bias-Variance Decomposition" (2000); Geman, Bienenstock and Doursat (1992) for squared loss.
 */
export function biasVariance(
  predictions: readonly ArrayLike<number>[],
  targets: ArrayLike<number>,
  options: BiasVarianceOptions = {},
): BiasVariance {
  const op = 'biasVariance';
  checkOptions(op, options);
  const kind = checkOneOf(op, 'loss', options.loss ?? 'squared', ['squared', 'zeroOne']);
  if (!Array.isArray(predictions) || predictions.length === 0) {
    throw new ArgumentError(
      op,
      `predictions of at least one model are needed, got ${valueText(predictions)}`,
      predictions,
    );
  }
  const n = targets?.length ?? 0;
  if (n === 0) throw new ArgumentError(op, 'there are no targets', targets);
  predictions.forEach((own: ArrayLike<number>, model) => {
    if (own?.length !== n) {
      const found = `model ${model} has ${shapeText([own?.length])} predictions, there are ${n} targets`;
      throw new ShapeError(op, found, [own?.length ?? 0], [n]);
    }
    for (let i = 0; i < n; i++) {
      if (!Number.isFinite(own[i])) throw new ValueError(op, `model ${model} predicts ${own[i]} for sample ${i}`);
    }
  });
  const lossOf =
    kind === 'squared' ? (a: number, b: number) => (a - b) ** 2 : (a: number, b: number) => (a === b ? 0 : 1);
  const sums = { loss: 0, bias: 0, variance: 0, unbiasedVariance: 0, biasedVariance: 0 };
  for (let i = 0; i < n; i++) {
    const own = predictions.map((list: ArrayLike<number>) => list[i]);
    const main = kind === 'squared' ? meanOf(own) : modeOf(own);
    const bias = lossOf(main, targets[i]);
    const variance = meanOf(own.map((value) => lossOf(value, main)));
    sums.loss += meanOf(own.map((value) => lossOf(value, targets[i]))) / n;
    sums.bias += bias / n;
    sums.variance += variance / n;
    sums[kind === 'squared' || bias === 0 ? 'unbiasedVariance' : 'biasedVariance'] += variance / n;
  }
  return { ...sums, netVariance: sums.loss - sums.bias };
}

const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function modeOf(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((a, b) => (b[1] > a[1] || (b[1] === a[1] && b[0] < a[0]) ? b : a))[0];
}
