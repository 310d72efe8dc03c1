import { describe, expect, it } from 'vitest';
import { ArgumentError, data, nn, tensor } from '../../lib/index.js';
import { BucketBatchSampler, padBatch, padCollate, padCollateLabeled } from '../../lib/text/index.js';

describe('padBatch', () => {
  it('pads right or left, with lengths and mask', async () => {
    const right = padBatch([[5, 6, 7], [8]], { paddingValue: 9 });
    expect(right.tokens.dtype).toBe('int64');
    expect(await right.tokens.toArray()).toEqual([
      [5n, 6n, 7n],
      [8n, 9n, 9n],
    ]);
    expect(right.lengths).toEqual([3, 1]);
    expect(await right.mask.toArray()).toEqual([
      [true, true, true],
      [true, false, false],
    ]);
    const left = padBatch([[5, 6, 7], Int32Array.of(8)], { paddingSide: 'left', maxLength: 2 });
    expect(await left.tokens.toArray()).toEqual([
      [5n, 6n],
      [0n, 8n],
    ]);
    expect(left.lengths).toEqual([2, 1]);
    expect(await left.mask.toArray()).toEqual([
      [true, true],
      [false, true],
    ]);
  });

  it('pads tensors', async () => {
    const sequences = [
      tensor([
        [1, 2],
        [3, 4],
      ]),
      tensor([[5, 6]]),
    ];
    const { tokens, lengths, mask } = padBatch(sequences, { paddingSide: 'left' });
    expect(await tokens.toArray()).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [0, 0],
        [5, 6],
      ],
    ]);
    expect(lengths).toEqual([2, 1]);
    expect(await mask.toArray()).toEqual([
      [true, true],
      [false, true],
    ]);
  });

  it('fits recurrent layers and attention', async () => {
    const { tokens, lengths, mask } = padBatch([[1], [2, 3, 4]]);
    const x = new nn.Embedding(5, 4).forward(tokens);
    const packed = nn.utils.rnn.packPaddedSequence(x, lengths, { batchFirst: true, enforceSorted: false });
    expect(packed.batchSizes).toEqual([2, 1, 1]);
    expect(await mask.logicalNot().toArray()).toEqual([
      [false, true, true],
      [false, false, false],
    ]);
  });

  it('refuses what is no sequence', () => {
    expect(() => padBatch([])).toThrow(ArgumentError);
    expect(() => padBatch([[1], []])).toThrow(/a sequence is empty/);
    expect(() => padBatch([[1.5]])).toThrow(/tokens must be integers, got 1.5/);
    expect(() => padBatch([[1], 'a' as unknown as number[]])).toThrow(/all be arrays or all tensors/);
    expect(() => padBatch([[1]], { paddingSide: 'top' as 'left' })).toThrow(/paddingSide/);
  });

  it('collates the items of a DataLoader', async () => {
    const items: [number[], number][] = [
      [[1, 2], 0],
      [[3], 1],
      [[4], 1],
    ];
    const dataset = { length: 3, get: (i: number) => items[i] };
    const batches = [...new data.DataLoader(dataset, { batchSize: 2, collateFn: padCollateLabeled() })];
    expect(batches.map(([{ tokens }]) => tokens.shape)).toEqual([
      [2, 2],
      [1, 1],
    ]);
    expect(await batches[0][1].toArray()).toEqual([0n, 1n]);
    expect(padCollateLabeled()([[[1], 0.5]])[1].dtype).toBe('float32');
    const plain = { length: 3, get: (i: number) => items[i][0] };
    const [first] = new data.DataLoader(plain, { batchSize: 3, collateFn: padCollate({ paddingSide: 'left' }) });
    expect(await first.tokens.toArray()).toEqual([
      [1n, 2n],
      [0n, 3n],
      [0n, 4n],
    ]);
  });
});

