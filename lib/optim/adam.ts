import { ArgumentError, valueText } from '../errors.js';
import { FlatStep } from '../ops/optim/flat-step.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkBooleans, checkNotNegative, Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

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
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.Adam.html
 */
export class Adam extends Optimizer<AdamOptions> {
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: AdamOptions): void {
    checkNotNegative(op, 'learning rate', group.lr);
    checkNotNegative(op, 'epsilon value', group.eps);
    checkNotNegative(op, 'weightDecay value', group.weightDecay);
    const betas: unknown = group.betas;
    if (!Array.isArray(betas) || betas.length !== 2) {
      throw new ArgumentError(op, `betas must be two numbers, got ${valueText(betas)}`, betas);
    }
    betas.forEach((beta: unknown, i) => {
      if (typeof beta === 'number' && beta >= 0 && beta < 1) return;
      throw new ArgumentError(op, `Invalid beta parameter at index ${i}: ${valueText(beta)}`, beta);
    });
    checkBooleans(op, { ...group }, 'amsgrad', 'maximize', 'decoupledWeightDecay');
  }

  protected stepGroup(group: ParamGroup<AdamOptions>, params: readonly Tensor[]): void {
    // Parameters that had no gradient at some step are behind the others: one native call for each step number.
    const bySteps = new Map<number, Tensor[]>();
    for (const param of params) {
      const { step } = this.stateOf(param);
      const next = (typeof step === 'number' ? step : 0) + 1;
      const list = bySteps.get(next);
      if (list) list.push(param);
      else bySteps.set(next, [param]);
    }
    for (const [step, list] of bySteps) this.#run(group, list, step);
  }

  #run(group: AdamOptions, params: readonly Tensor[], step: number): void {
    const op = this.constructor.name;
    const flat = new FlatStep();
    for (const param of params) flat.add(op, param);
    const averages = params.map((param) => this.bufferOf(param, 'expAvg'));
    const squares = params.map((param) => this.bufferOf(param, 'expAvgSq'));
    const largest = group.amsgrad ? params.map((param) => this.bufferOf(param, 'maxExpAvgSq')) : [];
    flat.adam(averages, squares, largest, step, group);
    for (const param of params) this.stateOf(param).step = step;
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
