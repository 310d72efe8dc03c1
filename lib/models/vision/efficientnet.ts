// EfficientNet B0 to B7.
import { ArgumentError, valueText } from '../../errors.js';
import { SiLU } from '../../nn/activation.js';
import { Sequential } from '../../nn/container.js';
import { Dropout } from '../../nn/dropout.js';
import { forgetsOutside } from '../../nn/forgetful.js';
import { init } from '../../nn/index.js';
import { checkSize, Linear } from '../../nn/linear.js';
import { Module } from '../../nn/module.js';
import { BatchNorm2d } from '../../nn/norm.js';
import { AdaptiveAvgPool2d } from '../../nn/pool.js';
import { add } from '../../ops/pointwise/arithmetic.js';
import { checkOptions } from '../../tensor/check.js';
import type { Tensor } from '../../tensor/tensor.js';
import { StochasticDepth } from '../../vision/ops/drop.js';
import {
  type ActivationLayer,
  Conv2dNormActivation,
  type NormLayer,
  SqueezeExcitation,
} from '../../vision/ops/misc.js';
import { classify, fanOut, makeDivisible } from './blocks.js';
import { initialize, zeroBias } from './build.js';

/** One stage of {@link EfficientNet}. */
export interface MBConvStage {
  expandRatio: number;
  kernel: number;
  /** Of the first block. */
  stride: number;
  input: number;
  output: number;
  blocks: number;
}

/** Options of {@link EfficientNet}. */
export interface EfficientNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Channels of the images. Default 3. */
  inChannels?: number;
  /** Before the last layer. Default: the paper's for the size, 0.2 to 0.5. */
  dropout?: number;
  /** Probability with which the last block is dropped in training; it rises from 0 with the depth. Default 0.2. */
  stochasticDepthProb?: number;
  /** Makes the normalizations. Default: batch normalization, from B5 on with eps 0.001 and momentum 0.01. */
  normLayer?: NormLayer;
}

const silu: ActivationLayer = (options) => new SiLU(options);

/** Inverted residual with squeeze and excitation and stochastic depth. */
class MBConv extends Module {
  readonly block: Sequential;
  readonly stochasticDepth: StochasticDepth;
  readonly useResConnect: boolean;

  constructor(stage: Omit<MBConvStage, 'blocks'>, dropProb: number, normLayer: NormLayer) {
    super();
    const { expandRatio, kernel, stride, input, output } = stage;
    this.useResConnect = stride === 1 && input === output;
    const common = { normLayer, activationLayer: silu, inplace: false };
    const expanded = makeDivisible(input * expandRatio, 8);
    const squeezed = Math.max(1, Math.floor(input / 4));
    this.block = new Sequential(
      ...(expanded === input ? [] : [new Conv2dNormActivation(input, expanded, { ...common, kernelSize: 1 })]),
      new Conv2dNormActivation(expanded, expanded, { ...common, kernelSize: kernel, stride, groups: expanded }),
      new SqueezeExcitation(expanded, squeezed, { activation: () => new SiLU() }),
      new Conv2dNormActivation(expanded, output, { kernelSize: 1, normLayer, activationLayer: null }),
    );
    this.stochasticDepth = new StochasticDepth(dropProb, 'row');
  }

  forward(x: Tensor): Tensor {
    const out = this.block.forward(x);
    return this.useResConnect ? add(this.stochasticDepth.forward(out), x) : out;
  }
}

/** U(±1/√outFeatures) for the weight, 0 for the bias. */
function byOutputs(layer: Linear): void {
  const bound = 1 / Math.sqrt(layer.outFeatures);
  init.uniform_(layer.weight, -bound, bound);
  zeroBias(layer);
}

/**
 * EfficientNet: stages of inverted residuals whose width and depth grow together. Input `[N, inChannels, H, W]`, output
 * `[N, numClasses]`.
 * @throws ArgumentError without stages.
 * Source: Tan, Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019;
 * https://docs.pytorch.org/vision/stable/models/efficientnet.html
 */
