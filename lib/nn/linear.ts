import { ArgumentError, DTypeError, valueText } from '../errors.js';
import { bilinear } from '../ops/layers/bilinear.js';
import { linear, linearRelu } from '../ops/layers/linear.js';
import { unflatten } from '../ops/shape/axes.js';
import { flatten } from '../ops/shape/view.js';
import { checkOptions } from '../tensor/check.js';
import { getDefaultDType } from '../tensor/create.js';
import { checkDType, type DType, isFloating } from '../tensor/dtype.js';
import { emptyContiguous, type Tensor } from '../tensor/tensor.js';
import { resetLinear, uniform_ } from './init.js';
import { Module } from './module.js';
import { type Parameter, parameterOf } from './parameter.js';
import { boolText, tuple } from './repr.js';

/** Throws unless `value` is an integer >= `least`. @internal */
export function checkSize(op: string, name: string, value: unknown, least = 1): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least) {
    throw new ArgumentError(op, `${name} must be an integer >= ${least}, got ${valueText(value)}`, value);
  }
  return value;
}

/** Throws unless `dtype` is one that parameters can have. @internal */
export function checkFloatDType(op: string, dtype: unknown): DType {
  const checked = checkDType(op, dtype as DType);
  if (!isFloating(checked)) throw new DTypeError(op, `parameters are float32 or float64, got ${checked}`, checked);
  return checked;
}

/** Options of {@link Linear}. */
export interface LinearOptions {
  /** Default true. */
  bias?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
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
    checkSize('Linear', 'inFeatures', inFeatures, 0);
    checkSize('Linear', 'outFeatures', outFeatures, 0);
    checkOptions('Linear', options);
    const dtype = checkFloatDType('Linear', options.dtype ?? getDefaultDType());
    this.weight = parameterOf(emptyContiguous([outFeatures, inFeatures], dtype));
    this.bias = options.bias === false ? null : parameterOf(emptyContiguous([outFeatures], dtype));
    this.resetParameters();
  }

  /** Draws every parameter from U(−1/√inFeatures, 1/√inFeatures). */
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
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${boolText(this.bias !== null)}`;
  }
}

/**
 * y = x1ᵀ W x2 + b for every output: inputs `[*, in1Features]` and `[*, in2Features]`, output `[*, outFeatures]`; weight
 * `[outFeatures, in1Features, in2Features]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Bilinear.html
 */
export class Bilinear extends Module<[x1: Tensor, x2: Tensor]> {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    readonly in1Features: number,
    readonly in2Features: number,
    readonly outFeatures: number,
    options: LinearOptions = {},
  ) {
    super();
    checkSize('Bilinear', 'in1Features', in1Features);
    checkSize('Bilinear', 'in2Features', in2Features);
    checkSize('Bilinear', 'outFeatures', outFeatures);
    checkOptions('Bilinear', options);
    const dtype = checkFloatDType('Bilinear', options.dtype ?? getDefaultDType());
    this.weight = parameterOf(emptyContiguous([outFeatures, in1Features, in2Features], dtype));
    this.bias = options.bias === false ? null : parameterOf(emptyContiguous([outFeatures], dtype));
    this.resetParameters();
  }

  /** Draws every parameter from U(−1/√in1Features, 1/√in1Features). */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features);
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return bilinear(x1, x2, this.weight, this.bias);
  }

  override extraRepr(): string {
    const bias = boolText(this.bias !== null);
    return `in1_features=${this.in1Features}, in2_features=${this.in2Features}, out_features=${this.outFeatures}, bias=${bias}`;
  }
}

/**
 * Joins the axes from `startDim` (default 1) to `endDim` (default -1): `[N, C, H, W]` becomes `[N, C·H·W]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Flatten.html
 */
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

/**
 * Splits the axis `dim` into axes of these sizes, of which one may be -1: `new Unflatten(1, [2, 3])` makes `[N, 2, 3]` of `[N, 6]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Unflatten.html
 */
export class Unflatten extends Module {
  readonly unflattenedSize: readonly number[];

  constructor(
    readonly dim: number,
    unflattenedSize: readonly number[],
  ) {
    super();
    if (typeof dim !== 'number' || !Number.isInteger(dim)) {
      throw new ArgumentError('Unflatten', `dim must be an integer, got ${valueText(dim)}`, dim);
    }
    if (!Array.isArray(unflattenedSize)) {
      const text = `unflattenedSize must be an array of sizes, got ${valueText(unflattenedSize)}`;
      throw new ArgumentError('Unflatten', text, unflattenedSize);
    }
    unflattenedSize.forEach((size, i) => {
      checkSize('Unflatten', `unflattenedSize[${i}]`, size, -1);
    });
    this.unflattenedSize = [...unflattenedSize];
  }

  forward(x: Tensor): Tensor {
    return unflatten(x, this.dim, this.unflattenedSize);
  }

  override extraRepr(): string {
    return `dim=${this.dim}, unflattened_size=${tuple(this.unflattenedSize)}`;
  }
}

/**
 * Returns its input, of any shape; arguments of the constructor are ignored.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Identity.html
 */
export class Identity extends Module {
  constructor(..._ignored: readonly unknown[]) {
    super();
  }

  forward(x: Tensor): Tensor {
    return x;
  }
}
