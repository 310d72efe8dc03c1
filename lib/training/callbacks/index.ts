/**
 * What runs beside a training: checkpoints, early stopping, logs, monitors.
 * @packageDocumentation
 */
export { Checkpoint, type CheckpointOptions } from './checkpoint.js';
export { CSVLogger } from './csv-logger.js';
export { EarlyStopping, type EarlyStoppingOptions } from './early-stopping.js';
export { GradientMonitor, type GradientMonitorOptions } from './gradient-monitor.js';
export { LearningRateSchedule, type LearningRateScheduleOptions } from './learning-rate-schedule.js';
export type { MonitorMode } from './monitor.js';
export { type ImageSource, TensorBoard, type TensorBoardOptions } from './tensorboard.js';
export { TerminateOnNaN } from './terminate-on-nan.js';
export { WeightAveraging, type WeightAveragingOptions } from './weight-averaging.js';
