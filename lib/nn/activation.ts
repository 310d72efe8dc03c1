import { ArgumentError, valueText } from '../errors.js';
import { softmax } from '../ops/layers/softmax.js';
import { relu, sigmoid, tanh } from '../ops/pointwise/unary.js';
import { dropout } from '../ops/random/random.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { floatText } from './repr.js';

/** max(x, 0). */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** 1 / (1 + e⁻ˣ). */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** Hyperbolic tangent. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** eˣ / Σ eˣ along `dim`. */
export class Softmax extends Module {
  constructor(readonly dim: number) {
    super();
    if (!Number.isInteger(dim))
      throw new ArgumentError('Softmax', `dim must be an integer, got ${valueText(dim)}`, dim);
  }

  forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/**
 * In training, zeroes each element with probability p and scales the others by 1 / (1 − p).
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Dropout.html
 */
export class Dropout extends Module {
  constructor(readonly p = 0.5) {
    super();
    if (typeof p !== 'number' || !(p >= 0 && p <= 1)) {
      throw new ArgumentError('Dropout', `p must lie in [0, 1], got ${valueText(p)}`, p);
    }
  }

  forward(x: Tensor): Tensor {
    return dropout(x, this.p, { training: this.training });
  }

  override extraRepr(): string {
    return `p=${floatText(this.p)}, inplace=False`;
  }
}
