// Schedules that follow a curve over a given number of steps.
import { ArgumentError, valueText } from '../../errors.js';
import { checkCount } from '../check.js';
import { checkValue, LRScheduler, type ScheduledOptimizer, type SchedulerOptions } from './scheduler.js';

/** Options of {@link ConstantLR}. */
export interface ConstantLROptions extends SchedulerOptions {
  /** In [0, 1]. Default 1/3. */
  factor?: number;
  /** Default 5. */
  totalIters?: number;
}

/**
 * `factor` times the rates until `totalIters` steps are made.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.ConstantLR.html
 */
export class ConstantLR extends LRScheduler {
  protected readonly factor: number;
  protected readonly totalIters: number;

  constructor(optimizer: ScheduledOptimizer, options: ConstantLROptions = {}) {
    super(optimizer, options);
    const { factor = 1 / 3, totalIters = 5 } = options;
    if (!(factor >= 0 && factor <= 1)) {
      const message = `Constant multiplicative factor expected to be between 0 and 1, got ${valueText(factor)}`;
      throw new ArgumentError('ConstantLR', message, factor);
    }
    this.factor = factor;
    this.totalIters = checkCount('ConstantLR', 'totalIters', totalIters, 0);
    this.start();
  }

  getLr(): number[] {
    if (this.lastEpoch === 0) return this.currentLrs.map((lr) => lr * this.factor);
    if (this.lastEpoch !== this.totalIters) return this.currentLrs;
    return this.currentLrs.map((lr) => lr * (1 / this.factor));
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * (this.lastEpoch >= this.totalIters ? 1 : this.factor));
  }
}

/** Options of {@link LinearLR}. */
export interface LinearLROptions extends SchedulerOptions {
  /** In (0, 1]. Default 1/3. */
  startFactor?: number;
  /** In [0, 1]. Default 1. */
  endFactor?: number;
  /** Default 5. */
  totalIters?: number;
}

/**
 * A factor that goes from `startFactor` to `endFactor` in `totalIters` equal steps: a warm-up.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.LinearLR.html
 */
export class LinearLR extends LRScheduler {
  protected readonly startFactor: number;
  protected readonly endFactor: number;
  protected readonly totalIters: number;

  constructor(optimizer: ScheduledOptimizer, options: LinearLROptions = {}) {
    super(optimizer, options);
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = options;
    if (!(startFactor > 0 && startFactor <= 1)) {
      const message = `Starting multiplicative factor expected to be greater than 0 and less or equal to 1, got ${valueText(startFactor)}`;
      throw new ArgumentError('LinearLR', message, startFactor);
    }
    if (!(endFactor >= 0 && endFactor <= 1)) {
      const message = `Ending multiplicative factor expected to be between 0 and 1, got ${valueText(endFactor)}`;
      throw new ArgumentError('LinearLR', message, endFactor);
    }
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = checkCount('LinearLR', 'totalIters', totalIters);
    this.start();
  }

  getLr(): number[] {
    const { lastEpoch, startFactor, totalIters } = this;
    if (lastEpoch === 0) return this.currentLrs.map((lr) => lr * startFactor);
    if (this.isInitial || lastEpoch > totalIters) return this.currentLrs;
    const rise = this.endFactor - startFactor;
    return this.currentLrs.map((lr) => lr * (1 + rise / (totalIters * startFactor + (lastEpoch - 1) * rise)));
  }

  protected override closedForm(): number[] {
    const done = Math.min(this.totalIters, this.lastEpoch);
    const factor = this.startFactor + ((this.endFactor - this.startFactor) * done) / this.totalIters;
    return this.baseLrs.map((lr) => lr * factor);
  }
}

/** Options of {@link PolynomialLR}. */
export interface PolynomialLROptions extends SchedulerOptions {
  /** Default 5. */
  totalIters?: number;
  /** Default 1. */
  power?: number;
}

/**
 * `(1 - step / totalIters)^power` times the rates, and 0 behind.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.PolynomialLR.html
 */
export class PolynomialLR extends LRScheduler {
  protected readonly totalIters: number;
  protected readonly power: number;

  constructor(optimizer: ScheduledOptimizer, options: PolynomialLROptions = {}) {
    super(optimizer, options);
    const { totalIters = 5, power = 1 } = options;
    this.totalIters = checkCount('PolynomialLR', 'totalIters', totalIters);
    this.power = checkValue('PolynomialLR', 'power', power);
    this.start();
  }

