// The blocks of which torchvision's models are made.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { ReLU, Sigmoid } from '../../nn/activation.js';
import { Sequential } from '../../nn/container.js';
import { Conv2d, Conv3d } from '../../nn/conv.js';
import { Dropout } from '../../nn/dropout.js';
import { forgets, forgetsOutside } from '../../nn/forgetful.js';
import { convActivation } from '../../nn/fusion.js';
import { checkSize, Linear } from '../../nn/linear.js';
import { Module } from '../../nn/module.js';
import { BatchNorm2d, BatchNorm3d, checkNumber } from '../../nn/norm.js';
import { AdaptiveAvgPool2d } from '../../nn/pool.js';
import { floatText } from '../../nn/repr.js';
import { type Size2, type Size3, sizes } from '../../ops/layers/sizes.js';
import { add, mul } from '../../ops/pointwise/arithmetic.js';
import { rsqrt } from '../../ops/pointwise/unary.js';
import { permute, reshape } from '../../ops/shape/view.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { ones, zeros } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';

/** Makes the normalization of so many channels: `(channels) => new nn.GroupNorm(8, channels)`. */
export type NormLayer = (channels: number) => Module;

/** Makes an activation: `(options) => new nn.SiLU(options)`. */
export type ActivationLayer = (options: { inplace?: boolean }) => Module;

/** Options of {@link Conv2dNormActivation} and {@link Conv3dNormActivation}. */
export interface ConvNormActivationOptions<Size> {
  /** Default 3. */
  kernelSize?: Size;
  /** Default 1. */
  stride?: Size;
  /** Default: `(kernelSize - 1) / 2 * dilation`, rounded down first. */
  padding?: Size | 'same' | 'valid';
  /** Default 1. */
  groups?: number;
  /** Default: batch normalization; null leaves it out. */
  normLayer?: NormLayer | null;
  /** Default: ReLU; null leaves it out. */
  activationLayer?: ActivationLayer | null;
  /** Default 1. */
  dilation?: Size;
  /** What the activation is told; null tells it nothing. Default true. */
  inplace?: boolean | null;
  /** Whether the convolution has a bias. Default: where nothing normalizes behind it. */
  bias?: boolean;
}

const optionsOf = (inplace: boolean | null | undefined, fallback: boolean | null): { inplace?: boolean } => {
  const given = inplace === undefined ? fallback : inplace;
  return given === null ? {} : { inplace: given };
};

function layersOf<Size>(
  op: string,
  axes: number,
  makeConv: (kernelSize: Size, options: { padding: Size | 'same' | 'valid'; bias: boolean }) => Module,
  norm: Module | null,
  options: ConvNormActivationOptions<Size>,
): Module[] {
  const kernel = sizes(op, 'kernelSize', options.kernelSize ?? 3, axes, 1);
  const dilation = sizes(op, 'dilation', options.dilation ?? 1, axes, 1);
  const same = kernel.map((size, i) => Math.floor((size - 1) / 2) * dilation[i]) as Size;
  const conv = makeConv(kernel as Size, { padding: options.padding ?? same, bias: options.bias ?? norm === null });
  const { activationLayer = (inplace) => new ReLU(inplace) } = options;
  const activation = activationLayer === null ? [] : [activationLayer(optionsOf(options.inplace, true))];
  return [conv, ...(norm === null ? [] : [norm]), ...activation];
}

/**
 * Convolution, normalization, activation. Input `[N, inChannels, H, W]`, output `[N, outChannels, H', W']`.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.ops.Conv2dNormActivation.html
 */
export class Conv2dNormActivation extends Sequential {
  constructor(
    inChannels: number,
    readonly outChannels: number,
    options: ConvNormActivationOptions<Size2> = {},
  ) {
    const op = 'Conv2dNormActivation';
    checkOptions(op, options);
    const { stride, groups, dilation, normLayer = (channels) => new BatchNorm2d(channels) } = options;
    const make = (kernelSize: Size2, given: { padding: Size2 | 'same' | 'valid'; bias: boolean }) =>
      new Conv2d(inChannels, outChannels, kernelSize, { stride, groups, dilation, ...given });
    super(...layersOf(op, 2, make, normLayer === null ? null : normLayer(outChannels), options));
  }
}

/**
 * {@link Conv2dNormActivation} for `[N, inChannels, D, H, W]`.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.ops.Conv3dNormActivation.html
 */
export class Conv3dNormActivation extends Sequential {
  constructor(
    inChannels: number,
    readonly outChannels: number,
    options: ConvNormActivationOptions<Size3> = {},
  ) {
    const op = 'Conv3dNormActivation';
    checkOptions(op, options);
    const { stride, groups, dilation, normLayer = (channels) => new BatchNorm3d(channels) } = options;
    const make = (kernelSize: Size3, given: { padding: Size3 | 'same' | 'valid'; bias: boolean }) =>
      new Conv3d(inChannels, outChannels, kernelSize, { stride, groups, dilation, ...given });
    super(...layersOf(op, 3, make, normLayer === null ? null : normLayer(outChannels), options));
  }
}

/** Options of {@link SqueezeExcitation}. */
export interface SqueezeExcitationOptions {
  /** Between the two layers. Default ReLU. */
  activation?: () => Module;
  /** Of the weights of the channels. Default Sigmoid. */
  scaleActivation?: () => Module;
}

/**
 * Squeeze and excitation: each channel of `[N, inputChannels, H, W]` is multiplied by a weight that two layers compute from
 * the means of all channels.
 * Source: Hu et al., Squeeze-and-Excitation Networks, 2018;
 * https://docs.pytorch.org/vision/stable/generated/torchvision.ops.SqueezeExcitation.html
 */
