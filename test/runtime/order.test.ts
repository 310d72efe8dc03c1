// Reads, writes and kernels happen in the order of the calls, however they are mixed.
import { describe, expect, it } from 'vitest';
import { add, full, memory, mul, noGrad, synchronize, tensor, zeros } from '../../lib/index.js';

describe('order', () => {
  it('a read sees the value at the time of its call', async () => {
    const x = zeros([1000]);
    const reads: Promise<number>[] = [];
    for (let i = 0; i < 500; i++) {
      reads.push(x.select(0, i).item());
      x.add_(1);
    }
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });

  it('promises settle in the order of the reads', async () => {
    const x = full([64], 1);
    const settled: number[] = [];
    const reads = Array.from({ length: 300 }, (_, i) => {
      x.add_(1);
      return x.data().then(() => settled.push(i));
    });
    await Promise.all(reads);
    expect(settled).toEqual(Array.from({ length: 300 }, (_, i) => i));
  });

  it('blocking and awaited reads agree when they alternate', async () => {
    let x = zeros([3]);
    for (let i = 1; i <= 100; i++) {
      const awaited = x.item.call(x.select(0, 0));
      x = x.add(1);
      expect(x.select(0, 1).itemSync()).toBe(i);
      expect(await awaited).toBe(i - 1);
    }
  });

  it('data given to tensor() may change right after the call', async () => {
    const source = new Float32Array(50_000).fill(1);
    // Keeps the stream busy, so that a late copy would see the change.
    const busy = full([600, 600], 1);
    for (let i = 0; i < 20; i++) busy.add_(1);
    const x = tensor(source);
    source.fill(2);
    const y = x.add(0);
    expect((await y.data()).every((v) => v === 1)).toBe(true);
  });

  it('memory that is freed and used again keeps the old values for ops queued before', async () => {
    const results: Promise<number>[] = [];
    for (let i = 0; i < 400; i++) {
      const a = full([1024], i);
      const b = mul(a, 2);
      a.dispose();
      const c = full([1024], -1);
      results.push(b.select(0, 1023).item());
      b.dispose();
      c.dispose();
    }
    expect(await Promise.all(results)).toEqual(Array.from({ length: 400 }, (_, i) => 2 * i));
  });

  it('a queue that is full makes the caller wait and loses nothing', async () => {
    const x = zeros([8]);
    const big = full([400_000], 1);
    const before = memory().live;
    for (let i = 0; i < 60_000; i++) {
      x.add_(1);
      if (i % 1000 === 0) add(big, big).dispose();
    }
    expect(await x.select(0, 7).item()).toBe(60_000);
    expect(memory().live).toBeLessThanOrEqual(before + 4096);
  });

  it('synchronize() resolves after everything before it', async () => {
    const x = zeros([1]);
    for (let i = 0; i < 1000; i++) x.add_(1);
    let done = false;
    const read = x.item().then((value) => {
      done = true;
      return value;
    });
    await synchronize();
    await Promise.resolve();
    expect(done).toBe(true);
    expect(await read).toBe(1000);
  });

  it('noGrad around an await keeps its mode and frees what it made', async () => {
    const w = full([4], 2, { requiresGrad: true });
    const before = memory().tensors;
    const value = await noGrad(async () => {
      const y = w.mul(3);
      await y.data();
      const z = y.mul(2);
      expect(z.requiresGrad).toBe(false);
      return (await z.data())[0];
    });
    expect(value).toBe(12);
    expect(w.mul(3).requiresGrad).toBe(true);
    expect(memory().tensors).toBeLessThanOrEqual(before + 1);
  });
});
