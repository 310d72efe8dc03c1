import { describe, expect, it } from 'vitest';
import {
  type BatchDataset,
  DataLoader,
  type Dataset,
  randomSplit,
  subset,
  TensorDataset,
} from '../../lib/data/index.js';
import { ArgumentError, DataError, DTypeError, ShapeError } from '../../lib/errors.js';
import { tensor, zeros } from '../../lib/tensor/create.js';
import { Generator, manualSeed } from '../../lib/tensor/random.js';
import '../../lib/tensor/read.js';
import { Tensor } from '../../lib/tensor/tensor.js';

const numbers = (length: number): Dataset<number> => ({ length, get: (index) => index });
const keepItems = <T>(items: T[]) => items;
const listOf = (length: number, options = {}) => new DataLoader(numbers(length), { collateFn: keepItems, ...options });

/** A dataset whose batches are lists, made at once. */
class Ready implements BatchDataset<number, string> {
  readonly length = 7;
  get(index: number): number {
    return index;
  }
  batch(indices: ArrayLike<number>): string {
    return Array.from(indices).join(' ');
  }
}

describe('DataLoader', () => {
  it('gives the items in order, the last batch smaller', async () => {
    const loader = listOf(7, { batchSize: 3 });
    expect(loader.length).toBe(3);
    expect([...loader]).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
    const batches = [];
    for await (const batch of loader) batches.push(batch);
    expect(batches).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
  });

  it('can leave out a smaller last batch', () => {
    const loader = listOf(7, { batchSize: 3, dropLast: true });
    expect(loader.length).toBe(2);
    expect([...loader]).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect([...listOf(2, { batchSize: 3, dropLast: true })]).toEqual([]);
    expect([...listOf(6, { batchSize: 3, dropLast: true })]).toHaveLength(2);
  });

  it('gives nothing for an empty dataset', async () => {
    const loader = listOf(0);
    expect(loader.length).toBe(0);
    expect([...loader]).toEqual([]);
    for await (const batch of loader) expect(batch).toBe('never');
  });

  it('shuffles anew in each epoch, the same for the same seed', () => {
    const loader = listOf(50, { shuffle: true, seed: 3, batchSize: 50 });
    const [first] = loader;
    const [second] = loader;
    expect(second).not.toEqual(first);
    for (const order of [first, second]) {
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    }
    const again = listOf(50, { shuffle: true, seed: 3, batchSize: 50 });
    expect([...again]).toEqual([first]);
    again.epoch = 0;
    expect([...again]).toEqual([first]);
    expect([...again]).toEqual([second]);
    expect([...listOf(50, { shuffle: true, seed: 4, batchSize: 50 })]).not.toEqual([first]);
  });

  it('takes its seed from the generator when it gets none', () => {
    const order = (options = {}) => [...listOf(50, { shuffle: true, batchSize: 50, ...options })];
    manualSeed(7);
    const [first, second] = [order(), order()];
    expect(second).not.toEqual(first);
    manualSeed(7);
    expect([order(), order()]).toEqual([first, second]);
    expect(order({ generator: new Generator(7) })).toEqual(first);
    manualSeed(8);
    expect(order()).not.toEqual(first);
  });

  it('keeps loops that run side by side apart', async () => {
    const loader = listOf(4, { batchSize: 2 });
    const a = loader[Symbol.iterator]();
    const b = loader[Symbol.asyncIterator]();
    expect(a.next().value).toEqual([0, 1]);
    expect((await b.next()).value).toEqual([0, 1]);
    expect(a.next().value).toEqual([2, 3]);
    expect(a.next().done).toBe(true);
    expect((await b.next()).value).toEqual([2, 3]);
    expect((await b.next()).done).toBe(true);
  });

  it('lets a dataset make its batches, unless a collate function is given', () => {
    expect([...new DataLoader(new Ready(), { batchSize: 4 })]).toEqual(['0 1 2 3', '4 5 6']);
    expect([...new DataLoader(new Ready(), { batchSize: 4, collateFn: keepItems })]).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6],
    ]);
  });

  it('waits for items that come later, in `for await` only', async () => {
    const later: Dataset<number> = { length: 3, get: (index) => Promise.resolve(index * 10) };
    const batches = [];
    for await (const batch of new DataLoader(later, { batchSize: 2, collateFn: keepItems })) batches.push(batch);
    expect(batches).toEqual([[0, 10], [20]]);
    expect(() => [...new DataLoader(later)]).toThrow(/use `for await`/);
    const failing: Dataset<number> = { length: 1, get: () => Promise.reject(new Error('no such file')) };
    expect(() => [...new DataLoader(failing)]).toThrow(ArgumentError);
    await expect(new DataLoader(failing)[Symbol.asyncIterator]().next()).rejects.toThrow('no such file');
  });

  it.each([
    [{ batchSize: 0 }, /batchSize must be an integer of at least 1, got 0/],
    [{ batchSize: 1.5 }, /batchSize .* got 1.5/],
    [{ seed: Number.NaN }, /seed must be a safe integer, got NaN/],
  ])('refuses %j', (options, reason) => expect(() => listOf(3, options)).toThrow(reason));
});

