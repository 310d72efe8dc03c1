import { ShapeError, shapeText } from '../errors.js';
import { checkIgnoreIndex, type Metric, type MetricOptions, StateMetric, type Step } from '../metrics/metric.js';
import { crossEntropy } from '../nn/functional.js';
import { zeros } from '../tensor/create.js';
import type { Tensor } from '../tensor/tensor.js';

/** Options of {@link perplexity}. */
export interface PerplexityOptions extends MetricOptions {
  /** Targets that do not count, such as the padding. Default: all count. */
  ignoreIndex?: number;
}

class Perplexity extends StateMetric<number> {
  private readonly ignoreIndex: number | undefined;

  constructor(options: PerplexityOptions) {
    super('perplexity', options);
    this.ignoreIndex = checkIgnoreIndex('perplexity', options.ignoreIndex);
  }

  protected step(state: readonly Tensor[] | null, output: Tensor, target: Tensor): Step {
    const wanted = output.shape.slice(0, -1);
    if (output.ndim < 2 || wanted.length !== target.ndim || wanted.some((size, i) => size !== target.shape[i])) {
      const text = `output [*, V] and target [*] are needed, got ${shapeText(output.shape)} and ${shapeText(target.shape)}`;
      throw new ShapeError('perplexity', text, output.shape, target.shape);
    }
    const { ignoreIndex } = this;
    const rows = output.reshape([-1, output.shape[output.ndim - 1]]);
    const flat = target.reshape([-1]);
    const sum = crossEntropy(rows, flat, { reduction: 'sum', ...(ignoreIndex !== undefined && { ignoreIndex }) });
    const ignored = ignoreIndex === undefined ? zeros([]) : flat.eq(ignoreIndex).sum();
    const now = [sum.to('float64'), ignored];
    return [state === null ? now : now.map((value, i) => value.add(state[i])), flat.numel];
  }

  protected async finish([sum, ignored]: readonly Tensor[]): Promise<number> {
    const { count } = this;
    const [total, left] = await Promise.all([sum.item(), ignored.item()]);
    return Math.exp(total / (count - left));
  }
}

/**
 * Perplexity of a language model: e to the mean cross entropy of the tokens. Output `[*, V]` scores (not normalized),
 * target `[*]`; NaN while no token counts.
 * @see https://lightning.ai/docs/torchmetrics/stable/text/perplexity.html
 */
export const perplexity = (options: PerplexityOptions = {}): Metric => new Perplexity(options);
