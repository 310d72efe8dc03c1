import { checkOptions } from '../tensor/check.js';
import { checkInteger, countOf, encode, type Labels, type Samples } from './check.js';
import { SplitError } from './errors.js';
import { Random, seedOf } from './random.js';
import { type Fold, FoldSplitter, lazily, type ShuffleOptions, type Splitter } from './split.js';

/**
 * k-fold cross-validation: consecutive parts, each tested once while the others are learnt from. The first `N % splits`
 * parts have one sample more.
 *
 * @example
 * for (const [train, test] of new KFold(5).split(dataset)) { ... }
 *
 * @throws ArgumentError for fewer than 2 splits; SplitError (from `split`) for more splits than samples.
 * Source: https://scikit-learn.org/1.9/modules/generated/sklearn.model_selection.KFold.html
 */
export class KFold extends FoldSplitter {
  /** @param splits number of folds, at least 2 */
  constructor(splits = 5, options: ShuffleOptions = {}) {
    super(splits, options);
  }

  protected assign(count: number): Uint32Array {
    const order = this.shuffle ? this.random().permutation(count) : Uint32Array.from({ length: count }, (_, i) => i);
    const folds = new Uint32Array(count);
    const small = Math.floor(count / this.splits);
    const larger = count % this.splits;
    let at = 0;
    for (let fold = 0; fold < this.splits; fold++) {
      const end = at + small + (fold < larger ? 1 : 0);
      while (at < end) folds[order[at++]] = fold;
    }
    return folds;
  }
}

/**
 * k-fold cross-validation in which every fold has nearly the same share of each class as the whole.
 *
 * @example
 * for (const [train, test] of new StratifiedKFold(5).split(dataset, labels)) { ... }
 *
 * @throws SplitError (from `split`) when a class has fewer members than there are splits. scikit-learn only warns then,
 * unless all classes have.
 * Source: https://scikit-learn.org/1.9/modules/generated/sklearn.model_selection.StratifiedKFold.html
 */
export class StratifiedKFold extends FoldSplitter {
  /** @param splits number of folds, at least 2 */
  constructor(splits = 5, options: ShuffleOptions = {}) {
    super(splits, options);
  }

  protected assign(count: number, y: Labels | null): Uint32Array {
    const { splits } = this;
    const { codes, labels, counts } = encode('StratifiedKFold', 'y', y, count);
    checkMembers('StratifiedKFold', splits, labels, counts);
    const members = labels.map(() => [] as number[]);
    codes.forEach((code, i) => {
      members[code].push(i);
    });
    // Classes one behind the other, in the order in which they first appear, are dealt out like cards.
    members.sort((a, b) => a[0] - b[0]);
    const folds = new Uint32Array(count);
    const random = this.shuffle ? this.random() : null;
    let dealt = 0;
    for (const samples of members) {
      const own = samples.map(() => dealt++ % splits).sort((a, b) => a - b);
      random?.shuffle(own);
      samples.forEach((sample, i) => {
        folds[sample] = own[i];
      });
    }
    return folds;
  }
}

/** @internal Every class needs a member in each fold. */
export function checkMembers(op: string, splits: number, labels: readonly unknown[], counts: readonly number[]): void {
  counts.forEach((members, i) => {
    if (members >= splits) return;
    const found = `${members} ${members === 1 ? 'member' : 'members'}`;
    throw new SplitError(op, `class ${String(labels[i])} has ${found}, ${splits} splits need as many`, labels[i]);
  });
}

/**
 * Every sample is tested once, alone.
 *
 * @throws SplitError (from `split`) for fewer than 2 samples.
 * Source: https://scikit-learn.org/1.9/modules/generated/sklearn.model_selection.LeaveOneOut.html
 */
export class LeaveOneOut implements Splitter {
  split(samples: Samples): Iterable<Fold> {
    const count = this.splitCount(samples);
    return lazily(count, (fold) => [
      Uint32Array.from({ length: count - 1 }, (_, i) => (i < fold ? i : i + 1)),
      Uint32Array.of(fold),
    ]);
  }

  splitCount(samples: Samples = 0): number {
    const count = countOf('LeaveOneOut', samples);
    if (count < 2) throw new SplitError('LeaveOneOut', `at least 2 samples are needed, there are ${count}`, count);
    return count;
  }
}

/** Options of {@link RepeatedKFold} and {@link RepeatedStratifiedKFold}. */
export interface RepeatedOptions {
  /** How often everything is split anew. Default 10. */
  repeats?: number;
  /** The same seed gives the same folds. Default: the next of the generator that `manualSeed` seeds. */
  seed?: number;
}

abstract class Repeated implements Splitter {
  readonly splits: number;
  readonly repeats: number;
  private readonly seeds: readonly number[];

  constructor(splits: number, options: RepeatedOptions) {
    const op = new.target.name;
    checkOptions(op, options);
    this.splits = checkInteger(op, 'splits', splits, 2);
    this.repeats = checkInteger(op, 'repeats', options.repeats ?? 10, 1);
    const random = new Random(seedOf(op, options.seed));
    this.seeds = Array.from({ length: this.repeats }, () => random.nextUint32());
  }

  protected abstract once(seed: number): Splitter;

  split(samples: Samples, y: Labels | null = null): Iterable<Fold> {
    const rounds = this.seeds.map((seed) => this.once(seed).split(samples, y));
    return {
      *[Symbol.iterator]() {
        for (const round of rounds) yield* round;
      },
    };
  }

  splitCount(): number {
    return this.splits * this.repeats;
  }
}

/**
 * {@link KFold}, several times with other shuffles.
 * Source: https://scikit-learn.org/1.9/modules/generated/sklearn.model_selection.RepeatedKFold.html
 */
export class RepeatedKFold extends Repeated {
  /** @param splits number of folds of each repetition, at least 2 */
  constructor(splits = 5, options: RepeatedOptions = {}) {
    super(splits, options);
  }

  protected once(seed: number): Splitter {
    return new KFold(this.splits, { shuffle: true, seed });
  }
}

/**
 * {@link StratifiedKFold}, several times with other shuffles.
 * Source: https://scikit-learn.org/1.9/modules/generated/sklearn.model_selection.RepeatedStratifiedKFold.html
 */
export class RepeatedStratifiedKFold extends Repeated {
  /** @param splits number of folds of each repetition, at least 2 */
  constructor(splits = 5, options: RepeatedOptions = {}) {
    super(splits, options);
  }

  protected once(seed: number): Splitter {
    return new StratifiedKFold(this.splits, { shuffle: true, seed });
  }
}
