import { checkOptions } from '../tensor/check.js';
import { checkInteger, countOf, type Samples } from './check.js';
import { SplitError } from './errors.js';
import { type Fold, lazily, type Splitter } from './split.js';

/** Options of {@link TimeSeriesSplit}. */
export interface TimeSeriesOptions {
  /** At most so many samples to learn from, the newest. Default: all before the test part. */
  maxTrainSize?: number;
  /** Samples to test with. Default `floor(N / (splits + 1))`. */
  testSize?: number;
  /** Samples left out between both parts. Default 0. */
  gap?: number;
}

/**
 * Splits of samples in the order of time: each test part lies behind all that is learnt from.
 *
 * @throws SplitError (from `split`) when there are too few samples.
 * Source: https://scikit-learn.org/1.9/modules/generated/sklearn.model_selection.TimeSeriesSplit.html
 */
export class TimeSeriesSplit implements Splitter {
  readonly splits: number;
  private readonly options: TimeSeriesOptions;

  /** @param splits how many, at least 2 */
  constructor(splits = 5, options: TimeSeriesOptions = {}) {
    const op = 'TimeSeriesSplit';
    checkOptions(op, options);
    this.splits = checkInteger(op, 'splits', splits, 2);
    const { maxTrainSize, testSize, gap } = options;
    if (maxTrainSize !== undefined) checkInteger(op, 'maxTrainSize', maxTrainSize, 1);
    if (testSize !== undefined) checkInteger(op, 'testSize', testSize, 1);
    if (gap !== undefined) checkInteger(op, 'gap', gap, 0);
    this.options = { ...options };
  }

  split(samples: Samples): Iterable<Fold> {
    const op = 'TimeSeriesSplit';
    const count = countOf(op, samples);
    const { splits } = this;
    const { gap = 0, maxTrainSize = count } = this.options;
    if (splits + 1 > count) {
      throw new SplitError(op, `${splits} splits need ${splits + 1} samples, there are ${count}`, count);
    }
    const testSize = this.options.testSize ?? Math.floor(count / (splits + 1));
    const first = count - splits * testSize;
    if (first - gap <= 0) {
      const sizes = `${splits} splits with ${testSize} test samples and a gap of ${gap}`;
      throw new SplitError(op, `${sizes} leave nothing to learn from in fold 0 of ${count} samples`, count);
    }
    const range = (from: number, to: number) => Uint32Array.from({ length: to - from }, (_, i) => from + i);
    return lazily(splits, (fold) => {
      const start = first + fold * testSize;
      const end = start - gap;
      return [range(Math.max(0, end - maxTrainSize), end), range(start, start + testSize)];
    });
  }

  splitCount(): number {
    return this.splits;
  }
}
