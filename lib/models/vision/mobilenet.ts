// MobileNet V2 and V3.
import { ArgumentError, valueText } from '../../errors.js';
import { Hardsigmoid, Hardswish, ReLU, ReLU6 } from '../../nn/activation.js';
import { Sequential } from '../../nn/container.js';
import { Conv2d } from '../../nn/conv.js';
import { Dropout } from '../../nn/dropout.js';
import { forgetsOutside } from '../../nn/forgetful.js';
import { checkSize, Linear } from '../../nn/linear.js';
import { Module } from '../../nn/module.js';
import { BatchNorm2d } from '../../nn/norm.js';
import { AdaptiveAvgPool2d } from '../../nn/pool.js';
import { adaptiveAvgPool2d } from '../../ops/layers/pool-avg.js';
import { add } from '../../ops/pointwise/arithmetic.js';
import { checkOptions } from '../../tensor/check.js';
import type { Tensor } from '../../tensor/tensor.js';
import {
  type ActivationLayer,
  Conv2dNormActivation,
  type NormLayer,
  SqueezeExcitation,
} from '../../vision/ops/misc.js';
import { classify, fanOut, makeDivisible, smallNormal } from './blocks.js';
import { initialize } from './build.js';

/** One row of MobileNet V2's table: expansion, channels, number of blocks, stride of the first. */
export type InvertedResidualRow = readonly [expandRatio: number, channels: number, blocks: number, stride: number];

/** Options of {@link MobileNetV2}. */
export interface MobileNetV2Options {
  /** Default 1000. */
  numClasses?: number;
  /** Channels of the images. Default 3. */
  inChannels?: number;
  /** Multiplies all numbers of channels. Default 1. */
  widthMult?: number;
  /** The rows of the table. Default: the paper's. */
  invertedResidualSetting?: readonly InvertedResidualRow[];
  /** Channels are multiples of this; 1 does not round. Default 8. */
  roundNearest?: number;
  /** Makes the normalizations. Default: batch normalization. */
  normLayer?: NormLayer;
  /** Before the last layer. Default 0.2. */
  dropout?: number;
}

const V2_TABLE: readonly InvertedResidualRow[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

const relu6: ActivationLayer = (options) => new ReLU6(options);

/** 1×1 convolution to more channels, 3×3 for each of them, 1×1 back without activation. */
class InvertedResidual extends Module {
  readonly conv: Sequential;
  readonly useResConnect: boolean;

  constructor(inputs: number, outputs: number, stride: number, expandRatio: number, normLayer: NormLayer) {
    super();
    const hidden = Math.round(inputs * expandRatio);
    const common = { normLayer, activationLayer: relu6, inplace: false };
    this.useResConnect = stride === 1 && inputs === outputs;
    this.conv = new Sequential(
      ...(expandRatio === 1 ? [] : [new Conv2dNormActivation(inputs, hidden, { ...common, kernelSize: 1 })]),
      new Conv2dNormActivation(hidden, hidden, { ...common, stride, groups: hidden }),
      new Conv2d(hidden, outputs, 1, { bias: false }),
      normLayer(outputs),
    );
  }

  forward(x: Tensor): Tensor {
    const out = this.conv.forward(x);
    return this.useResConnect ? add(x, out) : out;
  }
}

/**
 * MobileNet V2: inverted residuals with linear bottlenecks. Input `[N, inChannels, H, W]`, output `[N, numClasses]`.
 * @throws ArgumentError for an empty table.
 * Source: Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018;
 * https://docs.pytorch.org/vision/stable/models/mobilenetv2.html
 */
export class MobileNetV2 extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  constructor(options: MobileNetV2Options = {}) {
    super();
    const op = 'MobileNetV2';
    checkOptions(op, options);
    const { numClasses = 1000, inChannels = 3, widthMult = 1, roundNearest = 8, dropout = 0.2 } = options;
    const { invertedResidualSetting: table = V2_TABLE, normLayer = (channels) => new BatchNorm2d(channels) } = options;
    checkSize(op, 'numClasses', numClasses);
    if (!Array.isArray(table) || table.length === 0 || table.some((row) => row?.length !== 4)) {
      const text = `invertedResidualSetting must be rows of 4 numbers, got ${valueText(table)}`;
      throw new ArgumentError(op, text, table);
    }
    const common = { normLayer, activationLayer: relu6, inplace: false };
    let channels = makeDivisible(32 * widthMult, roundNearest);
    const layers: Module[] = [new Conv2dNormActivation(inChannels, channels, { ...common, stride: 2 })];
    for (const [expandRatio, width, blocks, stride] of table) {
      const outputs = makeDivisible(width * widthMult, roundNearest);
      for (let i = 0; i < blocks; i++) {
        layers.push(new InvertedResidual(channels, outputs, i === 0 ? stride : 1, expandRatio, normLayer));
        channels = outputs;
      }
    }
    const last = makeDivisible(1280 * Math.max(1, widthMult), roundNearest);
    layers.push(new Conv2dNormActivation(channels, last, { ...common, kernelSize: 1 }));
    this.features = new Sequential(...layers);
    this.classifier = new Sequential(new Dropout(dropout), new Linear(last, numClasses));
    initialize(this, { conv: fanOut, linear: smallNormal });
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(adaptiveAvgPool2d(this.features.forward(x), 1).flatten(1));
  }
}

