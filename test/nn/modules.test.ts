// The basic modules against PyTorch's, alone and together.
import { cat, full, nn, ones, type Tensor } from '../../lib/index.js';
import { compareModules } from '../support/modules.js';

class Block extends nn.Module {
  convLayer = new nn.Conv2d(2, 3, 3, { padding: 1 });
  batchNorm = new nn.BatchNorm2d(3);
  forward(x: Tensor): Tensor {
    return this.batchNorm.forward(this.convLayer.forward(x)).tanh();
  }
}

class Net extends nn.Module {
  scale = new nn.Parameter(ones([3, 1, 1]));
  declare pixelMean: Tensor;
  block = new Block();
  heads = new nn.ModuleList([new nn.Linear(3, 4), new nn.Linear(3, 4), new nn.Linear(3, 2)]);
  lastHead = this.heads.items[2];

  constructor() {
    super();
    this.registerBuffer('pixelMean', full([2, 1, 1], 0.25));
  }

  forward(x: Tensor): Tensor {
    const y = this.block.forward(x.sub(this.pixelMean)).mul(this.scale).mean([2, 3]);
    return cat(
      [...this.heads, this.lastHead].map((head) => head.forward(y)),
      1,
    );
  }
}

const two = { stride: [2, 1], padding: [1, 0], dilation: [1, 2] } as const;

compareModules('nn', {
  conv: () => new nn.Conv2d(4, 3, 3),
  'conv rectangular': () => new nn.Conv2d(4, 6, [3, 2], { ...two, groups: 2, bias: false }),
  'conv same': () => new nn.Conv2d(4, 2, 3, { padding: 'same', dilation: 2 }),
  'conv valid': () => new nn.Conv2d(4, 2, 3, { padding: 'valid' }),
  'conv unbatched': () => new nn.Conv2d(4, 2, 3, { padding: 1 }),
  linear: () => new nn.Linear(5, 3),
  'linear without bias': () => new nn.Linear(5, 3, { bias: false }),
  batchNorm1d: () => new nn.BatchNorm1d(4),
  'batchNorm1d cumulative': () => new nn.BatchNorm1d(4, { momentum: null, eps: 1e-3 }),
  'batchNorm1d plain': () => new nn.BatchNorm1d(4, { affine: false }),
  'batchNorm1d untracked': () => new nn.BatchNorm1d(4, { trackRunningStats: false, eps: 1e-6 }),
  'batchNorm1d without bias': () => new nn.BatchNorm1d(4, { bias: false, momentum: 0.3 }),
  'batchNorm1d of sequences': () => new nn.BatchNorm1d(3),
  batchNorm2d: () => new nn.BatchNorm2d(4),
  maxPool: () => new nn.MaxPool2d(2),
  'maxPool rectangular': () => new nn.MaxPool2d([3, 2], { ...two, ceilMode: true }),
  avgPool: () => new nn.AvgPool2d(2),
  'avgPool rectangular': () =>
    new nn.AvgPool2d([3, 2], { stride: [2, 1], padding: [1, 0], ceilMode: true, countIncludePad: false }),
  'avgPool divisor': () => new nn.AvgPool2d(3, { divisorOverride: 4 }),
  flatten: () => new nn.Flatten(),
  'flatten two axes': () => new nn.Flatten(0, 1),
  identity: () => new nn.Identity(),
  relu: () => new nn.ReLU(),
  sigmoid: () => new nn.Sigmoid(),
  tanh: () => new nn.Tanh(),
  softmax: () => new nn.Softmax(1),
  'softmax last': () => new nn.Softmax(-1),
  dropout: () => new nn.Dropout(),
  'dropout small': () => new nn.Dropout(0.00001),
  crossEntropy: () => new nn.CrossEntropyLoss(),
  'crossEntropy smooth': () => new nn.CrossEntropyLoss({ reduction: 'sum', ignoreIndex: 2, labelSmoothing: 0.125 }),
  'crossEntropy of images': () => new nn.CrossEntropyLoss(),
  mse: () => new nn.MSELoss(),
  'mse per element': () => new nn.MSELoss({ reduction: 'none' }),
  sequential: () =>
    new nn.Sequential(
      new nn.Conv2d(2, 4, 3, { padding: 1 }),
      new nn.BatchNorm2d(4),
      new nn.Sigmoid(),
      new nn.MaxPool2d(2, { ceilMode: true }),
      new nn.Conv2d(4, 3, 1),
      new nn.Tanh(),
      new nn.AvgPool2d(2),
      new nn.Flatten(),
      new nn.Dropout(0),
      new nn.Linear(6, 5),
      new nn.BatchNorm1d(5),
      new nn.ReLU(),
      new nn.Identity(),
      new nn.Sequential(new nn.Linear(5, 4), new nn.Softmax(1)),
      new nn.Sequential(),
    ),
  net: () => new Net(),
});
