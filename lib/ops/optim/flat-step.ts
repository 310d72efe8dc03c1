// The native steps walk parameters, gradients and states as flat memory: here they are made to lie alike.
import { DTypeError, ShapeError, shapeText } from '../../errors.js';
import { native } from '../../native.js';
import { emptyLikeLayout, stridesLike } from '../../tensor/create.js';
import { computeDType, type DType, isNarrow } from '../../tensor/dtype.js';
import { contiguousStrides, sameShape } from '../../tensor/layout.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';

/** Whether `x` lies in memory as `strides` say; axes of size 1 do not count. */
function liesLike(x: Tensor, strides: readonly number[]): boolean {
  for (let i = 0; i < strides.length; i++) if (x.strides[i] !== strides[i] && x.shape[i] !== 1) return false;
  return true;
}

function copyAs(x: Tensor, strides: readonly number[], dtype: DType): Tensor {
  const out = emptyStrided(x.shape, strides, dtype);
  native.copy(out._id, x._id);
  return out;
}

/** A dense copy of `x` that lies like it, outside every scope. */
export function ownCopy(x: Tensor, dtype: DType): Tensor {
  const out = emptyLikeLayout(x, dtype).keep();
  native.copy(out._id, x._id);
  return out;
}

/**
 * `old` with the dtype and memory order of `param`, or a new one filled with `first`. Belongs to the optimizer, not to a
 * scope.
 */
export function alignedBuffer(op: string, name: string, param: Tensor, old: Tensor | null, first = 0): Tensor {
  const strides = stridesLike(param, param.shape);
  if (!old) {
    const fresh = emptyStrided(param.shape, strides, param.dtype).keep();
    native.fill(fresh._id, first);
    return fresh;
  }
  old._handle(op);
  if (!sameShape(old.shape, param.shape)) {
    throw new ShapeError(
      op,
      `${name} has shape ${shapeText(old.shape)}, its parameter ${shapeText(param.shape)}`,
      old.shape,
      param.shape,
    );
  }
  if (old.dtype === param.dtype && liesLike(old, strides)) return old;
  const moved = copyAs(old, strides, param.dtype).keep();
  old.dispose();
  return moved;
}

function checkGrad(op: string, param: Tensor, grad: Tensor): void {
  grad._handle(op);
  if (!sameShape(grad.shape, param.shape)) {
    throw new ShapeError(
      op,
      `a gradient has shape ${shapeText(grad.shape)}, its parameter ${shapeText(param.shape)}`,
      grad.shape,
      param.shape,
    );
  }
  if (grad.dtype !== param.dtype) {
    throw new DTypeError(op, `a gradient is ${grad.dtype}, its parameter ${param.dtype}`, grad.dtype, param.dtype);
  }
}

/** The native formulas with their scalars: names and orders of native/kernels/cpu/optim.h. */
const FORMULAS = {
  sgd: ['lr', 'momentum', 'dampening', 'weightDecay', 'nesterov', 'maximize', 'first'],
  adam: ['lr', 'beta1', 'beta2', 'eps', 'weightDecay', 'stepSize', 'correction2Sqrt', 'decoupled', 'maximize'],
  adagrad: ['lr', 'eps', 'weightDecay', 'maximize'],
  adadelta: ['lr', 'rho', 'eps', 'weightDecay', 'maximize'],
  rmsprop: ['lr', 'alpha', 'eps', 'weightDecay', 'momentum', 'maximize'],
  adamax: ['stepSize', 'beta1', 'beta2', 'eps', 'weightDecay', 'maximize'],
  nadam: [
    'beta1',
    'beta2',
    'eps',
    'weightDecay',
    'shrink',
    'gradStep',
    'averageStep',
    'correction2',
    'decoupled',
    'maximize',
  ],
  radam: ['beta1', 'beta2', 'eps', 'weightDecay', 'shrink', 'stepSize', 'adaptive', 'decoupled', 'maximize'],
  rprop: ['etaMinus', 'etaPlus', 'smallest', 'largest', 'maximize'],
  asgd: ['eta', 'lambd', 'mu', 'weightDecay', 'maximize'],
  lion: ['lr', 'beta1', 'beta2', 'weightDecay', 'maximize'],
  lerp: ['weight'],
  lookahead: ['alpha'],
  decayedStep: ['shrink', 'stepSize'],
  lazyAdam: ['stepSize', 'beta1', 'beta2', 'eps', 'maximize'],
  lamb: ['lr', 'beta1', 'beta2', 'eps', 'weightDecay', 'correction1', 'correction2', 'maximize'],
  adafactorVectors: ['weight', 'floor', 'shrink', 'rate', 'least', 'clip', 'leastMean', 'maximize'],
  adafactor: ['weight', 'floor', 'shrink', 'rate', 'least', 'clip', 'leastMean', 'maximize'],
} as const;

/** A formula that one native pass computes. */
export type Formula = keyof typeof FORMULAS;

/** What a {@link Formula} takes besides tensors. */
export type Scalars<F extends Formula> = Readonly<Record<(typeof FORMULAS)[F][number], number | boolean>>;

const NAMES = Object.keys(FORMULAS) as Formula[];

/** One native step over parameters and gradients that lie alike in dense memory. */
export class FlatStep {
  readonly #params: number[] = [];
  readonly #grads: number[] = [];
  readonly #owners: Tensor[] = [];
  readonly #temporary: Tensor[] = [];
  readonly #writeBack: [to: Tensor, from: Tensor][] = [];
  readonly #rows: boolean;

  /** `rows`: the formula works on rows along the first axis, which have to lie one after the other. */
  constructor(rows = false) {
    this.#rows = rows;
  }

  /** Adds a parameter and what it moves by: its gradient unless another tensor is given, nothing when that is null. */
  add(op: string, param: Tensor, grad: Tensor | null = param._grad): void {
    param._handle(op);
    const strides = this.#rows ? contiguousStrides(param.shape) : stridesLike(param, param.shape);
    this.#params.push(this.#dense(param, strides, true));
    if (grad) {
      checkGrad(op, param, grad);
      this.#grads.push(this.#dense(grad, strides, false));
    }
    this.#owners.push(param);
  }

  /** The handle of `x`, or of a copy that lies as `strides` say in a dtype that steps are computed in. */
  #dense(x: Tensor, strides: readonly number[], written: boolean): number {
    if (liesLike(x, strides) && !isNarrow(x.dtype)) return x._id;
    const copy = copyAs(x, strides, computeDType(x.dtype));
    this.#temporary.push(copy);
    if (written) this.#writeBack.push([x, copy]);
    return copy._id;
  }

  /** Runs a formula; `states` are up to three lists that lie like the parameters, null where it goes without. */
  run<F extends Formula>(formula: F, states: readonly (readonly Tensor[] | null)[], scalars: Scalars<F>): void {
    const values: Readonly<Record<string, number | boolean>> = scalars;
    const handles = (list: readonly Tensor[] | null | undefined): number[] =>
      (list ?? []).map((x) => this.#dense(x, this.#rows ? contiguousStrides(x.shape) : x.strides, true));
    native.optimStep(
      NAMES.indexOf(formula),
      this.#params,
      this.#grads,
      handles(states[0]),
      handles(states[1]),
      handles(states[2]),
      FORMULAS[formula].map((name) => Number(values[name])),
    );
    this.#finish();
  }

  #finish(): void {
    for (const [to, from] of this.#writeBack) native.copy(to._id, from._id);
    for (const tensor of this.#temporary) tensor.dispose();
    for (const param of this.#owners) param._bump();
  }
}
