// Residual networks whose normalization and activation stand before the convolutions. He et al. 2016.

import { ArgumentError, valueText } from '../../errors.js';
import { Conv2d } from '../../nn/conv.js';
import { convNorm, normActivation } from '../../nn/fusion.js';
import { Linear, Module, ReLU, Sequential } from '../../nn/index.js';
import { checkSize } from '../../nn/linear.js';
import { BatchNorm2d } from '../../nn/norm.js';
import { AdaptiveAvgPool2d, MaxPool2d } from '../../nn/pool.js';
import { add } from '../../ops/pointwise/arithmetic.js';
import { checkOptions } from '../../tensor/check.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { NormLayer } from '../../vision/ops/misc.js';
import { checkStages, classify, conv1x1, conv3x3, fanOut } from './blocks.js';
import { initialize } from './build.js';

/** Options of {@link PreActResNet}. */
export interface PreActResNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Channels of the images. Default 3. */
  inChannels?: number;
  /** Makes the normalizations. Default: batch normalization. */
  normLayer?: NormLayer;
}

/** What a stage tells its blocks. */
export interface PreActBlockOptions {
  stride: number;
  /** Whether normalization and activation stand before it already: only the first block of the network. */
  activated: boolean;
  normLayer: NormLayer;
}

/** A class of blocks; its output has `planes * expansion` channels. */
export interface PreActBlockClass {
  readonly expansion: number;
  new (inplanes: number, planes: number, options: PreActBlockOptions): Module;
}

/** Normalization and ReLU, then the branch; where the shape changes, the shortcut starts behind the ReLU too. */
abstract class PreActBlock extends Module {
  readonly bn1: Module | null;
  readonly relu: ReLU;

  constructor(inplanes: number, options: PreActBlockOptions) {
    super();
    const op = new.target.name;
    checkOptions(op, options);
    const { activated, normLayer } = options;
    checkSize(op, 'inplanes', inplanes);
    if (typeof normLayer !== 'function') {
      throw new ArgumentError(op, `normLayer must be a function, got ${valueText(normLayer)}`, normLayer);
    }
    this.bn1 = activated ? null : normLayer(inplanes);
    this.relu = new ReLU();
  }

  protected abstract readonly downsample: Conv2d | null;
  protected abstract branch(x: Tensor): Tensor;

  forward(x: Tensor): Tensor {
    const active = this.bn1 ? normActivation(this.bn1, this.relu, x) : x;
    return add(this.branch(active), this.downsample ? this.downsample.forward(active) : x);
  }
}

const shortcut = (inplanes: number, outputs: number, stride: number): Conv2d | null =>
  stride === 1 && inplanes === outputs ? null : conv1x1(inplanes, outputs, { stride });

/** Two times normalization, ReLU, 3×3 convolution: `[N, inplanes, H, W]` to `[N, planes, H / stride, W / stride]`. */
export class PreActBasicBlock extends PreActBlock {
  static readonly expansion = 1;
  readonly conv1: Conv2d;
  readonly bn2: Module;
  readonly conv2: Conv2d;
  protected readonly downsample: Conv2d | null;

  constructor(inplanes: number, planes: number, options: PreActBlockOptions) {
    super(inplanes, options);
    const { stride, normLayer } = options;
    this.conv1 = conv3x3(inplanes, planes, { stride });
    this.bn2 = normLayer(planes);
    this.conv2 = conv3x3(planes, planes);
    this.downsample = shortcut(inplanes, planes, stride);
  }

  protected branch(x: Tensor): Tensor {
    return this.conv2.forward(convNorm(this.conv1, this.bn2, this.relu, x));
  }
}

/**
 * Normalization and ReLU before each of 1×1, 3×3 and 1×1 convolution: `[N, inplanes, H, W]` to
 * `[N, 4 · planes, H / stride, W / stride]`.
 */
export class PreActBottleneck extends PreActBlock {
  static readonly expansion = 4;
  readonly conv1: Conv2d;
  readonly bn2: Module;
  readonly conv2: Conv2d;
  readonly bn3: Module;
  readonly conv3: Conv2d;
  protected readonly downsample: Conv2d | null;

