import { grad } from '../autograd/engine.js';
import { ArgumentError, ShapeError, shapeText, ValueError } from '../errors.js';
import { ModuleList } from '../nn/container.js';
import { crossEntropy, mseLoss } from '../nn/functional.js';
import { Module } from '../nn/module.js';
import { add, mul, neg, reshape } from '../ops/index.js';
import { to } from '../ops/shape/view.js';
import { checkOptions } from '../tensor/check.js';
import { tensor, zeros } from '../tensor/create.js';
import { enableGrad, noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkBetween, checkInteger } from './check.js';
import { Ensemble } from './ensemble.js';
import { MemberError } from './errors.js';
import { answer, checkData, classesOf, type Learner, rowsOf, topClasses, trainMember } from './learner.js';
import { Random, seedOf } from './random.js';

/** Options of {@link adaBoost}. */
export interface AdaBoostOptions {
  /** Members at most. Default 10. */
  rounds?: number;
  /** Shrinks the weight of each member. Default 1. */
  learningRate?: number;
  /** Default: the next of the generator that `manualSeed` seeds. */
  seed?: number;
}

/** What {@link adaBoost} returns. */
export interface AdaBoostResult {
  /** Votes, weighted by how good the members are. */
  readonly ensemble: Ensemble;
  /** Weighted training error of each member. */
  readonly errors: readonly number[];
  /** The weight of each member's vote, before they are made to add up to 1. */
  readonly alphas: readonly number[];
}

/**
 * AdaBoost for several classes (SAMME): each member learns with more weight on the samples that those before got wrong.
 * The learner is given `weights` `[N]` with mean 1 and must use them, such as in
 * `F.crossEntropy(out, y, { reduction: 'none' }).mul(weights).mean()`.
 *
 * It ends early at a member without errors, or with one that is no better than guessing; that one is left out.
 *
 * @param x samples `[N, ...]`
 * @param y classes `[N]` as integers
 * @throws ValueError when the first member is no better than guessing; MemberError when one could not be trained
 * Source: Zhu, Zou, Rosset and Hastie, "Multi-class AdaBoost" (2009), algorithm 2;
 * https://scikit-learn.org/1.9/modules/generated/sklearn.ensemble.AdaBoostClassifier.html
 */
export async function adaBoost(
  learner: Learner,
  x: Tensor,
  y: Tensor,
  options: AdaBoostOptions = {},
): Promise<AdaBoostResult> {
  const op = 'adaBoost';
  checkOptions(op, options);
  checkData(op, learner, x, y);
  const rounds = checkInteger(op, 'rounds', options.rounds ?? 10, 1);
  const rate = checkBetween(op, 'learningRate', options.learningRate ?? 1, 0, Number.MAX_VALUE);
  const { labels, classes } = await classesOf(op, y);
  if (classes < 2) throw new ArgumentError(op, 'at least 2 classes are needed', classes);
  const random = new Random(seedOf(op, options.seed));
  const n = labels.length;
  let weights = new Float64Array(n).fill(1 / n);
  const members: Module[] = [];
  const errors: number[] = [];
  const alphas: number[] = [];
  for (let member = 0; member < rounds; member++) {
    const given = tensor(Float32Array.from(weights, (w) => w * n));
    const model = await trainMember(op, learner, x, y, { member, weights: given, seed: random.nextUint32() });
    given.dispose();
    const logits = answer(model, x);
    const chosen = await topClasses(op, member, logits, classes);
    logits.dispose();
    const error = weights.reduce((sum, w, i) => sum + (chosen[i] === labels[i] ? 0 : w), 0);
    if (error >= 1 - 1 / classes) {
      if (member > 0) break;
      throw new ValueError(
        op,
        `member 0 has an error of ${error.toFixed(3)}, no better than guessing one of ${classes}`,
      );
    }
    members.push(model);
    errors.push(error);
    alphas.push(error > 0 ? rate * (Math.log((1 - error) / error) + Math.log(classes - 1)) : 1);
    if (error <= 0) break;
    const raised = weights.map((w, i) => (chosen[i] === labels[i] ? w : w * Math.exp(alphas[member])));
    const total = raised.reduce((a, b) => a + b, 0);
    weights = raised.map((w) => w / total);
  }
  return { ensemble: new Ensemble(members, { combine: 'hard', weights: alphas }), errors, alphas };
}

/** A loss of all samples, summed: outputs `[N, ...]` and targets to a scalar. */
export type SummedLoss = (output: Tensor, target: Tensor) => Tensor;

/** Options of {@link gradientBoosting}. */
export interface GradientBoostingOptions {
  /** Members. Default 10. */
  rounds?: number;
  /** How much of each member is added. Default 0.1. */
  learningRate?: number;
  /** Share of the samples that each member learns from, drawn without replacement. Default 1. */
  subsample?: number;
  /**
   * `'squaredError'` for numbers, `'logLoss'` for classes (outputs are logits `[N, C]`), or any differentiable loss that is
   * summed over the samples; it begins at 0. Default `'squaredError'`.
   */
  loss?: 'squaredError' | 'logLoss' | SummedLoss;
  /** Default: the next of the generator that `manualSeed` seeds. */
  seed?: number;
}

/** What {@link gradientBoosting} returns. */
export interface GradientBoostingResult {
  readonly model: AdditiveModel;
  /** Mean training loss: before the first member, and behind each. */
  readonly losses: readonly number[];
}

