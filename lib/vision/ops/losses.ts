// The losses of torchvision.ops, and the Dice loss of segmentation.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { binaryCrossEntropyWithLogits } from '../../ops/layers/loss-binary.js';
import {
  checkFactor,
  checkFloats,
  checkSameShape,
  type Reduction,
  reduced,
  reductionOf,
} from '../../ops/layers/loss-common.js';
import { add, div, maximum, minimum, mul, pow, sub } from '../../ops/pointwise/arithmetic.js';
import { gt, logicalAnd } from '../../ops/pointwise/compare.js';
import { where } from '../../ops/pointwise/select.js';
import { atan, sigmoid, square } from '../../ops/pointwise/unary.js';
import { sum } from '../../ops/reduce/reduce.js';
import { flatten, select } from '../../ops/shape/view.js';
import type { Tensor } from '../../tensor/tensor.js';

/** Options of {@link sigmoidFocalLoss}. */
export interface FocalLossOptions {
  /** Weight of the positive class in [0, 1]; the negative one gets `1 - alpha`. -1: no weights. Default 0.25. */
  alpha?: number;
  /** How much less well-classified elements count. Default 2. */
  gamma?: number;
  /** Default `'none'`. */
  reduction?: Reduction;
}

/** Options of the losses of boxes. */
export interface BoxLossOptions {
  /** Default `'none'`. */
  reduction?: Reduction;
  /** Added to denominators. Default 1e-7. */
  eps?: number;
}

/** Options of {@link diceLoss}. */
export interface DiceLossOptions {
  /** Added to numerator and denominator. Default 1. */
  smooth?: number;
  /** Default `'mean'`. */
  reduction?: Reduction;
}

/**
 * Focal loss of binary classification, element by element; `input` holds logits, `target` 0 and 1, of one shape `[...]`.
 * With `p = sigmoid(input)`, `p_t = p * target + (1 - p) * (1 - target)` and
 * `alpha_t = alpha * target + (1 - alpha) * (1 - target)`: `-alpha_t * (1 - p_t) ** gamma * log(p_t)`.
 *
 * @throws ArgumentError for `alpha` outside [0, 1] other than -1, ShapeError for two shapes.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.ops.sigmoid_focal_loss.html
 */
export function sigmoidFocalLoss(input: Tensor, target: Tensor, options: FocalLossOptions = {}): Tensor {
  const op = 'sigmoidFocalLoss';
  checkFloats(op, { input, target });
  checkSameShape(op, input, target);
  const reduction = reductionOf(op, { reduction: 'none', ...options });
  const alpha = checkFactor(op, 'alpha', options.alpha ?? 0.25);
  const gamma = checkFactor(op, 'gamma', options.gamma ?? 2);
  if (alpha !== -1 && (alpha < 0 || alpha > 1)) {
    throw new ArgumentError(op, `alpha must be in [0, 1], or -1 for none, got ${valueText(alpha)}`, alpha);
  }
  const p = sigmoid(input);
  const negative = sub(1, target);
  const entropy = binaryCrossEntropyWithLogits(input, target, { reduction: 'none' });
  const missed = sub(1, add(mul(p, target), mul(sub(1, p), negative)));
  const losses = mul(entropy, pow(missed, gamma));
  if (alpha < 0) return reduced(losses, reduction);
  return reduced(mul(add(mul(target, alpha), mul(negative, 1 - alpha)), losses), reduction);
}

/** The corners of boxes `[..., 4]`. */
interface Corners {
  readonly x1: Tensor;
  readonly y1: Tensor;
  readonly x2: Tensor;
  readonly y2: Tensor;
}

const cornersOf = (boxes: Tensor): Corners => {
  const [x1, y1, x2, y2] = [0, 1, 2, 3].map((i) => select(boxes, -1, i));
  return { x1, y1, x2, y2 };
};

const area = (b: Corners): Tensor => mul(sub(b.x2, b.x1), sub(b.y2, b.y1));

const center = (low: Tensor, high: Tensor): Tensor => mul(add(low, high), 0.5);

/** Two lists of boxes and what their losses are made of. */
interface Pairs {
  readonly a: Corners;
  readonly b: Corners;
  readonly union: Tensor;
  readonly iou: Tensor;
  /** The smallest boxes around both. */
  readonly around: Corners;
  readonly eps: number;
  readonly reduction: Reduction;
}

function pairsOf(op: string, boxes1: Tensor, boxes2: Tensor, options: BoxLossOptions): Pairs {
  checkFloats(op, { boxes1, boxes2 });
  checkSameShape(op, boxes1, boxes2, 'boxes2');
  const reduction = reductionOf(op, { reduction: 'none', ...options });
  const eps = checkFactor(op, 'eps', options.eps ?? 1e-7);
  if (boxes1.ndim < 1 || boxes1.shape[boxes1.ndim - 1] !== 4) {
    throw new ShapeError(op, `boxes must be [..., 4], got ${shapeText(boxes1.shape)}`, boxes1.shape);
  }
  const [a, b] = [cornersOf(boxes1), cornersOf(boxes2)];
  const common = {
    x1: maximum(a.x1, b.x1),
    y1: maximum(a.y1, b.y1),
    x2: minimum(a.x2, b.x2),
    y2: minimum(a.y2, b.y2),
  };
  const meet = logicalAnd(gt(common.y2, common.y1), gt(common.x2, common.x1));
  const shared = where(meet, area(common), 0);
  const union = sub(add(area(a), area(b)), shared);
  const around = {
    x1: minimum(a.x1, b.x1),
    y1: minimum(a.y1, b.y1),
    x2: maximum(a.x2, b.x2),
    y2: maximum(a.y2, b.y2),
  };
  return { a, b, union, iou: div(shared, add(union, eps)), around, eps, reduction };
}

