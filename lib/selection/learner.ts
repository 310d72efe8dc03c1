// What bagging, boosting and stacking share: how a member is trained, and how it is asked.
import { ArgumentError, ShapeError, shapeText, ValueError } from '../errors.js';
import { assertModule, type Module } from '../nn/module.js';
import { cat, indexSelect, narrow } from '../ops/index.js';
import { checkFunction, checkTensor } from '../tensor/check.js';
import { tensor } from '../tensor/create.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { MemberError } from './errors.js';

/** What a learner is told besides samples and targets. */
export interface LearnerTask {
  /** Counted from 0. */
  readonly member: number;
  /** How much each sample counts, `[N]` with mean 1; null where all count the same. */
  readonly weights: Tensor | null;
  /** A seed of the member's own. */
  readonly seed: number;
}

/**
 * Makes and trains one member: a module that maps `x` `[N, ...]` to outputs `[N, ...]`. Classes are given as integers `[N]`
 * and members answer with logits `[N, C]`.
 */
export type Learner = (x: Tensor, y: Tensor, task: LearnerTask) => Module | Promise<Module>;

/** What is predicted: classes from logits, or numbers. */
export type Task = 'classification' | 'regression';

/** Samples that go through a module at once. */
const BATCH = 512;

/** @internal */
export function checkData(op: string, learner: unknown, x: unknown, y: unknown): asserts learner is Learner {
  checkFunction(op, learner);
  checkTensor(op, x, 'x');
  checkTensor(op, y, 'y');
  if (x.ndim === 0 || y.ndim === 0 || x.shape[0] !== y.shape[0]) {
    const found = `${shapeText(x.shape)} and ${shapeText(y.shape)}`;
    throw new ShapeError(op, `x and y must have as many rows as one another, got ${found}`, x.shape, y.shape);
  }
  if (x.shape[0] < 2) throw new ArgumentError(op, `at least 2 samples are needed, there are ${x.shape[0]}`, x.shape[0]);
}

/** @internal The classes as numbers, and how many there are. */
export async function classesOf(op: string, y: Tensor): Promise<{ labels: Int32Array; classes: number }> {
  if (y.ndim !== 1 || !['int64', 'int32', 'uint8'].includes(y.dtype)) {
    throw new ArgumentError(op, `y must be class numbers [N], got ${y.dtype} ${shapeText(y.shape)}`, y.shape);
  }
  const labels = Int32Array.from(await y.data(), Number);
  const wrong = labels.findIndex((label) => label < 0);
  if (wrong >= 0) throw new ValueError(op, `the class of sample ${wrong} is ${labels[wrong]}`);
  return { labels, classes: Math.max(...labels) + 1 };
}

/** @internal Trains a member; its errors name it. */
export async function trainMember(
  op: string,
  learner: Learner,
  x: Tensor,
  y: Tensor,
  task: LearnerTask,
): Promise<Module> {
  try {
    const model = await learner(x, y, task);
    assertModule(op, model, 'what a learner returns');
    return model as Module;
  } catch (error) {
    throw new MemberError(op, task.member, error);
  }
}

/** @internal What a module answers in evaluation mode, batch by batch; it stays in the mode it was in. */
export function answer(model: Module, x: Tensor): Tensor {
  const training = model.training;
  model.eval();
  try {
    return noGrad(() => {
      const parts: Tensor[] = [];
      for (let from = 0; from < x.shape[0]; from += BATCH) {
        parts.push(model.forward(narrow(x, 0, from, Math.min(BATCH, x.shape[0] - from))));
      }
      return parts.length === 1 ? parts[0] : cat(parts);
    });
  } finally {
    model.train(training);
  }
}

/** @internal Rows of a tensor. */
export const rowsOf = (x: Tensor, rows: ArrayLike<number>): Tensor =>
  noGrad(() => indexSelect(x, 0, tensor(Int32Array.from(rows))));

/** @internal The class with the largest logit, row by row. */
export async function topClasses(op: string, member: number, logits: Tensor, classes: number): Promise<Int32Array> {
  if (logits.ndim !== 2 || logits.shape[1] !== classes) {
    const wrong = new ShapeError(op, `logits must be [N, ${classes}], got ${shapeText(logits.shape)}`, logits.shape);
    throw new MemberError(op, member, wrong);
  }
  return Int32Array.from(await noGrad(() => logits.argmax(1)).data(), Number);
}
