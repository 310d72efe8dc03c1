// Resizing, sampling at grids, pixels and channels, by their definitions.
import { Arr, at, build, count } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('vision');

interface ResizeOptions {
  size?: number[];
  scaleFactor?: number[];
  mode: string;
  alignCorners?: boolean;
  antialias?: boolean;
}

const triangle = (x: number): number => Math.max(0, 1 - Math.abs(x));

function cubic(x: number, a: number): number {
  const d = Math.abs(x);
  if (d < 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
}

function lanczos(x: number): number {
  const sinc = (t: number) => (t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t));
  return Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
}

/** Which pixel a nearest mode takes: PyTorch computes it in float32 unless the image is float64. */
function nearestPixel(o: number, inSize: number, outSize: number, scale: number, half: number, wide: boolean): number {
  const round = wide ? (x: number) => x : Math.fround;
  const step = scale > 0 ? round(1 / scale) : round(inSize / outSize);
  return Math.min(Math.floor(Math.fround(step * (o + half))), inSize - 1);
}

/** The weights of the input elements for output element `o`: elements beyond an edge count for the one at the edge. */
function weightsOf(
  o: number,
  inSize: number,
  outSize: number,
  scale: number,
  wide: boolean,
  opt: ResizeOptions,
): number[] {
  const weights = new Array<number>(inSize).fill(0);
  const { mode } = opt;
  if (mode.startsWith('nearest')) {
    weights[nearestPixel(o, inSize, outSize, scale, mode === 'nearest' ? 0 : 0.5, wide)] = 1;
    return weights;
  }
  if (mode === 'area') {
    const start = Math.floor((o * inSize) / outSize);
    const end = Math.ceil(((o + 1) * inSize) / outSize);
    return weights.map((_, i) => (i >= start && i < end ? 1 / (end - start) : 0));
  }
  if (inSize === outSize && mode !== 'bicubic') return weights.map((_, i) => (i === o ? 1 : 0));
  const ratio = scale > 0 ? 1 / scale : inSize / outSize;
  const step = !opt.alignCorners ? ratio : outSize > 1 ? (inSize - 1) / (outSize - 1) : 0;
  if (opt.antialias) {
    if (inSize === outSize) return weights.map((_, i) => (i === o ? 1 : 0));
    const width = Math.max(step, 1);
    const filter = mode === 'lanczos' ? lanczos : mode === 'bicubic' ? (x: number) => cubic(x, -0.5) : triangle;
    const raw = weights.map((_, i) => filter((i + 0.5 - step * (o + 0.5)) / width));
    const total = raw.reduce((a, b) => a + b, 0);
    return raw.map((w) => w / total);
  }
  const source = opt.alignCorners ? o * step : (o + 0.5) * step - 0.5;
  for (let i = -6; i < inSize + 6; i++) {
    const w = mode === 'bicubic' ? cubic(source - i, -0.75) : triangle(source - i);
    weights[Math.min(Math.max(i, 0), inSize - 1)] += w;
  }
  return weights;
}

/** One axis of an array through a table of weights `[out][in]`. */
function alongAxis(x: Arr, axis: number, table: readonly (readonly number[])[]): Arr {
  const shape = x.shape.map((size, i) => (i === axis ? table.length : size));
  return build(shape, x.dtype, (index) =>
    table[index[axis]].reduce(
      (sum, w, i) =>
        w === 0
          ? sum
          : sum +
            w *
              at(
                x,
                index.map((place, k) => (k === axis ? i : place)),
              ),
      0,
    ),
  );
}

const RESIZES: Readonly<Record<number, readonly ResizeOptions[]>> = {
  1: [{ mode: 'nearest' }, { mode: 'linear' }, { mode: 'linear', alignCorners: true }, { mode: 'area' }],
  2: [
    { mode: 'nearest' },
    { mode: 'bilinear' },
    { mode: 'bilinear', alignCorners: true },
    { mode: 'bicubic' },
    { mode: 'bicubic', alignCorners: true },
    { mode: 'nearest-exact' },
    { mode: 'area' },
    { mode: 'bilinear', antialias: true },
    { mode: 'bicubic', antialias: true },
    { mode: 'lanczos', antialias: true },
  ],
  3: [{ mode: 'trilinear' }, { mode: 'nearest' }, { mode: 'trilinear', alignCorners: true }, { mode: 'area' }],
};

