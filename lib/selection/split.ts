// What all ways of splitting share.
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { checkInteger, countOf, type Labels, type Samples } from './check.js';
import { SplitError } from './errors.js';
import { Random, seedOf } from './random.js';

/** The numbers of the samples to learn from, and of those to test with. */
export type Fold = readonly [train: Uint32Array, test: Uint32Array];

/** A way of splitting samples several times. */
export interface Splitter {
  /**
   * The folds, made one by one. Mistakes are found at the call, not while folds are taken.
   *
   * @param samples how many there are: a number, a dataset, an array or a tensor `[N, ...]`
   * @param y the class of each sample, where the splits depend on it
   * @param groups the group of each sample, where the splits depend on it
   * @throws SplitError when the samples cannot be split so
   */
  split(samples: Samples, y?: Labels | null, groups?: Labels | null): Iterable<Fold>;
  /** How many folds {@link split} gives. */
  splitCount(samples?: Samples, y?: Labels | null, groups?: Labels | null): number;
}

/** Options of splits that may be shuffled. */
export interface ShuffleOptions {
  /** Draws the folds at random. Default false: in the order of the samples. */
  shuffle?: boolean;
  /** With `shuffle`: the same seed gives the same folds. Default: the next of the generator that `manualSeed` seeds. */
  seed?: number;
}

/** @internal The samples outside and inside `chosen`, both in order. */
export function foldOf(count: number, inTest: (sample: number) => boolean): Fold {
  const train: number[] = [];
  const test: number[] = [];
  for (let i = 0; i < count; i++) (inTest(i) ? test : train).push(i);
  return [Uint32Array.from(train), Uint32Array.from(test)];
}

/** @internal Folds that are made when they are asked for, as often as wanted. */
export function lazily(count: number, make: (fold: number) => Fold): Iterable<Fold> {
  return {
    *[Symbol.iterator]() {
      for (let i = 0; i < count; i++) yield make(i);
    },
  };
}

/** @internal Splits into `splits` test parts that together are all samples. */
export abstract class FoldSplitter implements Splitter {
  readonly splits: number;
  protected readonly shuffle: boolean;
  protected readonly seed: number;

  constructor(splits: number, options: ShuffleOptions) {
    const op = new.target.name;
    checkOptions(op, options);
    this.splits = checkInteger(op, 'splits', splits, 2);
    const { shuffle = false, seed } = options;
    if (typeof shuffle !== 'boolean') {
      throw new ArgumentError(op, `shuffle must be true or false, got ${valueText(shuffle)}`, shuffle);
    }
    if (!shuffle && seed !== undefined) {
      throw new ArgumentError(op, 'a seed has no effect without shuffle: true', seed);
    }
    this.shuffle = shuffle;
    this.seed = shuffle ? seedOf(op, seed) : 0;
  }

  /** The fold in which each sample is tested. */
  protected abstract assign(count: number, y: Labels | null, groups: Labels | null): ArrayLike<number>;

  split(samples: Samples, y: Labels | null = null, groups: Labels | null = null): Iterable<Fold> {
    const op = this.constructor.name;
    const count = countOf(op, samples);
    if (this.splits > count) {
      throw new SplitError(op, `${this.splits} splits need as many samples, there are ${count}`, count);
    }
    const folds = this.assign(count, y, groups);
    const filled = new Set(Array.from(folds));
    for (let i = 0; i < this.splits; i++) {
      if (!filled.has(i)) throw new SplitError(op, `fold ${i} would have no test sample`, i);
    }
    return lazily(this.splits, (fold) => foldOf(count, (i) => folds[i] === fold));
  }

  splitCount(): number {
    return this.splits;
  }

  /** A new random stream for one call: the same folds each time. */
  protected random(): Random {
    return new Random(this.seed);
  }
}
