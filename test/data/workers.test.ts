import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';
import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  DataError,
  data,
  type FormatError,
  memory,
  OutOfMemoryError,
  scope,
  type Tensor,
  tensor,
  vision,
  WorkerError,
  zeros,
} from '../../dist/index.js';
import * as fixtures from './worker-datasets.mjs';

const { DataLoader } = data;
const here = new URL('./worker-datasets.mjs', import.meta.url);
/** Threads of this process, once those that are ending have ended; 0 where the system does not say. */
async function threads(): Promise<number> {
  if (process.platform !== 'linux') return 0;
  await new Promise((resolve) => setTimeout(resolve, 300));
  return readdirSync('/proc/self/task').length;
}

async function all<B>(loader: AsyncIterable<B>): Promise<B[]> {
  const batches: B[] = [];
  for await (const batch of loader) batches.push(batch);
  return batches;
}

/** The batches before the first error, and the error. */
async function untilError<B>(loader: AsyncIterable<B>): Promise<{ batches: B[]; error: unknown }> {
  const batches: B[] = [];
  try {
    for await (const batch of loader) batches.push(batch);
  } catch (error) {
    return { batches, error };
  }
  return { batches, error: null };
}

/** Every batch of an epoch, and what went wrong on the way. */
async function everything<B>(loader: AsyncIterable<B>): Promise<{ values: B[]; errors: unknown[] }> {
  const iterator = loader[Symbol.asyncIterator]();
  const values: B[] = [];
  const errors: unknown[] = [];
  for (;;) {
    try {
      const { done, value } = await iterator.next();
      if (done) return { values, errors };
      values.push(value);
    } catch (error) {
      errors.push(error);
    }
  }
}