export class EfficientNet extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor(stages: readonly MBConvStage[], options: EfficientNetOptions = {}) {
    super();
    const op = 'EfficientNet';
    checkOptions(op, options);
    const { numClasses = 1000, inChannels = 3, dropout = 0.2, stochasticDepthProb = 0.2 } = options;
    const { normLayer = (channels) => new BatchNorm2d(channels) } = options;
    checkSize(op, 'numClasses', numClasses);
    if (!Array.isArray(stages) || stages.length === 0) {
      throw new ArgumentError(op, `stages must be an array, got ${valueText(stages)}`, stages);
    }
    const common = { normLayer, activationLayer: silu, inplace: false };
    const layers: Module[] = [new Conv2dNormActivation(inChannels, stages[0].input, { ...common, stride: 2 })];
    const total = stages.reduce((sum, { blocks }) => sum + blocks, 0);
    let made = 0;
    for (const stage of stages) {
      const blocks = Array.from({ length: stage.blocks }, (_, i) => {
        const own = i === 0 ? stage : { ...stage, input: stage.output, stride: 1 };
        return new MBConv(own, (stochasticDepthProb * made++) / total, normLayer);
      });
      layers.push(new Sequential(...blocks));
    }
    const last = stages[stages.length - 1].output;
    layers.push(new Conv2dNormActivation(last, 4 * last, { ...common, kernelSize: 1 }));
    this.features = new Sequential(...layers);
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.classifier = new Sequential(new Dropout(dropout), new Linear(4 * last, numClasses));
    initialize(this, { conv: fanOut, linear: byOutputs });
  }

  forward(x: Tensor): Tensor {
    return classify(this.features.forward(x), this.avgpool, this.classifier);
  }
}

/** The stages of B0: expansion, kernel, stride, input, output, blocks. */
const TABLE = [
  [1, 3, 1, 32, 16, 1],
  [6, 3, 2, 16, 24, 2],
  [6, 5, 2, 24, 40, 2],
  [6, 3, 2, 40, 80, 3],
  [6, 5, 1, 80, 112, 3],
  [6, 5, 2, 112, 192, 4],
  [6, 3, 1, 192, 320, 1],
] as const;

function scaled(width: number, depth: number, dropout: number, options: EfficientNetOptions): EfficientNet {
  const stages = TABLE.map(([expandRatio, kernel, stride, input, output, blocks]) => ({
    expandRatio,
    kernel,
    stride,
    input: makeDivisible(input * width, 8),
    output: makeDivisible(output * width, 8),
    blocks: Math.ceil(blocks * depth),
  }));
  return new EfficientNet(stages, { ...options, dropout: options.dropout ?? dropout });
}

/** The normalization of the larger sizes. */
const slowNorm = { normLayer: (channels: number) => new BatchNorm2d(channels, { eps: 0.001, momentum: 0.01 }) };

/** {@link EfficientNet} B0, made for 224×224; 5,288,548 parameters. */
export const efficientnetB0 = (options: EfficientNetOptions = {}): EfficientNet => scaled(1, 1, 0.2, options);

/** {@link EfficientNet} B1, made for 240×240; 7,794,184 parameters. */
export const efficientnetB1 = (options: EfficientNetOptions = {}): EfficientNet => scaled(1, 1.1, 0.2, options);

/** {@link EfficientNet} B2, made for 288×288; 9,109,994 parameters. */
export const efficientnetB2 = (options: EfficientNetOptions = {}): EfficientNet => scaled(1.1, 1.2, 0.3, options);

/** {@link EfficientNet} B3, made for 300×300; 12,233,232 parameters. */
export const efficientnetB3 = (options: EfficientNetOptions = {}): EfficientNet => scaled(1.2, 1.4, 0.3, options);

/** {@link EfficientNet} B4, made for 380×380; 19,341,616 parameters. */
export const efficientnetB4 = (options: EfficientNetOptions = {}): EfficientNet => scaled(1.4, 1.8, 0.4, options);

/** {@link EfficientNet} B5, made for 456×456; 30,389,784 parameters. */
export const efficientnetB5 = (options: EfficientNetOptions = {}): EfficientNet =>
  scaled(1.6, 2.2, 0.4, { ...slowNorm, ...options });

/** {@link EfficientNet} B6, made for 528×528; 43,040,704 parameters. */
export const efficientnetB6 = (options: EfficientNetOptions = {}): EfficientNet =>
  scaled(1.8, 2.6, 0.5, { ...slowNorm, ...options });

/** {@link EfficientNet} B7, made for 600×600; 66,347,960 parameters. */
export const efficientnetB7 = (options: EfficientNetOptions = {}): EfficientNet =>
  scaled(2, 3.1, 0.5, { ...slowNorm, ...options });

forgetsOutside(MBConv);
