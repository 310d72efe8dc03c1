export { type AnomalyOptions, detectAnomaly, isAnomalyEnabled, setDetectAnomaly } from './anomaly.js';
export { type CheckpointOptions, checkpoint, checkpointSequential } from './checkpoint.js';
export { type BackwardOptions, backward, type GradOptions, type GraphOptions, grad } from './engine.js';
export { CustomFunction as Function, type FunctionClass, FunctionContext } from './function.js';
export * as functional from './functional.js';
export {
  type Checked,
  GradcheckError,
  type GradcheckOptions,
  type GradgradcheckOptions,
  gradcheck,
  gradgradcheck,
} from './gradcheck.js';
export { GradFn, type HookHandle } from './hooks.js';
