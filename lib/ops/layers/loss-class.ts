// Losses over classes. Cross entropy with class indices is one fused kernel forward and one backward (native/ops/softmax.h).
import { ArgumentError, AutogradError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { emptyLikeLayout } from '../../tensor/create.js';
import { computeDType, isFloating } from '../../tensor/dtype.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { numelOf, sameShape } from '../../tensor/layout.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { gather, oneHot } from '../indexing/indexing.js';
import { add, div, mul, sub } from '../pointwise/arithmetic.js';
import { ne } from '../pointwise/compare.js';
import { where } from '../pointwise/select.js';
import { neg } from '../pointwise/unary.js';
import { sum } from '../reduce/reduce.js';
import { contiguous, permute, reshape, squeeze, to, unsqueeze } from '../shape/view.js';
import { checkFloat, checkReduction, type LossOptions, type Reduction } from './loss-common.js';
import { logSoftmax, softmax } from './softmax.js';

/** Options of {@link nllLoss}. */
export interface NllLossOptions extends LossOptions {
  /** `[C]`: what each class counts. Default 1 each. */
  weight?: Tensor | null;
  /** Targets with this value count nothing. Default -100. */
  ignoreIndex?: number;
}

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions extends NllLossOptions {
  /** Part of the target, in [0, 1], that is spread evenly over the classes. Default 0. */
  labelSmoothing?: number;
}

/** As native/ops/softmax.h numbers them. */
const REDUCTIONS: Readonly<Record<Reduction, number>> = { none: 0, mean: 1, sum: 2 };

interface Rule {
  readonly weight: Tensor | null;
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
  readonly reduction: Reduction;
}

function ruleOf(op: string, options: CrossEntropyOptions, x: Tensor, classes: number): Rule {
  checkOptions(op, options);
  const { weight = null, ignoreIndex = -100, reduction = 'mean', labelSmoothing = 0 } = options;
  checkReduction(op, reduction);
  if (!Number.isSafeInteger(ignoreIndex)) {
    throw new ArgumentError(op, `ignoreIndex must be an integer, got ${valueText(ignoreIndex)}`, ignoreIndex);
  }
  if (typeof labelSmoothing !== 'number' || !(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new ArgumentError(op, `labelSmoothing must be in [0, 1], got ${valueText(labelSmoothing)}`, labelSmoothing);
  }
  if (weight) checkWeight(op, weight, x, classes);
  return { weight, ignoreIndex, labelSmoothing, reduction };
}

function checkWeight(op: string, weight: Tensor, x: Tensor, classes: number): void {
  checkTensor(op, weight, 'weight');
  if (weight.ndim !== 1 || weight.shape[0] !== classes) {
    const text = `weight has shape ${shapeText(weight.shape)}, ${classes} classes need [${classes}]`;
    throw new ShapeError(op, `${text} (input ${shapeText(x.shape)})`, weight.shape, x.shape);
  }
  if (weight.dtype !== x.dtype) {
    throw new DTypeError(op, `input is ${x.dtype}, weight is ${weight.dtype}`, x.dtype, weight.dtype);
  }
}

/** Class indices must have the input's shape without the classes. */
function checkTarget(op: string, x: Tensor, target: Tensor): void {
  const rows = x.ndim === 1 ? [] : x.shape.filter((_, i) => i !== 1);
  if (x.ndim === 0 || !sameShape(target.shape, rows)) {
    const expected = x.ndim === 0 ? 'an input [N, C, ...] or [C]' : `class indices ${shapeText(rows)}`;
    const text = `input ${shapeText(x.shape)} and target ${shapeText(target.shape)} do not go together`;
    throw new ShapeError(op, `${text}: ${expected} expected`, x.shape, target.shape);
  }
  if (target.dtype !== 'int64' && target.dtype !== 'int32' && target.dtype !== 'uint8') {
    throw new DTypeError(op, `class indices must be int64, int32 or uint8, got ${target.dtype}`, target.dtype);
  }
}

/** lse and totalWeight: written by forward, kept for backward. */
const crossEntropyOp = defineOp({
  name: 'crossEntropy',
  inputs: ['input', 'target', 'weight?'],
  forward: (x: Tensor, target: Tensor, weight: Tensor | null, lse: Tensor, totalWeight: Tensor, rule: Rule) => {
    const loss = emptyContiguous(rule.reduction === 'none' ? target.shape : [], x.dtype);
    native.crossEntropy(
      loss._id,
      lse._id,
      totalWeight._id,
      x._id,
      target._id,
      weight?._id ?? 0,
      rule.ignoreIndex,
      rule.labelSmoothing,
      REDUCTIONS[rule.reduction],
    );
    return loss;
  },
  save: (_loss, x, target, weight, lse, totalWeight, rule) => ({ x, target, weight, lse, totalWeight, rule }),
  backward: ([g], { x, target, weight, lse, totalWeight, rule }) => [
    isGradEnabled()
      ? composedGradient(g, x, target, weight, totalWeight, rule)
      : crossEntropyBackward(contiguous(g), x, target, weight, lse, totalWeight, rule),
    null,
    null,
  ],
});

const crossEntropyBackward = defineOp({
  name: 'crossEntropyBackward',
  inputs: ['gradient', 'input', 'target', 'weight?'],
  forward: (
    g: Tensor,
    x: Tensor,
    target: Tensor,
    weight: Tensor | null,
    lse: Tensor,
    totalWeight: Tensor,
    rule: Rule,
  ) => {
    const gradX = emptyLikeLayout(x);
    native.crossEntropyBackward(
      gradX._id,
      g._id,
      x._id,
      lse._id,
      target._id,
      weight?._id ?? 0,
      totalWeight._id,
      rule.ignoreIndex,
      rule.labelSmoothing,
      REDUCTIONS[rule.reduction],
    );
    return gradX;
  },
});

/** Targets that count, as numbers; the others replaced by class 0. */
function maskTarget(target: Tensor, rule: Rule, like: Tensor): { valid: Tensor; classes: Tensor } {
  const index = to(target, 'int64');
  const counts = ne(index, rule.ignoreIndex);
  return { valid: to(counts, like.dtype), classes: where(counts, index, 0) };
}

/** What each row's target weighs, 0 for ignored ones. */
function targetWeights(valid: Tensor, classes: Tensor, weight: Tensor | null): Tensor {
  if (!weight) return valid;
  return mul(valid, reshape(gather(weight, 0, reshape(classes, [classes.numel])), classes.shape));
}

/** The gradient from ops that have gradients themselves: `(1 - e) w_t (p - y) + e / C (W p - w)` per row. */
function composedGradient(
  g: Tensor,
  x: Tensor,
  target: Tensor,
  weight: Tensor | null,
  totalWeight: Tensor,
  rule: Rule,
): Tensor {
  const classes = x.shape[1];
  const { valid, classes: index } = maskTarget(target, rule, x);
  const last = index.ndim;
  const order = [0, last, ...Array.from({ length: last - 1 }, (_, i) => i + 1)];
  const hot = permute(to(oneHot(index, classes), x.dtype), order);
  const p = softmax(x, 1);
  const own = unsqueeze(targetWeights(valid, index, weight), 1);
  let inner = mul(mul(sub(p, hot), own), 1 - rule.labelSmoothing);
  if (rule.labelSmoothing > 0) {
    const column = weight ? reshape(weight, [1, classes, ...x.shape.slice(2).map(() => 1)]) : null;
    const spread = column ? sub(mul(p, sum(column)), column) : sub(mul(p, classes), 1);
    inner = add(inner, mul(mul(spread, unsqueeze(valid, 1)), rule.labelSmoothing / classes));
  }
  const scale = rule.reduction === 'mean' ? div(g, totalWeight) : g;
  return mul(inner, rule.reduction === 'none' ? unsqueeze(scale, 1) : scale);
}

/** Class probabilities as target: composed, so the target gets a gradient too. */
function probabilityLoss(x: Tensor, target: Tensor, rule: Rule): Tensor {
  if (!isFloating(target.dtype)) {
    const text = `a target of the input's shape holds class probabilities and must be floating-point, got ${target.dtype}`;
    throw new DTypeError('crossEntropy', text, target.dtype);
  }
  const dim = x.ndim === 1 ? 0 : 1;
  const classes = x.shape[dim];
  const { labelSmoothing: e, weight, reduction } = rule;
  const smooth = e > 0 ? add(mul(target, 1 - e), e / classes) : target;
  let terms = mul(logSoftmax(x, dim), smooth);
  if (weight) {
    terms = mul(
      terms,
      reshape(
        weight,
        x.shape.map((_, i) => (i === dim ? classes : 1)),
      ),
    );
  }
  if (reduction === 'none') return neg(sum(terms, dim));
  const total = neg(sum(terms));
  return reduction === 'sum' ? total : div(total, numelOf(x.shape) / classes);
}

/**
 * Cross entropy between logits and classes. `input` is `[N, C]`, `[N, C, d1, ...]` or `[C]`; `target` holds class
 * indices (int64, int32, uint8) of shape `[N]`, `[N, d1, ...]` or `[]`, or class probabilities of the input's shape.
 *
 * For class t of a row: `loss = w[t] * (log(sum(exp(x))) - x[t])`. 'mean' divides the sum by the sum of the targets'
 * weights. With label smoothing e the loss is `(1 - e)` of that plus `e / C` of the sum over all classes c of
 * `w[c] * (log(sum(exp(x))) - x[c])`. A class index out of range rejects the next read.
 *
 * @throws ShapeError where input and target do not go together, DTypeError for a target of another kind.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.cross_entropy.html
 */
export function crossEntropy(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkTensor('crossEntropy', input);
  checkTensor('crossEntropy', target, 'target');
  checkFloat('crossEntropy', 'input', input);
  const rule = ruleOf('crossEntropy', options, input, input.ndim === 1 ? input.shape[0] : input.shape[1]);
  if (input.ndim > 0 && sameShape(input.shape, target.shape)) return probabilityLoss(input, target, rule);
  checkTarget('crossEntropy', input, target);
  if (rule.weight?.requiresGrad && isGradEnabled()) {
    throw new AutogradError('crossEntropy', 'weight has no gradient with class indices; detach it');
  }
  const x = input.ndim === 1 ? unsqueeze(input, 0) : input;
  const rows = contiguous(input.ndim === 1 ? unsqueeze(target, 0) : target);
  const lse = emptyContiguous(rows.shape, computeDType(x.dtype));
  const totalWeight = emptyContiguous([], lse.dtype);
  const weight = rule.weight && contiguous(rule.weight);
  const loss = crossEntropyOp(x, rows, weight, lse, totalWeight, rule);
  for (const t of [lse, totalWeight]) t.dispose(); // what backward needs stays
  return input.ndim === 1 && rule.reduction === 'none' ? squeeze(loss, 0) : loss;
}

/**
 * Negative log likelihood: {@link crossEntropy} with class indices on log-probabilities, `-w[t] * input[t]` per row.
 * Input `[N, C, ...]`, target `[N, ...]`.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.nll_loss.html
 */
export function nllLoss(input: Tensor, target: Tensor, options: NllLossOptions = {}): Tensor {
  checkTensor('nllLoss', input);
  checkTensor('nllLoss', target, 'target');
  checkFloat('nllLoss', 'input', input);
  const rule = ruleOf('nllLoss', options, input, input.ndim === 1 ? input.shape[0] : input.shape[1]);
  checkTarget('nllLoss', input, target);
  const { valid, classes } = maskTarget(target, rule, input);
  const dim = input.ndim === 1 ? 0 : 1;
  const picked = squeeze(gather(input, dim, unsqueeze(classes, dim)), dim);
  const weights = targetWeights(valid, classes, rule.weight);
  // Ignored rows may hold anything, infinities too.
  const loss = where(ne(valid, 0), neg(mul(picked, weights)), 0);
  if (rule.reduction === 'none') return loss;
  return rule.reduction === 'sum' ? sum(loss) : div(sum(loss), sum(weights));
}
