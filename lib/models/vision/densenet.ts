import { checkpoint } from '../../autograd/checkpoint.js';
import { forgetsOutside, pass } from '../../nn/forgetful.js';
import { convNorm, normActivation } from '../../nn/fusion.js';
import { AvgPool2d, BatchNorm2d, Conv2d, init, Linear, MaxPool2d, Module, ReLU, Sequential } from '../../nn/index.js';
import { adaptiveAvgPool2d } from '../../ops/layers/pool-avg.js';
import { relu_ } from '../../ops/pointwise/inplace.js';
import { dropout } from '../../ops/random/dropout.js';
import { cat } from '../../ops/shape/concat.js';
import { flatten } from '../../ops/shape/view.js';
import { isGradEnabled } from '../../tensor/frame.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type ClassifierOptions, checkClassifier, initialize, zeroBias } from './build.js';

/** Options of the dense networks. */
export interface DenseNetOptions extends ClassifierOptions {
  /** Channels that each layer adds. Default 32; densenet161: 48. */
  growthRate?: number;
  /** Layers in each of the four blocks. Default: the network's. */
  blockConfig?: readonly number[];
  /** Channels behind the first convolution. Default 64; densenet161: 96. */
  numInitFeatures?: number;
  /** A layer's 1 × 1 convolution makes `bnSize · growthRate` channels. Default 4. */
  bnSize?: number;
  /** Dropout behind each layer. Default 0. */
  dropRate?: number;
  /** Compute the joined channels and the 1 × 1 convolutions again in the backward pass instead of keeping them. Default false. */
  memoryEfficient?: boolean;
}

type Settings = Required<Omit<DenseNetOptions, 'numClasses' | 'inChannels' | 'blockConfig'>>;

/** Makes `growthRate` channels from all that were made before: `[N, C, H, W]` each. */
class DenseLayer extends Module<[readonly Tensor[]]> {
  readonly norm1: BatchNorm2d;
  readonly relu1 = new ReLU({ inplace: true });
  readonly conv1: Conv2d;
  readonly norm2: BatchNorm2d;
  readonly relu2 = new ReLU({ inplace: true });
  readonly conv2: Conv2d;
  readonly dropRate: number;
  readonly memoryEfficient: boolean;

  constructor(inputs: number, { growthRate, bnSize, dropRate, memoryEfficient }: Settings) {
    super();
    this.norm1 = new BatchNorm2d(inputs);
    this.conv1 = new Conv2d(inputs, bnSize * growthRate, 1, { bias: false });
    this.norm2 = new BatchNorm2d(bnSize * growthRate);
    this.conv2 = new Conv2d(bnSize * growthRate, growthRate, 3, { padding: 1, bias: false });
    this.dropRate = dropRate;
    this.memoryEfficient = memoryEfficient;
  }

  /** What comes before the bottleneck's convolution. */
  private joined(made: readonly Tensor[]): Tensor {
    return normActivation(this.norm1, this.relu1, cat(made, 1));
  }

  private bottleneck(made: readonly Tensor[]): Tensor {
    if (!this.memoryEfficient || !isGradEnabled() || !made.some((x) => x.requiresGrad)) {
      return convNorm(this.conv1, this.norm2, this.relu2, this.joined(made));
    }
    const narrow = checkpoint((...parts: Tensor[]) => this.conv1.forward(this.joined(parts)), [...made]);
    return normActivation(this.norm2, this.relu2, narrow);
  }

  forward(made: readonly Tensor[]): Tensor {
    const added = this.conv2.forward(this.bottleneck(made));
    return this.dropRate > 0 ? dropout(added, this.dropRate, { training: this.training }) : added;
  }
}

/** Layers of which each sees the results of all before it: `[N, C, H, W]` to `[N, C + layers · growthRate, H, W]`. */
class DenseBlock extends Module {
  constructor(layers: number, inputs: number, settings: Settings) {
    super();
    for (let i = 0; i < layers; i++) {
      this.addModule(`denselayer${i + 1}`, new DenseLayer(inputs + i * settings.growthRate, settings));
    }
  }

  forward(x: Tensor): Tensor {
    const made = [x];
    for (const layer of this.children() as unknown as DenseLayer[]) made.push(pass(layer, made));
    return cat(made, 1);
  }
}

