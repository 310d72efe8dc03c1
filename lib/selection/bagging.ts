import { ArgumentError } from '../errors.js';
import { softmax } from '../nn/functional.js';
import type { Module } from '../nn/module.js';
import { checkOptions } from '../tensor/check.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkBetween, checkInteger, checkOneOf } from './check.js';
import { Ensemble } from './ensemble.js';
import { answer, checkData, classesOf, type Learner, rowsOf, type Task, trainMember } from './learner.js';
import { Random, seedOf } from './random.js';

/** Options of {@link bagging}. */
export interface BaggingOptions {
  /** Default 10. */
  members?: number;
  /** Samples that each member learns from, as a share of all. Default 1. */
  maxSamples?: number;
  /** Draws with replacement. Default true. */
  replace?: boolean;
  /** Default `'classification'`. */
  task?: Task;
  /** Default: the next of the generator that `manualSeed` seeds. */
  seed?: number;
}

/** What {@link bagging} returns. */
export interface BaggingResult {
  /** All members: probabilities `[N, C]` for classes, else the mean. */
  readonly ensemble: Ensemble;
  /** The samples that each member has learnt from. */
  readonly bags: readonly Uint32Array[];
  /**
   * Accuracy, or R² of numbers, over the samples that some member has not seen, each predicted by those members; NaN when
   * every sample is in every bag.
   */
  readonly outOfBagScore: number;
  /** How many samples that are. */
  readonly outOfBagCount: number;
}

/**
 * Bagging: each member learns from samples drawn at random, and all decide together.
 *
 * @param x samples `[N, ...]`
 * @param y classes `[N]` as integers, or numbers `[N]` or `[N, K]`
 * @example
 * const { ensemble, outOfBagScore } = await bagging(trainNetwork, x, y, { members: 10, seed: 1 });
 *
 * @throws MemberError naming the member that could not be trained
 * Source: Breiman, "Bagging Predictors" (1996);
 * https://scikit-learn.org/1.9/modules/generated/sklearn.ensemble.BaggingClassifier.html
 */
export async function bagging(
  learner: Learner,
  x: Tensor,
  y: Tensor,
  options: BaggingOptions = {},
): Promise<BaggingResult> {
  const op = 'bagging';
  checkOptions(op, options);
  checkData(op, learner, x, y);
  const { replace = true } = options;
  const task = checkOneOf(op, 'task', options.task ?? 'classification', ['classification', 'regression']);
  const members = checkInteger(op, 'members', options.members ?? 10, 1);
  const n = x.shape[0];
  const size = Math.floor(n * checkBetween(op, 'maxSamples', options.maxSamples ?? 1, 0, 1));
  if (size < 1) throw new ArgumentError(op, 'maxSamples leaves no sample', options.maxSamples);
  const seed = seedOf(op, options.seed);
  const classes = task === 'classification' ? await classesOf(op, y) : null;
  const models: Module[] = [];
  const bags: Uint32Array[] = [];
  const seen = new OutOfBag(n);
  for (let member = 0; member < members; member++) {
    const random = new Random(seed, member);
    const own = random.nextUint32();
    const bag = replace ? random.draws(size, n) : random.permutation(n).slice(0, size);
    const [bagX, bagY] = [rowsOf(x, bag), rowsOf(y, bag)];
    const model = await trainMember(op, learner, bagX, bagY, { member, weights: null, seed: own });
    bagX.dispose();
    bagY.dispose();
    models.push(model);
    bags.push(bag);
    await seen.add(model, x, bag, task);
  }
  const targets = classes?.labels ?? Float64Array.from(await y.data(), Number);
  const ensemble = new Ensemble(models, { combine: task === 'classification' ? 'soft' : 'mean' });
  return { ensemble, bags, ...seen.score(targets, task) };
}

/** @internal Sums of what members say about samples that they have not seen. */
export class OutOfBag {
  private sums = new Float64Array(0);
  private readonly counts: Uint32Array;
  private width = 0;

  constructor(private readonly samples: number) {
    this.counts = new Uint32Array(samples);
  }

  async add(model: Module, x: Tensor, bag: Uint32Array, task: Task): Promise<void> {
    const out = this.outside(bag);
    if (out.length === 0) return;
    const rows = rowsOf(x, out);
    const output = noGrad(() => {
      const raw = answer(model, rows);
      return task === 'classification' ? softmax(raw, -1) : raw;
    });
    const values = Float64Array.from(await output.data(), Number);
    rows.dispose();
    output.dispose();
    this.note(out, values);
  }

  /** The samples that are not in a bag. */
  outside(bag: Uint32Array): Uint32Array {
    const inside = new Set(bag);
    return Uint32Array.from(this.counts.keys()).filter((i) => !inside.has(i));
  }

  /** What a member says about these samples: a row of probabilities or numbers for each. */
  note(out: Uint32Array, values: Float64Array): void {
    this.width = values.length / out.length;
    if (this.sums.length === 0) this.sums = new Float64Array(this.samples * this.width);
    out.forEach((sample, row) => {
      this.counts[sample]++;
      for (let k = 0; k < this.width; k++) this.sums[sample * this.width + k] += values[row * this.width + k];
    });
  }

  score(targets: ArrayLike<number>, task: Task): { outOfBagScore: number; outOfBagCount: number } {
    const known = Array.from(this.counts.keys()).filter((i) => this.counts[i] > 0);
    const outOfBagCount = known.length;
    if (outOfBagCount === 0) return { outOfBagScore: Number.NaN, outOfBagCount };
    const rowOf = (i: number): Float64Array => this.sums.subarray(i * this.width, (i + 1) * this.width);
    if (task === 'classification') {
      const hits = known.filter((i) => rowOf(i).indexOf(Math.max(...rowOf(i))) === targets[i]).length;
      return { outOfBagScore: hits / outOfBagCount, outOfBagCount };
    }
    // R² of each column, then their mean.
    let total = 0;
    for (let k = 0; k < this.width; k++) {
      const targetOf = (i: number): number => targets[i * this.width + k];
      const mean = known.reduce((sum, i) => sum + targetOf(i), 0) / outOfBagCount;
      const spread = known.reduce((sum, i) => sum + (targetOf(i) - mean) ** 2, 0);
      const errors = known.reduce((sum, i) => sum + (targetOf(i) - rowOf(i)[k] / this.counts[i]) ** 2, 0);
      total += 1 - errors / spread;
    }
    return { outOfBagScore: total / this.width, outOfBagCount };
  }
}
