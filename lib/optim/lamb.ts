import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkBetas, checkCommon } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link LAMB}. */
export interface LAMBOptions {
  /** Learning rate. Default 1e-3. */
  lr: number;
  /** Decay of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-6. */
  eps: number;
  /** Default 0. */
  weightDecay: number;
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
}

const DEFAULTS: LAMBOptions = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-6,
  weightDecay: 0,
  maximize: false,
};

/**
 * LAMB: Adam's direction, scaled for each tensor to the length of the tensor; for large batches.
 *
 *     r = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weightDecay * p
 *     p -= lr * |p| / |r| * r          (the ratio is 1 where a norm is 0)
 *
 * @throws ArgumentError for options outside their ranges.
 * Source: You et al., Large Batch Optimization for Deep Learning, 2019, algorithm 2. Not in PyTorch.
 */
export class LAMB extends Optimizer<LAMBOptions> {
  constructor(params: Params<LAMBOptions>, options: Partial<LAMBOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: LAMBOptions): void {
    checkCommon(op, group);
    checkBetas(op, group.betas);
  }

  protected stepGroup(group: ParamGroup<LAMBOptions>, params: readonly Tensor[]): void {
    const { lr, eps, weightDecay, maximize } = group;
    const [beta1, beta2] = group.betas;
    for (const { params: list, numbers } of this.alike(params, { step: 0 })) {
      const step = numbers.step + 1;
      const correction1 = 1 - beta1 ** step;
      const correction2 = 1 - beta2 ** step;
      const scalars = { lr, beta1, beta2, eps, weightDecay, correction1, correction2, maximize };
      this.flatStep('lamb', list, ['expAvg', 'expAvgSq'], scalars);
      this.remember(list, { step });
    }
  }
}
