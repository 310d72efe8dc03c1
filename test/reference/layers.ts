// Linear layers, pooling, windows, normalization and softmax, by their definitions.
import { Arr, at, build, count, linesReplaced, type RefDType, reshaped, zipped } from './array.js';
import { windows } from './conv.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';
import { product } from './linalg.js';

const entry = family('layers');

export type Pair = number | number[];
export const two = (value: Pair): number[] => (typeof value === 'number' ? [value, value] : value);
export const drawPair = (d: Draw, low: number, high: number): Pair =>
  d.chance(0.5) ? d.int(low, high) : [d.int(low, high), d.int(low, high)];

/** With a batch of one, where there was none. */
const batched = (x: Arr): Arr => (x.ndim === 3 ? reshaped(x, [1, ...x.shape]) : x);

entry('F.linear', {
  draw: (d): [TensorArg, TensorArg, TensorArg?] => {
    const [inputs, outputs] = [d.int(1, 20), d.int(1, 20)];
    const o = { dtype: d.dtype('float') };
    const x = d.tensor([...d.shape({ max: 3, most: 100 }), inputs], o);
    return [x, d.tensor([outputs, inputs], o), d.maybe(() => d.tensor([outputs], o))];
  },
  reference: (x, weight, bias) => {
    const swapped = build([weight.shape[1], weight.shape[0]], weight.dtype, ([i, j]) => at(weight, [j, i]));
    const y = product(reshaped(x, [count(x.shape.slice(0, -1)), x.shape[x.ndim - 1]]), swapped);
    const shape = [...x.shape.slice(0, -1), weight.shape[0]];
    const sum = bias ? zipped(x.dtype, (a, b) => a + b, y, bias) : y;
    return reshaped(sum, shape);
  },
  length: (x) => x.shape[x.ndim - 1] + 1,
  range: 12,
});

type Windowed = [TensorArg, Pair, { dilation?: Pair; padding?: Pair; stride?: Pair }];

function drawWindows(d: Draw): { image: number[]; kernel: Pair; o: Windowed[2]; out: number[] } {
  const kernel = drawPair(d, 1, 3);
  const o: Windowed[2] = {};
  if (d.chance(0.4)) o.dilation = drawPair(d, 1, 2);
  if (d.chance(0.4)) o.padding = drawPair(d, 0, 2);
  if (d.chance(0.4)) o.stride = drawPair(d, 1, 3);
  const image = two(kernel).map((k, i) => two(o.dilation ?? 1)[i] * (k - 1) + 1 + d.int(0, 4));
  return { image, kernel, o, out: windows(image, two(kernel), o).out };
}

/** For each window element (channel, p, q) and position: where it lies in the image, or nowhere. */
function* taps(
  image: readonly number[],
  kernel: number[],
  o: Windowed[2],
): Generator<[number, number, number, number]> {
  const { before, out } = windows([...image], kernel, o);
  const [stride, dilation] = [two(o.stride ?? 1), two(o.dilation ?? 1)];
  for (let p = 0; p < kernel[0] * kernel[1]; p++) {
    for (let l = 0; l < out[0] * out[1]; l++) {
      const row = Math.floor(l / out[1]) * stride[0] + Math.floor(p / kernel[1]) * dilation[0] - before[0];
      const column = (l % out[1]) * stride[1] + (p % kernel[1]) * dilation[1] - before[1];
      if (row >= 0 && row < image[0] && column >= 0 && column < image[1]) yield [p, l, row, column];
    }
  }
}

entry('F.unfold', {
  method: false,
  draw: (d): Windowed => {
    const { image, kernel, o } = drawWindows(d);
    const lead = d.chance(0.1) ? [] : [d.int(1, 2)];
    return [d.tensor([...lead, d.int(1, 3), ...image], { dtype: d.dtype('float') }), kernel, o];
  },
  reference: (input, kernelSize, o) => {
    const x = batched(input);
    const kernel = two(kernelSize);
    const [n, channels, ...image] = x.shape;
    const per = kernel[0] * kernel[1];
    const { out } = windows(image, kernel, o);
    const shape = [n, channels * per, out[0] * out[1]];
    const data = new Float64Array(count(shape));
    for (const [p, l, row, column] of taps(image, kernel, o)) {
      for (let k = 0; k < n * channels; k++) {
        data[(k * per + p) * shape[2] + l] = x.data[(k * image[0] + row) * image[1] + column];
      }
    }
    return input.ndim === 3 ? new Arr(shape.slice(1), x.dtype, data) : new Arr(shape, x.dtype, data);
  },
});
entry('F.fold', {
  method: false,
  draw: (d): [TensorArg, number[], Pair, Windowed[2]] => {
    const { image, kernel, o, out } = drawWindows(d);
    const per = two(kernel)[0] * two(kernel)[1];
    const lead = d.chance(0.1) ? [] : [d.int(1, 2)];
    const x = d.tensor([...lead, per * d.int(1, 3), out[0] * out[1]], { dtype: d.dtype('float') });
    return [x, image, kernel, o];
  },
  reference: (x, image, kernelSize, o) => {
    const kernel = two(kernelSize);
    const per = kernel[0] * kernel[1];
    const rows = x.shape[x.ndim - 2] / per;
    const lead = x.shape.slice(0, -2);
    const positions = x.shape[x.ndim - 1];
    const shape = [...lead, rows, ...image];
    const data = new Float64Array(count(shape));
    for (const [p, l, row, column] of taps(image, kernel, o)) {
      for (let k = 0; k < count(lead) * rows; k++) {
        data[(k * image[0] + row) * image[1] + column] += x.data[(k * per + p) * positions + l];
      }
    }
    return new Arr(shape, x.dtype, data);
  },
  length: 9,
});

