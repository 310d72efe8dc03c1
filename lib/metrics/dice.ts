// Overlap of segmentations.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { ones, zeros } from '../tensor/create.js';
import { isFloating } from '../tensor/dtype.js';
import { sameShape } from '../tensor/layout.js';
import { arange } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import type { PerClass } from './classification.js';
import type { Average } from './counts.js';
import {
  checkChoice,
  checkIgnoreIndex,
  checkWholeNumber,
  type Metric,
  type MetricOptions,
  numbersOf,
  refuseLabels,
  StateMetric,
  type Step,
} from './metric.js';

/** Options of {@link diceScore}. */
export interface DiceOptions extends MetricOptions {
  numClasses: number;
  /** Whether class 0 counts. Default true. */
  includeBackground?: boolean;
  /** Over the classes. Default `'macro'`. */
  average?: Average;
  /** The score of each sample, then their mean; or one score of all pixels. Default `'samplewise'`. */
  aggregationLevel?: 'samplewise' | 'global';
  /** Pixels whose target has this value are left out (not in torchmetrics). */
  ignoreIndex?: number;
}

/** Per sample and class: pixels of both, predicted ones and true ones, as `[N, C]`. */
type Areas = readonly [both: Tensor, predicted: Tensor, truth: Tensor];

class DiceScore extends StateMetric<number | number[]> {
  private readonly classes: number;
  private readonly first: 0 | 1;
  private readonly average: Average;
  private readonly samplewise: boolean;
  private readonly ignoreIndex: number | undefined;

  constructor(options: DiceOptions) {
    const op = 'diceScore';
    super(op, options);
    this.classes = checkWholeNumber(op, 'numClasses', options.numClasses, 2);
    const background = options.includeBackground ?? true;
    if (typeof background !== 'boolean') {
      throw new ArgumentError(op, `includeBackground must be a boolean, got ${valueText(background)}`, background);
    }
    this.first = background ? 0 : 1;
    this.average = checkChoice(op, 'average', options.average ?? 'macro', ['micro', 'macro', 'weighted', 'none']);
    const level = options.aggregationLevel ?? 'samplewise';
    this.samplewise = checkChoice(op, 'aggregationLevel', level, ['samplewise', 'global']) === 'samplewise';
    this.ignoreIndex = checkIgnoreIndex(op, options.ignoreIndex);
  }

  protected step(state: readonly Tensor[] | null, output: Tensor, target: Tensor): Step {
    const [areas, wrong] = this.areas(output, target);
    const parts = this.samplewise ? this.scored(areas) : areas.map((area) => area.sum(0));
    const sums = [...parts, wrong].map((part, i) => (state ? state[i].add(part) : part));
    return [sums, output.shape[0]];
  }

  private areas(output: Tensor, target: Tensor): [Areas, Tensor] {
    const { classes } = this;
    const scores = output.ndim === target.ndim + 1 && output.ndim >= 2 && output.shape[1] === classes;
    const predicted = scores ? output.argmax(1) : output.to('int64');
    const plain = scores || !isFloating(output.dtype);
    if (!plain || target.ndim === 0 || !sameShape(predicted.shape, target.shape)) {
      const shapes = `${shapeText(output.shape)} and ${shapeText(target.shape)}`;
      const rule = `output [N, ${classes}, ...] of scores or [N, ...] of classes and target [N, ...] are needed`;
      throw new ShapeError(this.name, `${rule}, got ${shapes}`, output.shape, target.shape);
    }
    const samples = target.shape[0];
    const cells = samples * classes;
    const truth = target.to('int64');
    const ignored = this.ignoreIndex === undefined ? zeros([], { dtype: 'bool' }) : truth.eq(this.ignoreIndex);
    const outside = (x: Tensor): Tensor => x.lt(0).logicalOr(x.ge(classes));
    const wrong = outside(truth).logicalOr(outside(predicted)).logicalAnd(ignored.logicalNot());
    const skipped = wrong.logicalOr(ignored);
    const row = arange(samples)
      .reshape([samples, ...target.shape.slice(1).map(() => 1)])
      .mul(classes);
    const counted = (x: Tensor, left: Tensor): Tensor => {
      const at = x.add(row).maskedFill(left, cells).reshape([x.numel]);
      const counts = zeros([cells + 1], { dtype: 'int64' }).scatterAdd(0, at, ones(at.shape, { dtype: 'int64' }));
      return counts.slice(0, 0, cells).reshape([samples, classes]).slice(1, this.first);
    };
    const missed = skipped.logicalOr(predicted.ne(truth));
    return [[counted(truth, missed), counted(predicted, skipped), counted(truth, skipped)], wrong.sum()];
  }

  /** Scores of the samples added up, and how many samples have one. */
  private scored([both, predicted, truth]: Areas): Tensor[] {
    const [shared, all] = [both.mul(2).to('float64'), predicted.add(truth).to('float64')];
    const scores = (() => {
      if (this.average === 'micro') return shared.sum(1, { keepdim: true }).div(all.sum(1, { keepdim: true }));
      const each = shared.div(all);
      if (this.average === 'none') return each;
      const known = each.isnan().logicalNot();
      if (this.average === 'macro') return each.nanmean(1, { keepdim: true });
      const weights = truth.to('float64').div(truth.sum(1, { keepdim: true }));
      const some = known.any(1, { keepdim: true });
      return each.mul(weights).nansum(1, { keepdim: true }).where(some, Number.NaN);
    })();
    return [scores.nansum(0), scores.isnan().logicalNot().sum(0)];
  }

  protected async finish(state: readonly Tensor[]): Promise<number | number[]> {
    const values = await Promise.all(state.map(numbersOf));
    refuseLabels(this.name, values[values.length - 1][0], `[0, ${this.classes})`);
    if (!this.samplewise) return this.global(values);
    const [sums, counts] = values;
    const means = Array.from(sums, (sum, i) => sum / counts[i]);
    return this.average === 'none' ? means : means[0];
  }

  private global([both, predicted, truth]: readonly Float64Array[]): number | number[] {
    const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    const shared = Array.from(both, (count) => 2 * count);
    const all = Array.from(predicted, (count, i) => count + truth[i]);
    if (this.average === 'micro') return sum(shared) / sum(all);
    const scores = shared.map((count, i) => count / all[i]);
    if (this.average === 'none') return scores;
    const known = [...scores.keys()].filter((i) => !Number.isNaN(scores[i]));
    if (known.length === 0) return Number.NaN;
    const weights = known.map((i) => (this.average === 'macro' ? 1 : truth[i]));
    return sum(known.map((i, k) => scores[i] * weights[k])) / sum(weights);
  }
}

/**
 * Dice score of segmentations, `2 |A and B| / (|A| + |B|)` per class: output `[N, C, ...]` of scores or `[N, ...]` of
 * classes, target `[N, ...]` of classes. A class that is neither in a target nor in its output is left out. For one score
 * per class of a whole data set see {@link f1Score}, which is the same with `aggregationLevel: 'global'`.
 * @see https://lightning.ai/docs/torchmetrics/stable/segmentation/dice.html
 */
export function diceScore(options: DiceOptions & PerClass): Metric<number[]>;
export function diceScore(options: DiceOptions & { average?: Exclude<Average, 'none'> }): Metric;
export function diceScore(options: DiceOptions): Metric<number | number[]> {
  return new DiceScore(options);
}
