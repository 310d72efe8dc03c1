import { ArgumentError, valueText } from '../errors.js';
import { FlatStep } from '../ops/optim/flat-step.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkBetas, checkCommon } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link SparseAdam}. */
export interface SparseAdamOptions {
  /** Learning rate, above 0. Default 1e-3. */
  lr: number;
  /** Decay of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator; above 0. Default 1e-8. */
  eps: number;
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
}

const DEFAULTS: SparseAdamOptions = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, maximize: false };

/**
 * Adam for embeddings: rows (along the first axis) whose gradient is all zero are left alone, they and their averages.
 * Gradients are dense tensors here; a row counts as absent when it holds zeros only.
 *
 *     p -= lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps)
 *
 * @throws ArgumentError for options outside their ranges.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.SparseAdam.html
 */
export class SparseAdam extends Optimizer<SparseAdamOptions> {
  constructor(params: Params<SparseAdamOptions>, options: Partial<SparseAdamOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: SparseAdamOptions): void {
    checkCommon(op, group);
    checkBetas(op, group.betas);
    if (group.lr === 0) throw new ArgumentError(op, `Invalid learning rate: ${valueText(group.lr)}`, group.lr);
    if (group.eps === 0) throw new ArgumentError(op, `Invalid epsilon value: ${valueText(group.eps)}`, group.eps);
  }

  protected stepGroup(group: ParamGroup<SparseAdamOptions>, params: readonly Tensor[]): void {
    const op = this.constructor.name;
    const { lr, eps, maximize } = group;
    const [beta1, beta2] = group.betas;
    for (const { params: list, numbers } of this.alike(params, { step: 0 })) {
      const step = numbers.step + 1;
      const stepSize = (lr * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step);
      const flat = new FlatStep(true);
      for (const param of list) flat.add(op, param);
      const averages = list.map((param) => this.bufferOf(param, 'expAvg'));
      const squares = list.map((param) => this.bufferOf(param, 'expAvgSq'));
      flat.run('lazyAdam', [averages, squares], { stepSize, beta1, beta2, eps, maximize });
      this.remember(list, { step });
    }
  }
}
