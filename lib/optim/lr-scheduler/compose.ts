// Schedules made of others.
import { ArgumentError, valueText } from '../../errors.js';
import { checkOptions } from '../../tensor/check.js';
import { checkCount } from '../check.js';
import { LinearLR } from './curves.js';
import { ReduceLROnPlateau } from './plateau.js';
import {
  checkOptimizer,
  LRScheduler,
  type ScheduledOptimizer,
  type SchedulerOptions,
  type SchedulerState,
} from './scheduler.js';

function checkSchedulers(op: string, optimizer: ScheduledOptimizer, schedulers: readonly unknown[]): void {
  if (!Array.isArray(schedulers) || schedulers.length === 0) {
    throw new ArgumentError(op, 'expects at least one scheduler', schedulers);
  }
  schedulers.forEach((scheduler: unknown, i) => {
    if (!(scheduler instanceof LRScheduler)) {
      throw new ArgumentError(op, `the scheduler at index ${i} is ${valueText(scheduler)}`, scheduler);
    }
    if (scheduler instanceof ReduceLROnPlateau) {
      throw new ArgumentError(op, `ReduceLROnPlateau at index ${i} needs a value at each step`, i);
    }
    if (scheduler.optimizer !== optimizer) {
      throw new ArgumentError(op, `the scheduler at index ${i} belongs to another optimizer`, i);
    }
  });
}

/** A schedule that runs others; their states are part of its own. */
abstract class Composed extends LRScheduler {
  declare protected readonly schedulers: readonly LRScheduler[];

  protected adopt(schedulers: readonly LRScheduler[]): void {
    Object.defineProperty(this, 'schedulers', { value: [...schedulers], enumerable: false });
  }

  getLr(): number[] {
    return this.currentLrs;
  }

  protected override get unsaved(): readonly string[] {
    return ['baseLrs', 'stepCount', 'lastEpoch'];
  }

  /** @internal Takes back the first step of every schedule below. */
  _undo(): void {
    for (const scheduler of this.schedulers) {
      if (scheduler instanceof Composed) scheduler._undo();
      else scheduler.lastEpoch--;
    }
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()) };
  }

  override loadStateDict(state: SchedulerState): void {
    const op = `${this.constructor.name}.loadStateDict`;
    checkOptions(op, state);
    const { schedulers, _schedulers = schedulers, ...own } = state;
    if (!Array.isArray(_schedulers) || _schedulers.length !== this.schedulers.length) {
      throw new ArgumentError(op, `the states of ${this.schedulers.length} schedulers are needed`, _schedulers);
    }
    const before = this.schedulers.map((scheduler) => scheduler.stateDict());
    try {
      this.schedulers.forEach((scheduler, i) => {
        scheduler.loadStateDict(_schedulers[i] as SchedulerState);
      });
      super.loadStateDict(own);
    } catch (error) {
      this.schedulers.forEach((scheduler, i) => {
        scheduler.loadStateDict(before[i]);
      });
      throw error;
    }
  }
}

/**
 * One schedule after another: the next one begins at its milestone, at its own step 0.
 * @throws ArgumentError unless there is one milestone less than schedulers, all of the same optimizer.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.SequentialLR.html
 */
export class SequentialLR extends Composed {
  protected readonly milestones: number[];

  constructor(
    optimizer: ScheduledOptimizer,
    schedulers: readonly LRScheduler[],
    milestones: readonly number[],
    options: SchedulerOptions = {},
  ) {
    const op = 'SequentialLR';
    checkOptimizer(op, optimizer);
    checkSchedulers(op, optimizer, schedulers);
    if (!Array.isArray(milestones) || milestones.length !== schedulers.length - 1) {
      const message = `expects one milestone less than schedulers, got ${schedulers.length} schedulers and milestones ${valueText(milestones)}`;
      throw new ArgumentError(op, message, milestones);
    }
    super(optimizer, options);
    this.adopt(schedulers);
    this.milestones = milestones.map((at: unknown) => checkCount(op, 'a milestone', at, 0));
    this.lastEpoch++;
    for (const group of this.groups) group.lr = group.initialLr as number;
    this._undo();
    const first = this.#current();
    this.schedulers[first]._initialStep();
    this.lastLr = this.schedulers[first].getLastLr();
  }

  protected override get unsaved(): readonly string[] {
    return ['baseLrs', 'stepCount'];
  }

  /** The index of the schedule of this step. */
  #current(): number {
    return this.milestones.filter((at) => at <= this.lastEpoch).length;
  }

  override step(): void {
    this.lastEpoch++;
    const at = this.#current();
    const scheduler = this.schedulers[at];
    if (at > 0 && this.milestones[at - 1] === this.lastEpoch) scheduler._updateLr(0);
    else scheduler.step();
    this.lastLr = scheduler.getLastLr();
  }
}

/**
 * Several schedules at once: each multiplies what the others leave.
 * @throws ArgumentError unless all belong to the same optimizer.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.ChainedScheduler.html
 */
export class ChainedScheduler extends Composed {
  constructor(schedulers: readonly LRScheduler[], optimizer?: ScheduledOptimizer) {
    const op = 'ChainedScheduler';
    const shared: unknown = optimizer ?? (Array.isArray(schedulers) ? schedulers[0]?.optimizer : undefined);
    if (!Array.isArray(schedulers) || schedulers.length === 0) checkSchedulers(op, optimizer as never, schedulers);
    checkOptimizer(op, shared);
    checkSchedulers(op, shared, schedulers);
    super(shared);
    this.adopt(schedulers);
    this.lastLr = this.currentLrs;
  }

  override step(): void {
    for (const scheduler of this.schedulers) scheduler.step();
    this.lastLr = this.currentLrs;
  }
}

/** Options of {@link warmup}. */
export interface WarmupOptions {
  /** Share of the rate at the first step; in (0, 1]. Default 1/3. */
  startFactor?: number;
}

/**
 * Rises linearly to the full rates in `totalIters` steps, then goes on with `after` (a schedule of the same optimizer;
 * without one the rates stay).
 *
 * @example
 * const scheduler = optim.lrScheduler.warmup(optimizer, 500, new optim.lrScheduler.CosineAnnealingLR(optimizer, 10000));
 */
export function warmup(
  optimizer: ScheduledOptimizer,
  totalIters: number,
  after: LRScheduler | null = null,
  options: WarmupOptions = {},
): LRScheduler {
  checkOptions('warmup', options);
  checkOptimizer('warmup', optimizer);
  if (after !== null) {
    checkSchedulers('warmup', optimizer, [after]);
    // What the other schedule has set does not count before its turn.
    for (const group of optimizer.paramGroups as readonly { lr: number; initialLr?: number }[])
      group.lr = group.initialLr ?? group.lr;
  }
  const rise = new LinearLR(optimizer, { ...options, totalIters });
  return after === null ? rise : new SequentialLR(optimizer, [rise, after], [totalIters]);
}