/** Half the channels and half the size. */
class Transition extends Sequential {
  constructor(inputs: number, outputs: number) {
    super({
      norm: new BatchNorm2d(inputs),
      relu: new ReLU({ inplace: true }),
      conv: new Conv2d(inputs, outputs, 1, { bias: false }),
      pool: new AvgPool2d(2, { stride: 2 }),
    });
  }
}

/** Names of torchvision's files, which have one dot more: `denselayer1.norm.1.weight`. */
const OLD_KEY = /^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$/;

/** Four dense blocks: see {@link densenet121}. Images `[N, inChannels, H, W]`, result `[N, numClasses]`. */
export class DenseNet extends Module {
  readonly features: Sequential;
  /** May be replaced. */
  classifier: Linear;

  /** @internal Use {@link densenet121} and its like. */
  constructor(
    blockConfig: readonly number[],
    settings: Settings,
    { numClasses, inChannels }: Required<ClassifierOptions>,
  ) {
    super();
    const { numInitFeatures, growthRate } = settings;
    this.features = new Sequential({
      conv0: new Conv2d(inChannels, numInitFeatures, 7, { stride: 2, padding: 3, bias: false }),
      norm0: new BatchNorm2d(numInitFeatures),
      relu0: new ReLU({ inplace: true }),
      pool0: new MaxPool2d(3, { stride: 2, padding: 1 }),
    });
    let channels = numInitFeatures;
    blockConfig.forEach((layers, i) => {
      this.features.addModule(`denseblock${i + 1}`, new DenseBlock(layers, channels, settings));
      channels += layers * growthRate;
      if (i === blockConfig.length - 1) return;
      this.features.addModule(`transition${i + 1}`, new Transition(channels, Math.floor(channels / 2)));
      channels = Math.floor(channels / 2);
    });
    this.features.addModule('norm5', new BatchNorm2d(channels));
    this.classifier = new Linear(channels, numClasses);
    this.registerLoadStateDictPreHook((_module, state, prefix) => {
      for (const key of Object.keys(state)) {
        const [, layer, rest] = key.startsWith(prefix) ? (OLD_KEY.exec(key) ?? []) : [];
        if (!layer) continue;
        state[layer + rest] = state[key];
        delete state[key];
      }
    });
  }

  forward(x: Tensor): Tensor {
    const features = relu_(this.features.forward(x));
    return this.classifier.forward(flatten(adaptiveAvgPool2d(features, [1, 1]), 1));
  }
}

function densenet(op: string, usual: DenseNetOptions, options: DenseNetOptions): DenseNet {
  const classifier = checkClassifier(op, options);
  const { blockConfig = [], ...given } = { ...usual, ...options };
  const settings: Settings = {
    growthRate: 32,
    numInitFeatures: 64,
    bnSize: 4,
    dropRate: 0,
    memoryEfficient: false,
    ...given,
  };
  const model = new DenseNet(blockConfig, settings, classifier);
  initialize(model, { conv: (layer) => void init.kaimingNormal_(layer.weight), linear: zeroBias });
  return model;
}

/**
 * DenseNet-121: 7,978,856 parameters. Images `[N, inChannels, H, W]` of 29 × 29 or more, result `[N, numClasses]`.
 * State dicts with the older names of torchvision's files load too.
 * Source: Huang et al., "Densely Connected Convolutional Networks", https://arxiv.org/abs/1608.06993;
 * https://docs.pytorch.org/vision/0.28/models/densenet.html
 */
export const densenet121 = (options: DenseNetOptions = {}): DenseNet =>
  densenet('densenet121', { blockConfig: [6, 12, 24, 16] }, options);
/** DenseNet-161: 28,681,000 parameters. See {@link densenet121}. */
export const densenet161 = (options: DenseNetOptions = {}): DenseNet =>
  densenet('densenet161', { blockConfig: [6, 12, 36, 24], growthRate: 48, numInitFeatures: 96 }, options);
/** DenseNet-169: 14,149,480 parameters. See {@link densenet121}. */
export const densenet169 = (options: DenseNetOptions = {}): DenseNet =>
  densenet('densenet169', { blockConfig: [6, 12, 32, 32] }, options);
/** DenseNet-201: 20,013,928 parameters. See {@link densenet121}. */
export const densenet201 = (options: DenseNetOptions = {}): DenseNet =>
  densenet('densenet201', { blockConfig: [6, 12, 48, 32] }, options);

forgetsOutside(DenseLayer, DenseBlock);
