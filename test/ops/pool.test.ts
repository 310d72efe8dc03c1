import { expect, it } from 'vitest';
import { F, full, memory, randn, scope, type Tensor, tensor, ValueError, zeros } from '../../lib/index.js';

const gradientOf = (x: Tensor, f: (x: Tensor) => Tensor): Promise<unknown> => {
  const leaf = x.detach().clone();
  leaf.requiresGrad = true;
  f(leaf).square().sum().backward();
  return (leaf.grad as Tensor).toArray();
};

it('gives the same result and gradient with and without indices', () =>
  scope(async () => {
    const x = randn([2, 5, 9, 8]);
    const plain = F.maxPool2d(x, 3, { stride: 2 });
    const [pooled, indices] = F.maxPool2d(x, 3, { stride: 2, returnIndices: true });
    expect(await plain.toArray()).toEqual(await pooled.toArray());
    expect(indices.dtype).toBe('int64');
    const picked = x
      .reshape([2, 5, 72])
      .gather(2, indices.reshape([2, 5, 12]))
      .reshape([2, 5, 4, 3]);
    expect(await picked.toArray()).toEqual(await plain.toArray());
    const without = await gradientOf(x, (t) => F.maxPool2d(t, 3, { stride: 2 }));
    expect(without).toEqual(await gradientOf(x, (t) => F.maxPool2d(t, 3, { stride: 2, returnIndices: true })[0]));
  }));

it('makes channels-last results', () => {
  scope(() => {
    expect(F.maxPool2d(randn([2, 5, 9, 8]), 2).isChannelsLast()).toBe(true);
    expect(F.avgPool2d(randn([2, 5, 9, 8]), 2).isChannelsLast()).toBe(true);
  });
});

it('sends a tie to the first position of the window', () =>
  scope(async () => {
    const x = tensor([[[[1, 1, 0, 2, 2]]]], { requiresGrad: true });
    F.maxPool2d(x, [1, 3], { stride: 2 }).sum().backward();
    expect(await (x.grad as Tensor).toArray()).toEqual([[[[1, 0, 0, 1, 0]]]]);
  }));

it('keeps one byte per output for backward', () => {
  scope(() => {
    const x = randn([16, 16, 64, 64], { requiresGrad: true });
    const channelsLast = x.contiguous('channelsLast');
    const before = memory().live;
    const out = F.maxPool2d(channelsLast, 2);
    expect(memory().live - before).toBeLessThanOrEqual(Math.ceil(1.25 * out.numel) * 5);
  });
});

it('finds an index that no output has', () =>
  scope(async () => {
    const indices = tensor([[[0, 9]]], { dtype: 'int64' });
    const out = F.maxUnpool1d(zeros([1, 1, 2]), indices, 2);
    await expect(out.toArray()).rejects.toThrow(ValueError);
    await expect(out.toArray()).rejects.toThrow(/maxUnpool: index 9 is out of range .* size 4/);
  }));

it('takes output sizes of 0', () =>
  scope(async () => {
    const x = randn([2, 3, 4, 5], { requiresGrad: true });
    const out = F.adaptiveAvgPool2d(x, [0, 2]);
    expect(out.shape).toEqual([2, 3, 0, 2]);
    out.sum().backward();
    expect(await (x.grad as Tensor).abs().sum().item()).toBe(0);
    expect(F.adaptiveMaxPool2d(x, [2, 0]).shape).toEqual([2, 3, 2, 0]);
  }));

it('adds large windows up without losing digits', () =>
  scope(async () => {
    const x = full([1, 3, 700, 700], 0.1);
    const exact = Math.fround(0.1);
    const mean = Number(await F.adaptiveAvgPool2d(x.narrow(1, 0, 1), 1).item());
    expect(Math.abs(mean / exact - 1)).toBeLessThan(2e-5);
  }));

it('gives sequences and volumes memory that runs channels last', () => {
  scope(() => {
    expect(F.maxPool1d(randn([2, 5, 9]), 2).isChannelsLast()).toBe(true);
    expect(F.avgPool3d(randn([2, 5, 4, 6, 4]), 2).isChannelsLast()).toBe(true);
  });
});

it('pools long sequences as it pools short ones', () =>
  scope(async () => {
    // Long enough to be split into columns.
    const x = randn([1, 600, 901]);
    const whole = F.maxPool1d(x, 3, { stride: 2, padding: 1 });
    const part = F.maxPool1d(x.narrow(1, 0, 2), 3, { stride: 2, padding: 1 });
    expect(await whole.narrow(1, 0, 2).toArray()).toEqual(await part.toArray());
    const average = (t: Tensor): Tensor => F.avgPool1d(t, 3, { stride: 2, padding: 1 });
    const gradient = tensor((await gradientOf(x, average)) as number[][][]).narrow(1, 0, 2);
    const expected = tensor((await gradientOf(x.narrow(1, 0, 2), average)) as number[][][]);
    expect(await gradient.sub(expected).abs().max().item()).toBeLessThan(1e-6);
  }));
