// Shares of right and wrong classes: accuracy, precision, recall, F, specificity, overlap.
import { ArgumentError, valueText } from '../errors.js';
import { type AveragedOptions, averagedMetric, CountMetric, type Score } from './counts.js';
import type { ClassificationOptions } from './labels.js';
import { checkChoice, type Metric } from './metric.js';

/** Options of {@link accuracy}. */
export interface AccuracyOptions extends Omit<AveragedOptions, 'task' | 'zeroDivision'> {
  /** Default `'multiclass'`. */
  task?: ClassificationOptions['task'];
}

/** The options that give one number. */
export type OneNumber = { average?: 'micro' | 'macro' | 'weighted' };
/** The option that gives one number per class. */
export type PerClass = { average: 'none' };

type Values = Metric<number | number[]>;

const accuracyScore: Score = ({ tp, fp, fn, tn }, divide, task) =>
  task === 'multiclass' ? divide(tp, tp + fn) : divide(tp + tn, tp + fp + fn + tn);

/**
 * Share of right predictions; for several classes of samples whose largest score is at the target class. With
 * `average: 'macro'` it is the mean over the classes (balanced accuracy). Shapes: see {@link ClassificationOptions}.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/accuracy.html
 */
export function accuracy(options: AccuracyOptions & PerClass): Metric<number[]>;
export function accuracy(options?: AccuracyOptions & OneNumber): Metric;
export function accuracy(options: AccuracyOptions = {}): Values {
  return averagedMetric('accuracy', { task: 'multiclass', ...options }, accuracyScore);
}

/**
 * `TP / (TP + FP)`: how many of those that were taken for a class are of it.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/precision.html
 */
export function precision(options: AveragedOptions & PerClass): Metric<number[]>;
export function precision(options: AveragedOptions & OneNumber): Metric;
export function precision(options: AveragedOptions): Values {
  return averagedMetric('precision', options, ({ tp, fp }, divide) => divide(tp, tp + fp));
}

/**
 * `TP / (TP + FN)`: how many of a class were found.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/recall.html
 */
export function recall(options: AveragedOptions & PerClass): Metric<number[]>;
export function recall(options: AveragedOptions & OneNumber): Metric;
export function recall(options: AveragedOptions): Values {
  return averagedMetric('recall', options, ({ tp, fn }, divide) => divide(tp, tp + fn));
}

/**
 * `TN / (TN + FP)`: how many that are not of a class were not taken for it.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/specificity.html
 */
export function specificity(options: AveragedOptions & PerClass): Metric<number[]>;
export function specificity(options: AveragedOptions & OneNumber): Metric;
export function specificity(options: AveragedOptions): Values {
  return averagedMetric('specificity', options, ({ tn, fp }, divide) => divide(tn, tn + fp));
}

/**
 * Harmonic mean of precision and recall, in which recall counts `beta` times as much:
 * `(1 + beta²) TP / ((1 + beta²) TP + beta² FN + FP)`.
 *
 * @throws ArgumentError unless `beta` is more than 0.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/fbeta_score.html
 */
export function fBetaScore(beta: number, options: AveragedOptions & PerClass): Metric<number[]>;
export function fBetaScore(beta: number, options: AveragedOptions & OneNumber): Metric;
export function fBetaScore(beta: number, options: AveragedOptions): Values {
  if (typeof beta !== 'number' || !(beta > 0) || beta === Infinity) {
    throw new ArgumentError('fBetaScore', `beta must be more than 0, got ${valueText(beta)}`, beta);
  }
  return averagedMetric('fBetaScore', options, fScore(beta));
}

const fScore = (beta: number): Score => {
  const b2 = beta ** 2;
  return ({ tp, fp, fn }, divide) => divide((1 + b2) * tp, (1 + b2) * tp + b2 * fn + fp);
};

/**
 * {@link fBetaScore} with `beta` 1: `2 TP / (2 TP + FN + FP)`.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/f1_score.html
 */
export function f1Score(options: AveragedOptions & PerClass): Metric<number[]>;
export function f1Score(options: AveragedOptions & OneNumber): Metric;
export function f1Score(options: AveragedOptions): Values {
  return averagedMetric('f1Score', options, fScore(1));
}

/**
 * Intersection over union (IoU), `TP / (TP + FP + FN)`, over all samples and pixels: the usual mean IoU of segmentation
 * with `average: 'macro'`. Means leave out the class `ignoreIndex`.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/jaccard_index.html
 */
export function jaccardIndex(options: AveragedOptions & PerClass): Metric<number[]>;
export function jaccardIndex(options: AveragedOptions & OneNumber): Metric;
export function jaccardIndex(options: AveragedOptions): Values {
  const { ignoreIndex } = options ?? {};
  // The ignored class has no true elements: what is left of it are pixels taken for it.
  const skipped = options?.task === 'multiclass' ? ignoreIndex : undefined;
  return averagedMetric('jaccardIndex', options, ({ tp, fp, fn }, divide) => divide(tp, tp + fp + fn), skipped);
}

