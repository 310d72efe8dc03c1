/**
 * The `Trainer` with callbacks, metrics, progress and checkpoints. All of it stands in the package root too.
 * @packageDocumentation
 */
export type { Callback, Done, EpochLog, History, HookName, StepInfo } from './callback.js';
export * as callbacks from './callbacks/index.js';
export { type ClassWeightsOptions, classWeights } from './class-weights.js';
export type { Batches, BatchTransform } from './loop.js';
export type { FitOptions, Steppable, TrainerOptions } from './options.js';
export { Progress, type ProgressOptions, type ProgressStream, type ProgressValues } from './progress.js';
export { Trainer } from './trainer.js';
