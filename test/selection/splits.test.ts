// Folds equal those of scikit-learn: test/fixtures/make_selection_splits.py
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { data, manualSeed, selection, tensor, zeros } from '../../lib/index.js';

const { SplitError } = selection;

interface Case {
  name: 'KFold';
  args: number[];
  options: object;
  n: number;
  y: number[] | null;
  groups: number[] | null;
  folds: (number[] | number[][])[];
}
interface Sizes {
  n: number;
  testSize: number | null;
  trainSize: number | null;
  train: number;
  test: number;
}
const fixture = JSON.parse(readFileSync(new URL('../fixtures/selection_splits.json', import.meta.url), 'utf8')) as {
  cases: Case[];
  sizes: Sizes[];
  stratified: { y: number[]; testSize: number; train: number[]; test: number[] }[];
};

const lists = (folds: Iterable<selection.Fold>): number[][][] =>
  [...folds].map((parts) => parts.map((part) => [...part]));
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const sorted = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);

describe('splits without chance', () => {
  it.each(fixture.cases.map((one, i) => [`${one.name} ${i}`, one] as const))('%s', (_, one) => {
    const make = selection[one.name] as new (...args: unknown[]) => selection.Splitter;
    const splitter = new make(...one.args, one.options);
    const folds = lists(splitter.split(one.n, one.y, one.groups));
    const wanted = one.folds.map((fold) => {
      if (Array.isArray(fold[0])) return fold;
      const test = fold as number[];
      return [range(one.n).filter((i) => !test.includes(i)), test];
    });
    expect(folds).toEqual(wanted);
    expect(splitter.splitCount(one.n, one.y, one.groups)).toBe(wanted.length);
  });

  it('have every kind in the fixture', () => {
    expect(new Set(fixture.cases.map(({ name }) => name)).size).toBe(7);
    expect(fixture.cases.length).toBeGreaterThan(25);
  });

  it('take a number, a dataset, an array or a tensor', () => {
    const wanted = lists(new selection.KFold(2).split(5));
    const x = zeros([5, 3]);
    for (const samples of [new data.TensorDataset(x), x, ['a', 'b', 'c', 'd', 'e']]) {
      expect(lists(new selection.KFold(2).split(samples))).toEqual(wanted);
    }
  });

  it('can be gone through twice', () => {
    const folds = new selection.KFold(3, { shuffle: true, seed: 4 }).split(10);
    expect(lists(folds)).toEqual(lists(folds));
  });
});

describe('shuffled splits', () => {
  const y = range(60).map((i) => (i % 7 === 0 ? 2 : i % 2));
  const groups = range(60).map((i) => `g${i % 13}`);

  it('test every sample once, and depend on the seed', () => {
    const make = (seed: number): selection.Splitter[] => [
      new selection.KFold(4, { shuffle: true, seed }),
      new selection.StratifiedKFold(4, { shuffle: true, seed }),
      new selection.GroupKFold(4, { shuffle: true, seed }),
      new selection.StratifiedGroupKFold(4, { shuffle: true, seed }),
    ];
    make(1).forEach((splitter, i) => {
      const folds = lists(splitter.split(60, y, groups));
      expect(sorted(folds.flatMap(([, test]) => test))).toEqual(range(60));
      for (const [train, test] of folds) expect(sorted([...train, ...test])).toEqual(range(60));
      expect(lists(make(1)[i].split(60, y, groups))).toEqual(folds);
      expect(lists(make(2)[i].split(60, y, groups))).not.toEqual(folds);
    });
  });

  it('keep classes even and groups together', () => {
    const total = [0, 1, 2].map((k) => y.filter((label) => label === k).length);
    for (const [, test] of new selection.StratifiedKFold(4, { shuffle: true, seed: 3 }).split(60, y)) {
      total.forEach((members, k) => {
        expect(Math.abs([...test].filter((i) => y[i] === k).length - members / 4)).toBeLessThan(1);
      });
    }
    for (const splitter of [
      new selection.GroupKFold(4, { shuffle: true, seed: 3 }),
      new selection.StratifiedGroupKFold(4, { shuffle: true, seed: 3 }),
      new selection.GroupShuffleSplit(6, { seed: 3 }),
    ]) {
      for (const [train, test] of splitter.split(60, y, groups)) {
        const held = new Set([...test].map((i) => groups[i]));
        expect(held.size).toBeGreaterThan(0);
        expect([...train].filter((i) => held.has(groups[i]))).toEqual([]);
      }
    }
  });

  it('repeat with other draws', () => {
    const folds = lists(new selection.RepeatedKFold(3, { repeats: 2, seed: 5 }).split(12));
    expect(folds).toHaveLength(6);
    expect(sorted(folds.slice(3).flatMap(([, test]) => test))).toEqual(range(12));
    expect(folds.slice(3)).not.toEqual(folds.slice(0, 3));
    const stratified = new selection.RepeatedStratifiedKFold(3, { repeats: 2, seed: 5 });
    expect(lists(stratified.split(60, y))).toHaveLength(stratified.splitCount());
  });

  it('draw their seed from the generator that manualSeed seeds', () => {
    const drawn = (seed: number) => {
      manualSeed(seed);
      return lists(new selection.KFold(3, { shuffle: true }).split(30));
    };
    expect(drawn(1)).toEqual(drawn(1));
    expect(drawn(1)).not.toEqual(drawn(2));
  });

  it('have the sizes of scikit-learn', () => {
    for (const { n, testSize, trainSize, train, test } of fixture.sizes) {
      const sizes = { testSize: testSize ?? undefined, trainSize: trainSize ?? undefined, seed: 1 };
      const parts = selection.trainTestSplit(n, sizes);
      expect(parts.map(({ length }) => length)).toEqual([train, test]);
      expect(new Set([...parts[0], ...parts[1]]).size).toBe(train + test);
    }
    for (const { y: labels, testSize, train, test } of fixture.stratified) {
      const parts = selection.trainTestSplit(labels, { testSize, stratify: labels, seed: 2 });
      const counts = parts.map((part) =>
        sorted(new Set(labels)).map((label) => [...part].filter((i) => labels[i] === label).length),
      );
      expect(counts).toEqual([train, test]);
    }
    const [train, test] = selection.trainTestSplit(10, { shuffle: false, testSize: 3 });
    expect([[...train], [...test]]).toEqual([range(7), [7, 8, 9]]);
  });

  it('draw each sample equally often', () => {
    const tested = new Array<number>(20).fill(0);
    for (const [, test] of new selection.ShuffleSplit(400, { testSize: 5, seed: 1 }).split(20)) {
      for (const i of test) tested[i]++;
    }
    // 100 expected, standard deviation 8.7.
    expect(Math.min(...tested)).toBeGreaterThan(65);
    expect(Math.max(...tested)).toBeLessThan(135);
  });
});

