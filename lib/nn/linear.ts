import { ArgumentError } from '../errors.js';
import { linear, linearRelu } from '../ops/linear.js';
import { flatten } from '../ops/view.js';
import type { DType } from '../tensor/dtype.js';
import { emptyContiguous, type Tensor } from '../tensor/tensor.js';
import { resetLinear } from './init.js';
import { Module } from './module.js';
import { Parameter } from './parameter.js';

/** Throws unless `value` is an integer >= `least`. @internal */
export function checkSize(op: string, name: string, value: unknown, least = 1): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least) {
    throw new ArgumentError(op, `${name} must be an integer >= ${least}, got ${String(value)}`, value);
  }
  return value;
}

/** Options of {@link Linear}. */
export interface LinearOptions {
  /** Default true. */
  bias?: boolean;
  /** Default float32. */
  dtype?: DType;
}

/**
 * y = x Wᵀ + b. Input `[*, inFeatures]`, output `[*, outFeatures]`; weight `[outFeatures, inFeatures]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Linear.html
 */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: LinearOptions = {},
  ) {
    super();
    checkSize('Linear', 'inFeatures', inFeatures);
    checkSize('Linear', 'outFeatures', outFeatures);
    const dtype = options.dtype ?? 'float32';
    this.weight = new Parameter(emptyContiguous([outFeatures, inFeatures], dtype));
    this.bias = options.bias === false ? null : new Parameter(emptyContiguous([outFeatures], dtype));
    this.resetParameters();
  }

  resetParameters(): void {
    resetLinear(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }

  /** @internal The ReLU behind it in the same kernel, with the same bits. */
  _forwardRelu(x: Tensor): Tensor {
    return linearRelu(x, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${this.bias ? 'True' : 'False'}`;
  }
}

/** Joins the axes from `startDim` (default 1) to `endDim` (default -1). */
export class Flatten extends Module {
  constructor(
    readonly startDim = 1,
    readonly endDim = -1,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return flatten(x, this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/** Returns its input. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}
