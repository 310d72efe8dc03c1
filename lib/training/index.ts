export type { Callback, EpochLog, History, HookName, StepInfo } from './callback.js';
export * as callbacks from './callbacks/index.js';
export { classWeights } from './class-weights.js';
export type { Batches, BatchTransform } from './loop.js';
export type { FitOptions, Steppable, TrainerOptions } from './options.js';
export { Progress, type ProgressOptions } from './progress.js';
export { type ImageSource, TensorBoard, type TensorBoardOptions } from './tensorboard.js';
export { type FitOptions, type Steppable, Trainer, Trainer, type TrainerOptions } from './trainer.js';
