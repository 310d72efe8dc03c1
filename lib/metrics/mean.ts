// Means over all elements: a sum that stays on the device, divided by a count.
import { ArgumentError, valueText } from '../errors.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkSameShape, type Metric, type MetricOptions, StateMetric, type Step } from './metric.js';

/** The mean of a function of output and target. */
class MeanMetric extends StateMetric<number> {
  constructor(
    op: string,
    options: MetricOptions,
    private readonly terms: (output: Tensor, target: Tensor) => Tensor,
    private readonly last: (mean: number) => number = (mean) => mean,
  ) {
    super(op, options);
  }

  protected step(state: readonly Tensor[] | null, output: Tensor, target: Tensor): Step {
    checkSameShape(this.name, output, target);
    const sum = this.terms(output, target).sum().to('float64'); // exact over many batches
    return [[state ? sum.add(state[0]) : sum], output.numel];
  }

  protected async finish([sum]: readonly Tensor[]): Promise<number> {
    const { count } = this;
    return this.last((await sum.item()) / count);
  }
}

/**
 * Mean of |output - target| over all elements of two tensors of the same shape.
 * @see https://lightning.ai/docs/torchmetrics/stable/regression/mean_absolute_error.html
 */
export const meanAbsoluteError = (options: MetricOptions = {}): Metric =>
  new MeanMetric('meanAbsoluteError', options, (output, target) => output.sub(target).abs());

/**
 * Mean of (output - target)² over all elements of two tensors of the same shape.
 * @see https://lightning.ai/docs/torchmetrics/stable/regression/mean_squared_error.html
 */
export const meanSquaredError = (options: MetricOptions = {}): Metric =>
  new MeanMetric('meanSquaredError', options, (output, target) => output.sub(target).square());

/**
 * The root of {@link meanSquaredError} (torchmetrics: `MeanSquaredError(squared=False)`).
 * @see https://lightning.ai/docs/torchmetrics/stable/regression/mean_squared_error.html
 */
export const rootMeanSquaredError = (options: MetricOptions = {}): Metric =>
  new MeanMetric('rootMeanSquaredError', options, (output, target) => output.sub(target).square(), Math.sqrt);

/** Options of {@link meanAbsolutePercentageError}. */
export interface PercentageErrorOptions extends MetricOptions {
  /** The least magnitude of a target in the denominator. Default 1.17e-6. */
  eps?: number;
}

/**
 * Mean of |output - target| / max(|target|, eps) over all elements of two tensors of the same shape: 0.1 is 10 percent.
 * @see https://lightning.ai/docs/torchmetrics/stable/regression/mean_absolute_percentage_error.html
 */
export function meanAbsolutePercentageError(options: PercentageErrorOptions = {}): Metric {
  const op = 'meanAbsolutePercentageError';
  const terms = (output: Tensor, target: Tensor): Tensor => output.sub(target).abs().div(target.abs().clamp(eps));
  const metric = new MeanMetric(op, options, terms);
  const { eps = 1.17e-6 } = options;
  if (typeof eps !== 'number' || !(eps > 0)) {
    throw new ArgumentError(op, `eps must be more than 0, got ${valueText(eps)}`, eps);
  }
  return metric;
}
