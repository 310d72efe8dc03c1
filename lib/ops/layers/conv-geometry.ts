// Sizes of convolutions over one, two or three axes, and the shapes they give. Axes are counted in the order of the
// tensors: of images 0 is the height, 1 the width.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { isFloating } from '../../tensor/dtype.js';
import { checkShape } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import { sizes } from './sizes.js';

/** Options of `conv1d`, `conv2d` and `conv3d`. */
export interface ConvOptions<Size> {
  /** Step of the kernel. Default 1. */
  stride?: Size;
  /** Zeros around the input. `'valid'`: none; `'same'`: the output has the input's size (stride 1 only). Default 0. */
  padding?: Size | 'same' | 'valid';
  /** Distance of the kernel's taps. Default 1. */
  dilation?: Size;
  /** Groups of channels that do not see each other. Default 1. */
  groups?: number;
}

/** Options of `convTranspose1d`, `convTranspose2d` and `convTranspose3d`: those of the convolution they reverse. */
export interface ConvTransposeOptions<Size> {
  /** Step of the kernel in the output. Default 1. */
  stride?: Size;
  /** What is cut off around the output. Default 0. */
  padding?: Size;
  /** Added to the output's size behind it; smaller than stride or dilation. Default 0. */
  outputPadding?: Size;
  /** Groups of channels that do not see each other. Default 1. */
  groups?: number;
  /** Distance of the kernel's taps. Default 1. */
  dilation?: Size;
}

type Sizes = readonly number[];

/** Everything but the tensors. `padding` is what lies before the input, `after` what lies behind it. */
export interface Geometry {
  readonly stride: Sizes;
  readonly padding: Sizes;
  readonly after: Sizes;
  readonly dilation: Sizes;
  readonly groups: number;
}

/** Elements that one output position may span; a sparse kernel that reaches further is a mistake. */
const MAX_REACH = 2 ** 28;

const LETTERS = ['', 'L', 'H, W', 'D, H, W'];

function checkGroups(op: string, groups: unknown): number {
  if (!Number.isSafeInteger(groups) || (groups as number) < 1) {
    throw new ArgumentError(op, `groups must be an integer >= 1, got ${valueText(groups)}`, groups);
  }
  return groups as number;
}

/** Places that the kernel spans along an axis. */
const extent = (weight: Sizes, dilation: Sizes, axis: number): number => dilation[axis] * (weight[2 + axis] - 1) + 1;

/** @internal Zeros before and behind each axis so that the output is as large as the input. As PyTorch: an odd zero goes behind. */
export function samePadding(kernel: Sizes, dilation: Sizes): { before: number[]; after: number[] } {
  const total = kernel.map((size, i) => dilation[i] * (size - 1));
  return { before: total.map((n) => n >> 1), after: total.map((n) => n - (n >> 1)) };
}

/** @internal Of a convolution over `dims` axes. */
export function geometryOf(op: string, dims: number, weight: Sizes, options: ConvOptions<unknown>): Geometry {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  const steps = sizes(op, 'stride', stride, dims, 1);
  const gaps = sizes(op, 'dilation', dilation, dims, 1);
  const count = checkGroups(op, groups);
  if (padding !== 'same') {
    const zeros = sizes(op, 'padding', padding === 'valid' ? 0 : padding, dims, 0);
    return { stride: steps, padding: zeros, after: zeros, dilation: gaps, groups: count };
  }
  if (steps.some((step) => step !== 1)) {
    throw new ArgumentError(op, `padding 'same' needs stride 1, got ${valueText(stride)}`, stride);
  }
  const { before, after } = samePadding(weight.slice(2), gaps);
  return { stride: steps, padding: before, after, dilation: gaps, groups: count };
}

const given = (x: Sizes, weight: Sizes, g: Geometry): string =>
  `(input ${shapeText(x)}, weight ${shapeText(weight)}, groups ${g.groups})`;

function checkBias(op: string, bias: Sizes | null, channels: number, weight: Sizes): void {
  if (!bias || (bias.length === 1 && bias[0] === channels)) return;
  throw new ShapeError(
    op,
    `bias has shape ${shapeText(bias)}, ${channels} output channels need [${channels}]`,
    bias,
    weight,
  );
}

function checkReach(op: string, x: Sizes, weight: Sizes, g: Geometry, channels: number): void {
  let reach = channels;
  for (let i = 0; i < g.dilation.length; i++) reach *= extent(weight, g.dilation, i);
  if (reach <= MAX_REACH) return;
  const kernel = g.dilation.map((_, axis) => extent(weight, g.dilation, axis));
  throw new ShapeError(
    op,
    `a kernel of ${kernel.join(' x ')} with its dilation is too large ${given(x, weight, g)}`,
    x,
    weight,
  );
}

