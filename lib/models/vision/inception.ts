import { forgetsOutside } from '../../nn/forgetful.js';
import { AdaptiveAvgPool2d, Dropout, init, Linear, MaxPool2d, Module } from '../../nn/index.js';
import { adaptiveAvgPool2d, avgPool2d } from '../../ops/layers/pool-avg.js';
import { maxPool2d } from '../../ops/layers/pool-max.js';
import { cat } from '../../ops/shape/concat.js';
import { flatten } from '../../ops/shape/view.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkClassifier, type DropoutOptions, initialize } from './build.js';
import { BasicConv2d, toHalves } from './conv-block.js';

/** Options of {@link inceptionV3}. */
export interface InceptionV3Options extends DropoutOptions {
  /** The classifier on the way, for training. Default true. */
  auxLogits?: boolean;
  /** Turn ImageNet's normalization of the images into (x − 0.5) / 0.5 first. Default false. */
  transformInput?: boolean;
  /** Begin with truncated normal numbers; false leaves the layers as they begin. Default true. */
  initWeights?: boolean;
}

/** What {@link InceptionV3} returns in training: `loss = ce(logits) + 0.4 * ce(auxLogits)`. */
export interface InceptionOutputs {
  logits: Tensor;
  auxLogits: Tensor;
}

const ROW = { padding: [0, 3] } as const;
const COLUMN = { padding: [3, 0] } as const;

/** Runs layers one after the other. */
const chain = (x: Tensor, ...layers: readonly Module[]): Tensor => layers.reduce((y, layer) => layer.forward(y), x);
const averaged = (x: Tensor): Tensor => avgPool2d(x, 3, { stride: 1, padding: 1 });

/** 1 × 1, 5 × 5, twice 3 × 3, and a pool: the paper's figure 5. */
class InceptionA extends Module {
  readonly branch1x1: BasicConv2d;
  readonly branch5x5_1: BasicConv2d;
  readonly branch5x5_2 = new BasicConv2d(48, 64, 5, { padding: 2 });
  readonly branch3x3dbl_1: BasicConv2d;
  readonly branch3x3dbl_2 = new BasicConv2d(64, 96, 3, { padding: 1 });
  readonly branch3x3dbl_3 = new BasicConv2d(96, 96, 3, { padding: 1 });
  readonly branchPool: BasicConv2d;

  constructor(inputs: number, pooled: number) {
    super();
    this.branch1x1 = new BasicConv2d(inputs, 64, 1);
    this.branch5x5_1 = new BasicConv2d(inputs, 48, 1);
    this.branch3x3dbl_1 = new BasicConv2d(inputs, 64, 1);
    this.branchPool = new BasicConv2d(inputs, pooled, 1);
  }

  forward(x: Tensor): Tensor {
    const branches = [
      this.branch1x1.forward(x),
      chain(x, this.branch5x5_1, this.branch5x5_2),
      chain(x, this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3),
      this.branchPool.forward(averaged(x)),
    ];
    return cat(branches, 1);
  }
}

/** Half the size by 3 × 3, twice 3 × 3, and a pool, all of stride 2: figure 10. */
class InceptionB extends Module {
  readonly branch3x3: BasicConv2d;
  readonly branch3x3dbl_1: BasicConv2d;
  readonly branch3x3dbl_2 = new BasicConv2d(64, 96, 3, { padding: 1 });
  readonly branch3x3dbl_3 = new BasicConv2d(96, 96, 3, { stride: 2 });

  constructor(inputs: number) {
    super();
    this.branch3x3 = new BasicConv2d(inputs, 384, 3, { stride: 2 });
    this.branch3x3dbl_1 = new BasicConv2d(inputs, 64, 1);
  }

  forward(x: Tensor): Tensor {
    const double = chain(x, this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3);
    return cat([this.branch3x3.forward(x), double, maxPool2d(x, 3, { stride: 2 })], 1);
  }
}

/** 7 × 7 as 1 × 7 and 7 × 1, once and twice: figure 6. */
class InceptionC extends Module {
  readonly branch1x1: BasicConv2d;
  readonly branch7x7_1: BasicConv2d;
  readonly branch7x7_2: BasicConv2d;
  readonly branch7x7_3: BasicConv2d;
  readonly branch7x7dbl_1: BasicConv2d;
  readonly branch7x7dbl_2: BasicConv2d;
  readonly branch7x7dbl_3: BasicConv2d;
  readonly branch7x7dbl_4: BasicConv2d;
  readonly branch7x7dbl_5: BasicConv2d;
  readonly branchPool: BasicConv2d;

