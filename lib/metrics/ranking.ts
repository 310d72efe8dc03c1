// Outputs in descending order, and how many of them are right: what curves are made of.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { cat } from '../ops/shape/concat.js';
import { ones, tensor, zeros } from '../tensor/create.js';
import { isFloating } from '../tensor/dtype.js';
import { noGrad } from '../tensor/scope.js';
import { arange, linspace } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import {
  asRows,
  type ClassificationOptions,
  checkClasses,
  classesOf,
  probabilities,
  type Rules,
  rulesOf,
} from './labels.js';
import { checkSameShape, numbersOf, refuseLabels, StateMetric, type Step } from './metric.js';

/** Options of metrics that go over all thresholds. */
export interface CurveOptions extends Omit<ClassificationOptions, 'threshold'> {
  /**
   * Without it every score is kept: exact, and memory grows with the samples. A number of thresholds spread evenly over
   * [0, 1], or the thresholds in ascending order, keep counts only.
   */
  thresholds?: number | readonly number[];
}

/** @internal Counts at thresholds that descend: a score of at least the threshold is a yes. */
export interface Ranking {
  readonly thresholds: readonly number[];
  readonly tp: readonly number[];
  readonly fp: readonly number[];
  readonly positives: number;
  readonly negatives: number;
}

/** @internal What a curve is computed from: one ranking per class or label. */
export interface Rankings {
  readonly each: readonly Ranking[];
  /** Given thresholds, not those of the scores. */
  readonly binned: boolean;
  readonly rules: Rules;
}

/** What each element is. */
const [NEGATIVE, POSITIVE, IGNORED, WRONG] = [0, 1, 2, 3];

/** @internal A metric computed from the rankings of its classes. */
export class RankingMetric<Value> extends StateMetric<Value> {
  private readonly rules: Rules;
  private readonly thresholds: number | readonly number[] | undefined;
  private width = 0;

  constructor(
    op: string,
    options: CurveOptions,
    private readonly score: (rankings: Rankings) => Value,
  ) {
    super(op, options);
    this.rules = rulesOf(op, options);
    this.thresholds = checkThresholds(op, options.thresholds);
  }

  protected step(state: readonly Tensor[] | null, output: Tensor, target: Tensor): Step {
    const { scores, kinds } = this.columns(output, target);
    if (state && scores.shape[1] !== this.width) {
      const text = `${this.width} classes before, got output ${shapeText(output.shape)}`;
      throw new ShapeError(this.name, text, output.shape);
    }
    this.width = scores.shape[1];
    if (this.thresholds === undefined) return [gathered([...(state ?? []), scores, kinds]), scores.shape[0]];
    return [[this.counted(state?.[0], scores, kinds, this.thresholds)], scores.shape[0]];
  }

  /** Scores `[M, width]` and the kind of each element, uint8. */
  private columns(output: Tensor, target: Tensor): { scores: Tensor; kinds: Tensor } {
    const rules = { ...this.rules, op: this.name };
    const { task, ignoreIndex } = rules;
    if (!isFloating(output.dtype))
      throw new ArgumentError(this.name, 'output must be floating-point scores', output.dtype);
    if (task !== 'multiclass') checkSameShape(this.name, output, target);
    if (task === 'multilabel' && output.ndim < 2) {
      throw new ShapeError(this.name, `output [N, L, ...] is needed, got ${shapeText(output.shape)}`, output.shape);
    }
    if (task === 'multilabel') checkClasses(rules, output);
    if (task !== 'multiclass') {
      const rows = (x: Tensor): Tensor => (task === 'multilabel' ? asRows(x) : x.reshape([x.numel, 1]));
      const truth = rows(target);
      const known = truth.eq(0).logicalOr(truth.eq(1));
      return { scores: rows(probabilities(output, task)), kinds: kindsOf(truth.eq(1), truth, known, ignoreIndex) };
    }
    const truth = classesOf(this.name, output, target);
    const classes = checkClasses(rules, output);
    const labels = truth.to('int64').reshape([truth.numel, 1]);
    const known = labels.ge(0).logicalAnd(labels.lt(classes));
    const scores = asRows(probabilities(output, task));
    return { scores, kinds: kindsOf(labels.eq(arange(classes)), labels, known, ignoreIndex) };
  }

  /** Adds to the counts of negatives and positives between two thresholds, per column. */
  private counted(
    before: Tensor | undefined,
    scores: Tensor,
    kinds: Tensor,
    thresholds: number | readonly number[],
  ): Tensor {
    const { width } = this;
    const edges = edgesOf(thresholds, scores);
    const slots = edges.numel + 1;
    const bucket = scores.bucketize(edges, { right: true });
    const cell = kinds.to('int64').mul(width).add(arange(width)).mul(slots).add(bucket);
    const counts = before ?? zeros([4 * width * slots], { dtype: 'int64' });
    return counts.scatterAdd(0, cell.reshape([cell.numel]), ones([cell.numel], { dtype: 'int64' }));
  }

  protected async finish(state: readonly Tensor[]): Promise<Value> {
    const { thresholds, rules } = this;
    const each = thresholds === undefined ? await this.ranked(state) : await this.fromCounts(state[0], thresholds);
    return this.score({ each, binned: thresholds !== undefined, rules });
  }

  private check(wrong: number): void {
    refuseLabels(this.name, wrong, this.rules.task === 'multiclass' ? `[0, ${this.width})` : '{0, 1}');
  }

