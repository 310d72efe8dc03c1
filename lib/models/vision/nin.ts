import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  Conv2d,
  Dropout,
  Flatten,
  init,
  MaxPool2d,
  type Module,
  ReLU,
  Sequential,
} from '../../nn/index.js';
import { built, checkClassifier, type DropoutOptions, initialize, zeroBias } from './build.js';

/** Options of {@link nin} and {@link ninCifar}. */
export type NiNOptions = DropoutOptions;

/** An mlpconv layer: a convolution and two of 1 × 1, each with ReLU. */
function mlpconv(
  channels: readonly number[],
  kernelSize: number,
  options: { stride?: number; padding?: number },
): Module[] {
  const [inputs, ...widths] = channels;
  return widths.flatMap((width, i) => [
    i === 0 ? new Conv2d(inputs, width, kernelSize, options) : new Conv2d(widths[i - 1], width, 1),
    new ReLU({ inplace: true }),
  ]);
}

/** The average of each class's map is its logit: no affine layers. */
const ending = (): Module[] => [new AdaptiveAvgPool2d([1, 1]), new Flatten()];

function initialized(make: () => Sequential): Sequential {
  const model = built(true, make);
  initialize(model, {
    conv(layer) {
      init.kaimingNormal_(layer.weight, { nonlinearity: 'relu' });
      zeroBias(layer);
    },
  });
  return model;
}

/**
 * Network in Network for ImageNet: four mlpconv layers and global average pooling, 7,595,176 parameters. Images
 * `[N, inChannels, H, W]` of 67 × 67 or more (224 × 224 in the paper), result `[N, numClasses]`. He's initialization.
 * Source: Lin, Chen, Yan, "Network In Network", https://arxiv.org/abs/1312.4400
 */
export function nin(options: NiNOptions = {}): Sequential {
  const { numClasses, inChannels } = checkClassifier('nin', options);
  const pool = (): MaxPool2d => new MaxPool2d(3, { stride: 2, ceilMode: true });
  return initialized(
    () =>
      new Sequential(
        ...mlpconv([inChannels, 96, 96, 96], 11, { stride: 4 }),
        pool(),
        ...mlpconv([96, 256, 256, 256], 5, { padding: 2 }),
        pool(),
        ...mlpconv([256, 384, 384, 384], 3, { padding: 1 }),
        pool(),
        new Dropout(options.dropout ?? 0.5),
        ...mlpconv([384, 1024, 1024, numClasses], 3, { padding: 1 }),
        ...ending(),
      ),
  );
}

/**
 * Network in Network for CIFAR-10: three mlpconv layers, 966,986 parameters for 10 classes (the default). Images
 * `[N, inChannels, H, W]` of 7 × 7 or more (32 × 32 in the paper), result `[N, numClasses]`. See {@link nin}.
 * Source: Lin, Chen, Yan, "Network In Network", https://arxiv.org/abs/1312.4400
 */
export function ninCifar(options: NiNOptions = {}): Sequential {
  const { numClasses, inChannels } = checkClassifier('ninCifar', options, { numClasses: 10, inChannels: 3 });
  const dropout = (): Dropout => new Dropout(options.dropout ?? 0.5);
  return initialized(
    () =>
      new Sequential(
        ...mlpconv([inChannels, 192, 160, 96], 5, { padding: 2 }),
        new MaxPool2d(3, { stride: 2, ceilMode: true }),
        dropout(),
        ...mlpconv([96, 192, 192, 192], 5, { padding: 2 }),
        new AvgPool2d(3, { stride: 2, ceilMode: true }),
        dropout(),
        ...mlpconv([192, 192, 192, numClasses], 3, { padding: 1 }),
        ...ending(),
      ),
  );
}
