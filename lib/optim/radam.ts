import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkBetas, checkBooleans, checkCommon } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link RAdam}. */
export interface RAdamOptions {
  /** Learning rate. Default 1e-3. */
  lr: number;
  /** Decay of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** Default 0. */
  weightDecay: number;
  /** Shrinks the weights themselves instead of adding to the gradient. Default false. */
  decoupledWeightDecay: boolean;
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
}

const DEFAULTS: RAdamOptions = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  decoupledWeightDecay: false,
  maximize: false,
};

/**
 * RAdam: plain momentum until the variance of the gradients is known well enough, then Adam with a rectified step.
 *
 *     rho = 2 / (1 - beta2) - 1,  r(t) = rho - 2 * t * beta2^t / (1 - beta2^t)
 *     r(t) > 5: p -= lr * m / (1 - beta1^t) * rect(t) * sqrt(1 - beta2^t) / (sqrt(v) + eps),  else p -= lr * m / (1 - beta1^t)
 *     rect(t)^2 = (r(t) - 4) * (r(t) - 2) * rho / ((rho - 4) * (rho - 2) * r(t))
 *
 * @throws ArgumentError for options outside their ranges.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.RAdam.html
 */
export class RAdam extends Optimizer<RAdamOptions> {
  constructor(params: Params<RAdamOptions>, options: Partial<RAdamOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: RAdamOptions): void {
    checkCommon(op, group);
    checkBetas(op, group.betas);
    checkBooleans(op, { ...group }, 'decoupledWeightDecay');
  }

  protected stepGroup(group: ParamGroup<RAdamOptions>, params: readonly Tensor[]): void {
    const { lr, eps, weightDecay, decoupledWeightDecay: decoupled, maximize } = group;
    const [beta1, beta2] = group.betas;
    for (const { params: list, numbers } of this.alike(params, { step: 0 })) {
      const step = numbers.step + 1;
      const correction2 = 1 - beta2 ** step;
      const full = 2 / (1 - beta2) - 1;
      const length = full - (2 * step * beta2 ** step) / correction2;
      const adaptive = length > 5;
      const rect = Math.sqrt(((length - 4) * (length - 2) * full) / ((full - 4) * (full - 2) * length));
      const stepSize = (lr / (1 - beta1 ** step)) * (adaptive ? rect * Math.sqrt(correction2) : 1);
      const shrink = decoupled ? 1 - lr * weightDecay : 1;
      const scalars = { beta1, beta2, eps, weightDecay, shrink, stepSize, adaptive, decoupled, maximize };
      this.flatStep('radam', list, ['expAvg', 'expAvgSq'], scalars);
      this.remember(list, { step });
    }
  }
}