describe('a DataLoader with workers', () => {
  it('gives the same batches in the same order for any number of them', async () => {
    const dataset = new fixtures.Numbers(23, 0.5);
    const take = async (options: data.DataLoaderOptions) => {
      const loader = new DataLoader(dataset, { batchSize: 4, shuffle: true, seed: 3, ...options });
      const epochs: unknown[] = [];
      for (let epoch = 0; epoch < 2; epoch++) {
        for (const [values, rows] of (await all(loader)) as unknown as [Tensor, Tensor][]) {
          epochs.push([values.dtype, await values.toArray(), rows.shape, await rows.toArray()]);
        }
      }
      return epochs;
    };
    const alone = await take({});
    expect(alone).toHaveLength(12);
    expect(await take({ numWorkers: 1 })).toEqual(alone);
    expect(await take({ numWorkers: 3, prefetchFactor: 1, persistentWorkers: true })).toEqual(alone);
  });

  it('spreads batches over the workers, with random numbers of the batch alone', async () => {
    const take = async (numWorkers: number) => {
      const loader = new DataLoader(new fixtures.Who(), { batchSize: 2, numWorkers, seed: 9 });
      const batches = await all(loader);
      const noise = await Promise.all(batches.map(({ noise }) => noise.toArray()));
      const workers = await Promise.all(batches.map(({ worker }) => worker.toArray()));
      return { noise, workers: new Set(workers.flat() as bigint[]) };
    };
    const [one, three] = [await take(1), await take(3)];
    expect(three.noise).toEqual(one.noise);
    expect(new Set(JSON.stringify(one.noise).match(/-?\d\.\d+/g)).size).toBe(24);
    expect([...one.workers]).toEqual([0n]);
    expect(three.workers.size).toBeGreaterThan(1);
  });

  it('makes subsets, concatenations, stacks, mapped items, tensors and images of its own', async () => {
    const numbers = new fixtures.Numbers(6);
    const digits = await vision.datasets.Digits.load({ train: false });
    const combined = data.concat([data.subset(digits, [3, 1]), data.subset(digits, [2])]);
    const [[images, labels]] = await all(new DataLoader(combined, { batchSize: 3, numWorkers: 1 }));
    expect(await images.data()).toEqual(await digits.batch([3, 1, 2])[0].data());
    expect(await labels.toArray()).toEqual(Array.from([3, 1, 2], (i) => BigInt(digits.labels[i])));

    const stacked = new data.StackDataset({ a: numbers, b: data.subset(numbers, [5, 4, 3, 2, 1, 0]) });
    const [{ a, b }] = (await all(new DataLoader(stacked, { batchSize: 6, numWorkers: 1 }))) as unknown as [
      Record<'a' | 'b', [Tensor, Tensor]>,
    ];
    expect([await a[0].toArray(), await b[0].toArray()]).toEqual([
      [0n, 1n, 2n, 3n, 4n, 5n],
      [5n, 4n, 3n, 2n, 1n, 0n],
    ]);
    const rows = new data.TensorDataset(tensor([[1, 2], [3, 4]]), tensor([7n, 8n])); // biome-ignore format: a matrix
    const [[x, y]] = await all(new DataLoader(rows, { batchSize: 2, numWorkers: 1 }));
    expect([await x.toArray(), await y.toArray()]).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
      [7n, 8n],
    ]);
  });

  it('takes functions with a source, and datasets from modules', async () => {
    const numbers = new fixtures.Numbers(4);
    const loader = new DataLoader(numbers, { batchSize: 2, numWorkers: 1, collateFn: fixtures.pairs });
    expect(await all(loader)).toEqual([{ p: [0, 1] }, { p: [2, 3] }]);
    const greeted = { batchSize: null, numWorkers: 2, workerInitFn: fixtures.greet } as const;
    for (const value of await all(new DataLoader(new fixtures.Greeted(), greeted))) expect([100, 101]).toContain(value);
    const opened = await data.importSource<data.Dataset<number>>({ module: here, export: 'opened' });
    expect(await all(new DataLoader(opened, { batchSize: null, numWorkers: 1 }))).toEqual([0, 2, 4]);
    const made = await data.importSource<data.Dataset<number>>({ module: String(here), export: 'open', args: [2] });
    expect(await all(new DataLoader(made, { batchSize: null, numWorkers: 1 }))).toEqual([0.5, 1.5]);
    await expect(data.importSource({ module: here, export: 'nothing' })).rejects.toThrow(/has no export nothing; it/);
  });

  it('reads TypeScript', async () => {
    const source = { module: new URL('./typed-dataset.ts', import.meta.url), export: 'Squares', args: [3] };
    const unregister = register(); // for this thread; a worker looks for tsx by itself
    const squares = await data.importSource<data.Dataset<number>>(source).finally(unregister);
    const loader = new DataLoader(squares, { batchSize: 3, numWorkers: 1 });
    expect(await (await all(loader))[0].toArray()).toEqual([0n, 1n, 4n]);
  });

  it('reads TypeScript in a program that tsx runs', { timeout: 120_000 }, () => {
    const program = fileURLToPath(new URL('./programs/typed.ts', import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', program], { encoding: 'utf8' });
    expect(stdout.trim(), stderr).toBe('0,1,4');
  });

  it('refuses what cannot cross threads, and loops without await', () => {
    const numbers = new fixtures.Numbers(4);
    const plain = { length: 2, get: (index: number) => index };
    expect(() => new DataLoader(plain, { numWorkers: 1 })).toThrow(/workers cannot make the dataset .* workerSource/);
    const collateFn = (items: unknown[]) => items;
    expect(() => new DataLoader(numbers, { numWorkers: 1, collateFn })).toThrow(/collateFn cannot cross threads/);
    expect(() => [...new DataLoader(numbers, { numWorkers: 1 })]).toThrow(/from workers; use `for await`/);
    expect(() => new DataLoader(numbers, { timeout: 3 })).toThrow(/timeout needs numWorkers/);
    expect(() => new DataLoader(numbers, { persistentWorkers: true })).toThrow(/persistentWorkers needs numWorkers/);
    expect(() => new DataLoader(numbers, { numWorkers: -1 })).toThrow(ArgumentError);
    expect(() => new DataLoader(numbers, { numWorkers: 1, timeout: -1 })).toThrow(/timeout must be a number of sec/);
  });

  it('goes on in the middle of an epoch, with another number of workers', async () => {
    const make = (options: data.DataLoaderOptions) =>
      new DataLoader(new fixtures.Numbers(20), { batchSize: 3, shuffle: true, collateFn: fixtures.pairs, ...options });
    const wanted = await all(make({ seed: 4 }));
    const loader = make({ seed: 4, numWorkers: 2 });
    let state: data.StateTree = {};
    let taken = 0;
    for await (const _ of loader) {
      if (++taken < 3) continue;
      state = JSON.parse(JSON.stringify(loader.stateDict())); // more batches are prepared already
      break;
    }
    expect(state).toMatchObject({ batch: 3, epoch: 0 });
    for (const numWorkers of [0, 1, 3]) {
      const other = make({ seed: 5, numWorkers });
      other.loadStateDict(state);
      expect(await all(other)).toEqual(wanted.slice(3));
    }
  });

  it('leaves no thread and no tensor behind', async () => {
    const before = await threads();
    const { tensors } = memory();
    const loader = new DataLoader(new fixtures.Numbers(40), { batchSize: 2, numWorkers: 2, prefetchFactor: 3 });
    for await (const [values, rows] of loader as AsyncIterable<[Tensor, Tensor]>) {
      values.dispose();
      rows.dispose();
      break;
    }
    expect(await threads()).toBeLessThanOrEqual(before);
    expect(memory().tensors).toBeLessThanOrEqual(tensors); // older ones may be collected
    const kept = new DataLoader(new fixtures.Numbers(4), { numWorkers: 2, persistentWorkers: true });
    for await (const [values, rows] of kept as AsyncIterable<[Tensor, Tensor]>) {
      values.dispose();
      rows.dispose();
    }
    await kept.close();
    expect(await threads()).toBeLessThanOrEqual(before);
    expect(memory().tensors).toBeLessThanOrEqual(tensors); // older ones may be collected
  });
});

