// Residual networks for large images, with their wider, grouped and plain relatives. He et al. 2015.
import { ArgumentError, valueText } from '../../errors.js';
import { Conv2d } from '../../nn/conv.js';
import { forgetsOutside } from '../../nn/forgetful.js';
import { convNorm, runInOrder } from '../../nn/fusion.js';
import { init, Linear, Module, ReLU, Sequential } from '../../nn/index.js';
import { checkSize } from '../../nn/linear.js';
import { BatchNorm2d } from '../../nn/norm.js';
import { AdaptiveAvgPool2d, MaxPool2d } from '../../nn/pool.js';
import { checkOptions } from '../../tensor/check.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { NormLayer } from '../../vision/ops/misc.js';
import { checkStages, classify, conv1x1, conv3x3, fanOut } from './blocks.js';
import { initialize } from './build.js';

/** Options of the residual networks. */
export interface ResNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Channels of the images. Default 3. */
  inChannels?: number;
  /** Start with scale 0 behind each residual branch, so that every block is the identity. Default false. */
  zeroInitResidual?: boolean;
  /** Groups of the 3×3 convolutions in bottlenecks. Default 1. */
  groups?: number;
  /** Channels of one group in the first stage. Default 64. */
  widthPerGroup?: number;
  /** For each of the last three stages: dilate instead of taking strides. Default: none. */
  replaceStrideWithDilation?: readonly [boolean, boolean, boolean];
  /** Makes the normalizations. Default: batch normalization. */
  normLayer?: NormLayer;
}

/** What a stage tells its blocks. */
export interface ResidualBlockOptions {
  /** Default 1. */
  stride?: number;
  /** Brings the input to the shape of the output. Default: the identity. */
  downsample?: Module | null;
  /** Default 1. */
  groups?: number;
  /** Default 64. */
  baseWidth?: number;
  /** Default 1. */
  dilation?: number;
  /** Default: batch normalization. */
  normLayer?: NormLayer;
}

/** A class of blocks; its output has `planes * expansion` channels. */
export interface ResidualBlockClass {
  readonly expansion: number;
  /** False where nothing goes around the block. */
  readonly shortcut: boolean;
  new (inplanes: number, planes: number, options?: ResidualBlockOptions): Module & { readonly lastNorm: Module };
}

const batchNorm: NormLayer = (channels) => new BatchNorm2d(channels);

/** Two 3×3 convolutions and a shortcut: `[N, inplanes, H, W]` to `[N, planes, H / stride, W / stride]`. */
export class BasicBlock extends Module {
  static readonly expansion: number = 1;
  static readonly shortcut: boolean = true;
  readonly conv1: Conv2d;
  readonly bn1: Module;
  readonly relu: ReLU;
  readonly conv2: Conv2d;
  readonly bn2: Module;
  readonly downsample: Module | null;

  constructor(inplanes: number, planes: number, options: ResidualBlockOptions = {}) {
    super();
    const { stride = 1, downsample = null, groups = 1, baseWidth = 64, dilation = 1, normLayer = batchNorm } = options;
    if (groups !== 1 || baseWidth !== 64 || dilation !== 1) {
      const text = `groups 1, widthPerGroup 64 and no dilation are needed, got ${groups}, ${baseWidth}, ${dilation}`;
      throw new ArgumentError('BasicBlock', text, options);
    }
    this.conv1 = conv3x3(inplanes, planes, { stride });
    this.bn1 = normLayer(planes);
    this.relu = new ReLU();
    this.conv2 = conv3x3(planes, planes);
    this.bn2 = normLayer(planes);
    this.downsample = downsample;
  }

  /** @internal */
  get lastNorm(): Module {
    return this.bn2;
  }

  /** Both convolutions, with what goes around them. */
  protected run(x: Tensor, shortcut?: Tensor): Tensor {
    const out = convNorm(this.conv1, this.bn1, this.relu, x);
    return convNorm(this.conv2, this.bn2, this.relu, out, shortcut);
  }

  forward(x: Tensor): Tensor {
    return this.run(x, this.downsample ? this.downsample.forward(x) : x);
  }
}

/** A {@link BasicBlock} without the shortcut: the network beside the residual one in the paper. */
export class PlainBlock extends BasicBlock {
  static override readonly shortcut: boolean = false;

  override forward(x: Tensor): Tensor {
    return this.run(x);
  }
}

/**
 * 1×1, 3×3, 1×1 convolutions and a shortcut: `[N, inplanes, H, W]` to `[N, 4 · planes, H / stride, W / stride]`. The stride
 * is that of the 3×3 convolution ("v1.5").
 */
