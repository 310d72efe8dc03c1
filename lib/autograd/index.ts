export { type AnomalyOptions, detectAnomaly, isAnomalyEnabled, setDetectAnomaly } from './anomaly.js';
export { type CheckpointOptions, checkpoint, checkpointSequential } from './checkpoint.js';
export { type BackwardOptions, backward, type GradOptions, type GraphOptions, grad } from './engine.js';
export { CustomFunction as Function, type FunctionClass, FunctionContext } from './function.js';
export { GradFn, type HookHandle } from './hooks.js';
