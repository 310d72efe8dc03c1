/**
 * Answering requests: single predictions that are gathered and run as one batch.
 * @packageDocumentation
 */
export type { Prediction } from './batch.js';
export { MicroBatcher, type MicroBatcherStats, type Served } from './micro-batcher.js';
export type { MicroBatcherOptions, Sample } from './options.js';
