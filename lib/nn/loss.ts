// The modules of the losses. Each keeps its options and calls its function in nn.functional; weights are buffers.

import { type CtcLossOptions, ctcLoss } from '../ops/layers/ctc.js';
import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type LogitsLossOptions,
  multilabelSoftMarginLoss,
  softMarginLoss,
} from '../ops/layers/loss-binary.js';
import { type CrossEntropyOptions, crossEntropy, type NllLossOptions, nllLoss } from '../ops/layers/loss-class.js';
import type { LossOptions, WeightedLossOptions } from '../ops/layers/loss-common.js';
import {
  cosineEmbeddingLoss,
  hingeEmbeddingLoss,
  type MarginLossOptions,
  type MultiMarginLossOptions,
  marginRankingLoss,
  multilabelMarginLoss,
  multiMarginLoss,
  type TripletMarginLossOptions,
  type TripletMarginWithDistanceLossOptions,
  tripletMarginLoss,
  tripletMarginWithDistanceLoss,
} from '../ops/layers/loss-margin.js';
import {
  type GaussianNllLossOptions,
  gaussianNllLoss,
  type HuberLossOptions,
  huberLoss,
  type KlDivOptions,
  klDiv,
  l1Loss,
  mseLoss,
  type PoissonNllLossOptions,
  poissonNllLoss,
  type SmoothL1LossOptions,
  smoothL1Loss,
} from '../ops/layers/loss-regression.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/** A loss with its options. */
abstract class Loss<
  Options extends object,
  Inputs extends readonly unknown[] = [Tensor, Tensor],
> extends Module<Inputs> {
  readonly options: Options;

  constructor(options: Options = {} as Options) {
    super();
    checkOptions(new.target.name, options);
    this.options = options;
  }
}

/** A loss whose weight is part of the state dict. */
abstract class WeightedLoss<Options extends { weight?: Tensor | null }> extends Loss<Options> {
  declare weight: Tensor | null;

  constructor(options: Options = {} as Options) {
    super(options);
    this.registerBuffer('weight', options.weight ?? null);
  }
}

/**
 * |input − target|. Input and target of the same shape, or of shapes that broadcast.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.L1Loss.html
 */
export class L1Loss extends Loss<LossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, this.options);
  }
}

/**
 * Squared error. Input and target of the same shape, or of shapes that broadcast.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MSELoss.html
 */
export class MSELoss extends Loss<LossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this.options);
  }
}

/**
 * Square near 0, line beyond beta. Input and target of the same shape, or of shapes that broadcast.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.SmoothL1Loss.html
 */
export class SmoothL1Loss extends Loss<SmoothL1LossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, this.options);
  }
}

/**
 * Square near 0, line beyond delta. Input and target of the same shape, or of shapes that broadcast.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.HuberLoss.html
 */
export class HuberLoss extends Loss<HuberLossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return huberLoss(input, target, this.options);
  }
}

/**
 * Cross entropy of logits `[N, C, ...]` against class indices `[N, ...]` or probabilities `[N, C, ...]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.CrossEntropyLoss.html
 */
export class CrossEntropyLoss extends WeightedLoss<CrossEntropyOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return crossEntropy(input, target, { ...this.options, weight: this.weight });
  }
}

/**
 * Negative log likelihood of log-probabilities `[N, C, ...]` and class indices `[N, ...]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.NLLLoss.html
 */
export class NLLLoss extends WeightedLoss<NllLossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return nllLoss(input, target, { ...this.options, weight: this.weight });
  }
}

/**
 * Cross entropy of probabilities. Input and target of the same shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.BCELoss.html
 */
export class BCELoss extends WeightedLoss<WeightedLossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(input, target, { ...this.options, weight: this.weight });
  }
}

/**
 * {@link BCELoss} of the sigmoid. Input and target of the same shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.BCEWithLogitsLoss.html
 */
export class BCEWithLogitsLoss extends WeightedLoss<LogitsLossOptions> {
  declare posWeight: Tensor | null;