export class Bottleneck extends Module {
  static readonly expansion = 4;
  static readonly shortcut = true;
  readonly conv1: Conv2d;
  readonly bn1: Module;
  readonly conv2: Conv2d;
  readonly bn2: Module;
  readonly conv3: Conv2d;
  readonly bn3: Module;
  readonly relu: ReLU;
  readonly downsample: Module | null;

  constructor(inplanes: number, planes: number, options: ResidualBlockOptions = {}) {
    super();
    const { stride = 1, downsample = null, groups = 1, baseWidth = 64, dilation = 1, normLayer = batchNorm } = options;
    checkSize('Bottleneck', 'inplanes', inplanes);
    checkSize('Bottleneck', 'planes', planes);
    const width = Math.floor(planes * (baseWidth / 64)) * groups;
    this.conv1 = conv1x1(inplanes, width);
    this.bn1 = normLayer(width);
    this.conv2 = conv3x3(width, width, { stride, groups, dilation });
    this.bn2 = normLayer(width);
    this.conv3 = conv1x1(width, planes * Bottleneck.expansion);
    this.bn3 = normLayer(planes * Bottleneck.expansion);
    this.relu = new ReLU();
    this.downsample = downsample;
  }

  /** @internal */
  get lastNorm(): Module {
    return this.bn3;
  }

  forward(x: Tensor): Tensor {
    let out = convNorm(this.conv1, this.bn1, this.relu, x);
    out = convNorm(this.conv2, this.bn2, this.relu, out);
    return convNorm(this.conv3, this.bn3, this.relu, out, this.downsample ? this.downsample.forward(x) : x);
  }
}

/** Where the next stage of blocks begins. */
interface Progress {
  inplanes: number;
  dilation: number;
}

/**
 * A residual network: 7×7 convolution, pooling, four stages of blocks, mean, linear layer. Input
 * `[N, inChannels, H, W]`, output `[N, numClasses]`; parameter names are torchvision's.
 *
 * @example
 * const model = new models.ResNet(models.Bottleneck, [3, 4, 6, 3], { numClasses: 10 });
 *
 * @throws ArgumentError for options that the block cannot have.
 * Source: He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, 2015;
 * https://docs.pytorch.org/vision/stable/models/resnet.html
 */
export class ResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: Module;
  readonly relu: ReLU;
  readonly maxpool: MaxPool2d;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly fc: Linear;

  constructor(block: ResidualBlockClass, layers: readonly number[], options: ResNetOptions = {}) {
    super();
    const op = 'ResNet';
    checkOptions(op, options);
    const { numClasses = 1000, inChannels = 3, normLayer = batchNorm } = options;
    const { replaceStrideWithDilation: dilate = [false, false, false] } = options;
    checkSize(op, 'numClasses', numClasses);
    checkStages(op, layers, 4);
    if (!Array.isArray(dilate) || dilate.length !== 3) {
      const text = `replaceStrideWithDilation must have 3 entries, got ${valueText(dilate)}`;
      throw new ArgumentError(op, text, dilate);
    }
    this.conv1 = new Conv2d(inChannels, 64, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = normLayer(64);
    this.relu = new ReLU();
    this.maxpool = new MaxPool2d(3, { stride: 2, padding: 1 });
    const progress = { inplanes: 64, dilation: 1 };
    const stage = (i: number): Sequential =>
      makeStage(block, 64 * 2 ** i, layers[i], i === 0 ? 1 : 2, i > 0 && dilate[i - 1], progress, options);
    this.layer1 = stage(0);
    this.layer2 = stage(1);
    this.layer3 = stage(2);
    this.layer4 = stage(3);
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.fc = new Linear(512 * block.expansion, numClasses);
    initialize(this, { conv: fanOut });
    if (options.zeroInitResidual) zeroLastNorms(this);
  }

  forward(x: Tensor): Tensor {
    const stages = [this.layer1, this.layer2, this.layer3, this.layer4];
    const features = runInOrder([this.conv1, this.bn1, this.relu, this.maxpool, ...stages], x);
    return classify(features, this.avgpool, this.fc);
  }
}

