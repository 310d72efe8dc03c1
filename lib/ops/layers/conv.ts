// Convolution and its transpose over one, two or three axes. Activations lie channels-last, weights ..., I, O in memory
// (native/ops/conv.h).
import { ShapeError, shapeText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { isNarrow } from '../../tensor/dtype.js';
import { channelsLastStrides, contiguousStrides, kernelStrides, sameShape } from '../../tensor/layout.js';
import { isGradEnabled } from '../../tensor/scope.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { reluGrad } from '../pointwise/unary.js';
import { contiguous, expand, kernelLayout, permute, reshape, squeeze, sumTo, unsqueeze } from '../shape/view.js';
import {
  type ConvOptions,
  type ConvTransposeOptions,
  checkOperands,
  geometryOf,
  kernelSizes,
  outputShape,
  transposedGeometry,
  transposedShape,
} from './conv-geometry.js';
import { type Activation, activationCode, activationGrad, type Epilogue, finish, isSmooth } from './epilogue.js';
import { markMasked, rectifiedMemory } from './rectified.js';
import type { Size1, Size2, Size3 } from './sizes.js';

/** Options of {@link conv1d}. */
export type Conv1dOptions = ConvOptions<Size1>;
/** Options of {@link conv2d}. */
export type Conv2dOptions = ConvOptions<Size2>;
/** Options of {@link conv3d}. */
export type Conv3dOptions = ConvOptions<Size3>;
/** Options of {@link convTranspose1d}. */
export type ConvTranspose1dOptions = ConvTransposeOptions<Size1>;
/** Options of {@link convTranspose2d}. */
export type ConvTranspose2dOptions = ConvTransposeOptions<Size2>;
/** Options of {@link convTranspose3d}. */
export type ConvTranspose3dOptions = ConvTransposeOptions<Size3>;

type Shape = readonly number[];

const convolutionOp = defineOp({
  name: 'convolution',
  inputs: ['input', 'weight', 'bias?', 'addend?'],
  forward: (
    x: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    addend: Tensor | null,
    shape: Shape,
    sizes: Int32Array,
    activation: Activation,
  ) => {
    const out = emptyStrided(shape, channelsLastStrides(shape), x.dtype);
    const code = activationCode(activation);
    native.convolution(out._id, x._id, weight._id, bias?._id ?? 0, addend?._id ?? 0, sizes, code);
    return out;
  },
  save: (out, x, weight, _bias, _addend, _shape, sizes, activation) => ({
    ...{ x, weight, sizes, activation },
    rectified: rectifiedMemory(x),
    y: activation === 'none' ? null : out,
  }),
  backward: ([grad], { x, weight, sizes, activation, rectified, y }, needs) => {
    const g = y && !isSmooth(activation) ? activationGrad(grad, y, activation) : grad;
    return [...convGradients(g, x, weight, sizes, rectified, needs), needs[3] ? g : null];
  },
});

/** @internal Of input, weight and bias. */
export function convGradients(
  g: Tensor,
  x: Tensor,
  weight: Tensor,
  sizes: Int32Array,
  rectified: Tensor['_version'] | null,
  needs: readonly boolean[],
): (Tensor | null)[] {
  const bias = needs[2];
  const [gradWeight, gradBias] = needs[1] ? weightGradient(g, x, weight.shape, bias, sizes) : [null, null];
  return [
    needs[0] ? inputGradient(g, x, weight, sizes, rectified) : null,
    gradWeight,
    bias && !gradBias ? biasGradient(g) : gradBias,
  ];
}

/** Of the input, with the backward pass of the ReLU that made it where there is one. */
function inputGradient(
  g: Tensor,
  x: Tensor,
  weight: Tensor,
  sizes: Int32Array,
  rectified: Tensor['_version'] | null,
): Tensor {
  if (!rectified) return transposed(g, weight, null, x.shape, sizes);
  return markMasked(transposed(g, weight, null, x.shape, sizes, x), rectified);
}

/**
 * The gradient of {@link convolutionOp} for its input, of which `shape` is the shape, and 0 where the mask is not positive.
 * With a bias, a layer of its own.
 */
const transposeOp = defineOp({
  name: 'convolutionTranspose',
  inputs: ['input', 'weight', 'bias?', 'mask?'],
  forward: (x: Tensor, weight: Tensor, bias: Tensor | null, mask: Tensor | null, shape: Shape, sizes: Int32Array) => {
    const out = emptyStrided(shape, channelsLastStrides(shape), x.dtype);
    native.convolutionTranspose(out._id, x._id, weight._id, bias?._id ?? 0, mask?._id ?? 0, sizes);
    return out;
  },
  save: (_out, x, weight, _bias, mask, _shape, sizes) => ({ x, weight, mask, sizes }),
  backward: ([grad], { x, weight, mask, sizes }, needs) => {
    const g = mask ? reluGrad(grad, mask) : grad;
    return [
      needs[0] ? convolved(g, weight, null, x.shape, sizes) : null,
      needs[1] ? weightGradient(x, g, weight.shape, false, sizes)[0] : null,
      needs[2] ? biasGradient(g) : null,
      null,
    ];
  },
});

const backwardWeightOp = defineOp({
  name: 'convolutionBackwardWeight',
  inputs: ['gradient', 'input'],
  forward: (g: Tensor, x: Tensor, shape: Shape, bias: boolean, sizes: Int32Array): readonly Tensor[] => {
    const out = emptyStrided(shape, kernelStrides(shape), g.dtype);
    const sums = bias ? emptyStrided([shape[0]], contiguousStrides([shape[0]]), g.dtype) : null;
    native.convolutionBackwardWeight(out._id, sums?._id ?? 0, g._id, x._id, sizes);
    return sums ? [out, sums] : [out];
  },
  save: (_out, g, x, _shape, _bias, sizes) => ({ g, x, sizes }),
  // Either gradient may be absent: the rule of an op with two outputs runs when one of them was used.
  backward: (grads: readonly (Tensor | null | undefined)[], { g, x, sizes }, needs) => {
    const [weight, bias] = grads;
    const alone = !weight && bias ? expand(reshape(bias, perChannel(g)), g.shape) : null;
    return [
      needs[0] ? (weight ? convolved(x, weight, bias ?? null, g.shape, sizes) : alone) : null,
      needs[1] && weight ? transposed(g, weight, null, x.shape, sizes) : null,
    ];
  },
});

function convolved(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  shape: Shape,
  sizes: Int32Array,
  { activation = 'none', addend }: Epilogue = {},
): Tensor {
  const added = addend ? contiguous(addend, 'channelsLast') : null;
  const input = contiguous(x, 'channelsLast');
  return convolutionOp(input, kernelLayout(weight), bias, added, shape, sizes, activation);
}

function transposed(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  shape: Shape,
  sizes: Int32Array,
  mask: Tensor | null = null,
): Tensor {
  return transposeOp(contiguous(x, 'channelsLast'), kernelLayout(weight), bias, mask, shape, sizes);
}

/** Of weight and, when asked for, bias. */
function weightGradient(
  g: Tensor,
  x: Tensor,
  shape: Shape,
  bias: boolean,
  sizes: Int32Array,
): readonly (Tensor | null)[] {
  const grads = backwardWeightOp(contiguous(g, 'channelsLast'), contiguous(x, 'channelsLast'), shape, bias, sizes);
  return [grads[0], grads[1] ?? null];
}

const perChannel = (x: Tensor): number[] => x.shape.map((size, i) => (i === 1 ? size : 1));
const biasGradient = (g: Tensor): Tensor => reshape(sumTo(g, perChannel(g)), [g.shape[1]]);

type Bias = Tensor | null | undefined;

/** @internal Checks that hold for both directions; the input with a batch, and the bias. */
export function convOperands(
  op: string,
  dims: number,
  x: Tensor,
  weight: Tensor,
  bias: Bias,
  options: object,
): [Tensor, Tensor | null] {
  checkTensor(op, x);
  checkTensor(op, weight, 'weight');
  if (bias !== undefined && bias !== null) checkTensor(op, bias, 'bias');
  checkOptions(op, options);
  checkOperands(op, dims, x, weight, bias ?? null);
  return [x.ndim === dims + 1 ? unsqueeze(x, 0) : x, bias ?? null];
}

/** @internal A convolution over `dims` axes, and what its kernel takes on besides. */
export function convNd(
  dims: number,
  x: Tensor,
  weight: Tensor,
  bias: Bias,
  options: ConvOptions<unknown>,
  epilogue?: Epilogue,
): Tensor {
  const op = `conv${dims}d`;
  const [batch, b] = convOperands(op, dims, x, weight, bias, options);
  const geometry = geometryOf(op, dims, weight.shape, options);
  const shape = outputShape(op, batch.shape, weight.shape, b?.shape ?? null, geometry);
  const sizes = kernelSizes(geometry);
  const addend = epilogue?.addend;
  // A smooth activation must see what it saw by itself: the graph's tensor, and a result rounded to its dtype.
  const apart = isSmooth(epilogue?.activation ?? 'none') && (isGradEnabled() || isNarrow(x.dtype));
  if (epilogue && (apart || (addend && !sameShape(addend.shape, shape))))
    return finish(convNd(dims, x, weight, bias, options), epilogue);
  const out = convolved(batch, weight, b, shape, sizes, epilogue);
  return x === batch ? out : squeeze(out, 0);
}

/** @internal A transposed convolution over `dims` axes. */
export function convTransposeNd(
  dims: number,
  x: Tensor,
  weight: Tensor,
  bias: Bias,
  options: ConvTransposeOptions<unknown>,
): Tensor {
  const op = `convTranspose${dims}d`;
  const [batch, b] = convOperands(op, dims, x, weight, bias, options);
  const geometry = transposedGeometry(op, dims, options);
  const shape = transposedShape(op, batch.shape, weight.shape, b?.shape ?? null, geometry);
  const out = transposed(batch, weight, b, shape, kernelSizes(geometry));
  return x === batch ? out : squeeze(out, 0);
}

/**
 * 1-d convolution (cross-correlation) over an input of shape `[N, C, L]`, or `[C, L]` without a batch:
 * `out[n, o, i] = bias[o] + sum over c, p of input[n, c, i * stride + p * dilation - padding] * weight[o, c, p]`.
 *
 * The output is `[N, O, L']` with `L' = floor((L + 2 * padding - dilation * (k - 1) - 1) / stride + 1)`, and lies
 * channels-last (N, L, C) in memory.
 *
 * @param weight `[O, C / groups, k]`
 * @param bias `[O]`, or nothing
 * @throws ShapeError where channels, groups, bias or kernel size do not fit.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.conv1d.html
 */
export function conv1d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: Conv1dOptions = {}): Tensor {
  return convNd(1, x, weight, bias, options);
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
  return convNd(2, x, weight, bias, options);
}

