// Schedules that move the momentum against the rate.
import { ArgumentError, valueText } from '../../errors.js';
import { checkFunction, checkOptions } from '../../tensor/check.js';
import { checkCount } from '../check.js';
import { camelCase } from '../state-dict.js';
import {
  checkOptimizer,
  checkValue,
  LRScheduler,
  perGroup,
  type ScheduledGroup,
  type ScheduledOptimizer,
  type SchedulerOptions,
  type SchedulerState,
} from './scheduler.js';

/** Options of the schedules that move the momentum. */
export interface CycleOptions extends SchedulerOptions {
  /** Moves the momentum (beta1 where there are betas) against the rate. Default true. */
  cycleMomentum?: boolean;
  /** Least momentum, for all groups or for each. Default 0.8 (CyclicLR), 0.85 (OneCycleLR). */
  baseMomentum?: number | readonly number[];
  /** Largest momentum. Default 0.9 (CyclicLR), 0.95 (OneCycleLR). */
  maxMomentum?: number | readonly number[];
}

/** Whether the momentum is beta1. */
function usesBetas(op: string, optimizer: ScheduledOptimizer): boolean {
  if ('betas' in optimizer.defaults) return true;
  if ('momentum' in optimizer.defaults) return false;
  throw new ArgumentError(op, 'optimizer must support momentum or beta1 with `cycleMomentum` enabled');
}

function setMomentum(group: ScheduledGroup, betas: boolean, value: number): void {
  if (betas) group.betas = [value, ...(group.betas as number[]).slice(1)];
  else group.momentum = value;
}

/** Notes the bounds in the groups, which begin with the largest momentum. */
function beginMomentum(
  op: string,
  optimizer: ScheduledOptimizer,
  low: number[],
  high: number[],
  begins: boolean,
): void {
  const betas = usesBetas(op, optimizer);
  if (!begins) return;
  (optimizer.paramGroups as readonly ScheduledGroup[]).forEach((group, i) => {
    setMomentum(group, betas, high[i]);
    group.maxMomentum = high[i];
    group.baseMomentum = low[i];
  });
}

/** Options of {@link CyclicLR}. */
export interface CyclicLROptions extends CycleOptions {
  /** Steps of the rising half. Default 2000. */
  stepSizeUp?: number;
  /** Steps of the falling half. Default: as many as of the rising one. */
  stepSizeDown?: number | null;
  /** A constant height, one that halves with each cycle, or one times `gamma^step`. Default `triangular`. */
  mode?: 'triangular' | 'triangular2' | 'exp_range';
  /** Default 1. */
  gamma?: number;
  /** The height instead of `mode`, as a function of the cycle (from 1) or of the step. */
  scaleFn?: ((x: number) => number) | null;
  /** What `scaleFn` is a function of. Default `cycle`. */
  scaleMode?: 'cycle' | 'iterations';
}

/**
 * The rate goes up and down between `baseLr` and `maxLr`. To be stepped after each batch.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.CyclicLR.html
 */
export class CyclicLR extends LRScheduler {
  protected readonly maxLrs: number[];
  protected readonly totalSize: number;
  protected readonly stepRatio: number;
  protected readonly mode: string;
  protected readonly gamma: number;
  protected readonly scaleMode: string;
  protected readonly cycleMomentum: boolean;
  declare protected readonly baseMomentums: number[];
  declare protected readonly maxMomentums: number[];
  readonly #scale: ((x: number) => number) | null;
  readonly #betas: boolean;