describe('BucketBatchSampler', () => {
  const lengths = Array.from({ length: 103 }, (_, i) => ((i * 37) % 50) + 1);
  const spread = (batch: ArrayLike<number>): number => {
    const found = Array.from(batch, (i) => lengths[i]);
    return Math.max(...found) - Math.min(...found);
  };

  it('gives every item once, sequences of about one length together', () => {
    const sampler = new BucketBatchSampler(lengths, { batchSize: 10, seed: 1 });
    expect(sampler.length).toBe(11);
    const batches = sampler.batches(0);
    expect(batches.flatMap((batch) => [...batch]).sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
    expect(batches.filter((batch) => batch.length === 10)).toHaveLength(10);
    expect(Math.max(...batches.map(spread))).toBeLessThan(20); // at random: about 45
    const means = batches.map((batch) => lengths[batch[0]]);
    expect(means).not.toEqual([...means].sort((a, b) => a - b));
  });

  it('repeats an epoch and changes from one to the next', () => {
    const sampler = new BucketBatchSampler(lengths, { batchSize: 10, seed: 1 });
    expect(sampler.batches(3)).toEqual(new BucketBatchSampler(lengths, { batchSize: 10, seed: 1 }).batches(3));
    expect(sampler.batches(3)).not.toEqual(sampler.batches(4));
    expect(sampler.batches(3)).not.toEqual(new BucketBatchSampler(lengths, { batchSize: 10, seed: 2 }).batches(3));
  });

  it('goes from short to long without shuffling', () => {
    const batches = new BucketBatchSampler([5, 1, 3, 2], { batchSize: 2, shuffle: false }).batches(0);
    expect(batches.map((batch) => [...batch])).toEqual([
      [1, 3],
      [2, 0],
    ]);
  });

  it('leaves out other items in each epoch with dropLast', () => {
    const sampler = new BucketBatchSampler(lengths, { batchSize: 10, dropLast: true, seed: 1 });
    expect(sampler.length).toBe(10);
    const left = [0, 1].map((epoch) => {
      const used = new Set(sampler.batches(epoch).flatMap((batch) => [...batch]));
      expect(used.size).toBe(100);
      return lengths.map((_, i) => i).filter((i) => !used.has(i));
    });
    expect(left[0]).not.toEqual(left[1]);
  });

  it('keeps the places of a padded batch below maxTokens', () => {
    for (const batchSize of [undefined, 7]) {
      const sampler = new BucketBatchSampler(lengths, { maxTokens: 120, batchSize, seed: 1 });
      for (const epoch of [0, 1]) {
        const batches = sampler.batches(epoch);
        expect(batches).toHaveLength(sampler.length);
        expect(batches.flatMap((batch) => [...batch]).sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
        const places = batches.map((batch) => batch.length * Math.max(...Array.from(batch, (i) => lengths[i])));
        expect(Math.max(...places)).toBeLessThanOrEqual(120);
        expect(places.filter((count) => count > 60).length).toBeGreaterThan(places.length / 2);
        expect(Math.max(...batches.map((batch) => batch.length))).toBe(batchSize ?? 15);
      }
      expect(sampler.batches(0)).toEqual(
        new BucketBatchSampler(lengths, { maxTokens: 120, batchSize, seed: 1 }).batches(0),
      );
      expect(sampler.batches(0)).not.toEqual(sampler.batches(1));
    }
    // Short to long: 1 2 3 take 3 places each, 3 and one of 5 take 10, and so on.
    const plain = new BucketBatchSampler([5, 1, 3, 2, 3, 5, 10], { maxTokens: 10, shuffle: false });
    expect(plain.batches(0).map((batch) => [...batch])).toEqual([[1, 3, 2], [4, 0], [5], [6]]);
    expect(plain.length).toBe(4);
  });

  it('feeds a DataLoader', () => {
    const batchSampler = new BucketBatchSampler(lengths, { batchSize: 10, seed: 1 });
    const dataset = { length: 103, get: (i: number) => new Array<number>(lengths[i]).fill(1) };
    const loader = new data.DataLoader(dataset, { batchSampler, collateFn: padCollate() });
    expect([...loader].reduce((count, { lengths: found }) => count + found.length, 0)).toBe(103);
    expect(loader.length).toBe(11);
  });

  it('goes on with the same batches from the state of its loader', () => {
    const loaderOf = (seed: number) => {
      const batchSampler = new BucketBatchSampler(lengths, { batchSize: 10, seed });
      const dataset = { length: 103, get: (i: number) => [i] };
      return new data.DataLoader(dataset, { batchSampler, collateFn: (items) => items.flat() });
    };
    const whole = [...loaderOf(1)];
    const first = loaderOf(1);
    const begun = first[Symbol.iterator]();
    expect([begun.next().value, begun.next().value]).toEqual(whole.slice(0, 2));
    const other = loaderOf(2);
    other.loadStateDict(first.stateDict());
    expect([...other]).toEqual(whole.slice(2));
    expect(() => new BucketBatchSampler(lengths, { batchSize: 1 }).loadStateDict({})).toThrow(ArgumentError);
  });

  it('refuses wrong options', () => {
    expect(() => new BucketBatchSampler([1], { batchSize: 0 })).toThrow(ArgumentError);
    expect(() => new BucketBatchSampler([1], { batchSize: 1, noise: 2 })).toThrow(/noise must be a number from 0 to 1/);
    expect(() => new BucketBatchSampler([1], {})).toThrow(/batchSize must be an integer of at least 1, got undefined/);
    expect(() => new BucketBatchSampler([1], { maxTokens: 0 })).toThrow(/maxTokens must be an integer of at least 1/);
    expect(() => new BucketBatchSampler([3, 9], { maxTokens: 8 })).toThrow(/length 1 is 9, maxTokens is 8/);
    for (const other of [{ noise: 0.1 }, { dropLast: true }]) {
      expect(() => new BucketBatchSampler([1], { maxTokens: 8, ...other })).toThrow(/cannot be given together/);
    }
    expect(() => new BucketBatchSampler([1, Number.NaN], { batchSize: 1 })).toThrow(/length 1 must be >= 0/);
  });
});
