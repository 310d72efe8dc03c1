import type { StateTree } from '../data/state.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Trainer } from './trainer.js';

/** Numbers of one epoch: `loss`, the metrics, and with validation `valLoss`, `valAccuracy`, … */
export interface EpochLog {
  /** Counted from 1. */
  epoch: number;
  /** Mean over the samples, without the penalty. */
  loss: number;
  /** Wall time of the training part. */
  seconds: number;
  samplesPerSecond: number;
  [name: string]: number;
}

/** What {@link Trainer.fit} returns. */
export interface History {
  epochs: EpochLog[];
}

/** A step of the optimizer that is about to be made. */
export interface StepInfo {
  /** Number of the step over all epochs, counted from 1. */
  readonly step: number;
  /** Counted from 1. */
  readonly epoch: number;
  /** Number of the newest batch of the epoch, counted from 0. */
  readonly batch: number;
  /** What was differentiated: loss and penalty, the mean over the batches of the step. A detached scalar, not read here. */
  readonly loss: Tensor;
}

/** What a hook returns; a promise is awaited. */
export type Done = void | Promise<void>;

/**
 * Hooks into {@link Trainer.fit}; any object with some of them is a callback. Each may be async: training waits for it.
 * Callbacks run in the order given, those with `runLast` after the others. What a hook throws ends the training: errors of
 * this library as they are, others as the cause of a CallbackError.
 *
 * Tensors made in the hooks of a batch are freed behind it; `keep()` takes one out.
 *
 * @example
 * const spy: Callback = { onEpochEnd: (log, trainer) => console.log(log.loss, trainer.learningRates()) };
 */
export interface Callback {
  /** The name in errors and checkpoints. Default: that of the class. */
  readonly name?: string;
  /** Runs after the other callbacks, because it needs what they have done. Default false. */
  readonly runLast?: boolean;
  /** Names of values that the callback puts into the log of an epoch, so that others may watch them. */
  readonly logs?: readonly string[];

  /** Before the first epoch; `trainer.isResuming` tells whether a run goes on. */
  onFitStart?(trainer: Trainer): Done;
  /** After the last epoch, also when training was stopped early, but not after an error or an abort. */
  onFitEnd?(history: History, trainer: Trainer): Done;
  /** After an error or an abort. What it throws itself is left out. */
  onFitError?(error: unknown, trainer: Trainer): Done;
  /** Before the first batch of an epoch. */
  onEpochStart?(epoch: number, trainer: Trainer): Done;
  /** When the log of the epoch is in the history; values may be added to it. */
  onEpochEnd?(log: EpochLog, trainer: Trainer): Done;
  /** Before the forward pass of a batch, counted from 0. */
  onBatchStart?(batch: number, trainer: Trainer): Done;
  /** After the batch was queued; `loss` is the newest loss that has been read. */
  onBatchEnd?(batch: number, loss: number | undefined, trainer: Trainer): Done;
  /** After the backward pass and before clipping and the step: gradients stand in the parameters. */
  onBeforeStep?(info: StepInfo, trainer: Trainer): Done;
  /** After a step of the optimizer, whose number over all epochs is `step`. */
  onStepEnd?(step: number, trainer: Trainer): Done;
  /** Before the first batch of an evaluation. */
  onEvaluateStart?(trainer: Trainer): Done;
  /** With the loss and the metrics of the evaluation, without `val` before their names. */
  onEvaluateEnd?(values: Readonly<Record<string, number>>, trainer: Trainer): Done;

  /** What a checkpoint keeps of the callback: plain values and tensors. */
  stateDict?(): StateTree;
  /** Takes over a {@link stateDict}; its tensors are freed afterwards, so they must be copied. */
  loadStateDict?(state: StateTree): void;
  /** For callbacks that write checkpoints: the path of the newest, which `fit` with `resume: true` goes on with. */
  newestCheckpoint?(): string | undefined | Promise<string | undefined>;
}

/** The hooks of a callback, but for the one that hears of errors. */
export type HookName = Exclude<Extract<keyof Callback, `on${string}`>, 'onFitError'>;
