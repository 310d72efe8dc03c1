import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkCommon, checkFinite } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link ASGD}. */
export interface ASGDOptions {
  /** Learning rate. Default 1e-2. */
  lr: number;
  /** Decay term. Default 1e-4. */
  lambd: number;
  /** Power of the decay of the rate. Default 0.75. */
  alpha: number;
  /** The step after which averaging begins. Default 1e6. */
  t0: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay: number;
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
}

const DEFAULTS: ASGDOptions = {
  lr: 1e-2,
  lambd: 1e-4,
  alpha: 0.75,
  t0: 1e6,
  weightDecay: 0,
  maximize: false,
};

/**
 * Averaged stochastic gradient descent. The averages stand in the state, under `ax`.
 *
 *     p = (1 - lambd * eta) * p - eta * g,  ax += mu * (p - ax)
 *     eta = lr / (1 + lambd * lr * t)^alpha,  mu = 1 / max(1, t - t0)
 *
 * @throws ArgumentError for options outside their ranges.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.ASGD.html
 */
export class ASGD extends Optimizer<ASGDOptions> {
  constructor(params: Params<ASGDOptions>, options: Partial<ASGDOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: ASGDOptions): void {
    checkCommon(op, group);
    checkFinite(op, 'lambd value', group.lambd);
    checkFinite(op, 'alpha value', group.alpha);
    checkFinite(op, 't0 value', group.t0);
  }

  protected stepGroup(group: ParamGroup<ASGDOptions>, params: readonly Tensor[]): void {
    const { lr, lambd, alpha, t0, weightDecay, maximize } = group;
    for (const { params: list, numbers } of this.alike(params, { step: 0, eta: lr, mu: 1 })) {
      const step = numbers.step + 1;
      const { eta, mu } = numbers;
      this.flatStep('asgd', list, ['ax'], { eta, lambd, mu, weightDecay, maximize });
      this.remember(list, { step, eta: lr / (1 + lambd * lr * step) ** alpha, mu: 1 / Math.max(1, step - t0) });
    }
  }
}
