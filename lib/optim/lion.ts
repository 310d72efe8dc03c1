import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkBetas, checkCommon } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link Lion}. */
export interface LionOptions {
  /** Learning rate. Default 1e-4. */
  lr: number;
  /** Share of the average in the step, and its own decay. Default [0.9, 0.99]. */
  betas: readonly [number, number];
  /** Decoupled. Default 0. */
  weightDecay: number;
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
}

const DEFAULTS: LionOptions = {
  lr: 1e-4,
  betas: [0.9, 0.99],
  weightDecay: 0,
  maximize: false,
};

/**
 * Lion: the sign of an average decides, so each element moves by `lr`. Use a third to a tenth of Adam's rate.
 *
 *     p = (1 - lr * weightDecay) * p - lr * sign(beta1 * m + (1 - beta1) * g),  m = beta2 * m + (1 - beta2) * g
 *
 * @throws ArgumentError for options outside their ranges.
 * Source: Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, algorithm 2. Not in PyTorch.
 */
export class Lion extends Optimizer<LionOptions> {
  constructor(params: Params<LionOptions>, options: Partial<LionOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: LionOptions): void {
    checkCommon(op, group);
    checkBetas(op, group.betas);
  }

  protected stepGroup(group: ParamGroup<LionOptions>, params: readonly Tensor[]): void {
    const { lr, weightDecay, maximize } = group;
    const [beta1, beta2] = group.betas;
    this.flatStep('lion', params, ['expAvg'], { lr, beta1, beta2, weightDecay, maximize });
  }
}
