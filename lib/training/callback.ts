import type { Trainer } from './trainer.js';

/** Numbers of one epoch: `loss`, the metrics, and with validation `valLoss`, `valAccuracy`, … */
export interface EpochLog {
  /** Counted from 1. */
  epoch: number;
  loss: number;
  /** Wall time of the training part. */
  seconds: number;
  samplesPerSecond: number;
  [name: string]: number;
}

/** What {@link Trainer.fit} returns. */
export interface History {
  epochs: EpochLog[];
}

/** Hooks into {@link Trainer.fit}. Each may be async; training waits for it. */
export interface Callback {
  onFitStart?(trainer: Trainer): void | Promise<void>;
  onEpochStart?(epoch: number, trainer: Trainer): void | Promise<void>;
  /** After the batch was queued; `loss` is the newest loss that has been read. */
  onBatchEnd?(batch: number, loss: number | undefined, trainer: Trainer): void | Promise<void>;
  onEpochEnd?(log: EpochLog, trainer: Trainer): void | Promise<void>;
  onFitEnd?(history: History, trainer: Trainer): void | Promise<void>;
}
