import { ArgumentError, valueText } from '../../errors.js';
import {
  AvgPool2d,
  Buffer,
  Conv2d,
  Flatten,
  init,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from '../../nn/index.js';
import { type Parameter, parameterOf } from '../../nn/parameter.js';
import { indexSelect } from '../../ops/indexing/indexing.js';
import { conv2d } from '../../ops/layers/conv.js';
import { sigmoid, tanh } from '../../ops/pointwise/unary.js';
import { cat } from '../../ops/shape/concat.js';
import { flatten, reshape } from '../../ops/shape/view.js';
import { ones, tensor, zeros } from '../../tensor/create.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type ClassifierOptions, checkClassifier } from './build.js';

/** Options of {@link lenet5}; images have one channel and there are 10 classes by default. */
export type LeNet5Options = ClassifierOptions;

/** Options of {@link lenet5_1998}. */
export interface LeNet1998Options {
  /** Default 10. */
  numClasses?: number;
  /** The squashing function: the paper's `1.7159 tanh(2x/3)`, or the logistic function. Default `'tanh'`. */
  activation?: 'tanh' | 'sigmoid';
}

const DIGITS = { numClasses: 10, inChannels: 1 };

/**
 * LeNet-5 as it is built today, with ReLU and max pooling: 61,706 parameters. Images `[N, inChannels, 28, 28]`, result
 * `[N, numClasses]`.
 * Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 86 (11), 1998
 */
export function lenet5(options: LeNet5Options = {}): Sequential {
  const { numClasses, inChannels } = checkClassifier('lenet5', options, DIGITS);
  return new Sequential({
    conv1: new Conv2d(inChannels, 6, 5, { padding: 2 }),
    relu1: new ReLU(),
    pool1: new MaxPool2d(2),
    conv2: new Conv2d(6, 16, 5),
    relu2: new ReLU(),
    pool2: new MaxPool2d(2),
    flatten: new Flatten(),
    fc1: new Linear(400, 120),
    relu3: new ReLU(),
    fc2: new Linear(120, 84),
    relu4: new ReLU(),
    fc3: new Linear(84, numClasses),
  });
}

/** The six maps each of the 16 in C3 sees: the paper's table I. */
const SEEN = [
  [0, 1, 2],
  [1, 2, 3],
  [2, 3, 4],
  [3, 4, 5],
  [0, 4, 5],
  [0, 1, 5],
  [0, 1, 2, 3],
  [1, 2, 3, 4],
  [2, 3, 4, 5],
  [0, 3, 4, 5],
  [0, 1, 4, 5],
  [0, 1, 2, 5],
  [0, 1, 3, 4],
  [1, 2, 4, 5],
  [0, 2, 3, 5],
  [0, 1, 2, 3, 4, 5],
] as const;

/** From U(±2.4 / fanIn), as the paper's appendix A says. */
const uniform = <T extends Tensor>(x: T, fanIn: number): T => init.uniform_(x, -2.4 / fanIn, 2.4 / fanIn);

/** The sum of 2 × 2 elements times one weight per channel, and a bias: `[N, C, H, W]` to `[N, C, H/2, W/2]`. */
class Subsampling extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly mean = new AvgPool2d(2);

  constructor(channels: number) {
    super();
    this.weight = parameterOf(uniform(ones([channels]), 4));
    this.bias = parameterOf(uniform(zeros([channels]), 4));
  }

  forward(x: Tensor): Tensor {
    const perChannel = [-1, 1, 1];
    return this.mean
      .forward(x)
      .mul(reshape(this.weight.mul(4), perChannel))
      .add(reshape(this.bias, perChannel));
  }
}

/** 5 × 5 filters for 60 of the 96 pairs of maps: `[N, 6, 14, 14]` to `[N, 16, 10, 10]`. `weight` `[60, 5, 5]`, `bias` `[16]`. */
class PartialConv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  /** The filter of each pair; the number behind the last one stands for zeros. */
  readonly table: Buffer;

  constructor() {
    super();
    const pairs = SEEN.flatMap((seen, map) => seen.map((input) => map * 6 + input));
    const filters = SEEN.map((seen) => uniform(zeros([seen.length, 5, 5]), seen.length * 25));
    this.weight = parameterOf(cat(filters));
    this.bias = parameterOf(cat(SEEN.map((seen) => uniform(zeros([1]), seen.length * 25))));
    const numbers = Array.from({ length: 96 }, (_, pair) =>
      pairs.includes(pair) ? pairs.indexOf(pair) : pairs.length,
    );
    this.table = new Buffer(tensor(numbers, { dtype: 'int64' }), { persistent: false });
  }

  forward(x: Tensor): Tensor {
    const none = zeros([1, 5, 5], { dtype: this.weight.dtype });
    const weight = reshape(indexSelect(cat([this.weight, none]), 0, this.table), [16, 6, 5, 5]);
    return conv2d(x, weight, this.bias);
  }
}

const SQUASH = { tanh: (x: Tensor): Tensor => tanh(x.mul(2 / 3)).mul(1.7159), sigmoid };

/** See {@link lenet5_1998}. Images `[N, 1, 32, 32]`, result `[N, numClasses]`. */
export class LeNet1998 extends Module {
  readonly c1 = new Conv2d(1, 6, 5);
  readonly s2 = new Subsampling(6);
  readonly c3 = new PartialConv2d();
  readonly s4 = new Subsampling(16);
  readonly c5 = new Conv2d(16, 120, 5);
  readonly f6 = new Linear(120, 84);
  readonly output: Linear;
  readonly activation: 'tanh' | 'sigmoid';

  /** @internal Use {@link lenet5_1998}. */
  constructor(options: LeNet1998Options) {
    super();
    const { numClasses } = checkClassifier('lenet5_1998', options, DIGITS);
    const { activation = 'tanh' } = options;
    if (!Object.hasOwn(SQUASH, activation)) {
      const text = `activation must be 'tanh' or 'sigmoid', got ${valueText(activation)}`;
      throw new ArgumentError('lenet5_1998', text, activation);
    }
    this.activation = activation;
    this.output = new Linear(84, numClasses);
    for (const layer of [this.c1, this.c5, this.f6, this.output]) {
      const fanIn = layer.weight.numel / layer.weight.shape[0];
      uniform(layer.weight, fanIn);
      if (layer.bias) uniform(layer.bias, fanIn);
    }
  }

  forward(x: Tensor): Tensor {
    const squash = SQUASH[this.activation];
    let y = squash(this.s2.forward(squash(this.c1.forward(x))));
    y = squash(this.s4.forward(squash(this.c3.forward(y))));
    y = squash(this.f6.forward(flatten(squash(this.c5.forward(y)), 1)));
    return this.output.forward(y);
  }
}

/**
 * LeNet-5 as published: pools with a weight and a bias per map, a third layer that sees a part of the second (table I) and
 * squashing functions. 60,000 parameters in C1 to F6 and an affine output layer of `85 · numClasses`, which stands for the
 * paper's radial basis functions with fixed codes. Images `[N, 1, 32, 32]`, result `[N, numClasses]`.
 * Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 86 (11), 1998
 */
export const lenet5_1998 = (options: LeNet1998Options = {}): LeNet1998 => new LeNet1998(options);
