// Adaptive log-softmax: frequent classes in the head, rare ones in clusters behind ever smaller projections.
import { ArgumentError, DTypeError, ShapeError, shapeText, ValueError, valueText } from '../errors.js';
import { indexAdd, indexSelect } from '../ops/indexing/rows.js';
import { crossEntropy } from '../ops/layers/loss-class.js';
import { logSoftmax } from '../ops/layers/softmax.js';
import { add } from '../ops/pointwise/arithmetic.js';
import { neg } from '../ops/pointwise/unary.js';
import { argmax } from '../ops/reduce/extremum.js';
import { mean } from '../ops/reduce/reduce.js';
import { cat } from '../ops/shape/concat.js';
import { narrow, squeeze, unsqueeze } from '../ops/shape/view.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { tensor } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import { ModuleList, Sequential } from './container.js';
import { checkSize, Linear } from './linear.js';
import { Module } from './module.js';

/** Options of {@link AdaptiveLogSoftmaxWithLoss}. */
export interface AdaptiveLogSoftmaxOptions {
  /** By how much the projection of each cluster is smaller than the one before. Default 4. */
  divValue?: number;
  /** A bias in the head. Default false. */
  headBias?: boolean;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/** What {@link AdaptiveLogSoftmaxWithLoss} gives. */
export interface AdaptiveLogSoftmaxResult {
  /** `[N]`: the log-probability of each row's target. */
  readonly output: Tensor;
  /** The mean of `-output`. */
  readonly loss: Tensor;
}

function checkCutoffs(op: string, cutoffs: readonly number[], classes: number): void {
  const list = Array.isArray(cutoffs) ? cutoffs : [];
  const rising = list.every((c, i) => Number.isInteger(c) && c > (list[i - 1] ?? 0) && c < classes);
  if (list.length > 0 && rising) return;
  const text = `cutoffs must be rising integers in [1, ${classes - 1}], got ${valueText(cutoffs)}`;
  throw new ArgumentError(op, text, cutoffs);
}

/**
 * Log-softmax over very many classes that are sorted by how often they occur, and its loss (Grave et al. 2017). The
 * head decides between the classes below `cutoffs[0]` and the clusters; cluster i, from `cutoffs[i]` to the next cutoff,
 * has a projection to `inFeatures / divValue ** (i + 1)` numbers. Only rows whose target is in a cluster run through it.
 * Input `[N, inFeatures]` with target `[N]`, or `[inFeatures]` with `[]`; `forward` waits for the values of the target,
 * {@link forwardAsync} does not block.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveLogSoftmaxWithLoss.html
 */
export class AdaptiveLogSoftmaxWithLoss extends Module<[Tensor, Tensor], AdaptiveLogSoftmaxResult> {
  readonly cutoffs: readonly number[];
  readonly divValue: number;
  readonly head: Linear;
  readonly tail: ModuleList<Sequential>;

  constructor(
    readonly inFeatures: number,
    readonly nClasses: number,
    cutoffs: readonly number[],
    options: AdaptiveLogSoftmaxOptions = {},
  ) {
    super();
    const op = 'AdaptiveLogSoftmaxWithLoss';
    checkSize(op, 'inFeatures', inFeatures);
    checkSize(op, 'nClasses', nClasses);
    checkCutoffs(op, cutoffs, nClasses);
    checkOptions(op, options);
    const { divValue = 4, headBias = false, dtype } = options;
    this.cutoffs = [...cutoffs, nClasses];
    this.divValue = divValue;
    this.head = new Linear(inFeatures, cutoffs[0] + cutoffs.length, { bias: headBias, dtype });
    const clusters = cutoffs.map((low, i) => {
      const hidden = Math.floor(inFeatures / divValue ** (i + 1));
      const classes = this.cutoffs[i + 1] - low;
      const plain = { bias: false, dtype };
      return new Sequential(new Linear(inFeatures, hidden, plain), new Linear(hidden, classes, plain));
    });
    this.tail = new ModuleList(clusters);
  }

