import { ArgumentError } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkCommon, checkNumbers } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link Rprop}. */
export interface RpropOptions {
  /** Where the step sizes begin. Default 1e-2. */
  lr: number;
  /** Factors of a step size when the sign of the gradient changed and when it stayed. Default [0.5, 1.2]. */
  etas: readonly [number, number];
  /** Smallest and largest step size. Default [1e-6, 50]. */
  stepSizes: readonly [number, number];
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
}

const DEFAULTS: RpropOptions = {
  lr: 1e-2,
  etas: [0.5, 1.2],
  stepSizes: [1e-6, 50],
  maximize: false,
};

/**
 * Resilient backpropagation: only the sign of the gradient counts; for full batches.
 *
 *     d *= g * last > 0 ? etas[1] : g * last < 0 ? etas[0] : 1,  d = clamp(d, stepSizes)
 *     p -= sign(g) * d, except where the sign changed: no step there, and none is remembered
 *
 * @throws ArgumentError for options outside their ranges.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.Rprop.html
 */
export class Rprop extends Optimizer<RpropOptions> {
  constructor(params: Params<RpropOptions>, options: Partial<RpropOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: RpropOptions): void {
    checkCommon(op, group);
    checkNumbers(op, 'etas', group.etas, 2);
    const [minus, plus] = group.etas;
    if (!(minus > 0 && minus < 1 && plus > 1)) {
      throw new ArgumentError(op, `Invalid eta values: ${minus}, ${plus}`, group.etas);
    }
    checkNumbers(op, 'stepSizes', group.stepSizes, 2);
  }

  protected stepGroup(group: ParamGroup<RpropOptions>, params: readonly Tensor[]): void {
    const [etaMinus, etaPlus] = group.etas;
    const [smallest, largest] = group.stepSizes;
    for (const param of params) this.bufferOf(param, 'stepSize', group.lr);
    const scalars = { etaMinus, etaPlus, smallest, largest, maximize: group.maximize };
    this.flatStep('rprop', params, ['prev', 'stepSize'], scalars);
    this.count(params);
  }
}
