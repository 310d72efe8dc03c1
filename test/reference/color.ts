// Colours, blur and erasing of images, pixel by pixel, for floats; bytes where nothing is rounded.
import { type Arr, at, build, count } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('vision transforms');
const FACTS = { method: false, differentiable: false } as const;

/** A batch, its values in [0, 1], and a parameter for each image or one for all. */
function drawImages(d: Draw, low: number, high: number, channels: readonly number[]): [TensorArg, number | number[]] {
  const n = d.int(1, 3);
  const shape = [n, d.pick(channels), d.int(1, 6), d.int(1, 40)];
  const x = d.tensor(shape, { dtype: d.dtype('wide'), low: 0, high: 1, grad: false });
  const draw = () => d.number(low, high);
  return [x, d.chance(0.5) ? draw() : Array.from({ length: n }, draw)];
}

const parameter = <T>(p: T | readonly T[], n: number): T => (Array.isArray(p) ? p[n] : p) as T;
const cut = (v: number): number => Math.min(Math.max(v, 0), 1);

function grayOf(x: Arr, n: number, i: number, j: number): number {
  if (x.shape[1] === 1) return at(x, [n, 0, i, j]);
  const [r, g, b] = [0, 1, 2].map((c) => at(x, [n, c, i, j]));
  return 0.2989 * r + 0.587 * g + 0.114 * b;
}

function meanGray(x: Arr, n: number): number {
  const [, , height, width] = x.shape;
  let sum = 0;
  for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) sum += grayOf(x, n, i, j);
  return sum / (height * width);
}

const F = 'vision.transforms.functional';

entry(`${F}.adjustBrightness`, {
  ...FACTS,
  covers: ['colorChain'],
  draw: (d) => drawImages(d, 0, 2, [3, 1]),
  reference: (x, factor) => build(x.shape, x.dtype, (at4) => cut(at(x, at4) * parameter(factor, at4[0]))),
});

entry(`${F}.adjustContrast`, {
  ...FACTS,
  covers: ['colorChain'],
  draw: (d) => drawImages(d, 0, 2, [3, 1]),
  reference: (x, factor) => {
    const means = Array.from({ length: x.shape[0] }, (_, n) => meanGray(x, n));
    return build(x.shape, x.dtype, (index) => {
      const f = parameter(factor, index[0]);
      return cut(at(x, index) * f + means[index[0]] * (1 - f));
    });
  },
  length: 240,
});

entry(`${F}.autocontrast`, {
  ...FACTS,
  covers: ['colorChain'],
  draw: (d): [TensorArg] => [drawImages(d, 0, 1, [3, 1])[0]],
  reference: (x) =>
    build(x.shape, x.dtype, (index) => {
      const size = x.shape[2] * x.shape[3];
      const from = (index[0] * x.shape[1] + index[1]) * size;
      const plane = x.data.slice(from, from + size);
      const [low, high] = [Math.min(...plane), Math.max(...plane)];
      return low === high ? at(x, index) : cut((at(x, index) - low) / (high - low));
    }),
  length: 8,
});

entry(`${F}.adjustSharpness`, {
  ...FACTS,
  covers: ['sharpen'],
  draw: (d) => drawImages(d, 0, 3, [3, 1]),
  reference: (x, factor) =>
    build(x.shape, x.dtype, (index) => {
      const [n, c, i, j] = index;
      const [, , height, width] = x.shape;
      const own = at(x, index);
      if (height < 3 || width < 3) return own;
      if (i === 0 || j === 0 || i === height - 1 || j === width - 1) return cut(own);
      let sum = 4 * own;
      for (let a = -1; a <= 1; a++) for (let b = -1; b <= 1; b++) sum += at(x, [n, c, i + a, j + b]);
      return cut(sum / 13 + parameter(factor, n) * (own - sum / 13));
    }),
  length: 16,
});

