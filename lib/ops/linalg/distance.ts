// Distances and similarities. Formulas: torch.cdist, torch.nn.functional.pairwise_distance, cosine_similarity, torch.dist.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { ones, tensor } from '../../tensor/create.js';
import { isFloating } from '../../tensor/dtype.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { broadcastShapes, checkDim, numelOf } from '../../tensor/layout.js';
import { scope } from '../../tensor/scope.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { addMethods, defineOp } from '../define.js';
import { freeing, promote } from '../elementwise.js';
import { indexSelect } from '../indexing/rows.js';
import { add, div, mul, pow, sub } from '../pointwise/arithmetic.js';
import { eq } from '../pointwise/compare.js';
import { clamp, where } from '../pointwise/select.js';
import { abs, neg, sign, sqrt, square } from '../pointwise/unary.js';
import { norm } from '../reduce/moments.js';
import { sum } from '../reduce/reduce.js';
import { cat } from '../shape/concat.js';
import { contiguous, reshape, unsqueeze } from '../shape/view.js';
import { matmul } from './matmul.js';
import { adjoint, broadcastBatches, checkChoice, checkSameDType, colsOf, rowsOf } from './parts.js';

function checkFloating(op: string, x: Tensor, name = 'input'): void {
  checkTensor(op, x, name);
  if (!isFloating(x.dtype)) throw new DTypeError(op, `${name} must be floating point, got ${x.dtype}`, x.dtype);
}

/** `sqrt(|a|^2 - 2 a b + |b|^2)` as one matrix product; batches of one shape. */
const euclideanOp = defineOp({
  name: 'cdistEuclidean',
  inputs: ['input', 'other'],
  forward: (left: Tensor, right: Tensor) => {
    const [a, b] = [left.detach(), right.detach()];
    const one = (x: Tensor) => ones([...x.shape.slice(0, -1), 1], { dtype: x.dtype });
    const squared = (x: Tensor) => sum(square(x), -1, { keepdim: true });
    const x = cat([mul(a, -2), squared(a), one(a)], -1);
    const y = cat([b, one(b), squared(b)], -1);
    const product = matmul(x, adjoint(y));
    const positive = clamp(product, 0);
    return freeing(sqrt(positive), x, y, product, positive);
  },
  save: (distance, a, b) => ({ distance, a, b }),
  backward: ([g], { distance, a, b }, needs) => {
    const ratio = where(eq(distance, 0), 0, div(g, distance));
    const pull = (x: Tensor, y: Tensor, r: Tensor) => sub(mul(x, sum(r, -1, { keepdim: true })), matmul(r, y));
    return [needs[0] ? pull(a, b, ratio) : null, needs[1] ? pull(b, a, adjoint(ratio)) : null];
  },
});

/** Rows as the kernels take them: `[batches, rows, columns]`, contiguous. */
function batched(x: Tensor): Tensor {
  const dense = contiguous(x.detach());
  return reshape(dense, [numelOf(x.shape.slice(0, -2)), rowsOf(x), colsOf(x)]);
}

/** The gradients of {@link distanceOp} from differentiable ops; the differences lie in memory. */
function composedGradients(g: Tensor, a: Tensor, b: Tensor, p: number): [Tensor, Tensor] {
  const difference = sub(unsqueeze(a, -2), unsqueeze(b, -3));
  const size = abs(difference);
  const distance = norm(difference, p, -1);
  const local = (): Tensor => {
    if (p === 0) return mul(difference, 0);
    const signed = mul(unsqueeze(g, -1), sign(difference));
    if (p === 1) return signed;
    if (p === Number.POSITIVE_INFINITY) return where(eq(size, unsqueeze(distance.detach(), -1)), signed, 0);
    const zero = eq(distance, 0);
    const scale = pow(where(zero, 1, distance), 1 - p);
    const slope = where(eq(size, 0), 0, pow(where(eq(size, 0), 1, size), p - 1));
    return mul(mul(signed, slope), unsqueeze(where(zero, 0, scale), -1));
  };
  const gradient = local();
  return [sum(gradient, -2), neg(sum(gradient, -3))];
}

