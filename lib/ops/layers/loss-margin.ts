// Losses that ask for a margin: between a score and 0, two scores, classes, or distances.
import { ArgumentError, DTypeError, ShapeError, shapeText } from '../../errors.js';
import { native } from '../../native.js';
import { checkTensor } from '../../tensor/check.js';
import { computeDType, isFloating } from '../../tensor/dtype.js';
import { arange } from '../../tensor/sequence.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { gather } from '../indexing/indexing.js';
import { add, div, minimum, mul, sub } from '../pointwise/arithmetic.js';
import { eq, ne } from '../pointwise/compare.js';
import { clamp, where } from '../pointwise/select.js';
import { neg, sqrt, square } from '../pointwise/unary.js';
import { norm } from '../reduce/moments.js';
import { mean, sum } from '../reduce/reduce.js';
import { contiguous, reshape, squeeze, to, unsqueeze } from '../shape/view.js';
import { checkFactor, checkFloats, checkSameShape, type LossOptions, reduced, reductionOf } from './loss-common.js';

/** `max(x, 0)` with PyTorch's gradient of 1 at 0. */
const hinge = (x: Tensor): Tensor => clamp(x, 0);

/** Options of losses with a margin. */
export interface MarginLossOptions extends LossOptions {
  /** How far apart what shall differ must lie. */
  margin?: number;
}

/** Operands that must agree in their number of axes, as PyTorch asks. */
function checkRanks(op: string, operands: Readonly<Record<string, Tensor>>): void {
  const all = Object.entries(operands);
  if (all.every(([, x]) => x.ndim === all[0][1].ndim)) return;
  const text = all.map(([name, x]) => `${name} ${shapeText(x.shape)}`).join(', ');
  throw new ShapeError(op, `as many axes everywhere are needed: ${text}`, ...all.slice(0, 2).map(([, x]) => x.shape));
}

/**
 * `x` for targets of 1, `max(0, margin - x)` for targets of -1, where `x` is a distance. Margin 1 by default. The shapes
 * broadcast.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.hinge_embedding_loss.html
 */
export function hingeEmbeddingLoss(input: Tensor, target: Tensor, options: MarginLossOptions = {}): Tensor {
  checkFloats('hingeEmbeddingLoss', { input });
  checkTensor('hingeEmbeddingLoss', target, 'target');
  const reduction = reductionOf('hingeEmbeddingLoss', options);
  const margin = checkFactor('hingeEmbeddingLoss', 'margin', options.margin ?? 1);
  const far = where(ne(target, 1), hinge(sub(margin, input)), 0);
  const near = where(ne(target, -1), input, 0);
  return reduced(add(far, near), reduction);
}

/**
 * `1 - cos` for targets of 1, `max(0, cos - margin)` for targets of -1. Margin 0 by default.
 *
 * @param input1 `[N, D]` or `[D]`
 * @param input2 of the same shape
 * @param target `[N]` or `[]`, 1 or -1
 * @throws ShapeError when the shapes do not go together.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.cosine_embedding_loss.html
 */
export function cosineEmbeddingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options: MarginLossOptions = {},
): Tensor {
  const op = 'cosineEmbeddingLoss';
  checkFloats(op, { input1, input2 });
  checkTensor(op, target, 'target');
  const reduction = reductionOf(op, options);
  const margin = checkFactor(op, 'margin', options.margin ?? 0);
  checkRanks(op, { input1, input2 });
  if (target.ndim > 1 || input1.ndim !== target.ndim + 1) {
    const text = `input1 ${shapeText(input1.shape)} and target ${shapeText(target.shape)}: [N, D] and [N], or [D] and [] are needed`;
    throw new ShapeError(op, text, input1.shape, target.shape);
  }
  const eps = 1e-12;
  const squares = mul(add(sum(square(input1), -1), eps), add(sum(square(input2), -1), eps));
  const cosine = div(sum(mul(input1, input2), -1), sqrt(squares));
  const alike = where(eq(target, 1), sub(1, cosine), 0);
  const unlike = where(eq(target, -1), hinge(sub(cosine, margin)), 0);
  return reduced(add(alike, unlike), reduction);
}

