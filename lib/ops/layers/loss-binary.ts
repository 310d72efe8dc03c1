// Losses of yes-or-no decisions: binary cross entropy and its kin.

import { runInFrame, Scope } from '../../tensor/frame.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { add, div, mul, sub } from '../pointwise/arithmetic.js';
import { clamp } from '../pointwise/select.js';
import { log, log1p, neg } from '../pointwise/unary.js';
import { mean } from '../reduce/reduce.js';
import { logSigmoid } from './activation.js';
import {
  checkFloats,
  checkSameShape,
  type LossOptions,
  reduced,
  reductionOf,
  type WeightedLossOptions,
  weighted,
} from './loss-common.js';

/** Logarithms no lower than -100, so that a certain mistake costs 100 and not infinity. */
const boundedLog = (x: Tensor): Tensor => clamp(log(x), -100);
const boundedLog1m = (x: Tensor): Tensor => clamp(log1p(neg(x)), -100);

/** What PyTorch divides by at least: 1e-12 as a float32, in float64 too. */
const LEAST = Math.fround(1e-12);

/** Runs a formula of ops without recording it; only its result stays. */
function unrecorded(formula: () => Tensor): Tensor {
  const scope = new Scope(null);
  const result = runInFrame({ scope, grad: false }, formula);
  result.keep();
  scope.close(null);
  return result;
}

// A record of its own: PyTorch's gradient at 0 and 1 is not that of the clamped logarithms.
const binaryCrossEntropyOp = defineOp({
  name: 'binaryCrossEntropy',
  inputs: ['input', 'target'],
  forward: (x: Tensor, t: Tensor) => unrecorded(() => sub(mul(sub(t, 1), boundedLog1m(x)), mul(t, boundedLog(x)))),
  save: (_out, x, t) => ({ x, t }),
  backward: ([g], { x, t }, needs) => [
    needs[0] ? mul(g, div(sub(x, t), clamp(mul(sub(1, x), x), LEAST))) : null,
    needs[1] ? mul(g, sub(boundedLog1m(x), boundedLog(x))) : null,
  ],
});

/**
 * Cross entropy of probabilities: `-(t log(x) + (1 - t) log(1 - x))`, each logarithm at least -100. The weight, if any,
 * multiplies the elements before the reduction.
 *
 * @param input `[*]`, probabilities in [0, 1]
 * @param target `[*]`, in [0, 1]
 * @throws ShapeError when input and target differ in shape.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.binary_cross_entropy.html
 */
export function binaryCrossEntropy(input: Tensor, target: Tensor, options: WeightedLossOptions = {}): Tensor {
  checkFloats('binaryCrossEntropy', { input, target });
  checkSameShape('binaryCrossEntropy', input, target);
  const reduction = reductionOf('binaryCrossEntropy', options);
  const losses = binaryCrossEntropyOp(input, target);
  return reduced(weighted('binaryCrossEntropy', losses, options.weight), reduction);
}

/** Options of {@link binaryCrossEntropyWithLogits}. */
export interface LogitsLossOptions extends WeightedLossOptions {
  /** What a positive target counts more; broadcasts to the input, `[C]` for one factor per class. */
  posWeight?: Tensor | null;
}

/**
 * {@link binaryCrossEntropy} of `sigmoid(input)`, without its overflow:
 * `(1 - t) x - (1 + (posWeight - 1) t) log(sigmoid(x))`.
 *
 * @param input `[*]`, logits
 * @param target `[*]`, in [0, 1]
 * @throws ShapeError when input and target differ in shape.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.binary_cross_entropy_with_logits.html
 */
export function binaryCrossEntropyWithLogits(input: Tensor, target: Tensor, options: LogitsLossOptions = {}): Tensor {
  const op = 'binaryCrossEntropyWithLogits';
  checkFloats(op, { input, target });
  checkSameShape(op, input, target);
  const reduction = reductionOf(op, options);
  const { posWeight } = options;
  const logs = logSigmoid(input);
  let scaled = logs;
  if (posWeight) {
    checkFloats(op, { posWeight });
    scaled = mul(add(mul(sub(posWeight, 1), target), 1), logs);
  }
  return reduced(weighted(op, sub(mul(sub(1, target), input), scaled), options.weight), reduction);
}

/**
 * `log(1 + e^(-target * input))` for targets of 1 and -1, without overflow. The shapes broadcast.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.soft_margin_loss.html
 */
export function softMarginLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkFloats('softMarginLoss', { input, target });
  const reduction = reductionOf('softMarginLoss', options);
  return reduced(neg(logSigmoid(mul(input, target))), reduction);
}

/**
 * {@link binaryCrossEntropyWithLogits} of each class, averaged over the classes (the last axis).
 *
 * @param input `[N, C]` or `[C]`, logits
 * @param target of the same shape, 0 or 1
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.multilabel_soft_margin_loss.html
 */
export function multilabelSoftMarginLoss(input: Tensor, target: Tensor, options: WeightedLossOptions = {}): Tensor {
  const op = 'multilabelSoftMarginLoss';
  checkFloats(op, { input, target });
  const reduction = reductionOf(op, options);
  const losses = neg(add(mul(target, logSigmoid(input)), mul(sub(1, target), logSigmoid(neg(input)))));
  return reduced(mean(weighted(op, losses, options.weight), -1), reduction);
}
