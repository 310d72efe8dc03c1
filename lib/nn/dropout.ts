// The modules of dropout: active in training, the identity in evaluation.
import { ArgumentError, valueText } from '../errors.js';
import type { InplaceOptions } from '../ops/layers/activation.js';
import { alphaDropout, dropout1d, dropout2d, dropout3d, featureAlphaDropout } from '../ops/layers/dropout.js';
import { dropout } from '../ops/random/dropout.js';
import { checkOptions } from '../tensor/check.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { boolText, floatText } from './repr.js';

abstract class DropoutModule extends Module {
  readonly inplace: boolean;

  constructor(
    readonly p = 0.5,
    options: InplaceOptions = {},
  ) {
    super();
    checkOptions(new.target.name, options);
    this.inplace = options.inplace ?? false;
    if (typeof p !== 'number' || !(p >= 0 && p <= 1)) {
      throw new ArgumentError(new.target.name, `p must lie in [0, 1], got ${valueText(p)}`, p);
    }
  }

  override extraRepr(): string {
    return `p=${floatText(this.p)}, inplace=${boolText(this.inplace)}`;
  }
}

/**
 * In training, zeroes each element with probability p and scales the others by 1 / (1 − p). Input of any shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Dropout.html
 */
export class Dropout extends DropoutModule {
  forward(x: Tensor): Tensor {
    return dropout(x, this.p, this);
  }
}

/** Drops whole channels of `[N, C, L]`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Dropout1d.html */
export class Dropout1d extends DropoutModule {
  forward(x: Tensor): Tensor {
    return dropout1d(x, this.p, this);
  }
}

/** Drops whole channels of `[N, C, H, W]`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Dropout2d.html */
export class Dropout2d extends DropoutModule {
  forward(x: Tensor): Tensor {
    return dropout2d(x, this.p, this);
  }
}

/** Drops whole channels of `[N, C, D, H, W]`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Dropout3d.html */
export class Dropout3d extends DropoutModule {
  forward(x: Tensor): Tensor {
    return dropout3d(x, this.p, this);
  }
}

/**
 * Dropout that keeps mean and variance behind SELU. Input of any shape.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AlphaDropout.html
 */
export class AlphaDropout extends DropoutModule {
  forward(x: Tensor): Tensor {
    return alphaDropout(x, this.p, this);
  }
}

/**
 * {@link AlphaDropout} of whole channels. Input `[N, C, ...]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.FeatureAlphaDropout.html
 */
export class FeatureAlphaDropout extends DropoutModule {
  forward(x: Tensor): Tensor {
    return featureAlphaDropout(x, this.p, this);
  }
}