  /** Sorts on the device, then goes once over each column. */
  private async ranked(state: readonly Tensor[]): Promise<Ranking[]> {
    const { width } = this;
    const every = (first: number): Tensor[] => state.filter((_, i) => i % 2 === first);
    const [scores, kinds] = await onDevice(every(0), every(1));
    const rows = scores.length / width;
    this.check(
      kinds.reduce((sum, kind) => sum + (kind === WRONG ? 1 : 0), 0) / (this.rules.task === 'multiclass' ? width : 1),
    );
    return Array.from({ length: width }, (_, c) =>
      rankingOf(scores.subarray(c * rows, (c + 1) * rows), kinds.subarray(c * rows, (c + 1) * rows)),
    );
  }

  private async fromCounts(state: Tensor, thresholds: number | readonly number[]): Promise<Ranking[]> {
    const { width } = this;
    const slots = state.numel / (4 * width);
    const edges = noGrad(() => edgesOf(thresholds, null));
    const [all, values] = await Promise.all([numbersOf(state), numbersOf(edges)]);
    edges.dispose();
    const column = (kind: number, c: number): Float64Array =>
      all.subarray((kind * width + c) * slots).subarray(0, slots);
    const wrong = all.subarray(WRONG * width * slots).reduce((sum, count) => sum + count, 0);
    this.check(this.rules.task === 'multiclass' ? wrong / width : wrong);
    return Array.from({ length: width }, (_, c) => {
      const [tp, positives] = fromAbove(column(POSITIVE, c));
      const [fp, negatives] = fromAbove(column(NEGATIVE, c));
      return { thresholds: [...values].reverse(), tp, fp, positives, negatives };
    });
  }
}

const kindsOf = (positive: Tensor, truth: Tensor, known: Tensor, ignoreIndex: number | undefined): Tensor => {
  const kinds = positive.to('uint8').where(known, WRONG);
  return ignoreIndex === undefined ? kinds : kinds.maskedFill(truth.eq(ignoreIndex), IGNORED);
};

/** Joins the newest pairs of scores and kinds while the later one is not the smaller: few tensors, each copied rarely. */
function gathered(state: readonly Tensor[]): readonly Tensor[] {
  const pairs = state.length / 2;
  if (pairs < 2 || state[2 * pairs - 4].shape[0] > state[2 * pairs - 2].shape[0]) return state;
  const [scores, kinds, newScores, newKinds] = state.slice(-4);
  return gathered([...state.slice(0, -4), cat([scores, newScores]), cat([kinds, newKinds])]);
}

/** Scores in descending order column by column, and the kinds that go with them. */
async function onDevice(scores: Tensor[], kinds: Tensor[]): Promise<[Float32Array | Float64Array, Uint8Array]> {
  const [values, sortedKinds] = noGrad(() => {
    const sorted = cat(scores).t().sort(1, { descending: true });
    return [sorted.values, cat(kinds).t().takeAlongDim(sorted.indices, 1)];
  });
  const reads = Promise.all([values.data(), sortedKinds.data()]);
  values.dispose();
  sortedKinds.dispose();
  return (await reads) as [Float32Array | Float64Array, Uint8Array];
}

function rankingOf(scores: Float32Array | Float64Array, kinds: Uint8Array): Ranking {
  const [thresholds, tp, fp]: number[][] = [[], [], []];
  let [positives, negatives] = [0, 0];
  for (let i = 0; i < kinds.length; i++) {
    if (kinds[i] === IGNORED) continue;
    if (kinds[i] === POSITIVE) positives++;
    else negatives++;
    const last = thresholds.length - 1;
    if (last >= 0 && thresholds[last] === scores[i]) {
      [tp[last], fp[last]] = [positives, negatives]; // equal scores cannot be told apart by a threshold
    } else {
      thresholds.push(scores[i]);
      tp.push(positives);
      fp.push(negatives);
    }
  }
  return { thresholds, tp, fp, positives, negatives };
}

/** How many lie in each slot or above it, from the highest threshold down; and how many there are. */
function fromAbove(slots: Float64Array): [number[], number] {
  const sums: number[] = [];
  let sum = 0;
  for (let i = slots.length - 1; i > 0; i--) {
    sum += slots[i];
    sums.push(sum);
  }
  return [sums, sum + slots[0]];
}

function edgesOf(thresholds: number | readonly number[], like: Tensor | null): Tensor {
  const dtype = like?.dtype === 'float64' ? 'float64' : 'float32';
  if (typeof thresholds === 'number') return linspace(0, 1, thresholds, { dtype });
  return tensor(Float64Array.from(thresholds)).to(dtype);
}

function checkThresholds(
  op: string,
  thresholds: number | readonly number[] | undefined,
): number | readonly number[] | undefined {
  if (thresholds === undefined) return undefined;
  if (typeof thresholds === 'number' && Number.isSafeInteger(thresholds) && thresholds >= 2) return thresholds;
  const ascending =
    Array.isArray(thresholds) &&
    thresholds.length > 0 &&
    thresholds.every((t, i) => typeof t === 'number' && t >= 0 && t <= 1 && (i === 0 || t > thresholds[i - 1]));
  if (ascending) return [...(thresholds as readonly number[])];
  const rule = 'a number >= 2 or numbers of [0, 1] in ascending order';
  throw new ArgumentError(op, `thresholds must be ${rule}, got ${valueText(thresholds)}`, thresholds);
}
