// Convolution and its transpose over any number of axes, by the pairs of elements that meet.
import { type Arr, at, build, count, flatIndex, indicesOf, reshaped } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('layers');

type Size = number | number[];

interface ConvOptions {
  stride?: Size;
  padding?: Size | string;
  dilation?: Size;
  groups?: number;
  outputPadding?: Size;
}

const each = (value: Size, axes: number): number[] =>
  typeof value === 'number' ? new Array<number>(axes).fill(value) : value;

const drawSize = (d: Draw, axes: number, low: number, high: number): Size =>
  d.chance(0.5) ? d.int(low, high) : each(0, axes).map(() => d.int(low, high));

/** Zeros before the input along each axis, and the output's size. */
export function windows(size: number[], kernel: number[], o: ConvOptions): { before: number[]; out: number[] } {
  const [stride, dilation] = [each(o.stride ?? 1, size.length), each(o.dilation ?? 1, size.length)];
  const reach = kernel.map((k, i) => dilation[i] * (k - 1));
  const zeros = o.padding === 'valid' || o.padding === 'same' ? 0 : ((o.padding as Size | undefined) ?? 0);
  const before = o.padding === 'same' ? reach.map((r) => r >> 1) : each(zeros, size.length);
  const total = o.padding === 'same' ? reach : before.map((p) => 2 * p);
  return { before, out: size.map((s, i) => Math.floor((s + total[i] - reach[i] - 1) / stride[i]) + 1) };
}

/** Every tap with the positions of the small and the large tensor that it links, as flat numbers. */
function* links(
  small: number[],
  large: number[],
  kernel: number[],
  before: number[],
  o: ConvOptions,
): Generator<[tap: number, small: number, large: number]> {
  const [stride, dilation] = [each(o.stride ?? 1, kernel.length), each(o.dilation ?? 1, kernel.length)];
  for (const tap of indicesOf(kernel)) {
    for (const position of indicesOf(small)) {
      const place = position.map((p, i) => p * stride[i] + tap[i] * dilation[i] - before[i]);
      if (place.some((p, i) => p < 0 || p >= large[i])) continue;
      yield [flatIndex(kernel, tap), flatIndex(small, position), flatIndex(large, place)];
    }
  }
}

const withBatch = (x: Arr, axes: number): Arr => (x.ndim === axes + 1 ? reshaped(x, [1, ...x.shape]) : x);

/** The bias everywhere, plus what is added later; rounded and without a batch in the end. */
function sums(shape: readonly number[], bias: Arr | null | undefined): Float64Array {
  const inner = count(shape.slice(2));
  return Float64Array.from({ length: count(shape) }, (_, i) =>
    bias ? bias.data[Math.floor(i / inner) % shape[1]] : 0,
  );
}
const result = (shape: number[], data: Float64Array, x: Arr, axes: number): Arr =>
  build(x.ndim === axes + 1 ? shape.slice(1) : shape, x.dtype, (_, flat) => data[flat]);

/** Cross-correlation. */
function convolved(input: Arr, weight: Arr, bias: Arr | null | undefined, o: ConvOptions): Arr {
  const axes = weight.ndim - 2;
  const x = withBatch(input, axes);
  const [batch, inputs, ...size] = x.shape;
  const [outputs, inner, ...kernel] = weight.shape;
  const { before, out } = windows(size, kernel, o);
  const shape = [batch, outputs, ...out];
  const data = sums(shape, bias);
  const perGroup = outputs / (o.groups ?? 1);
  for (const [tap, small, large] of links(out, size, kernel, before, o)) {
    for (const [n, c, k] of indicesOf([batch, outputs, inner])) {
      const from = n * inputs + Math.floor(c / perGroup) * inner + k;
      data[(n * outputs + c) * count(out) + small] +=
        x.data[from * count(size) + large] * weight.data[(c * inner + k) * count(kernel) + tap];
    }
  }
  return result(shape, data, input, axes);
}

/** What a convolution gathers, scattered. */
function transposed(input: Arr, weight: Arr, bias: Arr | null | undefined, o: ConvOptions): Arr {
  const axes = weight.ndim - 2;
  const x = withBatch(input, axes);
  const [batch, inputs, ...from] = x.shape;
  const [, perGroup, ...kernel] = weight.shape;
  const outputs = perGroup * (o.groups ?? 1);
  const before = each((o.padding as Size | undefined) ?? 0, axes);
  const [stride, dilation] = [each(o.stride ?? 1, axes), each(o.dilation ?? 1, axes)];
  const extra = each(o.outputPadding ?? 0, axes);
  const size = from.map((s, i) => (s - 1) * stride[i] - 2 * before[i] + dilation[i] * (kernel[i] - 1) + extra[i] + 1);
  const shape = [batch, outputs, ...size];
  const data = sums(shape, bias);
  for (const [tap, small, large] of links(from, size, kernel, before, o)) {
    for (const [n, c, k] of indicesOf([batch, inputs, perGroup])) {
      const to = n * outputs + Math.floor((c * (o.groups ?? 1)) / inputs) * perGroup + k;
      data[to * count(size) + large] +=
        x.data[(n * inputs + c) * count(from) + small] * weight.data[(c * perGroup + k) * count(kernel) + tap];
    }
  }
  return result(shape, data, input, axes);
}

