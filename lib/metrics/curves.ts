// ROC and precision-recall curves, and the areas under them.
import { ArgumentError, valueText } from '../errors.js';
import type { OneNumber, PerClass } from './classification.js';
import { weightedMean } from './counts.js';
import type { Task } from './labels.js';
import { checkChoice, type Metric } from './metric.js';
import { type CurveOptions, type Ranking, RankingMetric, type Rankings } from './ranking.js';

/** Rates of false and of true positives at descending thresholds. */
export interface RocCurve {
  fpr: number[];
  tpr: number[];
  thresholds: number[];
}

/** Precision and recall at ascending thresholds; a last point (1, 0) has no threshold. */
export interface PrecisionRecallCurve {
  precision: number[];
  recall: number[];
  thresholds: number[];
}

const share = (count: number, all: number): number => (all === 0 ? 0 : count / all);

/** As torchmetrics: exact curves begin at (0, 0) with a threshold of 1. */
function rocOf({ thresholds, tp, fp, positives, negatives }: Ranking, binned: boolean): RocCurve {
  const first = binned ? [] : [0];
  return {
    fpr: [...first, ...fp.map((count) => share(count, negatives))],
    tpr: [...first, ...tp.map((count) => share(count, positives))],
    thresholds: [...(binned ? [] : [1]), ...thresholds],
  };
}

/** Without positives recall is 1 (of a class among several: NaN), with given thresholds NaN, as in torchmetrics. */
function precisionRecallOf(ranking: Ranking, binned: boolean, task: Task): PrecisionRecallCurve {
  const { thresholds, tp, fp, positives } = ranking;
  const none = binned || task === 'multiclass' ? Number.NaN : 1;
  return {
    precision: [...tp.map((count, i) => count / (count + fp[i])).reverse(), 1],
    recall: [...tp.map((count) => (positives === 0 ? none : count / positives)).reverse(), 0],
    thresholds: [...thresholds].reverse(),
  };
}

function curveMetric<Curve>(
  op: string,
  options: CurveOptions,
  curve: (ranking: Ranking, binned: boolean, task: Task) => Curve,
): Metric<Curve | Curve[]> {
  return new RankingMetric(op, options, ({ each, binned, rules: { task } }) => {
    const curves = each.map((ranking) => curve(ranking, binned, task));
    return task === 'binary' ? curves[0] : curves;
  });
}

/**
 * The ROC curve, of each class against all others where there are several. Shapes: see {@link ClassificationOptions};
 * outputs are scores.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/roc.html
 */
export function rocCurve(options: CurveOptions & { task: 'binary' }): Metric<RocCurve>;
export function rocCurve(options: CurveOptions & { task: 'multiclass' | 'multilabel' }): Metric<RocCurve[]>;
export function rocCurve(options: CurveOptions): Metric<RocCurve | RocCurve[]> {
  return curveMetric('rocCurve', options, rocOf);
}

/**
 * Precision against recall, of each class against all others where there are several.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/precision_recall_curve.html
 */
export function precisionRecallCurve(options: CurveOptions & { task: 'binary' }): Metric<PrecisionRecallCurve>;
export function precisionRecallCurve(
  options: CurveOptions & { task: 'multiclass' | 'multilabel' },
): Metric<PrecisionRecallCurve[]>;
export function precisionRecallCurve(options: CurveOptions): Metric<PrecisionRecallCurve | PrecisionRecallCurve[]> {
  return curveMetric('precisionRecallCurve', options, precisionRecallOf);
}

/** Options of the areas under curves. */
export interface AreaOptions extends CurveOptions {
  /** Over classes or labels, each against the rest; not for binary tasks. Default `'macro'`. */
  average?: 'macro' | 'weighted' | 'none';
}

/** Options of {@link rocAuc}. */
export interface RocAucOptions extends AreaOptions {
  /** Of a binary task: the area up to this rate of false positives, scaled so that chance gives 0.5 (McClish, 1989). */
  maxFpr?: number;
}

