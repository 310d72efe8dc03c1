// Predicted and true classes of the three tasks, made from what a model and a data set give.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { isFloating } from '../tensor/dtype.js';
import { sameShape } from '../tensor/layout.js';
import { arange } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkChoice, checkIgnoreIndex, checkSameShape, checkWholeNumber, type MetricOptions } from './metric.js';

/** Yes or no; one of several classes; several yes or no. */
export type Task = 'binary' | 'multiclass' | 'multilabel';

/**
 * What classification metrics take. Shapes, with any further axes `...` (pixels) that count like samples:
 *
 * - `'binary'`: output and target of the same shape. Floating-point outputs are probabilities or, as soon as one of a batch
 *   lies outside [0, 1], logits; others are 0 and 1. Targets are 0 and 1 in any dtype.
 * - `'multiclass'`: output `[N, C, ...]` (scores, of which the largest counts) or `[N, ...]` (classes, integers), target
 *   `[N, ...]` of classes, or `[N, C, ...]` of probabilities (label smoothing, mixup), of which the largest counts.
 * - `'multilabel'`: output and target `[N, L, ...]`, each label as in `'binary'`.
 */
export interface ClassificationOptions extends MetricOptions {
  task: Task;
  /** Number of classes; needed where outputs are classes instead of scores. */
  numClasses?: number;
  /** Number of labels of a multilabel task, to be checked. */
  numLabels?: number;
  /** Probabilities above it are a yes. Default 0.5. */
  threshold?: number;
  /** Targets of this value are left out. */
  ignoreIndex?: number;
}

/** @internal Checked options. */
export interface Rules {
  readonly op: string;
  readonly task: Task;
  readonly threshold: number;
  /** Classes, or labels of a multilabel task. */
  readonly numClasses: number | undefined;
  readonly ignoreIndex: number | undefined;
}

/** @internal */
export function rulesOf(op: string, options: ClassificationOptions): Rules {
  checkOptions(op, options);
  const task = checkChoice(op, 'task', options.task, ['binary', 'multiclass', 'multilabel']);
  const { threshold = 0.5, numClasses: classes, numLabels } = options;
  if (typeof threshold !== 'number' || !(threshold >= 0 && threshold <= 1)) {
    throw new ArgumentError(op, `threshold must lie in [0, 1], got ${valueText(threshold)}`, threshold);
  }
  if (classes !== undefined) checkWholeNumber(op, 'numClasses', classes, 2);
  if (numLabels !== undefined) checkWholeNumber(op, 'numLabels', numLabels, 1);
  const numClasses = task === 'multilabel' ? numLabels : classes;
  return { op, task, threshold, numClasses, ignoreIndex: checkIgnoreIndex(op, options.ignoreIndex) };
}

/** @internal Probabilities, of logits too: those of a batch are logits when one of them is outside [0, 1]. */
export function probabilities(x: Tensor, task: Task): Tensor {
  const logits = x.lt(0).logicalOr(x.gt(1)).any();
  return (task === 'multiclass' ? x.softmax(1) : x.sigmoid()).where(logits, x);
}

/** @internal `[N, C, ...]` as `[M, C]`. */
export const asRows = (x: Tensor): Tensor => {
  if (x.ndim === 2) return x;
  const channels = x.shape[1];
  return x.movedim(1, -1).reshape([x.numel / Math.max(1, channels), channels]);
};

const isOneMore = (output: Tensor, target: Tensor): boolean =>
  output.ndim === target.ndim + 1 &&
  output.ndim >= 2 &&
  sameShape([output.shape[0], ...output.shape.slice(2)], target.shape);

/** @internal Classes of a multiclass target `[N, ...]`; a distribution counts as its largest class. */
export function classesOf(op: string, output: Tensor, target: Tensor): Tensor {
  if (isOneMore(output, target)) return target;
  if (
    output.ndim >= 2 &&
    isFloating(output.dtype) &&
    isFloating(target.dtype) &&
    sameShape(output.shape, target.shape)
  ) {
    return target.argmax(1);
  }
  throw new ShapeError(
    op,
    `output [N, C, ...] and target [N, ...] are needed, got ${shapeText(output.shape)} and ${shapeText(target.shape)}`,
    output.shape,
    target.shape,
  );
}

