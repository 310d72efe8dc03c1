// Learning embeddings from triplets: an anchor, one of its class, one of another.
import { ArgumentError, valueText } from '../errors.js';
import { gather } from '../ops/indexing/indexing.js';
import { relu } from '../ops/layers/activation-inplace.js';
import { cdist } from '../ops/linalg/distance.js';
import { add, div, mul, sub } from '../ops/pointwise/arithmetic.js';
import { where } from '../ops/pointwise/select.js';
import { sum } from '../ops/reduce/reduce.js';
import { expand, unsqueeze } from '../ops/shape/view.js';
import { checkOptions } from '../tensor/check.js';
import { noGrad } from '../tensor/scope.js';
import { eye } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkLabels } from './scores.js';

/** Options of {@link semiHardTripletLoss}. */
export interface TripletOptions {
  /** How much farther than the positive the negative shall be. Default 1. */
  margin?: number;
}

/**
 * The triplet loss with semi-hard negatives, mined in the batch: for each pair of one class, anchor and positive, the
 * nearest item of another class that is farther than the positive, or, when none is, the farthest of them all; then the
 * mean over the pairs of `max(0, d(a, p) - d(a, n) + margin)` with Euclidean distances. Embeddings `[N, E]`, usually of
 * length 1, labels `[N]`; the result is a scalar, 0 where the batch has no pair or one class only.
 *
 * @throws ShapeError for labels that do not fit; ArgumentError unless the margin is a number above 0.
 * Source: Schroff, Kalenichenko, Philbin, FaceNet: A Unified Embedding for Face Recognition and Clustering, 2015.
 */
export function semiHardTripletLoss(embeddings: Tensor, labels: Tensor, options: TripletOptions = {}): Tensor {
  const op = 'semiHardTripletLoss';
  checkLabels(op, embeddings, labels);
  checkOptions(op, options);
  const { margin = 1 } = options;
  if (typeof margin !== 'number' || !(margin > 0)) {
    throw new ArgumentError(op, `margin must be above 0, got ${valueText(margin)}`, margin);
  }
  const n = labels.numel;
  const distances = cdist(embeddings, embeddings, 2, { computeMode: 'donotUseMmForEuclidDist' });
  if (n === 0) return sum(distances);
  const { negatives, pairs } = mine(distances, labels);
  const losses = relu(add(sub(distances, gather(distances, 1, negatives)), margin));
  return div(sum(mul(losses, pairs)), sum(pairs).clamp(1));
}

/** For each anchor (row) and positive (column) the chosen negative; 1 where that is a triplet. */
function mine(distances: Tensor, labels: Tensor): { negatives: Tensor; pairs: Tensor } {
  const n = labels.numel;
  return noGrad(() => {
    const known = distances.detach();
    const same = unsqueeze(labels, 1).eq(unsqueeze(labels, 0));
    const other = same.logicalNot();
    const toNegative = expand(unsqueeze(known, 1), [n, n, n]);
    const farther = unsqueeze(other, 1).logicalAnd(toNegative.gt(unsqueeze(known, 2)));
    const nearest = where(farther, toNegative, Number.POSITIVE_INFINITY).min(2);
    const farthest = where(other, known, Number.NEGATIVE_INFINITY).argmax(1, { keepdim: true });
    const negatives = where(nearest.values.isfinite(), nearest.indices, farthest);
    const itself = eye(n, n, { dtype: known.dtype });
    const pairs = mul(sub(same.to(known.dtype), itself), other.any(1, { keepdim: true }).to(known.dtype));
    return { negatives, pairs };
  });
}
