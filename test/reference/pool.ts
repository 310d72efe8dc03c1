// Pooling over one to three axes, by its definition: lists of positions per window.
import { type Arr, at, build, count, reshaped } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('layers');

type Sizes = number | number[];
type Options = {
  stride?: Sizes;
  padding?: Sizes;
  dilation?: Sizes;
  ceilMode?: boolean;
  countIncludePad?: boolean;
  divisorOverride?: number;
};

const each = (value: Sizes, axes: number): number[] =>
  typeof value === 'number' ? new Array<number>(axes).fill(value) : value;
const drawSizes = (d: Draw, axes: number, low: number, high: number): Sizes =>
  d.chance(0.5) ? d.int(low, high) : Array.from({ length: axes }, () => d.int(low, high));

/** With a batch of one, where there was none. */
const batched = (x: Arr, axes: number): Arr => (x.ndim === axes + 1 ? reshaped(x, [1, ...x.shape]) : x);
const unbatched = (y: Arr, x: Arr): Arr => (x.ndim < y.ndim ? reshaped(y, y.shape.slice(1)) : y);

/** One axis: the positions of each window (outside the input too), and how many of them an average counts. */
interface Axis {
  readonly size: number;
  readonly windows: readonly { positions: number[]; counted: number }[];
}

function sliding(size: number, kernel: number, stride: number, pad: number, dilation: number, o: Options): Axis {
  const windows: { positions: number[]; counted: number }[] = [];
  for (let start = -pad; ; start += stride) {
    const reach = start + dilation * (kernel - 1);
    const fits = reach < size + pad;
    // A rounded-up window must begin in the input or the padding before it.
    const extra = o.ceilMode === true && reach - (size + pad - 1) < stride && start < size;
    if (!fits && !extra) return { size, windows };
    const positions = Array.from({ length: kernel }, (_, i) => start + i * dilation);
    const margin = (o.countIncludePad ?? true) ? pad : 0;
    windows.push({ positions, counted: positions.filter((p) => p >= -margin && p < size + margin).length });
  }
}

function slidingAxes(shape: readonly number[], kernelSize: Sizes, o: Options): Axis[] {
  const axes = shape.length - 2;
  const kernel = each(kernelSize, axes);
  const [stride, pad, dilation] = [o.stride ?? kernel, o.padding ?? 0, o.dilation ?? 1].map((v) => each(v, axes));
  return kernel.map((k, i) => sliding(shape[2 + i], k, stride[i], pad[i], dilation[i], o));
}

type AdaptiveSize = number | (number | null)[];

function adaptiveAxes(shape: readonly number[], outputSize: AdaptiveSize): Axis[] {
  return shape.slice(2).map((size, i) => {
    const out = (typeof outputSize === 'number' ? outputSize : outputSize[i]) ?? size;
    const windows = Array.from({ length: out }, (_, o) => {
      const positions: number[] = [];
      // Position p belongs to window o when [p, p + 1) meets [o, o + 1) * size / out.
      for (let p = 0; p < size; p++) if ((p + 1) * out > o * size && p * out < (o + 1) * size) positions.push(p);
      return { positions, counted: positions.length };
    });
    return { size, windows };
  });
}

/** f(flat positions inside the input, counted positions, plane) for each output of `[N, C, ...]`. */
function pooled(
  x: Arr,
  axes: Axis[],
  dtype: Arr['dtype'],
  f: (inside: number[], counted: number, plane: number[]) => number,
): Arr {
  const shape = [...x.shape.slice(0, 2), ...axes.map((axis) => axis.windows.length)];
  return build(shape, dtype, ([n, c, ...place]) => {
    let inside = [0];
    let counted = 1;
    axes.forEach(({ size, windows }, i) => {
      const window = windows[place[i]];
      const own = window.positions.filter((p) => p >= 0 && p < size);
      inside = inside.flatMap((flat) => own.map((p) => flat * size + p));
      counted *= window.counted;
    });
    return f(inside, counted, [n, c]);
  });
}

