import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  init,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from '../../nn/index.js';
import { flatten } from '../../ops/shape/view.js';
import type { Tensor } from '../../tensor/tensor.js';
import { built, checkClassifier, type DropoutOptions, initialize, zeroBias } from './build.js';

/** Options of the VGG networks. */
export interface VGGOptions extends DropoutOptions {
  /** Begin as the paper's successors do (He's numbers); false leaves the layers as they begin. Default true. */
  initWeights?: boolean;
}

/** Channels of the 3 × 3 convolutions; 'M' is a pool of 2 × 2. The paper's table 1, columns A, B, D and E. */
const TABLE = {
  11: [64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'],
  13: [64, 64, 'M', 128, 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'],
  16: [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M', 512, 512, 512, 'M', 512, 512, 512, 'M'],
  19: [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 256, 'M', 512, 512, 512, 512, 'M', 512, 512, 512, 512, 'M'],
} as const;

function convolutions(row: readonly (number | 'M')[], inChannels: number, norm: boolean): Sequential {
  const layers: Module[] = [];
  let channels = inChannels;
  for (const width of row) {
    if (width === 'M') {
      layers.push(new MaxPool2d(2, { stride: 2 }));
      continue;
    }
    layers.push(new Conv2d(channels, width, 3, { padding: 1 }));
    if (norm) layers.push(new BatchNorm2d(width));
    layers.push(new ReLU({ inplace: true }));
    channels = width;
  }
  return new Sequential(...layers);
}

/** 3 × 3 convolutions and three affine layers. Images `[N, inChannels, H, W]`, result `[N, numClasses]`. */
export class VGG extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  /** @internal Use {@link vgg16} and its like. */
  constructor(features: Sequential, classifier: Sequential) {
    super();
    this.features = features;
    this.avgpool = new AdaptiveAvgPool2d([7, 7]);
    this.classifier = classifier;
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(flatten(this.avgpool.forward(this.features.forward(x)), 1));
  }
}

function vgg(op: string, depth: keyof typeof TABLE, norm: boolean, options: VGGOptions): VGG {
  const { numClasses, inChannels } = checkClassifier(op, options);
  const { dropout = 0.5, initWeights = true } = options;
  const relu = (): ReLU => new ReLU({ inplace: true });
  const model = built(initWeights, () => {
    const classifier = new Sequential(
      new Linear(512 * 7 * 7, 4096),
      relu(),
      new Dropout(dropout),
      new Linear(4096, 4096),
      relu(),
      new Dropout(dropout),
      new Linear(4096, numClasses),
    );
    return new VGG(convolutions(TABLE[depth], inChannels, norm), classifier);
  });
  if (!initWeights) return model;
  initialize(model, {
    conv(layer) {
      init.kaimingNormal_(layer.weight, { mode: 'fanOut', nonlinearity: 'relu' });
      zeroBias(layer);
    },
    linear(layer) {
      init.normal_(layer.weight, 0, 0.01);
      zeroBias(layer);
    },
  });
  return model;
}

/**
 * VGG-11, configuration A: 132,863,336 parameters. Images `[N, inChannels, H, W]` of 32 × 32 or more, result `[N, numClasses]`.
 * Source: Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
 * https://arxiv.org/abs/1409.1556; https://docs.pytorch.org/vision/0.28/models/vgg.html
 */
export const vgg11 = (options: VGGOptions = {}): VGG => vgg('vgg11', 11, false, options);
/** {@link vgg11} with batch normalization: 132,868,840 parameters. */
export const vgg11Bn = (options: VGGOptions = {}): VGG => vgg('vgg11Bn', 11, true, options);
/** VGG-13, configuration B: 133,047,848 parameters. See {@link vgg11}. */
export const vgg13 = (options: VGGOptions = {}): VGG => vgg('vgg13', 13, false, options);
/** {@link vgg13} with batch normalization: 133,053,736 parameters. */
export const vgg13Bn = (options: VGGOptions = {}): VGG => vgg('vgg13Bn', 13, true, options);
/** VGG-16, configuration D: 138,357,544 parameters. See {@link vgg11}. */
export const vgg16 = (options: VGGOptions = {}): VGG => vgg('vgg16', 16, false, options);
/** {@link vgg16} with batch normalization: 138,365,992 parameters. */
export const vgg16Bn = (options: VGGOptions = {}): VGG => vgg('vgg16Bn', 16, true, options);
/** VGG-19, configuration E: 143,667,240 parameters. See {@link vgg11}. */
export const vgg19 = (options: VGGOptions = {}): VGG => vgg('vgg19', 19, false, options);
/** {@link vgg19} with batch normalization: 143,678,248 parameters. */
export const vgg19Bn = (options: VGGOptions = {}): VGG => vgg('vgg19Bn', 19, true, options);
