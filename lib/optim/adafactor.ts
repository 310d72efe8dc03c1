import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { FlatStep } from '../ops/optim/flat-step.js';
import { finfo } from '../ops/shape/convert.js';
import { checkOptions } from '../tensor/check.js';
import { zeros } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import { sameShape } from '../tensor/layout.js';
import { Tensor } from '../tensor/tensor.js';
import { checkCommon } from './check.js';
import { Optimizer, type ParamGroup, type Params, withDefaults } from './optimizer.js';

/** Options of {@link Adafactor}. */
export interface AdafactorOptions {
  /** Learning rate: an upper bound of the relative step. Default 1e-2. */
  lr: number;
  /** Power of the decay of the averages of squares; at most 0. Default -0.8. */
  beta2Decay: number;
  /** Least square root of an average (null: the epsilon of the dtype), and least size of a parameter. Default [null, 1e-3]. */
  eps: readonly [number | null, number];
  /** Steps with a larger root mean square are clipped to it; at least 1. Default 1. */
  d: number;
  /** Decoupled. Default 0. */
  weightDecay: number;
  /** Ascends instead of descending. Default false. */
  maximize: boolean;
}

const DEFAULTS: AdafactorOptions = {
  lr: 1e-2,
  beta2Decay: -0.8,
  eps: [null, 1e-3],
  d: 1,
  weightDecay: 0,
  maximize: false,
};

/**
 * Adafactor: of a matrix of squared gradients only the averages of rows and columns are remembered, and the steps are
 * relative to the size of the parameter.
 *
 *     R += t^beta2Decay * (mean of g^2 along the last axis - R),  C the same along the axis before
 *     u = g / max(sqrt(R C / mean(R)), eps1),  alpha = max(eps2, rms(p)) * min(lr, 1 / sqrt(t))
 *     p = (1 - lr * weightDecay) * p - alpha * u / max(1, rms(u) / d)
 *
 * @throws ArgumentError for options outside their ranges.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.Adafactor.html
 */
export class Adafactor extends Optimizer<AdafactorOptions> {
  constructor(params: Params<AdafactorOptions>, options: Partial<AdafactorOptions> = {}) {
    checkOptions(new.target.name, options);
    super(params, withDefaults(DEFAULTS, options));
  }

  protected checkGroup(op: string, group: AdafactorOptions): void {
    const { eps, beta2Decay, d, ...common } = group;
    checkCommon(op, common);
    const least = (value: unknown): boolean => typeof value === 'number' && value >= 0;
    const check = (ok: boolean, rule: string, value: unknown): void => {
      if (!ok) throw new ArgumentError(op, `${rule} but is: ${valueText(value)}`, value);
    };
    check(typeof beta2Decay === 'number' && beta2Decay <= 0, 'beta2Decay should be <= 0', beta2Decay);
    const pair: unknown = eps;
    check(Array.isArray(pair) && pair.length === 2, 'eps should be two numbers', pair);
    check(eps[0] === null || least(eps[0]), 'epsilon1 should be >= 0', eps[0]);
    check(least(eps[1]), 'epsilon2 should be >= 0', eps[1]);
    check(typeof d === 'number' && d >= 1, 'Clipping threshold d should be >= 1', d);
  }

  protected stepGroup(group: ParamGroup<AdafactorOptions>, params: readonly Tensor[]): void {
    for (const { params: list, numbers } of this.alike(params, { step: 0 })) {
      const step = numbers.step + 1;
      for (const dtype of new Set(list.map((param) => param.dtype))) {
        const own = list.filter((param) => param.dtype === dtype);
        const vectors = own.filter((param) => param.ndim < 2);
        const matrices = own.filter((param) => param.ndim >= 2);
        const scalars = scalarsOf(group, dtype, step);
        if (vectors.length > 0) this.flatStep('adafactorVectors', vectors, ['variance'], scalars);
        if (matrices.length === 0) continue;
        const flat = new FlatStep(true);
        for (const param of matrices) flat.add(this.constructor.name, param);
        const rows = matrices.map((param) => this.#average(param, 'rowVar', param.ndim - 1));
        const columns = matrices.map((param) => this.#average(param, 'colVar', param.ndim - 2));
        flat.run('adafactor', [rows, columns], scalars);
      }
      this.remember(list, { step });
    }
  }

  /** The average of squares along an axis. */
  #average(param: Tensor, key: string, axis: number): Tensor {
    const state = this.stateOf(param);
    const shape = param.shape.map((n, i) => (i === axis ? 1 : n));
    const value = state[key];
    if (value instanceof Tensor) {
      value._handle(this.constructor.name);
      if (sameShape(value.shape, shape)) return value;
      const message = `${key} has shape ${shapeText(value.shape)}, the parameter ${shapeText(param.shape)}`;
      throw new ShapeError(this.constructor.name, message, value.shape, param.shape);
    }
    const average = zeros(shape, { dtype: param.dtype }).keep();
    state[key] = average;
    return average;
  }
}

function scalarsOf(group: AdafactorOptions, dtype: DType, step: number) {
  const { lr, eps, d, weightDecay, maximize } = group;
  const floor = eps[0] ?? finfo(dtype).eps;
  return {
    weight: step ** group.beta2Decay,
    floor: floor * floor,
    shrink: 1 - lr * weightDecay,
    rate: Math.min(lr, 1 / Math.sqrt(step)),
    least: eps[1],
    clip: d,
    leastMean: floor,
    maximize,
  };
}