  constructor(inplanes: number, planes: number, options: PreActBlockOptions) {
    super(inplanes, options);
    const { stride, normLayer } = options;
    this.conv1 = conv1x1(inplanes, planes);
    this.bn2 = normLayer(planes);
    this.conv2 = conv3x3(planes, planes, { stride });
    this.bn3 = normLayer(planes);
    this.conv3 = conv1x1(planes, planes * PreActBottleneck.expansion);
    this.downsample = shortcut(inplanes, planes * PreActBottleneck.expansion, stride);
  }

  protected branch(x: Tensor): Tensor {
    const out = this.conv2.forward(convNorm(this.conv1, this.bn2, this.relu, x));
    return this.conv3.forward(normActivation(this.bn3, this.relu, out));
  }
}

/**
 * A residual network with pre-activation: what goes around the blocks is never normalized or cut, and one normalization
 * stands behind the last block. The first block starts from the activated stem. Input `[N, inChannels, H, W]`, output
 * `[N, numClasses]`.
 *
 * @example
 * const model = new models.PreActResNet(models.PreActBasicBlock, [2, 2, 2, 2], { numClasses: 10 });
 *
 * Source: He, Zhang, Ren, Sun, Identity Mappings in Deep Residual Networks, 2016.
 */
export class PreActResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: Module;
  readonly relu: ReLU;
  readonly maxpool: MaxPool2d;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly bn5: Module;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly fc: Linear;

  constructor(block: PreActBlockClass, layers: readonly number[], options: PreActResNetOptions = {}) {
    super();
    const op = 'PreActResNet';
    checkOptions(op, options);
    checkStages(op, layers, 4);
    const { numClasses = 1000, inChannels = 3, normLayer = (channels) => new BatchNorm2d(channels) } = options;
    checkSize(op, 'numClasses', numClasses);
    this.conv1 = new Conv2d(inChannels, 64, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = normLayer(64);
    this.relu = new ReLU();
    this.maxpool = new MaxPool2d(3, { stride: 2, padding: 1 });
    let inplanes = 64;
    const stage = (i: number): Sequential => {
      const planes = 64 * 2 ** i;
      const blocks = Array.from({ length: layers[i] }, (_, k) => {
        const stride = k === 0 && i > 0 ? 2 : 1;
        const made = new block(inplanes, planes, { stride, activated: i === 0 && k === 0, normLayer });
        inplanes = planes * block.expansion;
        return made;
      });
      return new Sequential(...blocks);
    };
    this.layer1 = stage(0);
    this.layer2 = stage(1);
    this.layer3 = stage(2);
    this.layer4 = stage(3);
    this.bn5 = normLayer(inplanes);
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.fc = new Linear(inplanes, numClasses);
    initialize(this, { conv: fanOut });
  }

  forward(x: Tensor): Tensor {
    const stem = this.maxpool.forward(convNorm(this.conv1, this.bn1, this.relu, x));
    const early = this.layer2.forward(this.layer1.forward(stem));
    const late = this.layer4.forward(this.layer3.forward(early));
    return classify(normActivation(this.bn5, this.relu, late), this.avgpool, this.fc);
  }
}

/** {@link PreActResNet} with 2, 2, 2, 2 {@link PreActBasicBlock}s. */
export const preactResnet18 = (options: PreActResNetOptions = {}): PreActResNet =>
  new PreActResNet(PreActBasicBlock, [2, 2, 2, 2], options);

/** {@link PreActResNet} with 3, 4, 6, 3 {@link PreActBasicBlock}s. */
export const preactResnet34 = (options: PreActResNetOptions = {}): PreActResNet =>
  new PreActResNet(PreActBasicBlock, [3, 4, 6, 3], options);

/** {@link PreActResNet} with 3, 4, 6, 3 {@link PreActBottleneck}s. */
export const preactResnet50 = (options: PreActResNetOptions = {}): PreActResNet =>
  new PreActResNet(PreActBottleneck, [3, 4, 6, 3], options);

/** {@link PreActResNet} with 3, 4, 23, 3 {@link PreActBottleneck}s. */
export const preactResnet101 = (options: PreActResNetOptions = {}): PreActResNet =>
  new PreActResNet(PreActBottleneck, [3, 4, 23, 3], options);

/** {@link PreActResNet} with 3, 8, 36, 3 {@link PreActBottleneck}s. */
export const preactResnet152 = (options: PreActResNetOptions = {}): PreActResNet =>
  new PreActResNet(PreActBottleneck, [3, 8, 36, 3], options);
