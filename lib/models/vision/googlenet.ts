import { forgetsOutside } from '../../nn/forgetful.js';
import { runInOrder } from '../../nn/fusion.js';
import { AdaptiveAvgPool2d, Dropout, init, Linear, MaxPool2d, Module, Sequential } from '../../nn/index.js';
import { adaptiveAvgPool2d } from '../../ops/layers/pool-avg.js';
import { cat } from '../../ops/shape/concat.js';
import { flatten } from '../../ops/shape/view.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkClassifier, type DropoutOptions, initialize } from './build.js';
import { activated, BasicConv2d, RELU, toHalves } from './conv-block.js';

/** Options of {@link googlenet}; `dropout` is 0.2 by default. */
export interface GoogLeNetOptions extends DropoutOptions {
  /** The two classifiers on the way, for training. Default true. */
  auxLogits?: boolean;
  /** Dropout of those. Default 0.7. */
  dropoutAux?: number;
  /** Turn ImageNet's normalization of the images into (x − 0.5) / 0.5 first. Default false. */
  transformInput?: boolean;
  /** Begin with truncated normal numbers; false leaves the layers as they begin. Default true. */
  initWeights?: boolean;
}

/** What {@link GoogLeNet} returns in training: `loss = ce(logits) + 0.3 * (ce(auxLogits1) + ce(auxLogits2))`. */
export interface GoogLeNetOutputs {
  logits: Tensor;
  /** Of the classifier behind inception 4d. */
  auxLogits2: Tensor;
  /** Of the classifier behind inception 4a. */
  auxLogits1: Tensor;
}

/** 1 × 1, 3 × 3 (twice: torchvision's "5 × 5" has 3 × 3 filters, too) and a pool side by side. */
class Inception extends Module {
  readonly branch1: BasicConv2d;
  readonly branch2: Sequential;
  readonly branch3: Sequential;
  readonly branch4: Sequential;

  constructor(inputs: number, [one, reduce3, three, reduce5, five, pooled]: readonly number[]) {
    super();
    this.branch1 = new BasicConv2d(inputs, one, 1);
    this.branch2 = new Sequential(
      new BasicConv2d(inputs, reduce3, 1),
      new BasicConv2d(reduce3, three, 3, { padding: 1 }),
    );
    this.branch3 = new Sequential(
      new BasicConv2d(inputs, reduce5, 1),
      new BasicConv2d(reduce5, five, 3, { padding: 1 }),
    );
    this.branch4 = new Sequential(
      new MaxPool2d(3, { stride: 1, padding: 1, ceilMode: true }),
      new BasicConv2d(inputs, pooled, 1),
    );
  }

  forward(x: Tensor): Tensor {
    return cat([this.branch1.forward(x), this.branch2.forward(x), this.branch3.forward(x), this.branch4.forward(x)], 1);
  }
}

/** A classifier on the way, `[N, inputs, H, W]` to `[N, numClasses]`. */
class InceptionAux extends Module {
  readonly conv: BasicConv2d;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly dropout: Dropout;

  constructor(inputs: number, numClasses: number, dropout: number) {
    super();
    this.conv = new BasicConv2d(inputs, 128, 1);
    this.fc1 = new Linear(2048, 1024);
    this.fc2 = new Linear(1024, numClasses);
    this.dropout = new Dropout(dropout);
  }

  forward(x: Tensor): Tensor {
    const pooled = flatten(this.conv.forward(adaptiveAvgPool2d(x, [4, 4])), 1);
    return this.fc2.forward(this.dropout.forward(activated(this.fc1, RELU, pooled)));
  }
}