  constructor(options: LogitsLossOptions = {}) {
    super(options);
    this.registerBuffer('posWeight', options.posWeight ?? null);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, posWeight } = this;
    return binaryCrossEntropyWithLogits(input, target, { ...this.options, weight, posWeight });
  }
}

/**
 * Divergence of log-probabilities. Input and target of the same shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.KLDivLoss.html
 */
export class KLDivLoss extends Loss<KlDivOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return klDiv(input, target, this.options);
  }
}

/**
 * Likelihood of counts. Input and target of the same shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.PoissonNLLLoss.html
 */
export class PoissonNLLLoss extends Loss<PoissonNllLossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return poissonNllLoss(input, target, this.options);
  }
}

/**
 * Likelihood of normal numbers. Means, target and variances of the same shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.GaussianNLLLoss.html
 */
export class GaussianNLLLoss extends Loss<GaussianNllLossOptions, [Tensor, Tensor, Tensor | number]> {
  forward(input: Tensor, target: Tensor, variance: Tensor | number): Tensor {
    return gaussianNllLoss(input, target, variance, this.options);
  }
}

/**
 * Distances of alike and unlike pairs. Input and target of the same shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.HingeEmbeddingLoss.html
 */
export class HingeEmbeddingLoss extends Loss<MarginLossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return hingeEmbeddingLoss(input, target, this.options);
  }
}

/**
 * Angles of alike and unlike pairs. Vectors `[N, D]`, targets `[N]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.CosineEmbeddingLoss.html
 */
export class CosineEmbeddingLoss extends Loss<MarginLossOptions, [Tensor, Tensor, Tensor]> {
  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return cosineEmbeddingLoss(input1, input2, target, this.options);
  }
}

/**
 * Order of two scores. Scores and targets of the same shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MarginRankingLoss.html
 */
export class MarginRankingLoss extends Loss<MarginLossOptions, [Tensor, Tensor, Tensor]> {
  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return marginRankingLoss(input1, input2, target, this.options);
  }
}

/**
 * Logistic loss of targets 1 and −1. Input and target of the same shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.SoftMarginLoss.html
 */
export class SoftMarginLoss extends Loss<LossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return softMarginLoss(input, target, this.options);
  }
}

/**
 * Several labels per row. Input and target `[N, C]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MultiLabelSoftMarginLoss.html
 */
export class MultiLabelSoftMarginLoss extends WeightedLoss<WeightedLossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return multilabelSoftMarginLoss(input, target, { ...this.options, weight: this.weight });
  }
}

/**
 * Several classes per row ahead of the others. Input `[N, C]`; target `[N, C]`: class indices up to the first -1.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MultiLabelMarginLoss.html
 */
export class MultiLabelMarginLoss extends Loss<LossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return multilabelMarginLoss(input, target, this.options);
  }
}

/**
 * Labels of unsegmented sequences: log-probabilities `[T, N, C]`, targets `[N, S]` or in one row, lengths of both.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.CTCLoss.html
 */
export class CTCLoss extends Loss<
  CtcLossOptions,
  [Tensor, Tensor, Tensor | readonly number[], Tensor | readonly number[]]
> {
  forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
  ): Tensor {
    return ctcLoss(logProbs, targets, inputLengths, targetLengths, this.options);
  }
}

/**
 * One class ahead of the others. Input `[N, C]`, class indices `[N]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MultiMarginLoss.html
 */
export class MultiMarginLoss extends WeightedLoss<MultiMarginLossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return multiMarginLoss(input, target, { ...this.options, weight: this.weight });
  }
}

/**
 * Anchor nearer to positive than to negative. Vectors `[N, D]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.TripletMarginLoss.html
 */
export class TripletMarginLoss extends Loss<TripletMarginLossOptions, [Tensor, Tensor, Tensor]> {
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

/**
 * {@link TripletMarginLoss} with any distance. Vectors `[N, D]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.TripletMarginWithDistanceLoss.html
 */
export class TripletMarginWithDistanceLoss extends Loss<
  TripletMarginWithDistanceLossOptions,
  [Tensor, Tensor, Tensor]
> {
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginWithDistanceLoss(anchor, positive, negative, this.options);
  }
}