/**
 * `max(0, margin - target * (input1 - input2))`: `input1` ranks above `input2` where the target is 1, below where it
 * is -1. Margin 0 by default. The shapes broadcast, with as many axes each.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.margin_ranking_loss.html
 */
export function marginRankingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options: MarginLossOptions = {},
): Tensor {
  const op = 'marginRankingLoss';
  checkFloats(op, { input1, input2 });
  checkTensor(op, target, 'target');
  const reduction = reductionOf(op, options);
  const margin = checkFactor(op, 'margin', options.margin ?? 0);
  checkRanks(op, { input1, input2, target });
  return reduced(hinge(add(mul(neg(target), sub(input1, input2)), margin)), reduction);
}

/** Scores `[N, C]` and class numbers `[N]`; `[C]` and `[]` become one row. */
function rowsOf(op: string, input: Tensor, target: Tensor): [Tensor, Tensor] {
  checkFloats(op, { input });
  checkTensor(op, target, 'target');
  if (isFloating(target.dtype) || target.dtype === 'bool') {
    throw new DTypeError(op, `target must hold class numbers of an integer dtype, got ${target.dtype}`, target.dtype);
  }
  const x = input.ndim === 1 ? unsqueeze(input, 0) : input;
  const t = target.ndim === 0 ? unsqueeze(target, 0) : target;
  if (x.ndim !== 2 || t.ndim !== 1 || t.shape[0] !== x.shape[0]) {
    const text = `input ${shapeText(input.shape)} and target ${shapeText(target.shape)}: [N, C] and [N], or [C] and [] are needed`;
    throw new ShapeError(op, text, input.shape, target.shape);
  }
  return [x, to(t, 'int64')];
}

/** slopes: the derivatives by the input, written by forward. */
const multilabelMarginOp = defineOp({
  name: 'multilabelMarginLoss',
  inputs: ['input', 'target'],
  forward: (x: Tensor, target: Tensor, slopes: Tensor) => {
    const losses = emptyContiguous([x.shape[0]], x.dtype);
    native.multilabelMargin(losses._id, slopes._id, x._id, target._id);
    return losses;
  },
  save: (_losses, _x, _target, slopes) => ({ slopes }),
  backward: ([g], { slopes }) => [mul(unsqueeze(g, -1), slopes), null],
});

/**
 * Several classes per row: the sum over the classes j of a row, and over all others i, of `max(0, 1 - (x[j] - x[i]))`,
 * divided by C.
 *
 * @param input `[N, C]` or `[C]`
 * @param target of the same shape: the classes of each row, then -1; what follows the first -1 counts nothing
 * @throws ShapeError when input and target differ in shape. A class out of range rejects the reads of the result.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.multilabel_margin_loss.html
 */
export function multilabelMarginLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const op = 'multilabelMarginLoss';
  checkFloats(op, { input });
  checkTensor(op, target, 'target');
  if (isFloating(target.dtype) || target.dtype === 'bool') {
    throw new DTypeError(op, `target must hold class numbers of an integer dtype, got ${target.dtype}`, target.dtype);
  }
  const reduction = reductionOf(op, options);
  checkSameShape(op, input, target);
  if (input.ndim > 2 || input.shape.at(-1) === 0) {
    throw new ShapeError(op, `[N, C] or [C] is needed, got ${shapeText(input.shape)}`, input.shape);
  }
  const rows = input.ndim === 2 ? input.shape : [1, input.numel];
  const x = contiguous(input.ndim === 2 ? input : reshape(input, rows));
  const classes = contiguous(to(input.ndim === 2 ? target : reshape(target, rows), 'int64'));
  const slopes = emptyContiguous(rows, computeDType(x.dtype));
  const losses = multilabelMarginOp(x, classes, slopes);
  slopes.dispose(); // what backward needs stays
  return reduced(input.ndim === 2 ? losses : squeeze(losses, 0), reduction);
}

/** Options of {@link multiMarginLoss}. */
export interface MultiMarginLossOptions extends MarginLossOptions {
  /** Power of each term, 1 (default) or 2. */
  p?: 1 | 2;
  /** `[C]`: what each target class counts. */
  weight?: Tensor | null;
}

