// Whether the right class is among the first few.
import { ShapeError, shapeText } from '../errors.js';
import type { Tensor } from '../tensor/tensor.js';
import type { OneNumber, PerClass } from './classification.js';
import { type Average, countInto, weightedMean } from './counts.js';
import { checkClasses, classesOf, type Rules, rulesOf } from './labels.js';
import {
  checkChoice,
  checkWholeNumber,
  type Metric,
  type MetricOptions,
  numbersOf,
  refuseLabels,
  StateMetric,
  type Step,
} from './metric.js';

/** Options of {@link topKAccuracy}. */
export interface TopKOptions extends MetricOptions {
  /** Number of classes, to be checked. */
  numClasses?: number;
  /** Targets of this value are left out. */
  ignoreIndex?: number;
  /** Default `'micro'`. */
  average?: Average;
}

class TopKAccuracy extends StateMetric<number | number[]> {
  private readonly rules: Rules;
  private readonly average: Average;
  private classes = 0;

  constructor(
    private readonly k: number,
    options: TopKOptions,
  ) {
    super('topKAccuracy', options);
    checkWholeNumber('topKAccuracy', 'k', k, 1);
    this.rules = rulesOf('topKAccuracy', { ...options, task: 'multiclass' });
    const averages: Average[] = ['micro', 'macro', 'weighted', 'none'];
    this.average = checkChoice('topKAccuracy', 'average', options.average ?? 'micro', averages);
  }

  protected step(state: readonly Tensor[] | null, output: Tensor, target: Tensor): Step {
    const { name, k, rules } = this;
    const truth = classesOf(name, output, target);
    const classes = checkClasses({ ...rules, op: name }, output);
    if (k > classes || (state && classes !== this.classes)) {
      const rule = k > classes ? `at least ${k} classes are needed` : `${this.classes} classes before`;
      throw new ShapeError(name, `${rule}, got output ${shapeText(output.shape)}`, output.shape);
    }
    this.classes = classes;
    const flat = truth.to('int64');
    const hits = output.topk(k, 1).indices.eq(flat.unsqueeze(1)).any(1);
    const index = flat.mul(2).add(hits.to('int64')).reshape([flat.numel]);
    const wrong = flat.lt(0).logicalOr(flat.ge(classes)).reshape([flat.numel]);
    const ignored = rules.ignoreIndex === undefined ? null : flat.eq(rules.ignoreIndex).reshape([flat.numel]);
    const labels = { groups: 1, classes, group: null, predicted: index, truth: index, wrong, ignored };
    return [[countInto(state?.[0], 2 * classes, index, labels)], flat.numel];
  }

  protected async finish([counts]: readonly Tensor[]): Promise<number | number[]> {
    const { classes, average } = this;
    const all = await numbersOf(counts);
    refuseLabels(this.name, all[2 * classes + 1], `[0, ${classes})`);
    const rows = Array.from({ length: classes }, (_, c) => ({
      hits: all[2 * c + 1],
      all: all[2 * c] + all[2 * c + 1],
    }));
    const share = ({ hits, all }: { hits: number; all: number }): number => (all === 0 ? 0 : hits / all);
    if (average === 'micro') return share(rows.reduce((a, b) => ({ hits: a.hits + b.hits, all: a.all + b.all })));
    const scores = rows.map(share);
    if (average === 'none') return scores;
    return weightedMean(
      scores,
      rows.map((row) => (average === 'weighted' ? row.all : Math.min(1, row.all))),
    );
  }
}

/**
 * Share of samples whose target class is among the `k` largest scores. Output `[N, C, ...]`, target `[N, ...]` of classes,
 * or `[N, C, ...]` of probabilities. (torchmetrics: `Accuracy(top_k=k)`.)
 *
 * @throws ArgumentError for a `k` below 1; ShapeError in `update` for fewer than `k` classes.
 * @see https://lightning.ai/docs/torchmetrics/stable/classification/accuracy.html
 */
export function topKAccuracy(k: number, options: TopKOptions & PerClass): Metric<number[]>;
export function topKAccuracy(k: number, options?: TopKOptions & OneNumber): Metric;
export function topKAccuracy(k: number, options: TopKOptions = {}): Metric<number | number[]> {
  return new TopKAccuracy(k, options);
}