entry(`${F}.normalize`, {
  ...FACTS,
  covers: ['normalizeImage'],
  draw: (d): [TensorArg, number[], number[]] => {
    const shape = [...(d.chance(0.5) ? [d.int(0, 3)] : []), d.int(1, 4), d.int(1, 5), d.int(1, 30)];
    const bytes = d.chance(0.4);
    const x = d.tensor(shape, { dtype: bytes ? 'uint8' : d.dtype('wide'), low: 0, high: bytes ? 255 : 1, grad: false });
    const channels = shape[shape.length - 3];
    const numbers = (low: number, high: number) => Array.from({ length: channels }, () => d.number(low, high));
    return [x, numbers(-1, 1), Array.from({ length: channels }, () => d.pick([1, 0.25, -2, 0.7]))];
  },
  reference: (x, mean, std) => {
    const bytes = x.dtype === 'uint8';
    return build(x.shape, bytes ? 'float32' : x.dtype, (index) => {
      const c = index[index.length - 3];
      return (at(x, index) / (bytes ? 255 : 1) - mean[c]) / std[c];
    });
  },
  length: 8,
});

function blurWeights(size: number, sigma: number): number[] {
  const raw = Array.from({ length: size }, (_, i) => Math.exp(-((i - (size - 1) / 2) ** 2) / (2 * sigma * sigma)));
  const sum = raw.reduce((a, b) => a + b, 0);
  return raw.map((w) => w / sum);
}

const mirrored = (i: number, size: number): number => (i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i);

entry(`${F}.gaussianBlur`, {
  ...FACTS,
  draw: (d): [TensorArg, [number, number], { sigma: [number, number][] }] => {
    const [kx, ky] = [1 + 2 * d.int(0, 3), 1 + 2 * d.int(0, 3)];
    const n = d.int(1, 2);
    const shape = [n, d.int(1, 3), (ky >> 1) + d.int(1, 5), (kx >> 1) + d.int(1, 40)];
    const x = d.tensor(shape, { dtype: d.dtype('wide'), low: 0, high: 1, grad: false });
    const pair = (): [number, number] => [d.pick([1, 0.3, 2.5]), d.pick([1, 0.3, 2.5])];
    return [x, [kx, ky], { sigma: Array.from({ length: n }, pair) }];
  },
  reference: (x, [kx, ky], { sigma }) =>
    build(x.shape, x.dtype, ([n, c, i, j]) => {
      const [along, down] = [blurWeights(kx, sigma[n][0]), blurWeights(ky, sigma[n][1])];
      let sum = 0;
      for (let a = 0; a < ky; a++) {
        for (let b = 0; b < kx; b++) {
          const row = mirrored(i + a - (ky >> 1), x.shape[2]);
          sum += down[a] * along[b] * at(x, [n, c, row, mirrored(j + b - (kx >> 1), x.shape[3])]);
        }
      }
      return sum;
    }),
  length: 49,
});

entry(`${F}.erase`, {
  ...FACTS,
  covers: ['eraseImage'],
  draw: (d): [TensorArg, number[], number[], number[], number[], TensorArg] => {
    const n = d.int(2, 3);
    const [channels, height, width] = [d.int(1, 3), d.int(1, 6), d.int(1, 9)];
    const dtype = d.pick(['float32', 'float64', 'uint8'] as const);
    const values = { dtype, values: 'whole', low: 0, high: 9, grad: false } as const;
    const boxes = Array.from({ length: n }, () => {
      const [i, j] = [d.int(0, height - 1), d.int(0, width - 1)];
      return [i, j, d.int(0, height - i), d.int(0, width - j)];
    });
    const part = (k: number) => boxes.map((box) => box[k]);
    const inner = d.chance(0.5) ? [channels, 1, 1] : [channels, height, width];
    const v = d.tensor(d.chance(0.5) ? [n, ...inner] : inner, values);
    return [d.tensor([n, channels, height, width], values), part(0), part(1), part(2), part(3), v];
  },
  reference: (x, top, left, height, width, v) => {
    const own = count(v.shape.slice(-2)) > 1;
    return build(x.shape, x.dtype, ([n, c, i, j]) => {
      const inside = i >= top[n] && i < top[n] + height[n] && j >= left[n] && j < left[n] + width[n];
      if (!inside) return at(x, [n, c, i, j]);
      return at(v, [...(v.ndim === 4 ? [n] : []), c, own ? i : 0, own ? j : 0]);
    });
  },
});
