import { describe, expect, it } from 'vitest';
import { ArgumentError, data, tensor, vision } from '../../lib/index.js';

const letters = (text: string): data.Dataset<string> => ({ length: text.length, get: (index) => text[index] });
const later = (text: string): data.Dataset<string> => ({ length: text.length, get: async (index) => text[index] });

describe('ConcatDataset', () => {
  it('has the items of its datasets one behind the other', async () => {
    const all = new data.ConcatDataset([letters('ab'), letters(''), later('cde')]);
    expect([all.length, all.cumulativeSizes]).toEqual([5, [2, 2, 5]]);
    expect(await Promise.all([0, 1, 2, 3, 4].map((index) => all.get(index)))).toEqual([...'abcde']);
    expect(() => all.get(5)).toThrow(/ConcatDataset: index 5 is out of range \[0, 5\)/);
    expect(() => new data.ConcatDataset([])).toThrow(/at least one dataset is needed/);
    expect(() => new data.ConcatDataset([letters('a'), 3 as never])).toThrow(/dataset 1 must have a length and get/);
  });

  it('keeps batches of datasets that make their own, in the order that was asked for', async () => {
    const digits = await vision.datasets.Digits.load({ train: false });
    const all = data.concat([data.subset(digits, [3, 4, 5]), data.subset(digits, [7, 8])]);
    const [images, labels] = await all.batch([4, 0, 3, 2]);
    const [wantedImages, wantedLabels] = digits.batch([8, 3, 7, 5]);
    expect(await images.data()).toEqual(await wantedImages.data());
    expect(await labels.data()).toEqual(await wantedLabels.data());
    expect((await all.batch([1]))[0].shape).toEqual([1, 1, 8, 8]);
    const shapes: (readonly number[])[] = [];
    for await (const [x] of new data.DataLoader(all, { batchSize: 4 })) shapes.push(x.shape);
    expect(shapes).toEqual([
      [4, 1, 8, 8],
      [1, 1, 8, 8],
    ]);
  });

  it('puts batches of names and fields together', async () => {
    const make = (offset: number) => ({
      length: 3,
      get: (index: number) => index,
      batch: (indices: ArrayLike<number>) => ({
        x: tensor(Float32Array.from(indices, (index) => index + offset)),
        names: Array.from(indices, (index) => `n${index + offset}`),
      }),
    });
    const { x, names } = await data.concat([make(0), make(10)]).batch([5, 0, 3]);
    expect(await x.toArray()).toEqual([12, 0, 10]);
    expect(names).toEqual(['n12', 'n0', 'n10']);
  });
});

describe('ChainDataset', () => {
  it('gives streams one behind the other', async () => {
    async function* more() {
      yield 3;
      yield 4;
    }
    const epochs: number[] = [];
    const first = {
      length: 2,
      setEpoch: (epoch: number) => epochs.push(epoch),
      [Symbol.iterator]: () => [1, 2][Symbol.iterator](),
    };
    const chain = new data.ChainDataset<number>([first, more()]);
    chain.setEpoch(7);
    expect(epochs).toEqual([7]);
    const all: number[] = [];
    for await (const item of chain) all.push(item);
    expect(all).toEqual([1, 2, 3, 4]);
    expect(chain.length).toBeUndefined();
    expect(new data.ChainDataset([first, first]).length).toBe(4);
    expect(() => new data.ChainDataset([first, 3 as never])).toThrow(/dataset 1 cannot be looped over/);
  });
});

describe('StackDataset', () => {
  it('gives items side by side, as tuples or by name', async () => {
    const tuple: [string, string] = new data.StackDataset([letters('ab'), letters('xy')]).get(1) as [string, string];
    expect(tuple).toEqual(['b', 'y']);
    const named = new data.StackDataset({ p: letters('ab'), q: later('xy') });
    expect([named.length, await named.get(0)]).toEqual([2, { p: 'a', q: 'x' }]);
    expect(() => new data.StackDataset([letters('a'), letters('ab')])).toThrow(/datasets have 1 and 2 items/);
    expect(() => named.get(2)).toThrow(ArgumentError);
  });
});

describe('MappedDataset', () => {
  it('changes items when they are taken', async () => {
    const upper = new data.MappedDataset(letters('abc'), (item, index) => item.toUpperCase() + index);
    expect([upper.length, upper.get(2)]).toEqual([3, 'C2']);
    expect(await new data.MappedDataset(later('abc'), (item) => item + item).get(1)).toBe('bb');
    expect(() => new data.MappedDataset(letters('a'), 3 as never)).toThrow(ArgumentError);
  });
});

describe('stratifiedSplit', () => {
  it('gives every part the same mix of classes', () => {
    const labels = Uint8Array.from({ length: 200 }, (_, i) => (i % 10 === 0 ? 2 : i % 2)); // 20, 80 and 100
    const parts = data.stratifiedSplit({ length: 200, get: (index: number) => index }, labels, [0.5, 0.25, 0.25], 3);
    const mix = parts.map((part) => [2, 0, 1].map((label) => part.indices.filter((i) => labels[i] === label).length));
    expect(mix).toEqual([
      [10, 40, 50],
      [5, 20, 25],
      [5, 20, 25],
    ]);
    const all = parts.flatMap((part) => [...part.indices]).sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 200 }, (_, i) => i));
    const again = data.stratifiedSplit({ length: 200, get: (index: number) => index }, labels, [100, 50, 50], 3);
    expect(again.map((part) => part.indices)).toEqual(parts.map((part) => part.indices));
  });

  it('deals what cannot be shared evenly, and refuses labels that do not fit', () => {
    const dataset = letters('abcdefg');
    const parts = data.stratifiedSplit(dataset, ['x', 'x', 'y', 'z', 'y', 'x', 'y'], [3, 4], 1);
    expect(parts.map((part) => part.length)).toEqual([3, 4]);
    expect(() => data.stratifiedSplit(dataset, [1, 2], [1], 1)).toThrow(/2 labels for 7 items/);
    expect(() => data.stratifiedSplit(dataset, [1, Number.NaN], [1], 1)).toThrow(/label 1 is NaN/);
  });
});
