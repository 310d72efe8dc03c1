// Colours of bytes against torchvision, and the random transforms of colour.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, DTypeError, Generator, rand, type Tensor, tensor, vision } from '../../../lib/index.js';

const t = vision.transforms;
const F = t.functional;

interface Call {
  name: string;
  args: readonly never[];
  shape: readonly number[];
  out: string;
}
const file = new URL('../../fixtures/color_bytes.json', import.meta.url);
const fixture = JSON.parse(readFileSync(file, 'utf8')) as {
  functional: readonly Call[];
  jpegs: readonly { channels: number; quality: number; out: string }[];
};

/** The image that make_color_fixtures.py makes. */
function image(shape: readonly number[], seed: number): Tensor {
  let state = BigInt(seed);
  const [channels, height, width] = shape;
  const bytes = Uint8Array.from({ length: channels * height * width }, (_, i) => {
    state = (state * 1103515245n + 12345n) % 2n ** 31n;
    return i % 3 ? Number((state >> 16n) & 255n) : Math.floor((i * 7) / channels) % 256;
  });
  return tensor(bytes, { shape });
}

const camel = (name: string): string => name.replace(/_(\w)/g, (_, c: string) => c.toUpperCase());

/** How many bytes differ, and by how much. */
function compare(x: Tensor, expected: Uint8Array): { share: number; worst: number } {
  const got = x.dataSync();
  expect(got.length).toBe(expected.length);
  let [count, worst] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const off = Math.abs(Number(got[i]) - expected[i]);
    if (off > 0) count++;
    worst = Math.max(worst, off);
  }
  return { share: count / expected.length, worst };
}

describe('bytes as torchvision', () => {
  // Without fused multiply-add a product on the border of two levels may fall to the other side.
  for (const { name, args, shape, out } of fixture.functional) {
    it(`${name} ${JSON.stringify(args)} [${shape}]`, () => {
      const fn = F[camel(name) as 'invert'] as (x: Tensor, ...args: unknown[]) => Tensor;
      const own = name === 'gaussian_blur' && args.length > 1 ? [args[0], { sigma: args[1] }] : args;
      const result = fn(image(shape, 7), ...own);
      expect([result.dtype, result.shape]).toEqual([
        'uint8',
        name === 'rgb_to_grayscale' ? [3, ...shape.slice(1)] : shape,
      ]);
      const { share, worst } = compare(result, Uint8Array.from(Buffer.from(out, 'base64')));
      expect(worst).toBeLessThanOrEqual(1);
      expect(share).toBeLessThan(0.02);
    });
  }

  it('gives each image of a batch its own parameter', () => {
    const [a, b] = [image([3, 17, 19], 7), image([3, 17, 19], 8)];
    const batch = tensor([...a.dataSync(), ...b.dataSync()].map(Number))
      .to('uint8')
      .reshape([2, 3, 17, 19]);
    const factors = [0.4, 1.7];
    for (const fn of [F.adjustBrightness, F.adjustContrast, F.adjustSaturation, F.adjustSharpness]) {
      const whole = fn(batch, factors);
      [a, b].forEach((x, i) => {
        expect(whole.select(0, i).dataSync()).toEqual(fn(x, factors[i]).dataSync());
      });
    }
    const video = batch.reshape([1, 2, 3, 17, 19]);
    expect(F.adjustHue(video, [0.1, -0.3]).shape).toEqual(video.shape);
  });
});

