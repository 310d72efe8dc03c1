// Modules of fractional max pooling and of max unpooling.

import { ArgumentError } from '../errors.js';
import type { MaxPooled } from '../ops/layers/pool-max.js';
import {
  type FractionalMaxPool2dOptions,
  type FractionalMaxPool3dOptions,
  type FractionalMaxPoolOptions,
  fractionalMaxPool2d,
  fractionalMaxPool3d,
  type MaxUnpoolOptions,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
  ratios,
} from '../ops/layers/pool-unpool.js';
import { type Size1, type Size2, type Size3, sizes } from '../ops/layers/sizes.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { tuple } from './repr.js';

abstract class FractionalMaxPool<S, I extends boolean> extends Module<[Tensor], MaxPooled<I>> {
  readonly outputSize: S | null;
  readonly outputRatio: S | null;
  readonly returnIndices: I;
  declare _randomSamples: Tensor | null;

  constructor(
    axes: number,
    readonly kernelSize: S,
    options: FractionalMaxPoolOptions<S, I>,
  ) {
    super();
    const op = new.target.name;
    checkOptions(op, options);
    const { outputSize = null, outputRatio = null, _randomSamples = null } = options;
    sizes(op, 'kernelSize', kernelSize, axes, 1);
    if ((outputSize === null) === (outputRatio === null)) {
      throw new ArgumentError(op, 'one of outputSize and outputRatio is needed', outputSize);
    }
    if (outputSize !== null) sizes(op, 'outputSize', outputSize, axes, 1);
    if (outputRatio !== null) ratios(op, outputRatio, axes);
    this.outputSize = outputSize;
    this.outputRatio = outputRatio;
    this.returnIndices = options.returnIndices ?? (false as I);
    this.registerBuffer('_randomSamples', _randomSamples);
  }
}

/**
 * Largest value of each window of `[N, C, H, W]` or `[C, H, W]`, windows starting at random; one of `outputSize` and
 * `outputRatio` is needed. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.FractionalMaxPool2d.html
 */
export class FractionalMaxPool2d<I extends boolean = false> extends FractionalMaxPool<Size2, I> {
  constructor(kernelSize: Size2, options: FractionalMaxPool2dOptions<I>) {
    super(2, kernelSize, options);
  }

  forward(x: Tensor): MaxPooled<I> {
    return fractionalMaxPool2d(x, this.kernelSize, this);
  }
}

/**
 * Largest value of each window of `[N, C, D, H, W]` or `[C, D, H, W]`, windows starting at random; one of `outputSize` and
 * `outputRatio` is needed. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.FractionalMaxPool3d.html
 */
export class FractionalMaxPool3d<I extends boolean = false> extends FractionalMaxPool<Size3, I> {
  constructor(kernelSize: Size3, options: FractionalMaxPool3dOptions<I>) {
    super(3, kernelSize, options);
  }

  forward(x: Tensor): MaxPooled<I> {
    return fractionalMaxPool3d(x, this.kernelSize, this);
  }
}

/** Options of the unpooling modules. */
export type MaxUnpoolModuleOptions<S> = Omit<MaxUnpoolOptions<S>, 'outputSize'>;

type UnpoolInputs = [x: Tensor, indices: Tensor, outputSize?: readonly number[]];

abstract class MaxUnpool<S, T extends readonly number[]> extends Module<UnpoolInputs> {
  readonly kernelSize: T;
  readonly stride: T;
  readonly padding: T;

  constructor(axes: number, kernelSize: S, options: MaxUnpoolModuleOptions<S>) {
    super();
    const op = new.target.name;
    checkOptions(op, options);
    const all = (name: string, value: unknown, least: number) =>
      sizes(op, name, value, axes, least) as readonly number[];
    this.kernelSize = all('kernelSize', kernelSize, 1) as T;
    this.stride = all('stride', options.stride ?? kernelSize, 1) as T;
    this.padding = all('padding', options.padding ?? 0, 0) as T;
  }

  override extraRepr(): string {
    return `kernel_size=${tuple(this.kernelSize)}, stride=${tuple(this.stride)}, padding=${tuple(this.padding)}`;
  }
}

/**
 * The reverse of `MaxPool1d` with `returnIndices`: `forward(input, indices, outputSize)`, `[N, C, L]` or `[C, L]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxUnpool1d.html
 */
export class MaxUnpool1d extends MaxUnpool<Size1, readonly [number]> {
  constructor(kernelSize: Size1, options: MaxUnpoolModuleOptions<Size1> = {}) {
    super(1, kernelSize, options);
  }

  forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return maxUnpool1d(x, indices, this.kernelSize, { stride: this.stride, padding: this.padding, outputSize });
  }
}

/**
 * The reverse of `MaxPool2d` with `returnIndices`: `forward(input, indices, outputSize)`, `[N, C, H, W]` or `[C, H, W]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxUnpool2d.html
 */
export class MaxUnpool2d extends MaxUnpool<Size2, readonly [number, number]> {
  constructor(kernelSize: Size2, options: MaxUnpoolModuleOptions<Size2> = {}) {
    super(2, kernelSize, options);
  }

  forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return maxUnpool2d(x, indices, this.kernelSize, { stride: this.stride, padding: this.padding, outputSize });
  }
}

/**
 * The reverse of `MaxPool3d` with `returnIndices`: `forward(input, indices, outputSize)`, `[N, C, D, H, W]` or
 * `[C, D, H, W]`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxUnpool3d.html
 */
export class MaxUnpool3d extends MaxUnpool<Size3, readonly [number, number, number]> {
  constructor(kernelSize: Size3, options: MaxUnpoolModuleOptions<Size3> = {}) {
    super(3, kernelSize, options);
  }

  forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return maxUnpool3d(x, indices, this.kernelSize, { stride: this.stride, padding: this.padding, outputSize });
  }
}