describe('large tensors', () => {
  const make = (fault: boolean, numWorkers: number) =>
    new DataLoader<fixtures.LargeItem>(new fixtures.Large(fault), { batchSize: null, numWorkers });

  it('come whole, with their layout, and outlive their worker', async () => {
    const loader = make(false, 2);
    const { tensors, live } = memory();
    const items = (await all(loader)) as unknown as fixtures.LargeItem[];
    expect(items.map(({ label }) => label)).toEqual([0, 1, 2, 3, 4]);
    const check = async (index: number, { x, again, turned, part, image, cached }: fixtures.LargeItem) => {
      expect([x.shape, again === x, turned.shape, part.shape]).toEqual([[100, 200], true, [200, 100], [99, 200]]);
      const values = (await x.data()) as Float32Array;
      expect([values[0], values[199], values[200], values[19_999]]).toEqual([index + 0.5, index + 0.5, index, index]);
      expect([(await turned.data())[99], (await turned.data())[100]]).toEqual([index, index + 0.5]);
      expect(new Set(Array.from(await part.data(), Number))).toEqual(new Set([index]));
      expect([image.isChannelsLast(), await image.sum().item()]).toEqual([true, index * 2 * 3 * 128 * 128]);
      expect((await cached.data())[19_999]).toBe(19_999n);
      x.add_(1); // the memory is the receiver's own
      expect(await x.mean().item()).toBeCloseTo(index + 1.005, 3);
    };
    for (const [index, item] of items.entries()) await scope(() => check(index, item));
    expect(memory().live - live).toBeGreaterThan(5 * 100 * 200 * 4);
    for (const item of items) for (const part of Object.values(item)) if (typeof part !== 'number') part.dispose();
    expect(memory().tensors).toBeLessThanOrEqual(tensors); // older ones may be collected
    expect(memory().live).toBeLessThanOrEqual(live);
  });

  it('are level with time, whoever drops them', async () => {
    const { live } = memory();
    for (let round = 0; round < 3; round++) {
      for await (const { x } of make(false, 1)) {
        x.dispose();
        break; // those that were prepared are not taken
      }
    }
    for await (const { x } of make(false, 1)) expect(x.numel).toBe(20_000); // left to the garbage collector
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let i = 0; i < 3 && memory().live > live; i++) zeros([2 ** 28], { dtype: 'uint8' }).dispose();
    expect(memory().live - live).toBeLessThan(2 ** 20);
  });

  it('whose kernel failed are an error of their item', async () => {
    const { values, errors } = await everything(make(true, 1));
    expect(values.map(({ label }) => label)).toEqual([0, 1, 3, 4]);
    expect(errors).toHaveLength(1);
    expect((errors[0] as Error).message).toMatch(/indexSelect.*100/);
  });
});

