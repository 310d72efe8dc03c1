import { avgPool2d, maxPool2d } from '../ops/pool.js';
import type { Tensor } from '../tensor/tensor.js';
import { pair, type Size2 } from './conv.js';
import { Module } from './module.js';

const sameOrTuple = (value: Size2): string => (typeof value === 'number' ? String(value) : `(${value.join(', ')})`);

/** Options of {@link MaxPool2d}. */
export interface MaxPool2dOptions {
  /** Default: the kernel size. */
  stride?: Size2;
  /** Default 0; at most half the kernel. */
  padding?: Size2;
  /** Default 1. */
  dilation?: Size2;
  /** Count a last window that hangs over the edge. Default false. */
  ceilMode?: boolean;
}

/** Largest value of each window. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxPool2d.html */
export class MaxPool2d extends Module {
  constructor(
    readonly kernelSize: Size2,
    readonly options: MaxPool2dOptions = {},
  ) {
    super();
    pair('MaxPool2d', 'kernelSize', kernelSize);
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const { stride = this.kernelSize, padding = 0, dilation = 1, ceilMode = false } = this.options;
    return (
      `kernel_size=${sameOrTuple(this.kernelSize)}, stride=${sameOrTuple(stride)}, padding=${sameOrTuple(padding)}, ` +
      `dilation=${sameOrTuple(dilation)}, ceil_mode=${ceilMode ? 'True' : 'False'}`
    );
  }
}

/** Options of {@link AvgPool2d}. */
export interface AvgPool2dOptions {
  /** Default: the kernel size. */
  stride?: Size2;
  /** Default 0. */
  padding?: Size2;
  ceilMode?: boolean;
  /** Whether padding zeros count in the mean. Default true. */
  countIncludePad?: boolean;
  /** Divide by this instead of the size of the window. */
  divisorOverride?: number;
}

/** Mean of each window. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AvgPool2d.html */
export class AvgPool2d extends Module {
  constructor(
    readonly kernelSize: Size2,
    readonly options: AvgPool2dOptions = {},
  ) {
    super();
    pair('AvgPool2d', 'kernelSize', kernelSize);
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    const { stride = this.kernelSize, padding = 0 } = this.options;
    return `kernel_size=${sameOrTuple(this.kernelSize)}, stride=${sameOrTuple(stride)}, padding=${sameOrTuple(padding)}`;
  }
}
