import { ArgumentError, valueText } from '../../errors.js';
import { checkOptions } from '../../tensor/check.js';
import { checkCount } from '../check.js';
import {
  checkOptimizer,
  LRScheduler,
  perGroup,
  type ScheduledGroup,
  type ScheduledOptimizer,
  type SchedulerOptions,
} from '../lr-scheduler/scheduler.js';

/** Options of {@link SWALR}. */
export interface SWALROptions extends SchedulerOptions {
  /** Steps until the rate is reached. Default 10. */
  annealEpochs?: number;
  /** Default `cos`. */
  annealStrategy?: 'cos' | 'linear';
}

/**
 * Moves the rates to `swaLr` and stays there, while weights are averaged.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.swa_utils.SWALR.html
 */
export class SWALR extends LRScheduler {
  protected readonly annealEpochs: number;
  protected readonly annealStrategy: string;

  constructor(optimizer: ScheduledOptimizer, swaLr: number | readonly number[], options: SWALROptions = {}) {
    const op = 'SWALR';
    checkOptions(op, options);
    checkOptimizer(op, optimizer);
    const rates = perGroup(op, 'swaLr', optimizer, swaLr);
    const { annealEpochs = 10, annealStrategy = 'cos' } = options;
    if (annealStrategy !== 'cos' && annealStrategy !== 'linear') {
      const message = `annealStrategy must be one of 'cos' or 'linear', got ${valueText(annealStrategy)}`;
      throw new ArgumentError(op, message, annealStrategy);
    }
    checkCount(op, 'annealEpochs', annealEpochs, 0);
    super(optimizer, options);
    this.groups.forEach((group, i) => {
      group.swaLr = rates[i];
    });
    this.annealEpochs = annealEpochs;
    this.annealStrategy = annealStrategy;
    this.start();
  }

  /** The share of `swaLr` at a step. */
  #share(step: number): number {
    const t = Math.max(0, Math.min(1, step / Math.max(1, this.annealEpochs)));
    return this.annealStrategy === 'linear' ? t : (1 - Math.cos(Math.PI * t)) / 2;
  }

  getLr(): number[] {
    const step = this.annealEpochs === 0 ? Math.max(1, this.stepCount - 1) : this.stepCount - 1;
    const [before, now] = [this.#share(step - 1), this.#share(step)];
    return this.groups.map((group: ScheduledGroup) => {
      const swaLr = group.swaLr as number;
      const origin = before === 1 ? swaLr : (group.lr - before * swaLr) / (1 - before);
      return swaLr * now + origin * (1 - now);
    });
  }
}
