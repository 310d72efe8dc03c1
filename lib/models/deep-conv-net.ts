import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  init,
  Linear,
  MaxPool2d,
  type Module,
  ReLU,
  Sequential,
} from '../nn/index.js';
import { checkSize } from '../nn/linear.js';
import { checkOptions } from '../tensor/check.js';

/** Options of {@link deepConvNet}. */
export interface DeepConvNetOptions {
  /** Default 10. */
  numClasses?: number;
  /** Channels of the images. Default 1. */
  inChannels?: number;
  /** Height and width of the images. Default 28. */
  imageSize?: number;
  /** Dropout behind each of the two affine layers. Default 0.5. */
  dropout?: number;
  /** Batch normalization behind each convolution, which then has no bias, and behind the first affine layer. Default false. */
  batchNorm?: boolean;
}

const FILTERS: readonly (readonly [filters: number, padding: number])[] = [
  [16, 1],
  [16, 1],
  [32, 1],
  [32, 2],
  [64, 1],
  [64, 1],
];

/**
 * [conv-relu-conv-relu-pool] × 3 with 16, 16, 32, 32, 64, 64 filters of 3×3, affine 50, relu, dropout, affine, dropout.
 * Input `[N, inChannels, imageSize, imageSize]`, output `[N, numClasses]`; He initialisation, 123,552 parameters for
 * 28×28 images. Source: Saitoh, "Deep Learning from Scratch" (2016), chapter 8.
 */
export function deepConvNet(options: DeepConvNetOptions = {}): Sequential {
  checkOptions('deepConvNet', options);
  const { numClasses = 10, inChannels = 1, imageSize = 28, dropout = 0.5, batchNorm = false } = options;
  checkSize('deepConvNet', 'numClasses', numClasses);
  checkSize('deepConvNet', 'imageSize', imageSize, 6);
  const layers: Module[] = [];
  let channels = inChannels;
  let size = imageSize;
  FILTERS.forEach(([filters, padding], i) => {
    layers.push(new Conv2d(channels, filters, 3, { padding, bias: !batchNorm }));
    if (batchNorm) layers.push(new BatchNorm2d(filters));
    layers.push(new ReLU());
    channels = filters;
    size += 2 * padding - 2;
    if (i % 2 === 0) return;
    layers.push(new MaxPool2d(2));
    size = Math.floor(size / 2);
  });
  layers.push(new Flatten(), new Linear(channels * size * size, 50));
  if (batchNorm) layers.push(new BatchNorm1d(50));
  layers.push(new ReLU(), new Dropout(dropout), new Linear(50, numClasses), new Dropout(dropout));
  const model = new Sequential(...layers);
  model.apply((layer) => {
    if (!(layer instanceof Conv2d || layer instanceof Linear)) return;
    init.kaimingNormal_(layer.weight, { nonlinearity: 'relu' });
    if (layer.bias) init.zeros_(layer.bias);
  });
  return model;
}
