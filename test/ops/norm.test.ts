import { expect, it } from 'vitest';
import { F, ones, randn, scope, type Tensor, tensor, zeros } from '../../lib/index.js';

it('stays exact where the mean is far larger than the deviation', () =>
  scope(async () => {
    const small = randn([64, 8, 5, 5]);
    const rounded = small.mul(64).round().div(64); // exact beside 4096 in float32
    const v = () => zeros([8]);
    const options = { training: true, eps: 0 };
    const expected = F.batchNorm(rounded, v(), v(), null, null, options);
    const shifted = F.batchNorm(rounded.add(4096), v(), v(), null, null, options);
    const error = await shifted.sub(expected).abs().max().item();
    expect(error).toBeLessThan(2e-6);
  }));

it('moves the running statistics in training only', () =>
  scope(async () => {
    const x = tensor([
      [1, 10],
      [3, 30],
    ]);
    const mean = zeros([2]);
    const variance = ones([2]);
    F.batchNorm(x, mean, variance, null, null, { training: true, momentum: 0.5 });
    expect(await mean.toArray()).toEqual([1, 10]);
    expect(await variance.toArray()).toEqual([1.5, 100.5]);
    F.batchNorm(x, mean, variance);
    expect(await mean.toArray()).toEqual([1, 10]);
    expect(await variance.toArray()).toEqual([1.5, 100.5]);
  }));

it('has no statistics of an empty batch', () =>
  scope(async () => {
    const mean = ones([3]);
    const weight = ones([3], { requiresGrad: true });
    const out = F.batchNorm(zeros([0, 3, 2, 2]), mean, ones([3]), weight, null, { training: true });
    expect(out.shape).toEqual([0, 3, 2, 2]);
    out.sum().backward();
    expect(await mean.toArray()).toEqual([1, 1, 1]);
    expect(await (weight.grad as Tensor).toArray()).toEqual([0, 0, 0]);
  }));

it('keeps for backward what forward used', () =>
  scope(async () => {
    const x = randn([4, 3], { requiresGrad: true });
    const mean = zeros([3]);
    const variance = ones([3]);
    const out = F.batchNorm(x, mean, variance, null, null, { eps: 0 });
    variance.mul_(4); // backward uses what forward used
    out.sum().backward();
    expect(await (x.grad as Tensor).toArray()).toEqual(await ones([4, 3]).toArray());
  }));

it('keeps the layout that a convolution of sequences or volumes has made', () =>
  scope(async () => {
    for (const shape of [
      [3, 4, 7],
      [2, 4, 3, 2, 5],
    ]) {
      const plain = randn(shape, { dtype: 'float64' });
      const incoming = randn(shape, { dtype: 'float64' });
      const norms = [
        (x: Tensor) => F.batchNorm(x, null, null, null, null, { training: true }),
        (x: Tensor) => F.groupNorm(x, 2),
      ];
      for (const norm of norms) {
        const [a, b] = [plain.clone().requiresGrad_(), plain.contiguous('channelsLast').detach().requiresGrad_()];
        const [y, z] = [norm(a), norm(b)];
        expect([y.isContiguous(), z.isChannelsLast()]).toEqual([true, true]);
        y.backward({ gradient: incoming });
        z.backward({ gradient: incoming });
        expect(await z.sub(y).abs().max().item()).toBeLessThan(1e-13);
        const gradients = (b.grad as Tensor).sub(a.grad as Tensor);
        expect(await gradients.abs().max().item()).toBeLessThan(1e-13);
      }
    }
  }));
