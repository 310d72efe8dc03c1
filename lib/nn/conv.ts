import { ArgumentError, shapeText, valueText } from '../errors.js';
import { convNd, convTransposeNd } from '../ops/layers/conv.js';
import { samePadding } from '../ops/layers/conv-geometry.js';
import { convReluMaxPool } from '../ops/layers/conv-pool.js';
import type { Epilogue } from '../ops/layers/epilogue.js';
import type { MaxPoolOptions } from '../ops/layers/pool-max.js';
import { type Size1, type Size2, type Size3, sizes } from '../ops/layers/sizes.js';
import { pad } from '../ops/shape/pad.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { getDefaultDType } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import { kernelStrides } from '../tensor/layout.js';
import { emptyContiguous, emptyStrided, type Tensor } from '../tensor/tensor.js';
import { resetLinear } from './init.js';
import { checkFloatDType, checkSize } from './linear.js';
import { Module } from './module.js';
import { type Parameter, parameterOf } from './parameter.js';
import { tuple } from './repr.js';

/** How a convolution layer fills the border of its input. */
export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';
const PADDING_MODES: readonly unknown[] = ['zeros', 'reflect', 'replicate', 'circular'];

/** What the options of all convolution layers have in common. */
interface LayerOptions<Size> {
  /** Default 1. */
  stride?: Size;
  /** Default 1. */
  dilation?: Size;
  /** Default 1; divides both channel counts. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** Options of {@link Conv1d}, {@link Conv2d} and {@link Conv3d}. */
export interface ConvLayerOptions<Size> extends LayerOptions<Size> {
  /** Border around the input; `'same'`: the output has the input's size (stride 1 only), `'valid'`: none. Default 0. */
  padding?: Size | 'same' | 'valid';
  /** What stands in that border: zeros, or the input as `F.pad` repeats it. Default `'zeros'`. */
  paddingMode?: PaddingMode;
}

/** Options of {@link ConvTranspose1d}, {@link ConvTranspose2d} and {@link ConvTranspose3d}. */
export interface ConvTransposeLayerOptions<Size> extends LayerOptions<Size> {
  /** What is cut off around the output. Default 0. */
  padding?: Size;
  /** Added to the output's size behind it; smaller than stride or dilation. Default 0. */
  outputPadding?: Size;
  /** Only `'zeros'`. */
  paddingMode?: 'zeros';
}

/** Options of {@link Conv1d}. */
export type Conv1dOptions = ConvLayerOptions<Size1>;
/** Options of {@link Conv2d}. */
export type Conv2dOptions = ConvLayerOptions<Size2>;
/** Options of {@link Conv3d}. */
export type Conv3dOptions = ConvLayerOptions<Size3>;
/** Options of {@link ConvTranspose1d}. */
export type ConvTranspose1dOptions = ConvTransposeLayerOptions<Size1>;
/** Options of {@link ConvTranspose2d}. */
export type ConvTranspose2dOptions = ConvTransposeLayerOptions<Size2>;
/** Options of {@link ConvTranspose3d}. */
export type ConvTranspose3dOptions = ConvTransposeLayerOptions<Size3>;

/** Which layer it is: its class, the number of its axes, its direction. */
interface Kind {
  readonly op: string;
  readonly dims: number;
  readonly transposed: boolean;
}

type AnyOptions = Omit<ConvLayerOptions<unknown>, 'padding'> & { padding?: unknown; outputPadding?: unknown };

function checkPadding(op: string, padding: unknown, stride: readonly number[], transposed: boolean): void {
  if (typeof padding !== 'string') return;
  if (transposed || (padding !== 'same' && padding !== 'valid')) {
    const allowed = transposed ? 'sizes' : "sizes, 'same' or 'valid'";
    throw new ArgumentError(op, `padding must be ${allowed}, got ${valueText(padding)}`, padding);
  }
  if (padding === 'same' && stride.some((step) => step !== 1)) {
    throw new ArgumentError(op, `padding 'same' needs stride 1, got ${shapeText(stride)}`, stride);
  }
}

function checkPaddingMode(op: string, mode: unknown, transposed: boolean): void {
  if (!PADDING_MODES.includes(mode) || (transposed && mode !== 'zeros')) {
    const allowed = (transposed ? ['zeros'] : PADDING_MODES).map((name) => `'${String(name)}'`).join(', ');
    throw new ArgumentError(op, `paddingMode must be one of ${allowed}, got ${valueText(mode)}`, mode);
  }
}

/** What all convolution layers have in common: their sizes, their parameters and how they print. */
export abstract class ConvBase<Inputs extends readonly unknown[] = [Tensor]> extends Module<Inputs> {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | 'same' | 'valid';
  readonly dilation: readonly number[];
  readonly outputPadding: readonly number[];
  readonly groups: number;
  readonly paddingMode: PaddingMode;

