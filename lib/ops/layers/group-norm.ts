// Normalization of groups of channels (group, instance norm; native/ops/group_norm.cpp), across channels and of vectors.
import { ArgumentError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { zeros } from '../../tensor/create.js';
import { isGradEnabled } from '../../tensor/frame.js';
import { noGrad } from '../../tensor/scope.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { add, div, mul, pow, sub } from '../pointwise/arithmetic.js';
import { clamp } from '../pointwise/select.js';
import { rsqrt, square } from '../pointwise/unary.js';
import { norm, variance } from '../reduce/moments.js';
import { type Dims, mean } from '../reduce/reduce.js';
import { pad } from '../shape/pad.js';
import { contiguous, narrow, reshape, sumTo } from '../shape/view.js';
import { checkEps, checkNormInput, type NormOptions } from './layer-norm.js';
import { batchNorm, checkVector, dense, emptyDense } from './norm.js';

/** Mean and 1 / standard deviation of each image and group, written by forward and kept for backward. */
interface Used {
  mean: Tensor | null;
  rstd: Tensor | null;
}

const id = (x: Tensor | null): number => x?._id ?? 0;

const groupNormOp = defineOp({
  name: 'groupNorm',
  inputs: ['input', 'weight?', 'bias?'],
  narrow: 'mixed',
  forward: (x: Tensor, weight: Tensor | null, bias: Tensor | null, groups: number, eps: number, used: Used) => {
    const out = emptyDense(x);
    used.mean = emptyContiguous([x.shape[0], groups], x.dtype);
    used.rstd = emptyContiguous([x.shape[0], groups], x.dtype);
    native.groupNorm(out._id, x._id, id(weight), id(bias), used.mean._id, used.rstd._id, groups, eps);
    return out;
  },
  save: (_out, x, weight, _bias, groups, eps, used) => ({ x, weight, mean: used.mean, rstd: used.rstd, groups, eps }),
  backward: ([g], { x, weight, mean, rstd, groups, eps }, needs) => {
    const shapes = [x.shape, [x.shape[1]], [x.shape[1]]];
    if (x.numel === 0) return needs.map((needed, i) => (needed ? zeros(shapes[i], { dtype: x.dtype }) : null));
    if (isGradEnabled()) return composedGradients(g, x, weight, groups, eps, needs);
    const outputs = backwardOp(dense(g, x), x, weight, mean as Tensor, rstd as Tensor, groups, needs);
    let next = 0;
    return needs.map((needed) => (needed ? outputs[next++] : null));
  },
});

const backwardOp = defineOp({
  name: 'groupNormBackward',
  inputs: ['gradient', 'input', 'weight?'],
  forward: (
    g: Tensor,
    x: Tensor,
    weight: Tensor | null,
    mean: Tensor,
    rstd: Tensor,
    groups: number,
    needs: readonly boolean[],
  ): readonly Tensor[] => {
    const outputs = needs.map((needed, i) =>
      !needed ? null : i === 0 ? emptyDense(x) : emptyContiguous([x.shape[1]], x.dtype),
    );
    const [gradX, gradWeight, gradBias] = outputs.map(id);
    native.groupNormBackward(gradX, gradWeight, gradBias, g._id, x._id, id(weight), mean._id, rstd._id, groups);
    return outputs.filter((output) => output !== null);
  },
});

/** The same gradients from ops that have gradients themselves. */
function composedGradients(
  g: Tensor,
  x: Tensor,
  weight: Tensor | null,
  groups: number,
  eps: number,
  needs: readonly boolean[],
): readonly (Tensor | null)[] {
  const [images, channels] = x.shape;
  const column = [1, channels, ...x.shape.slice(2).map(() => 1)];
  const grouped = (t: Tensor): Tensor => reshape(t, [images, groups, x.numel / (images * groups)]);
  const average = (t: Tensor): Tensor => mean(t, 2, { keepdim: true });
  const rows = grouped(x);
  const deviation = sub(rows, average(rows));
  const rstd = rsqrt(add(average(square(deviation)), eps));
  const normal = mul(deviation, rstd);
  const u = grouped(weight ? mul(g, reshape(weight, column)) : g);
  const towards = sub(sub(u, average(u)), mul(normal, average(mul(u, normal))));
  return [
    reshape(mul(towards, rstd), x.shape),
    needs[1] ? reshape(sumTo(mul(g, reshape(normal, x.shape)), column), [channels]) : null,
    needs[2] ? reshape(sumTo(g, column), [channels]) : null,
  ];
}

function normalizeGroups(
  op: string,
  x: Tensor,
  groups: number,
  weight: Tensor | null | undefined,
  bias: Tensor | null | undefined,
  eps: number,
): Tensor {
  checkVector(op, 'weight', weight, x);
  checkVector(op, 'bias', bias, x);
  const [w, b] = [weight ? contiguous(weight) : null, bias ? contiguous(bias) : null];
  const used: Used = { mean: null, rstd: null };
  const out = groupNormOp(dense(x), w, b, groups, eps, used);
  used.mean?.dispose(); // what backward needs stays
  used.rstd?.dispose();
  return out;
}

/**
 * Normalizes each of `numGroups` groups of channels of each sample by its own mean and (biased) variance, then
 * `* weight + bias` per channel (Wu and He, 2018).
 *
 * @param x `[N, C, ...]`
 * @param numGroups divides C
 * @param weight `[C]`, or nothing
 * @param bias `[C]`, or nothing
 * @throws ShapeError when the channels do not divide into the groups or a parameter does not fit.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.group_norm.html
 */
export function groupNorm(
  x: Tensor,
  numGroups: number,
  weight?: Tensor | null,
  bias?: Tensor | null,
  options: NormOptions = {},
): Tensor {
  checkNormInput('groupNorm', x, options);
  if (!Number.isInteger(numGroups) || numGroups < 1) {
    throw new ArgumentError('groupNorm', `numGroups must be an integer >= 1, got ${valueText(numGroups)}`, numGroups);
  }
  if (x.ndim < 2) throw new ShapeError('groupNorm', `input must be [N, C, ...], got ${shapeText(x.shape)}`, x.shape);
  if (x.shape[1] % numGroups !== 0) {
    const text = `${x.shape[1]} channels do not divide into ${numGroups} groups (input ${shapeText(x.shape)})`;
    throw new ShapeError('groupNorm', text, x.shape);
  }
  return normalizeGroups('groupNorm', x, numGroups, weight, bias, checkEps('groupNorm', options.eps ?? 1e-5));
}

/** Options of {@link instanceNorm}. */
export interface InstanceNormOptions extends NormOptions {
  /** Normalize by each instance's own statistics. Default true; otherwise by the running ones. */
  useInputStats?: boolean;
  /** How far the running statistics move. Default 0.1. */
  momentum?: number;
}

/**
 * Normalizes each channel of each sample by its own mean and (biased) variance, then `* weight + bias` per channel
 * (Ulyanov et al., 2016). Running statistics, where given, move towards the batch's average of both.
 *
 * @param x `[N, C, ...]` with more than one element per channel
 * @throws ShapeError where sizes do not fit, or there is but one value per channel.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.instance_norm.html
 */
export function instanceNorm(
  x: Tensor,
  runningMean?: Tensor | null,
  runningVar?: Tensor | null,
  weight?: Tensor | null,
  bias?: Tensor | null,
  options: InstanceNormOptions = {},
): Tensor {
  checkNormInput('instanceNorm', x, options);
  const { useInputStats = true, momentum = 0.1 } = options;
  const eps = checkEps('instanceNorm', options.eps ?? 1e-5);
  if (x.ndim < 3)
    throw new ShapeError('instanceNorm', `input must be [N, C, L, ...], got ${shapeText(x.shape)}`, x.shape);
  if (!useInputStats) {
    return batchNorm(x, runningMean ?? null, runningVar ?? null, weight, bias, { eps, momentum });
  }
  if (x.shape.slice(2).every((size) => size === 1)) {
    const text = `more than 1 value per channel is needed, got ${shapeText(x.shape)}`;
    throw new ShapeError('instanceNorm', text, x.shape);
  }
  const out = normalizeGroups('instanceNorm', x, x.shape[1], weight, bias, eps);
  updateRunning(x, runningMean, runningVar, momentum);
  return out;
}

function updateRunning(
  x: Tensor,
  runningMean: Tensor | null | undefined,
  runningVar: Tensor | null | undefined,
  momentum: number,
): void {
  const inner: Dims = x.shape.slice(2).map((_, i) => i + 2);
  noGrad(() => {
    if (runningMean) {
      checkVector('instanceNorm', 'runningMean', runningMean, x);
      runningMean.mul_(1 - momentum).add_(mean(mean(x, inner), 0), { alpha: momentum });
    }
    if (runningVar) {
      checkVector('instanceNorm', 'runningVar', runningVar, x);
      runningVar.mul_(1 - momentum).add_(mean(variance(x, inner), 0), { alpha: momentum });
    }
  });
}

/** Options of {@link localResponseNorm}. */
export interface LocalResponseNormOptions {
  /** Default 1e-4. */
  alpha?: number;
  /** Default 0.75. */
  beta?: number;
  /** Default 1. */
  k?: number;
}

/**
 * `x / (k + alpha * mean of x^2 over size neighbouring channels) ^ beta`, channels beyond the border being 0
 * (Krizhevsky et al., 2012).
 *
 * @param x `[N, C, ...]`
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.local_response_norm.html
 */
export function localResponseNorm(x: Tensor, size: number, options: LocalResponseNormOptions = {}): Tensor {
  checkNormInput('localResponseNorm', x, options);
  const { alpha = 1e-4, beta = 0.75, k = 1 } = options;
  if (!Number.isInteger(size) || size < 1) {
    throw new ArgumentError('localResponseNorm', `size must be an integer >= 1, got ${valueText(size)}`, size);
  }
  if (x.ndim < 3) {
    throw new ShapeError('localResponseNorm', `input must be [N, C, L, ...], got ${shapeText(x.shape)}`, x.shape);
  }
  if (x.numel === 0) return x;
  const borders = [...x.shape.slice(2).flatMap(() => [0, 0]), Math.floor(size / 2), Math.floor((size - 1) / 2)];
  const squares = pad(square(x), borders);
  let total = narrow(squares, 1, 0, x.shape[1]);
  for (let i = 1; i < size; i++) total = add(total, narrow(squares, 1, i, x.shape[1]));
  return div(x, pow(add(mul(total, alpha / size), k), beta));
}

/** Options of {@link normalize}. */
export interface NormalizeOptions {
  /** Order of the norm. Default 2. */
  p?: number;
  /** Axes of the vectors. Default 1. */
  dim?: Dims;
  /** The least divisor. Default 1e-12. */
  eps?: number;
}

/**
 * `x / max(norm(x), eps)`, with the p-norm along `dim`. The result has the same shape.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.normalize.html
 */
export function normalize(x: Tensor, options: NormalizeOptions = {}): Tensor {
  checkNormInput('normalize', x, options);
  const { p = 2, dim = 1 } = options;
  const eps = checkEps('normalize', options.eps ?? 1e-12);
  return div(x, clamp(norm(x, p, dim, { keepdim: true }), eps));
}
