// Samplers, splits and the default collate beside torch.utils.data: test/fixtures/make_data_fixtures.py
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { arange, data, Tensor, tensor } from '../../lib/index.js';

interface Fixture {
  distributed: {
    length: number;
    replicas: number;
    dropLast: boolean;
    orders: number[][] | null;
    samples: number;
    total: number;
  }[];
  shuffled: { length: number; replicas: number; places: number[][] }[];
  batches: { length: number; size: number; dropLast: boolean; count: number; batches: number[][] }[];
  counts: { length: number; samples: number; times: number[] }[];
  splits: { length: number; parts: number[]; sizes: number[] }[];
  concat: { sets: string[][]; sizes: number[]; items: string[] };
  weighted: { weights: number[]; again: number[]; firsts: number[]; seconds: number[] };
  collated: { items: unknown[]; batch: unknown }[];
  collatedTensors: Record<'x' | 'y', Packed>;
}
interface Packed {
  dtype: string;
  shape: number[];
  data: (number | boolean)[];
}
const fixture: Fixture = JSON.parse(readFileSync(new URL('../fixtures/data.json', import.meta.url), 'utf8'));

const numbers = (length: number): data.Dataset<number> => ({ length, get: (index) => index });

describe('DistributedSampler', () => {
  it('gives every process the items of PyTorch', () => {
    expect(fixture.distributed).toHaveLength(80);
    for (const { length, replicas, dropLast, orders, samples, total } of fixture.distributed) {
      const options = { numReplicas: replicas, shuffle: false, dropLast };
      const samplers = Array.from(
        { length: replicas },
        (_, rank) => new data.DistributedSampler({ length }, { ...options, rank }),
      );
      expect([samplers[0].numSamples, samplers[0].totalSize]).toEqual([samples, total]);
      const wanted = orders ?? samplers.map(() => []);
      expect(samplers.map((sampler) => [...sampler])).toEqual(wanted);
    }
  });

  it('takes the same places of a shuffled order', () => {
    for (const { length, replicas, places } of fixture.shuffled) {
      const make = (numReplicas: number, rank: number) =>
        new data.DistributedSampler({ length }, { numReplicas, rank, seed: 3 });
      const order = [...make(1, 0)];
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
      places.forEach((own, rank) => {
        expect([...make(replicas, rank)].map((item) => order.indexOf(item))).toEqual(own);
      });
    }
  });
});

it('BatchSampler and DataLoader make the batches of PyTorch', () => {
  for (const { length, size, dropLast, count, batches } of fixture.batches) {
    const sampler = new data.BatchSampler(new data.SequentialSampler({ length }), size, dropLast);
    expect([sampler.length, [...sampler].map((batch) => [...batch])]).toEqual([count, batches]);
    const loader = new data.DataLoader(numbers(length), { batchSize: size, dropLast, collateFn: (items) => items });
    expect([loader.length, [...loader]]).toEqual([count, batches]);
  }
});

it('RandomSampler gives each item as often as in PyTorch', () => {
  for (const { length, samples, times } of fixture.counts) {
    const drawn = [...new data.RandomSampler({ length }, { numSamples: samples, seed: 2 })];
    const own = Array.from({ length }, (_, i) => drawn.filter((item) => item === i).length);
    expect(own.sort((a, b) => a - b)).toEqual(times);
  }
});

it('randomSplit and ConcatDataset have the sizes of PyTorch', async () => {
  for (const { length, parts, sizes } of fixture.splits) {
    expect(data.randomSplit(numbers(length), parts, 1).map((part) => part.length)).toEqual(sizes);
  }
  const { sets, sizes, items } = fixture.concat;
  const joined = new data.ConcatDataset(sets.map((set) => ({ length: set.length, get: (i: number) => set[i] })));
  expect([joined.cumulativeSizes, joined.length]).toEqual([sizes, items.length]);
  expect(await Promise.all(items.map((_, i) => joined.get(i)))).toEqual(items);
});

it('WeightedRandomSampler draws as often as PyTorch, with replacement and without', () => {
  const { weights, again, firsts, seconds } = fixture.weighted;
  const tally = (items: Iterable<number>): number[] => {
    const counts = weights.map(() => 0);
    for (const item of items) counts[item]++;
    return counts;
  };
  const once = new data.WeightedRandomSampler(weights, 3, { replacement: false, seed: 5 });
  const orders = Array.from({ length: 20_000 }, (_, epoch) => once.indices(epoch));
  for (const [own, wanted] of [
    [tally(new data.WeightedRandomSampler(weights, 40_000, { seed: 4 })), again],
    [tally(orders.map((order) => order[0])), firsts],
    [tally(orders.map((order) => order[1])), seconds],
  ]) {
    const total = wanted.reduce((a, b) => a + b, 0);
    expect(own.reduce((a, b) => a + b, 0)).toBe(total);
    own.forEach((count, i) => {
      // Both are drawn: five standard deviations of the difference of two binomials.
      const share = (count + wanted[i]) / (2 * total);
      expect(Math.abs(count - wanted[i])).toBeLessThanOrEqual(5 * Math.sqrt(2 * total * share * (1 - share)));
    });
  }
});

describe('the default collate', () => {
  /** As PyTorch's; numbers that are not whole become float32 here, and bools have a dtype of their own. */
  async function expectSame(own: unknown, wanted: unknown): Promise<void> {
    if (own instanceof Tensor) {
      const { dtype, shape, data: values } = wanted as Packed;
      expect([own.dtype, own.shape]).toEqual([dtype === 'float64' ? 'float32' : dtype, shape]);
      expect((await own.reshape([-1]).toArray()) as unknown[]).toEqual(
        dtype === 'int64' ? values.map((value) => BigInt(value)) : values,
      );
      return;
    }
    if (typeof own !== 'object' || own === null) {
      expect(own).toEqual(wanted);
      return;
    }
    expect(Object.keys(own)).toEqual(Object.keys(wanted as object));
    for (const [key, value] of Object.entries(own)) await expectSame(value, (wanted as Record<string, unknown>)[key]);
  }

  it('makes the structure of PyTorch', async () => {
    for (const { items, batch } of fixture.collated) await expectSame(data.defaultCollate(items), batch);
    const tensors = [0, 1, 2].map((i) => ({ x: arange(6).reshape([2, 3]).add(10 * i).to('float32'), y: tensor(BigInt(i)) })); // biome-ignore format: short
    await expectSame(data.defaultCollate(tensors), fixture.collatedTensors);
  });
});