function makeStage(
  block: ResidualBlockClass,
  planes: number,
  blocks: number,
  stride: number,
  dilate: boolean,
  progress: Progress,
  options: ResNetOptions,
): Sequential {
  const { groups = 1, widthPerGroup: baseWidth = 64, normLayer = batchNorm } = options;
  const outputs = planes * block.expansion;
  const before = progress.dilation;
  if (dilate) progress.dilation *= stride;
  const step = dilate ? 1 : stride;
  const changes = block.shortcut && (step !== 1 || progress.inplanes !== outputs);
  const downsample = changes
    ? new Sequential(conv1x1(progress.inplanes, outputs, { stride: step }), normLayer(outputs))
    : null;
  const common = { groups, baseWidth, normLayer };
  const made: Module[] = [
    new block(progress.inplanes, planes, { ...common, stride: step, downsample, dilation: before }),
  ];
  progress.inplanes = outputs;
  for (let i = 1; i < blocks; i++) made.push(new block(outputs, planes, { ...common, dilation: progress.dilation }));
  return new Sequential(...made);
}

function zeroLastNorms(model: ResNet): void {
  for (const stage of [model.layer1, model.layer2, model.layer3, model.layer4]) {
    for (const block of stage.layers as (Module & { readonly lastNorm: { weight?: Tensor | null } })[]) {
      if (block.lastNorm.weight) init.zeros_(block.lastNorm.weight);
    }
  }
}

/** ResNet-18: {@link ResNet} with 2, 2, 2, 2 {@link BasicBlock}s; 11,689,512 parameters. */
export const resnet18 = (options: ResNetOptions = {}): ResNet => new ResNet(BasicBlock, [2, 2, 2, 2], options);

/** ResNet-34: {@link ResNet} with 3, 4, 6, 3 {@link BasicBlock}s; 21,797,672 parameters. */
export const resnet34 = (options: ResNetOptions = {}): ResNet => new ResNet(BasicBlock, [3, 4, 6, 3], options);

/** ResNet-50: {@link ResNet} with 3, 4, 6, 3 {@link Bottleneck}s; 25,557,032 parameters. */
export const resnet50 = (options: ResNetOptions = {}): ResNet => new ResNet(Bottleneck, [3, 4, 6, 3], options);

/** ResNet-101: {@link ResNet} with 3, 4, 23, 3 {@link Bottleneck}s; 44,549,160 parameters. */
export const resnet101 = (options: ResNetOptions = {}): ResNet => new ResNet(Bottleneck, [3, 4, 23, 3], options);

/** ResNet-152: {@link ResNet} with 3, 8, 36, 3 {@link Bottleneck}s; 60,192,808 parameters. */
export const resnet152 = (options: ResNetOptions = {}): ResNet => new ResNet(Bottleneck, [3, 8, 36, 3], options);

/** ResNeXt-50 32x4d: {@link resnet50} with 32 groups of 4 channels; 25,028,904 parameters. Xie et al. 2016. */
export const resnext50_32x4d = (options: ResNetOptions = {}): ResNet =>
  resnet50({ ...options, groups: 32, widthPerGroup: 4 });

/** ResNeXt-101 32x8d: {@link resnet101} with 32 groups of 8 channels; 88,791,336 parameters. Xie et al. 2016. */
export const resnext101_32x8d = (options: ResNetOptions = {}): ResNet =>
  resnet101({ ...options, groups: 32, widthPerGroup: 8 });

/** ResNeXt-101 64x4d: {@link resnet101} with 64 groups of 4 channels; 83,455,272 parameters. Xie et al. 2016. */
export const resnext101_64x4d = (options: ResNetOptions = {}): ResNet =>
  resnet101({ ...options, groups: 64, widthPerGroup: 4 });

/** Wide ResNet-50-2: {@link resnet50}, the 3×3 convolutions twice as wide; 68,883,240 parameters. Zagoruyko, Komodakis 2016. */
export const wideResnet50_2 = (options: ResNetOptions = {}): ResNet => resnet50({ ...options, widthPerGroup: 128 });

/** Wide ResNet-101-2: {@link resnet101}, the 3×3 convolutions twice as wide; 126,886,696 parameters. Zagoruyko, Komodakis 2016. */
export const wideResnet101_2 = (options: ResNetOptions = {}): ResNet => resnet101({ ...options, widthPerGroup: 128 });

/** The plain network beside {@link resnet18}: the same layers without shortcuts. He et al. 2015, section 4.1. */
export const plain18 = (options: ResNetOptions = {}): ResNet => new ResNet(PlainBlock, [2, 2, 2, 2], options);

/** The plain network beside {@link resnet34}: the same layers without shortcuts. He et al. 2015, section 4.1. */
export const plain34 = (options: ResNetOptions = {}): ResNet => new ResNet(PlainBlock, [3, 4, 6, 3], options);

forgetsOutside(BasicBlock, Bottleneck);