describe('what cannot be split', () => {
  const refused: [() => unknown, RegExp][] = [
    [() => new selection.KFold(5).split(4), /^KFold: 5 splits need as many samples, there are 4/],
    [() => new selection.KFold(5).split(0), /there are 0/],
    [() => new selection.StratifiedKFold(3).split(5, ['a', 'a', 'a', 'b', 'b']), /class b has 2 members, 3 splits/],
    [() => new selection.StratifiedKFold(2).split(3, [1, 2]), /there are 3 samples, y has 2 labels/],
    [() => new selection.StratifiedKFold(2).split(3, [1, Number.NaN, 1]), /y of sample 1 is NaN/],
    [() => new selection.GroupKFold(3).split(4, null, [1, 1, 2, 2]), /3 splits need as many groups, there are 2/],
    [() => new selection.LeaveOneOut().split(1), /at least 2 samples/],
    [() => new selection.LeaveOneGroupOut().split(2, null, ['a', 'a']), /at least 2 groups are needed, there are 1/],
    [() => new selection.TimeSeriesSplit(5).split(5), /5 splits need 6 samples, there are 5/],
    [() => new selection.TimeSeriesSplit(3, { testSize: 3, gap: 2 }).split(11), /nothing to learn from in fold 0/],
    [() => selection.trainTestSplit(3, { testSize: 3 }), /none would be left to learn from/],
    [() => selection.trainTestSplit(9, { testSize: 5, trainSize: 5 }), /5 samples to learn from and 5 to test with/],
    [() => selection.trainTestSplit(4, { stratify: [1, 1, 1, 2] }), /class 2 has 1 member/],
    [
      () => selection.trainTestSplit(6, { testSize: 1, stratify: [1, 1, 2, 2, 3, 3] }),
      /1 samples to test with are fewer/,
    ],
  ];
  it.each(refused.map(([call, message]) => [String(message), call, message] as const))('%s', (_, call, message) => {
    expect(call).toThrow(SplitError);
    expect(call).toThrow(message);
  });

  it('names wrong arguments', () => {
    const wrong: [() => unknown, RegExp][] = [
      [() => new selection.KFold(1), /^KFold: splits must be an integer >= 2, got 1/],
      [() => new selection.KFold(3, { seed: 1 }), /no effect without shuffle/],
      [() => new selection.GroupKFold(2).split(4), /groups must be an array of labels/],
      [() => new selection.StratifiedKFold(2).split(2, tensor([1, 2]) as never), /read the tensor first/],
      [() => selection.trainTestSplit(10, { testSize: 1.5 }), /share below 1 or an integer, got 1.5/],
      [() => selection.trainTestSplit(10, { shuffle: false, stratify: range(10) }), /stratify needs shuffle/],
      [() => new selection.KFold(2).split(-3), /samples must be a number or have a length/],
    ];
    for (const [call, message] of wrong) expect(call).toThrow(message);
  });
});