type Drawn = [TensorArg, TensorArg, TensorArg | null, ConvOptions];

function drawSizes(d: Draw, axes: number): { kernel: number[]; channels: [number, number]; groups: number } {
  const groups = d.pick([1, 1, 2, 3]);
  const most = d.gradient ? 2 : d.chance(0.2) ? 20 : 4;
  const channels: [number, number] = [groups * d.int(1, most), groups * d.int(1, most)];
  const largest = axes < 3 ? 4 : d.gradient ? 2 : 3;
  const kernel = largest > 2 && d.chance(0.4) ? each(3, axes) : each(0, axes).map(() => d.int(1, largest));
  return { kernel, channels, groups };
}

function drawConv(d: Draw, axes: number): Drawn {
  const { kernel, channels, groups } = drawSizes(d, axes);
  const [inputs, outputs] = channels;
  const o: ConvOptions = { groups };
  if (d.chance(0.4)) o.dilation = drawSize(d, axes, 1, 2);
  if (d.chance(0.2)) o.padding = d.pick(['same', 'valid']);
  else {
    if (d.chance(0.5)) o.padding = drawSize(d, axes, 0, 3);
    if (d.chance(0.4)) o.stride = drawSize(d, axes, 1, 3);
  }
  const dilation = each(o.dilation ?? 1, axes);
  const most = axes === 3 ? 4 : 14;
  const size = kernel.map((k, i) => dilation[i] * (k - 1) + 1 + d.int(0, d.gradient ? 4 - axes : most));
  const dtype = d.dtype('float');
  const x = d.tensor([...(d.chance(0.1) ? [] : [d.int(1, 3)]), inputs, ...size], { dtype });
  const weight = d.tensor([outputs, inputs / groups, ...kernel], { dtype });
  return [x, weight, d.chance(0.5) ? d.tensor([outputs], { dtype }) : null, o];
}

function drawTransposed(d: Draw, axes: number): Drawn {
  const { kernel, channels, groups } = drawSizes(d, axes);
  const [inputs, outputs] = channels;
  const o: ConvOptions = { groups };
  if (d.chance(0.4)) o.dilation = drawSize(d, axes, 1, 2);
  if (d.chance(0.6)) o.stride = drawSize(d, axes, 1, 3);
  const [stride, dilation] = [each(o.stride ?? 1, axes), each(o.dilation ?? 1, axes)];
  if (d.chance(0.3)) o.outputPadding = stride.map((s, i) => d.int(0, Math.max(s, dilation[i]) - 1));
  const most = axes === 3 ? 3 : 8;
  const size = kernel.map(() => 1 + d.int(0, d.gradient ? 4 - axes : most));
  // What is cut off leaves at least one element.
  const full = size.map((s, i) => (s - 1) * stride[i] + dilation[i] * (kernel[i] - 1));
  if (d.chance(0.4)) o.padding = full.map((f) => d.int(0, Math.min(3, f >> 1)));
  const dtype = d.dtype('float');
  const x = d.tensor([...(d.chance(0.1) ? [] : [d.int(1, 3)]), inputs, ...size], { dtype });
  const weight = d.tensor([inputs, outputs / groups, ...kernel], { dtype });
  return [x, weight, d.chance(0.5) ? d.tensor([outputs], { dtype }) : null, o];
}

const covers = ['convolution', 'convolutionTranspose', 'convolutionBackwardWeight'];
for (const axes of [1, 2, 3]) {
  entry(`F.conv${axes}d`, {
    covers,
    draw: (d): Drawn => drawConv(d, axes),
    reference: (x, weight, bias, o) => convolved(x, weight, bias, o),
    // Winograd's transforms add roundings of larger numbers.
    length: (_x, weight) => count(weight.shape.slice(1)) + 1,
    ulps: 40,
    range: 12,
  });
  entry(`F.convTranspose${axes}d`, {
    covers,
    draw: (d): Drawn => drawTransposed(d, axes),
    reference: (x, weight, bias, o) => transposed(x, weight, bias, o),
    length: (_x, weight) => weight.shape[0] * count(weight.shape.slice(2)) + 1,
    ulps: 40,
    range: 12,
  });
}

const turned = (x: Arr, dims: readonly number[]): Arr =>
  build(
    dims.map((d) => x.shape[d]),
    x.dtype,
    (index) =>
      at(
        x,
        index.map((_, axis) => index[dims.indexOf(axis)]),
      ),
  );

entry('F.convTbc', {
  covers: [],
  draw: (d): [TensorArg, TensorArg, TensorArg, { pad?: number }] => {
    const [inputs, outputs, kernel] = [d.int(1, 5), d.int(1, 5), d.int(1, 3)];
    const dtype = d.dtype('float');
    const x = d.tensor([kernel + d.int(0, 6), d.int(1, 3), inputs], { dtype });
    const weight = d.tensor([kernel, inputs, outputs], { dtype });
    return [x, weight, d.tensor([outputs], { dtype }), { pad: d.maybe(() => d.int(0, 2)) }];
  },
  reference: (x, weight, bias, { pad = 0 }) =>
    turned(convolved(turned(x, [1, 2, 0]), turned(weight, [2, 1, 0]), bias, { padding: pad }), [2, 0, 1]),
  length: (_x, weight) => count(weight.shape.slice(0, 2)) + 1,
  ulps: 24,
  range: 12,
});
