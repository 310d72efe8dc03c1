// Connectionist temporal classification: one kernel forward, one backward (native/ops/ctc.h).
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { native } from '../../native.js';
import { checkTensor } from '../../tensor/check.js';
import { emptyLikeLayout, tensor } from '../../tensor/create.js';
import { computeDType, isFloating } from '../../tensor/dtype.js';
import { emptyContiguous, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { div } from '../pointwise/arithmetic.js';
import { clamp } from '../pointwise/select.js';
import { mean } from '../reduce/reduce.js';
import { contiguous, reshape, squeeze, to, unsqueeze } from '../shape/view.js';
import { checkFloat, type LossOptions, reduced, reductionOf } from './loss-common.js';

/** Options of {@link ctcLoss}. */
export interface CtcLossOptions extends LossOptions {
  /** The class of "no label". Default 0. */
  blank?: number;
  /** Samples whose labels do not fit into their frames count 0, gradient included, instead of infinity. Default false. */
  zeroInfinity?: boolean;
}

interface Rule {
  readonly blank: number;
  readonly zeroInfinity: boolean;
}

/** cells: written by forward, kept for backward. */
const ctcLossOp = defineOp({
  name: 'ctcLoss',
  inputs: ['logProbs', 'targets', 'inputLengths', 'targetLengths'],
  forward: (x: Tensor, targets: Tensor, inputs: Tensor, lengths: Tensor, cells: Tensor, rule: Rule) => {
    const losses = emptyContiguous([x.shape[1]], x.dtype);
    const { blank, zeroInfinity } = rule;
    native.ctcLoss(losses._id, cells._id, x._id, targets._id, inputs._id, lengths._id, blank, zeroInfinity);
    return losses;
  },
  save: (_losses, x, targets, inputs, lengths, cells, rule) => ({ x, targets, inputs, lengths, cells, rule }),
  backward: ([g], { x, targets, inputs, lengths, cells, rule }) => [
    ctcLossBackward(g, x, targets, inputs, lengths, cells, rule),
    null,
    null,
    null,
  ],
});

const ctcLossBackward = defineOp({
  name: 'ctcLossBackward',
  inputs: ['gradient', 'logProbs', 'targets', 'inputLengths', 'targetLengths'],
  forward: (g: Tensor, x: Tensor, targets: Tensor, inputs: Tensor, lengths: Tensor, cells: Tensor, rule: Rule) => {
    const gradX = emptyLikeLayout(x);
    const ids = [targets, inputs, lengths].map((t) => t._id) as [number, number, number];
    native.ctcLossBackward(gradX._id, g._id, x._id, cells._id, ...ids, rule.blank, rule.zeroInfinity);
    return gradX;
  },
});

/** Lengths as int64 `[N]`. */
function lengthsOf(op: string, name: string, lengths: Tensor | readonly number[], samples: number): Tensor {
  if (Array.isArray(lengths)) {
    const wrong = lengths.find((length) => !Number.isSafeInteger(length));
    if (wrong !== undefined) throw new ArgumentError(op, `${name} must hold integers, got ${valueText(wrong)}`, wrong);
  }
  const list = Array.isArray(lengths) ? tensor(lengths, { dtype: 'int64' }) : (lengths as Tensor);
  checkTensor(op, list, name);
  if (isFloating(list.dtype) || list.dtype === 'bool') {
    throw new DTypeError(op, `${name} must hold integers, got ${list.dtype}`, list.dtype);
  }
  const flat = list.ndim === 0 ? reshape(list, [1]) : list;
  if (flat.ndim !== 1 || flat.shape[0] !== samples) {
    const text = `${name} has shape ${shapeText(list.shape)}, a batch of ${samples} needs [${samples}]`;
    throw new ShapeError(op, text, list.shape, [samples]);
  }
  return contiguous(to(flat, 'int64'));
}

/** Targets as int64: `[N, S]`, or one after the other. */
function targetsOf(op: string, targets: Tensor, x: Tensor, batched: boolean): Tensor {
  checkTensor(op, targets, 'targets');
  if (targets.ndim !== 1 && targets.ndim !== 2) {
    const text = `targets must be [N, S] or all in one row, got ${shapeText(targets.shape)}`;
    throw new ShapeError(op, text, targets.shape);
  }
  if (targets.ndim === 2 && targets.shape[0] !== (batched ? x.shape[1] : 1)) {
    const text = `logProbs ${shapeText(x.shape)} and targets ${shapeText(targets.shape)} differ in the size of the batch`;
    throw new ShapeError(op, text, x.shape, targets.shape);
  }
  return contiguous(to(targets, 'int64'));
}

/** How many numbers the kernel keeps: see native/ops/ctc.h. */
function cellCount(frames: number, samples: number, targets: Tensor): number {
  const padded = (labels: number): number => Math.max(1, Math.ceil(labels / 16)) * 16 + 1;
  const widths = targets.ndim === 2 ? samples * padded(targets.shape[1]) : targets.shape[0] + 17 * samples;
  return 2 * frames * widths;
}

/**
 * Connectionist temporal classification: the negative log-probability that `logProbs` spells the targets, over all
 * alignments. With `p(t, c) = exp(logProbs[t, n, c])` it is `-log(sum over paths of the product over t of p(t, path[t]))`,
 * where a path gives the target when repeated classes are taken once and blanks away. 'mean' divides each loss by the
 * length of its target (at least 1), then averages over the batch. The gradient is PyTorch's: that by the logits whose
 * `logSoftmax` is `logProbs`, `p - share of the paths`. It has no second derivative.
 *
 * @param logProbs `[T, N, C]` or `[T, C]`, log-probabilities of T frames
 * @param targets `[N, S]`, padded with anything, or the labels of all samples in one row; integers in [0, C)
 * @param inputLengths `[N]`, frames of each sample, at most T
 * @param targetLengths `[N]`, labels of each sample
 * @throws ShapeError when the shapes do not go together. Lengths and labels out of range reject the reads of the result.
 * @see Graves et al. 2006, https://www.cs.toronto.edu/~graves/icml_2006.pdf
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.ctc_loss.html
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Tensor | readonly number[],
  targetLengths: Tensor | readonly number[],
  options: CtcLossOptions = {},
): Tensor {
  const op = 'ctcLoss';
  checkFloat(op, 'logProbs', logProbs);
  const reduction = reductionOf(op, options);
  const { blank = 0, zeroInfinity = false } = options;
  const batched = logProbs.ndim === 3;
  if (!batched && logProbs.ndim !== 2) {
    const text = `logProbs must be [T, N, C] or [T, C], got ${shapeText(logProbs.shape)}`;
    throw new ShapeError(op, text, logProbs.shape);
  }
  if (logProbs.numel === 0) {
    throw new ShapeError(op, `logProbs must not be empty, got ${shapeText(logProbs.shape)}`, logProbs.shape);
  }
  const classes = logProbs.shape[logProbs.ndim - 1];
  if (!Number.isInteger(blank) || blank < 0 || blank >= classes) {
    throw new ArgumentError(op, `blank must be a class in [0, ${classes}), got ${valueText(blank)}`, blank);
  }
  const labels = targetsOf(op, targets, logProbs, batched);
  const samples = batched ? logProbs.shape[1] : 1;
  const frames = lengthsOf(op, 'inputLengths', inputLengths, samples);
  const lengths = lengthsOf(op, 'targetLengths', targetLengths, samples);
  const rows = logProbs.strides[logProbs.ndim - 1] === 1 || classes === 1 ? logProbs : contiguous(logProbs);
  const x = batched ? rows : unsqueeze(rows, 1);
  const cells = emptyContiguous([cellCount(x.shape[0], samples, labels)], computeDType(x.dtype));
  const losses = ctcLossOp(x, labels, frames, lengths, cells, { blank, zeroInfinity: zeroInfinity === true });
  cells.dispose(); // what backward needs stays
  if (reduction === 'mean') return mean(div(losses, to(clamp(lengths, 1), x.dtype)));
  return reduced(batched ? losses : squeeze(losses, 0), reduction);
}
