// ConvNeXt.
import { ArgumentError, valueText } from '../../errors.js';
import { GELU } from '../../nn/activation.js';
import { Sequential } from '../../nn/container.js';
import { Conv2d, type Conv3d } from '../../nn/conv.js';
import { forgetsOutside } from '../../nn/forgetful.js';
import { init } from '../../nn/index.js';
import { LayerNorm } from '../../nn/layer-norm.js';
import { checkSize, Flatten, Linear } from '../../nn/linear.js';
import { Module } from '../../nn/module.js';
import { type Parameter, parameterOf } from '../../nn/parameter.js';
import { AdaptiveAvgPool2d } from '../../nn/pool.js';
import { add, mul } from '../../ops/pointwise/arithmetic.js';
import { permute } from '../../ops/shape/view.js';
import { checkOptions } from '../../tensor/check.js';
import { full } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { StochasticDepth } from '../../vision/ops/drop.js';
import { Conv2dNormActivation, type NormLayer, Permute } from '../../vision/ops/misc.js';
import { initialize, zeroBias } from './build.js';

/** One stage of {@link ConvNeXt}: its channels, those of the next stage (null at the end), its blocks. */
export type ConvNeXtStage = readonly [channels: number, next: number | null, blocks: number];

/** Options of {@link ConvNeXt}. */
export interface ConvNeXtOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Channels of the images. Default 3. */
  inChannels?: number;
  /** Probability with which the last block is dropped in training; it rises from 0 with the depth. Default by size. */
  stochasticDepthProb?: number;
  /** What each channel of a branch is multiplied by at the start. Default 1e-6. */
  layerScale?: number;
  /** Makes the normalizations of `[N, C, H, W]`. Default: layer normalization over the channels with eps 1e-6. */
  normLayer?: NormLayer;
}

/** Layer normalization over the channels of `[N, C, H, W]`. */
class LayerNorm2d extends LayerNorm {
  override forward(x: Tensor): Tensor {
    return permute(super.forward(permute(x, [0, 2, 3, 1])), [0, 3, 1, 2]);
  }
}

/** 7×7 convolution of each channel, normalization, two linear layers over the channels. */
class CNBlock extends Module {
  readonly layerScale: Parameter;
  readonly block: Sequential;
  readonly stochasticDepth: StochasticDepth;

  constructor(dim: number, layerScale: number, dropProb: number) {
    super();
    this.layerScale = parameterOf(full([dim, 1, 1], layerScale));
    this.block = new Sequential(
      new Conv2d(dim, dim, 7, { padding: 3, groups: dim }),
      new Permute([0, 2, 3, 1]),
      new LayerNorm(dim, { eps: 1e-6 }),
      new Linear(dim, 4 * dim),
      new GELU(),
      new Linear(4 * dim, dim),
      new Permute([0, 3, 1, 2]),
    );
    this.stochasticDepth = new StochasticDepth(dropProb, 'row');
  }

  forward(x: Tensor): Tensor {
    return add(this.stochasticDepth.forward(mul(this.layerScale, this.block.forward(x))), x);
  }
}

/**
 * ConvNeXt: a convolutional network with the choices of vision transformers. Input `[N, inChannels, H, W]`, output
 * `[N, numClasses]`.
 * @throws ArgumentError without stages.
 * Source: Liu et al., A ConvNet for the 2020s, 2022; https://docs.pytorch.org/vision/stable/models/convnext.html
 */
export class ConvNeXt extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor(stages: readonly ConvNeXtStage[], options: ConvNeXtOptions = {}) {
    super();
    const op = 'ConvNeXt';
    checkOptions(op, options);
    const { numClasses = 1000, inChannels = 3, stochasticDepthProb = 0, layerScale = 1e-6 } = options;
    const { normLayer = (channels) => new LayerNorm2d(channels, { eps: 1e-6 }) } = options;
    checkSize(op, 'numClasses', numClasses);
    if (!Array.isArray(stages) || stages.length === 0) {
      throw new ArgumentError(op, `stages must be an array, got ${valueText(stages)}`, stages);
    }
    const stem = { kernelSize: 4, stride: 4, padding: 0, normLayer, activationLayer: null, bias: true };
    const layers: Module[] = [new Conv2dNormActivation(inChannels, stages[0][0], stem)];
    const total = stages.reduce((sum, [, , blocks]) => sum + blocks, 0);
    let made = 0;
    for (const [channels, next, blocks] of stages) {
      const probability = (): number => (total === 1 ? 0 : (stochasticDepthProb * made++) / (total - 1));
      const stage = Array.from({ length: blocks }, () => new CNBlock(channels, layerScale, probability()));
      layers.push(new Sequential(...stage));
      if (next === null) continue;
      layers.push(new Sequential(normLayer(channels), new Conv2d(channels, next, 2, { stride: 2 })));
    }
    this.features = new Sequential(...layers);
    this.avgpool = new AdaptiveAvgPool2d(1);
    const [channels, next] = stages[stages.length - 1];
    const last = next ?? channels;
    this.classifier = new Sequential(normLayer(last), new Flatten(1), new Linear(last, numClasses));
    const narrow = (layer: Conv2d | Conv3d | Linear): void => {
      init.truncNormal_(layer.weight, 0, 0.02);
      zeroBias(layer);
    };
    initialize(this, { conv: narrow, linear: narrow });
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.avgpool.forward(this.features.forward(x)));
  }
}

function make(width: number, deep: number, dropProb: number, options: ConvNeXtOptions): ConvNeXt {
  const channels = [width, 2 * width, 4 * width, 8 * width];
  const stages = channels.map((own, i): ConvNeXtStage => [own, channels[i + 1] ?? null, i === 2 ? deep : 3]);
  return new ConvNeXt(stages, { ...options, stochasticDepthProb: options.stochasticDepthProb ?? dropProb });
}

/** {@link ConvNeXt} with 96 channels at first and 3, 3, 9, 3 blocks; 28,589,128 parameters. Stochastic depth 0.1. */
export const convnextTiny = (options: ConvNeXtOptions = {}): ConvNeXt => make(96, 9, 0.1, options);

/** {@link ConvNeXt} with 96 channels at first and 3, 3, 27, 3 blocks; 50,223,688 parameters. Stochastic depth 0.4. */
export const convnextSmall = (options: ConvNeXtOptions = {}): ConvNeXt => make(96, 27, 0.4, options);

/** {@link ConvNeXt} with 128 channels at first and 3, 3, 27, 3 blocks; 88,591,464 parameters. Stochastic depth 0.5. */
export const convnextBase = (options: ConvNeXtOptions = {}): ConvNeXt => make(128, 27, 0.5, options);

/** {@link ConvNeXt} with 192 channels at first and 3, 3, 27, 3 blocks; 197,767,336 parameters. Stochastic depth 0.5. */
export const convnextLarge = (options: ConvNeXtOptions = {}): ConvNeXt => make(192, 27, 0.5, options);

forgetsOutside(CNBlock, LayerNorm2d);
