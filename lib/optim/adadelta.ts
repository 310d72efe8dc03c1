import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkCommon } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link Adadelta}. */
export interface AdadeltaOptions {
  /** Learning rate. Default 1. */
  lr: number;
  /** Decay of the averages of squares. Default 0.9. */
  rho: number;
  /** Added to both averages. Default 1e-6. */
  eps: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay: number;
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
}

const DEFAULTS: AdadeltaOptions = {
  lr: 1,
  rho: 0.9,
  eps: 1e-6,
  weightDecay: 0,
  maximize: false,
};

/**
 * Adadelta: steps in the unit of the parameters, from averages of squared gradients and of squared steps.
 *
 *     v = rho * v + (1 - rho) * g^2,  d = sqrt(u + eps) / sqrt(v + eps) * g
 *     u = rho * u + (1 - rho) * d^2,  p -= lr * d
 *
 * @throws ArgumentError for options outside their ranges.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.Adadelta.html
 */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  constructor(params: Params<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: AdadeltaOptions): void {
    checkCommon(op, group);
    const { rho } = group;
    if (!(typeof rho === 'number' && rho >= 0 && rho <= 1)) {
      throw new ArgumentError(op, `Invalid rho value: ${valueText(rho)}`, rho);
    }
  }

  protected stepGroup(group: ParamGroup<AdadeltaOptions>, params: readonly Tensor[]): void {
    const { lr, rho, eps, weightDecay, maximize } = group;
    this.flatStep('adadelta', params, ['squareAvg', 'accDelta'], { lr, rho, eps, weightDecay, maximize });
    this.count(params);
  }
}
