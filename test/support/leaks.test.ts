// The check itself: it must see what is kept, in any of the ways in which something can be.
import { describe, expect, it } from 'vitest';
import { keep, scope, type Tensor, zeros } from '../../lib/index.js';
import { expectNoLeak } from './leaks.js';

describe('expectNoLeak', () => {
  const kept: unknown[] = [];
  it.each<[string, () => unknown]>([
    ['a tensor', () => kept.push(zeros([4]))],
    ['a tensor kept out of a scope', () => scope(() => kept.push(keep(zeros([4]))))],
    ['a graph', () => kept.push(zeros([4], { requiresGrad: true }).mul(2)._node)],
    ['a view', () => kept.push(zeros([4, 4]).select(0, 1))],
    ['a tensor of a pending promise', () => kept.push(zeros([4]).data(), zeros([2]))],
  ])('sees %s', async (_, leak) => {
    await expect(expectNoLeak(leak)).rejects.toThrow(/after the third run/);
  });

  it('lets garbage and caches pass', async () => {
    const cache: Tensor[] = [];
    await expectNoLeak(async () => {
      if (cache.length === 0) cache.push(zeros([10]));
      await zeros([1000], { requiresGrad: true }).mul(2).sum().item();
    });
  });
});
