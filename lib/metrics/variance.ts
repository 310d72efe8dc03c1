// How much of the variance of the targets a model explains.
import { ShapeError, shapeText, ValueError } from '../errors.js';
import type { Tensor } from '../tensor/tensor.js';
import {
  checkChoice,
  checkSameShape,
  checkWholeNumber,
  type Metric,
  type MetricOptions,
  numbersOf,
  StateMetric,
  type Step,
} from './metric.js';

/** How the scores of several outputs become one number; `'rawValues'` gives one each. */
export type Multioutput = 'uniformAverage' | 'varianceWeighted' | 'rawValues';

/** Options of {@link r2Score} and {@link explainedVariance}. */
export interface VarianceOptions extends MetricOptions {
  /** Default `'uniformAverage'`. */
  multioutput?: Multioutput;
}

/** Options of {@link r2Score}. */
export interface R2Options extends VarianceOptions {
  /** Number of independent regressors, for the adjusted score. Default 0: not adjusted. */
  adjusted?: number;
}

type Scores = (rss: number, tss: number) => number;

/**
 * Means and sums of squared distances from them, of targets and of errors, per output. Batches are merged as Chan, Golub and
 * LeVeque do (1979): nothing is lost where the mean is large against the spread.
 */
class VarianceMetric extends StateMetric<number | number[]> {
  constructor(
    op: string,
    options: VarianceOptions,
    private readonly centered: boolean,
    private readonly least: number,
    private readonly score: Scores,
    private readonly last: (value: number, count: number) => number = (value) => value,
  ) {
    super(op, options);
    this.multioutput = checkChoice(op, 'multioutput', options.multioutput ?? 'uniformAverage', [
      'uniformAverage',
      'varianceWeighted',
      'rawValues',
    ]);
  }

  private readonly multioutput: Multioutput;

  protected step(state: readonly Tensor[] | null, output: Tensor, target: Tensor): Step {
    checkSameShape(this.name, output, target);
    if (target.ndim < 1 || target.ndim > 2 || (state && (target.shape[1] ?? 1) !== state[0].shape[0])) {
      const rule = state ? `as many outputs as before (${state[0].shape[0]})` : '[N] or [N, D]';
      throw new ShapeError(this.name, `${rule} are needed, got ${shapeText(target.shape)}`, target.shape);
    }
    const samples = target.shape[0];
    if (samples === 0 && state) return [state, 0];
    const columns = (x: Tensor): Tensor => x.to('float64').reshape([samples, target.shape[1] ?? 1]);
    const [y, errors] = [columns(target), columns(target).sub(columns(output))];
    const parts = [y, errors].flatMap((x) => {
      const mean = samples === 0 ? x.sum(0) : x.mean(0);
      return [mean, x.sub(mean).square().sum(0)];
    });
    return [state ? merged(state, this.count, parts, samples) : parts, samples];
  }

  protected async finish(state: readonly Tensor[]): Promise<number | number[]> {
    const { count } = this;
    const [, tss, mean, centered] = await Promise.all(state.map(numbersOf));
    if (count < this.least) {
      throw new ValueError(this.name, `at least ${this.least} samples are needed, there was ${count}`);
    }
    const rss = centered.map((value, i) => (this.centered ? value : value + count * mean[i] ** 2));
    const raw = Array.from(tss, (value, i) => this.score(rss[i], value));
    if (this.multioutput === 'rawValues') return raw.map((value) => this.last(value, count));
    const weights = this.multioutput === 'varianceWeighted' ? tss : tss.map(() => 1);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return this.last(
      raw.reduce((sum, value, i) => sum + (weights[i] / total) * value, 0),
      count,
    );
  }
}

function merged(old: readonly Tensor[], before: number, parts: readonly Tensor[], samples: number): Tensor[] {
  const all = before + samples;
  return [0, 2].flatMap((i) => {
    const delta = parts[i].sub(old[i]);
    const squares = old[i + 1].add(parts[i + 1]).add(delta.square().mul((before * samples) / all));
    return [old[i].add(delta.mul(samples / all)), squares];
  });
}

/** 0 where targets do not vary and errors do. `near`: below it a sum counts as none. */
const scoreOf =
  (near: number): Scores =>
  (rss, tss) => {
    if (rss <= near) return 1;
    return tss <= near ? 0 : 1 - rss / tss;
  };

/**
 * Coefficient of determination, `1 - sum (target - output)² / sum (target - mean target)²`, of two tensors `[N]` or
 * `[N, D]`; 1 is best, 0 is what the mean of the targets reaches. Errors below 1e-4 count as none, as in torchmetrics.
 * With `adjusted` p: `1 - (1 - R²)(n - 1) / (n - p - 1)`, where n is more than p + 1.
 *
 * @throws ValueError (when computed) for fewer than two samples.
 * @see https://lightning.ai/docs/torchmetrics/stable/regression/r2_score.html
 */
export function r2Score(options: R2Options & { multioutput: 'rawValues' }): Metric<number[]>;
export function r2Score(options?: R2Options & { multioutput?: 'uniformAverage' | 'varianceWeighted' }): Metric;
export function r2Score(options: R2Options = {}): Metric<number | number[]> {
  const op = 'r2Score';
  const adjust = (r2: number, n: number): number =>
    adjusted === 0 || adjusted >= n - 1 ? r2 : 1 - ((1 - r2) * (n - 1)) / (n - adjusted - 1);
  const metric = new VarianceMetric(op, options, false, 2, scoreOf(1e-4), adjust);
  const adjusted = checkWholeNumber(op, 'adjusted', options.adjusted ?? 0, 0);
  return metric;
}

/**
 * Explained variance, `1 - Var(target - output) / Var(target)`, of two tensors `[N]` or `[N, D]`: {@link r2Score} that does
 * not see a constant error.
 * @see https://lightning.ai/docs/torchmetrics/stable/regression/explained_variance.html
 */
export function explainedVariance(options: VarianceOptions & { multioutput: 'rawValues' }): Metric<number[]>;
export function explainedVariance(
  options?: VarianceOptions & { multioutput?: 'uniformAverage' | 'varianceWeighted' },
): Metric;
export function explainedVariance(options: VarianceOptions = {}): Metric<number | number[]> {
  return new VarianceMetric('explainedVariance', options, true, 1, scoreOf(0));
}