/** {@link MobileNetV2}; 3,504,872 parameters. */
export const mobilenetV2 = (options: MobileNetV2Options = {}): MobileNetV2 => new MobileNetV2(options);

/** One row of the tables of MobileNet V3. */
export interface MobileNetV3Row {
  input: number;
  kernel: number;
  expanded: number;
  output: number;
  /** Squeeze and excitation. */
  squeeze: boolean;
  activation: 'relu' | 'hardswish';
  stride: number;
  dilation: number;
}

/** Options of {@link MobileNetV3}. */
export interface MobileNetV3Options {
  /** Default 1000. */
  numClasses?: number;
  /** Channels of the images. Default 3. */
  inChannels?: number;
  /** Makes the normalizations. Default: batch normalization with eps 0.001 and momentum 0.01. */
  normLayer?: NormLayer;
  /** Before the last layer. Default 0.2. */
  dropout?: number;
}

const hardswish: ActivationLayer = (options) => new Hardswish(options);

class InvertedResidualV3 extends Module {
  readonly block: Sequential;
  readonly useResConnect: boolean;

  constructor(row: MobileNetV3Row, normLayer: NormLayer) {
    super();
    const { input, kernel, expanded, output, squeeze, dilation } = row;
    this.useResConnect = row.stride === 1 && input === output;
    const activationLayer: ActivationLayer = row.activation === 'relu' ? (options) => new ReLU(options) : hardswish;
    const common = { normLayer, activationLayer, inplace: false };
    const stride = dilation > 1 ? 1 : row.stride;
    const each = { kernelSize: kernel, stride, dilation, groups: expanded };
    const squeezed = makeDivisible(Math.floor(expanded / 4), 8);
    const scaleActivation = (): Module => new Hardsigmoid();
    this.block = new Sequential(
      ...(expanded === input ? [] : [new Conv2dNormActivation(input, expanded, { ...common, kernelSize: 1 })]),
      new Conv2dNormActivation(expanded, expanded, { ...common, ...each }),
      ...(squeeze ? [new SqueezeExcitation(expanded, squeezed, { scaleActivation })] : []),
      new Conv2dNormActivation(expanded, output, { kernelSize: 1, normLayer, activationLayer: null }),
    );
  }

  forward(x: Tensor): Tensor {
    const out = this.block.forward(x);
    return this.useResConnect ? add(out, x) : out;
  }
}

/**
 * MobileNet V3: inverted residuals with squeeze and excitation and hard swish. `rows` are the blocks, `lastChannel` the size
 * of the hidden layer of the classifier. Input `[N, inChannels, H, W]`, output `[N, numClasses]`.
 * @throws ArgumentError without rows.
 * Source: Howard et al., Searching for MobileNetV3, 2019; https://docs.pytorch.org/vision/stable/models/mobilenetv3.html
 */
