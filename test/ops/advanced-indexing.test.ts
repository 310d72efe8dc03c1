// What no fixture of the indexing ops reaches: changes in place, waiting, views, determinism.
import { describe, expect, it } from 'vitest';
import {
  F,
  getNumThreads,
  maskedSelectAsync,
  noGrad,
  nonzeroAsync,
  randint,
  randn,
  setNumThreads,
  synchronize,
  tensor,
  where,
  zeros,
} from '../../lib/index.js';

const index = (data: number[] | number[][]) => tensor(data, { dtype: 'int64' });

describe('index', () => {
  it('gives a view when all entries are basic', async () => {
    const x = zeros([2, 3, 4]);
    const view = x.index([1, { start: 0, end: 3, step: 2 }, '...']);
    expect(view.shape).toEqual([2, 4]);
    view.fill_(5);
    expect(await x.sum().item()).toBe(40);
    expect(view._version).toBe(x._version);
  });
  it('names the axis of an index out of range', async () => {
    await expect(
      zeros([3, 5])
        .index([null, [0, 7]])
        .data(),
    ).rejects.toThrow('index: index 7 is out of range for axis 1 of size 5');
    await expect(
      zeros([3, 5])
        .index([
          [0, -4],
          [1, 1],
        ])
        .data(),
    ).rejects.toThrow('index: index -4 is out of range for axis 0 of size 3');
    await expect(
      zeros([3])
        .indexPut_([[5]], 1)
        .data(),
    ).rejects.toThrow('indexPut: index 5 is out of range for axis 0 of size 3');
    await expect(
      zeros([4])
        .take(index([4]))
        .data(),
    ).rejects.toThrow('take: index 4 is out of range for axis 0 of size 4');
    await synchronize().catch(() => {});
  });
  it('waits without blocking, also when the input is disposed meanwhile', async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]).requiresGrad_();
    const doubled = x.mul(2);
    const mask = tensor([
      [true, false],
      [true, true],
    ]);
    const waiting = [doubled.indexAsync([mask]), maskedSelectAsync(doubled, mask), nonzeroAsync(mask)];
    doubled.dispose();
    mask.dispose();
    const [a, b, c] = await Promise.all(waiting);
    expect(await a.toArray()).toEqual([2, 6, 8]);
    expect(await b.toArray()).toEqual([2, 6, 8]);
    expect(await c.toArray()).toEqual([
      [0n, 0n],
      [1n, 0n],
      [1n, 1n],
    ]);
    a.sum().backward();
    expect(await x.grad?.toArray()).toEqual([
      [2, 0],
      [2, 2],
    ]);
  });
  it('where(condition) gives coordinates', async () => {
    const [rows, columns] = where(
      tensor([
        [0, 1],
        [2, 0],
      ]),
    );
    expect(await rows.toArray()).toEqual([0n, 1n]);
    expect(await columns.toArray()).toEqual([1n, 0n]);
  });
});

describe('changes in place', () => {
  it('set writes through views', async () => {
    const x = zeros([2, 3]);
    x.set([0, [0, 2]], tensor([1, 2]));
    x.set([1], 7);
    x.t().set([1, null], tensor([3, 4]));
    x.set([x.eq(7)], 8);
    expect(await x.toArray()).toEqual([
      [1, 3, 2],
      [8, 4, 8],
    ]);
  });
  it('copies a value that shares memory', async () => {
    const x = tensor([1, 2, 3, 4]);
    x.set([[0, 1, 2]], x.slice(0, 1));
    expect(await x.toArray()).toEqual([2, 3, 4, 4]);
    x.put_(index([3, 2]), x.slice(0, 0, 2));
    expect(await x.toArray()).toEqual([2, 3, 3, 2]);
  });
  it('are recorded', async () => {
    const cases = {
      scatter_: (x: ReturnType<typeof zeros>) => x.scatter_(0, index([0]), 0),
      indexFill_: (x: ReturnType<typeof zeros>) => x.indexFill_(0, index([0]), 0),
      maskedFill_: (x: ReturnType<typeof zeros>) => x.maskedFill_(tensor([true, false, false]), 0),
      put_: (x: ReturnType<typeof zeros>) => x.put_(index([0]), zeros([1])),
      indexPut_: (x: ReturnType<typeof zeros>) => x.indexPut_([[0]], 0),
      indexCopy_: (x: ReturnType<typeof zeros>) => x.indexCopy_(0, index([0]), zeros([1])),
      maskedScatter_: (x: ReturnType<typeof zeros>) => x.maskedScatter_(tensor([true, false, false]), zeros([1])),
      set: (x: ReturnType<typeof zeros>) => x.set([0], 0),
      select: (x: ReturnType<typeof zeros>) => {
        x.select(0, 0).fill_(0);
        return x;
      },
    };
    for (const [name, change] of Object.entries(cases)) {
      const w = tensor([1, 2, 3]).requiresGrad_();
      const x = change(w.mul(w));
      expect(await x.toArray(), name).toEqual([0, 4, 9]);
      x.sum().backward();
      expect(await w.grad?.toArray(), name).toEqual([0, 4, 6]);
      expect(() => change(w), name).toThrow(/leaf/);
    }
  });
  it('scatterReduce_ and indexReduce_ write where they are', async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    x.select(1, 0).scatterReduce_(0, index([0, 0]), tensor([5, 3]), 'amax');
    x.indexReduce_(1, index([1]), tensor([[2], [2]]), 'prod');
    expect(await x.toArray()).toEqual([
      [5, 4],
      [3, 8],
    ]);
  });
});

describe('many equal indices', () => {
  it('add to the same bits for any number of threads, in the order of the list', async () => {
    const threads = getNumThreads();
    const rows = randint(0, 50, [4000]);
    const source = randn([4000, 33]);
    const [at, values] = [await rows.data(), await source.data()];
    const expected = new Float32Array(50 * 33);
    for (let i = 0; i < 4000; i++) {
      for (let k = 0; k < 33; k++) expected[Number(at[i]) * 33 + k] += Number(values[i * 33 + k]);
    }
    for (const n of [1, 2, 3]) {
      setNumThreads(n);
      const weight = zeros([50, 33]).requiresGrad_();
      F.embedding(rows, weight).backward({ gradient: source });
      expect(await weight.grad?.data()).toEqual(expected);
      expect(await zeros([50, 33]).indexAdd_(0, rows, source).data()).toEqual(expected);
      expect(await zeros([50, 33]).indexPut_([rows], source, { accumulate: true }).data()).toEqual(expected);
    }
    setNumThreads(threads);
  });
});

describe('embedding', () => {
  it('maxNorm shortens the rows it looks up, and only those', async () => {
    const weight = tensor([
      [3, 4],
      [0.3, 0.4],
      [6, 8],
    ]).requiresGrad_();
    const out = noGrad(() =>
      F.embedding(
        index([
          [0, 1],
          [0, 0],
        ]),
        weight,
        { maxNorm: 1 },
      ),
    );
    const found = (await out.data()) as Float32Array;
    [0.6, 0.8, 0.3, 0.4, 0.6, 0.8, 0.6, 0.8].forEach((x, i) => {
      expect(found[i]).toBeCloseTo(x, 5);
    });
    const after = (await weight.data()) as Float32Array;
    [0.6, 0.8, 0.3, 0.4, 6, 8].forEach((x, i) => {
      expect(after[i]).toBeCloseTo(x, 5);
    });
  });
});
