// Convolution. Activations lie channels-last, weights H, W, I, O in memory (native/ops/conv.h).
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { type ConvArguments, native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { isFloating } from '../../tensor/dtype.js';
import { channelsLastStrides, checkShape, contiguousStrides, kernelStrides } from '../../tensor/layout.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { reluGrad } from '../pointwise/unary.js';
import { contiguous, expand, kernelLayout, reshape, squeeze, sumTo, unsqueeze } from '../shape/view.js';

/** A size for height and width, or one each. */
export type Pair = number | readonly [height: number, width: number];

/** Options of {@link conv2d}. */
export interface Conv2dOptions {
  /** Step of the kernel. Default 1. */
  stride?: Pair;
  /** Zeros around the input. `'valid'`: none; `'same'`: the output has the input's size (stride 1 only). Default 0. */
  padding?: Pair | 'same' | 'valid';
  /** Distance of the kernel's taps. Default 1. */
  dilation?: Pair;
  /** Groups of channels that do not see each other. Default 1. */
  groups?: number;
}

type Two = readonly [number, number];

/** Everything but the tensors. `padding` is what lies before the input, `after` what lies behind it. */
interface Geometry {
  readonly stride: Two;
  readonly padding: Two;
  readonly after: Two;
  readonly dilation: Two;
  readonly groups: number;
}

/** Elements that one output position may span; a sparse kernel that reaches further is a mistake. */
const MAX_REACH = 2 ** 28;

/** @internal Two integers of at least `least`; one number stands for both. */
export function pair(op: string, name: string, value: unknown, least: number): Two {
  const list = typeof value === 'number' ? [value, value] : value;
  const valid = (size: unknown) =>
    Number.isSafeInteger(size) && (size as number) >= least && (size as number) < 2 ** 31;
  if (!Array.isArray(list) || list.length !== 2 || !list.every(valid)) {
    throw new ArgumentError(
      op,
      `${name} must be an integer >= ${least} or [height, width], got ${valueText(value)}`,
      value,
    );
  }
  return [list[0], list[1]];
}

const extent = (weight: readonly number[], dilation: Two, axis: number): number =>
  dilation[axis] * (weight[2 + axis] - 1) + 1;

function geometryOf(op: string, weight: readonly number[], options: Conv2dOptions): Geometry {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  const steps = pair(op, 'stride', stride, 1);
  const gaps = pair(op, 'dilation', dilation, 1);
  if (!Number.isSafeInteger(groups) || groups < 1) {
    throw new ArgumentError(op, `groups must be an integer >= 1, got ${valueText(groups)}`, groups);
  }
  if (padding !== 'same') {
    const zeros = padding === 'valid' ? ([0, 0] as const) : pair(op, 'padding', padding, 0);
    return { stride: steps, padding: zeros, after: zeros, dilation: gaps, groups };
  }
  if (steps[0] !== 1 || steps[1] !== 1) {
    throw new ArgumentError(op, `padding 'same' needs stride 1, got ${valueText(stride)}`, stride);
  }
  // As PyTorch: an odd zero goes behind the input.
  const total = [extent(weight, gaps, 0) - 1, extent(weight, gaps, 1) - 1];
  const before: Two = [total[0] >> 1, total[1] >> 1];
  return {
    stride: steps,
    padding: before,
    after: [total[0] - before[0], total[1] - before[1]],
    dilation: gaps,
    groups,
  };
}

function outputSize(x: readonly number[], weight: readonly number[], g: Geometry, axis: number): number {
  const padded = x[2 + axis] + g.padding[axis] + g.after[axis];
  return Math.floor((padded - extent(weight, g.dilation, axis)) / g.stride[axis]) + 1;
}

/** The output's shape. Throws where input, weight and bias do not fit together. */
function outputShape(
  op: string,
  x: readonly number[],
  weight: readonly number[],
  bias: readonly number[] | null,
  g: Geometry,
): number[] {
  const given = () => `(input ${shapeText(x)}, weight ${shapeText(weight)}, groups ${g.groups})`;
  if (x[1] !== weight[1] * g.groups) {
    throw new ShapeError(
      op,
      `input has ${x[1]} channels, weight expects ${weight[1] * g.groups} ${given()}`,
      x,
      weight,
    );
  }
  if (weight[0] % g.groups !== 0) {
    throw new ShapeError(
      op,
      `${weight[0]} output channels do not divide into ${g.groups} groups ${given()}`,
      x,
      weight,
    );
  }
  if (bias && (bias.length !== 1 || bias[0] !== weight[0])) {
    throw new ShapeError(
      op,
      `bias has shape ${shapeText(bias)}, ${weight[0]} output channels need [${weight[0]}]`,
      bias,
      weight,
    );
  }
  const size = [outputSize(x, weight, g, 0), outputSize(x, weight, g, 1)];
  const kernel = [extent(weight, g.dilation, 0), extent(weight, g.dilation, 1)];
  if (weight[2] < 1 || weight[3] < 1 || size[0] < 1 || size[1] < 1) {
    const padded = [x[2] + g.padding[0] + g.after[0], x[3] + g.padding[1] + g.after[1]];
    const text = `a kernel of ${kernel.join(' x ')} does not fit into an input of ${padded.join(' x ')} (with padding)`;
    throw new ShapeError(op, `${text} ${given()}`, x, weight);
  }
  if (kernel[0] * kernel[1] * Math.max(x[1], weight[0]) > MAX_REACH) {
    throw new ShapeError(op, `a kernel of ${kernel.join(' x ')} with its dilation is too large ${given()}`, x, weight);
  }
  return [...checkShape(op, [x[0], weight[0], size[0], size[1]])];
}

const sizes = (g: Geometry): ConvArguments<[]> => [...g.stride, ...g.padding, ...g.dilation, g.groups];

const convolution = defineOp({
  name: 'conv2d',
  inputs: ['input', 'weight', 'bias?'],
  forward: (
    x: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    shape: readonly number[],
    geometry: Geometry,
    relu: boolean,
  ) => {
    const out = emptyStrided(shape, channelsLastStrides(shape), x.dtype);
    native.conv2d(out._id, x._id, weight._id, bias?._id ?? 0, ...sizes(geometry), relu ? 1 : 0);
    return out;
  },
  save: (out, x, weight, _bias, _shape, geometry, relu) => ({ x, weight, geometry, y: relu ? out : null }),
  backward: ([grad], { x, weight, geometry, y }, needs) => {
    const g = y ? reluGrad(grad, y) : grad;
    const bias = needs[2];
    const [gradWeight, gradBias] = needs[1] ? weightGradient(g, x, weight.shape, bias, geometry) : [null, null];
    return [
      needs[0] ? inputGradient(g, weight, x.shape, geometry) : null,
      gradWeight,
      bias && !gradBias ? biasGradient(g) : gradBias,
    ];
  },
});

const backwardInput = defineOp({
  name: 'conv2dBackwardInput',
  inputs: ['gradient', 'weight'],
  forward: (g: Tensor, weight: Tensor, shape: readonly number[], geometry: Geometry) => {
    const out = emptyStrided(shape, channelsLastStrides(shape), g.dtype);
    native.conv2dBackwardInput(out._id, g._id, weight._id, ...sizes(geometry));
    return out;
  },
  save: (_out, g, weight, _shape, geometry) => ({ g, weight, geometry }),
  backward: ([gg], { g, weight, geometry }, needs) => [
    needs[0] ? convolve(gg, weight, null, geometry) : null,
    needs[1] ? weightGradient(g, gg, weight.shape, false, geometry)[0] : null,
  ],
});

const backwardWeight = defineOp({
  name: 'conv2dBackwardWeight',
  inputs: ['gradient', 'input'],
  forward: (g: Tensor, x: Tensor, shape: readonly number[], bias: boolean, geometry: Geometry): readonly Tensor[] => {
    const out = emptyStrided(shape, kernelStrides(shape), g.dtype);
    const sums = bias ? emptyStrided([shape[0]], contiguousStrides([shape[0]]), g.dtype) : null;
    native.conv2dBackwardWeight(out._id, sums?._id ?? 0, g._id, x._id, ...sizes(geometry));
    return sums ? [out, sums] : [out];
  },
  save: (_out, g, x, _shape, _bias, geometry) => ({ g, x, geometry }),
  // Either gradient may be absent: the rule of an op with two outputs runs when one of them was used.
  backward: (grads: readonly (Tensor | null | undefined)[], { g, x, geometry }, needs) => {
    const [weight, bias] = grads;
    const alone = !weight && bias ? expand(reshape(bias, [1, g.shape[1], 1, 1]), g.shape) : null;
    return [
      needs[0] ? (weight ? convolve(x, weight, bias ?? null, geometry) : alone) : null,
      needs[1] && weight ? inputGradient(g, weight, x.shape, geometry) : null,
    ];
  },
});

function convolve(x: Tensor, weight: Tensor, bias: Tensor | null, geometry: Geometry, relu = false): Tensor {
  const shape = outputShape('conv2d', x.shape, weight.shape, bias?.shape ?? null, geometry);
  return convolution(contiguous(x, 'channelsLast'), kernelLayout(weight), bias, shape, geometry, relu);
}

function inputGradient(g: Tensor, weight: Tensor, shape: readonly number[], geometry: Geometry): Tensor {
  return backwardInput(contiguous(g, 'channelsLast'), kernelLayout(weight), shape, geometry);
}

/** Of weight and, when asked for, bias. */
function weightGradient(
  g: Tensor,
  x: Tensor,
  shape: readonly number[],
  bias: boolean,
  geometry: Geometry,
): readonly (Tensor | null)[] {
  const grads = backwardWeight(contiguous(g, 'channelsLast'), contiguous(x, 'channelsLast'), shape, bias, geometry);
  return [grads[0], grads[1] ?? null];
}

const biasGradient = (g: Tensor): Tensor => reshape(sumTo(g, [1, g.shape[1], 1, 1]), [g.shape[1]]);

function checkDTypes(op: string, x: Tensor, others: readonly (readonly [string, Tensor])[]): void {
  if (!isFloating(x.dtype)) throw new DTypeError(op, `input must be float32 or float64, got ${x.dtype}`, x.dtype);
  for (const [name, other] of others) {
    if (other.dtype !== x.dtype) {
      throw new DTypeError(op, `input is ${x.dtype}, ${name} is ${other.dtype}`, x.dtype, other.dtype);
    }
  }
}

/**
 * 2-d convolution (cross-correlation) over an input of shape `[N, C, H, W]`, or `[C, H, W]` without a batch:
 * `out[n, o, i, j] = bias[o] + sum over c, p, q of input[n, c, i * stride + p * dilation - padding, ...] * weight[o, c, p, q]`.
 *
 * The output is `[N, O, H', W']` with `H' = floor((H + 2 * padding - dilation * (kH - 1) - 1) / stride) + 1`, and lies
 * channels-last in memory.
 *
 * @param weight `[O, C / groups, kH, kW]`
 * @param bias `[O]`, or nothing
 * @throws ShapeError where channels, groups, bias or kernel size do not fit.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.conv2d.html
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: Conv2dOptions = {}): Tensor {
  return run(x, weight, bias, options, false);
}

/** @internal `relu(conv2d(x, weight, bias, options))` in one kernel, with the same bits; for nn.Sequential. */
export function conv2dRelu(x: Tensor, weight: Tensor, bias?: Tensor | null, options: Conv2dOptions = {}): Tensor {
  return run(x, weight, bias, options, true);
}

function run(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  options: Conv2dOptions,
  relu: boolean,
): Tensor {
  checkTensor('conv2d', x);
  checkTensor('conv2d', weight, 'weight');
  if (bias !== undefined && bias !== null) checkTensor('conv2d', bias, 'bias');
  checkOptions('conv2d', options);
  checkDTypes(
    'conv2d',
    x,
    bias
      ? [
          ['weight', weight],
          ['bias', bias],
        ]
      : [['weight', weight]],
  );
  if (weight.ndim !== 4) {
    throw new ShapeError(
      'conv2d',
      `weight must be [O, C / groups, H, W], got ${shapeText(weight.shape)}`,
      weight.shape,
    );
  }
  if (x.ndim !== 3 && x.ndim !== 4) {
    throw new ShapeError('conv2d', `input must be [N, C, H, W] or [C, H, W], got ${shapeText(x.shape)}`, x.shape);
  }
  const geometry = geometryOf('conv2d', weight.shape, options);
  const batch = x.ndim === 3 ? unsqueeze(x, 0) : x;
  const out = convolve(batch, weight, bias ?? null, geometry, relu);
  return x.ndim === 3 ? squeeze(out, 0) : out;
}
