import { ArgumentError } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { Tensor } from '../tensor/tensor.js';
import { checkBooleans, checkCommon, checkNotNegative } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link SGD}. */
export interface SGDOptions {
  /** Learning rate. Default 1e-3. */
  lr: number;
  /** Default 0. */
  momentum: number;
  /** Damps what a gradient adds to the momentum. Default 0. */
  dampening: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay: number;
  /** Nesterov's momentum. Default false. */
  nesterov: boolean;
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
}

const DEFAULTS: SGDOptions = {
  lr: 1e-3,
  momentum: 0,
  dampening: 0,
  weightDecay: 0,
  nesterov: false,
  maximize: false,
};

/**
 * Stochastic gradient descent with momentum.
 *
 *     g = grad + weightDecay * p
 *     buffer = momentum * buffer + (1 - dampening) * g        (g at the first step)
 *     p -= lr * (nesterov ? g + momentum * buffer : buffer)
 *
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.SGD.html
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: Params<SGDOptions>, options: Partial<SGDOptions> = {}) {
    checkOptions('SGD', options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: SGDOptions): void {
    checkCommon(op, group);
    checkNotNegative(op, 'momentum value', group.momentum);
    if (typeof group.dampening !== 'number' || Number.isNaN(group.dampening)) {
      throw new ArgumentError(op, `Invalid dampening value: ${String(group.dampening)}`, group.dampening);
    }
    checkBooleans(op, { ...group }, 'nesterov');
    if (group.nesterov && (group.momentum <= 0 || group.dampening !== 0)) {
      throw new ArgumentError(op, 'Nesterov momentum requires a momentum and zero dampening', group.nesterov);
    }
  }

  protected stepGroup(group: ParamGroup<SGDOptions>, params: readonly Tensor[]): void {
    if (group.momentum === 0) {
      this.#run(group, params, false);
      return;
    }
    const hasBuffer = (param: Tensor): boolean => this.state.get(param)?.momentumBuffer instanceof Tensor;
    const fresh = params.filter((param) => !hasBuffer(param));
    const known = params.filter(hasBuffer);
    if (known.length > 0) this.#run(group, known, false);
    if (fresh.length > 0) this.#run(group, fresh, true);
  }

  #run(group: SGDOptions, params: readonly Tensor[], first: boolean): void {
    const { lr, momentum, dampening, weightDecay, nesterov, maximize } = group;
    const scalars = { lr, momentum, dampening, weightDecay, nesterov, maximize, first };
    this.flatStep('sgd', params, [momentum === 0 ? null : 'momentumBuffer'], scalars);
  }
}
