import { forgetsOutside } from '../../nn/forgetful.js';
import { AdaptiveAvgPool2d, Conv2d, Dropout, init, MaxPool2d, Module, ReLU, Sequential } from '../../nn/index.js';
import { cat } from '../../ops/shape/concat.js';
import { flatten } from '../../ops/shape/view.js';
import type { Tensor } from '../../tensor/tensor.js';
import { built, checkClassifier, type DropoutOptions, initialize, zeroBias } from './build.js';
import { activated } from './conv-block.js';

/** Options of {@link squeezenet1_0} and {@link squeezenet1_1}. */
export type SqueezeNetOptions = DropoutOptions;

/** Few 1 × 1 filters, then 1 × 1 and 3 × 3 ones side by side: `[N, inputs, H, W]` to `[N, 2 · expand, H, W]`. */
class Fire extends Module {
  readonly squeeze: Conv2d;
  readonly squeezeActivation = new ReLU({ inplace: true });
  readonly expand1x1: Conv2d;
  readonly expand1x1Activation = new ReLU({ inplace: true });
  readonly expand3x3: Conv2d;
  readonly expand3x3Activation = new ReLU({ inplace: true });

  constructor(inputs: number, squeeze: number, expand: number) {
    super();
    this.squeeze = new Conv2d(inputs, squeeze, 1);
    this.expand1x1 = new Conv2d(squeeze, expand, 1);
    this.expand3x3 = new Conv2d(squeeze, expand, 3, { padding: 1 });
  }

  forward(x: Tensor): Tensor {
    const few = activated(this.squeeze, this.squeezeActivation, x);
    const small = activated(this.expand1x1, this.expand1x1Activation, few);
    return cat([small, activated(this.expand3x3, this.expand3x3Activation, few)], 1);
  }
}

/** Squeezing and expanding blocks, no affine layer. Images `[N, inChannels, H, W]`, result `[N, numClasses]`. */
export class SqueezeNet extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  /** @internal Use {@link squeezenet1_0} or {@link squeezenet1_1}. */
  constructor(features: Sequential, numClasses: number, dropout: number) {
    super();
    this.features = features;
    this.classifier = new Sequential(
      new Dropout(dropout),
      new Conv2d(512, numClasses, 1),
      new ReLU({ inplace: true }),
      new AdaptiveAvgPool2d([1, 1]),
    );
  }

  forward(x: Tensor): Tensor {
    return flatten(this.classifier.forward(this.features.forward(x)), 1);
  }
}

const pool = (): MaxPool2d => new MaxPool2d(3, { stride: 2, ceilMode: true });

function squeezenet(op: string, options: SqueezeNetOptions, features: (inChannels: number) => Module[]): SqueezeNet {
  const { numClasses, inChannels } = checkClassifier(op, options);
  const make = (): SqueezeNet =>
    new SqueezeNet(new Sequential(...features(inChannels)), numClasses, options.dropout ?? 0.5);
  const model = built(true, make);
  const last = model.classifier.at<Conv2d>(1);
  initialize(model, {
    conv(layer) {
      if (layer === last) init.normal_(layer.weight, 0, 0.01);
      else init.kaimingUniform_(layer.weight);
      zeroBias(layer);
    },
  });
  return model;
}

/**
 * SqueezeNet 1.0: 1,248,424 parameters. Images `[N, inChannels, H, W]` of 21 × 21 or more, result `[N, numClasses]`.
 * Source: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
 * https://arxiv.org/abs/1602.07360; https://docs.pytorch.org/vision/0.28/models/squeezenet.html
 */
export const squeezenet1_0 = (options: SqueezeNetOptions = {}): SqueezeNet =>
  squeezenet('squeezenet1_0', options, (inChannels) => [
    new Conv2d(inChannels, 96, 7, { stride: 2 }),
    new ReLU({ inplace: true }),
    pool(),
    new Fire(96, 16, 64),
    new Fire(128, 16, 64),
    new Fire(128, 32, 128),
    pool(),
    new Fire(256, 32, 128),
    new Fire(256, 48, 192),
    new Fire(384, 48, 192),
    new Fire(384, 64, 256),
    pool(),
    new Fire(512, 64, 256),
  ]);

/**
 * SqueezeNet 1.1, with 2.4 times less work than {@link squeezenet1_0}: 1,235,496 parameters. Images of 17 × 17 or more.
 * Source: https://docs.pytorch.org/vision/0.28/models/squeezenet.html
 */
export const squeezenet1_1 = (options: SqueezeNetOptions = {}): SqueezeNet =>
  squeezenet('squeezenet1_1', options, (inChannels) => [
    new Conv2d(inChannels, 64, 3, { stride: 2 }),
    new ReLU({ inplace: true }),
    pool(),
    new Fire(64, 16, 64),
    new Fire(128, 16, 64),
    pool(),
    new Fire(128, 32, 128),
    new Fire(256, 32, 128),
    pool(),
    new Fire(256, 48, 192),
    new Fire(384, 48, 192),
    new Fire(384, 64, 256),
    new Fire(512, 64, 256),
  ]);

forgetsOutside(Fire);