  /** @internal */
  protected constructor(
    { op, dims, transposed }: Kind,
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: unknown,
    options: AnyOptions,
  ) {
    super();
    checkSize(op, 'inChannels', inChannels, 0);
    checkSize(op, 'outChannels', outChannels, 0);
    checkOptions(op, options);
    const sized = (name: string, value: unknown, least: number) => sizes(op, name, value, dims, least);
    this.kernelSize = sized('kernelSize', kernelSize, 1);
    this.stride = sized('stride', options.stride ?? 1, 1);
    const padding = options.padding ?? 0;
    checkPadding(op, padding, this.stride, transposed);
    this.padding = padding === 'same' || padding === 'valid' ? padding : sized('padding', padding, 0);
    this.dilation = sized('dilation', options.dilation ?? 1, 1);
    this.outputPadding = sized('outputPadding', options.outputPadding ?? 0, 0);
    this.groups = checkSize(op, 'groups', options.groups ?? 1);
    if (inChannels % this.groups !== 0 || outChannels % this.groups !== 0) {
      throw new ArgumentError(
        op,
        `groups ${this.groups} must divide inChannels ${inChannels} and outChannels ${outChannels}`,
        this.groups,
      );
    }
    this.paddingMode = options.paddingMode ?? 'zeros';
    checkPaddingMode(op, this.paddingMode, transposed);
    const dtype = checkFloatDType(op, options.dtype ?? getDefaultDType());
    const [first, second] = transposed ? [inChannels, outChannels] : [outChannels, inChannels];
    const shape = [first, second / this.groups, ...this.kernelSize];
    this.weight = parameterOf(emptyStrided(shape, kernelStrides(shape), dtype));
    this.bias = options.bias === false ? null : parameterOf(emptyContiguous([outChannels], dtype));
    this.resetParameters();
  }

  /** Weight and bias from U(±1/√fanIn), fanIn being the weight's second size times the kernel's: PyTorch's default. */
  resetParameters(): void {
    resetLinear(this.weight, this.bias);
  }

