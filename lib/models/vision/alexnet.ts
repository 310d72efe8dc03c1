import { AdaptiveAvgPool2d, Conv2d, Dropout, Linear, MaxPool2d, Module, ReLU, Sequential } from '../../nn/index.js';
import { flatten } from '../../ops/shape/view.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkClasses, type DropoutOptions } from './build.js';

/** Options of {@link alexnet}. */
export type AlexNetOptions = DropoutOptions;

/** Five convolutions, three pools, three affine layers: see {@link alexnet}. Images `[N, 3, H, W]`, result `[N, numClasses]`. */
export class AlexNet extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor(options: AlexNetOptions = {}) {
    super();
    const numClasses = checkClasses('alexnet', options);
    const dropout = options.dropout ?? 0.5;
    const relu = (): ReLU => new ReLU({ inplace: true });
    this.features = new Sequential(
      new Conv2d(3, 64, 11, { stride: 4, padding: 2 }),
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
    this.avgpool = new AdaptiveAvgPool2d([6, 6]);
    this.classifier = new Sequential(
      new Dropout(dropout),
      new Linear(256 * 6 * 6, 4096),
      relu(),
      new Dropout(dropout),
      new Linear(4096, 4096),
      relu(),
      new Linear(4096, numClasses),
    );
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(flatten(this.avgpool.forward(this.features.forward(x)), 1));
  }
}

/**
 * AlexNet as in torchvision, which follows the later one-path form: 61,100,840 parameters. Images `[N, 3, H, W]`, of 63 × 63
 * or more. Result `[N, numClasses]`.
 * Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", https://arxiv.org/abs/1404.5997
 */
export const alexnet = (options: AlexNetOptions = {}): AlexNet => new AlexNet(options);
