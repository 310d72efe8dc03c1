import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkBetas, checkCommon } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link Adamax}. */
export interface AdamaxOptions {
  /** Learning rate. Default 2e-3. */
  lr: number;
  /** Decay of the average of the gradient and of its largest magnitude. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the magnitudes. Default 1e-8. */
  eps: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay: number;
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
}

const DEFAULTS: AdamaxOptions = {
  lr: 2e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  maximize: false,
};

/**
 * Adamax: Adam with the infinity norm.
 *
 *     m = beta1 * m + (1 - beta1) * g,  u = max(beta2 * u, |g| + eps),  p -= lr / (1 - beta1^t) * m / u
 *
 * @throws ArgumentError for options outside their ranges.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.Adamax.html
 */
export class Adamax extends Optimizer<AdamaxOptions> {
  constructor(params: Params<AdamaxOptions>, options: Partial<AdamaxOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: AdamaxOptions): void {
    checkCommon(op, group);
    checkBetas(op, group.betas);
  }

  protected stepGroup(group: ParamGroup<AdamaxOptions>, params: readonly Tensor[]): void {
    const { lr, eps, weightDecay, maximize } = group;
    const [beta1, beta2] = group.betas;
    for (const { params: list, numbers } of this.alike(params, { step: 0 })) {
      const step = numbers.step + 1;
      const stepSize = lr / (1 - beta1 ** step);
      this.flatStep('adamax', list, ['expAvg', 'expInf'], { stepSize, beta1, beta2, eps, weightDecay, maximize });
      this.remember(list, { step });
    }
  }
}