/**
 * 3-d convolution (cross-correlation) over an input of shape `[N, C, D, H, W]`, or `[C, D, H, W]` without a batch:
 * `out[n, o, h, i, j] = bias[o] + sum over c, r, p, q of input[n, c, h * stride + r * dilation - padding, ...] * weight[o, c, r, p, q]`.
 *
 * The output is `[N, O, D', H', W']`, each size `floor((size + 2 * padding - dilation * (k - 1) - 1) / stride) + 1`, and
 * lies channels-last (N, D, H, W, C) in memory.
 *
 * @param weight `[O, C / groups, kD, kH, kW]`
 * @param bias `[O]`, or nothing
 * @throws ShapeError where channels, groups, bias or kernel size do not fit.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.conv3d.html
 */
export function conv3d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: Conv3dOptions = {}): Tensor {
  return convNd(3, x, weight, bias, options);
}

/**
 * 1-d transposed convolution over an input of shape `[N, C, L]` or `[C, L]`: the gradient of {@link conv1d} for its
 * input. Each input element adds its multiple of the kernel to the output:
 * `out[n, o, i * stride + p * dilation - padding] += input[n, c, i] * weight[c, o, p]`, then the bias.
 *
 * The output is `[N, O, L']` with `L' = (L - 1) * stride - 2 * padding + dilation * (k - 1) + outputPadding + 1`, and
 * lies channels-last in memory.
 *
 * @param weight `[C, O / groups, k]`
 * @param bias `[O]`, or nothing
 * @throws ShapeError where channels, groups or bias do not fit or nothing is left of the output.
 * @throws ArgumentError where outputPadding is as large as both stride and dilation.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.conv_transpose1d.html
 */
