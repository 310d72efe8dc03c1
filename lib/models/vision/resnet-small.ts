// Residual and plain networks for small images. He et al. 2015, section 4.2.
import { ArgumentError, valueText } from '../../errors.js';
import type { Conv2d } from '../../nn/conv.js';
import { convNorm } from '../../nn/fusion.js';
import { Linear, Module, ReLU, Sequential } from '../../nn/index.js';
import { checkSize } from '../../nn/linear.js';
import { BatchNorm2d } from '../../nn/norm.js';
import { AdaptiveAvgPool2d } from '../../nn/pool.js';
import { pad } from '../../ops/shape/pad.js';
import { checkOptions } from '../../tensor/check.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { NormLayer } from '../../vision/ops/misc.js';
import { classify, conv1x1, conv3x3, fanOut } from './blocks.js';
import { initialize } from './build.js';
import { BasicBlock, PlainBlock } from './resnet.js';

/** Options of the networks for small images. */
export interface SmallResNetOptions {
  /** Default 10. */
  numClasses?: number;
  /** Channels of the images. Default 3. */
  inChannels?: number;
  /**
   * Where the shape changes: `'A'` takes every second pixel and adds channels of zeros, without parameters; `'B'` is a
   * 1×1 convolution with normalization. Default `'A'`, the paper's choice for these networks.
   */
  shortcut?: 'A' | 'B';
  /** Makes the normalizations. Default: batch normalization. */
  normLayer?: NormLayer;
}

/** Every second pixel, and as many channels of zeros as are missing, half of them before and half behind. */
class PaddedShortcut extends Module {
  constructor(
    readonly stride: number,
    readonly missing: number,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    const step = { start: null, end: null, step: this.stride };
    const picked = this.stride === 1 ? x : x.index(['...', step, step]);
    const before = Math.floor(this.missing / 2);
    return pad(picked, [0, 0, 0, 0, before, this.missing - before]);
  }

  override extraRepr(): string {
    return `stride=${this.stride}, missing=${this.missing}`;
  }
}

/**
 * A network of `depth` = 6n + 2 layers for small images, with shortcuts or (plain) without: a 3×3 convolution, three stages
 * of n blocks with 16, 32 and 64 channels, mean, linear layer. Input `[N, inChannels, H, W]`, 32×32 in the paper and any
 * size here; output `[N, numClasses]`.
 *
 * @example
 * const model = new models.SmallResNet(20, { inChannels: 1 });
 *
 * @throws ArgumentError for a depth that is not 6n + 2.
 * Source: He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, 2015, section 4.2.
 */
export class SmallResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: Module;
  readonly relu: ReLU;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly fc: Linear;

  constructor(depth: number, options: SmallResNetOptions & { plain?: boolean } = {}) {
    super();
    const op = 'SmallResNet';
    checkOptions(op, options);
    const { numClasses = 10, inChannels = 3, shortcut = 'A', plain = false } = options;
    const { normLayer = (channels) => new BatchNorm2d(channels) } = options;
    checkSize(op, 'numClasses', numClasses);
    checkSize(op, 'depth', depth);
    const blocks = (depth - 2) / 6;
    if (!Number.isSafeInteger(blocks) || blocks < 1) {
      throw new ArgumentError(op, `depth must be 6n + 2 with n >= 1, got ${valueText(depth)}`, depth);
    }
    if (shortcut !== 'A' && shortcut !== 'B') {
      throw new ArgumentError(op, `shortcut must be 'A' or 'B', got ${valueText(shortcut)}`, shortcut);
    }
    this.conv1 = conv3x3(inChannels, 16);
    this.bn1 = normLayer(16);
    this.relu = new ReLU();
    const block = plain ? PlainBlock : BasicBlock;
    const around = (from: number, to: number, stride: number): Module | null => {
      if (plain || from === to) return null;
      if (shortcut === 'A') return new PaddedShortcut(stride, to - from);
      return new Sequential(conv1x1(from, to, { stride }), normLayer(to));
    };
    const stage = (from: number, to: number): Sequential => {
      const stride = from === to ? 1 : 2;
      const first = new block(from, to, { stride, downsample: around(from, to, stride), normLayer });
      const others = Array.from({ length: blocks - 1 }, () => new block(to, to, { normLayer }));
      return new Sequential(first, ...others);
    };
    this.layer1 = stage(16, 16);
    this.layer2 = stage(16, 32);
    this.layer3 = stage(32, 64);
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.fc = new Linear(64, numClasses);
    initialize(this, { conv: fanOut });
  }

  forward(x: Tensor): Tensor {
    const stem = convNorm(this.conv1, this.bn1, this.relu, x);
    return classify(this.layer3.forward(this.layer2.forward(this.layer1.forward(stem))), this.avgpool, this.fc);
  }
}

/** ResNet-20 for small images: {@link SmallResNet}, 269,722 parameters. */
export const resnet20 = (options: SmallResNetOptions = {}): SmallResNet => new SmallResNet(20, options);

/** ResNet-32 for small images: {@link SmallResNet}, 464,154 parameters. */
export const resnet32 = (options: SmallResNetOptions = {}): SmallResNet => new SmallResNet(32, options);

/** ResNet-44 for small images: {@link SmallResNet}, 658,586 parameters. */
export const resnet44 = (options: SmallResNetOptions = {}): SmallResNet => new SmallResNet(44, options);

/** ResNet-56 for small images: {@link SmallResNet}, 853,018 parameters. */
export const resnet56 = (options: SmallResNetOptions = {}): SmallResNet => new SmallResNet(56, options);

/** ResNet-110 for small images: {@link SmallResNet}, 1,727,962 parameters. */
export const resnet110 = (options: SmallResNetOptions = {}): SmallResNet => new SmallResNet(110, options);

/** Options of the plain networks for small images: there is nothing to choose a shortcut for. */
export type SmallPlainOptions = Omit<SmallResNetOptions, 'shortcut'>;

/** The plain network of 20 layers beside {@link resnet20}. */
export const plain20 = (options: SmallPlainOptions = {}): SmallResNet =>
  new SmallResNet(20, { ...options, plain: true });

/** The plain network of 32 layers beside {@link resnet32}. */
export const plain32 = (options: SmallPlainOptions = {}): SmallResNet =>
  new SmallResNet(32, { ...options, plain: true });

/** The plain network of 44 layers beside {@link resnet44}. */
export const plain44 = (options: SmallPlainOptions = {}): SmallResNet =>
  new SmallResNet(44, { ...options, plain: true });

/** The plain network of 56 layers beside {@link resnet56}. */
export const plain56 = (options: SmallPlainOptions = {}): SmallResNet =>
  new SmallResNet(56, { ...options, plain: true });
