// Random splits into a part to learn from and one to test with.
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { checkInteger, countOf, type Encoded, encode, type Labels, type Samples } from './check.js';
import { SplitError } from './errors.js';
import { Random, seedOf } from './random.js';
import { type Fold, lazily, type Splitter } from './split.js';

/** How large the parts of a random split are. */
export interface SizeOptions {
  /** Samples to test with: a number >= 1, or a share below 1 (rounded up). Default: the rest. */
  testSize?: number;
  /** Samples to learn from: a number >= 1, or a share below 1 (rounded down). Default: the rest. */
  trainSize?: number;
}

/** Options of {@link ShuffleSplit}, {@link StratifiedShuffleSplit} and {@link GroupShuffleSplit}. */
export interface ShuffleSplitOptions extends SizeOptions {
  /** The same seed gives the same splits. Default: the next of the generator that `manualSeed` seeds. */
  seed?: number;
}

/** Options of {@link trainTestSplit}. */
export interface TrainTestSplitOptions extends ShuffleSplitOptions {
  /** Draws at random. Default true; otherwise the first samples are learnt from, those behind them tested. */
  shuffle?: boolean;
  /** The class of each sample: both parts then have nearly the same share of each. */
  stratify?: Labels;
}

const isShare = (size: number | undefined): boolean => size !== undefined && size < 1;

/** The sizes of both parts, as scikit-learn rounds them. */
function sizesOf(op: string, count: number, { testSize, trainSize }: SizeOptions, otherwise: number): [number, number] {
  for (const [name, size] of [
    ['testSize', testSize],
    ['trainSize', trainSize],
  ] as const) {
    if (size === undefined) continue;
    if (typeof size === 'number' && size > 0 && (size < 1 || Number.isInteger(size))) continue;
    throw new ArgumentError(op, `${name} must be a share below 1 or an integer, got ${valueText(size)}`, size);
  }
  const wanted = testSize === undefined && trainSize === undefined ? otherwise : testSize;
  const given = (size: number, round: (x: number) => number): number => (isShare(size) ? round(size * count) : size);
  const trainGiven = trainSize === undefined ? undefined : given(trainSize, Math.floor);
  const test = wanted === undefined ? count - (trainGiven as number) : given(wanted, Math.ceil);
  const train = trainGiven ?? count - test;
  if (test < 1) throw new SplitError(op, `of ${count} samples none would be left to test with`, test);
  if (train < 1) throw new SplitError(op, `of ${count} samples none would be left to learn from`, train);
  if (train + test > count) {
    throw new SplitError(op, `${train} samples to learn from and ${test} to test with, there are ${count}`, count);
  }
  return [train, test];
}

abstract class RandomSplitter implements Splitter {
  readonly splits: number;
  protected readonly sizes: SizeOptions;
  protected readonly seed: number;

  constructor(splits: number, options: ShuffleSplitOptions) {
    const op = new.target.name;
    checkOptions(op, options);
    this.splits = checkInteger(op, 'splits', splits, 1);
    this.sizes = { testSize: options.testSize, trainSize: options.trainSize };
    this.seed = seedOf(op, options.seed);
  }

  /** The folds: numbers of the samples to train on and of those to test with. */
  abstract split(samples: Samples, y?: Labels | null, groups?: Labels | null): Iterable<Fold>;

  splitCount(): number {
    return this.splits;
  }

  /** The random numbers of one split; each has a stream of its own. */
  protected random(fold: number): Random {
    return new Random(this.seed, fold);
  }
}

/**
 * Random splits, each drawn from all samples: test parts may overlap. Default test share 0.1.
 *
 * @throws SplitError (from `split`) when a part would be empty, or both are larger than all.
 * Source: https://scikit-learn.org/1.9/modules/generated/sklearn.model_selection.ShuffleSplit.html
 */
export class ShuffleSplit extends RandomSplitter {
  /** @param splits how many, at least 1 */
  constructor(splits = 10, options: ShuffleSplitOptions = {}) {
    super(splits, options);
  }

  split(samples: Samples): Iterable<Fold> {
    const count = countOf('ShuffleSplit', samples);
    const [train, test] = sizesOf('ShuffleSplit', count, this.sizes, 0.1);
    return lazily(this.splits, (fold) => {
      const order = this.random(fold).permutation(count);
      return [order.slice(test, test + train), order.slice(0, test)];
    });
  }
}

/**
 * Random splits in which both parts have nearly the same share of each class as the whole. Default test share 0.1.
 *
 * @throws SplitError (from `split`) for a class with one member, or parts smaller than the number of classes.
 * Source: https://scikit-learn.org/1.9/modules/generated/sklearn.model_selection.StratifiedShuffleSplit.html
 */
export class StratifiedShuffleSplit extends RandomSplitter {
  /** @param splits how many, at least 1 */
  constructor(splits = 10, options: ShuffleSplitOptions = {}) {
    super(splits, options);
  }

