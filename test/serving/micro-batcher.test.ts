// Micro-batching: who runs together, who fails alone, what is left behind.
import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  ClosedError,
  data,
  F,
  isGradEnabled,
  manualSeed,
  memory,
  nn,
  noGrad,
  optim,
  QueueFullError,
  randn,
  ShapeError,
  scope,
  serving,
  synchronize,
  type Tensor,
  Trainer,
  tensor,
  ValueError,
  zeros,
} from '../../lib/index.js';

const { MicroBatcher } = serving;

/** Doubles, and notes the size of each batch. */
function doubler(sizes: number[] = []) {
  return (x: Tensor): Tensor => {
    sizes.push(x.shape[0]);
    return x.mul(2);
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('who runs together', () => {
  it('fills batches in the order of arrival', async () => {
    const firsts: number[][] = [];
    const batcher = new MicroBatcher(
      async (x) => {
        firsts.push([...(await x.select(1, 0).data())].map(Number));
        return x.mul(2);
      },
      { maxBatchSize: 16 },
    );
    const rows = await Promise.all(Array.from({ length: 40 }, (_, i) => batcher.predict([i, i + 0.5])));
    expect(rows.map((row) => [...row])).toEqual(Array.from({ length: 40 }, (_, i) => [2 * i, 2 * i + 1]));
    const order = Array.from({ length: 40 }, (_, i) => i);
    expect(firsts).toEqual([order.slice(0, 16), order.slice(16, 32), order.slice(32)]);
    expect(batcher.stats()).toEqual({
      waiting: 0,
      running: 0,
      served: 40,
      failed: 0,
      refused: 0,
      aborted: 0,
      batches: 3,
    });
  });

  it('gathers what comes while a batch runs', async () => {
    const sizes: number[] = [];
    let release = (): void => {};
    const batcher = new MicroBatcher(async (x) => {
      sizes.push(x.shape[0]);
      if (sizes.length === 1) await new Promise<void>((resolve) => (release = resolve));
      return x;
    });
    const all = [batcher.predict([0])];
    while (sizes.length === 0) await turn();
    for (let i = 1; i < 6; i++) {
      all.push(batcher.predict([i]));
      await turn();
    }
    expect(batcher.stats()).toMatchObject({ waiting: 5, running: 1 });
    release();
    expect((await Promise.all(all)).map(([x]) => x)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(sizes).toEqual([1, 5]);
  });

  it('waits up to maxDelay for others, and not when the batch is full', async () => {
    const sizes: number[] = [];
    const batcher = new MicroBatcher(doubler(sizes), { maxBatchSize: 2, maxDelay: 3_600_000 });
    const first = batcher.predict([1]);
    await turn();
    await turn();
    expect(sizes).toEqual([]);
    await Promise.all([first, batcher.predict([2])]);
    expect(sizes).toEqual([2]);
    const short = new MicroBatcher(doubler(sizes), { maxDelay: 5 });
    const since = performance.now();
    await short.predict([1]);
    expect(performance.now() - since).toBeGreaterThan(4);
  });

  it('keeps shapes and dtypes apart where no shape is asked for', async () => {
    const shapes: string[] = [];
    const batcher = new MicroBatcher((x) => {
      shapes.push(`${x.dtype} ${x.shape}`);
      return x;
    });
    const long = tensor([1n, 2n, 3n]);
    const rows = await Promise.all([
      batcher.predict([1, 2]),
      batcher.predict(long),
      batcher.predict(new Float32Array([3, 4])),
      batcher.predict(7),
    ]);
    expect(rows.map((row) => [...row])).toEqual([[1, 2], [1n, 2n, 3n], [3, 4], [7]]);
    expect(shapes).toEqual(['float32 2,2', 'int64 1,3', 'float32 1']);
  });

  it('gives what the model gives to each sample alone', async () => {
    manualSeed(1);
    const model = new nn.Sequential(
      new nn.Conv2d(1, 8, 3),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(72, 10),
    );
    const batcher = new MicroBatcher(model, { inputShape: [1, 8, 8] });
    const samples = Array.from({ length: 20 }, () => randn([1, 8, 8]));
    const together = await Promise.all(samples.map((sample) => batcher.predict(sample)));
    expect(batcher.stats().batches).toBe(1);
    for (const [i, sample] of samples.entries()) {
      const alone = await noGrad(() => model.forward(sample.unsqueeze(0))).data();
      for (let j = 0; j < 10; j++) expect(Number(together[i][j])).toBeCloseTo(Number(alone[j]), 5);
    }
  });

  it('takes several outputs apart, without copies', async () => {
    const batcher = new MicroBatcher((x) => x.softmax(1).max(1));
    const [a, b] = await Promise.all([batcher.predict([0, 5, 1]), batcher.predict([9, 0, 1])]);
    expect([a.indices[0], b.indices[0]]).toEqual([1n, 0n]);
    expect(Number(b.values[0])).toBeCloseTo(0.9995, 3);
    expect(a.values.buffer).toBe(b.values.buffer);
    const pairs = new MicroBatcher((x) => [x, x.sum(1)] as const);
    const [row, sum] = await pairs.predict([1, 2, 3]);
    expect([[...row], [...sum]]).toEqual([[1, 2, 3], [6]]);
  });
});

describe('who fails', () => {
  it('a wrong shape rejects only itself, and names both', async () => {
    const batcher = new MicroBatcher(doubler(), { inputShape: [1, 2, 2] });
    const results = await Promise.allSettled([
      batcher.predict([1, 2, 3, 4]),
      batcher.predict([1, 2, 3]),
      batcher.predict([[[1, 2]], [[3, 4]]]),
      batcher.predict(zeros([2, 2])),
      batcher.predict([1, 'two'] as never),
      batcher.predict(new Uint8Array(5)),
      batcher.predict(null as never),
      batcher.predict([
        [
          [5, 6],
          [7, 8],
        ],
      ]),
    ]);
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual([1, 0, 0, 0, 0, 0, 0, 1].map(Boolean));
    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(reasons[0]).toBeInstanceOf(ShapeError);
    expect(reasons[0].message).toBe('MicroBatcher.predict: a sample has shape [1, 2, 2], got [3]');
    expect(reasons[1].shapes).toEqual([
      [1, 2, 2],
      [2, 1, 2],
    ]);
    expect(reasons[2].shapes).toEqual([
      [1, 2, 2],
      [2, 2],
    ]);
    expect(reasons[3]).toBeInstanceOf(ShapeError);
    expect(reasons[4].shapes).toEqual([[1, 2, 2], [5]]);
    expect(reasons[5]).toBeInstanceOf(ArgumentError);
    expect(reasons[5].message).toMatch(/^MicroBatcher.predict: a sample must be a Tensor.*got null$/);
    expect(batcher.stats()).toMatchObject({ served: 2, failed: 6, batches: 1 });
  });

  it('a value that a kernel refuses rejects only its sample', async () => {
    const batcher = new MicroBatcher(new nn.Embedding(10, 4), { maxBatchSize: 8, dtype: 'int64' });
    const results = await Promise.allSettled([3, 99, 4, 5, 6, 7, -1, 8].map((index) => batcher.predict([index])));
    const bad = results.flatMap((result, i) => (result.status === 'rejected' ? [i] : []));
    expect(bad).toEqual([1, 6]);
    expect((results[1] as PromiseRejectedResult).reason).toBeInstanceOf(ValueError);
    await synchronize(); // no error is left over
  });

  it('a model that throws for a sample serves the others', async () => {
    const batcher = new MicroBatcher(async (x) => {
      if (((await x.min().item()) as number) < 0) throw new RangeError('negative');
      return x;
    });
    const results = await Promise.allSettled([1, 2, -3, 4, 5].map((value) => batcher.predict([value])));
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect((results[2] as PromiseRejectedResult).reason).toEqual(new RangeError('negative'));
    await expect(batcher.predict([7])).resolves.toEqual(new Float32Array([7]));
  });

  it('an output without a row for each sample rejects all of them, once', async () => {
    let runs = 0;
    const batcher = new MicroBatcher((x) => {
      runs++;
      return x.sum(0);
    });
    const message = 'MicroBatcher: the model was given 2 samples and returned shape [3]';
    const both = await Promise.allSettled([batcher.predict([1, 2, 3]), batcher.predict([1, 2, 3])]);
    for (const result of both) expect((result as PromiseRejectedResult).reason).toMatchObject({ message });
    expect(runs).toBe(1);
    const nothing = new MicroBatcher(() => 5 as never);
    await expect(nothing.predict([1])).rejects.toThrow(/must return a Tensor.*got 5/);
  });

  it('refuses what it has no room for', async () => {
    const batcher = new MicroBatcher(doubler(), { maxQueue: 3 });
    const results = await Promise.allSettled([1, 2, 3, 4, 5].map((value) => batcher.predict([value])));
    const refused = results.slice(3).map((result) => (result as PromiseRejectedResult).reason);
    for (const error of refused) expect(error).toBeInstanceOf(QueueFullError);
    expect(refused[0].limit).toBe(3);
    expect(batcher.stats()).toMatchObject({ served: 3, refused: 2, waiting: 0 });
    await expect(batcher.predict([6])).resolves.toEqual(new Float32Array([12]));
  });

  it('names options that make no sense', () => {
    const model = doubler();
    for (const options of [{ maxBatchSize: 0 }, { maxDelay: -1 }, { maxDelay: Number.NaN }, { maxQueue: 1.5 }]) {
      expect(() => new MicroBatcher(model, options)).toThrow(ArgumentError);
    }
    expect(() => new MicroBatcher(model, { inputShape: [-1] })).toThrow(/inputShape must be sizes/);
    expect(() => new MicroBatcher(model, { dtype: 'float8' as never })).toThrow(/unknown dtype/);
    expect(() => new MicroBatcher({} as never)).toThrow(/a Module or a function is needed/);
  });
});

describe('abort and close', () => {
  it('an aborted sample that waits never runs', async () => {
    const sizes: number[] = [];
    const batcher = new MicroBatcher(doubler(sizes), { maxDelay: 3_600_000, maxBatchSize: 3 });
    const controller = new AbortController();
    const gone = batcher.predict([1], { signal: controller.signal });
    const kept = batcher.predict([2], { signal: new AbortController().signal });
    controller.abort(new Error('left'));
    await expect(gone).rejects.toThrow('left');
    await expect(batcher.predict([3], { signal: controller.signal })).rejects.toThrow('left');
    expect(batcher.stats()).toMatchObject({ waiting: 1, aborted: 1 });
    await batcher.drain();
    expect([...(await kept)]).toEqual([4]);
    expect(sizes).toEqual([1]);
  });

  it('an aborted sample that runs rejects at once, the others get theirs; no listener stays', async () => {
    let release = (): void => {};
    let running = false;
    const batcher = new MicroBatcher(async (x) => {
      running = true;
      await new Promise<void>((resolve) => (release = resolve));
      return x;
    });
    const controller = new AbortController();
    const { signal } = controller;
    const other = batcher.predict([2], { signal: new AbortController().signal });
    const gone = batcher.predict([1], { signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    while (!running) await turn();
    controller.abort();
    await expect(gone).rejects.toMatchObject({ name: 'AbortError' });
    expect(batcher.stats()).toMatchObject({ running: 2, aborted: 1 });
    release();
    expect([...(await other)]).toEqual([2]);
    const late = new AbortController();
    const served = batcher.predict([3], { signal: late.signal });
    while (batcher.stats().batches < 2) await turn();
    release();
    await served;
    expect(getEventListeners(late.signal, 'abort')).toHaveLength(0);
  });

  it('close serves what waits and refuses what comes', async () => {
    const batcher = new MicroBatcher(doubler(), { maxDelay: 3_600_000, maxBatchSize: 2 });
    const three = [1, 2, 3].map((value) => batcher.predict([value]));
    const closing = batcher.close();
    await expect(batcher.predict([4])).rejects.toBeInstanceOf(ClosedError);
    await closing;
    expect((await Promise.all(three)).map(([x]) => x)).toEqual([2, 4, 6]);
    expect(batcher.closed).toBe(true);
    await batcher.close();
  });

  it('close with discard rejects what waits', async () => {
    const batcher = new MicroBatcher(doubler(), { maxDelay: 3_600_000 });
    const waiting = Promise.allSettled([batcher.predict([1]), batcher.predict([2, 3])]);
    await batcher.close({ discard: true });
    for (const result of await waiting) expect((result as PromiseRejectedResult).reason).toBeInstanceOf(ClosedError);
    expect(batcher.stats()).toMatchObject({ waiting: 0, batches: 0, refused: 2 });
  });

  it('drain waits for what was asked for before, not for what comes after', async () => {
    let stop = false;
    const batcher = new MicroBatcher(doubler(), { maxBatchSize: 1 });
    const flood = (async () => {
      while (!stop) await Promise.all([batcher.predict([1]), batcher.predict([2])]);
    })();
    await batcher.drain();
    await batcher.drain();
    stop = true;
    await flood;
  });
});

describe('what it leaves alone', () => {
  it('runs in evaluation mode without gradients and puts the mode back', async () => {
    const model = new nn.Sequential(new nn.Linear(4, 4), new nn.BatchNorm1d(4), new nn.Dropout(0.5));
    model.layers[2].eval(); // somebody froze a part
    const norm = model.layers[1] as nn.BatchNorm1d;
    let grad = true;
    model.layers[0].registerForwardHook(() => {
      grad = isGradEnabled();
    });
    const batcher = new MicroBatcher(model);
    const rows = await Promise.all([1, 2, 3].map(() => batcher.predict([1, 2, 3, 4])));
    expect(grad).toBe(false);
    expect(rows[1]).toEqual(rows[0]);
    expect(rows[0].every((value) => value !== 0)).toBe(true);
    expect([...((await norm.runningMean?.data()) ?? [])]).toEqual([0, 0, 0, 0]);
    expect(model.modules().map((module) => module.training)).toEqual([true, true, true, false]);
  });

  it('training beside it gives the same bits', async () => {
    const train = async (served: boolean) => {
      manualSeed(5);
      const model = new nn.Sequential(
        new nn.Linear(8, 32),
        new nn.BatchNorm1d(32),
        new nn.ReLU(),
        new nn.Dropout(0.3),
        new nn.Linear(32, 3),
      );
      const samples = new data.TensorDataset(randn([64, 8]), randn([64, 3]));
      const loader = new data.DataLoader(samples, { batchSize: 8, shuffle: true, seed: 2 });
      const trainer = new Trainer({ model, loss: F.mseLoss, optimizer: new optim.Adam(model.parameters()) });
      const batcher = new MicroBatcher(model, { inputShape: [8] });
      let done = false;
      const ask = async (): Promise<number> => {
        let count = 0;
        for (; served && !done; count++) await batcher.predict(new Float32Array(8).fill(count % 7));
        return count;
      };
      const asked = ask();
      await trainer.fit(loader, { epochs: 6, progress: false });
      done = true;
      const weights = await Promise.all(Object.values(model.stateDict()).map((one) => one.data()));
      return { asked: await asked, weights };
    };
    const alone = await train(false);
    const beside = await train(true);
    expect(beside.asked).toBeGreaterThan(2);
    expect(beside.weights).toEqual(alone.weights);
  });

  it('leaves the event loop free while it computes', async () => {
    const weights = randn([1500, 1500]);
    const batcher = new MicroBatcher((x) => {
      let y = x;
      for (let i = 0; i < 8; i++) y = y.matmul(weights).tanh();
      return y;
    });
    let pending = true;
    const row = batcher.predict(randn([300, 1500])).finally(() => {
      pending = false;
    });
    let turns = 0;
    for (; pending; turns++) await turn();
    expect((await row).length).toBe(300 * 1500);
    expect(turns).toBeGreaterThan(50);
  });

  it('keeps a tensor that its owner frees, and knows no foreign context', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const batcher = new MicroBatcher((x) => {
      seen.push(storage.getStore());
      return x.mul(2);
    });
    const rows = await storage.run('first request', () => {
      const inScope = scope(() => batcher.predict(tensor([1, 2, 3]).add(1).detach()));
      const sample = tensor([4, 5, 6]);
      const freed = batcher.predict(sample);
      sample.dispose();
      return Promise.all([inScope, freed]);
    });
    expect(rows.map((row) => [...row])).toEqual([
      [4, 6, 8],
      [8, 10, 12],
    ]);
    await batcher.predict([1]);
    expect(seen).toEqual([undefined, undefined]);
  });

  it('memory stays flat, also behind errors and aborts', async () => {
    const model = new nn.Sequential(new nn.Linear(64, 128), new nn.ReLU(), new nn.Linear(128, 10));
    const batcher = new MicroBatcher(model, { inputShape: [64], maxBatchSize: 8, maxQueue: 24 });
    const sample = new Float32Array(64);
    const round = async (i: number): Promise<void> => {
      const controller = new AbortController();
      const all = Promise.allSettled(
        Array.from({ length: 30 }, (_, j) =>
          batcher.predict(j % 5 === 4 ? new Float32Array(3) : sample, j % 7 === 3 ? { signal: controller.signal } : {}),
        ),
      );
      if (i % 2 === 0) await turn();
      controller.abort();
      await all;
      await batcher.drain();
    };
    for (let i = 0; i < 10; i++) await round(i);
    const before = memory();
    for (let i = 0; i < 100; i++) await round(i);
    const after = memory();
    expect(after.tensors).toBe(before.tensors);
    expect(after.live).toBe(before.live);
    expect(after.peak).toBe(before.peak);
    const { served, failed, aborted, refused } = batcher.stats();
    expect(Math.min(served, failed, aborted)).toBeGreaterThan(100);
    expect(served + failed + aborted + refused).toBe(110 * 30);
  });
});
