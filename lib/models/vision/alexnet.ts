import {
  AdaptiveAvgPool2d,
  Conv2d,
  Dropout,
  init,
  Linear,
  LocalResponseNorm,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from '../../nn/index.js';
import { flatten } from '../../ops/shape/view.js';
import type { Tensor } from '../../tensor/tensor.js';
import { built, checkClassifier, type DropoutOptions } from './build.js';

/** Options of {@link alexnet}. */
export type AlexNetOptions = DropoutOptions;

const relu = (): ReLU => new ReLU({ inplace: true });

/** Two hidden affine layers with dropout before them, and the last one. */
const affine = (dropout: number, numClasses: number): Sequential =>
  new Sequential(
    new Dropout(dropout),
    new Linear(256 * 6 * 6, 4096),
    relu(),
    new Dropout(dropout),
    new Linear(4096, 4096),
    relu(),
    new Linear(4096, numClasses),
  );

/** Five convolutions, three pools, three affine layers. Images `[N, inChannels, H, W]`, result `[N, numClasses]`. */
export class AlexNet extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  /** @internal Use {@link alexnet} or {@link alexnet2012}. */
  constructor(features: Sequential, classifier: Sequential) {
    super();
    this.features = features;
    this.avgpool = new AdaptiveAvgPool2d([6, 6]);
    this.classifier = classifier;
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(flatten(this.avgpool.forward(this.features.forward(x)), 1));
  }
}

/**
 * AlexNet as in torchvision, which follows the later form with one path: 61,100,840 parameters. Images
 * `[N, inChannels, H, W]` of 63 × 63 or more (224 × 224 in the paper), result `[N, numClasses]`.
 * Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", https://arxiv.org/abs/1404.5997;
 * https://docs.pytorch.org/vision/0.28/models/alexnet.html
 */
export function alexnet(options: AlexNetOptions = {}): AlexNet {
  const { numClasses, inChannels } = checkClassifier('alexnet', options);
  const features = new Sequential(
    new Conv2d(inChannels, 64, 11, { stride: 4, padding: 2 }),
    relu(),
    new MaxPool2d(3, { stride: 2 }),
    new Conv2d(64, 192, 5, { padding: 2 }),
    relu(),
    new MaxPool2d(3, { stride: 2 }),
    new Conv2d(192, 384, 3, { padding: 1 }),
    relu(),
    new Conv2d(384, 256, 3, { padding: 1 }),
    relu(),
    new Conv2d(256, 256, 3, { padding: 1 }),
    relu(),
    new MaxPool2d(3, { stride: 2 }),
  );
  return new AlexNet(features, affine(options.dropout ?? 0.5, numClasses));
}

/**
 * AlexNet as it won in 2012: two paths that meet in the third convolution and the affine layers (here: two groups), local
 * response normalization, pools of 3 × 3 that overlap. 60,965,224 parameters; weights from N(0, 0.01²), biases 1 in the
 * second, fourth and fifth convolution and the hidden affine layers, else 0. Images `[N, inChannels, H, W]` of 63 × 63 or
 * more, result `[N, numClasses]`. The paper's constants: k 2, n 5, α 1e-4 (PyTorch divides α by n, so it is 5e-4), β 0.75.
 * Source: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NIPS 2012
 */
export function alexnet2012(options: AlexNetOptions = {}): AlexNet {
  const { numClasses, inChannels } = checkClassifier('alexnet2012', options);
  const norm = (): LocalResponseNorm => new LocalResponseNorm(5, { alpha: 5e-4, beta: 0.75, k: 2 });
  const model = built(true, () => {
    const features = new Sequential(
      new Conv2d(inChannels, 96, 11, { stride: 4, padding: 2 }),
      relu(),
      norm(),
      new MaxPool2d(3, { stride: 2 }),
      new Conv2d(96, 256, 5, { padding: 2, groups: 2 }),
      relu(),
      norm(),
      new MaxPool2d(3, { stride: 2 }),
      new Conv2d(256, 384, 3, { padding: 1 }),
      relu(),
      new Conv2d(384, 384, 3, { padding: 1, groups: 2 }),
      relu(),
      new Conv2d(384, 256, 3, { padding: 1, groups: 2 }),
      relu(),
      new MaxPool2d(3, { stride: 2 }),
    );
    return new AlexNet(features, affine(options.dropout ?? 0.5, numClasses));
  });
  for (const layer of model.modules()) {
    if (!(layer instanceof Conv2d || layer instanceof Linear)) continue;
    init.normal_(layer.weight, 0, 0.01);
    const ones = layer instanceof Conv2d ? layer.groups === 2 : layer.outFeatures === 4096;
    if (layer.bias) init.constant_(layer.bias, ones ? 1 : 0);
  }
  return model;
}