export class SqueezeExcitation extends Module {
  readonly avgpool: AdaptiveAvgPool2d;
  readonly fc1: Conv2d;
  readonly fc2: Conv2d;
  readonly activation: Module;
  readonly scaleActivation: Module;

  constructor(inputChannels: number, squeezeChannels: number, options: SqueezeExcitationOptions = {}) {
    super();
    checkOptions('SqueezeExcitation', options);
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.fc1 = new Conv2d(inputChannels, squeezeChannels, 1);
    this.fc2 = new Conv2d(squeezeChannels, inputChannels, 1);
    this.activation = options.activation?.() ?? new ReLU();
    this.scaleActivation = options.scaleActivation?.() ?? new Sigmoid();
  }

  forward(x: Tensor): Tensor {
    const squeezed = convActivation(this.fc1, this.activation, this.avgpool.forward(x));
    return mul(x, convActivation(this.fc2, this.scaleActivation, squeezed));
  }
}

/** Options of {@link MLP}. */
export interface MLPOptions {
  /** Behind each hidden layer. Default: none. */
  normLayer?: NormLayer | null;
  /** Default: ReLU. */
  activationLayer?: ActivationLayer;
  /** What activation and dropout are told. Default: nothing. */
  inplace?: boolean | null;
  /** Default true. */
  bias?: boolean;
  /** Behind every layer, the last one too. Default 0. */
  dropout?: number;
}

/**
 * A multi-layer perceptron: linear layer, normalization, activation, dropout for each hidden size, then linear layer and
 * dropout. Input `[..., inChannels]`, output `[..., last of hiddenChannels]`.
 * @throws ArgumentError unless there is at least one size.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.ops.MLP.html
 */
export class MLP extends Sequential {
  constructor(inChannels: number, hiddenChannels: readonly number[], options: MLPOptions = {}) {
    checkOptions('MLP', options);
    if (!Array.isArray(hiddenChannels) || hiddenChannels.length === 0) {
      const text = `hiddenChannels must be an array of sizes, got ${valueText(hiddenChannels)}`;
      throw new ArgumentError('MLP', text, hiddenChannels);
    }
    const { normLayer, activationLayer = (inplace) => new ReLU(inplace), bias, dropout = 0 } = options;
    const settings = optionsOf(options.inplace, null);
    const inputs = [inChannels, ...hiddenChannels];
    const last = hiddenChannels.length - 1;
    const layers = hiddenChannels.flatMap((size, i) => [
      new Linear(inputs[i], size, { bias }),
      ...(i < last && normLayer ? [normLayer(size)] : []),
      ...(i < last ? [activationLayer(settings)] : []),
      new Dropout(dropout, settings),
    ]);
    super(...layers);
  }
}

/** `x.permute(dims)` as a module. Source: https://docs.pytorch.org/vision/stable/generated/torchvision.ops.Permute.html */
export class Permute extends Module {
  constructor(readonly dims: readonly number[]) {
    super();
    if (Array.isArray(dims) && dims.every((dim) => Number.isInteger(dim))) return;
    throw new ArgumentError('Permute', `dims must be an array of axes, got ${valueText(dims)}`, dims);
  }

  forward(x: Tensor): Tensor {
    return permute(x, this.dims);
  }
}

/** Options of {@link FrozenBatchNorm2d}. */
export interface FrozenBatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
}

/**
 * Batch normalization of `[N, C, H, W]` whose statistics, scale and shift are fixed: buffers, not parameters. The counter
 * of batches in the state dict of a `BatchNorm2d` is left out when it is loaded.
 * Source: https://docs.pytorch.org/vision/stable/generated/torchvision.ops.FrozenBatchNorm2d.html
 */
export class FrozenBatchNorm2d extends Module {
  declare weight: Tensor;
  declare bias: Tensor;
  declare runningMean: Tensor;
  declare runningVar: Tensor;
  readonly eps: number;

  constructor(
    readonly numFeatures: number,
    options: FrozenBatchNormOptions = {},
  ) {
    super();
    const op = 'FrozenBatchNorm2d';
    checkSize(op, 'numFeatures', numFeatures);
    checkOptions(op, options);
    this.eps = checkNumber(op, 'eps', options.eps ?? 1e-5);
    this.registerBuffer('weight', ones([numFeatures]));
    this.registerBuffer('bias', zeros([numFeatures]));
    this.registerBuffer('runningMean', zeros([numFeatures]));
    this.registerBuffer('runningVar', ones([numFeatures]));
    this.registerLoadStateDictPreHook((_module, state, prefix) => {
      delete state[`${prefix}num_batches_tracked`];
    });
  }

  forward(x: Tensor): Tensor {
    checkTensor('FrozenBatchNorm2d', x);
    if (x.ndim !== 4 || x.shape[1] !== this.numFeatures) {
      const text = `input [N, ${this.numFeatures}, H, W] is needed, got ${shapeText(x.shape)}`;
      throw new ShapeError('FrozenBatchNorm2d', text, x.shape);
    }
    const scale = mul(this.weight, rsqrt(add(this.runningVar, this.eps)));
    const shift = this.bias.sub(mul(this.runningMean, scale));
    const perChannel = (values: Tensor): Tensor => reshape(values, [1, -1, 1, 1]);
    return add(mul(x, perChannel(scale)), perChannel(shift));
  }

  /** PyTorch's text, too, has no name before the number of channels. */
  override extraRepr(): string {
    return `${this.numFeatures}, eps=${floatText(this.eps)}`;
  }
}

forgets(Permute);
forgetsOutside(SqueezeExcitation);