/** @internal The output's shape. Throws where input, weight and bias do not fit together. */
export function outputShape(op: string, x: Sizes, weight: Sizes, bias: Sizes | null, g: Geometry): number[] {
  const fails = (text: string) => new ShapeError(op, `${text} ${given(x, weight, g)}`, x, weight);
  if (x[1] !== weight[1] * g.groups) {
    throw fails(`input has ${x[1]} channels, weight expects ${weight[1] * g.groups}`);
  }
  if (weight[0] % g.groups !== 0) {
    throw fails(`${weight[0]} output channels do not divide into ${g.groups} groups`);
  }
  checkBias(op, bias, weight[0], weight);
  const shape = [x[0], weight[0]];
  for (let i = 0; i < g.stride.length; i++) {
    const room = x[2 + i] + g.padding[i] + g.after[i];
    shape.push(Math.floor((room - extent(weight, g.dilation, i)) / g.stride[i]) + 1);
    if (shape[2 + i] >= 1 && weight[2 + i] >= 1) continue;
    const padded = g.stride.map((_, axis) => x[2 + axis] + g.padding[axis] + g.after[axis]);
    const kernel = g.stride.map((_, axis) => extent(weight, g.dilation, axis));
    throw fails(`a kernel of ${kernel.join(' x ')} does not fit into an input of ${padded.join(' x ')} (with padding)`);
  }
  checkReach(op, x, weight, g, Math.max(x[1], weight[0]));
  checkShape(op, shape);
  return shape;
}

/** @internal Of a transposed convolution over `dims` axes. */
export function transposedGeometry(
  op: string,
  dims: number,
  options: ConvTransposeOptions<unknown>,
): Geometry & { readonly outputPadding: Sizes } {
  const { stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1 } = options;
  const steps = sizes(op, 'stride', stride, dims, 1);
  const cut = sizes(op, 'padding', padding, dims, 0);
  const added = sizes(op, 'outputPadding', outputPadding, dims, 0);
  const gaps = sizes(op, 'dilation', dilation, dims, 1);
  added.forEach((size, i) => {
    if (size < steps[i] || size < gaps[i]) return;
    throw new ArgumentError(
      op,
      `outputPadding must be smaller than stride or dilation, got ${valueText(outputPadding)} with stride ` +
        `${valueText(stride)} and dilation ${valueText(dilation)}`,
      outputPadding,
    );
  });
  return {
    stride: steps,
    padding: cut,
    after: cut,
    outputPadding: added,
    dilation: gaps,
    groups: checkGroups(op, groups),
  };
}

/** @internal The output's shape. Throws where input, weight and bias do not fit together. */
export function transposedShape(
  op: string,
  x: Sizes,
  weight: Sizes,
  bias: Sizes | null,
  g: Geometry & { readonly outputPadding: Sizes },
): number[] {
  const fails = (text: string) => new ShapeError(op, `${text} ${given(x, weight, g)}`, x, weight);
  if (x[1] !== weight[0]) throw fails(`input has ${x[1]} channels, weight expects ${weight[0]}`);
  if (weight[0] % g.groups !== 0) throw fails(`${weight[0]} input channels do not divide into ${g.groups} groups`);
  const channels = weight[1] * g.groups;
  checkBias(op, bias, channels, weight);
  const kernel = weight.slice(2);
  const size = g.stride.map(
    (stride, i) =>
      (x[2 + i] - 1) * stride - 2 * g.padding[i] + g.dilation[i] * (kernel[i] - 1) + g.outputPadding[i] + 1,
  );
  if (size.some((n, i) => n < 1 || kernel[i] < 1 || x[2 + i] < 1)) {
    throw fails(`an output of ${size.join(' x ')} is not possible`);
  }
  checkReach(op, x, weight, g, Math.max(x[1], channels));
  return [...checkShape(op, [x[0], channels, ...size])];
}

/** @internal As the kernels take it: stride, padding and dilation of depth, height and width, then groups. */
export function kernelSizes(g: Geometry): Int32Array {
  const all = new Int32Array(10);
  const missing = 3 - g.stride.length;
  for (let i = 0; i < 3; i++) {
    const given = i >= missing;
    all[i] = given ? g.stride[i - missing] : 1;
    all[3 + i] = given ? g.padding[i - missing] : 0;
    all[6 + i] = given ? g.dilation[i - missing] : 1;
  }
  all[9] = g.groups;
  return all;
}

/** @internal Throws where number of axes or dtypes do not fit a convolution over `dims` axes. */
export function checkOperands(op: string, dims: number, x: Tensor, weight: Tensor, bias: Tensor | null): void {
  if (!isFloating(x.dtype)) throw new DTypeError(op, `input must be float32 or float64, got ${x.dtype}`, x.dtype);
  const other = weight.dtype !== x.dtype ? weight : bias && bias.dtype !== x.dtype ? bias : null;
  if (other) {
    const name = other === weight ? 'weight' : 'bias';
    throw new DTypeError(op, `input is ${x.dtype}, ${name} is ${other.dtype}`, x.dtype, other.dtype);
  }
  const letters = LETTERS[dims];
  if (weight.ndim !== dims + 2) {
    const order = op.startsWith('convTranspose') ? 'C, O / groups' : 'O, C / groups';
    throw new ShapeError(op, `weight must be [${order}, ${letters}], got ${shapeText(weight.shape)}`, weight.shape);
  }
  if (x.ndim !== dims + 1 && x.ndim !== dims + 2) {
    throw new ShapeError(op, `input must be [N, C, ${letters}] or [C, ${letters}], got ${shapeText(x.shape)}`, x.shape);
  }
}