  override extraRepr(): string {
    const parts = [`${this.inChannels}, ${this.outChannels}, kernel_size=${listText(this.kernelSize)}`];
    parts.push(`stride=${listText(this.stride)}`);
    if (typeof this.padding === 'string') parts.push(`padding=${this.padding}`);
    else if (this.padding.some((p) => p !== 0)) parts.push(`padding=${listText(this.padding)}`);
    if (this.dilation.some((d) => d !== 1)) parts.push(`dilation=${listText(this.dilation)}`);
    if (this.outputPadding.some((p) => p !== 0)) parts.push(`output_padding=${listText(this.outputPadding)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (!this.bias) parts.push('bias=False');
    if (this.paddingMode !== 'zeros') parts.push(`padding_mode=${this.paddingMode}`);
    return parts.join(', ');
  }
}

/** Python writes a tuple of one with a comma. */
const listText = (sizes: readonly number[]): string => (sizes.length === 1 ? `(${sizes[0]},)` : tuple(sizes));

/** The layers that slide a kernel over their input. */
export abstract class ConvForward extends ConvBase {
  forward(x: Tensor): Tensor {
    return runForward(this, x);
  }

  /** @internal The ReLU behind it in the same kernel, with the same bits. */
  _forwardRelu(x: Tensor): Tensor {
    return runForward(this, x, { activation: 'relu' });
  }
}

/** @internal The layer, a ReLU and max pooling with the fields of a module as one op; null where there is none. */
export function runForwardPooled(
  layer: ConvForward,
  x: Tensor,
  pool: MaxPoolOptions<unknown> & { kernelSize: unknown },
  { weight, bias }: { weight: Tensor; bias: Tensor | null } = layer,
): Tensor | null {
  const { stride, padding, dilation, groups } = layer;
  const dims = layer.kernelSize.length;
  return convReluMaxPool(dims, x, weight, bias, { stride, padding, dilation, groups }, pool.kernelSize, pool);
}

/** The border that a layer adds itself, as `F.pad` takes it: from the last axis on. */
function bordersOf({ padding, kernelSize, dilation }: ConvForward): readonly number[] {
  if (padding === 'valid') return [];
  const { before, after } =
    padding === 'same' ? samePadding(kernelSize, dilation) : { before: padding, after: padding };
  const last = before.length - 1;
  return before.flatMap((_, i) => [before[last - i], after[last - i]]);
}

/** With `folded`, these in place of the layer's own weight and bias. @internal */
export function runForward(
  layer: ConvForward,
  x: Tensor,
  epilogue?: Epilogue,
  folded: { weight: Tensor; bias: Tensor | null } = layer,
): Tensor {
  const { weight, bias } = folded;
  const { stride, padding, dilation, groups, paddingMode } = layer;
  const dims = layer.kernelSize.length;
  if (paddingMode === 'zeros') return convNd(dims, x, weight, bias, { stride, padding, dilation, groups }, epilogue);
  const borders = bordersOf(layer);
  const padded = borders.some((size) => size !== 0) ? pad(x, borders, { mode: paddingMode }) : x;
  return convNd(dims, padded, weight, bias, { stride, dilation, groups }, epilogue);
}

/** The layers that reverse a convolution's shapes. */
export abstract class ConvTransposeBase extends ConvBase<[x: Tensor, outputSize?: readonly number[]]> {
  declare readonly padding: readonly number[];

  /**
   * @param outputSize the output's size along each axis, with or without batch and channels before it: it chooses between
   * the `stride` sizes that a convolution would bring to the input's size. Default: by `outputPadding`.
   * @throws ArgumentError where `outputSize` is not one of these.
   */
  forward(x: Tensor, outputSize?: readonly number[]): Tensor {
    const { stride, padding, dilation, groups } = this;
    const outputPadding = outputSize ? outputPaddingFor(this, x, outputSize) : this.outputPadding;
    const options = { stride, padding, outputPadding, dilation, groups };
    return convTransposeNd(this.kernelSize.length, x, this.weight, this.bias, options);
  }
}

function outputPaddingFor(layer: ConvTransposeBase, x: Tensor, outputSize: readonly number[]): number[] {
  const op = layer.constructor.name;
  const { kernelSize, stride, padding, dilation } = layer;
  const dims = kernelSize.length;
  checkTensor(op, x);
  if (!Array.isArray(outputSize) || (outputSize.length !== dims && outputSize.length !== x.ndim)) {
    throw new ArgumentError(
      op,
      `outputSize must have ${dims} or ${x.ndim} sizes, got ${valueText(outputSize)}`,
      outputSize,
    );
  }
  const wanted = outputSize.slice(-dims);
  const size = x.shape.slice(-dims);
  const least = size.map((s, i) => (s - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernelSize[i] - 1) + 1);
  const most = least.map((s, i) => s + stride[i] - 1);
  if (!wanted.every((s, i) => Number.isInteger(s) && s >= least[i] && s <= most[i])) {
    const range = `${shapeText(least)} and ${shapeText(most)}`;
    throw new ArgumentError(
      op,
      `outputSize ${shapeText(outputSize)} must lie between ${range} (input ${shapeText(x.shape)})`,
      outputSize,
    );
  }
  return wanted.map((s, i) => s - least[i]);
}

/**
 * 1-d convolution. Input `[N, inChannels, L]` or `[inChannels, L]`; weight `[outChannels, inChannels / groups, k]`.
 * Output length: ⌊(L + 2·padding − dilation·(k − 1) − 1) / stride + 1⌋.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Conv1d.html
 */
export class Conv1d extends ConvForward {
  constructor(inChannels: number, outChannels: number, kernelSize: Size1, options: Conv1dOptions = {}) {
    super({ op: 'Conv1d', dims: 1, transposed: false }, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * 2-d convolution. Input `[N, inChannels, H, W]` or `[inChannels, H, W]`; weight `[outChannels, inChannels / groups, kH, kW]`.
 * Output height: ⌊(H + 2·padding − dilation·(kH − 1) − 1) / stride + 1⌋.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Conv2d.html
 */
export class Conv2d extends ConvForward {
  constructor(inChannels: number, outChannels: number, kernelSize: Size2, options: Conv2dOptions = {}) {
    super({ op: 'Conv2d', dims: 2, transposed: false }, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * 3-d convolution. Input `[N, inChannels, D, H, W]` or `[inChannels, D, H, W]`; weight
 * `[outChannels, inChannels / groups, kD, kH, kW]`. Output depth: ⌊(D + 2·padding − dilation·(kD − 1) − 1) / stride + 1⌋.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Conv3d.html
 */
export class Conv3d extends ConvForward {
  constructor(inChannels: number, outChannels: number, kernelSize: Size3, options: Conv3dOptions = {}) {
    super({ op: 'Conv3d', dims: 3, transposed: false }, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * 1-d transposed convolution. Input `[N, inChannels, L]` or `[inChannels, L]`; weight
 * `[inChannels, outChannels / groups, k]`. Output length: (L − 1)·stride − 2·padding + dilation·(k − 1) + outputPadding + 1.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConvTranspose1d.html
 */
export class ConvTranspose1d extends ConvTransposeBase {
  constructor(inChannels: number, outChannels: number, kernelSize: Size1, options: ConvTranspose1dOptions = {}) {
    super({ op: 'ConvTranspose1d', dims: 1, transposed: true }, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * 2-d transposed convolution. Input `[N, inChannels, H, W]` or `[inChannels, H, W]`; weight
 * `[inChannels, outChannels / groups, kH, kW]`. Output height:
 * (H − 1)·stride − 2·padding + dilation·(kH − 1) + outputPadding + 1.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConvTranspose2d.html
 */
export class ConvTranspose2d extends ConvTransposeBase {
  constructor(inChannels: number, outChannels: number, kernelSize: Size2, options: ConvTranspose2dOptions = {}) {
    super({ op: 'ConvTranspose2d', dims: 2, transposed: true }, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * 3-d transposed convolution. Input `[N, inChannels, D, H, W]` or `[inChannels, D, H, W]`; weight
 * `[inChannels, outChannels / groups, kD, kH, kW]`. Output depth:
 * (D − 1)·stride − 2·padding + dilation·(kD − 1) + outputPadding + 1.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConvTranspose3d.html
 */
export class ConvTranspose3d extends ConvTransposeBase {
  constructor(inChannels: number, outChannels: number, kernelSize: Size3, options: ConvTranspose3dOptions = {}) {
    super({ op: 'ConvTranspose3d', dims: 3, transposed: true }, inChannels, outChannels, kernelSize, options);
  }
}
