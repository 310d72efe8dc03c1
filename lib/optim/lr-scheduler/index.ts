/**
 * PyTorch's `torch.optim.lr_scheduler`: schedules of learning rates.
 * @packageDocumentation
 */
export {
  ChainedScheduler,
  SequentialLR,
  type WarmupOptions,
  warmup,
} from './compose.js';
export {
  ConstantLR,
  type ConstantLROptions,
  CosineAnnealingLR,
  type CosineAnnealingLROptions,
  CosineAnnealingWarmRestarts,
  LinearLR,
  type LinearLROptions,
  PolynomialLR,
  type PolynomialLROptions,
  type WarmRestartsOptions,
} from './curves.js';
export { type CycleOptions, CyclicLR, type CyclicLROptions, OneCycleLR, type OneCycleLROptions } from './cycles.js';
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from './plateau.js';
export {
  LRScheduler,
  type ScheduledGroup,
  type ScheduledOptimizer,
  type SchedulerOptions,
  type SchedulerState,
} from './scheduler.js';
export {
  ExponentialLR,
  LambdaLR,
  type LrLambda,
  MultiplicativeLR,
  MultiStepLR,
  StepLR,
  type StepLROptions,
} from './steps.js';