  getLr(): number[] {
    const { lastEpoch, totalIters } = this;
    if (this.isInitial || lastEpoch > totalIters) return this.currentLrs;
    const factor = ((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters)) ** this.power;
    return this.currentLrs.map((lr) => lr * factor);
  }

  protected override closedForm(): number[] {
    const left = 1 - Math.min(this.totalIters, this.lastEpoch) / this.totalIters;
    return this.baseLrs.map((lr) => lr * left ** this.power);
  }
}

/** Options of {@link CosineAnnealingLR}. */
export interface CosineAnnealingLROptions extends SchedulerOptions {
  /** The least rate. Default 0. */
  etaMin?: number;
}

/**
 * Half a cosine from the initial rate down to `etaMin` in `tMax` steps, and up again behind.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html
 */
export class CosineAnnealingLR extends LRScheduler {
  protected readonly tMax: number;
  protected readonly etaMin: number;

  constructor(optimizer: ScheduledOptimizer, tMax: number, options: CosineAnnealingLROptions = {}) {
    super(optimizer, options);
    this.tMax = checkCount('CosineAnnealingLR', 'tMax', tMax);
    this.etaMin = checkValue('CosineAnnealingLR', 'etaMin', options.etaMin ?? 0);
    this.start();
  }

  getLr(): number[] {
    const { lastEpoch, tMax, etaMin } = this;
    if (this.isInitial) return this.currentLrs;
    if (this.stepCount === 1 && lastEpoch > 0) return this.closedForm();
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0) {
      return this.currentLrs.map((lr, i) => lr + ((this.baseLrs[i] - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2);
    }
    const factor = (1 + Math.cos((Math.PI * lastEpoch) / tMax)) / (1 + Math.cos((Math.PI * (lastEpoch - 1)) / tMax));
    return this.currentLrs.map((lr) => factor * (lr - etaMin) + etaMin);
  }

  protected override closedForm(): number[] {
    const { etaMin } = this;
    const share = (1 + Math.cos((Math.PI * this.lastEpoch) / this.tMax)) / 2;
    return this.baseLrs.map((lr) => etaMin + (lr - etaMin) * share);
  }
}

/** Options of {@link CosineAnnealingWarmRestarts}. */
export interface WarmRestartsOptions extends CosineAnnealingLROptions {
  /** How many times longer each run is than the one before. Default 1. */
  tMult?: number;
}

/**
 * Half a cosine from the initial rate to `etaMin` in `t0` steps, again and again.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  protected readonly t0: number;
  protected tI: number;
  protected readonly tMult: number;
  protected readonly etaMin: number;
  protected tCur: number;

  constructor(optimizer: ScheduledOptimizer, t0: number, options: WarmRestartsOptions = {}) {
    super(optimizer, options);
    const op = 'CosineAnnealingWarmRestarts';
    this.t0 = this.tI = checkCount(op, 't0', t0);
    this.tMult = checkCount(op, 'tMult', options.tMult ?? 1);
    this.etaMin = checkValue(op, 'etaMin', options.etaMin ?? 0);
    this.tCur = this.lastEpoch;
    this.start();
  }

  getLr(): number[] {
    const { etaMin } = this;
    const share = (1 + Math.cos((Math.PI * this.tCur) / this.tI)) / 2;
    return this.baseLrs.map((lr) => etaMin + (lr - etaMin) * share);
  }

  /** The next step; `epoch` sets it, and may be a fraction: `step(epoch + batch / batches)`. */
  override step(epoch?: number): void {
    let at = epoch;
    if (at === undefined && this.lastEpoch < 0) at = 0;
    if (at === undefined) {
      at = this.lastEpoch + 1;
      this.tCur++;
      if (this.tCur >= this.tI) {
        this.tCur %= this.tI;
        this.tI *= this.tMult;
      }
    } else {
      if (!(at >= 0)) throw new ArgumentError('step', `epoch must not be negative, got ${valueText(at)}`, at);
      this.#moveTo(at);
    }
    this.lastEpoch = Math.floor(at);
    this.setLrs(this.getLr());
  }

  #moveTo(epoch: number): void {
    const { t0, tMult } = this;
    this.tI = t0;
    this.tCur = epoch;
    if (epoch < t0) return;
    if (tMult === 1) {
      this.tCur = epoch % t0;
      return;
    }
    const runs = Math.trunc(Math.log((epoch / t0) * (tMult - 1) + 1) / Math.log(tMult));
    this.tCur = epoch - (t0 * (tMult ** runs - 1)) / (tMult - 1);
    this.tI = t0 * tMult ** runs;
  }
}