/** Options of {@link confusionMatrix}. */
export interface ConfusionMatrixOptions extends ClassificationOptions {
  /** Rows (`'true'`), columns (`'pred'`) or everything (`'all'`) add up to 1. Default `'none'`: counts. */
  normalize?: 'true' | 'pred' | 'all' | 'none';
}

/**
 * How often each class (row) was taken for each class (column). Multilabel tasks have a table of 2 x 2 per label. The
 * Trainer does not log it: call `compute()` behind `fit` or `evaluate`.
 *
 * @example
 * const confusion = metrics.confusionMatrix({ task: 'multiclass', numClasses: 10 });
 *
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/confusion_matrix.html
 */
export function confusionMatrix(options: ConfusionMatrixOptions & { task: 'multilabel' }): Metric<number[][][]>;
export function confusionMatrix(
  options: ConfusionMatrixOptions & { task: 'binary' | 'multiclass' },
): Metric<number[][]>;
export function confusionMatrix(options: ConfusionMatrixOptions): Metric<number[][] | number[][][]> {
  const op = 'confusionMatrix';
  const metric = new CountMetric(op, options, (tables, { task }) => {
    const shown = tables.map((table) => normalized(table, normalize));
    return task === 'multilabel' ? shown : shown[0];
  });
  const normalize = checkChoice(op, 'normalize', options.normalize ?? 'none', ['none', 'true', 'pred', 'all']);
  return metric;
}

function normalized(table: readonly (readonly number[])[], by: 'true' | 'pred' | 'all' | 'none'): number[][] {
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const all = sum(table.flat());
  return table.map((row) =>
    row.map((count, c) => {
      if (by === 'none') return count;
      const of = by === 'all' ? all : by === 'true' ? sum(row) : sum(table.map((other) => other[c]));
      return of === 0 ? 0 : count / of;
    }),
  );
}

/** Options of {@link cohenKappa}. */
export interface CohenKappaOptions extends ClassificationOptions {
  task: 'binary' | 'multiclass';
  /** What a mistake weighs: all the same, the distance between the classes, or its square. Default `'none'`. */
  weights?: 'none' | 'linear' | 'quadratic';
}

/**
 * Cohen's kappa: `1 - sum(w * observed) / sum(w * expected)` over the confusion matrix, where `expected` are the counts of
 * chance; 1 for full agreement, 0 for chance (Cohen, 1960).
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/cohen_kappa.html
 */
export function cohenKappa(options: CohenKappaOptions): Metric {
  const op = 'cohenKappa';
  const weight = (i: number, j: number): number => {
    if (weights === 'none') return i === j ? 0 : 1;
    return weights === 'linear' ? Math.abs(i - j) : (i - j) ** 2;
  };
  const metric = new CountMetric(op, options, ([table]) => {
    const { rows, columns, all } = margins(table);
    let [observed, expected] = [0, 0];
    table.forEach((row, i) => {
      row.forEach((count, j) => {
        observed += weight(i, j) * count;
        expected += (weight(i, j) * rows[i] * columns[j]) / all;
      });
    });
    return 1 - observed / expected;
  });
  checkChoice(op, 'task', options.task, ['binary', 'multiclass']);
  const weights = checkChoice(op, 'weights', options.weights ?? 'none', ['none', 'linear', 'quadratic']);
  return metric;
}

function margins(table: readonly (readonly number[])[]) {
  const rows = table.map((row) => row.reduce((a, b) => a + b, 0));
  const columns = table.map((_, c) => table.reduce((sum, row) => sum + row[c], 0));
  return { rows, columns, all: rows.reduce((a, b) => a + b, 0) };
}

/**
 * Matthews' correlation of outputs and targets from -1 to 1 (Matthews, 1975; Gorodkin, 2004 for several classes); labels
 * of a multilabel task count together. Where it is 0 / 0 it is 0, but for a binary task with right or wrong answers only.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/matthews_corr_coef.html
 */
export function matthewsCorrCoef(options: ClassificationOptions): Metric {
  return new CountMetric('matthewsCorrCoef', options, (tables) => {
    const table = tables.reduce((sum, other) => sum.map((row, i) => row.map((count, j) => count + other[i][j])));
    const { rows, columns, all } = margins(table);
    const right = table.reduce((sum, row, i) => sum + row[i], 0);
    if (all === 0) return 0;
    if (table.length === 2 && right === all) return 1;
    if (table.length === 2 && right === 0) return -1;
    const dot = (a: readonly number[], b: readonly number[]): number =>
      a.reduce((sum, value, i) => sum + value * b[i], 0);
    const spread = (all ** 2 - dot(columns, columns)) * (all ** 2 - dot(rows, rows));
    return spread === 0 ? 0 : (right * all - dot(rows, columns)) / Math.sqrt(spread);
  });
}
