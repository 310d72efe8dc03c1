// Noise on inputs, activations and weights.
import { Module } from '../nn/module.js';
import { floatText } from '../nn/repr.js';
import '../ops/index.js';
import type { RandomOptions } from '../ops/random/draw.js';
import { randnLike } from '../ops/random/random.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { generatorOf } from '../tensor/random.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { BatchTransform, Callback, Trainer } from '../training/index.js';
import { checkAtLeast } from './check.js';
import { type ParameterOptions, type SelectParameters, selected, selectOf } from './select.js';

const noisy = (x: Tensor, std: number, options: RandomOptions): Tensor => {
  const noise = noGrad(() => randnLike(x, { generator: options.generator }).mul_(std));
  return x.add(noise);
};

/**
 * A layer that adds normal noise of standard deviation `std` in training, and is the identity in evaluation. Input of any
 * shape, floating-point. (Keras has it under this name.)
 *
 * @throws ArgumentError for a negative `std`.
 * Source: Bishop, Training with Noise is Equivalent to Tikhonov Regularization, 1995.
 */
export class GaussianNoise extends Module {
  constructor(readonly std = 0.1) {
    super();
    checkAtLeast('GaussianNoise', 'std', std, 0);
  }

  forward(x: Tensor): Tensor {
    checkTensor('GaussianNoise', x);
    return this.training && this.std > 0 ? noisy(x, this.std, {}) : x;
  }

  override extraRepr(): string {
    return `std=${floatText(this.std)}`;
  }
}

/**
 * Adds normal noise of standard deviation `std` to training inputs of any shape; the target stays.
 *
 * @throws ArgumentError for a negative `std`.
 * Source: Bishop, Training with Noise is Equivalent to Tikhonov Regularization, 1995.
 */
export function gaussianNoise(std = 0.1, options: RandomOptions = {}): BatchTransform {
  checkOptions('gaussianNoise', options);
  checkAtLeast('gaussianNoise', 'std', std, 0);
  generatorOf('gaussianNoise', options.generator);
  return (input, target) => [noisy(input, std, options), target];
}

/** Options of {@link weightNoise}. */
export interface WeightNoiseOptions extends RandomOptions, ParameterOptions {
  /** Noise in proportion to the spread of each parameter's values, as `std` times their standard deviation. Default false. */
  relative?: boolean;
}

/** Adds noise before a batch and takes it back, to the bit, before the step. */
class WeightNoise implements Callback {
  readonly name = 'WeightNoise';
  private clean: [Tensor, Tensor][] = [];

  constructor(
    private readonly std: number,
    private readonly options: WeightNoiseOptions,
    private readonly select: SelectParameters,
  ) {}

  onBatchStart(_batch: number, trainer: Trainer): void {
    this.restore();
    const { relative = false, generator } = this.options;
    noGrad(() => {
      this.clean = selected(trainer.model, this.select).map((param) => [param, param.detach().clone().keep()]);
      for (const [param] of this.clean) {
        const noise = randnLike(param, { generator }).mul_(this.std);
        if (relative && param.numel > 1) noise.mul_(param.detach().std());
        param.add_(noise);
      }
    });
  }

  onBeforeStep(): void {
    this.restore();
  }

  /** Where gradients gather over several batches there is no step behind each. */
  onBatchEnd(): void {
    this.restore();
  }

  onFitError(): void {
    this.restore();
  }

  private restore(): void {
    noGrad(() => {
      for (const [param, copy] of this.clean) param.copy_(copy);
    });
    for (const [, copy] of this.clean) copy.dispose();
    this.clean = [];
  }
}

/**
 * A callback that adds normal noise to the weights for the forward and backward pass of each batch, and takes it away
 * before the step: gradients are those of nearby weights. By default weights of two or more axes get noise, biases and
 * norms do not.
 *
 * @throws ArgumentError for a negative `std`.
 * Source: Graves, Practical Variational Inference for Neural Networks, 2011.
 */
export function weightNoise(std = 0.01, options: WeightNoiseOptions = {}): Callback {
  checkAtLeast('weightNoise', 'std', std, 0);
  const select = selectOf('weightNoise', options);
  generatorOf('weightNoise', options.generator);
  return new WeightNoise(std, options, select);
}