  constructor(
    optimizer: ScheduledOptimizer,
    baseLr: number | readonly number[],
    maxLr: number | readonly number[],
    options: CyclicLROptions = {},
  ) {
    const op = 'CyclicLR';
    checkOptions(op, options);
    checkOptimizer(op, optimizer);
    const baseLrs = perGroup(op, 'baseLr', optimizer, baseLr);
    const maxLrs = perGroup(op, 'maxLr', optimizer, maxLr);
    const { stepSizeUp = 2000, mode = 'triangular', gamma = 1, scaleFn = null, scaleMode = 'cycle' } = options;
    const { cycleMomentum = true, baseMomentum = 0.8, maxMomentum = 0.9, lastEpoch = -1 } = options;
    const down = options.stepSizeDown ?? stepSizeUp;
    if (!(stepSizeUp > 0 && down > 0)) {
      throw new ArgumentError(op, `step sizes must be above 0, got ${valueText(stepSizeUp)} and ${valueText(down)}`);
    }
    if (!['triangular', 'triangular2', 'exp_range'].includes(mode) && scaleFn === null) {
      throw new ArgumentError(op, `mode ${valueText(mode)} is invalid and scaleFn is null`, mode);
    }
    if (scaleFn !== null) checkFunction(op, scaleFn);
    const low = perGroup(op, 'baseMomentum', optimizer, baseMomentum);
    const high = perGroup(op, 'maxMomentum', optimizer, maxMomentum);
    const betas = cycleMomentum && usesBetas(op, optimizer);
    if (lastEpoch === -1) {
      optimizer.paramGroups.forEach((group, i) => {
        group.lr = baseLrs[i];
      });
    }
    super(optimizer, options);
    if (cycleMomentum) beginMomentum(op, optimizer, low, high, lastEpoch === -1);
    this.baseLrs = baseLrs;
    this.maxLrs = maxLrs;
    this.totalSize = stepSizeUp + down;
    this.stepRatio = stepSizeUp / this.totalSize;
    this.mode = mode;
    this.gamma = checkValue(op, 'gamma', gamma);
    this.scaleMode = scaleFn ? scaleMode : mode === 'exp_range' ? 'iterations' : 'cycle';
    this.cycleMomentum = cycleMomentum;
    if (cycleMomentum) Object.assign(this, { baseMomentums: low, maxMomentums: high });
    this.#scale = scaleFn;
    this.#betas = betas;
    this.start();
  }

  #height(x: number): number {
    if (this.#scale) return this.#scale(x);
    if (this.mode === 'triangular') return 1;
    return this.mode === 'triangular2' ? 1 / 2 ** (x - 1) : this.gamma ** x;
  }

  getLr(): number[] {
    const { lastEpoch, totalSize, stepRatio } = this;
    const cycle = Math.floor(1 + lastEpoch / totalSize);
    const x = 1 + lastEpoch / totalSize - cycle;
    const share = x <= stepRatio ? x / stepRatio : (x - 1) / (stepRatio - 1);
    const height = this.#height(this.scaleMode === 'cycle' ? cycle : lastEpoch);
    if (this.cycleMomentum) {
      this.groups.forEach((group, i) => {
        const high = this.maxMomentums[i];
        setMomentum(group, this.#betas, high - (high - this.baseMomentums[i]) * share * height);
      });
    }
    return this.baseLrs.map((lr, i) => lr + (this.maxLrs[i] - lr) * share * height);
  }
}

/** Options of {@link OneCycleLR}. */
export interface OneCycleLROptions extends CycleOptions {
  /** Number of steps; or give `epochs` and `stepsPerEpoch`. */
  totalSteps?: number | null;
  epochs?: number | null;
  stepsPerEpoch?: number | null;
  /** Share of the cycle in which the rate rises. Default 0.3. */
  pctStart?: number;
  /** Default `cos`. */
  annealStrategy?: 'cos' | 'linear';
  /** The first rate is `maxLr / divFactor`. Default 25. */
  divFactor?: number;
  /** The last rate is the first one divided by it. Default 1e4. */
  finalDivFactor?: number;
  /** Falls back to the first rate as fast as it rose, then to the last one. Default false. */
  threePhase?: boolean;
}

/** A part of the cycle: until a step, between two values of the group. */
type Phase = { endStep: number; startLr: string; endLr: string; startMomentum: string; endMomentum: string };

function phasesOf(total: number, pctStart: number, threePhase: boolean): Phase[] {
  const rate = (startLr: string, endLr: string) => ({ startLr, endLr });
  const momentum = (startMomentum: string, endMomentum: string) => ({ startMomentum, endMomentum });
  const rise = { ...rate('initialLr', 'maxLr'), ...momentum('maxMomentum', 'baseMomentum') };
  const first = { endStep: pctStart * total - 1, ...rise };
  if (!threePhase) {
    return [first, { endStep: total - 1, ...rate('maxLr', 'minLr'), ...momentum('baseMomentum', 'maxMomentum') }];
  }
  return [
    first,
    { endStep: 2 * pctStart * total - 2, ...rate('maxLr', 'initialLr'), ...momentum('baseMomentum', 'maxMomentum') },
    { endStep: total - 1, ...rate('initialLr', 'minLr'), ...momentum('maxMomentum', 'maxMomentum') },
  ];
}

function totalOf(op: string, options: OneCycleLROptions): number {
  const { totalSteps, epochs, stepsPerEpoch } = options;
  if (totalSteps !== undefined && totalSteps !== null) return checkCount(op, 'totalSteps', totalSteps);
  if (epochs === undefined || epochs === null || stepsPerEpoch === undefined || stepsPerEpoch === null) {
    throw new ArgumentError(op, 'You must define either totalSteps OR (epochs AND stepsPerEpoch)');
  }
  return checkCount(op, 'epochs', epochs) * checkCount(op, 'stepsPerEpoch', stepsPerEpoch);
}

/**
 * One cycle: up from `maxLr / divFactor` to `maxLr`, then down far below where it began. To be stepped after each batch,
 * at most `totalSteps` times.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.OneCycleLR.html
 */
export class OneCycleLR extends LRScheduler {
  protected readonly totalSteps: number;
  protected readonly schedulePhases: Phase[];
  protected readonly annealFuncType: string;
  protected readonly cycleMomentum: boolean;
  readonly #betas: boolean;

