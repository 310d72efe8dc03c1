// Schedules that multiply the rates at certain steps, or by a function.
import { ArgumentError, valueText } from '../../errors.js';
import { checkCount } from '../check.js';
import {
  checkValue,
  LRScheduler,
  type ScheduledOptimizer,
  type SchedulerOptions,
  type SchedulerState,
} from './scheduler.js';

/** The factor of a step, for all groups or for each. */
export type LrLambda = ((epoch: number) => number) | readonly ((epoch: number) => number)[];

function lambdasOf(op: string, optimizer: ScheduledOptimizer, given: LrLambda): ((epoch: number) => number)[] {
  if (typeof given !== 'function' && !Array.isArray(given)) {
    throw new ArgumentError(op, `lrLambda must be a function or several, got ${valueText(given)}`, given);
  }
  const list = typeof given === 'function' ? optimizer.paramGroups.map(() => given) : [...given];
  const { length } = optimizer.paramGroups;
  if (list.length !== length) {
    throw new ArgumentError(op, `Expected ${length} lrLambdas, but got ${list.length}`, list.length);
  }
  for (const fn of list) {
    if (typeof fn !== 'function') throw new ArgumentError(op, `lrLambda must be a function, got ${valueText(fn)}`, fn);
  }
  return list;
}

/**
 * `initial rate * lrLambda(step)`. Functions are not part of the state.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.LambdaLR.html
 */
export class LambdaLR extends LRScheduler {
  readonly #lambdas: ((epoch: number) => number)[];

  constructor(optimizer: ScheduledOptimizer, lrLambda: LrLambda, options: SchedulerOptions = {}) {
    super(optimizer, options);
    this.#lambdas = lambdasOf('LambdaLR', optimizer, lrLambda);
    this.start();
  }

  getLr(): number[] {
    return this.#lambdas.map((fn, i) => this.baseLrs[i] * fn(this.lastEpoch));
  }
}

/**
 * Multiplies the rates by `lrLambda(step)` at each step.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.MultiplicativeLR.html
 */
export class MultiplicativeLR extends LRScheduler {
  readonly #lambdas: ((epoch: number) => number)[];

  constructor(optimizer: ScheduledOptimizer, lrLambda: LrLambda, options: SchedulerOptions = {}) {
    super(optimizer, options);
    this.#lambdas = lambdasOf('MultiplicativeLR', optimizer, lrLambda);
    this.start();
  }

  getLr(): number[] {
    if (this.isInitial) return this.currentLrs;
    return this.#lambdas.map((fn, i) => this.groups[i].lr * fn(this.lastEpoch));
  }
}

/** Options of {@link StepLR} and {@link MultiStepLR}. */
export interface StepLROptions extends SchedulerOptions {
  /** Default 0.1. */
  gamma?: number;
}

/**
 * Multiplies the rates by `gamma` every `stepSize` steps.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.StepLR.html
 */
export class StepLR extends LRScheduler {
  protected readonly stepSize: number;
  protected readonly gamma: number;

  constructor(optimizer: ScheduledOptimizer, stepSize: number, options: StepLROptions = {}) {
    super(optimizer, options);
    this.stepSize = checkCount('StepLR', 'stepSize', stepSize);
    this.gamma = checkValue('StepLR', 'gamma', options.gamma ?? 0.1);
    this.start();
  }

  getLr(): number[] {
    const due = this.lastEpoch !== 0 && this.lastEpoch % this.stepSize === 0;
    return due ? this.currentLrs.map((lr) => lr * this.gamma) : this.currentLrs;
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** Math.floor(this.lastEpoch / this.stepSize));
  }
}

/**
 * Multiplies the rates by `gamma` at each milestone; one that is listed twice counts twice.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.MultiStepLR.html
 */
export class MultiStepLR extends LRScheduler {
  protected milestones: number[];
  protected readonly gamma: number;

  constructor(optimizer: ScheduledOptimizer, milestones: Iterable<number>, options: StepLROptions = {}) {
    super(optimizer, options);
    this.milestones = [...milestones]
      .map((at) => checkCount('MultiStepLR', 'a milestone', at, 0))
      .sort((a, b) => a - b);
    this.gamma = checkValue('MultiStepLR', 'gamma', options.gamma ?? 0.1);
    this.start();
  }

  getLr(): number[] {
    const times = this.milestones.filter((at) => at === this.lastEpoch).length;
    return times === 0 ? this.currentLrs : this.currentLrs.map((lr) => lr * this.gamma ** times);
  }

  protected override closedForm(): number[] {
    const times = this.milestones.filter((at) => at <= this.lastEpoch).length;
    return this.baseLrs.map((lr) => lr * this.gamma ** times);
  }

  /** PyTorch keeps the milestones as an object of counts; that is taken too. */
  override loadStateDict(state: SchedulerState): void {
    const { milestones } = state ?? {};
    if (typeof milestones !== 'object' || milestones === null || Array.isArray(milestones)) {
      super.loadStateDict(state);
      return;
    }
    const listed = Object.entries(milestones).flatMap(([at, times]) => Array<number>(Number(times)).fill(Number(at)));
    super.loadStateDict({ ...state, milestones: listed.sort((a, b) => a - b) });
  }
}

/**
 * Multiplies the rates by `gamma` at each step.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.ExponentialLR.html
 */
export class ExponentialLR extends LRScheduler {
  protected readonly gamma: number;

  constructor(optimizer: ScheduledOptimizer, gamma: number, options: SchedulerOptions = {}) {
    super(optimizer, options);
    this.gamma = checkValue('ExponentialLR', 'gamma', gamma);
    this.start();
  }

  getLr(): number[] {
    return this.isInitial ? this.currentLrs : this.currentLrs.map((lr) => lr * this.gamma);
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** this.lastEpoch);
  }
}