export function convTranspose1d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvTranspose1dOptions = {},
): Tensor {
  return convTransposeNd(1, x, weight, bias, options);
}

/**
 * 2-d transposed convolution over an input of shape `[N, C, H, W]` or `[C, H, W]`: the gradient of {@link conv2d} for its
 * input. Each input pixel adds its multiple of the kernel to the output, then the bias.
 *
 * The output is `[N, O, H', W']` with `H' = (H - 1) * stride - 2 * padding + dilation * (kH - 1) + outputPadding + 1`, and
 * lies channels-last in memory.
 *
 * @param weight `[C, O / groups, kH, kW]`
 * @param bias `[O]`, or nothing
 * @throws ShapeError where channels, groups or bias do not fit or nothing is left of the output.
 * @throws ArgumentError where outputPadding is as large as both stride and dilation.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.conv_transpose2d.html
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvTranspose2dOptions = {},
): Tensor {
  return convTransposeNd(2, x, weight, bias, options);
}

/**
 * 3-d transposed convolution over an input of shape `[N, C, D, H, W]` or `[C, D, H, W]`: the gradient of {@link conv3d}
 * for its input. Each input element adds its multiple of the kernel to the output, then the bias.
 *
 * The output is `[N, O, D', H', W']`, each size
 * `(size - 1) * stride - 2 * padding + dilation * (k - 1) + outputPadding + 1`, and lies channels-last in memory.
 *
 * @param weight `[C, O / groups, kD, kH, kW]`
 * @param bias `[O]`, or nothing
 * @throws ShapeError where channels, groups or bias do not fit or nothing is left of the output.
 * @throws ArgumentError where outputPadding is as large as both stride and dilation.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.conv_transpose3d.html
 */
