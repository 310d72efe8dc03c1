import type { StateTree } from '../../data/state.js';
import { ownCopy } from '../../ops/optim/flat-step.js';
import { checkOptions } from '../../tensor/check.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Callback, EpochLog, History } from '../callback.js';
import type { Trainer } from '../trainer.js';
import { checkCount, checkMode, checkName, checkNumber, isBetter, type MonitorMode, monitored } from './monitor.js';

/** Options of {@link EarlyStopping}. */
export interface EarlyStoppingOptions {
  /** The value of the epoch log to watch. Default `valLoss`. */
  monitor?: string;
  /** Default `min`. */
  mode?: MonitorMode;
  /** Epochs in a row without progress after which training ends; 0 is as good as 1. Default 0. */
  patience?: number;
  /** Less is no progress. Default 0. */
  minDelta?: number;
  /** Puts the weights of the best epoch back when training ends. Default false. */
  restoreBest?: boolean;
  /** Epochs before this one do not count. Default 1. */
  startEpoch?: number;
  /** The first value must be better than this. Default: none. */
  baseline?: number;
}

/**
 * Ends training when a value has got no better for `patience` epochs in a row.
 *
 * @example
 * const stopping = new callbacks.EarlyStopping({ monitor: 'valLoss', patience: 5, restoreBest: true });
 *
 * @throws ArgumentError for options out of range; in `fit`, before the first epoch, when there is no such value.
 * Source: https://keras.io/api/callbacks/early_stopping/
 */
export class EarlyStopping implements Callback {
  readonly monitor: string;
  readonly mode: MonitorMode;
  /** The best value so far; null before the first one. */
  best: number | null = null;
  /** The epoch of the best value, counted from 1. */
  bestEpoch = 0;
  /** Epochs without progress. */
  wait = 0;
  /** The epoch in which training was ended. */
  stoppedEpoch: number | null = null;
  private readonly options: Required<Omit<EarlyStoppingOptions, 'baseline' | 'monitor' | 'mode'>>;
  private readonly baseline: number | null;
  private weights: Record<string, Tensor> | null = null;

  constructor(options: EarlyStoppingOptions = {}) {
    const op = 'EarlyStopping';
    checkOptions(op, options);
    const { monitor = 'valLoss', mode = 'min', patience = 0, minDelta = 0, restoreBest = false } = options;
    const { startEpoch = 1, baseline } = options;
    this.monitor = checkName(op, monitor);
    this.mode = checkMode(op, mode);
    this.options = {
      patience: checkCount(op, 'patience', patience, 0),
      minDelta: checkNumber(op, 'minDelta', minDelta),
      startEpoch: checkCount(op, 'startEpoch', startEpoch, 1),
      restoreBest,
    };
    this.baseline = baseline === undefined ? null : checkNumber(op, 'baseline', baseline, Number.NEGATIVE_INFINITY);
    this.best = this.baseline;
  }

  onFitStart(trainer: Trainer): void {
    trainer.checkMonitor('EarlyStopping', this.monitor);
    if (trainer.isResuming) return;
    this.best = this.baseline;
    this.bestEpoch = 0;
    this.wait = 0;
    this.stoppedEpoch = null;
    this.forget();
  }

  onEpochEnd(log: EpochLog, trainer: Trainer): void {
    const value = monitored('EarlyStopping', log, this.monitor);
    const { patience, minDelta, startEpoch, restoreBest } = this.options;
    if (log.epoch < startEpoch) return;
    if (isBetter(this.mode, value, this.best, minDelta)) {
      this.best = value;
      this.bestEpoch = log.epoch;
      this.wait = 0;
      if (restoreBest) this.keepWeights(trainer.model.stateDict({ keepVars: true }));
      return;
    }
    this.wait++;
    if (this.wait < patience) return;
    this.stoppedEpoch = log.epoch;
    trainer.stop();
  }

  onFitEnd(_: History, trainer: Trainer): void {
    if (this.weights === null) return;
    trainer.model.loadStateDict(this.weights);
    this.forget();
  }

  stateDict(): StateTree {
    const { best, bestEpoch, wait, stoppedEpoch, weights } = this;
    return { best, bestEpoch, wait, stoppedEpoch, weights };
  }

  loadStateDict(state: StateTree): void {
    const { best, bestEpoch, wait, stoppedEpoch, weights } = state as unknown as EarlyStoppingState;
    Object.assign(this, { best, bestEpoch, wait, stoppedEpoch });
    this.keepWeights(weights);
  }

  private keepWeights(state: Record<string, Tensor> | null): void {
    const copies = Object.entries(state ?? {}).map(([name, value]) => [name, ownCopy(value, value.dtype)] as const);
    this.forget();
    if (state !== null) this.weights = Object.fromEntries(copies);
  }

  private forget(): void {
    for (const weight of Object.values(this.weights ?? {})) weight.dispose();
    this.weights = null;
  }
}

interface EarlyStoppingState {
  best: number | null;
  bestEpoch: number;
  wait: number;
  stoppedEpoch: number | null;
  weights: Record<string, Tensor> | null;
}
