// Geometric functions, most of which run on the op warp, beside torchvision: test/fixtures/make_transforms_fixtures.py.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ShapeError, type Tensor, tensor, vision, zeros } from '../../../lib/index.js';

const { BoundingBoxes, Mask, functional } = vision.transforms;
type Part = Parameters<typeof functional.horizontalFlip>[0];
type Format = vision.transforms.BoundingBoxFormat;

interface Case {
  name: string;
  function: string;
  kind: string;
  shape: number[];
  args: unknown[];
  options: Record<string, unknown>;
  out: { shape: number[]; data: number[] }[];
  canvas?: number[];
}

const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/transforms_geometry.json', import.meta.url), 'utf8'),
) as { cases: Case[]; formats: { from: Format; to: Format; dtype: 'float32' | 'int64'; out: number[][] }[] };

const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const pixels = (shape: readonly number[]): Tensor => {
  const count = shape.reduce((a, b) => a * b, 1);
  return tensor(Uint8Array.from({ length: count }, (_, i) => (i * 7919 + 13) % 251)).reshape(shape);
};

const BOXES = [
  [0, 0, 3, 2],
  [1.5, 2, 6.25, 5],
  [4, 1, 9, 7],
];

function inputOf({ kind, shape }: Case): Part {
  if (kind === 'mask') return new Mask(pixels(shape).remainder(5).to('int64'));
  if (kind === 'uint8') return pixels(shape);
  if (kind === 'float32' || kind === 'float64') return pixels(shape).to(kind).div(250);
  const boxes = new BoundingBoxes(BOXES, { format: 'XYXY', canvasSize: [7, 9] });
  return functional.convertBoundingBoxFormat(boxes, kind as Format);
}

const dataOf = (part: Part): Tensor =>
  'data' in part && typeof part.data !== 'function' ? (part.data as Tensor) : (part as Tensor);

function run(c: Case, input: Part): Part[] {
  const name = camel(c.function);
  const options = Object.fromEntries(Object.entries(c.options).map(([key, value]) => [camel(key), value]));
  const args = name === 'elastic' ? [tensor(c.args[0] as number[])] : c.args;
  const fn = (functional as unknown as Record<string, (...args: unknown[]) => Part | Part[]>)[name];
  const out = fn(input, ...args, ...(Object.keys(options).length > 0 ? [options] : []));
  return Array.isArray(out) ? out : [out];
}

function expectNear(c: Case, actual: Tensor, wanted: { shape: number[]; data: number[] }): void {
  expect(actual.shape, c.name).toEqual(wanted.shape);
  const got = Array.from(actual.dataSync(), Number);
  expect(got.length).toBe(wanted.data.length);
  const bound = c.kind === 'uint8' || c.kind === 'mask' ? 0 : 1e-5;
  const scale = c.kind === 'float32' || c.kind === 'float64' ? 1 : 10;
  const worst = got.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted.data[i])), 0);
  expect(worst, `${c.name} (${c.kind}) ${JSON.stringify(c.options)}`).toBeLessThanOrEqual(
    bound === 1e-5 ? bound * scale : bound,
  );
}

describe('functions', () => {
  const names = new Set(fixture.cases.map((c) => c.function));
  for (const name of names) {
    it(camel(name), () => {
      for (const c of fixture.cases.filter((one) => one.function === name)) {
        const out = run(c, inputOf(c));
        expect(out.length).toBe(c.out.length);
        out.forEach((part, i) => {
          expectNear(c, dataOf(part), c.out[i]);
        });
        if (c.canvas) expect((out[0] as vision.transforms.BoundingBoxes).canvasSize).toEqual(c.canvas);
      }
    });
  }

  it('does the same to views and channels-last images', () => {
    const options = { interpolation: 'bilinear', fill: 3 } as const;
    for (const dtype of ['uint8', 'float32', 'float64', 'int32'] as const) {
      const x = pixels([2, 3, 6, 5]).to(dtype);
      const wanted = functional.rotate(x, 25, options).toArraySync();
      const last = x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
      const view = pixels([2, 3, 6, 5]).to(dtype).transpose(2, 3).contiguous().transpose(2, 3);
      expect(functional.rotate(last, 25, options).toArraySync()).toEqual(wanted);
      expect(functional.rotate(view, 25, options).toArraySync()).toEqual(wanted);
      const cut = functional.crop(x, -1, 2, 5, 9).toArraySync();
      expect(functional.crop(last, -1, 2, 5, 9).toArraySync()).toEqual(cut);
      expect(functional.crop(view, -1, 2, 5, 9).toArraySync()).toEqual(cut);
    }
  });

  it('converts formats, whole numbers too', () => {
    for (const { from, to, dtype, out } of fixture.formats) {
      const values = [
        [3, 5, 7, 10],
        [0, 1, 4, 4],
      ];
      const boxes = new BoundingBoxes(tensor(values, { dtype }), { format: from, canvasSize: [20, 20] });
      const converted = functional.convertBoundingBoxFormat(boxes, to);
      expect(converted.format).toBe(to);
      expect(converted.data.dtype).toBe(dtype);
      expect((converted.data.toArraySync() as number[][]).map((box) => box.map(Number))).toEqual(out);
    }
  });

  it('keeps boxes that are large enough', () => {
    const data = tensor([
      [0, 0, 3, 3],
      [1, 1, 1.5, 4],
      [2, 2, 10, 3],
    ]);
    const boxes = new BoundingBoxes(data, { format: 'XYXY', canvasSize: [7, 9] });
    const [kept, valid] = functional.sanitizeBoundingBoxes(boxes);
    expect(kept.data.toArraySync()).toEqual([[0, 0, 3, 3]]);
    expect(valid.toArraySync()).toEqual([true, false, false]);
    const sample = { boxes, labels: tensor([5, 6, 7]), masks: new Mask(pixels([3, 7, 9])) };
    const clean = new vision.transforms.SanitizeBoundingBoxes().forward(sample);
    expect(clean.labels.toArraySync()).toEqual([5]);
    expect(clean.masks.data.shape).toEqual([1, 7, 9]);
  });

  it('refuses what makes no sense', () => {
    const x = zeros([3, 4, 5]);
    expect(() => functional.fiveCrop(x, 6)).toThrow(ShapeError);
    expect(() => functional.rotate(zeros([4, 5]), 3)).toThrow(/\[4, 5\]/);
    expect(() => functional.elastic(x, zeros([1, 4, 4, 2]))).toThrow(/\[1, 4, 5, 2\].*\[1, 4, 4, 2\]/);
    expect(() => functional.pad(x, [1, 2, 3])).toThrow(/padding/);
    expect(() => functional.pad(x, 5, { paddingMode: 'reflect' })).toThrow(ShapeError);
    expect(() => functional.rotate(x, 3, { fill: [1, 2] })).toThrow(/2 numbers for 3 channels/);
    expect(() => functional.resize(x, [2, 2], { interpolation: 'box' as 'nearest' })).toThrow(/interpolation/);
    expect(() =>
      functional.perspective(
        x,
        [
          [0, 0],
          [1, 1],
          [2, 2],
          [3, 3],
        ],
        [
          [0, 0],
          [1, 1],
          [2, 2],
          [3, 3],
        ],
      ),
    ).toThrow(/line/);
  });
});