/** Distances without the differences in memory; batches of one shape. */
const distanceOp = defineOp({
  name: 'cdist',
  inputs: ['input', 'other'],
  forward: (a: Tensor, b: Tensor, p: number) =>
    scope(() => {
      const out = emptyContiguous([...a.shape.slice(0, -1), rowsOf(b)], a.dtype);
      native.distance(batched(out)._id, batched(a)._id, batched(b)._id, p);
      return out;
    }),
  save: (distance, a, b, p) => ({ distance, a, b, p }),
  backward: ([g], { distance, a, b, p }, needs) => {
    if (isGradEnabled()) {
      const gradients = composedGradients(g, a, b, p);
      return [needs[0] ? gradients[0] : null, needs[1] ? gradients[1] : null];
    }
    const [incoming, out, x, y] = [batched(g), batched(distance), batched(a), batched(b)];
    const gradient = (like: Tensor, run: typeof native.distanceBackward): Tensor => {
      const result = emptyContiguous(like.shape, like.dtype);
      run(batched(result)._id, incoming._id, out._id, x._id, y._id, p);
      return result;
    };
    return [
      needs[0] ? gradient(a, native.distanceBackward) : null,
      needs[1] ? gradient(b, native.distanceBackwardOther) : null,
    ];
  },
});

/** How {@link cdist} computes Euclidean distances: by a matrix product for more than 25 rows, always, or never. */
export type CdistMode = 'useMmForEuclidDistIfNecessary' | 'useMmForEuclidDist' | 'donotUseMmForEuclidDist';

/** Options of {@link cdist}. */
export interface CdistOptions {
  /** Default `'useMmForEuclidDistIfNecessary'`. The product form is fast, but loses digits where distances are small. */
  computeMode?: CdistMode;
}

/**
 * The distance between every row of `a` `[..., P, M]` and every row of `b` `[..., R, M]` in the norm `p` (default 2):
 * `[..., P, R]`. Batches broadcast.
 */
export function cdist(a: Tensor, b: Tensor, p = 2, options: CdistOptions = {}): Tensor {
  checkFloating('cdist', a);
  checkFloating('cdist', b, 'other');
  checkSameDType('cdist', a, b);
  checkOptions('cdist', options);
  const mode = checkChoice('cdist', 'computeMode', options.computeMode ?? 'useMmForEuclidDistIfNecessary', [
    'useMmForEuclidDistIfNecessary',
    'useMmForEuclidDist',
    'donotUseMmForEuclidDist',
  ]);
  if (typeof p !== 'number' || !(p >= 0)) throw new ArgumentError('cdist', `p must be >= 0, got ${valueText(p)}`, p);
  if (a.ndim < 2 || b.ndim < 2 || colsOf(a) !== colsOf(b)) {
    throw new ShapeError(
      'cdist',
      `matrices with rows of one length are needed, got ${shapeText(a.shape)} and ${shapeText(b.shape)}`,
      a.shape,
      b.shape,
    );
  }
  const [x, y] = broadcastBatches('cdist', a, b);
  const many = rowsOf(a) > 25 || rowsOf(b) > 25;
  if (p === 2 && colsOf(a) > 0 && (mode === 'useMmForEuclidDist' || (many && mode !== 'donotUseMmForEuclidDist'))) {
    return euclideanOp(x, y);
  }
  if (colsOf(a) === 0) {
    const difference = sub(unsqueeze(x, -2), unsqueeze(y, -3));
    return freeing(sum(difference, -1), difference);
  }
  return distanceOp(x, y, p);
}

/**
 * The distances `norm(x[i] - x[j], p)` of all pairs of rows i < j of `[N, M]`: `[N (N - 1) / 2]`, the pairs of row 0 first.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.pdist.html
 * @throws ShapeError, DTypeError; ArgumentError for p < 0.
 */
