import { ArgumentError, valueText } from '../../errors.js';
import { checkOptions } from '../../tensor/check.js';

/** What a schedule needs of an optimizer; every optimizer of this library, and one wrapped in Lookahead, has it. */
export interface ScheduledOptimizer {
  readonly paramGroups: readonly { lr: number }[];
  readonly defaults: object;
}

/** A parameter group with what schedules write into it. */
export type ScheduledGroup = { lr: number; [option: string]: unknown };

/** The state of a schedule: plain values, ready for JSON. */
export type SchedulerState = { [key: string]: unknown };

/** Options of every schedule. */
export interface SchedulerOptions {
  /** The last step that was made, to go on from; needs groups with `initialLr` then. Default -1: a new schedule. */
  lastEpoch?: number;
}

export function checkOptimizer(op: string, optimizer: unknown): asserts optimizer is ScheduledOptimizer {
  if (typeof optimizer === 'object' && optimizer !== null && 'paramGroups' in optimizer && 'defaults' in optimizer)
    return;
  throw new ArgumentError(op, `an optimizer is needed, got ${valueText(optimizer)}`, optimizer);
}

/** One number for all groups, or one for each. */
export function perGroup(
  op: string,
  name: string,
  optimizer: ScheduledOptimizer,
  given: number | readonly number[],
): number[] {
  const count = optimizer.paramGroups.length;
  if (typeof given !== 'number' && !Array.isArray(given)) {
    throw new ArgumentError(op, `${name} must be a number or several, got ${valueText(given)}`, given);
  }
  const list = typeof given === 'number' ? optimizer.paramGroups.map(() => given) : [...given];
  if (list.length !== count) {
    throw new ArgumentError(op, `${name} has ${list.length} values, the optimizer ${count} parameter groups`, given);
  }
  for (const value of list) checkValue(op, name, value);
  return list;
}

/** Throws unless `value` is a finite number. */
export function checkValue(op: string, name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new ArgumentError(op, `${name} must be a finite number, got ${valueText(value)}`, value);
}

/** `T_max` and `_step_count` are `tMax` and `stepCount`. */
const ownName = (key: string): string => {
  const camel = key.replace(/^_+/, '').replace(/_([a-zA-Z0-9])/g, (_, c: string) => c.toUpperCase());
  return camel[0].toLowerCase() + camel.slice(1);
};

/** What PyTorch keeps among its values and nabla elsewhere or nowhere. */
const FOREIGN = new Set([
  'isInitial',
  'getLrCalledWithinStep',
  'verbose',
  'useBeta1',
  'modeWorse',
  'scaleFnCustom',
  'lrLambdas',
]);

function sameKind(own: unknown, given: unknown): boolean {
  if (own === null || given === null) return typeof own !== 'object' || typeof given !== 'object' || own === given;
  if (Array.isArray(own)) return Array.isArray(given);
  return typeof own === typeof given;
}

/**
 * Base of the learning-rate schedules: `step()` after each epoch (or batch) sets the rates of the groups. A subclass sets
 * its fields, calls `start()` at the end of its constructor and gives the rates in `getLr()`; fields are its state.
 *
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.LRScheduler.html
 */
export abstract class LRScheduler {
  declare readonly optimizer: ScheduledOptimizer;
  /** The rates at the beginning, one for each group. */
  baseLrs: number[] = [];
  /** Number of steps made. */
  lastEpoch: number;
  protected stepCount = 0;
  protected lastLr: number[] = [];
  #initial = false;

  /** @throws ArgumentError for what is no optimizer, and for groups without `initialLr` when `lastEpoch` is given. */
  constructor(optimizer: ScheduledOptimizer, options: SchedulerOptions = {}) {
    const op = new.target.name;
    checkOptions(op, options);
    checkOptimizer(op, optimizer);
    Object.defineProperty(this, 'optimizer', { value: optimizer, enumerable: false });
    const { lastEpoch = -1 } = options;
    if (!Number.isInteger(lastEpoch) || lastEpoch < -1) {
      throw new ArgumentError(
        op,
        `lastEpoch must be an integer of at least -1, got ${valueText(lastEpoch)}`,
        lastEpoch,
      );
    }
    this.lastEpoch = lastEpoch;
    this.baseLrs = this.groups.map((group, i) => {
      if (lastEpoch === -1) group.initialLr ??= group.lr;
      if (typeof group.initialLr === 'number') return group.initialLr;
      throw new ArgumentError(op, `initialLr is not specified in paramGroups[${i}] when resuming a schedule`, i);
    });
  }

  /** The rates of the groups for the step `lastEpoch`. */
  abstract getLr(): number[];

  /** The same by a formula of `lastEpoch` alone, where there is one. */
  protected closedForm(): number[] {
    return this.getLr();
  }

  protected get groups(): readonly ScheduledGroup[] {
    return this.optimizer.paramGroups as readonly ScheduledGroup[];
  }

  protected get currentLrs(): number[] {
    return this.groups.map((group) => group.lr);
  }

  /** True while a constructor makes the first step. */
  protected get isInitial(): boolean {
    return this.#initial;
  }

  /** The first step: to be called at the end of a constructor. */
  protected start(): void {
    this._initialStep();
  }

  /** @internal */
  _initialStep(): void {
    this.stepCount = 0;
    this.#initial = true;
    try {
      this.step();
    } finally {
      this.#initial = false;
    }
  }

  /** Sets the rates of the next step. */
  step(): void {
    this.stepCount++;
    this._updateLr();
  }

  /** @internal The next step, or the step `epoch`. */
  _updateLr(epoch?: number): void {
    this.lastEpoch = epoch ?? this.lastEpoch + 1;
    this.setLrs(epoch === undefined ? this.getLr() : this.closedForm());
  }

  protected setLrs(values: readonly number[]): void {
    if (values.length !== this.groups.length) {
      const message = `made for ${values.length} parameter groups, the optimizer has ${this.groups.length} now`;
      throw new ArgumentError(this.constructor.name, message, values.length);
    }
    this.groups.forEach((group, i) => {
      group.lr = values[i];
    });
    this.lastLr = this.currentLrs;
  }

  /** The rates that the last step set. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** Fields that are no state here. */
  protected get unsaved(): readonly string[] {
    return [];
  }

  #ownState(): [string, unknown][] {
    return Object.entries(this).filter(([key, value]) => typeof value !== 'function' && !this.unsaved.includes(key));
  }

  /** Everything that a later run needs to go on, but for functions. */
  stateDict(): SchedulerState {
    return structuredClone(Object.fromEntries(this.#ownState())) as SchedulerState;
  }

  /**
   * Takes over a {@link stateDict}, also one with PyTorch's names. The rates themselves stand in that of the optimizer.
   * @throws ArgumentError when a value is missing or of another kind; nothing has changed then.
   */
  loadStateDict(state: SchedulerState): void {
    const op = `${this.constructor.name}.loadStateDict`;
    checkOptions(op, state);
    const given = new Map(Object.entries(state).map(([key, value]) => [ownName(key), value]));
    const own = this.#ownState();
    for (const [key, value] of own) {
      if (!given.has(key)) throw new ArgumentError(op, `${key} is missing`, Object.keys(state));
      const other = given.get(key);
      if (!sameKind(value, other)) throw new ArgumentError(op, `${key} is ${valueText(other)}`, other);
    }
    const known = new Set([...Object.keys(this), ...FOREIGN]);
    for (const key of given.keys()) {
      if (!known.has(key)) throw new ArgumentError(op, `${key} is no state of this schedule`, key);
    }
    for (const [key] of own) Object.assign(this, { [key]: structuredClone(given.get(key)) });
  }
}