/** @internal The number of classes that scores `[N, C, ...]` have. */
export function checkClasses({ op, numClasses }: Rules, output: Tensor): number {
  const classes = output.shape[1];
  if (numClasses !== undefined && numClasses !== classes) {
    throw new ShapeError(
      op,
      `${numClasses} classes were announced, got output ${shapeText(output.shape)}`,
      output.shape,
    );
  }
  if (classes === 0) throw new ShapeError(op, `output without classes, got ${shapeText(output.shape)}`, output.shape);
  return classes;
}

/** @internal Flat predictions and targets, int64, in groups (one per label) of numbers from 0 to `classes - 1`. */
export interface Labels {
  readonly groups: number;
  readonly classes: number;
  readonly predicted: Tensor;
  readonly truth: Tensor;
  /** Where a target is not one of the classes, such as 0.5 or -1, or a prediction is not. */
  readonly wrong: Tensor;
  readonly ignored: Tensor | null;
  /** The group of each element; null: there is one only. */
  readonly group: Tensor | null;
}

/** @internal */
export function labelsOf(rules: Rules, output: Tensor, target: Tensor): Labels {
  const { op, task } = rules;
  if (task === 'multiclass') return multiclassLabels(rules, output, target);
  checkSameShape(op, output, target);
  if (task === 'multilabel' && output.ndim < 2) {
    throw new ShapeError(op, `output [N, L, ...] is needed, got ${shapeText(output.shape)}`, output.shape);
  }
  if (task === 'multilabel') checkClasses(rules, output);
  const yes = isFloating(output.dtype) ? probabilities(output, task).gt(rules.threshold) : output;
  const groups = task === 'multilabel' ? output.shape[1] : 1;
  const flat = (x: Tensor): Tensor => (groups === 1 ? x : asRows(x)).reshape([x.numel]);
  const group = groups === 1 ? null : flat(groupNumbers(output.shape));
  return { groups, group, classes: 2, ...checked(rules, flat(yes), flat(target), 2) };
}

/** The position of each element on the axis of the labels. */
function groupNumbers(shape: readonly number[]): Tensor {
  const numbers = arange(shape[1]).reshape([1, shape[1], ...shape.slice(2).map(() => 1)]);
  return numbers.expand([...shape]);
}

function multiclassLabels(rules: Rules, output: Tensor, target: Tensor): Labels {
  const { op, numClasses } = rules;
  const plain = !isFloating(output.dtype) && !isFloating(target.dtype) && sameShape(output.shape, target.shape);
  if (plain && numClasses === undefined) {
    throw new ArgumentError(op, 'numClasses is needed for outputs that are classes, not scores', numClasses);
  }
  const truth = plain ? target : classesOf(op, output, target);
  const classes = plain ? (numClasses as number) : checkClasses(rules, output);
  const predicted = plain ? output : output.argmax(1);
  const flat = (x: Tensor): Tensor => x.reshape([x.numel]);
  return { groups: 1, group: null, classes, ...checked(rules, flat(predicted), flat(truth), classes) };
}

function checked(rules: Rules, predicted: Tensor, truth: Tensor, classes: number) {
  const whole = truth.to('int64');
  const outside = (x: Tensor): Tensor => x.lt(0).logicalOr(x.ge(classes));
  const wrong = outside(whole).logicalOr(outside(predicted.to('int64')));
  const ignored = rules.ignoreIndex === undefined ? null : truth.eq(rules.ignoreIndex);
  return {
    predicted: predicted.to('int64'),
    truth: whole,
    wrong: isFloating(truth.dtype) ? wrong.logicalOr(whole.ne(truth)) : wrong,
    ignored,
  };
}
