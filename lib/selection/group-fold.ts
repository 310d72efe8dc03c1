// Splits that keep the samples of a group together: a patient, a speaker, a day.
import { countOf, type Encoded, encode, type Labels, type Samples } from './check.js';
import { SplitError } from './errors.js';
import { checkMembers } from './k-fold.js';
import { type Fold, FoldSplitter, foldOf, lazily, type ShuffleOptions, type Splitter } from './split.js';

function checkGroups(op: string, splits: number, groups: number): void {
  if (groups >= splits) return;
  throw new SplitError(op, `${splits} splits need as many groups, there are ${groups}`, groups);
}

/**
 * k-fold cross-validation in which no group is on both sides. The largest group goes first, each to the fold that has
 * the fewest samples. With `shuffle` the groups are drawn, and folds have equally many groups.
 *
 * @example
 * for (const [train, test] of new GroupKFold(5).split(dataset, null, patients)) { ... }
 *
 * @throws SplitError (from `split`) for fewer groups than splits.
 * Source: https://scikit-learn.org/1.9/modules/generated/sklearn.model_selection.GroupKFold.html
 */
export class GroupKFold extends FoldSplitter {
  /** @param splits number of folds, at least 2 */
  constructor(splits = 5, options: ShuffleOptions = {}) {
    super(splits, options);
  }

  protected assign(count: number, _y: Labels | null, groups: Labels | null): Uint32Array {
    const { codes, counts } = encode('GroupKFold', 'groups', groups, count);
    checkGroups('GroupKFold', this.splits, counts.length);
    const foldOfGroup = this.shuffle ? this.drawn(counts.length) : this.balanced(counts);
    return codes.map((code) => foldOfGroup[code]);
  }

  private balanced(counts: readonly number[]): Uint32Array {
    // Of equally large groups the last one goes first, as in scikit-learn.
    const order = counts.map((_, i) => i).sort((a, b) => counts[b] - counts[a] || b - a);
    const sizes = new Array<number>(this.splits).fill(0);
    const folds = new Uint32Array(counts.length);
    for (const group of order) {
      const lightest = sizes.indexOf(Math.min(...sizes));
      sizes[lightest] += counts[group];
      folds[group] = lightest;
    }
    return folds;
  }

  private drawn(groups: number): Uint32Array {
    const folds = new Uint32Array(groups);
    const larger = groups % this.splits;
    const small = Math.floor(groups / this.splits);
    this.random()
      .permutation(groups)
      .forEach((group, i) => {
        const inLarger = larger * (small + 1);
        folds[group] = i < inLarger ? Math.floor(i / (small + 1)) : larger + Math.floor((i - inLarger) / small);
      });
    return folds;
  }
}

/**
 * {@link GroupKFold} that also keeps the shares of the classes as even as the groups allow. Groups whose samples are
 * spread least evenly over the classes go first, each to the fold where the shares then differ least.
 *
 * @throws SplitError (from `split`) for fewer groups than splits, or a class with fewer members.
 * Source: https://scikit-learn.org/1.9/modules/generated/sklearn.model_selection.StratifiedGroupKFold.html
 */
export class StratifiedGroupKFold extends FoldSplitter {
  /** @param splits number of folds, at least 2 */
  constructor(splits = 5, options: ShuffleOptions = {}) {
    super(splits, options);
  }

  protected assign(count: number, y: Labels | null, groups: Labels | null): Uint32Array {
    const op = 'StratifiedGroupKFold';
    const classes = encode(op, 'y', y, count);
    const encoded = encode(op, 'groups', groups, count);
    checkMembers(op, this.splits, classes.labels, classes.counts);
    checkGroups(op, this.splits, encoded.counts.length);
    const table = encoded.counts.map(() => new Float64Array(classes.counts.length));
    encoded.codes.forEach((group, i) => {
      table[group][classes.codes[i]]++;
    });
    const order = table.map((_, group) => group);
    if (this.shuffle) this.random().shuffle(order);
    const uneven = table.map(deviation);
    order.sort((a, b) => uneven[b] - uneven[a]);
    const filled = Array.from({ length: this.splits }, () => new Float64Array(classes.counts.length));
    const folds = new Uint32Array(table.length);
    for (const group of order) {
      folds[group] = this.bestFold(filled, table[group], classes);
      const own = filled[folds[group]];
      table[group].forEach((members, k) => {
        own[k] += members;
      });
    }
    return encoded.codes.map((group) => folds[group]);
  }

  /** The fold that makes the shares of the classes most even, of equal ones that with fewest samples. */
  private bestFold(filled: readonly Float64Array[], group: Float64Array, { counts }: Encoded): number {
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    let fewest = Number.POSITIVE_INFINITY;
    for (let fold = 0; fold < this.splits; fold++) {
      let sum = 0;
      counts.forEach((total, k) => {
        sum += deviation(filled.map((own, i) => (own[k] + (i === fold ? group[k] : 0)) / total));
      });
      const mean = sum / counts.length;
      const samples = filled[fold].reduce((a, b) => a + b, 0);
      const equal = Math.abs(mean - least) <= 1e-8 + 1e-5 * Math.abs(least);
      if (mean < least || (equal && samples < fewest)) {
        [best, least, fewest] = [fold, mean, samples];
      }
    }
    return best;
  }
}

function deviation(values: ArrayLike<number>): number {
  const { length } = values;
  let mean = 0;
  for (let i = 0; i < length; i++) mean += values[i] / length;
  let squares = 0;
  for (let i = 0; i < length; i++) squares += (values[i] - mean) ** 2;
  return Math.sqrt(squares / length);
}

/**
 * Each group is tested once, alone; groups in sorted order.
 *
 * @throws SplitError (from `split`) for fewer than 2 groups.
 * Source: https://scikit-learn.org/1.9/modules/generated/sklearn.model_selection.LeaveOneGroupOut.html
 */
export class LeaveOneGroupOut implements Splitter {
  split(samples: Samples, _y: Labels | null = null, groups: Labels | null = null): Iterable<Fold> {
    const count = countOf('LeaveOneGroupOut', samples);
    const { codes, counts } = this.encoded(count, groups);
    return lazily(counts.length, (fold) => foldOf(count, (i) => codes[i] === fold));
  }

  splitCount(_samples: Samples = 0, _y: Labels | null = null, groups: Labels | null = null): number {
    return this.encoded(groups?.length ?? 0, groups).counts.length;
  }

  private encoded(count: number, groups: Labels | null): Encoded {
    const op = 'LeaveOneGroupOut';
    const encoded = encode(op, 'groups', groups, count);
    const { length } = encoded.counts;
    if (length < 2) throw new SplitError(op, `at least 2 groups are needed, there are ${length}`, length);
    return encoded;
  }
}