const planes = (x: Arr): Arr => reshaped(x, [x.shape[0], x.shape[1], count(x.shape.slice(2))]);

/** Positions of the maxima in their planes: the last NaN, else the first of the largest, as in PyTorch. */
function maximaOf(x: Arr, axes: Axis[]): Arr {
  const flat = planes(x);
  return pooled(x, axes, 'int64', (inside, _counted, [n, c]) => {
    let best = inside[0];
    for (const p of inside) {
      const [value, most] = [at(flat, [n, c, p]), at(flat, [n, c, best])];
      if (Number.isNaN(value) || value > most) best = p;
    }
    return best;
  });
}

function maxPooled(x: Arr, axes: (shape: readonly number[]) => Axis[], dims: number, indices?: boolean): Arr | Arr[] {
  const y = batched(x, dims);
  const places = maximaOf(y, axes(y.shape));
  const flat = planes(y);
  const values = build(places.shape, x.dtype, ([n, c], i) => at(flat, [n, c, places.data[i]]));
  return indices ? [unbatched(values, x), unbatched(places, x)] : unbatched(values, x);
}

function averaged(x: Arr, axes: (shape: readonly number[]) => Axis[], dims: number, divisor?: number): Arr {
  const y = batched(x, dims);
  const flat = planes(y);
  const out = pooled(y, axes(y.shape), x.dtype, (inside, counted, [n, c]) => {
    const sum = inside.reduce((total, p) => total + at(flat, [n, c, p]), 0);
    return sum / (divisor ?? counted);
  });
  return unbatched(out, x);
}

/** An input, and its sizes along the pooled axes: at least `least`. */
function drawImages(d: Draw, least: number[], options: { low?: number; distinct?: boolean } = {}): TensorArg {
  const most = [9, 9, 4][least.length - 1];
  const size = least.map((n) => n + d.int(0, d.gradient ? 3 : most));
  const channels = d.int(1, d.gradient ? 3 : 18);
  const shape = [...(d.chance(0.1) ? [] : [d.int(1, 3)]), channels, ...size];
  const values = options.distinct && d.gradient ? 'distinct' : options.low === undefined ? d.anyValues() : undefined;
  return d.tensor(shape, { dtype: d.dtype('float'), values, low: options.low });
}

interface Drawn {
  kernel: Sizes;
  o: Options;
  least: number[];
}

function drawWindow(d: Draw, axes: number, kind: { dilated?: boolean; padded?: boolean } = {}): Drawn {
  const kernel = drawSizes(d, axes, 1, axes === 3 ? 3 : 4);
  const sizes = each(kernel, axes);
  const o: Options = { ceilMode: d.maybe(() => d.chance(0.5)) };
  if (kind.dilated && d.chance(0.3)) o.dilation = drawSizes(d, axes, 1, 2);
  if (d.chance(0.5)) o.stride = drawSizes(d, axes, 1, 4);
  if (kind.padded && d.chance(0.4)) o.padding = sizes.map((k) => d.int(0, k >> 1));
  const gaps = each(o.dilation ?? 1, axes);
  return { kernel, o, least: sizes.map((k, i) => gaps[i] * (k - 1) + 1) };
}

const positionsOf = (kernel: Sizes, axes: number): number => count(each(kernel, axes));

