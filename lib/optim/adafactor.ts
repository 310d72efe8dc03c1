import { ArgumentError, valueText } from '../errors.js';
import { matmul } from '../ops/linalg/matmul.js';
import { FlatStep } from '../ops/optim/flat-step.js';
import { div, mul } from '../ops/pointwise/arithmetic.js';
import { clamp } from '../ops/pointwise/select.js';
import { neg, rsqrt, square } from '../ops/pointwise/unary.js';
import { norm } from '../ops/reduce/moments.js';
import { mean } from '../ops/reduce/reduce.js';
import { finfo } from '../ops/shape/convert.js';
import { to } from '../ops/shape/view.js';
import { checkOptions } from '../tensor/check.js';
import { zeros } from '../tensor/create.js';
import { computeDType } from '../tensor/dtype.js';
import { noGrad } from '../tensor/scope.js';
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

/** The averages of the squared gradient: of rows and columns of matrices, of each element of vectors. */
const statesOf = (param: Tensor): [key: string, shape: number[]][] => {
  const { shape, ndim } = param;
  if (ndim < 2) return [['variance', [...shape]]];
  return [
    ['rowVar', shape.map((n, i) => (i === ndim - 1 ? 1 : n))],
    ['colVar', shape.map((n, i) => (i === ndim - 2 ? 1 : n))],
  ];
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
      noGrad(() => this.#run(group, list, numbers.step + 1));
      this.remember(list, { step: numbers.step + 1 });
    }
  }

  /** Averages and parameters change in passes that leave all as they are when a gradient failed. */
  #run(group: AdafactorOptions, params: readonly Tensor[], step: number): void {
    const op = this.constructor.name;
    const averages = new FlatStep();
    for (const param of params) this.#addAverages(op, averages, param);
    averages.run('lerp', [], { weight: step ** group.beta2Decay });
    const move = new FlatStep();
    for (const param of params) move.add(op, param, this.#update(group, param, step));
    move.run('decayedStep', [], { shrink: 1 - group.lr * group.weightDecay, stepSize: 1 });
  }

  #addAverages(op: string, averages: FlatStep, param: Tensor): void {
    const squares = square(param._grad as Tensor);
    const own = this.stateOf(param);
    for (const [key, shape] of statesOf(param)) {
      if (!(own[key] instanceof Tensor)) own[key] = zeros(shape, { dtype: param.dtype }).keep();
      const axis = key === 'variance' ? null : key === 'rowVar' ? -1 : -2;
      averages.add(op, own[key] as Tensor, axis === null ? squares : mean(squares, axis, { keepdim: true }));
    }
  }

  #update(group: AdafactorOptions, param: Tensor, step: number): Tensor {
    const { eps, lr, d } = group;
    const floor = eps[0] ?? finfo(param.dtype).eps;
    const wide = (x: Tensor): Tensor => to(x, computeDType(param.dtype));
    const own = this.stateOf(param) as Record<string, Tensor>;
    let squares: Tensor;
    if (param.ndim < 2) squares = wide(own.variance);
    else {
      const rows = wide(own.rowVar);
      const size = clamp(mean(rows, -2, { keepdim: true }), floor);
      squares = matmul(div(rows, size), wide(own.colVar));
    }
    const grad = wide(param._grad as Tensor);
    const direction = mul(rsqrt(clamp(squares, floor * floor)), group.maximize ? neg(grad) : grad);
    const root = Math.sqrt(param.numel);
    const length = clamp(div(norm(wide(param)), root), eps[1]);
    const clip = clamp(div(norm(direction), root * d), 1);
    const update = mul(direction, mul(div(length, clip), Math.min(lr, 1 / Math.sqrt(step))));
    return to(update, param.dtype);
  }
}
