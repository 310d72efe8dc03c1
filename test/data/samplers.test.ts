import { describe, expect, it } from 'vitest';
import { ArgumentError, data, Generator, manualSeed } from '../../lib/index.js';

const {
  BatchSampler,
  DistributedSampler,
  RandomSampler,
  SequentialSampler,
  StratifiedBatchSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} = data;

const sorted = (items: Iterable<number>): number[] => [...items].sort((a, b) => a - b);
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const items = (length: number) => ({ length });

describe('samplers', () => {
  it('SequentialSampler gives the items in order', () => {
    expect([...new SequentialSampler(items(4))]).toEqual([0, 1, 2, 3]);
    expect(new SequentialSampler(items(0)).length).toBe(0);
    expect(() => new SequentialSampler(4 as never)).toThrow(/SequentialSampler: dataSource must have a length, got 4/);
  });

  it('RandomSampler gives each item once, in another order each epoch', () => {
    const sampler = new RandomSampler(items(60), { seed: 4 });
    const [first, second] = [[...sampler], [...sampler]];
    expect(sorted(first)).toEqual(range(60));
    expect(sorted(second)).toEqual(range(60));
    expect(second).not.toEqual(first);
    expect([...new RandomSampler(items(60), { seed: 4 })]).toEqual(first);
    expect([...new RandomSampler(items(60), { seed: 5 })]).not.toEqual(first);
  });

  it('RandomSampler takes as many samples as it is told', () => {
    // Without replacement whole permutations stand one behind the other, as in PyTorch.
    const more = [...new RandomSampler(items(5), { numSamples: 13, seed: 1 })];
    expect(more).toHaveLength(13);
    expect(sorted(more.slice(0, 5))).toEqual(range(5));
    expect(sorted(more.slice(5, 10))).toEqual(range(5));
    expect(new Set(more.slice(10)).size).toBe(3);
    const few = new RandomSampler(items(50), { numSamples: 7, seed: 1 });
    expect([few.length, few.numSamples, new Set(few).size]).toEqual([7, 7, 7]);
    const drawn = [...new RandomSampler(items(4), { replacement: true, numSamples: 8000, seed: 2 })];
    for (let item = 0; item < 4; item++) {
      // 2000 expected with a standard deviation of 39.
      expect(Math.abs(drawn.filter((other) => other === item).length - 2000)).toBeLessThan(200);
    }
    expect([...new RandomSampler(items(0), { numSamples: 3 })]).toEqual([]);
    expect(() => new RandomSampler(items(3), { numSamples: -1 })).toThrow(ArgumentError);
    expect(() => new RandomSampler(items(3), { replacement: 1 as never })).toThrow(/replacement must be true or false/);
  });

  it('seeds come from the generator', () => {
    manualSeed(3);
    const first = [...new RandomSampler(items(40))];
    manualSeed(3);
    expect([...new RandomSampler(items(40))]).toEqual(first);
    expect([...new RandomSampler(items(40), { generator: new Generator(3) })]).toEqual(first);
    expect([...new RandomSampler(items(40))]).not.toEqual(first);
  });

  it('SubsetRandomSampler shuffles its items', () => {
    const sampler = new SubsetRandomSampler([9, 3, 7, 100], { seed: 1 });
    const orders = range(20).map(() => [...sampler].join());
    expect(sampler.length).toBe(4);
    expect(new Set(orders).size).toBeGreaterThan(5);
    for (const order of orders) expect(sorted(order.split(',').map(Number))).toEqual([3, 7, 9, 100]);
    expect(() => new SubsetRandomSampler([1, -1])).toThrow(/index 1 must be an integer of at least 0, got -1/);
  });

  it('WeightedRandomSampler draws in proportion to the weights', () => {
    const sampler = new WeightedRandomSampler([1, 0, 3, 6], 20_000, { seed: 1 });
    const counts = [0, 0, 0, 0];
    for (const item of sampler) counts[item]++;
    expect(counts[1]).toBe(0);
    // Four standard deviations of a binomial with 20,000 draws are at most 283.
    expect(Math.abs(counts[0] - 2000)).toBeLessThan(280);
    expect(Math.abs(counts[2] - 6000)).toBeLessThan(280);
    expect(Math.abs(counts[3] - 12_000)).toBeLessThan(280);
  });

  it('WeightedRandomSampler without replacement takes an item once, heavy ones first', () => {
    const weights = [1, 0, 3, 6];
    const firsts = [0, 0, 0, 0];
    const sampler = new WeightedRandomSampler(weights, 3, { replacement: false, seed: 2 });
    for (let epoch = 0; epoch < 4000; epoch++) {
      const order = sampler.indices(epoch);
      if (epoch < 50) expect(sorted(order)).toEqual([0, 2, 3]);
      firsts[order[0]]++;
    }
    // The first of them is drawn as with replacement: 400, 1200 and 2400 are expected.
    expect(Math.abs(firsts[0] - 400)).toBeLessThan(80);
    expect(Math.abs(firsts[2] - 1200)).toBeLessThan(120);
    expect(Math.abs(firsts[3] - 2400)).toBeLessThan(130);
    expect(() => new WeightedRandomSampler(weights, 4, { replacement: false })).toThrow(
      /3 weights are above 0, too few/,
    );
    expect(() => new WeightedRandomSampler([0, 0], 4)).toThrow(/0 weights are above 0/);
    expect(() => new WeightedRandomSampler([1, Number.NaN], 4)).toThrow(/weight 1 .* got NaN/);
    expect(() => new WeightedRandomSampler([1], 0)).toThrow(/numSamples must be an integer of at least 1/);
  });

  it('BatchSampler puts the items of a sampler into batches', () => {
    const list = (dropLast: boolean) =>
      [...new BatchSampler(new SequentialSampler(items(5)), 2, dropLast)].map((batch) => [...batch]);
    expect(list(false)).toEqual([[0, 1], [2, 3], [4]]);
    expect(list(true)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(new BatchSampler(new SequentialSampler(items(5)), 2, true).length).toBe(2);
    expect(new BatchSampler(new SequentialSampler(items(5)), 2, false).length).toBe(3);
    expect(() => new BatchSampler([] as never, 2, false)).toThrow(/sampler must have indices\(epoch\)/);
  });

  it('StratifiedBatchSampler gives every batch its share of each class', () => {
    const labels = range(90).map((i) => (i % 9 === 0 ? 'rare' : i % 3 === 0 ? 'some' : 'many')); // 10, 20 and 60
    const sampler = new StratifiedBatchSampler(labels, { batchSize: 9, seed: 1 });
    const epochs = [0, 1].map((epoch) => sampler.batches(epoch));
    for (const batches of epochs) {
      expect(sorted(batches.flatMap((batch) => [...batch]))).toEqual(range(90));
      for (const batch of batches) {
        const count = (label: string) => [...batch].filter((item) => labels[item] === label).length;
        expect([count('rare'), count('some'), count('many')]).toEqual([1, 2, 6]);
      }
    }
    expect(epochs[1]).not.toEqual(epochs[0]);
    const uneven = new StratifiedBatchSampler([0, 0, 0, 1, 1], { batchSize: 2, seed: 1, dropLast: true });
    expect([uneven.length, uneven.batches(0).map((batch) => batch.length)]).toEqual([2, [2, 2]]);
    expect(new StratifiedBatchSampler([], { batchSize: 2 }).batches(0)).toEqual([]);
  });
});

describe('DistributedSampler', () => {
  // Made with torch.utils.data.DistributedSampler(range(n), world, rank, shuffle=False, drop_last=...) of PyTorch 2.13.
  it.each([
    [10, 4, false, ['0,4,8', '1,5,9', '2,6,0', '3,7,1']],
    [10, 4, true, ['0,4', '1,5', '2,6', '3,7']],
    [2, 5, false, ['0', '1', '0', '1', '0']],
    [8, 4, false, ['0,4', '1,5', '2,6', '3,7']],
    [8, 4, true, ['0,4', '1,5', '2,6', '3,7']],
    [11, 3, false, ['0,3,6,9', '1,4,7,10', '2,5,8,0']],
    [11, 3, true, ['0,3,6', '1,4,7', '2,5,8']],
  ])('shares %i items among %i as PyTorch (dropLast %s)', (length, numReplicas, dropLast, wanted) => {
    const samplers = range(numReplicas).map(
      (rank) => new DistributedSampler(items(length), { numReplicas, rank, dropLast, shuffle: false }),
    );
    expect(samplers.map((sampler) => [...sampler].join())).toEqual(wanted);
    expect(samplers[0].length).toBe(wanted[0].split(',').length);
    expect(samplers[0].totalSize).toBe(samplers[0].length * numReplicas);
  });

  it('shares one shuffled order, another one for each epoch', () => {
    const samplers = range(3).map((rank) => new DistributedSampler(items(30), { numReplicas: 3, rank }));
    const epoch = (number: number) => samplers.flatMap((sampler) => [...sampler.indices(number)]);
    expect(sorted(epoch(0))).toEqual(range(30));
    expect(epoch(1)).not.toEqual(epoch(0));
    const [second] = epoch(1);
    samplers[0].setEpoch(1);
    expect(samplers[0].indices(0)[0]).toBe(second);
    expect(samplers[0].indices(7)[0]).toBe(second);
  });

  it('refuses a rank that there is not', () => {
    expect(() => new DistributedSampler(items(3), { numReplicas: 2, rank: 2 })).toThrow(
      /rank must be below numReplicas/,
    );
    expect(() => new DistributedSampler(items(3), {} as never)).toThrow(/numReplicas must be an integer of at least 1/);
  });
});

describe('the state of a sampler', () => {
  const makers: [string, (seed: number) => Iterable<unknown> & data.Stateful][] = [
    ['SequentialSampler', () => new SequentialSampler(items(9))],
    ['RandomSampler', (seed) => new RandomSampler(items(9), { seed })],
    ['RandomSampler with replacement', (seed) => new RandomSampler(items(9), { seed, replacement: true })],
    ['SubsetRandomSampler', (seed) => new SubsetRandomSampler([5, 1, 8, 2, 0, 9], { seed })],
    ['WeightedRandomSampler', (seed) => new WeightedRandomSampler([1, 2, 3], 9, { seed })],
    ['DistributedSampler', (seed) => new DistributedSampler(items(9), { numReplicas: 2, rank: 1, seed })],
    ['BatchSampler', (seed) => new BatchSampler(new RandomSampler(items(9), { seed }), 2, false)],
    ['StratifiedBatchSampler', (seed) => new StratifiedBatchSampler([0, 1, 0, 1, 1, 0, 1], { batchSize: 2, seed })],
  ];

  it.each(makers)('%s goes on in the middle of an epoch, whatever its seed was', (_, make) => {
    const whole = make(3);
    const epochs = [[...whole], [...whole], [...whole]];
    const sampler = make(3);
    expect([...sampler]).toEqual(epochs[0]);
    let state: data.StateTree = {};
    for (const item of sampler) {
      expect([item]).toEqual(epochs[1].slice(0, 1));
      state = JSON.parse(JSON.stringify(sampler.stateDict()));
      break;
    }
    const other = make(8);
    other.loadStateDict(state);
    expect([...other]).toEqual(epochs[1].slice(1));
    expect([...other]).toEqual(epochs[2]);
    expect(() => other.loadStateDict({ seed: 'x' })).toThrow(/loadStateDict: seed must be a safe integer, got "x"/);
  });
});