  constructor(optimizer: ScheduledOptimizer, maxLr: number | readonly number[], options: OneCycleLROptions = {}) {
    const op = 'OneCycleLR';
    checkOptions(op, options);
    checkOptimizer(op, optimizer);
    const total = totalOf(op, options);
    const { pctStart = 0.3, annealStrategy = 'cos', divFactor = 25, finalDivFactor = 1e4 } = options;
    const { cycleMomentum = true, baseMomentum = 0.85, maxMomentum = 0.95, lastEpoch = -1 } = options;
    if (!(pctStart >= 0 && pctStart <= 1)) {
      throw new ArgumentError(op, `pctStart must be between 0 and 1, got ${valueText(pctStart)}`, pctStart);
    }
    if (annealStrategy !== 'cos' && annealStrategy !== 'linear') {
      const message = `annealStrategy must be one of 'cos' or 'linear', got ${valueText(annealStrategy)}`;
      throw new ArgumentError(op, message, annealStrategy);
    }
    const maxLrs = perGroup(op, 'maxLr', optimizer, maxLr);
    const low = perGroup(op, 'baseMomentum', optimizer, baseMomentum);
    const high = perGroup(op, 'maxMomentum', optimizer, maxMomentum);
    const betas = cycleMomentum && usesBetas(op, optimizer);
    if (lastEpoch === -1) {
      (optimizer.paramGroups as readonly ScheduledGroup[]).forEach((group, i) => {
        const initialLr = maxLrs[i] / divFactor;
        Object.assign(group, { initialLr, maxLr: maxLrs[i], minLr: initialLr / finalDivFactor });
      });
    }
    super(optimizer, options);
    if (cycleMomentum) beginMomentum(op, optimizer, low, high, lastEpoch === -1);
    this.totalSteps = total;
    this.schedulePhases = phasesOf(total, pctStart, options.threePhase ?? false);
    this.annealFuncType = annealStrategy;
    this.cycleMomentum = cycleMomentum;
    this.#betas = betas;
    this.start();
  }

  /** The parts of the cycle with PyTorch's names are taken too. */
  override loadStateDict(state: SchedulerState): void {
    const phases: unknown = state?._schedule_phases;
    if (!Array.isArray(phases)) {
      super.loadStateDict(state);
      return;
    }
    const named = phases.map((phase: unknown) =>
      Object.fromEntries(
        Object.entries((phase ?? {}) as object).map(([key, value]) => [
          camelCase(key),
          typeof value === 'string' ? camelCase(value) : value,
        ]),
      ),
    );
    super.loadStateDict({ ...state, _schedule_phases: named });
  }

  #between(group: ScheduledGroup, from: string, to: string, share: number): number {
    const [start, end] = [group[from], group[to]] as [number, number];
    if (this.annealFuncType === 'linear') return (end - start) * share + start;
    return end + ((start - end) / 2) * (Math.cos(Math.PI * share) + 1);
  }

  /** @throws ArgumentError past `totalSteps`. */
  getLr(): number[] {
    const { lastEpoch, totalSteps, schedulePhases: phases } = this;
    if (lastEpoch > totalSteps) {
      const message = `Tried to step ${lastEpoch} times. The specified number of total steps is ${totalSteps}`;
      throw new ArgumentError('OneCycleLR', message, lastEpoch);
    }
    const at = phases.findIndex((phase, i) => lastEpoch <= phase.endStep || i === phases.length - 1);
    const phase = phases[at];
    const begin = at === 0 ? 0 : phases[at - 1].endStep;
    const share = (lastEpoch - begin) / (phase.endStep - begin);
    return this.groups.map((group) => {
      if (this.cycleMomentum) {
        setMomentum(group, this.#betas, this.#between(group, phase.startMomentum, phase.endMomentum, share));
      }
      return this.#between(group, phase.startLr, phase.endLr, share);
    });
  }
}