  split(samples: Samples, y: Labels | null = null): Iterable<Fold> {
    const op = 'StratifiedShuffleSplit';
    const count = countOf(op, samples);
    const classes = encode(op, 'y', y, count);
    const [train, test] = sizesOf(op, count, this.sizes, 0.1);
    classes.counts.forEach((members, i) => {
      if (members >= 2) return;
      throw new SplitError(
        op,
        `class ${String(classes.labels[i])} has 1 member, both parts need one`,
        classes.labels[i],
      );
    });
    for (const [size, what] of [
      [train, 'to learn from'],
      [test, 'to test with'],
    ] as const) {
      if (size >= classes.counts.length) continue;
      throw new SplitError(op, `${size} samples ${what} are fewer than the ${classes.counts.length} classes`, size);
    }
    return lazily(this.splits, (fold) => drawStratified(classes, train, test, this.random(fold)));
  }
}

function drawStratified({ codes, counts }: Encoded, train: number, test: number, random: Random): Fold {
  const members = counts.map(() => [] as number[]);
  codes.forEach((code, i) => {
    members[code].push(i);
  });
  const inTrain = apportion(counts, train, random);
  const inTest = apportion(
    counts.map((members, k) => members - inTrain[k]),
    test,
    random,
  );
  const parts: [number[], number[]] = [[], []];
  members.forEach((own, k) => {
    random.shuffle(own);
    parts[0].push(...own.slice(0, inTrain[k]));
    parts[1].push(...own.slice(inTrain[k], inTrain[k] + inTest[k]));
  });
  return [Uint32Array.from(random.shuffle(parts[0])), Uint32Array.from(random.shuffle(parts[1]))];
}

/** Deals `draws` out in proportion to `counts`: rounded down, then one more where most was lost, ties by lot. */
function apportion(counts: readonly number[], draws: number, random: Random): number[] {
  const total = counts.reduce((a, b) => a + b, 0);
  const exact = counts.map((count) => (count / total) * draws);
  const parts = exact.map(Math.floor);
  const order = random.shuffle(counts.map((_, k) => k)).sort((a, b) => exact[b] - parts[b] - (exact[a] - parts[a]));
  const left = draws - parts.reduce((a, b) => a + b, 0);
  for (const k of order.slice(0, left)) parts[k]++;
  return parts;
}

/**
 * Random splits of groups: no group is on both sides. Sizes count groups; the default test share is 0.2.
 *
 * @throws SplitError (from `split`) when a part would have no group.
 * Source: https://scikit-learn.org/1.9/modules/generated/sklearn.model_selection.GroupShuffleSplit.html
 */
export class GroupShuffleSplit extends RandomSplitter {
  /** @param splits how many, at least 1 */
  constructor(splits = 5, options: ShuffleSplitOptions = {}) {
    super(splits, options);
  }

  split(samples: Samples, _y: Labels | null = null, groups: Labels | null = null): Iterable<Fold> {
    const op = 'GroupShuffleSplit';
    const count = countOf(op, samples);
    const { codes, counts } = encode(op, 'groups', groups, count);
    const [train, test] = sizesOf(op, counts.length, this.sizes, 0.2);
    return lazily(this.splits, (fold) => {
      const order = this.random(fold).permutation(counts.length);
      const side = new Uint8Array(counts.length);
      order.forEach((group, i) => {
        side[group] = i < test ? 2 : i < test + train ? 1 : 0;
      });
      const pick = (wanted: number): Uint32Array =>
        Uint32Array.from(codes.keys()).filter((sample) => side[codes[sample]] === wanted);
      return [pick(1), pick(2)];
    });
  }
}

/**
 * One split: the numbers of the samples to learn from, and of those held out. Default test share 0.25.
 *
 * @example
 * const [train, test] = trainTestSplit(dataset, { testSize: 0.2, stratify: labels, seed: 1 });
 * const loader = new data.DataLoader(data.subset(dataset, train), { batchSize: 32, shuffle: true });
 *
 * @throws SplitError when a part would be empty; ArgumentError for `stratify` without shuffling.
 * Source: https://scikit-learn.org/1.9/modules/generated/sklearn.model_selection.train_test_split.html
 */
export function trainTestSplit(samples: Samples, options: TrainTestSplitOptions = {}): Fold {
  const op = 'trainTestSplit';
  checkOptions(op, options);
  const { shuffle = true, stratify, seed } = options;
  const count = countOf(op, samples);
  const [trainSize, testSize] = sizesOf(op, count, options, 0.25);
  if (!shuffle) {
    if (stratify !== undefined) throw new ArgumentError(op, 'stratify needs shuffle: true', stratify);
    const range = (from: number, length: number) => Uint32Array.from({ length }, (_, i) => from + i);
    return [range(0, trainSize), range(trainSize, testSize)];
  }
  const sizes = { trainSize, testSize, seed: seedOf(op, seed) };
  const splitter = stratify === undefined ? new ShuffleSplit(1, sizes) : new StratifiedShuffleSplit(1, sizes);
  const [fold] = splitter.split(count, stratify);
  return fold;
}
