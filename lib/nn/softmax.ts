// The modules of softmax and its kin.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { logSoftmax, softmax, softmin } from '../ops/layers/softmax.js';
import { checkTensor } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

abstract class AlongAxis extends Module {
  constructor(readonly dim: number) {
    super();
    if (!Number.isInteger(dim)) {
      throw new ArgumentError(new.target.name, `dim must be an integer, got ${valueText(dim)}`, dim);
    }
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/**
 * eˣ / Σ eˣ along `dim`. Input and output of any shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Softmax.html
 */
export class Softmax extends AlongAxis {
  forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }
}

/**
 * e⁻ˣ / Σ e⁻ˣ along `dim`. Input and output of any shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Softmin.html
 */
export class Softmin extends AlongAxis {
  forward(x: Tensor): Tensor {
    return softmin(x, this.dim);
  }
}

/**
 * x − log Σ eˣ along `dim`. Input and output of any shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LogSoftmax.html
 */
export class LogSoftmax extends AlongAxis {
  forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }
}

/**
 * Softmax over the channels of `[N, C, H, W]` or `[C, H, W]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Softmax2d.html
 */
export class Softmax2d extends Module {
  forward(x: Tensor): Tensor {
    checkTensor('Softmax2d', x);
    if (x.ndim !== 3 && x.ndim !== 4) {
      throw new ShapeError('Softmax2d', `input of 3 or 4 axes is needed, got ${shapeText(x.shape)}`, x.shape);
    }
    return softmax(x, -3);
  }
}