/** Classes whose area is NaN are left out of means. */
function averagedArea(
  op: string,
  options: AreaOptions,
  area: (ranking: Ranking, rankings: Rankings) => number,
): Metric<number | number[]> {
  const metric = new RankingMetric<number | number[]>(op, options, (rankings) => {
    const areas = rankings.each.map((ranking) => area(ranking, rankings));
    if (rankings.rules.task === 'binary') return areas[0];
    if (average === 'none') return areas;
    const known = [...areas.keys()].filter((i) => !Number.isNaN(areas[i]));
    const weights = known.map((i) => (average === 'macro' ? 1 : rankings.each[i].positives));
    return known.length === 0
      ? Number.NaN
      : weightedMean(
          known.map((i) => areas[i]),
          weights,
        );
  });
  const average = checkChoice(op, 'average', options.average ?? 'macro', ['macro', 'weighted', 'none']);
  return metric;
}

function areaUnder(x: readonly number[], y: readonly number[]): number {
  let sum = 0;
  for (let i = 1; i < x.length; i++) sum += ((x[i] - x[i - 1]) * (y[i] + y[i - 1])) / 2;
  return sum;
}

/**
 * Area under the ROC curve: the probability that a positive gets a higher score than a negative, equal scores counting
 * half. Of several classes the mean of each against the rest. Without positives or negatives it is 0, as in torchmetrics.
 *
 * @throws ArgumentError unless `maxFpr` lies in (0, 1].
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/auroc.html
 */
export function rocAuc(options: RocAucOptions & PerClass): Metric<number[]>;
export function rocAuc(options: RocAucOptions & OneNumber): Metric;
export function rocAuc(options: RocAucOptions): Metric<number | number[]> {
  const { maxFpr } = options ?? {};
  const valid = maxFpr === undefined || (typeof maxFpr === 'number' && maxFpr > 0 && maxFpr <= 1);
  if (!valid || (maxFpr !== undefined && options.task !== 'binary')) {
    throw new ArgumentError(
      'rocAuc',
      `maxFpr is a number of (0, 1] for binary tasks, got ${valueText(maxFpr)}`,
      maxFpr,
    );
  }
  return averagedArea('rocAuc', options, (ranking, { binned }) => {
    const { fpr, tpr } = rocOf(ranking, binned);
    if (maxFpr === undefined || maxFpr === 1 || !fpr.some((x) => x > 0) || !tpr.some((y) => y > 0)) {
      return areaUnder(fpr, tpr);
    }
    return partialArea(fpr, tpr, maxFpr);
  });
}

function partialArea(fpr: readonly number[], tpr: readonly number[], most: number): number {
  const stop = fpr.findIndex((x) => x > most);
  const part = (most - fpr[stop - 1]) / (fpr[stop] - fpr[stop - 1]);
  const end = tpr[stop - 1] + part * (tpr[stop] - tpr[stop - 1]);
  const area = areaUnder([...fpr.slice(0, stop), most], [...tpr.slice(0, stop), end]);
  const chance = most ** 2 / 2;
  return (1 + (area - chance) / (most - chance)) / 2;
}

/**
 * Average precision: the sum of precisions at all thresholds, each times the recall gained there; no interpolation. Of
 * several classes the mean of each against the rest, without classes that have no positives.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/average_precision.html
 */
export function averagePrecision(options: AreaOptions & PerClass): Metric<number[]>;
export function averagePrecision(options: AreaOptions & OneNumber): Metric;
export function averagePrecision(options: AreaOptions): Metric<number | number[]> {
  return averagedArea('averagePrecision', options, (ranking, { binned, rules: { task } }) => {
    const { precision, recall } = precisionRecallOf(ranking, binned, task);
    const known = (x: number): number => (binned && Number.isNaN(x) ? 0 : x);
    let sum = 0;
    for (let i = 1; i < recall.length; i++) sum += (known(recall[i - 1]) - known(recall[i])) * known(precision[i - 1]);
    return sum;
  });
}
