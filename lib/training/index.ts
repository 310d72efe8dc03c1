export type { Callback, EpochLog, History } from './callback.js';
export { Progress, type ProgressOptions } from './progress.js';
export { type Batches, type FitOptions, type Steppable, Trainer, type TrainerOptions } from './trainer.js';
