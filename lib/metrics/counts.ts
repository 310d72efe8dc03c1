// Metrics made of how often each class was taken for each other one.
import { ShapeError, shapeText } from '../errors.js';
import { ones, zeros } from '../tensor/create.js';
import type { Tensor } from '../tensor/tensor.js';
import { type ClassificationOptions, type Labels, labelsOf, type Rules, rulesOf, type Task } from './labels.js';
import { checkChoice, numbersOf, refuseLabels, StateMetric, type Step } from './metric.js';

/** @internal How often each class (row) was taken for each (column): one table, or one of 2 x 2 per label. */
export type Tables = readonly (readonly (readonly number[])[])[];

/** @internal Elements that go into `bins` counters, after them the ignored ones and those out of range. */
export function countInto(state: Tensor | undefined, bins: number, index: Tensor, labels: Labels): Tensor {
  const { wrong, ignored } = labels;
  const known = index.maskedFill(wrong, bins + 1);
  const at = ignored ? known.maskedFill(ignored, bins) : known;
  const before = state ?? zeros([bins + 2], { dtype: 'int64' });
  return before.scatterAdd(0, at, ones(at.shape, { dtype: 'int64' }));
}

/** @internal A metric computed from the tables of {@link Tables}; memory for the square of the number of classes. */
export class CountMetric<Value> extends StateMetric<Value> {
  private readonly rules: Rules;
  private groups = 1;
  private classes = 2;

  constructor(
    op: string,
    options: ClassificationOptions,
    private readonly score: (tables: Tables, rules: Rules) => Value,
  ) {
    super(op, options);
    this.rules = rulesOf(op, options);
  }

  protected step(state: readonly Tensor[] | null, output: Tensor, target: Tensor): Step {
    const labels = labelsOf({ ...this.rules, op: this.name }, output, target);
    const { groups, classes, predicted, truth, group } = labels;
    if (state && (groups !== this.groups || classes !== this.classes)) {
      const before = `${this.groups === 1 ? this.classes : this.groups} classes before`;
      throw new ShapeError(this.name, `${before}, got output ${shapeText(output.shape)}`, output.shape);
    }
    const cell = truth.mul(classes).add(predicted);
    const index = group ? cell.add(group.mul(classes * classes)) : cell;
    const counts = countInto(state?.[0], groups * classes * classes, index, labels);
    [this.groups, this.classes] = [groups, classes];
    return [[counts], index.numel];
  }

  protected async finish([counts]: readonly Tensor[]): Promise<Value> {
    const { groups, classes } = this;
    const all = await numbersOf(counts);
    const cells = groups * classes * classes;
    refuseLabels(this.name, all[cells + 1], this.rules.task === 'multiclass' ? `[0, ${classes})` : '{0, 1}');
    const row = (g: number, c: number): number[] => [...all.subarray((g * classes + c) * classes).subarray(0, classes)];
    const tables = Array.from({ length: groups }, (_, g) => Array.from({ length: classes }, (_, c) => row(g, c)));
    return this.score(tables, this.rules);
  }
}

/** @internal True and false positives and negatives of one class. */
export interface Outcomes {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
}

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** @internal Of each class, of each label, or of the yes of a binary task. */
export function outcomesOf(tables: Tables, task: Task): Outcomes[] {
  if (task !== 'multiclass') return tables.map(([[tn, fp], [fn, tp]]) => ({ tp, fp, fn, tn }));
  const [table] = tables;
  const rows = table.map(total);
  const columns = table.map((_, c) => total(table.map((row) => row[c])));
  const all = total(rows);
  return table.map((row, c) => {
    const [tp, fp, fn] = [row[c], columns[c] - row[c], rows[c] - row[c]];
    return { tp, fp, fn, tn: all - tp - fp - fn };
  });
}

/**
 * How the scores of several classes or labels become one: of all counts added up, the mean, the mean weighted by how often
 * each class is the true one, or no mean at all: one score per class.
 */
export type Average = 'micro' | 'macro' | 'weighted' | 'none';

/** Options of metrics that have a value per class. */
export interface AveragedOptions extends ClassificationOptions {
  /** Not for binary tasks. Default `'micro'`. */
  average?: Average;
  /** The score of what has no element to divide by. Default 0. */
  zeroDivision?: number;
}

/** @internal A quotient with a value for 0 / 0. */
export type Divide = (a: number, b: number) => number;

/** @internal */
export type Score = (outcomes: Outcomes, divide: Divide, task: Task) => number;

/** @internal Adds up weighted scores as torchmetrics does: no weight at all gives 0. */
export function weightedMean(scores: readonly number[], weights: readonly number[]): number {
  const all = total(weights);
  if (all === 0) return 0;
  return total(scores.map((score, i) => (weights[i] === 0 ? 0 : (score * weights[i]) / all)));
}

/**
 * @internal A metric with an average. A mean leaves out classes that neither targets nor outputs had, and the class
 * `skipped`.
 */
export function averagedMetric(
  op: string,
  options: AveragedOptions,
  score: Score,
  skipped?: number,
): CountMetric<number | number[]> {
  const metric = new CountMetric(op, options, (tables, { task }) => {
    const outcomes = outcomesOf(tables, task);
    const one = (of: Outcomes): number => score(of, divide, task);
    if (task === 'binary') return one(outcomes[0]);
    if (average === 'micro') return one(outcomes.filter((_, i) => i !== skipped).reduce(sumOf));
    const scores = outcomes.map(one);
    if (average === 'none') return scores;
    const weights = outcomes.map(({ tp, fp, fn }, i) => {
      if (i === skipped) return 0;
      if (average === 'weighted') return tp + fn;
      return task === 'multiclass' && tp + fp + fn === 0 ? 0 : 1;
    });
    return weightedMean(scores, weights);
  });
  const average = checkChoice(op, 'average', options.average ?? 'micro', ['micro', 'macro', 'weighted', 'none']);
  const zeroDivision = checkChoice(op, 'zeroDivision', options.zeroDivision ?? 0, [0, 1, Number.NaN]);
  const divide: Divide = (a, b) => (b === 0 ? zeroDivision : a / b);
  return metric;
}

const sumOf = (a: Outcomes, b: Outcomes): Outcomes => ({
  tp: a.tp + b.tp,
  fp: a.fp + b.fp,
  fn: a.fn + b.fn,
  tn: a.tn + b.tn,
});
