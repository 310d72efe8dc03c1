import { type CrossEntropyOptions, crossEntropy } from '../ops/layers/loss-class.js';
import type { LossOptions } from '../ops/layers/loss-common.js';
import { mseLoss } from '../ops/layers/loss-regression.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/**
 * Cross entropy of logits `[N, C, ...]` against class indices `[N, ...]` or probabilities `[N, C, ...]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.CrossEntropyLoss.html
 */
export class CrossEntropyLoss extends Module<[Tensor, Tensor]> {
  constructor(readonly options: CrossEntropyOptions = {}) {
    super();
    checkOptions('CrossEntropyLoss', options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return crossEntropy(input, target, this.options);
  }
}

/** Mean squared error. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MSELoss.html */
export class MSELoss extends Module<[Tensor, Tensor]> {
  constructor(readonly options: LossOptions = {}) {
    super();
    checkOptions('MSELoss', options);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this.options);
  }
}
