import { ArgumentError, valueText } from '../../errors.js';
import { checkOptions } from '../../tensor/check.js';
import { checkCount } from '../check.js';
import { checkOptimizer, checkValue, LRScheduler, perGroup, type ScheduledOptimizer } from './scheduler.js';

/** Options of {@link ReduceLROnPlateau}. */
export interface ReduceLROnPlateauOptions {
  /** Whether lower (`min`) or higher values are better. Default `min`. */
  mode?: 'min' | 'max';
  /** Below 1. Default 0.1. */
  factor?: number;
  /** Steps without progress that are waited for. Default 10. */
  patience?: number;
  /** What counts as progress. Default 1e-4. */
  threshold?: number;
  /** Whether `threshold` is a share of the best value or a difference from it. Default `rel`. */
  thresholdMode?: 'rel' | 'abs';
  /** Steps after a reduction that do not count. Default 0. */
  cooldown?: number;
  /** Least rate, for all groups or for each. Default 0. */
  minLr?: number | readonly number[];
  /** Smaller changes are left out. Default 1e-8. */
  eps?: number;
}

/**
 * Multiplies the rates by `factor` when a value, given to `step(value)`, has not got better for `patience` steps.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
 */
export class ReduceLROnPlateau extends LRScheduler {
  protected readonly mode: string;
  protected readonly factor: number;
  protected readonly patience: number;
  protected readonly threshold: number;
  protected readonly thresholdMode: string;
  protected readonly cooldown: number;
  protected minLrs: number[];
  protected readonly defaultMinLr: number | null;
  protected readonly eps: number;
  /** The best value so far; null before the first one. */
  best: number | null = null;
  cooldownCounter = 0;
  numBadEpochs = 0;

  constructor(optimizer: ScheduledOptimizer, options: ReduceLROnPlateauOptions = {}) {
    const op = 'ReduceLROnPlateau';
    checkOptions(op, options);
    checkOptimizer(op, optimizer);
    const { mode = 'min', factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = 'rel' } = options;
    const { cooldown = 0, minLr = 0, eps = 1e-8 } = options;
    if (!(factor < 1)) throw new ArgumentError(op, `Factor should be < 1.0, got ${valueText(factor)}`, factor);
    if (mode !== 'min' && mode !== 'max') throw new ArgumentError(op, `mode ${valueText(mode)} is unknown`, mode);
    if (thresholdMode !== 'rel' && thresholdMode !== 'abs') {
      throw new ArgumentError(op, `threshold mode ${valueText(thresholdMode)} is unknown`, thresholdMode);
    }
    const before = optimizer.paramGroups.map((group) => 'initialLr' in group);
    super(optimizer);
    // This schedule has no rates to come back to; the next one shall take those that it finds.
    this.groups.forEach((group, i) => {
      if (!before[i]) delete group.initialLr;
    });
    this.mode = mode;
    this.factor = factor;
    this.patience = checkCount(op, 'patience', patience, 0);
    this.threshold = checkValue(op, 'threshold', threshold);
    this.thresholdMode = thresholdMode;
    this.cooldown = checkCount(op, 'cooldown', cooldown, 0);
    this.minLrs = perGroup(op, 'minLr', optimizer, minLr);
    this.defaultMinLr = typeof minLr === 'number' ? minLr : null;
    this.eps = checkValue(op, 'eps', eps);
    this.lastEpoch = 0;
    this.lastLr = this.currentLrs;
  }

  protected override get unsaved(): readonly string[] {
    return ['baseLrs', 'stepCount'];
  }

  #isBetter(value: number): boolean {
    const { best, threshold } = this;
    if (this.mode === 'min') {
      if (best === null) return value < Number.POSITIVE_INFINITY;
      return value < (this.thresholdMode === 'rel' ? best * (1 - threshold) : best - threshold);
    }
    if (best === null) return value > Number.NEGATIVE_INFINITY;
    return value > (this.thresholdMode === 'rel' ? best * (threshold + 1) : best + threshold);
  }

  /** Takes the value of an epoch: a number, such as `await loss.item()`. */
  override step(value?: number): void {
    if (typeof value !== 'number') {
      throw new ArgumentError('ReduceLROnPlateau', `step needs a number, got ${valueText(value)}`, value);
    }
    this.lastEpoch++;
    if (this.#isBetter(value)) {
      this.best = value;
      this.numBadEpochs = 0;
    } else {
      this.numBadEpochs++;
    }
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.patience) {
      this.#reduce();
      this.cooldownCounter = this.cooldown;
      this.numBadEpochs = 0;
    }
    this.lastLr = this.currentLrs;
  }

  #reduce(): void {
    const { groups } = this;
    if (groups.length !== this.minLrs.length) {
      if (this.defaultMinLr === null) {
        const message = `minLr has ${this.minLrs.length} values, the optimizer ${groups.length} parameter groups now`;
        throw new ArgumentError('ReduceLROnPlateau', message, this.minLrs);
      }
      this.minLrs = Array<number>(groups.length).fill(this.defaultMinLr);
    }
    groups.forEach((group, i) => {
      const next = Math.max(group.lr * this.factor, this.minLrs[i]);
      if (group.lr - next > this.eps) group.lr = next;
    });
  }

  getLr(): number[] {
    return this.currentLrs;
  }
}
