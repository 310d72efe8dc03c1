// The frame of transforms: samples, batches, random numbers.
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  arange,
  Generator,
  ShapeError,
  scope,
  type Tensor,
  tensor,
  vision,
  zeros,
} from '../../../lib/index.js';

const t = vision.transforms;
const { BoundingBoxes, Image, Mask } = t;

const counted = (shape: readonly number[]): Tensor =>
  arange(shape.reduce((a, b) => a * b, 1))
    .reshape(shape)
    .to('float32');

describe('samples', () => {
  it('changes images, masks and boxes alike and passes the rest on', () => {
    const image = counted([1, 2, 3]);
    const sample = {
      image,
      target: [new Mask(counted([2, 3])), new BoundingBoxes([[0, 0, 1, 2]], { format: 'XYXY', canvasSize: [2, 3] })],
      label: tensor([7]),
      name: 'a.png',
      none: null,
    } as const;
    const out = new t.RandomHorizontalFlip(1).forward(sample);
    expect(out.image.toArraySync()).toEqual([
      [
        [2, 1, 0],
        [5, 4, 3],
      ],
    ]);
    expect(out.target[0].data.toArraySync()).toEqual([
      [2, 1, 0],
      [5, 4, 3],
    ]);
    expect(out.target[1].data.toArraySync()).toEqual([[2, 0, 3, 2]]);
    expect(out.label).toBe(sample.label);
    expect([out.name, out.none]).toEqual(['a.png', null]);
  });

  it('takes the first tensor for the image, unless there is an Image', () => {
    const [a, b] = [counted([1, 1, 2]), counted([1, 1, 2])];
    const first = new t.RandomHorizontalFlip(1).forward([a, b]);
    expect(first[0].toArraySync()).toEqual([[[1, 0]]]);
    expect(first[1]).toBe(b);
    const marked = new t.RandomHorizontalFlip(1).forward([a, new Image(b)] as const);
    expect(marked[0]).toBe(a);
    expect(marked[1].data.toArraySync()).toEqual([[[1, 0]]]);
  });

  it('keeps results alive in a scope, also inside of boxes', () => {
    const boxes = scope(() => new BoundingBoxes([[0, 0, 1, 1]], { format: 'XYWH', canvasSize: [4, 4] }));
    const flipped = new t.RandomVerticalFlip(1).forward({ boxes });
    expect(flipped.boxes.data.toArraySync()).toEqual([[0, 3, 1, 1]]);
  });

  it('names shapes in its errors', async () => {
    const canvasSize = [4, 6] as const;
    expect(() => new t.RandomHorizontalFlip(1).forward(zeros([4, 6]))).toThrow(ShapeError);
    const boxes = new BoundingBoxes(zeros([2, 4]), { format: 'XYXY', canvasSize });
    expect(() => new t.RandomHorizontalFlip(1).forward([zeros([3, 4, 5]), boxes])).toThrow(/\[4, 5\] and \[4, 6\]/);
    expect(() => new t.RandomHorizontalFlip(1).forward([zeros([8, 3, 4, 6]), boxes])).toThrow(
      /\[2, 4\].*batch of \[8\]/,
    );
    expect(() => new BoundingBoxes([[0, 0, 7, 2]], { format: 'XYXY', canvasSize })).toThrow(/box 0 .*4 x 6/);
    expect(() => new BoundingBoxes(zeros([2, 3]), { format: 'XYXY', canvasSize })).toThrow(ShapeError);
    expect(() => new BoundingBoxes([[0, 0, 1, 1]], { format: 'XXYY' as 'XYXY', canvasSize })).toThrow(ArgumentError);
    const wrong = new BoundingBoxes(
      tensor([
        [0, 0, 1, 1],
        [3, 3, 2, 2],
      ]),
      { format: 'XYXY', canvasSize },
    );
    await expect(wrong.validate()).rejects.toThrow(/box 1 \(XYXY \[3, 3, 2, 2\]\)/);
    expect(() => new t.Compose([])).toThrow(ArgumentError);
    expect(() => new t.RandomHorizontalFlip(2)).toThrow(ArgumentError);
  });
});

describe('batches', () => {
  const batch = (n: number): Tensor => counted([1, 1, 2]).expand([n, 1, 1, 2]).contiguous();
  const flipped = (x: Tensor): boolean[] => (x.toArraySync() as number[][][][]).map(([[[a]]]) => a === 1);

  it('draws for each image, or once', () => {
    const each = flipped(new t.RandomHorizontalFlip().forward(batch(64), { generator: new Generator(1) }));
    expect(each.filter((x) => x).length).toBeGreaterThan(16);
    expect(each.filter((x) => !x).length).toBeGreaterThan(16);
    const whole = new t.RandomHorizontalFlip(0.5, { perSample: false }).forward(batch(64), {
      generator: new Generator(1),
    });
    expect(new Set(flipped(whole)).size).toBe(1);
  });

  it('gives the same for the same generator', () => {
    const run = (seed: number): boolean[] =>
      flipped(new t.RandomHorizontalFlip().forward(batch(64), { generator: t.sampleGenerator(seed, 3, 2) }));
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it('runs lists of transforms for each image', () => {
    const apply = new t.RandomApply([new t.RandomHorizontalFlip(1)], 0.5);
    const choice = new t.RandomChoice([new t.RandomHorizontalFlip(1), (x: Tensor) => x], { p: [1, 3] });
    const order = new t.RandomOrder([new t.RandomHorizontalFlip(1), new t.RandomVerticalFlip(1)]);
    const generator = new Generator(5);
    const applied = flipped(apply.forward(batch(64), { generator })).filter((x) => x).length;
    const chosen = flipped(choice.forward(batch(400), { generator })).filter((x) => x).length;
    expect(Math.abs(applied - 32)).toBeLessThan(16);
    expect(Math.abs(chosen - 100)).toBeLessThan(35);
    expect(flipped(order.forward(batch(8), { generator }))).toEqual(new Array(8).fill(true));
    expect(`${apply}`).toBe('RandomApply(\n  RandomHorizontalFlip(p=1)\n)');
  });

  it('takes masks and boxes of a batch along', () => {
    const boxes = new BoundingBoxes(tensor([0, 0, 1, 1]).expand([64, 3, 4]).contiguous(), {
      format: 'XYXY',
      canvasSize: [1, 2],
    });
    const mask = new Mask(batch(64).reshape([64, 1, 2]));
    const out = new t.RandomHorizontalFlip().forward({ image: batch(64), boxes, mask });
    const each = flipped(out.image);
    expect((out.boxes.data.toArraySync() as number[][][]).map((b) => b[2][0] === 1)).toEqual(each);
    expect((out.mask.data.toArraySync() as number[][][]).map(([[a]]) => a === 1)).toEqual(each);
  });
});
