// The native steps walk parameters, gradients and states as flat memory: here they are made to lie alike.
import { DTypeError, ShapeError, shapeText } from '../../errors.js';
import { native } from '../../native.js';
import { emptyLikeLayout, stridesLike } from '../../tensor/create.js';
import { computeDType, type DType, isNarrow } from '../../tensor/dtype.js';
import { sameShape } from '../../tensor/layout.js';
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

/** `old` with the dtype and memory order of `param`, or zeros. Belongs to the optimizer, not to a scope. */
export function alignedBuffer(op: string, name: string, param: Tensor, old: Tensor | null): Tensor {
  const strides = stridesLike(param, param.shape);
  if (!old) {
    const zero = emptyStrided(param.shape, strides, param.dtype).keep();
    native.fill(zero._id, 0);
    return zero;
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

/** Hyperparameters of {@link FlatStep.adam}. */
export interface AdamStep {
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  readonly decoupledWeightDecay: boolean;
  readonly maximize: boolean;
}

/** Hyperparameters of {@link FlatStep.sgd}. */
export interface SgdStep {
  readonly lr: number;
  readonly momentum: number;
  readonly dampening: number;
  readonly weightDecay: number;
  readonly nesterov: boolean;
  readonly maximize: boolean;
}

/** One native step over parameters and gradients that lie alike in dense memory. */
export class FlatStep {
  readonly #params: number[] = [];
  readonly #grads: number[] = [];
  readonly #owners: Tensor[] = [];
  readonly #temporary: Tensor[] = [];
  readonly #writeBack: [to: Tensor, from: Tensor][] = [];

  /** Adds a parameter that has a gradient. */
  add(op: string, param: Tensor): void {
    const grad = param._grad as Tensor;
    param._handle(op);
    checkGrad(op, param, grad);
    const strides = stridesLike(param, param.shape);
    this.#params.push(this.#dense(param, strides, true));
    this.#grads.push(this.#dense(grad, strides, false));
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

  /** The handles of a state that lies like its parameters. */
  #states(tensors: readonly Tensor[]): number[] {
    return tensors.map((x) => this.#dense(x, x.strides, true));
  }

  /** Adam's formula; `largest` is empty without amsgrad. */
  adam(
    averages: readonly Tensor[],
    squares: readonly Tensor[],
    largest: readonly Tensor[],
    step: number,
    h: AdamStep,
  ): void {
    const [beta1, beta2] = h.betas;
    native.adamStep(
      this.#params,
      this.#grads,
      this.#states(averages),
      this.#states(squares),
      this.#states(largest),
      h.lr,
      beta1,
      beta2,
      h.eps,
      h.weightDecay,
      step,
      h.decoupledWeightDecay,
      h.maximize,
    );
    this.#finish();
  }

  /** The formula of SGD; `buffers` is empty without momentum, `firstStep` fills them. */
  sgd(buffers: readonly Tensor[], firstStep: boolean, h: SgdStep): void {
    native.sgdStep(
      this.#params,
      this.#grads,
      this.#states(buffers),
      h.lr,
      h.momentum,
      h.dampening,
      h.weightDecay,
      h.nesterov,
      h.maximize,
      firstStep,
    );
    this.#finish();
  }

  #finish(): void {
    for (const [to, from] of this.#writeBack) native.copy(to._id, from._id);
    for (const tensor of this.#temporary) tensor.dispose();
    for (const param of this.#owners) param._bump();
  }
}
