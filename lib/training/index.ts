export type { Callback, EpochLog, History, HookName, StepInfo } from './callback.js';
export type { Batches, BatchTransform } from './loop.js';
export { Progress, type ProgressOptions } from './progress.js';
export { type FitOptions, type Steppable, Trainer, type TrainerOptions } from './trainer.js';