/** A start and a sum of modules: `start + rate * (m1(x) + m2(x) + ...)`. */
export class AdditiveModel extends Module {
  readonly members: ModuleList;
  readonly rate: number;
  /** The same for every sample: `[]` or `[K]`. */
  declare readonly start: Tensor;

  constructor(start: Tensor, members: readonly Module[], rate: number) {
    super();
    this.members = new ModuleList(members);
    this.rate = rate;
    this.registerBuffer('start', start);
  }

  forward(x: Tensor): Tensor {
    const shape = [x.shape[0], ...this.start.shape];
    let sum = this.start.expand(shape);
    for (const member of this.members.items) sum = add(sum, mul(reshape(member.forward(x), shape), this.rate));
    return sum;
  }
}

/**
 * Gradient boosting: each member learns, by squared error, minus the gradient of the loss at the outputs so far. The learner
 * is given these residuals as `y`, `[N]` or `[N, K]` float, and returns a module with outputs of that shape.
 *
 * @param x samples `[N, ...]`
 * @param y numbers `[N]` or `[N, K]`, or classes `[N]` as integers with `'logLoss'`
 * @example
 * const { model, losses } = await gradientBoosting(trainRegressor, x, labels, { loss: 'logLoss', rounds: 20, seed: 1 });
 *
 * @throws MemberError naming the member that could not be trained, or whose outputs have another shape; ValueError for a loss
 * that is not finite
 * Source: Friedman, "Greedy Function Approximation: A Gradient Boosting Machine" (2001), algorithm 1 without a line search.
 */
export async function gradientBoosting(
  learner: Learner,
  x: Tensor,
  y: Tensor,
  options: GradientBoostingOptions = {},
): Promise<GradientBoostingResult> {
  const op = 'gradientBoosting';
  checkOptions(op, options);
  checkData(op, learner, x, y);
  const rounds = checkInteger(op, 'rounds', options.rounds ?? 10, 1);
  const rate = checkBetween(op, 'learningRate', options.learningRate ?? 0.1, 0, Number.MAX_VALUE);
  const share = checkBetween(op, 'subsample', options.subsample ?? 1, 0, 1);
  const { loss, start, target } = await problemOf(op, y, options.loss ?? 'squaredError');
  const n = x.shape[0];
  const size = Math.max(1, Math.floor(share * n));
  const random = new Random(seedOf(op, options.seed));
  const members: Module[] = [];
  const losses: number[] = [];
  let output = noGrad(() => start.expand([n, ...start.shape]).clone());
  for (let member = 0; ; member++) {
    const { value, residual } = await residualOf(op, loss, output, target);
    losses.push(value / n);
    if (member === rounds) break;
    const rows = size < n ? random.permutation(n).slice(0, size) : null;
    const [ownX, ownY] = rows ? [rowsOf(x, rows), rowsOf(residual, rows)] : [x, residual];
    const model = await trainMember(op, learner, ownX, ownY, { member, weights: null, seed: random.nextUint32() });
    const raw = answer(model, x);
    if (raw.numel !== output.numel || raw.shape[0] !== n) {
      const found = `outputs ${shapeText(raw.shape)} do not fit residuals ${shapeText(output.shape)}`;
      throw new MemberError(op, member, new ShapeError(op, found, raw.shape, output.shape));
    }
    const before = output;
    output = noGrad(() => add(before, mul(reshape(to(raw, before.dtype), before.shape), rate)));
    for (const used of [raw, before, residual, ...(rows ? [ownX, ownY] : [])]) used.dispose();
    members.push(model);
  }
  return { model: new AdditiveModel(start, members, rate), losses };
}

interface Problem {
  loss: SummedLoss;
  start: Tensor;
  target: Tensor;
}

async function problemOf(op: string, y: Tensor, loss: NonNullable<GradientBoostingOptions['loss']>): Promise<Problem> {
  if (typeof loss === 'function') {
    return { loss, start: zeros(y.shape.slice(1)), target: y };
  }
  if (loss === 'squaredError') {
    const target = noGrad(() => to(y, 'float32'));
    return {
      loss: (out, wanted) => mul(mseLoss(out, wanted, { reduction: 'sum' }), 0.5),
      start: noGrad(() => target.mean(0)),
      target,
    };
  }
  if (loss !== 'logLoss') throw new ArgumentError(op, "loss must be 'squaredError', 'logLoss' or a function", loss);
  const { labels, classes } = await classesOf(op, y);
  const counts = new Float64Array(classes);
  for (const label of labels) counts[label]++;
  const empty = counts.indexOf(0);
  if (empty >= 0) throw new ValueError(op, `class ${empty} has no sample`);
  return {
    loss: (out, wanted) => crossEntropy(out, wanted, { reduction: 'sum' }),
    start: tensor(Float32Array.from(counts, (count) => Math.log(count / labels.length))),
    target: noGrad(() => to(y, 'int64')),
  };
}

/** The loss, and minus its gradient. */
async function residualOf(
  op: string,
  loss: SummedLoss,
  output: Tensor,
  target: Tensor,
): Promise<{ value: number; residual: Tensor }> {
  const [residual, total] = enableGrad(() => {
    const leaf = output.detach().requiresGrad_();
    const sum = loss(leaf, target);
    const [gradient] = grad(sum, leaf);
    return [neg(gradient as Tensor), sum.detach()];
  });
  const value = Number(await total.item());
  total.dispose();
  if (!Number.isFinite(value)) throw new ValueError(op, `the loss is ${value}`);
  return { value, residual };
}
