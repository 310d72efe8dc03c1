// The modules of the activation functions. Each does what its function in nn.functional does.
import { ArgumentError, valueText } from '../errors.js';
import {
  celu,
  elu,
  type GeluOptions,
  gelu,
  glu,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  type InplaceOptions,
  leakyRelu,
  logSigmoid,
  mish,
  prelu,
  relu6,
  selu,
  silu,
  softshrink,
  softsign,
  tanhshrink,
  threshold,
} from '../ops/layers/activation.js';
import { relu } from '../ops/layers/activation-inplace.js';
import { rrelu } from '../ops/layers/dropout.js';
import { type SoftplusOptions, sigmoid, softplus, tanh } from '../ops/pointwise/unary.js';
import { checkOptions } from '../tensor/check.js';
import { full, getDefaultDType } from '../tensor/create.js';
import type { DType } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkFloatDType, checkSize } from './linear.js';
import { Module } from './module.js';
import { type Parameter, parameterOf } from './parameter.js';
import { floatText, textOfFloat } from './repr.js';

const checkNumber = (module: string, name: string, value: unknown): void => {
  if (typeof value === 'number' && !Number.isNaN(value)) return;
  throw new ArgumentError(module, `${name} must be a number, got ${valueText(value)}`, value);
};

/**
 * Base of the activations that can work in the memory of their input. What was saved for the gradients of earlier layers
 * stays right: a change that would spoil it is found.
 */
abstract class InplaceModule extends Module {
  readonly inplace: boolean;

  constructor(options: InplaceOptions) {
    super();
    checkOptions(new.target.name, options);
    this.inplace = options.inplace ?? false;
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }

  /** The numbers of the module, and whether it works in place. */
  protected textWith(numbers: string): string {
    return this.inplace ? `${numbers}, inplace=True` : numbers;
  }
}

/** max(x, 0), elementwise. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReLU.html */
export class ReLU extends InplaceModule {
  constructor(options: InplaceOptions = {}) {
    super(options);
  }

  forward(x: Tensor): Tensor {
    return relu(x, this);
  }
}

/** min(max(x, 0), 6), elementwise. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReLU6.html */
export class ReLU6 extends InplaceModule {
  constructor(options: InplaceOptions = {}) {
    super(options);
  }

  forward(x: Tensor): Tensor {
    return relu6(x, this);
  }
}

/** 1 / (1 + e⁻ˣ), elementwise. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Sigmoid.html */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** Hyperbolic tangent, elementwise. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Tanh.html */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/**
 * x where it is positive, else negativeSlope · x, elementwise.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LeakyReLU.html
 */
export class LeakyReLU extends InplaceModule {
  constructor(
    readonly negativeSlope = 0.01,
    options: InplaceOptions = {},
  ) {
    super(options);
    checkNumber('LeakyReLU', 'negativeSlope', negativeSlope);
  }

  forward(x: Tensor): Tensor {
    return leakyRelu(x, this.negativeSlope, this);
  }

  override extraRepr(): string {
    return this.textWith(`negative_slope=${floatText(this.negativeSlope)}`);
  }
}

/** Options of {@link PReLU}. */
export interface PReLUOptions {
  /** Value of the slopes before training. Default 0.25. */
  init?: number;
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
}

/**
 * x where it is positive, else weight · x with a learned slope, one or one per channel of `[N, C, ...]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.PReLU.html
 */
export class PReLU extends Module {
  readonly weight: Parameter;

  constructor(
    readonly numParameters = 1,
    options: PReLUOptions = {},
  ) {
    super();
    checkSize('PReLU', 'numParameters', numParameters);
    checkOptions('PReLU', options);
    const { init = 0.25 } = options;
    checkNumber('PReLU', 'init', init);
    const dtype = checkFloatDType('PReLU', options.dtype ?? getDefaultDType());
    this.weight = parameterOf(full([numParameters], init, { dtype }));
  }

  forward(x: Tensor): Tensor {
    return prelu(x, this.weight);
  }

  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}