  constructor(inputs: number, width: number) {
    super();
    this.branch1x1 = new BasicConv2d(inputs, 192, 1);
    this.branch7x7_1 = new BasicConv2d(inputs, width, 1);
    this.branch7x7_2 = new BasicConv2d(width, width, [1, 7], ROW);
    this.branch7x7_3 = new BasicConv2d(width, 192, [7, 1], COLUMN);
    this.branch7x7dbl_1 = new BasicConv2d(inputs, width, 1);
    this.branch7x7dbl_2 = new BasicConv2d(width, width, [7, 1], COLUMN);
    this.branch7x7dbl_3 = new BasicConv2d(width, width, [1, 7], ROW);
    this.branch7x7dbl_4 = new BasicConv2d(width, width, [7, 1], COLUMN);
    this.branch7x7dbl_5 = new BasicConv2d(width, 192, [1, 7], ROW);
    this.branchPool = new BasicConv2d(inputs, 192, 1);
  }

  forward(x: Tensor): Tensor {
    const double = [this.branch7x7dbl_1, this.branch7x7dbl_2, this.branch7x7dbl_3, this.branch7x7dbl_4];
    const branches = [
      this.branch1x1.forward(x),
      chain(x, this.branch7x7_1, this.branch7x7_2, this.branch7x7_3),
      chain(x, ...double, this.branch7x7dbl_5),
      this.branchPool.forward(averaged(x)),
    ];
    return cat(branches, 1);
  }
}

/** Half the size by 3 × 3, 7 × 7 and 3 × 3, and a pool. */
class InceptionD extends Module {
  readonly branch3x3_1: BasicConv2d;
  readonly branch3x3_2 = new BasicConv2d(192, 320, 3, { stride: 2 });
  readonly branch7x7x3_1: BasicConv2d;
  readonly branch7x7x3_2 = new BasicConv2d(192, 192, [1, 7], ROW);
  readonly branch7x7x3_3 = new BasicConv2d(192, 192, [7, 1], COLUMN);
  readonly branch7x7x3_4 = new BasicConv2d(192, 192, 3, { stride: 2 });

  constructor(inputs: number) {
    super();
    this.branch3x3_1 = new BasicConv2d(inputs, 192, 1);
    this.branch7x7x3_1 = new BasicConv2d(inputs, 192, 1);
  }

  forward(x: Tensor): Tensor {
    const long = chain(x, this.branch7x7x3_1, this.branch7x7x3_2, this.branch7x7x3_3, this.branch7x7x3_4);
    return cat([chain(x, this.branch3x3_1, this.branch3x3_2), long, maxPool2d(x, 3, { stride: 2 })], 1);
  }
}

/** 3 × 3 as 1 × 3 beside 3 × 1: figure 7. */
class InceptionE extends Module {
  readonly branch1x1: BasicConv2d;
  readonly branch3x3_1: BasicConv2d;
  readonly branch3x3_2a = new BasicConv2d(384, 384, [1, 3], { padding: [0, 1] });
  readonly branch3x3_2b = new BasicConv2d(384, 384, [3, 1], { padding: [1, 0] });
  readonly branch3x3dbl_1: BasicConv2d;
  readonly branch3x3dbl_2 = new BasicConv2d(448, 384, 3, { padding: 1 });
  readonly branch3x3dbl_3a = new BasicConv2d(384, 384, [1, 3], { padding: [0, 1] });
  readonly branch3x3dbl_3b = new BasicConv2d(384, 384, [3, 1], { padding: [1, 0] });
  readonly branchPool: BasicConv2d;

  constructor(inputs: number) {
    super();
    this.branch1x1 = new BasicConv2d(inputs, 320, 1);
    this.branch3x3_1 = new BasicConv2d(inputs, 384, 1);
    this.branch3x3dbl_1 = new BasicConv2d(inputs, 448, 1);
    this.branchPool = new BasicConv2d(inputs, 192, 1);
  }

  forward(x: Tensor): Tensor {
    const once = this.branch3x3_1.forward(x);
    const twice = chain(x, this.branch3x3dbl_1, this.branch3x3dbl_2);
    const branches = [
      this.branch1x1.forward(x),
      this.branch3x3_2a.forward(once),
      this.branch3x3_2b.forward(once),
      this.branch3x3dbl_3a.forward(twice),
      this.branch3x3dbl_3b.forward(twice),
      this.branchPool.forward(averaged(x)),
    ];
    return cat(branches, 1);
  }
}

/** The classifier on the way, `[N, inputs, H, W]` to `[N, numClasses]`. */
class InceptionAux extends Module {
  readonly conv0: BasicConv2d;
  readonly conv1 = new BasicConv2d(128, 768, 5);
  readonly fc: Linear;

  constructor(inputs: number, numClasses: number) {
    super();
    this.conv0 = new BasicConv2d(inputs, 128, 1);
    this.fc = new Linear(768, numClasses);
  }

