import type { StateTree } from '../../data/state.js';
import { ArgumentError, valueText } from '../../errors.js';
import type { Module } from '../../nn/module.js';
import { AveragedModel, updateBn } from '../../optim/swa/averaged-model.js';
import { getEmaMultiAvgFn } from '../../optim/swa/averaging.js';
import { checkOptions } from '../../tensor/check.js';
import { noGrad } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Callback, EpochLog, History } from '../callback.js';
import type { Batches } from '../loop.js';
import type { Trainer } from '../trainer.js';
import { checkCount } from './monitor.js';

/** Options of {@link WeightAveraging}. */
export interface WeightAveragingOptions {
  /** Decay of an exponential average (EMA). Default: none, the mean of all (SWA). */
  decay?: number;
  /** When weights are taken: after each step or each epoch. Default `step` with a decay, else `epoch`. */
  every?: 'epoch' | 'step';
  /** The first step or epoch that is taken, counted from 1. Default 1. */
  start?: number;
  /** Averages buffers too (statistics of batch normalization); otherwise they are those of the model. Default false. */
  useBuffers?: boolean;
  /** Validates with the averaged weights. Default true. */
  evaluate?: boolean;
  /** Puts the averaged weights into the model when training ends. Default false. */
  apply?: boolean;
  /** With `apply`: batches for new statistics of batch normalization, which those of the model do not fit. */
  updateBn?: Batches;
}

/**
 * Keeps an average of the weights besides those that are trained: exponential (EMA), or the mean of all (SWA). It stands in
 * `averaged`, a module like the model. With SWA combine it with a schedule that ends in `optim.swaUtils.SWALR`.
 *
 * @example
 * const ema = new callbacks.WeightAveraging(model, { decay: 0.999 });
 * await new Trainer({ ..., callbacks: [ema] }).fit(loader, { epochs: 10, validation }); // valLoss is that of the average
 * await ema.averaged.save('ema.safetensors');
 *
 * Source: https://docs.pytorch.org/docs/2.13/optim.html#weight-averaging-swa-and-ema
 * @throws ArgumentError for what is no module, and for options out of range.
 */
export class WeightAveraging implements Callback {
  private readonly options: WeightAveragingOptions & { every: 'epoch' | 'step'; start: number };
  private readonly average: AveragedModel<Module>;
  /** Whether the average holds any weights. */
  private taken = false;

  constructor(model: Module, options: WeightAveragingOptions = {}) {
    const op = 'WeightAveraging';
    checkOptions(op, options);
    const { decay, every = decay === undefined ? 'epoch' : 'step', start = 1, useBuffers = false } = options;
    if (every !== 'epoch' && every !== 'step') {
      throw new ArgumentError(op, `every must be "epoch" or "step", got ${valueText(every)}`, every);
    }
    checkCount(op, 'start', start, 1);
    const multiAvgFn = decay === undefined ? null : getEmaMultiAvgFn(decay);
    this.average = new AveragedModel(model, { multiAvgFn, useBuffers });
    this.options = { ...options, every, start };
  }

  /** The model with the averaged weights; those that it was made with before the first were taken. */
  get averaged(): Module {
    return this.average.module;
  }

  onFitStart(trainer: Trainer): void {
    if (trainer.isResuming) return;
    noGrad(() => this.average.nAveraged.zero_());
    this.taken = false;
  }

  onStepEnd(step: number, trainer: Trainer): void {
    if (this.options.every === 'step' && step >= this.options.start) this.take(trainer.model);
  }

  onEpochEnd(log: EpochLog, trainer: Trainer): void {
    if (this.options.every === 'epoch' && log.epoch >= this.options.start) this.take(trainer.model);
  }

  onEvaluateStart(trainer: Trainer): void {
    if (this.taken && (this.options.evaluate ?? true)) trainer.evaluationModel = this.averaged;
  }

  async onFitEnd(_: History, trainer: Trainer): Promise<void> {
    const { apply = false, updateBn: batches } = this.options;
    if (!apply || !this.taken) return;
    trainer.model.loadStateDict(this.averaged.stateDict({ keepVars: true }));
    if (batches) await updateBn(batches, trainer.model);
  }

  stateDict(): StateTree {
    return { average: this.average.stateDict({ keepVars: true }), taken: this.taken };
  }

  loadStateDict(state: StateTree): void {
    this.average.loadStateDict(state.average as Record<string, Tensor>);
    this.taken = state.taken === true;
  }

  private take(model: Module): void {
    this.average.updateParameters(model);
    this.taken = true;
  }
}
