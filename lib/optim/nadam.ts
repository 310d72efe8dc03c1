import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkBetas, checkBooleans, checkCommon, checkNotNegative } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link NAdam}. */
export interface NAdamOptions {
  /** Learning rate. Default 2e-3. */
  lr: number;
  /** Decay of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** Default 0. */
  weightDecay: number;
  /** How fast the momentum reaches beta1. Default 4e-3. */
  momentumDecay: number;
  /** Shrinks the weights themselves instead of adding to the gradient. Default false. */
  decoupledWeightDecay: boolean;
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
}

const DEFAULTS: NAdamOptions = {
  lr: 2e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  momentumDecay: 4e-3,
  decoupledWeightDecay: false,
  maximize: false,
};

/**
 * NAdam: Adam with Nesterov's momentum.
 *
 *     mu(t) = beta1 * (1 - 0.96^(t * momentumDecay) / 2),  M = mu(1) * ... * mu(t)
 *     p -= lr * ((1 - mu(t)) / (1 - M) * g + mu(t + 1) / (1 - M * mu(t + 1)) * m) / (sqrt(v / (1 - beta2^t)) + eps)
 *
 * @throws ArgumentError for options outside their ranges.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.NAdam.html
 */
export class NAdam extends Optimizer<NAdamOptions> {
  constructor(params: Params<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: NAdamOptions): void {
    checkCommon(op, group);
    checkBetas(op, group.betas);
    checkNotNegative(op, 'momentumDecay value', group.momentumDecay);
    checkBooleans(op, { ...group }, 'decoupledWeightDecay');
  }

  protected stepGroup(group: ParamGroup<NAdamOptions>, params: readonly Tensor[]): void {
    const { lr, eps, weightDecay, momentumDecay, decoupledWeightDecay: decoupled, maximize } = group;
    const [beta1, beta2] = group.betas;
    for (const { params: list, numbers } of this.alike(params, { step: 0, muProduct: 1 })) {
      const step = numbers.step + 1;
      const momentum = (t: number): number => beta1 * (1 - 0.5 * 0.96 ** (t * momentumDecay));
      const mu = momentum(step);
      const muNext = momentum(step + 1);
      const muProduct = numbers.muProduct * mu;
      const shrink = decoupled ? 1 - lr * weightDecay : 1;
      const gradStep = (lr * (1 - mu)) / (1 - muProduct);
      const averageStep = (lr * muNext) / (1 - muProduct * muNext);
      const correction2 = 1 - beta2 ** step;
      const steps = { shrink, gradStep, averageStep, correction2 };
      const scalars = { beta1, beta2, eps, weightDecay, ...steps, decoupled, maximize };
      this.flatStep('nadam', list, ['expAvg', 'expAvgSq'], scalars);
      this.remember(list, { step, muProduct });
    }
  }
}
