import { ArgumentError, valueText } from '../errors.js';
import type { Metric } from '../metrics/index.js';
import { Module } from '../nn/module.js';
import { checkOptions } from '../tensor/check.js';
import { Generator } from '../tensor/random.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Callback } from './callback.js';
import { type Batches, type BatchTransform, checkBatches, checkSignal } from './loop.js';

/** The part of an optimizer that training needs. */
export interface Steppable {
  /** Takes the gradients away. */
  zeroGrad(): void;
  /** Changes the parameters by their gradients. */
  step(): void;
}

/** What a {@link Trainer} is made of. */
export interface TrainerOptions {
  model: Module;
  /** A loss module, or a function of output and target. */
  loss: Module<[Tensor, Tensor]> | ((output: Tensor, target: Tensor) => Tensor);
  optimizer: Steppable;
  /** Those that give a number are logged; the others are read with `compute()` behind `fit` or `evaluate`. */
  metrics?: readonly Metric<unknown>[];
  callbacks?: readonly Callback[];
  /**
   * Applied in order to training batches, not in evaluation. Metrics see the target that comes out where it has the shape
   * and dtype of the one that goes in (noise, regression), and otherwise the one that goes in (class indices made soft).
   */
  batchTransforms?: readonly BatchTransform[];
  /** Added to the loss of each training batch; called after the forward pass. Logged as `penalty`, not in `loss`. */
  penalty?: (model: Module) => Tensor;
  /** Batches whose gradients are averaged for one step. Rest of an epoch: fewer, weighed alike. Default 1. */
  gradientAccumulation?: number;
  /** Largest norm of all gradients together (`nn.utils.clipGradNorm_`). Default: no clipping. */
  clipGradNorm?: number;
  /** Largest magnitude of an element of the gradients; before `clipGradNorm`. Default: no clipping. */
  clipGradValue?: number;
  /** Generators that checkpoints keep besides the default one: those of data sets and transforms. */
  generators?: readonly Generator[];
}

/** Options of {@link Trainer.fit}. */
export interface FitOptions {
  /** Default 1. */
  epochs?: number;
  /** Batches to evaluate after each epoch. */
  validation?: Batches;
  /** Show a bar (plain lines when the output is not a terminal). Default true. */
  progress?: boolean;
  /** What the samples are called beside the bar. Default `samples`. */
  unit?: string;
  /** Stops before the next batch; `fit` then rejects with the signal's reason, and `history` holds what was finished. */
  signal?: AbortSignal;
  /**
   * Goes on with a run up to its `epochs`, exactly as if it had not been interrupted: one from the checkpoint at this path,
   * or with true the one that an abort or an error has interrupted, else the newest one of the `callbacks.Checkpoint` callback,
   * and when there is none a new one. Default false.
   */
  resume?: string | boolean;
}

export function check(holds: boolean, rule: string, value: unknown): asserts holds {
  if (!holds) throw new ArgumentError('Trainer', `${rule}, got ${valueText(value)}`, value);
}

export function checkTrainer(options: TrainerOptions): void {
  checkOptions('Trainer', options);
  const { model, loss, optimizer, metrics = [], callbacks = [], batchTransforms = [], penalty } = options;
  const { generators = [] } = options;
  check(model instanceof Module, 'model must be a Module', model);
  check(loss instanceof Module || typeof loss === 'function', 'loss must be a Module or a function', loss);
  check(typeof optimizer?.step === 'function', 'optimizer must have a step()', optimizer);
  check(Array.isArray(metrics), 'metrics must be an array', metrics);
  check(Array.isArray(callbacks), 'callbacks must be an array', callbacks);
  for (const one of callbacks as readonly unknown[]) {
    check(typeof one === 'object' && one !== null, 'a callback must be an object with hooks', one);
  }
  check(Array.isArray(batchTransforms), 'batchTransforms must be an array', batchTransforms);
  for (const one of batchTransforms as readonly unknown[]) {
    check(typeof one === 'function', 'a batch transform must be a function', one);
  }
  check(penalty === undefined || typeof penalty === 'function', 'penalty must be a function', penalty);
  check(Array.isArray(generators), 'generators must be an array', generators);
  for (const one of generators as readonly unknown[]) check(one instanceof Generator, 'a generator is needed', one);
  const { gradientAccumulation = 1, clipGradNorm = 0, clipGradValue = 0 } = options;
  const whole = Number.isInteger(gradientAccumulation) && gradientAccumulation >= 1;
  check(whole, 'gradientAccumulation must be an integer >= 1', gradientAccumulation);
  check(clipGradNorm >= 0, 'clipGradNorm must be a number >= 0', clipGradNorm);
  check(clipGradValue >= 0, 'clipGradValue must be a number >= 0', clipGradValue);
}

/** The number of epochs, when all options make sense. */
export function checkFit(batches: Batches, options: FitOptions): number {
  const op = 'Trainer.fit';
  checkOptions(op, options);
  const { epochs = 1, validation, signal, resume = false } = options;
  if (!Number.isInteger(epochs) || epochs < 0) {
    throw new ArgumentError(op, `epochs must be an integer >= 0, got ${valueText(epochs)}`, epochs);
  }
  if (typeof resume !== 'boolean' && (typeof resume !== 'string' || resume === '')) {
    throw new ArgumentError(op, `resume must be a path, true or false, got ${valueText(resume)}`, resume);
  }
  checkSignal(op, signal);
  checkBatches(op, batches);
  if (validation !== undefined) checkBatches(op, validation);
  return epochs;
}
