// The classifier that asks the nearest neighbours.
import { ArgumentError, NablaError, valueText } from '../errors.js';
import { div } from '../ops/pointwise/arithmetic.js';
import { where } from '../ops/pointwise/select.js';
import { checkOptions } from '../tensor/check.js';
import { onesLike, zeros } from '../tensor/create.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { type CompareOptions, type Distance, nearestNeighbors } from './neighbors.js';
import { checkLabels } from './scores.js';

/** Options of {@link KNNClassifier}. */
export interface KNNOptions {
  /** Default `'euclidean'`. */
  distance?: Distance;
  /** Every neighbour counts the same, or the nearer the more: `1 / distance`. Default `'uniform'`. */
  weights?: 'uniform' | 'distance';
  /** Default: the largest label and one more; `fit` waits for it. */
  numClasses?: number;
  /** Queries compared at once. Default 1024. */
  chunkSize?: number;
}

/**
 * Classifies by the `k` nearest of the items it was given; scikit-learn's `KNeighborsClassifier`.
 *
 * @example
 * const knn = new retrieval.KNNClassifier(5, { distance: 'cosine' }).fit(embeddings, labels);
 * const classes = knn.predict(queries);
 *
 * Source: https://scikit-learn.org/stable/modules/generated/sklearn.neighbors.KNeighborsClassifier.html
 */
export class KNNClassifier {
  readonly k: number;
  private readonly options: KNNOptions;
  private items: { embeddings: Tensor; labels: Tensor; classes: number } | null = null;

  /** @throws ArgumentError for a `k` or weights that there are not. */
  constructor(k = 5, options: KNNOptions = {}) {
    const op = 'KNNClassifier';
    checkOptions(op, options);
    if (!Number.isSafeInteger(k) || k < 1) {
      throw new ArgumentError(op, `k must be an integer >= 1, got ${valueText(k)}`, k);
    }
    const { weights = 'uniform' } = options;
    if (weights !== 'uniform' && weights !== 'distance') {
      throw new ArgumentError(op, `weights must be 'uniform' or 'distance', got ${valueText(weights)}`, weights);
    }
    this.k = k;
    this.options = options;
  }

  /** Takes the items to ask, rows `[M, E]` and labels `[M]`, as they are; the ones before are forgotten. */
  fit(embeddings: Tensor, labels: Tensor): this {
    const op = 'KNNClassifier.fit';
    checkLabels(op, embeddings, labels);
    if (labels.numel < this.k) {
      throw new ArgumentError(op, `at least ${this.k} items are needed, got ${labels.numel}`, labels.numel);
    }
    const classes = this.options.numClasses ?? Number(labels.max().itemSync()) + 1;
    this.items = { embeddings: embeddings.detach().keep(), labels: labels.detach().keep(), classes };
    return this;
  }

  /** The share of the votes that each class gets, for queries `[N, E]`: `[N, numClasses]`. */
  predictProba(queries: Tensor): Tensor {
    if (!this.items) throw new NablaError('KNNClassifier.predictProba', 'call fit first');
    const { embeddings, labels, classes } = this.items;
    const { distance, weights, chunkSize } = this.options;
    const compare: CompareOptions = { distance, chunkSize };
    return noGrad(() => {
      const { distances, indices } = nearestNeighbors(queries, embeddings, this.k, compare);
      const votes = weights === 'distance' ? inverse(distances) : onesLike(distances);
      const found = labels
        .indexSelect(0, indices.reshape([-1]))
        .reshape(indices.shape)
        .to('int64');
      const sums = zeros([queries.shape[0], classes], { dtype: votes.dtype }).scatterAdd(1, found, votes);
      return div(sums, sums.sum(1, { keepdim: true }));
    });
  }

  /** The class with most votes, of equal ones the smallest, for queries `[N, E]`: `[N]` int64. */
  predict(queries: Tensor): Tensor {
    return noGrad(() => this.predictProba(queries).argmax(1));
  }
}

/** 1 / distance; where neighbours are at distance 0, only they count. */
function inverse(distances: Tensor): Tensor {
  const at = distances.eq(0);
  const any = at.any(1, { keepdim: true });
  return where(any, at.to(distances.dtype), div(1, distances));
}