describe('dtypes, noise and erasing', () => {
  it('scales values between dtypes', () => {
    const bytes = tensor(Uint8Array.from([0, 51, 255]), { shape: [1, 1, 3] });
    expect(F.toDtype(bytes, 'float32', { scale: true }).dataSync()).toEqual(
      Float32Array.from([0, Math.fround(51 * Math.fround(1 / 255)), 1]),
    );
    expect(F.toDtype(bytes, 'float32').dataSync()).toEqual(Float32Array.from([0, 51, 255]));
    const floats = tensor([[[0, 0.5, 1]]]);
    expect(F.toDtype(floats, 'uint8', { scale: true }).dataSync()).toEqual(Uint8Array.from([0, 127, 255]));
    expect(F.toDtype(bytes, 'int32', { scale: true }).dataSync()).toEqual(
      Int32Array.from([0, 51 * 2 ** 23, 255 * 2 ** 23]),
    );
    expect(F.toDtype(F.toDtype(bytes, 'int32', { scale: true }), 'uint8', { scale: true }).dataSync()).toEqual(
      bytes.dataSync(),
    );
    expect(() => F.toDtype(floats, 'int32', { scale: true })).toThrow(DTypeError);
  });

  it('normalizes bytes in one pass, floats in place, and keeps gradients', () => {
    const bytes = image([3, 5, 7], 3);
    const mean = [0.485, 0.456, 0.406];
    const std = [0.229, 0.224, 0.225];
    const plain = F.normalize(F.toDtype(bytes, 'float32', { scale: true }), mean, std);
    const direct = F.normalize(bytes, mean, std).dataSync() as Float32Array;
    (plain.dataSync() as Float32Array).forEach((v, i) => {
      expect(direct[i]).toBeCloseTo(v, 5);
    });
    const x = rand([3, 5, 7]);
    const copy = F.normalize(x, mean, std);
    expect(F.normalize(x, mean, std, { inplace: true })).toBe(x);
    const [a, b] = [x.dataSync() as Float32Array, copy.dataSync() as Float32Array];
    a.forEach((v, i) => {
      expect(b[i]).toBeCloseTo(v, 5);
    });
    const leaf = rand([1, 2, 2]);
    leaf.requiresGrad = true;
    F.normalize(leaf, 0.5, 0.25).sum().backward();
    expect(leaf.grad?.dataSync()).toEqual(Float32Array.from([4, 4, 4, 4]));
    expect(() => F.normalize(bytes, 0, 1, { inplace: true })).toThrow(DTypeError);
  });

  it('adds noise of the given spread, the same for the same generator', () => {
    const gray = tensor(new Uint8Array(30000).fill(128), { shape: [3, 100, 100] });
    const noise = () => new t.GaussianNoise({ sigma: 0.1 }).forward(gray, { generator: new Generator(3) });
    const [a, b] = [noise().dataSync(), noise().dataSync()];
    expect(a).toEqual(b);
    const values = Array.from(a, Number);
    const mean = values.reduce((x, y) => x + y, 0) / values.length;
    const spread = Math.sqrt(values.reduce((x, y) => x + (y - mean) ** 2, 0) / values.length);
    expect(Math.abs(mean - 128)).toBeLessThan(1);
    expect(Math.abs(spread - 25.5)).toBeLessThan(0.7);
    const floats = F.gaussianNoise(rand([1, 50, 50]), { mean: 0.5, sigma: 0.5 }).dataSync() as Float32Array;
    expect([Math.min(...floats) >= 0, Math.max(...floats)]).toEqual([true, 1]);
  });

  it('erases boxes of the wanted area, each image its own', () => {
    const ones = tensor(new Float32Array(400 * 2 * 20 * 30).fill(1), { shape: [400, 2, 20, 30] });
    const erased = new t.RandomErasing(0.5, { value: [0, 0.5] }).forward(ones, { generator: new Generator(4) });
    const data = erased.dataSync() as Float32Array;
    const areas = Array.from(
      { length: 400 },
      (_, n) => data.slice(n * 1200, n * 1200 + 600).filter((v) => v === 0).length,
    );
    const halves = Array.from(
      { length: 400 },
      (_, n) => data.slice(n * 1200 + 600, n * 1200 + 1200).filter((v) => v === 0.5).length,
    );
    expect(areas).toEqual(halves);
    const some = areas.filter((n) => n > 0);
    expect(Math.abs(some.length - 200)).toBeLessThan(45);
    expect(Math.min(...some)).toBeGreaterThanOrEqual(0.015 * 600);
    expect(Math.max(...some)).toBeLessThan(0.37 * 600);
    const random = new t.RandomErasing(1, { value: 'random' }).forward(ones.narrow(0, 0, 4), {
      generator: new Generator(4),
    });
    expect(new Set(random.dataSync() as Float32Array).size).toBeGreaterThan(20);
    expect(() => new t.RandomErasing(1, { value: [1, 2, 3] }).forward(ones)).toThrow(/3 numbers for 2 channels/);
    expect(() => F.erase(ones, 0, 0, 21, 1, 0)).toThrow(ArgumentError);
  });
});