  /** Draws the parameters of the head and of all clusters anew. */
  resetParameters(): void {
    for (const layer of [this.head, ...this.tail.items.flatMap((cluster) => [...cluster])]) {
      (layer as Linear).resetParameters();
    }
  }

  /** @throws ValueError for a target that is no class. */
  forward(input: Tensor, target: Tensor): AdaptiveLogSoftmaxResult {
    this.check(input, target);
    return this.lossOf(input, target, target.dataSync());
  }

  /** {@link forward} without blocking the event loop. */
  async forwardAsync(input: Tensor, target: Tensor): Promise<AdaptiveLogSoftmaxResult> {
    this.check(input, target);
    return this.lossOf(input, target, await target.data());
  }

  private check(input: Tensor, target: Tensor): void {
    const op = 'AdaptiveLogSoftmaxWithLoss';
    checkTensor(op, input, 'input');
    checkTensor(op, target, 'target');
    if (target.dtype !== 'int64' && target.dtype !== 'int32') {
      throw new DTypeError(op, `target must be int64 or int32, got ${target.dtype}`, target.dtype);
    }
    if (
      target.ndim <= 1 &&
      input.ndim === target.ndim + 1 &&
      (target.ndim === 0 || input.shape[0] === target.shape[0])
    ) {
      return;
    }
    const text = `input ${shapeText(input.shape)} and target ${shapeText(target.shape)}: [N, F] and [N], or [F] and [], are needed`;
    throw new ShapeError(op, text, input.shape, target.shape);
  }

  /** The cluster of a class; -1 for the head. */
  private clusterOf(target: number): number {
    const cluster = this.cutoffs.findIndex((end) => target < end) - 1;
    if (target >= 0 && cluster >= -1) return cluster;
    const text = `target ${target} is out of range [0, ${this.nClasses})`;
    throw new ValueError('AdaptiveLogSoftmaxWithLoss', text);
  }

  private lossOf(input: Tensor, target: Tensor, values: ArrayLike<number | bigint>): AdaptiveLogSoftmaxResult {
    const targets = Array.from(values, Number);
    const clusters = targets.map((t) => this.clusterOf(t));
    const [shortlist] = this.cutoffs;
    const inHead = targets.map((t, row) => (clusters[row] < 0 ? t : shortlist + clusters[row]));
    const x = target.ndim === 0 ? unsqueeze(input, 0) : input;
    let output = logProbOf(this.head.forward(x), inHead);
    this.tail.items.forEach((cluster, i) => {
      const rows = clusters.flatMap((c, row) => (c === i ? [row] : []));
      if (rows.length === 0) return;
      const index = tensor(rows, { dtype: 'int64' });
      const scores = cluster.forward(indexSelect(x, 0, index));
      const own = rows.map((row) => targets[row] - this.cutoffs[i]);
      output = indexAdd(output, 0, index, logProbOf(scores, own));
    });
    const loss = mean(neg(output));
    return { output: target.ndim === 0 ? squeeze(output, 0) : output, loss };
  }

  /** Log-probabilities of all classes: `[N, inFeatures]` gives `[N, nClasses]`. */
  logProb(input: Tensor): Tensor {
    checkTensor('AdaptiveLogSoftmaxWithLoss.logProb', input, 'input');
    const head = logSoftmax(this.head.forward(input), 1);
    const [shortlist] = this.cutoffs;
    const parts = this.tail.items.map((cluster, i) =>
      add(logSoftmax(cluster.forward(input), 1), narrow(head, 1, shortlist + i, 1)),
    );
    return cat([narrow(head, 1, 0, shortlist), ...parts], 1);
  }

  /** The most probable class of each row: `[N, inFeatures]` gives `[N]`. */
  predict(input: Tensor): Tensor {
    return argmax(this.logProb(input), 1);
  }
}

/** The log-probability of one class per row of scores. */
function logProbOf(scores: Tensor, classes: readonly number[]): Tensor {
  return neg(crossEntropy(scores, tensor(classes, { dtype: 'int64' }), { reduction: 'none' }));
}
