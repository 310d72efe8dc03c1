// Samples mixed with their neighbours in the batch: mixup and CutMix.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../errors.js';
import { oneHot } from '../nn/functional.js';
import '../ops/index.js';
import type { RandomOptions } from '../ops/random/draw.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { isFloating } from '../tensor/dtype.js';
import { generatorOf } from '../tensor/random.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { BatchTransform } from '../training/index.js';
import { checkBatch, checkCount, checkPositive } from './check.js';
import { Draws } from './draws.js';
import { boxMask } from './erase.js';

/** Options of {@link mixup} and {@link cutMix}. */
export interface MixOptions extends RandomOptions {
  /** The share of a sample is drawn from Beta(alpha, alpha): small values mix little. Default 1: all shares alike. */
  alpha?: number;
  /** Number of classes; needed where targets are class indices. */
  numClasses?: number;
}

/** @internal Checked {@link MixOptions}. */
export interface MixRules {
  readonly op: string;
  readonly alpha: number;
  readonly numClasses: number | undefined;
}

/** @internal */
export function mixRules(op: string, options: MixOptions, usual: number): MixRules {
  checkOptions(op, options);
  const { alpha = usual, numClasses } = options;
  checkPositive(op, 'alpha', alpha);
  if (numClasses !== undefined) checkCount(op, 'numClasses', numClasses, 2);
  generatorOf(op, options.generator);
  return { op, alpha, numClasses };
}

/** @internal `share` of each sample and the rest of the one before it. */
export const mixed = (x: Tensor, share: number): Tensor => x.mul(share).add(x.roll(1, 0).mul(1 - share));

/** @internal Targets as numbers that can be mixed: one-hot rows of class indices. */
export function softTarget({ op, numClasses }: MixRules, input: Tensor, target: Tensor): Tensor {
  checkTensor(op, target, 'target');
  if (target.ndim === 0 || target.shape[0] !== input.shape[0]) {
    const text = `input and target must have as many samples, got ${shapeText(input.shape)} and ${shapeText(target.shape)}`;
    throw new ShapeError(op, text, input.shape, target.shape);
  }
  if (isFloating(target.dtype)) return target;
  const dtype = isFloating(input.dtype) ? input.dtype : 'float32';
  if (target.ndim === 2 && (numClasses === undefined || target.shape[1] === numClasses)) return target.to(dtype);
  if (target.ndim !== 1) {
    const text = `targets are [N] class indices or [N, ${numClasses ?? 'C'}], got ${shapeText(target.shape)}`;
    throw new ShapeError(op, text, target.shape);
  }
  if (numClasses === undefined) {
    throw new ArgumentError(op, 'numClasses is needed for targets that are class indices', numClasses);
  }
  return oneHot(target.to('int64'), numClasses).to(dtype);
}

/**
 * mixup: each sample becomes `lambda * sample + (1 - lambda) * the one before it in the batch`, and so does its target;
 * lambda is drawn from Beta(alpha, alpha), once a batch. Input `[N, ...]` in a floating-point dtype, in random order; target
 * `[N]` class indices, which become `[N, numClasses]` probabilities for `nn.CrossEntropyLoss`, or any floating-point
 * `[N, ...]`.
 *
 * @example
 * new Trainer({ model, loss, optimizer, batchTransforms: [regularizers.mixup({ alpha: 0.2, numClasses: 10 })] });
 *
 * @throws ArgumentError unless `alpha` is more than 0.
 * Source: Zhang et al., mixup: Beyond Empirical Risk Minimization, 2018; torchvision.transforms.v2.MixUp.
 */
export function mixup(options: MixOptions = {}): BatchTransform {
  const rules = mixRules('mixup', options, 1);
  return (input, target) => {
    checkBatch('mixup', input, 1, '[N, ...]');
    if (!isFloating(input.dtype)) throw new DTypeError('mixup', `input must be floating-point, got ${input.dtype}`);
    return noGrad((): [Tensor, Tensor] => {
      const soft = softTarget(rules, input, target);
      const share = new Draws('mixup', options.generator).beta(rules.alpha, rules.alpha);
      return [mixed(input, share), mixed(soft, share)];
    });
  };
}

