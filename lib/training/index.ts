export type { Callback, EpochLog, History, HookName, StepInfo } from './callback.js';
export * as callbacks from './callbacks/index.js';
export { classWeights } from './class-weights.js';
export type { Batches, BatchTransform } from './loop.js';
export type { FitOptions, Steppable, TrainerOptions } from './options.js';
export { Progress, type ProgressOptions } from './progress.js';
export { Trainer } from './trainer.js';
