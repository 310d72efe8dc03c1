import { ArgumentError, valueText } from '../errors.js';
import { ModuleList } from '../nn/container.js';
import { softmax } from '../nn/functional.js';
import { Module } from '../nn/module.js';
import { cat, indexSelect, reshape } from '../ops/index.js';
import { checkOptions } from '../tensor/check.js';
import { tensor } from '../tensor/create.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkOneOf } from './check.js';
import { SplitError } from './errors.js';
import { KFold, StratifiedKFold } from './k-fold.js';
import { answer, checkData, classesOf, type Learner, rowsOf, type Task, trainMember } from './learner.js';
import { Random, seedOf } from './random.js';
import type { Splitter } from './split.js';

/** Options of {@link stacking}. */
export interface StackingOptions {
  /** Default `'classification'`: members are seen by their probabilities. */
  task?: Task;
  /** How samples are held out; every sample must be tested once. Default: 5 folds, stratified for classes. */
  splits?: Splitter;
  /** Default: the next of the generator that `manualSeed` seeds. */
  seed?: number;
}

/** What {@link stacking} returns. */
export interface StackingResult {
  readonly model: StackedModel;
  /** What members said about samples that they had not seen, `[N, members * outputs]`: what the last model learnt from. */
  readonly features: Tensor;
}

/** Modules whose outputs, side by side, are the input of another one. */
export class StackedModel extends Module {
  readonly members: ModuleList;
  readonly final: Module;
  readonly task: Task;

  constructor(members: readonly Module[], final: Module, task: Task) {
    super();
    this.members = new ModuleList(members);
    this.final = final;
    this.task = task;
  }

  forward(x: Tensor): Tensor {
    return this.final.forward(
      cat(
        this.members.items.map((member) => features(member.forward(x), this.task)),
        1,
      ),
    );
  }
}

const features = (output: Tensor, task: Task): Tensor =>
  task === 'classification' ? softmax(output, -1) : reshape(output, [output.shape[0], -1]);

/**
 * Stacking: another model learns how to combine several ones, from what they say about samples that they have not seen.
 * Each member is trained once for every fold, and in the end with all samples.
 *
 * @param learners train the members
 * @param finalLearner is given the outputs of all members side by side, `[N, members * outputs]`, and the targets
 * @param x samples `[N, ...]`
 * @param y classes `[N]` as integers, or numbers
 * @throws SplitError when the folds do not test every sample once; MemberError naming the member that could not be trained
 * (the number behind the last member is the final one)
 * Source: Wolpert, "Stacked Generalization" (1992);
 * https://scikit-learn.org/1.9/modules/generated/sklearn.ensemble.StackingClassifier.html
 */
export async function stacking(
  learners: readonly Learner[],
  finalLearner: Learner,
  x: Tensor,
  y: Tensor,
  options: StackingOptions = {},
): Promise<StackingResult> {
  const op = 'stacking';
  checkOptions(op, options);
  if (!Array.isArray(learners) || learners.length === 0) {
    throw new ArgumentError(op, `learners must be a list of functions, got ${valueText(learners)}`, learners);
  }
  for (const learner of [...learners, finalLearner]) checkData(op, learner, x, y);
  const task = checkOneOf(op, 'task', options.task ?? 'classification', ['classification', 'regression']);
  const random = new Random(seedOf(op, options.seed));
  const labels = task === 'classification' ? (await classesOf(op, y)).labels : null;
  const seed = random.nextUint32();
  const usual = labels ? new StratifiedKFold(5, { shuffle: true, seed }) : new KFold(5, { shuffle: true, seed });
  const folds = [...(options.splits ?? usual).split(x.shape[0], labels)];
  const back = placesOf(
    op,
    x.shape[0],
    folds.map(([, test]) => test),
  );
  const columns: Tensor[] = [];
  const members: Module[] = [];
  for (const [member, learner] of learners.entries()) {
    const held: Tensor[] = [];
    for (const [train, test] of folds) {
      const own = { member, weights: null, seed: random.nextUint32() };
      const [trainX, trainY, testX] = [rowsOf(x, train), rowsOf(y, train), rowsOf(x, test)];
      const model = await trainMember(op, learner, trainX, trainY, own);
      held.push(noGrad(() => features(answer(model, testX), task)));
      for (const used of [trainX, trainY, testX]) used.dispose();
    }
    columns.push(noGrad(() => indexSelect(cat(held), 0, tensor(back))));
    members.push(await trainMember(op, learner, x, y, { member, weights: null, seed: random.nextUint32() }));
  }
  const all = noGrad(() => cat(columns, 1));
  const last = { member: learners.length, weights: null, seed: random.nextUint32() };
  const final = await trainMember(op, finalLearner, all, y, last);
  return { model: new StackedModel(members, final, task), features: all };
}

/** Where each sample stands when the test parts are put one behind the other. */
function placesOf(op: string, count: number, tests: readonly Uint32Array[]): Int32Array {
  const places = new Int32Array(count).fill(-1);
  let at = 0;
  for (const test of tests) {
    for (const sample of test) {
      if (places[sample] >= 0) throw new SplitError(op, `sample ${sample} is tested twice`, sample);
      places[sample] = at++;
    }
  }
  const missing = places.indexOf(-1);
  if (missing >= 0) throw new SplitError(op, `sample ${missing} is never tested`, missing);
  return places;
}