const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);

/** `x - log(sum(exp(x)))` of a line. */
export function logSoftmaxOf(line: Float64Array): Float64Array {
  const most = line.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = most + Math.log(sum(line.map((x) => Math.exp(x - most))));
  return line.map((x) => x - total);
}

for (const name of ['softmax', 'logSoftmax', 'softmin']) {
  entry(`F.${name}`, {
    covers: [name === 'softmin' ? 'softmax' : name, 'softmaxBackward'],
    draw: (d): [TensorArg, number, { dtype?: RefDType }] => {
      const shape = d.shape({ full: true });
      const x = d.tensor(shape, { dtype: d.dtype('float'), low: -9, high: 9 });
      return [x, d.dim(shape.length), { dtype: d.chance(0.1) ? 'float64' : undefined }];
    },
    reference: (x, dim, { dtype = x.dtype }) => {
      const size = x.ndim === 0 ? 1 : x.shape[dim < 0 ? dim + x.ndim : dim];
      const sign = name === 'softmin' ? -1 : 1;
      const log = (line: Float64Array) => logSoftmaxOf(line.map((value) => sign * value));
      const fn = name === 'logSoftmax' ? log : (line: Float64Array) => log(line).map(Math.exp);
      return linesReplaced(x, dim, dtype, size, fn);
    },
    length: (x) => count(x.shape),
  });
}

interface Norm {
  training: boolean;
  momentum?: number;
  eps?: number;
}

type BatchNorm = [TensorArg, TensorArg, TensorArg, TensorArg | null, TensorArg | null, Norm];

/** Mean and biased variance of each channel, and how many values there are. */
function channelMoments(x: Arr): { mean: number[]; variance: number[]; n: number } {
  const channels = x.shape[1];
  const inner = count(x.shape.slice(2));
  const lists = Array.from({ length: channels }, (): number[] => []);
  x.data.forEach((value, flat) => {
    lists[Math.floor(flat / inner) % channels].push(value);
  });
  const mean = lists.map((list) => list.reduce((a, b) => a + b, 0) / list.length);
  const variance = lists.map((list, c) => list.reduce((a, b) => a + (b - mean[c]) ** 2, 0) / list.length);
  return { mean, variance, n: lists[0]?.length ?? 0 };
}

entry('F.batchNorm', {
  covers: ['batchNorm', 'batchNormBackward'],
  draw: (d): BatchNorm => {
    const channels = d.int(1, 9);
    const shape = [d.int(2, 5), channels, ...d.shape({ max: 2, most: 30, full: true })];
    const o = { dtype: d.dtype('float') };
    const vector = (low: number) => d.tensor([channels], { ...o, low, high: low + 2 });
    const fixed = (low: number) => d.tensor([channels], { ...o, low, high: low + 2, grad: false });
    const [weight, bias] = [d.chance(0.5) ? vector(0.5) : null, d.chance(0.5) ? vector(-1) : null];
    const training = d.chance(0.5);
    const options = { training, momentum: d.maybe(() => d.number(0, 1)), eps: d.maybe(() => 0.01) };
    return [d.tensor(shape, { ...o, values: 'distinct' }), fixed(-1), fixed(0.5), weight, bias, options];
  },
  // Running statistics change in place: copies of them are results.
  call: (api, x, mean, variance, weight, bias, options) => {
    const [m, v] = [api('clone')(mean), api('clone')(variance)];
    return [api('F.batchNorm')(x, m, v, weight, bias, options), m, v];
  },
  reference: (x, mean, variance, weight, bias, { training, momentum = 0.1, eps = 1e-5 }) => {
    const batch = channelMoments(x);
    const inner = count(x.shape.slice(2));
    const used = training ? batch : { mean: mean.data, variance: variance.data };
    const out = build(x.shape, x.dtype, (_, flat) => {
      const c = Math.floor(flat / inner) % x.shape[1];
      const normal = (x.data[flat] - used.mean[c]) / Math.sqrt(used.variance[c] + eps);
      return normal * (weight ? weight.data[c] : 1) + (bias ? bias.data[c] : 0);
    });
    const share = training ? momentum : 0;
    const unbiased = batch.n / (batch.n - 1);
    const newMean = build(mean.shape, x.dtype, (_, c) => (1 - share) * mean.data[c] + share * batch.mean[c]);
    const newVariance = build(
      mean.shape,
      x.dtype,
      (_, c) => (1 - share) * variance.data[c] + share * batch.variance[c] * unbiased,
    );
    return [out, newMean, newVariance];
  },
  length: (x) => count(x.shape),
  ulps: 16,
});