/**
 * {@link LeakyReLU} whose slopes are drawn from [lower, upper] in training; their mean in evaluation, elementwise.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.RReLU.html
 */
export class RReLU extends InplaceModule {
  constructor(
    readonly lower = 1 / 8,
    readonly upper = 1 / 3,
    options: InplaceOptions = {},
  ) {
    super(options);
    checkNumber('RReLU', 'lower', lower);
    checkNumber('RReLU', 'upper', upper);
  }

  forward(x: Tensor): Tensor {
    return rrelu(x, this.lower, this.upper, { training: this.training, inplace: this.inplace });
  }

  override extraRepr(): string {
    return this.textWith(`lower=${floatText(this.lower)}, upper=${floatText(this.upper)}`);
  }
}

/**
 * x where it is positive, else alpha · (eˣ − 1), elementwise.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ELU.html
 */
export class ELU extends InplaceModule {
  constructor(
    readonly alpha = 1,
    options: InplaceOptions = {},
  ) {
    super(options);
    checkNumber('ELU', 'alpha', alpha);
  }

  forward(x: Tensor): Tensor {
    return elu(x, this.alpha, this);
  }

  override extraRepr(): string {
    return this.textWith(`alpha=${textOfFloat(this.alpha, 1)}`);
  }
}

/**
 * Self-normalizing {@link ELU}, elementwise.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.SELU.html
 */
export class SELU extends InplaceModule {
  constructor(options: InplaceOptions = {}) {
    super(options);
  }

  forward(x: Tensor): Tensor {
    return selu(x, this);
  }
}

/**
 * max(0, x) + min(0, alpha · (e^(x / alpha) − 1)), elementwise.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.CELU.html
 */
export class CELU extends InplaceModule {
  constructor(
    readonly alpha = 1,
    options: InplaceOptions = {},
  ) {
    super(options);
    checkNumber('CELU', 'alpha', alpha);
    if (alpha === 0) throw new ArgumentError('CELU', 'alpha must not be 0', alpha);
  }

  forward(x: Tensor): Tensor {
    return celu(x, this.alpha, this);
  }

  override extraRepr(): string {
    return this.textWith(`alpha=${textOfFloat(this.alpha, 1)}`);
  }
}

/**
 * x · P(Z ≤ x), Z standard normal, elementwise.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.GELU.html
 */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor(options: GeluOptions = {}) {
    super();
    checkOptions('GELU', options);
    this.approximate = options.approximate ?? 'none';
  }

  forward(x: Tensor): Tensor {
    return gelu(x, { approximate: this.approximate });
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

/** x · sigmoid(x), elementwise. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.SiLU.html */
export class SiLU extends InplaceModule {
  constructor(options: InplaceOptions = {}) {
    super(options);
  }

  forward(x: Tensor): Tensor {
    return silu(x, this);
  }
}

/** x · tanh(log(1 + eˣ)), elementwise. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Mish.html */
export class Mish extends InplaceModule {
  constructor(options: InplaceOptions = {}) {
    super(options);
  }

  forward(x: Tensor): Tensor {
    return mish(x, this);
  }
}

/**
 * log(1 + e^(beta · x)) / beta, elementwise.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Softplus.html
 */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;

  constructor(options: SoftplusOptions = {}) {
    super();
    checkOptions('Softplus', options);
    this.beta = options.beta ?? 1;
    this.threshold = options.threshold ?? 20;
    checkNumber('Softplus', 'beta', this.beta);
    checkNumber('Softplus', 'threshold', this.threshold);
  }

  forward(x: Tensor): Tensor {
    return softplus(x, { beta: this.beta, threshold: this.threshold });
  }

  override extraRepr(): string {
    return `beta=${textOfFloat(this.beta, 1)}, threshold=${textOfFloat(this.threshold, 20)}`;
  }
}

/** x / (1 + |x|), elementwise. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Softsign.html */
export class Softsign extends Module {
  forward(x: Tensor): Tensor {
    return softsign(x);
  }
}