/** Nine inception modules: see {@link googlenet}. Images `[N, inChannels, H, W]`, result `[N, numClasses]`. */
export class GoogLeNet extends Module<[Tensor], Tensor | GoogLeNetOutputs> {
  readonly conv1: BasicConv2d;
  readonly maxpool1 = new MaxPool2d(3, { stride: 2, ceilMode: true });
  readonly conv2 = new BasicConv2d(64, 64, 1);
  readonly conv3 = new BasicConv2d(64, 192, 3, { padding: 1 });
  readonly maxpool2 = new MaxPool2d(3, { stride: 2, ceilMode: true });
  readonly inception3a = new Inception(192, [64, 96, 128, 16, 32, 32]);
  readonly inception3b = new Inception(256, [128, 128, 192, 32, 96, 64]);
  readonly maxpool3 = new MaxPool2d(3, { stride: 2, ceilMode: true });
  readonly inception4a = new Inception(480, [192, 96, 208, 16, 48, 64]);
  readonly inception4b = new Inception(512, [160, 112, 224, 24, 64, 64]);
  readonly inception4c = new Inception(512, [128, 128, 256, 24, 64, 64]);
  readonly inception4d = new Inception(512, [112, 144, 288, 32, 64, 64]);
  readonly inception4e = new Inception(528, [256, 160, 320, 32, 128, 128]);
  readonly maxpool4 = new MaxPool2d(2, { stride: 2, ceilMode: true });
  readonly inception5a = new Inception(832, [256, 160, 320, 32, 128, 128]);
  readonly inception5b = new Inception(832, [384, 192, 384, 48, 128, 128]);
  /** Behind inception 4a. Null without auxiliary classifiers; assign null to leave them out of a trained model. */
  aux1: InceptionAux | null;
  /** Behind inception 4d. */
  aux2: InceptionAux | null;
  readonly avgpool = new AdaptiveAvgPool2d([1, 1]);
  readonly dropout: Dropout;
  /** May be replaced: `model.fc = new nn.Linear(1024, 5)`. */
  fc: Linear;
  readonly transformInput: boolean;

  /** @internal Use {@link googlenet}. */
  constructor(options: GoogLeNetOptions) {
    super();
    const { numClasses, inChannels } = checkClassifier('googlenet', options);
    const { auxLogits = true, dropout = 0.2, dropoutAux = 0.7, transformInput = false } = options;
    this.conv1 = new BasicConv2d(inChannels, 64, 7, { stride: 2, padding: 3 });
    this.aux1 = auxLogits ? new InceptionAux(512, numClasses, dropoutAux) : null;
    this.aux2 = auxLogits ? new InceptionAux(528, numClasses, dropoutAux) : null;
    this.dropout = new Dropout(dropout);
    this.fc = new Linear(1024, numClasses);
    this.transformInput = transformInput;
  }

  forward(input: Tensor): Tensor | GoogLeNetOutputs {
    const early = [this.conv1, this.maxpool1, this.conv2, this.conv3, this.maxpool2];
    const third = [this.inception3a, this.inception3b, this.maxpool3];
    let x = runInOrder([...early, ...third, this.inception4a], this.transformInput ? toHalves(input) : input);
    const auxLogits1 = this.training ? this.aux1?.forward(x) : undefined;
    x = runInOrder([this.inception4b, this.inception4c, this.inception4d], x);
    const auxLogits2 = this.training ? this.aux2?.forward(x) : undefined;
    x = runInOrder([this.inception4e, this.maxpool4, this.inception5a, this.inception5b, this.avgpool], x);
    const logits = this.fc.forward(this.dropout.forward(flatten(x, 1)));
    return auxLogits1 && auxLogits2 ? { logits, auxLogits2, auxLogits1 } : logits;
  }
}

/**
 * GoogLeNet (Inception v1) with batch normalization: 6,624,904 parameters, and 6,379,984 in the auxiliary classifiers,
 * which run in training only; the output has three fields then. Images `[N, inChannels, H, W]` of 15 × 15 or more, result
 * `[N, numClasses]`.
 * Source: Szegedy et al., "Going Deeper with Convolutions", https://arxiv.org/abs/1409.4842;
 * https://docs.pytorch.org/vision/0.28/models/googlenet.html
 */
export function googlenet(options: GoogLeNetOptions = {}): GoogLeNet {
  const model = new GoogLeNet(options);
  if (options.initWeights === false) return model;
  // As in torchvision, biases begin as those of the layers do.
  const shorten = (layer: { weight: Tensor }): void => {
    init.truncNormal_(layer.weight, 0, 0.01, -2, 2);
  };
  initialize(model, { conv: shorten, linear: shorten });
  return model;
}

forgetsOutside(Inception);