entry('F.interpolate', {
  method: false,
  draw: (d): [TensorArg, ResizeOptions] => {
    const axes = d.int(1, 3);
    const most = d.gradient ? 4 : axes === 3 ? 5 : d.chance(0.2) ? 40 : 9;
    const options: ResizeOptions = { ...d.pick(RESIZES[axes]) };
    const shape = [d.int(1, 2), d.pick([1, 2, 3, 17]), ...Array.from({ length: axes }, () => d.int(1, most))];
    if (d.gradient) shape[1] = Math.min(shape[1], 3);
    if (d.chance(0.5)) options.size = Array.from({ length: axes }, () => d.int(1, most + 2));
    else options.scaleFactor = Array.from({ length: axes }, () => d.pick([1, 2, 3, 1.5, 4, 1.25]));
    return [d.tensor(shape, { dtype: d.dtype('float') }), options];
  },
  reference: (x, options) => {
    const sizes = x.shape.slice(2);
    const out = options.size ?? sizes.map((size, i) => Math.floor(size * (options.scaleFactor?.[i] ?? 1)));
    return sizes.reduce((y, size, i) => {
      const scale = options.mode === 'area' ? 0 : (options.scaleFactor?.[i] ?? 0);
      const wide = x.dtype === 'float64';
      const table = Array.from({ length: out[i] }, (_, o) => weightsOf(o, size, out[i], scale, wide, options));
      return alongAxis(y, i + 2, table);
    }, x);
  },
  // Roundings of the positions, too: they move weights from one pixel to the next.
  length: (x) => 400 * Math.max(...x.shape.slice(2)),
});

interface GridOptions {
  mode: string;
  paddingMode: string;
  alignCorners: boolean;
}

/** A pixel's place after reflections at both ends, and at the nearest border. */
function inside(x: number, size: number, o: GridOptions): number {
  if (o.paddingMode === 'zeros') return x;
  let p = x;
  const [low, high] = o.alignCorners ? [0, size - 1] : [-0.5, size - 0.5];
  if (o.paddingMode === 'reflection') {
    if (low === high) return 0;
    while (p < low || p > high) p = p < low ? 2 * low - p : 2 * high - p;
  }
  return Math.min(Math.max(p, 0), size - 1);
}

/** Pixels and weights along one axis. */
function lineAt(coordinate: number, size: number, o: GridOptions): [place: number, weight: number][] {
  const u = o.alignCorners ? ((coordinate + 1) / 2) * (size - 1) : ((coordinate + 1) * size - 1) / 2;
  if (o.mode === 'bicubic') {
    const base = Math.floor(u);
    return [-1, 0, 1, 2].map((i) => [inside(base + i, size, o), cubic(u - base - i, -0.75)]);
  }
  const p = inside(u, size, o);
  if (o.mode === 'nearest') {
    const floor = Math.floor(p);
    const up = p - floor > 0.5 || (p - floor === 0.5 && floor % 2 !== 0);
    return [[up ? floor + 1 : floor, 1]];
  }
  const base = Math.floor(p);
  return [
    [base, 1 - (p - base)],
    [base + 1, p - base],
  ];
}

function drawGrid(d: Draw): [TensorArg, TensorArg, GridOptions] {
  const axes = d.int(2, 3);
  const n = d.int(1, 2);
  const image = Array.from({ length: axes }, () => d.int(1, d.gradient ? 3 : 6));
  const points = Array.from({ length: axes }, () => d.int(1, axes === 3 || d.gradient ? 2 : 5));
  const dtype = d.dtype('wide');
  const options = {
    mode: d.pick(axes === 2 ? ['bilinear', 'nearest', 'bicubic'] : ['bilinear', 'nearest']),
    paddingMode: d.pick(['zeros', 'border', 'reflection']),
    alignCorners: d.chance(0.5),
  };
  const x = d.tensor([n, d.gradient ? d.int(1, 2) : d.pick([1, 3, 17]), ...image], { dtype });
  // No point on a pixel or halfway between two.
  const grid = d.tensor([n, ...points, axes], { dtype, low: -2, high: 2, values: 'grid' });
  return [x, grid, options];
}