export class MobileNetV3 extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor(rows: readonly MobileNetV3Row[], lastChannel: number, options: MobileNetV3Options = {}) {
    super();
    const op = 'MobileNetV3';
    checkOptions(op, options);
    const { numClasses = 1000, inChannels = 3, dropout = 0.2 } = options;
    const { normLayer = (channels) => new BatchNorm2d(channels, { eps: 0.001, momentum: 0.01 }) } = options;
    checkSize(op, 'numClasses', numClasses);
    checkSize(op, 'lastChannel', lastChannel);
    if (!Array.isArray(rows) || rows.length === 0) {
      throw new ArgumentError(op, `rows must be an array of blocks, got ${valueText(rows)}`, rows);
    }
    const common = { normLayer, activationLayer: hardswish, inplace: false };
    const final = rows[rows.length - 1].output;
    this.features = new Sequential(
      new Conv2dNormActivation(inChannels, rows[0].input, { ...common, stride: 2 }),
      ...rows.map((row) => new InvertedResidualV3(row, normLayer)),
      new Conv2dNormActivation(final, 6 * final, { ...common, kernelSize: 1 }),
    );
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.classifier = new Sequential(
      new Linear(6 * final, lastChannel),
      new Hardswish(),
      new Dropout(dropout),
      new Linear(lastChannel, numClasses),
    );
    initialize(this, { conv: fanOut, linear: smallNormal });
  }

  forward(x: Tensor): Tensor {
    return classify(this.features.forward(x), this.avgpool, this.classifier);
  }
}

/** Options of {@link mobilenetV3Large} and {@link mobilenetV3Small}. */
export interface MobileNetV3VariantOptions extends MobileNetV3Options {
  /** Multiplies all numbers of channels. Default 1. */
  widthMult?: number;
  /** Half as many channels in the last stage. Default false. */
  reducedTail?: boolean;
  /** Dilate the last stage instead of taking strides. Default false. */
  dilated?: boolean;
}

type Row = readonly [
  kernel: number,
  expanded: number,
  output: number,
  squeeze: 0 | 1,
  hardswish: 0 | 1,
  stride: number,
];

const LARGE: readonly Row[] = [
  [3, 16, 16, 0, 0, 1],
  [3, 64, 24, 0, 0, 2],
  [3, 72, 24, 0, 0, 1],
  [5, 72, 40, 1, 0, 2],
  [5, 120, 40, 1, 0, 1],
  [5, 120, 40, 1, 0, 1],
  [3, 240, 80, 0, 1, 2],
  [3, 200, 80, 0, 1, 1],
  [3, 184, 80, 0, 1, 1],
  [3, 184, 80, 0, 1, 1],
  [3, 480, 112, 1, 1, 1],
  [3, 672, 112, 1, 1, 1],
  [5, 672, 160, 1, 1, 2],
  [5, 960, 160, 1, 1, 1],
  [5, 960, 160, 1, 1, 1],
];

const SMALL: readonly Row[] = [
  [3, 16, 16, 1, 0, 2],
  [3, 72, 24, 0, 0, 2],
  [3, 88, 24, 0, 0, 1],
  [5, 96, 40, 1, 1, 2],
  [5, 240, 40, 1, 1, 1],
  [5, 240, 40, 1, 1, 1],
  [5, 120, 48, 1, 1, 1],
  [5, 144, 48, 1, 1, 1],
  [5, 288, 96, 1, 1, 2],
  [5, 576, 96, 1, 1, 1],
  [5, 576, 96, 1, 1, 1],
];

function variant(table: readonly Row[], last: number, options: MobileNetV3VariantOptions): MobileNetV3 {
  checkOptions('mobilenetV3', options);
  const { widthMult = 1, reducedTail = false, dilated = false } = options;
  const width = (channels: number): number => makeDivisible(channels * widthMult, 8);
  const tail = table.length - 3;
  const cut = (value: number, halved: boolean): number => (reducedTail && halved ? Math.floor(value / 2) : value);
  let input = width(16);
  const rows = table.map(([kernel, expanded, channels, squeeze, hard, stride], i): MobileNetV3Row => {
    const row = {
      input,
      kernel,
      expanded: width(cut(expanded, i > tail)),
      output: width(cut(channels, i >= tail)),
      squeeze: squeeze === 1,
      activation: hard === 1 ? ('hardswish' as const) : ('relu' as const),
      stride,
      dilation: dilated && i >= tail ? 2 : 1,
    };
    input = row.output;
    return row;
  });
  return new MobileNetV3(rows, width(cut(last, true)), options);
}

/** {@link MobileNetV3}, the large one; 5,483,032 parameters. */
export const mobilenetV3Large = (options: MobileNetV3VariantOptions = {}): MobileNetV3 => variant(LARGE, 1280, options);

/** {@link MobileNetV3}, the small one; 2,542,856 parameters. */
export const mobilenetV3Small = (options: MobileNetV3VariantOptions = {}): MobileNetV3 => variant(SMALL, 1024, options);

forgetsOutside(InvertedResidual, InvertedResidualV3);