describe('a worker that fails', () => {
  const loaderOf = (fault: fixtures.Fault, options: data.DataLoaderOptions = {}) =>
    new DataLoader(new fixtures.Faulty(fault), { batchSize: 2, numWorkers: 2, collateFn: fixtures.asList, ...options });
  const wanted = [
    [0, 1],
    [2, 3],
  ];

  it.each([
    ['throw', 'no such picture', 'TypeError'],
    ['reject', 'cut off', 'RangeError'],
  ] as const)('by a sample (%s) names it; the batches around it are given', async (fault, reason, cause) => {
    const loader = loaderOf(fault);
    const iterator = loader[Symbol.asyncIterator]();
    const given = [await iterator.next(), await iterator.next()];
    expect(given.map(({ value }) => value)).toEqual(wanted);
    const error = (await iterator.next().catch((reason: unknown) => reason)) as DataError;
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toBe(`DataLoader: item 5 of Faulty: ${reason}`);
    expect([error.dataset, error.index, error.indices, (error.cause as Error).name]).toEqual([
      'Faulty',
      5,
      [4, 5],
      cause,
    ]);
    expect(loader.stateDict()).toMatchObject({ batch: 2 });
    expect((await iterator.next()).value).toEqual([6, 7]);
    expect((await iterator.next()).value).toEqual([8, 9]);
    expect(loader.stateDict()).toMatchObject({ batch: 5 });
    expect((await iterator.next()).value).toEqual([10, 11]);
    expect((await iterator.next()).done).toBe(true);
  });

  it('by a file gives the FormatError as cause', async () => {
    const { batches, error } = await untilError(loaderOf('format'));
    expect(batches).toEqual(wanted);
    const cause = (error as DataError).cause as FormatError;
    expect([cause.name, cause.path, cause.offset]).toEqual(['FormatError', fileURLToPath(here), 0]);
  });

  it('by an exit names batch and sample, and the rest is made by others', async () => {
    const loader = loaderOf('exit');
    const iterator = loader[Symbol.asyncIterator]();
    const values: unknown[] = [];
    let error: unknown = null;
    for (let i = 0; i < 7; i++) {
      await iterator.next().then(
        ({ value }) => values.push(value),
        (reason: unknown) => {
          error = reason;
        },
      );
    }
    expect(values.slice(0, 5)).toEqual([...wanted, [6, 7], [8, 9], [10, 11]]);
    expect(error).toBeInstanceOf(WorkerError);
    const { message, index, indices, exitCode, dataset } = error as WorkerError;
    expect(message).toMatch(/^DataLoader: item 5 of Faulty: worker [01] ended with exit code 7$/);
    expect([index, indices, exitCode, dataset]).toEqual([5, [4, 5], 7, 'Faulty']);
  });

  it.each(['hang', 'never'] as const)(
    'by hanging (%s) is ended when the time is over, and the rest is made by others',
    { timeout: 90_000 },
    async (fault) => {
      const loader = loaderOf(fault, { timeout: 8 });
      const { values, errors } = await everything(loader);
      expect(values).toEqual([...wanted, [6, 7], [8, 9], [10, 11]]);
      expect(errors).toHaveLength(1);
      const [error] = errors as [WorkerError];
      expect(error).toBeInstanceOf(WorkerError);
      expect(error.message).toMatch(/^DataLoader: item 5 of Faulty: worker \d has not given a batch for 8 s$/);
      expect([error.index, error.indices, error.exitCode]).toEqual([5, [4, 5], undefined]);
      expect(await all(loaderOf('fine'))).toContainEqual([4, 5]);
    },
  );

  it('by a heap that is full names batch and sample, and the rest is made by others', async () => {
    const loader = loaderOf('memory', { resourceLimits: { maxOldGenerationSizeMb: 48 } });
    const { values, errors } = await everything(loader);
    expect(values).toEqual([...wanted, [6, 7], [8, 9], [10, 11]]);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(WorkerError);
    expect((errors[0] as Error).message).toMatch(/^DataLoader: item 5 of Faulty: worker [01] ran out of memory$/);
    expect(() => loaderOf('memory', { numWorkers: 0, resourceLimits: {} })).toThrow(/resourceLimits needs numWorkers/);
  });

  it('by tensors past NABLA_MAX_BYTES names the sample, and goes on', async () => {
    process.env.NABLA_MAX_BYTES = String(2 ** 24); // workers read it when they start
    const { values, errors } = await everything(loaderOf('tensors')).finally(() => {
      delete process.env.NABLA_MAX_BYTES;
    });
    expect(values).toEqual([...wanted, [6, 7], [8, 9], [10, 11]]);
    expect(errors).toHaveLength(1);
    const [error] = errors as [DataError];
    expect([error.name, error.index, error.indices]).toEqual(['DataError', 5, [4, 5]]);
    expect(error.cause).toBeInstanceOf(OutOfMemoryError);
  });

  it('loses nothing: a loader that takes over the state begins with the batch that failed', {
    timeout: 90_000,
  }, async () => {
    for (const fault of ['throw', 'exit', 'never'] as const) {
      const loader = loaderOf(fault, { seed: 1, timeout: fault === 'never' ? 8 : 0 });
      const iterator = loader[Symbol.asyncIterator]();
      for (let i = 0; i < 2; i++) await iterator.next();
      await expect(iterator.next()).rejects.toBeInstanceOf(DataError);
      const state = JSON.parse(JSON.stringify(loader.stateDict()));
      await iterator.return?.();
      const other = loaderOf('fine', { seed: 1 });
      other.loadStateDict(state);
      expect(await all(other)).toEqual([[4, 5], [6, 7], [8, 9], [10, 11]]); // biome-ignore format: a list
    }
  });

  it('by a batch that cannot be posted says so', async () => {
    const { batches, error } = await untilError(loaderOf('function'));
    expect(batches).toEqual(wanted);
    expect((error as Error).message).toMatch(/could not be cloned/);
  });

  it('at its start says why', async () => {
    const loader = new DataLoader(new fixtures.CannotStart(), { numWorkers: 2 });
    const { batches, error } = await untilError(loader);
    expect(batches).toEqual([]);
    expect(error).toBeInstanceOf(WorkerError);
    expect((error as Error).message).toMatch(/worker \d could not start: .*has no export NoSuchThing/);
  });

  it('leaves no thread behind', async () => {
    const before = await threads();
    await untilError(loaderOf('throw'));
    expect(await threads()).toBeLessThanOrEqual(before);
  });
});