describe('the default collate', () => {
  const only = async <T>(items: T[]) => {
    const loader = new DataLoader({ length: items.length, get: (i: number) => items[i] }, { batchSize: items.length });
    for (const batch of loader) return batch;
    throw new Error('no batch');
  };

  it('stacks tensors and turns numbers into tensors, place by place', async () => {
    const batch = await only([
      { image: tensor([[1, 2]]), label: 3, name: 'a', pair: [1.5, true] },
      { image: tensor([[3, 4]]), label: 4, name: 'b', pair: [2, false] },
    ]);
    const image: Tensor = batch.image;
    expect(image.shape).toEqual([2, 1, 2]);
    expect(await image.toArray()).toEqual([[[1, 2]], [[3, 4]]]);
    expect(batch.label.dtype).toBe('int64');
    expect(await batch.label.toArray()).toEqual([3n, 4n]);
    expect(batch.name).toEqual(['a', 'b']);
    const [floats, bools] = batch.pair as unknown as [Tensor, Tensor];
    expect([floats.dtype, await floats.toArray()]).toEqual(['float32', [1.5, 2]]);
    expect([bools.dtype, await bools.toArray()]).toEqual(['bool', [true, false]]);
  });

  it('says which place does not fit', async () => {
    const shapes = (await only([1, 1, 2].map((n) => ({ x: zeros([n]) }))).catch((e: unknown) => e)) as DataError;
    expect(shapes).toBeInstanceOf(DataError);
    expect(shapes.message).toBe('DataLoader: item 2 of the dataset: items.x differ in shape: [1] and [2]');
    expect([shapes.index, shapes.indices]).toEqual([2, [0, 1, 2]]);
    expect(shapes.cause).toBeInstanceOf(ShapeError);
    await expect(only([tensor([1]), tensor([1n])])).rejects.toMatchObject({ index: 1, cause: expect.any(DTypeError) });
    await expect(only([[1], ['a']])).rejects.toThrow(/items\[0\] are number and string/);
    await expect(only([[1], [1, 2]])).rejects.toThrow(/items have 1 and 2 places/);
    await expect(only([{ a: 1 }, { b: 1 }])).rejects.toThrow(/not every item has "a"/);
    await expect(only([new Date()])).rejects.toThrow(/items are Date; give a collate function/);
  });
});