export function pdist(x: Tensor, p = 2): Tensor {
  checkFloating('pdist', x);
  if (x.ndim !== 2) throw new ShapeError('pdist', `input must be [N, M], got ${shapeText(x.shape)}`, x.shape);
  if (typeof p !== 'number' || !(p >= 0)) throw new ArgumentError('pdist', `p must be >= 0, got ${valueText(p)}`, p);
  const [rows] = x.shape;
  const pairs = Array.from({ length: rows }, (_, i) => i).flatMap((i) =>
    Array.from({ length: rows - 1 - i }, (_, k) => i * rows + i + 1 + k),
  );
  const all = cdist(x, x, p, { computeMode: 'donotUseMmForEuclidDist' });
  return indexSelect(reshape(all, [rows * rows]), 0, tensor(pairs, { dtype: 'int64' }));
}

/** Options of {@link pairwiseDistance}. */
export interface PairwiseDistanceOptions {
  /** The order of the norm. Default 2. */
  p?: number;
  /** Added to every difference. Default 1e-6. */
  eps?: number;
  /** Keep the reduced axis, with size 1. Default false. */
  keepdim?: boolean;
}

/**
 * `norm(x1 - x2 + eps, p)` over the last axis, after broadcasting: `[..., D]` to `[...]`.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.pairwise_distance.html
 */
export function pairwiseDistance(x1: Tensor, x2: Tensor, options: PairwiseDistanceOptions = {}): Tensor {
  const op = 'pairwiseDistance';
  checkFloating(op, x1, 'x1');
  checkFloating(op, x2, 'x2');
  checkOptions(op, options);
  const { p = 2, eps = 1e-6, keepdim = false } = options;
  if (typeof eps !== 'number') throw new ArgumentError(op, `eps must be a number, got ${valueText(eps)}`, eps);
  const difference = sub(x1, x2);
  const shifted = add(difference, eps);
  return freeing(norm(shifted, p, -1, { keepdim }), difference, shifted);
}

/** `norm(a - b, p)` of all elements, after broadcasting: `torch.dist`. */
export function dist(a: Tensor, b: Tensor, p = 2): Tensor {
  checkFloating('dist', a);
  checkFloating('dist', b, 'other');
  const difference = sub(a, b);
  return freeing(norm(difference, p), difference);
}

/** Options of {@link cosineSimilarity}. */
export interface CosineSimilarityOptions {
  /** The axis of the vectors. Default 1. */
  dim?: number;
  /** The smallest length a vector counts with. Default 1e-8. */
  eps?: number;
}

/**
 * `x1 . x2 / (max(|x1|, eps) max(|x2|, eps))` along `dim`, after broadcasting: `[N, D, ...]` becomes `[N, ...]`.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.cosine_similarity.html
 */
export function cosineSimilarity(x1: Tensor, x2: Tensor, options: CosineSimilarityOptions = {}): Tensor {
  const op = 'cosineSimilarity';
  checkFloating(op, x1, 'x1');
  checkFloating(op, x2, 'x2');
  checkOptions(op, options);
  const { dim = 1, eps = 1e-8 } = options;
  if (typeof eps !== 'number') throw new ArgumentError(op, `eps must be a number, got ${valueText(eps)}`, eps);
  const shape = broadcastShapes(op, x1.shape, x2.shape);
  const d = checkDim(op, dim, shape.length) - shape.length;
  const [a, b] = promote(x1, x2);
  // Each vector is scaled by its own length first, so that the products cannot overflow.
  const unit = (x: Tensor): Tensor => {
    if (x.ndim < -d) return div(x, clamp(norm(x, 2, [], { keepdim: true }), eps));
    return div(x, clamp(norm(x, 2, d, { keepdim: true }), eps));
  };
  return sum(mul(unit(a), unit(b)), d);
}

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** See {@link dist}. */
    dist(other: Tensor, p?: number): Tensor;
  }
}

addMethods({ dist });
