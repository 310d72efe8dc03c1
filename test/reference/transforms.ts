// Geometric transforms of images, pixel by pixel.
import { type Arr, at, build } from './array.js';
import type { Draw, TensorArg } from './draw.js';
import { family } from './entry.js';

const entry = family('transforms');

const imageOf = (d: Draw, dtype: 'wide' | 'all', finite = false): TensorArg => {
  const lead = d.maybe(() => d.int(1, 3));
  const shape = [...(lead === undefined ? [] : [lead]), d.int(1, 4), d.int(1, 7), d.int(1, 80)];
  return d.tensor(shape, { dtype: d.dtype(dtype), values: finite ? undefined : d.anyValues() });
};

/** The pixel (x, y) of the plane that `index` lies in, and whether there is one. */
const pixel = (x: Arr, index: readonly number[], px: number, py: number): [number, boolean] => {
  const [h, w] = x.shape.slice(-2);
  const inside = px >= 0 && px < w && py >= 0 && py < h;
  return [inside ? at(x, [...index.slice(0, -2), py, px]) : 0, inside];
};

entry('vision.transforms.functional.affine', {
  covers: ['warp'],
  differentiable: false,
  draw: (
    d,
  ): [TensorArg, number, [number, number], number, [number, number], { interpolation: string; fill?: number }] => [
    imageOf(d, 'wide', true), // the last bit of a place decides whether a NaN beside it counts
    d.number(-180, 180),
    [d.number(-3, 3), d.number(-3, 3)],
    d.number(0.5, 2),
    [d.number(-20, 20), d.number(-20, 20)],
    { interpolation: 'bilinear', fill: d.maybe(() => d.number(-2, 2)) },
  ],
  reference: (x, angle, [tx, ty], scale, [shearX, shearY], { fill }) => {
    const [h, w] = x.shape.slice(-2);
    const turn = (degrees: number): number => (degrees * Math.PI) / 180;
    const [r, sx, sy] = [turn(angle), turn(shearX), turn(shearY)];
    // From the image to the result, about the middle: turned, scaled and sheared; inverted by Cramer's rule.
    const a = (scale * Math.cos(r - sy)) / Math.cos(sy);
    const b = scale * ((-Math.cos(r - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(r));
    const c = (scale * Math.sin(r - sy)) / Math.cos(sy);
    const e = scale * ((-Math.sin(r - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(r));
    const det = a * e - b * c;
    return build(x.shape, x.dtype, (index) => {
      const [oy, ox] = index.slice(-2);
      const [dx, dy] = [ox - (w - 1) / 2 - tx, oy - (h - 1) / 2 - ty];
      const px = (e * dx - b * dy) / det + (w - 1) / 2;
      const py = (a * dy - c * dx) / det + (h - 1) / 2;
      let [sum, part] = [0, 0];
      for (const ky of [0, 1]) {
        for (const kx of [0, 1]) {
          const [qx, qy] = [Math.floor(px) + kx, Math.floor(py) + ky];
          const weight = (1 - Math.abs(px - qx)) * (1 - Math.abs(py - qy));
          const [value, inside] = pixel(x, index, qx, qy);
          if (!inside) continue;
          sum += weight * value;
          part += weight;
        }
      }
      return fill === undefined ? sum : (sum - fill) * part + fill;
    });
  },
  // Places are found in the image's own precision: their error counts with the size of the image.
  range: () => 3 * 80,
  length: 4,
});

entry('vision.transforms.functional.crop', {
  covers: ['warp'],
  differentiable: false,
  draw: (d): [TensorArg, number, number, number, number] => [
    imageOf(d, 'all'),
    d.int(-4, 6),
    d.int(-4, 20),
    d.int(1, 9),
    d.int(1, 70),
  ],
  reference: (x, top, left, height, width) =>
    build([...x.shape.slice(0, -2), height, width], x.dtype, (index) => {
      const [y, column] = index.slice(-2);
      return pixel(x, index, column + left, y + top)[0];
    }),
});

entry('vision.transforms.functional.resizedCrop', {
  covers: ['resize'],
  differentiable: false,
  draw: (
    d,
  ): [TensorArg, number, number, number, number, [number, number], { interpolation: 'bilinear' | 'nearest' }] => {
    const [h, w] = [d.int(1, 12), d.int(1, 80)];
    const [top, left] = [d.int(0, h - 1), d.int(0, w - 1)];
    const interpolation = d.pick(['bilinear', 'nearest'] as const);
    const dtype = d.dtype(interpolation === 'nearest' ? 'all' : 'wide');
    const image = d.tensor([d.int(1, 3), d.int(1, 4), h, w], { dtype });
    const size: [number, number] = [d.int(1, 14), d.int(1, 70)];
    return [image, top, left, d.int(1, h - top), d.int(1, w - left), size, { interpolation }];
  },
  reference: (x, top, left, height, width, [h, w], { interpolation }) => {
    // What each pixel of a side counts for: a triangle as wide as a pixel of the larger of both sides.
    const shares = (from: number, into: number, o: number): [number, number][] => {
      const step = Math.fround(from / into);
      if (interpolation === 'nearest') return [[Math.min(Math.floor(Math.fround(o * step)), from - 1), 1]];
      if (from === into) return [[o, 1]];
      const wide = Math.max(1, from / into);
      const all = Array.from({ length: from }, (_, i): [number, number] => {
        return [i, Math.max(0, 1 - Math.abs((i + 0.5 - ((o + 0.5) * from) / into) / wide))];
      });
      const sum = all.reduce((total, [, share]) => total + share, 0);
      return all.map(([i, share]) => [i, share / sum]);
    };
    return build([...x.shape.slice(0, -2), h, w], x.dtype, (index) => {
      const [y, column] = index.slice(-2);
      let total = 0;
      for (const [i, down] of shares(height, h, y)) {
        for (const [j, across] of shares(width, w, column)) {
          total += down * across * at(x, [...index.slice(0, -2), top + i, left + j]);
        }
      }
      return total;
    });
  },
  length: 600,
});