/**
 * For the target class t of a row of C scores: the sum over all others c of
 * `max(0, w[t] * (margin - x[t] + x[c])) ^ p`, divided by C. Margin 1 by default.
 *
 * @param input `[N, C]` or `[C]`
 * @param target `[N]` or `[]`, class numbers
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.multi_margin_loss.html
 */
export function multiMarginLoss(input: Tensor, target: Tensor, options: MultiMarginLossOptions = {}): Tensor {
  const op = 'multiMarginLoss';
  const [x, t] = rowsOf(op, input, target);
  const reduction = reductionOf(op, options);
  const margin = checkFactor(op, 'margin', options.margin ?? 1);
  const { p = 1, weight } = options;
  if (p !== 1 && p !== 2) throw new ArgumentError(op, `p must be 1 or 2, got ${p}`, p);
  const column = unsqueeze(t, 1);
  const excess = hinge(add(sub(x, gather(x, 1, column)), margin));
  let terms = p === 2 ? square(excess) : excess;
  if (weight) {
    checkFloats(op, { weight });
    terms = mul(terms, unsqueeze(gather(weight, 0, t), 1));
  }
  const others = ne(arange(x.shape[1]), column);
  const losses = mean(where(others, terms, 0), 1);
  return reduced(reduction === 'none' && target.ndim === 0 ? squeeze(losses, 0) : losses, reduction);
}

/** Options of {@link tripletMarginLoss}. */
export interface TripletMarginLossOptions extends MarginLossOptions {
  /** Order of the norm. Default 2. */
  p?: number;
  /** Added to each difference. Default 1e-6. */
  eps?: number;
  /** Take the distance from positive to negative where it is smaller than that from anchor to negative. Default false. */
  swap?: boolean;
}

/** Options of {@link tripletMarginWithDistanceLoss}. */
export interface TripletMarginWithDistanceLossOptions extends MarginLossOptions {
  /** Distances of two batches of vectors. Default: the Euclidean one, with 1e-6 added to each difference. */
  distanceFunction?: ((a: Tensor, b: Tensor) => Tensor) | null;
  /** As in {@link tripletMarginLoss}. */
  swap?: boolean;
}

type Distance = (a: Tensor, b: Tensor) => Tensor;

const distanceOf =
  (p: number, eps: number): Distance =>
  (a, b) =>
    norm(add(sub(a, b), eps), p, -1);

function tripletLoss(
  op: string,
  triplet: Readonly<Record<'anchor' | 'positive' | 'negative', Tensor>>,
  distance: Distance,
  options: TripletMarginWithDistanceLossOptions,
): Tensor {
  checkFloats(op, triplet);
  const reduction = reductionOf(op, options);
  const margin = checkFactor(op, 'margin', options.margin ?? 1);
  if (margin <= 0) throw new ArgumentError(op, `margin must be more than 0, got ${margin}`, margin);
  checkRanks(op, triplet);
  const { anchor, positive, negative } = triplet;
  const far = distance(anchor, negative);
  const least = options.swap ? minimum(far, distance(positive, negative)) : far;
  return reduced(hinge(add(sub(distance(anchor, positive), least), margin)), reduction);
}

/**
 * `max(0, margin + d(anchor, positive) - d(anchor, negative))` with the p-norm as distance over the last axis (Balntas
 * et al., 2016). Margin 1 by default.
 *
 * @param anchor `[N, D]` or `[D]`, as positive and negative
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.triplet_margin_loss.html
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginLossOptions = {},
): Tensor {
  const p = checkFactor('tripletMarginLoss', 'p', options?.p ?? 2);
  const eps = checkFactor('tripletMarginLoss', 'eps', options?.eps ?? 1e-6);
  return tripletLoss('tripletMarginLoss', { anchor, positive, negative }, distanceOf(p, eps), options);
}

/**
 * {@link tripletMarginLoss} with a distance of your own. It gives `[N]` for two `[N, D]`.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.triplet_margin_with_distance_loss.html
 */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginWithDistanceLossOptions = {},
): Tensor {
  const distance = options?.distanceFunction ?? distanceOf(2, 1e-6);
  return tripletLoss('tripletMarginWithDistanceLoss', { anchor, positive, negative }, distance, options);
}
