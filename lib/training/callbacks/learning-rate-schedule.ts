import type { StateTree } from '../../data/state.js';
import { ArgumentError, valueText } from '../../errors.js';
import { ReduceLROnPlateau } from '../../optim/lr-scheduler/plateau.js';
import { LRScheduler } from '../../optim/lr-scheduler/scheduler.js';
import { checkOptions } from '../../tensor/check.js';
import type { Callback, EpochLog } from '../callback.js';
import type { Trainer } from '../trainer.js';
import { checkName, monitored } from './monitor.js';

/** Options of {@link LearningRateSchedule}. */
export interface LearningRateScheduleOptions {
  /** When the schedule makes its step: after each epoch, or after each step of the optimizer. Default `epoch`. */
  every?: 'epoch' | 'step';
  /** For ReduceLROnPlateau: the value of the epoch log that it watches. Default `valLoss`. */
  monitor?: string;
}

/**
 * Runs a schedule of `optim.lrScheduler` with the training. Adds `learningRate` to the log: the rate of the first group in
 * the last step of the epoch.
 *
 * @example
 * new callbacks.LearningRateSchedule(new optim.lrScheduler.OneCycleLR(optimizer, 0.1, { totalSteps }), { every: 'step' });
 * new callbacks.LearningRateSchedule(new optim.lrScheduler.ReduceLROnPlateau(optimizer), { monitor: 'valLoss' });
 *
 * @throws ArgumentError for what is no schedule, and for ReduceLROnPlateau after each step; in `fit`, before the first
 * epoch, when there is no value to monitor.
 */
export class LearningRateSchedule implements Callback {
  readonly logs = ['learningRate'];
  readonly scheduler: LRScheduler;
  private readonly every: 'epoch' | 'step';
  private readonly monitor: string;
  private used: number | null = null;

  constructor(scheduler: LRScheduler, options: LearningRateScheduleOptions = {}) {
    const op = 'LearningRateSchedule';
    checkOptions(op, options);
    const { every = 'epoch', monitor = 'valLoss' } = options;
    if (!(scheduler instanceof LRScheduler)) {
      throw new ArgumentError(op, `a schedule of optim.lrScheduler is needed, got ${valueText(scheduler)}`, scheduler);
    }
    if (every !== 'epoch' && every !== 'step') {
      throw new ArgumentError(op, `every must be "epoch" or "step", got ${valueText(every)}`, every);
    }
    if (scheduler instanceof ReduceLROnPlateau && every === 'step') {
      throw new ArgumentError(op, 'ReduceLROnPlateau needs a value of the epoch', every);
    }
    this.scheduler = scheduler;
    this.every = every;
    this.monitor = checkName(op, monitor);
  }

  onFitStart(trainer: Trainer): void {
    if (this.scheduler instanceof ReduceLROnPlateau) trainer.checkMonitor('LearningRateSchedule', this.monitor);
  }

  onStepEnd(): void {
    this.used = this.scheduler.optimizer.paramGroups[0].lr;
    if (this.every === 'step') this.scheduler.step();
  }

  onEpochEnd(log: EpochLog): void {
    log.learningRate = this.used ?? this.scheduler.optimizer.paramGroups[0].lr;
    if (this.every === 'step') return;
    if (this.scheduler instanceof ReduceLROnPlateau) {
      this.scheduler.step(monitored('LearningRateSchedule', log, this.monitor));
    } else {
      this.scheduler.step();
    }
  }

  stateDict(): StateTree {
    return { scheduler: this.scheduler.stateDict() as StateTree, used: this.used };
  }

  loadStateDict(state: StateTree): void {
    this.scheduler.loadStateDict(state.scheduler as StateTree);
    this.used = state.used as number | null;
  }
}