  forward(x: Tensor): Tensor {
    const pooled = adaptiveAvgPool2d(chain(avgPool2d(x, 5, { stride: 3 }), this.conv0, this.conv1), [1, 1]);
    return this.fc.forward(flatten(pooled, 1));
  }
}

/** Inception modules of five kinds: see {@link inceptionV3}. Images `[N, inChannels, H, W]`, result `[N, numClasses]`. */
export class InceptionV3 extends Module<[Tensor], Tensor | InceptionOutputs> {
  readonly Conv2d_1a_3x3: BasicConv2d;
  readonly Conv2d_2a_3x3 = new BasicConv2d(32, 32, 3);
  readonly Conv2d_2b_3x3 = new BasicConv2d(32, 64, 3, { padding: 1 });
  readonly maxpool1 = new MaxPool2d(3, { stride: 2 });
  readonly Conv2d_3b_1x1 = new BasicConv2d(64, 80, 1);
  readonly Conv2d_4a_3x3 = new BasicConv2d(80, 192, 3);
  readonly maxpool2 = new MaxPool2d(3, { stride: 2 });
  readonly Mixed_5b = new InceptionA(192, 32);
  readonly Mixed_5c = new InceptionA(256, 64);
  readonly Mixed_5d = new InceptionA(288, 64);
  readonly Mixed_6a = new InceptionB(288);
  readonly Mixed_6b = new InceptionC(768, 128);
  readonly Mixed_6c = new InceptionC(768, 160);
  readonly Mixed_6d = new InceptionC(768, 160);
  readonly Mixed_6e = new InceptionC(768, 192);
  /** Behind Mixed_6e, in training. Null without; assign null to leave it out of a trained model. */
  AuxLogits: InceptionAux | null;
  readonly Mixed_7a = new InceptionD(768);
  readonly Mixed_7b = new InceptionE(1280);
  readonly Mixed_7c = new InceptionE(2048);
  readonly avgpool = new AdaptiveAvgPool2d([1, 1]);
  readonly dropout: Dropout;
  /** May be replaced: `model.fc = new nn.Linear(2048, 5)`. */
  fc: Linear;
  readonly transformInput: boolean;

  /** @internal Use {@link inceptionV3}. */
  constructor(options: InceptionV3Options) {
    super();
    const { numClasses, inChannels } = checkClassifier('inceptionV3', options);
    this.Conv2d_1a_3x3 = new BasicConv2d(inChannels, 32, 3, { stride: 2 });
    this.AuxLogits = (options.auxLogits ?? true) ? new InceptionAux(768, numClasses) : null;
    this.dropout = new Dropout(options.dropout ?? 0.5);
    this.fc = new Linear(2048, numClasses);
    this.transformInput = options.transformInput ?? false;
  }

  forward(input: Tensor): Tensor | InceptionOutputs {
    let x = this.transformInput ? toHalves(input) : input;
    x = chain(x, this.Conv2d_1a_3x3, this.Conv2d_2a_3x3, this.Conv2d_2b_3x3, this.maxpool1);
    x = chain(x, this.Conv2d_3b_1x1, this.Conv2d_4a_3x3, this.maxpool2);
    x = chain(x, this.Mixed_5b, this.Mixed_5c, this.Mixed_5d, this.Mixed_6a);
    x = chain(x, this.Mixed_6b, this.Mixed_6c, this.Mixed_6d, this.Mixed_6e);
    const auxLogits = this.training ? this.AuxLogits?.forward(x) : undefined;
    x = chain(x, this.Mixed_7a, this.Mixed_7b, this.Mixed_7c, this.avgpool, this.dropout);
    const logits = this.fc.forward(flatten(x, 1));
    return auxLogits ? { logits, auxLogits } : logits;
  }
}

/**
 * Inception v3: 27,161,264 parameters with the auxiliary classifier, which runs in training only; the output has two fields
 * then. Images `[N, inChannels, H, W]` of 75 × 75 or more (299 × 299 in the paper), result `[N, numClasses]`.
 * Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", https://arxiv.org/abs/1512.00567;
 * https://docs.pytorch.org/vision/0.28/models/inception.html
 */
export function inceptionV3(options: InceptionV3Options = {}): InceptionV3 {
  const model = new InceptionV3(options);
  if (options.initWeights === false) return model;
  // As in torchvision: the last affine layer of the auxiliary classifier begins smaller, biases as those of the layers do.
  const last = model.AuxLogits?.fc;
  initialize(model, {
    conv: (layer) => void init.truncNormal_(layer.weight, 0, 0.1, -2, 2),
    linear: (layer) => void init.truncNormal_(layer.weight, 0, layer === last ? 0.001 : 0.1, -2, 2),
  });
  return model;
}

forgetsOutside(InceptionA, InceptionB, InceptionC, InceptionD, InceptionE);
