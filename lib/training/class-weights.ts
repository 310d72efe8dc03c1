import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { tensor } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import { Tensor } from '../tensor/tensor.js';

/** Options of {@link classWeights}. */
export interface ClassWeightsOptions {
  /** Default: one more than the largest label. */
  numClasses?: number;
  /** Default `float32`. */
  dtype?: DType;
}

/**
 * Weights that balance classes of different size, for `nn.CrossEntropyLoss({ weight })`: `N / (C * count[c])`, where C counts
 * the classes that occur; one that does not occur gets 0.
 *
 * @param labels class indices `[N]`, as a tensor or an array
 * @returns a tensor `[numClasses]`; the mean of the weights over the labels is 1
 *
 * @example
 * const loss = new nn.CrossEntropyLoss({ weight: await classWeights(labels) });
 *
 * @throws ArgumentError for no labels, and for labels that are no integers in [0, numClasses).
 * Source: https://scikit-learn.org/stable/modules/generated/sklearn.utils.class_weight.compute_class_weight.html (balanced)
 */
export async function classWeights(
  labels: Tensor | ArrayLike<number>,
  options: ClassWeightsOptions = {},
): Promise<Tensor> {
  const op = 'classWeights';
  checkOptions(op, options);
  if (typeof labels !== 'object' || labels === null) {
    throw new ArgumentError(op, `labels must be a Tensor or an array, got ${valueText(labels)}`, labels);
  }
  const values = Array.from<unknown, number>(labels instanceof Tensor ? await labels.data() : labels, numberOf);
  if (values.length === 0) throw new ArgumentError(op, 'there are no labels', labels);
  const { numClasses = values.reduce((a, b) => Math.max(a, b)) + 1, dtype = 'float32' } = options;
  if (!Number.isSafeInteger(numClasses) || numClasses < 1) {
    throw new ArgumentError(op, `numClasses must be an integer >= 1, got ${valueText(numClasses)}`, numClasses);
  }
  const counts = new Float64Array(numClasses);
  for (const label of values) {
    if (!Number.isInteger(label) || label < 0 || label >= numClasses) {
      throw new ArgumentError(op, `a label is ${label}, not an integer in [0, ${numClasses})`, label);
    }
    counts[label]++;
  }
  const occurring = counts.filter((count) => count > 0).length;
  return tensor(
    counts.map((count) => (count === 0 ? 0 : values.length / (occurring * count))),
    { dtype },
  );
}

function numberOf(label: unknown): number {
  if (typeof label === 'number' || typeof label === 'bigint') return Number(label);
  throw new ArgumentError('classWeights', `a label is ${valueText(label)}, not an integer`, label);
}
