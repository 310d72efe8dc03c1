// Random geometric transforms: the parameters they draw, and that images, masks and boxes go the same way.
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  arange,
  Generator,
  ShapeError,
  type Tensor,
  tensor,
  vision,
  zeros,
} from '../../../lib/index.js';

const t = vision.transforms;
const { BoundingBoxes, Mask } = t;

/** Every pixel another number, from 1. */
const counted = (shape: readonly number[], dtype: 'float32' | 'uint8' | 'int64' = 'float32'): Tensor =>
  arange(1, 1 + shape.reduce((a, b) => a * b, 1))
    .reshape(shape)
    .to(dtype);

/** Images with the box and the mask of their one bright square. */
function marked(n: number) {
  const square = zeros([n, 1, 24, 24]);
  square.narrow(2, 6, 8).narrow(3, 5, 9).fill_(1);
  const box = tensor([5, 6, 14, 14]).expand([n, 1, 4]).contiguous();
  return {
    image: square,
    mask: new Mask(square.reshape([n, 24, 24]).to('int64')),
    boxes: new BoundingBoxes(box, { format: 'XYXY', canvasSize: [24, 24] }),
  };
}

const all = {
  RandomCrop: new t.RandomCrop(16, { padding: 3 }),
  RandomResizedCrop: new t.RandomResizedCrop(16, { interpolation: 'nearest' }),
  RandomRotation: new t.RandomRotation(40),
  RandomAffine: new t.RandomAffine(20, { translate: [0.1, 0.2], scale: [0.8, 1.2], shear: [-5, 5, -5, 5] }),
  RandomPerspective: new t.RandomPerspective({ interpolation: 'nearest', distortionScale: 0.3 }),
  ElasticTransform: new t.ElasticTransform({ alpha: 20, sigma: 2, interpolation: 'nearest' }),
  RandomHorizontalFlip: new t.RandomHorizontalFlip(),
  RandomZoomOut: new t.RandomZoomOut({ sideRange: [1, 2] }),
  ScaleJitter: new t.ScaleJitter([24, 24], { scaleRange: [0.5, 1.5], interpolation: 'nearest' }),
  RandomShortestSize: new t.RandomShortestSize([16, 20], { interpolation: 'nearest' }),
  RandomResize: new t.RandomResize(12, 30, { interpolation: 'nearest' }),
};

