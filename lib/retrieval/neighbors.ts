// Exact nearest neighbours: a matrix product and the smallest distances, a part of the queries at a time.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { gather } from '../ops/indexing/indexing.js';
import { maskedFill } from '../ops/indexing/masked.js';
import { normalize } from '../ops/layers/group-norm.js';
import { cdist } from '../ops/linalg/distance.js';
import { matmul } from '../ops/linalg/matmul.js';
import { norm } from '../ops/linalg/norms.js';
import { sub } from '../ops/pointwise/arithmetic.js';
import { sort, topk } from '../ops/reduce/sort.js';
import { cat } from '../ops/shape/concat.js';
import { narrow, permute, reshape, unsqueeze } from '../ops/shape/view.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { isFloating } from '../tensor/dtype.js';
import { noGrad } from '../tensor/scope.js';
import { arange } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';

/** How far two embeddings are: the length of their difference, or 1 - the cosine of their angle. */
export type Distance = 'euclidean' | 'cosine';

/** Options of everything that compares queries `[N, E]` with a gallery `[M, E]`. */
export interface CompareOptions {
  /** Default `'euclidean'`. */
  distance?: Distance;
  /** Queries and gallery are the same items: leave each query's own out. Default false. */
  excludeSelf?: boolean;
  /** Queries compared at once; memory grows with it times M. Default 1024. */
  chunkSize?: number;
}

/** What {@link nearestNeighbors} found, the nearest first. */
export interface Neighbors {
  /** `[N, k]`. */
  readonly distances: Tensor;
  /** Rows of the gallery, `[N, k]` int64. */
  readonly indices: Tensor;
}

/** @internal */
export function checkEmbeddings(op: string, x: Tensor, what: string): void {
  checkTensor(op, x, what);
  if (x.ndim === 2 && isFloating(x.dtype)) return;
  throw new ShapeError(op, `${what} must be floating-point rows [N, E], got ${x.dtype} ${shapeText(x.shape)}`, x.shape);
}

/** Throws unless queries and gallery go together. @internal */
export function checkComparison(op: string, queries: Tensor, gallery: Tensor, options: CompareOptions): void {
  checkEmbeddings(op, queries, 'queries');
  checkEmbeddings(op, gallery, 'gallery');
  checkOptions(op, options);
  const { distance = 'euclidean', excludeSelf = false, chunkSize = 1024 } = options;
  const same = queries.shape[1] === gallery.shape[1] && (!excludeSelf || queries.shape[0] === gallery.shape[0]);
  if (!same) {
    const rule = excludeSelf ? 'the same items are needed' : 'rows of one length are needed';
    const text = `${rule}, got queries ${shapeText(queries.shape)} and gallery ${shapeText(gallery.shape)}`;
    throw new ShapeError(op, text, queries.shape, gallery.shape);
  }
  if (distance !== 'euclidean' && distance !== 'cosine') {
    throw new ArgumentError(op, `distance must be 'euclidean' or 'cosine', got ${valueText(distance)}`, distance);
  }
  if (!Number.isSafeInteger(chunkSize) || chunkSize < 1) {
    throw new ArgumentError(op, `chunkSize must be an integer >= 1, got ${valueText(chunkSize)}`, chunkSize);
  }
}

/** Distances of some queries, from number `first` on, to all of the gallery. */
function distancesFrom(first: number, queries: Tensor, gallery: Tensor, { distance, excludeSelf }: CompareOptions) {
  const all =
    distance === 'cosine'
      ? sub(1, matmul(queries, permute(gallery, [1, 0])))
      : cdist(queries, gallery, 2, { computeMode: 'useMmForEuclidDist' });
  if (!excludeSelf) return all;
  const own = unsqueeze(arange(first, first + queries.shape[0], 1, { dtype: 'int64' }), 1);
  return maskedFill(all, own.eq(arange(0, gallery.shape[0], 1, { dtype: 'int64' })), Number.POSITIVE_INFINITY);
}

/** Calls `fn` with the distances `[n, M]` of each chunk of queries and puts the results below each other. @internal */
export function overChunks<K extends string>(
  queries: Tensor,
  gallery: Tensor,
  options: CompareOptions,
  fn: (distances: Tensor, first: number) => Record<K, Tensor>,
): Record<K, Tensor> {
  const { chunkSize = 1024, distance } = options;
  return noGrad(() => {
    const [all, others] = distance === 'cosine' ? [normalize(queries), normalize(gallery)] : [queries, gallery];
    const parts: Record<K, Tensor>[] = [];
    const count = queries.shape[0];
    for (let first = 0; first === 0 || first < count; first += chunkSize) {
      const rows = narrow(all, 0, first, Math.min(chunkSize, count - first));
      parts.push(noGrad(() => fn(distancesFrom(first, rows, others, options), first)));
    }
    const names = Object.keys(parts[0]) as K[];
    const joined = names.map((name) => [name, cat(parts.map((part) => part[name]))]);
    return Object.fromEntries(joined) as Record<K, Tensor>;
  });
}

/** The found ones by their differences: the matrix product loses digits where distances are small. */
function refined(queries: Tensor, gallery: Tensor, indices: Tensor): Neighbors {
  const [n, k] = indices.shape;
  const found = reshape(gallery.indexSelect(0, reshape(indices, [-1])), [n, k, queries.shape[1]]);
  const exact = norm(sub(found, unsqueeze(queries, 1)), 2, 2);
  const sorted = sort(exact, 1);
  return { distances: sorted.values, indices: gather(indices, 1, sorted.indices) };
}

/**
 * The `k` nearest of `gallery` `[M, E]` for each of `queries` `[N, E]`: a matrix product finds them among all, and their
 * Euclidean distances are then computed from the differences.
 *
 * @example
 * const { indices } = retrieval.nearestNeighbors(queries, gallery, 5, { distance: 'cosine' });
 *
 * @throws ShapeError for rows of different lengths; ArgumentError when there are not `k` items to find.
 */
export function nearestNeighbors(queries: Tensor, gallery: Tensor, k = 1, options: CompareOptions = {}): Neighbors {
  const op = 'nearestNeighbors';
  checkComparison(op, queries, gallery, options);
  const items = gallery.shape[0] - (options.excludeSelf ? 1 : 0);
  if (!Number.isSafeInteger(k) || k < 1 || k > items) {
    throw new ArgumentError(op, `k must be an integer from 1 to ${items}, got ${valueText(k)}`, k);
  }
  return overChunks(queries, gallery, options, (distances, first) => {
    const { values, indices } = topk(distances, k, 1, { largest: false });
    if (options.distance === 'cosine') return { distances: values, indices };
    return { ...refined(narrow(queries, 0, first, distances.shape[0]), gallery, indices) };
  });
}