describe('random transforms of colour', () => {
  const batch = (): Tensor => rand([64, 3, 4, 5], { generator: new Generator(1) });
  const changed = (a: Tensor, b: Tensor): number => {
    const [x, y] = [a.dataSync() as Float32Array, b.dataSync() as Float32Array];
    return Array.from({ length: 64 }, (_, n) =>
      x.slice(60 * n, 60 * n + 60).some((v, i) => v !== y[60 * n + i]),
    ).filter(Boolean).length;
  };

  it('change about as many images as they should, alike for one generator', () => {
    const all = [
      new t.RandomGrayscale(0.5),
      new t.RandomInvert(),
      new t.RandomPosterize(3),
      new t.RandomSolarize(0.5),
      new t.RandomAutocontrast(),
      new t.RandomEqualize(),
      new t.RandomAdjustSharpness(2),
    ];
    const x = batch();
    for (const transform of all) {
      const once = transform.forward(x, { generator: new Generator(7) });
      const n = changed(x, once);
      expect(Math.abs(n - 32), `${transform}: ${n}`).toBeLessThan(18);
      expect(transform.forward(x, { generator: new Generator(7) }).dataSync()).toEqual(once.dataSync());
    }
  });

  it('ColorJitter takes its four steps in any order', () => {
    const x = batch();
    const jitter = new t.ColorJitter({ brightness: 0.5, contrast: [0.5, 1.5], saturation: 0.5, hue: 0.2 });
    expect(changed(x, jitter.forward(x, { generator: new Generator(2) }))).toBe(64);
    expect(changed(x, new t.ColorJitter({ brightness: 0, hue: 0 }).forward(x))).toBe(0);
    expect(`${jitter}`).toBe(
      'ColorJitter(brightness=(0.5, 1.5), contrast=(0.5, 1.5), saturation=(0.5, 1.5), hue=(-0.2, 0.2))',
    );
    // One factor for all: what the function does with it.
    const fixed = new t.ColorJitter({ contrast: [1.5, 1.5], perSample: false }).forward(x);
    expect(fixed.dataSync()).toEqual(F.adjustContrast(x, 1.5).dataSync());
    expect(() => new t.ColorJitter({ hue: 0.6 })).toThrow(ArgumentError);
    expect(() => new t.ColorJitter({ contrast: [2, 1] })).toThrow(/contrast/);
    expect(() => new t.ColorJitter({ brightness: -1 })).toThrow(/>= 0/);
  });

  it('permutes channels and distorts', () => {
    const x = tensor([0, 1, 2]).reshape([1, 3, 1, 1]).expand([64, 3, 1, 1]).contiguous();
    const out = new t.RandomChannelPermutation().forward(x, { generator: new Generator(3) }).dataSync() as Float32Array;
    const orders = Array.from({ length: 64 }, (_, n) => [...out.slice(3 * n, 3 * n + 3)]);
    expect(new Set(orders.map(String)).size).toBe(6);
    expect(orders.every((order) => [...order].sort().join() === '0,1,2')).toBe(true);
    const images = batch();
    const n = changed(images, new t.RandomPhotometricDistort().forward(images, { generator: new Generator(5) }));
    expect(n).toBeGreaterThan(50);
    expect(F.permuteChannels(images, [2, 0, 1]).select(1, 0).dataSync()).toEqual(images.select(1, 2).dataSync());
    expect(() => F.permuteChannels(images, [0, 0, 1])).toThrow(ArgumentError);
  });

  it('blurs each image by its own sigma; converts parts', () => {
    const x = batch();
    const [a, b] = [0.3, 2].map((sigma) => F.gaussianBlur(x, 3, { sigma }));
    const blurred = new t.GaussianBlur(3, { sigma: [0.3, 2] }).forward(x, { generator: new Generator(5) });
    expect([changed(a, blurred), changed(b, blurred)]).toEqual([64, 64]);
    const mask = new t.Mask(tensor([[1, 0]]));
    const bytes = tensor(Uint8Array.from([0, 255]), { shape: [1, 1, 2] });
    const out = new t.ToDtype({ image: 'float32', mask: 'int64' }, { scale: true }).forward({ bytes, mask });
    expect([out.bytes.dtype, out.mask.data.dtype, ...out.bytes.dataSync()]).toEqual(['float32', 'int64', 0, 1]);
    expect(new t.Normalize([0.5], [0.5]).forward(bytes).dataSync()).toEqual(Float32Array.from([-1, 1]));
    expect(new t.Grayscale(3).forward(x).select(1, 2).dataSync()).toEqual(F.rgbToGrayscale(x).select(1, 0).dataSync());
    expect(new t.RGB().forward(bytes).shape).toEqual([3, 1, 2]);
    expect(() => new t.Normalize([0], [0])).toThrow(ArgumentError);
    expect(() => new t.GaussianBlur(4)).toThrow(ArgumentError);
  });
});