for (const axes of [1, 2, 3]) {
  entry(`F.maxPool${axes}d`, {
    covers: ['maxPool', 'maxPoolBackward', 'maxPoolIndices'],
    method: false,
    draw: (d): [TensorArg, Sizes, Options & { returnIndices?: boolean }] => {
      const { kernel, o, least } = drawWindow(d, axes, { dilated: true, padded: true });
      return [drawImages(d, least, { distinct: true }), kernel, { ...o, returnIndices: d.chance(0.3) }];
    },
    reference: (x, kernel, { returnIndices, ...o }) =>
      maxPooled(x, (shape) => slidingAxes(shape, kernel, o), axes, returnIndices),
  });

  entry(`F.avgPool${axes}d`, {
    covers: ['avgPool', 'avgPoolBackward'],
    method: false,
    draw: (d): [TensorArg, Sizes, Options] => {
      const { kernel, o, least } = drawWindow(d, axes, { padded: true });
      o.countIncludePad = d.maybe(() => d.chance(0.5));
      if (axes > 1 && d.chance(0.2)) o.divisorOverride = d.int(1, 5);
      return [drawImages(d, least), kernel, o];
    },
    reference: (x, kernel, o) => averaged(x, (shape) => slidingAxes(shape, kernel, o), axes, o.divisorOverride),
    length: (_x, kernel) => positionsOf(kernel, axes),
  });

  entry(`F.lpPool${axes}d`, {
    covers: [],
    method: false,
    draw: (d): [TensorArg, number, Sizes, Options] => {
      const { kernel, o, least } = drawWindow(d, axes);
      return [drawImages(d, least, { low: 0.25 }), d.pick([2, 1, 3, 1.5, -1]), kernel, o];
    },
    // A window that the end cuts counts as a full one, as in PyTorch.
    reference: (x, p, kernel, o) => {
      const powers = build(x.shape, x.dtype, (_, i) => x.data[i] ** p);
      const means = averaged(powers, (shape) => slidingAxes(shape, kernel, o), axes);
      return build(means.shape, x.dtype, (_, i) => (means.data[i] * positionsOf(kernel, axes)) ** (1 / p));
    },
    length: (_x, _p, kernel) => positionsOf(kernel, axes),
    ulps: 16,
    range: 64,
  });

  const drawSize = (d: Draw, free: boolean): AdaptiveSize =>
    d.chance(0.4)
      ? d.int(1, 6)
      : Array.from({ length: axes }, () => (free && axes > 1 && d.chance(0.2) ? null : d.int(1, axes === 3 ? 4 : 8)));

  entry(`F.adaptiveMaxPool${axes}d`, {
    covers: ['maxPool', 'maxPoolBackward', 'maxPoolIndices'],
    method: false,
    draw: (d): [TensorArg, AdaptiveSize, { returnIndices?: boolean }] => [
      drawImages(d, new Array<number>(axes).fill(1), { distinct: true }),
      drawSize(d, true),
      { returnIndices: d.chance(0.3) },
    ],
    reference: (x, size, { returnIndices }) => maxPooled(x, (shape) => adaptiveAxes(shape, size), axes, returnIndices),
  });

  entry(`F.adaptiveAvgPool${axes}d`, {
    covers: ['avgPool', 'avgPoolBackward'],
    method: false,
    draw: (d): [TensorArg, AdaptiveSize] => [drawImages(d, new Array<number>(axes).fill(1)), drawSize(d, true)],
    reference: (x, size) => averaged(x, (shape) => adaptiveAxes(shape, size), axes),
    length: (x) => count(x.shape.slice(-axes)),
  });

  entry(`F.maxUnpool${axes}d`, {
    covers: [],
    method: false,
    // Windows side by side: no position is named twice.
    draw: (d): [TensorArg, TensorArg, Sizes, { outputSize?: number[] }] => {
      const kernel = drawSizes(d, axes, 1, 3);
      const sizes = each(kernel, axes);
      const lead = [...(d.chance(0.1) ? [] : [d.int(1, 3)]), d.int(1, 5)];
      const small = sizes.map(() => d.int(1, axes === 3 ? 3 : 6));
      const large = small.map((n, i) => n * sizes[i] + d.int(0, sizes[i] - 1));
      const places: number[] = [];
      for (let plane = 0; plane < count(lead); plane++) {
        for (let flat = 0; flat < count(small); flat++) {
          let [rest, place] = [flat, 0];
          const at: number[] = [];
          for (let i = axes - 1; i >= 0; i--) {
            at[i] = (rest % small[i]) * sizes[i] + d.int(0, sizes[i] - 1);
            rest = Math.floor(rest / small[i]);
          }
          for (let i = 0; i < axes; i++) place = place * large[i] + at[i];
          places.push(place);
        }
      }
      const shape = [...lead, ...small];
      return [
        d.tensor(shape, { dtype: d.dtype('float') }),
        d.tensor(shape, { dtype: 'int64', values: places }),
        kernel,
        { outputSize: large },
      ];
    },
    reference: (x, indices, _kernel, { outputSize }) => {
      const size = outputSize as number[];
      const out = build([...x.shape.slice(0, -axes), ...size], x.dtype, () => 0);
      const [from, to] = [count(x.shape.slice(-axes)), count(size)];
      x.data.forEach((value, i) => {
        out.data[Math.floor(i / from) * to + indices.data[i]] = value;
      });
      return out;
    },
  });
}