describe('random transforms', () => {
  for (const [name, transform] of Object.entries(all)) {
    it(`${name} moves image, mask and boxes alike, by its generator alone`, () => {
      const run = (seed: number) => transform.forward(marked(6), { generator: new Generator(seed) });
      const [a, b] = [run(3), run(3)];
      expect(a.image.equal(b.image)).toBe(true);
      expect(a.boxes.data.equal(b.boxes.data)).toBe(true);
      expect(a.mask.data.shape).toEqual([6, ...a.image.shape.slice(2)]);
      expect(a.mask.data.to('float32').equal(a.image.reshape(a.mask.data.shape))).toBe(true);
      expect(a.boxes.canvasSize).toEqual(a.image.shape.slice(2));
      // No bright pixel lies outside of the box around the square (elastic boxes follow their corners only).
      if (name === 'ElasticTransform') return;
      const boxes = a.boxes.data.toArraySync() as number[][][];
      const pixels = a.mask.data.toArraySync() as unknown as bigint[][][];
      boxes.forEach(([[x1, y1, x2, y2]], i) => {
        pixels[i].forEach((row, y) => {
          row.forEach((value, x) => {
            if (Number(value) === 0) return;
            expect(x + 1 > x1 - 1 && x < x2 + 1 && y + 1 > y1 - 1 && y < y2 + 1, `${i}: ${x}, ${y}`).toBe(true);
          });
        });
      });
    });

    it(`${name} takes one image, and refuses a matrix`, () => {
      const out = transform.forward(counted([3, 24, 24], 'uint8'), { generator: new Generator(1) });
      expect([out.ndim, out.shape[0], out.dtype]).toEqual([3, 3, 'uint8']);
      expect(() => transform.forward(zeros([24, 24]))).toThrow(ShapeError);
    });
  }

  it('crops of a batch are parts of their images, each from a place of its own', () => {
    const image = counted([1, 1, 9, 9]).expand([50, 1, 9, 9]).contiguous();
    const out = new t.RandomCrop([4, 5]).forward(image, { generator: new Generator(2) });
    const firsts = new Set<number>();
    for (const [rows] of out.toArraySync() as number[][][][]) {
      const [[first]] = rows;
      firsts.add(first);
      rows.forEach((row, y) => {
        row.forEach((value, x) => {
          expect(value).toBe(first + 9 * y + x);
        });
      });
    }
    expect(firsts.size).toBeGreaterThan(10);
    const whole = new t.RandomCrop([4, 5], { perSample: false }).forward(image).toArraySync() as number[][][][];
    expect(new Set(whole.map(([[[first]]]) => first)).size).toBe(1);
  });

  it('RandomResizedCrop shows a box of its own of each image, as one crop after the other does', () => {
    const crops: { top: number; left: number; height: number; width: number }[] = [];
    class Watched extends t.RandomResizedCrop {
      protected override makeParams(draws: never, info: never) {
        const crop = super.makeParams(draws, info);
        crops.push(crop);
        return crop;
      }
    }
    for (const dtype of ['uint8', 'float32', 'int64'] as const) {
      for (const interpolation of ['bilinear', 'bicubic', 'nearest'] as const) {
        crops.length = 0;
        const x = counted([5, 3, 40, 37], dtype);
        const out = new Watched([20, 45], { interpolation }).forward(x);
        crops.forEach(({ top, left, height, width }, i) => {
          const one = t.functional.resizedCrop(x.select(0, i), top, left, height, width, [20, 45], { interpolation });
          expect(out.select(0, i).equal(one), `${dtype} ${interpolation}`).toBe(true);
          // A box of zeros and the same box as an image of its own.
          const cut = t.functional.crop(x.select(0, i), top, left, height, width);
          const alone = t.functional.resize(cut.contiguous(), [20, 45], { interpolation });
          expect(Number(one.to('float32').sub(alone.to('float32')).abs().max().itemSync())).toBeLessThanOrEqual(
            dtype === 'float32' ? 1e-2 : 0,
          );
        });
      }
    }
  });

  it('Compose scales and normalizes bytes in one pass, with the bits and random numbers of two', () => {
    const x = counted([4, 3, 20, 23], 'uint8');
    const steps = [new t.ToDtype('float32', { scale: true }), new t.Normalize([0.4, 0.5, 0.6], [0.2, 0.3, 0.25])];
    const crop = new t.RandomCrop(9);
    const run = (sample: unknown, generator: Generator) =>
      [...steps, crop].reduce((value: unknown, step) => step.forward(value, { generator }), sample) as Tensor;
    const one = new t.Compose([...steps, crop]).forward(x, { generator: new Generator(5) });
    expect(one.dtype).toBe('float32');
    expect(one.equal(run(x, new Generator(5)))).toBe(true);
    const floats = x.to('float32').div(300);
    const other = new t.Compose([...steps, crop]).forward(floats, { generator: new Generator(5) });
    expect(other.equal(run(floats, new Generator(5)))).toBe(true);
  });

  it('RandomIoUCrop keeps boxes whose centre lies inside, and marks the others', () => {
    const boxes = new BoundingBoxes(
      [
        [2, 2, 10, 10],
        [20, 20, 30, 30],
      ],
      { format: 'XYXY', canvasSize: [32, 32] },
    );
    const sample = { image: zeros([3, 32, 32]), boxes, labels: tensor([1, 2]) };
    const crop = new t.RandomIoUCrop({ samplerOptions: [0.1] });
    const sanitize = new t.SanitizeBoundingBoxes();
    for (let seed = 0; seed < 8; seed++) {
      const cut = crop.forward(sample, { generator: new Generator(seed) });
      const clean = sanitize.forward(cut);
      expect(clean.boxes.data.shape[0]).toBeGreaterThan(0);
      expect(clean.labels.shape[0]).toBe(clean.boxes.data.shape[0]);
      expect(cut.boxes.canvasSize).toEqual(cut.image.shape.slice(1));
    }
    expect(() => crop.forward(zeros([3, 32, 32]))).toThrow(ArgumentError);
  });

  it('five and ten crops come as arrays', () => {
    const sample = { image: counted([1, 5, 6]), label: 3 };
    const five = new t.FiveCrop(3).forward<typeof sample, { image: Tensor[]; label: number }>(sample);
    expect(five.image.map((x) => x.shape)).toEqual(new Array(5).fill([1, 3, 3]));
    expect(five.label).toBe(3);
    expect(new t.TenCrop(3).forward<Tensor, Tensor[]>(sample.image).length).toBe(10);
    expect(() => new t.FiveCrop(3).forward(marked(1))).toThrow(ArgumentError);
  });

  it('TestTimeAugmentation takes the mean over all views', () => {
    const x = counted([1, 1, 2, 2]);
    const model = (image: Tensor): Tensor => image.narrow(2, 0, 1).narrow(3, 0, 1).reshape([1, 1]);
    const tta = new t.TestTimeAugmentation(model, [(image: Tensor) => image, t.functional.horizontalFlip]);
    expect(tta.forward(x).toArraySync()).toEqual([[1.5]]);
    expect(() => new t.TestTimeAugmentation(model, [])).toThrow(ArgumentError);
  });

  it('refuses parameters that make no sense', () => {
    expect(() => new t.RandomRotation(-3)).toThrow(ArgumentError);
    expect(() => new t.RandomAffine(3, { translate: [2, 0] })).toThrow(/translate/);
    expect(() => new t.RandomAffine(3, { scale: [0, 1] })).toThrow(/scale/);
    expect(() => new t.RandomCrop(30).forward(zeros([1, 20, 20]))).toThrow(/30 x 30 .* 20 x 20/);
    expect(() => new t.RandomZoomOut({ sideRange: [0.5, 1] })).toThrow(/sideRange/);
    expect(() => new t.Resize([0, 3])).toThrow(ArgumentError);
    expect(() => new t.Resize(3, { maxSize: 2 })).toThrow(/maxSize/);
    expect(() => new t.ConvertBoundingBoxFormat('AB' as 'XYXY')).toThrow(ArgumentError);
  });
});