describe('streams', () => {
  const list = <B>(options: data.DataLoaderOptions, dataset = new fixtures.Counting(11)) =>
    new DataLoader<number, B>(dataset, {
      batchSize: 3,
      collateFn: fixtures.asList as (items: number[]) => B,
      ...options,
    });

  it('give batches in order, and know their length where the dataset does', async () => {
    const loader = list({});
    expect(loader.length).toBe(4);
    expect(await all(loader)).toEqual([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10]]); // biome-ignore format: a list
    expect((await all(loader))[0]).toEqual([1000, 1001, 1002]);
    expect(await all(list({ dropLast: true }))).toHaveLength(3);
    expect(await all(list({ batchSize: null }))).toEqual(Array.from({ length: 11 }, (_, i) => i));
    async function* endless() {
      for (let i = 0; ; i++) yield i;
    }
    const open = new DataLoader(endless(), { batchSize: 2 });
    expect(open.length).toBe(Number.POSITIVE_INFINITY);
    for await (const batch of open) {
      expect(await batch.toArray()).toEqual([0n, 1n]);
      break;
    }
    expect(() => new DataLoader(endless(), { shuffle: true })).toThrow(/in the order of the dataset; shuffle cannot/);
    expect(() => [...new DataLoader(endless())]).toThrow(/the dataset is a stream; use `for await`/);
  });

  it('are shared by workers, in turns', async () => {
    const batches = await all(list<number[]>({ numWorkers: 2 }));
    expect(batches).toEqual([[0, 2, 4], [1, 3, 5], [6, 8, 10], [7, 9]]); // biome-ignore format: a list
    const uneven = await all(list<number[]>({ numWorkers: 3, batchSize: 1 }, new fixtures.Counting(4)));
    expect(uneven).toEqual([[0], [1], [2], [3]]);
  });

  it('go on in the middle of an epoch', async () => {
    for (const numWorkers of [0, 2]) {
      const wanted = await all(list({ numWorkers }));
      for (const stop of [1, 3]) {
        const loader = list({ numWorkers });
        let state: data.StateTree = {};
        let taken = 0;
        for await (const _ of loader) {
          state = loader.stateDict();
          if (++taken === stop) break;
        }
        const other = list({ numWorkers });
        other.loadStateDict(state);
        expect(await all(other)).toEqual(wanted.slice(stop));
        expect(() => list({ numWorkers: 1 }).loadStateDict(state)).toThrow(/numWorkers is 1, that of the saved/);
      }
    }
  });

  it('name the item that they failed at', async () => {
    for (const numWorkers of [0, 1]) {
      const { batches, error } = await untilError(list({ numWorkers }, new fixtures.Counting(11, 7)));
      expect(batches).toEqual([[0, 1, 2], [3, 4, 5]]); // biome-ignore format: a list
      expect((error as Error).message).toBe('DataLoader: item 7 of Counting: a line is missing');
      expect(error).toBeInstanceOf(DataError);
    }
  });
});

describe('preparing ahead without workers', () => {
  it('begins batches while the caller is busy, and gives the same ones', async () => {
    const asked: number[] = [];
    const dataset = {
      length: 9,
      async get(index: number) {
        asked.push(index);
        return tensor([index]);
      },
    };
    const loader = new DataLoader(dataset, { batchSize: 3, prefetchFactor: 2 });
    const { tensors } = memory();
    const values: unknown[] = [];
    for await (const batch of loader) {
      if (values.length === 0) {
        expect(asked).toEqual([0, 1, 2]);
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(asked).toHaveLength(9);
      }
      values.push(await batch.toArray());
      batch.dispose();
    }
    expect(values.flat(2)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(memory().tensors).toBe(tensors);
  });

  it('frees what was prepared for nothing', async () => {
    const { tensors } = memory();
    const loader = new DataLoader(new fixtures.Numbers(20), { batchSize: 2, prefetchFactor: 3 });
    for await (const [values, rows] of loader as AsyncIterable<[Tensor, Tensor]>) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      values.dispose();
      rows.dispose();
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(memory().tensors).toBe(tensors);
  });
});
