// Scopes free exactly what was made inside them, also when async flows interleave.
import { describe, expect, it } from 'vitest';
import { DisposedError, full, keep, memory, noGrad, scope, type Tensor, zeros } from '../../lib/index.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('scope', () => {
  it('frees what was made inside, keeps what is returned', () => {
    const before = memory().tensors;
    const inner: Tensor[] = [];
    const out = scope(() => {
      inner.push(zeros([2]), zeros([3]));
      return { sum: inner[0].add(1), list: [zeros([1])] };
    });
    expect(inner.every((x) => x.isDisposed)).toBe(true);
    expect(Array.from(out.sum.dataSync(), Number)).toEqual([1, 1]);
    expect(out.list[0].isDisposed).toBe(false);
    expect(memory().tensors).toBe(before + 2);
    out.sum.dispose();
    out.list[0].dispose();
  });

  it('hands returned tensors to the scope around it', () => {
    let middle: Tensor | undefined;
    let kept: Tensor | undefined;
    scope(() => {
      middle = scope(() => zeros([2]));
      expect(middle.isDisposed).toBe(false);
      kept = scope(() => keep(zeros([2])));
    });
    expect(middle?.isDisposed).toBe(true);
    expect(kept?.isDisposed).toBe(false);
    kept?.dispose();
  });

  it('frees everything when the function throws or rejects', async () => {
    const before = memory().tensors;
    expect(() =>
      scope(() => {
        zeros([2]);
        throw new Error('on purpose');
      }),
    ).toThrow('on purpose');
    await expect(
      scope(async () => {
        zeros([2]);
        await pause(1);
        zeros([3]);
        throw new Error('later');
      }),
    ).rejects.toThrow('later');
    expect(memory().tensors).toBe(before);
  });

  it('keeps interleaved async flows apart', async () => {
    const before = memory().tensors;
    let early = 0;
    const flow = (id: number) =>
      scope(async () => {
        const own = full([16], id);
        for (let step = 0; step < 25; step++) {
          const next = own.mul(step);
          await (step % 3 ? pause(0) : next.data());
          if (own.isDisposed || next.isDisposed) early++;
          else expect(next.select(0, 3).itemSync()).toBe(id * step);
        }
        return own;
      });
    const results = await Promise.all([1, 2, 3, 4, 5].map(flow));
    expect(early).toBe(0);
    expect(memory().tensors).toBe(before + results.length);
    for (const [i, x] of results.entries()) {
      expect(await x.select(0, 0).item()).toBe(i + 1);
      x.dispose();
    }
  });

  it('keeps tensors of the caller when a flow it started ends', async () => {
    const flow = scope(async () => {
      zeros([1]);
      await pause(2);
    });
    const mine = zeros([4]);
    await flow;
    expect(mine.isDisposed).toBe(false);
    mine.dispose();
  });

  it('works with using in synchronous code', () => {
    const before = memory().tensors;
    let inside: Tensor;
    {
      using outer = scope();
      inside = zeros([2]);
      {
        using inner = scope();
        zeros([2]);
        expect(inner.open && outer.open).toBe(true);
      }
      expect(inside.isDisposed).toBe(false);
      zeros([5]);
    }
    expect(inside.isDisposed).toBe(true);
    const after = zeros([1]);
    expect(after.isDisposed).toBe(false);
    expect(memory().tensors).toBe(before + 1);
    after.dispose();
  });

  it('leaves gradients of leaves alive', () => {
    const w = full([3], 2, { requiresGrad: true });
    scope(() => w.mul(w).backward({ gradient: full([3], 1) }));
    expect(Array.from(w.grad?.dataSync() ?? [], Number)).toEqual([4, 4, 4]);
    scope(() => w.mul(w).backward({ gradient: full([3], 1) }));
    expect(Array.from(w.grad?.dataSync() ?? [], Number)).toEqual([8, 8, 8]);
  });

  it('noGrad is local to its flow', async () => {
    const w = full([2], 1, { requiresGrad: true });
    const modes: boolean[] = [];
    const quiet = noGrad(async () => {
      await pause(2);
      modes.push(w.add(1).requiresGrad);
    });
    modes.push(w.add(1).requiresGrad);
    await quiet;
    expect(modes).toEqual([true, false]);
  });

  it('using a freed tensor throws and names the op', () => {
    const x = scope(() => {
      const y = zeros([2, 3]);
      y.dispose();
      return { y };
    }).y;
    expect(() => x.add(1)).toThrow(DisposedError);
    expect(() => x.add(1)).toThrow('add: the tensor of shape [2, 3] was disposed');
    expect(() => x.dataSync()).toThrow(DisposedError);
    expect(() => x.dispose()).not.toThrow();
  });
});

describe('garbage collection', () => {
  it('bounds a synchronous loop that disposes nothing', () => {
    const limit = 256 * 2 ** 20;
    let peak = 0;
    for (let i = 0; i < 600; i++) {
      full([2 ** 20], i); // 4 MB each: 2.4 GB without collection
      if (i % 20 === 0) peak = Math.max(peak, memory().live);
    }
    expect(peak).toBeLessThan(1.25 * limit);
  });

  it('frees recorded graphs that nobody holds', () => {
    let w = full([2 ** 18], 1, { requiresGrad: true });
    for (let i = 0; i < 400; i++) w.mul(2).mul(w).add(1);
    const { live } = memory();
    expect(live).toBeLessThan(400 * 2 ** 20);
    w = full([1], 1);
  });
});
