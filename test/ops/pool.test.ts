import { expect, it } from 'vitest';
import { F, memory, randn, scope, type Tensor, tensor } from '../../lib/index.js';

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
