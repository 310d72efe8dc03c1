import { forgetsOutside } from '../../nn/forgetful.js';
import { activationOf, convNorm, takesRelu } from '../../nn/fusion.js';
import { BatchNorm2d, Conv2d, type Conv2dOptions, Module, ReLU } from '../../nn/index.js';
import type { Size2 } from '../../ops/layers/sizes.js';
import { cat } from '../../ops/shape/concat.js';
import { select, unsqueeze } from '../../ops/shape/view.js';
import type { Tensor } from '../../tensor/tensor.js';

/** Without state, so one for all. @internal */
export const RELU = new ReLU({ inplace: true });

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
    return convNorm(this.conv, this.bn, RELU, x);
  }
}

/** A layer and its ReLU, in one kernel where both are plain. @internal */
export const activated = (layer: Module, relu: Module, x: Tensor): Tensor =>
  takesRelu(layer) && activationOf(relu) === 'relu' ? layer._forwardRelu(x) : relu.forward(layer.forward(x));

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

forgetsOutside(BasicConv2d);