describe('TensorDataset', () => {
  const x = tensor([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  const y = tensor([7n, 8n, 9n]);
  const dataset = new TensorDataset(x, y);

  it('gives rows and batches of rows', async () => {
    const [row, label] = dataset.get(1);
    expect([await row.toArray(), await label.item()]).toEqual([[3, 4], 8]);
    const loader = new DataLoader(dataset, { batchSize: 2 });
    const batches: unknown[] = [];
    for (const [inputs, labels] of loader) batches.push(await inputs.toArray(), await labels.toArray());
    expect(batches).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
      [7n, 8n],
      [[5, 6]],
      [9n],
    ]);
    const [picked] = dataset.batch([2, 0, 2]);
    expect(await picked.toArray()).toEqual([
      [5, 6],
      [1, 2],
      [5, 6],
    ]);
  });

  it('refuses tensors that do not go together and rows that are not there', () => {
    expect(() => new TensorDataset(x, zeros([2]))).toThrow(/tensor 0 has 3 rows, tensor 1 has 2/);
    expect(() => new TensorDataset(tensor(1))).toThrow(ShapeError);
    expect(() => new TensorDataset()).toThrow(ArgumentError);
    for (const index of [-1, 3, 0.5]) expect(() => dataset.get(index)).toThrow(/out of range \[0, 3\)/);
    expect(() => dataset.batch([0, 3])).toThrow(/index 3 is out of range/);
  });
});

describe('subset and randomSplit', () => {
  it('take items by number, batches too', () => {
    const part = subset(new Ready(), [6, 0, 3]);
    expect([part.length, part.get(1)]).toEqual([3, 0]);
    expect([...new DataLoader(part, { batchSize: 2 })]).toEqual(['6 0', '3']);
    expect([...new DataLoader(subset(numbers(9), [8, 1]), { collateFn: keepItems })]).toEqual([[8], [1]]);
    expect(() => part.get(3)).toThrow(/out of range \[0, 3\)/);
    expect(() => subset(numbers(2), [2])).toThrow(/out of range \[0, 2\)/);
  });

  it('split into parts that share nothing, the same for a seed', () => {
    const parts = randomSplit(numbers(103), [0.5, 0.3, 0.2], 1);
    expect(parts.map((part) => part.length)).toEqual([52, 31, 20]);
    const all = parts.flatMap((part) => [...part.indices]);
    expect([...all].sort((a, b) => a - b)).toEqual(Array.from({ length: 103 }, (_, i) => i));
    expect(randomSplit(numbers(103), [52, 31, 20], 1).flatMap((part) => [...part.indices])).toEqual(all);
    expect(randomSplit(numbers(103), [52, 31, 20], 2).flatMap((part) => [...part.indices])).not.toEqual(all);
    expect(() => randomSplit(numbers(10), [5, 6], 1)).toThrow(/add up to 10 or fractions/);
    expect(() => randomSplit(numbers(10), [1.5, -0.5], 1)).toThrow(ArgumentError);
  });
});

it('makes Tensor batches of known type', () => {
  const loader = new DataLoader(new TensorDataset(zeros([2, 3]), zeros([2])));
  for (const [inputs, labels] of loader) {
    const both: [Tensor, Tensor] = [inputs, labels];
    expect(both.every((value) => value instanceof Tensor)).toBe(true);
  }
});

describe('batchSampler', () => {
  const dataset = { length: 5, get: (index: number) => index };
  const sampler = { length: 2, batches: (epoch: number) => (epoch === 0 ? [[4, 0], [1]] : [[2], [3]]) };

  it('says which items make each batch of an epoch', async () => {
    const loader = new DataLoader(dataset, { batchSampler: sampler, collateFn: (items) => items });
    expect(loader.length).toBe(2);
    expect([...loader]).toEqual([[4, 0], [1]]);
    const second: number[][] = [];
    for await (const batch of loader) second.push(batch);
    expect(second).toEqual([[2], [3]]);
  });

  it('goes with no other option about batches', () => {
    expect(() => new DataLoader(dataset, { batchSampler: sampler, shuffle: true })).toThrow(/shuffle cannot be given/);
    const wrong = {} as unknown as typeof sampler;
    expect(() => new DataLoader(dataset, { batchSampler: wrong })).toThrow(/batchSampler must have batches/);
  });
});