entry('F.gridSample', {
  method: false,
  covers: ['gridSample', 'gridSampleBackward'],
  draw: drawGrid,
  reference: (x, grid, o) => {
    const size = x.shape.slice(2);
    const axes = size.length;
    return build([x.shape[0], x.shape[1], ...grid.shape.slice(1, -1)], x.dtype, ([n, c, ...point]) => {
      const lines = size.map((length, i) => lineAt(at(grid, [n, ...point, axes - 1 - i]), length, o));
      const sum = (place: number[], weight: number): number => {
        const axis = place.length;
        if (axis === axes) return weight * at(x, [n, c, ...place]);
        return lines[axis].reduce(
          (total, [p, w]) => (p < 0 || p >= size[axis] ? total : total + sum([...place, p], weight * w)),
          0,
        );
      };
      return sum([], 1);
    });
  },
  length: 200,
  range: 30,
});

entry('F.affineGrid', {
  method: false,
  covers: [],
  draw: (d): [TensorArg, number[], { alignCorners: boolean }] => {
    const axes = d.int(2, 3);
    const n = d.int(1, 2);
    const size = [n, d.int(1, 3), ...Array.from({ length: axes }, () => d.int(1, 5))];
    return [d.tensor([n, axes, axes + 1], { dtype: d.dtype('float') }), size, { alignCorners: d.chance(0.5) }];
  },
  reference: (theta, size, { alignCorners }) => {
    const spatial = size.slice(2);
    const center = (i: number, length: number): number => {
      if (length === 1) return 0;
      return alignCorners ? (2 * i) / (length - 1) - 1 : (2 * i + 1) / length - 1;
    };
    const axes = spatial.length;
    return build([size[0], ...spatial, axes], theta.dtype, ([n, ...index]) => {
      const row = index[axes];
      const point = spatial.map((length, d) => center(index[d], length)).reverse();
      return [...point, 1].reduce((sum, p, k) => sum + p * at(theta, [n, row, k]), 0);
    });
  },
  length: 16,
  range: 12,
});

const flat = (lead: readonly number[]): number => count(lead);

/** `[...lead, C, H, W]` as `[N, C, H, W]` and back. */
function onImages(x: Arr, shape: (c: number, h: number, w: number) => number[], from: (i: number[]) => number[]): Arr {
  const lead = x.shape.slice(0, -3);
  const images = new Arr([flat(lead), ...x.shape.slice(-3)], x.dtype, x.data);
  const [c, h, w] = x.shape.slice(-3);
  const own = shape(c, h, w);
  const y = build([flat(lead), ...own], x.dtype, ([n, ...index]) => at(images, [n, ...from(index)]));
  return new Arr([...lead, ...own], x.dtype, y.data);
}

entry('F.pixelShuffle', {
  method: false,
  covers: [],
  draw: (d): [TensorArg, number] => {
    const r = d.int(1, 3);
    const shape = [...d.shape({ max: 2, most: 4 }), d.int(1, 2) * r * r, d.int(1, 4), d.int(1, 4)];
    return [d.tensor(shape, { dtype: d.dtype('all') }), r];
  },
  reference: (x, r) =>
    onImages(
      x,
      (c, h, w) => [c / (r * r), h * r, w * r],
      ([c, i, j]) => [c * r * r + (i % r) * r + (j % r), Math.floor(i / r), Math.floor(j / r)],
    ),
});

entry('F.pixelUnshuffle', {
  method: false,
  covers: [],
  draw: (d): [TensorArg, number] => {
    const r = d.int(1, 3);
    const shape = [...d.shape({ max: 2, most: 4 }), d.int(1, 3), d.int(1, 3) * r, d.int(1, 3) * r];
    return [d.tensor(shape, { dtype: d.dtype('all') }), r];
  },
  reference: (x, r) =>
    onImages(
      x,
      (c, h, w) => [c * r * r, h / r, w / r],
      ([k, i, j]) => [Math.floor(k / (r * r)), i * r + (Math.floor(k / r) % r), j * r + (k % r)],
    ),
});

entry('F.channelShuffle', {
  method: false,
  covers: [],
  draw: (d): [TensorArg, number] => {
    const groups = d.int(1, 4);
    const rest = Array.from({ length: d.int(1, 3) }, () => d.int(1, 4));
    return [d.tensor([d.int(1, 2), groups * d.int(1, 4), ...rest], { dtype: d.dtype('all') }), groups];
  },
  reference: (x, groups) =>
    build(x.shape, x.dtype, ([n, c, ...rest]) => {
      const each = x.shape[1] / groups;
      return at(x, [n, (c % groups) * each + Math.floor(c / groups), ...rest]);
    }),
});
