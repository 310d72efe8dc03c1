// The module of a classification's last layer with its loss.
import { ShapeError, shapeText } from '../errors.js';
import { linearCrossEntropy } from '../ops/layers/linear-cross-entropy.js';
import type { CrossEntropyOptions } from '../ops/layers/loss-class.js';
import type { Reduction } from '../ops/layers/loss-common.js';
import { reshape } from '../ops/shape/view.js';
import { checkOptions } from '../tensor/check.js';
import type { DType } from '../tensor/dtype.js';
import { numelOf, sameShape } from '../tensor/layout.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkSize, Linear } from './linear.js';
import { Module } from './module.js';
import { boolText, textOfFloat, tuple } from './repr.js';

/** Options of {@link LinearCrossEntropyLoss}. */
export interface LinearCrossEntropyLossOptions extends Omit<CrossEntropyOptions, 'ignoreIndex'> {
  /** Axes d1, ... of places with a classification of their own. Default none. */
  outFeatures?: readonly number[];
  /** Default false. */
  bias?: boolean;
  /** Class indices with this value count nothing. Default -100; only for class indices. */
  ignoreIndex?: number | null;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/**
 * A linear layer and the cross entropy of its outputs: input `[N, inFeatures]` or `[inFeatures]`, target class indices `[N]` or
 * probabilities `[N, numClasses]`; with outFeatures `[N, d1, ...]` or `[N, numClasses, d1, ...]`. The weight of `linear` is
 * `[numClasses · d1 · ..., inFeatures]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LinearCrossEntropyLoss.html
 */
export class LinearCrossEntropyLoss extends Module<[input: Tensor, target: Tensor]> {
  readonly outFeatures: readonly number[];
  readonly reduction: Reduction;
  readonly ignoreIndex: number | null;
  readonly labelSmoothing: number;
  declare weight: Tensor | null;
  readonly linear: Linear;

  constructor(
    inFeatures: number,
    readonly numClasses: number,
    options: LinearCrossEntropyLossOptions = {},
  ) {
    super();
    const op = 'LinearCrossEntropyLoss';
    checkOptions(op, options);
    checkSize(op, 'numClasses', numClasses);
    const { outFeatures = [], bias = false, weight = null, dtype } = options;
    outFeatures.forEach((size, i) => {
      checkSize(op, `outFeatures[${i}]`, size);
    });
    if (weight && !sameShape(weight.shape, [numClasses])) {
      const text = `weight has shape ${shapeText(weight.shape)}, ${numClasses} classes need [${numClasses}]`;
      throw new ShapeError(op, text, weight.shape, [numClasses]);
    }
    this.outFeatures = [...outFeatures];
    this.reduction = options.reduction ?? 'mean';
    this.ignoreIndex = options.ignoreIndex ?? null;
    this.labelSmoothing = options.labelSmoothing ?? 0;
    this.registerBuffer('weight', weight);
    this.linear = new Linear(inFeatures, numClasses * numelOf(outFeatures), { bias, dtype });
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, bias, inFeatures } = this.linear;
    const outputs = [this.numClasses, ...this.outFeatures];
    return linearCrossEntropy(input, reshape(weight, [...outputs, inFeatures]), target, {
      linearBias: bias && reshape(bias, outputs),
      weight: this.weight,
      reduction: this.reduction,
      ignoreIndex: this.ignoreIndex,
      labelSmoothing: this.labelSmoothing,
    });
  }

  override extraRepr(): string {
    const parts = [
      `in_features=${this.linear.inFeatures}`,
      `num_classes=${this.numClasses}`,
      `out_features=${tuple(this.outFeatures)}`,
      `bias=${boolText(this.linear.bias !== null)}`,
      `reduction=${this.reduction}`,
      `ignore_index=${this.ignoreIndex ?? 'None'}`,
      `label_smoothing=${textOfFloat(this.labelSmoothing, 0)}`,
      'options=None',
    ];
    return parts.join(', ');
  }
}