/** A rectangle of rows [y1, y2) and columns [x1, x2). */
type Box = readonly [x1: number, y1: number, x2: number, y2: number];

/** torchvision's: sides are in proportion to those of the image, the centre lies anywhere in it. */
function drawBox(draws: Draws, share: number, width: number, height: number): Box {
  const [x, y] = [draws.below(width), draws.below(height)];
  const ratio = 0.5 * Math.sqrt(1 - share);
  const [w, h] = [Math.floor(ratio * width), Math.floor(ratio * height)];
  return [Math.max(0, x - w), Math.max(0, y - h), Math.min(width, x + w), Math.min(height, y + h)];
}

/**
 * CutMix: a rectangle of each image is taken from the one before it in the batch, the same rectangle for all; targets are
 * mixed by its area. Its sides are `sqrt(1 - lambda)` of the image's, lambda drawn from Beta(alpha, alpha). Input
 * `[N, ..., H, W]`; targets as for {@link mixup}.
 *
 * @throws ArgumentError unless `alpha` is more than 0.
 * Source: Yun et al., CutMix, 2019; torchvision.transforms.v2.CutMix.
 */
export function cutMix(options: MixOptions = {}): BatchTransform {
  const op = 'cutMix';
  const rules = mixRules(op, options, 1);
  return (input, target) => {
    checkBatch(op, input, 3, '[N, ..., H, W]');
    return noGrad((): [Tensor, Tensor] => {
      const [height, width] = input.shape.slice(-2);
      const soft = softTarget(rules, input, target);
      if (width === 0 || height === 0) return [input, soft];
      const draws = new Draws(op, options.generator);
      const [x1, y1, x2, y2] = drawBox(draws, draws.beta(rules.alpha, rules.alpha), width, height);
      const inside = boxMask(input.shape, [{ top: y1, left: x1, height: y2 - y1, width: x2 - x1 }]);
      const share = 1 - ((x2 - x1) * (y2 - y1)) / (width * height);
      return [input.roll(1, 0).where(inside, input), mixed(soft, share)];
    });
  };
}

/** Options of {@link randomChoice}. */
export interface RandomChoiceOptions extends RandomOptions {
  /** How likely each is, in proportion. Default: all alike. */
  p?: readonly number[];
}

/**
 * One of several transforms for each batch, such as mixup or CutMix.
 *
 * @throws ArgumentError for an empty list or other than one `p` each.
 * Source: torchvision.transforms.v2.RandomChoice.
 */
export function randomChoice(transforms: readonly BatchTransform[], options: RandomChoiceOptions = {}): BatchTransform {
  const op = 'randomChoice';
  checkOptions(op, options);
  generatorOf(op, options.generator);
  if (!Array.isArray(transforms) || transforms.length === 0 || transforms.some((one) => typeof one !== 'function')) {
    throw new ArgumentError(op, `one or more functions are needed, got ${valueText(transforms)}`, transforms);
  }
  const list = [...transforms] as BatchTransform[];
  const { p = list.map(() => 1) } = options;
  const total = Array.isArray(p) ? p.reduce((sum: number, weight: number) => sum + weight, 0) : Number.NaN;
  if (p.length !== list.length || p.some((weight) => !(weight >= 0)) || !(total > 0 && total < Infinity)) {
    throw new ArgumentError(op, `p needs a number >= 0 for each of ${list.length} transforms, got ${valueText(p)}`, p);
  }
  return (input, target) => {
    let rest = new Draws(op, options.generator).uniform() * total;
    const chosen = p.findIndex((weight) => {
      rest -= weight;
      return rest < 0;
    });
    return list[chosen < 0 ? list.length - 1 : chosen](input, target);
  };
}
