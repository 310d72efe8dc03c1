// A residual network for videos.

import { Conv3d } from '../../nn/conv.js';
import { forgetsOutside } from '../../nn/forgetful.js';
import { Linear, Module, ReLU, Sequential } from '../../nn/index.js';
import { checkSize } from '../../nn/linear.js';
import { BatchNorm3d } from '../../nn/norm.js';
import { AdaptiveAvgPool3d } from '../../nn/pool.js';
import { add } from '../../ops/pointwise/arithmetic.js';
import { checkOptions } from '../../tensor/check.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkStages, classify, fanOut, smallNormal } from './blocks.js';
import { initialize } from './build.js';

/** Options of {@link VideoResNet}. */
export interface VideoResNetOptions {
  /** Default 400. */
  numClasses?: number;
  /** Channels of the frames. Default 3. */
  inChannels?: number;
}

const conv3x3x3 = (inputs: number, outputs: number, stride: number): Conv3d =>
  new Conv3d(inputs, outputs, 3, { stride, padding: 1, bias: false });

/** Two 3×3×3 convolutions and a shortcut. */
class VideoBlock extends Module {
  readonly conv1: Sequential;
  readonly conv2: Sequential;
  readonly relu: ReLU;
  readonly downsample: Sequential | null;

  constructor(inplanes: number, planes: number, stride: number) {
    super();
    this.conv1 = new Sequential(conv3x3x3(inplanes, planes, stride), new BatchNorm3d(planes), new ReLU());
    this.conv2 = new Sequential(conv3x3x3(planes, planes, 1), new BatchNorm3d(planes));
    this.relu = new ReLU();
    const same = stride === 1 && inplanes === planes;
    const project = () =>
      new Sequential(new Conv3d(inplanes, planes, 1, { stride, bias: false }), new BatchNorm3d(planes));
    this.downsample = same ? null : project();
  }

  forward(x: Tensor): Tensor {
    const out = this.conv2.forward(this.conv1.forward(x));
    return this.relu.forward(add(out, this.downsample ? this.downsample.forward(x) : x));
  }
}

/**
 * A residual network of 3-d convolutions: `layers` blocks in each of four stages. Input `[N, inChannels, D, H, W]` with D
 * frames, output `[N, numClasses]`.
 * Source: Tran et al., A Closer Look at Spatiotemporal Convolutions for Action Recognition, 2017;
 * https://docs.pytorch.org/vision/stable/models/video_resnet.html
 */
export class VideoResNet extends Module {
  readonly stem: Sequential;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly avgpool: AdaptiveAvgPool3d;
  readonly fc: Linear;

  constructor(layers: readonly number[], options: VideoResNetOptions = {}) {
    super();
    const op = 'VideoResNet';
    checkOptions(op, options);
    checkStages(op, layers, 4);
    const { numClasses = 400, inChannels = 3 } = options;
    checkSize(op, 'numClasses', numClasses);
    const first = { stride: [1, 2, 2], padding: [1, 3, 3], bias: false } as const;
    this.stem = new Sequential(new Conv3d(inChannels, 64, [3, 7, 7], first), new BatchNorm3d(64), new ReLU());
    const stage = (i: number): Sequential => {
      const planes = 64 * 2 ** i;
      const blocks = Array.from({ length: layers[i] }, (_, k) => {
        const begins = i > 0 && k === 0;
        return new VideoBlock(begins ? planes / 2 : planes, planes, begins ? 2 : 1);
      });
      return new Sequential(...blocks);
    };
    this.layer1 = stage(0);
    this.layer2 = stage(1);
    this.layer3 = stage(2);
    this.layer4 = stage(3);
    this.avgpool = new AdaptiveAvgPool3d(1);
    this.fc = new Linear(512, numClasses);
    initialize(this, { conv: fanOut, linear: smallNormal });
  }

  forward(x: Tensor): Tensor {
    const early = this.layer2.forward(this.layer1.forward(this.stem.forward(x)));
    return classify(this.layer4.forward(this.layer3.forward(early)), this.avgpool, this.fc);
  }
}

/** R3D-18: {@link VideoResNet} with 2, 2, 2, 2 blocks; 33,371,472 parameters. */
export const r3d18 = (options: VideoResNetOptions = {}): VideoResNet => new VideoResNet([2, 2, 2, 2], options);

forgetsOutside(VideoBlock);
