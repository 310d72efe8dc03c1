import { ArgumentError, valueText } from '../errors.js';
import { conv2d, conv2dRelu } from '../ops/layers/conv.js';
import { checkOptions } from '../tensor/check.js';
import { getDefaultDType } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import { stridesInOrder } from '../tensor/layout.js';
import { emptyContiguous, emptyStrided, type Tensor } from '../tensor/tensor.js';
import { resetLinear } from './init.js';
import { checkFloatDType, checkSize } from './linear.js';
import { Module } from './module.js';
import { type Parameter, parameterOf } from './parameter.js';
import { tuple } from './repr.js';

/** One number for both axes, or `[height, width]`. */
export type Size2 = number | readonly [number, number];

/** `[height, width]` of an option. @internal */
export function pair(op: string, name: string, value: Size2, least = 1): [number, number] {
  const list = typeof value === 'number' ? [value, value] : value;
  if (!Array.isArray(list) || list.length !== 2) {
    throw new ArgumentError(op, `${name} must be a number or two numbers, got ${valueText(value)}`, value);
  }
  return [checkSize(op, name, list[0], least), checkSize(op, name, list[1], least)];
}

/** Options of {@link Conv2d}. */
export interface Conv2dOptions {
  /** Default 1. */
  stride?: Size2;
  /** Zeros around the input; default 0. */
  padding?: Size2 | 'same' | 'valid';
  /** Default 1. */
  dilation?: Size2;
  /** Default 1; divides both channel counts. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

const optionsOf = ({ stride, padding, dilation, groups }: Conv2d) => ({ stride, padding, dilation, groups });

/** Weight `[O, I, kH, kW]` whose memory runs kH, kW, I, O: what the kernels read. */
const emptyWeight = (shape: readonly number[], dtype: DType): Tensor =>
  emptyStrided(shape, stridesInOrder(shape, [2, 3, 1, 0]), dtype);

/**
 * 2-d convolution. Input `[N, inChannels, H, W]` or `[inChannels, H, W]`; weight `[outChannels, inChannels / groups, kH, kW]`.
 * Output height: ⌊(H + 2·padding − dilation·(kH − 1) − 1) / stride + 1⌋.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Conv2d.html
 */
export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly kernelSize: [number, number];
  readonly stride: [number, number];
  readonly padding: [number, number] | 'same' | 'valid';
  readonly dilation: [number, number];
  readonly groups: number;

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: Size2,
    options: Conv2dOptions = {},
  ) {
    super();
    checkSize('Conv2d', 'inChannels', inChannels);
    checkSize('Conv2d', 'outChannels', outChannels);
    checkOptions('Conv2d', options);
    this.kernelSize = pair('Conv2d', 'kernelSize', kernelSize);
    this.stride = pair('Conv2d', 'stride', options.stride ?? 1);
    const padding = options.padding ?? 0;
    if (typeof padding === 'string' && padding !== 'same' && padding !== 'valid') {
      throw new ArgumentError('Conv2d', `padding must be sizes, 'same' or 'valid', got ${valueText(padding)}`, padding);
    }
    this.padding = typeof padding === 'string' ? padding : pair('Conv2d', 'padding', padding, 0);
    this.dilation = pair('Conv2d', 'dilation', options.dilation ?? 1);
    this.groups = checkSize('Conv2d', 'groups', options.groups ?? 1);
    if (inChannels % this.groups !== 0 || outChannels % this.groups !== 0) {
      throw new ArgumentError(
        'Conv2d',
        `groups ${this.groups} must divide inChannels ${inChannels} and outChannels ${outChannels}`,
        this.groups,
      );
    }
    const dtype = checkFloatDType('Conv2d', options.dtype ?? getDefaultDType());
    this.weight = parameterOf(emptyWeight([outChannels, inChannels / this.groups, ...this.kernelSize], dtype));
    this.bias = options.bias === false ? null : parameterOf(emptyContiguous([outChannels], dtype));
    this.resetParameters();
  }

  resetParameters(): void {
    resetLinear(this.weight, this.bias);
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, optionsOf(this));
  }

  /** @internal The ReLU behind it in the same kernel, with the same bits. */
  _forwardRelu(x: Tensor): Tensor {
    return conv2dRelu(x, this.weight, this.bias, optionsOf(this));
  }

  override extraRepr(): string {
    const parts = [`${this.inChannels}, ${this.outChannels}, kernel_size=${tuple(this.kernelSize)}`];
    parts.push(`stride=${tuple(this.stride)}`);
    if (typeof this.padding === 'string') parts.push(`padding=${this.padding}`);
    else if (this.padding.some((p) => p !== 0)) parts.push(`padding=${tuple(this.padding)}`);
    if (this.dilation.some((d) => d !== 1)) parts.push(`dilation=${tuple(this.dilation)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (!this.bias) parts.push('bias=False');
    return parts.join(', ');
  }
}
