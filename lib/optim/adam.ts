import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkBetas, checkBooleans, checkCommon } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link Adam} and {@link AdamW}. */
export interface AdamOptions {
  /** Learning rate. Default 1e-3. */
  lr: number;
  /** Decay of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** Default 0 (AdamW: 1e-2). */
  weightDecay: number;
  /** Divides by the largest average of squares so far. Default false. */
  amsgrad: boolean;
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
  /** Shrinks the weights themselves instead of adding to the gradient: AdamW. */
  decoupledWeightDecay: boolean;
}

const DEFAULTS: AdamOptions = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
  maximize: false,
  decoupledWeightDecay: false,
};

/**
 * Adam.
 *
 *     m = beta1 * m + (1 - beta1) * g,  v = beta2 * v + (1 - beta2) * g^2
 *     p -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 *
 * @throws ArgumentError for options outside their ranges.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.Adam.html
 */
export class Adam extends Optimizer<AdamOptions> {
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: AdamOptions): void {
    checkCommon(op, group);
    checkBetas(op, group.betas);
    checkBooleans(op, { ...group }, 'amsgrad', 'decoupledWeightDecay');
  }

  protected stepGroup(group: ParamGroup<AdamOptions>, params: readonly Tensor[]): void {
    const { lr, eps, weightDecay, amsgrad, maximize, decoupledWeightDecay: decoupled } = group;
    const [beta1, beta2] = group.betas;
    for (const { params: list, numbers } of this.alike(params, { step: 0 })) {
      const step = numbers.step + 1;
      const stepSize = lr / (1 - beta1 ** step);
      const correction2Sqrt = Math.sqrt(1 - beta2 ** step);
      const scalars = { lr, beta1, beta2, eps, weightDecay, stepSize, correction2Sqrt, decoupled, maximize };
      this.flatStep('adam', list, ['expAvg', 'expAvgSq', amsgrad ? 'maxExpAvgSq' : null], scalars);
      this.remember(list, { step });
    }
  }
}

/** Options of {@link AdamW}. */
export type AdamWOptions = Omit<AdamOptions, 'decoupledWeightDecay'>;

/**
 * Adam with decoupled weight decay: `p *= 1 - lr * weightDecay` before the step; `weightDecay` is 1e-2 by default.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.AdamW.html
 */
export class AdamW extends Adam {
  constructor(params: Params<AdamWOptions>, options: Partial<AdamWOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, {
      ...withDefaults<Partial<AdamOptions>>({ weightDecay: 1e-2 }, options),
      decoupledWeightDecay: true,
    });
  }
}