describe('JPEG', () => {
  const smooth = (channels: number): Tensor =>
    tensor(
      Uint8Array.from({ length: channels * 960 }, (_, i) => {
        const [c, y, x] = [Math.floor(i / 960), Math.floor((i % 960) / 40), i % 40];
        return (x * 5 + y * (c + 1) * 3) % 256;
      }),
      { shape: [channels, 24, 40] },
    );

  it('does to images what other encoders do', async () => {
    for (const { channels, quality, out } of fixture.jpegs) {
      const result = await F.jpeg(smooth(channels), quality);
      const expected = Uint8Array.from(Buffer.from(out, 'base64'));
      const got = result.dataSync() as Uint8Array;
      expect([result.shape, result.dtype]).toEqual([[channels, 24, 40], 'uint8']);
      const off = got.reduce((sum, v, i) => sum + Math.abs(v - expected[i]), 0) / got.length;
      const loss =
        got.reduce((sum, v, i) => sum + Math.abs(v - Number(smooth(channels).dataSync()[i])), 0) / got.length;
      expect(off, `quality ${quality}, loss ${loss}`).toBeLessThan(Math.min(1, loss / 4));
    }
  });

  it('draws a quality for each image, and works in the background only', async () => {
    const batch = smooth(3).expand([6, 3, 24, 40]).contiguous();
    const transform = new t.JPEG([5, 95]);
    const [a, b] = [7, 7].map((seed) =>
      transform.forwardAsync({ batch, label: 1 }, { generator: new Generator(seed) }),
    );
    const [x, y] = [(await a).batch, (await b).batch];
    expect(x.dataSync()).toEqual(y.dataSync());
    const bytes = x.dataSync() as Uint8Array;
    expect(
      new Set(Array.from({ length: 6 }, (_, n) => String(bytes.slice(n * 2880, n * 2880 + 2880)))).size,
    ).toBeGreaterThan(3);
    expect(() => transform.forward(batch)).toThrow(/await forwardAsync/);
    expect(() => new t.JPEG(0)).toThrow(ArgumentError);
    await expect(F.jpeg(batch.to('float32'), 50)).rejects.toThrow(DTypeError);
    await expect(F.jpeg(batch, 101)).rejects.toThrow(/quality must be an integer/);
  });
});
