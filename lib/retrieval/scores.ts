// How well embeddings find their like.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { div, mul } from '../ops/pointwise/arithmetic.js';
import { cumsum } from '../ops/reduce/scan.js';
import { argsort, topk } from '../ops/reduce/sort.js';
import { unsqueeze } from '../ops/shape/view.js';
import { checkTensor } from '../tensor/check.js';
import { isFloating } from '../tensor/dtype.js';
import { arange } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import { type CompareOptions, checkComparison, checkEmbeddings, overChunks } from './neighbors.js';

/** Items with what they are: rows `[N, E]` and class numbers `[N]`. */
export interface Labelled {
  readonly embeddings: Tensor;
  readonly labels: Tensor;
}

/** Options of the scores. */
export type ScoreOptions = Omit<CompareOptions, 'excludeSelf'>;

/** @internal */
export function checkLabels(op: string, embeddings: Tensor, labels: Tensor): void {
  checkEmbeddings(op, embeddings, 'embeddings');
  checkTensor(op, labels, 'labels');
  if (labels.ndim === 1 && labels.shape[0] === embeddings.shape[0] && !isFloating(labels.dtype)) return;
  const text = `labels must be integers [${embeddings.shape[0]}], got ${labels.dtype} ${shapeText(labels.shape)}`;
  throw new ShapeError(op, text, labels.shape);
}

interface Comparison {
  readonly gallery: Labelled;
  readonly options: CompareOptions;
  /** Items that each query can find. */
  readonly candidates: number;
}

function comparisonOf(op: string, queries: Labelled, gallery: Labelled | null, options: ScoreOptions): Comparison {
  checkLabels(op, queries.embeddings, queries.labels);
  if (gallery) checkLabels(op, gallery.embeddings, gallery.labels);
  const found = gallery ?? queries;
  const all = { ...options, excludeSelf: gallery === null };
  checkComparison(op, queries.embeddings, found.embeddings, all);
  const candidates = found.labels.shape[0] - (gallery ? 0 : 1);
  if (queries.labels.shape[0] === 0 || candidates < 1) throw new ArgumentError(op, 'there is nothing to compare');
  return { gallery: found, options: all, candidates };
}

/** Which of the items at `order` `[n, m]` are of the class of their query; `[n, m]` bool. */
const hits = (order: Tensor, queryLabels: Tensor, galleryLabels: Tensor): Tensor =>
  galleryLabels
    .indexSelect(0, order.reshape([-1]))
    .reshape(order.shape)
    .eq(unsqueeze(queryLabels, 1));

/**
 * Recall@k of retrieval: the share of the queries that have an item of their class among their `k` nearest, for each of
 * `ks`. `gallery` null compares every query with all others.
 *
 * @example
 * const [r1, r5] = await retrieval.recallAtK({ embeddings, labels }, null, [1, 5], { distance: 'cosine' });
 *
 * @throws ShapeError for labels or rows that do not go together; ArgumentError for a `k` above the number of items.
 * Source: Jégou et al., Product Quantization for Nearest Neighbor Search, 2011.
 */
export async function recallAtK(
  queries: Labelled,
  gallery: Labelled | null,
  ks: readonly number[],
  options: ScoreOptions = {},
): Promise<number[]> {
  const op = 'recallAtK';
  const comparison = comparisonOf(op, queries, gallery, options);
  const valid = (k: unknown): boolean => Number.isSafeInteger(k) && (k as number) >= 1;
  if (!Array.isArray(ks) || ks.length === 0 || !ks.every((k) => valid(k) && k <= comparison.candidates)) {
    const text = `ks must be integers from 1 to ${comparison.candidates}, got ${valueText(ks)}`;
    throw new ArgumentError(op, text, ks);
  }
  const most = Math.max(...ks);
  const found = comparison.gallery;
  const { firsts } = overChunks(
    queries.embeddings,
    found.embeddings,
    comparison.options,
    (distances, first): Record<'firsts', Tensor> => {
      const { indices } = topk(distances, most, 1, { largest: false });
      const own = queries.labels.narrow(0, first, distances.shape[0]);
      // Ranks of the first hit: k where there is none.
      const misses = hits(indices, own, found.labels).logicalNot().to('int64');
      return { firsts: misses.cumprod(1).sum(1) };
    },
  );
  const ranks = Array.from(await firsts.data(), Number);
  firsts.dispose();
  return ks.map((k) => ranks.filter((rank) => rank < k).length / ranks.length);
}

/**
 * Mean average precision of retrieval: over the queries, the mean of the precisions at the ranks of all items of their
 * class. Queries of which there is no like are left out; `NaN` when that leaves none. `gallery` null compares every query
 * with all others.
 *
 * @throws ShapeError for labels or rows that do not go together.
 * Source: Manning, Raghavan, Schütze, Introduction to Information Retrieval, 2008, section 8.4.
 */
export async function meanAveragePrecision(
  queries: Labelled,
  gallery: Labelled | null,
  options: ScoreOptions = {},
): Promise<number> {
  const op = 'meanAveragePrecision';
  const comparison = comparisonOf(op, queries, gallery, options);
  const { candidates, gallery: found } = comparison;
  const { precisions } = overChunks(
    queries.embeddings,
    found.embeddings,
    comparison.options,
    (distances, first): Record<'precisions', Tensor> => {
      // The query itself, infinitely far, comes last.
      const order = argsort(distances, 1).narrow(1, 0, candidates);
      const own = queries.labels.narrow(0, first, distances.shape[0]);
      const relevant = hits(order, own, found.labels).to('float64');
      const ranks = arange(1, candidates + 1, 1, { dtype: 'float64' });
      const atHits = mul(div(cumsum(relevant, 1), ranks), relevant);
      return { precisions: div(atHits.sum(1), relevant.sum(1)) };
    },
  );
  const values = Array.from(await precisions.data(), Number).filter((value) => !Number.isNaN(value));
  precisions.dispose();
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
