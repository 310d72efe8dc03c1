// Batch normalization: fused forward and backward (native/ops/norm.h).
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkOptions, checkTensor } from '../../tensor/check.js';
import { computeDType, isFloating, isNarrow } from '../../tensor/dtype.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { channelsLastStrides, contiguousStrides, sameShape } from '../../tensor/layout.js';
import { noGrad } from '../../tensor/scope.js';
import { emptyContiguous, emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { copyTo } from '../narrow.js';
import { add, mul, sub } from '../pointwise/arithmetic.js';
import { rsqrt, square } from '../pointwise/unary.js';
import { mean } from '../reduce/reduce.js';
import { contiguous, reshape, sumTo } from '../shape/view.js';
import { activationCode, activationGrad, type Epilogue, finish, type Rectifier } from './epilogue.js';

/** Options of {@link batchNorm}. */
export interface BatchNormOptions {
  /** Normalize by the batch and update the running statistics. Default false: normalize by the running statistics. */
  training?: boolean;
  /** How far the running statistics move towards the batch's. Default 0.1. */
  momentum?: number;
  /** Added to the variance. Default 1e-5. */
  eps?: number;
}

interface Rule {
  readonly training: boolean;
  readonly momentum: number;
  readonly eps: number;
  readonly activation: Rectifier;
}

const channelsLast = (x: Tensor): boolean => x.isChannelsLast() && !x.isContiguous();

/** Dense memory in the layout that `like` has or gets: channels last or row-major. */
export const dense = (x: Tensor, like = x): Tensor => contiguous(x, channelsLast(like) ? 'channelsLast' : 'contiguous');

export const emptyDense = (like: Tensor): Tensor =>
  emptyStrided(
    like.shape,
    channelsLast(like) ? channelsLastStrides(like.shape) : contiguousStrides(like.shape),
    like.dtype,
  );

/**
 * Written by forward and kept for backward: mean and 1 / standard deviation that normalized; with an activation whose
 * gradient is to come from x also scale and shift, the result being `(x - mean) * scale + shift`.
 */
type Used = readonly [mean: Tensor, invStd: Tensor, scale?: Tensor, shift?: Tensor];

const batchNormOp = defineOp({
  name: 'batchNorm',
  inputs: ['input', 'weight?', 'bias?', 'addend?'],
  narrow: 'mixed',
  forward: (
    x: Tensor,
    weight: Tensor | null,
    bias: Tensor | null,
    addend: Tensor | null,
    running: readonly (Tensor | null)[],
    used: Used,
    rule: Rule,
  ) => {
    const out = emptyDense(x);
    const [runningMean, runningVar] = running;
    native.batchNorm(
      out._id,
      x._id,
      weight?._id ?? 0,
      bias?._id ?? 0,
      addend?._id ?? 0,
      runningMean?._id ?? 0,
      runningVar?._id ?? 0,
      used[0]._id,
      used[1]._id,
      used[2]?._id ?? 0,
      used[3]?._id ?? 0,
      rule.momentum,
      rule.eps,
      rule.training,
      activationCode(rule.activation),
    );
    return out;
  },
  save: (out, x, weight, _bias, addend, _running, used, rule) => ({ x, weight, used, rule, y: addend ? out : null }),
  backward: ([grad], { x, weight, used, rule, y }, needs) => {
    const { activation } = rule;
    const apart = y !== null || isGradEnabled();
    const g = apart ? activationGrad(grad, y ?? normalized(x, used, activation), activation) : grad;
    const grads = isGradEnabled()
      ? composedGradients(g, x, weight, used, rule)
      : fusedGradients(g, x, weight, used, apart ? { ...rule, activation: 'none' } : rule, needs.slice(0, 3));
    return [...grads, needs[3] ? g : null];
  },
});

/** What stood before the activation. */
function normalized(x: Tensor, [center, , scale, shift]: Used, activation: Rectifier): Tensor {
  if (activation === 'none' || !scale || !shift) return x;
  const column = perChannel(x);
  return noGrad(() => add(mul(sub(x, reshape(center, column)), reshape(scale, column)), reshape(shift, column)));
}

const batchNormBackward = defineOp({
  name: 'batchNormBackward',
  inputs: ['gradient', 'input', 'weight?'],
  narrow: 'mixed',
  forward: (
    g: Tensor,
    x: Tensor,
    weight: Tensor | null,
    used: Used,
    { training, activation }: Rule,
    needs: readonly boolean[],
  ): readonly Tensor[] => {
    const outputs = needs.map((needed, i) =>
      !needed ? null : i === 0 ? emptyDense(x) : emptyContiguous([x.shape[1]], x.dtype),
    );
    const [gradX, gradWeight, gradBias] = outputs.map((output) => output?._id ?? 0);
    native.batchNormBackward(
      gradX,
      gradWeight,
      gradBias,
      g._id,
      x._id,
      weight?._id ?? 0,
      used[0]._id,
      used[1]._id,
      used[2]?._id ?? 0,
      used[3]?._id ?? 0,
      training,
      activationCode(activation),
    );
    return outputs.filter((output) => output !== null);
  },
});

const perChannel = (x: Tensor): number[] => x.shape.map((size, i) => (i === 1 ? size : 1));

function fusedGradients(
  g: Tensor,
  x: Tensor,
  weight: Tensor | null,
  used: Used,
  rule: Rule,
  needs: readonly boolean[],
): readonly (Tensor | null)[] {
  const outputs = batchNormBackward(dense(g, x), x, weight, used, rule, needs);
  let next = 0;
  return needs.map((needed) => (needed ? outputs[next++] : null));
}

/** The same gradients from ops that have gradients themselves. In training the statistics depend on x. */
function composedGradients(
  g: Tensor,
  x: Tensor,
  weight: Tensor | null,
  [usedMean, usedInvStd]: Used,
  rule: Rule,
): readonly (Tensor | null)[] {
  const channels = x.shape[1];
  const column = perChannel(x);
  const others = x.shape.map((_, i) => i).filter((i) => i !== 1);
  const average = (t: Tensor): Tensor => mean(t, others, { keepdim: true });
  const center = rule.training ? average(x) : reshape(usedMean, column);
  const deviation = sub(x, center);
  const invStd = rule.training ? rsqrt(add(average(square(deviation)), rule.eps)) : reshape(usedInvStd, column);
  const normal = mul(deviation, invStd);
  const scale = weight ? mul(reshape(weight, column), invStd) : invStd;
  const towards = rule.training ? sub(sub(g, average(g)), mul(normal, average(mul(g, normal)))) : g;
  return [
    mul(towards, scale),
    weight ? reshape(sumTo(mul(g, normal), column), [channels]) : null,
    reshape(sumTo(g, column), [channels]),
  ];
}

/** A vector with one number per channel of `x`, or nothing. */
export function checkVector(op: string, name: string, v: Tensor | null | undefined, x: Tensor): void {
  if (v === null || v === undefined) return;
  checkTensor(op, v, name);
  if (v.ndim !== 1 || v.shape[0] !== x.shape[1]) {
    throw new ShapeError(
      op,
      `${name} has shape ${shapeText(v.shape)}, an input of ${x.shape[1]} channels needs [${x.shape[1]}] (input ${shapeText(x.shape)})`,
      v.shape,
      x.shape,
    );
  }
  // Beside a bfloat16 or float16 input the others may be float32, as in PyTorch.
  if (v.dtype !== x.dtype && v.dtype !== computeDType(x.dtype)) {
    throw new DTypeError(op, `input is ${x.dtype}, ${name} is ${v.dtype}`, x.dtype, v.dtype);
  }
}

function checkRule(options: BatchNormOptions): Omit<Rule, 'activation'> {
  checkOptions('batchNorm', options);
  const { training = false, momentum = 0.1, eps = 1e-5 } = options;
  if (typeof training !== 'boolean') {
    throw new ArgumentError('batchNorm', `training must be a boolean, got ${valueText(training)}`, training);
  }
  for (const [name, value] of [
    ['momentum', momentum],
    ['eps', eps],
  ] as const) {
    if (typeof value !== 'number') {
      throw new ArgumentError('batchNorm', `${name} must be a number, got ${valueText(value)}`, value);
    }
  }
  return { training, momentum, eps };
}

/**
 * Normalizes each channel of `[N, C, ...]`: `out = (input - mean) / sqrt(var + eps) * weight + bias`, with `mean` and
 * (biased) `var` over the batch and all axes but the channels when `training`, else the running statistics.
 *
 * In training the running statistics (which may be null) change in place:
 * `running = (1 - momentum) * running + momentum * batch`, with the unbiased variance.
 *
 * @param weight `[C]`, or nothing
 * @param bias `[C]`, or nothing
 * @throws ShapeError where sizes do not fit, or there is but one value per channel to train on.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.batch_norm.html
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  weight?: Tensor | null,
  bias?: Tensor | null,
  options: BatchNormOptions = {},
): Tensor {
  return batchNormWith(x, { runningMean, runningVar, weight, bias }, options);
}

/** What a batch normalization holds. @internal */
export interface NormTensors {
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
  readonly weight?: Tensor | null;
  readonly bias?: Tensor | null;
}

/** @internal `activation(batchNorm(x) + addend)`: in one kernel where that has the bits of separate ops. */
export function batchNormWith(
  x: Tensor,
  tensors: NormTensors,
  options: BatchNormOptions,
  { activation = 'none', addend }: Epilogue<Rectifier> = {},
): Tensor {
  const rule = { ...checkBatchNorm(x, tensors, options), activation };
  if (activation === 'none' && !addend) return runBatchNorm(x, tensors, rule, null);
  const fits = !addend || (sameShape(addend.shape, x.shape) && addend.dtype === x.dtype);
  // The gradient of an activation behind fixed statistics would need x where that of the rest does not.
  if (fits && !isNarrow(x.dtype) && (rule.training || !isGradEnabled())) {
    return runBatchNorm(x, tensors, rule, addend ? dense(addend, x) : null);
  }
  return finish(runBatchNorm(x, tensors, { ...rule, activation: 'none' }, null), { activation, addend });
}

function checkBatchNorm(
  x: Tensor,
  { runningMean, runningVar, weight, bias }: NormTensors,
  options: BatchNormOptions,
): Omit<Rule, 'activation'> {
  checkTensor('batchNorm', x);
  const rule = checkRule(options);
  if (x.ndim < 2) throw new ShapeError('batchNorm', `input must be [N, C, ...], got ${shapeText(x.shape)}`, x.shape);
  if (!isFloating(x.dtype)) {
    throw new DTypeError('batchNorm', `input must be float32 or float64, got ${x.dtype}`, x.dtype);
  }
  checkVector('batchNorm', 'runningMean', runningMean, x);
  checkVector('batchNorm', 'runningVar', runningVar, x);
  checkVector('batchNorm', 'weight', weight, x);
  checkVector('batchNorm', 'bias', bias, x);
  if (!rule.training && (!runningMean || !runningVar)) {
    throw new ArgumentError('batchNorm', 'without training, runningMean and runningVar are needed', runningMean);
  }
  if (rule.training && x.shape.every((size, i) => i === 1 || size === 1)) {
    throw new ShapeError(
      'batchNorm',
      `training needs more than 1 value per channel, got ${shapeText(x.shape)}`,
      x.shape,
    );
  }
  return rule;
}

function runBatchNorm(
  x: Tensor,
  { runningMean, runningVar, weight, bias }: NormTensors,
  rule: Rule,
  addend: Tensor | null,
): Tensor {
  const statistics = computeDType(x.dtype);
  const vector = () => emptyContiguous([x.shape[1]], statistics);
  const gates = rule.activation !== 'none' && !addend && isGradEnabled();
  const used: Used = gates ? [vector(), vector(), vector(), vector()] : [vector(), vector()];
  const running = [runningMean, runningVar].map((t) => (t && isNarrow(t.dtype) ? copyTo(t, statistics) : t));
  const out = batchNormOp(dense(x), weight ?? null, bias ?? null, addend, running, used, rule);
  for (const t of used) t?.dispose(); // what backward needs stays
  [runningMean, runningVar].forEach((t, i) => {
    const wide = running[i];
    if (!t || !wide || t === wide) return;
    if (rule.training) native.copy(t._id, wide._id);
    wide.dispose();
  });
  if (rule.training) for (const t of [runningMean, runningVar]) t?._bump();
  return out;
}
