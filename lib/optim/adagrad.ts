import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkCommon, checkNotNegative } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link Adagrad}. */
export interface AdagradOptions {
  /** Learning rate. Default 1e-2. */
  lr: number;
  /** The learning rate is `lr / (1 + (t - 1) * lrDecay)`. Default 0. */
  lrDecay: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay: number;
  /** Where the sums of squares begin. Default 0. */
  initialAccumulatorValue: number;
  /** Added to the denominator. Default 1e-10. */
  eps: number;
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
}

const DEFAULTS: AdagradOptions = {
  lr: 1e-2,
  lrDecay: 0,
  weightDecay: 0,
  initialAccumulatorValue: 0,
  eps: 1e-10,
  maximize: false,
};

/**
 * Adagrad: the step of each element shrinks with the sum of its squared gradients.
 *
 *     s += g^2,  p -= lr / (1 + (t - 1) * lrDecay) * g / (sqrt(s) + eps)
 *
 * @throws ArgumentError for options outside their ranges.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.Adagrad.html
 */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(params: Params<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: AdagradOptions): void {
    checkCommon(op, group);
    checkNotNegative(op, 'lrDecay value', group.lrDecay);
    checkNotNegative(op, 'initialAccumulatorValue value', group.initialAccumulatorValue);
  }

  protected stepGroup(group: ParamGroup<AdagradOptions>, params: readonly Tensor[]): void {
    const { eps, weightDecay, maximize } = group;
    for (const param of params) this.bufferOf(param, 'sum', group.initialAccumulatorValue);
    for (const { params: list, numbers } of this.alike(params, { step: 0 })) {
      const lr = group.lr / (1 + numbers.step * group.lrDecay);
      this.flatStep('adagrad', list, ['sum'], { lr, eps, weightDecay, maximize });
      this.remember(list, { step: numbers.step + 1 });
    }
  }
}