export function convTranspose3d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvTranspose3dOptions = {},
): Tensor {
  return convTransposeNd(3, x, weight, bias, options);
}

/** Options of {@link convTbc}. */
export interface ConvTbcOptions {
  /** Zeros before and behind the sequence. Default 0. */
  pad?: number;
}

/**
 * {@link conv1d} over an input that runs time, batch, channel: `[T, N, C]` to `[T', N, O]`.
 *
 * @param weight `[k, C, O]`
 * @param bias `[O]`
 * @throws ShapeError where channels, bias or kernel size do not fit.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.conv_tbc.html
 */
export function convTbc(x: Tensor, weight: Tensor, bias: Tensor, options: ConvTbcOptions = {}): Tensor {
  checkTensor('convTbc', x);
  checkTensor('convTbc', weight, 'weight');
  checkTensor('convTbc', bias, 'bias');
  checkOptions('convTbc', options);
  for (const [name, t, letters] of [['input', x, 'T, N, C'] as const, ['weight', weight, 'k, C, O'] as const]) {
    if (t.ndim !== 3)
      throw new ShapeError('convTbc', `${name} must be [${letters}], got ${shapeText(t.shape)}`, t.shape);
  }
  const out = conv1d(permute(x, [1, 2, 0]), permute(weight, [2, 1, 0]), bias, { padding: options.pad ?? 0 });
  return permute(out, [2, 0, 1]);
}
