// Ops whose result shape depends on values, as promises.
import { describe, expect, it } from 'vitest';
import {
  bincountAsync,
  gather,
  ShapeError,
  scope,
  tensor,
  uniqueAsync,
  uniqueConsecutiveAsync,
  ValueError,
  zeros,
} from '../../lib/index.js';

describe('promise twins', () => {
  it('give what the blocking forms give', async () => {
    const x = tensor([3, 1, 3, 2]);
    const { values, inverse, counts } = await uniqueAsync(x, { returnInverse: true, returnCounts: true });
    expect(await values.toArray()).toEqual([1, 2, 3]);
    expect(await inverse?.toArray()).toEqual([2n, 0n, 2n, 1n]);
    expect(await counts?.toArray()).toEqual([1n, 1n, 2n]);
    expect(await (await uniqueConsecutiveAsync(x)).values.toArray()).toEqual([3, 1, 3, 2]);
    expect(await (await bincountAsync(tensor(Int32Array.of(1, 1, 3)))).toArray()).toEqual([0n, 2n, 0n, 1n]);
  });
  it('do not need their input once they have begun', async () => {
    const x = tensor([
      [2, 1],
      [2, 1],
      [0, 5],
    ]);
    const pending = [uniqueAsync(x), uniqueAsync(x, { dim: 0 })];
    x.dispose();
    const [elements, rows] = await Promise.all(pending);
    expect(await elements.values.toArray()).toEqual([0, 1, 2, 5]);
    expect(await rows.values.toArray()).toEqual([
      [0, 5],
      [2, 1],
    ]);
  });
  it('live on after an async scope when returned', async () => {
    const { values } = await scope(async () => uniqueAsync(tensor([2, 2, 1])));
    expect(await values.toArray()).toEqual([1, 2]);
  });
  it('reject with mistakes in arguments and in values', async () => {
    await expect(uniqueAsync(zeros([2]), { dim: 3 })).rejects.toThrow(ShapeError);
    const bad = gather(tensor([1, 2]), 0, tensor(Int32Array.of(7)));
    await expect(uniqueAsync(bad)).rejects.toThrow(ValueError);
    await expect(bincountAsync(tensor(Int32Array.of(-3)))).rejects.toThrow(/must not be negative, got -3/);
  });
});
