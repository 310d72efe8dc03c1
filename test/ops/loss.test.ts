import { expect, it } from 'vitest';
import { F, randn, scope, type Tensor, tensor, zeros } from '../../lib/index.js';

const classes = (data: number[], dtype: 'int64' | 'int32' | 'uint8' = 'int64') => tensor(data, { dtype });

it('names a class index out of range when the loss is read', () =>
  scope(async () => {
    const loss = F.crossEntropy(zeros([3, 4]), classes([0, 4, 1]));
    await expect(loss.item()).rejects.toThrow('crossEntropy: class index 4 is out of range [0, 4)');
    const negative = F.crossEntropy(zeros([1, 4]), classes([-1]));
    await expect(negative.item()).rejects.toThrow('crossEntropy: class index -1 is out of range [0, 4)');
  }));

it('refuses int8 targets', () => {
  const target = tensor([0], { dtype: 'int8' });
  expect(() => F.crossEntropy(tensor([[1, 2]]), target)).toThrow(
    /class indices must be int64, int32 or uint8, got int8/,
  );
});
it('takes int32 and uint8 targets', () =>
  scope(async () => {
    const x = randn([3, 4]);
    const expected = await F.crossEntropy(x, classes([3, 0, 2])).item();
    expect(await F.crossEntropy(x, classes([3, 0, 2], 'int32')).item()).toBe(expected);
    expect(await F.crossEntropy(x, classes([3, 0, 2], 'uint8')).item()).toBe(expected);
  }));

it('is NaN when every target is ignored, with a gradient of 0', () =>
  scope(async () => {
    const x = randn([2, 3], { requiresGrad: true });
    const loss = F.crossEntropy(x, classes([-100, -100]));
    expect(await loss.item()).toBeNaN();
    loss.backward();
    expect(await (x.grad as Tensor).toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  }));

it('equals log-softmax and nllLoss, whatever the layout', () =>
  scope(async () => {
    const x = randn([3, 5, 4, 6]);
    const target = classes(Array.from({ length: 72 }, (_, i) => i % 5)).reshape([3, 4, 6]);
    const expected = await F.nllLoss(F.logSoftmax(x, 1), target).item();
    for (const layout of [x, x.contiguous('channelsLast'), x.transpose(2, 3).contiguous().transpose(2, 3)]) {
      expect(await F.crossEntropy(layout, target).item()).toBeCloseTo(Number(expected), 5);
    }
  }));

it('survives large logits', () =>
  scope(async () => {
    const x = tensor([[1e4, -1e4, 0]], { requiresGrad: true });
    const loss = F.crossEntropy(x, classes([1]));
    expect(await loss.item()).toBe(2e4);
    loss.backward();
    expect(await (x.grad as Tensor).toArray()).toEqual([[1, -1, 0]]);
  }));
