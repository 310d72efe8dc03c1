import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkBooleans, checkCommon, checkNotNegative } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link RMSprop}. */
export interface RMSpropOptions {
  /** Learning rate. Default 1e-2. */
  lr: number;
  /** Decay of the average of squares. Default 0.99. */
  alpha: number;
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay: number;
  /** Default 0. */
  momentum: number;
  /** Divides by the deviation from the average gradient. Default false. */
  centered: boolean;
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
}

const DEFAULTS: RMSpropOptions = {
  lr: 1e-2,
  alpha: 0.99,
  eps: 1e-8,
  weightDecay: 0,
  momentum: 0,
  centered: false,
  maximize: false,
};

/**
 * RMSprop: divides by the root of an average of squared gradients.
 *
 *     v = alpha * v + (1 - alpha) * g^2,  s = sqrt(centered ? v - m^2 : v) + eps
 *     p -= lr * g / s;  with momentum: buffer = momentum * buffer + g / s,  p -= lr * buffer
 *
 * @throws ArgumentError for options outside their ranges.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.RMSprop.html
 */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(params: Params<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: RMSpropOptions): void {
    checkCommon(op, group);
    checkNotNegative(op, 'momentum value', group.momentum);
    checkNotNegative(op, 'alpha value', group.alpha);
    checkBooleans(op, { ...group }, 'centered');
  }

  protected stepGroup(group: ParamGroup<RMSpropOptions>, params: readonly Tensor[]): void {
    const { lr, alpha, eps, weightDecay, momentum, centered, maximize } = group;
    const states = ['squareAvg', momentum > 0 ? 'momentumBuffer' : null, centered ? 'gradAvg' : null];
    this.flatStep('rmsprop', params, states, { lr, alpha, eps, weightDecay, momentum, maximize });
    this.count(params);
  }
}
