import {
  type AvgPool2dOptions,
  avgPool2d,
  maxPool2d,
  type MaxPool2dOptions as PoolOptions,
} from '../ops/layers/pool.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { pair, type Size2 } from './conv.js';
import { Module } from './module.js';
import { boolText, sizeText } from './repr.js';

export type { AvgPool2dOptions };

/** Options of {@link MaxPool2d}. Indices come from `F.maxPool2d`. */
export type MaxPool2dOptions = Omit<PoolOptions, 'returnIndices'>;

/**
 * Largest value of each window. Input `[N, C, H, W]` or `[C, H, W]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxPool2d.html
 */
export class MaxPool2d extends Module {
  constructor(
    readonly kernelSize: Size2,
    readonly options: MaxPool2dOptions = {},
  ) {
    super();
    checkPool('MaxPool2d', kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const { stride = this.kernelSize, padding = 0, dilation = 1, ceilMode = false } = this.options;
    return (
      `kernel_size=${sizeText(this.kernelSize)}, stride=${sizeText(stride)}, padding=${sizeText(padding)}, ` +
      `dilation=${sizeText(dilation)}, ceil_mode=${boolText(ceilMode)}`
    );
  }
}

/**
 * Mean of each window. Input `[N, C, H, W]` or `[C, H, W]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AvgPool2d.html
 */
export class AvgPool2d extends Module {
  constructor(
    readonly kernelSize: Size2,
    readonly options: AvgPool2dOptions = {},
  ) {
    super();
    checkPool('AvgPool2d', kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const { stride = this.kernelSize, padding = 0 } = this.options;
    return `kernel_size=${sizeText(this.kernelSize)}, stride=${sizeText(stride)}, padding=${sizeText(padding)}`;
  }
}

function checkPool(op: string, kernelSize: Size2, options: AvgPool2dOptions & MaxPool2dOptions): void {
  checkOptions(op, options);
  pair(op, 'kernelSize', kernelSize);
  pair(op, 'stride', options.stride ?? kernelSize);
  pair(op, 'padding', options.padding ?? 0, 0);
  pair(op, 'dilation', options.dilation ?? 1);
}
