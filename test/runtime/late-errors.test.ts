// Mistakes in values that only a kernel can find: they reject the reads of what depends on them, name op and value, and
// leave everything else alone.
import { describe, expect, it } from 'vitest';
import {
  F,
  full,
  gather,
  NablaError,
  synchronize,
  synchronizeSync,
  tensor,
  ValueError,
  zeros,
} from '../../lib/index.js';

const classes = (...values: number[]) => tensor(BigInt64Array.from(values, BigInt));
const badLookup = () => gather(full([2, 3], 1), 1, classes(0, 7).reshape([2, 1]));

describe('late errors', () => {
  it('reject the awaited read and name op and value', async () => {
    const bad = badLookup();
    await expect(bad.data()).rejects.toThrow(ValueError);
    await expect(bad.data()).rejects.toThrow(/^gather: .*\b7\b.*3/);
    await expect(bad.select(0, 0).item()).rejects.toThrow(/^gather: /);
  });

  it('throw from the blocking read', () => {
    const bad = badLookup();
    expect(() => bad.dataSync()).toThrow(/^gather: .*\b7\b/);
    expect(() => bad.toArraySync()).toThrow(ValueError);
  });

  it('reach everything computed from the value, and nothing else', async () => {
    const bad = badLookup();
    const after = bad.mul(2).add(1);
    const apart = full([2], 3).mul(2);
    await expect(after.sum().item()).rejects.toThrow(/^gather: /);
    expect(Array.from(await apart.data(), Number)).toEqual([6, 6]);
  });

  it('show the line of the read in their stack', async () => {
    const error = await badLookup()
      .data()
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(NablaError);
    expect((error as Error).stack).toMatch(/late-errors\.test/);
  });

  it('reject synchronize() once when nobody has read them', async () => {
    badLookup();
    await expect(synchronize()).rejects.toThrow(/^gather: /);
    await expect(synchronize()).resolves.toBeUndefined();
    badLookup();
    expect(() => synchronizeSync()).toThrow(/^gather: /);
    expect(() => synchronizeSync()).not.toThrow();
  });

  it('are not reported again by synchronize() after a read', async () => {
    await expect(badLookup().data()).rejects.toThrow();
    await expect(synchronize()).resolves.toBeUndefined();
  });

  it('do not stick to memory that is used again', async () => {
    for (let i = 0; i < 50; i++) {
      const bad = badLookup();
      bad.data().catch(() => {});
      bad.dispose();
      expect(await full([2, 1], i).select(0, 1).item()).toBe(i);
    }
    await synchronize();
  });

  it('crossEntropy names a class that does not exist', async () => {
    const logits = zeros([4, 10], { requiresGrad: true });
    const loss = F.crossEntropy(logits, classes(1, 2, 10, 3));
    await expect(loss.item()).rejects.toThrow(/^crossEntropy: .*\b10\b/);
  });

  it('a failed loss does not damage the parameters', async () => {
    const logits = full([2, 3], 0.5, { requiresGrad: true });
    const loss = F.crossEntropy(logits, classes(0, -5));
    loss.backward();
    await expect(loss.item()).rejects.toThrow(/-5/);
    expect(Array.from(await logits.data(), Number)).toEqual([0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
    await synchronize().catch(() => {});
  });
});
