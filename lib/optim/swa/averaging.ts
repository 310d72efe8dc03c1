// Functions that take the weights of a model into their average.
import { ArgumentError, valueText } from '../../errors.js';
import { FlatStep } from '../../ops/optim/flat-step.js';
import { add, div, mul, sub } from '../../ops/pointwise/arithmetic.js';
import { to } from '../../ops/shape/view.js';
import { isFloating } from '../../tensor/dtype.js';
import { noGrad } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';

/** The new average of one tensor; `averaged` models are in it already. */
export type AvgFn = (average: Tensor, current: Tensor, averaged: number) => Tensor;

/** Changes the averages of many tensors in place. */
export type MultiAvgFn = (averages: readonly Tensor[], current: readonly Tensor[], averaged: number) => void;

function checkDecay(op: string, decay: unknown): asserts decay is number {
  if (typeof decay === 'number' && decay >= 0 && decay <= 1) return;
  throw new ArgumentError(op, `decay must be a number in [0, 1], got ${valueText(decay)}`, decay);
}

/** Moves averages towards the weights: one native pass over all floating-point tensors. */
function moveTowards(averages: readonly Tensor[], current: readonly Tensor[], weight: number): void {
  const op = 'AveragedModel';
  noGrad(() => {
    const flat = new FlatStep();
    averages.forEach((average, i) => {
      if (isFloating(average.dtype)) flat.add(op, average, to(current[i], average.dtype));
      // Counters and masks: as far as their dtype goes.
      else average.copy_(add(mul(average, 1 - weight), mul(current[i], weight)));
    });
    flat.run('lerp', [], { weight });
  });
}

/**
 * An exponential average, in place: `average = decay * average + (1 - decay) * current`.
 * @throws ArgumentError unless `decay` lies in [0, 1].
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.swa_utils.get_ema_multi_avg_fn.html
 */
export function getEmaMultiAvgFn(decay = 0.999): MultiAvgFn {
  checkDecay('getEmaMultiAvgFn', decay);
  return (averages, current) => moveTowards(averages, current, 1 - decay);
}

/**
 * The mean of all models, in place: `average += (current - average) / (averaged + 1)`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.swa_utils.get_swa_multi_avg_fn.html
 */
export function getSwaMultiAvgFn(): MultiAvgFn {
  return (averages, current, averaged) => moveTowards(averages, current, 1 / (averaged + 1));
}

/**
 * {@link getEmaMultiAvgFn} for one tensor, as a new one.
 * @throws ArgumentError unless `decay` lies in [0, 1].
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.swa_utils.get_ema_avg_fn.html
 */
export function getEmaAvgFn(decay = 0.999): AvgFn {
  checkDecay('getEmaAvgFn', decay);
  return (average, current) => noGrad(() => add(mul(average, decay), mul(current, 1 - decay)));
}

/**
 * {@link getSwaMultiAvgFn} for one tensor, as a new one.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.swa_utils.get_swa_avg_fn.html
 */
export function getSwaAvgFn(): AvgFn {
  return (average, current, averaged) => noGrad(() => add(average, div(sub(current, average), averaged + 1)));
}