/** As torchvision: the mean of no boxes is 0. */
const reducedBoxes = (losses: Tensor, reduction: Reduction): Tensor =>
  reduction === 'mean' && losses.numel === 0 ? mul(sum(losses), 0) : reduced(losses, reduction);

/**
 * `1 - GIoU` of boxes `[..., 4]` as `(x1, y1, x2, y2)` with `x1 < x2`, `y1 < y2`, pair by pair: `[...]`.
 * `GIoU = |A and B| / |A or B| - (|C| - |A or B|) / |C|`, where C is the smallest box around both.
 *
 * @throws ShapeError for two shapes or other than 4 numbers a box.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.ops.generalized_box_iou_loss.html
 */
export function generalizedBoxIouLoss(boxes1: Tensor, boxes2: Tensor, options: BoxLossOptions = {}): Tensor {
  const { union, iou, around, eps, reduction } = pairsOf('generalizedBoxIouLoss', boxes1, boxes2, options);
  const whole = area(around);
  const losses = sub(1, sub(iou, div(sub(whole, union), add(whole, eps))));
  return reducedBoxes(losses, reduction);
}

function distanceLosses({ a, b, iou, around, eps }: Pairs): Tensor {
  const diagonal = add(square(sub(around.x2, around.x1)), square(sub(around.y2, around.y1)));
  const x = sub(center(a.x1, a.x2), center(b.x1, b.x2));
  const y = sub(center(a.y1, a.y2), center(b.y1, b.y2));
  return add(sub(1, iou), div(add(square(x), square(y)), add(diagonal, eps)));
}

/**
 * `1 - IoU + d ** 2 / c ** 2` of boxes `[..., 4]`, pair by pair: d is the distance of the centers, c the diagonal of the
 * smallest box around both.
 *
 * @throws ShapeError for two shapes or other than 4 numbers a box.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.ops.distance_box_iou_loss.html
 */
export function distanceBoxIouLoss(boxes1: Tensor, boxes2: Tensor, options: BoxLossOptions = {}): Tensor {
  const pairs = pairsOf('distanceBoxIouLoss', boxes1, boxes2, options);
  return reducedBoxes(distanceLosses(pairs), pairs.reduction);
}

/**
 * {@link distanceBoxIouLoss} `+ alpha * v`, where `v = 4 / pi ** 2 * (atan(w2 / h2) - atan(w1 / h1)) ** 2` compares the
 * shapes of the boxes and `alpha = v / (1 - IoU + v)` is a constant for the gradient.
 *
 * @throws ShapeError for two shapes or other than 4 numbers a box.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.ops.complete_box_iou_loss.html
 */
export function completeBoxIouLoss(boxes1: Tensor, boxes2: Tensor, options: BoxLossOptions = {}): Tensor {
  const pairs = pairsOf('completeBoxIouLoss', boxes1, boxes2, options);
  const { a, b, iou, eps, reduction } = pairs;
  const angle = (box: Corners): Tensor => atan(div(sub(box.x2, box.x1), sub(box.y2, box.y1)));
  const v = mul(square(sub(angle(b), angle(a))), 4 / Math.PI ** 2);
  const fixed = v.detach();
  const alpha = div(fixed, add(add(sub(1, iou.detach()), fixed), eps));
  return reducedBoxes(add(distanceLosses(pairs), mul(alpha, v)), reduction);
}

/**
 * The Dice loss of segmentation, for probabilities `input` and a `target` of 0 and 1 (or probabilities), both `[N, ...]`:
 * `1 - (2 * sum(input * target) + smooth) / (sum(input) + sum(target) + smooth)` with sums over all but the first axis,
 * so `[N]` before the reduction. (torchvision has no such function.)
 *
 * @throws ShapeError for two shapes or without a batch axis.
 * Source: Milletari, Navab, Ahmadi, V-Net, 2016; Sudre et al., Generalised Dice overlap, 2017.
 */
export function diceLoss(input: Tensor, target: Tensor, options: DiceLossOptions = {}): Tensor {
  const op = 'diceLoss';
  checkFloats(op, { input, target });
  checkSameShape(op, input, target);
  const reduction = reductionOf(op, options);
  const smooth = checkFactor(op, 'smooth', options.smooth ?? 1);
  if (input.ndim < 1) throw new ShapeError(op, 'a batch [N, ...] is needed, got a tensor of no axes', input.shape);
  const total = (x: Tensor): Tensor => (x.ndim === 1 ? x : sum(flatten(x, 1), 1));
  const shared = total(mul(input, target));
  const both = add(total(input), total(target));
  return reduced(sub(1, div(add(mul(shared, 2), smooth), add(both, smooth))), reduction);
}
