import { BatchNorm2d, Conv2d, type Conv2dOptions, Module } from '../../nn/index.js';
import type { Size2 } from '../../ops/layers/sizes.js';
import { relu_ } from '../../ops/pointwise/inplace.js';
import { cat } from '../../ops/shape/concat.js';
import { select, unsqueeze } from '../../ops/shape/view.js';
import type { Tensor } from '../../tensor/tensor.js';

/** Convolution without bias, batch normalization with eps 0.001, ReLU: `[N, I, H, W]` to `[N, O, H', W']`. @internal */
export class BasicConv2d extends Module {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;

  constructor(inputs: number, outputs: number, kernelSize: Size2, options: Conv2dOptions = {}) {
    super();
    this.conv = new Conv2d(inputs, outputs, kernelSize, { ...options, bias: false });
    this.bn = new BatchNorm2d(outputs, { eps: 0.001 });
  }

  forward(x: Tensor): Tensor {
    return relu_(this.bn.forward(this.conv.forward(x)));
  }
}

const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

/** Images normalized by the mean and deviation of ImageNet, `[N, 3, H, W]`, as if by (x − 0.5) / 0.5. @internal */
export const toHalves = (x: Tensor): Tensor =>
  cat(
    MEAN.map((mean, c) =>
      unsqueeze(select(x, 1, c), 1)
        .mul(STD[c] / 0.5)
        .add((mean - 0.5) / 0.5),
    ),
    1,
  );
