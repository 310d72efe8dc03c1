// Constraints that weights are put under after every step.
import { ArgumentError, valueText } from '../errors.js';
import { maxNorm_, type NormConstraintOptions, nonNegative_, unitNorm_ } from '../nn/utils/regularize.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Callback } from '../training/index.js';
import { checkAtLeast } from './check.js';
import { type ParameterOptions, selected, selectOf } from './select.js';

/**
 * A callback that changes weights in place after each step of the optimizer. By default it gets weights of two or more
 * axes, no biases and no norms. In a loop of your own call the function behind `optimizer.step()`.
 *
 * @example
 * const callbacks = [regularizers.constraint((weights) => nn.utils.maxNorm_(weights, 3))];
 *
 * @throws ArgumentError for what is no function.
 */
export function constraint(apply: (weights: Tensor[]) => void, options: ParameterOptions = {}): Callback {
  if (typeof apply !== 'function') {
    throw new ArgumentError('constraint', `a function of weights is needed, got ${valueText(apply)}`, apply);
  }
  const select = selectOf('constraint', options);
  return { name: 'constraint', onStepEnd: (_step, trainer) => apply(selected(trainer.model, select)) };
}

/** Options of {@link maxNorm} and {@link unitNorm}. */
export interface NormOptions extends NormConstraintOptions, ParameterOptions {}

/**
 * Holds the 2-norm of what each unit sees at or below `maxValue`: `nn.utils.maxNorm_` after each step.
 *
 * @throws ArgumentError for a negative `maxValue`.
 * Source: Srivastava et al., Dropout, 2014, section 5.1.
 */
export function maxNorm(maxValue: number, options: NormOptions = {}): Callback {
  checkAtLeast('maxNorm', 'maxValue', maxValue, 0);
  return constraint((weights) => maxNorm_(weights, maxValue, options), options);
}

/** Gives what each unit sees a 2-norm of 1: `nn.utils.unitNorm_` after each step. */
export function unitNorm(options: NormOptions = {}): Callback {
  return constraint((weights) => unitNorm_(weights, options), options);
}

/** Sets negative weights to 0: `nn.utils.nonNegative_` after each step. */
export function nonNegative(options: ParameterOptions = {}): Callback {
  return constraint((weights) => nonNegative_(weights), options);
}
