// Functions that draw numbers: what they drop, what they keep, and the distribution of the draws.
import { describe, expect, it } from 'vitest';
import { F, Generator, manualSeed, ones, randn, ShapeError, type Tensor, tensor } from '../../lib/index.js';

/** Mean and variance of all elements. */
async function moments(x: Tensor): Promise<[number, number]> {
  const data = [...(await x.data())].map(Number);
  const mean = data.reduce((a, b) => a + b, 0) / data.length;
  return [mean, data.reduce((a, b) => a + (b - mean) ** 2, 0) / data.length];
}

const channelwise = [
  ['dropout1d', F.dropout1d, [40, 30, 5]],
  ['dropout2d', F.dropout2d, [40, 30, 2, 3]],
  ['dropout3d', F.dropout3d, [40, 30, 2, 2, 2]],
] as const;

describe.each(channelwise)('%s', (name, fn, shape) => {
  it('drops whole channels with probability p and scales the others', async () => {
    manualSeed(1);
    const out = fn(ones(shape), 0.3);
    const channels = (await out.flatten(2).toArray()) as unknown as number[][][];
    const values = channels.flat();
    for (const channel of values) expect(new Set(channel).size).toBe(1);
    for (const [first] of values) expect([0, Math.fround(1 / 0.7)]).toContain(first);
    const dropped = values.filter(([first]) => first === 0).length / values.length;
    expect(Math.abs(dropped - 0.3)).toBeLessThan(5 * Math.sqrt((0.3 * 0.7) / values.length));
  });

  it('passes gradients through the kept channels only, and takes a generator', async () => {
    const x = ones(shape, { requiresGrad: true });
    const out = fn(x, 0.5, { generator: new Generator(7) });
    out.sum().backward();
    expect(await x.grad?.toArray()).toEqual(await out.toArray());
    expect(await fn(x, 0.5, { generator: new Generator(7) }).toArray()).toEqual(await out.toArray());
  });

  it('returns its input outside training, and refuses other shapes', () => {
    const x = ones(shape);
    expect(fn(x, 0.5, { training: false })).toBe(x);
    expect(() => fn(ones([3]))).toThrow(ShapeError);
    expect(() => fn(ones([3]))).toThrow(new RegExp(`^${name}: input of .* axes is needed, got \\[3\\]`));
  });
});

it('channel dropout without a batch drops channels', async () => {
  manualSeed(3);
  const rows = (await F.dropout1d(ones([50, 4]), 0.5).toArray()) as number[][];
  for (const row of rows) expect(new Set(row).size).toBe(1);
  expect(new Set(rows.map(([first]) => first)).size).toBe(2);
});

describe('alpha dropout', () => {
  it('keeps mean 0 and variance 1 of normal numbers', async () => {
    manualSeed(5);
    const x = randn([200, 500]);
    for (const p of [0.1, 0.5]) {
      for (const out of [F.alphaDropout(x, p, { training: true }), F.featureAlphaDropout(x, p, { training: true })]) {
        const [mean, variance] = await moments(out);
        expect(Math.abs(mean)).toBeLessThan(0.03);
        expect(Math.abs(variance - 1)).toBeLessThan(0.05);
      }
    }
  });

  it('treats whole channels alike in its feature form', async () => {
    manualSeed(6);
    const out = (await F.featureAlphaDropout(ones([6, 5, 4]), 0.5, { training: true }).toArray()) as number[][][];
    for (const channel of out.flat()) expect(new Set(channel).size).toBe(1);
    expect(new Set(out.flat(2)).size).toBe(2);
  });

  it('does nothing by default, and gives zeros for p = 1', async () => {
    const x = ones([2, 2]);
    expect(F.alphaDropout(x)).toBe(x);
    expect(F.featureAlphaDropout(x)).toBe(x);
    expect(await F.alphaDropout(x, 1, { training: true }).toArray()).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });
});

describe('rrelu', () => {
  it('draws slopes of [lower, upper] for negative elements in training', async () => {
    manualSeed(8);
    const x = ones([4000]).neg();
    const [mean, variance] = await moments(F.rrelu(x, 0.2, 0.6, { training: true }));
    expect(Math.abs(mean + 0.4)).toBeLessThan(0.01);
    expect(Math.abs(variance - 0.16 / 12)).toBeLessThan(0.002);
    expect(await F.rrelu(tensor([1, 2]), 0.2, 0.6, { training: true }).toArray()).toEqual([1, 2]);
  });

  it('has a gradient of the drawn slope', async () => {
    const x = tensor([-1, -1, 2], { requiresGrad: true });
    const out = F.rrelu(x, 0.2, 0.6, { training: true, generator: new Generator(1) });
    out.sum().backward();
    const [a, b, c] = (await out.toArray()) as number[];
    expect(await x.grad?.toArray()).toEqual([-a, -b, c / 2]);
    expect(a).not.toBe(b);
  });

  it('takes the mean slope otherwise', async () => {
    expect(await F.rrelu(tensor([-2, 4]), 0.25, 0.75).toArray()).toEqual([-1, 4]);
  });
});

describe('gumbelSoftmax', () => {
  it('picks classes with their probabilities', async () => {
    manualSeed(9);
    const p = [0.1, 0.2, 0.7];
    const logits = tensor(p).log().expand([20000, 3]);
    const shares = (await F.gumbelSoftmax(logits, { hard: true }).mean(0).toArray()) as number[];
    shares.forEach((share, i) => {
      expect(Math.abs(share - p[i])).toBeLessThan(0.02);
    });
  });

  it('gives one-hot rows with the gradient of the soft ones', async () => {
    const logits = randn([5, 4], { requiresGrad: true, generator: new Generator(2) });
    const weights = randn([5, 4], { generator: new Generator(3) });
    const run = (hard: boolean): Tensor => F.gumbelSoftmax(logits, { hard, tau: 0.7, generator: new Generator(4) });
    run(false).mul(weights).sum().backward();
    const soft = await logits.grad?.toArray();
    logits.grad?.zero_();
    const hot = run(true);
    hot.mul(weights).sum().backward();
    expect(await logits.grad?.toArray()).toEqual(soft);
    for (const row of (await hot.round().toArray()) as number[][]) expect(row.toSorted()).toEqual([0, 0, 0, 1]);
    for (const sum of (await run(false).sum(1).toArray()) as number[]) expect(sum).toBeCloseTo(1, 6);
  });
});
