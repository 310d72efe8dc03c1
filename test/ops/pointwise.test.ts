// Elementwise ops and reductions beyond single calls: layouts, large sizes, errors found by kernels.
import { describe, expect, it } from 'vitest';
import {
  getNumThreads,
  memory,
  ones,
  randn,
  remainder,
  setNumThreads,
  tensor,
  ValueError,
  where,
  zeros,
} from '../../lib/index.js';

describe('elementwise ops', () => {
  it('keep the memory layout of their input', () => {
    const x = zeros([2, 3, 4, 5]).contiguous('channelsLast');
    for (const y of [
      x.add(1),
      x.mul(ones([3, 1, 1])),
      ones([1]).add(x),
      x.exp(),
      x.gt(0),
      x.clamp(0),
      x.to('float64'),
    ]) {
      expect(y.isChannelsLast()).toBe(true);
    }
    const t = zeros([3, 4]).t();
    expect(t.neg().strides).toEqual([1, 4]);
    expect(t.add(zeros([4, 3])).strides).toEqual([1, 4]);
    expect(zeros([1, 3]).expand([4, 3]).neg().isContiguous()).toBe(true);
  });

  it('report integer division by zero when the result is read', async () => {
    const x = tensor([1, 2, 3], { dtype: 'int32' });
    for (const y of [
      x.remainder(0),
      x.floorDivide(tensor([1, 0, 1], { dtype: 'int32' })),
      remainder(1, x.sub(2)),
      x.fmod(0),
    ]) {
      await expect(y.data()).rejects.toThrow(ValueError);
    }
    expect(() => x.div(0, { roundingMode: 'trunc' }).toArraySync()).toThrow(/^div.*integer division by zero/i);
    expect(tensor([1, -1, 0]).div(0).toArraySync()).toEqual([Infinity, -Infinity, Number.NaN]);
  });

  it('give two numbers their common dtype', () => {
    const c = tensor([true, false]);
    expect(where(c, 1, 2).dtype).toBe('int64');
    expect(where(c, 1.5, 2).toArraySync()).toEqual([1.5, 2]);
  });
});

describe('reductions', () => {
  it('of many elements lose no accuracy', () => {
    const x = ones([3000, 1001]).mul(0.1);
    const exact = 3003000 * Math.fround(0.1);
    expect(Math.abs(x.sum().itemSync() - exact) / exact).toBeLessThan(1e-7);
    expect(Math.abs(x.mean().itemSync() - Math.fround(0.1))).toBeLessThan(1e-8);
    const columns = x.sum(0).toArraySync() as number[];
    expect(Math.max(...columns.map((sum) => Math.abs(sum / (3000 * Math.fround(0.1)) - 1)))).toBeLessThan(1.2e-7);
  });

  it('give the same bits on any number of threads', () => {
    const before = getNumThreads();
    const x = randn([7, 64, 33, 31]);
    const run = () =>
      [
        x.sum(),
        x.sum([0, 2, 3]),
        x.contiguous('channelsLast').sum([0, 2, 3]),
        x.var(1),
        x.prod(2),
        x.transpose(0, 3).mean([1, 2]),
      ].map((y) => y.toArraySync());
    try {
      setNumThreads(1);
      const one = run();
      setNumThreads(3);
      expect(run()).toEqual(one);
    } finally {
      setNumThreads(before);
    }
  });

  it('free what they make on the way', () => {
    const x = randn([64, 64]);
    const before = memory().live;
    for (let i = 0; i < 50; i++) x.std(0).dispose();
    expect(memory().live).toBe(before);
  });
});