/** Where the windows of one plane start along an axis. */
function starts(size: number, kernel: number, out: number, sample: number): number[] {
  const step = (size - kernel) / (out - 1);
  const list = Array.from({ length: out - 1 }, (_, i) => Math.trunc((i + sample) * step) - Math.trunc(sample * step));
  return [...list, size - kernel];
}

for (const axes of [2, 3]) {
  entry(`F.fractionalMaxPool${axes}d`, {
    covers: ['fractionalMaxPool'],
    method: false,
    draw: (d): [TensorArg, Sizes, { outputSize: number[]; returnIndices?: boolean; _randomSamples: TensorArg }] => {
      const kernel = drawSizes(d, axes, 1, 3);
      const sizes = each(kernel, axes);
      const out = sizes.map(() => d.int(1, axes === 3 ? 3 : 6));
      // Steps that are whole or half numbers, and samples in 64ths: no rounding decides where a window starts.
      const size = sizes.map((k, i) => k + (out[i] - 1) * d.int(1, 2) + (out[i] === 3 ? d.int(0, 1) : 0));
      const lead = [d.int(1, 3), d.int(1, 4)];
      const dtype = d.dtype('wide');
      const samples = Array.from({ length: lead[0] * lead[1] * axes }, () => d.int(0, 63) / 64);
      return [
        d.tensor([...lead, ...size], { dtype, values: d.gradient ? 'distinct' : d.anyValues() }),
        kernel,
        {
          outputSize: out,
          returnIndices: d.chance(0.3),
          _randomSamples: d.tensor([...lead, axes], { dtype, values: samples, grad: false }),
        },
      ];
    },
    reference: (x, kernel, { outputSize, returnIndices, _randomSamples }) => {
      const [sizes, size] = [each(kernel, axes), x.shape.slice(2)];
      const flat = planes(x);
      const shape = [...x.shape.slice(0, 2), ...outputSize];
      const places = build(shape, 'int64', ([n, c, ...place]) => {
        let inside = [0];
        place.forEach((o, i) => {
          // Samples of images are those of W and H, those of volumes D, H and W.
          const sample = at(_randomSamples, [n, c, axes === 2 ? 1 - i : i]);
          const first = starts(size[i], sizes[i], outputSize[i], sample)[o];
          inside = inside.flatMap((p) => Array.from({ length: sizes[i] }, (_, k) => p * size[i] + first + k));
        });
        let best = inside[0];
        for (const p of inside) {
          const [value, most] = [at(flat, [n, c, p]), at(flat, [n, c, best])];
          if (Number.isNaN(value) || value > most) best = p;
        }
        return best;
      });
      const values = build(shape, x.dtype, ([n, c], i) => at(flat, [n, c, places.data[i]]));
      return returnIndices ? [values, places] : values;
    },
  });
}