/**
 * x moved towards 0 by lambd, at most to 0, elementwise.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Softshrink.html
 */
export class Softshrink extends Module {
  constructor(readonly lambd = 0.5) {
    super();
    checkNumber('Softshrink', 'lambd', lambd);
  }

  forward(x: Tensor): Tensor {
    return softshrink(x, this.lambd);
  }

  override extraRepr(): string {
    return floatText(this.lambd);
  }
}

/**
 * 0 in [−lambd, lambd], else x, elementwise.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Hardshrink.html
 */
export class Hardshrink extends Module {
  constructor(readonly lambd = 0.5) {
    super();
    checkNumber('Hardshrink', 'lambd', lambd);
  }

  forward(x: Tensor): Tensor {
    return hardshrink(x, this.lambd);
  }

  override extraRepr(): string {
    return floatText(this.lambd);
  }
}

/** x − tanh(x), elementwise. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Tanhshrink.html */
export class Tanhshrink extends Module {
  forward(x: Tensor): Tensor {
    return tanhshrink(x);
  }
}

/**
 * x cut to [minVal, maxVal], elementwise.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Hardtanh.html
 */
export class Hardtanh extends InplaceModule {
  constructor(
    readonly minVal = -1,
    readonly maxVal = 1,
    options: InplaceOptions = {},
  ) {
    super(options);
    checkNumber('Hardtanh', 'minVal', minVal);
    checkNumber('Hardtanh', 'maxVal', maxVal);
    if (minVal >= maxVal) {
      throw new ArgumentError('Hardtanh', `minVal ${minVal} must be less than maxVal ${maxVal}`, minVal);
    }
  }

  forward(x: Tensor): Tensor {
    return hardtanh(x, this.minVal, this.maxVal, this);
  }

  override extraRepr(): string {
    return this.textWith(`min_val=${textOfFloat(this.minVal, -1)}, max_val=${textOfFloat(this.maxVal, 1)}`);
  }
}

/** x · ReLU6(x + 3) / 6, elementwise. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Hardswish.html */
export class Hardswish extends InplaceModule {
  constructor(options: InplaceOptions = {}) {
    super(options);
  }

  forward(x: Tensor): Tensor {
    return hardswish(x, this);
  }

  /** PyTorch does not print the option here. */
  override extraRepr(): string {
    return '';
  }
}

/** ReLU6(x + 3) / 6, elementwise. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Hardsigmoid.html */
export class Hardsigmoid extends InplaceModule {
  constructor(options: InplaceOptions = {}) {
    super(options);
  }

  forward(x: Tensor): Tensor {
    return hardsigmoid(x, this);
  }

  /** PyTorch does not print the option here. */
  override extraRepr(): string {
    return '';
  }
}

/**
 * x above the threshold, else value, elementwise.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Threshold.html
 */
export class Threshold extends InplaceModule {
  constructor(
    readonly threshold: number,
    readonly value: number,
    options: InplaceOptions = {},
  ) {
    super(options);
    checkNumber('Threshold', 'threshold', threshold);
    checkNumber('Threshold', 'value', value);
  }

  forward(x: Tensor): Tensor {
    return threshold(x, this.threshold, this.value, this);
  }

  override extraRepr(): string {
    return this.textWith(`threshold=${floatText(this.threshold)}, value=${floatText(this.value)}`);
  }
}

/**
 * First half times the sigmoid of the second along `dim`. `[..., 2·D, ...]` becomes `[..., D, ...]`.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.GLU.html
 */
export class GLU extends Module {
  constructor(readonly dim = -1) {
    super();
    checkSize('GLU', 'dim', dim, -Infinity);
  }

  forward(x: Tensor): Tensor {
    return glu(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** log(sigmoid(x)), elementwise. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LogSigmoid.html */
export class LogSigmoid extends Module {
  forward(x: Tensor): Tensor {
    return logSigmoid(x);
  }
}
