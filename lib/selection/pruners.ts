// Ending trials early that promise little.
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { checkBetween, checkInteger } from './check.js';

/** Reports of a trial so far. */
export interface ReportedTrial {
  /** Counted from 0. */
  readonly number: number;
  readonly reports: readonly (readonly [step: number, value: number])[];
}

/** Decides after a report whether a trial goes on. Values are such that smaller is better. */
export interface Pruner {
  /** @param others all other trials with a report, those that run too */
  /** Whether a trial with these values so far is to end. */
  shouldPrune(trial: ReportedTrial, others: readonly ReportedTrial[]): boolean;
}

/** Options of {@link AshaPruner}. */
export interface AshaOptions {
  /** The first step at which trials are compared. Default 1. */
  minResource?: number;
  /** One trial of so many goes on, and each rung has so many times the steps of the one before. Default 4. */
  reductionFactor?: number;
}

/** The first report at or behind a step, which counts there. */
function valueAtRung({ reports }: ReportedTrial, rung: number): number | null {
  const found = reports.find(([step]) => step >= rung);
  return found === undefined ? null : found[1];
}

/**
 * Asynchronous successive halving: at step `minResource * reductionFactor^k` a trial goes on when it is among the best
 * `1 / reductionFactor` of those that came so far (always, while these are fewer than `reductionFactor` and it is the best).
 * No trial waits for another one.
 *
 * Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning" (2020), in the variant that stops trials.
 */
export class AshaPruner implements Pruner {
  readonly minResource: number;
  readonly reductionFactor: number;

  /** @throws ArgumentError for options out of range */
  constructor(options: AshaOptions = {}) {
    checkOptions('AshaPruner', options);
    this.minResource = checkInteger('AshaPruner', 'minResource', options.minResource ?? 1, 1);
    this.reductionFactor = checkInteger('AshaPruner', 'reductionFactor', options.reductionFactor ?? 4, 2);
  }

  shouldPrune(trial: ReportedTrial, others: readonly ReportedTrial[]): boolean {
    return isBehind(trial, others, this.minResource, this.reductionFactor);
  }
}

/** Whether the newest report reached a rung, and is not among the best there. */
function isBehind(trial: ReportedTrial, others: readonly ReportedTrial[], first: number, factor: number): boolean {
  const [step] = trial.reports.at(-1) ?? [0];
  const [before] = trial.reports.at(-2) ?? [Number.NEGATIVE_INFINITY];
  for (let rung = first; rung <= step; rung *= factor) {
    if (before >= rung) continue;
    const own = valueAtRung(trial, rung) as number;
    const values = [own];
    for (const other of others) {
      const value = valueAtRung(other, rung);
      if (value !== null) values.push(value);
    }
    values.sort((a, b) => a - b);
    const promoted = Math.max(1, Math.floor(values.length / factor));
    if (own > values[promoted - 1]) return true;
  }
  return false;
}

/** Options of {@link HyperbandPruner}. */
export interface HyperbandPrunerOptions extends AshaOptions {
  /** The last step of a trial. */
  maxResource: number;
}

/**
 * Hyperband without waiting: several {@link AshaPruner}s, from one that compares at `minResource` to one that never ends a
 * trial, and every trial belongs to one of them. Some brackets trust early reports, some do not.
 *
 * Source: Li et al., "Hyperband" (2018), with the brackets of its asynchronous form.
 */
export class HyperbandPruner implements Pruner {
  private readonly firsts: readonly number[];
  private readonly shares: readonly number[];
  private readonly factor: number;

  /** @throws ArgumentError for options out of range */
  constructor(options: HyperbandPrunerOptions) {
    const op = 'HyperbandPruner';
    checkOptions(op, options);
    const least = checkInteger(op, 'minResource', options.minResource ?? 1, 1);
    this.factor = checkInteger(op, 'reductionFactor', options.reductionFactor ?? 3, 2);
    const most = checkInteger(op, 'maxResource', options.maxResource, least);
    const firsts: number[] = [];
    for (let first = least; first <= most; first *= this.factor) firsts.push(first);
    this.firsts = firsts;
    // As many trials as the bracket of Hyperband begins with: most where most are ended.
    const brackets = firsts.length;
    this.shares = firsts.map((_, i) => Math.ceil((brackets / (brackets - i)) * this.factor ** (brackets - 1 - i)));
  }

  /** The bracket of a trial, counted from 0: the one that ends trials earliest. */
  bracketOf(number: number): number {
    const total = this.shares.reduce((a, b) => a + b, 0);
    // Multiples of the golden ratio are spread evenly, so every bracket gets its share from the beginning.
    let place = ((number * 0.6180339887498949) % 1) * total;
    for (let i = 0; i < this.shares.length; i++) {
      place -= this.shares[i];
      if (place < 0) return i;
    }
    return this.shares.length - 1;
  }

  shouldPrune(trial: ReportedTrial, others: readonly ReportedTrial[]): boolean {
    const bracket = this.bracketOf(trial.number);
    if (bracket === this.firsts.length - 1) return false;
    const same = others.filter(({ number }) => this.bracketOf(number) === bracket);
    return isBehind(trial, same, this.firsts[bracket], this.factor);
  }
}

/** Options of {@link MedianPruner}. */
export interface MedianPrunerOptions {
  /** Trials before the first one is ended. Default 5. */
  startTrials?: number;
  /** Steps of a trial before it may be ended. Default 0. */
  warmupSteps?: number;
}

/** Ends a trial whose best report is worse than the median of what the others had reported at that step. */
export class MedianPruner implements Pruner {
  private readonly startTrials: number;
  private readonly warmupSteps: number;

  /** @throws ArgumentError for options out of range */
  constructor(options: MedianPrunerOptions = {}) {
    checkOptions('MedianPruner', options);
    this.startTrials = checkInteger('MedianPruner', 'startTrials', options.startTrials ?? 5, 1);
    this.warmupSteps = checkBetween('MedianPruner', 'warmupSteps', options.warmupSteps ?? 0, 0, Number.MAX_VALUE);
  }

  shouldPrune(trial: ReportedTrial, others: readonly ReportedTrial[]): boolean {
    const [step] = trial.reports.at(-1) ?? [0];
    if (step <= this.warmupSteps) return false;
    const values = others.flatMap(({ reports }) => {
      const found = reports.find((report) => report[0] === step);
      return found === undefined ? [] : [found[1]];
    });
    if (values.length < this.startTrials) return false;
    values.sort((a, b) => a - b);
    const middle = (values[(values.length - 1) >> 1] + values[values.length >> 1]) / 2;
    return Math.min(...trial.reports.map(([, value]) => value)) > middle;
  }
}

/** @internal */
export function checkPruner(op: string, pruner: unknown): Pruner | null {
  if (pruner === undefined || pruner === null) return null;
  if (typeof (pruner as Partial<Pruner>).shouldPrune === 'function') return pruner as Pruner;
  throw new ArgumentError(op, `pruner must be a pruner, got ${valueText(pruner)}`, pruner);
}
