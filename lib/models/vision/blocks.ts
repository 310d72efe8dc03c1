// What the networks for images have in common.
import { ArgumentError, valueText } from '../../errors.js';
import { Conv2d, type Conv2dOptions, type Conv3d } from '../../nn/conv.js';
import { init, type Linear, type Module } from '../../nn/index.js';
import type { Tensor } from '../../tensor/tensor.js';
import { zeroBias } from './build.js';

/** Throws unless there is a number of blocks for each stage. @internal */
export function checkStages(op: string, layers: readonly number[], stages: number): void {
  const valid = Array.isArray(layers) && layers.length === stages;
  if (valid && layers.every((blocks) => Number.isSafeInteger(blocks) && blocks >= 1)) return;
  throw new ArgumentError(op, `layers must be ${stages} numbers of blocks, got ${valueText(layers)}`, layers);
}

/** A 3×3 convolution with a border of its dilation and no bias. @internal */
export function conv3x3(inputs: number, outputs: number, { stride = 1, groups = 1, dilation = 1 } = {}): Conv2d {
  return new Conv2d(inputs, outputs, 3, { stride, padding: dilation, groups, dilation, bias: false });
}

/** A 1×1 convolution without bias. @internal */
export function conv1x1(inputs: number, outputs: number, options: Pick<Conv2dOptions, 'stride'> = {}): Conv2d {
  return new Conv2d(inputs, outputs, 1, { ...options, bias: false });
}

/** The nearest multiple of `divisor`, not more than a tenth below `value`: MobileNet's numbers of channels. @internal */
export function makeDivisible(value: number, divisor: number): number {
  const rounded = Math.max(divisor, Math.floor(Math.floor(value + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * value ? rounded + divisor : rounded;
}

/** Pools `[N, C, ...]` to one number per channel and classifies: `[N, numClasses]`. @internal */
export function classify(features: Tensor, pool: Module, head: Module): Tensor {
  return head.forward(pool.forward(features).flatten(1));
}

/** Kaiming's normal numbers for what leaves a convolution, 0 for its bias. @internal */
export function fanOut(layer: Conv2d | Conv3d): void {
  init.kaimingNormal_(layer.weight, { mode: 'fanOut', nonlinearity: 'relu' });
  zeroBias(layer);
}

/** N(0, 0.01²) for the weight, 0 for the bias. @internal */
export function smallNormal(layer: Linear): void {
  init.normal_(layer.weight, 0, 0.01);
  zeroBias(layer);
}
