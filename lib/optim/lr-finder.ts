import { ArgumentError, valueText } from '../errors.js';
import { type AnyModule, Module } from '../nn/module.js';
import { clone } from '../ops/shape/view.js';
import { checkFunction, checkOptions } from '../tensor/check.js';
import { noGrad, scope } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { checkCount } from './check.js';
import { Optimizer } from './optimizer.js';
import { copiedState, disposeState, type ParamState } from './state-dict.js';

/** Options of {@link findLr}. */
export interface FindLrOptions {
  /** The first rate. Default 1e-7. */
  minLr?: number;
  /** The last rate. Default 1. */
  maxLr?: number;
  /** Number of rates. Default 100. */
  steps?: number;
  /** How the rates go from the first to the last. Default `exponential`. */
  mode?: 'exponential' | 'linear';
  /** Stops when the smoothed loss is more than so many times the best one; null goes on. Default 4. */
  stopFactor?: number | null;
  /** Share of the earlier losses in the smoothed one; in [0, 1). Default 0.9. */
  smoothing?: number;
  /** Its buffers (running statistics) are put back too. Default null. */
  model?: AnyModule | null;
}

/** What {@link findLr} has seen. */
export interface FindLrResult {
  /** The rates tried. */
  rates: number[];
  /** The loss before the step with each rate, smoothed by an average that is corrected for its start. */
  losses: number[];
  /** The rate where the smoothed loss falls fastest from one rate to the next; null for fewer than three losses. */
  suggestion: number | null;
}

function checked(options: FindLrOptions): Required<FindLrOptions> {
  const op = 'findLr';
  checkOptions(op, options);
  const { minLr = 1e-7, maxLr = 1, mode = 'exponential', stopFactor = 4, smoothing = 0.9, model = null } = options;
  const fail = (rule: string, value: unknown): never => {
    throw new ArgumentError(op, `${rule}, got ${valueText(value)}`, value);
  };
  if (!(typeof minLr === 'number' && minLr > 0)) fail('minLr must be a number above 0', minLr);
  if (!(typeof maxLr === 'number' && maxLr > minLr)) fail('maxLr must be a number above minLr', maxLr);
  if (mode !== 'exponential' && mode !== 'linear') fail("mode must be 'exponential' or 'linear'", mode);
  if (stopFactor !== null && !(typeof stopFactor === 'number' && stopFactor > 1)) {
    fail('stopFactor must be null or a number above 1', stopFactor);
  }
  if (!(typeof smoothing === 'number' && smoothing >= 0 && smoothing < 1)) {
    fail('smoothing must be a number in [0, 1)', smoothing);
  }
  if (model !== null && !(model instanceof Module)) fail('model must be a Module', model);
  return { minLr, maxLr, steps: checkCount(op, 'steps', options.steps ?? 100, 2), mode, stopFactor, smoothing, model };
}

/** Copies of what a search changes, and a function that puts them back. */
function snapshot<O extends { lr: number }>(optimizer: Optimizer<O>, model: AnyModule | null): () => void {
  const params = optimizer.paramGroups.flatMap((group) => group.params);
  const tensors = [...params, ...(model?.buffers() ?? [])];
  const copies = tensors.map((x) => noGrad(() => clone(x.detach())).keep());
  const rates = optimizer.paramGroups.map((group) => group.lr);
  const states = [...optimizer.state].map(([param, own]) => [param, copiedState(param, own)] as [Tensor, ParamState]);
  return () => {
    noGrad(() => {
      tensors.forEach((x, i) => {
        x.copy_(copies[i]);
      });
    });
    for (const copy of copies) copy.dispose();
    for (const own of optimizer.state.values()) disposeState(own);
    optimizer.state.clear();
    for (const [param, own] of states) optimizer.state.set(param, own);
    optimizer.paramGroups.forEach((group, i) => {
      group.lr = rates[i];
    });
    optimizer.zeroGrad();
  };
}

function steepest(rates: readonly number[], losses: readonly number[]): number | null {
  let best: number | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 1; i + 1 < losses.length; i++) {
    const slope = losses[i + 1] - losses[i - 1];
    if (slope < least) {
      least = slope;
      best = rates[i];
    }
  }
  return best;
}

/**
 * Tries growing learning rates, one for each batch, and returns them with the losses: a good rate lies where the loss
 * falls fastest, well before it rises. `evaluate` takes the next batch, clears the gradients, runs `backward()` and returns
 * the loss; it may be async. Parameters, optimizer state, rates and the buffers of `model` are afterwards as before.
 *
 * @example
 * const { rates, losses, suggestion } = await optim.findLr(optimizer, () => {
 *   optimizer.zeroGrad();
 *   const loss = F.crossEntropy(model.forward(x), y);
 *   loss.backward();
 *   return loss;
 * }, { model });
 *
 * @throws ArgumentError for options outside their ranges, or a loss that is no tensor of one element.
 * Source: Smith, Cyclical Learning Rates for Training Neural Networks, 2017, section 3.3.
 */
export async function findLr<O extends { lr: number }>(
  optimizer: Optimizer<O>,
  evaluate: () => Tensor | Promise<Tensor>,
  options: FindLrOptions = {},
): Promise<FindLrResult> {
  const op = 'findLr';
  if (!(optimizer instanceof Optimizer)) {
    throw new ArgumentError(op, `an optimizer is needed, got ${valueText(optimizer)}`, optimizer);
  }
  checkFunction(op, evaluate);
  const { minLr, maxLr, steps, mode, stopFactor, smoothing, model } = checked(options);
  const restore = snapshot(optimizer, model);
  const rates: number[] = [];
  const losses: number[] = [];
  let average = 0;
  try {
    for (let i = 0; i < steps; i++) {
      const share = i / (steps - 1);
      const lr = mode === 'linear' ? minLr + (maxLr - minLr) * share : minLr * (maxLr / minLr) ** share;
      for (const group of optimizer.paramGroups) group.lr = lr;
      const value = await scope(async () => {
        const loss: unknown = await evaluate();
        if (!(loss instanceof Tensor) || loss.numel !== 1) {
          throw new ArgumentError(op, `evaluate must return a loss of one element, got ${valueText(loss)}`, loss);
        }
        optimizer.step();
        return loss.item();
      });
      average = smoothing * average + (1 - smoothing) * Number(value);
      const smooth = average / (1 - smoothing ** (i + 1));
      if (!Number.isFinite(smooth)) break;
      rates.push(lr);
      losses.push(smooth);
      if (stopFactor !== null && smooth > stopFactor * Math.min(...losses)) break;
    }
  } finally {
    restore();
  }
  return { rates, losses, suggestion: steepest(rates, losses) };
}
